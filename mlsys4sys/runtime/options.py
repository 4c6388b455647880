"""The options of tasks and actors, checked where they enter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mlsys4sys.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may be asked for a task or an actor. Names and defaults are Ray's where Ray has them.

    Attributes:
        num_cpus: Workers' slots held while it runs; a task takes 1, an actor 0 (it is mostly idle).
        num_gpus: GPUs held while it runs, by number in ``CUDA_VISIBLE_DEVICES``.
        resources: Further resources by name, declared to `init`.
        max_retries: How many deaths of its worker a task survives; it runs again with the same seed.
        max_restarts: How often a dead actor is made anew from its constructor's arguments; its state is lost.
        num_returns: The task returns a tuple of so many values, and ``remote`` gives as many references.
        name: What errors and traces call it.
        timeout_s: Seconds after which it is ended; waiting in a queue does not count.
        memory: Bytes of address space that it may take beyond what its worker has when it begins.
        isolated: Run it as an untrusted program, see `mlsys4sys.runtime.limits`.
    """

    num_cpus: float | None = None
    num_gpus: float = 0
    resources: tuple[tuple[str, float], ...] = ()
    max_retries: int = 3
    max_restarts: int = 0
    num_returns: int = 1
    name: str | None = None
    timeout_s: float | None = None
    memory: int | None = None
    isolated: bool = False

    def __post_init__(self) -> None:
        for name in ("num_cpus", "num_gpus", "max_retries", "max_restarts"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InputError(f"{name} must not be negative, and is {value}")
        if self.num_returns < 1:
            raise InputError(f"num_returns must be at least 1, not {self.num_returns}")
        for name in ("timeout_s", "memory"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InputError(f"{name} must be positive, not {value}")

    def request(self, *, actor: bool = False) -> tuple[tuple[str, float], ...]:
        """Resources held while it runs, as (name, amount) pairs without those of which it wants none."""
        cpus = self.num_cpus if self.num_cpus is not None else (0.0 if actor else 1.0)
        pairs = (("CPU", float(cpus)), ("GPU", float(self.num_gpus)), *self.resources)
        return tuple((name, amount) for name, amount in pairs if amount)


_NAMES = {item.name for item in fields(Options)}


def with_changes(options: Options, changes: Mapping[str, Any]) -> Options:
    """These options with some changed.

    Raises:
        InputError: An option that does not exist, or a value out of its range.
    """
    unknown = sorted(set(changes) - _NAMES)
    if unknown:
        raise InputError(f"unknown option {unknown[0]!r}; there are {', '.join(sorted(_NAMES))}")
    changes = dict(changes)
    if isinstance(changes.get("resources"), Mapping):
        changes["resources"] = tuple(sorted((str(k), float(v)) for k, v in changes["resources"].items()))
    elif changes.get("resources", ()) is None:
        changes["resources"] = ()
    return replace(options, **changes)
