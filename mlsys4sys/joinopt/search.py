"""A beam over the policy: join orders level by level, a level's joins scored in one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlsys4sys import search
from mlsys4sys.joinopt.cardinality import Cardinalities
from mlsys4sys.joinopt.cost import CostModel
from mlsys4sys.joinopt.features import Sizes, open_joins
from mlsys4sys.joinopt.policy import Policy
from mlsys4sys.joinopt.problem import JoinGraph, Mask
from mlsys4sys.joinopt.solution import JoinTree


@dataclass(frozen=True, slots=True)
class _State:
    trees: tuple[JoinTree, ...]
    spent: float
    """Seconds of the joins made."""
    total: float
    """Spent, and what the policy expects from here to the end."""

    @property
    def parts(self) -> tuple[Mask, ...]:
        return tuple(tree.mask for tree in self.trees)

    @property
    def key(self) -> frozenset[Mask]:
        return frozenset(self.parts)


def policy_beam(
    graph: JoinGraph, cards: Cardinalities, cost: CostModel, policy: Policy, *, width: int = 6
) -> tuple[JoinTree, Sizes]:
    """The cheapest order in a beam, and all sizes that were asked for on the way.

    Args:
        graph: What to order.
        cards: Asked only about subsets that the beam reaches: O(width · n³) of the up to 2ⁿ.
        cost: Of single joins; the last word, as the policy only decides what is kept.
        policy: Scores joins by what they and the rest of the plan will cost.
        width: States kept a level; 1 is the greedy roll-out of the paper.
    """
    sizes = Sizes(graph, cards, cost)
    if graph.size == 1:
        return JoinTree.leaf(0), sizes

    def expand(level: list[_State]) -> list[_State]:
        joins = open_joins(sizes, np.array([state.parts for state in level], dtype=np.uint64))
        to_go = np.maximum(policy.cost_to_go(joins.features), joins.cost)
        total = np.array([state.spent for state in level])[joins.state] + to_go
        kept: dict[frozenset[Mask], _State] = {}
        for i in np.argsort(total, kind="stable").tolist():
            state = _joined(
                level[joins.state[i]], int(joins.probe[i]), int(joins.build[i]), float(joins.cost[i]), float(total[i])
            )
            same = kept.get(state.key)
            if same is None and len(kept) == width:
                break
            if same is None or state.spent < same.spent:
                # Two ways to the same parts: what is to come is the same, so what was spent decides.
                kept[state.key] = state if same is None else replace(state, total=same.total)
        return list(kept.values())

    root = _State(tuple(JoinTree.leaf(i) for i in range(graph.size)), 0.0, 0.0)
    finished = search.beam(
        root,
        expand,
        cost=lambda state: state.total,
        done=lambda state: len(state.trees) == 1,
        width=width,
    )
    return finished[0].trees[0], sizes


def _joined(state: _State, probe: int, build: int, cost: float, total: float) -> _State:
    trees = state.trees
    joined = JoinTree.join(trees[probe], trees[build])
    rest = tuple(tree for i, tree in enumerate(trees) if i not in (probe, build))
    spent = state.spent + cost
    # The last join leaves nothing to guess.
    return _State((*rest, joined), spent, spent if len(trees) == 2 else total)
