"""What DuckDB knows about its tables without reading them: row counts, columns, distinct counts, declared keys."""

from __future__ import annotations

import duckdb

from mlsys4sys.joinopt.catalogue import Catalogue, Table
from mlsys4sys.joinopt.engine import Engine

__all__ = ["KeyColumn", "Statistics", "Table", "key_type", "quote"]

INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})

ROW_GROUP = 122_880
"""Rows that DuckDB stores together, with the minimum and maximum of each column."""

SAMPLED_PERCENT = 3
"""Of the pages of a table, to tell how common its values are."""

KeyColumn = tuple[str, str]
"""``Table.sql`` and the lower-case name of a column."""


def quote(name: str) -> str:
    """An identifier in double quotes.

    >>> print(quote("a"))
    "a"
    """
    return '"' + name.replace('"', '""') + '"'


def key_type(column_type: str) -> str:
    """The type in which values of a join key are hashed and compared: all integers up to 64 bits are one."""
    return "BIGINT" if column_type in INTEGERS else column_type


class Statistics:
    """The catalogue of one engine as it was last read, and what is asked about its columns (once each)."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._distinct: dict[KeyColumn, float] = {}
        self._scatter: dict[KeyColumn, float] = {}
        self._common: dict[KeyColumn, float] = {}
        self._catalogue: Catalogue | None = None
        self.tables: dict[str, Table] = {}
        self.refresh(engine.catalogue)

    def refresh(self, catalogue: Catalogue | None = None) -> None:
        """Follow the engine's catalogue, as last read unless one is given."""
        catalogue = catalogue or self.engine.known_catalogue
        if catalogue is self._catalogue:
            return
        self._catalogue = catalogue
        self.tables = {table.sql: table for table in catalogue.tables.values()}
        self._distinct.clear()
        self._scatter.clear()
        self._common.clear()

    def resolve(self, name: str | None) -> Table | None:
        """The base table written ``name`` in a graph; nothing for opaque leaves."""
        return self.tables.get(name) if name else None

    def distinct(self, table: Table, column: str) -> float:
        """Different values of a column, at least 1: DuckDB's own sketch, or a count where there is none."""
        key = (table.sql, column)
        if key not in self._distinct:
            self._distinct[key] = max(1.0, min(self._sketch(table, column), float(max(table.rows, 1))))
        return self._distinct[key]

    def scatter(self, table: Table, column: str) -> float:
        """The share of a table's row groups that may hold a given value: 1 for a column without any order.

        Read once from minimum and maximum of each row group; numbers and dates only, others count as scattered.
        """
        key = (table.sql, column.lower())
        if key not in self._scatter:
            known = table.columns.get(column.lower())
            numeric = known is not None and known.type in INTEGERS | {"DATE", "TIMESTAMP"}
            self._scatter[key] = self._overlap(table, column) if numeric else 1.0
        return self._scatter[key]

    def common(self, table: Table, column: str) -> float:
        """The share of a table's rows that have the value of a row drawn at random, from a sample of its pages."""
        key = (table.sql, column.lower())
        if key not in self._common:
            text = (
                f"SELECT sum(c * c) / sum(c) ** 2 FROM (SELECT count(*)::DOUBLE AS c FROM {table.sql}"
                f" TABLESAMPLE system({SAMPLED_PERCENT} PERCENT) REPEATABLE (0) GROUP BY {quote(column)})"
            )
            self._common[key] = self._number(text, 0.0)
        return self._common[key]

    def _overlap(self, table: Table, column: str) -> float:
        name = quote(column)
        value = f"epoch({name})" if table.columns[column.lower()].type in ("DATE", "TIMESTAMP") else name
        text = (
            f"SELECT avg(high - low + 1) / (max(high) - min(low) + 1) FROM (SELECT min({value}) AS low,"
            f" max({value}) AS high FROM {table.sql} GROUP BY rowid // {ROW_GROUP})"
        )
        try:
            return self._number(text, 1.0)
        except duckdb.Error:  # a view has no rowid
            return 1.0

    def _number(self, sql: str, otherwise: float) -> float:
        """The one number that a question has for an answer, or another where that is NULL."""
        row = self.engine.connection.cursor().execute(sql).fetchone()
        return float(row[0]) if row and row[0] is not None else otherwise

    def _sketch(self, table: Table, column: str) -> float:
        cursor = self.engine.connection.cursor()
        try:
            row = cursor.execute(f"SELECT stats({quote(column)}) FROM {table.sql} LIMIT 1").fetchone()
            if row and isinstance(row[0], dict) and row[0].get("approx_unique"):
                return float(row[0]["approx_unique"])
            row = cursor.execute(f"SELECT approx_count_distinct({quote(column)}) FROM {table.sql}").fetchone()
        except duckdb.Error:
            return float(table.rows)
        return float(row[0]) if row else 1.0

    def foreign_keys(self) -> list[tuple[KeyColumn, KeyColumn]]:
        """Declared foreign keys, a pair of columns each."""
        assert self._catalogue is not None
        tables, found = self._catalogue.tables, []
        rows = self.engine.connection.cursor().execute(
            "SELECT database_name, schema_name, table_name, referenced_table, constraint_column_names,"
            " referenced_column_names FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY'"
        )
        for database, schema, table, other, columns, others in rows.fetchall():
            place = (database.lower(), schema.lower())
            left, right = (tables.get((*place, name.lower())) for name in (table, other))
            if left and right and len(columns) == len(others):
                pairs = zip(columns, others, strict=True)
                found += [((left.sql, a.lower()), (right.sql, b.lower())) for a, b in pairs]
        return found
