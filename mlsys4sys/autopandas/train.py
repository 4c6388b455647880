"""Training: tasks whose program is known become graphs for the policy, and candidates of a search for the judge.

``mlsys4sys train autopandas`` runs it all from a seed. Torch is needed here and nowhere else in the package's answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import seeding
from mlsys4sys.autopandas import examples
from mlsys4sys.autopandas.examples import CALLS, ROLES, Known
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.features import EDGE, NODE, Graph, graph
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.table import Codebook, Table

DEEPEST = 3
DEPTH_SHARES = (0.25, 0.45, 0.30)
"""How many of the training tasks have one, two, three calls."""

_CALL = {name: i for i, name in enumerate(CALLS)}
_ROLE = {name: i for i, name in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Sample:
    """A graph and what is to be said about it."""

    graph: Graph
    calls: tuple[int, ...]
    """The program's calls in order, by their place in :data:`CALLS`."""
    inner: tuple[int, ...]
    """All calls that the program's text makes."""
    roles: NDArray[np.uint8]
    """Shape (nodes, len(ROLES)): which input columns play which part in any of the calls."""


def sample(known: Known) -> Sample:
    """What the policy learns from a task."""
    example = known.task.examples[0]
    book = Codebook()
    tables = [Table(value, source(i), book) for i, value in enumerate(example.inputs)]
    made = graph(tables, Goal.of(example.output, book))
    roles = np.zeros((len(made.nodes), len(ROLES)), dtype=np.uint8)
    for table, nodes in zip(tables, made.columns, strict=True):
        labels = [c.label for c in table.columns[: len(nodes)]]
        for step in known.steps:
            for role, label in step.roles:
                if label in labels:
                    roles[nodes[labels.index(label)], _ROLE[role]] = 1
    names = {step.name for step in known.steps} | set(known.expr.ops)
    inner = tuple(sorted({_CALL[name] for name in names if name in _CALL}))
    return Sample(made, tuple(_CALL[step.name] for step in known.steps), inner, roles)


def samples(seed: int, count: int) -> Iterator[Sample]:
    """Training samples; the same for the same seed. A task that cannot be drawn is skipped."""
    for number in range(count):
        rng = seeding.named(seed, "policy", str(number))
        depth = int(rng.choice(DEEPEST, p=DEPTH_SHARES)) + 1
        known = examples.draw(rng, depth)
        if known is not None:
            yield sample(known)


@dataclass(frozen=True, slots=True)
class Shard:
    """Many samples as a few arrays, nodes and edges one after the other."""

    nodes: NDArray[np.uint8]
    edges: NDArray[np.uint8]
    sources: NDArray[np.int16]
    targets: NDArray[np.int16]
    roles: NDArray[np.uint8]
    sizes: NDArray[np.int32]
    """Shape (samples, 2): nodes and edges of each."""
    calls: NDArray[np.int16]
    """Shape (samples, DEEPEST), -1 behind the end."""
    inner: NDArray[np.uint8]
    """Shape (samples, len(CALLS))."""
    heads: NDArray[np.int16]
    """Shape (samples, 2): the node of the first input and of the output."""

    @classmethod
    def of(cls, made: Sequence[Sample]) -> Shard:
        """Pack samples."""
        calls = np.full((len(made), DEEPEST), -1, dtype=np.int16)
        inner = np.zeros((len(made), len(CALLS)), dtype=np.uint8)
        for i, one in enumerate(made):
            calls[i, : len(one.calls)] = one.calls
            inner[i, list(one.inner)] = 1
        return cls(
            np.concatenate([one.graph.nodes for one in made]),
            np.concatenate([one.graph.edges for one in made]),
            np.concatenate([one.graph.sources for one in made]),
            np.concatenate([one.graph.targets for one in made]),
            np.concatenate([one.roles for one in made]),
            np.array([(len(one.graph.nodes), len(one.graph.edges)) for one in made], dtype=np.int32),
            calls,
            inner,
            np.array([(one.graph.tables[0], one.graph.tables[-1]) for one in made], dtype=np.int16),
        )

    def save(self, path: Path) -> None:
        """Write the arrays."""
        np.savez_compressed(path, **{name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def load(cls, paths: Sequence[Path]) -> Shard:
        """Read and join shards."""
        parts: list[dict[str, Any]] = []
        for path in paths:
            with np.load(path) as file:
                parts.append({name: file[name] for name in cls.__slots__})
        return cls(**{name: np.concatenate([part[name] for part in parts]) for name in cls.__slots__})

    def __len__(self) -> int:
        return len(self.sizes)


def generate(
    folder: Path, seed: int, shards: Sequence[int], *, size: int = 2000, report: Callable[[str], None] | None = None
) -> list[Path]:
    """Write shards of samples, those that exist already left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in shards:
        path = folder / f"policy-{seed}-{number:04d}.npz"
        paths.append(path)
        if path.exists():
            continue
        start = time.perf_counter()
        Shard.of(list(samples(seed * 100_003 + number, size))).save(path.with_suffix(".part.npz"))
        path.with_suffix(".part.npz").rename(path)
        if report:
            report(f"{path.name}: {size} tasks, {time.perf_counter() - start:.0f} s")
    return paths


__all__ = ["DEEPEST", "EDGE", "NODE", "Sample", "Shard", "generate", "sample", "samples"]
