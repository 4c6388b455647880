"""The local backend: worker processes on this machine, driven by whoever waits.

There is no scheduler process and no scheduler thread in the way: a submission goes straight to an idle worker, and
`get` and `wait` themselves read what workers send and hand out more (a hand-over between threads would cost more than
a task). A janitor thread does the same while the caller is away, so that crashes, deadlines and tasks of tasks do not
wait for it. All decisions are the state machine's (`state`); here is the input and output around it.
"""

from __future__ import annotations

import heapq
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from mlsys4sys.errors import GetTimeout
from mlsys4sys.runtime import failures, safe, store, wire
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.inside import pack_arguments
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.spawn import Zygote, how
from mlsys4sys.runtime.state import DONE, FAILED, Fail, Fork, Kill, Run, Scheduler, Shape, Task, TaskId
from mlsys4sys.runtime.timeline import Stats, Trace

TICK_S = 0.01
PEEK_EVERY = 64
"""Submissions between looks at what workers have sent."""
SPARE_S = 2.0
"""Idle workers beyond one a CPU end after so long."""


@dataclass(slots=True)
class Launch:
    """What a worker must know to run the tasks of one shape."""

    number: int
    blob: bytes | None
    options: Options
    extra: dict[str, Any] | None
    alive: list[Any] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Link:
    """A worker as the driver knows it."""

    worker: int
    channel: wire.Channel
    fd: int
    isolated: bool
    known: set[int] = field(default_factory=set)
    held: dict[TaskId, Task] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    gpus: tuple[int, ...] = ()
    label: str = ""
    open: bool = True
    killed: bool = False


@dataclass(slots=True, eq=False)
class Request:
    """A worker's ``get`` or ``wait`` that is not answered yet."""

    link: Link
    token: int
    kind: str
    tasks: list[Task]
    need: int


class LocalBackend:
    """Processes on this machine. See `mlsys4sys.runtime.init` for the arguments."""

    name = "local"

    def __init__(self, resources: dict[str, float], *, seed: int = 0, preload: Sequence[str] | None = None) -> None:
        self.seed = seed
        self.context = Context((), seed)
        self.scheduler = Scheduler(resources)
        self.store = store.Store()
        self.trace = Trace()
        self.links: dict[int, Link] = {}
        self._preload = list(preload) if preload is not None else [m for m in ("numpy",) if m in sys.modules]
        self._started = perf_counter()
        self._poll = select.epoll()
        self._by_fd: dict[int, Link] = {}
        self._shapes: dict[tuple[Any, ...], Shape] = {}
        self._quick_shapes: dict[tuple[int, int], Shape] = {}
        self._watched: dict[Task, list[Request | Callable[[Task], None]]] = {}
        self._deadlines: list[tuple[float, TaskId, int]] = []
        self._dropped: deque[Task] = deque()
        self._freed: deque[int] = deque()
        self._submitted = self._finished = self._failed = self._deaths = 0
        self._busy_s = 0.0
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
        self._old_sigint = self._guard_interrupts()
        self._zygote = self._start_zygote()
        self._janitor = threading.Thread(target=self._tidy, daemon=True, name="mlsys4sys-janitor")
        self._janitor.start()

    # -- submitting

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
        scheduler = self.scheduler
        with self._lock:
            count = self.context.count
            self.context.count = count + 1
            shape = self._quick_shapes.get((id(function), id(options))) or self._shape(function, options, actor)
            task = Task((count,), shape)
            if function.is_class:
                task.max_restarts = options.max_restarts
            deps: Sequence[Task] = ()
            if args or kwargs:
                task.args, places = pack_arguments(args, kwargs, self._pack)
                if places:
                    deps = [ref._task for _, ref in places]
                    task.value = [place for place, _ in places]
            if actor is not None:
                task.actor = actor._task
                task.error = method
            refs = self._refs(task, options.num_returns)
            if deps or type(task.args) is list or actor is not None:
                self._hold_needs(task, deps)
            task.since = perf_counter()
            self._submitted += 1
            scheduler.submit(task, deps)
            if scheduler.out:
                self._carry_out()
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
        self._add_parts(task, count)
        for part in task.parts:
            part.held = 1
        return [Ref(part.id, self, part) for part in task.parts]

    def _add_parts(self, task: Task, count: int) -> None:
        task.parts = [Task((*task.id, -1 - index), task.shape) for index in range(count)]
        for part in task.parts:
            self.scheduler.tasks[part.id] = part

    def _hold_needs(self, task: Task, deps: Sequence[Task]) -> None:
        """What a task needs stays until it is settled."""
        for dep in deps:
            dep.held += 1
        if type(task.args) is list:
            self._hold_all(task.args)
        if task.actor is not None:
            task.actor.held += 1

    def _shape(self, function: Function, options: Options, actor: Ref[Any] | None) -> Shape:
        key = (function.name, options) if actor is not None else (function.key, options)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = self._new_shape(function, options, function.blob if actor is None else None)
        launch = shape.payload
        launch.alive += (function, options)  # so that their ids below stay theirs
        self._quick_shapes[id(function), id(options)] = shape
        return shape

    def _new_shape(self, function: Function, options: Options, blob: bytes | None) -> Shape:
        extra: dict[str, Any] = {}
        if options.num_returns > 1:
            extra["num_returns"] = options.num_returns
        if blob is None:
            launch = Launch(-1, None, options, extra or None)
            return Shape(name=options.name or function.name, request=(), payload=launch)
        if options.timeout_s is not None:
            extra |= {"timed": True, "timeout_s": options.timeout_s}
        if options.memory is not None:
            extra["memory"] = options.memory
        if options.isolated:
            extra["isolated"] = True
        if function.is_class:
            extra["actor"] = True
        launch = Launch(len(self._shapes), blob, options, extra or None)
        return Shape(
            name=options.name or function.name,
            request=options.request(actor=function.is_class),
            max_retries=options.max_retries,
            alone=bool(extra),
            single_use=options.isolated,
            payload=launch,
        )

    # -- values

    def _pack(self, value: Any) -> Any:
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

    def _unpack(self, value: Any, *, trusted: bool = True) -> Any:
        if type(value) is not list:
            return value
        data, shared, _ = value
        buffers: list[memoryview] = []
        if shared is not None:
            segment, spans = shared
            freed, key = self._freed, segment.key
            mapped = memoryview(store.view(self.store.lend(segment, 0), segment.size, lambda: freed.append(key)))
            buffers = [mapped[offset : offset + length] for offset, length in spans]
        return wire.loads(data, buffers) if trusted else safe.loads(data, buffers)

    def _hold_all(self, value: list[Any]) -> None:
        for tid in value[2]:
            task = self.scheduler.tasks.get(tid)
            if task is not None:
                task.held += 1

    def _release_value(self, value: Any) -> None:
        if type(value) is not list:
            return
        if value[1] is not None:
            self.store.release(value[1][0])
        for tid in value[2]:
            task = self.scheduler.tasks.get(tid)
            if task is not None:
                self._let_go(task)

    def _let_go(self, task: Task) -> None:
        """One holder less; a settled task that nobody holds is forgotten, an actor that nobody holds is ended."""
        task.held -= 1
        if task.held > 0:
            return
        if task.max_restarts is not None and task.status != FAILED:
            self.scheduler.end_actor(task, now=False)
        elif self.scheduler.forget(task):
            value, task.value = task.value, None
            if task.status == DONE:
                self._release_value(value)

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """A reference that came with a value."""
        with self._lock:
            task = self.scheduler.tasks[tid]
            task.held += 1
            return Ref(tid, self, task)

    def drop(self, ref: Ref[Any]) -> None:
        """A reference is gone; its task is let go at the next occasion."""
        if ref._task is not None:
            self._dropped.append(ref._task)

    def _sweep(self) -> None:
        dropped, freed = self._dropped, self._freed
        while dropped:
            self._let_go(dropped.popleft())
        while freed:
            self.store.returned(freed.popleft(), 0)

    # -- the verbs

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:
        """The values, in order; raises for the first that failed."""
        deadline = None if timeout is None else perf_counter() + timeout
        values = []
        for ref in refs:
            task = ref._task
            assert task is not None
            if task.status < DONE and not self._drive(lambda task=task: task.status >= DONE, deadline):
                raise GetTimeout(f"{task.shape.name} has no value after {timeout} s")
            if task.status == FAILED:
                failures.throw(task.error, trusted=not task.shape.single_use)
            value = task.value
            values.append(value if type(value) is not list else self._get_packed(task))
        if len(self._dropped) > PEEK_EVERY or self._freed:
            with self._lock:
                self._sweep()
        return values

    def _get_packed(self, task: Task) -> Any:
        with self._lock:
            return self._unpack(task.value, trusted=not task.shape.single_use)

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:
        """Ids of those that are settled."""
        tasks = [ref._task for ref in refs if ref._task is not None]

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
            self._sweep()
            task = Task(self.context.child(), _PUT)
            task.value = self._pack(value)
            task.held = 1
            if type(task.value) is list:
                self._hold_all(task.value)
            self.scheduler.settle(task)
            return Ref(task.id, self, task)

    def cancel(self, ref: Ref[Any]) -> None:
        """Cancel a task that is not settled."""
        with self._lock:
            task = self.scheduler.tasks.get(ref.id)
            if task is not None:
                self._cancel(task)

    def _cancel(self, task: Task) -> None:
        whole = self.scheduler.tasks.get(task.id[:-1], task) if task.id[-1] < 0 else task
        self.scheduler.cancel(whole, "cancelled", f"{whole.shape.name} was cancelled")
        self._carry_out()

    def kill(self, actor: Ref[Any]) -> None:
        """End an actor now."""
        with self._lock:
            task = self.scheduler.tasks.get(actor.id)
            if task is not None:
                self.scheduler.end_actor(task)
                self._carry_out()

    def watch(self, ref: Ref[Any], call: Callable[[Ref[Any]], None]) -> None:
        """Call back once the reference is settled, in whichever thread sees it first."""
        task = ref._task
        assert task is not None
        with self._lock:
            if task.status < DONE:
                self._watched.setdefault(task, []).append(lambda _: call(ref))
                return
        call(ref)

    def stats(self) -> Stats:
        """Counts since the start."""
        with self._lock:
            return Stats(
                submitted=self._submitted,
                finished=self._finished,
                failed=self._failed,
                retried=self.scheduler.retried,
                pending=self._submitted - self._finished - self._failed,
                workers=len(self.links),
                deaths=self._deaths,
                stored_bytes=sum(segment.size for segment in self.store.live.values()),
                pooled_bytes=self.store.pooled_bytes,
                busy_s=self._busy_s,
                elapsed_s=perf_counter() - self._started,
            )

    def timeline(self, path: Path) -> None:
        """Write the trace."""
        with self._lock:
            names = {0: "driver"}
            names |= {span[1]: f"worker {span[1]}" for span in self.trace.spans if span[1]}
            names |= {link.worker: f"actor {link.label}" for link in self.links.values() if link.label}
            self.trace.write(path, self._started, names)

    # -- driving

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
        now = perf_counter()
        if self._deadlines:
            until = max(0.0, self._deadlines[0][0] - now)
            timeout = until if timeout is None else min(timeout, until)
        self._pumping = True
        try:
            events = self._poll.poll(0)
            if not events and timeout != 0.0:
                self._lock.release()
                try:
                    events = self._await_events(-1.0 if timeout is None else timeout)
                finally:
                    self._lock.acquire()
            with self._uninterrupted():
                for fd, mask in events:
                    self._serve(fd, mask)
                if self._deadlines:
                    self._end_late(perf_counter())
                if self._dropped or self._freed:
                    self._sweep()
                if self.scheduler.out:
                    self._carry_out()
        finally:
            self._pumping = False
            if self._waiters:
                self._changed.notify_all()

    def _await_events(self, timeout: float) -> list[tuple[int, int]]:
        """Wait for workers. To be woken costs more than a short task, so short waits are spun, if they are the rule."""
        poll = self._poll.poll
        began = perf_counter()
        if self._wait_s < wire.SPIN_S:
            until = began + (wire.SPIN_S if timeout < 0 else min(wire.SPIN_S, timeout))
            while perf_counter() < until:
                events = poll(0)
                if events:
                    self._wait_s += 0.1 * (perf_counter() - began - self._wait_s)
                    return events
        events = poll(timeout)
        self._wait_s += 0.1 * (min(perf_counter() - began, 2 * wire.SPIN_S) - self._wait_s)
        return events

    def _serve(self, fd: int, mask: int) -> None:
        link = self._by_fd.get(fd)
        if link is None:
            if not self._closed and fd == self._zygote.control.fileno():
                self._hear_ends()
            return
        try:
            if mask & select.EPOLLOUT:
                link.channel.flush()
                self._want_writes(link)
            if mask & ~select.EPOLLOUT:
                for events, fds in link.channel.receive():
                    self._hear(link, events, fds)
        except wire.Closed:
            self._unlisten(link)
        except Exception:
            if not link.isolated:
                raise
            self._zygote.kill(link.worker)  # what it wrote is no message of ours

    def _unlisten(self, link: Link) -> None:
        if link.open:
            link.open = False
            with suppress(OSError):
                self._poll.unregister(link.fd)
            self._by_fd.pop(link.fd, None)
            link.channel.close()

    def _want_writes(self, link: Link) -> None:
        if link.open:
            self._poll.modify(link.fd, select.EPOLLIN | (select.EPOLLOUT if link.channel.full else 0))

    def _send(self, link: Link, message: object, fds: Sequence[int] = (), keep: object = None) -> None:
        if not link.open:
            return
        with suppress(wire.Closed):  # its death is on its way to us
            link.channel.send(message, fds, keep)
            if link.channel.full:
                self._want_writes(link)

    # -- what workers say

    def _hear(self, link: Link, events: Sequence[Any], fds: list[int]) -> None:
        finished: list[tuple[Task, bool, float]] = []
        tasks, spans, worker = self.scheduler.tasks, self.trace.spans, link.worker
        self.scheduler.pause()  # so that the tasks that came together leave together
        for event in events:
            if event[0] == "done":
                _, tid, ok, value, began, ended = event
                task = tasks.get(tid)
                if task is None or task.status >= DONE:
                    self._discard(value, fds)
                    continue
                spans.append((task.shape.name, worker, task.since, began, ended, tid))
                if type(value) is list and ok:
                    value = self._adopt(task, value, fds)
                if not ok:
                    task.error = value
                elif task.max_restarts is None and not task.parts:
                    task.value = value
                finished.append((task, ok, ended - began))
                continue
            if finished:
                self._finish(worker, finished)
                finished = []
            if not link.isolated or event[0] == "started":
                getattr(self, "_hear_" + event[0])(link, event, fds)
        if finished:
            self._finish(worker, finished)
        self.scheduler.resume()
        if self.scheduler.out:
            self._carry_out()

    def _adopt(self, task: Task, value: list[Any], fds: list[int]) -> Any:
        """A value from the wire as the driver keeps it."""
        if task.parts:
            for part, item in zip(task.parts, value, strict=True):
                part.value = self._adopt_one(item, fds)
            return None
        return self._adopt_one(value, fds)

    def _adopt_one(self, value: Any, fds: list[int]) -> Any:
        if type(value) is not list:
            return value
        data, shared, refs = value
        if shared is not None:
            _, size, spans, index = shared
            shared = (self.store.adopt(fds[index], size), spans)
        kept = [data, shared, refs]
        self._hold_all(kept)
        return kept

    def _discard(self, value: Any, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)

    def _finish(self, worker: int, finished: list[tuple[Task, bool, float]]) -> None:
        self.scheduler.done(worker, finished)
        watched = self._watched
        for task, _, seconds in finished:
            self._busy_s += seconds
            if watched or task.deps or task.parts or task.held <= 0 or task.actor or type(task.args) is list:
                self._settled(task)
            elif task.status == DONE:
                self._finished += 1
            else:
                self._failed += 1

    def _settled(self, task: Task) -> None:
        """A task has its value or error: tell who waits, let go of what it needed."""
        if task.status == DONE:
            self._finished += 1
        elif task.status == FAILED:
            self._failed += 1
        else:
            return
        if self._watched:
            for item in (task, *task.parts):
                for watcher in self._watched.pop(item, ()):
                    if isinstance(watcher, Request):
                        self._answer_if_ready(watcher)
                    else:
                        watcher(item)
        if task.max_restarts is None or task.status == FAILED:
            if task.deps:
                deps, task.deps = task.deps, ()
                for dep in deps:
                    self._let_go(dep)
            args, task.args = task.args, None
            if type(args) is list:
                self._release_value(args)
        if task.actor is not None:
            self._let_go(task.actor)
            task.actor = None
        for part in task.parts:
            if part.held <= 0:
                self._let_go(part)
        if task.held <= 0:
            self._let_go(task)

    def _hear_started(self, link: Link, event: Any, fds: list[int]) -> None:
        task = self.scheduler.tasks.get(event[1])
        if task is not None:
            timeout = task.shape.payload.options.timeout_s
            heapq.heappush(self._deadlines, (perf_counter() + timeout, task.id, link.worker))

    def _hear_blocked(self, link: Link, event: Any, fds: list[int]) -> None:
        self.scheduler.blocked(link.worker, event[1])

    def _hear_unblocked(self, link: Link, event: Any, fds: list[int]) -> None:
        self.scheduler.unblocked(link.worker)

    def _hear_returned(self, link: Link, event: Any, fds: list[int]) -> None:
        self.scheduler.returned(link.worker, event[1])

    def _hear_free(self, link: Link, event: Any, fds: list[int]) -> None:
        for key in event[1]:
            self.store.returned(key, link.worker)

    def _hear_hold(self, link: Link, event: Any, fds: list[int]) -> None:
        task = self.scheduler.tasks.get(event[1])
        if task is not None and event[1] not in link.held:
            task.held += 1
            link.held[event[1]] = task

    def _hear_drop(self, link: Link, event: Any, fds: list[int]) -> None:
        task = link.held.pop(event[1], None)
        if task is not None:
            self._let_go(task)

    def _hear_put(self, link: Link, event: Any, fds: list[int]) -> None:
        _, tid, value = event
        if tid in self.scheduler.tasks:
            self._discard(value, fds)
        else:
            task = Task(tid, _PUT)
            task.value = self._adopt_one(value, fds)
            self.scheduler.settle(task)
        self._hear_hold(link, (None, tid), fds)

    def _hear_submit(self, link: Link, event: Any, fds: list[int]) -> None:
        _, tid, name, is_class, is_call, call, options, args, places = event
        if tid not in self.scheduler.tasks:
            actor = self.scheduler.tasks.get(call[0]) if is_call else None
            shape = self._shape_from(name, is_class, call, options, is_call)
            task = Task(tid, shape, actor, options.max_restarts if is_class else None)
            task.args = args
            if type(args) is list:
                task.args = self._adopt_one(args, fds)
                for ref in task.args[2]:  # held again by `_admit`
                    self.scheduler.tasks[ref].held -= 1
            deps = [self.scheduler.tasks[dep] for _, dep in places]
            task.value = [place for place, _ in places] or None
            if is_call:
                task.error = call[1]
            if options.num_returns > 1:
                self._add_parts(task, options.num_returns)
            self._own_by(link, task)
            self._hold_needs(task, deps)
            task.since = perf_counter()
            self._submitted += 1
            self.scheduler.submit(task, deps)
        else:
            self._discard(args, fds)
            self._own_by(link, self.scheduler.tasks[tid])

    def _own_by(self, link: Link, task: Task) -> None:
        for item in task.parts or (task,):
            if item.id not in link.held:
                item.held += 1
                link.held[item.id] = item

    def _shape_from(self, name: str, is_class: bool, call: Any, options: Options, is_call: bool) -> Shape:
        key = (name, options) if is_call else (call[0], options)
        shape = self._shapes.get(key)
        if shape is None:
            function = Function(object if is_class else _stand_in)
            function.name = name
            shape = self._shapes[key] = self._new_shape(function, options, None if is_call else self._blob(call))
        return shape

    def _blob(self, call: tuple[Any, bytes | None]) -> bytes:
        """A function's pickle, which a worker sends once: with the first options it uses."""
        if call[1] is not None:
            return call[1]
        known = next(shape for key, shape in self._shapes.items() if key[0] == call[0])
        blob: bytes = known.payload.blob
        return blob

    # -- what workers ask

    def _hear_get(self, link: Link, event: Any, fds: list[int]) -> None:
        _, kind_token, ids, need = event
        request = Request(link, kind_token, event[0], [self.scheduler.tasks[tid] for tid in ids], need)
        link.requests[request.token] = request
        if not self._answer_if_ready(request):
            for task in request.tasks:
                if task.status < DONE:
                    self._watched.setdefault(task, []).append(request)

    _hear_wait = _hear_get

    def _hear_unask(self, link: Link, event: Any, fds: list[int]) -> None:
        request = link.requests.pop(event[1], None)
        if request is not None:
            answer = None if request.kind == "get" else [t.id for t in request.tasks if t.status >= DONE]
            self._send(link, ("answer", request.token, answer))

    def _answer_if_ready(self, request: Request) -> bool:
        link = request.link
        if request.token not in link.requests:
            return True
        ready = [task for task in request.tasks if task.status >= DONE]
        failed = request.kind == "get" and any(task.status == FAILED for task in ready)
        if len(ready) < request.need and not failed:
            return False
        del link.requests[request.token]
        fds: list[int] = []
        if request.kind == "wait":
            answer: list[Any] = [task.id for task in ready]
        elif failed:
            answer = [(False, next(task.error for task in ready if task.status == FAILED))]
        else:
            answer = [(True, self._ship(task.value, link, fds)) for task in request.tasks]
        self._send(link, ("answer", request.token, answer), fds, request.tasks)
        return True

    def _hear_cancel(self, link: Link, event: Any, fds: list[int]) -> None:
        task = self.scheduler.tasks.get(event[1])
        if task is not None:
            self._cancel(task)

    def _hear_kill(self, link: Link, event: Any, fds: list[int]) -> None:
        task = self.scheduler.tasks.get(event[1])
        if task is not None:
            self.scheduler.end_actor(task)

    # -- what the scheduler says

    def _carry_out(self) -> None:
        scheduler = self.scheduler
        while scheduler.out:
            out, scheduler.out = scheduler.out, []
            for item in out:
                if type(item) is Run:
                    self._run(self.links[item.worker], item.tasks)
                elif type(item) is Fork:
                    self._fork(item)
                elif type(item) is Kill:
                    self._kill(item.worker)
                elif type(item) is Fail:
                    self._fail(item)

    def _run(self, link: Link, tasks: list[Task]) -> None:
        calls = []
        functions = []
        for task in tasks:
            launch = task.shape.payload
            number = launch.number
            if number < 0:
                what: Any = (task.actor.id, task.error) if task.actor is not None else None
            else:
                what = number
                if number not in link.known:
                    link.known.add(number)
                    functions.append((number, task.shape.name, launch.blob))
            args, deps, extra = task.args, None, launch.extra
            if task.max_restarts is not None:
                link.label = task.shape.name
            if type(args) is list or task.deps or launch.options.num_gpus:
                fds: list[int] = []
                args = self._ship(args, link, fds)
                if task.deps:
                    places = task.value
                    deps = [(at, self._ship(dep.value, link, fds)) for at, dep in zip(places, task.deps, strict=True)]
                if launch.options.num_gpus:
                    extra = (extra or {}) | {"gpus": self._gpus(link, launch.options.num_gpus)}
                if fds:
                    if calls:
                        self._send(link, ("run", calls, functions))
                        calls, functions = [], []
                    self._send(link, ("run", [(task.id, what, args, deps, extra)], functions), fds, task)
                    functions = []
                    continue
            calls.append((task.id, what, args, deps, extra))
        if calls:
            self._send(link, ("run", calls, functions))

    def _ship(self, value: Any, link: Link, fds: list[int]) -> Any:
        """A value for a worker."""
        if type(value) is not list or value[1] is None:
            return value
        data, (segment, spans), refs = value
        fds.append(self.store.lend(segment, link.worker))
        return [data, (segment.key, segment.size, spans, len(fds) - 1), refs]

    def _gpus(self, link: Link, count: float) -> str:
        """Numbers of the GPUs that are least in use."""
        load = dict.fromkeys(range(int(self.scheduler.total["GPU"])), 0)
        for other in self.links.values():
            holder = self.scheduler.workers.get(other.worker)
            if other is not link and holder is not None and holder.holding:
                for gpu in other.gpus:
                    load[gpu] += 1
        link.gpus = tuple(sorted(sorted(load, key=lambda gpu: load[gpu])[: max(1, int(count))]))
        return ",".join(map(str, link.gpus))

    def _fork(self, item: Fork) -> None:
        sock = self._zygote.fork(item.worker, isolated=item.single_use)
        read = safe.loads if item.single_use else wire.read
        channel = wire.Channel(sock, read=read, limit=store.POOL_BYTES if item.single_use else 1 << 40)
        link = Link(item.worker, channel, sock.fileno(), item.single_use)
        self.links[item.worker] = self._by_fd[link.fd] = link
        self._poll.register(link.fd, select.EPOLLIN)
        self._send(link, ("hello", self.seed))

    def _kill(self, worker: int) -> None:
        link = self.links.get(worker)
        if link is not None:
            link.killed = True
            self._zygote.kill(worker)

    def _fail(self, item: Fail) -> None:
        task = item.task
        if item.cause is not None and item.cause.error is not None:
            task.error = item.cause.error
        else:
            text = item.text if item.reason in ("cancelled", "timeout") else f"{task.shape.name}: {item.text}"
            task.error = (item.reason, text, "", None)
        if task.id[-1] < 0:
            self._failed -= 1  # a part of a task that is counted itself
        self._settled(task)

    def _end_late(self, now: float) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            _, tid, worker = heapq.heappop(self._deadlines)
            task = self.scheduler.tasks.get(tid)
            holder = self.scheduler.workers.get(worker)
            if task is not None and holder is not None and tid in holder.sent:
                limit = task.shape.payload.options.timeout_s
                self.scheduler.cancel(task, "timeout", f"{task.shape.name} ran longer than its {limit} s and was ended")

    # -- deaths

    def _hear_ends(self) -> None:
        try:
            ends: list[tuple[int, int | None]] = list(self._zygote.ended())
        except wire.Closed:
            ends = [(worker, None) for worker in self.links]
            self._poll.unregister(self._zygote.control.fileno())
            self._zygote.close()
            self._zygote = self._start_zygote()
        for worker, status in ends:
            self._bury(worker, status)

    def _bury(self, worker: int, status: int | None) -> None:
        link = self.links.pop(worker, None)
        if link is None:
            return
        with suppress(wire.Closed):
            while link.open:
                frames = link.channel.receive()
                for events, fds in frames:
                    self._hear(link, events, fds)
                if not frames and status is None:
                    break  # without a zygote nobody says when the last byte is in
        self._unlisten(link)
        if not link.killed:
            self._deaths += 1
            now = perf_counter()
            self.trace.spans.append((f"worker {how(status)}", worker, now, now, now, None))
        self.scheduler.died(worker, how(status))
        self.store.worker_died(worker)
        link.requests.clear()
        for task in link.held.values():
            self._let_go(task)
        link.held.clear()
        self._carry_out()

    # -- background

    def _start_zygote(self) -> Zygote:
        zygote = Zygote(self._preload)
        self._poll.register(zygote.control.fileno(), select.EPOLLIN)
        return zygote

    def _tidy(self) -> None:
        """The janitor: serves workers while no caller does, ends spare workers, and sleeps when nothing is going on."""
        while not self._closed:
            self._wake.wait()
            time.sleep(TICK_S)
            if self._closed or not self._lock.acquire(blocking=False):
                continue
            try:
                if not self._pumping and not self._closed:
                    self._pump(0.0)
                self._end_spares()
                if not self.links or self._quiet():
                    self._wake.clear()
                    self._busy = False
            finally:
                self._lock.release()

    def _quiet(self) -> bool:
        return len(self.scheduler.idle) == len(self.links) <= int(self.scheduler.total["CPU"]) and not self._dropped

    def _end_spares(self) -> None:
        spare = len(self.scheduler.idle) > int(self.scheduler.total["CPU"])
        now = perf_counter()
        if not spare:
            self._idle_since = now
        elif now - self._idle_since > SPARE_S:
            self.scheduler.retire(int(self.scheduler.total["CPU"]))
            self._carry_out()

    # -- interrupts and the end

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
            self._poll.unregister(self._zygote.control.fileno())
            self._zygote.close()
            for link in list(self.links.values()):
                self._unlisten(link)
            self.links.clear()
            self.store.close()
            self._fail_rest()
            self._poll.close()
            self._changed.notify_all()
        if self._janitor is not threading.current_thread():
            self._janitor.join()
        if self._old_sigint is not None and signal.getsignal(signal.SIGINT) is self._old_sigint:
            with suppress(ValueError):  # not the main thread
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def _fail_rest(self) -> None:
        """Whoever still waits learns that the runtime has ended."""
        for task in list(self.scheduler.tasks.values()):
            if task.status < DONE:
                task.status = FAILED
                task.error = ("cancelled", f"{task.shape.name}: the runtime was shut down before it finished", "", None)
                for watcher in self._watched.pop(task, ()):
                    if not isinstance(watcher, Request):
                        watcher(task)


_PUT = Shape(name="put", request=())


def _stand_in() -> None:
    """A function that only workers hold has no object here."""
