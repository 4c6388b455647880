from __future__ import annotations

import numpy as np
import pytest

from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import Kind, Tree, from_nodes, measure, single_leaf, walk
from tests.neurocuts.trees import TINY, everything

RULES = RuleSet.from_ranges(
    [
        [(0, 3), (0, 7), (0, 3)],
        [(4, 7), (2, 5), (0, 3)],
        [(0, 15), (6, 6), (1, 2)],
        [(12, 12), (0, 7), (0, 0)],
    ],
    fields=TINY,
)


def by_hand(kind: Kind) -> Tree:
    """One tree a kind of node, all equal to RULES."""
    leaf = Kind.LEAF
    if kind == Kind.CUT:  # pieces of 4 values of a; cells 1 and 2 differ
        nodes = [(Kind.CUT, 0, 2, 0, 0, 0, 4), (leaf, 0, 0, 0, 0, 0, 2), (leaf, 0, 0, 0, 0, 2, 2)]
        nodes += [(leaf, 0, 0, 0, 0, 4, 1), (leaf, 0, 0, 0, 0, 5, 2)]
        return from_nodes(RULES, nodes, children=[1, 2, 3, 4], rule_ids=[0, 2, 1, 2, 2, 2, 3])
    if kind == Kind.SPLIT:
        nodes = [(Kind.SPLIT, 0, 0, 0, 0, 0, 3), (leaf, 0, 0, 0, 0, 0, 2), (leaf, 0, 0, 0, 0, 2, 2)]
        nodes += [(leaf, 0, 0, 0, 0, 4, 2)]
        return from_nodes(RULES, nodes, children=[1, 2, 3], rule_ids=[0, 2, 1, 2, 2, 3], bounds=[4, 8])
    if kind == Kind.BITS:
        nodes = [(Kind.BITS, 0, 0, 0, 8, 0, 2), (leaf, 0, 0, 0, 0, 0, 3), (leaf, 0, 0, 0, 0, 3, 2)]
        return from_nodes(RULES, nodes, children=[1, 2], rule_ids=[0, 1, 2, 2, 3])
    if kind == Kind.GRID:
        nodes = [(Kind.GRID, 0, 2, 0, 0, 0, 4), (leaf, 0, 0, 0, 0, 0, 3), (leaf, 0, 0, 0, 0, 3, 2)]
        terms = [(0, 3, 0, 2), (2, 1, 0, 2)]
        return from_nodes(RULES, nodes, children=[1, 1, 2, 2], rule_ids=[0, 1, 2, 2, 3], terms=terms)
    nodes = [(Kind.PARTITION, 0, 0, 0, 0, 0, 2), (leaf, 0, 0, 0, 0, 0, 2), (leaf, 0, 0, 0, 0, 2, 2)]
    return from_nodes(RULES, nodes, children=[1, 2], rule_ids=[0, 3, 1, 2])


@pytest.mark.parametrize("kind", list(Kind)[1:])
def test_every_kind_of_node_walks_to_the_first_rule(kind: Kind) -> None:
    packets = everything()
    assert walk(by_hand(kind), RULES, packets).tolist() == RULES.classify_linear(packets).tolist()


def test_outside_a_compacted_region_nothing_matches() -> None:
    rules = RuleSet.from_ranges([[(4, 7), (0, 7), (0, 3)]], fields=TINY)
    nodes = [(Kind.CUT, 0, 1, 2, 0, 0, 2), (Kind.LEAF, 0, 0, 0, 0, 0, 1)]
    tree = from_nodes(rules, nodes, children=[1, 1], rule_ids=[0])
    packets = everything()
    assert walk(tree, rules, packets).tolist() == rules.classify_linear(packets).tolist()


def test_the_metric_is_the_papers() -> None:
    cut = measure(by_hand(Kind.CUT))
    assert (cut.time, cut.bytes) == (2, 18 + 4 * 4 + 4 * 2 + 16 * 7)
    assert measure(by_hand(Kind.PARTITION)).time == 2  # the sum of its leaves; the partition is free
    assert measure(by_hand(Kind.PARTITION)).bytes == 18 + 4 * 2 + 2 * 2 + 16 * 4
    merged = measure(by_hand(Kind.GRID))
    assert merged.bytes == 18 + 4 * 2 + 2 * 2 + 16 * 5  # four cells, two children after merging
    assert measure(single_leaf(RULES)).time == 1


def test_an_empty_cell_costs_a_child_and_a_leaf() -> None:
    nodes = [(Kind.CUT, 0, 2, 0, 0, 0, 4), (Kind.LEAF, 0, 0, 0, 0, 0, 1)]
    tree = from_nodes(RULES, nodes, children=[-1, -1, 1, -1], rule_ids=[0])
    assert measure(tree).bytes == 18 + 4 * 3 + 2 * 2 + 2 + 16


def test_visits_count_what_a_packet_looks_at() -> None:
    packets = everything()
    visits = np.zeros(len(packets), np.int64)
    walk(by_hand(Kind.CUT), RULES, packets, visits=visits)
    assert set(visits.tolist()) == {2}
