"""Rule sets compared on the whole space of packets: where two differ, and which rules one could do without.

What a rule's match *means* decides: its action, where both sets have actions, else the rule's own box, so that a set
compared with a reordered copy of itself differs where the order shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys import _native
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.problem import Field, RuleSet
from mlsys4sys.neurocuts.verify import shadows
from mlsys4sys.verdict import Verdict

By = Literal["action", "rule", "match"]
NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A packet that two rule sets answer differently.

    Attributes:
        packet: One value a column.
        first: The rule of the first set that it meets, -1 for none.
        second: The same of the second set.
    """

    packet: tuple[int, ...]
    first: int
    second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Verdict):
    """The outcome; true when the sets answer every packet alike.

    Attributes:
        by: What was compared.
        complete: False when there are more differences than were asked for, or time ran out.
        differences: One for each pair of rules that differ.
    """

    by: By
    complete: bool = True
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rules that a set could do without; both kinds can be taken out together.

    Attributes:
        shadowed: Rule that no packet meets first → the rule of higher priority that covers it, None for several
            together.
        redundant: Rule whose packets would all get the same action without it → the later rule that covers it, None for
            several together. Empty for sets without actions.
    """

    rules: int
    shadowed: dict[int, int | None]
    redundant: dict[int, int | None]


def compare(
    first: RuleSet, second: RuleSet, *, by: By | None = None, limit: int = 20, budget_s: float = 60.0
) -> Comparison:
    """Prove that two sets answer every packet alike, or find packets that they do not.

    Args:
        first: One set.
        second: The other; its fields have to be the same, in any order of values' names.
        by: ``"action"``: what the first matching rules do; ``"rule"``: their boxes; ``"match"``: only whether one
            matches. None for actions where both sets have them, else boxes.
        limit: Most differences to find.
        budget_s: Seconds after which it gives up.

    Raises:
        InputError: Their fields differ, or there are no actions to compare.
    """
    if [(own.name, own.bits) for own in first.fields] != [(own.name, own.bits) for own in second.fields]:
        names = [", ".join(own.name for own in rules.fields) for rules in (first, second)]
        raise InputError(f"the sets have different fields: {names[0]} / {names[1]}")
    for a, b in zip(first.fields, second.fields, strict=True):
        if a.values != b.values:
            raise InputError(f"the values of {a.name} have different names in the two sets: fix it with `given`")
    kind: By = by or ("action" if first.actions and second.actions else "rule")
    keys = _keys((first, second), kind)
    packets, one, two, regions, complete = _native.rule_differences(
        first.low, first.high, keys[0], second.low, second.high, keys[1], first.maxima, limit, budget_s
    )
    found = tuple(
        Difference(packet=tuple(packet), first=a, second=b)
        for packet, a, b in zip(packets.tolist(), one.tolist(), two.tolist(), strict=True)
    )
    text = ""
    if found:
        shown = ", ".join(f"{n} {v}" for n, v in zip(first.column_names, found[0].packet, strict=True))
        text = f"packet ({shown}) meets rule {found[0].first} of the first and {found[0].second} of the second"
    elif not complete:
        text = f"not decided within {budget_s:g} s"
    ok = not found and complete
    return Comparison(ok=ok, checked=regions, counterexample=text, by=kind, complete=complete, differences=found)


def aligned(first: RuleSet, second: RuleSet) -> tuple[RuleSet, RuleSet]:
    """Two sets over the fields of both: a set that does not look at a field of the other takes every value of it.

    Names of values (interfaces) are brought together: what a set calls *any other* are all names that it does not know.

    Raises:
        InputError: A field has different widths, or one set is for IPv4 and the other for IPv6.
    """
    fields: dict[str, Field] = {}
    for own in (*first.fields, *second.fields):
        seen = fields.get(own.name)
        if seen is None:
            fields[own.name] = own
        elif bool(seen.values) != bool(own.values) or (not own.values and seen.bits != own.bits):
            raise InputError(f"field {own.name} has {seen.bits} bits in one set and {own.bits} in the other")
        elif seen.values != own.values:
            values = tuple(dict.fromkeys((*seen.values, *own.values)))
            fields[own.name] = Field(own.name, max((len(values) - 1).bit_length(), 1), values)
    if not any((first.fields, second.fields)) or tuple(fields.values()) == first.fields == second.fields:
        return first, second
    return _over(first, tuple(fields.values())), _over(second, tuple(fields.values()))


def _over(rules: RuleSet, fields: tuple[Field, ...]) -> RuleSet:
    places: dict[str, tuple[int, Field]] = {}
    at = 0
    for own in rules.fields:
        places[own.name] = (at, own)
        at += own.columns
    low: list[list[int]] = []
    high: list[list[int]] = []
    rows = []
    for row in range(len(rules)):
        choices: list[list[tuple[list[int], list[int]]]] = []
        for own in fields:
            if own.name not in places:
                choices.append([([0] * own.columns, list(own.maxima))])
                continue
            start, before = places[own.name]
            a = rules.low[row, start : start + before.columns].tolist()
            b = rules.high[row, start : start + before.columns].tolist()
            spans = [(a, b)] if before == own else [([x], [y]) for x, y in _renamed(before, own, a[0], b[0])]
            choices.append(spans)
        for parts in itertools.product(*choices):
            low.append([word for part, _ in parts for word in part])
            high.append([word for _, part in parts for word in part])
            rows.append(row)
    width = sum(own.columns for own in fields)
    return RuleSet(
        fields=fields,
        low=np.array(low, np.uint32).reshape(-1, width),
        high=np.array(high, np.uint32).reshape(-1, width),
        actions=tuple(rules.actions[row] for row in rows) if rules.actions else (),
        sources=tuple(rules.sources[row] for row in rows) if rules.sources else (),
        losses=rules.losses,
    )


def _renamed(before: Field, after: Field, low: int, high: int) -> list[tuple[int, int]]:
    """Places of named values after more names came in."""
    if low == 0 and high == before.maxima[0]:
        return [(0, after.maxima[0])]
    patterns = [name for name in before.values if name[-1:] in ("+", "*")]
    out = []
    for place, name in enumerate(after.values):
        if name in before.values:
            own = before.values.index(name)
        else:  # the longest pattern that covers it, else any other
            covering = [pattern for pattern in patterns if name.startswith(pattern[:-1])]
            own = before.values.index(max(covering, key=len)) if covering else 0
        if low <= own <= high:
            out.append((place, place))
    return out


def report(rules: RuleSet, *, budget_s: float = 60.0) -> Report:
    """Rules that never match, and rules whose packets would get the same action without them.

    What is named is proven; a rule that takes too long to decide is not named.

    Source: Liu, Gouda: Complete Redundancy Removal for Packet Classifiers in TCAMs, IEEE TPDS 21(4), 2010 (the
    notions of upward and downward redundancy).
    """
    covered = shadows(rules, budget_s=budget_s)
    shadowed = {rule: (by if by >= 0 else None) for rule, by in enumerate(covered.tolist()) if by != NONE}
    redundant: dict[int, int | None] = {}
    if rules.actions:
        dead = (covered != NONE).astype(np.uint8)
        keys = _keys((rules,), "action")[0]
        found = _native.rule_redundant(rules.low, rules.high, keys, dead, rules.maxima, budget_s)
        redundant = {rule: (by if by >= 0 else None) for rule, by in enumerate(found.tolist()) if by != NONE}
    return Report(rules=len(rules), shadowed=shadowed, redundant=redundant)


def all_matches(rules: RuleSet, packets: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Every rule that holds each packet, by a scan of all rules.

    Returns:
        Offsets, shape (n + 1,), and rules: those of packet i are ``ids[offsets[i]:offsets[i + 1]]``, best first.
    """
    words = rules.packets(packets)
    offsets, ids = _native.all_matches(rules.low, rules.high, rules.maxima, words)
    return offsets, ids


def _keys(sets: Sequence[RuleSet], by: By) -> list[NDArray[np.int32]]:
    """What each rule's match means, as numbers that are equal where it means the same."""
    if by == "match":
        return [np.zeros(len(rules), np.int32) for rules in sets]
    numbers: dict[object, int] = {}
    out = []
    for rules in sets:
        if by == "action":
            if not rules.actions and len(rules):
                raise InputError("the rules have no actions to compare; compare them by rule or by match")
            meanings: list[object] = [" ".join(action.split()).lower() for action in rules.actions]
        else:
            meanings = [(low.tobytes(), high.tobytes()) for low, high in zip(rules.low, rules.high, strict=True)]
        out.append(np.array([numbers.setdefault(meaning, len(numbers)) for meaning in meanings], np.int32))
    return out
