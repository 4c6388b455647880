"""All simple conditions on the rows of a table at once, as a matrix of ones and zeros.

What groups have under each of them is a product of matrices; the few that give what is wanted are put into words by
the column engine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from mlsys4sys.autopandas.columns.filters import masks
from mlsys4sys.autopandas.expression import Expr
from mlsys4sys.autopandas.ops.parts import hashable
from mlsys4sys.autopandas.table import Bools, Column, Table

MOST_SPLITS, MOST_BETWEEN, MOST_LISTED, MOST_EQUAL = 60, 14, 8, 20
"""Distinct cells of a column up to which it is cut once, cut twice, and some or one of its cells are asked for."""

MOST_PAIRED = 800_000
"""Pairs of conditions times rows that are tried where no single condition will do."""

READING_S = 0.12
"""Seconds to put a choice of rows into words."""

_WORD = re.compile(r"[^\W\d_]{2,}")


def read(table: Table, keep: Bools, others: Sequence[Table] = (), *, most: int = 3, light: bool = False) -> list[Expr]:
    """A choice of rows in words, the likeliest first; where a key repeats is no matter for groups.

    Args:
        table: Whose rows they are.
        keep: Which are chosen, shape (rows,).
        others: Tables that conditions may look into.
        most: How many readings.
        light: Single conditions on columns and no more; else more is tried where there are none, or dates to be read.
    """
    for quick in (True, False):
        found = masks(table, keep, others=others, limit=2 * most, light=quick, deadline=time.monotonic() + READING_S)
        found = [expr for expr in found if ".duplicated(" not in expr.text]
        if light or (found and not any(column.kind == "date" for column in table.columns)):
            break
    return found[:most]


@lru_cache(maxsize=16)  # tables are the same only if they are one
def conditions(table: Table) -> Bools:
    """The rows that simple conditions keep, each choice once, shape (choices, rows)."""
    seen: set[bytes] = set()
    out: list[Bools] = []
    for keep in _kept(table):
        if keep.any() and not keep.all() and keep.tobytes() not in seen:
            seen.add(keep.tobytes())
            out.append(keep)
    return np.array(out) if out else np.zeros((0, table.rows), dtype=bool)


def _kept(table: Table) -> Iterator[Bools]:
    columns = [column for column in table.columns if hashable(column)]
    for column in columns:
        yield from _equal(column)
    for column in columns:
        if column.kind in ("num", "date", "delta"):
            yield from _beyond(column)
    for column in columns:
        yield ~column.null
        yield column.null
    for a, b in combinations(columns, 2):
        yield from _compared(a, b)
    yield from _within_groups(columns)
    for column in columns:
        yield from _listed(column)
        if column.kind == "str":
            yield from _worded(column)


def _equal(column: Column) -> Iterator[Bools]:
    """Equal to a cell, and not."""
    if column.kind == "bool":
        yield column.numbers == 1
        yield column.numbers == 0
        return
    parts = [column.codes] if not column.unique else []
    if column.kind == "date" and not column.null.any():
        parts += [np.asarray(part) for part in (column.series.dt.year, column.series.dt.month)]
    for codes in parts:
        cells = np.unique(codes)
        if len(cells) <= MOST_EQUAL:
            for cell in cells:
                yield codes == cell
            for cell in cells if len(cells) > 2 else ():
                yield (codes != cell) & ~column.null


def _beyond(column: Column) -> Iterator[Bools]:
    """From a bound on, up to it, and between two."""
    numbers = column.numbers
    bounds = np.unique(numbers[~np.isnan(numbers)])
    if not 1 < len(bounds) <= MOST_SPLITS:
        return
    with np.errstate(invalid="ignore"):
        for bound in bounds[1:]:
            yield numbers >= bound
            yield numbers < bound
        if len(bounds) <= MOST_BETWEEN:
            for low, high in combinations(bounds[:-1], 2):
                yield (numbers >= low) & (numbers <= high)


def _compared(a: Column, b: Column) -> Iterator[Bools]:
    """One column against another."""
    if a.kind != b.kind or (a.kind == "str" and not a.distinct & b.distinct):
        return
    if a.kind in ("num", "date", "delta"):
        with np.errstate(invalid="ignore"):
            yield a.numbers > b.numbers
            yield a.numbers < b.numbers
            yield a.numbers >= b.numbers
            yield a.numbers <= b.numbers
    if a.kind in ("num", "date", "str"):
        yield a.codes == b.codes
        yield a.codes != b.codes


def _within_groups(columns: Sequence[Column]) -> Iterator[Bools]:
    """Above or below the mean of the group, and its extremes."""
    numbers = [c for c in columns if c.kind == "num" and not c.null.any()]
    for key in columns:
        if key.null.any() or not 1 < len(key.distinct) <= MOST_EQUAL or key.unique:
            continue
        ids = np.unique(key.codes, return_inverse=True)[1]
        sizes = np.bincount(ids)
        for column in numbers:
            if column is not key:
                x = column.numbers
                mean = (np.bincount(ids, x) / sizes)[ids]
                yield x > mean
                yield x < mean
                for end in (np.maximum, np.minimum):
                    edge = np.full(len(sizes), -np.inf if end is np.maximum else np.inf)
                    end.at(edge, ids, x)
                    yield x == edge[ids]
                    yield x != edge[ids]


def _listed(column: Column) -> Iterator[Bools]:
    """One of some cells, and none of them."""
    cells = np.unique(column.codes[~column.null])
    if column.kind in ("str", "num") and 3 < len(cells) <= MOST_LISTED and not column.unique:
        for pair in combinations(cells, 2):
            keep = np.isin(column.codes, pair)
            yield keep
            yield ~keep & ~column.null


def _worded(column: Column) -> Iterator[Bools]:
    """Texts with a word that several of them have."""
    texts = [cell.lower() if isinstance(cell, str) else "" for cell in column.cells]
    words = sorted({word for text in texts for word in _WORD.findall(text)})
    for word in words if len(words) <= MOST_SPLITS else ():
        keep = np.array([word in text for text in texts])
        if len({text for text, kept in zip(texts, keep.tolist(), strict=True) if kept}) > 1:
            yield keep


def both(single: Bools) -> Bools:
    """What two conditions keep together."""
    count = len(single)
    first, second = np.triu_indices(count, 1)
    most = MOST_PAIRED // single.shape[1]
    if len(first) > most:
        step = len(first) // most + 1
        first, second = first[::step], second[::step]
    kept = single[first] & single[second]
    return np.unique(kept[kept.any(axis=1)], axis=0)


__all__ = ["both", "conditions", "read"]
