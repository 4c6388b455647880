"""What a family of rule sets looks like, as statistics: protocols, ports, prefix lengths, how addresses branch.

The kinds of statistics are those of Taylor and Turner, ClassBench: A Packet Classification Benchmark, INFOCOM 2005; the
profiles beside this file are our own.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import DataError, InputError

PORT_CLASSES = ("wc", "hi", "lo", "ar", "em")
"""Any port; 1024 and above; below 1024; some other range; one port."""
HIGH, LOW = (1024, 65535), (0, 1023)
ANY_PROTOCOL = -1

Curve = tuple[tuple[int, float], ...]
"""(depth, value) pairs, straight between them: depth counts bits of an address from its most significant one."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Which ports one side names.

    Attributes:
        exact: (port, weight) of single ports.
        ranges: (first, last, weight) of other ranges than the three classes that have a name.
        drawn: Single ports that each rule set draws for itself.
        drawn_share: Of the rules with a single port that take one of those.
    """

    exact: tuple[tuple[int, float], ...] = ((80, 1.0),)
    ranges: tuple[tuple[int, int, float], ...] = ((6000, 6063, 1.0),)
    drawn: int = 0
    drawn_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Branching:
    """How the addresses of one side spread over a binary trie.

    Attributes:
        two: Chance that a node with two rules or more has two children, by depth.
        skew: 1 - light / heavy of the rules below the two, by depth: 0 is balanced.
        nesting: Most prefixes inside one another.
    """

    two: Curve = ((0, 0.5),)
    skew: Curve = ((0, 0.5),)
    nesting: int = 6


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Statistics that rule sets are drawn from.

    Attributes:
        name: ``family-variant``.
        about: One sentence.
        bits: Of an address: 32 or 128.
        scale: Rules that `source` and `destination` describe; larger sets branch more near the top.
        protocols: (value or -1 for any, weight, port pairs such as ``"wc-em"`` with their weights).
        source_ports, destination_ports: Which ports.
        lengths: Port pair, or ``"any"`` → (source length, destination length, weight).
        source, destination: How addresses branch.
        correlation: Chance that the next bit of the destination is the source's, while all before were, by depth.
    """

    name: str
    about: str = ""
    bits: int = 32
    scale: int = 1000
    protocols: tuple[tuple[int, float, Mapping[str, float]], ...]
    source_ports: Ports = field(default_factory=Ports)
    destination_ports: Ports = field(default_factory=Ports)
    lengths: Mapping[str, tuple[tuple[int, int, float], ...]]
    source: Branching = field(default_factory=Branching)
    destination: Branching = field(default_factory=Branching)
    correlation: Curve = ((0, 0.0),)

    def __post_init__(self) -> None:
        if self.bits not in (32, 128):
            raise InputError(f"profile {self.name}: bits must be 32 or 128, not {self.bits}")
        if "any" not in self.lengths:
            raise InputError(f"profile {self.name}: lengths have no entry 'any'")
        for pairs in self.lengths.values():
            if not pairs or any(not (0 <= s <= self.bits and 0 <= d <= self.bits and w >= 0) for s, d, w in pairs):
                raise InputError(f"profile {self.name}: prefix lengths must be in 0..{self.bits}, weights at least 0")
        for value, _, pairs_of in self.protocols:
            if not -1 <= value <= 255 or not pairs_of or not all(_is_pair(pair) for pair in pairs_of):
                raise InputError(
                    f"profile {self.name}: protocol {value} or its port pairs {list(pairs_of)} are unknown"
                )

    @property
    def family(self) -> str:
        """``acl``, ``fw``, ``ipc`` or a user's own."""
        return self.name.split("-", maxsplit=1)[0]

    def as_dict(self) -> dict[str, Any]:
        """JSON values; the inverse of :meth:`from_dict`."""
        return {
            "name": self.name,
            "about": self.about,
            "bits": self.bits,
            "scale": self.scale,
            "protocols": [[value, weight, dict(pairs)] for value, weight, pairs in self.protocols],
            "source_ports": _ports_dict(self.source_ports),
            "destination_ports": _ports_dict(self.destination_ports),
            "lengths": {pair: [list(row) for row in rows] for pair, rows in self.lengths.items()},
            "source": _branching_dict(self.source),
            "destination": _branching_dict(self.destination),
            "correlation": [list(knot) for knot in self.correlation],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Profile:
        """A profile from JSON or TOML values.

        Raises:
            InputError: something is missing or of the wrong kind.
        """
        try:
            return cls(
                name=str(values["name"]),
                about=str(values.get("about", "")),
                bits=int(values.get("bits", 32)),
                scale=int(values.get("scale", 1000)),
                protocols=tuple(
                    (int(value), float(weight), {str(pair): float(share) for pair, share in pairs.items()})
                    for value, weight, pairs in values["protocols"]
                ),
                source_ports=_ports(values.get("source_ports", {})),
                destination_ports=_ports(values.get("destination_ports", {})),
                lengths={
                    str(pair): tuple((int(s), int(d), float(w)) for s, d, w in rows)
                    for pair, rows in values["lengths"].items()
                },
                source=_branching(values.get("source", {})),
                destination=_branching(values.get("destination", {})),
                correlation=_curve(values.get("correlation", ((0, 0.0),))),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"not a profile of rules: {type(error).__name__} {error}") from None

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        try:
            Path(path).write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read a JSON or TOML file.

        Raises:
            DataError: it cannot be read.
            InputError: it is no profile.
        """
        source = Path(path)
        try:
            text = source.read_text(encoding="utf-8")
            values = tomllib.loads(text) if source.suffix == ".toml" else json.loads(text)
        except (OSError, ValueError) as error:
            raise DataError(f"{source}: cannot be read as a profile ({error})") from None
        if not isinstance(values, dict):
            raise InputError(f"{source}: not a profile of rules")
        return cls.from_dict(values)


def at_depths(curve: Curve, bits: int) -> NDArray[np.float64]:
    """The curve's values at depths 0 to ``bits`` - 1."""
    depths, values = zip(*curve, strict=True)
    found: NDArray[np.float64] = np.interp(np.arange(bits), depths, values)
    return found


def names() -> list[str]:
    """The profiles that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def find(name: str) -> Profile:
    """A profile of the package, or a user's own by the path of its file.

    Raises:
        InputError: there is none of this name.
    """
    if name in names():
        return Profile.from_dict(tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8")))
    if name.endswith((".json", ".toml")):
        return Profile.load(name)
    raise InputError(f"no profile {name!r}; there are {', '.join(names())}, or give a .json or .toml file")


def _folder() -> Any:
    return resources.files(__package__) / "profiles"


def _is_pair(pair: str) -> bool:
    source, _, destination = pair.partition("-")
    return source in PORT_CLASSES and destination in PORT_CLASSES


def _curve(knots: Any) -> Curve:
    return tuple((int(depth), float(value)) for depth, value in knots)


def _branching(values: Mapping[str, Any]) -> Branching:
    usual = Branching()
    return Branching(
        two=_curve(values.get("two", usual.two)),
        skew=_curve(values.get("skew", usual.skew)),
        nesting=int(values.get("nesting", usual.nesting)),
    )


def _branching_dict(branching: Branching) -> dict[str, Any]:
    return {
        "two": [list(knot) for knot in branching.two],
        "skew": [list(knot) for knot in branching.skew],
        "nesting": branching.nesting,
    }


def _ports(values: Mapping[str, Any]) -> Ports:
    usual = Ports()
    return Ports(
        exact=tuple((int(port), float(weight)) for port, weight in values.get("exact", usual.exact)),
        ranges=tuple((int(a), int(b), float(w)) for a, b, w in values.get("ranges", usual.ranges)),
        drawn=int(values.get("drawn", 0)),
        drawn_share=float(values.get("drawn_share", 0.0)),
    )


def _ports_dict(ports: Ports) -> dict[str, Any]:
    return {
        "exact": [list(row) for row in ports.exact],
        "ranges": [list(row) for row in ports.ranges],
        "drawn": ports.drawn,
        "drawn_share": ports.drawn_share,
    }
