"""What programs of several calls start with: proposed where the goal shows it, and programs are found from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlsys4sys.autopandas import align, columns, ops, synthesize
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Memo
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.autopandas.verify import difference

VISITS = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "pre_math": [5, 6, 7],
        "pre_art": [3, 2, 8],
        "post_math": [8, 9, 6],
        "post_art": [4, 4, 9],
    }
)
RAIN = pd.DataFrame(
    {
        "town": ["P", "P", "Q", "Q", "R"],
        "month": ["Jan", "Feb", "Jan", "Feb", "Jan"],
        "year": [2001, 2001, 2001, 2002, 2002],
        "mm": [10.5, 3.2, 8.8, 7.1, 4.4],
    }
)
SALES = pd.DataFrame(
    {
        "region": ["E", "E", "E", "W", "W", "W", "W"],
        "kind": ["red", "blue", "blue", "red", "red", "green", "blue"],
        "sold": [10, 20, 11, 25, 5, 40, 37],
        "bought": [1, 2, 3, 4, 5, 6, 7],
    }
)


def opened(inputs: list[Any], wanted: Any) -> tuple[Memo, list[Table], Goal]:
    book = Codebook()
    memo = Memo(tuple(inputs), book)
    return memo, [memo.table(source(i)) for i in range(len(inputs))], Goal.of(wanted, book)


def texts(exprs: Any) -> list[str]:
    return [expr.text for expr in exprs]


def test_labels_that_hold_two_things_are_taken_apart() -> None:
    long = VISITS.melt(id_vars="id")
    long[["phase", "subject"]] = long["variable"].str.split("_", expand=True)
    wanted = long.pivot(index=["id", "phase"], columns="subject", values="value").reset_index()
    memo, tables, goal = opened([VISITS], wanted)
    made = [memo.table(expr).value for expr in ops.prepared(tables[0], goal, [])]
    fitting = [frame for frame in made if "phase" in frame]
    assert fitting
    assert fitting[0]["phase"].tolist() == long["phase"].tolist()


def test_numbers_behind_a_prefix_become_numbers() -> None:
    wide = pd.DataFrame({"name": ["a", "b"], "wk1": [8, 6], "wk2": [7, 5], "wk3": [9, 4]})
    wanted = pd.DataFrame({"name": ["a"] * 3 + ["b"] * 3, "week": [1, 2, 3] * 2, "place": [8, 7, 9, 6, 5, 4]})
    _, tables, goal = opened([wide], wanted)
    assert any(".str.removeprefix('wk').astype(int)" in text for text in texts(ops.prepared(tables[0], goal, [])))


def test_two_keys_become_one_where_the_goal_has_them_joined() -> None:
    key = RAIN["month"] + "_" + RAIN["year"].astype(str)
    wanted = RAIN.assign(key=key).pivot(index="town", columns="key", values="mm").reset_index()
    memo, tables, goal = opened([RAIN], wanted)
    made = [memo.table(expr).value for expr in ops.prepared(tables[0], goal, [])]
    assert any("key" in frame and frame["key"].tolist() == key.tolist() for frame in made)


def test_tables_are_joined_by_their_keys_and_rows_without_a_match_kept_too() -> None:
    people = pd.DataFrame({"who": [1, 2, 3], "name": ["ann", "bob", "cid"]})
    paid = pd.DataFrame({"who": [1, 1, 3], "sum": [5, 7, 1]})
    wanted = people.merge(paid, on="who", how="left").groupby("name", as_index=False)["sum"].count()
    _, tables, goal = opened([people, paid], wanted)
    made = texts(ops.prepared(tables[0], goal, tables[1:]))
    assert "inp0.merge(inp1, on='who')" in made
    assert "inp0.merge(inp1, on='who', how='left')" in made


def test_what_was_joined_is_not_joined_with_its_parts() -> None:
    people = pd.DataFrame({"who": [1, 2, 3], "name": ["ann", "bob", "cid"]})
    paid = pd.DataFrame({"who": [1, 1, 3], "sum": [5, 7, 1]})
    memo, tables, goal = opened([people, paid], people)
    joined = memo.table(next(iter(ops.prepared(tables[0], goal, tables[1:]))))
    assert not [text for text in texts(ops.prepared(joined, goal, tables)) if text.count(".merge(") > 1]


def test_rows_are_chosen_by_a_cell_or_a_bound_and_once_only() -> None:
    wanted = SALES[SALES["kind"] == "red"].groupby("region", as_index=False)["sold"].sum()
    memo, tables, goal = opened([SALES], wanted)
    made = list(ops.filtered(tables[0], goal))
    assert "inp0[inp0['kind'] == 'red']" in texts(made)
    assert "inp0[inp0['bought'] > 3]" in texts(made)
    assert not list(ops.filtered(memo.table(made[0]), goal))


def test_groups_that_lack_a_computed_column_are_partial() -> None:
    counted = SALES.groupby("region").size().reset_index(name="n")
    wanted = counted.assign(part=counted["n"] / counted["n"].sum())
    memo, tables, goal = opened([SALES], wanted)
    made = [memo.table(expr).value for expr in ops.partial(tables[0], goal)]
    assert any(not difference(frame, counted) for frame in made)


def test_what_a_pivot_spread_is_looked_for_in_rows() -> None:
    long = pd.DataFrame(
        {"land": ["F", "F", "D", "D"], "year": [1, 2, 1, 2], "cases": [3, 9, 4, 1], "people": [10, 30, 50, 40]}
    )
    rate = long["cases"] / long["people"]
    wanted = long.assign(rate=rate).pivot(index="land", columns="year", values="rate").reset_index()
    _, tables, goal = opened([long], wanted)
    (column, _), *_ = ops.before_pivot(tables[0], goal)
    assert column.numbers.tolist() == rate.tolist()


def test_counts_are_prepared_where_the_goal_has_some_of_the_groups() -> None:
    pairs = pd.DataFrame({"who": ["a", "a", "b", "c", "c"], "what": ["p", "q", "p", "q", "p"]})
    _, tables, goal = opened([pairs], pd.DataFrame({"who": ["a", "c"]}))
    assert "inp0.groupby('who').size().reset_index(name='n')" in texts(ops.prepared(tables[0], goal, []))


def test_each_pair_of_a_table_joined_with_itself_is_kept_once() -> None:
    frame = pd.DataFrame({"who": ["a", "b", "c", "d"], "town": ["X", "Y", "X", "X"]})
    both = frame.merge(frame, on="town")
    wanted = both["who_x"] < both["who_y"]
    _, tables, goal = opened([both], both[wanted])
    assert "inp0['who_x'] < inp0['who_y']" in texts(columns.masks(tables[0], wanted.to_numpy()))
    _, tables, goal = opened([frame], both[wanted][["who_x", "who_y"]])
    assert "inp0.merge(inp0, on='town')" in texts(ops.prepared(tables[0], goal, []))


def test_a_reference_to_the_key_comes_first_where_a_table_is_joined_with_itself() -> None:
    staff = pd.DataFrame(
        {
            "id": [1, 2, 3, 4, 5],
            "name": list("abcde"),
            "boss": [np.nan, 1, 1, 2, 2],
            "unit": list("xxyyx"),
            "pay": [3, 3, 1, 1, 2],
        }
    )
    both = staff.merge(staff, left_on="boss", right_on="id")
    _, tables, goal = opened([staff], both[["name_x", "name_y"]])
    assert "inp0.merge(inp0, left_on='boss', right_on='id')" in texts(ops.prepared(tables[0], goal, []))


def test_tables_without_a_common_key_are_crossed_where_the_goal_has_all_pairs() -> None:
    sizes, rates = pd.DataFrame({"p": ["a", "b"], "n": [3, 5]}), pd.DataFrame({"q": ["x", "y", "z"], "r": [2, 7, 11]})
    both = sizes.merge(rates, how="cross")
    crossed = "inp0.merge(inp1, how='cross')"
    _, tables, goal = opened([sizes, rates], both.assign(cost=both["n"] * both["r"]))
    assert crossed in texts(ops.prepared(tables[0], goal, tables[1:]))
    _, tables, goal = opened([sizes, rates], both.iloc[:5])
    assert crossed not in texts(ops.prepared(tables[0], goal, tables[1:]))


def test_texts_of_merged_cells_are_filled_down() -> None:
    sheet = pd.DataFrame({"id": ["r", None, "s", None], "f": ["h", "w"] * 2, "v": [3, 6, 5, 8]})
    wanted = sheet.ffill().pivot(index="id", columns="f", values="v").reset_index()
    _, tables, goal = opened([sheet], wanted)
    assert "inp0.ffill()" in texts(ops.prepared(tables[0], goal, []))
    gaps = sheet.assign(v=[3.0, np.nan, 5.0, 8.0])
    _, tables, goal = opened([gaps], wanted)
    assert "inp0.assign(id=inp0['id'].ffill())" in texts(ops.prepared(tables[0], goal, []))


def test_rows_are_picked_by_some_rows_of_another_table() -> None:
    students = pd.DataFrame({"sid": [1, 2, 3, 4, 5], "name": list("uvwxy")})
    takes = pd.DataFrame({"sid": [1, 1, 2, 2, 3, 3, 4], "course": ["db", "os", "db", "ai", "db", "os", "os"]})
    wanted = students[~students["sid"].isin(takes.loc[takes["course"] == "os", "sid"])]
    codes = [program.code for program in synthesize([students, takes], wanted, names=["s", "t"]).programs]
    assert "s[~s['sid'].isin(t[t['course'] == 'os']['sid'])]" in codes


def test_a_union_has_each_row_once() -> None:
    old, new = pd.DataFrame({"u": list("abc"), "v": [1, 2, 3]}), pd.DataFrame({"u": ["b", "d"], "v": [2, 4]})
    wanted = pd.concat([old, new]).drop_duplicates().reset_index(drop=True)
    codes = [program.code for program in synthesize([old, new], wanted, names=["x", "y"]).programs]
    assert "pd.concat([x, y]).drop_duplicates().reset_index(drop=True)" in codes


def test_the_suffix_of_gathered_columns_may_be_left_out() -> None:
    pairs = pd.DataFrame({"id": [1, 2, 3], "n1": list("abc"), "s1": [4, 7, 1], "n2": list("def"), "s2": [9, 2, 6]})
    wanted = pd.wide_to_long(pairs, ["n", "s"], i="id", j="k").reset_index().drop(columns="k")
    assert "wide_to_long" in synthesize([pairs], wanted, names=["df"]).code


def test_rows_in_an_order_of_their_own_are_listed() -> None:
    frame = pd.DataFrame({"k": ["b", "a", "a", "c", "b"], "v": [5, 1, 2, 3, 7]})
    wanted = frame.groupby("k", as_index=False)["v"].sum().iloc[[1, 0, 2]].reset_index(drop=True)
    tables = opened([frame.groupby("k", as_index=False)["v"].sum()], wanted)[1]
    assert texts(align.listed(tables[0], np.array([1, 0, 2]))) == ["inp0.iloc[[1, 0, 2]]"]
    assert not texts(align.listed(tables[0], np.array([1, 0])))


@pytest.mark.parametrize("kind", ["scalar", "empty", "other"])
def test_odd_goals_prepare_nothing_or_something_that_runs(kind: str) -> None:
    wanted: Any = {"scalar": 3, "empty": SALES.iloc[:0], "other": pd.DataFrame({"z": ["q"]})}[kind]
    memo, tables, goal = opened([SALES], wanted)
    for make in (ops.prepared(tables[0], goal, []), ops.filtered(tables[0], goal), ops.partial(tables[0], goal)):
        for expr in make:
            assert memo.table(expr).rows >= 0


def shares_in_columns(sales: pd.DataFrame) -> pd.DataFrame:
    totals = sales.groupby(["region", "kind"], as_index=False)["sold"].sum()
    totals["part"] = totals["sold"] / totals.groupby("region")["sold"].transform("sum")
    return totals.pivot(index="region", columns="kind", values="part").reset_index()


def scores_by_phase(visits: pd.DataFrame) -> pd.DataFrame:
    long = visits.melt(id_vars="id")
    long[["phase", "subject"]] = long["variable"].str.split("_", expand=True)
    return long.pivot_table(index="subject", columns="phase", values="value", aggfunc="sum").reset_index()


def spent(people: pd.DataFrame, orders: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    joined = people.merge(orders, on="who").merge(lines, on="order")
    joined["total"] = joined["n"] * joined["price"]
    return joined.groupby("name", as_index=False)["total"].sum()


PEOPLE = pd.DataFrame({"who": [1, 2, 3], "name": ["kim", "lea", "moe"]})
ORDERS = pd.DataFrame({"order": [10, 11, 12, 13], "who": [1, 2, 1, 3]})
LINES = pd.DataFrame(
    {"order": [10, 10, 11, 12, 13, 13], "n": [2, 1, 5, 1, 3, 2], "price": [1.5, 6.0, 1.5, 12.0, 6.0, 12.0]}
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "inputs"),
    [
        (shares_in_columns, [SALES]),
        (scores_by_phase, [VISITS]),
        (spent, [PEOPLE, ORDERS, LINES]),
    ],
)
def test_programs_of_several_calls_are_found_as_they_were_meant(program: Any, inputs: list[pd.DataFrame]) -> None:
    found = synthesize(inputs, program(*inputs), budget_s=20)
    others = [frame.iloc[::-1].reset_index(drop=True) for frame in inputs]
    others[-1] = others[-1].assign(**{c: others[-1][c] * 3 + 1 for c in ("sold", "n", "pre_math") if c in others[-1]})
    wanted = program(*others)
    assert any(not difference(made(*others), wanted) for made in found.programs[:5])
