"""What tables and columns a DuckDB database has, read once and looked up without asking the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb

from mlsys4sys.joinopt.emit import quote

Stamp = tuple[tuple[object, ...], ...]
"""What changes when the catalogue does: databases, schemas, tables, their definitions and sizes."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a base table."""

    name: str
    type: str
    """DuckDB's name of it; with a collation it says so and equals no other type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A base table."""

    sql: str
    """Qualified and quoted where needed: what to write in FROM to mean this table and no other."""
    path: tuple[str, str, str]
    """Database, schema, name."""
    rows: int
    columns: Mapping[str, TableColumn]
    """By lower-cased name, in the table's order."""


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """All base tables that queries of one connection can name."""

    stamp: Stamp
    tables: Mapping[tuple[str, str, str], Table]
    """By lower-cased database, schema and name."""
    database: str
    schema: str
    """Where unqualified names are looked up, after the temporary tables."""

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Rows by the lower-cased name of a table; of several with one name the largest."""
        sizes: dict[str, int] = {}
        for (_, _, name), table in self.tables.items():
            sizes[name] = max(table.rows, sizes.get(name, 0))
        return sizes

    @cached_property
    def numbered(self) -> tuple[Table, ...]:
        """The tables in a fixed order."""
        return tuple(self.tables.values())

    @cached_property
    def _positions(self) -> dict[int, int]:
        return {id(table): number for number, table in enumerate(self.numbered)}

    def position(self, name: str, schema: str, database: str) -> int:
        """Where the table that :meth:`find` finds stands in :attr:`numbered`; -1 where it finds none."""
        table = self.find(name, schema, database)
        return -1 if table is None else self._positions[id(table)]

    def find(self, name: str, schema: str = "", database: str = "") -> Table | None:
        """The table that a name in FROM means; nothing when there is none, or when we are not sure.

        Names match without regard to case, as in DuckDB. ``schema`` may be a database: ``db.t`` is ``db.main.t``.
        """
        name, schema, database = name.lower(), schema.lower(), database.lower()
        if database:
            return self.tables.get((database, schema, name))
        if not schema:
            return self.tables.get(("temp", "main", name)) or self.tables.get((self.database, self.schema, name))
        here = self.tables.get((self.database, schema, name))
        there = self.tables.get((schema, "main", name))
        return here or there if here is None or there is None else None


def stamp_of(connection: duckdb.DuckDBPyConnection) -> Stamp:
    """Read the stamp: about half a millisecond."""
    rows = connection.execute(
        "SELECT current_database(), current_schema(), database_name, schema_name, table_name, sql, estimated_size "
        "FROM duckdb_tables()"
    ).fetchall()
    return tuple(rows)


def read_catalogue(connection: duckdb.DuckDBPyConnection, stamp: Stamp) -> Catalogue:
    """Read the columns of the tables of a stamp."""
    collated = {row[2:5] for row in stamp if "COLLATE" in str(row[5]).upper()}
    columns: dict[tuple[object, ...], dict[str, TableColumn]] = {}
    for row in connection.execute(
        "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE NOT internal ORDER BY table_oid, column_index"
    ).fetchall():
        # A collated text equals others by its own rules: give it a type of its own, so that it joins no class.
        kind = f"{row[4]} collated in {row[:3]}" if row[:3] in collated and "VARCHAR" in row[4] else row[4]
        columns.setdefault(row[:3], {})[row[3].lower()] = TableColumn(row[3], kind)
    tables = {}
    for row in stamp:
        path = (str(row[2]), str(row[3]), str(row[4]))
        key = (path[0].lower(), path[1].lower(), path[2].lower())
        rows = row[6] if isinstance(row[6], int) else 0
        tables[key] = Table(sql=".".join(map(quote, path)), path=path, rows=rows, columns=columns.get(path, {}))
    here = stamp[0][:2] if stamp else ("memory", "main")
    return Catalogue(stamp=stamp, tables=tables, database=str(here[0]).lower(), schema=str(here[1]).lower())
