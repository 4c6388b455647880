"""What is left alone before planning, and what is not."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from mlsys4sys._native import reads_only
from mlsys4sys.errors import SqlError
from mlsys4sys.joinopt import JoinOptimizer
from mlsys4sys.joinopt.choice import PlanningCost
from mlsys4sys.joinopt.gate import Gate, tables_named
from mlsys4sys.joinopt.problem import Column, JoinGraph, Predicate, Relation
from mlsys4sys.joinopt.solver import PROOFS, SPOT, Settings

PLANNING = PlanningCost()


def star(relations: int) -> JoinGraph:
    predicates = [
        Predicate(sql="", relations=1 | 1 << i, equality=(Column(0, f"k{i}"), Column(i, "id")))
        for i in range(1, relations)
    ]
    return JoinGraph(
        relations=tuple(Relation(alias=f"r{i}", sql=f"r{i}") for i in range(relations)), predicates=tuple(predicates)
    )


def test_small_data_are_left_alone_and_large_are_not() -> None:
    gate = Gate()
    for size in (4, 8):
        assert gate.flat(star(size), 1e4, PLANNING).startswith("too quick to gain")
        assert not gate.flat(star(size), 1e8, PLANNING)
    assert "two tables" in gate.flat(star(2), 1e12, PLANNING)


def test_a_query_that_duckdb_plans_for_long_is_not_left_alone() -> None:
    gate = Gate()
    assert gate.flat(star(4), 1e5, PLANNING)
    assert not gate.flat(star(11), 1e5, PLANNING)


def test_having_duckdb_write_its_plan_must_pay() -> None:
    gate = Gate()
    assert gate.other(5, 1e6).startswith("too quick to gain")
    assert not gate.other(5, 1e9)


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        for name in "abcd":
            opened.execute(f"CREATE TABLE {name} AS SELECT range AS id, range % 7 AS k FROM range(1000)")
        yield opened


FLAT = "SELECT count(*) FROM a, b, c WHERE a.id = b.id AND b.id = c.id AND a.k = {}"
OTHER = "SELECT count(*) FROM a, b, c WHERE a.id = b.id AND b.id = c.id AND a.k IN (SELECT k FROM d)"


def test_quick_queries_keep_duckdbs_plan_with_a_reason(connection: duckdb.DuckDBPyConnection) -> None:
    optimizer = JoinOptimizer(connection)
    for sql in (FLAT.format(3), OTHER):
        plan = optimizer.optimize(sql)
        assert not plan.changed
        assert plan.sql == sql
        assert plan.reason.startswith("too quick to gain")
        assert optimizer.sql(sql).fetchall() == connection.execute(sql).fetchall()


def test_the_whole_effort_is_made_when_it_is_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    assert JoinOptimizer(connection, settings=Settings(effort="full")).optimize(OTHER).regions
    assert JoinOptimizer(connection).optimize(FLAT.format(3), ask_engine=True).regions


def test_wrong_queries_are_refused_whatever_their_size(connection: duckdb.DuckDBPyConnection) -> None:
    optimizer = JoinOptimizer(connection)
    for sql in (OTHER.replace("FROM d", "FROM e"), "INSERT INTO a SELECT * FROM b", "SELECT (1 FROM a, b", "SELECT $1"):
        with pytest.raises(SqlError):
            optimizer.sql(sql)


def test_a_rewritten_query_that_fails_runs_as_written(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer, sql = JoinOptimizer(connection), FLAT.format(3)
    broken = replace(optimizer.optimize(sql), sql="SELECT CAST('x' AS INTEGER)", changed=True)
    monkeypatch.setattr(optimizer, "optimize", lambda _: broken)
    assert optimizer.sql(sql).fetchall() == connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        " -- first\nselect 'a;b' from t where x > 3 ;  -- end; not more",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT a / b FROM t WHERE s = 'insert'",
    ],
)
def test_texts_that_only_read_are_known_without_a_parser(sql: str) -> None:
    assert reads_only(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1; SELECT 2",
        "DROP TABLE t",
        "WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a",
        "SELECT * FROM t WHERE x = ?",
        "SELECT * FROM t WHERE x = $1",
        "SELECT 1 /* ; */",
        "SELECT 'open",
        "SELECT e'a\\'; DROP TABLE t; --'",
        "COPY t TO 'x'",
        '"select" 1',
    ],
)
def test_texts_that_may_do_more_are_left_to_the_parser(sql: str) -> None:
    assert not reads_only(sql)


def test_tables_are_counted_as_often_as_they_are_named(connection: duckdb.DuckDBPyConnection) -> None:
    catalogue = JoinOptimizer(connection).engine.catalogue
    assert tables_named('SELECT 1 FROM a, "b", main.a WHERE x IN (SELECT 2 FROM C)', catalogue) == [1000] * 4


def test_orders_are_checked_until_duckdb_is_trusted_and_now_and_then(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = JoinOptimizer(connection, settings=Settings(effort="full"))
    asked: list[str] = []
    explain = optimizer.engine.explain_tree
    monkeypatch.setattr(optimizer.engine, "explain_tree", lambda sql, **kw: asked.append(sql) or explain(sql, **kw))
    monkeypatch.setattr("mlsys4sys.joinopt.choice.decide", lambda *_, **__: (True, "because"))
    for i in range(SPOT + PROOFS):
        assert optimizer.optimize(FLAT.format(i)).changed
    assert PROOFS <= len(asked) <= PROOFS + 2
    optimizer.optimize(FLAT.format(-1), ask_engine=True)
    assert len(asked) > PROOFS


def test_trust_ends_with_the_first_order_that_is_not_kept(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlsys4sys.verdict import Verdict

    optimizer = JoinOptimizer(connection, settings=Settings(effort="full"))
    verdicts = [*[True] * PROOFS, False, *[True] * SPOT]
    monkeypatch.setattr("mlsys4sys.joinopt.solver.SPOT", PROOFS + 1)
    monkeypatch.setattr(
        "mlsys4sys.joinopt.verify.check_tree",
        lambda *_: Verdict(ok=(ok := verdicts.pop(0)), checked=1, counterexample=None if ok else "another tree"),
    )
    monkeypatch.setattr("mlsys4sys.joinopt.choice.decide", lambda *_, **__: (True, "because"))
    changed = [optimizer.optimize(FLAT.format(i)).changed for i in range(PROOFS + 12)]
    assert changed.count(False) == 1
    assert len(verdicts) == SPOT - 11  # every one after the broken one was looked at
