"""The pandas surface as data: a module a family of calls, each a generator of expressions over a table.

``proposals(table, goal, others)`` yields programs that start at ``table``, the most promising first, their arguments
harvested from the table and pruned by what the goal shows. What is yielded is printed and run as it is: there is no
second definition of a call.
"""

from __future__ import annotations

import calendar
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, islice

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import Expr, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops import (
    calc,
    chosen,
    crossing,
    fill,
    gathering,
    group,
    groupwise,
    index,
    inputs,
    join,
    labels,
    lines,
    pieces,
    plain,
    prepare,
    reduce,
    relational,
    reshape,
    rows,
    series,
    spreading,
    text,
    window,
)
from mlsys4sys.autopandas.ops.grouping import rounded_to
from mlsys4sys.autopandas.ops.parts import MOST_COLUMNS, distinct, step
from mlsys4sys.autopandas.table import Table
from mlsys4sys.errors import InputError

FAMILIES = {
    m.FAMILY: m
    for m in (
        group,
        crossing,
        spreading,
        gathering,
        pieces,
        reshape,
        join,
        relational,
        rows,
        groupwise,
        fill,
        calc,
        index,
        reduce,
        labels,
        text,
        lines,
        window,
        inputs,
        plain,
        series,
    )
}
"""Families by name: modules with ``proposals(table, goal, others, *, last)``."""

WIDE = ("fill", "calc", "index", "labels")
"""Families whose work grows with the number of columns alone: those for tables of more than ``MOST_COLUMNS``."""

SOLVED = frozenset({"group", "crossing", "spreading", "gathering", "pieces", "relational"})
"""Families that compare with the goal, on codes, before they propose: what they say is nearly always right."""

AHEAD = 2.0
"""Nats by which their programs are run before others."""

OPS = (
    "mask", "head", "tail", "iloc", "loc", "nlargest", "nsmallest", "drop", "dropna", "drop_duplicates",
    "sort_values", "sort_index", "isin", "select", "select_dtypes", "filter", "rename", "add_prefix",
    "add_suffix", "assign", "astype", "set_axis", "fillna", "ffill", "bfill", "interpolate", "replace", "where",
    "map", "clip", "round", "abs", "combine_first", "update", "set_index", "reset_index", "reindex",
    "swaplevel", "droplevel", "rename_axis", "to_frame", "T", "pivot", "pivot_table", "melt", "stack",
    "unstack", "crosstab", "wide_to_long", "get_dummies", "from_dummies", "explode", "groupby.agg",
    "groupby.size", "groupby.transform", "groupby.cumulative", "groupby.rank", "groupby.shift",
    "groupby.cumcount", "groupby.head", "groupby.nth", "groupby.filter", "groupby.list", "groupby.idx",
    "groupby.ffill", "merge", "join", "concat", "merge_asof", "cumulative", "shift", "diff", "pct_change",
    "rank", "rolling", "expanding", "ewm", "resample", "reduce", "value_counts", "nunique", "describe",
    "idxmax", "quantile", "corr", "mode", "unique", "tolist", "to_dict", "item", "arithmetic", "compare", "str",
    "dt", "cat", "cut", "qcut", "logic", "reshape",
)  # fmt: skip
"""The canonical names of all calls, here and in the other engines."""

log = logging.getLogger(__name__)

MOST_LAST, MOST_MIDDLE = 300, 60
"""Proposals for one table: for a last step, and for one before it."""


def proposals(
    table: Table,
    goal: Goal,
    others: Sequence[Table] = (),
    *,
    last: bool = True,
    prior: Callable[[str], float] | None = None,
) -> Iterator[Expr]:
    """Calls on a table, the most plausible first, from all families.

    Args:
        table: What the calls start from.
        goal: The wanted output.
        others: Further tables that may be brought in, inputs mostly.
        last: Whether what is made should be the goal, or all but what selecting, sorting and renaming put right;
            otherwise fewer and plausible calls, after which others follow.
        prior: A call's name → nats to add to its description length where calls are put in order.

    Returns:
        At most :data:`MOST_LAST` or :data:`MOST_MIDDLE` distinct expressions.
    """
    families: Collection[str] = FAMILIES if len(table.columns) <= MOST_COLUMNS else WIDE
    wide = len(table.columns) > MOST_COLUMNS
    if last and not wide and _has_new_cells(table, goal):
        families = [family for family in families if family != "rows"]  # some of the rows have no cells of their own
    ahead: set[str] = set()
    found = []
    for family in families:
        for expr in _sheltered(family, FAMILIES[family].proposals(table, goal, others, last=last)):
            found.append(expr)
            if last and family in SOLVED:
                ahead.add(expr.text)
    extra = _wrapped(table, goal, others) if last and not wide else iter(())
    before = set(table.expr.ops)

    def surprise(expr: Expr) -> float:
        new = sum(prior(op) for op in set(expr.ops) - before) if prior is not None else 0.0
        return expr.total + new - AHEAD * (expr.text in ahead)

    ordered = sorted(chain(found, extra), key=surprise)
    yield from distinct(ordered, MOST_LAST if last else MOST_MIDDLE)
    tabular = goal.shape_kind in ("frame", "series")
    if last and not wide and tabular and (digits := _digits(goal)) is not None:
        yield from _rounded(table, goal, others, digits, {expr.text for expr in ordered})
    elif last and not wide and table.shape_kind == "frame" and goal.shape_kind in ("dict", "list"):
        yield from _rounded_cells(table, goal, others)


def _has_new_cells(table: Table, goal: Goal) -> bool:
    """Whether a frame that is wanted has cells which the table does not have."""
    if goal.shape_kind != "frame" or table.shape_kind != "frame":
        return False
    have = table.cells.union(*(level.distinct for level in table.index))
    return any(not column.distinct <= have for column in goal.columns)


def _digits(goal: Goal) -> int | None:
    """To how many digits the goal's numbers look rounded, 1 to 3; None where they do not."""
    if not goal.rows or not 0 < len(goal.columns) <= 40:
        return None
    numbers = [c.numbers[~c.null] for c in goal.columns if c.kind == "num"]
    cells = np.concatenate(numbers) if numbers else np.empty(0)
    if not len(cells) or not np.isfinite(cells).all() or (cells == np.rint(cells)).all():
        return None
    return next((d for d in (1, 2, 3) if np.allclose(cells, np.round(cells, d), rtol=0, atol=1e-9)), None)


def _rounded(table: Table, goal: Goal, others: Sequence[Table], digits: int, known: set[str]) -> Iterator[Expr]:
    """Aggregates that are the goal's once they are rounded."""
    with rounded_to(digits):
        found = [
            expr
            for family in ("group", "crossing", "reduce", "groupwise")
            for expr in _sheltered(family, FAMILIES[family].proposals(table, goal, others, last=True))
            if expr.text not in known
        ]
    for expr in distinct(sorted(found, key=lambda expr: expr.total), 24):
        yield step(expr, f".round({digits})", op="round", cost=1.0)


def _rounded_cells(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Lists and dictionaries of such aggregates."""
    inner = _as_series(goal) if goal.shape_kind == "dict" and goal.value else goal
    digits = _digits(inner)
    if digits is None:
        return
    with rounded_to(digits):
        found = list(islice(group.proposals(table, inner, others, last=True), 12))
        if inner is not goal:
            found += islice(reduce.proposals(table, inner, others, last=True), 12)
    for expr in found:
        if not expr.text.endswith((".reset_index()", ".tolist()")):
            cells = step(expr, f".round({digits})", op="round", cost=1.0)
            finish = ".tolist()" if inner is goal else ".to_dict()"
            yield step(cells, finish, op=finish[1:-2], cost=0.6)


def _as_series(goal: Goal) -> Goal:
    """A dictionary as a series."""
    index = pd.Index(list(goal.value), tupleize_cols=True)
    return Goal.of(pd.Series(list(goal.value.values()), index=index, dtype=_dtype(goal)), goal.book)


def _sheltered(family: str, made: Iterator[Expr]) -> Iterator[Expr]:
    """A family's proposals; cells that neither compare nor hash end it, and not the search."""
    try:
        yield from made
    except (InputError, TypeError, ValueError, OverflowError, IndexError, KeyError, AttributeError) as error:
        log.debug("%s: no more proposals: %s", family, error)


def chosen_rows(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Programs that end with groups of some of the table's rows; no family of calls, as finding them takes longer."""
    return _sheltered("chosen", chosen.proposals(table, goal, others))


def joins(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Calls that join a table with others, which were derived perhaps from the same input: the likely ends first.

    At most 32.
    """
    ends = sorted(join.proposals(table, goal, others, last=True), key=lambda expr: expr.total)
    middle = sorted(join.proposals(table, goal, others, last=False), key=lambda expr: expr.total)
    yield from distinct(chain(ends[:20], middle), 32)


def picked(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Rows of a table whose key is, or is not, in another one."""
    if table.shape_kind == other.shape_kind == "frame" and not (table.duplicate_labels or other.duplicate_labels):
        yield from distinct(join.picked(table, other, goal), 6)


def _wrapped(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """For a goal that is a list or a dictionary: what makes a series of it, and one call more."""
    if table.shape_kind == "frame":
        yield from _in_calendar_order(table, goal, others)
    if goal.shape_kind == "dict" and goal.value and table.shape_kind == "frame":
        inner = _as_series(goal)
        for expr in chain(
            group.proposals(table, inner, others, last=True), reduce.proposals(table, inner, others, last=True)
        ):
            yield step(expr, ".to_dict()", op="to_dict", cost=0.8)
        if all(isinstance(row, dict) and row for row in goal.value.values()):
            rows = Goal.of(pd.DataFrame.from_dict(goal.value, orient="index"), goal.book)
            for expr in islice(group.proposals(table, rows, others, last=True), 12):
                yield step(expr, ".to_dict('index')", op="to_dict", cost=0.9)
    elif goal.shape_kind == "frame" and table.shape_kind == "frame" and _turned(table, goal):
        inner = Goal.of(goal.value.T, goal.book)
        for expr in islice(group.proposals(table, inner, others, last=True), 12):
            yield step(expr, ".T", op="T", cost=1.0)
    elif goal.shape_kind in ("list", "array") and len(goal.columns) == 1 and goal.rows and table.shape_kind == "frame":
        finish = ".tolist()" if goal.shape_kind == "list" else ".to_numpy()"
        for expr in group.proposals(table, goal, others, last=True):
            if not expr.text.endswith(".reset_index()"):
                yield step(expr, finish, op="tolist", cost=0.6)


_CALENDARS = tuple(
    list(names) for names in (calendar.day_name, calendar.day_abbr, calendar.month_name[1:], calendar.month_abbr[1:])
)


def _in_calendar_order(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Groups and pivots whose rows are put in the order of weekdays or months, those without data among them."""
    if goal.shape_kind not in ("frame", "series") or len(goal.index) != 1 or goal.rows < 3:
        return
    cells = goal.index[0].cells
    whole = next((names for names in _CALENDARS if cells[0] in names), None) if isinstance(cells[0], str) else None
    if whole is None or [name for name in whole if name in cells] != cells or cells == sorted(cells):
        return
    empty = np.all([c.null | (c.numbers == 0) for c in goal.columns], axis=0)
    kept = np.flatnonzero(~empty if len(cells) == len(whole) else np.ones(goal.rows, dtype=bool))
    if len(kept) < 2:
        return
    fill = ", fill_value=0" if len(kept) < goal.rows and not any(c.null.any() for c in goal.columns) else ""
    inner = Goal.of(goal.value.iloc[kept].sort_index(), goal.book)
    for family in (group, crossing):
        for expr in islice(family.proposals(table, inner, others, last=True), 4):
            yield step(expr, f".reindex({literal(cells)}{fill})", op="reindex", cost=1.2 + 0.4 * bool(fill))


def _turned(table: Table, goal: Goal) -> bool:
    """Whether the goal's column labels are the cells of one column, as when a table of groups was transposed."""
    labels = set(goal.label_codes)
    if len(labels) < 2 or goal.levels != 1 or goal.plain_index or goal.rows > 50 or len(goal.labels) > 50:
        return False
    return any(labels <= c.distinct for c in table.columns)


def _dtype(goal: Goal) -> type | None:
    return object if any(isinstance(value, list | dict) for value in goal.value.values()) else None


Draw = Callable[[Table, np.random.Generator, Sequence[Table]], Expr | None]

_RANDOM: tuple[tuple[float, Draw], ...] = (
    (3.0, group.random),
    (1.2, crossing.random),
    (1.2, reshape.random),
    (2.5, rows.random),
    (1.2, fill.random),
    (1.5, index.random),
    (1.2, reduce.random),
    (1.2, labels.random),
    (0.8, calc.random),
    (1.2, groupwise.random),
    (0.8, text.random),
    (0.5, window.random),
    (2.0, join.random),
)
"""How often each family is drawn, and how; the last one needs another table."""


def random_call(table: Table, rng: np.random.Generator, others: Sequence[Table] = ()) -> Expr | None:
    """A call on the table that somebody might write, drawn without a goal; None where the family drawn has none.

    Args:
        table: What the call starts from.
        rng: Where chance comes from.
        others: Tables that may be brought in.
    """
    draws = _RANDOM if others else _RANDOM[:-1]
    weights = np.array([weight for weight, _ in draws])
    return draws[int(rng.choice(len(draws), p=weights / weights.sum()))][1](table, rng, others)


before_pivot, filtered, partial, prepared = (
    prepare.before_pivot,
    prepare.filtered,
    prepare.partial,
    prepare.prepared,
)

__all__ = [
    "FAMILIES", "OPS", "before_pivot", "filtered", "joins", "partial", "picked", "prepared", "proposals", "random_call",
]  # fmt: skip
