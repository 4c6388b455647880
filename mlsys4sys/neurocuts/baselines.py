"""Hand-made tree builders from the literature, on the same flat tree, each certified like ours.

HiCuts (Gupta and McKeown, Hot Interconnects 1999), HyperCuts (Singh, Baboescu, Varghese, Wang, SIGCOMM 2003), EffiCuts
(Vamanan, Voskuilen, Vijaykumar, SIGCOMM 2010: separable trees with selective merging), HyperSplit (Qi, Xu, Yang, Xue,
Li, INFOCOM 2009) and CutSplit (Li, Li, Li, Xie, INFOCOM 2018). All with leaves of 16 rules, merged equal neighbours and
rule overlay, as NeuroCuts has them.
"""

from __future__ import annotations

from mlsys4sys import _native
from mlsys4sys.neurocuts.problem import RuleSet
from mlsys4sys.neurocuts.tree import Tree

NAMES = ("hicuts", "hypercuts", "efficuts", "hypersplit", "cutsplit")


def build(name: str, rules: RuleSet, *, budget_s: float = 10.0) -> Tree | None:
    """The tree of a baseline, or None if it is not done within the budget or grows beyond all use."""
    arrays = _native.baseline_tree(rules.low, rules.high, rules.maxima, name, budget_s)
    return None if arrays is None else Tree(columns=rules.columns, rules=len(rules), **arrays)
