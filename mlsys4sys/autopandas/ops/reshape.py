"""Wide to long and other changes of shape: melt, stack, unstack, wide_to_long, get_dummies, explode, transpose."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import pandas as pd

from mlsys4sys.autopandas.expression import LABEL, Expr, call, literal
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.ops.keys import headers
from mlsys4sys.autopandas.ops.parts import (
    MOST_COLUMNS,
    MOST_ROWS,
    distinct,
    flat,
    has_lists,
    is_frame,
    label_set,
    some,
    step,
)
from mlsys4sys.autopandas.table import Column, Table

FAMILY = "reshape"


def proposals(table: Table, goal: Goal, _others: Sequence[Table], *, last: bool) -> Iterator[Expr]:
    """Changes of shape, each bounded by the goal's labels and rows."""
    if table.shape_kind not in ("frame", "series") or not table.rows:
        return
    makers = (
        (_melted, _stacked, _unstacked, _transposed, _exploded, _dummies, _long)
        if last
        else (_melts, _stacks, _unstacks, _transposes, _explodes)
    )
    yield from distinct((expr for make in makers for expr in make(table, goal)), 40 if last else 14)


# Melt


def _melted(table: Table, goal: Goal) -> Iterator[Expr]:
    if not flat(table) or goal.shape_kind != "frame" or goal.levels != 1 or goal.rows > table.rows * len(table.labels):
        return
    labels = set(table.label_codes)
    for place in goal.columns:
        if not place.distinct or not place.distinct <= labels:
            continue
        if len(place.distinct) < 2 and len(table.labels) > 2:
            continue
        variables = [
            label for label, code in zip(table.labels, table.label_codes, strict=True) if code in place.distinct
        ]
        ids = [label for label in table.labels if label not in variables]
        kept = [label for label in ids if table.book.code(label) in label_set(goal)]
        rest = [
            c.label
            for c in goal.columns
            if c is not place and table.book.code(c.label) not in set(map(table.book.code, kept))
        ]
        if len(rest) != 1 or not _cells_come_from(table, goal, variables, rest[0]):
            continue
        yield from _melt(table, goal, kept, variables, str_label(place.label), str_label(rest[0]), place)


def str_label(label: Hashable) -> Hashable:
    """A label as it may name a column."""
    return label


def _cells_come_from(table: Table, goal: Goal, variables: Sequence[Hashable], value: Hashable) -> bool:
    wanted = goal.columns[goal.labels.index(value)].distinct
    have: set[int] = set()
    for column in table.columns:
        if column.label in variables:
            have |= column.distinct
    return wanted <= have


def _melt(
    table: Table,
    goal: Goal,
    ids: list[Hashable],
    variables: list[Hashable],
    var: Hashable,
    value: Hashable,
    place: Column,
) -> Iterator[Expr]:
    arguments = []
    unpicked = [label for label in table.labels if label not in ids and label not in variables]
    if ids:
        arguments.append(f"id_vars={some(ids)}")
    if unpicked or (not ids and len(variables) < len(table.labels)):
        arguments.append(f"value_vars={literal(variables)}")
    cost = 0.9 + 0.2 * len(ids) + 0.2 * len(variables) * bool(unpicked)
    by_row = not unpicked and _repeats_by_row(table, variables, place)
    named = [] if var == "variable" and not table.value.columns.name else [f"var_name={literal(var)}"]
    named += [] if value == "value" else [f"value_name={literal(value)}"]
    melt = step(
        table.expr,
        f".melt({', '.join([*arguments, *named])})",
        op="melt",
        cost=cost + 0.3 * len(named),
        tags=(LABEL,) * len(ids),
    )
    stacked = []
    if not unpicked and ids:
        keyed = step(table.expr, f".set_index({some(ids)})", op="set_index", cost=0.8, labels=len(ids))
        renamed = step(keyed, f".rename_axis(columns={literal(var)})", op="rename_axis", cost=0.8)
        stacked = [
            step(
                step(renamed, ".stack()", op="stack", cost=0.9),
                f".reset_index(name={literal(value)})",
                op="reset_index",
                cost=0.8,
            )
        ]
    yield from (*stacked, melt) if by_row else (melt, *stacked)
    if not goal.plain_index and not table.plain_index:
        yield step(
            table.expr,
            f".melt({', '.join([*arguments, *named, 'ignore_index=False'])})",
            op="melt",
            cost=cost + 0.8,
            tags=(LABEL,) * len(ids),
        )


def _repeats_by_row(table: Table, variables: Sequence[Hashable], place: Column) -> bool:
    """Whether the goal lists all labels for a row before the next row, as ``stack`` does."""
    codes = [table.book.code(label) for label in variables]
    return len(variables) > 1 and place.codes[: len(variables)].tolist() == codes and table.rows > 1


def _melts(table: Table, goal: Goal) -> Iterator[Expr]:
    if not flat(table) or len(table.labels) < 3 or len(table.labels) > 40:
        return
    words = goal.words
    ids = [label for label, code in zip(table.labels, table.label_codes, strict=True) if code in label_set(goal)]
    seen = [
        label
        for label, code in zip(table.labels, table.label_codes, strict=True)
        if code in goal.cells | goal.index_cells
    ]
    kinds = [c.kind for c in table.columns]
    texts = [c.label for c in table.columns if c.kind in ("str", "date")]
    options = [ids, [label for label in table.labels if label not in seen], texts, [table.labels[0]]]
    for keep in options:
        rest = [i for i, label in enumerate(table.labels) if label not in keep]
        # Melting columns of different kinds makes nothing that anybody wants.
        if keep and len(rest) > 1 and len({kinds[i] for i in rest}) == 1 and (set(ids) <= set(keep) or words):
            yield step(table.expr, f".melt(id_vars={some(keep)})", op="melt", cost=1.0, labels=len(keep))


# Stack and unstack


def _stacked(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind != "frame":
        return
    size = table.rows * len(table.labels)
    if table.levels == 1:
        full = sum(len(c.codes) - int(c.null.sum()) for c in table.columns)
        kept = goal.rows == size
        if goal.shape_kind == "series" and goal.rows in (size, full):
            stacked = step(table.expr, ".stack()", op="stack", cost=0.9)
            yield stacked if kept else step(stacked, ".dropna()", op="dropna", cost=0.6)
            yield step(stacked, ".reset_index(drop=True)", op="reset_index", cost=0.7)
            yield step(table.expr, ".unstack()", op="unstack", cost=1.2)
        elif goal.shape_kind == "frame" and goal.rows in (size, full) and goal.levels == 1:
            rows = set().union(*(level.distinct for level in table.index))
            across = set(table.label_codes)
            if any(c.distinct and c.distinct <= across for c in goal.everything) and any(
                c.distinct and c.distinct <= rows for c in goal.everything
            ):
                stacked = step(table.expr, ".stack()", op="stack", cost=0.9)
                stacked = stacked if kept else step(stacked, ".dropna()", op="dropna", cost=0.6)
                names = [literal(label) for label in goal.labels]
                if goal.plain_index and len(names) == len(table.index) + 2 and all(c is not None for c in goal.labels):
                    axis = step(stacked, f".rename_axis([{', '.join(names[:-1])}])", op="rename_axis", cost=0.8)
                    yield step(axis, f".reset_index(name={names[-1]})", op="reset_index", cost=0.8)
                yield step(stacked, ".reset_index()", op="reset_index", cost=0.6)
                yield step(stacked, ".to_frame()", op="to_frame", cost=0.8)
        if goal.shape_kind == "series" and len(goal.index) == 2 and flat(table):
            yield from _keyed_stack(table, goal)
    elif table.levels == 2:
        for level in (-1, 0):
            header = headers(table)[level]
            if len(header.distinct) * table.rows >= goal.rows:
                text = ".stack()" if level == -1 else ".stack(level=0)"
                expr = step(table.expr, text, op="stack", cost=0.9 + 0.3 * (level == 0))
                yield expr
                if goal.plain_index:
                    yield step(expr, ".reset_index()", op="reset_index", cost=0.6)


def _keyed_stack(table: Table, goal: Goal) -> Iterator[Expr]:
    """``set_index`` and ``stack`` or ``unstack``: labels of rows and columns side by side."""
    for column in table.columns:
        if column.unique and goal.rows <= table.rows * (len(table.labels) - 1):
            rest = set(table.label_codes) - {table.book.code(column.label)}
            keyed = step(table.expr, f".set_index({literal(column.label)})", op="set_index", cost=0.6, labels=1)
            if goal.index[0].distinct <= column.distinct and goal.index[1].distinct <= rest:
                yield step(keyed, ".stack()", op="stack", cost=0.9)
            elif goal.index[1].distinct <= column.distinct and goal.index[0].distinct <= rest:
                yield step(keyed, ".unstack()", op="unstack", cost=1.1)


def _stacks(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind != "frame" or table.rows * len(table.labels) > MOST_ROWS:
        return
    shown = len(set(table.label_codes) & (goal.cells | goal.index_cells))
    if (table.levels == 1 and 2 * shown >= len(table.labels) > 1) or table.levels == 2:
        yield step(table.expr, ".stack()", op="stack", cost=1.0)
    if table.levels == 2:
        yield step(table.expr, ".stack(level=0)", op="stack", cost=1.3)


def _unstacked(table: Table, goal: Goal) -> Iterator[Expr]:
    for level, expr in _unstack_levels(table):
        if goal.shape_kind == "frame" and len(level.distinct & goal.column_label_parts) >= 0.5 * len(level.distinct):
            yield expr
            yield _with_argument(expr, "fill_value=0")
            if goal.plain_index:
                yield step(expr, ".reset_index()", op="reset_index", cost=0.6)
                yield step(_with_argument(expr, "fill_value=0"), ".reset_index()", op="reset_index", cost=0.6)


def _unstacks(table: Table, goal: Goal) -> Iterator[Expr]:
    for level, expr in _unstack_levels(table):
        if level.distinct & goal.words:
            yield expr
            yield _with_argument(expr, "fill_value=0")


def _unstack_levels(table: Table) -> Iterator[tuple[Column, Expr]]:
    if len(table.index) < 2 or not table.value.index.is_unique:
        return
    count = len(table.index)
    for i in range(count - 1, -1, -1):
        level = table.index[i]
        if len(level.distinct) > MOST_COLUMNS:
            continue
        name = "" if i == count - 1 else str(i) if level.label is None else literal(level.label)
        yield level, step(table.expr, f".unstack({name})", op="unstack", cost=0.9 + 0.3 * bool(name))


def _with_argument(expr: Expr, argument: str) -> Expr:
    """The call with one more argument."""
    head, _, _ = expr.template.rpartition(")")
    glue = "" if head.endswith("(") else ", "
    return Expr(f"{head}{glue}{argument})", expr.parts, expr.level, expr.op, expr.cost + 0.4, expr.tags)


# Transpose


def _transposed(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind != "frame" or goal.shape_kind != "frame":
        return
    turned_labels = table_index(table) | frozenset(table.label_codes)
    if goal.rows <= len(table.labels) and len(goal.labels) <= table.rows and goal.column_label_parts <= turned_labels:
        turned = step(table.expr, ".T", op="T", cost=0.9)
        yield turned
        if goal.plain_index:
            yield step(turned, ".reset_index()", op="reset_index", cost=0.6)
    if flat(table) and goal.rows <= len(table.labels) and len(goal.labels) <= table.rows + 1:
        for column in table.columns:
            # A column that becomes the header.
            if column.unique and len(column.distinct & goal.column_label_parts) >= 0.5 * len(column.distinct):
                keyed = step(table.expr, f".set_index({literal(column.label)})", op="set_index", cost=0.6, labels=1)
                turned = step(keyed, ".T", op="T", cost=0.9)
                yield turned
                if goal.plain_index:
                    yield step(turned, ".reset_index()", op="reset_index", cost=0.6)
                    label = goal.labels[0]
                    if isinstance(label, str) and label not in ("index", column.label):
                        yield step(
                            turned, f".rename_axis(index={literal(label)}).reset_index()", op="reset_index", cost=1.2
                        )


def table_index(table: Table) -> frozenset[int]:
    """Codes of all row labels."""
    return frozenset().union(*(level.distinct for level in table.index))


def _transposes(table: Table, goal: Goal) -> Iterator[Expr]:
    if table.shape_kind == "frame" and table.rows <= 30 and table_index(table) & goal.column_label_parts:
        yield step(table.expr, ".T", op="T", cost=1.0)


# Explode


def _exploded(table: Table, goal: Goal) -> Iterator[Expr]:
    lists = [c for c in table.columns if has_lists(c)]
    for column in lists:
        rows = sum(len(cell) or 1 if isinstance(cell, list | tuple | set) else 1 for cell in column.cells)
        if goal.shape_kind in ("frame", "series", "list") and goal.rows <= rows:
            yield from _explode(table, goal, [column])
    if len(lists) > 1:
        yield from _explode(table, goal, lists)
    yield from _spread_lists(table, goal, lists)
    yield from _spread_dictionaries(table, goal)


def _explode(table: Table, goal: Goal, columns: Sequence[Column]) -> Iterator[Expr]:
    if table.shape_kind == "series":
        options = [".explode()", ".explode(ignore_index=True)"]
    else:
        label = some([c.label for c in columns])
        options = [f".explode({label})", f".explode({label}, ignore_index=True)"]
    if goal.plain_index:
        options.reverse()
    for text in options:
        yield step(table.expr, text, op="explode", cost=0.9 + 0.3 * ("ignore" in text), labels=len(columns))


def _explodes(table: Table, goal: Goal) -> Iterator[Expr]:
    lists = [c for c in table.columns if has_lists(c)]
    for column in lists[:2]:
        yield from list(_explode(table, goal, [column]))[:1]


def _spread_dictionaries(table: Table, goal: Goal) -> Iterator[Expr]:
    """A column of dictionaries as columns."""
    for column in table.columns:
        cells = column.cells if column.array.dtype == object else []
        if not cells or not all(isinstance(cell, dict) for cell in cells) or goal.shape_kind != "frame":
            continue
        if not {table.book.code(key) for cell in cells for key in cell} & label_set(goal):
            continue
        ref = f"{{0}}[{literal(column.label)}]" if table.shape_kind == "frame" else "{0}"
        index = "" if table.plain_index else ", index={0}.index"
        for text in (f"pd.DataFrame({ref}.tolist(){index})", f"pd.json_normalize({ref})"):
            made = call(text, table.expr, op="explode", cost=1.5, tags=(LABEL,))
            if table.shape_kind == "series" or not set(table.label_codes) & label_set(goal):
                yield made
            else:
                rest = step(table.expr, f".drop(columns={literal(column.label)})", op="drop", cost=0.8, labels=1)
                yield call("{0}.join({1})", rest, made, op="join", cost=0.9)
                yield call("{0}.join({1})", table.expr, made, op="join", cost=1.2)


def _spread_lists(table: Table, goal: Goal, lists: Sequence[Column]) -> Iterator[Expr]:
    """A column of equally long lists as columns."""
    for column in lists:
        if goal.shape_kind != "frame" or column.null.any():
            continue
        width = max(len(cell) if isinstance(cell, list | tuple) else 0 for cell in column.cells)
        if not width or len(goal.labels) < width or goal.rows != table.rows:
            continue
        ref = f"{{0}}[{literal(column.label)}]" if table.shape_kind == "frame" else "{0}"
        labels = goal.labels[-width:] if table.shape_kind == "frame" else goal.labels
        named = "" if list(labels) == list(range(width)) else f", columns={literal(list(labels))}"
        index = "" if table.plain_index else ", index={0}.index"
        made = call(f"pd.DataFrame({ref}.tolist(){named}{index})", table.expr, op="explode", cost=1.8, tags=(LABEL,))
        if len(goal.labels) == width:
            yield made
        elif table.shape_kind == "frame":
            drop = step(table.expr, f".drop(columns={literal(column.label)})", op="drop", cost=0.8, labels=1)
            yield call("{0}.join({1})", drop, made, op="join", cost=1.0)
            yield call("{0}.join({1})", table.expr, made, op="join", cost=1.0)


# Dummies


def _dummies(table: Table, goal: Goal) -> Iterator[Expr]:
    if goal.shape_kind != "frame" or goal.rows != table.rows or goal.levels != 1:
        return
    texts = {str(label) for label in goal.labels}
    given = set(table.label_codes)
    new = [c for c, code in zip(goal.columns, goal.label_codes, strict=True) if code not in given]
    typed = "" if any(c.kind == "bool" for c in new) else ", dtype=int"
    if table.shape_kind == "frame" and flat(table):
        coded = [c for c in table.columns if c.kind in ("str", "num", "bool") and 1 < len(c.distinct) <= len(texts)]
        whole = [c for c in coded if _prefixed(c, texts, f"{c.label}_")]
        if whole:
            every = [c for c in table.columns if c.kind == "str"]
            pick = "" if every == whole else f", columns={literal([c.label for c in whole])}"
            for first in ("", ", drop_first=True"):
                yield call(
                    f"pd.get_dummies({{0}}{pick}{first}{typed})",
                    table.expr,
                    op="get_dummies",
                    cost=1.0 + 0.6 * bool(first),
                    tags=(LABEL,),
                )
        for column in coded:
            label = literal(column.label)
            if _prefixed(column, texts, ""):
                made = call(
                    f"pd.get_dummies({{0}}[{label}]{typed})", table.expr, op="get_dummies", cost=1.1, tags=(LABEL,)
                )
                yield made
                if len(texts) > len(column.distinct):
                    yield call(
                        f"pd.get_dummies({{0}}, columns=[{label}], prefix='', prefix_sep=''{typed})",
                        table.expr,
                        op="get_dummies",
                        cost=2.0,
                        tags=(LABEL,),
                    )
                    yield call("{0}.join({1})", table.expr, made, op="join", cost=1.0)
                    dropped = step(table.expr, f".drop(columns={label})", op="drop", cost=0.8, labels=1)
                    yield call("{0}.join({1})", dropped, made, op="join", cost=1.0)
            for prefix in _prefixes(column, goal):
                if prefix != f"{column.label}_":
                    word, sep = (prefix[:-1], "") if prefix.endswith("_") else (prefix, ", prefix_sep=''")
                    yield call(
                        f"pd.get_dummies({{0}}, columns=[{label}], prefix={literal(word)}{sep}{typed})",
                        table.expr,
                        op="get_dummies",
                        cost=1.8,
                        tags=(LABEL,),
                    )
    elif table.shape_kind == "series" and _prefixed(table.columns[0], texts, ""):
        yield call(f"pd.get_dummies({{0}}{typed})", table.expr, op="get_dummies", cost=1.0)


def _prefixed(column: Column, labels: set[str], prefix: str) -> bool:
    """Whether all cells but one at most are labels behind a prefix."""
    made = {f"{prefix}{column.book.cell(code)}" for code in column.distinct}
    return len(made - labels) <= 1 and len(made & labels) > 0


def _prefixes(column: Column, goal: Goal) -> list[str]:
    cells = [str(column.book.cell(code)) for code in column.distinct]
    found = {str(label).removesuffix(cells[0]) for label in goal.labels if str(label).endswith(cells[0])} - {""}
    labels = {str(label) for label in goal.labels}
    return [prefix for prefix in found if all(f"{prefix}{cell}" in labels for cell in cells)]


# Wide to long


def _long(table: Table, goal: Goal) -> Iterator[Expr]:
    """``wide_to_long``: labels that are a stub and a suffix, the suffixes cells of the goal."""
    if not flat(table) or goal.shape_kind != "frame" or goal.levels != 1:
        return
    wanted = [label for label in goal.labels if isinstance(label, str)]
    numbered = [re.match(rf"{re.escape(w)}([^\d]{{2,}})\d+$", str(label)) for w in wanted for label in table.labels]
    between = dict.fromkeys(found[1] for found in numbered if found)
    for separator in ("", "_", "-", " ", ".", *between):
        stubs: dict[str, list[str]] = {}
        for label in table.labels:
            for stub in wanted:
                if isinstance(label, str) and label.startswith(stub + separator) and len(label) > len(stub + separator):
                    stubs.setdefault(stub, []).append(label[len(stub + separator) :])
        if not stubs:
            continue
        suffixes = {suffix for found in stubs.values() for suffix in found}
        used = {f"{stub}{separator}{suffix}" for stub, found in stubs.items() for suffix in found}
        named = label_set(goal) | goal.axis_names
        ids = [label for label in table.labels if label not in used and table.book.code(label) in named]
        digits = all(re.fullmatch(r"\d+", suffix) for suffix in suffixes)
        cells = [goal.book.code(int(suffix) if digits else suffix) for suffix in suffixes]
        known = {*stubs, *ids}
        place = next(
            (c for c in goal.everything if c.distinct and set(c.distinct) <= set(cells) and c.label not in known), None
        )
        kept = [*ids, *stubs]
        if place is None and len(suffixes) > 1 and sorted(map(str, goal.labels)) == sorted(map(str, kept)):
            # The goal has all columns but the suffix.
            name = next(n for n in ("number", "suffix", "_suffix") if n not in (*kept, *table.labels))
        elif place is not None and isinstance(place.label, str):
            name = place.label
        else:
            continue
        if len(suffixes) < 2 or goal.rows > table.rows * len(suffixes):
            continue
        if not ids or table.value[ids].duplicated().any():
            continue
        options = "" if not separator else f", sep={literal(separator)}"
        options += "" if digits else ", suffix=r'\\w+'"
        arguments = f"stubnames={literal(list(stubs))}, i={some(ids)}, j={literal(name)}{options}"
        count = len(ids) + len(stubs)
        text = f"pd.wide_to_long({{0}}, {arguments})"
        made = call(text, table.expr, op="wide_to_long", cost=1.6 + 0.2 * count, tags=(LABEL,) * count)
        if place is not None:
            if goal.rows < table.rows * len(suffixes):  # those without any value are left out
                made = step(made, ".dropna(how='all')", op="dropna", cost=0.5)
            yield step(made, ".reset_index()", op="reset_index", cost=0.6) if goal.plain_index else made
        elif goal.plain_index:
            long = step(made, ".reset_index()", op="reset_index", cost=0.6)
            yield step(long, f".drop(columns={literal(name)})", op="drop", cost=0.6, labels=1)


def random(table: Table, rng: np.random.Generator, _others: Sequence[Table]) -> Expr | None:
    """A change of shape that somebody might make."""
    choices: list[Expr] = []
    if flat(table) and 2 < len(table.labels) <= 12:
        kinds = [c.kind for c in table.columns]
        numbers = [i for i, kind in enumerate(kinds) if kind == "num"]
        if len(numbers) > 1 and len(numbers) < len(kinds):
            ids = [label for i, label in enumerate(table.labels) if i not in numbers]
            names = (
                ""
                if rng.random() < 0.5 or "name" in table.labels or "key" in table.labels
                else f", var_name={literal(str(rng.choice(['key', 'metric', 'name'])))}"
            )
            choices.append(step(table.expr, f".melt(id_vars={some(ids)}{names})", op="melt", cost=1.0, labels=len(ids)))
        lists = [c for c in table.columns if has_lists(c)]
        choices += [
            expr for c in lists for expr in [step(table.expr, f".explode({literal(c.label)})", op="explode", cost=1.0)]
        ]
        codes = [c for c in table.columns if c.kind == "str" and 1 < len(c.distinct) <= 6]
        if codes:
            label = literal(codes[int(rng.integers(len(codes)))].label)
            choices.append(
                call(f"pd.get_dummies({{0}}, columns=[{label}], dtype=int)", table.expr, op="get_dummies", cost=1.2)
            )
    if len(table.index) > 1 and isinstance(table.value, pd.DataFrame | pd.Series) and table.value.index.is_unique:
        choices += [expr for _, expr in _unstack_levels(table)] * 3
    if is_frame(table) and not table.plain_index and table.levels == 1:
        choices += [step(table.expr, ".stack()", op="stack", cost=0.9)] * (
            1 + (len({c.kind for c in table.columns}) == 1)
        )
        if table.rows <= 12:
            choices.append(step(table.expr, ".T", op="T", cost=0.9))
    return choices[int(rng.integers(len(choices)))] if choices else None


__all__ = ["FAMILY", "proposals", "random"]
