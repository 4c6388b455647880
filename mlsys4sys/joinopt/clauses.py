"""Where the clauses and conjuncts of a flat SELECT stand in its text, so that the text can be kept as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlglot import Token, TokenType, exp

_OPEN = frozenset([TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE])
_CLOSE = frozenset([TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END])
_T = TokenType
_AFTER_WHERE = frozenset([_T.GROUP_BY, _T.HAVING, _T.QUALIFY, _T.WINDOW, _T.ORDER_BY, _T.LIMIT, _T.OFFSET, _T.FETCH])
_AFTER_ON = frozenset([_T.JOIN, _T.INNER, _T.CROSS, _T.COMMA, _T.ON])


class NotFlat(Exception):  # noqa: N818 - not an error: the other front end is asked
    """Why a query is not for the flat front end."""


class Span(NamedTuple):
    """A range of tokens, half-open."""

    low: int
    high: int


def _top_level(tokens: Sequence[Token], span: Span) -> Iterator[tuple[int, TokenType]]:
    """The tokens outside all brackets and CASE expressions; ends where a bracket closes that was opened before."""
    depth = 0
    for at in range(*span):
        kind = tokens[at].token_type
        if kind in _OPEN:
            depth += 1
        elif kind in _CLOSE:
            depth -= 1
            if depth < 0:
                yield at, kind
                return
        elif depth == 0:
            yield at, kind


def clause_spans(tokens: Sequence[Token], first_table: int, *, has_where: bool) -> tuple[Span, Span]:
    """The insides of the FROM and the WHERE clause.

    Args:
        tokens: The whole query.
        first_table: Position in the text where the first table of FROM begins.
        has_where: Whether there is a WHERE clause; if not, its span is empty.

    Raises:
        NotFlat: The clauses stand in another order than SELECT, FROM, WHERE.
    """
    source = where = -1
    end = len(tokens)
    for at, kind in _top_level(tokens, Span(0, end)):
        if tokens[at].start < first_table:
            source = at if kind == TokenType.FROM else source
        elif kind == TokenType.WHERE and where < 0:
            where = at
        elif kind in _AFTER_WHERE:
            end = at
            break
    if source < 0 or tokens[0].token_type != TokenType.SELECT or (where >= 0) != has_where:
        raise NotFlat("clauses are in an unusual order")
    return Span(source + 1, where if has_where else end), Span(where + 1 if has_where else end, end)


def on_spans(tokens: Sequence[Token], source: Span) -> Iterator[Span]:
    """The insides of the ON clauses of a FROM clause, in the order of the text."""
    for at in range(*source):
        if tokens[at].token_type == TokenType.ON:
            inside = Span(at + 1, source.high)
            ends = (end for end, kind in _top_level(tokens, inside) if kind in _AFTER_ON or kind in _CLOSE)
            yield Span(at + 1, next(ends, source.high))


def split_conjunction(tokens: Sequence[Token], expression: exp.Expr, span: Span) -> Iterator[tuple[exp.Expr, Span]]:
    """The conjuncts of an expression, each with its tokens; those inside parentheses too.

    Raises:
        NotFlat: Text and expression do not agree.
    """
    while isinstance(expression, exp.Paren) and tokens[span.low].token_type == TokenType.L_PAREN:
        expression, span = expression.this, Span(span.low + 1, span.high - 1)
    if not isinstance(expression, exp.And):
        yield expression, span
        return
    parts = _operands(expression)
    pieces = _at_ands(tokens, span)
    if len(parts) != len(pieces):
        raise NotFlat("a conjunction cannot be split")
    for part, piece in zip(parts, pieces, strict=True):
        yield from split_conjunction(tokens, part, piece)


def _operands(expression: exp.Expr) -> list[exp.Expr]:
    """The operands of a chain of ANDs, from left to right."""
    parts, pending = [], [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, exp.And):
            pending += [node.expression, node.this]
        else:
            parts.append(node)
    return parts


def _at_ands(tokens: Sequence[Token], span: Span) -> list[Span]:
    pieces, start, between = [], span.low, 0
    for at, kind in _top_level(tokens, span):
        if kind == TokenType.BETWEEN:
            between += 1
        elif kind == TokenType.AND and between:
            between -= 1
        elif kind == TokenType.AND:
            pieces.append(Span(start, at))
            start = at + 1
    return [*pieces, Span(start, span.high)]


def top_level_stars(head: Sequence[Token]) -> list[Token]:
    """The ``*`` of a select list that stand for all columns of all tables.

    Args:
        head: The tokens from SELECT to FROM, both included.
    """
    return [
        head[at]
        for at, kind in _top_level(head, Span(0, len(head)))
        if kind == TokenType.STAR
        and head[at - 1].token_type != TokenType.DOT
        and head[at + 1].token_type in (TokenType.COMMA, TokenType.FROM)
    ]
