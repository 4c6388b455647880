"""The learned policy: a value network that says what finishing a plan will cost after a given join."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mlsys4sys import checkpoint
from mlsys4sys.joinopt.cardinality import Floats
from mlsys4sys.joinopt.features import NAMES, Floats32
from mlsys4sys.learn.nets import Perceptron

KIND, VERSION = "joinopt.dqn", 1
SHIPPED = Path(__file__).parent / "weights" / "dqn.safetensors"


@dataclass(frozen=True)
class Policy:
    """Q(state, join) ≈ seconds from here to the end of the plan, this join included. Needs no torch."""

    network: Perceptron
    config: dict[str, Any] = field(default_factory=dict)
    """How it was trained: command, seed, seconds, score."""

    def cost_to_go(self, features: Floats32) -> Floats:
        """Seconds, shape (k,), for rows of :data:`mlsys4sys.joinopt.features.NAMES`."""
        return np.exp(np.clip(self.network(features)[:, 0], -30.0, 30.0).astype(np.float64))

    def save(self, path: str | Path) -> None:
        """Write the weights and how they were made."""
        config = {**self.config, "features": list(NAMES)}
        checkpoint.save(path, self.network.arrays(), kind=KIND, version=VERSION, config=config)

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read weights.

        Raises:
            CheckpointError: they were trained on other features.
        """
        arrays, config = checkpoint.load(path, kind=KIND, version=VERSION)
        checkpoint.check_features(config, NAMES, path, train="joinopt")
        return cls(Perceptron.of(arrays), config)


@cache
def shipped() -> Policy:
    """The policy that comes with the package."""
    return Policy.load(SHIPPED)
