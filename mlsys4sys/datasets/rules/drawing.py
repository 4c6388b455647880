"""Rule sets drawn from a profile: 1,000 to 500,000 rules in seconds, the same again for the same seed.

After Taylor and Turner, ClassBench: A Packet Classification Benchmark, INFOCOM 2005 (sections IV and V), written anew
from its description: protocol, port pair and prefix lengths first, then the bits of all source addresses level by
level of a binary trie, then those of the destinations, which follow their sources as far as the profile says.
Differences: the levels are drawn for all rules at once in numpy; skews vary about their mean from node to node; rules
that came out twice are replaced, so that a set has as many as asked wherever the profile has that many; order is by a
weighted sum of the free bits of each column (weights drawn for each set), which puts what is inside a rule before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.datasets.rules.analyse import bit
from mlsys4sys.datasets.rules.families import (
    ANY_PROTOCOL,
    HIGH,
    LOW,
    PORT_CLASSES,
    Branching,
    Curve,
    Ports,
    Profile,
    at_depths,
    find,
)
from mlsys4sys.errors import InputError

VERSION = 1
"""Raised when the same profile, number and seed give other rules."""
MOST_RULES = 2_000_000
ROUNDS = 4
"""Of drawing more rules in place of those that came out twice."""

Words = NDArray[np.uint32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FilterSet:
    """Rules as boxes, row 0 before row 1.

    Attributes:
        low: Lower bounds, inclusive, shape (rules, 5) for IPv4, (rules, 11) for IPv6 (addresses of four words, most
            significant first): source, destination, source port, destination port, protocol.
        high: Upper bounds.
    """

    low: Words
    high: Words

    def __len__(self) -> int:
        return len(self.low)

    @property
    def bits(self) -> int:
        """Of an address."""
        return 32 * ((int(self.low.shape[1]) - 3) // 2)

    def text(self) -> str:
        """The rules in ClassBench's format."""
        return "".join(
            _line(low, high, self.bits) for low, high in zip(self.low.tolist(), self.high.tolist(), strict=True)
        )

    def checksum(self) -> str:
        """Sixteen hexadecimal digits over all bounds in order."""
        digest = hashlib.sha256()
        for bounds in (self.low, self.high):
            digest.update(np.ascontiguousarray(bounds, "<u4").tobytes())
        return digest.hexdigest()[:16]


def generate(
    profile: Profile | str, rules: int, *, seed: int = 0, smoothing: int = 0, scope: tuple[float, float] = (0.0, 0.0)
) -> FilterSet:
    """Draw a rule set.

    Args:
        profile: A profile, or the name of one (`names()`).
        rules: How many; fewer come back when the profile has no more (it says how many by `len`).
        seed: The same profile, number and seed are the same rules.
        smoothing: Bits by which prefix lengths are spread about the profile's, binomially; 0 keeps them.
        scope: Bias of (ports, addresses) in -1..1: above 0 towards more specific classes and longer prefixes.

    Raises:
        InputError: a number is out of range.
    """
    wanted = find(profile) if isinstance(profile, str) else profile
    if not 0 <= rules <= MOST_RULES:
        raise InputError(f"rules must be in 0..{MOST_RULES}, not {rules}")
    if not 0 <= smoothing <= 64 or not all(-1 <= bias <= 1 for bias in scope):
        raise InputError(f"smoothing must be in 0..64 and scopes in -1..1, not {smoothing} and {scope}")
    rng = np.random.default_rng([VERSION, seed, rules])
    wanted = _with_drawn_ports(wanted, rng)
    low = high = np.zeros((0, 2 * (wanted.bits // 32) + 3), np.uint32)
    for _ in range(ROUNDS):
        missing = rules - len(low)
        if missing <= 0:
            break
        more = _draw(wanted, missing + missing // 8 + 16, rules, rng, smoothing, scope)
        low, high = _distinct(np.concatenate((low, more[0])), np.concatenate((high, more[1])))
    low, high = low[:rules], high[:rules]
    order = _order(low, high, rng)
    return FilterSet(low[order], high[order])


def vary(profile: Profile, rng: np.random.Generator, *, amount: float = 0.5) -> Profile:
    """A profile of the same kind whose weights and curves are drawn about those of ``profile``.

    Args:
        profile: What to start from.
        rng: Chance.
        amount: Standard deviation of the logarithm of weights; curves move by up to a quarter of it.
    """

    def heavier(weight: float) -> float:
        return weight * float(np.exp(amount * rng.standard_normal()))

    def moved(curve: Curve) -> Curve:
        shift = amount / 4 * float(rng.standard_normal())
        return tuple((depth, float(np.clip(value + shift * (0 < value < 1), 0, 1))) for depth, value in curve)

    def branching(old: Branching) -> Branching:
        return Branching(moved(old.two), moved(old.skew), max(1, old.nesting + int(rng.integers(-1, 2))))

    return replace(
        profile,
        protocols=tuple(
            (value, heavier(weight), {pair: heavier(share) for pair, share in pairs.items()})
            for value, weight, pairs in profile.protocols
        ),
        lengths={
            pair: tuple((source, destination, heavier(weight)) for source, destination, weight in rows)
            for pair, rows in profile.lengths.items()
        },
        source=branching(profile.source),
        destination=branching(profile.destination),
        correlation=moved(profile.correlation),
    )


def _with_drawn_ports(profile: Profile, rng: np.random.Generator) -> Profile:
    """Adds the ports that each rule set draws for itself, with Zipf's weights."""

    def more(ports: Ports) -> Ports:
        if not ports.drawn or not ports.drawn_share:
            return ports
        drawn = rng.integers(1024, 65536, ports.drawn).tolist()
        weights = 1 / np.arange(1, ports.drawn + 1) ** 0.7
        total = sum(weight for _, weight in ports.exact)
        weights *= total * ports.drawn_share / (1 - min(ports.drawn_share, 0.99)) / weights.sum()
        return replace(ports, exact=ports.exact + tuple(zip(drawn, weights.tolist(), strict=True)))

    return replace(profile, source_ports=more(profile.source_ports), destination_ports=more(profile.destination_ports))


def _draw(
    profile: Profile, n: int, scale: int, rng: np.random.Generator, smoothing: int, scope: tuple[float, float]
) -> tuple[Words, Words]:
    words = profile.bits // 32
    low, high = np.zeros((2, n, 2 * words + 3), np.uint32)
    protocol, pair = _protocols_and_pairs(profile, n, rng, scope[0])
    low[:, -1] = np.where(protocol == ANY_PROTOCOL, 0, protocol)
    high[:, -1] = np.where(protocol == ANY_PROTOCOL, 255, protocol)
    for column, classes, ports in (
        (2 * words, pair // 5, profile.source_ports),
        (2 * words + 1, pair % 5, profile.destination_ports),
    ):
        low[:, column], high[:, column] = _port_bounds(classes, ports, rng)
    lengths = _lengths(profile, pair, rng, smoothing, scope[1])
    factor = max(1.0, scale / profile.scale)
    source = addresses(lengths[0], profile.source, profile.bits, factor, rng)
    destination = addresses(
        lengths[1], profile.destination, profile.bits, factor, rng, (source, lengths[0], profile.correlation)
    )
    for first, values, length in ((0, source, lengths[0]), (words, destination, lengths[1])):
        low[:, first : first + words] = values
        high[:, first : first + words] = values | _free_bits(length, words)
    return low, high


def _protocols_and_pairs(profile: Profile, n: int, rng: np.random.Generator, bias: float) -> tuple[Ints, Ints]:
    """Protocol and 5 * source class + destination class of each rule."""
    which = _weighted([weight for _, weight, _ in profile.protocols], n, rng)
    protocol = np.array([value for value, _, _ in profile.protocols])[which]
    pair = np.zeros(n, np.int64)
    for number, (_, _, shares) in enumerate(profile.protocols):
        mine = which == number
        classes = [name.split("-") for name in shares]
        codes = np.array([5 * PORT_CLASSES.index(a) + PORT_CLASSES.index(b) for a, b in classes])
        order = np.argsort(codes // 5 + codes % 5, kind="stable")  # less specific ones first
        drawn = _weighted(np.array(list(shares.values()))[order], int(mine.sum()), rng, bias)
        pair[mine] = codes[order][drawn]
    return protocol, pair


def _port_bounds(classes: Ints, ports: Ports, rng: np.random.Generator) -> tuple[Ints, Ints]:
    n = len(classes)
    exact = np.array([port for port, _ in ports.exact])[_weighted([w for _, w in ports.exact], n, rng)]
    ranges = np.array([row[:2] for row in ports.ranges])[_weighted([row[2] for row in ports.ranges], n, rng)]
    low = np.array([0, HIGH[0], LOW[0], 0, 0])[classes]
    high = np.array([65535, HIGH[1], LOW[1], 0, 0])[classes]
    low += np.where(classes == 3, ranges[:, 0], 0) + np.where(classes == 4, exact, 0)
    high += np.where(classes == 3, ranges[:, 1], 0) + np.where(classes == 4, exact, 0)
    return low, high


def _lengths(profile: Profile, pair: Ints, rng: np.random.Generator, smoothing: int, bias: float) -> Ints:
    """Prefix lengths of source and destination, shape (2, rules)."""
    out = np.zeros((2, len(pair)), np.int64)
    for code in np.unique(pair):
        name = f"{PORT_CLASSES[code // 5]}-{PORT_CLASSES[code % 5]}"
        mine = pair == code
        rows = np.array(profile.lengths.get(name, profile.lengths["any"]))
        rows = rows[np.argsort(rows[:, 0] + rows[:, 1], kind="stable")]
        out[:, mine] = rows[_weighted(rows[:, 2], int(mine.sum()), rng, bias), :2].T.astype(np.int64)
    if smoothing:
        free = (out > 0) & (out < profile.bits)  # any address and single hosts stay what they are
        out += free * (rng.binomial(2 * smoothing, 0.5, out.shape) - smoothing)
        out = np.where(free, np.clip(out, 1, profile.bits), out)
    return out


def addresses(
    lengths: Ints,
    branching: Branching,
    bits: int,
    factor: float,
    rng: np.random.Generator,
    follow: tuple[Words, Ints, Curve] | None = None,
) -> Words:
    """Addresses of prefixes of given lengths, drawn level by level of a binary trie, shape (n, words).

    Args:
        lengths: Of each prefix, shape (n,).
        branching: Of the trie.
        bits: Of an address.
        factor: Larger than the profile's rule set by so much: the top branches more until that is used up.
        rng: Chance.
        follow: (addresses, lengths, correlation) of the sources that destinations follow.
    """
    two, skew = _scaled(at_depths(branching.two, bits), at_depths(branching.skew, bits), factor)
    out = np.zeros((len(lengths), bits // 32), np.uint32)
    order = np.arange(len(lengths))
    group, nested = np.zeros(len(lengths), np.int64), np.full(len(lengths), int((lengths == 0).any()))
    on_path = np.ones(len(lengths), bool)
    for depth in range(bits):
        order = order[lengths[order] > depth]
        if not len(order):
            break
        starts = np.concatenate(([0], np.flatnonzero(np.diff(group[order])) + 1))
        counts = np.diff(np.append(starts, len(order)))
        ends = lengths[order] == depth + 1
        taken = _split(counts, two[depth], skew[depth], rng)
        full = (nested[order[starts]] >= branching.nesting - 1) & np.logical_or.reduceat(ends, starts)
        side = rng.integers(0, 2, len(starts))
        if follow is not None:
            taken = _followed(taken, order, depth, on_path, follow, rng)
        # No deeper nesting: what ends here goes to one side, what goes on to the other.
        taken = np.where(np.repeat(full, counts), ends ^ np.repeat(side, counts).astype(bool), taken)
        if follow is not None:
            on_path[order] &= taken == bit(follow[0][order], depth).astype(bool)
        out[order, depth // 32] |= taken.astype(np.uint32) << np.uint32(31 - depth % 32)
        # A stable sort keeps the rules of a node in the order in which they were drawn.
        key = 2 * np.repeat(np.arange(len(starts)), counts) + taken
        by_key = np.argsort(key, kind="stable")
        order, key, ends = order[by_key], key[by_key], ends[by_key]
        firsts = np.concatenate(([0], np.flatnonzero(np.diff(key)) + 1))
        sizes = np.diff(np.append(firsts, len(order)))
        group[order] = np.repeat(np.arange(len(firsts)), sizes)
        nested[order] += np.repeat(np.logical_or.reduceat(ends, firsts), sizes)
    return out


def _split(counts: Ints, two: float, skew: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The next bit of each rule; rules come node by node, ``counts`` of each."""
    heavy_side = rng.integers(0, 2, len(counts)).astype(bool)
    own_skew = np.clip(skew + 0.15 * rng.standard_normal(len(counts)), 0, 0.98)
    heavy = np.clip(np.floor(counts / (2 - own_skew)), 1, counts - 1)
    heavy = np.where((counts > 1) & (rng.random(len(counts)) < two), heavy, counts)
    rank = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    sides: NDArray[np.bool_] = np.repeat(heavy_side, counts) ^ (rank >= np.repeat(heavy, counts))
    return sides


def _followed(
    taken: NDArray[np.bool_],
    order: Ints,
    depth: int,
    on_path: NDArray[np.bool_],
    follow: tuple[Words, Ints, Curve],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """The next bit of rules that are still on the path of their source: its bit, or the other to leave it."""
    source, lengths, correlation = follow
    chance = float(at_depths(correlation, depth + 1)[depth])
    on_path &= lengths > depth
    same = rng.random(len(order)) < chance
    return np.where(on_path[order], bit(source[order], depth).astype(bool) ^ ~same, taken)


def _scaled(two: NDArray[np.float64], skew: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Branch more from the top down until the growth has been used up."""
    two, skew = two.copy(), skew.copy()
    for depth in range(len(two)):
        if factor <= 1:
            break
        gain = 2 / (1 + two[depth])
        share = 1.0 if gain <= factor or gain == 1 else np.log(factor) / np.log(gain)
        two[depth] += share * (1 - two[depth])
        skew[depth] *= 1 - share
        factor /= gain
    return np.stack((two, skew))


def _weighted(
    weights: NDArray[np.float64] | list[float], n: int, rng: np.random.Generator, bias: float = 0.0
) -> NDArray[np.int64]:
    """Indices by weight; ``bias`` bends the uniform draw as ClassBench's scope does."""
    cumulative = np.cumsum(np.asarray(weights, np.float64))
    u = rng.random(n)
    u = u * (1 + bias * (1 - u)) if bias else u
    found: Ints = np.minimum(np.searchsorted(cumulative, u * cumulative[-1], side="right"), len(cumulative) - 1)
    return found


def _free_bits(lengths: Ints, words: int) -> Words:
    """Ones where a prefix leaves its address free, shape (n, words)."""
    kept = np.clip(lengths[:, None] - 32 * np.arange(words), 0, 32).astype(np.uint64)
    free: Words = (np.uint64(0xFFFFFFFF) >> kept).astype(np.uint32)
    return free


def _distinct(low: Words, high: Words) -> tuple[Words, Words]:
    """Without rules that stand before, in the order drawn."""
    rows = np.ascontiguousarray(np.hstack((low, high)))
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    first = np.sort(np.unique(keys, return_index=True)[1])
    return low[first], high[first]


def _order(low: Words, high: Words, rng: np.random.Generator) -> Ints:
    free = np.log2(high.astype(np.float64) - low + 1)
    weights = rng.uniform(0.2, 1.0, low.shape[1])
    return np.lexsort((rng.permutation(len(low)), np.round(free @ weights, 6)))


def _line(low: list[int], high: list[int], bits: int) -> str:
    words = bits // 32
    parts = []
    for first in (0, words):
        value = last = 0
        for word in range(first, first + words):
            value, last = value << 32 | low[word], last << 32 | high[word]
        address = IPv4Address(value) if bits == 32 else IPv6Address(value)
        parts.append(f"{address}/{bits - (value ^ last).bit_length()}")
    parts += [f"{low[column]} : {high[column]}" for column in (2 * words, 2 * words + 1)]
    parts.append(f"0x{low[-1]:02x}/0x{0 if high[-1] > low[-1] else 255:02X}")
    return "@" + "\t".join(parts) + "\n"
