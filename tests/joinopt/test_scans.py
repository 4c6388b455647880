"""What an order does to the scan of a clustered table."""

from __future__ import annotations

import duckdb

from mlsys4sys.joinopt import frontend
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.scans import listing_pairs, pruned_scans, scan_seconds
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


def test_an_order_that_ends_the_stream_early_pays_for_the_whole_scan() -> None:
    with database() as connection:
        engine = Engine(connection)
        graph = frontend.read(engine, SQL).regions[0].graph
        scans = pruned_scans(graph, Statistics(engine), HashJoinCost())
        assert [graph.relations[scan.relation].alias for scan in scans] == ["f"]
        rows = {1 << i: 1.0 if relation.alias == "k" else 1e4 for i, relation in enumerate(graph.relations)}
        f, k, o = (JoinTree.leaf([r.alias for r in graph.relations].index(alias)) for alias in "fko")
        rows |= {mask: 1e4 for mask in range(8) if mask not in rows}
        pruned = scan_seconds(JoinTree.join(JoinTree.join(f, o), k), graph, scans, rows)
        broken = scan_seconds(JoinTree.join(k, JoinTree.join(f, o)), graph, scans, rows)
        assert pruned < 0.4 * broken
        assert broken == scans[0].full_s
        assert listing_pairs(graph, scans, rows) == [(f.relation, k.relation)]
