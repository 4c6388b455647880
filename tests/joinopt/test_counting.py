"""Sizes of sub-plans: counted on a sample, and exactly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlsys4sys.datasets import workloads
from mlsys4sys.datasets.questions import QUESTIONS
from mlsys4sys.joinopt import frontend
from mlsys4sys.joinopt.engine import Engine, open_database
from mlsys4sys.joinopt.problem import JoinGraph, Mask, bits
from mlsys4sys.joinopt.sample import SampleConfig
from mlsys4sys.joinopt.sampled import BoundSample, Exact, Sampled


def counted(engine: Engine, graph: JoinGraph, mask: Mask) -> float:
    """By DuckDB itself."""
    sources = ", ".join(graph.relations[i].sql for i in bits(mask))
    inside = [p.sql for p in graph.predicates if not p.relations & ~mask]
    implied = [
        f"{graph.relations[group[0].relation].alias}.{group[0].name} = {graph.relations[c.relation].alias}.{c.name}"
        for columns in graph.classes
        for group in [[c for c in columns if mask >> c.relation & 1]]
        for c in group[1:]
    ]
    filters = [text for i in bits(mask) for text in graph.relations[i].filters]
    where = " AND ".join(f"({text})" for text in [*inside, *implied, *filters]) or "true"
    return float(engine.run(f"SELECT count(*) FROM {sources} WHERE {where}")[0][0])


def subsets(graph: JoinGraph) -> list[Mask]:
    return [mask for mask in range(1, graph.everything + 1) if graph.connected(mask)]


@pytest.fixture(scope="module")
def engine(imdb: Path) -> Engine:
    return Engine(open_database(imdb))


def graphs(engine: Engine, count: int, relations: tuple[int, int]) -> list[JoinGraph]:
    shapes = ("star", "chain", "snowflake", "many_to_many")
    queries = workloads.generate_queries(engine.connection, count=count, seed=3, relations=relations, shapes=shapes)
    return [region.graph for query in queries for region in frontend.read(engine, query.sql).regions]


def test_exact_counts_are_what_duckdb_counts(engine: Engine) -> None:
    exact, rng = Exact(engine), np.random.default_rng(0)
    for graph in graphs(engine, 12, (4, 6)):
        bound, masks = exact.bind(graph), subsets(graph)
        for mask in rng.choice(masks, min(6, len(masks)), replace=False).tolist():
            estimates = bound.estimate([mask])
            assert estimates.rows[0] == pytest.approx(counted(engine, graph, mask), abs=0.6), bin(mask)


def test_sampled_counts_are_near_the_truth(engine: Engine) -> None:
    exact, sampled = Exact(engine), Sampled(engine)
    errors = []
    for question in QUESTIONS:
        regions = frontend.read(engine, question.sql).regions
        graph = regions[0].graph if regions else None
        if graph is None or graph.size > 9:
            continue
        masks = subsets(graph)
        truth, guess = exact.bind(graph).estimate(masks).rows, sampled.bind(graph).estimate(masks).rows
        large = truth >= 1000
        errors += np.abs(np.log(np.maximum(guess, 1) / np.maximum(truth, 1)))[large].tolist()
    assert len(errors) > 200
    assert np.exp(np.median(errors)) < 1.3
    assert np.exp(np.quantile(errors, 0.9)) < 3


def test_cyclic_and_other_predicates_are_estimated_not_refused(engine: Engine) -> None:
    queries = workloads.generate_queries(engine.connection, count=10, seed=8, relations=(4, 9), shapes=("cycle",))
    texts = [query.sql for query in queries]
    texts.append(
        "SELECT count(*) FROM title a, title b, movie_link l WHERE l.movie_id = a.id AND l.linked_movie_id = b.id "
        "AND a.production_year < b.production_year"
    )
    sampled = Sampled(engine)
    for sql in texts:
        for region in frontend.read(engine, sql).regions:
            got = sampled.bind(region.graph).estimate(subsets(region.graph))
            assert np.isfinite(got.rows).all()
            assert (got.rows >= 0).all()
            assert np.isfinite(got.sigma).all()


def test_a_sample_follows_its_data() -> None:
    with duckdb.connect() as connection:
        for name in "abc":
            connection.execute(f"CREATE TABLE {name} AS SELECT range AS id FROM range(1000)")
        engine = Engine(connection)
        sampled = Sampled(engine)
        sql = "SELECT count(*) FROM a, b, c WHERE a.id = b.id AND b.id = c.id"
        graph = frontend.read(engine, sql).regions[0].graph
        assert sampled.bind(graph).estimate([graph.everything]).rows[0] == 1000
        connection.execute("DELETE FROM c WHERE id >= 10")
        connection.execute("CHECKPOINT")
        connection.execute("INSERT INTO b SELECT range FROM range(1000)")
        graph = frontend.read(engine, sql).regions[0].graph
        assert sampled.bind(graph).estimate([graph.everything]).rows[0] == pytest.approx(20, abs=1)


def test_a_table_joined_with_itself_on_one_column_keeps_its_rows() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS id, range % 10 AS k FROM range(1000)")
        engine = Engine(connection)
        sql = "SELECT count(*) FROM t a, t b, t c WHERE a.k = b.k AND b.k = c.k AND a.id < 20 AND b.id < 30"
        graph = frontend.read(engine, sql).regions[0].graph
        bound = Sampled(engine).bind(graph)
        assert bound.estimate([1, 2, 4]).rows.tolist() == [20, 30, 1000]
        assert bound.estimate([graph.everything]).rows[0] == 2 * 3 * 100 * 10


FACTS = 60_000


@pytest.fixture
def star() -> Iterator[Engine]:
    """Facts with two dates each, of which there are few, and customers, of which there are many."""
    with duckdb.connect() as connection:
        for name in ("sales", "returns"):
            connection.execute(
                f"CREATE TABLE {name} AS SELECT (hash(range) % 40)::INTEGER AS sold_sk, (hash(range, 1) % 40)::INTEGER "
                f"AS sent_sk, (hash(range, 2) % 9000)::INTEGER AS customer_sk FROM range({FACTS})"
            )
        connection.execute("CREATE TABLE dates AS SELECT range::INTEGER AS date_sk, range % 4 AS year FROM range(40)")
        connection.execute("CREATE TABLE people AS SELECT range::INTEGER AS customer_sk FROM range(9000)")
        yield Engine(connection)


def test_no_sample_is_drawn_by_keys_of_which_it_could_hold_a_few_only(star: Engine) -> None:
    sql = (
        "SELECT count(*) FROM sales s, returns r, dates d, dates e, people c WHERE s.sold_sk = d.date_sk AND "
        "r.sent_sk = e.date_sk AND s.sent_sk = e.date_sk AND s.customer_sk = c.customer_sk AND "
        "r.customer_sk = c.customer_sk AND d.year = 1"
    )
    graph = frontend.read(star, sql).regions[0].graph
    config = SampleConfig(target_rows=2048, whole_rows=10_000)
    bound = Sampled(star, config=config).bind(graph)
    layout = bound._store.layout
    assert {name for anchor in layout.anchors for _, name in layout.keys[anchor.key]} == {"customer_sk"}
    kept = bound._store.side.execute(
        "SELECT sum(estimated_size) FROM duckdb_tables() WHERE table_name LIKE 's%\\_%' ESCAPE '\\'"
    )
    assert kept.fetchone()[0] <= 4 * config.closure_factor * config.target_rows
    masks = [mask for mask in subsets(graph) if mask.bit_count() <= 3]
    truth = np.array([counted(star, graph, mask) for mask in masks])
    assert np.abs(np.log(bound.estimate(masks).rows / truth)).max() < np.log(1.6)


def popular(
    connection: duckdb.DuckDBPyConnection, sql: str, target_rows: int
) -> tuple[JoinGraph, dict[str, Mask], BoundSample]:
    """A query about films, of which three have some thousand times the rows of the others in three tables of facts.

    The graph, its relations by alias, and it bound to a sample of so many rows.
    """
    connection.execute("CREATE TABLE films AS SELECT range::INTEGER AS id, range % 1000 AS day FROM range(200000)")
    for name in ("roles", "words", "makers"):
        connection.execute(
            f"CREATE TABLE {name} AS SELECT (i % 200000)::INTEGER AS film FROM range(200000) t(i)"
            f" WHERE hash(i, '{name}') % 3 = 0 UNION ALL SELECT (7 + 60000 * (i % 3))::INTEGER FROM range(3000) t(i)"
        )
    engine = Engine(connection)
    graph = frontend.read(engine, sql).regions[0].graph
    bound = Sampled(engine, config=SampleConfig(target_rows=target_rows, whole_rows=1000)).bind(graph)
    return graph, {relation.alias: 1 << i for i, relation in enumerate(graph.relations)}, bound


def test_keys_with_most_rows_are_in_the_sample_for_certain() -> None:
    sql = (
        "SELECT count(*) FROM films f, roles r, words w, makers m"
        " WHERE f.id = r.film AND f.id = w.film AND f.id = m.film"
    )
    with duckdb.connect() as connection:
        graph, _, bound = popular(connection, sql, 16_384)
        found = bound.estimate([graph.everything])
        # 1,000³ rows of each of the three, and next to nothing else.
        assert found.rows[0] == pytest.approx(3e9, rel=0.02)
        assert found.sigma[0] < 0.1


def test_a_size_that_was_not_seen_is_what_its_parts_promise() -> None:
    sql = (
        "SELECT count(*) FROM films f, roles r, words w WHERE f.id = r.film AND f.id = w.film AND f.id = 123456"
        " AND f.day = 456"
    )
    with duckdb.connect() as connection:
        graph, place, bound = popular(connection, sql, 4096)
        masks = [place["f"], place["f"] | place["r"], place["r"] | place["w"], graph.everything]
        found = bound.estimate(masks)
        film, with_roles, pairs, whole = found.rows.tolist()
        assert found.sigma[0] > 0.9
        assert found.sigma[1] >= 2
        assert found.sigma[3] >= 2
        assert with_roles < 2 * film  # a film has less than one role on average
        assert 0 < whole < 1e-2 * pairs
        assert bound.estimate([graph.everything]).rows[0] == whole  # asked by itself it is the same


def test_filters_on_entities_are_judged_by_more_of_them_than_the_keys_that_were_sampled() -> None:
    sql = "SELECT count(*) FROM films f, roles r, words w WHERE f.id = r.film AND f.id = w.film AND f.day < 3"
    with duckdb.connect() as connection:
        _, place, bound = popular(connection, sql, 16_384)
        assert bound.estimate([place["f"]]).rows[0] == pytest.approx(600, rel=0.8)


def test_relations_that_no_equality_joins_multiply() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE a AS SELECT range AS id, range % 50 AS k FROM range(1000)")
        connection.execute("CREATE TABLE b AS SELECT range AS id, range % 50 AS k FROM range(2000)")
        connection.execute("CREATE TABLE c AS SELECT range AS k FROM range(50)")
        engine = Engine(connection)
        sql = "SELECT count(*) FROM a, b, c, c d WHERE a.k = c.k AND b.k = d.k AND a.id = b.id AND c.k <> d.k"
        graph = frontend.read(engine, sql).regions[0].graph
        place = {relation.alias: 1 << i for i, relation in enumerate(graph.relations)}
        for provider in (Sampled(engine), Exact(engine)):
            bound = provider.bind(graph)
            pair, more = bound.estimate([place["c"] | place["d"], place["a"] | place["c"] | place["d"]]).rows
            assert pair == pytest.approx(50 * 50 * 0.2)  # the share that is guessed for any other predicate
            assert more == pytest.approx(1000 * 50 * 0.2)
