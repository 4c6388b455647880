"""What the order of joins does to scans.

DuckDB hands the keys of a small hash table down to the scan that streams past it: with at most
``dynamic_or_filter_threshold`` rows as a list. Where the scanned column is clustered, whole row groups are then skipped
by their minimum and maximum, so that a table is read in a fraction of the time. That works only down the streaming
side, to the scan at its end; an order that ends the stream before the small table joins pays for the full scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mlsys4sys.joinopt.cost import CostModel
from mlsys4sys.joinopt.problem import JoinGraph, Mask, bits
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.statistics import ROW_GROUP, Statistics

LISTED_ROWS = 50
"""Hash tables of at most so many rows become lists (DuckDB 2.0: ``dynamic_or_filter_threshold``)."""
CLUSTERED = 0.4
"""A column is worth telling apart when one value lies in no more than this share of the row groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedScan:
    """A relation whose scan may skip row groups."""

    relation: int
    full_s: float
    """Seconds of reading all of it."""
    shares: Mapping[int, float]
    """Equality class of a clustered column → the share of row groups that one value lies in."""


def pruned_scans(graph: JoinGraph, statistics: Statistics, cost: CostModel) -> tuple[PrunedScan, ...]:
    """The relations of a graph whose scans depend on the order of joins."""
    found = []
    for i, relation in enumerate(graph.relations):
        table = statistics.resolve(relation.table)
        if table is None or table.rows < 2 * ROW_GROUP:
            continue
        shares = {
            k: share
            for k, group in enumerate(graph.classes)
            for column in group
            if column.relation == i and (share := statistics.scatter(table, column.name)) <= CLUSTERED
        }
        if shares:
            rows, filters = np.array([float(table.rows)]), np.array([float(len(relation.filters))])
            full_s = float(cost.scan(rows, np.zeros(1), np.array([relation.width_bytes]), filters)[0])
            found.append(PrunedScan(relation=i, full_s=full_s, shares=shares))
    return tuple(found)


def scan_seconds(tree: JoinTree, graph: JoinGraph, scans: tuple[PrunedScan, ...], rows: Mapping[Mask, float]) -> float:
    """Seconds of the scans that depend on the order, in this order."""
    ends = {scan.relation: scan for scan in scans}
    total = 0.0
    for leaf, builds in streams(tree):
        scan = ends.get(leaf)
        if scan is not None:
            total += scan.full_s * min([1.0, *_shares(scan, graph, builds, rows)])
    return total


def streams(tree: JoinTree) -> Iterator[tuple[int, tuple[Mask, ...]]]:
    """Each relation that is scanned, and the build sides that its rows stream past before the next hash table.

    >>> a, b, c = map(JoinTree.leaf, range(3))
    >>> list(streams(JoinTree.join(JoinTree.join(a, b), c)))
    [(0, (4, 2)), (2, ()), (1, ())]
    """
    builds: list[JoinTree] = []
    while tree.probe is not None and tree.build is not None:
        builds.append(tree.build)
        tree = tree.probe
    yield tree.relation, tuple(build.mask for build in builds)
    for build in builds:
        yield from streams(build)


def _shares(
    scan: PrunedScan, graph: JoinGraph, builds: tuple[Mask, ...], rows: Mapping[Mask, float]
) -> Iterator[float]:
    for build in builds:
        values = max(1.0, rows[build])
        for k, share in scan.shares.items():
            if values <= LISTED_ROWS and graph.class_masks[k] & build:
                yield 1 - (1 - share) ** values


def listing_pairs(graph: JoinGraph, scans: tuple[PrunedScan, ...], rows: Mapping[Mask, float]) -> list[tuple[int, int]]:
    """(scanned relation, small relation) pairs: joined first, the scan is sure to be pruned."""
    return [
        (scan.relation, small)
        for scan in scans
        for k in scan.shares
        for small in bits(graph.class_masks[k] & ~(1 << scan.relation))
        if rows[1 << small] <= LISTED_ROWS / 5
    ]
