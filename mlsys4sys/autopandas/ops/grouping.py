"""Groups and their aggregates on codes: what a ``groupby`` would give, without asking pandas.

Factorised keys and ``bincount`` or ``reduceat`` over them cost microseconds where pandas' calls cost a millisecond, so
all aggregates of all columns can be compared with the goal before one program is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys.autopandas.table import NULL, Bools, Codes, Column, Floats

AGG_COST = {
    "sum": 0.0, "mean": 0.15, "count": 0.35, "max": 0.25, "min": 0.3, "size": 0.3, "first": 0.5, "nunique": 0.5,
    "last": 0.7, "median": 0.7, "std": 0.8, "var": 1.2, "idxmax": 1.0, "idxmin": 1.1, "prod": 1.3, "list": 0.6,
    "set": 1.2, "join": 0.8, "any": 0.8, "all": 0.9,
}  # fmt: skip
"""How surprising an aggregate is, in nats over the most usual."""


def ranks(column: Column) -> Codes:
    """Where each cell stands in sorted order, equal cells alike, -1 for missing ones.

    Cells that do not compare stand in the order in which they appear.

    Shape (rows,).
    """
    array = column.array
    if isinstance(array.dtype, pd.CategoricalDtype):
        return np.asarray(array.codes, dtype=np.int64)
    null = column.null
    if column.kind in ("num", "bool", "date", "delta"):
        _, inverse = np.unique(column.numbers, return_inverse=True)
        return np.where(null, -1, inverse)
    cells = column.cells
    present = [cell for cell, missing in zip(cells, null.tolist(), strict=True) if not missing]
    if column.kind == "str":
        place = {cell: i for i, cell in enumerate(sorted(set(present)))}
        return np.array([-1 if m else place[c] for c, m in zip(cells, null.tolist(), strict=True)], dtype=np.int64)
    codes = column.codes
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return np.where(codes == NULL, -1, order[inverse])


class Groups:
    """Rows by equal keys, groups in sorted order; rows with a missing key belong to none, as pandas has it.

    Args:
        keys: One or several columns of equal length.
    """

    def __init__(self, keys: Sequence[Column]) -> None:
        self.keys = tuple(keys)
        code = np.zeros(len(keys[0].codes), dtype=np.int64)
        dropped = np.zeros(len(code), dtype=bool)
        for key in keys:
            rank = ranks(key)
            dropped |= rank < 0
            code = code * (int(rank.max(initial=0)) + 2) + rank
        present = np.flatnonzero(~dropped)
        found, first, inverse = np.unique(code[present], return_index=True, return_inverse=True)
        self.count = len(found)
        self.rows = present
        """Positions of the rows that belong to a group."""
        self.ids = inverse
        """The group of each of :attr:`rows`."""
        self.first = present[first]
        """The first row of each group."""

    @cached_property
    def sizes(self) -> Codes:
        """Rows a group."""
        return np.bincount(self.ids, minlength=self.count)

    @cached_property
    def member(self) -> Floats:
        """One where a row is in a group, zero elsewhere, shape (rows, groups): a product with it sums by group."""
        out = np.zeros((len(self.rows), self.count))
        out[np.arange(len(self.rows)), self.ids] = 1.0
        return out

    @cached_property
    def names(self) -> dict[tuple[int, ...], int]:
        """The keys' codes of a group → its number."""
        columns = [key.codes[self.first].tolist() for key in self.keys]
        return {codes: i for i, codes in enumerate(zip(*columns, strict=True))}

    @cached_property
    def order(self) -> Codes:
        """Positions in :attr:`rows`, group by group, rows of a group in their order."""
        return np.argsort(self.ids, kind="stable")

    @cached_property
    def starts(self) -> Codes:
        """Where each group begins in :attr:`order`."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    @cached_property
    def members(self) -> list[Codes]:
        """Row positions of each group."""
        return np.split(self.rows[self.order], self.starts[1:]) if self.count else []

    @cached_property
    def appearance(self) -> Codes:
        """Groups in the order in which they appear."""
        return np.argsort(self.first, kind="stable")

    def place(self, columns: Sequence[Column]) -> Codes | None:
        """The group of each row of another table that has the keys in ``columns``; None where a row has none.

        Shape (rows of the other table,).
        """
        names = self.names
        found = [names.get(codes, -1) for codes in zip(*(column.codes.tolist() for column in columns), strict=True)]
        return None if -1 in found else np.array(found, dtype=np.int64)

    def numbers(self, column: Column) -> tuple[tuple[str, ...], Floats]:
        """All aggregates of a column that are numbers.

        Returns:
            Their names, and a matrix of shape (names, groups).
        """
        size = self.sizes.astype(np.float64)
        null = column.null[self.rows]
        counts = np.bincount(self.ids[~null], minlength=self.count).astype(np.float64)
        distinct_pairs = np.unique(self.ids[~null] * (1 << 32) + column.codes[self.rows][~null])
        nunique = np.bincount(distinct_pairs >> 32, minlength=self.count).astype(np.float64)
        names = ["size", "count", "nunique"]
        rows = [size, counts, nunique]
        if column.kind in ("num", "bool", "delta") and self.count:
            more = self._moments(column.numbers[self.rows], counts)
            names += more
            rows += more.values()
        return tuple(names), np.array(rows)

    def _moments(self, x: Floats, counts: Floats) -> dict[str, Floats]:
        ok = ~np.isnan(x)
        ids, x = self.ids[ok], x[ok]
        n = self.count
        total = np.bincount(ids, x, minlength=n)
        with np.errstate(all="ignore"):
            mean = total / counts
            spread = np.bincount(ids, (x - mean[ids]) ** 2, minlength=n)
            var = np.where(counts > 1, spread / (counts - 1), np.nan)
        order = np.lexsort((x, ids))
        ordered = x[order]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        ends = np.cumsum(counts).astype(np.int64) - 1
        empty = counts == 0
        out = {"sum": total, "mean": mean, "std": np.sqrt(var), "var": var}
        if len(ordered):
            last = len(ordered) - 1
            low, high = (starts + ends) // 2, (starts + ends + 1) // 2
            out["min"] = np.where(empty, np.nan, ordered[np.minimum(starts, last)])
            out["max"] = np.where(empty, np.nan, ordered[np.clip(ends, 0, last)])
            out["median"] = np.where(
                empty, np.nan, (ordered[np.clip(low, 0, last)] + ordered[np.clip(high, 0, last)]) / 2
            )
            stable = np.argsort(ids, kind="stable")
            by_group = x[stable]
            out["first"] = np.where(empty, np.nan, by_group[np.minimum(starts, last)])
            out["last"] = np.where(empty, np.nan, by_group[np.clip(ends, 0, last)])
            with np.errstate(all="ignore"):
                product = np.ones(n)
                np.multiply.at(product, ids, x)
            out["prod"] = product
        return out

    def positions(self, column: Column) -> dict[str, Codes]:
        """The row that ``first``, ``last``, ``min`` and ``max`` take a group's value from; -1 where all are missing.

        Each of shape (groups,).
        """
        rank = ranks(column)[self.rows]
        ok = np.flatnonzero(rank >= 0)
        ids, rows, rank = self.ids[ok], self.rows[ok], rank[ok]
        out: dict[str, Codes] = {}
        for name, keys in (
            ("first", (rows, ids)),
            ("last", (-rows, ids)),
            ("min", (rows, rank, ids)),
            ("max", (rows, -rank, ids)),
        ):
            order = np.lexsort(keys)
            found, start = np.unique(ids[order], return_index=True)
            chosen = np.full(self.count, -1, dtype=np.int64)
            chosen[found] = rows[order][start]
            out[name] = chosen
        return out

    def coded(self, column: Column) -> tuple[tuple[str, ...], Codes]:
        """Aggregates that are cells of the column, as codes: names, and a matrix of shape (names, groups)."""
        places = self.positions(column)
        codes = column.codes
        return tuple(places), np.array([np.where(p >= 0, codes[p], NULL) for p in places.values()])

    def lists(self, column: Column) -> list[list[Any]]:
        """The cells of each group."""
        cells = column.cells
        return [[cells[i] for i in rows.tolist()] for rows in self.members]


_SLACK: ContextVar[float] = ContextVar("_SLACK", default=0.0)


@contextmanager
def rounded_to(digits: int) -> Iterator[None]:
    """While this lasts, :func:`close` takes numbers for equal that round to the wanted ones."""
    token = _SLACK.set(0.5 * 10.0**-digits + 1e-9)
    try:
        yield
    finally:
        _SLACK.reset(token)


def close(values: Floats, wanted: Floats) -> NDArray[np.bool_]:
    """Which rows of a matrix are the wanted numbers, NaN equal to NaN.

    Args:
        values: Shape (candidates, cells).
        wanted: Shape (cells,).
    """
    return np.asarray((agree(values, wanted) | (np.isnan(values) & np.isnan(wanted))).all(axis=1))


def agree(values: Floats, wanted: Floats) -> Bools:
    """Which numbers are the wanted ones, cell by cell; NaN is no number."""
    with np.errstate(all="ignore"):
        same = np.abs(values - wanted) <= 1e-8 + 1e-6 * np.abs(wanted) + _SLACK.get()
    return np.asarray(same | (values == wanted))


__all__ = ["AGG_COST", "Groups", "agree", "close", "ranks", "rounded_to"]
