"""``groupby`` and its aggregates, solved for each column of the goal on codes before any program is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, permutations, product
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns.pool import pool_of
from mlsys4sys.autopandas.expression import (
    FUNCTION,
    LABEL,
    PRODUCT,
    SUM,
    UNARY,
    Expr,
    call,
    is_keyword_name,
    literal,
    with_column,
)
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.computed import as_column, computed_keys
from mlsys4sys.autopandas.ops.grouping import AGG_COST, Groups, close, ranks
from mlsys4sys.autopandas.ops.kept import conditions, read
from mlsys4sys.autopandas.ops.keys import Key, KeySet, by, derived_keys, key_sets, keys_of, pairs, plausible_keys
from mlsys4sys.autopandas.ops.parts import distinct, hashable, label_shown, numeric, step
from mlsys4sys.autopandas.table import Codes, Column, Floats, Table

FAMILY = "group"

ALONE = 1.2
"""Nats for groups of one row each."""

SPREAD = 2.2
"""Nats for picking a cell of each group for a column whose label a pivot would give."""

_SPANS = (
    (".days", 86400e9),
    (".total_seconds()", 1e9),
    (".total_seconds() / 60", 60e9),
    (".total_seconds() / 3600", 3600e9),
    (".total_seconds() / 86400", 86400e9),
)
"""How a span of time is told in numbers, and how many nanoseconds are one."""

_PICKED = frozenset({"first", "last", "min", "max"})
_LABEL_PARTS = re.compile(r"[_. -]")

SEPARATORS = (", ", ",", " ", "", "-", "_", "; ", ";", "|", "/", "\n", " | ")


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Grouped aggregates.

    Last: programs that give every column of the goal, the rows' order and the labels of the index aside.
    Before the last: a few aggregates by keys that the goal shows.
    """
    if table.shape_kind not in ("frame", "series") or table.rows < 2 or table.duplicate_labels:
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 40 if last else 20)


@dataclass(frozen=True, eq=False)
class Source:
    """A column of the goal explained: an aggregate of a column of the table, by its position; None for the size."""

    position: int | None
    label: Hashable
    agg: str
    cost: float
    extra: str = ""
    """The separator of a join."""


def _shown(column: Column, cell: Any) -> str:
    """A cell as code; of whole numbers without a point."""
    whole = column.array.dtype.kind in "iu" and isinstance(cell, float) and cell.is_integer()
    return literal(int(cell) if whole else cell)


class Solved:
    """A key set with the sources of every other column of the goal; see :meth:`complete`."""

    def __init__(self, table: Table, goal: Goal, keys: KeySet) -> None:
        self.table, self.goal, self.keys = table, goal, keys
        self.groups = Groups([key.column for key in keys.keys])
        self.at: Codes | None = None
        if keys.places:
            self.at = self.groups.place(keys.places)
        elif self.groups.count == goal.rows:
            self.at = np.arange(goal.rows)

    @cached_property
    def wanted(self) -> list[Column]:
        """The goal's columns that are no keys."""
        return [c for c in self.goal.columns if all(c is not place for place in self.keys.places)]

    @cached_property
    def exact_rows(self) -> bool:
        """Whether the goal has each group once."""
        return self.at is not None and self.groups.count == self.goal.rows == len(set(self.at.tolist()))

    @cached_property
    def ordered(self) -> bool:
        """Whether the goal has its rows in the order of sorted keys."""
        return self.at is not None and bool((np.diff(self.at) > 0).all())

    @cached_property
    def appearing(self) -> bool:
        """Whether the goal has its rows in the order in which the keys appear."""
        return self.at is not None and self.exact_rows and bool((self.at == self.groups.appearance).all())

    @cached_property
    def indexed(self) -> bool:
        """Whether the goal has the keys in its index."""
        return bool(self.keys.places) and all(any(p is level for level in self.goal.index) for p in self.keys.places)

    @cached_property
    def sources(self) -> list[list[Source]]:
        """The explanations of each wanted column, the most plausible first; empty where there is none."""
        out: list[list[Source]] = []
        for column in self.wanted:
            out.append(self.explain(column)[:9])
            if not out[-1]:
                break
        return out

    @cached_property
    def single(self) -> bool:
        """Whether all groups have one row, so that all aggregates are alike."""
        return self.groups.count == len(self.groups.rows) > 1

    def complete(self) -> bool:
        """Whether there is something to aggregate, and all of it is explained."""
        at = self.at
        if at is None or not self.wanted or (len(at) and len(set(at.tolist())) < len(at)):
            return False
        some = self.table.expr.op == "mask"  # of groups of which rows were chosen one row each may be left
        if self.single and not some and (len(self.keys.keys) > 2 or any(key.column.unique for key in self.keys.keys)):
            return False
        return all(self.sources)

    @cached_property
    def values(self) -> list[int]:
        """Positions of the table's columns that are no keys."""
        taken = {id(key.column) for key in self.keys.keys}
        return [i for i, c in enumerate(self.table.columns) if id(c) not in taken]

    @cached_property
    def _numbers(self) -> list[tuple[int, tuple[str, ...], np.ndarray]]:
        columns = self.table.columns
        return [(i, *self.groups.numbers(columns[i])) for i in self.values if hashable(columns[i])]

    @cached_property
    def _coded(self) -> list[tuple[int, tuple[str, ...], Codes]]:
        columns = self.table.columns
        return [(i, *self.groups.coded(columns[i])) for i in self.values if hashable(columns[i])]

    def explain(self, wanted: Column) -> list[Source]:
        """The aggregates that give a column, the most plausible first."""
        assert self.at is not None
        out: list[Source] = []
        columns = self.table.columns
        if wanted.kind == "num":
            target = wanted.numbers
            for i, names, matrix in self._numbers:
                for row in np.flatnonzero(close(matrix[:, self.at], target)):
                    out += self._source(names[row], i, wanted)
            # Where there are only keys, their size is all that can be told.
            if not self.values and close(self.groups.sizes[None, self.at].astype(np.float64), target)[0]:
                out += self._source("size", None, wanted)
        else:
            for i, names, codes in self._coded:
                if columns[i].kind == wanted.kind or columns[i].kind == "obj":
                    for row in np.flatnonzero((codes[:, self.at] == wanted.codes).all(axis=1)):
                        out += self._source(names[row], i, wanted)
            if wanted.kind == "bool":
                out += self._booleans(wanted)
            elif wanted.kind == "delta":
                for i, names, matrix in self._numbers:
                    for row in np.flatnonzero(close(matrix[:, self.at], wanted.numbers)):
                        if columns[i].kind == "delta":
                            out += self._source(names[row], i, wanted)
            out += self._collected(wanted)
        if not out and len(self.keys.keys) < 3:
            out = self._rarer(wanted)
        best: dict[tuple[int | None, str], Source] = {}
        for source in out:
            best.setdefault((source.position, source.agg), source)
        return sorted(best.values(), key=lambda source: source.cost)

    def _source(self, agg: str, position: int | None, wanted: Column) -> list[Source]:
        label = None if position is None or agg == "size" else self.table.columns[position].label
        cost = AGG_COST[agg]
        word = str(wanted.label).lower()
        said = {"mean": ("mean", "avg", "average"), "size": ("size", "count", "n", "num", "number")}.get(agg, (agg,))
        if any(name in word for name in said if len(name) > 1) or word == "n" == said[-1]:
            cost -= 0.8
        if label is not None and (label == wanted.label or str(label).lower() in word):
            cost -= 0.6
        if agg in ("count", "nunique") and label is not None and str(label).lower() not in word:
            cost += 0.5
        if agg in ("min", "max") and position is not None and self.table.columns[position].kind == "str":
            cost += 0.9  # the first word of the alphabet is seldom asked for
        if agg in _PICKED and self.spread(wanted.label):
            cost += SPREAD
        return [Source(None if agg == "size" else position, label, agg, cost)]

    def spread(self, label: Hashable) -> bool:
        """Whether a label of the goal is a cell of the table, alone or joined to a label: then it was spread."""
        if self.table.book.code(label) in self.table.cells:
            return True
        parts = _LABEL_PARTS.split(label) if isinstance(label, str) else []
        if len(parts) != 2:
            return False
        labels = set(map(str, self.table.labels))
        texts = {str(cell) for column in self.table.columns if len(column.distinct) <= 50 for cell in column.cells}
        return any(a in labels | texts and b in texts for a, b in (parts, parts[::-1]))

    def _rarer(self, wanted: Column) -> list[Source]:
        """Aggregates that are tried where the usual ones fail: row labels of extremes, quantiles, ranges, modes."""
        at = self.at
        assert at is not None
        out: list[Source] = []
        for i in self.values:
            column = self.table.columns[i]
            if column.kind in ("num", "date", "bool") and len(self.table.index) == 1:
                places = self.groups.positions(column)
                for agg in ("max", "min"):
                    rows = places[agg][at]
                    if (rows >= 0).all() and (self.table.index[0].codes[rows] == wanted.codes).all():
                        out.append(Source(i, column.label, f"idx{agg}", AGG_COST[f"idx{agg}"]))
            if wanted.kind == "num":
                out += self._null_or_equal(i, column, wanted)
            if wanted.kind in ("delta", "num") and column.kind == "date" and not column.null.any():
                x = column.numbers
                spans = [x[self.groups.members[g]].max() - x[self.groups.members[g]].min() for g in at]
                if wanted.kind == "delta" and close(np.array([spans]), wanted.numbers)[0]:
                    out.append(Source(i, column.label, "range", 1.0))
                for text, ticks in _SPANS if wanted.kind == "num" else ():
                    inside = np.floor(np.array(spans) / ticks) if text == ".days" else np.array(spans) / ticks
                    if close(inside[None], wanted.numbers)[0]:
                        out.append(Source(i, column.label, "range", 1.6, text))
            if wanted.kind == "num" and column.kind in ("num", "delta"):
                groups = [column.numbers[self.groups.members[g]] for g in at]
                if any(np.isnan(x).all() for x in groups):
                    continue
                low, high = (np.array([end(x) for x in groups]) for end in (np.nanmin, np.nanmax))
                if ((low <= wanted.numbers) & (wanted.numbers <= high)).all():
                    out += [
                        Source(i, column.label, "quantile", 1.2, str(q))
                        for q in (0.25, 0.75, 0.9, 0.1, 0.95)
                        if close(np.array([[np.nanquantile(x, q) for x in groups]]), wanted.numbers)[0]
                    ]
                if close((high - low)[None], wanted.numbers)[0]:
                    out.append(Source(i, column.label, "range", 1.4))
                out += self._of_extremes(i, column, groups, wanted)
            if column.kind == wanted.kind and self._modal(column, wanted):
                out.append(Source(i, column.label, "mode", 1.4))
        return out

    def _of_extremes(self, i: int, column: Column, groups: Sequence[Floats], wanted: Column) -> Iterator[Source]:
        """The sum or the mean of the two or three largest or smallest cells."""
        for n in (2, 3):
            if max(map(len, groups)) <= n or column.kind != "num":
                return
            for method, ends in (("nlargest", slice(-n, None)), ("nsmallest", slice(n))):
                parts = [np.sort(x[~np.isnan(x)])[ends] for x in groups]
                for agg, values in (("sum", [x.sum() for x in parts]), ("mean", [x.mean() for x in parts])):
                    if close(np.array([values]), wanted.numbers)[0]:
                        yield Source(i, column.label, "extremes", 2.0, f"{method}({n}).{agg}")

    def _null_or_equal(self, i: int, column: Column, wanted: Column) -> list[Source]:
        """Missing cells counted, or those equal to a constant."""
        at, ids = self.at, self.groups.ids
        assert at is not None
        codes = column.codes[self.groups.rows] if hashable(column) else np.empty(0, dtype=np.int64)
        out: list[Source] = []
        absent = np.bincount(ids, column.null[self.groups.rows].astype(np.float64), self.groups.count)
        if column.null.any() and close(np.asarray(absent[None, at], dtype=np.float64), wanted.numbers)[0]:
            out.append(Source(i, column.label, "nulls", 1.2))
        for code in (
            sorted(column.distinct) if len(column.distinct) <= 8 and len(codes) and column.kind != "obj" else ()
        ):
            equal = np.bincount(ids, (codes == code).astype(np.float64), self.groups.count)
            cell = _shown(column, self.table.book.cell(code))
            if close(np.asarray(equal[None, at], dtype=np.float64), wanted.numbers)[0]:
                out.append(Source(i, column.label, "equal", 2.0, f"== {cell}).sum"))
            elif close(np.asarray((equal / self.groups.sizes)[None, at], dtype=np.float64), wanted.numbers)[0]:
                out.append(Source(i, column.label, "equal", 2.0, f"== {cell}).mean"))
        if column.kind == "num":
            for sign, bits in ((">", column.numbers > 0), ("<", column.numbers < 0)):
                held = np.bincount(ids, bits[self.groups.rows].astype(np.float64), self.groups.count)
                if not bits.any():
                    continue
                for how, made in (("sum", held), ("mean", held / self.groups.sizes)):
                    if close(np.asarray(made[None, at], dtype=np.float64), wanted.numbers)[0]:
                        out.append(Source(i, column.label, "equal", 1.8, f"{sign} 0).{how}"))
        return out

    def _modal(self, column: Column, wanted: Column) -> bool:
        """Whether each wanted cell is the most frequent of its group, the first in order of those that are."""
        assert self.at is not None
        rank = ranks(column)
        for g, code in zip(self.at.tolist(), wanted.codes.tolist(), strict=True):
            rows = self.groups.members[g]
            rows = rows[rank[rows] >= 0]
            values, first, counts = np.unique(rank[rows], return_index=True, return_counts=True)
            if not len(values) or column.codes[rows[first[int(counts.argmax())]]] != code:
                return False
        return True

    def _booleans(self, wanted: Column) -> list[Source]:
        out: list[Source] = []
        for i in self.values:
            if self.table.columns[i].kind == "bool":
                names, matrix = self.groups.numbers(self.table.columns[i])
                for agg, source in (("any", "max"), ("all", "min")):
                    if source in names and close(matrix[[names.index(source)]][:, self.at], wanted.numbers)[0]:
                        out += self._source(agg, i, wanted)
        return out

    def _collected(self, wanted: Column) -> list[Source]:
        """Lists, sets and joined text of each group's cells."""
        at = self.at
        assert at is not None
        first = (
            next((cell for cell, null in zip(wanted.cells, wanted.null.tolist(), strict=False) if not null), None)
            if wanted.kind == "str"
            else next(iter(wanted.cells), None)
        )
        out: list[Source] = []
        for i in self.values:
            column = self.table.columns[i]
            if isinstance(first, list | tuple | np.ndarray | set):
                lists = self.groups.lists(column)
                if self._same_cells([lists[g] for g in at], wanted, set if isinstance(first, set) else list):
                    out.append(Source(i, column.label, "set" if isinstance(first, set) else "list", 0.6))
                elif (
                    hashable(column)
                    and not isinstance(first, set)
                    and self._same_cells([list(dict.fromkeys(lists[g])) for g in at], wanted, list)
                ):
                    out.append(Source(i, column.label, "unique", 0.9, "list" if isinstance(first, list) else ""))
                elif isinstance(first, list | tuple) and self._same_cells(_sorted_cells(lists, at), wanted, list):
                    out.append(Source(i, column.label, "sorted", 1.2))
                elif (
                    hashable(column)
                    and isinstance(first, list | tuple)
                    and self._same_cells(_sorted_cells([list(set(cells)) for cells in lists], at), wanted, list)
                ):
                    out.append(Source(i, column.label, "sortedunique", 1.4))
            elif wanted.kind == "str" and column.kind in ("str", "num"):
                out += self._joined(column, i, wanted)
        return out

    def _same_cells(self, lists: list[list[object]], wanted: Column, kind: type) -> bool:
        return bool([self.table.book.code(kind(cells)) for cells in lists] == wanted.codes.tolist())

    def _joined(self, column: Column, i: int, wanted: Column) -> list[Source]:
        assert self.at is not None
        if column.null.any() or wanted.null.any():
            return []
        lists = self.groups.lists(column)
        texts = [[str(cell) for cell in lists[g]] for g in self.at]
        cells = wanted.cells
        many = next((j for j, part in enumerate(texts) if len(part) > 1), None)
        if many is None:
            return []
        for separator in _separators(texts[many], cells[many]):
            if all(separator.join(part) == cell for part, cell in zip(texts, cells, strict=True)):
                if column.kind == "str":
                    return [Source(i, column.label, "join", 0.6, separator)]
                return [Source(i, column.label, "joinnumbers", 1.6, separator)]
            if all(separator.join(dict.fromkeys(part)) == cell for part, cell in zip(texts, cells, strict=True)):
                return [Source(i, column.label, "joinunique", 1.6, separator)]
            ordered = []
            if all(separator.join(sorted(part)) == cell for part, cell in zip(texts, cells, strict=True)):
                ordered.append(Source(i, column.label, "sortedjoin", 1.7, separator))
            if all(separator.join(sorted(set(part))) == cell for part, cell in zip(texts, cells, strict=True)):
                ordered.append(Source(i, column.label, "joinsorted", 1.9, separator))
            if ordered:
                return ordered
        return []


def _separators(parts: Sequence[str], cell: object) -> Iterator[str]:
    """The usual ones, and what stands between two of a group's texts in what they were joined to."""
    yield from SEPARATORS
    if not isinstance(cell, str):
        return
    for one, other in permutations(list(dict.fromkeys(parts))[:3], 2):
        found = re.match(re.escape(one) + r"(\W{1,6}?)" + re.escape(other), cell)
        if found and found[1] not in SEPARATORS:
            yield found[1]
            return


def _sorted_cells(lists: Sequence[list[Any]], at: Codes) -> list[list[Any]]:
    """The cells of each group in order; as they are where they have none."""
    try:
        return [sorted(lists[g]) for g in at]
    except TypeError:
        return [list(lists[g]) for g in at]


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind == "scalar":
        yield from _scalars(table, goal)
        return
    if goal.shape_kind not in ("frame", "series", "list", "array", "index"):
        return
    computed = 0
    for keys in _last_key_sets(table, goal):
        solved = Solved(table, goal, keys)
        if solved.complete():
            yield from islice(_programs(solved), 14)
            if any(all(source.agg == "equal" for source in found) for found in solved.sources):
                yield from _of_made(solved)
        else:
            yield from _of_all(solved)
            yield from _in_percent(solved)
            yield from _weighted(solved)
            if (solved.exact_rows or goal.rows > 1) and computed < MOST_COMPUTED:
                computed += 1
                yield from _of_made(solved)


def _of_all(solved: Solved) -> Iterator[Expr]:
    """Each group's part of the whole: ``groupby(…)['v'].sum() / df['v'].sum()``."""
    table, at = solved.table, solved.at
    if at is None or len(solved.wanted) != 1 or solved.wanted[0].kind != "num" or table.shape_kind != "frame":
        return
    if len(set(at.tolist())) < len(at):
        return
    wanted = solved.wanted[0]
    grouped, cost = _grouped(solved)
    for i in solved.values:
        column = table.columns[i]
        names, matrix = solved.groups.numbers(column)
        for agg in ("sum", "count", "mean"):
            if agg not in names:
                continue
            total = _whole(column, agg)
            with np.errstate(all="ignore"):
                share = matrix[names.index(agg)][at] / total
            for factor, tail in ((1.0, ""), (100.0, " * 100")):
                if close(share[None] * factor, wanted.numbers)[0]:
                    label = literal(column.label)
                    part = step(
                        table.expr, f"{grouped}[{label}].{agg}()", op="groupby.agg", cost=cost + AGG_COST[agg], labels=1
                    )
                    whole = step(table.expr, f"[{label}].{agg}()", op="reduce", cost=0.4)
                    made = Expr(f"{{0}} / {{1}}{tail}", (part, whole), PRODUCT, "arithmetic", 0.6)
                    yield from _ended(solved, made, wanted.label)


def _in_percent(solved: Solved) -> Iterator[Expr]:
    """How many in a hundred of each group: ``groupby(…)['passed'].mean() * 100``, of what is true or 1."""
    table, at = solved.table, solved.at
    if at is None or len(solved.wanted) != 1 or solved.wanted[0].kind != "num" or table.shape_kind != "frame":
        return
    if len(set(at.tolist())) < len(at):
        return
    wanted = solved.wanted[0]
    grouped, cost = _grouped(solved)
    for i in solved.values:
        column = table.columns[i]
        if column.kind not in ("num", "bool") or not set(column.numbers[~column.null].tolist()) <= {0.0, 1.0}:
            continue
        names, matrix = solved.groups.numbers(column)
        if "mean" in names and close(100 * matrix[names.index("mean")][at][None], wanted.numbers)[0]:
            text = f"{grouped}[{literal(column.label)}].mean()"
            mean = step(table.expr, text, op="groupby.agg", cost=cost + AGG_COST["mean"], labels=1)
            yield from _ended(solved, step(mean, ".mul(100)", op="arithmetic", cost=0.6), wanted.label)


def _weighted(solved: Solved) -> Iterator[Expr]:
    """Means by group in a frame, each cell weighing what another column says; those in a series: ``ops/series.py``."""
    table, at = solved.table, solved.at
    if at is None or len(solved.wanted) != 1 or solved.wanted[0].kind != "num" or solved.goal.shape_kind != "frame":
        return
    if len(set(at.tolist())) < len(at) or solved.groups.count == len(solved.groups.rows) or len(at) < 2:
        return
    wanted, ids, rows = solved.wanted[0], solved.groups.ids, solved.groups.rows
    numbers = [c for i in solved.values if (c := table.columns[i]).kind == "num" and not c.null.any()][:6]
    for value, weight in permutations(numbers, 2):
        totals = np.bincount(ids, weight.numbers[rows], solved.groups.count)
        sums = np.bincount(ids, (value.numbers * weight.numbers)[rows], solved.groups.count)
        with np.errstate(all="ignore"):
            means = sums / totals
        if close(means[None, at], wanted.numbers)[0]:
            grouped, cost = _grouped(solved)
            cells = f"g[{literal(value.label)}], weights=g[{literal(weight.label)}]"
            text = f"{grouped}.apply(lambda g: np.average({cells}))"
            made = step(table.expr, text, op="groupby.agg", cost=cost + 0.2, labels=2, tags=(FUNCTION,))
            yield from _ended(solved, made, wanted.label)


_ARITHMETIC: tuple[tuple[str, Callable[[Floats, Floats], Floats], bool], ...] = (
    ("*", np.multiply, True),
    ("-", np.subtract, False),
    ("+", np.add, True),
    ("/", np.divide, False),
)
"""Signs between columns, and whether their order does not matter."""

_MADE = ("sum", "mean", "max", "min")
"""Aggregates of what is computed from two columns."""


def _of_made(solved: Solved) -> Iterator[Expr]:
    """Aggregates of a column that is computed first: ``assign(total=df['a'] * df['b']).groupby(…)['total'].sum()``.

    Where one column of the goal, and one only, is no aggregate of a column.
    """
    table, goal, at = solved.table, solved.goal, solved.at
    if at is None or table.shape_kind != "frame" or not solved.wanted or table.levels != 1:
        return
    if len(set(at.tolist())) < len(at) or solved.groups.count >= table.rows or table.rows > MOST_MADE_OF:
        return
    missing = [c for c in solved.wanted if all(source.agg == "equal" for source in solved.explain(c))]
    if not 1 <= len(missing) <= MOST_MADE or any(column.kind != "num" for column in missing):
        return
    if len(missing) > 1 and all(solved.spread(column.label) for column in missing):
        return  # a pivot's work
    made: list[tuple[str, list[tuple[Expr, Floats]]]] = []
    for wanted in missing:
        label = wanted.label if isinstance(wanted.label, str) and wanted.label not in table.labels else "_value"
        found = list(islice(_computed(solved, wanted), 4))
        if not found or (label == "_value" and goal.shape_kind == "frame"):
            return
        if goal.shape_kind == "series" and wanted.label is None:
            for expr, values in found:
                yield from _grouped_by_columns(solved, expr, values, wanted)
            return
        made.append((label, found))
    for choice in range(max(len(found) for _, found in made)):
        base, value = table.expr, table.value
        for label, found in made:
            expr, values = found[min(choice, len(found) - 1)]
            base, value = with_column(base, table.expr, label, expr), value.assign(**{label: values})
        more = Table(value, base, table.book)
        for keys in _same_keys(more, solved.keys):
            again = Solved(more, goal, keys)
            if again.complete():
                yield from islice(_programs(again), 4)


MOST_COMPUTED = 3
"""Key sets by which computed columns are aggregated."""

MOST_MADE = 3
"""Computed columns that are aggregated at once."""

MOST_MADE_OF = 2000
"""Rows of a table whose columns are computed with."""

MOST_READ = 80
"""Numbers that are read out of texts and dates and aggregated."""

MOST_CONDITIONED, MOST_COUNTED = 500, 3
"""Rows of a table under whose conditions is counted; conditions that give one column."""


def _same_keys(table: Table, keys: KeySet) -> Iterator[KeySet]:
    """The keys, in a table with more columns."""
    labels = [key.column.label for key in keys.keys]
    if any(key.derived for key in keys.keys):
        yield keys
        return
    mine = {key.column.label: key for key in keys_of(table)}
    if all(label in mine for label in labels):
        yield KeySet(tuple(mine[label] for label in labels), keys.places)


def _computed(solved: Solved, wanted: Column) -> Iterator[tuple[Expr, Floats]]:
    """Columns computed from two others, or conditions, one aggregate of which is wanted."""
    table, groups, at = solved.table, solved.groups, solved.at
    assert at is not None
    numbers = [i for i in solved.values if table.columns[i].kind == "num"][:8]
    for i in numbers:
        for j in numbers:
            for sign, function, symmetric in _ARITHMETIC:
                if i == j or (symmetric and i > j):
                    continue
                with np.errstate(all="ignore"):
                    values = function(table.columns[i].numbers, table.columns[j].numbers)
                if _aggregated(groups, Column(None, values, table.book), at, wanted):
                    level = PRODUCT if sign in "*/" else SUM
                    second = "product" if sign in "*+" else ""
                    template = (
                        f"{{0:{'product' if sign in '*/' else 'sum'}}} {sign} {{1{':' + second if second else ''}}}"
                    )
                    yield Expr(template, (table.ref(i), table.ref(j)), level, "arithmetic", 0.7), values
    for i in numbers:
        cells = table.columns[i].numbers
        for how, bound in (("lower", np.fmax), ("upper", np.fmin)):
            values = bound(cells, 0.0)
            if not np.array_equal(values, cells) and _summed(groups, values, at, wanted):
                yield call(f"{{0}}.clip({how}=0)", table.ref(i), op="clip", cost=1.0), values
    told = any(column.kind in ("str", "date") for column in table.columns)
    for term in pool_of(table).amounts[:MOST_READ] if told else ():
        read_in_all = len(term.values) == table.rows and not np.isnan(term.values).all()
        if read_in_all and _aggregated(groups, Column(None, term.values, table.book), at, wanted):
            yield term.expr, term.values
    yield from _visits(solved, wanted)
    yield from _under_conditions(solved, wanted)


_PAUSES = (
    ("30min", 1800), ("1h", 3600), ("10min", 600), ("15min", 900), ("5min", 300), ("20min", 1200), ("1D", 86_400),
    ("2h", 7200), ("7D", 604_800), ("1min", 60), ("30D", 2_592_000),
)  # fmt: skip
"""Pauses after which a new visit begins, and their seconds."""


def _visits(solved: Solved, wanted: Column) -> Iterator[tuple[Expr, Floats]]:
    """Rows that begin a visit, which are counted: the first of a key, and those after a pause."""
    table, groups, at = solved.table, solved.groups, solved.at
    assert at is not None
    keys = solved.keys.keys
    counts = wanted.numbers
    if any(key.derived or key.level is not None for key in keys) or not (counts >= 1).all():
        return
    if (counts != np.rint(counts)).any() or (counts == groups.sizes[at]).all() or (counts == 1).all():
        return
    by = literal(keys[0].column.label if len(keys) == 1 else [key.column.label for key in keys])
    for time in table.columns:
        if time.kind != "date" or time.null.any():
            continue
        pause = np.full(table.rows, np.inf)
        ordered = True
        for rows in groups.members:
            order = np.argsort(time.numbers[rows], kind="stable")
            ordered &= bool((np.diff(order) > 0).all())
            pause[rows[order[1:]]] = np.diff(time.numbers[rows[order]])
        sort = f".sort_values({literal(time.label)})"
        for text, seconds in _PAUSES:
            begins = pause > seconds * 1e9
            if _summed(groups, begins.astype(np.float64), at, wanted):
                for sorting in ("", sort) if ordered else (sort,):
                    steps = f"{{0}}{sorting}.groupby({by})[{literal(time.label)}].diff()"
                    late, cost = f"~({steps} <= pd.Timedelta('{text}'))", 1.6 + 0.4 * bool(sorting)
                    yield Expr(late, (table.expr,), UNARY, "compare", cost, (LABEL,) * 2), begins.astype(np.float64)
                break


def _under_conditions(solved: Solved, wanted: Column) -> Iterator[tuple[Expr, Floats]]:
    """Conditions that are counted, or under which a number counts: ``COUNT(CASE WHEN …)``, ``SUM(CASE WHEN …)``."""
    table, groups, at = solved.table, solved.groups, solved.at
    assert at is not None
    if table.shape_kind != "frame" or table.rows > MOST_CONDITIONED or "mask" in table.expr.ops:
        return
    choices = conditions(table)
    inside = choices[:, groups.rows]
    times = inside @ groups.member
    hits = close(times[:, at], wanted.numbers) | close((times / groups.sizes)[:, at], wanted.numbers)
    for keep in choices[hits][:MOST_COUNTED]:
        for condition in read(table, keep, most=2):
            yield condition, keep.astype(np.float64)
    for i in [i for i in solved.values if table.columns[i].kind == "num"][:8]:
        cells = table.columns[i].numbers
        x = np.nan_to_num(cells[groups.rows])
        totals = (inside * x) @ groups.member
        for keep in choices[close(totals[:, at], wanted.numbers)][:2]:
            for condition in read(table, keep, most=1):
                if table.ref(i).text not in {node.text for node in condition.nodes}:
                    chosen = call("{0}.where({1:arg}, 0)", table.ref(i), condition, op="where", cost=1.3)
                    yield chosen, np.where(keep, cells, 0.0)
        balances = 2 * totals - np.bincount(groups.ids, x, groups.count)
        for keep in choices[close(balances[:, at], wanted.numbers)][:2]:
            for condition in read(table, keep, most=1):
                if table.ref(i).text not in {node.text for node in condition.nodes}:
                    minus = Expr("-{0}", (table.ref(i),), UNARY, "arithmetic", 0.4)
                    signed = call("{0}.where({1:arg}, {2:arg})", table.ref(i), condition, minus, op="where", cost=1.3)
                    yield signed, np.where(keep, cells, -cells)
        present = (inside & ~table.columns[i].null[groups.rows]) @ groups.member
        with np.errstate(all="ignore"):
            means = np.where(present > 0, totals / present, np.nan)
        for keep in choices[close(means[:, at], wanted.numbers)][:2]:
            for condition in read(table, keep, most=1):
                chosen = call("{0}.where({1:arg})", table.ref(i), condition, op="where", cost=1.4)
                yield chosen, np.where(keep, cells, np.nan)


def _aggregated(groups: Groups, made: Column, at: Codes, wanted: Column) -> bool:
    """Whether one of the usual aggregates of a computed column is what is wanted."""
    names, matrix = groups.numbers(made)
    rows = [names.index(agg) for agg in _MADE if agg in names]
    return bool(close(matrix[rows][:, at], wanted.numbers).any())


def _summed(groups: Groups, values: Floats, at: Codes, wanted: Column) -> bool:
    """Whether the sums of the groups are what is wanted."""
    there = np.nan_to_num(values[groups.rows])
    totals = np.asarray(np.bincount(groups.ids, there, groups.count), dtype=np.float64)
    return bool(close(totals[None, at], wanted.numbers)[0])


def _grouped_by_columns(solved: Solved, made: Expr, values: Floats, wanted: Column) -> Iterator[Expr]:
    """``(df['a'] > 0).groupby(df['k']).mean()``, a series without a name."""
    keys = solved.keys.keys
    if any(key.level is not None or key.derived for key in keys) or not solved.indexed:
        return
    table, at = solved.table, solved.at
    refs = [table.ref(list(table.labels).index(key.column.label)) for key in keys]
    by_refs = ", ".join(f"{{{i + 1}:arg}}" for i in range(len(refs)))
    names, matrix = solved.groups.numbers(Column(None, values, table.book))
    for agg in ("sum", "mean", "max", "min"):
        if agg in names and close(matrix[[names.index(agg)]][:, at], wanted.numbers)[0]:
            text = f"{{0}}.groupby({by_refs if len(refs) == 1 else '[' + by_refs + ']'}).{agg}()"
            yield call(text, made, *refs, op="groupby.agg", cost=1.2 + AGG_COST[agg])


def _whole(column: Column, agg: str) -> float:
    """The aggregate of all rows."""
    if agg == "count":
        return float((~column.null).sum())
    return float(np.nansum(column.numbers) if agg == "sum" else np.nanmean(column.numbers))


def _ended(solved: Solved, series: Expr, label: Hashable) -> Iterator[Expr]:
    """A series as the goal has it: itself, or a frame with its index as columns."""
    if not _frame_wanted(solved):
        yield series
    elif solved.indexed:
        yield step(series, f".to_frame({literal(label)})", op="to_frame", cost=0.8)
    else:
        yield step(series, f".reset_index(name={literal(label)})", op="reset_index", cost=0.8)


def _scalars(table: Table, goal: Goal) -> Iterator[Expr]:
    """The largest or smallest aggregate of all groups, or the key that has it."""
    if table.shape_kind != "frame" or len(table.labels) > 20:
        return
    code, number = goal.book.code(goal.value), goal.value
    numeric_goal = isinstance(number, int | float | np.number) and not isinstance(number, bool)
    for key in [*keys_of(table), *derived_keys(table, goal), *computed_keys(table, goal)]:
        if not 1 < len(key.column.distinct) < table.rows:
            continue
        groups = Groups([key.column])
        first = key.column.codes[groups.first]
        head = f".groupby({by([key])})"
        if key.derived:
            yield from _most_frequent(table, key, groups, code)
        for c in table.columns:
            if c is key.column or not hashable(c):
                continue
            names, matrix = groups.numbers(c)
            for agg, row in zip(names, matrix, strict=True):
                if agg in ("prod", "var", "first", "last", "median") or np.isnan(row).all():
                    continue
                select = "" if agg == "size" else f"[{literal(c.label)}]"
                # What is computed is worth its price where only the key is wanted.
                cost = 1.0 + AGG_COST[agg] + key.cost * key.derived
                series = step(table.expr, f"{head}{select}.{agg}()", op="groupby.agg", cost=cost, labels=2)
                for way, place in (("max", int(np.nanargmax(row))), ("min", int(np.nanargmin(row)))):
                    if first[place] == code:
                        yield step(series, f".idx{way}()", op="idxmax", cost=0.9 + 0.3 * (way == "min"))
                    elif numeric_goal and np.isclose(row[place], float(number)):
                        yield step(series, f".{way}()", op="reduce", cost=1.2)


def _most_frequent(table: Table, key: Key, groups: Groups, code: int) -> Iterator[Expr]:
    """The computed key that most rows have: ``df['t'].dt.hour.value_counts().idxmax()``."""
    if int(key.column.codes[groups.first[int(groups.sizes.argmax())]]) != code:
        return
    series = as_column(key, table.expr)
    if series is None:
        return
    yield step(step(series, ".value_counts()", op="value_counts", cost=0.8), ".idxmax()", op="idxmax", cost=0.9)
    yield step(series, ".mode()[0]", op="mode", cost=1.2)


def _last_key_sets(table: Table, goal: Goal) -> Iterator[KeySet]:
    candidates = keys_of(table)
    yield from key_sets(goal, candidates, most=12)
    more = [*derived_keys(table, goal), *computed_keys(table, goal)]
    if more:
        mixed = [*more, *candidates]
        yield from (k for k in key_sets(goal, mixed, most=16) if any(key.derived for key in k.keys))
        blocks = [key for key in more if key.text.startswith("np.arange") or key.text.endswith(".cumsum()")]
        yield from (KeySet((key,), ()) for key in blocks)
    # Keys that the goal does not show: one row a group is all that is known.
    for key in candidates:
        if goal.rows == len(key.column.distinct) < table.rows:
            yield KeySet((key,), ())


_WRITTEN_OUT = frozenset(
    [
        "joinnumbers",
        "joinunique",
        "joinsorted",
        "sortedjoin",
        "sortedunique",
        "range",
        "mode",
        "nulls",
        "equal",
        "extremes",
    ]
)
"""Aggregates that are functions of their own."""

AGG_WRITTEN = {"list": "list", "set": "set", "unique": "'unique'"}


def written(source: Source) -> str:
    """An aggregate as an argument of ``agg``."""
    if source.agg == "join":
        return f"{literal(source.extra)}.join"
    if source.agg == "quantile":
        return f"lambda s: s.quantile({source.extra})"
    if source.agg == "nulls":
        return "lambda s: s.isna().sum()"
    if source.agg == "equal":
        return f"lambda s: (s {source.extra}()"
    if source.agg == "extremes":
        return f"lambda s: s.{source.extra}()"
    if source.agg == "range":
        return f"lambda s: (s.max() - s.min()){source.extra}" if source.extra else "lambda s: s.max() - s.min()"
    if source.agg == "mode":
        return "lambda s: s.mode()[0]"
    if source.agg == "unique" and source.extra:
        return "lambda s: s.unique().tolist()"
    if source.agg == "sorted":
        return "sorted"
    if source.agg == "sortedunique":
        return "lambda s: sorted(s.unique())"
    if source.agg == "joinnumbers":
        return f"lambda s: {literal(source.extra)}.join(s.astype(str))"
    if source.agg == "joinunique":
        return f"lambda s: {literal(source.extra)}.join(s.unique())"
    if source.agg == "joinsorted":
        return f"lambda s: {literal(source.extra)}.join(sorted(s.unique()))"
    if source.agg == "sortedjoin":
        return f"lambda s: {literal(source.extra)}.join(sorted(s))"
    return AGG_WRITTEN.get(source.agg, literal(source.agg))


def _programs(solved: Solved) -> Iterator[Expr]:
    yield from _sized(solved)
    yield from _alike(solved)
    yield from _single(solved)
    yield from _by_dictionary(solved)
    yield from _by_level(solved)
    yield from _named(solved)


def _grouped(solved: Solved, *, as_index: bool = True) -> tuple[str, float]:
    """``.groupby(…)`` as a template, with its cost."""
    options = [solved.keys.text()]
    if solved.exact_rows and solved.appearing and not solved.ordered:
        options.append("sort=False")
    if not as_index:
        options.append("as_index=False")
    (first, *more) = solved.keys.keys
    if first.text.startswith("pd.Grouper(") and not more:
        inside = first.text.removeprefix("pd.Grouper(").removesuffix(")")
        on, _, freq = inside.rpartition("freq=")
        on = on.removesuffix(", ")
        return f".resample({freq}{', on=' + on.removeprefix('key=') if on else ''})", 0.7 + solved.keys.cost
    cost = 0.9 + solved.keys.cost + 0.2 * (len(options) - 1) + ALONE * solved.single
    return f".groupby({', '.join(options)})", cost


def _frame_wanted(solved: Solved) -> bool:
    return solved.goal.shape_kind == "frame"


def _can_stay(solved: Solved) -> bool:
    """Whether ``as_index=False`` keeps the keys, as it does for columns of the table only."""
    return all(key.level is None and not key.derived for key in solved.keys.keys) and solved.table.shape_kind == "frame"


def _finished(solved: Solved, expr: Expr) -> Iterator[Expr]:
    """The value, its index made columns where the goal has the keys there."""
    if solved.indexed or not _frame_wanted(solved):
        yield expr
        return
    if not solved.keys.places:
        yield step(expr, ".reset_index(drop=True)", op="reset_index", cost=0.7)
    yield step(expr, ".reset_index()", op="reset_index", cost=0.6)


def _sized(solved: Solved) -> Iterator[Expr]:
    """``size`` alone."""
    if len(solved.wanted) != 1 or not any(s.agg == "size" for s in solved.sources[0]):
        return
    grouped, cost = _grouped(solved)
    sizes = step(solved.table.expr, f"{grouped}.size()", op="groupby.size", cost=cost)
    label = solved.wanted[0].label
    if not _frame_wanted(solved):
        yield sizes
        if not solved.keys.places or solved.goal.shape_kind in ("list", "array"):
            yield step(sizes, ".reset_index(drop=True)", op="reset_index", cost=0.7)
    elif solved.indexed:
        yield step(sizes, f".to_frame({literal(label)})", op="to_frame", cost=0.8)
    else:
        yield step(sizes, f".reset_index(name={literal(label)})", op="reset_index", cost=0.8)
        if label == "size" and _can_stay(solved):
            stay, price = _grouped(solved, as_index=False)
            yield step(solved.table.expr, f"{stay}.size()", op="groupby.size", cost=price)


def _alike(solved: Solved) -> Iterator[Expr]:
    """One aggregate of several columns, which keep their labels."""
    table = solved.table
    if table.shape_kind != "frame" or not _frame_wanted(solved):
        return
    options = []
    for column, sources in zip(solved.wanted, solved.sources, strict=True):
        options.append({s.agg: s for s in sources if s.position is not None and s.label == column.label})
    for agg in _shared(options):
        labels = [column.label for column in solved.wanted]
        rest = [table.columns[i].label for i in solved.values]
        numbers = [table.columns[i].label for i in solved.values if table.columns[i].kind in ("num", "bool")]
        cost = AGG_COST.get(agg, 1.0) + 0.1
        chosen = set(labels)
        forms: list[tuple[str, str, float]] = []
        method = _method(agg)
        if chosen == set(rest) and method is not None:
            forms.append(("", method, 0.0))
        elif chosen == set(numbers) and agg in (
            "sum",
            "mean",
            "min",
            "max",
            "median",
            "std",
            "var",
            "prod",
            "first",
            "last",
        ):
            forms.append(("", f".{agg}(numeric_only=True)", 0.3))
        picked = method if method is not None else f".agg({written(options[0][agg])})"
        forms.append((f"[{literal(labels)}]", picked, 0.2 * len(labels)))
        for select, called, extra in forms:
            yield from _both_indexes(solved, f"{select}{called}", cost + extra)


def _both_indexes(solved: Solved, tail: str, cost: float) -> Iterator[Expr]:
    """The call with the keys where the goal has them."""
    if not solved.indexed and _can_stay(solved) and solved.keys.places:
        grouped, price = _grouped(solved, as_index=False)
        yield step(solved.table.expr, f"{grouped}{tail}", op="groupby.agg", cost=price + cost)
        return
    grouped, price = _grouped(solved)
    yield from _finished(solved, step(solved.table.expr, f"{grouped}{tail}", op="groupby.agg", cost=price + cost))


def _method(agg: str) -> str | None:
    """The method of a grouped frame or series that computes an aggregate."""
    if agg in _WRITTEN_OUT or agg in ("join", "sorted", "unique", "quantile"):
        return None
    if agg in ("list", "set"):
        return f".agg({agg})"
    if agg == "size":
        return None
    return f".{agg}()"


def _shared(options: Sequence[dict[str, Source]]) -> list[str]:
    shared = [agg for agg in options[0] if all(agg in other for other in options[1:])]
    return sorted(shared, key=lambda agg: sum(o[agg].cost for o in options))[:5]


def _single(solved: Solved) -> Iterator[Expr]:
    """One aggregate of one column: a series, or a frame with a new label."""
    if len(solved.wanted) != 1:
        return
    wanted = solved.wanted[0]
    for source in solved.sources[0]:
        if source.agg == "size":
            continue
        column = f"[{literal(source.label)}]" if solved.table.shape_kind == "frame" else ""
        method = _method(source.agg)
        if source.agg == "unique":
            method = ".unique().apply(list)" if source.extra else ".unique()"
        elif source.agg == "quantile":
            method = f".quantile({source.extra})"
        tail = f"{column}{method}" if method is not None else f"{column}.agg({written(source)})"
        tags = (FUNCTION,) if source.agg in _WRITTEN_OUT else ()
        grouped, price = _grouped(solved)
        cost = price + max(source.cost, 0.0) + 0.2 + 1.5 * bool(tags)
        series = step(solved.table.expr, f"{grouped}{tail}", op=_op(source.agg), cost=cost, tags=tags)
        if not _frame_wanted(solved):
            yield series
            if not solved.keys.places:
                yield step(series, ".reset_index(drop=True)", op="reset_index", cost=0.7)
        elif solved.indexed:
            if wanted.label == source.label:
                bracket = f"[[{literal(source.label)}]]"
                tail = f"{bracket}{method}" if method is not None else f"{bracket}.agg({written(source)})"
                yield step(solved.table.expr, f"{grouped}{tail}", op=_op(source.agg), cost=cost, tags=tags)
            else:
                yield step(series, f".to_frame({literal(wanted.label)})", op="to_frame", cost=0.8)
        elif wanted.label == source.label:
            if solved.keys.places and _can_stay(solved):
                stay, price = _grouped(solved, as_index=False)
                yield step(solved.table.expr, f"{stay}{tail}", op=_op(source.agg), cost=cost + 0.2, tags=tags)
            else:
                yield step(series, ".reset_index()", op="reset_index", cost=0.6)
        else:
            yield step(series, f".reset_index(name={literal(wanted.label)})", op="reset_index", cost=0.8)


_OPS = {
    "idxmax": "groupby.idx",
    "idxmin": "groupby.idx",
    "list": "groupby.list",
    "set": "groupby.list",
    "unique": "groupby.list",
    "join": "groupby.list",
    "joinnumbers": "groupby.list",
    "joinsorted": "groupby.list",
    "sortedjoin": "groupby.list",
}


def _op(agg: str) -> str:
    return _OPS.get(agg.removesuffix("unique") or agg, "groupby.agg")


def _by_dictionary(solved: Solved) -> Iterator[Expr]:
    """``agg({'a': 'sum', 'b': 'max'})``: the columns keep their labels."""
    if not _frame_wanted(solved) or len(solved.wanted) < 2 or solved.table.shape_kind != "frame":
        return
    options = [
        [s for s in sources if s.position is not None and s.label == column.label][:3]
        for column, sources in zip(solved.wanted, solved.sources, strict=True)
    ]
    if not all(options):
        return
    for chosen in _combinations(options, 4):
        if len({s.agg for s in chosen}) > 1:
            entries = ", ".join(f"{literal(s.label)}: {written(s)}" for s in chosen)
            cost = sum(max(s.cost, 0.0) for s in chosen) + 0.3 * len(chosen) + 0.3
            yield from _both_indexes(solved, f".agg({{{{{entries}}}}})", cost)


def _combinations(options: Sequence[Sequence[Source]], most: int) -> list[tuple[Source, ...]]:
    """One of each, the most plausible together first."""
    short = [list(o)[: 3 if len(options) < 5 else 1] for o in options]
    chosen = list(islice(product(*short), 81))
    chosen.sort(key=lambda sources: sum(s.cost for s in sources))
    return chosen[:most]


def _named(solved: Solved) -> Iterator[Expr]:
    """``agg(total=('v', 'sum'))``."""
    table = solved.table
    if not _frame_wanted(solved) or solved.goal.levels != 1 or table.shape_kind != "frame":
        return
    labels = [column.label for column in solved.wanted]
    if not all(isinstance(label, str) for label in labels):
        return
    anchor = next((table.columns[i].label for i in solved.values if not table.columns[i].null.any()), None)
    if anchor is None:
        anchor = solved.keys.keys[0].column.label
    for chosen in _combinations(solved.sources, 4):
        if any(s.agg == "size" for s in chosen) and anchor is None:
            continue
        pairs_written = [
            (str(label), f"({literal(anchor if s.position is None else s.label)}, {written(s)})")
            for label, s in zip(labels, chosen, strict=True)
        ]
        cost = sum(max(s.cost, 0.0) for s in chosen) + 0.4 * len(chosen)
        if all(is_keyword_name(name) and name != "func" for name, _ in pairs_written):
            arguments = ", ".join(f"{name}={pair}" for name, pair in pairs_written)
        else:
            arguments = "**{{" + ", ".join(f"{literal(name)}: {pair}" for name, pair in pairs_written) + "}}"
        yield from _both_indexes(solved, f".agg({arguments})", cost)


def _by_level(solved: Solved) -> Iterator[Expr]:
    """Several aggregates of one or several columns: ``['v'].agg(['min', 'max'])``, labels in two levels."""
    goal = solved.goal
    if not _frame_wanted(solved) or solved.table.shape_kind != "frame":
        return
    labels = [column.label for column in solved.wanted]
    if goal.levels == 1:
        for position in solved.values:
            column = solved.table.columns[position]
            if all(
                any(s.agg == label and s.position in (position, None) for s in sources)
                for label, sources in zip(labels, solved.sources, strict=True)
            ):
                tail = f"[{literal(column.label)}].agg({literal(labels)})"
                grouped, price = _grouped(solved)
                expr = step(
                    solved.table.expr, f"{grouped}{tail}", op="groupby.agg", cost=price + 0.5 + 0.3 * len(labels)
                )
                yield from _finished(solved, expr)
    elif goal.levels == 2:
        yield from _two_levels(solved, labels)


def _pivoted_aggregates(solved: Solved, labels: list[Hashable]) -> Iterator[Expr]:
    """``pivot_table(index=…, values=…, aggfunc=['sum', 'mean'])``, the aggregates above the columns."""
    parts = [label for label in labels if isinstance(label, tuple) and len(label) == 2]
    if len(parts) != len(labels) or not solved.indexed or any(k.level is not None for k in solved.keys.keys):
        return
    for label, sources in zip(parts, solved.sources, strict=False):
        if not any((s.label == label[1] or s.agg == "size") and s.agg == label[0] for s in sources):
            return
    aggs, columns = list(dict.fromkeys(a for a, _ in parts)), list(dict.fromkeys(c for _, c in parts))
    if len(aggs) * len(columns) != len(parts) or not all(isinstance(a, str) for a in aggs):
        return
    text = (
        f".pivot_table(index={solved.keys.text()}, values={literal(columns if len(columns) > 1 else columns[0])}, "
        f"aggfunc={literal(aggs)})"
    )
    yield step(solved.table.expr, text, op="pivot_table", cost=1.5 + 0.3 * len(aggs), labels=len(columns))


def _two_levels(solved: Solved, labels: list[Hashable]) -> Iterator[Expr]:
    pairs_wanted = [label for label in labels if isinstance(label, tuple)]
    yield from _pivoted_aggregates(solved, labels)
    by_column: dict[Hashable, list[str]] = {}
    for label, sources in zip(pairs_wanted, solved.sources, strict=False):
        if not any((s.label == label[0] or s.agg == "size") and s.agg == label[1] for s in sources):
            return
        by_column.setdefault(label[0], []).append(label[1])
    if len(pairs_wanted) != len(labels) or not by_column:
        return
    grouped, price = _grouped(solved)
    lists = list(by_column.values())
    cost = price + 0.5 + 0.3 * len(labels)
    tail = f"[{literal(list(by_column))}].agg({literal(lists[0])})"
    if any(other != lists[0] for other in lists):
        entries = ", ".join(f"{literal(k)}: {literal(v)}" for k, v in by_column.items())
        tail = f".agg({{{{{entries}}}}})"
    elif set(by_column) == {solved.table.columns[i].label for i in solved.values}:
        tail = f".agg({literal(lists[0])})"
    yield from _finished(solved, step(solved.table.expr, f"{grouped}{tail}", op="groupby.agg", cost=cost))


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    """A few aggregates that a further step may finish."""
    yield from _placed(table, goal)
    keys = plausible_keys(table, goal)
    numbers = numeric(table)
    for chosen in pairs(keys[:4], 6):
        groups = Groups([key.column for key in chosen])
        if not 1 < groups.count < table.rows or groups.count > 4 * max(goal.rows, 10):
            continue
        cost = 1.0 + sum(key.cost for key in chosen)
        stay = all(key.level is None for key in chosen) and table.shape_kind == "frame"
        head = f".groupby({by(chosen)})"
        yield step(table.expr, f"{head}.size()", op="groupby.size", cost=cost + 0.2)
        taken = {id(key.column) for key in chosen}
        values = [i for i in numbers if id(table.columns[i]) not in taken]
        yield from _shown_aggregates(table, goal, groups, head, values, cost)
        if values and table.shape_kind == "frame":
            labels = [table.columns[i].label for i in values]
            rest = [c.label for c in table.columns if id(c) not in taken]
            select = "" if labels == rest else f"[{literal(labels)}]"
            tail = f".groupby({by(chosen)}{', as_index=False' if stay else ''}){select}"
            for agg in ("sum", "mean"):
                yield step(table.expr, f"{tail}.{agg}()", op="groupby.agg", cost=cost + AGG_COST[agg] + 0.3)


def _placed(table: Table, goal: Goal) -> Iterator[Expr]:
    """Sums and means of single columns by keys that the goal holds all of: it may show them changed."""
    if goal.shape_kind not in ("frame", "series") or table.shape_kind != "frame":
        return
    for keys in key_sets(goal, [*keys_of(table), *derived_keys(table, goal)], most=2):
        groups = Groups([key.column for key in keys.keys])
        if not 1 < groups.count < table.rows or groups.count != goal.rows:
            continue
        taken = {id(key.column) for key in keys.keys}
        values = [table.columns[i] for i in numeric(table) if id(table.columns[i]) not in taken]
        values.sort(key=lambda c: not label_shown(goal, c))
        for c in values[:3]:
            for agg in ("sum", "mean"):
                text = f".groupby({keys.text()})[{literal(c.label)}].{agg}()"
                yield step(table.expr, text, op="groupby.agg", cost=1.2 + keys.cost + AGG_COST[agg])


def _shown_aggregates(
    table: Table, goal: Goal, groups: Groups, head: str, values: Sequence[int], cost: float
) -> Iterator[Expr]:
    """Single aggregates whose cells the goal shows."""
    for i in values:
        column = table.columns[i]
        names, matrix = groups.numbers(column)
        for name, row in zip(names, matrix, strict=True):
            if name in ("size", "prod") or (name == "count" and not column.null.any()):
                continue
            found = frozenset(table.book.encode(row).tolist())
            shown = len(found & goal.words) / max(len(found), 1)
            if shown >= 0.5 or (name in ("sum", "mean", "max") and label_shown(goal, column)):
                select = f"[{literal(column.label)}]" if table.shape_kind == "frame" else ""
                yield step(table.expr, f"{head}{select}.{name}()", op="groupby.agg", cost=cost + AGG_COST[name] + 0.3)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A grouped aggregate that somebody might write."""
    keys = [k for k in keys_of(table) if 1 < len(k.column.distinct) < table.rows]
    if not keys or table.shape_kind != "frame" or table.duplicate_labels:
        return None
    count = min(len(keys), 1 + int(rng.random() < 0.3))
    chosen = [keys[i] for i in sorted(rng.choice(len(keys), size=count, replace=False).tolist())]
    taken = {id(key.column) for key in chosen}
    values = [c for c in table.columns if id(c) not in taken and c.kind in ("num", "bool", "str", "date")]
    stay = all(key.level is None for key in chosen)
    shape = rng.choice(
        ["series", "frame", "named", "dict", "size", "list", "many"], p=[0.25, 0.2, 0.2, 0.08, 0.15, 0.05, 0.07]
    )
    head = f".groupby({by(chosen)})"
    flat_head = f".groupby({by(chosen)}{', as_index=False' if stay else ''})"
    if shape == "size" or not values:
        sizes = step(table.expr, f"{head}.size()", op="groupby.size", cost=1.2)
        name = str(rng.choice(["count", "size", "n", "num"]))
        return (
            step(sizes, f".reset_index(name={literal(name)})", op="reset_index", cost=0.8)
            if rng.random() < 0.6
            else sizes
        )
    picks = [
        values[i]
        for i in sorted(
            rng.choice(len(values), size=min(len(values), 1 + int(rng.random() < 0.4)), replace=False).tolist()
        )
    ]
    aggs = [_random_agg(column, rng) for column in picks]
    if shape == "series":
        expr = step(table.expr, f"{head}[{literal(picks[0].label)}].{aggs[0]}()", op="groupby.agg", cost=1.2)
        return step(expr, ".reset_index()", op="reset_index", cost=0.6) if rng.random() < 0.3 else expr
    if shape == "list":
        kind = "list" if picks[0].kind != "str" or rng.random() < 0.6 else "', '.join"
        return step(table.expr, f"{flat_head}[{literal(picks[0].label)}].agg({kind})", op="groupby.list", cost=1.5)
    if shape == "many" and picks[0].kind == "num":
        return step(table.expr, f"{head}[{literal(picks[0].label)}].agg(['min', 'max'])", op="groupby.agg", cost=1.6)
    if shape == "named":
        names = [f"{agg}_{c.label}" for agg, c in zip(aggs, picks, strict=True)]
        if all(is_keyword_name(name) for name in names):
            arguments = ", ".join(
                f"{n}=({literal(c.label)}, {literal(a)})" for n, c, a in zip(names, picks, aggs, strict=True)
            )
            return step(table.expr, f"{flat_head}.agg({arguments})", op="groupby.agg", cost=1.6)
    if shape == "dict":
        entries = ", ".join(f"{literal(c.label)}: {literal(a)}" for c, a in zip(picks, aggs, strict=True))
        return step(table.expr, f"{flat_head}.agg({{{{{entries}}}}})", op="groupby.agg", cost=1.6)
    labels = [c.label for c in picks]
    agg = aggs[0] if all(c.kind == picks[0].kind for c in picks) else "first"
    return step(table.expr, f"{flat_head}[{literal(labels)}].{agg}()", op="groupby.agg", cost=1.4)


def _random_agg(column: Column, rng: np.random.Generator) -> str:
    usual = ["sum", "mean", "max", "min", "count", "first", "nunique", "median", "std"]
    if column.kind == "num":
        return str(rng.choice(usual, p=[0.3, 0.2, 0.13, 0.13, 0.06, 0.06, 0.06, 0.04, 0.02]))
    return str(
        rng.choice(
            ["first", "last", "count", "nunique", "max"]
            if column.kind != "bool"
            else ["sum", "any", "mean", "all", "count"]
        )
    )


__all__ = ["FAMILY", "Solved", "Source", "proposals", "random", "written"]
