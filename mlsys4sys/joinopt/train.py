"""Training the policy: on synthetic graphs, and on queries of a database whose sub-plans are counted.

Demonstrations come from exact dynamic programming where it is quick and from the greedy heuristic elsewhere, as in
Krishnan et al. 2018, section 4.3; then the learner plays its own episodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlsys4sys.joinopt import baselines, synthetic
from mlsys4sys.joinopt.choice import price
from mlsys4sys.joinopt.cost import CostModel
from mlsys4sys.joinopt.env import JoinOrderEnv, Problems
from mlsys4sys.joinopt.features import NAMES, Floats32, Sizes
from mlsys4sys.joinopt.policy import Policy
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.learn import dqn

EXACT_DEMONSTRATIONS = 9
"""Up to so many relations an exact optimizer demonstrates; above it the greedy one."""


def synthetic_problems(cost: CostModel, *, relations: tuple[int, int] = (4, 17)) -> Problems:
    """Endless random graphs, as :func:`mlsys4sys.joinopt.synthetic.draw` makes them."""

    def draw(rng: np.random.Generator) -> Sizes:
        cards = synthetic.draw(rng, relations=relations)
        return Sizes(cards.graph, cards, cost)

    return draw


def given_problems(sizes: Sequence[Sizes]) -> Problems:
    """One of a fixed list of problems, drawn uniformly."""
    return lambda rng: sizes[int(rng.integers(len(sizes)))]


@dataclass(frozen=True)
class JoinEpisodes:
    """Experience in the join-order process; implements ``learn.dqn.Episodes``."""

    problems: Problems
    features: int = len(NAMES)

    def act(self, choose: Callable[[Floats32], int], rng: np.random.Generator) -> list[dqn.Step]:
        """One query, ordered by ``choose``."""
        env = JoinOrderEnv(self.problems)
        env.reset(options={"problem": self.problems(rng)})
        steps: list[dqn.Step] = []
        while len(env.trees) > 1:
            rows = env.joins.features
            action = choose(rows)
            _, reward, _, _, _ = env.step(action)
            steps.append((rows[action], -reward, env.joins.features))
        return steps

    def demonstrate(self, rng: np.random.Generator) -> list[dqn.Step]:
        """One query, ordered by an optimizer; its joins are made bottom up, smallest outputs first."""
        sizes = self.problems(rng)
        expert = baselines.dpccp if sizes.graph.size <= EXACT_DEMONSTRATIONS else baselines.goo
        tree = expert(sizes.graph, sizes.cards, sizes.cost)
        env = JoinOrderEnv(self.problems)
        env.reset(options={"problem": sizes})
        steps: list[dqn.Step] = []
        for join in sorted(tree.joins(), key=lambda t: t.mask.bit_count()):
            action = _action(env, join)
            if action is None:  # a cross product that the process does not offer
                return []
            rows = env.joins.features
            _, reward, _, _, _ = env.step(action)
            steps.append((rows[action], -reward, env.joins.features))
        return steps


def _action(env: JoinOrderEnv, join: JoinTree) -> int | None:
    parts = env.parts
    assert join.probe is not None
    assert join.build is not None
    wanted = {parts.index(join.probe.mask), parts.index(join.build.mask)}
    for i, pair in enumerate(zip(env.joins.probe.tolist(), env.joins.build.tolist(), strict=True)):
        if set(pair) == wanted:
            return i
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a policy does on problems it was not trained on: seconds of its plans over those of another planner."""

    problems: int
    against_exact: float
    """Geometric mean over problems small enough for exact search; 1 is the optimum."""
    worst_against_exact: float
    against_greedy: float
    """Geometric mean over larger problems, against GOO; below 1 is better than greedy."""


def evaluate(policy: Policy, problems: Problems, *, count: int, seed: int, width: int = 6, exact: int = 11) -> Score:
    """Plan ``count`` unseen problems with the policy's beam, exact search (up to ``exact`` relations) and GOO."""
    rng = np.random.default_rng(seed)
    small, large = [1.0], [1.0]
    for _ in range(count):
        sizes = problems(rng)
        tree, _ = policy_beam(sizes.graph, sizes.cards, sizes.cost, policy, width=width)
        ours = price(sizes, tree)
        if sizes.graph.size <= exact:
            small.append(ours / price(sizes, baselines.dpccp(sizes.graph, sizes.cards, sizes.cost)))
        else:
            large.append(ours / price(sizes, baselines.goo(sizes.graph, sizes.cards, sizes.cost)))
    mean = lambda ratios: float(np.exp(np.mean(np.log(ratios[1:])))) if len(ratios) > 1 else 1.0  # noqa: E731
    return Score(problems=count, against_exact=mean(small), worst_against_exact=max(small), against_greedy=mean(large))


def train(
    problems: Problems,
    *,
    seed: int,
    config: dqn.DQNConfig | None = None,
    report: Callable[[dqn.Metrics], None] | None = None,
    command: str = "",
) -> Policy:
    """Train from nothing, then score on problems from the same source that were not seen.

    The configuration of the policy that comes back tells command, seed, seconds and score.
    """
    started = time.monotonic()
    config = config or dqn.DQNConfig()
    network = dqn.train(JoinEpisodes(problems), config, seed=seed, report=report)
    seconds = time.monotonic() - started
    score = evaluate(Policy(network), problems, count=200, seed=seed + 1_000_003)
    made = {
        "command": command,
        "seed": seed,
        "seconds": round(seconds, 1),
        "episodes": config.episodes,
        "demonstrations": config.demonstrations,
        "score": {
            "unseen problems": score.problems,
            "cost over exact search, up to 11 relations, geometric mean": round(score.against_exact, 4),
            "worst": round(score.worst_against_exact, 3),
            "cost over greedy (GOO), above 11 relations, geometric mean": round(score.against_greedy, 4),
        },
    }
    return Policy(network, made)
