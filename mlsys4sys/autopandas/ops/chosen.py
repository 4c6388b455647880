"""Groups and pivots of some of the rows: ``df[df['price'] > 2].groupby('region')['units'].sum()``.

Which rows they are is not found by trying one condition after another. Every simple condition is a row of a matrix of
ones and zeros, so the aggregates of all groups under all conditions are a few products of matrices; those that show
what is wanted are then read as code, and grouped by the families that group whole tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mlsys4sys.autopandas import align
from mlsys4sys.autopandas.columns.atoms import thresholds
from mlsys4sys.autopandas.columns.filters import prices_of
from mlsys4sys.autopandas.columns.numeric import constant_text
from mlsys4sys.autopandas.columns.pool import pool_of
from mlsys4sys.autopandas.expression import LABEL, UNARY, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops import crossing, group
from mlsys4sys.autopandas.ops.grouping import Groups, close
from mlsys4sys.autopandas.ops.kept import both, conditions, read
from mlsys4sys.autopandas.ops.keys import derived_keys, key_sets, keys_of
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, label_set
from mlsys4sys.autopandas.table import Bools, Codes, Column, Floats, Table

MOST_ROWS = 500
"""Rows of a table of which some are chosen."""

MOST_READINGS, MOST_CHOICES, MOST_LAYOUTS = 3, 4, 8
"""Conditions for a choice of rows, choices for a layout of the goal, layouts."""

MOST_BOUNDS = 60
"""Bounds of a running total."""

LEAST_SHOWN = 3
"""Numbers, no counts, that a pair of conditions must explain: fewer are easily right by chance."""


def proposals(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Aggregates of the rows that one condition keeps, or two, where those of all rows are not the goal's."""
    if not flat(table) or table.duplicate_labels or not 3 < table.rows <= MOST_ROWS:
        return
    if not table.expr.ops and goal.shape_kind == "frame" and 1 < goal.rows < table.rows:
        yield from distinct(_ends(table, goal, others), 8)
        yield from distinct(_by_another(table, goal, others), 8)
    if goal.shape_kind not in ("frame", "series") or not goal.rows or goal.duplicate_labels:
        return
    before = table.expr.parts[0].ops if table.expr.op == "assign" else table.expr.ops  # a new column is one step
    if "mask" in table.expr.ops or len(before) > 1:
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
            double = both(single) if double is None else double
            at, chosen = np.flatnonzero(layout.fitting(double, counts=False)), double
        some = [chosen[i] for i in at if layout.divides(chosen[i])]
        found += [(layout.telling == 0, keep) for keep in some[: 2 * MOST_CHOICES]]
    for _, keep in sorted(found, key=lambda choice: choice[0])[: 2 * MOST_CHOICES]:
        if keep.tobytes() in seen or len(seen) >= MOST_CHOICES:
            continue
        seen.add(keep.tobytes())
        for condition in read(table, keep, others):
            kept = table.made(table.value[keep], align.masked(table, condition, cost=0.4))
            for family in (group, crossing):
                yield from islice(family.proposals(kept, goal, (), last=True), 3)


def _ends(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """The first or last row of each group among those that a condition keeps: where a running total passes a bound."""
    if not label_set(goal) <= set(table.label_codes):
        return
    for positions in align.row_maps(table, goal)[:1]:
        for key in table.columns:
            if not hashable(key) or key.unique or key.null.any():
                continue
            groups = Groups([key])
            ids = np.empty(table.rows, dtype=np.int64)
            ids[groups.rows] = groups.ids
            if len(set(ids[positions].tolist())) < len(positions):
                continue
            target = np.full(groups.count, -1)
            target[ids[positions]] = positions
            for text, flipped in ((".head(1)", False), (".tail(1)", True)):
                kept = [] if flipped else list(_past(table, key, groups, target))
                choices = conditions(table)
                fits = (_firsts(choices, groups, last=flipped) == target).all(axis=1)
                fits &= choices.sum(axis=1) > len(positions)
                kept += [expr for keep in choices[fits][:2] for expr in read(table, keep, others, light=True)]
                for condition in kept:
                    rows = align.masked(table, condition, cost=0.4)
                    first = f"{{0}}.groupby({literal(key.label)}){text}"
                    yield call(first, rows, op="groupby.head", cost=1.0 + 0.2 * flipped, tags=(LABEL,))


def _by_another(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Rows whose key is, or is not, in those rows of another table that a condition keeps: ``EXISTS``, ``NOT IN``."""
    if not label_set(goal) <= set(table.label_codes):
        return
    for positions in align.row_maps(table, goal)[:1]:
        keep = np.zeros(table.rows, dtype=bool)
        keep[positions] = True
        for other in others:
            if not flat(other) or other.duplicate_labels or not 1 < other.rows <= MOST_ROWS:
                continue
            for i, mine in enumerate(table.columns):
                for theirs in other.columns:
                    if theirs.kind == mine.kind and hashable(mine) and hashable(theirs):
                        yield from _exists(table, i, other, theirs, keep)


def _exists(table: Table, position: int, other: Table, key: Column, keep: Bools) -> Iterator[Expr]:
    mine = table.columns[position]
    shared, of_key = np.unique(mine.codes, return_inverse=True)
    at = np.searchsorted(shared, key.codes)
    there = np.flatnonzero((at < len(shared)) & (shared[np.minimum(at, len(shared) - 1)] == key.codes))
    if len(there) < 2:
        return
    member = np.zeros((other.rows, len(shared)))
    member[there, at[there]] = 1.0
    choices = conditions(other)
    held = ((choices @ member) > 0)[:, of_key]
    for wanted, sign, cost in ((keep, "", 0.0), (~keep, "~", 0.3)):
        for chosen in choices[(held == wanted).all(axis=1)][:MOST_CHOICES]:
            for condition in read(other, chosen, light=True):
                text = f"{{0}}.isin({{1}}.loc[{{2:arg}}, {literal(key.label)}])"
                test = call(text, table.ref(position), other.expr, condition, op="isin", cost=1.2, tags=(LABEL,))
                mask = Expr("~{0}", (test,), UNARY, "logic", cost) if sign else test
                yield align.masked(table, mask, cost=0.4)


def _past(table: Table, key: Column, groups: Groups, target: Codes) -> Iterator[Expr]:
    """Conditions that a group's running total has reached a bound, of which the wanted rows are the first."""
    pool = pool_of(table)
    for column in table.columns:
        if column.kind != "num" or column is key or column.null.any():
            continue
        total = np.empty(len(column.numbers))
        for members in groups.members:
            total[members] = np.cumsum(column.numbers[members])
        bounds = np.unique(total)[1:MOST_BOUNDS]
        choices = total >= bounds[:, None]
        for keep in choices[(_firsts(choices, groups, last=False) == target).all(axis=1)][:1]:
            text = f"{{0}}.groupby({literal(key.label)})[{literal(column.label)}].cumsum()"
            running = call(text, table.expr, op="groupby.cumulative", cost=1.2, tags=(LABEL,) * 2)
            for _, expr in thresholds(
                running, total, 1.2, prices_of(pool, ()), keep, ~keep, above=True, show=constant_text
            )[:3]:
                yield expr


def _firsts(choices: Bools, groups: Groups, *, last: bool) -> Codes:
    """The first or last row of each group that is chosen, -1 where none is, shape (choices, groups)."""
    out = np.full((len(choices), groups.count), -1)
    for g, members in enumerate(groups.members):
        rows = members[::-1] if last else members
        some = choices[:, rows]
        out[:, g] = np.where(some.any(axis=1), rows[some.argmax(axis=1)], -1)
    return out


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

    def divides(self, keep: Bools) -> bool:
        """Whether some rows of a group are kept and others are not; whole groups are chosen afterwards."""
        rows, ids = self.groups.rows, self.groups.ids
        kept = np.bincount(ids, keep[rows].astype(np.float64), self.groups.count)
        return bool(((kept > 0) & (kept < self.groups.sizes)).any())

    def fitting(self, chosen: Bools, *, counts: bool = True) -> Bools:
        """Which choices of rows give the goal's numbers.

        Args:
            chosen: Shape (choices, rows of the table).
            counts: Whether numbers of rows are numbers enough.

        Returns:
            Shape (choices,).
        """
        inside = chosen[:, self.groups.rows]
        sizes = inside @ self.groups.member
        shown = np.zeros(self.groups.count, dtype=bool)
        shown[np.concatenate([at[at >= 0] for at in self.at])] = True
        fits = np.asarray(~(sizes[:, ~shown] > 0).any(axis=1), dtype=bool)
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
                explained |= self._gives(self.table.columns[position], inside, at, column, counts=counts)
            if counts and column.kind == "num":
                explained |= self._agrees(sizes, sizes, at, column)
            good &= explained
        fits[left] = good
        return fits

    def _gives(self, column: Column, inside: Bools, at: Codes, wanted: Column, *, counts: bool) -> Bools:
        """Which choices have an aggregate of a column in the goal's cells."""
        rows, member = self.groups.rows, self.groups.member
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


__all__ = ["proposals"]
