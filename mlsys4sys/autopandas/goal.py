"""The wanted output, with the facts that prune arguments: what occurs in it, and where."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlsys4sys.autopandas.expression import Expr
from mlsys4sys.autopandas.table import NULL, Codebook, Column, Table

WANTED = Expr("wanted", cost=0.0)


@dataclass(frozen=True, eq=False)
class Goal(Table):
    """A table that is to be made. Its expression is a name that no program may use."""

    @classmethod
    def of(cls, output: Any, book: Codebook) -> Goal:
        """The goal for an output."""
        return cls(output, WANTED, book)

    @cached_property
    def column_label_parts(self) -> frozenset[int]:
        """Codes of the column labels, and of the parts of labels that are tuples."""
        return frozenset(self._parts(self.labels)) - {NULL}

    @cached_property
    def index_cells(self) -> frozenset[int]:
        """Codes of all row labels, by level."""
        return frozenset().union(*(level.distinct for level in self.index))

    @cached_property
    def axis_names(self) -> frozenset[int]:
        """Codes of the names of the index levels, of the column levels and of a series."""
        names: list[Hashable] = [level.label for level in self.index]
        if self.shape_kind == "frame":
            names += list(self.value.columns.names)
        if self.shape_kind == "series":
            names.append(self.value.name)
        return frozenset(self.book.code(name) for name in names) - {NULL}

    @cached_property
    def words(self) -> frozenset[int]:
        """Codes of everything in sight: cells, row labels, column labels, names."""
        return self.cells | self.index_cells | self.column_label_parts | self.axis_names

    @cached_property
    def everything(self) -> tuple[Column, ...]:
        """The columns and the index levels."""
        return (*self.columns, *self.index)

    def shows(self, column: Column, *, least: float = 1.0) -> bool:
        """Whether at least that share of the column's distinct cells is somewhere in the goal."""
        found = len(column.distinct & self.words)
        return found > 0 and found >= least * len(column.distinct)

    def _parts(self, labels: tuple[Hashable, ...]) -> list[int]:
        codes = [self.book.code(label) for label in labels]
        codes += [self.book.code(part) for label in labels if isinstance(label, tuple) for part in label]
        return codes
