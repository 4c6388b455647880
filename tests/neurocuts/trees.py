"""Rule sets and packets that find mistakes; shared by the tests of neurocuts."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from mlsys4sys.neurocuts.problem import IPV4, IPV6, Field, RuleSet
from mlsys4sys.neurocuts.tree import Kind, Tree, from_nodes

TINY = (Field("a", 4), Field("b", 3), Field("c", 2))
"""512 packets: every one of them can be tried."""


def everything(fields: tuple[Field, ...] = TINY) -> NDArray[np.uint32]:
    """All packets of a tiny space."""
    axes = [np.arange(1 << field.bits, dtype=np.uint32) for field in fields]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))


def ranges(bits: int) -> st.SearchStrategy[tuple[int, int]]:
    """Wildcards, points, prefixes, and any range."""
    top = (1 << bits) - 1
    value = st.integers(0, top)
    prefix = st.tuples(value, st.integers(0, bits)).map(
        lambda pair: (pair[0] >> pair[1] << pair[1], pair[0] >> pair[1] << pair[1] | (1 << pair[1]) - 1)
    )
    pair = st.tuples(value, value).map(lambda pair: (min(pair), max(pair)))
    return st.one_of(st.just((0, top)), value.map(lambda v: (v, v)), prefix, pair, st.just((0, 0)), st.just((top, top)))


def rule_sets(fields: tuple[Field, ...] = TINY, *, most: int = 40) -> st.SearchStrategy[RuleSet]:
    """Sets with duplicates, nested rules, wildcards, nothing at all."""
    widths = [word.bit_length() for field in fields for word in field.maxima]
    rule = st.tuples(*(ranges(width) for width in widths))
    return st.lists(rule, max_size=most).map(lambda rows: RuleSet.from_ranges(rows, fields=fields))


def random_rules(rng: np.random.Generator, count: int, fields: tuple[Field, ...] = IPV4) -> RuleSet:
    """Nested prefixes, ports and protocols over any fields."""
    maxima = np.array([word for field in fields for word in field.maxima], np.int64)
    bits = np.array([int(word).bit_length() for word in maxima])
    free = np.minimum(rng.choice([0, 0, 1, 4, 8, 16, 24, 32], size=(count, len(maxima))), bits)
    pool = rng.integers(0, maxima + 1, size=(max(count // 4, 1), len(maxima)))
    value = pool[rng.integers(0, len(pool), size=count)]
    low = value >> free << free
    return RuleSet(fields=fields, low=low, high=low | ((1 << free) - 1))


def probes(rules: RuleSet, rng: np.random.Generator, count: int = 2000) -> NDArray[np.uint32]:
    """Corners of rules and their neighbours outside, points inside, and noise."""
    maxima = rules.maxima.astype(np.int64)
    noise = rng.integers(0, maxima + 1, size=(max(count // 4, 1), rules.columns))
    if not len(rules):
        return noise.astype(np.uint32)
    low, high = rules.low.astype(np.int64), rules.high.astype(np.int64)
    row = rng.integers(0, len(rules), size=count)
    corner = np.where(rng.random((count, rules.columns)) < 0.5, low[row], high[row])
    beside = np.clip(corner + rng.integers(-1, 2, size=corner.shape), 0, maxima)
    inside = rng.integers(low[row], high[row] + 1)
    return np.concatenate([corner, beside, inside, noise]).astype(np.uint32)


__all__ = ["IPV4", "IPV6", "TINY", "everything", "probes", "random_rules", "ranges", "rule_sets"]


def selections(rules: RuleSet, rng: np.random.Generator) -> Tree:
    """Two levels of selections of nine bits, every rule that meets a cell in its leaf, found by trying all values."""
    nodes: list[tuple[int, ...]] = []
    children: list[int] = []
    ids: list[int] = []
    values = np.arange(512)

    def grow(held: list[int], allowed: np.ndarray, depth: int) -> int:
        number = len(nodes)
        if depth == 2:
            nodes.append((Kind.LEAF, 0, 0, 0, 0, len(ids), len(held)))
            ids.extend(held)
            return number
        mask = int(rng.integers(1, 512))
        count = 1 << mask.bit_count()
        first = len(children)
        nodes.append((Kind.BITS, 0, 0, 0, mask, first, count))
        children.extend([-1] * count)
        bits = [bit for bit in range(9) if mask >> bit & 1]
        cell = sum((values >> bit & 1) << place for place, bit in enumerate(bits))
        for i in range(count):
            inside = allowed & (cell == i)
            part = [r for r in held if inside[int(rules.low[r, 0]) : int(rules.high[r, 0]) + 1].any()]
            if part:
                children[first + i] = grow(part, inside, depth + 1)
        return number

    grow(list(range(len(rules))), np.ones(512, bool), 0)
    return from_nodes(rules, nodes, children=children, rule_ids=ids)
