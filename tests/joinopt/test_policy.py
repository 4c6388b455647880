"""The learned part: features, decision process, beam, training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mlsys4sys import checkpoint
from mlsys4sys.errors import CheckpointError
from mlsys4sys.joinopt import baselines, choice, synthetic, train
from mlsys4sys.joinopt.cost import HashJoinCost
from mlsys4sys.joinopt.env import JoinOrderEnv
from mlsys4sys.joinopt.features import NAMES, Sizes, open_joins
from mlsys4sys.joinopt.policy import KIND, VERSION, Policy, shipped
from mlsys4sys.joinopt.search import policy_beam
from mlsys4sys.joinopt.solution import JoinTree
from mlsys4sys.learn import dqn
from mlsys4sys.learn.nets import Perceptron

COST = HashJoinCost()


def problems(seed: int, count: int, relations: tuple[int, int] = (4, 9)) -> list[Sizes]:
    rng = np.random.default_rng(seed)
    draw = train.synthetic_problems(COST, relations=relations)
    return [draw(rng) for _ in range(count)]


def indifferent() -> Policy:
    """A policy that expects the same of every join."""
    width = len(NAMES)
    weights, bias = np.zeros((width, 1), np.float32), np.zeros(1, np.float32)
    return Policy(Perceptron((weights,), (bias,), np.zeros(width, np.float32), np.ones(width, np.float32)))


def test_synthetic_graphs_are_connected_and_have_the_asked_size() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        cards = synthetic.draw(rng, relations=(4, 12))
        assert 4 <= cards.graph.size <= 12
        assert cards.graph.connected(cards.graph.everything)
        assert np.isfinite(cards.estimate([1, cards.graph.everything]).rows).all()


def test_correlated_fan_outs_make_more_rows_than_independence_says() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cards = synthetic.draw(rng)
        flat = replace(cards, exponents=np.zeros_like(cards.exponents))
        steep = replace(cards, exponents=np.abs(cards.exponents))
        whole = [cards.graph.everything]
        assert steep.estimate(whole).rows[0] >= flat.estimate(whole).rows[0] * 0.999


def test_open_joins_are_turned_to_their_cheaper_side_and_described_by_finite_numbers() -> None:
    for sizes in problems(1, 20):
        parts = np.array([[1 << i for i in range(sizes.graph.size)]], dtype=np.uint64)
        joins = open_joins(sizes, parts)
        assert joins.features.shape == (len(joins.cost), len(NAMES))
        assert np.isfinite(joins.features).all()
        for probe, build, cost in zip(joins.probe.tolist(), joins.build.tolist(), joins.cost, strict=True):
            there = choice.price(sizes, JoinTree.join(JoinTree.leaf(probe), JoinTree.leaf(build)))
            back = choice.price(sizes, JoinTree.join(JoinTree.leaf(build), JoinTree.leaf(probe)))
            assert cost == pytest.approx(min(there, back), abs=1e-9)


def test_the_environment_charges_what_the_tree_costs_and_ends_with_it() -> None:
    env = JoinOrderEnv(train.synthetic_problems(COST, relations=(4, 6)))
    env.reset(seed=1)
    total, ended = 0.0, False
    for _ in range(env.sizes.graph.size - 1):
        _, reward, ended, truncated, _ = env.step(0)
        assert not truncated
        total -= reward
    assert ended
    assert total == pytest.approx(choice.price(env.sizes, env.trees[0]), rel=1e-6)
    assert env.step(99)[3], "an action that is not there ends the episode"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_environment_passes_gymnasiums_checker() -> None:
    check_env(JoinOrderEnv(train.synthetic_problems(COST, relations=(4, 6))), skip_render_check=True)


def test_a_wide_beam_finds_the_optimum_whatever_the_policy() -> None:
    for sizes in problems(2, 15, relations=(4, 6)):
        tree, _ = policy_beam(sizes.graph, sizes.cards, COST, indifferent(), width=5000)
        best = baselines.dpccp(sizes.graph, sizes.cards, COST)
        assert choice.price(sizes, tree) == pytest.approx(choice.price(sizes, best), rel=1e-6)


def test_demonstrations_are_whole_episodes_that_cost_what_the_experts_tree_costs() -> None:
    sizes = problems(3, 1, relations=(7, 7))[0]
    episodes = train.JoinEpisodes(train.given_problems([sizes]))
    steps = episodes.demonstrate(np.random.default_rng(0))
    best = baselines.dpccp(sizes.graph, sizes.cards, COST)
    assert len(steps) == 6
    assert sum(step[1] for step in steps) == pytest.approx(choice.price(sizes, best), rel=1e-6)
    assert len(steps[-1][2]) == 0


@pytest.mark.slow
def test_a_short_training_beats_no_training_by_far_and_repeats() -> None:
    source = train.synthetic_problems(COST, relations=(4, 8))
    config = dqn.DQNConfig(episodes=120, demonstrations=120, hidden=(32,))
    first = train.train(source, seed=0, config=config)
    again = train.train(source, seed=0, config=config)
    assert np.array_equal(first.network.weights[0], again.network.weights[0])
    learned = train.evaluate(first, source, count=60, seed=9, width=1)
    untrained = train.evaluate(indifferent(), source, count=60, seed=9, width=1)
    assert learned.against_exact < 0.7 * untrained.against_exact
    assert learned.against_exact < 1.5


def test_the_shipped_policy_says_how_it_was_made_and_is_near_the_optimum() -> None:
    policy = shipped()
    assert {"command", "seed", "seconds", "score"} <= set(policy.config)
    score = train.evaluate(policy, train.synthetic_problems(COST), count=60, seed=77)
    assert score.against_exact < 1.05
    assert score.against_greedy < 1.06


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    policy = indifferent()
    policy.save(path)
    assert np.array_equal(Policy.load(path).network.weights[0], policy.network.weights[0])
    checkpoint.save(path, policy.network.arrays(), kind=KIND, version=VERSION, config={"features": ["other"]})
    with pytest.raises(CheckpointError, match="other features"):
        Policy.load(path)
