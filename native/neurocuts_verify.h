// The proof that a tree answers as the rule list does, on the whole space and not on a sample of it.
#pragma once
#include <string>

#include "neurocuts_rules.h"

namespace neurocuts {

// A tree's arrays, as tree.py describes them.
struct TreeView {
    size_t nodes = 0, n_children = 0, n_rule_ids = 0, n_bounds = 0, n_terms = 0;
    const uint8_t *kind = nullptr, *dim = nullptr, *shift = nullptr;
    const uint32_t *base = nullptr, *mask = nullptr, *bounds = nullptr, *terms = nullptr;
    const int64_t *first = nullptr;
    const int32_t *count = nullptr, *children = nullptr, *rule_ids = nullptr;
};

struct Proof {
    bool ok = false;
    int64_t cells = 0;             // regions that were proven
    std::string fault;             // what is wrong, when it is not the answer of a packet
    std::vector<uint32_t> packet;  // one that is answered wrongly
    int32_t rule = -1;             // its right answer
};

// Checks that indices are in range and that children come after their parents; a fault is told in words.
std::string malformed(const TreeView &tree, const Rules &rules);
Proof prove(const TreeView &tree, const Rules &rules);

// A point of `what` within the box that none of `by` holds; empty when there is none.
std::vector<uint32_t> outside(const Rules &rules, uint32_t what, const Box &box, const List &by);

}  // namespace neurocuts
