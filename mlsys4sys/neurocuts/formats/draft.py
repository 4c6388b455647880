"""A rule set in the making: what every importer writes into.

An importer adds conditions (`mlsys4sys.neurocuts.formats.spans`) with an action and a place; `Draft.finish` turns
them into boxes. A condition that the five-tuple cannot say becomes a *field of its own*: a connection's state or an
interface with its names as values, a number such as a VLAN with its bits, anything else one bit that is set when it
holds. Nothing is lost by that. Whoever wants plain five-tuples says what the others are (``given``), or asks for one
of the two closures of Diekmann, Michaelis, Haslbeck, Carle (Verified iptables Firewall Analysis, IFIP Networking
2016): *in doubt allow* (an unknown condition of an allowing rule counts as met, of any other as not met), or *in
doubt deny*, the reverse. Each such step is an entry in the report of losses.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mlsys4sys.errors import InputError, RuleError
from mlsys4sys.neurocuts.formats.names import PORTS, PROTOCOLS
from mlsys4sys.neurocuts.formats.spans import Condition, Spans, complement, joined, masked
from mlsys4sys.neurocuts.losses import Effect, Loss, Losses
from mlsys4sys.neurocuts.problem import IPV4, IPV6, OTHER, Field, RuleSet, wide_boxes

Unknown = Literal["field", "allow", "deny"]
ALLOWING = frozenset({"accept", "permit", "allow", "pass", "match"})
MOST_BOXES = 2_000_000
CTSTATES = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED")
NUMBERS = {
    "icmp_type": 8, "icmp_code": 8, "in_port": 32, "vlan": 12, "dscp": 6, "ecn": 2, "mark": 32, "ttl": 8, "tun_id": 64,
    "metadata": 64, "dl_type": 16,
}  # fmt: skip
"""Further header fields and metadata that are numbers, with their bits."""


def allows(action: str) -> bool:
    """Whether an action lets a packet through, by its first word."""
    return action.split(" ", 1)[0].lower() in ALLOWING


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A rule before it is boxes: packets that meet any of the conditions get the action."""

    conditions: tuple[Condition, ...]
    action: str
    line: int
    text: str


@dataclass
class Draft:
    """Collects rules and losses.

    Args:
        name: Of the source, for messages.
        version: 4 or 6, which addresses are; None while it is not known.
        unknown: What becomes of conditions outside the five-tuple.
        given: Values of fields outside the five-tuple, by field name: ``{"ctstate": "NEW", "iif": "eth0"}``.
    """

    name: str
    version: int = 4
    unknown: Unknown = "field"
    given: Mapping[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    extra: dict[str, Field] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    _places: dict[str, tuple[int, int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.unknown not in ("field", "allow", "deny"):
            raise InputError(f"unknown must be 'field', 'allow' or 'deny', not {self.unknown!r}")
        if self.version not in (4, 6):
            raise InputError(f"version must be 4 or 6, not {self.version!r}")

    # What goes wrong, and what is lost

    def error(self, message: str, line: int, column: int = 1) -> RuleError:
        """An error with its place, to be raised."""
        return RuleError(message, source=self.name, line=line, column=column)

    def lose(
        self, effect: Effect, reason: str, line: int = 0, column: int = 0, text: str = "", *, exact: bool = False
    ) -> None:
        """Enter something into the report."""
        loss = Loss(effect=effect, reason=reason, line=line, column=column, text=text, exact=exact)
        if loss not in self.losses[-50:]:
            self.losses.append(loss)

    # Fields

    @property
    def base(self) -> tuple[Field, ...]:
        """The five-tuple of this version."""
        return IPV4 if self.version == 4 else IPV6

    @property
    def tops(self) -> dict[str, int]:
        """Highest value of each field known so far."""
        return {own.name: (1 << own.bits) - 1 for own in (*self.base, *self.extra.values())}

    def top(self, name: str) -> int:
        """Highest value of a field."""
        return self.tops[name]

    def number(
        self, name: str, spans: Spans, line: int, column: int, text: str, *, bits: int | None = None
    ) -> Condition:
        """A condition on a numeric field outside the five-tuple."""
        own = Field(name, bits or NUMBERS[name])
        self._note(own, line, column, text)
        return {name: spans}

    def bit(self, text: str, line: int, column: int, *, holds: bool = True) -> Condition:
        """A condition that is known by its words alone: a field of one bit, 1 when it holds."""
        self._note(Field(text, 1), line, column, text)
        return {text: ((int(holds), int(holds)),)}

    def one_of(self, name: str, values: Sequence[str], line: int, column: int, *, negated: bool = False) -> Condition:
        """A condition on a field whose values have names; ``ctstate`` has `CTSTATES`, others grow as they are named.

        Value 0 of a field that grows stands for every name that the file does not mention; a name that ends with ``+``
        or ``*`` is a pattern and covers those that begin so. As all names have to be known for that, importers read a
        file twice, and the second time into `again`.
        """
        known = self.known.setdefault(name, list(CTSTATES) if name == "ctstate" else [OTHER])
        for value in values:
            if value not in known:
                if name == "ctstate":
                    raise self.error(f"{value!r} is no connection state: {', '.join(CTSTATES)}", line, column)
                known.append(value)
        bits = max((len(known) - 1).bit_length(), 1)
        self.extra[name] = Field(name, bits, values=tuple(known))
        self._places.setdefault(name, (line, column, f"{name} {','.join(values)}"))
        spans = joined(pair for value in values for pair in _covered(known, known.index(value)))
        return {name: complement(spans, (1 << bits) - 1) if negated else spans}

    def again(self) -> Draft:
        """An empty draft that knows the names that this one met."""
        known = {name: list(names) for name, names in self.known.items()}
        return Draft(name=self.name, version=self.version, unknown=self.unknown, given=self.given, known=known)

    def _note(self, own: Field, line: int, column: int, text: str) -> None:
        if own.name in {base.name for base in self.base}:
            raise self.error(f"{own.name} is a field of the five-tuple", line, column)
        seen = self.extra.setdefault(own.name, own)
        if seen.bits != own.bits:
            raise self.error(f"{own.name} is used with {seen.bits} and with {own.bits} bits", line, column)
        self._places.setdefault(own.name, (line, column, text))

    # Values

    def prefix(self, text: str, line: int, column: int, *, wildcard: bool = False) -> Spans | None:
        """Addresses written ``a``, ``a/len``, ``a/mask`` or ``a-b``; None when they are of the other IP version.

        Args:
            text: The address.
            line: Where it stands.
            column: Where it stands.
            wildcard: A mask has its *free* bits set, as in Cisco's lists.
        """
        first, dash, last = text.partition("-")
        if dash:
            low, high = self._address(first, line, column), self._address(last, line, column + len(first) + 1)
            if low[1] != high[1]:
                raise self.error(f"{text} joins an IPv4 and an IPv6 address", line, column)
            if low[0] > high[0]:
                raise self.error(f"range {text} is empty", line, column)
            return ((low[0], high[0]),) if low[1] == self.version else None
        address, slash, length = text.partition("/")
        value, version = self._address(address, line, column)
        bits = 32 if version == 4 else 128
        mask = (1 << bits) - 1
        if slash:
            at = column + len(address) + 1
            if length.isascii() and length.isdigit() and len(length) <= 3:
                if int(length) > bits:
                    raise self.error(f"prefix length {length} is above {bits}", line, at)
                mask ^= (1 << bits - int(length)) - 1
            else:
                given, own = self._address(length, line, at)
                if own != version:
                    raise self.error(f"{text} joins an IPv4 and an IPv6 address", line, at)
                mask = mask ^ given if wildcard else given
        if version != self.version:
            return None
        try:
            return masked(value, mask, bits)
        except ValueError as error:
            raise self.error(f"{text}: {error}", line, column) from None

    def _address(self, text: str, line: int, column: int) -> tuple[int, int]:
        try:
            if "%" in text or not text.isascii():
                raise ValueError
            parsed = ipaddress.ip_address(text)
        except ValueError:
            raise self.error(f"{text!r} is no address", line, column) from None
        return int(parsed), parsed.version

    def integer(self, text: str, top: int, line: int, column: int, what: str = "number") -> int:
        """A number written in decimal or with 0x, at most ``top``."""
        digits = text[2:] if text[:2].lower() == "0x" else text
        allowed = "0123456789abcdefABCDEF" if digits is not text else "0123456789"
        if not digits or len(digits) > 40 or any(letter not in allowed for letter in digits):
            raise self.error(f"{text!r} is no {what}", line, column)
        value = int(digits, 16 if digits is not text else 10)
        if value > top:
            raise self.error(f"{what} {text} is above {top}", line, column)
        return value

    def port(self, text: str, line: int, column: int, names: Mapping[str, int] = PORTS) -> int:
        """A port by number or name."""
        return names[text.lower()] if text.lower() in names else self.integer(text, 0xFFFF, line, column, "port")

    def ports(self, text: str, line: int, column: int, separator: str = ":", names: Mapping[str, int] = PORTS) -> Spans:
        """Ports written ``80``, ``80:90``, ``:90`` or ``80:``."""
        if text.lower() in names or separator not in text:
            value = self.port(text, line, column, names)
            return ((value, value),)
        first, _, last = text.partition(separator)
        low = self.port(first, line, column, names) if first else 0
        high = self.port(last, line, column + len(first) + 1, names) if last else 0xFFFF
        if low > high:
            raise self.error(f"port range {text} is empty", line, column)
        return ((low, high),)

    def protocol(self, text: str, line: int, column: int, *, any_is: frozenset[str] = frozenset()) -> Spans:
        """A protocol by number or name; words of ``any_is`` stand for all of them."""
        lower = text.lower()
        if lower in any_is:
            return ((0, 255),)
        value = PROTOCOLS[lower] if lower in PROTOCOLS else self.integer(text, 255, line, column, "protocol")
        return ((value, value),)

    # The outcome

    def add(self, conditions: Iterable[Condition], action: str, line: int, text: str) -> None:
        """A rule; one without conditions that can be met goes into the report."""
        kept = tuple(conditions)
        if not kept:
            self.lose(Effect.LEFT_OUT, "no packet can match it", line, text=text, exact=True)
            return
        self.entries.append(Entry(conditions=kept, action=action, line=line, text=text))
        if len(self.entries) > MOST_BOXES:
            raise self.error(f"makes more than {MOST_BOXES} rules", line)

    def finish(self, fields: tuple[Field, ...] | None = None) -> RuleSet:
        """The rule set, over the five-tuple and what else its conditions name, or over ``fields``.

        Raises:
            RuleError: It would have more than `MOST_BOXES` rows.
        """
        if fields is not None:
            return self._boxes(self.entries, fields)
        entries = self._assumed(self.entries)
        if self.unknown != "field":
            entries = self._closure(entries)
        used = {name for entry in entries for condition in entry.conditions for name in condition}
        extra = tuple(own for own in self.extra.values() if own.name in used)
        if self.unknown == "field":
            for own in extra:
                line, column, text = self._places[own.name]
                why = f"a condition outside the five-tuple: packets need the field {own.name!r}"
                self.lose(Effect.FIELD, why, line, column, text, exact=True)
        return self._boxes(entries, (*self.base, *extra))

    def _assumed(self, entries: list[Entry]) -> list[Entry]:
        """Take fields out whose value is given, and rules that it rules out."""
        values = {}
        for name, text in self.given.items():
            if name not in self.extra:
                if name in {own.name for own in self.base}:
                    raise InputError(f"given: {name} is a field of the five-tuple")
                continue  # the file does not look at it
            own = self.extra[name]
            found = own.named(text)
            values[name] = self._free_value(own, text) if found is None else found
            line, column, _ = self._places[name]
            self.lose(Effect.ASSUMED, f"{name} is {text}, as given", line, column, exact=True)
        if not values:
            return entries
        out = []
        for entry in entries:
            kept = [
                {name: spans for name, spans in condition.items() if name not in values}
                for condition in entry.conditions
                if all(
                    any(low <= values[name] <= high for low, high in spans)
                    for name, spans in condition.items()
                    if name in values
                )
            ]
            if kept:
                out.append(Entry(conditions=tuple(kept), action=entry.action, line=entry.line, text=entry.text))
            else:
                self.lose(Effect.LEFT_OUT, "what is given rules it out", entry.line, text=entry.text, exact=True)
        return out

    @staticmethod
    def _free_value(own: Field, text: str) -> int:
        """The value of a number."""
        if own.values:
            raise InputError(f"given: {own.name} must be one of {', '.join(own.values)}, not {text!r}")
        try:
            value = int(text, 0)
        except ValueError:
            raise InputError(f"given: {own.name} must be a number, not {text!r}") from None
        own.words(value)
        return value

    def _closure(self, entries: list[Entry]) -> list[Entry]:
        plain = {own.name for own in self.base}
        out = []
        for entry in entries:
            kept: list[Condition] = []
            for condition in entry.conditions:
                outside = [name for name in condition if name not in plain]
                if not outside:
                    kept.append(condition)
                    continue
                what = ", ".join(outside)
                if allows(entry.action) == (self.unknown == "allow"):
                    kept.append({name: spans for name, spans in condition.items() if name in plain})
                    self.lose(
                        Effect.WIDENED, f"in doubt {self.unknown}: {what} is taken as met", entry.line, text=entry.text
                    )
                else:
                    why = f"in doubt {self.unknown}: {what} is taken as not met"
                    self.lose(Effect.LEFT_OUT, why, entry.line, text=entry.text)
            if kept:
                out.append(Entry(conditions=tuple(kept), action=entry.action, line=entry.line, text=entry.text))
        return out

    def _boxes(self, entries: list[Entry], fields: tuple[Field, ...]) -> RuleSet:
        low: list[tuple[int, ...]] = []
        high: list[tuple[int, ...]] = []
        actions, sources = [], []
        for entry in entries:
            source = f"{self.name}:{entry.line}: {entry.text}"
            for condition in entry.conditions:
                for lows, highs in _condition_boxes(condition, fields):
                    low.append(lows)
                    high.append(highs)
                    actions.append(entry.action)
                    sources.append(source)
                    if len(low) > MOST_BOXES:
                        raise self.error(f"makes more than {MOST_BOXES} boxes", entry.line)
        width = sum(own.columns for own in fields)
        return RuleSet(
            fields=fields,
            low=np.array(low, np.uint32).reshape(-1, width),
            high=np.array(high, np.uint32).reshape(-1, width),
            actions=tuple(actions) if any(actions) else (),
            sources=tuple(sources),
            losses=Losses(tuple(sorted(self.losses, key=lambda loss: loss.line)), self.name),
        )


def _covered(known: Sequence[str], place: int) -> Spans:
    """A name alone; for a pattern all names that it covers, itself (any other such name) among them."""
    if known[place][-1:] not in ("+", "*"):
        return ((place, place),)
    start = known[place][:-1]
    return joined((i, i) for i, name in enumerate(known) if name != OTHER and name.startswith(start))


_Box = tuple[tuple[int, ...], tuple[int, ...]]


def _condition_boxes(condition: Condition, fields: tuple[Field, ...]) -> Iterable[_Box]:
    choices: list[list[_Box]] = []
    for own in fields:
        spans = condition.get(own.name, ((0, (1 << own.bits) - 1),))
        choices.append([box for low, high in spans for box in wide_boxes(own, low, high)])
    for parts in itertools.product(*choices):
        yield tuple(w for low, _ in parts for w in low), tuple(w for _, high in parts for w in high)
