"""Two tables into one: merge, join, concat, combine_first, merge_asof, isin, compare, arithmetic of frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.autopandas.expression import LABEL, OUTPUT, PRODUCT, SUM, Expr, call, is_keyword_name, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.grouping import AGG_COST, Groups
from mlsys4sys.autopandas.ops.parts import (
    MOST_ROWS,
    distinct,
    flat,
    has_nulls,
    hashable,
    is_frame,
    label_set,
    some,
    step,
)
from mlsys4sys.autopandas.table import Column, Table

FAMILY = "join"

HOWS = ("inner", "left", "outer", "right")


def proposals(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls that bring in another table.

    Last: those whose labels, rows and cells can hold the goal's. Before the last: merges and concats by plausible keys.
    """
    yield from distinct(_all(table, goal, others, last=last), 60 if last else 20)


def _all(table: Table, goal: Goal, others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    for other in others:
        if other.expr == table.expr:
            continue
        if is_frame(table) and is_frame(other):
            yield from _merges(table, other, goal, last=last)
            if table.expr.parts and not other.expr.parts:  # an input is never given as the left of a derived table
                yield from _merges(other, table, goal, last=last)
            if last:
                yield from picked(table, other, goal)
                yield from _with_totals(table, other, goal)
                yield from _asof(table, other, goal)
        if last:
            yield from _elementwise(table, other, goal)
        yield from _mapped(table, other, goal)
        same_width = is_frame(table) and len(table.labels) == len(other.labels) and goal.rows == table.rows
        if last and same_width and goal.label_codes == other.label_codes != table.label_codes:
            yield call("{0}.set_axis({1}.columns, axis=1)", table.expr, other.expr, op="set_axis", cost=1.3)
    yield from _concats(table, others, goal, last=last)


@dataclass(frozen=True, eq=False)
class Match:
    """A way to match rows of two tables."""

    left: tuple[Column, ...]
    right: tuple[Column, ...]
    text: str
    """The arguments of ``merge``, a template."""
    cost: float
    shared: tuple[Hashable, ...]
    """Labels of the key columns that are in the result once."""
    dropped: tuple[Hashable, ...] = ()
    indexed: bool = False


def matches(left: Table, right: Table) -> list[Match]:
    """Keys with cells in common, those with common labels first."""
    common = [label for label in left.labels if label in right.labels]
    pairs = [(left.columns[left.labels.index(label)], right.columns[right.labels.index(label)]) for label in common]
    alike = [(a, b) for a, b in pairs if hashable(a) and hashable(b) and a.distinct & b.distinct and _same_kind(a, b)]
    found: list[Match] = []
    sets = [alike] if alike else []
    if len(alike) > 1:
        sets += [[pair] for pair in alike]
        sets += [[p, q] for i, p in enumerate(alike) for q in alike[i + 1 :]] if 2 < len(alike) < 5 else []
    for chosen in sets:
        labels = tuple(a.label for a, _ in chosen)
        found.append(
            Match(
                tuple(a for a, _ in chosen),
                tuple(b for _, b in chosen),
                f"on={some(labels)}",
                0.1 + 0.2 * len(labels),
                labels,
            )
        )
    found += _unlike(left, right)
    found += _by_index(left, right)
    return found


def _same_kind(a: Column, b: Column) -> bool:
    return a.kind == b.kind or "obj" in (a.kind, b.kind)


def _overlap(a: Column, b: Column) -> float:
    """The share of cells in common, of the smaller set."""
    if not a.distinct or not b.distinct or not _same_kind(a, b) or not hashable(a) or not hashable(b):
        return 0.0
    return len(a.distinct & b.distinct) / min(len(a.distinct), len(b.distinct))


def _unlike(left: Table, right: Table) -> list[Match]:
    scored = []
    for a in left.columns:
        for b in right.columns:
            share = _overlap(a, b) if a.label != b.label else 0.0
            if share >= 0.5 and a.kind not in ("bool",):
                surprise = 0.7 * (a.kind == "num") + 0.5 * (not b.unique and not a.unique) + (1 - share)
                scored.append((surprise, a, b))
    scored.sort(key=lambda item: item[0])
    out = [
        Match((a,), (b,), f"left_on={literal(a.label)}, right_on={literal(b.label)}", 0.8 + surprise, ())
        for surprise, a, b in scored[:4]
    ]
    if len(scored) > 1:
        (s, a, b), *rest = scored
        for t, c, d in rest[:3]:
            if c is not a and d is not b:
                text = f"left_on={literal([a.label, c.label])}, right_on={literal([b.label, d.label])}"
                out.append(Match((a, c), (b, d), text, 1.4 + s + t, ()))
                break
    return out


def _by_index(left: Table, right: Table) -> list[Match]:
    out: list[Match] = []
    if len(left.index) == len(right.index) and all(
        _overlap(a, b) > 0 for a, b in zip(left.index, right.index, strict=True)
    ):
        plain = left.plain_index and right.plain_index
        out.append(
            Match(left.index, right.index, "left_index=True, right_index=True", 0.6 + 0.8 * plain, (), indexed=True)
        )
    if not right.plain_index and len(right.index) == 1:
        out += [
            Match((a,), right.index, f"left_on={literal(a.label)}, right_index=True", 1.0, (a.label,))
            for a in left.columns if _overlap(a, right.index[0]) >= 0.5
        ]  # fmt: skip
    if not left.plain_index and len(left.index) == 1:
        out += [
            Match(left.index, (b,), f"left_index=True, right_on={literal(b.label)}", 1.2, (b.label,))
            for b in right.columns if _overlap(left.index[0], b) >= 0.5
        ]  # fmt: skip
    return out


def _row_counts(match: Match) -> dict[str, int]:
    """Rows of the merge by ``how``; missing keys match one another, as pandas has it."""
    left = Counter(zip(*(c.codes.tolist() for c in match.left), strict=True))
    right = Counter(zip(*(c.codes.tolist() for c in match.right), strict=True))
    inner = sum(n * right[key] for key, n in left.items() if key in right)
    left_only = sum(n for key, n in left.items() if key not in right)
    right_only = sum(n for key, n in right.items() if key not in left)
    return {
        "inner": inner,
        "left": inner + left_only,
        "right": inner + right_only,
        "outer": inner + left_only + right_only,
    }


def _merges(left: Table, right: Table, goal: Goal, *, last: bool) -> Iterator[Expr]:
    if last and not _cells_fit(left, right, goal):
        return
    exact: list[Expr] = []
    loose: list[Expr] = []
    for match in matches(left, right):
        counts = _row_counts(match)
        clash = [label for label in left.labels if label in right.labels and label not in match.shared]
        suffixes = _suffixes(clash, goal)
        if last and not _labels_fit(left, right, clash, goal):
            continue
        if len({tuple(c.codes.tolist()) for c in match.left}) == 0 or not counts["inner"]:
            continue
        for how in HOWS:
            if not 0 < counts[how] <= max(MOST_ROWS, goal.rows):
                continue
            same = counts[how] == goal.rows
            if last and not same and (counts[how] < goal.rows or how in ("right", "outer")):
                continue
            if not same and match.indexed and left.plain_index and right.plain_index:
                continue  # of rows that only stand in the same places none are chosen
            if not last and how in ("right", "outer") and counts[how] == counts["inner"]:
                continue
            expr = _merge(left, right, match, how, suffixes)
            (exact if same else loose).append(expr)
            if match.indexed and not clash:
                (exact if same else loose).append(_join(left, right, how))
    yield from sorted(exact, key=lambda e: e.cost)
    yield from sorted(loose, key=lambda e: e.cost)[: 12 if last else 8]
    if last and left.rows * right.rows == goal.rows:
        yield call("{0}.merge({1}, how='cross')", left.expr, right.expr, op="merge", cost=1.5)


def _merge(left: Table, right: Table, match: Match, how: str, suffixes: str) -> Expr:
    cost = 0.8 + match.cost + {"inner": 0.0, "left": 0.3, "outer": 0.7, "right": 1.0}[how]
    arguments = [
        "{1}",
        match.text,
        *([f"how={literal(how)}"] if how != "inner" else []),
        *([suffixes] if suffixes else []),
    ]
    return call(
        f"{{0}}.merge({', '.join(arguments)})",
        left.expr,
        right.expr,
        op="merge",
        cost=cost + 0.6 * bool(suffixes),
        tags=(LABEL,) * len(match.left),
    )


def merged(left: Table, right: Table, match: Match) -> Iterator[Expr]:
    """The rows that match, and all rows of the left table where some match none."""
    counts = _row_counts(match)
    if not 0 < counts["inner"] <= MOST_ROWS:
        return
    yield _merge(left, right, match, "inner", "")
    if counts["inner"] < counts["left"] <= MOST_ROWS:
        yield _merge(left, right, match, "left", "")


def _join(left: Table, right: Table, how: str) -> Expr:
    text = "{0}.join({1})" if how == "left" else f"{{0}}.join({{1}}, how={literal(how)})"
    return call(text, left.expr, right.expr, op="join", cost=1.0 + 0.4 * (how != "left"))


def _suffixes(clash: Sequence[Hashable], goal: Goal) -> str:
    """The argument that gives clashing labels the goal's suffixes; empty for the usual ``_x`` and ``_y``."""
    if not clash or not all(isinstance(label, str) for label in clash):
        return ""
    label = str(clash[0])
    tails = [str(other)[len(label) :] for other in goal.labels if isinstance(other, str) and other.startswith(label)]
    if set(tails) >= {"_x", "_y"} or not any(tails):
        return ""
    tails = (tails * 2)[:2] if len(tails) == 1 else tails[:2]
    if len(set(tails)) < 2:
        other = "_y" if tails[0] != "_y" else "_x"
        tails = [tails[0], other]
    return f"suffixes={literal(tuple(tails))}"


def _labels_fit(left: Table, right: Table, clash: Sequence[Hashable], goal: Goal) -> bool:
    """Whether the goal's labels are the merge's, some aside that may be renamed."""
    if goal.shape_kind != "frame":
        return True
    made = {*left.label_codes, *right.label_codes}
    missing = label_set(goal) - made
    return len(missing) <= max(1, 2 * len(clash)) or not clash


def _cells_fit(left: Table, right: Table, goal: Goal) -> bool:
    """Whether the goal has no cells but the two tables'."""
    have = left.cells | right.cells | frozenset().union(*(c.distinct for c in (*left.index, *right.index)))
    extra = goal.cells - have
    return len(extra) <= 0.34 * len(goal.cells)


def picked(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Rows whose key is, or is not, in the other table."""
    if goal.book.code("_merge") in label_set(goal):
        for match in matches(table, other)[:4]:
            for how, cost in (("outer", 1.8), ("left", 2.0)):
                text = f"{{0}}.merge({{1}}, {match.text}, how={literal(how)}, indicator=True)"
                yield call(text, table.expr, other.expr, op="merge", cost=cost)
    if goal.shape_kind != "frame" or goal.rows > table.rows or not label_set(goal) <= set(table.label_codes):
        return
    for match in matches(table, other)[:6]:
        if match.indexed or "index" in match.text:
            continue
        have = set(zip(*(c.codes.tolist() for c in match.right), strict=True))
        inside = np.array([key in have for key in zip(*(c.codes.tolist() for c in match.left), strict=True)])
        for sign, keep in (("", inside), ("~", ~inside)):
            if keep.sum() == goal.rows and not keep.all() and _same_cells(table, keep, goal):
                yield from _picked_by(table, other, match, sign)


def _same_cells(table: Table, keep: NDArray[np.bool_], goal: Goal) -> bool:
    """Whether each column of the goal has the cells that some rows of the table have under its label."""
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    return all(
        np.array_equal(np.sort(mine[code].codes[keep]), np.sort(column.codes))
        for code, column in zip(goal.label_codes, goal.columns, strict=True)
    )


def _picked_by(table: Table, other: Table, match: Match, sign: str) -> Iterator[Expr]:
    """Rows that another table has a partner for, or with ``~`` has none for."""
    if len(match.left) == 1:
        a, b = literal(match.left[0].label), literal(match.right[0].label)
        text = f"{{0}}[{sign}{{0}}[{a}].isin({{1}}[{b}])]"
        yield call(text, table.expr, other.expr, op="isin", cost=1.2 + 0.4 * bool(sign), tags=(LABEL,) * 2)
    if not match.shared:
        return
    keys = literal(list(match.shared))
    whole = set(match.shared) == set(table.labels) == set(other.labels)
    right, on = ("{1}", "") if whole else (f"{{1}}[{keys}]", f", {match.text}")
    if sign:
        text = f"{{0}}.merge({right}.drop_duplicates(){on}, how='left', indicator=True)"
        flagged = call(text, table.expr, other.expr, op="merge", cost=1.4)
        yield call("{0}[{0}['_merge'] == 'left_only'].drop(columns='_merge')", flagged, op="mask", cost=0.6)
    if len(match.shared) > 1:  # the rows' labels are kept, as a merge would not
        text = f"{{0}}[{sign}{{0}}.set_index({keys}).index.isin({{1}}.set_index({keys}).index)]"
        yield call(text, table.expr, other.expr, op="isin", cost=2.0 + 0.2 * bool(sign), tags=(LABEL,) * 2)
    if not sign:
        text = f"{{0}}.merge({right}.drop_duplicates(){on})"
        yield call(text, table.expr, other.expr, op="merge", cost=1.8 - 0.6 * whole)


def _with_totals(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Merged with the other table's totals by key: ``df1.merge(df2.groupby('k', as_index=False)['v'].sum(), …)``."""
    if goal.shape_kind != "frame" or goal.levels != 1 or other.rows > MOST_ROWS or goal.rows > table.rows:
        return
    mine = dict(zip(table.label_codes, table.columns, strict=True))
    new = [c for c, code in zip(goal.columns, goal.label_codes, strict=True)
           if code not in mine or not c.distinct <= mine[code].distinct]  # fmt: skip
    if not 1 <= len(new) <= 4 or not all(isinstance(c.label, str) for c in new):
        return
    for match in matches(table, other)[:6]:
        if len(match.left) != 1 or match.indexed or "index" in match.text or match.right[0].unique:
            continue
        key = match.right[0]
        groups = Groups([key])
        sources = [_total(other, key, groups, c) for c in new]
        if not all(sources):
            continue
        places = groups.place([key])
        reached = {int(code) for code in key.codes[groups.first]}
        lost = sum(code not in reached for code in match.left[0].codes.tolist())
        inner = table.rows - lost == goal.rows and places is not None
        for made in _totals_written(other, key, new, [s for s in sources if s is not None]):
            for how, extra in (("inner", 0.0), ("left", 0.3)):
                if (how == "inner" and not inner) or (how == "left" and goal.rows != table.rows):
                    continue
                argument = f", how={literal(how)}" if how != "inner" else ""
                expr = call(
                    f"{{0}}.merge({{1}}, {match.text}{argument})",
                    table.expr, made, op="merge", cost=0.9 + match.cost + extra, tags=(LABEL,),
                )  # fmt: skip
                yield expr
                if lost and how == "left":
                    yield call("{0}.fillna(0)", expr, op="fillna", cost=0.9)
            if match.shared and goal.rows <= groups.count:
                yield call(
                    f"{{0}}.merge({{1}}, {match.text})",
                    made, table.expr, op="merge", cost=1.1 + match.cost, tags=(LABEL,),
                )  # fmt: skip


def _total(other: Table, key: Column, groups: Groups, wanted: Column) -> tuple[str, str, float] | None:
    """The column and the aggregate whose cells, by key, hold all that is wanted; its cost."""
    best: tuple[str, str, float] | None = None
    for c in other.columns:
        if c is key or not hashable(c) or not isinstance(c.label, str):
            continue
        names, matrix = groups.numbers(c)
        for agg, row in zip(names, matrix, strict=True):
            if agg not in AGG_COST or agg in ("prod", "var"):
                continue
            made = frozenset(other.book.encode(row).tolist()) | {0, other.book.code(0)}
            cost = AGG_COST[agg] - 0.6 * (c.label == wanted.label or agg in str(wanted.label).lower())
            if wanted.distinct <= made and (best is None or cost < best[2]):
                best = (c.label, agg, cost)
    return best


def _totals_written(
    other: Table, key: Column, new: Sequence[Column], sources: Sequence[tuple[str, str, float]]
) -> Iterator[Expr]:
    name = literal(key.label)
    cost = sum(max(c, 0.0) for *_, c in sources)
    tags = (LABEL,) * (1 + len(new))
    (label, agg, _), *more = sources
    if not more and agg == "size":
        text = f"{{0}}.groupby({name}).size().reset_index(name={literal(new[0].label)})"
        yield call(text, other.expr, op="groupby.size", cost=1.6 + cost, tags=tags)
        return
    if not more and label == new[0].label:
        text = f"{{0}}.groupby({name}, as_index=False)[{literal(label)}].{agg}()"
        yield call(text, other.expr, op="groupby.agg", cost=1.3 + cost, tags=tags)
    if all(is_keyword_name(str(c.label)) for c in new):
        parts = ", ".join(
            f"{c.label}=({literal(of)}, {literal(how)})" for c, (of, how, _) in zip(new, sources, strict=True)
        )
        text = f"{{0}}.groupby({name}, as_index=False).agg({parts})"
        yield call(text, other.expr, op="groupby.agg", cost=1.6 + cost + 0.3 * len(new), tags=tags)


_SPANS = ((3600e9, "h"), (60e9, "min"), (86_400e9, "D"), (1e9, "s"))
"""Nanoseconds, and how pandas writes them."""

MOST_MOMENTS = 10_000
"""Pairs of moments whose distances are looked at."""


def _asof(left: Table, right: Table, goal: Goal) -> Iterator[Expr]:
    if (
        goal.rows != left.rows
        or goal.shape_kind != "frame"
        or not label_set(goal) & set(right.label_codes) - set(left.label_codes)
    ):
        return
    for a in left.columns:
        for b in right.columns:
            if a.kind != b.kind or a.kind not in ("num", "date") or a.null.any() or b.null.any():
                continue
            same = a.label == b.label
            if not same and (a.kind == "num" or {a.label, b.label} & {*left.labels} & {*right.labels}):
                continue
            on = f"on={literal(a.label)}" if same else f"left_on={literal(a.label)}, right_on={literal(b.label)}"
            keys = [c.label for c in left.columns if c is not a and c.label in right.labels and c.kind == "str"]
            by = f", by={some(keys)}" if keys else ""
            sides = [
                t.expr if _sorted(c) else step(t.expr, f".sort_values({literal(c.label)})", op="sort_values", labels=1)
                for t, c in ((left, a), (right, b))
            ]
            if not _sorted(a) and a.kind == "num" and not keys:
                continue  # numbers of no order that only happen to stand between others
            for direction in ("backward", "forward", "nearest"):
                way = "" if direction == "backward" else f", direction={literal(direction)}"
                within = _tolerance(left, right, a, b, keys, direction, goal) if a.kind == "date" else None
                for most in (None, within) if within else (None,):
                    limit = f", tolerance={most}" if most else ""
                    yield call(
                        f"pd.merge_asof({{0}}, {{1}}, {on}{by}{way}{limit})",
                        *sides,
                        op="merge_asof",
                        cost=2.0 + 0.4 * bool(way) + 0.6 * (not same) + 0.6 * bool(most),
                        tags=(LABEL,),
                    )


def _tolerance(
    left: Table, right: Table, a: Column, b: Column, keys: Sequence[Hashable], direction: str, goal: Goal
) -> str | None:
    """How far apart matched moments may be, where the goal misses what lies farther: a round span as code."""
    new = next((c for c in goal.columns if c.label in right.labels and c.label not in left.labels), None)
    if new is None or not new.null.any() or new.null.all() or left.rows * right.rows > MOST_MOMENTS:
        return None
    apart = a.numbers[:, None] - b.numbers[None, :]
    for key in keys:
        mine, theirs = (t.columns[list(t.labels).index(key)].codes for t in (left, right))
        apart = np.where(mine[:, None] == theirs[None, :], apart, np.nan)
    if direction != "nearest":
        apart = np.where(apart >= 0 if direction == "backward" else apart <= 0, apart, np.nan)
    least = np.where(np.isnan(apart), np.inf, np.abs(apart)).min(axis=1)[np.argsort(a.numbers, kind="stable")]
    lost = new.null & np.isfinite(least)
    if not lost.any() or np.isinf(least[~new.null]).any() or least[~new.null].max() >= least[lost].min():
        return None
    low, high = least[~new.null].max(), least[lost].min()
    for ticks, text in _SPANS:
        for times in (1, 5, 10, 30, 2, 15, 3, 20, 45):
            if low <= ticks * times < high:
                return f"pd.Timedelta('{times}{text}')"
    return None


def _sorted(column: Column) -> bool:
    return bool((np.diff(column.numbers) >= 0).all())


def _elementwise(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Cell by cell: arithmetic and comparison of frames of one shape, combine_first, compare, isin."""
    if table.shape_kind == other.shape_kind == "frame" == goal.shape_kind and set(table.label_codes) & set(
        other.label_codes
    ):
        union_rows = len(table.value.index.union(other.value.index)) if _indexes_compare(table, other) else -1
        labels = {*table.label_codes, *other.label_codes}
        if goal.rows == union_rows and label_set(goal) <= labels:
            holes = has_nulls(table), has_nulls(other)
            # Nothing is missing: it is a merge on row numbers, which nobody means.
            odd = [2.5 * (table.plain_index and other.plain_index and not hole) for hole in holes]
            yield call("{0}.combine_first({1})", table.expr, other.expr, op="combine_first", cost=1.3 + odd[0])
            yield call("{1}.combine_first({0})", table.expr, other.expr, op="combine_first", cost=1.5 + odd[1])
            if goal.cells and any(c.null.any() for c in table.columns):
                yield call("{0}.fillna({1})", table.expr, other.expr, op="fillna", cost=1.3)
            for method in ("add", "sub", "mul"):
                yield call(f"{{0}}.{method}({{1}}, fill_value=0)", table.expr, other.expr, op="arithmetic", cost=2.0)
            for symbol in "+-*/":
                yield Expr(f"{{0:product}} {symbol} {{1:product}}", (table.expr, other.expr), 3, "arithmetic", 1.3)
        kinds = {c.kind for c in goal.columns}
        if kinds == {"bool"} and goal.rows == table.rows:
            for symbol, cost in (("==", 1.2), ("!=", 1.4), (">", 1.6), ("<", 1.8)):
                if table.label_codes == other.label_codes and table.rows == other.rows:
                    yield Expr(f"{{0:sum}} {symbol} {{1:sum}}", (table.expr, other.expr), 4, "compare", cost)
            yield call("{0}.isin({1})", table.expr, other.expr, op="isin", cost=1.6)
        yield from _by_the_other(table, other, goal)
        if goal.levels == 2 and table.label_codes == other.label_codes and table.rows == other.rows:
            for options in ("", ", keep_shape=True", ", keep_equal=True", ", result_names=('left', 'right')"):
                yield call(
                    f"{{0}}.compare({{1}}{options})",
                    table.expr,
                    other.expr,
                    op="compare",
                    cost=1.5 + 0.6 * bool(options),
                )
    elif table.shape_kind == other.shape_kind == "series" == goal.shape_kind:
        yield call("{0}.combine_first({1})", table.expr, other.expr, op="combine_first", cost=1.3)
        for symbol in "+-*/":
            yield Expr(f"{{0:product}} {symbol} {{1:product}}", (table.expr, other.expr), 3, "arithmetic", 1.2)
        for method in ("add", "sub", "mul"):
            yield call(f"{{0}}.{method}({{1}}, fill_value=0)", table.expr, other.expr, op="arithmetic", cost=2.0)
        if goal.rows < table.rows:
            yield call("{0}[{0}.isin({1})]", table.expr, other.expr, op="isin", cost=1.2)
            yield call("{0}[~{0}.isin({1})]", table.expr, other.expr, op="isin", cost=1.4)
    elif table.shape_kind == "frame" == goal.shape_kind and other.shape_kind == "series":
        for method in ("mul", "div", "add", "sub"):
            if same_size(table, goal):
                yield call(f"{{0}}.{method}({{1}}, axis=0)", table.expr, other.expr, op="arithmetic", cost=1.6)
                yield call(f"{{0}}.{method}({{1}})", table.expr, other.expr, op="arithmetic", cost=1.8)


def _by_the_other(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """Numbers scaled by another table's figures, as a test set by its training set: ``(b - a.mean()) / a.std()``."""
    codes = table.label_codes
    if codes != goal.label_codes or codes != other.label_codes or table.rows != goal.rows or other.rows < 2:
        return
    if any(c.kind != "num" for c in (*table.columns, *other.columns, *goal.columns)):
        return
    x, y, wanted = (np.array([c.numbers for c in t.columns]).T for t in (table, other, goal))
    with np.errstate(all="ignore"):
        mean, spread = np.nanmean(y, axis=0), np.nanstd(y, axis=0, ddof=1)
        least, most = np.nanmin(y, axis=0), np.nanmax(y, axis=0)
        ways = (
            ((x - mean) / spread, "({0} - {1}.mean()) / {1}.std()"),
            ((x - least) / (most - least), "({0} - {1}.min()) / ({1}.max() - {1}.min())"),
            (x - mean, "{0} - {1}.mean()"),
            (x / most, "{0} / {1}.max()"),
            (x / mean, "{0} / {1}.mean()"),
            (x / np.nansum(y, axis=0), "{0} / {1}.sum()"),
        )
        for made, text in ways:
            if np.allclose(made, wanted, equal_nan=True):
                yield Expr(text, (table.expr, other.expr), SUM if " / " not in text else PRODUCT, "arithmetic", 1.6)
                return


def same_size(table: Table, goal: Goal) -> bool:
    """Whether rows and columns are as many."""
    return table.rows == goal.rows and len(table.labels) == len(goal.labels)


def _indexes_compare(table: Table, other: Table) -> bool:
    return table.value.index.nlevels == other.value.index.nlevels == 1 and table.index[0].kind == other.index[0].kind


def _mapped(table: Table, other: Table, goal: Goal) -> Iterator[Expr]:
    """A column looked up in another table."""
    if not flat(table) or goal.rows > table.rows or goal.shape_kind not in ("frame", "series"):
        return
    targets = label_set(goal)
    if other.shape_kind == "series" and other.value.index.is_unique and len(other.index) == 1:
        for column in table.columns:
            if _overlap(column, other.index[0]) >= 0.5 and not other.plain_index:
                yield from _lookup(table, other, column, "{1}", goal)
    if not flat(other):
        return
    for key in other.columns:
        if not key.unique:
            continue
        for column in table.columns:
            if _overlap(column, key) < 0.5 or (column.kind == "num" and column.label != key.label):
                continue
            for value in other.columns:
                if value is not key and value.distinct & goal.cells and table.book.code(value.label) in targets:
                    yield from _lookup(
                        table,
                        other,
                        column,
                        f"{{1}}.set_index({literal(key.label)})[{literal(value.label)}]",
                        goal,
                        value.label,
                    )


def _lookup(
    table: Table, other: Table, column: Column, mapping: str, goal: Goal, label: Hashable = None
) -> Iterator[Expr]:
    mapped = f"{{0}}[{literal(column.label)}].map({mapping})"
    new = [g for g in goal.labels if g not in table.labels]
    target = label if label is not None and label not in table.labels else new[0] if new else column.label
    if goal.shape_kind == "series":
        yield call(mapped, table.expr, other.expr, op="map", cost=1.3, tags=(LABEL,))
    elif isinstance(target, str) and target.isidentifier():
        yield call(f"{{0}}.assign({target}={mapped})", table.expr, other.expr, op="map", cost=1.9, tags=(LABEL,) * 2)


# Concat


def _concats(table: Table, others: Sequence[Table], goal: Goal, *, last: bool) -> Iterator[Expr]:
    frames = [o for o in others if o.shape_kind == table.shape_kind and o.expr != table.expr]
    if table.shape_kind in ("frame", "series") and frames:
        sets = [[o] for o in frames] + ([frames] if len(frames) > 1 else [])
        for chosen in sets:
            yield from _stacked(table, chosen, goal, last=last)
            if last and goal.rows == table.rows + sum(o.rows for o in chosen):
                yield from _tagged(table, chosen, goal)
            yield from _side(table, chosen, goal, last=last)
    mixed = [o for o in others if {o.shape_kind, table.shape_kind} == {"frame", "series"}]
    for other in mixed:
        if last and goal.shape_kind == "frame" and goal.rows <= max(other.rows, table.rows):
            yield call("pd.concat([{0}, {1}], axis=1)", table.expr, other.expr, op="concat", cost=1.2)


def _inputs(count: int) -> str:
    return "[" + ", ".join(f"{{{i}}}" for i in range(count)) + "]"


def _stacked(table: Table, others: Sequence[Table], goal: Goal, *, last: bool) -> Iterator[Expr]:
    """One under the other."""
    rows = table.rows + sum(o.rows for o in others)
    if rows > max(MOST_ROWS, goal.rows) or (last and (goal.rows > rows or goal.shape_kind not in ("frame", "series"))):
        return
    labels = set(table.label_codes)
    if table.shape_kind == "frame":
        shared = all(labels & set(o.label_codes) for o in others)
        if not shared or (last and not label_set(goal) <= labels.union(*(set(o.label_codes) for o in others))):
            return
    parts = [table.expr, *(o.expr for o in others)]
    listed = _inputs(len(parts))
    plain = call(f"pd.concat({listed})", *parts, op="concat", cost=0.9)
    ignoring = call(f"pd.concat({listed}, ignore_index=True)", *parts, op="concat", cost=1.0)
    yield from (ignoring, plain) if goal.plain_index else (plain, ignoring)
    if last and _distinct_rows([table, *others]) == goal.rows < rows:
        once = step(plain, ".drop_duplicates()", op="drop_duplicates", cost=0.7)
        yield step(once, ".reset_index(drop=True)", op="reset_index", cost=0.5) if goal.plain_index else once
    if (
        last
        and goal.rows == rows
        and others
        and all(o.rows == table.rows for o in others)
        and not labels - label_set(goal)
    ):
        mixed = step(plain, ".sort_index(kind='stable')", op="sort_index", cost=1.4)
        yield step(mixed, ".reset_index(drop=True)", op="reset_index", cost=0.6) if goal.plain_index else mixed
    if last and len(goal.index) == len(table.index) + 1 and goal.rows == rows:
        keys = list(dict.fromkeys(goal.index[0].cells))
        if len(keys) == len(parts):
            yield call(
                f"pd.concat({listed}, keys={literal(keys)})",
                *parts,
                op="concat",
                cost=1.6,
                tags=(OUTPUT,) * len(keys),
            )
    if last and table.shape_kind == "frame" and any(set(o.label_codes) != labels for o in others):
        yield call(f"pd.concat({listed}, join='inner', ignore_index=True)", *parts, op="concat", cost=1.5)


def _tagged(table: Table, others: Sequence[Table], goal: Goal) -> Iterator[Expr]:
    """Each table with a word of its own in a new column, and one under the other."""
    if goal.shape_kind != "frame" or any(t.shape_kind != "frame" for t in (table, *others)):
        return
    have = set(table.label_codes).union(*(t.label_codes for t in others))
    new = [c for c, code in zip(goal.columns, goal.label_codes, strict=True) if code not in have]
    tables = [table, *others]
    if len(new) != 1 or not isinstance(new[0].label, str) or not is_keyword_name(new[0].label):
        return
    words, times = np.unique(new[0].codes, return_counts=True)
    if len(words) != len(tables) or sorted(times.tolist()) != sorted(t.rows for t in tables):
        return
    tags: list[int] = []
    for one in tables:
        theirs = dict(zip(one.label_codes, one.columns, strict=True))
        shared = [(theirs[code], c) for code, c in zip(goal.label_codes, goal.columns, strict=True) if code in theirs]
        rows = Counter(zip(*(a.codes.tolist() for a, _ in shared), strict=True))
        for word in words.tolist():
            at = new[0].codes == word
            if word not in tags and Counter(zip(*(b.codes[at].tolist() for _, b in shared), strict=True)) == rows:
                tags.append(word)
                break
        else:
            return
    label = new[0].label
    parts = [
        call(f"{{0}}.assign({label}={literal(goal.book.cell(tag))})", t.expr, op="assign", cost=0.7, tags=(OUTPUT,))
        for t, tag in zip(tables, tags, strict=True)
    ]
    anew = ", ignore_index=True" if goal.plain_index else ""
    yield call(f"pd.concat({_inputs(len(parts))}{anew})", *parts, op="concat", cost=0.9)


def _distinct_rows(tables: Sequence[Table]) -> int:
    """How many rows tables of the same columns have together, each counted once; 0 where columns differ."""
    codes = tables[0].label_codes
    if not is_frame(tables[0]) or len(set(codes)) < len(codes) or any(set(t.label_codes) != set(codes) for t in tables):
        return 0
    rows: set[tuple[int, ...]] = set()
    for table in tables:
        columns = dict(zip(table.label_codes, table.columns, strict=True))
        rows.update(zip(*(columns[code].codes.tolist() for code in codes), strict=True))
    return len(rows)


def _side(table: Table, others: Sequence[Table], goal: Goal, *, last: bool) -> Iterator[Expr]:
    """Side by side."""
    if goal.shape_kind != "frame" or not last:
        return
    parts = [table.expr, *(o.expr for o in others)]
    listed = _inputs(len(parts))
    width = sum(len(t.labels) if t.shape_kind == "frame" else 1 for t in (table, *others))
    most = sum(t.rows for t in (table, *others))
    if width < len(goal.labels) or goal.rows > most:
        return
    if table.shape_kind == "frame":
        made = set(table.label_codes).union(*(set(o.label_codes) for o in others))
        if len(label_set(goal) - made) > 0 and goal.levels == 1:
            return
    yield call(f"pd.concat({listed}, axis=1)", *parts, op="concat", cost=1.0)
    if any(c.null.any() for t in (table,) for c in t.columns) is False and goal.rows < max(
        t.rows for t in (table, *others)
    ):
        yield call(f"pd.concat({listed}, axis=1, join='inner')", *parts, op="concat", cost=1.6)
    if not table.plain_index or any(not o.plain_index for o in others):
        resets = ", ".join(f"{{{i}}}.reset_index(drop=True)" for i in range(len(parts)))
        yield call(f"pd.concat([{resets}], axis=1)", *parts, op="concat", cost=1.8)
    if goal.levels == 2:
        keys = list(dict.fromkeys(label[0] for label in goal.labels if isinstance(label, tuple)))
        if len(keys) == len(parts):
            yield call(
                f"pd.concat({listed}, axis=1, keys={literal(keys)})",
                *parts,
                op="concat",
                cost=1.6,
                tags=(OUTPUT,) * len(keys),
            )
    if table.shape_kind == "series" and len(goal.labels) == len(parts):
        yield call(
            f"pd.concat({listed}, axis=1, keys={literal(list(goal.labels))})",
            *parts,
            op="concat",
            cost=1.8,
            tags=(OUTPUT,) * len(parts),
        )
        entries = ", ".join(f"{literal(label)}: {{{i}}}" for i, label in enumerate(goal.labels))
        yield call(f"pd.DataFrame({{{{{entries}}}}})", *parts, op="concat", cost=1.6, tags=(OUTPUT,) * len(parts))


def random(table: Table, rng: np.random.Generator, others: Sequence[Table]) -> Expr | None:
    """A merge or concat that somebody might write."""
    if not is_frame(table) or not others:
        return None
    other = others[int(rng.integers(len(others)))]
    if not is_frame(other) or table.levels != 1 or other.levels != 1:
        return None
    if set(table.labels) == set(other.labels):
        return call("pd.concat([{0}, {1}], ignore_index=True)", table.expr, other.expr, op="concat", cost=1.0)
    found = [m for m in matches(table, other) if not (m.indexed and table.plain_index) and m.cost < 1.5]
    if not found:
        return None
    match = found[0] if rng.random() < 0.7 else found[int(rng.integers(len(found)))]
    how = str(rng.choice(HOWS, p=[0.5, 0.35, 0.1, 0.05]))
    return _merge(table, other, match, how, "") if 0 < _row_counts(match)[how] <= MOST_ROWS else None


__all__ = ["FAMILY", "Match", "matches", "merged", "picked", "proposals", "random"]
