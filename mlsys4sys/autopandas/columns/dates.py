"""Dates: their parts, their differences, their texts, and the strings that are dates."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import LABEL, PRODUCT, SUM, Expr, call, literal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.table import Codebook, Column, Floats, plain_array

FAR_OFF = 9.2e18
"""Nanoseconds to or from 1970 past which pandas' usual type holds no date."""
MOST_DATES = 6
"""Columns of dates that are looked at."""


@dataclass(frozen=True, eq=False)
class Part:
    """A column that pandas made from dates."""

    expr: Expr
    column: Column
    cost: float


_PARTS: tuple[tuple[str, float], ...] = (
    (".dt.year", 0.8), (".dt.month", 0.8), (".dt.day", 0.9), (".dt.hour", 0.9), (".dt.day_of_week", 1.0),
    (".dt.quarter", 1.1), (".dt.minute", 1.1), (".dt.second", 1.3), (".dt.day_of_year", 1.5),
    (".dt.isocalendar().week", 1.4), (".dt.days_in_month", 1.8), (".dt.is_month_end", 1.7), (".dt.is_month_start", 1.7),
)  # fmt: skip

_WORDS: tuple[tuple[str, float], ...] = (
    (".dt.day_name()", 0.9), (".dt.month_name()", 1.0), (".dt.day_name().str[:3]", 1.6),
    (".dt.month_name().str[:3]", 1.6), (".dt.to_period('M').astype(str)", 1.7), (".dt.to_period('Q').astype(str)", 1.7),
    (".astype(str)", 1.0), (".dt.day_name().str.lower()", 1.9), (".dt.day_name().str.upper()", 1.9),
)  # fmt: skip

_MOMENTS: tuple[tuple[str, float], ...] = (
    (".dt.normalize()", 1.0), (".dt.date", 1.0), (".dt.floor('h')", 1.5), (".dt.floor('min')", 1.8),
    (".dt.to_period('M').dt.to_timestamp()", 1.7), (".dt.to_period('M')", 1.2), (".dt.to_period('Q')", 1.5),
    (".dt.to_period('Y')", 1.6), (".dt.time", 1.3), (".dt.to_period('Y').dt.to_timestamp()", 2.2),
    (" + pd.offsets.MonthEnd(0)", 1.8), (" + pd.DateOffset(months=1)", 1.9), (" + pd.DateOffset(years=1)", 1.9),
    (" - pd.DateOffset(months=1)", 2.0), (" - pd.DateOffset(years=1)", 2.0), (".dt.tz_localize(None)", 1.6),
    (".dt.tz_localize('UTC')", 1.6), (".dt.round('h')", 1.9), (".dt.round('D')", 1.9), (".dt.ceil('h')", 2.0),
    (".dt.to_period('W').dt.start_time", 2.0),
)  # fmt: skip

FORMATS: tuple[tuple[str, float], ...] = (
    ("%Y-%m-%d", 1.0), ("%Y-%m", 1.0), ("%d/%m/%Y", 1.2), ("%m/%d/%Y", 1.2), ("%Y%m%d", 1.3), ("%d-%m-%Y", 1.3),
    ("%m-%d-%Y", 1.4), ("%d.%m.%Y", 1.4), ("%Y/%m/%d", 1.4), ("%H:%M", 1.2), ("%H:%M:%S", 1.3), ("%b %Y", 1.3),
    ("%B %Y", 1.4), ("%b-%y", 1.6), ("%b-%Y", 1.6), ("%B", 1.5), ("%b", 1.4), ("%A", 1.6), ("%a", 1.4), ("%Y", 1.4),
    ("%m", 1.5), ("%d", 1.5), ("%y", 1.8), ("%H", 1.8), ("%d %b %Y", 1.5), ("%d %B %Y", 1.6), ("%B %d, %Y", 1.6),
    ("%b %d, %Y", 1.6), ("%m/%Y", 1.5), ("%m-%Y", 1.6), ("%Y%m", 1.5), ("%Y_%m", 1.8), ("%d/%m/%y", 1.6),
    ("%m/%d/%y", 1.6), ("%y-%m-%d", 1.9), ("%d-%b-%Y", 1.6), ("%d-%b-%y", 1.8), ("%b %d", 1.7), ("%d %b", 1.7),
    ("%m-%d", 1.6), ("%d/%m", 1.7), ("%m/%d", 1.7), ("%I:%M %p", 1.7), ("%Y-%m-%d %H:%M:%S", 1.4),
    ("%Y-%m-%d %H:%M", 1.5), ("%d/%m/%Y %H:%M", 1.7), ("%Y-%m-%dT%H:%M:%S", 1.8), ("%A, %B %d", 2.0), ("%Y-W%W", 2.2),
    ("%a %d %b", 2.0), ("%Y %b", 1.8), ("%Y-%b", 1.8), ("%Y-%m-01", 1.8),
)  # fmt: skip
"""``strftime`` formats that people use."""


class Dates:
    """All that one call or two make of the dates of a table.

    Args:
        expr: The table's program.
        value: The frame or series.
        sources: Expressions, columns and costs of its columns.
        book: The task's codebook.
        memo: Knows the table.
    """

    def __init__(
        self, expr: Expr, value: Any, sources: Sequence[tuple[Expr, Column, float]], book: Codebook, memo: Memo
    ) -> None:
        self.memo = memo
        self.book = book
        self.expr = expr
        self.sources = self._different(list(_dates(sources))[: 2 * MOST_DATES])[:MOST_DATES]
        self.spans = [(e, c) for e, column, c in sources if column.kind == "delta"][:MOST_DATES]
        self.amounts = [(e, c) for e, column, c in sources if column.kind == "num"][:6]
        self.texts = [(e, column, c) for e, column, c in sources if column.kind == "str"][:8]
        self.frame = value if isinstance(value, pd.DataFrame) else None

    def _different(self, sources: list[tuple[Expr, float]]) -> list[tuple[Expr, float]]:
        """Strings that read as dates which another column has are left out."""
        out, seen = [], set()
        for expr, cost in sources:
            if not expr.op:
                value = self.memo.value(expr)
                seen.add(Column(None, plain_array(value), self.book).numbers.tobytes())
                out.append((expr, cost))
            elif (part := self.part(expr, cost)) and (key := part.column.numbers.tobytes()) not in seen:
                seen.add(key)
                if np.nanmin(np.abs(part.column.numbers), initial=np.inf) < FAR_OFF:  # telephone numbers read as years
                    out.append((expr, cost))
        return out

    def part(self, expr: Expr, cost: float) -> Part | None:
        """What an expression makes, if it makes a column."""
        try:
            value = self.memo.value(expr)
        except Failed:
            return None
        if not isinstance(value, pd.Series):
            return None
        return Part(expr, Column(None, plain_array(value), self.book), cost)

    def _parts(self, made: Iterator[tuple[Expr, float]]) -> list[Part]:
        return [part for expr, cost in made if (part := self.part(expr, cost)) is not None]

    @cached_property
    def numbers(self) -> list[tuple[Expr, Floats, float]]:
        """Parts that are numbers or booleans, differences in days and the like: expressions, values, costs."""
        made = ((call("{0}" + t, e, op="dt", cost=c), b + c) for e, b in self.sources for t, c in _PARTS)
        out = [(part.expr, part.column.numbers, part.cost) for part in self._parts(made)]
        spans = [(part.expr, part.column.numbers, part.cost) for part in self.differences[:24]]
        spans += [(part.expr, part.column.numbers, part.cost) for part in self._parts(iter(self.spans))]
        for expr, ticks, base in spans:
            seconds = ticks / 1e9
            out.append((call("{0}.dt.days", expr, op="dt", cost=0.6), np.floor(seconds / 86400), base + 0.6))
            out.append((call("{0}.dt.total_seconds()", expr, op="dt", cost=0.7), seconds, base + 0.7))
            day = Expr("{0:product} / pd.Timedelta('1D')", (expr,), PRODUCT, "arithmetic", 1.4)
            out.append((day, seconds / 86400, base + 1.4))
            for unit in (86400, 3600, 60):
                scaled = Expr(f"{{0}}.dt.total_seconds() / {unit}", (expr,), PRODUCT, "dt", 1.3)
                out.append((scaled, seconds / unit, base + 1.3))
        return out

    @cached_property
    def words(self) -> list[Part]:
        """Names of days and months."""
        made = ((call("{0}" + t, e, op="dt", cost=c), b + c) for e, b in self.sources for t, c in _WORDS)
        return self._parts(made)

    @cached_property
    def moments(self) -> list[Part]:
        """Other dates."""
        return self._parts(self._moments())

    @cached_property
    def differences(self) -> list[Part]:
        """Spans of time between dates."""
        return self._parts(self._differences())

    def _differences(self) -> Iterator[tuple[Expr, float]]:
        def minus(a: Expr, b: Expr, base: float, extra: float = 0.9) -> tuple[Expr, float]:
            return Expr("{0:sum} - {1:product}", (a, b), SUM, "arithmetic", extra), base + extra

        for a, first in self.sources:
            for b, second in self.sources:
                if a.text != b.text:
                    yield minus(a, b, first + second)
        for a, first in self.sources:
            yield call("{0}.diff()", a, op="diff", cost=1.0), first + 1.0
            yield minus(a, call("{0}.min()", a, op="reduce", cost=0.6), first)
            yield minus(call("{0}.max()", a, op="reduce", cost=0.7), a, first, 1.0)
            yield minus(a, call("{0}.iloc[0]", a, op="iloc", cost=1.2), first)
            yield minus(a, call("{0}.shift()", a, op="shift", cost=1.0), first)
            yield minus(call("{0}.shift(-1)", a, op="shift", cost=1.2), a, first)
            yield from self._within(a, first)

    @cached_property
    def _keys(self) -> list[Any]:
        """Labels of columns that group the rows: the first few that repeat."""
        if self.frame is None or self.frame.columns.nlevels > 1 or not self.frame.columns.is_unique:
            return []
        out = []
        for label in self.frame.columns[:20]:
            keys = self.frame[label]
            if keys.dtype.kind in "Mf" or any(isinstance(cell, list | dict | set) for cell in keys.iloc[:3]):
                continue
            if 1 <= keys.nunique() < len(keys):
                out.append((keys.dtype.kind in "iu", label))
        return [label for _, label in sorted(out, key=lambda item: item[0])[:3]]

    def _within(self, date: Expr, base: float) -> Iterator[tuple[Expr, float]]:
        """Differences within groups of a column of names."""
        if self.frame is None or not date.parts or date.op:
            return
        for label in self._keys:
            column = date.template.removeprefix("{0}")
            text = f"{{0}}.groupby({literal(label)}){column}"
            tags = (LABEL, LABEL)
            yield call(f"{text}.diff()", self.expr, op="groupby.shift", cost=1.4, tags=tags), base + 1.4
            for how, cost in (("min", 1.5), ("max", 1.6), ("first", 1.7)):
                total = call(f"{text}.transform('{how}')", self.expr, op="groupby.transform", cost=cost, tags=tags)
                yield Expr("{0:sum} - {1:product}", (date, total), SUM, "arithmetic", 0.8), base + cost + 0.8

    def _moments(self) -> Iterator[tuple[Expr, float]]:
        for expr, base in self.sources:
            if expr.op:
                yield expr, base
            for text, cost in _MOMENTS:
                level = SUM if text[0] == " " else 0
                yield Expr("{0}" + text, (expr,), level, "arithmetic" if level else "dt", cost), base + cost
            for amount, other in self.amounts:
                for unit, cost in (("D", 1.2), ("h", 1.5), ("min", 1.8), ("s", 1.8)):
                    span = call(f"pd.to_timedelta({{0:arg}}, unit='{unit}')", amount, op="arithmetic", cost=cost)
                    yield Expr("{0:sum} + {1:product}", (expr, span), SUM, "arithmetic", 0.8), base + other + cost + 0.8
                    yield Expr("{0:sum} - {1:product}", (expr, span), SUM, "arithmetic", 1.0), base + other + cost + 1.0
            for span, other in self.spans:
                yield Expr("{0:sum} + {1:product}", (expr, span), SUM, "arithmetic", 0.8), base + other + 0.8
                yield Expr("{0:sum} - {1:product}", (expr, span), SUM, "arithmetic", 0.9), base + other + 0.9
            yield from self._group_moments(expr, base)
        yield from self._read_together()
        yield from self._since_1970()
        if self.frame is not None and len(self.frame.columns) < 100:
            names = {str(label).lower(): label for label in self.frame.columns}
            if {"year", "month", "day"} <= set(names):
                labels = literal([names["year"], names["month"], names["day"]])
                yield call(f"pd.to_datetime({{0}}[{labels}])", self.expr, op="astype", cost=1.3), 1.3
        yield from self._across()

    def _read_together(self) -> Iterator[tuple[Expr, float]]:
        """A column of days and one of times, read as one."""
        times = [(e, c) for e, column, c in self.texts if all(_TIME.fullmatch(str(t)) for t in column.cells[:20])]
        for time, second in times:
            for day, column, first in self.texts:
                if reading(column) and day.text != time.text:
                    together = Expr("{0:sum} + ' ' + {1:sum}", (day, time), SUM, "str", 0.8)
                    yield call("pd.to_datetime({0:arg})", together, op="astype", cost=1.0), first + second + 1.8
            for date, first in self.sources:
                if not date.op:
                    seconds = all(str(cell).count(":") == 2 for cell in self._cells(time))
                    text = "pd.to_timedelta({0:arg})" if seconds else "pd.to_timedelta({0:sum} + ':00')"
                    span = call(text, time, op="astype", cost=1.2)
                    yield Expr("{0:sum} + {1:product}", (date, span), SUM, "arithmetic", 0.8), first + second + 2.0

    def _cells(self, expr: Expr) -> list[Any]:
        return next(column.cells[:20] for e, column, _ in self.texts if e.text == expr.text)

    def _since_1970(self) -> Iterator[tuple[Expr, float]]:
        """Numbers of seconds or milliseconds since 1970."""
        for expr, base in self.amounts:
            cells = np.asarray(self.memo.value(expr), dtype=np.float64)
            for unit, scale in (("s", 1.0), ("ms", 1e3)):
                if len(cells) and np.nanmin(cells) > 1e8 * scale and np.nanmax(cells) < 5e9 * scale:
                    yield call(f"pd.to_datetime({{0:arg}}, unit='{unit}')", expr, op="astype", cost=1.2), base + 1.2

    def _across(self) -> Iterator[tuple[Expr, float]]:
        plain = [e for e, _ in self.sources if not e.op and e.parts]
        if self.frame is not None and 2 <= len(plain) <= 4:
            labels = "[" + ", ".join(e.template.removeprefix("{0}[").removesuffix("]") for e in plain) + "]"
            for how, cost in (("max", 1.4), ("min", 1.4)):
                yield call(f"{{0}}[{labels}].{how}(axis=1)", self.expr, op="reduce", cost=cost), cost

    def _group_moments(self, date: Expr, base: float) -> Iterator[tuple[Expr, float]]:
        for made, cost in self._within(date, base):
            if made.op == "arithmetic":
                yield made.parts[1], cost - 0.8


def _dates(sources: Sequence[tuple[Expr, Column, float]]) -> Iterator[tuple[Expr, float]]:
    """Columns of dates, then strings that read as dates."""
    for expr, column, cost in sources:
        if column.kind == "date" and column.array.dtype.kind == "M":
            yield expr, cost
        elif column.kind == "date":
            yield call("pd.to_datetime({0:arg})", expr, op="astype", cost=0.9), cost + 0.9
    for expr, column, cost in sources:
        if column.kind == "str":
            for argument, extra in reading(column)[:2]:
                made = call(f"pd.to_datetime({{0:arg}}{argument})", expr, op="astype", cost=1.0 + extra)
                yield made, cost + 1.0 + extra
        elif column.kind == "num" and _looks_like_days(column):
            made = call("{0}.astype(str)", expr, op="astype", cost=0.6)
            yield call("pd.to_datetime({0:arg}, format='%Y%m%d')", made, op="astype", cost=1.4), cost + 2.0


def _looks_like_days(column: Column) -> bool:
    there = column.numbers[~column.null]
    return bool(len(there) and ((there > 19_000_101) & (there < 21_001_231) & (there == np.rint(there))).all())


_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")

_LOOKS = re.compile(
    r"\d{1,4}[-/. :]\d{1,2}|\d{1,2}[ -](jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|[a-z]{3,9} \d{1,2},? \d{4}|\d{8}$",
    re.IGNORECASE,
)


_YEAR_FIRST = re.compile(r"\d{4}\D")


def reading(column: Column) -> list[tuple[str, float]]:
    """Arguments after the column with which ``pd.to_datetime`` reads all its strings."""
    cells = [str(column.book.cell(code)) for code in sorted(column.distinct)][:200]
    if not cells or not all(_LOOKS.search(cell) and len(cell) < 40 for cell in cells):
        return []
    out = []
    year_first = all(_YEAR_FIRST.match(cell) for cell in cells)
    for argument, kwargs, cost in (
        ("", {}, 0.0),
        (", dayfirst=True", {"dayfirst": True}, 0.6),
        (", format='mixed'", {"format": "mixed"}, 0.9),
        (", format='%d/%m/%Y'", {"format": "%d/%m/%Y"}, 0.8),
        (", format='%Y%m%d'", {"format": "%Y%m%d"}, 0.9),
        (", format='%m/%d/%Y'", {"format": "%m/%d/%Y"}, 1.0),
        (", format='%d-%m-%Y'", {"format": "%d-%m-%Y"}, 1.0),
        (", format='%d.%m.%Y'", {"format": "%d.%m.%Y"}, 1.0),
        (", errors='coerce'", {"errors": "coerce"}, 1.0),
    ):
        if year_first and "dayfirst" in kwargs:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = pd.to_datetime(pd.Series(cells), **kwargs)
        except (ValueError, TypeError, OverflowError):
            continue
        if made.notna().any():
            out.append((argument, cost))
    return out


def written(moment: Any, text: str) -> list[tuple[str, float]]:
    """The formats in which a moment reads as a text."""
    if not isinstance(moment, datetime.datetime) or pd.isna(moment):
        return []
    return [(form, cost) for form, cost in FORMATS if moment.strftime(form) == text]
