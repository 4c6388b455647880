"""The class a user meets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from mlsys4sys.datasets import workloads
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.errors import InputError
from mlsys4sys.joinopt import JoinOptimizer, solver
from mlsys4sys.joinopt.engine import open_database
from mlsys4sys.joinopt.measure import actual_rows, race
from mlsys4sys.joinopt.solver import Settings
from mlsys4sys.joinopt.verify import check_rows
from tests.conftest import job_queries

SQL = QUESTIONS[0].sql
FULL = Settings(effort="full", check="always")
"""On a database this small every query is too quick to be worth planning."""


@pytest.fixture(scope="module")
def connection(imdb: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = open_database(imdb)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def optimizer(connection: duckdb.DuckDBPyConnection) -> JoinOptimizer:
    return JoinOptimizer(connection, settings=FULL)


def assert_right(optimizer: JoinOptimizer, sql: str) -> bool:
    """Planned, forced and equal in rows, or kept with a reason; whether it was changed."""
    plan = optimizer.optimize(sql)
    assert plan.reason
    if plan.changed:
        verdict = check_rows(sql, optimizer.engine.run(sql), optimizer.engine.run(plan.sql, forced=True))
        assert verdict, verdict.counterexample
        assert plan.cost <= plan.engine_cost * 1.0001
    else:
        assert plan.sql == sql
    return plan.changed


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_question_keeps_its_rows(optimizer: JoinOptimizer, question) -> None:
    assert_right(optimizer, question.sql)


def test_random_queries_keep_their_rows(optimizer: JoinOptimizer, connection: duckdb.DuckDBPyConnection) -> None:
    queries = workloads.generate_queries(connection, count=40, seed=5, relations=(4, 14))
    assert sum(assert_right(optimizer, query.sql) for query in queries) >= 5


def test_the_join_order_benchmark_keeps_its_rows(optimizer: JoinOptimizer) -> None:
    changed = {name: assert_right(optimizer, sql) for name, sql in job_queries().items()}
    assert len(changed) == 113
    assert sum(changed.values()) >= 20


@pytest.mark.parametrize("planner", ["dqn", "dpccp", "goo", "improved", "left-deep", "textual"])
def test_every_planner_orders_every_relation(connection: duckdb.DuckDBPyConnection, planner: str) -> None:
    plan = JoinOptimizer(connection, settings=replace(FULL, planner=planner)).optimize(SQL)
    assert plan.tree is not None
    assert sorted(plan.tree.leaves()) == list(range(9))


@pytest.mark.parametrize("cardinalities", ["sampled", "base", "formula", "exact"])
def test_every_provider_can_plan(connection: duckdb.DuckDBPyConnection, cardinalities: str) -> None:
    assert JoinOptimizer(connection, cardinalities=cardinalities, settings=FULL).optimize(SQL).cost > 0


def test_without_the_policy_nothing_learned_is_used(connection: duckdb.DuckDBPyConnection) -> None:
    optimizer = JoinOptimizer(connection, policy=None)
    assert optimizer.optimize(SQL).reason
    with pytest.raises(InputError, match="no policy to save"):
        optimizer.save("nowhere.safetensors")


def test_unknown_names_are_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InputError, match="no cardinalities 'magic'"):
        JoinOptimizer(connection, cardinalities="magic")
    with pytest.raises(InputError, match="policy must be"):
        JoinOptimizer(connection, policy="best.pt")
    with pytest.raises(InputError, match="no planner 'magic'"):
        JoinOptimizer(connection, settings=replace(FULL, planner="magic")).optimize(SQL)


def test_sql_gives_the_rows_of_the_query(optimizer: JoinOptimizer) -> None:
    for question in QUESTIONS[:6]:
        assert optimizer.sql(question.sql).fetchall() == optimizer.engine.run(question.sql)


def test_asking_duckdb_shows_its_own_order(optimizer: JoinOptimizer) -> None:
    known = [optimizer.optimize(question.sql, ask_engine=True) for question in QUESTIONS]
    flat = [region for plan in known for region in plan.regions]
    assert sum(region.engine_known for region in flat) >= 0.9 * len(flat)


def test_actual_rows_are_found_for_both_plans(optimizer: JoinOptimizer) -> None:
    plan = optimizer.optimize(SQL, ask_engine=True)
    for ours in (True, False):
        (rows,) = actual_rows(optimizer.engine, plan, ours=ours)
        tree = plan.regions[0].tree if ours else plan.regions[0].engine_tree
        assert set(rows) == set(tree.masks())


def test_a_tuned_plan_is_never_slower_than_what_was_measured(optimizer: JoinOptimizer) -> None:
    plan = optimizer.tune(SQL, budget_s=2.0, runs=2)
    assert plan.engine_s is not None
    assert plan.ours_s is not None
    assert plan.speedup >= 1.0
    assert plan.reason.startswith("measured: ")


@pytest.mark.slow
def test_fitting_keeps_what_is_better_and_can_be_saved(optimizer: JoinOptimizer, imdb: Path, tmp_path: Path) -> None:
    with open_database(imdb) as connection:
        fitted = JoinOptimizer(connection)
        fitted.fit([question.sql for question in QUESTIONS[:9]], budget_s=6.0)
        fitted.save(tmp_path / "fitted.safetensors")
        again = JoinOptimizer.load(tmp_path / "fitted.safetensors", connection)
        assert again.cost == fitted.cost
        assert_right(again, SQL)


def test_plans_are_remembered_until_the_data_changes() -> None:
    with duckdb.connect() as connection:
        for name in "abc":
            connection.execute(f"CREATE TABLE {name} AS SELECT range AS id FROM range(100)")
        optimizer = JoinOptimizer(connection, settings=FULL)
        sql = "SELECT count(*) FROM a, b, c WHERE a.id = b.id AND b.id = c.id"
        optimizer.optimize(sql)
        assert optimizer.optimize(sql).planning_s < 0.1
        connection.execute("INSERT INTO a SELECT range FROM range(100000)")
        rows = optimizer.optimize(sql).regions[0].rows
        assert max(rows.values()) >= 100_000


def test_a_second_cursor_never_sees_the_setting_or_another_plan(imdb: Path) -> None:
    """Threads with cursors of one instance plan, force and read settings at once."""
    connection = open_database(imdb)
    wrong: list[str] = []
    done = threading.Event()

    def force() -> None:
        optimizer = JoinOptimizer(connection.cursor(), settings=FULL)
        for question in QUESTIONS[:8]:
            expected = optimizer.engine.run(question.sql)
            if optimizer.sql(question.sql).fetchall() != expected:
                wrong.append(f"{question.name}: other rows")
        done.set()

    def watch() -> None:
        engine = JoinOptimizer(connection.cursor()).engine
        own = engine.explain_tree(SQL)
        while not done.is_set():
            if engine.run("SELECT current_setting('disabled_optimizers')") != [("",)]:
                wrong.append("the setting was seen")
            if [node.name for node in engine.explain_tree(SQL).walk()] != [node.name for node in own.walk()]:
                wrong.append("another plan was seen")

    threads = [threading.Thread(target=force), threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    assert not wrong


def test_the_setting_is_restored_whatever_happens(connection: duckdb.DuckDBPyConnection) -> None:
    engine = JoinOptimizer(connection).engine
    with pytest.raises(InputError), engine.forced():
        raise InputError("in the middle")
    assert engine.run("SELECT current_setting('disabled_optimizers')") == [("",)]


def test_a_race_stops_a_plan_that_runs_away(optimizer: JoinOptimizer) -> None:
    plan = optimizer.optimize(SQL)
    endless = "SELECT count(*) FROM range(100000) a, range(100000) b, range(100) c WHERE a.range + b.range > c.range"
    lost = race(optimizer.engine, replace(plan, sql=endless, changed=True), runs=1, patience=0.1)
    assert lost.timed_out
    assert not lost.verdict


def test_an_order_that_runs_away_is_given_up_and_stays_so(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solver, "LEAST_PATIENCE_S", 0.2)
    optimizer = JoinOptimizer(connection, settings=FULL)
    sql = "SELECT count(*) FROM kind_type WHERE id < 3"
    endless = "SELECT count(*) FROM range(100000) a, range(100000) b, range(100) c WHERE a.range + b.range > c.range"
    plan = replace(optimizer.optimize(sql), sql=endless, changed=True, cost=1e-3)
    assert optimizer.execute(plan).fetchall() == connection.execute(sql).fetchall()
    again = optimizer.optimize(sql)
    assert not again.changed
    assert again.reason.startswith("given up after 200 ms")
    assert optimizer.engine.run("SELECT current_setting('disabled_optimizers')") == [("",)]
