"""Which columns, and what they are called: select, drop, rename by a rule, prefixes, types, new labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mlsys4sys.autopandas.expression import POSITION, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.parts import distinct, flat, is_frame, step
from mlsys4sys.autopandas.table import Table

FAMILY = "labels"

RULES: tuple[tuple[str, Callable[[str], str], float], ...] = (
    ("str.lower", str.lower, 0.8),
    ("str.upper", str.upper, 0.9),
    ("str.title", str.title, 1.2),
    ("str.strip", str.strip, 1.0),
    ("str.capitalize", str.capitalize, 1.2),
)
"""Functions that rename every column: text, function, cost."""


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Columns chosen or renamed; the rows stay."""
    if table.shape_kind == "frame" and table.duplicate_labels and table.levels == 1:
        yield from _doubled(table)
        return
    if not is_frame(table):
        return
    yield from distinct(_last(table, goal) if last else _middle(table, goal), 40 if last else 8)


def _last(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind != "frame" or goal.rows > table.rows or table.levels != 1:
        return
    yield from _chosen(table, goal)
    yield from _headed(table, goal)
    if len(goal.labels) == len(table.labels):
        yield from _renamed(table, goal)


def _doubled(table: Table) -> Iterator[Expr]:
    """One column of each label, where several columns have the same: the first, the last, all as one."""
    yield step(table.expr, ".loc[:, ~{0}.columns.duplicated()]", op="drop_duplicates", cost=1.2)
    yield step(table.expr, ".loc[:, ~{0}.columns.duplicated(keep='last')]", op="drop_duplicates", cost=1.7)
    yield step(table.expr, ".loc[:, ~{0}.columns.duplicated(keep=False)]", op="drop_duplicates", cost=2.0)
    turned = step(table.expr, ".T", op="T", cost=0.5)
    if all(c.kind in ("num", "bool") for c in table.columns):
        for agg, cost in (("sum", 1.0), ("mean", 1.2), ("max", 1.3), ("min", 1.4), ("first", 1.4)):
            for sort, extra in (("", 0.0), (", sort=False", 0.3)):
                grouped = step(turned, f".groupby(level=0{sort}).{agg}()", op="groupby.agg", cost=cost + extra)
                yield step(grouped, ".T", op="T", cost=0.5)
    else:
        yield step(step(turned, ".groupby(level=0).first()", op="groupby.agg", cost=1.4), ".T", op="T", cost=0.5)
    unlike = step(turned, ".drop_duplicates()", op="drop_duplicates", cost=1.2)
    yield step(unlike, ".T", op="T", cost=0.5)
    count = len(table.labels)
    yield step(table.expr, f".set_axis(range({count}), axis=1)", op="set_axis", cost=2.5)


def _middle(table: Table, goal: Goal) -> Iterator[Expr]:
    kinds = {c.kind for c in table.columns}
    if "num" in kinds and len(kinds) > 1:
        yield step(table.expr, ".select_dtypes('number')", op="select_dtypes", cost=1.2)
    if flat(table) and len(table.labels) > 2:
        said = [label for label, code in zip(table.labels, table.label_codes, strict=True) if code in goal.words]
        if 1 < len(said) < len(table.labels) and goal.label_codes != tuple(table.book.code(label) for label in said):
            yield step(table.expr, f"[{literal(said)}]", op="select", cost=0.9, labels=len(said))
        unseen = [label for label, c, code in zip(table.labels, table.columns, table.label_codes, strict=True)
                  if code not in goal.words and not c.distinct & goal.words]  # fmt: skip
        if 0 < len(unseen) < len(table.labels) and len(unseen) <= 3:
            yield step(
                table.expr,
                f".drop(columns={literal(unseen if len(unseen) > 1 else unseen[0])})",
                op="drop",
                cost=1.0,
                labels=len(unseen),
            )


def _headed(table: Table, goal: Goal) -> Iterator[Expr]:
    """A row made the header: the first that holds the goal's labels."""
    if len(goal.labels) != len(table.labels) or goal.rows >= table.rows:
        return
    for row in range(min(3, table.rows - goal.rows)):
        if tuple(int(c.codes[row]) for c in table.columns) == goal.label_codes:
            below = step(table.expr, f".iloc[{row + 1}:]", op="iloc", cost=0.6)
            made = call(f"{{0}}.set_axis({{1}}.iloc[{row}], axis=1)", below, table.expr, op="set_axis", cost=1.0)
            yield made
            yield step(made, ".reset_index(drop=True)", op="reset_index", cost=0.6)
            return


def _chosen(table: Table, goal: Goal) -> Iterator[Expr]:
    """Some of the columns, whose labels the goal has."""
    have = list(table.label_codes)
    want = list(goal.label_codes)
    if not set(want) <= set(have):
        return
    if sorted(want) == sorted(have):
        if want != have:
            labels = [table.labels[have.index(code)] for code in want]
            try:
                ordered = sorted(table.labels)  # type: ignore[type-var]
            except TypeError:
                ordered = []
            if ordered == labels:
                yield step(table.expr, ".sort_index(axis=1)", op="sort_index", cost=1.2)
            if labels == list(table.labels)[::-1]:
                yield step(table.expr, ".iloc[:, ::-1]", op="iloc", cost=1.5)
            yield step(table.expr, f"[{literal(labels)}]", op="select", cost=0.8, labels=len(labels))
        return
    labels = [table.labels[have.index(code)] for code in want]
    gone = [label for label, code in zip(table.labels, have, strict=True) if code not in want]
    in_order = [code for code in have if code in set(want)] == want
    yield step(table.expr, f"[{literal(labels)}]", op="select", cost=0.6, labels=len(labels))
    if in_order:
        text = literal(gone if len(gone) > 1 else gone[0])
        yield step(table.expr, f".drop(columns={text})", op="drop", cost=0.8, labels=len(gone))
        yield from _by_rule(table, set(want))


def _by_rule(table: Table, want: set[int]) -> Iterator[Expr]:
    """Columns chosen by a property that they share."""
    codes = table.label_codes
    columns = table.columns

    def fits(keep: Sequence[bool]) -> bool:
        return {code for code, kept in zip(codes, keep, strict=True) if kept} == want

    numbers = [c.kind == "num" for c in columns]
    if fits(numbers):
        yield step(table.expr, ".select_dtypes('number')", op="select_dtypes", cost=1.1)
    if fits([not n and c.kind != "bool" for n, c in zip(numbers, columns, strict=True)]):
        yield step(table.expr, ".select_dtypes(exclude=['number', 'bool'])", op="select_dtypes", cost=1.6)
    if fits([not n for n in numbers]):
        yield step(table.expr, ".select_dtypes(exclude='number')", op="select_dtypes", cost=1.4)
    if fits([c.kind == "bool" for c in columns]):
        yield step(table.expr, ".select_dtypes('bool')", op="select_dtypes", cost=1.4)
    if fits([c.kind == "date" for c in columns]):
        yield step(table.expr, ".select_dtypes('datetime')", op="select_dtypes", cost=1.5)
    nulls = np.array([c.null.sum() for c in columns])
    if fits((nulls == 0).tolist()):
        yield step(table.expr, ".dropna(axis=1)", op="dropna", cost=1.1)
    if fits((nulls < table.rows).tolist()):
        yield step(table.expr, ".dropna(axis=1, how='all')", op="dropna", cost=1.2)
    for least in sorted(set((table.rows - nulls).tolist()))[1:4]:
        if fits((table.rows - nulls >= least).tolist()):
            if 2 * int(least) >= table.rows:
                yield step(table.expr, ".loc[:, {0}.isna().mean() < 0.5]", op="loc", cost=2.4)
            yield step(table.expr, f".dropna(axis=1, thresh={int(least)})", op="dropna", cost=2.0, tags=(POSITION,))
    if fits([len(set(c.codes.tolist())) > 1 for c in columns]):
        yield step(table.expr, ".loc[:, {0}.nunique() > 1]", op="loc", cost=1.8)
    if all(c.kind in ("num", "bool") for c in columns):
        totals = np.array([np.nansum(c.numbers) for c in columns])
        if fits((totals != 0).tolist()):
            yield step(table.expr, ".loc[:, ({0} != 0).any()]", op="loc", cost=1.9)
    seen: dict[bytes, bool] = {}
    if fits(
        [
            seen.setdefault(c.key, i == 0 or c.key not in seen) and list(columns).index(c) == i
            for i, c in enumerate(columns)
        ]
    ) and len(seen) < len(columns):
        yield step(step(table.expr, ".T.drop_duplicates()", op="drop_duplicates", cost=1.4), ".T", op="T", cost=0.8)
    yield from _by_label(table, want)
    first = [code in want for code in codes]
    if first == sorted(first, reverse=True):
        yield step(table.expr, f".iloc[:, :{sum(first)}]", op="iloc", cost=2.0, tags=(POSITION,))
    elif first == sorted(first):
        yield step(table.expr, f".iloc[:, {len(first) - sum(first)}:]", op="iloc", cost=2.0, tags=(POSITION,))
    for every in (2, 3):
        for start in range(every):
            if fits([i % every == start for i in range(len(codes))]) and len(want) > 1:
                yield step(table.expr, f".iloc[:, {start or ''}::{every}]", op="iloc", cost=2.2, tags=(POSITION,))


def _by_label(table: Table, want: set[int]) -> Iterator[Expr]:
    labels = table.labels
    if not all(isinstance(label, str) for label in labels):
        return
    texts = [str(label) for label in labels]
    keep = [code in want for code in table.label_codes]
    kept = [text for text, k in zip(texts, keep, strict=True) if k]
    for like in sorted(_common_parts(kept), key=len, reverse=True):
        if [like in text for text in texts] == keep and len(like) > 1:
            yield step(table.expr, f".filter(like={literal(like)})", op="filter", cost=1.6)
            if all(text.startswith(like) for text in kept):
                yield step(table.expr, f".loc[:, {{0}}.columns.str.startswith({literal(like)})]", op="loc", cost=2.0)
                yield step(table.expr, f".filter(regex={literal('^' + re.escape(like))})", op="filter", cost=2.0)
            elif all(text.endswith(like) for text in kept):
                yield step(table.expr, f".loc[:, {{0}}.columns.str.endswith({literal(like)})]", op="loc", cost=2.0)
                yield step(table.expr, f".filter(regex={literal(re.escape(like) + '$')})", op="filter", cost=2.0)
            break
    gone = [text for text, k in zip(texts, keep, strict=True) if not k]
    for like in sorted(_common_parts(gone), key=len, reverse=True):
        if (
            [like not in text for text in texts] == keep
            and len(like) > 1
            and (len(gone) > 1 or like.startswith("Unnamed"))
        ):
            yield step(
                table.expr, f".loc[:, ~{{0}}.columns.str.contains({literal(re.escape(like))})]", op="loc", cost=2.0
            )
            yield step(table.expr, f".drop(columns={{0}}.filter(like={literal(like)}).columns)", op="drop", cost=2.2)
            break


def _common_parts(texts: Sequence[str]) -> set[str]:
    """Runs of letters at an end, or after a separator, that all texts have."""
    if not texts:
        return set()
    first = texts[0]
    parts = (
        {first[:i] for i in range(1, len(first) + 1)}
        | {first[i:] for i in range(len(first))}
        | set(re.split(r"\W|_", first))
    )
    return {part for part in parts if part and all(part in text for text in texts)}


def _renamed(table: Table, goal: Goal) -> Iterator[Expr]:
    """Every label by a rule, or new ones one by one."""
    old, new = table.labels, goal.labels
    if old == new or goal.levels != 1 or goal.rows != table.rows or not _same_columns(table, goal):
        return
    if all(isinstance(label, str) for label in (*old, *new)):
        a, b = [str(label) for label in old], [str(label) for label in new]
        for text, rule, cost in RULES:
            if [rule(x) for x in a] == b:
                yield step(table.expr, f".rename(columns={text})", op="rename", cost=0.8 + cost)
        for x, y in ((" ", "_"), ("_", " "), (" ", ""), ("_", ""), ("-", "_"), (".", "_")):
            if [t.replace(x, y) for t in a] == b:
                yield step(
                    table.expr,
                    f".set_axis({{0}}.columns.str.replace({literal(x)}, {literal(y)}, regex=False), axis=1)",
                    op="rename",
                    cost=1.8,
                )
            if [t.lower().replace(x, y) for t in a] == b:
                yield step(
                    table.expr,
                    f".rename(columns=str.lower).rename(columns=lambda c: c.replace({literal(x)}, {literal(y)}))",
                    op="rename",
                    cost=2.2,
                )
        for x in {t.rpartition("_")[0] + "_" for t in a if "_" in t} | {
            "_" + t.rpartition("_")[2] for t in a if "_" in t
        }:
            if [t.removeprefix(x) for t in a] == b:
                yield step(
                    table.expr, f".rename(columns=lambda c: c.removeprefix({literal(x)}))", op="rename", cost=2.2
                )
            elif [t.replace(x, "") for t in a] == b:
                yield step(
                    table.expr,
                    f".set_axis({{0}}.columns.str.replace({literal(x)}, '', regex=False), axis=1)",
                    op="rename",
                    cost=2.2,
                )
    a = [str(label) for label in old]
    b = [str(label) for label in new]
    prefix, suffix = b[0].removesuffix(a[0]), b[0].removeprefix(a[0])
    if prefix and prefix != b[0] and [prefix + x for x in a] == b:
        yield step(table.expr, f".add_prefix({literal(prefix)})", op="add_prefix", cost=1.0)
    if suffix and suffix != b[0] and [x + suffix for x in a] == b:
        yield step(table.expr, f".add_suffix({literal(suffix)})", op="add_suffix", cost=1.0)
    changed = {x: y for x, y in zip(old, new, strict=True) if x != y}
    yield step(table.expr, f".rename(columns={literal(changed)})", op="rename", cost=0.8 + 0.4 * len(changed))
    if list(new) == list(range(len(new))):
        yield step(table.expr, ".set_axis(range({0}.shape[1]), axis=1)", op="set_axis", cost=1.5)
    if len(changed) == len(old) and len(old) > 1:
        yield step(table.expr, f".set_axis({literal(list(new))}, axis=1)", op="set_axis", cost=1.2 + 0.4 * len(new))


def _same_columns(table: Table, goal: Goal) -> bool:
    return all(a.key == b.key for a, b in zip(table.columns, goal.columns, strict=True))


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A choice or a new name of columns that somebody might make."""
    if not flat(table) or len(table.labels) < 2:
        return None
    choice = rng.random()
    n = len(table.labels)
    if choice < 0.35:
        size = int(rng.integers(1, n))
        picks = rng.choice(n, size=size, replace=False).tolist()
        picks = sorted(picks) if rng.random() < 0.7 else picks
        return step(table.expr, f"[{literal([table.labels[i] for i in picks])}]", op="select", cost=0.8, labels=size)
    if choice < 0.55:
        return step(
            table.expr, f".drop(columns={literal(table.labels[int(rng.integers(n))])})", op="drop", cost=1.0, labels=1
        )
    if choice < 0.75:
        label = table.labels[int(rng.integers(n))]
        new = str(rng.choice(["name", "value", "total", "key", "id2", "score", "group"]))
        return (
            step(table.expr, f".rename(columns={literal({label: new})})", op="rename", cost=1.2)
            if new not in table.labels
            else None
        )
    if choice < 0.85:
        word = str(rng.choice(["new_", "x_", "col_"]))
        return (
            step(table.expr, f".add_prefix({literal(word)})", op="add_prefix", cost=1.0)
            if rng.random() < 0.5
            else step(table.expr, f".add_suffix({literal('_' + word[:-1])})", op="add_suffix", cost=1.0)
        )
    if any(c.kind == "num" for c in table.columns) and any(c.kind != "num" for c in table.columns):
        return step(table.expr, ".select_dtypes('number')", op="select_dtypes", cost=1.1)
    if all(isinstance(label, str) for label in table.labels):
        return step(table.expr, ".rename(columns=str.upper)", op="rename", cost=1.0)
    return None


__all__ = ["FAMILY", "proposals", "random"]
