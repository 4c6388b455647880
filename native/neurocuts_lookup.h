// Lookup: a tree laid out for the cache, and walks of it with SIMD.
//
// Children are descriptors of 16 bytes laid side by side, so a cut costs one load and no division; equal children and equal
// leaves are stored once. A leaf is blocks of eight rules, compared at once; the IPv4 five-tuple has blocks of its own,
// which AVX-512 compares in four instructions; small leaves share one. Packets go in batches, level by level, with no branch that depends on one
// packet: those that wait for memory do not hold up the others. Parts of a partition at the top are sorted by their best rule,
// and those that cannot beat what is found already are left out.
#pragma once
#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "neurocuts_rules.h"
#include "neurocuts_verify.h"

namespace neurocuts {

constexpr int LANES = 8;
constexpr int MAX_FRAMES = 32;
constexpr uint32_t NO_RULE = 0x7FFFFFFF;
constexpr size_t BATCH = 256;  // packets that walk together

// What a step is, in the five lowest bits of its word: the column of a cut or bit selection, or one of these.
enum Code : uint32_t { AT_LEAF = 16, AT_SPLIT = 17, AT_PARTITION = 18 };

struct alignas(16) Step {
    uint32_t base = 0;    // cut: of the first cell; leaf: its first block; split: its boundaries; partition: how many parts
    // Where the children start; partition: its first part; leaf: how many blocks in 16 bits, then which lanes of the last one.
    uint32_t offset = 0;
    // Cut, bits: the selected bits; the cell is pext(x, mask) - base. Leaf: its first rule. Split: its column.
    uint32_t mask = NO_RULE;
    uint32_t word = AT_LEAF;  // code, then 5 bits of shift, 1 bit: bits are not adjacent, 21 bits: the highest cell

    uint32_t code() const { return word & 31; }
    uint32_t shift() const { return word >> 5 & 31; }
    bool scattered() const { return word >> 10 & 1; }
    uint32_t last() const { return word >> 11; }
    uint16_t blocks() const { return uint16_t(offset); }
    uint8_t lanes() const { return uint8_t(offset >> 16); }
    bool operator==(const Step &o) const { return mask == o.mask && base == o.base && offset == o.offset && word == o.word; }
};
constexpr uint32_t MOST_CELLS = (1u << 21) - 2;

struct Part {
    uint32_t step, floor;  // where it starts, and its best rule
};

struct Layout {
    int columns = 0;
    bool five = false;                 // the IPv4 five-tuple
    bool narrow[MAX_COLUMNS] = {};     // 16 bits
    uint32_t place[MAX_COLUMNS] = {};  // of the lower bounds in a block; the upper bounds follow
    uint32_t ids = 0, bytes = 0;       // of a block
};

Layout layout_of(const Rules &rules);

inline uint32_t get_rule(const Layout &layout, const uint8_t *block, int lane) {
    if (layout.five) {
        uint16_t low, high;
        std::memcpy(&low, block + 176 + 2 * lane, 2);
        std::memcpy(&high, block + 240 + 2 * lane, 2);
        return low | uint32_t(high) << 16;
    }
    uint32_t rule;
    std::memcpy(&rule, block + layout.ids + 4 * lane, 4);
    return rule;
}

inline void copy_rule(const Layout &layout, const uint8_t *from, int lane, uint8_t *to, int to_lane) {
    auto copy = [&](uint32_t place, int size) { std::memcpy(to + place + size * to_lane, from + place + size * lane, size_t(size)); };
    if (layout.five) {
        for (uint32_t place : {0, 32, 64, 96}) copy(place, 4);
        for (uint32_t place : {128, 144, 160, 176, 192, 208, 224, 240}) copy(place, 2);
        return;
    }
    for (int c = 0; c < layout.columns; c++) {
        const int size = layout.narrow[c] ? 2 : 4;
        copy(layout.place[c], size);
        copy(layout.place[c] + uint32_t(size * LANES), size);
    }
    copy(layout.ids, 4);
}

// Writes one rule into a lane of a block; range: nullptr for a lane that matches nothing.
inline void put_rule(const Layout &layout, uint8_t *block, int lane, uint32_t rule, const Range *range) {
    auto put = [&](uint32_t place, uint32_t value, int size) { std::memcpy(block + place + size * lane, &value, size_t(size)); };
    for (int c = 0; c < layout.columns; c++) {
        const Range r = range ? range[c] : Range{0xFFFFFFFFu, 0};  // matches nothing
        const int size = layout.narrow[c] ? 2 : 4;
        const uint32_t five[] = {0, 32, 128, 144, 160};
        put(layout.five ? five[c] : layout.place[c], r.low, size);
        put(layout.five ? five[c] + 64 : layout.place[c] + uint32_t(size * LANES), r.high, size);
    }
    if (layout.five) {
        put(176, rule & 0xFFFF, 2);
        put(240, rule >> 16, 2);
    } else {
        put(layout.ids, rule, 4);
    }
}

struct Work {  // what a batch does for a packet
    double parts = 0, steps = 0, blocks = 0;
};

struct Table {
    Layout layout;
    std::vector<Step> steps;
    std::vector<Part> top;    // of the partition at the root, or the root alone
    std::vector<Part> parts;  // of partitions deeper down
    std::vector<uint32_t> bounds;  // 16 to a split
    std::vector<uint8_t> store;    // the blocks, with room to align them
    uint8_t *blocks = nullptr;
    int rules = 0;
    bool plain = true;      // cuts and leaves alone below the top
    bool scattered = false;  // some bit selection
    bool share = true;       // equal children and leaves are stored once, and leaves share blocks
    size_t blocks_used = 0;

    // Throws std::invalid_argument for trees that it cannot lay out.
    void compile(const TreeView &tree, const Rules &rules);
    size_t bytes() const {
        return steps.size() * sizeof(Step) + (top.size() + parts.size()) * sizeof(Part) + bounds.size() * 4 + store.size();
    }
    void classify(const uint32_t *packets, size_t n, int32_t *out, int threads) const;
    int32_t one(const uint32_t *packet) const;
    // Means over packets. Throws std::invalid_argument for tables that are not plain.
    Work work(const uint32_t *packets, size_t n) const;
};

constexpr size_t SHARE = 8192;  // packets that a thread takes at a time

// Packets [from, to) by `work`, on some threads: each takes the next share when it has done one, so that none waits for a slow one.
template <typename F>
void shared_out(size_t n, int threads, F work) {
    const size_t most = std::min<size_t>(size_t(std::max(threads, 1)), (n + SHARE - 1) / SHARE);
    if (most <= 1) return work(0, n);
    std::atomic<size_t> next{0};
    auto run = [&] {
        for (size_t from; (from = next.fetch_add(SHARE, std::memory_order_relaxed)) < n;) work(from, std::min(n, from + SHARE));
    };
    std::vector<std::thread> others;
    for (size_t t = 1; t < most; t++) others.emplace_back(run);
    run();
    for (std::thread &other : others) other.join();
}

// What this machine runs: avx512, avx2 or scalar.
std::string kernel_name();
// "" chooses by the machine; for tests.
void force_kernel(const std::string &name);

}  // namespace neurocuts
