"""NeuroCuts' branching decision process as a gymnasium environment: one step divides one node of a growing tree.

Source: Liang, Zhu, Jin, Stoica, Neural Packet Classification, SIGCOMM 2019, sections 3 and 4. Nodes are taken depth
first. The observation is a node's box in bits, which partitions it has been through, and how many rules it has; the
actions cut a column into 2 to 32 equal pieces or, at the root alone, partition the rules by what they take of a
column. At the end of an episode ``info["returns"]`` says for each step -(c·f(time) + (1 - c)·f(bytes)) of what is
below it.

Differences from the paper: any columns; ``ours=True`` adds what the search does too: splits at ends of rules, cuts
inside the smallest box around a node's rules, and the shares of wide rules in the observation, so that a policy sees
rules and can transfer. Trees are the library's own (`tree.py`), so that they can be measured, proven and used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import BINTH

CUTS = (2, 4, 8, 16, 32)
PARTITIONS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
SPLITS = (2, 4, 8, 16)
NODE_BYTES, CHILD_BYTES, LEAF_BYTES, RULE_BYTES = 18, 4, 2, 16

Ints = NDArray[np.int64]


@dataclass
class Node:
    """A node of the tree that is being grown.

    Attributes:
        rules: Rows of the rule set, by priority.
        low: Its box, inclusive, shape (columns,).
        high: The same.
        levels: By column, between which of `PARTITIONS` its rules lie, (lowest, highest): 0 to 6.
        partition: Whether its children share its box.
        children: Once it has been divided.
    """

    rules: Ints
    low: Ints
    high: Ints
    levels: NDArray[np.int64]
    partition: bool = False
    children: list[Node] = field(default_factory=list)

    def costs(self) -> Iterator[tuple[Node, float, float]]:
        """(node, time, bytes) of all nodes below and itself, children first, by the paper's metric."""
        found: dict[int, tuple[float, float]] = {}
        stack = [(self, False)]
        while stack:
            node, ready = stack.pop()
            if not ready and node.children:
                stack += [(node, True), *((child, False) for child in node.children)]
                continue
            below = [found[id(child)] for child in node.children]
            if not below:
                chunks = max(1, -(-len(node.rules) // BINTH))
                cost = (1.0, float(LEAF_BYTES + RULE_BYTES * len(node.rules)))
                if chunks > 1:  # a budget that ended: leaves side by side
                    cost = (float(chunks), cost[1] + NODE_BYTES + chunks * (CHILD_BYTES + LEAF_BYTES))
            else:
                times = [time for time, _ in below]
                time = sum(times) if node.partition else 1 + max(times)
                cost = (time, NODE_BYTES + CHILD_BYTES * len(below) + sum(size for _, size in below))
            found[id(node)] = cost
            yield node, *cost


class TreeEnv(gymnasium.Env[NDArray[np.float32], Any]):
    """Grow a tree for a rule set.

    Args:
        rules: What to build for.
        time_weight: c: 1 for time alone, 0 for bytes alone.
        scale: f: linear or log.
        ours: Our actions and observations beside the paper's.
        max_steps: Steps of an episode (the paper: 15,000); nodes that are left then are leaves side by side.
    """

    def __init__(
        self,
        rules: RuleSet,
        *,
        time_weight: float = 1.0,
        scale: Literal["linear", "log"] = "linear",
        ours: bool = False,
        max_steps: int = 15_000,
    ) -> None:
        if not 0 <= time_weight <= 1 or scale not in ("linear", "log"):
            raise InputError(f"time_weight must be in 0..1 and scale linear or log, not {time_weight} and {scale!r}")
        self.rules, self.time_weight, self.scale, self.ours, self.max_steps = rules, time_weight, scale, ours, max_steps
        self._low, self._high = rules.low.astype(np.int64), rules.high.astype(np.int64)
        self._maxima = rules.maxima.astype(np.int64)
        self._bits = [int(top).bit_length() for top in self._maxima]
        columns = rules.columns
        self.choices = [("cut", c, k) for c in range(columns) for k in CUTS]
        self.choices += [("partition", c, k) for c in range(columns) for k in range(len(PARTITIONS))]
        if ours:
            self.choices += [("split", c, k) for c in range(columns) for k in SPLITS]
        self.action_space: gymnasium.Space[Any] = gymnasium.spaces.Discrete(len(self.choices))
        width = 2 * sum(self._bits) + 2 * columns * (len(PARTITIONS) + 1) + 1 + (3 * columns if ours else 0)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (width,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start a tree: its root alone."""
        super().reset(seed=seed, options=options)
        columns = self.rules.columns
        levels = np.stack((np.zeros(columns, np.int64), np.full(columns, len(PARTITIONS))), 1)
        self.root = Node(np.arange(len(self.rules)), np.zeros(columns, np.int64), self._maxima.copy(), levels)
        self._tidy(self.root)
        self._taken: list[Node] = []
        self._open = [self.root]
        return self._next()

    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Divide the node at hand."""
        node = self._open.pop()
        children = self._divide(node, *self.choices[int(action)])
        self._taken.append(node)
        if len(children) > 1 or (children and len(children[0].rules) < len(node.rules)):
            node.children, node.partition = children, self.choices[int(action)][0] == "partition"
            self._open += children[::-1]
        elif self._mask(node, tried=int(action)).any():
            self._open.append(node)  # nothing was divided: try again
        observation, info = self._next()
        ended = not self._open
        truncated = not ended and len(self._taken) >= self.max_steps
        if ended or truncated:
            info["returns"] = self.returns()
        return observation, (info["returns"][0] if ended or truncated else 0.0), ended, truncated, info

    def returns(self) -> list[float]:
        """What each step so far was worth; the first is the tree's."""
        worth = {id(node): self._reward(time, size) for node, time, size in self.root.costs()}
        return [worth[id(node)] for node in self._taken]

    def measure(self) -> tuple[int, float]:
        """(time, bytes) of the tree as it is, by the paper's metric."""
        *_, (_, time, size) = self.root.costs()
        return int(time), size

    def _reward(self, time: float, size: float) -> float:
        scaled = math.log if self.scale == "log" else float
        return -(self.time_weight * scaled(time) + (1 - self.time_weight) * scaled(size))

    def _next(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """The next node with something to decide."""
        while self._open:
            mask = self._mask(self._open[-1])
            if len(self._open[-1].rules) > BINTH and mask.any():
                return self._observe(self._open[-1]), {"mask": mask}
            self._open.pop()
        return np.zeros(self.observation_space.shape or (0,), np.float32), {"mask": np.zeros(len(self.choices), bool)}

    def _mask(self, node: Node, tried: int = -1) -> NDArray[np.bool_]:
        span = node.high - node.low + 1
        allowed = []
        for number, (kind, column, k) in enumerate(self.choices):
            fits = span[column] > 1 if kind != "partition" else node is self.root
            if kind == "cut":
                fits = fits and k // 2 < span[column]
            allowed.append(bool(fits) and number != tried)
        return np.array(allowed)

    def _observe(self, node: Node) -> NDArray[np.float32]:
        parts: list[Any] = []
        for column, bits in enumerate(self._bits):
            for value in (int(node.low[column]), int(node.high[column])):
                parts += [value >> bit & 1 for bit in range(bits)]
        for low, high in node.levels.tolist():
            parts += [level < low for level in range(len(PARTITIONS) + 1)]
            parts += [level < high for level in range(len(PARTITIONS) + 1)]
        parts.append(min(1.0, math.log2(max(len(node.rules), 1)) / 20))
        if self.ours:
            taken = np.minimum(self._high[node.rules], node.high) - np.maximum(self._low[node.rules], node.low) + 1
            share = taken / (node.high - node.low + 1)
            parts += np.concatenate([(share > level).mean(0) for level in (0.01, 0.5, 0.999)]).tolist()
        return np.array(parts, np.float32)

    def _divide(self, node: Node, kind: str, column: int, k: int) -> list[Node]:
        if kind == "partition":
            share = (self._high[node.rules, column] - self._low[node.rules, column]) / self._maxima[column]
            wide = share > PARTITIONS[k]
            return [
                self._part(node, column, k, side, is_wide) for side, is_wide in ((wide, 1), (~wide, 0)) if side.any()
            ]
        low, high = int(node.low[column]), int(node.high[column])
        if kind == "cut":
            pieces = min(k, high - low + 1)
            bounds = [low + (high - low + 1) * i // pieces for i in range(1, pieces)]
        else:
            ends = np.concatenate((self._low[node.rules, column], self._high[node.rules, column] + 1))
            ends = np.sort(ends[(ends > low) & (ends <= high)])
            bounds = sorted({int(ends[len(ends) * i // k]) for i in range(1, k)}) if len(ends) else []
        children = [
            self._piece(node, column, a, b - 1) for a, b in zip([low, *bounds], [*bounds, high + 1], strict=True)
        ]
        return _merged(children)

    def _part(self, node: Node, column: int, k: int, side: NDArray[np.bool_], is_wide: int) -> Node:
        levels = node.levels.copy()
        levels[column, 0 if is_wide else 1] = k + is_wide
        part = Node(node.rules[side], node.low.copy(), node.high.copy(), levels)
        self._tidy(part)
        return part

    def _piece(self, node: Node, column: int, low: int, high: int) -> Node:
        inside = (self._low[node.rules, column] <= high) & (self._high[node.rules, column] >= low)
        piece = Node(node.rules[inside], node.low.copy(), node.high.copy(), node.levels)
        piece.low[column], piece.high[column] = low, high
        self._tidy(piece)
        return piece

    def _tidy(self, node: Node) -> None:
        """Drops rules below one that covers the box; with ``ours`` shrinks the box to its rules."""
        if not len(node.rules):
            return
        low, high = self._low[node.rules], self._high[node.rules]
        if self.ours:
            node.low, node.high = np.maximum(node.low, low.min(0)), np.minimum(node.high, high.max(0))
        whole = ((low <= node.low) & (high >= node.high)).all(1)
        if whole.any():
            node.rules = node.rules[: int(whole.argmax()) + 1]


def _merged(children: list[Node]) -> list[Node]:
    """Neighbours with the same rules are one child, as in the paper's metric; their boxes are joined."""
    out: list[Node] = []
    for child in children:
        if out and np.array_equal(out[-1].rules, child.rules):
            out[-1].low, out[-1].high = np.minimum(out[-1].low, child.low), np.maximum(out[-1].high, child.high)
        else:
            out.append(child)
    return out
