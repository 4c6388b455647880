"""The quick front end reads what the parser reads, or refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.datasets import workloads
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.joinopt.clauses import NotFlat
from mlsys4sys.joinopt.engine import Engine, open_database
from mlsys4sys.joinopt.flat import read_flat
from mlsys4sys.joinopt.light import NotPlain, read_light
from mlsys4sys.joinopt.problem import JoinGraph, Relation
from mlsys4sys.joinopt.store import Filtering
from tests.conftest import job_queries


@pytest.fixture(scope="module")
def engine(imdb: Path) -> Iterator[Engine]:
    connection = open_database(imdb)
    yield Engine(connection)
    connection.close()


def plain(graph: JoinGraph) -> JoinGraph:
    """Without the trees of its filters, which only the quick reader makes."""
    return replace(graph, relations=tuple(replace(relation, conditions=()) for relation in graph.relations))


def assert_same(engine: Engine, sql: str) -> bool:
    """Both read the same; whether the quick one read it at all."""
    try:
        quick = read_light(sql, engine.catalogue)
    except NotFlat:
        return False
    full = read_flat(sql, engine.catalogue)
    assert len(quick.regions) == len(full.regions)
    for ours, theirs in zip(quick.regions, full.regions, strict=True):
        assert plain(ours.graph) == theirs.graph
        assert ours.textual_tree == theirs.textual_tree
        assert quick.render([ours.textual_tree]) == full.render([theirs.textual_tree])
    return True


def test_it_reads_real_queries_as_the_parser_does(engine: Engine) -> None:
    assert sum(assert_same(engine, question.sql) for question in QUESTIONS) >= len(QUESTIONS) - 5
    assert all(assert_same(engine, sql) for sql in job_queries().values())
    drawn = workloads.generate_queries(engine.connection, count=60, seed=9, relations=(4, 10))
    assert sum(assert_same(engine, query.sql) for query in drawn) >= 50


AWKWARD = [
    "SELECT count(*) FROM title t JOIN movie_link l ON l.movie_id = t.id AND (t.id > 3 OR l.id < 9), kind_type k",
    "SELECT t.title AS x FROM title AS t, kind_type k WHERE (k.id = t.kind_id AND (kind = 'movie')) ORDER BY x LIMIT 3",
    "SELECT min(title) FROM title, kind_type WHERE kind_id = kind_type.id AND NOT kind = 'movie' AND title.id <> 4",
    "SELECT max(t.id) FROM title t, kind_type k WHERE k.id = t.kind_id AND t.id BETWEEN 3 AND 90 AND k.id IN (1, 2)",
    "SELECT kind, count(*) FROM title t INNER JOIN kind_type k ON k.id = t.kind_id GROUP BY kind HAVING count(*) > 1",
    "SELECT sum(CASE WHEN t.id > 5 AND k.id = 1 THEN 1 ELSE 0 END) FROM title t, kind_type k WHERE t.kind_id = k.id",
    "SELECT count(*) FROM title t, kind_type k WHERE t.kind_id = k.id OR k.kind = 'movie'",
    "SELECT count(*) FROM title t, kind_type k WHERE t.kind_id = k.id AND t.title LIKE '%it''s -- AND (%' -- no\n;",
    'SELECT count(*) FROM title "T", kind_type k WHERE "T".kind_id = k.id AND t."id" = 4',
    "SELECT count(*) FROM title t CROSS JOIN kind_type k WHERE t.kind_id + 1 = k.id AND true",
    "SELECT count(*) FROM title t, kind_type k WHERE t.kind_id = k.id AND t.id * 2 < 9 AND length(t.title) > 3",
]


@pytest.mark.parametrize("sql", AWKWARD)
def test_awkward_texts_are_read_the_same(engine: Engine, sql: str) -> None:
    assert assert_same(engine, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM title t WHERE EXISTS (SELECT 1 FROM kind_type k WHERE k.id = t.kind_id)",
        "SELECT count(*) FROM title t LEFT JOIN kind_type k ON k.id = t.kind_id",
        "WITH x AS (SELECT 1) SELECT * FROM x, title",
        "SELECT t.id::VARCHAR FROM title t, kind_type k WHERE t.kind_id = k.id",
        "SELECT list_filter([1], x -> x > 0) FROM title t, kind_type k WHERE t.kind_id = k.id",
        "SELECT count(*) FROM title t /* FROM kind_type */, kind_type k WHERE t.kind_id = k.id",
        "SELECT count(*) FROM title t, kind_type k WHERE t.kind_id == k.id",
        "SELECT count(*) FROM title t, kind_type k WHERE t.title = 'é' AND t.kind_id = k.id",
        "SELECT count(*) FROM title t, kind_type k WHERE t.kind_id = $1",
        "SELECT 'open",
    ],
)
def test_texts_that_are_not_plain_are_refused(engine: Engine, sql: str) -> None:
    with pytest.raises(NotPlain):
        read_light(sql, engine.catalogue)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM title t, kind_type k WHERE t.kind_id = k.id",
        "SELECT count(*) FROM title t, kind_type k WHERE nothing = k.id",
        "SELECT count(*) FROM title t, nowhere k WHERE t.kind_id = k.id",
        "SELECT count(*) FROM title t, kind_type k WHERE id = 3",
        "SELECT random() FROM title t, kind_type k WHERE t.kind_id = k.id",
        "SELECT count(*) FROM (title t JOIN kind_type k ON t.kind_id = k.id)",
        "SELECT count(*) FROM title t, title t",
        "SELECT 1; SELECT 2",
    ],
)
def test_what_cannot_be_settled_from_the_catalogue_is_refused(engine: Engine, sql: str) -> None:
    with pytest.raises(NotFlat):
        read_light(sql, engine.catalogue)


# -- filters without a database

NUMBERS = [None, -1, 0, 1, 2, 3]
TEXTS = [None, "", "a", "ab", "b", "Ab", "a%b", "aab", "bä", "äb"]
OPERANDS = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])
NUMBER, TEXT = st.sampled_from(["-1", "0", "2", "1.5"]), st.sampled_from(["''", "'a'", "'ab'", "'b'", "'A'"])
PATTERNS = st.text(alphabet="ab%_", max_size=4).map(lambda text: f"'{text}'")
NOT = st.sampled_from(["", "NOT "])
ATOMS = st.one_of(
    st.builds("r.n {} {}".format, OPERANDS, NUMBER),
    st.builds("r.s {} {}".format, OPERANDS, TEXT),
    st.builds("{} {} r.n".format, NUMBER, OPERANDS),
    st.builds("r.n {}IN ({}, {})".format, NOT, NUMBER, NUMBER),
    st.builds("r.s {}IN ({}, {})".format, NOT, TEXT, TEXT),
    st.builds("r.n {}BETWEEN {} AND {}".format, NOT, NUMBER, NUMBER),
    st.builds("r.s {}LIKE {}".format, NOT, PATTERNS),
    st.builds("r.s {}ILIKE {}".format, NOT, PATTERNS),
    st.builds("r.{} IS {}NULL".format, st.sampled_from("ns"), NOT),
    st.builds("r.d >= DATE '2001-02-0{}'".format, st.sampled_from("1234")),
)
FILTERS = st.recursive(
    ATOMS,
    lambda part: st.one_of(
        st.builds("({} AND {})".format, part, part),
        st.builds("({} OR {})".format, part, part),
        st.builds("NOT ({})".format, part),
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def stored() -> Iterator[Engine]:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE r (n INTEGER, s VARCHAR, d DATE)")
        rows = [(n, s, f"2001-02-0{1 + i % 5}") for i, (n, s) in enumerate((n, s) for n in NUMBERS for s in TEXTS)]
        connection.executemany("INSERT INTO r VALUES (?, ?, ?)", rows)
        connection.execute("CREATE TABLE other AS SELECT 1 AS k")
        yield Engine(connection)


@settings(max_examples=300, deadline=None)
@given(FILTERS)
def test_filters_pass_the_rows_that_duckdb_passes(stored: Engine, text: str) -> None:
    graph = read_light(f"SELECT count(*) FROM r, other WHERE {text}", stored.catalogue).regions[0].graph
    relation: Relation = graph.relations[0]
    assert relation.conditions
    wanted = stored.run(f"SELECT rowid FROM r WHERE {text} ORDER BY rowid")
    found = Filtering(stored.connection, "r").select(relation)
    assert found is not None
    assert np.array_equal(found, [row[0] for row in wanted])


def test_a_constant_of_another_kind_is_left_to_duckdb(stored: Engine) -> None:
    for text in ("r.s > 3", "r.n = 'x'", "r.d = 'someday'"):
        sql = f"SELECT count(*) FROM r, other WHERE {text}"
        relation = read_light(sql, stored.catalogue).regions[0].graph.relations[0]
        assert Filtering(stored.connection, "r").select(relation) is None
