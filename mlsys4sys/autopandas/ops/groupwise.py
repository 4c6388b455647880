"""Groups whose rows stay: transform, running totals, ranks and shifts within a group; statistics by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np

from mlsys4sys.autopandas.expression import PRODUCT, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.calc import CUMMAX, CUMMIN, CUMPROD, CUMSUM, ranking, shifted
from mlsys4sys.autopandas.ops.fill import carried
from mlsys4sys.autopandas.ops.grouping import AGG_COST, Groups, close
from mlsys4sys.autopandas.ops.keys import keys_of
from mlsys4sys.autopandas.ops.parts import distinct, flat, hashable, is_frame, label_set, some, step
from mlsys4sys.autopandas.table import Column, Floats, Table

FAMILY = "groupwise"

Line = Callable[[Floats], Floats]


def _one(function: Line) -> Line:
    return lambda x: function(x[:, None])[:, 0]


WITHIN: tuple[tuple[str, Line, str, float], ...] = (
    (".cumsum()", _one(CUMSUM), "groupby.cumulative", 1.1),
    (".cumprod()", _one(CUMPROD), "groupby.cumulative", 1.7),
    (".cummax()", _one(CUMMAX), "groupby.cumulative", 1.5),
    (".cummin()", _one(CUMMIN), "groupby.cumulative", 1.6),
    (".shift()", _one(lambda x: shifted(x, 1)), "groupby.shift", 1.2),
    (".shift(-1)", _one(lambda x: shifted(x, -1)), "groupby.shift", 1.4),
    (".diff()", _one(lambda x: x - shifted(x, 1)), "groupby.shift", 1.3),
    (".pct_change()", _one(lambda x: x / shifted(x, 1) - 1), "groupby.shift", 1.6),
    (".rank()", _one(ranking("average")), "groupby.rank", 1.3),
    (".rank(ascending=False)", _one(ranking("average", ascending=False)), "groupby.rank", 1.5),
    (".rank(method='dense')", _one(ranking("dense")), "groupby.rank", 1.7),
    (".rank(method='dense', ascending=False)", _one(ranking("dense", ascending=False)), "groupby.rank", 1.8),
    (".rank(method='min', ascending=False)", _one(ranking("min", ascending=False)), "groupby.rank", 1.9),
)
"""Calls on a grouped column that keep its rows: text, numpy on one group's cells, op, cost."""

STATISTICS = ("count", "mean", "std", "min", "25%", "50%", "75%", "max")


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Calls on groups that keep the rows, and tables of statistics by group."""
    if not last:
        yield from distinct(_middle(table, goal), 6)
        return
    if not is_frame(table) and table.shape_kind != "series":
        return
    yield from distinct(_last(table, goal), 30)


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.rows == table.rows and goal.shape_kind in ("series", "frame"):
        yield from _aligned(table, goal)
    if flat(table):
        yield from _described(table, goal)
        yield from _shares(table, goal)


def _key_texts(table: Table) -> Iterator[tuple[str, float, tuple[Column, ...]]]:
    keys = [k for k in keys_of(table) if not k.column.null.any() and len(k.column.distinct) < table.rows]
    for key in keys:
        text = key.text if key.level is None or key.column.label is not None else f"level={key.level}"
        yield text, key.cost, (key.column,)
    plain = [k for k in keys if k.level is None]
    for pair in list(combinations(plain, 2))[:6]:
        columns = tuple(k.column for k in pair)
        if Groups(columns).count < table.rows:
            yield (
                some([c.label for c in columns]) if len(columns) == 1 else literal([c.label for c in columns]),
                0.4,
                columns,
            )


def _aligned(table: Table, goal: Goal) -> Iterator[Expr]:
    """A series, or some columns, aligned with the table's rows."""
    if goal.shape_kind == "frame" and (
        not label_set(goal) <= set(table.label_codes) or len(goal.labels) == len(table.labels)
    ):
        return
    if len(goal.index) != len(table.index) or any(
        (a.codes != b.codes).any() for a, b in zip(table.index, goal.index, strict=True)
    ):
        return
    for text, cost, keys in _key_texts(table):
        groups = Groups(keys)
        head = f".groupby({text})"
        if goal.shape_kind == "series":
            yield from _counted(table, goal, groups, head, cost)
            sources = [[c] for c in table.columns if all(c is not k for k in keys)]
        else:
            place = {code: i for i, code in enumerate(table.label_codes)}
            sources = [[table.columns[place[code]] for code in goal.label_codes]]
        for source in sources:
            yield from _within(table, goal, groups, source, head, cost)


def _counted(table: Table, goal: Goal, groups: Groups, head: str, cost: float) -> Iterator[Expr]:
    count = np.zeros(table.rows)
    for rows in groups.members:
        count[rows] = np.arange(len(rows))
    wanted = goal.columns[0]
    if wanted.kind != "num":
        return
    for start in (0, 1):
        if (count + start == wanted.numbers).all():
            made = step(table.expr, f"{head}.cumcount()", op="groupby.cumcount", cost=1.1 + cost)
            yield made if not start else Expr("{0} + 1", (made,), 3, "arithmetic", 0.5)
    number = np.zeros(table.rows)
    number[groups.rows] = groups.ids
    if (number == wanted.numbers).all():
        yield step(table.expr, f"{head}.ngroup()", op="groupby.cumcount", cost=1.6 + cost)


def _within(
    table: Table, goal: Goal, groups: Groups, source: Sequence[Column], head: str, cost: float
) -> Iterator[Expr]:
    wanted = list(goal.columns)
    labels = [c.label for c in source]
    select = (
        ""
        if table.shape_kind == "series"
        else f"[{literal(labels)}]"
        if goal.shape_kind == "frame"
        else f"[{literal(labels[0])}]"
    )
    extra = cost + 0.2 * len(labels)
    if all(a.kind in ("num", "bool") and b.kind == "num" for a, b in zip(source, wanted, strict=True)):
        yield from _numeric(table, groups, source, wanted, f"{head}{select}", extra)
    else:
        for a, b in zip(source, wanted, strict=True):
            if a.kind != b.kind:
                return
        for agg in ("first", "last", "max", "min"):
            places = [groups.positions(c)[agg] for c in source]
            if all(
                (p >= 0).all() and (a.codes[p][groups.ids] == b.codes).all()
                for p, a, b in zip(places, source, wanted, strict=True)
            ):
                yield step(
                    table.expr,
                    f"{head}{select}.transform({literal(agg)})",
                    op="groupby.transform",
                    cost=1.3 + extra + AGG_COST[agg],
                )
    for method, backward in (("ffill", False), ("bfill", True)):
        if any(c.null.any() for c in source) and all(
            _carried(a, b, groups, backward=backward) for a, b in zip(source, wanted, strict=True)
        ):
            yield step(table.expr, f"{head}{select}.{method}()", op="groupby.ffill", cost=1.1 + extra)


def _carried(a: Column, b: Column, groups: Groups, *, backward: bool) -> bool:
    codes = a.codes.copy()
    for rows in groups.members:
        codes[rows] = carried(codes[rows], backward=backward)
    return bool((codes == b.codes).all())


def _numeric(
    table: Table, groups: Groups, source: Sequence[Column], wanted: Sequence[Column], head: str, cost: float
) -> Iterator[Expr]:
    fits: dict[str, int] = {}
    shares: dict[str, int] = {}
    for a, b in zip(source, wanted, strict=True):
        names, matrix = groups.numbers(a)
        for k in np.flatnonzero(close(matrix[:, groups.ids], b.numbers)):
            fits[names[k]] = fits.get(names[k], 0) + 1
        with np.errstate(all="ignore"):
            for k in np.flatnonzero(close(a.numbers / matrix[:, groups.ids], b.numbers)):
                shares[names[k]] = shares.get(names[k], 0) + 1
            for k in np.flatnonzero(close(a.numbers - matrix[:, groups.ids], b.numbers)):
                shares["-" + names[k]] = shares.get("-" + names[k], 0) + 1
    for agg in sorted((n for n, count in fits.items() if count == len(source)), key=AGG_COST.__getitem__):
        yield step(
            table.expr, f"{head}.transform({literal(agg)})", op="groupby.transform", cost=1.2 + cost + AGG_COST[agg]
        )
    select = head[head.rindex(")[") + 1 :] if ")[" in head else ""
    for name, count in shares.items():
        agg = name.removeprefix("-")
        if count == len(source) and agg in ("sum", "mean", "max", "min", "first", "size", "count"):
            inner = step(
                table.expr, f"{head}.transform({literal(agg)})", op="groupby.transform", cost=1.2 + cost + AGG_COST[agg]
            )
            outer = step(table.expr, select, op="", cost=0.1) if select else table.expr
            sign, level = ("-", PRODUCT + 1) if name.startswith("-") else ("/", PRODUCT)
            yield Expr(f"{{0}} {sign} {{1}}", (outer, inner), level, "arithmetic", 0.8)
    members = groups.members
    for text, function, op, price in WITHIN:
        if all(_made(a, members, function, b) for a, b in zip(source, wanted, strict=True)):
            yield step(table.expr, f"{head}{text}", op=op, cost=price + cost)


def _made(a: Column, members: Sequence[np.ndarray], function: Line, b: Column) -> bool:
    x, wanted = a.numbers, b.numbers
    with np.errstate(all="ignore"):
        return all(bool(close(function(x[rows])[None], wanted[rows])[0]) for rows in members)


def _described(table: Table, goal: Goal) -> Iterator[Expr]:
    """``groupby(…)['v'].describe()``."""
    if goal.shape_kind != "frame":
        return
    words = {table.book.code(word) for word in STATISTICS}
    if len(words & goal.column_label_parts) < 6:
        return
    for key in table.columns:
        if hashable(key) and len(key.distinct) == goal.rows:
            head = f".groupby({literal(key.label)})"
            for c in table.columns:
                if c is not key and c.kind == "num":
                    expr = step(table.expr, f"{head}[{literal(c.label)}].describe()", op="describe", cost=1.2, labels=2)
                    yield step(expr, ".reset_index()", op="reset_index", cost=0.6) if goal.plain_index else expr
            yield step(table.expr, f"{head}.describe()", op="describe", cost=1.2, labels=1)


def _shares(table: Table, goal: Goal) -> Iterator[Expr]:
    """``groupby('k')['v'].value_counts(normalize=True)``, and the counts themselves."""
    if goal.shape_kind not in ("series", "frame") or not goal.columns or goal.columns[-1].kind != "num":
        return
    wanted = goal.columns[-1].numbers
    for a in table.columns:
        for b in table.columns:
            if a is b or not hashable(a) or not hashable(b):
                continue
            places = goal.index if len(goal.index) == 2 else goal.columns[:2]
            if len(places) != 2 or not (places[0].distinct <= a.distinct and places[1].distinct <= b.distinct):
                continue
            groups = Groups([a, b])
            at = groups.place(places)
            if at is None or groups.count != goal.rows:
                continue
            sizes = groups.sizes.astype(np.float64)
            outer = Groups([a])
            total = outer.sizes[outer.ids][np.searchsorted(outer.rows, groups.first)]
            for option, made, percent in (
                ("", sizes, ""),
                ("normalize=True", sizes / total, ""),
                ("normalize=True", 100 * sizes / total, ".mul(100)"),
            ):
                if close(made[None, at], wanted)[0]:
                    text = f".groupby({literal(a.label)})[{literal(b.label)}].value_counts({option}){percent}"
                    cost = 1.4 + 0.4 * bool(option) + 0.4 * bool(percent)
                    expr = step(table.expr, text, op="value_counts", cost=cost, labels=2)
                    if goal.shape_kind == "frame" and goal.plain_index:
                        label = goal.labels[-1]
                        named = "" if label in ("count", "proportion") else f"name={literal(label)}"
                        yield step(expr, f".reset_index({named})", op="reset_index", cost=0.7)
                    else:
                        yield expr


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    """Rows numbered within their group, for a pivot that follows."""
    if not flat(table) or "n" in table.labels or goal.shape_kind != "frame" or goal.rows >= table.rows:
        return
    for key in table.columns:
        if (
            hashable(key)
            and 1 < len(key.distinct) < table.rows
            and len(key.distinct) <= 2 * goal.rows
            and goal.shows(key, least=0.7)
        ):
            text = f"{{0}}.assign(n={{0}}.groupby({literal(key.label)}).cumcount())"
            yield call(text, table.expr, op="groupby.cumcount", cost=1.8, tags=("label",))


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A call within groups that somebody might write."""
    if not flat(table):
        return None
    keys = [c for c in table.columns if hashable(c) and 1 < len(c.distinct) < table.rows and not c.null.any()]
    values = [c for c in table.columns if c.kind == "num"]
    if not keys or not values:
        return None
    key, value = keys[int(rng.integers(len(keys)))], values[int(rng.integers(len(values)))]
    if key is value:
        return None
    k, v = literal(key.label), literal(value.label)
    choice = rng.random()
    if choice < 0.4:
        agg = str(rng.choice(["sum", "mean", "max", "min", "count"]))
        text, op = f"{{0}}.groupby({k})[{v}].transform({literal(agg)})", "groupby.transform"
    elif choice < 0.6:
        text, op = f"{{0}}.groupby({k}).cumcount()", "groupby.cumcount"
    else:
        tail, _, op, _ = WITHIN[int(rng.integers(len(WITHIN)))]
        text = f"{{0}}.groupby({k})[{v}]{tail}"
    if rng.random() < 0.3:
        return call(text, table.expr, op=op, cost=1.4, tags=("label",) * 2)
    name = str(rng.choice(["new", "total", "result", "x"]))
    return (
        call(f"{{0}}.assign({name}={text})", table.expr, op=op, cost=1.8, tags=("label",) * 2)
        if name not in table.labels
        else None
    )


__all__ = ["FAMILY", "proposals", "random"]
