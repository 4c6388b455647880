"""What DuckDB knows about its tables without reading them: row counts, columns, distinct counts, declared keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


def quote(name: str) -> str:
    """An identifier in double quotes.

    >>> print(quote("a"))
    "a"
    """
    return '"' + name.replace('"', '""') + '"'


def split_name(sql: str) -> tuple[str, ...]:
    """The parts of a qualified name, unquoted and in lower case.

    >>> split_name('main."My Table"')
    ('main', 'my table')
    """
    return tuple((quoted.replace('""', '"') if quoted else plain).lower() for quoted, plain in _PART.findall(sql))


def key_type(column_type: str) -> str:
    """The type in which values of a join key are hashed and compared: all integers up to 64 bits are one."""
    return "BIGINT" if column_type in INTEGERS else column_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A base table as the catalogue has it."""

    sql: str
    """Quoted and qualified with database and schema."""
    rows: int
    """DuckDB's own count, free of a scan."""
    columns: dict[str, str]
    """Name in lower case → type."""


KeyColumn = tuple[str, str]
"""``Table.sql`` and the lower-case name of a column."""


class Statistics:
    """The catalogue of one connection, read once; :meth:`refresh` reads it again."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._distinct: dict[KeyColumn, float] = {}
        self.tables: dict[str, Table] = {}
        self.refresh()

    def refresh(self) -> bool:
        """Read tables and row counts again; whether anything changed."""
        cursor = self._connection.cursor()
        columns: dict[tuple[str, ...], dict[str, str]] = {}
        for *table, name, kind in cursor.execute(
            "SELECT database_name, schema_name, table_name, column_name, data_type FROM duckdb_columns()"
            " WHERE NOT internal ORDER BY ALL"
        ).fetchall():
            columns.setdefault(tuple(table), {})[name.lower()] = kind
        sizes = cursor.execute(
            "SELECT database_name, schema_name, table_name, estimated_size FROM duckdb_tables() WHERE NOT internal"
        ).fetchall()
        self._path = cursor.execute("SELECT current_database(), current_schema()").fetchone() or ("", "main")
        found = {}
        for *parts, rows in sorted(sizes):
            sql = ".".join(map(quote, parts))
            found[sql] = Table(sql=sql, rows=rows, columns=columns.get(tuple(parts), {}))
        changed, self.tables = found != self.tables, found
        self._names = {split_name(table.sql): table for table in found.values()}
        if changed:
            self._distinct.clear()
        return changed

    def resolve(self, name: str | None) -> Table | None:
        """The table of a (partly) qualified name, or nothing for views, files and unknown names."""
        if name is None:
            return None
        parts = split_name(name)
        database, schema = (part.lower() for part in self._path)
        candidates = {
            1: [(database, schema, *parts)],
            2: [(database, *parts), (parts[0], "main", parts[-1])],
            3: [parts],
        }
        for full in candidates.get(len(parts), []):
            if full in self._names:
                return self._names[full]
        return None

    def distinct(self, table: Table, column: str) -> float:
        """Different values of a column, at least 1: DuckDB's own sketch, or a guess where there is none."""
        key = (table.sql, column)
        if key not in self._distinct:
            self._distinct[key] = max(1.0, min(self._sketch(table, column), float(max(table.rows, 1))))
        return self._distinct[key]

    def _sketch(self, table: Table, column: str) -> float:
        cursor = self._connection.cursor()
        try:
            row = cursor.execute(f"SELECT stats({quote(column)}) FROM {table.sql} LIMIT 1").fetchone()
            if row and isinstance(row[0], dict) and row[0].get("approx_unique"):
                return float(row[0]["approx_unique"])
            row = cursor.execute(f"SELECT approx_count_distinct({quote(column)}) FROM {table.sql}").fetchone()
        except duckdb.Error:
            return float(table.rows)
        return float(row[0]) if row else 1.0

    def foreign_keys(self) -> list[tuple[KeyColumn, KeyColumn]]:
        """Declared foreign keys of one column each."""
        found = []
        for database, schema, table, own, other, others in (
            self._connection.cursor()
            .execute(
                "SELECT database_name, schema_name, table_name, constraint_column_names, referenced_table,"
                " referenced_column_names FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY'"
            )
            .fetchall()
        ):
            left = self._names.get(_lower((database, schema, table)))
            right = self._names.get(_lower((database, schema, other)))
            if left and right and len(own) == len(others):
                pairs = zip(own, others, strict=True)
                found += [((left.sql, a.lower()), (right.sql, b.lower())) for a, b in pairs]
        return found


def _lower(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts)
