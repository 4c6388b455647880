"""The scheduler as a pure state machine: events in, instructions out, no I/O and no clock.

A backend calls a method for each thing that happened (a task was submitted, a worker finished one, a worker died)
and carries out what has collected in `Scheduler.out`, in order. Everything that is hard to test with real processes
lives here: dependencies, resources, batches, retries, cancellation, deaths, actors, workers that wait for others.

The rules:

* A task runs when its dependencies have values and its request fits in what is free.
* Tasks of one shape (function and options) that run for microseconds travel in batches worth `BATCH_S`; no worker
  takes more than its fair share of a queue.
* Deeper tasks go first: children before the siblings of their parents, so that few workers wait at a time.
* A worker that blocks gives up its resources and hands back what it has not begun.
* A batch whose worker died charges nobody: its tasks run again one at a time. A task that is alone with its worker
  when it dies is charged one retry, so the one that kills its workers fails alone and by name.
* Calls of one actor run in order on its own worker.

The design (events in, instructions out) follows `distributed/worker_state_machine.py` of Dask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

TaskId = tuple[int, ...]
"""A task's place in the task tree: the index of each ancestor's submission, then its own."""

BATCH_S = 0.002
BATCH_MAX = 512
WINDOW = 256
"""Calls in flight to one actor."""
MAX_PLAIN_WORKERS = 64
"""Workers that run tasks at one time, beyond one a CPU, when the tasks ask for no CPU."""

WAITING, READY, SENT, DONE, FAILED = range(5)

Reason = Literal["cancelled", "timeout", "died", "actor", "dependency", "infeasible", "memory"]


@dataclass(eq=False, slots=True, kw_only=True)
class Shape:
    """What the tasks of one function with one set of options share.

    Attributes:
        name: How errors and traces call it.
        request: Resources that a task holds while it runs, as (name, amount) pairs.
        max_retries: How many deaths of its worker a task survives.
        alone: Never batched, for it has a deadline or a limit on memory.
        single_use: Runs in a worker of its own that ends with it.
        seconds: How long one runs, a moving average; unknown at first.
    """

    name: str = "task"
    request: tuple[tuple[str, float], ...] = (("CPU", 1.0),)
    max_retries: int = 3
    alone: bool = False
    single_use: bool = False
    seconds: float = 1.0
    payload: Any = None
    """The backend's own: the function and its options."""


class Task:
    """One task, its state, and room for what the backend keeps with it.

    Attributes:
        actor: The constructor's task when this is a call of an actor.
        max_restarts: How often an actor is made anew; None when this task makes no actor.
        parts: Objects that settle with this task (the values of ``num_returns``).
        value, error, args: The backend's own; the scheduler never looks at them.
    """

    # Defaults live on the class: a task is made millions of times, and most of it never changes.
    actor: Task | None = None
    max_restarts: int | None = None
    status: int = WAITING
    waiting: int = 0
    retries: int = 0
    restarts: int = 0
    suspect: bool = False
    dependents: list[Task] | None = None
    deps: Sequence[Task] = ()
    parts: Sequence[Task] = ()
    held: int = 0
    since: float = 0.0
    args: Any = None
    value: Any = None
    error: Any = None

    def __init__(self, tid: TaskId, shape: Shape, actor: Task | None = None, max_restarts: int | None = None) -> None:
        self.id = tid
        self.shape = shape
        if actor is not None:
            self.actor = actor
        if max_restarts is not None:
            self.max_restarts = max_restarts

    def is_settled(self) -> bool:
        """True once it has a value or an error."""
        return self.status >= DONE

    def __repr__(self) -> str:
        return f"<{self.shape.name}{list(self.id)} {['waiting', 'ready', 'sent', 'done', 'failed'][self.status]}>"


@dataclass(slots=True)
class Run:
    """Send these tasks to the worker, in order."""

    worker: int
    tasks: list[Task]


@dataclass(slots=True)
class Fork:
    """Start this worker; it may be sent tasks at once. A worker of single use takes one task."""

    worker: int
    single_use: bool = False


@dataclass(slots=True)
class Kill:
    """End this worker now; its death is an event like any other."""

    worker: int


@dataclass(slots=True)
class Fail:
    """The task will never have a value; ``cause`` is the task whose failure brought this one down, if any."""

    task: Task
    reason: Reason
    text: str
    cause: Task | None = None


Instruction = Run | Fork | Kill | Fail


@dataclass(slots=True)
class Worker:
    """What one worker holds."""

    sent: dict[TaskId, Task] = field(default_factory=dict)
    request: tuple[tuple[str, float], ...] = ()
    holding: bool = False
    blocked: bool = False
    doomed: bool = False
    single_use: bool = False
    actor: Task | None = None


class Scheduler:
    """Feed it events by calling its methods; carry out and empty ``out`` after each.

    Args:
        resources: How much there is of each resource; ``CPU`` counts workers that run at once.
    """

    def __init__(self, resources: dict[str, float]) -> None:
        self.total = dict(resources)
        self.free = dict(resources)
        self.tasks: dict[TaskId, Task] = {}
        self.workers: dict[int, Worker] = {}
        self.idle: list[int] = []
        self.ready: dict[tuple[int, Shape], deque[Task]] = {}
        self.calls: dict[TaskId, deque[Task]] = {}
        self.actors: dict[TaskId, int] = {}
        self.out: list[Instruction] = []
        self.retried = 0
        self._feasible: dict[Shape, bool] = {}
        self._full = False
        self._paused = False
        self._last_worker = 0

    # -- events

    def pause(self) -> None:
        """Hand nothing out until `resume`: several events come that belong together."""
        self._paused = True

    def resume(self) -> None:
        """Hand out what became ready since `pause`."""
        self._paused = False
        self._dispatch()

    def submit(self, task: Task, deps: Sequence[Task] = ()) -> None:
        """A new task; ``deps`` are the tasks whose values it needs."""
        self.tasks[task.id] = task
        shape = task.shape
        feasible = self._feasible.get(shape)
        if feasible is None:
            feasible = self._feasible[shape] = all(n <= self.total.get(name, 0.0) for name, n in shape.request)
        if not feasible:
            text = f"asks for {dict(shape.request)}, more than all there is: {self.total}"
            self._fail(task, "infeasible", text, None)
            return
        if deps and not self._await(task, deps):
            return
        if task.actor is not None:
            self._call(task)
        elif not task.waiting:
            queue = self.ready.get((len(task.id), shape))
            if queue is None:
                self._enqueue(task)
            else:
                task.status = READY
                queue.append(task)
            if not self._full:
                self._dispatch()

    def settle(self, task: Task) -> None:
        """An object that has its value already (``put``)."""
        self.tasks[task.id] = task
        task.status = DONE

    def done(self, worker: int, finished: Iterable[tuple[Task, bool, float]]) -> None:
        """A worker finished tasks: for each whether it has a value, and the seconds that it ran."""
        holder = self.workers.get(worker)
        if holder is None:
            return
        sent = holder.sent
        for task, ok, seconds in finished:
            sent.pop(task.id, None)
            if task.status >= DONE:
                continue
            shape = task.shape
            shape.seconds += (seconds - shape.seconds) * (0.2 if shape.seconds < 1.0 else 1.0)
            if ok and not task.parts:
                task.status = DONE
                if task.dependents is not None:
                    self._wake(task)
            else:
                self._settled(task, ok)
        if not sent:
            self._rest(worker, holder)
        self._dispatch()

    def blocked(self, worker: int, returned: Iterable[TaskId] = ()) -> None:
        """A worker waits for other tasks and hands back those that it has not begun."""
        holder = self.workers.get(worker)
        if holder is None:
            return
        holder.blocked = True
        self._release(holder)
        self._hand_back(holder, returned)
        self._dispatch()

    def returned(self, worker: int, tasks: Iterable[TaskId]) -> None:
        """Tasks handed back that were on their way while the worker blocked."""
        holder = self.workers.get(worker)
        if holder is not None:
            self._hand_back(holder, tasks)
            self._dispatch()

    def unblocked(self, worker: int) -> None:
        """The worker goes on: it takes its resources back, which may overdraw them for a moment."""
        holder = self.workers.get(worker)
        if holder is not None and holder.blocked:
            holder.blocked = False
            self._hold(holder, holder.request)
            if not holder.sent:
                self._rest(worker, holder)
            self._dispatch()

    def died(self, worker: int, how: str = "died") -> None:
        """A worker is gone, in the way that ``how`` says; what it held runs again or fails."""
        holder = self.workers.pop(worker, None)
        if holder is None:
            return
        self._release(holder)
        self._full = False
        if worker in self.idle:
            self.idle.remove(worker)
        lost = list(holder.sent.values())
        if holder.actor is not None:
            self._actor_died(holder.actor, lost, how)
        else:
            for task in reversed(lost):
                self._retry(task, charged=len(lost) == 1 and not holder.doomed, suspect=not holder.doomed, how=how)
        self._dispatch()

    def cancel(self, task: Task, reason: Reason = "cancelled", text: str = "was cancelled") -> None:
        """A task that has not begun never runs; the worker of one that runs is ended."""
        if task.status >= DONE:
            return
        sent = task.status == SENT
        self._fail(task, reason, text, None)
        if sent:
            for worker, holder in self.workers.items():
                if task.id in holder.sent:
                    del holder.sent[task.id]
                    self._end(worker, holder)
        self._dispatch()

    def end_actor(self, actor: Task, *, now: bool = True) -> None:
        """End an actor for good: at once, or when the calls that it has been sent are answered."""
        worker = self.actors.get(actor.id)
        holder = self.workers.get(worker) if worker is not None else None
        actor.max_restarts = -1
        if holder is None or worker is None:
            if actor.status < DONE:
                self.cancel(actor, "actor", "was ended before it began")
            return
        if now or not (holder.sent or self.calls.get(actor.id)):
            self._end(worker, holder)

    def retire(self, keep: int) -> None:
        """End idle workers beyond ``keep``."""
        while len(self.idle) > keep:
            worker = self.idle.pop(0)
            self._end(worker, self.workers[worker])

    def forget(self, task: Task) -> bool:
        """Drop a settled task that nobody refers to any more; False if it must stay."""
        if task.status < DONE or task.id in self.actors:
            return False
        self.tasks.pop(task.id, None)
        return True

    # -- dependencies and results

    def _await(self, task: Task, deps: Sequence[Task]) -> bool:
        """Count the dependencies that are missing; False when one has failed and the task with it."""
        task.deps = deps
        for dep in deps:
            if dep.status == FAILED:
                self._fail(task, "dependency", "a task that it depends on failed", dep)
                return False
        for dep in deps:
            if dep.status != DONE:
                task.waiting += 1
                if dep.dependents is None:
                    dep.dependents = []
                dep.dependents.append(task)
        return True

    def _settled(self, task: Task, ok: bool) -> None:
        if not ok:
            self._fail(task, "dependency", "", None)
            return
        task.status = DONE
        for part in task.parts:
            part.status = DONE
            self._wake(part)
        if task.dependents is not None:
            self._wake(task)

    def _wake(self, task: Task) -> None:
        dependents, task.dependents = task.dependents or (), None
        for below in dependents:
            below.waiting -= 1
            if not below.waiting and below.status == WAITING:
                if below.actor is None:
                    self._enqueue(below)
                else:
                    below.status = READY
                    self._send_calls(below.actor)

    def _fail(self, task: Task, reason: Reason, text: str, cause: Task | None) -> None:
        """Fail a task and all that hangs on it; a failure without text has been reported by the backend itself."""
        work = [(task, reason, text, cause)]
        held_up: list[Task] = []
        while work:
            task, reason, text, cause = work.pop()
            if task.status >= DONE:
                continue
            task.status = FAILED
            if text:
                self.out.append(Fail(task, reason, text, cause))
            work += [(part, "dependency", "its task failed", task) for part in reversed(task.parts)]
            work += [(below, "dependency", "a task that it depends on failed", task) for below in task.dependents or ()]
            task.dependents = None
            if task.actor is not None:
                held_up.append(task.actor)
            if task.max_restarts is not None:
                calls = list(self.calls.pop(task.id, ()))
                worker = self.actors.pop(task.id, None)
                if worker is not None:
                    holder = self.workers[worker]
                    calls = [*holder.sent.values(), *calls]
                    self._end(worker, holder)
                work += [(call, "actor", "its actor is dead", task) for call in reversed(calls)]
        for actor in held_up:
            self._send_calls(actor)

    def _retry(self, task: Task, *, charged: bool, suspect: bool, how: str) -> None:
        if task.status >= DONE:
            return
        task.suspect = task.suspect or suspect
        task.retries += charged
        if task.retries > task.shape.max_retries:
            times = "once" if task.retries == 1 else f"{task.retries} times"
            self._fail(task, "died", f"its worker {how} while it ran ({times})", None)
        else:
            self.retried += 1
            self._enqueue(task, first=True)

    # -- actors

    def _call(self, task: Task) -> None:
        actor = task.actor
        assert actor is not None
        if actor.status == FAILED or actor.max_restarts == -1:
            self._fail(task, "actor", "its actor is dead", actor if actor.error is not None else None)
            return
        if not task.waiting:
            task.status = READY
        self.calls.setdefault(actor.id, deque()).append(task)
        self._send_calls(actor)

    def _send_calls(self, actor: Task) -> None:
        worker = self.actors.get(actor.id)
        calls = self.calls.get(actor.id)
        if worker is None or not calls:
            return
        holder = self.workers[worker]
        batch: list[Task] = []
        while calls and not holder.blocked and len(holder.sent) < WINDOW:
            task = calls[0]
            if task.status == WAITING:
                break
            calls.popleft()
            if task.status == READY:
                task.status = SENT
                holder.sent[task.id] = task
                batch.append(task)
        if batch:
            self.out.append(Run(worker, batch))

    def _actor_died(self, actor: Task, lost: list[Task], how: str) -> None:
        self.actors.pop(actor.id, None)
        made = actor.status == DONE
        allowed = actor.max_restarts or 0
        for task in lost:
            if task is not actor:
                text = f"its actor {how} while it ran" + (" and starts again" if actor.restarts < allowed else "")
                self._fail(task, "actor", text, None)
        if actor.status == FAILED:
            return
        if actor.restarts < allowed:
            actor.restarts += 1
            self.retried += 1
            self._enqueue(actor, first=True)
            return
        text = f"its worker {how}" + (f" after {actor.restarts} restarts" if actor.restarts else "")
        if made and allowed == -1:
            text = "was ended"
        actor.status = SENT
        self._fail(actor, "actor", text, None)

    # -- resources and workers

    def _hold(self, holder: Worker, request: tuple[tuple[str, float], ...]) -> None:
        holder.request, holder.holding = request, True
        for name, amount in request:
            self.free[name] -= amount

    def _release(self, holder: Worker) -> None:
        if holder.holding:
            holder.holding = False
            self._full = False
            for name, amount in holder.request:
                self.free[name] += amount

    def _rest(self, worker: int, holder: Worker) -> None:
        if holder.actor is not None:
            self._send_calls(holder.actor)
            if holder.actor.max_restarts == -1:
                self.end_actor(holder.actor, now=False)
            return
        if holder.doomed or holder.blocked:
            return
        self._release(holder)
        if holder.single_use:
            self._end(worker, holder)
        else:
            self.idle.append(worker)

    def _end(self, worker: int, holder: Worker) -> None:
        if not holder.doomed:
            holder.doomed = True
            self.out.append(Kill(worker))

    def _hand_back(self, holder: Worker, tasks: Iterable[TaskId]) -> None:
        for tid in reversed(list(tasks)):
            task = holder.sent.pop(tid, None)
            if task is None or task.status != SENT:
                continue
            if task.actor is None:
                self._enqueue(task, first=True)
            else:
                task.status = READY
                self.calls.setdefault(task.actor.id, deque()).appendleft(task)

    def _enqueue(self, task: Task, *, first: bool = False) -> None:
        task.status = READY
        key = (len(task.id), task.shape)
        queue = self.ready.get(key)
        if queue is None:
            queue = self.ready[key] = deque()
            self._full = False
        if first:
            queue.appendleft(task)
        else:
            queue.append(task)

    def _dispatch(self) -> None:
        ready = self.ready
        if not ready or self._full or self._paused:
            return
        for key in list(ready) if len(ready) == 1 else sorted(ready, key=_depth, reverse=True):
            queue = ready[key]
            while queue and self._send(queue):
                pass
            if not queue:
                del ready[key]
        self._full = bool(ready)

    def _send(self, queue: deque[Task]) -> bool:
        while queue and queue[0].status != READY:
            queue.popleft()
        if not queue:
            return False
        shape = queue[0].shape
        for name, amount in shape.request:
            if self.free.get(name, 0.0) < amount - 1e-9:
                return False
        if shape.single_use or queue[0].max_restarts is not None or not self.idle:
            if not self._room(shape):
                return False
            worker = self._fork(shape.single_use)
        else:
            worker = self.idle.pop()
        batch = self._batch(queue, shape)
        holder = self.workers[worker]
        holder.sent = {task.id: task for task in batch}
        self._hold(holder, shape.request)
        self.out.append(Run(worker, batch))
        if batch[0].max_restarts is not None:
            self._begin_actor(worker, holder, batch[0])
        return True

    def _begin_actor(self, worker: int, holder: Worker, actor: Task) -> None:
        holder.actor = actor
        self.actors[actor.id] = worker
        self._send_calls(actor)

    def _room(self, shape: Shape) -> bool:
        """Tasks that ask for nothing must not start workers without end."""
        if shape.request:
            return True
        return len(self.workers) - len(self.actors) < MAX_PLAIN_WORKERS + self.total.get("CPU", 1)

    def _batch(self, queue: deque[Task], shape: Shape) -> list[Task]:
        first = queue.popleft()
        first.status = SENT
        if first.suspect or shape.alone or shape.max_retries == 0 or first.max_restarts is not None:
            return [first]
        fair = -(-(len(queue) + 1) // max(1, int(self.total.get("CPU", 1))))
        size = min(fair, BATCH_MAX, int(BATCH_S / max(shape.seconds, 1e-6)))
        batch = [first]
        while queue and len(batch) < size:
            task = queue[0]
            if task.suspect:
                break
            queue.popleft()
            if task.status == READY:
                task.status = SENT
                batch.append(task)
        return batch

    def _fork(self, single_use: bool) -> int:
        self._last_worker += 1
        self.workers[self._last_worker] = Worker(single_use=single_use)
        self.out.append(Fork(self._last_worker, single_use))
        return self._last_worker


def _depth(key: tuple[int, Shape]) -> int:
    return key[0]
