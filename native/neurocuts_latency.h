// Trees for measured speed: built greedily, in milliseconds, for a trace and a price of memory.
//
// The search (neurocuts_search.h) counts what the paper counts. A real lookup differs: empty cells and tables cost memory, a
// leaf costs by its blocks of eight rules, and packets do not visit all leaves alike. Here a node takes the cut that is least
// by an estimate of steps and blocks of the packets that come by, plus a price for bytes; the caller tries many constants and
// keeps what is fastest when measured (mlsys4sys/neurocuts/tune.py).
#pragma once
#include <optional>

#include "neurocuts_rules.h"

namespace neurocuts {

// Which rules are true: those wider than 2^bits in a column, or (column -2) beyond a share of the list. Column -1: none.
struct Test {
    int column = -1;
    float bits = 0;
};

struct LatencyOptions {
    int leaf = 8;        // rules that are never cut further
    int max_bits = 12;   // a cut has at most 2^max_bits cells
    float memory = 0.01f;  // what a byte for each rule costs, in steps
    float base = 16;     // guess: a node makes this many times fewer rules
    float rate = 0.1f;   // guess: bytes grow by this power of the rules
    float block = 2.5f;  // what a block of a leaf costs, in steps
    float noise = 0;
    float max_bytes = 0;   // a table that grows beyond it is given up; 0: no bound
    double seconds = 0;    // so is one that takes longer; 0: no bound
    bool bits = false;   // bit selections
    Test tests[2];       // partition at the root into up to four groups,
    uint32_t parts = 0;  // which are put together: two bits for each group
    uint64_t seed = 0;
};

// n packets of `rules.columns` words, drawn from the traffic. Nothing when it was given up.
std::optional<Flat> latency_tree(const Rules &rules, const uint32_t *packets, size_t n, const LatencyOptions &options);

}  // namespace neurocuts
