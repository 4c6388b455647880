"""How the shipped policy is made: expert iteration on generated rule sets only.

The expert is the search: parts of generated rule sets are searched for a fixed number of actions, and the accesses that
it reaches within each bound on bytes are what the network learns to foresee from the part's features. From the second
round on, the search is guided by the network of the round before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import _native, checkpoint
from mlsys4sys.datasets import rules as rule_data
from mlsys4sys.learn.supervised import RegressionConfig, regress
from mlsys4sys.neurocuts.policy import CAPS, Policy
from mlsys4sys.neurocuts.search import INFEASIBLE

Words = NDArray[np.uint32]
Report = Callable[[str], None]

SHARES = (0.6, 0.3, 0.05, 2.0**-8, 2.0**-12, 2.0**-16, 2.0**-20, 2.0**-24)
FEWEST, MOST = 40, 12_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How much experience the policy is made from."""

    sets: int = 75
    """Rule sets of a round, each of another profile, size and seed."""
    parts: int = 6
    """Of each set that are searched."""
    rounds: int = 1
    actions: int = 1500
    """That a search of a part may try, beside one for each rule."""
    amount: float = 0.5
    """By which profiles are varied."""
    regression: RegressionConfig = field(default_factory=RegressionConfig)
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of a rule set, and what the search reached.

    Attributes:
        group: Number of the rule set.
        features: Shape (features,).
        accesses: Natural logarithm of the fewest accesses within each of `CAPS` bytes a rule.
    """

    group: int
    features: NDArray[np.float32]
    accesses: NDArray[np.float32]


def train(config: TrainConfig, *, seed: int, command: str = "", report: Report | None = None) -> Policy:
    """Make a policy; the same configuration and seed make the same weights."""
    tell = report or (lambda _: None)
    started = time.perf_counter()
    samples: list[Sample] = []
    policy = None
    for number in range(config.rounds):
        seeds = np.random.SeedSequence([seed, number]).spawn(config.sets)
        with ThreadPoolExecutor(config.threads) as pool:
            for done, found in enumerate(pool.map(lambda s, p=policy: list(sampled(s, config, p)), seeds)):
                samples += [Sample(number * config.sets + done, row.features, row.accesses) for row in found]
                tell(f"round {number + 1} of {config.rounds}: {done + 1} of {config.sets} rule sets searched")
        fit = regress(
            np.stack([sample.features for sample in samples]),
            np.stack([sample.accesses for sample in samples]),
            config.regression,
            seed=seed,
            groups=np.array([sample.group for sample in samples]),
        )
        policy = Policy(
            fit.net,
            {
                "command": command,
                "seed": seed,
                "seconds": round(time.perf_counter() - started, 1),
                "samples": len(samples),
                "error_log_accesses": [round(float(value), 4) for value in fit.error],
                "error_of_the_mean": [round(float(value), 4) for value in fit.naive],
                "generator": rule_data.VERSION,
            },
        )
        tell(f"round {number + 1}: error {fit.error.round(3)}, of the mean {fit.naive.round(3)}")
    assert policy is not None
    return policy


def sampled(seed: np.random.SeedSequence, config: TrainConfig, policy: Policy | None) -> Iterator[Sample]:
    """Search parts of one generated rule set."""
    rng = np.random.default_rng(seed)
    profile = rule_data.vary(rule_data.find(str(rng.choice(rule_data.names()))), rng, amount=config.amount)
    size = int(np.exp(rng.uniform(np.log(4 * FEWEST), np.log(MOST))))
    made = rule_data.generate(profile, size, seed=int(rng.integers(1 << 31)))
    maxima = np.array([0xFFFFFFFF] * (made.low.shape[1] - 3) + [0xFFFF, 0xFFFF, 0xFF], np.uint32)
    for _ in range(config.parts):
        rows = draw_part(made.low, made.high, maxima, rng)
        if len(rows) < FEWEST:
            continue
        search = _native.TreeSearch(
            made.low[rows],
            made.high[rows],
            maxima,
            max_cuts=1024,
            splits=True,
            partitions=True,
            seed=int(rng.integers(1 << 31)),
            caps=[float(cap) for cap in CAPS],
            weights=[] if policy is None else policy.flat(),
        )
        features = search.features()
        search.run(1e9, config.actions + len(rows))
        yield Sample(0, features, log_accesses(search.frontier(), len(rows)))


def train_reference(
    rules_path: str, output: str, *, steps: int, seed: int, report: Report | None = None
) -> dict[str, Any]:
    """NeuroCuts as published: PPO from scratch on one rule set; writes the policy and returns what it achieved."""
    from mlsys4sys.learn import ppo
    from mlsys4sys.neurocuts.env import TreeEnv
    from mlsys4sys.neurocuts.problem import RuleSet

    rules = RuleSet.from_classbench(rules_path)
    environment = TreeEnv(rules, max_steps=1000)  # the paper's code calls this --fast
    started = time.perf_counter()

    def tell(progress: ppo.Progress) -> None:
        if report is not None:
            report(f"{progress.steps} steps: best {-progress.best:.0f} accesses, mean {-progress.mean:.1f}")

    trained = ppo.train(environment, ppo.PPOConfig(steps=steps), seed=seed, report=tell)
    seconds = time.perf_counter() - started
    environment.reset()
    for action in trained.actions:
        environment.step(action)
    accesses, size = environment.measure()
    made = {
        "rules": Path(rules_path).name,
        "steps": steps,
        "seed": seed,
        "seconds": round(seconds, 1),
        "steps_per_s": round(steps / seconds),
        "accesses": accesses,
        "bytes_per_rule": round(size / len(rules), 1),
    }
    checkpoint.save(output, trained.policy.arrays(), kind="neurocuts.ppo", version=1, config=made)
    return made


def draw_part(low: Words, high: Words, maxima: Words, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of a part as partitions make them: those that one, two or three random tests leave; now and then all."""
    keep = np.ones(len(low), bool)
    for _ in range(int(rng.integers(0, 4))):
        column = int(rng.integers(low.shape[1]))
        wide = (high[:, column] - low[:, column]) > rng.choice(SHARES) * float(maxima[column])
        side = wide == (rng.random() < 0.5)
        if (keep & side).sum() >= FEWEST:
            keep &= side
    return np.flatnonzero(keep)


def log_accesses(frontier: NDArray[np.float32], rules: int) -> NDArray[np.float32]:
    """Of the quickest tree within each bound; where there is none, of leaves side by side."""
    out = []
    for cap in CAPS:
        fitting = np.flatnonzero((frontier < INFEASIBLE) & (frontier <= cap * rules))
        out.append(float(fitting[0]) if len(fitting) else -(-rules // 16))
    return np.log(np.array(out, np.float32))
