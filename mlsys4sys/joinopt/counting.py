"""The size of a join without joining: messages over equality classes.

Relations and the classes of columns that are equal among them form a bipartite graph. Where it is a forest, the rows
of any connected subset come out of one pass from the leaves to a root class: a relation tells its class how many
combinations of the rows behind it carry each id. Composite keys (several classes shared by the same relations) become
one class of pairs with a hidden *connector* relation back to the single classes; what is cyclic beyond that loses an
edge, which the caller prices by a guess.

Source: Yannakakis, Algorithms for Acyclic Database Schemes, VLDB 1981, over the counting semiring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.joinopt.cardinality import Floats, Masks
from mlsys4sys.joinopt.problem import JoinGraph, Mask

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A relation (or connector) in a class."""

    relation: int
    klass: int
    columns: tuple[str, ...] = ()
    """The relation's columns in it: one, or one for each part of a composite class; several of a plain class are
    equal within the relation. Empty for a connector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """A graph's relations and classes, made acyclic."""

    relations: int
    """Relations from ``relations`` on are connectors."""
    edges: tuple[Edge, ...]
    parts: dict[int, tuple[int, ...]]
    """Composite class → the plain classes it pairs."""
    connector: dict[int, int]
    """Composite class → its connector relation."""
    classes: int
    dropped: tuple[Edge, ...]
    """Edges that closed a cycle."""

    def reach(self, root: int, enter: Callable[[Edge], bool]) -> tuple[Mask, Mask]:
        """Relations that may be entered from a root class through others that may be; and those right at the root."""
        seen, attached, frontier = 0, 0, [(root, -1)]
        while frontier:
            klass, origin = frontier.pop()
            for edge in self.edges:
                if edge.klass != klass or edge.relation == origin:
                    continue
                if edge.relation < self.relations:
                    if not enter(edge):
                        continue
                    seen |= 1 << edge.relation
                    attached |= (1 << edge.relation) if klass == root else 0
                frontier += [
                    (e.klass, e.relation) for e in self.edges if e.relation == edge.relation and e.klass != klass
                ]
        return seen, attached


def forest_of(graph: JoinGraph, known: Mask) -> Forest:
    """The acyclic structure of the relations in ``known``; the others are left out."""
    columns: dict[tuple[int, int], list[str]] = {}
    for klass, group in enumerate(graph.classes):
        for column in group:
            if known >> column.relation & 1:
                columns.setdefault((column.relation, klass), []).append(column.name)
    member = {r: frozenset(k for (q, k) in columns if q == r) for r in range(graph.size)}
    composites = _composites(member)
    edges, parts, connector = [], {}, {}
    taken: set[tuple[int, int]] = set()
    for number, (shared, relations) in enumerate(composites):
        klass = len(graph.classes) + number
        parts[klass], connector[klass] = shared, graph.size + number
        edges.append(Edge(relation=connector[klass], klass=klass))
        edges += [Edge(relation=connector[klass], klass=part) for part in shared]
        for r in relations:
            edges.append(Edge(relation=r, klass=klass, columns=tuple(columns[r, part][0] for part in shared)))
            taken |= {(r, part) for part in shared}
    plain = [Edge(relation=r, klass=k, columns=tuple(c)) for (r, k), c in columns.items() if (r, k) not in taken]
    sizes = [sum(edge.klass == k for edge in plain) for k in range(len(graph.classes))]
    plain.sort(key=lambda edge: (-sizes[edge.klass], edge.klass, edge.relation))
    kept, dropped = _without_cycles([*edges, *plain])
    return Forest(
        relations=graph.size,
        edges=tuple(kept),
        parts=parts,
        connector=connector,
        classes=len(graph.classes) + len(composites),
        dropped=tuple(dropped),
    )


def _composites(member: dict[int, frozenset[int]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Sets of classes that several relations share, most relations first; no relation is in two."""
    found: dict[frozenset[int], list[int]] = {}
    relations = sorted(member)
    for i in relations:
        for j in relations[:i]:
            if len(shared := member[i] & member[j]) >= 2:
                found.setdefault(shared, [r for r in relations if shared <= member[r]])
    chosen: list[tuple[tuple[int, ...], list[int]]] = []
    used: set[int] = set()
    for shared, group in sorted(found.items(), key=lambda item: (-len(item[1]), -len(item[0]), sorted(item[0]))):
        free = [r for r in group if r not in used]
        if len(free) >= 2:
            chosen.append((tuple(sorted(shared)), free))
            used |= set(free)
    return chosen


def _without_cycles(edges: list[Edge]) -> tuple[list[Edge], list[Edge]]:
    parent: dict[tuple[str, int], tuple[str, int]] = {}

    def find(node: tuple[str, int]) -> tuple[str, int]:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    kept: list[Edge] = []
    dropped: list[Edge] = []
    for edge in edges:
        left, right = find(("relation", edge.relation)), find(("class", edge.klass))
        (dropped if left == right else kept).append(edge)
        parent[left] = right
    return kept, dropped


class PlainCounter:
    """The numpy twin of ``_native.JoinCounter``: same members, one subset at a time, nothing remembered."""

    def __init__(self, relations: int, hidden: int, domains: Sequence[int]) -> None:
        self.relations, self.hidden, self.domains = relations, hidden, list(domains)
        self.columns: dict[int, dict[int, Ids]] = {r: {} for r in range(relations)}

    def attach(self, relation: int, klass: int, ids: Ids) -> None:
        """Column of a relation in a class: an id for every row, -1 for NULL."""
        self.columns[relation][klass] = ids

    def count(self, root: int, limit: int, weights: Floats | None, masks: Masks) -> Floats:
        """Count subsets over the root ids below ``limit``, each standing for ``weights`` of its kind (1 if None).

        Shape (len(masks), 2): rows of each join, and the variance of that number if the ids were drawn independently
        with chances of one over their weights.
        """
        stands_for = np.ones(limit) if weights is None else weights
        totals = [self._class(root, -1, limit, int(mask)) for mask in masks]
        pairs = [((t * stands_for).sum(), (t**2 * stands_for * (stands_for - 1)).sum()) for t in totals]
        return np.array(pairs).reshape(-1, 2)

    def _class(self, klass: int, origin: int, size: int, mask: Mask) -> Floats:
        weight = np.ones(size)
        for r, columns in self.columns.items():
            if r != origin and klass in columns and self._included(r, klass, mask):
                weight *= self._relation(r, klass, size, mask)
        return weight

    def _relation(self, relation: int, klass: int, size: int, mask: Mask) -> Floats:
        columns = self.columns[relation]
        rows = np.ones(len(columns[klass]))
        for other, ids in columns.items():
            if other != klass and any(
                r != relation and other in c and self._included(r, other, mask) for r, c in self.columns.items()
            ):
                weight = self._class(other, relation, self.domains[other], mask)
                rows *= np.where(ids >= 0, weight[np.maximum(ids, 0)] if len(weight) else 0.0, 0.0)
        inside = (columns[klass] >= 0) & (columns[klass] < size)
        return np.bincount(columns[klass][inside], rows[inside], minlength=size).astype(np.float64)

    def _included(self, relation: int, entry: int, mask: Mask) -> bool:
        if relation < self.hidden:
            return bool(mask >> relation & 1)
        return any(
            r != relation and klass in columns and self._included(r, klass, mask)
            for klass in self.columns[relation]
            if klass != entry
            for r, columns in self.columns.items()
        )


def subset_matrix(masks: Masks, relations: int) -> NDArray[np.bool_]:
    """Shape (len(masks), relations): which relations are in which subset."""
    return (masks[:, None] >> np.arange(relations, dtype=np.uint64) & np.uint64(1)).astype(bool)


def connected_parts(graph: JoinGraph, mask: Mask) -> list[Mask]:
    """The connected components of a subset."""
    parts = []
    while mask:
        part = mask & -mask
        while grown := graph.neighbours(part) & mask:
            part |= grown
        parts.append(part)
        mask &= ~part
    return parts
