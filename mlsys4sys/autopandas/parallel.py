"""A second search in another process, begun when the first has found nothing for a while; the first answer wins."""

from __future__ import annotations

import time
from typing import Any

from mlsys4sys import runtime
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import Candidate, Prior, Search, Value
from mlsys4sys.autopandas.settle import collected
from mlsys4sys.errors import TaskError

PATIENCE_S = 1.5
"""Seconds without an answer after which a second process is worth its start."""

DEEP = {
    "close": 0.0,
    "end": 0.0,
    "choose": 0.2,
    "prepare": 0.3,
    "heavy": 2.5,
    "partial": 0.5,
    "pick": 0.6,
    "filter": 1.0,
    "inner": 0.3,
    "expand": 0.5,
    "branch": 1.0,
}
"""Prices of the second search: calls and chains of calls before conditions and new columns."""


class Relief:
    """The second search of a task.

    Args:
        task: What is wanted.
        prior: The first search's.
        value: The first search's.
        end: ``time.monotonic()`` at which the budget ends.
    """

    def __init__(self, task: Task, prior: Prior | None, value: Value | None, end: float) -> None:
        self.task, self.prior, self.value, self.end = task, prior, value, end
        self._begin = time.monotonic() + PATIENCE_S
        self._ref: runtime.Ref[list[Candidate]] | None = None
        self._done = False

    def poll(self) -> list[Candidate]:
        """What the second search found, once; starts it when it is time."""
        now = time.monotonic()
        if self._done or now < self._begin or self.end - now < PATIENCE_S:
            return []
        if self._ref is None:
            self._ref = _search.remote(self.task, self.prior, self.value, self.end - now)
            return []
        if not runtime.wait([self._ref], num_returns=1, timeout=0)[0]:
            return []
        self._done = True
        try:
            found: list[Candidate] = runtime.get(self._ref)
            return found
        except TaskError:  # it was killed, or ran out of memory: the first search goes on alone
            return []

    def stop(self) -> None:
        """End the second search, if there is one."""
        if self._ref is not None and not self._done:
            runtime.cancel(self._ref)
            self._done = True


@runtime.remote(max_retries=0)
def _search(task: Task, prior: Any, value: Any, budget_s: float) -> list[Candidate]:
    return collected(Search(task, prior, value, prices=DEEP), budget_s)
