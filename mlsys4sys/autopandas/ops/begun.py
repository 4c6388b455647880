"""Tables that some longer programs start with, admitted by what the goal shows of them.

Another table's totals beside a key, two halves of a table below each other, how often two keys stand together, rare
words made one, when each key first appeared and its latest row, days between two dates, and missing numbers filled.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations, permutations

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.dates import reading
from mlsys4sys.autopandas.expression import CELL, LABEL, SUM, Expr, assign, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups
from mlsys4sys.autopandas.ops.parts import computes, hashable, is_frame, step
from mlsys4sys.autopandas.table import Column, Floats, Table

SMALL = 5
"""Rows up to which a group is named by how many it has at most: more than two."""

MOST_SUMMED = 3
"""Columns of another table whose totals are put beside a key."""

MOST_HALVES = 6
"""Pairs of numbers that belong to two columns of names."""


def with_totals(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """The table with another's totals by a key beside it, 0 where there are none: something is computed from them."""
    if goal.shape_kind != "frame" or table.expr.parts:
        return
    if not any(c.kind == "num" and c.label not in table.labels for c in goal.columns):
        return
    for other in others:
        if not is_frame(other) or other.levels != 1 or other.expr.parts:
            continue
        for key in table.columns:
            theirs = next((c for c in other.columns if c.label == key.label and c.kind == key.kind), None)
            if theirs is None or not key.unique or theirs.unique or not theirs.distinct & key.distinct:
                continue
            on = literal(key.label)
            for few, names in _totals(table, other, theirs):
                wide = call(
                    f"{{0}}.merge({{1}}, on={on}, how='left')", table.expr, few, op="merge", cost=1.1, tags=(LABEL,)
                )
                if not key.distinct <= theirs.distinct:
                    zeros = literal(dict.fromkeys(names, 0))
                    wide = step(wide, f".fillna({zeros})", op="fillna", cost=0.5)
                yield wide


def _totals(table: Table, other: Table, key: Column) -> Iterator[tuple[Expr, list[Hashable]]]:
    """Sums and sizes of another table's groups, and the labels that they have."""
    values = [c for c in other.columns if c.kind == "num" and c is not key and c.label not in table.labels]
    values = [c for c in values if not c.unique or c.array.dtype.kind == "f"] or values  # no numbers of rows
    by = f".groupby({literal(key.label)}, as_index=False)"
    if 1 <= len(values) <= MOST_SUMMED:
        labels = [c.label for c in values]
        yield step(other.expr, f"{by}[{literal(labels)}].sum()", op="groupby.agg", cost=0.8, labels=1), labels
    sizes = step(other.expr, f"{by}.size()", op="groupby.size", cost=0.8, labels=1)
    yield step(sizes, f".rename(columns={literal({'size': 'n'})})", op="rename", cost=0.5), ["n"]


def halves(table: Table, goal: Goal) -> Iterator[Expr]:
    """Two columns of names below each other, each with the number that belongs to it: home and away teams and goals."""
    words = [c for c in table.columns if c.kind == "str" and not c.null.any()]
    numbers = [c.label for c in table.columns if c.kind == "num"]
    pairs = [*list(combinations(numbers, 2))[:MOST_HALVES], *((label, label) for label in numbers[:2])]
    for a, b in combinations(words, 2):
        of_both = [p for p in goal.everything if p.distinct <= a.distinct | b.distinct]
        shown = next((p for p in of_both if p.distinct & a.distinct and p.distinct & b.distinct), None)
        if shown is None or len(a.distinct & b.distinct) < 2:
            continue
        name = _new_label(table, [shown.label], "key")
        value = _new_label(table, [c.label for c in goal.columns if c.kind == "num" and c.label != name], "value")
        for x, y in pairs:
            parts = [_renamed(table, [a.label, x], [name, value]), _renamed(table, [b.label, y], [name, value])]
            yield call("pd.concat([{0:arg}, {1:arg}])", *parts, op="concat", cost=0.9)


def _new_label(table: Table, labels: Sequence[Hashable], otherwise: str) -> str:
    return next((label for label in labels if isinstance(label, str) and label not in table.labels), otherwise)


def _renamed(table: Table, old: list[Hashable], new: list[str]) -> Expr:
    chosen = step(table.expr, f"[{literal(old)}]", op="select", cost=0.2, labels=2)
    return step(chosen, f".set_axis({literal(new)}, axis=1)", op="set_axis", cost=0.3)


def sizes(table: Table, goal: Goal) -> Iterator[Expr]:
    """How often two keys stand together, where the goal has figures for one of them: customers who came back."""
    if goal.shape_kind not in ("frame", "series") or not any(c.kind == "num" for c in goal.columns):
        return
    places = goal.columns if goal.plain_index else goal.index
    keys = [c for c in table.columns if hashable(c) and c.kind == "str"]
    for key in keys:
        if not any(place.unique and place.distinct and place.distinct <= key.distinct for place in places):
            continue
        for other in table.columns:
            if other is key or not hashable(other) or other.array.dtype.kind == "f":
                continue
            groups, alone = Groups([key, other]).count, Groups([other]).count
            if not max(len(key.distinct), alone - 1) < groups < table.rows or alone == table.rows:
                continue
            by = literal([key.label, other.label])
            times = step(table.expr, f".groupby({by}).size()", op="groupby.size", cost=1.0, labels=2)
            yield step(times, ".reset_index(name='n')", op="reset_index", cost=0.7)


def thrown_together(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rare words made one that the goal shows in their place: ``where(df['brand'].map(counts) > 2, 'other')``."""
    for position, column in enumerate(table.columns):
        if column.kind != "str" or column.null.any() or len(column.distinct) < 3:
            continue
        for place in goal.everything:
            kept = place.distinct & column.distinct
            fresh = place.distinct - column.distinct
            if len(fresh) != 1 or place.kind != "str" or not kept or len(kept) + 1 >= len(column.distinct):
                continue
            word = literal(table.book.cell(next(iter(fresh))))
            codes, times = np.unique(column.codes, return_counts=True)
            inside = np.isin(codes, list(kept))
            least, most = int(times[inside].min()), int(times[~inside].max())
            ref = table.ref(position)
            listed = literal(sorted(str(table.book.cell(code)) for code in kept))
            if least > most:
                counts = step(ref, ".value_counts()", op="value_counts", cost=0.5)
                bound = f"> {most}" if most < SMALL else f">= {least}"
                text = f"{{0}}.where({{0}}.map({{1}}) {bound}, {word})"
                yield assign(table.expr, column.label, Expr(text, (ref, counts), op="where", cost=1.6, tags=(CELL,)))
            text = f"{{0}}.where({{0}}.isin({listed}), {word})"
            cost = 1.5 + 0.5 * len(kept)
            yield assign(table.expr, column.label, Expr(text, (ref,), op="where", cost=cost, tags=(CELL,) * len(kept)))


def cohorts(table: Table, goal: Goal) -> Iterator[Expr]:
    """When each key first appears, and how long ago that was, as columns: what cohorts are counted by.

    Where the goal has the first times as row labels or cells and the distances as column labels or cells.
    """
    if goal.shape_kind != "frame" or table.rows < 4:
        return
    steps = set(goal.label_codes) | {code for column in goal.columns for code in column.distinct}
    for time in table.columns:
        if time.kind != "num" or time.array.dtype.kind != "i" or time.null.any():
            continue
        for key in table.columns:
            if key is time or not hashable(key) or key.unique or key.null.any() or len(key.distinct) < 2:
                continue
            groups = Groups([key])
            first = np.array([time.numbers[rows].min() for rows in groups.members])[groups.ids]
            if np.array_equal(first, time.numbers) or len(set(first.tolist())) < 2:
                continue
            firsts = {table.book.code(int(cell)) for cell in first.tolist()}
            ages = {table.book.code(int(cell)) for cell in (time.numbers - first).tolist()}
            place = next((p for p in (*goal.index, *goal.columns) if p.distinct == firsts), None)
            if place is None or not ages <= steps or len(ages) < 2:
                continue
            name = place.label if isinstance(place.label, str) and place.label not in table.labels else "first"
            header = goal.value.columns.name
            age = header if isinstance(header, str) and header not in (*table.labels, name) else "age"
            text = f"{{0}}.groupby({literal(key.label)})[{literal(time.label)}].transform('min')"
            start = call(text, table.expr, op="groupby.transform", cost=1.2, tags=(LABEL,) * 2)
            wide = assign(table.expr, name, start)
            difference = f"{{0}}[{literal(time.label)}] - {{0}}[{literal(name)}]"
            yield assign(wide, age, Expr(difference, (wide,), SUM, "arithmetic", 0.8))


def latest(table: Table, goal: Goal) -> Iterator[Expr]:
    """Each key's latest row, where the goal counts as many rows as there are keys: tickets by their last status."""
    if goal.shape_kind not in ("frame", "series") or goal.rows >= table.rows:
        return
    counts = [c for c in goal.columns if c.kind == "num" and not c.null.any()]
    for key in table.columns:
        if not hashable(key) or key.unique or key.null.any() or not 2 < len(key.distinct) < table.rows:
            continue
        if not any(float(c.numbers.sum()) == len(key.distinct) for c in counts):
            continue
        for time in table.columns:
            if time.null.any() or not _dated(time):
                continue
            ordered = step(table.expr, f".sort_values({literal(time.label)})", op="sort_values", cost=0.6, labels=1)
            for keep, cost in ((", keep='last'", 0.8), ("", 0.9)):
                text = f".drop_duplicates({literal(key.label)}{keep})"
                yield step(ordered, text, op="drop_duplicates", cost=cost, labels=1)


def _dated(column: Column) -> bool:
    """Whether cells are dates, or texts that pandas reads as such without being told how."""
    return column.kind == "date" or (column.kind == "str" and reading(column)[:1] == [("", 0.0)])


def spans(table: Table, goal: Goal) -> Iterator[Expr]:
    """The days between two dates of a row as a column, by which rows are chosen or which is averaged afterwards."""
    if not computes(table, goal):
        return
    dates = [
        (c, table.ref(i) if c.kind == "date" else call("pd.to_datetime({0:arg})", table.ref(i), op="astype", cost=0.5))
        for i, c in enumerate(table.columns)
        if _dated(c)
    ]
    fresh = [c.label for c in goal.columns if c.kind == "num"]
    for (first, a), (second, b) in permutations(dates[:MOST_DATES], 2):
        start, end = (_moments(c) for c in (first, second))
        with np.errstate(all="ignore"):
            days = np.floor((end - start) / DAY)
        there = days[~np.isnan(days)]
        if not len(there) or (there < 0).mean() > 0.5 or len(set(there.tolist())) < 2:
            continue
        apart = Expr("{0:sum} - {1:product}", (b, a), SUM, "arithmetic", 0.8)
        label = _new_label(table, [x for x in fresh if x in _DAYS], "days")
        yield assign(table.expr, label, call("{0}.dt.days", apart, op="dt", cost=0.6))


_DAYS = frozenset({"days", "stay", "delay", "gap", "age", "wait", "duration", "length", "late_days", "days_late"})
"""What spans of days are called."""

DAY = 86_400e9
"""Nanoseconds."""

MOST_DATES = 3
"""Columns of dates of which each two are subtracted."""


def _moments(column: Column) -> Floats:
    if column.kind == "date":
        return column.numbers
    made = pd.to_datetime(column.series).to_numpy(dtype="datetime64[ns]")
    return np.where(np.isnat(made), np.nan, made.astype(np.int64).astype(np.float64))


def filled(table: Table, goal: Goal) -> Iterator[Expr]:
    """Missing numbers filled before something is computed: the group's mean, the last one of the group, 0."""
    if not computes(table, goal) or goal.rows >= table.rows:
        return
    keys = [c for c in table.columns if c.kind == "str" and hashable(c) and not c.unique and not c.null.any()]
    for position, column in enumerate(table.columns):
        if column.kind != "num" or not column.null.any() or 2 * int(column.null.sum()) > table.rows:
            continue
        ref, name = table.ref(position), literal(column.label)
        for key in keys[:3]:
            group = f"{{0}}.groupby({literal(key.label)})[{name}]"
            mean = call(f"{group}.transform('mean')", table.expr, op="groupby.transform", cost=1.0, tags=(LABEL,) * 2)
            yield assign(table.expr, column.label, call("{0}.fillna({1:arg})", ref, mean, op="fillna", cost=0.6))
            last = call(f"{group}.ffill()", table.expr, op="groupby.ffill", cost=1.4, tags=(LABEL,) * 2)
            yield assign(table.expr, column.label, last)
        for text, cost in (("{0}.fillna(0)", 0.8), ("{0}.fillna({0}.mean())", 1.2), ("{0}.fillna({0}.median())", 1.5)):
            yield assign(table.expr, column.label, call(text, ref, op="fillna", cost=cost))


__all__ = ["cohorts", "filled", "halves", "latest", "sizes", "spans", "thrown_together", "with_totals"]
