"""Two plans raced: interleaved, warmed, rows compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlsys4sys.joinopt import verify
from mlsys4sys.joinopt.engine import Engine, Measurement
from mlsys4sys.joinopt.problem import Mask
from mlsys4sys.joinopt.solution import JoinPlan
from mlsys4sys.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Seconds of repeated runs of both plans, run in turn."""

    engine_s: tuple[float, ...]
    ours_s: tuple[float, ...]
    verdict: Verdict
    """Whether both gave the same rows."""
    timed_out: bool = False
    """Ours was stopped at its time limit; then it counts as that limit."""

    @property
    def engine_median_s(self) -> float:
        """Median of DuckDB's own plan."""
        return statistics.median(self.engine_s)

    @property
    def ours_median_s(self) -> float:
        """Median of our plan."""
        return statistics.median(self.ours_s)

    @property
    def speedup(self) -> float:
        """How many times as fast ours is."""
        return self.engine_median_s / self.ours_median_s


def race(
    engine: Engine,
    plan: JoinPlan,
    *,
    runs: int = 5,
    cpu: bool = False,
    patience: float = 3.0,
    tolerance: float = 1e-9,
    report: Callable[[str], None] | None = None,
) -> Race:
    """Run DuckDB's own plan and ours in turn, after one warm-up each, and compare their rows.

    Args:
        engine: Where.
        plan: What; its original SQL is DuckDB's own plan.
        runs: Counted runs of each.
        cpu: CPU seconds of the process instead of wall seconds.
        patience: Ours is stopped when it takes so many times as long as DuckDB's own, and half a second.
        tolerance: Relative difference at which floats count as equal.
        report: Told what is being run.
    """
    tell = report or (lambda _: None)
    tell("DuckDB's own plan, warming up")
    first = engine.measure(plan.original_sql)
    if not plan.changed:
        return _alone(engine, plan.original_sql, first, runs=runs, cpu=cpu)
    tell("ours, warming up")
    limit = patience * first.wall_s + 0.5
    other = engine.measure(plan.sql, forced=True, timeout_s=limit)
    if other.rows is None or first.rows is None:
        unknown = Verdict(ok=False, checked=0, counterexample=f"ours was stopped after {limit:.1f} s")
        return Race(engine_s=(first.wall_s,), ours_s=(limit,), verdict=unknown, timed_out=True)
    verdict = verify.check_rows(plan.original_sql, first.rows, other.rows, tolerance=tolerance)
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(runs):
        tell(f"run {i + 1} of {runs}")
        for side, sql, forced in ((times[0], plan.original_sql, False), (times[1], plan.sql, True)):
            measured = engine.measure(sql, forced=forced)
            side.append(measured.cpu_s if cpu else measured.wall_s)
    return Race(engine_s=tuple(times[0]), ours_s=tuple(times[1]), verdict=verdict)


def _alone(engine: Engine, sql: str, first: Measurement, *, runs: int, cpu: bool) -> Race:
    """DuckDB's own plan was kept: there is nothing to race it against."""
    measured = [engine.measure(sql) for _ in range(runs)]
    times = tuple(m.cpu_s if cpu else m.wall_s for m in measured)
    return Race(engine_s=times, ours_s=times, verdict=Verdict(ok=True, checked=len(first.rows or ())))


def actual_rows(engine: Engine, plan: JoinPlan, *, ours: bool) -> list[dict[Mask, float]]:
    """Run a plan once under EXPLAIN ANALYZE; for each region the rows of the joins and leaves of its tree.

    Args:
        engine: Where.
        plan: What; ``engine_tree`` of its regions must be known for DuckDB's own plan.
        ours: The chosen order, else DuckDB's own.
    """
    forced = ours and plan.changed
    root, _ = engine.analyze_tree(plan.sql if forced else plan.original_sql, forced=forced)
    trees = [region.tree if ours else region.engine_tree or region.tree for region in plan.regions]
    return verify.actual_rows(root, [region.graph for region in plan.regions], trees)


def geometric_mean(values: Sequence[float]) -> float:
    """Of positive numbers.

    >>> geometric_mean([1.0, 4.0])
    2.0
    """
    return statistics.geometric_mean(values)
