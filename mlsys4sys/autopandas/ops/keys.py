"""Which columns rows may be grouped by, and where the goal shows them."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.pool import starts
from mlsys4sys.autopandas.expression import literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import hashable, label_shown
from mlsys4sys.autopandas.table import Codebook, Column, Table

MOST_KEYS = 4
"""Keys in one ``groupby``."""


@dataclass(frozen=True, eq=False)
class Key:
    """Something to group by."""

    column: Column
    """Its cells, one a row of the table."""
    text: str
    """How ``groupby`` is told, a template; ``{0}`` is the table."""
    cost: float
    level: int | None = None
    """The level of the row index that it is, None for others."""
    derived: bool = False
    """Whether it is computed, so that no column of the table has its cells."""


@dataclass(frozen=True, eq=False)
class KeySet:
    """Keys together, and where the goal has them."""

    keys: tuple[Key, ...]
    places: tuple[Column, ...]
    """The columns or index levels of the goal that hold the keys' cells, one each."""

    @property
    def cost(self) -> float:
        """Nats of all keys."""
        return sum(key.cost for key in self.keys)

    @property
    def named(self) -> int:
        """How many keys have in the goal the label that they have in the table."""
        return sum(key.column.label == place.label for key, place in zip(self.keys, self.places, strict=True))

    def text(self) -> str:
        """The argument of ``groupby``, a template."""
        return by(self.keys)


def by(keys: Sequence[Key]) -> str:
    """The argument of ``groupby`` for some keys, a template."""
    if any(key.level is not None and key.column.label is None for key in keys):
        if all(key.level is not None for key in keys):
            levels = [key.level for key in keys]
            return f"level={levels[0] if len(levels) == 1 else levels}"
        return "[" + ", ".join(_grouper(key) for key in keys) + "]"
    texts = [key.text for key in keys]
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"


def _grouper(key: Key) -> str:
    return f"pd.Grouper(level={key.level})" if key.level is not None and key.column.label is None else key.text


def keys_of(table: Table) -> list[Key]:
    """All columns and index levels that could be keys."""
    out = [Key(c, literal(c.label), 0.2) for c in table.columns if table.shape_kind == "frame" and hashable(c)]
    if table.shape_kind in ("frame", "series") and not table.plain_index:
        labels = set(table.labels)
        for i, level in enumerate(table.index):
            clash = level.label in labels
            if hashable(level) and not clash:
                out.append(Key(level, literal(level.label) if level.label is not None else f"level={i}", 0.5, i))
    return out


def derived_keys(table: Table, goal: Goal, *, across: bool = False) -> list[Key]:
    """Parts of dates, intervals, runs, and blocks of so many rows each.

    Args:
        table: What is grouped.
        goal: The wanted output.
        across: Whether column labels may show them.
    """
    out: list[Key] = []
    if table.shape_kind != "frame":
        return out
    shown = list(goal.everything)
    if goal.shape_kind == "scalar":
        shown = [Column(None, pd.Series([goal.value]).array, goal.book)]
    if across and goal.shape_kind == "frame" and goal.levels == 1:
        shown += _own_labels(table, goal)
    for column in table.columns:
        if column.kind == "date":
            out += _date_keys(
                column, table, shown, f"{{0}}[{literal(column.label)}].dt", f"key={literal(column.label)}, "
            )
        elif column.kind == "num":
            out += _cuts(column, shown)
    for level in table.index:
        if level.kind == "date" and isinstance(table.value.index, pd.DatetimeIndex):
            out += _date_keys(level, table, shown, "{0}.index", "")
    n = table.rows
    out += _run_keys(table, goal)
    out += _start_keys(table, goal)
    if 1 < goal.rows < n:
        size = -(-n // goal.rows)
        if size > 1 and -(-n // size) == goal.rows:
            block = Column(None, np.arange(n) // size, table.book)
            out.append(Key(block, f"np.arange(len({{0}})) // {size}", 1.8, derived=True))
    return out


def _own_labels(table: Table, goal: Goal) -> list[Column]:
    """The goal's column labels that are no labels of the table, as a column."""
    rest = [label for label, code in zip(goal.labels, goal.label_codes, strict=True) if code not in table.label_codes]
    return [Column(goal.value.columns.name, pd.Series(rest).array, goal.book)] if len(rest) > 1 else []


def _run_keys(table: Table, goal: Goal) -> Iterator[Key]:
    """Runs of equal cells, where there are as many as the goal has rows and a cell comes back after others."""
    if not 1 < goal.rows < table.rows:
        return
    for column in table.columns:
        if column.kind not in ("str", "num", "bool") or not hashable(column) or column.null.any():
            continue
        numbers = np.cumsum(np.r_[1, column.codes[1:] != column.codes[:-1]])
        if len(column.distinct) < numbers[-1] == goal.rows:
            label = literal(column.label)
            text = f"({{0}}[{label}] != {{0}}[{label}].shift()).cumsum()"
            yield Key(Column(column.label, numbers, table.book), text, 2.0, derived=True)


def _start_keys(table: Table, goal: Goal) -> Iterator[Key]:
    """Rows from one that is marked up to the next, where there are as many such groups as the goal has rows."""
    scalar = goal.shape_kind == "scalar"
    if not (scalar or 1 < goal.rows < table.rows):
        return
    for column in table.columns:
        for mark, text in starts(column, column.label):
            numbers = np.cumsum(mark)
            if scalar or len(np.unique(numbers)) == goal.rows:
                yield Key(Column(column.label, numbers, table.book), text, 2.0, derived=True)


_DATE_PARTS: dict[str, Callable[[Column], bool]] = {
    "year": lambda place: _within(place, 1000, 3000),
    "month": lambda place: _within(place, 1, 12),
    "day": lambda place: _within(place, 1, 31),
    "hour": lambda place: _within(place, 0, 23),
    "day_of_week": lambda place: _within(place, 0, 6),
    "quarter": lambda place: _within(place, 1, 4),
    "day_name()": lambda place: place.kind == "str" and set(place.cells) <= set(calendar.day_name),
    "month_name()": lambda place: place.kind == "str" and set(place.cells) <= set(calendar.month_name),
    "date": lambda place: place.kind == "date",
}
"""Parts of dates, and whether a place of the goal may hold them."""


def _within(place: Column, low: int, high: int) -> bool:
    return place.kind == "num" and bool(((place.numbers >= low) & (place.numbers <= high)).all())


BINS: tuple[tuple[str, str, str], ...] = (
    ("D", "D", "start"), ("MS", "M", "start"), ("ME", "M", "end"), ("W", "W", "end"), ("YS", "Y", "start"),
    ("YE", "Y", "end"), ("QS", "Q", "start"), ("QE", "Q", "end"), ("h", "h", "floor"), ("2h", "2h", "floor"),
    ("6h", "6h", "floor"), ("12h", "12h", "floor"), ("30min", "30min", "floor"), ("15min", "15min", "floor"),
    ("4h", "4h", "floor"), ("3h", "3h", "floor"), ("8h", "8h", "floor"),
    ("10min", "10min", "floor"), ("5min", "5min", "floor"), ("min", "min", "floor"),
)  # fmt: skip
"""Spans of time: the frequency, the period or step that it is, and which moment of it is its label."""

_FORMATS = ("%Y-%m", "%Y-%m-%d", "%Y", "%m", "%b", "%B", "%b %Y", "%Y/%m", "%m/%Y", "%d/%m/%Y", "%A", "%a", "%H:%M")


_QUARTER = re.compile(r"(?:\d{4})?Q[1-4]")


def _date_keys(column: Column, table: Table, shown: Sequence[Column], accessor: str, key: str) -> list[Key]:
    """Parts of dates and spans of time, where the goal has something that may be such.

    Args:
        column: The dates.
        table: What is grouped.
        shown: What the goal shows.
        accessor: The text that has their parts: ``{0}['day'].dt`` or ``{0}.index``.
        key: The argument of ``pd.Grouper`` that names them, a comma after it; empty for the index.
    """
    series = column.series
    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        return []
    places = [place for place in shown if _may_be_time(place, column)]
    out: list[Key] = []
    for part, may_be in _DATE_PARTS.items():
        if not any(map(may_be, places)):
            continue
        made = getattr(series.dt, part.removesuffix("()"))
        values = made() if part.endswith("()") else made
        cells = Column(column.label, values.to_numpy(), table.book)
        out.append(Key(cells, f"{accessor}.{part}", 1.0, derived=True))
    if getattr(series.dtype, "tz", None) is None:
        out += _bins(column, table.book, places, accessor, key)
    return out


def _may_be_time(place: Column, column: Column) -> bool:
    """Whether a part of the goal may hold parts of the dates: it is called alike, or nothing."""
    if not place.distinct or place.distinct <= column.distinct:
        return False
    if place.kind == "num":
        called = str(place.label).lower()
        alike = place.label is None or place.label == column.label or any(p.strip("()") in called for p in _DATE_PARTS)
        numbers = place.numbers
        return alike and bool((numbers == np.rint(numbers)).all()) and not _counts(place)
    return place.kind in ("date", "str", "obj")


def _bins(column: Column, book: Codebook, places: Sequence[Column], accessor: str, key: str) -> list[Key]:
    """Spans of time that the goal shows: as moments, as periods or as text."""
    series = column.series
    out: list[Key] = []
    for place in places:
        if place.kind == "date":
            for freq, unit, how in BINS:
                if on_grid(place, unit, how):
                    cells = Column(column.label, binned(series, unit, how).to_numpy(), book)
                    text = f"pd.Grouper({key}freq={literal(freq)})"
                    out.append(Key(cells, text, 1.0 + 0.3 * (len(freq) > 2), derived=True))
                    if how == "floor" and len(cells.distinct) == len(place.distinct):  # spans without rows are left out
                        text = f"{accessor}.floor({literal(unit)})"
                        out.append(Key(cells, text, 1.3 + 0.3 * (len(freq) > 2), derived=True))
        elif place.kind == "obj" and isinstance(place.cells[0], pd.Period):
            unit = place.cells[0].freqstr.split("-")[0].removesuffix("E")
            cells = Column(column.label, series.dt.to_period(unit).array, book)
            out.append(Key(cells, f"{accessor}.to_period({literal(unit)})", 1.1, derived=True))
        elif place.kind == "str":
            for form in _FORMATS:
                if _reads(str(book.cell(min(place.distinct))), form):
                    cells = Column(column.label, series.dt.strftime(form).to_numpy(dtype=object), book)
                    out.append(Key(cells, f"{accessor}.strftime({literal(form)})", 1.4, derived=True))
            if all(_QUARTER.fullmatch(str(cell)) for cell in place.cells):
                texts = series.dt.to_period("Q").astype(str)
                text = f"{accessor}.to_period('Q').astype(str)"
                if len(str(place.cells[0])) == 2:
                    texts, text = texts.str[-2:], f"'Q' + {accessor}.quarter.astype(str)"
                out.append(Key(Column(column.label, texts.array, book), text, 1.3, derived=True))
    return out


def binned(series: pd.Series, unit: str, how: str) -> pd.Series:
    """The label of each moment's span."""
    if how == "floor":
        return series.dt.floor(unit)
    periods = series.dt.to_period(unit).dt
    return (periods.end_time if how == "end" else periods.start_time).dt.normalize()


def on_grid(place: Column, unit: str, how: str) -> bool:
    """Whether all moments are labels of such spans."""
    series = place.series.dropna()
    return pd.api.types.is_datetime64_any_dtype(series.dtype) and bool((binned(series, unit, how) == series).all())


def spacing(moments: Any) -> str | None:
    """The frequency at which moments follow one another, the longest span first; None where there is none."""
    moments = pd.DatetimeIndex(moments)
    if len(moments) < 2 or len(moments) > 5000 or moments.hasnans:
        return None
    longest = sorted(BINS, key=lambda row: "YQMWDh2".find(row[0][0]) % 9)
    for freq, _, _ in longest:
        if moments[-1] - moments[0] >= pd.Timedelta(minutes=len(moments) - 1):
            made = pd.date_range(moments[0], periods=len(moments), freq=freq)
            if (made == moments).all():
                return freq
    return None


def _reads(text: str, form: str) -> bool:
    try:
        datetime.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _cuts(column: Column, shown: Sequence[Column]) -> list[Key]:
    """Intervals that the goal shows, their edges taken from there."""
    out: list[Key] = []
    for place in shown:
        cells = [cell for cell in place.cells if isinstance(cell, pd.Interval)] if place.kind == "obj" else []
        if not cells or not isinstance(cells[0].left, int | float | np.number):
            continue
        edges = sorted({edge for cell in cells for edge in (cell.left, cell.right)})
        edges = [int(edge) if float(edge).is_integer() else edge for edge in edges]
        right = "" if cells[0].closed == "right" else ", right=False"
        out += _equal_cuts(column, set(cells))
        made = pd.cut(column.series, edges, right=not right)
        tagged = f"pd.cut({{0}}[{literal(column.label)}], {literal(edges)}{right})"
        out.append(
            Key(
                Column(column.label, made.array, column.book),
                tagged,
                1.5 + 0.5 * len(edges),
                derived=True,
            )
        )
    return out


def _equal_cuts(column: Column, shown: set[Any]) -> Iterator[Key]:
    """Intervals of equal width or of equally many rows, by how many there are."""
    for function, cut, cost in (("cut", pd.cut, 1.5), ("qcut", pd.qcut, 1.6)):
        for k in range(max(2, len(shown)), len(shown) + 3):
            try:
                made = cut(column.series, k)
            except ValueError:
                continue
            if shown <= set(made.cat.categories):
                text = f"pd.{function}({{0}}[{literal(column.label)}], {k})"
                yield Key(Column(column.label, made.array, column.book), text, cost, derived=True)
                break


def key_sets(goal: Goal, keys: Sequence[Key], *, most: int, columns_too: bool = False) -> list[KeySet]:
    """Sets of keys that the goal shows, the most plausible first.

    A key is shown where a column or an index level of the goal has cells of the key alone.

    Args:
        goal: The wanted output.
        keys: What to choose from.
        most: So many sets at most.
        columns_too: Whether a key may also be shown by the goal's column labels.
    """
    places = {i: _places(key, goal, columns_too=columns_too) for i, key in enumerate(keys)}
    shown = [i for i in places if places[i]]
    shown.sort(key=lambda i: -_likeness(keys[i], places[i][0]))
    shown = shown[:8]
    found: list[tuple[tuple[float, float], KeySet]] = []
    for size in range(1, min(MOST_KEYS, len(shown)) + 1):
        for chosen in combinations(sorted(shown), size):
            if size > 2 and any(_likeness(keys[i], places[i][0]) < 1 for i in chosen):
                continue
            placed = _assign([places[i] for i in chosen])
            if placed is not None:
                group = KeySet(tuple(keys[i] for i in chosen), placed)
                likeness = sum(_likeness(keys[i], p) for i, p in zip(chosen, placed, strict=True))
                found.append(((_oddness(group, goal), group.cost - likeness), _ordered(group, goal)))
    found.sort(key=lambda pair: pair[0])
    return [group for _, group in found[:most]]


def _oddness(group: KeySet, goal: Goal) -> float:
    """Keys without repeats make groups of one row; an index that is set should hold all keys, and nothing else."""
    odd = 2.0 * any(key.column.unique for key in group.keys)
    if not goal.plain_index and goal.index:
        inside = sum(any(place is level for level in goal.index) for place in group.places)
        odd += 0.0 if inside == len(group.places) == len(goal.index) else 4.0
    return odd


def _ordered(group: KeySet, goal: Goal) -> KeySet:
    """The keys in the order in which the goal has them."""
    place = {id(column): i for i, column in enumerate((*goal.index, *goal.columns))}
    order = sorted(range(len(group.keys)), key=lambda i: place.get(id(group.places[i]), -1))
    return KeySet(tuple(group.keys[i] for i in order), tuple(group.places[i] for i in order))


def _places(key: Key, goal: Goal, *, columns_too: bool) -> list[Column]:
    found = [
        place
        for place in goal.everything
        if place.distinct and place.distinct <= key.column.distinct and not (key.derived and _counts(place))
    ]
    if columns_too and goal.shape_kind == "frame":
        found += [
            header for header in headers(goal) if header.distinct and len(header.distinct & key.column.distinct) > 1
        ]
    found.sort(key=lambda place: -_likeness(key, place))
    return found[:3]


def _counts(place: Column) -> bool:
    """Whether a column counts 0, 1, 2 …, as an index does that nobody set."""
    return place.label is None and place.kind == "num" and bool((place.numbers == np.arange(len(place.numbers))).all())


def headers(goal: Table) -> list[Column]:
    """The levels of a frame's column labels as columns."""
    columns = goal.value.columns
    return [
        Column(columns.names[i], columns.get_level_values(i).array.to_numpy(), goal.book)
        for i in range(columns.nlevels)
    ]


def _likeness(key: Key, place: Column) -> float:
    """How sure it is that a place of the goal holds the key: the same label, the same kind, all its cells."""
    score = 2.0 if key.column.label is not None and key.column.label == place.label else 0.0
    score += 0.5 * (len(place.distinct) == len(key.column.distinct)) + 0.5 * (key.column.kind == place.kind != "num")
    return score - 0.5 * key.derived


def _assign(places: Sequence[Sequence[Column]]) -> tuple[Column, ...] | None:
    """A different place for each key, earlier choices first."""
    chosen: list[Column] = []
    for options in places:
        free = [place for place in options if all(place is not taken for taken in chosen)]
        if not free:
            return None
        chosen.append(free[0])
    return tuple(chosen)


def plausible_keys(table: Table, goal: Goal) -> list[Key]:
    """Keys for a step before the last: shown in the goal by label or cells, or with few cells of many rows."""
    scored = []
    for key in keys_of(table):
        column = key.column
        score = 2.0 * label_shown(goal, column) + 1.5 * goal.shows(column, least=0.5)
        score += 0.5 * (1 < len(column.distinct) < table.rows) - 1.0 * (
            column.kind == "num" and column.array.dtype.kind == "f"
        )
        score -= 1.0 * column.unique
        if score > 0.4:
            scored.append((score, key))
    scored.sort(key=lambda pair: -pair[0])
    return [key for _, key in scored]


def pairs(keys: Sequence[Key], most: int) -> Iterator[tuple[Key, ...]]:
    """Single keys, then pairs."""
    count = 0
    for size in (1, 2):
        for chosen in combinations(keys, size):
            if count >= most:
                return
            count += 1
            yield chosen


__all__ = [
    "BINS",
    "Key",
    "KeySet",
    "binned",
    "by",
    "derived_keys",
    "headers",
    "key_sets",
    "keys_of",
    "on_grid",
    "pairs",
    "plausible_keys",
    "spacing",
]
