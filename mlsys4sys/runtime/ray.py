"""The Ray backend: the same verbs on a Ray cluster. The only file that imports Ray.

Objects, lineage, actors, resources and the dashboard are Ray's own. What is added travels as one hidden argument: the
task's path in the task tree, so that `rng` gives what it gives on every backend. What Ray cannot do is refused.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlsys4sys.errors import (
    ActorDied,
    DataError,
    GetTimeout,
    MissingExtra,
    TaskCancelled,
    TaskError,
    TaskMemory,
    Unsupported,
    WorkerDied,
)
from mlsys4sys.runtime import api, limits
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.state import TaskId
from mlsys4sys.runtime.timeline import Stats

try:
    import ray
except ImportError as error:
    raise MissingExtra("ray", "ray") from error


class RayClient:
    """The verbs, in the program and in its tasks alike."""

    name = "ray"

    def __init__(self, context: Context) -> None:
        self.context = context
        self._tasks: dict[tuple[tuple[int, ...], Options], Any] = {}
        self._submitted = 0

    def submit(
        self,
        function: Function,
        options: Options,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        actor: Ref[Any] | None = None,
        method: str = "",
    ) -> list[Ref[Any]]:
        """Hand it to Ray."""
        tid = self.context.child()
        self._submitted += 1
        args = [value.native if type(value) is Ref else value for value in args]
        kwargs = {name: value.native if type(value) is Ref else value for name, value in kwargs.items()}
        place = (tid, self.context.seed, options.memory, options.name or function.name)
        if actor is not None:
            call = actor.native.call.options(num_returns=options.num_returns, name=options.name or function.name)
            made = call.remote(place, method, *args, **kwargs)
        else:
            made = self._remote(function, options).remote(place, *args, **kwargs)
        many = options.num_returns > 1
        return [Ref((*tid, -1 - i) if many else tid, self, one) for i, one in enumerate(made if many else [made])]

    def _remote(self, function: Function, options: Options) -> Any:
        known = self._tasks.get((function.key, options))
        if known is not None:
            return known
        if options.timeout_s is not None or options.isolated:
            what = "timeout_s=" if options.timeout_s is not None else "isolated=True"
            raise Unsupported(f"Ray has no {what}; run the task on the local backend")
        common: dict[str, Any] = {
            "num_cpus": options.num_cpus if options.num_cpus is not None else (0 if function.is_class else 1),
            "num_gpus": options.num_gpus,
            "resources": dict(options.resources),
        }
        target = function.target
        if function.is_class:
            made = ray.remote(max_restarts=options.max_restarts, **common)(_actor_of(target))
        else:
            wrapped = _task_of(target)
            wrapped.__name__ = options.name or function.name
            made = ray.remote(max_retries=options.max_retries, num_returns=options.num_returns, **common)(wrapped)
        self._tasks[function.key, options] = made
        return made

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:
        """The values, in order."""
        with _translated(timeout):
            values: list[Any] = ray.get([ref.native for ref in refs], timeout=timeout)
        return values

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:
        """Ids of those that are settled."""
        by_native = {ref.native: ref.id for ref in refs}
        ready, _ = ray.wait(list(by_native), num_returns=num_returns, timeout=timeout, fetch_local=False)
        return {by_native[one] for one in ready}

    def put(self, value: Any) -> Ref[Any]:
        """An object of Ray's store."""
        return Ref(self.context.child(), self, ray.put(value))

    def cancel(self, ref: Ref[Any]) -> None:
        """Cancel; a task that runs is ended with its worker, as on the local backend."""
        try:
            ray.cancel(ref.native, force=True)
        except ValueError:  # calls of actors cannot be forced
            ray.cancel(ref.native)

    def kill(self, actor: Ref[Any]) -> None:
        """End an actor now."""
        ray.kill(actor.native)

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """References travel with Ray's own here."""
        raise TaskError(f"the reference {tid} came from another backend")

    def drop(self, ref: Ref[Any]) -> None:
        """Ray counts its own references."""


class RayBackend(RayClient):
    """Ray, started or joined. See `mlsys4sys.runtime.init` for the arguments."""

    def __init__(self, address: str, total: dict[str, float], *, seed: int = 0) -> None:
        super().__init__(Context((), seed))
        self._started = time.perf_counter()
        own: dict[str, Any] = {}
        if not address:  # "local" explicitly: otherwise Ray joins whatever ran here last
            others = {name: n for name, n in total.items() if name not in ("CPU", "GPU")}
            own = {"num_cpus": int(total["CPU"]), "num_gpus": int(total["GPU"]), "resources": others}
            own["include_dashboard"] = False
        own |= {"address": address or "local", "log_to_driver": False}
        try:
            ray.init(**own)
        except Exception as error:
            if "RAY_AUTH_MODE" in os.environ or not (Path.home() / ".ray" / "auth_token").exists():
                raise DataError(f"cannot join Ray at {address or 'local'}: {str(error).splitlines()[0]}") from error
            os.environ["RAY_AUTH_MODE"] = "token"  # `ray start` asks for this user's token where there is one
            ray.init(**own)

    def stats(self) -> Stats:
        """What this program submitted; the rest is in Ray's dashboard and state API."""
        return Stats(submitted=self._submitted, elapsed_s=time.perf_counter() - self._started)

    def timeline(self, path: Path) -> None:
        """Ray's own trace."""
        try:
            ray.timeline(str(path))
        except OSError as error:
            raise DataError(f"cannot write the timeline to {path}: {error.strerror}") from error

    def close(self) -> None:
        """End Ray, or leave the cluster."""
        ray.shutdown()


def here() -> api.Client:
    """Whoever answers the verbs in this process, which is one of Ray's."""
    client = api.peek()
    if client is None:
        client = RayClient(Context())
        api.become(client)
    return client


Place = tuple[TaskId, int, int | None, str]
"""The hidden argument: path, seed, memory limit, name."""


@contextlib.contextmanager
def _at(place: Place) -> Iterator[None]:
    """Be the task at this place of the tree."""
    tid, seed, memory, name = place
    here().context = Context(tid, seed)
    with limits.memory(memory) if memory is not None else contextlib.nullcontext():
        try:
            yield
        except MemoryError as error:
            if memory is None:
                raise
            raise TaskMemory(f"{name} wanted more than its {memory} bytes of memory") from error


def _task_of(target: Callable[..., Any]) -> Callable[..., Any]:
    def task(place: Place, *args: Any, **kwargs: Any) -> Any:
        with _at(place):
            return target(*args, **kwargs)

    return task


def _actor_of(kind: Callable[..., Any]) -> type:
    class Actor:
        def __init__(self, place: Place, *args: Any, **kwargs: Any) -> None:
            with _at(place):
                self.instance = kind(*args, **kwargs)

        def call(self, place: Place, method: str, *args: Any, **kwargs: Any) -> Any:
            with _at(place):
                return getattr(self.instance, method)(*args, **kwargs)

    return Actor


@contextlib.contextmanager
def _translated(timeout: float | None) -> Iterator[None]:
    """Ray's exceptions as ours; what a task raised comes out as it was."""
    try:
        yield
    except ray.exceptions.GetTimeoutError as error:
        raise GetTimeout(f"the values were not all there after {timeout} s") from error
    except ray.exceptions.TaskCancelledError as error:
        raise TaskCancelled("the task was cancelled") from error
    except ray.exceptions.RayActorError as error:
        raise ActorDied(str(error)) from error
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError) as error:
        raise WorkerDied(str(error)) from error
    except ray.exceptions.RayTaskError as error:
        where = TaskError(f"a task raised {error.cause!r}\n\nIn the worker:\n{error!s}")
        raise (error.cause if isinstance(error.cause, Exception) else where) from where
    except ray.exceptions.RayError as error:
        raise TaskError(str(error)) from error
