"""What the driver keeps: values, who holds them, and where they lie.

A task's record stays as long as somebody holds it: a reference in the program, a worker that has one, a value or a
task's arguments that contain one, a task that needs it. When the last holder of a settled task is gone, its value and
its shared memory go too.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from mlsys4sys.runtime import safe, store, wire
from mlsys4sys.runtime.state import DONE, FAILED, Scheduler, Task
from mlsys4sys.runtime.timeline import Trace

Kept = Any
"""A value as the driver keeps it: an atom, or ``[pickle, (segment, spans) or None, references]``."""


class Ledger:
    """Values and their holders.

    Attributes:
        dropped: Tasks whose reference has gone; anybody may add to it at any time, `sweep` acts on it.
        freed: Segments of which a map in this process has gone, likewise.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.store = store.Store()
        self.trace = Trace()
        self.dropped: deque[Task] = deque()
        self.freed: deque[int] = deque()

    def pack(self, value: Any) -> Any:
        """A value as the driver keeps it: an atom or ``[pickle, (segment, spans) or None, references]``."""
        if wire.is_atom(value):
            return value
        data, buffers, refs = wire.dumps(value)
        if not buffers:
            return [data, None, refs]
        began = perf_counter()
        segment, spans = self.store.write(buffers)
        self.trace.spans.append((f"write {segment.size} bytes", 0, began, began, perf_counter(), None))
        return [data, (segment, spans), refs]

    def unpack(self, value: Any, *, trusted: bool = True) -> Any:
        """The value itself; arrays over shared memory, read-only."""
        if type(value) is not list:
            return value
        data, shared, _ = value
        buffers: list[memoryview] = []
        if shared is not None:
            segment, spans = shared
            freed, key = self.freed, segment.key
            mapped = memoryview(store.view(self.store.lend(segment, 0), segment.size, lambda: freed.append(key)))
            buffers = [mapped[offset : offset + length] for offset, length in spans]
        return wire.loads(data, buffers) if trusted else safe.loads(data, buffers)

    def adopt(self, task: Task, value: list[Any], fds: list[int]) -> Any:
        """A value from the wire as the driver keeps it."""
        if task.parts:
            for part, item in zip(task.parts, value, strict=True):
                part.value = self.adopt_one(item, fds)
            return None
        return self.adopt_one(value, fds)

    def adopt_one(self, value: Any, fds: list[int]) -> Any:
        """A value from the wire as the driver keeps it."""
        if type(value) is not list:
            return value
        data, shared, refs = value
        if shared is not None:
            _, size, spans, index = shared
            shared = (self.store.adopt(fds[index], size), spans)
        kept = [data, shared, refs]
        self.hold_all(kept)
        return kept

    def ship(self, value: Any, worker: int, fds: list[int]) -> Any:
        """A value for a worker."""
        if type(value) is not list or value[1] is None:
            return value
        data, (segment, spans), refs = value
        fds.append(self.store.lend(segment, worker))
        return [data, (segment.key, segment.size, spans, len(fds) - 1), refs]

    def discard(self, fds: list[int]) -> None:
        """Values that came and that nobody wants."""
        for fd in fds:
            os.close(fd)

    def hold_all(self, value: list[Any]) -> None:
        """One holder more for everything that a value refers to."""
        for tid in value[2]:
            task = self.scheduler.tasks.get(tid)
            if task is not None:
                task.held += 1

    def hold_needs(self, task: Task, deps: Sequence[Task]) -> None:
        """What a task needs stays until it is settled."""
        for dep in deps:
            dep.held += 1
        if type(task.args) is list:
            self.hold_all(task.args)

    def add_parts(self, task: Task, count: int) -> None:
        """The objects of a task with several values."""
        task.parts = [Task((*task.id, -1 - index), task.shape) for index in range(count)]
        for part in task.parts:
            self.scheduler.tasks[part.id] = part

    def release_value(self, value: Any) -> None:
        """A value is gone: its memory may go, and what it refers to has a holder less."""
        if type(value) is not list:
            return
        if value[1] is not None:
            self.store.release(value[1][0])
        for tid in value[2]:
            task = self.scheduler.tasks.get(tid)
            if task is not None:
                self.let_go(task)

    def let_go(self, task: Task) -> None:
        """One holder less; a settled task that nobody holds is forgotten, an actor that nobody holds is ended."""
        task.held -= 1
        if task.held > 0:
            return
        if task.max_restarts is not None and task.status != FAILED:
            self.scheduler.end_actor(task, now=False)
        elif self.scheduler.forget(task):
            value, task.value = task.value, None
            if task.status == DONE:
                self.release_value(value)

    def sweep(self) -> None:
        """Act on the notes in `dropped` and `freed`."""
        dropped, freed = self.dropped, self.freed
        while dropped:
            self.let_go(dropped.popleft())
        while freed:
            self.store.returned(freed.popleft(), 0)
