"""Planners against the search of every tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.joinopt import baselines
from mlsys4sys.joinopt.cardinality import Estimates, Masks
from mlsys4sys.joinopt.cost import CostModel, COut, HashJoinCost, tree_cost
from mlsys4sys.joinopt.problem import JoinGraph, Mask, Predicate, Relation
from mlsys4sys.joinopt.solution import JoinTree


class TableCards:
    """Rows drawn once for each subset, from a seed."""

    def __init__(self, graph: JoinGraph, seed: int) -> None:
        self.graph = graph
        self.base_rows = np.full(graph.size, 1e6)
        self._rows = 10 ** np.random.default_rng(seed).uniform(0, 6, size=1 << graph.size)

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        masks = np.asarray(subsets, dtype=np.int64)
        return Estimates(self._rows[masks], np.zeros(len(masks)))


@st.composite
def graphs(draw: st.DrawFn, *, low: int = 1, high: int = 6, connected: bool = True) -> JoinGraph:
    n = draw(st.integers(low, high))
    widths = draw(st.lists(st.floats(4, 200), min_size=n, max_size=n))
    edges = {tuple(sorted((i, draw(st.integers(0, i - 1))))) for i in range(1, n) if connected or draw(st.booleans())}
    extra = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=4))
    edges |= {(min(i, j), max(i, j)) for i, j in extra if i != j}
    relations = tuple(Relation(alias=f"r{i}", sql=f"r{i}", width_bytes=w) for i, w in enumerate(widths))
    predicates = tuple(Predicate(sql="", relations=1 << i | 1 << j) for i, j in sorted(edges))
    return JoinGraph(relations=relations, predicates=predicates)


def every_tree(graph: JoinGraph, mask: Mask) -> Iterator[JoinTree]:
    if mask.bit_count() == 1:
        yield JoinTree.leaf(mask.bit_length() - 1)
    for probe in baselines.proper_subsets(mask):
        build = mask & ~probe
        if graph.connected(probe) and graph.connected(build) and graph.joinable(probe, build):
            for left in every_tree(graph, probe):
                for right in every_tree(graph, build):
                    yield JoinTree.join(left, right)


COSTS: list[CostModel] = [COut(), HashJoinCost()]


@settings(max_examples=25, deadline=None)
@given(graph=graphs(high=5), seed=st.integers(0, 2**32 - 1), cost=st.sampled_from(COSTS))
def test_dpccp_finds_the_cheapest_of_all_trees(graph: JoinGraph, seed: int, cost: CostModel) -> None:
    cards = TableCards(graph, seed)
    cheapest = min(tree_cost(tree, graph, cards, cost) for tree in every_tree(graph, graph.everything))
    assert tree_cost(baselines.dpccp(graph, cards, cost), graph, cards, cost) == pytest.approx(cheapest, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(graph=graphs(high=5), seed=st.integers(0, 2**32 - 1))
def test_left_deep_finds_the_cheapest_tree_whose_builds_are_single(graph: JoinGraph, seed: int) -> None:
    cards, cost = TableCards(graph, seed), HashJoinCost()
    deep = [
        tree_cost(tree, graph, cards, cost)
        for tree in every_tree(graph, graph.everything)
        if all(join.build is not None and join.build.is_leaf for join in tree.joins())
    ]
    found = baselines.left_deep(graph, cards, cost)
    assert tree_cost(found, graph, cards, cost) == pytest.approx(min(deep), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(graph=graphs(high=9), seed=st.integers(0, 2**32 - 1), left_deep=st.booleans())
def test_the_native_search_equals_its_plain_twin(graph: JoinGraph, seed: int, left_deep: bool) -> None:
    masks = baselines.connected_subsets(graph)
    assert masks is not None
    assert masks.tolist() == [mask for mask in range(1, 1 << graph.size) if graph.connected(mask)]
    rows, cost = TableCards(graph, seed).estimate(masks).rows, HashJoinCost()
    width = [relation.width_bytes for relation in graph.relations]
    from mlsys4sys import _native

    fast, _ = _native.best_trees(list(graph.adjacency), masks, rows, width, list(cost.coefficients), left_deep)
    plain, _ = baselines.plain_best_trees(graph, masks, rows, cost, left_deep=left_deep)
    assert fast == pytest.approx(plain, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    graph=graphs(high=10, connected=False),
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(sorted(baselines.PLANNERS)),
)
def test_every_planner_covers_all_relations_and_crosses_only_parts_that_nothing_joins(
    graph: JoinGraph, seed: int, name: str
) -> None:
    tree = baselines.PLANNERS[name](graph, TableCards(graph, seed), HashJoinCost())
    assert sorted(tree.leaves()) == list(range(graph.size))
    crossed = [
        join
        for join in tree.joins()
        if join.probe and join.build and not graph.joinable(join.probe.mask, join.build.mask)
    ]
    assert len(crossed) == len(baselines.components(graph)) - 1


@settings(max_examples=30, deadline=None)
@given(graph=graphs(low=4, high=11), seed=st.integers(0, 2**32 - 1))
def test_improved_is_between_greedy_and_exact(graph: JoinGraph, seed: int) -> None:
    cards, cost = TableCards(graph, seed), HashJoinCost()
    greedy, improved, exact = (
        tree_cost(planner(graph, cards, cost), graph, cards, cost)
        for planner in (baselines.goo, baselines.improved, baselines.dpccp)
    )
    assert exact * (1 - 1e-9) <= improved <= greedy * (1 + 1e-9)


def test_too_many_subsets_are_not_enumerated() -> None:
    relations = tuple(Relation(alias=f"r{i}", sql="") for i in range(20))
    star = JoinGraph(
        relations=relations, predicates=tuple(Predicate(sql="", relations=1 | 1 << i) for i in range(1, 20))
    )
    assert baselines.connected_subsets(star, cap=1000) is None


def test_duckdbs_way_builds_the_side_with_fewer_bytes() -> None:
    relations = (Relation(alias="a", sql="a", width_bytes=8), Relation(alias="b", sql="b", width_bytes=8))
    graph = JoinGraph(relations=relations, predicates=(Predicate(sql="", relations=3),))

    class Rows:
        def __init__(self) -> None:
            self.graph, self.base_rows = graph, np.ones(2)

        def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
            rows = np.array([{1: 10.0, 2: 1000.0, 3: 50.0}[int(mask)] for mask in subsets])
            return Estimates(rows, np.zeros(len(rows)))

    assert baselines.duckdb_like(graph, Rows(), COut()).render(["a", "b"]) == "(b ⋈ a)"


def test_filters_that_hang_on_one_relation_are_joined_with_it_first() -> None:
    # Facts f and g over a common key; kind k filters f, word w does not filter g.
    relations = tuple(Relation(alias=alias, sql=alias) for alias in "fgkw")
    joins = (("fk", 0b0101), ("gw", 0b1010), ("fg", 0b0011))
    graph = JoinGraph(
        relations=relations, predicates=tuple(Predicate(sql=name, relations=mask) for name, mask in joins)
    )
    rows = {0b0001: 1e6, 0b0010: 1e5, 0b0100: 1.0, 0b1000: 50.0, 0b0101: 1e4, 0b1010: 1e5, 0b0011: 10.0}
    rows |= {0b0111: 10.0, 0b1011: 10.0, 0b1111: 10.0}
    cards = TableCards(graph, 0)
    cards._rows = np.array([rows.get(mask, 1e9) for mask in range(16)])
    ours, greedy = (plan(graph, cards, HashJoinCost()) for plan in (baselines.filtered_first, baselines.goo))
    assert 0b0101 in set(ours.masks())
    assert 0b1010 not in set(ours.masks())
    assert 0b0011 in set(greedy.masks())  # what looks smallest, whatever that is worth
