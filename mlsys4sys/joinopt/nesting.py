"""The joins in DuckDB's decompiled SQL, read from its tokens.

``EXPLAIN (SQL)`` writes every join in parentheses of its own, gives every leaf an alias that is unique in the whole
text, and qualifies every column. So the joins can be found without a grammar of everything else: what is not a join
is a leaf, and its text is kept. ``JOIN BY (TYPE ...)`` and other words no parser knows do no harm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Token, TokenType

from mlsys4sys.joinopt.clauses import Span

_OPEN = frozenset([TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE])
_CLOSE = frozenset([TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE])
_JOIN_WORDS = frozenset("NATURAL INNER LEFT RIGHT FULL OUTER CROSS SEMI ANTI ASOF POSITIONAL JOIN".split())  # noqa: SIM905
_QUERY_WORDS = frozenset(["SELECT", "VALUES", "WITH", "FROM"])


class Unclear(Exception):  # noqa: N818 - not an error: the place is left as it is
    """A FROM clause that does not look as expected."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something in FROM that is no join: a table, a derived table, a function."""

    span: Span
    alias: str
    columns: tuple[str, ...]
    """Names that the alias gives to its columns; may be empty."""
    table: tuple[str, ...] = ()
    """Parts of the name when it is a plain name, of a table or of a common table expression."""
    inside: Span | None = None
    """The tokens between the parentheses of a derived table."""


@dataclass(frozen=True, slots=True)
class Join:
    """Two items joined, in parentheses."""

    span: Span
    words: str
    """``INNER JOIN``, ``SEMI JOIN``, ``JOIN BY MARK`` ..."""
    left: Item
    right: Item
    on: Span

    @property
    def is_inner(self) -> bool:
        """Whether it commutes and associates with others of its kind."""
        return self.words in ("INNER JOIN", "CROSS JOIN", "JOIN")


Item = Leaf | Join


class Nesting:
    """The tokens of a decompiled query, with the partner of each bracket."""

    def __init__(self, sql: str, tokens: Sequence[Token]) -> None:
        self.sql, self.tokens = sql, tokens
        self.partner: dict[int, int] = {}
        stack: list[int] = []
        for at, token in enumerate(tokens):
            if token.token_type in _OPEN:
                stack.append(at)
            elif token.token_type in _CLOSE:
                if not stack:
                    raise Unclear("a bracket closes that was not opened")
                self.partner[stack.pop()] = at
        if stack:
            raise Unclear("a bracket is not closed")

    def text(self, span: Span) -> str:
        """The text of some tokens."""
        return self.sql[self.start(span) : self.end(span)] if span.high > span.low else ""

    def start(self, span: Span) -> int:
        """Where the text of a span begins."""
        return self.tokens[span.low].start

    def end(self, span: Span) -> int:
        """Where it ends, exclusive."""
        return self.tokens[span.high - 1].end + 1

    def word(self, at: int) -> str:
        """The upper-cased text of an unquoted token; empty past the end and for quoted ones."""
        if at >= len(self.tokens) or self.tokens[at].token_type in (TokenType.IDENTIFIER, TokenType.STRING):
            return ""
        return self.tokens[at].text.upper()

    def is_open(self, at: int) -> bool:
        """Whether a token is ``(``."""
        return at < len(self.tokens) and self.tokens[at].token_type == TokenType.L_PAREN

    def sources(self) -> Iterator[Item]:
        """What stands after each FROM, outer and inner ones."""
        for at, token in enumerate(self.tokens):
            if token.token_type == TokenType.FROM and self.word(at - 1) != "DISTINCT":
                try:
                    item, after = self.item(at + 1)
                except Unclear:
                    continue
                if self.word(after) not in _JOIN_WORDS and self.word(after) != ",":
                    yield item

    def item(self, at: int) -> tuple[Item, int]:
        """The item of FROM that begins at a token, and the token after it.

        Raises:
            Unclear: It is nothing we know.
        """
        if not self.is_open(at):
            return self._named(at)
        close = self.partner[at]
        if self.word(at + 1) in _QUERY_WORDS:
            return self._derived(at, close)
        try:
            return self._join(at, close)
        except Unclear:
            return self._derived(at, close)

    def _join(self, at: int, close: int) -> tuple[Join, int]:
        left, after = self.item(at + 1)
        words = []
        while self.word(after) in _JOIN_WORDS:
            words.append(self.word(after))
            after += 1
        if not words or words[-1] != "JOIN":
            raise Unclear("no join")
        if self.word(after) == "BY" and self.is_open(after + 1):
            words.append("BY " + self.word(after + 3))
            after = self.partner[after + 1] + 1
        right, after = self.item(after)
        on = Span(close, close)
        if self.word(after) == "ON":
            on = Span(after + 1, close)
        elif after != close:
            raise Unclear("something follows a join")
        if self.word(close + 1) == "AS":
            raise Unclear("a join has an alias")
        return Join(Span(at, close + 1), " ".join(words), left, right, on), close + 1

    def _derived(self, at: int, close: int) -> tuple[Leaf, int]:
        alias, columns, after = self._alias(close + 1)
        return Leaf(Span(at, after), alias, columns, inside=Span(at + 1, close)), after

    def _named(self, at: int) -> tuple[Leaf, int]:
        parts, after = [self._name(at)], at + 1
        while after < len(self.tokens) and self.tokens[after].token_type == TokenType.DOT:
            parts.append(self._name(after + 1))
            after += 2
        function = self.is_open(after)
        after = self.partner[after] + 1 if function else after
        alias, columns, after = self._alias(after)
        return Leaf(Span(at, after), alias, columns, table=() if function else tuple(parts)), after

    def _alias(self, at: int) -> tuple[str, tuple[str, ...], int]:
        if self.word(at) != "AS":
            raise Unclear("no alias")
        alias, after = self._name(at + 1), at + 2
        if not self.is_open(after):
            return alias, (), after
        close = self.partner[after]
        return alias, tuple(self._name(number) for number in range(after + 1, close, 2)), close + 1

    def _name(self, at: int) -> str:
        if at >= len(self.tokens) or self.tokens[at].token_type in _OPEN | _CLOSE:
            raise Unclear("no name")
        return self.tokens[at].text

    def references(self, span: Span) -> Iterator[tuple[int, str, str]]:
        """All ``alias.column`` in some tokens: where, alias, column. Parts of longer names are left out."""
        tokens = self.tokens
        for at in range(span.low, span.high - 2):
            if (
                tokens[at + 1].token_type == TokenType.DOT
                and (at == 0 or tokens[at - 1].token_type != TokenType.DOT)
                and not self.is_open(at + 3)
                and (at + 3 >= len(tokens) or tokens[at + 3].token_type != TokenType.DOT)
            ):
                yield at, tokens[at].text, tokens[at + 2].text

    def is_plain_equality(self, span: Span) -> bool:
        """Whether some tokens are ``alias.column = alias.column``."""
        return span.high - span.low == 7 and self.word(span.low + 3) == "=" and len(list(self.references(span))) == 2

    def conjuncts(self, span: Span) -> Iterator[Span]:
        """The operands of the ANDs of a condition, all of which DuckDB puts in parentheses together."""
        while self.is_open(span.low) and self.partner[span.low] == span.high - 1:
            span = Span(span.low + 1, span.high - 1)
        cuts, at = [span.low], span.low
        between = False
        while at < span.high:
            if at in self.partner:
                at = self.partner[at]
            elif self.word(at) == "BETWEEN":
                between = True
            elif self.word(at) == "OR":
                yield span
                return
            elif self.word(at) == "AND":
                if not between:
                    cuts.append(at + 1)
                between = False
            at += 1
        if len(cuts) == 1:
            if span.high > span.low:
                yield span
            return
        for low, high in zip(cuts, [*(cut - 1 for cut in cuts[1:]), span.high], strict=True):
            yield from self.conjuncts(Span(low, high))
