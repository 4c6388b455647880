"""How surprising a call is: what people write every day is cheap, what they rarely write is dear.

The engines price a program by what it says; this adds how often such a thing is said at all. Set by hand, in nats.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mlsys4sys.autopandas.expression import Expr

RARE: dict[str, float] = {
    "shift": 1.0, "diff": 0.7, "cumsum": 0.4, "cumprod": 1.0, "cummax": 0.8, "cummin": 0.9, "cumcount": 0.7,
    "rank": 0.7, "pct_change": 0.9, "transform": 0.9, "duplicated": 0.4, "ngroup": 1.5, "factorize": 1.2,
    "nlargest": 0.6, "nsmallest": 0.9, "tail": 0.2, "mode": 0.7, "median": 0.4, "std": 0.4, "var": 0.9, "sem": 2.5,
    "skew": 2.5, "prod": 1.0, "quantile": 0.7, "crosstab": 0.6, "stack": 0.4, "T": 0.3, "where": 0.3, "mask": 0.5,
    "rolling": 0.4, "expanding": 0.8, "ewm": 1.5, "idxmin": 0.5, "idxmax": 0.3, "nth": 0.6, "abs": 0.3, "clip": 0.6,
    "describe": 0.2, "corr": 0.4, "xs": 0.6, "swaplevel": 0.8, "update": 0.6, "compare": 0.8, "sqrt": 0.8, "log": 0.8,
    "log2": 1.5, "log10": 1.2, "log1p": 1.2, "expm1": 2.0, "arange": 0.6,
    "exp": 1.0, "floor": 0.6, "ceil": 0.6, "sort_index": 0.3, "sample": 2.0, "set_axis": 0.3, "repeat": 0.3,
    "get_level_values": 0.4, "zfill": 0.3, "len": 0.2, "nunique": 0.2, "all": 0.2, "any": 0.2, "insert": 0.5,
    "searchsorted": 2.0, "dayofyear": 1.0, "quarter": 0.5, "codes": 1.0, "interpolate": 0.4, "eq": 0.3, "ne": 0.4,
    "bfill": 0.3, "join": 0.1, "combine_first": 0.3, "indicator": 0.4, "cut": 0.4, "qcut": 0.8, "capitalize": 0.4,
}  # fmt: skip
"""Word after a dot → nats, each time it stands in a program; words that are not here are everyday."""

_WORD = re.compile(r"\.(\w+)|'(median|std|var|sem|skew|prod|mode)'")
"""A call, or an aggregate named in quotes."""

_TURNS: tuple[tuple[re.Pattern[str], float], ...] = (
    # The row number, or a label, compared like a quantity.
    (re.compile(r"\.index\)? ?(?:[<>]=?|[!=]=) "), 1.2),
    (re.compile(r"-\w+\.index"), 1.5),
    # Every so many rows: small tables often alternate by chance.
    (re.compile(r"\.iloc\[\d*::\d+\]"), 0.7),
    (re.compile(r"\] % \d+ [!=]= "), 0.8),
    # Places counted by value where a count of rows would do; a mean that nobody asked for.
    (re.compile(r"\.rank\(\)"), 0.4),
    (re.compile(r"pivot_table\((?![^)]*aggfunc)"), 0.4),
    # What only names things, ordered or calculated with.
    (re.compile(r"\['(?:\w+_)?(?:id|ID|Id)'\] (?:[<>]=?|!=|[-+*/%]) "), 0.7),
    # One column against another, or against a statistic of another.
    (re.compile(r"\['([^']+)'\] (?:[<>]=?|[!=]=) \w+\['(?!\1')[^']+'\]"), 0.7),
    (re.compile(r"\['([^']+)'\] (?:[<>]=?|[!=]=) \w+\['(?!\1')[^']+'\]\.\w+\("), 0.8),
    # The cells of one column picked one by one.
    (re.compile(r"\(\w+\['([^']+)'\] == [^)]+\) \| \(\w+\['\1'\] == "), 1.5),
    # Totals looked for among the cells that they are of.
    (re.compile(r"\(\)\['([^']+)'\]\.isin\(inp\d+\['\1'\]\)"), 1.2),
    # A sign turned twice.
    (re.compile(r"-\w+\S* / \(-|\(-[\d.]+\) - -"), 2.0),
    # A condition used as a number.
    (re.compile(r"\(\w+\['[^']+'\] (?:[<>]=?|[!=]=) [^)]*\)\.astype\(int\)"), 0.6),
    # Two operations on columns in a row.
    (re.compile(r"\] [-+*/] \w+\[[^]]+\] [-+*/] "), 0.6),
    (re.compile(r"sort=False"), 0.8),
    (re.compile(r"keep=False"), 0.6),
    (re.compile(r"as_index=False\)\[\[.*\]\]\.\w+\(\)\["), 2.5),
    # Two conditions at once are everyday.
    (re.compile(r"\) [&|] \("), -0.7),
    # `>` and `<` are written more often than `>=` and `<=`, and both more than `!=` on numbers.
    (re.compile(r"[<>]= "), 0.15),
)
"""Turns of phrase → nats."""


@lru_cache(maxsize=100_000)
def surprise(text: str) -> float:
    """Nats for the rare things in a program's text."""
    words = sum(RARE.get(called or named, 0.0) for called, named in _WORD.findall(text))
    return words + sum(price * len(turn.findall(text)) for turn, price in _TURNS)


def price(expr: Expr) -> float:
    """Description length of a program and its surprise, in nats."""
    return expr.total + surprise(expr.text)
