"""Rule sets in ClassBench's manner: drawn, measured, and traffic for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.datasets import rules
from mlsys4sys.datasets.rules.analyse import prefix_lengths
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts import RuleSet

names = st.sampled_from(rules.names())


@given(name=names, seed=st.integers(0, 1000), number=st.integers(0, 300))
@settings(max_examples=25, deadline=None)
def test_a_drawn_set_reads_back_from_its_text_as_the_same_boxes(name, seed, number):
    made = rules.generate(name, number, seed=seed)
    assert len(made) == number
    read = RuleSet.parse_classbench(made.text())
    assert len(read) == number
    if number:
        assert (read.low == made.low).all()
        assert (read.high == made.high).all()


@given(name=names, seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_rules_are_distinct_and_none_stands_before_what_lies_inside_it(name, seed):
    made = rules.generate(name, 150, seed=seed)
    rows = np.hstack((made.low, made.high))
    assert len(np.unique(rows, axis=0)) == len(rows)
    inside = (made.low[:, None] <= made.low[None]) & (made.high[:, None] >= made.high[None])
    covers = inside.all(axis=2)
    assert not np.triu(covers, 1).any()


@pytest.mark.parametrize("name", list(rules.RULE_SETS))
def test_the_catalogue_s_checksums_hold(name):
    data = rules.find_rules(name)
    if data.rules > 10_000:
        return
    made = data.make()
    assert (len(made), made.checksum()) == (data.rules, data.checksum)


def test_another_seed_or_number_gives_other_rules():
    first = rules.generate("fw-perimeter", 200, seed=1)
    assert first.checksum() == rules.generate("fw-perimeter", 200, seed=1).checksum()
    assert first.checksum() != rules.generate("fw-perimeter", 200, seed=2).checksum()


def test_a_profile_that_has_few_rules_gives_few():
    one = rules.Profile(name="own-one", protocols=((6, 1.0, {"wc-wc": 1.0}),), lengths={"any": ((0, 0, 1.0),)})
    assert len(rules.generate(one, 100)) == 1


@pytest.mark.parametrize("name", rules.names())
def test_a_set_has_the_shares_that_its_profile_states(name):
    wanted = rules.find(name)
    found = rules.profile(*bounds(rules.generate(name, 4000, seed=3)))
    weights = {value: weight for value, weight, _ in wanted.protocols}
    total = sum(weights.values())
    for value, share, _ in found.protocols:
        assert abs(share - weights[value] / total) < 0.08
    table = np.array(wanted.lengths["any"])
    if len(wanted.lengths) == 1:
        expected = (table[:, :2] * table[:, 2:]).sum(0) / table[:, 2].sum()
        rows = np.array(found.lengths["any"])
        assert np.allclose((rows[:, :2] * rows[:, 2:]).sum(0) / 4000, expected, atol=0.06 * wanted.bits)
    assert found.source.nesting <= wanted.source.nesting + 1


def bounds(made):
    return made.low, made.high


@pytest.mark.parametrize("name", ["acl-edge", "fw-office", "ipc6-gateway"])
def test_a_measured_profile_gives_sets_like_the_one_that_was_measured(name, tmp_path):
    own = rules.generate(name, 3000, seed=5)
    measured = rules.profile(*bounds(own), name="own-copy")
    measured.save(tmp_path / "copy.json")
    again = rules.find(str(tmp_path / "copy.json"))
    assert again == measured
    copy = rules.generate(again, 3000, seed=6)
    assert not (set(map(bytes, own.low[:, :2])) >= set(map(bytes, copy.low[:, :2])))  # alike, not the same
    words = (own.low.shape[1] - 3) // 2
    for first in (0, words):
        lengths = [
            prefix_lengths(s.low[:, first : first + words], s.high[:, first : first + words]) for s in (own, copy)
        ]
        assert abs(lengths[0].mean() - lengths[1].mean()) < 0.05 * 32 * words
        distinct = [len(np.unique(s.low[:, first : first + words], axis=0)) for s in (own, copy)]
        assert 0.4 < distinct[0] / distinct[1] < 2.5


def test_smoothing_spreads_lengths_but_keeps_hosts_and_any():
    lengths = {"any": ((24, 0, 1.0), (32, 16, 1.0))}
    wanted = rules.Profile(name="own", protocols=((-1, 1.0, {"wc-wc": 1.0}),), lengths=lengths)
    made = rules.generate(wanted, 2000, seed=1, smoothing=3)
    source, destination = (prefix_lengths(made.low[:, c : c + 1], made.high[:, c : c + 1]) for c in (0, 1))
    assert set(np.unique(source)) == {21, 22, 23, 24, 25, 26, 27, 32}
    assert set(np.unique(destination)) == {0, 13, 14, 15, 16, 17, 18, 19}


def test_scope_bends_towards_longer_prefixes():
    means = []
    for bias in (-1.0, 0.0, 1.0):
        made = rules.generate("acl-core", 2000, seed=1, scope=(0.0, bias))
        means.append(prefix_lengths(made.low[:, :1], made.high[:, :1]).mean())
    assert means[0] < means[1] < means[2]


def test_a_varied_profile_is_another_of_the_same_shape():
    own = rules.find("ipc-gateway")
    other = rules.vary(own, np.random.default_rng(0))
    assert other != own
    assert [value for value, _, _ in other.protocols] == [value for value, _, _ in own.protocols]
    assert len(rules.generate(other, 500)) == 500


def test_bad_profiles_and_numbers_are_refused(tmp_path):
    for call in (
        lambda: rules.generate("no-such", 10),
        lambda: rules.generate("acl-edge", -1),
        lambda: rules.generate("acl-edge", 10, scope=(2.0, 0.0)),
        lambda: rules.Profile.from_dict({"name": "x"}),
        lambda: rules.Profile(name="x", protocols=((6, 1.0, {"xx-wc": 1.0}),), lengths={"any": ((0, 0, 1.0),)}),
        lambda: rules.profile(np.zeros((0, 5)), np.zeros((0, 5))),
        lambda: rules.find_rules("acl-9k"),
    ):
        with pytest.raises(InputError):
            call()


@given(kind=st.sampled_from(rules.KINDS), seed=st.integers(0, 99), packets=st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_packets_drawn_from_rules_meet_one(kind, seed, packets):
    made = rules.generate("fw-branch", 60, seed=seed)
    words = rules.trace(made.low, made.high, packets, kind=kind, seed=seed)
    assert words.shape == (packets, 5)
    held = ((words[:, None] >= made.low) & (words[:, None] <= made.high)).all(axis=2).any(axis=1)
    assert held.all()
    assert (words == rules.trace(made.low, made.high, packets, kind=kind, seed=seed)).all()


def test_traffic_has_the_locality_of_its_kind():
    made = rules.generate("acl-edge", 500, seed=0)
    distinct = {
        kind: len(np.unique(rules.trace(made.low, made.high, 20_000, kind=kind, flows=2000, burst=(1.0, 1.0)), axis=0))
        for kind in rules.KINDS
    }
    assert distinct["pareto"] < distinct["uniform"]
    assert distinct["zipf"] <= 2000 < distinct["uniform"]
    misses = rules.trace(made.low, made.high, 2000, misses=1.0)
    assert not ((misses[:, None] >= made.low) & (misses[:, None] <= made.high)).all(axis=2).any(axis=1).all()


def test_wrong_traces_are_refused():
    made = rules.generate("acl-edge", 5)
    for arguments in ({"kind": "burst"}, {"misses": 2.0}, {"flows": 0}):
        with pytest.raises(InputError):
            rules.trace(made.low, made.high, 5, **arguments)
    with pytest.raises(InputError):
        rules.trace(made.low[:, :3], made.high[:, :3], 5)
