"""Rule sets written in the formats of others: ClassBench, DPDK's test program, CSV, iptables, nftables.

What is written answers as the set does; `Written.notes` says where that holds only for packets that exist (a protocol
without ports has ports 0 here), or under a policy that was chosen for packets that meet no rule.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlsys4sys.errors import InputError, RuleError
from mlsys4sys.neurocuts.formats.names import WITH_PORTS
from mlsys4sys.neurocuts.problem import IPV4, IPV6, WORD_BITS, Field, RuleSet

NAMES = ("classbench", "dpdk", "csv", "iptables", "nft", "nft-json")
"""Formats that `write` knows."""
VERBS = {
    **dict.fromkeys(("accept", "permit", "allow", "pass", "match"), "ACCEPT"),
    **dict.fromkeys(("drop", "deny", "discard"), "DROP"),
    "reject": "REJECT",
}  # fmt: skip
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Written:
    """A text and what its reader should know."""

    text: str
    notes: tuple[str, ...] = ()


def write(rules: RuleSet, kind: str, *, action: str = "accept", policy: str = "accept", chain: str = "") -> Written:
    """A rule set in a format of others.

    Args:
        rules: Over the five-tuple; any fields for CSV.
        kind: One of `NAMES`.
        action: What rules do in a set that has no actions.
        policy: What becomes of packets that meet no rule.
        chain: Base chain of iptables and nft; INPUT by default.

    Raises:
        InputError: Unknown format.
        RuleError: The format cannot say it: other fields, an action that it has no word for.
    """
    if kind not in NAMES:
        raise InputError(f"unknown format {kind!r}; known are {', '.join(NAMES)}")
    if kind == "csv":
        return _csv(rules)
    if rules.fields not in (IPV4, IPV6):
        extra = ", ".join(own.name for own in rules.fields)
        raise RuleError(f"{kind} holds the five-tuple, and these rules have the fields {extra}: fix them with `given`")
    if kind in ("classbench", "dpdk"):
        return _prefixes(rules, flags=kind == "classbench")
    verbs = [_verb(own, row) for row, own in enumerate(rules.actions or (action,) * len(rules), start=1)]
    if kind == "iptables":
        return _iptables(rules, verbs, VERBS.get(policy.lower(), policy), chain or "INPUT")
    return _nft(rules, verbs, policy.lower(), chain or "input", as_json=kind == "nft-json")


def _verb(action: str, row: int) -> str:
    word = action.split(" ", 1)[0].lower()
    if word not in VERBS:
        raise RuleError(f"rule {row}: action {action!r} has no word there; known are {', '.join(VERBS)}")
    return VERBS[word]


def ranges(rules: RuleSet, row: int) -> list[Range]:
    """One range a field; a wide field is joined from its words."""
    out, at = [], 0
    for own in rules.fields:
        low = high = 0
        for column in range(at, at + own.columns):
            low = low << WORD_BITS | int(rules.low[row, column])
            high = high << WORD_BITS | int(rules.high[row, column])
        at += own.columns
        out.append((low, high))
    return out


def blocks(low: int, high: int, bits: int) -> Iterator[tuple[int, int]]:
    """The fewest prefixes that together are a range, as (first value, length).

    >>> list(blocks(1, 6, 3))
    [(1, 3), (2, 2), (4, 2), (6, 3)]
    """
    while low <= high:
        size = min((low & -low).bit_length() - 1 if low else bits, (high - low + 1).bit_length() - 1)
        yield low, bits - size
        low += 1 << size


def _words_are_ranges(rules: RuleSet, row: int) -> list[list[Range]]:
    """The ranges of values that each field's box is: a box of a wide field may be many, when a low word is not free."""
    out: list[list[Range]] = []
    at = 0
    for own in rules.fields:
        low = rules.low[row, at : at + own.columns].tolist()
        high = rules.high[row, at : at + own.columns].tolist()
        at += own.columns
        out.append(list(_box_ranges(own, low, high)))
    return out


def _box_ranges(own: Field, low: list[int], high: list[int]) -> Iterator[Range]:
    free = len(low)  # words from here on are free
    while free > 0 and low[free - 1] == 0 and high[free - 1] == own.maxima[free - 1]:
        free -= 1
    head = max(free - 1, 0)  # the last word that is not free may be a range, those before it are run through
    choices = 1
    for a, b in zip(low[:head], high[:head], strict=True):
        choices *= b - a + 1
    if choices > 1 << 16:
        raise RuleError(f"a box of {own.name} is {choices} ranges of values: too many to write")
    for words in itertools.product(*(range(a, b + 1) for a, b in zip(low[:head], high[:head], strict=True))):
        first = last = 0
        for place in range(len(low)):
            a, b = (words[place], words[place]) if place < head else (low[place], high[place])
            first, last = first << WORD_BITS | a, last << WORD_BITS | b
        yield first, last


def _prefixes(rules: RuleSet, *, flags: bool) -> Written:
    bits = rules.fields[0].bits
    lines, split = [], 0
    for row in range(len(rules)):
        src, dst, sport, dport, proto = _words_are_ranges(rules, row)
        addresses = [[b for low, high in side for b in blocks(low, high, bits)] for side in (src, dst)]
        protocols = [b for low, high in proto for b in blocks(low, high, 8)]
        own = list(itertools.product(*addresses, protocols))
        split += len(own) > 1
        action = rules.actions[row] if rules.actions else ""
        tail = f"\t0x0000/0x0000\t{action}".rstrip() if flags else ""
        for (a, alen), (b, blen), (p, plen) in own:
            ports = f"{sport[0][0]} : {sport[0][1]}\t{dport[0][0]} : {dport[0][1]}"
            mask = 0xFF ^ ((1 << 8 - plen) - 1)
            lines.append(
                f"@{_address(a, bits)}/{alen}\t{_address(b, bits)}/{blen}\t{ports}\t0x{p:02x}/0x{mask:02X}{tail}\n"
            )
    notes = (f"{split} rules were split into prefixes: {len(lines)} lines for {len(rules)} rules",) if split else ()
    return Written("".join(lines), notes)


def _address(value: int, bits: int) -> str:
    return str(ipaddress.IPv4Address(value) if bits == 32 else ipaddress.IPv6Address(value))


def _csv(rules: RuleSet) -> Written:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([*(own.name for own in rules.fields), "action"])
    for row in range(len(rules)):
        table.writerow([*cells(rules, row), rules.actions[row] if rules.actions else ""])
    return Written(out.getvalue())


def cells(rules: RuleSet, row: int) -> list[str]:
    """A rule's fields in words, as CSV has them: ``*``, values, ranges, several with ``|`` between them."""
    return [_cell(own, parts) for own, parts in zip(rules.fields, _words_are_ranges(rules, row), strict=True)]


def _cell(own: Field, parts: list[Range]) -> str:
    if parts == [(0, (1 << own.bits) - 1)]:
        return "*"
    words: list[str] = []
    for low, high in parts:
        if own in (IPV4[0], IPV4[1], IPV6[0], IPV6[1]):
            a, b = _address(low, own.bits), _address(high, own.bits)
        elif own.values and high < len(own.values):
            words += own.values[low : high + 1]
            continue
        else:
            a, b = str(low), str(high)
        words.append(a if a == b else f"{a}-{b}")
    return "|".join(words)


# Firewalls look at ports only in packets that have them; here a packet without has ports 0.


@dataclass(frozen=True, slots=True)
class _Plain:
    """A rule as firewalls say it: ranges of addresses, a protocol or all of them, ports where the protocol has some."""

    src: Range
    dst: Range
    sport: Range | None
    dport: Range | None
    proto: int | None
    portless: bool
    """Only protocols without ports."""


def _plain(rules: RuleSet, row: int) -> Iterator[_Plain]:
    src, dst, (sport,), (dport,), (proto,) = _words_are_ranges(rules, row)
    free = sport == (0, 0xFFFF) and dport == (0, 0xFFFF)
    zero = sport[0] == 0 and dport[0] == 0
    for a, b in itertools.product(src, dst):
        if free and proto == (0, 255):
            yield _Plain(a, b, None, None, None, portless=False)
            continue
        for number in sorted(WITH_PORTS) if proto == (0, 255) else range(proto[0], proto[1] + 1):
            if number in WITH_PORTS:
                ends = [None if ports == (0, 0xFFFF) else ports for ports in (sport, dport)]
                yield _Plain(a, b, ends[0], ends[1], number, portless=False)
            elif free or zero:
                yield _Plain(a, b, None, None, number, portless=False)
        if proto == (0, 255) and zero:
            yield _Plain(a, b, None, None, None, portless=True)


_REAL = "answers are the set's for packets that exist: a protocol without ports has ports 0"


def _iptables(rules: RuleSet, verbs: list[str], policy: str, chain: str) -> Written:
    bits, six = rules.fields[0].bits, rules.fields == IPV6
    lines: list[str] = []
    special: set[str] = set()
    zero = 0
    for row, verb in enumerate(verbs):
        for own in _plain(rules, row):
            if own.proto == 0:  # -p 0 means every protocol
                zero += 1
                continue
            words = [f"-A {chain}"]
            iprange = []
            for option, name, (low, high) in (("-s", "src", own.src), ("-d", "dst", own.dst)):
                if (low, high) == (0, (1 << bits) - 1):
                    continue
                whole = list(itertools.islice(blocks(low, high, bits), 2))
                if len(whole) == 1:
                    words.append(f"{option} {_address(low, bits)}/{whole[0][1]}")
                else:
                    iprange.append(f"--{name}-range {_address(low, bits)}-{_address(high, bits)}")
            if own.proto is not None:
                words.append(f"-p {own.proto}")
            if iprange:
                words.append("-m iprange " + " ".join(iprange))
            for option, ports in (("--sports", own.sport), ("--dports", own.dport)):
                if ports is not None:
                    words.append(
                        f"-m multiport {option} "
                        + (f"{ports[0]}" if ports[0] == ports[1] else f"{ports[0]}:{ports[1]}")
                    )
            target = f"NOPORTS-{verb}" if own.portless else verb
            special |= {verb} if own.portless else set()
            lines.append(" ".join([*words, f"-j {target}"]) + "\n")
    head = [f"# Generated by ip{'6' if six else ''}tables-save, or as if\n", "*filter\n", f":{chain} {policy} [0:0]\n"]
    head += [f":NOPORTS-{verb} - [0:0]\n" for verb in sorted(special)]
    tail = []
    for verb in sorted(special):
        tail += [f"-A NOPORTS-{verb} -p {number} -j RETURN\n" for number in sorted(WITH_PORTS)]
        tail.append(f"-A NOPORTS-{verb} -j {verb}\n")
    notes = [f"packets that meet no rule meet the policy {policy}"]
    if zero:
        notes.append(f"iptables has no word for protocol 0: it is left out of {zero} rules")
    if any(not _has_no_ports(rules, row) for row in range(len(rules))):
        notes.append(_REAL)
    return Written("".join([*head, *lines, *tail, "COMMIT\n"]), tuple(notes))


def _has_no_ports(rules: RuleSet, row: int) -> bool:
    *_, sport, dport, proto = ranges(rules, row)
    return (sport == dport == (0, 0xFFFF)) or (proto[0] == proto[1] and proto[0] in WITH_PORTS)


def _nft(rules: RuleSet, verbs: list[str], policy: str, chain: str, *, as_json: bool) -> Written:
    family = "ip6" if rules.fields == IPV6 else "ip"
    if policy not in ("accept", "drop"):
        raise InputError(f"nft's policy is accept or drop, not {policy!r}")
    notes = [f"packets that meet no rule meet the policy {policy}"]
    if any(not _has_no_ports(rules, row) for row in range(len(rules))):
        notes.append(_REAL)
    made = [(own, verb.lower()) for row, verb in enumerate(verbs) for own in _plain(rules, row)]
    if not as_json:
        body = "".join(
            f"    {_nft_text(own, family, rules.fields[0].bits)} {verb}\n".replace("     ", "    ")
            for own, verb in made
        )
        head = (
            f"table {family} filter {{\n  chain {chain} {{\n    type filter hook {chain} priority 0; policy {policy};\n"
        )
        return Written(f"{head}{body}  }}\n}}\n", tuple(notes))
    place = {"family": family, "table": "filter"}
    items: list[dict[str, Any]] = [
        {"table": {"family": family, "name": "filter"}},
        {"chain": {**place, "name": chain, "type": "filter", "hook": chain, "prio": 0, "policy": policy}},
    ]
    for own, verb in made:
        expr = [*_nft_json(own, family, rules.fields[0].bits), {verb: None}]
        items.append({"rule": {**place, "chain": chain, "expr": expr}})
    text = ",\n ".join(json.dumps(item) for item in items)
    return Written(f'{{"nftables": [\n {text}\n]}}\n', tuple(notes))


def _between(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low}-{high}"


def _nft_text(own: _Plain, family: str, bits: int) -> str:
    words: list[str] = []
    for name, (low, high) in (("saddr", own.src), ("daddr", own.dst)):
        if (low, high) != (0, (1 << bits) - 1):
            words.append(f"{family} {name} {_between(_address(low, bits), _address(high, bits))}")
    if own.proto is not None:
        words.append(f"meta l4proto {own.proto}")
    if own.portless:
        words.append(f"meta l4proto != {{ {', '.join(map(str, sorted(WITH_PORTS)))} }}")
    for name, ports in (("sport", own.sport), ("dport", own.dport)):
        if ports is not None:
            words.append(f"th {name} {_between(*ports)}")
    return " ".join(words)


def _nft_json(own: _Plain, family: str, bits: int) -> Iterator[dict[str, Any]]:
    def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
        return {"match": {"op": op, "left": left, "right": right}}

    def span(low: Any, high: Any) -> Any:
        return low if low == high else {"range": [low, high]}

    for name, (low, high) in (("saddr", own.src), ("daddr", own.dst)):
        if (low, high) != (0, (1 << bits) - 1):
            payload = {"payload": {"protocol": family, "field": name}}
            yield match(payload, span(_address(low, bits), _address(high, bits)))
    if own.proto is not None:
        yield match({"meta": {"key": "l4proto"}}, own.proto)
    if own.portless:
        yield match({"meta": {"key": "l4proto"}}, {"set": sorted(WITH_PORTS)}, "!=")
    for name, ports in (("sport", own.sport), ("dport", own.dport)):
        if ports is not None:
            yield match({"payload": {"protocol": "th", "field": name}}, span(*ports))
