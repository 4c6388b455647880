// Lookups of other schools, to measure against: tuple spaces, bit selection, a plain walk of any tree.
#pragma once
#include <memory>
#include <string>

#include "neurocuts_verify.h"

namespace neurocuts {

class Peer {
   public:
    virtual ~Peer() = default;
    virtual int32_t one(const uint32_t *packet) const = 0;  // first matching rule, -1 for none
    virtual size_t bytes() const = 0;
    // Only where updates are supported (tuple spaces): a rule of the set that was given, out and in again.
    virtual bool insert(uint32_t) { return false; }
    virtual bool remove(uint32_t) { return false; }

    void classify(const uint32_t *packets, size_t count, int columns, int32_t *out) const {
        for (size_t i = 0; i < count; i++) out[i] = one(packets + i * size_t(columns));
    }
};

// "tss", "tuplemerge" or "pext"; null for another name or when it would need more than a sensible size.
std::unique_ptr<Peer> peer(const std::string &name, const Rules &rules);
// Walks the tree as it is, grids of several columns included; the tree has to be well formed.
std::unique_ptr<Peer> plain_walk(const TreeView &tree, const Rules &rules);

}  // namespace neurocuts
