"""Rule sets in ClassBench's manner: own profiles, a generator, the profile of a user's rules, traces.

    from mlsys4sys.datasets import rules

    made = rules.generate("fw-perimeter", 10_000, seed=1)
    made.text()                                  # ClassBench's format
    rules.trace(made.low, made.high, 100_000, kind="zipf")
    rules.profile(made.low, made.high).save("own.json")

Knows no domain: rules are arrays of inclusive bounds.
"""

from __future__ import annotations

from mlsys4sys.datasets.rules.analyse import profile
from mlsys4sys.datasets.rules.catalogue import RULE_SETS, RuleData, find_rules
from mlsys4sys.datasets.rules.drawing import VERSION, FilterSet, generate, vary
from mlsys4sys.datasets.rules.families import Branching, Ports, Profile, find, names
from mlsys4sys.datasets.rules.traces import KINDS, trace

__all__ = [
    "KINDS",
    "RULE_SETS",
    "VERSION",
    "Branching",
    "FilterSet",
    "Ports",
    "Profile",
    "RuleData",
    "find",
    "find_rules",
    "generate",
    "names",
    "profile",
    "trace",
    "vary",
]
