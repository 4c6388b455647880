"""Sets that break classifiers, end to end: built, proven, saved, loaded, and every lookup compared with the scan."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import DataError
from mlsys4sys.neurocuts import Classifier, ClassifierBuilder, RuleSet
from mlsys4sys.neurocuts.compare import all_matches, compare, report
from mlsys4sys.neurocuts.formats import parse
from mlsys4sys.neurocuts.peers import lookup_baselines
from mlsys4sys.neurocuts.problem import IPV4, IPV6, Field
from tests.neurocuts.trees import probes, ranges

OWN = (Field("zone", 2, ("lan", "dmz", "wan")), Field("serial", 72), Field("flag", 1))


def wide(fields: tuple[Field, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((0, word) for own in fields for word in own.maxima)


def edge_sets(fields: tuple[Field, ...]) -> dict[str, list[tuple[tuple[int, int], ...]]]:
    """Name → rules."""
    everything = wide(fields)
    last = len(everything) - 1
    lows, highs = tuple((0, 0) for _ in everything), tuple((high, high) for _, high in everything)
    nested = [tuple((0, max(high >> step, 0)) for _, high in everything) for step in range(33, -1, -1)]
    ends = [(*everything[:c], (v, v), *everything[c + 1 :]) for c in range(last + 1) for v in (0, everything[c][1])]
    halves = [(*everything[:c], r, *everything[c + 1 :]) for c, (_, high) in enumerate(everything)
              for r in ((0, high // 2), (high // 2 + 1, high)) if high]  # fmt: skip
    stairs = [(*everything[:last], (0, min(i, everything[last][1]))) for i in range(60)]
    return {
        "empty": [],
        "single wildcard": [everything],
        "single point": [highs],
        "all wildcards": [everything] * 50,
        "duplicates": [lows] * 40 + [highs] * 40 + [everything],
        "nested, inside first": nested,
        "nested, outside first": nested[::-1],
        "ends of every field": ends * 3,
        "halves of every field": halves,
        "stairs": stairs,
        "one hole": halves[:1] + ends + [highs],
    }


NAMES = list(edge_sets(IPV4))


def check(rules: RuleSet, tmp: Path | None = None) -> None:
    classifier = ClassifierBuilder(expansions=150, threads=1).build(rules)
    assert classifier.certificate
    packets = probes(rules, np.random.default_rng(0), 400)
    expected = rules.classify_linear(packets).tolist()
    assert classifier.classify(packets).tolist() == expected
    for packet, rule in list(zip(packets, expected, strict=True))[:: max(1, len(packets) // 20)]:
        assert classifier.explain(packet.tolist()).rule == rule
    offsets, ids = all_matches(rules, packets)
    first = [int(ids[a]) if a < b else -1 for a, b in pairwise(offsets.tolist())]
    assert first == expected
    for peer in lookup_baselines(budget_s=1.0):
        if peer.build(rules):
            assert peer.solve(packets).tolist() == expected, peer.name
    keep = [row for row in range(len(rules)) if row not in report(rules).shadowed]
    assert compare(rules, rules.take(np.array(keep, int)))
    if tmp is not None:
        classifier.save(tmp / "x")
        assert Classifier.load(tmp / "x").classify(packets).tolist() == expected


@pytest.mark.parametrize("fields", [IPV4, IPV6, OWN], ids=["ipv4", "ipv6", "own"])
@pytest.mark.parametrize("name", NAMES)
def test_every_lookup_is_right_on_sets_that_break_classifiers(
    name: str, fields: tuple[Field, ...], tmp_path: Path
) -> None:
    check(RuleSet.from_ranges(edge_sets(fields)[name], fields=fields), tmp_path)


@settings(max_examples=10, deadline=None)
@given(st.data(), st.sampled_from([IPV4, IPV6, OWN]))
def test_every_lookup_is_right_on_any_set(data: st.DataObject, fields: tuple[Field, ...]) -> None:
    widths = [word.bit_length() for own in fields for word in own.maxima]
    rows = data.draw(st.lists(st.tuples(*(ranges(width) for width in widths)), max_size=40))
    check(RuleSet.from_ranges(rows, fields=fields))


def test_ranges_of_ipv6_that_are_no_prefix_go_all_the_way(tmp_path: Path) -> None:
    text = (
        "src,dst,dport,proto,action\n"
        "2001:db8::5-2001:db8::1:0:0:3,*,443,tcp,accept\n"
        "*,2001:db8::ffff:ffff:ffff-2001:db8:0:1::1,*,*,drop\n"
        "fe80::/10,ff02::1,546-547,udp,accept\n"
    )
    rules = parse(text, "csv")
    assert rules.columns == 11
    check(rules, tmp_path)
    classifier = ClassifierBuilder(expansions=50, threads=1).build(rules)
    packet = {"sport": 9, "dport": 443, "proto": "tcp", "dst": "::"}
    answers = [
        rules.actions[found] if found >= 0 else ""
        for src in ("2001:db8::4", "2001:db8::5", "2001:db8::1:0:0:3", "2001:db8::1:0:0:4")
        for found in [classifier.match(src=src, **packet)]
    ]
    assert answers == ["", "accept", "accept", ""]
    shown = str(classifier.explain(src="2001:db8::5", **packet))
    assert "rules:2: 2001:db8::5-" in shown


@pytest.mark.parametrize("fields", [IPV4, OWN], ids=["ipv4", "own"])
def test_no_damaged_file_is_loaded(fields: tuple[Field, ...], tmp_path: Path) -> None:
    rules = RuleSet.from_ranges(edge_sets(fields)["ends of every field"], fields=fields)
    path = tmp_path / "x"
    ClassifierBuilder(expansions=50, threads=1).build(rules).save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        bad = bytearray(good)
        how = rng.integers(0, 3)
        place = int(rng.integers(0, len(good)))
        if how == 0:
            bad[place] ^= 1 << int(rng.integers(0, 8))
        elif how == 1:
            del bad[place:]
        else:
            bad[place:place] = b"\0"
        path.write_bytes(bad)
        with pytest.raises(DataError) as caught:
            Classifier.load(path)
        assert "\n" not in str(caught.value)
