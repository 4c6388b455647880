"""What all families of calls share: how a step is written, and what the goal says about arguments."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import LABEL, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.table import Column, Table

MOST_ROWS, MOST_COLUMNS = 2000, 200
"""A proposal whose result would be larger (estimated from below) is not made, unless the goal is as large."""


def step(
    frame: Expr,
    text: str,
    *,
    op: str,
    cost: float = 1.0,
    labels: int = 0,
    tags: Sequence[str] = (),
    parts: Sequence[Expr] = (),
) -> Expr:
    """``frame`` and what is called on it.

    Args:
        frame: The value that the call is made on, ``{0}`` in ``text`` and put before it.
        text: A template, constants already as :func:`literal` text: ``.groupby('a').sum()``.
        op: The canonical name of the call.
        cost: Nats, labels aside.
        labels: How many column labels the text holds, 0.2 nats each.
        tags: Where other constants come from.
        parts: What ``{1}``, ``{2}`` … stand for.
    """
    return call("{0}" + text, frame, *parts, op=op, cost=cost + 0.2 * labels, tags=(*(LABEL,) * labels, *tags))


def some(labels: Sequence[Hashable]) -> str:
    """One label as it is, several as a list."""
    return literal(labels[0]) if len(labels) == 1 else literal(list(labels))


def origin(frame: Expr, label: Hashable) -> tuple[Expr, Expr | None]:
    """The frame that a column is from, assignments of other columns left out, and what was assigned if it was."""
    while frame.op == "assign" and len(frame.parts) == 2:
        if f"assign({label}=" in frame.template or f"{{{literal(label)}: " in frame.template:
            return frame, frame.parts[1]
        frame = frame.parts[0]
    return frame, None


def distinct(exprs: Iterable[Expr], most: int | None = None) -> Iterator[Expr]:
    """Each text once, at most so many."""
    seen: set[str] = set()

    def fresh() -> Iterator[Expr]:
        for expr in exprs:
            if expr.text not in seen:
                seen.add(expr.text)
                yield expr

    yield from islice(fresh(), most)


def computes(table: Table, goal: Goal) -> bool:
    """Whether the goal has a column of numbers that are not all cells of the table."""
    return any(c.kind == "num" and not c.distinct <= table.cells for c in goal.columns)


def is_frame(table: Table) -> bool:
    """A frame with rows, columns and labels that name one column each."""
    return table.shape_kind == "frame" and bool(table.labels) and not table.duplicate_labels


def flat(table: Table) -> bool:
    """A frame as :func:`is_frame`, its column labels no MultiIndex."""
    return is_frame(table) and table.levels == 1


def hashable(column: Column) -> bool:
    """Whether the cells can be keys: no lists or dictionaries among them."""
    if column.array.dtype != object:
        return True
    return not any(isinstance(cell, list | dict | set | np.ndarray) for cell in column.cells)


def has_lists(column: Column) -> bool:
    """Whether some cell is a list, a tuple or a set."""
    return column.array.dtype == object and any(isinstance(cell, list | tuple | set) for cell in column.cells)


def has_nulls(table: Table) -> bool:
    """Whether any cell is missing."""
    return any(column.null.any() for column in table.columns)


def numeric(table: Table) -> list[int]:
    """Positions of the columns that pandas calls numbers, booleans aside."""
    return [i for i, column in enumerate(table.columns) if column.kind == "num" and column.array.dtype != object]


def named_in(goal: Goal, label: Hashable, book_code: int) -> bool:
    """Whether a label is a label, a name or a part of a label in the goal."""
    return label is not None and (book_code in goal.column_label_parts or book_code in goal.axis_names)


def label_shown(goal: Goal, column: Column) -> bool:
    """Whether a column's label is in sight in the goal."""
    return column.label is not None and named_in(goal, column.label, goal.book.code(column.label))


def goal_labels(goal: Goal) -> tuple[int, ...]:
    """Codes of the goal's column labels; a series has the code of its name."""
    if goal.shape_kind == "series":
        return (goal.book.code(goal.value.name),)
    return goal.label_codes


def label_set(goal: Goal) -> frozenset[int]:
    """The same as a set."""
    return frozenset(goal_labels(goal))


def same_labels(table: Table, goal: Goal) -> bool:
    """Whether the goal's column labels are the table's, in any order."""
    return (
        goal.shape_kind == "frame"
        and len(goal.labels) == len(table.labels)
        and label_set(goal) == set(table.label_codes)
    )


def is_date_index(table: Table) -> bool:
    """Whether the rows are labelled by moments."""
    return table.shape_kind in ("frame", "series") and isinstance(table.value.index, pd.DatetimeIndex)


__all__ = [
    "MOST_COLUMNS",
    "MOST_ROWS",
    "computes",
    "distinct",
    "flat",
    "goal_labels",
    "has_lists",
    "has_nulls",
    "hashable",
    "is_date_index",
    "is_frame",
    "label_set",
    "label_shown",
    "named_in",
    "numeric",
    "origin",
    "same_labels",
    "some",
    "step",
]  # fmt: skip
