"""Chance: a seed at the edge becomes a generator, and generators have children."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int | np.random.Generator) -> np.random.Generator:
    """A generator from a seed; one that is given already is returned as it is."""
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)


def spawn(rng: np.random.Generator, count: int) -> list[np.random.Generator]:
    """``count`` independent children: the same for the same parent, whoever uses them and when."""
    return rng.spawn(count)


def named(seed: int, *names: str) -> np.random.Generator:
    """A generator for one named purpose under a seed, independent of the order in which names are asked for.

    >>> bool(named(0, "title").integers(100) == named(0, "title").integers(100))
    True
    """
    words = [int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
