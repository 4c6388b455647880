// A table that changes while it answers.
//
// An inserted rule goes into every leaf that it meets: such a leaf is written anew and put into its cell by one store of eight
// bytes, so a reader sees the leaf before or after and never between. A removed rule is made to match nothing where it stands:
// its lower bound in the first column becomes the highest value, then its upper bound 0, each in one store, and for every packet
// the state between the two is the one before or the one after. The lane is left out when its leaf is next written. Rules that
// meet too many leaves stand in a short list in front (the overlay), which is replaced whole. Memory that readers may still look
// at is kept until the last of them has gone on (epochs), so readers take no lock and never wait. One writer at a time.
//
// A leaf leaves rules out that others hide there. Which they are is noted when the table is made, so that a removal looks at
// those alone and not at all rules.
//
// Readers leave parts and leaves out whose best rule, the floor, cannot win. A floor falls before a rule is put in and rises after
// one has gone, so that it is never above what readers could find.
//
// Priorities are 64-bit keys, the least wins: row r of the first rules has r << 32 | 0xFFFFFFFF, a rule inserted at priority p
// p << 32 | its number. So it wins over row p and loses to row p - 1 and to what was inserted at p before.
#pragma once
#include <atomic>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>

#include "neurocuts_lookup.h"

namespace neurocuts {

constexpr uint64_t NO_KEY = ~uint64_t(0);
constexpr size_t READERS = 128;        // at a time; further ones share slots by waiting for one
constexpr uint64_t IDLE = ~uint64_t(0);
constexpr size_t FEW_RUNS = 4;         // of cells that are remembered of a rule

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

// Where a rule stands, by its id: pages, as ids only grow and old ones go.
class Places {
  public:
    static constexpr uint32_t NONE = 0xFFFFFFFFu;
    uint32_t find(int32_t id) const {
        const size_t page = size_t(uint32_t(id)) / SIZE;
        return id >= 0 && page < pages_.size() && pages_[page] ? pages_[page]->at[size_t(id) % SIZE] : NONE;
    }
    void put(int32_t id, uint32_t place);
    void erase(int32_t id);
    size_t size() const { return size_; }
    template <typename F>
    void each(F visit) const {
        for (size_t page = 0; page < pages_.size(); page++)
            for (size_t i = 0; pages_[page] && i < SIZE; i++)
                if (pages_[page]->at[i] != NONE) visit(int32_t(page * SIZE + i), pages_[page]->at[i]);
    }

  private:
    static constexpr size_t SIZE = 1024;
    struct Page {
        uint32_t at[SIZE], held;
    };
    std::vector<std::unique_ptr<Page>> pages_;
    size_t size_ = 0;
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
    // Blocks of leaves in use, as a multiple of those of the tree as it was built.
    double growth() const;
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
    struct Leaf {
        uint32_t refs = 0;       // cells that show it
        uint32_t hid;            // when rules that others hide were last left out of it; 0: none is left out
        uint32_t hidden_of;      // which list of hidden rules is its; ALL_RULES: it has to be looked for
        uint32_t dead = 0;       // lanes of removed rules in it
    };
    struct Noted {               // of a leaf while a table is made
        uint32_t cells = 0;      // that show it and have been looked at
        List hidden;             // in any of them
    };
    struct Kept {                // of a slot
        uint32_t born = 0;       // when its rule was put into leaves
        uint32_t runs = 0;       // of cells that it was put into; 0: they have to be looked for
        Cells cells[FEW_RUNS];   // each had one leaf then
    };
    using Keyed = std::pair<uint64_t, uint32_t>;  // key and slot
    struct Order {               // of the rules of a part: a heap, the least key first; removed ones go when they come up
        std::vector<Keyed> heap;
        size_t room = 0;         // when it is swept
    };
    struct Free {
        void operator()(void *p) const { std::free(p); }
    };
    std::unique_ptr<void, Free> memory_, entry_memory_;  // not touched before it is used
    const int columns_;
    Epochs &epochs_;
    size_t capacity_ = 0, used_ = 0;        // blocks
    size_t slots_ = 0, slots_used_ = 0;
    std::vector<Leaf> leaves_;              // by their first block
    std::vector<List> hidden_;              // slots; those that went since are among them
    size_t built_ = 0, idle_ = 0;           // blocks of the tree as it was built; blocks that no cell shows
    std::vector<Kept> kept_;                // by slot
    uint32_t clock_ = 1;
    std::vector<std::vector<uint32_t>> free_;  // leaves by their number of blocks
    std::vector<uint32_t> free_slots_;
    std::deque<Retired> retired_;
    std::deque<std::pair<uint64_t, Overlay *>> old_overlays_;
    std::vector<Range> ranges_;             // one a column, by slot; empty where there is no rule
    std::vector<uint8_t> part_;             // of a slot; 255: the overlay, 254: none
    std::vector<Order> orders_;             // by part
    List dormant_;                          // slots of rules that others hide everywhere
    Places where_;                          // id -> slot
    std::vector<uint32_t> overlaid_;        // slots, by key
    mutable std::vector<uint8_t> meets_;
    std::vector<Cells> best_, here_;
    Region everywhere_;  // put back after each use

    bool reach(uint32_t step_at, Region &at, const Range *rule, std::vector<Cells> &out, std::vector<Region> *where, size_t most) const;
    List listed(const Step &leaf) const;  // without removed rules
    bool dead(const uint8_t *block, int lane) const;
    void kill(uint8_t *block, int lane);
    void strike(const Cells &cells, uint32_t slot);
    void insert_into(const Cells &cells, uint32_t slot);
    void replace_dead(const Cells &cells, uint32_t slot);
    bool before(uint32_t a, uint32_t b) const { return entries[a].key < entries[b].key; }
    void show(const Cells &cells, uint32_t block, uint32_t count, uint32_t floor);
    void note_hidden(uint32_t step_at, uint32_t cells, const List &meeting, std::vector<Noted> &noted, size_t &left) const;
    List with_hidden(const Region &region, uint8_t part, const Step &leaf, List out, bool &complete) const;
    void uncover(const Cells &cells, uint32_t slot, uint8_t part, const Region &region);
    bool meets(const Region &region, uint32_t slot) const;
    bool hides(uint32_t slot, uint32_t other, const Box &box) const;
    bool hiding(const Step &leaf, uint32_t slot) const;
    List meeting(const Region &region, uint8_t part, bool &complete) const;
    void write(const Cells &cells, const List &list, uint32_t hid);
    uint32_t blocks_for(size_t n);
    void retire(uint32_t block, uint32_t count);
    void reclaim();
    void put_overlay();
    const Range *range_of(uint32_t slot) const { return &ranges_[slot * size_t(columns_)]; }
    void vacate(uint32_t slot);
    void joins(uint8_t part, uint32_t slot);
    void raise(uint8_t part);
    void leaves_of(uint32_t slot, std::vector<Cells> &out);
    void ask_for(const std::vector<Cells> &all) const;
    void raise(const Cells &cells, uint32_t floor);
    bool place(uint32_t slot);
    bool wake(const Range *range);
};

// The table that is in use, and its successor while that is built.
class Serving {
  public:
    // Answers nothing before the first `replace`.
    Serving(int columns_of_packets, int32_t next_id) : columns(columns_of_packets), current_(nullptr), next_id_(next_id) {}
    ~Serving() { delete current_.load(); }

    void classify(const uint32_t *packets, size_t n, int32_t *out, int threads);
    // n rules, one after the other; the new ids. A -1 and what follows it: there is no room until `replace`.
    void insert(const Range *ranges, const uint32_t *priorities, size_t n, int32_t *ids);
    void remove(const int32_t *ids, size_t n, Live::Removal *outcomes);
    // Rules by key; changes are noted from here on until `replace`.
    void begin(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids);
    bool replace(std::unique_ptr<Live> next);  // false: it had no room for what changed meanwhile
    void abandon();

    struct Sizes {
        size_t rules, overlay, bytes;
        double growth;
    };
    Sizes sizes();

    Epochs epochs;
    const int columns;
    uint64_t changes() const { return changes_.load(); }

  private:
    struct Change {
        int32_t id;
        uint64_t key;  // NO_KEY: removed
        size_t range;  // where its ranges start
    };
    struct Notes {
        std::vector<Change> changes;
        std::vector<Range> ranges;
    };
    bool apply(Live &table, const Notes &notes) const;
    std::atomic<Live *> current_;
    std::mutex writer_;
    Notes noted_;
    bool noting_ = false;
    uint32_t sequence_ = 0;
    int32_t next_id_;
    std::atomic<uint64_t> changes_{0};

    void range(const uint32_t *packets, size_t n, int32_t *out);
};

}  // namespace neurocuts
