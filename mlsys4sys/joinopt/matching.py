"""Two readings of one region told apart: which relation of the one is which of the other.

The fast front end keeps the user's aliases; DuckDB's decompiled plan has its own (``r0``, ``r1`` …). Tables, join keys
and the constants in filters say which is which; where they leave a choice the relations are interchangeable.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from mlsys4sys.joinopt.problem import JoinGraph, Relation
from mlsys4sys.joinopt.solution import JoinTree

_CONSTANT = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_TRIES = 20_000
"""Partial matches looked at before giving up."""


def same_relations(one: JoinGraph, other: JoinGraph) -> list[int] | None:
    """For each relation of ``other`` its position in ``one``; nothing where no pairing keeps tables and join keys."""
    if one.size != other.size:
        return None
    choices = [_candidates(one, relation) for relation in other.relations]
    links = _links(one), _links(other)
    order = sorted(range(other.size), key=lambda i: len(choices[i]))
    budget = iter(range(_TRIES))
    chosen: dict[int, int] = {}

    def place(depth: int) -> bool:
        if depth == len(order):
            return True
        here = order[depth]
        for there in choices[here]:
            if next(budget, None) is None:
                return False
            if there not in chosen.values() and _agree(links, chosen, here, there):
                chosen[here] = there
                if place(depth + 1):
                    return True
                del chosen[here]
        return False

    return [chosen[i] for i in range(other.size)] if place(0) else None


def renamed(tree: JoinTree, names: list[int]) -> JoinTree:
    """The tree with relation ``i`` replaced by ``names[i]``."""
    if tree.probe is None or tree.build is None:
        return JoinTree.leaf(names[tree.relation])
    return JoinTree.join(renamed(tree.probe, names), renamed(tree.build, names))


def _candidates(graph: JoinGraph, relation: Relation) -> list[int]:
    """Relations over the same table, those with the most filter constants in common first."""
    wanted = _constants(relation)

    def strangeness(i: int) -> int:
        found = _constants(graph.relations[i])
        return (wanted - found).total() + (found - wanted).total()

    same = [i for i, own in enumerate(graph.relations) if _plain(own.table) == _plain(relation.table)]
    return sorted(same, key=strangeness)


def _constants(relation: Relation) -> Counter[str]:
    return Counter(text for condition in relation.filters for text in _CONSTANT.findall(condition))


def _plain(table: str | None) -> str | None:
    """Without quotes, catalogue and schema."""
    return table and table.replace('"', "").lower().rsplit(".", 1)[-1]


Links = dict[tuple[int, int], set[tuple[str, str]]]
"""For two relations the pairs of columns that must be equal."""


def _links(graph: JoinGraph) -> Links:
    links: Links = {}
    for group in graph.classes:
        for left in group:
            for right in group:
                if left.relation != right.relation:
                    pair = (left.name.lower(), right.name.lower())
                    links.setdefault((left.relation, right.relation), set()).add(pair)
    return links


def _agree(links: tuple[Links, Links], chosen: dict[int, int], here: int, there: int) -> bool:
    one, other = links
    return all(
        one.get((there, mate), set()) == other.get((here, placed), set()) for placed, mate in _placed(chosen, here)
    )


def _placed(chosen: dict[int, int], here: int) -> Iterator[tuple[int, int]]:
    return ((placed, mate) for placed, mate in chosen.items() if placed != here)
