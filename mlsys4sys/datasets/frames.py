"""Small tables like those in questions about pandas: names, dates, money, codes; ties, skew, missing cells; seeded.

Every table is drawn from a :class:`numpy.random.Generator` and nothing else, so a seed names a table. Shapes follow
what people post: 3 to 12 rows, 2 to 6 columns, either in business words (``city``, ``sales``) or in placeholders
(``A``, ``col1``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

Rng = np.random.Generator

_WORDS: dict[str, tuple[str, ...]] = {
    "city": ("Paris", "London", "Berlin", "Rome", "Oslo", "Madrid", "New York", "San Jose"),
    "country": ("US", "UK", "FR", "DE", "IN", "JP", "BR"),
    "product": ("apple", "banana", "cherry", "melon", "pear", "plum"),
    "category": ("food", "toys", "books", "games", "garden"),
    "region": ("North", "South", "East", "West"),
    "team": ("Red", "Blue", "Green", "Sharks", "Lions"),
    "status": ("open", "closed", "pending", "done", "failed"),
    "department": ("HR", "IT", "Sales", "Legal", "Ops"),
    "subject": ("math", "physics", "art", "history"),
    "gender": ("M", "F"),
    "grade": ("A", "B", "C", "D"),
    "type": ("x", "y", "z"),
    "group": ("foo", "bar", "baz", "qux"),
    "color": ("red", "green", "blue", "black"),
    "size": ("S", "M", "L", "XL"),
    "shop": ("shop1", "shop2", "shop3"),
    "answer": ("yes", "no", "maybe"),
    "day_name": ("Mon", "Tue", "Wed", "Thu", "Fri"),
}
"""Columns of categories, and what they hold."""

_PEOPLE = (
    "Alice",
    "Bob",
    "Carol",
    "Dave",
    "Eve",
    "Frank",
    "Grace",
    "Heidi",
    "Ivan",
    "Judy",
    "Mallory",
    "Niaj",
    "Olivia",
)
_FAMILIES = ("Smith", "Jones", "Brown", "Miller", "Garcia", "Lee", "Khan", "Novak")
_COUNTS = ("qty", "count", "score", "age", "points", "visits", "rank", "stock", "level", "goals")
_AMOUNTS = ("price", "amount", "sales", "revenue", "cost", "salary", "total", "balance")
_MEASURES = ("value", "temp", "weight", "height", "rate", "speed", "score")
_DATES = ("date", "day", "time", "timestamp", "created", "start", "order_date")
_IDS = ("id", "user_id", "order_id", "ID", "customer", "key", "emp_id", "item_id")
_FLAGS = ("active", "paid", "is_new", "valid", "flag", "member")
_PLACEHOLDERS = (tuple("ABCDEFGH"), tuple("abcdefgh"), tuple(f"col{i}" for i in range(1, 9)), tuple("xyzuvwst"))


def frame(rng: Rng, *, rows: int | None = None, width: int | None = None) -> pd.DataFrame:
    """One table.

    Args:
        rng: Decides everything.
        rows: Rows; 3 to 12 if not given, small more often than large.
        width: Columns; 2 to 6 if not given.

    >>> frame(np.random.default_rng(0)).equals(frame(np.random.default_rng(0)))
    True
    """
    rows = rows or int(rng.choice([3, 4, 5, 6, 7, 8, 9, 10, 12], p=_shares(1, 2, 3, 3, 2, 2, 1, 1, 1)))
    width = width or int(rng.choice([2, 3, 4, 5, 6], p=_shares(2, 4, 4, 2, 1)))
    maker = _STYLES[int(rng.choice(len(_STYLES), p=_STYLE_SHARES))]
    made = maker(rng, rows, width)
    return _indexed(rng, made) if rng.random() < 0.22 else made


def pair(rng: Rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables that share a key: facts and what is known of each key, or two parts of the same kind of table."""
    if rng.random() < 0.25:
        whole = frame(rng, rows=int(rng.integers(6, 13)))
        cut = int(rng.integers(2, len(whole) - 1))
        first, second = whole.iloc[:cut], whole.iloc[cut:]
        plain = isinstance(whole.index, pd.RangeIndex)
        return first, second.reset_index(drop=True) if plain else second
    facts = business(rng, int(rng.integers(4, 11)), int(rng.integers(2, 4)))
    key = str(rng.choice([*_IDS, "name", "code", "city"]))
    kinds = int(rng.integers(2, 6))
    keys: list[Any] = list(_keys(rng, kinds + 2))
    facts = facts.drop(columns=[key], errors="ignore")
    facts.insert(int(rng.integers(0, 2)), key, _column([keys[i] for i in rng.integers(0, kinds + 1, len(facts))]))
    known = [k for k in keys if rng.random() < 0.85] or keys
    if not set(known) & set(facts[key]):
        known = keys
    about = business(rng, len(known), int(rng.integers(1, 3)))
    about = about.drop(columns=[c for c in about.columns if c == key or (c in facts.columns and rng.random() < 0.7)])
    if not about.shape[1]:
        about["info"] = rng.integers(1, 50, len(known))
    about.insert(0, key if rng.random() < 0.75 else f"{key}2", _column(known))
    return (facts, about) if rng.random() < 0.8 else (about, facts)


def business(rng: Rng, rows: int, width: int) -> pd.DataFrame:
    """Columns as in an export: an id or a name, categories, counts, money, dates, codes, flags."""
    columns: dict[Hashable, Any] = {}
    if rng.random() < 0.45:
        name, values = _identity(rng, rows)
        columns[name] = values
    makers: list[Callable[[Rng, int], tuple[str, Any]]] = [
        _category,
        _count,
        _money,
        _measure,
        _date,
        _code,
        _flag,
        _person,
        _list,
    ]
    shares = _shares(5, 4, 4, 3, 2, 1.6, 1, 1, 0.25)
    while len(columns) < width:
        name, values = makers[int(rng.choice(len(makers), p=shares))](rng, rows)
        if name not in columns:
            columns[name] = values
    return _thinned(rng, pd.DataFrame(columns))


def placeholder(rng: Rng, rows: int, width: int) -> pd.DataFrame:
    """Columns called ``A``, ``B`` … with few distinct cells, as in minimal examples."""
    names = _PLACEHOLDERS[int(rng.integers(len(_PLACEHOLDERS)))][:width]
    makers: list[Callable[[], Any]] = [
        lambda: rng.integers(0, int(rng.choice([2, 4, 10, 100])), rows),
        lambda: _column(_pick(rng, _WORDS[str(rng.choice(["group", "type", "grade", "color"]))], rows)),
        lambda: np.round(rng.normal(0, float(rng.choice([1.0, 10.0])), rows), int(rng.integers(1, 4))),
        lambda: np.arange(1, rows + 1) * int(rng.choice([1, 1, 2, 10])),
        lambda: rng.integers(0, 2, rows).astype(bool),
        lambda: np.sort(rng.integers(0, 50, rows)),
    ]
    shares = _shares(5, 4, 3, 1, 0.6, 0.8)
    return _thinned(rng, pd.DataFrame({n: makers[int(rng.choice(len(makers), p=shares))]() for n in names}))


def long(rng: Rng, rows: int, width: int) -> pd.DataFrame:
    """A measurement a row: key, what was measured, the value; most combinations once, so that it can be pivoted."""
    first, second = _levels(rng, int(rng.integers(2, 5))), _levels(rng, int(rng.integers(2, 4)))
    pairs = [(a, b) for a in first[1] for b in second[1]]
    keep = sorted(rng.choice(len(pairs), max(3, min(len(pairs), rows)), replace=False).tolist())
    if rng.random() < 0.3:
        rng.shuffle(keep)
    if rng.random() < 0.25:
        keep += keep[: int(rng.integers(1, 3))]
    cells = [pairs[i] for i in keep]
    other = second[0] if second[0] != first[0] else f"{second[0]}2"
    made = pd.DataFrame({first[0]: _column([a for a, _ in cells]), other: _column([b for _, b in cells])})
    for _ in range(max(1, width - 2) if width < 5 else 1):
        name, values = (_count, _money, _measure)[int(rng.integers(3))](rng, len(cells))
        if name not in made.columns:
            made[name] = values
    return _thinned(rng, made)


def wide(rng: Rng, rows: int, width: int) -> pd.DataFrame:
    """A row per thing and the same measure in several columns: years, quarters, numbered scores."""
    name, values = _identity(rng, rows) if rng.random() < 0.7 else _category(rng, rows)
    made = pd.DataFrame({name: values})
    many = max(2, width - 1)
    start = int(rng.integers(2015, 2022))
    stem = str(rng.choice(["score", "val", "Q", "x"]))
    labels: Any = [
        [start + i for i in range(many)],
        [str(start + i) for i in range(many)],
        [f"Q{i + 1}" for i in range(many)],
        [f"{stem}{'_' if stem != 'Q' else ''}{i + 1}" for i in range(many)],
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun"][:many],
        list(rng.permutation(_WORDS["subject"] + ("music", "latin"))[:many]),
    ][int(rng.integers(6))]
    numbers = (_count, _money, _measure)[int(rng.integers(3))]
    for label in labels:
        made[label] = numbers(rng, rows)[1]
    return _thinned(rng, made)


def series_of_time(rng: Rng, rows: int, width: int) -> pd.DataFrame:
    """Ordered moments, perhaps per group, with numbers that move."""
    step = str(rng.choice(["D", "D", "h", "MS", "W"]))
    start = pd.Timestamp(int(rng.integers(2015, 2024)), int(rng.integers(1, 13)), int(rng.integers(1, 28)))
    moments = pd.date_range(start, periods=rows, freq=step)
    if rng.random() < 0.4:
        moments = moments[np.sort(rng.integers(0, rows, rows))]
    made = pd.DataFrame({str(rng.choice(_DATES)): moments})
    if rng.random() < 0.5:
        name, values = _category(rng, rows)
        made[name] = values
    while made.shape[1] < max(2, width):
        name, values = (_count, _money, _measure)[int(rng.integers(3))](rng, rows)
        if name not in made.columns:
            made[name] = np.round(np.cumsum(values - np.mean(values)) + 20, 2) if rng.random() < 0.2 else values
        elif made.shape[1] > 1:
            break
    return _thinned(rng, made)


_STYLES = (business, placeholder, long, wide, series_of_time)


def _shares(*weights: float) -> list[float]:
    return [weight / sum(weights) for weight in weights]


_STYLE_SHARES = _shares(4, 4, 2, 1.5, 1)


def _column(cells: Sequence[Any]) -> pd.Series:
    """Cells with the type that pandas infers."""
    return pd.Series(list(cells)).infer_objects()


def _pick(rng: Rng, words: Sequence[str], count: int) -> list[str]:
    """A few of the words, skewed: the first drawn occurs most."""
    few = rng.permutation(np.array(words, dtype=object))[: max(2, int(rng.integers(2, 5)))]
    weights = 1.0 / np.arange(1, len(few) + 1) ** rng.uniform(0, 1.2)
    drawn = [str(w) for w in rng.choice(few, count, p=weights / weights.sum())]
    return sorted(drawn) if rng.random() < 0.3 else drawn


def _category(rng: Rng, rows: int) -> tuple[str, Any]:
    name = str(rng.choice(list(_WORDS)))
    return name, _column(_pick(rng, _WORDS[name], rows))


def _levels(rng: Rng, count: int) -> tuple[str, list[Any]]:
    """A name and that many distinct values."""
    if rng.random() < 0.25:
        return str(rng.choice(["year", "id", "month"])), [int(rng.integers(1, 4)) + i for i in range(count)]
    name = str(rng.choice([n for n in _WORDS if len(_WORDS[n]) >= 3]))
    return name, list(_WORDS[name][:count])


def _count(rng: Rng, rows: int) -> tuple[str, Any]:
    top = int(rng.choice([3, 10, 30, 100, 1000]))
    return str(rng.choice(_COUNTS)), rng.integers(0 if rng.random() < 0.3 else 1, top + 1, rows)


def _money(rng: Rng, rows: int) -> tuple[str, Any]:
    values = np.exp(rng.normal(float(rng.uniform(2, 6)), 0.7, rows))
    style = rng.random()
    if style < 0.4:
        return str(rng.choice(_AMOUNTS)), np.round(values, 2)
    return str(rng.choice(_AMOUNTS)), (np.ceil(values / 10) * 10 if style < 0.7 else np.ceil(values)).astype(np.int64)


def _measure(rng: Rng, rows: int) -> tuple[str, Any]:
    spread = float(rng.choice([1.0, 10.0, 100.0]))
    return str(rng.choice(_MEASURES)), np.round(
        rng.normal(spread * rng.integers(0, 3), spread, rows), int(rng.integers(0, 4))
    )


def _date(rng: Rng, rows: int) -> tuple[str, Any]:
    start = pd.Timestamp(int(rng.integers(2010, 2024)), int(rng.integers(1, 13)), int(rng.integers(1, 28)))
    days = rng.integers(0, int(rng.choice([5, 40, 400])), rows)
    moments = pd.Series(start + pd.to_timedelta(np.sort(days) if rng.random() < 0.6 else days, unit="D"))
    name = str(rng.choice(_DATES))
    if rng.random() < 0.35:
        return name, moments.dt.strftime(str(rng.choice(["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d"])))
    return name, moments


def _code(rng: Rng, rows: int) -> tuple[str, Any]:
    separator = str(rng.choice(["_", "-", ", ", " ", "/", "|"]))
    left, right = (
        _pick(rng, _WORDS[str(rng.choice(["color", "type", "grade", "country"]))], rows),
        rng.integers(1, 40, rows),
    )
    if rng.random() < 0.3:
        people = [f"{rng.choice(_PEOPLE)} {rng.choice(_FAMILIES)}" for _ in range(rows)]
        return "full_name", _column(people)
    return str(rng.choice(["code", "tag", "label", "sku", "text"])), _column(
        [f"{a}{separator}{b}" for a, b in zip(left, right, strict=True)]
    )


def _flag(rng: Rng, rows: int) -> tuple[str, Any]:
    return str(rng.choice(_FLAGS)), rng.random(rows) < rng.uniform(0.3, 0.7)


def _person(rng: Rng, rows: int) -> tuple[str, Any]:
    repeated = rng.random() < 0.5 or rows > len(_PEOPLE)
    return "name", _column(rng.choice(_PEOPLE, rows, replace=repeated).tolist())


def _list(rng: Rng, rows: int) -> tuple[str, Any]:
    cells = np.empty(rows, dtype=object)
    for i in range(rows):
        cells[i] = [str(w) for w in rng.choice(_WORDS["color"], int(rng.integers(1, 4)), replace=False)]
    return str(rng.choice(["tags", "items", "parts"])), cells


def _keys(rng: Rng, count: int) -> list[Any]:
    style = int(rng.integers(4))
    if style == 0:
        return list(range(1, count + 1))
    if style == 1:
        return [int(k) for k in 100 + rng.choice(900, count, replace=False)]
    if style == 2:
        return [f"{rng.choice(['K', 'A', 'x', 'id'])!s}{i}" for i in range(count)]
    return [str(p) for p in rng.choice(_PEOPLE, count, replace=False)] if count <= len(_PEOPLE) else list(range(count))


def _identity(rng: Rng, rows: int) -> tuple[str, Any]:
    return str(rng.choice(_IDS)), _column(_keys(rng, rows))


def _thinned(rng: Rng, made: pd.DataFrame) -> pd.DataFrame:
    """Some tables have missing cells, in one or two columns."""
    if rng.random() > 0.25 or not len(made):
        return made
    for position in rng.choice(made.shape[1], min(made.shape[1], int(rng.integers(1, 3))), replace=False).tolist():
        holes = rng.random(len(made)) < rng.uniform(0.15, 0.5)
        if holes.all() or made.dtypes.iloc[position].kind == "b":
            continue
        made.isetitem(position, made.iloc[:, position].mask(holes))
    return made


def _indexed(rng: Rng, made: pd.DataFrame) -> pd.DataFrame:
    """The table with row labels: of a column or two, letters, dates, or the numbers that a filter left."""
    style = rng.random()
    if style < 0.55 and made.shape[1] > 2:
        keys = list(made.columns[: 1 if style < 0.3 or made.shape[1] < 4 else 2])
        usable = not made[keys].isna().any(axis=None) and not any(isinstance(c, list) for k in keys for c in made[k])
        return made.set_index(keys) if usable else made
    if style < 0.75:
        return made.set_axis([chr(97 + i) for i in range(len(made))], axis=0)
    if style < 0.9:
        return made.set_axis(pd.date_range("2020-01-01", periods=len(made), freq="D"), axis=0)
    return made.set_axis(np.sort(rng.choice(3 * len(made), len(made), replace=False)), axis=0)


__all__ = ["business", "frame", "long", "pair", "placeholder", "series_of_time", "wide"]
