"""Lookups: the C++ kernel over a tree laid out for the cache (`native/neurocuts_lookup.h`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys import _native
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.problem import Matches, RuleSet
from mlsys4sys.neurocuts.tree import ARRAYS, Tree


class Lookup:
    """A tree ready to classify; its oracle is `mlsys4sys.neurocuts.tree.walk`.

    Args:
        tree: Of kinds ``LEAF``, ``CUT``, ``SPLIT`` and ``PARTITION``.
        rules: The rules that it was built for.

    Raises:
        InputError: The tree has other nodes, or is damaged.
    """

    def __init__(self, tree: Tree, rules: RuleSet) -> None:
        self.rules = rules
        arrays = tree.arrays()
        try:
            self._table = _native.Lookup(
                rules.low, rules.high, rules.maxima, *(arrays[name] for name in ARRAYS if name != "terms"), tree.terms
            )
        except ValueError as error:
            raise InputError(f"the tree cannot be laid out for lookups: {error}") from None

    @property
    def size_bytes(self) -> int:
        """Memory of the table, leaves with their rules included."""
        return self._table.size_bytes

    def classify(self, packets: ArrayLike, *, out: NDArray[np.int32] | None = None, threads: int = 1) -> Matches:
        """First matching rule of each packet, -1 for none.

        Args:
            packets: Shape (n, columns), ``uint32`` (others are converted).
            out: Where to write, shape (n,) ``int32``; None for a new array.
            threads: How many may share the work; the GIL is released.
        """
        words = self.rules.packets(packets)
        if out is None:
            out = np.empty(len(words), np.int32)
        elif out.dtype != np.int32 or out.shape != (len(words),) or not out.flags.c_contiguous:
            raise InputError(f"out must be a contiguous int32 array of shape ({len(words)},)")
        self._table.classify(words, out, threads)
        return out

    def work(self, packets: ArrayLike) -> tuple[float, float, float]:
        """Parts, steps down and blocks of rules that a packet takes on average.

        Of tables without splits and inner partitions.


        Raises:
            InputError: The table has some.
        """
        try:
            return self._table.work(self.rules.packets(packets))
        except ValueError as error:
            raise InputError(str(error)) from None

    def one(self, packet: Sequence[int]) -> int:
        """The same for one packet, one value a column; values must fit in 32 bits."""
        return self._table.one(tuple(packet))
