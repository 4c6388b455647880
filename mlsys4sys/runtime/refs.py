"""References to values that may not exist yet, and to actors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from mlsys4sys.runtime import wire
from mlsys4sys.runtime.state import TaskId

T = TypeVar("T")


class Owner(Protocol):
    """The backend that a reference belongs to."""

    name: str

    def drop(self, ref: Ref[Any]) -> None:
        """A reference is gone. May be called at any point of any thread, so it must only take a note."""


class Ref(Generic[T]):
    """A reference to the value of a task, or to an object that was put.

    Pass it to other tasks: at the top level of their arguments it is replaced by its value; inside of containers it
    stays a reference that the task may `get`.

    Attributes:
        id: The task's path in the task tree.
    """

    __slots__ = ("__weakref__", "_owner", "_task", "id")

    def __init__(self, tid: TaskId, owner: Owner, task: Any = None) -> None:
        self.id = tid
        self._owner = owner
        self._task = task

    @property
    def native(self) -> Any:
        """The backend's own reference: Ray's ``ObjectRef`` on Ray, else None."""
        return self._task if self._owner.name == "ray" else None

    def __del__(self) -> None:
        self._owner.drop(self)

    def __reduce__(self) -> tuple[Callable[..., Ref[T]], tuple[Any, ...]]:
        if self._owner.name == "ray":
            return adopt, (self.id, self._task)
        wire.mention(self.id)
        return borrow, (self.id,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Ref({'.'.join(map(str, self.id))})"


def borrow(tid: TaskId) -> Ref[Any]:
    """A reference that came with a value, in whatever process this is."""
    from mlsys4sys.runtime import api

    return api.current().borrow(tid)


def adopt(tid: TaskId, native: Any) -> Ref[Any]:
    """A reference that came with a value, on Ray."""
    from mlsys4sys.runtime import ray

    return Ref(tid, ray.here(), native)
