"""What a workload generator must know of a database: columns, references, and a sample of the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlsys4sys.datasets.schema import Column, ForeignKey, Schema
from mlsys4sys.errors import InputError

if TYPE_CHECKING:
    import duckdb

Value = int | float | str | None

SAMPLE_ROWS = 400
_TEXT, _NUMBER = ("VARCHAR",), ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT")


@dataclass(frozen=True, slots=True)
class Fanout:
    """How many rows of the referring table meet one row of the referred."""

    mean: float
    biased: float
    """The mean as a referring row sees it: large where a few referred rows hold many."""
    known: float
    """Share of referring rows that refer to anything, which are those not NULL."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A schema with the size of its tables, the fan-out of its references and sampled values."""

    schema: Schema
    rows: Mapping[str, int]
    fanouts: Mapping[ForeignKey, Fanout]
    samples: Mapping[tuple[str, str], tuple[Value, ...]]
    """Values of each text and number column in the same sample of rows, NULLs and repeats included."""
    filterable: Mapping[str, tuple[str, ...]]
    """Columns of each table that are worth a filter: neither keys nor identifiers nor constant."""
    reserved: frozenset[str]

    def quoted(self, name: str) -> str:
        """``name`` as SQL, in quotes only where it needs them."""
        plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in self.reserved
        return name if plain else '"' + name.replace('"', '""') + '"'


def read_schema(connection: duckdb.DuckDBPyConnection, foreign_keys: Sequence[ForeignKey] | None = None) -> Schema:
    """The tables of the connection's current schema.

    References are read from declared constraints unless ``foreign_keys`` says what they are.

    Raises:
        InputError: A reference names a table or column that is not there.
    """
    tables: dict[str, list[Column]] = {}
    for table, name, kind, nullable in connection.execute(
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()"
        " WHERE schema_name = current_schema() AND database_name = current_database() AND NOT internal"
        " ORDER BY table_name, column_index"
    ).fetchall():
        tables.setdefault(table, []).append(Column(name, kind, nullable))
    keys = _declared(connection) if foreign_keys is None else tuple(foreign_keys)
    for key in keys:
        for table, column in ((key.table, key.column), (key.ref_table, key.ref_column)):
            if column not in (c.name for c in tables.get(table, ())):
                raise InputError(f"reference {'.'.join(key[:2])} -> {'.'.join(key[2:])}: no column {table}.{column}")
    return Schema({name: tuple(columns) for name, columns in tables.items()}, keys)


def _declared(connection: duckdb.DuckDBPyConnection) -> tuple[ForeignKey, ...]:
    """Declared references of one column each."""
    found = connection.execute(
        "SELECT table_name, constraint_column_names[1], referenced_table, referenced_column_names[1]"
        " FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY' AND len(constraint_column_names) = 1"
        " AND schema_name = current_schema() AND database_name = current_database() ORDER BY ALL"
    ).fetchall()
    return tuple(ForeignKey(*row) for row in found)


def profile(connection: duckdb.DuckDBPyConnection, schema: Schema) -> Profile:
    """Count, measure the references and sample: one pass over each table, a few seconds at ten million rows.

    Raises:
        InputError: The schema has no reference, so nothing can be joined.
    """
    if not schema.foreign_keys:
        raise InputError("no foreign keys: give them as data, or declare them in the database")
    words = connection.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
    rows = {table: _count(connection, table) for table in schema.tables}
    samples: dict[tuple[str, str], tuple[Value, ...]] = {}
    for table, columns in schema.tables.items():
        samples |= _sample(connection, table, columns, rows[table])
    keys = {(key.table, key.column) for key in schema.foreign_keys}
    keys |= {(key.ref_table, key.ref_column) for key in schema.foreign_keys}
    return Profile(
        schema=schema,
        rows=rows,
        fanouts={key: _fanout(connection, key, rows) for key in schema.foreign_keys},
        samples=samples,
        filterable={
            table: tuple(
                c.name for c in columns if (table, c.name) not in keys and _tells(samples.get((table, c.name), ()))
            )
            for table, columns in schema.tables.items()
        },
        reserved=frozenset(word for (word,) in words),
    )


def _tells(sample: Sequence[Value]) -> bool:
    """Whether a column can be asked about: it has two values at least and is no identifier."""
    known = [value for value in sample if value is not None]
    distinct = set(known)
    numbers = bool(known) and not isinstance(known[0], str)
    identifies = len(known) > 20 and len(distinct) == len(known)
    digest = identifies and all(isinstance(value, str) and len(value) == 32 for value in known)
    return bool(known) and len(set(sample)) > 1 and not digest and not (identifies and numbers)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    found = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
    assert found is not None
    return int(found[0])


def _sample(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column], rows: int
) -> dict[tuple[str, str], tuple[Value, ...]]:
    """About ``SAMPLE_ROWS`` rows that depend on their content alone, so that threads do not matter."""
    usable = [c.name for c in columns if c.type in _TEXT + _NUMBER]
    if not usable:
        return {}
    names = ", ".join(f'"{name}"' for name in usable)
    step = max(1, rows // SAMPLE_ROWS)
    found = connection.execute(
        f'SELECT {names} FROM "{table}" AS t WHERE hash(t) % {step} = 0 ORDER BY ALL LIMIT {4 * SAMPLE_ROWS}'
    ).fetchall()
    return {(table, name): tuple(row[i] for row in found) for i, name in enumerate(usable)}


def _fanout(connection: duckdb.DuckDBPyConnection, key: ForeignKey, rows: Mapping[str, int]) -> Fanout:
    found = connection.execute(
        f'SELECT sum(n), sum(n * n) FROM (SELECT count(*)::DOUBLE AS n FROM "{key.table}"'
        f' WHERE "{key.column}" IS NOT NULL GROUP BY "{key.column}")'
    ).fetchone()
    total, squares = found if found and found[0] else (0.0, 0.0)
    mean, share = total / max(rows[key.ref_table], 1), total / max(rows[key.table], 1)
    return Fanout(mean, squares / total if total else 0.0, share)
