from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.packets import read


def ipv4(src: int, dst: int, sport: int, dport: int, proto: int, fragment: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBHII", 0x46, 0, 32, 0, fragment, 64, proto, 0, src, dst) + bytes(4)
    return head + struct.pack(">HH", sport, dport) + bytes(4)


def ipv6(words: tuple[int, ...], sport: int, dport: int, proto: int, *extra: tuple[int, bytes]) -> bytes:
    """``extra``: extension headers as (kind, body behind its first byte)."""
    kinds = [kind for kind, _ in extra] + [proto]
    chain = b"".join(bytes([following]) + body for (_, body), following in zip(extra, kinds[1:], strict=True))
    ports = struct.pack(">HH", sport, dport) + bytes(4)
    return struct.pack(">IHBB", 6 << 28, 0, kinds[0], 64) + struct.pack(">8I", *words) + chain + ports


def ethernet(body: bytes, *, tags: int = 0) -> bytes:
    kind = b"\x08\x00" if body[0] >> 4 == 4 else b"\x86\xdd"
    return bytes(12) + b"\x81\x00\x00\x05" * tags + kind + body


def pcap(frames: list[bytes], *, link: int = 1, order: str = "<") -> bytes:
    out = struct.pack(order + "IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return out + b"".join(struct.pack(order + "IIII", 0, 0, len(f), len(f)) + f for f in frames)


def pcapng(frames: list[bytes], *, link: int = 1, order: str = "<", simple: bool = False) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack(order + "HHI", link, 0, 65535)) + block(5, bytes(8))
    for f in frames:
        head = struct.pack(order + "I", len(f)) if simple else struct.pack(order + "IIIII", 0, 0, 0, len(f), len(f))
        out += block(3 if simple else 6, head + f)
    return out


FRAMES = [
    ethernet(ipv4(1, 2, 3, 4, 6)),
    ethernet(ipv4(5, 6, 7, 8, 17), tags=2),
    ethernet(ipv4(5, 6, 7, 8, 1)),
    ethernet(ipv4(5, 6, 7, 8, 6, fragment=100)),
    ethernet(ipv6(tuple(range(8)), 9, 10, 6)),
    bytes(12) + b"\x08\x06" + bytes(28),
]
FOUR = [[1, 2, 3, 4, 6], [5, 6, 7, 8, 17], [5, 6, 0, 0, 1], [5, 6, 0, 0, 6]]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("how", ["pcap", "pcapng", "simple"])
def test_captures_of_every_kind_give_the_same_packets(how: str, order: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    data = pcap(FRAMES, order=order) if how == "pcap" else pcapng(FRAMES, order=order, simple=how == "simple")
    path.write_bytes(data)
    assert read(path, 5).tolist() == FOUR
    assert read(path, 11).tolist() == [[*range(8), 9, 10, 6]]


def test_extension_headers_of_ipv6_are_followed(tmp_path: Path) -> None:
    words = tuple(range(8))
    hop, later = (0, bytes(7)), (44, struct.pack(">BHI", 0, 8 << 3, 1))
    first, auth = (44, struct.pack(">BHI", 0, 1, 1)), (51, bytes([1]) + bytes(10))
    path = tmp_path / "x"
    cases = [ipv6(words, 9, 10, 17, hop), ipv6(words, 9, 10, 17, hop, auth, first), ipv6(words, 9, 10, 17, later)]
    path.write_bytes(pcap(cases, link=101))
    assert [row[8:] for row in read(path, 11).tolist()] == [[9, 10, 17], [9, 10, 17], [0, 0, 17]]


def test_rules_with_more_fields_than_a_capture_has_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(pcap(FRAMES))
    with pytest.raises(InputError, match="other fields given"):
        read(path, 7)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_captures_are_read_or_refused_with_a_place(data: st.DataObject, tmp_path: Path) -> None:
    good = data.draw(st.sampled_from([pcap(FRAMES), pcapng(FRAMES), pcapng(FRAMES, simple=True, order=">")]))
    broken = bytearray(good[: data.draw(st.integers(4, len(good)))])
    for _ in range(data.draw(st.integers(0, 4))):
        broken[data.draw(st.integers(4, len(broken) - 1)) if len(broken) > 4 else 0] = data.draw(st.integers(0, 255))
    path = tmp_path / "x"
    path.write_bytes(bytes(broken))
    for columns in (5, 11):
        try:
            assert read(path, columns).shape[1] == columns
        except InputError as error:
            text = str(error)
        else:
            continue
        assert "capture" in text or ":1:" in text
