from __future__ import annotations

import contextlib
import io
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import InputError, RuleError
from mlsys4sys.neurocuts.formats import parse, sniff
from mlsys4sys.neurocuts.formats.jsontext import parse as parse_json
from mlsys4sys.neurocuts.formats.spans import common, complement, joined, masked, minus
from mlsys4sys.neurocuts.losses import Effect
from mlsys4sys.neurocuts.problem import Field, RuleSet
from tests.neurocuts.formats.texts import ALL, AWS, CIDR, CISCO, CSV, NACL, NFT, OVS


def address(text: str) -> int:
    a, b, c, d = map(int, text.split("."))
    return a << 24 | b << 16 | c << 8 | d


def verdict(rules: RuleSet, src: str, dst: str, sport: int, dport: int, proto: int, *more: int) -> str:
    found = rules.classify_linear([[address(src), address(dst), sport, dport, proto, *more]])[0]
    return rules.actions[found] if found >= 0 else "none"


# Sets of numbers

BYTES = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)).map(sorted).map(tuple), max_size=5).map(joined)


def numbers(spans: tuple[tuple[int, int], ...]) -> set[int]:
    return {value for low, high in spans for value in range(low, high + 1)}


@given(BYTES, BYTES)
def test_spans_are_sets(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> None:
    assert numbers(common(a, b)) == numbers(a) & numbers(b)
    assert numbers(complement(a, 255)) == set(range(256)) - numbers(a)


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_mask_means_its_numbers(value: int, mask: int) -> None:
    assert numbers(masked(value, mask, 8)) == {x for x in range(256) if x & mask == value & mask}


@given(
    st.dictionaries(st.sampled_from("ab"), BYTES.filter(bool)),
    st.dictionaries(st.sampled_from("ab"), BYTES.filter(bool)),
)
def test_subtracted_conditions_hold_what_is_left_once(a: dict, b: dict) -> None:
    def holds(condition: dict, point: tuple[int, int]) -> bool:
        pairs = zip("ab", point, strict=True)
        return all(any(low <= x <= high for low, high in condition.get(n, ((0, 255),))) for n, x in pairs)

    pieces = minus(a, b, {"a": 255, "b": 255})
    for point in [(x, y) for x in range(0, 256, 17) for y in range(0, 256, 15)]:
        assert sum(holds(piece, point) for piece in pieces) == (holds(a, point) and not holds(b, point))


# JSON with places

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    import json

    def plain(found: object) -> object:
        inner = found.value  # type: ignore[attr-defined]
        if isinstance(inner, dict):
            return {key: plain(item) for key, item in inner.items()}
        return [plain(item) for item in inner] if isinstance(inner, list) else inner

    assert plain(parse_json(json.dumps(value, indent=1), "x")) == value


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,\n "a": 2}', "2:2"),
        ("[1, 2", "1:6"),
        ("[" * 200, "1:102"),
        ('{"a" 1}', "1:6"),
        ("01", "1:1"),
        ('"\n"', "1:1"),
    ],
)
def test_wrong_json_is_an_error_with_its_place(text: str, place: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_json(text, "x")
    assert str(caught.value).startswith(f"x:{place}:"), str(caught.value)


# Formats


@pytest.mark.parametrize("name", ALL)
def test_the_format_is_told_by_its_looks(name: str) -> None:
    assert sniff(ALL[name]) == name


def test_nftables_sets_maps_jumps_and_concatenations_are_flattened() -> None:
    rules = parse(NFT, "nft", name="n", given={"ctstate": "NEW", "iif": "wlan0"}, unknown="deny")
    assert rules.columns == 5
    assert verdict(rules, "198.51.100.77", "9.9.9.9", 1, 22, 6) == "drop"
    assert verdict(rules, "203.0.113.10", "9.9.9.9", 1, 22, 6) == "accept"
    assert verdict(rules, "8.8.8.8", "9.9.9.9", 1, 22, 17) == "drop"
    assert verdict(rules, "8.8.8.8", "9.9.9.9", 1, 85, 6) == "accept"
    assert verdict(rules, "10.8.8.8", "9.9.9.9", 1, 85, 6) == "drop"
    assert verdict(rules, "8.8.8.8", "192.0.2.1", 1, 53, 17) == "accept"
    assert verdict(rules, "8.8.8.8", "192.0.2.2", 1, 53, 17) == "drop"
    assert verdict(rules, "8.8.8.8", "192.0.2.2", 1, 66, 17) == "accept"
    assert verdict(rules, "8.8.8.8", "192.0.2.2", 1024, 443, 6) == "drop"
    assert verdict(rules, "8.8.8.8", "192.0.2.2", 1024, 99, 6) == "reject"
    exact = parse(NFT, "nft", name="n")
    assert exact.losses.exact
    reasons = " ".join(loss.reason for loss in exact.losses)
    assert "IPv6" in reasons
    assert "log lets the packet go on" in reasons
    established = [0, 0, 0, 0, 0, *([0] * (exact.columns - 5))]
    established[[own.name for own in exact.fields].index("ctstate")] = 2
    assert exact.actions[exact.classify_linear([established])[0]] == "accept"
    six = parse(NFT, "nft", version=6, given={"ctstate": "NEW"}, unknown="deny")
    packet = np.zeros((1, 11), np.uint32)
    packet[0, :4] = [0x20010DB8, 0, 0, 1]
    assert six.actions[six.classify_linear(packet)[0]] == "accept"


def test_security_groups_are_unions_and_name_what_they_cannot_say() -> None:
    rules = parse(AWS, "aws", name="sg")
    assert [own.name for own in rules.fields[5:]] == ["icmp_type", "src in sg-2"]
    assert verdict(rules, "8.8.8.8", "1.1.1.1", 5, 444, 6, 0, 0) == "allow"
    assert verdict(rules, "8.8.8.8", "1.1.1.1", 5, 445, 6, 0, 0) == "deny"
    assert verdict(rules, "8.8.8.8", "1.1.1.1", 5, 445, 6, 0, 1) == "allow"
    assert verdict(rules, "192.0.2.4", "1.1.1.1", 0, 0, 1, 8, 0) == "allow"
    assert verdict(rules, "192.0.2.4", "1.1.1.1", 0, 0, 1, 3, 0) == "deny"
    assert any("outgoing" in loss.reason for loss in rules.losses)
    assert any("IPv6" in loss.reason for loss in rules.losses)
    out = parse(AWS, "aws", egress=True)
    assert verdict(out, "192.0.2.4", "1.1.1.1", 0, 0, 1) == "allow"


def test_a_network_acl_counts_by_rule_number() -> None:
    rules = parse(NACL, "aws")
    assert verdict(rules, "10.1.2.3", "1.1.1.1", 5, 22, 6) == "deny"
    assert verdict(rules, "10.1.2.3", "1.1.1.1", 5, 23, 6) == "allow"
    assert verdict(rules, "10.1.2.3", "1.1.1.1", 5, 23, 17) == "deny"
    assert 'RuleNumber": 90' in rules.sources[0]


def test_cisco_wildcards_names_and_comparisons_are_read() -> None:
    rules = parse(CISCO, "cisco", unknown="deny")
    assert verdict(rules, "10.9.9.9", "192.0.2.80", 5, 443, 6) == "permit"
    assert verdict(rules, "10.9.9.9", "192.0.2.81", 5, 443, 6) == "deny"
    assert verdict(rules, "172.16.2.9", "192.0.2.53", 1024, 53, 17) == "permit"
    assert verdict(rules, "172.16.3.9", "192.0.2.53", 1024, 53, 17) == "deny"  # the mask wants an even third byte
    assert verdict(rules, "9.9.9.9", "198.51.100.1", 124, 53, 17) == "deny"
    assert verdict(rules, "9.9.9.9", "198.51.100.1", 123, 53, 17) == "permit"
    assert not rules.losses.exact
    exact = parse(CISCO, "cisco")
    names = [own.name for own in exact.fields[5:]]
    assert names == ["tcp flags ACK or RST", "icmp_type", "source in object-group ADMINS", "time-range WORK"]
    assert [loss.line for loss in exact.losses.of(Effect.NO_VERDICT)] == [1, 4]


def test_a_list_of_asa_has_netmasks() -> None:
    rules = parse("access-list OUT extended permit tcp 10.0.0.0 255.0.0.0 host 1.2.3.4 eq https\n", "cisco")
    assert verdict(rules, "10.9.9.9", "1.2.3.4", 5, 443, 6) == "permit"
    assert verdict(rules, "11.9.9.9", "1.2.3.4", 5, 443, 6) == "deny"


def test_flows_count_by_priority_and_ties_are_reported() -> None:
    rules = parse(OVS, "ovs", unknown="deny")
    assert verdict(rules, "10.9.9.9", "1.2.3.4", 5, 80, 6) == "output:2"
    assert verdict(rules, "10.9.9.9", "192.0.2.4", 5, 1024, 17) == "drop"
    assert verdict(rules, "10.9.9.9", "192.0.2.4", 5, 1023, 17) == "resubmit(,1)"
    exact = parse(OVS, "ovs")
    assert [own.name for own in exact.fields[5:]] == ["in_port", "ct_state=+est-new"]
    assert {loss.line for loss in exact.losses if loss.effect == Effect.LEFT_OUT} == {5, 7}
    tie = "priority=5,ip,nw_src=10.0.0.0/8 actions=drop\npriority=5,ip,nw_dst=10.0.0.0/8 actions=output:1\n"
    assert [loss.line for loss in parse(tie, "ovs").losses.of(Effect.ASSUMED)] == [2]


def test_cells_of_a_table_are_values_ranges_prefixes_and_lists() -> None:
    rules = parse(CSV, "csv", name="t")
    assert verdict(rules, "10.3.3.3", "1.2.3.4", 5, 85, 6) == "permit"
    assert verdict(rules, "10.0.0.9", "1.2.3.4", 1024, 443, 17) == "deny"
    assert verdict(rules, "192.0.2.1", "1.2.3.4", 1023, 443, 17) == "none"
    assert rules.losses.of(Effect.LEFT_OUT)[0].line == 4
    assert rules.losses.of(Effect.NO_VERDICT)[0].reason.startswith("column 'note'")


def test_own_fields_of_any_width_are_read_and_classified() -> None:
    fields = (Field("vlan", 12), Field("zone", 2, values=("lan", "dmz", "wan")), Field("serial", 72))
    text = "vlan,zone,serial,action\n1-9|20,dmz,0-0x100000000000000ff,hold\n*,wan,*,drop\n"
    rules = parse(text, "csv", fields=fields)
    assert rules.columns == 5
    serial = fields[2].words(0x100000000000000FF)
    assert rules.actions[rules.classify_linear([[20, 1, *serial]])[0]] == "hold"
    assert rules.classify_linear([[10, 1, *serial]])[0] == -1
    assert rules.classify_linear([[9, 1, *fields[2].words(0x10000000000000100)]])[0] == -1


def test_a_data_frame_is_a_table() -> None:
    frame = {"src": ["10.0.0.0/8", None], "dport": [80.0, float("nan")], "proto": ["tcp", "udp"], "action": ["a", "b"]}

    class Frame:
        columns = list(frame)

        def __getitem__(self, name: str) -> list:
            return frame[name]

    rules = RuleSet.from_frame(Frame())
    assert rules.low[0].tolist() == [10 << 24, 0, 0, 80, 6]
    assert (rules.low[1, 3], rules.high[1, 3]) == (0, 65535)
    assert rules.actions == ("a", "b")


def test_a_list_of_blocks_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(CIDR)
    rules = RuleSet.from_cidr(path, on="dst")
    assert [rules.actions[i] if i >= 0 else "" for i in rules.classify_linear([[0, address(a), 0, 0, 0] for a in (
        "10.2.3.4", "192.0.2.2", "192.0.2.9", "203.0.113.4")])] == ["drop", "", "match", "match"]  # fmt: skip
    assert rules.losses.items[0].line == 5


# Whatever comes

FORMATS = sorted(set(ALL) - {"classbench"})
WORDS = [
    "-s", "-j", "!", "DROP", "10.0.0.0/8", "::/0", "permit", "deny", "tcp", "any", "host", "eq", "range", "0.0.255.0",
    "{", "}", "[", "]", ":", ",", "null", '"match"', '"op"', '"=="', "actions=", "priority=", "nw_src=", "/", "-", "|",
    "99999", "*filter", "COMMIT", "-m", "--ctstate", "NEW", "0x", "65536", "-1", "é", "\n", " ", '"', "\\", "\x00",
    "\u2028",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, str]:
    """A good file with pieces taken out, doubled, swapped or put in."""
    name = draw(st.sampled_from([*FORMATS, "nacl"]))
    text = {**ALL, "nacl": NACL}[name]
    chance = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        a = chance.randrange(len(text) + 1)
        b = min(len(text), a + chance.choice([0, 1, 2, 5, 20, 200]))
        piece = chance.choice([*WORDS, "", text[a:b], text[chance.randrange(len(text) or 1) :][:10]])
        text = text[:a] + piece + text[b:]
    return ("aws" if name == "nacl" else name), text


@settings(max_examples=300, deadline=None)
@given(damaged())
def test_no_damaged_file_crashes_an_importer(case: tuple[str, str]) -> None:
    name, text = case
    try:
        rules = parse(text, name, name="f")
    except InputError as error:
        fault: InputError = error
    else:
        assert len(rules.actions) in (0, len(rules))
        return
    assert "\n" not in str(fault)
    assert not isinstance(fault, RuleError) or fault.line is not None, str(fault)  # always with its place


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FORMATS), st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
def test_no_text_crashes_an_importer(name: str, text: str) -> None:
    with contextlib.suppress(InputError):
        parse(text, name)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_line_of_a_list_is_a_rule_or_in_the_report(data: st.DataObject) -> None:
    """Lines of the line formats are dropped, doubled and shuffled: what is read accounts for each."""
    name = data.draw(st.sampled_from(["cisco", "ovs", "cidr", "csv"]))
    lines = ALL[name].rstrip("\n").split("\n")
    head, body = (lines[:3], lines[3:-4]) if name == "cisco" else (lines[:1], lines[1:])
    chosen = data.draw(st.lists(st.sampled_from(body), max_size=8))
    rules = parse("\n".join([*head, *chosen]), name, name="f")
    known = {int(source.split(":")[1]) for source in rules.sources} | {loss.line for loss in rules.losses}
    for number in range(len(head) + 1, len(head) + len(chosen) + 1):
        assert number in known


def test_every_error_of_a_command_is_one_line(tmp_path: Path) -> None:
    from mlsys4sys.cli import main

    path = tmp_path / "x"
    path.write_bytes(b"\xff\xfe*filter")
    result = CliRunner().invoke(main, ["rules", "report", str(path)])
    assert result.exit_code == 1
    assert io.StringIO(result.stderr).read().count("\n") == 1
