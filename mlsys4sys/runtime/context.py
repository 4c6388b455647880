"""Where in the task tree this code runs, and the chance that belongs to the place.

A task's path is the index of its submission within its parent, after the parent's own path. It depends on the program
alone, not on workers or timing; so what is drawn from `rng` is the same on every backend and in every replay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class Context:
    """One running task, or the program itself (the empty path)."""

    __slots__ = ("count", "generator", "path", "seed")

    def __init__(self, path: tuple[int, ...] = (), seed: int = 0) -> None:
        self.path = path
        self.seed = seed
        self.count = 0
        self.generator: np.random.Generator | None = None

    def child(self) -> tuple[int, ...]:
        """The path of the next task or object that is made here."""
        count = self.count
        self.count = count + 1
        return (*self.path, count)

    def rng(self) -> np.random.Generator:
        """This task's generator; its stream goes on from call to call."""
        if self.generator is None:
            from numpy.random import SeedSequence, default_rng  # the runtime starts without numpy

            self.generator = default_rng(SeedSequence(self.seed, spawn_key=self.path))
        return self.generator
