"""What a task may hold, so that every search ends in bounded time and memory; the rest is refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.problem import Task
from mlsys4sys.errors import InputError

MOST_COLUMNS = 1_000
MOST_CELLS = 50_000_000
DEEPEST = 20
"""Levels of lists and dictionaries within a cell."""
LONGEST = 1_000_000
"""Characters of a text in a cell, or items of a list."""

_HOLDER = (list, tuple, dict, set, frozenset, np.ndarray)


def accept(task: Task) -> None:
    """Nothing, where all values of a task can be worked on.

    Raises:
        InputError: A table has too many columns or cells, a cell is too long, nested too deeply, or in itself.
    """
    for number, example in enumerate(task.examples):
        where = "" if len(task.examples) == 1 else f"example {number + 1}, "
        named = [*zip(task.names, example.inputs, strict=True), ("the output", example.output)]
        for name, value in named:
            _accept(value, f"{where}{name}")


def _accept(value: Any, where: str) -> None:
    if isinstance(value, pd.DataFrame):
        if value.shape[1] > MOST_COLUMNS:
            raise InputError(f"{where}: {value.shape[1]:,} columns, more than {MOST_COLUMNS:,}; keep those that matter")
        if value.size > MOST_CELLS:
            raise InputError(f"{where}: {value.size:,} cells, more than {MOST_CELLS:,}; give fewer rows")
    for place, cell in _cells(value):
        if isinstance(cell, str):
            if len(cell) > LONGEST:
                raise InputError(f"{where}, {place}: a text of {len(cell):,} characters, more than {LONGEST:,}")
        elif isinstance(cell, _HOLDER):
            _bounded(cell, f"{where}, {place}")


def _cells(value: Any) -> Iterator[tuple[str, Any]]:
    """Where it is and what it is, for all that may be long or nested."""
    if isinstance(value, pd.DataFrame):
        for i, dtype in enumerate(value.dtypes):
            if not isinstance(dtype, np.dtype) or dtype.kind == "O":
                yield from _of(value.iloc[:, i], f"column {value.columns[i]!r:.60}, row")
        yield from (("a column label", label) for label in value.columns)
        yield from _of(value.index, "row label")
    elif isinstance(value, pd.Series):
        yield from _of(value, "row")
        yield from _of(value.index, "row label")
    elif isinstance(value, pd.Index):
        yield from _of(value, "label")
    elif isinstance(value, np.ndarray):
        yield from ((f"item {i}", cell) for i, cell in enumerate(value.ravel().tolist()) if value.dtype.kind == "O")
    else:
        yield "the value", value


def _of(values: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(values.dtype, np.dtype) and values.dtype.kind != "O":
        return
    for i, cell in enumerate(values):
        if isinstance(cell, (str, *_HOLDER)):
            yield f"{where} {i}", cell


def _bounded(cell: Any, where: str) -> None:
    """Walk a nested cell, never deeper than the limit: what holds itself is deeper than any."""
    items, stack = 0, [(cell, 1)]
    while stack:
        item, depth = stack.pop()
        if depth > DEEPEST:
            raise InputError(f"{where}: nested more than {DEEPEST} levels deep, or within itself")
        items += 1
        if items > LONGEST:
            raise InputError(f"{where}: more than {LONGEST:,} items")
        if isinstance(item, dict):
            stack += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, np.ndarray):
            stack += [(part, depth + 1) for part in item.tolist()] if item.dtype == object else []
        elif isinstance(item, list | tuple | set | frozenset):
            stack += [(part, depth + 1) for part in item]
