"""Filters of one relation as small trees, so that a sample can be filtered without asking a database.

Only what is common and plain is understood: comparisons of a column with a constant, IN, LIKE, BETWEEN, IS NULL, and
AND, OR, NOT over them. Everything else is left to DuckDB. The trees come from the quick reader
(``native/joinopt_read.cpp``).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from mlsys4sys.joinopt.statistics import INTEGERS

Condition = tuple[Any, ...]
"""``("and"|"or", parts)``, ``("not", part)``, ``("cmp", column, sign, value)``, ``("in", column, values, negated)``,
``("like", column, pattern, negated, any case)``, ``("null", column, negated)``; a value is a ``str`` or a ``float``."""

Program = tuple[Any, ...]
"""The same with columns by position, as ``_native.FilterTable`` takes it."""

_SIGNS = {"=": 0, "<>": 1, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
NUMBERS = INTEGERS | {"BOOLEAN"}


def kind_of(column_type: str) -> str:
    """How a column of this type is kept for filtering: ``number``, ``date``, ``text``, or nothing."""
    if column_type in NUMBERS or column_type.startswith("DECIMAL"):
        return "number"
    return {"DATE": "date", "VARCHAR": "text"}.get(column_type, "")


def program_of(condition: Condition, places: Mapping[str, tuple[int, str]]) -> Program | None:
    """A condition over columns by position and kind; nothing where a constant does not go with its column."""
    what = condition[0]
    if what in ("and", "or"):
        parts = [program_of(part, places) for part in condition[1]]
        return None if None in parts else (0 if what == "and" else 1, parts)
    if what == "not":
        part = program_of(condition[1], places)
        return None if part is None else (2, part)
    if condition[1] not in places:
        return None
    place, kind = places[condition[1]]
    if what == "null":
        return (8, place, condition[2])
    if what == "like":
        return (7, place, condition[2], condition[3], condition[4]) if kind == "text" else None
    values = [_as(kind, value) for value in (condition[2] if what == "in" else condition[3:4])]
    if None in values:
        return None
    if what == "in":
        return (6 if kind == "text" else 5, place, values, condition[3])
    return (4 if kind == "text" else 3, place, _SIGNS[condition[2]], values[0])


def columns_of(condition: Condition) -> set[str]:
    """The columns that a condition reads."""
    if condition[0] in ("and", "or"):
        return {name for part in condition[1] for name in columns_of(part)}
    return columns_of(condition[1]) if condition[0] == "not" else {condition[1]}


def _as(kind: str, value: str | float) -> str | float | None:
    """A constant as values of a column are kept; nothing where DuckDB would convert the column instead."""
    if kind == "text":
        return value if isinstance(value, str) else None
    if isinstance(value, float):
        return value if kind == "number" else None
    try:
        if kind == "date":
            return float(datetime.date.fromisoformat(value).toordinal() - datetime.date(1970, 1, 1).toordinal())
        return float(value)
    except ValueError:
        return None
