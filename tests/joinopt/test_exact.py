"""One native step against the three steps that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.joinopt import baselines, choice
from mlsys4sys.joinopt.cardinality import Estimates, Remembered
from mlsys4sys.joinopt.cost import COut, HashJoinCost, subset_width
from mlsys4sys.joinopt.exact import engine_order, plan_exactly
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.formula import BoundFormula, Formula
from mlsys4sys.joinopt.problem import Column, JoinGraph, Predicate, Relation
from mlsys4sys.joinopt.scans import Link, Scan


@st.composite
def problems(draw: st.DrawFn) -> tuple[JoinGraph, Remembered, tuple[Scan, ...], BoundFormula]:
    """Connected graphs with classes, other predicates, drawn sizes and scans."""
    n = draw(st.integers(2, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    predicates = []
    for i in range(1, n):
        j = int(rng.integers(i))
        # Few names, so that classes of several relations come about.
        left, right = Column(i, f"c{rng.integers(2)}"), Column(j, f"c{rng.integers(2)}")
        predicates.append(Predicate(sql="", relations=1 << i | 1 << j, equality=(left, right)))
    if n > 2 and draw(st.booleans()):
        predicates.append(Predicate(sql="", relations=0b101))
    relations = tuple(Relation(alias=f"r{i}", sql=f"r{i}", width_bytes=float(rng.uniform(4, 200))) for i in range(n))
    graph = JoinGraph(relations=relations, predicates=tuple(predicates))
    masks = baselines.connected_subsets(graph)
    assert masks is not None
    known = Estimates(10 ** rng.uniform(0, 6, len(masks)), rng.uniform(0, 3, len(masks)))
    formula = Formula(graph, 10 ** rng.uniform(0, 6, n), 10 ** rng.uniform(0, 5, len(graph.classes)))
    bound = BoundFormula(graph, np.ones(n), formula, np.zeros(n))
    return graph, Remembered(bound, masks, known), tuple(_scan(graph, rng, r) for r in range(0, n, 2)), bound


def _scan(graph: JoinGraph, rng: np.random.Generator, relation: int) -> Scan:
    masks = [mask for mask in graph.class_masks if mask >> relation & 1]
    links = tuple(
        Link(partners=m, share=float(rng.random()), spread=float(rng.random()), runs=float(rng.uniform(1, 9)))
        for m in masks
    )
    seconds = {name: float(rng.uniform(0, 2e-2)) for name in ("key_s", "in_scan_s", "above_s", "text_s")}
    return Scan(relation=relation, links=links, segments=float(rng.uniform(1, 40)), **seconds)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_one_step_finds_and_prices_what_three_do(
    problem: tuple[JoinGraph, Remembered, tuple[Scan, ...], BoundFormula],
) -> None:
    graph, cards, scans, formula = problem
    cost = HashJoinCost()
    ours, engine, comparison = plan_exactly(cards, cost, scans, formula)
    sizes = Sizes(graph, cards, cost, scans=scans)
    assert ours == baselines.dpccp(graph, cards, cost, scans=scans)
    assert engine == baselines.duckdb_like(graph, formula, cost)
    plain = choice.compare(sizes, ours, engine)
    assert comparison.ours_s == pytest.approx(plain.ours_s)
    assert comparison.engine_s == pytest.approx(plain.engine_s)
    assert comparison.spread_s == pytest.approx(plain.spread_s)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_the_greedy_replica_is_the_one_that_python_makes(
    problem: tuple[JoinGraph, Remembered, tuple[Scan, ...], BoundFormula],
) -> None:
    graph, _, _, formula = problem
    order = baselines.goo(graph, formula, COut())
    rows = {mask: float(formula.estimate([mask]).rows[0]) for mask in order.masks()}
    found = engine_order(graph, formula)
    assert found is not None
    assert {join.mask for join in found.joins()} == {join.mask for join in order.joins()}
    for join in found.joins():
        assert join.probe is not None
        assert join.build is not None
        sides = [rows[side.mask] * (24 + subset_width(graph, side.mask)) for side in (join.probe, join.build)]
        assert sides[1] <= sides[0] * (1 + 1e-9)
