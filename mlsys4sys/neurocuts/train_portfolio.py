"""How the shipped portfolio is made: from generated rule sets only, with counted work in place of measured time.

First each of some rule sets is searched for constants that suit it; these champions are then tried on all of these
sets, and a portfolio is chosen from them, one after the other, so that the best of those chosen so far is as good as
can be on average. The network learns from further rule sets what each of the portfolio costs there, from features of
the set.

Cost is an estimate from what a lookup does (`Lookup.work`), not time, so that the same command makes the same portfolio
on any machine, busy or not. Its constants were fitted by least squares to the times of 147 trees of generated sets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.datasets import rules as rule_data
from mlsys4sys.learn.supervised import RegressionConfig, regress
from mlsys4sys.neurocuts.lookup import Lookup
from mlsys4sys.neurocuts.portfolio import Constants, Portfolio, features
from mlsys4sys.neurocuts.problem import Field, RuleSet, Words
from mlsys4sys.neurocuts.tune import SEEN, Timed, default_traffic, drawn, fitting

Report = Callable[[str], None]
Costs = NDArray[np.float64]

COST = (1.6, 3.8, 4.7, 7.0)
"""Nanoseconds of a packet, a part, a step down and a block of rules (an EPYC of 2023)."""
BOUNDS = (80.0, 120.0, 250.0, 500.0)
"""Bytes a rule; each set has one of them."""
WORST = 3.0
"""Cost over the least from which no difference is made; also of constants that built nothing within the bound."""
FIVE_TUPLE = (Field("src", 32), Field("dst", 32), Field("sport", 16), Field("dport", 16), Field("proto", 8))


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioConfig:
    """How much a portfolio is made from."""

    searched: int = 32
    """Rule sets whose champions are candidates."""
    trees: int = 20
    """Of each of them."""
    size: int = 12
    """Constants of a portfolio."""
    seen: int = 160
    """Further rule sets that the network learns from."""
    rules: tuple[int, int] = (400, 4000)
    """Fewest and most rules of a set; drawn evenly by their logarithm."""
    amount: float = 0.5
    """By which profiles are varied."""
    regression: RegressionConfig = field(
        default_factory=lambda: RegressionConfig(hidden=(32,), epochs=150, noise=0.3, weight_decay=1e-2)
    )
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Case:
    """A rule set to learn from, its traffic, and the memory that it may take."""

    rules: RuleSet
    traffic: Words
    max_bytes: float


def train(config: PortfolioConfig, *, seed: int, command: str = "", report: Report | None = None) -> Portfolio:
    """Make a portfolio; the same configuration and seed make the same one."""
    tell = report or (lambda _: None)
    started = time.perf_counter()
    seeds = np.random.SeedSequence(seed).spawn(config.searched + config.seen)
    with ThreadPoolExecutor(config.threads) as pool:

        def each(work: Callable[[np.random.SeedSequence], Any], items: Sequence[Any], what: str) -> list[Any]:
            done: list[Any] = []
            for result in pool.map(work, items):
                done.append(result)
                tell(f"{what}: {len(done)} of {len(items)}")
            return done

        champions = each(
            lambda one: champion(case(one, config), config.trees, one), seeds[: config.searched], "searched"
        )
        candidates = [found for found in dict.fromkeys(champions) if found is not None]
        costs = np.array(
            each(lambda one: compared(case(one, config), candidates), seeds[: config.searched], "candidates compared")
        )
        chosen = [candidates[place] for place in choose(costs, config.size)]
        further = each(lambda one: seen(case(one, config), chosen), seeds[config.searched :], "sets seen")
    rows, targets = (np.stack(column).astype(np.float32) for column in zip(*further, strict=True))
    fit = regress(rows, targets, config.regression, seed=seed, groups=np.arange(len(rows)))
    made: dict[str, Any] = {
        "command": command,
        "seed": seed,
        "seconds": round(time.perf_counter() - started, 1),
        "sets": config.searched + config.seen,
        "error_log_cost": round(float(fit.error.mean()), 4),
        "error_of_the_mean": round(float(fit.naive.mean()), 4),
        "generator": rule_data.VERSION,
    }
    return Portfolio(tuple(chosen), fit.net, made=made)


def case(seed: np.random.SeedSequence, config: PortfolioConfig) -> Case:
    """A generated rule set of another profile, size and bound on memory."""
    rng = np.random.default_rng(seed)
    while True:
        profile = rule_data.vary(rule_data.find(str(rng.choice(rule_data.names()))), rng, amount=config.amount)
        size = int(np.exp(rng.uniform(*np.log(config.rules))))
        made = rule_data.generate(profile, size, seed=int(rng.integers(1 << 31)))
        if made.low.shape[1] == len(FIVE_TUPLE):
            rules = RuleSet(fields=FIVE_TUPLE, low=made.low, high=made.high)
            return Case(rules, default_traffic(rules, SEEN), float(rng.choice(BOUNDS)) * len(rules))


def cost(table: Lookup, traffic: Words) -> float:
    """What a packet takes, estimated from what is done for it."""
    parts, steps, blocks = table.work(traffic)
    return float(np.dot(COST, (1.0, parts, steps, blocks)))


def champion(one: Case, trees: int, seed: np.random.SeedSequence) -> Constants | None:
    """The best constants of some that are drawn at random and then near the best; None where none fit."""
    rng = np.random.default_rng(seed.generate_state(1)[0])
    found: list[Timed] = []
    for _ in range(trees):
        made = fitting(one.rules, drawn(rng, one.rules, found), one.traffic, max_bytes=one.max_bytes)
        if made is not None:
            constants, _, table = made
            found.append(Timed(constants=constants, ns=cost(table, one.traffic), size_bytes=table.size_bytes))
    return replace(min(found, key=lambda row: row.ns).constants, noise=0.0, seed=0) if found else None


def compared(one: Case, candidates: Sequence[Constants]) -> Costs:
    """Logarithms of each one's cost over the least of them, at most that of `WORST`; shape (candidates,)."""
    costs = np.full(len(candidates), np.inf)
    for place, constants in enumerate(candidates):
        made = fitting(one.rules, constants, one.traffic, max_bytes=one.max_bytes)
        if made is not None:
            costs[place] = cost(made[2], one.traffic)
    least = costs.min() if np.isfinite(costs).any() else 1.0
    return np.log(np.minimum(costs / least, WORST))


def seen(one: Case, chosen: Sequence[Constants]) -> tuple[NDArray[np.float32], Costs]:
    """Features of a rule set, and what each of the chosen costs there."""
    return features(one.rules), compared(one, chosen)


def choose(costs: Costs, size: int) -> list[int]:
    """Columns, one after the other, so that the mean over rows of the least so far falls most."""
    chosen: list[int] = []
    least = np.full(len(costs), np.inf)
    while len(chosen) < min(size, costs.shape[1]):
        means = np.minimum(costs, least[:, None]).mean(0)
        means[chosen] = np.inf
        chosen.append(int(np.argmin(means)))
        least = np.minimum(least, costs[:, chosen[-1]])
    return chosen
