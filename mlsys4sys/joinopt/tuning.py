"""Learning from executions: the best measured order of one query, and an optimizer fitted to a workload."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mlsys4sys.errors import InputError, VerificationError
from mlsys4sys.joinopt import baselines, calibrate, frontend, measure, verify
from mlsys4sys.joinopt.cardinality import Cardinalities, Estimates, Floats, Masks
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.problem import JoinGraph, Mask
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinPlan, JoinTree, RegionPlan
from mlsys4sys.search import Budget

if TYPE_CHECKING:
    from mlsys4sys.joinopt.solver import JoinOptimizer

PATIENCE = 1.2
"""A candidate is stopped when it takes so many times as long as the best so far."""

ERRORS = (0.5, 1.0, 1.5)
"""Standard deviations of ln(rows) under which candidates are planned (compare Doshi et al., Kepler, SIGMOD 2023)."""


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
            np.random.default_rng([self.seed, mask]).normal() if mask.bit_count() > 1 else 0.0
            for mask in map(int, subsets)
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
        seconds = statistics.median(optimizer.engine.measure(sql).wall_s for _ in range(runs))
        reason = "measured: no other order was faster than DuckDB's own"
        return replace(plan, sql=sql, changed=False, reason=reason, engine_s=seconds, ours_s=seconds)
    trees, tried = found
    best = replace(plan, sql=skeleton.render(trees), changed=True, regions=_with_trees(plan, trees))
    race = measure.race(optimizer.engine, best, runs=runs)
    if not race.verdict and not race.timed_out and not race.verdict.counterexample.startswith(verify.NOT_COMPARABLE):
        raise VerificationError(f"the tuned order gives other rows: {race.verdict.counterexample}")
    if race.speedup <= 1.0:
        reason = f"measured: none of {tried} other orders was faster than DuckDB's own"
        return replace(
            plan, sql=sql, changed=False, reason=reason, engine_s=race.engine_median_s, ours_s=race.engine_median_s
        )
    reason = f"measured: the fastest of {tried} orders, {race.speedup:.2f} times as fast"
    return replace(best, reason=reason, engine_s=race.engine_median_s, ours_s=race.ours_median_s)


def _with_trees(plan: JoinPlan, trees: Sequence[JoinTree]) -> tuple[RegionPlan, ...]:
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

    skeletons = [frontend.read(optimizer.engine, sql) for sql in queries]
    regions = [region for skeleton in skeletons for region in skeleton.regions]
    if not regions:
        raise InputError("none of the queries has joins to reorder; give queries with three tables or more")
    optimizer.prepare(queries)
    if isinstance(optimizer.cost, HashJoinCost):
        optimizer.cost = refit_cost(optimizer, skeletons, budget, share=2 / 3)
    if optimizer.policy is not None:
        sizes = train.counted_problems(optimizer.provider, [region.graph for region in regions], optimizer.cost)
        left_s = max(1.0, (budget.seconds or 0.0) - budget.elapsed_s)
        optimizer.policy, _ = train.fit_policy(optimizer.policy, sizes, optimizer.cost, budget_s=left_s, seed=seed)
    optimizer.forget()


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Several orders of one query that were run."""

    terms: Floats
    """What :func:`terms_of` gives for each, shape (orders, 5)."""
    seconds: Floats
    """CPU seconds of the process, the lesser of two runs, shape (orders,)."""


RATES = ("fixed", "probe", "build", "build_byte", "output")
"""The coefficients that executions can tell apart."""


def refit_cost(
    optimizer: JoinOptimizer, skeletons: Sequence[Skeleton], budget: Budget, *, share: float
) -> HashJoinCost:
    """The cost model fitted to executions of a workload, if it predicts better which order is fastest; else the same.

    Every third query is held out: the new coefficients are kept when the orders they prefer there take less time.
    Differences between orders of one query are what is fitted, so that scans and planning cancel out.
    """
    current = optimizer.cost
    assert isinstance(current, HashJoinCost)
    runs = []
    for skeleton in skeletons:
        if budget.seconds is not None and budget.elapsed_s > share * budget.seconds:
            break
        if len(skeleton.regions) == 1:
            runs.append(_execute(optimizer, skeleton))
    seen, held = [run for i, run in enumerate(runs) if i % 3], runs[::3]
    if not seen or not held:
        return current
    weights = [np.sqrt(1 / run.seconds) for run in seen]
    rows = [(run.terms - run.terms.mean(0)) * w[:, None] for run, w in zip(seen, weights, strict=True)]
    goal = [(run.seconds - run.seconds.mean()) * w for run, w in zip(seen, weights, strict=True)]
    fitted = calibrate.least_squares(np.concatenate(rows), np.concatenate(goal))
    new = replace(current, **dict(zip(RATES, fitted, strict=True)), probe_miss=0.0, build_miss=0.0)
    return new if _preferred_s(held, new) < _preferred_s(held, current) else current


def _execute(optimizer: JoinOptimizer, skeleton: Skeleton, *, most: int = 6) -> Executed:
    region = skeleton.regions[0]
    limit_s = 3 * optimizer.engine.measure(skeleton.sql).wall_s + 0.1
    sizes = Sizes(region.graph, optimizer.provider.bind(region.graph), optimizer.cost)
    terms, seconds = [], []
    for tree in islice(candidates(optimizer, region), most):
        sql = skeleton.render([tree])
        runs = [optimizer.engine.measure(sql, forced=True, timeout_s=limit_s) for _ in range(2)]
        terms.append(terms_of(sizes, tree))
        seconds.append(min(limit_s if run.timed_out else run.cpu_s for run in runs))
    return Executed(terms=np.array(terms), seconds=np.array(seconds))


def terms_of(sizes: Sizes, tree: JoinTree) -> Floats:
    """What each of :data:`RATES` is multiplied with: joins, probe rows, build rows, build bytes, rows out."""
    sizes.ask(list(tree.masks()))
    total = np.zeros(len(RATES))
    for join in tree.joins():
        assert join.probe is not None
        assert join.build is not None
        build = sizes.rows[join.build.mask]
        width = sizes.width(join.build.mask)
        total += [1.0, sizes.rows[join.probe.mask], build, build * width, sizes.rows[join.mask]]
    return total


def _preferred_s(runs: Sequence[Executed], cost: HashJoinCost) -> float:
    """Seconds of the orders that a cost model prefers."""
    rates = np.array([getattr(cost, name) for name in RATES])
    return float(sum(run.seconds[np.argmin(run.terms @ rates)] for run in runs))
