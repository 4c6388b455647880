"""The side store of a sample, read: key ids as arrays, filtered leaves as row positions."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import DataError
from mlsys4sys.joinopt.counting import Ids
from mlsys4sys.joinopt.keys import KeyClasses
from mlsys4sys.joinopt.problem import Relation
from mlsys4sys.joinopt.sample import VERSION, Anchor, Layout, SampleConfig, draw_sample
from mlsys4sys.joinopt.statistics import Statistics, quote

log = logging.getLogger(__name__)

Rows = NDArray[np.int64]
REMEMBERED = 512
"""Filtered leaves kept."""


class SampleStore:
    """One drawn sample. Arrays are loaded when first asked for and then kept."""

    def __init__(self, side: duckdb.DuckDBPyConnection) -> None:
        self.side = side
        found = side.execute("SELECT json FROM layout").fetchone()
        assert found is not None
        self.layout = Layout.from_json(found[0])
        self.index = {sql: i for i, sql in enumerate(self.layout.tables)}
        self.class_of = {column: k for k, group in enumerate(self.layout.keys) for column in group}
        self.complete = [frozenset(columns) for columns in self.layout.complete]
        self._keys: dict[int, dict[str, NDArray[np.generic]]] = {}
        self._positions: dict[tuple[int, int], Rows | None] = {}
        self._core: dict[int, Ids] = {}
        self._domains: dict[int, int] = {}
        self._leaves: OrderedDict[tuple[int, str, tuple[str, ...]], Rows | None] = OrderedDict()
        self._taken: dict[tuple[int, int, str, bool], Ids] = {}

    def _arrays(self, table: int) -> dict[str, NDArray[np.generic]]:
        if table not in self._keys:
            self._keys[table] = {
                name: np.ascontiguousarray(values)
                for name, values in self.side.execute(f"SELECT * FROM k{table}").fetchnumpy().items()
            }
        return self._keys[table]

    def size(self, table: int) -> int:
        """Rows stored of a table."""
        return len(self._arrays(table)["r"])

    def domain(self, key: int) -> int:
        """Ids that a class of keys has."""
        if key not in self._domains:
            row = self.side.execute(f"SELECT count(*) FROM ids{key}").fetchone()
            self._domains[key] = int(row[0]) if row else 0
        return self._domains[key]

    def ids(self, table: int, column: str) -> Ids:
        """The key id of every stored row, -1 for NULL."""
        return self._arrays(table)["k_" + column]  # type: ignore[return-value]

    def core(self, number: int) -> Ids:
        """For each id of an anchor's class: its place among the sampled ids, or -1."""
        if number not in self._core:
            anchor = self.layout.anchors[number]
            test = f"hash(v) % {anchor.modulus} = 0"
            if anchor.within:
                table, column = anchor.within
                own = self.ids(self.index[table], column)
                inside = np.zeros(self.domain(anchor.key), dtype=bool)
                inside[own[own >= 0]] = True
            else:
                inside = np.ones(self.domain(anchor.key), dtype=bool)
            sampled = self.side.execute(f"SELECT {test} AS s FROM ids{anchor.key} ORDER BY id").fetchnumpy()["s"]
            chosen = inside & np.asarray(sampled, dtype=bool)
            self._core[number] = np.where(chosen, np.cumsum(chosen) - 1, -1).astype(np.int32)
        return self._core[number]

    def core_size(self, number: int) -> int:
        """How many ids an anchor sampled."""
        return int(self.core(number).max(initial=-1)) + 1

    def member(self, table: int, number: int) -> NDArray[np.bool_] | None:
        """Which stored rows an anchor kept; nothing when it is all of them."""
        if number < 0 or self.layout.whole[table]:
            return None
        return self._arrays(table)[f"__a{number}"]  # type: ignore[return-value]

    def positions(self, table: int, number: int) -> Rows | None:
        """The stored rows that an anchor kept; nothing when it is all of them."""
        if (table, number) not in self._positions:
            member = self.member(table, number)
            self._positions[table, number] = None if member is None else np.flatnonzero(member)
        return self._positions[table, number]

    def key_ids(self, table: int, column: str, number: int, selected: Rows | None, *, at_root: bool) -> Ids:
        """The ids of one column over the rows of an anchor that passed the filters.

        Args:
            table: Place of the table in the layout.
            column: Lower-case name.
            number: The anchor, or -1 for all rows.
            selected: Positions that passed the filters, or nothing when there are none.
            at_root: Ids are then places among the sampled ids of the anchor.
        """
        if selected is None:
            key = (table, number, column, at_root)
            if key not in self._taken:
                self._taken[key] = self._take(table, column, number, self.positions(table, number), at_root)
            return self._taken[key]
        member = self.member(table, number)
        return self._take(table, column, number, selected if member is None else selected[member[selected]], at_root)

    def _take(self, table: int, column: str, number: int, rows: Rows | None, at_root: bool) -> Ids:
        ids = self.ids(table, column) if rows is None else self.ids(table, column)[rows]
        if at_root and number >= 0:
            core = self.core(number)
            ids = np.where(ids >= 0, core[ids], np.int32(-1)) if len(core) else np.full_like(ids, -1)
        return np.ascontiguousarray(ids, dtype=np.int32)

    def forget(self) -> None:
        """Drop the positions of filtered leaves."""
        self._leaves.clear()

    def select(self, table: int, relation: Relation) -> Rows | None:
        """Positions of the stored rows that pass a relation's filters; nothing when it has none.

        Raises:
            duckdb.Error: The filters do not run on the side store.
        """
        if not relation.filters:
            return None
        key = (table, relation.alias, relation.filters)
        if key in self._leaves:
            self._leaves.move_to_end(key)
            return self._leaves[key]
        where = " AND ".join(f"({text})" for text in relation.filters)
        rows = self.side.execute(
            f"SELECT rowid AS r FROM s{table} AS {quote(relation.alias)} WHERE {where}"
        ).fetchnumpy()["r"]
        self._leaves[key] = np.ascontiguousarray(rows)
        if len(self._leaves) > REMEMBERED:
            self._leaves.popitem(last=False)
        return self._leaves[key]


class StoreKeeper:
    """Finds, draws and renews the sample of one database.

    Samples of a database file are kept in the user's cache folder under a name made of the file's path, the tables'
    row counts and the configuration; those of databases in memory live as long as this object.
    """

    def __init__(
        self,
        statistics: Statistics,
        config: SampleConfig,
        folder: Path | None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.statistics, self.config, self.folder = statistics, config, folder
        self._report = report or log.info
        self._store: SampleStore | None = None
        self._looked = False

    def store(self, keys: KeyClasses, names: set[str]) -> SampleStore:
        """A sample that knows at least these keys and tables; drawn now if there is none."""
        known = self.current()
        if known is None or keys != known.layout.keys or not names <= set(known.layout.tables):
            names = names | (set(known.layout.tables) & set(self.statistics.tables) if known else set())
            self._store = self._draw(keys, names)
        assert self._store is not None
        return self._store

    def current(self) -> SampleStore | None:
        """The sample in use, or the newest kept one of this database as it is now."""
        if self._store is not None and not self._fits(self._store.layout):
            self._store = None
        if self._store is None and not self._looked and self.folder is not None:
            self._looked = True
            kept = sorted(self.folder.glob(f"{self._identity()}-*.duckdb"), key=lambda path: path.stat().st_mtime)
            self._store = next((store for path in reversed(kept) if (store := self._open(path))), None)
        return self._store

    def _fits(self, layout: Layout) -> bool:
        tables = self.statistics.tables
        return layout.version == VERSION and all(
            sql in tables and tables[sql].rows == rows for sql, rows in zip(layout.tables, layout.rows, strict=True)
        )

    def _open(self, path: Path) -> SampleStore | None:
        try:
            store = SampleStore(duckdb.connect(str(path), read_only=True, config={"threads": 1}))
        except (duckdb.Error, ValueError, TypeError, KeyError) as error:
            log.info("%s: not a sample of this version (%s); drawing a new one", path, error)
            return None
        return store if self._fits(store.layout) else None

    def _identity(self) -> str:
        counts = [(table.sql, table.rows) for table in self.statistics.tables.values()]
        row = (
            self.statistics.engine.connection.cursor()
            .execute(
                "SELECT string_agg(coalesce(path, ''), '|' ORDER BY database_name) FROM duckdb_databases()"
                " WHERE NOT internal"
            )
            .fetchone()
        )
        text = repr((VERSION, row, counts, self.config))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _draw(self, keys: KeyClasses, names: set[str]) -> SampleStore:
        self._report(f"sampling {len(names)} tables, once for this database")
        arguments = (self.statistics, keys, names, self.config)
        if self.folder is None:
            return SampleStore(draw_sample(*arguments, None))
        self.folder.mkdir(parents=True, exist_ok=True)
        identity = self._identity()
        path = self.folder / f"{identity}-{hashlib.sha256(repr((keys, sorted(names))).encode()).hexdigest()[:8]}.duckdb"
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        try:
            draw_sample(*arguments, fresh).close()
            fresh.replace(path)
        except duckdb.IOException as error:
            raise DataError(f"{path}: the sample cannot be written ({error})") from error
        for old in self.folder.glob(f"{identity}-*.duckdb"):
            if old != path:
                old.unlink(missing_ok=True)
        return SampleStore(duckdb.connect(str(path), read_only=True, config={"threads": 1}))


def anchors_with(store: SampleStore, table: int) -> list[tuple[int, Anchor]]:
    """Anchors that sampled a table by its own rows or keys, the plainest first."""
    sql = store.layout.tables[table]
    members = [{t for t, _ in group} for group in store.layout.keys]
    found = [
        (number, anchor)
        for number, anchor in enumerate(store.layout.anchors)
        if anchor.only == sql or (anchor.key >= 0 and sql in members[anchor.key] and not anchor.within)
    ]
    return sorted(found, key=lambda pair: pair[1].modulus)
