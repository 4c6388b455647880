"""Shared memory for large values: written once, mapped read-only and without a copy by every reader.

A segment is an anonymous file (`memfd_create`): it has no name, so the kernel frees it when the last process that has
it is gone, whatever dies. Descriptors travel beside messages over Unix sockets. The driver keeps the books: who reads
a segment and whether a value still needs it. A segment that nobody needs goes to a pool, since writing to memory that
has been touched before is five times faster than touching fresh memory.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SHARED_BYTES = 65_536
"""Values whose buffers hold at least so much travel by shared memory."""
POOL_BYTES = 1 << 29
"""Bytes of segments kept for the next use."""
POOL_COUNT = 32
"""Segments kept for the next use, each of which holds a descriptor open."""
ALIGN = 64

Span = tuple[int, int]
"""Where a buffer lies in its segment: offset and length in bytes."""


def spans_of(buffers: Sequence[memoryview]) -> tuple[tuple[Span, ...], int]:
    """Places for the buffers one after another, each aligned for vector instructions, and the bytes needed."""
    spans: list[Span] = []
    offset = 0
    for buffer in buffers:
        spans.append((offset, buffer.nbytes))
        offset += -(-buffer.nbytes // ALIGN) * ALIGN
    return tuple(spans), max(offset, ALIGN)


def new_file(size: int) -> int:
    """An anonymous file of so many bytes; the descriptor is the caller's to close."""
    fd = os.memfd_create("mlsys4sys", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


def write_file(buffers: Sequence[memoryview]) -> tuple[int, int, tuple[Span, ...]]:
    """Buffers in a fresh anonymous file: descriptor, size, spans. Writing is faster than mapping fresh pages."""
    spans, size = spans_of(buffers)
    fd = new_file(size)
    for buffer, (offset, length) in zip(buffers, spans, strict=True):
        written = 0
        while written < length:
            written += os.pwrite(fd, buffer[written:], offset + written)
    return fd, size, spans


class View(mmap.mmap):
    """A read-only map that tells when the last array over it is gone."""

    gone: Callable[[], None] | None = None

    def __del__(self) -> None:
        if self.gone is not None:
            self.gone()


def view(fd: int, size: int, gone: Callable[[], None]) -> View:
    """Map a segment for reading; ``gone`` is called when nothing uses the map any more."""
    mapped = View(fd, size, access=mmap.ACCESS_READ)
    mapped.gone = gone
    return mapped


@dataclass(slots=True, eq=False)
class Segment:
    """One anonymous file as the driver knows it.

    Attributes:
        key: What messages call it.
        users: Values whose buffers lie in it.
        readers: Maps of it in other processes, by worker, and in this one as worker 0.
    """

    key: int
    fd: int
    size: int
    users: int = 0
    readers: dict[int, int] = field(default_factory=dict)
    writable: mmap.mmap | None = None

    def close(self) -> None:
        """Give the memory back once the last reader is gone."""
        if self.writable is not None:
            self.writable.close()
        os.close(self.fd)


class Store:
    """The driver's books of all segments."""

    def __init__(self) -> None:
        self.live: dict[int, Segment] = {}
        self.pool: list[Segment] = []
        self.pooled_bytes = 0
        self._last = 0

    def write(self, buffers: Sequence[memoryview]) -> tuple[Segment, tuple[Span, ...]]:
        """Buffers in a segment, recycled where one fits."""
        spans, size = spans_of(buffers)
        segment = self._recycled(size)
        if segment is None:
            fd, size, spans = write_file(buffers)
            return self.adopt(fd, size), spans
        if segment.writable is None:
            segment.writable = mmap.mmap(segment.fd, segment.size)
        target = memoryview(segment.writable)
        for buffer, (offset, length) in zip(buffers, spans, strict=True):
            target[offset : offset + length] = buffer
        target.release()
        return segment, spans

    def adopt(self, fd: int, size: int) -> Segment:
        """A segment that somebody else wrote, with one value that uses it."""
        self._last += 1
        segment = Segment(self._last, fd, size, users=1)
        self.live[segment.key] = segment
        return segment

    def _recycled(self, size: int) -> Segment | None:
        fits = [segment for segment in self.pool if size <= segment.size <= 2 * size]
        if not fits:
            return None
        best = min(fits, key=lambda segment: segment.size)
        self.pool.remove(best)
        self.pooled_bytes -= best.size
        best.users = 1
        self.live[best.key] = best
        return best

    def release(self, segment: Segment) -> None:
        """A value that used the segment is gone."""
        segment.users -= 1
        self._settle(segment)

    def lend(self, segment: Segment, worker: int) -> int:
        """A worker is about to map the segment; its descriptor."""
        segment.readers[worker] = segment.readers.get(worker, 0) + 1
        return segment.fd

    def returned(self, key: int, worker: int) -> None:
        """A map of a segment in a worker is gone."""
        segment = self.live.get(key)
        if segment is None:
            return
        left = segment.readers.get(worker, 0) - 1
        if left > 0:
            segment.readers[worker] = left
        else:
            segment.readers.pop(worker, None)
        self._settle(segment)

    def worker_died(self, worker: int) -> None:
        """All that a worker read, it reads no more."""
        for segment in [s for s in self.live.values() if worker in s.readers]:
            del segment.readers[worker]
            self._settle(segment)

    def _settle(self, segment: Segment) -> None:
        if segment.users > 0 or segment.readers or segment.key not in self.live:
            return
        del self.live[segment.key]
        self.pool.append(segment)
        self.pooled_bytes += segment.size
        while self.pooled_bytes > POOL_BYTES or len(self.pool) > POOL_COUNT:
            smallest = min(self.pool, key=lambda segment: segment.size)
            self.pool.remove(smallest)
            self.pooled_bytes -= smallest.size
            smallest.close()

    def close(self) -> None:
        """Give everything back; maps that are still read keep their memory until they go."""
        for segment in [*self.live.values(), *self.pool]:
            segment.close()
        self.live.clear()
        self.pool.clear()
