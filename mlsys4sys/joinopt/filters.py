"""Filters of one relation as small trees, so that a sample can be filtered without asking a database.

Only what is common and plain is understood: comparisons of a column with a constant, IN, LIKE, BETWEEN, IS NULL, and
AND, OR, NOT over them. Everything else is left to DuckDB.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from mlsys4sys.joinopt.statistics import INTEGERS

Condition = tuple[Any, ...]
"""``("and"|"or", parts)``, ``("not", part)``, ``("cmp", column, sign, value)``, ``("in", column, values, negated)``,
``("like", column, pattern, negated, any case)``, ``("null", column, negated)``; a value is a ``str`` or a ``float``."""

Program = tuple[Any, ...]
"""The same with columns by position, as ``_native.FilterTable`` takes it."""

_SIGNS = {"=": 0, "<>": 1, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
NUMBERS = INTEGERS | {"BOOLEAN"}


class _Unknown(Exception):  # noqa: N818 - a signal
    """The expression is not one of the plain ones."""


def condition_of(tokens: Sequence[Any], low: int, high: int) -> Condition | None:
    """Read the tokens ``[low, high)`` of :mod:`mlsys4sys.joinopt.light`; nothing when they say something else."""
    reader = _Reader(tokens, low, high)
    try:
        found = reader.disjunction()
    except (_Unknown, IndexError):
        return None
    return found if reader.at == high else None


class _Reader:
    def __init__(self, tokens: Sequence[Any], low: int, high: int) -> None:
        self.tokens, self.at, self.high = tokens, low, high

    def _word(self) -> str:
        """The word here; empty for anything else."""
        if self.at >= self.high or self.tokens[self.at].kind != "word":
            return ""
        return str(self.tokens[self.at].text)

    def _sign(self) -> str:
        if self.at >= self.high or self.tokens[self.at].kind != "sign":
            return ""
        return str(self.tokens[self.at].text)

    def _skip(self, word: str) -> bool:
        if self._word() == word:
            self.at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if self._sign() != sign:
            raise _Unknown
        self.at += 1

    def disjunction(self) -> Condition:
        parts = [self._conjunction()]
        while self._skip("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else ("or", tuple(parts))

    def _conjunction(self) -> Condition:
        parts = [self._negation()]
        while self._skip("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else ("and", tuple(parts))

    def _negation(self) -> Condition:
        if self._skip("not"):
            return ("not", self._negation())
        if self._sign() == "(":
            self.at += 1
            inside = self.disjunction()
            self._expect(")")
            return inside
        return self._predicate()

    def _predicate(self) -> Condition:
        token = self.tokens[self.at]
        if token.kind in ("text", "number") or self._sign() == "-":
            value = self._value()
            sign = self._comparison()
            return ("cmp", self._column(), _TURNED.get(sign, sign), value)
        column = self._column()
        if self._sign() in _SIGNS:
            sign = self._comparison()
            return ("cmp", column, sign, self._value())
        if self._skip("is"):
            negated = self._skip("not")
            if not self._skip("null"):
                raise _Unknown
            return ("null", column, negated)
        negated = self._skip("not")
        if self._skip("in"):
            return ("in", column, self._values(), negated)
        if self._skip("between"):
            least = self._value()
            if not self._skip("and"):
                raise _Unknown
            both = ("and", (("cmp", column, ">=", least), ("cmp", column, "<=", self._value())))
            return ("not", both) if negated else both
        anycase = self._word() == "ilike"
        if self._skip("like") or self._skip("ilike"):
            pattern = self._value()
            if not isinstance(pattern, str) or "\\" in pattern or self._word() == "escape":
                raise _Unknown
            return ("like", column, pattern, negated, anycase)
        raise _Unknown

    def _comparison(self) -> str:
        sign = self._sign()
        if sign not in _SIGNS:
            raise _Unknown
        self.at += 1
        return sign

    def _column(self) -> str:
        token = self.tokens[self.at]
        if token.kind not in ("word", "name"):
            raise _Unknown
        self.at += 1
        if self._sign() == ".":
            token = self.tokens[self.at + 1]
            self.at += 2
        if self._sign() == "(":
            raise _Unknown
        return str(token.text.lower())

    def _values(self) -> tuple[str | float, ...]:
        self._expect("(")
        values = [self._value()]
        while self._sign() == ",":
            self.at += 1
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> str | float:
        minus = self._sign() == "-"
        self.at += minus or self._word() in ("date", "timestamp")
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "number":
            return -float(token.text) if minus else float(token.text)
        if token.kind == "text" and not minus:
            return str(token.text)
        raise _Unknown


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
