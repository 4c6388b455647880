"""Keys that are computed: parts of texts, steps and remainders of numbers, classes whose bounds the figures tell.

A key is admitted by a place of the goal that has its cells: an index level, a column, or the column labels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.numeric import constant_text, parting
from mlsys4sys.autopandas.expression import ATOM, LOOSE, Expr, assign, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import agree
from mlsys4sys.autopandas.ops.keys import Key, derived_keys, headers
from mlsys4sys.autopandas.ops.parts import hashable, origin
from mlsys4sys.autopandas.table import Bools, Codes, Column, Floats, Table

MOST_CLASSES = 8
"""Classes of a number."""

MOST_ROWS = 5000
"""Rows of a table for which keys are computed."""

MOST_NODES = 400
"""Classes tried at one place, for one figure of one column."""

SEPARATORS = ("@", "-", "_", "/", ":", ", ", ",", ".", " ")


@dataclass(frozen=True, eq=False)
class Place:
    """Where the goal may show a key."""

    cells: Column
    """Its cells there; of column labels, those that are no other columns."""
    across: bool = False
    """Whether they are column labels."""


def places(table: Table, goal: Goal, *, across: bool = True) -> list[Place]:
    """Index levels, columns and column labels of the goal whose cells no column of the table has."""
    if goal.shape_kind == "scalar":
        return [Place(Column(None, pd.Series([goal.value]).array, goal.book))]
    if goal.shape_kind not in ("frame", "series"):
        return []
    if goal.rows > table.rows:
        return []
    fewer = goal.rows < table.rows
    named = fewer and (not goal.plain_index or goal.index[0].label is not None)
    found = [Place(place) for place in goal.index if named and _strange(place, table)]
    for j, place in enumerate(goal.columns if goal.shape_kind == "frame" and fewer else ()):
        # Numbers are keys where no figures stand before them, and some behind.
        keys = [c.kind != "num" or any(c.distinct <= mine.distinct for mine in table.columns) for c in goal.columns[:j]]
        figure = place.kind == "num" and (not goal.plain_index or not all(keys) or j + 1 == len(goal.columns))
        if not figure and _strange(place, table):
            found.append(Place(place))
    if across and goal.shape_kind == "frame" and goal.levels == 1:
        header = headers(goal)[0]
        labels = set(table.label_codes)
        rest = [j for j, code in enumerate(header.codes.tolist()) if code not in labels and code]
        cells = pd.Series([goal.labels[j] for j in rest])
        place = Column(header.label, cells.array, goal.book)
        plain = place.kind != "obj" or all(isinstance(cell, pd.Interval | pd.Period) for cell in place.cells)
        if len(rest) > 1 and plain and _strange(place, table):
            found.append(Place(place, across=True))
    return found


def _strange(place: Column, table: Table) -> bool:
    """Whether a place's cells are no cells of the table, so that they were computed if they are keys."""
    if not place.distinct or place.null.any() or len(place.distinct) > 200:
        return False
    if place.kind == "num":
        cells = place.numbers
        if any(place.label == c.label and place.distinct <= c.distinct for c in table.columns):
            return False
        return bool((cells == np.rint(cells)).all()) and not (place.label is None and _counted(cells))
    return not any(place.distinct <= c.distinct for c in table.columns)


def _counted(cells: Floats) -> bool:
    return bool((cells == np.arange(len(cells))).all())


def computed_keys(table: Table, goal: Goal, *, across: bool = False) -> list[Key]:
    """Keys that are computed from one column and that the goal shows.

    Args:
        table: What is grouped.
        goal: The wanted output.
        across: Whether column labels may show them.
    """
    if table.shape_kind != "frame" or not 1 < table.rows <= MOST_ROWS or table.duplicate_labels or table.levels != 1:
        return []
    out: list[Key] = []
    for place in places(table, goal, across=across):
        for column in table.columns:
            if column.kind == "str":
                out += _checked(column, place, _of_texts(column, place.cells))
            elif column.kind == "num":
                out += _checked(column, place, _of_numbers(place.cells))
        if goal.shape_kind != "scalar":
            out += banded(table, goal, place)
    return list({key.text: key for key in out}.values())


Making = tuple[str, Callable[[pd.Series], pd.Series], float]
"""What is called on a column, the same as a function, and its cost."""


def _checked(column: Column, place: Place, makings: Iterator[Making]) -> Iterator[Key]:
    """Those that give the cells of the place: tried on a few rows first."""
    if column.null.all():
        return
    some = column.series.iloc[:3]
    for text, make, cost in makings:
        try:
            tried = Column(None, make(some).array, column.book).distinct
            if not tried or not (tried <= place.cells.distinct or len(place.cells.codes) == 1):
                continue
            made = Column(column.label, make(column.series).array, column.book)
        except (TypeError, ValueError, AttributeError, KeyError):
            continue
        if place.cells.distinct <= made.distinct and (
            made.distinct <= place.cells.distinct or len(place.cells.codes) == 1
        ):
            yield Key(made, text.replace("{0}", f"{{0}}[{literal(column.label)}]"), cost, derived=True)


def _of_texts(column: Column, place: Column) -> Iterator[Making]:
    """First letters and such, lengths, parts at a separator, other cases."""
    if place.kind == "num":
        yield "{0}.str.len()", lambda s: s.str.len(), 1.2
        yield "{0}.str.split().str.len()", lambda s: s.str.split().str.len(), 1.8
        return
    if place.kind != "str":
        return
    cell = str(place.cells[0])
    size = len(cell)
    if all(len(str(other)) == size for other in place.cells) and size <= 10:
        take = "0" if size == 1 else f":{size}"
        yield f"{{0}}.str[{take}]", lambda s: s.str[:size], 1.0 + 0.3 * (size > 1)
        yield (
            f"{{0}}.str[{take}].str.upper()" if cell.upper() == cell else f"{{0}}.str[{take}].str.lower()",
            lambda s: s.str[:size].str.upper() if cell.upper() == cell else s.str[:size].str.lower(),
            1.8,
        )
        yield f"{{0}}.str[-{size}{':' if size > 1 else ''}]", lambda s: s.str[-size:], 1.3 + 0.3 * (size > 1)
    text = str(column.cells[0])
    for separator in SEPARATORS:
        if separator in text and separator not in cell:
            for at in (0, -1, 1):
                cut = f".str.split({literal(separator)})"
                yield f"{{0}}{cut}.str[{at}]", _part(separator, at), 1.4 + 0.2 * (at != 0)
    yield "{0}.str.lower()", lambda s: s.str.lower(), 1.0
    yield "{0}.str.upper()", lambda s: s.str.upper(), 1.0
    yield "{0}.str.title()", lambda s: s.str.title(), 1.1
    yield "{0}.str.strip()", lambda s: s.str.strip(), 1.0
    yield "{0}.str.strip().str.lower()", lambda s: s.str.strip().str.lower(), 1.6
    yield "{0}.str.strip().str.title()", lambda s: s.str.strip().str.title(), 1.7


def _part(separator: str, at: int) -> Callable[[pd.Series], pd.Series]:
    return lambda s: s.str.split(separator).str[at]


def _of_numbers(place: Column) -> Iterator[Making]:
    """Steps, decades above all, remainders and signs."""
    if place.kind == "str":
        if all(str(cell).removesuffix("s").isdecimal() and str(cell).endswith("s") for cell in place.cells):
            yield "({0} // 10 * 10).astype(str) + 's'", lambda s: (s // 10 * 10).astype(str) + "s", 2.2
        return
    if place.kind != "num":
        return
    cells = place.numbers.astype(np.int64)
    common = math.gcd(*cells.tolist())
    for k in (10, 100, 1000, 5, 20, 50, 25, 2, 4, 500, 10_000):
        if k > 1 and common % k == 0 and common:
            yield f"{{0}} // {k} * {k}", _stepped(k, scaled=True), 1.4 + 0.3 * (k not in (10, 100, 1000))
    for k in (10, 100, 1000):
        yield f"{{0}} // {k}", _stepped(k, scaled=False), 1.5
    if cells.min() >= 0 and cells.max() < 10 and len(cells) > 1:
        for k in (2, 3, 10, 4, 5, 7):
            if cells.max() < k:
                yield f"{{0}} % {k}", _remainder(k), 1.3 + 0.3 * (k > 2)
    if set(cells.tolist()) <= {-1, 0, 1}:
        yield "np.sign({0})", lambda s: np.sign(s), 1.4
    yield "{0}.round()", lambda s: s.round(), 1.4


def _stepped(k: int, *, scaled: bool) -> Callable[[pd.Series], pd.Series]:
    return lambda s: s // k * (k if scaled else 1)


def _remainder(k: int) -> Callable[[pd.Series], pd.Series]:
    return lambda s: s % k


# Classes


@dataclass(frozen=True, eq=False)
class _Figures:
    """What the goal says of each class: a figure for each of the other keys."""

    classes: tuple[int, ...]
    """Codes of the classes, in the goal's order."""
    wanted: Floats
    """Shape (classes, other keys), NaN where the goal has none."""
    ids: Codes
    """The other key of each row of the table."""
    blank: bool
    """Whether 0 may stand where there are no rows."""


def banded(table: Table, goal: Goal, place: Place) -> Iterator[Key]:
    """Classes of a number with names of their own: ``pd.cut``, or a condition where there are two.

    Their bounds are in no table, but rows in the order of the number fall into runs whose figures the goal has.
    """
    cells = place.cells
    if cells.kind not in ("str", "bool") or not 2 <= len(cells.distinct) <= MOST_CLASSES:
        return
    figures = _figures(table, goal, place)
    if figures is None:
        return
    seen: set[tuple[Hashable, ...]] = set()
    for x, ref in _numbers(table):
        if len(x.distinct) < len(figures.classes) or x.array.dtype == object:
            continue
        for order, bounds in islice(_splits(table, x, figures), 3):
            spot = (ref, order, *bounds)
            if spot not in seen:
                seen.add(spot)
                names = [goal.book.cell(code) for code in order]
                alphabet = tuple(sorted(figures.classes, key=lambda code: str(goal.book.cell(code))))
                for key, text in _classes(x, ref, names, bounds):
                    # Classes stand in their own order, texts in that of the alphabet.
                    odd = figures.classes != (alphabet if text else order)
                    other = place.cells.label != x.label and table.book.code(place.cells.label) in table.label_codes
                    yield replace(key, cost=key.cost + 1.5 * odd + 1.5 * other + 0.5 * (".dt." in ref))


_CLOCK = re.compile(r"\d\d:\d\d(:\d\d)?")


def _numbers(table: Table) -> Iterator[tuple[Column, str]]:
    """What is put into classes, and its text: columns of numbers, and hours, days and months of moments."""
    for column in table.columns:
        ref = f"{{0}}[{literal(column.label)}]"
        if column.kind == "num":
            yield column, ref
        elif pd.api.types.is_datetime64_any_dtype(column.array.dtype):
            for part in ("hour", "day_of_week", "month"):
                cells = getattr(column.series.dt, part).to_numpy(dtype=np.float64)
                yield Column(column.label, cells, table.book), f"{ref}.dt.{part}"
        elif column.kind == "str" and not column.null.any() and all(_CLOCK.fullmatch(str(x)) for x in column.cells):
            cells = column.series.str[:2].astype(int).to_numpy(dtype=np.float64)
            yield Column(column.label, cells, table.book), f"{ref}.str[:2].astype(int)"


def _figures(table: Table, goal: Goal, place: Place) -> _Figures | None:
    """The figures of each class; None where the goal cannot be read so."""
    spread: Column | None = None
    taken = [] if goal.plain_index else list(goal.index)
    taken = [level for level in taken if level is not place.cells]
    columns = [c for c in goal.columns if c is not place.cells]
    if place.across:
        labels = set(place.cells.distinct)
        body = [c for c, code in zip(goal.columns, goal.label_codes, strict=True) if code in labels]
        taken += [c for c, code in zip(goal.columns, goal.label_codes, strict=True) if code not in labels]
    else:
        named = dict(zip(table.label_codes, table.columns, strict=True))
        keyed = [
            c for c in columns
            if goal.plain_index and c.kind == "str" and (mine := named.get(goal.book.code(c.label))) is not None
            and c.distinct <= mine.distinct
        ]  # fmt: skip
        taken += keyed
        body = [c for c in columns if c.kind == "num" and all(c is not other for other in keyed)]
        spread = _spread(table, goal, body)
        body = body if spread is not None else body[:1]
    if not body or any(c.kind != "num" and not c.null.all() for c in body):
        return None
    others: list[Column] = []
    for level in taken:
        same = [c for c in table.columns if hashable(c) and level.distinct and level.distinct <= c.distinct]
        if not same:
            return None
        others.append(min(same, key=lambda c: c.label != level.label))
    classes = tuple(dict.fromkeys(place.cells.codes.tolist()))
    figures: dict[tuple[int, ...], dict[int, float]] = {}
    for i, key in enumerate(_names(taken, goal.rows)):
        for k, column in enumerate(body):
            name = (*key, goal.book.code(column.label)) if spread is not None else key
            c = k if place.across else classes.index(int(place.cells.codes[i]))
            figures.setdefault(name, {})[c] = float(column.numbers[i])
    names = _names([*others, *([spread] if spread is not None else [])], table.rows)
    number = {name: g for g, name in enumerate(dict.fromkeys(names))}
    if not number.keys() <= figures.keys():
        return None
    wanted = np.full((len(classes), len(number)), np.nan)
    for name, g in number.items():
        for k, value in figures[name].items():
            wanted[k, g] = value
    return _Figures(classes, wanted, np.array([number[name] for name in names]), place.across or spread is not None)


def _names(keys: Sequence[Column], rows: int) -> list[tuple[int, ...]]:
    """The keys' codes of each row."""
    return list(zip(*(key.codes.tolist() for key in keys), strict=True)) if keys else [()] * rows


def _spread(table: Table, goal: Goal, body: Sequence[Column]) -> Column | None:
    """The column of the table whose cells are the labels of the figures; None where they are no cells."""
    labels = {goal.book.code(c.label) for c in body}
    if goal.shape_kind != "frame" or len(body) < 2:
        return None
    return next((c for c in table.columns if hashable(c) and labels <= c.distinct), None)


def _splits(
    table: Table, x: Column, figures: _Figures
) -> Iterator[tuple[tuple[int, ...], tuple[tuple[float, float], ...]]]:
    """Orders of the classes, and between them the most of one and the least of the next."""
    rows = np.flatnonzero(~x.null)
    rows = rows[np.argsort(x.numbers[rows], kind="stable")]
    cells = x.numbers[rows]
    ends = np.r_[np.flatnonzero(np.diff(cells)) + 1, len(cells)]
    ids = figures.ids[rows]
    taken: list[tuple[Floats | None, str]] = [(None, "size")]
    for v in (*(v for v in table.columns if v is not x), x):
        if v.kind in ("num", "bool") and not v.null.any() and v.array.dtype != object:
            taken += [(v.numbers[rows], how) for how in ("sum", "mean", "max", "min")]
    fixed = sorted(figures.classes, key=lambda code: str(table.book.cell(code))) != list(figures.classes)
    down = figures.wanted.shape[1] == 1 and bool((np.diff(figures.wanted[:, 0]) <= 0).all())
    for values, how in taken:
        if how == "size" and not (figures.wanted == np.rint(figures.wanted))[~np.isnan(figures.wanted)].all():
            continue
        walk = _Walk(figures, values, how, ids, ends)
        for free in (False, True):
            if free and fixed and not down:
                break
            found = list(islice(walk.paths(0, (), free=free), 2))
            for order, at in found:
                bounds = tuple((float(cells[j - 1]), float(cells[j])) for j in at[:-1])
                yield tuple(figures.classes[c] for c in order), bounds
            if found:
                break


class _Walk:
    """Runs of rows whose figures are those of one class after the other."""

    def __init__(self, figures: _Figures, values: Floats | None, how: str, ids: Codes, ends: Codes) -> None:
        self.figures, self.values, self.how, self.ids, self.ends = figures, values, how, ids, ends
        each = np.zeros((len(ids) + 1, figures.wanted.shape[1]))
        each[np.arange(1, len(ids) + 1), ids] = 1.0
        self.each = each[1:]
        self.counts = np.cumsum(each, axis=0)
        if values is not None:
            each[np.arange(1, len(ids) + 1), ids] = values
            self.sums = np.cumsum(each, axis=0)
        self.left = MOST_NODES

    def paths(
        self, start: int, used: tuple[int, ...], *, free: bool
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The classes in the order of the rows, and where each ends; in the goal's order unless ``free``."""
        self.left -= 1
        many = len(self.figures.classes)
        if start == len(self.ids) or len(used) == many or self.left < 0:
            if start == len(self.ids) and len(used) == many:
                yield used, ()
            return
        ends = self.ends[self.ends > start]
        for c in range(many) if free else (len(used),):
            if c in used:
                continue
            for end in ends[self._fitting(start, ends, c)].tolist():
                for order, at in self.paths(end, (*used, c), free=free):
                    yield order, (end, *at)

    def _fitting(self, start: int, ends: Codes, c: int) -> Bools:
        """At which ends the rows from ``start`` on have the figures of a class."""
        counts = self.counts[ends] - self.counts[start]
        made = counts
        if self.values is not None and self.how in ("sum", "mean"):
            made = self.sums[ends] - self.sums[start]
            if self.how == "mean":
                made = made / np.maximum(counts, 1.0)
        elif self.values is not None:
            worst = np.inf if self.how == "min" else -np.inf
            spread = np.where(self.each[start:] > 0, self.values[start:, None], worst)
            best = np.minimum.accumulate(spread) if self.how == "min" else np.maximum.accumulate(spread)
            made = best[ends - start - 1]
        wanted = self.figures.wanted[c]
        absent = np.isnan(wanted) | ((wanted == 0) & self.figures.blank)
        return np.asarray(np.where(counts > 0, agree(made, wanted), absent).all(axis=1))


def _classes(
    x: Column, ref: str, names: Sequence[Hashable], bounds: Sequence[tuple[float, float]]
) -> Iterator[tuple[Key, bool]]:
    """The classes as code, by the roundest edges that part them, and whether they are texts."""
    if x.null.any():
        return
    sides: list[tuple[float, bool, list[float]]] = []
    for right in (True, False):
        parts = [parting(low, high, right=right) for low, high in bounds]
        edges = [bounds[i][not right] if edge is None else edge for i, edge in enumerate(parts)]
        sides.append((sum(len(f"{edge:g}") - 2 * (edge % 5 == 0) for edge in edges), not right, edges))
    numbers = x.numbers
    if len(names) > 2:
        yield from ((key, False) for key in _quantiles(x, ref, names, bounds))
    for _, left, edges in sorted(sides):
        texts = [constant_text(edge).strip("()") for edge in edges]
        if isinstance(names[0], bool):
            sign = (">=" if left else ">") if names[1] is True else ("<" if left else "<=")
            above = numbers >= edges[0] if left else numbers > edges[0]
            made = Column(x.label, above == (names[1] is True), x.book)
            yield Key(made, f"{ref} {sign} {texts[0]}", 2.0, derived=True), True
            continue
        places = np.searchsorted(edges, numbers, side="right" if left else "left")
        cells = pd.Categorical.from_codes(places, [str(name) for name in names], ordered=True)
        low = "0" if (numbers.min() > 0 or (left and numbers.min() == 0)) and edges[0] > 0 else "-np.inf"
        cost = 2.2 + 0.3 * len(edges)
        side = ", right=False" if left else ""
        tops = [("np.inf", 0.0)] if left else [("np.inf", 0.0), (constant_text(float(numbers.max())), 0.6)]
        for top, extra in tops:
            bins = ", ".join([low, *texts, top])
            cut = f"pd.cut({ref}, [{bins}], labels={literal(list(names))}{side})"
            yield Key(Column(x.label, cells, x.book), cut, cost + 0.3 * left + extra, derived=True), False
        if len(names) > 2:
            sign = "<" if left else "<="
            tests = ", ".join(f"{ref} {sign} {text}" for text in texts)
            select = f"np.select([{tests}], {literal(list(names[:-1]))}, {literal(names[-1])})"
            made = Column(x.label, np.array([str(names[i]) for i in places], dtype=object), x.book)
            yield Key(made, select, cost + 0.4, derived=True), True
        if len(names) == 2:
            sign = ">=" if left else ">"
            where = f"np.where({ref} {sign} {texts[0]}, {literal(names[1])}, {literal(names[0])})"
            made = Column(x.label, np.array([str(names[i]) for i in places], dtype=object), x.book)
            yield Key(made, where, cost - 0.2, derived=True), True


_SHARES = frozenset(
    ["low", "lower", "mid", "middle", "medium", "high", "upper", "top", "bottom", "q", "1", "2", "quartile", "tercile"]
)
"""Words by which classes of equal size are called."""


def _quantiles(x: Column, ref: str, names: Sequence[Hashable], bounds: Sequence[tuple[float, float]]) -> Iterator[Key]:
    """``pd.qcut`` and ``pd.cut`` by a number of classes."""
    places = np.searchsorted([high for _, high in bounds], x.numbers, side="right")
    cells = pd.Categorical.from_codes(places, [str(name) for name in names], ordered=True)
    said = all(_SHARES.intersection(re.findall(r"[a-z]+|\d+", str(name).lower())) for name in names)
    for function, cut, cost in (("qcut", pd.qcut, 2.0 if said else 4.5), ("cut", pd.cut, 3.2 if said else 4.5)):
        try:
            made = cut(x.series, len(names), labels=False)
        except ValueError:
            continue
        if np.array_equal(made.to_numpy(), places):
            text = f"pd.{function}({ref}, {len(names)}, labels={literal(list(names))})"
            yield Key(Column(x.label, cells, x.book), text, cost, derived=True)


# Tables with such keys


MOST_ASSIGNED = 8
"""Tables with computed keys."""

_NAMES = ("year", "month", "day", "hour", "quarter", "week", "len", "date")


def keyed(table: Table, goal: Goal) -> Iterator[Expr]:
    """The table with computed keys as columns, where the goal shows them: what is pivoted or counted then."""
    shown = places(table, goal)
    if not shown:
        return
    keys = [*derived_keys(table, goal, across=True), *computed_keys(table, goal, across=True)]
    one: list[tuple[float, Place, Key]] = []
    for key in keys:
        if "np.arange" in key.text or key.text.endswith(".cumsum()"):
            continue
        for place in shown:
            # Names of weekdays and months may be there for all of them.
            named = "_name()" in key.text or "strftime('%" in key.text
            shows = place.cells.distinct <= key.column.distinct or (
                named and key.column.distinct <= place.cells.distinct
            )
            if shows and place.cells.kind == key.column.kind:
                full = key.column.distinct <= place.cells.distinct
                one.append((key.cost + 1.0 * (not full), place, key))
    one.sort(key=lambda found: found[0])
    # Of texts that are alike the plainest; classes are no texts, though their cells are equal.
    alike = {
        (id(p), k.column.key, isinstance(k.column.array.dtype, pd.CategoricalDtype)): (c, p, k) for c, p, k in one[::-1]
    }
    one = [found for found in one if found in alike.values() or found[2].text.startswith("pd.cut")]
    both = [
        (a[0] + b[0], [a[1:], b[1:]])
        for i, a in enumerate(one[:8])
        for b in one[i + 1 : 8]
        if a[1] is not b[1] and a[2].text != b[2].text
    ]
    made = both or [(cost, [(place, key)]) for cost, place, key in one]
    for _, chosen in sorted(made, key=lambda found: found[0])[:MOST_ASSIGNED]:
        expr, used = table.expr, set[Hashable]()
        for place, key in chosen:
            value = as_column(key, table.expr)
            if value is None:
                break
            name = _name(place, key, set(table.labels), used)
            used.add(name)
            expr = assign(expr, name, value)
        else:
            yield expr


def _name(place: Place, key: Key, taken: set[Hashable], used: set[Hashable]) -> str:
    """The label of the goal, if a column may have it; else what the key is."""
    label = place.cells.label
    if isinstance(label, str) and label not in used and (label not in taken or label == key.column.label):
        return label
    called = next((part for part in _NAMES if f".{part}" in key.text), "key")
    options = [called, f"{called}_of_{key.column.label}", "key", "key2", "key3"]
    return next(name for name in options if name not in taken and name not in used)


def as_column(key: Key, frame: Expr) -> Expr | None:
    """A key as a column, spans of time by their first moment; None where it is no column."""
    text = key.text
    if text.startswith("pd.Grouper("):
        found = re.fullmatch(r"pd\.Grouper\(key=(.*), freq='([MQY])S'\)", text)
        if found is None:
            return None
        text = f"{{0}}[{found[1]}].dt.to_period('{found[2]}').dt.to_timestamp()"
    level = LOOSE if _OPERATOR.search(text) else ATOM
    return Expr(text, (origin(frame, key.column.label)[0],), level, cost=key.cost)


_OPERATOR = re.compile(r"\] (?://|[-+*/%<>=]=?) |\) \+ |^'")
"""In the text of a key that binds more loosely than a call."""


__all__ = ["as_column", "banded", "computed_keys", "keyed", "places"]
