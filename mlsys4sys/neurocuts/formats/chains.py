"""Chains of rules with jumps (netfilter's way) as one list of rules whose first match is the answer.

A packet runs through a chain with everything that it has met on the way: its *context*. A jump runs the target chain in
the context of the jump and goes on behind it. A ``RETURN`` takes what meets it out of the context of the rest of its
chain, by exact subtraction of conditions. So every rule stands in the list once for each way that leads to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mlsys4sys.neurocuts.formats.draft import Draft
from mlsys4sys.neurocuts.formats.spans import ALWAYS, Condition, meets, without
from mlsys4sys.neurocuts.losses import Effect

MOST_DEPTH = 100
MOST_VISITS = 200_000
MOST_PIECES = 20_000


class Then(Enum):
    """What happens to a packet that meets a step."""

    END = "end"
    JUMP = "jump"
    GOTO = "goto"
    RETURN = "return"
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rule of a chain; a packet meets it when it meets any of the conditions."""

    conditions: tuple[Condition, ...]
    then: Then
    target: str = ""
    """The action of ``END``, the chain of ``JUMP`` and ``GOTO``."""
    line: int
    text: str


def flatten(draft: Draft, chains: Mapping[str, Sequence[Step]], base: str, policy: Step) -> None:
    """Add the rules of a base chain to a draft, its policy last.

    Raises:
        RuleError: A jump leads nowhere or round in a circle, or there would be too many rules.
    """
    walk = _Walk(draft, chains, policy)
    walk.run(base, [ALWAYS], (base,))
    draft.add([ALWAYS], policy.target, policy.line, policy.text)
    known = walk.used | {(loss.line, loss.text) for loss in draft.losses if loss.effect == Effect.LEFT_OUT}
    for name, steps in chains.items():
        if name not in walk.seen and steps:
            why = f"chain {name} ({len(steps)} rules) is not reached from {base}"
            draft.lose(Effect.LEFT_OUT, why, steps[0].line, text=steps[0].text)
            continue
        for step in steps:
            if step.then != Then.ON and (step.line, step.text) not in known:
                why = f"no packet that reaches it in chain {name} can meet it"
                draft.lose(Effect.LEFT_OUT, why, step.line, text=step.text, exact=True)


class _Walk:
    def __init__(self, draft: Draft, chains: Mapping[str, Sequence[Step]], policy: Step) -> None:
        self.draft, self.chains, self.policy = draft, chains, policy
        self.seen: set[str] = set()
        self.used: set[tuple[int, str]] = set()
        self.visits = 0

    def run(self, name: str, context: list[Condition], way: tuple[str, ...]) -> None:
        self.seen.add(name)
        for step in self.chains[name]:
            self.visits += 1
            if self.visits > MOST_VISITS or len(context) > MOST_PIECES:
                raise self.draft.error("its chains make too many rules when jumps are followed", step.line)
            if step.then == Then.ON:
                continue
            met = meets(context, step.conditions)
            if not met:
                continue
            self.used.add((step.line, step.text))
            if step.then == Then.END:
                self.draft.add(met, step.target, step.line, step.text)
            elif step.then == Then.RETURN:
                if len(way) == 1:
                    self.draft.add(met, self.policy.target, step.line, step.text)
                else:
                    context = without(context, step.conditions, self.draft.tops)
            else:
                self._follow(step, met, way)
                if step.then == Then.GOTO:
                    if len(way) == 1:
                        self.draft.add(met, self.policy.target, step.line, step.text)
                    else:
                        context = without(context, step.conditions, self.draft.tops)

    def _follow(self, step: Step, met: list[Condition], way: tuple[str, ...]) -> None:
        if step.target not in self.chains:
            raise self.draft.error(f"{step.target!r} is neither a chain of this table nor a known target", step.line)
        if step.target in way:
            raise self.draft.error(f"jumps in a circle: {' > '.join((*way, step.target))}", step.line)
        if len(way) >= MOST_DEPTH:
            raise self.draft.error(f"jumps are nested deeper than {MOST_DEPTH}", step.line)
        self.run(step.target, met, (*way, step.target))
