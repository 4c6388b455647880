"""The driver's side of all workers: what they say and ask, what the scheduler has them do, how they die.

The hub is told when a socket can be read (`serve`) and acts on all that came. It holds no lock and waits for nothing;
that is `local`'s business.
"""

from __future__ import annotations

import heapq
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from mlsys4sys.runtime import safe, store, wire
from mlsys4sys.runtime.ledger import Ledger
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.shapes import Shapes
from mlsys4sys.runtime.spawn import Zygote, how
from mlsys4sys.runtime.state import DONE, FAILED, Fail, Fork, Kill, Run, Scheduler, Shape, Task, TaskId


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


PUT = Shape(name="put", request=())
_WITH_VALUES = ("put", "submit")
"""What workers say that may come with descriptors."""


class Hub:
    """All workers, and the records of all tasks.

    Attributes:
        watched: Who wants to know when a task is settled: requests of workers, and calls of this process.
    """

    def __init__(self, resources: dict[str, float], seed: int, preload: Sequence[str]) -> None:
        self.seed = seed
        self.scheduler = Scheduler(resources)
        self.ledger = Ledger(self.scheduler)
        self.shapes = Shapes()
        self.links: dict[int, Link] = {}
        self.poll = select.epoll()
        self.watched: dict[Task, list[Request | Callable[[Task], None]]] = {}
        self.deadlines: list[tuple[float, TaskId, int]] = []
        self.submitted = self.finished = self.failed = self.deaths = 0
        self.busy_s = 0.0
        self.closed = False
        self._by_fd: dict[int, Link] = {}
        self._preload = list(preload)
        self.zygote = self._start_zygote()

    def submit(self, task: Task, deps: Sequence[Task]) -> None:
        """Hand a task to the scheduler, and to a worker if one is free."""
        if deps or type(task.args) is list:
            self.ledger.hold_needs(task, deps)
        task.since = perf_counter()
        self.submitted += 1
        self.scheduler.submit(task, deps)
        if self.scheduler.out:
            self.carry_out()

    def serve(self, fd: int, mask: int) -> None:
        """Act on what a socket has: messages of a worker, or the zygote's news."""
        link = self._by_fd.get(fd)
        if link is None:
            if not self.closed and fd == self.zygote.control.fileno():
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
            self.unlisten(link)
        except Exception:
            if not link.isolated:
                raise
            self.zygote.kill(link.worker)  # what it wrote is no message of ours

    def unlisten(self, link: Link) -> None:
        """Close the line to a worker."""
        if link.open:
            link.open = False
            with suppress(OSError):
                self.poll.unregister(link.fd)
            self._by_fd.pop(link.fd, None)
            link.channel.close()

    def _want_writes(self, link: Link) -> None:
        if link.open:
            self.poll.modify(link.fd, select.EPOLLIN | (select.EPOLLOUT if link.channel.full else 0))

    def _send(self, link: Link, message: object, fds: Sequence[int] = (), keep: object = None) -> None:
        if not link.open:
            return
        with suppress(wire.Closed):  # its death is on its way to us
            link.channel.send(message, fds, keep)
            if link.channel.full:
                self._want_writes(link)

    def _hear(self, link: Link, events: Sequence[Any], fds: list[int]) -> None:
        finished: list[tuple[Task, bool, float]] = []
        tasks, spans, worker = self.scheduler.tasks, self.ledger.trace.spans, link.worker
        self.scheduler.pause()  # so that the tasks that came together leave together
        for event in events:
            if event[0] == "done":
                _, tid, ok, value, began, ended = event
                task = tasks.get(tid)
                if task is None or task.status >= DONE:
                    self.ledger.discard(fds)
                    continue
                spans.append((task.shape.name, worker, task.since, began, ended, tid))
                if type(value) is list and ok:
                    value = self.ledger.adopt(task, value, fds)
                if not ok:
                    task.error = value
                elif task.max_restarts is None and not task.parts:
                    task.value = value
                finished.append((task, ok, ended - began))
                continue
            if finished:
                self._finish(worker, finished)
                finished = []
            kind, *said = event
            if kind == "started" or not link.isolated:
                getattr(self, "_hear_" + kind)(link, *([fds, *said] if kind in _WITH_VALUES else said))
        if finished:
            self._finish(worker, finished)
        self.scheduler.resume()
        if self.scheduler.out:
            self.carry_out()

    def _finish(self, worker: int, finished: list[tuple[Task, bool, float]]) -> None:
        self.scheduler.done(worker, finished)
        watched = self.watched
        for task, _, seconds in finished:
            self.busy_s += seconds
            if watched or task.deps or task.parts or task.held <= 0 or type(task.args) is list:
                self._settled(task)
            elif task.status == DONE:
                self.finished += 1
            else:
                self.failed += 1

    def _settled(self, task: Task) -> None:
        """A task has its value or error: tell who waits, let go of what it needed."""
        if task.status == DONE:
            self.finished += 1
        elif task.status == FAILED:
            self.failed += 1
        else:
            return
        if self.watched:
            for item in (task, *task.parts):
                for watcher in self.watched.pop(item, ()):
                    if isinstance(watcher, Request):
                        self._answer_if_ready(watcher)
                    else:
                        watcher(item)
        if task.max_restarts is None or task.status == FAILED:
            if task.deps:
                deps, task.deps = task.deps, ()
                for dep in deps:
                    self.ledger.let_go(dep)
            args, task.args = task.args, None
            if type(args) is list:
                self.ledger.release_value(args)
        for part in task.parts:
            if part.held <= 0:
                self.ledger.let_go(part)
        if task.held <= 0:
            self.ledger.let_go(task)

    def _hear_started(self, link: Link, tid: TaskId) -> None:
        task = self.scheduler.tasks.get(tid)
        if task is not None:
            timeout = task.shape.payload.options.timeout_s
            heapq.heappush(self.deadlines, (perf_counter() + timeout, task.id, link.worker))

    def _hear_blocked(self, link: Link, returned: list[TaskId]) -> None:
        self.scheduler.blocked(link.worker, returned)

    def _hear_unblocked(self, link: Link) -> None:
        self.scheduler.unblocked(link.worker)

    def _hear_returned(self, link: Link, tasks: list[TaskId]) -> None:
        self.scheduler.returned(link.worker, tasks)

    def _hear_free(self, link: Link, keys: list[int]) -> None:
        for key in keys:
            self.ledger.store.returned(key, link.worker)

    def _hear_hold(self, link: Link, tid: TaskId) -> None:
        task = self.scheduler.tasks.get(tid)
        if task is not None and tid not in link.held:
            task.held += 1
            link.held[tid] = task

    def _hear_drop(self, link: Link, tid: TaskId) -> None:
        task = link.held.pop(tid, None)
        if task is not None:
            self.ledger.let_go(task)

    def _hear_put(self, link: Link, fds: list[int], tid: TaskId, value: Any) -> None:
        if tid in self.scheduler.tasks:
            self.ledger.discard(fds)
        else:
            task = Task(tid, PUT)
            task.value = self.ledger.adopt_one(value, fds)
            self.scheduler.settle(task)
        self._hear_hold(link, tid)

    def _hear_submit(
        self,
        link: Link,
        fds: list[int],
        tid: TaskId,
        name: str,
        is_class: bool,
        is_call: bool,
        call: Any,
        options: Options,
        args: Any,
        places: list[tuple[int | str, TaskId]],
    ) -> None:
        if tid not in self.scheduler.tasks:
            actor = self.scheduler.tasks.get(call[0]) if is_call else None
            shape = self.shapes.from_worker(name, is_class, call, options, is_call)
            task = Task(tid, shape, actor, options.max_restarts if is_class else None)
            task.args = args
            if type(args) is list:
                task.args = self.ledger.adopt_one(args, fds)
                for ref in task.args[2]:  # held again by `_admit`
                    self.scheduler.tasks[ref].held -= 1
            deps = [self.scheduler.tasks[dep] for _, dep in places]
            task.value = [place for place, _ in places] or None
            if is_call:
                task.error = call[1]
            if options.num_returns > 1:
                self.ledger.add_parts(task, options.num_returns)
            self._own_by(link, task)
            self.submit(task, deps)
        else:
            self.ledger.discard(fds)
            self._own_by(link, self.scheduler.tasks[tid])

    def _own_by(self, link: Link, task: Task) -> None:
        for item in task.parts or (task,):
            if item.id not in link.held:
                item.held += 1
                link.held[item.id] = item

    def _hear_get(self, link: Link, token: int, ids: list[TaskId], need: int) -> None:
        self._ask(Request(link, token, "get", [self.scheduler.tasks[tid] for tid in ids], need))

    def _hear_wait(self, link: Link, token: int, ids: list[TaskId], need: int) -> None:
        self._ask(Request(link, token, "wait", [self.scheduler.tasks[tid] for tid in ids], need))

    def _ask(self, request: Request) -> None:
        request.link.requests[request.token] = request
        if not self._answer_if_ready(request):
            for task in request.tasks:
                if task.status < DONE:
                    self.watched.setdefault(task, []).append(request)

    def _hear_unask(self, link: Link, token: int) -> None:
        request = link.requests.pop(token, None)
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
            answer = [(True, self.ledger.ship(task.value, link.worker, fds)) for task in request.tasks]
        self._send(link, ("answer", request.token, answer), fds, request.tasks)
        return True

    def _hear_cancel(self, _link: Link, tid: TaskId) -> None:
        task = self.scheduler.tasks.get(tid)
        if task is not None:
            self.cancel(task)

    def _hear_kill(self, _link: Link, tid: TaskId) -> None:
        task = self.scheduler.tasks.get(tid)
        if task is not None:
            self.scheduler.end_actor(task)

    def cancel(self, task: Task) -> None:
        """Cancel a task, or the one that a part belongs to."""
        whole = self.scheduler.tasks.get(task.id[:-1], task) if task.id[-1] < 0 else task
        self.scheduler.cancel(whole, "cancelled", f"{whole.shape.name} was cancelled")
        self.carry_out()

    def carry_out(self) -> None:
        """Do what the scheduler says."""
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
        calls: list[Any] = []
        functions: list[Any] = []
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
                args = self.ledger.ship(args, link.worker, fds)
                if task.deps:
                    places = task.value
                    deps = [
                        (at, self.ledger.ship(dep.value, link.worker, fds))
                        for at, dep in zip(places, task.deps, strict=True)
                    ]
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
        sock = self.zygote.fork(item.worker, isolated=item.single_use)
        read = safe.loads if item.single_use else wire.read
        channel = wire.Channel(sock, read=read, limit=store.POOL_BYTES if item.single_use else 1 << 40)
        link = Link(item.worker, channel, sock.fileno(), item.single_use)
        self.links[item.worker] = self._by_fd[link.fd] = link
        self.poll.register(link.fd, select.EPOLLIN)
        self._send(link, ("hello", self.seed))

    def _kill(self, worker: int) -> None:
        link = self.links.get(worker)
        if link is not None:
            link.killed = True
            self.zygote.kill(worker)

    def _fail(self, item: Fail) -> None:
        task = item.task
        if item.cause is not None and item.cause.error is not None:
            task.error = item.cause.error
        else:
            text = item.text if item.reason in ("cancelled", "timeout") else f"{task.shape.name}: {item.text}"
            task.error = (item.reason, text, "", None)
        if task.id[-1] < 0:
            self.failed -= 1  # a part of a task that is counted itself
        self._settled(task)

    def end_late(self, now: float) -> None:
        """End the tasks whose time is up."""
        while self.deadlines and self.deadlines[0][0] <= now:
            _, tid, worker = heapq.heappop(self.deadlines)
            task = self.scheduler.tasks.get(tid)
            holder = self.scheduler.workers.get(worker)
            if task is not None and holder is not None and tid in holder.sent:
                limit = task.shape.payload.options.timeout_s
                self.scheduler.cancel(task, "timeout", f"{task.shape.name} ran longer than its {limit} s and was ended")

    def _hear_ends(self) -> None:
        try:
            ends: list[tuple[int, int | None]] = list(self.zygote.ended())
        except wire.Closed:
            ends = [(worker, None) for worker in self.links]
            self.poll.unregister(self.zygote.control.fileno())
            self.zygote.close()
            self.zygote = self._start_zygote()
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
        self.unlisten(link)
        if not link.killed:
            self.deaths += 1
            now = perf_counter()
            self.ledger.trace.spans.append((f"worker {how(status)}", worker, now, now, now, None))
        self.scheduler.died(worker, how(status))
        self.ledger.store.worker_died(worker)
        link.requests.clear()
        for task in link.held.values():
            self.ledger.let_go(task)
        link.held.clear()
        self.carry_out()

    def _start_zygote(self) -> Zygote:
        zygote = Zygote(self._preload)
        self.poll.register(zygote.control.fileno(), select.EPOLLIN)
        return zygote

    def close(self) -> None:
        """End every process, give all memory back, and tell whoever still waits."""
        self.closed = True
        self.poll.unregister(self.zygote.control.fileno())
        self.zygote.close()
        for link in list(self.links.values()):
            self.unlisten(link)
        self.links.clear()
        self.ledger.store.close()
        self.poll.close()
        for task in list(self.scheduler.tasks.values()):
            if task.status < DONE:
                task.status = FAILED
                task.error = ("cancelled", f"{task.shape.name}: the runtime was shut down before it finished", "", None)
                for watcher in self.watched.pop(task, ()):
                    if not isinstance(watcher, Request):
                        watcher(task)
