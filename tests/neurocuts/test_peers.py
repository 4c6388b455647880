from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.peers import NAMES, UPDATABLE, LookupPeer, lookup_baselines, plain_walk
from mlsys4sys.neurocuts.problem import IPV4, IPV6, RuleSet
from mlsys4sys.neurocuts.search import TreeSearch
from mlsys4sys.search import Budget
from tests.conftest import real_data
from tests.neurocuts.trees import everything, probes, random_rules, rule_sets


@settings(max_examples=30, deadline=None)
@given(rule_sets(most=60))
def test_every_lookup_answers_every_packet_as_the_scan_does(rules: RuleSet) -> None:
    packets = everything()
    expected = rules.classify_linear(packets).tolist()
    for peer in lookup_baselines():
        assert peer.build(rules)
        assert peer.solve(packets).tolist() == expected, peer.name
        assert peer.size_bytes > 0 or not len(rules)


@pytest.mark.parametrize("fields", [IPV4, IPV6])
@pytest.mark.parametrize("name", [*NAMES, "hypercuts"])
def test_every_lookup_takes_ipv4_and_ipv6(name: str, fields: tuple) -> None:
    rules = random_rules(np.random.default_rng(2), 600, fields)
    packets = probes(rules, np.random.default_rng(0))
    peer = LookupPeer(name, 2.0)
    if peer.build(rules):
        assert peer.solve(packets).tolist() == rules.classify_linear(packets).tolist()


@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_every_lookup_is_right_on_real_sets(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    packets = probes(rules, np.random.default_rng(0), 10_000)
    expected = rules.classify_linear(packets)
    for peer in lookup_baselines(budget_s=1.0):
        if peer.build(rules):
            assert (peer.solve(packets) == expected).all(), peer.name


@settings(max_examples=30, deadline=None)
@given(rule_sets(most=40), st.lists(st.tuples(st.booleans(), st.integers(0, 39)), max_size=60))
def test_tuple_spaces_stay_right_while_rules_go_and_come(rules: RuleSet, changes: list[tuple[bool, int]]) -> None:
    packets = everything()
    for name in UPDATABLE:
        peer = LookupPeer(name)
        peer.build(rules)
        present = set(range(len(rules)))
        for comes, rule in changes:
            if rule >= len(rules):
                continue
            if comes:
                assert peer.insert(rule) == (rule not in present)
                present.add(rule)
            else:
                assert peer.remove(rule) == (rule in present)
                present.discard(rule)
        rows = np.array(sorted(present), int)
        found = rules.take(rows).classify_linear(packets)
        expected = np.where(found >= 0, rows[found] if len(rows) else -1, -1)
        assert peer.solve(packets).tolist() == expected.tolist(), name


def test_a_walk_of_a_searched_tree_answers_as_the_scan() -> None:
    rules = random_rules(np.random.default_rng(2), 300)
    search = TreeSearch(rules, threads=1)
    search.run(Budget(evaluations=500))
    packets = probes(rules, np.random.default_rng(0))
    out = np.empty(len(packets), np.int32)
    plain_walk(search.tree(search.points()[0]), rules).classify(packets, out)
    assert out.tolist() == rules.classify_linear(packets).tolist()


def test_an_unknown_or_unbuilt_lookup_says_so() -> None:
    with pytest.raises(InputError, match="tuplemerge"):
        LookupPeer("nothing").build(random_rules(np.random.default_rng(2), 3))
    with pytest.raises(InputError, match="build it first"):
        LookupPeer("tss").solve([[0] * 5])
