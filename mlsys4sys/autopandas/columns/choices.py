"""Columns of cells of any kind: copies, constants, one or the other by a condition, look-ups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns import filters
from mlsys4sys.autopandas.columns.atoms import shown
from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import Found
from mlsys4sys.autopandas.columns.pool import Pool, Source
from mlsys4sys.autopandas.expression import CELL, ENTRY, LABEL, OUTPUT, WHERE, Expr, call, literal
from mlsys4sys.autopandas.table import NULL, Codes, Column, Table

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
    yield from looked_up(pool, wanted, others, count)
    yield from chosen(pool, wanted, constants, others, count, clock)
    yield from listed(pool, wanted, count)


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
                if np.array_equal(out, target):
                    yield 1.3, call(f"{{0}}.shift({'' if k == 1 else k})", source.expr, op="shift", cost=1.2)
        gone = codes == NULL
        if not gone.any() or gone.all() or not np.array_equal(codes[~gone], target[~gone]):
            continue
        if kind != "num":
            for name, out in (("ffill", _forward(codes)), ("bfill", _forward(codes[::-1])[::-1])):
                if np.array_equal(out, target):
                    yield 1.2, call(f"{{0}}.{name}()", source.expr, op=name, cost=1.0)
        fills = np.unique(target[gone])
        if len(fills) == 1 and fills[0] != NULL and (value := constant(int(fills[0]), pool, wanted)):
            text, cost, tags = value
            yield 1.0 + cost, call(f"{{0}}.fillna({text})", source.expr, op="fillna", cost=0.8 + cost, tags=tags)
        for other in pool.columns_as_sources[:40]:
            if other is not source and np.array_equal(other.column.codes[gone], target[gone]):
                yield 1.3, call("{0}.fillna({1:arg})", source.expr, other.expr, op="fillna", cost=0.9)


def _forward(codes: Codes) -> Codes:
    places = np.where(codes == NULL, 0, np.arange(len(codes)))
    return codes[np.maximum.accumulate(places)]


def looked_up(pool: Pool, wanted: Column, others: Sequence[Table], count: Count) -> Iterator[Found]:
    """``key.map(other.set_index('key')['value'])``, and counts of a column's own cells."""
    target = wanted.codes
    for source in pool.columns_as_sources[:20]:
        codes = source.column.codes
        if wanted.kind == "num":
            count.examined += 1
            values, inverse, times = np.unique(codes, return_inverse=True, return_counts=True)
            if len(values) < len(codes) and np.array_equal(
                times[inverse][codes != NULL], wanted.numbers[codes != NULL]
            ):
                tally = call("{0}.value_counts()", source.expr, op="value_counts", cost=1.0)
                yield 2.2, call("{0}.map({1:arg})", source.expr, tally, op="map", cost=1.0)
        for other in others:
            if other.expr.text == pool.expr.text:
                continue
            yield from _from_table(source, target, other, count)


def _from_table(source: Source, target: Codes, other: Table, count: Count) -> Iterator[Found]:
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
        if not key.unique or not (key.distinct & source.column.distinct):
            continue
        for value in other.columns[:20]:
            count.examined += 1
            table = dict(zip(key.codes.tolist(), value.codes.tolist(), strict=True))
            if value is not key and all(
                table.get(k, NULL) == t for k, t in zip(source.column.codes.tolist(), target.tolist(), strict=True)
            ):
                if other.shape_kind == "series":
                    looked = keyed
                else:
                    looked = call(f"{{0}}[{literal(value.label)}]", keyed, cost=0.1, tags=(LABEL,))
                yield 1.2 + cost, call("{0}.map({1:arg})", source.expr, looked, op="map", cost=1.0)


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
            yield cost + 0.5, Expr(text, (), cost=cost + 0.5, tags=tags)
        return
    if len(distinct) == 2:
        yield from _two_constants(pool, wanted, distinct, constants, others, count, clock)
    yield from _column_or(pool, wanted, constants, others, count, clock)


def _conditions(
    pool: Pool, keep: Any, drop: Any, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> list[Expr]:
    found = filters.conditions(pool, keep, drop, constants, others, count, clock)
    unique: dict[str, Expr] = {}
    for _, expr in sorted(found, key=lambda item: item[0])[:40]:
        unique.setdefault(expr.text, expr)
    return list(unique.values())[:10]


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
        for expr in _conditions(pool, keep, ~keep, constants, others, count, clock):
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
        if same.all() or not same.any():
            continue
        rest = np.unique(target[~same])
        if len(rest) == 1 and (value := constant(int(rest[0]), pool, wanted)):
            text, cost, tags = value
            drop = ~same
            keep = target != rest[0]
            count.examined += 1
            if not keep.any():
                continue
            for expr in _conditions(pool, drop, keep, constants, others, count, clock):
                if rest[0] == NULL:
                    yield expr.total + 1.0, call("{0}.mask({1:arg})", source.expr, expr, op="mask", cost=0.9)
                else:
                    made = call(
                        f"{{0}}.mask({{1:arg}}, {text})", source.expr, expr, op="where", cost=0.9 + cost, tags=tags
                    )
                    yield expr.total + 1.0 + cost, made
            for expr in _conditions(pool, keep, drop, constants, others, count, clock):
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
                for expr in _conditions(pool, first, second, constants, others, count, clock):
                    made = call("{0}.where({1:arg}, {2:arg})", source.expr, expr, other.expr, op="where", cost=1.0)
                    yield expr.total + 1.2, made


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


def listed(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """``map({…})``: the last resort."""
    target = wanted.codes
    for source in pool.columns_as_sources[:20]:
        codes = source.column.codes
        count.examined += 1
        table: dict[int, int] = {}
        keys = len(source.column.distinct)
        if not 2 <= keys <= MOST_ENTRIES or (keys == len(codes) and keys > 4):
            continue
        if any(table.setdefault(k, t) != t for k, t in zip(codes.tolist(), target.tolist(), strict=True)):
            continue
        if table.get(NULL, NULL) != NULL:
            continue
        pairs = [
            (shown(pool.book.cell(k)), constant(t, pool, wanted)) for k, t in table.items() if k != NULL and t != NULL
        ]
        if not pairs or any(k is None or t is None for k, t in pairs):
            continue
        entries = ", ".join(f"{k}: {t[0]}" for k, t in pairs if t is not None)
        cost = 1.0 + 1.6 * len(pairs)
        made = call(f"{{0}}.map({{{{{entries}}}}})", source.expr, op="map", cost=cost, tags=(ENTRY,) * len(pairs))
        yield cost, made
