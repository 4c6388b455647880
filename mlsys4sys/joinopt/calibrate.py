"""The constants of :class:`~mlsys4sys.joinopt.cost.HashJoinCost`, measured on this machine in some twenty seconds.

Small experiments on generated tables in memory: scans with and without filters, then joins of many sizes and widths;
CPU seconds of the whole query at one thread, the least of several runs. Coefficients are fitted to relative errors, by
non-negative least squares, so that a join of a millisecond counts as much as one of a second.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import duckdb
import numpy as np

from mlsys4sys.joinopt.cardinality import Floats
from mlsys4sys.joinopt.cost import HashJoinCost

Report = Callable[[str], None]

PROBES = (200_000, 2_000_000)
BUILDS = (1_000, 30_000, 300_000, 2_000_000)
PAYLOADS = (0, 4)
"""Columns of 8 bytes that a hash table carries beside its key."""
FANOUTS = (0.05, 1.0, 3.0)
"""Rows out for each probe row."""
RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One join that was timed."""

    probe: float
    build: float
    width: float
    output: float
    seconds: float
    """Of the join alone: the time to read its inputs is taken off."""


def calibrate(report: Report = lambda _: None, *, scale: float = 1.0) -> HashJoinCost:
    """Measure joins and scans; what cannot be told apart keeps its default.

    Args:
        report: Told what is being measured.
        scale: Of all table sizes; tests use small ones.
    """
    base = HashJoinCost()
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        scan_row, scan_filter = _scans(connection, int(2_000_000 * scale), report)
        trials = list(_joins(connection, scale, report))
    rates = np.array([[1.0, t.probe, t.build, t.build * t.width, t.output] for t in trials])
    misses = np.array([[np.log2(1 + t.build * t.width / base.knee_bytes)] for t in trials])
    sides = np.array([[t.probe, t.build] for t in trials])
    seconds = np.array([t.seconds for t in trials])
    terms = np.hstack([rates, misses * sides]) / seconds[:, None]
    fixed, probe, build, build_byte, output, probe_miss, build_miss = least_squares(terms, np.ones(len(trials)))
    return replace(
        base,
        fixed=fixed or base.fixed,
        probe=probe,
        build=build,
        build_byte=build_byte,
        output=output,
        probe_miss=probe_miss,
        build_miss=build_miss,
        scan_row=scan_row,
        scan_filter=scan_filter,
    )


def least_squares(terms: Floats, wanted: Floats, *, sweeps: int = 2000) -> list[float]:
    """Non-negative ``x`` that makes ``terms @ x`` come close to ``wanted``, by coordinate descent.

    >>> least_squares(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -1.0]))
    [2.0, 0.0]
    """
    size = np.maximum(np.sqrt((terms**2).sum(0)), 1e-300)
    scaled = terms / size
    gram, goal = scaled.T @ scaled, scaled.T @ wanted
    x = np.zeros(terms.shape[1])
    for _ in range(sweeps):
        for k in range(len(x)):
            x[k] = max(0.0, x[k] + goal[k] - gram[k] @ x)
    return [float(value) for value in x / size]


def _scans(connection: duckdb.DuckDBPyConnection, rows: int, report: Report) -> tuple[float, float]:
    """Seconds a row of a table that is read, and a row and filter."""
    report("measuring scans")
    connection.execute(
        f"CREATE TABLE scanned AS SELECT i AS a, hash(i) % 1000 AS b, 'name ' || (hash(i) % 5000)::VARCHAR AS s"
        f" FROM range({rows}) r(i)"
    )
    plain = _seconds(connection, "SELECT max(a), max(b) FROM scanned")
    filtered = _seconds(connection, "SELECT max(a), max(b) FROM scanned WHERE s LIKE '%77%'")
    return plain / rows, max(0.0, filtered - plain) / rows


def _joins(connection: duckdb.DuckDBPyConnection, scale: float, report: Report) -> Iterator[_Trial]:
    grid = list(itertools.product(PROBES, BUILDS, PAYLOADS, FANOUTS))
    for number, (probe, build, payload, fanout) in enumerate(grid):
        report(f"measuring joins: {number + 1} of {len(grid)}")
        trial = _join(connection, int(probe * scale), int(build * scale), payload, fanout)
        if trial.seconds > 0:
            yield trial


def _join(connection: duckdb.DuckDBPyConnection, probe: int, build: int, payload: int, fanout: float) -> _Trial:
    """Keys of the build side are unique where ``fanout`` is at most 1, and repeat that often above."""
    repeat = max(1.0, fanout)
    keys = max(1, int(build / repeat))
    span = max(1, int(keys / min(1.0, fanout)))
    carried = "".join(f", (hash(i + {k}) >> 1)::BIGINT AS c{k}" for k in range(payload))
    connection.execute(f"CREATE OR REPLACE TABLE probe AS SELECT hash(i) % {span} AS k FROM range({probe}) r(i)")
    connection.execute(
        f"CREATE OR REPLACE TABLE build AS SELECT (i % {keys})::UBIGINT AS k{carried} FROM range({build}) r(i)"
    )
    used = ", ".join(["count(*)", *(f"max(b.c{k})" for k in range(payload))])
    read = ", ".join(["max(k)", *(f"max(c{k})" for k in range(payload))])
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    joined = _seconds(connection, f"SELECT {used} FROM probe p JOIN build b ON p.k = b.k")
    connection.execute("RESET disabled_optimizers")
    inputs = _seconds(connection, "SELECT max(k) FROM probe") + _seconds(connection, f"SELECT {read} FROM build")
    found = connection.execute("SELECT count(*) FROM probe p JOIN build b ON p.k = b.k").fetchone()
    output = float(found[0]) if found else 0.0
    return _Trial(probe=probe, build=build, width=8.0 + 8.0 * payload, output=output, seconds=joined - inputs)


def _seconds(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """CPU seconds of this process, the least of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        started = time.process_time()
        connection.execute(sql).fetchall()
        best = min(best, time.process_time() - started)
    return best
