"""What ``ovs-ofctl dump-flows`` prints: flows of OpenFlow tables, highest priority first.

One table is read as a rule set; its actions stay in the words of the source, ``goto_table`` and ``resubmit`` included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlsys4sys.neurocuts.formats.draft import Draft
from mlsys4sys.neurocuts.formats.spans import ALWAYS, Condition, Spans, both, masked, meets
from mlsys4sys.neurocuts.losses import Effect

DEFAULT_PRIORITY = 32768
_ABOUT = frozenset({
    "cookie", "duration", "n_packets", "n_bytes", "idle_age", "hard_age", "idle_timeout", "hard_timeout", "importance",
    "send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts",
})  # fmt: skip
_KINDS: dict[str, tuple[int | None, int | None]] = {
    "ip": (4, None), "icmp": (4, 1), "tcp": (4, 6), "udp": (4, 17), "sctp": (4, 132), "ipv6": (6, None),
    "ip6": (6, None), "icmp6": (6, 58), "tcp6": (6, 6), "udp6": (6, 17), "sctp6": (6, 132), "arp": (None, None),
    "rarp": (None, None), "mpls": (None, None), "mplsm": (None, None), "nsh": (None, None),
}  # fmt: skip
"""Word → IP version (None: no IP packet) and protocol."""
_ADDRESSES = {
    "nw_src": ("src", 4), "ip_src": ("src", 4), "nw_dst": ("dst", 4), "ip_dst": ("dst", 4), "ipv6_src": ("src", 6),
    "ipv6_dst": ("dst", 6),
}  # fmt: skip
_PORTS = {
    f"{start}_{end}": ("sport" if end == "src" else "dport")
    for start in ("tp", "tcp", "udp", "sctp")
    for end in ("src", "dst")
}
_NUMBERS = {
    "in_port": ("in_port", 32), "dl_vlan": ("vlan", 12), "icmp_type": ("icmp_type", 8), "icmp_code": ("icmp_code", 8),
    "icmpv6_type": ("icmp_type", 8), "icmpv6_code": ("icmp_code", 8), "metadata": ("metadata", 64),
    "tun_id": ("tun_id", 64), "nw_ecn": ("ecn", 2), "nw_ttl": ("ttl", 8), "ip_dscp": ("dscp", 6),
    "pkt_mark": ("mark", 32),
}  # fmt: skip


def version_of(text: str) -> int:
    """6 if flows speak of IPv6 and none of IPv4."""
    six = re.search(r"(?:^|[ ,])(?:ipv6|ip6|tcp6|udp6|icmp6|sctp6|ipv6_src|ipv6_dst)[,= ]", text, re.MULTILINE)
    four = re.search(r"(?:^|[ ,])(?:ip|tcp|udp|icmp|sctp|nw_src|nw_dst|ip_src|ip_dst)[,= ]", text, re.MULTILINE)
    return 6 if six and not four else 4


def parse(draft: Draft, text: str, *, table: int = 0) -> None:
    """Read a file into a draft.

    Args:
        draft: Of the IP version wanted.
        text: The file.
        table: Number of the table wanted; flows of others are entered as left out.

    Raises:
        RuleError: A line cannot be understood; says line and column.
    """
    flows: list[tuple[int, int, list[Condition], str, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or re.match(r"(?:NXST|OFPST)_FLOW reply", stripped):
            continue
        flow = _Flow(draft, number, line.rstrip())
        if flow.table != table:
            draft.lose(Effect.LEFT_OUT, f"a flow of table {flow.table}", number, text=stripped)
            continue
        flows.append((-flow.priority, number, flow.met, flow.action, stripped))
    flows.sort(key=lambda flow: flow[:2])
    _ambiguous(draft, flows)
    for _, number, met, action, words in flows:
        draft.add(met, action, number, words)


def _ambiguous(draft: Draft, flows: Sequence[tuple[int, int, list[Condition], str, str]]) -> None:
    """Flows of one priority that overlap and differ: OpenFlow leaves open which wins; here the one listed first."""
    groups: dict[int, list[int]] = {}
    for place, flow in enumerate(flows):
        groups.setdefault(flow[0], []).append(place)
    compared = 0
    for group in groups.values():
        for j, place in enumerate(group):
            _, number, met, action, words = flows[place]
            for earlier in group[:j]:
                compared += 1
                if compared > 300_000:
                    why = "flows of equal priority were not all compared: where they overlap, the first listed wins"
                    draft.lose(Effect.ASSUMED, why, number)
                    return
                if flows[earlier][3] != action and meets(met, flows[earlier][2]):
                    why = f"the flow at line {flows[earlier][1]} overlaps it at the same priority, and is taken to win"
                    draft.lose(Effect.ASSUMED, why, number, text=words)
                    break


class _Flow:
    """One line."""

    def __init__(self, draft: Draft, line: int, text: str) -> None:
        self.draft, self.line = draft, line
        self.priority, self.table = DEFAULT_PRIORITY, 0
        self.met: list[Condition] = [ALWAYS]
        found = re.search(r"(?:^|[\s,])actions=", text)
        if found is None:
            raise draft.error("no actions=: is it a flow?", line, len(text) + 1)
        self.action = text[found.end() :].strip()
        if not self.action:
            raise draft.error("actions are empty", line, found.end() + 1)
        for part in re.finditer(r"[^,\s](?:[^,\s(]|\([^()]*\))*", text[: found.start()]):
            self._part(part[0], part.start() + 1)

    def _and(self, condition: Condition | None) -> None:
        self.met = [] if condition is None else [met for own in self.met if (met := both(own, condition)) is not None]

    def _part(self, text: str, column: int) -> None:
        name, equals, value = text.partition("=")
        at = column + len(name) + 1
        if not equals:
            self._kind(name, column)
        elif not value:
            raise self.draft.error(f"{name} has no value", self.line, at)
        elif name == "priority":
            self.priority = self.draft.integer(value, 0xFFFF, self.line, at, "priority")
        elif name == "table":
            self.table = self.draft.integer(value, 255, self.line, at, "table")
        elif name in _ABOUT:
            return
        elif name in _ADDRESSES:
            self._address(name, value, at)
        elif name in _PORTS:
            self._and({_PORTS[name]: self._masked(value, 16, at)})
        elif name in ("nw_proto", "ip_proto"):
            own = self.draft.integer(value, 255, self.line, at, "protocol")
            self._and({"proto": ((own, own),)})
        elif name in ("dl_type", "eth_type"):
            self._type(self.draft.integer(value, 0xFFFF, self.line, at, "type"))
        elif name == "nw_tos":
            tos = self.draft.integer(value, 255, self.line, at) >> 2
            self._and(self.draft.number("dscp", ((tos, tos),), self.line, column, text))
        elif name in _NUMBERS and re.fullmatch(r"[0-9a-fA-FxX/]+", value):
            own_name, bits = _NUMBERS[name]
            self._and(self.draft.number(own_name, self._masked(value, bits, at), self.line, column, text))
        else:
            self._and(self.draft.bit(text, self.line, column))

    def _kind(self, name: str, column: int) -> None:
        if name in _ABOUT:
            return
        if name not in _KINDS:
            raise self.draft.error(f"{name!r} is neither a kind of packet nor NAME=VALUE", self.line, column)
        version, protocol = _KINDS[name]
        if version != self.draft.version:
            self._and(None)
        elif protocol is not None:
            self._and({"proto": ((protocol, protocol),)})

    def _type(self, value: int) -> None:
        if value != {4: 0x0800, 6: 0x86DD}[self.draft.version]:
            self._and(None)

    def _address(self, name: str, value: str, at: int) -> None:
        own, version = _ADDRESSES[name]
        spans = self.draft.prefix(value, self.line, at)
        if spans is None:
            if version == self.draft.version:
                raise self.draft.error(f"{value} is no IPv{version} address", self.line, at)
            self._and(None)
            return
        self._and({own: spans})

    def _masked(self, text: str, bits: int, column: int) -> Spans:
        value, slash, mask = text.partition("/")
        top = (1 << bits) - 1
        number = self.draft.integer(value, top, self.line, column)
        own = self.draft.integer(mask, top, self.line, column + len(value) + 1, "mask") if slash else top
        try:
            return masked(number, own, bits)
        except ValueError as error:
            raise self.draft.error(str(error), self.line, column) from None
