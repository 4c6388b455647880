"""What an order does to scans."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from mlsys4sys.joinopt import baselines, frontend
from mlsys4sys.joinopt.cardinality import Estimates, Floats
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.scans import Link, Scan, scan_seconds, scans_of
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.statistics import Statistics

SQL = "SELECT count(*) FROM facts f, kinds k, others o WHERE f.kind = k.id AND f.other = o.id AND k.name = 'seven'"


def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE facts AS SELECT range // 20000 AS kind, hash(range) % 9000 AS other FROM range(600000)"
    )
    connection.execute("CREATE TABLE kinds AS SELECT range AS id, 'seven' AS name FROM range(30)")
    connection.execute("CREATE TABLE others AS SELECT range::UBIGINT AS id FROM range(9000)")
    return connection


def test_clustered_columns_are_told_from_scattered_ones() -> None:
    with database() as connection:
        statistics = Statistics(Engine(connection))
        facts = next(table for table in statistics.tables.values() if table.path[2] == "facts")
        assert statistics.scatter(facts, "kind") < 0.3
        assert statistics.scatter(facts, "other") == 1.0  # hashes are no number type that is looked at


class Known:
    """Sizes by subset."""

    def __init__(self, graph: JoinGraph, rows: dict[int, float]) -> None:
        self.graph, self.rows, self.base_rows = graph, rows, np.full(graph.size, 6e5)

    def estimate(self, subsets) -> Estimates:
        rows: Floats = np.array([self.rows[int(mask)] for mask in subsets])
        return Estimates(rows, np.zeros(len(rows)))


def test_an_order_that_ends_the_stream_early_pays_for_the_whole_scan() -> None:
    with database() as connection:
        engine = Engine(connection)
        graph = frontend.read(engine, SQL).regions[0].graph
        scans = scans_of(graph, Statistics(engine))
        assert [graph.relations[scan.relation].alias for scan in scans] == ["f"]
        rows = {1 << i: 1.0 if relation.alias == "k" else 1e4 for i, relation in enumerate(graph.relations)}
        f, k, o = (JoinTree.leaf([r.alias for r in graph.relations].index(alias)) for alias in "fko")
        rows |= {mask: 1e4 for mask in range(8) if mask not in rows}
        pruned = scan_seconds(JoinTree.join(JoinTree.join(f, o), k), scans, rows)
        broken = scan_seconds(JoinTree.join(k, JoinTree.join(f, o)), scans, rows)
        assert pruned < 0.4 * broken
        assert broken == scans[0].full_s


def test_the_search_lets_a_few_keys_reach_an_expensive_scan() -> None:
    with database() as connection:
        engine = Engine(connection)
        graph = frontend.read(engine, SQL).regions[0].graph
        place = {relation.alias: i for i, relation in enumerate(graph.relations)}
        f, k, o = (1 << place[alias] for alias in "fko")
        rows = {f: 6e5, k: 1.0, o: 5e3, f | k: 2e4, f | o: 3e5, f | k | o: 1e4}
        links = (Link(partners=f | k, share=0.1, spread=0.05), Link(partners=f | o, share=1.0, spread=0.2))
        scan = Scan(relation=place["f"], key_s=2e-3, in_scan_s=5e-3, above_s=5e-2, links=links)
        cards = Known(graph, rows)
        found = {
            tree: scan_seconds(tree, (scan,), rows)
            for tree in (baselines.dpccp(graph, cards, HashJoinCost(), scans=s) for s in ((), (scan,)))
        }
        assert scan_seconds(baselines.dpccp(graph, cards, HashJoinCost(), scans=(scan,)), (scan,), rows) == min(
            found.values()
        )
        both = scan.streamed([(links[0], 1.0), (links[1], 5e3)])
        assert min(found.values()) == pytest.approx(both)
        assert both <= scan.streamed([(links[0], 1.0)]) < scan.streamed([(links[1], 5e3)]) <= scan.full_s


def test_filters_above_a_scan_cost_less_the_fewer_rows_are_left() -> None:
    scan = Scan(relation=0, key_s=1e-3, in_scan_s=0.0, above_s=1e-2, links=(Link(partners=3, share=1.0, spread=0.01),))
    seconds = [scan.streamed([(scan.links[0], values)]) for values in (1.0, 10.0, 100.0, 1e6)]
    assert seconds == sorted(seconds)
    assert seconds[0] < 0.1 * scan.full_s
    assert seconds[-1] <= scan.full_s


def test_texts_are_decompressed_where_a_row_is_left() -> None:
    links = (Link(partners=3, share=1.0, spread=0.01), Link(partners=5, share=0.1, spread=0.1))
    scan = Scan(relation=0, key_s=1e-3, in_scan_s=0.0, above_s=0.0, text_s=1e-2, segments=10.0, links=links)
    few, many = (scan.streamed([(links[0], values)]) for values in (1.0, 200.0))
    assert scan.streamed([]) == scan.full_s == pytest.approx(1.1e-2)
    assert few == pytest.approx(0.5e-3 + 0.1 * 1e-2)  # one segment of ten, and one key to compare with
    assert many == pytest.approx(scan.full_s)
    assert scan.streamed([(links[0], 200.0), (links[1], 1.0)]) < 0.2 * scan.full_s  # row groups left out by another key


def test_texts_that_are_only_tested_for_null_cost_nothing() -> None:
    with database() as connection:
        connection.execute("ALTER TABLE facts ADD COLUMN note VARCHAR")
        connection.execute("UPDATE facts SET note = 'n' || kind || hash(kind * rowid)")
        texts = {}
        for filters in ("f.note IS NOT NULL", "f.note LIKE 'n%'"):
            engine = Engine(connection)
            graph = frontend.read(engine, f"{SQL} AND {filters}").regions[0].graph
            texts[filters] = scans_of(graph, Statistics(engine))[0].text_s
        assert texts["f.note IS NOT NULL"] == 0.0
        assert texts["f.note LIKE 'n%'"] > 0.0
