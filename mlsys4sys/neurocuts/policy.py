"""The network that guides the search: what it foresees, its weights on disk, and how a caller chooses one.

It sees a list of rules as features (`native/neurocuts_search.h`, `PART_FEATURES`: how many, how wide they are in each
field, how one cut of each field would divide them) and answers with the accesses that a tree for them will take
within 20, 32 and 100 bytes a rule. The search asks it which partition to try next: the one whose parts promise the
fewest accesses together. Inference is in C++; nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from mlsys4sys import checkpoint
from mlsys4sys.errors import CheckpointError
from mlsys4sys.learn.nets import Perceptron

CAPS = (20.0, 32.0, 100.0)
"""Bytes a rule of the network's answers."""
KIND, VERSION = "neurocuts.parts", 1


@dataclass(frozen=True)
class Policy:
    """A network and how it was made.

    Attributes:
        net: Features → natural logarithms of accesses, one for each of `CAPS`.
        made: Command, seed, seconds, errors.
    """

    net: Perceptron
    made: Mapping[str, Any] = field(default_factory=dict)

    def flat(self) -> list[list[float]]:
        """As the kernel takes it: mean, scale, then weight (outputs by inputs) and bias of each layer."""
        layers = zip(self.net.weights, self.net.biases, strict=True)
        flat = [self.net.mean, self.net.scale, *(array for weight, bias in layers for array in (weight.T, bias))]
        return [array.ravel().tolist() for array in flat]

    def save(self, path: str | Path) -> None:
        """Write it as safetensors."""
        checkpoint.save(path, self.net.arrays(), kind=KIND, version=VERSION, config=self.made)


def load(path: str | Path) -> Policy:
    """Read what :meth:`Policy.save` wrote.

    Raises:
        CheckpointError: it is damaged or another kind of network.
        DataError: there is no such file.
    """
    arrays, made = checkpoint.load(path, kind=KIND, version=VERSION)
    net = Perceptron.of(arrays)
    if len(net.biases[-1]) != len(CAPS):
        raise CheckpointError(f"{path}: the network has {len(net.biases[-1])} outputs, not {len(CAPS)}")
    return Policy(net, made)


def shipped() -> Policy | None:
    """The policy that comes with the package; None where it was built without."""
    path = resources.files("mlsys4sys.neurocuts") / "weights" / "parts.safetensors"
    return load(str(path)) if path.is_file() else None


def resolve(policy: Policy | str | Path | None) -> Policy | None:
    """A policy by what a caller gave: itself, ``"shipped"``, a path, or None for none."""
    if policy == "shipped":
        return shipped()
    return load(policy) if isinstance(policy, str | Path) else policy
