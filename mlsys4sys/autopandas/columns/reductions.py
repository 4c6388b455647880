"""Single numbers and cells out of a table: reductions of columns, of the rows that a condition keeps, of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlsys4sys.autopandas.columns import filters
from mlsys4sys.autopandas.columns.atoms import COMPARING, compared, shown
from mlsys4sys.autopandas.columns.check import Checker
from mlsys4sys.autopandas.columns.count import Clock, Count, quietly
from mlsys4sys.autopandas.columns.numeric import Found, Prices, Target, constant_text
from mlsys4sys.autopandas.columns.pool import Pool, Source, pool_of
from mlsys4sys.autopandas.expression import CELL, LABEL, POSITION, PRODUCT, SUM, Expr, call, literal
from mlsys4sys.autopandas.memo import Failed
from mlsys4sys.autopandas.table import NULL, Bools, Floats, Table

MOST_RUNS = 400
"""Expressions that pandas runs; what can be compared over arrays is compared before."""


@quietly
def scalars(
    table: Table,
    wanted: Any,
    *,
    constants: Sequence[Any] = (),
    others: Sequence[Table] = (),
    deadline: float | None = None,
    limit: int = 12,
    count: Count | None = None,
) -> list[Expr]:
    """Expressions over ``table`` that give one wanted cell, the likeliest first.

    Args:
        table: A frame or a series.
        wanted: The cell.
        constants: Values that expressions may use though no table shows them.
        others: Further tables.
        deadline: ``time.monotonic()`` at which to stop looking.
        limit: How many at most.
        count: Gets what was examined.
    """
    if table.shape_kind not in ("frame", "series") or not table.rows or not table.columns:
        return []
    count = count if count is not None else Count()
    clock = Clock(deadline)
    pool = pool_of(table)
    prices = filters.prices_of(pool, constants)
    found = sorted(_compared(pool, wanted, prices, count, clock), key=lambda item: item[0])[:MOST_RUNS]
    found += sorted(_guessed(pool, wanted, count), key=lambda item: item[0])[:MOST_RUNS]
    checker = Checker(pool, others)
    out: dict[str, Expr] = {}
    for _, expr in sorted(found, key=lambda item: item[0]):
        if len(out) >= limit or clock.over():
            break
        try:
            value = checker.memo.value(expr)
        except Failed:
            continue
        if _is_cell(value) and _equal(value, wanted, table):
            out.setdefault(expr.text, expr)
    return sorted(out.values(), key=lambda expr: expr.total)


def _is_cell(value: Any) -> bool:
    return np.ndim(value) == 0 and not isinstance(value, dict)


def _number(value: Any) -> float | None:
    """A number that is no boolean; None for all else."""
    if isinstance(value, bool | np.bool_ | np.timedelta64 | np.complexfloating):
        return None
    if not isinstance(value, int | float | np.number):
        return None
    return float(value.item() if isinstance(value, np.number) else value)


def _equal(value: Any, wanted: Any, table: Table) -> bool:
    a, b = _number(value), _number(wanted)
    if a is not None and b is not None:
        return math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-8) or (math.isnan(a) and math.isnan(b))
    return table.book.code(value) == table.book.code(wanted)


def _guessed(pool: Pool, wanted: Any, count: Count) -> Iterator[Found]:
    """Reductions that only pandas can tell from the wanted cell."""
    yield from _whole(pool, count)
    yield from _columns(pool, wanted, count)
    yield from _pairs(pool, count)


def _compared(pool: Pool, wanted: Any, prices: Prices, count: Count, clock: Clock) -> Iterator[Found]:
    """What gives the wanted cell by the arrays alone."""
    number = _number(wanted)
    yield from _cells(pool, wanted, count)
    yield from _of_groups(pool, wanted, count)
    if number is not None and not math.isnan(number) and not clock.over():
        target = Target.of(np.array([number]))
        yield from _combined(pool, target, count)
        yield from _occurrences(pool, number, count)
        yield from _kept(pool, number, target, prices, count)
    elif not clock.over():
        yield from _kept_cells(pool, wanted, prices, count)


MOST_BITS = 3_000_000
"""Rows times conditions whose totals are computed at once."""

_REDUCTIONS: tuple[tuple[str, float, str], ...] = (
    ("sum()", 0.8, "reduce"), ("mean()", 0.8, "reduce"), ("max()", 0.8, "reduce"), ("min()", 0.8, "reduce"),
    ("median()", 1.1, "reduce"), ("std()", 1.2, "reduce"), ("var()", 1.6, "reduce"), ("count()", 1.1, "reduce"),
    ("nunique()", 1.0, "nunique"), ("isna().sum()", 1.1, "reduce"), ("notna().sum()", 1.5, "reduce"),
    ("idxmax()", 1.3, "idxmax"), ("idxmin()", 1.4, "idxmax"), ("mode()[0]", 1.5, "mode"), ("prod()", 1.6, "reduce"),
    ("is_unique", 1.6, "reduce"), ("duplicated().sum()", 1.7, "reduce"), ("duplicated().any()", 1.8, "reduce"),
    ("is_monotonic_increasing", 1.8, "reduce"), ("any()", 1.3, "reduce"), ("all()", 1.3, "reduce"),
    ("value_counts().idxmax()", 1.7, "value_counts"), ("value_counts().max()", 1.9, "value_counts"),
    ("value_counts().min()", 2.2, "value_counts"), ("skew()", 2.2, "reduce"), ("kurt()", 2.6, "reduce"),
    ("sem()", 2.4, "reduce"), ("abs().sum()", 1.9, "reduce"), ("abs().max()", 1.9, "reduce"),
    ("diff().max()", 2.0, "diff"),
    ("diff().abs().max()", 2.4, "diff"), ("diff().mean()", 2.2, "diff"), ("cumsum().iloc[-1]", 2.6, "cumulative"),
    ("quantile(0.25)", 1.7, "quantile"), ("quantile(0.75)", 1.7, "quantile"), ("quantile(0.9)", 1.9, "quantile"),
    ("quantile(0.5)", 2.0, "quantile"), ("quantile(0.1)", 2.1, "quantile"), ("quantile(0.95)", 2.1, "quantile"),
    ("autocorr()", 2.5, "corr"), ("hasnans", 1.8, "reduce"), ("isna().any()", 1.6, "reduce"),
    ("notna().all()", 1.9, "reduce"), ("isna().mean()", 1.8, "reduce"), ("mean().round(2)", 1.6, "round"),
    ("mean().round(1)", 1.8, "round"), ("mean().round()", 1.9, "round"), ("sum().round(2)", 2.0, "round"),
    ("std().round(2)", 2.0, "round"),
)  # fmt: skip

_OF_TEXT = (
    ("str.len().max()", 1.6), ("str.len().min()", 1.8), ("str.len().sum()", 1.9), ("str.len().mean()", 1.9),
    ("str.isdigit().sum()", 1.6), ("str.isalpha().sum()", 1.8), ("str.cat(sep=', ')", 1.6), ("str.cat(sep=' ')", 1.7),
    ("str.cat(sep=',')", 1.7), ("str.cat()", 1.6), ("str.isdigit().all()", 1.8), ("str.isnumeric().sum()", 1.9),
    ("str.isupper().sum()", 1.9), ("str.islower().sum()", 2.0), ("str.split().str.len().sum()", 2.1),
)  # fmt: skip

_OF_DATES = (
    ("dt.year.nunique()", 1.8), ("dt.year.max()", 1.8), ("dt.year.min()", 1.8), ("diff().max()", 1.8),
    ("diff().min()", 2.0), ("diff().mean()", 2.0), ("dt.date.nunique()", 2.0), ("dt.month.nunique()", 2.2),
    ("max().year", 2.2),
)  # fmt: skip


def _columns(pool: Pool, wanted: Any, count: Count) -> Iterator[Found]:
    """Reductions of each column and index level by pandas."""
    number = _number(wanted)
    for source in pool.sources[:40]:
        if source.is_index and pool.plain_index:
            continue
        kind = source.column.kind
        values = _quick(source.column.numbers) if kind == "num" else {}
        for text, cost, op in _REDUCTIONS:
            if not _may_give(text, op, kind, wanted, number):
                continue
            count.examined += 1
            quick = values.get(text)
            if quick is not None and (number is None or not math.isclose(quick, number, rel_tol=1e-5, abs_tol=1e-8)):
                continue
            if op == "idxmax":
                if number is not None and not pool.plain_index:
                    continue
                cost += 0.9 if pool.plain_index else 0.0
            yield source.cost + cost, call(f"{{0}}.{text}", source.expr, op=op, cost=cost)
        if kind == "str":
            for text, cost in _OF_TEXT:
                yield source.cost + cost, call(f"{{0}}.{text}", source.expr, op="str", cost=cost)
            yield source.cost + 1.2, call("', '.join({0:arg})", source.expr, op="str", cost=1.3)
            yield source.cost + 1.3, call("' '.join({0:arg})", source.expr, op="str", cost=1.4)
            yield source.cost + 1.4, call("','.join({0:arg})", source.expr, op="str", cost=1.4)
            yield source.cost + 1.5, call("''.join({0:arg})", source.expr, op="str", cost=1.5)
        if kind == "date":
            spread = Expr("{0:sum} - {1:product}", _extremes(source.expr), SUM, "arithmetic", 0.4)
            yield source.cost + 1.8, spread
            yield source.cost + 2.3, call("{0}.days", spread, op="dt", cost=0.5)
            for text, cost in _OF_DATES:
                yield source.cost + cost, call(f"{{0}}.{text}", source.expr, op="dt", cost=cost)
    if not pool.is_frame or not pool.plain:
        return
    # The label of the row, or another column's cell, where a column is greatest.
    for a in pool.columns_as_sources[:10]:
        if a.column.kind not in ("num", "date", "str"):
            continue
        measure = ".str.len()" if a.column.kind == "str" else ""
        for how, cost in (("idxmax", 1.2 + 0.5 * bool(measure)), ("idxmin", 1.3 + 0.5 * bool(measure))):
            at = call(f"{{0}}{measure}.{how}()", a.expr, op="idxmax", cost=cost)
            for b in pool.columns_as_sources[:20]:
                if (measure or b.expr.text != a.expr.text) and pool.book.code(wanted) in b.column.distinct:
                    count.examined += 1
                    text = f"{{0}}.loc[{{1:arg}}, {literal(b.label)}]"
                    yield a.cost + cost + 1.0, call(text, pool.expr, at, op="loc", cost=1.0, tags=(LABEL,))


_ARE_BOOLS = ("is_", "any()", "all()", "hasnans", "duplicated().any()", "isna().any()", "notna().all()")
_ARE_COUNTS = ("count()", "nunique()", "isna().", "notna().sum()", "duplicated().sum()", "value_counts().m")
_ARE_CELLS = ("max()", "min()", "mode()", "value_counts().idxmax()")


def _may_give(text: str, op: str, kind: str, wanted: Any, number: float | None) -> bool:
    """Whether a reduction of a column of a kind can be a cell such as the wanted one."""
    if isinstance(wanted, bool | np.bool_):
        return text.startswith(_ARE_BOOLS) or (kind == "bool" and text.startswith(_ARE_CELLS))
    if text.startswith(_ARE_BOOLS):
        return False
    if number is not None:
        return kind in ("num", "bool") or op == "idxmax" or text.startswith(_ARE_COUNTS)
    return op == "idxmax" or (kind not in ("num", "bool") and text.startswith(_ARE_CELLS))


def _quick(cells: Floats) -> dict[str, float]:
    """What the usual reductions give, so that pandas need not be asked."""
    there = cells[~np.isnan(cells)]
    out = {"count()": float(len(there)), "nunique()": float(len(np.unique(there))), "sum()": float(there.sum())}
    if not len(there):
        return out
    out |= {"mean()": float(there.mean()), "max()": float(there.max()), "min()": float(there.min())}
    out |= {"median()": float(np.median(there))}
    out |= {f"quantile({q})": float(np.quantile(there, q)) for q in (0.25, 0.75, 0.9, 0.5, 0.1, 0.95)}
    if len(there) > 1:
        out |= {"std()": float(there.std(ddof=1)), "var()": float(there.var(ddof=1))}
    return out


def _of_groups(pool: Pool, wanted: Any, count: Count) -> Iterator[Found]:
    """The greatest total of all groups, and whose it is."""
    if not pool.is_frame or not pool.plain:
        return
    number, code = _number(wanted), pool.book.code(wanted)
    for grouping in pool.groupings[:6]:
        if len(grouping.positions) != 1:
            continue
        key = pool.columns[grouping.positions[0]]
        firsts = [int(key.codes[rows[0]]) for rows in grouping.groups.pieces()]
        for source in pool.columns_as_sources[:10]:
            if source.column.kind != "num" or source.label == key.label:
                continue
            for how, extra in (("sum", 0.0), ("mean", 0.1), ("max", 0.6), ("count", 0.6)):
                count.examined += 4
                totals = grouping.groups.reduced(source.column.numbers, how)
                if np.isnan(totals).all():
                    continue
                base = f"{{0}}.groupby({grouping.by})[{literal(source.label)}].{how}()"
                cost = 1.3 + grouping.cost + extra
                inner = call(base, pool.expr, op="groupby.agg", cost=cost, tags=(LABEL, LABEL))
                for tail, more in (("max", 1.0), ("min", 1.2)):
                    best = np.nanmax(totals) if tail == "max" else np.nanmin(totals)
                    if number is not None and math.isclose(float(best), number, rel_tol=1e-5):
                        yield cost + more, call(f"{{0}}.{tail}()", inner, op="reduce", cost=more)
                    place = int(np.nanargmax(totals) if tail == "max" else np.nanargmin(totals))
                    if firsts[place] == code:
                        yield cost + more, call(f"{{0}}.idx{tail}()", inner, op="idxmax", cost=more)


def _extremes(expr: Expr) -> tuple[Expr, Expr]:
    return call("{0}.max()", expr, op="reduce", cost=0.8), call("{0}.min()", expr, op="reduce", cost=0.8)


_WHOLE = (
    ("isna().sum().sum()", 1.3), ("shape[1]", 1.1), ("size", 1.2), ("duplicated().sum()", 1.3),
    ("isna().any().any()", 1.7),
    ("notna().sum().sum()", 1.9), ("sum(numeric_only=True).sum()", 1.7), ("max(numeric_only=True).max()", 1.8),
    ("min(numeric_only=True).min()", 1.8), ("isna().any(axis=1).sum()", 1.7), ("notna().all(axis=1).sum()", 1.9),
    ("sum(numeric_only=True).idxmax()", 2.0), ("mean(numeric_only=True).idxmax()", 2.1),
    ("sum(axis=1, numeric_only=True).max()", 2.3), ("sum(axis=1, numeric_only=True).idxmax()", 2.3),
    ("mean(numeric_only=True).mean()", 2.2), ("isna().sum().idxmax()", 2.1), ("isna().all(axis=1).sum()", 2.1),
    ("isna().any().sum()", 2.0), ("isna().sum().max()", 2.2), ("empty", 1.8), ("ndim", 2.2), ("stack().nunique()", 2.4),
    ("isna().any(axis=None)", 2.4), ("duplicated().any()", 1.8), ("drop_duplicates().shape[0]", 2.4),
    ("nunique().sum()", 2.4), ("std(numeric_only=True).idxmax()", 2.6), ("nunique().idxmax()", 2.4),
    ("count().sum()", 2.3), ("index.nlevels", 2.6), ("index.name", 2.2), ("columns[0]", 2.0), ("columns[-1]", 2.1),
)  # fmt: skip


def _whole(pool: Pool, count: Count) -> Iterator[Found]:
    count.examined += 1 + len(_WHOLE) * pool.is_frame
    yield 0.8, call("len({0:arg})", pool.expr, op="reduce", cost=0.8)
    if not pool.is_frame:
        return
    for text, cost in _WHOLE:
        yield cost, call(f"{{0}}.{text}", pool.expr, op="reduce", cost=cost)
    yield 2.0, call("len({0:sum}.drop_duplicates())", pool.expr, op="drop_duplicates", cost=2.0)
    yield 1.8, call("len({0}.dropna())", pool.expr, op="dropna", cost=1.8)


def _occurrences(pool: Pool, number: float, count: Count) -> Iterator[Found]:
    """How often a cell occurs, and in how many rows."""
    if not pool.is_frame:
        return
    codes = np.stack([column.codes for column in pool.columns[:200]])
    distinct, inverse = np.unique(codes, return_inverse=True)
    inverse = inverse.reshape(codes.shape)
    times = np.bincount(inverse.ravel())
    count.examined += 2 * len(distinct)
    for i in np.flatnonzero(times >= number)[:40].tolist():
        code = int(distinct[i])
        label = shown(pool.book.cell(code)) if code != NULL else None
        if label is None:
            continue
        equal = compared(pool.expr, "==", label, 1.0, (CELL,))
        if times[i] == number:
            yield 2.6, call("{0}.sum().sum()", equal, op="reduce", cost=1.1)
        if (inverse == i).any(axis=0).sum() == number:
            yield 2.9, call("{0}.any(axis=1).sum()", equal, op="reduce", cost=1.4)


def _cells(pool: Pool, wanted: Any, count: Count) -> Iterator[Found]:
    """A cell by its labels, by its position, by the value of another column."""
    code = pool.book.code(wanted)
    labelled = len(pool.index_sources) == 1 and pool.index_sources[0].column.unique
    for j, source in enumerate(pool.columns_as_sources[:60]):
        rows = np.flatnonzero(source.column.codes == code)[:6].tolist()
        count.examined += 1
        for i in rows:
            end = i - pool.rows
            if labelled:
                label = shown(pool.index_sources[0].column.cells[i])
                if label is not None and pool.is_frame:
                    where = f"{{0}}.loc[{label}, {literal(source.label)}]"
                    cost = 1.8 if not pool.plain_index else 2.9
                    yield cost, call(where, pool.expr, op="loc", cost=cost, tags=(CELL, LABEL))
                elif label is not None:
                    yield 1.9, call(f"{{0}}.loc[{label}]", pool.expr, op="loc", cost=1.9, tags=(CELL,))
            for k, cost in ((i, 2.3 if i == 0 else 2.9), (end, 2.6 if end == -1 else 3.3)):
                yield source.cost + cost, call(f"{{0}}.iloc[{k}]", source.expr, op="iloc", cost=cost, tags=(POSITION,))
                if pool.is_frame:
                    both = call(
                        f"{{0}}.iloc[{k}, {j}]", pool.expr, op="iloc", cost=cost + 0.3, tags=(POSITION, POSITION)
                    )
                    yield cost + 0.3, both
            if pool.is_frame and pool.plain:
                yield from _picked(pool, source, i, count)


def _picked(pool: Pool, source: Source, row: int, count: Count) -> Iterator[Found]:
    """``df.loc[df['key'] == 'x', 'value'].iloc[0]``."""
    for key in pool.columns_as_sources[:12]:
        if key.expr.text == source.expr.text or key.column.kind not in ("str", "num", "date"):
            continue
        mine = key.column.codes[row]
        if (key.column.codes == mine).sum() != 1:
            continue
        text = shown(pool.book.cell(int(mine)))
        if text is None:
            continue
        count.examined += 1
        cost = 1.0 if key.column.kind == "str" else 1.6
        condition = compared(key.expr, "==", text, cost, (CELL,))
        template = f"{{0}}.loc[{{1:arg}}, {literal(source.label)}].iloc[0]"
        yield 2.2 + cost, call(template, pool.expr, condition, op="loc", cost=1.5, tags=(LABEL,))


def _pairs(pool: Pool, count: Count) -> Iterator[Found]:
    """Correlations, dot products, differences of totals."""
    terms = pool.columns_of_numbers[:8]
    for i, a in enumerate(terms):
        for b in terms[i + 1 :]:
            count.examined += 4
            base = a.cost + b.cost
            yield base + 1.4, call("{0}.corr({1:arg})", a.expr, b.expr, op="corr", cost=1.4)
            yield base + 2.0, call("{0}.cov({1:arg})", a.expr, b.expr, op="corr", cost=2.0)
            product = Expr("{0:product} * {1}", (a.expr, b.expr), 2, "arithmetic", 1.0)
            yield base + 1.9, call("{0}.sum()", product, op="reduce", cost=0.8)
            yield base + 2.1, call("{0}.mean()", product, op="reduce", cost=0.9)
            for weight in (a, b):
                parts = (call("{0}.sum()", product, op="reduce", cost=0.8), call("{0}.sum()", weight.expr, cost=0.5))
                yield base + 2.7, Expr("{0} / {1}", parts, PRODUCT, "arithmetic", 0.5)
            apart = call("{0}.abs()", Expr("{0:sum} - {1:product}", (a.expr, b.expr), SUM, "arithmetic", 1.0), cost=0.5)
            for how in ("mean", "max", "sum", "min"):
                yield base + 2.6, call(f"{{0}}.{how}()", apart, op="reduce", cost=1.0)


def _combined(pool: Pool, target: Target, count: Count) -> Iterator[Found]:
    """Two totals put together: ``a.sum() / b.sum()``, ``a.max() - a.min()``."""
    terms = pool.totals[:60]
    if not terms:
        return
    cells = np.array([term.values[0] for term in terms])
    count.examined += 4 * len(terms) ** 2
    with np.errstate(all="ignore"):
        for sign, level, made, extra in (
            ("/", 2, cells[:, None] / cells[None], 0.9),
            ("-", SUM, cells[:, None] - cells[None], 0.9),
            ("*", 2, cells[:, None] * cells[None], 1.4),
            ("+", SUM, cells[:, None] + cells[None], 1.4),
        ):
            good = (made >= target.low[0]) & (made <= target.high[0])
            for i, j in np.argwhere(good).tolist():
                neutral = 0.0 if level == SUM else 1.0
                if i == j or cells[j] == neutral or (cells[i] == neutral and sign in "+*"):
                    continue
                a, b = terms[i], terms[j]
                slots = ("{0:product}", "{1}") if level == 2 else ("{0:sum}", "{1:product}")
                expr = Expr(f"{slots[0]} {sign} {slots[1]}", (a.expr, b.expr), level, "arithmetic", extra)
                yield a.cost + b.cost + extra, expr


def _bits(pool: Pool, prices: Prices) -> Iterator[tuple[float, Expr, Bools]]:
    """Conditions that anybody might count by: comparisons with natural constants and with cells, missing, words."""
    for source in pool.columns_as_sources[:16]:
        column = source.column
        if column.null.any():
            yield source.cost + 0.7, call("{0}.isna()", source.expr, op="isna", cost=0.7), column.null
            yield source.cost + 0.9, call("{0}.notna()", source.expr, op="isna", cost=0.9), ~column.null
        if column.kind == "bool" and not column.null.any():
            yield source.cost, source.expr, column.numbers == 1
        elif column.kind == "num":
            yield from _compared_numbers(source, prices)
        elif column.kind == "str" and len(column.distinct) <= 60:
            for code in sorted(column.distinct):
                text = shown(pool.book.cell(code))
                for sign, extra in (("==", 0.0), ("!=", 0.2)):
                    bits = column.codes == code if sign == "==" else column.codes != code
                    if text is not None:
                        cost = 1.0 + extra
                        yield source.cost + 0.5 + cost, compared(source.expr, sign, text, cost, (CELL,)), bits
    yield 1.3, call("{0}.duplicated()", pool.expr, op="drop_duplicates", cost=1.3), _repeated(pool)
    for term in pool.read[:30]:
        if term.expr.op == "dt" and ".dt.days" not in term.expr.template:
            for value in np.unique(term.values[~np.isnan(term.values)])[:24].tolist():
                made = compared(term.expr, "==", constant_text(value), 1.0)
                yield term.cost + 1.5, made, term.values == value


def _repeated(pool: Pool) -> Bools:
    codes = np.stack([column.codes for column in pool.columns[:200]])
    first = np.unique(codes, axis=1, return_index=True)[1]
    out = np.ones(pool.rows, dtype=bool)
    out[first] = False
    return out


def _compared_numbers(source: Source, prices: Prices) -> Iterator[tuple[float, Expr, Bools]]:
    cells = source.column.numbers
    there = np.unique(cells[~np.isnan(cells)])
    constants = dict.fromkeys([*prices.known, 0.0, 1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 1000.0, *there[:24].tolist()])
    for k in constants:
        if not math.isfinite(k):
            continue
        cost, tags = prices.of(k)
        cost = min(cost, 1.0) if tags else cost
        for sign, bits, extra in (
            (">", cells > k, 0.0),
            ("<", cells < k, 0.0),
            (">=", cells >= k, 0.1),
            ("<=", cells <= k, 0.1),
            ("==", cells == k, 0.1),
            ("!=", cells != k, 0.2),
        ):
            if bits.any() and not bits.all():
                made = compared(source.expr, sign, constant_text(k), cost + extra, tags)
                yield source.cost + COMPARING + cost + extra, made, bits
    mean = call("{0}.mean()", source.expr, op="reduce", cost=0.9)
    for sign, bits in ((">", cells > np.nanmean(cells) if len(there) else cells > 0),):
        yield source.cost + 2.0, Expr(f"{{0:sum}} {sign} {{1:sum}}", (source.expr, mean), 4, "compare", 0.6), bits


def _kept(pool: Pool, wanted: float, target: Target, prices: Prices, count: Count) -> Iterator[Found]:
    """How many rows a condition keeps, which share, and totals of columns over those rows; two conditions together."""
    conditions = list(_bits(pool, prices))
    if not conditions:
        return
    conditions.sort(key=lambda item: item[0])
    conditions = conditions[: max(8, min(600, MOST_BITS // max(1, pool.rows)))]
    bits = np.stack([item[2] for item in conditions])
    sizes = bits.sum(axis=1)
    count.examined += 2 * len(conditions)
    for i in np.flatnonzero(sizes == wanted).tolist():
        cost, expr, _ = conditions[i]
        yield cost + 0.8, call("{0}.sum()", expr, op="reduce", cost=0.8)
        yield cost + 1.3, call("len({0}[{1:arg}])", pool.expr, expr, op="mask", cost=1.3)
    for scale, suffix, extra in ((1.0, "", 0.0), (100.0, " * 100", 1.6)):
        shares = sizes / pool.rows * scale
        for i in np.flatnonzero((shares >= target.low[0]) & (shares <= target.high[0])).tolist():
            cost, expr, _ = conditions[i]
            level = 2 if suffix else 0
            yield cost + 1.0 + extra, Expr("{0}.mean()" + suffix, (expr,), level, "reduce", 1.0 + extra)
    if pool.is_frame and pool.plain:
        yield from _kept_totals(pool, conditions, bits, target, count)
    yield from _kept_pairs(conditions, bits, wanted, count)


_MASKED: tuple[tuple[str, float], ...] = (
    ("sum", 0.0),
    ("mean", 0.0),
    ("max", 0.1),
    ("min", 0.1),
    ("nunique", 0.6),
    ("median", 0.6),
)


def _kept_totals(
    pool: Pool, conditions: list[tuple[float, Expr, Bools]], bits: Bools, target: Target, count: Count
) -> Iterator[Found]:
    for source in pool.columns_as_sources[:12]:
        kind = source.column.kind
        if kind not in ("num", "bool", "str"):
            continue
        for how, extra in _MASKED:
            if kind != "num" and how != "nunique":
                continue
            cells = source.column.numbers if kind != "str" else _as_floats(source)
            made = _masked(cells, bits, how)
            count.examined += len(bits)
            with np.errstate(all="ignore"):
                good = (made >= target.low[0]) & (made <= target.high[0])
            for i in np.flatnonzero(good).tolist()[:40]:
                cost, expr, _ = conditions[i]
                if source.expr.text in (part.text for part in expr.nodes) and how != "nunique" and extra:
                    continue
                text = f"{{0}}.loc[{{1:arg}}, {literal(source.label)}].{how}()"
                total = 1.5 + extra
                yield cost + total, call(text, pool.expr, expr, op="reduce", cost=total, tags=(LABEL,))


def _as_floats(source: Source) -> Floats:
    return np.where(source.column.null, np.nan, source.column.codes.astype(np.float64))


def _masked(cells: Floats, bits: Bools, how: str) -> Floats:
    """A reduction of a column over the rows of each condition, shape (conditions,)."""
    there = ~np.isnan(cells)
    if how in ("sum", "mean"):
        total = (bits & there) @ np.where(there, cells, 0.0)
        with np.errstate(all="ignore"):
            return np.asarray(total if how == "sum" else total / (bits & there).sum(axis=1))
    if how in ("max", "min"):
        fill = -np.inf if how == "max" else np.inf
        grid = np.where(bits & there, np.where(there, cells, 0.0), fill)
        return np.asarray(grid.max(axis=1) if how == "max" else grid.min(axis=1))
    if how == "nunique":
        return np.array([float(len(np.unique(cells[row & there]))) for row in bits])
    return np.array([float(np.median(part)) if len(part := cells[row & there]) else np.nan for row in bits])


def _kept_pairs(
    conditions: list[tuple[float, Expr, Bools]], bits: Bools, wanted: float, count: Count
) -> Iterator[Found]:
    """Rows that two conditions keep; the cheapest few only, since nearly every number is such a count."""
    few = min(len(conditions), 60)
    part = bits[:few].astype(np.int64)
    both = part @ part.T
    count.examined += few * few // 2
    hits = [(conditions[i][0] + conditions[j][0], i, j) for i, j in np.argwhere(np.triu(both == wanted, 1)).tolist()]
    for cost, i, j in sorted(hits)[:60]:
        a, b = conditions[i], conditions[j]
        if both[i, i] == wanted or both[j, j] == wanted or a[1].parts[0].text == b[1].parts[0].text:
            continue
        joint = Expr("{0:product} & {1:product}", (a[1], b[1]), 5, "logic", 0.7)
        yield cost + 1.6, call("{0}.sum()", joint, op="reduce", cost=0.9)


def _kept_cells(pool: Pool, wanted: Any, prices: Prices, count: Count) -> Iterator[Found]:
    """The greatest or most frequent cell over the rows of a condition, for cells that are no numbers."""
    if not pool.is_frame or not pool.plain or pool.book.code(wanted) == NULL:
        return
    code = pool.book.code(wanted)
    conditions = sorted(_bits(pool, prices), key=lambda item: item[0])[:80]
    for source in pool.columns_as_sources[:12]:
        if code not in source.column.distinct or source.column.kind not in ("str", "date"):
            continue
        for cost, expr, bits in conditions:
            count.examined += 1
            if code in source.column.codes[bits]:
                for how, extra in (("iloc[0]", 0.3), ("max()", 0.4), ("min()", 0.5), ("mode()[0]", 0.9)):
                    if how == "iloc[0]" and source.column.codes[bits][0] != code:
                        continue
                    text = f"{{0}}.loc[{{1:arg}}, {literal(source.label)}].{how}"
                    total = 1.5 + extra
                    yield cost + total, call(text, pool.expr, expr, op="loc", cost=total, tags=(LABEL,))
