"""The column engine against pandas: what an expression makes is found again, and all that is found makes it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas import columns
from mlsys4sys.autopandas.columns import numeric, windows
from mlsys4sys.autopandas.expression import Expr, evaluate, source
from mlsys4sys.autopandas.table import Codebook, Column, Table, plain_array

WORDS = ["Ann Lee", "Bob Day", "Cy Roe", "Dee May", "Ed Fox", "Flo Gill", "Gus Hall", "Ida Jay"]

frames = st.builds(
    lambda n, seed: _frame(n, np.random.default_rng(seed)),
    st.integers(4, 12),
    st.integers(0, 10_000),
)


def _frame(n: int, rng: np.random.Generator) -> pd.DataFrame:
    gaps = rng.random(n) < 0.25
    return pd.DataFrame(
        {
            "name": rng.choice(WORDS, n),
            "team": rng.choice(["red", "blue", "green"], n),
            "a": rng.integers(1, 50, n),
            "b": rng.integers(1, 20, n),
            "c": np.where(gaps, np.nan, rng.integers(-9, 40, n) / 4),
            "on": rng.random(n) < 0.5,
            "day": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )


def _table(frame: Any) -> Table:
    return Table(frame, source(0), Codebook())


def _made(table: Table, values: Any) -> list[Expr]:
    series = pd.Series(values, index=table.value.index)
    return columns.synthesize(table, Column("w", plain_array(series), table.book))


def _run(expr: Expr, frame: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return evaluate(expr.text, {"inp0": frame})


NUMERIC = [
    "df.a + df.b", "df.a - df.b", "df.b * df.c", "df.a / df.b", "df.a * 2 + df.b", "(df.a + df.b) / 2", "df.a ** 2",
    "df.a % 3", "df.a // 5", "(df.a - df.b) * df.b", "100 - df.a", "df.a / 100", "df.a * 1.5", "df.c.fillna(0)",
    "df.c.fillna(df.c.mean())", "df.c.ffill()", "df.a.cumsum()", "df.a.diff()", "df.a.shift(1)", "df.a.pct_change()",
    "df.a.rank()", "df.a.rank(method='dense', ascending=False)", "df.a.rolling(2).mean()", "df.a / df.a.sum()",
    "(df.a - df.a.mean()) / df.a.std()", "(df.a - df.a.min()) / (df.a.max() - df.a.min())", "df.a - df.a.mean()",
    "df[['a', 'b']].max(axis=1)", "df[['a', 'b', 'c']].sum(axis=1)", "df.a.mul(0.333).round(2)", "np.sqrt(df.a)",
    "df.groupby('team')['a'].transform('sum')", "df.groupby('team')['a'].transform('mean')",
    "df.groupby('team').cumcount()", "df.groupby('team').cumcount() + 1", "df.groupby('team')['a'].cumsum()",
    "df.groupby('team')['a'].rank()", "df.groupby('team')['a'].shift()", "df.groupby('team')['a'].diff()",
    "df.a / df.groupby('team')['a'].transform('sum')", "df.a - df.groupby('team')['a'].transform('mean')",
    "df.groupby('team')['team'].transform('size')", "df.on.astype(int)", "(df.a > 20).astype(int)", "df.name.str.len()",
    "df.isna().sum(axis=1)", "df.day.dt.year", "df.day.dt.month", "(df.day - df.day.min()).dt.days",
    "df.a.clip(10, 30)",
    "df.c.fillna(df.groupby('team')['c'].transform('median'))",
    "np.where(df.on, df.a * 2, df.a)",
    "df.a.ewm(span=3).mean()",
    "pd.factorize(df.team)[0]", "pd.cut(df.a, [0, 15, 30, 50], labels=False)",
    "(df.team != df.team.shift()).cumsum()", "(df.on).cumsum()", "df.groupby('team')['a'].shift().fillna(0)",
    "df.on.groupby(df.team).cumsum()", "df.groupby('team')['a'].transform(lambda s: s.rolling(2).mean())",
    "df.groupby((df.team != df.team.shift()).cumsum()).cumcount() + 1",
    "df.groupby('team')['a'].transform(lambda s: s.expanding().mean())",
    "df.a.diff().fillna(0)", "df.a * 12 + df.b", "df.groupby('team')['a'].transform('max') - df.a",
    "df.groupby('team').cumcount(ascending=False)", "df.groupby(df.on.cumsum()).cumcount()",
    "100 + (df.a - df.b).cumsum()", "df.c.fillna(df.a * 2)",
]  # fmt: skip

TEXTS = [
    "df.name.str.upper()", "df.name.str.lower()", "df.name.str.split().str[0]", "df.name.str.split(' ').str[1]",
    "df.name.str[:2]", "df.name.str[-3:]",
    "df.name.str[0]", "df.name + '-' + df.team", "df.team + '_' + df.a.astype(str)",
    "df.name.str.replace(' ', '_')", "df.name.str.replace('e', 'x')", "df.team.str.capitalize()",
    "df.name.str.split().str[1] + ', ' + df.name.str.split().str[0]", "df.a.astype(str)",
    "df.a.astype(str).str.zfill(3)",
    "df.name.str[0] + '.' + df.name.str.split().str[1]", "df.team.shift()", "df.team.where(df.a > 10, 'none')",
    "np.where(df.a > 20, 'high', 'low')", "df.day.dt.strftime('%d/%m/%Y')", "df.day.dt.month_name()",
    "df.a.map('{:.2f}'.format)", "df.team + df.groupby('team').cumcount().add(1).astype(str)",
    "df.team.str[:3].str.upper()",
    "df.groupby('team')['name'].shift().fillna('none')",
    "np.select([df.a < 15, df.a < 30], ['low', 'mid'], 'high')", "df.groupby('team')['name'].transform('first')",
]  # fmt: skip

BRANCHES = [
    "np.where(df.a > 20, df.a * df.b * 0.9, df.a * df.b)", "np.where(df.on, df.a * 0.1, 5)",
    "df.a.where(df.on, -df.a).cumsum()", "np.select([df.a > df.b, df.a < df.b], ['up', 'down'], 'same')",
    "np.select([df.a > df.a.shift(), df.a < df.a.shift()], ['up', 'down'], 'same')",
]  # fmt: skip
"""What a table shows only where all of its cases occur."""

MASKS = [
    "df.a > 10", "df.a <= 20", "df.team == 'red'", "df.team != 'blue'", "df.team.isin(['red', 'blue'])", "df.c.isna()",
    "df.c.notna()", "df.on", "~df.on", "df.a > df.b", "df.name.str.contains('e')", "df.name.str.startswith('A')",
    "df.name.str.endswith('y')", "df.team.duplicated()", "~df.team.duplicated()", "df.a.between(10, 30)",
    "(df.a > 10) & (df.team == 'red')", "(df.a > 30) | (df.team == 'red')", "(df.a > 5) & (df.b < 15)",
    "df.a == df.groupby('team')['a'].transform('max')", "df.groupby('team')['team'].transform('size') > 2",
    "df.day >= '2022-01-01'",
    "df.day.dt.year == 2022", "df.a % 2 == 0", "~df.team.isin(['red'])", "df.name.str.len() > 6",
    "df.a > df.a.mean()", "df.a.diff() > 0", "df.team != df.team.shift()", "df.a == df.a.cummax()", "df.a.isin(df.b)",
    "df.on.groupby(df.team).transform('any')", "~(df.name == 'Ann Lee').groupby(df.team).transform('any')",
    "(df.team == 'red').groupby(df.on).transform('all')",
    "~df[['a', 'b']].apply(frozenset, axis=1).duplicated()",
    "(df.a > df.a.shift()) & (df.a > df.a.shift(-1))", "df.b.between(df.c, df.a)",
]  # fmt: skip


def _checked_column(program: str, frame: pd.DataFrame) -> None:
    wanted = evaluate(program, {"df": frame})
    found = _made(_table(frame), wanted)
    assert found
    for expr in found:
        _assert_equal(_run(expr, frame), wanted)


def _checked_mask(program: str, frame: pd.DataFrame) -> None:
    keep = np.asarray(evaluate(program, {"df": frame}))
    found = columns.masks(_table(frame), keep)
    assert found or keep.all() or not keep.any()
    for expr in found:
        assert (np.asarray(_run(expr, frame)) == keep).all()


@pytest.mark.parametrize("program", NUMERIC + TEXTS + BRANCHES)
def test_a_column_that_pandas_made_is_found_again(program: str) -> None:
    _checked_column(program, _frame(11, np.random.default_rng(len(program))))


def test_a_letter_that_is_doubled_where_it_is_first_replaced_is_found() -> None:
    _checked_column("df.name.str.replace('e', 'x')", _frame(7, np.random.default_rng(248)))  # Ann Lxx, Ann Lxx, Cy Rox


@given(program=st.sampled_from(NUMERIC + TEXTS), frame=frames)
@settings(max_examples=14, deadline=None)
def test_columns_of_any_table_are_found_again(program: str, frame: pd.DataFrame) -> None:
    _checked_column(program, frame)


@pytest.mark.parametrize("program", MASKS)
def test_rows_that_a_condition_kept_are_kept_by_a_condition_found(program: str) -> None:
    _checked_mask(program, _frame(11, np.random.default_rng(len(program))))


@given(program=st.sampled_from(MASKS), frame=frames)
@settings(max_examples=10, deadline=None)
def test_rows_of_any_table_that_a_condition_kept_are_found_again(program: str, frame: pd.DataFrame) -> None:
    _checked_mask(program, frame)


def _assert_equal(made: Any, wanted: Any) -> None:
    theirs = pd.Series(np.asarray(wanted))
    ours = pd.Series(np.broadcast_to(np.asarray(made), theirs.shape).copy())
    if theirs.dtype.kind in "if" and ours.dtype.kind in "if":
        np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=1e-5, atol=1e-8)
    else:
        assert [None if pd.isna(c) else c for c in ours] == [None if pd.isna(c) else c for c in theirs]


@pytest.mark.parametrize(
    ("program", "best"),
    [
        ("df.a + df.b", "inp0['a'] + inp0['b']"),
        ("df.a / df.a.sum()", "inp0['a'] / inp0['a'].sum()"),
        ("df.name.str.split().str[0]", "inp0['name'].str.split().str[0]"),
        ("df.groupby('team')['a'].transform('mean')", "inp0.groupby('team')['a'].transform('mean')"),
        ("df.c.fillna(0)", "inp0['c'].fillna(0)"),
    ],
)
def test_what_people_write_comes_first(program: str, best: str) -> None:
    frame = _frame(12, np.random.default_rng(1))
    assert _made(_table(frame), evaluate(program, {"df": frame}))[0].text == best


def test_windows_of_time_are_found() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-04", "2024-01-09", "2024-01-11", "2024-01-20"])
    frame = pd.DataFrame({"day": days, "a": [3, 5, 2, 8, 1]})
    found = _made(_table(frame), frame.rolling("7D", on="day")["a"].sum())
    assert found[0].text == "inp0.rolling('7D', on='day')['a'].sum()"


def test_a_threshold_has_several_readings() -> None:
    frame = pd.DataFrame({"a": [1, 3, 8, 9, 2]})
    found = [expr.text for expr in columns.masks(_table(frame), (frame.a > 3).to_numpy())]
    assert {"inp0['a'] > 3", "inp0['a'] > 5", "inp0['a'] >= 8"} <= set(found)


@given(
    st.lists(st.one_of(st.just(np.nan), st.integers(-5, 5).map(float)), min_size=1, max_size=12),
    st.sampled_from(["average", "min", "max", "dense", "first"]),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_ranks_are_pandas_ranks(cells: list[float], method: Any, ascending: bool, pct: bool) -> None:
    theirs = pd.Series(cells).rank(method=method, ascending=ascending, pct=pct)
    ours = windows.ranked(np.array(cells), method, ascending=ascending, pct=pct)
    np.testing.assert_allclose(ours, theirs)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9)), min_size=1, max_size=15))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("how", ["sum", "mean", "max", "min", "count", "nunique", "median", "std", "first", "last"])
def test_totals_of_groups_are_pandas_totals(how: str, rows: list[tuple[int, int]]) -> None:
    keys, values = np.array(rows).T
    groups = windows.Groups.of([keys], [np.zeros(len(keys), dtype=bool)])
    theirs = pd.Series(values.astype(float)).groupby(keys).transform(how)
    np.testing.assert_allclose(groups.spread(groups.reduced(values.astype(float), how)), theirs, atol=1e-9)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3))
def test_the_roundest_number_of_an_interval_lies_in_it(low: float, width: float) -> None:
    high = low + width
    number = numeric.roundest(low, high)
    if number is not None:
        slack = 1e-9 * max(1.0, abs(low), abs(high))
        assert low - slack <= number <= high + slack


SCALARS = [
    "len(df)", "df.a.sum()", "df.a.mean()", "df.c.isna().sum()", "df.isna().sum().sum()", "(df.team == 'red').sum()",
    "(df.a > 20).sum()", "(df.a > 20).mean()", "df.loc[df.team == 'red', 'a'].sum()", "df.loc[df.on, 'a'].mean()",
    "df.a.max() - df.a.min()", "df.a.sum() / df.b.sum()", "df.iloc[2, 2]", "df.team.nunique()", "df.a.corr(df.b)",
    "df.team.mode()[0]", "df.day.max()", "(df.day.max() - df.day.min()).days", "df.a.quantile(.75)", "df.name.iloc[0]",
    "df.groupby('team').a.sum().max()", "', '.join(df.name)", "(df.a * df.b).sum()", "df.a.is_unique",
    "(df.a * df.b).sum() / df.b.sum()", "(df.a - df.b).abs().max()", "df.loc[df.name.str.len().idxmax(), 'name']",
]  # fmt: skip


@pytest.mark.parametrize("program", SCALARS)
def test_a_single_cell_is_found_again(program: str) -> None:
    frame = _frame(11, np.random.default_rng(len(program)))
    wanted = evaluate(program, {"df": frame})
    found = columns.scalars(_table(frame), wanted)
    assert found
    for expr in found:
        made = evaluate(expr.text, {"inp0": frame})
        assert made == wanted or np.isclose(made, wanted, rtol=1e-5)


def test_what_was_examined_is_counted() -> None:
    frame = _frame(9, np.random.default_rng(3))
    count = columns.Count()
    columns.synthesize(_table(frame), Column("w", np.arange(9) * 7.7 + 3.1, Codebook()), count=count)
    assert count.examined > 1000


def test_three_conditions_are_joined_where_two_do_not_do() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"c": rng.choice(["a", "b", "z"], 40), "x": rng.integers(0, 100, 40), "y": rng.integers(0, 100, 40)}
    )
    keep = ((frame.c == "a") & (frame.x > 30) & (frame.y < 60)).to_numpy()
    found = columns.masks(_table(frame), keep)[0].text
    assert found.count("&") == 2
    assert "inp0['c'] == 'a'" in found


ODD = {
    "levels": pd.DataFrame({"v": [1, 2, 3]}, index=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
    "equal labels": pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
    "no rows": pd.DataFrame({"a": []}),
    "no columns": pd.DataFrame(index=[1, 2]),
    "categories": pd.DataFrame({"c": pd.Categorical(["x", "y", None])}),
    "nullable": pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64"), "b": pd.array([True, None, False])}),
    "zones": pd.DataFrame({"t": pd.date_range("2020", periods=3, tz="CET"), "u": pd.to_timedelta([1, 2, None], "D")}),
    "lists": pd.DataFrame({"l": [[1, 2], [3], []], "d": [{"a": 1}, {"a": 2}, {}], "m": [1, "a", None]}),
    "infinite": pd.DataFrame({"a": [np.inf, -np.inf, np.nan], "b": [2**62, 0, -(2**62)]}),
    "nothing but gaps": pd.DataFrame({"a": [None] * 3, "b": [np.nan] * 3}),
    "code in cells": pd.DataFrame({"__import__('os')": ["=1+1", "');x", "{0}"], "x{0}y": ["{", "}", "{{}}"]}),
    "complex": pd.DataFrame({"a": [1 + 2j, 2j, 3]}),
    "series": pd.Series([3, 1, 2], index=list("aab"), name="z"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_no_table_is_too_odd_to_be_looked_at(name: str) -> None:
    frame = ODD[name]
    table, n = _table(frame), len(frame)
    wanted: list[Any] = [[1.5, 2.5, 9.0][:n], ["a", "b", "a"][:n], [True, False, True][:n], [None] * n, [[1]] * n]
    for cells in wanted:
        for expr in columns.synthesize(table, Column("w", plain_array(pd.Series(cells)), table.book)):
            _run(expr, frame)
    columns.masks(table, np.array([True, False, True][:n], dtype=bool))
    for cell in (3, "a", True, None, pd.Timestamp("2020-01-01"), [1]):
        columns.scalars(table, cell)


def test_a_long_table_is_answered_from_some_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 1000, 5000), "k": rng.choice(list("xyz"), 5000), "b": rng.random(5000)})
    table = _table(frame)
    assert _made(table, frame.b / frame.groupby("k").b.transform("sum"))[0].text == (
        "inp0['b'] / inp0.groupby('k')['b'].transform('sum')"
    )
    keep = ((frame.a > 700) & (frame.k == "x")).to_numpy()
    assert "(inp0['a'] > 700) & (inp0['k'] == 'x')" in [expr.text for expr in columns.masks(table, keep)]


def wanted_of(table: Table, cells: Any) -> Column:
    return Column("wanted", plain_array(pd.Series(cells)), table.book)


PEOPLE = pd.DataFrame(
    {
        "name": ["Kim", "Lee", "Mo", "Nia"],
        "mobile": ["555-01", None, None, "555-04"],
        "home": [None, "444-02", None, "444-04"],
        "work": ["333-01", "333-02", "333-03", None],
    }
)
MARKED = pd.DataFrame({"k": list("abc"), "nut": [1, 0, 1], "egg": [0, 0, 1], "soy": [1, 1, 0]})
LISTS = pd.DataFrame({"a": [[3, 1], [2], [5, 4]], "b": [[1, 3], [7], [4]]})
DAYS = pd.DataFrame({"year": [2023, 2024], "month": [12, 2], "day": [31, 5]})
LOGS = pd.DataFrame({"t": ["read 5 wrote 12", "wrote 30", "read 1, wrote 2, lost 4"]})


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        # Telephone numbers read as dates of the year 555, which no nanoseconds hold: that stops nothing.
        (PEOPLE, "t[['mobile', 'home', 'work']].bfill(axis=1).iloc[:, 0]"),
        (PEOPLE, "t[['mobile', 'home', 'work']].apply(lambda row: ' / '.join(row.dropna()), axis=1)"),
        (MARKED, "t[['nut', 'egg', 'soy']].apply(lambda row: row.index[row.eq(1)].tolist(), axis=1)"),
        (MARKED, "t[['nut', 'egg', 'soy']].apply(lambda row: ', '.join(row.index[row.eq(1)]), axis=1)"),
        (LISTS, "t.apply(lambda row: sorted(set(row['a']) & set(row['b'])), axis=1)"),
        (LISTS, "t.apply(lambda row: [x for x in row['a'] if x not in row['b']], axis=1)"),
        (DAYS, "pd.to_datetime(t[['year', 'month', 'day']])"),
        (LOGS, "t['t'].str.extractall(r'(\\d+)')[0].astype(int).groupby(level=0).sum()"),
    ],
)
def test_what_is_read_across_a_row(frame: pd.DataFrame, code: str) -> None:
    table = Table(frame, source(0), Codebook())
    wanted = wanted_of(table, evaluate(code, {"t": frame}))
    found = columns.synthesize(table, wanted)
    for expr in found:
        made = evaluate(expr.text, {"inp0": frame})
        assert wanted_of(table, made).equals(wanted)
    assert any("map(" not in expr.text for expr in found)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (
            pd.DataFrame({"t": ["03:25", "12:07", "00:59"]}),
            "t['t'].str.split(':').str[0].astype(int) * 60 + t['t'].str.split(':').str[1].astype(int)",
        ),
        (MARKED, "t[['nut', 'egg', 'soy']].eq(1).idxmax(axis=1)"),
    ],
)
def test_clocks_and_first_marks(frame: pd.DataFrame, code: str) -> None:
    table = Table(frame, source(0), Codebook())
    wanted = wanted_of(table, evaluate(code, {"t": frame}))
    assert any("map(" not in expr.text for expr in columns.synthesize(table, wanted))


EVENTS = pd.DataFrame({"e": ["x", "on", "a", "off", "c", "on", "d", "off"], "k": list("ppqqrrss")})


@pytest.mark.parametrize(
    "condition",
    [
        "inp0['e'].shift() == 'on'",
        "(inp0['e'] == 'on').cumsum() > (inp0['e'] == 'off').cumsum()",
        "inp0['e'].groupby(inp0['k']).transform('last') == 'off'",
    ],
)
def test_rows_beside_marks(condition: str) -> None:
    table = Table(EVENTS, source(0), Codebook())
    keep = evaluate(condition, {"inp0": EVENTS}).to_numpy(dtype=bool)
    assert condition in [expr.text for expr in columns.masks(table, keep, limit=500)]
