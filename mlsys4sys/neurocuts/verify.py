"""Proofs about rule sets and trees, on the whole space of packets and not on a sample of it.

The proof of a tree walks it with the rules that still have to be found (`native/neurocuts_verify.cpp`): a rule may be
dropped only where rules of higher priority hold all that is left of it, and has to stand in the leaf at the end. It
knows nothing of how a tree was made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlsys4sys import _native
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import Tree, walk
from mlsys4sys.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Verdict):
    """The outcome of a proof; true when the tree equals the linear scan for every packet there is.

    Attributes:
        checked: Regions of space that were proven one by one.
        packet: A packet that the tree answers wrongly, one value a column, if there is one.
        expected: The rule that is its right answer.
    """

    packet: tuple[int, ...] | None = None
    expected: int | None = None


def certify(tree: Tree, rules: RuleSet) -> Certificate:
    """Prove that a tree equals the linear scan of a rule set, or find a packet where it does not."""
    if tree.columns != rules.columns or tree.rules != len(rules):
        sizes = f"{tree.rules} rules of {tree.columns} columns, not {len(rules)} of {rules.columns}"
        return Certificate(ok=False, checked=0, counterexample=f"the tree is for {sizes}")
    arrays = tree.arrays()
    ok, cells, fault, packet, rule = _native.prove_tree(
        rules.low, rules.high, rules.maxima, *(arrays[name] for name in _ORDER), tree.terms
    )
    if ok:
        return Certificate(ok=True, checked=cells)
    if fault:
        return Certificate(ok=False, checked=cells, counterexample=fault)
    values = tuple(packet.tolist())
    if walk(tree, rules, [values])[0] == rule:
        text = f"rule {rule} stands in several parts, and in none of them for all packets: such trees are not proven"
        return Certificate(ok=False, checked=cells, counterexample=text)
    shown = ", ".join(f"{name} {value}" for name, value in zip(rules.column_names, values, strict=True))
    text = f"packet ({shown}) matches rule {rule} first, and the tree does not reach it"
    return Certificate(ok=False, checked=cells, counterexample=text, packet=values, expected=rule)


_ORDER = ("kind", "dim", "shift", "base", "mask", "first", "count", "children", "rule_ids", "bounds")


def shadows(rules: RuleSet, *, budget_s: float = 60.0) -> NDArray[np.int32]:
    """Rules that never match: for each the first rule of higher priority that covers it whole.

    Returns:
        Shape (rules,): -1 for a rule that some packet matches first, or that is not decided in ``budget_s``; -2 for one
        that several rules cover together.
    """
    return _native.rule_shadowed(rules.low, rules.high, rules.maxima, budget_s)
