"""NeuroCuts: packet classifiers found by search and a learned policy, proven equal to the rule list.

>>> from mlsys4sys.neurocuts import RuleSet
"""

from __future__ import annotations

from mlsys4sys.neurocuts.problem import IPV4, IPV6, Field, RuleSet

__all__ = ["IPV4", "IPV6", "Field", "RuleSet"]
