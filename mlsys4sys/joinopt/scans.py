"""What the order of joins does to scans.

DuckDB hands the keys of a hash table down the streaming side to the scan at its end: one key as an equality, up to
``dynamic_or_filter_threshold`` as a list, more as a filter over their range. What that saves was measured (DuckDB 2.0,
one thread): row groups whose minimum and maximum exclude all keys of a list are not read at all, which helps where the
table is clustered; texts are decompressed a segment at a time, and only where a row is left; and IN lists, which DuckDB
evaluates above the scan, see only those rows. Filters on numbers are evaluated in the scan, first. It works only down
the streaming side: a table that is hashed itself, or whose stream ends before the selective join, is read and filtered
in full.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mlsys4sys.joinopt.cardinality import Floats
from mlsys4sys.joinopt.filters import Condition, columns_of
from mlsys4sys.joinopt.problem import JoinGraph, Mask, Relation
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.statistics import ROW_GROUP, Statistics, Table

LISTED_ROWS = 50
"""Hash tables of at most so many rows become lists (DuckDB 2.0: ``dynamic_or_filter_threshold``)."""
CLUSTERED = 0.4
"""A column counts as clustered when one value lies in no more than this share of the row groups."""
VECTOR = 2048
"""Rows that DuckDB filters at a time."""
LEAST_ROWS = 20_000
"""Scans of smaller tables are too quick to tell apart."""

KEY_S = 3e-9
"""Reading the key of a row and holding it against those handed down."""
FILTER_S = {"number": 2e-9, "text": 4e-9, "like": 8e-9, "null": 1e-9}
"""One comparison of a row; a list costs twice as much."""
DECODE_S = 3e-9
UNIQUE_S = 30e-9
"""Decompressing the text of a row: the first at least, the second times the share of different texts on top."""
SEGMENT = 32_768
"""Rows of a text column that are decompressed together, about."""
OTHER_S = 25e-9
"""A filter that is not understood."""
LEFT_SHARE = 0.8
"""What filters above a scan cost when every vector has some row left, as a share of the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A column of a scanned relation through which keys may be handed down."""

    partners: Mask
    """All relations of its equality class."""
    share: float
    """The share of row groups that one value lies in; 1 when the column is not clustered."""
    spread: float
    """The share of vectors that one value lies in."""
    runs: float = 1.0
    """Places of the table that the rows of one value lie in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What reading one relation takes."""

    relation: int
    key_s: float
    in_scan_s: float
    """Filters on numbers, which the scan evaluates on every row."""
    above_s: float
    """Filters above it."""
    text_s: float = 0.0
    """Texts: decompressing them, and filters on them in the scan."""
    segments: float = 1.0
    """Parts in which texts are decompressed."""
    links: tuple[Link, ...]

    @property
    def full_s(self) -> float:
        """Seconds of reading and filtering all of it."""
        return self.key_s + self.in_scan_s + self.above_s + self.text_s

    @property
    def native(self) -> tuple[int, list[float], list[tuple[Mask, float, float, float]]]:
        """The same as the native search takes it."""
        links = [(link.partners, link.share, link.spread, link.runs) for link in self.links]
        return self.relation, [self.key_s, self.in_scan_s, self.above_s, self.text_s, self.segments], links

    def streamed(self, handed: Iterable[tuple[Link, float]]) -> float:
        """Seconds when keys are handed down, so many through each of some links; the native search does the same sums.

        Row groups that one list or the other excludes are skipped, and texts of segments that either leaves no row of.
        """
        groups, key, opened, left = 1.0, self.key_s, 1.0, 1.0 / LEFT_SHARE
        for link, values in handed:
            if values <= LISTED_ROWS:
                groups *= 1 - (1 - link.share) ** max(values, 1.0)
            if values <= 1.5:
                key = 0.5 * self.key_s
            opened = min(opened, 1 - (1 - 1 / self.segments) ** (max(values, 0.5) * link.runs))
            left = min(left, 1 - math.exp(-max(values, 0.5) * link.spread))
        texts = self.text_s * min(opened, groups)
        return groups * (key + self.in_scan_s) + texts + self.above_s * LEFT_SHARE * left


MOST_HANDED_SIGMA = 2.0
"""Beyond this uncertainty is not taken to mean still more rows."""


def keys_handed(rows: Floats, sigma: Floats) -> Floats:
    """How many keys hash tables of uncertain sizes are expected to hand down: one standard deviation more.

    A few keys spare a scan most of its work, many nothing, so that an error upwards costs more than one downwards.
    """
    return np.asarray(rows * np.exp(np.minimum(sigma, MOST_HANDED_SIGMA)))


def scans_of(graph: JoinGraph, statistics: Statistics) -> tuple[Scan, ...]:
    """The relations of a graph whose scans depend on the order of joins."""
    found = []
    for i, relation in enumerate(graph.relations):
        table = statistics.resolve(relation.table)
        if table is None or table.rows < LEAST_ROWS:
            continue
        links = tuple(
            _link(table, column.name, graph.class_masks[k], statistics)
            for k, group in enumerate(graph.classes)
            for column in group
            if column.relation == i
        )
        in_scan, text, above = _filtering(relation)
        text += sum(_decoding(table, name, statistics) for name in _texts(relation, table))
        rows = float(table.rows)
        if links and (above or in_scan or text or table.rows >= 2 * ROW_GROUP):
            seconds = {
                "key_s": KEY_S * rows,
                "in_scan_s": in_scan * rows,
                "above_s": above * rows,
                "text_s": text * rows,
            }
            found.append(Scan(relation=i, links=links, segments=max(1.0, rows / SEGMENT), **seconds))
    return tuple(found)


def _texts(relation: Relation, table: Table) -> set[str]:
    """The text columns that a query reads from a table; whether one is NULL is told without reading it."""
    known = [table.columns.get(name.lower()) for name in relation.columns]
    names = {column.name.lower() for column in known if column and column.type.startswith("VARCHAR")}
    only_null = {name for condition in relation.conditions if condition[0] == "null" for name in columns_of(condition)}
    compared = {name for condition in relation.conditions if condition[0] != "null" for name in columns_of(condition)}
    return names - (only_null - compared)


def _decoding(table: Table, column: str, statistics: Statistics) -> float:
    """Seconds a row of decompressing a text column."""
    return DECODE_S + UNIQUE_S * statistics.distinct(table, column) / max(table.rows, 1)


def _link(table: Table, column: str, partners: Mask, statistics: Statistics) -> Link:
    share = statistics.scatter(table, column) if table.rows >= 2 * ROW_GROUP else 1.0
    fan_out = table.rows / statistics.distinct(table, column.lower())
    if share > CLUSTERED:
        # Rows of a key often stand together all the same, in blocks of a kind: in places between one and all.
        spread, runs = fan_out * VECTOR / table.rows, math.sqrt(max(1.0, fan_out))
        return Link(partners=partners, share=1.0, spread=spread, runs=runs)
    # Queries ask for the common values more than for others.
    common = statistics.common(table, column) if fan_out > VECTOR else 0.0
    rows = max(fan_out, common * table.rows)
    spread, runs = max(VECTOR, rows) / table.rows, max(1.0, rows / SEGMENT)
    return Link(partners=partners, share=max(share, common), spread=spread, runs=runs)


def _filtering(relation: Relation) -> tuple[float, float, float]:
    """Seconds a row of a relation's filters: on numbers and on texts in the scan, and above it."""
    if not relation.conditions:
        return OTHER_S * len(relation.filters), 0.0, 0.0
    above = [_price(condition) for condition in relation.conditions if condition[0] == "in"]
    inside = [condition for condition in relation.conditions if condition[0] != "in"]
    text = [_price(condition) for condition in inside if _on_text(condition)]
    return sum(map(_price, inside)) - sum(text), sum(text), sum(above)


def _on_text(condition: Condition) -> bool:
    if condition[0] in ("and", "or"):
        return any(map(_on_text, condition[1]))
    if condition[0] == "not":
        return _on_text(condition[1])
    return condition[0] == "like" or (condition[0] == "cmp" and isinstance(condition[3], str))


def _price(condition: Condition) -> float:
    what = condition[0]
    if what == "not":
        return _price(condition[1])
    if what in ("and", "or"):
        return sum(_price(part) for part in condition[1])
    values = condition[2] if what == "in" else condition[3:4]
    kind = what if what in ("like", "null") else "text" if isinstance(values[0], str) else "number"
    return FILTER_S[kind] * (2 if what == "in" else 1)


def scan_seconds(tree: JoinTree, scans: tuple[Scan, ...], rows: Mapping[Mask, float]) -> float:
    """Seconds of the scans that depend on the order, in this order.

    Args:
        tree: The order.
        scans: What reading single relations takes.
        rows: Of each build side, as :func:`keys_handed` has them.
    """
    by_relation = {scan.relation: scan for scan in scans}
    total = 0.0
    for leaf, builds in streams(tree):
        scan = by_relation.get(leaf)
        if scan is not None:
            total += scan.streamed(
                (link, rows[build]) for build in builds for link in scan.links if link.partners & build
            )
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
