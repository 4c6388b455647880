"""What ``nft -j list ruleset`` prints: tables, chains, sets, maps of verdicts, and rules as expressions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mlsys4sys.neurocuts.formats.chains import Step, Then, flatten
from mlsys4sys.neurocuts.formats.draft import CTSTATES, Draft
from mlsys4sys.neurocuts.formats.iptables import CHANGING, ENDING, GOING_ON
from mlsys4sys.neurocuts.formats.jsontext import Value
from mlsys4sys.neurocuts.formats.jsontext import parse as parse_json
from mlsys4sys.neurocuts.formats.names import ICMP_TYPES, ICMPV6_TYPES
from mlsys4sys.neurocuts.formats.spans import ALWAYS, Condition, Spans, both, complement, joined, masked
from mlsys4sys.neurocuts.losses import Effect

FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6)}
_ENDING = frozenset({
    "accept", "drop", "reject", "queue", "masquerade", "snat", "dnat", "redirect", "tproxy",
})  # fmt: skip
_GOING_ON = frozenset(
    {"log", "counter", "notrack", "mangle", "set", "meter", "quota_ref", "ct helper", "secmark", "flow", "dup"}
)
_CHANGING = frozenset({"notrack", "mangle", "set", "ct helper"})
_UNCERTAIN = frozenset({"limit", "quota", "ct count", "last"})
"""Statements that let some packets on and not others, by what no header says."""


@dataclass
class _Table:
    chains: dict[str, list[Step]] = field(default_factory=dict)
    hooks: dict[str, tuple[str, str, int, str]] = field(default_factory=dict)
    """Base chain → hook, policy, line, text."""
    sets: dict[str, Value] = field(default_factory=dict)
    rules: dict[str, list[Value]] = field(default_factory=dict)


def parse(draft: Draft, text: str, *, chain: str | None = None, table: str | None = None) -> None:
    """Read a file into a draft.

    Args:
        draft: Of the IP version wanted.
        text: The file.
        chain: A base chain, or a hook (input, forward, …) that has one; None for the only base chain with rules, or
            input.
        table: The table it is in; None where only one has it.

    Raises:
        RuleError: It is no such JSON.
    """
    root = parse_json(text, draft.name)
    tables = _tables(draft, root)
    (family, name), base = _chosen(tables, root, chain, table)
    for other, own in tables.items():
        if other != (family, name) and any(own.rules.values()):
            count = sum(map(len, own.rules.values()))
            draft.lose(Effect.LEFT_OUT, f"table {' '.join(other)} with {count} rules was not asked for")
    chosen = tables[family, name]
    if draft.version not in FAMILIES.get(family, ()):
        raise root.error(f"table {family} {name} holds no rules for IPv{draft.version}")
    _steps(first := draft.again(), chosen)
    draft.known = first.known
    _steps(draft, chosen)
    _, policy, line, words = chosen.hooks[base]
    flatten(draft, chosen.chains, base, Step(conditions=(ALWAYS,), then=Then.END, target=policy, line=line, text=words))


def _tables(draft: Draft, root: Value) -> dict[tuple[str, str], _Table]:
    tables: dict[tuple[str, str], _Table] = {}
    for item in root.need("nftables").list():
        kind, body = item.only()
        if kind == "metainfo":
            continue
        family = body.need("family").string()
        if kind == "table":
            tables[family, body.need("name").string()] = _Table()
            continue
        own = tables.get((family, body.need("table").string()))
        if own is None:
            raise body.error(f"table {family} {body.need('table').string()} is not listed before it")
        if kind == "chain":
            name = body.need("name").string()
            own.chains[name], own.rules[name] = [], []
            if (hook := body.get("hook")) is not None:
                policy = given.string() if (given := body.get("policy")) else "accept"
                own.hooks[name] = (hook.string(), policy, body.line, body.text)
        elif kind in ("set", "map"):
            own.sets[body.need("name").string()] = body
        elif kind == "rule":
            place = body.need("chain")
            if place.string() not in own.rules:
                raise place.error(f"chain {place.string()!r} is not listed before its rules")
            own.rules[place.string()].append(body)
        elif kind != "element":
            draft.lose(Effect.NO_VERDICT, f"a {kind}", body.line, text=body.text, exact=True)
        else:
            raise body.error("elements apart from their set: `nft -j list ruleset` prints them within it")
    return tables


def _chosen(
    tables: dict[tuple[str, str], _Table], root: Value, chain: str | None, table: str | None
) -> tuple[tuple[str, str], str]:
    found = [
        (key, name)
        for key, own in tables.items()
        for name, (hook, _, _, _) in own.hooks.items()
        if table in (None, key[1], " ".join(key)) and (chain is None or chain in (name, hook))
    ]
    if chain is None and len(found) > 1:
        used = [(key, name) for key, name in found if tables[key].rules[name]]
        inputs = [(key, name) for key, name in found if tables[key].hooks[name][0] == "input"]
        found = used if len(used) == 1 else inputs
    if len(found) != 1:
        every = [f"{name} ({' '.join(key)})" for key, own in tables.items() for name in own.hooks]
        asked = "one base chain is wanted" if chain is None else f"not one base chain {chain!r}"
        raise root.error(f"{asked}: choose chain and table; there are {', '.join(every) or 'none'}")
    return found[0]


def _steps(draft: Draft, own: _Table) -> None:
    for name, rules in own.rules.items():
        own.chains[name] = [step for rule in rules for step in _Rule(draft, own, rule).steps()]


class _Rule:
    """The expressions of one rule, read from left to right."""

    def __init__(self, draft: Draft, table: _Table, rule: Value) -> None:
        self.draft, self.table, self.rule = draft, table, rule
        self.met: list[Condition] = [ALWAYS]
        handle = f" handle {number.integer(0, 2**63)}" if (number := rule.get("handle")) else ""
        self.name = f"{rule.need('chain').string()}{handle}"
        self.line, self.text = rule.line, f"{self.name}: {rule.need('expr').text}"

    def steps(self) -> Iterator[Step]:
        ended = False
        for item in self.rule.need("expr").list():
            kind, body = item.only()
            if ended:
                raise item.error("a statement follows the verdict")
            if kind == "match":
                self._and(self._match(body))
            elif kind == "vmap":
                yield from self._vmap(body)
                ended = True
            elif kind in ("jump", "goto"):
                then = Then.JUMP if kind == "jump" else Then.GOTO
                yield self._step(then, body.need("target").string())
                ended = True
            elif kind in ("return", "continue"):
                yield self._step(Then.RETURN if kind == "return" else Then.ON, kind)
                ended = True
            elif kind in _ENDING:
                yield self._step(Then.END, kind)
                ended = True
            elif kind in _GOING_ON:
                if kind != "counter":
                    why = f"{kind} lets the packet go on"
                    self.draft.lose(Effect.NO_VERDICT, why, item.line, text=item.text, exact=kind not in _CHANGING)
            elif kind == "xt":
                target = self._xt(item, body)
                if target:
                    yield self._step(Then.END, target)
                    ended = True
            elif kind in _UNCERTAIN:
                self._and([self.draft.bit(f"{item.text} of {self.name}", item.line, _column(item))])
            else:
                raise item.error(f"{kind!r} is an unknown statement")
        if not ended:
            self.draft.lose(Effect.NO_VERDICT, "the rule has no verdict", self.line, text=self.text, exact=True)

    def _step(self, then: Then, target: str, met: list[Condition] | None = None, text: str = "") -> Step:
        conditions = tuple(self.met if met is None else met)
        words = f"{self.text} {text}".strip()
        return Step(conditions=conditions, then=then, target=target, line=self.line, text=words)

    def _and(self, alternatives: list[Condition]) -> None:
        self.met = [met for a in self.met for b in alternatives if (met := both(a, b)) is not None]

    def _xt(self, item: Value, body: Value) -> str | None:
        """A match or target of iptables, whose arguments nft does not print."""
        name = body.need("name").string()
        if body.need("type").string() == "match" and name == "comment":
            pass
        elif body.need("type").string() == "match":
            self._and([self.draft.bit(f"xt match {name} of {self.name}", item.line, _column(item))])
        elif name in ENDING:
            return name
        elif name in GOING_ON:
            why = f"{name} lets the packet go on"
            self.draft.lose(Effect.NO_VERDICT, why, item.line, text=self.text, exact=name not in CHANGING)
        else:
            raise item.error(f"what the target {name} does to a packet is not told: read what iptables-save prints")
        return None

    # Conditions

    def _match(self, body: Value) -> list[Condition]:
        op, left, right = body.need("op"), body.need("left"), body.object().get("right")
        if right is None:
            raise body.error("'right' is missing")
        words = op.string()
        if words not in ("==", "!=", "in", "<", ">", "<=", ">="):
            raise op.error(f"{words!r} is an unknown comparison")
        if isinstance(left.value, dict) and "concat" in left.value:
            return self._concat(left.need("concat").list(), right, words, body)
        if words in ("<", ">", "<=", ">="):
            return self._ordered(left, right, words, body)
        return self._test(left, right, body, negated=words == "!=")

    def _test(self, left: Value, right: Value, body: Value, *, negated: bool) -> list[Condition]:
        """``left`` is, or is not, one of ``right``."""
        field_, bits, version = self._left(left)
        if field_ is None:
            return [self.draft.bit(_compact(left, right), body.line, _column(body), holds=not negated)]
        if version not in (None, self.draft.version):
            why = f"only IPv{version} packets have {left.text}"
            self.draft.lose(Effect.LEFT_OUT, why, self.line, text=self.text, exact=True)
            return []
        if field_ == "nfproto":
            names = {item.string() for item in self._items(right)}
            return [ALWAYS] if (f"ipv{self.draft.version}" in names) != negated else []
        if field_ in ("ctstate", "iif", "oif"):
            names_ = [item.string() for item in self._items(right)]
            values = [name.upper() for name in names_] if field_ == "ctstate" else names_
            if field_ == "ctstate" and (wrong := [value for value in values if value not in CTSTATES]):
                raise right.error(f"{wrong[0].lower()!r} is no connection state")
            return [self.draft.one_of(field_, values, right.line, _column(right), negated=negated)]
        mask = left.value.get("&") if isinstance(left.value, dict) else None
        spans = self._masked(mask, field_, bits, right) if mask is not None else self._spans(field_, bits, right)
        if spans is None:
            return [self.draft.bit(_compact(left, right), body.line, _column(body), holds=not negated)]
        return self._on(left, field_, bits, spans, body, negated=negated)

    def _on(
        self, left: Value, name: str, bits: int, spans: Spans, body: Value, *, negated: bool = False
    ) -> list[Condition]:
        whole = complement(spans, (1 << bits) - 1) if negated else spans
        own: list[Condition] = [{name: whole}] if whole else []
        if name not in {base.name for base in self.draft.base}:
            self.draft.number(name, whole, body.line, _column(body), left.text, bits=bits)
        protocol = self._needs(left)
        if protocol is not None and own:  # a port or type is looked at only in packets that have it
            return [{**own[0], "proto": protocol}]
        return own

    def _needs(self, left: Value) -> Spans | None:
        name = self._payload(left)
        numbers = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33, "udplite": 136, "icmp": 1, "icmpv6": 58}
        if name is not None and name[0] in numbers:
            return ((numbers[name[0]],) * 2,)
        if name is not None and name[0] == "th":
            return joined((number, number) for number in (6, 17, 33, 132, 136))
        return None

    @staticmethod
    def _payload(left: Value) -> tuple[str, str] | None:
        if isinstance(left.value, dict) and "&" in left.value:
            pair = left.need("&").list()
            return _Rule._payload(pair[0]) if pair else None
        if isinstance(left.value, dict) and "payload" in left.value:
            body = left.need("payload")
            if body.get("protocol") is not None and body.get("field") is not None:
                return body.need("protocol").string(), body.need("field").string()
        return None

    def _left(self, left: Value) -> tuple[str | None, int, int | None]:
        """What is looked at: name of the field or None, its bits, and the IP version that has it or None for both."""
        members = left.value if isinstance(left.value, dict) else {}
        if (payload := self._payload(left)) is not None:
            return _PAYLOAD.get(payload, (None, 0, None))
        if "meta" in members:
            return _META.get(left.need("meta").need("key").string(), (None, 0, None))
        if (
            "ct" in members
            and set(left.need("ct").object()) == {"key"}
            and left.need("ct").need("key").string() == "state"
        ):
            return "ctstate", 3, None
        return None, 0, None

    def _items(self, right: Value) -> list[Value]:
        """A value, or those of a set or list of flags."""
        if isinstance(right.value, str) and right.value.startswith("@"):
            return self._named(right)
        if isinstance(right.value, dict) and "set" in right.value:
            inner = right.need("set")
            return [_bare(item) for item in inner.list()] if isinstance(inner.value, list) else self._items(inner)
        if isinstance(right.value, list):
            return [_bare(item) for item in right.list()]
        return [_bare(right)]

    def _named(self, right: Value) -> list[Value]:
        name = right.string()[1:]
        found = self.table.sets.get(name)
        if found is None:
            raise right.error(f"no set {name!r} in this table")
        flags = flags_.list() if (flags_ := found.get("flags")) is not None and isinstance(flags_.value, list) else []
        if any(flag.string() in ("dynamic", "timeout") for flag in flags):
            why = f"set {name} changes while it runs; its elements are those of the file"
            self.draft.lose(Effect.ASSUMED, why, found.line, text=found.text)
        return [_bare(item) for item in elements.list()] if (elements := found.get("elem")) else []

    def _spans(self, name: str, bits: int, right: Value) -> Spans | None:
        """The numbers of a value or set, None when one of them is nothing known."""
        pairs: list[tuple[int, int]] = []
        for item in self._items(right):
            own = self._value(name, bits, item)
            if own is None:
                return None
            pairs += own
        return joined(pairs)

    def _value(self, name: str, bits: int, item: Value) -> Spans | None:
        members = item.value if isinstance(item.value, dict) else {}
        if "range" in members:
            ends = item.need("range").list()
            if len(ends) != 2:
                raise item.error("a range has two ends")
            low, high = (self._number(name, bits, end) for end in ends)
            if low > high:
                raise item.error("the range is empty")
            return ((low, high),)
        if "prefix" in members:
            body = item.need("prefix")
            length = body.need("len").integer(0, bits)
            value = self._number(name, bits, body.need("addr"))
            mask = ((1 << bits) - 1) ^ ((1 << bits - length) - 1)
            return masked(value, mask, bits)
        if members or isinstance(item.value, list):
            return None
        if item.value == "*":
            return ((0, (1 << bits) - 1),)
        value = self._number(name, bits, item)
        return ((value, value),)

    def _number(self, name: str, bits: int, item: Value) -> int:
        if not isinstance(item.value, str):
            return item.integer(0, (1 << bits) - 1)
        text, place = item.string(), (item.line, _column(item))
        if name in ("src", "dst"):
            spans = self.draft.prefix(text, *place)
            if spans is None or "/" in text or "-" in text:
                raise item.error(f"{text!r} is no IPv{self.draft.version} address")
            return spans[0][0]
        if name in ("sport", "dport"):
            return self.draft.port(text, *place)
        if name == "proto":
            return self.draft.protocol(text, *place)[0][0]
        if name == "icmp_type":
            known = ICMP_TYPES if self.draft.version == 4 else ICMPV6_TYPES
            if text in known and known[text][1] is None:
                return known[text][0]
        if name == "dscp" and text in _DSCP:
            return _DSCP[text]
        return self.draft.integer(text, (1 << bits) - 1, *place)

    def _masked(self, pair: Value, name: str, bits: int, right: Value) -> Spans | None:
        both_ = pair.list()
        if len(both_) != 2 or isinstance(right.value, dict | list):
            return None
        mask, value = self._number(name, bits, both_[1]), self._number(name, bits, right)
        if value & ~mask:
            return ()
        try:
            return masked(value, mask, bits)
        except ValueError as error:
            raise pair.error(str(error)) from None

    def _ordered(self, left: Value, right: Value, op: str, body: Value) -> list[Condition]:
        name, bits, version = self._left(left)
        if name is None or name in ("ctstate", "iif", "oif", "nfproto"):
            return [self.draft.bit(f"{left.text} {op} {right.text}", body.line, _column(body))]
        if version not in (None, self.draft.version):
            return []
        value, top = self._number(name, bits, right), (1 << bits) - 1
        low, high = {"<": (0, value - 1), "<=": (0, value), ">": (value + 1, top), ">=": (value, top)}[op]
        return self._on(left, name, bits, ((low, high),) if low <= high else (), body)

    def _concat(self, lefts: list[Value], right: Value, op: str, body: Value) -> list[Condition]:
        if op not in ("==", "in"):
            words = f"concat {' . '.join(left.text for left in lefts)} {right.text}"
            return [self.draft.bit(words, body.line, _column(body), holds=op != "!=")]
        return [met for item in self._items(right) for met in self._tuple(lefts, item, body)]

    def _tuple(self, lefts: list[Value], item: Value, body: Value) -> list[Condition]:
        parts = item.need("concat").list() if isinstance(item.value, dict) and "concat" in item.value else [item]
        if len(parts) != len(lefts):
            raise item.error(f"{len(parts)} values for {len(lefts)} fields")
        met: list[Condition] = [ALWAYS]
        for left, part in zip(lefts, parts, strict=True):
            own = self._test(left, part, body, negated=False)
            met = [m for a in met for b in own if (m := both(a, b)) is not None]
        return met

    def _vmap(self, body: Value) -> Iterator[Step]:
        key, data = body.need("key"), body.need("data")
        lefts = key.need("concat").list() if isinstance(key.value, dict) and "concat" in key.value else [key]
        pairs = self._named(data) if isinstance(data.value, str) else data.need("set").list()
        for pair in pairs:
            items = pair.list()
            if len(items) != 2:
                raise pair.error("a map's element is a key and a verdict")
            kind, verdict = items[1].only()
            met = [
                m for a in self.met for b in self._tuple(lefts, _bare(items[0]), body) if (m := both(a, b)) is not None
            ]
            if kind in ("jump", "goto"):
                then = Then.JUMP if kind == "jump" else Then.GOTO
                yield self._step(then, verdict.need("target").string(), met, pair.text)
            elif kind in ("return", "continue"):
                yield self._step(Then.RETURN if kind == "return" else Then.ON, kind, met, pair.text)
            elif kind in _ENDING:
                yield self._step(Then.END, kind, met, pair.text)
            else:
                raise items[1].error(f"{kind!r} is no verdict")


def _bare(item: Value) -> Value:
    """An element without its counters and comments."""
    if isinstance(item.value, dict) and "elem" in item.value:
        return item.need("elem").need("val")
    return item


def _compact(left: Value, right: Value) -> str:
    return f"{left.text} {right.text}"


def _column(value: Value) -> int:
    return value.document.place(value.start)[1]


_PORTED = ("tcp", "udp", "sctp", "dccp", "udplite", "th")
_PAYLOAD: dict[tuple[str, str], tuple[str | None, int, int | None]] = {
    ("ip", "saddr"): ("src", 32, 4),
    ("ip", "daddr"): ("dst", 32, 4),
    ("ip", "protocol"): ("proto", 8, 4),
    ("ip", "dscp"): ("dscp", 6, 4),
    ("ip", "ttl"): ("ttl", 8, 4),
    ("ip6", "saddr"): ("src", 128, 6),
    ("ip6", "daddr"): ("dst", 128, 6),
    ("ip6", "nexthdr"): ("proto", 8, 6),
    ("ip6", "dscp"): ("dscp", 6, 6),
    ("ip6", "hoplimit"): ("ttl", 8, 6),
    ("icmp", "type"): ("icmp_type", 8, 4),
    ("icmp", "code"): ("icmp_code", 8, 4),
    ("icmpv6", "type"): ("icmp_type", 8, 6),
    ("icmpv6", "code"): ("icmp_code", 8, 6),
    **{(name, "sport"): ("sport", 16, None) for name in _PORTED},
    **{(name, "dport"): ("dport", 16, None) for name in _PORTED},
}
_META: dict[str, tuple[str | None, int, int | None]] = {
    "l4proto": ("proto", 8, None),
    "nfproto": ("nfproto", 8, None),
    "iifname": ("iif", 16, None),
    "iif": ("iif", 16, None),
    "oifname": ("oif", 16, None),
    "oif": ("oif", 16, None),
    "mark": ("mark", 32, None),
}
_DSCP = {
    "cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "be": 0, "af11": 10,
    "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22, "af31": 26, "af32": 28, "af33": 30, "af41": 34,
    "af42": 36, "af43": 38, "ef": 46, "va": 44,
}  # fmt: skip
