from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import RuleError
from mlsys4sys.neurocuts.formats import parse
from mlsys4sys.neurocuts.losses import Effect
from tests.neurocuts.formats.texts import IPTABLES

PORTED = (6, 17)


@dataclass(frozen=True)
class Rule:
    """A rule as its test sees it: what it asks, and what follows; read by `run`, printed by `text`."""

    src: tuple[bool, str] | None
    proto: int | None
    not_proto: bool
    sports: tuple[bool, tuple[tuple[int, int], ...]] | None
    either: tuple[bool, tuple[tuple[int, int], ...]] | None
    then: str

    @property
    def ported(self) -> bool:
        return self.proto in PORTED and not self.not_proto

    def text(self, chain: str) -> str:
        words = [f"-A {chain}"]
        if self.src:
            words.append(("! " if self.src[0] else "") + f"-s {self.src[1]}")
        if self.proto is not None:
            words.append(("! " if self.not_proto else "") + f"-p {self.proto}")
        for option, ports in (("--sports", self.sports), ("--ports", self.either)):
            if ports and self.ported:
                listed = ",".join(f"{a}" if a == b else f"{a}:{b}" for a, b in ports[1])
                words.append("-m multiport " + ("! " if ports[0] else "") + f"{option} {listed}")
        if self.then:
            words.append(f"-g {self.then[1:]}" if self.then[0] == ">" else f"-j {self.then}")
        return " ".join(words)

    def holds(self, packet: tuple[int, ...]) -> bool:
        src, _, sport, dport, proto = packet
        if self.src and (ipaddress.ip_address(src) in ipaddress.ip_network(self.src[1], strict=False)) == self.src[0]:
            return False
        if self.proto is not None and (proto == self.proto) == self.not_proto:
            return False
        if self.ported and self.sports and any(a <= sport <= b for a, b in self.sports[1]) == self.sports[0]:
            return False
        if self.ported and self.either:
            inside = any(a <= port <= b for a, b in self.either[1] for port in (sport, dport))
            return inside != self.either[0]
        return True


def run(chains: dict[str, list[Rule]], name: str, packet: tuple[int, ...], policy: str) -> str | None:
    """What netfilter does: None when the packet comes back to the calling chain."""
    for rule in chains[name]:
        if not rule.holds(packet) or rule.then in ("", "LOG"):
            continue
        if rule.then in ("ACCEPT", "DROP"):
            return rule.then
        if rule.then == "RETURN":
            break
        answer = run(chains, rule.then.lstrip(">"), packet, policy)
        if answer is not None:
            return answer
        if rule.then[0] == ">":
            break
    return policy if name == "INPUT" else None


PORTS = st.lists(
    st.tuples(st.sampled_from([0, 1, 80, 65535]), st.sampled_from([0, 5, 90])).map(
        lambda p: (p[0], min(p[0] + p[1], 65535))
    ),
    min_size=1,
    max_size=3,
).map(tuple)


def rules(targets: list[str]) -> st.SearchStrategy[Rule]:
    plain = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/1", "10.0.0.1/32", "0.0.0.0/0"])
    return st.builds(
        Rule,
        src=st.none() | st.tuples(st.booleans(), plain),
        proto=st.none() | st.sampled_from([6, 17, 1]),
        not_proto=st.booleans(),
        sports=st.none() | st.tuples(st.booleans(), PORTS),
        either=st.none() | st.tuples(st.booleans(), PORTS),
        then=st.sampled_from(["ACCEPT", "DROP", "RETURN", "LOG", "", *targets]),
    )


SETS = st.fixed_dictionaries(
    {
        "INPUT": st.lists(rules(["a", "b", ">a", ">c"]), max_size=5),
        "a": st.lists(rules(["b", "c", ">b"]), max_size=4),
        "b": st.lists(rules(["c", ">c"]), max_size=4),
        "c": st.lists(rules([]), max_size=3),
    }
)


@settings(max_examples=60, deadline=None)
@given(SETS, st.sampled_from(["ACCEPT", "DROP"]))
def test_flattened_chains_answer_as_netfilter_walks_them(chains: dict[str, list[Rule]], policy: str) -> None:
    lines = ["*filter", f":INPUT {policy} [0:0]", ":a - [0:0]", ":b - [0:0]", ":c - [0:0]"]
    lines += [rule.text(name) for name, own in chains.items() for rule in own]
    found = parse("\n".join([*lines, "COMMIT"]), "iptables", name="f")
    addresses = [10 << 24, (10 << 24) + 1, (10 << 24 | 1 << 16), 0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 9 << 24]
    packets = [
        (a, 5, sport, dport, proto)
        for a in addresses
        for sport, dport in ((0, 0), (80, 7), (81, 170), (65535, 1), (3, 80), (6, 91))
        for proto in (6, 17, 1, 0)
    ]
    answers = found.classify_linear(np.array(packets, np.uint32)).tolist()
    assert [found.actions[i] for i in answers] == [run(chains, "INPUT", packet, policy) for packet in packets]
    # Every rule is either in the set or in the report.
    kept = {int(source.split(":")[1]) for source in found.sources} | {loss.line for loss in found.losses}
    unreached = {loss.line for loss in found.losses if "is not reached" in loss.reason}
    heads = {
        name: next((n for n, line in enumerate(lines, 1) if line.split()[:2] == ["-A", name]), 0) for name in chains
    }
    for name, own in chains.items():
        for place, rule in enumerate(own):
            number = heads[name] + place
            assert number in kept or heads[name] in unreached or rule.then.lstrip(">") in ("a", "b", "c", "RETURN")


def test_a_rule_set_says_where_its_rules_come_from_and_what_was_lost() -> None:
    found = parse(IPTABLES, "iptables", name="fw")
    assert "fw:11: -A INPUT -p udp" in next(source for source in found.sources if "udp" in source)
    assert found.actions[-1] == "DROP"
    assert found.losses.exact is False  # the table nat and the chain FORWARD
    left = [loss.line for loss in found.losses.of(Effect.LEFT_OUT)]
    assert left == [15, 20]
    fields = [loss.line for loss in found.losses.of(Effect.FIELD)]
    assert fields == [7, 8, 12, 13, 14]
    assert [own.name for own in found.fields[5:]] == [
        "iif",
        "ctstate",
        "set --match-set bad src",
        "icmp_type",
        "tcp flags FIN,SYN,RST,ACK / SYN",
    ]


def test_what_is_given_leaves_plain_five_tuples() -> None:
    found = parse(IPTABLES, "iptables", name="fw", given={"iif": "eth0", "ctstate": "NEW"}, unknown="deny")
    assert found.columns == 5
    assert {loss.effect for loss in found.losses if loss.line in (7, 8)} == {Effect.ASSUMED, Effect.LEFT_OUT}
    web = (0xC0000207, 1, 999, 80, 6)
    assert found.actions[found.classify_linear([web])[0]] == "ACCEPT"
    private = (0xC0A80001, 1, 999, 80, 6)  # returns from web, meets nothing else; the set is in doubt, so it drops
    assert found.actions[found.classify_linear([private])[0]] == "DROP"


def test_in_doubt_the_two_closures_hold_the_truth_between_them() -> None:
    exact = parse(IPTABLES, "iptables")
    allow, deny = (parse(IPTABLES, "iptables", unknown=way) for way in ("allow", "deny"))
    rng = np.random.default_rng(3)
    row = rng.integers(0, len(exact), 3000)
    packets = rng.integers(exact.low[row].astype(np.int64), exact.high[row].astype(np.int64) + 1).astype(np.uint32)

    def accepted(found: object, words: np.ndarray) -> np.ndarray:
        return np.array([found.actions[i] == "ACCEPT" for i in found.classify_linear(words)])  # type: ignore[attr-defined]

    truth, upper, lower = accepted(exact, packets), accepted(allow, packets[:, :5]), accepted(deny, packets[:, :5])
    assert (lower <= truth).all()
    assert (truth <= upper).all()
    assert not allow.losses.exact
    assert not deny.losses.exact


def test_an_interface_pattern_covers_names_the_file_has_and_others() -> None:
    text = (
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -i eth1 -j DROP\n-A INPUT ! -i eth+ -j DROP\n-A INPUT -j ACCEPT\nCOMMIT"
    )
    verdicts = {}
    for name in ("eth0", "eth1", "lo"):
        found = parse(text, "iptables", given={"iif": name})
        verdicts[name] = found.actions[found.classify_linear([[0] * 5])[0]]
    assert verdicts == {"eth0": "ACCEPT", "eth1": "DROP", "lo": "DROP"}


def test_return_of_a_pattern_takes_the_right_names_out() -> None:
    text = (
        "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -j a\n-A a -i eth+ -j RETURN\n-A a -j ACCEPT\n"
        "-A INPUT -i eth1 -j REJECT\nCOMMIT"
    )
    verdicts = {}
    for name in ("eth0", "eth1", "lo"):
        found = parse(text, "iptables", given={"iif": name})
        verdicts[name] = found.actions[found.classify_linear([[0] * 5])[0]]
    assert verdicts == {"eth0": "DROP", "eth1": "REJECT", "lo": "ACCEPT"}


def test_ipv6_addresses_and_their_ranges_are_read() -> None:
    text = (
        "# Generated by ip6tables-save v1.8.9\n*filter\n:INPUT DROP [0:0]\n"
        "-A INPUT ! -s 2001:db8::/32 -p ipv6-icmp -j DROP\n"
        "-A INPUT -m iprange --dst-range 2001:db8::5-2001:db8::1:3 -j ACCEPT\nCOMMIT"
    )
    found = parse(text, "iptables")
    assert found.columns == 11
    packets = np.zeros((5, 11), np.uint32)
    packets[:, 4:8] = [0x20010DB8, 0, 0, 0]
    packets[:, 7] = [4, 5, 0xFFFFFFFF, 3, 4]
    packets[3:, 6] = 0
    packets[3, 6], packets[4, 6] = 0, 0
    packets[3, 7] = 0x10003
    packets[4, 7] = 0x10004
    assert [found.actions[i] for i in found.classify_linear(packets)] == ["DROP", "ACCEPT", "DROP", "ACCEPT", "DROP"]


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("-A INPUT -s 10.0.0.256 -j DROP", "3:13", "no address"),
        ("-A INPUT -s 10.0.0.0/33 -j DROP", "3:22", "above 32"),
        ("-A INPUT -p tcp --dport 90:80 -j DROP", "3:25", "empty"),
        ("-A INPUT --dport 80 -j DROP", "3:10", "need a protocol"),
        ("-A INPUT -j nowhere", "3:1", "neither a chain"),
        ("-A nowhere -j DROP", "3:4", "not declared"),
        ('-A INPUT -m comment --comment "open -j DROP', "3:31", "quote"),
        ("-A INPUT -j DROP -s 1.2.3.4", "3:18", "before the target"),
        ("-A INPUT -p tcp --dport", "3:24", "line ends"),
        ("-A INPUT -p wat -j DROP", "3:13", "no protocol"),
        ("nonsense", "3:1", "not a rule"),
        ("-A INPUT -m state --state FOO -j DROP", "3:27", "no connection state"),
    ],
)
def test_a_wrong_line_is_an_error_that_says_where(line: str, place: str, words: str) -> None:
    with pytest.raises(RuleError, match=words) as caught:
        parse(f"*filter\n:INPUT DROP [0:0]\n{line}\nCOMMIT", "iptables", name="x")
    assert str(caught.value).startswith(f"x:{place}:"), str(caught.value)


def test_jumps_in_a_circle_are_refused() -> None:
    text = "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT"
    with pytest.raises(RuleError, match="a > b > a"):
        parse(text, "iptables")


def test_jumps_that_multiply_end_in_an_error_and_not_in_hours() -> None:
    lines = ["*filter", ":INPUT DROP [0:0]", *(f":c{i} - [0:0]" for i in range(40)), "-A INPUT -j c0"]
    lines += [f"-A c{i} -j c{i + 1}" for i in range(39) for _ in range(2)] + ["-A c39 -j DROP", "COMMIT"]
    with pytest.raises(RuleError, match="too many rules"):
        parse("\n".join(lines), "iptables")
