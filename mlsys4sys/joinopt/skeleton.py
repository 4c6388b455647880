"""A query with holes where its join orders are: what the two front ends produce."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mlsys4sys.errors import InputError
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.solution import JoinTree

Renderer = Callable[[Sequence[JoinTree]], str]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A maximal set of inner joins of a query."""

    graph: JoinGraph
    textual_tree: JoinTree
    """The order as it is written (in the user's text, or in DuckDB's decompiled plan)."""
    engine_tree: JoinTree | None = None
    """DuckDB's own order, where it is known."""


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A query whose regions can be put in any order.

    ``flat``: the user's own text with a new FROM clause. ``decompiled``: DuckDB's optimized plan as SQL, with the
    joins of its regions nested anew. ``opaque``: there is nothing to reorder, and :attr:`why` says why.
    """

    sql: str
    """The query as it was given."""
    regions: tuple[Region, ...] = ()
    kind: Literal["flat", "decompiled", "opaque"]
    why: str = ""
    renderer: Renderer | None = field(default=None, repr=False, compare=False)
    """From one tree for each region to SQL; nothing when opaque."""

    def render(self, trees: Sequence[JoinTree]) -> str:
        """The query with the given order, one tree for each region, to be run with reordering off.

        Raises:
            InputError: Another number of trees, or one that does not hold exactly the region's relations.
        """
        if len(trees) != len(self.regions):
            raise InputError(f"the query has {len(self.regions)} regions, {len(trees)} trees were given")
        for number, (region, tree) in enumerate(zip(self.regions, trees, strict=True)):
            if tree.mask != region.graph.everything or sum(1 for _ in tree.leaves()) != region.graph.size:
                raise InputError(f"tree {number} does not join exactly the {region.graph.size} relations of its region")
        return self.renderer(trees) if self.renderer else self.sql
