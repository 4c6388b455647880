"""Join ordering as a Markov decision process (Krishnan et al. 2018, section 3).

A state is a set of parts: subsets of relations that are joined already. An action joins two of them, in the cheaper of
the two directions, and costs what that join alone costs. The episode ends with one part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from mlsys4sys.joinopt.features import NAMES, Floats32, Joins, Sizes, open_joins
from mlsys4sys.joinopt.problem import Mask
from mlsys4sys.joinopt.solution import JoinTree

Problems = Callable[[np.random.Generator], Sizes]
"""Draws a problem: a graph with its cardinalities and cost model."""


class JoinOrderEnv(gymnasium.Env[tuple[Floats32, ...], np.int64]):
    """One query an episode. The observation is a sequence of rows of features, one an open join; the action picks one.

    The reward is minus the seconds of the join.
    """

    def __init__(self, problems: Problems, *, most_relations: int = 17) -> None:
        self.problems = problems
        row = spaces.Box(-np.inf, np.inf, (len(NAMES),), np.float32)
        self.observation_space = spaces.Sequence(row)
        self.action_space = spaces.Discrete(most_relations * (most_relations - 1) // 2)
        self.trees: list[JoinTree] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[tuple[Floats32, ...], dict[str, Any]]:
        """Draw the next query; ``options={"problem": sizes}`` gives one."""
        super().reset(seed=seed)
        self.sizes = (options or {}).get("problem") or self.problems(self.np_random)
        self.trees = [JoinTree.leaf(i) for i in range(self.sizes.graph.size)]
        return self._observe(), {}

    def step(self, action: int | np.int64) -> tuple[tuple[Floats32, ...], float, bool, bool, dict[str, Any]]:
        """Join the two parts of row ``action``; a row that is not there ends the episode as truncated, at no cost."""
        if not 0 <= action < len(self.joins.cost):
            return self._observe(), 0.0, False, True, {"invalid": True}
        probe, build = int(self.joins.probe[action]), int(self.joins.build[action])
        cost = float(self.joins.cost[action])
        joined = JoinTree.join(self.trees[probe], self.trees[build])
        self.trees = [tree for i, tree in enumerate(self.trees) if i not in (probe, build)] + [joined]
        return self._observe(), -cost, len(self.trees) == 1, False, {}

    @property
    def parts(self) -> tuple[Mask, ...]:
        """The state."""
        return tuple(tree.mask for tree in self.trees)

    def _observe(self) -> tuple[Floats32, ...]:
        empty = np.zeros(0, np.intp)
        nothing = Joins(empty, empty, empty, np.zeros(0), np.zeros((0, len(NAMES)), np.float32))
        self.joins = open_joins(self.sizes, np.array([self.parts], dtype=np.uint64)) if len(self.trees) > 1 else nothing
        return tuple(self.joins.features)
