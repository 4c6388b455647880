"""How values and messages travel between processes.

*Values.* Small atoms travel as they are. Everything else becomes a list ``[data, shared, refs]``: the pickle, where its
large buffers lie in shared memory (see `store`), and the tasks whose references it contains. Plain pickle goes first;
what it cannot name (lambdas, closures, what a script defines in ``__main__``) goes by cloudpickle.

*Messages.* A frame is a length, a count of descriptors, and a pickled object; a frame with descriptors holds one
message alone, whose values say by index which is theirs. The driver never blocks on a write.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import cloudpickle

from mlsys4sys.runtime.state import TaskId
from mlsys4sys.runtime.store import SHARED_BYTES

ATOMS = frozenset({int, float, bool, type(None), str, bytes})
SMALL = frozenset({int, float, bool, type(None)})
ATOM_BYTES = 4096
MAX_FDS = 200
"""Descriptors in one frame; more of them go ahead in frames without a message."""
SPIN_S = 0.0001
"""The longest wait that is spun."""
SPIN_BELOW_S = 0.0002
"""Waits are spun while their moving average is below this, which is more than a short task with two wake-ups takes."""
HEADER = struct.Struct("<QB")

Dumped = tuple[bytes, list[memoryview], tuple[TaskId, ...]]

_contained: list[TaskId] = []


def mention(tid: TaskId) -> None:
    """Called by a reference as it is pickled."""
    _contained.append(tid)


def is_atom(value: object) -> bool:
    """True for what travels as it is."""
    kind = type(value)
    return kind in ATOMS and (kind not in (str, bytes) or len(value) <= ATOM_BYTES)  # type: ignore[arg-type]


def dumps(value: object) -> Dumped:
    """Pickle a value: the pickle, its large buffers, and the tasks whose references it contains.

    A pickle that is large in itself becomes a buffer too (then it is the first, and the pickle is empty).
    """
    buffers: list[pickle.PickleBuffer] = []
    _contained.clear()
    try:
        data = pickle.dumps(value, 5, buffer_callback=buffers.append)
        plain = b"__main__" not in data
    except (pickle.PicklingError, AttributeError, TypeError):
        plain = False
    if not plain:
        buffers.clear()
        _contained.clear()
        data = cloudpickle.dumps(value, 5, buffer_callback=buffers.append)
    refs = tuple(_contained)
    _contained.clear()
    raw = [buffer.raw() for buffer in buffers]
    if sum(buffer.nbytes for buffer in raw) + len(data) < SHARED_BYTES:
        return (pickle.dumps(value, 5) if plain else cloudpickle.dumps(value, 5)) if raw else data, [], refs
    if len(data) >= SHARED_BYTES:
        return b"", [memoryview(data), *raw], refs
    return data, raw, refs


def loads(data: bytes, buffers: Sequence[memoryview]) -> Any:
    """The value that was pickled; arrays over ``buffers`` share their memory."""
    if not data:
        return pickle.loads(buffers[0], buffers=buffers[1:])  # noqa: S301 - our own processes alone write here
    return pickle.loads(data, buffers=buffers)  # noqa: S301


class Closed(Exception):  # noqa: N818
    """The other end of a channel is gone."""


class Channel:
    """Frames over a Unix socket, with descriptors beside them.

    Args:
        sock: A connected stream socket.
        read: How a frame becomes an object.
        limit: The longest frame that is accepted, in bytes.
    """

    def __init__(self, sock: socket.socket, *, read: Callable[[Any], Any] = pickle.loads, limit: int = 1 << 40) -> None:
        self.sock = sock
        self._fds: deque[int] = deque()
        self._ahead: list[int] = []
        self._wait_s = 1.0
        self._read = read
        self._limit = limit
        self._inbox = bytearray()
        self._outbox: deque[tuple[memoryview, list[int], object]] = deque()

    @property
    def full(self) -> bool:
        """True while something waits to be written."""
        return bool(self._outbox)

    def send(self, message: object, fds: Sequence[int] = (), keep: object = None) -> None:
        """Write a frame, or as much of it as goes; ``keep`` is held until the descriptors have gone.

        Raises:
            Closed: Nobody reads any more.
        """
        while len(fds) > MAX_FDS:
            self.send(None, fds[:MAX_FDS], keep)
            fds = fds[MAX_FDS:]
        data = pickle.dumps(message, 5)
        frame = HEADER.pack(len(data), len(fds)) + data
        if self._outbox:
            self._outbox.append((memoryview(frame), list(fds), keep))
            return
        sent = self._write(frame, fds)
        if sent < len(frame):
            self._outbox.append((memoryview(frame)[sent:], [] if sent else list(fds), keep))

    def _write(self, data: bytes | memoryview, fds: Sequence[int]) -> int:
        try:
            if fds:
                return socket.send_fds(self.sock, [data], fds)
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise Closed from error

    def flush(self) -> None:
        """Write what waits, as far as it goes."""
        while self._outbox:
            data, fds, keep = self._outbox[0]
            sent = self._write(data, fds)
            if sent < len(data):
                self._outbox[0] = (data[sent:], [] if sent else fds, keep)
                return
            self._outbox.popleft()

    def receive(self, *, wait: bool = True) -> list[tuple[Any, list[int]]]:
        """The frames that have come, each with its descriptors; waits for bytes if the socket blocks and it shall.

        Raises:
            Closed: The other end is gone and all that it wrote has been read.
        """
        try:
            data, ancillary, _, _ = self.sock.recvmsg(262_144, 4096, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError as error:
            raise Closed from error
        for level, kind, raw in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds.extend(struct.unpack(f"{len(raw) // 4}i", raw[: len(raw) // 4 * 4]))
        if not data:
            raise Closed
        if not self._inbox and len(data) >= HEADER.size:
            size, fds = HEADER.unpack_from(data)
            if size == len(data) - HEADER.size and not fds:  # the usual case: one whole frame
                return [(self._read(memoryview(data)[HEADER.size :]), [])]
        return self._frames(data)

    def receive_soon(self) -> list[tuple[Any, list[int]]]:
        """As `receive`, for a reader that has nothing else to do.

        To be woken costs more than a short task, so short waits are spun, as long as they are the rule.
        """
        began = perf_counter()
        frames: list[tuple[Any, list[int]]] = []
        if self._wait_s < SPIN_BELOW_S:
            until = began + SPIN_S
            while not frames and perf_counter() < until:
                frames = self.receive(wait=False)
        if not frames:
            frames = self.receive()
        self._wait_s += 0.1 * (min(perf_counter() - began, 2 * SPIN_BELOW_S) - self._wait_s)
        return frames

    def _frames(self, data: bytes) -> list[tuple[Any, list[int]]]:
        inbox = self._inbox
        inbox += data
        frames = []
        start = 0
        while len(inbox) - start >= HEADER.size:
            size, fds = HEADER.unpack_from(inbox, start)
            if size > self._limit:
                raise Closed
            if len(inbox) - start - HEADER.size < size:
                break
            start += HEADER.size
            message = self._read(bytes(inbox[start : start + size]))
            start += size
            self._ahead += [self._fds.popleft() for _ in range(fds)]
            if message is not None:
                frames.append((message, self._ahead))
                self._ahead = []
        if start:
            del inbox[:start]
        return frames

    def close(self) -> None:
        """Close the socket and every descriptor that nobody took."""
        self.sock.close()
        while self._fds:
            os.close(self._fds.popleft())


def read(frame: bytes | memoryview) -> Any:
    """A frame from one of our own processes."""
    return pickle.loads(frame)  # noqa: S301
