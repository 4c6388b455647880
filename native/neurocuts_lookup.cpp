#include "neurocuts_lookup.h"

#include "neurocuts_live.h"

#include <cstring>
#include <stdexcept>
#include <unordered_map>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_X86 1
#include <immintrin.h>
#elif defined(__aarch64__)
#define HAVE_NEON 1
#include <arm_neon.h>
#endif

namespace neurocuts {

constexpr size_t AHEAD = 8;  // leaves, between asking for one and reading it

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
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi,bmi2,popcnt,lzcnt")
namespace avx512 {
#define ISA 5
#include "neurocuts_lookup_kernel.inc"
#undef ISA
}  // namespace avx512
#pragma GCC pop_options
#endif

#ifdef HAVE_NEON
namespace neon {
#define ISA 1
#include "neurocuts_lookup_kernel.inc"
#undef ISA
}  // namespace neon
#endif

namespace {

std::string &forced() {
    static std::string name;
    return name;
}

uint64_t mixed(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 29;
}

struct Compiler {
    Table &table;
    const TreeView &tree;
    const Rules &rules;
    std::unordered_multimap<uint64_t, uint32_t> arrays;               // children laid out already: where they start
    std::unordered_multimap<uint64_t, std::pair<int32_t, Step>> leaves;  // the node and its step
    std::vector<uint32_t> open[LANES];  // blocks by the number of their last lanes that are free

    // Lays a node out; its best rule.
    uint32_t node(int32_t id, Step &out, int depth) {
        out = Step();
        if (id < 0) return NO_RULE;
        switch (tree.kind[id]) {
            case LEAF: return leaf(id, out);
            case PARTITION: return partition(id, out, depth);
            case CUT: case SPLIT: case BITS: return inner(id, out, depth);
            default: throw std::invalid_argument("nodes of several columns have no lookup");
        }
    }

    uint32_t inner(int32_t id, Step &out, int depth) {
        const uint32_t count = uint32_t(tree.count[id]);
        const bool split = tree.kind[id] == SPLIT;
        if (count > MOST_CELLS) throw std::invalid_argument("a cut has more than two million cells");
        if (split && count > 17) throw std::invalid_argument("a split has more than 16 boundaries");
        // One cell more, where nothing is, for what lies outside a cut.
        std::vector<Step> cells(count + (tree.kind[id] == CUT));
        uint32_t floor = NO_RULE;
        for (uint32_t i = 0; i < count;) {
            const int32_t child = tree.children[tree.first[id] + i];
            Step made;
            floor = std::min(floor, node(child, made, depth));
            cells[i++] = made;
            if (!table.share && tree.kind[id] == BITS) continue;  // each cell has a child of its own
            for (; i < count && tree.children[tree.first[id] + i] == child; i++) cells[i] = made;
        }
        out.offset = placed(cells);
        const uint32_t last = uint32_t(cells.size()) - 1;
        if (split) {
            table.plain = false;
            out.mask = tree.dim[id];
            out.base = uint32_t(table.bounds.size());
            for (uint32_t i = 0; i < 16; i++)
                table.bounds.push_back(i + 1 < count ? tree.bounds[tree.base[id] + i] : 0xFFFFFFFFu);
            out.word = last << 11 | AT_SPLIT;
        } else if (tree.kind[id] == BITS) {
            table.scattered = true;
            out.mask = tree.mask[id];
            out.base = 0;
            out.word = last << 11 | 1u << 10 | tree.dim[id];
        } else {
            out.mask = 0xFFFFFFFFu << tree.shift[id];
            out.base = tree.base[id];
            out.word = last << 11 | uint32_t(tree.shift[id]) << 5 | tree.dim[id];
        }
        return floor;
    }

    // Where these children stand: appended, or found where equal ones are.
    uint32_t placed(const std::vector<Step> &cells) {
        uint64_t key = cells.size();
        for (const Step &s : cells) key = mixed(mixed(key, uint64_t(s.mask) << 32 | s.base), uint64_t(s.offset) << 32 | s.word);
        const auto [from, to] = arrays.equal_range(key);
        for (auto it = from; table.share && it != to; ++it)
            if (it->second + cells.size() <= table.steps.size() && std::equal(cells.begin(), cells.end(), &table.steps[it->second]))
                return it->second;
        const uint32_t at = uint32_t(table.steps.size());
        table.steps.insert(table.steps.end(), cells.begin(), cells.end());
        arrays.emplace(key, at);
        return at;
    }

    uint32_t partition(int32_t id, Step &out, int depth) {
        if (depth >= MAX_FRAMES) throw std::invalid_argument("partitions are nested too deep");
        table.plain = false;
        std::vector<Part> parts = divided(id, depth);
        out.mask = 0;
        out.offset = uint32_t(table.parts.size());
        out.base = uint32_t(parts.size());
        out.word = AT_PARTITION;
        table.parts.insert(table.parts.end(), parts.begin(), parts.end());
        return parts.empty() ? NO_RULE : parts[0].floor;
    }

    std::vector<Part> divided(int32_t id, int depth) {
        std::vector<Part> parts;
        for (int32_t i = 0; i < tree.count[id]; i++) {
            Step made;
            const uint32_t floor = node(tree.children[tree.first[id] + i], made, depth + 1);
            if (floor == NO_RULE) continue;
            parts.push_back({uint32_t(table.steps.size()), floor});
            table.steps.push_back(made);
        }
        std::sort(parts.begin(), parts.end(), [](const Part &a, const Part &b) { return a.floor < b.floor; });
        return parts;
    }

    // A partition at the root, and those that are its parts, as one.
    void root(int32_t id) {
        if (id >= 0 && tree.kind[id] == PARTITION) {
            for (int32_t i = 0; i < tree.count[id]; i++) root(tree.children[tree.first[id] + i]);
            return;
        }
        Step made;
        const uint32_t floor = node(id, made, 0);
        if (floor == NO_RULE) return;
        table.top.push_back({uint32_t(table.steps.size()), floor});
        table.steps.push_back(made);
    }

    // Finds lanes for a leaf: those that another left in its last block, or new blocks; the first lane.
    uint32_t place(uint32_t count, Step &out) {
        const Layout &layout = table.layout;
        for (uint32_t free = count; table.share && free < LANES; free++) {
            if (open[free].empty()) continue;
            out.base = open[free].back();
            out.offset = 1u | ((1u << count) - 1) << (LANES - free) << 16;
            open[free].pop_back();
            if (free > count) open[free - count].push_back(out.base);
            return LANES - free;
        }
        const uint32_t blocks = (count + LANES - 1) / LANES, left = blocks * LANES - count;
        out.base = uint32_t(table.store.size() / layout.bytes);
        out.offset = table.share ? blocks | (0xFFu >> left) << 16 : blocks;
        table.store.resize(table.store.size() + size_t(blocks) * layout.bytes);
        uint8_t *last = &table.store[table.store.size() - layout.bytes];
        for (uint32_t lane = LANES - left; lane < LANES; lane++) put_rule(layout, last, int(lane), NO_RULE, nullptr);
        if (left) open[left].push_back(out.base + blocks - 1);
        return 0;
    }

    uint32_t leaf(int32_t id, Step &out) {
        const Layout &layout = table.layout;
        const uint32_t count = uint32_t(tree.count[id]);
        if (!count) return NO_RULE;
        if (count > 0xFFFFu * LANES) throw std::invalid_argument("a leaf has more than 524,280 rules");
        const int32_t *ids = tree.rule_ids + tree.first[id];
        uint64_t key = count;
        for (uint32_t i = 0; i < count; i++) key = mixed(key, uint64_t(ids[i]));
        const auto [from, to] = leaves.equal_range(key);
        for (auto it = from; it != to; ++it) {
            const int32_t other = it->second.first;
            if (tree.count[other] == int32_t(count) && std::equal(ids, ids + count, tree.rule_ids + tree.first[other])) {
                out = it->second.second;
                return out.mask;
            }
        }
        out.mask = uint32_t(ids[0]);
        out.word = AT_LEAF;
        uint32_t lane = place(count, out);
        for (uint32_t i = 0; i < count; i++, lane++) {
            uint8_t *block = &table.store[(out.base + size_t(lane / LANES)) * layout.bytes];
            put_rule(layout, block, int(lane % LANES), uint32_t(ids[i]), rules.row(uint32_t(ids[i])));
        }
        leaves.emplace(key, std::pair{id, out});
        return out.mask;
    }
};

void range(const Table &table, const uint32_t *packets, size_t n, int32_t *out) {
#ifdef HAVE_X86
    const std::string name = kernel_name();
    if (name == "avx512") return avx512::range(table, packets, n, out);
    if (name == "avx2") return avx2::range(table, packets, n, out);
#elif defined(HAVE_NEON)
    if (kernel_name() == "neon") return neon::range(table, packets, n, out);
#endif
    scalar::range(table, packets, n, out);
}

}  // namespace

Layout layout_of(const Rules &rules) {
    Layout layout;
    layout.columns = rules.columns;
    uint32_t place = 0;
    for (int c = 0; c < rules.columns; c++) {
        layout.narrow[c] = rules.maxima[c] <= 0xFFFF;
        if (!layout.narrow[c]) place = (place + 31) / 32 * 32;
        layout.place[c] = place;
        place += 2u * LANES * (layout.narrow[c] ? 2 : 4);
    }
    layout.ids = place;
    layout.bytes = (place + 4 * LANES + 63) / 64 * 64;
    layout.five = rules.columns == 5 && !layout.narrow[0] && !layout.narrow[1] && layout.narrow[2] && layout.narrow[3] && layout.narrow[4];
    if (layout.five) layout.bytes = 256;
    return layout;
}

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
#elif defined(HAVE_NEON)
    return "neon";  // every such processor has it
#else
    return "scalar";
#endif
}

void force_kernel(const std::string &name) { forced() = name; }

void Table::compile(const TreeView &tree, const Rules &all) {
    layout = layout_of(all);
    rules = all.count;
    Compiler compiler{*this, tree, all, {}, {}};
    compiler.root(0);
    std::sort(top.begin(), top.end(), [](const Part &a, const Part &b) { return a.floor < b.floor; });
    const size_t used = store.size();
    blocks_used = used / layout.bytes;
    store.resize(used + 128);  // to align, and for reads past the last id
    store.shrink_to_fit();
    uint8_t *start = store.data();
    const size_t skip = (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64;
    std::memmove(start + skip, start, used);
    blocks = start + skip;
    steps.shrink_to_fit();
}

void Live::classify(const uint32_t *packets, size_t n, int32_t *out) const {
#ifdef HAVE_X86
    const std::string name = kernel_name();
    if (name == "avx512") return avx512::live(*this, packets, n, out);
    if (name == "avx2") return avx2::live(*this, packets, n, out);
#elif defined(HAVE_NEON)
    if (kernel_name() == "neon") return neon::live(*this, packets, n, out);
#endif
    scalar::live(*this, packets, n, out);
}

int32_t Table::one(const uint32_t *packet) const {
#ifdef HAVE_X86
    const std::string name = kernel_name();
    if (name == "avx512") return avx512::one(*this, packet);
    if (name == "avx2") return avx2::one(*this, packet);
#elif defined(HAVE_NEON)
    if (kernel_name() == "neon") return neon::one(*this, packet);
#endif
    return scalar::one(*this, packet);
}

Work Table::work(const uint32_t *packets, size_t n) const {
    if (!plain) throw std::invalid_argument("work is counted for tables of cuts and leaves below the top alone");
    Work sum;
    for (size_t i = 0; i < n; i++) {
        const uint32_t *packet = packets + i * size_t(layout.columns);
        uint32_t best = NO_RULE;
        for (const Part &part : top) {
            if (part.floor >= best) break;
            sum.parts++;
            Step step = steps[part.step];
            for (; step.code() < AT_LEAF; sum.steps++) step = steps[step.offset + scalar::cell_at<true>(step, packet[step.code()])];
            const uint8_t *block = blocks + size_t(step.base) * layout.bytes;
            for (uint32_t left = step.mask < best ? step.blocks() : 0; left; left--, block += layout.bytes) {
                sum.blocks++;
                uint32_t mask = layout.five ? scalar::matches<true>(layout, block, packet) : scalar::matches<false>(layout, block, packet);
                if (left == 1) mask &= step.lanes();
                if (!mask) continue;
                best = std::min(best, get_rule(layout, block, __builtin_ctz(mask)));
                break;
            }
        }
    }
    const double count = double(std::max<size_t>(n, 1));
    return {sum.parts / count, sum.steps / count, sum.blocks / count};
}

void Table::classify(const uint32_t *packets, size_t n, int32_t *out, int threads) const {
    shared_out(n, threads, [=, this](size_t from, size_t to) {
        range(*this, packets + from * size_t(layout.columns), to - from, out + from);
    });
}

}  // namespace neurocuts
