// Comparing rule sets on the whole space: where two differ, which rules one could do without, all rules of a packet.
#pragma once
#include "neurocuts_rules.h"

namespace neurocuts {

struct Keyed {
    const Rules &rules;
    const int32_t *keys;  // what a rule's match means, at least 0; no match means -1
};

struct Differences {
    std::vector<uint32_t> packets;  // one a difference, column by column
    std::vector<int32_t> first, second;  // the rules that it meets, -1 for none
    int64_t regions = 0;  // compared
    bool complete = true;
};

// Packets that two sets answer differently, one for each pair of rules, at most `limit`.
Differences differences(const Keyed &a, const Keyed &b, size_t limit, double seconds);

// For each rule -1, the first that covers it whole and comes before it, or -2 where several do so together. What takes too
// long is -1.
std::vector<int32_t> shadowed(const Rules &rules, double seconds);

// For each rule -1, or what answers in its place when it is taken out: a rule, or -2 for several. All that are named can
// be taken out together. Rules in `dead` are left out of consideration. What takes too long is not named.
std::vector<int32_t> redundant(const Keyed &set, const uint8_t *dead, double seconds);

// Rules of each packet in order: those of packet i are ids[offsets[i]] … ids[offsets[i + 1] - 1].
void all_matches(const Rules &rules, const uint32_t *packets, size_t count, std::vector<int64_t> &offsets,
                 std::vector<int32_t> &ids);

}  // namespace neurocuts
