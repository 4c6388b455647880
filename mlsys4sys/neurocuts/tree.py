"""The tree that every builder makes and that verification, lookup and export read: flat arrays, no objects.

Nodes are numbered so that **a child's number is above its parent's**; node 0 is the root. A node has a ``kind``:

``LEAF``
    The rules to compare one by one: ``rule_ids[first : first + count]``, ascending, so that the first hit wins. A leaf
    may be empty.
``CUT``
    Equal pieces of one column. The cell of a packet is ``(x >> shift) - base``; it is an *unsigned 32-bit* difference,
    and a packet whose cell is not below ``count`` lies outside the node's compacted region, where no rule is: it
    matches nothing *in this subtree*. Its child is ``children[first + cell]``.
``SPLIT``
    Explicit boundaries on one column: ``bounds[base : base + count - 1]``, ascending. The cell of a packet is the
    number of boundaries that are at most ``x`` (a boundary is the first value of the piece to its right).
``BITS``
    Bit selection: the cell is the ``n`` selected bits of column ``dim``, extracted as the x86 instruction PEXT does
    with ``mask`` (lowest selected bit lowest); ``count`` is ``2 ** popcount(mask)``.
``GRID``
    Cuts in several columns at once, as HyperCuts does. Its terms are rows ``base : base + shift`` of ``terms``:
    (column, shift, base, count), each a cut as above; cells are numbered with the last term fastest. ``count`` is the
    product.
``PARTITION``
    Rules are divided, not space: each child is searched, and the lowest rule wins.

``children`` holds -1 where a cell has no rule. Adjacent cells of a node may share one child; apart from that a node has
one parent. Leaves list only what can win: a rule that one rule of higher priority covers inside the leaf's cell may be
left out (rule overlay).

The arrays are read-only. ``columns`` words make a packet; rule bounds are not here but in the ``RuleSet``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys.neurocuts.problem import Matches, RuleSet, Words

BINTH = 16
"""Rules that a leaf may hold by default, as in NeuroCuts (its Tree.binth)."""


class Kind(IntEnum):
    """What a node does."""

    LEAF = 0
    CUT = 1
    SPLIT = 2
    BITS = 3
    GRID = 4
    PARTITION = 5


ARRAYS: dict[str, type[np.generic]] = {
    "kind": np.uint8,
    "dim": np.uint8,
    "shift": np.uint8,
    "base": np.uint32,
    "mask": np.uint32,
    "first": np.int64,
    "count": np.int32,
    "children": np.int32,
    "rule_ids": np.int32,
    "bounds": np.uint32,
    "terms": np.uint32,
}
"""Name → type of each array of a tree."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tree:
    """A decision tree over packets; see the top of this file. The first seven arrays have shape (nodes,)."""

    columns: int
    rules: int
    """Rules of the set it was built for."""
    kind: NDArray[np.uint8]
    dim: NDArray[np.uint8]
    """Column that ``CUT``, ``SPLIT`` and ``BITS`` look at."""
    shift: NDArray[np.uint8]
    """``CUT``: binary logarithm of a piece's size. ``GRID``: number of terms."""
    base: NDArray[np.uint32]
    """``CUT``: number of the first cell. ``SPLIT``: start in ``bounds``. ``GRID``: start in ``terms``."""
    mask: NDArray[np.uint32]
    """``BITS``: the selected bits."""
    first: NDArray[np.int64]
    """Start in ``rule_ids`` for a leaf, in ``children`` for all others."""
    count: NDArray[np.int32]
    """Rules of a leaf, cells of any other node."""
    children: NDArray[np.int32]
    rule_ids: NDArray[np.int32]
    bounds: NDArray[np.uint32]
    terms: NDArray[np.uint32]
    """Shape (terms, 4): column, shift, base, count."""

    def __post_init__(self) -> None:
        for name, dtype in ARRAYS.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def nodes(self) -> int:
        """Nodes, leaves included."""
        return len(self.kind)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    def cells(self, node: int) -> NDArray[np.int32]:
        """Children of an inner node, cell by cell, -1 for none."""
        return self.children[self.first[node] : self.first[node] + self.count[node]]

    def leaf(self, node: int) -> NDArray[np.int32]:
        """Rules of a leaf, ascending."""
        return self.rule_ids[self.first[node] : self.first[node] + self.count[node]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Time and space as the NeuroCuts paper counts them (its ``Tree.compute_result``)."""

    time: int
    """Worst number of nodes looked at: 1 for a leaf, 1 + the worst child for a cut, the *sum* for a partition."""
    bytes: int
    """Leaves: 2 + 16 for each rule. Others: 18 + 4 for each child, after adjacent equal ones were merged."""
    bytes_per_rule: float
    depth: int
    """Nodes on the longest path, partitions included."""
    nodes: int
    leaves: int
    replication: float
    """Rules in leaves per rule of the set."""


def measure(tree: Tree) -> Metric:
    """The paper's metric.

    A run of empty cells is counted as a child and as an empty leaf, so that leaving regions out costs what it costs
    the peers.
    """
    inner = tree.kind != Kind.LEAF
    runs, empty = _runs(tree)
    time, depth = _worst(tree)
    in_leaves = int(tree.count[~inner].sum())
    total = 2 * int((~inner).sum()) + 16 * in_leaves + 18 * int(inner.sum()) + 4 * runs + 2 * empty
    return Metric(
        time=time,
        bytes=total,
        bytes_per_rule=total / max(tree.rules, 1),
        depth=depth,
        nodes=tree.nodes,
        leaves=int((~inner).sum()),
        replication=in_leaves / max(tree.rules, 1),
    )


def _runs(tree: Tree) -> tuple[int, int]:
    """Runs of equal adjacent children over all nodes, and how many of them are empty."""
    if not len(tree.children):
        return 0, 0
    starts = np.ones(len(tree.children), bool)
    starts[1:] = tree.children[1:] != tree.children[:-1]
    starts[tree.first[tree.kind != Kind.LEAF]] = True
    return int(starts.sum()), int((tree.children[starts] < 0).sum())


def _worst(tree: Tree) -> tuple[int, int]:
    """The paper's time, and depth in nodes; children are numbered above their parents, so one pass back suffices."""
    time = np.ones(tree.nodes, np.int64)
    depth = np.ones(tree.nodes, np.int64)
    for node in np.flatnonzero(tree.kind != Kind.LEAF)[::-1].tolist():
        cells = tree.cells(node)
        below = cells[cells >= 0]
        if tree.kind[node] == Kind.PARTITION:
            time[node] = time[below].sum()
        else:
            time[node] = 1 + max(int(time[below].max(initial=1)), 1)
        depth[node] = 1 + depth[below].max(initial=0)
    return int(time[0]), int(depth[0])


def walk(tree: Tree, rules: RuleSet, packets: ArrayLike, *, visits: NDArray[np.int64] | None = None) -> Matches:
    """Classify packets by walking the tree in numpy: the oracle of the lookup kernels.

    Args:
        tree: Built for ``rules``.
        rules: Bounds of the rules in the leaves.
        packets: Shape (n, columns).
        visits: Shape (n,); if given, incremented by the nodes that each packet visits, partitions not counted.
    """
    words = rules.packets(packets)
    best = np.full(len(words), len(rules), np.int64)
    packet = np.arange(len(words))
    node = np.zeros(len(words), np.int64)
    while len(packet):
        kinds = tree.kind[node]
        if visits is not None:
            np.add.at(visits, packet[kinds != Kind.PARTITION], 1)
        step_packets, step_nodes = [packet[:0]], [node[:0]]
        for kind in np.unique(kinds).tolist():
            chosen = kinds == kind
            if kind == Kind.LEAF:
                _scan(tree, rules, words, packet[chosen], node[chosen], best)
            else:
                goes, where = _STEPS[kind](tree, words, packet[chosen], node[chosen])
                step_packets.append(goes[where >= 0])
                step_nodes.append(where[where >= 0])
        packet, node = np.concatenate(step_packets), np.concatenate(step_nodes)
    return np.where(best == len(rules), -1, best).astype(np.int32)


_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
_Ints = NDArray[np.int64]


def _scan(tree: Tree, rules: RuleSet, words: Words, packet: _Ints, node: _Ints, best: _Ints) -> None:
    """Compare with the rules of leaves, all packets' i-th rule at once; a hit ends a packet's scan."""
    first, count = tree.first[node], tree.count[node]
    place = 0
    while len(packet):
        alive = count > place
        packet, first, count = packet[alive], first[alive], count[alive]
        rule = tree.rule_ids[first + place]
        value = words[packet]
        hit = ((value >= rules.low[rule]) & (value <= rules.high[rule])).all(axis=1)
        np.minimum.at(best, packet[hit], rule[hit].astype(np.int64))
        packet, first, count = packet[~hit], first[~hit], count[~hit]
        place += 1


def _cut(tree: Tree, words: Words, packet: _Ints, node: _Ints) -> _Pairs:
    cell = (words[packet, tree.dim[node]] >> tree.shift[node]).astype(np.int64) - tree.base[node]
    return packet, _child(tree, node, cell)


def _split(tree: Tree, words: Words, packet: _Ints, node: _Ints) -> _Pairs:
    cell = np.zeros(len(packet), np.int64)
    value = words[packet, tree.dim[node]]
    for place in range(int(tree.count[node].max()) - 1):
        inside = tree.count[node] - 1 > place
        cell[inside] += tree.bounds[tree.base[node][inside] + np.int64(place)] <= value[inside]
    return packet, _child(tree, node, cell)


def _bits(tree: Tree, words: Words, packet: _Ints, node: _Ints) -> _Pairs:
    return packet, _child(tree, node, pext(words[packet, tree.dim[node]], tree.mask[node]))


def _grid(tree: Tree, words: Words, packet: _Ints, node: _Ints) -> _Pairs:
    cell = np.zeros(len(packet), np.int64)
    outside = np.zeros(len(packet), bool)
    for place in range(int(tree.shift[node].max())):
        on = tree.shift[node] > place
        dim, shift, base, count = tree.terms[tree.base[node][on] + np.int64(place)].T
        digit = (words[packet[on], dim] >> shift).astype(np.int64) - base
        outside[on] |= (digit < 0) | (digit >= count)
        cell[on] = cell[on] * count + digit
    return packet, np.where(outside, -1, _child(tree, node, np.where(outside, 0, cell)))


def _partition(tree: Tree, _words: Words, packet: _Ints, node: _Ints) -> _Pairs:
    times = tree.count[node]
    spread = np.repeat(packet, times)
    place = np.arange(len(spread)) - np.repeat(np.cumsum(times) - times, times)
    return spread, _child(tree, np.repeat(node, times), place)


_STEPS: dict[int, Callable[[Tree, Words, _Ints, _Ints], _Pairs]] = {
    Kind.CUT: _cut,
    Kind.SPLIT: _split,
    Kind.BITS: _bits,
    Kind.GRID: _grid,
    Kind.PARTITION: _partition,
}


def _child(tree: Tree, node: _Ints, cell: _Ints) -> _Ints:
    inside = (cell >= 0) & (cell < tree.count[node])
    return np.where(inside, tree.children[tree.first[node] + np.where(inside, cell, 0)], -1).astype(np.int64)


def pext(value: NDArray[np.uint32], mask: NDArray[np.uint32]) -> _Ints:
    """Selected bits of each value, packed from the lowest: x86's PEXT.

    >>> pext(np.array([0b1010], np.uint32), np.array([0b1100], np.uint32)).tolist()
    [2]
    """
    cell = np.zeros(len(value), np.int64)
    place = np.zeros(len(value), np.int64)
    for bit in range(32):
        on = mask >> bit & 1
        cell |= (value >> bit & on).astype(np.int64) << place
        place += on
    return cell


def single_leaf(rules: RuleSet) -> Tree:
    """The linear scan as a tree: one leaf with all rules."""
    numbers = np.arange(len(rules), dtype=np.int32)
    return from_nodes(rules, [(Kind.LEAF, 0, 0, 0, 0, 0, len(rules))], rule_ids=numbers)


def from_nodes(
    rules: RuleSet,
    nodes: Sequence[tuple[int, int, int, int, int, int, int]],
    *,
    children: ArrayLike = (),
    rule_ids: ArrayLike = (),
    bounds: ArrayLike = (),
    terms: ArrayLike = (),
) -> Tree:
    """A tree from rows (kind, dim, shift, base, mask, first, count) and its tables."""
    rows = np.array(nodes, np.int64).reshape(-1, 7)
    names = ("kind", "dim", "shift", "base", "mask", "first", "count")
    columns = {name: rows[:, place].astype(ARRAYS[name]) for place, name in enumerate(names)}
    return Tree(
        columns=rules.columns,
        rules=len(rules),
        **columns,
        children=np.asarray(children, np.int32),
        rule_ids=np.asarray(rule_ids, np.int32),
        bounds=np.asarray(bounds, np.uint32),
        terms=np.asarray(terms, np.uint32).reshape(-1, 4),
    )
