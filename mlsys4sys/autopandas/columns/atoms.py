"""Single conditions on the rows of a table: which might be the one, or a part of the one, that keeps the wanted rows.

An atom's constants are not fixed when it is proposed: ``a > ?`` stands for all thresholds that keep what must be kept
and leave out what its partner does not leave out, and several readings of it are made at the end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns.numeric import Found, Prices, constant_text, round_moments, roundest
from mlsys4sys.autopandas.columns.pool import Source
from mlsys4sys.autopandas.expression import CELL, COMPARE, UNARY, Expr, call, literal
from mlsys4sys.autopandas.table import NULL, Bools, Codebook, Codes, Floats

Make = Callable[[Bools, Bools], Sequence[Found]]
"""``make(include, exclude)``: readings that hold on the first rows and not on the second."""

COMPARING = 0.5
"""Nats of a comparison, its constant left out."""
MOST_LISTED = 8
"""Values in an ``isin`` list."""


@dataclass(frozen=True, eq=False, slots=True)
class Atom:
    """A condition, or all conditions that differ only in a threshold."""

    bits: Bools
    """Where it holds, shape (rows,); of a family, the tightest of them."""
    cost: float
    make: Make


def compared(left: Expr, sign: str, constant: str, cost: float, tags: tuple[str, ...] = ()) -> Expr:
    """``left sign constant``, the constant as escaped text."""
    constant = constant[1:-1] if constant.startswith("(-") else constant
    return Expr(f"{{0:sum}} {sign} {constant}", (left,), COMPARE, "compare", COMPARING + cost, tags)


def negated(expr: Expr) -> Expr:
    """``~condition``."""
    return Expr("~{0}", (expr,), UNARY, "logic", 0.3)


def fixed(expr: Expr, bits: Bools, cost: float) -> Atom:
    """An atom that has one reading."""
    return Atom(bits, cost, lambda _include, _exclude: [(cost, expr)])


@dataclass(frozen=True, eq=False)
class Wanted:
    """The rows to keep, among those that matter, and whether atoms may keep more (AND) or must keep fewer (OR)."""

    keep: Bools
    drop: Bools
    superset: bool

    def fits(self, bits: Bools) -> bool:
        """Whether an atom may be a part of the whole."""
        if self.superset:
            return bool(bits[self.keep].all() and not bits[self.drop].all())
        return bool(not bits[self.drop].any() and bits[self.keep].any())


# Thresholds.


def thresholds(
    expr: Expr,
    values: Floats,
    base: float,
    prices: Prices,
    include: Bools,
    exclude: Bools,
    *,
    above: bool,
    show: Callable[[float], str],
    far: float = 0.0,
) -> list[Found]:
    """Readings of ``expr > ?`` (or ``<``) that separate two sets of rows, the likeliest constants first."""
    with np.errstate(all="ignore"):
        sign = 1.0 if above else -1.0
        inner = values[include] * sign
        outer = values[exclude] * sign
    outer = outer[~np.isnan(outer)]
    if not len(inner) or np.isnan(inner).any():
        return []
    high = float(inner.min())
    low = float(outer.max()) if len(outer) else high - max(abs(high), 1.0)
    if low >= high:
        return []
    strict, loose = (">", ">=") if above else ("<", "<=")
    options: dict[tuple[str, float], float] = {}
    natural = [*prices.known, *_NATURAL]
    if prices.moments:
        between = sorted((low * sign, high * sign))
        short = abs(low) < 1e16  # a span of time, not a moment
        natural = [
            *prices.known,
            *([k for k in SPANS if between[0] <= k <= between[1]] if short else round_moments(*between)),
        ]
    for k in natural:
        at = k * sign
        if low <= at < high:
            options.setdefault((strict, k), prices.of(k)[0])
        elif at == high:
            options.setdefault((loose, k), prices.of(k)[0])
        if low < at < high and k != 0:
            options.setdefault((loose, k), prices.of(k)[0] + (-0.1 if prices.moments and above else 0.3))
    middle = roundest(low, high) if low < high and not prices.moments else None
    if middle is not None and low <= middle < high:
        options.setdefault((strict, middle * sign + 0.0), prices.of(middle * sign)[0])
        if low < middle:
            options.setdefault((loose, middle * sign + 0.0), prices.of(middle * sign)[0] + 0.2)
    if len(outer):
        options.setdefault((strict, low * sign + 0.0), _bound(low * sign, prices))
    options.setdefault((loose, high * sign + 0.0), _bound(high * sign, prices))
    out = []
    for (symbol, k), cost in sorted(options.items(), key=lambda item: item[1])[:6]:
        if not math.isfinite(k):
            continue
        tags = (CELL,) if k in prices.cells else ()
        cost += far + (1.0 if far and k not in natural else 0.0)
        out.append((base + COMPARING + cost, compared(expr, symbol, show(k), cost, tags)))
    return out


SPANS = tuple(
    1e9 * seconds
    for seconds in (
        0,
        60,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        86400,
        2 * 86400,
        7 * 86400,
        14 * 86400,
        30 * 86400,
        365 * 86400,
    )
)
"""Spans of time that people name, in nanoseconds."""

_NATURAL = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 100.0, 1000.0, 50.0, -1.0, 20.0, 0.5)


def _bound(k: float, prices: Prices) -> float:
    cost = prices.of(k)[0]
    return min(cost, 1.0) if k in prices.cells and not prices.moments else cost


def numeric_atoms(
    expr: Expr,
    values: Floats,
    base: float,
    prices: Prices,
    wanted: Wanted,
    show: Callable[[float], str] = constant_text,
    far: float = 0.0,
) -> Iterator[Atom]:
    """Comparisons of a column of numbers with constants.

    Args:
        expr: The column.
        values: Its numbers, shape (rows,).
        base: What it costs.
        prices: What constants cost.
        wanted: Which rows are kept.
        show: A constant as code.
        far: Nats for comparing something that is seldom compared.
    """
    keep, drop = values[wanted.keep], values[wanted.drop]
    kept, dropped = keep[~np.isnan(keep)], drop[~np.isnan(drop)]
    whole_kept = len(kept) == len(keep)
    with np.errstate(all="ignore"):
        for above in (True, False):
            if wanted.superset:
                if not whole_kept or not len(kept):
                    continue
                bits = values >= kept.min() if above else values <= kept.max()
            else:
                if not len(kept):
                    continue
                edge = (dropped.max() if above else dropped.min()) if len(dropped) else (-np.inf if above else np.inf)
                bits = values > edge if above else values < edge
            if wanted.fits(bits):

                def make(include: Bools, exclude: Bools, above: bool = above) -> list[Found]:
                    return thresholds(expr, values, base, prices, include, exclude, above=above, show=show, far=far)

                yield Atom(bits, base + COMPARING + 0.7 + far, make)
        for value in _equals(kept, dropped, whole_kept, wanted):
            cost, tags = prices.of(value)
            # One value in several kept rows says more than a threshold that happens to fit.
            least = 0.8 if len(kept) > 1 and wanted.superset else 1.0
            cost = (min(cost, least) if tags == (CELL,) else cost) + far
            yield fixed(compared(expr, "==", show(value), cost, tags), values == value, base + COMPARING + cost)
        for value in _differs(kept, dropped, len(dropped) == len(drop), wanted):
            cost, tags = prices.of(value)
            alone = len(dropped) > 1 and dropped.min() == dropped.max() and len(np.unique(kept)) > 1
            least = 0.6 if alone else 1.0
            cost = (min(cost, least) if tags == (CELL,) else cost) + far
            yield fixed(compared(expr, "!=", show(value), cost, tags), values != value, base + COMPARING + cost)


def _equals(kept: Floats, dropped: Floats, whole: bool, wanted: Wanted) -> list[float]:
    if not len(kept):
        return []
    if wanted.superset:
        return [float(kept[0])] if whole and kept.min() == kept.max() and np.isfinite(kept[0]) else []
    only = np.setdiff1d(kept, dropped)
    only = only[np.isfinite(only)]
    return [float(v) for v in only[:8]] if len(only) <= 32 else []


def _differs(kept: Floats, dropped: Floats, whole: bool, wanted: Wanted) -> list[float]:
    if not len(dropped):
        return []
    if not wanted.superset:
        return [float(dropped[0])] if whole and dropped.min() == dropped.max() and np.isfinite(dropped[0]) else []
    only = np.setdiff1d(dropped, kept)
    only = only[np.isfinite(only)]
    return [float(v) for v in only[:8]] if len(only) <= 32 else []


def between(
    expr: Expr, values: Floats, base: float, prices: Prices, wanted: Wanted, show: Callable[[float], str]
) -> Iterator[Atom]:
    """``between`` with both bounds of use; bounds as round as they can be."""
    keep, drop = values[wanted.keep], values[wanted.drop]
    drop = drop[~np.isnan(drop)]
    if not len(keep) or np.isnan(keep).any() or not wanted.superset:
        return
    low, high = float(keep.min()), float(keep.max())
    under, over = drop[drop < low], drop[drop > high]
    if not len(under) or not len(over) or low == high:
        return
    bits = (values >= low) & (values <= high)
    if not wanted.fits(bits):
        return
    first = last = None
    if not prices.moments:
        first = roundest(np.nextafter(float(under.max()), np.inf), low)
        last = roundest(high, np.nextafter(float(over.min()), -np.inf))
    else:
        first = next(iter(round_moments(float(under.max()), low)), None)
        last = next(iter(round_moments(high - 1, float(over.min()) - 1)), None)
    made: list[Found] = []
    for a, b in dict.fromkeys(((first, last), (low, high))):
        if a is None or b is None:
            continue
        cost = _bound(a, prices) + _bound(b, prices)
        tags = tuple(CELL for k in (a, b) if k in prices.cells)
        text = f"{{0}}.between({show(a)}, {show(b)})"
        made.append((base + 0.8 + cost, call(text, expr, op="between", cost=0.8 + cost, tags=tags)))
    if made:
        yield Atom(bits, made[0][0], lambda _include, _exclude: made)


# Values.


def value_atoms(source: Source, codes: Codes, book: Codebook, wanted: Wanted, known: frozenset[int]) -> Iterator[Atom]:
    """Equality with cells, ``isin`` lists, ``isna``; for columns of any kind."""
    expr, base = source.expr, source.cost
    kind = source.column.kind
    kept = set(codes[wanted.keep].tolist())
    dropped = set(codes[wanted.drop].tolist())
    if NULL in kept or NULL in dropped:
        null = codes == NULL
        for text, bits, cost in (("{0}.isna()", null, 0.7), ("{0}.notna()", ~null, 0.7)):
            if wanted.fits(bits):
                yield fixed(call(text, expr, op="isna", cost=cost), bits, base + cost)
    if kind == "bool":
        truth = source.column.numbers == 1
        if not source.column.null.any():
            if wanted.fits(truth):
                yield fixed(expr, truth, base + 0.1)
            if wanted.fits(~truth):
                yield fixed(negated(expr), ~truth, base + 0.4)
        return
    listable = kind in ("str", "num", "date", "obj")
    if kind in ("str", "obj", "date"):
        one = kept if wanted.superset else kept - dropped
        if (NULL not in kept or not wanted.superset) and len(one) <= (1 if wanted.superset else 8):
            for code in sorted(one - {NULL}):
                yield from _equality(expr, base, codes, code, book, "==", known)
        other = dropped - kept if wanted.superset else dropped
        if len(other) <= (8 if wanted.superset else 1):
            for code in sorted(other - {NULL}):
                yield from _equality(expr, base, codes, code, book, "!=", known)
    if listable:
        yield from _listed(expr, base, codes, book, wanted, kept, dropped, kind)


def shown(cell: Any) -> str | None:
    """A cell as a constant in code; dates as the string that pandas compares with; None if it has no literal."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return literal(int(cell))
    if isinstance(cell, pd.Timestamp):
        naive = cell.tz_localize(None) if cell.tz is not None else cell
        return literal(str(naive.date()) if naive == naive.normalize() else str(naive))
    if isinstance(cell, pd.Timedelta):
        return _span(cell)
    if isinstance(cell, np.datetime64):
        return shown(pd.Timestamp(cell))
    try:
        return literal(cell)
    except Exception:  # noqa: BLE001 - objects of other classes have no text
        return None


def _span(span: pd.Timedelta) -> str:
    """``pd.Timedelta('10min')``, in the largest unit that makes it a whole number."""
    for unit, name in ((86400, " days"), (3600, "h"), (60, "min"), (1, "s")):
        count = span / pd.Timedelta(seconds=unit)
        if count == int(count):
            number = int(count)
            return f"pd.Timedelta('{number}{name.rstrip('s') if abs(number) == 1 and unit == 86400 else name}')"
    return literal(span)


def _equality(
    expr: Expr, base: float, codes: Codes, code: int, book: Codebook, sign: str, known: frozenset[int]
) -> Iterator[Atom]:
    cell = book.cell(code)
    text = shown(cell)
    if text is None or isinstance(cell, list | dict | tuple | np.ndarray):
        return
    cost = 0.2 if code in known else 0.4 if cell in ("", " ") else 1.0
    bits = codes == code if sign == "==" else codes != code
    yield fixed(compared(expr, sign, text, cost, (CELL,)), bits, base + COMPARING + cost)


def _listed(
    expr: Expr, base: float, codes: Codes, book: Codebook, wanted: Wanted, kept: set[int], dropped: set[int], kind: str
) -> Iterator[Atom]:
    inside = kept if wanted.superset else kept - dropped
    outside = dropped - kept if wanted.superset else dropped
    for chosen, plain in ((inside, True), (outside, False)):
        if not 2 <= len(chosen) <= MOST_LISTED or NULL in chosen:
            continue
        if kind == "num" and len(chosen) > 4 and 2 * len(kept | dropped) > len(codes):
            continue  # amounts, not classes
        cells = [book.cell(code) for code in sorted(chosen)]
        if kind == "num":
            cells = [int(cell) if float(cell).is_integer() else cell for cell in sorted(cells)]
        texts = [shown(cell) for cell in cells]
        if any(text is None for text in texts) or any(isinstance(cell, list | dict | tuple) for cell in cells):
            continue
        bits = np.isin(codes, list(chosen))
        cost = 0.9 + (1.0 if kind == "str" else 1.2) * len(chosen)
        arg = ", ".join(text for text in texts if text is not None)
        made = call(f"{{0}}.isin([{arg}])", expr, op="isin", cost=cost, tags=(CELL,) * len(chosen))
        if plain and wanted.fits(bits):
            yield fixed(made, bits, base + cost)
        elif not plain and wanted.fits(~bits):
            yield fixed(negated(made), ~bits, base + cost + 0.3)


# Words.

_KINDS_OF_TEXT: tuple[tuple[str, float, Callable[[str], bool]], ...] = (
    (".str.isdigit()", 1.2, str.isdigit),
    (".str.isnumeric()", 1.4, str.isnumeric),
    (".str.isalpha()", 1.6, str.isalpha),
    (".str.isupper()", 1.5, str.isupper),
    (".str.islower()", 1.6, str.islower),
    (".str.istitle()", 1.8, str.istitle),
    (".str.isalnum()", 1.5, str.isalnum),
)

_PATTERNS: tuple[tuple[str, float], ...] = (
    (r"\d", 1.6), (r"^\d", 2.0), (r"^\d+$", 2.0), (r"^[A-Z]", 2.2), (r"^[a-z]", 2.4), (r"\s", 1.8), (r"[^\w\s]", 2.4),
    (r"^[A-Za-z]+$", 2.4), (r"\d$", 2.2), (r"@", 1.2),
)  # fmt: skip


def text_atoms(source: Source, book: Codebook, wanted: Wanted, prices: Prices) -> Iterator[Atom]:
    """Conditions on strings: what they contain, begin and end with, how long they are, what they are made of."""
    codes = source.column.codes
    distinct, inverse = np.unique(codes, return_inverse=True)
    if len(distinct) > 3000:
        return
    words = ["" if code == NULL else str(book.cell(code)) for code in distinct.tolist()]
    null = distinct == NULL
    has_null = bool(null.any())
    na = ", na=False" if has_null else ""
    kept = set(codes[wanted.keep].tolist())
    dropped = set(codes[wanted.drop].tolist())
    inside = [word for word, code in zip(words, distinct.tolist(), strict=True) if code in kept and code != NULL]
    outside = [word for word, code in zip(words, distinct.tolist(), strict=True) if code in dropped and code != NULL]

    def atom(
        text: str, cost: float, holds: Callable[[str], bool], op: str = "str", tags: tuple[str, ...] = ()
    ) -> Iterator[Atom]:
        bits = np.array([holds(word) for word in words], dtype=bool) & ~null
        bits = bits[inverse]
        expr = call(f"{{0}}{text}", source.expr, op=op, cost=cost, tags=tags)
        if wanted.fits(bits):
            yield fixed(expr, bits, source.cost + cost)
        elif wanted.fits(~bits) and (not has_null or na):
            yield fixed(negated(expr), ~bits, source.cost + cost + 0.3)

    for text, cost, holds in _KINDS_OF_TEXT:
        if not has_null:
            yield from atom(text, cost, holds)
    for pattern, cost in _PATTERNS:
        yield from atom(f".str.contains({literal(pattern)}{na})", cost, _matching(pattern))
    for fragment, cost in fragments(inside, outside, wanted.superset):
        yield from _containing(fragment, cost, na, atom)
    for word_of, held in ((common_word(inside, outside), True), (common_word(outside, inside), False)):
        if word_of and (held or not has_null):
            text = f".str.contains({literal(word_of)}, case=False{na})"
            yield from atom(text, 1.9, _matching(f"(?i){word_of}"), tags=(CELL,))
    for words_of, held in (alternatives(inside, outside), True), (alternatives(outside, inside), False):
        if len(words_of) > 1 and (held or not has_null):
            text = literal("|".join(words_of))
            tags = (CELL,) * len(words_of)
            mine = inside if held else outside
            cost = 0.8 + sum(0.85 if sum(token in word for word in mine) > 1 else 1.15 for token in words_of)
            yield from atom(f".str.contains({text}{na})", cost, _matching("|".join(words_of)), tags=tags)
    if not has_null or wanted.superset:
        lengths = np.array([np.nan if lost else len(word) for word, lost in zip(words, null, strict=True)])[inverse]
        expr = call("{0}.str.len()", source.expr, op="str", cost=0.9)
        plain = Prices(prices.known, frozenset(), frozenset())
        yield from numeric_atoms(expr, lengths, source.cost + 0.9, plain, wanted, far=0.5)


def _matching(pattern: str) -> Callable[[str], bool]:
    search = re.compile(pattern).search
    return lambda word: search(word) is not None


def _containing(fragment: str, cost: float, na: str, atom: Callable[..., Iterator[Atom]]) -> Iterator[Atom]:
    regex = "" if re.escape(fragment).replace("\\ ", " ") == fragment else ", regex=False"
    text = literal(fragment)
    yield from atom(f".str.contains({text}{regex}{na})", 0.8 + cost, lambda word: fragment in word, tags=(CELL,))
    yield from atom(f".str.startswith({text}{na})", 0.9 + cost, lambda word: word.startswith(fragment), tags=(CELL,))
    yield from atom(f".str.endswith({text}{na})", 1.0 + cost, lambda word: word.endswith(fragment), tags=(CELL,))


def fragments(inside: Sequence[str], outside: Sequence[str], superset: bool, most: int = 12) -> list[tuple[str, float]]:
    """Pieces of text that tell the one set of strings from the other: in all of one, in none of the other at best."""
    found: dict[str, float] = {}
    for mine, theirs in ((inside, outside), (outside, inside)):
        if not mine:
            continue
        shortest = min(mine, key=len)
        pieces = (
            _pieces(shortest) if superset or len(mine) == 1 else [p for word in mine[:6] for p in _pieces(word)[:40]]
        )
        good: list[tuple[float, str]] = []
        for piece in pieces:
            inner = sum(piece in word for word in mine)
            outer = sum(piece in word for word in theirs)
            if inner == len(mine) and outer < len(theirs):
                cut = max(_cut_out(piece, word) for word in mine)
                good.append((_fragment_cost(piece) + cut + (0.5 if outer else 0.0), piece))
        good.sort()
        for cost, piece in good[:most]:
            found.setdefault(piece, cost)
    return list(found.items())


def common_word(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """The longest word, in lower case, that each of some strings has in one spelling or another and no other has."""
    if len(mine) < 2 or len(mine) > 200:
        return ""
    words = set.intersection(*(set(re.findall(r"[^\W\d_]{3,}", text.lower())) for text in mine))
    words = {word for word in words if not any(word in text.lower() for text in theirs)}
    spelled = [word for word in words if len({text[text.lower().index(word) :][: len(word)] for text in mine}) > 1]
    return max(sorted(spelled), key=len, default="")


def alternatives(mine: Sequence[str], theirs: Sequence[str], most: int = 3) -> list[str]:
    """Words of which each string of ``mine`` has one and none of ``theirs`` has any; empty if there are no such few."""
    rest = list(mine)
    chosen: list[str] = []
    if not 2 <= len(rest) <= 200:
        return []
    tokens = {token for word in rest for token in re.findall(r"[^\W_]{2,}", word)}
    tokens = {token for token in tokens if not any(token in word for word in theirs)}
    while rest and len(chosen) < most:
        best = max(sorted(tokens), key=lambda token: sum(token in word for word in rest), default=None)
        if best is None or not any(best in word for word in rest):
            return []
        chosen.append(best)
        rest = [word for word in rest if best not in word]
    return [] if rest else chosen


def _pieces(word: str) -> list[str]:
    word = word[:40]
    words = re.findall(r"\w+", word)
    runs = [word[i:j] for i in range(len(word)) for j in range(i + 1, min(len(word), i + 12) + 1)]
    return list(dict.fromkeys([*words, *runs]))


def _cut_out(piece: str, word: str) -> float:
    """What it costs that a piece is a cut-out of a longer word: its start is a likelier one than its middle."""
    at = word.find(piece)
    end = at + len(piece)
    left = at == 0 or not (word[at - 1].isalnum() and piece[0].isalnum())
    right = end == len(word) or not (word[end].isalnum() and piece[-1].isalnum())
    return 0.0 if left and right else 0.4 if left else 0.6 if right else 1.0


def _fragment_cost(piece: str) -> float:
    """Words and single signs are likelier than what is glued of both."""
    if re.fullmatch(r"[^\w\s]|\s", piece):
        return 0.7
    word = re.fullmatch(r"\w+", piece) is not None
    spaces = 0.5 if piece != piece.strip() else 0.0
    return 0.8 + 0.02 * len(piece) + (0.0 if word else 0.4) + spaces + (0.3 if len(piece) == 1 else 0.0)
