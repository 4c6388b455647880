#include "neurocuts_lookup.h"

#include <cstring>
#include <stdexcept>
#include <thread>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_X86 1
#include <immintrin.h>
#endif

namespace neurocuts {

namespace scalar {
#define ISA 0
#include "neurocuts_lookup_kernel.inc"
#undef ISA
}  // namespace scalar

#ifdef HAVE_X86
#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")
namespace avx2 {
#define ISA 2
#include "neurocuts_lookup_kernel.inc"
#undef ISA
}  // namespace avx2
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx2,bmi,bmi2,popcnt,lzcnt")
namespace avx512 {
#define ISA 5
#include "neurocuts_lookup_kernel.inc"
#undef ISA
}  // namespace avx512
#pragma GCC pop_options
#endif

namespace {

constexpr int GROUP = 12;
constexpr size_t FEWEST = 4096;  // packets for a thread of its own

std::string &forced() {
    static std::string name;
    return name;
}

struct Compiler {
    Table &table;
    const TreeView &tree;
    const Rules &rules;
    int frames = 0;

    uint32_t leaf_floor(int32_t node) const {
        return tree.count[node] ? uint32_t(tree.rule_ids[tree.first[node]]) : NO_RULE;
    }

    // Lays a node out; its best rule.
    uint32_t node(int32_t id, Step &out, int depth) {
        out = Step();
        if (id < 0) return NO_RULE;
        const int64_t first = tree.first[id];
        const uint32_t count = uint32_t(tree.count[id]);
        out.kind = tree.kind[id];
        out.dim = tree.dim[id];
        if (out.kind == LEAF) {
            leaf(id, out);
            return leaf_floor(id);
        }
        if (out.kind == PARTITION) return partition(id, out, depth);
        if (out.kind != CUT && out.kind != SPLIT) throw std::invalid_argument("nodes of several columns have no lookup");
        if (out.kind == CUT) {
            out.shift = tree.shift[id];
            out.base = tree.base[id];
        } else {
            if (count > 17) throw std::invalid_argument("a split has more than 16 boundaries");
            out.base = uint32_t(table.bounds.size());
            for (uint32_t i = 0; i < 16; i++)
                table.bounds.push_back(i + 1 < count ? tree.bounds[tree.base[id] + i] : 0xFFFFFFFFu);
        }
        // The highest cell that is looked up: of a cut one more, where nothing is, for what lies outside.
        out.count = out.kind == CUT ? count : count - 1;
        out.offset = uint32_t(table.steps.size());
        table.steps.resize(table.steps.size() + out.count + 1);
        uint32_t floor = NO_RULE;
        for (uint32_t i = 0; i < count;) {
            const int32_t child = tree.children[first + i];
            Step made;
            floor = std::min(floor, node(child, made, depth));
            for (; i < count && tree.children[first + i] == child; i++) table.steps[out.offset + i] = made;
        }
        return floor;
    }

    uint32_t partition(int32_t id, Step &out, int depth) {
        if (depth >= MAX_FRAMES) throw std::invalid_argument("partitions are nested too deep");
        const int64_t first = tree.first[id];
        std::vector<Part> parts;
        for (int32_t i = 0; i < tree.count[id]; i++) {
            const uint32_t at = uint32_t(table.steps.size());
            table.steps.emplace_back();
            Step made;
            const uint32_t floor = node(tree.children[first + i], made, depth + 1);
            table.steps[at] = made;
            if (floor != NO_RULE) parts.push_back({at, floor});
        }
        std::sort(parts.begin(), parts.end(), [](const Part &a, const Part &b) { return a.floor < b.floor; });
        out.offset = uint32_t(table.parts.size());
        out.count = uint32_t(parts.size());
        table.parts.insert(table.parts.end(), parts.begin(), parts.end());
        return parts.empty() ? NO_RULE : parts[0].floor;
    }

    void leaf(int32_t id, Step &out) {
        const Layout &layout = table.layout;
        const uint32_t count = uint32_t(tree.count[id]);
        const size_t before = table.store.size();
        out.offset = uint32_t(before / layout.bytes);
        out.count = (count + LANES - 1) / LANES;
        table.store.resize(before + size_t(out.count) * layout.bytes);
        for (uint32_t i = 0; i < out.count * LANES; i++) {
            uint8_t *block = &table.store[before + size_t(i / LANES) * layout.bytes];
            const int lane = int(i % LANES);
            const uint32_t rule = i < count ? uint32_t(tree.rule_ids[tree.first[id] + i]) : NO_RULE;
            std::memcpy(block + layout.ids + 4 * lane, &rule, 4);
            for (int c = 0; c < layout.columns; c++) {
                const Range range = i < count ? rules.row(rule)[c] : Range{0xFFFFFFFFu, 0};  // matches nothing
                if (layout.narrow[c]) {
                    const uint16_t low = uint16_t(range.low), high = uint16_t(range.high);
                    std::memcpy(block + layout.place[c] + 2 * lane, &low, 2);
                    std::memcpy(block + layout.place[c] + 2 * LANES + 2 * lane, &high, 2);
                } else {
                    std::memcpy(block + layout.place[c] + 4 * lane, &range.low, 4);
                    std::memcpy(block + layout.place[c] + 4 * LANES + 4 * lane, &range.high, 4);
                }
            }
        }
    }
};

Layout layout_of(const Rules &rules) {
    Layout layout;
    layout.columns = rules.columns;
    uint32_t place = 0;
    for (int c = 0; c < rules.columns; c++) {
        layout.narrow[c] = rules.maxima[c] <= 0xFFFF;
        const uint32_t size = 2u * LANES * (layout.narrow[c] ? 2 : 4);
        if (!layout.narrow[c]) place = (place + 31) / 32 * 32;
        layout.place[c] = place;
        place += size;
    }
    layout.ids = place;
    layout.bytes = (place + 4 * LANES + 63) / 64 * 64;
    layout.five = rules.columns == 5 && !layout.narrow[0] && !layout.narrow[1] && layout.narrow[2] && layout.narrow[3] && layout.narrow[4];
    return layout;
}

void range(const Table &table, const uint32_t *packets, size_t n, int32_t *out) {
    const std::string name = kernel_name();
    const bool together = table.interleaved;
#ifdef HAVE_X86
    if (name == "avx512") return (together ? avx512::many<GROUP> : avx512::each)(table, packets, n, out);
    if (name == "avx2") return (together ? avx2::many<GROUP> : avx2::each)(table, packets, n, out);
#endif
    (together ? scalar::many<GROUP> : scalar::each)(table, packets, n, out);
}

}  // namespace

std::string kernel_name() {
    if (!forced().empty()) return forced();
#ifdef HAVE_X86
    static const std::string best = [] {
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
            return "avx512";
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? "avx2" : "scalar";
    }();
    return best;
#else
    return "scalar";
#endif
}

void force_kernel(const std::string &name) { forced() = name; }

void Table::compile(const TreeView &tree, const Rules &all) {
    layout = layout_of(all);
    rules = all.count;
    steps.emplace_back();
    bounds.assign(16, 0);  // what a cut, which has none, compares with
    Compiler compiler{*this, tree, all};
    Step root;
    compiler.node(0, root, 0);
    steps[0] = root;
    const size_t used = store.size();
    store.resize(used + 64);
    uint8_t *start = store.data();
    const size_t skip = (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64;
    std::memmove(start + skip, start, used);
    blocks = start + skip;
}

int32_t Table::one(const uint32_t *packet) const {
#ifdef HAVE_X86
    const std::string name = kernel_name();
    if (name == "avx512") return avx512::one(*this, packet);
    if (name == "avx2") return avx2::one(*this, packet);
#endif
    return scalar::one(*this, packet);
}

void Table::classify(const uint32_t *packets, size_t n, int32_t *out, int threads) const {
    const size_t most = std::max<size_t>(1, std::min<size_t>(size_t(std::max(threads, 1)), n / FEWEST));
    if (most == 1) return range(*this, packets, n, out);
    std::vector<std::thread> others;
    const size_t share = (n + most - 1) / most;
    for (size_t t = 1; t < most; t++) {
        const size_t from = t * share, to = std::min(n, from + share);
        if (from < to) others.emplace_back([=] { range(*this, packets + from * size_t(layout.columns), to - from, out + from); });
    }
    range(*this, packets, std::min(share, n), out);
    for (std::thread &other : others) other.join();
}

}  // namespace neurocuts
