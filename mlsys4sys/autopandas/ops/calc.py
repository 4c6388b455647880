"""All cells by one formula: shares, differences, running totals, ranks, clipping, rounding, conditions.

The formulas are computed with numpy and compared with the goal; those that fit are written in pandas.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import permutations

import numpy as np

from mlsys4sys.autopandas.columns.numeric import parting
from mlsys4sys.autopandas.expression import COMPARE, FUNCTION, LABEL, OUTPUT, PRODUCT, SUM, UNARY, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.fill import constant_cost
from mlsys4sys.autopandas.ops.grouping import close
from mlsys4sys.autopandas.ops.parts import distinct, is_frame, step
from mlsys4sys.autopandas.table import Bools, Column, Floats, Table

FAMILY = "calc"

Formula = tuple[str, Callable[[Floats], Floats], str, float]


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Formulas over the whole frame or its numeric columns; last: those that give the goal's cells."""
    if (
        table.shape_kind not in ("frame", "series")
        or not table.rows
        or (table.shape_kind == "frame" and not is_frame(table))
    ):
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 30 if last else 4)


# Formulas on a matrix of shape (rows, columns)


def shifted(x: Floats, n: int) -> Floats:
    out = np.full_like(x, np.nan)
    if abs(n) < len(x):
        out[max(n, 0) : len(x) + min(n, 0)] = x[max(-n, 0) : len(x) - max(n, 0)]
    return out


def _running(function: Callable[[Floats], Floats], empty: float) -> Callable[[Floats], Floats]:
    """A running total, missing cells passed over and left missing."""

    def run(x: Floats) -> Floats:
        null = np.isnan(x)
        return np.where(null, np.nan, function(np.where(null, empty, x)))

    return run


def ranking(method: str, *, ascending: bool = True) -> Callable[[Floats], Floats]:
    def one(x: Floats) -> Floats:
        line = x if ascending else -x
        known = np.flatnonzero(~np.isnan(line))
        _, inverse, counts = np.unique(line[known], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        table = {
            "average": ends - (counts - 1) / 2,
            "min": ends - counts + 1,
            "max": ends,
            "dense": np.arange(1, len(counts) + 1),
        }
        out = np.full(len(x), np.nan)
        if method == "first":
            out[known[np.argsort(line[known], kind="stable")]] = np.arange(1, len(known) + 1)
        elif len(known):
            out[known] = table[method][inverse]
        return out

    return lambda x: np.array([one(x[:, j]) for j in range(x.shape[1])]).T.reshape(x.shape)


def _rolling(n: int, function: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    def roll(x: Floats) -> Floats:
        out = np.full_like(x, np.nan)
        for i in range(n - 1, len(x)):
            out[i] = function(x[i - n + 1 : i + 1])
        return out

    return roll


def _over_rows(formula: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    return lambda x: np.asarray(formula(x.T).T)


def _grow(x: Floats) -> Floats:
    return x / shifted(x, 1) - 1


CUMSUM = _running(lambda x: np.cumsum(x, axis=0), 0.0)
CUMPROD = _running(lambda x: np.asarray(np.multiply.accumulate(x, axis=0)), 1.0)
CUMMAX = _running(lambda x: np.asarray(np.maximum.accumulate(x, axis=0)), -np.inf)
CUMMIN = _running(lambda x: np.asarray(np.minimum.accumulate(x, axis=0)), np.inf)

DOWN: tuple[Formula, ...] = (
    ("{0}.cumsum()", CUMSUM, "cumulative", 1.0),
    ("{0}.cumprod()", CUMPROD, "cumulative", 1.5),
    ("{0}.cummax()", CUMMAX, "cumulative", 1.4),
    ("{0}.cummin()", CUMMIN, "cumulative", 1.5),
    ("{0}.diff()", lambda x: x - shifted(x, 1), "diff", 1.1),
    ("{0}.diff().fillna(0)", lambda x: np.nan_to_num(x - shifted(x, 1), posinf=np.inf, neginf=-np.inf), "diff", 1.8),
    ("{0}.diff(-1)", lambda x: x - shifted(x, -1), "diff", 1.6),
    ("{0}.pct_change()", _grow, "pct_change", 1.3),
    ("{0}.pct_change() * 100", lambda x: 100 * _grow(x), "pct_change", 1.9),
    ("{0}.shift()", lambda x: shifted(x, 1), "shift", 1.1),
    ("{0}.shift(-1)", lambda x: shifted(x, -1), "shift", 1.3),
    ("{0}.shift(2)", lambda x: shifted(x, 2), "shift", 1.7),
    ("{0}.rank()", ranking("average"), "rank", 1.2),
    ("{0}.rank(ascending=False)", ranking("average", ascending=False), "rank", 1.5),
    ("{0}.rank(method='min')", ranking("min"), "rank", 1.7),
    ("{0}.rank(method='min', ascending=False)", ranking("min", ascending=False), "rank", 1.8),
    ("{0}.rank(method='dense')", ranking("dense"), "rank", 1.7),
    ("{0}.rank(method='dense', ascending=False)", ranking("dense", ascending=False), "rank", 1.8),
    ("{0}.rank(method='first')", ranking("first"), "rank", 1.9),
    ("{0} / {0}.sum()", lambda x: x / np.nansum(x, axis=0), "arithmetic", 1.2),
    ("{0} / {0}.sum() * 100", lambda x: x / np.nansum(x, axis=0) * 100, "arithmetic", 1.7),
    (
        "({0} - {0}.mean()) / {0}.std()",
        lambda x: (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0, ddof=1),
        "arithmetic",
        1.5,
    ),
    (
        "({0} - {0}.mean()) / {0}.std(ddof=0)",
        lambda x: (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0),
        "arithmetic",
        2.0,
    ),
    (
        "({0} - {0}.min()) / ({0}.max() - {0}.min())",
        lambda x: (x - np.nanmin(x, axis=0)) / (np.nanmax(x, axis=0) - np.nanmin(x, axis=0)),
        "arithmetic",
        1.5,
    ),
    ("{0} - {0}.mean()", lambda x: x - np.nanmean(x, axis=0), "arithmetic", 1.2),
    ("{0} - {0}.median()", lambda x: x - np.nanmedian(x, axis=0), "arithmetic", 1.8),
    ("{0} / {0}.max()", lambda x: x / np.nanmax(x, axis=0), "arithmetic", 1.5),
    ("{0} / {0}.mean()", lambda x: x / np.nanmean(x, axis=0), "arithmetic", 1.7),
    ("{0} - {0}.min()", lambda x: x - np.nanmin(x, axis=0), "arithmetic", 1.7),
    ("{0} - {0}.iloc[0]", lambda x: x - x[0], "arithmetic", 1.9),
    ("{0} / {0}.iloc[0]", lambda x: x / x[0], "arithmetic", 1.9),
    ("{0}.rolling(2).sum()", _rolling(2, lambda w: w.sum(axis=0)), "rolling", 1.8),
    ("{0}.rolling(3).sum()", _rolling(3, lambda w: w.sum(axis=0)), "rolling", 1.8),
    ("{0}.rolling(2).mean()", _rolling(2, lambda w: w.mean(axis=0)), "rolling", 1.7),
    ("{0}.rolling(3).mean()", _rolling(3, lambda w: w.mean(axis=0)), "rolling", 1.7),
    ("{0}.rolling(4).mean()", _rolling(4, lambda w: w.mean(axis=0)), "rolling", 2.1),
    ("{0}.rolling(3).max()", _rolling(3, lambda w: w.max(axis=0)), "rolling", 2.1),
    ("{0}.expanding().mean()", lambda x: np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, None], "expanding", 1.8),
)
"""Formulas down each column: text, numpy, op, cost."""

ACROSS: tuple[Formula, ...] = (
    ("{0}.div({0}.sum(axis=1), axis=0)", _over_rows(lambda x: x / np.nansum(x, axis=0)), "arithmetic", 1.3),
    ("{0}.div({0}.sum(axis=1), axis=0) * 100", _over_rows(lambda x: x / np.nansum(x, axis=0) * 100), "arithmetic", 1.8),
    ("{0}.sub({0}.mean(axis=1), axis=0)", _over_rows(lambda x: x - np.nanmean(x, axis=0)), "arithmetic", 1.5),
    ("{0}.div({0}.max(axis=1), axis=0)", _over_rows(lambda x: x / np.nanmax(x, axis=0)), "arithmetic", 1.8),
    ("{0}.cumsum(axis=1)", _over_rows(CUMSUM), "cumulative", 1.4),
    ("{0}.cummax(axis=1)", _over_rows(CUMMAX), "cumulative", 1.9),
    ("{0}.diff(axis=1)", _over_rows(lambda x: x - shifted(x, 1)), "diff", 1.5),
    ("{0}.pct_change(axis=1)", _over_rows(_grow), "pct_change", 1.9),
    ("{0}.shift(axis=1)", _over_rows(lambda x: shifted(x, 1)), "shift", 1.7),
    ("{0}.shift(-1, axis=1)", _over_rows(lambda x: shifted(x, -1)), "shift", 1.9),
    ("{0}.rank(axis=1)", _over_rows(ranking("average")), "rank", 1.6),
    ("{0}.rank(axis=1, ascending=False)", _over_rows(ranking("average", ascending=False)), "rank", 1.8),
    ("{0} / {0}.sum().sum()", lambda x: x / np.nansum(x), "arithmetic", 1.8),
)
"""Formulas across each row."""

EACH: tuple[Formula, ...] = (
    ("{0}.abs()", np.abs, "abs", 1.0),
    ("{0}.astype(int)", np.trunc, "astype", 1.4),
    ("-{0}", np.negative, "arithmetic", 1.3),
    ("{0} ** 2", np.square, "arithmetic", 1.5),
    ("np.sqrt({0})", np.sqrt, "arithmetic", 1.6),
    ("np.log({0})", np.log, "arithmetic", 1.6),
    ("np.log1p({0})", np.log1p, "arithmetic", 1.8),
    ("np.log10({0})", np.log10, "arithmetic", 1.9),
    ("np.log2({0})", np.log2, "arithmetic", 1.9),
    ("np.exp({0})", np.exp, "arithmetic", 1.7),
    ("1 / {0}", np.reciprocal, "arithmetic", 1.9),
)
"""Formulas cell by cell."""


MOST_BLOCKS = 6
"""Upper labels of which two are calculated with."""


def _blocks(table: Table, goal: Goal) -> Iterator[Expr]:
    """The columns below one upper label and those below another: ``df['sales'] - df['costs']``."""
    if table.shape_kind != "frame" or table.levels != 2 or goal.shape_kind != "frame" or goal.rows != table.rows:
        return
    uppers = list(dict.fromkeys(label[0] for label in table.labels if isinstance(label, tuple)))[:MOST_BLOCKS]
    pairs = [(c.label, c) for c in table.columns if isinstance(c.label, tuple)]
    below = {upper: [label[1] for label, _ in pairs if label[0] == upper] for upper in uppers}
    cells = {upper: [c for label, c in pairs if label[0] == upper] for upper in uppers}
    uppers = [u for u in uppers if below[u] == list(goal.labels) and all(c.kind == "num" for c in cells[u])]
    if not all(c.kind == "num" for c in goal.columns):
        return
    for a, b in permutations(uppers, 2):
        for sign, level, cost, made in (
            ("-", SUM, 1.2, np.subtract),
            ("/", PRODUCT, 1.3, np.divide),
            ("+", SUM, 1.4, np.add),
            ("*", PRODUCT, 1.4, np.multiply),
        ):
            with np.errstate(all="ignore"):
                fits = [
                    close(made(x.numbers, y.numbers)[None], w.numbers)[0]
                    for x, y, w in zip(cells[a], cells[b], goal.columns, strict=True)
                ]
            if all(fits):
                text = f"{{0}}[{literal(a)}] {sign} {{0}}[{literal(b)}]"
                yield Expr(text, (table.expr,), level, "arithmetic", cost, (LABEL, LABEL))


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    yield from _blocks(table, goal)
    if goal.rows != table.rows or goal.shape_kind != table.shape_kind or goal.duplicate_labels:
        return
    pairs = _pairs(table, goal)
    if not pairs:
        return
    changed = [(a, b) for a, b in pairs if (a.codes != b.codes).any()]
    if not changed:
        return
    yield from _conditions(table, pairs)
    yield from _types(table, pairs, changed)
    if not all(b.kind == "num" or b.null.all() for _, b in changed) or not all(
        a.kind in ("num", "bool") for a, _ in changed
    ):
        return
    base, used = _base(table, pairs, changed)
    if base is None:
        return
    x = np.array([a.numbers for a, _ in used]).T
    wanted = np.array([b.numbers for _, b in used]).T
    for made in _formulas(base, x, wanted, [a.label for a, _ in used], frame=table.shape_kind == "frame"):
        yield from _put_back(table, made, pairs, used)
    if len(used) == len(pairs) == len(table.columns) or any(a.kind != "num" for a, _ in pairs):
        yield from _rounded(table, pairs)


def _pairs(table: Table, goal: Goal) -> list[tuple[Column, Column]]:
    """Each of the goal's columns with the table's of that label; none if one is missing."""
    if table.shape_kind == "series":
        return [(table.columns[0], goal.columns[0])]
    place = {code: i for i, code in enumerate(table.label_codes)}
    if not set(goal.label_codes) <= set(place):
        return []
    return [(table.columns[place[code]], b) for code, b in zip(goal.label_codes, goal.columns, strict=True)]


def _base(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> tuple[Expr | None, Sequence[tuple[Column, Column]]]:
    """The frame that a formula is for, and its columns: all of the table, its numeric ones, or the goal's."""
    if table.shape_kind == "series" or (
        len(pairs) == len(table.columns) and all(a.kind in ("num", "bool") for a, _ in pairs)
    ):
        return table.expr, pairs
    numbers = [(a, b) for a, b in pairs if a.kind == "num"]
    every = [c for c in table.columns if c.kind == "num"]
    used = numbers if len(numbers) == len(changed) else changed
    if len(used) == len(every):
        return step(table.expr, ".select_dtypes('number')", op="select_dtypes", cost=0.8), used
    if len(used) < 2 and len(pairs) > 1:
        return None, used  # one column is the column engine's business
    labels = literal([a.label for a, _ in used])
    return step(table.expr, f"[{labels}]", op="select", cost=0.6, labels=len(used)), used


def _put_back(
    table: Table, made: Expr, pairs: Sequence[tuple[Column, Column]], used: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    """The new columns in the place of the old ones, where the goal has others, too."""
    if len(used) == len(pairs):
        yield made
    elif all(isinstance(a.label, str) for a, _ in used) and len(pairs) == len(table.columns):
        yield call("{0}.assign(**{1:product})", table.expr, made, op="assign", cost=1.0)


def _formulas(base: Expr, x: Floats, wanted: Floats, labels: Sequence[Hashable], *, frame: bool) -> Iterator[Expr]:
    digits = _digits(wanted)
    for text, formula, op, cost in (*EACH, *DOWN, *(ACROSS if frame and x.shape[1] > 1 else ())):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = formula(x)
        expr = Expr(text, (base,), _level(text), op, cost)
        if _same(made, wanted):
            yield expr
        elif (
            digits is not None
            and op in ("arithmetic", "pct_change", "rolling", "expanding")
            and _same(np.round(made, digits), wanted)
        ):
            yield step(expr, f".round({digits})", op="round", cost=1.0)
    yield from _scaled(base, x, wanted)
    yield from _by_one(base, x, wanted, labels)
    yield from _clipped(base, x, wanted)


def _level(text: str) -> int:
    """How tightly a formula's text binds."""
    if text.startswith("-"):
        return UNARY
    plain = text.replace("({0}", "").replace("({0}", "")
    if text.startswith(("{0}.", "np.")) and " / " not in text and " * " not in text and " - " not in text:
        return 0
    return SUM if plain.startswith("{0} - ") and " / " not in plain else PRODUCT


def _digits(wanted: Floats) -> int | None:
    """Decimal places that the goal's numbers are rounded to, if few."""
    known = wanted[np.isfinite(wanted)]
    for digits in range(5):
        if len(known) and np.allclose(known, np.round(known, digits), rtol=0, atol=1e-9):
            return digits
    return None


def _same(made: Floats, wanted: Floats) -> bool:
    return made.shape == wanted.shape and bool(close(made.reshape(1, -1), wanted.ravel())[0])


def _scaled(base: Expr, x: Floats, wanted: Floats) -> Iterator[Expr]:
    """One constant for all cells."""
    with np.errstate(all="ignore"):
        ratio, shift = wanted / x, wanted - x
    for values, good, worse in ((ratio, "*", "/"), (shift, "+", "-")):
        known = values[np.isfinite(values)]
        if not len(known) or not np.allclose(known, known[0], rtol=1e-9, atol=1e-12):
            continue
        constant = float(known[0])
        text, sign = _short(constant), good
        if text is None and good == "*":
            text, sign = _short(1 / constant) if constant else None, worse
        elif constant < 0 and good == "+" and text is not None:
            text, sign = text.removeprefix("-"), worse
        if text is not None:
            made = x * constant if good == "*" else x + constant
            if _same(made, wanted) and constant not in (0.0,) and not (good == "*" and constant in (1.0, -1.0)):
                level = PRODUCT if good == "*" else SUM
                slot = "product" if good == "*" else "sum"
                yield Expr(f"{{0:{slot}}} {sign} {text}", (base,), level, "arithmetic", 2.0, (OUTPUT,))


def _by_one(base: Expr, x: Floats, wanted: Floats, labels: Sequence[Hashable]) -> Iterator[Expr]:
    """All columns divided by one of them, or less one of them."""
    if x.shape[1] < 2:
        return
    for j, label in enumerate(labels):
        with np.errstate(all="ignore"):
            ratio, less = x / x[:, [j]], x - x[:, [j]]
        for method, made in (("div", ratio), ("sub", less)):
            if _same(made, wanted):
                text = f"{{0}}.{method}({{0}}[{literal(label)}], axis=0)"
                yield call(text, base, op="arithmetic", cost=1.6, tags=(LABEL,))


def _short(value: float) -> str | None:
    """A number as somebody would type it; None where nobody would."""
    if abs(value - round(value)) < 1e-9:
        return str(round(value))
    text = repr(round(float(value), 4))
    return text if abs(float(text) - value) < 1e-9 else None


def _clipped(base: Expr, x: Floats, wanted: Floats) -> Iterator[Expr]:
    """``clip``, and ``where`` with a bound."""
    differ = (x != wanted) & ~(np.isnan(x) & np.isnan(wanted))
    if not differ.any() or np.isnan(x[differ]).any():
        return
    old, new = x[differ], wanted[differ]
    kept = x[~differ & ~np.isnan(x)]
    if np.isnan(new).all() or (new == new[0]).all():
        target = float(new[0])
        for sign, bound in (("lower", target), ("upper", target)):
            inside = (old < target).all() if sign == "lower" else (old > target).all()
            kept_inside = (kept >= target).all() if sign == "lower" else (kept <= target).all()
            if inside and kept_inside and not np.isnan(target):
                yield step(base, f".clip({sign}={_short(bound) or literal(bound)})", op="clip", cost=1.6)
        if len(kept) and old.max() < kept.min():
            yield from _where(
                base,
                ">=" if kept.min() == 0 else ">",
                kept.min() if kept.min() == 0 else _between(old.max(), kept.min()),
                target,
            )
        elif len(kept) and old.min() > kept.max():
            yield from _where(base, "<", _between(kept.max(), old.min(), upper=True), target)
        if (old == old[0]).all() and np.isnan(target):
            yield step(
                base, f".replace({_short(float(old[0])) or literal(float(old[0]))}, np.nan)", op="replace", cost=1.8
            )
    else:
        low, high = float(np.nanmin(wanted)), float(np.nanmax(wanted))
        if _same(np.clip(x, low, high), wanted):
            yield step(
                base, f".clip({_short(low) or literal(low)}, {_short(high) or literal(high)})", op="clip", cost=2.0
            )


def _between(low: float, high: float, *, upper: bool = False) -> float:
    """The roundest bound between two numbers: ``> bound`` for the higher, ``< bound`` for the lower if ``upper``.

    >>> _between(28.5, 31.0), _between(-1.0, 2.0)
    (30.0, 0.0)
    """
    low, high = float(low), float(high)
    for bound in (0.0, 1.0, *(10.0**k for k in range(1, 6))):
        if (low < bound <= high) if upper else (low <= bound < high):
            return bound
    edge = parting(low, high, right=not upper)
    return edge if edge is not None else high if upper else low


def _where(base: Expr, sign: str, bound: float, target: float) -> Iterator[Expr]:
    other = "" if np.isnan(target) else f", {_short(target) or literal(target)}"
    text = _short(bound) or literal(bound)
    yield step(base, f".where({{0:sum}} {sign} {text}{other})", op="where", cost=2.0)


def _rounded(table: Table, pairs: Sequence[tuple[Column, Column]]) -> Iterator[Expr]:
    """``round``, which leaves text alone."""
    for digits in range(5):
        if all(
            _same(np.round(a.numbers, digits)[:, None], b.numbers[:, None])
            if a.kind == "num"
            else (a.codes == b.codes).all()
            for a, b in pairs
        ):
            yield step(table.expr, f".round({digits})" if digits else ".round()", op="round", cost=1.2)
            return


# Conditions and types


def _conditions(table: Table, pairs: Sequence[tuple[Column, Column]]) -> Iterator[Expr]:
    kinds = {b.kind for _, b in pairs}
    zero_one = all(b.kind == "num" and set(np.unique(b.numbers)) <= {0.0, 1.0} for _, b in pairs)
    if not (kinds == {"bool"} or zero_one) or len(pairs) != len(table.columns):
        return
    wanted = np.array([b.numbers == 1 for _, b in pairs])
    for expr, made in _truths(table, pairs, wanted):
        if made.shape == wanted.shape and (made == wanted).all():
            yield step(expr, ".astype(int)", op="astype", cost=0.8) if zero_one else expr


def _truths(table: Table, pairs: Sequence[tuple[Column, Column]], wanted: Bools) -> Iterator[tuple[Expr, Bools]]:
    null = np.array([a.null for a, _ in pairs])
    yield step(table.expr, ".isna()", op="logic", cost=1.0), null
    yield step(table.expr, ".notna()", op="logic", cost=1.1), ~null
    codes = np.array([a.codes for a, _ in pairs])
    inside = set(codes[wanted].tolist())
    if len(inside) == 1 and 0 not in inside:
        code = inside.pop()
        value = table.book.cell(code)
        cost, tags = constant_cost(value, table)
        yield Expr(f"{{0:sum}} == {literal(value)}", (table.expr,), COMPARE, "compare", 1.0 + cost, tags), codes == code
    outside = set(codes[~wanted].tolist())
    if len(outside) == 1 and 0 not in outside:
        code = outside.pop()
        value = table.book.cell(code)
        cost, tags = constant_cost(value, table)
        yield Expr(f"{{0:sum}} != {literal(value)}", (table.expr,), COMPARE, "compare", 1.1 + cost, tags), codes != code
    if all(a.kind == "num" for a, _ in pairs) and wanted.any() and not wanted.all():
        x = np.array([a.numbers for a, _ in pairs])
        high, low = x[wanted], x[~wanted]
        if np.nanmin(high) > np.nanmax(low):
            bound = _between(float(np.nanmax(low)), float(np.nanmin(high)))
            yield (
                Expr(f"{{0:sum}} > {_short(bound) or literal(bound)}", (table.expr,), COMPARE, "compare", 1.6),
                x > bound,
            )
            yield (
                step(
                    table.expr,
                    f".ge({_short(float(np.nanmin(high))) or literal(float(np.nanmin(high)))})",
                    op="compare",
                    cost=2.0,
                ),
                x >= np.nanmin(high),
            )
        elif np.nanmax(high) < np.nanmin(low):
            bound = _between(float(np.nanmax(high)), float(np.nanmin(low)), upper=True)
            yield (
                Expr(f"{{0:sum}} < {_short(bound) or literal(bound)}", (table.expr,), COMPARE, "compare", 1.6),
                x < bound,
            )
        mean = np.nanmean(x, axis=1)[:, None]
        yield Expr("{0} > {0}.mean()", (table.expr,), COMPARE, "compare", 1.8), x > mean


def _types(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    """Numbers as text, text as numbers, and text by one function of all its cells."""
    every = len(pairs) == len(table.columns)
    if not every:
        return
    if all(a.kind in ("num", "bool") and b.kind == "str" for a, b in changed):
        labels = [a.label for a, _ in changed]
        if len(changed) == len(pairs):
            yield step(table.expr, ".astype(str)", op="astype", cost=1.0)
        elif table.shape_kind == "frame":
            yield step(
                table.expr,
                f".astype({literal(dict.fromkeys(labels, 'str'))})",
                op="astype",
                cost=1.2 + 0.4 * len(labels),
            )
    elif all(a.kind in ("str", "obj") and b.kind in ("num", "bool", "date") for a, b in changed):
        labels = [a.label for a, _ in changed]
        kind = changed[0][1].kind
        if len(changed) == len(pairs) and kind == "num":
            yield step(table.expr, ".astype(float)", op="astype", cost=1.0)
        elif table.shape_kind == "frame" and kind == "num":
            yield step(
                table.expr,
                f".astype({literal(dict.fromkeys(labels, 'float'))})",
                op="astype",
                cost=1.2 + 0.4 * len(labels),
            )
        if kind == "num" and table.shape_kind == "frame" and len(changed) == len(pairs):
            yield step(table.expr, ".apply(pd.to_numeric, errors='coerce')", op="astype", cost=1.6)
        if (
            kind == "date"
            and table.shape_kind == "frame"
            and len(labels) == 1
            and isinstance(labels[0], str)
            and labels[0].isidentifier()
        ):
            yield step(
                table.expr, f".assign({labels[0]}=pd.to_datetime({{0}}[{literal(labels[0])}]))", op="astype", cost=1.2
            )
    elif all(a.kind == b.kind == "str" for a, b in changed):
        yield from _texts(table, pairs, changed)


_TEXT: tuple[tuple[str, Callable[[str], str], float], ...] = (
    ("strip", str.strip, 1.0),
    ("lower", str.lower, 1.0),
    ("upper", str.upper, 1.1),
    ("title", str.title, 1.3),
    ("capitalize", str.capitalize, 1.4),
)


def _texts(
    table: Table, pairs: Sequence[tuple[Column, Column]], changed: Sequence[tuple[Column, Column]]
) -> Iterator[Expr]:
    texts = [(a, b) for a, b in pairs if a.kind == "str"]
    if table.shape_kind != "frame" or len(texts) < 2 or any(a.null.any() for a, _ in texts) or not changed:
        return
    for name, function, cost in _TEXT:
        if all([function(cell) for cell in a.cells] == b.cells for a, b in texts):
            if len(texts) == len(pairs):
                yield step(table.expr, f".map(str.{name})", op="map", cost=cost)
            else:
                text = f".map(lambda v: v.{name}() if isinstance(v, str) else v)"
                yield step(table.expr, text, op="map", cost=cost + 1.8, tags=(FUNCTION,))


def _middle(table: Table, _goal: Goal) -> Iterator[Expr]:
    if (
        table.shape_kind == "frame"
        and table.columns
        and all(c.kind == "num" for c in table.columns)
        and not table.plain_index
    ):
        yield Expr("{0} / {0}.sum()", (table.expr,), PRODUCT, "arithmetic", 1.6)
        yield call("{0}.div({0}.sum(axis=1), axis=0)", table.expr, op="arithmetic", cost=1.6)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A formula that somebody might write."""
    if not is_frame(table) or table.levels != 1:
        return None
    numbers = [c for c in table.columns if c.kind == "num"]
    if len(numbers) < 2:
        return None
    base = table.expr
    if len(numbers) < len(table.columns):
        if rng.random() < 0.5 and any(c.array.dtype.kind == "f" for c in numbers):
            return step(base, f".round({int(rng.integers(0, 2))})", op="round", cost=1.2)
        base = step(base, f"[{literal([c.label for c in numbers])}]", op="select", cost=0.6, labels=len(numbers))
    text, _, op, cost = (*DOWN, *ACROSS, *EACH[:3])[int(rng.integers(len(DOWN) + len(ACROSS) + 3))]
    return Expr(text, (base,), _level(text), op, cost)


__all__ = ["FAMILY", "proposals", "random"]
