"""The scheduler as a pure state machine: events in, instructions out; no I/O, no clock, no process.

Rules it keeps:

* A task runs when every task it depends on is finished; a failed one fails those that wait for it.
* Tasks of one function and request go out in batches of about a millisecond of work, by measured durations. A task
  without a known duration, with a deadline, or that may not be retried goes alone.
* A death in a batch charges nobody, but from then on each of its tasks goes alone; a death of a task that was alone
  costs it one retry. So only the task that kills its workers can run out of retries.
* A worker that blocks gives up its resources and hands back what it has not started.
* Calls of one actor run in order on its own worker.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

TaskId = tuple[int, ...]
"""A task's place in the task tree: the index of each ancestor's submission."""

BATCH_S = 0.001
BATCH_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What the scheduler must know of a task.

    Attributes:
        shape: Tasks of equal shape (function, request, flags) may share a batch.
        request: Resources held while it runs, as (name, amount) pairs.
        alone: Never batched, for it has a deadline or is isolated.
        actor: The constructor's task when this is a call of an actor.
    """

    id: TaskId
    shape: str = ""
    deps: tuple[TaskId, ...] = ()
    request: tuple[tuple[str, float], ...] = (("CPU", 1.0),)
    max_retries: int = 3
    alone: bool = False
    actor: TaskId | None = None
    is_actor: bool = False
    max_restarts: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Send these tasks to the worker, in order."""

    worker: int
    tasks: tuple[TaskId, ...]


@dataclass(frozen=True, slots=True)
class Fork:
    """Start this worker; it may be sent tasks at once."""

    worker: int


@dataclass(frozen=True, slots=True)
class Kill:
    """End this worker now and report its death."""

    worker: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The task will never have a value; ``cause`` is the dependency that failed first, if any."""

    task: TaskId
    reason: str
    cause: TaskId | None = None


Instruction = Run | Fork | Kill | Fail


@dataclass(slots=True)
class _Task:
    spec: Spec
    waiting: int = 0
    status: str = "waiting"  # waiting, ready, sent, done, failed
    retries: int = 0
    suspect: bool = False
    cancelled: bool = False
    dependents: list[TaskId] = field(default_factory=list)


@dataclass(slots=True)
class _Worker:
    sent: dict[TaskId, None] = field(default_factory=dict)
    request: tuple[tuple[str, float], ...] = ()
    holding: bool = False
    blocked: bool = False
    actor: TaskId | None = None
    restarts: int = 0


class Scheduler:
    """Feed it events by calling its methods; each returns the instructions to carry out, in order."""

    def __init__(self, resources: dict[str, float]) -> None:
        self.total = dict(resources)
        self.free = dict(resources)
        self.tasks: dict[TaskId, _Task] = {}
        self.workers: dict[int, _Worker] = {}
        self.idle: list[int] = []
        self.queues: dict[str, deque[TaskId]] = {}
        self.actors: dict[TaskId, int] = {}
        self.calls: dict[TaskId, deque[TaskId]] = {}
        self.seconds: dict[str, float] = {}
        self._next_worker = 0
        self._out: list[Instruction] = []

    # -- events

    def submit(self, spec: Spec) -> list[Instruction]:
        """A new task; one that is known already (its parent ran again) is left as it is."""
        if spec.id in self.tasks:
            return []
        task = self.tasks[spec.id] = _Task(spec)
        for dep in spec.deps:
            upstream = self.tasks.get(dep)
            if upstream is not None and upstream.status == "failed":
                self._fail(spec.id, "a task it depends on failed", dep)
                return self._take()
            if upstream is not None and upstream.status != "done":
                upstream.dependents.append(spec.id)
                task.waiting += 1
        if any(amount > self.total.get(name, 0.0) for name, amount in spec.request):
            self._fail(spec.id, f"asks for {dict(spec.request)}, more than all there is: {self.total}", None)
        elif spec.actor is not None:
            self._call(task)
        elif not task.waiting:
            self._ready(task)
        self._dispatch()
        return self._take()

    def done(self, worker: int, tid: TaskId, *, ok: bool, seconds: float = 0.0) -> list[Instruction]:
        """A worker finished a task; ``seconds`` is how long it ran."""
        task, holder = self.tasks[tid], self.workers.get(worker)
        if holder is None or tid not in holder.sent:
            return []
        del holder.sent[tid]
        old = self.seconds.get(task.spec.shape)
        self.seconds[task.spec.shape] = seconds if old is None else 0.8 * old + 0.2 * seconds
        self._settle(task, ok)
        self._rest(worker, holder)
        self._dispatch()
        return self._take()

    def settled(self, tid: TaskId) -> bool:
        """True once a task has a value or an error."""
        return self.tasks[tid].status in ("done", "failed")

    def blocked(self, worker: int, returned: tuple[TaskId, ...]) -> list[Instruction]:
        """A worker waits for other tasks and hands back those it has not started."""
        holder = self.workers[worker]
        holder.blocked = True
        self._release(holder)
        self._hand_back(holder, returned)
        self._dispatch()
        return self._take()

    def returned(self, worker: int, tasks: tuple[TaskId, ...]) -> list[Instruction]:
        """Tasks handed back that were on their way while the worker blocked."""
        self._hand_back(self.workers[worker], tasks)
        self._dispatch()
        return self._take()

    def unblocked(self, worker: int) -> list[Instruction]:
        """The worker goes on: it takes its resources back, which may overdraw them for a moment."""
        holder = self.workers[worker]
        holder.blocked = False
        if holder.sent:
            self._hold(holder, holder.request)
        return []

    def died(self, worker: int) -> list[Instruction]:
        """A worker is gone; what it held runs again or fails."""
        holder = self.workers.pop(worker, None)
        if holder is None:
            return []
        self._release(holder)
        if worker in self.idle:
            self.idle.remove(worker)
        lost = [self.tasks[tid] for tid in holder.sent]
        if holder.actor is not None:
            self._actor_died(holder, lost)
        for task in reversed(lost if holder.actor is None else []):
            self._retry(task, charged=len(lost) == 1)
        self._dispatch()
        return self._take()

    def cancel(self, tid: TaskId, reason: str = "it was cancelled") -> list[Instruction]:
        """A task that has not begun never runs; the worker of one that runs is ended."""
        task = self.tasks.get(tid)
        if task is None or task.status in ("done", "failed"):
            return []
        sent = task.status == "sent"
        self._fail(tid, reason, None)
        if sent:
            task.cancelled = True
            self._out += [Kill(worker) for worker, holder in self.workers.items() if tid in holder.sent]
        self._dispatch()
        return self._take()

    def release_actor(self, actor: TaskId) -> list[Instruction]:
        """End an actor for good."""
        worker = self.actors.pop(actor, None)
        for tid in self.calls.pop(actor, ()):
            self._fail(tid, "its actor was ended", None)
        if worker is not None:
            self.workers[worker].restarts = 0
            self._out.append(Kill(worker))
        return self._take()

    def forget(self, tid: TaskId) -> None:
        """Drop a settled task that nobody refers to any more."""
        task = self.tasks.get(tid)
        if task is not None and task.status in ("done", "failed") and tid not in self.actors:
            del self.tasks[tid]

    # -- inside

    def _take(self) -> list[Instruction]:
        out, self._out = self._out, []
        return out

    def _hand_back(self, holder: _Worker, tasks: tuple[TaskId, ...]) -> None:
        for tid in reversed(tasks):
            if tid in holder.sent:
                del holder.sent[tid]
                self._ready(self.tasks[tid], first=True)

    def _ready(self, task: _Task, *, first: bool = False) -> None:
        if task.status in ("done", "failed"):
            return
        task.status = "ready"
        if task.spec.actor is not None:
            self.calls.setdefault(task.spec.actor, deque()).appendleft(task.spec.id)
            return
        queue = self.queues.setdefault(task.spec.shape, deque())
        (queue.appendleft if first else queue.append)(task.spec.id)

    def _call(self, task: _Task) -> None:
        actor = self.tasks.get(task.spec.actor or ())
        if actor is None or actor.status == "failed" or (actor.status == "done" and task.spec.actor not in self.actors):
            self._fail(task.spec.id, "its actor is dead", task.spec.actor)
        else:
            task.status = "waiting" if task.waiting else "ready"
            self.calls.setdefault(actor.spec.id, deque()).append(task.spec.id)

    def _settle(self, task: _Task, ok: bool) -> None:
        if task.status == "failed":
            return
        if not ok:
            self._fail(task.spec.id, "", None)
            return
        task.status = "done"
        for tid in task.dependents:
            below = self.tasks[tid]
            below.waiting -= 1
            if below.status == "waiting" and not below.waiting:
                if below.spec.actor is None:
                    self._ready(below)
                else:
                    below.status = "ready"
        task.dependents = []

    def _fail(self, tid: TaskId, reason: str, cause: TaskId | None) -> None:
        work = [(tid, reason, cause)]
        while work:
            tid, reason, cause = work.pop()
            task = self.tasks[tid]
            if task.status in ("done", "failed"):
                continue
            task.status = "failed"
            if reason:
                self._out.append(Fail(tid, reason, cause))
            work += [(below, "a task it depends on failed", tid) for below in task.dependents]
            task.dependents = []
            if task.spec.is_actor:
                self.actors.pop(tid, None)
                work += [(call, "its actor is dead", tid) for call in self.calls.pop(tid, ())]

    def _retry(self, task: _Task, *, charged: bool) -> None:
        if task.status == "failed":
            return
        task.suspect = True
        task.retries += charged
        if task.retries > task.spec.max_retries:
            self._fail(task.spec.id, f"its worker died {task.retries} times", None)
        else:
            self._ready(task, first=True)

    def _actor_died(self, holder: _Worker, lost: list[_Task]) -> None:
        assert holder.actor is not None
        actor = self.tasks[holder.actor]
        self.actors.pop(holder.actor, None)
        for task in lost:
            if task is not actor:
                self._fail(task.spec.id, "its actor died while it ran", None)
        if holder.restarts >= actor.spec.max_restarts or actor.cancelled:
            actor.status = "sent"
            self._fail(holder.actor, "the actor's worker died", None)
            return
        actor.retries = holder.restarts + 1
        actor.status = "waiting"
        self._ready(actor, first=True)

    def _hold(self, holder: _Worker, request: tuple[tuple[str, float], ...]) -> None:
        holder.request, holder.holding = request, True
        for name, amount in request:
            self.free[name] -= amount

    def _release(self, holder: _Worker) -> None:
        if holder.holding:
            holder.holding = False
            for name, amount in holder.request:
                self.free[name] += amount

    def _rest(self, worker: int, holder: _Worker) -> None:
        if not holder.sent and holder.actor is None and worker not in self.idle:
            self._release(holder)
            self.idle.append(worker)

    def _fits(self, request: tuple[tuple[str, float], ...]) -> bool:
        return all(self.free.get(name, 0.0) >= amount - 1e-9 for name, amount in request)

    def _dispatch(self) -> None:
        for shape in list(self.queues):
            queue = self.queues[shape]
            while queue and self._send(shape, queue):
                pass
            if not queue:
                del self.queues[shape]
        for actor, worker in self.actors.items():
            self._send_calls(self.calls.get(actor), worker)

    def _send(self, shape: str, queue: deque[TaskId]) -> bool:
        while queue and self.tasks[queue[0]].status != "ready":
            queue.popleft()
        if not queue:
            return False
        head = self.tasks[queue[0]]
        if not self._fits(head.spec.request):
            return False
        worker = self.idle.pop() if self.idle else self._fork()
        batch = self._batch(shape, queue)
        holder = self.workers[worker]
        holder.sent = dict.fromkeys(batch)
        self._hold(holder, head.spec.request)
        if head.spec.is_actor:
            holder.actor, holder.restarts = head.spec.id, head.retries
            self.actors[head.spec.id] = worker
        self._out.append(Run(worker, batch))
        return True

    def _batch(self, shape: str, queue: deque[TaskId]) -> tuple[TaskId, ...]:
        fair = -(-len(queue) // max(1, int(self.total.get("CPU", 1))))
        size = min(fair, BATCH_MAX, int(BATCH_S / max(self.seconds.get(shape, 1.0), 1e-6)))
        batch: list[TaskId] = []
        while queue:
            task = self.tasks[queue[0]]
            single = task.suspect or task.spec.alone or task.spec.max_retries == 0 or task.spec.is_actor
            if task.status == "ready":
                if batch and (single or len(batch) >= size):
                    break
                task.status = "sent"
                batch.append(task.spec.id)
            queue.popleft()
            if batch and single:
                break
        return tuple(batch)

    def _send_calls(self, calls: deque[TaskId] | None, worker: int) -> None:
        holder = self.workers[worker]
        batch: list[TaskId] = []
        while calls and not holder.blocked and len(holder.sent) < BATCH_MAX:
            task = self.tasks[calls[0]]
            if task.status == "waiting":
                break
            calls.popleft()
            if task.status == "ready":
                task.status = "sent"
                holder.sent[task.spec.id] = None
                batch.append(task.spec.id)
        if batch:
            self._out.append(Run(worker, tuple(batch)))

    def _fork(self) -> int:
        self._next_worker += 1
        self.workers[self._next_worker] = _Worker()
        self._out.append(Fork(self._next_worker))
        return self._next_worker
