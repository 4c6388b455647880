"""The generated rule sets by name, with their checksums: anybody can make them again."""

from __future__ import annotations

from dataclasses import dataclass

from mlsys4sys.datasets.rules.drawing import VERSION, FilterSet, generate
from mlsys4sys.errors import InputError


@dataclass(frozen=True, slots=True)
class RuleData:
    """One rule set of the generator.

    Attributes:
        profile: What it is drawn from.
        rules: How many.
        seed: Of its chance.
        checksum: What `FilterSet.checksum` gives for it (numpy's PCG64).
    """

    profile: str
    rules: int
    seed: int
    checksum: str

    @property
    def name(self) -> str:
        """``profile-1k``."""
        return f"{self.profile}-{self.rules // 1000}k"

    @property
    def version(self) -> int:
        """Of the generator."""
        return VERSION

    def make(self) -> FilterSet:
        """The rules."""
        return generate(self.profile, self.rules, seed=self.seed)


RULE_SETS: dict[str, RuleData] = {
    data.name: data
    for data in (
        RuleData("acl-edge", 1000, 0, "521c1f523448d16c"),
        RuleData("acl-edge", 10000, 0, "39202cf3c65ac47d"),
        RuleData("acl-edge", 100000, 0, "1f0bac75a4d5efda"),
        RuleData("acl-core", 1000, 0, "60370b6066e01a8d"),
        RuleData("acl-core", 10000, 0, "b4643394d2bf99ff"),
        RuleData("acl-core", 100000, 0, "59cc47e29ce3a1bf"),
        RuleData("fw-perimeter", 1000, 0, "d94a5dead48a38ba"),
        RuleData("fw-perimeter", 10000, 0, "bf54d28816030730"),
        RuleData("fw-perimeter", 100000, 0, "dd8339a454e8bd66"),
        RuleData("fw-datacenter", 1000, 0, "f742fcf533b52374"),
        RuleData("fw-datacenter", 10000, 0, "5c88b3aeb135c82c"),
        RuleData("fw-datacenter", 100000, 0, "084a00e85f32f7e5"),
        RuleData("ipc-gateway", 1000, 0, "a3b3de7ba9d77a90"),
        RuleData("ipc-gateway", 10000, 0, "368e78365be2a470"),
        RuleData("ipc-gateway", 100000, 0, "5ef618a2ed1a8bae"),
        RuleData("acl6-edge", 1000, 0, "4f33afcbef91ce81"),
        RuleData("acl6-edge", 10000, 0, "7cf5a16aecf6e356"),
        RuleData("acl6-edge", 100000, 0, "b9f52012a8233815"),
    )
}
"""All that are known."""


def find_rules(name: str) -> RuleData:
    """The entry of a name.

    Raises:
        InputError: there is none.
    """
    if name not in RULE_SETS:
        raise InputError(f"no rule set {name!r}; there are {', '.join(RULE_SETS)}")
    return RULE_SETS[name]
