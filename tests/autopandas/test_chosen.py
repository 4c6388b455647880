"""Groups of some rows, conditions counted by group, pieces of texts, and what else is solved on codes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import columns, synthesize
from mlsys4sys.autopandas.expression import evaluate, source
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.ops import chosen, kept
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import Search
from mlsys4sys.autopandas.table import Codebook, Column, Table, same
from mlsys4sys.autopandas.unwrapped import unwrapped

SALES = pd.DataFrame(
    {
        "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Bern", "Oslo", "Rome", "Bern", "Oslo"],
        "item": ["tea", "ink", "pen", "tea", "pen", "ink", "tea", "tea", "pen", "ink"],
        "units": [3, 8, 5, 13, 21, 2, 34, 6, 9, 7],
        "price": [1.5, 2.5, 4.0, 1.0, 3.5, 2.0, 1.2, 1.8, 4.5, 2.7],
        "day": pd.to_datetime(["2024-01-09", "2024-02-11", "2024-01-23", "2024-02-02", "2024-03-08"] * 2),
    }
)
STAFF = pd.DataFrame(
    {"id": [1, 2, 3, 4, 5], "name": ["Al", "Bo", "Cy", "Di", "Ed"], "boss": [2, None, 2, 3, 3], "pay": [9, 7, 5, 6, 4]}
)
ORDERS = pd.DataFrame({"id": [1, 1, 2, 4, 4, 5], "n": [1, 5, 2, 3, 1, 2]})
NOTES = pd.DataFrame({"no": [1, 2, 3], "tags": ["Red,blue", "blue,green", "red"], "kv": ["a:2;b:1", "b:4", "a:3"]})
CLICKS = pd.DataFrame(
    {
        "user": list("uuvuvv"),
        "at": pd.to_datetime(["2024-05-01 10:00", "2024-05-01 10:05", "2024-05-01 09:00", "2024-05-01 12:00",
                              "2024-05-01 09:50", "2024-05-01 09:55"]),
        "n": [1, 2, 3, 4, 5, 6],
    }
)  # fmt: skip


def programs(frames: list[Any], output: Any, seconds: float = 6.0) -> list[str]:
    names = ["df"] if len(frames) == 1 else [f"df{i + 1}" for i in range(len(frames))]
    result = synthesize([frame.copy() for frame in frames], output, names=names, budget_s=seconds, top=60)
    return [found.code for found in result.programs]


def wanted(code: str, frames: list[Any]) -> Any:
    names = ["df"] if len(frames) == 1 else [f"df{i + 1}" for i in range(len(frames))]
    return evaluate(code, dict(zip(names, [frame.copy() for frame in frames], strict=True)))


@pytest.mark.parametrize(
    "code",
    [
        "df[df['price'] > 2].groupby('city')['units'].sum()",
        "df[df['item'] == 'tea'].groupby('city', as_index=False)['units'].mean()",
        "df[df['day'].dt.month == 2].groupby('item')['units'].sum()",
        "df[df['units'] > 4].pivot_table(index='city', columns='item', values='units', aggfunc='sum', fill_value=0)",
        "df[df['units'] > df['units'].mean()].groupby('city').size()",
    ],
)
def test_groups_of_some_rows_are_found_without_trying(code: str) -> None:
    goal_value = wanted(code, [SALES])
    book = Codebook()
    memo = Memo((SALES,), book)
    table, goal = memo.table(source(0)), Goal.of(goal_value, book)
    made = list(_tables(memo, chosen.proposals(table, goal, [])))
    labels = [column.label for column in goal.columns]
    assert any(same(t, goal) or [c.label for c in t.columns] == labels for t in made)
    assert any("inp0[" in t.expr.text and same(t, goal) for t in made), [t.expr.text for t in made]


def _tables(memo: Memo, exprs: Any) -> Iterator[Table]:
    for expr in exprs:
        try:
            yield memo.table(expr)
        except Failed:
            continue


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_whatever_condition_is_meant_its_groups_are_among_those_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "k": rng.choice(list("pqr"), 12),
            "s": rng.choice(["x", "y", "z"], 12),
            "v": rng.integers(1, 1000, 12),
            "w": np.round(rng.uniform(0, 50, 12), 2),
        }
    )
    bound = float(np.sort(frame["w"])[6])
    kept_rows = frame[frame["w"] >= bound]
    goal_value = kept_rows.groupby("k")["v"].sum()
    if (frame.groupby("k")["v"].sum().reindex(goal_value.index) == goal_value).all():
        return  # all rows of these groups
    book = Codebook()
    memo = Memo((frame,), book)
    goal = Goal.of(goal_value, book)
    if len(goal_value) == 3 or not frame.groupby("k")["w"].min().ge(bound).any():
        assert any(same(t, goal) for t in _tables(memo, chosen.proposals(memo.table(source(0)), goal, [])))


def test_no_rows_are_chosen_where_all_of_them_give_the_goal() -> None:
    book = Codebook()
    memo = Memo((SALES,), book)
    goal = Goal.of(SALES.groupby("city")["units"].sum(), book)
    assert not list(chosen.proposals(memo.table(source(0)), goal, []))


def test_each_choice_of_rows_stands_once_and_none_is_trivial() -> None:
    choices = kept.conditions(Table(SALES, source(0), Codebook()))
    assert len(np.unique(choices, axis=0)) == len(choices) > 50
    assert choices.any(axis=1).all()
    assert not choices.all(axis=1).any()


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        ("df.assign(dear=df['price'] > 2).groupby('city', as_index=False)['dear'].mean()", [SALES]),
        (
            "df.assign(tea=df['units'].where(df['item'] == 'tea', 0)).groupby('city')[['units', 'tea']].sum()",
            [SALES],
        ),
        ("df[df['city'].isin(df.groupby('city')['units'].sum().nlargest(2).index)]", [SALES]),
        ("df[df.groupby('city')['units'].cumsum() >= 15].groupby('city').head(1)", [SALES]),
        (
            "df.merge(df, left_on='boss', right_on='id').loc[lambda d: d['pay_x'] > d['pay_y'], 'name_x'].tolist()",
            [STAFF],
        ),
        ("df['tags'].str.lower().str.split(',').explode().value_counts()", [NOTES]),
        (
            "df.assign(kv=df['kv'].str.split(';')).explode('kv').assign(k=lambda d: d['kv'].str[0])[['no', 'k']]",
            [NOTES],
        ),
        ("df.groupby('user')['at'].agg(lambda s: (s.max() - s.min()).total_seconds() / 60)", [CLICKS]),
        ("df.set_index('at')['n'].resample('h').last().ffill()", [CLICKS]),
        (
            "df.assign(visit=(df.groupby('user')['at'].diff() > pd.Timedelta('30min')).groupby(df['user']).cumsum())",
            [CLICKS],
        ),
        ("df1[~df1['id'].isin(df2.loc[df2['n'] > 2, 'id'])]", [STAFF, ORDERS]),
        ("df[df['price'] > df.groupby('item')['price'].transform('mean')].groupby('city')['units'].sum()", [SALES]),
        ("df[df['units'] > 6].drop(columns=['price', 'day']).to_dict('records')", [SALES]),
        ("df.groupby('city')['units'].max().to_dict()", [SALES]),
    ],
)
def test_a_program_like_the_one_that_was_meant_is_among_those_found(code: str, frames: list[Any]) -> None:
    found = programs(frames, wanted(code, frames))
    others = [pd.concat([frame.iloc[1:], frame.iloc[:1]], ignore_index=True) for frame in frames]
    goal = Goal.of(wanted(code, others), Codebook())

    def right(program: str) -> bool:
        try:
            made = wanted(program, others)
        except Exception:  # noqa: BLE001 - a program that raises is not the one
            return False
        return same(Table(made, source(0), goal.book), goal)

    assert any(map(right, found)), found[:5]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("abc", "(inp0[['a', 'b', 'c']] >= 4).sum(axis=1)"),
        ("a", "inp0['a'].clip(upper=inp0['a'].quantile(0.9))"),
        ("k", "inp0['k'].map({'x': 'one', 'y': 'two'}).fillna('rest')"),
        ("kg", "inp0['k'] != inp0.groupby('g')['k'].shift()"),
        ("up", "inp0.groupby((inp0['up'] == 0).cumsum())['up'].cumsum()"),
    ],
)
def test_a_column_is_computed(names: str, code: str) -> None:
    frame = pd.DataFrame(
        {
            "a": [1, 5, 4, 9, 2, 7],
            "b": [4, 4, 1, 2, 8, 3],
            "c": [3, 6, 2, 4, 4, 1],
            "k": ["x", "y", "z", "w", "w", "z"],
            "g": list("pqpqqp"),
            "up": [1, 1, 0, 1, 1, 1],
        }
    )
    frame = frame[[label for label in frame if label in names]]
    value = evaluate(code, {"inp0": frame.copy()})
    book = Codebook()
    found = columns.synthesize(Table(frame, source(0), book), Column("new", pd.Series(value).array, book), limit=24)
    assert code in [expr.text for expr in found]


def test_a_column_may_be_computed_from_one_that_is_new() -> None:
    frame = pd.DataFrame({"a": [50, 81, 96, 64, 30, 72, 45, 88], "b": [25, 27, 48, 8, 15, 24, 9, 11]})
    want = frame.assign(r=frame["a"] / frame["b"]).assign(c=lambda d: np.select([d["r"] < 2.5, d["r"] < 6], [1, 5], 7))
    found = programs([frame], want)
    assert any("['r']" in code for code in found), found[:5]


def test_what_a_dictionary_or_a_list_is_made_of() -> None:
    task = Task.of([SALES], {"a": 1, "b": 2}, names=["df"])
    inside = unwrapped(task)
    assert inside is not None
    assert inside[1] == ".to_dict()"
    assert inside[0].examples[0].output.to_dict() == {"a": 1, "b": 2}
    assert unwrapped(Task.of([SALES], [{"a": 1}, {"b": 2}], names=["df"])) is None
    assert unwrapped(Task.of([SALES], SALES, names=["df"])) is None
    assert unwrapped(Task.of([SALES], [[1], [2]], names=["df"])) is None
    records = unwrapped(Task.of([SALES], [{"a": 1}, {"a": 2}], names=["df"]))
    assert records is not None
    assert records[1] == ".to_dict('records')"
    assert not records[0].strictness.index


def test_a_dear_program_is_not_run_where_a_cheap_one_is_there() -> None:
    search = Search(Task.of([SALES], SALES.groupby("city", as_index=False)["units"].sum(), names=["df"]))
    seen = [c for c in search.run(deadline=time.monotonic() + 1.5) if c is not None]
    least = min(c.cost for c in seen)
    assert max(c.expr.total for c in seen) <= least + 6.0 + 3.0 + 1e-9
