"""The local backend: worker processes on this machine, driven by whoever waits.

There is no scheduler process and no scheduler thread in the way: a submission goes straight to an idle worker, and
`get` and `wait` themselves read what workers send and hand out more (a hand-over between threads would cost more than
a task). A janitor thread does the same while the caller is away, so that crashes, deadlines and tasks of tasks do not
wait for it. All decisions are the state machine's (`state`); here is the input and output around it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from mlsys4sys.errors import GetTimeout
from mlsys4sys.runtime import failures, wire
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.hub import PUT, Hub
from mlsys4sys.runtime.inside import pack_arguments
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.state import DONE, FAILED, Task, TaskId
from mlsys4sys.runtime.timeline import Stats

TICK_S = 0.01
PEEK_EVERY = 64
"""Submissions between looks at what workers have sent."""
SPARE_S = 2.0
"""Idle workers beyond one a CPU end after so long."""


class LocalBackend:
    """Processes on this machine. See `mlsys4sys.runtime.init` for the arguments."""

    name = "local"

    def __init__(self, resources: dict[str, float], *, seed: int = 0, preload: Sequence[str] | None = None) -> None:
        self.context = Context((), seed)
        if preload is None:
            preload = [name for name in ("numpy",) if name in sys.modules]
        self.hub = Hub(resources, seed, preload)
        self._started = perf_counter()
        self._idle_since = 0.0
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._pumping = False
        self._waiters = 0
        self._handling = False
        self._interrupted = False
        self._wake = threading.Event()
        self._busy = False
        self._wait_s = 1.0
        self._guard = self._guard_interrupts()
        self._janitor = threading.Thread(target=self._tidy, daemon=True, name="mlsys4sys-janitor")
        self._janitor.start()

    def submit(
        self,
        function: Function,
        options: Options,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        actor: Ref[Any] | None = None,
        method: str = "",
    ) -> list[Ref[Any]]:
        """A new task; it is on its way to a worker before this returns if one is free."""
        hub = self.hub
        with self._lock:
            count = self.context.count
            self.context.count = count + 1
            shape = hub.shapes.quick.get((id(function), id(options)))
            if shape is None:
                shape = hub.shapes.of(function, options, call=actor is not None)
            task = Task((count,), shape)
            if function.is_class:
                task.max_restarts = options.max_restarts
            deps: Sequence[Task] = ()
            if args or kwargs:
                task.args, places = pack_arguments(args, kwargs, hub.ledger.pack)
                if places:
                    deps = [ref._task for _, ref in places]
                    task.value = [place for place, _ in places]
            if actor is not None:
                task.actor = actor._task
                task.error = method
            refs = self._refs(task, options.num_returns)
            hub.submit(task, deps)
            if not count % PEEK_EVERY and not self._pumping:
                self._pump(0.0)
        if not self._busy:
            self._busy = True
            self._wake.set()
        return refs

    def _refs(self, task: Task, count: int) -> list[Ref[Any]]:
        if count == 1:
            task.held = 1
            return [Ref(task.id, self, task)]
        self.hub.ledger.add_parts(task, count)
        for part in task.parts:
            part.held = 1
        return [Ref(part.id, self, part) for part in task.parts]

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """A reference that came with a value."""
        with self._lock:
            task = self.hub.scheduler.tasks[tid]
            task.held += 1
            return Ref(tid, self, task)

    def drop(self, ref: Ref[Any]) -> None:
        """A reference is gone; its task is let go at the next occasion."""
        if ref._task is not None:
            self.hub.ledger.dropped.append(ref._task)

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:
        """The values, in order; raises for the first that failed."""
        deadline = None if timeout is None else perf_counter() + timeout
        values = []
        for ref in refs:
            task = ref._task
            assert task is not None
            if task.status < DONE and not self._drive(task.is_settled, deadline):
                raise GetTimeout(f"{task.shape.name} has no value after {timeout} s")
            if task.status == FAILED:
                failures.throw(task.error, trusted=not task.shape.single_use)
            value = task.value
            values.append(value if type(value) is not list else self._get_packed(task))
        if len(self.hub.ledger.dropped) > PEEK_EVERY or self.hub.ledger.freed:
            with self._lock:
                self.hub.ledger.sweep()
        return values

    def _get_packed(self, task: Task) -> Any:
        with self._lock:
            return self.hub.ledger.unpack(task.value, trusted=not task.shape.single_use)

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:
        """Ids of those that are settled."""
        tasks: list[Task] = [ref._task for ref in refs]

        def enough() -> bool:
            count = 0
            for task in tasks:
                if task.status >= DONE:
                    count += 1
                    if count >= num_returns:
                        return True
            return False

        if not enough():
            self._drive(enough, None if timeout is None else perf_counter() + timeout)
        return {task.id for task in tasks if task.status >= DONE}

    def put(self, value: Any) -> Ref[Any]:
        """A reference to a value in the store."""
        with self._lock:
            self.hub.ledger.sweep()
            task = Task(self.context.child(), PUT)
            task.value = self.hub.ledger.pack(value)
            task.held = 1
            if type(task.value) is list:
                self.hub.ledger.hold_all(task.value)
            self.hub.scheduler.settle(task)
            return Ref(task.id, self, task)

    def cancel(self, ref: Ref[Any]) -> None:
        """Cancel a task that is not settled."""
        with self._lock:
            task = self.hub.scheduler.tasks.get(ref.id)
            if task is not None:
                self.hub.cancel(task)

    def kill(self, actor: Ref[Any]) -> None:
        """End an actor now."""
        with self._lock:
            task = self.hub.scheduler.tasks.get(actor.id)
            if task is not None:
                self.hub.scheduler.end_actor(task)
                self.hub.carry_out()

    def watch(self, ref: Ref[Any], call: Callable[[Ref[Any]], None]) -> None:
        """Call back once the reference is settled, in whichever thread sees it first."""
        task = ref._task
        assert task is not None
        with self._lock:
            if task.status < DONE:
                self.hub.watched.setdefault(task, []).append(lambda _: call(ref))
                return
        call(ref)

    def stats(self) -> Stats:
        """Counts since the start."""
        with self._lock:
            return Stats(
                submitted=self.hub.submitted,
                finished=self.hub.finished,
                failed=self.hub.failed,
                retried=self.hub.scheduler.retried,
                pending=self.hub.submitted - self.hub.finished - self.hub.failed,
                workers=len(self.hub.links),
                deaths=self.hub.deaths,
                stored_bytes=sum(segment.size for segment in self.hub.ledger.store.live.values()),
                pooled_bytes=self.hub.ledger.store.pooled_bytes,
                busy_s=self.hub.busy_s,
                elapsed_s=perf_counter() - self._started,
            )

    def timeline(self, path: Path) -> None:
        """Write the trace."""
        with self._lock:
            names = {0: "driver"}
            names |= {span[1]: f"worker {span[1]}" for span in self.hub.ledger.trace.spans if span[1]}
            names |= {link.worker: f"actor {link.label}" for link in self.hub.links.values() if link.label}
            self.hub.ledger.trace.write(path, self._started, names)

    def _drive(self, ready: Callable[[], bool], deadline: float | None) -> bool:
        """Serve workers until ``ready``; False when the deadline comes first. One thread serves, others wait for it."""
        with self._lock:
            while not ready():
                left = None if deadline is None else deadline - perf_counter()
                if left is not None and left <= 0:
                    return False
                if self._pumping:
                    self._waiters += 1
                    try:
                        self._changed.wait(left)
                    finally:
                        self._waiters -= 1
                    continue
                self._pump(left)
            return True

    def _pump(self, timeout: float | None) -> None:
        """Read what has come, waiting for it up to ``timeout`` seconds with the lock released, and act on it."""
        if self.hub.deadlines:
            until = max(0.0, self.hub.deadlines[0][0] - perf_counter())
            timeout = until if timeout is None else min(timeout, until)
        self._pumping = True
        try:
            events = self.hub.poll.poll(0)
            if not events and timeout != 0.0:
                self._lock.release()
                try:
                    events = self._await_events(-1.0 if timeout is None else timeout)
                finally:
                    self._lock.acquire()
            with self._uninterrupted():
                for fd, mask in events:
                    self.hub.serve(fd, mask)
                if self.hub.deadlines:
                    self.hub.end_late(perf_counter())
                if self.hub.ledger.dropped or self.hub.ledger.freed:
                    self.hub.ledger.sweep()
                if self.hub.scheduler.out:
                    self.hub.carry_out()
        finally:
            self._pumping = False
            if self._waiters:
                self._changed.notify_all()

    def _await_events(self, timeout: float) -> list[tuple[int, int]]:
        """Wait for workers. To be woken costs more than a short task, so short waits are spun, if they are the rule.

        When every CPU has its task, spinning would take from them, and only the very shortest waits are spun.
        """
        poll = self.hub.poll.poll
        began = perf_counter()
        below = wire.SPIN_BELOW_S if self.hub.scheduler.free["CPU"] >= 1 else wire.SPIN_S / 2
        if self._wait_s < below:
            until = began + (wire.SPIN_S if timeout < 0 else min(wire.SPIN_S, timeout))
            while perf_counter() < until:
                events = poll(0)
                if events:
                    self._wait_s += 0.1 * (perf_counter() - began - self._wait_s)
                    return events
        events = poll(timeout)
        self._wait_s += 0.1 * (min(perf_counter() - began, 2 * wire.SPIN_BELOW_S) - self._wait_s)
        return events

    def _tidy(self) -> None:
        """The janitor: serves workers while no caller does, ends spare workers, and sleeps when nothing is going on."""
        while True:
            self._wake.wait()
            time.sleep(TICK_S)
            if self._closed:
                return
            if not self._lock.acquire(blocking=False):
                continue
            try:
                if not self._pumping and not self._closed:
                    self._pump(0.0)
                self._end_spares()
                if self._quiet():
                    self._wake.clear()
                    self._busy = False
            finally:
                self._lock.release()

    def _quiet(self) -> bool:
        """True when all workers are idle, none of them is spare, and nothing waits to be let go."""
        hub = self.hub
        return len(hub.scheduler.idle) == len(hub.links) <= int(hub.scheduler.total["CPU"]) and not hub.ledger.dropped

    def _end_spares(self) -> None:
        spare = len(self.hub.scheduler.idle) > int(self.hub.scheduler.total["CPU"])
        now = perf_counter()
        if not spare:
            self._idle_since = now
        elif now - self._idle_since > SPARE_S:
            self.hub.scheduler.retire(int(self.hub.scheduler.total["CPU"]))
            self.hub.carry_out()

    def _guard_interrupts(self) -> Any:
        """Keep Ctrl-C from tearing the books apart: while they are being written, it waits for the end of the line."""
        if threading.current_thread() is not threading.main_thread():
            return None
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return None

        def handler(number: int, frame: Any) -> None:
            if self._handling:
                self._interrupted = True
            else:
                signal.default_int_handler(number, frame)

        signal.signal(signal.SIGINT, handler)
        return handler

    @contextmanager
    def _uninterrupted(self) -> Iterator[None]:
        self._handling = True
        try:
            yield
        finally:
            self._handling = False
            if self._interrupted and threading.current_thread() is threading.main_thread():
                self._interrupted = False
                raise KeyboardInterrupt

    def close(self) -> None:
        """End every process and give all memory back."""
        if self._closed or os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            self._wake.set()
            self.hub.close()
            self._changed.notify_all()
        if self._janitor is not threading.current_thread():
            self._janitor.join()
        if self._guard is not None and signal.getsignal(signal.SIGINT) is self._guard:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGINT, signal.default_int_handler)
