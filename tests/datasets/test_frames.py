import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys4sys.datasets import frames

seeds = st.integers(0, 10**6)


@given(seeds)
def test_a_seed_names_a_table(seed: int) -> None:
    first, second = (frames.frame(np.random.default_rng(seed)) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@given(seeds)
def test_tables_are_as_small_as_an_example(seed: int) -> None:
    made = frames.frame(np.random.default_rng(seed))
    assert 2 <= len(made) <= 20
    assert 1 <= made.shape[1] <= 8
    assert made.columns.is_unique


@given(seeds)
def test_two_tables_of_a_pair_share_labels_or_cells(seed: int) -> None:
    first, second = frames.pair(np.random.default_rng(seed))
    labels = set(first.columns) & set(second.columns)
    cells = _cells(first) & _cells(second)
    assert labels or cells


def test_asked_for_rows_and_columns_are_given() -> None:
    for style in (frames.business, frames.placeholder, frames.wide):
        assert style(np.random.default_rng(3), 7, 4).shape[0] == 7


@pytest.mark.parametrize("kind", ["missing cells", "dates", "row labels", "two levels", "separators", "ties", "flags"])
def test_what_questions_hold_occurs(kind: str) -> None:
    made = [frames.frame(np.random.default_rng(seed)) for seed in range(150)]
    assert sum(_FOUND[kind](frame) for frame in made) >= 3


def _cells(frame: pd.DataFrame) -> set[str]:
    return {str(cell) for i in range(frame.shape[1]) for cell in frame.iloc[:, i].dropna()}


def _separated(frame: pd.DataFrame) -> bool:
    columns = [frame.iloc[:, i].dropna() for i in range(frame.shape[1]) if frame.dtypes.iloc[i] == "str"]
    return any(len(c) > 0 and bool(c.str.contains("[_/|-]").all()) for c in columns)


_FOUND = {
    "missing cells": lambda f: bool(f.isna().any(axis=None)),
    "dates": lambda f: any(t.kind == "M" for t in f.dtypes),
    "row labels": lambda f: not isinstance(f.index, pd.RangeIndex),
    "two levels": lambda f: f.index.nlevels == 2,
    "separators": _separated,
    "ties": lambda f: any(len({str(c) for c in f.iloc[:, i]}) < len(f) for i in range(f.shape[1])),
    "flags": lambda f: any(t == bool for t in f.dtypes),  # noqa: E721 - a numpy type
}
