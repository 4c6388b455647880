"""Columns of cells of any kind: copies, constants, one or the other by a condition, look-ups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns import bins, branches, filters, numeric, text, windows
from mlsys4sys.autopandas.columns.atoms import shown
from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import Found
from mlsys4sys.autopandas.columns.pool import Grouping, Pool, Source, label_sets
from mlsys4sys.autopandas.columns.windows import Groups
from mlsys4sys.autopandas.expression import (
    CELL,
    ENTRY,
    FUNCTION,
    LABEL,
    OUTPUT,
    SUM,
    WHERE,
    Expr,
    call,
    literal,
)
from mlsys4sys.autopandas.table import NULL, Codes, Column, Floats, Table

MOST_GROUPED = 5000
"""Rows of a table that is grouped to look numbers up in it."""
MOST_ENTRIES = 12
"""Entries of a dictionary."""


def copies(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Columns that are the wanted one already."""
    for source in pool.sources:
        count.examined += 1
        if np.array_equal(source.column.codes, wanted.codes):
            yield source.cost, source.expr


def search(
    pool: Pool, wanted: Column, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> Iterator[Found]:
    """Fills, shifts, choices by a condition, look-ups, dictionaries; not run yet."""
    yield from moved(pool, wanted, count)
    yield from within_groups(pool, wanted, count, clock)
    yield from numbered(pool, wanted, count)
    yield from looked_up(pool, wanted, others, count, clock)
    yield from beside(pool, wanted, others, count)
    prices = filters.prices_of(pool, constants, frozenset(wanted.numbers[:2000].tolist()))
    if wanted.kind == "num":
        yield from counted(pool, wanted, constants, others, count, clock)
        if not clock.over():
            yield from windows_within(pool, wanted, count)
            yield from windows_of_time(pool, wanted, count)
            yield from filled_up(pool, wanted, count)
        yield from bins.clipped(pool, wanted, prices, count)
        yield from branches.search(pool, wanted, prices, constants, others, count, clock)
    if wanted.kind in ("str", "num", "obj"):
        yield from bins.search(pool, wanted, prices, lambda code: constant(code, pool, wanted), count)
        yield from branches.compared(pool, wanted, lambda code: constant(code, pool, wanted), count)
        yield from branches.by_presence(pool, wanted, lambda code: constant(code, pool, wanted), count)
    yield from chosen(pool, wanted, constants, others, count, clock)
    yield from listed(pool, wanted, count)
    if wanted.kind in ("obj", "str"):
        yield from lists(pool, wanted, count)
        yield from lists_of_rows(pool, wanted, count)
    if wanted.kind == "num":
        yield from of_lists(pool, count)
    yield from label_of_extreme(pool, wanted, count)


def constant(code: int, pool: Pool, wanted: Column) -> tuple[str, float, tuple[str, ...]] | None:
    """A cell as a constant: its text, its cost and its tags; None if it has no literal."""
    cell = wanted.book.cell(code)
    text = "np.nan" if code == NULL else shown(cell)
    if text is None or isinstance(cell, list | dict | tuple | np.ndarray):
        return None
    if wanted.kind == "date":
        text = literal(cell)
    if isinstance(cell, float) and cell.is_integer():
        text = literal(int(cell))
    if code == NULL or cell in (0, 1, -1, "", True, False):
        return text, 0.4, ()
    if any(code in column.distinct for column in pool.columns[:60]):
        return text, 1.0, (CELL,)
    return text, 2.0 if isinstance(cell, str) else 1.5, (OUTPUT,)


def moved(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Shifts and fills of columns that are no numbers."""
    target = wanted.codes
    for source in pool.columns_as_sources[:40]:
        codes, kind = source.column.codes, source.column.kind
        count.examined += 6
        if kind != "num":
            for k in (1, -1):
                out = np.zeros_like(codes)
                if k == 1:
                    out[1:] = codes[:-1]
                else:
                    out[:-1] = codes[1:]
                shifted = call(f"{{0}}.shift({'' if k == 1 else k})", source.expr, op="shift", cost=1.2)
                if np.array_equal(out, target):
                    yield 1.3, shifted
                elif (edge := out == NULL).any() and np.array_equal(out[~edge], target[~edge]):
                    rest = np.unique(target[edge])
                    value = constant(int(rest[0]), pool, wanted) if len(rest) == 1 and rest[0] != NULL else None
                    if value is not None:
                        made = call(f"{{0}}.fillna({value[0]})", shifted, op="fillna", cost=0.6 + value[1])
                        yield 1.9 + value[1], made
        gone = codes == NULL
        if not gone.any() and source.column.kind in ("num", "str"):
            yield from _carried_over(source, target, pool, count)
        if not gone.any() or gone.all() or not np.array_equal(codes[~gone], target[~gone]):
            continue
        if kind != "num":
            for name, out in (("ffill", _forward(codes)), ("bfill", _backward(codes))):
                if np.array_equal(out, target):
                    yield 1.2, call(f"{{0}}.{name}()", source.expr, op=name, cost=1.0)
        fills = np.unique(target[gone])
        if len(fills) == 1 and fills[0] != NULL and (value := constant(int(fills[0]), pool, wanted)):
            text, cost, tags = value
            yield 1.0 + cost, call(f"{{0}}.fillna({text})", source.expr, op="fillna", cost=0.8 + cost, tags=tags)
        for other in pool.columns_as_sources[:40]:
            if other is not source and np.array_equal(other.column.codes[gone], target[gone]):
                yield 1.3, call("{0}.fillna({1:arg})", source.expr, other.expr, op="fillna", cost=0.9)


_STAND_FOR_GAPS: tuple[Any, ...] = (0, "", "-", "?", -1)


def _carried_over(source: Source, target: Codes, pool: Pool, count: Count) -> Iterator[Found]:
    """Cells that stand for gaps, replaced by the last one before them: ``replace(0, np.nan).ffill()``."""
    codes = source.column.codes
    for cell in _STAND_FOR_GAPS:
        gone = codes == pool.book.code(cell)
        if not gone.any() or gone.all():
            continue
        holed = np.where(gone, NULL, codes)
        emptied = call(f"{{0}}.replace({literal(cell)}, np.nan)", source.expr, op="replace", cost=1.2)
        for name, out in (("ffill", _forward(holed)), ("bfill", _backward(holed))):
            count.examined += 1
            if np.array_equal(out, target):
                yield 2.2, call(f"{{0}}.{name}()", emptied, op=name, cost=0.8)


def _forward(codes: Codes) -> Codes:
    places = np.where(codes == NULL, 0, np.arange(len(codes)))
    return codes[np.maximum.accumulate(places)]


def _backward(codes: Codes) -> Codes:
    return _forward(codes[::-1])[::-1]


def _usual(codes: Codes) -> Codes:
    """Missing cells get the commonest one, where one is commoner than all others."""
    values, times = np.unique(codes[codes != NULL], return_counts=True)
    if not len(values) or (len(values) > 1 and (times == times.max()).sum() > 1):
        return codes
    return np.where(codes == NULL, values[times.argmax()], codes)


def looked_up(pool: Pool, wanted: Column, others: Sequence[Table], count: Count, clock: Clock) -> Iterator[Found]:
    """``key.map(other.set_index('key')['value'])``, and counts of a column's own cells."""
    for source in pool.columns_as_sources[:20]:
        if clock.over():
            return
        codes = source.column.codes
        if wanted.kind == "num":
            count.examined += 1
            values, inverse, times = np.unique(codes, return_inverse=True, return_counts=True)
            if len(values) < len(codes) and np.array_equal(
                times[inverse][codes != NULL], wanted.numbers[codes != NULL]
            ):
                tally = call("{0}.value_counts()", source.expr, op="value_counts", cost=1.0)
                yield 2.2, call("{0}.map({1:arg})", source.expr, tally, op="map", cost=1.0)
        yield from _from_itself(pool, source, wanted, count)
        for other in others:
            if other.expr.text == pool.expr.text:
                continue
            yield from _from_table(source, wanted, other, pool, count)


def beside(pool: Pool, wanted: Column, others: Sequence[Table], count: Count) -> Iterator[Found]:
    """Columns of another table with the same row labels: as they are, and calculated with, ``df1['x'] - df2['x']``."""
    target = numeric.Target.of(wanted.numbers) if wanted.kind == "num" and pool.at is None else None
    by_chance = 3.0 * pool.plain_index  # rows that only stand in the same places seldom belong together
    for other in others:
        if other.expr.text == pool.expr.text or other.rows != pool.rows or other.shape_kind not in ("frame", "series"):
            continue
        if not pool.value.index.equals(other.value.index) or other.duplicate_labels:
            continue
        for i, column in enumerate(other.columns[:12]):
            theirs = other.ref(i) if other.shape_kind == "frame" else other.expr
            count.examined += 1
            if np.array_equal(column.codes, wanted.codes):
                yield 1.0 + by_chance, replace(theirs, cost=theirs.cost + by_chance)
            if target is None or column.kind != "num":
                continue
            for term in pool.columns_of_numbers[:8]:
                for op in numeric.BASIC:
                    for values, parts in (
                        ((term.values, column.numbers), (term.expr, theirs)),
                        ((column.numbers, term.values), (theirs, term.expr)),
                    )[: 1 if op.commutes else 2]:
                        count.examined += 1
                        with np.errstate(all="ignore"):
                            fits = target.fits(op.apply(*values)[None])[0]
                        if fits:
                            cost = term.cost + op.cost + 0.3 + by_chance
                            yield cost, numeric.joined(op, *parts, extra=by_chance)


def _tally_of_another(pool: Pool, source: Source, wanted: Column, count: Count) -> Iterator[Found]:
    """How often a cell stands in another column of the table: ``df['id'].map(df['boss'].value_counts()).fillna(0)``."""
    if wanted.kind != "num" or not source.column.unique:
        return
    for other in pool.columns_as_sources[:8]:
        if other is source or other.column.kind != source.column.kind or other.column.unique:
            continue
        if not other.column.distinct & source.column.distinct:
            continue
        count.examined += 1
        codes, times = np.unique(other.column.codes[~other.column.null], return_counts=True)
        if not len(codes):
            continue
        table = dict(zip(codes.tolist(), pool.book.encode(times.astype(np.float64)).tolist(), strict=True))
        tally = call("{0}.value_counts()", other.expr, op="value_counts", cost=1.0)
        yield from _or_else(
            source, table, wanted, call("{0}.map({1:arg})", source.expr, tally, op="map", cost=1.0), 2.4, pool
        )


def _from_itself(pool: Pool, source: Source, wanted: Column, count: Count) -> Iterator[Found]:
    """``boss.map(df.set_index('id')['name'])``: a column looked up in the same table."""
    target = wanted.codes
    if not pool.is_frame or not pool.plain or pool.rows > MOST_GROUPED:
        return
    yield from _tally_of_another(pool, source, wanted, count)
    for key in pool.columns_as_sources[:8]:
        if key is source or not key.column.unique or not source.column.distinct - {NULL} <= key.column.distinct:
            continue
        for value in pool.columns_as_sources[:12]:
            count.examined += 1
            if value is key or value is source:
                continue
            table = dict(zip(key.column.codes.tolist(), value.column.codes.tolist(), strict=True))
            if [table.get(k, NULL) for k in source.column.codes.tolist()] == target.tolist():
                text = f"{{0}}.set_index({literal(key.label)})[{literal(value.label)}]"
                looked = call(text, pool.expr, op="set_index", cost=0.9, tags=(LABEL, LABEL))
                yield 2.2, call("{0}.map({1:arg})", source.expr, looked, op="map", cost=1.0)


def _from_table(source: Source, wanted: Column, other: Table, pool: Pool, count: Count) -> Iterator[Found]:
    keys: list[tuple[Column, Expr, float]] = []
    if other.shape_kind == "frame" and not other.duplicate_labels:
        for column in other.columns[:20]:
            made = call(
                f"{{0}}.set_index({literal(column.label)})", other.expr, op="set_index", cost=0.8, tags=(LABEL,)
            )
            keys.append((column, made, 0.8))
    if other.shape_kind in ("frame", "series") and len(other.index) == 1:
        keys.append((other.index[0], other.expr, 0.0))
    for key, keyed, cost in keys:
        if not (key.distinct & source.column.distinct):
            continue
        if not key.unique:
            if keyed is not other.expr and _same_key(source, key, pool, other):
                yield from _from_groups(source, wanted, key, other, pool, count)
            continue
        for value in other.columns[:20]:
            count.examined += 1
            if value is key:
                continue
            if other.shape_kind == "series":
                looked = keyed
            else:
                looked = call(f"{{0}}[{literal(value.label)}]", keyed, cost=0.1, tags=(LABEL,))
            table = dict(zip(key.codes.tolist(), value.codes.tolist(), strict=True))
            made = call("{0}.map({1:arg})", source.expr, looked, op="map", cost=1.0)
            yield from _or_else(source, table, wanted, made, 1.2 + cost, pool)


def _same_key(source: Source, key: Column, pool: Pool, other: Table) -> bool:
    """Whether rows of another table may be grouped by what a column holds; not by a table's own numbers."""
    if pool.at is not None or any(node.text == other.expr.text for node in pool.expr.nodes):
        return False
    alike = len(key.distinct & source.column.distinct) >= 0.5 * min(len(key.distinct), len(source.column.distinct))
    return alike and (source.label == key.label or key.kind == "str" or len(other.columns) <= 4)


def _or_else(
    source: Source,
    table: dict[int, int],
    wanted: Column,
    made: Expr,
    cost: float,
    pool: Pool,
    wholes: Sequence[tuple[int, Expr]] = (),
) -> Iterator[Found]:
    """A look-up; and where it finds nothing, a constant, a figure of all, or what was looked for, if that is wanted."""
    found = np.array([table.get(k, NULL) for k in source.column.codes.tolist()], dtype=np.int64)
    off = found != wanted.codes
    if not off.any():
        yield cost, made
        return
    if (found[off] != NULL).any() or off.all():
        return
    rest = np.unique(wanted.codes[off])
    if not (found[~off] == NULL).any():
        if np.array_equal(wanted.codes[off], source.column.codes[off]):
            yield cost + 0.9, call("{0}.fillna({1:arg})", made, source.expr, op="fillna", cost=0.8)
        for other in pool.columns_as_sources[:12]:
            if other is not source and np.array_equal(wanted.codes[off], other.column.codes[off]):
                yield cost + 1.0, call("{0}.fillna({1:arg})", made, other.expr, op="fillna", cost=0.9)
        if len(rest) == 1 and (value := constant(int(rest[0]), pool, wanted)) is not None:
            text, extra, tags = value
            yield cost + 0.8 + extra, call(f"{{0}}.fillna({text})", made, op="fillna", cost=0.7 + extra, tags=tags)
        for code, whole in wholes:
            if len(rest) == 1 and int(rest[0]) == code:
                yield cost + 1.2, call("{0}.fillna({1:arg})", made, whole, op="fillna", cost=0.9)


_LOOKED_UP = (("sum", 0.0), ("count", 0.3), ("mean", 0.2), ("max", 0.3), ("min", 0.4), ("nunique", 0.6))


def _from_groups(
    source: Source, wanted: Column, key: Column, other: Table, pool: Pool, count: Count
) -> Iterator[Found]:
    """``key.map(other.groupby('key')['value'].sum())``, ``key.map(other['key'].value_counts())``."""
    if wanted.kind != "num" or other.rows > MOST_GROUPED or key.kind == "obj":
        return
    groups = Groups.of([key.codes], [key.null])
    names = [int(code) for code in np.unique(key.codes[~key.null])]
    name = literal(key.label)
    tally = call(f"{{0}}[{name}].value_counts()", other.expr, op="value_counts", cost=1.0, tags=(LABEL,))
    sizes = dict(zip(names, pool.book.encode(groups.sizes.astype(np.float64)).tolist(), strict=True))
    yield from _or_else(
        source, sizes, wanted, call("{0}.map({1:arg})", source.expr, tally, op="map", cost=1.0), 2.2, pool
    )
    for value in other.columns[:12]:
        if value is key or value.kind != "num":
            continue
        wholes = []
        for how in ("mean", "median") if np.isfinite(value.numbers).any() else ():
            figure = float(getattr(np, f"nan{how}")(value.numbers))
            column_of_all = call(
                f"{{0}}[{literal(value.label)}].{how}()", other.expr, op="reduce", cost=0.8, tags=(LABEL,)
            )
            wholes.append((pool.book.code(figure), column_of_all))
        for how, extra in _LOOKED_UP:
            count.examined += 1
            totals = groups.reduced(value.numbers, how)
            table = dict(zip(names, pool.book.encode(totals).tolist(), strict=True))
            text = f"{{0}}.groupby({name})[{literal(value.label)}].{how}()"
            grouped = call(text, other.expr, op="groupby.agg", cost=1.2 + extra, tags=(LABEL, LABEL))
            made = call("{0}.map({1:arg})", source.expr, grouped, op="map", cost=1.0)
            yield from _or_else(source, table, wanted, made, 2.4 + extra, pool, wholes)


def chosen(
    pool: Pool, wanted: Column, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> Iterator[Found]:
    """The same everywhere, or one of two by a condition: columns and constants."""
    target = wanted.codes
    distinct = np.unique(target).tolist()
    if len(distinct) == 1:
        value = constant(int(distinct[0]), pool, wanted)
        if value is not None:
            text, cost, tags = value
            cost += 0.5 + 0.8 * (wanted.kind == "num" and CELL in tags)  # a number of the table is rather computed
            yield cost, Expr(text, (), cost=cost, tags=tags)
        return
    if len(distinct) == 2:
        yield from _two_constants(pool, wanted, distinct, constants, others, count, clock)
    yield from _column_or(pool, wanted, constants, others, count, clock)


def _two_constants(
    pool: Pool,
    wanted: Column,
    distinct: list[int],
    constants: Sequence[Any],
    others: Sequence[Table],
    count: Count,
    clock: Clock,
) -> Iterator[Found]:
    target = wanted.codes
    cells = [wanted.book.cell(code) for code in distinct]
    numbers = {0, 1} == {c for c in cells if isinstance(c, int | float) and not isinstance(c, bool)}
    for code in distinct:
        keep = target == code
        first = constant(code, pool, wanted)
        second = constant(next(c for c in distinct if c != code), pool, wanted)
        if first is None or second is None or code == NULL:
            continue
        one = wanted.book.cell(code)
        for expr in filters.asked(pool, keep, ~keep, constants, others, count, clock):
            if numbers and one == 1:
                yield expr.total + 0.8, call("{0}.astype(int)", expr, op="astype", cost=0.7)
            cost = 0.5 + first[1] + second[1]
            text = f"np.where({{0:arg}}, {first[0]}, {second[0]})"
            tags = (WHERE, *first[2], *second[2])
            yield expr.total + cost + 0.7, call(text, expr, op="where", cost=cost + 0.7, tags=tags)
            text = f"{{0}}.map({{{{True: {first[0]}, False: {second[0]}}}}})"
            tags = (*first[2], *second[2])
            yield expr.total + cost + 0.9, call(text, expr, op="map", cost=cost + 0.9, tags=tags)


def _column_or(
    pool: Pool, wanted: Column, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> Iterator[Found]:
    """``a.where(condition, b)``: a column, and elsewhere another or a constant."""
    target = wanted.codes
    sources = [s for s in pool.columns_as_sources[:30] if s.column.kind == wanted.kind]
    for source in sources:
        same = source.column.codes == target
        if same.all() or same.sum() < max(1, 0.2 * len(same)):
            continue
        rest = np.unique(target[~same])
        if len(rest) == 1 and (value := constant(int(rest[0]), pool, wanted)):
            text, cost, tags = value
            drop = ~same
            keep = target != rest[0]
            count.examined += 1
            if not keep.any():
                continue
            for expr in filters.asked(pool, drop, keep, constants, others, count, clock):
                if rest[0] == NULL:
                    yield expr.total + 1.0, call("{0}.mask({1:arg})", source.expr, expr, op="mask", cost=0.9)
                else:
                    made = call(
                        f"{{0}}.mask({{1:arg}}, {text})", source.expr, expr, op="where", cost=0.9 + cost, tags=tags
                    )
                    yield expr.total + 1.0 + cost, made
            for expr in filters.asked(pool, keep, drop, constants, others, count, clock):
                arg = "" if rest[0] == NULL else f", {text}"
                made = call(f"{{0}}.where({{1:arg}}{arg})", source.expr, expr, op="where", cost=0.9 + cost, tags=tags)
                yield expr.total + 1.0 + cost, made
            yield from _same_replaced(source, target, text, cost, tags)
        for other in sources:
            theirs = other.column.codes == target
            if other is source or not (same | theirs).all() or clock.over():
                continue
            first, second = same & ~theirs, theirs & ~same
            if first.any() and second.any():
                flat = min(len(np.unique(target[first])), len(np.unique(target[second]))) == 1
                cost = 1.7 if flat else 1.0
                for expr in filters.asked(pool, first, second, constants, others, count, clock):
                    made = call("{0}.where({1:arg}, {2:arg})", source.expr, expr, other.expr, op="where", cost=cost)
                    yield expr.total + cost + 0.2, made


def _same_replaced(source: Source, target: Codes, text: str, cost: float, tags: tuple[str, ...]) -> Iterator[Found]:
    """``replace(old, new)`` where all old cells are one value."""
    old = np.unique(source.column.codes[source.column.codes != target])
    if len(old) == 1 and old[0] != NULL:
        known = shown(source.column.book.cell(int(old[0])))
        if known is not None and not (target == old[0]).any():
            made = call(
                f"{{0}}.replace({known}, {text})", source.expr, op="replace", cost=1.6 + cost, tags=(CELL, *tags)
            )
            yield 1.7 + cost, made


def within_groups(pool: Pool, wanted: Column, count: Count, clock: Clock) -> Iterator[Found]:
    """The first, last, next cell of the group, and missing cells filled from it; for columns of any kind."""
    target = wanted.codes
    for grouping in pool.groupings:
        if clock.over():
            return
        pieces = grouping.groups.pieces()
        if len(pieces) > (2000 if pool.at is None else 60) or not pool.is_frame:
            continue
        for i, source in enumerate(pool.columns_as_sources[:20]):
            codes = source.column.codes
            if i in grouping.positions or not source.column.distinct & wanted.distinct:
                continue
            base = f"{{0}}.groupby({grouping.by})[{literal(pool.labels[i])}]"
            plain = False
            for tail, op, cost, function in _WITHIN:
                if plain and "lambda" in tail and op == "groupby.ffill":
                    continue  # a function of its own would do what the plain call does
                count.examined += 1
                if source.column.kind == "num" and op == "groupby.shift":
                    continue
                out = np.zeros_like(codes)
                for rows in pieces:
                    out[rows] = function(codes[rows])
                total = cost + grouping.cost
                if np.array_equal(out, target) and not np.array_equal(codes, target):
                    plain = True
                    yield total, call(base + tail, pool.expr, op=op, cost=total, tags=(*grouping.tags, LABEL))
                elif op in ("groupby.shift", "groupby.ffill") and (gone := out == NULL).any() and not gone.all():
                    rest = np.unique(target[gone])
                    if len(rest) == 1 and rest[0] != NULL and np.array_equal(out[~gone], target[~gone]):
                        value = constant(int(rest[0]), pool, wanted)
                        if value is not None:
                            text, extra, tags = value
                            moved = call(base + tail, pool.expr, op=op, cost=total, tags=(*grouping.tags, LABEL))
                            made = call(f"{{0}}.fillna({text})", moved, op="fillna", cost=0.6 + extra, tags=tags)
                            yield total + 0.6 + extra, made
            yield from _extremes(source, base, grouping, target, pool)


def _extremes(source: Source, base: str, grouping: Grouping, target: Codes, pool: Pool) -> Iterator[Found]:
    """The first and the last cell in order, for dates and names."""
    if source.column.kind not in ("date", "str") or source.column.null.any():
        return
    for how, better in (("min", -1), ("max", 1)):
        out = np.zeros_like(target)
        for rows in grouping.groups.pieces():
            cells = [(pool.book.cell(code), code) for code in source.column.codes[rows].tolist()]
            try:
                out[rows] = (min(cells) if better < 0 else max(cells))[1]
            except TypeError:
                return
        if np.array_equal(out, target):
            cost = 1.5 + grouping.cost
            text = f"{base}.transform('{how}')"
            yield cost, call(text, pool.expr, op="groupby.transform", cost=cost, tags=(*grouping.tags, LABEL))


def _first(codes: Codes) -> Codes:
    there = codes[codes != NULL]
    return np.full(len(codes), there[0] if len(there) else NULL)


def _moved(codes: Codes, k: int) -> Codes:
    out = np.zeros_like(codes)
    if k > 0:
        out[k:] = codes[:-k]
    else:
        out[:k] = codes[-k:]
    return out


_WITHIN: tuple[tuple[str, str, float, Callable[[Codes], Codes]], ...] = (
    (".transform('first')", "groupby.transform", 1.4, _first),
    (".transform('last')", "groupby.transform", 1.5, lambda codes: _first(codes[::-1])),
    (".ffill()", "groupby.ffill", 1.2, lambda codes: _forward(codes)),
    (".bfill()", "groupby.ffill", 1.4, lambda codes: _backward(codes)),
    (".transform(lambda s: s.ffill().bfill())", "groupby.ffill", 1.9, lambda codes: _backward(_forward(codes))),
    (".transform(lambda s: s.bfill().ffill())", "groupby.ffill", 2.2, lambda codes: _forward(_backward(codes))),
    (".transform(lambda s: s.fillna(s.mode()[0]))", "groupby.transform", 2.3, lambda codes: _usual(codes)),
    (".shift()", "groupby.shift", 1.2, lambda codes: _moved(codes, 1)),
    (".shift(-1)", "groupby.shift", 1.6, lambda codes: _moved(codes, -1)),
)


def numbered(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Cells numbered in the order in which they appear, or in order: ``pd.factorize``, category codes."""
    if wanted.kind != "num":
        return
    target = wanted.numbers
    for source in pool.columns_as_sources[:20]:
        count.examined += 2
        column = source.column
        first = np.unique(column.codes, return_index=True)[1]
        places = {int(column.codes[i]): float(k) for k, i in enumerate(sorted(first.tolist()))}
        if column.kind != "num" and not column.null.any() and not column.unique:
            seen = np.array([places[code] for code in column.codes.tolist()])
            for offset, extra in ((0.0, 0.0), (1.0, 0.8)):
                if np.array_equal(seen + offset, target):
                    plus = " + 1" if offset else ""
                    made = Expr(f"pd.factorize({{0:arg}})[0]{plus}", (source.expr,), 3, "astype", 1.5 + extra)
                    yield source.cost + 1.5 + extra, made
        if column.kind == "str" and len(column.distinct) <= 2000:
            order = sorted(column.distinct, key=lambda code: str(column.book.cell(code)))
            ranks = {code: float(k) for k, code in enumerate(order)} | {NULL: -1.0}
            if [ranks[code] for code in column.codes.tolist()] == target.tolist():
                made = call("{0}.astype('category').cat.codes", source.expr, op="cat", cost=1.5)
                yield source.cost + 1.5, made


def _counted_within(
    pool: Pool, numbers: Floats, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> Iterator[Found]:
    """The same within groups, ``(a == 'x').groupby(df['k']).cumsum()``."""
    if not pool.is_frame or pool.at is not None:
        return
    for grouping in pool.groupings[:6]:
        if len(grouping.positions) != 1:
            continue
        key = pool.columns_as_sources[grouping.positions[0]].expr
        pieces = grouping.groups.pieces()
        begun = {float(numbers[rows[0]]) for rows in pieces}
        for offset in (0.0, 1.0):
            if offset and begun != {1.0}:
                continue
            steps = np.empty(pool.rows)
            for rows in pieces:
                steps[rows] = np.diff(numbers[rows], prepend=offset)
            if not ((steps == 0) | (steps == 1)).all() or steps.all() or not steps.any():
                continue
            keep = steps == 1
            for expr in filters.asked(pool, keep, ~keep, constants, others, count, clock):
                made = call("{0}.groupby({1:arg}).cumsum()", expr, key, op="groupby.cumulative", cost=1.2)
                plus = Expr("{0:sum} + 1", (made,), SUM, "arithmetic", 0.5) if offset else made
                yield expr.total + 1.4 + 0.5 * bool(offset), plus


def windows_within(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Windows within groups, ``transform(lambda s: s.rolling(2).mean())``, and groups scaled each on its own."""
    target = wanted.numbers
    if not pool.is_frame or pool.at is not None:
        return
    for grouping in pool.groupings[:5]:
        pieces = sorted(grouping.groups.pieces(), key=len, reverse=True)
        if not pieces or len(pieces[0]) < 2 or len(pieces) > MOST_PIECES:
            continue
        for i, source in enumerate(pool.columns_as_sources[:20]):
            if source.column.kind != "num" or i in grouping.positions:
                continue
            cells = source.column.numbers
            for line, cost, function in LINES:
                count.examined += 1
                if all(_fits(function(cells[rows]), target[rows]) for rows in pieces):
                    yield within(pool, grouping, source, line, cost)


def within(pool: Pool, grouping: Grouping, source: Source, line: str, cost: float) -> Found:
    """A function of each group's cells, ``df.groupby('k')['a'].transform(lambda s: …)``."""
    total = cost + grouping.cost
    text = f"{{0}}.groupby({grouping.by})[{literal(source.label)}].transform(lambda s: {line})"
    tags = (*grouping.tags, LABEL, FUNCTION)
    return total, call(text, pool.expr, op="groupby.transform", cost=total, tags=tags)


def _fits(made: Floats, wanted: Floats) -> bool:
    return bool(np.allclose(made, wanted, rtol=1e-6, atol=1e-9, equal_nan=True))


def _rolling(k: int, how: str, least: int | None) -> Callable[[Floats], Floats]:
    return lambda x: windows.rolled(x, k, how, least=least) if least is not None else windows.rolled(x, k, how)


def _scaled(x: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return (x - np.nanmean(x)) / np.nanstd(x, ddof=1) if len(x) > 1 else np.full(len(x), np.nan)


def _stretched(x: Floats) -> Floats:
    with np.errstate(all="ignore"):
        return (x - np.nanmin(x)) / (np.nanmax(x) - np.nanmin(x))


LINES: tuple[tuple[str, float, Callable[[Floats], Floats]], ...] = (
    ("(s - s.mean()) / s.std()", 2.4, _scaled),
    ("(s - s.min()) / (s.max() - s.min())", 2.5, _stretched),
    ("s.expanding().mean()", 2.4, windows.running_mean),
    *(
        (f"s.rolling({k}{rest}).{how}()", 2.1 + 0.15 * k + extra + 0.4 * bool(rest), _rolling(k, how, least))
        for k in (2, 3)
        for how, extra in (("mean", 0.0), ("sum", 0.0), ("max", 0.3), ("min", 0.4))
        for rest, least in (("", None), (", min_periods=1", 1))
    ),
)
"""Functions of one group's numbers: text, cost, and the same in numpy."""

MOST_PIECES = 200
"""Groups that these are tried on."""


_SPANS = ("2D", "3D", "5D", "7D", "10D", "14D", "30D", "1h", "2h", "30min", "10min", "5min", "1min")
MOST_TIMES = 500
"""Rows over which windows of time are moved."""


def windows_of_time(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """What happened in the days or hours before each row, ``df.rolling('7D', on='day')['v'].sum()``."""
    if not pool.is_frame or not pool.plain or pool.rows > MOST_TIMES or wanted.null.any():
        return
    target = wanted.numbers
    for day in pool.columns:
        if day.kind != "date" or day.null.any() or day.array.dtype.kind != "M" or (np.diff(day.numbers) < 0).any():
            continue
        for source in pool.columns_as_sources[:8]:
            cells = source.column.numbers
            if source.column.kind != "num" or source.column.null.any():
                continue
            for k, span in enumerate(_SPANS):
                since = day.numbers[:, None] - pd.Timedelta(span).value < day.numbers[None]
                inside = since & np.tri(pool.rows, dtype=bool)
                for how, cost, made in (
                    ("sum", 0.0, inside @ cells),
                    ("mean", 0.1, (inside @ cells) / inside.sum(axis=1)),
                    ("max", 0.4, np.where(inside, cells, -np.inf).max(axis=1)),
                    ("count", 0.5, inside.sum(axis=1).astype(np.float64)),
                ):
                    count.examined += 1
                    if inside.sum() > pool.rows and _fits(made, target):
                        text = f"{{0}}.rolling('{span}', on={literal(day.label)})[{literal(source.label)}].{how}()"
                        total = 1.9 + cost + 0.05 * k
                        yield total, call(text, pool.expr, op="rolling", cost=total, tags=(LABEL, LABEL))


def filled_up(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Functions of a column or of groups that leave gaps at the ends, a constant or the column itself there."""
    if pool.at is not None or wanted.null.any():
        return
    target = wanted.numbers
    terms = [t for t in (*pool.unary, *pool.grouped) if t.expr.op not in ("fillna", "ffill", "bfill", "arithmetic")]
    if not terms:
        return
    matrix = np.stack([term.values for term in terms])
    count.examined += len(terms)
    missing = np.isnan(matrix)
    with np.errstate(all="ignore"):
        close = np.abs(matrix - target) <= 1e-9 + 1e-6 * np.abs(target)
    fits = (close | missing).all(axis=1) & missing.any(axis=1) & ~missing.all(axis=1)
    for i in np.flatnonzero(fits)[:12].tolist():
        term, gone = terms[i], missing[i]
        fills = np.unique(target[gone])
        if len(fills) == 1 and (value := constant(int(wanted.codes[gone][0]), pool, wanted)) is not None:
            text, extra, tags = value
            made = call(f"{{0}}.fillna({text})", term.expr, op="fillna", cost=0.6 + extra, tags=tags)
            yield term.cost + 0.6 + extra, made
        for other in pool.columns_of_numbers[:8]:
            if len(fills) > 1 and np.array_equal(other.values[gone], target[gone]):
                yield term.cost + 1.2, call("{0}.fillna({1:arg})", term.expr, other.expr, op="fillna", cost=1.1)


def counted(
    pool: Pool, wanted: Column, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> Iterator[Found]:
    """A condition counted so far, ``(a != a.shift()).cumsum()``: the number of the run, of the visit."""
    numbers = wanted.numbers
    if wanted.null.any() or pool.rows < 3 or numbers[0] not in (0, 1):
        return
    yield from _counted_within(pool, numbers, constants, others, count, clock)
    steps = np.diff(numbers, prepend=0.0)
    if not ((steps == 0) | (steps == 1)).all() or steps[1:].all() or not steps[1:].any():
        return
    keep = steps == 1
    for expr in filters.asked(pool, keep, ~keep, constants, others, count, clock):
        yield expr.total + 0.9, call("{0}.cumsum()", expr, op="cumulative", cost=0.8)


def lists(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Lists in cells: strings split, patterns found; and lists joined or picked from."""
    some = [cell for code in sorted(wanted.distinct)[:3] if (cell := wanted.book.cell(code)) is not None]
    holds = all(isinstance(cell, list | tuple | np.ndarray) for cell in some) and bool(some)
    for source in pool.columns_as_sources[:20]:
        if holds and source.column.kind == "str":
            count.examined += 10
            for sign in text.delimiters(text.strings(source.column, range(min(20, len(source.column.codes))))):
                arg = "" if sign == " " else literal(sign)
                yield 1.2, call(f"{{0}}.str.split({arg})", source.expr, op="str", cost=1.1)
            for pattern, cost in (
                (r"\d+", 1.5),
                (r"\w+", 1.6),
                (r"[A-Z]", 1.8),
                (r"[A-Za-z]+", 1.7),
                (r"[A-Z][a-z]+", 1.9),
            ):
                yield cost, call(f"{{0}}.str.findall({text.raw(pattern)})", source.expr, op="str", cost=cost)
            yield 1.8, call("{0}.apply(list)", source.expr, op="map", cost=1.7)
        elif source.column.kind == "obj" and holds:
            count.examined += 3
            yield 1.2, call("{0}.apply(sorted)", source.expr, op="map", cost=1.2)
            yield 1.6, call("{0}.str[::-1]", source.expr, op="str", cost=1.6)
            text_of = "{0}.apply(lambda cells: sorted(set(cells)))"
            yield 1.9, call(text_of, source.expr, op="map", cost=1.9, tags=(FUNCTION,))
        elif source.column.kind == "obj" and not holds:
            count.examined += 4
            joint = _joining(source.column, wanted)
            if joint is not None:
                cost = 1.2 if joint in (", ", ",", " ") else 1.5
                yield cost, call(f"{{0}}.str.join({literal(joint)})", source.expr, op="str", cost=cost)
            yield from _picked(source)
            for key in _keys(source.column):
                yield 1.2, call(f"{{0}}.str[{literal(key)}]", source.expr, op="str", cost=1.1, tags=(CELL,))
                yield 1.4, call(f"{{0}}.str.get({literal(key)})", source.expr, op="str", cost=1.3, tags=(CELL,))


def _joining(column: Column, wanted: Column) -> str | None:
    """What stands between the strings of a list where they are one string."""
    for parts, cell in zip(column.cells, wanted.cells, strict=True):
        if isinstance(parts, list | tuple) and len(parts) > 1 and all(isinstance(part, str) for part in parts):
            length, spare = len(cell) if isinstance(cell, str) else 0, sum(map(len, parts))
            width, rest = divmod(length - spare, len(parts) - 1)
            sign = str(cell)[len(parts[0]) : len(parts[0]) + width] if width >= 0 and not rest else None
            return sign if sign is not None and sign.join(parts) == cell else None
    return None


def _picked(source: Source) -> Iterator[Found]:
    """One element of each list."""
    for k, cost in ((0, 1.0), (-1, 1.1), (1, 1.2)):
        yield cost, call(f"{{0}}.str[{k}]", source.expr, op="str", cost=cost)


def lists_of_rows(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """The cells of each row, of all columns or of some, as a list; without those that are missing."""
    lists = wanted.cells
    if not pool.is_frame or not pool.plain or len(pool.columns) < 2 or not all(isinstance(c, list) for c in lists[:3]):
        return
    for chosen, extra in label_sets(pool, range(min(len(pool.columns), 12))):
        labels = [pool.labels[i] for i in chosen]
        first = [int(pool.columns[i].codes[0]) for i in chosen]
        given = [pool.book.code(cell) for cell in lists[0]]
        whole = len(chosen) == len(pool.columns)
        frame = "{0}" if whole else f"{{0}}[{literal(labels)}]"
        cost = 1.4 + extra + 0.1 * len(labels) * (not whole)
        tags = () if whole else (LABEL,) * len(labels)
        count.examined += 1
        if given == first:
            yield cost, call(f"{frame}.apply(list, axis=1)", pool.expr, op="tolist", cost=cost, tags=tags)
        if given == [code for code in first if code != NULL]:
            text = f"{frame}.apply(lambda row: row.dropna().tolist(), axis=1)"
            yield cost + 0.9, call(text, pool.expr, op="tolist", cost=cost + 0.9, tags=(*tags, FUNCTION))


def of_lists(pool: Pool, count: Count) -> Iterator[Found]:
    """Numbers of the lists in cells: how long they are, what they add up to."""
    for source in pool.columns_as_sources[:20]:
        first = source.column.cells[0] if source.column.kind == "obj" else None
        if not isinstance(first, list | tuple | dict | set | np.ndarray):
            continue
        count.examined += 7
        if isinstance(first, list | tuple):
            yield from _picked(source)
        yield 1.0, call("{0}.str.len()", source.expr, op="str", cost=0.9)
        for function, cost in (("sum", 1.3), ("max", 1.5), ("min", 1.6)):
            yield cost, call(f"{{0}}.apply({function})", source.expr, op="map", cost=cost)


def label_of_extreme(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """In which of the numeric columns a row's largest or smallest number stands."""
    numeric = [i for i, column in enumerate(pool.columns) if column.kind == "num"]
    if not pool.is_frame or not 2 <= len(numeric) <= 60:
        return
    if not wanted.distinct <= {pool.book.code(pool.labels[i]) for i in numeric}:
        return
    for chosen, extra in label_sets(pool, numeric):
        labels = [pool.labels[i] for i in chosen]
        codes = np.array([pool.book.code(label) for label in labels])
        if not wanted.distinct <= set(codes.tolist()):
            continue
        cells = np.stack([pool.columns[i].numbers for i in chosen], axis=1)
        gone = np.isnan(cells)
        if gone.all(axis=1).any():
            continue
        whole = len(chosen) == len(pool.columns)
        frame = "{0}" if whole else f"{{0}}[{literal(labels)}]"
        most, least = np.where(gone, -np.inf, cells).argmax(axis=1), np.where(gone, np.inf, cells).argmin(axis=1)
        for name, places, cost in (("idxmax", most, 1.2), ("idxmin", least, 1.5)):
            count.examined += 1
            if np.array_equal(codes[places], wanted.codes):
                total = cost + extra + 0.2 * len(labels) * (not whole)
                yield total, call(f"{frame}.{name}(axis=1)", pool.expr, op="idxmax", cost=total)


def _keys(column: Column) -> list[Any]:
    """Keys of the dictionaries in a column."""
    first = next((cell for cell in column.cells if isinstance(cell, dict)), {})
    return [key for key in first if isinstance(key, str)][:8]


def _mapped(
    pool: Pool, source: Source, wanted: Column, items: Sequence[tuple[int, int]], cost: float, tail: str = ""
) -> Iterator[Found]:
    """``map({…})`` of some cells, and what follows it."""
    pairs = [(shown(pool.book.cell(k)), constant(t, pool, wanted)) for k, t in items]
    if not pairs or any(k is None or t is None for k, t in pairs):
        return
    entries = ", ".join(f"{k}: {t[0]}" for k, t in pairs if t is not None)
    cost += 1.6 * len(pairs)
    text = f"{{0}}.map({{{{{entries}}}}}){tail}"
    yield cost, call(text, source.expr, op="map", cost=cost, tags=(ENTRY,) * len(pairs))


def _listed_or_else(pool: Pool, source: Source, table: dict[int, int], wanted: Column) -> Iterator[Found]:
    """``map({…}).fillna('Other')``: a word for all cells that are not listed."""
    rest, number = Counter(table.values()).most_common(1)[0]
    items = [(k, t) for k, t in table.items() if t != rest]
    default = constant(rest, pool, wanted)
    unlike = len(table) == len(source.column.codes)  # a key tells each row apart, and nothing of its kind
    same = all(k == t for k, t in items)  # that is ``where(isin(…))``
    if number > 1 and rest != NULL and default is not None and len(items) < 6 and not unlike and not same:
        amounts = source.column.kind == "num" and 2 * len(table) > len(source.column.codes)  # no names of anything
        yield from _mapped(pool, source, wanted, items, 1.8 + 2.5 * amounts, f".fillna({default[0]})")


def listed(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """``map({…})``: the last resort."""
    target = wanted.codes
    for source in pool.columns_as_sources[:20]:
        codes = source.column.codes
        count.examined += 1
        table: dict[int, int] = {}
        keys = len(source.column.distinct)
        if not 2 <= keys <= MOST_ENTRIES or len(wanted.distinct) < 2:
            continue
        if any(table.setdefault(k, t) != t for k, t in zip(codes.tolist(), target.tolist(), strict=True)):
            continue
        yield from _listed_or_else(pool, source, table, wanted)
        if table.get(NULL, NULL) != NULL or (keys > 4 and keys > 0.7 * len(codes)):
            continue
        yield from _mapped(pool, source, wanted, [(k, t) for k, t in table.items() if NULL not in (k, t)], 1.0)
