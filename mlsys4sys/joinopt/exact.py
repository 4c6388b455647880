"""One region planned in one native step: the cheapest order, DuckDB's own beside it, and what both cost.

It does what ``baselines.dpccp``, ``baselines.duckdb_like`` and ``choice.compare`` do one after another, on the same
pairs of subsets, without a detour through Python for each; tests hold it to them. :func:`engine_order` is the second of
these for graphs that are too large for exact search.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlsys4sys import _native
from mlsys4sys.joinopt.baselines import unfolded
from mlsys4sys.joinopt.cardinality import Remembered
from mlsys4sys.joinopt.choice import APART, Comparison
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.formula import BoundFormula
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.scans import Scan
from mlsys4sys.joinopt.solution import JoinTree


def plan_exactly(
    cards: Remembered, cost: HashJoinCost, scans: Sequence[Scan], formula: BoundFormula
) -> tuple[JoinTree, JoinTree, Comparison]:
    """The cheapest tree, about the tree that DuckDB itself would take, and the two compared.

    Args:
        cards: Sizes of every connected subset; the graph must be connected.
        cost: Of joins.
        scans: Relations whose scans depend on the order.
        formula: What DuckDB believes about sizes.
    """
    graph = cards.graph
    assert int(cards.masks[-1]) == graph.everything, "only connected graphs have one largest connected subset"
    ours, engine, ours_s, engine_s, spread_s = _native.plan_region(
        list(graph.adjacency),
        cards.masks,
        cards.known.rows,
        cards.known.sigma,
        [relation.width_bytes for relation in graph.relations],
        list(cost.coefficients),
        [scan.native for scan in scans],
        formula.native,
    )
    trees = unfolded(graph.everything, ours), unfolded(graph.everything, engine)
    return *trees, Comparison(ours_s=ours_s, engine_s=engine_s, spread_s=APART * spread_s)


def engine_order(graph: JoinGraph, formula: BoundFormula) -> JoinTree | None:
    """About the tree that DuckDB takes where it is greedy; nothing when the graph does not hang together."""
    width = [relation.width_bytes for relation in graph.relations]
    flat = _native.greedy_tree(list(graph.adjacency), width, formula.native)
    return unfolded(graph.everything, flat) if flat else None
