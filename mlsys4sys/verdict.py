"""What every checker returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a check; true when it passed.

    >>> bool(Verdict(ok=False, checked=3, counterexample="row 2: 1 is not 7"))
    False
    """

    ok: bool
    checked: int
    """How many things were compared: rows, packets, frames. Zero means that nothing was checked."""
    counterexample: str = ""
    """The first difference, for a person to read; empty when there is none."""

    def __bool__(self) -> bool:
        return self.ok
