"""Sets of numbers as ascending ranges, and conditions over several fields as one such set a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Spans = tuple[tuple[int, int], ...]
"""Inclusive ranges, ascending, neither overlapping nor adjacent."""
Condition = Mapping[str, Spans]
"""A packet meets it when each named field is within its spans; fields that are not named may have any value."""

ALWAYS: Condition = {}
MOST_RANGES = 1 << 16


def joined(ranges: Iterable[tuple[int, int]]) -> Spans:
    """The union of inclusive ranges.

    >>> joined([(5, 9), (0, 4), (12, 12)])
    ((0, 9), (12, 12))
    """
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return tuple(out)


def complement(spans: Spans, top: int) -> Spans:
    """What of 0..top is not in a set.

    >>> complement(((0, 4), (7, 7)), 9)
    ((5, 6), (8, 9))
    """
    out, start = [], 0
    for low, high in spans:
        if low > start:
            out.append((start, low - 1))
        start = high + 1
    if start <= top:
        out.append((start, top))
    return tuple(out)


def common(a: Spans, b: Spans) -> Spans:
    """The intersection of two sets.

    >>> common(((0, 5), (8, 9)), ((4, 8),))
    ((4, 5), (8, 8))
    """
    out, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            out.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def masked(value: int, mask: int, bits: int) -> Spans:
    """All numbers x of so many bits with ``x & mask == value & mask``.

    Raises:
        ValueError: The mask's free bits make more than `MOST_RANGES` ranges.

    >>> masked(0b0100, 0b0101, 4)
    ((4, 4), (6, 6), (12, 12), (14, 14))
    """
    top = (1 << bits) - 1
    free = top & ~mask
    low_run = (free ^ (free + 1)) >> 1
    scattered = [1 << place for place in range(bits) if (free & ~low_run) >> place & 1]
    if 1 << len(scattered) > MOST_RANGES:
        raise ValueError(f"the mask leaves {len(scattered)} scattered bits free, more than {MOST_RANGES} ranges")
    starts = [value & mask & top]
    for bit in scattered:
        starts += [start | bit for start in starts]
    return joined((start, start | low_run) for start in starts)


def both(a: Condition, b: Condition) -> Condition | None:
    """What meets two conditions; None when nothing does."""
    out = dict(a)
    for name, spans in b.items():
        out[name] = common(out[name], spans) if name in out else spans
        if not out[name]:
            return None
    return out


def meets(some: Sequence[Condition], others: Sequence[Condition]) -> list[Condition]:
    """What meets any of ``some`` and any of ``others``."""
    return [met for a in some for b in others if (met := both(a, b)) is not None]


def minus(a: Condition, b: Condition, tops: Mapping[str, int]) -> list[Condition]:
    """What meets ``a`` and not ``b``, as conditions that exclude one another; ``tops``: highest value of each field."""
    if both(a, b) is None:
        return [a]
    out: list[Condition] = []
    inside = dict(a)
    for name, spans in b.items():
        whole = inside.get(name, ((0, tops[name]),))
        outside = common(whole, complement(spans, tops[name]))
        if outside:
            out.append({**inside, name: outside})
        inside[name] = common(whole, spans)
    return out


def without(some: Sequence[Condition], others: Sequence[Condition], tops: Mapping[str, int]) -> list[Condition]:
    """What meets any of ``some`` and none of ``others``."""
    left = list(some)
    for other in others:
        left = [piece for condition in left for piece in minus(condition, other, tops)]
    return left
