"""Which plan is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from mlsys4sys.joinopt import choice
from mlsys4sys.joinopt.cardinality import Estimates
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask, Predicate, Relation
from mlsys4sys.joinopt.solution import JoinTree, RegionPlan

A, B, C = map(JoinTree.leaf, range(3))


def clique(size: int) -> JoinGraph:
    """All relations share one key."""
    relations = tuple(Relation(alias=f"t{i}", sql=f"t{i}", table=f"t{i}") for i in range(size))
    predicates = tuple(
        Predicate(sql=f"t0.k = t{i}.k", relations=1 | 1 << i, equality=(Column(0, "k"), Column(i, "k")))
        for i in range(1, size)
    )
    return JoinGraph(relations=relations, predicates=predicates)


@dataclass(frozen=True)
class Fixed:
    """Sizes from a table, all equally uncertain."""

    graph: JoinGraph
    rows: dict[Mask, float]
    sigma: float
    base_rows: np.ndarray

    def estimate(self, subsets: Sequence[Mask]) -> Estimates:
        return Estimates(np.array([self.rows[m] for m in subsets]), np.full(len(subsets), self.sigma))


def region(sigma: float, ours: JoinTree, engine: JoinTree, middle: float = 1e7) -> RegionPlan:
    """Three relations; joining a and b first is dear, b and c first is cheap."""
    graph = clique(3)
    rows = {1: 1e5, 2: 1e5, 4: 1e3, 0b011: middle, 0b110: 1e3, 0b101: 1e4, 0b111: 1e3}
    sizes = Sizes(graph, Fixed(graph, rows, sigma, np.full(3, 1e6)), HashJoinCost())
    compared = choice.compare(sizes, ours, engine)
    return RegionPlan(
        graph=graph,
        tree=ours,
        engine_tree=engine,
        planner="dpccp",
        cost_s=compared.ours_s,
        engine_cost_s=compared.engine_s,
        spread_s=compared.spread_s,
    )


CHEAP = JoinTree.join(A, JoinTree.join(B, C))
DEAR = JoinTree.join(JoinTree.join(A, B), C)


def test_a_sure_gain_is_taken() -> None:
    take, reason = choice.decide([region(0.05, CHEAP, DEAR)], choice.PlanningCost(), confidence=1.0)
    assert take
    assert "predicted to save" in reason


def test_a_gain_within_its_uncertainty_is_left() -> None:
    doubtful = [region(2.0, CHEAP, DEAR, middle=1e5)]
    assert choice.decide(doubtful, choice.PlanningCost(), confidence=0.5)[0]
    take, reason = choice.decide(doubtful, choice.PlanningCost(), confidence=2.0)
    assert not take
    assert "within its uncertainty" in reason


def test_no_gain_is_left() -> None:
    take, reason = choice.decide([region(0.0, DEAR, CHEAP)], choice.PlanningCost(), confidence=1.0)
    assert not take
    assert "as fast" in reason


def test_the_same_order_is_taken_only_where_it_saves_planning() -> None:
    small = region(0.0, CHEAP, CHEAP)
    assert not choice.decide([small], choice.PlanningCost(), confidence=1.0)[0]
    graph = clique(10)
    chain = JoinTree.leaf(0)
    for i in range(1, 10):
        chain = JoinTree.join(chain, JoinTree.leaf(i))
    large = RegionPlan(graph=graph, tree=chain, engine_tree=chain, planner="dpccp")
    take, reason = choice.decide([large], choice.PlanningCost(), confidence=1.0)
    assert take
    assert "planning" in reason


def test_what_both_orders_share_does_not_count_as_doubt() -> None:
    assert region(1.0, CHEAP, CHEAP).spread_s == 0.0
    assert region(1.0, CHEAP, DEAR).spread_s > 0.0


@pytest.mark.parametrize(("size", "pairs"), [(3, 6), (4, 25), (10, 28501)])
def test_pairs_of_a_clique_are_counted_exactly(size: int, pairs: int) -> None:
    assert choice.joinable_pairs(clique(size)) == pytest.approx(pairs)
