"""The task runtime: functions as parallel tasks, classes as actors, results as futures, with Ray's verbs.

    from mlsys4sys import runtime

    @runtime.remote
    def square(x): return x * x

    runtime.get([square.remote(i) for i in range(4)])   # [0, 1, 4, 9]

It runs on this machine with nothing to start (``init()``), in this process for debugging (``init("serial")``), and on
a Ray cluster (``init("ray:auto")``), by the same code. See docs/runtime.md.
"""

from mlsys4sys.runtime.api import (
    ActorHandle,
    cancel,
    get,
    init,
    is_initialized,
    kill,
    put,
    remote,
    rng,
    shutdown,
    stats,
    timeline,
    wait,
)
from mlsys4sys.runtime.options import Options
from mlsys4sys.runtime.refs import Ref
from mlsys4sys.runtime.streams import Executor, first, map  # noqa: A004 - the word for it
from mlsys4sys.runtime.timeline import Stats

__all__ = [
    "ActorHandle",
    "Executor",
    "Options",
    "Ref",
    "Stats",
    "cancel",
    "first",
    "get",
    "init",
    "is_initialized",
    "kill",
    "map",
    "put",
    "remote",
    "rng",
    "shutdown",
    "stats",
    "timeline",
    "wait",
]
