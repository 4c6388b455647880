from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from mlsys4sys import _native
from mlsys4sys.cli import main
from mlsys4sys.errors import DataError, InputError
from mlsys4sys.neurocuts import PAPER, Classifier, ClassifierBuilder, Field, RuleSet, baselines
from mlsys4sys.neurocuts.packets import read
from mlsys4sys.neurocuts.tree import measure, single_leaf
from tests.conftest import real_data
from tests.neurocuts.trees import IPV6, TINY, everything, probes, random_rules, rule_sets

RULES = """@10.0.0.0/8\t0.0.0.0/0\t0 : 65535\t80 : 80\t0x06/0xFF
@10.1.0.0/16\t192.168.0.0/16\t0 : 65535\t0 : 65535\t0x00/0x00
@0.0.0.0/0\t0.0.0.0/0\t1024 : 65535\t53 : 53\t0x11/0xFF
@10.1.2.0/24\t192.168.7.0/24\t0 : 65535\t80 : 80\t0x00/0x00
"""


@pytest.fixture
def rules() -> RuleSet:
    return RuleSet.parse_classbench(RULES, name="office")


@pytest.fixture(params=["scalar", "avx2", "avx512"])
def kernel(request: pytest.FixtureRequest):
    best = _native.lookup_kernel()
    if request.param not in {"scalar": ["scalar"], "avx2": ["scalar", "avx2"]}.get(best, ["scalar", "avx2", "avx512"]):
        pytest.skip(f"this machine has no {request.param}")
    _native.force_lookup_kernel(request.param)
    yield request.param
    _native.force_lookup_kernel("")


@settings(max_examples=80, deadline=None)
@given(rules=rule_sets(most=60))
def test_lookups_are_the_linear_scan_on_every_packet_of_a_tiny_space(rules: RuleSet) -> None:
    classifier = ClassifierBuilder(expansions=40, threads=1, max_bytes_per_rule=None).build(rules)
    packets = everything()
    wanted = rules.classify_linear(packets)
    for name in ("scalar", ""):
        _native.force_lookup_kernel(name)
        assert (classifier.classify(packets) == wanted).all()
    for packet in packets[::97].tolist():
        assert classifier.lookup.one(packet) == rules.classify_linear([packet])[0]
        assert classifier.explain(packet).rule == rules.classify_linear([packet])[0]


@pytest.mark.parametrize("fields", [None, IPV6, (Field("vlan", 12), Field("wide", 70), Field("flag", 1))])
def test_every_kernel_agrees_with_the_scan_over_any_fields(kernel: str, fields: tuple[Field, ...] | None) -> None:
    rng = np.random.default_rng(3)
    rules = random_rules(rng, 600, *([fields] if fields else []))
    classifier = ClassifierBuilder(expansions=300, threads=1).build(rules)
    packets = probes(rules, rng, 4000)
    wanted = rules.classify_linear(packets)
    for size in (1, 255, 256, 257, len(packets)):
        assert (classifier.classify(packets[:size]) == wanted[:size]).all()
    assert (classifier.classify(packets, threads=2) == wanted).all()
    assert [classifier.lookup.one(packet) for packet in packets[:300].tolist()] == wanted[:300].tolist()


def test_ports_beyond_their_field_match_no_rule_in_any_kernel(kernel: str) -> None:
    rules = random_rules(np.random.default_rng(3), 300)
    classifier = ClassifierBuilder(expansions=100, threads=1).build(rules)
    packets = probes(rules, np.random.default_rng(4), 400)
    packets[::3, 2] += 1 << 16
    packets[1::3, 4] += 1 << 20
    assert (classifier.classify(packets) == rules.classify_linear(packets)).all()
    assert [classifier.lookup.one(packet) for packet in packets.tolist()] == rules.classify_linear(packets).tolist()


@pytest.mark.parametrize("name", ["acl1_1k", "acl5_1k", "fw1_1k", "fw2_1k", "ipc1_1k", "acl2_1k"])
def test_on_real_rules_it_is_right_and_no_worse_than_any_heuristic(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    classifier = ClassifierBuilder(expansions=4000, threads=2).build(rules)
    packets = probes(rules, np.random.default_rng(0), 5000)
    assert (classifier.classify(packets) == rules.classify_linear(packets)).all()
    for other in baselines.NAMES:
        tree = baselines.build(other, rules)
        if tree is not None and measure(tree).bytes_per_rule <= 100:
            assert classifier.stats.worst_accesses <= measure(tree).time


def test_objectives_and_the_papers_actions(rules: RuleSet) -> None:
    many = random_rules(np.random.default_rng(5), 800)
    quick, small, papers = (
        ClassifierBuilder(expansions=2000, threads=1, **options).build(many).stats
        for options in ({}, {"objective": "space"}, {"space": PAPER})
    )
    assert quick.worst_accesses <= small.worst_accesses
    assert small.bytes_per_rule <= quick.bytes_per_rule
    assert quick.worst_accesses <= papers.worst_accesses
    with pytest.raises(InputError, match="objective"):
        ClassifierBuilder(objective="speed")
    with pytest.raises(InputError, match="budget_s"):
        ClassifierBuilder(budget_s=0)


@pytest.mark.parametrize("count", [0, 1, 16, 17])
def test_small_sets_and_equal_rules(count: int) -> None:
    rules = RuleSet.from_ranges([[(0, 15), (0, 7), (0, 3)]] * count, fields=TINY)
    classifier = ClassifierBuilder(budget_s=0.2).build(rules)
    assert (classifier.classify(everything()) == (0 if count else -1)).all()
    assert classifier.stats.worst_accesses == 1
    assert classifier.text()


def test_matches_are_asked_by_name_and_explained(rules: RuleSet) -> None:
    classifier = ClassifierBuilder(budget_s=0.2).build(rules)
    packet = {"src": "10.1.2.3", "dst": "192.168.7.7", "sport": 4000, "dport": 80}
    assert classifier.match(**packet, proto="tcp") == 0
    assert classifier.match(**packet, proto="udp") == 1
    assert classifier.match(src="1.1.1.1", dst="8.8.8.8", sport=2000, dport=53, proto=17) == 2
    assert classifier.match(src="1.1.1.1", dst="8.8.8.8", sport=1, dport=53, proto=17) == -1
    assert "office:1" in str(classifier.explain(**packet, proto="tcp"))
    with pytest.raises(InputError, match="proto"):
        classifier.match(**packet)
    with pytest.raises(InputError, match="no number"):
        classifier.match(**packet, proto="tpc")
    with pytest.raises(InputError, match="outside"):
        classifier.match(**{**packet, "dport": 70_000}, proto="tcp")


def test_answers_go_where_they_are_wanted(rules: RuleSet) -> None:
    classifier = ClassifierBuilder(budget_s=0.2).build(rules)
    out = np.empty(3, np.int32)
    assert classifier.classify(np.zeros((3, 5), np.int64), out=out) is out
    with pytest.raises(InputError, match="out must be"):
        classifier.classify(np.zeros((3, 5)).astype(int), out=np.empty(3))
    with pytest.raises(InputError, match="shape"):
        classifier.classify([[1, 2]])


def test_files_keep_everything_and_refuse_damage(rules: RuleSet, tmp_path: Path) -> None:
    many = random_rules(np.random.default_rng(6), 300)
    classifier = ClassifierBuilder(expansions=300, threads=1).build(many)
    path = tmp_path / "c.ncut"
    classifier.save(path)
    again = Classifier.load(path)
    assert again.rules == many
    packets = probes(many, np.random.default_rng(0), 1000)
    assert (again.classify(packets) == many.classify_linear(packets)).all()
    assert again.stats == classifier.stats
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(data), 60).tolist():
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"damaged|no classifier|version"):
            Classifier.load(path)
    for size in (0, 7, 30, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match=r"damaged|no classifier"):
            Classifier.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        Classifier.load(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be written"):
        classifier.save(tmp_path / "no" / "folder")


def test_a_file_whose_tree_is_not_its_rules_is_refused(tmp_path: Path, rules: RuleSet) -> None:
    wrong = single_leaf(rules)
    ids = np.array([0, 1, 3], np.int32)
    cheat = Classifier(
        rules=rules,
        tree=type(wrong)(columns=5, rules=4, **{**wrong.arrays(), "rule_ids": ids, "count": np.array([3], np.int32)}),
        certificate=ClassifierBuilder(budget_s=0.1).build(rules).certificate,
    )
    cheat.save(tmp_path / "cheat")
    with pytest.raises(DataError, match="does not equal") as caught:
        Classifier.load(tmp_path / "cheat")
    assert "matches rule 2 first" in str(caught.value)


def frame(source: str, destination: str, ports: tuple[int, int], proto: int, *, vlan: bool = False) -> bytes:
    address = [bytes(map(int, text.split("."))) for text in (source, destination)]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 24, 0, 0, 64, proto, 0) + address[0] + address[1]
    kind = b"\x81\x00\x00\x05\x08\x00" if vlan else b"\x08\x00"
    return bytes(12) + kind + head + struct.pack(">HH", *ports)


@pytest.mark.parametrize("order", ["<", ">"])
def test_captures_and_traces_give_five_tuples(tmp_path: Path, order: str) -> None:
    frames = [
        frame("10.0.0.1", "1.2.3.4", (5, 80), 6),
        frame("10.0.0.2", "1.2.3.4", (6, 53), 17, vlan=True),
        bytes(12) + b"\x08\x06" + bytes(28),  # ARP
        frame("10.0.0.3", "1.2.3.4", (1, 2), 1),
    ]
    wanted = [
        [0x0A000001, 0x01020304, 5, 80, 6],
        [0x0A000002, 0x01020304, 6, 53, 17],
        [0x0A000003, 0x01020304, 0, 0, 1],
    ]
    classic = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    classic += b"".join(struct.pack(order + "IIII", 0, 0, len(f), len(f)) + f for f in frames)
    modern = struct.pack(order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    modern += struct.pack(order + "IIHHII", 1, 20, 1, 0, 65535, 20)
    for f in frames:
        size = 32 + (len(f) + 3) // 4 * 4
        modern += struct.pack(order + "IIIIIII", 6, size, 0, 0, 0, len(f), len(f))
        modern += f + bytes(size - 32 - len(f)) + struct.pack(order + "I", size)
    path = tmp_path / "capture"
    for data in (classic, modern):
        path.write_bytes(data)
        assert read(path, 5).tolist() == wanted
        path.write_bytes(data[:-6])
        with pytest.raises(DataError, match=r"ends within|damaged"):
            read(path, 5)
    path.write_text("# a trace\n1 2 3 4 5 77\n\n6 7 8 9 10\n")
    assert read(path, 5).tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    path.write_text("1 2 3 4 5\n1 2 x 4 5\n")
    with pytest.raises(DataError, match=":2:"):
        read(path, 5)


def test_the_commands_from_rules_to_answers(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(RULES)
    (tmp_path / "trace").write_text(f"{0x0A010203} {0xC0A80707} 4000 80 6\n1 2 3 4 5\n")
    run = CliRunner().invoke
    made = run(
        main, ["build-classifier", str(tmp_path / "rules"), "-o", str(tmp_path / "c"), "--budget-s", "0.2", "-q"]
    )
    assert made.exit_code == 0, made.output
    assert "proven equal" in made.output
    assert run(main, ["classify", str(tmp_path / "c"), str(tmp_path / "trace"), "--each"]).output == "0\n-1\n"
    report = run(main, ["rules", "report", str(tmp_path / "rules")])
    assert "1 of 4 rules never match" in report.output
    assert "several" in report.output or "covers it" in report.output
    missing = run(main, ["classify", str(tmp_path / "nothing"), str(tmp_path / "trace")])
    assert missing.exit_code == 1
    assert missing.output.count("\n") == 1


def test_neither_torch_nor_pandas_is_imported() -> None:
    code = "import sys, mlsys4sys.neurocuts; sys.exit(bool({'torch', 'pandas', 'duckdb'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
