"""Closing the gap from a table to the goal: rows, then columns, then the index, each by the calls that do just that.

This is what buys depth: a program of three or four calls is found from a table one call away, at the price of comparing
columns of codes. What needs new columns or conditions asks the column engine, which is slower, and only on request.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas import align
from mlsys4sys.autopandas.columns import Count
from mlsys4sys.autopandas.columns.check import different_first
from mlsys4sys.autopandas.columns.numeric import constant_text, parting
from mlsys4sys.autopandas.expression import (
    CELL,
    COMPARE,
    ENTRY,
    LABEL,
    OUTPUT,
    POSITION,
    Expr,
    call,
    literal,
    replaced,
    with_column,
)
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.problem import Strictness
from mlsys4sys.autopandas.table import Column, Table
from mlsys4sys.autopandas.usage import price

MOST_ROWS_READ = 10
"""Ways to pick the rows, for each of which new columns are looked for."""

MOST_ROWS_CHOSEN = 500
"""Rows of a table of which some are chosen by a new column."""

MOST_NEW_SORTED = 6
"""Readings of new columns after which rows are sorted by one of them."""

MOST_SORTED_FIRST = 2
"""Ways to sort rows before a new column runs along them."""

PARTLY_S = 0.15
"""Seconds for a new column of which some rows are known."""

MOST_PICKED = 3
"""Ways to pick rows of a table with a new column."""

MOST_SORTS = 8
"""Ways to sort them, of which those by new columns come first."""

MOST_NEW = 4
"""New columns that one finish may add."""

SEPARATORS = (" | ", " - ", " + ", ", ", "; ", "\n", ",", ";", "|", "/", "-", "_", " ")
"""What joined strings may stand apart by, the longer ones first."""

MOST_SIGNS, MOST_PIECES = 2, 200
"""Separators of a wanted text that are tried, and the strings it may consist of."""

STRING_METHODS = ("lower", "upper", "title", "strip", "capitalize")
"""What labels are changed by."""

MOST_SEVERAL = 4
"""Members of a tuple that are looked for one by one."""

Columns = Callable[..., Sequence[Expr]]


MOST_MADE, MOST_MADE_EACH = 24, 10
"""Ways to compute one column, and each of several."""


@dataclass(slots=True, kw_only=True)
class Finisher:
    """Ends programs.

    Args:
        memo: Runs intermediate steps.
        synthesize: The column engine's ``synthesize``.
        masks: Its ``masks``.
        scalars: Its ``scalars``.
        constants: Values that a program may use though no table shows them.
        others: Tables that conditions may look into.
        strictness: What must agree.
    """

    memo: Memo
    synthesize: Columns
    masks: Columns
    scalars: Columns
    partly: Columns
    constants: tuple[Any, ...] = ()
    others: Sequence[Table] = ()
    strictness: Strictness = field(default_factory=Strictness)
    deadline: float | None = None
    """``time.monotonic()`` at which to stop."""
    count: Count = field(default_factory=Count)
    """Columns, conditions and numbers that the column engine compared."""
    _new: dict[tuple[str, bytes], list[Expr]] = field(default_factory=dict)

    def light(self, table: Table, goal: Goal) -> Iterator[Expr]:
        """Programs that start at ``table`` and should give the goal, without the column engine."""
        yield from (expr for expr in self._close(table, goal, heavy=False) if expr is not None)

    def heavy(self, table: Table, goal: Goal) -> Iterator[Expr | None]:
        """The same with conditions and new columns from the column engine; None now and then, as that takes long."""
        yield from self._close(table, goal, heavy=True)

    def _close(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[Expr | None]:
        kind = goal.shape_kind
        if kind == "frame":
            for start in self._variants(table, goal):
                yield from self._frame(start, goal, heavy=heavy)
        elif kind == "series":
            for start in self._variants(table, goal):
                yield from self._series(start, goal, heavy=heavy)
        elif kind in ("list", "array", "index"):
            yield from self._sequence(table, goal, heavy=heavy)
        elif kind == "scalar" and heavy and table.shape_kind in ("frame", "series"):
            yield from self._scalar(table, goal.value)
            if isinstance(goal.value, str):
                yield from self._joined(table, goal)

    def _scalar(self, table: Table, value: Any, **limits: int) -> Sequence[Expr]:
        return self.scalars(
            table, value, constants=self.constants, deadline=self._until(1.5), count=self.count, **limits
        )

    def _joined(self, table: Table, goal: Goal) -> Iterator[Expr | None]:
        """A text as a list of strings that were joined."""
        for sign in [sign for sign in SEPARATORS if sign in goal.value][:MOST_SIGNS]:
            pieces = goal.value.split(sign)
            if not all(pieces) or not 2 <= len(pieces) <= MOST_PIECES:
                continue
            for expr in self._sequence(table, Goal.of(pieces, goal.book), heavy=True):
                yield None if expr is None else _joining(sign, expr)

    def _several(self, table: Table, goal: Goal) -> Iterator[Expr]:
        """A tuple of single numbers or cells, each by its own reduction: the likeliest, then one changed at a time."""
        choices = [self._scalar(table, cell, limit=3) for cell in goal.value]
        if not all(choices):
            return
        template = "(" + ", ".join(f"{{{i}:arg}}" for i in range(len(choices))) + ")"
        picks = [[0] * len(choices)]
        picks += [[k * (i == h) for h in range(len(choices))] for i in range(len(choices)) for k in range(1, 3)]
        for pick in picks:
            if all(k < len(found) for k, found in zip(pick, choices, strict=True)):
                parts = [found[k] for k, found in zip(pick, choices, strict=True)]
                yield call(template, *parts, op="tolist", cost=0.5)

    def _until(self, seconds: float) -> float:
        end = time.monotonic() + seconds
        return end if self.deadline is None else min(end, self.deadline)

    def _over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _tables(self, exprs: Iterator[Expr] | Sequence[Expr], most: int) -> Iterator[Table]:
        """The values of programs, those left out that fail."""
        for expr in itertools.islice(exprs, most):
            if self._over():
                return
            try:
                yield self.memo.table(expr)
            except Failed:
                continue

    def _variants(self, table: Table, goal: Goal) -> Iterator[Table]:
        """The table, and the table with its row labels moved to where the goal has them."""
        if table.shape_kind == "frame" or (table.shape_kind == "series" and goal.shape_kind == "series"):
            yield table
        if table.shape_kind == "series" and goal.shape_kind == "frame":
            yield from self._tables(list(_framed(table, goal)), 4)
        if table.shape_kind == "frame" and not table.plain_index:
            cells = [frozenset(c.codes.tolist()) for c in goal.columns]
            if any(frozenset(level.codes.tolist()) >= c for level in table.index for c in cells if c):
                yield from self._tables([call("{0}.reset_index()", table.expr, op="reset_index", cost=0.7)], 1)
        if table.shape_kind == "frame" and not goal.plain_index and not table.duplicate_labels:
            yield from self._tables(list(_keyed(table, goal)), 2)

    # Rows.

    def _rows(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[tuple[Table, Goal]]:
        """Tables whose rows are the goal's, one for one, from this one; and the goal, its rows in a freer order."""
        for positions in align.row_maps(table, goal)[:3]:
            if self.strictness.row_order or (np.diff(positions) >= 0).all():
                ordered, wanted = positions, goal
            else:
                order = np.argsort(positions, kind="stable")
                ordered, wanted = positions[order], Goal.of(goal.value.iloc[order], goal.book)
                if goal.plain_index:
                    wanted = Goal.of(wanted.value.reset_index(drop=True), goal.book)
            yield from ((rows, wanted) for rows in self._picked_rows(table, ordered, heavy=heavy))

    def _picked_rows(self, table: Table, positions: align.Positions, *, heavy: bool) -> Iterator[Table]:
        """The table with these rows, by whichever calls give them."""
        plain = list(itertools.islice(align.row_picks(table, positions), 12))
        if not heavy:
            yield from self._tables(plain, 12)
            yield from self._tables(list(self._cleaned_and_sorted(table, positions)), 6)
            return
        if plain and plain[0] is table.expr:
            yield table
            return
        yield from self._tables(plain, 6)
        for start, ends in self._filtered(table, positions):
            yield from self._tables(ends, 4 if start else 60)

    def _cleaned_and_sorted(self, table: Table, positions: align.Positions) -> Iterator[Expr]:
        """Rows without gaps or repeats, and then in another order."""
        again = _order_within(positions)
        if again is None or len(positions) == table.rows:
            return
        for kept in self._tables(
            [e for e in align.row_picks(table, np.sort(positions)) if e.op in ("dropna", "drop_duplicates")], 4
        ):
            yield from itertools.islice(align.sorts(kept, again), 3)

    def _filtered(self, table: Table, positions: align.Positions) -> Iterator[tuple[bool, list[Expr]]]:
        """Filters, and filters followed by a sort; whether it is one with a sort."""
        unique = len(set(positions.tolist())) == len(positions)
        if not unique or len(positions) >= table.rows:
            return
        keep = np.zeros(table.rows, dtype=bool)
        keep[positions] = True
        conditions = sorted(
            self.masks(
                table,
                keep,
                constants=self.constants,
                others=self.others,
                deadline=self._until(1.5),
                limit=60,
                count=self.count,
            ),
            key=price,
        )
        if (np.diff(positions) > 0).all():
            yield False, [align.masked(table, mask) for mask in different_first(conditions, alike=3)]
            return
        again = _order_within(positions)
        assert again is not None  # they are unique and not in order
        for mask in different_first(conditions, alike=2)[:12]:
            for kept in self._tables([align.masked(table, mask)], 1):
                sorts = list(itertools.islice(align.sorts(kept, again), 3))
                yield True, sorts or list(align.listed(kept, again))

    # Columns.

    def _sorted_by_new(self, table: Table, goal: Goal) -> Iterator[Expr]:
        """New columns first and then rows sorted by one of them: ``assign(words=…).sort_values('words')``."""
        new = _new_labels(table, goal)
        if table.rows != goal.rows or not 0 < len(new) <= MOST_NEW or goal.duplicate_labels or table.duplicate_labels:
            return
        for positions in align.row_maps(table, goal)[:2]:
            if len(set(positions.tolist())) < table.rows or (np.diff(positions) > 0).all():
                continue
            rows = goal.value.iloc[np.argsort(positions)]
            if goal.plain_index:
                rows = rows.reset_index(drop=True)
            made = itertools.islice(self._columns(table, Goal.of(rows, goal.book), heavy=True), MOST_NEW_SORTED)
            for wide in self._tables(made, MOST_NEW_SORTED):
                yield from _sorted_so(wide, positions, [goal.labels[j] for j in new], goal)

    def _chosen_by_new(self, table: Table, goal: Goal, *, in_order: bool = False) -> Iterator[Expr]:
        """New columns first and then rows chosen by one of them: what they are at the other rows is open.

        Args:
            table: What rows are chosen from.
            goal: The wanted output.
            in_order: Whether they stand as they do in the table.
        """
        new = _new_labels(table, goal)
        if not 0 < len(new) <= 2 or not 1 < goal.rows < table.rows <= MOST_ROWS_CHOSEN or goal.levels != 1:
            return
        if goal.duplicate_labels or table.duplicate_labels or table.levels != 1:
            return
        for positions in align.row_maps(table, goal)[:2]:
            ascending = bool((np.diff(positions) > 0).all())
            if not ascending and in_order:
                continue
            if not ascending:
                yield from self._chosen_and_sorted(table, goal, positions)
            readings = [
                self._read_partly(table, positions, goal.columns[j])
                or self._made_of_some(table, positions, goal.columns[j])
                for j in new
            ]
            if not all(readings):
                continue
            keep = np.zeros(table.rows, dtype=bool)
            keep[positions] = True
            for k in range(max(map(len, readings))):
                wide = table.expr
                for j, found in zip(new, readings, strict=True):
                    wide = with_column(wide, table.expr, goal.labels[j], found[min(k, len(found) - 1)])
                for extended in self._tables([wide], 1):
                    if ascending:
                        yield from self._kept_by(extended, keep, [goal.labels[j] for j in new], goal)
                    picked = itertools.islice(align.row_picks(extended, positions), MOST_PICKED)
                    for rows in self._tables(picked, MOST_PICKED):
                        yield from self._columns(rows, goal, heavy=False)

    def _chosen_and_sorted(self, table: Table, goal: Goal, positions: align.Positions) -> Iterator[Expr]:
        """The same, where rows are sorted before, or by one of the new columns afterwards."""
        inside = np.sort(positions)
        if len(set(positions.tolist())) < len(positions):
            return
        for first in self._tables(
            itertools.islice(align.sorts(table, positions), MOST_SORTED_FIRST), MOST_SORTED_FIRST
        ):
            yield from self._chosen_by_new(first, goal, in_order=True)
        rows = goal.value.iloc[np.argsort(positions)]
        if goal.plain_index:
            rows = rows.set_axis(table.value.index[inside])
        made = itertools.islice(self._chosen_by_new(table, Goal.of(rows, goal.book), in_order=True), MOST_NEW_SORTED)
        order = np.searchsorted(inside, positions)
        for kept in self._tables(made, MOST_NEW_SORTED):
            if kept.rows == goal.rows:
                yield from _sorted_so(kept, order, [goal.labels[j] for j in _new_labels(table, goal)], goal)

    def _read_partly(self, table: Table, positions: align.Positions, column: Column) -> Sequence[Expr]:
        return self.partly(table, positions, column, deadline=self._until(PARTLY_S), count=self.count)

    def _made_of_some(self, table: Table, positions: align.Positions, column: Column) -> list[Expr]:
        """Ways to compute a column from some rows that give the same there when all rows are there."""
        out: list[Expr] = []
        for kept in self._tables(list(itertools.islice(align.row_picks(table, positions), 1)), 1):
            for expr in self.made(kept, column)[:6]:
                if ENTRY in expr.all_tags:  # a dictionary of the rows that are known says nothing of the others
                    continue
                whole = replaced(expr, kept.expr, table.expr)
                try:
                    made = self.memo.table(whole)
                except Failed:
                    continue
                fits = made.shape_kind == "series" and made.rows == table.rows
                if fits and np.array_equal(made.columns[0].codes[positions], column.codes):
                    out.append(whole)
        return out[:3]

    def _kept_by(self, table: Table, keep: Any, new: Sequence[Hashable], goal: Goal) -> Iterator[Expr]:
        """Rows chosen by a new column, or without those that lack one."""
        missing = [c for c in table.columns if c.label in new and np.array_equal(~c.null, keep)]
        chosen = [
            call(f"{{0}}.dropna(subset={literal(c.label)})", table.expr, op="dropna", cost=0.9, tags=(LABEL,))
            for c in missing[:1]
        ]
        quoted = tuple(literal(label) for label in new)
        conditions = self.masks(
            table, keep, constants=self.constants, deadline=self._until(0.5), limit=40, count=self.count, light=True
        )
        conditions = [
            mask for mask in sorted(conditions, key=price) if any(f"[{name}]" in mask.text for name in quoted)
        ]
        far = [mask for c in table.columns if c.label in new for mask in _far_from_zero(table, c, keep)]
        chosen += [align.masked(table, mask) for mask in (*far, *different_first(conditions, alike=3)[:8])]
        for rows in self._tables(chosen, 9):
            yield from self._columns(rows, goal, heavy=False)

    def _frame(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[Expr | None]:
        if heavy:
            yield from self._sorted_by_new(table, goal)
            yield from self._chosen_by_new(table, goal)
        for number, (rows, wanted) in enumerate(self._rows(table, goal, heavy=heavy)):
            if heavy:
                yield None
            if rows.rows == wanted.rows and not (rows.duplicate_labels and rows.label_codes != wanted.label_codes):
                yield from self._columns(rows, wanted, heavy=heavy and number < MOST_ROWS_READ)

    def _columns(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[Expr]:
        """Programs that give the goal's columns from a table of the same rows."""
        if table.label_codes == goal.label_codes and all(
            a.equals(b) for a, b in zip(table.columns, goal.columns, strict=True)
        ):
            yield from self._indexed(table.expr, table, goal)
            return
        if goal.duplicate_labels or table.duplicate_labels:
            yield from self._positional(table, goal)
            return
        plan = self._plan(table, goal)
        missing = [i for i, (kind, _) in plan.items() if kind == "new"]
        if missing and (not heavy or len(missing) > MOST_NEW or goal.levels != 1):
            if len(missing) == len(plan) or goal.levels != 1:
                yield from self._relabelled(table, goal)
            return
        for base in self._extended(table, goal, missing):
            yield from self._arranged(base, table, goal, plan)
        yield from self._relabelled(table, goal)

    def _plan(self, table: Table, goal: Goal) -> dict[int, tuple[str, Any]]:
        """For each column of the goal: kept, renamed from another, or new."""
        places = {code: i for i, code in reversed(list(enumerate(table.label_codes)))}
        plan: dict[int, tuple[str, Any]] = {}
        used: set[int] = set()
        for j, (column, code) in enumerate(zip(goal.columns, goal.label_codes, strict=True)):
            mine = places.get(code)
            if mine is not None and table.columns[mine].equals(column):
                plan[j] = ("kept", mine)
                used.add(mine)
        goal_codes = set(goal.label_codes)
        for j, column in enumerate(goal.columns):
            if j in plan:
                continue
            twins = [i for i, c in enumerate(table.columns) if i not in used and c.equals(column)]
            twins = [i for i in twins if table.label_codes[i] not in goal_codes] or []
            if twins:
                best = min(twins, key=lambda i: (abs(i - j), i))
                plan[j] = ("renamed", best)
                used.add(best)
            else:
                plan[j] = ("new", None)
        return plan

    def _extended(self, table: Table, goal: Goal, missing: Sequence[int]) -> Iterator[Expr]:
        """The table with the new columns, in several readings: the likeliest of each, then one changed at a time."""
        if not missing:
            yield table.expr
            return
        choices: dict[int, list[Expr]] = {}
        for j in missing:
            found = self.made(table, goal.columns[j])
            if found:
                choices[j] = found if len(missing) == 1 else found[:MOST_MADE_EACH]
        if len(choices) < len(missing):
            yield from self._built_upon(table, goal, choices, [j for j in missing if j not in choices])
            return
        for pick in _one_changed(list(choices.values())):
            base = table.expr
            for j, value in zip(missing, pick, strict=True):
                base = with_column(base, table.expr, goal.labels[j], value)
            yield base

    def _built_upon(
        self, table: Table, goal: Goal, choices: Mapping[int, list[Expr]], rest: Sequence[int]
    ) -> Iterator[Expr]:
        """New columns of which some are computed from others that are new: a class of a ratio."""
        if not choices:
            return
        base = table.expr
        for j, found in choices.items():
            base = with_column(base, table.expr, goal.labels[j], found[0])
        try:
            wide = self.memo.table(base)
        except Failed:
            return
        further: list[list[Expr]] = []
        for j in rest:
            further.append(self.made(wide, goal.columns[j])[:MOST_MADE_EACH])
            if not further[-1]:
                return
        for pick in _one_changed(further):
            made = base
            for j, value in zip(rest, pick, strict=True):
                made = with_column(made, base, goal.labels[j], value)
            yield made

    def made(self, table: Table, column: Column) -> list[Expr]:
        """Ways to compute a column from a table."""
        key = (table.expr.text, column.key)
        if key not in self._new:
            self._new[key] = list(
                self.synthesize(
                    table,
                    column,
                    constants=self.constants,
                    others=self.others,
                    deadline=self._until(1.5),
                    limit=MOST_MADE,
                    count=self.count,
                )
            )
        return self._new[key]

    def _arranged(self, base: Expr, table: Table, goal: Goal, plan: dict[int, tuple[str, Any]]) -> Iterator[Expr]:
        """Rename, choose and order columns, then the index."""
        renames = {table.labels[i]: goal.labels[j] for j, (kind, i) in plan.items() if kind == "renamed"}
        have = list(table.labels)
        have += [goal.labels[j] for j, (kind, _) in plan.items() if kind == "new" and goal.labels[j] not in have]
        order = [table.labels[plan[j][1]] if plan[j][0] != "new" else goal.labels[j] for j in range(len(goal.labels))]
        for chosen in _selected(base, have, order, table):
            for named in _renamed(chosen, order, renames):
                yield from self._indexed(named, table, goal)

    def _relabelled(self, table: Table, goal: Goal) -> Iterator[Expr]:
        """All columns in place, under other labels (levels of labels flattened, labels given anew)."""
        if len(table.columns) != len(goal.columns) or table.label_codes == goal.label_codes:
            return
        if not all(a.equals(b) for a, b in zip(table.columns, goal.columns, strict=True)):
            return
        for named in _flattened(table, goal):
            yield from self._indexed(named, table, goal)
        if goal.levels == 1:
            for other in self.others:
                if other.shape_kind == "frame" and other.label_codes == goal.label_codes:
                    text = "{0}.set_axis({1}.columns, axis=1)"
                    yield from self._indexed(call(text, table.expr, other.expr, op="set_axis", cost=1.2), table, goal)
            labels = list(goal.labels)
            text = f"{{0}}.set_axis({literal(labels)}, axis=1)"
            tags = (OUTPUT,) * len(labels)
            yield from self._indexed(
                call(text, table.expr, op="set_axis", cost=1.5 + 0.8 * len(labels), tags=tags), table, goal
            )

    def _positional(self, table: Table, goal: Goal) -> Iterator[Expr]:
        """Columns by position, where labels repeat."""
        spots = []
        for column, code in zip(goal.columns, goal.label_codes, strict=True):
            fits = [
                i
                for i, c in enumerate(table.columns)
                if table.label_codes[i] == code and c.equals(column) and i not in spots
            ]
            if not fits:
                return
            spots.append(fits[0])
        firsts = list(dict.fromkeys(table.label_codes))
        if len(goal.columns) == len(firsts) and spots == [table.label_codes.index(code) for code in firsts]:
            text = "{0}.loc[:, ~{0}.columns.duplicated()]"
            yield from self._indexed(call(text, table.expr, op="drop_duplicates", cost=1.5), table, goal)
        text = f"{{0}}.iloc[:, {literal(spots)}]"
        yield from self._indexed(
            call(text, table.expr, op="iloc", cost=1.5 + len(spots), tags=(POSITION,) * len(spots)), table, goal
        )

    # The index.

    def _indexed(self, expr: Expr, table: Table, goal: Goal) -> Iterator[Expr]:
        """The program with the goal's row labels; rows are in place already."""
        levels, wanted = table.index, goal.index
        if not self.strictness.index:
            yield expr
            return
        if len(levels) == len(wanted) and all(a.key == b.key for a, b in zip(levels, wanted, strict=True)):
            yield expr
            if goal.plain_index and "mask" in table.expr.ops and len(table.expr.ops) > 1:
                # The first rows were kept, and others might have been: of what was computed, labels are counted anew.
                yield call("{0}.reset_index(drop=True)", expr, op="reset_index", cost=0.1)
            return
        if goal.plain_index:
            yield call("{0}.reset_index(drop=True)", expr, op="reset_index", cost=0.5)
            return
        yield from _labels_by_rule(expr, table, goal)
        if table.shape_kind != "frame" or not set(goal.labels) <= set(table.labels):
            yield from _counted(expr, goal)
            return
        names: list[Hashable] = []
        for level in wanted:
            twin = next((c for c in table.columns if c.key == level.key and c.label not in names), None)
            if twin is None:
                yield from _counted(expr, goal)
                return
            names.append(twin.label)
        kept = [name in goal.labels for name in names]
        arg = literal(names[0] if len(names) == 1 and isinstance(names[0], str) else names)
        missing = [name for name, has in zip(names, kept, strict=True) if not has]
        if any(kept) and missing:
            return
        if not missing:
            yield call(f"{{0}}.set_index({arg}, drop=False)", expr, op="set_index", cost=1.2, tags=(LABEL,))
            return
        # The key columns were left out by the selection: set them as the index first.
        first = call(f"{{0}}.set_index({arg})", table.expr, op="set_index", cost=0.9, tags=(LABEL,) * len(names))
        rest = [label for label in table.labels if label not in names]
        if rest == list(goal.labels):
            yield first
        else:
            yield call(f"{{0}}[{literal(list(goal.labels))}]", first, op="select", cost=0.8, tags=(LABEL,))

    # Series, lists, arrays.

    def _series(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[Expr | None]:
        if table.shape_kind not in ("frame", "series"):
            return
        for number, (rows, ordered) in enumerate(self._rows(table, goal, heavy=heavy)):
            if heavy:
                yield None
            if rows.rows != ordered.rows:
                continue
            wanted = ordered.columns[0]
            there = [i for i, column in enumerate(rows.columns) if column.equals(wanted)]
            for i in there:
                yield from self._indexed(_picked(rows, i), rows, ordered)
            if heavy and not there and number < MOST_ROWS_READ:
                for expr in self.made(rows, wanted):
                    yield from self._indexed(expr, rows, ordered)

    def _sequence(self, table: Table, goal: Goal, *, heavy: bool) -> Iterator[Expr | None]:
        """Lists, arrays and indexes: a series, then the call that turns it into one."""
        if len(goal.columns) != 1:
            yield from self._matrix(table, goal)
            return
        end = {"list": ".tolist()", "array": ".to_numpy()", "index": ""}[goal.shape_kind]
        op = {"list": "tolist", "array": "to_numpy", "index": "index"}[goal.shape_kind]
        wanted = goal.columns[0]

        def ended(expr: Expr, cost: float = 0.5) -> Expr:
            if goal.shape_kind == "index":
                return call("pd.Index({0:arg})", expr, op="index", cost=1.5)
            return call(f"{{0}}{end}", expr, op=op, cost=cost)

        if table.shape_kind == "frame":
            if tuple(wanted.codes.tolist()) == table.label_codes:
                yield call("{0}.columns" + end, table.expr, op=op, cost=1.2)
            for level, where in zip(table.index, _index_refs(table), strict=True):
                if level.equals(wanted):
                    yield call("{0}" + end, where, op=op, cost=1.2)
            if heavy:
                yield from self._labels_where(table, wanted, end, op)
        for i, column in enumerate(table.columns if table.shape_kind in ("frame", "series") else ()):
            yield from self._distinct(table.ref(i), column, wanted, goal)
        if heavy and isinstance(goal.value, tuple) and 2 <= goal.rows <= MOST_SEVERAL and table.shape_kind == "frame":
            yield from self._several(table, goal)
        if table.shape_kind in ("frame", "series"):
            cells = pd.Series(wanted.series, name=None)
            inner = Goal.of(cells, goal.book)
            for expr in self._series(table, inner, heavy=heavy):
                if expr is None:
                    yield None
                    continue
                plain = expr.parts[0] if expr.op == "reset_index" else expr
                yield ended(plain)

    def _labels_where(self, table: Table, wanted: Column, end: str, op: str) -> Iterator[Expr]:
        """The labels of the rows that a condition keeps."""
        if len(table.index) != 1 or not table.index[0].unique or not 0 < len(wanted.codes) < table.rows:
            return
        keep = np.isin(table.index[0].codes, wanted.codes)
        if not np.array_equal(table.index[0].codes[keep], wanted.codes):
            return
        conditions = self.masks(
            table, keep, constants=self.constants, others=self.others, deadline=self._until(1.5), limit=20,
            count=self.count,
        )  # fmt: skip
        for condition in different_first(sorted(conditions, key=price), alike=3):
            labels = call("{0}.index[{1:arg}]", table.expr, condition, op="mask", cost=1.2)
            yield call("{0}" + end, labels, op=op, cost=0.5) if end else labels

    def _distinct(self, ref: Expr, column: Column, wanted: Column, goal: Goal) -> Iterator[Expr]:
        """``unique``, in order of appearance or sorted."""
        firsts = list(dict.fromkeys(column.codes.tolist()))
        codes = wanted.codes.tolist()
        if len(firsts) == len(column.codes) or len(codes) != len(firsts) or set(codes) != set(firsts):
            return
        unique = call("{0}.unique()", ref, op="unique", cost=1.0)
        if goal.shape_kind == "array" and codes == firsts:
            yield unique
        elif goal.shape_kind == "list" and codes == firsts:
            yield call("{0}.unique().tolist()", ref, op="unique", cost=1.3)
        elif goal.shape_kind == "list":
            yield call("sorted({0}.unique())", ref, op="unique", cost=1.6)

    def _matrix(self, table: Table, goal: Goal) -> Iterator[Expr]:
        if table.shape_kind == "frame" and len(table.columns) == len(goal.columns):
            yield call("{0}.to_numpy()", table.expr, op="to_numpy", cost=0.8)


def _order_within(positions: align.Positions) -> align.Positions | None:
    """Where each position stands among them when sorted; None where they are in order, or one stands twice."""
    if len(set(positions.tolist())) < len(positions) or (np.diff(positions) > 0).all():
        return None
    return np.argsort(np.argsort(positions))


def _one_changed(choices: Sequence[Sequence[Expr]]) -> Iterator[list[Expr]]:
    """The first of all choices, then one of them changed at a time."""
    yield [found[0] for found in choices]
    for i, found in enumerate(choices):
        for other in found[1:]:
            yield [other if h == i else first[0] for h, first in enumerate(choices)]


def _picked(table: Table, position: int) -> Expr:
    """A column of a table whose rows were picked: ``df.loc[mask, 'a']`` where they were by a condition."""
    expr = table.expr
    if expr.op == "mask" and table.shape_kind == "frame" and not table.duplicate_labels:
        text = f"{{0}}.loc[{{1:arg}}, {literal(table.labels[position])}]"
        return Expr(text, expr.parts, op="mask", cost=expr.cost + 0.1, tags=(LABEL,))
    return table.ref(position)


def _selected(base: Expr, have: list[Hashable], order: list[Hashable], table: Table) -> Iterator[Expr]:
    """The columns ``order`` of a frame that has ``have``, in several readings."""
    if have == order:
        yield base
        return
    labels = (LABEL,) * len(order)
    in_order = order == [label for label in have if label in set(order)]
    if in_order:
        gone = [label for label in have if label not in set(order)]
        drop = call(
            f"{{0}}.drop(columns={literal(gone[0] if len(gone) == 1 and isinstance(gone[0], str) else gone)})",
            base,
            op="drop",
            cost=0.9 + 0.25 * len(gone),
            tags=(LABEL,) * len(gone),
        )
        by_type = list(_by_type(base, have, order, table))
        chosen = call(f"{{0}}[{literal(order)}]", base, op="select", cost=0.7 + 0.25 * len(order), tags=labels)
        yield from sorted([drop, chosen, *by_type], key=lambda expr: expr.cost)
        return
    if sorted(map(str, have)) == list(map(str, order)) and len(order) > 1:
        yield call("{0}.sort_index(axis=1)", base, op="sort_index", cost=1.2)
    if order == have[::-1] and len(order) > 2:
        yield call("{0}.iloc[:, ::-1]", base, op="iloc", cost=1.6)
    yield call(f"{{0}}[{literal(order)}]", base, op="select", cost=0.7 + 0.25 * len(order), tags=labels)


def _by_type(base: Expr, have: list[Hashable], order: list[Hashable], table: Table) -> Iterator[Expr]:
    """``select_dtypes`` and ``filter`` that choose these columns."""
    if have != list(table.labels):
        return
    wanted = set(order)
    numeric = [c.label for c in table.columns if c.kind == "num"]
    if numeric == order:
        yield call("{0}.select_dtypes('number')", base, op="select_dtypes", cost=1.0)
    elif [label for label in have if label not in set(numeric)] == order:
        yield call("{0}.select_dtypes(exclude='number')", base, op="select_dtypes", cost=1.2)
    types: dict[str, list[Hashable]] = {}
    for label, dtype in table.value.dtypes.items():
        name = "datetime" if str(dtype).startswith("datetime64[") and "," not in str(dtype) else str(dtype)
        types.setdefault(name, []).append(label)
    for name, of_type in types.items():
        if len(types) > 1 and of_type == order and name not in ("object", "str"):
            yield call(f"{{0}}.select_dtypes({literal(name)})", base, op="select_dtypes", cost=1.4)
        if len(types) > 1 and [label for label in have if label not in of_type] == order:
            yield call(f"{{0}}.select_dtypes(exclude={literal(name)})", base, op="select_dtypes", cost=1.3)
    if len(order) >= 2 and all(isinstance(label, str) for label in have):
        for text in _common_texts([str(label) for label in order]):
            if [label for label in have if text in str(label)] == order:
                yield call(f"{{0}}.filter(like={literal(text)})", base, op="filter", cost=1.5, tags=(LABEL,))
                break
    dense = [c.label for c in table.columns if not c.null.any()]
    if dense == order and wanted != set(have):
        yield call("{0}.dropna(axis=1)", base, op="dropna", cost=1.1)
    not_empty = [c.label for c in table.columns if not c.null.all()]
    if not_empty == order and not_empty != dense:
        yield call("{0}.dropna(axis=1, how='all')", base, op="dropna", cost=1.3)
    yield from _by_gaps(base, order, table)
    varied = [c.label for c in table.columns if len(set(c.codes.tolist())) > 1]
    if varied == order:
        yield call("{0}.loc[:, {0}.nunique() > 1]", base, op="loc", cost=1.9)
    unlike = [c.label for i, c in enumerate(table.columns) if c.key not in {d.key for d in table.columns[:i]}]
    if unlike == order:
        yield call("{0}.T.drop_duplicates().T", base, op="drop_duplicates", cost=2.6)


SHARES = (0.5, 0.3, 0.2, 0.25, 0.4, 0.6, 0.7, 0.75, 0.8, 0.1, 0.9)
"""Of missing cells, from which a column is dropped, the most usual first."""


def _by_gaps(base: Expr, order: list[Hashable], table: Table) -> Iterator[Expr]:
    """Columns without too many missing cells."""
    shares = {c.label: float(c.null.mean()) for c in table.columns}
    kept = [shares[label] for label in order]
    gone = [share for label, share in shares.items() if label not in set(order)]
    if not any(kept) or not gone or max(kept) >= min(gone):
        return
    for share in SHARES:
        if max(kept) <= share < min(gone):
            text = f"{{0}}.loc[:, {{0}}.isna().mean() <= {share}]"
            yield call(text, base, op="loc", cost=1.9)
            return


def _common_texts(labels: list[str]) -> Iterator[str]:
    """Texts that all labels share, the longest prefix and suffix first."""
    shortest = min(map(len, labels))
    prefix = next(n for n in range(shortest, -1, -1) if len({label[:n] for label in labels}) == 1)
    suffix = next(n for n in range(shortest, -1, -1) if len({label[len(label) - n :] for label in labels}) == 1)
    if prefix:
        yield labels[0][:prefix]
    if suffix:
        yield labels[0][len(labels[0]) - suffix :]


def _renamed(base: Expr, order: list[Hashable], renames: dict[Hashable, Hashable]) -> Iterator[Expr]:
    """The frame with its new labels, by a rule where one holds for all."""
    if not renames:
        yield base
        return
    if len(renames) == len(order):
        yield from _by_rule(base, renames)
    labels = (LABEL, OUTPUT) * len(renames)
    text = f"{{0}}.rename(columns={literal(renames)})"
    yield call(text, base, op="rename", cost=0.8 + 0.5 * len(renames), tags=labels)


def _by_rule(base: Expr, renames: dict[Hashable, Hashable]) -> Iterator[Expr]:
    """All labels changed in one manner."""
    pairs = [(a, b) for a, b in renames.items() if isinstance(a, str) and isinstance(b, str)]
    if len(pairs) < len(renames):
        return
    for name in STRING_METHODS:
        if all(getattr(a, name)() == b for a, b in pairs):
            yield call(f"{{0}}.rename(columns=str.{name})", base, op="rename", cost=1.0)
    prefixes = {b[: len(b) - len(a)] for a, b in pairs if b.endswith(a) and len(b) > len(a)}
    if len(prefixes) == 1 and all(b == next(iter(prefixes)) + a for a, b in pairs):
        yield call(
            f"{{0}}.add_prefix({literal(next(iter(prefixes)))})", base, op="add_prefix", cost=1.2, tags=(OUTPUT,)
        )
    suffixes = {b[len(a) :] for a, b in pairs if b.startswith(a) and len(b) > len(a)}
    if len(suffixes) == 1 and all(b == a + next(iter(suffixes)) for a, b in pairs):
        yield call(
            f"{{0}}.add_suffix({literal(next(iter(suffixes)))})", base, op="add_suffix", cost=1.2, tags=(OUTPUT,)
        )
    for old, new in ((" ", "_"), ("_", " "), ("-", "_"), (" ", ""), ("_", "")):
        if all(a.replace(old, new) == b for a, b in pairs) and any(old in a for a, _ in pairs):
            text = f"{{0}}.rename(columns=lambda label: label.replace({literal(old)}, {literal(new)}))"
            yield call(text, base, op="rename", cost=1.8)


def _flattened(table: Table, goal: Goal) -> Iterator[Expr]:
    """Levels of column labels joined or dropped."""
    if table.levels < 2 or goal.levels != 1:
        return
    raw = list(table.value.columns)
    labels = [tuple(map(str, label)) for label in raw]
    wanted = list(goal.labels)
    for level in range(table.levels):
        if [label[level] for label in raw] == wanted:
            gone = [i for i in range(table.levels) if i != level]
            if len(gone) == 1:
                yield call(
                    f"{{0}}.droplevel({gone[0]}, axis=1)", table.expr, op="droplevel", cost=1.3, tags=(POSITION,)
                )
            else:
                text = f"{{0}}.set_axis({{0}}.columns.get_level_values({level}), axis=1)"
                yield call(text, table.expr, op="set_axis", cost=2.0, tags=(POSITION,))
    for sep in ("_", " ", "-", "", ".", "/"):
        for turned in (False, True):
            made = [sep.join(label[::-1] if turned else label) for label in labels]
            if made == wanted or [m.strip(sep or None) for m in made] == wanted:
                order = "label[::-1]" if turned else "label"
                strip = "" if made == wanted else f".strip({literal(sep)})"
                each = f"map(str, {order})" if any(not isinstance(p, str) for label in raw for p in label) else order
                text = f"{{0}}.set_axis([{literal(sep)}.join({each}){strip} for label in {{0}}.columns], axis=1)"
                yield call(text, table.expr, op="set_axis", cost=2.0)


def _framed(table: Table, goal: Goal) -> Iterator[Expr]:
    """A series as a frame under the goal's labels."""
    name = table.value.name
    if len(goal.columns) == 1:
        label = goal.labels[0]
        if label == name:
            yield call("{0}.to_frame()", table.expr, op="to_frame", cost=0.6)
        else:
            yield call(f"{{0}}.to_frame({literal(label)})", table.expr, op="to_frame", cost=0.9, tags=(OUTPUT,))
    elif len(goal.columns) == 1 + len(table.index):
        label = goal.labels[-1]
        if label == name:
            yield call("{0}.reset_index()", table.expr, op="reset_index", cost=0.6)
        elif isinstance(label, str | int | float):
            yield call(
                f"{{0}}.reset_index(name={literal(label)})", table.expr, op="reset_index", cost=0.7, tags=(OUTPUT,)
            )


def _keyed(table: Table, goal: Goal) -> Iterator[Expr]:
    """Columns made the row labels that the goal has."""
    names: list[Hashable] = []
    for level in goal.index:
        cells = set(level.codes.tolist())
        twin = next((c for c in table.columns if c.label not in names and cells <= set(c.codes.tolist())), None)
        if twin is None or (goal.labels and twin.label in goal.labels):
            return
        names.append(twin.label)
    if names and len(names) < len(table.columns):
        arg = literal(names[0] if len(names) == 1 and isinstance(names[0], str) else names)
        yield call(f"{{0}}.set_index({arg})", table.expr, op="set_index", cost=0.9, tags=(LABEL,) * len(names))


def _labels_by_rule(expr: Expr, table: Table, goal: Goal) -> Iterator[Expr]:
    """All row labels changed in one manner, ``rename(index=str.upper)``."""
    if not len(table.index) == len(goal.index) == 1 or table.rows != goal.rows:
        return
    pairs = list(zip(table.index[0].cells, goal.index[0].cells, strict=True))
    if not all(isinstance(a, str) and isinstance(b, str) for a, b in pairs):
        return
    for name in STRING_METHODS:
        if all(getattr(a, name)() == b for a, b in pairs):
            yield call(f"{{0}}.rename(index=str.{name})", expr, op="rename", cost=1.2)


def _joining(sign: str, expr: Expr) -> Expr:
    """``', '.join(…)`` of a list's program, which need not make the list."""
    template = expr.template.removesuffix(".tolist()")
    series = expr.parts[0] if template == "{0}" else replace(expr, template=template)
    return call(f"{literal(sign)}.join({{0:arg}})", series, op="str", cost=1.0)


def _counted(expr: Expr, goal: Goal) -> Iterator[Expr]:
    """Row labels that count from another number."""
    if len(goal.index) == 1 and goal.index[0].kind == "num":
        numbers = goal.index[0].numbers
        if len(numbers) and np.array_equal(numbers, np.arange(len(numbers)) + numbers[0]):
            start = int(numbers[0])
            text = f"{{0}}.set_axis(range({start}, len({{0}}) + {start}))"
            yield call(text, expr, op="set_axis", cost=2.5, tags=(OUTPUT,))


def _index_refs(table: Table) -> list[Expr]:
    if len(table.index) == 1:
        return [call("{0}.index", table.expr, op="index", cost=0.5)]
    return [
        call(f"{{0}}.index.get_level_values({i})", table.expr, op="index", cost=1.0, tags=(POSITION,))
        for i in range(len(table.index))
    ]


def retyped(expr: Expr, got: Any, wanted: Any) -> Expr | None:
    """The program with the wanted types of columns, where cells are equal and types are not; None where they are."""
    if isinstance(got, pd.Series) and isinstance(wanted, pd.Series):
        if got.dtype == wanted.dtype or not _castable(wanted.dtype):
            return None
        return call(f"{{0}}.astype({literal(str(wanted.dtype))})", expr, op="astype", cost=1.2)
    if not isinstance(got, pd.DataFrame) or not isinstance(wanted, pd.DataFrame) or not got.columns.is_unique:
        return None
    changed = {
        label: str(new)
        for label, old, new in zip(got.columns, got.dtypes, wanted.dtypes, strict=True)
        if old != new and _castable(new)
    }
    if not changed:
        return None
    if len(changed) == len(got.columns) and len(set(changed.values())) == 1:
        return call(f"{{0}}.astype({literal(next(iter(changed.values())))})", expr, op="astype", cost=1.2)
    cost = 1.0 + 0.4 * len(changed)
    return call(f"{{0}}.astype({literal(changed)})", expr, op="astype", cost=cost, tags=(LABEL,) * len(changed))


def _castable(dtype: Any) -> bool:
    """Whether a type's name says all of it."""
    return str(dtype) in _PLAIN_TYPES or (isinstance(dtype, np.dtype) and dtype.kind in "iufb")


_PLAIN_TYPES = {"str", "string", "category", "Int64", "Float64", "boolean", "datetime64[ns]", "datetime64[us]"}


def _new_labels(table: Table, goal: Goal) -> list[int]:
    """Columns of the goal whose labels the table has not."""
    known = set(table.label_codes)
    return [j for j, code in enumerate(goal.label_codes) if code not in known]


def _sorted_so(table: Table, positions: align.Positions, new: Sequence[Hashable], goal: Goal) -> Iterator[Expr]:
    """The rows in the goal's order, sorted by new columns if those say it: who makes them sorts by them."""
    named = [literal(label) for label in new]
    found = list(itertools.islice(align.sorts(table, positions), MOST_SORTS))
    for by in sorted(found, key=lambda expr: -sum(name in expr.template for name in named))[:2]:
        yield call("{0}.reset_index(drop=True)", by, op="reset_index", cost=0.4) if goal.plain_index else by


def _far_from_zero(table: Table, column: Column, keep: Any) -> Iterator[Expr]:
    """``df['z'].abs() > 2``, where numbers on either side of zero are kept and those between are not."""
    if column.kind != "num" or not (column.numbers[keep] > 0).any() or not (column.numbers[keep] < 0).any():
        return
    size = np.abs(column.numbers)
    inner = size[~keep & ~column.null]
    if len(inner) and size[keep].min() > inner.max():
        bound = parting(float(inner.max()), float(size[keep].min()), right=True)
        if bound is not None:
            ref = table.ref(list(table.labels).index(column.label))
            text = f"{{0}}.abs() > {constant_text(bound)}"
            yield Expr(text, (ref,), COMPARE, "compare", 1.5, (CELL,))
