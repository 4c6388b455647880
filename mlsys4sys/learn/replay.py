"""Experience replay for decisions with a varying number of actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import InputError

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """A sample of transitions; the next actions of all of them lie in one array, cut by ``offsets``."""

    action: Floats32
    """Features of the action that was taken, shape (batch, features)."""
    cost: Floats32
    """What it cost, shape (batch,)."""
    to_go: Floats32
    """Cost from here to the end as it was seen in the episode, this action included, shape (batch,)."""
    next_actions: Floats32
    """Features of all actions that were open afterwards, shape (total, features)."""
    offsets: NDArray[np.int64]
    """Transition ``i`` owns ``next_actions[offsets[i]:offsets[i + 1]]``; empty at the end of an episode."""


class Replay:
    """The last ``capacity`` transitions, sampled uniformly (Mnih et al. 2015, Methods)."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InputError(f"a replay's capacity must be at least 1, not {capacity}")
        self.capacity = capacity
        self._items: list[tuple[Floats32, float, float, Floats32]] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, action: Floats32, cost: float, to_go: float, next_actions: Floats32) -> None:
        """Remember one transition, forgetting the oldest when full."""
        item = (action, cost, to_go, next_actions)
        if len(self._items) < self.capacity:
            self._items.append(item)
        else:
            self._items[self._next] = item
            self._next = (self._next + 1) % self.capacity

    def sample(self, size: int, rng: np.random.Generator) -> Batch:
        """``size`` transitions with replacement."""
        chosen = [self._items[i] for i in rng.integers(len(self._items), size=size)]
        offsets = np.concatenate([[0], np.cumsum([len(item[3]) for item in chosen])])
        return Batch(
            np.stack([item[0] for item in chosen]),
            np.array([item[1] for item in chosen], np.float32),
            np.array([item[2] for item in chosen], np.float32),
            np.concatenate([item[3] for item in chosen]),
            offsets.astype(np.int64),
        )
