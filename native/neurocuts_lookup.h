// Lookup: a tree laid out for the cache, and walks of it with SIMD.
//
// Children are descriptors of 16 bytes laid side by side, so a cut costs one load. A leaf is blocks of eight rules, column
// by column, compared at once; columns of up to 16 bits are stored in 16. Parts of a partition are sorted by their best rule,
// and those that cannot beat what is found already are left out. Several packets walk at a time, each while the others
// wait for memory.
#pragma once
#include <string>

#include "neurocuts_rules.h"
#include "neurocuts_verify.h"

namespace neurocuts {

constexpr int LANES = 8;
constexpr int MAX_FRAMES = 32;
constexpr uint32_t NO_RULE = 0x7FFFFFFF;

struct Step {
    uint8_t kind = LEAF, dim = 0, shift = 0, unused = 0;
    uint32_t base = 0, offset = 0, count = 0;  // count: of a leaf its blocks, of a cut or split its highest cell
};

struct Part {
    uint32_t step, floor;  // where it starts, and its best rule
};

struct Layout {
    int columns = 0;
    bool five = false;                // the IPv4 five-tuple: a path of its own
    bool narrow[MAX_COLUMNS] = {};    // 16 bits
    uint32_t place[MAX_COLUMNS] = {};  // of the lower bounds in a block; the upper bounds follow
    uint32_t ids = 0, bytes = 0;       // of a block
};

struct Table {
    Layout layout;
    std::vector<Step> steps;
    std::vector<Part> parts;
    std::vector<uint32_t> bounds;  // 16 to a split
    std::vector<uint8_t> store;    // the blocks, with room to align them
    uint8_t *blocks = nullptr;
    int rules = 0;
    bool interleaved = false;  // several packets walk at a time: pays when the table is larger than the cache

    // Throws std::invalid_argument for trees that it cannot lay out.
    void compile(const TreeView &tree, const Rules &rules);
    size_t bytes() const {
        return steps.size() * sizeof(Step) + parts.size() * sizeof(Part) + bounds.size() * 4 + store.size();
    }
    void classify(const uint32_t *packets, size_t n, int32_t *out, int threads) const;
    int32_t one(const uint32_t *packet) const;
};

// What this machine runs: avx512, avx2 or scalar.
std::string kernel_name();
// "" chooses by the machine; for tests.
void force_kernel(const std::string &name);

}  // namespace neurocuts
