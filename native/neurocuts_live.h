// A table that changes while it answers.
//
// An inserted rule goes into every leaf that it meets, a removed one leaves them; a leaf is never changed in place but written
// anew and put into its cell by one store of eight bytes, so a reader sees the leaf before or after and never between. Rules
// that meet too many leaves stand in a short list in front (the overlay), which is replaced whole. Memory that readers may
// still look at is kept until the last of them has gone on (epochs), so readers take no lock and never wait. One writer at a time.
//
// Priorities are 64-bit keys, the least wins: row r of the first rules has r << 32 | 0xFFFFFFFF, a rule inserted at priority p
// p << 32 | its number. So it wins over row p and loses to row p - 1 and to what was inserted at p before.
#pragma once
#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "neurocuts_lookup.h"

namespace neurocuts {

constexpr uint64_t NO_KEY = ~uint64_t(0);
constexpr size_t READERS = 128;        // at a time; further ones share slots by waiting for one
constexpr uint64_t IDLE = ~uint64_t(0);

struct alignas(64) ReaderSlot {
    std::atomic<uint64_t> epoch{IDLE};
    std::atomic<bool> taken{false};
};

class Epochs {
  public:
    ReaderSlot *enter();
    void leave(ReaderSlot *slot);
    void step(ReaderSlot *slot) {
        slot->epoch.store(now_.load(), std::memory_order_seq_cst);
        std::atomic_thread_fence(std::memory_order_seq_cst);  // before anything of the table is read
    }
    uint64_t now() const { return now_.load(); }
    uint64_t advance() { return now_.fetch_add(1) + 1; }
    // What was retired at an epoch below this one is looked at by nobody.
    uint64_t oldest() const;

  private:
    std::atomic<uint64_t> now_{1};
    ReaderSlot slots_[READERS];
};

struct Entry {  // of a rule: what readers need to know
    uint64_t key;
    int32_t id;
    uint32_t unused;
};

struct Overlay {
    std::vector<uint8_t> store;
    const uint8_t *blocks = nullptr;
    size_t count = 0;  // of blocks
    std::vector<uint64_t> keys;  // the first of each block
};

// Where a leaf lies: a box, bits chosen above, and perhaps only outside of a range.
struct Region {
    Box box;
    uint32_t mask[MAX_COLUMNS] = {}, value[MAX_COLUMNS] = {};
    int outside = -1;  // column
    Range inner{0, 0};
};

class Live {
  public:
    // Rules in order of their keys. Throws std::invalid_argument for trees with splits or inner partitions.
    Live(const TreeView &tree, const Rules &rules, const uint64_t *keys, const int32_t *ids, Epochs &epochs);
    ~Live();
    Live(const Live &) = delete;

    enum class Removal { DONE, NO_SUCH_RULE, TOO_MUCH };  // the last: a new table without the rule has to be built

    bool insert(const Range *range, uint64_t key, int32_t id);  // false: no room is left, build anew
    Removal remove(int32_t id);
    void snapshot(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids) const;
    size_t rules() const { return where_.size(); }
    size_t overlay_rules() const { return overlaid_.size(); }
    size_t bytes() const;
    void classify(const uint32_t *packets, size_t n, int32_t *out) const;  // at most BATCH, within an epoch

    // For the kernels.
    Layout layout;
    std::vector<Step> steps;
    std::vector<Part> top;
    uint8_t *blocks = nullptr;
    Entry *entries = nullptr;
    bool scattered = false;
    std::atomic<Overlay *> overlay{nullptr};

  private:
    struct Retired {
        uint64_t epoch;
        uint32_t block, count;  // of blocks; 0: a slot
    };
    struct Cells {  // adjacent cells with one leaf
        uint32_t first, last;
    };
    struct Free {
        void operator()(void *p) const { std::free(p); }
    };
    std::unique_ptr<void, Free> memory_, entry_memory_;  // not touched before it is used
    const int columns_;
    Epochs &epochs_;
    size_t capacity_ = 0, used_ = 0;        // blocks
    size_t slots_ = 0, slots_used_ = 0;
    std::vector<uint32_t> refs_;            // cells that show a leaf, by its first block
    std::vector<uint32_t> hid_;             // when rules that others hide were last left out of it; 0: none is left out
    std::vector<uint32_t> born_;            // when a slot's rule was put into leaves
    uint32_t clock_ = 1;
    std::vector<std::vector<uint32_t>> free_;  // leaves by their number of blocks
    std::vector<uint32_t> free_slots_;
    std::deque<Retired> retired_;
    std::deque<std::pair<uint64_t, Overlay *>> old_overlays_;
    std::vector<std::vector<uint32_t>> low_, high_;  // bounds by column, then slot; low > high where there is none
    std::vector<uint8_t> part_;                      // of a slot; 255: the overlay, 254: none
    List dormant_;                                   // slots of rules that others hide everywhere
    std::unordered_map<int32_t, uint32_t> where_;    // id -> slot
    std::vector<uint32_t> overlaid_;                 // slots, by key
    mutable std::vector<uint8_t> meets_;
    std::vector<Cells> best_, here_;

    bool reach(uint32_t step_at, Region &at, const Range *rule, std::vector<Cells> &out, std::vector<Region> *where, size_t most) const;
    List listed(const Step &leaf) const;
    List meeting(const Region &region, uint8_t part, bool &complete) const;
    void write(const Cells &cells, const List &list, uint32_t hid);
    uint32_t blocks_for(size_t n);
    void retire(uint32_t block, uint32_t count);
    void reclaim();
    void put_overlay();
    void range_of(uint32_t slot, Range *out) const;
    void lower(uint8_t part, uint32_t floor);
    bool place(uint32_t slot);
    bool wake(const Range *range);
    Region everywhere() const;
};

// The table that is in use, and its successor while that is built.
class Serving {
  public:
    // Answers nothing before the first `replace`.
    Serving(int columns_of_packets, int32_t next_id) : columns(columns_of_packets), current_(nullptr), next_id_(next_id) {}
    ~Serving() { delete current_.load(); }

    void classify(const uint32_t *packets, size_t n, int32_t *out, int threads);
    // The new rule's id, or -1 when there is no room until `replace`.
    int32_t insert(const Range *range, uint32_t priority);
    Live::Removal remove(int32_t id);
    // Rules by key; changes are noted from here on until `replace`.
    void begin(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids);
    bool replace(std::unique_ptr<Live> next);  // false: it had no room for what changed meanwhile
    void abandon();

    struct Sizes {
        size_t rules, overlay, bytes;
    };
    Sizes sizes();

    Epochs epochs;
    const int columns;
    uint64_t changes() const { return changes_.load(); }

  private:
    struct Change {
        int32_t id;
        uint64_t key;  // NO_KEY: removed
        std::vector<Range> range;
    };
    std::atomic<Live *> current_;
    std::mutex writer_;
    std::vector<Change> noted_;
    bool noting_ = false;
    uint32_t sequence_ = 0;
    int32_t next_id_;
    std::atomic<uint64_t> changes_{0};

    void range(const uint32_t *packets, size_t n, int32_t *out);
};

}  // namespace neurocuts
