"""Training the policy: on synthetic graphs, and on queries of a database whose sub-plans are counted.

Demonstrations come from exact dynamic programming where it is quick and from the greedy heuristic elsewhere, as in
Krishnan et al. 2018, section 4.3; then the learner plays its own episodes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mlsys4sys.joinopt import baselines, frontend, synthetic
from mlsys4sys.joinopt.cardinality import Provider
from mlsys4sys.joinopt.choice import price
from mlsys4sys.joinopt.cost import CostModel
from mlsys4sys.joinopt.engine import Engine
from mlsys4sys.joinopt.env import JoinOrderEnv, Problems
from mlsys4sys.joinopt.features import NAMES, Floats32, Sizes
from mlsys4sys.joinopt.policy import Policy
from mlsys4sys.joinopt.problem import JoinGraph
from mlsys4sys.joinopt.sampled import Sampled
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


def mixed(first: Problems, second: Problems, *, share: float) -> Problems:
    """Problems of the first kind with probability ``share``, else of the second."""
    return lambda rng: first(rng) if rng.random() < share else second(rng)


def counted_problems(provider: Provider, graphs: Iterable[JoinGraph], cost: CostModel) -> list[Sizes]:
    """Join graphs of a database with what a provider counts there; those it cannot count are left out."""
    problems = []
    for graph in graphs:
        if graph.size < 3 or graph.others:
            continue
        problems.append(Sizes(graph, provider.bind(graph), cost))
    return problems


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
    means = [float(np.exp(np.mean(np.log(ratios[1:])))) if len(ratios) > 1 else 1.0 for ratios in (small, large)]
    return Score(problems=count, against_exact=means[0], worst_against_exact=max(small), against_greedy=means[1])


def train(
    problems: Problems,
    *,
    seed: int,
    unseen: Problems | None = None,
    config: dqn.DQNConfig | None = None,
    report: Callable[[dqn.Metrics], None] | None = None,
    command: str = "",
) -> Policy:
    """Train from nothing, then score on problems that were not seen.

    The configuration of the policy that comes back tells command, seed, seconds and score.

    Args:
        problems: What the learner orders.
        seed: All chance.
        unseen: What it is scored on; by default more from ``problems``, which must then be endless.
        config: How.
        report: Told about progress.
        command: What a reader types to train the same again.
    """
    started = time.monotonic()
    config = config or dqn.DQNConfig()
    network = dqn.train(JoinEpisodes(problems), config, seed=seed, report=report)
    seconds = time.monotonic() - started
    score = evaluate(Policy(network), unseen or problems, count=200, seed=seed + 1_000_003)
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


SHIPPED_DATABASE = "imdb"
"""The generated database whose queries the shipped policy orders, beside synthetic graphs."""
TRAIN_SEED, SCORE_SEED = 11, 12
"""Seeds of the generated queries trained on, and of those that only the score sees."""


def train_shipped(
    *,
    episodes: int,
    seed: int,
    queries: int = 600,
    command: str = "",
    report: Callable[[str], None] = lambda _: None,
) -> Policy:
    """Train the policy that ships: half on random queries over a generated database, half on synthetic graphs.

    Sizes of the queries' sub-plans are counted on a sample, so that the learner meets the sizes it will plan with;
    synthetic graphs keep it from learning one schema by heart.
    """
    from mlsys4sys.datasets import catalogue
    from mlsys4sys.joinopt.cost import HashJoinCost
    from mlsys4sys.joinopt.engine import open_database

    cost = HashJoinCost()
    connection = open_database(catalogue.open_database(SHIPPED_DATABASE, report=report))
    try:
        engine = Engine(connection)
        seen = _generated(engine, cost, count=queries, seed=TRAIN_SEED, report=report)
        held = _generated(engine, cost, count=max(20, queries // 4), seed=SCORE_SEED, report=report)
        synthetic_ = synthetic_problems(cost)
        return train(
            mixed(given_problems(seen), synthetic_, share=0.5),
            unseen=mixed(given_problems(held), synthetic_, share=0.5),
            seed=seed,
            config=dqn.DQNConfig(episodes=episodes, demonstrations=max(100, episodes // 3)),
            report=lambda m: report(f"episode {m.episode} of {m.episodes}, mean cost {1e3 * m.cost:.3g} ms"),
            command=command,
        )
    finally:
        connection.close()


def _generated(engine: Engine, cost: CostModel, *, count: int, seed: int, report: Callable[[str], None]) -> list[Sizes]:
    from mlsys4sys.datasets import workloads

    report(f"{count} random queries (seed {seed})")
    sqls = [query.sql for query in workloads.generate_queries(engine.connection, count=count, seed=seed)]
    report("counting their sub-plans on a sample")
    graphs = [region.graph for sql in sqls for region in frontend.read(engine, sql).regions]
    provider = Sampled(engine, report=report)
    provider.prepare(graphs)
    return counted_problems(provider, graphs, cost)


EPISODE_S = 0.03
"""About what an episode takes, gradient steps included."""


def fit_policy(
    current: Policy, sizes: Sequence[Sizes], cost: CostModel, *, budget_s: float, seed: int
) -> tuple[Policy, bool]:
    """Train on the join graphs of a workload (and synthetic ones); the better of the new and the current policy.

    Args:
        current: What is kept unless the new one's plans are cheaper on every third graph, which training does not see.
        sizes: The workload's graphs, with counted sub-plans.
        cost: Of joins.
        budget_s: About how long to train.
        seed: All chance.

    Returns:
        The policy, and whether it is the new one.
    """
    seen = [s for i, s in enumerate(sizes) if i % 3] or list(sizes)
    held = list(sizes[::3])
    episodes = max(50, int(budget_s / EPISODE_S / 1.4))
    config = dqn.DQNConfig(episodes=episodes, demonstrations=max(50, episodes // 3))
    problems = mixed(given_problems(seen), synthetic_problems(cost), share=0.7)
    new = Policy(dqn.train(JoinEpisodes(problems), config, seed=seed), {"seed": seed, "episodes": episodes})
    spent = {id(policy): np.log([_planned(policy, problem) for problem in held]).mean() for policy in (current, new)}
    better = bool(spent[id(new)] < spent[id(current)])
    return (new, True) if better else (current, False)


def _planned(policy: Policy, sizes: Sizes) -> float:
    return price(sizes, policy_beam(sizes.graph, sizes, sizes.cost, policy)[0])
