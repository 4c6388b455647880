"""Packets for a rule set, with the locality of traffic.

Kinds: ``uniform``: every packet is drawn alone. ``pareto``: a packet comes in a burst whose length is Pareto's, as in
ClassBench (Taylor and Turner, INFOCOM 2005, section VI). ``zipf``: a fixed number of flows, the k-th most popular of
which has a share like 1/k, so that caches matter as they do on a link.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys.errors import InputError

KINDS = ("uniform", "zipf", "pareto")

Words = NDArray[np.uint32]


def trace(
    low: ArrayLike,
    high: ArrayLike,
    packets: int,
    *,
    kind: str = "uniform",
    seed: int = 0,
    corners: float = 0.5,
    misses: float = 0.0,
    flows: int = 10_000,
    exponent: float = 1.0,
    burst: tuple[float, float] = (1.0, 0.1),
    maxima: ArrayLike | None = None,
) -> Words:
    """Draw packets, shape (packets, columns).

    A packet is a corner of a rule drawn alike, a point inside one, or any point at all. Which rule it meets first is
    for a classifier to say: one of higher priority may hold it too.

    Args:
        low: Lower bounds of the rules, inclusive, shape (rules, columns).
        high: Upper bounds.
        packets: How many.
        kind: One of `KINDS`.
        seed: The same arguments and seed are the same packets.
        corners: Share of corners among packets drawn from rules; the rest are points inside.
        misses: Share of packets drawn from the whole space, which mostly meet no rule.
        flows: Of ``zipf``.
        exponent: Of ``zipf``.
        burst: Shape and scale of ``pareto``: a burst is ceil(scale / (1 - u)^(1 / shape)) packets. ClassBench's own
            localities are (1, 0) for none, (1, 0.0001) for low, (1, 1) for high.
        maxima: Highest value of each column; None for the five-tuple over IPv4 or IPv6.

    Raises:
        InputError: an unknown kind, a share outside 0..1, or shapes that do not fit.
    """
    lows, highs = np.asarray(low, np.uint32), np.asarray(high, np.uint32)
    if lows.shape != highs.shape or lows.ndim != 2:
        raise InputError(f"bounds have shapes {lows.shape} and {highs.shape}, not (rules, columns) twice")
    if kind not in KINDS:
        raise InputError(f"no kind of trace {kind!r}; there are {', '.join(KINDS)}")
    if not (0 <= corners <= 1 and 0 <= misses <= 1) or packets < 0 or flows < 1 or burst[0] <= 0:
        raise InputError("shares must be in 0..1, packets at least 0, flows at least 1, the shape of bursts above 0")
    top = _maxima(lows.shape[1]) if maxima is None else np.asarray(maxima, np.uint32)
    rng = np.random.default_rng(seed)
    if kind == "uniform":
        return _points(lows, highs, top, packets, rng, corners, misses)
    if kind == "zipf":
        pool = _points(lows, highs, top, flows, rng, corners, misses)
        shares = np.cumsum(1.0 / np.arange(1, flows + 1) ** exponent)
        picked: Words = pool[np.minimum(np.searchsorted(shares, rng.random(packets) * shares[-1]), flows - 1)]
        return picked
    lengths = np.ceil(np.minimum(burst[1] / (1 - rng.random(packets)) ** (1 / burst[0]), packets)).astype(np.int64)
    starts = np.repeat(np.arange(packets), np.maximum(lengths, 1))[:packets] if packets else np.zeros(0, np.int64)
    return _points(lows, highs, top, int(starts[-1]) + 1 if packets else 0, rng, corners, misses)[starts]


def _points(
    low: Words, high: Words, top: Words, n: int, rng: np.random.Generator, corners: float, misses: float
) -> Words:
    anywhere = (rng.random((n, len(top))) * (top.astype(np.float64) + 1)).astype(np.uint32)
    if not len(low):
        return anywhere
    row = rng.integers(0, len(low), n)
    first, last = low[row], high[row]
    corner = np.where(rng.random(first.shape) < 0.5, first, last)
    inside = first + (rng.random(first.shape) * (last.astype(np.float64) - first + 1)).astype(np.uint32)
    drawn = np.where(rng.random((n, 1)) < corners, corner, inside)
    return np.where(rng.random((n, 1)) < misses, anywhere, drawn)


def _maxima(columns: int) -> Words:
    if columns not in (5, 11):
        raise InputError(f"maxima are wanted for rules of {columns} columns: only the five-tuples are known")
    return np.array([0xFFFFFFFF] * (columns - 3) + [0xFFFF, 0xFFFF, 0xFF], np.uint32)
