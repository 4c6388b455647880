"""Deep Q-learning where each action is a row of features and costs are minimised.

Sources: Mnih et al., Human-level control through deep reinforcement learning, Nature 2015 (replay, target network);
van Hasselt et al., Deep Reinforcement Learning with Double Q-learning, AAAI 2016; Krishnan et al., Learning to Optimize
Join Queries With Deep Reinforcement Learning, 2018, section 4 (demonstrations of an optimizer fill the replay).

Differences from Mnih et al.: actions vary in number and are scored one by one as Q(features of state and action);
episodes end, so nothing is discounted; costs span many orders of magnitude, so the network predicts the natural
logarithm of the cost to go; a share of each target is the episode's own cost to go (an upper bound of the optimum:
the smaller of the two is taken), which moves cost backwards faster than one step a copy of the target network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import InputError
from mlsys4sys.learn.nets import Perceptron, perceptron, sequential
from mlsys4sys.learn.replay import Batch, Replay

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats32 = NDArray[np.float32]
Step = tuple[Floats32, float, Floats32]
"""Features of the action taken (features,), its cost, features of the actions open afterwards (k, features)."""


class Episodes(Protocol):
    """Where experience comes from: a problem is drawn, then acted in to its end."""

    @property
    def features(self) -> int:
        """Length of a row of features."""
        ...

    def act(self, choose: Callable[[Floats32], int], rng: np.random.Generator) -> list[Step]:
        """Draw a problem and play it; ``choose`` gets (k, features) and returns a row."""
        ...

    def demonstrate(self, rng: np.random.Generator) -> list[Step]:
        """The same, played by an expert; empty when there is none for this problem."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DQNConfig:
    """How a value network is trained."""

    hidden: tuple[int, ...] = (128, 64)
    learning_rate: float = 1e-3
    """Of Adam; falls to a tenth along a cosine."""
    batch: int = 256
    episodes: int = 4000
    """Played by the learner; demonstrations come on top."""
    demonstrations: int = 1000
    steps_per_episode: float = 4.0
    """Gradient steps an episode."""
    capacity: int = 100_000
    target_every: int = 250
    """Gradient steps between copies into the target network (the paper: 10 000)."""
    explore_first: float = 0.5
    explore_last: float = 0.05
    """Share of random actions, falling linearly over the first half."""
    huber: float = 1.0
    """Where the loss turns from square to linear, in units of the logarithm."""

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate must be in (0, 1), not {self.learning_rate}")
        if min(self.batch, self.episodes, self.capacity, self.target_every) < 1:
            raise InputError("batch, episodes, capacity and target_every must be at least 1")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Progress of training, a few times a second."""

    episode: int
    episodes: int
    loss: float
    cost: float
    """Geometric mean of the last episodes' total costs."""


def train(
    episodes: Episodes,
    config: DQNConfig,
    *,
    seed: int,
    report: Callable[[Metrics], None] | None = None,
) -> Perceptron:
    """Learn Q(features) ≈ ln(cost to go, this action included). The same seed gives the same weights."""
    import torch

    rng = np.random.default_rng(seed)
    replay = Replay(config.capacity)
    for _ in range(config.demonstrations):
        _remember(replay, episodes.demonstrate(rng))
    for _ in range(max(16, config.episodes // 50) if len(replay) < config.batch else 0):
        _remember(replay, episodes.act(lambda actions: int(rng.integers(len(actions))), rng))
    mean, scale = _moments(replay)
    online = sequential(episodes.features, config.hidden, 1, seed=seed)
    with torch.no_grad():  # the last bias starts at the mean answer
        online[-1].get_parameter("bias").fill_(float(np.mean([np.log(item[2]) for item in replay._items])))
    target = sequential(episodes.features, config.hidden, 1, seed=seed)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=config.learning_rate)
    total_steps = max(1, int(config.episodes * config.steps_per_episode))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total_steps, config.learning_rate / 10)
    steps, losses, costs = 0, [0.0], [1.0]
    for episode in range(config.episodes):
        fraction = min(1.0, 2 * episode / config.episodes)
        explore = config.explore_first + fraction * (config.explore_last - config.explore_first)
        policy = perceptron(online, mean, scale)
        played = episodes.act(lambda actions, p=policy, e=explore: _choose(p, actions, e, rng), rng)  # type: ignore[misc]
        _remember(replay, played)
        costs.append(sum(step[1] for step in played) or 1.0)
        while steps < (episode + 1) * config.steps_per_episode and steps < total_steps:
            losses.append(_learn(online, target, optimizer, replay.sample(config.batch, rng), mean, scale, config))
            schedule.step()
            steps += 1
            if steps % config.target_every == 0:
                target.load_state_dict(online.state_dict())
        if report is not None and episode % 50 == 49:
            recent = float(np.exp(np.mean(np.log(costs[-200:]))))
            report(Metrics(episode + 1, config.episodes, float(np.mean(losses[-200:])), recent))
    return perceptron(online, mean, scale)


def _learn(
    online: nn.Sequential,
    target: nn.Sequential,
    optimizer: object,
    batch: Batch,
    mean: Floats32,
    scale: Floats32,
    config: DQNConfig,
) -> float:
    """One gradient step of double Q-learning on a batch."""
    import torch

    goal = torch.from_numpy(_goals(online, target, batch, mean, scale))
    actions = torch.from_numpy((batch.action - mean) / scale)
    loss: Tensor = torch.nn.functional.huber_loss(online(actions).squeeze(-1), goal, delta=config.huber)
    assert isinstance(optimizer, torch.optim.Optimizer)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(online.parameters(), 10.0)
    optimizer.step()
    return float(loss.detach())


def _goals(online: nn.Sequential, target: nn.Sequential, batch: Batch, mean: Floats32, scale: Floats32) -> Floats32:
    """ln(cost + min over next actions), never above what the episode itself achieved."""
    import torch

    after = np.zeros(len(batch.cost), np.float32)
    if len(batch.next_actions):
        with torch.no_grad():
            inputs = torch.from_numpy((batch.next_actions - mean) / scale)
            chosen, valued = online(inputs).squeeze(-1).numpy(), target(inputs).squeeze(-1).numpy()
        for i in np.flatnonzero(np.diff(batch.offsets)):
            first, last = batch.offsets[i], batch.offsets[i + 1]
            after[i] = np.exp(valued[first + int(np.argmin(chosen[first:last]))])
    result: Floats32 = np.log(np.minimum(batch.cost + after, batch.to_go)).astype(np.float32)
    return result


def _choose(policy: Perceptron, actions: Floats32, explore: float, rng: np.random.Generator) -> int:
    if rng.random() < explore:
        return int(rng.integers(len(actions)))
    return int(np.argmin(policy(actions)[:, 0]))


def _remember(replay: Replay, steps: list[Step]) -> None:
    for (action, cost, following), to_go in zip(steps, _costs_to_go(steps), strict=True):
        replay.add(action, cost, to_go, following)


def _costs_to_go(steps: list[Step]) -> Iterator[float]:
    costs = np.array([step[1] for step in steps])
    yield from np.cumsum(costs[::-1])[::-1].tolist()


def _moments(replay: Replay) -> tuple[Floats32, Floats32]:
    """Mean and standard deviation of the features seen so far (at least 1e-3, so that constants do no harm)."""
    seen = np.stack([item[0] for item in replay._items])
    return seen.mean(0), np.maximum(seen.std(0), 1e-3)
