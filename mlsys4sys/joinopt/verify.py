"""Two proofs: the plan is the tree that was asked for, and two results hold the same rows.

Knows problem, solution and engine; never the learner.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from mlsys4sys.errors import SqlError
from mlsys4sys.joinopt.engine import Engine, OperatorNode, Row
from mlsys4sys.joinopt.problem import JoinGraph, Mask, Relation
from mlsys4sys.joinopt.skeleton import Region, Skeleton
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.verdict import Verdict

INNER_JOINS = frozenset(
    ["HASH_JOIN", "NESTED_LOOP_JOIN", "PIECEWISE_MERGE_JOIN", "IE_JOIN", "BLOCKWISE_NL_JOIN", "CROSS_PRODUCT"]
)
_VALUES = frozenset(["COLUMN_DATA_SCAN", "EXPRESSION_SCAN", "DUMMY_SCAN", "CHUNK_SCAN"])
_EMPTY = frozenset(["EMPTY_RESULT"])
# DuckDB may aggregate below a join first (partial_aggregate_pushdown); the order of the joins stays.
_UNARY = frozenset(["PROJECTION", "FILTER", "HASH_GROUP_BY", "PERFECT_HASH_GROUP_BY"])
NOT_COMPARABLE = "not comparable: "
"""How a verdict's counterexample begins when rows differ but need not be the same."""
_VOLATILE = "random rand uuid uuidv4 uuidv7 gen_random_uuid nextval currval"
_BY_ORDER = """
    first last any_value anyvalue arbitrary list array_agg arrayagg string_agg group_concat groupconcat listagg mode
    arg_min arg_max argmin argmax min_by max_by row_number rownumber ntile lag lead first_value firstvalue last_value
    lastvalue nth_value nthvalue cume_dist histogram reservoir_quantile approx_quantile approx_top_k
    approx_count_distinct
"""
_UNSTABLE = dict.fromkeys(_VOLATILE.split(), "is volatile") | dict.fromkeys(
    _BY_ORDER.split(), "may depend on the order of rows"
)


def check_tree(engine: Engine, sql: str, skeleton: Skeleton, trees: Sequence[JoinTree]) -> Verdict:
    """Ask DuckDB for its plan of ``sql`` with reordering off, and find the trees in it, build sides included.

    Plans tell tables, not aliases; so a leaf is known by its table and by its place. A part of the tree that DuckDB
    proved empty may be missing.

    Raises:
        SqlError: The original query is wrong too, which the flat front end may find only here.
    """
    try:
        plan = engine.explain_tree(sql, forced=True)
    except SqlError as error:
        engine.explain_tree(skeleton.sql)  # raises when the user's text is at fault, with its line and column
        return Verdict(ok=False, checked=0, counterexample=f"DuckDB refuses the rewritten query: {error}")
    return match_trees(plan, skeleton.regions, trees)


def match_trees(plan: OperatorNode, regions: Sequence[Region], trees: Sequence[JoinTree]) -> Verdict:
    """Find each region's tree in a plan, each at a place of its own."""
    graphs = [region.graph for region in regions]
    for number, place in enumerate(_places(plan, graphs, trees)):
        if place is None:
            relations = graphs[number].relations
            return Verdict(ok=False, checked=number + 1, counterexample=_difference(trees[number], relations, plan))
    return Verdict(ok=True, checked=len(regions))


def actual_rows(plan: OperatorNode, graphs: Sequence[JoinGraph], trees: Sequence[JoinTree]) -> list[dict[Mask, float]]:
    """For each region's graph the rows that came out of the joins and leaves of its tree, from a plan that was run.

    Empty for a region whose tree is not found. A leaf's rows are those that runtime filters of the joins above let
    through, so that they may be fewer than its own filters leave.
    """
    return [
        {mask: float(node.rows or 0) for mask, node in (place or {}).items()} for place in _places(plan, graphs, trees)
    ]


Place = dict[Mask, OperatorNode]
"""Where each part of a tree stands in a plan; a part that DuckDB proved empty may stand for all below it."""


def _places(plan: OperatorNode, graphs: Sequence[JoinGraph], trees: Sequence[JoinTree]) -> list[Place | None]:
    """For each region the place of its tree, or nothing."""
    nodes = [node for node in plan.walk() if len(node.children) == 2 or node.name in _EMPTY]
    taken: set[int] = set()
    found: list[Place | None] = []
    for graph, tree in zip(graphs, trees, strict=True):
        if tree.is_leaf:
            found.append({})
            continue
        free = (node for node in nodes if id(node) not in taken)
        node, place = next(
            ((node, place) for node in free if (place := _fit(tree, node, graph.relations)) is not None),
            (None, None),
        )
        found.append(place)
        if node is not None and node.name not in _EMPTY:
            taken.add(id(node))
    return found


def _fit(tree: JoinTree, top: OperatorNode, relations: Sequence[Relation]) -> Place | None:
    node = _past_unary(top)
    if node.name in _EMPTY:
        return {tree.mask: node}
    place = _fit_here(tree, top, node, relations)
    if place is None and _is_list_join(node):
        # A long IN list becomes a join with a list of values around the leaf.
        below = _fit(tree, node.children[0], relations)
        return None if below is None else {**below, tree.mask: node}
    return place


def _fit_here(tree: JoinTree, top: OperatorNode, node: OperatorNode, relations: Sequence[Relation]) -> Place | None:
    if tree.probe is None or tree.build is None:
        return {tree.mask: top} if _is_leaf(relations[tree.relation], node) else None
    if node.name not in INNER_JOINS or str(node.extra.get("Join Type", "INNER")).upper() != "INNER":
        return None
    probe = _fit(tree.probe, node.children[0], relations)
    build = _fit(tree.build, node.children[1], relations) if probe is not None else None
    return None if probe is None or build is None else {**probe, **build, tree.mask: node}


def _past_unary(node: OperatorNode) -> OperatorNode:
    while len(node.children) == 1 and node.name in _UNARY:
        node = node.children[0]
    return node


def _is_list_join(node: OperatorNode) -> bool:
    return len(node.children) == 2 and _past_unary(node.children[1]).name in _VALUES


def _is_leaf(relation: Relation, node: OperatorNode) -> bool:
    table = node.extra.get("Table")
    if relation.table is not None:
        return not node.children and isinstance(table, str) and _plain(table) == _plain(relation.table)
    scanned = (below.extra.get("Table") for below in node.walk())
    return all(_plain(table).split(".")[-1] in _plain(relation.sql) for table in scanned if isinstance(table, str))


@cache
def _plain(table: str) -> str:
    return table.replace('"', "").lower()


def _difference(tree: JoinTree, relations: Sequence[Relation], plan: OperatorNode) -> str:
    asked = tree.render([(relation.table or relation.alias).split(".")[-1] for relation in relations])
    return f"asked for {asked}, but DuckDB plans {outline(plan)}"


def outline(node: OperatorNode) -> str:
    """The joins and scans of a plan on one line.

    >>> scan = OperatorNode("SEQ_SCAN", (), {"Table": "db.main.a"})
    >>> outline(OperatorNode("HASH_JOIN", (scan, OperatorNode("SEQ_SCAN", (), {"Table": "db.main.b"}))))
    '(a HASH_JOIN b)'
    """
    if len(node.children) == 1:
        return outline(node.children[0])
    if not node.children:
        return str(node.extra.get("Table", node.name.lower())).split(".")[-1]
    return "(" + f" {node.name} ".join(map(outline, node.children)) + ")"


# -- rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two runs of one query must have in common."""

    ordered_by: tuple[int, ...] = ()
    """Positions of the output columns that ORDER BY sorts by, as far as they are known."""
    limited: bool = False
    """Whether LIMIT or OFFSET cuts off rows, so that ties at the edges are chosen freely."""
    unstable: str = ""
    """Why equal runs may still differ; empty when they may not."""


def how_to_compare(sql: str) -> Comparison:
    """Read from a query what must be equal: a LIMIT without a total order, volatile functions, ties are found here."""
    try:
        query = Dialect.get_or_raise("duckdb").parse(sql)[0]
    except SqlglotError:
        return Comparison()
    if not isinstance(query, exp.Query):
        return Comparison()
    limited = bool(query.args.get("limit") or query.args.get("offset"))
    ordered_by, complete = _order_columns(query)
    unstable = _unstable(query)
    if limited and not complete:
        unstable = unstable or "LIMIT stands without ORDER BY over output columns"
    return Comparison(ordered_by=ordered_by, limited=limited, unstable=unstable)


def _order_columns(query: exp.Query) -> tuple[tuple[int, ...], bool]:
    """Output positions of the longest known prefix of ORDER BY, and whether that is all of it."""
    order = query.args.get("order")
    if order is None:
        return (), False
    outputs = [(node.alias_or_name.lower(), node.unalias().sql("duckdb").lower()) for node in query.selects]
    found: list[int] = []
    for ordered in order.expressions:
        position = _output_of(ordered.this, outputs)
        if position is None:
            return tuple(found), False
        found.append(position)
    return tuple(found), True


def _output_of(key: exp.Expr, outputs: Sequence[tuple[str, str]]) -> int | None:
    if any(text.endswith("*") and "(" not in text for _, text in outputs):
        return None
    if isinstance(key, exp.Literal) and not key.is_string:
        position = int(key.name) - 1
        return position if 0 <= position < len(outputs) else None
    if isinstance(key, exp.Column) and not key.table:
        named = [at for at, (name, _) in enumerate(outputs) if name == key.name.lower()]
        if named:
            return named[0]
    text = key.sql("duckdb").lower()
    return next((at for at, (_, written) in enumerate(outputs) if written == text), None)


def _unstable(query: exp.Expr) -> str:
    for node in query.walk():
        if isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
            why = _UNSTABLE.get(name) or _UNSTABLE.get(type(node).__name__.lower())
            if why:
                return f"{name}() {why}"
        if isinstance(node, exp.TableSample):
            return "it samples"
        if isinstance(node, exp.Limit | exp.Offset) and node.parent is not query:
            return "LIMIT stands inside a subquery"
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            return "DISTINCT ON may depend on the order of rows"
        if isinstance(node, exp.WindowSpec) and node.args.get("kind") == "ROWS":
            return "a window counted in ROWS may depend on the order of rows"
    return ""


def check_rows(sql: str, left: Sequence[Row], right: Sequence[Row], *, tolerance: float = 1e-9) -> Verdict:
    """Compare two results of one query as far as SQL defines them: see :func:`same_rows`.

    When rows differ that SQL does not define, the verdict is not ok, has checked 0 rows, and its counterexample
    begins with :data:`NOT_COMPARABLE`.
    """
    comparison = how_to_compare(sql)
    verdict = same_rows(left, right, ordered_by=comparison.ordered_by, limited=comparison.limited, tolerance=tolerance)
    if not verdict and comparison.unstable:
        return Verdict(ok=False, checked=0, counterexample=NOT_COMPARABLE + comparison.unstable)
    return verdict


def same_rows(
    left: Sequence[Row],
    right: Sequence[Row],
    *,
    ordered_by: Sequence[int] = (),
    limited: bool = False,
    tolerance: float = 1e-9,
) -> Verdict:
    """Compare two results as multisets of rows, and the columns sorted by also as sequences.

    Args:
        left: Rows.
        right: Rows.
        ordered_by: Positions of the columns that ORDER BY sorts by.
        limited: LIMIT or OFFSET stood: rows that tie with the first or the last may be others.
        tolerance: Largest relative difference of two floats that count as equal. NaN equals NaN, NULL equals NULL.
    """
    if len(left) != len(right):
        return Verdict(ok=False, checked=0, counterexample=f"{len(left)} rows on the left, {len(right)} on the right")
    if ordered_by:
        keys = [[tuple(row[at] for at in ordered_by) for row in rows] for rows in (left, right)]
        for number, (one, other) in enumerate(zip(*keys, strict=True)):
            if one != other and not _close([_split(one)[1]], [_split(other)[1]], tolerance, one, other):
                return _differ(number, one, other, "sorted as")
        if limited and left:
            return _same_inside(left, right, keys, tolerance)
    return _same_multiset(left, right, tolerance)


def _same_inside(left: Sequence[Row], right: Sequence[Row], keys: Sequence[Sequence[Row]], tolerance: float) -> Verdict:
    """Compare the rows that do not tie with the edges of a cut-off result."""
    if list(left) == list(right):
        return Verdict(ok=True, checked=len(left))
    edges = {0, len(left) - 1}
    inner = [at for at in range(len(left)) if not any(_key(keys[0][at]) == _key(keys[0][edge]) for edge in edges)]
    return _same_multiset([left[at] for at in inner], [right[at] for at in inner], tolerance)


def _key(row: Row) -> object:
    return _split(row)[0], tuple(_split(row)[1])


def _same_multiset(left: Sequence[Row], right: Sequence[Row], tolerance: float) -> Verdict:
    if list(left) == list(right):
        return Verdict(ok=True, checked=len(left))
    groups: dict[object, tuple[list[list[float]], list[list[float]]]] = {}
    examples: dict[object, Row] = {}
    for side, rows in enumerate((left, right)):
        for row in rows:
            exact, floats = _split(row)
            groups.setdefault(exact, ([], []))[side].append(floats)
            examples.setdefault(exact, row)
    for exact, (ours, theirs) in groups.items():
        if len(ours) != len(theirs) or not _match(ours, theirs, tolerance):
            text = f"row {_shown(examples[exact])} stands {len(ours)} times on the left, {len(theirs)} on the right"
            if len(ours) == len(theirs):
                text = f"rows like {_shown(examples[exact])} differ in their numbers"
            return Verdict(ok=False, checked=len(left), counterexample=text)
    return Verdict(ok=True, checked=len(left))


def _split(value: object) -> tuple[object, list[float]]:
    """A hashable stand-in for a value without its floats, and the floats in order; NaN stays in the stand-in."""
    floats: list[float] = []

    def walk(part: object) -> object:
        if isinstance(part, float):
            if math.isfinite(part):
                floats.append(part)
                return "float"
            return str(part)
        if isinstance(part, list | tuple):
            return ("list", *map(walk, part))
        if isinstance(part, dict):
            return ("dict", *((walk(key), walk(item)) for key, item in part.items()))
        if isinstance(part, bytearray | memoryview):
            return bytes(part)
        return (type(part).__name__, part)

    return walk(value), floats


def _match(left: list[list[float]], right: list[list[float]], tolerance: float) -> bool:
    """Whether two lists of vectors pair up within the tolerance."""
    if not left or not left[0]:
        return True
    scales = [max(map(abs, column)) for column in zip(*left, *right, strict=True)]
    left, right = sorted(left), sorted(right)
    if all(_near(one, other, scales, tolerance) for one, other in zip(left, right, strict=True)):
        return True
    # Sorting can misplace vectors whose first numbers differ by a rounding error only: pair them one by one.
    for one in left:
        partner = next((at for at, other in enumerate(right) if _near(one, other, scales, tolerance)), None)
        if partner is None:
            return False
        right.pop(partner)
    return True


def _near(one: Iterable[float], other: Iterable[float], scales: Iterable[float], tolerance: float) -> bool:
    # Sums that cancel leave an error relative to their terms, of which the largest value of the column is a hint.
    return all(
        math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * 1e-3 * scale)
        for a, b, scale in zip(one, other, scales, strict=True)
    )


def _close(left: list[list[float]], right: list[list[float]], tolerance: float, one: Row, other: Row) -> bool:
    return _split(one)[0] == _split(other)[0] and _match(left, right, tolerance)


def _differ(number: int, one: Row, other: Row, word: str) -> Verdict:
    text = f"row {number + 1} is {word} {_shown(one)} on the left, {_shown(other)} on the right"
    return Verdict(ok=False, checked=number, counterexample=text)


def _shown(row: Row) -> str:
    text = repr(row)
    return text if len(text) <= 120 else text[:117] + "..."
