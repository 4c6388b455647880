"""What the runtime tells about itself: counts, and a trace of who did what when."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsys4sys.errors import DataError

SPANS = 200_000
"""Spans that are kept; the oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Counts since `init`.

    Attributes:
        submitted: Tasks, actors and their calls.
        finished: Those with a value.
        failed: Those with an error.
        retried: Runs and restarts after a worker's death.
        pending: Those that have neither a value nor an error.
        workers: Processes alive now.
        deaths: Workers that died without having been told to.
        stored_bytes: Shared memory in use.
        pooled_bytes: Shared memory kept for the next use.
        busy_s: Seconds that tasks ran, summed over workers.
        elapsed_s: Seconds since `init`.
    """

    submitted: int = 0
    finished: int = 0
    failed: int = 0
    retried: int = 0
    pending: int = 0
    workers: int = 0
    deaths: int = 0
    stored_bytes: int = 0
    pooled_bytes: int = 0
    busy_s: float = 0.0
    elapsed_s: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.finished} of {self.submitted} done, {self.failed} failed, {self.retried} run again, "
            f"{self.workers} workers, busy {self.busy_s:.1f} s in {self.elapsed_s:.1f} s"
        )


Span = tuple[str, int, float, float, float, Any]
"""Name, worker (0 is the driver), when it was submitted, began and ended, and the task's id (None for no task)."""


class Trace:
    """A bounded record of spans; times are seconds on the machine's monotonic clock, which all processes share."""

    def __init__(self) -> None:
        self.spans: deque[Span] = deque(maxlen=SPANS)

    def write(self, path: Path, zero: float, names: dict[int, str]) -> None:
        """Write the record in Chrome's trace event format: a row for each worker, one for the queue.

        Raises:
            DataError: The file cannot be written.
        """
        events = [
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": worker, "args": {"name": name}}
            for worker, name in sorted(names.items())
        ]
        for span in self.spans:
            events += _events(span, zero)
        try:
            path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))
        except OSError as error:
            raise DataError(f"cannot write the timeline to {path}: {error.strerror}") from error


def _events(span: Span, zero: float) -> list[dict[str, Any]]:
    name, worker, since, began, ended, tid = span
    event: dict[str, Any] = {"name": name, "pid": 1, "tid": worker, "ts": _us(began - zero)}
    if tid is None and began == ended:
        return [event | {"ph": "i", "s": "t", "cat": "fault"}]
    if tid is None:
        return [event | {"ph": "X", "dur": _us(ended - began), "cat": "transfer"}]
    task = ".".join(map(str, tid))
    waited = {"name": name, "pid": 1, "tid": 0, "cat": "queue", "id": task}
    return [
        event | {"ph": "X", "dur": _us(ended - began), "cat": "task", "args": {"task": task}},
        waited | {"ph": "b", "ts": _us(since - zero)},
        waited | {"ph": "e", "ts": _us(max(since, began) - zero)},
    ]


def _us(seconds: float) -> float:
    return round(max(0.0, seconds) * 1e6, 3)
