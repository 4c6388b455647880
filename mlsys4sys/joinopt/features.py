"""What the policy sees: every join that is open in a state, as a row of numbers.

The features name no table and no column, only sizes, costs and shape, so that a policy trained on one database serves
another. (Krishnan et al. 2018, section 4.2, use one-hot attributes instead, which bind a network to one schema.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.joinopt.cardinality import Cardinalities, Estimates, Floats, Masks
from mlsys4sys.joinopt.cost import CostModel
from mlsys4sys.joinopt.problem import JoinGraph, Mask, bits
from mlsys4sys.joinopt.scans import Scan

Floats32 = NDArray[np.float32]

NAMES = (
    "probe rows",
    "build rows",
    "output rows",
    "cost",
    "build width",
    "growth of probe",
    "growth of build",
    "relations in probe",
    "relations in build",
    "parts left",
    "output sigma",
    "largest other",
    "smallest other",
    "mean other",
    "best other growth of probe",
    "best other growth of build",
    "shrinking of probe",
    "shrinking of build",
    "neighbours of probe",
    "neighbours of build",
    "cost above cheapest",
    "output above smallest",
    "final rows",
    "rows of all",
)
"""Sizes, costs and growths are natural logarithms; counts are divided by 16."""


@dataclass(frozen=True, slots=True)
class Joins:
    """The joins open in some states, state by state, each turned to its cheaper side."""

    state: NDArray[np.intp]
    """Index of the state, ascending, shape (k,)."""
    probe: NDArray[np.intp]
    """Index of the probing part in its state, shape (k,)."""
    build: NDArray[np.intp]
    """Index of the hashed part, shape (k,)."""
    cost: Floats
    """Seconds of the join alone, shape (k,)."""
    features: Floats32
    """Shape (k, len(NAMES))."""


@dataclass(slots=True)
class Sizes:
    """Rows, uncertainty and width of subsets of one graph, asked for once and remembered."""

    graph: JoinGraph
    cards: Cardinalities
    cost: CostModel
    scans: tuple[Scan, ...] = ()
    """Relations whose scans depend on the order; none where that is not known."""
    rows: dict[Mask, float] = field(default_factory=dict)
    sigma: dict[Mask, float] = field(default_factory=dict)
    _width: dict[Mask, float] = field(default_factory=dict)

    def ask(self, subsets: list[Mask]) -> None:
        """Make sure that these are known, with one question for all that are not."""
        new = [mask for mask in dict.fromkeys(subsets) if mask not in self.rows]
        if new:
            got = self.cards.estimate(new)
            self.rows.update(zip(new, got.rows.tolist(), strict=True))
            self.sigma.update(zip(new, got.sigma.tolist(), strict=True))

    @property
    def base_rows(self) -> Floats:
        """Of the provider behind."""
        return self.cards.base_rows

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """The protocol ``Cardinalities``, from memory."""
        masks = [int(mask) for mask in subsets]
        self.ask(masks)
        rows, sigma = [self.rows[mask] for mask in masks], [self.sigma[mask] for mask in masks]
        return Estimates(np.array(rows, dtype=float), np.array(sigma, dtype=float))

    def width(self, mask: Mask) -> float:
        """Bytes a row of this subset takes in a hash table."""
        known = self._width.get(mask)
        if known is None:
            known = self._width[mask] = sum(self.graph.relations[i].width_bytes for i in bits(mask))
        return known


def open_joins(sizes: Sizes, parts: Masks) -> Joins:
    """All joins open in some states, with what the policy sees of them.

    Args:
        sizes: Of the graph that the parts belong to.
        parts: A state a row: disjoint subsets that cover the graph, shape (states, parts), at least two parts.
    """
    state, first, second = _open_pairs(sizes.graph, parts)
    unions = (parts[state, first] | parts[state, second]).tolist()
    flat = parts.ravel().tolist()
    sizes.ask([*flat, *unions, sizes.graph.everything])
    rows = np.array([sizes.rows[mask] for mask in flat]).reshape(parts.shape)
    width = np.array([sizes.width(mask) for mask in flat]).reshape(parts.shape)
    output = np.array([sizes.rows[mask] for mask in unions])
    one, other = rows[state, first], rows[state, second]
    there = sizes.cost.join(one, other, width[state, second], output)
    back = sizes.cost.join(other, one, width[state, first], output)
    swap = back < there
    probe, build = np.where(swap, second, first), np.where(swap, first, second)
    cost = np.maximum(np.minimum(there, back), 1e-9)
    seen = _Seen(
        state=state,
        probe=probe,
        build=build,
        log_rows=np.log1p(rows),
        log_output=np.log1p(output),
        log_cost=np.log(cost),
        log_width=np.log(width),
        sigma=np.array([sizes.sigma[mask] for mask in unions]),
        members=np.bitwise_count(parts),
        log_final=float(np.log1p(sizes.rows[sizes.graph.everything])),
    )
    return Joins(state, probe, build, cost, _describe(seen))


Indices = NDArray[np.intp]


def _open_pairs(graph: JoinGraph, parts: Masks) -> tuple[Indices, Indices, Indices]:
    """State, first and second part of each pair that joins without a cross product; of all pairs where none does."""
    inside = (parts[:, :, None] >> np.arange(graph.size, dtype=np.uint64)) & np.uint64(1)
    adjacency = np.array(graph.adjacency, dtype=np.uint64)
    near = np.bitwise_or.reduce(np.where(inside.astype(bool), adjacency, np.uint64(0)), axis=2)
    above = np.triu(np.ones((parts.shape[1],) * 2, bool), 1)
    joinable = ((near[:, :, None] & parts[:, None, :]) != 0) & above
    joinable |= above & ~joinable.any((1, 2), keepdims=True)
    state, first, second = np.nonzero(joinable)
    return state, first, second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Everything that the features are made of: arrays over (states, parts) or over the k open joins."""

    state: Indices
    probe: Indices
    build: Indices
    log_rows: Floats
    log_output: Floats
    log_cost: Floats
    log_width: Floats
    sigma: Floats
    members: NDArray[np.uint8]
    log_final: float


def _describe(seen: _Seen) -> Floats32:
    state, probe, build, output = seen.state, seen.probe, seen.build, seen.log_output
    states, count = seen.log_rows.shape
    probe_rows, build_rows = seen.log_rows[state, probe], seen.log_rows[state, build]
    growth = np.full((states, count, count), np.inf)
    growth[state, probe, build] = output - probe_rows
    growth[state, build, probe] = output - build_rows
    shrink = np.minimum(growth, 0.0).sum(2)
    near = np.isfinite(growth).sum(2) / 16
    first = np.searchsorted(state, np.arange(states))
    columns = (
        probe_rows,
        build_rows,
        output,
        seen.log_cost,
        seen.log_width[state, build],
        output - probe_rows,
        output - build_rows,
        seen.members[state, probe] / 16,
        seen.members[state, build] / 16,
        np.full(len(probe), (count - 1) / 16),
        seen.sigma,
        *_others(seen),
        _best_other(growth, state, probe, output - probe_rows),
        _best_other(growth, state, build, output - build_rows),
        shrink[state, probe],
        shrink[state, build],
        near[state, probe],
        near[state, build],
        seen.log_cost - np.minimum.reduceat(seen.log_cost, first)[state],
        output - np.minimum.reduceat(output, first)[state],
        np.full(len(probe), seen.log_final),
        np.log1p(np.expm1(seen.log_rows).sum(1))[state],
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _best_other(growth: Floats, state: Indices, part: Indices, here: Floats) -> Floats:
    """The smallest growth that a part could have by another join than this one; 0 where there is no other."""
    best, second = np.moveaxis(np.sort(growth, axis=2)[:, :, :2], 2, 0)
    other = np.where(best[state, part] == here, second[state, part], best[state, part])
    return np.clip(np.where(np.isfinite(other), other, 0.0), -20.0, 20.0)


def _others(seen: _Seen) -> tuple[Floats, Floats, Floats]:
    """Largest, smallest and mean of the parts that a join leaves alone; zeros when it takes the last two."""
    joins, count = len(seen.probe), seen.log_rows.shape[1]
    if count <= 2:
        zeros = np.zeros(joins)
        return zeros, zeros, zeros
    rows = seen.log_rows[seen.state]
    left = np.ones((joins, count), bool)
    index = np.arange(joins)
    left[index, seen.probe] = left[index, seen.build] = False
    largest = np.where(left, rows, -np.inf).max(1)
    smallest = np.where(left, rows, np.inf).min(1)
    return largest, smallest, np.where(left, rows, 0.0).sum(1) / (count - 2)
