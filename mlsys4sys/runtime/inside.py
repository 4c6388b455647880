"""The runtime as a task sees it from inside of its worker: the same verbs, answered by the driver."""

from __future__ import annotations

import os
import pickle
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from mlsys4sys.errors import GetTimeout, Unsupported
from mlsys4sys.runtime import failures, store, wire
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.state import TaskId

Value = Any
"""An atom, or ``[pickle, shared, refs]``; ``shared`` is ``(segment, size, spans, index of its descriptor)`` or None."""


def _drain(items: deque[Any]) -> list[Any]:
    return [items.popleft() for _ in range(len(items))]


class Mailbox:
    """What this worker has to say to the driver, in order, and its shared memory.

    References and maps may end at any point of any thread; they only leave a note here.
    """

    def __init__(self, channel: wire.Channel) -> None:
        self.channel = channel
        self.events: deque[Any] = deque()  # never replaced: other threads may be adding to it
        self.freed: deque[int] = deque()
        self.flushed = 0.0
        self._sending = threading.RLock()

    def flush(self) -> None:
        """Send what has been gathered."""
        with self._sending:
            if self.freed:
                self.events.append(("free", _drain(self.freed)))
            if self.events:
                self.channel.send(_drain(self.events))
            self.flushed = time.perf_counter()

    def say(self, event: Any, fds: Sequence[int]) -> None:
        """Add an event; one with descriptors goes at once, alone."""
        if not fds:
            self.events.append(event)
            return
        with self._sending:
            self.flush()
            self.channel.send([event], fds)
        for fd in fds:
            os.close(fd)

    def pack(self, value: Any, fds: list[int]) -> Value:
        """A value for the wire; the descriptor of its shared memory is added to ``fds``."""
        if wire.is_atom(value):
            return value
        data, buffers, refs = wire.dumps(value)
        if not buffers:
            return [data, None, refs]
        fd, size, spans = store.write_file(buffers)
        fds.append(fd)
        return [data, (0, size, spans, len(fds) - 1), refs]

    def unpack(self, value: Value, fds: Sequence[int]) -> Any:
        """A value from the wire; large buffers are mapped, read-only."""
        if type(value) is not list:
            return value
        data, shared, _ = value
        if shared is None:
            return pickle.loads(data)  # noqa: S301 - from our own driver
        key, size, spans, index = shared
        freed = self.freed
        try:
            mapped = memoryview(store.view(fds[index], size, lambda: freed.append(key)))
        finally:
            os.close(fds[index])
        return wire.loads(data, [mapped[offset : offset + length] for offset, length in spans])

    def leave(self, values: Sequence[Value], fds: Sequence[int]) -> None:
        """Values that nobody will read: give their shared memory back."""
        self.freed.extend(value[1][0] for value in values if type(value) is list and value[1] is not None)
        for fd in fds:
            os.close(fd)


def pack_arguments(
    args: Sequence[Any], kwargs: dict[str, Any], pack: Callable[[Any], Value]
) -> tuple[Any, list[tuple[int | str, Ref[Any]]]]:
    """Arguments for the wire, and the references among them by place.

    Atoms alone travel as a tuple (None if there are none); anything else as one pickle of ``(args, kwargs)``, so that
    what two arguments share stays shared. References at the top level are taken out: their values are put in later.
    """
    deps: list[tuple[int | str, Ref[Any]]] = []
    plain = not kwargs
    for place, value in enumerate(args):
        if type(value) is Ref:
            deps.append((place, value))
        elif plain and not wire.is_atom(value):
            plain = False
    if deps:
        args = tuple(None if type(value) is Ref else value for value in args)
    if plain:
        return tuple(args) or None, deps
    deps += [(name, value) for name, value in kwargs.items() if type(value) is Ref]
    rest = {name: value for name, value in kwargs.items() if type(value) is not Ref}
    return pack((tuple(args), rest)), deps


class InsideClient:
    """The verbs of the runtime within a task. A task that waits hands back what its worker has not begun."""

    name = "local"

    def __init__(self, mailbox: Mailbox, hand_back: Callable[[], list[TaskId]], take: Callable[[Any], None]) -> None:
        self.mailbox = mailbox
        self.context = Context()
        self.alone = False
        self._hand_back = hand_back
        self._take = take
        self._held: dict[TaskId, int] = {}
        self._told: set[tuple[int, ...]] = set()
        self._answers: dict[int, Any] = {}
        self._token = 0
        self._asking = threading.RLock()

    # -- asking

    def _ask(self, kind: str, refs: Sequence[Ref[Any]], need: int, timeout: float | None) -> Any:
        if self.alone:
            raise Unsupported("an isolated task cannot use the runtime")
        with self._asking:
            self._token += 1
            token = self._token
            self.mailbox.events.append(("blocked", self._hand_back()))
            self.mailbox.events.append((kind, token, [ref.id for ref in refs], need))
            self.mailbox.flush()
            deadline = None if timeout is None else time.perf_counter() + timeout
            while token not in self._answers:
                if deadline is not None and not self._readable(deadline):
                    self.mailbox.events.append(("unask", token))
                    self.mailbox.flush()
                    deadline = None
                self._listen()
            self.mailbox.events.append(("unblocked",))
            self.mailbox.flush()
            return self._answers.pop(token)

    def _readable(self, deadline: float) -> bool:
        left = max(0.0, deadline - time.perf_counter())
        return bool(select.select([self.mailbox.channel.sock], [], [], left)[0])

    def _listen(self) -> None:
        """Take what comes while this task waits; work that was on its way goes back."""
        for message, fds in self.mailbox.channel.receive_soon():
            if message[0] == "answer":
                self._answers[message[1]] = (message[2], fds)
            else:
                self._take((message, fds))
        back = self._hand_back()
        if back:
            self.mailbox.events.append(("returned", back))
            self.mailbox.flush()

    # -- the verbs

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:
        """The values, when all are there or one has failed."""
        answer, fds = self._ask("get", refs, len(refs), timeout)
        if answer is None:
            raise GetTimeout(f"{len(refs)} values were not all there after {timeout} s")
        failed = next((value for ok, value in answer if not ok), None)
        if failed is not None:
            self.mailbox.leave([value for ok, value in answer if ok], fds)
            failures.throw(failed)
        return [self.mailbox.unpack(value, fds) for _, value in answer]

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:
        """Ids of those that are settled, once there are ``num_returns`` or the time is up."""
        answer, _ = self._ask("wait", refs, num_returns, timeout)
        return set(answer)

    def put(self, value: Any) -> Ref[Any]:
        """An object of the driver's store."""
        tid = self.context.child()
        fds: list[int] = []
        self.mailbox.say(("put", tid, self.mailbox.pack(value, fds)), fds)
        return self._own(tid)

    def submit(
        self,
        function: Function,
        options: Options,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        actor: Ref[Any] | None = None,
        method: str = "",
    ) -> list[Ref[Any]]:
        """Tell the driver of a new task; it goes out with the next message."""
        if self.alone:
            raise Unsupported("an isolated task cannot use the runtime")
        tid = self.context.child()
        fds: list[int] = []
        packed, deps = pack_arguments(args, kwargs, lambda value: self.mailbox.pack(value, fds))
        blob = None
        if actor is None and function.key not in self._told:
            self._told.add(function.key)
            blob = function.blob
        call = (function.key, blob) if actor is None else (actor.id, method)
        names = [(place, ref.id) for place, ref in deps]
        event = ("submit", tid, function.name, function.is_class, actor is not None, call, options, packed, names)
        self.mailbox.say(event, fds)
        if options.num_returns == 1:
            return [self._own(tid)]
        return [self._own((*tid, -1 - part)) for part in range(options.num_returns)]

    def cancel(self, ref: Ref[Any]) -> None:
        """Ask the driver to cancel a task."""
        self.mailbox.events.append(("cancel", ref.id))
        self.mailbox.flush()

    def kill(self, actor: Ref[Any]) -> None:
        """Ask the driver to end an actor."""
        self.mailbox.events.append(("kill", actor.id))
        self.mailbox.flush()

    # -- references

    def _own(self, tid: TaskId) -> Ref[Any]:
        """A reference that the driver counts already: it came with the object itself."""
        self._held[tid] = self._held.get(tid, 0) + 1
        return Ref(tid, self)

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """A reference that came with a value."""
        count = self._held.get(tid, 0)
        self._held[tid] = count + 1
        if not count:
            self.mailbox.events.append(("hold", tid))
        return Ref(tid, self)

    def drop(self, ref: Ref[Any]) -> None:
        """A reference is gone."""
        count = self._held.get(ref.id, 0) - 1
        if count > 0:
            self._held[ref.id] = count
        elif count == 0:
            del self._held[ref.id]
            self.mailbox.events.append(("drop", ref.id))
