"""Functions and classes as the runtime ships them: pickled once, sent to each worker once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

import cloudpickle

_numbers = itertools.count()


class Function:
    """A remote function or class.

    Attributes:
        key: A name that no other function has, whichever process it comes from.
        name: How errors and traces call it.
    """

    def __init__(self, target: Callable[..., Any]) -> None:
        self.target = target
        self.name: str = getattr(target, "__qualname__", type(target).__name__).replace("<locals>.", "")
        self.is_class = isinstance(target, type)

    @cached_property
    def key(self) -> tuple[int, ...]:
        """Process and count, made at the first use so that a forked process makes its own."""
        return os.getpid(), next(_numbers)

    @cached_property
    def blob(self) -> bytes:
        """The pickle, made at the first use: what the function refers to is frozen then."""
        data: bytes = cloudpickle.dumps(self.target, 5)
        return data

    def __reduce__(self) -> tuple[type[Function], tuple[Callable[..., Any]]]:
        return Function, (self.target,)
