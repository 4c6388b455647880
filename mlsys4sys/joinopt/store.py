"""The side store of a sample, read: key ids as arrays, filtered leaves as row positions."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from mlsys4sys._native import FilterTable
from mlsys4sys.errors import DataError
from mlsys4sys.joinopt.cardinality import Floats
from mlsys4sys.joinopt.counting import Ids
from mlsys4sys.joinopt.filters import Program, columns_of, kind_of, program_of
from mlsys4sys.joinopt.keys import KeyClasses
from mlsys4sys.joinopt.problem import Relation
from mlsys4sys.joinopt.sample import KEY_PREFIX, VERSION, Layout, SampleConfig, draw_sample
from mlsys4sys.joinopt.statistics import Statistics, quote

log = logging.getLogger(__name__)

Rows = NDArray[np.int64]
LeafKey = tuple[int, int, str, tuple[str, ...]]
"""Table, anchor (-1: kept whole), alias, filters."""
REMEMBERED = 512
"""Filtered leaves kept."""


class Filtering:
    """The columns of one stored table, loaded when a filter first reads them, and filtered without a database."""

    def __init__(self, side: duckdb.DuckDBPyConnection, name: str) -> None:
        self.side, self.name = side, name
        row = side.execute(f"SELECT count(*) FROM {name}").fetchone()
        self._table = FilterTable(int(row[0]) if row else 0)
        described = side.execute(f"DESCRIBE {name}").fetchall()
        self._types = {str(column[0]).lower(): (str(column[0]), kind_of(str(column[1]))) for column in described}
        self._places: dict[str, tuple[int, str]] = {}

    def select(self, relation: Relation) -> Rows | None:
        """Positions of the rows that pass a relation's filters; nothing when DuckDB has to look at them."""
        if not relation.conditions:
            return None
        for name in {name for condition in relation.conditions for name in columns_of(condition)}:
            if name not in self._places and not self._load(name):
                return None
        programs: list[Program] = []
        for condition in relation.conditions:
            program = program_of(condition, self._places)
            if program is None:
                return None
            programs.append(program)
        return self._table.select(programs)

    def _load(self, name: str) -> bool:
        written, kind = self._types.get(name, (name, ""))
        if not kind:
            return False
        column = quote(written)
        if kind == "text":
            values = self.side.execute(f"SELECT {column} AS v FROM {self.name}").fetchall()
            place = self._table.add_texts([row[0] for row in values])
        else:
            value = f"date_diff('day', DATE '1970-01-01', {column})" if kind == "date" else column
            text = f"SELECT coalesce(CAST({value} AS DOUBLE), 'nan'::DOUBLE) AS v FROM {self.name}"
            numbers = self.side.execute(text).fetchnumpy()["v"]
            place = self._table.add_numbers(np.ascontiguousarray(numbers, dtype=np.float64))
        self._places[name] = place, kind
        return True


class SampleStore:
    """One drawn sample. Arrays are loaded when first asked for and then kept."""

    def __init__(self, side: duckdb.DuckDBPyConnection) -> None:
        self.side = side
        self._filtering: dict[tuple[int, int], Filtering] = {}
        self._weights: dict[int, Floats] = {}
        found = side.execute("SELECT json FROM layout").fetchone()
        assert found is not None
        self.layout = Layout.from_json(found[0])
        self.index = {sql: i for i, sql in enumerate(self.layout.tables)}
        self.class_of = {column: k for k, group in enumerate(self.layout.keys) for column in group}
        self.complete = [frozenset(columns) for columns in self.layout.complete]
        self._keys: dict[tuple[int, int], dict[str, Ids]] = {}
        self._core: dict[int, tuple[Ids, Floats]] = {}
        self._domains: dict[int, int] = {}
        self._leaves: OrderedDict[LeafKey, Rows] = OrderedDict()
        self._at_root: dict[tuple[int, str, int], Ids] = {}

    def name(self, table: int, number: int) -> str:
        """The stored table: the whole one, or what an anchor kept of it."""
        return f"s{table}" if self.layout.whole[table] else f"s{table}_{number}"

    def ids(self, table: int, column: str, number: int) -> Ids:
        """The key id of every row that an anchor kept (of every row, where the table is whole), -1 for NULL."""
        place = (table, -1 if self.layout.whole[table] else number)
        if place not in self._keys:
            sql = f"SELECT COLUMNS('^{KEY_PREFIX}') FROM {self.name(table, number)}"
            found = self.side.execute(sql).fetchnumpy()
            self._keys[place] = {name: np.ascontiguousarray(ids, dtype=np.int32) for name, ids in found.items()}
        return self._keys[place][KEY_PREFIX + column]

    def domain(self, key: int) -> int:
        """Ids that a class of keys has."""
        if key not in self._domains:
            row = self.side.execute(f"SELECT count(*) FROM ids{key}").fetchone()
            self._domains[key] = int(row[0]) if row else 0
        return self._domains[key]

    def core(self, number: int) -> tuple[Ids, Floats]:
        """Of an anchor: for each id of its class the place among the sampled ones, or -1; and the weights of those."""
        if number not in self._core:
            found = self.side.execute(f"SELECT id, w FROM core{number} ORDER BY id").fetchnumpy()
            places = np.full(self.domain(self.layout.anchors[number].key), -1, dtype=np.int32)
            places[found["id"]] = np.arange(len(found["id"]), dtype=np.int32)
            self._core[number] = places, np.ascontiguousarray(found["w"], dtype=np.float64)
        return self._core[number]

    def core_ids(self, table: int, column: str, number: int) -> Ids:
        """For each row, the place of its key among the sampled ones of an anchor, or -1."""
        place = (table, column, number)
        if place not in self._at_root:
            ids, (places, _) = self.ids(table, column, number), self.core(number)
            inside = places[ids] if len(places) else np.full_like(ids, -1)
            self._at_root[place] = np.where(ids >= 0, inside, np.int32(-1))
        return self._at_root[place]

    def home(self, table: int) -> int:
        """The anchor that sampled a large table by its own keys or rows, not by what refers to it."""
        sql = self.layout.tables[table]
        for number, anchor in enumerate(self.layout.anchors):
            group = self.layout.keys[anchor.key] if anchor.key >= 0 else ()
            if anchor.only == sql or (not anchor.within and any(t == sql for t, _ in group)):
                return number
        raise AssertionError(f"{sql} has no anchor")

    def row_weights(self, table: int) -> Floats:
        """For each row that the home anchor kept, how many rows of the table it stands for; 0 for those just linked."""
        if table not in self._weights:
            self._weights[table] = self._row_weights(table)
        return self._weights[table]

    def _row_weights(self, table: int) -> Floats:
        number, sql = self.home(table), self.layout.tables[table]
        anchor = self.layout.anchors[number]
        if anchor.key < 0:
            row = self.side.execute(f"SELECT count(*) FROM {self.name(table, number)}").fetchone()
            return np.ones(int(row[0]) if row else 0)
        column = next(name for t, name in self.layout.keys[anchor.key] if t == sql)
        places, weights = self.core_ids(table, column, number), self.core(number)[1]
        return np.where(places >= 0, weights[places] if len(weights) else 0.0, 0.0)

    def forget(self) -> None:
        """Drop the positions of filtered leaves."""
        self._leaves.clear()

    def select(self, table: int, number: int, relation: Relation) -> Rows | None:
        """Positions of the rows kept by an anchor that pass a relation's filters; nothing when it has none.

        Raises:
            duckdb.Error: The filters do not run on the side store.
        """
        if not relation.filters:
            return None
        key = self._key(table, number, relation)
        if key in self._leaves:
            self._leaves.move_to_end(key)
            return self._leaves[key]
        found = self._quickly(table, number, relation)
        if found is None:
            found = np.asarray(self.side.execute(self._filtered(table, number, relation)).fetchnumpy()["r"])
        self._remember(key, found)
        return self._leaves[key]

    def _quickly(self, table: int, number: int, relation: Relation) -> Rows | None:
        """The same without a question to the side store, where the filters are plain."""
        if not relation.conditions:
            return None
        place = (table, -1 if self.layout.whole[table] else number)
        if place not in self._filtering:
            self._filtering[place] = Filtering(self.side, self.name(table, number))
        return self._filtering[place].select(relation)

    def select_all(self, wanted: Sequence[tuple[int, int, Relation]]) -> None:
        """Make :meth:`select` know these (table, anchor, relation); what is not plain by one statement together.

        Errors wait for :meth:`select`.
        """
        new = {}
        for table, number, relation in wanted:
            if not relation.filters or (key := self._key(table, number, relation)) in self._leaves:
                continue
            positions = self._quickly(table, number, relation)
            if positions is not None:
                self._remember(key, positions)
            else:
                new[key] = self._filtered(table, number, relation)
        if len(new) < 2:
            return
        text = " UNION ALL ".join(f"SELECT {i} AS i, r FROM ({part})" for i, part in enumerate(new.values()))
        try:
            found = self.side.execute(text).fetchnumpy()
        except duckdb.Error:
            return
        order = np.argsort(found["i"], kind="stable")
        ends = np.searchsorted(found["i"][order], np.arange(1, len(new)))
        for key, rows in zip(new, np.split(found["r"][order], ends), strict=True):
            self._remember(key, np.sort(rows))

    def _key(self, table: int, number: int, relation: Relation) -> LeafKey:
        return table, -1 if self.layout.whole[table] else number, relation.alias, relation.filters

    def _filtered(self, table: int, number: int, relation: Relation) -> str:
        where = " AND ".join(f"({text})" for text in relation.filters)
        return f"SELECT rowid AS r FROM {self.name(table, number)} AS {quote(relation.alias)} WHERE {where}"

    def _remember(self, key: LeafKey, rows: Rows) -> None:
        self._leaves[key] = rows
        if len(self._leaves) > REMEMBERED:
            self._leaves.popitem(last=False)


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
            kept = sorted(self.folder.glob(f"{self._identity()}-*.duckdb"), key=_age)
            self._store = next((store for path in kept if (store := self._open(path))), None)
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
        fresh = path.with_name(f"{path.stem}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            draw_sample(*arguments, fresh).close()
            # Opened before it gets its name: another process may tidy up at any time.
            drawn = SampleStore(duckdb.connect(str(fresh), read_only=True, config={"threads": 1}))
            fresh.replace(path)
        except (duckdb.IOException, OSError) as error:
            raise DataError(f"{path}: the sample cannot be written ({error})") from error
        finally:
            fresh.unlink(missing_ok=True)
        for old in self.folder.glob(f"{identity}-*.duckdb"):
            if old != path:
                old.unlink(missing_ok=True)
        return drawn


def _age(path: Path) -> float:
    """Seconds since a file was written; endless when it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
