"""Random queries: sizes, shapes, seeds, and schemas that are not the bundled one."""

from __future__ import annotations

from functools import cache

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from mlsys4sys.datasets import imdb, workloads
from mlsys4sys.datasets.profile import Profile, profile
from mlsys4sys.datasets.schema import Column, ForeignKey, Schema
from mlsys4sys.errors import InputError


@cache
def database() -> duckdb.DuckDBPyConnection:
    """A small database that tests only read."""
    connection = duckdb.connect()
    imdb.generate(connection, scale=0.002)
    return connection


@cache
def known() -> Profile:
    """Its profile."""
    return profile(database(), imdb.SCHEMA)


def edges(sql: str) -> list[frozenset[str]]:
    """The join predicates of a query as pairs of aliases, read back from its text."""
    return [
        frozenset((equal.left.table, equal.right.table))
        for equal in sqlglot.parse_one(sql, read="duckdb").find_all(exp.EQ)
        if isinstance(equal.left, exp.Column) and isinstance(equal.right, exp.Column)
    ]


def degrees(sql: str) -> list[int]:
    counts: dict[str, int] = {}
    for edge in edges(sql):
        for alias in edge:
            counts[alias] = counts.get(alias, 0) + 1
    return sorted(counts.values())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6), shape=st.sampled_from(workloads.SHAPES), low=st.integers(4, 17), more=st.integers(0, 5)
)
def test_a_query_has_the_asked_size_and_shape(seed: int, shape: str, low: int, more: int) -> None:
    low = {"chain": min(low, 14), "snowflake": max(low, 5)}.get(shape, low)  # what there is in this schema
    (query,) = workloads.generate_queries(
        known(), count=1, seed=seed, relations=(low, max(low, min(17, low + more))), shapes=(shape,)
    )
    assert low <= query.relations <= 17
    assert query.shape == shape
    tables = list(sqlglot.parse_one(query.sql, read="duckdb").find_all(exp.Table))
    assert len(tables) == query.relations == len({table.alias for table in tables})
    joins = len(edges(query.sql))
    assert joins == query.relations - (shape != "cycle")
    found = degrees(query.sql)
    if shape == "star":
        assert found[-1] == query.relations - 1
    if shape == "chain":
        assert found == [1, 1] + [2] * (query.relations - 2)
    if shape == "snowflake":
        assert 3 <= found[-1] < query.relations - 1


def test_queries_up_to_seventeen_relations_bind_and_the_smaller_ones_run() -> None:
    connection = database()
    for query in workloads.generate_queries(known(), count=20, seed=3, relations=(4, 17)):
        connection.execute(f"EXPLAIN {query.sql}")
    answers = [
        connection.execute(query.sql).fetchall()
        for query in workloads.generate_queries(known(), count=20, seed=4, relations=(4, 9))
    ]
    assert all(len(rows) == 1 for rows in answers)
    assert sum(rows[0][0] > 0 for rows in answers) >= 5, "on so small a database many find nothing, but not all"


def test_a_seed_gives_the_same_queries_and_another_seed_others() -> None:
    first, again, other = (
        [query.sql for query in workloads.generate_queries(known(), count=10, seed=seed)] for seed in (5, 5, 6)
    )
    assert first == again
    assert not set(first) & set(other)
    assert [query.sql for query in workloads.generate_queries(known(), count=4, seed=5)] == first[:4]


def test_any_schema_with_references_will_do() -> None:
    connection = duckdb.connect()
    connection.execute('CREATE TABLE "Odd Order" AS SELECT range AS id, range % 7 AS "the customer" FROM range(500)')
    connection.execute("CREATE TABLE customer AS SELECT range AS id, range % 2 AS city FROM range(7)")
    connection.execute("CREATE TABLE city AS SELECT range AS id, 'c' || range AS name FROM range(2)")
    number = "BIGINT"
    schema = Schema(
        {
            "Odd Order": (Column("id", number), Column("the customer", number)),
            "customer": (Column("id", number), Column("city", number)),
            "city": (Column("id", number), Column("name", "VARCHAR")),
        },
        (
            ForeignKey("Odd Order", "the customer", "customer", "id"),
            ForeignKey("customer", "city", "city", "id"),
        ),
    )
    queries = workloads.generate_queries(connection, count=6, relations=(3, 3), shapes=("chain",), schema=schema)
    for query in queries:
        assert len(connection.execute(query.sql).fetchall()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": -1},
        {"relations": (1, 4)},
        {"relations": (6, 5)},
        {"shapes": ()},
        {"shapes": ("spiral",)},
        {"shapes": ("snowflake",), "relations": (4, 4)},
    ],
)
def test_senseless_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        workloads.generate_queries(known(), **{"count": 1, **wrong})
