"""Conditions that hold exactly on the rows that are kept: one atom, or two joined by and, or."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.atoms import (
    COMPARING,
    Atom,
    Wanted,
    between,
    compared,
    fixed,
    negated,
    numeric_atoms,
    shown,
    text_atoms,
    value_atoms,
)
from mlsys4sys.autopandas.columns.check import Checker, best, different_first
from mlsys4sys.autopandas.columns.count import Clock, Count, quietly
from mlsys4sys.autopandas.columns.numeric import Block, Found, Operator, Prices, Target, constant_text, pairs
from mlsys4sys.autopandas.columns.pool import Grouping, Pool, Source, Term, pool_of
from mlsys4sys.autopandas.expression import (
    CELL,
    COMPARE,
    FUNCTION,
    LABEL,
    LOOSE,
    PRODUCT,
    Expr,
    call,
    literal,
)
from mlsys4sys.autopandas.table import NULL, Bools, Column, Table

JOINING = 0.7
"""Nats of ``&`` and ``|``."""
MOST_ATOMS = 400
MOST_LISTS = 2000
"""Rows of lists that are looked into."""
MOST_CONDITIONS = 14
"""Conditions under which a column is one thing or the other."""
DEAR = 5.5
"""Nats of two conditions past which three are tried."""
ROUNDS = 4
"""How often rows that a condition got wrong are added to those of a long table that are looked at."""
COUNTED_ROWS = 0.8
"""Nats of the remainder of a column that numbers the rows."""
FAR = 0.5
"""Nats of comparing something derived rather than a column."""


MOST_ALIKE = 4
"""Conditions that differ in a constant alone, before others."""


@quietly
def masks(
    table: Table,
    keep: Bools,
    *,
    constants: Sequence[Any] = (),
    others: Sequence[Table] = (),
    deadline: float | None = None,
    limit: int = 12,
    count: Count | None = None,
    light: bool = False,
) -> list[Expr]:
    """Conditions over ``table`` that are true exactly where ``keep`` is, the likeliest first.

    Args:
        table: A frame or a series.
        keep: Shape (rows,).
        constants: Values that conditions may use though no table shows them.
        others: Tables whose columns conditions may look into (``isin``).
        deadline: ``time.monotonic()`` at which to stop looking.
        limit: How many at most.
        count: Gets what was examined.
        light: Single conditions only.

    Returns:
        Boolean series, or boolean arrays where the condition is on the index; each was run and compared.
    """
    if table.shape_kind not in ("frame", "series") or not table.rows or len(keep) != table.rows:
        return []
    count = count if count is not None else Count()
    clock = Clock(deadline)
    pool = pool_of(table)
    keep = np.asarray(keep, dtype=bool)
    found = list(conditions_of_any(pool, keep, ~keep, constants, others, count, clock, light=light))
    checker = Checker(pool, others)
    return best(found, lambda expr: checker.is_mask(expr, keep), limit, clock, alike=MOST_ALIKE)


def conditions_of_any(
    pool: Pool, keep: Bools, drop: Bools, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock,
    *, light: bool = False,
) -> list[Found]:  # fmt: skip
    """:func:`conditions`; of a long table on some rows, to which those are added that a condition got wrong."""
    if pool.at is None:
        return list(conditions(pool, keep, drop, constants, others, count, clock, light=light))
    some = _some_rows(pool, keep, drop)
    checker = Checker(pool, others)
    found: list[Found] = []
    for _ in range(ROUNDS):
        part = Pool(Table(pool.value.iloc[some], pool.expr, pool.book))
        found = list(conditions(part, keep[some], drop[some], constants, others, count, clock, light=light))
        wrong: set[int] = set()
        for _, expr in sorted(found, key=lambda item: item[0])[:12]:
            held = checker.bools(expr)
            if held is None or clock.over():
                continue
            missed = np.flatnonzero((keep & ~held) | (drop & held))
            if not len(missed):
                return found
            wrong.update(missed[:: max(1, len(missed) // 4)][:4].tolist())
        if not wrong or clock.over():
            break
        some = np.union1d(some, sorted(wrong)).astype(np.int64)
    return found


def _some_rows(pool: Pool, keep: Bools, drop: Bools) -> Any:
    """Rows of both kinds, the extremes of each numeric column among them."""
    rng = np.random.default_rng(pool.rows)
    chosen: set[int] = set()
    for rows in (np.flatnonzero(keep), np.flatnonzero(drop)):
        if not len(rows):
            continue
        chosen.update(rng.choice(rows, min(len(rows), 60), replace=False).tolist())
        for column in pool.columns[:24]:
            if column.kind in ("num", "date", "delta") and not np.isnan(cells := column.numbers[rows]).all():
                chosen.update((int(rows[np.nanargmin(cells)]), int(rows[np.nanargmax(cells)])))
    return np.array(sorted(chosen), dtype=np.int64)


def conditions(
    pool: Pool, keep: Bools, drop: Bools, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock,
    *, light: bool = False,
) -> Iterator[Found]:  # fmt: skip
    """Conditions true on some rows and false on others, what they are elsewhere being open; not run yet."""
    prices = prices_of(pool, constants)
    wanted = Wanted(keep, drop, True)
    simple = list(simple_atoms(pool, wanted, prices, constants, others))
    count.examined += len(simple)
    found = [reading for atom in simple if _exact(atom, wanted) for reading in atom.make(keep, drop)]
    yield from found
    yield from relations(pool, wanted, count, clock, light=light)
    yield from remainders(pool, wanted, count)
    if light or clock.over():
        return
    yield from _of_spans(pool, wanted, count)
    groupwise = list(within_groups(pool, wanted))
    count.examined += len(groupwise)
    yield from (reading for atom in groupwise if _exact(atom, wanted) for reading in atom.make(keep, drop))
    terms = derived(pool)
    count.examined += len(terms)
    more = [atom for term in separating(terms, wanted) for atom in term_atoms(term, wanted, prices)]
    found = [reading for atom in more if _exact(atom, wanted) for reading in atom.make(keep, drop)]
    yield from found
    if clock.over():
        return
    yield from both(simple, wanted, count)
    other = Wanted(keep, drop, False)
    alternatives = list(simple_atoms(pool, other, prices, constants, others))
    count.examined += len(alternatives)
    yield from either(alternatives, other, count)
    if not clock.over():
        more = [atom for term in terms[:40] for atom in term_atoms(term, wanted, prices)]
        yield from both([*simple, *more, *neighbours(pool, wanted)], wanted, count)


def asked(
    pool: Pool, keep: Any, drop: Any, constants: Sequence[Any], others: Sequence[Table], count: Count, clock: Clock
) -> list[Expr]:
    """Conditions true on some rows and false on others, different ones first; found once a table."""
    key = (keep.tobytes(), drop.tobytes())
    known = pool.asked.get(key)
    if known is None:
        found = conditions_of_any(pool, keep, drop, constants, others, count, clock)
        unique: dict[str, Expr] = {}
        for _, expr in sorted(found, key=lambda item: item[0])[:40]:
            unique.setdefault(expr.text, expr)
        known = different_first(list(unique.values()), alike=4)[:MOST_CONDITIONS]
        if not clock.over():
            pool.asked[key] = known
    return known


def prices_of(pool: Pool, constants: Sequence[Any], shown_numbers: frozenset[float] = frozenset()) -> Prices:
    """What constants cost beside this table."""
    known = frozenset(float(c) for c in constants if isinstance(c, int | float) and not isinstance(c, bool))
    cells: set[float] = set()
    for column in pool.columns[:200]:
        if column.kind == "num" and len(column.numbers) <= 20_000:
            cells.update(column.numbers[~column.null].tolist())
    return Prices(known, frozenset(cells), shown_numbers)


def _exact(atom: Atom, wanted: Wanted) -> bool:
    return bool(atom.bits[wanted.keep].all() and not atom.bits[wanted.drop].any())


def simple_atoms(
    pool: Pool, wanted: Wanted, prices: Prices, constants: Sequence[Any], others: Sequence[Table]
) -> Iterator[Atom]:
    """Conditions on single columns."""
    known = frozenset(pool.book.code(c) for c in constants)
    for source in pool.sources[:60]:
        column = source.column
        if column.kind in ("num", "date", "delta"):
            show = constant_text if column.kind == "num" else _shower(column.kind)
            mine = prices if column.kind == "num" else _moments(column.numbers)
            yield from numeric_atoms(source.expr, column.numbers, source.cost, mine, wanted, show)
            yield from between(source.expr, column.numbers, source.cost, mine, wanted, show)
        yield from value_atoms(source, column.codes, pool.book, wanted, known)
        if column.kind == "str":
            yield from text_atoms(source, pool.book, wanted, prices)
        elif column.kind == "obj":
            yield from _list_atoms(source, wanted, prices)
        yield from memberships(source.expr, source.cost, column.codes, wanted, others, pool, source.label)
    yield from duplicates(pool, wanted)
    yield from whole_rows(pool, wanted, prices)


def _list_atoms(source: Source, wanted: Wanted, prices: Prices) -> Iterator[Atom]:
    """Lists that hold something, and lists of some length."""
    cells = source.column.cells
    if len(cells) > MOST_LISTS or not all(isinstance(cell, list | tuple | set) for cell in cells):
        return
    things = {thing for cell in cells for thing in cell if isinstance(thing, str | int)}
    for thing in sorted(things, key=str)[:60]:
        bits = np.array([thing in cell for cell in cells], dtype=bool)
        text = f"{{0}}.apply(lambda cells: {literal(thing)} in cells)"
        made = call(text, source.expr, op="isin", cost=1.9, tags=(CELL, FUNCTION))
        if wanted.fits(bits):
            yield fixed(made, bits, source.cost + 1.9)
        elif wanted.fits(~bits):
            yield fixed(negated(made), ~bits, source.cost + 2.2)
    lengths = np.array([float(len(cell)) for cell in cells])
    expr = call("{0}.str.len()", source.expr, op="str", cost=0.8)
    yield from numeric_atoms(expr, lengths, source.cost + 0.8, Prices(prices.known, frozenset(), frozenset()), wanted)


def _of_spans(pool: Pool, wanted: Wanted, count: Count) -> Iterator[Found]:
    """Differences of dates compared with spans of time."""
    for part in pool.dates.differences[:16]:
        count.examined += 1
        cells = part.column.numbers
        for atom in numeric_atoms(part.expr, cells, part.cost, _moments(cells), wanted, _shower("delta"), far=0.3):
            if _exact(atom, wanted):
                yield from atom.make(wanted.keep, wanted.drop)


def _shower(kind: str) -> Callable[[float], str]:
    def show(ticks: float) -> str:
        moment = pd.Timestamp(int(ticks)) if kind == "date" else pd.Timedelta(int(ticks))
        return shown(moment) or "None"

    return show


def _moments(numbers: Any) -> Prices:
    return Prices(frozenset(), frozenset(numbers[~np.isnan(numbers)].tolist()), frozenset(), moments=True)


UNRELATED = 1.5
"""Nats of looking for a column's numbers among those of another, or for cells elsewhere than under their label."""


def _unrelated(label: Any, theirs: Column, other: Table) -> float:
    if other.shape_kind != "frame" or theirs.label == label:
        return 0.0
    return UNRELATED * ((theirs.kind == "num") + (label in other.labels))


def memberships(
    expr: Expr, base: float, codes: Any, wanted: Wanted, others: Sequence[Table], pool: Pool, label: Any = None
) -> Iterator[Atom]:
    """``isin`` with a column of another table: semi-joins and anti-joins."""
    mine = set(codes.tolist())
    for other in others:
        if other.expr.text == pool.expr.text:
            continue
        for theirs, name, extra in _columns_of(other):
            if not theirs.distinct or not (theirs.distinct & mine):
                continue
            bits = np.isin(codes, list(theirs.distinct))
            odd = _unrelated(label, theirs, other)
            extra += odd
            made = call("{0}.isin({1:arg})", expr, name, op="isin", cost=0.8 + odd)
            if wanted.fits(bits):
                yield fixed(made, bits, base + 0.9 + extra)
            elif wanted.fits(~bits):
                yield fixed(negated(made), ~bits, base + 1.2 + extra)


def _columns_of(other: Table) -> Iterator[tuple[Any, Expr, float]]:
    if other.shape_kind in ("frame", "series", "list", "array", "index"):
        for i, column in enumerate(other.columns):
            yield column, other.ref(i) if other.shape_kind == "frame" else other.expr, 0.1
    if other.shape_kind in ("frame", "series") and len(other.index) == 1 and not other.plain_index:
        yield other.index[0], call("{0}.index", other.expr, cost=0.4), 0.4


def duplicates(pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """``duplicated``, of rows, of some columns, of the index."""
    if pool.rows < 2:
        return
    for keys, expr, extra in _duplicate_keys(pool):
        _, ids = np.unique(np.stack(keys), axis=1, return_inverse=True)
        ids = ids.reshape(-1)
        first = np.zeros(pool.rows, dtype=bool)
        first[np.unique(ids, return_index=True)[1]] = True
        last = np.zeros(pool.rows, dtype=bool)
        last[pool.rows - 1 - np.unique(ids[::-1], return_index=True)[1]] = True
        single = np.bincount(ids)[ids] == 1
        for argument, bits, cost in (("", ~first, 1.0), ("keep='last'", ~last, 1.3), ("keep=False", ~single, 1.2)):
            made = expr(argument, cost + extra)
            if wanted.fits(bits):
                yield fixed(made, bits, cost + extra)
            elif wanted.fits(~bits):
                yield fixed(negated(made), ~bits, cost + extra + 0.2)


def _duplicate_keys(pool: Pool) -> Iterator[tuple[list[Any], Callable[[str, float], Expr], float]]:
    def plain(base: Expr) -> Callable[[str, float], Expr]:
        return lambda argument, cost: call(f"{{0}}.duplicated({argument})", base, op="drop_duplicates", cost=cost)

    def subset(names: list[Any]) -> Callable[[str, float], Expr]:
        def make(argument: str, cost: float) -> Expr:
            arguments = ", ".join(part for part in (literal(names), argument) if part)
            tags = (LABEL,) * len(names)
            return call(f"{{0}}.duplicated({arguments})", pool.expr, op="drop_duplicates", cost=cost, tags=tags)

        return make

    if len(pool.columns) > 1 or not pool.is_frame:
        yield [column.codes for column in pool.columns], plain(pool.expr), 0.0
    if pool.is_frame:
        for source in pool.columns_as_sources[:30]:
            yield [source.column.codes], plain(source.expr), 0.1
        for one, two in itertools.combinations(pool.columns_as_sources[:6] if pool.plain else (), 2):
            if one.column.kind == two.column.kind and one.column.distinct & two.column.distinct:
                names = literal([one.label, two.label])
                either = call(f"{{0}}[{names}].apply(frozenset, axis=1)", pool.expr, op="map", cost=0.8)
                yield [*np.sort([one.column.codes, two.column.codes], axis=0)], plain(either), 1.0
        if pool.plain:
            for a, b in itertools.combinations(range(min(len(pool.columns), 6)), 2):
                if len(pool.columns) > 2:
                    keys = [pool.columns[a].codes, pool.columns[b].codes]
                    yield keys, subset([pool.labels[a], pool.labels[b]]), 0.9
    if pool.index_sources and not pool.plain_index:
        yield [s.column.codes for s in pool.index_sources], plain(call("{0}.index", pool.expr, cost=0.3)), 0.3


def whole_rows(pool: Pool, wanted: Wanted, prices: Prices) -> Iterator[Atom]:
    """Conditions on all columns, or all numeric ones, at once."""
    if not pool.is_frame or len(pool.columns) < 2:
        return
    columns = pool.columns[:200]
    nulls = np.stack([column.null for column in columns])
    if nulls.any():
        some: Bools = np.asarray(nulls.any(axis=0))
        every: Bools = np.asarray(nulls.all(axis=0))
        for text, bits, cost in (
            ("{0}.notna().all(axis=1)", ~some, 1.2),
            ("{0}.isna().any(axis=1)", some, 1.0),
            ("{0}.notna().any(axis=1)", ~every, 1.5),
            ("{0}.isna().all(axis=1)", every, 1.5),
        ):
            if wanted.fits(bits):
                yield fixed(call(text, pool.expr, op="isna", cost=cost), bits, cost)
    yield from _any_cell(pool, wanted)
    yield from _all_numbers(pool, wanted, prices)


def _any_cell(pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    codes = np.stack([column.codes for column in pool.columns[:200]])
    inner, outer = codes[:, wanted.keep], codes[:, wanted.drop]
    if not inner.size:
        return
    everywhere = set(inner[:, 0].tolist())
    for i in range(1, min(inner.shape[1], 200)):
        everywhere &= set(inner[:, i].tolist())
    dropped_everywhere = set(outer[:, 0].tolist()) if outer.size else set()
    for i in range(1, min(outer.shape[1], 200)):
        dropped_everywhere &= set(outer[:, i].tolist())
    for chosen, plain in ((everywhere, True), (dropped_everywhere, False)):
        for code in sorted(chosen - {0})[:6]:
            text = shown(pool.book.cell(code))
            if text is None:
                continue
            bits = np.asarray((codes == code).any(axis=0))
            equal = compared(pool.expr, "==", text, 1.0, ("cell",))
            made = call("{0}.any(axis=1)", equal, op="logic", cost=0.6)
            if plain and wanted.fits(bits):
                yield fixed(made, bits, 2.1)
            elif not plain and wanted.fits(~bits):
                other = compared(pool.expr, "!=", text, 1.0, ("cell",))
                yield fixed(call("{0}.all(axis=1)", other, op="logic", cost=0.6), ~bits, 2.2)
                yield fixed(negated(made), ~bits, 2.4)


def _all_numbers(pool: Pool, wanted: Wanted, prices: Prices) -> Iterator[Atom]:
    places = [i for i, column in enumerate(pool.columns) if column.kind == "num"]
    if len(places) < 2 or not pool.plain:
        return
    for chosen in (tuple(places), *itertools.combinations(places, 2))[:12]:
        cells = np.stack([pool.columns[i].numbers for i in chosen])
        frame = pool.expr
        if len(chosen) < len(pool.columns):
            names = literal([pool.labels[i] for i in chosen])
            frame = call(f"{{0}}[{names}]", frame, op="select", cost=0.3 + 0.1 * len(chosen), tags=(LABEL,))
        missing = np.isnan(cells).any(axis=0)
        low, high = cells.min(axis=0), cells.max(axis=0)
        for above, values, how in ((True, low, "all"), (False, high, "all"), (True, high, "any"), (False, low, "any")):
            values = np.where(missing, np.nan, values)
            for atom in numeric_atoms(frame, values, 0.5, Prices(prices.known, frozenset(), frozenset()), wanted):
                yield _reduced(atom, how, (">", ">=") if above else ("<", "<="))


def _reduced(atom: Atom, how: str, signs: tuple[str, str]) -> Atom:
    def make(include: Bools, exclude: Bools) -> list[Found]:
        out = []
        for cost, expr in atom.make(include, exclude):
            if expr.template.split(" ")[1] in signs:
                out.append((cost + 0.6, call(f"{{0}}.{how}(axis=1)", expr, op="logic", cost=0.6)))
        return out

    return Atom(atom.bits, atom.cost + 0.6, make)


_SIGNS = tuple(
    Operator(sign, f"{{0:sum}} {sign} {{1:sum}}", COMPARE, cost, apply)
    for sign, cost, apply in (
        (">", 0.6, np.greater),
        (">=", 0.7, np.greater_equal),
        ("<", 0.6, np.less),
        ("<=", 0.7, np.less_equal),
        ("==", 0.6, np.equal),
        ("!=", 0.6, np.not_equal),
    )
)


def relations(pool: Pool, wanted: Wanted, count: Count, clock: Clock, *, light: bool) -> Iterator[Found]:
    """Columns compared with columns, totals, their neighbours in the rows and what holds within their group."""
    care = wanted.keep | wanted.drop
    values = np.where(care, wanted.keep.astype(np.float64), 0.5)
    slack = np.where(care, 0.0, 1.0)
    target = Target.of(values, low=values - slack, high=values + slack)
    numbers = pool.columns_of_numbers
    base = Block.of(numbers, pool.rows, most_alike=2)
    fills = [t for t in pool.unary if t.expr.op in ("shift", "abs") or t.expr.template.endswith(_RECORDS)]
    terms = [*numbers, *pool.totals, *pool.quantiles, *fills, *([] if light else pool.grouped)]
    right = Block.of(terms, pool.rows, most_alike=2)
    hits = sorted(pairs(target, base, right, _SIGNS, count, clock), key=lambda hit: hit[0])
    for cost, op, i, j in hits[:80]:
        a, b = base.build(i), right.build(j)
        if a.text != b.text:
            far = _far_apart(a, b) - TWINS * (op.sign == "!=" and _twins(a, b))
            yield cost + far, Expr(op.template, (a, b), COMPARE, "compare", op.cost + far)
    yield from _equal_texts(pool, wanted, count)
    yield from _in_another(pool, wanted, count)
    if pool.rows <= MOST_LISTS:
        yield from _between_columns(pool, wanted, count)


TWINS = 0.5
"""Nats less for asking whether two columns differ that two tables had under one name."""

_LABELLED = re.compile(r"\['([^']+)_[^_']+'\]$")


def _twins(a: Expr, b: Expr) -> bool:
    """``price_old`` and ``price_new``, ``price_x`` and ``price_y``."""
    first, second = _LABELLED.search(a.text), _LABELLED.search(b.text)
    return first is not None and second is not None and first.group(1) == second.group(1)


def neighbours(pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Numbers compared with those of the row before and the row after: peaks are greater than both."""
    moved = {text: [t for t in pool.unary if t.expr.template == text] for text in ("{0}.shift()", "{0}.shift(-1)")}
    for term in pool.columns_of_numbers[:6] if pool.at is None else ():
        for shifted in (t for found in moved.values() for t in found if t.expr.parts[0].text == term.expr.text):
            for op in _SIGNS[:4]:
                with np.errstate(all="ignore"):
                    bits = np.asarray(op.apply(term.values, shifted.values), dtype=bool)
                if wanted.fits(bits):
                    made = Expr(op.template, (term.expr, shifted.expr), COMPARE, "compare", op.cost)
                    yield fixed(made, bits, shifted.cost + op.cost)


def _between_columns(pool: Pool, wanted: Wanted, count: Count) -> Iterator[Found]:
    """``df['a'].between(df['low'], df['high'])``."""
    numbers = [s for s in pool.columns_as_sources if s.column.kind in ("num", "date") and not s.column.null.any()][:8]
    for low, high in itertools.permutations(numbers, 2):
        if low.column.kind != high.column.kind or (low.column.numbers > high.column.numbers).any():
            continue
        for middle in numbers:
            if middle.column.kind != low.column.kind or middle.label in (low.label, high.label):
                continue
            count.examined += 1
            cells = middle.column.numbers
            held = (cells >= low.column.numbers) & (cells <= high.column.numbers)
            if held[wanted.keep].all() and not held[wanted.drop].any():
                parts = (middle.expr, low.expr, high.expr)
                yield 1.6, call("{0}.between({1:arg}, {2:arg})", *parts, op="between", cost=1.3)


def _in_another(pool: Pool, wanted: Wanted, count: Count) -> Iterator[Found]:
    """Cells that are anywhere in another column of the table: ``df['a'].isin(df['b'])``."""
    sources = [source for source in pool.columns_as_sources[:20] if source.column.kind in ("num", "str", "date")]
    for a, b in itertools.permutations(sources, 2):
        if a.column.kind != b.column.kind or not a.column.distinct & b.column.distinct:
            continue
        count.examined += 1
        held = np.isin(a.column.codes, list(b.column.distinct))
        made = call("{0}.isin({1:arg})", a.expr, b.expr, op="isin", cost=1.3)
        if held[wanted.keep].all() and not held[wanted.drop].any():
            yield 1.5, made
        elif held[wanted.drop].all() and not held[wanted.keep].any():
            yield 1.8, negated(made)


MOST_BETWEEN = 8
"""Different cells of a column two of which may begin and end stretches of rows."""

MOST_MARKS = 12
"""Different cells of a column that a group is asked for."""


def within_groups(pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Whether any or every row of a group has a cell: ``(df['st'] == 'ok').groupby(df['id']).transform('all')``.

    Cells are words and truths: of numbers the least and the most of a group say as much.
    """
    if not pool.is_frame or not pool.plain or pool.at is not None:
        return
    for grouping in pool.groupings[:6]:
        if len(grouping.positions) != 1 or grouping.groups.count < 2 or (grouping.groups.ids < 0).any():
            continue
        key = pool.columns_as_sources[grouping.positions[0]].expr
        yield from _of_best_groups(key, grouping, pool, wanted)
        for source in pool.columns_as_sources[:12]:
            column = source.column
            if source.expr.text == key.text:
                continue
            if column.kind in ("str", "num") and not column.unique:
                yield from _varied_in_groups(source, grouping, pool, wanted)
            if column.kind == "str":
                yield from _changed_in_groups(source, grouping, pool, wanted)
            flag = column.kind == "num" and column.distinct <= {pool.book.code(0), pool.book.code(1)}
            if (column.kind in ("str", "bool") or flag) and len(column.distinct) <= MOST_MARKS:
                yield from _asked_of_groups(source, key, grouping, pool, wanted)
    for source in pool.columns_as_sources[:12]:
        if source.column.kind in ("str", "bool") and len(source.column.distinct) <= MOST_MARKS:
            yield from _from_a_mark_on(source, pool, wanted)
            yield from _beside_a_mark(source, pool, wanted)


def _of_best_groups(key: Expr, grouping: Grouping, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Groups with the largest or smallest totals: ``df['k'].isin(df.groupby('k')['v'].sum().nlargest(2).index)``."""
    groups = grouping.groups
    kept = np.zeros(groups.count, dtype=bool)
    kept[groups.ids[wanted.keep]] = True
    number = int(kept.sum())
    if not 1 <= number <= MOST_BEST or number == groups.count or not wanted.fits(kept[groups.ids]):
        return
    bits = np.asarray(kept[groups.ids], dtype=bool)
    sizes = groups.sizes.astype(np.float64)
    if sizes[kept].min() > sizes[~kept].max():
        best = call(f"{{0}}.value_counts().head({number}).index", key, op="value_counts", cost=1.6)
        yield fixed(call("{0}.isin({1:arg})", key, best, op="isin", cost=0.7), bits, 3.0)
    for source in pool.columns_as_sources[:12]:
        column = source.column
        if column.kind != "num" or source.expr.text == key.text or column.null.any():
            continue
        sums = np.bincount(groups.ids, column.numbers, groups.count)
        for how, totals in (("sum", sums), ("mean", sums / sizes)):
            for way, sign in (("nlargest", 1.0), ("nsmallest", -1.0)):
                if (sign * totals[kept]).min() > (sign * totals[~kept]).max():
                    text = f"{{0}}.groupby({grouping.by})[{literal(source.label)}].{how}().{way}({number}).index"
                    best = call(text, pool.expr, op="groupby.agg", cost=1.9, tags=(*grouping.tags, LABEL))
                    cost = 3.1 + 0.3 * (sign < 0) + 0.2 * (how == "mean")
                    yield fixed(call("{0}.isin({1:arg})", key, best, op="isin", cost=cost - 1.9), bits, cost)


MOST_BEST = 5
"""Groups of the largest totals."""


def _varied_in_groups(source: Source, grouping: Grouping, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Groups with several different cells, or with one: ``df.groupby('ip')['user'].transform('nunique') > 1``."""
    groups, column = grouping.groups, source.column
    present = ~column.null
    pairs_seen = np.unique(np.stack([groups.ids[present], column.codes[present]]), axis=1)[0]
    several = np.bincount(pairs_seen, minlength=groups.count) > 1
    bits = np.asarray(several[groups.ids], dtype=bool)
    if bits.all() or not bits.any():
        return
    text = f"{{0}}.groupby({grouping.by})[{literal(source.label)}].transform('nunique')"
    counted = call(text, pool.expr, op="groupby.transform", cost=1.1, tags=(*grouping.tags, LABEL))
    for sign, number, held in ((">", 1, bits), ("==", 1, ~bits)):
        if wanted.fits(held):
            yield fixed(compared(counted, sign, str(number), 0.3), held, grouping.cost + 1.5)


def _changed_in_groups(source: Source, grouping: Grouping, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Rows that differ from the row before in their group: ``df['st'] != df.groupby('id')['st'].shift()``."""
    codes = source.column.codes
    before = np.full(pool.rows, -1)
    for rows in grouping.groups.pieces():
        before[rows[1:]] = codes[rows[:-1]]
    text = f"{{0}}.groupby({grouping.by})[{literal(source.label)}].shift()"
    for sign, held in (("!=", codes != before), ("==", codes == before)):
        if wanted.fits(held):
            moved = call(text, pool.expr, op="groupby.shift", cost=1.2 + grouping.cost, tags=(*grouping.tags, LABEL))
            made = Expr(f"{{0}} {sign} {{1}}", (source.expr, moved), COMPARE, "compare", 0.7)
            yield fixed(made, held, 2.0 + grouping.cost)


def _from_a_mark_on(source: Source, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Rows from the first that has a cell on, or before it: ``(df['step'] == 'start').cummax()``."""
    column = source.column
    for code in sorted(column.distinct):
        held = np.asarray(column.codes == code)
        text = None if code == NULL else shown(pool.book.cell(code))
        if text is None or held[0] or (column.kind == "bool" and not pool.book.cell(code)):
            continue
        inner = source.expr if column.kind == "bool" else compared(source.expr, "==", text, 0.7, (CELL,))
        since = np.asarray(np.maximum.accumulate(held), dtype=bool)
        made = call("{0}.cummax()", inner, op="cumulative", cost=1.6)
        after = call("{0}.shift(fill_value=False)", made, op="shift", cost=0.6)
        later = np.concatenate([[False], since[:-1]])
        for bits, expr, cost in ((since, made, 2.6), (later, after, 3.2)):
            if wanted.fits(bits):
                yield fixed(expr, bits, cost)
            elif wanted.fits(~bits):
                yield fixed(negated(expr), ~bits, cost + 0.2)


def _beside_a_mark(source: Source, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    """Rows after or before one that has a cell, and rows between two marks."""
    column = source.column
    held = {code: np.asarray(column.codes == code) for code in sorted(column.distinct)}
    texts = {code: shown(pool.book.cell(code)) for code in held}
    false = np.zeros(1, dtype=bool)
    for code, at in held.items():
        text = texts[code]
        for k, bits in ((1, np.concatenate([false, at[:-1]])), (-1, np.concatenate([at[1:], false]))):
            if text is not None and wanted.fits(bits):
                moved = call(f"{{0}}.shift({'' if k == 1 else k})", source.expr, op="shift", cost=1.5)
                yield fixed(compared(moved, "==", text, 0.7, (CELL,)), bits, 2.4)
    if column.kind != "str" or not 2 < len(held) <= MOST_BETWEEN:
        return
    seen = {code: np.cumsum(at) for code, at in held.items()}
    for a, b in itertools.permutations(held, 2):
        bits = np.asarray(seen[a] > seen[b])
        if texts[a] is not None and texts[b] is not None and wanted.fits(bits):
            begun, ended = (
                call(
                    "{0}.cumsum()", compared(source.expr, "==", str(texts[x]), 0.7, (CELL,)), op="cumulative", cost=1.2
                )
                for x in (a, b)
            )
            yield fixed(Expr("{0} > {1}", (begun, ended), COMPARE, "compare", 0.8), bits, 3.2)


def _asked_of_groups(source: Source, key: Expr, grouping: Grouping, pool: Pool, wanted: Wanted) -> Iterator[Atom]:
    groups, column = grouping.groups, source.column
    for code in sorted(column.distinct):
        held = column.codes == code
        cell = pool.book.cell(code)
        text = None if code == NULL else shown(cell)
        if text is None or held.all() or (column.kind == "bool" and not cell):
            continue
        inner = source.expr if column.kind == "bool" else compared(source.expr, "==", text, 0.7, (CELL,))
        inside = 0.1 if column.kind == "bool" else 1.2
        by_group = np.argsort(groups.ids, kind="stable")
        ends = np.flatnonzero(np.diff(np.append(groups.ids[by_group], -1)))
        starts = np.append(0, ends[:-1] + 1)
        for how, rows in (("last", ends), ("first", starts)):
            bits = np.zeros(groups.count, dtype=bool)
            bits[groups.ids[by_group[rows]]] = held[by_group[rows]]
            spread_out = np.asarray(bits[groups.ids], dtype=bool)
            for sign, kept in (("==", spread_out), ("!=", ~spread_out)):
                if column.kind == "str" and wanted.fits(kept):
                    of = call(
                        f"{{0}}.groupby({{1:arg}}).transform('{how}')",
                        source.expr,
                        key,
                        op="groupby.transform",
                        cost=1.0,
                    )
                    yield fixed(compared(of, sign, text, 0.7, (CELL,)), kept, inside + grouping.cost + 0.9)
        times = np.bincount(groups.ids, weights=held, minlength=groups.count)
        # From the first such row of its group on.
        since = np.zeros(pool.rows, dtype=bool)
        seen = np.zeros(groups.count, dtype=bool)
        for row, group in enumerate(groups.ids.tolist()):
            seen[group] |= held[row]
            since[row] = seen[group]
        if wanted.fits(since):
            begun = call("{0}.groupby({1:arg}).cummax()", inner, key, op="groupby.cumulative", cost=1.5)
            yield fixed(begun, since, inside + grouping.cost + 1.6)
        for how, spread in (("any", times > 0), ("all", times == groups.sizes)):
            bits = np.asarray(spread[groups.ids], dtype=bool)
            made = call(f"{{0}}.groupby({{1:arg}}).transform('{how}')", inner, key, op="groupby.filter", cost=1.0)
            cost = inside + grouping.cost + 1.0
            if wanted.fits(bits):
                yield fixed(made, bits, cost)
            elif wanted.fits(~bits):
                yield fixed(negated(made), ~bits, cost + 0.3)


_RECORDS = (".cummax()", ".cummin()")
"""What the cells of a column are compared with to find those that nothing before them exceeds."""


def _far_apart(a: Expr, b: Expr) -> float:
    """What it costs that a column is compared with something derived of another one."""
    if not b.op:
        return 0.0
    own = a.template.removeprefix("{0}")
    mine = any(own in node.template for node in b.nodes)
    return (0.0 if mine else 0.8) + _FARTHER.get(b.op, 0.0) * 0.5


def remainders(pool: Pool, wanted: Wanted, count: Count) -> Iterator[Found]:
    """``a % 2 == 0``, ``df.index % 3 == 1``."""
    for term in pool.numbers[:12]:
        cells = term.values
        if np.isnan(cells).any() or not (cells == np.rint(cells)).all():
            continue
        counts = len(cells) > 1 and (np.diff(cells) == 1).all()  # a column that numbers the rows says where they are
        for k, cost in ((2, 0.4), (3, 0.9), (5, 1.0), (4, 1.2), (10, 1.0)):
            count.examined += 2
            rest = np.mod(cells, k)
            kept = np.unique(rest[wanted.keep])
            dropped = np.unique(rest[wanted.drop])
            cost += COUNTED_ROWS * bool(counts)
            inner = Expr(f"{{0:product}} % {k}", (term.expr,), PRODUCT, "arithmetic", 0.9 + cost)
            if len(kept) == 1 and kept[0] not in dropped:
                yield term.cost + 1.8 + cost, compared(inner, "==", str(int(kept[0])), 0.3)
            if len(dropped) == 1 and dropped[0] not in kept and (k > 2 or dropped[0] == 0):
                yield term.cost + 1.9 + cost, compared(inner, "!=", str(int(dropped[0])), 0.4)


def _equal_texts(pool: Pool, wanted: Wanted, count: Count) -> Iterator[Found]:
    texts = [source for source in pool.columns_as_sources if source.column.kind not in ("num", "bool")][:20]
    for a, b in itertools.permutations(texts, 2):
        bits: Bools = np.asarray((a.column.codes == b.column.codes) & (a.column.codes != 0))
        count.examined += 2
        for sign, held in (("==", bits), ("!=", ~bits)):
            if held[wanted.keep].all() and not held[wanted.drop].any() and str(a.label) <= str(b.label):
                cost = 0.6
                yield a.cost + b.cost + cost, Expr(f"{{0}} {sign} {{1}}", (a.expr, b.expr), COMPARE, "compare", cost)
        yield from _before(a, b, wanted, count)
    for source in texts:
        codes = source.column.codes
        for k in (1, -1):
            moved = np.zeros_like(codes)
            if k == 1:
                moved[1:] = codes[:-1]
            else:
                moved[:-1] = codes[1:]
            count.examined += 2
            same: Bools = np.asarray((codes == moved) & (codes != 0))
            for sign, held in (("!=", ~same), ("==", same)):
                if held[wanted.keep].all() and not held[wanted.drop].any():
                    move = call(f"{{0}}.shift({'' if k == 1 else k})", source.expr, op="shift", cost=0.9)
                    yield 1.7, Expr(f"{{0}} {sign} {{1}}", (source.expr, move), COMPARE, "compare", 0.6)


def _before(a: Source, b: Source, wanted: Wanted, count: Count) -> Iterator[Found]:
    """Texts or dates before those of another column, as each pair of a table joined with itself is wanted once."""
    if a.column.kind != b.column.kind or a.column.kind not in ("str", "date") or (a.column.null | b.column.null).any():
        return
    count.examined += 2
    pairs_of_cells = list(zip(a.column.cells, b.column.cells, strict=True))
    for sign, held in (
        ("<", np.array([x < y for x, y in pairs_of_cells], dtype=bool)),
        ("<=", np.array([x <= y for x, y in pairs_of_cells], dtype=bool)),
    ):
        if held[wanted.keep].all() and not held[wanted.drop].any():
            cost = 0.8 + 0.3 * (sign == "<=")
            yield a.cost + b.cost + cost, Expr(f"{{0}} {sign} {{1}}", (a.expr, b.expr), COMPARE, "compare", cost)
            return


def derived(pool: Pool) -> list[Term]:
    """Derived numbers (differences, ranks, counts within groups) that a condition may compare with a constant."""
    seen: dict[bytes, int] = {}
    out = []
    for term in sorted([*pool.read, *pool.unary, *pool.across, *pool.grouped], key=lambda term: term.cost):
        if term.expr.op in _NEVER or term.expr.template.startswith(("np.", "-")):
            continue
        key = term.values.tobytes()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2:
            out.append(term)
    return out


def separating(terms: Sequence[Term], wanted: Wanted) -> list[Term]:
    """The terms of which one comparison with a constant tells all rows that are kept from all that are not."""
    if not terms:
        return []
    matrix = np.stack([term.values for term in terms])
    kept, dropped = matrix[:, wanted.keep], matrix[:, wanted.drop]
    if not kept.shape[1] or not dropped.shape[1]:
        return []
    low, high = kept.min(axis=1), kept.max(axis=1)
    gone = np.isnan(dropped)
    least, most = np.where(gone, np.inf, dropped).min(axis=1), np.where(gone, -np.inf, dropped).max(axis=1)
    one = (low == high) & (dropped != low[:, None]).all(axis=1)
    other = ~gone.any(axis=1) & (least == most) & (kept != least[:, None]).all(axis=1)
    good = (low > most) | (high < least) | one | other
    return [terms[i] for i in np.flatnonzero(good).tolist()]


_NEVER = frozenset(["fillna", "ffill", "bfill", "rolling", "expanding"])
"""Functions that no condition compares with a constant: they order the rows as the column does, or nobody would."""
_FARTHER = {
    "groupby.cumulative": 1.0,
    "groupby.transform": 0.5,
    "groupby.rank": 0.3,
    "cumulative": 0.8,
    "groupby.shift": 0.8,
    "pct_change": 0.6,
    "shift": 0.6,
    "reduce": 0.4,
}


def term_atoms(term: Term, wanted: Wanted, prices: Prices) -> Iterator[Atom]:
    """Comparisons of a derived column with natural constants."""
    plain = Prices(prices.known, frozenset(), frozenset())
    if term.expr.template.startswith("{0}.dt.") and not term.expr.template.endswith((".days", ")", "00", "60")):
        # A year or a month is a constant that the dates show.
        plain = Prices(frozenset(term.values[~np.isnan(term.values)].tolist()) | prices.known, frozenset(), frozenset())
        yield from numeric_atoms(term.expr, term.values, term.cost, plain, wanted, far=0.3)
        return
    far = FAR + (0.0 if term.expr.template.endswith("('size')") else _FARTHER.get(term.expr.op, 0.0))
    yield from numeric_atoms(term.expr, term.values, term.cost, plain, wanted, far=far)


def both(atoms: Sequence[Atom], wanted: Wanted, count: Count) -> Iterator[Found]:
    """``a & b``: two conditions that each keep what is to be kept, and together leave out all the rest."""
    yield from _joined(atoms, wanted, count, "&")


def either(atoms: Sequence[Atom], wanted: Wanted, count: Count) -> Iterator[Found]:
    """``a | b``: two conditions that each leave out what is to be left out, and together keep all the rest."""
    yield from _joined(atoms, wanted, count, "|")


def _joined(atoms: Sequence[Atom], wanted: Wanted, count: Count, sign: str) -> Iterator[Found]:
    chosen = _different(atoms)
    if len(chosen) < 2:
        return
    bits = np.stack([atom.bits for atom in chosen])
    # What a condition leaves undone, in numbers: two conditions do it all if nothing is left undone by both.
    undone = bits[:, wanted.drop] if sign == "&" else ~bits[:, wanted.keep]
    left = undone.astype(np.float32)
    count.examined += len(chosen) * (len(chosen) - 1) // 2
    i, j = np.nonzero(np.triu(left @ left.T == 0, 1))
    alone = np.asarray(~undone.any(axis=1))
    order = np.argsort([chosen[a].cost + chosen[b].cost for a, b in zip(i, j, strict=True)], kind="stable")
    made, cheapest = 0, np.inf
    for a, b in zip(i[order].tolist(), j[order].tolist(), strict=True):
        if alone[a] or alone[b]:
            continue
        made += 1
        if made > 60:
            break
        cheapest = min(cheapest, chosen[a].cost + chosen[b].cost)
        yield from _readings(chosen[a], chosen[b], wanted, sign)
    if cheapest > DEAR and not alone.any() and undone.shape[1] <= 2000:
        yield from _three(chosen, undone, wanted, sign, count)


def _three(chosen: Sequence[Atom], undone: Bools, wanted: Wanted, sign: str, count: Count) -> Iterator[Found]:
    """Three conditions, where no two do it: each in its tightest reading that the other two leave open."""
    few = min(len(chosen), 60)
    left = undone[:few].astype(np.float32)
    first, second = np.triu_indices(few, 1)
    rest = left[first] * left[second]
    count.examined += len(first) * few
    pair, third = np.nonzero(rest @ left.T == 0)
    ahead = third > second[pair]
    hits = [
        (chosen[first[p]].cost + chosen[second[p]].cost + chosen[t].cost, int(first[p]), int(second[p]), int(t))
        for p, t in zip(pair[ahead].tolist(), third[ahead].tolist(), strict=True)
    ]
    for _, *places in sorted(hits)[:12]:
        atoms = [chosen[i] for i in places]
        readings = []
        for i, atom in enumerate(atoms):
            others = [other.bits for k, other in enumerate(atoms) if k != i]
            if sign == "&":
                made = atom.make(wanted.keep, wanted.drop & others[0] & others[1])
            else:
                made = atom.make(wanted.keep & ~others[0] & ~others[1], wanted.drop)
            readings.append(list(made)[:1])
        if not all(readings):
            continue
        parts = tuple(reading[0][1] for reading in readings)
        template = f" {sign} ".join(f"{{{i}:product}}" for i in range(3))
        yield sum(r[0][0] for r in readings) + 2 * JOINING, Expr(template, parts, LOOSE, "logic", 2 * JOINING)


def _different(atoms: Sequence[Atom]) -> list[Atom]:
    """The cheapest two of the atoms that hold on the same rows."""
    seen: dict[bytes, int] = {}
    out = []
    for atom in sorted(atoms, key=lambda atom: atom.cost):
        key = atom.bits.tobytes()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2:
            out.append(atom)
    return out[:MOST_ATOMS]


def _readings(a: Atom, b: Atom, wanted: Wanted, sign: str) -> Iterator[Found]:
    keep, drop = wanted.keep, wanted.drop
    if sign == "&":
        first = list(a.make(keep, drop & b.bits))[:3]
        second = list(b.make(keep, drop & a.bits))[:3]
    else:
        first = list(a.make(keep & ~b.bits, drop))[:3]
        second = list(b.make(keep & ~a.bits, drop))[:3]
    for x, y in itertools.product(range(len(first)), range(len(second))):
        if x and y:
            continue
        (p, left), (q, right) = first[x], second[y]
        yield p + q + JOINING, Expr(f"{{0:product}} {sign} {{1:product}}", (left, right), LOOSE, "logic", JOINING)


__all__ = ["COMPARING", "asked", "conditions", "masks", "prices_of"]
