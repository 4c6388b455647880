"""Which columns of a database hold values of the same kind of key: the classes a sample is drawn by.

Known from declared foreign keys, from names (``keyword_id`` and ``keyword.id``), and from the joins of the queries
that were asked. A wrong guess costs accuracy, never correctness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.statistics import KeyColumn, Statistics, Table, key_type

KeyClasses = tuple[tuple[KeyColumn, ...], ...]
"""Disjoint groups of columns, each sorted, the groups sorted."""

_KEY_NAME = re.compile(r".*_(id|key|sk|no|code)$|^(?!id$).*(id|key)$")


def classes_of(pairs: Iterable[Iterable[KeyColumn]]) -> KeyClasses:
    """The transitive closure of groups that share a column.

    >>> classes_of([[("a", "x"), ("b", "x")], [("b", "x"), ("c", "y")]])
    ((('a', 'x'), ('b', 'x'), ('c', 'y')),)
    """
    parent: dict[KeyColumn, KeyColumn] = {}

    def find(column: KeyColumn) -> KeyColumn:
        while parent.setdefault(column, column) != column:
            column = parent[column]
        return column

    for group in pairs:
        members = [find(column) for column in group]
        for member in members:
            low, high = sorted((find(members[0]), find(member)))
            parent[high] = low
    groups: dict[KeyColumn, list[KeyColumn]] = {}
    for column in sorted(parent):
        groups.setdefault(find(column), []).append(column)
    return tuple(tuple(group) for group in sorted(groups.values()))


def graph_keys(graph: JoinGraph, tables: list[Table | None]) -> list[list[KeyColumn]]:
    """For each equality class of a graph, the base-table columns behind it."""
    found = []
    for group in graph.classes:
        columns = [(tables[c.relation], c.name.lower()) for c in group]
        found.append([(table.sql, name) for table, name in columns if table is not None and name in table.columns])
    return found


def guesses(statistics: Statistics, known: KeyClasses) -> list[list[KeyColumn]]:
    """Columns that look like members of a class: of the same name as a member, or named after a table."""
    by_name: dict[tuple[str, str], list[KeyColumn]] = {}
    for table in statistics.tables.values():
        for name, column in table.columns.items():
            if _KEY_NAME.match(name):
                by_name.setdefault((name, key_type(column.type)), []).append((table.sql, name))
    members = {column for group in known for column in group}
    groups = [columns for columns in by_name.values() if members.intersection(columns)]
    return groups + _named_after(statistics, members)


def _named_after(statistics: Statistics, members: set[KeyColumn]) -> list[list[KeyColumn]]:
    """``x_id`` of a table in use goes with ``id`` of the only table called ``x`` or ``x_…``."""
    used = {table for table, _ in members}
    found = []
    for table in (statistics.tables[sql] for sql in used if sql in statistics.tables):
        for name, column in table.columns.items():
            owner = _owner(statistics, name.removesuffix("_id")) if name.endswith("_id") else None
            if owner and key_type(owner.columns["id"].type) == key_type(column.type):
                found.append([(table.sql, name), (owner.sql, "id")])
    return found


def _owner(statistics: Statistics, stem: str) -> Table | None:
    def tail(table: Table) -> str:
        return table.path[-1].lower()

    named = [table for table in statistics.tables.values() if "id" in table.columns]
    same = [table for table in named if tail(table) == stem]
    # A table that holds ``x_id`` itself describes an x, but is not the table of all x.
    like = same or [t for t in named if tail(t).startswith(stem + "_") and stem + "_id" not in t.columns]
    return like[0] if len(like) == 1 else None


def one_type_each(classes: KeyClasses, statistics: Statistics) -> KeyClasses:
    """Classes split by the type of their columns: values of different types are never compared on a sample."""
    pieces = []
    for group in classes:
        by_type: dict[str, list[KeyColumn]] = {}
        for table, name in group:
            by_type.setdefault(key_type(statistics.tables[table].columns[name].type), []).append((table, name))
        pieces += [tuple(columns) for columns in by_type.values()]
    return tuple(sorted(pieces))


def extend(known: KeyClasses, graph: JoinGraph, tables: list[Table | None], statistics: Statistics) -> KeyClasses:
    """The classes once this graph has been seen; the same object's equal when it teaches nothing new."""
    asked = graph_keys(graph, tables)
    columns = {column: i for i, group in enumerate(known) for column in group}
    if all(len({columns.get(column, -1) for column in group} | {-2}) <= 2 for group in asked) and all(
        column in columns for group in asked for column in group
    ):
        return known
    declared = [list(pair) for pair in statistics.foreign_keys()]
    seen = classes_of([*known, *asked, *declared])
    return one_type_each(classes_of([*seen, *guesses(statistics, seen)]), statistics)
