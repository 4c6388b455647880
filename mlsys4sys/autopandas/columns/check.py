"""Running what was found: the last word is pandas'."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.count import Clock
from mlsys4sys.autopandas.columns.pool import Pool
from mlsys4sys.autopandas.expression import Expr, skeleton
from mlsys4sys.autopandas.memo import Failed
from mlsys4sys.autopandas.table import Bools, Column, Table, plain_array


class Checker:
    """Evaluates expressions over a table (and others) and compares.

    Args:
        pool: Of the table whose rows the expressions have.
        others: Further tables that expressions may name.
    """

    def __init__(self, pool: Pool, others: Sequence[Table] = ()) -> None:
        self.index = pool.value.index
        self.book = pool.book
        self.memo = pool.memo
        for other in others:
            if other.expr.text != pool.expr.text:
                self.memo.put(other.expr, other.value)

    def value(self, expr: Expr) -> Any:
        """What the expression computes; None if it fails."""
        try:
            return self.memo.value(expr)
        except Failed:
            return None

    def _aligned(self, value: Any) -> Any:
        """The cells, if they stand row by row beside the table; None if not."""
        if isinstance(value, pd.Series):
            mine = self.index
            if value.index is not mine and not (len(value) == len(mine) and value.index.equals(mine)):
                return None
            return plain_array(value)
        if isinstance(value, pd.Index) and not isinstance(value, pd.MultiIndex) and len(value) == len(self.index):
            return plain_array(value)
        if isinstance(value, np.ndarray) and value.shape == (len(self.index),):
            return value
        return None

    def is_column(self, expr: Expr, wanted: Column) -> bool:
        """Whether the expression gives the wanted cells, row by row."""
        value = self.value(expr)
        if not expr.parts and value is not None:
            return len(wanted.distinct) <= 1 and bool((wanted.codes == self.book.code(value)).all())
        if isinstance(value, pd.Series) and _moved(value.index, self.index):
            value = value.reindex(self.index)  # as ``assign`` does
        cells = self._aligned(value)
        return cells is not None and alike(Column(None, cells, self.book), wanted)

    def is_mask(self, expr: Expr, keep: Bools) -> bool:
        """Whether the expression is a condition that holds exactly where ``keep`` does."""
        held = self.bools(expr)
        return held is not None and bool(np.array_equal(held, keep))

    def bools(self, expr: Expr) -> Bools | None:
        """Where a condition holds; None if it is none."""
        cells = self._aligned(self.value(expr))
        return None if cells is None or cells.dtype != bool else np.asarray(cells)


def _moved(labels: pd.Index, mine: pd.Index) -> bool:
    """Whether a series has the labels of the rows, each once, in another order."""
    return len(labels) == len(mine) and labels.is_unique and not labels.equals(mine) and bool(mine.isin(labels).all())


def alike(made: Column, wanted: Column) -> bool:
    """Whether two columns show equal cells, numbers within a millionth or so."""
    if made.kind in ("num", "bool") and made.kind == wanted.kind:
        if made.numbers.shape != wanted.numbers.shape:
            return False
        return bool(np.allclose(made.numbers, wanted.numbers, rtol=1e-5, atol=1e-8, equal_nan=True))
    return bool(np.array_equal(made.codes, wanted.codes))


_FRAGMENT = re.compile(r"(\.str\.(?:contains|startswith|endswith)\()'[^']*'")


def different_first(conditions: Sequence[Expr], *, alike: int) -> list[Expr]:
    """Conditions in their order, those last that differ in a constant alone from so many before them.

    A piece of text that is looked for is a constant too.
    """
    seen: Counter[str] = Counter()
    kept: list[Expr] = []
    rest: list[Expr] = []
    for condition in conditions:
        shape = _FRAGMENT.sub(r"\1#", skeleton(condition.text))
        seen[shape] += 1
        (kept if seen[shape] <= alike else rest).append(condition)
    return [*kept, *rest]


def best(
    found: Iterable[tuple[float, Expr]],
    fits: Any,
    limit: int,
    clock: Clock,
    *,
    most_tries: int = 80,
    alike: int | None = None,
) -> list[Expr]:
    """The cheapest different expressions that pass a check, at most ``limit``.

    Args:
        found: Costs at a glance, and expressions.
        fits: ``fits(expr)`` runs it and compares.
        limit: How many to return.
        clock: When to stop.
        most_tries: Expressions that are run at most.
        alike: Expressions that differ in a constant alone, before others; any number if not given.
    """
    unique: dict[str, Expr] = {}
    for _, expr in sorted(found, key=lambda item: item[0])[: 6 * most_tries]:
        unique.setdefault(expr.text, expr)
    ordered = sorted(unique.values(), key=lambda expr: expr.total)
    if alike is not None:
        ordered = different_first(ordered, alike=alike)
    out: list[Expr] = []
    for expr in ordered[:most_tries]:
        if len(out) >= limit or (out and clock.over()):
            break
        if fits(expr):
            out.append(expr)
    return out
