from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys import _native
from mlsys4sys.datasets import rules as generated
from mlsys4sys.errors import InputError, RuleError
from mlsys4sys.neurocuts import ClassifierBuilder, Field, RuleSet
from mlsys4sys.neurocuts.portfolio import Constants
from mlsys4sys.neurocuts.tune import build, default_traffic
from mlsys4sys.neurocuts.updates import Updates
from tests.neurocuts.trees import IPV4, IPV6, TINY, everything, probes, random_rules, ranges, rule_sets

WIDE = (Field("a", 9), Field("b", 3))
PARTED = Constants(leaf=2, memory=1e-5, bits=True, tests=((0, 6.0), (1, 2.0)), parts=0b11100100)


@dataclass
class Scan:
    """What should be there: a list of (key, id, low, high), and the scan of it."""

    rows: list[tuple[tuple[int, int], int, tuple[int, ...], tuple[int, ...]]] = field(default_factory=list)

    @classmethod
    def of(cls, rules: RuleSet) -> Scan:
        return cls(
            [
                ((r, 1 << 40), r, tuple(low), tuple(high))
                for r, (low, high) in enumerate(zip(rules.low.tolist(), rules.high.tolist(), strict=True))
            ]
        )

    def insert(self, rule: list[tuple[int, int]], priority: int, number: int) -> None:
        self.rows.append(((priority, number), number, tuple(a for a, _ in rule), tuple(b for _, b in rule)))

    def remove(self, number: int) -> None:
        self.rows = [row for row in self.rows if row[1] != number]

    def classify(self, packets: np.ndarray, fields: tuple[Field, ...]) -> np.ndarray:
        rows = sorted(self.rows)
        columns = sum(one.columns for one in fields)
        low = np.array([row[2] for row in rows], np.uint32).reshape(-1, columns)
        high = np.array([row[3] for row in rows], np.uint32).reshape(-1, columns)
        found = RuleSet(fields=fields, low=low, high=high).classify_linear(packets)
        ids = np.array([row[1] for row in rows] + [-1], np.int32)
        return ids[found]


@pytest.mark.parametrize("kernel", ["scalar", ""])
@settings(max_examples=40, deadline=None)
@given(
    rules=rule_sets(WIDE, most=40),
    constants=st.sampled_from(
        [PARTED, Constants(leaf=1, memory=1e-5), Constants(bits=True, leaf=3, memory=1e-4), Constants()]
    ),
    data=st.data(),
)
def test_at_every_step_the_answers_are_those_of_the_scan(
    kernel: str, rules: RuleSet, constants: Constants, data: st.DataObject
) -> None:
    _native.force_lookup_kernel(kernel)
    try:
        updates = Updates(rules, build(rules, constants, default_traffic(rules, 100)), constants, background=False)
        scan, packets = Scan.of(rules), everything(WIDE)
        assert (updates.classify(packets) == rules.classify_linear(packets)).all()
        for _ in range(data.draw(st.integers(1, 25))):
            step = data.draw(st.sampled_from(["insert", "insert", "remove", "remove", "many", "many gone", "rebuild"]))
            if step == "insert":
                rule = [data.draw(ranges(9)), data.draw(ranges(3))]
                priority = data.draw(st.integers(0, len(rules) + 2))
                scan.insert(rule, priority, updates.insert(rule, priority))
            elif step == "remove" and scan.rows:
                number = data.draw(st.sampled_from([row[1] for row in scan.rows]))
                updates.remove(number)
                scan.remove(number)
            elif step == "many":
                many = data.draw(st.lists(st.tuples(ranges(9), ranges(3)), min_size=1, max_size=40))
                priorities = [data.draw(st.integers(0, len(rules) + 2)) for _ in many]
                bounds = np.array(many, np.uint32)
                numbers = updates.insert_many(bounds[:, :, 0], bounds[:, :, 1], priorities)
                for pair, priority, number in zip(many, priorities, numbers.tolist(), strict=True):
                    scan.insert(list(pair), priority, number)
            elif step == "many gone" and scan.rows:
                gone = data.draw(st.lists(st.sampled_from([row[1] for row in scan.rows]), unique=True))
                updates.remove_many(gone)
                for number in gone:
                    scan.remove(number)
            elif step == "rebuild":
                updates.rebuild()
            assert (updates.classify(packets) == scan.classify(packets, WIDE)).all(), step
            assert len(updates) == len(scan.rows)
    finally:
        _native.force_lookup_kernel("")


@pytest.mark.parametrize("fields", [IPV4, IPV6, TINY])
def test_thousands_of_changes_over_any_fields_end_where_the_scan_ends(fields: tuple[Field, ...]) -> None:
    rng = np.random.default_rng(2)
    rules, more = random_rules(rng, 600, fields), random_rules(rng, 900, fields)
    updates = Updates(rules, build(rules, Constants(memory=0.05), default_traffic(rules)), Constants(memory=0.05))
    scan, packets = Scan.of(rules), np.concatenate([probes(rules, rng, 150), probes(more, rng, 150)])
    priorities = rng.integers(0, 600, 900)
    for start in range(0, 900, 300):
        chosen = slice(start, start + 300)
        ids = updates.insert_many(more.low[chosen], more.high[chosen], priorities[chosen])
        for place, number in enumerate(ids.tolist(), start=start):
            bounds = zip(more.low[place].tolist(), more.high[place].tolist(), strict=True)
            scan.insert(list(bounds), int(priorities[place]), number)
        assert (updates.classify(packets) == scan.classify(packets, fields)).all()
        gone = rng.choice([row[1] for row in scan.rows], 250, replace=False)
        updates.remove_many(gone)
        for number in gone.tolist():
            scan.remove(number)
        assert (updates.classify(packets, threads=2) == scan.classify(packets, fields)).all()
        if start == 300:
            updates.rebuild()
            assert (updates.classify(packets) == scan.classify(packets, fields)).all()
    now, ids = updates.current()
    assert (np.append(ids, -1)[now.classify_linear(packets)] == updates.classify(packets)).all()
    assert sorted(ids.tolist()) == sorted(row[1] for row in scan.rows)


def test_wide_rules_stand_in_front_until_a_new_tree_takes_them_in() -> None:
    rng = np.random.default_rng(3)
    rules = random_rules(rng, 2000)
    constants = Constants(leaf=4, memory=1e-4, max_bits=10)
    updates = Updates(rules, build(rules, constants, default_traffic(rules)), constants, background=False)
    anything = [(0, int(most)) for most in rules.maxima]
    wide = [updates.insert(anything, 0) for _ in range(5)]
    assert updates.in_front == 5
    packets = probes(rules, rng, 300)
    assert (updates.classify(packets) == wide[0]).all()
    updates.remove(wide[0])
    assert (updates.classify(packets) == wide[1]).all()
    assert updates.rebuilds == 0  # what came later hides nothing in the tree
    wide += [updates.insert(anything, 0) for _ in range(2)]
    updates.rebuild()
    assert updates.rebuilds == 1
    assert updates.in_front == 0
    assert (updates.classify(packets) == wide[1]).all()
    updates.remove_many(wide[1:])
    assert (updates.classify(packets) == rules.classify_linear(packets)).all()


def test_readers_see_each_change_whole_while_writers_and_rebuilds_go_on() -> None:
    """A rule in front is replaced by its like again and again; readers see one of them, never what lies behind."""
    rng = np.random.default_rng(4)
    rules = random_rules(rng, 400)
    constants = Constants(memory=0.02)
    updates = Updates(rules, build(rules, constants, default_traffic(rules)), constants, background=False)
    packets = np.repeat(np.array([[0x0A010203, 0xC0A80101, 4000, 443, 6]], np.uint32), 2000, axis=0)
    narrow = [(0x0A010200, 0x0A0102FF), (0xC0A80101, 0xC0A80101), (0, 65535), (443, 443), (6, 6)]
    here = updates.insert(narrow, 0)
    allowed = {here}
    ends, wrong = threading.Event(), list[set[int]]()

    def read() -> None:
        while not ends.is_set():
            seen = set(updates.classify(packets).tolist())
            if not seen <= allowed:
                wrong.append(seen)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    others, following = random_rules(rng, 20), here + 1
    for step in range(1500):
        allowed.add(following)
        assert updates.insert(narrow, 0) == following
        updates.remove(here)
        here, following = following, following + 1
        if step % 50 == 0:
            extra = updates.insert_many(others.low, others.high, np.full(20, 300))
            updates.remove_many(extra)
            following += 20
        if step % 300 == 299:
            updates.rebuild()
    ends.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert updates.rebuilds == 5


@pytest.mark.parametrize("fields", [IPV4, TINY])
def test_readers_see_batches_rule_by_rule_and_never_what_was_not_there(fields: tuple[Field, ...]) -> None:
    """Batches come and go; a packet's answer is the first of the old rules or one of a batch that holds it."""
    rng = np.random.default_rng(9)
    rules, more = random_rules(rng, 400, fields), random_rules(rng, 200, fields)
    constants = Constants(memory=0.02, leaf=4)
    updates = Updates(rules, build(rules, constants, default_traffic(rules)), constants, background=False)
    packets = probes(more, rng, 200)
    first = rules.classify_linear(packets)
    holds = np.array(
        [(packets >= low).all(1) & (packets <= high).all(1) for low, high in zip(more.low, more.high, strict=True)]
    )
    batches = np.arange(200).reshape(10, 20)
    row_of: dict[int, int] = {}
    ends, wrong, looked = threading.Event(), list[tuple[int, int]](), 0

    def read() -> None:
        nonlocal looked
        while not ends.is_set():
            answers = updates.classify(packets)
            looked += 1
            for place in np.flatnonzero(answers != first).tolist():
                number = int(answers[place])
                if number < 400 or not holds[(number - 400) % 200, place]:
                    wrong.append((place, number))

    reader = threading.Thread(target=read)
    reader.start()
    following = 400
    for step in range(1500):
        batch = batches[step % 10]
        ids = updates.insert_many(more.low[batch], more.high[batch], np.zeros(20, int))
        assert ids.tolist() == list(range(following, following + 20))
        following += 20
        row_of.update(zip(ids.tolist(), batch.tolist(), strict=True))
        updates.remove_many(ids)
        if step % 500 == 499:
            updates.rebuild()
    ends.set()
    reader.join()
    assert looked > 3
    assert not wrong
    assert all((number - 400) % 200 == row for number, row in row_of.items())
    assert (updates.classify(packets) == first).all()


def test_what_comes_and_goes_for_long_leaves_no_memory_behind() -> None:
    rng = np.random.default_rng(10)
    rules, more = random_rules(rng, 1000), random_rules(rng, 100)
    updates = Updates(rules, build(rules, Constants(), default_traffic(rules)), Constants(), background=False)
    sizes = []
    for _ in range(300):
        updates.remove_many(updates.insert_many(more.low, more.high, np.arange(100) * 10))
        sizes.append(updates.size_bytes)
    assert sizes[-1] == sizes[150] < 1.2 * sizes[0]
    assert updates._table.growth < 1.2


@pytest.mark.parametrize("constants", [Constants(leaf=1, memory=1e-6), PARTED, Constants(leaf=4, memory=1e-3)])
def test_a_rule_that_hid_others_gives_them_back_when_it_goes(constants: Constants) -> None:
    """Rules of middling size hide one another in some leaves, not in others; they go in any order, some come back."""
    rng = np.random.default_rng(11)
    low = np.stack([rng.integers(0, 480, 70), rng.integers(0, 7, 70)], axis=1)
    high = np.minimum(low + np.stack([rng.integers(10, 160, 70), rng.integers(1, 6, 70)], axis=1), [511, 7])
    rules = RuleSet(fields=WIDE, low=low.astype(np.uint32), high=high.astype(np.uint32))
    tree = build(rules, constants, default_traffic(rules, 100))
    updates, scan, packets = Updates(rules, tree, constants, background=False), Scan.of(rules), everything(WIDE)
    assert updates.rules is rules
    for step, number in enumerate(rng.permutation(70).tolist()):
        updates.remove(number)
        scan.remove(number)
        if step % 4 == 0:
            rule = list(zip(low[number].tolist(), high[number].tolist(), strict=True))
            scan.insert(rule, 5, updates.insert(rule, 5))
        assert (updates.classify(packets) == scan.classify(packets, WIDE)).all(), step


def test_equal_leaves_that_leave_out_different_rules_give_each_its_own_back() -> None:
    """Leaves with the same rules are stored once, wherever they lie; what these hide differs from place to place."""
    made = generated.generate("fw-perimeter", 1000, seed=1)
    rules, constants = RuleSet(fields=IPV4, low=made.low, high=made.high), Constants(leaf=4, memory=1e-4)
    updates = Updates(rules, build(rules, constants, default_traffic(rules)), constants, background=False)
    packets = np.concatenate([rules.low, rules.high])
    order = np.random.default_rng(0).permutation(len(rules))
    for start in range(0, len(rules) // 2, 50):
        updates.remove_many(order[start : start + 50])
        kept = np.sort(order[start + 50 :])
        wanted = np.append(kept, -1)[rules.take(kept).classify_linear(packets)]
        assert (updates.classify(packets) == wanted).all(), start


def test_a_new_tree_comes_by_itself_when_much_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlsys4sys.neurocuts.updates.CHANGES", 200)
    rules = random_rules(np.random.default_rng(5), 150)
    updates = Updates(rules, build(rules, Constants(), default_traffic(rules)), Constants())
    more = random_rules(np.random.default_rng(6), 1000)
    for start in range(0, 1000, 100):
        chosen = slice(start, start + 100)
        updates.insert_many(more.low[chosen], more.high[chosen], np.zeros(100, int))
        with updates._rebuilding:  # waits for the thread, if there is one
            pass
    assert updates.rebuilds >= 1


def test_wrong_changes_are_refused_and_change_nothing() -> None:
    rules = random_rules(np.random.default_rng(7), 100)
    updates = Updates(rules, build(rules, Constants(), default_traffic(rules)), Constants(), background=False)
    for rule, words in (
        ([(0, 1)] * 4, "5 ranges"),
        ([(3, 2)] + [(0, 1)] * 4, "empty"),
        ([(0, 1)] * 4 + [(0, 256)], "beyond 255"),
    ):
        with pytest.raises(InputError, match=words):
            updates.insert(rule, 0)
    with pytest.raises(InputError, match="priorities"):
        updates.insert([(0, 1)] * 5, -1)
    many = np.zeros((3, 5), np.int64)
    two_ports, wide_proto = np.array([0, 0, 0, 2, 0]), np.array([0, 0, 0, 0, 256])
    for low, high, error, words in (
        (many + two_ports, many + 1, RuleError, "2 : 1 of dport is empty"),
        (many, many + wide_proto, RuleError, "of proto is empty or too wide"),
        (many, many[:2], InputError, "shape"),
        (many - 1, many, InputError, "empty|outside"),
    ):
        with pytest.raises(error, match=words):
            updates.insert_many(low, high, [0, 0, 0])
    with pytest.raises(InputError, match="no rule 100"):
        updates.remove(100)
    updates.remove(7)
    with pytest.raises(InputError, match="no rule 7"):
        updates.remove(7)
    with pytest.raises(InputError, match="1 of 2"):
        updates.remove_many([7, 8])
    assert len(updates) == 98


def test_a_classifier_takes_changes_itself() -> None:
    rules = random_rules(np.random.default_rng(8), 300)
    classifier = ClassifierBuilder(expansions=200, threads=1).build(rules)
    packet = {"src": "10.0.0.1", "dst": "10.0.0.2", "sport": 1, "dport": 80, "proto": "tcp"}
    number = classifier.insert("@10.0.0.0/24\t10.0.0.0/24\t0 : 65535\t80 : 80\t0x06/0xFF", 0)
    assert number == 300
    assert classifier.match(**packet) == number
    assert classifier.classify([classifier.packet(**packet)]).tolist() == [number]
    with pytest.raises(InputError, match=r"current\(\)"):
        classifier.explain(**packet)
    again = classifier.current()
    assert len(again.rules) == 301
    assert again.match(**packet) == 0
    classifier.remove(number)
    assert classifier.match(**packet) == rules.classify_linear([classifier.packet(**packet)])[0]
