"""Random join queries over any schema with references, with filters drawn from its data.

A query grows from one relation along the references, in the manner of its shape: a lookup goes from
a referring row to the one it refers to and keeps the number of rows, a fan-out goes the other way and
multiplies it. Fan-outs are limited, and a query whose size is still likely to explode has its first
relation cut to a range of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mlsys4sys.datasets.filters import Filter, draw_filter, key_range
from mlsys4sys.datasets.profile import Profile, profile
from mlsys4sys.datasets.schema import ForeignKey, Schema
from mlsys4sys.errors import InputError

if TYPE_CHECKING:
    import duckdb

SHAPES = ("star", "chain", "snowflake", "cycle", "many_to_many")
"""What the written join predicates look like as a graph.

star: all relations join one; chain: a path; snowflake: a tree that is neither; cycle: one predicate
more than a tree has; many_to_many: a tree in which some relations meet on a key that neither owns.
"""
LARGEST_RESULT = 50_000.0
"""Rows a query may have before its aggregation, by a crude estimate."""
SMALLEST_RESULT = 30.0
"""Rows that joins and filters should leave, by the same estimate; correlations may still leave none."""
FILTERED = 0.65
"""Share of relations that are tried for a filter."""
LARGEST_FANOUT = 100.0
"""References with a larger mean fan-out (to kinds, types, roles) are only followed towards them."""
_SMALLEST = {"snowflake": 5}
"""With four relations every tree is a star or a chain."""
_ATTEMPTS = 400


@dataclass(frozen=True, slots=True)
class Query:
    """One generated or hand-written query."""

    name: str
    sql: str
    relations: int
    seed: int
    shape: str


class _Join(NamedTuple):
    """A written predicate: two relations by number, and their columns."""

    left: int
    left_column: str
    right: int
    right_column: str


class _Step(NamedTuple):
    """A way to grow: from relation ``at`` to a new one along a reference, or against it."""

    at: int
    key: ForeignKey
    lookup: bool
    """From the referring to the referred; otherwise a fan-out."""
    rows: float
    """How the number of rows changes, by a crude estimate."""


@dataclass(slots=True)
class _Draft:
    """A query in the making."""

    tables: list[str] = field(default_factory=list)
    joins: list[_Join] = field(default_factory=list)
    used: set[tuple[int, str]] = field(default_factory=set)
    """Referring columns that already have their referred row in the query."""
    nested: set[int] = field(default_factory=set)
    """Relations joined along a reference of their table to itself."""
    fanned: set[int] = field(default_factory=set)
    """Relations that already fan out."""
    rows: float = 1.0
    fanouts: int = 0

    def begin(self, table: str, rows: int) -> None:
        """The first relation."""
        self.tables.append(table)
        self.rows = float(rows)

    def add(self, step: _Step) -> None:
        """Join a new relation."""
        key, new = step.key, len(self.tables)
        ends = (key.column, key.ref_column) if step.lookup else (key.ref_column, key.column)
        self.meet(step.at, ends[0], key.ref_table if step.lookup else key.table, ends[1], step.rows)
        self.used.add((step.at, key.column) if step.lookup else (new, key.column))
        if key.table == key.ref_table:
            self.nested |= {step.at, new}
        if not step.lookup:
            self.fanouts += 1
            self.fanned.add(step.at)

    def meet(self, at: int, column: str, table: str, other: str, rows: float) -> None:
        """Join a new relation on any two columns."""
        self.tables.append(table)
        self.joins.append(_Join(at, column, len(self.tables) - 1, other))
        self.rows *= rows

    def degree(self, relation: int) -> int:
        """How many written predicates touch the relation."""
        return sum(relation in (join.left, join.right) for join in self.joins)


def generate_queries(
    source: Profile | duckdb.DuckDBPyConnection,
    *,
    count: int,
    seed: int = 0,
    relations: tuple[int, int] = (4, 17),
    shapes: Sequence[str] = SHAPES,
    schema: Schema | None = None,
) -> tuple[Query, ...]:
    """Write ``count`` queries, the same ones for the same data and seed.

    ``source`` is a profile or a connection, which is then profiled with ``schema`` (by default the
    schema of the bundled IMDb-shaped database). ``relations`` bounds the number of relations,
    ends included; a shape that the schema does not offer at a drawn size is drawn at a smaller one.
    Shapes take turns. Every query returns one row of aggregates.

    Raises:
        InputError: The arguments make no sense, or the schema does not offer any of the shapes.
    """
    low, high = relations
    if count < 0 or not 2 <= low <= high or not shapes or set(shapes) - set(SHAPES):
        raise InputError(
            f"count {count}, relations {relations}, shapes {tuple(shapes)}: shapes are {', '.join(SHAPES)}"
        )
    known = source if isinstance(source, Profile) else profile(source, schema or _imdb_schema())
    return tuple(_query(known, seed, number, relations, shapes[number % len(shapes)]) for number in range(count))


def _imdb_schema() -> Schema:
    from mlsys4sys.datasets.imdb.schema import SCHEMA  # not needed for other schemas

    return SCHEMA


def _query(known: Profile, seed: int, number: int, relations: tuple[int, int], shape: str) -> Query:
    rng = np.random.default_rng([seed, number])
    low, high = max(relations[0], _SMALLEST.get(shape, 2)), relations[1]
    if low > high:
        raise InputError(f"a {shape} has at least {low} relations, so relations={relations} cannot be met")
    wanted = int(rng.integers(low, high + 1))
    for attempt in range(_ATTEMPTS):
        draft = _grow(rng, known, wanted, shape)
        if draft is not None:
            sql = _write(rng, known, draft)
            return Query(f"{shape}-{seed}-{number}", sql, len(draft.tables), seed, shape)
        if attempt % 5 == 4:  # the schema may not offer this shape at this size
            wanted = max(low, wanted - 1)
    raise InputError(f"the schema has no {shape} of {low} relations; ask for other shapes or fewer relations")


def _grow(rng: np.random.Generator, known: Profile, wanted: int, shape: str) -> _Draft | None:
    """One attempt at a draft of the shape; None if it ran out of references on the way."""
    draft = _Draft()
    if shape == "many_to_many":
        _meet_on_foreign_key(rng, known, draft, wanted)
    else:
        start = _start(rng, known, shape)
        draft.begin(start, known.rows[start])
    fanouts = wanted if shape == "star" else 2 + wanted // 4
    while 0 < len(draft.tables) < wanted:
        steps = [step for step in _steps(known, draft, fanouts) if _fits(draft, step, shape)]
        if not steps:
            return None
        draft.add(steps[rng.integers(len(steps))])
    if shape == "cycle" and not _close_cycle(rng, known, draft):
        return None
    return draft if draft.rows >= SMALLEST_RESULT and _has_shape(draft, shape) else None


def _start(rng: np.random.Generator, known: Profile, shape: str) -> str:
    """The table to begin with: one that refers, or, for most stars, one that much refers to."""
    usable = [key for key, fanout in known.fanouts.items() if fanout.known > 0]
    hubs = [key.ref_table for key in usable if known.fanouts[key].mean <= LARGEST_FANOUT]
    if shape == "star" and hubs and rng.random() < 0.7:
        return hubs[rng.integers(len(hubs))]  # as often as it is referred to
    referring = sorted({key.table for key in usable})
    return referring[rng.integers(len(referring))]


def _steps(known: Profile, draft: _Draft, fanouts: int) -> list[_Step]:
    """All ways to grow; fan-outs while there are fewer than ``fanouts``."""
    steps = []
    for key, fanout in known.fanouts.items():
        looks_up = fanout.known > 0
        fans_out = draft.fanouts < fanouts and 0 < fanout.mean <= LARGEST_FANOUT
        for at, table in enumerate(draft.tables):
            if key.table == key.ref_table and at in draft.nested:
                continue  # a series of a series, an employee's manager's manager: mostly nothing
            if looks_up and table == key.table and (at, key.column) not in draft.used:
                steps.append(_Step(at, key, lookup=True, rows=fanout.known))
            if fans_out and table == key.ref_table:
                # The first fan-out of a row meets all rows; the next ones those that have many.
                rows = fanout.biased if at in draft.fanned else (fanout.mean * fanout.biased) ** 0.5
                steps.append(_Step(at, key, lookup=False, rows=rows))
    return steps


def _fits(draft: _Draft, step: _Step, shape: str) -> bool:
    """Whether growing so keeps the shape."""
    if shape == "star":
        return step.at == 0
    if shape == "chain":
        return step.at == len(draft.tables) - 1
    return True


def _has_shape(draft: _Draft, shape: str) -> bool:
    """A snowflake must not be a star or a chain by accident."""
    if shape != "snowflake":
        return True
    degrees = [draft.degree(relation) for relation in range(len(draft.tables))]
    return max(degrees) >= 3 and max(degrees) < len(draft.tables) - 1


def _meet_on_foreign_key(rng: np.random.Generator, known: Profile, draft: _Draft, wanted: int) -> None:
    """Begin with two to four relations that refer to the same column and join on it directly."""
    meeting: dict[tuple[str, str], list[ForeignKey]] = {}
    for key, fanout in known.fanouts.items():
        if 0 < fanout.mean <= LARGEST_FANOUT:
            meeting.setdefault((key.ref_table, key.ref_column), []).append(key)
    places = list(meeting.values())
    if not places:
        return  # no table is referred to by a column of many values
    weights = np.array([len(keys) for keys in places], dtype=np.float64)
    keys = places[rng.choice(len(places), p=weights / weights.sum())]
    first = keys[rng.integers(len(keys))]
    draft.begin(first.table, known.rows[first.table])
    for _ in range(min(int(rng.integers(1, 4)), wanted - 1)):
        key = keys[rng.integers(len(keys))]
        draft.meet(0, first.column, key.table, key.column, known.fanouts[key].biased)
        draft.fanouts += 1


def _close_cycle(rng: np.random.Generator, known: Profile, draft: _Draft) -> bool:
    """Write one predicate more, between relations that hold values of the same column."""
    holders: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for relation, table in enumerate(draft.tables):
        held = {(k.ref_table, k.ref_column, k.column) for k in known.schema.foreign_keys if k.table == table}
        held |= {(k.ref_table, k.ref_column, k.ref_column) for k in known.schema.foreign_keys if k.ref_table == table}
        for ref_table, ref_column, column in sorted(held):
            holders.setdefault((ref_table, ref_column), []).append((relation, column))
    joined = {frozenset((join.left, join.right)) for join in draft.joins}
    pairs = [
        _Join(*a, *b)
        for members in holders.values()
        for i, a in enumerate(members)
        for b in members[i + 1 :]
        if a[0] != b[0] and frozenset((a[0], b[0])) not in joined
    ]
    if pairs:
        draft.joins.append(pairs[rng.integers(len(pairs))])
    return bool(pairs)


def _write(rng: np.random.Generator, known: Profile, draft: _Draft) -> str:
    """Add filters and aggregates and spell the query out."""
    aliases = _aliases(draft.tables)
    filters = _filters(rng, known, draft)
    conditions = [
        kept.sql.format(f"{aliases[relation]}.{known.quoted(column)}")
        for relation, column, kept in sorted(filters, key=lambda item: item[:2])
    ]
    predicates = [
        f"{aliases[j.left]}.{known.quoted(j.left_column)} = {aliases[j.right]}.{known.quoted(j.right_column)}"
        for j in draft.joins
    ]
    names = [f"{known.quoted(table)} AS {alias}" for table, alias in zip(draft.tables, aliases, strict=True)]
    select = _aggregates(rng, known, draft, aliases)
    if rng.random() < 0.5:
        order = rng.permutation(len(names))
        tables = ", ".join(names[i] for i in order)
        return f"SELECT {select} FROM {tables} WHERE {' AND '.join(predicates + conditions)}"
    joined = names[0]
    for new in range(1, len(names)):
        on = [p for p, j in zip(predicates, draft.joins, strict=True) if max(j.left, j.right) == new]
        joined += f" JOIN {names[new]} ON {' AND '.join(on)}"
    return f"SELECT {select} FROM {joined}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")


def _aliases(tables: Sequence[str]) -> list[str]:
    """Initials and a number: ``movie_info`` is ``mi1``; never a reserved word."""
    aliases: list[str] = []
    for table in tables:
        initials = "".join(part[0] for part in table.lower().split("_") if part[:1].isascii() and part[:1].isalpha())
        stem = initials or "r"
        aliases.append(f"{stem}{sum(alias.rstrip('0123456789') == stem for alias in aliases) + 1}")
    return aliases


def _filters(rng: np.random.Generator, known: Profile, draft: _Draft) -> list[tuple[int, str, Filter]]:
    """Filters down to a drawn number of rows between the smallest and the largest result; one at least."""
    chosen: list[tuple[int, str, Filter]] = []
    rows = draft.rows
    wanted = SMALLEST_RESULT * (LARGEST_RESULT / SMALLEST_RESULT) ** rng.random()
    for relation in rng.permutation(len(draft.tables)):
        table = draft.tables[relation]
        columns = known.filterable[table]
        if not columns or (chosen and rng.random() > FILTERED):
            continue
        column = columns[rng.integers(len(columns))]
        found = draw_filter(rng, known.samples[table, column])
        if found is not None and (not chosen or rows * found.keeps >= wanted):
            chosen.append((int(relation), column, found))
            rows *= found.keeps
    if rows > LARGEST_RESULT:
        chosen += _cut(rng, known, draft, LARGEST_RESULT / rows)
    return chosen


def _cut(rng: np.random.Generator, known: Profile, draft: _Draft, keeps: float) -> list[tuple[int, str, Filter]]:
    """A key range on the relation where the query began."""
    join = next(join for join in draft.joins if 0 in (join.left, join.right))
    column = join.left_column if join.left == 0 else join.right_column
    found = key_range(rng, known.samples.get((draft.tables[0], column), ()), keeps)
    return [] if found is None else [(0, column, found)]


def _aggregates(rng: np.random.Generator, known: Profile, draft: _Draft, aliases: Sequence[str]) -> str:
    """COUNT(*) and the extremes of one or two columns."""
    shown = ["COUNT(*)"]
    for _ in range(int(rng.integers(1, 3))):
        relation = int(rng.integers(len(draft.tables)))
        columns = [c.name for c in known.schema.tables[draft.tables[relation]]]
        column = f"{aliases[relation]}.{known.quoted(columns[rng.integers(len(columns))])}"
        shown.append(f"{('MIN', 'MAX')[rng.integers(2)]}({column})")
    return ", ".join(shown)
