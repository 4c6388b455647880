"""PPO over episodes that branch."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("torch")

from mlsys4sys.errors import InputError  # noqa: E402
from mlsys4sys.learn import ppo  # noqa: E402


class Halving(gymnasium.Env):
    """A heap of n is divided until heaps are small: action 0 takes one off, 1 halves, 2 must not be chosen."""

    observation_space = gymnasium.spaces.Box(0, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.tree, self.taken = {}, []
        self.open = [(0, 12)]
        self.count = 1
        return self._seen()

    def _seen(self):
        self.open = [node for node in self.open if node[1] > 2]
        size = self.open[-1][1] if self.open else 0
        return np.array([size / 12, 1], np.float32), {"mask": np.array([size > 2, size > 2, False])}

    def step(self, action):
        assert action != 2
        node, size = self.open.pop()
        parts = (size // 2, size - size // 2) if action == 1 else (1, size - 1)
        children = [(self.count + i, part) for i, part in enumerate(parts)]
        self.count += 2
        self.tree[node] = [child for child, _ in children]
        self.taken.append(node)
        self.open += children
        observation, info = self._seen()
        if not self.open:
            info["returns"] = [-float(self.depth(node)) for node in self.taken]
        return observation, 0.0, not self.open, False, info

    def depth(self, node):
        return 1 + max((self.depth(child) for child in self.tree.get(node, [])), default=0)


def test_it_learns_to_halve():
    config = ppo.PPOConfig(hidden=(16,), steps=6000, batch=300, learning_rate=1e-2)
    trained = ppo.train(Halving(), config, seed=0)
    sizes = np.array([[12, 12], [6, 12]], np.float32) / 12
    logits = trained.policy(sizes)
    assert (logits[:, 1] > logits[:, 0]).all()
    assert trained.best == -4  # 12, 6, 3, 2: four levels are the least


def test_the_same_seed_gives_the_same_weights():
    config = ppo.PPOConfig(hidden=(8,), steps=200, batch=100)
    first, second = (ppo.train(Halving(), config, seed=3) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.policy.weights, second.policy.weights, strict=True))


def test_wrong_settings_are_refused():
    with pytest.raises(InputError):
        ppo.PPOConfig(steps=0)
