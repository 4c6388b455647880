"""What SQL asks of two tables beyond a plain merge: each key's best row looked up, and division ("bought all of them").

All is decided on codes: a program is written only where it gives the cells that the goal has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlsys4sys.autopandas.expression import COMPARE, LABEL, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups, ranks
from mlsys4sys.autopandas.ops.join import Match, matches
from mlsys4sys.autopandas.ops.parts import MOST_ROWS, distinct, flat, hashable, label_set, step
from mlsys4sys.autopandas.table import NULL, Codes, Column, Table

FAMILY = "relational"

MOST_DIVIDED = 500
"""Rows of a table that is divided."""


def proposals(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls that end a program and bring in another table."""
    if last and flat(table) and table.rows <= MOST_ROWS:
        yield from distinct(_all(table, goal, others), 12)


def _all(table: Table, goal: Goal, others: Sequence[Table]) -> Iterator[Expr]:
    yield from _compared_with_parent(table, goal)
    for other in others:
        if flat(other) and other.expr != table.expr and other.rows <= MOST_ROWS:
            yield from _with_best_rows(table, other, goal)
            yield from _divided(table, other, goal)
            yield from _patched(table, other, goal)


# Rows and the rows that they point to


def _compared_with_parent(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows that have more, or less, than the row that they name: who earns more than the boss."""
    if table.expr.ops or goal.shape_kind not in ("frame", "series", "list") or not 0 < goal.rows < table.rows:
        return
    for child in table.columns:
        for parent in table.columns:
            if child is parent or child.kind != parent.kind or not parent.unique or parent.null.any():
                continue
            there = np.flatnonzero(~child.null)
            place = {code: i for i, code in enumerate(parent.codes.tolist())}
            if len(there) < 2 or not {int(code) for code in child.codes[there]} <= set(place):
                continue
            at = np.array([place[code] for code in child.codes[there].tolist()])
            for column in table.columns:
                if column.kind in ("num", "date") and column is not child and column is not parent:
                    yield from _pointing(table, goal, (child, parent), column, there, at)


def _pointing(
    table: Table, goal: Goal, keys: tuple[Column, Column], column: Column, there: Codes, at: Codes
) -> Iterator[Expr]:
    child, parent = keys
    suffix = _suffix(table, goal) or f"_{child.label}"
    mine, other = column.numbers[there], column.numbers[at]
    for sign, held in ((">", mine > other), ("<", mine < other), (">=", mine >= other), ("<=", mine <= other)):
        if held.sum() != goal.rows or held.all():
            continue
        shown = {c.label: c.codes[there][held] for c in table.columns}
        shown |= {f"{c.label}{suffix}": c.codes[at][held] for c in table.columns}
        codes = [np.asarray(c.codes) for c in goal.columns]
        if not all(any(np.array_equal(cells, known) for known in shown.values()) for cells in codes):
            continue
        text = f"{{0}}.merge({{0}}, left_on={literal(child.label)}, right_on={literal(parent.label)}"
        joined = call(f"{text}, suffixes=('', {literal(suffix)}))", table.expr, op="merge", cost=1.8, tags=(LABEL,) * 2)
        left, right = (
            step(joined, f"[{literal(x)}]", op="", cost=0.2) for x in (column.label, f"{column.label}{suffix}")
        )
        condition = Expr(f"{{0:sum}} {sign} {{1:sum}}", (left, right), COMPARE, "compare", 0.8)
        if goal.shape_kind == "frame":
            yield call("{0}[{1:arg}]", joined, condition, op="mask", cost=0.4)
            continue
        label = next(label for label, known in shown.items() if np.array_equal(codes[0], known))
        picked = call(f"{{0}}.loc[{{1:arg}}, {literal(label)}]", joined, condition, op="mask", cost=0.6, tags=(LABEL,))
        yield step(picked, ".tolist()", op="tolist", cost=0.4) if goal.shape_kind == "list" else picked


def _suffix(table: Table, goal: Goal) -> str:
    """What the goal puts behind a label of the table."""
    for label in goal.labels if goal.shape_kind == "frame" else ():
        for mine in table.labels:
            if isinstance(label, str) and isinstance(mine, str) and label.startswith(f"{mine}_"):
                return label.removeprefix(mine)
    return ""


# Each key's best row


def _with_best_rows(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Merged with each key's latest or largest row: ``df2.sort_values('day').drop_duplicates('key', keep=…)``."""
    if goal.shape_kind != "frame" or goal.levels != 1 or goal.rows > table.rows:
        return
    mine = set(table.label_codes)
    theirs = dict(zip(other.label_codes, other.columns, strict=True))
    places = dict(zip(goal.label_codes, goal.columns, strict=True))
    new = {code: places[code] for code in places if code not in mine and code in theirs}
    if not new or not label_set(goal) <= mine | set(theirs):
        return
    for match in matches(table, other)[:4]:
        if match.indexed or "index" in match.text or all(key.unique for key in match.right):
            continue
        at = [table.book.code(key.label) for key in match.left]
        if not all(code in places for code in at):
            continue
        wanted = [places[code].codes.tolist() for code in at]
        groups = Groups(match.right)
        number = [groups.names.get(codes, -1) for codes in zip(*wanted, strict=True)]
        lost = -1 in number
        if lost and goal.rows != table.rows:
            continue
        for kept, best in _best_rows(other, groups, match.right):
            if _gives(new, theirs, groups, best, number):
                how = ", how='left'" if lost or goal.rows == table.rows == len(set(number)) else ""
                cost = 0.9 + match.cost + 0.1 * bool(how)
                yield call(f"{{0}}.merge({{1}}, {match.text}{how})", table.expr, kept, op="merge", cost=cost)


def _best_rows(other: Table, groups: Groups, keys: Sequence[Column]) -> Iterator[tuple[Expr, Codes]]:
    """The other table with one row of each key; which row it is, in the order of the groups."""
    labels = literal(keys[0].label if len(keys) == 1 else [key.label for key in keys])
    tags = (LABEL,) * len(keys)
    order = groups.rows[groups.order]
    ends = np.append(groups.starts[1:], len(order)) - 1
    for column in sorted(other.columns, key=lambda c: c.kind != "date"):
        if column.kind not in ("date", "num") or any(column is key for key in keys):
            continue
        place = ranks(column)
        if (place < 0).any():
            continue
        by = groups.rows[np.lexsort((place[groups.rows], groups.ids))]
        for way, keep, cost, rows in (
            ("", ", keep='last'", 0.8, ends),
            (", ascending=False", "", 0.9, ends),
            ("", "", 0.9, groups.starts),
        ):
            sort = f".sort_values({literal(column.label)}{way})"
            ordered = step(other.expr, sort, op="sort_values", cost=0.7, labels=1)
            text = f"{{0}}.drop_duplicates({labels}{keep})"
            yield call(text, ordered, op="drop_duplicates", cost=cost, tags=tags), by[rows]
    last = f"{{0}}.drop_duplicates({labels}, keep='last')"
    yield call(last, other.expr, op="drop_duplicates", cost=1.4, tags=tags), order[ends]
    yield (
        call(f"{{0}}.drop_duplicates({labels})", other.expr, op="drop_duplicates", cost=1.2, tags=tags),
        order[groups.starts],
    )


def _gives(
    new: Mapping[int, Column], theirs: Mapping[int, Column], groups: Groups, best: Codes, number: Sequence[int]
) -> bool:
    """Whether the goal's new columns have the cells of each key's best row."""
    for code, column in new.items():
        cells = theirs[code].codes[best]
        if any(c != (cells[n] if n >= 0 else NULL) for c, n in zip(column.codes.tolist(), number, strict=True)):
            return False
    return groups.count > 0


# One table over another


def _patched(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """New rows over old ones, by key: ``new.set_index('id').combine_first(old.set_index('id')).reset_index()``."""
    both = set(table.label_codes) | set(other.label_codes)
    if goal.shape_kind != "frame" or not label_set(goal) <= both:
        return
    for key, twin in ((a, b) for a in table.columns for b in other.columns if a.label == b.label):
        if not (key.unique and twin.unique) or not hashable(key) or not key.distinct & twin.distinct:
            continue
        if label_set(goal) | {table.book.code(key.label)} != both:
            continue
        if len(key.distinct | twin.distinct) != goal.rows or not goal.cells <= table.cells | other.cells:
            continue
        label = literal(key.label)
        over = call(
            f"{{0}}.set_index({label}).combine_first({{1}}.set_index({label}))",
            table.expr, other.expr, op="combine_first", cost=1.6, tags=(LABEL,) * 2,
        )  # fmt: skip
        yield step(over, ".reset_index()", op="reset_index", cost=0.4)
        yield over
        # The first table's rows count where both have a key: it is put last.
        piled = call("pd.concat([{0:arg}, {1:arg}])", other.expr, table.expr, op="concat", cost=0.9)
        last = step(piled, f".drop_duplicates({label}, keep='last')", op="drop_duplicates", cost=1.0, labels=1)
        yield last
        yield step(last, f".sort_values({label})", op="sort_values", cost=0.6, labels=1)


# Division


def _divided(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Keys that go with every cell of another table's column, as with every product of a list."""
    if table.rows > MOST_DIVIDED or not goal.rows > 0 or goal.shape_kind not in ("frame", "series", "list", "array"):
        return
    if len(goal.columns) != 1 and not label_set(goal) <= set(table.label_codes):
        return
    for match in matches(table, other)[:3]:
        if len(match.left) != 1 or match.indexed or "index" in match.text or not len(match.right[0].distinct) > 1:
            continue
        (have,), (asked,) = match.left, match.right
        needed = set(asked.codes.tolist())
        for key in table.columns:
            if key is have or not hashable(key) or key.unique:
                continue
            if len(goal.columns) == 1 and not goal.columns[0].distinct <= key.distinct:
                continue
            owned: dict[int, set[int]] = defaultdict(set)
            for k, v in zip(key.codes.tolist(), have.codes.tolist(), strict=True):
                owned[k].add(v)
            full = {k for k, cells in owned.items() if needed <= cells}
            if full and full < set(owned) and any(set(c.codes.tolist()) == full for c in goal.columns):
                yield from _division(table, other, key, match, goal)


def _division(table: Table, other: Table, key: Column, match: Match, goal: Goal) -> Iterator[Expr]:
    a, b, k = (literal(c.label) for c in (match.left[0], match.right[0], key))
    condition = f"lambda g: {{1}}[{b}].isin(g[{a}]).all()"
    rows = call(
        f"{{0}}.groupby({k}).filter({condition})", table.expr, other.expr, op="groupby.filter", cost=1.0,
        tags=(LABEL,) * 3,
    )  # fmt: skip
    if goal.rows > len(set(key.codes.tolist())):
        yield rows
        return
    once = call(f"{{0}}[{k}].unique()", rows, op="unique", cost=0.4)
    if goal.shape_kind == "array":
        yield once
    elif goal.shape_kind == "list":
        yield call("{0}.tolist()", once, op="tolist", cost=0.3)
    elif goal.shape_kind == "series" or len(goal.columns) == 1:
        label = k if goal.shape_kind == "series" else f"[{k}]"
        for anew, cost in (("ignore_index=True", 0.6), ("", 0.7)) if goal.plain_index else (("", 0.6),):
            yield call(f"{{0}}[{label}].drop_duplicates({anew})", rows, op="drop_duplicates", cost=cost)
    else:
        yield rows


__all__ = ["FAMILY", "proposals"]
