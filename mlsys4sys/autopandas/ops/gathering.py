"""Wide to long, and rows under rows, in ways that no single ``melt`` gives.

Lists that belong together, column groups stacked, headings among the rows, totals under each group: each is compared
with the goal on codes before it is written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import permutations

import numpy as np

from mlsys4sys.autopandas.expression import CELL, OUTPUT, Expr, assign, call, is_keyword_name, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import Groups, close
from mlsys4sys.autopandas.ops.parts import distinct, flat, label_set, some, step
from mlsys4sys.autopandas.table import NULL, Column, Table

FAMILY = "gathering"

SEPARATORS = (", ", ",", "; ", ";", "|", "/", " ", "-", "+", "\n")
MOST_ROWS, MOST_COLUMNS = 300, 40


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls that end a program."""
    if not last or not flat(table) or goal.shape_kind != "frame" or goal.levels != 1 or goal.duplicate_labels:
        return
    if 1 < table.rows <= MOST_ROWS and len(table.labels) <= MOST_COLUMNS and goal.rows <= 10 * MOST_ROWS:
        yield from distinct(_all(table, goal), 12)


def _all(table: Table, goal: Goal) -> Iterator[Expr]:
    yield from _exploded_together(table, goal)
    yield from _under_headings(table, goal)
    yield from _with_totals(table, goal)
    yield from _stacked_groups(table, goal)
    yield from _cut_labels(table, goal)
    yield from _by_label_parts(table, goal)


# Lists that belong together


def _exploded_together(table: Table, goal: Goal) -> Iterator[Expr]:
    """Several columns of texts split and exploded side by side."""
    if goal.rows <= table.rows or not label_set(goal) <= set(table.label_codes):
        return
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    lists: dict[Hashable, str] = {}
    numbers: list[Hashable] = []
    counts: list[int] | None = None
    for code, column in zip(goal.label_codes, goal.columns, strict=True):
        source = mine[code]
        if source.kind != "str" or column.distinct <= source.distinct:
            continue
        found = _split_as(source, column)
        if found is None:
            return
        separator, sizes, numeric = found
        if counts is not None and counts != sizes:
            return
        counts = sizes
        lists[column.label] = separator
        numbers += [column.label] if numeric else []
    if len(lists) < 2 or counts is None:
        return
    rows = np.repeat(np.arange(table.rows), counts)
    for code, column in zip(goal.label_codes, goal.columns, strict=True):
        if column.label not in lists and not np.array_equal(mine[code].codes[rows], column.codes):
            return
    expr = table.expr
    for label, separator in lists.items():
        split = step(table.ref(table.labels.index(label)), f".str.split({literal(separator)})", op="str", cost=0.6)
        expr = assign(expr, label, split)
    text = f".explode({literal(list(lists))}, ignore_index=True)"
    if not goal.plain_index:
        text = f".explode({literal(list(lists))})"
    expr = step(expr, text, op="explode", cost=0.8, labels=len(lists))
    if numbers:
        kinds = {label: "int" if _whole(goal, label) else "float" for label in numbers}
        expr = step(expr, f".astype({literal(kinds)})", op="astype", cost=0.6)
    yield expr


def _whole(goal: Goal, label: Hashable) -> bool:
    return goal.columns[goal.labels.index(label)].array.dtype.kind in "iu"


def _split_as(source: Column, wanted: Column) -> tuple[str, list[int], bool] | None:
    """The separator at which texts are split into the wanted cells, how many each gives, whether as numbers."""
    if source.null.any() or wanted.null.any():
        return None
    texts = source.cells
    for separator in SEPARATORS:
        parts = [text.split(separator) for text in texts]
        flattened = [part for row in parts for part in row]
        if len(flattened) != len(wanted.codes) or len(flattened) == len(texts):
            continue
        if wanted.kind == "num":
            try:
                made = np.array([float(part) for part in flattened])
            except ValueError:
                continue
            if np.allclose(made, wanted.numbers):
                return separator, [len(row) for row in parts], True
        elif flattened == list(wanted.cells):
            return separator, [len(row) for row in parts], False
    return None


# Headings among the rows


def _under_headings(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows that only name what follows become a column: ``where(…isna()).ffill()``, and they go."""
    new = [j for j, code in enumerate(goal.label_codes) if code not in set(table.label_codes)]
    if len(new) != 1 or not 0 < goal.rows < table.rows or not isinstance(goal.labels[new[0]], str):
        return
    wanted, name = goal.columns[new[0]], goal.labels[new[0]]
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    for told in table.columns:  # missing in a heading, there in all other rows
        heads = told.null
        if int((~heads).sum()) != goal.rows or not heads[0]:
            continue
        for title in table.columns:
            if title is told or title.kind != "str" or title.null[heads].any():
                continue
            last = np.maximum.accumulate(np.where(heads, np.arange(table.rows), 0))
            if not np.array_equal(title.codes[last][~heads], wanted.codes):
                continue
            rest = [(code, c) for code, c in zip(goal.label_codes, goal.columns, strict=True) if c is not wanted]
            if any(not np.array_equal(mine[code].codes[~heads], c.codes) for code, c in rest):
                continue
            at, by = table.columns.index(title), table.columns.index(told)
            headed = call("{0}.where({1}.isna()).ffill()", table.ref(at), table.ref(by), op="ffill", cost=1.4)
            made = step(
                assign(table.expr, name, headed),
                f".dropna(subset={literal(told.label)})",
                op="dropna",
                cost=0.7,
                labels=1,
            )
            have = [*table.labels, name]
            if have != list(goal.labels):
                made = step(made, f"[{literal(list(goal.labels))}]", op="select", cost=0.5, labels=len(goal.labels))
            yield step(made, ".reset_index(drop=True)", op="reset_index", cost=0.3) if goal.plain_index else made


# Totals among the rows


def _with_totals(table: Table, goal: Goal) -> Iterator[Expr]:
    """A row of totals under each group: concatenated, and put beside their groups by a stable sort."""
    if set(goal.label_codes) != set(table.label_codes) or goal.rows <= table.rows:
        return
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    dict(zip(goal.label_codes, goal.columns, strict=True))
    numbers = [code for code, c in mine.items() if c.kind == "num"]
    texts = [code for code, c in mine.items() if c.kind == "str"]
    if not numbers or not texts:
        return
    for key in texts:
        groups = Groups([mine[key]])
        if goal.rows != table.rows + groups.count:
            continue
        yield from _subtotals(table, goal, key, groups, numbers, [t for t in texts if t != key])


def _subtotals(
    table: Table, goal: Goal, key: int, groups: Groups, numbers: Sequence[int], texts: Sequence[int]
) -> Iterator[Expr]:
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    places = dict(zip(goal.label_codes, goal.columns, strict=True))
    rows: list[tuple[int, int]] = []  # group, then row or -1 for the total
    for g, members in enumerate(groups.members):
        rows += [(g, int(row)) for row in members] + [(g, -1)]
    names = mine[key].codes[groups.first]
    if [int(names[g]) for g, _ in rows] != places[key].codes.tolist():
        return
    at = np.array([row for _, row in rows])
    totals = np.flatnonzero(at < 0)
    kept = np.flatnonzero(at >= 0)
    summed: list[Hashable] = []
    for code in numbers:
        names_, matrix = groups.numbers(mine[code])
        if not np.array_equal(mine[code].codes[at[kept]], places[code].codes[kept]):
            return
        if places[code].null[totals].all():
            continue
        if not close(matrix[names_.index("sum")][None], places[code].numbers[totals])[0]:
            return
        summed.append(mine[code].label)
    constants: dict[Hashable, str] = {}
    for code in texts:
        if not np.array_equal(mine[code].codes[at[kept]], places[code].codes[kept]):
            return
        marks = set(places[code].codes[totals].tolist())
        if len(marks) != 1:
            return
        if marks != {NULL}:
            constants[mine[code].label] = str(table.book.cell(marks.pop()))
    if not summed:
        return
    label = literal(mine[key].label)
    inner = step(
        table.expr, f".groupby({label}, as_index=False)[{some(summed)}].sum()", op="groupby.agg", cost=1.0,
        labels=1 + len(summed),
    )  # fmt: skip
    if constants:
        marked = ", ".join(f"{name}={literal(mark)}" for name, mark in constants.items())
        if not all(isinstance(name, str) and is_keyword_name(name) for name in constants):
            marked = f"**{literal(constants)}"
        inner = step(inner, f".assign({marked})", op="assign", cost=0.6, tags=(OUTPUT,) * len(constants))
    both = call("pd.concat([{0}, {1}])", table.expr, inner, op="concat", cost=1.0)
    yield step(both, f".sort_values({label}, kind='stable', ignore_index=True)", op="sort_values", cost=0.7, labels=1)


# Groups of columns under one another


def _stacked_groups(table: Table, goal: Goal) -> Iterator[Expr]:
    """Columns that hold the same twice, renamed and put under one another: first and second player, debit and credit.

    What all groups share stays beside them.
    """
    width = len(goal.labels)
    if goal.rows % table.rows or not 1 < goal.rows // table.rows <= 6 or width < 2 or not goal.plain_index:
        return
    times = goal.rows // table.rows
    blocks = [slice(k * table.rows, (k + 1) * table.rows) for k in range(times)]
    chosen: list[list[int]] = []
    constant: dict[int, list[int]] = {}
    for j, column in enumerate(goal.columns):
        fits: list[int] = []
        for block in blocks:
            cells = column.codes[block]
            found = [i for i, c in enumerate(table.columns) if np.array_equal(c.codes, cells)]
            taken = {row[k] for row in chosen for k in range(len(row))} if chosen else set()
            found.sort(key=lambda i: (table.label_codes[i] != goal.label_codes[j], i in taken))
            if found:
                fits.append(found[0])
        if len(fits) == times:
            chosen.append(fits)
        elif all(len(set(column.codes[block].tolist())) == 1 for block in blocks) and not column.null.any():
            constant[j] = [int(column.codes[block][0]) for block in blocks]
            chosen.append([])
        else:
            return
    moved = [j for j, fits in enumerate(chosen) if len(set(fits)) == times]
    if not moved or len(constant) > 1:
        return
    parts = []
    for k in range(times):
        labels = [table.labels[chosen[j][k]] for j in range(width) if j not in constant]
        if len(set(labels)) < len(labels):
            return
        wanted = [goal.labels[j] for j in range(width) if j not in constant]
        renames = {a: b for a, b in zip(labels, wanted, strict=True) if a != b}
        made = step(table.expr, f"[{literal(labels)}]", op="select", cost=0.4, labels=len(labels))
        if renames:
            text = (
                f".set_axis({literal(wanted)}, axis=1)" if len(renames) > 1 else f".rename(columns={literal(renames)})"
            )
            made = step(made, text, op="rename", cost=0.5, labels=len(renames))
        for j, codes in constant.items():
            label, cell = goal.labels[j], literal(table.book.cell(codes[k]))
            pair = (
                f"{label}={cell}"
                if isinstance(label, str) and is_keyword_name(label)
                else f"**{{{{{label!r}: {cell}}}}}"
            )
            made = step(made, f".assign({pair})", op="assign", cost=0.6, tags=(OUTPUT,))
        parts.append(made)
    listed = ", ".join(f"{{{k}}}" for k in range(times))
    stacked = call(f"pd.concat([{listed}], ignore_index=True)", *parts, op="concat", cost=0.6)
    have = [goal.labels[j] for j in range(width) if j not in constant] + [goal.labels[j] for j in constant]
    if have != list(goal.labels):
        stacked = step(stacked, f"[{literal(list(goal.labels))}]", op="select", cost=0.5, labels=width)
    yield stacked


# Labels that hold a group and a field


def _by_label_parts(table: Table, goal: Goal) -> Iterator[Expr]:
    """Columns ``mon_task``, ``mon_hours``, ``tue_task`` … as a row a group; rows without any field are left out."""
    if not all(isinstance(label, str) for label in (*table.labels, *goal.labels)):
        return
    wanted = set(map(str, goal.labels))
    for sign in ("_", " ", "-", "."):
        parts = {str(label): str(label).split(sign, 1) for label in table.labels if sign in str(label)}
        if len(parts) < 4:
            continue
        for field_first in (True, False):
            pairs = {label: (p[0], p[1]) if field_first else (p[1], p[0]) for label, p in parts.items()}
            fields = list(dict.fromkeys(field for field, _ in pairs.values()))
            groups = list(dict.fromkeys(group for _, group in pairs.values()))
            ids = [str(label) for label in table.labels if label not in parts]
            if len(fields) * len(groups) != len(pairs) or len(fields) < 2 or len(groups) < 2 or len(groups) > 12:
                continue
            new = wanted - set(fields) - set(ids)
            if not set(fields) <= wanted or len(new) > 1 or not set(ids) <= wanted | set(ids):
                continue
            label_of = {pair: label for label, pair in pairs.items()}
            yield from _grouped_rows(table, goal, ids, fields, groups, label_of, sign, field_first, new)


def _grouped_rows(
    table: Table, goal: Goal, ids: list[str], fields: list[str], groups: list[str],
    label_of: dict[tuple[str, str], str], sign: str, field_first: bool, new: set[str],
) -> Iterator[Expr]:  # fmt: skip
    column = dict(zip(map(str, table.labels), table.columns, strict=True))
    full = np.array(
        [[not all(column[label_of[f, g]].null[row] for f in fields) for g in groups] for row in range(table.rows)]
    )
    if int(full.sum()) != goal.rows:
        return
    name = next(iter(new), "group")
    drop = "" if full.all() else ".dropna(how='all')"
    by_row = [(row, k) for row in range(table.rows) for k in range(len(groups)) if full[row, k]]
    by_group = [(row, k) for k in range(len(groups)) for row in range(table.rows) if full[row, k]]
    wanted = [(c, str(label)) for c, label in zip(goal.columns, goal.labels, strict=True)]

    def fits(order: list[tuple[int, int]]) -> bool:
        for c, label in wanted:
            if label in fields:
                cells = [int(column[label_of[label, groups[k]]].codes[row]) for row, k in order]
            elif label in ids:
                cells = [int(column[label].codes[row]) for row, _ in order]
            else:
                cells = [table.book.code(groups[k]) for _, k in order]
            if cells != c.codes.tolist():
                return False
        return True

    have = [*ids, name, *sorted(fields)]
    if ids and fits(by_row):
        split = f"{{0}}.columns.str.split({literal(sign)}, expand=True)"
        keyed = step(table.expr, f".set_index({some(ids)})", op="set_index", cost=0.8, labels=len(ids))
        names = f"[None, {literal(name)}]" if field_first else f"[{literal(name)}, None]"
        wide = call(f"{{0}}.set_axis({split}, axis=1).rename_axis(columns={names})", keyed, op="set_axis", cost=1.2)
        long = step(wide, f".stack({literal(name)}){drop}.reset_index()", op="stack", cost=1.2, tags=(OUTPUT,))
    elif len(groups) <= 4 and fits(by_group):
        pieces = []
        for group in groups:
            labels = [*ids, *(label_of[f, group] for f in fields)]
            text = f"[{literal(labels)}].set_axis({literal([*ids, *fields])}, axis=1)"
            piece = step(table.expr, text, op="rename", cost=0.4, labels=len(labels))
            if new and is_keyword_name(name):
                piece = step(piece, f".assign({name}={literal(group)})", op="assign", cost=0.3, tags=(OUTPUT,))
            pieces.append(piece)
        listed = ", ".join(f"{{{k}}}" for k in range(len(groups)))
        long = call(f"pd.concat([{listed}], ignore_index=True)", *pieces, op="concat", cost=0.6)
        if drop:
            partly = any(column[label_of[f, groups[k]]].null[row] for row, k in by_group for f in fields)
            which = f"how='all', subset={literal(fields)}, " if partly or ids else ""
            long = step(long, f".dropna({which}ignore_index=True)", op="dropna", cost=0.5)
        have = [*ids, *fields, *([name] if new else [])]
    else:
        return
    if have != [label for _, label in wanted]:
        labels = [label for _, label in wanted]
        long = step(long, f"[{literal(labels)}]", op="select", cost=0.5, labels=len(labels))
    yield long


# Labels that hold two things without a sign between them


def _cut_labels(table: Table, goal: Goal) -> Iterator[Expr]:
    """``melt``, and labels such as ``m014`` cut after so many characters."""
    if len(table.labels) < 4 or not all(isinstance(label, str) for label in (*table.labels, *goal.labels)):
        return
    ids = [c for c, code in zip(table.columns, table.label_codes, strict=True) if code in label_set(goal)]
    names = [c.label for c in ids]
    values = [str(label) for label in table.labels if label not in names]
    if not ids or len(values) < 3 or len(goal.labels) != len(ids) + 3:
        return
    new = [c for c in goal.columns if c.label not in names]
    for cut in (1, 2, 3, -1, -2, -3, -4):
        if any(len(value) <= abs(cut) for value in values):
            continue
        heads = {table.book.code(value[:cut]) for value in values}
        tails = {table.book.code(value[cut:]) for value in values}
        for a, b, v in permutations(new, 3):
            if a.distinct <= heads and b.distinct <= tails and len(a.distinct) > 1 and v.kind == "num":
                melted = step(
                    table.expr, f".melt(id_vars={some(names)}, value_name={literal(v.label)})", op="melt", cost=1.2,
                    labels=len(names),
                )  # fmt: skip
                long = melted
                for label, where in ((a.label, f":{cut}"), (b.label, f"{cut}:")):
                    part = Expr(f"{{0}}['variable'].str[{where}]", (melted,), op="str", cost=0.8, tags=(CELL,))
                    long = assign(long, label, part)
                yield step(long, f"[{literal(list(goal.labels))}]", op="select", cost=0.6, labels=len(goal.labels))


__all__ = ["FAMILY", "proposals"]
