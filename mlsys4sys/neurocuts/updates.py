"""Changing rules while lookups go on: `native/neurocuts_live.h` holds the table, this its manners and the rebuilding.

A reader never waits and never sees a half-made change: each packet is answered as before a change or as after it. A
change that was made before a lookup began is seen by it. Changes wait for one another.

Leaves grow with what is inserted, and rules that meet too many leaves stand in a list in front; so now and then a
thread builds a new tree for the rules as they are, catches up with what changed meanwhile, and puts it in place.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsys4sys import _native
from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.portfolio import Constants, shipped
from mlsys4sys.neurocuts.problem import Matches, RuleSet
from mlsys4sys.neurocuts.tree import ARRAYS, Tree
from mlsys4sys.neurocuts.tune import SEEN, build, default_traffic, tune
from mlsys4sys.neurocuts.verify import certify

log = logging.getLogger(__name__)

LAST = 0xFFFFFFFF
MOST_PRIORITY = (1 << 31) - 2
TRIES = 4
"""Trees that are timed for rules whose tree cannot be updated."""
NO_RULE = -2
"""What the table says of ranges that are none."""
NO_SUCH_RULE, TOO_MUCH = 1, 2
"""What the table says of a removal: the second where so many hidden rules would appear that a new tree is needed."""
OVERLAY = 32
"""Rules in front from which a new tree is built."""
GROWTH = 1.5
"""Memory of the leaves, as a multiple of what the tree was built with, from which a new tree is built."""
LOOK = 256
"""Changes between two looks at both."""
CHANGES = 10_000_000
"""Changes, at most, until a new tree is built: the old one was made for other rules."""

Rule = str | Sequence[tuple[int, int]]
"""A line in ClassBench's format, or one inclusive range (low, high) a column."""


@dataclass(eq=False)
class Updates:
    """Rules that change while they are looked up.

    A rule's id is its row in ``rules`` or, for an inserted one, the number that `insert` gave. Ids are not used again.

    Args:
        rules: What ``tree`` was built for.
        tree: Proven; one with splits or partitions below the root is built anew, which takes a moment.
        constants: What new trees are built with; None for the best of a few.
        background: Build new trees when it is time, in a thread.
    """

    rules: RuleSet
    tree: Tree
    constants: Constants | None = None
    background: bool = True
    rebuilds: int = field(default=0, init=False)
    """New trees that were put in place so far."""

    def __post_init__(self) -> None:
        count = len(self.rules)
        keys = np.arange(count, dtype=np.uint64) << np.uint64(32) | np.uint64(LAST)
        ids = np.arange(count, dtype=np.int32)
        try:
            self._table = self._serving(self.tree, keys, ids)
        except ValueError as error:
            log.info("the tree is built anew for updates: %s", error)
            self._table = self._serving(self.tree_for(self.rules), keys, ids)
        self._rebuilding = threading.Lock()
        self._until, self._look = CHANGES, LOOK
        self._maxima = [int(most) for most in self.rules.maxima]

    def _serving(self, tree: Tree, keys: NDArray[np.uint64], ids: NDArray[np.int32]) -> _native.Serving:
        rules = self.rules
        return _native.Serving(rules.low, rules.high, rules.maxima, keys, ids, len(rules), *_arrays(tree))

    def __len__(self) -> int:
        return self._table.rules

    @property
    def size_bytes(self) -> int:
        """Memory of the table and of what changes need."""
        return self._table.size_bytes

    @property
    def in_front(self) -> int:
        """Rules that every packet is compared with, because they meet too many leaves."""
        return self._table.overlay_rules

    def classify(self, packets: ArrayLike, *, out: NDArray[np.int32] | None = None, threads: int = 1) -> Matches:
        """Id of the first matching rule of each packet, -1 for none; see `Lookup.classify`."""
        words = self.rules.packets(packets)
        if out is None:
            out = np.empty(len(words), np.int32)
        elif out.dtype != np.int32 or out.shape != (len(words),) or not out.flags.c_contiguous:
            raise InputError(f"out must be a contiguous int32 array of shape ({len(words)},)")
        self._table.classify(words, out, threads)
        return out

    def one(self, packet: Sequence[int]) -> int:
        """The same for one packet, one value a column."""
        return self._table.one(tuple(packet))

    def insert(self, rule: Rule, priority: int) -> int:
        """Put a rule before row ``priority`` of the first rules, after what was inserted there already; gives its id.

        Raises:
            InputError: The rule has other columns, an empty range, or a value beyond its column.
        """
        if not 0 <= priority <= MOST_PRIORITY:
            raise InputError(f"priorities must be in 0..{MOST_PRIORITY}, not {priority}")
        ranges = self._parsed(rule) if isinstance(rule, str) else rule
        number = self._table.insert(ranges, priority)
        if number == NO_RULE:
            raise InputError(self._fault(ranges))
        if number < 0:  # no room in this table
            self.rebuild()
            number = self._table.insert(ranges, priority)
            if number < 0:
                raise InputError("no room is left for more rules, even in a new tree")
        self._changed(1)
        return number

    def insert_many(self, low: ArrayLike, high: ArrayLike, priorities: ArrayLike) -> NDArray[np.int32]:
        """The same for many, one after the other: bounds of shape (n, columns), priorities (n,); gives their ids."""
        bounds = self.rules.packets(low), self.rules.packets(high)
        places = self._checked(np.asarray(priorities))
        if places.shape != (len(bounds[0]),):
            raise InputError(f"priorities have shape {places.shape}, not ({len(bounds[0])},)")
        try:
            ids = self._table.insert_many(*bounds, places)
        except ValueError:  # not one was inserted
            RuleSet(fields=self.rules.fields, low=bounds[0], high=bounds[1])  # says which is wrong
            raise
        done = int((ids >= 0).sum())
        while done < len(ids):
            self.rebuild()
            ids[done:] = self._table.insert_many(bounds[0][done:], bounds[1][done:], places[done:])
            if ids[done] < 0:
                raise InputError(f"no room is left for more than {done} of {len(ids)} rules, even in a new tree")
            done = int((ids >= 0).sum())
        self._changed(len(ids))
        return ids

    def remove(self, rule_id: int) -> None:
        """Take a rule away.

        Raises:
            InputError: There is no rule of that id (any more).
        """
        outcome = self._table.remove(rule_id)
        if outcome == NO_SUCH_RULE:
            raise InputError(f"there is no rule {rule_id}")
        if outcome == TOO_MUCH:
            self.rebuild(without=[rule_id])
        self._changed(1)

    def remove_many(self, rule_ids: ArrayLike) -> None:
        """Take rules away, one after the other; those that are not there count as an error once the others are gone."""
        ids = np.ascontiguousarray(rule_ids, np.int32)
        outcomes = self._table.remove_many(ids)
        if (outcomes == TOO_MUCH).any():
            self.rebuild(without=ids[outcomes == TOO_MUCH].tolist())
        missing = int((outcomes == NO_SUCH_RULE).sum())
        self._changed(len(ids) - missing)
        if missing:
            raise InputError(f"{missing} of {len(ids)} rules are not there")

    def current(self) -> tuple[RuleSet, NDArray[np.int32]]:
        """The rules as they are now, in order, and their ids."""
        with self._rebuilding:
            low, high, _, ids = self._table.begin()
            self._table.abandon()
        return RuleSet(fields=self.rules.fields, low=low, high=high), ids

    def rebuild(self, *, without: Sequence[int] = ()) -> None:
        """Build a tree for the rules as they are, prove it, put it in place; lookups and changes go on meanwhile."""
        with self._rebuilding:
            low, high, keys, ids = self._table.begin()
            stays = ~np.isin(ids, without)
            low, high, keys, ids = low[stays], high[stays], keys[stays], ids[stays]
            try:
                rules = RuleSet(fields=self.rules.fields, low=low, high=high)
                tree = self.tree_for(rules)
                if not certify(tree, rules):
                    raise AssertionError("a new tree is wrong: please report this")
                placed = self._table.replace(low, high, rules.maxima, keys, ids, *_arrays(tree))
            except BaseException:
                self._table.abandon()
                raise
            self.rebuilds += placed
            if without and not placed:
                raise InputError("too much changed meanwhile for these rules to be taken away: try again")

    def tree_for(self, rules: RuleSet) -> Tree:
        """A tree for other rules, built as this one."""
        if self.constants is None:
            tree, timed, _ = tune(rules, seconds=np.inf, trees=TRIES, max_bytes_per_rule=500, portfolio=shipped())
            self.constants = timed.constants
            return tree
        return build(rules, self.constants, default_traffic(rules, SEEN))

    def _changed(self, count: int) -> None:
        self._until -= count
        self._look -= count
        if not self.background or (self._until > 0 and self._look > 0):
            return
        self._look = LOOK
        if self._until > 0 and self.in_front <= OVERLAY and self._table.growth <= GROWTH:
            return
        self._until = CHANGES
        if not self._rebuilding.locked():
            threading.Thread(target=self.rebuild, name="neurocuts-rebuild", daemon=True).start()

    def _parsed(self, line: str) -> list[tuple[int, int]]:
        parsed = RuleSet.parse_classbench(line, name="rule")
        if len(parsed) != 1 or parsed.columns != self.rules.columns:
            raise InputError(f"not one rule of these fields: {line!r}")
        return list(zip(parsed.low[0].tolist(), parsed.high[0].tolist(), strict=True))

    def _fault(self, rule: Sequence[tuple[int, int]]) -> str:
        if len(rule) != self.rules.columns:
            return f"a rule has {self.rules.columns} ranges, not {len(rule)}"
        for (low, high), most, name in zip(rule, self._maxima, self.rules.column_names, strict=True):
            if not 0 <= low <= high <= most:
                return f"range {low} : {high} of {name} is empty or beyond {most}"
        return f"ranges are pairs of whole numbers: {rule!r}"

    @staticmethod
    def _checked(priorities: NDArray[np.integer]) -> NDArray[np.uint32]:
        if priorities.size and not (int(priorities.min()) >= 0 and int(priorities.max()) <= MOST_PRIORITY):
            raise InputError(f"priorities must be in 0..{MOST_PRIORITY}")
        return np.ascontiguousarray(priorities, np.uint32)


def _arrays(tree: Tree) -> list[NDArray[np.generic]]:
    arrays = tree.arrays()
    return [*(arrays[name] for name in ARRAYS if name != "terms"), tree.terms]
