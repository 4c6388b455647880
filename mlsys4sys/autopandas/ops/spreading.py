"""Long to wide in ways that no single pivot gives: flags, joined texts, shares, ranks, records that follow one another.

Each is compared with the goal on codes before it is written.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import islice, product

import numpy as np

from mlsys4sys.autopandas.expression import CELL, LABEL, OUTPUT, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.crossing import Crossed, Layout, layouts
from mlsys4sys.autopandas.ops.grouping import Groups, close, ranks
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, some, step
from mlsys4sys.autopandas.table import NULL, Codes, Column, Table

FAMILY = "spreading"

SEPARATORS = (", ", "; ", ",", " / ", "/", " ", " | ", "|", " - ", "-", "\n", "; ", ";", "+", " & ", " and ")
MOST_ROWS = 500


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls that end a program."""
    if last and flat(table) and goal.shape_kind == "frame" and goal.levels == 1 and 1 < table.rows <= MOST_ROWS:
        yield from distinct(_all(table, goal), 12)


def _all(table: Table, goal: Goal) -> Iterator[Expr]:
    yield from _in_blocks(table, goal)
    if len(table.labels) < 2 or goal.duplicate_labels:
        return
    for layout in islice(layouts(table, goal), 12):
        crossed = Crossed(layout)
        if layout.margin is None and layout.value_labels is None and crossed.plausible():
            for made in (*_flags(crossed), *_joined(crossed), *_shares(crossed)):
                yield step(made, ".reset_index()", op="reset_index", cost=0.6) if layout.reset else made
    yield from _ranked(table, goal)
    yield from _ragged(table, goal)
    yield from _records(table, goal)


def _keys(layout: Layout) -> tuple[str, str, int]:
    """The arguments ``index`` and ``columns``, and how many labels they have."""
    columns = layout.table.columns
    rows, across = (some([columns[i].label for i in at]) for at in (layout.rows, layout.across))
    return rows, across, len(layout.rows) + len(layout.across)


def _cells(crossed: Crossed) -> Codes:
    """The codes of the goal's value columns, shape (rows, cells)."""
    goal = crossed.layout.goal
    return np.array([goal.columns[j].codes for j in crossed.layout.cells]).T


def _flags(crossed: Crossed) -> Iterator[Expr]:
    """Whether there is a row: ``pd.crosstab(…).gt(0)``, as truths or as 1 and 0."""
    layout = crossed.layout
    if len(layout.rows) != 1 or len(layout.across) != 1 or (crossed.groups.sizes == 1).all():
        return
    book = layout.table.book
    cells = _cells(crossed)
    if not (cells == np.where(crossed.present, book.code(1), book.code(0))).all():
        return
    r, c = (literal(layout.table.columns[i].label) for i in (layout.rows[0], layout.across[0]))
    truths = all(layout.goal.columns[j].kind == "bool" for j in layout.cells)
    end = ".gt(0)" if truths else ".gt(0).astype(int)"
    yield call(
        f"pd.crosstab({{0}}[{r}], {{0}}[{c}]){end}", layout.table.expr, op="crosstab", cost=1.8, tags=(LABEL,) * 2
    )


def _joined(crossed: Crossed) -> Iterator[Expr]:
    """Texts of one pair of keys in one cell: ``pivot_table(…, aggfunc=', '.join)``."""
    layout = crossed.layout
    table, goal = layout.table, layout.goal
    if crossed.unique or any(goal.columns[j].kind not in ("str", "obj") for j in layout.cells):
        return
    wanted = [goal.columns[j].cells for j in layout.cells]
    absent = {wanted[k][i] if not goal.columns[layout.cells[k]].null[i] else None
              for i, k in zip(*np.nonzero(~crossed.present), strict=True)}  # fmt: skip
    if len(absent) > 1:
        return
    fill = absent.pop() if absent else None
    places = [
        (int(i), int(k), crossed.groups.members[crossed.at[i, k]])
        for i, k in zip(*np.nonzero(crossed.present), strict=True)
    ]
    several = [(i, k, rows) for i, k, rows in places if len(rows) > 1]
    if not several:
        return
    index, columns, labels = _keys(layout)
    for value in table.columns:
        if (
            value.kind != "str"
            or value.null.any()
            or any(value is table.columns[i] for i in (*layout.rows, *layout.across))
        ):
            continue
        texts = value.cells
        i, k, rows = several[0]
        for separator, order in product(SEPARATORS, (False, True)):
            if _text(texts, rows, separator, order) != wanted[k][i]:
                continue
            if any(_text(texts, rows, separator, order) != wanted[k][i] for i, k, rows in places):
                continue
            how = f"lambda s: {separator!r}.join(sorted(s))" if order else f"{separator!r}.join"
            filling = f", fill_value={literal(fill)}" if fill is not None else ""
            text = f".pivot_table(index={index}, columns={columns}, values={literal(value.label)}"
            text += f", aggfunc={how}{filling})"
            yield step(table.expr, text, op="pivot_table", cost=1.6 + 0.4 * order, labels=labels + 1)
            return


def _text(texts: Sequence[str], rows: Codes, separator: str, order: bool) -> str:
    parts = [texts[row] for row in rows.tolist()]
    return separator.join(sorted(parts) if order else parts)


def _shares(crossed: Crossed) -> Iterator[Expr]:
    """A pivot of totals by its row's, its column's, or its own total."""
    layout = crossed.layout
    table, goal = layout.table, layout.goal
    if len(layout.cells) < 2 or any(goal.columns[j].kind != "num" for j in layout.cells):
        return
    wanted = np.array([goal.columns[j].numbers for j in layout.cells]).T
    if np.isnan(wanted).any() or (wanted == np.rint(wanted)).all():
        return
    index, columns, labels = _keys(layout)
    for value in table.columns:
        if value.kind != "num" or any(value is table.columns[i] for i in (*layout.rows, *layout.across)):
            continue
        names, matrix = crossed.groups.numbers(value)
        if "sum" not in names:
            continue
        totals = np.where(crossed.present, matrix[names.index("sum")][crossed.at], 0.0)
        with np.errstate(all="ignore"):
            ways = (
                (totals / totals.sum(axis=1, keepdims=True), ".pipe(lambda t: t.div(t.sum(axis=1), axis=0))"),
                (totals / totals.sum(axis=0, keepdims=True), ".pipe(lambda t: t / t.sum())"),
                (totals / totals.sum(), ".pipe(lambda t: t / t.to_numpy().sum())"),
            )
        for shares, text in ways:
            for factor, times in ((1.0, ""), (100.0, ".mul(100)")):
                for digits in (None, 2, 1, 3, 0, 4):
                    made = shares * factor if digits is None else np.round(shares * factor, digits)
                    if close(made.reshape(1, -1), wanted.ravel())[0]:
                        rounding = "" if digits is None else f".round({digits})"
                        filling = "" if crossed.present.all() else ", fill_value=0"
                        pivot = f".pivot_table(index={index}, columns={columns}, values={literal(value.label)}"
                        wide = step(
                            table.expr,
                            f"{pivot}, aggfunc='sum'{filling})",
                            op="pivot_table",
                            cost=1.1,
                            labels=labels + 1,
                        )
                        yield step(wide, f"{text}{times}{rounding}", op="arithmetic", cost=1.0 + 0.3 * bool(rounding))
                        return


# Rows of a group side by side


def _named(labels: Sequence[Hashable]) -> tuple[int, str] | None:
    """Where numbered labels start and what stands before the number: ``top1``, ``top2``; plain numbers too."""
    texts = [str(label) for label in labels]
    for begin in (1, 0):
        heads = {text.removesuffix(str(begin + i)) for i, text in enumerate(texts)}
        whole = all(text.endswith(str(begin + i)) for i, text in enumerate(texts))
        if len(heads) == 1 and whole and ("" not in heads or not any(isinstance(label, str) for label in labels)):
            return begin, heads.pop()
    return None


def _ranked(table: Table, goal: Goal) -> Iterator[Expr]:
    """The best of a group first, the next beside it: a pivot on places after sorting."""
    for key in table.columns:
        if not hashable(key) or key.unique or key.null.any() or len(key.distinct) != goal.rows:
            continue
        in_index = not goal.plain_index and len(goal.index) == 1 and goal.index[0].distinct == key.distinct
        place = None if in_index else next((j for j, c in enumerate(goal.columns) if c.distinct == key.distinct), None)
        if not in_index and place is None:
            continue
        groups = Groups([key])
        wanted = [c for j, c in enumerate(goal.columns) if j != place]
        named = _named([c.label for c in wanted])
        at = groups.place([goal.index[0] if place is None else goal.columns[place]])
        if at is None or named is None or len(wanted) < 2 or len(wanted) > int(groups.sizes.max()):
            continue
        yield from _by_rank(table, key, groups, at, wanted, named, reset=place is not None)


def _by_rank(
    table: Table,
    key: Column,
    groups: Groups,
    at: Codes,
    wanted: Sequence[Column],
    named: tuple[int, str],
    *,
    reset: bool,
) -> Iterator[Expr]:
    first, head = named
    whole = len(wanted) == int(groups.sizes.max())
    for order in table.columns:
        if order is key or order.kind not in ("num", "date", "str") or order.null.any():
            continue
        place = ranks(order)
        for way, sign in (("", 1), (", ascending=False", -1)):
            rows = np.lexsort((sign * place[groups.rows], groups.ids))
            members = np.split(groups.rows[rows], groups.starts[1:])
            if all((np.diff(m) > 0).all() for m in members):
                continue  # the rows are sorted already
            for value in table.columns:
                if value is key or not _in_places(value, members, at, wanted):
                    continue
                k = literal(key.label)
                ordered = step(
                    table.expr, f".sort_values({literal(order.label)}{way})", op="sort_values", cost=0.7, labels=1
                )
                count = f"{{0}}.groupby({k}).cumcount()" + (f" + {first}" if first else "")
                numbered = call(f"{{0}}.assign(n={count})", ordered, op="groupby.cumcount", cost=1.4, tags=(LABEL,))
                if not whole:
                    text = f"[lambda d: d['n'] {'<=' if first else '<'} {len(wanted)}]"
                    numbered = step(numbered, text, op="mask", cost=1.0, tags=(CELL,))
                wide = step(
                    numbered, f".pivot(index={k}, columns='n', values={literal(value.label)})", op="pivot", cost=0.9,
                    labels=2,
                )  # fmt: skip
                if head:
                    wide = step(wide, f".add_prefix({literal(head)})", op="add_prefix", cost=0.6)
                yield step(wide, ".reset_index()", op="reset_index", cost=0.4) if reset else wide


def _in_places(value: Column, members: Sequence[Codes], at: Codes, wanted: Sequence[Column]) -> bool:
    for j, column in enumerate(wanted):
        cells = [int(value.codes[rows[j]]) if j < len(rows) else NULL for rows in members]
        if [cells[g] for g in at] != column.codes.tolist():
            return False
    return True


def _ragged(table: Table, goal: Goal) -> Iterator[Expr]:
    """One column a group, its rows from the top, as long as the longest."""
    if len(goal.labels) < 2 or not goal.plain_index:
        return
    for key in table.columns:
        if not hashable(key) or key.unique or key.null.any() or set(goal.label_codes) != set(key.codes.tolist()):
            continue
        groups = Groups([key])
        if int(groups.sizes.max()) != goal.rows:
            continue
        numbers = [groups.names[(code,)] for code in goal.label_codes]
        for value in table.columns:
            if value is key:
                continue
            columns = [value.codes[groups.members[g]].tolist() for g in numbers]
            if all(
                [*cells, *[NULL] * (goal.rows - len(cells))] == column.codes.tolist()
                for cells, column in zip(columns, goal.columns, strict=True)
            ):
                k, v = literal(key.label), literal(value.label)
                count = call(
                    f"{{0}}.assign(n={{0}}.groupby({k}).cumcount())", table.expr, op="groupby.cumcount", cost=1.4,
                    tags=(LABEL,),
                )  # fmt: skip
                wide = step(count, f".pivot(index='n', columns={k}, values={v})", op="pivot", cost=0.9, labels=2)
                wide = step(wide, ".reset_index(drop=True)", op="reset_index", cost=0.4)
                yield _ordered(wide, goal, sorted(numbers) == numbers)


def _ordered(wide: Expr, goal: Goal, already: bool) -> Expr:
    """The columns in the goal's order."""
    if already:
        return wide
    labels = list(goal.labels)
    return step(wide, f"[{literal(labels)}]", op="select", cost=0.6, labels=len(labels))


# Records that follow one another


def _records(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows of (field, value), a new record at each first field: a pivot by the number of the record."""
    if not goal.plain_index or goal.rows < 2 or len(goal.labels) < 2:
        return
    for field in table.columns:
        if field.kind != "str" or field.null.any() or set(goal.label_codes) != set(field.codes.tolist()):
            continue
        starts = field.codes == field.codes[0]
        if int(starts.sum()) != goal.rows:
            continue
        record = np.cumsum(starts) - 1
        if len(set(zip(record.tolist(), field.codes.tolist(), strict=True))) < table.rows:
            continue
        number = {code: j for j, code in enumerate(goal.label_codes)}
        for value in table.columns:
            if value is field:
                continue
            cells = np.full((goal.rows, len(goal.labels)), NULL, dtype=np.int64)
            cells[record, [number[code] for code in field.codes.tolist()]] = value.codes
            if all((cells[:, j] == column.codes).all() for j, column in enumerate(goal.columns)):
                f, v = literal(field.label), literal(value.label)
                count = f"({{0}}[{f}] == {literal(field.cells[0])}).cumsum()"
                numbered = call(f"{{0}}.assign(n={count})", table.expr, op="cumulative", cost=1.8, tags=(LABEL, CELL))
                wide = step(numbered, f".pivot(index='n', columns={f}, values={v})", op="pivot", cost=0.9, labels=2)
                wide = step(wide, ".reset_index(drop=True)", op="reset_index", cost=0.4)
                yield _ordered(wide, goal, sorted(map(str, goal.labels)) == list(map(str, goal.labels)))


def _in_blocks(table: Table, goal: Goal) -> Iterator[Expr]:
    """Each so many rows of a column are a record."""
    width = len(goal.columns)
    if width < 2 or goal.rows < 2 or not goal.plain_index or len(table.labels) > 2:
        return
    wanted = np.array([column.codes for column in goal.columns]).T.ravel()
    for position, column in enumerate(table.columns):
        if len(column.codes) == len(wanted) and np.array_equal(column.codes, wanted):
            labels = list(goal.labels)
            named = "" if labels == list(range(width)) else f", columns={literal(labels)}"
            text = f"pd.DataFrame({{0}}.to_numpy().reshape(-1, {width}){named})"
            yield call(text, table.ref(position), op="reshape", cost=1.6, tags=(OUTPUT,) * width)


__all__ = ["FAMILY", "proposals"]
