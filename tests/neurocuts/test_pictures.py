from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from mlsys4sys.neurocuts import Classifier, ClassifierBuilder
from mlsys4sys.neurocuts.baselines import NAMES, build
from mlsys4sys.neurocuts.formats import parse
from mlsys4sys.neurocuts.pictures import MOST_DRAWN, drawing, explain, page
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import measure
from tests.neurocuts.formats.texts import IPTABLES
from tests.neurocuts.trees import everything, random_rules, rule_sets


@settings(max_examples=15, deadline=None)
@given(rule_sets(most=60))
def test_what_is_explained_is_the_answer(rules: RuleSet) -> None:
    packets = everything()[::11]
    expected = rules.classify_linear(packets).tolist()
    for name in NAMES:
        tree = build(name, rules)
        assert tree is not None
        for packet, rule in zip(packets, expected, strict=True):
            found = explain(rules, tree, packet.tolist())
            assert found.rule == rule
            holds = np.flatnonzero(((rules.low <= packet) & (rules.high >= packet)).all(axis=1)).tolist()
            assert list(found.also) == [other for other in holds if other != rule]


@pytest.fixture(scope="module")
def firewall() -> Classifier:
    return ClassifierBuilder(expansions=200, threads=1).build(parse(IPTABLES, "iptables", name="rules.v4"))


def test_a_packet_of_a_firewall_is_explained_with_its_source(firewall: Classifier, tmp_path: Path) -> None:
    values = {"iif": "eth0", "ctstate": "NEW", "icmp_type": 0}
    values |= dict.fromkeys((own.name for own in firewall.rules.fields[5:] if own.name not in values), 0)
    packet = {"src": "9.9.9.9", "dst": "1.2.3.4", "sport": 53, "dport": 9, "proto": "udp", **values}
    found = firewall.explain(**packet)
    text = str(found)
    assert "src 9.9.9.9" in text
    assert "ctstate NEW" in text
    assert found.action == "ACCEPT"
    assert "rules.v4:11: -A INPUT -p udp" in text
    assert "hides" in text  # the set `bad` does not hold the source, and a later rule drops those
    firewall.save(tmp_path / "x")
    again = Classifier.load(tmp_path / "x")
    assert str(again.explain(**packet)) == text
    assert again.rules.losses.items == firewall.rules.losses.items
    assert again.match(**packet) == found.rule


def test_drawings_show_the_dearest_way_and_stay_small() -> None:
    rules = random_rules(np.random.default_rng(1), 2000)
    tree = build("hypersplit", rules) or build("cutsplit", rules)
    assert tree is not None
    drawn = drawing(rules, tree, depth=50, shown=100)
    nodes = [node for _, node in drawn.walk()]
    assert len(nodes) <= 2 * MOST_DRAWN
    assert drawn.columns["accesses"] == str(measure(tree).time)
    assert sum(node.alarm > 0 for node in nodes) >= 2


def test_the_page_is_one_file_that_fetches_nothing(firewall: Classifier, tmp_path: Path) -> None:
    firewall.html(tmp_path / "x.html", title="a <b> & c")
    text = (tmp_path / "x.html").read_text()
    assert "<b> & c" not in text
    assert "http" not in text
    assert "src=" not in text.replace("--match-set bad src", "")
    assert "rules.v4:11: -A INPUT -p udp" in text
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            seen.append(tag)

    Tags().feed(text)
    assert not {"script", "link", "img", "iframe"} & set(seen)
    assert seen.count("details") >= 1


def test_dot_and_text_hold_the_same_nodes(firewall: Classifier) -> None:
    dot, text = firewall.dot(depth=2), firewall.text(depth=2)
    assert dot.startswith("digraph")
    assert dot.count("[label=") == len([line for line in text.splitlines()[1:] if line.strip()])


def test_a_page_of_many_rules_lists_some() -> None:
    rules = random_rules(np.random.default_rng(1), 700)
    tree = build("cutsplit", rules)
    assert tree is not None
    assert "the first 500 of 700" in page(rules, tree)
