"""The one class a user meets: SQL in, SQL in a better join order out."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from mlsys4sys._native import reads_only
from mlsys4sys.display import duration
from mlsys4sys.errors import InputError
from mlsys4sys.joinopt import baselines, choice, frontend, tuning, verify
from mlsys4sys.joinopt.cardinality import Cardinalities, Provider, Remembered
from mlsys4sys.joinopt.catalogue import Catalogue
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.cost import CostModel, HashJoinCost
from mlsys4sys.joinopt.engine import Engine, TimeUp
from mlsys4sys.joinopt.exact import engine_order, plan_exactly
from mlsys4sys.joinopt.features import Sizes
from mlsys4sys.joinopt.formula import EngineFormula, ExactBase
from mlsys4sys.joinopt.gate import Gate, tables_named
from mlsys4sys.joinopt.light import NotPlain, read_light
from mlsys4sys.joinopt.policy import Policy, shipped
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.sampled import Exact, Sampled
from mlsys4sys.joinopt.scans import Scan, scans_of
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinPlan, JoinTree, RegionPlan
from mlsys4sys.search import Budget
from mlsys4sys.verdict import Verdict

log = logging.getLogger(__name__)
Report = Callable[[str], None]

SHIPPED = "shipped"

RECENT_S = 1.0
"""A catalogue so many seconds old is good enough to leave a query alone by."""
LEAST_PATIENCE_S = 1.0
"""Before so many seconds no order is given up."""
PROOFS = 8
"""Orders of plain joins that DuckDB must have kept before it is trusted to keep others."""
SPOT = 64
"""Every so manieth order is looked at all the same."""

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
    patience: float = 20.0
    """A new order that runs so many times as long as predicted, and a second at least, is given up."""
    least_relations: int = 3
    """Smaller regions are left alone."""
    cached_plans: int = 256
    """Plans kept by the text of their query, while the catalogue stays as it is."""
    effort: str = "worth"
    """``worth``: planning in stages, each only where it pays, so that quick queries are left alone at once; ``full``:
    always to the end."""
    check: str = "proving"
    """When DuckDB is asked whether it keeps an order: ``always``, or ``proving``, which is for the first orders of a
    process, for every order with anything but equalities between tables in it, and now and then."""

    def __post_init__(self) -> None:
        if self.effort not in ("worth", "full") or self.check not in ("always", "proving"):
            raise InputError("effort is 'worth' or 'full', and check is 'always' or 'proving'")


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
        self.gate = Gate()
        self._orders = self._proven = 0
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
            SqlError: the text is not one query that DuckDB accepts; with line and column where they are known. Where
                planning stopped early, what is wrong inside of a query may show only when it runs.
        """
        started = time.perf_counter()
        full = ask_engine or self.settings.effort == "full"
        plan = None if full else self._quickly(sql)
        if plan is None:
            with self.engine.one_catalogue() as catalogue:
                key, stamp = (sql, ask_engine), catalogue.stamp
                known = self._plans.pop(key, None)
                plan = known[1] if known is not None and known[0] == stamp else self._optimize(sql, ask_engine)
                self._remember(key, stamp, plan)
        return replace(plan, planning_s=time.perf_counter() - started)

    def sql(self, sql: str) -> duckdb.DuckDBPyRelation:
        """The rows of a query as a relation, computed in the chosen order before it returns.

        Raises:
            SqlError: the text is not one query that DuckDB accepts, or it fails while it runs.
        """
        return self.execute(self.optimize(sql))

    def execute(self, plan: JoinPlan) -> duckdb.DuckDBPyRelation:
        """The rows of a plan as a relation, computed before it returns.

        Sizes can be mistaken by far, so that a new order which takes much longer than predicted is given up
        (:attr:`Settings.patience`): the query then runs as written, now and when it comes again.

        Raises:
            SqlError: the query fails while it runs.
        """
        if not plan.changed:
            return self.engine.relation(plan.sql)
        seconds = max(LEAST_PATIENCE_S, self.settings.patience * plan.cost)
        try:
            return self.engine.relation(plan.sql, forced=True, timeout_s=seconds)
        except TimeUp:
            reason = f"given up after {duration(seconds)}: another order was predicted to take {duration(plan.cost)}"
            log.info("%s; running the query as written", reason)
            kept = replace(plan, sql=plan.original_sql, changed=False, reason=reason, cost=plan.engine_cost)
            for ask_engine in (False, True):
                self._remember((plan.original_sql, ask_engine), self.engine.known_catalogue.stamp, kept)
        except InputError as error:
            # The user's own mistake, which is told about the user's text; or a row that only this order looks at.
            log.info("the rewritten query fails (%s); running it as written", error)
        return self.engine.relation(plan.original_sql)

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

    def _remember(self, key: tuple[str, bool], stamp: object, plan: JoinPlan) -> None:
        self._plans[key] = (stamp, plan)
        while len(self._plans) > self.settings.cached_plans:
            self._plans.popitem(last=False)

    def _quickly(self, sql: str) -> JoinPlan | None:
        """A plan from the catalogue as it was a moment ago, without a question to DuckDB; nothing if that cannot be.

        A query that is left alone needs no fresher one. A new order does, unless the database cannot be written: then
        the catalogue is looked at again, and if it has changed there is no plan.
        """
        with self.engine.alone():
            catalogue = self.engine.recent_catalogue(RECENT_S)
            key, stamp = (sql, False), catalogue.stamp
            known = self._plans.get(key)
            plan = known[1] if known is not None and known[0] == stamp else None
            if plan is None:
                plan = self._staged(sql, catalogue)
                if plan is None:
                    return None
                self._remember(key, stamp, plan)
            fresh = not plan.changed or self.engine.unchanging or self.engine.catalogue is catalogue
            return plan if fresh else None

    def _staged(self, sql: str, catalogue: Catalogue) -> JoinPlan | None:
        """A query planned as far as it pays; nothing for one that needs to be read by more than our own scanner."""
        try:
            skeleton = read_light(sql, catalogue)
        except NotPlain:
            # Subqueries, CTEs, outer joins: only DuckDB can take those apart, and that is what costs most.
            sizes = tables_named(sql, catalogue)
            why = self.gate.other(len(sizes), float(sum(sizes))) if sizes else ""
            if why:
                if not reads_only(sql):
                    frontend.refuse(self.engine, sql)
                return JoinPlan(original_sql=sql, sql=sql, changed=False, reason=why, named=len(sizes))
            return None
        except NotFlat:
            return None
        if skeleton.regions:
            self._statistics.refresh(catalogue)
            graph = skeleton.regions[0].graph
            tables = (self._statistics.resolve(relation.table) for relation in graph.relations)
            why = self.gate.flat(graph, sum(float(table.rows) for table in tables if table), self.planning)
            if why:
                return JoinPlan(original_sql=sql, sql=sql, changed=False, reason=why, named=graph.size)
        return self._planned(skeleton)

    def _optimize(self, sql: str, ask_engine: bool) -> JoinPlan:
        skeleton = frontend.read(self.engine, sql)
        return self._planned(skeleton, ask_engine=ask_engine)

    def _planned(self, skeleton: Skeleton, *, ask_engine: bool = False) -> JoinPlan:
        sql = skeleton.sql
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
        return self._decide(skeleton, regions, ask_engine=ask_engine)

    def plan_region(self, region: Region) -> RegionPlan:
        """The cheapest order that any planner proposes for one region, beside DuckDB's own."""
        graph = region.graph
        cards: Cardinalities = self.provider.bind(graph)
        subsets = baselines.connected_subsets(graph, cap=self.settings.exact_subsets)
        if subsets is not None:
            cards = Remembered.of(cards, subsets)
        self._statistics.refresh()
        scans = scans_of(graph, self._statistics)
        if isinstance(cards, Remembered) and region.engine_tree is None and self.settings.planner == "best":
            planned = self._plan_at_once(graph, cards, scans)
            if planned is not None:
                return planned
        sizes = Sizes(graph, cards, self.cost, scans=scans)
        proposed = self._proposals(region, cards, sizes)
        engine = region.engine_tree or self._engine_order(graph)
        planner = next(iter(proposed))
        if len(proposed) > 1:
            planner = min(proposed, key=lambda name: choice.price(sizes, proposed[name]))
        comparison = choice.compare(sizes, proposed[planner], engine)
        if self.settings.planner == "best" and comparison.engine_s <= comparison.ours_s:
            planner, proposed = "engine", {"engine": engine}
            comparison = replace(comparison, ours_s=comparison.engine_s, spread_s=0.0)
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

    def _engine_order(self, graph: JoinGraph) -> JoinTree:
        """What DuckDB would do, by a replica of its estimates."""
        formula = self._formula.bind(graph)
        greedy = None if baselines.exactly_searchable(graph) else engine_order(graph, formula)
        return greedy or baselines.duckdb_like(graph, formula, self.cost)

    def _plan_at_once(self, graph: JoinGraph, cards: Remembered, scans: tuple[Scan, ...]) -> RegionPlan | None:
        """The usual case, where exact search is quick: everything in one native step."""
        if not isinstance(self.cost, HashJoinCost) or int(cards.masks[-1]) != graph.everything:
            return None
        ours, engine, comparison = plan_exactly(cards, self.cost, scans, self._formula.bind(graph))
        better = comparison.ours_s < comparison.engine_s
        masks = sorted({*ours.masks(), *engine.masks()})
        known = cards.estimate(masks)
        return RegionPlan(
            graph=graph,
            tree=ours if better else engine,
            engine_tree=engine,
            planner="dpccp" if better else "engine",
            rows=dict(zip(masks, known.rows.tolist(), strict=True)),
            sigma=dict(zip(masks, known.sigma.tolist(), strict=True)),
            cost_s=min(comparison.ours_s, comparison.engine_s),
            engine_cost_s=comparison.engine_s,
            spread_s=comparison.spread_s if better else 0.0,
        )

    def _worth_a_policy(self, sizes: Sizes, tree: JoinTree) -> bool:
        """Whether a query is expected to run so long that better orders than the greedy one may be worth the search."""
        seconds = choice.price(sizes, tree)
        return self.gate.share * seconds > self.gate.policy_relation_s * sizes.graph.size

    def _proposals(self, region: Region, cards: Cardinalities, sizes: Sizes) -> dict[str, JoinTree]:
        full = self.settings.effort == "full" or region.engine_tree is not None
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
            # The optimum, but for orders that pay only by what a later join of their stream hands down.
            return {"dpccp": baselines.dpccp(graph, cards, self.cost, scans=sizes.scans)}
        proposals: dict[str, JoinTree] = {"filtered-first": baselines.filtered_first(graph, sizes, self.cost)}
        if "dqn" in planners and (full or self._worth_a_policy(sizes, proposals["filtered-first"])):
            proposals["dqn"] = planners["dqn"]()
        return proposals if region.engine_tree is None else {**proposals, "engine": region.engine_tree}

    def _decide(self, skeleton: Skeleton, regions: tuple[RegionPlan, ...], *, ask_engine: bool) -> JoinPlan:
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
        verdict = self._checked(sql, skeleton, trees, always=ask_engine)
        if not verdict:
            return replace(kept, reason=f"DuckDB does not keep the order asked for: {verdict.counterexample}")
        return replace(kept, sql=sql, changed=True, cost=comparison.ours_s)

    def _checked(self, sql: str, skeleton: Skeleton, trees: Sequence[JoinTree], *, always: bool) -> Verdict:
        """Whether DuckDB keeps the order, asked where that is not known from others like it.

        That parentheses are kept is a property of DuckDB's planner, not of a query: once it has kept some orders of
        plain equalities between tables in this process, only every so many are looked at again. One that was not
        kept ends that trust.
        """
        plain = skeleton.kind == "flat" and not any(region.graph.others for region in skeleton.regions)
        self._orders += 1
        if not always and self.settings.check == "proving" and plain and self._proven >= PROOFS and self._orders % SPOT:
            return Verdict(ok=True, checked=0)
        verdict = verify.check_tree(self.engine, sql, skeleton, trees)
        if plain:
            self._proven = self._proven + 1 if verdict else -1_000_000
        return verdict


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
