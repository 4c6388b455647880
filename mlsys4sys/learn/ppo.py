"""Proximal policy optimisation over episodes that branch.

Sources: Schulman et al., Proximal Policy Optimization Algorithms, 2017 (clipped surrogate, entropy bonus); Liang et
al., Neural Packet Classification, SIGCOMM 2019, section 4 (branching decision processes: a step's return is what
becomes of the subtree below it, so that each step is a bandit of its own, undiscounted).

An episode that branches says what each of its steps was worth: at its end the environment puts ``returns``, one
number a step, into its info. Where it does not, a step is worth the rewards from it to the end. Actions that cannot
be taken are masked by ``info["mask"]``. Differences from the paper's set-up (RLlib): one process, smaller networks,
fewer epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import InputError
from mlsys4sys.learn.nets import Perceptron, perceptron, sequential

if TYPE_CHECKING:
    import gymnasium
    from torch import Tensor, nn

Floats32 = NDArray[np.float32]
Environment = "gymnasium.Env[Floats32, int | np.integer[Any]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """How a policy is trained. Defaults are for minutes on a CPU."""

    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 1e-3
    steps: int = 50_000
    """Of the environment, in all."""
    batch: int = 2_000
    """Steps between updates, at least; episodes are whole."""
    minibatch: int = 256
    epochs: int = 4
    clip: float = 0.2
    entropy: float = 0.01
    value: float = 0.5
    """Weight of the value's loss."""

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate must be in (0, 1), not {self.learning_rate}")
        if min(self.steps, self.batch, self.minibatch, self.epochs) < 1:
            raise InputError("steps, batch, minibatch and epochs must be at least 1")


@dataclass(frozen=True, slots=True)
class Progress:
    """After an update."""

    steps: int
    episodes: int
    best: float
    """Return of the first step of the best episode so far."""
    mean: float
    """The same, mean of the episodes since the last update."""


@dataclass(frozen=True)
class Trained:
    """A policy: its logits, and what it achieved.

    Attributes:
        policy: Observation → logits.
        best: Return of the first step of the best episode.
        actions: Those of that episode, in order.
    """

    policy: Perceptron
    best: float
    actions: tuple[int, ...]


@dataclass(slots=True)
class _Batch:
    observations: list[Floats32]
    masks: list[NDArray[np.bool_]]
    actions: list[int]
    chances: list[float]
    returns: list[float]


def train(
    environment: gymnasium.Env[Any, Any],
    config: PPOConfig,
    *,
    seed: int,
    report: Callable[[Progress], None] | None = None,
) -> Trained:
    """Train a policy; the same arguments give the same weights."""
    import torch

    rng = np.random.default_rng(seed)
    observation, info = environment.reset(seed=seed)
    actor = sequential(len(observation), config.hidden, len(info["mask"]), seed=seed)
    critic = sequential(len(observation), config.hidden, 1, seed=seed + 1)
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=config.learning_rate)
    still = np.zeros(len(observation), np.float32), np.ones(len(observation), np.float32)
    steps, episodes, best = 0, 0, -np.inf
    best_actions: tuple[int, ...] = ()
    centre = 0.0
    while steps < config.steps:
        policy, batch, firsts = perceptron(actor, *still), _Batch([], [], [], [], []), []
        while len(batch.actions) < config.batch:
            played = _play(environment, policy, rng)
            firsts.append(played.returns[0] if played.returns else 0.0)
            if firsts[-1] > best:
                best, best_actions = firsts[-1], tuple(played.actions)
            for name in _Batch.__slots__:
                getattr(batch, name).extend(getattr(played, name))
        steps += len(batch.actions)
        episodes += len(firsts)
        returns = np.array(batch.returns, np.float32)
        if steps == len(batch.actions):
            centre, spread = float(returns.mean()), float(returns.std()) + 1e-6
        _update(actor, critic, optimizer, batch, (returns - centre) / spread, config, rng)
        if report is not None:
            report(Progress(steps, episodes, best, float(np.mean(firsts))))
    return Trained(perceptron(actor, *still), best, best_actions)


def _play(environment: gymnasium.Env[Any, Any], policy: Perceptron, rng: np.random.Generator) -> _Batch:
    """One episode by the policy's chances."""
    played, rewards = _Batch([], [], [], [], []), []
    observation, info = environment.reset()
    done = not info["mask"].any()
    while not done:
        mask = info["mask"]
        logits = np.where(mask, policy(observation[None])[0].astype(np.float64), -np.inf)
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        action = int(np.searchsorted(np.cumsum(chances), rng.random() * (1 - 1e-9)))
        played.observations.append(observation)
        played.masks.append(mask)
        played.actions.append(action)
        played.chances.append(float(np.log(chances[action])))
        observation, reward, terminated, truncated, info = environment.step(action)
        rewards.append(float(reward))
        done = terminated or truncated
    played.returns = list(info["returns"]) if "returns" in info else np.cumsum(rewards[::-1])[::-1].tolist()
    return played


def _update(
    actor: nn.Sequential,
    critic: nn.Sequential,
    optimizer: Any,
    batch: _Batch,
    returns: Floats32,
    config: PPOConfig,
    rng: np.random.Generator,
) -> None:
    """Several epochs over a batch; returns are standardised."""
    import torch

    observations = torch.from_numpy(np.stack(batch.observations))
    masks = torch.from_numpy(np.stack(batch.masks))
    actions, before = torch.tensor(batch.actions), torch.tensor(batch.chances, dtype=torch.float32)
    worth = torch.from_numpy(returns.astype(np.float32))
    with torch.no_grad():
        advantage = worth - critic(observations).squeeze(-1)
        advantage = (advantage - advantage.mean()) / (advantage.std(unbiased=False) + 1e-6)
    for _ in range(config.epochs):
        order = torch.from_numpy(rng.permutation(len(actions)))
        for start in range(0, len(order), config.minibatch):
            rows = order[start : start + config.minibatch]
            logits = actor(observations[rows]).masked_fill(~masks[rows], -1e9)
            chances: Tensor = torch.log_softmax(logits, -1)
            ratio = torch.exp(chances.gather(1, actions[rows, None]).squeeze(1) - before[rows])
            gain = advantage[rows]
            surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - config.clip, 1 + config.clip) * gain)
            entropy = -(chances.exp() * chances).sum(-1)
            error = (critic(observations[rows]).squeeze(-1) - worth[rows]) ** 2
            loss = (-surrogate - config.entropy * entropy + config.value * error).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
