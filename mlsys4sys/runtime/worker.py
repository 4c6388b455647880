"""A worker process: runs tasks one after another.

Results of short tasks are gathered and sent together. A watch thread sees to it that a task that turns out to be long
holds nothing up: what is finished is sent, and what has not begun is handed back for others to run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from mlsys4sys.errors import TaskMemory
from mlsys4sys.runtime import api, failures, limits, wire
from mlsys4sys.runtime.inside import InsideClient, Mailbox
from mlsys4sys.runtime.state import TaskId

FLUSH_S = 0.001
FLUSH_EVENTS = 128
WATCH_S = 0.005

Call = tuple[TaskId, Any, Any, Any, Any, Sequence[int]]
"""A task on the wire: id, function number or (actor, method), arguments, dependencies by place, extra, descriptors."""


class Worker:
    """The loop of one worker."""

    def __init__(self, channel: wire.Channel) -> None:
        self.channel = channel
        self.mailbox = Mailbox(channel)
        self.client = InsideClient(self.mailbox, self._hand_back, self._take)
        self.functions: dict[Any, Callable[..., Any]] = {}  # by number, and methods by (actor, name)
        self.blobs: dict[int, tuple[str, bytes]] = {}
        self.instances: dict[TaskId, Any] = {}
        self.queue: deque[Call] = deque()
        self.begun = 0
        self.running = False
        self.many = threading.Event()
        self.watcher: threading.Thread | None = None

    def serve(self) -> None:
        """Run what comes until the driver is gone."""
        queue, mailbox, client, functions = self.queue, self.mailbox, self.client, self.functions
        events, atoms, context = mailbox.events, wire.SMALL, client.context
        while True:
            try:
                call = queue.popleft()
            except IndexError:
                mailbox.flush()
                for frame in self.channel.receive_soon():
                    self._take(frame)
                continue
            tid, what, args, deps, extra, _ = call
            if deps is not None or extra is not None or type(args) is list or what not in functions:
                self._run(call)
                continue
            # What follows is `_run` for a plain call, written out: at a few microseconds a task every call counts.
            self.begun += 1
            context.path, context.count, context.generator = tid, 0, None
            self.running = True
            began = perf_counter()
            try:
                value = functions[what]() if args is None else functions[what](*args)
            except BaseException as error:  # noqa: BLE001 - whatever a task raises belongs to whoever asks for its value
                events.append(("done", tid, False, failures.pack(error, self._name(what), frames=1), began, began))
                self.running = False
                continue
            ended = perf_counter()
            if type(value) in atoms:
                events.append(("done", tid, True, value, began, ended))
            else:
                self._give(tid, value, began, ended)
            self.running = False
            if ended - mailbox.flushed > FLUSH_S or len(events) >= FLUSH_EVENTS:
                mailbox.flush()

    def _give(self, tid: TaskId, value: Any, began: float, ended: float) -> None:
        out: list[int] = []
        try:
            packed = self.mailbox.pack(value, out)
        except Exception as error:  # noqa: BLE001 - pickling runs the value's own code
            self.mailbox.events.append(("done", tid, False, failures.pack(error, "its result"), began, ended))
            return
        self.mailbox.say(("done", tid, True, packed, began, ended), out)

    def _take(self, frame: tuple[Any, list[int]]) -> None:
        message, fds = frame
        if message[0] == "run":
            for number, name, blob in message[2]:
                self.blobs[number] = (name, blob)
            self.queue.extend([(*call, fds) for call in message[1]])
            if len(message[1]) > 1:
                self._watch()
        elif message[0] == "hello":
            self.client.context.seed = message[1]
        elif message[0] == "answer":  # one that was asked for and then given up
            self.mailbox.leave([value for _, value in message[2] or ()] if fds else (), fds)

    def _hand_back(self) -> list[TaskId]:
        """Empty the queue; the ids of what was in it."""
        back = []
        with contextlib.suppress(IndexError):
            while True:
                tid, _, args, deps, _, fds = self.queue.popleft()
                back.append(tid)
                if fds:
                    self.mailbox.leave([args, *(value for _, value in deps or ())], fds)
        return back

    # -- the watch

    def _watch(self) -> None:
        if self.watcher is None:
            self.watcher = threading.Thread(target=self._watch_loop, daemon=True, name="watch")
            self.watcher.start()
        self.many.set()

    def _watch_loop(self) -> None:
        with contextlib.suppress(wire.Closed):
            while True:
                self.many.wait()
                begun = self.begun
                time.sleep(WATCH_S)
                if not self.queue and not self.mailbox.events:
                    self.many.clear()
                elif self.running and self.begun == begun:
                    if not self.instances:
                        back = self._hand_back()
                        self.mailbox.events.append(("returned", back))
                    self.mailbox.flush()

    # -- running

    def _run(self, call: Call) -> None:
        tid, what, args, deps, extra, fds = call
        self.begun += 1
        self.running = True
        context = self.client.context
        context.path, context.count, context.generator = tid, 0, None
        began = perf_counter()
        out: list[int] = []
        value: Any = None  # lives until its message is on its way: references in it must not go before
        packed: Any
        try:
            if extra is None:
                value = self._call(what, args, deps, fds)
                packed = self.mailbox.pack(value, out)
            else:
                value = self._run_special(call)
                packed = self._pack_parts(value, extra.get("num_returns"), out)
            ok = True
        except BaseException as error:  # noqa: BLE001 - whatever a task raises belongs to whoever asks for its value
            ok, packed = False, failures.pack(error, self._name(what), frames=2 if extra is None else 3)
        ended = perf_counter()
        self.running = False
        self.mailbox.say(("done", tid, ok, packed, began, ended), out)
        if ended - self.mailbox.flushed > FLUSH_S or len(self.mailbox.events) >= FLUSH_EVENTS:
            self.mailbox.flush()

    def _pack_parts(self, value: Any, count: int | None, out: list[int]) -> Any:
        """What a task returned, as one value or as many as it promised."""
        if count is None:
            return self.mailbox.pack(value, out)
        if len(value) != count:
            raise ValueError(f"the task was to return {count} values and returned {len(value)}")
        return [self.mailbox.pack(item, out) for item in value]

    def _run_special(self, call: Call) -> Any:
        """A task with options that its worker must see to."""
        tid, what, args, deps, extra, fds = call
        if "timed" in extra:
            self.mailbox.events.append(("started", tid))
            self.mailbox.flush()
        if "gpus" in extra:
            os.environ["CUDA_VISIBLE_DEVICES"] = extra["gpus"]
        if "isolated" in extra:
            value = self._run_isolated(call)
        elif "memory" in extra:
            value = self._run_in_memory(call)
        elif "actor" in extra:
            positional, keywords = self._arguments(args, deps, fds)
            self.instances[tid] = self._function(what)(*positional, **keywords)
            value = None
        else:
            value = self._call(what, args, deps, fds)
        return tuple(value) if "num_returns" in extra else value

    def _run_in_memory(self, call: Call) -> Any:
        _, what, args, deps, extra, fds = call
        with limits.memory(extra["memory"]):
            try:
                return self._call(what, args, deps, fds)
            except MemoryError as error:
                text = f"{self._name(what)} wanted more than its {extra['memory']} bytes of memory"
                raise TaskMemory(text) from error

    def _run_isolated(self, call: Call) -> Any:
        _, what, args, deps, extra, fds = call
        positional, keywords = self._arguments(args, deps, fds)
        function = self._function(what)
        self.client.alone = True
        limits.confine(memory_bytes=extra.get("memory"), cpu_s=extra.get("timeout_s"))
        try:
            return function(*positional, **keywords)
        except MemoryError as error:
            raise TaskMemory(f"{self._name(what)} wanted more memory than it was given") from error

    def _call(self, what: Any, args: Any, deps: Any, fds: Sequence[int]) -> Any:
        if type(what) is int:
            function = self.functions.get(what) or self._function(what)
        else:
            function = self.functions[what] = getattr(self.instances[what[0]], what[1])
        if args is None and deps is None:
            return function()
        if deps is None and type(args) is tuple:
            return function(*args)
        positional, keywords = self._arguments(args, deps, fds)
        return function(*positional, **keywords)

    def _function(self, number: int) -> Callable[..., Any]:
        function = self.functions.get(number)
        if function is None:
            function = self.functions[number] = pickle.loads(self.blobs[number][1])  # noqa: S301 - from our own driver
        return function

    def _name(self, what: Any) -> str:
        return self.blobs[what][0] if type(what) is int else str(what[1])

    def _arguments(self, args: Any, deps: Any, fds: Sequence[int]) -> tuple[Sequence[Any], dict[str, Any]]:
        positional: Sequence[Any] = args or ()
        keywords: dict[str, Any] = {}
        if type(args) is list:
            positional, keywords = self.mailbox.unpack(args, fds)
        if deps is not None:
            positional = list(positional)
            for place, value in deps:
                if type(place) is int:
                    positional[place] = self.mailbox.unpack(value, fds)
                else:
                    keywords[place] = self.mailbox.unpack(value, fds)
        return positional, keywords


def main(sock: socket.socket) -> None:
    """Serve the driver at the other end of the socket until it is gone."""
    worker = Worker(wire.Channel(sock))
    api.become(worker.client)
    with contextlib.suppress(wire.Closed):
        worker.serve()
