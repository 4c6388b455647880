"""Lookups of other schools, ours and in C++, to measure against: one face for all of them.

Tuple space search (Srinivasan, Suri, Varghese, SIGCOMM 1999), TupleMerge (Daly and others, ToN 2019), bit selection
after PextCuts (IWQoS 2022), the linear scan, and plain walks of the trees of `mlsys4sys.neurocuts.baselines`, those
with nodes of several columns (HyperCuts) among them. What differs from the papers: native/neurocuts_peers.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys import _native
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts import baselines
from mlsys4sys.neurocuts.problem import Matches, RuleSet
from mlsys4sys.neurocuts.tree import ARRAYS, Tree

NAMES = ("linear", "tss", "tuplemerge", "pext")
"""Lookups that are no trees of `mlsys4sys.neurocuts.tree`."""
UPDATABLE = ("tss", "tuplemerge")


@dataclass
class LookupPeer:
    """A lookup with the four members that every competitor has: ``name``, ``build``, ``solve``, ``size_bytes``."""

    name: str
    budget_s: float = 10.0
    _rules: RuleSet | None = field(default=None, repr=False)
    _own: _native.Peer | None = field(default=None, repr=False)

    def build(self, rules: RuleSet) -> bool:
        """Get ready for a rule set; False when a tree is not done within the budget or grows beyond all use.

        Raises:
            InputError: Unknown name.
        """
        self._rules = rules
        if self.name in NAMES:
            self._own = _native.Peer(self.name, rules.low, rules.high, rules.maxima)
            return True
        if self.name not in baselines.NAMES:
            raise InputError(f"no lookup {self.name!r}; known are {', '.join((*NAMES, *baselines.NAMES))}")
        tree = baselines.build(self.name, rules, budget_s=self.budget_s)
        if tree is not None:
            self._own = plain_walk(tree, rules)
        return tree is not None

    def solve(self, packets: ArrayLike) -> Matches:
        """First matching rule of each packet, -1 for none."""
        own, rules = self._built()
        words = rules.packets(packets)
        out = np.empty(len(words), np.int32)
        own.classify(words, out)
        return out

    @property
    def size_bytes(self) -> int:
        """Memory of its tables, rules included."""
        return self._built()[0].size_bytes

    @property
    def updatable(self) -> bool:
        """Whether rules can go and come."""
        return self.name in UPDATABLE

    def remove(self, rule: int) -> bool:
        """Take a rule of the set out; False when it is out already."""
        return self._built()[0].remove(rule)

    def insert(self, rule: int) -> bool:
        """Put a rule back in its place; False when it is in."""
        return self._built()[0].insert(rule)

    def churn(self, rules: ArrayLike) -> int:
        """Take rules out and put them back, one by one, in C++; how many updates that were."""
        return self._built()[0].churn(np.ascontiguousarray(rules, np.int32))

    def _built(self) -> tuple[_native.Peer, RuleSet]:
        if self._own is None or self._rules is None:
            raise InputError(f"{self.name} has no rules yet: build it first")
        return self._own, self._rules


def plain_walk(tree: Tree, rules: RuleSet) -> _native.Peer:
    """A walk of any tree as it is, in C++, without a layout of its own."""
    arrays: dict[str, NDArray[np.generic]] = tree.arrays()
    ordered = (arrays[name] for name in ARRAYS if name != "terms")
    return _native.Peer(rules.low, rules.high, rules.maxima, *ordered, tree.terms)


def lookup_baselines(*, budget_s: float = 10.0) -> tuple[LookupPeer, ...]:
    """All of them, the linear scan first."""
    return tuple(LookupPeer(name, budget_s) for name in (*NAMES, *baselines.NAMES))
