"""Numbers made one way on some rows and another way elsewhere, and words that say how two columns compare."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns import filters, numeric, windows
from mlsys4sys.autopandas.columns.check import different_first
from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import ADD, DIV, MUL, SUB, Found, Prices
from mlsys4sys.autopandas.columns.pool import Pool, Source, Term
from mlsys4sys.autopandas.columns.windows import Groups
from mlsys4sys.autopandas.expression import UNARY, WHERE, Expr, call
from mlsys4sys.autopandas.table import NULL, Bools, Column, Floats, Table

Constant = Callable[[int], tuple[str, float, tuple[str, ...]] | None]

MOST_BASES, MOST_FACTORS = 8, 5
"""Columns that hold on some rows, and columns of which two make a number that does."""
MOST_GAPS = 16
"""Columns of which it is asked where they are missing."""
MOST_KEYED = 4
"""Keys by which balances are looked for."""
MOST_BRANCHES, MOST_WHEN = 4, 4
"""Ways to make the numbers elsewhere, and conditions, that are joined with each other."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all conditions are looked for with."""

    pool: Pool
    constants: Sequence[Any]
    others: Sequence[Table]
    count: Count
    clock: Clock

    def when(self, keep: Bools, drop: Bools) -> list[Expr]:
        """Conditions true on some rows and false on others, few that differ in a constant alone."""
        found = filters.asked(self.pool, keep, drop, self.constants, self.others, self.count, self.clock)
        return different_first(found, alike=2)[:MOST_WHEN]


def search(
    pool: Pool, wanted: Column, prices: Prices, constants: Sequence[Any], others: Sequence[Table], count: Count,
    clock: Clock,
) -> Iterator[Found]:  # fmt: skip
    """A column, and on some rows something calculated; two things calculated; totals of what is added or taken away."""
    asked = _Asked(pool, constants, others, count, clock)
    yield from _partly(asked, wanted, prices)
    if pool.at is None and not clock.over():
        yield from _of_two(asked, wanted, prices)
        yield from _or_constant(asked, wanted, prices)
        yield from _signed_totals(asked, wanted)
        yield from _ranks_of_two(asked, wanted)


def _partly(asked: _Asked, wanted: Column, prices: Prices) -> Iterator[Found]:
    """A numeric column, and on some rows something calculated: ``a.mask(condition, a * 2)``."""
    values, pool, count = wanted.numbers, asked.pool, asked.count
    for term in pool.columns_of_numbers[:MOST_BASES]:
        same = _alike(term.values, values)
        if asked.clock.over() or same.all() or same.sum() < max(1, 0.15 * len(same)):
            continue
        rest = ~same
        if (gone := np.isnan(term.values)).any() and np.array_equal(gone, rest):
            yield from _filled(term, values, gone, pool, prices, count)
            continue
        if len(np.unique(values[rest])) < 2 and rest.sum() > 1:
            continue  # a constant: others see to that
        at = slice(None) if pool.at is None else pool.at
        target = numeric.Target.of(values[at])
        if not rest[at].any():
            continue
        branches = sorted(numeric.elsewhere(target, rest[at], pool, prices, count), key=lambda item: item[0])
        if np.allclose(-term.values[rest], values[rest], rtol=1e-9, atol=0.0):
            branches = [(0.4, Expr("-{0}", (term.expr,), UNARY, "arithmetic", 0.4)), *branches]
        for cost, branch in branches[:MOST_BRANCHES]:
            for condition in asked.when(rest, same):
                made = call("{0}.mask({1:arg}, {2:arg})", term.expr, condition, branch, op="where", cost=1.0)
                yield term.cost + cost + condition.total + 1.0, made
                yield _chosen(condition, branch, term.expr, term.cost + cost)


def _alike(made: Floats, values: Floats) -> Bools:
    with np.errstate(all="ignore"):
        close = np.abs(made - values) <= 1e-9 * np.abs(values)
    return np.asarray(close | (np.isnan(made) & np.isnan(values)))


def _chosen(condition: Expr, first: Expr, second: Expr, cost: float) -> Found:
    """``np.where(condition, first, second)``."""
    made = call("np.where({0:arg}, {1:arg}, {2:arg})", condition, first, second, op="where", cost=1.2, tags=(WHERE,))
    return cost + condition.total + 1.2, made


def _filled(term: Term, values: Floats, gone: Bools, pool: Pool, prices: Prices, count: Count) -> Iterator[Found]:
    """Missing numbers filled with what is expected of their row: the group's mean, another column, a product."""
    if pool.at is not None:
        values, gone = values[pool.at], gone[pool.at]
    for other in (*pool.grouped, *pool.totals, *pool.across):
        count.examined += 1
        if np.allclose(other.values[gone], values[gone], rtol=1e-6, atol=1e-9, equal_nan=False):
            made = call("{0}.fillna({1:arg})", term.expr, other.expr, op="fillna", cost=0.9)
            yield term.cost + other.cost + 0.9, made
    if gone.sum() > 1:
        branches = numeric.elsewhere(numeric.Target.of(values), gone, pool, prices, count)
        for cost, branch in sorted(branches, key=lambda item: item[0])[:MOST_BRANCHES]:
            made = call("{0}.fillna({1:arg})", term.expr, branch, op="fillna", cost=0.9)
            yield term.cost + cost + 0.9, made


def _of_two(asked: _Asked, wanted: Column, prices: Prices) -> Iterator[Found]:
    """``np.where(condition, a * b * 0.9, a * b)``: what two columns make, and the same scaled."""
    values = wanted.numbers
    for a, b in itertools.combinations(asked.pool.columns_of_numbers[:MOST_FACTORS], 2):
        for op in (MUL, ADD, SUB):
            asked.count.examined += 1
            made = op.apply(a.values, b.values)
            same = _alike(made, values)
            rest = ~same
            if same.sum() < 2 or rest.sum() < 2 or asked.clock.over():
                continue
            with np.errstate(all="ignore"):
                shares = values[rest] / made[rest]
            if not np.isfinite(shares).all() or not np.allclose(shares, shares[0], rtol=1e-9, atol=0):
                continue
            share = float(f"{shares[0]:.12g}")
            whole = numeric.joined(op, a.expr, b.expr)
            price, tags = prices.of(share)
            cost = a.cost + b.cost + 2 * op.cost + price
            for condition in asked.when(rest, same):
                yield _chosen(condition, numeric.with_constant(MUL, whole, share, price, tags), whole, cost)


def _or_constant(asked: _Asked, wanted: Column, prices: Prices) -> Iterator[Found]:
    """``np.where(condition, a * 0.1, 5)``: one number on several rows, elsewhere something calculated."""
    cells, times = np.unique(wanted.numbers[~wanted.null], return_counts=True)
    if wanted.null.any() or not len(cells) or times.max() < 2:
        return
    usual = float(cells[times.argmax()])
    rest = wanted.numbers != usual
    if rest.sum() < 2 or len(cells) < 3:
        return
    price, tags = prices.of(usual)
    fixed = Expr(numeric.constant_text(usual), (), cost=price, tags=tags)
    branches = numeric.elsewhere(numeric.Target.of(wanted.numbers), rest, asked.pool, prices, asked.count)
    for cost, branch in sorted(branches, key=lambda item: item[0])[:MOST_BRANCHES]:
        if not branch.op:
            continue  # a column as it is: others see to that
        for condition in asked.when(rest, ~rest):
            yield _chosen(condition, branch, fixed, cost + price)


def _signed_totals(asked: _Asked, wanted: Column) -> Iterator[Found]:
    """``a.where(condition, -a).cumsum()``: a balance of what comes in and goes out, of all rows or of each group."""
    if wanted.null.any() or len(wanted.numbers) < 3:
        return
    pool = asked.pool
    keys = [g for g in pool.groupings if len(g.positions) == 1][:MOST_KEYED] if pool.is_frame else []
    for grouping, time in itertools.product((None, *keys), (None, *_times(pool))):
        order = np.arange(pool.rows) if time is None else np.argsort(time.column.numbers, kind="stable")
        back = np.argsort(order)
        if grouping is None:
            steps = np.diff(wanted.numbers[order], prepend=0.0)[back]
        else:
            groups = Groups(grouping.groups.ids[order], grouping.groups.count)
            before = groups.shifted(wanted.numbers[order], 1)[back]
            steps = wanted.numbers - np.where(np.isnan(before), 0.0, before)
        for term in pool.columns_of_numbers[:MOST_BASES]:
            asked.count.examined += 1
            added, taken = _alike(term.values, steps), _alike(-term.values, steps)
            if not (added | taken).all() or added.all() or taken.all():
                continue
            minus = Expr("-{0}", (term.expr,), UNARY, "arithmetic", 0.4)
            for condition in asked.when(added & ~taken, taken & ~added):
                signed = call("{0}.where({1:arg}, {2:arg})", term.expr, condition, minus, op="where", cost=0.9)
                cost = term.cost + condition.total + 2.2
                if time is not None:
                    signed = call("{0}.loc[{1}.sort_values().index]", signed, time.expr, op="sort_values", cost=1.0)
                    cost += 1.0
                if grouping is None:
                    yield cost, call("{0}.cumsum()", signed, op="cumulative", cost=0.9)
                else:
                    key = pool.columns_as_sources[grouping.positions[0]].expr
                    total = call("{0}.groupby({1:arg}).cumsum()", signed, key, op="groupby.cumulative", cost=1.1)
                    yield cost + grouping.cost, total


def _times(pool: Pool) -> list[Source]:
    """Dates by which the rows are not sorted as they stand."""
    dates = [s for s in pool.columns_as_sources if s.column.kind == "date" and not s.column.null.any()]
    return [s for s in dates if (np.diff(s.column.numbers) < 0).any()][:1] if pool.is_frame else []


def _ranks_of_two(asked: _Asked, wanted: Column) -> Iterator[Found]:
    """``(a - b).rank(ascending=False)``: places by what two columns make."""
    values = wanted.numbers
    if wanted.null.any() or len(values) < 4 or values.min() != 1 or values.max() > len(values):
        return
    for a, b in itertools.permutations(asked.pool.columns_of_numbers[:MOST_FACTORS], 2):
        for op in (SUB, DIV, ADD, MUL):
            if op.commutes and a.expr.text > b.expr.text:
                continue
            with np.errstate(all="ignore"):
                made = op.apply(a.values, b.values)
            for ascending in (False, True):
                ranking = windows.Ranking(made, ascending=ascending)
                for method, extra in (("average", 0.0), ("min", 0.3), ("dense", 0.4), ("first", 0.6)):
                    asked.count.examined += 1
                    if not np.array_equal(ranking.of(method), values):
                        continue
                    chosen = [f"method='{method}'"] * (method != "average") + ["ascending=False"] * (not ascending)
                    cost = 1.2 + extra + 0.3 * (not ascending)
                    text = f"{{0}}.rank({', '.join(chosen)})"
                    whole = numeric.joined(op, a.expr, b.expr)
                    yield a.cost + b.cost + op.cost + cost, call(text, whole, op="rank", cost=cost)
                    break


def compared(pool: Pool, wanted: Column, constant: Constant, count: Count) -> Iterator[Found]:
    """``np.select([a > b, a < b], ['up', df['c']], 'same')``: constants or columns, by which of two numbers is larger.

    The numbers are two columns, or a column and the row before.
    """
    if pool.at is not None or len(wanted.distinct) < 3 or NULL in wanted.codes:
        return
    columns = pool.columns_of_numbers[:MOST_BASES]
    earlier = [term for term in pool.unary if term.expr.op == "shift"]
    for a, b in (*itertools.combinations(columns, 2), *itertools.product(columns, earlier)):
        count.examined += 1
        if b.expr.op and a.expr.text != b.expr.parts[0].text:
            continue
        with np.errstate(all="ignore"):
            more, less = a.values > b.values, a.values < b.values
        held = (more, less, ~(more | less))
        if not all(part.any() for part in held):
            continue
        choices = [_on_rows(pool, wanted, part, constant) for part in held]
        if any(choice is None for choice in choices):
            continue
        known = [choice for choice in choices if choice is not None]
        if len({choice[0] for choice in known}) < len(known) or not any(choice[3] is None for choice in known):
            continue
        parts = [a.expr, b.expr, *(choice[3] for choice in known if choice[3] is not None)]
        texts, position = [], 2
        for text, _, _, column in known:
            texts.append(text if column is None else f"{{{position}}}")
            position += column is not None
        cost = 1.9 + sum(choice[1] for choice in known)
        tags = tuple(tag for choice in known for tag in choice[2])
        text = f"np.select([{{0:sum}} > {{1:sum}}, {{0:sum}} < {{1:sum}}], [{texts[0]}, {texts[1]}], {texts[2]})"
        yield a.cost + b.cost + cost, call(text, *parts, op="where", cost=cost, tags=(WHERE, *tags))


def by_presence(pool: Pool, wanted: Column, constant: Constant, count: Count) -> Iterator[Found]:
    """``np.select([a.isna(), b.isna(), a != b], ['added', 'removed', 'changed'], 'same')``, as after an outer join."""
    if pool.at is not None or not 2 < len(wanted.distinct) < 5 or NULL in wanted.codes:
        return
    gaps = [source for source in pool.columns_as_sources[:MOST_GAPS] if source.column.null.any()]
    for a, b in itertools.permutations(gaps, 2):
        count.examined += 1
        no_a, no_b = a.column.null, b.column.null
        there = ~(no_a | no_b)
        if (no_a & no_b).any() or not there.any() or a.column.kind != b.column.kind:
            continue
        apart = there & (a.column.codes != b.column.codes)
        parts = [no_a, no_b, *([there] if len(wanted.distinct) == 3 else [apart, there & ~apart])]
        words = [_word(wanted, part, constant) for part in parts]
        known = [word for word in words if word is not None]
        if len(known) < len(parts) or len({word[0] for word in known}) < len(known):
            continue
        cost = 2.0 + sum(word[1] for word in known)
        tests = "{0}.isna(), {1}.isna()" + (", {0:sum} != {1:sum}" if len(known) > 3 else "")
        choices = ", ".join(word[0] for word in known[:-1])
        tags = tuple(tag for word in known for tag in word[2])
        text = f"np.select([{tests}], [{choices}], {known[-1][0]})"
        yield a.cost + b.cost + cost, call(text, a.expr, b.expr, op="where", cost=cost, tags=(WHERE, *tags))


def _word(wanted: Column, rows: Bools, constant: Constant) -> tuple[str, float, tuple[str, ...]] | None:
    """The one cell on some rows as a constant."""
    codes = np.unique(wanted.codes[rows])
    return constant(int(codes[0])) if len(codes) == 1 else None


def _on_rows(
    pool: Pool, wanted: Column, rows: Bools, constant: Constant
) -> tuple[str, float, tuple[str, ...], Expr | None] | None:
    """What gives the wanted cells on some rows: a constant, or else a column."""
    codes = np.unique(wanted.codes[rows])
    if len(codes) == 1:
        word = constant(int(codes[0]))
        if word is not None and (rows.sum() > 1 or int(codes[0]) not in _shown(pool)):
            return (*word, None)
    for source in pool.columns_as_sources[:12]:
        if np.array_equal(source.column.codes[rows], wanted.codes[rows]):
            return source.expr.text, 0.4, (), source.expr
    if len(codes) == 1 and word is not None:
        return (*word, None)
    return None


def _shown(pool: Pool) -> frozenset[int]:
    return frozenset().union(*(column.distinct for column in pool.columns[:12]))
