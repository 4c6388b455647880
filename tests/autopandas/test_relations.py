"""What SQL and spreadsheets ask beyond single calls: proposed by the families of such forms, as code that gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import align, columns, ops, synthesize
from mlsys4sys.autopandas.expression import evaluate, source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.ops import gathering, join, relational, spreading
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


GATHERED = {
    "lists": (
        pd.DataFrame({"id": [1, 2], "part": ["a;b", "c"], "n": ["3;4", "5"]}),
        (
            "a.assign(part=a['part'].str.split(';'), n=a['n'].str.split(';')).explode(['part', 'n'], ignore_index=True)"
            ".astype({'n': int})"
        ),
    ),
    "headings": (
        pd.DataFrame({"line": ["Fruit", "fig", "kiwi", "Nuts", "pecan"], "cost": [np.nan, 2.0, 3.0, np.nan, 5.0]}),
        "a.assign(kind=a['line'].where(a['cost'].isna()).ffill()).dropna(subset='cost').reset_index(drop=True)",
    ),
    "subtotals": (
        pd.DataFrame({"team": list("aabb"), "name": list("pqrs"), "points": [3, 4, 1, 1]}),
        (
            "pd.concat([a, a.groupby('team', as_index=False)['points'].sum().assign(name='all')])"
            ".sort_values('team', kind='stable', ignore_index=True)"
        ),
    ),
    "groups of columns": (
        pd.DataFrame({"round": [1, 2, 3], "white": list("abc"), "black": list("bcd")}),
        (
            "pd.concat([a[['round', 'white']].set_axis(['round', 'player'], axis=1).assign(side='W'), "
            "a[['round', 'black']].set_axis(['round', 'player'], axis=1).assign(side='B')], ignore_index=True)"
        ),
    ),
    "labels cut": (
        pd.DataFrame({"land": ["X", "Y"], "m014": [1, 2], "m1524": [3, 4], "f014": [5, 6], "f1524": [7, 8]}),
        (
            "a.melt(id_vars='land', value_name='n').assign(sex=lambda d: d['variable'].str[:1], "
            "age=lambda d: d['variable'].str[1:])[['land', 'sex', 'age', 'n']]"
        ),
    ),
}


@pytest.mark.parametrize("name", GATHERED)
def test_rows_under_rows(name: str) -> None:
    table, code = GATHERED[name]
    book = Codebook()
    memo = Memo((table,), book)
    goal = Goal.of(made([table], code), book)
    found = [memo.table(expr) for expr in gathering.proposals(memo.table(source(0)), goal, (), last=True)]
    assert any(same(one, goal, rtol=1e-9) for one in found)


TWO = pd.DataFrame({"id": [2, 3, 4], "x": [5.0, 6.5, 8.0]})


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ([TWO, TWO.assign(x=[1.0, 2.0, 6.0])], "(a - b.mean()) / b.std()"),
        ([TWO, pd.DataFrame({"id": [9, 4], "x": [1.0, 0.5]})], "a.set_index('id').combine_first(b.set_index('id'))"),
        ([TWO, TWO.iloc[:2] * 10], "pd.concat([a.assign(src='new'), b.assign(src='old')], ignore_index=True)"),
        (
            [
                pd.DataFrame({"t": pd.to_datetime(["2024-02-03", "2024-01-05"]), "n": [1, 2]}),
                pd.DataFrame({"t": pd.to_datetime(["2024-01-01", "2024-02-01"]), "rate": [1.5, 1.6]}),
            ],
            "pd.merge_asof(a.sort_values('t'), b, on='t')",
        ),
    ],
)
def test_one_table_by_another(inputs: list[Any], code: str) -> None:
    book = Codebook()
    memo, goal = Memo(tuple(inputs), book), Goal.of(made(inputs, code), book)
    tables = [memo.table(source(i)) for i in range(2)]
    found = [expr for family in (join, relational) for expr in family.proposals(tables[0], goal, tables[1:], last=True)]
    assert any(same(memo.table(expr), goal, rtol=1e-9) for expr in found if _runs(memo, expr))


def _runs(memo: Memo, expr: Any) -> bool:
    try:
        memo.table(expr)
    except Failed:
        return False
    return True


@pytest.mark.parametrize(
    "code",
    [
        "a.assign(long=a['word'].str.len()).sort_values('long', ascending=False)",
        "a.assign(word=a['word'].str.strip().str.title()).drop_duplicates(ignore_index=True)",
    ],
)
def test_new_columns_before_rows_are_sorted_or_dropped(code: str) -> None:
    words = pd.DataFrame({"word": ["fig ", "Fig", "apricot", "kiwis", "APRICOT "], "n": [1, 1, 2, 3, 2]})
    found = synthesize([words], made([words], code), names=["a"], budget_s=20)
    other = pd.DataFrame({"word": ["pear", " lemons", "PEAR", "Lemons"], "n": [4, 5, 4, 5]})
    wanted = made([other], code)
    assert any(wanted.equals(quietly(program, other)) for program in found.programs[:5])


def quietly(program: Any, table: pd.DataFrame) -> Any:
    try:
        return program(table)
    except (ValueError, KeyError, TypeError):
        return None


def test_rows_in_an_order_of_their_own() -> None:
    risks = pd.DataFrame({"risk": ["high", "low", "mid", "low", "high"], "n": [4, 9, 1, 6, 3]})
    book = Codebook()
    table = Memo((risks,), book).table(source(0))
    texts = [expr.text for expr in align.row_picks(table, np.array([1, 3, 2, 0, 4]))]
    assert "inp0.sort_values('risk', key=lambda s: s.map({'low': 0, 'mid': 1, 'high': 2}))" in texts


@pytest.mark.parametrize(
    "condition",
    [
        "inp0.groupby('shop')['item'].transform('nunique') > 1",
        "(inp0['item'] == 'z').cummax()",
        "(inp0['item'] == 'y').groupby(inp0['shop']).cummax()",
    ],
)
def test_conditions_on_groups_and_marks(condition: str) -> None:
    table = Memo((STOCK,), Codebook()).table(source(0))
    keep = evaluate(condition, {"inp0": STOCK}).to_numpy(dtype=bool)
    assert condition in [expr.text for expr in columns.masks(table, keep, limit=500)]


def test_the_second_best_of_each_group() -> None:
    book = Codebook()
    table = Memo((STOCK,), book).table(source(0))
    goal = Goal.of(STOCK.sort_values("n", ascending=False).groupby("shop").nth(1), book)
    codes = [expr.text for expr in ops.proposals(table, goal)]
    assert "inp0.sort_values('n', ascending=False).groupby('shop').nth(1)" in codes


@pytest.mark.parametrize(
    "code",
    [
        "pd.DataFrame({'gaps': a.isna().sum(), 'kinds': a.nunique()})",
        "pd.DataFrame({'gaps': a.isna().sum(), 'share': a.isna().mean().round(2)}).rename_axis('column').reset_index()",
        "a[['w']].interpolate().round(1)",
    ],
)
def test_figures_of_each_column(code: str) -> None:
    table = pd.DataFrame({"k": list("aabc"), "v": [1.0, np.nan, 3.0, 4.0], "w": [2.0, np.nan, np.nan, 3.0]})
    table = table[["w"]] if "interpolate" in code else table
    book = Codebook()
    memo, goal = Memo((table,), book), Goal.of(made([table], code), book)
    found = [expr for expr in ops.proposals(memo.table(source(0)), goal) if _runs(memo, expr)]
    assert any(same(memo.table(expr), goal, rtol=1e-9) for expr in found)
