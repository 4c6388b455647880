from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.compare import all_matches, compare, report
from mlsys4sys.neurocuts.problem import IPV4, RuleSet
from tests.conftest import real_data
from tests.neurocuts.trees import everything, probes, random_rules, rule_sets

PACKETS = everything()


def with_actions(rules: RuleSet, chance: int, kinds: int = 3) -> RuleSet:
    rng = np.random.default_rng(chance)
    actions = tuple("abc"[i] for i in rng.integers(0, kinds, len(rules)))
    return RuleSet(fields=rules.fields, low=rules.low, high=rules.high, actions=actions)


def answers(rules: RuleSet) -> list[str]:
    return [rules.actions[i] if i >= 0 else "" for i in rules.classify_linear(PACKETS)]


@settings(max_examples=80, deadline=None)
@given(rule_sets(most=30), rule_sets(most=30), st.integers(0, 99), st.booleans())
def test_sets_are_equal_exactly_when_every_packet_is_answered_alike(
    a: RuleSet, b: RuleSet, chance: int, mostly_the_same: bool
) -> None:
    if mostly_the_same:
        keep = np.random.default_rng(chance).random(len(a)) < 0.9
        b = a.take(keep)
    first, second = with_actions(a, 0, 2), with_actions(b, 0 if not mostly_the_same else chance % 2, 2)
    found = compare(first, second, by="action", limit=1000)
    pairs = {
        (int(i), int(j))
        for i, j in zip(first.classify_linear(PACKETS), second.classify_linear(PACKETS), strict=True)
        if (first.actions[i] if i >= 0 else "") != (second.actions[j] if j >= 0 else "")
    }
    assert found.complete
    assert bool(found) == (not pairs)
    assert {(d.first, d.second) for d in found.differences} == pairs
    for difference in found.differences:
        assert first.classify_linear([difference.packet])[0] == difference.first
        assert second.classify_linear([difference.packet])[0] == difference.second


@settings(max_examples=50, deadline=None)
@given(rule_sets(most=25), st.integers(0, 99))
def test_rules_that_are_named_can_all_be_taken_out(rules: RuleSet, chance: int) -> None:
    full = with_actions(rules, chance, 2)
    found = report(full)
    keep = [row for row in range(len(full)) if row not in found.shadowed and row not in found.redundant]
    small = full.take(np.array(keep, int))
    assert answers(small) == answers(full)
    for row in keep:  # and of what is left nothing can go
        fewer = full.take(np.array([other for other in keep if other != row], int))
        assert answers(fewer) != answers(full)
    for row, by in {**found.shadowed, **found.redundant}.items():
        if by is not None:
            assert (full.low[by] <= full.low[row]).all()
            assert (full.high[by] >= full.high[row]).all()


def test_a_rule_that_a_later_one_makes_needless_is_named() -> None:
    rules = RuleSet.from_ranges(
        [[(5, 9)] * 1, [(0, 3)] * 1, [(0, 15)] * 1],
        fields=(IPV4[4].__class__("a", 4),),
        actions=["drop", "accept", "drop"],
    )
    assert report(rules).redundant == {0: 2}


def test_sets_of_other_fields_are_not_compared() -> None:
    a = RuleSet.from_ranges([[(0, 1)] * 5])
    with pytest.raises(InputError, match="different fields"):
        compare(a, RuleSet.from_ranges([], fields=a.fields[:4]))
    with pytest.raises(InputError, match="no actions"):
        compare(a, a, by="action")


@given(rule_sets(most=20))
def test_all_matches_are_what_holds_the_packet(rules: RuleSet) -> None:
    offsets, ids = all_matches(rules, PACKETS)
    for i in range(0, len(PACKETS), 37):
        packet = PACKETS[i]
        holds = np.flatnonzero(((rules.low <= packet) & (rules.high >= packet)).all(axis=1))
        assert ids[offsets[i] : offsets[i + 1]].tolist() == holds.tolist()


@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_a_small_change_of_a_real_set_is_found_and_no_change_is_proven(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    assert compare(rules, rules)
    changed = RuleSet(
        fields=rules.fields, low=rules.low, high=np.where(np.arange(len(rules))[:, None] == 400, rules.low, rules.high)
    )
    found = compare(rules, changed)
    alive = 400 not in report(rules).shadowed and not (changed.high == rules.high).all()
    assert bool(found) == (not alive)


def test_different_random_sets_are_told_apart_in_time() -> None:
    rng = np.random.default_rng(5)
    a, b = random_rules(rng, 400), random_rules(rng, 400)
    started = time.process_time()
    found = compare(a, b, by="match", limit=5)
    assert time.process_time() - started < 20
    for difference in found.differences:
        assert (difference.first < 0) != (difference.second < 0)
    packets = probes(a, rng, 500)
    if found:
        assert ((a.classify_linear(packets) < 0) == (b.classify_linear(packets) < 0)).all()
