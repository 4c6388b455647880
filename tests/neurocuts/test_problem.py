from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys4sys.errors import InputError, RuleError
from mlsys4sys.neurocuts.problem import IPV6, Field, RuleSet, wide_boxes
from tests.conftest import real_data

LINE = "@10.0.0.0/8\t192.168.1.7/32\t0 : 65535\t80 : 443\t0x06/0xFF\t0x1000/0x1000"


def test_a_classbench_line_is_read_as_ranges() -> None:
    rules = RuleSet.parse_classbench(LINE + " accept")
    assert rules.low.tolist() == [[10 << 24, 0xC0A80107, 0, 80, 6]]
    assert rules.high.tolist() == [[(11 << 24) - 1, 0xC0A80107, 65535, 443, 6]]
    assert rules.actions == ("accept",)
    assert rules.sources[0].startswith("rules:1: @10.0.0.0/8")


def test_an_ipv6_line_has_eleven_columns() -> None:
    rules = RuleSet.parse_classbench("@2001:db8::/48 ::/0 0 : 65535 53 : 53 0x11/0xFF")
    assert rules.fields == IPV6
    assert rules.low[0, :4].tolist() == [0x20010DB8, 0, 0, 0]
    assert rules.high[0, :4].tolist() == [0x20010DB8, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF]
    assert RuleSet.parse_classbench(rules.to_classbench()) == rules


@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_real_sets_are_the_same_after_writing_and_reading(name: str) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    assert RuleSet.parse_classbench(rules.to_classbench()) == rules


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (LINE.replace("80 : 443", "443 : 80"), 38, "443 : 80"),
        (LINE.replace("/8", "/33"), 11, "above 32"),
        (LINE.replace("/0xFF", "/0x0E"), 52, "no prefix"),
        (LINE.replace("10.0.0.0", "10.0.0.256"), 2, "no address"),
        ("@10.0.0.0/8 nonsense", 13, "not a ClassBench rule"),
    ],
)
def test_a_wrong_line_is_an_error_that_says_where(line: str, column: int, words: str) -> None:
    with pytest.raises(RuleError, match=words) as caught:
        RuleSet.parse_classbench(f"# comment\n{line}\n", name="x.rules")
    assert str(caught.value).startswith(f"x.rules:2:{column}:")


@given(st.text(alphabet="@0123456789abcdef.:/x \tF\n", max_size=80))
def test_no_text_crashes_the_parser(text: str) -> None:
    try:
        rules = RuleSet.parse_classbench(text)
    except RuleError:
        return
    assert len(rules) == sum(1 for line in text.splitlines() if line.strip())


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1), st.lists(st.integers(0, 2**40 - 1), max_size=20))
def test_the_boxes_of_a_wide_range_hold_the_range_and_no_more(a: int, b: int, values: list[int]) -> None:
    field = Field("wide", 40)
    low, high = sorted((a, b))
    boxes = list(wide_boxes(field, low, high))
    for value in [*values, low, high]:
        words = field.words(value)
        inside = [all(x <= w <= y for x, w, y in zip(lo, words, hi, strict=True)) for lo, hi in boxes]
        assert sum(inside) == (low <= value <= high)


def test_packets_of_another_shape_are_refused() -> None:
    rules = RuleSet.parse_classbench(LINE)
    with pytest.raises(InputError, match="src, dst, sport, dport, proto"):
        rules.packets(np.zeros((3, 4)))
    with pytest.raises(InputError, match="outside"):
        rules.packets([[-1, 0, 0, 0, 0]])


def test_an_empty_set_matches_nothing() -> None:
    assert RuleSet.parse_classbench("").classify_linear(np.zeros((2, 5), np.uint32)).tolist() == [-1, -1]
