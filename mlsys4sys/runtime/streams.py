"""Patterns on top of the verbs: streaming maps, the first accepted result, and the face of `concurrent.futures`."""

from __future__ import annotations

import concurrent.futures
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from mlsys4sys.console import Progress
from mlsys4sys.errors import GetTimeout, InputError, TaskCancelled
from mlsys4sys.runtime import api
from mlsys4sys.runtime.refs import Ref

T = TypeVar("T")
R = TypeVar("R")


def map(  # noqa: A001 - the word for it, as in concurrent.futures
    function: Any,
    items: Iterable[Any],
    *,
    window: int | None = None,
    progress: str | None = None,
) -> Iterator[Any]:
    """Apply a function to items in parallel; results come in the order of the items, while later ones still run.

    Args:
        function: A remote function, or a plain one.
        items: May be endless: no more than ``window`` are taken ahead of what has been consumed.
        window: Items in flight; None for a good number, enough to keep workers busy with short tasks.
        progress: A label; a progress line on stderr counts results under it.

    Raises:
        InputError: ``window`` is less than 1.
    """
    if window is not None and window < 1:
        raise InputError(f"window must be at least 1, not {window}")
    call = function if isinstance(function, api.RemoteFunction) else api.remote(function)
    return _stream(call, iter(items), window or 1024, progress)


def _stream(call: Any, items: Iterator[Any], window: int, progress: str | None) -> Iterator[Any]:
    flying: deque[Ref[Any]] = deque(call.remote(item) for item in itertools.islice(items, window))
    with Progress(quiet=progress is None) as report:
        try:
            for count in itertools.count(1):
                if not flying:
                    return
                value = api.get(flying.popleft())
                flying.extend(call.remote(item) for item in itertools.islice(items, 1))
                if progress is not None:
                    report(f"{progress}: {count} done")
                yield value
        finally:
            for ref in flying:
                api.cancel(ref)


def first(
    refs: Sequence[Ref[T]], accept: Callable[[T], bool] | None = None, timeout: float | None = None
) -> tuple[int, T] | None:
    """The first result to arrive that is accepted; all others are cancelled, those that run too.

    Args:
        refs: Tasks that race.
        accept: What makes a result good; None takes the first that has a value. Tasks that fail lose.
        timeout: Seconds for the whole race.

    Returns:
        The position in ``refs`` and the value, or None if no task gave an acceptable one in time.
    """
    places = {ref.id: place for place, ref in enumerate(refs)}
    left = list(refs)
    deadline = _Deadline(timeout)
    try:
        while left:
            ready, left = api.wait(left, num_returns=1, timeout=deadline.left())
            if not ready:
                return None
            fell, value = _outcome(ready[0])
            if not fell and (accept is None or accept(value)):
                return places[ready[0].id], value
        return None
    finally:
        for ref in left:
            api.cancel(ref)


def _outcome(ref: Ref[T]) -> tuple[bool, Any]:
    """Whether a racer fell, and its value if not."""
    try:
        return False, api.get(ref)
    except Exception:  # noqa: BLE001 - whatever it fell over, it has lost
        return True, None


class _Deadline:
    def __init__(self, timeout: float | None) -> None:
        from time import monotonic

        self._now = monotonic
        self._end = None if timeout is None else monotonic() + timeout

    def left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - self._now())


class Executor(concurrent.futures.Executor):
    """The runtime with the face of `concurrent.futures.Executor`, for libraries that take one.

    Args:
        options: Options for every task, see `Options`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._functions: dict[Callable[..., Any], Any] = {}
        self._open = True
        self._flying: set[_Future] = set()

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[R]:
        """A call as a task; its future."""
        if not self._open:
            raise RuntimeError("cannot schedule new futures after shutdown")
        remote = self._functions.get(fn)
        if remote is None:
            remote = self._functions[fn] = api.remote(**self._options)(fn)
        future: _Future = _Future(remote.remote(*args, **kwargs))
        self._flying.add(future)
        future.add_done_callback(self._flying.discard)
        future.listen()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the runtime itself goes on."""
        self._open = False
        for future in list(self._flying) if cancel_futures else ():
            future.cancel()
        if wait:
            for future in list(self._flying):
                future.exception()


class _Future(concurrent.futures.Future[Any]):
    """A future over a reference; who waits for it drives the runtime, as `get` does."""

    def __init__(self, ref: Ref[Any]) -> None:
        super().__init__()
        self._ref = ref

    def listen(self) -> None:
        """Have the runtime tell when the value is there."""
        client = api.current()
        if not hasattr(client, "watch"):
            raise InputError(f"Executor needs the local or the serial backend, not {client.name}")
        client.watch(self._ref, self._fill)

    def _fill(self, ref: Ref[Any]) -> None:
        try:
            value = api.get(ref)
        except TaskCancelled:
            super().cancel()
            return
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asks
            with suppress(concurrent.futures.InvalidStateError):  # another thread was first
                self.set_exception(error)
            return
        with suppress(concurrent.futures.InvalidStateError):
            self.set_result(value)

    def _drive(self, timeout: float | None) -> None:
        if not self.done():
            try:
                api.get(self._ref, timeout)
            except GetTimeout:
                return
            except BaseException:  # noqa: BLE001, S110 - it comes out of the future itself
                pass
            self._fill(self._ref)

    def result(self, timeout: float | None = None) -> Any:
        """The value, or what the call raised."""
        self._drive(timeout)
        return super().result(0 if timeout is not None else None)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the call raised, or None."""
        self._drive(timeout)
        return super().exception(0 if timeout is not None else None)

    def cancel(self) -> bool:
        """Cancel the task, even if it runs; False if it has finished."""
        if self.done():
            return self.cancelled()
        api.cancel(self._ref)
        self._drive(None)
        return self.cancelled()
