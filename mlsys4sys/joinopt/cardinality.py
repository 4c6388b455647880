"""How many rows a set of joined relations has: one interface, four providers.

``formula.EngineFormula`` repeats DuckDB's own estimate, ``formula.ExactBase`` counts filtered base tables,
``sampled.Sampled`` counts every subset on a sample, and ``sampled.Exact`` on everything (offline: the oracle).

Every provider answers for many subsets at once, with an uncertainty, so that planners can batch their questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.joinopt.problem import JoinGraph, Mask

Floats = NDArray[np.float64]
Masks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Rows of several subsets, and how sure we are."""

    rows: Floats
    """Shape (n,), at least 0."""
    sigma: Floats
    """Shape (n,): standard deviation of ln(rows); 0 is exact."""


class Cardinalities(Protocol):
    """A provider bound to one graph."""

    @property
    def graph(self) -> JoinGraph:
        """What it is bound to."""
        ...

    @property
    def base_rows(self) -> Floats:
        """Rows of each relation's table before its filters, shape (graph.size,)."""
        ...

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """Rows of each subset, in the order asked (unconnected ones are the product of their parts)."""
        ...


class Provider(Protocol):
    """Something that knows a database and can count in it."""

    name: str

    def bind(self, graph: JoinGraph) -> Cardinalities:
        """Prepare for one graph: evaluates filters, looks up statistics."""
        ...


@dataclass(frozen=True)
class Remembered:
    """Another provider's answers for many subsets, asked for once; other questions are passed on."""

    behind: Cardinalities
    masks: Masks
    """Ascending."""
    known: Estimates

    @classmethod
    def of(cls, behind: Cardinalities, masks: Masks) -> Remembered:
        """Ask for these subsets (ascending)."""
        return cls(behind, masks, behind.estimate(masks))

    @property
    def graph(self) -> JoinGraph:
        """Of the provider behind."""
        return self.behind.graph

    @property
    def base_rows(self) -> Floats:
        """Of the provider behind."""
        return self.behind.base_rows

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """From memory where all are known."""
        asked = np.asarray(subsets, dtype=np.uint64)
        place = np.minimum(np.searchsorted(self.masks, asked), len(self.masks) - 1)
        if not (self.masks[place] == asked).all():
            return self.behind.estimate(asked)
        return Estimates(self.known.rows[place], self.known.sigma[place])
