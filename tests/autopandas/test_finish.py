"""The finisher closes gaps of rows, columns and index labels; whatever it finds gives the goal."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas.expression import evaluate, program, source
from mlsys4sys.autopandas.finish import Finisher, retyped
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.table import Codebook, Table, same

PROGRAMS = [
    "df.sort_values('n')",
    "df.sort_values(['k', 'n'], ascending=[True, False])",
    "df.sort_values('x', ascending=False).reset_index(drop=True)",
    "df.dropna()",
    "df.dropna(subset=['m'])",
    "df.drop_duplicates('k')",
    "df.drop_duplicates('k', keep='last')",
    "df.head(2)",
    "df.tail(2).reset_index(drop=True)",
    "df.iloc[1:]",
    "df.iloc[::-1]",
    "df[['x', 'k']]",
    "df.drop(columns='n')",
    "df.rename(columns={'k': 'key', 'n': 'count'})",
    "df.rename(columns=str.upper)",
    "df.add_prefix('old_')",
    "df.select_dtypes('number')",
    "df.set_index('n')",
    "df.set_index(['k', 'n'])",
    "df.sort_values('n', ascending=False)[['n', 'k']].rename(columns={'n': 'top'})",
    "df.sort_values('x', ascending=False).drop_duplicates('k')",
    "df.sort_values('n')['k']",
    "df['n'].tolist()",
    "df['k'].unique().tolist()",
    "df.columns.tolist()",
    "df.loc[df.index.repeat(2)]",
]


@st.composite
def frames(draw):
    """Rows with unique numbers, repeated keys and missing values, so that programs differ."""
    rows = draw(st.integers(4, 9))
    order = draw(st.permutations(range(rows)))
    keys = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=rows, max_size=rows))
    holes = draw(st.lists(st.sampled_from([1.5, 2.5, None]), min_size=rows, max_size=rows))
    return pd.DataFrame(
        {"k": keys, "n": [i * 7 + 3 for i in order], "m": holes, "x": np.linspace(0.5, 9.5, rows)[::-1]}
    )


def finished(frame, wanted, most=40):
    book = Codebook()
    memo = Memo((frame,), book)
    goal = Goal.of(wanted, book)
    nothing = lambda *_, **__: []  # noqa: E731
    finisher = Finisher(memo=memo, synthesize=nothing, masks=nothing, scalars=nothing, partly=nothing)
    exprs = list(itertools.islice(finisher.light(memo.table(source(0)), goal), most))
    good = []
    for expr in exprs:
        try:
            if same(memo.table(expr), goal):
                good.append(expr)
        except Failed:
            continue
    return good, book


@pytest.mark.parametrize("code", PROGRAMS)
@given(frame=frames())
@settings(max_examples=12, deadline=None)
def test_what_one_step_makes_is_found_and_runs_as_printed(code, frame):
    wanted = evaluate(code, {"df": frame})
    good, book = finished(frame, wanted)
    assert good, code
    for expr in good[:5]:
        got = evaluate(program(expr, ["df"]), {"df": frame.copy()})
        assert same(Table(got, expr, book), Table(wanted, expr, book))


def test_a_second_key_that_orders_ties_may_be_meant():
    frame = pd.DataFrame({"k": ["b", "a", "b", "a"], "n": [1, 2, 3, 4]})
    good, _ = finished(frame, frame.sort_values(["k", "n"]))
    assert {"inp0.sort_values('k')", "inp0.sort_values(['k', 'n'])"} <= {expr.text for expr in good}


def test_types_are_mended_where_cells_are_equal():
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    wanted = frame.astype({"a": "float64"})
    assert retyped(source(0), frame, wanted).text == "inp0.astype({'a': 'float64'})"
    assert retyped(source(0), frame, frame) is None


def test_nothing_is_found_where_nothing_fits():
    frame = pd.DataFrame({"a": [1, 2]})
    assert finished(frame, pd.DataFrame({"a": [5, 6, 7]}))[0] == []
