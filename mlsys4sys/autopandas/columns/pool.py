"""Everything that one call makes of a table's columns, as arrays of numbers with the expression beside each.

A pool is made once a table and shared by all that is wanted of it. It comes in tiers, so that what is likely is
compared first: the numeric columns, functions of one column, totals, reductions of rows, functions within groups.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns import digits, windows
from mlsys4sys.autopandas.columns.dates import Dates
from mlsys4sys.autopandas.columns.windows import Groups
from mlsys4sys.autopandas.expression import LABEL, SUM, UNARY, Expr, call, literal
from mlsys4sys.autopandas.memo import Memo
from mlsys4sys.autopandas.table import Bools, Codes, Column, Floats, Table

LONG = 1000
"""Rows past which derived numbers are compared at some rows only; what is found is run on all."""
MOST_NUMBERS = 24
"""Numeric columns that are looked at."""
MOST_UNARY = 10
"""Numeric columns that functions are tried on."""
MOST_KEYS = 6
"""Columns that rows are grouped by."""


@dataclass(frozen=True, eq=False, slots=True)
class Source:
    """A column or an index level, and how code names it."""

    column: Column
    expr: Expr
    cost: float
    label: Hashable
    is_index: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A column of numbers that an expression makes."""

    expr: Expr
    values: Floats
    """Shape (rows,), NaN where missing."""
    cost: float
    """In nats, the table's own program left out."""


@dataclass(frozen=True, eq=False, slots=True)
class Grouping:
    """Rows grouped by one or several columns."""

    groups: Groups
    by: str
    """What stands in ``groupby(…)``, ready for a template."""
    cost: float
    tags: tuple[str, ...]
    positions: tuple[int, ...]
    """The key columns; none where the rows are grouped by an index level."""


class Pool:
    """The numbers of one table. Use :func:`pool_of`, which makes one a table."""

    def __init__(self, table: Table) -> None:
        # A table is the key under which its pool is kept: no way back to it, or neither would be freed.
        self.rows = table.rows
        self.at = _looked_at(table.rows)
        """The rows at which derived numbers are kept and compared; None for all of them."""
        self.expr = table.expr
        self.is_frame = table.shape_kind == "frame"
        self.labels = table.labels
        self.plain = not table.duplicate_labels
        self.columns = table.columns
        self.columns_as_sources = tuple(
            Source(column, table.ref(i), 0.1, column.label) for i, column in enumerate(table.columns)
        )
        self.index_sources = tuple(_index_sources(table))
        self.plain_index = table.plain_index
        self.book = table.book
        self.value = table.value
        self.asked: dict[tuple[bytes, bytes], list[Expr]] = {}
        """Conditions that were looked for already, by the rows that they keep and drop."""
        self.memo = Memo((), table.book)
        self.memo.put(table.expr, table.value)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Columns, then index levels."""
        return (*self.columns_as_sources, *self.index_sources)

    def seen(self, terms: Iterable[Term]) -> list[Term]:
        """Terms at the rows that are looked at."""
        if self.at is None:
            return list(terms)
        return [Term(term.expr, term.values[self.at], term.cost) for term in terms]

    @cached_property
    def numbers(self) -> list[Term]:
        """The numeric columns, and the numbers of the rows."""
        return self.seen(self.full_numbers)

    @cached_property
    def full_numbers(self) -> list[Term]:
        """The numeric columns in all rows; booleans count as 0 and 1, at a price."""
        numeric = [source for source in self.sources if source.column.kind == "num"]
        out = [Term(source.expr, source.column.numbers, source.cost) for source in numeric]
        for source in self.columns_as_sources:
            if source.column.kind == "bool":
                expr = call("{0}.astype(int)", source.expr, op="astype", cost=0.8)
                out.append(Term(expr, source.column.numbers, source.cost + 0.8))
        if self.is_frame or self.index_sources:
            steps = np.arange(self.rows, dtype=np.float64)
            out.append(Term(call("np.arange(len({0:arg}))", self.expr, op="arithmetic", cost=2.0), steps, 2.0))
            text = "np.arange(1, len({0:arg}) + 1)"
            out.append(Term(call(text, self.expr, op="arithmetic", cost=2.3), steps + 1, 2.3))
        return out[:MOST_NUMBERS]

    @cached_property
    def columns_of_numbers(self) -> list[Term]:
        """The numeric columns alone, and index levels that say something; in all rows."""
        plain = self.index_sources[0].expr.text if self.plain_index and self.index_sources else ""
        return [term for term in self.full_numbers if not term.expr.op and term.expr.text != plain]

    @cached_property
    def unary(self) -> list[Term]:
        """Functions of one numeric column that change it."""
        terms = self.full_numbers[: MOST_UNARY if self.at is None else 4]
        return self.seen(made for t in terms for made in _functions(t, self.rows) if not _same(made.values, t.values))

    @cached_property
    def totals(self) -> list[Term]:
        """Sums, means and so on of whole columns: the same number in each row."""
        out = []
        for term in self.full_numbers[:MOST_UNARY]:
            if term.expr.op or term.expr.template.endswith(".index"):
                continue
            for name, cost, function in _TOTALS:
                there = term.values[~np.isnan(term.values)]
                if len(there) > (1 if name == "std" else 0):
                    expr = call(f"{{0}}.{name}()", term.expr, op="reduce", cost=cost)
                    out.append(Term(expr, np.full(self.rows, float(function(there))), term.cost + cost))
            spread = _spread(term)
            if spread is not None:
                out.append(spread)
        length = call("len({0:arg})", self.expr, op="reduce", cost=0.9)
        out.append(Term(length, np.full(self.rows, float(self.rows)), 0.9))
        return self.seen(out)

    @cached_property
    def quantiles(self) -> list[Term]:
        """Quantiles of columns, to compare with."""
        out = []
        for term in self.columns_of_numbers[:MOST_UNARY]:
            there = term.values[~np.isnan(term.values)]
            if len(there) > 2:
                for q, cost in ((0.75, 1.5), (0.25, 1.6), (0.9, 1.7), (0.95, 1.8), (0.1, 1.9), (0.8, 2.0), (0.99, 2.0)):
                    expr = call(f"{{0}}.quantile({q})", term.expr, op="quantile", cost=cost)
                    out.append(Term(expr, np.full(self.rows, float(np.quantile(there, q))), term.cost + cost))
        return out

    @cached_property
    def across(self) -> list[Term]:
        """Reductions of several columns row by row."""
        return self.seen(_across(self)) if self.is_frame and self.plain else []

    @cached_property
    def read(self) -> list[Term]:
        """Numbers that strings hold, parts of dates, days between dates."""
        out = []
        for source in self.sources[:40]:
            if source.column.kind == "str" and not source.is_index:
                for expr, values, cost in digits.measures(source.expr, source.column):
                    out.append(Term(expr, values, source.cost + cost))
        out += [Term(expr, values, cost) for expr, values, cost in self.dates.numbers]
        return self.seen(out)

    @cached_property
    def amounts(self) -> list[Term]:
        """Those of :attr:`read` that one calculates with: no counts of letters."""
        return [term for term in self.read if ".str.count(" not in term.expr.template and term.expr.op != "str"]

    @cached_property
    def dates(self) -> Dates:
        """What can be made of the table's dates."""
        sources = [(s.expr, s.column, s.cost) for s in self.columns_as_sources[:60]]
        return Dates(self.expr, self.value, sources, self.book, self.memo)

    @cached_property
    def groupings(self) -> list[Grouping]:
        """Ways to group the rows: one key, then two."""
        return list(_groupings(self))

    @cached_property
    def grouped(self) -> list[Term]:
        """Functions within groups, in each row."""
        found: list[Term] = []
        groups = 0
        for grouping in self.groupings if self.at is None else self.groupings[:6]:
            count = grouping.groups.count
            if groups > MOST_GROUPS or (self.rows > 20 and count > 0.6 * self.rows):
                continue  # where nearly every row is alone, functions within groups say nothing and take long
            groups += count
            found += _grouped(self, grouping)
        return self.seen(found)


MOST_RUNS = 2
"""Columns whose runs rows are grouped by."""
MOST_GROUPS = 300
"""Groups, over all ways to group, that functions are applied to."""

_POOLS: weakref.WeakKeyDictionary[Table, Pool] = weakref.WeakKeyDictionary()


def pool_of(table: Table) -> Pool:
    """The table's pool, made when first asked for."""
    pool = _POOLS.get(table)
    if pool is None:
        pool = _POOLS[table] = Pool(table)
    return pool


def _looked_at(rows: int) -> Codes | None:
    """Some rows of a long table: the first, and others by chance."""
    if rows <= LONG:
        return None
    drawn = np.random.default_rng(rows).choice(rows, LONG // 4, replace=False)
    return np.unique(np.concatenate([np.arange(24), drawn])).astype(np.int64)


def _index_sources(table: Table) -> Iterator[Source]:
    for i, level in enumerate(table.index):
        if len(table.index) == 1:
            cost = 1.4 if table.plain_index else 0.6
            yield Source(level, call("{0}.index", table.expr, cost=cost), cost, None, True)
        else:
            name = level.label if level.label is not None else i
            text = f"{{0}}.index.get_level_values({literal(name)})"
            yield Source(level, call(text, table.expr, cost=1.0, tags=(LABEL,)), 1.0, name, True)


def _same(a: Floats, b: Floats) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def _functions(term: Term, rows: int) -> Iterator[Term]:
    """Functions of one column."""
    values, expr, base = term.values, term.expr, term.cost

    def made(text: str, op: str, cost: float, out: Floats, level: int = 0) -> Term:
        return Term(Expr(text, (expr,), level, op, cost), out, base + cost)

    with np.errstate(all="ignore"):
        yield made("{0}.abs()", "abs", 0.9, np.abs(values))
        yield made("-{0}", "arithmetic", 1.0, -values, UNARY)
        yield made("{0} ** 2", "arithmetic", 1.3, values**2, UNARY)
        yield made("np.sqrt({0:arg})", "arithmetic", 1.3, np.sqrt(values))
        yield made("np.log({0:arg})", "arithmetic", 1.5, np.log(values))
        yield made("np.log10({0:arg})", "arithmetic", 1.9, np.log10(values))
        yield made("np.log2({0:arg})", "arithmetic", 2.0, np.log2(values))
        yield made("np.log1p({0:arg})", "arithmetic", 2.0, np.log1p(values))
        yield made("np.exp({0:arg})", "arithmetic", 1.9, np.exp(values))
        yield made("np.floor({0:arg})", "round", 1.6, np.floor(values))
        yield made("np.ceil({0:arg})", "round", 1.6, np.ceil(values))
        yield made("np.sign({0:arg})", "arithmetic", 1.9, np.sign(values))
    missing = np.isnan(values)
    if missing.any() and not missing.all():
        there = values[~missing]
        for text, cost, fill in (
            ("0", 0.9, 0.0),
            ("{0}.mean()", 1.4, there.mean()),
            ("{0}.median()", 1.7, float(np.median(there))),
        ):
            yield made(f"{{0}}.fillna({text})", "fillna", cost, np.where(missing, fill, values))
        yield made("{0}.ffill()", "ffill", 0.9, windows.forward(values))
        yield made("{0}.bfill()", "bfill", 1.1, windows.backward(values))
    if rows < 2 or not hasattr(term.expr, "parts") or term.expr.template.startswith("np."):
        return
    if "index" in term.expr.template:
        return
    for how, cost in (("cumsum", 1.0), ("cumprod", 1.5), ("cummax", 1.3), ("cummin", 1.4)):
        with np.errstate(all="ignore"):
            yield made(f"{{0}}.{how}()", "cumulative", cost, windows.cumulated(values, how))
    for k, cost in ((1, 1.0), (-1, 1.4), (2, 1.8)):
        if abs(k) < rows:
            moved = windows.shift(values, k)
            arg = "" if k == 1 else str(k)
            yield made(f"{{0}}.shift({arg})", "shift", cost, moved)
            yield made(f"{{0}}.diff({arg})", "diff", cost, values - moved)
            with np.errstate(all="ignore"):
                yield made(f"{{0}}.pct_change({arg})", "pct_change", cost + 0.2, (values - moved) / moved)
    rankings = {way: windows.Ranking(values, ascending=way) for way in (True, False)}
    for arg, cost, method, ascending, pct in _RANKS:
        yield made(f"{{0}}.rank({arg})", "rank", cost, rankings[ascending].of(method, pct=pct))
    for k in range(2, min(7, rows) + 1):
        for how, cost in (("mean", 1.4), ("sum", 1.4), ("max", 1.7), ("min", 1.8)):
            extra = cost + 0.15 * (k - 2)
            yield made(f"{{0}}.rolling({k}).{how}()", "rolling", extra, windows.rolled(values, k, how))
            least = windows.rolled(values, k, how, least=1)
            yield made(f"{{0}}.rolling({k}, min_periods=1).{how}()", "rolling", extra + 0.5, least)
    if rows <= 2000 and not missing.any():
        for arg, alpha, cost in (
            ("span=2", 2 / 3, 1.9),
            ("span=3", 0.5, 1.9),
            ("alpha=0.5", 0.5, 2.0),
            ("span=5", 1 / 3, 2.1),
        ):
            yield made(f"{{0}}.ewm({arg}).mean()", "ewm", cost, windows.weighted(values, alpha))
            even = windows.weighted(values, alpha, adjust=False)
            yield made(f"{{0}}.ewm({arg}, adjust=False).mean()", "ewm", cost + 0.4, even)
    yield made("{0}.expanding().mean()", "expanding", 1.7, windows.running_mean(values))


_RANKS: tuple[tuple[str, float, str, bool, bool], ...] = tuple(
    (
        ", ".join(
            part
            for part in (
                f"method='{method}'" if method != "average" else "",
                "" if ascending else "ascending=False",
                "pct=True" if pct else "",
            )
            if part
        ),
        1.2 + extra + (0.0 if ascending else 0.3) + (0.7 if pct else 0.0),
        method,
        ascending,
        pct,
    )
    for method, extra in (("average", 0.0), ("dense", 0.4), ("min", 0.5), ("first", 0.6), ("max", 0.9))
    for ascending in (True, False)
    for pct in (False, True)
)

_TOTALS: tuple[tuple[str, float, Callable[[Floats], float]], ...] = (
    ("sum", 0.9, np.sum),
    ("mean", 0.9, np.mean),
    ("max", 0.9, np.max),
    ("min", 0.9, np.min),
    ("median", 1.3, np.median),
    ("std", 1.2, lambda x: float(np.std(x, ddof=1))),
    ("count", 1.2, len),
    ("nunique", 1.6, lambda x: len(np.unique(x))),
)


def _spread(term: Term) -> Term | None:
    """``a.max() - a.min()``, the divisor of a min-max scaling."""
    there = term.values[~np.isnan(term.values)]
    if not len(there):
        return None
    high = call("{0}.max()", term.expr, op="reduce", cost=0.9)
    low = call("{0}.min()", term.expr, op="reduce", cost=0.9)
    expr = Expr("{0:sum} - {1:product}", (high, low), SUM, "arithmetic", 0.3)
    return Term(expr, np.full(len(term.values), float(there.max() - there.min())), term.cost + 2.1)


def label_sets(pool: Pool, places: Sequence[int]) -> Iterator[tuple[tuple[int, ...], float]]:
    """Sets of columns that are reduced together: all, all but one, neighbours, those with a common start."""
    n = len(places)
    yield tuple(places), 0.0
    if n > 2:
        seen = {tuple(places)}
        prefixes: dict[str, list[int]] = {}
        for i in places:
            stem = str(pool.labels[i]).rstrip("0123456789").rstrip("_ -")
            prefixes.setdefault(stem, []).append(i)
            head = str(pool.labels[i]).partition("_")[0]
            if head != stem:
                prefixes.setdefault(head + "_", []).append(i)
        for group in prefixes.values():
            if len(group) > 1 and tuple(group) not in seen:
                seen.add(tuple(group))
                yield tuple(group), 0.3
        if n <= 12:
            for width in range(n - 1, 1, -1):
                for start in range(n - width + 1):
                    chosen = tuple(places[start : start + width])
                    if chosen not in seen:
                        seen.add(chosen)
                        yield chosen, 0.5


def _across(pool: Pool) -> Iterator[Term]:
    places = [i for i, c in enumerate(pool.columns) if c.kind in ("num", "bool")]
    if len(places) < 2:
        yield from _missing_counts(pool)
        return
    for chosen, extra in label_sets(pool, places[:40]):
        cells = np.stack([pool.columns[i].numbers for i in chosen])
        frame = pool.expr
        argument, cost = "axis=1", 1.0 + extra
        if len(chosen) < len(pool.columns):
            if chosen == tuple(places):
                yield from _row_terms(frame, cells, "axis=1, numeric_only=True", 1.2, counts=False)
            labels = literal([pool.labels[i] for i in chosen])
            frame = call(
                f"{{0}}[{labels}]", frame, op="select", cost=0.3 + 0.1 * len(chosen), tags=(LABEL,) * len(chosen)
            )
            cost += 0.3 + 0.1 * len(chosen)
        yield from _row_terms(frame, cells, argument, cost, counts=len(chosen) < len(pool.columns))
    yield from _missing_counts(pool)


def _row_terms(frame: Expr, cells: Floats, argument: str, cost: float, *, counts: bool) -> Iterator[Term]:
    missing = np.isnan(cells)
    there = (~missing).sum(axis=0)
    none = there == 0
    total = np.where(missing, 0.0, cells).sum(axis=0)
    with np.errstate(all="ignore"):
        mean = np.where(none, np.nan, total / there)
        high = np.where(none, np.nan, np.where(missing, -np.inf, cells).max(axis=0))
        low = np.where(none, np.nan, np.where(missing, np.inf, cells).min(axis=0))
        deviation = np.where(missing, 0.0, cells - mean) ** 2
        std = np.where(there > 1, np.sqrt(deviation.sum(axis=0) / (there - 1)), np.nan)
        ordered = np.sort(cells, axis=0)
        columns = np.arange(cells.shape[1])
        middle = (
            ordered[np.maximum(there - 1, 0) // 2, columns] + ordered[np.minimum(there // 2, len(cells) - 1), columns]
        ) / 2
        product = np.where(missing, 1.0, cells).prod(axis=0)
    for name, extra, values in (
        ("sum", 0.0, total),
        ("mean", 0.0, mean),
        ("max", 0.1, high),
        ("min", 0.1, low),
        ("median", 0.6, middle),
        ("std", 0.6, std),
        ("prod", 0.9, product),
    ):
        expr = call(f"{{0}}.{name}({argument})", frame, op="reduce", cost=1.0 + extra)
        yield Term(expr, values, cost + extra)
    if counts:
        expr = call("{0}.count(axis=1)", frame, op="reduce", cost=1.2)
        yield Term(expr, there.astype(np.float64), cost + 0.4)


def _missing_counts(pool: Pool) -> Iterator[Term]:
    """Missing, present and different cells of each row."""
    if len(pool.columns) < 2:
        return
    nulls = np.stack([column.null for column in pool.columns])
    if nulls.any():
        yield Term(
            call("{0}.isna().sum(axis=1)", pool.expr, op="reduce", cost=1.4), nulls.sum(axis=0).astype(np.float64), 1.4
        )
        yield Term(
            call("{0}.count(axis=1)", pool.expr, op="reduce", cost=1.2), (~nulls).sum(axis=0).astype(np.float64), 1.2
        )
    if pool.rows * len(pool.columns) <= 20_000:
        codes = np.sort(np.where(nulls, -1, np.stack([column.codes for column in pool.columns])), axis=0)
        fresh = np.r_[codes[:1] >= 0, (codes[1:] != codes[:-1]) & (codes[1:] >= 0)]
        values = fresh.sum(axis=0).astype(np.float64)
        yield Term(call("{0}.nunique(axis=1)", pool.expr, op="nunique", cost=1.7), values, 1.7)


def _groupings(pool: Pool) -> Iterator[Grouping]:
    if pool.rows < 2:
        return
    if not pool.is_frame or not pool.plain:
        yield from _level_groupings(pool)
        return
    singles: list[tuple[int, int]] = []
    for i, column in enumerate(pool.columns):
        distinct = len(column.distinct)
        if 1 <= distinct < pool.rows and column.kind in ("str", "num", "bool", "date", "obj"):
            if column.kind == "num" and distinct > max(0.7 * pool.rows, 2):
                continue
            singles.append((i, distinct))
    # Words before numbers: a key is more often a name than an amount.
    singles.sort(key=lambda item: (pool.columns[item[0]].kind == "num", item[0]))
    chosen = singles[:MOST_KEYS]
    for i, _ in chosen:
        yield _grouping(pool, (i,))
    for a, b in itertools.combinations([i for i, _ in chosen], 2):
        grouping = _grouping(pool, (min(a, b), max(a, b)))
        finer = max(len(pool.columns[a].distinct), len(pool.columns[b].distinct))
        if finer < grouping.groups.count < pool.rows:
            yield grouping
    yield from _level_groupings(pool)
    yield from _run_groupings(pool)
    yield from _started_groupings(pool)


def _run_groupings(pool: Pool) -> Iterator[Grouping]:
    """Runs of equal cells, where a cell comes back after others."""
    found = 0
    for i, column in enumerate(pool.columns[:12]):
        if column.kind not in ("str", "num", "bool") or column.null.any() or len(column.distinct) > 0.6 * pool.rows:
            continue
        ids = runs(column)
        if not len(column.distinct) < ids[-1] + 1 < pool.rows or found == MOST_RUNS:
            continue
        found += 1
        yield Grouping(Groups(ids, int(ids[-1]) + 1), run_text(pool.labels[i]), 1.6, (LABEL,), ())


def _started_groupings(pool: Pool) -> Iterator[Grouping]:
    """Rows from one that is marked up to the next, ``(df['event'] == 'start').cumsum()``."""
    found = 0
    for i, column in enumerate(pool.columns[:12]):
        for mark, text in starts(column, pool.labels[i]):
            ids = np.cumsum(mark).astype(np.int64)
            ids -= ids[0]
            if 0 < ids[-1] < pool.rows - 1 and found < MOST_RUNS:
                found += 1
                yield Grouping(Groups(ids, int(ids[-1]) + 1), text, 1.7, (LABEL,), ())


def starts(column: Column, label: Hashable) -> Iterator[tuple[Bools, str]]:
    """Rows that may each begin a group, and the template of what numbers the groups.

    Marks are truths, ones among zeros, and the first row's word where it comes again and other words between.
    """
    name = literal(label)
    if column.null.any() or not len(column.codes):
        return
    if column.kind == "bool" or (column.kind == "num" and set(column.numbers.tolist()) == {0.0, 1.0}):
        yield column.numbers == 1, f"{{0}}[{name}].cumsum()"
        yield (
            column.numbers == 0,
            f"(~{{0}}[{name}]).cumsum()" if column.kind == "bool" else f"({{0}}[{name}] == 0).cumsum()",
        )
    elif column.kind == "str" and 1 < len(column.distinct) < len(column.codes):
        mark = column.codes == column.codes[0]
        if mark.sum() > 1 and not (mark[1:] & mark[:-1]).any():
            yield mark, f"({{0}}[{name}] == {literal(column.cells[0])}).cumsum()"


def runs(column: Column) -> Codes:
    """The number of each row's run of equal cells, from 0."""
    return np.cumsum(np.r_[0, column.codes[1:] != column.codes[:-1]]).astype(np.int64)


def run_text(label: Hashable) -> str:
    """What numbers the runs of a column, a template."""
    text = literal(label)
    return f"({{0}}[{text}] != {{0}}[{text}].shift()).cumsum()"


def _level_groupings(pool: Pool) -> Iterator[Grouping]:
    levels = [source.column for source in pool.index_sources]
    for i, level in enumerate(levels):
        if 1 <= len(level.distinct) < pool.rows and not (len(levels) == 1 and pool.plain_index):
            name = level.label if isinstance(level.label, str) else i
            groups = Groups.of([_ordered(level)], [level.null])
            yield Grouping(groups, f"level={literal(name)}", 0.4, (LABEL,), ())


def _grouping(pool: Pool, places: tuple[int, ...]) -> Grouping:
    labels = [pool.labels[i] for i in places]
    by = literal(labels[0]) if len(labels) == 1 and not isinstance(labels[0], tuple) else literal(labels)
    keys = [_ordered(pool.columns[i]) for i in places]
    groups = Groups.of(keys, [pool.columns[i].null for i in places])
    cost = 0.2 if len(places) == 1 else 0.6
    if pool.columns[places[0]].kind == "num":
        cost += 0.3
    return Grouping(groups, by, cost, (LABEL,) * len(places), places)


def _ordered(column: Column) -> Any:
    """Keys whose order is pandas' order of the groups."""
    if column.kind in ("num", "bool", "date", "delta"):
        return np.where(np.isnan(column.numbers), np.inf, column.numbers)
    codes = column.codes
    distinct = sorted(column.distinct, key=lambda code: str(column.book.cell(code)))
    places = np.zeros(max(distinct, default=0) + 1, dtype=np.int64)
    for place, code in enumerate(distinct):
        places[code] = place + 1
    return places[codes]


_GROUP_TOTALS = (
    ("sum", 0.0), ("mean", 0.0), ("max", 0.0), ("min", 0.0), ("count", 0.2), ("nunique", 0.5), ("median", 0.5),
    ("std", 0.5), ("first", 0.4), ("last", 0.5),
)  # fmt: skip


def _grouped(pool: Pool, grouping: Grouping) -> Iterator[Term]:
    groups = grouping.groups
    if not groups.count or groups.count == pool.rows:
        return
    base = f"{{0}}.groupby({grouping.by})"

    def made(tail: str, op: str, cost: float, values: Floats, labels: tuple[str, ...] = ()) -> Term:
        total = cost + grouping.cost
        return Term(call(base + tail, pool.expr, op=op, cost=total, tags=(*grouping.tags, *labels)), values, total)

    order = np.full(pool.rows, np.nan)
    order[groups.order] = np.arange(len(groups.order)) - np.repeat(groups.starts, groups.sizes)
    yield made(".cumcount()", "groupby.cumcount", 1.1, order)
    backwards = groups.spread(groups.sizes.astype(np.float64)) - 1 - order
    yield made(".cumcount(ascending=False)", "groupby.cumcount", 1.6, backwards)
    yield made(".ngroup()", "groupby.ngroup", 1.5, groups.ids.astype(np.float64))
    sizes = groups.spread(groups.reduced(order, "size"))
    first = grouping.positions[0] if grouping.positions else 0
    key = f"[{literal(pool.labels[first])}]" if pool.is_frame else ""
    yield made(f"{key}.transform('size')", "groupby.transform", 1.2, sizes, (LABEL,))
    values = [i for i, c in enumerate(pool.columns) if c.kind == "num" and i not in grouping.positions]
    for i in values[: 8 if pool.at is None else 6]:
        column = f"[{literal(pool.labels[i])}]" if pool.is_frame else ""
        yield from _grouped_column(pool.columns[i].numbers, groups, column, made)
    others = [i for i, c in enumerate(pool.columns) if c.kind in ("str", "date", "obj") and i not in grouping.positions]
    for i in others[:4]:
        column = f"[{literal(pool.labels[i])}]" if pool.is_frame else ""
        cells = np.where(pool.columns[i].null, np.nan, pool.columns[i].codes.astype(np.float64))
        for how, cost in (("count", 0.3), ("nunique", 0.3)):
            spread = groups.spread(groups.reduced(cells, how))
            yield made(f"{column}.transform('{how}')", "groupby.transform", 1.4 + cost, spread, (LABEL,))


def _grouped_column(values: Floats, groups: Groups, column: str, made: Callable[..., Term]) -> Iterator[Term]:
    for how, cost in _GROUP_TOTALS:
        spread = groups.spread(groups.reduced(values, how))
        yield made(f"{column}.transform('{how}')", "groupby.transform", 1.3 + cost, spread, (LABEL,))
    for how, cost in (("cumsum", 1.2), ("cummax", 1.6), ("cummin", 1.7)):
        yield made(f"{column}.{how}()", "groupby.cumulative", cost, groups.cumulated(values, how), (LABEL,))
    for k, cost in ((1, 1.2), (-1, 1.6)):
        moved = groups.shifted(values, k)
        arg = "" if k == 1 else str(k)
        yield made(f"{column}.shift({arg})", "groupby.shift", cost, moved, (LABEL,))
        yield made(f"{column}.diff({arg})", "groupby.shift", cost + 0.1, values - moved, (LABEL,))
        if k == 1:
            with np.errstate(all="ignore"):
                yield made(f"{column}.pct_change()", "groupby.shift", 1.5, (values - moved) / moved, (LABEL,))
    rankings = {way: windows.Ranking(values, ascending=way, groups=groups) for way in (True, False)}
    for arg, cost, method, ascending, pct in _RANKS[:14]:
        ranks = rankings[ascending].of(method, pct=pct)
        yield made(f"{column}.rank({arg})", "groupby.rank", cost + 0.2, ranks, (LABEL,))


def stacked(terms: Sequence[Term], rows: int) -> Floats:
    """The terms' values one above the other, shape (terms, rows)."""
    return np.stack([term.values for term in terms]) if terms else np.empty((0, rows))
