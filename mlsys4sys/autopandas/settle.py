"""When a search has found enough: it goes on for a while after the first program, longer where that one is in doubt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mlsys4sys.autopandas.expression import skeleton
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.search import CHEAP, FAR, Candidate, Prior, Search

MOST_SETTLE_S = 1.2
"""Processor seconds after the first program in which all ways of working on the inputs themselves are finished."""

CONVINCING = 5.0
"""Nats up to which a program convinces; a dearer one makes the search go on, as it may have learned cells by heart."""

DOUBT_S = 0.8
"""Processor seconds more for each nat beyond."""

CARE_S = 0.3
"""Processor seconds more for each nat above :data:`~mlsys4sys.autopandas.search.CHEAP` until it convinces."""

LEFT_OUT_S = 1.5
"""Processor seconds more while all programs do without one of the inputs, which are seldom given for nothing."""

ALIKE = 3
"""Programs that differ in constants alone, before others."""


class Helper(Protocol):
    """Another search of the same task."""

    def poll(self) -> list[Candidate]:
        """What it has found since it was asked last."""

    def stop(self) -> None:
        """End it."""


def candidates(
    task: Task,
    budget_s: float,
    *,
    prior: Prior | None = None,
    settle_s: float = 0.15,
    most: int = 60,
    report: Callable[[Mapping[str, Any]], None] | None = None,
) -> list[Candidate]:
    """Programs that give the wanted output, in the order in which they were found.

    The search goes on for a while after the first: as long as it took, and at least ``settle_s``, since the first
    program is not always the one that was meant. That while is counted in processor time, so that what is found does
    not depend on what else the machine does.

    Args:
        task: What is wanted.
        budget_s: Seconds at most.
        prior: See :class:`Search`.
        settle_s: Seconds to go on after the first.
        most: Programs at most, the cheapest; those that are :data:`FAR` dearer than the cheapest do not end the search.
        report: Called with ``tried``, ``found`` and ``best`` now and then.
    """
    search = Search(task, prior)
    return collected(search, budget_s, settle_s=settle_s, most=most, report=report)


def collected(
    search: Search,
    budget_s: float,
    *,
    settle_s: float = 0.15,
    most: int = 60,
    report: Callable[[Mapping[str, Any]], None] | None = None,
    relief: Helper | None = None,
) -> list[Candidate]:
    """What a search finds within a budget; see :func:`candidates`.

    ``relief`` is asked for programs as long as there are none.
    """
    started = time.thread_time()
    deadline = time.monotonic() + budget_s
    first = started
    least = settled = most_settled = float("inf")
    found: list[Candidate] = []
    near = 0
    left_out = len(search.inputs)
    try:
        for candidate in search.run(deadline):
            new = (
                [candidate]
                if candidate is not None
                else relief.poll()
                if relief is not None and least > CONVINCING
                else []
            )
            if new and left_out:
                left_out = min(left_out, *(search.unused(c.expr) for c in new))
            if new and (min(c.cost for c in new) < least or not left_out):
                now = time.thread_time()
                least = min(least, *(c.cost for c in new))
                doubt = max(0.0, least - CONVINCING) * DOUBT_S
                doubt += max(0.0, min(least, CONVINCING) - CHEAP) * CARE_S
                if not found:
                    first = now
                doubt += LEFT_OUT_S * bool(left_out)
                settled = first + max(settle_s, min(first - started, 1.5), doubt)
                most_settled = first + max(MOST_SETTLE_S, doubt)
            found += new
            if new:
                near = sum(candidate.cost <= least + FAR for candidate in found)
            if report is not None:
                report({"tried": search.examined, "found": len(found), "best": found[0].expr.text if found else ""})
            now = time.thread_time()
            enough = near >= most and least <= CONVINCING and search.roots_done
            if now > (settled if search.roots_done else most_settled) or enough:
                break
    except KeyboardInterrupt:
        search.interrupted = True
    finally:
        if relief is not None:
            relief.stop()
    return _different(found, most)


def _different(found: list[Candidate], most: int) -> list[Candidate]:
    """The cheapest programs, in the order in which they were found; one idea in many guises keeps no others out.

    Programs are alike that differ in constants, or in whether rows are numbered anew.
    """
    seen: Counter[str] = Counter()
    kept: list[int] = []
    rest: list[int] = []
    for i in sorted(range(len(found)), key=lambda i: found[i].cost):
        shape = skeleton(found[i].expr.text.replace(".reset_index(drop=True)", ""))
        seen[shape] += 1
        (kept if seen[shape] <= ALIKE else rest).append(i)
    return [found[i] for i in sorted([*kept, *rest][:most])]
