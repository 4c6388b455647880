"""Access lists of Cisco IOS (numbered and named, standard and extended, IPv6) and the extended lists of ASA.

Masks of IOS have their *free* bits set, in any pattern; those of ASA are netmasks. What no entry permits is denied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mlsys4sys.neurocuts.formats.draft import Draft
from mlsys4sys.neurocuts.formats.names import CISCO_PORTS, ICMP_TYPES, ICMPV6_TYPES, WITH_PORTS
from mlsys4sys.neurocuts.formats.spans import ALWAYS, Condition, Spans, both, complement, joined
from mlsys4sys.neurocuts.losses import Effect

_FLAGS = frozenset({"ack", "fin", "psh", "rst", "syn", "urg"})
_SILENT = frozenset({"log", "log-input"})
_WITH_VALUE = frozenset(
    {"dscp", "precedence", "tos", "time-range", "option", "ttl", "reflect", "flow-label", "sequence"}
)
_BARE = frozenset({
    "fragments", "undetermined-transport", "routing", "mobility", "dest-option", "hbh", "auth", "inactive",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    column: int


@dataclass
class _List:
    name: str
    kind: str
    """standard, extended, ipv6 or asa."""
    line: int
    lines: list[tuple[int, str, list[_Word]]] = field(default_factory=list)


def parse(draft: Draft, text: str, *, acl: str | None = None) -> None:
    """Read a configuration, or lists alone, into a draft.

    Args:
        draft: Of the IP version of the list.
        text: The file.
        acl: Name or number of the list wanted; None for the only one.

    Raises:
        RuleError: A line of the list cannot be understood; says line and column.
    """
    lists, others = _lists(draft, text)
    if others:
        number, words = others[0]
        why = f"{len(others)} lines that belong to no access list"
        draft.lose(Effect.NO_VERDICT, why, number, text=words, exact=True)
    if (len(lists) != 1) if acl is None else (acl not in lists):
        raise draft.error(f"one access list is wanted, by its name; there are: {', '.join(lists) or 'none'}", 1)
    own = lists[acl] if acl is not None else next(iter(lists.values()))
    for other in lists.values():
        if other is not own:
            why = f"access list {other.name} with {len(other.lines)} entries was not asked for"
            draft.lose(Effect.LEFT_OUT, why, other.line)
    if (own.kind == "ipv6") != (draft.version == 6) and own.kind != "asa":
        raise draft.error(
            f"access list {own.name} is for IPv{10 - draft.version}: read it as version {10 - draft.version}", own.line
        )
    for number, line, parts in own.lines:
        _Entry(draft, own, number, line, parts).read()
    draft.add([ALWAYS], "deny", own.line, f"the end of access list {own.name} denies the rest")


def version_of(text: str) -> int:
    """6 if the file's only lists are IPv6 ones."""
    six = re.search(r"^\s*ipv6 access-list", text, re.MULTILINE | re.IGNORECASE)
    four = re.search(r"^\s*(ip )?access-list", text, re.MULTILINE | re.IGNORECASE)
    return 6 if six and not four else 4


def _lists(draft: Draft, text: str) -> tuple[dict[str, _List], list[tuple[int, str]]]:
    lists: dict[str, _List] = {}
    others: list[tuple[int, str]] = []
    now: _List | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        words = [_Word(found[0], found.start() + 1) for found in re.finditer(r"\S+", line)]
        if not words or words[0].text.startswith("!"):
            continue
        lower = [word.text.lower() for word in words]
        if lower[:2] == ["ip", "access-list"] or lower[:2] == ["ipv6", "access-list"]:
            now = _head(draft, lists, number, words, lower)
        elif lower[0] == "access-list":
            now = None
            _one_line(draft, lists, number, line.strip(), words)
        elif now is not None and (lower[0] in ("permit", "deny", "remark", "evaluate") or lower[0].isdecimal()):
            now.lines.append((number, line.strip(), words))
        else:
            others.append((number, line.strip()))
            now = now if line[:1] in (" ", "\t") and now is None else None
    return lists, others


def _head(draft: Draft, lists: dict[str, _List], number: int, words: list[_Word], lower: list[str]) -> _List:
    six = lower[0] == "ipv6"
    wanted = 3 if six else 4
    if len(words) != wanted or (not six and lower[2] not in ("standard", "extended")):
        raise draft.error(
            "a list begins ip access-list standard|extended NAME or ipv6 access-list NAME", number, words[0].column
        )
    name = words[-1].text
    kind = "ipv6" if six else lower[2]
    if name in lists and lists[name].kind != kind:
        raise draft.error(f"access list {name} comes as {lists[name].kind} and as {kind}", number, words[-1].column)
    return lists.setdefault(name, _List(name, kind, number))


def _one_line(draft: Draft, lists: dict[str, _List], number: int, line: str, words: list[_Word]) -> None:
    if len(words) < 3:
        raise draft.error("the line ends where permit or deny should follow", number, words[-1].column)
    name, rest = words[1].text, words[2:]
    if name.isdecimal() and len(name) < 6:
        value = int(name)
        standard = 1 <= value <= 99 or 1300 <= value <= 1999
        if not standard and not (100 <= value <= 199 or 2000 <= value <= 2699):
            raise draft.error(f"{name} is no number of a standard or extended list", number, words[1].column)
        kind = "standard" if standard else "extended"
    else:
        if rest[0].text.lower() == "line" and len(rest) > 2:
            rest = rest[2:]
        kind = "asa"
        if rest[0].text.lower() == "extended":
            rest = rest[1:]
        elif rest[0].text.lower() != "remark":
            raise draft.error(
                f"a named list is access-list NAME extended …, not {rest[0].text!r}", number, rest[0].column
            )
    own = lists.setdefault(name, _List(name, kind, number))
    own.lines.append((number, line, rest))


class _Entry:
    """One line of a list."""

    def __init__(self, draft: Draft, own: _List, line: int, text: str, words: list[_Word]) -> None:
        self.draft, self.own, self.line, self.text, self.words = draft, own, line, text, words
        self.at = 0
        self.met: Condition | None = ALWAYS

    def read(self) -> None:
        if self._peek().isdecimal():
            self.at += 1
        action = self._next("permit, deny or remark")
        if action.text.lower() == "remark":
            self.draft.lose(Effect.NO_VERDICT, "a remark", self.line, text=self.text, exact=True)
            return
        if action.text.lower() == "evaluate":
            name = self._next("a name").text
            self._done()
            condition = self.draft.bit(f"reflected in {name}", self.line, action.column)
            self.draft.add([condition], "permit", self.line, self.text)
            return
        if action.text.lower() not in ("permit", "deny"):
            raise self._error("permit, deny or remark is wanted", action)
        if self.own.kind == "standard":
            self._standard()
        else:
            self._extended()
        self._options()
        self.draft.add([self.met] if self.met is not None else [], action.text.lower(), self.line, self.text)

    # Words

    def _error(self, message: str, word: _Word) -> Exception:
        return self.draft.error(message, self.line, word.column)

    def _peek(self) -> str:
        return self.words[self.at].text.lower() if self.at < len(self.words) else ""

    def _next(self, what: str) -> _Word:
        if self.at >= len(self.words):
            end = self.words[-1]
            raise self.draft.error(f"the line ends where {what} should follow", self.line, end.column + len(end.text))
        self.at += 1
        return self.words[self.at - 1]

    def _done(self) -> None:
        if self.at < len(self.words):
            raise self._error(f"{self.words[self.at].text!r} is not understood here", self.words[self.at])

    def _and(self, condition: Condition) -> None:
        self.met = None if self.met is None else both(self.met, condition)

    # Parts

    def _standard(self) -> None:
        self._address("src", lone=True)

    def _extended(self) -> None:
        protocol = self._protocol()
        self._and({"proto": protocol})
        for address, port in (("src", "sport"), ("dst", "dport")):
            self._address(address)
            self._port(port, protocol)
        if protocol in (((1, 1),), ((58, 58),)):
            self._icmp()

    def _protocol(self) -> Spans:
        word = self._next("a protocol")
        lower = word.text.lower()
        if lower in ("object-group", "object"):
            name = self._next("a name").text
            self._and(self.draft.bit(f"protocol in {lower} {name}", self.line, word.column))
            return ((0, 255),)
        if lower == "icmp" and self.draft.version == 6:
            return ((58, 58),)
        return self.draft.protocol(word.text, self.line, word.column, any_is=frozenset({"ip", "ipv6", "ipv4"}))

    def _address(self, name: str, *, lone: bool = False) -> None:
        word = self._next("an address")
        lower = word.text.lower()
        if lower in ("any", "any4", "any6"):
            if lower != "any" and int(lower[-1]) != self.draft.version:
                self.met = None
            return
        if lower == "host":
            self._plain(name, self._next("an address"))
        elif lower in ("object-group", "object", "addrgroup", "interface"):
            group = self._next("a name").text
            side = "source" if name == "src" else "destination"
            self._and(self.draft.bit(f"{side} in {lower} {group}", self.line, word.column))
        elif "/" in word.text or self.draft.version == 6 or (lone and not re.match(r"\d+\.", self._peek())):
            self._plain(name, word)
        else:
            mask = self._next("a mask")
            self._plain(name, word, mask)

    def _plain(self, name: str, word: _Word, mask: _Word | None = None) -> None:
        if "-" in word.text:
            raise self._error(f"{word.text!r} is no address", word)
        text = word.text
        if mask is not None:
            if not re.fullmatch(r"[\d.]*\.[\d.]*", mask.text):
                raise self._error(f"{mask.text!r} is no mask", mask)
            self.draft.prefix(mask.text, self.line, mask.column)
            text = f"{word.text}/{mask.text}"
        spans = self.draft.prefix(text, self.line, word.column, wildcard=self.own.kind != "asa")
        if spans is None:
            raise self._error(f"{word.text} is no IPv{self.draft.version} address", word)
        self._and({name: spans})

    def _port(self, name: str, protocol: Spans) -> None:
        word = self._peek()
        if word in ("object-group", "portgroup") and all(a == b and a in WITH_PORTS for a, b in protocol):
            # A group behind an address is one of services only where an address does not come next.
            if name == "sport" and self._group_is_address():
                return
            column = self.words[self.at].column
            self.at += 1
            group = self._next("a name").text
            self._and(self.draft.bit(f"{name} in object-group {group}", self.line, column))
            return
        if word not in ("eq", "neq", "gt", "lt", "range"):
            return
        at = self._next("a comparison")
        if not all(low == high and low in WITH_PORTS for low, high in protocol):
            raise self._error("ports need a protocol that has them, such as tcp", at)
        spans = self._compared(at.text.lower())
        if not spans:
            self.met = None
        else:
            self._and({name: spans})

    def _group_is_address(self) -> bool:
        """Whether too few words follow for a group of source ports and a destination."""
        following = [word.text.lower() for word in self.words[self.at + 2 : self.at + 3]]
        starts = ("any", "any4", "any6", "host", "object-group", "object", "interface")
        return not (following and (following[0] in starts or re.match(r"[\d:]", following[0])))

    def _compared(self, op: str) -> Spans:
        first = self._number()
        if op == "range":
            word = self.words[self.at - 1]
            last = self._number()
            if first > last:
                raise self._error("the range of ports is empty", word)
            return ((first, last),)
        if op in ("gt", "lt"):
            low, high = (first + 1, 0xFFFF) if op == "gt" else (0, first - 1)
            return ((low, high),) if low <= high else ()
        values = [first]
        while self._peek().isdecimal() or self._peek() in CISCO_PORTS:
            if self._is_icmp_or_option():
                break
            values.append(self._number())
        whole = joined((value, value) for value in values)
        return whole if op == "eq" else complement(whole, 0xFFFF)

    def _is_icmp_or_option(self) -> bool:
        return self._peek() in ("log",)

    def _number(self) -> int:
        word = self._next("a port")
        return self.draft.port(word.text, self.line, word.column, CISCO_PORTS)

    def _icmp(self) -> None:
        known = ICMP_TYPES if self.draft.version == 4 else ICMPV6_TYPES
        word = self._peek()
        if word in known:
            column = self._next("a type").column
            kind, code = known[word]
        elif word.isdecimal():
            at = self._next("a type")
            column, kind, code = at.column, self.draft.integer(at.text, 255, self.line, at.column, "ICMP type"), None
            if self._peek().isdecimal():
                at = self._next("a code")
                code = self.draft.integer(at.text, 255, self.line, at.column, "ICMP code")
        else:
            return
        self._and(self.draft.number("icmp_type", ((kind, kind),), self.line, column, f"icmp type {word}"))
        if code is not None:
            self._and(self.draft.number("icmp_code", ((code, code),), self.line, column, f"icmp code {word}"))

    def _options(self) -> None:
        flags: list[str] = []
        while self.at < len(self.words):
            word = self._next("an option")
            lower = word.text.lower()
            if lower in _SILENT:
                if self.own.kind == "asa":  # log [level] [interval seconds]
                    while self._peek() and self._peek() not in ("inactive", "time-range"):
                        self.at += 1
                continue
            if lower == "established":
                self._and(self.draft.bit("tcp flags ACK or RST", self.line, word.column))
            elif lower in _FLAGS or lower.lstrip("+-") in _FLAGS:
                flags.append(lower)
            elif lower in ("match-any", "match-all"):
                flags.insert(0, lower)
            elif lower in _BARE:
                if lower == "inactive":
                    self.draft.lose(Effect.LEFT_OUT, "the entry is inactive", self.line, text=self.text, exact=True)
                    self.met = None
                else:
                    self._and(self.draft.bit(lower, self.line, word.column))
            elif lower in _WITH_VALUE:
                self._and(self.draft.bit(f"{lower} {self._valued(lower)}", self.line, word.column))
            else:
                raise self._error(f"{word.text!r} is not understood here", word)
        if flags:
            self._and(self.draft.bit(f"tcp flags {' '.join(flags)}", self.line, 1))

    def _valued(self, option: str) -> str:
        value = self._next("a value").text
        if option == "ttl" and value in ("eq", "neq", "gt", "lt", "range"):
            value += " " + self._next("a number").text
            if value.startswith("range"):
                value += " " + self._next("a number").text
        if option == "reflect" and self._peek() == "timeout":
            self.at += 1
            self._next("seconds")
        return value
