"""A series of figures (of columns, rows, values, groups) of which a part is wanted, or another order.

``counts[counts > 1]``, ``df.isna().sum()`` where there is something missing, totals of rows from the largest on, and
the names alone of what passes: a list or an index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from mlsys4sys.autopandas.expression import CELL, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups, close
from mlsys4sys.autopandas.ops.parts import distinct, hashable, is_frame, step
from mlsys4sys.autopandas.table import NULL, Floats, Table

FAMILY = "series"

AGGREGATES = {"sum": 1.0, "mean": 1.0, "count": 1.1, "max": 1.1, "min": 1.2, "nunique": 1.2, "median": 1.4}
"""Of groups → nats."""
MOST_KEYS = 6
MOST_DIGITS = 6
"""A threshold is written with no more."""


@dataclass(frozen=True, slots=True)
class _Figures:
    """A series before it is cut or sorted."""

    expr: Expr
    names: list[int]
    """The codes of its index."""
    values: Floats


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """What is compared with the goal, name by name; nothing before the last step."""
    if not last or not is_frame(table) or table.rows < 2 or not goal.columns:
        return
    if goal.shape_kind == "series" and len(goal.index) == 1 and goal.columns[0].kind == "num":
        names, wanted, tail = goal.index[0].codes.tolist(), goal.columns[0].numbers, ""
    elif goal.shape_kind in ("list", "index"):
        names, wanted, tail = goal.columns[0].codes.tolist(), None, ".index.tolist()"
        tail = ".index" if goal.shape_kind == "index" else tail
    else:
        return
    if names and len(set(names)) == len(names):
        yield from distinct(_ended(table, names, wanted, tail), 30)
        if wanted is not None:
            yield from _weighted(table, names, wanted)


def _ended(table: Table, names: list[int], wanted: Floats | None, tail: str) -> Iterator[Expr]:
    for figures in _all(table, set(names)):
        place = {name: i for i, name in enumerate(figures.names)}
        at = np.array([place.get(name, -1) for name in names])
        if (at < 0).any() or (wanted is not None and not close(figures.values[at][None], wanted)[0]):
            continue
        for expr in _cut(figures, at):
            yield step(expr, tail, op="tolist", cost=0.8) if tail else expr


def _cut(figures: _Figures, at: np.ndarray) -> Iterator[Expr]:
    """The part at these places, in this order."""
    values, expr = figures.values, figures.expr
    kept, rest = values[at], np.delete(values, at)
    steps = np.diff(kept)
    falls, rises = bool((steps <= 0).all()), bool((steps >= 0).all())
    if len(rest) == 0:
        if (np.diff(at) < 0).any() and len(at) > 1 and falls != rises:
            argument = "ascending=False" if falls else ""
            yield step(expr, f".sort_values({argument})", op="sort_values", cost=0.9)
        return
    if np.isnan(values).any():
        return
    parts = []
    for sign, limit, holds in (
        (">", rest.max(), kept.min() > rest.max()),
        ("<", rest.min(), kept.max() < rest.min()),
        ("==", kept[0], bool((kept == kept[0]).all() and (rest != kept[0]).all())),
    ):
        number = int(limit) if float(limit).is_integer() else float(limit)
        if holds and len(repr(number)) <= MOST_DIGITS:
            cost = 1.0 + 0.3 * (sign != ">") + 0.3 * (number not in (0, 1))
            text = f"{{0}}[{{0}} {sign} {literal(number)}]"
            parts.append(call(text, expr, op="mask", cost=cost, tags=(CELL,) * (number not in (0, 1))))
    if (np.diff(at) > 0).all():
        yield from parts
    elif falls != rises:
        argument = "ascending=False" if falls else ""
        yield from (step(part, f".sort_values({argument})", op="sort_values", cost=0.9) for part in parts)


def _all(table: Table, names: set[int]) -> Iterator[_Figures]:
    labels = list(table.label_codes)
    if names <= set(labels):
        nulls = np.array([float(column.null.sum()) for column in table.columns])
        if nulls.any():
            yield _Figures(step(table.expr, ".isna().sum()", op="reduce", cost=1.0), labels, nulls)
            yield _Figures(step(table.expr, ".isna().mean()", op="reduce", cost=1.4), labels, nulls / table.rows)
        unique = np.array([float(len(column.distinct)) for column in table.columns])
        yield _Figures(step(table.expr, ".nunique()", op="nunique", cost=1.1), labels, unique)
    numeric = [i for i, column in enumerate(table.columns) if column.kind == "num"]
    if numeric and len(numeric) > 1:
        yield from _totals(table, numeric, names)
    for column in table.columns[: 2 * MOST_KEYS]:
        if hashable(column) and names <= column.distinct and len(column.distinct) < table.rows:
            ref = step(table.expr, f"[{literal(column.label)}]", op="", cost=0.1, labels=1)
            counts = Counter(code for code in column.codes.tolist() if code != NULL).most_common()
            counted = step(ref, ".value_counts()", op="value_counts", cost=0.9)
            yield _Figures(counted, [code for code, _ in counts], np.array([float(n) for _, n in counts]))
            yield from _grouped(table, column.label, Groups([column]), numeric)


def _totals(table: Table, numeric: list[int], names: set[int]) -> Iterator[_Figures]:
    """Of rows by their index, and of columns of numbers by their labels."""
    matrix = np.array([table.columns[i].numbers for i in numeric])
    only = "" if len(numeric) == len(table.columns) else "numeric_only=True"
    reductions = (("sum", np.nansum, 0.9), ("mean", np.nanmean, 1.0), ("max", np.nanmax, 1.1), ("min", np.nanmin, 1.1))
    if np.isnan(matrix).all(axis=0).any() or np.isnan(matrix).all(axis=1).any():
        return
    rows = table.index[0].codes.tolist() if len(table.index) == 1 else []
    columns = [table.label_codes[i] for i in numeric]
    for name, reduce, cost in reductions:
        if names <= set(rows) and not table.plain_index:
            argument = f"axis=1, {only}" if only else "axis=1"
            yield _Figures(
                step(table.expr, f".{name}({argument})", op="reduce", cost=cost), rows, reduce(matrix, axis=0)
            )
        if names <= set(columns):
            yield _Figures(
                step(table.expr, f".{name}({only})", op="reduce", cost=cost), columns, reduce(matrix, axis=1)
            )


def _grouped(table: Table, key: object, groups: Groups, numeric: list[int]) -> Iterator[_Figures]:
    names = [codes[0] for codes in groups.names]
    by = step(table.expr, f".groupby({literal(key)})", op="", cost=0.1, labels=1)
    yield _Figures(step(by, ".size()", op="groupby.size", cost=1.0), names, groups.sizes.astype(float))
    for i in numeric:
        column = table.columns[i]
        if column.label == key:
            continue
        aggregates, values = groups.numbers(column)
        one = step(by, f"[{literal(column.label)}]", op="", cost=0.1, labels=1)
        for name, row in zip(aggregates, values, strict=True):
            if name in AGGREGATES:
                yield _Figures(step(one, f".{name}()", op="groupby.agg", cost=AGGREGATES[name]), names, row)


def _weighted(table: Table, names: list[int], wanted: Floats) -> Iterator[Expr]:
    """Means of groups, each cell weighing what another column says."""
    numeric = [column for column in table.columns if column.kind == "num" and not column.null.any()]
    if not 2 <= len(numeric) <= MOST_KEYS:
        return
    for key in table.columns:
        if not hashable(key) or not set(names) <= key.distinct or len(key.distinct) == table.rows or len(names) < 2:
            continue
        groups = Groups([key])
        place = {codes[0]: i for codes, i in groups.names.items()}
        members = [groups.members[place[name]] for name in names]
        for value, weight in permutations([column for column in numeric if column is not key], 2):
            totals = np.array([weight.numbers[rows].sum() for rows in members])
            if (totals == 0).any():
                continue
            sums = np.array([(value.numbers[rows] * weight.numbers[rows]).sum() for rows in members])
            if close((sums / totals)[None], wanted)[0]:
                cells = f"g[{literal(value.label)}], weights=g[{literal(weight.label)}]"
                text = f".groupby({literal(key.label)}).apply(lambda g: np.average({cells}))"
                yield step(table.expr, text, op="groupby.agg", cost=1.8, labels=3)
