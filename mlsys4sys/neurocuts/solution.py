"""What the user gets: a classifier that is proven, can be asked why, and lives in one file."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys import display
from mlsys4sys.errors import DataError, InputError
from mlsys4sys.neurocuts import pictures
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.losses import Losses
from mlsys4sys.neurocuts.pictures import Explanation
from mlsys4sys.neurocuts.portfolio import Constants
from mlsys4sys.neurocuts.problem import Field, Matches, RuleSet
from mlsys4sys.neurocuts.tree import ARRAYS, Tree, measure, walk
from mlsys4sys.neurocuts.updates import Rule, Updates
from mlsys4sys.neurocuts.verify import Certificate, certify

MAGIC = b"NEUROCUT"
VERSION = 2
HEAD = struct.Struct("<8sII32s")
"""Magic, version, length of the JSON that follows, SHA-256 of all behind this head."""
ALIGN = 64
PROTOCOLS = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "sctp": 132}
SAMPLE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What a classifier costs.

    Attributes:
        worst_accesses: The paper's time: nodes that the worst packet looks at.
        mean_accesses: The same on average over corners and insides of rules, drawn alike.
        depth: Nodes on the longest path.
        bytes_per_rule: By the paper's metric.
        size_bytes: Memory that lookups use, as laid out.
        nodes: Of the tree, leaves included.
        build_s: Seconds that building and proving took.
        origin: ``"search"``, or the heuristic that search did not beat.
    """

    worst_accesses: int
    mean_accesses: float
    depth: int
    bytes_per_rule: float
    size_bytes: int
    nodes: int
    build_s: float
    origin: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Classifier:
    """A proven decision tree over a rule set. Made by `mlsys4sys.neurocuts.ClassifierBuilder`."""

    rules: RuleSet
    tree: Tree
    certificate: Certificate
    origin: str = "search"
    build_s: float = 0.0
    constants: Constants | None = None
    """What a tuned tree was built with; new trees after changes are built alike."""

    @cached_property
    def lookup(self) -> Lookup:
        """The kernel's table, made at the first use."""
        return Lookup(self.tree, self.rules)

    def classify(self, packets: ArrayLike, *, out: NDArray[np.int32] | None = None, threads: int = 1) -> Matches:
        """First matching rule of each packet, -1 for none; see `mlsys4sys.neurocuts.lookup.Lookup.classify`."""
        return (self._changing or self.lookup).classify(packets, out=out, threads=threads)

    def match(self, **values: int | str) -> int:
        """First matching rule of one packet given by field: numbers, or addresses and protocols by name.

        Raises:
            InputError: A field is missing, unknown, or out of its range.
        """
        return (self._changing or self.lookup).one(self.packet(**values))

    @cached_property
    def updates(self) -> Updates:
        """Changes to the rules while lookups go on; from its first use on, `classify` and `match` answer through it."""
        return Updates(self.rules, self.tree, self.constants)

    @property
    def _changing(self) -> Updates | None:
        found: Updates | None = self.__dict__.get("updates")
        return found

    def insert(self, rule: Rule, priority: int) -> int:
        """Put a rule before row ``priority``; gives its id. See `mlsys4sys.neurocuts.updates.Updates.insert`."""
        return self.updates.insert(rule, priority)

    def insert_many(self, low: ArrayLike, high: ArrayLike, priorities: ArrayLike) -> NDArray[np.int32]:
        """The same for many rules at once: bounds of shape (n, columns), priorities (n,); gives their ids."""
        return self.updates.insert_many(low, high, priorities)

    def remove(self, rule_id: int) -> None:
        """Take a rule away: a row of ``rules`` or what `insert` gave."""
        self.updates.remove(rule_id)

    def remove_many(self, rule_ids: ArrayLike) -> None:
        """Take rules away."""
        self.updates.remove_many(rule_ids)

    def current(self) -> Classifier:
        """A classifier of the rules as they are now, proven, with rows as ids: to save, explain and measure."""
        if self._changing is None:
            return self
        rules, _ = self.updates.current()
        tree = self.updates.tree_for(rules)
        return Classifier(
            rules=rules,
            tree=tree,
            certificate=certify(tree, rules),
            origin=self.origin,
            constants=self.updates.constants,
        )

    def _unchanged(self) -> None:
        if self._changing is not None:
            raise InputError("the rules have changed since this classifier was built: ask its current()")

    def packet(self, **values: int | str) -> tuple[int, ...]:
        """A packet's columns from its fields."""
        names = [field.name for field in self.rules.fields]
        wrong = sorted(set(values) ^ set(names))
        if wrong:
            raise InputError(f"a packet of these rules has the fields {', '.join(names)}; check {wrong[0]!r}")
        return tuple(word for field in self.rules.fields for word in field.words(_number(field, values[field.name])))

    def explain(self, packet: Sequence[int] | None = None, **values: int | str) -> Explanation:
        """The path of one packet through the tree, given by columns or by fields."""
        self._unchanged()
        words = self.packet(**values) if packet is None else tuple(int(value) for value in packet)
        self.rules.packets([words])
        return pictures.explain(self.rules, self.tree, words)

    def all_matches(self, packets: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Every rule that holds each packet, by a scan; see `mlsys4sys.neurocuts.compare.all_matches`."""
        from mlsys4sys.neurocuts.compare import all_matches

        self._unchanged()
        return all_matches(self.rules, packets)

    @cached_property
    def stats(self) -> Stats:
        """What it costs; the mean is taken over `SAMPLE` packets, drawn from a fixed seed."""
        metric = measure(self.tree)
        visits = np.zeros(SAMPLE, np.int64)
        if len(self.rules):
            walk(self.tree, self.rules, self._sample(), visits=visits)
        return Stats(
            worst_accesses=metric.time,
            mean_accesses=float(visits.mean()) if len(self.rules) else 1.0,
            depth=metric.depth,
            bytes_per_rule=metric.bytes_per_rule,
            size_bytes=self.lookup.size_bytes,
            nodes=metric.nodes,
            build_s=self.build_s,
            origin=self.origin,
        )

    def _sample(self) -> NDArray[np.uint32]:
        rng = np.random.default_rng(0)
        row = rng.integers(0, len(self.rules), SAMPLE)
        low, high = self.rules.low[row].astype(np.int64), self.rules.high[row].astype(np.int64)
        corner = np.where(rng.random(low.shape) < 0.5, low, high)
        return np.where(rng.random((SAMPLE, 1)) < 0.5, corner, rng.integers(low, high + 1)).astype(np.uint32)

    def text(self, *, depth: int = 3) -> str:
        """The upper levels of the tree as text."""
        self._unchanged()
        return display.to_text(pictures.drawing(self.rules, self.tree, depth=depth))

    def dot(self, *, depth: int = 4) -> str:
        """The same for Graphviz."""
        self._unchanged()
        return display.to_dot(pictures.drawing(self.rules, self.tree, depth=depth))

    def html(self, path: str | Path, *, title: str = "Packet classifier", depth: int = 6) -> None:
        """Write one self-contained page: figures, the tree, the rules with their sources.

        Raises:
            DataError: The file cannot be written.
        """
        self._unchanged()
        _written(Path(path), pictures.page(self.rules, self.tree, title=title, depth=depth))

    def export_c(self, path: str | Path, *, name: str = "classifier") -> None:
        """Write a C header that needs nothing but ``stdint.h``; see `mlsys4sys.neurocuts.export`.

        Args:
            path: The header.
            name: What its names begin with: ``NAME_classify(const uint32_t packet[])``.
        """
        self.export(path, "c", name=name)

    def export_ebpf(self, path: str | Path, *, name: str = "classifier") -> None:
        """Write an XDP program in C, for five-tuples; its loop is bounded by this tree's worst case."""
        self.export(path, "ebpf", name=name)

    def export_dpdk(self, path: str | Path) -> None:
        """Write the rules as ``dpdk-test-acl`` reads them."""
        self.export(path, "dpdk")

    def export(self, path: str | Path, kind: str, *, name: str = "classifier") -> None:
        """Write it in one of the forms of `mlsys4sys.neurocuts.export.NAMES`.

        Raises:
            InputError: The form cannot hold these rules.
            DataError: The file cannot be written.
        """
        from mlsys4sys.neurocuts.export import export

        self._unchanged()
        _written(Path(path), export(self.rules, self.tree, kind, name=name))

    def save(self, path: str | Path) -> None:
        """Write rules and tree to one little-endian file with a checksum; it appears whole or not at all.

        The format: `HEAD`, JSON that gives the place, type and shape of each array, then the arrays, each on a
        multiple of 64 bytes, so that a reader may map the file.
        """
        self._unchanged()
        target = Path(path)
        arrays: dict[str, NDArray[Any]] = {"low": self.rules.low, "high": self.rules.high, **self.tree.arrays()}
        body = _body(arrays, self._about())
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            partial.write_bytes(body)
            partial.replace(target)
        except OSError as error:
            raise DataError(f"{target}: cannot be written ({error.strerror or error})") from None
        finally:
            partial.unlink(missing_ok=True)

    def _about(self) -> dict[str, Any]:
        return {
            "fields": [[field.name, field.bits, list(field.values)] for field in self.rules.fields],
            "losses": self.rules.losses.to_json(),
            "actions": list(self.rules.actions),
            "sources": list(self.rules.sources),
            "origin": self.origin,
            "build_s": self.build_s,
            "constants": asdict(self.constants) if self.constants else None,
        }

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """Read what `save` wrote, check it, and prove it anew.

        Raises:
            DataError: The file cannot be read, is no classifier, is damaged, or does not equal its own rules.
        """
        source = Path(path)
        try:
            data = source.read_bytes()
        except OSError as error:
            raise DataError(f"{source}: cannot be read ({error.strerror or error})") from None
        about, arrays = _parsed(data, str(source))
        try:
            rules = RuleSet(
                fields=tuple(
                    Field(str(name), int(bits), tuple(map(str, values))) for name, bits, values in about["fields"]
                ),
                low=arrays.pop("low"),
                high=arrays.pop("high"),
                actions=tuple(about["actions"]),
                sources=tuple(about["sources"]),
                losses=Losses.from_json(about["losses"]),
            )
            tree = Tree(columns=rules.columns, rules=len(rules), **arrays)
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{source}: is damaged ({error})") from None
        certificate = certify(tree, rules)
        if not certificate:
            raise DataError(f"{source}: its tree does not equal its rules: {certificate.counterexample}")
        origin, build_s = str(about.get("origin", "")), float(about.get("build_s", 0.0))
        try:
            constants = Constants.parsed(about["constants"]) if about.get("constants") else None
        except (TypeError, ValueError) as error:
            raise DataError(f"{source}: is damaged (constants: {error})") from None
        return cls(rules=rules, tree=tree, certificate=certificate, origin=origin, build_s=build_s, constants=constants)


def _written(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror or error})") from None


def _number(field: Field, value: int | str) -> int:
    if isinstance(value, int):
        return value
    if value.isdecimal() and value not in field.values:
        return int(value)
    if (named := field.named(value)) is not None:
        return named
    if value.lower() in PROTOCOLS and field.bits == 8:
        return PROTOCOLS[value.lower()]
    try:
        return int(ipaddress.ip_address(value))
    except ValueError:
        raise InputError(f"{field.name}: {value!r} is no number, address or protocol") from None


def _body(arrays: dict[str, NDArray[Any]], about: dict[str, Any]) -> bytes:
    places: dict[str, Any] = {}
    blob = bytearray()
    for name, array in arrays.items():
        blob += bytes(-len(blob) % ALIGN)
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        places[name] = [len(blob), little.dtype.str, list(little.shape)]
        blob += little.tobytes()
    text = json.dumps({**about, "arrays": places}).encode()
    text += b" " * (-(HEAD.size + len(text)) % ALIGN)
    behind = text + bytes(blob)
    return HEAD.pack(MAGIC, VERSION, len(text), hashlib.sha256(behind).digest()) + behind


def _parsed(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if len(data) < HEAD.size or data[:8] != MAGIC:
        raise DataError(f"{name}: is no classifier file")
    _, version, length, digest = HEAD.unpack_from(data)
    if version != VERSION:
        raise DataError(f"{name}: has format version {version}, and this program reads {VERSION}")
    behind = memoryview(data)[HEAD.size :]
    if hashlib.sha256(behind).digest() != digest:
        raise DataError(f"{name}: is damaged (its checksum differs); write it again")
    about = json.loads(bytes(behind[:length]))
    arrays = {}
    for key, (offset, dtype, shape) in about.pop("arrays").items():
        wanted = np.dtype(np.uint32) if key in ("low", "high") else np.dtype(ARRAYS[key])
        if np.dtype(dtype) != wanted.newbyteorder("<"):
            raise DataError(f"{name}: is damaged (array {key} is {dtype})")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[key] = np.frombuffer(behind, dtype, count, length + offset).reshape(shape).astype(wanted, copy=False)
    return about, arrays
