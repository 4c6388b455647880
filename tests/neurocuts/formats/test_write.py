from __future__ import annotations

import ipaddress
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import RuleError
from mlsys4sys.neurocuts.compare import compare
from mlsys4sys.neurocuts.formats import parse
from mlsys4sys.neurocuts.formats.names import WITH_PORTS
from mlsys4sys.neurocuts.formats.write import NAMES, blocks, write
from mlsys4sys.neurocuts.problem import IPV4, Field, RuleSet
from tests.neurocuts.trees import probes, random_rules, rule_sets

READ_AS = {"classbench": "classbench", "dpdk": "classbench", "csv": "csv", "iptables": "iptables", "nft-json": "nft"}


def real_packets(rules: RuleSet, rng: np.random.Generator) -> np.ndarray:
    """Packets that exist: without ports where their protocol has none."""
    packets = probes(rules, rng, 300)
    packets[: len(packets) // 2, -1] = rng.choice([6, 17, 132], len(packets) // 2)
    packets[packets[:, -1] == 0, -1] = 1  # -p 0 is every protocol for iptables, which has no word for 0
    packets[~np.isin(packets[:, -1], list(WITH_PORTS)), -3:-1] = 0
    return packets


def with_actions(rules: RuleSet, chance: int) -> RuleSet:
    rng = np.random.default_rng(chance)
    actions = tuple(("accept", "drop", "reject")[i] for i in rng.integers(0, 3, len(rules)))
    return RuleSet(fields=rules.fields, low=rules.low, high=rules.high, actions=actions)


def answers(rules: RuleSet, packets: np.ndarray, none: str) -> list[str]:
    found = rules.classify_linear(packets).tolist()
    return [rules.actions[i].lower() if i >= 0 else none for i in found]


@pytest.mark.parametrize("kind", sorted(READ_AS))
@settings(max_examples=12, deadline=None)
@given(rules=rule_sets(IPV4, most=6), chance=st.integers(0, 99))
def test_what_is_written_is_read_as_the_same_answers(kind: str, rules: RuleSet, chance: int) -> None:
    full = with_actions(rules, chance)
    back = parse(write(full, kind, policy="drop").text, READ_AS[kind])
    packets = real_packets(full, np.random.default_rng(chance))
    none = "drop" if kind in ("iptables", "nft-json") else "none"
    if kind == "dpdk":  # holds no actions
        matched = [answer != "none" for answer in answers(full, packets, "none")]
        assert [i >= 0 for i in back.classify_linear(packets)] == matched
    elif len(full) or kind in ("iptables", "nft-json"):
        assert answers(back, packets, none) == answers(full, packets, none)


@pytest.mark.parametrize("kind", sorted(READ_AS))
def test_ipv6_rules_ranges_that_are_no_prefix_included_are_written_and_read(kind: str) -> None:
    rng = np.random.default_rng(4)
    lines = ["src,dst,sport,dport,proto,action"]
    for _ in range(25):
        sides = []
        for _ in range(2):
            value = 0x20010DB8 << 96 | int(rng.integers(0, 4)) << 64 | int(rng.integers(0, 2**40))
            kinds = (
                f"{ipaddress.ip_address(value)}/{rng.choice([32, 48, 64, 100, 127, 128])}",
                f"{ipaddress.ip_address(value)}-{ipaddress.ip_address(value + int(rng.integers(0, 2**35)))}",
                "*",
            )
            sides.append(kinds[int(rng.integers(0, 3))])
        lines.append(f"{sides[0]},{sides[1]},*,{rng.integers(0, 99)}-99,{rng.choice(['tcp', 'udp', '58', '*'])},"
                     f"{rng.choice(['accept', 'drop'])}")  # fmt: skip
    rules = parse("\n".join(lines), "csv", version=6)
    back = parse(write(rules, kind).text, READ_AS[kind], **({"version": 6} if kind[0] not in "cd" else {}))
    packets = real_packets(rules, np.random.default_rng(2))
    assert (rules.classify_linear(packets) >= 0).mean() > 0.3
    if kind != "dpdk":
        none = "accept" if kind in ("iptables", "nft-json") else "none"
        assert answers(back, packets, none) == answers(rules, packets, none)


def test_a_csv_keeps_own_fields_and_names() -> None:
    fields = (Field("zone", 2, ("lan", "dmz", "wan")), Field("serial", 40))
    rules = RuleSet.from_ranges(
        [[(1, 1), (0, 0), (5, 9)], [(0, 3), (1, 255), (0, 0xFFFFFFFF)]], fields=fields, actions=["a", "b"]
    )
    text = write(rules, "csv").text
    assert "dmz,5-9,a" in text
    assert compare(parse(text, "csv", fields=fields), rules, by="action")


def test_what_a_format_cannot_say_is_an_error_with_a_reason() -> None:
    odd = RuleSet.from_ranges([[(0, 1)]], fields=(Field("a", 4),))
    for kind in set(NAMES) - {"csv"}:
        with pytest.raises(RuleError, match="five-tuple"):
            write(odd, kind)
    rules = RuleSet.from_ranges([[(0, 1)] * 5], actions=["output:2"])
    with pytest.raises(RuleError, match="no word"):
        write(rules, "iptables")


@given(st.integers(0, 255), st.integers(0, 255))
def test_prefixes_of_a_range_are_the_range(a: int, b: int) -> None:
    low, high = sorted((a, b))
    found = [value for first, length in blocks(low, high, 8) for value in range(first, first + (1 << 8 - length))]
    assert found == list(range(low, high + 1))


@pytest.mark.skipif(not all(map(shutil.which, ("unshare", "iptables-restore", "nft"))), reason="needs iptables and nft")
@pytest.mark.parametrize("kind", ["iptables", "nft", "nft-json"])
def test_the_tools_themselves_take_what_is_written_and_print_it_alike(kind: str) -> None:
    """In a network namespace of its own, where the kernel lets us have one."""
    rules = with_actions(random_rules(np.random.default_rng(7), 40), 1)
    text = write(rules, kind, policy="drop").text
    load = {"iptables": "iptables-restore", "nft": "nft -f -", "nft-json": "nft -j -f -"}[kind]
    show = "iptables-save" if kind == "iptables" else "nft -j list ruleset"
    ran = subprocess.run(["unshare", "-n", "sh", "-c", f"{load} && {show}"], input=text, capture_output=True, text=True)
    if "ermission" in ran.stderr or "unshare" in ran.stderr or "not permitted" in ran.stderr:
        pytest.skip(f"no network namespace here: {ran.stderr.strip()[:80]}")
    assert ran.returncode == 0, ran.stderr[:500]
    back = parse(ran.stdout, "iptables" if kind == "iptables" else "nft")
    packets = real_packets(rules, np.random.default_rng(2))
    found = [answer.split(" ")[0] for answer in answers(back, packets, "drop")]
    assert found == answers(rules, packets, "drop")
