"""A column in classes: ``pd.cut``, ``pd.qcut``, ``np.select``; and numbers kept within bounds, ``clip``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.count import Count
from mlsys4sys.autopandas.columns.numeric import Found, Prices, constant_text, parting
from mlsys4sys.autopandas.columns.pool import Pool, Term
from mlsys4sys.autopandas.expression import CELL, OUTPUT, WHERE, call
from mlsys4sys.autopandas.table import NULL, Column, Floats

Constant = Callable[[int], tuple[str, float, tuple[str, ...]] | None]
MOST_CLASSES = 7


def search(pool: Pool, wanted: Column, prices: Prices, constant: Constant, count: Count) -> Iterator[Found]:
    """Expressions that put a numeric column into classes; not run yet."""
    classes = sorted(wanted.distinct)
    terms = pool.columns_of_numbers[:12]
    if pool.at is None:
        terms = [*terms, *pool.across[:6], *pool.read[:12]]
    if wanted.kind == "obj":
        yield from _intervals(pool, wanted, count)
    if not 2 <= len(classes) <= MOST_CLASSES or len(classes) >= pool.rows:
        return
    for term in terms:
        count.examined += 1
        order = _ordered_classes(term.values, wanted)
        if order is None:
            continue
        labels = [constant(code) for code in order]
        counted = [label[0] for label in labels if label] == [str(i) for i in range(len(order))]
        if wanted.kind == "num" and len(order) > 4 and not counted:
            continue
        if any(label is None for label in labels):
            continue
        texts = [label[0] for label in labels if label]
        label_cost = sum(label[1] for label in labels if label)
        tags = tuple(tag for label in labels if label for tag in label[2])
        gaps = _gaps(term.values, wanted.codes, order)
        yield from _cut(term, gaps, texts, label_cost, tags, prices)
        yield from _select(term, gaps, texts, label_cost, tags, prices)
        yield from _quantiles(term, wanted, order, texts, label_cost, tags)


def _ordered_classes(values: Floats, wanted: Column) -> list[int] | None:
    """The classes in the order of the column's values, if they do not overlap."""
    codes = wanted.codes
    there = ~np.isnan(values)
    if (codes[~there] != NULL).any() or (codes[there] == NULL).any() or not there.any():
        return None
    spans = []
    for code in wanted.distinct:
        cells = values[codes == code]
        spans.append((float(cells.min()), float(cells.max()), code))
    spans.sort()
    if any(a[1] >= b[0] for a, b in itertools.pairwise(spans)) or not np.isfinite([spans[0][0], spans[-1][1]]).all():
        return None
    return [span[2] for span in spans]


def _gaps(values: Floats, codes: Any, order: list[int]) -> list[tuple[float, float]]:
    """The most of each class and the least of the next."""
    spans = [(float(values[codes == code].min()), float(values[codes == code].max())) for code in order]
    return [(a[1], b[0]) for a, b in itertools.pairwise(spans)]


def _edge(low: float, high: float, prices: Prices, *, right: bool) -> tuple[float, float, tuple[str, ...]] | None:
    """The roundest edge between two classes, and its cost; the edge belongs to the left one if ``right``."""
    edge = parting(low, high, right=right)
    if edge is None:
        return None
    cost, tags = prices.of(edge)
    return edge, min(cost, 1.2), tags


def _cut(
    term: Term, gaps: list[tuple[float, float]], texts: list[str], cost: float, tags: tuple[str, ...], prices: Prices
) -> Iterator[Found]:
    there = term.values[~np.isnan(term.values)]
    low, high = float(there.min()), float(there.max())
    labels = "[" + ", ".join(texts) + "]"
    if texts == [str(i) for i in range(len(texts))]:
        labels, cost, tags = "False", 0.3, ()
    if len(set(texts)) < len(texts):
        return
    for right in (True, False):
        edges = [_edge(*gap, prices, right=right) for gap in gaps]
        if any(edge is None for edge in edges):
            continue
        inner = [edge[0] for edge in edges if edge]
        price = (
            (1.2 if len(texts) > 2 else 2.4) + cost + sum(edge[1] for edge in edges if edge) + (0.0 if right else 0.5)
        )
        marks = (*tags, *(tag for edge in edges if edge for tag in edge[2]))
        side = "" if right else ", right=False"
        for first, last, extra in _ends(low, high, inner, right=right):
            bins = ", ".join([first, *(constant_text(edge).strip("()") for edge in inner), last])
            text = f"pd.cut({{0:arg}}, bins=[{bins}], labels={labels}{side})"
            yield term.cost + price + extra, call(text, term.expr, op="cut", cost=price + extra, tags=marks)


def _ends(low: float, high: float, inner: list[float], *, right: bool) -> Iterator[tuple[str, str, float]]:
    """The outer bounds: infinite, or the usual ones of ages and percentages."""
    yield "-np.inf", "np.inf", 0.6
    start = 0.0 if low > 0 or (low == 0 and not right) else None
    if start is not None and start < inner[0]:
        yield "0", "np.inf", 0.5
        step = 10.0 ** np.floor(np.log10(max(high, 1.0)))
        top = next(step * k for k in (1, 2, 5, 10, 20) if step * k >= high and (right or step * k > high))
        if top > inner[-1]:
            yield "0", constant_text(top), 0.8


def _select(
    term: Term, gaps: list[tuple[float, float]], texts: list[str], cost: float, tags: tuple[str, ...], prices: Prices
) -> Iterator[Found]:
    """``np.select`` of thresholds, from below and from above."""
    if len(texts) < 3:
        return
    lower = [_edge(*gap, prices, right=False) for gap in gaps]
    upper = [_edge(*gap, prices, right=True) for gap in gaps]
    if any(edge is None for edge in (*lower, *upper)):
        return
    price = 1.6 + cost + sum(edge[1] + 0.5 for edge in lower if edge)
    marks = (WHERE, *tags, *(tag for edge in lower if edge for tag in edge[2]))
    # Thresholds over the term stand in the template: the term itself is the only part.
    slot = "{0:sum}"
    below = ", ".join(f"{slot} < {constant_text(edge[0]).strip('()')}" for edge in lower if edge)
    text = f"np.select([{below}], [{', '.join(texts[:-1])}], default={texts[-1]})"
    yield term.cost + price, call(text, term.expr, op="where", cost=price, tags=marks)
    above = ", ".join(f"{slot} > {constant_text(edge[0]).strip('()')}" for edge in reversed(upper) if edge)
    text = f"np.select([{above}], [{', '.join(reversed(texts[1:]))}], default={texts[0]})"
    yield term.cost + price + 0.1, call(text, term.expr, op="where", cost=price + 0.1, tags=marks)


def _quantiles(
    term: Term, wanted: Column, order: list[int], texts: list[str], cost: float, tags: tuple[str, ...]
) -> Iterator[Found]:
    """``pd.qcut``: classes of equal size."""
    try:
        made = pd.qcut(term.values, len(order), labels=False)
    except ValueError:
        return
    place = {code: i for i, code in enumerate(order)}
    if [place[code] for code in wanted.codes.tolist() if code != NULL] != [int(i) for i in made if not np.isnan(i)]:
        return
    labels = "[" + ", ".join(texts) + "]"
    if texts == [str(i) for i in range(len(texts))]:
        labels, cost, tags = "False", 0.3, ()
    price = (2.0 if len(order) > 2 else 3.4) + cost
    text = f"pd.qcut({{0:arg}}, {len(order)}, labels={labels})"
    yield term.cost + price, call(text, term.expr, op="qcut", cost=price, tags=tags)
    equal = pd.cut(term.values, len(order), labels=False)
    if [place[code] for code in wanted.codes.tolist() if code != NULL] == [int(i) for i in equal if not np.isnan(i)]:
        text = f"pd.cut({{0:arg}}, {len(order)}, labels={labels})"
        yield term.cost + price - 0.1, call(text, term.expr, op="cut", cost=price - 0.1, tags=tags)


def _intervals(pool: Pool, wanted: Column, count: Count) -> Iterator[Found]:
    """The intervals themselves."""
    shown = [wanted.book.cell(code) for code in sorted(wanted.distinct)]
    if not shown or not all(isinstance(cell, pd.Interval) for cell in shown):
        return
    classes = max(len(shown), 2)
    edges = sorted({float(edge) for cell in shown for edge in (cell.left, cell.right)})
    for term in pool.columns_of_numbers[:12]:
        count.examined += 3
        for k in range(classes, classes + 3):
            yield term.cost + 1.5, call(f"pd.cut({{0:arg}}, {k})", term.expr, op="cut", cost=1.5)
            yield term.cost + 1.6, call(f"pd.qcut({{0:arg}}, {k})", term.expr, op="qcut", cost=1.6)
        bins = ", ".join(constant_text(edge).strip("()") for edge in edges)
        side = "" if shown[0].closed == "right" else ", right=False"
        price = 1.5 + 1.2 * len(edges)
        text = f"pd.cut({{0:arg}}, bins=[{bins}]{side})"
        yield term.cost + price, call(text, term.expr, op="cut", cost=price, tags=(OUTPUT,) * len(edges))


def clipped(pool: Pool, wanted: Column, prices: Prices, count: Count) -> Iterator[Found]:
    """``clip``: what lies outside of bounds is moved to them."""
    target = wanted.numbers
    for term in pool.columns_of_numbers[:16]:
        count.examined += 1
        cells = term.values
        if not np.array_equal(np.isnan(cells), np.isnan(target)):
            continue
        with np.errstate(all="ignore"):
            raised, lowered = cells < target, cells > target
        if not raised.any() and not lowered.any():
            continue
        floor, ceiling = np.unique(target[raised]), np.unique(target[lowered])
        if len(floor) > 1 or len(ceiling) > 1:
            continue
        low = float(floor[0]) if len(floor) else None
        high = float(ceiling[0]) if len(ceiling) else None
        if (low is not None and (target < low).any()) or (high is not None and (target > high).any()):
            continue
        yield from _clip(term, low, high, prices)
        yield from _clip_at_quantile(term, low, high)


def _clip_at_quantile(term: Term, low: float | None, high: float | None) -> Iterator[Found]:
    """``clip(upper=a.quantile(0.9))``: bounds that are quantiles of the column itself, one or both."""
    cells = term.values[~np.isnan(term.values)]
    parts = []
    for name, bound, levels in (("lower", low, (0.1, 0.05, 0.25, 0.01)), ("upper", high, (0.9, 0.95, 0.75, 0.99))):
        if bound is None:
            continue
        found = [q for q in levels if np.isclose(np.quantile(cells, q), bound)]
        if not found:
            return
        parts.append(f"{name}={{0}}.quantile({found[0]})")
    yield term.cost + 1.6, call(f"{{0}}.clip({', '.join(parts)})", term.expr, op="clip", cost=1.6)


def _clip(term: Term, low: float | None, high: float | None, prices: Prices) -> Iterator[Found]:
    bounds = [bound for bound in (low, high) if bound is not None]
    prized = [prices.of(bound) for bound in bounds]
    cost = 0.9 + sum(min(price, 1.5) for price, _ in prized)
    tags = tuple(tag for _, marks in prized for tag in marks if tag == CELL)
    if low is not None and high is not None:
        argument = f"{constant_text(low).strip('()')}, {constant_text(high).strip('()')}"
    elif low is not None:
        argument = f"lower={constant_text(low).strip('()')}"
    else:
        argument = f"upper={constant_text(high or 0.0).strip('()')}"
    yield term.cost + cost, call(f"{{0}}.clip({argument})", term.expr, op="clip", cost=cost, tags=tags)
