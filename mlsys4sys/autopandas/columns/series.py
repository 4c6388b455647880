"""``synthesize``: expressions for one wanted column, from whichever family can make it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns import choices, filters, numeric, rowwise, text
from mlsys4sys.autopandas.columns.atoms import shown
from mlsys4sys.autopandas.columns.check import Checker, best
from mlsys4sys.autopandas.columns.count import Clock, Count, quietly
from mlsys4sys.autopandas.columns.numeric import Found, Target, roundings
from mlsys4sys.autopandas.columns.pool import Pool, pool_of
from mlsys4sys.autopandas.expression import OUTPUT, SUM, Expr, call
from mlsys4sys.autopandas.table import Column, Table

MOST_ALIKE = 3
"""Columns that differ in a constant alone, before others."""


@quietly
def synthesize(
    table: Table,
    wanted: Column,
    *,
    constants: Sequence[Any] = (),
    others: Sequence[Table] = (),
    deadline: float | None = None,
    limit: int = 12,
    count: Count | None = None,
    light: bool = False,
) -> list[Expr]:
    """Expressions over ``table`` whose cells are those wanted, row by row, the likeliest first.

    Args:
        table: A frame or a series.
        wanted: One cell a row of the table.
        constants: Values that expressions may use though no table shows them.
        others: Tables to look values up in.
        deadline: ``time.monotonic()`` at which to stop looking.
        limit: How many at most.
        count: Gets what was examined.
        light: Only what is found in a millisecond or so.

    Returns:
        Series with the table's index, or arrays from ``np.where``; each was run and compared.
    """
    if table.shape_kind not in ("frame", "series") or not table.rows or len(wanted.codes) != table.rows:
        return []
    count = count if count is not None else Count()
    clock = Clock(deadline)
    pool = pool_of(table)
    found = list(_families(pool, wanted, constants, others, count, clock, light=light))
    checker = Checker(pool, others)
    return best(found, lambda expr: checker.is_column(expr, wanted), limit, clock, alike=MOST_ALIKE)


def _families(
    pool: Pool, wanted: Column, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock,
    *, light: bool,
) -> Iterator[Found]:  # fmt: skip
    yield from choices.copies(pool, wanted, count)
    if wanted.kind == "num":
        yield from _numbers(pool, wanted, constants, count, clock, light=light)
    elif wanted.kind == "bool" and not wanted.null.any():
        keep = wanted.numbers == 1
        yield from filters.conditions_of_any(pool, keep, ~keep, constants, others, count, clock, light=light)
    elif wanted.kind == "str":
        yield from text.search(wanted, pool, count, clock, deep=not light)
    elif wanted.kind in ("date", "delta", "obj"):
        yield from _moments(pool, wanted, count)
    if not light:
        yield from rowwise.search(pool, wanted, count, clock)
        yield from choices.search(pool, wanted, constants, others, count, clock)


def _moments(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Dates, periods and spans of time."""
    dates = pool.dates
    parts = dates.differences if wanted.kind == "delta" else dates.moments
    for part in parts:
        count.examined += 1
        if part.column.codes.shape == wanted.codes.shape and np.array_equal(part.column.codes, wanted.codes):
            yield part.cost, part.expr
    if wanted.kind == "date":
        yield from _shifted_dates(pool, wanted, count)


def _shifted_dates(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """Dates a fixed span of time later or earlier."""
    if wanted.array.dtype.kind != "M":
        return
    for expr, base in pool.dates.sources:
        count.examined += 1
        part = pool.dates.part(expr, base)
        if part is None or part.column.numbers.shape != wanted.numbers.shape:
            continue
        spans = wanted.numbers - part.column.numbers
        there = spans[~np.isnan(spans)]
        if not len(there) or there.min() != there.max() or not there[0]:
            continue
        if not np.array_equal(np.isnan(wanted.numbers), np.isnan(part.column.numbers)):
            continue
        sign, span = "+" if there[0] > 0 else "-", shown(pd.Timedelta(int(abs(there[0]))))
        if span is not None:
            cost = 1.5
            yield base + cost, Expr(f"{{0:sum}} {sign} {span}", (expr,), SUM, "arithmetic", cost, (OUTPUT,))


def _numbers(
    pool: Pool, wanted: Column, constants: Sequence[Any], count: Count, clock: Clock, *, light: bool
) -> Iterator[Found]:
    values = wanted.numbers if pool.at is None else wanted.numbers[pool.at]
    prices = filters.prices_of(pool, constants, frozenset(values[~np.isnan(values)][:2000].tolist()))
    target = Target.of(values)
    best, exact = np.inf, set()
    for cost, expr in numeric.search(target, pool, prices, count, clock, deep=not light):
        best = min(best, cost)
        exact.add(expr.text)
        yield cost, expr
    if light or clock.over():
        return
    if best > 3.0:
        for cost, expr in numeric.combined(target, pool, prices, count, clock):
            best = min(best, cost)
            yield cost, expr
    for suffix, op, extra, low, high in roundings(values):
        rough = Target.of(values, low=low, high=high)
        for cost, expr in numeric.search(
            rough, pool, replace(prices, rough=True), count, clock, deep=best > 4.0, rough=True
        ):
            if expr.text not in exact:
                halved = expr.op.endswith("rank") and op == "astype"  # ties are counted from one side, not cut off
                cut = extra + 1.5 * halved
                yield cost + cut, call("{0}" + suffix, expr, op=op, cost=cut)
