"""What a program often starts with, where more than one call follows.

Tables are joined by their keys, columns gathered into rows, labels and texts that hold two things taken apart, keys put
together, rows chosen by one cell. Each is admitted by the goal: it must show what only such a table has. What is left,
groups and pivots mostly, is found from there by the families that end programs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice, permutations
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import CELL, COMPARE, LABEL, SUM, Expr, assign, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops import begun, crossing, group, join
from mlsys4sys.autopandas.ops.computed import keyed
from mlsys4sys.autopandas.ops.grouping import Groups
from mlsys4sys.autopandas.ops.parts import computes, distinct, flat, hashable, is_frame, label_set, some, step
from mlsys4sys.autopandas.ops.pieces import exploded
from mlsys4sys.autopandas.ops.text import separated
from mlsys4sys.autopandas.table import Column, Table

SEPARATORS = ("_", "-", ".", " ", "/", ":")
"""Between two things in a label."""

MOST_FILTERS = 24
"""Conditions by which rows are chosen before a group or a pivot."""

MOST_FILTERED = 500
"""Rows of a table from which they are chosen."""

MOST_PARTIAL = 8
"""Groups and pivots to which a column is added."""

MOST_CROSSED = 2000
"""Pairs of rows of two tables."""

_MELTED, _FILTERED, _PARTED = "melt", "mask", "str"

_WIDE = {"pivot", "pivot_table", "groupby.agg", "groupby.size"}


def prepared(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Tables that a program may start with, made from this one.

    Args:
        table: An input, or what was prepared from inputs.
        goal: The wanted output.
        others: Inputs that may be joined with it.
    """
    if not flat(table) or goal.shape_kind not in ("frame", "series") or not goal.rows:
        return
    before = set(table.expr.ops)
    if _FILTERED in before or "sort_values" in before:
        return
    yield from distinct(_joined(table, others), 6)
    yield from distinct(begun.with_totals(table, goal, others), 3)
    yield from distinct(_crossed(table, goal, others), 1)
    yield from distinct(_paired(table, goal), 3)
    if "ffill" not in before:
        yield from distinct(_filled_down(table, goal), 2)
    if "explode" not in before:
        yield from distinct(exploded(table, goal), 2)
    if _MELTED not in before:
        yield from distinct(_gathered(table, goal), 4)
        yield from distinct(_gathered_to_match(table, goal, others), 2)
    if table.expr.ops.count(_PARTED) <= ("explode" in before):  # a list is taken apart, and then its elements
        yield from distinct(_parted(table, goal), 3)
    if not before:
        yield from distinct(_in_time(table, goal), 2)
        yield from distinct(begun.halves(table, goal), 2)
        yield from distinct(begun.latest(table, goal), 2)
    if "assign" not in before:
        yield from distinct(_united(table, goal), 2)
        yield from distinct(_cleaned(table, goal), 2)
        yield from distinct(begun.thrown_together(table, goal), 2)
        yield from distinct(begun.cohorts(table, goal), 2)
        yield from distinct(begun.spans(table, goal), 2)
        yield from distinct(begun.filled(table, goal), 5)
        yield from distinct(keyed(table, goal), 8)
    elif table.expr.ops == ("assign",):
        yield from distinct(keyed(table, goal), 3)
    if before.isdisjoint(_WIDE):
        yield from distinct(_widened(table, goal), 4)
        yield from distinct(_totals(table, goal), 3)
        yield from distinct(_summed(table, goal), 3)
        yield from distinct(_counted(table, goal), 3)
        yield from distinct(begun.sizes(table, goal), 2)


def filtered(table: Table, goal: Goal) -> Iterator[Expr]:
    """The rows that have one cell, or a number on one side of a bound: what is grouped or counted afterwards."""
    if not flat(table) or goal.shape_kind != "frame" or not 3 < table.rows <= MOST_FILTERED:
        return
    if _FILTERED in table.expr.ops or goal.rows >= table.rows:
        return
    yield from distinct(_conditions(table, goal), MOST_FILTERS)


def partial(table: Table, goal: Goal) -> Iterator[Expr]:
    """Groups and pivots that give all columns of the goal but one or two, which are computed from the others."""
    if not flat(table) or goal.shape_kind != "frame" or goal.levels != 1 or goal.duplicate_labels:
        return
    labels = set(goal.label_codes)
    made = [
        j for j, column in enumerate(goal.columns)
        if (column.kind == "num" and not column.distinct <= table.cells)
        or (column.distinct and column.distinct <= labels)  # in which of the others something stands
    ] if len(goal.columns) > 2 else []  # fmt: skip
    drops = [(j,) for j in reversed(made)][:3] + ([tuple(made[-2:])] if len(made) > 1 and len(goal.columns) > 3 else [])
    for gone in drops:
        less = Goal.of(goal.value.iloc[:, [j for j in range(len(goal.columns)) if j not in gone]], goal.book)
        found = [e for family in (group, crossing) for e in family.proposals(table, less, (), last=True)]
        yield from distinct(sorted(found, key=lambda expr: expr.total), MOST_PARTIAL)


def before_pivot(table: Table, goal: Goal) -> Iterator[tuple[Column, Callable[[Expr], Expr]]]:
    """Columns that a pivot of the table would have to spread to give the goal, with the rest of the program.

    Where no column of the table is spread: it was computed.
    """
    if not flat(table):
        return
    for layout in islice(crossing.layouts(table, goal), 6):
        crossed = crossing.Crossed(layout)
        if layout.margin is not None or layout.value_labels is not None or not crossed.unique:
            continue
        if not crossed.plausible() or crossed.sources(range(len(layout.cells))):
            continue
        columns = [goal.columns[j] for j in layout.cells]
        if any(c.kind not in ("num", "str") for c in columns):
            continue
        cells: list[Any] = [None] * table.rows
        for i, row in enumerate(crossed.at.tolist()):
            for k, place in enumerate(row):
                if place >= 0:
                    cells[int(crossed.groups.members[place][0])] = columns[k].cells[i]
        absent = {int(c.codes[i]) for k, c in enumerate(columns) for i in np.flatnonzero(~crossed.present[:, k])}
        if None in cells or len(absent) > 1:
            continue
        fill = table.book.cell(absent.pop()) if absent else None
        yield Column("value", pd.Series(cells).array, table.book), partial_pivot(layout, fill)


def partial_pivot(layout: crossing.Layout, fill: Any) -> Callable[[Expr], Expr]:
    """From a new column to the pivot that spreads it."""
    table = layout.table
    index, columns = (some([table.columns[i].label for i in at]) for at in (layout.rows, layout.across))

    def spread(value: Expr) -> Expr:
        name = "value" if "value" not in table.labels else "_value"
        extended = assign(table.expr, name, value)
        text = f".pivot(index={index}, columns={columns}, values={literal(name)})"
        wide = step(extended, text, op="pivot", cost=0.9, labels=3)
        wide = wide if fill is None else step(wide, f".fillna({literal(fill)})", op="fillna", cost=0.8)
        return step(wide, ".reset_index()", op="reset_index", cost=0.6) if layout.reset else wide

    return spread


# Joins


def _joined(table: Table, others: Sequence[Table]) -> Iterator[Expr]:
    used = {node.text for node in table.expr.nodes if not node.parts}
    for other in others:
        if not is_frame(other) or other.levels != 1 or used & {node.text for node in other.expr.nodes}:
            continue
        if other.expr.parts and table.expr.op != other.expr.op:
            continue  # what was gathered is joined with what was gathered
        for left, right in ((table, other), (other, table)):
            found = [m for m in join.matches(left, right) if not m.indexed and "index" not in m.text]
            # All common keys are meant before some of them.
            for match in sorted(found, key=lambda m: m.cost - 0.4 * len(m.shared))[:2]:
                yield from join.merged(left, right, match)


def _paired(table: Table, goal: Goal) -> Iterator[Expr]:
    """The table joined with itself, where two columns of the goal have cells of one column."""
    if table.expr.parts or not 2 < table.rows <= 60:
        return
    texts = [c for c in table.columns if c.kind == "str"]
    if not any(sum(bool(p.distinct) and p.distinct <= c.distinct for p in goal.columns) > 1 for c in texts):
        return
    n = table.rows
    if goal.rows in (n * (n - 1) // 2, n * (n - 1)) and n > 3:
        yield call("{0}.merge({0}, how='cross')", table.expr, op="merge", cost=1.8)
    # A column that points at others' key comes first: a boss's number, a part's whole.
    for a, b in permutations(table.columns, 2):
        if b.unique and a.kind == b.kind and a.distinct <= b.distinct and not a.unique:
            on = f"left_on={literal(a.label)}, right_on={literal(b.label)}"
            yield call(f"{{0}}.merge({{0}}, {on})", table.expr, op="merge", cost=1.8, tags=(LABEL,) * 2)
    for column in table.columns:
        if hashable(column) and 1 < len(column.distinct) < table.rows:
            on = f"on={literal(column.label)}"
            yield call(f"{{0}}.merge({{0}}, {on})", table.expr, op="merge", cost=1.6, tags=(LABEL,))


def _crossed(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """Each row with each row of another input, where the goal has as many rows and columns of both.

    Fewer rows where a number or a date of one table lies between two of the other: the pairs are chosen afterwards.
    """
    for other in others:
        if table.expr.parts or other.expr.parts or not is_frame(other) or other.levels != 1:
            continue
        if min(table.rows, other.rows) < 2 or table.rows * other.rows > MOST_CROSSED:
            continue
        ours, theirs = set(table.label_codes), set(other.label_codes)
        if ours & theirs or not label_set(goal) & ours:  # a key in common says that rows are matched by it
            continue
        shown = (goal.cells & other.cells) if table.rows * other.rows == goal.rows else label_set(goal) & theirs
        if shown and (table.rows * other.rows == goal.rows or _in_ranges(table, other, goal.rows)):
            yield call("{0}.merge({1}, how='cross')", table.expr, other.expr, op="merge", cost=1.5)


def _in_ranges(table: Table, other: Table, rows: int) -> bool:
    """Whether so many pairs of rows have a number of one table between two columns of the other."""
    for ranged, points in ((other, table), (table, other)):
        bounds = [c for c in ranged.columns if c.kind in ("num", "date") and not c.null.any()]
        for low, high in permutations(bounds, 2):
            if low.kind != high.kind or (low.numbers > high.numbers).any() or (low.numbers == high.numbers).all():
                continue
            for point in points.columns:
                if point.kind == low.kind:
                    x = point.numbers[:, None]
                    if int(((x >= low.numbers) & (x <= high.numbers)).sum()) == rows:
                        return True
    return False


# Long to wide, for columns that are computed from it


def _widened(table: Table, goal: Goal) -> Iterator[Expr]:
    """Pivots whose labels the goal does not show, as what it has was computed from their columns."""
    if goal.shape_kind != "frame" or not computes(table, goal):
        return
    for row in _row_keys(table, goal):
        for across in table.columns:
            if (
                across is row
                or across.array.dtype.kind == "f"
                or not 2 <= len(across.distinct) <= 4
                or across.null.any()
            ):
                continue
            if not hashable(across) or across.distinct <= goal.words:
                continue
            groups = Groups([row, across])
            for value in table.columns:
                if value in (row, across) or value.kind != "num":
                    continue
                arguments = (
                    f"index={literal(row.label)}, columns={literal(across.label)}, values={literal(value.label)}"
                )
                if groups.count == table.rows:
                    wide = [step(table.expr, f".pivot({arguments})", op="pivot", cost=0.9, labels=3)]
                else:
                    fill = ", fill_value=0" if groups.count < len(row.distinct) * len(across.distinct) else ""
                    wide = [
                        step(table.expr, f".pivot_table({arguments}{agg}{fill})", op="pivot_table", cost=1.2, labels=3)
                        for agg in (", aggfunc='sum'", "")
                    ]
                yield from (step(expr, ".reset_index()", op="reset_index", cost=0.6) for expr in wide)


def _summed(table: Table, goal: Goal) -> Iterator[Expr]:
    """Totals by a key and what goes with it, where the goal has what was computed from them."""
    if goal.shape_kind != "frame" or not computes(table, goal):
        return
    for key in _row_keys(table, goal):
        groups = Groups([key])
        with_it = [
            c
            for c in table.columns
            if hashable(c) and (c.codes[groups.rows] == c.codes[groups.first][groups.ids]).all()
        ]
        values = [c.label for c in table.columns if c.kind == "num" and all(c is not other for other in with_it)]
        if not 1 <= len(values) <= 4 or groups.count == table.rows:
            continue
        for agg in ("sum", "mean"):
            text = f".groupby({some([c.label for c in with_it])}, as_index=False)[{literal(values)}].{agg}()"
            yield step(table.expr, text, op="groupby.agg", cost=1.1, labels=len(with_it) + len(values))


def _counted(table: Table, goal: Goal) -> Iterator[Expr]:
    """How often the goal's rows occur in the table, where they are some of its groups, as that may pick them."""
    places = dict(zip(table.label_codes, table.columns, strict=True))
    if goal.shape_kind != "frame" or not all(code in places for code in goal.label_codes):
        return
    keys = [places[code] for code in goal.label_codes]
    if not all(map(hashable, keys)) or any(
        not p.distinct <= k.distinct for p, k in zip(goal.columns, keys, strict=True)
    ):
        return
    groups = Groups(keys)
    if not goal.rows < groups.count < table.rows:
        return
    labels = [key.label for key in keys]
    sizes = step(table.expr, f".groupby({some(labels)}).size()", op="groupby.size", cost=1.0, labels=len(labels))
    yield step(sizes, ".reset_index(name='n')", op="reset_index", cost=0.7)
    for value in table.columns:
        if hashable(value) and value.label not in labels and len(value.distinct) < table.rows:
            text = f".groupby({some(labels)}, as_index=False)[{literal(value.label)}].nunique()"
            yield step(table.expr, text, op="groupby.agg", cost=1.2, labels=len(labels) + 1)


def _row_keys(table: Table, goal: Goal) -> list[Column]:
    """Columns whose cells are a column of the goal, each once."""
    return [
        c for c in table.columns
        if hashable(c) and not c.unique
        and any(p.unique and p.distinct <= c.distinct and 2 * len(p.codes) > len(c.distinct) for p in goal.columns)
    ]  # fmt: skip


def _totals(table: Table, goal: Goal) -> Iterator[Expr]:
    """Totals by the two keys of a pivot, in rows still, as shares of them were spread."""
    for layout in islice(crossing.layouts(table, goal), 6):
        crossed = crossing.Crossed(layout)
        if not crossed.plausible() or crossed.unique or crossed.sources(range(len(layout.cells))):
            continue
        keys = literal([table.columns[i].label for i in (*layout.rows, *layout.across)])
        for value in table.columns:
            if value.kind == "num" and not any(value is table.columns[i] for i in (*layout.rows, *layout.across)):
                text = f".groupby({keys}, as_index=False)[{literal(value.label)}].sum()"
                yield step(table.expr, text, op="groupby.agg", cost=1.2, labels=3)
        sizes = step(table.expr, f".groupby({keys}).size()", op="groupby.size", cost=1.2, labels=2)
        yield step(sizes, ".reset_index(name='n')", op="reset_index", cost=0.7)


# Wide to long


def _gathered(table: Table, goal: Goal) -> Iterator[Expr]:
    """``melt``, and the labels taken apart where they hold two things."""
    if len(table.labels) < 3 or len(table.labels) > 60:
        return
    for ids in _id_columns(table, goal):
        values = [label for label in table.labels if label not in ids]
        if len(values) < 2 or not all(isinstance(label, str) for label in values):
            continue
        labels = [str(label) for label in values]
        if _share(table, labels, goal) >= 0.5:
            yield _melt(table, ids, _name(table, goal, labels), "value")
        if (digits := _numbered(labels)) is not None and _share(table, digits[1], goal, cells=True) >= 0.5:
            prefix, numbers = digits
            name = _name(table, goal, numbers)
            name = "variable" if name is None else name
            long = _melt(table, ids, "variable", "value")
            cut = f".str.removeprefix({literal(prefix)})" if prefix else ""
            text = Expr(f"{{0}}['variable']{cut}.astype(int)", (long,), op=_PARTED, cost=1.2)
            yield assign(long, name, text)
        for separator in SEPARATORS:
            parts = [label.split(separator) for label in labels]
            if len(parts[0]) not in (2, 3) or any(len(p) != len(parts[0]) for p in parts):
                continue
            columns = list(zip(*parts, strict=True))
            if max(_share(table, list(column), goal) for column in columns) < 0.5:
                continue
            long = _melt(table, ids, "variable", "value")
            names = _names(table, goal, columns, taken=[*ids, "variable", "value"])
            yield _split(long, "variable", separator, names)


def _gathered_to_match(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    """``melt`` where another input has the labels as cells, so that both can be matched: budgets and what was spent."""
    if not 3 <= len(table.labels) <= 60:
        return
    shown = [c for c in goal.columns if c.kind == "num" and isinstance(c.label, str) and c.label not in table.labels]
    for other in others:
        for column in other.columns if is_frame(other) else ():
            values = [c for c in table.columns if table.book.code(c.label) in column.distinct]
            if len(values) < 2 or any(c.kind != "num" for c in values) or len(values) == len(table.labels):
                continue
            ids = [c.label for c in table.columns if all(c is not value for value in values)]
            total = float(np.nansum([np.nansum(c.numbers) for c in values]))
            name = next((str(c.label) for c in shown if np.isclose(np.nansum(c.numbers), total)), "value")
            yield _melt(table, ids, column.label, name)


def _id_columns(table: Table, goal: Goal) -> Iterator[list[Hashable]]:
    """Which columns stay: those that are no numbers, those whose labels the goal has, the first."""
    texts = [c.label for c in table.columns if c.kind != "num"]
    named = [c.label for c in table.columns if table.book.code(c.label) in label_set(goal) and goal.shows(c)]
    seen: list[list[Hashable]] = []
    for ids in (named, texts, [*texts, *(x for x in named if x not in texts)], [table.labels[0]]):
        ordered = [label for label in table.labels if label in ids]
        kinds = {c.kind for c in table.columns if c.label not in ordered}
        if ordered and ordered not in seen and len(kinds) == 1:
            seen.append(ordered)
            yield ordered


def _melt(table: Table, ids: Sequence[Hashable], variable: Hashable, value: str) -> Expr:
    named = f", var_name={literal(variable)}" if variable not in (None, "variable") else ""
    named += f", value_name={literal(value)}" if value != "value" else ""
    return step(
        table.expr, f".melt(id_vars={some(ids)}{named})", op=_MELTED, cost=1.0 + 0.3 * bool(named), labels=len(ids)
    )


def _share(table: Table, words: Sequence[Any], goal: Goal, *, cells: bool = False) -> float:
    """The share of words that the goal shows as cells or, unless only cells count, as labels; numbers as numbers."""
    codes = set(_codes(table, words))
    shown = goal.cells | goal.index_cells | (frozenset() if cells else goal.column_label_parts)
    return len(codes & shown) / len(codes) if len(codes) > 1 or not cells else 0.0


def _codes(table: Table, words: Sequence[Any]) -> list[int]:
    return [table.book.code(word) for word in words]


def _numbered(labels: Sequence[str]) -> tuple[str, list[Any]] | None:
    """The prefix that labels share and the numbers behind it; None where they are no such labels."""
    prefix = labels[0].rstrip("0123456789")
    tails = [label.removeprefix(prefix) for label in labels]
    if not all(label.startswith(prefix) and tail.isdecimal() for label, tail in zip(labels, tails, strict=True)):
        return None
    return prefix, [int(tail) for tail in tails]


def _name(table: Table, goal: Goal, words: Sequence[Any]) -> Hashable:
    """The label under which the goal has these cells, if that may name a new column."""
    codes = set(_codes(table, words))
    shown = [c.label for c in goal.columns if c.distinct and c.distinct <= codes and isinstance(c.label, str)]
    if not shown or (len(shown) > 2 and codes <= goal.cells):  # spread over columns, it has no name
        return None
    return shown[0] if shown[0] not in (*table.labels, "value") else None


def _names(table: Table, goal: Goal, columns: Sequence[Sequence[str]], taken: Sequence[Hashable]) -> list[str]:
    """Names of the parts: the goal's, where it has their cells in a column."""
    names: list[str] = []
    for i, words in enumerate(columns):
        name = _name(table, goal, list(words))
        names.append(str(name) if name is not None and name not in (*taken, *names) else f"part{i + 1}")
    return names


def _split(frame: Expr, label: Hashable, separator: str, names: Sequence[str]) -> Expr:
    """The frame with the parts of a text column as further columns."""
    text = f"{{0}}[{literal(label)}].str.split({literal(separator)}, expand=True)"
    parts = call(text, frame, op=_PARTED, cost=1.2, tags=(CELL,))
    named = step(parts, f".set_axis({literal(list(names))}, axis=1)", op="set_axis", cost=0.6)
    return call("{0}.join({1})", frame, named, op="join", cost=0.6)


# Texts


def _parted(table: Table, goal: Goal) -> Iterator[Expr]:
    """Text columns taken apart at a separator."""
    for column in table.columns:
        for separator, parts in separated(column):
            width = len(parts[0])
            if width not in (2, 3) or any(len(p) != width for p in parts):
                continue
            columns = list(zip(*parts, strict=True))
            shares = [_share(table, list(cells), goal) for cells in columns]
            if max(shares) < 0.5 or column.distinct <= goal.cells:
                continue
            frame = table.expr
            if "explode" in frame.ops:  # rows are joined by their labels
                frame = step(frame, ".reset_index(drop=True)", op="reset_index", cost=0.3)
            yield _split(frame, column.label, separator, _names(table, goal, columns, taken=table.labels))
            break


def _united(table: Table, goal: Goal) -> Iterator[Expr]:
    """Two keys as one text, ``height_1``, which the goal has as labels or cells."""
    words = goal.cells | goal.column_label_parts
    keys = [c for c in table.columns if hashable(c) and len(c.distinct) < table.rows and c.array.dtype.kind != "f"]
    for a, b in permutations(keys, 2):
        for separator in (*SEPARATORS, ""):
            pairs = zip(a.cells, b.cells, strict=True)
            codes = {table.book.code(f"{x}{separator}{y}") for x, y in pairs}
            if len(codes) < 2 or 2 * len(codes & words) < len(codes):
                continue
            refs = [table.ref(table.columns.index(c)) for c in (a, b)]
            first, second = (
                ref if c.kind == "str" else call("{0}.astype(str)", ref, op="astype", cost=0.4)
                for ref, c in zip(refs, (a, b), strict=True)
            )
            glue = f" + {literal(separator)}" if separator else ""
            text = Expr(f"{{0:sum}}{glue} + {{1:product}}", (first, second), SUM, _PARTED, 1.2)
            name = next((c.label for c in goal.columns if c.distinct <= codes and isinstance(c.label, str)), "key")
            yield assign(table.expr, name if name not in table.labels else "key", text)
            break


_CLEANING: tuple[tuple[str, Callable[[str], str], float], ...] = (
    (".str.strip()", str.strip, 0.0),
    (".str.lower()", str.lower, 0.0),
    (".str.title()", str.title, 0.2),
    (".str.upper()", str.upper, 0.1),
    (".str.capitalize()", str.capitalize, 0.4),
    (".str.strip().str.lower()", lambda text: text.strip().lower(), 0.5),
    (".str.strip().str.title()", lambda text: text.strip().title(), 0.6),
    (".str.strip().str.upper()", lambda text: text.strip().upper(), 0.7),
    (".str.strip().str.capitalize()", lambda text: text.strip().capitalize(), 0.8),
)
"""What spellings are made one by."""


def _cleaned(table: Table, goal: Goal) -> Iterator[Expr]:
    """Texts spelled one way, where the goal has fewer rows: repeats are dropped or counted afterwards."""
    if goal.rows >= table.rows:
        return
    shown = goal.cells | goal.index_cells
    for position, column in enumerate(table.columns):
        if column.kind != "str" or (column.unique and len(column.distinct) < 2) or column.distinct <= shown:
            continue
        texts = [cell for cell, null in zip(column.cells, column.null.tolist(), strict=True) if not null]
        for text, change, cost in _CLEANING:
            codes = {table.book.code(change(cell)) for cell in texts}
            if len(codes) < len(column.distinct) and len(codes) > 1 and codes <= shown:
                made = step(table.ref(position), text, op=_PARTED, cost=0.6 + cost)
                yield assign(table.expr, column.label, made)
                break


# Rows


def _conditions(table: Table, goal: Goal) -> Iterator[Expr]:
    """Keys with several rows, where the goal has those; equal to a cell of few; then on one side of a number."""
    yield from _of_pairs(table)
    yield from _of_many(table, goal)
    for position, column in enumerate(table.columns):
        if column.kind not in ("str", "num", "bool") or not 1 < len(column.distinct) <= 8 or not hashable(column):
            continue
        cells = dict(zip(column.codes.tolist(), column.cells, strict=True))
        for code in sorted(column.distinct) if column.kind != "num" or not column.unique else ():
            alone = goal.rows == 1 and any(place.distinct == {code} for place in goal.columns)
            yield _mask(table, position, "==", cells[code], 1.2 + 1.5 * alone)
    for position, column in enumerate(table.columns):
        if column.kind != "num" or not 2 < len(column.distinct) <= 12:
            continue
        bounds = sorted({cell for cell, null in zip(column.cells, column.null.tolist(), strict=True) if not null})
        for bound in bounds[:-1]:
            yield _mask(table, position, ">", bound, 1.5)
        for bound in bounds[1:]:
            yield _mask(table, position, "<", bound, 1.7)


def _in_time(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows sorted by group and by what counts within it, a date or a number, before steps and first ones are taken.

    Only where the goal has columns of its own, and rows of a group are not in that order already.
    """
    if goal.shape_kind != "frame" or label_set(goal) <= set(table.label_codes) or table.rows < 4:
        return
    keys = [c for c in table.columns if hashable(c) and c.kind != "date" and not c.unique and goal.shows(c, least=0.5)]
    for key in keys[:2]:
        groups = Groups([key])
        for column in sorted(table.columns, key=lambda c: c.kind != "date"):
            if column is key or not (column.kind == "date" or _counts_up(column)) or column.null.any():
                continue
            members = [column.numbers[rows] for rows in groups.members]
            if all((np.diff(x) > 0).all() for x in members) or any(len(set(x.tolist())) < len(x) for x in members):
                continue
            for labels, cost in (([column.label], 0.7), ([key.label, column.label], 0.9)):
                yield step(table.expr, f".sort_values({some(labels)})", op="sort_values", cost=cost, labels=len(labels))
            return


def _counts_up(column: Column) -> bool:
    """Whether a column holds years, months, places: whole numbers that lie close together."""
    if column.kind != "num" or column.array.dtype.kind != "i":
        return False
    span = float(column.numbers.max() - column.numbers.min())
    return span <= 3 * len(column.distinct)


def _of_pairs(table: Table) -> Iterator[Expr]:
    """Of a table joined with itself each pair once, or none of a row with itself."""
    if table.expr.op != "merge" or len({part.text for part in table.expr.parts}) > 1:
        return
    places = {str(label): i for i, label in enumerate(table.labels)}
    for label, i in places.items():
        other = places.get(label.removesuffix("_x") + "_y", i) if label.endswith("_x") else i
        if other != i and table.columns[i].kind in ("str", "num", "date"):
            for sign, cost in (("<", 1.0), ("!=", 1.2)):
                condition = Expr(f"{{0}} {sign} {{1}}", (table.ref(i), table.ref(other)), COMPARE, "compare", cost)
                yield call("{0}[{1:arg}]", table.expr, condition, op=_FILTERED, cost=0.4)


def _of_many(table: Table, goal: Goal) -> Iterator[Expr]:
    """The rows whose key stands in so many, where the goal has just those keys: ``HAVING count(*) > 1``."""
    for column in table.columns:
        if not hashable(column) or column.unique or column.null.any():
            continue
        codes, times = np.unique(column.codes, return_counts=True)
        shown = next(
            (set(p.codes.tolist()) for p in goal.everything if p.distinct and p.distinct <= column.distinct), None
        )
        if shown is None or not len(shown) == goal.rows < len(codes):
            continue
        kept = np.isin(codes, list(shown))
        least, most = int(times[kept].min()), int(times[~kept].max())
        if least <= most:
            continue
        key = literal(column.label)
        if least == 2:
            condition = call(
                f"{{0}}.duplicated({key}, keep=False)", table.expr, op="duplicated", cost=1.4, tags=(LABEL,)
            )
        else:
            size = call(f"{{0}}.groupby({key})[{key}].transform('size')", table.expr, op="groupby.transform", cost=1.4)
            condition = Expr(f"{{0:sum}} >= {least}", (size,), COMPARE, "compare", 0.9, (CELL,))
        yield call("{0}[{1:arg}]", table.expr, condition, op=_FILTERED, cost=0.2)


def _filled_down(table: Table, goal: Goal) -> Iterator[Expr]:
    """Texts that stand at the first of their rows only, as in merged cells of a sheet."""
    if table.expr.parts or table.rows < 3:
        return
    gaps = [c for c in table.columns if c.null.any()]
    sparse = [c for c in gaps if c.kind == "str" and not c.null[0] and 4 * c.null.sum() >= table.rows]
    if not sparse or not all(goal.shows(c, least=0.5) for c in sparse):
        return
    if len(sparse) == len(gaps):
        yield step(table.expr, ".ffill()", op="ffill", cost=0.8)
        return
    for column in sparse:
        filled = step(table.ref(table.columns.index(column)), ".ffill()", op="ffill", cost=0.6)
        yield assign(table.expr, column.label, filled)


def _mask(table: Table, position: int, sign: str, cell: Any, cost: float) -> Expr:
    text = f"{{0:sum}} {sign} {literal(cell)}"
    condition = Expr(text, (table.ref(position),), COMPARE, "compare", cost, (CELL,))
    return call("{0}[{1:arg}]", table.expr, condition, op=_FILTERED, cost=0.4)


__all__ = ["before_pivot", "filtered", "partial", "prepared"]
