"""The serial backend: every task runs at its call, in this process, so that a debugger sees it.

What needs a process of its own (``timeout_s``, ``memory``, ``isolated``) is refused, never silently left out. Nothing
can die here, so retries and restarts have nothing to do. Arguments and results are passed through a pickle, as they are
elsewhere, so that a task that changes its arguments does here what it does there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from mlsys4sys.errors import Unsupported
from mlsys4sys.runtime import failures, wire
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.inside import pack_arguments
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.state import TaskId
from mlsys4sys.runtime.timeline import Stats, Trace


@dataclass(slots=True, weakref_slot=True)
class Outcome:
    """What became of a task. It lives as long as a reference to it, or a value that contains one."""

    value: Any = None
    failure: failures.Failure | None = None
    instance: Any = None
    contained: tuple[Outcome | None, ...] = ()

    def give(self) -> Any:
        """The value, fresh from its pickle, or the failure raised."""
        if self.failure is not None:
            failures.throw(self.failure)
        return _unpack(self.value)


def _unpack(value: Any) -> Any:
    return wire.loads(value[0], value[1]) if type(value) is list else value


class SerialBackend:
    """Everything at its call. See `mlsys4sys.runtime.init` for the arguments."""

    name = "serial"

    def __init__(self, resources: dict[str, float], *, seed: int = 0) -> None:
        self.total = resources
        self.context = Context((), seed)
        self.outcomes: WeakValueDictionary[TaskId, Outcome] = WeakValueDictionary()
        self.trace = Trace()
        self._started = time.perf_counter()
        self._submitted = self._failed = 0
        self._busy_s = 0.0

    def submit(
        self,
        function: Function,
        options: Options,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        actor: Ref[Any] | None = None,
        method: str = "",
    ) -> list[Ref[Any]]:
        """Run it now."""
        tid = self.context.child()
        outcome = self.outcomes[tid] = Outcome()
        self._submitted += 1
        try:
            self._check(options, actor=actor is not None or function.is_class)
            positional, keywords = self._resolve(args, kwargs)
            target: Callable[..., Any] = function.target
            if actor is not None:
                target = getattr(self._instance(actor), method)
            value = self._run(tid, function.name, options, target, positional, keywords)
            if function.is_class and actor is None:
                outcome.instance = value
            elif options.num_returns == 1:
                self._keep(outcome, value)
            else:
                return self._parts(tid, options.num_returns, value)
        except Unsupported:
            raise
        except _Failed as failed:
            outcome.failure = failed.args[0]
        except Exception as error:  # noqa: BLE001 - whatever a task raises belongs to whoever asks for its value
            outcome.failure = failures.pack(error, options.name or function.name, frames=2)
        self._failed += outcome.failure is not None
        if options.num_returns > 1:
            return [self._ref((*tid, -1 - i), outcome) for i in range(options.num_returns)]
        return [self._ref(tid, outcome)]

    def _check(self, options: Options, *, actor: bool) -> None:
        wanted = {"timeout_s": options.timeout_s, "memory": options.memory, "isolated": options.isolated or None}
        for name, value in wanted.items():
            if value is not None:
                raise Unsupported(f"the serial backend has no {name}=, which needs a process of its own; use init()")
        for name, amount in options.request(actor=actor):
            if amount > self.total.get(name, 0.0):
                text = f"asks for {amount:g} {name}, more than all there is: {self.total}"
                raise _Failed(("infeasible", text, "", None))

    def _run(
        self,
        tid: TaskId,
        name: str,
        options: Options,
        target: Callable[..., Any],
        positional: list[Any],
        keywords: dict[str, Any],
    ) -> Any:
        outer, self.context = self.context, Context(tid, self.context.seed)
        began = time.perf_counter()
        try:
            return target(*positional, **keywords)
        finally:
            self.context = outer
            ended = time.perf_counter()
            self._busy_s += ended - began
            self.trace.spans.append((options.name or name, 1, began, began, ended, tid))

    def _instance(self, actor: Ref[Any]) -> Any:
        outcome = self.outcomes[actor.id]
        if outcome.failure is not None:
            raise _Failed(outcome.failure)
        if outcome.instance is None:
            raise _Failed(("actor", "its actor was ended", "", None))
        return outcome.instance

    def _parts(self, tid: TaskId, count: int, value: Any) -> list[Ref[Any]]:
        values = tuple(value)
        if len(values) != count:
            raise ValueError(f"the task was to return {count} values and returned {len(values)}")
        return [self._ref((*tid, -1 - i), self._keep(Outcome(), item)) for i, item in enumerate(values)]

    def _keep(self, outcome: Outcome, value: Any) -> Outcome:
        """Store a value as a pickle, with the outcomes that it refers to."""
        outcome.value = value
        if not wire.is_atom(value):
            data, buffers, refs = wire.dumps(value)
            outcome.value = [data, [memoryview(bytes(buffer)) for buffer in buffers]]
            outcome.contained = tuple(self.outcomes.get(tid) for tid in refs)
        return outcome

    def _resolve(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Arguments as the task gets them: copies, with values in the place of references."""
        packed, places = pack_arguments(args, kwargs, lambda value: self._keep(Outcome(), value).value)
        positional, keywords = _unpack(packed) if type(packed) is list else (packed or (), {})
        positional = list(positional)
        for place, ref in places:
            outcome: Outcome = ref._task
            if outcome.failure is not None:
                raise _Failed(outcome.failure)
            if isinstance(place, int):
                positional[place] = outcome.give()
            else:
                keywords[place] = outcome.give()
        return positional, keywords

    def _ref(self, tid: TaskId, outcome: Outcome) -> Ref[Any]:
        self.outcomes[tid] = outcome
        return Ref(tid, self, outcome)

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """A reference that came with a value."""
        return self._ref(tid, self.outcomes[tid])

    def drop(self, ref: Ref[Any]) -> None:
        """Its outcome goes by itself."""

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:  # noqa: ARG002 - all are settled
        """The values, in order."""
        return [ref._task.give() for ref in refs]

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:  # noqa: ARG002
        """All are settled."""
        return {ref.id for ref in refs}

    def put(self, value: Any) -> Ref[Any]:
        """Keep a copy."""
        return self._ref(self.context.child(), self._keep(Outcome(), value))

    def cancel(self, ref: Ref[Any]) -> None:
        """Every task has run already."""

    def kill(self, actor: Ref[Any]) -> None:
        """Let the instance go."""
        self.outcomes[actor.id].instance = None

    def watch(self, ref: Ref[Any], call: Callable[[Ref[Any]], None]) -> None:
        """It is settled: call at once."""
        call(ref)

    def stats(self) -> Stats:
        """Counts since the start."""
        return Stats(
            submitted=self._submitted,
            finished=self._submitted - self._failed,
            failed=self._failed,
            workers=1,
            busy_s=self._busy_s,
            elapsed_s=time.perf_counter() - self._started,
        )

    def timeline(self, path: Path) -> None:
        """Write the trace."""
        self.trace.write(path, self._started, {1: f"this process ({Path(sys.argv[0]).name})"})

    def close(self) -> None:
        """Nothing to end."""
        self.outcomes.clear()


class _Failed(Exception):  # noqa: N818
    """Carries a failure up to where it is kept."""
