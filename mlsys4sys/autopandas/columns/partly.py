"""Columns that are known at some rows only: what was computed before rows were chosen by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.autopandas.columns.check import Checker
from mlsys4sys.autopandas.columns.choices import LINES, MOST_PIECES, within
from mlsys4sys.autopandas.columns.count import Clock, Count, quietly
from mlsys4sys.autopandas.columns.filters import prices_of
from mlsys4sys.autopandas.columns.numeric import DIV, Found, Target, joined, roundings, search
from mlsys4sys.autopandas.columns.pool import Pool, pool_of
from mlsys4sys.autopandas.expression import PRODUCT, Expr, call
from mlsys4sys.autopandas.table import Column, Floats, Table

ENOUGH = 3.5
"""Nats up to which nothing is looked for that is rounded."""

MOST_PARTS, MOST_RUNNING = 8, 12
"""Columns, and running totals of columns, of which shares are taken."""

BY_CHANCE = 1.5
"""Nats for what few rows are met by, other than shares and windows."""

MOST_HITS = 200
"""Expressions that a search gives at most, as few rows are met by many."""

MOST_TRIED = 24
"""Programs that are run, the cheapest."""


@quietly
def partly(
    table: Table, at: NDArray[np.int64], wanted: Column, *, limit: int = 3, deadline: float | None = None,
    count: Count | None = None,
) -> list[Expr]:  # fmt: skip
    """Series over ``table`` whose numbers at some rows are the wanted ones, the likeliest first.

    Args:
        table: A frame.
        at: Positions of the rows that are known, shape (k,).
        wanted: Their cells, numbers all of them.
        limit: How many at most.
        deadline: ``time.monotonic()`` at which to stop.
        count: Gets what was examined.
    """
    pool = pool_of(table)
    if wanted.kind != "num" or pool.at is not None or not pool.is_frame or wanted.null.any():
        return []
    counted, clock = count if count is not None else Count(), Clock(deadline)
    values = np.full(table.rows, np.nan)
    values[at] = wanted.numbers
    target = _open(values, Target.of(values))
    found = sorted(_found(target, pool, counted, clock), key=lambda item: item[0])
    unique = list({expr.text: expr for _, expr in found}.values())[:MOST_TRIED]
    checker = Checker(pool)
    return [expr for expr in unique if _right(checker.value(expr), at, wanted)][:limit]


def _open(values: Floats, known: Target) -> Target:
    """A target that says nothing of some rows."""
    gone = np.isnan(values)
    low, high = np.where(gone, -np.inf, known.low), np.where(gone, np.inf, known.high)
    return Target(values, low, high, gone, tuple(row for row in known.order if not gone[row]))


def _found(target: Target, pool: Pool, count: Count, clock: Clock) -> Iterator[Found]:
    prices = prices_of(pool, (), frozenset(target.values[~target.missing].tolist()))
    best = np.inf
    deep = len(target.order) > 3 and len(set(target.values[list(target.order)].tolist())) > 2  # less says little
    for cost, expr in islice(search(target, pool, prices, count, clock, deep=False), MOST_HITS):
        best = min(best, cost)
        yield cost + (0.0 if deep else BY_CHANCE), expr
    for cost, expr in (*_shares(target, pool, count), *_windows(target, pool, count, clock)):
        best = min(best, cost)
        yield cost, expr
    if best < ENOUGH or clock.over() or not deep:
        return
    yield from islice(search(target, pool, prices, count, clock, deep=True), MOST_HITS)
    for suffix, op, extra, low, high in roundings(target.values):
        rough = _open(target.values, Target.of(target.values, low=low, high=high))
        hits = search(rough, pool, replace(prices, rough=True), count, clock, deep=True, rough=True)
        for cost, expr in islice(hits, MOST_HITS):
            yield cost + extra, call("{0}" + suffix, expr, op=op, cost=extra)


AS_IT_IS = 9
"""Digits of a column that is not rounded."""


def _digits(made: Floats, target: Target) -> list[tuple[int, int]]:
    """Which candidates are the target where that is known, and to how many digits they have to be rounded.

    Args:
        made: Shape (candidates, rows).
        target: What is wanted.
    """
    known = list(target.order)
    wanted, cells = target.values[known], made[:, known]
    with np.errstate(all="ignore"):
        exact = (np.abs(cells - wanted) <= 1e-9 * np.abs(wanted) + 1e-12).all(axis=1)
        digits = next((d for d in range(5) if np.allclose(wanted, np.round(wanted, d), rtol=0, atol=1e-9)), AS_IT_IS)
        near = (np.abs(np.round(cells, digits) - wanted) < 1e-9).all(axis=1) if digits < AS_IT_IS else exact
    hits = np.flatnonzero(np.atleast_1d(exact | near)).tolist()
    exactly = set(np.flatnonzero(np.atleast_1d(exact)).tolist())
    return [(i, AS_IT_IS if i in exactly else digits) for i in hits]


def _finished(made: Expr, cost: float, digits: int) -> Found:
    """An expression rounded to so many digits, with its cost."""
    if digits == AS_IT_IS:
        return cost, made
    return cost + 0.9, call(f"{{0}}.round({digits or ''})", made, op="round", cost=0.9)


def _shares(target: Target, pool: Pool, count: Count) -> Iterator[Found]:
    """Shares of a total or a group's, of running totals too, perhaps as percentages, perhaps rounded."""
    divisors = [term for term in (*pool.grouped, *pool.totals) if term.expr.op in ("groupby.transform", "reduce")]
    running = [t for t in (*pool.unary, *pool.grouped) if ".cumsum()" in t.expr.template][:MOST_RUNNING]
    if not divisors:
        return
    wholes = np.stack([term.values for term in divisors])
    for part in (*pool.columns_of_numbers[:MOST_PARTS], *running):
        count.examined += 2 * len(divisors)
        with np.errstate(all="ignore"):
            shares = part.values / wholes
        for scale, extra in ((100.0, 0.5), (1.0, 0.0)):
            for i, digits in _digits(shares * scale, target):
                made = joined(DIV, part.expr, divisors[i].expr)
                if scale > 1:
                    made = Expr("{0} * 100", (made,), PRODUCT, "arithmetic", extra)
                yield _finished(made, part.cost + divisors[i].cost + DIV.cost + extra, digits)


def _windows(target: Target, pool: Pool, count: Count, clock: Clock) -> Iterator[Found]:
    """Windows within groups: ``transform(lambda s: s.rolling(3).mean())``."""
    for grouping in pool.groupings[:5]:
        pieces = grouping.groups.pieces()
        if not pieces or max(map(len, pieces)) < 2 or len(pieces) > MOST_PIECES:
            continue
        for i, source in enumerate(pool.columns_as_sources[:20]):
            if source.column.kind != "num" or i in grouping.positions or clock.over():
                continue
            for line, cost, function in LINES:
                count.examined += 1
                made = np.full(pool.rows, np.nan)
                for rows in pieces:
                    made[rows] = function(source.column.numbers[rows])
                for _, digits in _digits(made[None], target):
                    total, window = within(pool, grouping, source, line, cost)
                    yield _finished(window, total, digits)


def _right(made: Any, at: NDArray[np.int64], wanted: Column) -> bool:
    cells = getattr(made, "to_numpy", lambda: None)()
    if cells is None or cells.dtype.kind not in "iuf":
        return False
    return bool(np.allclose(cells[at].astype(np.float64), wanted.numbers, rtol=1e-5, atol=1e-8))


__all__ = ["partly"]
