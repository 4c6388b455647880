"""The value learner solves a toy, repeats under a seed, and its numpy twin answers as torch does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlsys4sys.errors import CheckpointError, InputError
from mlsys4sys.learn import dqn
from mlsys4sys.learn.nets import Perceptron, perceptron, sequential
from mlsys4sys.learn.replay import Replay

COSTS = {0: (1.0, 10.0), 1: (100.0, 5.0), 2: (1.0, 1.0)}
"""From state 0 action 0 looks cheap and leads to state 1 (at least 5 more), action 1 leads to state 2 (1 more)."""


class Corridor:
    """Three states: greedy pays 1 + 100 or 1 + 5, the best is 1 + 5 = 6 against 10 + 1 = 11; ends after two steps."""

    features = 5

    def _rows(self, state: int) -> np.ndarray:
        return np.array([[*np.eye(3)[state], *np.eye(2)[action]] for action in (0, 1)], np.float32)

    def act(self, choose: Callable[[np.ndarray], int], rng: np.random.Generator) -> list[dqn.Step]:
        first = choose(self._rows(0))
        state = 1 + first
        second = choose(self._rows(state))
        nothing = np.zeros((0, self.features), np.float32)
        return [
            (self._rows(0)[first], COSTS[0][first], self._rows(state)),
            (self._rows(state)[second], COSTS[state][second], nothing),
        ]

    def demonstrate(self, rng: np.random.Generator) -> list[dqn.Step]:
        return []


CONFIG = dqn.DQNConfig(hidden=(32,), episodes=300, batch=32, target_every=20, learning_rate=5e-3)


@pytest.fixture(scope="module")
def learned() -> Perceptron:
    return dqn.train(Corridor(), CONFIG, seed=3)


def test_it_learns_the_cost_to_go_of_every_action_of_a_toy(learned: Perceptron) -> None:
    toy = Corridor()
    assert np.exp(learned(toy._rows(0))[:, 0]) == pytest.approx([6.0, 11.0], rel=0.15)
    assert np.exp(learned(toy._rows(1))[:, 0]) == pytest.approx([100.0, 5.0], rel=0.15)


def test_the_same_seed_gives_the_same_weights(learned: Perceptron) -> None:
    again = dqn.train(Corridor(), CONFIG, seed=3)
    other = dqn.train(Corridor(), CONFIG, seed=4)
    assert all(np.array_equal(a, b) for a, b in zip(learned.weights, again.weights, strict=True))
    assert not np.array_equal(learned.weights[0], other.weights[0])


def test_the_numpy_twin_answers_as_torch_does() -> None:
    import torch

    module = sequential(7, (16, 8), 2, seed=1)
    mean, scale = np.full(7, 0.5, np.float32), np.full(7, 2.0, np.float32)
    inputs = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy((inputs - mean) / scale)).numpy()
    assert np.allclose(perceptron(module, mean, scale)(inputs), expected, atol=1e-5)


def test_a_perceptron_comes_back_from_its_arrays_and_broken_ones_are_refused(learned: Perceptron) -> None:
    arrays = dict(learned.arrays("q."))
    inputs = np.ones((3, 5), np.float32)
    assert np.array_equal(Perceptron.of(arrays, "q.")(inputs), learned(inputs))
    del arrays["q.1.bias"]
    with pytest.raises(CheckpointError, match="lack"):
        Perceptron.of(arrays, "q.")


def test_a_full_replay_forgets_the_oldest() -> None:
    replay = Replay(3)
    for i in range(5):
        replay.add(np.array([i], np.float32), 1.0, 1.0, np.zeros((i % 2, 1), np.float32))
    batch = replay.sample(64, np.random.default_rng(0))
    assert set(batch.action[:, 0].tolist()) == {2.0, 3.0, 4.0}
    assert batch.offsets[-1] == len(batch.next_actions)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="learning_rate"):
        dqn.DQNConfig(learning_rate=2.0)
    with pytest.raises(InputError, match="capacity"):
        Replay(0)
