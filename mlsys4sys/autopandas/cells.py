"""From texts to typed columns: what pandas would read, but ids keep their leading zeros and dates are dates."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "NULL", "null", "None", "NaT", "<NA>"})
"""Texts that stand for a missing value, as pandas' own readers have them."""

_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|Inf|Infinity)")
_PADDED = re.compile(r"[+-]?0\d+(\.\d*)?|\+.*")
"""Numbers by their digits, but written as no program writes numbers: ids, codes, telephone numbers."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(Z|[+-]\d{2}:?\d{2})?")
_SPAN = re.compile(r"-?\d+ days?( [+-]?\d{2}:\d{2}:\d{2}(\.\d+)?)?")
_TRUE = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


@dataclass(frozen=True)
class TextTable:
    """A table as it was written: every cell a text."""

    labels: tuple[Hashable, ...]
    columns: tuple[tuple[str, ...], ...]
    """A column each label."""
    index: tuple[tuple[str, ...], ...] = ()
    """A column each level; none where rows are just counted."""
    index_names: tuple[Hashable, ...] = ()
    column_names: tuple[Hashable, ...] = ()
    """Of the levels of the column labels."""
    series: bool = False
    """Whether it was printed from a Series."""


def padded(cells: Sequence[str]) -> bool:
    """Whether numbers among the cells are written with leading zeros or signs, so that all are text."""
    return any(_PADDED.fullmatch(cell) for cell in set(cells))


def typed(cells: Sequence[str], *, dates: bool = True, text: bool = False) -> pd.Series:
    """A column of the narrowest type that holds all its cells.

    Args:
        cells: As they were written.
        dates: Whether a column of ISO dates becomes one of timestamps.
        text: Keep it as text, missing values aside.
    """
    present = {cell.strip() for cell in cells} - MISSING
    gaps = any(cell.strip() in MISSING for cell in cells)
    if not present:
        return pd.Series([np.nan] * len(cells), dtype=float)
    if text or any(_PADDED.fullmatch(cell) for cell in present):
        return _texts(cells)
    stripped = [cell.strip() for cell in cells]
    if all(_INTEGER.fullmatch(cell) for cell in present):
        if not gaps and all(len(cell) < 19 for cell in present):
            return pd.Series(np.array(stripped, dtype=np.int64))
        if all(len(cell) <= 15 for cell in present):  # more digits than a float holds: an id
            return _floats(stripped)
        return _texts(cells)
    if all(_FLOAT.fullmatch(cell) for cell in present):
        return _floats(stripped)
    if present <= _TRUE.keys():
        values = [_TRUE.get(cell) for cell in stripped]
        return pd.Series(values, dtype=object if gaps else bool)
    if all(cell[0] + cell[-1] in ("[]", "()") for cell in present):
        return _lists(stripped)
    if all(_SPAN.fullmatch(cell) for cell in present):
        return pd.Series(pd.to_timedelta([None if cell in MISSING else cell for cell in stripped]))
    if dates and all(_DATE.fullmatch(cell) for cell in present):
        return moments(stripped)
    return _texts(cells)


def moments(cells: Sequence[str]) -> pd.Series:
    """ISO dates as timestamps; texts where one of them is no day of the calendar."""
    values = [None if cell in MISSING else cell for cell in cells]
    try:
        return pd.Series(pd.to_datetime(values, format="ISO8601"))
    except ValueError:
        return _texts(cells)


def is_date(cell: object) -> bool:
    """Whether a cell is an ISO date as text."""
    return isinstance(cell, str) and _DATE.fullmatch(cell) is not None


def label(text: str) -> Hashable:
    """A column label: a number where it is written as one, for ``print`` and CSV show both alike."""
    return int(text) if _INTEGER.fullmatch(text) and not _PADDED.fullmatch(text) and len(text) < 19 else text


def frame(
    table: TextTable, *, dates: bool = True, texts: frozenset[Hashable] = frozenset()
) -> pd.DataFrame | pd.Series:
    """The table with typed columns; those whose labels are in ``texts`` stay text."""
    columns = [
        typed(cells, dates=dates, text=name in texts) for name, cells in zip(table.labels, table.columns, strict=True)
    ]
    rows = len(table.columns[0]) if table.columns else len(table.index[0]) if table.index else 0
    made = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    made.columns = pd.Index(list(table.labels), dtype=None if table.labels else object)
    if len(table.column_names) == made.columns.nlevels:
        made.columns.names = list(table.column_names)
    if table.index:
        levels = [typed(cells, dates=dates, text=name in texts) for name, cells in _levels(table)]
        made.index = _index(levels, table.index_names)
    if table.series:
        series = made.iloc[:, 0]
        series.name = table.labels[0]
        return series
    return made


def _levels(table: TextTable) -> list[tuple[Hashable, tuple[str, ...]]]:
    names = table.index_names or (None,) * len(table.index)
    return list(zip(names, table.index, strict=True))


def _index(levels: Sequence[pd.Series], names: Sequence[Hashable]) -> pd.Index:
    named = list(names) or [None] * len(levels)
    if len(levels) > 1:
        return pd.MultiIndex.from_arrays(levels, names=named)
    only = levels[0]
    counts = only.dtype.kind == "i" and bool((only.to_numpy() == np.arange(len(only))).all())
    return pd.RangeIndex(len(only), name=named[0]) if counts else pd.Index(only, name=named[0])


def _lists(cells: Sequence[str]) -> pd.Series:
    """Cells that are lists: ``[1, 2]``, or ``[a, b]`` as pandas prints texts in them."""
    values: list[Any] = []
    for cell in cells:
        if cell in MISSING:
            values.append(None)
            continue
        try:
            found = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            found = typed([part.strip() for part in cell[1:-1].split(",")], dates=False).tolist()
        values.append(found)
    return pd.Series(values, dtype=object)


def _texts(cells: Sequence[str]) -> pd.Series:
    return pd.Series([None if cell.strip() in MISSING else cell for cell in cells], dtype="str")


def _floats(cells: Sequence[str]) -> pd.Series:
    return pd.Series([np.nan if cell in MISSING else float(cell) for cell in cells], dtype=float)
