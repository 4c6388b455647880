"""Columns of text: functions of one string column, and chains of pieces and constants put together.

The pieces that make a chain are found by walking along all target strings at once, after Gulwani, "Automating string
processing in spreadsheets using input-output examples", POPL 2011. We keep no version space: pieces are taken from a
list of calls that people write, so that what comes out is an idiom and not a program over positions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.columns import dates
from mlsys4sys.autopandas.columns.count import Clock, Count
from mlsys4sys.autopandas.columns.numeric import Found
from mlsys4sys.autopandas.columns.pool import Pool
from mlsys4sys.autopandas.expression import CELL, FUNCTION, OUTPUT, POSITION, SUM, Expr, call, escaped, literal
from mlsys4sys.autopandas.table import Column

Words = tuple[str | None, ...]
"""One string a row; None where missing."""

MOST_ROWS = 40
"""Different rows that are looked at; what is found is checked on all."""
MOST_PIECES = 6
"""Pieces of a chain, constants included."""


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """A column of strings that an expression makes."""

    expr: Expr
    words: Words
    cost: float


def raw(pattern: str) -> str:
    """A regular expression as code, ready for a template."""
    plain = "\\" not in pattern or "'" in pattern or pattern.endswith("\\") or "\n" in pattern
    return literal(pattern) if plain else escaped(f"r'{pattern}'")


def sample(wanted: Column) -> list[int]:
    """Rows to look at: the first of each different string that is wanted, missing ones included."""
    codes = wanted.codes
    first = np.sort(np.unique(codes, return_index=True)[1])[:MOST_ROWS].tolist()
    rest = [i for i in range(min(len(codes), 3 * MOST_ROWS)) if i not in set(first)]
    return sorted([*first, *rest[: max(0, MOST_ROWS - len(first))]])


def strings(column: Column, rows: Sequence[int]) -> Words:
    """The cells of some rows as strings."""
    cells = column.book
    return tuple(None if (code := int(column.codes[i])) == 0 else str(cells.cell(code)) for i in rows)


def sources_of(pool: Pool, rows: Sequence[int]) -> list[Piece]:
    """String columns, and numbers as strings."""
    out = []
    for source in pool.sources[:24]:
        column = source.column
        if source.is_index and pool.plain_index:
            continue
        if column.kind == "str":
            out.append(Piece(source.expr, strings(column, rows), source.cost))
        elif column.kind in ("num", "bool") and not source.is_index:
            text = column.series.iloc[list(rows)].astype(str)
            words = tuple(
                None if pd.isna(word) or lost else str(word)
                for word, lost in zip(text, column.null[list(rows)], strict=True)
            )
            out.append(Piece(call("{0}.astype(str)", source.expr, op="astype", cost=0.6), words, source.cost + 0.6))
    for grouping in pool.groupings[:3]:
        order = np.zeros(pool.rows)
        for members in grouping.groups.pieces():
            order[members] = np.arange(1, len(members) + 1)
        for first, cost in ((1, 2.4), (0, 2.2)):
            counted = call(f"{{0}}.groupby({grouping.by}).cumcount()", pool.expr, op="groupby.cumcount", cost=1.1)
            number = Expr("{0:sum} + 1", (counted,), SUM, "arithmetic", 0.8) if first else counted
            words = tuple(str(int(order[i]) - 1 + first) for i in rows)
            out.append(Piece(call("{0}.astype(str)", number, op="astype", cost=0.6), words, cost))
    named = [part for part in pool.dates.words if part.column.kind == "str"]
    return out + [Piece(part.expr, strings(part.column, rows), part.cost) for part in named]


def formatted(pool: Pool, target: Words, rows: Sequence[int]) -> Iterator[Piece]:
    """Dates and numbers written in a format that gives the target, or a part of it."""
    first = next((i for i, word in enumerate(target) if word is not None), None)
    if first is None:
        return
    for expr, base in pool.dates.sources:
        moments = pool.memo.value(expr).iloc[list(rows)].tolist()
        for form, cost in dates.FORMATS:
            if pd.isna(moments[first]) or moments[first].strftime(form) not in (target[first] or ""):
                continue
            words = tuple(None if pd.isna(moment) else moment.strftime(form) for moment in moments)
            made = call(f"{{0}}.dt.strftime({literal(form)})", expr, op="dt", cost=cost)
            yield Piece(made, words, base + cost)
    for source in pool.columns_as_sources[:24]:
        if source.column.kind != "num":
            continue
        numbers = source.column.numbers[list(rows)]
        whole = source.column.array.dtype.kind in "iu"
        for form, cost in _NUMBER_FORMATS:
            if np.isnan(numbers[first]) or (not whole and "d" in form):
                continue
            cells = [int(x) if whole and not np.isnan(x) else x for x in numbers.tolist()]
            if form.format(cells[first]) not in (target[first] or ""):
                continue
            words = tuple(form.format(cell) for cell in cells)
            made = call(f"{{0}}.map({literal(form)}.format)", source.expr, op="map", cost=cost, tags=(FUNCTION,))
            yield Piece(made, words, source.cost + cost)


_NUMBER_FORMATS: tuple[tuple[str, float], ...] = (
    ("{:.2f}", 1.5), ("{:,}", 1.6), ("{:.1f}", 1.6), ("{:,.2f}", 1.7), ("${:,.2f}", 1.9), ("${:.2f}", 1.9),
    ("{:.0f}", 1.8),
    ("{:.1%}", 1.8), ("{:.0%}", 1.8), ("{:.2%}", 1.8), ("{:.3f}", 1.8), ("{:,.0f}", 1.9), ("{:02d}", 1.8),
    ("${:,}", 1.9),
    ("{:03d}", 1.9),
)  # fmt: skip


def search(wanted: Column, pool: Pool, count: Count, clock: Clock, *, deep: bool) -> Iterator[Found]:
    """Expressions for a column of strings; not run yet."""
    rows = sample(wanted)
    target = strings(wanted, rows)
    present = [word for word in target if word is not None]
    if not present:
        return
    for piece in formatted(pool, target, rows):
        count.examined += 1
        if piece.words == target:
            yield piece.cost, piece.expr
    for base in sources_of(pool, rows):
        for piece in functions(base, target):
            count.examined += 1
            changed = piece.words != base.words or (piece is base and base.expr.op)
            if piece.words == target and changed:
                yield piece.cost, piece.expr
        if clock.over():
            return
    if deep:
        yield from chains(target, pool, rows, count, clock)


def mapped(words: Words, function: Callable[[str], str | None]) -> Words:
    """A function of each string."""
    return tuple(None if word is None else function(word) for word in words)


_CASES: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    (".str.upper()", 0.8, str.upper),
    (".str.lower()", 0.8, str.lower),
    (".str.title()", 0.9, str.title),
    (".str.capitalize()", 0.9, str.capitalize),
    (".str.strip()", 0.9, str.strip),
    (".str.lstrip()", 1.5, str.lstrip),
    (".str.rstrip()", 1.4, str.rstrip),
    (".str.swapcase()", 1.6, str.swapcase),
    (".str[::-1]", 1.3, lambda word: word[::-1]),
)

_EXTRACTS: tuple[tuple[str, float], ...] = (
    (r"(\d+)", 1.2), (r"([A-Za-z]+)", 1.4), (r"(\w+)", 1.5), (r"([A-Z]+)", 1.7), (r"([a-z]+)", 1.8),
    (r"\((.*?)\)", 1.6),
    (r"\[(.*?)\]", 1.8), (r"(\d+\.\d+)", 1.7), (r"(\d+)$", 1.7), (r"^(\d+)", 1.9), (r"(\w+)$", 1.8), (r"@(.+)", 1.8),
    (r"([A-Z][a-z]+)", 1.9), (r"(\d{4})", 1.6), (r"(-?\d+\.?\d*)", 1.8), (r"(\D+)", 1.7), (r"([^\d\s]+)", 2.0),
    (r'"(.*?)"', 1.9), (r"'(.*?)'", 1.9), (r"<(.*?)>", 1.9), (r"([A-Z])", 1.9),
)  # fmt: skip

_REMOVES: tuple[tuple[str, str, float], ...] = (
    (r"\d+", "", 1.4), (r"\D", "", 1.5), (r"\D+", "", 1.6), (r"\s+", "", 1.6), (r"\s+", " ", 1.7),
    (r"[^\w\s]", "", 1.7),
    (r"[^A-Za-z]", "", 1.7), (r"[^A-Za-z0-9]", "", 1.8), (r"[^A-Za-z ]", "", 1.9),
    (r"\W+", "_", 1.9), (r"\(.*?\)", "", 1.8),
    (r"\W", "", 1.7), (r"\s+", "_", 1.8), (r"\s*\(.*?\)", "", 1.9), (r"[aeiou]", "", 2.2), (r"^0+", "", 2.0),
    (r"[^\d.]", "", 1.7),
)  # fmt: skip


def functions(base: Piece, target: Words, *, whole: bool = True) -> Iterator[Piece]:
    """One or two calls on a string column; with ``whole``, also those that only make sense for a whole target."""
    yield base
    words, expr = base.words, base.expr

    def made(text: str, cost: float, function: Callable[[str], str | None], tags: tuple[str, ...] = ()) -> Piece:
        return Piece(
            call("{0}" + text, expr, op="str", cost=cost, tags=tags), mapped(words, function), base.cost + cost
        )

    for text, cost, function in _CASES:
        yield made(text, cost, function)
    for pattern, cost in _EXTRACTS:
        find = re.compile(pattern).search

        def group(word: str, find: Callable[[str], re.Match[str] | None] = find) -> str | None:
            match = find(word)
            return match[1] if match else None

        yield made(f".str.extract({raw(pattern)}, expand=False)", cost, group)
    for pattern, new, cost in _REMOVES:
        regex = re.compile(pattern)
        text = f".str.replace({raw(pattern)}, {literal(new)}, regex=True)"
        yield made(text, cost, lambda word, regex=regex, new=new: regex.sub(new, word))  # type: ignore[misc]
    yield from split(base)
    if whole:
        yield from cut(base, target)
        yield from replaced(base, target)
        yield from padded(base, target)
        yield from between(base, target)
        for text, cost, function in _CASES[:5]:
            changed = made(text, cost, function)
            if changed.words != words:
                yield from _then_split(changed, target)


def _then_split(base: Piece, target: Words) -> Iterator[Piece]:
    yield from cut(base, target)
    yield from replaced(base, target)
    yield from split(base)


def delimiters(words: Words) -> list[str]:
    """Signs that stand in at least half of the strings."""
    there = [word for word in words if word is not None]
    found: dict[str, int] = {}
    for word in there:
        for sign in dict.fromkeys(re.findall(r"[^\w\s]\s|[^\w]|_", word)):
            found[sign] = found.get(sign, 0) + 1
            if len(sign) == 2:
                found[sign[0]] = found.get(sign[0], 0) + 1
                found[sign[1]] = found.get(sign[1], 0) + (sign[1] not in found)
    return [sign for sign, times in found.items() if 2 * times >= len(there)][:6]


def split(base: Piece) -> Iterator[Piece]:
    """``str.split(sign).str[k]``."""
    for sign in delimiters(base.words):
        arg = "" if sign == " " else literal(sign)
        parts = tuple(
            None if word is None else (word.split() if sign == " " else word.split(sign)) for word in base.words
        )
        for k, cost in ((0, 1.2), (1, 1.2), (-1, 1.3), (2, 1.6), (-2, 1.9), (3, 2.0)):
            words = tuple(None if p is None or not -len(p) <= k < len(p) else p[k] for p in parts)
            if all(word is None for word in words):
                continue
            expr = call(f"{{0}}.str.split({arg}).str[{k}]", base.expr, op="str", cost=cost)
            yield Piece(expr, words, base.cost + cost)
            if any(word is not None and word != word.strip() for word in words):
                stripped = call("{0}.str.strip()", expr, op="str", cost=0.6)
                yield Piece(stripped, mapped(words, str.strip), base.cost + cost + 0.6)
        limit = tuple(None if word is None else word.split(sign, 1) for word in base.words)
        for k in (0, 1):
            words = tuple(None if p is None or k >= len(p) else p[k] for p in limit)
            if any(p is not None and len(p) != len(q) for p, q in zip(parts, limit, strict=True) if q is not None):
                expr = call(f"{{0}}.str.split({literal(sign)}, n=1).str[{k}]", base.expr, op="str", cost=1.6)
                yield Piece(expr, words, base.cost + 1.6)


def cut(base: Piece, target: Words) -> Iterator[Piece]:
    """Slices by position that are the target: ``str[:3]``, ``str[-2:]``, ``str[1:-1]``, ``str[0]``."""
    starts: set[tuple[str, int]] | None = None
    ends: set[tuple[str, int]] | None = None
    for word, want in zip(base.words, target, strict=True):
        if (word is None) != (want is None):
            return
        if word is None or want is None:
            continue
        places = [m.start() for m in re.finditer(f"(?={re.escape(want)})", word)] if want else []
        if not places:
            return
        here = {("left", p) for p in places} | {("right", p - len(word)) for p in places}
        there = {("left", p + len(want)) for p in places} | {("right", p + len(want) - len(word)) for p in places}
        starts = here if starts is None else starts & here
        ends = there if ends is None else ends & there
    for _, start in sorted(starts or ()):
        for _, end in sorted(ends or ()):
            yield from _slice(base, start, end)


def _slice(base: Piece, start: int, end: int) -> Iterator[Piece]:
    stop = None if end == 0 else end
    if start == 0 and stop is None:
        return
    words = mapped(base.words, lambda word: word[start:stop])
    first = "" if start == 0 else str(start)
    last = "" if stop is None else str(stop)
    cost = 1.1 + 0.5 * bool(first) + 0.5 * bool(last)
    tags = (POSITION,) * (bool(first) + bool(last))
    yield Piece(call(f"{{0}}.str[{first}:{last}]", base.expr, op="str", cost=cost, tags=tags), words, base.cost + cost)
    if stop == start + 1 or (start == -1 and stop is None):
        short = mapped(base.words, lambda word: word[start : start + 1 or None])
        cost = 0.9 if start in (0, -1) else 1.5
        yield Piece(call(f"{{0}}.str[{start}]", base.expr, op="str", cost=cost), short, base.cost + cost)


def replaced(base: Piece, target: Words) -> Iterator[Piece]:
    """``str.replace(old, new)``, and ``removeprefix`` and ``removesuffix``."""
    changed = [(w, t) for w, t in zip(base.words, target, strict=True) if w is not None and t is not None and w != t]
    if not changed:
        return
    tried: set[tuple[str, str]] = set()
    for word, want in changed[:2]:
        for old, new in _edits(word, want):
            if (old, new) in tried:
                continue
            tried.add((old, new))
            words = mapped(base.words, lambda w, old=old, new=new: w.replace(old, new))  # type: ignore[misc]
            if words != target:
                continue
            cost = 0.8 + _letters(old) + (0.2 if new == "" else _letters(new))
            if _cut_of_word(old, word):
                cost += 0.5
            tags = (CELL,) * (len(old) > 1) + (OUTPUT,) * (len(new) > 1)
            text = f"{{0}}.str.replace({literal(old)}, {literal(new)})"
            yield Piece(call(text, base.expr, op="str", cost=cost, tags=tags), words, base.cost + cost)
            if new == "":
                yield from _affix(base, old, target, cost)


def _affix(base: Piece, old: str, target: Words, cost: float) -> Iterator[Piece]:
    for name, function in (("removeprefix", str.removeprefix), ("removesuffix", str.removesuffix)):
        words = mapped(base.words, lambda w, function=function: function(w, old))  # type: ignore[misc]
        if words == target:
            expr = call(f"{{0}}.str.{name}({literal(old)})", base.expr, op="str", cost=cost + 0.3, tags=(CELL,))
            yield Piece(expr, words, base.cost + cost + 0.3)
    signs = "".join(sorted(set(old)))
    if len(signs) <= 2 and not any(sign.isalnum() for sign in signs):
        words = mapped(base.words, lambda w: w.strip(signs))
        if words == target:
            expr = call(f"{{0}}.str.strip({literal(signs)})", base.expr, op="str", cost=cost)
            yield Piece(expr, words, base.cost + cost)


def _cut_of_word(piece: str, word: str) -> bool:
    """Whether a piece begins or ends inside a word."""
    at = word.find(piece)
    end = at + len(piece)
    left = at > 0 and word[at - 1].isalnum() and piece[:1].isalnum()
    return left or (end < len(word) and word[end].isalnum() and piece[-1:].isalnum())


def _letters(text: str) -> float:
    """What a constant of text costs."""
    if text in ("", " ", ",", "_", "-", ".", "/", ":", ", "):
        return 0.4
    return min(0.8 + 0.05 * len(text), 1.6)


def _edits(word: str, want: str) -> Iterator[tuple[str, str]]:
    """What may have been replaced by what, the smallest change first, then with its surroundings."""
    start = len(_common_start([word, want]))
    back = len(_common_start([word[start:][::-1], want[start:][::-1]]))
    old, new = word[start : len(word) - back], want[start : len(want) - back]
    for sign in dict.fromkeys(re.findall(r"[^\w]|_", word)):
        if sign not in want:
            yield sign, ""
            for other in ("_", "-", " ", ".", "/", ",", ""):
                yield sign, other
    if old:
        yield old, new
    for times in range(2, len(old) + 1):  # "ee" for "xx" may be twice the same
        unit, other = old[: len(old) // times], new[: len(new) // times]
        if unit * times == old and other * times == new:
            yield unit, other
    stop = len(word) - back
    for left, right in ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (3, 0), (0, 3)):
        if start - left >= 0 and stop + right <= len(word) and (old or left or right):
            a, b = word[start - left : start], word[stop : stop + right]
            yield a + old + b, a + new + b
    # Whole words around the change.
    before, after = re.search(r"\w*$", word[:start]), re.match(r"\w*", word[stop:])
    if before and after:
        yield before[0] + old + after[0], before[0] + new + after[0]
    spaces = re.search(r"\s*$", word[:start])
    if spaces and spaces[0]:
        yield spaces[0] + old, new


def between(base: Piece, target: Words) -> Iterator[Piece]:
    """What stands between two signs: ``str.extract('@(.*?),')``, or split twice."""
    around: set[tuple[str, str]] | None = None
    for word, want in zip(base.words, target, strict=True):
        if word is None or not want:
            continue
        here = set()
        for match in re.finditer(f"(?={re.escape(want)})", word):
            start, end = match.start(), match.start() + len(want)
            here.add((word[start - 1 : start], word[end : end + 1]))
        around = here if around is None else around & here
    for left, right in sorted(around or ()):
        if (left + right).isalnum() or not (left or right):
            continue
        first, last = re.escape(left) if left else "^", re.escape(right) if right else "$"
        for pattern, cost in ((f"{first}(.*?){last}", 1.8), (f"{first}(.*){last}", 2.0)):
            find = re.compile(pattern).search
            words = mapped(base.words, lambda word, find=find: m[1] if (m := find(word)) else None)  # type: ignore[misc]
            expr = call(f"{{0}}.str.extract({raw(pattern)}, expand=False)", base.expr, op="str", cost=cost)
            yield Piece(expr, words, base.cost + cost)
        if left and right and left != right and not left.isalnum() and not right.isalnum():
            words = mapped(base.words, lambda word, a=left, b=right: word.split(a)[-1].split(b)[0])  # type: ignore[misc]
            once = call(f"{{0}}.str.split({literal(left)}).str[-1]", base.expr, op="str", cost=1.3)
            expr = call(f"{{0}}.str.split({literal(right)}).str[0]", once, op="str", cost=1.2)
            yield Piece(expr, words, base.cost + 2.5)


def padded(base: Piece, target: Words) -> Iterator[Piece]:
    """``zfill``, ``ljust``, ``rjust``, ``repeat``."""
    there = [(w, t) for w, t in zip(base.words, target, strict=True) if w is not None and t is not None]
    if not there:
        return
    widths = {len(t) for _, t in there}
    width = max(widths)
    for text, cost, function in (
        (f".str.zfill({width})", 1.3, lambda word: word.zfill(width)),
        (f".str.rjust({width})", 1.9, lambda word: word.rjust(width)),
        (f".str.ljust({width})", 1.9, lambda word: word.ljust(width)),
    ):
        words = mapped(base.words, function)
        if words != base.words:
            yield Piece(call("{0}" + text, base.expr, op="str", cost=cost), words, base.cost + cost)
    first, want = there[0]
    if first and len(want) % len(first) == 0 and (k := len(want) // len(first)) > 1:
        words = mapped(base.words, lambda word: word * k)
        yield Piece(call(f"{{0}}.str.repeat({k})", base.expr, op="str", cost=1.5), words, base.cost + 1.5)


# Chains.


def chains(target: Words, pool: Pool, rows: Sequence[int], count: Count, clock: Clock) -> Iterator[Found]:
    """``a + ' ' + b.str[0] + '.'``: pieces and constants that make the target when put together."""
    there = [i for i, word in enumerate(target) if word is not None]
    wants = [target[i] or "" for i in there]
    pieces = []
    for piece in itertools.chain(formatted(pool, target, rows), _candidates(pool, rows)):
        count.examined += 1
        words = [piece.words[i] for i in there]
        if len(set(words)) == 1 and len(words) > 1:
            continue  # a constant says it better
        if all(w is not None and w in t for w, t in zip(words, wants, strict=True)) and any(words):
            pieces.append((piece, [w or "" for w in words]))
    unique: dict[tuple[str, ...], tuple[Piece, list[str]]] = {}
    for piece, plain in sorted(pieces, key=lambda item: item[0].cost):
        unique.setdefault(tuple(plain), (piece, plain))
    chosen = list(unique.values())[:60]
    if not chosen:
        return
    walk = _Walk(wants, chosen, count, clock)
    walk.step(tuple(0 for _ in wants), [], 0.0)
    for cost, parts in sorted(walk.found, key=lambda item: item[0])[:20]:
        yield cost, _concatenated(parts)


def _candidates(pool: Pool, rows: Sequence[int]) -> Iterator[Piece]:
    for base in sources_of(pool, rows):
        for piece in functions(base, base.words, whole=False):
            yield piece
            if piece.expr.template.startswith("{0}.str.split") or piece is base:
                for text, cost, function in _CASES[:4]:
                    expr = call("{0}" + text, piece.expr, op="str", cost=cost)
                    yield Piece(expr, mapped(piece.words, function), piece.cost + cost)
                for k, cost in ((1, 0.9), (2, 1.2), (3, 1.2), (4, 1.5)):
                    text = ".str[0]" if k == 1 else f".str[:{k}]"
                    expr = call("{0}" + text, piece.expr, op="str", cost=cost)
                    short = Piece(expr, mapped(piece.words, lambda w, k=k: w[:k]), piece.cost + cost)  # type: ignore[misc]
                    yield short
                    for case, more, function in _CASES[:2]:
                        words = mapped(short.words, function)
                        if words != short.words:
                            yield Piece(call("{0}" + case, expr, op="str", cost=more), words, short.cost + more)
                    expr = call(f"{{0}}.str[-{k}:]", piece.expr, op="str", cost=cost + 0.2)
                    yield Piece(expr, mapped(piece.words, lambda w, k=k: w[-k:]), piece.cost + cost + 0.2)  # type: ignore[misc]
        for k in (2, 3, 4, 5, 6):
            expr = call(f"{{0}}.str.zfill({k})", base.expr, op="str", cost=1.3)
            yield Piece(expr, mapped(base.words, lambda w, k=k: w.zfill(k)), base.cost + 1.3)  # type: ignore[misc]


class _Walk:
    """A walk along all targets at once: where a piece fits in every row, it may come next."""

    def __init__(
        self, wants: Sequence[str], pieces: Sequence[tuple[Piece, list[str]]], count: Count, clock: Clock
    ) -> None:
        self.wants, self.pieces, self.count, self.clock = wants, pieces, count, clock
        self.found: list[tuple[float, list[Piece | str]]] = []
        self.steps = 0
        self.bound = 40.0

    def step(self, at: tuple[int, ...], parts: list[Piece | str], cost: float) -> None:
        """Go on from positions ``at``."""
        self.steps += 1
        if all(i == len(want) for i, want in zip(at, self.wants, strict=True)):
            if any(isinstance(part, Piece) for part in parts) and len(parts) > 1:
                self.found.append((cost, list(parts)))
                self.bound = min(self.bound, cost + 3.0)
            return
        if len(parts) >= MOST_PIECES or self.steps > 3000 or cost > self.bound or self.clock.over():
            return
        for piece, words in self.pieces:
            self.count.examined += 1
            if all(want.startswith(word, i) for want, word, i in zip(self.wants, words, at, strict=True)):
                nxt = tuple(i + len(word) for i, word in zip(at, words, strict=True))
                self.step(nxt, [*parts, piece], cost + piece.cost + 0.5)
        if parts and isinstance(parts[-1], str):
            return
        common = _common_start([want[i:] for want, i in zip(self.wants, at, strict=True)])
        for length in self._lengths(common, at):
            text = common[:length]
            nxt = tuple(i + length for i in at)
            self.step(nxt, [*parts, text], cost + 0.5 + constant_cost(text))

    def _lengths(self, common: str, at: tuple[int, ...]) -> list[int]:
        """Where a constant may end: where a piece fits, or at the end of all."""
        out = []
        for length in range(1, min(len(common), 24) + 1):
            places = [i + length for i in at]
            done = all(i == len(want) for i, want in zip(places, self.wants, strict=True))
            if done or any(
                all(want.startswith(word, i) for want, word, i in zip(self.wants, words, places, strict=True))
                for _, words in self.pieces
            ):
                out.append(length)
        return out[:6]


def _common_start(texts: Sequence[str]) -> str:
    """The longest text that all begin with."""
    first, last = min(texts), max(texts)
    for i, sign in enumerate(first):
        if i >= len(last) or sign != last[i]:
            return first[:i]
    return first


def constant_cost(text: str) -> float:
    """What a constant inside a chain costs: signs little, words that only the output shows much."""
    if re.fullmatch(r"[\W_]{1,3}", text):
        return 0.4
    return 0.9 + 0.2 * len(text)


def _concatenated(parts: Sequence[Piece | str]) -> Expr:
    slots: list[str] = []
    exprs: list[Expr] = []
    tags: list[str] = []
    cost = 0.5 * (len(parts) - 1)
    for part in parts:
        if isinstance(part, str):
            slots.append(literal(part))
            cost += constant_cost(part)
            if re.search(r"\w", part):
                tags.append(OUTPUT)
        else:
            slots.append(f"{{{len(exprs)}:product}}" if slots else f"{{{len(exprs)}:sum}}")
            exprs.append(part.expr)
    return Expr(" + ".join(slots), tuple(exprs), SUM, "arithmetic", cost, tuple(tags))
