"""How much was examined: the honest numerator of candidates a second."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Count:
    """Candidates compared with a target, in full or until the first row that differs."""

    examined: int = 0


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline that is cheap to ask.

    Args:
        deadline: ``time.monotonic()`` at which to stop; None for never.
    """

    deadline: float | None = None

    def over(self) -> bool:
        """Whether it is time to stop."""
        return self.deadline is not None and time.monotonic() > self.deadline
