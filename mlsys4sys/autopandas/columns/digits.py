"""Numbers that strings hold: their length, the digits in them, how often a sign occurs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import PRODUCT, Expr, call, escaped, literal
from mlsys4sys.autopandas.table import NULL, Codes, Column, Floats

Measure = tuple[Expr, Floats, float]
"""An expression, its values and what it costs beyond its column."""

MOST_DISTINCT = 5000


def measures(expr: Expr, column: Column) -> Iterator[Measure]:
    """Numbers in the strings of a column, one a row; those that are the same in all rows left out."""
    distinct, inverse = np.unique(column.codes, return_inverse=True)
    if len(distinct) > MOST_DISTINCT:
        return
    words = [None if code == NULL else str(column.book.cell(code)) for code in distinct.tolist()]
    yield from _spans(expr, words, inverse)
    for text, op, cost, function in (*_MEASURES, *_signs(words)):
        values = np.array([np.nan if word is None else function(word) for word in words])
        if np.isnan(values).all():
            continue
        whole = bool((values == np.rint(values)).all())
        complete = not np.isnan(values[distinct != NULL]).any()
        gone = bool((distinct == NULL).any())
        yield from _typed(expr, text, op, cost, values, inverse, whole=whole, complete=complete, gone=gone)


_UNITS = re.compile(r"\s*(?:\d+(?:\.\d+)?\s*(?:d|days?|h|hrs?|hours?|m|min|minutes?|s|sec|seconds?)\s*)+")
"""Spans of time as people write them: ``1h 30m``."""


def _spans(expr: Expr, words: list[str | None], inverse: Codes) -> Iterator[Measure]:
    """Hours, minutes and seconds of texts that are spans of time."""
    if None in words or len(words) < 2 or not all(_UNITS.fullmatch(word or "") for word in words):
        return
    try:
        seconds = pd.to_timedelta(pd.Series(words)).dt.total_seconds().to_numpy()[inverse]
    except ValueError:
        return
    read = call("pd.to_timedelta({0:arg})", expr, op="astype", cost=1.0)
    total = call("{0}.dt.total_seconds()", read, op="dt", cost=0.5)
    yield total, seconds, 1.5
    for by, cost in ((60, 0.2), (3600, 0.2), (86_400, 0.6)):
        yield Expr(f"{{0}} / {by}", (total,), PRODUCT, "arithmetic", cost), seconds / by, 1.5 + cost


def _typed(
    expr: Expr,
    text: str,
    op: str,
    cost: float,
    values: Floats,
    inverse: Codes,
    *,
    whole: bool,
    complete: bool,
    gone: bool,
) -> Iterator[Measure]:
    """The text turned into a number in the way that works for all of its cells."""
    rows = values[inverse]
    if not text.endswith("#"):
        yield call("{0}" + text, expr, op=op, cost=cost), rows, cost
        return
    base = text[:-1]
    inner = call("{0}" + base, expr, op=op, cost=cost) if base else expr
    before = cost if base else 0.0
    if complete and whole and not gone:
        yield call("{0}.astype(int)", inner, op="astype", cost=0.7), rows, before + 0.7
    elif complete:
        yield call("{0}.astype(float)", inner, op="astype", cost=0.8), rows, before + 0.8
    if not base:
        arg = "" if complete else ", errors='coerce'"
        made = call(f"pd.to_numeric({{0:arg}}{arg})", inner, op="astype", cost=1.0)
        yield made, rows, before + 1.0


def _number(word: str) -> float:
    try:
        return float(word) if not re.search(r"[a-zA-Z_]", word) else np.nan
    except ValueError:
        return np.nan


def _group(pattern: str) -> Callable[[str], float]:
    find = re.compile(pattern).search

    def read(word: str) -> float:
        match = find(word)
        return _number(match[1]) if match else np.nan

    return read


def _without(pattern: str) -> Callable[[str], float]:
    regex = re.compile(pattern)
    return lambda word: _number(regex.sub("", word))


def _extracted(pattern: str) -> str:
    return escaped(f".str.extract(r'{pattern}', expand=False)") + "#"


_MEASURES: tuple[tuple[str, str, float, Callable[[str], float]], ...] = (
    (".str.len()", "str", 0.8, lambda word: float(len(word))),
    ("#", "astype", 0.0, _number),
    (_extracted(r"(\d+)"), "str", 1.2, _group(r"(\d+)")),
    (_extracted(r"(\d+)$"), "str", 1.7, _group(r"(\d+)$")),
    (_extracted(r"(\d+\.?\d*)"), "str", 1.6, _group(r"(\d+\.?\d*)")),
    (_extracted(r"(-?\d+\.?\d*)"), "str", 1.8, _group(r"(-?\d+\.?\d*)")),
    (".str.replace(',', '')#", "str", 0.9, lambda word: _number(word.replace(",", ""))),
    (".str.replace('$', '')#", "str", 1.0, lambda word: _number(word.replace("$", ""))),
    (".str.rstrip('%')#", "str", 1.0, lambda word: _number(word.rstrip("%"))),
    (".str.replace(r'[$,]', '', regex=True)#", "str", 1.4, _without(r"[$,]")),
    (".str.replace(r'[^\\d.]', '', regex=True)#", "str", 1.4, _without(r"[^\d.]")),
    (".str.replace(r'\\D', '', regex=True)#", "str", 1.5, _without(r"\D")),
    (".str.split().str.len()", "str", 1.2, lambda word: float(len(word.split()))),
    (".str.count(r'\\d')", "str", 1.6, lambda word: float(len(re.findall(r"\d", word)))),
    (".str.count(r'[A-Z]')", "str", 1.9, lambda word: float(len(re.findall(r"[A-Z]", word)))),
    (".str.count('[aeiou]')", "str", 1.9, lambda word: float(len(re.findall("[aeiou]", word)))),
)


def _signs(words: list[str | None]) -> Iterator[tuple[str, str, float, Callable[[str], float]]]:
    """Counts of signs and letters, and what stands between signs."""
    signs: dict[str, int] = {}
    letters: dict[str, int] = {}
    for word in words[:50]:
        for sign in set(word or ""):
            (letters if sign.isalnum() else signs)[sign] = (letters if sign.isalnum() else signs).get(sign, 0) + 1
    for sign in sorted(signs, key=lambda sign: -signs[sign])[:4]:
        text = literal(sign if re.escape(sign) == sign or sign == " " else "\\" + sign)
        yield f".str.count({text})", "str", 1.2, lambda word, sign=sign: float(word.count(sign))  # type: ignore[misc]
        arg = "" if sign == " " else literal(sign)
        yield (
            f".str.split({arg}).str.len()",
            "str",
            1.3,
            lambda word, sign=sign: float(len(word.split() if sign == " " else word.split(sign))),  # type: ignore[misc]
        )
        for k, cost in ((0, 1.3), (1, 1.3), (-1, 1.4), (2, 1.7)):
            yield f".str.split({arg}).str[{k}]#", "str", cost, _split_number(sign, k)
    for letter in sorted(letters, key=lambda letter: (-letters[letter], letter))[:6]:
        yield f".str.count({literal(letter)})", "str", 2.2, lambda word, sign=letter: float(word.count(sign))  # type: ignore[misc]


def _split_number(sign: str, k: int) -> Callable[[str], float]:
    def read(word: str) -> float:
        parts = word.split() if sign == " " else word.split(sign)
        return _number(parts[k]) if -len(parts) <= k < len(parts) else np.nan

    return read
