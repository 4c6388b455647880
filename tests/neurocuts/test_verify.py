from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.faults import FAULTS, broken, trees
from mlsys4sys.neurocuts import baselines
from mlsys4sys.neurocuts.problem import Field, RuleSet
from mlsys4sys.neurocuts.search import TreeSearch
from mlsys4sys.neurocuts.tree import Kind, Tree, measure, single_leaf, walk
from mlsys4sys.neurocuts.verify import certify, shadows
from mlsys4sys.search import Budget
from tests.conftest import real_data
from tests.neurocuts.trees import IPV6, TINY, everything, probes, random_rules, rule_sets


def searched(rules: RuleSet, expansions: int = 200, seed: int = 0) -> list[Tree]:
    search = TreeSearch(rules, seed=seed, threads=1)
    search.run(Budget(evaluations=expansions))
    return [search.tree(point) for point in search.points()]


def changed(tree: Tree, **arrays: np.ndarray) -> Tree:
    return Tree(columns=tree.columns, rules=tree.rules, **{**tree.arrays(), **arrays})


@settings(max_examples=150, deadline=None)
@given(rules=rule_sets(most=60), data=st.data())
def test_the_proof_says_what_trying_every_packet_says(rules: RuleSet, data: st.DataObject) -> None:
    """Also of trees with a fault: leaves lose rules, children are swapped, cuts move."""
    tree = baselines.build(data.draw(st.sampled_from(baselines.NAMES)), rules, budget_s=5) or single_leaf(rules)
    if len(tree.rule_ids) and data.draw(st.booleans()):
        tree = faulty(tree, data.draw(st.integers(0, 2)), np.random.default_rng(data.draw(st.integers(0, 9))))
    packets = everything()
    wanted = rules.classify_linear(packets)
    right = bool((walk(tree, rules, packets) == wanted).all())
    found = certify(tree, rules)
    assert bool(found) == right, found.counterexample
    if not right:
        assert found.packet is not None
        assert rules.classify_linear([found.packet])[0] == found.expected
        assert walk(tree, rules, [found.packet])[0] != found.expected


def faulty(tree: Tree, fault: int, rng: np.random.Generator) -> Tree:
    inner = np.flatnonzero((tree.kind != Kind.LEAF) & (tree.count > 1))
    if fault == 0 or not len(inner):  # a leaf loses its first rule
        leaves = np.flatnonzero((tree.kind == Kind.LEAF) & (tree.count > 0))
        leaf = int(rng.choice(leaves))
        first, count = tree.first.copy(), tree.count.copy()
        first[leaf] += 1
        count[leaf] -= 1
        return changed(tree, first=first, count=count)
    node = int(rng.choice(inner))
    children = tree.children.copy()
    cells = children[tree.first[node] : tree.first[node] + tree.count[node]]
    if fault == 1:
        cells[[0, -1]] = cells[[-1, 0]]
    else:
        cells[int(rng.integers(len(cells)))] = -1
    return changed(tree, children=children)


@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_no_injected_fault_on_real_rules_escapes(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    tree = baselines.build("cutsplit", rules)
    assert tree is not None
    assert certify(tree, rules)
    rng = np.random.default_rng(0)
    caught = 0
    for _ in range(300):
        broken = faulty(tree, int(rng.integers(0, 3)), rng)
        found = certify(broken, rules)
        if found:  # then it must be no fault: the lost rule can be hidden there
            packets = probes(rules, rng, 300)
            assert (walk(broken, rules, packets) == rules.classify_linear(packets)).all()
        else:
            assert walk(broken, rules, [found.packet])[0] != rules.classify_linear([found.packet])[0]
            caught += 1
    assert caught > 150


@pytest.mark.parametrize("fault", FAULTS)
def test_of_each_kind_of_fault_the_proof_finds_exactly_those_that_change_an_answer(fault: str) -> None:
    rng = np.random.default_rng(3)
    fields = (Field("a", 9), Field("b", 3))
    low = np.stack([rng.integers(0, 512, 80), rng.integers(0, 8, 80)], axis=1)
    width = np.stack([rng.integers(0, 40, 80), rng.integers(0, 4, 80)], axis=1)
    high = np.minimum(low + width, [511, 7])
    high[::7, 0] = 511 - high[::7, 0] % 2  # some are wide
    rules = RuleSet(fields=fields, low=np.minimum(low, high).astype(np.uint32), high=high.astype(np.uint32))
    packets = everything(fields)
    wanted = rules.classify_linear(packets)
    able = [tree for tree in trees(rules) if broken(tree, fault, rng) is not None]
    assert able
    changed = 0
    for number in range(60):
        tree = broken(able[number % len(able)], fault, rng)
        assert tree is not None
        found = certify(tree, rules)
        if not found and found.packet is None:
            continue  # refused as malformed
        wrong = bool((walk(tree, rules, packets) != wanted).any())
        assert bool(found) != wrong, found.counterexample
        changed += wrong
    assert changed or fault == "rules reordered"


@settings(max_examples=60, deadline=None)
@given(rules=rule_sets(most=80), seed=st.integers(0, 3))
def test_every_point_of_a_searchs_frontier_is_proven_and_costs_what_it_claims(rules: RuleSet, seed: int) -> None:
    search = TreeSearch(rules, seed=seed, threads=1)
    search.run(Budget(evaluations=60))
    packets = everything()
    wanted = rules.classify_linear(packets)
    for point in search.points():
        tree = search.tree(point)
        assert (walk(tree, rules, packets) == wanted).all()
        assert certify(tree, rules)
        metric = measure(tree)
        assert metric.time <= point.time
        if metric.time == point.time:
            assert metric.bytes == pytest.approx(point.bytes, rel=1e-6)


def test_a_search_repeats_by_its_seed() -> None:
    rules = random_rules(np.random.default_rng(1), 300)
    first, second = ([measure(tree) for tree in searched(rules, 400, seed=5)] for _ in range(2))
    assert first == second


def test_wide_addresses_are_searched_and_proven() -> None:
    rng = np.random.default_rng(2)
    rules = random_rules(rng, 400, IPV6)
    for tree in searched(rules, 300):
        assert certify(tree, rules)
        packets = probes(rules, rng, 500)
        assert (walk(tree, rules, packets) == rules.classify_linear(packets)).all()


@settings(max_examples=100, deadline=None)
@given(rules=rule_sets(most=15))
def test_rules_that_never_match_are_all_found(rules: RuleSet) -> None:
    matched = set(rules.classify_linear(everything()).tolist())
    for rule, by in enumerate(shadows(rules).tolist()):
        assert (by == -1) == (rule in matched)
        if by >= 0:
            assert (rules.low[by] <= rules.low[rule]).all()
            assert (rules.high[by] >= rules.high[rule]).all()


def test_a_damaged_tree_is_named_and_never_walked() -> None:
    rules = RuleSet.from_ranges([[(0, 3), (0, 7), (0, 3)]] * 3, fields=TINY)
    tree = single_leaf(rules)
    assert "out of range" in certify(changed(tree, rule_ids=np.array([0, 1, 9], np.int32)), rules).counterexample
    assert "kind" in certify(changed(tree, kind=np.array([9], np.uint8)), rules).counterexample
    assert "for 3 rules" in certify(tree, rules.take([0])).counterexample
