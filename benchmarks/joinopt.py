"""DuckDB's own join orders against ours: ``python -m benchmarks.joinopt --json benchmarks/results/joinopt.json``.

Workloads: the bundled questions, random queries that nothing was trained on, and the Join Order Benchmark where its
queries are at hand (``--job FOLDER``), on the generated IMDb-shaped database, on the same with stronger correlations,
on its shuffled control, and (all but the random ones) on a larger one; TPC-H and TPC-DS where their queries
(``--tpch FOLDER``, ``--tpcds FOLDER``) and ``tpcgen-cli`` are there.
Figures are CPU seconds of the process at one thread, the least of ``--runs`` (five for queries under 50 ms),
interleaved; planning is counted, with plans and what was counted for filters dropped before each pass over a workload.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import duckdb

from benchmarks.machine import machine
from mlsys4sys.datasets import catalogue, tpc, workloads
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.errors import Mlsys4sysError
from mlsys4sys.joinopt.engine import open_database
from mlsys4sys.joinopt.measure import geometric_mean
from mlsys4sys.joinopt.solution import JoinPlan
from mlsys4sys.joinopt.solver import JoinOptimizer, Settings
from mlsys4sys.joinopt.verify import check_rows

SLOWER = 1.2
SHORT_S, MORE_RUNS = 0.05, 5
"""Queries under so many CPU seconds are run so many times."""
GATE = ("too quick to gain", "it joins two tables")
TPC_SCALES = {"tpch": 0.3, "tpcds": 1.0}
LARGER = "imdb-demo"
"""The database of the commands, two and a half times as large."""
VARIANTS = ("", "-strong", "-shuffled")
"""Of the database: as it is, with stronger correlations, without any."""
HELD_SEED = 1234
"""Of the random queries; training uses others."""

Contenders = dict[str, JoinOptimizer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One query, one contender."""

    query: str
    contender: str
    relations: int
    engine_s: float
    ours_s: float
    planning_s: float
    changed: bool
    reason: str
    rows_equal: bool


def contenders(connection: duckdb.DuckDBPyConnection, *, everything: bool) -> Contenders:
    """The product as it ships, the same without learning, and single parts of it."""
    made = {"ours": JoinOptimizer(connection)}
    if everything:
        made |= {
            "ours, no policy": JoinOptimizer(connection, policy=None),
            "ours, no guard": JoinOptimizer(connection, settings=Settings(confidence=0.0)),
            "policy alone": JoinOptimizer(connection, settings=Settings(planner="dqn")),
            "greedy (GOO)": JoinOptimizer(connection, settings=Settings(planner="goo")),
            "left-deep": JoinOptimizer(connection, settings=Settings(planner="left-deep")),
            "exact filtered tables": JoinOptimizer(connection, cardinalities="base"),
            "DuckDB's formula": JoinOptimizer(connection, cardinalities="formula"),
        }
    return made


def plan_all(optimizer: JoinOptimizer, queries: Mapping[str, str], passes: int) -> dict[str, tuple[JoinPlan, float]]:
    """Plans and the least CPU seconds that planning took; nothing is remembered from pass to pass but the sample."""
    try:
        optimizer.prepare(list(queries.values()))
    except Mlsys4sysError as error:  # some text is no query here: each is asked by itself
        click.echo(f"not all could be read beforehand: {error}", err=True)
    planned: dict[str, tuple[JoinPlan, float]] = {}
    for number in range(passes + 1):
        optimizer.forget()
        for name, sql in queries.items():
            started = time.process_time()
            plan = optimizer.optimize(sql)
            seconds = time.process_time() - started
            if number:  # the first pass warms code paths
                planned[name] = plan, min(seconds, planned.get(name, (plan, seconds))[1])
            else:
                planned[name] = plan, float("inf")
    return planned


def race(made: Contenders, queries: Mapping[str, str], runs: int) -> list[Row]:
    """Every query by every contender and by DuckDB itself, in turn."""
    plans = {name: plan_all(optimizer, queries, passes=3) for name, optimizer in made.items()}
    engine = made["ours"].engine
    rows = []
    for number, (query, sql) in enumerate(queries.items()):
        click.echo(f"\r\x1b[2K{number + 1} of {len(queries)}: {query}", nl=False, err=True)
        first = engine.measure(sql)
        wanted = first.rows or []
        times: dict[str, list[float]] = {"": []}
        equal = {}
        for name, planned in plans.items():
            plan = planned[query][0]
            equal[name] = not plan.changed or bool(check_rows(sql, wanted, engine.run(plan.sql, forced=True)))
        for _ in range(max(runs, MORE_RUNS) if first.cpu_s < SHORT_S else runs):
            times[""].append(engine.measure(sql).cpu_s)
            for name, planned in plans.items():
                plan = planned[query][0]
                if plan.changed:
                    times.setdefault(name, []).append(engine.measure(plan.sql, forced=True).cpu_s)
        for name, planned in plans.items():
            plan, planning_s = planned[query]
            rows.append(
                Row(
                    query=query,
                    contender=name,
                    relations=plan.relations,
                    engine_s=min(times[""]),
                    ours_s=min(times[name]) if plan.changed else min(times[""]),
                    planning_s=planning_s,
                    changed=plan.changed,
                    reason=plan.reason,
                    rows_equal=equal[name],
                )
            )
    click.echo("\r\x1b[2K", nl=False, err=True)
    return rows


def summary(rows: list[Row]) -> dict[str, Any]:
    """What a table shows of one contender on one workload."""
    with_planning = [row.engine_s / (row.ours_s + row.planning_s) for row in rows]
    return {
        "queries": len(rows),
        "changed": sum(row.changed for row in rows),
        "left alone at the gate": sum(row.reason.startswith(GATE) for row in rows),
        "rows equal": all(row.rows_equal for row in rows),
        "execution, geometric mean": round(geometric_mean([row.engine_s / row.ours_s for row in rows]), 3),
        "execution, total": round(sum(row.engine_s for row in rows) / sum(row.ours_s for row in rows), 3),
        "with planning, geometric mean": round(geometric_mean(with_planning), 3),
        "with planning, total": round(
            sum(row.engine_s for row in rows) / sum(row.ours_s + row.planning_s for row in rows), 3
        ),
        "best": round(max(row.engine_s / row.ours_s for row in rows), 2),
        f"executions slower than {SLOWER} times": sum(row.ours_s > SLOWER * row.engine_s for row in rows),
        f"with planning slower than {SLOWER} times": sum(ratio < 1 / SLOWER for ratio in with_planning),
        "planning, mean ms": round(1e3 * statistics.fmean(row.planning_s for row in rows), 2),
        "planning, median ms": round(1e3 * statistics.median(row.planning_s for row in rows), 2),
        "planning, most ms": round(1e3 * max(row.planning_s for row in rows), 1),
    }


def job_queries(folder: Path) -> dict[str, str]:
    """The 113 queries; the alias ``at``, reserved in DuckDB 2.0, is quoted."""
    found = {}
    for path in sorted(folder.glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8").strip().rstrip(";")
        found[path.stem] = re.sub(r"(?<=[\s(=])at(?=\.)", '"at"', re.sub(r"\bAS at\b", 'AS "at"', text))
    return found


Results = dict[str, Any]


def measured(results: Results, title: str, made: Contenders, queries: Mapping[str, str], runs: int) -> None:
    """Race one workload and put rows and summaries into the results."""
    rows = race(made, queries, runs)
    results["rows"][title] = [asdict(row) for row in rows]
    for contender in dict.fromkeys(row.contender for row in rows):
        shown = summary([row for row in rows if row.contender == contender])
        results["summary"].setdefault(title, {})[contender] = shown
        click.echo(f"{title:24} {contender:24} {json.dumps(shown)}")


def imdb_loads(connection: duckdb.DuckDBPyConnection, job: Path | None, count: int) -> dict[str, dict[str, str]]:
    """The workloads on an IMDb-shaped database."""
    loads = {"job": job_queries(job)} if job is not None else {}
    loads["questions"] = {question.name: question.sql for question in QUESTIONS}
    if count:
        drawn = workloads.generate_queries(connection, count=count, seed=HELD_SEED, relations=(4, 12))
        loads["random"] = {query.name: query.sql for query in drawn}
    return loads


def race_tpc(results: Results, name: str, folder: Path, runs: int) -> None:
    """TPC-H or TPC-DS, ours alone; a query that is not accepted ends the benchmark."""
    path = tpc.open_database(name, scale=TPC_SCALES[name], report=lambda text: click.echo(text, err=True))
    with closing(open_database(path)) as connection:
        connection.execute("SET threads = 1")
        queries = tpc.read_queries(name, folder)
        measured(results, f"{name}: queries", contenders(connection, everything=False), queries, runs)
        full = {"ours": JoinOptimizer(connection, settings=Settings(effort="full"))}
        measured(results, f"{name}: queries, no gate", full, queries, runs)


@click.command()
@click.option("--json", "output", type=click.Path(path_type=Path), help="Where to write everything.")
@click.option("--job", type=click.Path(path_type=Path, exists=True), help="Folder with the JOB queries.")
@click.option("--tpch", type=click.Path(path_type=Path, exists=True), help="Folder with the TPC-H queries.")
@click.option("--tpcds", type=click.Path(path_type=Path, exists=True), help="Folder with the TPC-DS queries.")
@click.option("--database", default="imdb", show_default=True, help="Name of a generated database.")
@click.option("--random", "count", default=60, show_default=True, help="Random queries.")
@click.option("--runs", default=3, show_default=True, help="Runs of each plan.")
def main(
    output: Path | None, job: Path | None, tpch: Path | None, tpcds: Path | None, database: str, count: int, runs: int
) -> None:
    """Measure, print a table and write the results."""
    if job is None:
        click.echo("JOB queries are not at hand (--job FOLDER): left out", err=True)
    results: Results = {"machine": machine("duckdb"), "summary": {}, "rows": {}}
    started = time.perf_counter()
    for name in (*(database + variant for variant in VARIANTS), LARGER):
        path = catalogue.open_database(name, report=lambda text: click.echo(text, err=True))
        with closing(open_database(path)) as connection:
            connection.execute("SET threads = 1")
            for load, queries in imdb_loads(connection, job, 0 if name == LARGER else count).items():
                made = contenders(
                    connection, everything=name == database or (load == "job" and name.endswith("-strong"))
                )
                measured(results, f"{name}: {load}", made, queries, runs)
    for name, folder in (("tpch", tpch), ("tpcds", tpcds)):
        if folder is None or (tpc.find_program() is None):
            click.echo(f"{name}: queries (--{name} FOLDER) or tpcgen-cli are not at hand: left out", err=True)
        else:
            race_tpc(results, name, folder, runs)
    results["machine"] |= {
        "load after": round(os.getloadavg()[0], 2),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Mlsys4sysError as error:
        raise SystemExit(f"error: {error}") from error
