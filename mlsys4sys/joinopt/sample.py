"""A sample of a database on which the size of any join can be counted: a *universe sample* in a side store.

Rows are kept by the hash of a join key: a key is in the sample or not, and all rows of all tables with that key with
it, so that joins on the key stay whole and weighing each by one over its chance makes their counts unbiased. Keys with
many rows have the better chances, because it is their fan-outs that multiply. Small tables are kept entirely, others
as far as kept rows refer to them. A set of rows drawn that way is an *anchor*. The side store is a DuckDB instance of
its own; the user's database is only read.

Sources: Acharya et al., Join Synopses for Approximate Query Answering, SIGMOD 1999; Kandula et al., Quickr, SIGMOD
2016 (universe sampling); Hansen and Hurwitz, On the Theory of Sampling from Finite Populations, 1943 (chances by size).
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb

from mlsys4sys.errors import InputError
from mlsys4sys.joinopt.keys import KeyClasses
from mlsys4sys.joinopt.statistics import KeyColumn, Statistics, Table, key_type, quote

log = logging.getLogger(__name__)

VERSION = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleConfig:
    """How much is kept."""

    target_rows: int = 32_768
    """Rows that an anchor keeps of its largest table, about."""
    whole_rows: int = 32_768
    """Tables of at most so many rows are kept entirely."""
    closure_factor: int = 4
    """A table that kept rows refer to is kept as far as needed, if that is below this many times ``target_rows``."""

    def __post_init__(self) -> None:
        if min(self.target_rows, self.whole_rows + 1, self.closure_factor) < 1:
            raise InputError("a sample keeps at least one row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A set of sampled rows: those with sampled keys of one class, and what they lead to."""

    key: int
    """The class in :attr:`Layout.keys`, or -1: a plain sample of the rows of ``only``."""
    within: KeyColumn | None = None
    """Keys only from this column of a small table, so that more of them can be kept."""
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
    kept: list[list[int]] = field(default_factory=list)
    """For each table the anchors that kept rows of it; ``s{table}_{anchor}``, or ``s{table}`` when it is whole."""

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


def choose_anchors(
    keys: KeyClasses, tables: list[Table], config: SampleConfig, distinct: Callable[[Table, str], float]
) -> list[Anchor]:
    """The classes to sample by: greedily those that reach most large tables not yet reached.

    A class of which only a few keys could be afforded (the dates of a fact table, thousands of rows each) is left out:
    a count over few keys tells next to nothing, and whatever a filter wants of them is likely not among them.

    Args:
        keys: The classes.
        tables: What is to be stored.
        config: How much to keep.
        distinct: Different values of a table's column.
    """
    large = {table.sql: table for table in tables if table.rows > config.whole_rows}
    small = {table.sql: table for table in tables if table.rows <= config.whole_rows}
    left = set(large)
    anchors: list[Anchor] = []

    def gain(group: tuple[KeyColumn, ...]) -> tuple[int, int]:
        members = {table for table, _ in group} & left
        return len(members), sum(large[table].rows for table in members)

    def telling(group: tuple[KeyColumn, ...]) -> bool:
        table, name = max(((t, name) for t, name in group if t in large), key=lambda member: large[member[0]].rows)
        values = distinct(large[table], name)
        return values * min(1.0, config.target_rows / large[table].rows) >= min(LEAST_KEYS, values / 2)

    wide = {k: group for k, group in enumerate(keys) if len({t for t, _ in group} & set(large)) >= 2}
    candidates = {k: group for k, group in wide.items() if telling(group)}
    while candidates:
        best = max(candidates, key=lambda k: gain(candidates[k]))
        if gain(candidates[best])[0] < 2 - (not anchors):
            break
        group = candidates.pop(best)
        anchors.append(Anchor(key=best))
        anchors += _dense(best, group, small)
        left -= {table for table, _ in group}
    entities = [sql for sql in sorted(large) if sql not in left and _is_entity(large[sql], keys, distinct)]
    plain = [Anchor(key=-1, only=table) for table in sorted(left)]
    # First, so that filters on them are judged there.
    return [Anchor(key=-1, only=table) for table in entities] + anchors + plain


def _is_entity(table: Table, keys: KeyClasses, distinct: Callable[[Table, str], float]) -> bool:
    """Whether a table has one row for each value of a key: of those the samples by key hold few."""
    columns = {name for group in keys for sql, name in group if sql == table.sql}
    return any(distinct(table, name) > ENTITY * table.rows for name in columns)


def _dense(key: int, group: tuple[KeyColumn, ...], small: dict[str, Table]) -> list[Anchor]:
    """Anchors for small tables that have other columns too: of their few keys of the class, more can be afforded."""
    facts = [(t, name) for t, name in group if t in small and small[t].rows >= LEAST_FACTS]
    return [Anchor(key=key, within=column) for column in facts if column[1] != "id"][:2]


LEAST_KEYS = 100
"""Sampled keys of equal size, that many, give a count with a relative standard deviation of a tenth."""
ENTITY = 0.8
"""A column with more different values than this share of the rows counts as unique (they are counted roughly)."""
LEAST_FACTS = 256
"""Smaller tables get no anchor of their own."""
PLAIN_SHARE = 0.25
"""Rows that a plain sample keeps, as a share of the usual."""
DENSE_SHARE = 0.5
"""Rows that such an anchor may keep, as a share of the usual."""


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
        self.place = {sql: i for i, sql in enumerate(layout.tables)}
        self.class_of = {column: k for k, group in enumerate(layout.keys) for column in group}

    def draw(self, folder: Path) -> None:
        """Write ``s{table}.parquet`` and ``core{anchor}.parquet`` and fill ``layout.complete`` and ``layout.kept``."""
        self.layout.kept = [[] for _ in self.tables]
        narrow: dict[tuple[int, int], str] = {}
        for number, anchor in enumerate(self.layout.anchors):
            found, complete = self._anchor(number, anchor)
            self.layout.complete.append(sorted(complete))
            for i, name in found.items():
                if not self.layout.whole[i]:
                    narrow[i, number] = name
                    self.layout.kept[i].append(number)
            if anchor.key >= 0:
                self._copy(f"SELECT * FROM core{number}", folder / f"core{number}.parquet")
        for i, table in enumerate(self.tables):
            if self.layout.whole[i]:
                self._copy(f"SELECT * FROM {table.sql}", folder / f"s{i}.parquet")
                continue
            flags = "".join(f", bool_or(a = {number}) AS __a{number}" for number in self.layout.kept[i])
            picks = [f"SELECT r, {number} AS a FROM {narrow[i, number]}" for number in self.layout.kept[i]]
            parts = " UNION ALL ".join(picks)
            self._run(f"CREATE TEMP TABLE u{i} AS SELECT r{flags} FROM ({parts}) GROUP BY r")
            kept = f"SELECT t.*, u.* EXCLUDE (r) FROM {table.sql} t JOIN u{i} u ON t.rowid = u.r"
            self._copy(kept, folder / f"s{i}.parquet")

    def _run(self, sql: str) -> int:
        row = self.cursor.execute(sql).fetchone()
        return int(row[0]) if row else 0

    def _copy(self, sql: str, path: Path) -> None:
        self._run(f"COPY ({sql}) TO '{_escape(path)}' (FORMAT parquet)")

    def _cast(self, i: int, column: str) -> str:
        return f"CAST({quote(column)} AS {key_type(self.tables[i].columns[column].type)})"

    def _members(self, key: int) -> list[tuple[int, str]]:
        """Stored tables with a column of a class."""
        return [(self.place[table], name) for table, name in self.layout.keys[key] if table in self.place]

    def _anchor(self, number: int, anchor: Anchor) -> tuple[dict[int, str], set[KeyColumn]]:
        """Temporary tables (row ids and keys) of what the anchor keeps, by table, and the complete columns."""
        if anchor.key < 0:
            i = self.place[anchor.only or ""]
            share = min(1.0, self.config.target_rows * PLAIN_SHARE / max(self.tables[i].rows, 1))
            return {i: self._narrow(number, i, _chance("rowid", str(share)))}, set()
        self._choose_keys(number, anchor)
        conditions: dict[int, list[str]] = {}
        for i, name in self._members(anchor.key):
            conditions.setdefault(i, []).append(f"{self._cast(i, name)} IN (SELECT v FROM core{number})")
        narrow = {i: self._narrow(number, i, " OR ".join(parts)) for i, parts in conditions.items()}
        complete = self._link(number, anchor, narrow, conditions)
        return narrow, complete | self._close(number, anchor, narrow)

    def _choose_keys(self, number: int, anchor: Anchor) -> None:
        """``core{number}``: the sampled keys ``v`` with their weights ``w``, one over the chance of each.

        A part of the rows is spent on equal chances for all keys, one on chances in proportion to their rows, and one
        on the keys with most rows, which are in for certain: joins of several long tails consist of them almost alone.
        """
        counts = " UNION ALL ".join(
            f"SELECT {self._cast(i, name)} AS v, count(*) AS c FROM {self.tables[i].sql} GROUP BY ALL"
            for i, name in self._members(anchor.key)
            if not self.layout.whole[i] or (self.layout.tables[i], name) == anchor.within
        )
        degrees = f"SELECT v, sum(c)::DOUBLE AS c FROM ({counts}) WHERE v IS NOT NULL GROUP BY v"
        if anchor.within:
            i, name = self.place[anchor.within[0]], anchor.within[1]
            degrees += f" HAVING v IN (SELECT {self._cast(i, name)} FROM {self.tables[i].sql})"
        self._run(f"CREATE TEMP TABLE degree{number} AS {degrees}")
        total, squares, most = self.cursor.execute(
            f"SELECT coalesce(sum(c), 0), coalesce(sum(c * c), 0), coalesce(max(c), 0) FROM degree{number}"
        ).fetchone() or (0, 0, 0)
        biggest = max((self.tables[i].rows for i, _ in self._members(anchor.key)), default=1)
        rows_all = sum(self.tables[i].rows for i, _ in self._members(anchor.key) if not self.layout.whole[i])
        budget = self.config.target_rows * max(rows_all, 1) / max(biggest, 1) * (DENSE_SHARE if anchor.within else 1.0)
        even = min(1.0, (1 - BY_SIZE - SURELY) * budget / max(total, 1))
        sized = BY_SIZE * budget / max(squares, 1)
        sure = f"sum(c) OVER (ORDER BY c DESC, v ROWS UNBOUNDED PRECEDING) <= {SURELY * budget!r}"
        chance = f"CASE WHEN {sure} THEN 1.0 ELSE least(1.0, greatest({even!r}, c * {sized!r})) END"
        drawn = f"SELECT v, {chance if total > budget else 1.0} AS p FROM degree{number}"
        picked = f"SELECT v, 1 / p AS w FROM ({drawn}) WHERE {_chance('v', 'p')}"
        log.debug("anchor %d: %s keys, at most %s rows each", number, total, most)
        self._run(f"CREATE TEMP TABLE core{number} AS {picked}")

    def _narrow(self, number: int, i: int, condition: str) -> str:
        table, name = self.tables[i], f"a{number}_{i}"
        keys = [column for column in table.columns if (table.sql, column) in self.class_of]
        columns = "".join(f", {self._cast(i, column)} AS {quote(column)}" for column in keys)
        source = f"SELECT rowid AS r{columns} FROM {table.sql} WHERE {condition}"
        self._run(f"CREATE OR REPLACE TEMP TABLE {name} AS {source}")
        return name

    def _link(
        self, number: int, anchor: Anchor, narrow: dict[int, str], conditions: dict[int, list[str]]
    ) -> set[KeyColumn]:
        """Keep also the partners of keys that kept rows hold in another column of the same class (self-joins)."""
        bridges = {i for i, parts in conditions.items() if len(parts) > 1}
        members = self._members(anchor.key)
        values = [f"SELECT {quote(name)} AS v FROM {narrow[i]}" for i, name in members if i in bridges]
        if not values:
            return set()
        linked = f"SELECT DISTINCT v FROM ({' UNION ALL '.join(values)}) WHERE v IS NOT NULL"
        found = self._run(f"CREATE TEMP TABLE linked{number} AS {linked}")
        if found > self.config.target_rows // 8:
            return set()
        complete = set()
        for i, name in members:
            if i not in bridges and self._few(found, i, [name]):
                inside = f"{self._cast(i, name)} IN (SELECT v FROM linked{number})"
                self._narrow(number, i, " OR ".join([*conditions[i], inside]))
                complete.add((self.layout.tables[i], name))
        return complete

    def _close(self, number: int, anchor: Anchor, narrow: dict[int, str]) -> set[KeyColumn]:
        """Keep the partners, in other large tables, of the keys of other classes that kept rows hold."""
        complete: set[KeyColumn] = set()
        frontier = dict(narrow)
        for _ in range(2):
            added: dict[int, str] = {}
            for k, keys in self._reached(number, anchor, frontier):
                partners: dict[int, list[str]] = {}
                for i, column in self._members(k):
                    if not self.layout.whole[i] and i not in narrow and i not in added:
                        partners.setdefault(i, []).append(column)
                for i, columns in partners.items():
                    if self._affordable(number, keys, i, columns):
                        tests = [f"{self._cast(i, column)} IN (SELECT v FROM {keys})" for column in columns]
                        added[i] = self._narrow(number, i, " OR ".join(tests))
                        complete |= {(self.layout.tables[i], column) for column in columns}
            narrow.update(added)
            frontier = added
        return complete

    def _reached(self, number: int, anchor: Anchor, frontier: dict[int, str]) -> Iterator[tuple[int, str]]:
        """Temporary tables of the distinct keys, class by class, in the rows kept last."""
        for k in range(len(self.layout.keys)):
            members = self._members(k)
            sources = [f"SELECT {quote(name)} AS v FROM {frontier[i]}" for i, name in members if i in frontier]
            if k != anchor.key and sources and any(not self.layout.whole[i] and i not in frontier for i, _ in members):
                name = f"reach{number}_{k}"
                values = f"SELECT DISTINCT v FROM ({' UNION ALL '.join(sources)}) WHERE v IS NOT NULL"
                self._run(f"CREATE OR REPLACE TEMP TABLE {name} AS {values}")
                yield k, name

    def _affordable(self, number: int, keys: str, i: int, columns: list[str]) -> bool:
        """Whether the partners are few, and not better counted from an anchor that came before."""
        table, anchor = self.tables[i], self.layout.anchors[number]
        distinct = min(self.statistics.distinct(table, column) for column in columns)
        before = [self.layout.keys[a.key] for a in self.layout.anchors[:number] if a.key >= 0]
        earlier = {t for group in before for t, _ in group}
        earlier -= {t for t, _ in self.layout.keys[anchor.key]}
        if distinct < 0.9 * table.rows and table.sql in earlier and not anchor.within:
            return False
        return self._few(self._run(f"SELECT count(*) FROM {keys}"), i, columns)

    def _few(self, keys: int, i: int, columns: list[str]) -> bool:
        """Whether so many keys are expected to have few enough rows in a table to keep them all."""
        distinct = min(self.statistics.distinct(self.tables[i], column) for column in columns)
        expected = keys * len(columns) * self.tables[i].rows / distinct
        return expected <= self.config.closure_factor * self.config.target_rows


BY_SIZE = 0.5
"""Share of a sample's rows that is spent on keys in proportion to their rows."""
SURELY = 0.25
"""Share that is spent on the keys with most rows. Of the join of casts, keywords, information and companies on the
generated database ten films in 250,000 make up four tenths; chances by size alone would sample each with one in ten."""


def _chance(value: str, share: str) -> str:
    """SQL: true for a share of all values, always the same ones."""
    return f"(hash({value}) >> 11)::DOUBLE < {share} * 9007199254740992e0"  # a double: decimals overflow


def _escape(path: Path) -> str:
    return str(path).replace("'", "''")


def load_side(side: duckdb.DuckDBPyConnection, layout: Layout, statistics: Statistics, folder: Path) -> None:
    """Fill a side store from the files of a drawn sample, with dense ids for every key."""
    for i, sql in enumerate(layout.tables):
        columns = statistics.tables[sql].columns
        casts = ", ".join(f"CAST({quote(name)} AS {column.type}) AS {quote(name)}" for name, column in columns.items())
        flags = "".join(f", __a{number}" for number in layout.kept[i])
        side.execute(f"CREATE TABLE x{i} AS SELECT {casts}{flags} FROM '{_escape(folder / f's{i}.parquet')}'")
    _number_keys(side, layout, statistics)
    for i, whole in enumerate(layout.whole):
        if whole:
            side.execute(f"ALTER TABLE y{i} RENAME TO s{i}")
            continue
        flags = ", ".join(f"__a{number}" for number in layout.kept[i])
        for number in layout.kept[i]:
            side.execute(f"CREATE TABLE s{i}_{number} AS SELECT * EXCLUDE ({flags}) FROM y{i} WHERE __a{number}")
        side.execute(f"DROP TABLE y{i}")
    for number, anchor in enumerate(layout.anchors):
        if anchor.key >= 0:
            core = f"'{_escape(folder / f'core{number}.parquet')}'"
            side.execute(f"CREATE TABLE core{number} AS SELECT id, w FROM {core} JOIN ids{anchor.key} USING (v)")
    side.execute("CREATE TABLE layout AS SELECT ?::VARCHAR AS json", [layout.to_json()])


def _number_keys(side: duckdb.DuckDBPyConnection, layout: Layout, statistics: Statistics) -> None:
    """``ids{k}``: each value of a class and its id; ``y{i}``: the rows of ``x{i}`` with an id for each key."""
    joins: dict[int, list[str]] = {i: [] for i in range(len(layout.tables))}
    picks: dict[int, list[str]] = {i: [] for i in range(len(layout.tables))}
    for k, group in enumerate(layout.keys):
        values = []
        for table, name in group:
            if table in layout.tables:
                i, kind = layout.tables.index(table), key_type(statistics.tables[table].columns[name].type)
                slot = len(joins[i])
                values.append(f"SELECT CAST({quote(name)} AS {kind}) AS v FROM x{i}")
                joins[i].append(f" LEFT JOIN ids{k} j{slot} ON j{slot}.v = CAST(t.{quote(name)} AS {kind})")
                picks[i].append(f", coalesce(j{slot}.id, -1)::INTEGER AS {quote(KEY_PREFIX + name)}")
        if values:
            # A class of one column (a table joined with itself) has no UNION that would leave its duplicates out.
            distinct = f"SELECT DISTINCT v FROM ({' UNION ALL '.join(values)}) WHERE v IS NOT NULL"
            side.execute(f"CREATE TABLE ids{k} AS SELECT v, row_number() OVER () - 1 AS id FROM ({distinct})")
    for i in range(len(layout.tables)):
        side.execute(f"CREATE TABLE y{i} AS SELECT t.*{''.join(picks[i])} FROM x{i} t{''.join(joins[i])}")
        side.execute(f"DROP TABLE x{i}")


KEY_PREFIX = "__key_"
"""What columns of ids are called, before the name of the column they number."""


def draw_sample(
    statistics: Statistics, keys: KeyClasses, names: set[str], config: SampleConfig, path: Path | None
) -> duckdb.DuckDBPyConnection:
    """Sample the named tables by the given keys into a new side store: a file, or memory when there is no path."""
    tables = [statistics.tables[sql] for sql in sorted(names | {t for group in keys for t, _ in group})]
    layout = Layout(
        keys=keys,
        tables=[table.sql for table in tables],
        rows=[table.rows for table in tables],
        whole=[table.rows <= config.whole_rows for table in tables],
        anchors=choose_anchors(keys, tables, config, statistics.distinct),
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
