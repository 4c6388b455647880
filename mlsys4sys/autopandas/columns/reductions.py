"""Single numbers and cells out of a table: reductions of columns, of conditions, of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns.check import Checker
from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import Found
from mlsys4sys.autopandas.columns.pool import pool_of
from mlsys4sys.autopandas.expression import Expr, call
from mlsys4sys.autopandas.memo import Failed
from mlsys4sys.autopandas.table import Table


def scalars(
    table: Table,
    wanted: Any,
    *,
    constants: Sequence[Any] = (),  # noqa: ARG001 - used by conditions, to come
    others: Sequence[Table] = (),
    deadline: float | None = None,
    limit: int = 12,
    count: Count | None = None,
) -> list[Expr]:
    """Expressions over ``table`` that give one wanted cell, the likeliest first.

    Args:
        table: A frame or a series.
        wanted: The cell.
        constants: Values that expressions may use though no table shows them.
        others: Further tables.
        deadline: ``time.monotonic()`` at which to stop looking.
        limit: How many at most.
        count: Gets what was examined.
    """
    if table.shape_kind not in ("frame", "series") or not table.rows:
        return []
    count = count if count is not None else Count()
    clock = Clock(deadline)
    checker = Checker(table, others)
    code = table.book.code(wanted)
    out: dict[str, Expr] = {}
    for _, expr in sorted(_candidates(table), key=lambda item: item[0]):
        count.examined += 1
        if len(out) >= limit or clock.over():
            break
        try:
            value = checker.memo.value(expr)
        except Failed:
            continue
        if _is_cell(value) and table.book.code(value) == code:
            out.setdefault(expr.text, expr)
    return sorted(out.values(), key=lambda expr: expr.total)


def _is_cell(value: Any) -> bool:
    return np.ndim(value) == 0 and not isinstance(value, dict)


_REDUCTIONS = (
    ("sum()", 0.9), ("mean()", 0.9), ("max()", 0.9), ("min()", 0.9), ("median()", 1.2), ("std()", 1.3), ("var()", 1.6),
    ("count()", 1.1), ("nunique()", 1.1), ("isna().sum()", 1.2), ("notna().sum()", 1.5), ("idxmax()", 1.4),
    ("idxmin()", 1.5), ("mode()[0]", 1.6), ("iloc[0]", 1.5), ("iloc[-1]", 1.6), ("prod()", 1.7),
    ("quantile(0.25)", 2.0), ("quantile(0.75)", 2.0), ("quantile(0.9)", 2.3), ("is_unique", 1.6),
    ("duplicated().sum()", 1.8), ("is_monotonic_increasing", 1.9), ("any()", 1.3), ("all()", 1.3),
    ("value_counts().idxmax()", 1.8), ("skew()", 2.4),
)  # fmt: skip


def _candidates(table: Table) -> Iterator[Found]:
    pool = pool_of(table)
    base = table.expr
    yield 0.9, call("len({0:arg})", base, op="reduce", cost=0.9)
    for source in pool.sources:
        for text, cost in _REDUCTIONS:
            if source.is_index and "iloc" in text:
                continue
            yield source.cost + cost, call(f"{{0}}.{text}", source.expr, op="reduce", cost=cost)
    if pool.is_frame:
        for text, cost in (
            ("isna().sum().sum()", 1.6), ("shape[1]", 1.2), ("size", 1.2), ("duplicated().sum()", 1.4),
            ("isna().any().any()", 1.8), ("notna().sum().sum()", 2.0), ("sum(numeric_only=True).sum()", 1.8),
            ("max(numeric_only=True).max()", 1.9), ("min(numeric_only=True).min()", 1.9),
            ("isna().any(axis=1).sum()", 1.8),
            ("notna().all(axis=1).sum()", 2.0), ("sum(numeric_only=True).idxmax()", 2.2),
        ):  # fmt: skip
            yield cost, call(f"{{0}}.{text}", base, op="reduce", cost=cost)
