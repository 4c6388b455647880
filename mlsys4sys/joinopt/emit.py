"""From a join tree back to SQL: nested joins, each predicate at the lowest join that sees all it mentions.

Written left child probes and right child builds, which is what DuckDB does with a FROM clause when its own
reordering is off. A left child needs no parentheses, so a left-deep tree reads like a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask
from mlsys4sys.joinopt.solution import JoinTree

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
RESERVED = frozenset(
    # DuckDB 2.0, duckdb_keywords(): all but the unreserved ones.
    """
    all analyse analyze and any anti array as asc asof asymmetric at authorization between bigint binary bit boolean
    both by case cast char character check coalesce collate collation column columns concurrently constraint create
    cross dec decimal default deferrable desc describe distinct do else end except exists extract false fetch float
    for foreign freeze from full generated glob group grouping grouping_id having ilike in initially inner inout int
    integer intersect interval into is isnull join lambda lateral leading left like limit map national natural nchar
    none not notnull null nullif numeric offset on only or order out outer overlaps overlay pivot pivot_longer
    pivot_wider placing position positional precision primary qualify real references returning right row select semi
    setof show similar smallint some struct substring summarize symmetric table tablesample then time timestamp to
    trailing treat trim true try_cast tuple union unique unpack unpivot using values varchar variadic verbose when
    where window with xmlattributes xmlconcat xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
    """.split()  # noqa: SIM905 - a list of words reads better than a hundred strings
)


def quote(name: str) -> str:
    """An SQL identifier, in quotes only where it needs them.

    >>> quote("movie_id"), quote("Order"), quote("order"), quote('6" disk')
    ('movie_id', '"Order"', '"order"', '"6"" disk"')
    """
    if _PLAIN.match(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How the pieces of a region are written where they stand."""

    leaves: tuple[str, ...]
    """For each relation, its text in FROM."""
    columns: Mapping[Column, str]
    """For each column of an equality class, the reference to it."""
    others: tuple[tuple[Mask, str], ...]
    """The predicates that are no equality of columns: the relations they mention, and the text."""


def join_conditions(graph: JoinGraph, wording: Wording, tree: JoinTree) -> list[str]:
    """The conjuncts that belong to the topmost join of ``tree``; none for a cross product."""
    assert tree.probe is not None
    assert tree.build is not None
    probe, build = tree.probe.mask, tree.build.mask
    found = []
    for group, mask in zip(graph.classes, graph.class_masks, strict=True):
        if mask & probe and mask & build:
            found += _equalities(wording, _pieces(group, tree.probe), _pieces(group, tree.build))
    for mask, text in wording.others:
        if not mask & ~(probe | build) and mask & ~probe and mask & ~build:
            found.append(text)
    return found


def _pieces(group: Sequence[Column], tree: JoinTree) -> list[Column]:
    """What of a class is not known to be equal yet inside ``tree``: one column, or all those of a single relation."""
    inside = [column for column in group if tree.mask >> column.relation & 1]
    if len(inside) > 1 and len({column.relation for column in inside}) == 1:
        return inside
    # The leftmost relation: runtime filters of the hash join reach down its probe side.
    for relation in tree.leaves():
        for column in inside:
            if column.relation == relation:
                return [column]
    return []


def _equalities(wording: Wording, left: Sequence[Column], right: Sequence[Column]) -> list[str]:
    pairs = [(left[0], other) for other in right] + [(other, right[0]) for other in left[1:]]
    return [f"{wording.columns[a]} = {wording.columns[b]}" for a, b in pairs]


def from_clause(graph: JoinGraph, wording: Wording, tree: JoinTree, *, depth: int = 1) -> str:
    """What stands after FROM: the joins of ``tree``, nested with parentheses, a join a line.

    Args:
        graph: The region.
        wording: Its texts.
        tree: A tree over all its relations.
        depth: How many steps of four blanks the joins are indented.
    """
    if tree.probe is None or tree.build is None:
        return wording.leaves[tree.relation]
    left = from_clause(graph, wording, tree.probe, depth=depth)
    right = from_clause(graph, wording, tree.build, depth=depth + 1)
    pad = "    " * depth
    if not tree.build.is_leaf:
        right = f"(\n{pad}    {right}\n{pad})"
    conditions = join_conditions(graph, wording, tree)
    word, on = ("JOIN", " ON " + " AND ".join(conditions)) if conditions else ("CROSS JOIN", "")
    return f"{left}\n{pad}{word} {right}{on}"
