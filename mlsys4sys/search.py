"""Search as functions of (root, expand, cost, done), and the budget that ends it."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mlsys4sys.errors import InputError

S = TypeVar("S")


@dataclass(slots=True, kw_only=True)
class Budget:
    """How long a search may go on: seconds, evaluations, or both; whichever ends first.

    With evaluations alone a run repeats exactly. The clock starts when the budget is made.

    >>> budget = Budget(evaluations=2)
    >>> [budget.spend(), budget.spend(), budget.spend()]
    [True, True, False]
    """

    seconds: float | None = None
    evaluations: int | None = None
    used: int = 0
    _started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        for name in ("seconds", "evaluations"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"a budget's {name} must be above 0, not {value}")

    @property
    def elapsed_s(self) -> float:
        """Seconds since the budget was made."""
        return time.monotonic() - self._started

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left."""
        over_count = self.evaluations is not None and self.used >= self.evaluations
        return over_count or (self.seconds is not None and self.elapsed_s >= self.seconds)

    def spend(self, count: int = 1) -> bool:
        """Take ``count`` evaluations; false, and nothing taken, when the budget is exhausted."""
        if self.exhausted:
            return False
        self.used += count
        return True


def beam(
    root: S,
    expand: Callable[[list[S]], Iterable[S]],
    cost: Callable[[S], float],
    done: Callable[[S], bool],
    *,
    width: int,
    key: Callable[[S], Hashable] | None = None,
) -> list[S]:
    """Beam search by levels: finished states, cheapest first.

    Args:
        root: Where to start.
        expand: All unfinished states of a level at once → their successors, so that a policy scores one batch a level.
        cost: Lower is better; compared only within a level and among finished states.
        done: Whether a state is an answer.
        width: States kept a level.
        key: States with equal keys are the same: only the cheapest is kept.

    >>> beam(0, lambda level: [n + d for n in level for d in (1, 2)], cost=lambda n: -n, done=lambda n: n >= 5, width=2)
    [6, 5]
    """
    if width < 1:
        raise InputError(f"a beam's width must be at least 1, not {width}")
    level = [root]
    finished: list[S] = []
    while level:
        successors = sorted(expand(level), key=cost)
        if key is not None:
            first: dict[Hashable, S] = {}
            for state in successors:
                first.setdefault(key(state), state)
            successors = list(first.values())
        kept = successors[:width]
        finished.extend(state for state in kept if done(state))
        level = [state for state in kept if not done(state)]
    return sorted(finished, key=cost)


def best_first(
    root: S,
    expand: Callable[[S], Iterable[S]],
    cost: Callable[[S], float],
    done: Callable[[S], bool],
    *,
    budget: Budget,
) -> S | None:
    """Best-first search; the first finished state taken from the queue, or nothing when the budget ends.

    With an admissible ``cost`` (never above the cost of the best answer below a state) that answer is the optimum.

    >>> best_first(1, lambda n: (2 * n, 3 * n), cost=float, done=lambda n: n >= 8, budget=Budget(evaluations=99))
    8
    """
    order = itertools.count()
    queue = [(cost(root), next(order), root)]
    while queue:
        _, _, state = heapq.heappop(queue)
        if done(state):
            return state
        if not budget.spend():
            return None
        for child in expand(state):
            heapq.heappush(queue, (cost(child), next(order), child))
    return None
