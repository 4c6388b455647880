"""How much was examined: the honest numerator of candidates a second."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


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


def quietly(function: Callable[P, R]) -> Callable[P, R]:
    """Without warnings of numpy and pandas: most candidates divide by zero or compare what is missing somewhere."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return run
