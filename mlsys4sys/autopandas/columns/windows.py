"""pandas' window and group functions over plain arrays of floats, for comparing many candidates at once.

They follow pandas where it is cheap to (missing values are skipped, and stay missing in cumulated columns). What is
handed back to a user has been run by pandas, so a difference costs a candidate, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.autopandas.table import Codes, Floats

Array = NDArray[np.generic]


def shift(values: Floats, k: int) -> Floats:
    """Row i gets row i - k; NaN where there is none."""
    out = np.full(len(values), np.nan)
    if abs(k) < len(values):
        if k >= 0:
            out[k:] = values[: len(values) - k]
        else:
            out[:k] = values[-k:]
    return out


def forward(values: Floats) -> Floats:
    """Missing values get the last one before them."""
    places = np.where(np.isnan(values), 0, np.arange(len(values)))
    return values[np.maximum.accumulate(places)] if len(values) else values


def backward(values: Floats) -> Floats:
    """Missing values get the first one after them."""
    return forward(values[::-1])[::-1]


_STEPS: dict[str, tuple[Callable[..., Floats], float]] = {
    "cumsum": (np.add.accumulate, 0.0),
    "cumprod": (np.multiply.accumulate, 1.0),
    "cummax": (np.maximum.accumulate, -np.inf),
    "cummin": (np.minimum.accumulate, np.inf),
}


def cumulated(values: Floats, how: str) -> Floats:
    """``cumsum``, ``cumprod``, ``cummax`` or ``cummin``."""
    step, neutral = _STEPS[how]
    missing = np.isnan(values)
    out = step(np.where(missing, neutral, values))
    return np.where(missing, np.nan, out)


class Ranking:
    """A column in order, within groups if there are any: the ranks of all methods from one sort.

    Args:
        values: Shape (rows,); missing values have no rank.
        ascending: Whether the least is first.
        groups: Rows outside of all groups have no rank.
    """

    def __init__(self, values: Floats, *, ascending: bool = True, groups: Groups | None = None) -> None:
        self.rows = len(values)
        good = ~np.isnan(values) if groups is None else ~np.isnan(values) & (groups.ids >= 0)
        there = np.flatnonzero(good)
        keys = values[there] if ascending else -values[there]
        ids = np.zeros(len(there), dtype=np.int64) if groups is None else groups.ids[there]
        order = np.lexsort((keys, ids))
        self.places = there[order]
        keys, ids = keys[order], ids[order]
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = ids[1:] != ids[:-1]
        self.starts = np.flatnonzero(fresh)
        self.group = np.cumsum(fresh) - 1
        tied = np.ones(len(order), dtype=bool)
        tied[1:] = fresh[1:] | (keys[1:] != keys[:-1])
        self.ties = np.cumsum(tied) - 1
        self.first = np.flatnonzero(tied)

    def of(self, method: str, *, pct: bool = False) -> Floats:
        """Ranks from 1, or shares of the number ranked."""
        out = np.full(self.rows, np.nan)
        if not len(self.places):
            return out
        start = self.starts[self.group]
        last = np.append(self.first[1:], len(self.places))
        if method == "first":
            ranks = np.arange(len(self.places)) - start + 1.0
        elif method == "dense":
            ranks = self.ties - self.ties[start] + 1.0
        elif method == "min":
            ranks = self.first[self.ties] - start + 1.0
        elif method == "max":
            ranks = last[self.ties] - start + 0.0
        else:
            ranks = (self.first[self.ties] + 1 + last[self.ties]) / 2.0 - start
        if pct:
            ends = np.append(self.starts[1:], len(self.places))[self.group]
            ranks = ranks / (ranks[ends - 1] if method == "dense" else ends - start)
        out[self.places] = ranks
        return out


def ranked(values: Floats, method: str = "average", *, ascending: bool = True, pct: bool = False) -> Floats:
    """``rank`` with pandas' methods; missing values have none."""
    return Ranking(values, ascending=ascending).of(method, pct=pct)


_WINDOWS: dict[str, Callable[..., Floats]] = {"mean": np.mean, "sum": np.sum, "max": np.max, "min": np.min}


def rolled(values: Floats, k: int, how: str, *, least: int | None = None) -> Floats:
    """``rolling(k, min_periods=least)`` with ``mean``, ``sum``, ``max`` or ``min``."""
    least = k if least is None else least
    if not len(values):
        return values
    padded = np.concatenate([np.full(k - 1, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, k)
    there = ~np.isnan(windows)
    count = there.sum(axis=1)
    neutral = {"max": -np.inf, "min": np.inf}.get(how, 0.0)
    filled = np.where(there, windows, neutral)
    out = _WINDOWS["sum" if how == "mean" else how](filled, axis=1)
    with np.errstate(all="ignore"):
        if how == "mean":
            out = out / count
    return np.where(count >= max(least, 1), out, np.nan)


def running_mean(values: Floats) -> Floats:
    """``expanding().mean()``."""
    there = ~np.isnan(values)
    count = np.cumsum(there)
    with np.errstate(all="ignore"):
        return np.where(count > 0, np.cumsum(np.where(there, values, 0.0)) / count, np.nan)


def weighted(values: Floats, alpha: float, *, adjust: bool = True) -> Floats:
    """``ewm(alpha=…).mean()`` of numbers without gaps."""
    out = np.empty(len(values))
    top = bottom = 0.0
    for i, value in enumerate(values.tolist()):
        if adjust or not i:
            top, bottom = value + (1 - alpha) * top, 1 + (1 - alpha) * bottom
            out[i] = top / bottom
        else:
            out[i] = alpha * value + (1 - alpha) * out[i - 1]
    return out


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows in groups: ``ids`` from 0 in the order of the sorted keys, -1 where a key is missing."""

    ids: Codes
    count: int

    @classmethod
    def of(cls, keys: Sequence[Any], missing: Sequence[NDArray[np.bool_]]) -> Groups:
        """Groups of equal keys.

        Args:
            keys: Code columns whose order is the order of the keys, shape (rows,) each.
            missing: Where a key is missing.
        """
        ids = np.zeros(len(keys[0]), dtype=np.int64)
        lost = np.zeros(len(keys[0]), dtype=bool)
        for key, null in zip(keys, missing, strict=True):
            dense = np.unique(key, return_inverse=True)[1]
            ids = ids * (int(dense.max(initial=0)) + 1) + dense
            lost |= null
        out = np.full(len(ids), -1, dtype=np.int64)
        kept, dense = np.unique(ids[~lost], return_inverse=True)
        out[~lost] = dense
        return cls(out, len(kept))

    @cached_property
    def order(self) -> Codes:
        """Rows group by group, in their order within each; rows without a group left out."""
        order = np.argsort(self.ids, kind="stable").astype(np.int64)
        return np.asarray(order[self.ids[order] >= 0])

    @cached_property
    def sizes(self) -> Codes:
        """Rows of each group."""
        return np.bincount(self.ids[self.ids >= 0], minlength=self.count).astype(np.int64)

    @cached_property
    def starts(self) -> Codes:
        """Where each group starts in :attr:`order`."""
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.sizes)[:-1]])

    def spread(self, per_group: Floats) -> Floats:
        """A value a group → a value a row."""
        if not self.count:
            return np.full(len(self.ids), np.nan)
        return np.where(self.ids >= 0, per_group[self.ids], np.nan)

    def pieces(self) -> list[Codes]:
        """The rows of each group."""
        return np.split(self.order, self.starts[1:])

    def shifted(self, values: Floats, k: int) -> Floats:
        """``shift(k)`` within each group."""
        out = np.full(len(values), np.nan)
        order = self.order
        if abs(k) < len(order):
            source, place = (order[:-k], order[k:]) if k > 0 else (order[-k:], order[:k])
            alike = self.ids[source] == self.ids[place]
            out[place[alike]] = values[source[alike]]
        return out

    def cumulated(self, values: Floats, how: str) -> Floats:
        """``cumsum``, ``cummax`` or ``cummin`` within each group."""
        out = np.full(len(values), np.nan)
        cells = values[self.order]
        there = ~np.isnan(cells)
        if not there.any():
            return out
        groups = self.ids[self.order]
        if how == "cumsum":
            total = np.cumsum(np.where(there, cells, 0.0))
            before = np.where(self.starts > 0, total[self.starts - 1], 0.0)
            made = total - before[groups]
        else:
            # Ranks instead of cells, each group's above those of the group before: one running maximum does all.
            distinct, ranks = np.unique(cells[there] if how == "cummax" else -cells[there], return_inverse=True)
            coded = np.full(len(cells), -1, dtype=np.int64)
            coded[there] = ranks
            run = np.maximum.accumulate(coded + groups * (len(distinct) + 1)) - groups * (len(distinct) + 1)
            made = distinct[np.maximum(run, 0)] * (1.0 if how == "cummax" else -1.0)
        out[self.order] = np.where(there, made, np.nan)
        return out

    def reduced(self, values: Floats, how: str) -> Floats:
        """One number a group: ``sum mean max min count size nunique std var median first last prod``."""
        with np.errstate(all="ignore"):
            return self._reduced(values, how)

    def _reduced(self, values: Floats, how: str) -> Floats:
        if how == "size":
            return self.sizes.astype(np.float64)
        rows = self.order
        cells, ids = values[rows], self.ids[rows]
        there = ~np.isnan(cells)
        cells, ids = cells[there], ids[there]
        count = np.bincount(ids, minlength=self.count).astype(np.float64)
        if how == "count":
            return count
        if how in ("sum", "mean", "std", "var"):
            total: Floats = np.bincount(ids, weights=cells, minlength=self.count).astype(np.float64)
            if how == "sum":
                return total
            mean = total / count
            if how == "mean":
                return mean
            square = np.bincount(ids, weights=(cells - mean[ids]) ** 2, minlength=self.count)
            var = np.where(count > 1, square / (count - 1), np.nan)
            return np.sqrt(var) if how == "std" else var
        empty = np.full(self.count, np.nan)
        if how in ("max", "min"):
            out = np.full(self.count, -np.inf if how == "max" else np.inf)
            (np.maximum if how == "max" else np.minimum).at(out, ids, cells)
            return np.where(count > 0, out, empty)
        if how == "nunique":
            pairs = np.unique(np.stack([ids.astype(np.float64), cells]), axis=1)
            return np.bincount(pairs[0].astype(np.int64), minlength=self.count).astype(np.float64)
        if how == "median":
            sort = np.lexsort((cells, ids))
            cells, starts = cells[sort], np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
            n = count.astype(np.int64)
            low = np.clip(starts + np.maximum(n - 1, 0) // 2, 0, max(len(cells) - 1, 0))
            high = np.clip(starts + n // 2, 0, max(len(cells) - 1, 0))
            return np.where(n > 0, (cells[low] + cells[high]) / 2, np.nan) if len(cells) else empty
        out = empty
        if how == "first":
            out[ids[::-1]] = cells[::-1]
        elif how == "last":
            out[ids] = cells
        return out
