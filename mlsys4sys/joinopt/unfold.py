"""A derived table of DuckDB's decompiled SQL seen as what it is: a base table, filters, and renamed columns.

``(SELECT r2.column0 AS c0 FROM db.main.title AS r2(column0, ..) WHERE (r2.column3 > 5)) AS r3(c0)`` is the table
``title`` with the filter ``r3.production_year > 5`` and its ``id`` under the name ``c0``. Cardinality providers
count in base tables, so they need it in those terms; the SQL that runs keeps the derived table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlglot import TokenType

from mlsys4sys.joinopt.catalogue import Catalogue, Table
from mlsys4sys.joinopt.clauses import Span
from mlsys4sys.joinopt.emit import quote
from mlsys4sys.joinopt.nesting import Item, Join, Leaf, Nesting, Unclear

_MARKER = "__mark_join_marker"
Meanings = Mapping[tuple[str, str], str]
"""For ``(alias, column)``, the same in terms of the base table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """A leaf in terms of its base table. Texts are qualified with the leaf's alias."""

    table: Table
    filters: tuple[str, ...]
    meanings: Mapping[str, str]
    """For each column that the leaf exposes and the query uses: an expression over base columns."""
    columns: Mapping[str, str]
    """Those of them that are a plain base column: its name."""
    read: tuple[str, ...]
    """All base columns that are read, in the table's order."""


def unfold(nesting: Nesting, leaf: Leaf, catalogue: Catalogue, used: Collection[str]) -> Unfolded | None:
    """See a leaf as a base table with filters; nothing when it is more than that.

    Args:
        nesting: The whole decompiled query.
        leaf: One of its leaves.
        catalogue: To find the table and its column names.
        used: The columns of the leaf that the query refers to.
    """
    reader = _Reader(nesting, catalogue, leaf.alias)
    try:
        exposed = reader.read(leaf)
    except Unclear:
        return None
    if reader.table is None:
        return None
    meanings = {column: text for (_, column), text in exposed.items() if column in used}
    texts = [*reader.filters, *meanings.values()]
    return Unfolded(
        table=reader.table,
        filters=tuple(reader.filters),
        meanings=meanings,
        columns={column: reader.names[text] for column, text in meanings.items() if text in reader.names},
        read=tuple(name for text, name in reader.names.items() if any(_mentions(piece, text) for piece in texts)),
    )


def _mentions(text: str, reference: str) -> bool:
    at = text.find(reference)
    while at >= 0:
        after = text[at + len(reference) : at + len(reference) + 1]
        if not (after.isalnum() or after == "_"):
            return True
        at = text.find(reference, at + 1)
    return False


def substitute(nesting: Nesting, span: Span, meanings: Meanings) -> str:
    """The text of some tokens with references replaced by what they mean.

    Raises:
        Unclear: The mark of a MARK join stands in an expression.
    """
    if any(nesting.tokens[at].text == _MARKER for at in range(*span)):
        if span.high - span.low != 1 or ("", _MARKER) not in meanings:
            raise Unclear("a mark stands in an expression")
        return meanings["", _MARKER]
    if span.high <= span.low:
        return ""
    parts, done = [], nesting.start(span)
    for at, alias, column in nesting.references(span):
        meaning = meanings.get((alias, column))
        if meaning is not None:
            parts += [nesting.sql[done : nesting.tokens[at].start], meaning]
            done = nesting.tokens[at + 2].end + 1
    return "".join(parts) + nesting.sql[done : nesting.end(span)]


class _Reader:
    """Goes down from a leaf to its base table and collects what it passes."""

    def __init__(self, nesting: Nesting, catalogue: Catalogue, final: str) -> None:
        self.nesting, self.catalogue, self.final = nesting, catalogue, final
        self.table: Table | None = None
        self.filters: list[str] = []
        self.names: dict[str, str] = {}
        """Expression of a plain base column → its name."""

    def read(self, item: Item) -> dict[tuple[str, str], str]:
        """What the columns of an item mean in terms of the base table below it.

        Raises:
            Unclear: It is more than a table, filters and projections.
        """
        if not isinstance(item, Leaf):
            return self._mark(item)
        if item.table:
            return self._base(item)
        if item.inside is None or self.nesting.word(item.inside.low) != "SELECT":
            raise Unclear("not a table")
        return self._select(item, item.inside)

    def _base(self, leaf: Leaf) -> dict[tuple[str, str], str]:
        parts = tuple(part.lower() for part in leaf.table)
        table = self.catalogue.tables.get((parts[0], parts[1], parts[2])) if len(parts) == 3 else None
        if table is None or len(table.columns) != len(leaf.columns):
            raise Unclear("not a base table")
        self.table = table
        meanings = {}
        for column, alias in zip(table.columns.values(), leaf.columns, strict=True):
            text = f"{quote(self.final)}.{quote(column.name)}"
            self.names[text] = column.name
            meanings[leaf.alias, alias] = text
        return meanings

    def _select(self, leaf: Leaf, inside: Span) -> dict[tuple[str, str], str]:
        """``SELECT expressions FROM item [WHERE condition]`` and nothing else."""
        source = next((at for at in _outside(self.nesting, inside) if self._is_from(at)), None)
        if source is None:
            raise Unclear("no FROM")
        item, after = self.nesting.item(source + 1)
        below = self.read(item)
        if after < inside.high:
            self._where(Span(after, inside.high), below)
        outputs = list(_outputs(self.nesting, Span(inside.low + 1, source)))
        if len(outputs) != len(leaf.columns):
            raise Unclear("columns do not match")
        return {
            (leaf.alias, name): substitute(self.nesting, output, below)
            for name, output in zip(leaf.columns, outputs, strict=True)
        }

    def _is_from(self, at: int) -> bool:
        return self.nesting.word(at) == "FROM" and self.nesting.word(at - 1) != "DISTINCT"

    def _where(self, span: Span, below: Meanings) -> None:
        if self.nesting.word(span.low) != "WHERE":
            raise Unclear("more than a filter")
        condition = Span(span.low + 1, span.high)
        if any(self.nesting.word(at) in _CLAUSES for at in _outside(self.nesting, condition)):
            raise Unclear("more than a filter")
        for conjunct in self.nesting.conjuncts(condition):
            self.filters.append(substitute(self.nesting, conjunct, below))

    def _mark(self, join: Join) -> dict[tuple[str, str], str]:
        """``(item JOIN BY (TYPE MARK) (VALUES ..) AS r(c0) ON (a.b = r.c0))``: a long IN list."""
        right = join.right
        if join.words != "JOIN BY MARK" or not isinstance(right, Leaf) or right.inside is None:
            raise Unclear("a join")
        if self.nesting.word(right.inside.low) != "VALUES" or len(right.columns) != 1:
            raise Unclear("a join")
        below = self.read(join.left)
        conditions = list(self.nesting.conjuncts(join.on))
        references = list(self.nesting.references(join.on))
        marked = [(alias, column) for _, alias, column in references if alias != right.alias]
        if len(conditions) != 1 or len(references) != 2 or len(marked) != 1 or marked[0] not in below:
            raise Unclear("a join")
        if not self.nesting.is_plain_equality(conditions[0]):
            raise Unclear("a join")
        rows = _rows(self.nesting, Span(right.inside.low + 1, right.inside.high))
        below["", _MARKER] = f"({below[marked[0]]} IN ({', '.join(self.nesting.text(row) for row in rows)}))"
        return below


_CLAUSES = frozenset(
    ["GROUP BY", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER BY", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT",
     "INTERSECT", "USING", "TABLESAMPLE", "SELECT"]
)  # fmt: skip
_NO_PROJECTION = frozenset(["OVER", "SELECT", "UNNEST", "EXPORT_STATE"])


def _outside(nesting: Nesting, span: Span) -> Iterator[int]:
    """The tokens outside brackets."""
    at = span.low
    while at < span.high:
        if at in nesting.partner:
            at = nesting.partner[at]
        else:
            yield at
        at += 1


def _outputs(nesting: Nesting, span: Span) -> Iterator[Span]:
    """The expressions of a select list, without their names."""
    if nesting.word(span.low) in ("DISTINCT", "ALL"):
        raise Unclear("more than a projection")
    commas = [at for at in _outside(nesting, span) if nesting.word(at) == ","]
    for low, high in zip([span.low, *(comma + 1 for comma in commas)], [*commas, span.high], strict=True):
        named = high - low > 2 and nesting.word(high - 2) == "AS"
        expression = Span(low, high - 2 if named else high)
        if any(nesting.word(at) in _NO_PROJECTION or _calls(nesting, at) for at in range(*expression)):
            raise Unclear("more than a projection")
        yield expression


def _calls(nesting: Nesting, at: int) -> bool:
    """Whether a function is called that may be an aggregate: any but CAST and operators (``"system".main."+"(..)``)."""
    name = nesting.tokens[at].text
    return (
        nesting.is_open(at + 1)
        and nesting.word(at) != "CAST"
        and name[:1].isalpha()
        and at > 0
        and (nesting.tokens[at - 1].token_type == TokenType.DOT)
    )


def _rows(nesting: Nesting, span: Span) -> Iterator[Span]:
    """The insides of the parentheses of VALUES."""
    at = span.low
    while at < span.high:
        if at in nesting.partner:
            yield Span(at + 1, nesting.partner[at])
            at = nesting.partner[at]
        at += 1
