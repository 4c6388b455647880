"""Shapes of tasks by function and options, and what workers must know to run them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlsys4sys.runtime.functions import Function
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.state import Shape


@dataclass(slots=True)
class Launch:
    """What a worker must know to run the tasks of one shape.

    Attributes:
        number: What messages call the function; -1 for calls of actors.
        blob: The function's pickle.
        extra: What the worker has to see to, or None.
        alive: Objects whose ids are keys of `Shapes`.
    """

    number: int
    blob: bytes | None
    options: Options
    extra: dict[str, Any] | None
    alive: list[Any] = field(default_factory=list)


class Shapes:
    """All shapes of one backend."""

    def __init__(self) -> None:
        self.quick: dict[tuple[int, int], Shape] = {}
        """By the identity of function and options."""
        self._by_key: dict[tuple[Any, ...], Shape] = {}

    def of(self, function: Function, options: Options, *, call: bool) -> Shape:
        """The shape of a function's tasks, or of calls of an actor's method."""
        key = (function.name, options) if call else (function.key, options)
        shape = self._by_key.get(key)
        if shape is None:
            shape = self._by_key[key] = self._new(function, options, None if call else function.blob)
        shape.payload.alive += (function, options)
        self.quick[id(function), id(options)] = shape
        return shape

    def from_worker(self, name: str, is_class: bool, call: Any, options: Options, is_call: bool) -> Shape:
        """The same for a function that only workers hold."""
        key = (name, options) if is_call else (call[0], options)
        shape = self._by_key.get(key)
        if shape is None:
            function = Function(object if is_class else _stand_in)
            function.name = name
            shape = self._by_key[key] = self._new(function, options, None if is_call else self._blob(call))
        return shape

    def _blob(self, call: tuple[Any, bytes | None]) -> bytes:
        """A function's pickle, which a worker sends once: with the first options it uses."""
        if call[1] is not None:
            return call[1]
        known = next(shape for key, shape in self._by_key.items() if key[0] == call[0])
        blob: bytes = known.payload.blob
        return blob

    def _new(self, function: Function, options: Options, blob: bytes | None) -> Shape:
        extra: dict[str, Any] = {}
        if options.num_returns > 1:
            extra["num_returns"] = options.num_returns
        if blob is None:
            launch = Launch(-1, None, options, extra or None)
            return Shape(name=options.name or function.name, request=(), payload=launch)
        if options.timeout_s is not None:
            extra |= {"timed": True, "timeout_s": options.timeout_s}
        if options.memory is not None:
            extra["memory"] = options.memory
        if options.isolated:
            extra["isolated"] = True
        if function.is_class:
            extra["actor"] = True
        launch = Launch(len(self._by_key), blob, options, extra or None)
        return Shape(
            name=options.name or function.name,
            request=options.request(actor=function.is_class),
            max_retries=options.max_retries,
            alone=bool(extra),
            single_use=options.isolated,
            payload=launch,
        )


def _stand_in() -> None:
    """Stands for a function that only workers hold."""
