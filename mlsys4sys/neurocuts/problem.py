"""The user's problem: an ordered list of rules over packet header fields.

A rule is a box: one inclusive range ``[low, high]`` for each *column*. A packet is a point. The first rule (lowest row)
whose box holds the packet is the answer, -1 when there is none.

**Columns.** A field of up to 32 bits is one column. A wider field is spread over several 32-bit columns, most
significant word first, so that a packet is always a row of ``uint32`` words: 5 for the IPv4 five-tuple, 11 for the IPv6
one (4 + 4 + 1 + 1 + 1). A prefix of a wide field is a box in its words; a general range of a wide field is not, and has
to be split into prefixes by whoever builds the rule set (:func:`wide_boxes` does it); its rows then share their source.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys.errors import DataError, InputError, RuleError
from mlsys4sys.neurocuts.losses import Losses

Words = NDArray[np.uint32]
"""Packets or bounds, shape (n, columns)."""
Matches = NDArray[np.int32]
"""First matching rule of each packet, -1 for none; shape (n,)."""

WORD_BITS = 32


@dataclass(frozen=True, slots=True)
class Field:
    """A header field that rules look at.

    >>> Field("src", 128).columns
    4
    """

    name: str
    bits: int
    values: tuple[str, ...] = ()
    """Names of its values 0, 1, … where they have some, such as interfaces or connection states."""

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 1024:
            raise InputError(f"field {self.name}: bits must be in 1..1024, not {self.bits}")
        if len(self.values) > 1 << min(self.bits, 32):
            raise InputError(f"field {self.name}: {len(self.values)} names for the values of {self.bits} bits")

    @property
    def columns(self) -> int:
        """32-bit words it takes."""
        return -(-self.bits // WORD_BITS)

    @property
    def maxima(self) -> tuple[int, ...]:
        """Highest value of each of its columns, most significant first."""
        top = self.bits - WORD_BITS * (self.columns - 1)
        return ((1 << top) - 1, *((1 << WORD_BITS) - 1 for _ in range(self.columns - 1)))

    def named(self, name: str) -> int | None:
        """The value of a name; None where values have no names, or not this one.

        Of interfaces a name that is not listed is the longest pattern that covers it, else any other.
        """
        if name in self.values:
            return self.values.index(name)
        if self.values[:1] != (OTHER,):
            return None
        patterns = [own for own in self.values if own[-1:] in ("+", "*") and name.startswith(own[:-1])]
        return self.values.index(max(patterns, key=len)) if patterns else 0

    def words(self, value: int) -> tuple[int, ...]:
        """A value as its columns.

        >>> Field("src", 64).words((7 << 32) + 9)
        (7, 9)
        """
        if not 0 <= value < 1 << self.bits:
            raise InputError(f"field {self.name}: {value} is outside 0..2^{self.bits}-1")
        return tuple(value >> WORD_BITS * place & 0xFFFFFFFF for place in range(self.columns - 1, -1, -1))


OTHER = "(any other)"
"""Value 0 of a field whose values are the names that a rule file mentions: every other name."""

IPV4 = (Field("src", 32), Field("dst", 32), Field("sport", 16), Field("dport", 16), Field("proto", 8))
IPV6 = (Field("src", 128), Field("dst", 128), Field("sport", 16), Field("dport", 16), Field("proto", 8))


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleSet:
    """Rules in order of priority: row 0 wins over row 1.

    >>> rules = RuleSet.from_ranges([[(0, 9), (5, 5)], [(0, 15), (0, 15)]], fields=(Field("a", 4), Field("b", 4)))
    >>> rules.classify_linear([[3, 5], [3, 6]]).tolist()
    [0, 1]
    """

    fields: tuple[Field, ...]
    low: Words
    """Lower bounds, inclusive, shape (rules, columns)."""
    high: Words
    """Upper bounds, inclusive, shape (rules, columns)."""
    actions: tuple[str, ...] = ()
    """What each rule does, in its source's words; empty when the format has none."""
    sources: tuple[str, ...] = ()
    """Where each rule comes from, ``file:line: text``; empty when unknown."""
    losses: Losses = field(default_factory=Losses)
    """What its importer could not carry over as it is; see `mlsys4sys.neurocuts.losses`."""

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.uint32)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shape = (len(self.low), self.columns)
        if self.low.shape != shape or self.high.shape != shape:
            raise InputError(f"bounds have shapes {self.low.shape} and {self.high.shape}, not (rules, {self.columns})")
        wrong = (self.low > self.high) | (self.high > self.maxima)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            bounds = f"{self.low[row, column]} : {self.high[row, column]}"
            raise RuleError(f"range {bounds} of {self.column_names[column]} is empty or too wide", line=row + 1)
        for name in ("actions", "sources"):
            if getattr(self, name) and len(getattr(self, name)) != len(self):
                raise InputError(f"{len(getattr(self, name))} {name} for {len(self)} rules")

    def __len__(self) -> int:
        return len(self.low)

    def __eq__(self, other: object) -> bool:
        """The same fields and boxes in the same order; actions and sources do not count."""
        if not isinstance(other, RuleSet):
            return NotImplemented
        same = self.fields == other.fields and len(self) == len(other)
        return same and bool((self.low == other.low).all() and (self.high == other.high).all())

    __hash__ = None  # type: ignore[assignment]

    @property
    def columns(self) -> int:
        """32-bit words of a packet."""
        return sum(field.columns for field in self.fields)

    @cached_property
    def maxima(self) -> NDArray[np.uint32]:
        """Highest value of each column, shape (columns,)."""
        return np.array([word for field in self.fields for word in field.maxima], np.uint32)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """``src`` for a field of one column, ``src[0]`` … for a wider one."""
        return tuple(
            field.name if field.columns == 1 else f"{field.name}[{word}]"
            for field in self.fields
            for word in range(field.columns)
        )

    def take(self, rows: ArrayLike) -> RuleSet:
        """The rules of ``rows`` (indices or a mask), in that order."""
        wanted = np.asarray(rows)
        chosen = np.arange(len(self))[wanted if wanted.size else wanted.astype(np.intp)]
        return RuleSet(
            fields=self.fields,
            low=self.low[chosen],
            high=self.high[chosen],
            actions=tuple(self.actions[i] for i in chosen) if self.actions else (),
            sources=tuple(self.sources[i] for i in chosen) if self.sources else (),
            losses=self.losses,
        )

    def packets(self, values: ArrayLike) -> Words:
        """Check packets: shape (n, columns) of ``uint32``; copies only when it must.

        Raises:
            InputError: another shape, or a value outside its column.
        """
        array = np.asarray(values)
        if array.ndim != 2 or array.shape[1] != self.columns:
            names = ", ".join(self.column_names)
            raise InputError(f"packets have shape {array.shape}, not (n, {self.columns}): {names}")
        if array.dtype != np.uint32:
            if not np.issubdtype(array.dtype, np.integer):
                raise InputError(f"packets are {array.dtype}, not integers")
            if array.size and (int(array.min()) < 0 or int(array.max()) > 0xFFFFFFFF):
                raise InputError("packets hold values outside 0..2^32-1")
            array = array.astype(np.uint32)
        return np.ascontiguousarray(array)

    def show(self, packet: Sequence[int]) -> str:
        """A packet's columns in words: addresses as such, names of values where a field has them.

        >>> RuleSet.from_ranges([]).show([0x0A000001, 0x0A000002, 1234, 80, 6])
        'src 10.0.0.1, dst 10.0.0.2, sport 1234, dport 80, proto 6'
        """
        parts, at = [], 0
        for own in self.fields:
            value = 0
            for word in packet[at : at + own.columns]:
                value = value << WORD_BITS | int(word)
            at += own.columns
            text = str(value)
            if own.name in ("src", "dst") and own.bits in (32, 128):
                text = str(ipaddress.IPv4Address(value) if own.bits == 32 else ipaddress.IPv6Address(value))
            elif value < len(own.values):
                text = own.values[value]
            parts.append(f"{own.name} {text}")
        return ", ".join(parts)

    def classify_linear(self, packets: ArrayLike, *, rules_at_once: int = 64) -> Matches:
        """The definition of right: the first rule that holds each packet, -1 for none; shape (n,) ``int32``."""
        words = self.packets(packets)
        found = np.full(len(words), -1, np.int32)
        waiting = np.arange(len(words))
        for start in range(0, len(self), rules_at_once):
            if not len(waiting):
                break
            stop = min(start + rules_at_once, len(self))
            hit = np.ones((len(waiting), stop - start), bool)
            for column in range(self.columns):
                value = words[waiting, column, None]
                hit &= (value >= self.low[start:stop, column]) & (value <= self.high[start:stop, column])
            any_hit = hit.any(axis=1)
            found[waiting[any_hit]] = start + hit[any_hit].argmax(axis=1)
            waiting = waiting[~any_hit]
        return found

    @classmethod
    def from_ranges(
        cls,
        rules: Iterable[Sequence[tuple[int, int]]],
        *,
        fields: tuple[Field, ...] = IPV4,
        actions: Sequence[str] = (),
        sources: Sequence[str] = (),
    ) -> RuleSet:
        """Rules as inclusive ``(low, high)`` pairs, one a *column*."""
        rows = [list(rule) for rule in rules]
        width = sum(field.columns for field in fields)
        for number, rule in enumerate(rows, start=1):
            if len(rule) != width or not all(0 <= low <= high <= 0xFFFFFFFF for low, high in rule):
                raise RuleError(f"not {width} ranges with 0 <= low <= high < 2^32: {rule}", line=number)
        bounds = np.array(rows, np.uint32).reshape(len(rows), width, 2)
        return cls(
            fields=fields, low=bounds[..., 0], high=bounds[..., 1], actions=tuple(actions), sources=tuple(sources)
        )

    @classmethod
    def from_classbench(cls, path: str | Path) -> RuleSet:
        """A file in ClassBench's format, IPv4 or IPv6 (not both).

        A line is ``@src/len dst/len lo : hi lo : hi proto/mask [flags/mask …]``. The TCP flags do not take part in the
        five-tuple, as in all published comparisons; what follows them is kept as the action.

        Raises:
            DataError: the file cannot be read.
            RuleError: a line is no rule; says line and column.
        """
        source = Path(path)
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{source}: cannot be read ({error})") from None
        return cls.parse_classbench(text, name=source.name)

    @classmethod
    def parse_classbench(cls, text: str, *, name: str = "rules") -> RuleSet:
        """The same from text; blank lines and lines that begin with ``#`` are skipped."""
        low, high, sources, actions = [], [], [], []
        fields: tuple[Field, ...] | None = None
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                own, lows, highs, action = _parse_line(line)
            except RuleError as error:
                raise RuleError(error.message, source=name, line=number, column=error.column) from None
            if fields is not None and own != fields:
                raise RuleError("IPv4 and IPv6 rules in one file: separate them", source=name, line=number)
            fields = own
            low.append(lows)
            high.append(highs)
            actions.append(action)
            sources.append(f"{name}:{number}: {line.strip()}")
        fields = fields or IPV4
        width = sum(field.columns for field in fields)
        return cls(
            fields=fields,
            low=np.array(low, np.uint32).reshape(-1, width),
            high=np.array(high, np.uint32).reshape(-1, width),
            actions=tuple(actions) if any(actions) else (),
            sources=tuple(sources),
        )

    @classmethod
    def read(cls, path: str | Path, format: str | None = None, **options: Any) -> RuleSet:  # noqa: A002 - the users' word
        """A rule file of any format, told by its looks unless named; see `mlsys4sys.neurocuts.formats.read`."""
        from mlsys4sys.neurocuts import formats

        return formats.read(path, format, **options)

    @classmethod
    def from_iptables(
        cls,
        path: str | Path,
        *,
        chain: str | None = None,
        table: str = "filter",
        version: int | None = None,
        unknown: str = "field",
        given: Mapping[str, str] | None = None,
    ) -> RuleSet:
        """What ``iptables-save`` or ``ip6tables-save`` printed, followed from one base chain.

        Args:
            path: The file; ``-`` is stdin.
            chain: The base chain; None for INPUT, or for the only one with rules.
            table: Its table.
            version: 4 or 6; None to tell by the file.
            unknown: What becomes of conditions outside the five-tuple, here and in the other importers: ``"field"``
                keeps each as a column of its own (exact), ``"allow"`` takes them as met in allowing rules and as not
                met in others, ``"deny"`` the reverse. Either way they are listed in `losses`.
            given: Values of such fields that hold, such as ``{"ctstate": "NEW", "iif": "eth0"}``.

        Raises:
            DataError: The file cannot be read.
            RuleError: It cannot be understood; says line and column.
        """
        return cls.read(path, "iptables", chain=chain, table=table, version=version, unknown=unknown, given=given)

    @classmethod
    def from_nft(
        cls,
        path: str | Path,
        *,
        chain: str | None = None,
        table: str | None = None,
        version: int | None = None,
        unknown: str = "field",
        given: Mapping[str, str] | None = None,
    ) -> RuleSet:
        """What ``nft -j list ruleset`` printed, followed from one base chain; arguments as for `from_iptables`."""
        return cls.read(path, "nft", chain=chain, table=table, version=version, unknown=unknown, given=given)

    @classmethod
    def from_aws(
        cls,
        path: str | Path,
        *,
        egress: bool = False,
        group: str | None = None,
        version: int | None = None,
        unknown: str = "field",
        given: Mapping[str, str] | None = None,
    ) -> RuleSet:
        """Security groups or a network ACL as ``aws ec2 describe-…`` printed them; by default for packets coming in."""
        return cls.read(path, "aws", egress=egress, group=group, version=version, unknown=unknown, given=given)

    @classmethod
    def from_cisco(
        cls,
        path: str | Path,
        *,
        acl: str | None = None,
        version: int | None = None,
        unknown: str = "field",
        given: Mapping[str, str] | None = None,
    ) -> RuleSet:
        """An access list of Cisco IOS or ASA, by name or number where the file has several."""
        return cls.read(path, "cisco", acl=acl, version=version, unknown=unknown, given=given)

    @classmethod
    def from_ovs(
        cls,
        path: str | Path,
        *,
        table: int = 0,
        version: int | None = None,
        unknown: str = "field",
        given: Mapping[str, str] | None = None,
    ) -> RuleSet:
        """The flows of one table as ``ovs-ofctl dump-flows`` printed them."""
        return cls.read(path, "ovs", table=table, version=version, unknown=unknown, given=given)

    @classmethod
    def from_csv(
        cls, path: str | Path, *, fields: Sequence[Field] | None = None, version: int | None = None
    ) -> RuleSet:
        """A CSV file with a column a field and an optional ``action``; ``fields`` for others than the five-tuple."""
        return cls.read(path, "csv", fields=fields, version=version)

    @classmethod
    def from_frame(cls, frame: Any, *, fields: Sequence[Field] | None = None, version: int | None = None) -> RuleSet:
        """The same from a data frame."""
        from mlsys4sys.neurocuts import formats

        return formats.from_frame(frame, fields=fields, version=version)

    @classmethod
    def from_cidr(cls, path: str | Path, *, on: str = "src", version: int | None = None) -> RuleSet:
        """A list of CIDR blocks, a line each, on source or destination addresses."""
        return cls.read(path, "cidr", on=on, version=version)

    def to_classbench(self) -> str:
        """The rules in ClassBench's format.

        Raises:
            RuleError: fields are not the five-tuple, an address range is no prefix, or the protocol is a range.
        """
        if self.fields not in (IPV4, IPV6):
            raise RuleError("only the five-tuple over IPv4 or IPv6 can be written in ClassBench's format")
        return "".join(_format_line(self, row) + "\n" for row in range(len(self)))


def wide_boxes(field: Field, low: int, high: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The boxes over a field's columns that together are the range ``[low, high]``: one when it is a single column.

    >>> list(wide_boxes(Field("a", 64), 5, (1 << 32) + 1))
    [((0, 5), (0, 4294967295)), ((1, 0), (1, 1))]
    """
    if not low <= high:
        raise RuleError(f"range {low} : {high} of {field.name} is empty")
    yield from _word_boxes(field.words(low), field.words(high), field.maxima)


def _word_boxes(
    low: tuple[int, ...], high: tuple[int, ...], maxima: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    rest, full = tuple(0 for _ in low[1:]), maxima[1:]
    if len(low) == 1 or (low[1:] == rest and high[1:] == full):
        yield (low[0], *rest), (high[0], *full)
        return
    if low[0] == high[0]:
        yield from (((low[0], *a), (low[0], *b)) for a, b in _word_boxes(low[1:], high[1:], full))
        return
    first, last = low[0], high[0]
    if low[1:] != rest:
        yield from (((first, *a), (first, *b)) for a, b in _word_boxes(low[1:], full, full))
        first += 1
    if high[1:] != full:
        last -= 1
    if first <= last:
        yield (first, *rest), (last, *full)
    if high[1:] != full:
        yield from (((high[0], *a), (high[0], *b)) for a, b in _word_boxes(rest, high[1:], full))


_LINE = re.compile(
    r"@(?P<src>[0-9a-fA-F.:]+)/(?P<slen>\d{1,3})\s+(?P<dst>[0-9a-fA-F.:]+)/(?P<dlen>\d{1,3})"
    r"\s+(?P<slo>\d{1,5})\s*:\s*(?P<shi>\d{1,5})\s+(?P<dlo>\d{1,5})\s*:\s*(?P<dhi>\d{1,5})"
    r"\s+(?P<proto>0[xX][0-9a-fA-F]{1,2}|\d{1,3})/(?P<mask>0[xX][0-9a-fA-F]{1,2}|\d{1,3})"
    r"(?:\s+0[xX][0-9a-fA-F]{1,4}/0[xX][0-9a-fA-F]{1,4})?(?P<action>\s+\S.*)?\s*"
)

_Parsed = tuple[tuple[Field, ...], list[int], list[int], str]


def _parse_line(line: str) -> _Parsed:
    """One ClassBench line as (fields, lower words, upper words, action)."""
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise RuleError("not a ClassBench rule: @src/len dst/len lo : hi lo : hi proto/mask", column=_first_wrong(line))
    low: list[int] = []
    high: list[int] = []
    versions = set()
    for address, length in (("src", "slen"), ("dst", "dlen")):
        version, lows, highs = _prefix(found, address, length)
        versions.add(version)
        low += lows
        high += highs
    if len(versions) > 1:
        raise RuleError("one address is IPv4 and the other IPv6", column=found.start("dst") + 1)
    for start, end in (("slo", "shi"), ("dlo", "dhi")):
        first, last = int(found[start]), int(found[end])
        if first > last or last > 0xFFFF:
            raise RuleError(f"port range {first} : {last} is empty or above 65535", column=found.start(start) + 1)
        low.append(first)
        high.append(last)
    first, last = _protocol(found)
    fields = IPV4 if 4 in versions else IPV6
    return fields, [*low, first], [*high, last], (found["action"] or "").strip()


def _prefix(found: re.Match[str], address: str, length: str) -> tuple[int, list[int], list[int]]:
    text, bits = found[address], int(found[length])
    try:
        parsed = _ipv4(text) if ":" not in text else ipaddress.ip_address(text)
    except ValueError:
        raise RuleError(f"{text} is no address", column=found.start(address) + 1) from None
    width = 32 if isinstance(parsed, int) else parsed.max_prefixlen
    if bits > width:
        raise RuleError(f"prefix length {bits} is above {width}", column=found.start(length) + 1)
    span = (1 << width - bits) - 1
    first = int(parsed) & ~span
    field = Field(address, width)
    return (4 if width == 32 else 6), list(field.words(first)), list(field.words(first | span))


def _ipv4(text: str) -> int:
    parts = [int(part) for part in text.split(".")]
    if len(parts) != 4 or max(parts) > 255:
        raise ValueError(text)
    return parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]


def _protocol(found: re.Match[str]) -> tuple[int, int]:
    value, mask = int(found["proto"], 0), int(found["mask"], 0)
    if value > 255 or mask > 255:
        raise RuleError(f"protocol {value}/{mask} is above 255", column=found.start("proto") + 1)
    span = 255 ^ mask
    if span & (span + 1):
        raise RuleError(f"protocol mask {found['mask']} is no prefix", column=found.start("mask") + 1)
    return value & mask, value & mask | span


def _first_wrong(line: str) -> int:
    """1-based column at which a line stops to look like a rule."""
    text = line.rstrip()
    pieces = (r"\s*@", r"[0-9a-fA-F.:]+/\d{1,3}\s+", r"[0-9a-fA-F.:]+/\d{1,3}\s+") + (r"\d{1,5}\s*:\s*\d{1,5}\s+",) * 2
    at = 0
    for piece in pieces:
        match = re.compile(piece).match(text, at)
        if match is None:
            break
        at = match.end()
    return at + 1


def _format_line(rules: RuleSet, row: int) -> str:
    low, high = rules.low[row].tolist(), rules.high[row].tolist()
    words = rules.fields[0].columns
    addresses = [_format_prefix(low[start : start + words], high[start : start + words], row) for start in (0, words)]
    ports = [f"{low[column]} : {high[column]}" for column in (2 * words, 2 * words + 1)]
    proto, last = low[-1], high[-1]
    span = proto ^ last
    if span & (span + 1) or proto & span:
        raise RuleError(f"protocol range {proto} : {last} is no prefix", line=row + 1)
    line = f"@{addresses[0]}\t{addresses[1]}\t{ports[0]}\t{ports[1]}\t0x{proto:02x}/0x{255 ^ span:02X}"
    action = rules.actions[row] if rules.actions else ""
    return f"{line}\t0x0000/0x0000\t{action}".rstrip()


def _format_prefix(low: list[int], high: list[int], row: int) -> str:
    first = last = 0
    for a, b in zip(low, high, strict=True):
        first, last = first << WORD_BITS | a, last << WORD_BITS | b
    width = WORD_BITS * len(low)
    span = first ^ last
    if span & (span + 1) or first & span:
        raise RuleError("an address range is no prefix: split it into prefixes first", line=row + 1)
    address = ipaddress.IPv4Address(first) if width == 32 else ipaddress.IPv6Address(first)
    return f"{address}/{width - span.bit_length()}"
