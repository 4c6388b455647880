"""The profile of a rule set: statistics only, from which no rule can be read back."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys.datasets.rules.families import ANY_PROTOCOL, HIGH, LOW, PORT_CLASSES, Branching, Curve, Ports, Profile
from mlsys4sys.errors import InputError

Words = NDArray[np.uint32]
FEWEST = 12
"""Rules of a port pair from which it gets a table of prefix lengths of its own."""
MOST_PORTS = 400


def profile(low: ArrayLike, high: ArrayLike, *, name: str = "own-rules", about: str = "") -> Profile:
    """Measure a rule set.

    Args:
        low: Lower bounds, inclusive, shape (rules, 5) for IPv4 or (rules, 11) for IPv6, in order source, destination,
            source port, destination port, protocol.
        high: Upper bounds.
        name: Of the profile.
        about: A sentence on it.

    Raises:
        InputError: other shapes, or no rule.
    """
    lows, highs = np.asarray(low, np.uint32), np.asarray(high, np.uint32)
    if lows.shape != highs.shape or lows.ndim != 2 or lows.shape[1] not in (5, 11) or not len(lows):
        raise InputError(f"bounds have shapes {lows.shape} and {highs.shape}, not (rules, 5) or (rules, 11)")
    words = 1 if lows.shape[1] == 5 else 4
    bits = 32 * words
    lengths = [prefix_lengths(lows[:, s], highs[:, s]) for s in (slice(0, words), slice(words, 2 * words))]
    ports = [port_classes(lows[:, c], highs[:, c]) for c in (2 * words, 2 * words + 1)]
    pairs = np.char.add(np.char.add(np.array(PORT_CLASSES)[ports[0]], "-"), np.array(PORT_CLASSES)[ports[1]])
    protocol = np.where(highs[:, -1] > lows[:, -1], ANY_PROTOCOL, lows[:, -1].astype(np.int64))
    return Profile(
        name=name,
        about=about,
        bits=bits,
        scale=len(lows),
        protocols=tuple(
            (int(value), float(np.mean(protocol == value)), _shares(pairs[protocol == value]))
            for value in np.unique(protocol)
        ),
        source_ports=_port_list(lows[:, 2 * words], highs[:, 2 * words], ports[0]),
        destination_ports=_port_list(lows[:, 2 * words + 1], highs[:, 2 * words + 1], ports[1]),
        lengths=_length_tables(lengths[0], lengths[1], pairs),
        source=branching(lows[:, :words], lengths[0]),
        destination=branching(lows[:, words : 2 * words], lengths[1]),
        correlation=correlation(lows[:, :words], lengths[0], lows[:, words : 2 * words], lengths[1]),
    )


def prefix_lengths(low: Words, high: Words) -> NDArray[np.int64]:
    """Leading bits that two bounds share, shape (n, words) → (n,)."""
    differ = low ^ high
    out = np.full(len(low), 32 * low.shape[1], np.int64)
    for word in range(low.shape[1])[::-1]:
        free = np.zeros(len(low), np.int64)
        some = differ[:, word] > 0
        free[some] = np.floor(np.log2(differ[some, word].astype(np.float64))).astype(np.int64) + 1
        out[some] = 32 * (word + 1) - free[some]
    return out


def port_classes(low: NDArray[np.uint32], high: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Index into `PORT_CLASSES` of each range of ports."""
    out = np.full(len(low), 3)
    out[low == high] = 4
    for number, (first, last) in enumerate(((0, 65535), HIGH, LOW)):
        out[(low == first) & (high == last)] = number
    return out


def bit(addresses: Words, depth: int) -> NDArray[np.uint32]:
    """The bit at a depth, shape (n, words) → (n,)."""
    taken: NDArray[np.uint32] = addresses[:, depth // 32] >> np.uint32(31 - depth % 32) & np.uint32(1)
    return taken


def branching(addresses: Words, lengths: NDArray[np.int64]) -> Branching:
    """How prefixes branch, shapes (n, words) and (n,)."""
    order = np.lexsort((lengths, *addresses.T[::-1]))
    sorted_words, sorted_lengths = addresses[order], lengths[order]
    bits = 32 * addresses.shape[1]
    two, skew = [], []
    for depth in range(bits):
        active = sorted_lengths > depth
        if active.sum() < 2:
            break
        starts = _boundaries(sorted_words[active], depth)
        ones = np.add.reduceat(bit(sorted_words[active], depth).astype(np.int64), starts)
        counts = np.diff(np.append(starts, active.sum()))
        several = counts > 1
        light = np.minimum(ones, counts - ones)[several]
        if several.any():
            two.append((depth, round(float(np.mean(light > 0)), 4)))
        if (light > 0).any():
            heavy = counts[several] - light
            skew.append((depth, round(float(np.mean((1 - light / heavy)[light > 0])), 4)))
    return Branching(tuple(two) or ((0, 0.0),), tuple(skew) or ((0, 0.0),), _nesting(sorted_words, sorted_lengths))


def correlation(source: Words, source_lengths: ArrayLike, destination: Words, destination_lengths: ArrayLike) -> Curve:
    """Chance that the next bits agree while all before did, by depth."""
    shorter = np.minimum(np.asarray(source_lengths), np.asarray(destination_lengths))
    agree = np.ones(len(source), bool)
    knots = []
    for depth in range(32 * source.shape[1]):
        agree &= shorter > depth
        if not agree.any():
            break
        same = bit(source, depth) == bit(destination, depth)
        knots.append((depth, round(float(np.mean(same[agree])), 4)))
        agree &= same
    return tuple(knots) or ((0, 0.0),)


def _boundaries(addresses: Words, depth: int) -> NDArray[np.int64]:
    """Where runs of equal prefixes of a length start among sorted addresses."""
    changes = np.zeros(len(addresses) - 1, bool)
    for word in range((depth + 31) // 32):
        keep = min(32, depth - 32 * word)
        mask = np.uint32(0xFFFFFFFF & ~((1 << (32 - keep)) - 1))
        column = addresses[:, word] & mask
        changes |= column[1:] != column[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def _nesting(addresses: Words, lengths: NDArray[np.int64]) -> int:
    """Most prefixes inside one another; addresses sorted, shorter prefixes first."""
    deepest, open_prefixes = 0, [(-1, 0)]
    bits = 32 * addresses.shape[1]
    seen: tuple[int, int] | None = None
    for row, length in zip(addresses.tolist(), lengths.tolist(), strict=True):
        value = 0
        for word in row:
            value = value << 32 | word
        if seen == (value, length):
            continue
        seen = value, length
        while len(open_prefixes) > 1 and value >> (bits - open_prefixes[-1][1]) != open_prefixes[-1][0]:
            open_prefixes.pop()
        open_prefixes.append((value >> (bits - length), length))
        deepest = max(deepest, len(open_prefixes) - 1)
    return deepest


def _shares(values: NDArray[np.str_]) -> dict[str, float]:
    return {str(value): round(count / len(values), 5) for value, count in sorted(Counter(values.tolist()).items())}


def _port_list(low: NDArray[np.uint32], high: NDArray[np.uint32], classes: NDArray[np.int64]) -> Ports:
    exact = Counter(low[classes == 4].tolist()).most_common(MOST_PORTS)
    ranges = Counter(zip(low[classes == 3].tolist(), high[classes == 3].tolist(), strict=True)).most_common(MOST_PORTS)
    usual = Ports()
    return Ports(
        exact=tuple((port, float(count)) for port, count in sorted(exact)) or usual.exact,
        ranges=tuple((first, last, float(count)) for (first, last), count in sorted(ranges)) or usual.ranges,
    )


def _length_tables(
    source: NDArray[np.int64], destination: NDArray[np.int64], pairs: NDArray[np.str_]
) -> dict[str, tuple[tuple[int, int, float], ...]]:
    tables = {"any": _table(source, destination)}
    for pair, count in sorted(Counter(pairs.tolist()).items()):
        if FEWEST <= count < len(pairs):
            mine = pairs == pair
            tables[pair] = _table(source[mine], destination[mine])
    return tables


def _table(source: NDArray[np.int64], destination: NDArray[np.int64]) -> tuple[tuple[int, int, float], ...]:
    counts = Counter(zip(source.tolist(), destination.tolist(), strict=True))
    return tuple((s, d, float(count)) for (s, d), count in sorted(counts.items()))
