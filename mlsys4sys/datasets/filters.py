"""Filters drawn from the data: what an analyst may ask of one column, and how much of it that keeps."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlsys4sys.datasets.profile import Value


class Filter(NamedTuple):
    """A condition on one column: SQL with ``{}`` for the column, and the share of rows it keeps."""

    sql: str
    keeps: float


def literal(value: Value) -> str:
    """``value`` as SQL text."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def draw_filter(rng: np.random.Generator, sample: Sequence[Value]) -> Filter | None:
    """One filter on a column of which ``sample`` is known, None where nothing sensible can be asked."""
    known: list[Value] = [value for value in sample if value is not None]
    if not known:
        return None
    if len(known) < len(sample) and rng.random() < 0.15:
        empty = 1 - len(known) / len(sample)
        return Filter("{} IS NULL", empty) if rng.random() < 0.5 else Filter("{} IS NOT NULL", 1 - empty)
    if isinstance(known[0], str):
        kinds = (_equal_often, _equal_rarely, _one_of, _like, _like, _from_to)
    else:
        kinds = (_equal_often, _equal_rarely, _one_of, _at_least, _at_least, _from_to)
    return kinds[rng.integers(len(kinds))](rng, known, len(sample))


def key_range(rng: np.random.Generator, sample: Sequence[Value], keeps: float) -> Filter | None:
    """A range of a numeric key that keeps about a share ``keeps``; None where keys are not numbers."""
    known = sorted(value for value in sample if isinstance(value, int | float))
    if not known or len(known) < len(sample) // 2:
        return None
    width = (known[-1] - known[0]) * min(keeps, 1.0)
    low = known[0] + (known[-1] - known[0] - width) * rng.random()
    return Filter(f"{{}} BETWEEN {int(low)} AND {int(low + width)}", keeps)


def _keeps(count: int, total: int) -> float:
    """Share of the rows; half a row where the sample has none."""
    return max(count, 0.5) / total


def _equal_often(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    value = known[rng.integers(len(known))]  # as often as it occurs
    return Filter(f"{{}} = {literal(value)}", _keeps(known.count(value), total))


def _equal_rarely(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    counts = Counter(known)
    rare = sorted(counts, key=lambda value: (counts[value], str(value)))
    value = rare[rng.integers(max(1, len(rare) // 2))]
    return Filter(f"{{}} = {literal(value)}", _keeps(counts[value], total))


def _one_of(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    values = list(dict.fromkeys(known[i] for i in rng.integers(len(known), size=int(rng.integers(2, 7)))))
    chosen = ", ".join(literal(value) for value in values)
    return Filter(f"{{}} IN ({chosen})", _keeps(sum(value in values for value in known), total))


def _at_least(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    numbers = [value for value in known if isinstance(value, int | float)]
    bound = numbers[rng.integers(len(numbers))]
    if rng.random() < 0.6:
        return Filter(f"{{}} > {literal(bound)}", _keeps(sum(v > bound for v in numbers), total))
    return Filter(f"{{}} <= {literal(bound)}", _keeps(sum(v <= bound for v in numbers), total))


def _from_to(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    # All known values of a column are of one type, and texts compare like numbers here.
    ends = sorted((known[i] for i in rng.integers(len(known), size=2)), key=lambda v: (str(type(v)), v))
    low, high = ends
    if isinstance(low, str) and isinstance(high, str):
        inside = sum(low <= value <= high for value in known if isinstance(value, str))
    else:
        inside = sum(low <= value <= high for value in known if isinstance(value, int | float))
    return Filter(f"{{}} BETWEEN {literal(low)} AND {literal(high)}", _keeps(inside, total))


def _like(rng: np.random.Generator, known: list[Value], total: int) -> Filter:
    text = str(known[rng.integers(len(known))])
    pieces = re.findall(r"[A-Za-z0-9]{2,}", text) or [text[:3]]
    piece = str(pieces[rng.integers(len(pieces))])[: int(rng.integers(2, 7))]
    texts = [str(value) for value in known]
    if rng.random() < 0.3 and re.fullmatch(r"[^%_'\\]+", text[:2]):
        return Filter(f"{{}} LIKE '{text[:2]}%'", _keeps(sum(v.startswith(text[:2]) for v in texts), total))
    if not re.fullmatch(r"\w+", piece) or "_" in piece:
        return _equal_often(rng, known, total)
    matches = sum(piece in v for v in texts)
    if rng.random() < 0.1:
        return Filter(f"{{}} NOT LIKE '%{piece}%'", _keeps(len(texts) - matches, total))
    return Filter(f"{{}} LIKE '%{piece}%'", _keeps(matches, total))
