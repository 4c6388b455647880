"""Planners that need no learning: one signature, ``planner(graph, cards, cost, budget=None) -> JoinTree``.

None of them makes a cross product where the graph is connected; the parts of an unconnected graph are planned by
themselves and then multiplied, smallest first. The probe side stands left, the build side right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from mlsys4sys import _native
from mlsys4sys.joinopt.cardinality import Cardinalities, Floats, Masks
from mlsys4sys.joinopt.cost import CostModel, COut, HashJoinCost, join_costs, subset_width
from mlsys4sys.joinopt.counting import connected_parts
from mlsys4sys.joinopt.problem import JoinGraph, Mask, Predicate, Relation, bits
from mlsys4sys.joinopt.scans import Scan, keys_handed
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.search import Budget

EXACT_SUBSETS = 5000
"""Up to so many connected subsets :func:`best` searches exactly (a clique of 12, a star of 13, any chain)."""


class Planner(Protocol):
    """Chooses an order of all relations of a graph."""

    def __call__(
        self, graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None
    ) -> JoinTree:
        """A tree over every relation of the graph."""
        ...


def dpccp(
    graph: JoinGraph,
    cards: Cardinalities,
    cost: CostModel,
    *,
    budget: Budget | None = None,  # noqa: ARG001 - one signature
    scans: Sequence[Scan] = (),
) -> JoinTree:
    """The cheapest bushy tree.

    Asks for the rows of every connected subset, and searches pairs of them: up to ``3^n / 2`` in a clique.
    Source: Moerkotte and Neumann, Analysis of Two Existing and One New Dynamic Programming Algorithm, VLDB 2006.

    Args:
        graph: What to order.
        cards: Sizes.
        cost: Of joins.
        budget: Not used: it ends by itself.
        scans: Relations whose scans depend on the order; each is priced by the first join its rows stream into.
    """
    return _by_parts(graph, cards, cost, lambda part: _exact(graph, part, cards, cost, left_deep=False, scans=scans))


def left_deep(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:  # noqa: ARG001 - one signature
    """The cheapest tree in which every build side is one relation.

    Source: Selinger et al., Access Path Selection in a Relational Database Management System, SIGMOD 1979.
    """
    return _by_parts(graph, cards, cost, lambda part: _exact(graph, part, cards, cost, left_deep=True))


def goo(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:  # noqa: ARG001 - one signature
    """Greedy operator ordering: again and again the join with the fewest rows out.

    Source: Fegaras, A New Heuristic for Optimizing Large Queries, DEXA 1998.
    """
    return _by_parts(graph, cards, cost, lambda part: _greedy(graph, part, cards, cost))


def filtered_first(
    graph: JoinGraph,
    cards: Cardinalities,
    cost: CostModel,
    *,
    budget: Budget | None = None,  # noqa: ARG001 - one signature
) -> JoinTree:
    """Greedy operator ordering once each relation is joined with the filters that hang on it alone.

    A small relation that joins with a single other one, and keeps less than half of it, filters it and does nothing
    else. Where sizes are mistaken, a greedy order may join the other one unfiltered first; with its filters it is no
    larger whatever the sizes are.
    """
    return _by_parts(
        graph, cards, cost, lambda part: _greedy(graph, part, cards, cost, _units(graph, part, cards, cost))
    )


def textual(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:  # noqa: ARG001 - one signature
    """Left-deep in the order in which the relations are written, as far as no cross product is needed."""

    def chain(part: Mask) -> JoinTree:
        tree = JoinTree.leaf(next(bits(part)))
        while rest := part & ~tree.mask:
            tree = JoinTree.join(tree, JoinTree.leaf(next(bits(graph.neighbours(tree.mask) & rest))))
        return tree

    return _by_parts(graph, cards, cost, chain)


def duckdb_like(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:  # noqa: ARG001 - one signature
    """What DuckDB does: fewest intermediate rows, then the smaller side (rows × width) of each join is built.

    Give it :class:`~mlsys4sys.joinopt.formula.EngineFormula` to see about the order that DuckDB itself would take.
    """
    small = exactly_searchable(graph)
    order = (dpccp if small else goo)(graph, cards, COut())
    masks = list(order.masks())
    rows = dict(zip(masks, cards.estimate(masks).rows.tolist(), strict=True))
    size = {mask: rows[mask] * (24 + subset_width(graph, mask)) for mask in masks}

    def turn(tree: JoinTree) -> JoinTree:
        if tree.probe is None or tree.build is None:
            return tree
        left, right = turn(tree.probe), turn(tree.build)
        return JoinTree.join(left, right) if size[right.mask] <= size[left.mask] else JoinTree.join(right, left)

    return turn(order)


def best(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:
    """Exact where that is quick, else :func:`improved`."""
    if exactly_searchable(graph):
        return dpccp(graph, cards, cost, budget=budget)
    return improved(graph, cards, cost, budget=budget)


def improved(graph: JoinGraph, cards: Cardinalities, cost: CostModel, *, budget: Budget | None = None) -> JoinTree:
    """Greedy, then parts of the tree searched exactly as long as that helps and the budget lasts.

    Each round takes a subtree apart into at most ``BLOCK`` pieces, keeps the pieces and orders them anew.
    Source: Kossmann and Stocker, Iterative Dynamic Programming, TODS 25(1), 2000 (IDP-2).
    """
    budget = budget or Budget(evaluations=4 * graph.size)
    return _by_parts(
        graph, cards, cost, lambda part: _improve(graph, _greedy(graph, part, cards, cost), cards, cost, budget)
    )


BLOCK = 8
"""Pieces that :func:`improved` orders exactly at a time."""


def adjacency_of(graph: JoinGraph, part: Mask) -> list[Mask]:
    """Neighbours of each relation inside ``part``; none for relations outside."""
    return [near & part if part >> i & 1 else 0 for i, near in enumerate(graph.adjacency)]


def connected_subsets(graph: JoinGraph, part: Mask | None = None, *, cap: int = 1 << 20) -> Masks | None:
    """All connected subsets, ascending, or nothing if they are more than ``cap``."""
    return _connected_subsets(graph.adjacency, graph.everything if part is None else part, cap)


@lru_cache(maxsize=64)
def _connected_subsets(adjacency: tuple[Mask, ...], part: Mask, cap: int) -> Masks | None:
    """The same by adjacency, as several planners ask for one graph's."""
    inside = [near & part if part >> i & 1 else 0 for i, near in enumerate(adjacency)]
    found: Masks = _native.connected_subsets(inside, cap + len(adjacency))
    if part != (1 << len(adjacency)) - 1:
        found = found[(found & ~np.uint64(part)) == 0]
    found.flags.writeable = False
    return found if len(found) and len(found) <= cap else None


def components(graph: JoinGraph) -> list[Mask]:
    """The connected parts of a graph."""
    return connected_parts(graph, graph.everything)


def exactly_searchable(graph: JoinGraph, cap: int = EXACT_SUBSETS) -> bool:
    """Whether a graph has at most ``cap`` connected subsets, so that :func:`dpccp` is quick."""
    return connected_subsets(graph, cap=cap) is not None


def _by_parts(graph: JoinGraph, cards: Cardinalities, cost: CostModel, plan: Callable[[Mask], JoinTree]) -> JoinTree:
    """Plan connected parts by themselves; multiply the results, the smallest first."""
    trees = [plan(part) for part in components(graph)]
    if len(trees) == 1:
        return trees[0]
    rows = cards.estimate([tree.mask for tree in trees]).rows
    ordered = [trees[i] for i in np.argsort(rows, kind="stable")]
    tree: JoinTree = ordered[0]
    for other in ordered[1:]:
        tree = cheaper_way_round(graph, tree, other, cards, cost)
    return tree


def cheaper_way_round(
    graph: JoinGraph, left: JoinTree, right: JoinTree, cards: Cardinalities, cost: CostModel
) -> JoinTree:
    """Join two trees; the side that is cheaper to build is built."""
    rows = cards.estimate([left.mask, right.mask, left.mask | right.mask]).rows
    probe, build = rows[[0, 1]], rows[[1, 0]]
    width = np.array([subset_width(graph, right.mask), subset_width(graph, left.mask)])
    price = cost.join(probe, build, width, rows[[2, 2]])
    return JoinTree.join(left, right) if price[0] <= price[1] else JoinTree.join(right, left)


def _exact(
    graph: JoinGraph,
    part: Mask,
    cards: Cardinalities,
    cost: CostModel,
    *,
    left_deep: bool,
    scans: Sequence[Scan] = (),
) -> JoinTree:
    masks = connected_subsets(graph, part, cap=EXACT_SUBSETS)
    if masks is None:
        masks = connected_subsets(graph, part)
    if masks is None:
        return _greedy(graph, part, cards, cost)
    known = cards.estimate(masks)
    rows = np.ascontiguousarray(known.rows)
    width = [relation.width_bytes for relation in graph.relations]
    if isinstance(cost, HashJoinCost | COut):
        adjacency, coefficients = adjacency_of(graph, part), list(cost.coefficients)
        priced = [scan.native for scan in scans if part >> scan.relation & 1]
        handed = np.ascontiguousarray(keys_handed(known.rows, known.sigma))
        flat = _native.best_tree(adjacency, masks, rows, width, coefficients, left_deep, priced, handed).tolist()
        return unfolded(part, flat)
    _, probe = plain_best_trees(graph, masks, rows, cost, left_deep=left_deep)
    return _unfold(part, dict(zip(masks.tolist(), probe.tolist(), strict=True)))


def unfolded(mask: Mask, flat: Sequence[Mask]) -> JoinTree:
    """The tree over ``mask`` from pairs of a join and its probe side, one after the other."""
    return _unfold(mask, dict(zip(flat[::2], flat[1::2], strict=True)))


def _unfold(mask: Mask, sides: dict[Mask, Mask]) -> JoinTree:
    probe = sides.get(mask, 0)
    if not probe:
        return JoinTree.leaf(mask.bit_length() - 1)
    return JoinTree.join(_unfold(probe, sides), _unfold(mask & ~probe, sides))


def plain_best_trees(
    graph: JoinGraph, masks: Masks, rows: Floats, cost: CostModel, *, left_deep: bool
) -> tuple[Floats, Masks]:
    """The plain twin of ``_native.best_trees``, for any cost model: every split of every connected subset."""
    place = {int(mask): i for i, mask in enumerate(masks)}
    total = np.full(len(masks), np.inf)
    probe = np.zeros(len(masks), dtype=np.uint64)
    width = np.array([subset_width(graph, int(mask)) for mask in masks])
    for mask, i in sorted(place.items(), key=lambda item: item[0].bit_count()):
        if mask.bit_count() == 1:
            total[i] = 0.0
            continue
        splits = [(place[s], place[mask & ~s]) for s in proper_subsets(mask) if s in place and mask & ~s in place]
        if left_deep:
            splits = [(left, right) for left, right in splits if int(masks[right]).bit_count() == 1]
        if not splits:
            continue
        left, right = np.array(splits).T
        price = (
            total[left] + total[right] + cost.join(rows[left], rows[right], width[right], np.full(len(left), rows[i]))
        )
        total[i], probe[i] = price.min(), masks[left[price.argmin()]]
    return total, probe


def proper_subsets(mask: Mask) -> Iterable[Mask]:
    """Every subset of ``mask`` but the empty one and itself."""
    sub = (mask - 1) & mask
    while sub:
        yield sub
        sub = (sub - 1) & mask


FILTERS = 0.5
"""A relation that keeps a smaller share of the only one it joins with is a filter of that one."""


def _units(graph: JoinGraph, part: Mask, cards: Cardinalities, cost: CostModel) -> dict[Mask, JoinTree]:
    """Relations, each joined with those that filter it, the most selective first."""
    trees = {1 << i: JoinTree.leaf(i) for i in bits(part)}
    hanging = [(i, near) for i in bits(part) if (near := graph.adjacency[i] & part) and not near & (near - 1)]
    hanging = [(i, near) for i, near in hanging if graph.adjacency[near.bit_length() - 1] & part != 1 << i]
    pairs = cards.estimate([1 << i | near for i, near in hanging]).rows.tolist()
    alone = cards.estimate([near for _, near in hanging]).rows.tolist()
    kept = [joined / max(rows, 1.0) for joined, rows in zip(pairs, alone, strict=True)]
    for share, (i, near) in sorted(zip(kept, hanging, strict=True)):
        if share < FILTERS:
            held = next(mask for mask in trees if mask & near)
            joined = cheaper_way_round(graph, trees.pop(held), trees.pop(1 << i), cards, cost)
            trees[joined.mask] = joined
    return trees


def _greedy(
    graph: JoinGraph, part: Mask, cards: Cardinalities, cost: CostModel, units: dict[Mask, JoinTree] | None = None
) -> JoinTree:
    trees = dict(units) if units else {1 << i: JoinTree.leaf(i) for i in bits(part)}
    near = {mask: graph.neighbours(mask) for mask in trees}
    rows: dict[Mask, float] = {}
    while len(trees) > 1:
        pairs = [(a, b) for a in trees for b in trees if a < b and near[a] & b]
        unknown = sorted({a | b for a, b in pairs if a | b not in rows})
        rows.update(zip(unknown, cards.estimate(unknown).rows.tolist(), strict=True))
        left, right = min(pairs, key=lambda pair: (rows[pair[0] | pair[1]], pair))
        joined = cheaper_way_round(graph, trees.pop(left), trees.pop(right), cards, cost)
        trees[joined.mask] = joined
        near[joined.mask] = (near[left] | near[right]) & ~joined.mask
    return next(iter(trees.values()))


def _improve(graph: JoinGraph, tree: JoinTree, cards: Cardinalities, cost: CostModel, budget: Budget) -> JoinTree:
    """Reorder the top pieces of every subtree, dearest subtree first, until a round changes nothing."""
    changed = True
    while changed and not budget.exhausted:
        changed = False
        for node in sorted(tree.joins(), key=lambda join: -join.mask.bit_count()):
            if node.mask.bit_count() < 3 or not budget.spend():
                continue
            better = _reorder(graph, node, cards, cost)
            if better is not None:
                tree, changed = _replace(tree, node.mask, better), True
                break
    return tree


def _reorder(graph: JoinGraph, node: JoinTree, cards: Cardinalities, cost: CostModel) -> JoinTree | None:
    """A cheaper order of a subtree's top pieces, if there is one."""
    pieces = _take_apart(node, cards)
    small = _contracted(graph, pieces)
    masks = connected_subsets(small)
    assert masks is not None
    full = [_expanded(int(mask), pieces) for mask in masks]
    rows = np.ascontiguousarray(cards.estimate(full).rows)
    width = [subset_width(graph, piece.mask) for piece in pieces]
    if isinstance(cost, HashJoinCost | COut):
        total, probe = _native.best_trees(list(small.adjacency), masks, rows, width, list(cost.coefficients), False)
    else:
        total, probe = plain_best_trees(small, masks, rows, cost, left_deep=False)
    order = _unfold(small.everything, dict(zip(masks.tolist(), probe.tolist(), strict=True)))
    inside = [join for join in node.joins() if not any(join.mask & ~p.mask == 0 for p in pieces)]
    if float(total[-1]) >= float(join_costs(inside, graph, cards, cost).sum()) * (1 - 1e-9):
        return None
    return _graft(order, pieces)


def _take_apart(node: JoinTree, cards: Cardinalities) -> list[JoinTree]:
    """At most ``BLOCK`` subtrees that make up a tree: the one with most rows is opened next."""
    pieces = [node]
    while len(pieces) < BLOCK and any(not piece.is_leaf for piece in pieces):
        rows = cards.estimate([piece.mask for piece in pieces]).rows
        open_first = max(
            (p for p in range(len(pieces)) if not pieces[p].is_leaf), key=lambda p: (pieces[p] is node, rows[p])
        )
        opened = pieces.pop(open_first)
        assert opened.probe is not None
        assert opened.build is not None
        pieces += [opened.probe, opened.build]
    return pieces


def _contracted(graph: JoinGraph, pieces: list[JoinTree]) -> JoinGraph:
    """The graph whose relations are the pieces."""
    relations = tuple(
        Relation(alias=str(i), sql="", width_bytes=subset_width(graph, p.mask)) for i, p in enumerate(pieces)
    )
    joined = tuple(
        Predicate(sql="", relations=1 << i | 1 << j)
        for i in range(len(pieces))
        for j in range(i)
        if graph.joinable(pieces[i].mask, pieces[j].mask)
    )
    return JoinGraph(relations=relations, predicates=joined)


def _expanded(mask: Mask, pieces: list[JoinTree]) -> Mask:
    total = 0
    for i in bits(mask):
        total |= pieces[i].mask
    return total


def _graft(order: JoinTree, pieces: list[JoinTree]) -> JoinTree:
    if order.probe is None or order.build is None:
        return pieces[order.relation]
    return JoinTree.join(_graft(order.probe, pieces), _graft(order.build, pieces))


def _replace(tree: JoinTree, mask: Mask, subtree: JoinTree) -> JoinTree:
    if tree.mask == mask:
        return subtree
    if tree.probe is None or tree.build is None or tree.mask & mask != mask:
        return tree
    return JoinTree.join(_replace(tree.probe, mask, subtree), _replace(tree.build, mask, subtree))


PLANNERS: dict[str, Planner] = {
    "best": best,
    "dpccp": dpccp,
    "goo": goo,
    "filtered_first": filtered_first,
    "improved": improved,
    "left_deep": left_deep,
    "textual": textual,
    "duckdb_like": duckdb_like,
}
