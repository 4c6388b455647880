"""Which plan to take: ours only where its predicted gain is worth more than its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlsys4sys.display import duration
from mlsys4sys.joinopt.cost import HashJoinCost, join_costs
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.problem import JoinGraph, Mask
from mlsys4sys.joinopt.scans import keys_handed, scan_seconds
from mlsys4sys.joinopt.solution import JoinTree, RegionPlan

SCAN_DOUBT = 0.5
"""Standard deviation of the predicted gain of a pruned scan, relative to it."""

ENGINE_EXACT_RELATIONS = 12
"""From so many relations on DuckDB is greedy from the start (``approximate_join_order_threshold``)."""
ENGINE_EXACT_PAIRS = 10_000
"""DuckDB looks at no more pairs of joinable subsets than these before it turns greedy (its plan enumerator)."""

APART = 0.15
"""The share of errors that two orders of one query do not have in common: both are priced with counts on the same
sample, and what is wrong with it is mostly wrong for both. Chosen, like the next one, on 600 random queries (a third of
them on the shuffled database) and the bundled questions: between 0.05 and 0.2 the mean gain changes by a fiftieth."""
LEAST_SHARE = 0.02
"""A predicted gain below this share of an order's cost is noise."""
REPLICA_SHARE = 0.15
"""DuckDB's own order, handed to it to save its planning, is what a replica takes for it; a mistake costs a share of the
order's cost, so that what is saved has to be more than this one."""
WORTH_SAVING_S = 1e-3
"""A smaller gain is not worth a plan that a reader does not expect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningCost:
    """Seconds DuckDB's planner takes: version 2.0, 160 random queries of 3 to 16 relations, one thread."""

    base_s: float = 5e-4
    relation_s: float = 2e-4
    pair_s: float = 1.4e-6
    """A pair of joinable subsets that its join enumerator looks at; nothing when the order is forced."""
    greedy_s: float = 4e-7
    """Times the cube of the relations, where it is greedy."""

    def forced(self, graph: JoinGraph) -> float:
        """Planning a query whose order is given."""
        return self.base_s + self.relation_s * graph.size

    def own(self, graph: JoinGraph) -> float:
        """Planning it with the join order left to DuckDB."""
        if graph.size >= ENGINE_EXACT_RELATIONS:
            return self.forced(graph) + self.greedy_s * graph.size**3
        return self.forced(graph) + self.pair_s * min(joinable_pairs(graph), ENGINE_EXACT_PAIRS)


def joinable_pairs(graph: JoinGraph) -> float:
    """About how many pairs of disjoint, connected, neighbouring subsets a graph has.

    Exact for a clique, ``(3ⁿ - 2ⁿ⁺¹ + 1) / 2``, and for a star, ``(n - 1) 2ⁿ⁻²``; a geometric blend by density between.
    """
    n = graph.size
    if n < 2:
        return 0.0
    edges = sum(mask.bit_count() for mask in graph.adjacency) / 2
    clique, star = (3.0**n - 2.0 ** (n + 1) + 1) / 2, (n - 1) * 2.0 ** (n - 2)
    dense = (edges - (n - 1)) / max(1.0, n * (n - 1) / 2 - (n - 1))
    return float(star * (clique / star) ** min(max(dense, 0.0), 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two orders of one region, priced by the same cost model on the same sizes."""

    ours_s: float
    engine_s: float
    spread_s: float
    """Standard deviation of the difference: what both orders share cancels out."""


def compare(sizes: Sizes, ours: JoinTree, engine: JoinTree) -> Comparison:
    """Price both orders; each join is as uncertain as the size of its output (and of its inputs)."""
    mine, theirs = _priced(sizes, ours), _priced(sizes, engine)
    apart = [
        cost * _doubt(sizes, mask) for (mask, _), cost in {**mine, **theirs}.items() if _differs(mask, mine, theirs)
    ]
    scans = _scans(sizes, ours), _scans(sizes, engine)
    apart.append(SCAN_DOUBT * abs(scans[0] - scans[1]))
    return Comparison(
        ours_s=sum(mine.values()) + scans[0],
        engine_s=sum(theirs.values()) + scans[1],
        spread_s=APART * float(np.sqrt(np.square(apart).sum())),
    )


Priced = dict[tuple[Mask, Mask], float]
"""(relations of the join, relations of its build side) → seconds."""


def _priced(sizes: Sizes, tree: JoinTree) -> Priced:
    joins = [join for join in tree.joins() if join.probe is not None and join.build is not None]
    sizes.ask(list(tree.masks()))
    if not isinstance(sizes.cost, HashJoinCost):
        costs = join_costs(joins, sizes.graph, sizes, sizes.cost).tolist()
        return {(t.mask, t.build.mask): c for t, c in zip(joins, costs, strict=True) if t.build is not None}
    # A handful of joins: plain numbers are quicker than arrays.
    rows, width, seconds = sizes.rows, sizes.width, sizes.cost.seconds
    return {
        (join.mask, build.mask): seconds(rows[probe.mask], rows[build.mask], width(build.mask), rows[join.mask])
        for join in joins
        if (probe := join.probe) is not None and (build := join.build) is not None
    }


def _differs(mask: Mask, mine: Priced, theirs: Priced) -> bool:
    return {key for key in mine if key[0] == mask} != {key for key in theirs if key[0] == mask}


def _doubt(sizes: Sizes, mask: Mask) -> float:
    """Relative standard deviation of a size whose logarithm has deviation sigma (log-normal), at most 10."""
    return float(min(np.sqrt(np.expm1(min(sizes.sigma[mask], 2.2) ** 2)), 10.0))


def price(sizes: Sizes, tree: JoinTree) -> float:
    """Seconds of all joins of an order, and of the scans that depend on it."""
    return sum(_priced(sizes, tree).values()) + _scans(sizes, tree)


def _scans(sizes: Sizes, tree: JoinTree) -> float:
    if not sizes.scans:
        return 0.0
    masks = list(tree.masks())
    sizes.ask(masks)
    rows, sigma = ([known[mask] for mask in masks] for known in (sizes.rows, sizes.sigma))
    handed = keys_handed(np.array(rows), np.array(sigma)).tolist()
    return scan_seconds(tree, sizes.scans, dict(zip(masks, handed, strict=True)))


def total(regions: Sequence[RegionPlan]) -> Comparison:
    """The comparison of a whole query; regions err independently."""
    return Comparison(
        ours_s=sum(region.cost_s for region in regions),
        engine_s=sum(region.engine_cost_s for region in regions),
        spread_s=float(np.sqrt(sum(region.spread_s**2 for region in regions))),
    )


def decide(regions: Sequence[RegionPlan], planning: PlanningCost, *, confidence: float) -> tuple[bool, str]:
    """Whether to take our orders, and why, in one line.

    Args:
        regions: All of the query, planned.
        planning: What planning takes with and without a given order.
        confidence: How many standard deviations the gain must be worth.
    """
    comparison = total(regions)
    saved = sum(planning.own(region.graph) - planning.forced(region.graph) for region in regions)
    if all(region.tree == region.engine_tree for region in regions):
        known = all(region.engine_known for region in regions)
        if saved > (WORTH_SAVING_S if known else max(WORTH_SAVING_S, REPLICA_SHARE * comparison.ours_s)):
            return True, f"DuckDB's own order, handed to it ready made, which saves {duration(saved)} of its planning"
        return False, "it has the best order already"
    gain, doubt = comparison.engine_s - comparison.ours_s + saved, confidence * comparison.spread_s
    if gain <= max(WORTH_SAVING_S, LEAST_SHARE * comparison.ours_s):
        return False, "its order is predicted to be as fast"
    if gain <= doubt:
        return False, f"a predicted gain of {duration(gain)} is within its uncertainty of {duration(doubt)}"
    return True, f"predicted to save {duration(gain)}, uncertain by {duration(doubt)}"
