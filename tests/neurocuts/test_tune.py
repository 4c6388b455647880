from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys import _native
from mlsys4sys.neurocuts import ClassifierBuilder, Field, RuleSet
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.portfolio import Constants
from mlsys4sys.neurocuts.tree import Kind, Tree, from_nodes, walk
from mlsys4sys.neurocuts.tune import Timed, build, default_traffic, fitting, frontier, tune
from mlsys4sys.neurocuts.verify import certify
from tests.conftest import real_data
from tests.neurocuts.trees import IPV4, IPV6, TINY, everything, probes, random_rules, rule_sets

WIDE = (Field("a", 9), Field("b", 3))
"""4,096 packets; the first field is wide enough for bit selections."""


def constants() -> st.SearchStrategy[Constants]:
    test = st.one_of(
        st.tuples(st.integers(0, 1), st.floats(0, 9)), st.tuples(st.just(-2), st.floats(0, 1)), st.just((-1, 0.0))
    )
    return st.builds(
        Constants,
        leaf=st.integers(1, 16),
        max_bits=st.integers(1, 9),
        memory=st.floats(1e-6, 0.1),
        base=st.floats(2, 60),
        rate=st.floats(0, 0.5),
        block=st.floats(1, 5),
        noise=st.sampled_from([0.0, 0.5]),
        bits=st.booleans(),
        tests=st.lists(test, max_size=2).map(tuple),
        parts=st.integers(0, 255),
        seed=st.integers(0, 99),
    )


@settings(max_examples=150, deadline=None)
@given(rules=rule_sets(WIDE, most=120), chosen=constants())
def test_trees_of_any_constants_are_the_linear_scan_and_proven(rules: RuleSet, chosen: Constants) -> None:
    tree = build(rules, chosen, default_traffic(rules, 200))
    packets = everything(WIDE)
    wanted = rules.classify_linear(packets)
    assert (walk(tree, rules, packets) == wanted).all()
    assert certify(tree, rules)
    for name in ("scalar", ""):
        _native.force_lookup_kernel(name)
        table = Lookup(tree, rules)
        assert (table.classify(packets) == wanted).all()
    _native.force_lookup_kernel("")


def selections(rules: RuleSet, rng: np.random.Generator) -> Tree:
    """Two levels of bit selections with every rule that meets a cell in its leaf, found by trying all values."""
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


@settings(max_examples=100, deadline=None)
@given(rules=rule_sets(WIDE, most=25), seed=st.integers(0, 1000), broken=st.booleans())
def test_the_proof_of_bit_selections_says_what_trying_every_packet_says(
    rules: RuleSet, seed: int, *, broken: bool
) -> None:
    rng = np.random.default_rng(seed)
    tree = selections(rules, rng)
    packets = everything(WIDE)
    wanted = rules.classify_linear(packets)
    assert certify(tree, rules), certify(tree, rules).counterexample
    assert (walk(tree, rules, packets) == wanted).all()
    if broken and tree.nodes > 1:
        tree = damaged(tree, rng)
        found = certify(tree, rules)
        wrong = walk(tree, rules, packets) != wanted
        assert bool(found) == (not wrong.any())
        if not found:
            assert found.packet is not None
            assert rules.classify_linear([found.packet])[0] == found.expected
            assert walk(tree, rules, [found.packet])[0] != found.expected


def damaged(tree: Tree, rng: np.random.Generator) -> Tree:
    """A leaf loses a rule, two cells change places, or a selection takes another bit."""
    arrays = {name: array.copy() for name, array in tree.arrays().items()}
    inner = np.flatnonzero(tree.kind == Kind.BITS)
    node = int(rng.choice(inner))
    fault = int(rng.integers(3))
    if fault == 0:
        leaves = np.flatnonzero((tree.kind == Kind.LEAF) & (tree.count > 0))
        leaf = int(rng.choice(leaves))
        arrays["first"][leaf] += 1
        arrays["count"][leaf] -= 1
    elif fault == 1:
        first, count = int(tree.first[node]), int(tree.count[node])
        a, b = rng.integers(0, count, 2)
        arrays["children"][[first + a, first + b]] = arrays["children"][[first + b, first + a]]
    else:
        mask = int(tree.mask[node])
        off = [1 << bit for bit in range(9) if not mask >> bit & 1]
        if off:
            lowest = mask & -mask
            arrays["mask"][node] = (mask ^ lowest) | int(rng.choice(off))
    return Tree(columns=tree.columns, rules=tree.rules, **arrays)


def test_selections_whose_cells_and_bits_differ_in_number_are_refused() -> None:
    rules = RuleSet.from_ranges([[(0, 511), (0, 7)]], fields=WIDE)
    tree = from_nodes(
        rules, [(Kind.BITS, 0, 0, 0, 7, 0, 4), (Kind.LEAF, 0, 0, 0, 0, 0, 1)], children=[1] * 4, rule_ids=[0]
    )
    assert "selected bits" in certify(tree, rules).counterexample


@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_no_fault_in_a_tuned_tree_of_real_rules_escapes(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    tree = build(rules, Constants(bits=True, leaf=4, memory=1e-3), default_traffic(rules))
    assert certify(tree, rules)
    if not (tree.kind == Kind.BITS).any():
        pytest.skip("no bit selection was chosen for this set")
    rng = np.random.default_rng(0)
    caught = 0
    for _ in range(150):
        broken = damaged(tree, rng)
        found = certify(broken, rules)
        if found:  # then it must be no fault
            packets = probes(rules, rng, 300)
            assert (walk(broken, rules, packets) == rules.classify_linear(packets)).all()
        elif found.packet is not None:
            assert walk(broken, rules, [found.packet])[0] != rules.classify_linear([found.packet])[0]
            caught += 1
    assert caught > 40


@pytest.mark.parametrize("fields", [IPV4, IPV6, TINY])
def test_tuned_classifiers_are_right_within_their_memory_and_say_so(fields: tuple[Field, ...]) -> None:
    rules = random_rules(np.random.default_rng(3), 500, fields)
    told: list[str] = []
    classifier = ClassifierBuilder(
        objective="latency", expansions=12, max_bytes_per_rule=400, report=told.append
    ).build(rules)
    packets = probes(rules, np.random.default_rng(1), 3000)
    assert (classifier.classify(packets) == rules.classify_linear(packets)).all()
    assert classifier.stats.origin == "tuned"
    assert classifier.stats.size_bytes <= 400 * len(rules)
    for packet in packets[::500].tolist():
        assert classifier.explain(packet).rule == rules.classify_linear([packet])[0]


def test_the_frontier_keeps_what_none_beats_in_both() -> None:
    rows = [
        Timed(constants=Constants(seed=i), ns=ns, size_bytes=size)
        for i, (ns, size) in enumerate([(9, 5), (8, 9), (9, 6), (7, 20), (30, 1)])
    ]
    assert [(row.ns, row.size_bytes) for row in frontier(rows)] == [(7, 20), (8, 9), (9, 5), (30, 1)]


def test_traffic_has_its_say_and_may_be_tiny() -> None:
    rules = random_rules(np.random.default_rng(5), 400)
    for traffic in (probes(rules, np.random.default_rng(1), 5)[:1], probes(rules, np.random.default_rng(1), 500)):
        tree, timed, points = tune(rules, seconds=60, trees=3, traffic=traffic)
        assert certify(tree, rules)
        assert timed.ns > 0
        assert points


def test_memory_is_priced_until_a_table_is_within_its_bound_or_given_up() -> None:
    rules = random_rules(np.random.default_rng(6), 800)
    traffic = default_traffic(rules)
    chosen = Constants(memory=1e-6, max_bits=6)
    free = Lookup(build(rules, chosen, traffic), rules).size_bytes
    found = fitting(rules, chosen, traffic, max_bytes=free / 4)
    assert found is not None
    priced, tree, table = found
    assert priced.memory > chosen.memory
    assert certify(tree, rules)
    assert table.size_bytes <= free / 4
    assert fitting(rules, chosen, traffic, max_bytes=100) is None
    assert fitting(rules, chosen, traffic, max_bytes=0, seconds=1e-9) is None
    tree, _, _ = tune(rules, seconds=0.5, max_bytes_per_rule=0.1)
    assert certify(tree, rules)


def test_equal_constants_build_equal_trees() -> None:
    rules, chosen = random_rules(np.random.default_rng(6), 300), Constants(noise=0.3, seed=4)
    first, second = (build(rules, chosen, default_traffic(rules)).arrays() for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
    sizes = {build(rules, replace(chosen, seed=seed), default_traffic(rules)).nodes for seed in range(6)}
    assert len(sizes) > 1
