"""Regression with a perceptron: rows of features to rows of targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys.errors import InputError
from mlsys4sys.learn.nets import Perceptron, perceptron, sequential

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionConfig:
    """How a perceptron is fitted."""

    hidden: tuple[int, ...] = (64, 32)
    learning_rate: float = 2e-3
    """Of AdamW; falls along a cosine to nothing."""
    weight_decay: float = 1e-3
    batch: int = 128
    epochs: int = 60
    huber: float = 0.2
    """Where the loss turns from square to linear, in units of the targets."""
    noise: float = 0.1
    """Standard deviation of what is added to standardised features while training, against learning rows by heart."""

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate must be in (0, 1), not {self.learning_rate}")
        if min(self.batch, self.epochs) < 1:
            raise InputError("batch and epochs must be at least 1")


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted perceptron.

    Attributes:
        net: It.
        error: Mean absolute error on rows held out, by target; shape (targets,).
        naive: The same of always answering the mean.
    """

    net: Perceptron
    error: Floats32
    naive: Floats32


def regress(
    rows: Floats32,
    targets: Floats32,
    config: RegressionConfig,
    *,
    seed: int,
    groups: NDArray[np.integer] | None = None,
    held_out: float = 0.15,
    report: Callable[[int, float], None] | None = None,
) -> Fit:
    """Fit targets (n, k) from rows (n, features). The same arguments give the same weights.

    Args:
        rows: Features.
        targets: What to predict.
        config: How.
        seed: Of weights, order and noise.
        groups: Number of the source of each row, shape (n,): rows of one source are held out together.
        held_out: Share of the groups that the error is measured on; all rows are used when it is 0.
        report: Called with the epoch and its loss.

    Raises:
        InputError: shapes do not fit, or there are too few rows.
    """
    import torch

    if rows.ndim != 2 or targets.ndim != 2 or len(rows) != len(targets) or len(rows) < 8:
        raise InputError(f"rows {rows.shape} and targets {targets.shape} do not fit, or are fewer than 8")
    rng = np.random.default_rng(seed)
    source = np.arange(len(rows)) if groups is None else np.asarray(groups)
    names = rng.permutation(np.unique(source))
    test = np.isin(source, names[: int(held_out * len(names))])
    mean, scale = rows[~test].mean(0), np.maximum(rows[~test].std(0), 1e-2)
    x, y = torch.from_numpy(((rows[~test] - mean) / scale).astype(np.float32)), torch.from_numpy(targets[~test])
    net = sequential(rows.shape[1], config.hidden, targets.shape[1], seed=seed)
    with torch.no_grad():
        net[-1].get_parameter("bias").copy_(y.mean(0))
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)
    chance = torch.Generator().manual_seed(seed)
    for epoch in range(config.epochs):
        total = 0.0
        order = torch.from_numpy(rng.permutation(len(x)))
        for start in range(0, len(order), config.batch):
            batch = order[start : start + config.batch]
            noisy = x[batch] + config.noise * torch.randn(len(batch), x.shape[1], generator=chance)
            loss = torch.nn.functional.huber_loss(net(noisy), y[batch], delta=config.huber)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        schedule.step()
        if report is not None:
            report(epoch, total / len(x))
    fitted = perceptron(net, mean.astype(np.float32), scale.astype(np.float32))
    shown = test if test.any() else ~test
    error = np.abs(fitted(rows[shown]) - targets[shown]).mean(0)
    naive = np.abs(targets[~test].mean(0) - targets[shown]).mean(0)
    return Fit(fitted, error.astype(np.float32), naive.astype(np.float32))
