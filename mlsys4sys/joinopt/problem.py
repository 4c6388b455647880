"""The frozen nouns of join ordering: relations, predicates, and the graph they make.

A *region* of a query is a maximal set of inner joins. Its leaves (base tables with their filters, or opaque pieces of
SQL) are the relations of a :class:`JoinGraph`; a set of relations is an ``int`` used as a bit mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlsys4sys.errors import InputError

Mask = int
"""A set of relations: bit ``i`` stands for ``graph.relations[i]``."""


def bits(mask: Mask) -> Iterator[int]:
    """The positions of the ones, lowest first.

    >>> list(bits(0b1101))
    [0, 2, 3]
    """
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column of one relation of the graph."""

    relation: int
    name: str
    """Unquoted name as the leaf exposes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A leaf of the region: what stands in FROM, and the filters on it alone."""

    alias: str
    """The unquoted name by which the rest of the query refers to it."""
    sql: str
    """The leaf as it is written in FROM, alias included; filters of :attr:`filters` are not inside it."""
    table: str | None = None
    """Base table: a quoted, qualified SQL name; nothing for an opaque leaf (subquery, function, file …)."""
    filters: tuple[str, ...] = ()
    """Conjuncts over this relation alone. Columns are qualified with :attr:`alias`."""
    width_bytes: float = 16.0
    """Estimated bytes a row that has to be kept in a hash table: join keys and columns used above."""
    columns: tuple[str, ...] = ()
    """Base-table columns that the query reads from it."""
    conditions: tuple[tuple[Any, ...], ...] = ()
    """The filters as trees (:mod:`mlsys4sys.joinopt.filters`); empty unless all of them are understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A conjunct that joins two or more relations."""

    sql: str
    """As written, columns qualified by aliases."""
    relations: Mask
    """The relations it mentions (at least two)."""
    equality: tuple[Column, Column] | None = None
    """For ``a.x = b.y`` between plain columns of the same type."""


@dataclass(frozen=True, kw_only=True)
class JoinGraph:
    """What a planner orders.

    Equality is transitive: :attr:`classes` are the closures of ``a.x = b.y``, and two relations with a column
    in the same class are neighbours although no predicate may name them both.
    """

    relations: tuple[Relation, ...]
    predicates: tuple[Predicate, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.relations) <= 63:
            raise InputError(f"a region has 1 to 63 relations, not {len(self.relations)}")

    @classmethod
    def of(
        cls,
        relations: tuple[Relation, ...],
        predicates: tuple[Predicate, ...],
        classes: tuple[tuple[Column, ...], ...],
    ) -> JoinGraph:
        """A graph whose :attr:`classes` are known already."""
        graph = cls(relations=relations, predicates=predicates)
        graph.__dict__["classes"] = classes
        return graph

    @property
    def size(self) -> int:
        """How many relations."""
        return len(self.relations)

    @property
    def everything(self) -> Mask:
        """All relations."""
        return (1 << self.size) - 1

    @cached_property
    def classes(self) -> tuple[tuple[Column, ...], ...]:
        """Equality classes: each a sorted tuple of two or more columns, the classes sorted by their first."""
        parent: dict[Column, Column] = {}

        def find(column: Column) -> Column:
            while parent.setdefault(column, column) != column:
                column = parent[column]
            return column

        for predicate in self.predicates:
            if predicate.equality:
                left, right = map(find, predicate.equality)
                parent[max(left, right)] = min(left, right)
        groups: dict[Column, list[Column]] = {}
        for column in sorted(parent):
            groups.setdefault(find(column), []).append(column)
        return tuple(tuple(group) for group in sorted(groups.values()))

    @cached_property
    def class_masks(self) -> tuple[Mask, ...]:
        """The relations of each class of :attr:`classes`."""
        return tuple(_union(1 << column.relation for column in group) for group in self.classes)

    @cached_property
    def others(self) -> tuple[Predicate, ...]:
        """Join predicates that are no plain equality: applied at the lowest node that sees all their relations."""
        return tuple(predicate for predicate in self.predicates if predicate.equality is None)

    @cached_property
    def adjacency(self) -> tuple[Mask, ...]:
        """For each relation, those that share an equality class with it or a two-relation predicate of another kind."""
        near = [0] * self.size
        pairs = [*self.class_masks, *(p.relations for p in self.others if p.relations.bit_count() == 2)]
        for mask in pairs:
            for i in bits(mask):
                near[i] |= mask & ~(1 << i)
        return tuple(near)

    def neighbours(self, mask: Mask) -> Mask:
        """Relations outside ``mask`` that join with something inside."""
        near = 0
        for i in bits(mask):
            near |= self.adjacency[i]
        return near & ~mask

    def connected(self, mask: Mask) -> bool:
        """Whether the relations of ``mask`` hang together without a cross product."""
        if not mask:
            return False
        reached = mask & -mask
        while grown := self.neighbours(reached) & mask:
            reached |= grown
        return reached == mask

    def joinable(self, left: Mask, right: Mask) -> bool:
        """Whether joining two disjoint sets needs no cross product."""
        return not left & right and bool(self.neighbours(left) & right)


def _union(masks: Iterator[Mask]) -> Mask:
    total = 0
    for mask in masks:
        total |= mask
    return total
