"""What an importer could not carry over exactly: nothing is ever left out or changed without an entry here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What was done about a thing that plain rules cannot say."""

    FIELD = "kept as a field"
    """Exact: the condition became a column of its own, which packets must then have."""
    ASSUMED = "assumed"
    """Exact under an assumption that the caller made, such as ``ctstate`` being ``NEW``."""
    WIDENED = "widened"
    """The rule matches more packets than its source."""
    LEFT_OUT = "left out"
    """Its source is not in the rule set."""
    NO_VERDICT = "no verdict"
    """Its source decides nothing about a packet (it counts, logs, marks), so it became no rule."""


INEXACT = frozenset({Effect.WIDENED, Effect.LEFT_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One entry.

    Attributes:
        effect: What was done.
        reason: Why, in words.
        line: 1-based line of the source, 0 when it is about the whole of it.
        column: 1-based column, 0 when it is about the whole line.
        text: The source's own words.
        exact: True when no packet's answer can differ because of it.
    """

    effect: Effect
    reason: str
    line: int = 0
    column: int = 0
    text: str = ""
    exact: bool = False

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.line, self.column) if part)
        shown = f" [{self.text}]" if self.text else ""
        return f"{'line ' + where + ': ' if where else ''}{self.effect}: {self.reason}{shown}"


@dataclass(frozen=True, slots=True)
class Losses:
    """The report of one import; false when everything was carried over as it is.

    >>> bool(Losses()), Losses().exact
    (False, True)
    """

    items: tuple[Loss, ...] = ()
    source: str = ""
    """Name of the file."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Loss]:
        return iter(self.items)

    @property
    def exact(self) -> bool:
        """Whether every packet gets the answer that the source gives it, given its fields and assumptions."""
        return all(item.exact for item in self.items)

    def of(self, effect: Effect) -> tuple[Loss, ...]:
        """The entries of one kind."""
        return tuple(item for item in self.items if item.effect == effect)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain dictionaries, one an entry."""
        return [asdict(item) for item in self.items]

    @classmethod
    def from_json(cls, items: list[dict[str, Any]], source: str = "") -> Losses:
        """What `to_json` gave."""
        return cls(tuple(Loss(**{**item, "effect": Effect(item["effect"])}) for item in items), source)

    def __str__(self) -> str:
        if not self.items:
            return "nothing was lost"
        name = f"{self.source}: " if self.source else ""
        return "\n".join(f"{name}{item}" for item in self.items)
