"""What differs, and where; equal to a reader means equal here."""

import datetime
import importlib
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.autopandas.problem import Strictness, Task
from mlsys4sys.autopandas.verify import check, difference, same_cell
from tests.conftest import real_data

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [0.5, np.nan, 2.5]})

cells = st.one_of(
    st.integers(-5, 5),
    st.floats(allow_nan=True, width=32),
    st.booleans(),
    st.none(),
    st.sampled_from(["", "a", "1", "nan", "é"]),
    st.sampled_from([pd.NaT, pd.NA, pd.Timestamp("2024-01-02"), datetime.date(2024, 1, 2), pd.Timedelta("1h")]),
    st.lists(st.integers(0, 2), max_size=2),
)


@st.composite
def frames(draw):
    rows = draw(st.integers(0, 4))
    labels = draw(st.lists(st.sampled_from(["a", "b", 1, ("a", 1)]), max_size=3))
    data = [pd.Series(draw(st.lists(cells, min_size=rows, max_size=rows)), dtype=object) for _ in labels]
    frame = pd.concat(data, axis=1) if data else pd.DataFrame(index=range(rows))
    frame.columns = pd.Index(labels, dtype=object, tupleize_cols=False)
    index = draw(st.lists(st.sampled_from(["r", "s", 0, 1]), min_size=rows, max_size=rows))
    frame.index = pd.Index(index, dtype=object)
    return frame


@given(frames())
@settings(max_examples=150, deadline=None)
def test_a_copy_never_differs_however_strict(frame):
    strict = Strictness(dtypes=True, names=True, rtol=0.0)
    assert difference(frame.copy(), frame, strict) == ""


def measuring_tool():
    """The comparison by which synthesizers are judged, or a skipped test."""
    sys.path.insert(0, str(real_data("../tools/pandas_tasks")))
    try:
        return importlib.import_module("compare").match
    finally:
        sys.path.pop(0)


@given(frames(), frames())
@settings(max_examples=300, deadline=None)
def test_the_verdict_is_that_of_the_measuring_tool(a, b):
    match = measuring_tool()
    assert (difference(a, b) == "") == match(a, b)
    for mutant in (a.iloc[::-1], a.iloc[:, ::-1], a.reset_index(drop=True), a.astype(object)):
        assert (difference(mutant, a) == "") == match(mutant, a)


@given(frames(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_each_relaxation_forgives_what_it_says(frame, random):
    rows, columns = list(range(len(frame))), list(range(frame.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    assert difference(frame.iloc[rows], frame, Strictness(row_order=False)) == ""
    if frame.columns.is_unique:  # equal labels keep their order
        assert difference(frame.iloc[:, columns], frame, Strictness(column_order=False)) == ""
    assert difference(frame.set_axis(range(5, 5 + len(frame))), frame, Strictness(index=False)) == ""


@given(frames(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_changed_cell_is_found_under_every_relaxation(frame, data):
    if frame.empty:
        return
    i, j = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.integers(0, frame.shape[1] - 1))
    other = frame.copy()
    column = other.iloc[:, j].copy()
    column.iloc[i] = "something else"
    other.isetitem(j, column)
    for rules in (Strictness(), Strictness(row_order=False), Strictness(row_order=False, index=False)):
        assert difference(other, frame, rules)


@pytest.mark.parametrize(
    ("got", "wanted", "words"),
    [
        (FRAME["a"], FRAME, "a Series of 3 rows, wanted a DataFrame of 3 rows and 3 columns"),
        (FRAME.head(1), FRAME, "a DataFrame of 1 row and 3 columns, wanted a DataFrame of 3 rows and 3 columns"),
        (FRAME.rename(columns={"b": "B"}), FRAME, "column label 1: 'B', wanted 'b'"),
        (FRAME[["b", "a", "c"]], FRAME, "column labels in another order: ['b', 'a', 'c'], wanted ['a', 'b', 'c']"),
        (FRAME.set_axis([5, 6, 7]), FRAME, "row label 0: 5, wanted 0 (3 of 3 labels differ)"),
        (FRAME.assign(a=[1, 2, 4]), FRAME, "row 2, column 'a': 4, wanted 3"),
        (FRAME.assign(a=1), FRAME, "row 1, column 'a': 1, wanted 2 (2 of 9 cells differ)"),
        (FRAME.iloc[::-1].reset_index(drop=True), FRAME, "the same rows in another order"),
        (FRAME.set_index("b")["a"] + 1, FRAME.set_index("b")["a"], "row 0 ('x'): 2, wanted 1"),
        (5, 6, "5, wanted 6"),
        (FRAME, 6, "a DataFrame of 3 rows and 3 columns, wanted the value 6"),
        ([1, 2], [1, 3], "item 1: 2, wanted 3"),
        ([1], [1, 3], "a list of 1 item, wanted a list of 2 items"),
        ({"a": 1}, {"a": 2}, "key 'a': 1, wanted 2"),
        ({}, {"a": 2}, "no key 'a'"),
        (np.zeros((2, 2)), np.eye(2), "at [0, 0]: 0.0, wanted 1.0 (2 of 4 items differ)"),
        (pd.Index([1, 2]), pd.Index([1, 5]), "label 1: 2, wanted 5"),
        (
            FRAME.set_index(["a", "b"]),
            FRAME.set_index("a"),
            "a DataFrame of 3 rows and 1 column, wanted a DataFrame of 3 rows and 2 columns",
        ),
    ],
)
def test_the_difference_is_told_in_a_readers_words(got, wanted, words):
    found = difference(got, wanted)
    assert words in found
    assert "\n" not in found
    assert difference(wanted, wanted) == ""


@pytest.mark.parametrize(
    ("got", "wanted", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (1, "1", False),
        (None, np.nan, True),
        (pd.NaT, pd.NA, True),
        (100_000, 100_001, False),
        (100_000.0, 100_000.1, True),
        (np.timedelta64(1, "h"), pd.Timedelta("1h"), True),
        (np.timedelta64(5, "ns"), 5, False),
        (datetime.date(2024, 1, 2), np.datetime64("2024-01-02"), True),
        ([1, [2.0, None]], (1, (2, np.nan)), True),
        (np.array([1, 2]), [1, 2], False),
        (10**400, 10**400, True),
        (10**400, 1.5, False),
        (0.0, 1e-9, True),
        (float("inf"), float("inf"), True),
        (float("inf"), -float("inf"), False),
    ],
)
def test_cells_are_equal_as_a_reader_would_say(got, wanted, equal):
    assert same_cell(got, wanted, 1e-5) is equal


def test_types_and_names_count_only_when_asked():
    floats, named = FRAME.astype({"a": float}), FRAME.rename_axis("row")
    assert difference(floats, FRAME) == difference(named, FRAME) == ""
    assert difference(floats, FRAME, Strictness(dtypes=True)) == "column 'a': dtype float64, wanted int64"
    assert difference(named, FRAME, Strictness(names=True)) == "the row labels: name 'row', wanted None"
    assert difference(1.0, 1, Strictness(dtypes=True)) == "a float, wanted a int"
    assert difference(np.int64(1), 1, Strictness(dtypes=True)) == ""


def test_labels_go_with_their_rows_when_row_order_is_free():
    counts = pd.Series([3, 1], index=["x", "y"])
    free = Strictness(row_order=False)
    assert difference(counts.iloc[::-1], counts, free) == ""
    assert "no row" in difference(counts.set_axis(["y", "x"]), counts, free)
    assert difference(FRAME.iloc[::-1], FRAME, free) == ""


def test_a_list_that_contains_itself_ends_with_a_clear_outcome():
    ours, theirs = [1], [1]
    ours.append(ours)
    theirs.append(theirs)
    assert same_cell(ours, ours, 0.0)
    assert not same_cell(ours, theirs, 0.0)
    assert "item 0" in difference([ours], [theirs])


def test_code_is_checked_on_every_example_and_cannot_change_them():
    more = [([FRAME.tail(2)], FRAME.tail(2).head(1))]
    task = Task.of(FRAME, FRAME.head(1), more=more)
    assert check("df.head(1)", task)
    verdict = check("df[df['a'] == 1]", task)
    assert not verdict
    assert verdict.counterexample.startswith("example 2: a DataFrame of 0 rows")
    broken = check("df['nothing']", task)
    assert broken.counterexample == "example 1: it raises KeyError: 'nothing'"
    assert check("df.drop(columns='b', inplace=True)\nresult = df", task).ok is False
    assert list(FRAME.columns) == ["a", "b", "c"]
