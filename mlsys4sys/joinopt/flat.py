"""The fast front end: one flat SELECT, read and bound here without a question to the engine.

Accepted: ``SELECT ... FROM`` base tables, comma or inner joined, ``WHERE`` any conjunction, and anything above that
holds no subquery. The user's text is kept: only the FROM clause is written anew, and the join predicates move from
WHERE into it. Everything else is refused with a reason, and the decompiling front end takes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from mlsys4sys.joinopt.catalogue import Catalogue, Table
from mlsys4sys.joinopt.clauses import NotFlat, Span, clause_spans, on_spans, split_conjunction, top_level_stars
from mlsys4sys.joinopt.emit import Wording, from_clause, quote
from mlsys4sys.joinopt.problem import Column, JoinGraph, Mask, Predicate, Relation, bits
from mlsys4sys.joinopt.skeleton import Region, Renderer, Skeleton
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.joinopt.width import size_of

VOLATILE = frozenset(
    # duckdb_functions() with stability VOLATILE, of those that a query may call.
    "random uuid uuidv4 uuidv7 gen_random_uuid nextval currval setseed setval error sleep_ms write_log".split()  # noqa: SIM905
)
_DUCKDB = Dialect.get_or_raise("duckdb")
_ALLOWED = frozenset(
    "expressions from_ joins where group having order limit offset distinct qualify windows".split()  # noqa: SIM905
)
_ABOVE = ("group", "having", "order", "limit", "offset", "distinct", "qualify", "windows")
_STRANGE = (exp.Query, exp.Lambda, exp.Parameter, exp.Placeholder, exp.Columns)


@dataclass(frozen=True, slots=True)
class _Source:
    """A base table in FROM."""

    table: Table
    alias: str
    text: str


@dataclass(frozen=True, slots=True)
class _Condition:
    """An ON clause: its expression, and the sources it may mention."""

    expression: exp.Expr
    scope: range


@dataclass(slots=True)
class _From:
    """What is collected while walking a FROM clause."""

    sources: list[_Source] = field(default_factory=list)
    conditions: list[_Condition] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Conjunct:
    """One conjunct of WHERE or ON."""

    expression: exp.Expr
    relations: Mask
    columns: tuple[Column, ...]
    qualified: str
    """Its text with every column qualified."""
    kept: str | None
    """Its text as it stands in WHERE; nothing for one that comes from ON."""


def read_flat(sql: str, catalogue: Catalogue) -> Skeleton:
    """Read a flat query.

    Raises:
        NotFlat: It is not flat, or something in it cannot be resolved here (which may be an error of the user's:
            the engine will tell).
    """
    tokens, select = _parse(sql)
    reader = _Reader(sql, tokens, select, catalogue)
    graph, wording, kept = reader.graph()
    if graph.size == 1:
        return Skeleton(sql=sql, kind="opaque", why="it reads one table: there is nothing to reorder")
    region = Region(graph=graph, textual_tree=reader.textual_tree())
    return Skeleton(sql=sql, regions=(region,), kind="flat", renderer=reader.renderer(graph, wording, kept))


def _parse(sql: str) -> tuple[list[Token], exp.Select]:
    try:
        tokens = _DUCKDB.tokenize(sql)
        parsed = [statement for statement in _DUCKDB.parser().parse(tokens, sql) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        raise NotFlat("not understood") from error
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Select):
        raise NotFlat("not a single SELECT")
    select = parsed[0]
    strange = sorted(key for key, value in select.args.items() if value and key not in _ALLOWED)
    if strange:
        raise NotFlat(f"has {strange[0].rstrip('_')}")
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    for token, follower in pairwise(tokens):
        if follower.token_type == TokenType.L_PAREN and token.text.lower() in VOLATILE:
            raise NotFlat(f"calls {token.text.lower()}()")
    return tokens, select


class _Reader:
    """Reads one query; the state is what was found so far."""

    def __init__(self, sql: str, tokens: list[Token], select: exp.Select, catalogue: Catalogue) -> None:
        self.sql, self.tokens, self.select, self.catalogue = sql, tokens, select, catalogue
        self.sources, self.conditions, self._tree = self._read_from()
        self.names: dict[str, int] = {}
        for number, source in enumerate(self.sources):
            if self.names.setdefault(source.alias.lower(), number) != number:
                raise NotFlat(f"the name {source.alias} is given twice")
        first = self.select.args["from_"].find(exp.Table).find(exp.Identifier).meta["start"]
        self.from_span, self.where_span = clause_spans(tokens, first, has_where=bool(select.args.get("where")))

    # -- FROM

    def _read_from(self) -> tuple[list[_Source], list[_Condition], JoinTree]:
        source = self.select.args.get("from_")
        if source is None:
            raise NotFlat("has no FROM")
        found = _From()
        tree = self._joined(self._item(source.this, found), 0, self.select.args.get("joins") or (), found)
        if len(found.sources) > 63:
            raise NotFlat("has more than 63 tables")
        return found.sources, found.conditions, tree

    def _item(self, item: exp.Expr, found: _From) -> JoinTree:
        """A table or a parenthesis, and the joins written behind it."""
        begin = len(found.sources)
        if isinstance(item, exp.Subquery) and _only(item, "this", "joins"):
            tree = self._item(item.this, found)
        elif isinstance(item, exp.Table) and _only(item, "this", "db", "catalog", "alias", "joins"):
            found.sources.append(self._table(item))
            tree = JoinTree.leaf(begin)
        else:
            raise NotFlat("has something else than tables in FROM")
        return self._joined(tree, begin, item.args.get("joins") or (), found)

    def _joined(self, tree: JoinTree, begin: int, joins: Sequence[exp.Join], found: _From) -> JoinTree:
        for join in joins:
            if not _only(join, "this", "on", "kind"):
                raise NotFlat("has a join that is not inner, or USING")
            kind = (join.args.get("kind") or "").upper()
            if kind not in ("", "INNER", "CROSS"):
                raise NotFlat(f"has a {kind} JOIN")
            # A comma binds weaker than JOIN: an ON clause sees only the items since the last comma.
            begin = begin if kind or join.args.get("on") else len(found.sources)
            tree = JoinTree.join(tree, self._item(join.this, found))
            if join.args.get("on"):
                found.conditions.append(_Condition(join.args["on"], range(begin, len(found.sources))))
        return tree

    def _table(self, item: exp.Table) -> _Source:
        parts = [item.args.get("catalog"), item.args.get("db"), item.this]
        identifiers = [part for part in parts if part is not None]
        if not all(isinstance(part, exp.Identifier) for part in identifiers):
            raise NotFlat("has something else than tables in FROM")
        table = self.catalogue.find(item.name, item.db, item.catalog)
        if table is None:
            raise NotFlat(f"{item.name} is no base table")
        alias = item.args.get("alias")
        if alias is not None:
            if not _only(alias, "this"):
                raise NotFlat("renames columns in FROM")
            identifiers.append(alias.this)
        low, high = identifiers[0].meta.get("start"), identifiers[-1].meta.get("end")
        if low is None or high is None:
            raise NotFlat("a table has no position")
        return _Source(table, identifiers[-1].name, self.sql[low : high + 1])

    def textual_tree(self) -> JoinTree:
        """The order as written."""
        return self._tree

    # -- conjuncts

    def conjuncts(self) -> Iterator[_Conjunct]:
        """All conjuncts: those of ON clauses, then those of WHERE."""
        spans = list(on_spans(self.tokens, self.from_span))
        if len(spans) != len(self.conditions):
            raise NotFlat("has an ON clause that cannot be placed")
        for condition, span in zip(self.conditions, spans, strict=True):
            for expression, piece in split_conjunction(self.tokens, condition.expression, span):
                yield self._conjunct(expression, piece, condition.scope, kept=False)
        where = self.select.args.get("where")
        if where is not None:
            for expression, piece in split_conjunction(self.tokens, where.this, self.where_span):
                yield self._conjunct(expression, piece, range(len(self.sources)), kept=True)

    def _conjunct(self, expression: exp.Expr, span: Span, scope: range, *, kept: bool) -> _Conjunct:
        if span.low >= span.high:
            raise NotFlat("a conjunct is empty")
        low, high = self.tokens[span.low].start, self.tokens[span.high - 1].end + 1
        columns, patches, mask = [], [], 0
        for node in self._columns_of(expression):
            column = self._bind(node, scope)
            start = (node.args.get("table") or node.this).meta.get("start", -1)
            if column is None or not low <= start < high:
                raise NotFlat(f"column {node.name} cannot be resolved here")
            if not node.args.get("table"):
                patches.append((start - low, quote(self.sources[column.relation].alias) + "."))
            columns.append(column)
            mask |= 1 << column.relation
        text = self.sql[low:high]
        text = f"({text})" if isinstance(expression, exp.Or) else text
        shift = 1 if isinstance(expression, exp.Or) else 0
        qualified = _patched(text, [(at + shift, prefix) for at, prefix in patches])
        return _Conjunct(expression, mask, tuple(columns), qualified, text if kept else None)

    def _columns_of(self, expression: exp.Expr) -> Iterator[exp.Column]:
        for node in expression.walk():
            if isinstance(node, exp.Column):
                yield node
            elif isinstance(node, _STRANGE):
                raise NotFlat("has a subquery, a lambda or a parameter")

    def _bind(self, node: exp.Column, scope: range) -> Column | None:
        if node.args.get("db") or not isinstance(node.this, exp.Identifier):
            return None
        name, owner = node.name.lower(), node.args.get("table")
        if owner is not None:
            relation = self.names.get(owner.name.lower(), -1)
            owners = [relation] if relation in scope and name in self.sources[relation].table.columns else []
        else:
            owners = [number for number in scope if name in self.sources[number].table.columns]
        return Column(owners[0], self.sources[owners[0]].table.columns[name].name) if len(owners) == 1 else None

    # -- what stands above the joins

    def columns_above(self) -> set[Column]:
        """The columns that the select list and everything after WHERE read."""
        aliases = {node.alias.lower() for node in self.select.expressions if isinstance(node, exp.Alias)}
        found: set[Column] = set()
        for root in self._roots_above():
            for node in self._columns_of(root):
                if isinstance(node.this, exp.Star):
                    found |= self._starred(node)
                    continue
                column = self._bind(node, range(len(self.sources)))
                if column is not None:
                    found.add(column)
                elif node.args.get("table") or node.name.lower() not in aliases | {"all"}:
                    raise NotFlat(f"column {node.name} cannot be resolved here")
        return found

    def _roots_above(self) -> Iterator[exp.Expr]:
        for expression in self.select.expressions:
            if isinstance(expression, exp.Star):
                self._plain_star(expression)
                for source in self.sources:
                    yield exp.column(exp.Star(), table=exp.to_identifier(source.alias, quoted=True))
            else:
                yield expression
        for key in _ABOVE:
            value = self.select.args.get(key)
            yield from value if isinstance(value, list) else [value] if value else []

    def _starred(self, node: exp.Column) -> set[Column]:
        self._plain_star(node.this)
        relation = self.names.get(node.table.lower())
        if relation is None:
            raise NotFlat(f"{node.table} cannot be resolved here")
        return {Column(relation, column.name) for column in self.sources[relation].table.columns.values()}

    def _plain_star(self, star: exp.Expr) -> None:
        if any(star.args.values()):
            raise NotFlat("has a * with exceptions")

    # -- the graph

    def graph(self) -> tuple[JoinGraph, Wording, list[str]]:
        """The join graph, its wording, and the conjuncts that stay in WHERE."""
        predicates: list[Predicate] = []
        filters: list[list[str]] = [[] for _ in self.sources]
        kept: list[str] = []
        joined: set[Column] = set()
        read = set(above := self.columns_above())
        for conjunct in self.conjuncts():
            read.update(conjunct.columns)
            if conjunct.relations.bit_count() < 2:
                for relation in bits(conjunct.relations):
                    filters[relation].append(conjunct.qualified)
                if conjunct.relations or conjunct.qualified.lower() != "true":
                    kept.append(conjunct.kept or conjunct.qualified)
                continue
            joined.update(conjunct.columns)
            equality = self._equality(conjunct)
            predicates.append(Predicate(sql=conjunct.qualified, relations=conjunct.relations, equality=equality))
        relations = [self._relation(number, tuple(found), read, above | joined) for number, found in enumerate(filters)]
        graph = JoinGraph(relations=tuple(relations), predicates=tuple(predicates))
        return graph, self._wording(graph), kept

    def _equality(self, conjunct: _Conjunct) -> tuple[Column, Column] | None:
        expression = conjunct.expression
        if not isinstance(expression, exp.EQ) or len(conjunct.columns) != 2:
            return None
        sides = (expression.this.unnest(), expression.expression.unnest())
        if not all(isinstance(side, exp.Column) for side in sides):
            return None
        left, right = conjunct.columns
        return (left, right) if self._type(left) == self._type(right) else None

    def _type(self, column: Column) -> str:
        return self.sources[column.relation].table.columns[column.name.lower()].type

    def _relation(self, number: int, filters: tuple[str, ...], read: set[Column], held: set[Column]) -> Relation:
        source = self.sources[number]
        names = {column.name for column in read if column.relation == number}
        width = sum(size_of(self._type(column)) for column in held if column.relation == number)
        return Relation(
            alias=source.alias,
            sql=source.text,
            table=source.table.sql,
            filters=filters,
            width_bytes=float(max(width, 1)),
            columns=tuple(column.name for column in source.table.columns.values() if column.name in names),
        )

    def _wording(self, graph: JoinGraph) -> Wording:
        columns = {
            column: f"{quote(self.sources[column.relation].alias)}.{quote(column.name)}"
            for group in graph.classes
            for column in group
        }
        others = tuple((predicate.relations, predicate.sql) for predicate in graph.others)
        return Wording(leaves=tuple(source.text for source in self.sources), columns=columns, others=others)

    # -- back to SQL

    def renderer(self, graph: JoinGraph, wording: Wording, kept: Sequence[str]) -> Renderer:
        """From a tree to the query with that order."""
        head = self._head()
        where = "\nWHERE " + "\n  AND ".join(kept) if kept else ""
        end = self.where_span.high
        tail = "\n" + self.sql[self.tokens[end].start : self.tokens[-1].end + 1] if end < len(self.tokens) else ""

        def render(trees: Sequence[JoinTree]) -> str:
            return f"{head}{from_clause(graph, wording, trees[0])}{where}{tail}"

        return render

    def _head(self) -> str:
        """The text up to FROM, each ``*`` written out table by table: its order must not follow the joins'."""
        last = self.from_span.low - 1
        stars = top_level_stars(self.tokens[: last + 1])
        if len(stars) != sum(isinstance(node, exp.Star) for node in self.select.expressions):
            raise NotFlat("a * cannot be placed")
        written = ", ".join(f"{quote(source.alias)}.*" for source in self.sources)
        head, done = "", self.tokens[0].start
        for star in stars:
            head += self.sql[done : star.start] + written
            done = star.end + 1
        return head + self.sql[done : self.tokens[last].end + 1] + " "


def _only(node: exp.Expr, *allowed: str) -> bool:
    return not any(value for key, value in node.args.items() if key not in allowed)


def _patched(text: str, patches: Sequence[tuple[int, str]]) -> str:
    for at, prefix in sorted(patches, reverse=True):
        text = text[:at] + prefix + text[at:]
    return text
