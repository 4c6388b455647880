"""The verbs. Names and meaning are Ray's; a user of Ray knows this page at sight.

Whoever runs the verbs is found here: the program's own backend, chosen by `init`, or, within a task, the client that
its worker made. A program that calls no `init` gets the local backend at its first use.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Sequence
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload, runtime_checkable

from mlsys4sys.errors import InputError, Unsupported
from mlsys4sys.runtime.context import Context
from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.options import Options, with_changes
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.state import TaskId
from mlsys4sys.runtime.timeline import Stats

if TYPE_CHECKING:
    import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

ADDRESS = "MLSYS4SYS_ADDRESS"
"""The environment's choice of backend where the program makes none."""


class Client(Protocol):
    """What answers the verbs: a backend, or a task's line to it."""

    name: str
    context: Context

    def submit(
        self,
        function: Function,
        options: Options,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        actor: Ref[Any] | None = None,
        method: str = "",
    ) -> list[Ref[Any]]:
        """A new task, actor, or call of an actor; one reference for each value."""

    def get(self, refs: Sequence[Ref[Any]], timeout: float | None) -> list[Any]:
        """The values, in order."""

    def wait(self, refs: Sequence[Ref[Any]], num_returns: int, timeout: float | None) -> set[TaskId]:
        """Ids of settled references, at least ``num_returns`` unless time is up."""

    def put(self, value: Any) -> Ref[Any]:
        """A reference to a value that exists."""

    def cancel(self, ref: Ref[Any]) -> None:
        """See `cancel`."""

    def kill(self, actor: Ref[Any]) -> None:
        """See `kill`."""

    def borrow(self, tid: TaskId) -> Ref[Any]:
        """A reference that came with a value."""

    def drop(self, ref: Ref[Any]) -> None:
        """A reference is gone; called at any time, it only takes a note."""


@runtime_checkable
class Backend(Client, Protocol):
    """A client that owns what it runs."""

    def stats(self) -> Stats:
        """See `stats`."""

    def timeline(self, path: Path) -> None:
        """See `timeline`."""

    def close(self) -> None:
        """End everything."""


_client: Client | None = None
_lock = threading.RLock()


def current() -> Client:
    """Whoever answers the verbs here; the local backend is started if there is nobody."""
    return _client if _client is not None else init()


def peek() -> Client | None:
    """Whoever answers the verbs here, without starting anybody."""
    return _client


def become(client: Client | None) -> None:
    """Answer the verbs in this process by ``client`` from now on."""
    global _client  # one runtime a process, as in Ray
    _client = client


def init(
    address: str | None = None,
    num_cpus: int | None = None,
    num_gpus: int = 0,
    seed: int = 0,
    *,
    resources: dict[str, float] | None = None,
    preload: Sequence[str] | None = None,
) -> Backend:
    """Start the runtime.

    Args:
        address: ``"local"`` (the default): processes on this machine. ``"serial"``: every task runs at its call, in
            this process, for debugging. ``"ray"``: a new Ray on this machine; ``"ray:auto"``: the cluster that this
            machine belongs to; ``"ray:HOST:PORT"``: that cluster. None takes the environment's ``MLSYS4SYS_ADDRESS``.
        num_cpus: Tasks that run at one time; None for the processors that this process may use.
        num_gpus: GPUs to share out; tasks find theirs in ``CUDA_VISIBLE_DEVICES``.
        seed: What `rng` derives every task's chance from.
        resources: How much there is of further resources, by name.
        preload: Modules that new workers shall find imported (local only); None for numpy, if it is here.

    Raises:
        InputError: The runtime runs already, or an argument is out of range.
        MissingExtra: Ray is asked for and not installed.
    """
    with _lock:
        if _client is not None:
            raise InputError("the runtime runs already: call mlsys4sys.runtime.shutdown() first")
        address = address or os.environ.get(ADDRESS) or "local"
        cpus = num_cpus if num_cpus is not None else len(os.sched_getaffinity(0))
        if cpus < 1 or num_gpus < 0:
            raise InputError(f"num_cpus must be at least 1 and num_gpus at least 0, not {cpus} and {num_gpus}")
        total = {"CPU": float(cpus), "GPU": float(num_gpus), **(resources or {})}
        backend = _backend(address, total, seed, preload)
        become(backend)
        return backend


def _backend(address: str, total: dict[str, float], seed: int, preload: Sequence[str] | None) -> Backend:
    if address == "local":
        from mlsys4sys.runtime.local import LocalBackend

        return LocalBackend(total, seed=seed, preload=preload)
    if address == "serial":
        from mlsys4sys.runtime.serial import SerialBackend

        return SerialBackend(total, seed=seed)
    if address == "ray" or address.startswith("ray:"):
        from mlsys4sys.runtime.ray import RayBackend

        return RayBackend(address.removeprefix("ray").removeprefix(":"), total, seed=seed)
    raise InputError(f"address {address!r} is none of local, serial, ray, ray:auto, ray:HOST:PORT")


def shutdown() -> None:
    """End the runtime with all its processes; what has not finished is lost. Does nothing if it does not run."""
    with _lock:
        client = _client
        if client is None:
            return
        if not hasattr(client, "close"):
            raise Unsupported("a task cannot shut the runtime down that runs it")
        become(None)
        client.close()


def is_initialized() -> bool:
    """True while the runtime runs."""
    return _client is not None


atexit.register(lambda: shutdown() if hasattr(_client, "close") else None)


# -- tasks


class RemoteFunction(Generic[P, T]):
    """A function whose calls are tasks. Made by `remote`."""

    def __init__(self, function: Function, options: Options) -> None:
        self._function = function
        self._options = options
        update_wrapper(self, function.target)

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a call; returns at once with a `Ref`, or with a list of them for ``num_returns`` above 1."""
        client = _client if _client is not None else init()
        refs = client.submit(self._function, self._options, args, kwargs)
        return refs[0] if self._options.num_returns == 1 else refs

    def options(self, **changes: Any) -> RemoteFunction[P, T]:
        """The same function with other options, see `Options`."""
        return RemoteFunction(self._function, with_changes(self._options, changes))

    def __call__(self, *_args: P.args, **_kwargs: P.kwargs) -> T:
        """Not a task: refused, as in Ray, so that no call runs in the wrong place unnoticed."""
        name = self._function.name
        raise TypeError(f"{name} is a remote function: call {name}.remote(...); the plain one is {name}.__wrapped__")

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteFunction, (self._function, self._options)


class ActorClass(Generic[T]):
    """A class whose instances live in workers of their own. Made by `remote`."""

    def __init__(self, function: Function, options: Options) -> None:
        self._function = function
        self._options = options

    def remote(self, *args: Any, **kwargs: Any) -> ActorHandle:
        """Make an instance in a worker of its own; returns at once with a handle to it."""
        (ref,) = current().submit(self._function, self._options, args, kwargs)
        return ActorHandle(ref, self._function.name, public_methods(self._function.target))

    def options(self, **changes: Any) -> ActorClass[T]:
        """The same class with other options, see `Options`."""
        return ActorClass(self._function, with_changes(self._options, changes))

    def __call__(self, *_args: Any, **_kwargs: Any) -> T:
        """Not an actor: refused, as in Ray."""
        raise TypeError(f"{self._function.name} is an actor class: call {self._function.name}.remote(...)")

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorClass, (self._function, self._options)


def public_methods(kind: Any) -> frozenset[str]:
    """Names of the methods that a handle offers."""
    return frozenset(name for name in dir(kind) if callable(getattr(kind, name)) and not name.startswith("__"))


class ActorHandle:
    """A handle to an actor; may be passed to other tasks. The actor ends when its last handle is gone."""

    def __init__(self, ref: Ref[Any], name: str, methods: frozenset[str]) -> None:
        self._ref = ref
        self._name = name
        self._methods = methods

    def __getattr__(self, name: str) -> ActorMethod:
        if name.startswith("__") or name not in self.__dict__.get("_methods", ()):
            raise AttributeError(f"actor {self.__dict__.get('_name', '?')} has no method {name!r}")
        method = ActorMethod(self._ref, f"{self._name}.{name}", name, Options(num_cpus=0, max_retries=0))
        self.__dict__[name] = method
        return method

    def __repr__(self) -> str:
        return f"ActorHandle({self._name})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorHandle, (self._ref, self._name, self._methods)


class ActorMethod:
    """One method of one actor."""

    def __init__(self, actor: Ref[Any], label: str, name: str, options: Options) -> None:
        self._actor = actor
        self._label = label
        self._name = name
        self._options = options
        self._function = Function(_no_function)
        self._function.name = label

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a call; calls of one caller run in the order of their submission."""
        client = _client if _client is not None else init()
        refs = client.submit(self._function, self._options, args, kwargs, self._actor, self._name)
        return refs[0] if self._options.num_returns == 1 else refs

    def options(self, **changes: Any) -> ActorMethod:
        """The same method with other options: ``num_returns`` and ``name``."""
        wrong = set(changes) - {"num_returns", "name"}
        if wrong:
            raise InputError(f"a call of an actor takes num_returns and name, not {sorted(wrong)[0]}")
        return ActorMethod(self._actor, self._label, self._name, with_changes(self._options, changes))


def _no_function() -> None:
    """A call of an actor has no function of its own."""


@overload
def remote(target: Callable[P, T], /) -> RemoteFunction[P, T]: ...
@overload
def remote(**options: Any) -> Callable[[Callable[P, T]], RemoteFunction[P, T]]: ...
def remote(target: Any = None, /, **options: Any) -> Any:
    """Make a function's calls tasks, or a class's instances actors. Use as a decorator, with options or without.

    Raises:
        InputError: An option that does not exist or is out of its range.
    """
    chosen = with_changes(Options(), options)

    def wrap(target: Any) -> Any:
        if isinstance(target, RemoteFunction | ActorClass):
            raise InputError("it is remote already")
        if not callable(target):
            raise InputError(f"remote takes a function or a class, not a {type(target).__name__}")
        function = Function(target)
        if not function.is_class:
            return RemoteFunction(function, chosen)
        if chosen.isolated or chosen.timeout_s is not None:
            raise Unsupported("actors take no isolated= and no timeout_s=")
        return ActorClass(function, chosen)

    return wrap(target) if target is not None else wrap


# -- values


@overload
def get(refs: Ref[T], timeout: float | None = None) -> T: ...
@overload
def get(refs: Sequence[Ref[T]], timeout: float | None = None) -> list[T]: ...
def get(refs: Any, timeout: float | None = None) -> Any:
    """The value of a reference, or the values of a list of them; waits until they are there.

    Raises:
        GetTimeout: They are not there after ``timeout`` seconds; the tasks go on.
        TaskError: A task has no value, see `mlsys4sys.errors`. What a task raised is raised here as it was, caused by
            a `TaskError` with the remote traceback.
    """
    if type(refs) is Ref:
        return current().get((refs,), timeout)[0]
    _check_refs(refs, "get")
    return current().get(refs, timeout)


def wait(
    refs: Sequence[Ref[T]], num_returns: int = 1, timeout: float | None = None
) -> tuple[list[Ref[T]], list[Ref[T]]]:
    """Wait until ``num_returns`` of the references have a value or an error.

    Returns:
        Those that have, at most ``num_returns`` of them, and the rest; each in the order they were given.

    Raises:
        InputError: ``num_returns`` is not between 1 and the number of references, or a reference stands twice.
    """
    _check_refs(refs, "wait")
    if not 1 <= num_returns <= len(refs):
        raise InputError(f"num_returns must be between 1 and {len(refs)}, not {num_returns}")
    settled = current().wait(refs, num_returns, timeout)
    if len({ref.id for ref in refs}) != len(refs):
        raise InputError("wait takes each reference once")
    ready: list[Ref[T]] = []
    rest: list[Ref[T]] = []
    for ref in refs:
        (ready if len(ready) < num_returns and ref.id in settled else rest).append(ref)
    return ready, rest


def _check_refs(refs: Any, verb: str) -> None:
    if not isinstance(refs, Sequence):
        raise InputError(f"{verb} takes a reference or a list of them, not a {type(refs).__name__}")
    for ref in refs:
        if type(ref) is not Ref:
            raise InputError(f"{verb} takes references, not a {type(ref).__name__}")


def put(value: T) -> Ref[T]:
    """Store a value once, for many tasks; large arrays are then read without a copy.

    Raises:
        InputError: The value is a reference already.
    """
    if isinstance(value, Ref):
        raise InputError("put takes a value, not a reference")
    return current().put(value)


def cancel(ref: Ref[Any]) -> None:
    """Cancel a task: one that has not begun never runs, the worker of one that runs is ended. Finished ones stay.

    ``get`` then raises `TaskCancelled`.
    """
    current().cancel(ref)


def kill(actor: ActorHandle) -> None:
    """End an actor now, without a restart; calls that it has not answered fail with `ActorDied`."""
    current().kill(actor._ref)


def rng() -> np.random.Generator:
    """This task's random generator.

    Its seed comes from `init`'s and from the task's place in the task tree, so it is the same on every backend,
    worker and replay. Within one task every call gives the same generator, whose stream goes on.
    """
    return current().context.rng()


def _owner() -> Backend:
    client = current()
    if not isinstance(client, Backend):
        raise Unsupported("only the program itself sees the statistics, not its tasks")
    return client


def stats() -> Stats:
    """What has run so far."""
    return _owner().stats()


def timeline(path: str | os.PathLike[str]) -> None:
    """Write what has run as a Chrome trace: open it in https://ui.perfetto.dev or chrome://tracing.

    Raises:
        DataError: The file cannot be written.
    """
    _owner().timeline(Path(path))
