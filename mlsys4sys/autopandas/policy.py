"""The learned policy: which calls a program for a task makes, in which order, on which columns. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import checkpoint
from mlsys4sys.autopandas.examples import CALLS, ROLES
from mlsys4sys.autopandas.expression import source
from mlsys4sys.autopandas.features import EDGE, NODE, Graph, graph
from mlsys4sys.autopandas.goal import Goal
from mlsys4sys.autopandas.problem import Task
from mlsys4sys.autopandas.table import Codebook, Table
from mlsys4sys.errors import CheckpointError

Floats32 = NDArray[np.float32]

KIND, VERSION = "autopandas.policy", 2
SHIPPED = Path(__file__).parent / "weights" / "policy.safetensors"
MOST_ROWS = 60
"""Rows of a table that the policy looks at."""


@dataclass(frozen=True)
class Policy:
    """A graph network's answers, in numpy."""

    weights: dict[str, Floats32]
    config: dict[str, Any] = field(default_factory=dict)
    """How it was trained: command, seed, seconds, score."""

    def op_logits(self, tables: Sequence[Table], goal: Table) -> dict[str, float]:
        """Call → log-probability that a program for the task makes it.

        Args:
            tables: The inputs, or partial results in their place.
            goal: The output that is wanted.
        """
        _, z = self._encode(graph([_fewer(t) for t in tables], _fewer(goal)))
        return dict(zip(CALLS, _log_sigmoid(self._linear("calls", z)).tolist(), strict=True))

    def prices(
        self, tables: Sequence[Table], goal: Table, *, weight: float = 0.5, floor: float = 4.0
    ) -> dict[str, float]:
        """Call → nats that it adds to a program's cost; none costs more than ``weight * floor``, so none is excluded.

        ``search.Search(task, prior)`` takes ``lambda op: prices.get(op, weight * floor / 2)``.
        """
        return {name: weight * min(floor, -log) for name, log in self.op_logits(tables, goal).items()}

    def prior(
        self, inputs: Sequence[Any], output: Any, *, weight: float = 0.5, floor: float = 4.0
    ) -> Callable[[str], float]:
        """:meth:`prices` for an example's values; a call that the policy does not know costs half of the most."""
        book = Codebook()
        tables = [Table(value, source(i), book) for i, value in enumerate(inputs)]
        found = self.prices(tables, Goal.of(output, book), weight=weight, floor=floor)
        return lambda op: found.get(op, weight * floor / 2)

    def logits(self, task: Task) -> dict[str, float]:
        """:meth:`op_logits` for a task's first example."""
        book, example = Codebook(), task.examples[0]
        tables = [Table(value, source(i), book) for i, value in enumerate(example.inputs)]
        return self.op_logits(tables, Goal.of(example.output, book))

    def sequences(
        self, tables: Sequence[Table], goal: Table, *, top: int = 5, width: int = 10
    ) -> list[tuple[tuple[str, ...], float]]:
        """The likeliest sequences of calls, and their log-probabilities."""
        _, z = self._encode(graph([_fewer(t) for t in tables], _fewer(goal)))
        return self._beam(z, top, width)

    def read(self, made: Graph, *, top: int = 2) -> tuple[dict[str, float], list[tuple[tuple[str, ...], float]]]:
        """Both answers for a graph that is at hand."""
        _, z = self._encode(made)
        calls = dict(zip(CALLS, _log_sigmoid(self._linear("calls", z)).tolist(), strict=True))
        return calls, self._beam(z, top, 10)

    def column_roles(self, tables: Sequence[Table], goal: Table) -> list[dict[tuple[str, Hashable], float]]:
        """For each input: (role, column label) → log-probability that the column plays it; roles are :data:`ROLES`."""
        made = graph([_fewer(t) for t in tables], _fewer(goal))
        nodes, _ = self._encode(made)
        scores = _log_sigmoid(self._linear("roles", nodes))
        found = []
        for table, positions in zip(tables, made.columns, strict=False):
            pairs = zip(table.columns, positions, strict=False)
            found.append({(role, c.label): float(scores[p, r]) for c, p in pairs for r, role in enumerate(ROLES)})
        return found

    def _linear(self, name: str, x: Floats32) -> Floats32:
        y: Floats32 = x @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return y if bias is None else y + bias

    def _encode(self, made: Graph) -> tuple[Floats32, Floats32]:
        """Node states, shape (nodes, width), and the state of the task, shape (2 * width,)."""
        nodes, edges = _unit(made.nodes), _unit(made.edges)
        h, e = _relu(self._linear("node", nodes)), _relu(self._linear("edge", edges))
        facts = [nodes.mean(axis=0), nodes.max(axis=0), edges.mean(axis=0), edges.max(axis=0)]
        wide = _relu(self._linear("wide", np.concatenate(facts)))
        order = np.argsort(made.targets, kind="stable")
        sources, targets, e = made.sources[order].astype(np.int64), made.targets[order].astype(np.int64), e[order]
        reached, starts, counts = np.unique(targets, return_index=True, return_counts=True)
        layer = 0
        while f"send.{layer}.weight" in self.weights:
            message = _relu(self._linear(f"send.{layer}", h)[sources] + self._linear(f"relate.{layer}", e))
            message *= _sigmoid(self._linear(f"gate.{layer}", message))
            mean, most = np.zeros_like(h), np.zeros_like(h)
            mean[reached] = np.add.reduceat(message, starts) / counts[:, None]
            most[reached] = np.maximum.reduceat(message, starts)
            h = self._norm(layer, h + _relu(self._linear(f"take.{layer}", np.concatenate([h, mean, most], axis=1))))
            layer += 1
        whole = np.concatenate([h[made.tables[0]], h[made.tables[-1]], h.mean(axis=0), h.max(axis=0), wide])
        return h, _relu(self._linear("read", whole))

    def _norm(self, layer: int, x: Floats32) -> Floats32:
        centred: Any = x - x.mean(axis=1, keepdims=True)
        spread: Any = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(1e-5))
        out: Floats32 = centred / spread * self.weights[f"norm.{layer}.weight"] + self.weights[f"norm.{layer}.bias"]
        return out

    def _beam(self, z: Floats32, top: int, width: int) -> list[tuple[tuple[str, ...], float]]:
        stop = len(CALLS)
        state = np.tanh(self._linear("begin", z))
        beam: list[tuple[float, tuple[int, ...], Floats32]] = [(0.0, (), state)]
        done: list[tuple[float, tuple[int, ...]]] = []
        for _ in range(4):
            before = np.array([calls[-1] if calls else stop for _, calls, _ in beam])
            states = self._gru(before, z, np.stack([s for _, _, s in beam]))
            scores = _log_softmax(self._linear("next", states)) + np.array([[score] for score, _, _ in beam])
            best = np.argsort(-scores, axis=None)[: width + len(beam)]
            grown: list[tuple[float, tuple[int, ...], Floats32]] = []
            for flat in best.tolist():
                row, call = divmod(flat, stop + 1)
                calls, score = beam[row][1], float(scores[row, call])
                if call == stop:
                    done.append((score, calls))
                elif len(grown) < width:
                    grown.append((score, (*calls, call), states[row]))
            beam = grown
        ranked = sorted(done, key=lambda pair: -pair[0])[:top]
        return [(tuple(CALLS[c] for c in calls), score) for score, calls in ranked]

    def _gru(self, before: NDArray[np.int64], z: Floats32, state: Floats32) -> Floats32:
        tokens = self.weights["token.weight"][before]
        x = np.concatenate([tokens, np.broadcast_to(z, (len(tokens), len(z)))], axis=1)
        given = x @ self.weights["step.weight_ih"].T + self.weights["step.bias_ih"]
        kept = state @ self.weights["step.weight_hh"].T + self.weights["step.bias_hh"]
        (r1, u1, n1), (r2, u2, n2) = np.split(given, 3, axis=1), np.split(kept, 3, axis=1)
        update = _sigmoid(u1 + u2)
        fresh = np.tanh(n1 + _sigmoid(r1 + r2) * n2)
        out: Floats32 = (1 - update) * fresh + update * state
        return out

    def save(self, path: str | Path, *, half: bool = True) -> None:
        """Write the weights (in 16 bits unless told otherwise) and how they were made."""
        kind = np.float16 if half else np.float32
        arrays = {name: array.astype(kind) for name, array in self.weights.items()}
        config = {**self.config, "nodes": list(NODE), "edges": list(EDGE), "calls": list(CALLS), "roles": list(ROLES)}
        checkpoint.save(path, arrays, kind=KIND, version=VERSION, config=config)

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read weights.

        Raises:
            CheckpointError: they were trained on other features or other calls.
        """
        arrays, config = checkpoint.load(path, kind=KIND, version=VERSION)
        for name, wanted in (("nodes", NODE), ("edges", EDGE), ("calls", CALLS), ("roles", ROLES)):
            if config.pop(name, None) != list(wanted):
                raise CheckpointError(f"{path}: trained on other {name}; train it again: mlsys4sys train autopandas")
        return cls({name: array.astype(np.float32) for name, array in arrays.items()}, config)

    @classmethod
    def load_shipped(cls) -> Policy | None:
        """The policy that comes with the package; None where there is none."""
        return _shipped()


@cache
def _shipped() -> Policy | None:
    return Policy.load(SHIPPED) if SHIPPED.is_file() else None


def _fewer(table: Table) -> Table:
    """The first rows of a long table."""
    if table.rows <= MOST_ROWS or table.shape_kind not in ("frame", "series"):
        return table
    return Table(table.value.iloc[:MOST_ROWS], table.expr, table.book)


def _unit(stored: NDArray[np.uint8]) -> Floats32:
    return (stored / 255).astype(np.float32)


def _relu(x: Floats32) -> Floats32:
    out: Floats32 = np.maximum(x, 0)
    return out


def _sigmoid(x: Floats32) -> Floats32:
    out: Floats32 = np.float32(1) / (np.float32(1) + np.exp(-np.clip(x, -60, 60).astype(np.float32)))
    return out


def _log_sigmoid(x: Floats32) -> Floats32:
    out: Floats32 = -np.logaddexp(np.float32(0), -x)
    return out


def _log_softmax(x: Floats32) -> Floats32:
    top = x - x.max(axis=1, keepdims=True)
    out: Floats32 = top - np.log(np.exp(top).sum(axis=1, keepdims=True))
    return out
