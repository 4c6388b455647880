from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts import Classifier, ClassifierBuilder, RuleSet
from mlsys4sys.neurocuts.baselines import build
from mlsys4sys.neurocuts.export import NAMES, bounds_of, export
from mlsys4sys.neurocuts.problem import IPV4, IPV6, Field
from mlsys4sys.neurocuts.tree import single_leaf
from tests.conftest import real_data
from tests.neurocuts.trees import probes, random_rules, rule_sets

GCC = shutil.which("gcc") or shutil.which("cc")
CLANG = shutil.which("clang") or shutil.which("clang-14")
FLAGS = ["-O1", "-Wall", "-Wextra", "-Werror"]
needs_compiler = pytest.mark.skipif(GCC is None, reason="no C compiler")

WRAP = """
#include "{header}"
void run(const uint32_t *packets, long count, int32_t *out) {{
    for (long i = 0; i < count; i++) out[i] = classifier_classify(packets + i * classifier_COLUMNS);
}}
"""
XDP_WRAP = """
#define NC_SHIM
#include "{program}"
void run(const uint8_t *frames, const int *sizes, long count, int32_t *out) {{
    for (int i = 0; i < 65536; i++) verdicts[i] = (__u32)i + 1000;
    for (long i = 0; i < count; i++) {{
        struct xdp_md ctx = {{(unsigned long)(frames + 128 * i), (unsigned long)(frames + 128 * i + sizes[i])}};
        out[i] = classifier_xdp(&ctx);
    }}
}}
"""


def compiled(folder: Path, code: str, *flags: str) -> ctypes.CDLL:
    source, library = folder / "run.c", folder / "run.so"
    source.write_text(code)
    made = [
        str(GCC),
        *FLAGS,
        *flags,
        "-I",
        str(Path(__file__).parent),
        "-shared",
        "-fPIC",
        str(source),
        "-o",
        str(library),
    ]
    ran = subprocess.run(made, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[:2000]
    return ctypes.CDLL(str(library))


def by_header(folder: Path, classifier: Classifier) -> Callable[[np.ndarray], np.ndarray]:
    header = folder / "c.h"
    classifier.export_c(header)
    library = compiled(folder, WRAP.format(header=header), "-std=c99", "-pedantic")

    def run(packets: np.ndarray) -> np.ndarray:
        words, out = np.ascontiguousarray(packets, np.uint32), np.empty(len(packets), np.int32)
        library.run(
            words.ctypes.data_as(ctypes.c_void_p), ctypes.c_long(len(words)), out.ctypes.data_as(ctypes.c_void_p)
        )
        return out

    return run


def classifier_of(rules: RuleSet, expansions: int = 300) -> Classifier:
    return ClassifierBuilder(expansions=expansions, threads=1).build(rules)


@needs_compiler
@pytest.mark.parametrize("name", ["acl1_1k", "fw1_1k", "ipc1_1k"])
def test_the_header_answers_as_the_rules_do(name: str, tmp_path: Path) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / name)
    packets = probes(rules, np.random.default_rng(0), 20_000)
    classifier = classifier_of(rules, 3000)
    assert by_header(tmp_path, classifier)(packets).tolist() == classifier.rules.classify_linear(packets).tolist()


@needs_compiler
@pytest.mark.parametrize("fields", [IPV6, (Field("zone", 2), Field("serial", 40), Field("port", 16))])
def test_the_header_takes_any_fields(fields: tuple[Field, ...], tmp_path: Path) -> None:
    rules = random_rules(np.random.default_rng(1), 200, fields)
    packets = probes(rules, np.random.default_rng(0), 3000)
    assert by_header(tmp_path, classifier_of(rules))(packets).tolist() == rules.classify_linear(packets).tolist()


@needs_compiler
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=rule_sets(most=40))
def test_the_header_is_right_on_odd_sets(rules: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> None:
    packets = probes(rules, np.random.default_rng(0), 500)
    run = by_header(tmp_path_factory.mktemp("c"), classifier_of(rules, 100))
    assert run(packets).tolist() == rules.classify_linear(packets).tolist()


def frame(packet: np.ndarray, *, six: bool) -> bytes:
    *addresses, sport, dport, proto = (int(value) for value in packet)
    ports = struct.pack(">HH", sport, dport) + bytes(8)
    if six:
        head = struct.pack(">IHBB", 6 << 28, len(ports), proto, 64) + struct.pack(">8I", *addresses)
        return bytes(12) + b"\x86\xdd" + head + ports
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(ports), 0, 0, 64, proto, 0, *addresses)
    return bytes(12) + b"\x08\x00" + head + ports


def by_program(folder: Path, classifier: Classifier) -> Callable[[np.ndarray], np.ndarray]:
    program = folder / "x.c"
    classifier.export_ebpf(program)
    library = compiled(folder, XDP_WRAP.format(program=program), "-Wno-unused-function")

    def run(packets: np.ndarray) -> np.ndarray:
        frames = [frame(packet, six=classifier.rules.fields == IPV6) for packet in packets]
        data = b"".join(one.ljust(128, b"\0") for one in frames)
        sizes = np.array([len(one) for one in frames], np.int32)
        out = np.empty(len(frames), np.int32)
        library.run(
            data, sizes.ctypes.data_as(ctypes.c_void_p), ctypes.c_long(len(frames)), out.ctypes.data_as(ctypes.c_void_p)
        )
        return np.where(out - 1000 == len(classifier.rules), -1, out - 1000)

    return run


@needs_compiler
@pytest.mark.parametrize("fields", [IPV4, IPV6])
def test_the_xdp_program_answers_as_the_rules_do(fields: tuple[Field, ...], tmp_path: Path) -> None:
    rules = random_rules(np.random.default_rng(3), 300, fields)
    packets = probes(rules, np.random.default_rng(0), 3000)
    packets[:2000, -1] = np.random.default_rng(1).choice([6, 17], 2000)
    ported = np.isin(packets[:, -1], [6, 17, 33, 132, 136])
    packets[~ported, -3:-1] = 0
    assert by_program(tmp_path, classifier_of(rules))(packets).tolist() == rules.classify_linear(packets).tolist()


@needs_compiler
def test_the_xdp_program_of_a_real_set_is_right(tmp_path: Path) -> None:
    rules = RuleSet.from_classbench(real_data("rulesets") / "fw1_1k")
    packets = probes(rules, np.random.default_rng(0), 5000)
    packets[~np.isin(packets[:, -1], [6, 17, 33, 132, 136]), -3:-1] = 0
    assert by_program(tmp_path, classifier_of(rules, 2000))(packets).tolist() == rules.classify_linear(packets).tolist()


@pytest.mark.skipif(CLANG is None, reason="no clang")
@pytest.mark.parametrize("flags", [[], ["-DNC_PLAIN_LOOP"]])
def test_the_xdp_program_compiles_for_ebpf(flags: list[str], tmp_path: Path) -> None:
    program = tmp_path / "x.c"
    classifier_of(random_rules(np.random.default_rng(3), 300)).export_ebpf(program)
    includes = [f"-I{path}" for path in Path("/usr/include").glob("*-linux-gnu")]
    made = [str(CLANG), "-target", "bpf", "-O2", "-g", "-Wall", "-Werror", *includes, *flags, "-c", str(program)]
    ran = subprocess.run([*made, "-o", str(tmp_path / "x.o")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[:2000]


BPFTOOL = shutil.which("bpftool")


@pytest.mark.skipif(not (CLANG and BPFTOOL and shutil.which("unshare")), reason="no clang or bpftool")
@pytest.mark.parametrize("fields", [IPV4, IPV6])
def test_the_kernel_takes_the_xdp_program(fields: tuple[Field, ...], tmp_path: Path) -> None:
    """The kernel's own proof that it ends and stays within its memory, where we may ask for it."""
    program = tmp_path / "x.c"
    classifier_of(random_rules(np.random.default_rng(3), 400, fields), 2000).export_ebpf(program)
    includes = [f"-I{path}" for path in Path("/usr/include").glob("*-linux-gnu")]
    made = [str(CLANG), "-target", "bpf", "-O2", "-g", *includes, "-c", str(program), "-o", str(tmp_path / "x.o")]
    subprocess.run(made, check=True, capture_output=True)
    load = f"mount -t bpf bpf /sys/fs/bpf && {BPFTOOL} prog load {tmp_path / 'x.o'} /sys/fs/bpf/x type xdp"
    ran = subprocess.run(["unshare", "-m", "-n", "sh", "-c", load], capture_output=True, text=True, timeout=60)
    if ran.returncode and ("not permitted" in ran.stderr or "mount:" in ran.stderr or "unshare:" in ran.stderr):
        pytest.skip(f"may not load programs here: {ran.stderr.strip()[:80]}")
    assert ran.returncode == 0, ran.stderr[-2000:]


@given(rule_sets(most=40))
def test_the_bounds_of_the_loop_hold_on_every_path(rules: RuleSet) -> None:
    tree = build("cutsplit", rules) or single_leaf(rules)
    most = bounds_of(tree)
    for packet in probes(rules, np.random.default_rng(0), 50):
        stack, steps, waited = [0], 0, 1
        while stack:
            waited = max(waited, len(stack))
            node = stack.pop()
            while node >= 0:
                steps += 1
                if tree.kind[node] == 0:
                    steps += int(tree.count[node])
                    break
                cells = tree.cells(node).tolist()
                if tree.kind[node] == 5:
                    stack += [cell for cell in reversed(cells) if cell >= 0]
                    waited = max(waited, len(stack))
                    break
                value = int(packet[tree.dim[node]])
                if tree.kind[node] == 1:
                    cell = (value >> int(tree.shift[node])) - int(tree.base[node])
                else:
                    start = int(tree.base[node])
                    cell = int((tree.bounds[start : start + len(cells) - 1] <= value).sum())
                node = cells[cell] if 0 <= cell < len(cells) else -1
        assert waited <= most.stack
        assert steps <= most.steps


def test_rules_for_dpdk_are_read_as_the_same_rules(tmp_path: Path) -> None:
    rules = random_rules(np.random.default_rng(3), 100)
    path = tmp_path / "d.rules"
    classifier_of(rules).export_dpdk(path)
    assert RuleSet.from_classbench(path) == rules
    assert all(line.count("\t") == 4 for line in path.read_text().splitlines())


@pytest.mark.skipif(shutil.which("dpdk-test-acl") is None, reason="no dpdk-test-acl")
def test_dpdks_own_program_takes_the_rules(tmp_path: Path) -> None:
    rules = RuleSet.from_ranges([[(5, 900), (0, 2**32 - 1), (0, 65535), (80, 443), (6, 6)]])
    classifier_of(rules).export_dpdk(tmp_path / "d.rules")
    (tmp_path / "d.trace").write_text("5\t1\t2\t80\t6\t0\n901\t1\t2\t80\t6\t0\n")
    own = "--no-huge --no-pci --no-telemetry -l 0 -m 512 --log-level=acl:8 --file-prefix"
    sizes = "--rulenum=100 --tracenum=2 --tracestep=2 --bldcat=1 --runcat=1 --iter=1 --alg=scalar"
    files = [f"--rulesf={tmp_path / 'd.rules'}", f"--tracef={tmp_path / 'd.trace'}"]
    made = ["dpdk-test-acl", *own.split(), tmp_path.name, "--", *files, *sizes.split()]
    ran = subprocess.run(made, capture_output=True, text=True, timeout=120)
    if "EAL" in ran.stderr and "cannot" in ran.stderr.lower() and ran.returncode:
        pytest.skip("DPDK cannot start here")
    assert ran.returncode == 0, ran.stderr[-500:]
    assert "num_rules=12" in ran.stdout  # a range of addresses is several prefixes


@pytest.mark.skipif(not Path("/usr/include/dpdk/rte_acl.h").exists(), reason="no DPDK headers")
@needs_compiler
@pytest.mark.parametrize("fields", [IPV4, IPV6])
def test_the_definitions_for_dpdk_compile(fields: tuple[Field, ...], tmp_path: Path) -> None:
    rules = random_rules(np.random.default_rng(3), 50, fields)
    keep = [row for row in range(len(rules)) if fields == IPV4 or not rules.low[row, :8].any()]
    header = tmp_path / "d.h"
    header.write_text(export(rules.take(keep), single_leaf(rules.take(keep)), "dpdk-c"))
    source = tmp_path / "d.c"
    uses = "int main(void) { return (int)sizeof classifier_rules + (int)sizeof classifier_fields; }"
    source.write_text(f'#include "{header}"\n{uses}\n')
    folders = (Path("/usr/include/dpdk"), *Path("/usr/include").glob("*-linux-gnu/dpdk"))
    made = [str(GCC), "-Wall", "-march=native", *(f"-I{folder}" for folder in folders), "-c", str(source)]
    ran = subprocess.run([*made, "-o", str(tmp_path / "d.o")], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[:2000]


def test_what_cannot_be_exported_is_refused_with_a_reason(tmp_path: Path) -> None:
    rules = random_rules(np.random.default_rng(3), 20, (Field("a", 8), Field("b", 8)))
    classifier = classifier_of(rules)
    with pytest.raises(InputError, match="five-tuple"):
        classifier.export_ebpf(tmp_path / "x.c")
    with pytest.raises(InputError, match="no name in C"):
        classifier.export_c(tmp_path / "x.h", name="2x; int")
    with pytest.raises(InputError, match=", ".join(NAMES)):
        classifier.export(tmp_path / "x", "p4")


@needs_compiler
def test_actions_in_the_header_cannot_break_out_of_their_strings(tmp_path: Path) -> None:
    rules = RuleSet.from_ranges([[(0, 1)] * 5], actions=['a"; int x = "\\'])
    header = tmp_path / "c.h"
    classifier_of(rules).export_c(header)
    first = "const char *first(void) { return classifier_actions[0]; }"
    code = f"#define classifier_WANT_ACTIONS\n{WRAP.format(header=header)}\n{first}"
    compiled(tmp_path, code, "-std=c99")
