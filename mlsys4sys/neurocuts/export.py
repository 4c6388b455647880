"""Classifiers as code of others: a C header, an eBPF program, rules for DPDK's ACL library.

The C that is written holds the tree's arrays and one short loop. Its steps are bounded by numbers that are computed
from the tree, so that a verifier of loops (eBPF's) and a reader can see that it ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlsys4sys.errors import InputError
from mlsys4sys.neurocuts.formats.draft import allows
from mlsys4sys.neurocuts.formats.write import write
from mlsys4sys.neurocuts.problem import IPV4, IPV6, RuleSet
from mlsys4sys.neurocuts.tree import Kind, Tree

MOST_STACK = 4096
NAMES = ("c", "ebpf", "dpdk", "dpdk-c")


def export(rules: RuleSet, tree: Tree, kind: str, *, name: str = "classifier") -> str:
    """A classifier in another form.

    Args:
        rules: The rules.
        tree: A tree that is proven equal to them.
        kind: ``"c"``: a header; ``"ebpf"``: an XDP program; ``"dpdk"``: a rules file as ``dpdk-test-acl`` reads it;
            ``"dpdk-c"``: a header with the fields' and rules' definitions for ``rte_acl``.
        name: What names in the C begin with.

    Raises:
        InputError: Unknown kind, a name that is none in C, or rules that the form cannot hold.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,60}", name):
        raise InputError(f"{name!r} is no name in C")
    if kind == "c":
        return _header(rules, tree, name)
    if kind == "ebpf":
        return _ebpf(rules, tree, name)
    if kind == "dpdk":
        return write(rules, "dpdk").text
    if kind == "dpdk-c":
        return _dpdk_c(rules, name)
    raise InputError(f"unknown form {kind!r}; known are {', '.join(NAMES)}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the loop over a tree needs at most.

    Attributes:
        stack: Nodes that wait, below partitions.
        steps: Nodes, rules, parts, boundaries and bits that are looked at, in all.
    """

    stack: int
    steps: int


def bounds_of(tree: Tree) -> Bounds:
    """Worst cases over all paths; children come after their parents, so one pass back suffices."""
    stack = np.ones(tree.nodes, np.int64)
    steps = np.ones(tree.nodes, np.int64)
    for node in range(tree.nodes - 1, -1, -1):
        if tree.kind[node] == Kind.LEAF:
            steps[node] = 1 + int(tree.count[node])
            continue
        cells = tree.cells(node)
        below = cells[cells >= 0]
        if tree.kind[node] == Kind.PARTITION:
            # All parts are put on the stack, the first on top; a part runs while those behind it wait.
            waiting = np.arange(len(below) - 1, -1, -1)
            stack[node] = max(int((stack[below] + waiting).max(initial=1)), len(below), 1)
            steps[node] = 1 + int(tree.count[node]) + int(steps[below].sum())
        else:
            stack[node] = max(int(stack[below].max(initial=1)), 1)
            own = {Kind.SPLIT: int(tree.count[node]), Kind.BITS: 33}.get(Kind(tree.kind[node]), 1)
            steps[node] = own + int(steps[below].max(initial=0))
    return Bounds(stack=int(stack[0]), steps=int(steps[0]))


def _numbers(values: Iterable[int], per_line: int = 16) -> str:
    texts = [str(value) for value in values]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return ",\n    ".join(lines) or "0"


def _hex(values: Iterable[int], per_line: int = 10) -> str:
    texts = [f"0x{value:x}u" for value in values]
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return ",\n    ".join(lines) or "0"


_TYPES = """\
typedef struct {
    @U32@ base;   /* CUT: number of the first cell; SPLIT: start in bounds; BITS: the bits */
    @U32@ first;  /* start in children, for a leaf in leaf_rules */
    @U32@ count;  /* cells, for a leaf rules */
    @U8@ kind, dim, shift, unused;
} @NAME@_node;
"""


_RODATA = ' SEC(".rodata")'
"""Else compilers put small tables into sections of their own, which the kernel's type checker does not take."""


def _tables(rules: RuleSet, tree: Tree, name: str, types: tuple[str, str, str], mark: str = "") -> str:
    u32, i32, u8 = types
    if (tree.kind == Kind.GRID).any():
        raise InputError("a tree with nodes of several columns cannot be exported")
    base = np.where(tree.kind == Kind.BITS, tree.mask, tree.base)
    nodes = ",\n    ".join(
        f"{{0x{b:x}u, {f}u, {c}u, {k}, {d}, {s}, 0}}"
        for b, f, c, k, d, s in zip(
            base.tolist(), tree.first.tolist(), tree.count.tolist(), tree.kind.tolist(), tree.dim.tolist(),
            tree.shift.tolist(), strict=True,
        )
    )  # fmt: skip
    sides = np.stack([rules.low, rules.high], axis=-1).reshape(-1).tolist()
    typed = _TYPES.replace("@U32@", u32).replace("@U8@", u8).replace("@NAME@", name)

    def array(kind: str, what: str, size: int, text: str) -> str:
        return _array(kind, f"{name}_{what}", size, text, mark)

    return "".join(
        [
            typed,
            array(f"{name}_node", "nodes", tree.nodes, nodes),
            array(i32, "children", len(tree.children), _numbers(tree.children.tolist())),
            array(i32, "leaf_rules", len(tree.rule_ids), _numbers(tree.rule_ids.tolist())),
            array(u32, "bounds", len(tree.bounds), _hex(tree.bounds.tolist())),
            f"/* Rule r, column c: low at 2 * ({rules.columns} * r + c), high behind it; both inclusive. */\n",
            array(u32, "sides", max(len(sides), 2 * rules.columns), _hex(sides)),
        ]
    )


def _array(kind: str, name: str, size: int, text: str, mark: str = "") -> str:
    return f"static const {kind} {name}[{max(size, 1)}]{mark} = {{\n    {text}\n}};\n"


def _about(rules: RuleSet, tree: Tree, what: str) -> str:
    columns = ", ".join(rules.column_names)
    return (
        f"/* {what}, generated: do not edit.\n"
        f" * {len(rules)} rules as a tree of {tree.nodes} nodes that was proven equal to them.\n"
        f" * A packet is {rules.columns} words of 32 bits: {_comment(columns)}. */\n"
    )


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\\", "/")


def _string(text: str) -> str:
    kept = "".join(letter if " " <= letter <= "~" and letter not in '"\\?' else " " for letter in text)
    return f'"{kept}"'


_LOOKUP = """\
/* The first rule that holds a packet, -1 for none. */
static inline int32_t @NAME@_classify(const uint32_t packet[@COLUMNS@]) {
    int32_t stack[@STACK@];
    int32_t waiting = 1;
    uint32_t best = @NAME@_RULES;
    stack[0] = 0;
    while (waiting > 0) {
        int32_t at = stack[--waiting];
        while (at >= 0) {
            const @NAME@_node *node = &@NAME@_nodes[at];
            const int32_t *cells = @NAME@_children + node->first;
            const uint32_t value = packet[node->dim];
            uint32_t cell = 0, i;
            if (node->kind == 0) { /* leaf: rules in order */
                const int32_t *own = @NAME@_leaf_rules + node->first;
                for (i = 0; i < node->count && (uint32_t)own[i] < best; i++) {
                    const uint32_t *sides = @NAME@_sides + 2u * @COLUMNS@u * (uint32_t)own[i];
                    int c = 0;
                    while (c < @COLUMNS@ && packet[c] >= sides[2 * c] && packet[c] <= sides[2 * c + 1]) c++;
                    if (c == @COLUMNS@) best = (uint32_t)own[i];
                }
                break;
            }
            if (node->kind == 5) { /* partition: every part is searched */
                for (i = node->count; i > 0; i--)
                    if (cells[i - 1] >= 0) stack[waiting++] = cells[i - 1];
                break;
            }
            if (node->kind == 1) { /* equal pieces */
                cell = (value >> node->shift) - node->base;
            } else if (node->kind == 2) { /* pieces between boundaries */
                while (cell + 1 < node->count && @NAME@_bounds[node->base + cell] <= value) cell++;
            } else { /* selected bits */
                uint32_t mask = node->base;
                for (i = 0; mask; mask &= mask - 1u, i++) cell |= (uint32_t)((value & mask & (0u - mask)) != 0) << i;
            }
            at = cell < node->count ? cells[cell] : -1;
        }
    }
    return best != @NAME@_RULES ? (int32_t)best : -1;
}
"""


def _header(rules: RuleSet, tree: Tree, name: str) -> str:
    guard = f"{name.upper()}_H"
    body = _LOOKUP.replace("@STACK@", str(bounds_of(tree).stack))
    body = body.replace("@COLUMNS@", str(rules.columns)).replace("@NAME@", name)
    actions = ""
    if rules.actions:
        texts = ",\n    ".join(_string(action) for action in rules.actions)
        actions = f"/* What each rule does. */\nstatic const char *const {name}_actions[] = {{\n    {texts}\n}};\n"
    return "".join(
        [
            _about(rules, tree, "A packet classifier"),
            f"#ifndef {guard}\n#define {guard}\n#include <stdint.h>\n\n",
            f"#define {name}_RULES {len(rules)}u\n#define {name}_COLUMNS {rules.columns}\n\n",
            _tables(rules, tree, name, ("uint32_t", "int32_t", "uint8_t")),
            f"#ifdef {name}_WANT_ACTIONS\n{actions}#endif\n\n" if actions else "",
            body,
            "#endif\n",
        ]
    )


_EBPF = """\
struct @NAME@_state {
    __u32 packet[16];
    __s32 stack[@STACK@]; /* a power of 2 */
    __s32 at;             /* the node, -1 when the next one waits on the stack */
    __u32 done;           /* rules, parts, boundaries or bits of the node that were looked at */
    __u32 rest, cell;     /* bits to come, and what those before them say */
    __s32 waiting;
    __u32 best;
};

/* In a map, whose content the verifier takes as unknown: it then need not follow the loop turn by turn. */
#ifdef NC_SHIM
static struct @NAME@_state scratch[1];
#else
struct {
    NC_UINT(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    NC_TYPE(key, __u32);
    NC_TYPE(value, struct @NAME@_state);
    NC_UINT(max_entries, 1);
} scratch SEC(".maps");
#endif

/* One rule, part, boundary or bit of a node, so that the verifier sees few paths; 1 when all is done. */
static __inline long @NAME@_step(struct @NAME@_state *s) {
    const @NAME@_node *node;
    __u64 at, place; /* of 64 bits, as the verifier keeps their bounds best */
    __u32 cell, value;
    if (s->at < 0) {
        if (s->waiting <= 0) return 1;
        s->waiting--;
        s->at = s->stack[s->waiting & (@STACK@ - 1)];
        s->done = 0;
    }
    at = (__u32)s->at;
    NC_KEEP(at);
    if (at >= @NODES@) return 1;
    node = &@NAME@_nodes[at];
    value = s->packet[node->dim & 15];
    if (node->kind == 0) { /* a leaf: its next rule */
        const __u32 *sides;
        __u64 own;
        __u32 c, held = 1;
        place = (__u64)node->first + s->done;
        NC_KEEP(place);
        if (s->done >= node->count || place >= @LEAF_RULES@) {
            s->at = -1;
            return 0;
        }
        own = (__u32)@NAME@_leaf_rules[place];
        NC_KEEP(own);
        s->done++;
        if (own >= s->best || own >= @RULES@) {
            s->at = -1;
            return 0;
        }
        place = 2 * @COLUMNS@ * own;
        NC_KEEP(place);
        if (place > @SIDES@ - 2 * @COLUMNS@) return 1;
        sides = &@NAME@_sides[place];
        for (c = 0; c < @COLUMNS@; c++) {
            if (s->packet[c] < sides[2 * c] || s->packet[c] > sides[2 * c + 1]) {
                held = 0;
                break;
            }
        }
        if (held) {
            s->best = (__u32)own;
            s->at = -1;
        }
        return 0;
    }
    if (node->kind == 5) { /* a partition: its next part from the end, so that the first comes out first */
        if (s->done >= node->count) {
            s->at = -1;
            return 0;
        }
        place = (__u64)node->first + (node->count - 1 - s->done);
        NC_KEEP(place);
        if (place >= @CHILDREN@) return 1;
        s->done++;
        if (@NAME@_children[place] >= 0) {
            s->stack[s->waiting & (@STACK@ - 1)] = @NAME@_children[place];
            s->waiting++;
        }
        return 0;
    }
    if (node->kind == 1) {
        cell = (value >> (node->shift & 31)) - node->base;
    } else if (node->kind == 2) {
        place = (__u64)node->base + s->done;
        NC_KEEP(place);
        if (s->done + 1 < node->count && place < @BOUNDS@ && @NAME@_bounds[place] <= value) {
            s->done++;
            return 0;
        }
        cell = s->done;
    } else {
        if (!s->done) {
            s->rest = node->base;
            s->cell = 0;
        }
        if (s->rest) {
            if (value & s->rest & (0 - s->rest)) s->cell |= 1u << (s->done & 31);
            s->rest &= s->rest - 1;
            s->done++;
            return 0;
        }
        cell = s->cell;
    }
    place = (__u64)node->first + cell;
    NC_KEEP(place);
    s->done = 0;
    if (cell >= node->count || place >= @CHILDREN@) {
        s->at = -1;
        return 0;
    }
    s->at = @NAME@_children[place];
    return 0;
}

#ifndef NC_PLAIN_LOOP
static long @NAME@_turn(__u32 turn, void *unused) {
    __u32 key = 0;
    struct @NAME@_state *s = bpf_map_lookup_elem(&scratch, &key);
    (void)turn, (void)unused;
    return s ? @NAME@_step(s) : 1;
}
#endif

/* The first rule that holds the packet in s->packet, -1 for none. */
static __s32 @NAME@_classify(struct @NAME@_state *s) {
    s->at = 0;
    s->done = 0;
    s->waiting = 0;
    s->best = @RULES@;
#ifndef NC_PLAIN_LOOP /* Linux 5.17 and later: the step is verified once, for a tree of any size */
    bpf_loop(@STEPS@, @NAME@_turn, (void *)0, 0);
#else
    {
        __u32 turn;
        for (turn = 0; turn < @STEPS@; turn++)
            if (@NAME@_step(s)) break;
    }
#endif
    return s->best != @RULES@ ? (__s32)s->best : -1;
}
"""

_XDP_HEAD = """\
/* clang -O2 -g -target bpf -c FILE.c -o FILE.o, then: ip link set dev DEV xdp obj FILE.o sec xdp
 * The map `verdicts` says what happens to packets of a rule (place 0 to @LAST@) and of none (place @RULES@); it
 * starts empty, and 0 means that the table below decides. `hits` counts packets the same way. The loop is bpf_loop,
 * of Linux 5.17; NC_PLAIN_LOOP has a loop of C in its place, which the verifier follows turn by turn. */
#ifdef NC_SHIM
#include "nc_shim.h"
#else
#include <linux/bpf.h>
#define SEC(name) __attribute__((section(name), used))
#define NC_UINT(name, value) int (*name)[value]
#define NC_TYPE(name, type) type *name
/* Keeps the compiler from moving a test of a bound behind what it guards. */
#define NC_KEEP(x) __asm__ volatile("" : "+r"(x))
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
#ifndef NC_PLAIN_LOOP
static long (*bpf_loop)(__u32 turns, void *step, void *state, __u64 flags) = (void *)181;
#endif
struct {
    NC_UINT(type, BPF_MAP_TYPE_ARRAY);
    NC_TYPE(key, __u32);
    NC_TYPE(value, __u32);
    NC_UINT(max_entries, @PLACES@);
} verdicts SEC(".maps");
struct {
    NC_UINT(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    NC_TYPE(key, __u32);
    NC_TYPE(value, __u64);
    NC_UINT(max_entries, @PLACES@);
} hits SEC(".maps");
#endif

"""

_XDP = """\
static __u32 @NAME@_word(const __u8 *bytes) {
    return (__u32)bytes[0] << 24 | (__u32)bytes[1] << 16 | (__u32)bytes[2] << 8 | bytes[3];
}

SEC("xdp")
int @NAME@_xdp(struct xdp_md *ctx) {
    const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;
    const __u8 *ip = data + 14;
    struct @NAME@_state *s;
    __u32 key = 0, proto;
    __u32 *verdict;
    __u64 *count;
    __s32 rule;
    s = bpf_map_lookup_elem(&scratch, &key);
    if (!s) return XDP_PASS;
    if (ip + @IP_BYTES@ > end || data[12] != @ETHER_HIGH@ || data[13] != @ETHER_LOW@) return XDP_PASS;
@READ@
    s->packet[@PROTO@] = proto;
    s->packet[@PROTO@ - 2] = 0;
    s->packet[@PROTO@ - 1] = 0;
    if (@FIRST_FRAGMENT@(proto == 6 || proto == 17 || proto == 132 || proto == 33 || proto == 136)) {
        const __u8 *ports = ip + @IP_SIZE@;
        if (ports + 4 <= end) {
            s->packet[@PROTO@ - 2] = (__u32)ports[0] << 8 | ports[1];
            s->packet[@PROTO@ - 1] = (__u32)ports[2] << 8 | ports[3];
        }
    }
    rule = @NAME@_classify(s);
    key = rule < 0 ? @RULES@ : (__u32)rule;
    count = bpf_map_lookup_elem(&hits, &key);
    if (count) (*count)++;
    verdict = bpf_map_lookup_elem(&verdicts, &key);
    if (verdict && *verdict) return *verdict;
    if (rule < 0 || (__u32)rule >= @RULES@) return XDP_PASS;
    return @NAME@_drops[rule] ? XDP_DROP : XDP_PASS;
}

char @NAME@_license[] SEC("license") = "Dual BSD/GPL";
"""

_READ4 = """\
    if ((ip[0] >> 4) != 4) return XDP_PASS;
    s->packet[0] = @NAME@_word(ip + 12);
    s->packet[1] = @NAME@_word(ip + 16);
    proto = ip[9];"""
_READ6 = """\
    if ((ip[0] >> 4) != 6) return XDP_PASS;
    s->packet[0] = @NAME@_word(ip + 8);
    s->packet[1] = @NAME@_word(ip + 12);
    s->packet[2] = @NAME@_word(ip + 16);
    s->packet[3] = @NAME@_word(ip + 20);
    s->packet[4] = @NAME@_word(ip + 24);
    s->packet[5] = @NAME@_word(ip + 28);
    s->packet[6] = @NAME@_word(ip + 32);
    s->packet[7] = @NAME@_word(ip + 36);
    proto = ip[6]; /* extension headers are not followed */"""


def _ebpf(rules: RuleSet, tree: Tree, name: str) -> str:
    if rules.fields not in (IPV4, IPV6):
        fields = ", ".join(own.name for own in rules.fields)
        raise InputError(f"an XDP program reads the five-tuple, and these rules have the fields {fields}")
    six, most = rules.fields == IPV6, bounds_of(tree)
    stack = 1 << (most.stack - 1).bit_length()
    if stack > MOST_STACK or most.steps >= 1 << 23:
        raise InputError(
            f"the tree keeps up to {most.stack} nodes waiting, more than an eBPF stack holds: build it for time"
        )
    drops = [int(bool(rules.actions) and not allows(rules.actions[row])) for row in range(len(rules))]
    text = "".join(
        [
            _about(rules, tree, "An XDP program that classifies packets"),
            _XDP_HEAD,
            _tables(rules, tree, name, ("__u32", "__s32", "__u8"), _RODATA),
            "/* 1: the rule's action is none that lets a packet pass. */\n",
            _array("__u8", f"{name}_drops", len(rules), _numbers(drops, 32), _RODATA),
            _EBPF,
            _XDP.replace("@READ@", _READ6 if six else _READ4),
        ]
    )
    values = {
        "NAME": name,
        "COLUMNS": rules.columns,
        "STACK": stack,
        "STEPS": most.steps + 1,
        "NODES": tree.nodes,
        "LEAF_RULES": max(len(tree.rule_ids), 1),
        "RULES": len(rules),
        "LAST": max(len(rules) - 1, 0),
        "PLACES": len(rules) + 1,
        "SIDES": max(2 * rules.low.size, 2 * rules.columns),
        "CHILDREN": max(len(tree.children), 1),
        "BOUNDS": max(len(tree.bounds), 1),
        "IP_BYTES": 40 if six else 20,
        "ETHER_HIGH": "0x86" if six else "0x08",
        "ETHER_LOW": "0xdd" if six else "0x00",
        "IP_SIZE": "40" if six else "4 * (ip[0] & 15)",
        "PROTO": rules.columns - 1,
        "FIRST_FRAGMENT": "" if six else "!((ip[6] & 0x1f) | ip[7]) && ",
    }
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    return text


_DPDK_FIELDS = """\
/* Fields in the order of struct {name}_packet; all are in network byte order, as rte_acl wants them. */
struct {name}_packet {{
    uint8_t proto;
    uint8_t unused[3];
    uint32_t src[{words}], dst[{words}];
    uint16_t sport, dport;
}};

static const struct rte_acl_field_def {name}_fields[{fields}] = {{
{definitions}
}};

RTE_ACL_RULE_DEF({name}_rule, {fields});
"""


def _dpdk_c(rules: RuleSet, name: str) -> str:
    if rules.fields not in (IPV4, IPV6):
        raise InputError("DPDK's header is written for the five-tuple")
    lines = [line.split("\t") for line in write(rules, "dpdk").text.splitlines()]
    words = 1 if rules.fields == IPV4 else 4
    rows = _dpdk_rows(rules)
    definitions = [("BITMASK", 1, 0, 0, "proto")]
    definitions += [
        ("MASK", 4, 1 + side * words + word, 1 + side * words + word, f"{('src', 'dst')[side]}[{word}]")
        for side in range(2)
        for word in range(words)
    ]
    last = 1 + 2 * words
    definitions += [("RANGE", 2, last, last, "sport"), ("RANGE", 2, last + 1, last, "dport")]
    text = ",\n".join(
        f"    {{.type = RTE_ACL_FIELD_TYPE_{kind}, .size = {size}, .field_index = {index}, .input_index = {group}, "
        f".offset = offsetof(struct {name}_packet, {member})}}"
        for kind, size, index, group, member in definitions
    )
    body = ",\n".join(rows)
    head = (
        f"/* {len(rules)} rules for DPDK's ACL library (rte_acl) as {len(rows)} prefixes, generated: do not edit.\n"
        f" * userdata is the rule's number plus 1; priorities fall with it. */\n"
        f"#ifndef {name.upper()}_DPDK_H\n#define {name.upper()}_DPDK_H\n"
        "#include <stddef.h>\n#include <stdint.h>\n#include <rte_acl.h>\n\n"
    )
    assert len(lines) == len(rows)
    fields = _DPDK_FIELDS.format(name=name, words=words, fields=len(definitions), definitions=text)
    table = f"static const struct {name}_rule {name}_rules[] = {{\n{body}\n}};\n"
    return f"{head}{fields}\n{table}#endif\n"


def _dpdk_rows(rules: RuleSet) -> list[str]:
    rows = []
    for row in range(len(rules)):
        source = RuleSet(fields=rules.fields, low=rules.low[row : row + 1], high=rules.high[row : row + 1])
        for line in write(source, "dpdk").text.splitlines():
            one = RuleSet.parse_classbench(line)
            low, high = one.low[0].tolist(), one.high[0].tolist()
            cells = [f"{{.value.u8 = {low[-1]}, .mask_range.u8 = 0x{255 ^ (low[-1] ^ high[-1]):02x}}}"]
            for a, b in zip(low[:-3], high[:-3], strict=True):
                cells.append(f"{{.value.u32 = 0x{a:08x}u, .mask_range.u32 = {32 - (a ^ b).bit_length()}}}")
            for a, b in zip(low[-3:-1], high[-3:-1], strict=True):
                cells.append(f"{{.value.u16 = {a}, .mask_range.u16 = {b}}}")
            data = f".userdata = {row + 1}, .category_mask = 1, .priority = {max(len(rules) - row, 1)}"
            rows.append(f"    {{.data = {{{data}}}, .field = {{{', '.join(cells)}}}}}")
    return rows
