"""The one class a user meets: SQL in, SQL in a better join order out."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from mlsys4sys.errors import InputError
from mlsys4sys.joinopt import baselines, choice, frontend, tuning, verify
from mlsys4sys.joinopt.cardinality import Cardinalities, Provider, Remembered
from mlsys4sys.joinopt.cost import CostModel, HashJoinCost
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.formula import EngineFormula, ExactBase
from mlsys4sys.joinopt.policy import Policy, shipped
from mlsys4sys.joinopt.sampled import Exact, Sampled
from mlsys4sys.joinopt.scans import listing_pairs, pruned_scans
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinPlan, JoinTree, RegionPlan
from mlsys4sys.search import Budget

Report = Callable[[str], None]

SHIPPED = "shipped"

PROVIDERS: dict[str, Callable[..., Provider]] = {
    "sampled": Sampled,
    "base": ExactBase,
    "formula": EngineFormula,
    "exact": Exact,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How orders are looked for and when ours is taken."""

    planner: str = "best"
    """``best`` of all by the shared cost, or one of ``dqn``, ``dpccp``, ``goo``, ``left-deep``, ``textual``."""
    exact_subsets: int = baselines.EXACT_SUBSETS
    """Exact search up to so many connected subsets; the policy's beam and the greedy heuristic above it."""
    beam_width: int = 4
    confidence: float = 1.0
    """Ours is taken when its predicted gain is worth so many standard deviations of itself."""
    least_relations: int = 3
    """Smaller regions are left alone."""
    cached_plans: int = 256
    """Plans kept by the text of their query, while the catalogue stays as it is."""


class JoinOptimizer:
    """Learned and exact join ordering for one DuckDB connection.

    >>> import duckdb
    >>> con = duckdb.connect()
    >>> _ = con.execute("CREATE TABLE t AS SELECT range AS id FROM range(10)")
    >>> JoinOptimizer(con).optimize("SELECT count(*) FROM t").reason
    'one table: there is no order to choose'
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        policy: Policy | str | None = SHIPPED,
        cardinalities: str | Provider = "sampled",
        cost: CostModel | None = None,
        settings: Settings | None = None,
        report: Report | None = None,
    ) -> None:
        """Wrap a connection; nothing is read before the first query.

        Args:
            connection: Any DuckDB connection; only ever read from.
            policy: The trained network: ``"shipped"``, one of your own, or nothing to leave learning out.
            cardinalities: ``"sampled"`` (counted on a sample), ``"base"`` (exact filtered tables and DuckDB's formula),
                ``"formula"``, ``"exact"`` (counted; for experiments), or a provider of your own.
            cost: The cost of operators; by default this machine's calibration, or the shipped one.
            settings: How to search and when to take the result.
            report: Told what is being done when something takes long.

        Raises:
            InputError: ``cardinalities`` or ``policy`` is no known name.
        """
        self.engine = Engine(connection)
        self.policy = _policy(policy)
        self.cost: CostModel = cost if cost is not None else HashJoinCost.load()
        self.settings = settings or Settings()
        self.planning = choice.PlanningCost()
        self.provider = _provider(cardinalities, self.engine, report)
        self._formula = EngineFormula(self.engine)
        self._statistics = self._formula.statistics
        self._plans: OrderedDict[tuple[str, bool], tuple[object, JoinPlan]] = OrderedDict()

    def optimize(self, sql: str, *, ask_engine: bool = False) -> JoinPlan:
        """Choose a join order for a query; the query does not run.

        Args:
            sql: One query.
            ask_engine: Ask DuckDB for its own order, exactly, so that both can be shown. Otherwise a flat query's own
                order is predicted by a replica of DuckDB's estimates: asking costs more than all the rest of planning.

        Raises:
            SqlError: the text is not one query that DuckDB accepts; with line and column where they are known.
        """
        started = time.perf_counter()
        with self.engine.one_catalogue() as catalogue:
            key, stamp = (sql, ask_engine), catalogue.stamp
            known = self._plans.pop(key, None)
            plan = known[1] if known is not None and known[0] == stamp else self._optimize(sql, ask_engine)
            self._plans[key] = (stamp, plan)
            while len(self._plans) > self.settings.cached_plans:
                self._plans.popitem(last=False)
        return replace(plan, planning_s=time.perf_counter() - started)

    def sql(self, sql: str) -> duckdb.DuckDBPyRelation:
        """The rows of a query as a relation, computed in the chosen order before it returns."""
        plan = self.optimize(sql)
        return self.engine.relation(plan.sql, forced=plan.changed)

    def tune(self, sql: str, budget_s: float = 30.0, *, runs: int = 5) -> JoinPlan:
        """Run several orders of a query and keep the fastest that is measured, DuckDB's own included.

        Candidates come from all planners, under other cost models and under sizes that err, so that a wrong estimate
        cannot hide a good order. Each is stopped when it falls clearly behind the best so far; the rows of the winner
        are compared with those of DuckDB's own plan.

        Args:
            sql: One query.
            budget_s: Seconds for all runs; the final comparison may exceed it by its ``runs`` runs.
            runs: Runs of the winner and of DuckDB's own plan, in turn.

        Raises:
            VerificationError: the winner's rows differ.
        """
        return tuning.tune(self, sql, Budget(seconds=budget_s), runs=runs)

    def fit(self, queries: Sequence[str], budget_s: float = 600.0, *, seed: int = 0) -> None:
        """Learn from a workload: the policy from the costs of its join orders, the cost model from executions.

        Needs the ``train`` extra. A third of the budget trains the policy on the join graphs of the queries (and on
        random ones, so that it does not forget the rest); the others run orders of the queries and refit the cost model
        to what they took, which is kept only if it predicts held-out runs better than before.
        """
        tuning.fit(self, queries, Budget(seconds=budget_s), seed=seed)

    def save(self, path: str | Path) -> None:
        """Write the policy and the cost model to one file.

        Raises:
            InputError: there is no policy to save.
        """
        if self.policy is None:
            raise InputError("this optimizer has no policy to save; make one with policy='shipped' and fit it")
        cost = asdict(self.cost) if isinstance(self.cost, HashJoinCost) else None
        Policy(self.policy.network, {**self.policy.config, "cost": cost}).save(path)

    @classmethod
    def load(cls, path: str | Path, connection: duckdb.DuckDBPyConnection) -> JoinOptimizer:
        """An optimizer with the policy and cost model that :meth:`save` wrote."""
        policy = Policy.load(path)
        cost = policy.config.get("cost")
        return cls(connection, policy=policy, cost=HashJoinCost(**cost) if cost else None)

    def prepare(self, queries: Sequence[str]) -> None:
        """Draw the sample that these queries need, once, instead of when they come."""
        graphs = [region.graph for sql in queries for region in frontend.read(self.engine, sql).regions]
        prepare = getattr(self.provider, "prepare", None)
        if prepare is not None:
            prepare(graphs)

    def forget(self) -> None:
        """Drop cached plans and what was counted for their filters, as after a restart; samples are kept."""
        self._plans.clear()
        forget = getattr(self.provider, "forget", None)
        if forget is not None:
            forget()

    def _optimize(self, sql: str, ask_engine: bool) -> JoinPlan:
        skeleton = frontend.read(self.engine, sql)
        if not skeleton.regions:
            return JoinPlan(original_sql=sql, sql=sql, changed=False, reason=skeleton.why)
        if ask_engine:
            skeleton = frontend.with_engine_trees(self.engine, skeleton)
        try:
            regions = tuple(self.plan_region(region) for region in skeleton.regions)
        except duckdb.Error as error:
            why = " ".join(str(error).split("\n")[0].split())
            reason = f"the sizes of its sub-plans cannot be counted ({why})"
            return JoinPlan(original_sql=sql, sql=sql, changed=False, reason=reason)
        return self._decide(skeleton, regions)

    def plan_region(self, region: Region) -> RegionPlan:
        """The cheapest order that any planner proposes for one region, beside DuckDB's own."""
        graph = region.graph
        cards: Cardinalities = self.provider.bind(graph)
        subsets = baselines.connected_subsets(graph, cap=self.settings.exact_subsets)
        if subsets is not None:
            cards = Remembered.of(cards, subsets)
        self._statistics.refresh()
        sizes = Sizes(graph, cards, self.cost, scans=pruned_scans(graph, self._statistics, self.cost))
        proposed = self._proposals(region, cards, sizes)
        engine = region.engine_tree or baselines.duckdb_like(graph, self._formula.bind(graph), self.cost)
        priced = {name: choice.price(sizes, tree) for name, tree in proposed.items()}
        planner = min(priced, key=priced.__getitem__)
        comparison = choice.compare(sizes, proposed[planner], engine)
        return RegionPlan(
            graph=graph,
            tree=proposed[planner],
            engine_tree=engine,
            engine_known=region.engine_tree is not None,
            planner=planner,
            rows=dict(sizes.rows),
            sigma=dict(sizes.sigma),
            cost_s=comparison.ours_s,
            engine_cost_s=comparison.engine_s,
            spread_s=comparison.spread_s,
        )

    def _proposals(self, region: Region, cards: Cardinalities, sizes: Sizes) -> dict[str, JoinTree]:
        graph, wanted = region.graph, self.settings.planner
        if wanted == "textual":
            return {"textual": region.textual_tree}
        planners: dict[str, Callable[[], JoinTree]] = {
            "dpccp": lambda: baselines.dpccp(graph, cards, self.cost),
            "goo": lambda: baselines.goo(graph, sizes, self.cost),
            "improved": lambda: baselines.improved(graph, cards, self.cost),
            "left-deep": lambda: baselines.left_deep(graph, cards, self.cost),
        }
        if self.policy is not None:
            policy_, width = self.policy, self.settings.beam_width
            planners["dqn"] = lambda: policy_beam(graph, sizes, self.cost, policy_, width=width)[0]
        if wanted != "best":
            if wanted not in planners:
                raise InputError(f"no planner {wanted!r}; there are best, textual, {', '.join(planners)}")
            return {wanted: planners[wanted]()}
        if isinstance(cards, Remembered):
            # The optimum of the joins: only what the model says of scans can make another order cheaper.
            return {"dpccp": planners["dpccp"](), **self._pruning(sizes)}
        proposals: dict[str, JoinTree] = {name: planners[name]() for name in ("goo", "dqn") if name in planners}
        return proposals if region.engine_tree is None else {**proposals, "engine": region.engine_tree}

    def _pruning(self, sizes: Sizes) -> dict[str, JoinTree]:
        """The best orders in which a clustered table is read past a small one first, or past everything else last."""
        graph = sizes.graph
        found: dict[str, JoinTree] = {}
        if not sizes.scans:
            return found
        sizes.ask([1 << i for i in range(graph.size)])
        pairs = listing_pairs(graph, sizes.scans, sizes.rows)
        together = baselines.disjoint([1 << big | 1 << small for big, small in pairs])
        if together:
            found["dpccp, pairs first"] = baselines.dpccp(graph, sizes.cards, self.cost, together=together)
        for scan in sizes.scans:
            rest = graph.everything & ~(1 << scan.relation)
            if graph.connected(rest):
                tree = baselines.dpccp(graph, sizes.cards, self.cost, together=[rest])
                found[f"dpccp, {graph.relations[scan.relation].alias} last"] = tree
        return found

    def _decide(self, skeleton: Skeleton, regions: tuple[RegionPlan, ...]) -> JoinPlan:
        comparison = choice.total(regions)
        take, reason = choice.decide(regions, self.planning, confidence=self.settings.confidence)
        kept = JoinPlan(
            original_sql=skeleton.sql,
            sql=skeleton.sql,
            changed=False,
            reason=reason,
            regions=regions,
            cost=comparison.engine_s,
            engine_cost=comparison.engine_s,
        )
        if not take:
            return kept
        trees = [region.tree for region in regions]
        sql = skeleton.render(trees)
        verdict = verify.check_tree(self.engine, sql, skeleton, trees)
        if not verdict:
            return replace(kept, reason=f"DuckDB does not keep the order asked for: {verdict.counterexample}")
        return replace(kept, sql=sql, changed=True, cost=comparison.ours_s)


def _policy(policy: Policy | str | None) -> Policy | None:
    if isinstance(policy, str) and policy != SHIPPED:
        raise InputError(
            f"policy must be {SHIPPED!r}, a Policy or None, not {policy!r}; Policy.load(path) reads a file"
        )
    return shipped() if isinstance(policy, str) else policy


def _provider(cardinalities: str | Provider, engine: Engine, report: Report | None) -> Provider:
    if not isinstance(cardinalities, str):
        return cardinalities
    if cardinalities not in PROVIDERS:
        raise InputError(f"no cardinalities {cardinalities!r}; there are {', '.join(PROVIDERS)}, or a Provider")
    return Sampled(engine, report=report) if cardinalities == "sampled" else PROVIDERS[cardinalities](engine)
