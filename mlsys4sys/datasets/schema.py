"""What a relational schema is to a workload: tables, columns, and which column refers to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Column(NamedTuple):
    """One column: its name, its DuckDB type and whether it may be NULL."""

    name: str
    type: str
    nullable: bool = True


class ForeignKey(NamedTuple):
    """``table.column`` holds values of ``ref_table.ref_column``, or NULL."""

    table: str
    column: str
    ref_table: str
    ref_column: str


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables by name and the references between them.

    References are data, not constraints: nothing is declared to the database, because
    checking them would slow down loading and DuckDB's planner does not read them.
    """

    tables: Mapping[str, tuple[Column, ...]]
    foreign_keys: tuple[ForeignKey, ...]

    def create_sql(self, table: str) -> str:
        """The ``CREATE TABLE`` statement of ``table``, without keys."""
        columns = (f'"{c.name}" {c.type}' + ("" if c.nullable else " NOT NULL") for c in self.tables[table])
        return f'CREATE TABLE "{table}" ({", ".join(columns)})'
