"""Columns that are known at some rows only: what was computed before rows were chosen by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.autopandas.columns.check import Checker
from mlsys4sys.autopandas.columns.count import Clock, Count, quietly
from mlsys4sys.autopandas.columns.numeric import BASIC, DIV, Block, Found, Target, equal, joined, paired
from mlsys4sys.autopandas.columns.pool import Pool, pool_of
from mlsys4sys.autopandas.expression import PRODUCT, Expr, call
from mlsys4sys.autopandas.table import Column, Table

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
    exact = Target.of(values)
    open_ = np.isnan(values)
    target = Target(
        values,
        np.where(open_, -np.inf, exact.low),
        np.where(open_, np.inf, exact.high),
        open_,
        tuple(row for row in exact.order if not open_[row]),
    )
    found = sorted(_found(target, pool, counted, clock), key=lambda item: item[0])
    unique = list({expr.text: expr for _, expr in found}.values())[:MOST_TRIED]
    checker = Checker(pool)
    return [expr for expr in unique if _right(checker.value(expr), at, wanted)][:limit]


def _found(target: Target, pool: Pool, count: Count, clock: Clock) -> Iterator[Found]:
    rows = pool.rows
    base = Block.of(pool.columns_of_numbers, rows)
    grouped = Block.of(pool.grouped, rows)
    derived = Block.of([*pool.unary, *pool.across], rows)
    totals = Block.of(pool.totals, rows)
    for block in (grouped, derived, totals):
        yield from equal(target, block, count)
    yield from paired(target, base, base, BASIC, count, clock)
    yield from paired(target, base, totals, BASIC, count, clock)
    yield from paired(target, base, grouped, BASIC, count, clock)
    yield from _shares(target, pool, count)


def _shares(target: Target, pool: Pool, count: Count) -> Iterator[Found]:
    """Shares of a total or a group's, perhaps as percentages, perhaps rounded."""
    known = target.order
    wanted = target.values[list(known)]
    digits = next((d for d in range(5) if np.allclose(wanted, np.round(wanted, d), rtol=0, atol=1e-9)), None)
    divisors = [term for term in (*pool.grouped, *pool.totals) if term.expr.op in ("groupby.transform", "reduce")]
    for part in pool.columns_of_numbers[:8]:
        for whole in divisors:
            count.examined += 1
            with np.errstate(all="ignore"):
                share = (part.values / whole.values)[list(known)]
            for scale, extra in ((100.0, 0.5), (1.0, 0.0)):
                exact = np.allclose(share * scale, wanted, rtol=1e-9, atol=1e-12)
                if not exact and (digits is None or not np.array_equal(np.round(share * scale, digits), wanted)):
                    continue
                made = joined(DIV, part.expr, whole.expr)
                if scale > 1:
                    made = Expr("{0} * 100", (made,), PRODUCT, "arithmetic", extra)
                if not exact:
                    made = call(f"{{0}}.round({digits or ''})", made, op="round", cost=0.9)
                yield part.cost + whole.cost + DIV.cost + extra + 0.9 * (not exact), made


def _right(made: Any, at: NDArray[np.int64], wanted: Column) -> bool:
    cells = getattr(made, "to_numpy", lambda: None)()
    if cells is None or cells.dtype.kind not in "iuf":
        return False
    return bool(np.allclose(cells[at].astype(np.float64), wanted.numbers, rtol=1e-5, atol=1e-8))


__all__ = ["partly"]
