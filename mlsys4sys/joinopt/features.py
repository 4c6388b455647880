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
    """The joins open in a state, each turned to its cheaper side."""

    probe: NDArray[np.intp]
    """Index of the probing part, shape (k,)."""
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


def open_pairs(graph: JoinGraph, parts: tuple[Mask, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of parts that join without a cross product; all pairs where there is none."""
    near = [graph.neighbours(mask) for mask in parts]
    count = len(parts)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count) if near[i] & parts[j]]
    if not pairs:
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    both = np.array(pairs, np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def open_joins(sizes: Sizes, parts: tuple[Mask, ...]) -> Joins:
    """All joins open in a state, with what the policy sees of them.

    Args:
        sizes: Of the graph that the parts belong to.
        parts: Disjoint subsets that cover the graph, at least two.
    """
    first, second = open_pairs(sizes.graph, parts)
    unions = [parts[i] | parts[j] for i, j in zip(first.tolist(), second.tolist(), strict=True)]
    sizes.ask([*parts, *unions, sizes.graph.everything])
    rows = np.array([sizes.rows[mask] for mask in parts])
    width = np.array([sizes.width(mask) for mask in parts])
    output = np.array([sizes.rows[mask] for mask in unions])
    there = sizes.cost.join(rows[first], rows[second], width[second], output)
    back = sizes.cost.join(rows[second], rows[first], width[first], output)
    swap = back < there
    probe, build = np.where(swap, second, first), np.where(swap, first, second)
    cost = np.maximum(np.minimum(there, back), 1e-9)
    sigma = np.array([sizes.sigma[mask] for mask in unions])
    features = _describe(sizes, parts, probe, build, np.log1p(rows), np.log1p(output), cost, sigma, width)
    return Joins(probe, build, cost, features)


def _describe(
    sizes: Sizes,
    parts: tuple[Mask, ...],
    probe: NDArray[np.intp],
    build: NDArray[np.intp],
    rows: Floats,
    output: Floats,
    cost: Floats,
    sigma: Floats,
    width: Floats,
) -> Floats32:
    count = len(parts)
    growth = np.full((count, count), np.inf)
    growth[probe, build] = output - rows[probe]
    growth[build, probe] = output - rows[build]
    best, second_best = np.sort(growth, axis=1)[:, :2].T
    shrink = np.where(growth < 0, growth, 0.0).sum(1)
    near = np.isfinite(growth).sum(1)
    members = np.array([mask.bit_count() for mask in parts])
    largest, smallest, mean = _others(rows, probe, build)
    log_cost = np.log(cost)

    def other_growth(of: NDArray[np.intp], growth_here: Floats) -> Floats:
        other = np.where(best[of] == growth_here, second_best[of], best[of])
        return np.clip(np.where(np.isfinite(other), other, 0.0), -20.0, 20.0)

    whole = np.full(len(probe), np.log1p(sizes.rows[sizes.graph.everything]))
    columns = (
        rows[probe],
        rows[build],
        output,
        log_cost,
        np.log(width[build]),
        output - rows[probe],
        output - rows[build],
        members[probe] / 16,
        members[build] / 16,
        np.full(len(probe), (count - 1) / 16),
        sigma,
        largest,
        smallest,
        mean,
        other_growth(probe, output - rows[probe]),
        other_growth(build, output - rows[build]),
        shrink[probe],
        shrink[build],
        near[probe] / 16,
        near[build] / 16,
        log_cost - log_cost.min(),
        output - output.min(),
        whole,
        np.full(len(probe), np.log1p(np.expm1(rows).sum())),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _others(rows: Floats, probe: NDArray[np.intp], build: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Largest, smallest and mean of the parts that a join leaves alone; zeros when it takes the last two."""
    count, joins = len(rows), len(probe)
    if count <= 2:
        zeros = np.zeros(joins)
        return zeros, zeros, zeros
    left = np.broadcast_to(rows, (joins, count)).copy()
    index = np.arange(joins)
    left[index, probe] = left[index, build] = np.nan
    return np.nanmax(left, axis=1), np.nanmin(left, axis=1), np.nanmean(left, axis=1)
