"""Which program was meant: candidates run on changed inputs, classes of those that behave alike, and their ranking.

An example never decides between all programs that fit it. What speaks for one of them is its text (short, few magic
constants) and its manners: whether it gives the same rows when rows are shuffled, survives a dropped row, keeps the
output's columns, and whether other, differently written candidates agree with it.
"""

from __future__ import annotations

import ast
import math
import re
import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlsys4sys import checkpoint
from mlsys4sys.autopandas.expression import (
    CELL,
    ENTRY,
    FUNCTION,
    LABEL,
    OUTPUT,
    POSITION,
    WHERE,
    Expr,
    skeleton,
    source,
)
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.memo import Failed, Memo
from mlsys4sys.autopandas.perturb import Variant, kept_rows, variants
from mlsys4sys.autopandas.problem import Task, copied
from mlsys4sys.autopandas.table import NULL, Codebook, Table
from mlsys4sys.autopandas.usage import surprise
from mlsys4sys.errors import CheckpointError
from mlsys4sys.learn.nets import Perceptron

Floats = NDArray[np.float64]

KINDS = ("shuffle", "extend", "numbers", "drop", "swap", "resample", "columns", "double", "holes", "rename")
"""The variants that candidates are run on, the most telling first."""

LEAST = 4
"""Variants that are run whatever the time."""

KIND, VERSION = "autopandas.meant", 2
SHIPPED = Path(__file__).parent / "weights" / "meant.safetensors"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a candidate made of one variant."""

    key: Hashable
    """Equal for equal outputs; None where it raised."""
    bag: Hashable = None
    """Equal for outputs whose rows are equal but for their order and their labels."""
    cells: Hashable = None
    """Equal for outputs with the same cells, whatever the order of rows and columns."""
    rows: int = 0
    kind: str = ""
    labels: tuple[int, ...] = ()
    null: float = 0.0
    """Share of missing cells."""
    distinct: int = 0
    """Different cells."""
    types: tuple[str, ...] = ()
    """What numpy calls the kind of each column's cells: ``1`` and ``1.0`` are equal, but seldom meant alike."""

    @property
    def raised(self) -> bool:
        """Whether there is no output."""
        return self.key is None


_RAISED = Outcome(None)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All candidates on all variants."""

    kinds: tuple[str, ...]
    """The kind of each variant."""
    outcomes: tuple[tuple[Outcome, ...], ...]
    """One tuple a candidate, one outcome a variant."""
    wanted: Outcome
    """The task's own output, seen in the same way."""
    rows_in: int
    """Rows of the largest input."""
    inputs: int
    """How many inputs there are."""
    grown: tuple[int, ...]
    """Rows of the largest input of each variant."""
    words: frozenset[str] = frozenset()
    """Words of the output's labels that are no labels of an input."""
    block: float = 0.0
    """Nats of coincidence if the output's rows stand together in the input by chance; 0 where they do not."""
    labels: frozenset[str] = frozenset()
    """The output's labels that are no labels of an input."""
    sorted_labels: frozenset[str] = frozenset()
    """Columns by which an input is sorted as it stands."""
    columns: int = 1
    """Columns of the widest input."""

    def classes(self) -> list[int]:
        """A number a candidate, equal for those that behave alike; renamed columns aside."""
        telling = [i for i, kind in enumerate(self.kinds) if kind != "rename"]
        numbers: dict[Hashable, int] = {}
        return [numbers.setdefault(tuple(row[i].key for i in telling), len(numbers)) for row in self.outcomes]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place."""

    expr: Expr
    position: int
    """Where it was among the candidates given."""
    probability: float
    """That its class is the one that was meant, if any of the candidates is."""
    group: int
    """Its class; candidates of a class gave the same outputs on every variant."""
    leads: bool
    """Whether it stands for its class."""


@dataclass(frozen=True, slots=True)
class Distinction:
    """An input on which two programs part."""

    inputs: tuple[Any, ...]
    outputs: tuple[Any, Any]


def observe(
    exprs: Sequence[Expr], task: Task, *, seed: int = 0, deadline: float | None = None, kinds: Sequence[str] = KINDS
) -> Behaviour:
    """Run every candidate on variants of the first example's inputs.

    Args:
        exprs: Programs over ``inp0``, ``inp1`` …
        task: What they were made for.
        seed: Of the variants.
        deadline: When to stop (:func:`time.perf_counter`), :data:`LEAST` variants are run in any case.
        kinds: Which variants.
    """
    example = task.examples[0]
    book = Codebook()
    made = variants(example.inputs, kinds, seed)
    clock = _Clock(deadline)
    columns: list[list[Outcome]] = []
    for variant in made:
        if len(columns) >= LEAST and clock.over():
            break
        columns.append(_outcomes(exprs, variant.inputs, book))
    made = made[: len(columns)]
    return Behaviour(
        tuple(variant.kind for variant in made),
        tuple(zip(*columns, strict=True)) if columns else tuple(() for _ in exprs),
        _outcome(Goal.of(example.output, book)),
        _rows(example.inputs),
        len(example.inputs),
        tuple(_rows(variant.inputs) for variant in made),
        _words(example.output) - frozenset().union(*map(_words, example.inputs)),
        max((_block(value, example.output) for value in example.inputs), default=0.0),
        _labels(example.output) - frozenset().union(*map(_labels, example.inputs)),
        frozenset().union(*map(_sorted_labels, example.inputs)),
        max((value.shape[1] for value in example.inputs if isinstance(value, pd.DataFrame)), default=1),
    )


def _labels(value: Any) -> frozenset[str]:
    """A table's labels and the names of its axes that are texts."""
    if not isinstance(value, pd.DataFrame | pd.Series):
        return frozenset()
    labels = [*value.columns, *value.columns.names] if isinstance(value, pd.DataFrame) else [value.name]
    return frozenset(label for label in (*labels, *value.index.names) if isinstance(label, str))


def _words(value: Any) -> frozenset[str]:
    """The words of a table's labels, in lower case."""
    return frozenset(word for label in _labels(value) for word in _WORD.findall(label.lower()))


def _sorted_labels(value: Any) -> frozenset[str]:
    """The columns whose cells never fall, or never rise, from row to row."""
    if not isinstance(value, pd.DataFrame) or len(value) < 3 or not value.columns.is_unique:
        return frozenset()
    return frozenset(label for label in value.columns if isinstance(label, str) and _is_sorted(value[label]))


def _is_sorted(column: pd.Series) -> bool:
    try:
        return column.nunique() > 1 and bool(column.is_monotonic_increasing or column.is_monotonic_decreasing)
    except TypeError:  # cells that cannot be compared
        return False


_WORD = re.compile(r"[a-z]+")


class _Clock:
    """A deadline in processor time, so that the order of programs does not depend on what else the machine does."""

    SLACK = 3.0
    """Times the seconds that may pass on the wall."""

    def __init__(self, deadline: float | None) -> None:
        left = math.inf if deadline is None else max(0.0, deadline - time.perf_counter())
        self.busy, self.wall = time.thread_time() + left, time.perf_counter() + self.SLACK * left

    def over(self) -> bool:
        return time.thread_time() > self.busy or time.perf_counter() > self.wall


def _outcomes(exprs: Sequence[Expr], inputs: tuple[Any, ...], book: Codebook) -> list[Outcome]:
    memo = Memo(inputs, book, most_cells=200_000)
    return [_tried(memo, expr) for expr in exprs]


def _tried(memo: Memo, expr: Expr) -> Outcome:
    try:
        return _outcome(memo.table(expr))
    except Failed:
        return _RAISED
    except (TypeError, ValueError, OverflowError, KeyError):  # an output that no table can show
        return _RAISED


def _outcome(table: Table) -> Outcome:
    columns = table.columns
    codes = np.stack([column.codes for column in columns], axis=1) if columns else np.zeros((0, 0), dtype=np.int64)
    return Outcome(
        table.key,
        tuple(sorted(map(tuple, codes.tolist()))) if columns else table.key,
        (codes.shape, tuple(sorted(codes.ravel().tolist()))) if columns else table.key,
        table.rows,
        table.shape_kind,
        table.label_codes,
        float((codes == NULL).mean()) if codes.size else 0.0,
        len(table.cells),
        tuple(column.array.dtype.kind for column in columns),
    )


MOST_NATS = 6.0
"""No coincidence counts for more."""


def _block(value: Any, output: Any) -> float:
    """Nats for rows that are the input's first or last ones, less for others that stand together."""
    if not isinstance(value, pd.DataFrame | pd.Series) or not isinstance(output, pd.DataFrame | pd.Series):
        return 0.0
    rows, kept = len(value), len(output)
    book = Codebook()
    given, wanted = Table(value, source(0), book), Goal.of(output, book)
    pairs = [(a.codes, b.codes) for b in wanted.columns for a in given.columns if a.label == b.label]
    if not pairs or not 0 < kept < rows:
        return 0.0
    starts = [s for s in range(rows - kept + 1) if all((a[s : s + kept] == b).all() for a, b in pairs)]
    ways = math.lgamma(rows + 1) - math.lgamma(kept + 1) - math.lgamma(rows - kept + 1)
    if 0 in starts or rows - kept in starts:
        return min(MOST_NATS, ways)
    return max(0.0, min(MOST_NATS, ways - math.log(rows - kept + 1))) if starts else 0.0


def _rows(inputs: Sequence[Any]) -> int:
    return max((len(value) for value in inputs if hasattr(value, "shape") and len(value.shape)), default=0)


NAMES = (
    "cost", "place", "calls", "length", "cell", "output", "position", "label", "entry", "where", "function", "branches",
    "odd_numbers", "digits", "strings", "raised_rows", "raised_numbers", "raised_columns", "raised_rename",
    "raised_holes",
    "shuffle_bag", "shuffle_same", "columns_same", "double_same", "labels_kept", "kind_kept", "emptied", "all_null",
    "more_null",
    "unmoved", "varied", "rows_follow", "rows_fixed", "agreement", "group_share", "group_size", "group_leads",
    "plurality", "prior", "rows_constant", "odd_fewer", "copies_input", "block_by_content", "block_by_place",
    "inner_calls",
    "labels_used", "inputs_unused", "prior_sum", "prior_missed", "named", "misnamed", "surprise", "ratio",
    "same_everywhere",
)  # fmt: skip
"""What is known of a candidate when it is ranked, in this order."""

_ROW_KINDS = frozenset({"shuffle", "reverse", "drop", "half", "double", "extend", "resample"})
_NUMBER_KINDS = frozenset({"numbers", "swap"})


def features(
    exprs: Sequence[Expr], costs: Sequence[float], behaviour: Behaviour, *, logits: Mapping[str, float] | None = None
) -> Floats:
    """Shape (candidates, len(NAMES)).

    Args:
        exprs: The candidates.
        costs: Their costs in nats, low for plausible.
        behaviour: What :func:`observe` saw.
        logits: Call → log-probability that the program makes it, under the learned policy if there is one.
    """
    cost = np.asarray(costs, dtype=np.float64)
    weight = np.exp(-(cost - cost.min()) * 0.7)
    weight /= weight.sum()
    place = np.empty(len(cost))
    place[np.argsort(cost, kind="stable")] = np.arange(len(cost))
    groups = behaviour.classes()
    votes = _votes(behaviour, weight)
    shares, sizes, leaders = _group_facts(groups, weight, cost)
    out = np.zeros((len(exprs), len(NAMES)))
    for i, expr in enumerate(exprs):
        given = behaviour.outcomes[i]
        shared = [vote[outcome.key] for vote, outcome in zip(votes, given, strict=True) if not outcome.raised]
        most = [vote[o.key] >= max(vote.values()) - 1e-9 for vote, o in zip(votes, given, strict=True)]
        row = {
            "cost": cost[i] - cost.min(),
            "place": math.log1p(place[i]),
            **_text_facts(expr),
            **_manners(given, behaviour),
            "agreement": sum(shared) / max(1, len(given)),
            "inputs_unused": float(behaviour.inputs - _used(expr)),
            "group_share": shares[groups[i]],
            "group_size": math.log(sizes[groups[i]]),
            "group_leads": float(leaders[groups[i]] == i),
            "plurality": sum(most) / max(1, len(most)),
            **(_expected(expr, logits) if logits else {}),
            **_naming(expr.text, behaviour),
        }
        if behaviour.block and not behaviour.sorted_labels.isdisjoint(_compared(expr)):
            row["block_by_content"] = 0.0  # rows stand together because a column of the condition is sorted
        out[i] = [row.get(name, 0.0) for name in NAMES]
    return out


def _votes(behaviour: Behaviour, weight: Floats) -> list[dict[Hashable, float]]:
    votes: list[dict[Hashable, float]] = []
    for position in range(len(behaviour.kinds)):
        vote: dict[Hashable, float] = {}
        for row, share in zip(behaviour.outcomes, weight.tolist(), strict=True):
            key = row[position].key
            vote[key] = vote.get(key, 0.0) + share
        votes.append(vote)
    return votes


def _group_facts(
    groups: Sequence[int], weight: Floats, cost: Floats
) -> tuple[dict[int, float], Counter[int], dict[int, int]]:
    shares: dict[int, float] = {}
    leaders: dict[int, int] = {}
    for i, group in enumerate(groups):
        shares[group] = shares.get(group, 0.0) + float(weight[i])
        if group not in leaders or cost[i] < cost[leaders[group]]:
            leaders[group] = i
    return shares, Counter(groups), leaders


@cache
def _constants(text: str) -> tuple[int, int, int]:
    """Numbers other than the natural ones, the digits of the longest, and string constants in a program's text."""
    odd = digits = strings = 0
    for node in ast.walk(ast.parse(text, mode="eval")):
        if not isinstance(node, ast.Constant):
            continue
        value = node.value
        if isinstance(value, str):
            strings += 1
        elif isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1, 2, 100):
            odd += 1
            digits = max(digits, len(repr(value).replace(".", "").strip("-0")))
    return odd, digits, strings


def _text_facts(expr: Expr) -> dict[str, float]:
    tags = Counter(expr.all_tags)
    odd, digits, strings = _constants(expr.text)
    inner = [node for node in expr.nodes if len(node.parts) > 1]
    spine = _spine(expr)
    labels = {node.text.rpartition("[")[2] for node in expr.nodes if node.op == "" and LABEL in node.tags}
    return {
        "calls": float(len(expr.ops)),
        "length": len(expr.text) / 40,
        "cell": float(tags[CELL]),
        "output": float(tags[OUTPUT]),
        "position": float(tags[POSITION]),
        "label": float(tags[LABEL]),
        "entry": math.log1p(tags[ENTRY]),
        "where": float(tags[WHERE]),
        "function": float(tags[FUNCTION]),
        "branches": float(len(inner)),
        "inner_calls": float(sum(bool(node.op) and node.text not in spine for node in expr.nodes)),
        "labels_used": float(len(labels)),
        "odd_numbers": float(odd),
        "digits": float(digits),
        "strings": math.log1p(strings),
        "surprise": surprise(expr.text),
        "ratio": float(len(_RATIO.findall(expr.text))),
    }


_QUOTED = re.compile(r"'([^']*)'")


def _compared(expr: Expr) -> set[str]:
    """The columns that a program takes out by name, for its conditions or its calculations."""
    nodes = (node for node in expr.nodes if node.op == "" and LABEL in node.tags and len(node.parts) == 1)
    return {label for node in nodes for label in _QUOTED.findall(node.text.rpartition("[")[2])}


_RATIO = re.compile(r"[-+*/] (?!0\.5\b)\d*\.\d+")
"""A broken number that a quantity is multiplied by or that is added to it."""


def _used(expr: Expr) -> int:
    """How many inputs a program reads: those that a user gives are seldom there for nothing."""
    return len({node.text for node in expr.nodes if not node.parts and _INPUT.fullmatch(node.text)})


_INPUT = re.compile(r"inp\d+")


def _spine(expr: Expr) -> set[str]:
    """The program's own chain of calls: the first part of the first part, and so on; not what stands in arguments."""
    found, node = {expr.text}, expr
    while node.parts:
        node = node.parts[0]
        found.add(node.text)
    return found


def _manners(given: Sequence[Outcome], behaviour: Behaviour) -> dict[str, float]:
    wanted = behaviour.wanted
    of = {kind: [o for o, k in zip(given, behaviour.kinds, strict=True) if k == kind] for kind in set(behaviour.kinds)}
    ran = [o for o in given if not o.raised]
    rows = [o for o, kind in zip(given, behaviour.kinds, strict=True) if kind in _ROW_KINDS]
    rows_ran = [o for o in rows if not o.raised]
    moved = [o for o, kind in zip(given, behaviour.kinds, strict=True) if kind in _NUMBER_KINDS]
    order = of.get("shuffle", []) + of.get("reverse", [])
    grown = [
        (o, size) for o, kind, size in zip(given, behaviour.kinds, behaviour.grown, strict=True)
        if kind in ("drop", "half", "double", "extend", "resample") and not o.raised
    ]  # fmt: skip
    same_size = wanted.rows == behaviour.rows_in
    return {
        "raised_rows": _share(rows, lambda o: o.raised),
        "raised_numbers": _share(moved, lambda o: o.raised),
        "raised_columns": _share(of.get("columns", []), lambda o: o.raised),
        "raised_rename": _share(of.get("rename", []), lambda o: o.raised),
        "raised_holes": _share(of.get("holes", []), lambda o: o.raised),
        "shuffle_bag": _share(order, lambda o: o.bag == wanted.bag),
        "shuffle_same": _share(order, lambda o: o.key == wanted.key),
        "columns_same": _share(of.get("columns", []), lambda o: o.cells == wanted.cells),
        "double_same": _share(of.get("double", []), lambda o: o.key == wanted.key),
        "labels_kept": _share(rows_ran, lambda o: o.labels == wanted.labels),
        "kind_kept": _share(ran, lambda o: o.kind == wanted.kind),
        "emptied": _share(ran, lambda o: o.rows == 0 < wanted.rows),
        "all_null": _share(ran, lambda o: o.null > 0.99 > wanted.null),
        "more_null": float(np.mean([max(0.0, o.null - wanted.null) for o in ran])) if ran else 0.0,
        "unmoved": _share(moved, lambda o: o.key == wanted.key),
        "varied": len({o.key for o in ran}) / max(1, len(ran)),
        "rows_follow": float(np.mean([o.rows == size for o, size in grown])) if grown and same_size else 0.0,
        "rows_fixed": float(np.mean([o.rows == wanted.rows for o, _ in grown])) if grown and not same_size else 0.0,
        "rows_constant": float(bool(grown) and len({o.rows for o, _ in grown}) == 1 and wanted.rows > 1),
        "odd_fewer": float(np.mean([o.distinct * 2 < wanted.distinct for o in ran])) if ran else 0.0,
        "block_by_content": behaviour.block * _share(order, lambda o: o.bag == wanted.bag),
        "block_by_place": behaviour.block * _share(order, lambda o: not o.raised and o.bag != wanted.bag),
        "same_everywhere": float(len(ran) > 2 and len({o.key for o in ran}) == 1),
        "copies_input": float(bool(moved) and all(o.cells == wanted.cells for o in moved)),
    }


def _share(outcomes: Sequence[Outcome], holds: Any) -> float:
    return sum(bool(holds(outcome)) for outcome in outcomes) / len(outcomes) if outcomes else 0.0


LEAST_LOG = -6.0
"""No call counts as less likely than that, in nats."""


def _expected(expr: Expr, logits: Mapping[str, float]) -> dict[str, float]:
    """How well a program's calls go with what the policy expects; a call that it does not know costs half the most."""
    ops = set(expr.ops)
    known = [max(LEAST_LOG, logits.get(op, LEAST_LOG / 2)) for op in ops]
    missed = [log for op, log in logits.items() if log > -0.7 and op not in ops]
    return {
        "prior": sum(known) / max(1, len(known)),
        "prior_sum": sum(known),
        "prior_missed": sum(min(-LEAST_LOG, -math.log(max(1e-6, -math.expm1(log)))) for log in missed),
    }


_SPOKEN: tuple[tuple[frozenset[str], re.Pattern[str]], ...] = tuple(
    (frozenset(words.split()), re.compile(code))
    for words, code in (
        ("sum total totals", r"sum|\+"),
        ("mean avg average means", r"mean"),
        ("max maximum highest largest top best most winner", r"max|nlargest|last|rank|sort_values"),
        ("min minimum lowest smallest least worst", r"min|nsmallest|first|sort_values"),
        ("count counts n num number freq frequency size times", r"count|size|len|sum"),
        ("median", r"median|quantile"),
        ("std", r"std"),
        ("rank place position", r"rank|cumcount|argsort"),
        ("cum cumulative running cumsum balance", r"cum|expanding"),
        ("diff change delta difference gap elapsed", r"diff|pct_change| - |sub\("),
        ("changed switched", r"shift|diff"),
        ("growth", r"pct_change|shift|diff|/"),
        ("session sessions visit visits streak streaks run runs spell block", r"cum|diff|shift"),
        ("duplicate duplicated duplicates repeated", r"duplicated|size|count"),
        ("rolling moving", r"rolling|ewm|expanding"),
        ("zscore scaled normalized standardized normalised standardised", r"std|max|min|sum|/"),
        ("bin bins band bracket bucket tier grade", r"cut|where|select|map|//|replace"),
        ("missing nulls", r"isna|isnull|notna|count"),
        ("weekend", r"week"),
        ("prev previous lag before", r"shift|diff"),
        ("next lead after", r"shift\(-"),
        ("pct percent share ratio fraction rate", r"/|pct|div|normalize|mean"),
        ("first", r"first|head|\[0\]|\.str|drop_duplicates"),
        ("last", r"last|tail|\[-1\]|\.str|drop_duplicates"),
        ("year month day hour weekday week quarter", r"\.dt\.|\.str|month|year|day|hour"),
        ("length len", r"len"),
        ("unique distinct nunique", r"unique|duplicates"),
    )
)
"""Words that a new label may hold → the code that one then expects."""


def _naming(text: str, behaviour: Behaviour) -> dict[str, float]:
    """How many of the output's new labels name what the program does, and how many name what it does not do."""
    if not behaviour.words:
        return {}
    code = _unlabelled(text, behaviour.labels)
    spoken = [bool(says.search(code)) for names, says in _SPOKEN if names & behaviour.words]
    return {"named": float(sum(spoken)), "misnamed": float(len(spoken) - sum(spoken) + _belied(text))}


_NAMED = re.compile(r"\b(\w+)=\('[^']*', '(\w+)'\)")
"""A named aggregate."""


_SAID = frozenset({"sum", "mean", "max", "min", "median", "std", "first", "last", "nunique"})
"""Aggregates that a label names by their own word."""


def _belied(text: str) -> int:
    """How many aggregates are named as what they are not: ``most_max=('most', 'last')``."""
    said = ((_SAID.intersection(_WORD.findall(name.lower())), agg) for name, agg in _NAMED.findall(text))
    return sum(bool(words) and agg not in words for words, agg in said)


_TAKEN = re.compile(r"(?<=[\w\])])\[+'[^']*'(?:, '[^']*')*\]+")
"""Columns that are taken out by their labels."""


def _unlabelled(text: str, labels: frozenset[str]) -> str:
    """A program's text without the labels that it reads or gives: they say what is wanted, not what it does."""
    text = _TAKEN.sub("[]", text)
    for label in labels:
        quoted, plain = re.escape(repr(label)), re.escape(label)
        text = re.sub(rf"\b{plain}=(?!=)|(?:(?<=rename\()|(?<=name=)|(?<=: )|(?<=\{{)){quoted}", "", text)
    return text


HAND: dict[str, float] = {
    "cost": -1.0, "output": -0.3, "position": -0.1, "entry": -0.2, "odd_numbers": -0.2, "length": -0.1,
    "inner_calls": -0.3, "inputs_unused": -2.0, "raised_rows": -2.0, "raised_numbers": -1.5, "raised_columns": -0.5,
    "raised_holes": -0.5, "shuffle_bag": 0.8, "block_by_content": -0.3, "columns_same": 0.3, "labels_kept": 0.3,
    "kind_kept": 0.5, "emptied": -1.0, "all_null": -1.5, "more_null": -1.5, "unmoved": -0.2, "rows_follow": 0.7,
    "rows_constant": -0.3, "agreement": 0.7, "group_share": 0.7, "plurality": 0.3, "prior": 0.3,
    "misnamed": -0.3, "ratio": -0.5, "same_everywhere": -0.3,
}  # fmt: skip
"""Weights set by hand, from what wrong answers that fit the example look like."""


@dataclass(frozen=True)
class Judge:
    """Scores candidates; the softmax of a task's scores says how likely each was meant. Needs no torch."""

    linear: Floats
    """Shape (len(NAMES),)."""
    network: Perceptron | None = None
    """Added to the linear score: shape (candidates, len(NAMES)) → (candidates, 1)."""
    config: dict[str, Any] = field(default_factory=dict)
    """How it was trained: command, seed, seconds, score."""

    def scores(self, rows: Floats) -> Floats:
        """Shape (candidates,), in nats."""
        found = rows @ self.linear
        return found if self.network is None else found + self.network(rows)[:, 0]

    @classmethod
    def by_hand(cls) -> Judge:
        """The judge without learning."""
        return cls(np.array([HAND.get(name, 0.0) for name in NAMES]))

    def save(self, path: str | Path) -> None:
        """Write the weights and how they were made."""
        arrays = {"linear": self.linear.astype(np.float32)}
        if self.network is not None:
            arrays |= self.network.arrays("net.")
        checkpoint.save(path, arrays, kind=KIND, version=VERSION, config={**self.config, "features": list(NAMES)})

    @classmethod
    def load(cls, path: str | Path) -> Judge:
        """Read weights.

        Raises:
            CheckpointError: they were trained on other features.
        """
        arrays, config = checkpoint.load(path, kind=KIND, version=VERSION)
        checkpoint.check_features(config, NAMES, path, train="autopandas")
        if "linear" not in arrays:
            raise CheckpointError(f"{path}: holds no linear weights; train it again: mlsys4sys train autopandas")
        linear = arrays.pop("linear").astype(np.float64)
        return cls(linear, Perceptron.of(arrays, "net.") if arrays else None, config)


@cache
def shipped() -> Judge:
    """The judge that comes with the package; the one by hand where there is none."""
    return Judge.load(SHIPPED) if SHIPPED.is_file() else Judge.by_hand()


def rank(
    exprs: Sequence[Expr],
    task: Task,
    *,
    costs: Sequence[float] | None = None,
    logits: Mapping[str, float] | None = None,
    judge: Judge | None = None,
    seed: int = 0,
    deadline: float | None = None,
) -> list[Ranked]:
    """Order candidates: one for each class first, the likeliest class first; then the rest of them.

    Args:
        exprs: Programs that fit the task's examples.
        task: The task.
        costs: Their costs in nats; their description lengths if not given.
        logits: Call → log-probability under the learned policy.
        judge: The shipped one if not given.
        seed: Of the variants.
        deadline: When to have stopped running variants (:func:`time.perf_counter`).
    """
    if not exprs:
        return []
    costs = [expr.total for expr in exprs] if costs is None else costs
    behaviour = observe(exprs, task, seed=seed, deadline=deadline)
    rows = features(exprs, costs, behaviour, logits=logits)
    groups = behaviour.classes()
    scores = (judge or shipped()).scores(rows) - OTHER_TYPE * types_differ(behaviour)
    scores -= CHOICE * choices(exprs, behaviour)
    return ordered(exprs, varied(exprs, scores, groups), groups)


CHOICE = 0.3
"""Nats less for each nat of choice: of many columns, one fits by chance."""


def choices(exprs: Sequence[Expr], behaviour: Behaviour) -> Floats:
    """For each candidate, the nats of choosing the labels that it names among the columns of the widest input."""
    return math.log(max(1, behaviour.columns)) * np.array([expr.all_tags.count(LABEL) for expr in exprs], dtype=float)


OTHER_TYPE = 0.7
"""Nats less for a column of cells of another type than the output's, for two at most."""


def types_differ(behaviour: Behaviour) -> Floats:
    """For each candidate, in how many columns (two at most) its cells are of another type than the output's.

    Seen on the first variant that changes no cell but moves rows; 0 where a candidate raises there.
    """
    wanted, out = behaviour.wanted.types, np.zeros(len(behaviour.outcomes))
    at = next((i for i, kind in enumerate(behaviour.kinds) if kind == "shuffle"), None)
    for i, row in enumerate(behaviour.outcomes):
        types = row[at].types if at is not None else ()
        if len(types) == len(wanted):
            out[i] = min(2, sum(a != b for a, b in zip(types, wanted, strict=True)))
    return out


ALIKE = 1.0
"""Nats less for each likelier program that differs in a constant alone: a reader wants to see other ideas too."""


def varied(exprs: Sequence[Expr], scores: Floats, groups: Sequence[int]) -> Floats:
    """Scores that fall for a class whose best program only has another constant than that of a likelier class."""
    out = scores.copy()
    seen: Counter[str] = Counter()
    for group, leader in sorted(_leaders(scores, groups).items(), key=lambda item: -float(scores[item[1]])):
        shape = skeleton(exprs[leader].text)
        if seen[shape]:
            out[[i for i, other in enumerate(groups) if other == group]] -= ALIKE * seen[shape]
        seen[shape] += 1
    return out


def as_found(exprs: Sequence[Expr], costs: Sequence[float]) -> list[Ranked]:
    """Order candidates by cost alone, each its own class: nothing is run."""
    return ordered(exprs, np.negative(costs), range(len(exprs)))


def ordered(exprs: Sequence[Expr], scores: Floats, groups: Sequence[int]) -> list[Ranked]:
    """Candidates by score: the best of each class before any class shows a second.

    A class is as likely as its best member, which stands for it: more ways of writing it make it no likelier.
    """
    best = _leaders(scores, groups)
    tops = np.array([scores[i] for i in best.values()])
    share = np.exp(tops - tops.max())
    total = dict(zip(best, (share / share.sum()).tolist(), strict=True))
    leading = set(best.values())
    return [Ranked(exprs[i], i, total[groups[i]], groups[i], i in leading) for i in places(scores, groups)]


def places(scores: Floats, groups: Sequence[int]) -> list[int]:
    """The candidates' positions in the order in which they are shown."""
    leading = set(_leaders(scores, groups).values())
    return sorted(range(len(groups)), key=lambda i: (i not in leading, -float(scores[i]), i))


def _leaders(scores: Floats, groups: Sequence[int]) -> dict[int, int]:
    """Class → its best member."""
    best: dict[int, int] = {}
    for i, group in enumerate(groups):
        if group not in best or scores[i] > scores[best[group]]:
            best[group] = i
    return best


def distinguish(first: Expr, second: Expr, task: Task, *, seed: int = 0, tries: int = 40) -> Distinction | None:
    """The smallest input found on which two programs give different outputs; None where none was found.

    Args:
        first: A program over ``inp0`` …
        second: Another.
        task: Whose inputs are varied.
        seed: Of the variants.
        tries: Variants to try; those that keep the rows as they are come first.
    """
    kinds = ("swap", "numbers", "extend", "drop", "double", "shuffle", "resample", "holes", "columns")
    for round_ in range(-(-tries // len(kinds))):
        for variant in variants(task.examples[0].inputs, kinds, seed + 7919 * (round_ + 1)):
            if _parted(first, second, variant.inputs) is not None:
                return _shrunk(first, second, variant)
    return None


def _parted(first: Expr, second: Expr, inputs: tuple[Any, ...]) -> Distinction | None:
    """The two outputs, where both programs have one and they differ."""
    memo = Memo(inputs, Codebook())
    one, two = _tried(memo, first), _tried(memo, second)
    if one.raised or two.raised or one.key == two.key or (not one.rows and not two.rows):
        return None
    return Distinction(inputs, (memo.value(first), memo.value(second)))


def _shrunk(first: Expr, second: Expr, variant: Variant) -> Distinction:
    """Rows are left out, one by one from the end, while the two programs still differ."""
    inputs = tuple(copied(value) for value in variant.inputs)
    best = _parted(first, second, inputs)
    assert best is not None
    for position, value in enumerate(inputs):
        if not hasattr(value, "iloc"):
            continue
        for row in reversed(range(len(value))):
            now = best.inputs[position]
            if len(now) <= 1 or row >= len(now):
                continue
            fewer = kept_rows(now, [i for i in range(len(now)) if i != row])
            found = _parted(first, second, (*best.inputs[:position], fewer, *best.inputs[position + 1 :]))
            best = found or best
    return best
