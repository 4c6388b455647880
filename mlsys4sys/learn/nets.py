"""A multilayer perceptron twice: trained in torch, answered in numpy, so that using a policy never imports torch."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Perceptron:
    """Standardise, then layers of ReLU, then one linear layer: shape (n, inputs) → (n, outputs)."""

    weights: tuple[Floats32, ...]
    """Layer ``i``: shape (inputs, outputs)."""
    biases: tuple[Floats32, ...]
    mean: Floats32
    """Subtracted from the input, shape (inputs,)."""
    scale: Floats32
    """Divided by, shape (inputs,)."""

    def __call__(self, inputs: NDArray[np.floating]) -> Floats32:
        """Forward pass."""
        x = ((inputs - self.mean) / self.scale).astype(np.float32, copy=False)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight
            x += bias
            if i < last:
                np.maximum(x, 0, out=x)
        return x

    def arrays(self, prefix: str = "") -> dict[str, Floats32]:
        """Name → array, for a checkpoint."""
        named = {f"{prefix}mean": self.mean, f"{prefix}scale": self.scale}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named |= {f"{prefix}{i}.weight": weight, f"{prefix}{i}.bias": bias}
        return named

    @classmethod
    def of(cls, arrays: dict[str, NDArray[np.floating]], prefix: str = "") -> Perceptron:
        """The inverse of :meth:`arrays`.

        Raises:
            CheckpointError: an array is missing or the shapes do not fit.
        """
        layers = sum(1 for name in arrays if name.startswith(prefix) and name.endswith(".weight"))
        try:
            got = {name: arrays[name].astype(np.float32) for name in arrays}
            weights = tuple(got[f"{prefix}{i}.weight"] for i in range(layers))
            biases = tuple(got[f"{prefix}{i}.bias"] for i in range(layers))
            mean, scale = got[f"{prefix}mean"], got[f"{prefix}scale"]
        except KeyError as error:
            raise CheckpointError(f"the weights lack {error}") from None
        widths = [mean.shape[0], *(bias.shape[0] for bias in biases)]
        if not weights or [w.shape for w in weights] != list(itertools.pairwise(widths)):
            raise CheckpointError(f"layers of shapes {[w.shape for w in weights]} do not follow each other")
        return cls(weights, biases, mean, scale)


def perceptron(module: nn.Sequential, mean: Floats32, scale: Floats32) -> Perceptron:
    """The numpy twin of a torch ``Sequential`` of ``Linear`` and ``ReLU``."""
    from torch import nn

    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    weights = tuple(layer.weight.detach().numpy().T.astype(np.float32).copy() for layer in linear)
    biases = tuple(layer.bias.detach().numpy().astype(np.float32).copy() for layer in linear)
    return Perceptron(weights, biases, mean.astype(np.float32), scale.astype(np.float32))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: for networks this small, more of them only wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def sequential(inputs: int, hidden: tuple[int, ...], outputs: int, *, seed: int) -> nn.Sequential:
    """A torch perceptron whose initial weights depend on ``seed`` alone (no global seeding)."""
    import torch
    from torch import nn

    chance = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    widths = (inputs, *hidden, outputs)
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        linear = nn.Linear(before, after)
        with torch.no_grad():
            bound = (6.0 / before) ** 0.5 if i < len(hidden) else 1e-2  # He et al. 2015 for ReLU; a quiet last layer
            linear.weight.uniform_(-bound, bound, generator=chance)
            linear.bias.zero_()
        layers.append(linear)
        if i < len(hidden):
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)
