"""How many rows a set of joined relations has: one interface, four providers.

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


@dataclass(frozen=True, slots=True)
class Estimates:
    """Rows of several subsets, and how sure we are."""

    rows: Floats
    """Shape (n,), at least 0."""
    sigma: Floats
    """Shape (n,): standard deviation of ln(rows); 0 is exact."""


class Cardinalities(Protocol):
    """A provider bound to one graph."""

    graph: JoinGraph

    def estimate(self, subsets: Sequence[Mask]) -> Estimates:
        """Rows of each connected subset (cross products are the product of their parts)."""
        ...


class Provider(Protocol):
    """Something that knows a database and can count in it."""

    name: str

    def bind(self, graph: JoinGraph) -> Cardinalities:
        """Prepare for one graph: evaluates filters, looks up statistics."""
        ...
