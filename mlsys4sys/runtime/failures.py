"""How failures travel: an exception, or a reason, as plain data that every process can read and raise again."""

from __future__ import annotations

import pickle
import traceback
from typing import NoReturn

from mlsys4sys.errors import ActorDied, TaskCancelled, TaskError, TaskMemory, TaskTimeout, WorkerDied

Failure = tuple[str, str, str, bytes | None]
"""Kind ("raised", or a scheduler's reason), text for people, remote traceback, pickled exception."""

KINDS: dict[str, type[TaskError]] = {
    "cancelled": TaskCancelled,
    "timeout": TaskTimeout,
    "memory": TaskMemory,
    "died": WorkerDied,
    "actor": ActorDied,
    "infeasible": TaskError,
}


def pack(error: BaseException, name: str, *, frames: int = 0) -> Failure:
    """An exception that a task raised; ``frames`` of ours at the top of its traceback are left out."""
    shown = error.__traceback__
    for _ in range(frames):
        shown = shown.tb_next if shown is not None and shown.tb_next is not None else shown
    text = "".join(traceback.format_exception(type(error), error, shown))
    data: bytes | None
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - some exceptions pickle and then do not read back
        if b"__main__" in data:
            raise pickle.PicklingError
    except Exception:  # noqa: BLE001 - an exception's own pickling may raise anything
        data = _by_value(error)
    return "raised", f"{name} raised {type(error).__name__}: {error}", text, data


def _by_value(error: BaseException) -> bytes | None:
    import cloudpickle

    try:
        data: bytes = cloudpickle.dumps(error)
        pickle.loads(data)  # noqa: S301
    except Exception:  # noqa: BLE001
        return None
    return data


def throw(failure: Failure, *, trusted: bool = True) -> NoReturn:
    """Raise what a failure stands for: the task's own exception, caused by a `TaskError` with its traceback."""
    kind, text, remote, data = failure
    if kind != "raised":
        raise KINDS.get(kind, TaskError)(text)
    where = TaskError(f"{text}\n\nIn the worker:\n{remote}")
    error: object = None
    if data is not None:
        try:
            error = _read(data, trusted)
        except Exception:  # noqa: BLE001 - a class that this process does not have
            error = None
    if isinstance(error, TaskError | Exception | KeyboardInterrupt):
        raise error from where
    raise where


def _read(data: bytes, trusted: bool) -> object:
    if trusted:
        return pickle.loads(data)  # noqa: S301 - from our own workers
    from mlsys4sys.runtime import safe

    return safe.loads(data)
