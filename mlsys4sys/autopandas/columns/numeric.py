"""Numeric columns: every pair of terms against the target at once, constants solved instead of guessed.

Candidates are compared row by row, and only what fits a row goes on to the next: a table of a thousand terms has a
million pairs an operator, and nearly all of them are gone after one row.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.pool import Pool, Term, stacked
from mlsys4sys.autopandas.expression import CELL, OUTPUT, PRODUCT, SUM, UNARY, WHERE, Expr, call, literal
from mlsys4sys.autopandas.table import Bools, Floats

MOST_PAIRS = 4_000_000
"""Pairs that are compared in one go; larger blocks are cut."""
CLOSE = 1e-6
"""Relative difference that a target with fractions allows."""


@dataclass(frozen=True, eq=False)
class Target:
    """The wanted numbers, as the interval in which each must be."""

    values: Floats
    low: Floats
    high: Floats
    missing: Bools
    order: tuple[int, ...]
    """Rows, those that tell most first."""

    @classmethod
    def of(cls, values: Floats, *, low: Floats | None = None, high: Floats | None = None) -> Target:
        """The target for a column of numbers; NaN where nothing must be.

        Args:
            values: Shape (rows,).
            low: The least that fits, if not the values themselves.
            high: The most that fits.
        """
        missing = np.isnan(values)
        whole = bool((values[~missing] == np.rint(values[~missing])).all())
        slack = np.abs(values) * (1e-9 if whole else CLOSE) + 1e-9
        slack = np.where(np.isfinite(values), slack, 0.0)
        low = values - slack if low is None else low
        high = values + slack if high is None else high
        return cls(values, low, high, missing, _telling(values, missing))

    def fits(self, matrix: Floats) -> Bools:
        """Which rows of a matrix of candidates equal the target: shape (candidates, rows) → (candidates,)."""
        if not len(matrix):
            return np.zeros(0, dtype=bool)
        with np.errstate(all="ignore"):
            inside = (matrix >= self.low) & (matrix <= self.high)
        return np.asarray((inside | (np.isnan(matrix) & self.missing)).all(axis=1))

    def fits_row(self, row: int, cells: Floats) -> Bools:
        """Which candidates fit in one row."""
        if self.missing[row]:
            return np.isnan(cells)
        return np.asarray((cells >= self.low[row]) & (cells <= self.high[row]))


def _telling(values: Floats, missing: Bools) -> tuple[int, ...]:
    """Rows with values that differ, no zeros and nothing missing first: they rule out most."""
    seen: set[float] = set()
    score = []
    for i, (value, lost) in enumerate(zip(values[:64].tolist(), missing[:64].tolist(), strict=True)):
        fresh = value not in seen
        seen.add(value)
        score.append((lost, not fresh, value == 0 or abs(value) == 1, i))
    return tuple(item[3] for item in sorted(score))


@dataclass(frozen=True, eq=False)
class Block:
    """Candidates whose expressions are built when needed."""

    matrix: Floats
    costs: Floats
    build: Callable[[int], Expr]

    def __len__(self) -> int:
        return len(self.matrix)

    @classmethod
    def of(cls, terms: Sequence[Term], rows: int, *, most_alike: int = 2) -> Block:
        """A block of terms, the cheapest few of those with equal values."""
        kept: list[Term] = []
        seen: dict[bytes, int] = {}
        for term in sorted(terms, key=lambda term: term.cost):
            key = term.values.tobytes()
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= most_alike:
                kept.append(term)
        return cls(stacked(kept, rows), np.array([t.cost for t in kept]), lambda i: kept[i].expr)


@dataclass(frozen=True)
class Operator:
    """A sign between two columns."""

    sign: str
    template: str
    level: int
    cost: float
    apply: Callable[[Any, Any], Any]
    commutes: bool = False


ADD = Operator("+", "{0:sum} + {1:product}", SUM, 1.0, np.add, True)
SUB = Operator("-", "{0:sum} - {1:product}", SUM, 1.0, np.subtract)
MUL = Operator("*", "{0:product} * {1}", PRODUCT, 1.0, np.multiply, True)
DIV = Operator("/", "{0:product} / {1}", PRODUCT, 1.0, np.divide)
FLOOR = Operator("//", "{0:product} // {1}", PRODUCT, 1.6, np.floor_divide)
MOD = Operator("%", "{0:product} % {1}", PRODUCT, 1.6, np.mod)
POW = Operator("**", "{0} ** {1}", UNARY, 1.8, np.power)
BASIC = (ADD, SUB, MUL, DIV)
RARE = (FLOOR, MOD, POW)

Found = tuple[float, Expr]
"""What an expression costs at a glance, and the expression."""


def joined(op: Operator, left: Expr, right: Expr, extra: float = 0.0, tags: tuple[str, ...] = ()) -> Expr:
    """``left op right``."""
    return Expr(op.template, (left, right), op.level, "arithmetic", op.cost + extra, tags)


def with_constant(op: Operator, left: Expr, k: float, cost: float, tags: tuple[str, ...]) -> Expr:
    """``left op k``."""
    text = op.template.replace("{1:product}", "{1}").replace("{1}", constant_text(k))
    return Expr(text, (left,), op.level, "arithmetic", op.cost + cost, tags)


def constant_before(op: Operator, k: float, right: Expr, cost: float, tags: tuple[str, ...]) -> Expr:
    """``k op right``."""
    text = op.template.replace("{0:sum}", "{0}").replace("{0:product}", "{0}").replace("{0}", constant_text(k))
    return Expr(text.replace("{1", "{0"), (right,), op.level, "arithmetic", op.cost + cost, tags)


def constant_text(k: float) -> str:
    """A number as code: whole numbers without a point, negative ones in parentheses."""
    text = literal(int(k)) if k == int(k) and abs(k) < 1e15 else literal(k)
    return f"({text})" if k < 0 else text


@dataclass(frozen=True)
class Prices:
    """What constants cost: those that anybody would write, those in sight, those that merely fit."""

    known: frozenset[float]
    """Given by the user."""
    cells: frozenset[float]
    """In the input tables."""
    shown: frozenset[float]
    """In the wanted column."""
    moments: bool = False
    """Whether constants are points of time (or spans), in nanoseconds."""
    rough: bool = False
    """Whether what is computed is rounded, so that many constants fit and one that nothing shows says little."""

    def of(self, k: float) -> tuple[float, tuple[str, ...]]:
        """Nats and tags of a constant."""
        if k in self.known:
            return 0.2, ()
        if self.moments:
            odd = 0.7 * (abs(k) > 1e16 and k % 86_400e9 != 0)  # a time of day
            return (
                (1.0 + odd, (CELL,)) if k in self.cells else (0.9 if abs(k) < 1e16 or _first_of(k) else 1.4 + odd, ())
            )
        if k in (0.0, 1.0, 2.0, -1.0):
            return 0.4, ()
        if k in _USUAL:
            return 0.7, ()
        digits = len(f"{abs(k):.9g}".replace(".", "").replace("-", "").strip("0"))
        if digits == 1:  # as round as can be: who would not write it
            return 0.9, (CELL,) if k in self.cells else ()
        if k in self.cells:
            return 1.0, (CELL,)
        if k in self.shown:
            return 2.5, (OUTPUT,)
        return 0.7 + (1.1 if self.rough else 0.7) * digits, ()


_USUAL = frozenset(
    [3.0, 4.0, 5.0, 7.0, 10.0, 12.0, 20.0, 24.0, 50.0, 60.0, 100.0, 365.0, 1000.0, 3600.0, 1e6, 0.5, 0.1, 0.01, 0.001]
)


_DAY = 86_400e9


def _first_of(ticks: float) -> bool:
    return str(np.datetime64(int(ticks), "ns")).endswith("-01T00:00:00.000000000")


def round_moments(low: float, high: float) -> list[float]:
    """The first day of a year, else of a month, else the first day, in an interval closed above, in nanoseconds."""
    if not (math.isfinite(low) and math.isfinite(high)) or max(abs(low), abs(high)) > 9e18:
        return []
    first, last = np.datetime64(int(low), "ns"), np.datetime64(int(high), "ns")
    out = []
    for unit in ("Y", "M", "D"):
        start = last.astype(f"datetime64[{unit}]").astype("datetime64[ns]")
        if start > first:
            out.append(float(start.astype(np.int64)))
            break
    return out


def roundest(low: float, high: float) -> float | None:
    """The number of fewest digits in a closed interval.

    >>> roundest(3.2, 4.7)
    4.0
    """
    if not low <= high or not math.isfinite(low) or not math.isfinite(high):
        return None
    if low <= 0 <= high:
        return 0.0
    size = math.floor(math.log10(max(abs(low), abs(high))))
    for digits in range(11):
        step = 10.0 ** (size - digits)
        if not step:
            return None  # too near to zero for decimal steps
        first = math.ceil(low / step - 1e-12)
        if first * step <= high * (1 + 1e-15) + 1e-300:
            last = math.floor(high / step + 1e-12)
            middle = min(max(round((low + high) / 2 / step), first), last)
            five = 5 * round(middle / 5)
            best = five if first <= five <= last and five else middle
            value = best * step
            return round(value, max(0, digits - size)) if size - digits < 0 else float(round(value))
    return None


def parting(low: float, high: float, *, right: bool) -> float | None:
    """The roundest number that parts two; it belongs to the lower side if ``right``.

    >>> parting(19, 20, right=True), parting(19, 20, right=False), parting(3.2, 4.7, right=True)
    (19.0, 20.0, 4.0)
    """
    if low == round(low) and high == round(high):
        return roundest(low, high - 1) if right else roundest(low + 1, high)
    first, last = (low, float(np.nextafter(high, -np.inf))) if right else (float(np.nextafter(low, np.inf)), high)
    edge = roundest(first, last)
    return edge if edge is None or first <= edge <= last else low if right else high


def equal(target: Target, block: Block, count: Count) -> Iterator[Found]:
    """Terms that are the target."""
    count.examined += len(block)
    for i in np.flatnonzero(target.fits(block.matrix)).tolist():
        yield float(block.costs[i]), block.build(i)


def pairs(
    target: Target, left: Block, right: Block, operators: Sequence[Operator], count: Count, clock: Clock
) -> Iterator[tuple[float, Operator, int, int]]:
    """All ``left op right`` that are the target: cost, operator and the two positions."""
    if not len(left) or not len(right) or not target.order:
        return
    step = max(1, MOST_PAIRS // len(right))
    for op in operators:
        for start in range(0, len(left), step):
            if clock.over():
                return
            part = left.matrix[start : start + step]
            i, j = _surviving(target, part, right.matrix, op, count)
            if op.commutes and left is right:
                ordered = i + start <= j
                i, j = i[ordered], j[ordered]
            for a, b in zip((i + start).tolist(), j.tolist(), strict=True):
                yield float(left.costs[a] + right.costs[b] + op.cost), op, a, b


def _surviving(target: Target, left: Floats, right: Floats, op: Operator, count: Count) -> tuple[Any, Any]:
    row = target.order[0]
    count.examined += len(left) * len(right)
    with np.errstate(all="ignore"):
        cells = op.apply(left[:, row][:, None], right[:, row][None, :])
        i, j = np.nonzero(target.fits_row(row, cells))
        for row in target.order[1:]:
            if not len(i):
                return i, j
            keep = target.fits_row(row, op.apply(left[i, row], right[j, row]))
            i, j = i[keep], j[keep]
        if len(i) and len(target.order) < len(target.values):
            good = [bool(target.fits(op.apply(left[a], right[b])[None])[0]) for a, b in zip(i, j, strict=True)]
            i, j = i[good], j[good]
    return i, j


def paired(
    target: Target, left: Block, right: Block, operators: Sequence[Operator], count: Count, clock: Clock
) -> Iterator[Found]:
    """:func:`pairs` with their expressions, the cheapest first; a value is not paired with itself."""
    hits = sorted(pairs(target, left, right, operators, count, clock), key=lambda hit: hit[0])
    first, second = target.fits(left.matrix), target.fits(right.matrix)
    for cost, op, i, j in hits[:200]:
        if first[i] or second[j]:
            continue  # the other part does nothing: a + 0, a * 1
        a, b = left.build(i), right.build(j)
        if a.text == b.text or (op.level == SUM and b.text in (part.text for part in a.parts)):
            continue  # a - a, a - b - b
        yield cost, joined(op, a, b)


def product_block(left: Block, right: Block, operators: Sequence[Operator], most: int = 3000) -> Block:
    """All pairs as candidates for a further operator, the cheapest ``most`` of them."""
    parts: list[tuple[Operator, Any, Any, Floats]] = []
    for op in operators:
        i = np.repeat(np.arange(len(left)), len(right))
        j = np.tile(np.arange(len(right)), len(left))
        if left is right:
            keep = i < j if op.commutes else i != j
            i, j = i[keep], j[keep]
        with np.errstate(all="ignore"):
            parts.append((op, i, j, op.apply(left.matrix[i], right.matrix[j])))
    if not parts:
        return Block(np.empty((0, left.matrix.shape[1])), np.empty(0), lambda i: left.build(i))
    matrix = np.concatenate([part[3] for part in parts])
    which = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    i = np.concatenate([part[1] for part in parts])
    j = np.concatenate([part[2] for part in parts])
    costs = left.costs[i] + right.costs[j] + np.array([part[0].cost for part in parts])[which]
    good = np.flatnonzero(~np.isnan(matrix).all(axis=1))
    good = good[np.argsort(costs[good], kind="stable")[:most]]
    matrix, which, i, j, costs = matrix[good], which[good], i[good], j[good], costs[good]

    def build(k: int) -> Expr:
        return joined(parts[which[k]][0], left.build(int(i[k])), right.build(int(j[k])))

    return Block(matrix, costs, build)


def solved(target: Target, block: Block, prices: Prices, count: Count) -> Iterator[Found]:
    """``term op constant`` and ``constant op term``, the constant found from the rows."""
    if not len(block) or target.missing.all():
        return
    count.examined += 6 * len(block)
    matrix = block.matrix
    alike = (np.isnan(matrix) == target.missing).all(axis=1)
    low, high, there = target.low, target.high, ~target.missing
    low, high = low[there], high[there]
    cells = matrix[:, there]
    with np.errstate(all="ignore"):
        yield from _constants(ADD, low[None] - cells, high[None] - cells, alike, block, prices, target)
        yield from _constants(SUB, low[None] + cells, high[None] + cells, alike, block, prices, target, True)
        a, b = low[None] / cells, high[None] / cells
        free = (cells == 0) & (low[None] <= 0) & (high[None] >= 0)
        least, most = np.where(free, -np.inf, np.minimum(a, b)), np.where(free, np.inf, np.maximum(a, b))
        yield from _constants(MUL, least, most, alike, block, prices, target)
        a, b = cells / low[None], cells / high[None]
        same_sign = np.sign(low[None]) == np.sign(high[None])
        free = (cells == 0) & (low[None] <= 0) & (high[None] >= 0)
        least = np.where(free, -np.inf, np.where(same_sign, np.minimum(a, b), np.nan))
        most = np.where(free, np.inf, np.where(same_sign, np.maximum(a, b), np.nan))
        yield from _constants(DIV, least, most, alike, block, prices, target)
        a, b = low[None] * cells, high[None] * cells
        yield from _constants(DIV, np.minimum(a, b), np.maximum(a, b), alike, block, prices, target, True)


def _constants(
    op: Operator, low: Floats, high: Floats, alike: Bools, block: Block, prices: Prices,
    target: Target, before: bool = False,
) -> Iterator[Found]:  # fmt: skip
    least, most = low.max(axis=1), high.min(axis=1)
    good = alike & (least <= most) & np.isfinite(least) & np.isfinite(most)
    for i in np.flatnonzero(good).tolist():
        k = _chosen(float(least[i]), float(most[i]), prices)
        if k is None or not math.isfinite(k) or _pointless(op, k, before):
            continue
        with np.errstate(all="ignore"):
            made = op.apply(k, block.matrix[i]) if before else op.apply(block.matrix[i], k)
        if not target.fits(made[None])[0]:
            continue
        cost, tags = prices.of(k)
        expr = block.build(i)
        form = constant_before(op, k, expr, cost, tags) if before else with_constant(op, expr, k, cost, tags)
        if op is ADD and k < 0:
            cost, tags = prices.of(-k)
            form = with_constant(SUB, expr, -k, cost, tags)
        yield float(block.costs[i]) + op.cost + cost, form


def _chosen(low: float, high: float, prices: Prices) -> float | None:
    """The constant in an interval that a person would write."""
    for k in itertools.chain(prices.known, (0.0, 1.0, -1.0, 2.0, 100.0, 10.0)):
        if low <= k <= high:
            return k
    return roundest(low, high)


def _pointless(op: Operator, k: float, before: bool) -> bool:
    if before:
        return k == 0
    if op is DIV and abs(k) < 1 and k and abs(1 / k - round(1 / k)) < 1e-9:
        return True
    return (op in (ADD, SUB) and k == 0) or (op in (MUL, DIV) and k in (0.0, 1.0, -1.0))


_DIVISORS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 24.0, 60.0, 100.0, 1000.0, 3600.0)


def divided(target: Target, block: Block, prices: Prices, count: Count) -> Iterator[Found]:
    """``term // k``, ``term % k``, ``term ** k`` and ``term // k * k`` for usual k."""
    known = [k for k in prices.known if k not in (0.0, 1.0)]
    steps = [*known, *_DIVISORS]
    count.examined += (3 * len(steps) + 3) * len(block)
    with np.errstate(all="ignore"):
        for k in dict.fromkeys(steps):
            cost, tags = prices.of(k)
            floors = np.floor_divide(block.matrix, k)
            rest = block.matrix - floors * k
            for op, made in ((FLOOR, floors), (MOD, rest)):
                for i in np.flatnonzero(target.fits(made)).tolist():
                    if not np.array_equal(made[i], block.matrix[i], equal_nan=True):
                        yield (
                            float(block.costs[i]) + op.cost + cost,
                            with_constant(op, block.build(i), k, cost, tags),
                        )
            for i in np.flatnonzero(target.fits(floors * k)).tolist():
                if not np.array_equal(floors[i] * k, block.matrix[i], equal_nan=True):
                    inner = with_constant(FLOOR, block.build(i), k, cost, tags)
                    yield float(block.costs[i]) + 2.6 + 2 * cost, with_constant(MUL, inner, k, 0.0, tags)
        for k in (2.0, 3.0, 0.5):
            for i in np.flatnonzero(target.fits(block.matrix**k)).tolist():
                cost, tags = prices.of(k)
                if not np.array_equal(block.matrix[i] ** k, block.matrix[i], equal_nan=True):
                    yield float(block.costs[i]) + POW.cost + cost, with_constant(POW, block.build(i), k, cost, tags)


def linear(target: Target, block: Block, prices: Prices, count: Count) -> Iterator[Found]:
    """``term * k + m``, both constants found from two rows."""
    count.examined += len(block)
    for i, cells in enumerate(block.matrix):
        if not np.array_equal(np.isnan(cells), target.missing) or len(np.unique(cells[~target.missing])) < 3:
            continue
        a, b = int(np.nanargmin(cells)), int(np.nanargmax(cells))
        slope = (target.values[b] - target.values[a]) / (cells[b] - cells[a])
        for k in (float(f"{slope:.3g}"), float(f"{slope:.6g}"), float(slope)):
            shift = target.values[a] - k * cells[a]
            m = roundest(
                float((target.low - k * cells)[~target.missing].max()),
                float((target.high - k * cells)[~target.missing].min()),
            )
            if m is None or m == 0 or k in (0.0, 1.0) or not math.isfinite(shift):
                continue
            first, first_tags = prices.of(k)
            second, second_tags = prices.of(abs(m))
            inner = with_constant(MUL, block.build(i), k, first, first_tags)
            yield (
                float(block.costs[i]) + 2.0 + first + second,
                with_constant(ADD if m > 0 else SUB, inner, abs(m), second, second_tags),
            )
            break


def search(
    target: Target, pool: Pool, prices: Prices, count: Count, clock: Clock, *, deep: bool, rough: bool = False
) -> Iterator[Found]:
    """Expressions that are the target, in stages of rising cost; a stage's own are in no order.

    Args:
        target: What is wanted.
        pool: What it can be made of.
        prices: What constants cost.
        count: What was examined is added here.
        clock: When to stop.
        deep: Whether to go past two terms.
        rough: Whether a rounding follows: then a constant that fits says little.
    """
    rows = pool.rows
    base = Block.of(pool.numbers, rows)
    yield from equal(target, base, count)
    if not rough or deep:
        yield from solved(target, base, prices, count)
    yield from paired(target, base, base, (*BASIC, *RARE), count, clock)
    totals = Block.of(pool.totals, rows)
    yield from equal(target, totals, count)
    yield from paired(target, base, totals, BASIC, count, clock)
    unary = Block.of(pool.unary, rows)
    yield from equal(target, unary, count)
    yield from filled(target, unary, prices, count)
    read = Block.of(pool.read, rows)
    yield from equal(target, read, count)
    across = Block.of(pool.across, rows)
    yield from equal(target, across, count)
    if clock.over():
        return
    grouped = Block.of(pool.grouped, rows)
    yield from equal(target, grouped, count)
    yield from filled(target, grouped, prices, count)
    yield from quotients(target, base, prices, count)
    yield from changes(target, Block.of(pool.seen(pool.columns_of_numbers), rows), count)
    if not deep:
        return
    yield from divided(target, base, prices, count)
    yield from linear(target, base, prices, count)
    if not rough:
        yield from running(target, pool, prices, count, clock)
    made = [*pool.unary, *pool.across, *pool.grouped]
    plain = [term for term in made if not term.expr.template.startswith("-")]
    wide = Block.of([*pool.numbers, *pool.amounts, *plain], rows, most_alike=1)
    yield from solved(target, Block.of([*pool.read, *made], rows, most_alike=1), prices, count)
    yield from divided(target, read, prices, count)
    yield from paired(target, base, wide, BASIC, count, clock)
    yield from paired(target, wide, base, (SUB, DIV), count, clock)
    if clock.over():
        return
    two = product_block(base, base, BASIC)
    yield from solved(target, two, prices, count)
    yield from divided(target, two, prices, count)
    yield from paired(target, two, wide, BASIC, count, clock)
    yield from paired(target, two, totals, (MUL, DIV), count, clock)
    yield from paired(target, unary, totals, (MUL, DIV), count, clock)
    yield from paired(target, wide, two, (SUB, DIV), count, clock)
    if clock.over():
        return
    centred = product_block(base, Block.of([*pool.totals, *pool.grouped], rows, most_alike=1), (SUB, DIV), most=6000)
    spread = Block.of([*pool.totals, *pool.grouped], rows, most_alike=1)
    yield from paired(target, centred, spread, (DIV,), count, clock)
    yield from solved(target, centred, prices, count)
    if len(two) <= 600:
        yield from paired(target, two, two, BASIC, count, clock)
    yield from paired(target, wide, wide, BASIC, count, clock)


MOST_COMPARED = 12
"""Columns of which each two are compared as shares and changes."""

IDIOM = 0.8
"""Nats less for what has a name of its own, though it takes several signs: a percentage of change."""


def changes(target: Target, block: Block, count: Count) -> Iterator[Found]:
    """By which share one column is more than another, and which share it has of both; perhaps as percentages."""
    for i, j in itertools.permutations(range(min(len(block), MOST_COMPARED)), 2):
        a, b = block.matrix[i], block.matrix[j]
        count.examined += 4
        with np.errstate(all="ignore"):
            made = np.stack([(b - a) / a, (b - a) / a * 100.0, a / (a + b), a / (a + b) * 100.0])
        for k in np.flatnonzero(target.fits(made)).tolist():
            x, y = block.build(i), block.build(j)
            whole = joined(DIV, joined(SUB, y, x), x) if k < 2 else joined(DIV, x, joined(ADD, x, y))
            percent = bool(k % 2)
            made_so = with_constant(MUL, whole, 100.0, 0.0, ()) if percent else whole
            cost = 2 * float(block.costs[i]) + float(block.costs[j]) + 2.0 - IDIOM + 0.5 * percent
            yield (
                cost,
                Expr(made_so.template, made_so.parts, made_so.level, made_so.op, made_so.cost - IDIOM, made_so.tags),
            )


MOST_RUNNING = 20
"""Pairs of columns whose running total is looked at."""


def running(target: Target, pool: Pool, prices: Prices, count: Count, clock: Clock) -> Iterator[Found]:
    """Running totals of what two columns make, from a number on: ``100 + (df['in'] - df['out']).cumsum()``."""
    if target.missing.any() or pool.rows < 4 or pool.at is not None:
        return
    base = Block.of(pool.columns_of_numbers[:8], pool.rows)
    later = np.arange(pool.rows) > 0
    steps, part = Target.of(np.diff(target.values)), _on(base, later)
    hits = sorted(pairs(steps, part, part, (ADD, SUB, MUL), count, clock), key=lambda hit: hit[0])
    for cost, op, i, j in hits[:MOST_RUNNING]:
        start = float(target.values[0] - op.apply(base.matrix[i, :1], base.matrix[j, :1])[0])
        if i == j or not math.isfinite(start):
            continue
        total = call("{0}.cumsum()", joined(op, base.build(i), base.build(j)), op="cumulative", cost=1.0)
        start = round(start, 9)
        if not start:
            yield cost + 1.0, total
            continue
        price, tags = prices.of(abs(start))
        sign = ADD if start > 0 else SUB
        yield cost + 1.0 + sign.cost + price, with_constant(sign, total, abs(start), price, tags)


def filled(target: Target, block: Block, prices: Prices, count: Count) -> Iterator[Found]:
    """Terms whose missing cells got one number: ``a.diff().fillna(0)``."""
    gone = np.isnan(block.matrix)
    count.examined += len(block)
    with np.errstate(all="ignore"):
        inside = (block.matrix >= target.low) & (block.matrix <= target.high)
    good = (inside | gone).all(axis=1) & gone.any(axis=1) & inside.any(axis=1)
    for i in np.flatnonzero(good).tolist():
        fills = np.unique(target.values[gone[i]])
        if len(fills) == 1 and not np.isnan(fills[0]):
            cost, tags = prices.of(float(fills[0]))
            made = call(
                f"{{0}}.fillna({constant_text(float(fills[0]))})",
                block.build(i),
                op="fillna",
                cost=0.7 + cost,
                tags=tags,
            )
            yield float(block.costs[i]) + 0.7 + cost, made


def quotients(target: Target, block: Block, prices: Prices, count: Count) -> Iterator[Found]:
    """``a / b`` where zeros are divided by: missing there, or one number."""
    if len(block) > 24:
        return
    for i, j in itertools.permutations(range(len(block)), 2):
        zero = block.matrix[j] == 0
        if not zero.any() or zero.all():
            continue
        count.examined += 1
        with np.errstate(all="ignore"):
            made = block.matrix[i] / block.matrix[j]
            inside = (made >= target.low) & (made <= target.high) | (np.isnan(made) & target.missing)
        if not inside[~zero].all():
            continue
        a, b = block.build(i), block.build(j)
        cost = float(block.costs[i] + block.costs[j])
        fills = np.unique(target.values[zero])
        if len(fills) != 1:
            continue
        if np.isnan(fills[0]):
            safe = call("{0}.replace(0, np.nan)", b, op="replace", cost=0.9)
            yield cost + 1.9, joined(DIV, a, safe)
        else:
            fill = float(fills[0])
            price, tags = prices.of(fill)
            text = f"np.where({{1:sum}} != 0, {{0:product}} / {{1}}, {constant_text(fill)})"
            yield cost + 2.0 + price, call(text, a, b, op="where", cost=2.0 + price, tags=(WHERE, *tags))
            quotient = joined(DIV, a, b)
            if np.isnan(made[zero]).all():
                yield (
                    cost + 1.7 + price,
                    call(f"{{0}}.fillna({constant_text(fill)})", quotient, op="fillna", cost=0.7 + price),
                )
            else:
                text = f"{{0}}.replace(np.inf, {constant_text(fill)})"
                yield cost + 2.2 + price, call(text, quotient, op="replace", cost=1.2 + price, tags=tags)


def combined(target: Target, pool: Pool, prices: Prices, count: Count, clock: Clock) -> Iterator[Found]:
    """``a * k + b`` and the like: a constant inside, solved for what one operation with ``b`` leaves."""
    terms = pool.seen(pool.columns_of_numbers[:6])
    base = Block.of(terms, pool.rows)
    inner = Block.of([*terms, *pool.amounts[:10]], pool.rows)
    for term in terms:
        if clock.over():
            return
        cells = term.values
        with np.errstate(all="ignore"):
            for op, values, swapped in (
                (ADD, target.values - cells, False),
                (SUB, target.values + cells, False),
                (SUB, cells - target.values, True),
                (MUL, target.values / cells, False),
                (DIV, target.values * cells, False),
                (DIV, cells / target.values, True),
            ):
                values = np.where(np.isfinite(values), values, np.nan)
                if np.isnan(values).sum() > target.missing.sum() or not len(base):
                    continue
                for cost, expr in solved(Target.of(values), inner, prices, count):
                    left, right = (term.expr, expr) if swapped else (expr, term.expr)
                    if op is ADD or op is MUL:
                        left, right = right, left
                    if term.expr.text not in (part.text for part in expr.parts):
                        yield cost + op.cost + term.cost, joined(op, left, right)


def elsewhere(target: Target, rows: Bools, pool: Pool, prices: Prices, count: Count) -> Iterator[Found]:
    """Columns and simple functions of them that are the target on some rows: one branch of a choice."""
    part = Target.of(target.values[rows])
    terms = pool.seen(pool.columns_of_numbers[:8])
    base = _on(Block.of(terms, pool.rows), rows)
    yield from equal(part, base, count)
    if rows.sum() > 1:
        yield from solved(part, base, prices, count)
        yield from paired(part, base, base, BASIC, count, Clock())
        more = _on(Block.of([*pool.totals, *pool.grouped[:80]], pool.rows), rows)
        yield from equal(part, more, count)


def _on(block: Block, rows: Bools) -> Block:
    return Block(block.matrix[:, rows], block.costs, block.build)


def roundings(values: Floats) -> Iterator[tuple[str, str, float, Floats, Floats]]:
    """``round(k)`` and ``astype(int)``, as the intervals that they take to the wanted numbers."""
    there = values[~np.isnan(values)]
    if not len(there) or not np.isfinite(there).all():
        return
    for digits in range(7):
        if np.allclose(there, np.round(there, digits), rtol=0, atol=1e-9):
            half = 0.5 * 10.0**-digits * (1 + 1e-9) + 1e-12
            arg = str(digits) if digits else ""
            yield f".round({arg})", "round", 0.9 + 0.2 * bool(digits), values - half, values + half
            if digits == 0 and not np.isnan(values).any():
                low = np.where(values > 0, values - 1e-9, values - 1 + 1e-9)
                high = np.where(values < 0, values + 1e-9, values + 1 - 1e-9)
                yield ".astype(int)", "astype", 1.2, low, high
            return
