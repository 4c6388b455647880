"""Groups and pivots of some of the rows: ``df[df['price'] > 2].groupby('region')['units'].sum()``.

Which rows they are is not found by trying one condition after another. Every simple condition is a row of a matrix of
ones and zeros, so the aggregates of all groups under all conditions are a few products of matrices; those that show
what is wanted are then read as code, and grouped by the families that group whole tables.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from mlsys4sys.autopandas.columns.filters import masks
from mlsys4sys.autopandas.expression import Expr, call
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops import crossing, group
from mlsys4sys.autopandas.ops.grouping import Groups, close
from mlsys4sys.autopandas.ops.keys import derived_keys, key_sets, keys_of
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable
from mlsys4sys.autopandas.table import Bools, Codes, Column, Floats, Table

FAMILY = "chosen"

MOST_ROWS = 500
"""Rows of a table of which some are chosen."""

MOST_READINGS, MOST_CHOICES, MOST_LAYOUTS = 3, 4, 8
"""Conditions for a choice of rows, choices for a layout of the goal, layouts."""

MOST_SPLITS, MOST_BETWEEN, MOST_LISTED, MOST_EQUAL = 60, 14, 8, 20
"""Distinct cells of a column up to which it is cut everywhere, cut twice, and some or one of its cells are asked for."""

MOST_PAIRED = 800_000
"""Pairs of conditions times rows that are tried where no single condition will do."""

LEAST_SHOWN = 3
"""Numbers, no counts, that a pair of conditions must explain: fewer are easily right by chance."""

READING_S = 0.12
"""Seconds to put a choice of rows into words."""

_WORD = re.compile(r"[^\W\d_]{2,}")


def proposals(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Aggregates of the rows that one condition keeps, or two, where those of all rows are not the goal's."""
    if not last or not flat(table) or table.duplicate_labels or not 3 < table.rows <= MOST_ROWS:
        return
    if goal.shape_kind not in ("frame", "series") or not goal.rows or goal.duplicate_labels:
        return
    if "mask" in table.expr.ops or len(table.expr.ops) > 1:
        return
    yield from distinct(_chosen(table, goal, others), 24)


def _chosen(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    single: Bools | None = None
    double: Bools | None = None
    seen: set[bytes] = set()
    everything = np.ones((1, table.rows), dtype=bool)
    found: list[tuple[bool, Bools]] = []
    wanted = list(islice(_layouts(table, goal), MOST_LAYOUTS))
    if any(layout.fitting(everything)[0] for layout in wanted):
        return
    for layout in wanted:
        single = conditions(table) if single is None else single
        at = np.flatnonzero(layout.fitting(single))
        chosen = single
        if not len(at) and layout.telling >= LEAST_SHOWN:
            double = _both(single) if double is None else double
            at, chosen = np.flatnonzero(layout.fitting(double, counts=False)), double
        found += [(layout.telling == 0, chosen[i]) for i in at[: 2 * MOST_CHOICES]]
    for _, keep in sorted(found, key=lambda choice: choice[0])[: 2 * MOST_CHOICES]:
        if keep.tobytes() in seen or len(seen) >= MOST_CHOICES:
            continue
        seen.add(keep.tobytes())
        for condition in _read(table, keep, others):
            kept = table.made(
                table.value[keep], call("{0}[{1:arg}]", table.expr, condition, op="mask", cost=0.4)
            )
            for family in (group, crossing):
                yield from islice(family.proposals(kept, goal, (), last=True), 3)


def _read(table: Table, keep: Bools, others: Sequence[Table]) -> list[Expr]:
    """A choice of rows in words."""
    return masks(table, keep, others=others, limit=MOST_READINGS, deadline=time.monotonic() + READING_S)


# What the goal says of the groups


@dataclass(frozen=True, eq=False)
class Layout:
    """Groups of a table, and the numbers that the goal has of them."""

    table: Table
    groups: Groups
    at: tuple[Codes, ...]
    """For each of :attr:`wanted`, the group of each cell; -1 where the table has none."""
    wanted: tuple[Column, ...]
    needed: tuple[Codes, ...]
    """Sets of groups of which at least one has rows."""
    values: tuple[int, ...]
    """Positions of the columns that may be aggregated."""
    fill: bool
    """Whether a group without rows may be shown, as a missing cell or as nothing."""

    @property
    def telling(self) -> int:
        """Numbers that are hardly counts."""
        return sum(
            int((~column.null).sum()) for column in self.wanted
            if column.kind != "num" or not _counting(column.numbers, self.table.rows)
        )  # fmt: skip

    def fitting(self, chosen: Bools, *, counts: bool = True) -> Bools:
        """Which choices of rows give the goal's numbers.

        Args:
            chosen: Shape (choices, rows of the table).
            counts: Whether numbers of rows are numbers enough.

        Returns:
            Shape (choices,).
        """
        rows = self.groups.rows
        member = np.zeros((len(rows), self.groups.count))
        member[np.arange(len(rows)), self.groups.ids] = 1.0
        inside = chosen[:, rows]
        sizes = inside @ member
        shown = np.zeros(self.groups.count, dtype=bool)
        shown[np.concatenate([at[at >= 0] for at in self.at])] = True
        fits = ~(sizes[:, ~shown] > 0).any(axis=1)
        for some in self.needed:
            fits &= (sizes[:, some] > 0).any(axis=1)
        left = np.flatnonzero(fits)
        if not len(left):
            return fits
        inside, sizes = inside[left], sizes[left]
        good = np.ones(len(left), dtype=bool)
        for at, column in zip(self.at, self.wanted, strict=True):
            explained = np.zeros(len(left), dtype=bool)
            for position in self.values:
                explained |= self._gives(self.table.columns[position], inside, member, at, column, counts=counts)
            if counts and column.kind == "num":
                explained |= self._agrees(sizes, sizes, at, column)
            good &= explained
        fits[left] = good
        return fits

    def _gives(
        self, column: Column, inside: Bools, member: Floats, at: Codes, wanted: Column, *, counts: bool
    ) -> Bools:
        """Which choices have an aggregate of a column in the goal's cells."""
        rows = self.groups.rows
        null = column.null[rows]
        out = np.zeros(len(inside), dtype=bool)
        present = inside & ~null
        number = present @ member
        if counts and wanted.kind == "num":
            out |= self._agrees(number, number, at, wanted)
            out |= self._agrees(self._distinct(column, present), number, at, wanted)
        if column.kind == wanted.kind == "num" or (column.kind == "bool" and wanted.kind == "num"):
            x = np.where(null, 0.0, column.numbers[rows])
            total = (present * x) @ member
            out |= self._agrees(total, number, at, wanted)
            with np.errstate(all="ignore"):
                out |= self._agrees(np.where(number > 0, total / number, np.nan), number, at, wanted)
        if column.kind == wanted.kind and column.kind in ("num", "date", "delta"):
            x = column.numbers[rows]
            for end, far in ((np.min, np.inf), (np.max, -np.inf)):
                edge = np.full(number.shape, np.nan)
                for g in set(at[at >= 0].tolist()):
                    mine = np.flatnonzero(self.groups.ids == g)
                    cells = end(np.where(present[:, mine], x[mine], far), axis=1)
                    edge[:, g] = np.where(np.isfinite(cells), cells, np.nan)
                out |= self._agrees(edge, number, at, wanted)
        return out

    def _distinct(self, column: Column, present: Bools) -> Floats:
        """Different cells of each group, shape (choices, groups)."""
        ids = self.groups.ids
        pairs, place = np.unique(ids * (1 << 32) + column.codes[self.groups.rows], return_inverse=True)
        pair = np.zeros((len(ids), len(pairs)))
        pair[np.arange(len(ids)), place] = 1.0
        of_group = np.zeros((len(pairs), self.groups.count))
        of_group[np.arange(len(pairs)), pairs >> 32] = 1.0
        return np.asarray(((present @ pair) > 0) @ of_group)

    def _agrees(self, figures: Floats, number: Floats, at: Codes, wanted: Column) -> Bools:
        """Which rows of figures, shape (choices, groups), are the goal's cells."""
        there = at >= 0
        cells = np.zeros((len(figures), len(at)))
        empty = np.ones((len(figures), len(at)), dtype=bool)
        cells[:, there] = figures[:, at[there]]
        empty[:, there] = number[:, at[there]] == 0
        target = wanted.numbers
        if not self.fill:
            return close(cells, target)
        absent = np.isnan(target)
        filled = np.where(empty & ((target == 0) | absent), 0.0, cells)
        return close(filled, np.where(absent, 0.0, target)) & ~(absent & ~empty).any(axis=1)


def _counting(numbers: Floats, rows: int) -> bool:
    known = numbers[~np.isnan(numbers)]
    return bool(((known == np.rint(known)) & (known >= 0) & (known <= rows)).all())


def _layouts(table: Table, goal: Goal) -> Iterator[Layout]:
    """How the goal may show groups of some of the rows."""
    for keys in key_sets(goal, [*keys_of(table), *derived_keys(table, goal)], most=6):
        solved = group.Solved(table, goal, keys)
        at = solved.at
        if at is None or not keys.places or len(set(at.tolist())) < len(at) or len(set(at.tolist())) == table.rows:
            continue
        wanted = [column for column in solved.wanted if column.kind in ("num", "date", "delta")]
        if wanted and not any(column.null.any() for column in wanted):
            needed = tuple(np.array([g]) for g in at.tolist())
            yield Layout(
                table, solved.groups, (at,) * len(wanted), tuple(wanted), needed, tuple(solved.values), fill=False
            )
    if goal.shape_kind != "frame":
        return
    for layout in islice(crossing.layouts(table, goal), 4):
        crossed = crossing.Crossed(layout)
        columns = [goal.columns[j] for j in layout.cells]
        if layout.margin is not None or layout.value_labels is not None or not crossed.plausible():
            continue
        if not all(column.kind == "num" or column.null.all() for column in columns):
            continue
        lines = [crossed.at[i, crossed.present[i]] for i in range(len(crossed.at))]
        lines += [crossed.at[crossed.present[:, k], k] for k in range(crossed.at.shape[1])]
        taken = (*layout.rows, *layout.across)
        values = tuple(i for i in range(len(table.columns)) if i not in taken and hashable(table.columns[i]))
        numbers = np.array([column.numbers for column in columns]).T.ravel()
        cells = Column(None, numbers, table.book)
        yield Layout(table, crossed.groups, (crossed.at.ravel(),), (cells,), tuple(lines), values, fill=True)


# All simple conditions


def conditions(table: Table) -> Bools:
    """The rows that simple conditions keep, each choice once, shape (choices, rows)."""
    seen: set[bytes] = set()
    out: list[Bools] = []
    for keep in _kept(table):
        if keep.any() and not keep.all() and keep.tobytes() not in seen:
            seen.add(keep.tobytes())
            out.append(keep)
    return np.array(out) if out else np.zeros((0, table.rows), dtype=bool)


def _kept(table: Table) -> Iterator[Bools]:
    columns = [column for column in table.columns if hashable(column)]
    for column in columns:
        yield from _equal(column)
    for column in columns:
        if column.kind in ("num", "date", "delta"):
            yield from _beyond(column)
    for column in columns:
        yield ~column.null
    for a, b in combinations(columns, 2):
        yield from _compared(a, b)
    for column in columns:
        yield from _listed(column)
        if column.kind == "str":
            yield from _worded(column)


def _equal(column: Column) -> Iterator[Bools]:
    """Equal to a cell, and not."""
    if column.kind == "bool":
        yield column.numbers == 1
        yield column.numbers == 0
        return
    parts = [column.codes] if not column.unique else []
    if column.kind == "date" and not column.null.any():
        parts += [np.asarray(part) for part in (column.series.dt.year, column.series.dt.month)]
    for codes in parts:
        cells = np.unique(codes)
        if len(cells) <= MOST_EQUAL:
            for cell in cells:
                yield codes == cell
            for cell in cells if len(cells) > 2 else ():
                yield (codes != cell) & ~column.null


def _beyond(column: Column) -> Iterator[Bools]:
    """From a bound on, up to it, and between two."""
    numbers = column.numbers
    bounds = np.unique(numbers[~np.isnan(numbers)])
    if not 1 < len(bounds) <= MOST_SPLITS:
        return
    with np.errstate(invalid="ignore"):
        for bound in bounds[1:]:
            yield numbers >= bound
            yield numbers < bound
        if len(bounds) <= MOST_BETWEEN:
            for low, high in combinations(bounds[:-1], 2):
                yield (numbers >= low) & (numbers <= high)


def _compared(a: Column, b: Column) -> Iterator[Bools]:
    """One column against another."""
    if a.kind != b.kind or (a.kind == "str" and not a.distinct & b.distinct):
        return
    if a.kind in ("num", "date", "delta"):
        with np.errstate(invalid="ignore"):
            yield a.numbers > b.numbers
            yield a.numbers < b.numbers
            yield a.numbers >= b.numbers
            yield a.numbers <= b.numbers
    if a.kind in ("num", "date", "str"):
        yield a.codes == b.codes
        yield a.codes != b.codes


def _listed(column: Column) -> Iterator[Bools]:
    """One of some cells, and none of them."""
    cells = np.unique(column.codes[~column.null])
    if column.kind in ("str", "num") and 3 < len(cells) <= MOST_LISTED and not column.unique:
        for pair in combinations(cells, 2):
            keep = np.isin(column.codes, pair)
            yield keep
            yield ~keep & ~column.null


def _worded(column: Column) -> Iterator[Bools]:
    """Texts with a word that several of them have."""
    texts = [cell.lower() if isinstance(cell, str) else "" for cell in column.cells]
    words = sorted({word for text in texts for word in _WORD.findall(text)})
    for word in words if len(words) <= MOST_SPLITS else ():
        keep = np.array([word in text for text in texts])
        if len({text for text, kept in zip(texts, keep.tolist(), strict=True) if kept}) > 1:
            yield keep


def _both(single: Bools) -> Bools:
    """What two conditions keep together."""
    count = len(single)
    first, second = np.triu_indices(count, 1)
    most = MOST_PAIRED // single.shape[1]
    if len(first) > most:
        step = len(first) // most + 1
        first, second = first[::step], second[::step]
    kept = single[first] & single[second]
    return np.unique(kept[kept.any(axis=1)], axis=0)


__all__ = ["conditions", "proposals"]
