"""A sample of a database on which the size of any join can be counted: a *universe sample* in a side store.

Rows are kept by the hash of a join key: of every table with a column of the class, exactly the rows whose key falls
into one of ``m`` buckets, so that joins on that key stay whole and their counts, times ``m``, are unbiased. Small
tables are kept entirely; others as far as kept rows refer to them. A set of rows drawn that way is an *anchor*.
The side store is a DuckDB instance of its own; the user's database is only read.

Sources: Acharya et al., Join Synopses for Approximate Query Answering, SIGMOD 1999; Kandula et al., Quickr, SIGMOD
2016 (universe sampling).
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from mlsys4sys.errors import InputError
from mlsys4sys.joinopt.keys import KeyClasses
from mlsys4sys.joinopt.statistics import KeyColumn, Statistics, Table, key_type, quote

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleConfig:
    """How much is kept."""

    target_rows: int = 32_768
    """Rows that an anchor keeps of its largest table, about."""
    whole_rows: int = 32_768
    """Tables of at most so many rows are kept entirely."""
    closure_factor: int = 8
    """A table that kept rows refer to is kept as far as needed, if that is below this many times ``target_rows``."""

    def __post_init__(self) -> None:
        if min(self.target_rows, self.whole_rows + 1, self.closure_factor) < 1:
            raise InputError("a sample keeps at least one row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A set of sampled rows: keys of one class whose hash is 0 modulo ``modulus``, and what they lead to."""

    key: int
    """The class in :attr:`Layout.keys`, or -1: a plain sample of the rows of ``only``."""
    modulus: int
    within: KeyColumn | None = None
    """Keys only from this column of a small table, which can be sampled more densely."""
    only: str | None = None


@dataclass(slots=True, kw_only=True)
class Layout:
    """What a side store holds."""

    version: int = VERSION
    keys: KeyClasses = ()
    tables: list[str] = field(default_factory=list)
    """``Table.sql`` of what is stored, in the order of the stored names ``s0, s1, …``."""
    rows: list[int] = field(default_factory=list)
    """Rows of each in the user's database when the sample was drawn."""
    whole: list[bool] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)
    complete: list[list[KeyColumn]] = field(default_factory=list)
    """For each anchor: columns through which its rows find all their partners."""

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Back from text."""
        raw = json.loads(text)
        raw["keys"] = tuple(tuple((table, name) for table, name in group) for group in raw["keys"])
        raw["anchors"] = [
            Anchor(**{**a, "within": tuple(a["within"]) if a["within"] else None}) for a in raw["anchors"]
        ]
        raw["complete"] = [[(table, name) for table, name in columns] for columns in raw["complete"]]
        return cls(**raw)


def hashed(column: str, kind: str, modulus: int) -> str:
    """SQL: whether the key in ``column`` (quoted, perhaps qualified) is sampled."""
    return f"hash(CAST({column} AS {key_type(kind)})) % {modulus} = 0"


def choose_anchors(statistics: Statistics, keys: KeyClasses, tables: list[Table], config: SampleConfig) -> list[Anchor]:
    """The classes to sample by: greedily those that reach most large tables not yet reached."""
    large = {table.sql: table for table in tables if table.rows > config.whole_rows}
    left = set(large)
    anchors: list[Anchor] = []

    def gain(group: tuple[KeyColumn, ...]) -> tuple[int, int]:
        members = {table for table, _ in group} & left
        return len(members), sum(large[table].rows for table in members)

    candidates = {k: group for k, group in enumerate(keys) if len({t for t, _ in group} & set(large)) >= 2}
    while candidates:
        best = max(candidates, key=lambda k: gain(candidates[k]))
        if gain(candidates[best])[0] < 2 - (not anchors):
            break
        group = candidates.pop(best)
        anchors.append(Anchor(key=best, modulus=_modulus([large[t].rows for t, _ in group if t in large], config)))
        anchors += _dense(best, group, large, statistics, config)
        left -= {table for table, _ in group}
    rest = sorted(left)
    return anchors + [Anchor(key=-1, modulus=_modulus([large[t].rows], config), only=t) for t in rest]


def _modulus(rows: list[int], config: SampleConfig) -> int:
    return 1 << max(0, math.ceil(math.log2(max(rows) / config.target_rows)))


def _dense(
    key: int, group: tuple[KeyColumn, ...], large: dict[str, Table], statistics: Statistics, config: SampleConfig
) -> list[Anchor]:
    """Anchors for small tables that hold few keys of the class: of those keys, more can be afforded."""
    biggest = max((large[t] for t, _ in group if t in large), key=lambda table: table.rows)
    column = next(name for t, name in group if t == biggest.sql)
    fan_out = biggest.rows / statistics.distinct(biggest, column)
    usual = _modulus([biggest.rows], config)
    found = []
    for table, name in group:
        if table in large or table not in statistics.tables:
            continue
        expected = statistics.distinct(statistics.tables[table], name) * fan_out * 2
        modulus = 1 << max(0, math.ceil(math.log2(max(expected / config.target_rows, 1))))
        if 4 * modulus <= usual and statistics.tables[table].rows >= 64:
            found.append(Anchor(key=key, modulus=modulus, within=(table, name)))
    return found[:2]


class SampleBuilder:
    """Draws a sample through one cursor of the user's connection, using temporary tables of that cursor alone."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, statistics: Statistics, layout: Layout, config: SampleConfig
    ) -> None:
        self.cursor = cursor
        self.statistics = statistics
        self.layout = layout
        self.config = config
        self.tables = [statistics.tables[sql] for sql in layout.tables]
        self.class_of = {column: k for k, group in enumerate(layout.keys) for column in group}

    def draw(self, folder: Path) -> None:
        """Writes ``s{i}.parquet`` of every stored table into ``folder`` and fills ``layout.complete``."""
        parts: dict[int, list[str]] = {i: [] for i, whole in enumerate(self.layout.whole) if not whole}
        for number, anchor in enumerate(self.layout.anchors):
            narrow, complete = self._anchor(number, anchor)
            self.layout.complete.append(sorted(complete))
            for i, name in narrow.items():
                if i in parts:
                    parts[i].append(f"SELECT r, {number} AS a FROM {name}")
        for i, table in enumerate(self.tables):
            flags = "".join(f", bool_or(a = {number}) AS __a{number}" for number in range(len(self.layout.anchors)))
            if i in parts:
                self._run(f"CREATE TEMP TABLE u{i} AS SELECT r{flags} FROM ({' UNION ALL '.join(parts[i])}) GROUP BY r")
                source = f"SELECT t.*, u.* EXCLUDE (r) FROM {table.sql} t JOIN u{i} u ON t.rowid = u.r"
            else:
                source = f"SELECT * FROM {table.sql}"
            self._run(f"COPY ({source}) TO '{_escape(folder / f's{i}.parquet')}' (FORMAT parquet)")

    def _run(self, sql: str) -> int:
        row = self.cursor.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def _columns(self, table: Table) -> list[str]:
        return [name for name in table.columns if (table.sql, name) in self.class_of]

    def _anchor(self, number: int, anchor: Anchor) -> tuple[dict[int, str], set[KeyColumn]]:
        """Temporary tables (row ids and keys) of what the anchor keeps, by table, and the complete columns."""
        if anchor.key < 0:
            i = self.layout.tables.index(anchor.only or "")
            condition = f"hash(rowid) % {anchor.modulus} = 0"
            return {i: self._narrow(number, i, condition)}, set()
        conditions = self._member_conditions(number, anchor)
        narrow = {i: self._narrow(number, i, " OR ".join(parts)) for i, parts in conditions.items()}
        complete = self._link(number, anchor, narrow, conditions)
        return narrow, complete | self._close(number, anchor, narrow)

    def _narrow(self, number: int, i: int, condition: str) -> str:
        table, name = self.tables[i], f"a{number}_{i}"
        columns = "".join(
            f", CAST({quote(c)} AS {key_type(table.columns[c].type)}) AS {quote(c)}" for c in self._columns(table)
        )
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT rowid AS r{columns} FROM {table.sql} t WHERE {condition}"
        )
        return name

    def _member_conditions(self, number: int, anchor: Anchor) -> dict[int, list[str]]:
        if anchor.within:
            table, name = anchor.within
            kind = self.statistics.tables[table].columns[name].type
            self._run(
                f"CREATE TEMP TABLE core{number} AS SELECT DISTINCT CAST({quote(name)} AS {key_type(kind)}) AS v"
                f" FROM {table} WHERE {hashed(quote(name), kind, anchor.modulus)}"
            )
        conditions: dict[int, list[str]] = {}
        for member, name in self.layout.keys[anchor.key]:
            if member in self.layout.tables:
                i = self.layout.tables.index(member)
                kind = self.tables[i].columns[name].type
                inside = f"CAST({quote(name)} AS {key_type(kind)}) IN (FROM core{number})"
                test = inside if anchor.within else hashed(quote(name), kind, anchor.modulus)
                conditions.setdefault(i, []).append(test)
        return conditions

    def _link(
        self, number: int, anchor: Anchor, narrow: dict[int, str], conditions: dict[int, list[str]]
    ) -> set[KeyColumn]:
        """Keep also the partners of keys that kept rows hold in another column of the same class (self-joins)."""
        group = self.layout.keys[anchor.key]
        bridges = [i for i, parts in conditions.items() if len(parts) > 1]
        if not bridges:
            return set()
        values = " UNION ".join(
            f"SELECT {quote(name)} AS v FROM {narrow[i]}"
            for i in bridges
            for table, name in group
            if table == self.layout.tables[i]
        )
        linked = self._run(f"CREATE TEMP TABLE linked{number} AS SELECT v FROM ({values}) WHERE v IS NOT NULL")
        if linked > self.config.target_rows:
            return set()
        complete = set()
        for table, name in group:
            if table not in self.layout.tables or (i := self.layout.tables.index(table)) in bridges:
                continue
            kind = key_type(self.tables[i].columns[name].type)
            wider = [*conditions[i], f"CAST({quote(name)} AS {kind}) IN (FROM linked{number})"]
            self._narrow(number, i, " OR ".join(wider))
            complete.add((table, name))
        return complete

    def _close(self, number: int, anchor: Anchor, narrow: dict[int, str]) -> set[KeyColumn]:
        """Keep the partners, in other large tables, of the keys of other classes that kept rows hold."""
        complete: set[KeyColumn] = set()
        frontier = dict(narrow)
        for _ in range(2):
            reached = list(self._reached(number, anchor, frontier))
            frontier = {}
            for k, keys in reached:
                for i, column in self._partners(k, {**narrow, **frontier}):
                    if not self._affordable(keys, i, column):
                        continue
                    kind = key_type(self.tables[i].columns[column].type)
                    frontier[i] = self._narrow(number, i, f"CAST({quote(column)} AS {kind}) IN (FROM {keys})")
                    complete.add((self.layout.tables[i], column))
            narrow.update(frontier)
        return complete

    def _reached(self, number: int, anchor: Anchor, frontier: dict[int, str]) -> Iterator[tuple[int, str]]:
        """Tables of the distinct keys of each other class in the rows kept last."""
        for k, group in enumerate(self.layout.keys):
            sources = [
                f"SELECT {quote(name)} AS v FROM {frontier[i]}"
                for i in frontier
                for table, name in group
                if table == self.layout.tables[i]
            ]
            large = {
                t for t, _ in group if t in self.layout.tables and not self.layout.whole[self.layout.tables.index(t)]
            }
            if k != anchor.key and sources and large - {self.layout.tables[i] for i in frontier}:
                name = f"reach{number}_{k}"
                self._run(
                    f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT v FROM ({' UNION '.join(sources)}) WHERE v IS NOT NULL"
                )
                yield k, name

    def _partners(self, k: int, narrow: dict[int, str]) -> Iterator[tuple[int, str]]:
        for table, name in self.layout.keys[k]:
            if table in self.layout.tables:
                i = self.layout.tables.index(table)
                if not self.layout.whole[i] and (i not in narrow):
                    yield i, name

    def _affordable(self, keys: str, i: int, column: str) -> bool:
        count = self._run(f"SELECT count(*) FROM {keys}")
        table = self.tables[i]
        expected = count * table.rows / self.statistics.distinct(table, column)
        return expected <= self.config.closure_factor * self.config.target_rows


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")


def load_side(side: duckdb.DuckDBPyConnection, layout: Layout, statistics: Statistics, folder: Path) -> None:
    """Fill a side store from the parquet files of a drawn sample, with dense ids for every key."""
    for i, sql in enumerate(layout.tables):
        table = statistics.tables[sql]
        casts = ", ".join(f"CAST({quote(c)} AS {column.type}) AS {quote(c)}" for c, column in table.columns.items())
        file = f"read_parquet('{_escape(folder / f's{i}.parquet')}')"
        flags = "" if layout.whole[i] else ", COLUMNS('__a[0-9]+')"
        side.execute(f"CREATE TABLE x{i} AS SELECT {casts}{flags} FROM {file}")
    _number_keys(side, layout, statistics)
    for i, whole in enumerate(layout.whole):
        side.execute(f"ALTER TABLE x{i} RENAME TO s{i}")
        for number in range(0 if whole else len(layout.anchors)):
            side.execute(f"ALTER TABLE s{i} DROP COLUMN __a{number}")
    side.execute("CREATE TABLE layout AS SELECT ?::VARCHAR AS json", [layout.to_json()])


def _number_keys(side: duckdb.DuckDBPyConnection, layout: Layout, statistics: Statistics) -> None:
    """``ids{k}``: each value of a class and its id; ``k{i}``: for each row of a stored table, ids and anchors."""
    joins: dict[int, list[str]] = {i: [] for i in range(len(layout.tables))}
    picks: dict[int, list[str]] = {i: [] for i in range(len(layout.tables))}
    for k, group in enumerate(layout.keys):
        stored = [(layout.tables.index(table), table, name) for table, name in group if table in layout.tables]
        if not stored:
            continue
        values = []
        for i, table, name in stored:
            cast = f"CAST({{}}{quote(name)} AS {key_type(statistics.tables[table].columns[name].type)})"
            values.append(f"SELECT {cast.format('')} AS v FROM x{i}")
            slot = len(joins[i])
            joins[i].append(f" LEFT JOIN ids{k} j{slot} ON j{slot}.v = {cast.format('t.')}")
            picks[i].append(f"coalesce(j{slot}.id, -1)::INTEGER AS {quote('k_' + name)}")
        union = " UNION ".join(values)
        side.execute(
            f"CREATE TABLE ids{k} AS SELECT v, row_number() OVER () - 1 AS id FROM ({union}) WHERE v IS NOT NULL"
        )
    for i in range(len(layout.tables)):
        flags = [] if layout.whole[i] else [f"t.__a{n}" for n in range(len(layout.anchors))]
        columns = ", ".join(["t.rowid AS r", *picks[i], *flags])
        side.execute(f"CREATE TABLE k{i} AS SELECT {columns} FROM x{i} t{''.join(joins[i])} ORDER BY t.rowid")


def draw_sample(
    statistics: Statistics,
    keys: KeyClasses,
    names: set[str],
    config: SampleConfig,
    path: Path | None,
) -> duckdb.DuckDBPyConnection:
    """Sample the named tables by the given keys into a new side store: a file, or memory when there is no path."""
    tables = [statistics.tables[sql] for sql in sorted(names | {t for group in keys for t, _ in group})]
    layout = Layout(
        keys=keys,
        tables=[table.sql for table in tables],
        rows=[table.rows for table in tables],
        whole=[table.rows <= config.whole_rows for table in tables],
        anchors=choose_anchors(statistics, keys, tables, config),
    )
    with tempfile.TemporaryDirectory(prefix="mlsys4sys-sample-") as folder:
        cursor = statistics.engine.connection.cursor()
        try:
            SampleBuilder(cursor, statistics, layout, config).draw(Path(folder))
        finally:
            cursor.close()
        side = duckdb.connect(str(path) if path else ":memory:", config={"threads": 1})
        load_side(side, layout, statistics, Path(folder))
    return side
