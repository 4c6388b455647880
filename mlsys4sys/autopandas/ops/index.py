"""Row labels and column levels: set_index, reset_index, reindex, droplevel, swaplevel, to_frame, flattened labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import permutations, product

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import CELL, OUTPUT, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import AGG_COST, Groups, close, ranks
from mlsys4sys.autopandas.ops.keys import spacing
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, is_frame, label_set, some, step
from mlsys4sys.autopandas.table import Codes, Column, Table

FAMILY = "index"


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Changes of labels alone."""
    if table.shape_kind not in ("frame", "series"):
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 30 if last else 10)


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.rows == goal.rows:
        yield from _set(table, goal)
        yield from _reset(table, goal)
    yield from _framed(table, goal)
    yield from _parts(table, goal)
    yield from _levels(table, goal)
    yield from _reindexed(table, goal)
    yield from _all_pairs(table, goal)
    yield from _figures_of_all_pairs(table, goal)


def _set(table: Table, goal: Goal) -> Iterator[Expr]:
    if not flat(table) or goal.plain_index or not goal.index or goal.shape_kind not in ("frame", "series"):
        return
    options: list[list[Column]] = []
    for level in goal.index:
        found = [c for c in table.columns if hashable(c) and c.distinct == level.distinct]
        found.sort(key=lambda c: c.label != level.label)
        if not found:
            return
        options.append(found)
    chosen = [next((c for c in found), found[0]) for found in options]
    labels = list(dict.fromkeys(c.label for c in chosen))
    if len(labels) < len(chosen):
        return
    keyed = step(table.expr, f".set_index({some(labels)})", op="set_index", cost=0.8, labels=len(labels))
    if goal.shape_kind == "series":
        for c in table.columns:
            if c.distinct == goal.columns[0].distinct and c.label not in labels:
                yield step(keyed, f"[{literal(c.label)}]", op="select", cost=0.1, labels=1)
        return
    if label_set(goal) & set(map(table.book.code, labels)):
        yield step(table.expr, f".set_index({some(labels)}, drop=False)", op="set_index", cost=1.4, labels=len(labels))
    yield keyed
    if any((a.codes != b.codes).any() for a, b in zip(chosen, goal.index, strict=True)):
        yield step(keyed, ".sort_index()", op="sort_index", cost=0.8)


def _reset(table: Table, goal: Goal) -> Iterator[Expr]:
    if not goal.plain_index and len(goal.index) >= len(table.index):
        return
    if goal.shape_kind not in ("frame", "series"):
        return
    if not table.plain_index or table.shape_kind == "series":
        wanted = label_set(goal)
        shown = [level for level in table.index if any(level.distinct == c.distinct for c in goal.columns)]
        if shown and goal.shape_kind == "frame":
            yield from _reset_named(table, goal)
            for i, level in enumerate(table.index):
                if len(table.index) > 1 and not goal.plain_index and level in shown:
                    yield step(
                        table.expr,
                        f".reset_index(level={literal(level.label) if level.label is not None else i})",
                        op="reset_index",
                        cost=1.0,
                    )
        if len(shown) < len(table.index) or not wanted:
            yield step(table.expr, ".reset_index(drop=True)", op="reset_index", cost=0.7)
            if 0 < len(shown) < len(table.index):
                for i, level in enumerate(table.index):
                    if level not in shown:
                        name = literal(level.label) if level.label is not None else str(i)
                        yield step(
                            table.expr,
                            f".reset_index(level={name}, drop=True).reset_index()",
                            op="reset_index",
                            cost=1.5,
                        )


def _reset_named(table: Table, goal: Goal) -> Iterator[Expr]:
    """``reset_index`` with the goal's labels for what has none, or others."""
    names = [level.label for level in table.index]
    if table.shape_kind == "series":
        value = goal.labels[-1]
        if value != table.value.name and len(goal.labels) == len(names) + 1:
            yield from _renamed_axis(table, goal, names, f".reset_index(name={literal(value)})")
            return
    yield from _renamed_axis(table, goal, names, ".reset_index()")


def _renamed_axis(table: Table, goal: Goal, names: Sequence[Hashable], text: str) -> Iterator[Expr]:
    cost = 0.6 + 0.2 * ("name=" in text)
    wanted = list(goal.labels[: len(names)])
    if list(names) == wanted or goal.levels != 1:
        yield step(table.expr, text, op="reset_index", cost=cost)
        return
    yield step(table.expr, text, op="reset_index", cost=cost)
    if all(isinstance(label, str) for label in wanted):
        axis = literal(wanted[0] if len(wanted) == 1 else wanted)
        yield step(
            step(table.expr, f".rename_axis({axis})", op="rename_axis", cost=0.9), text, op="reset_index", cost=cost
        )


def _framed(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind != "series" or goal.shape_kind != "frame" or len(goal.labels) != 1 or table.rows != goal.rows:
        return
    label = goal.labels[0]
    named = table.value.name == label
    yield step(
        table.expr,
        ".to_frame()" if named else f".to_frame({literal(label)})",
        op="to_frame",
        cost=0.7 + 0.3 * (not named),
    )


def _parts(table: Table, goal: Goal) -> Iterator[Expr]:
    """All rows, or all columns, of one label of a level."""
    if len(table.index) > 1 and goal.rows < table.rows and len(goal.index) == len(table.index) - 1:
        for i, level in enumerate(table.index):
            for code in sorted(level.distinct)[:30]:
                if int((level.codes == code).sum()) == goal.rows:
                    value = literal(table.book.cell(code))
                    if i == 0:
                        yield step(table.expr, f".loc[{value}]", op="loc", cost=1.6, tags=(CELL,))
                    else:
                        name = literal(level.label) if level.label is not None else str(i)
                        yield step(table.expr, f".xs({value}, level={name})", op="loc", cost=1.8, tags=(CELL,))
    if table.levels == 2 and goal.rows == table.rows and goal.levels == 1:
        for i in (0, 1):
            inner = [label[1 - i] for label in table.labels if isinstance(label, tuple)]
            for part in dict.fromkeys(label[i] for label in table.labels if isinstance(label, tuple)):
                have = [
                    x
                    for x, label in zip(inner, table.labels, strict=False)
                    if isinstance(label, tuple) and label[i] == part
                ]
                if {table.book.code(x) for x in have} == label_set(goal):
                    text = f"[{literal(part)}]" if i == 0 else f".xs({literal(part)}, axis=1, level=1)"
                    yield step(table.expr, text, op="select", cost=1.2 + 0.4 * i, labels=1)


def _levels(table: Table, goal: Goal) -> Iterator[Expr]:
    """Levels dropped, swapped or joined to one."""
    if len(table.index) > 1 and table.rows == goal.rows:
        if len(goal.index) == len(table.index) - 1:
            for i, level in enumerate(table.index):
                kept = [other for j, other in enumerate(table.index) if j != i]
                if all((a.codes == b.codes).all() for a, b in zip(kept, goal.index, strict=True)):
                    name = literal(level.label) if level.label is not None else str(i)
                    yield step(table.expr, f".droplevel({name})", op="droplevel", cost=1.0, labels=1)
        elif len(goal.index) == len(table.index) == 2 and table.index[0].distinct == goal.index[1].distinct:
            swapped = step(table.expr, ".swaplevel()", op="swaplevel", cost=1.0)
            yield swapped
            yield step(swapped, ".sort_index()", op="sort_index", cost=0.8)
    if table.levels == 2 and goal.shape_kind == "frame" and table.rows == goal.rows:
        if goal.levels == 2:
            yield step(
                step(table.expr, ".swaplevel(axis=1)", op="swaplevel", cost=1.2),
                ".sort_index(axis=1)",
                op="sort_index",
                cost=0.8,
            )
        elif goal.levels == 1:
            yield from _flattened(table, goal)


def _flattened(table: Table, goal: Goal) -> Iterator[Expr]:
    labels = table.labels
    parts = [tuple(map(str, label)) for label in labels if isinstance(label, tuple)]
    wanted = {str(label) for label in goal.labels}
    for i, name in ((0, "1"), (1, "0")):
        if len({p[i] for p in parts}) == len(parts) and {p[i] for p in parts} & wanted:
            yield step(table.expr, f".droplevel({name}, axis=1)", op="droplevel", cost=1.1)
    texts = all(isinstance(x, str) for label in labels if isinstance(label, tuple) for x in label)
    for separator in ("_", " ", "", "-", ".", ":"):
        joined = {separator.join(p) for p in parts}
        if len(joined & wanted) >= 0.5 * len(joined):
            mapper = f"{literal(separator)}.join" if texts else f"lambda c: {literal(separator)}.join(map(str, c))"
            made = step(
                table.expr,
                f".set_axis({{0}}.columns.map({mapper}), axis=1)",
                op="set_axis",
                cost=1.4 + 1.0 * (not texts),
            )
            yield made
            if not table.plain_index and goal.plain_index:
                yield step(made, ".reset_index()", op="reset_index", cost=0.6)
        turned = {separator.join(p[::-1]) for p in parts}
        if turned != joined and len(turned & wanted) >= 0.5 * len(turned):
            made = step(
                table.expr,
                f".set_axis([f'{{{{b}}}}{separator}{{{{a}}}}' for a, b in {{0}}.columns], axis=1)",
                op="set_axis",
                cost=1.8,
            )
            yield made
            if not table.plain_index and goal.plain_index:
                yield step(made, ".reset_index()", op="reset_index", cost=0.6)


def _reindexed(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows added for labels that are missing: a range of numbers or days."""
    if goal.shape_kind != table.shape_kind or goal.rows <= table.rows:
        return
    if table.shape_kind == "series" and len(table.index) == len(goal.index) == 2 and table.value.index.is_unique:
        if goal.rows == len(table.index[0].distinct) * len(table.index[1].distinct):
            spread = step(table.expr, ".unstack(fill_value=0)", op="unstack", cost=1.3)
            yield step(spread, ".stack()", op="stack", cost=0.9)
        return
    if len(table.index) != 1 or len(goal.index) != 1:
        return
    have, want = table.index[0], goal.index[0]
    if not have.distinct <= want.distinct or not table.value.index.is_unique:
        return
    fills = _new_cells(table, goal)
    if isinstance(table.value.index, pd.DatetimeIndex):
        freq = spacing(goal.value.index) if isinstance(goal.value.index, pd.DatetimeIndex) else None
        if freq:
            yield step(table.expr, f".asfreq({literal(freq)}{fills})", op="reindex", cost=1.4)
            span = (
                "pd.date_range({0}.index.min(), {0}.index.max()"
                + ("" if freq == "D" else f", freq={literal(freq)}")
                + ")"
            )
            yield step(table.expr, f".reindex({span}{fills})", op="reindex", cost=1.8)
    elif have.kind == "num" and np.isfinite(want.numbers).all():
        low, high = int(np.min(want.numbers)), int(np.max(want.numbers))
        if high - low + 1 == goal.rows:
            if {low, high} <= set(have.numbers.tolist()):
                yield step(
                    table.expr,
                    f".reindex(range({{0}}.index.min(), {{0}}.index.max() + 1){fills})",
                    op="reindex",
                    cost=1.8,
                )
            yield step(
                table.expr,
                f".reindex(range({low or ''}{', ' if low else ''}{high + 1}){fills})",
                op="reindex",
                cost=2.2,
                tags=(OUTPUT,),
            )


def _all_pairs(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows added so that two keys are there in all combinations, or each with all numbers or days of a range."""
    if not flat(table) or goal.shape_kind != "frame" or goal.levels != 1 or not 1 < table.rows < goal.rows:
        return
    named = {c.label: c for c in (*([] if goal.plain_index else goal.index), *goal.columns)}
    if named.keys() != set(table.labels):
        return
    places = [*([] if goal.plain_index else goal.index), *goal.columns]
    mine = [table.columns[table.labels.index(place.label)] for place in places]
    for (i, outer), (j, inner) in permutations(enumerate(places), 2):
        if not goal.plain_index and (len(goal.index) != 2 or (i, j) != (0, 1)):
            continue
        size = len(inner.distinct)
        if len(outer.distinct) * size != goal.rows or outer.null.any() or inner.null.any():
            continue
        if not np.array_equal(outer.codes, np.repeat(outer.codes[::size], size)):
            continue
        if not np.array_equal(inner.codes, np.tile(inner.codes[:size], len(outer.distinct))):
            continue
        if len(set(zip(mine[i].codes.tolist(), mine[j].codes.tolist(), strict=True))) < table.rows:
            continue
        yield from _paired(table, goal, (mine[i], outer.codes[::size]), (mine[j], inner.codes[:size]))


def _paired(table: Table, goal: Goal, *keys: tuple[Column, Codes]) -> Iterator[Expr]:
    """The calls that make all combinations of two keys; the keys with their cells in the goal's order."""
    labels = [column.label for column, _ in keys]
    levels = [list(_level(column, cells)) for column, cells in keys]
    if not all(levels):
        return
    keyed = step(table.expr, f".set_index({literal(labels)})", op="set_index", cost=0.8, labels=2)
    missing = any(c.null.any() for c in goal.columns)
    fill = "" if missing else ", fill_value=0"
    spans = [text for ((text, _), *_) in levels]
    pairs = f"pd.MultiIndex.from_product([{', '.join(spans)}], names={literal(labels)})"
    made = call(f"{{0}}.reindex({pairs.replace('{0}', '{1}')}{fill})", keyed, table.expr, op="reindex", cost=1.2)
    options = [made]
    if all(any(ordered for _, ordered in level) for level in levels):
        wide = step(keyed, f".unstack({fill.removeprefix(', ')})", op="unstack", cost=1.1)
        rows = step(wide, ".stack()", op="stack", cost=0.8)
        # Where the cells came in another order, that of ``unstack`` was meant.
        options = [rows] if any("sorted(" in span for span in spans) else [made, rows]
    for expr in options:
        yield step(expr, ".reset_index()", op="reset_index", cost=0.6) if goal.plain_index else expr


def _figures_of_all_pairs(table: Table, goal: Goal) -> Iterator[Expr]:
    """Counts or totals of all combinations of two keys, 0 where there are no rows."""
    if not flat(table) or table.rows < 3 or goal.shape_kind not in ("frame", "series"):
        return
    places = [*([] if goal.plain_index else goal.index), *goal.columns]
    if (
        len(places) != 3
        or places[2].kind != "num"
        or places[2].null.any()
        or goal.book.code(0) not in places[2].distinct
    ):
        return
    found = []
    for place in places[:2]:
        column = next((c for c in table.columns if c.label == place.label and c.distinct == place.distinct), None)
        if column is None or not hashable(column) or place.null.any():
            return
        found.append(column)
    outer, inner = (len(c.distinct) for c in found)
    groups = Groups(found)
    if outer * inner != goal.rows or groups.count == goal.rows or groups.count == table.rows:
        return
    names = list(zip(*(place.codes.tolist() for place in places[:2]), strict=True))
    at = np.array([groups.names.get(name, -1) for name in names])
    if not _sorted_product(found, places[:2]):
        return
    wanted, there = places[2].numbers, at >= 0
    if wanted[~there].any():
        return
    labels = [c.label for c in found]
    rest = [c for c in table.columns if c.kind == "num" and all(c is not key for key in found)]
    figures: list[tuple[str, float, np.ndarray]] = [(".size()", 0.2, groups.sizes.astype(np.float64))]
    for c in rest:
        aggregates, matrix = groups.numbers(c)
        figures += [
            (f"[{literal(c.label)}].{name}()", AGG_COST[name], row)
            for name, row in zip(aggregates, matrix, strict=True)
            if name in ("sum", "mean", "max", "min", "nunique")
        ]
    for text, cost, row in figures:
        if close(row[None, at[there]], wanted[there])[0]:
            grouped = step(
                table.expr, f".groupby({literal(labels)}){text}", op="groupby.agg", cost=1.0 + cost, labels=2
            )
            wide = step(grouped, ".unstack(fill_value=0)", op="unstack", cost=1.1)
            long = step(wide, ".stack()", op="stack", cost=0.8)
            name = f".reset_index(name={literal(places[2].label)})"
            yield step(long, name, op="reset_index", cost=0.8) if goal.shape_kind == "frame" else long


def _sorted_product(keys: Sequence[Column], places: Sequence[Column]) -> bool:
    """Whether the places hold all combinations of the keys' cells in sorted order."""
    levels = []
    for key in keys:
        rank = dict(zip(key.codes.tolist(), ranks(key).tolist(), strict=True))
        levels.append(sorted(key.distinct, key=rank.__getitem__))
    return list(product(*levels)) == list(zip(*(place.codes.tolist() for place in places), strict=True))


def _level(column: Column, cells: Codes) -> Iterator[tuple[str, bool]]:
    """How a key's cells are written, and whether they are all it has in sorted order, as ``unstack`` has them."""
    ref = f"{{0}}[{literal(column.label)}]"
    rank = dict(zip(column.codes.tolist(), ranks(column).tolist(), strict=True))
    order = list(dict.fromkeys(column.codes.tolist()))
    if order == cells.tolist():
        yield f"{ref}.unique()", sorted(order, key=rank.__getitem__) == order
    elif sorted(order, key=rank.__getitem__) == cells.tolist():
        yield f"sorted({ref}.unique())", True
    elif column.distinct < set(cells.tolist()):
        shown = [column.book.cell(code) for code in cells.tolist()]
        if column.kind == "num" and shown == list(range(int(column.numbers.min()), int(column.numbers.max()) + 1)):
            yield f"range({ref}.min(), {ref}.max() + 1)", False
        elif column.kind == "date" and (freq := spacing(shown)) is not None:
            span = f"{ref}.min(), {ref}.max()" + ("" if freq == "D" else f", freq={literal(freq)}")
            if max(shown) == column.series.max() and min(shown) == column.series.min():
                yield f"pd.date_range({span})", False


def _new_cells(table: Table, goal: Goal) -> str:
    """What stands in the new rows: the argument ``fill_value`` where it is zero."""
    zero = goal.book.code(0)
    return ", fill_value=0" if zero in goal.cells and zero not in table.cells else ""


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind == "series":
        if not table.plain_index:
            yield step(table.expr, ".reset_index()", op="reset_index", cost=0.7)
        return
    if not table.plain_index and is_frame(table):
        yield step(table.expr, ".reset_index()", op="reset_index", cost=0.7)
    if flat(table) and table.plain_index:
        words = goal.index_cells | goal.column_label_parts
        for c in table.columns:
            if c.unique and c.kind in ("str", "num", "date") and c.distinct <= words:
                yield step(table.expr, f".set_index({literal(c.label)})", op="set_index", cost=0.9, labels=1)
        keys = [
            c
            for c in table.columns
            if hashable(c)
            and not c.unique
            and c.kind in ("str", "num", "date")
            and len(c.distinct & words) * 2 >= len(c.distinct)
        ]
        for a, b in list(permutations(keys, 2))[:2]:
            yield step(table.expr, f".set_index({literal([a.label, b.label])})", op="set_index", cost=1.1, labels=2)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A change of labels that somebody might make."""
    if table.shape_kind == "series" and isinstance(table.value, pd.Series):
        return step(table.expr, ".reset_index()", op="reset_index", cost=0.6) if not table.plain_index else None
    if not is_frame(table):
        return None
    if not table.plain_index:
        if len(table.index) > 1 and rng.random() < 0.3:
            return step(table.expr, f".droplevel({int(rng.integers(len(table.index)))})", op="droplevel", cost=1.2)
        return step(table.expr, ".reset_index()", op="reset_index", cost=0.6)
    keys = [c for c in table.columns if hashable(c) and c.kind in ("str", "date", "num") and not c.null.any()]
    if len(keys) < 2 or table.levels != 1:
        return None
    count = 1 + int(rng.random() < 0.4)
    labels = [keys[i].label for i in sorted(rng.choice(len(keys), size=count, replace=False).tolist())]
    return step(table.expr, f".set_index({some(labels)})", op="set_index", cost=0.9, labels=count)


__all__ = ["FAMILY", "proposals", "random"]
