"""NeuroCuts: packet classifiers found by search and proven equal to the rule list.

    from mlsys4sys.neurocuts import ClassifierBuilder, RuleSet

    rules = RuleSet.from_classbench("acl.rules")
    classifier = ClassifierBuilder(objective="time", budget_s=10).build(rules)
    classifier.classify(packets)  # shape (n, 5) -> first matching rule of each, -1 for none

See docs/neurocuts.md.
"""

from __future__ import annotations

from mlsys4sys.neurocuts.problem import IPV4, IPV6, Field, RuleSet
from mlsys4sys.neurocuts.search import PAPER, Space
from mlsys4sys.neurocuts.solution import Classifier
from mlsys4sys.neurocuts.solver import ClassifierBuilder

__all__ = ["IPV4", "IPV6", "PAPER", "Classifier", "ClassifierBuilder", "Field", "RuleSet", "Space"]
