"""Learning from executions: the best measured order of one query, and an optimizer fitted to a workload."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlsys4sys import seeding
from mlsys4sys.errors import InputError, VerificationError
from mlsys4sys.joinopt import baselines, frontend, measure, verify
from mlsys4sys.joinopt.cardinality import Cardinalities, Estimates, Floats, Masks
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.problem import JoinGraph, Mask
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinPlan, JoinTree
from mlsys4sys.search import Budget

if TYPE_CHECKING:
    from mlsys4sys.joinopt.solver import JoinOptimizer

PATIENCE = 1.2
"""A candidate is stopped when it takes so many times as long as the best so far."""

ERRORS = (0.5, 1.0, 1.5)
"""Standard deviations of ln(rows) of the sizes that candidates are planned under (compare Doshi et al., Kepler, 2023)."""


@dataclass(frozen=True)
class Erring:
    """Another provider's sizes, each joined subset off by a random factor that is the same whenever it is asked for."""

    behind: Cardinalities
    sigma: float
    seed: int

    @property
    def graph(self) -> JoinGraph:
        """Of the provider behind."""
        return self.behind.graph

    @property
    def base_rows(self) -> Floats:
        """Of the provider behind."""
        return self.behind.base_rows

    def estimate(self, subsets: Sequence[Mask] | Masks) -> Estimates:
        """Rows times a log-normal factor; single relations are left as they are."""
        got = self.behind.estimate(subsets)
        factors = [
            seeding.generator(np.random.default_rng([self.seed, int(mask)])).normal()
            if int(mask).bit_count() > 1
            else 0.0
            for mask in subsets
        ]
        return Estimates(got.rows * np.exp(self.sigma * np.array(factors)), got.sigma)


def candidates(optimizer: JoinOptimizer, region: Region) -> Iterator[JoinTree]:
    """Distinct orders of a region, the most promising first, without end of errors."""
    graph, cost = region.graph, optimizer.cost
    cards = optimizer.provider.bind(graph)
    seen: set[JoinTree] = set()

    def proposals() -> Iterator[JoinTree]:
        yield baselines.best(graph, cards, cost)
        if optimizer.policy is not None:
            yield policy_beam(graph, cards, cost, optimizer.policy)[0]
        yield baselines.goo(graph, cards, cost)
        yield baselines.left_deep(graph, cards, cost)
        if region.engine_tree is not None:
            yield region.engine_tree
        for seed in range(64):
            for sigma in ERRORS:
                yield baselines.best(graph, Erring(cards, sigma, seed), cost)

    for tree in proposals():
        if tree not in seen:
            seen.add(tree)
            yield tree


def tune(optimizer: JoinOptimizer, sql: str, budget: Budget, *, runs: int) -> JoinPlan:
    """See :meth:`mlsys4sys.joinopt.solver.JoinOptimizer.tune`."""
    plan = optimizer.optimize(sql, ask_engine=True)
    skeleton = frontend.with_engine_trees(optimizer.engine, frontend.read(optimizer.engine, sql))
    if not skeleton.regions:
        return plan
    found = _fastest(optimizer, skeleton, budget)
    if found is None:
        return replace(plan, sql=sql, changed=False, reason="measured: no other order was faster than DuckDB's own")
    trees, tried = found
    best = replace(plan, sql=skeleton.render(trees), changed=True, regions=_with_trees(plan, trees))
    race = measure.race(optimizer.engine, best, runs=runs)
    if not race.verdict and not race.timed_out and not race.verdict.counterexample.startswith(verify.NOT_COMPARABLE):
        raise VerificationError(f"the tuned order gives other rows: {race.verdict.counterexample}")
    measured = {"engine_s": race.engine_median_s, "ours_s": race.ours_median_s}
    if race.speedup <= 1.0:
        reason = f"measured: none of {tried} other orders was faster than DuckDB's own"
        return replace(
            plan, sql=sql, changed=False, reason=reason, engine_s=race.engine_median_s, ours_s=race.engine_median_s
        )
    return replace(
        best, reason=f"measured: the fastest of {tried} orders, {race.speedup:.2f} times as fast", **measured
    )


def _with_trees(plan: JoinPlan, trees: Sequence[JoinTree]) -> tuple[object, ...]:
    return tuple(replace(region, tree=tree, planner="tuned") for region, tree in zip(plan.regions, trees, strict=True))


def _fastest(optimizer: JoinOptimizer, skeleton: Skeleton, budget: Budget) -> tuple[list[JoinTree], int] | None:
    """The combination of candidates with the least time, region by region, and how many were run."""
    engine = optimizer.engine
    best_s = min(engine.measure(skeleton.sql).wall_s for _ in range(2))
    trees = [region.engine_tree or region.textual_tree for region in skeleton.regions]
    improved, tried = False, 0
    for number, region in enumerate(skeleton.regions):
        for tree in candidates(optimizer, region):
            if not budget.spend():
                break
            trial = [*trees[:number], tree, *trees[number + 1 :]]
            sql = skeleton.render(trial)
            if not verify.check_tree(engine, sql, skeleton, trial):
                continue
            tried += 1
            seconds = _seconds(optimizer, sql, PATIENCE * best_s + 0.01)
            if seconds < best_s:
                best_s, trees, improved = seconds, trial, True
    return (trees, tried) if improved else None


def _seconds(optimizer: JoinOptimizer, sql: str, limit_s: float) -> float:
    """The faster of two runs; infinite when the first is stopped."""
    first = optimizer.engine.measure(sql, forced=True, timeout_s=limit_s)
    if first.timed_out:
        return float("inf")
    second = optimizer.engine.measure(sql, forced=True, timeout_s=limit_s)
    return min(first.wall_s, second.wall_s)


def fit(optimizer: JoinOptimizer, queries: Sequence[str], budget: Budget, *, seed: int) -> None:
    """See :meth:`mlsys4sys.joinopt.solver.JoinOptimizer.fit`."""
    from mlsys4sys.joinopt import train

    regions = [region for sql in queries for region in frontend.read(optimizer.engine, sql).regions]
    if not regions:
        raise InputError("none of the queries has joins to reorder; give queries with three tables or more")
    optimizer.policy = train.fit_policy(optimizer, [region.graph for region in regions], budget, seed=seed)
    if isinstance(optimizer.cost, HashJoinCost):
        optimizer.cost = _refit_cost(optimizer, queries, budget)
    optimizer.forget()
