"""What the runtime tells about itself: counts, and a trace of who did what when."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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


class Span(NamedTuple):
    """Something that took time on a worker (0 is the driver); seconds on the machine's monotonic clock."""

    kind: str
    name: str
    worker: int
    began: float
    ended: float
    detail: Any = None


class Trace:
    """A bounded record of spans."""

    def __init__(self) -> None:
        self.spans: deque[tuple[str, str, int, float, float, Any]] = deque(maxlen=SPANS)

    def write(self, path: Path, zero: float, names: dict[int, str]) -> None:
        """Write the record in Chrome's trace event format.

        Raises:
            DataError: The file cannot be written.
        """
        events = [_named(worker, name) for worker, name in names.items()]
        events += [_event(Span(*span), zero) for span in self.spans]
        try:
            path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}))
        except OSError as error:
            raise DataError(f"cannot write the timeline to {path}: {error.strerror}") from error


def _named(worker: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": "thread_name", "pid": 1, "tid": worker, "args": {"name": name}}


def _event(span: Span, zero: float) -> dict[str, Any]:
    event = {
        "name": span.name,
        "cat": span.kind,
        "pid": 1,
        "tid": span.worker,
        "ts": round((span.began - zero) * 1e6, 3),
        "args": {"detail": span.detail} if not isinstance(span.detail, dict) else span.detail,
    }
    if span.kind == "retry":
        return event | {"ph": "i", "s": "t"}
    if span.kind == "queue":
        begin = event | {"ph": "b", "id": str(span.detail)}
        return begin | {"ph": "X", "dur": round(max(0.0, span.ended - span.began) * 1e6, 3), "tid": 1_000_000}
    return event | {"ph": "X", "dur": round(max(0.0, span.ended - span.began) * 1e6, 3)}


def overlapping(spans: Iterable[Span]) -> int:
    """How many spans of one worker overlap another of the same worker; a sound record of tasks has none."""
    last: dict[int, float] = {}
    count = 0
    for span in sorted(spans, key=lambda span: span.began):
        count += span.began < last.get(span.worker, 0.0)
        last[span.worker] = max(last.get(span.worker, 0.0), span.ended)
    return count
