"""What SQL and spreadsheets ask beyond single calls: proposed by the families of such forms, as code that gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import columns, ops
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.ops import join, relational, spreading
from mlsys4sys.autopandas.table import Codebook, same

STOCK = pd.DataFrame({"shop": list("aabbcd"), "item": ["x", "y", "x", "z", "x", "y"], "n": [3, 1, 4, 1, 5, 9]})
LIST = pd.DataFrame({"item": ["x", "y"], "kind": ["p", "q"]})
TALKS = pd.DataFrame(
    {
        "day": ["Tue", "Mon", "Mon", "Tue", "Mon"],
        "room": ["A", "A", "B", "A", "A"],
        "who": ["Vi", "Bo", "Cy", "Al", "Di"],
        "hours": [2, 1, 3, 4, 2],
    }
)
RECORDS = pd.DataFrame({"f": ["id", "hue", "id", "id", "hue"], "v": ["1", "red", "2", "3", "tan"]})

FORMS: dict[str, tuple[Any, list[Any], str]] = {
    "latest": (
        relational,
        [
            pd.DataFrame({"no": [7, 8, 9], "by": ["u", "v", "w"]}),
            pd.DataFrame(
                {
                    "no": [8, 7, 8, 7],
                    "at": pd.to_datetime(["2024-03-02", "2024-01-05", "2024-02-01", "2024-04-01"]),
                    "state": ["sent", "paid", "open", "lost"],
                }
            ),
        ],
        "a.merge(b.sort_values('at').drop_duplicates('no', keep='last'), on='no', how='left')",
    ),
    "largest": (relational, [LIST, STOCK], "a.merge(b.sort_values('n', ascending=False).drop_duplicates('item'))"),
    "division": (
        relational,
        [STOCK, LIST],
        "a.groupby('shop').filter(lambda g: b['item'].isin(g['item']).all())[['shop']].drop_duplicates()",
    ),
    "except": (
        join,
        [STOCK, STOCK.iloc[[1, 4]]],
        "a[~a.apply(tuple, axis=1).isin(b.apply(tuple, axis=1))].reset_index(drop=True)",
    ),
    "flags": (spreading, [TALKS], "pd.crosstab(a['day'], a['room']).gt(0).astype(int).reset_index()"),
    "joined": (
        spreading,
        [TALKS],
        "a.pivot_table(index='day', columns='room', values='who', aggfunc='; '.join, fill_value='-').reset_index()",
    ),
    "shares": (
        spreading,
        [TALKS],
        (
            "a.pivot_table(index='day', columns='room', values='hours', aggfunc='sum', fill_value=0)"
            ".pipe(lambda t: t.div(t.sum(axis=1), axis=0)).round(2).reset_index()"
        ),
    ),
    "ranked": (
        spreading,
        [TALKS],
        (
            "a.sort_values('hours', ascending=False).assign(n=lambda d: d.groupby('day').cumcount() + 1)"
            ".pivot(index='day', columns='n', values='who').add_prefix('no').reset_index()"
        ),
    ),
    "ragged": (spreading, [TALKS], "pd.DataFrame({k: g.reset_index(drop=True) for k, g in a.groupby('day')['who']})"),
    "records": (
        spreading,
        [RECORDS],
        (
            "a.assign(n=(a['f'] == 'id').cumsum()).pivot(index='n', columns='f', values='v').reset_index(drop=True)"
            "[['id', 'hue']]"
        ),
    ),
    "blocks": (
        spreading,
        [pd.DataFrame({"line": list("uvwxyz")})],
        "pd.DataFrame(a['line'].to_numpy().reshape(-1, 3), columns=['p', 'q', 'r'])",
    ),
}


def made(inputs: list[Any], code: str) -> Any:
    return eval(code, {"pd": pd, "np": np, **dict(zip("ab", inputs, strict=False))})


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_proposed_as_code_that_gives_it(name: str) -> None:
    family, inputs, code = FORMS[name]
    book = Codebook()
    memo, goal = Memo(tuple(inputs), book), Goal.of(made(inputs, code), book)
    first, *others = [memo.table(source(i)) for i in range(len(inputs))]
    given = []
    for expr in family.proposals(first, goal, others, last=True):
        try:
            closed = [memo.table(expr)]
            closed.append(memo.table(ops.step(expr, ".reset_index(drop=True)", op="reset_index")))
        except Failed:
            continue
        given += [table.expr.text for table in closed if same(table, goal, rtol=1e-9)]
    assert given, name


def test_where_the_cells_are_others_nothing_is_proposed() -> None:
    for family, inputs, code in FORMS.values():
        if family is join:
            continue
        wanted = made(inputs, code)
        wanted = wanted.astype({wanted.columns[-1]: object})
        wanted.iloc[0, -1] = "nothing" if isinstance(wanted.iloc[0, -1], str) else 7
        book = Codebook()
        memo = Memo(tuple(inputs), book)
        first, *others = [memo.table(source(i)) for i in range(len(inputs))]
        assert not list(family.proposals(first, Goal.of(wanted, book), others, last=True)), code


def test_pairs_in_ranges_start_from_a_cross_join() -> None:
    marks = pd.DataFrame({"pupil": ["a", "b", "c"], "mark": [55, 91, 70]})
    bands = pd.DataFrame({"grade": ["C", "B", "A"], "low": [50, 65, 90], "high": [64, 89, 100]})
    book = Codebook()
    memo = Memo((marks, bands), book)
    tables = [memo.table(source(i)) for i in range(2)]
    crossed = marks.merge(bands, how="cross")
    goal = Goal.of(crossed[crossed["mark"].between(crossed["low"], crossed["high"])][["pupil", "grade"]], book)
    assert any("how='cross'" in expr.text for expr in ops.prepared(tables[0], goal, tables[1:]))


def test_keys_with_several_rows_are_kept_before_they_are_grouped() -> None:
    kept = STOCK[STOCK.duplicated("shop", keep=False)]
    book = Codebook()
    table = Memo((STOCK,), book).table(source(0))
    goal = Goal.of(kept.groupby("shop", as_index=False)["n"].sum(), book)
    assert any("duplicated('shop', keep=False)" in expr.text for expr in ops.filtered(table, goal))


def test_a_cell_is_counted_in_another_column() -> None:
    people = pd.DataFrame({"who": ["u", "v", "w", "x"], "boss": [None, "u", "u", "v"]})
    book = Codebook()
    table = Memo((people,), book).table(source(0))
    wanted = Goal.of(people["who"].map(people["boss"].value_counts()).fillna(0).astype(int), book).columns[0]
    assert any("value_counts" in expr.text for expr in columns.synthesize(table, wanted))
