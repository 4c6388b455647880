"""What is tried first when a tree is built for measured time: constants that did well on other rule sets.

A *portfolio* is a list of `Constants` that together suit generated rule sets of many kinds, best first, and a network
that foresees from features of a rule set how each of them will do on it, so that the promising ones come first. It is
made by `mlsys4sys.neurocuts.train_portfolio` from rule sets of our generator alone. Inference is two products in numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import _native, checkpoint
from mlsys4sys.errors import CheckpointError
from mlsys4sys.learn.nets import Perceptron
from mlsys4sys.neurocuts.problem import RuleSet

KIND, VERSION = "neurocuts.portfolio", 1
FIVE = 5
"""Fields of the rule sets that a portfolio is made from: addresses, ports, protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """What a tree is built with; see `native/neurocuts_latency.h` for their meaning."""

    leaf: int = 8
    max_bits: int = 12
    memory: float = 0.01
    base: float = 16.0
    rate: float = 0.1
    block: float = 2.5
    noise: float = 0.0
    bits: bool = False
    tests: tuple[tuple[int, float], ...] = ()
    parts: int = 0
    seed: int = 0

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> Constants:
        """Constants from a file's JSON.

        Raises:
            TypeError: A name is unknown, or a value of another type.
            ValueError: A value is no number.
        """
        tests = tuple((int(column), float(bits)) for column, bits in values.get("tests", ()))
        kinds: dict[str, Any] = {item.name: type(item.default) for item in fields(cls)}
        others = {name: value for name, value in values.items() if name != "tests"}
        if unknown := set(others) - set(kinds):
            raise TypeError(f"unknown: {sorted(unknown)}")
        return cls(**{name: kinds[name](value) for name, value in others.items()}, tests=tests)


@dataclass(frozen=True)
class Portfolio:
    """Constants to try, and what foresees how they do.

    Attributes:
        constants: Best first for a rule set of which nothing is known.
        net: Features of a rule set (`features`) → for each of the constants, the logarithm of its cost over the least.
        learned: Whether the network's order is used.
        made: Command, seed, seconds, errors.
    """

    constants: tuple[Constants, ...]
    net: Perceptron
    learned: bool = True
    made: Mapping[str, Any] = field(default_factory=dict)

    def order(self, rules: RuleSet) -> list[Constants]:
        """The constants in the order in which they should be tried, for the columns of these rules."""
        order = np.arange(len(self.constants))
        if self.learned and len(rules):
            order = np.argsort(self.net(features(rules)[None])[0], kind="stable")
        return [_moved(self.constants[place], rules) for place in order]

    def save(self, path: str | Path) -> None:
        """Write it as safetensors, with the constants in its metadata."""
        config = {**self.made, "constants": [asdict(constants) for constants in self.constants]}
        checkpoint.save(path, self.net.arrays(), kind=KIND, version=VERSION, config=config)


def features(rules: RuleSet) -> NDArray[np.float32]:
    """What the search's network sees of a list of rules; shape (features,)."""
    search = _native.TreeSearch(
        rules.low, rules.high, rules.maxima, max_cuts=1024, splits=False, partitions=False, seed=0, caps=[0.0]
    )
    return search.features()


def load(path: str | Path) -> Portfolio:
    """Read what :meth:`Portfolio.save` wrote.

    Raises:
        CheckpointError: it is damaged or another kind of network.
        DataError: there is no such file.
    """
    arrays, made = checkpoint.load(path, kind=KIND, version=VERSION)
    try:
        constants = tuple(Constants.parsed(values) for values in made["constants"])
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its constants are damaged ({error})") from None
    net = Perceptron.of(arrays)
    if len(net.biases[-1]) != len(constants):
        raise CheckpointError(f"{path}: the network has {len(net.biases[-1])} outputs, not {len(constants)}")
    return Portfolio(constants, net, made={name: value for name, value in made.items() if name != "constants"})


def shipped() -> Portfolio | None:
    """The portfolio that comes with the package; None where it was built without."""
    path = resources.files("mlsys4sys.neurocuts") / "weights" / "portfolio.safetensors"
    return load(str(path)) if path.is_file() else None


def unlearned(portfolio: Portfolio) -> Portfolio:
    """The same without the network: a fixed order."""
    return replace(portfolio, learned=False)


def _moved(constants: Constants, rules: RuleSet) -> Constants:
    """Constants of five-tuples for other fields: a test looks at the first column of its field."""
    if len(rules.fields) != FIVE or rules.columns == FIVE:
        return constants
    starts = np.cumsum([0, *(field.columns for field in rules.fields)])
    tests = tuple((int(starts[column]) if column > 0 else column, bits) for column, bits in constants.tests)
    return replace(constants, tests=tests)
