#include "neurocuts_live.h"

#include <cstring>
#include <stdexcept>
#include <thread>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_MACHINE __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#else
#define FOR_EACH_MACHINE
#endif

namespace neurocuts {

namespace {

constexpr size_t MOST_LEAVES = 64;    // that an inserted rule is written into; else it stands in the overlay
constexpr size_t LOWERING = 8;        // leaves that are as bad as one of a part whose best rule it would be
constexpr size_t MOST_AWAKE = 32;     // hidden rules that appear with one removal; else a new tree has to be built
constexpr uint32_t NOTHING_HIDDEN = 0, FIRST_HIDING = 1;
constexpr uint32_t ALL_RULES = 0xFFFFFFFFu;
constexpr size_t NOTED_A_RULE = 48, NOTED = 1 << 18;  // how often rules are handed down while hidden ones are noted
constexpr size_t AT_ONCE = 32;        // changes of a batch between which others may change something
constexpr size_t COMPARED = 64;       // rules of the longest leaf in which hidden ones are looked for one by one
constexpr size_t NEAR = 4;            // blocks of a leaf that are asked for before they are read
constexpr size_t LONG_LEAF = 16;      // from where they are looked for
constexpr size_t ROOM_BLOCKS = 1 << 16, ROOM_SLOTS = 1 << 17;
constexpr size_t NOTES_AT_LAST = 2000;  // changes that are caught up with while writers wait
constexpr uint8_t IN_OVERLAY = 255, NOWHERE = 254;

uint32_t open_bits(Range r) {
    const uint32_t differ = r.low ^ r.high;
    return differ ? 0xFFFFFFFFu >> __builtin_clz(differ) : 0;
}

uint32_t place_bits(uint32_t x, uint32_t mask) {
    uint32_t out = 0;
    for (int place = 0; mask; mask &= mask - 1, place++) out |= uint32_t((x & mask & (0u - mask)) != 0) << place;
    return out;
}

// Whether a rule is of a part and meets the first two sides of a box, or the only one twice.
FOR_EACH_MACHINE void filter(const Range *first, const Range *second, size_t columns, const uint8_t *part, size_t n, Range side, Range side2,
                             uint8_t which, uint8_t *meets) {
    for (size_t i = 0; i < n; i++)
        meets[i] = uint8_t(first[i * columns].low <= side.high) & uint8_t(first[i * columns].high >= side.low) &
                   uint8_t(second[i * columns].low <= side2.high) & uint8_t(second[i * columns].high >= side2.low) & uint8_t(part[i] == which);
}

// Eight values of a lane each, with one more put in at a place; the last of them comes out.
template <typename T>
inline T shifted(const uint8_t *from, uint8_t *to, int lane, T value) {
    T old[LANES + 1], now[LANES];
    old[0] = 0;
    std::memcpy(old + 1, from, sizeof(now));
    for (int i = 0; i < LANES; i++) now[i] = i < lane ? old[i + 1] : i == lane ? value : old[i];
    std::memcpy(to, now, sizeof(now));
    return old[LANES];
}

struct Carried {  // a rule, as its lane holds it
    uint32_t values[2 * MAX_COLUMNS + 2];
};

// A block with one rule put into a lane; `rule` becomes the one that falls out at its end.
FOR_EACH_MACHINE void insert_lane(const Layout &layout, const uint8_t *from, uint8_t *to, int lane, Carried &rule) {
    uint32_t *value = rule.values;
    if (layout.five) {
        for (size_t place = 0; place < 128; place += 32, value++) *value = shifted<uint32_t>(from + place, to + place, lane, *value);
        for (size_t place = 128; place < 256; place += 16, value++)
            *value = shifted<uint16_t>(from + place, to + place, lane, uint16_t(*value));
        return;
    }
    for (int c = 0; c < layout.columns; c++)
        for (int bound = 0; bound < 2; bound++, value++) {
            const size_t place = layout.place[c] + size_t(bound) * LANES * (layout.narrow[c] ? 2 : 4);
            *value = layout.narrow[c] ? shifted<uint16_t>(from + place, to + place, lane, uint16_t(*value))
                                      : shifted<uint32_t>(from + place, to + place, lane, *value);
        }
    *value = shifted<uint32_t>(from + layout.ids, to + layout.ids, lane, *value);
}

// The values of a rule in the order of `insert_lane`.
Carried carried(const Layout &layout, uint32_t rule, const Range *range) {
    Carried out;
    uint32_t *value = out.values;
    if (layout.five) {
        for (int c : {0, 1}) value[c] = range[c].low, value[c + 2] = range[c].high;
        for (int c : {2, 3, 4}) value[c + 2] = range[c].low, value[c + 6] = range[c].high;
        value[7] = rule & 0xFFFF, value[11] = rule >> 16;
        return out;
    }
    for (int c = 0; c < layout.columns; c++) *value++ = range[c].low, *value++ = range[c].high;
    *value = rule;
    return out;
}

uint32_t floor_of(uint64_t key) { return uint32_t(std::min<uint64_t>(key >> 32, NO_RULE)); }

}  // namespace

// -- epochs

ReaderSlot *Epochs::enter() {
    static thread_local size_t first = std::hash<std::thread::id>()(std::this_thread::get_id());
    for (size_t i = first;; i++) {
        ReaderSlot &slot = slots_[i % READERS];
        if (!slot.taken.exchange(true, std::memory_order_acquire)) return &slot;
        if (i - first > 4 * READERS) std::this_thread::yield();
    }
}

void Epochs::leave(ReaderSlot *slot) {
    slot->epoch.store(IDLE, std::memory_order_release);
    slot->taken.store(false, std::memory_order_release);
}

uint64_t Epochs::oldest() const {
    uint64_t least = IDLE;
    for (const ReaderSlot &slot : slots_) least = std::min(least, slot.epoch.load(std::memory_order_seq_cst));
    return least;
}

// -- where rules stand

void Places::put(int32_t id, uint32_t place) {
    const size_t page = size_t(uint32_t(id)) / SIZE;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) {
        pages_[page] = std::make_unique<Page>();
        std::fill_n(pages_[page]->at, SIZE, NONE);
        pages_[page]->held = 0;
    }
    uint32_t &at = pages_[page]->at[size_t(id) % SIZE];
    if (at == NONE) pages_[page]->held++, size_++;
    at = place;
}

void Places::erase(int32_t id) {
    const size_t page = size_t(uint32_t(id)) / SIZE;
    if (find(id) == NONE) return;
    pages_[page]->at[size_t(id) % SIZE] = NONE;
    size_--;
    if (!--pages_[page]->held) pages_[page].reset();
}

// -- one table

Live::Live(const TreeView &tree, const Rules &rules, const uint64_t *keys, const int32_t *ids, Epochs &epochs)
    : columns_(rules.columns), epochs_(epochs) {
    Table table;
    table.share = false;
    table.compile(tree, rules);
    if (!table.plain) throw std::invalid_argument("trees with splits or partitions below the root cannot be updated");
    layout = table.layout;
    scattered = table.scattered;
    steps = std::move(table.steps);
    top = std::move(table.top);
    if (top.size() >= NOWHERE) throw std::invalid_argument("more than 253 parts cannot be updated");
    if (top.empty()) {
        top.push_back({uint32_t(steps.size()), NO_RULE});
        steps.emplace_back();
    }
    used_ = table.blocks_used;
    capacity_ = 4 * used_ + ROOM_BLOCKS;
    memory_.reset(std::aligned_alloc(64, (capacity_ * layout.bytes + 191) / 64 * 64));
    slots_used_ = size_t(rules.count);
    slots_ = 2 * slots_used_ + ROOM_SLOTS;
    entry_memory_.reset(std::malloc(slots_ * sizeof(Entry)));
    if (!memory_ || !entry_memory_) throw std::bad_alloc();
    blocks = static_cast<uint8_t *>(memory_.get());
    entries = static_cast<Entry *>(entry_memory_.get());
    std::memcpy(blocks, table.blocks, used_ * layout.bytes);
    for (int r = 0; r < rules.count; r++) ranges_.insert(ranges_.end(), rules.row(uint32_t(r)), rules.row(uint32_t(r)) + columns_);
    for (int c = 0; c < columns_; c++) everywhere_.box.side[c] = {0, layout.narrow[c] ? 0xFFFFu : 0xFFFFFFFFu};
    part_.assign(slots_used_, NOWHERE);
    for (int r = 0; r < rules.count; r++) {
        entries[r] = {keys[r], ids[r], 0};
        where_.put(ids[r], uint32_t(r));
    }
    leaves_.assign(capacity_, {0, FIRST_HIDING, ALL_RULES, 0});
    built_ = used_;
    kept_.resize(slots_used_);
    for (Step &step : steps)
        if (step.code() == AT_LEAF && step.offset) {
            step.mask = floor_of(keys[step.mask]);
            leaves_[step.base].refs++;
        }
    for (size_t p = 0; p < top.size(); p++) {
        if (top[p].floor != NO_RULE) top[p].floor = floor_of(keys[top[p].floor]);
        std::vector<uint32_t> stack{top[p].step};
        std::vector<uint8_t> seen(steps.size(), 0);
        while (!stack.empty()) {
            const Step step = steps[stack.back()];
            stack.pop_back();
            if (step.code() == AT_LEAF) {
                for (uint32_t slot : listed(step)) {
                    if (part_[slot] != NOWHERE && part_[slot] != p) throw std::invalid_argument("a rule stands in two parts");
                    part_[slot] = uint8_t(p);
                }
                continue;
            }
            if (seen[step.offset]) continue;
            seen[step.offset] = 1;
            for (uint32_t i = 0; i <= step.last(); i++) stack.push_back(step.offset + i);
        }
    }
    std::vector<List> members(top.size());
    for (uint32_t slot = 0; slot < slots_used_; slot++)
        if (part_[slot] == NOWHERE)
            dormant_.push_back(slot);  // what no leaf lists never matches first
        else
            members[part_[slot]].push_back(slot);
    size_t left = NOTED_A_RULE * slots_used_ + NOTED;
    orders_.resize(top.size());
    std::vector<Noted> noted(used_);
    for (size_t p = 0; p < top.size(); p++) {
        note_hidden(top[p].step, 1, members[p], noted, left);
        for (uint32_t slot : members[p]) orders_[p].heap.emplace_back(entries[slot].key, slot);  // in order, thus a heap
    }
    for (uint32_t block = 0; block < used_; block++) {
        Leaf &leaf = leaves_[block];
        if (!leaf.refs || noted[block].cells != leaf.refs) continue;  // not all of its cells were looked at
        if (noted[block].hidden.empty()) {
            leaf.hid = NOTHING_HIDDEN;
            continue;
        }
        leaf.hidden_of = uint32_t(hidden_.size());
        hidden_.push_back(std::move(noted[block].hidden));
    }
}

double Live::growth() const { return double(used_ - idle_) / double(std::max<size_t>(built_, 1)); }

// Notes which rules of a list, those that meet a region, the leaves there leave out, as far as `left` allows. Equal leaves are
// one, wherever they lie, and need not leave out the same. `cells`: how many there show the step.
void Live::note_hidden(uint32_t step_at, uint32_t cells, const List &meeting, std::vector<Noted> &noted, size_t &left) const {
    const Step step = steps[step_at];
    if (step.code() == AT_LEAF) {
        if (!step.offset) return;
        const List kept = listed(step);  // in the same order
        List out, all;
        size_t k = 0;
        for (uint32_t slot : meeting)
            if (k < kept.size() && kept[k] == slot)
                k++;
            else
                out.push_back(slot);
        if (k < kept.size()) return;  // another order: it has to be looked for
        Noted &leaf = noted[step.base];
        leaf.cells += cells;
        std::set_union(out.begin(), out.end(), leaf.hidden.begin(), leaf.hidden.end(), std::back_inserter(all));
        leaf.hidden = std::move(all);
        return;
    }
    const uint32_t c = step.code(), count = step.last() + 1;
    std::vector<uint32_t> run_of(count), first;
    for (uint32_t i = 0; i < count; i++) {
        if (!i || !(steps[step.offset + i] == steps[step.offset + i - 1])) first.push_back(i);
        run_of[i] = uint32_t(first.size()) - 1;
    }
    std::vector<List> lists(first.size());
    const uint64_t from = uint64_t(step.base) << step.shift(), to = (uint64_t(step.base + step.last()) << step.shift()) - 1;
    for (uint32_t slot : meeting) {
        const Range r = range_of(slot)[c];
        if (step.scattered()) {
            const uint32_t open = open_bits(r) & step.mask, fixed = r.low & step.mask & ~open;
            if (left < (size_t(1) << __builtin_popcount(open))) return;
            for (uint32_t sub = open;; sub = (sub - 1) & open) {
                List &list = lists[run_of[place_bits(fixed | sub, step.mask)]];
                if (list.empty() || list.back() != slot) list.push_back(slot), left--;
                if (!sub) break;
            }
            continue;
        }
        const uint64_t low = std::max<uint64_t>(r.low, from), high = std::min<uint64_t>(r.high, to);
        if (low > high) continue;
        const uint32_t last = run_of[uint32_t(high >> step.shift()) - step.base];
        for (uint32_t run = run_of[uint32_t(low >> step.shift()) - step.base]; run <= last; run++, left--) {
            if (!left) return;
            lists[run].push_back(slot);
        }
    }
    first.push_back(count);
    for (size_t run = 0; run + 1 < first.size(); run++)
        note_hidden(step.offset + first[run], first[run + 1] - first[run], lists[run], noted, left);
}

Live::~Live() {
    delete overlay.load();
    for (auto &[epoch, old] : old_overlays_) delete old;
}

size_t Live::bytes() const {
    return steps.size() * sizeof(Step) + used_ * layout.bytes + slots_used_ * (sizeof(Entry) + sizeof(Kept) + sizeof(Keyed) + sizeof(Range) * size_t(columns_) + 1);
}

// From now on a slot's rule meets nothing.
void Live::vacate(uint32_t slot) { std::fill_n(&ranges_[slot * size_t(columns_)], columns_, Range{0xFFFFFFFFu, 0}); }

List Live::listed(const Step &leaf) const {
    List out;
    for (uint32_t b = 0; b < leaf.offset; b++) {
        const uint8_t *block = blocks + size_t(leaf.base + b) * layout.bytes;
        for (int lane = 0; lane < LANES; lane++) {
            const uint32_t slot = get_rule(layout, block, lane);
            if (slot == NO_RULE) return out;
            if (!dead(block, lane)) out.push_back(slot);
        }
    }
    return out;
}

bool Live::dead(const uint8_t *block, int lane) const {
    if (layout.narrow[0]) {
        const uint16_t *low = reinterpret_cast<const uint16_t *>(block + layout.place[0]);
        return low[lane] > low[lane + LANES];
    }
    const uint32_t *low = reinterpret_cast<const uint32_t *>(block + layout.place[0]);
    return low[lane] > low[lane + (layout.five ? 2 : 1) * LANES];
}

// Makes a lane match nothing while readers look at it; its number stays for those that found it just before.
void Live::kill(uint8_t *block, int lane) {
    if (layout.narrow[0]) {
        uint16_t *low = reinterpret_cast<uint16_t *>(block + layout.place[0]) + lane;
        __atomic_store_n(low, uint16_t(0xFFFF), __ATOMIC_RELEASE);
        __atomic_store_n(low + LANES, uint16_t(0), __ATOMIC_RELEASE);
        return;
    }
    uint32_t *low = reinterpret_cast<uint32_t *>(block + layout.place[0]) + lane;
    __atomic_store_n(low, 0xFFFFFFFFu, __ATOMIC_RELEASE);
    __atomic_store_n(low + (layout.five ? 2 : 1) * LANES, 0u, __ATOMIC_SEQ_CST);
}

// The leaves that a rule meets, and if asked where they lie; false when there are more than `most`. `at` is put back.
bool Live::reach(uint32_t step_at, Region &at, const Range *rule, std::vector<Cells> &out, std::vector<Region> *where, size_t most) const {
    const Step step = steps[step_at];
    auto leaf = [&](uint32_t first, uint32_t last) {
        out.push_back({first, last});
        if (where) where->push_back(at);
        return out.size() <= most;
    };
    if (step.code() == AT_LEAF) return leaf(step_at, step_at);
    const uint32_t c = step.code();
    const Range side = at.box.side[c];
    if (step.scattered()) {
        const uint32_t open = open_bits(rule[c]) & step.mask, fixed = rule[c].low & step.mask & ~open;
        if (most < (size_t(1) << __builtin_popcount(open))) return false;
        const uint32_t mask = at.mask[c], value = at.value[c];
        bool within = true;
        for (uint32_t sub = open; within; sub = (sub - 1) & open) {
            const uint32_t bits = fixed | sub;
            if (!((bits ^ value) & mask & step.mask)) {
                at.mask[c] = mask | step.mask;
                at.value[c] = value | bits;
                within = reach(step.offset + place_bits(bits, step.mask), at, rule, out, where, most);
            }
            if (!sub) break;
        }
        at.mask[c] = mask;
        at.value[c] = value;
        return within;
    }
    const uint64_t from = uint64_t(step.base) << step.shift(), to = (uint64_t(step.base + step.last()) << step.shift()) - 1;
    const uint64_t low = std::max(rule[c].low, side.low), high = std::min(rule[c].high, side.high);
    if (low > high) return true;
    if (low < from || high > to) {  // the cell for what lies outside
        at.outside = int(c);
        at.inner = {uint32_t(from), uint32_t(std::min<uint64_t>(to, 0xFFFFFFFFu))};
        const bool within = leaf(step.offset + step.last(), step.offset + step.last());
        at.outside = -1;
        if (!within) return false;
    }
    if (std::max(low, from) > std::min(high, to)) return true;
    const uint32_t first = uint32_t(std::max(low, from) >> step.shift()) - step.base;
    const uint32_t last = uint32_t(std::min(high, to) >> step.shift()) - step.base;
    auto narrow = [&](uint32_t i, uint32_t j) {
        at.box.side[c] = {uint32_t(std::max<uint64_t>(side.low, uint64_t(step.base + i) << step.shift())),
                          uint32_t(std::min<uint64_t>(side.high, (uint64_t(step.base + j + 1) << step.shift()) - 1))};
    };
    bool within = true;
    for (uint32_t i = first; i <= last && within; i++) {
        const Step child = steps[step.offset + i];
        uint32_t j = i;
        while (j < last && steps[step.offset + j + 1] == child) j++;
        if (child.code() == AT_LEAF) {
            narrow(i, j);
            within = leaf(step.offset + i, step.offset + j);
        } else {  // one child of all the cells that show it
            uint32_t a = i, b = j;
            while (a > 0 && steps[step.offset + a - 1] == child) a--;
            while (b + 1 < step.last() && steps[step.offset + b + 1] == child) b++;
            narrow(a, b);
            within = reach(step.offset + i, at, rule, out, where, most);
        }
        i = j;
    }
    at.box.side[c] = side;
    return within;
}

bool Live::meets(const Region &region, uint32_t slot) const {
    const Range *rule = range_of(slot);
    for (int c = 0; c < columns_; c++) {
        const Range side = region.box.side[c], r = rule[c];
        if (r.low > side.high || r.high < side.low || ((r.low ^ region.value[c]) & region.mask[c] & ~open_bits(r))) return false;
    }
    if (region.outside < 0) return true;
    const int c = region.outside;
    return std::max(rule[c].low, region.box.side[c].low) < region.inner.low || std::min(rule[c].high, region.box.side[c].high) > region.inner.high;
}

// Whether one rule holds all that another has of a box.
bool Live::hides(uint32_t slot, uint32_t other, const Box &box) const {
    const Range *a = range_of(slot), *b = range_of(other);
    for (int c = 0; c < columns_; c++)
        if (a[c].low > std::max(b[c].low, box.side[c].low) || a[c].high < std::min(b[c].high, box.side[c].high)) return false;
    return true;
}

// The same from what is known of one leaf: rules of it, and those of its hidden ones that nothing hides any more.
List Live::with_hidden(const Region &region, uint8_t part, const Step &leaf, List out, bool &complete) const {
    complete = true;
    for (uint32_t slot : hidden_[leaves_[leaf.base].hidden_of]) {
        if (part_[slot] != part || !meets(region, slot)) continue;
        const auto place = std::lower_bound(out.begin(), out.end(), slot, [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; });
        if (place != out.end() && *place == slot) continue;
        bool hidden = false;
        for (auto other = out.begin(); other != place && !hidden; ++other) hidden = hides(*other, slot, region.box);
        if (hidden)
            complete = false;
        else
            out.insert(place, slot);
    }
    return out;
}

// Rules of a part that meet a region, by key, without those that one before them hides there.
List Live::meeting(const Region &region, uint8_t part, bool &complete) const {
    meets_.resize(slots_used_ + 8);
    const size_t second = columns_ > 1;
    filter(ranges_.data(), ranges_.data() + second, size_t(columns_), part_.data(), slots_used_, region.box.side[0], region.box.side[second],
           part, meets_.data());
    std::memset(&meets_[slots_used_], 0, 8);
    List found;
    for (size_t slot = 0; slot < slots_used_; slot++) {
        uint64_t eight;
        std::memcpy(&eight, &meets_[slot], 8);
        if (!eight) {
            slot += 7;
            continue;
        }
        if (meets_[slot] && meets(region, uint32_t(slot))) found.push_back(uint32_t(slot));
    }
    std::sort(found.begin(), found.end(), [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; });
    const size_t all = found.size();
    auto covers_all = [&](uint32_t slot) {
        const Range *rule = range_of(slot);
        for (int c = 0; c < columns_; c++)
            if (rule[c].low > region.box.side[c].low || rule[c].high < region.box.side[c].high) return false;
        return true;
    };
    for (size_t i = 0; i < found.size(); i++)
        if (covers_all(found[i])) found.resize(i + 1);
    if (found.size() > LONG_LEAF && found.size() <= COMPARED) {
        size_t kept = 0;
        for (uint32_t slot : found) {
            bool hidden = false;
            for (size_t j = 0; j < kept && !hidden; j++) hidden = hides(found[j], slot, region.box);
            if (!hidden) found[kept++] = slot;
        }
        found.resize(kept);
    }
    complete = found.size() == all;
    return found;
}

// -- memory

uint32_t Live::blocks_for(size_t n) {
    if (n < free_.size() && !free_[n].empty()) {
        const uint32_t block = free_[n].back();
        free_[n].pop_back();
        idle_ -= n;
        return block;
    }
    for (int tries = 0; used_ + n > capacity_; tries++) {
        reclaim();
        if (n < free_.size() && !free_[n].empty()) return blocks_for(n);
        if (tries > 1000) throw std::runtime_error("no room is left for changes: build the classifier anew");
        std::this_thread::yield();
    }
    used_ += n;
    return uint32_t(used_ - n);
}

void Live::retire(uint32_t block, uint32_t count) {
    retired_.push_back({epochs_.now(), block, count});
    idle_ += count;
    if (retired_.size() % 64 == 0) reclaim();
}

void Live::reclaim() {
    epochs_.advance();
    const uint64_t oldest = epochs_.oldest();
    while (!retired_.empty() && retired_.front().epoch < oldest) {
        const Retired old = retired_.front();
        retired_.pop_front();
        if (!old.count) {
            free_slots_.push_back(old.block);
            continue;
        }
        if (free_.size() <= old.count) free_.resize(old.count + 1);
        free_[old.count].push_back(old.block);
    }
    while (!old_overlays_.empty() && old_overlays_.front().first < oldest) {
        delete old_overlays_.front().second;
        old_overlays_.pop_front();
    }
}

// -- changes

// Shows a new leaf in some cells: these rules, which are copied from the old leaf where they stand there.
void Live::write(const Cells &cells, const List &list, uint32_t hid) {
    const Step old = steps[cells.first];
    const uint32_t count = uint32_t((list.size() + LANES - 1) / LANES);
    uint32_t block = 0, floor = NO_RULE;
    if (count) {
        block = blocks_for(count);
        floor = floor_of(entries[list[0]].key);
        uint32_t from = 0;
        for (uint32_t i = 0; i < count * LANES; i++) {
            uint8_t *to = blocks + size_t(block + i / LANES) * layout.bytes;
            if (i >= list.size()) {
                put_rule(layout, to, int(i % LANES), NO_RULE, nullptr);
                continue;
            }
            auto standing = [&](uint32_t k) { return blocks + size_t(old.base + k / LANES) * layout.bytes; };
            auto is_here = [&](uint32_t k) {
                return get_rule(layout, standing(k), int(k % LANES)) == list[i] && !dead(standing(k), int(k % LANES));
            };
            uint32_t k = from;  // both are in order; few rules are new or gone, unless the leaf was made anew
            const uint32_t end = std::min<uint32_t>(old.offset * LANES, from + LANES);
            while (k < end && !is_here(k)) k++;
            if (k < end) {
                copy_rule(layout, standing(k), int(k % LANES), to, int(i % LANES));
                from = k + 1;
            } else {
                put_rule(layout, to, int(i % LANES), list[i], range_of(list[i]));
            }
        }
        leaves_[block] = {0, hid, old.offset ? leaves_[old.base].hidden_of : ALL_RULES, 0};
    }
    show(cells, block, count, floor);
}

void Live::show(const Cells &cells, uint32_t block, uint32_t count, uint32_t floor) {
    const Step old = steps[cells.first];
    const uint32_t showing = cells.last - cells.first + 1;
    if (count) leaves_[block].refs = showing;
    const uint64_t place = uint64_t(count) << 32 | block;
    for (uint32_t cell = cells.first; cell <= cells.last; cell++) {
        Step &step = steps[cell];
        const bool lower = floor < step.mask;
        if (lower) __atomic_store_n(&step.mask, floor, __ATOMIC_RELEASE);
        __atomic_store_n(reinterpret_cast<uint64_t *>(&step.base), place, __ATOMIC_RELEASE);  // `reclaim` orders it before what it frees
        if (!lower) __atomic_store_n(&step.mask, floor, __ATOMIC_RELEASE);
    }
    if (old.offset && !(leaves_[old.base].refs -= showing)) retire(old.base, old.offset);
}

// Writes a leaf anew with one rule more.
void Live::insert_into(const Cells &cells, uint32_t slot) {
    const Step old = steps[cells.first];
    if (!old.offset) return write(cells, {slot}, NOTHING_HIDDEN);
    if (leaves_[old.base].dead) return replace_dead(cells, slot);
    auto standing = [&](uint32_t k) { return get_rule(layout, blocks + size_t(old.base + k / LANES) * layout.bytes, int(k % LANES)); };
    uint32_t from = 0, to = old.offset * LANES;  // the first rule that the new one wins over, or the first empty lane
    while (from < to) {
        const uint32_t middle = (from + to) / 2, other = standing(middle);
        if (other != NO_RULE && before(other, slot))
            from = middle + 1;
        else
            to = middle;
    }
    const uint32_t count = old.offset + (standing(old.offset * LANES - 1) != NO_RULE);
    const uint32_t block = blocks_for(count);
    Carried rule = carried(layout, slot, range_of(slot));
    const uint8_t *source = blocks + size_t(old.base) * layout.bytes;
    uint8_t *target = blocks + size_t(block) * layout.bytes;
    std::memcpy(target, source, from / LANES * layout.bytes);
    for (uint32_t b = from / LANES; b < old.offset; b++)
        insert_lane(layout, source + b * layout.bytes, target + b * layout.bytes, b == from / LANES ? int(from % LANES) : 0, rule);
    if (count > old.offset) {
        uint8_t *last = target + old.offset * layout.bytes;
        for (int lane = 0; lane < LANES; lane++) put_rule(layout, last, lane, NO_RULE, nullptr);
        insert_lane(layout, last, last, 0, rule);
    }
    leaves_[block] = {0, leaves_[old.base].hid, leaves_[old.base].hidden_of, 0};
    show(cells, block, count, std::min(old.mask, floor_of(entries[slot].key)));
}

// The same where lanes of removed rules stand in the leaf: the rules between one of them and the new one move by a lane.
void Live::replace_dead(const Cells &cells, uint32_t slot) {
    const Step old = steps[cells.first];
    const uint32_t lanes = old.offset * LANES;
    const uint32_t block = blocks_for(old.offset);
    const uint8_t *source = blocks + size_t(old.base) * layout.bytes;
    uint8_t *target = blocks + size_t(block) * layout.bytes;
    auto in = [&](const uint8_t *leaf, uint32_t k) { return leaf + k / LANES * layout.bytes; };
    uint32_t from = 0, gone = lanes, k = 0;  // the first that the new one wins over; a dead lane near it
    for (bool found = false; k < lanes; k++) {
        const uint32_t other = get_rule(layout, in(source, k), int(k % LANES));
        if (other == NO_RULE) break;
        if (dead(in(source, k), int(k % LANES))) {
            gone = k;
            if (found) break;
        } else if (!found && before(slot, other)) {
            found = true;
            from = k;
            if (gone < k) break;
        } else if (!found) {
            from = k + 1;
        }
    }
    std::memcpy(target, source, old.offset * layout.bytes);
    auto move = [&](uint32_t a, uint32_t b) {
        copy_rule(layout, in(source, a), int(a % LANES), target + b / LANES * layout.bytes, int(b % LANES));
    };
    for (k = gone; k > from; k--) move(k - 1, k);
    if (gone < from) from--;
    for (k = gone; k < from; k++) move(k + 1, k);
    put_rule(layout, target + from / LANES * layout.bytes, int(from % LANES), slot, range_of(slot));
    leaves_[block] = {0, leaves_[old.base].hid, leaves_[old.base].hidden_of, leaves_[old.base].dead - 1};
    show(cells, block, old.offset, std::min(old.mask, floor_of(entries[slot].key)));
}

// Removes a rule from a leaf in place, if it stands there.
void Live::strike(const Cells &cells, uint32_t slot) {
    const Step leaf = steps[cells.first];
    const uint32_t last = leaf.offset ? (leaf.offset - 1) * LANES : 0;
    uint32_t lanes = 0, first = NO_RULE;  // the first rule that stays, as far as it was looked for
    bool found = false;
    for (; lanes < leaf.offset * LANES; lanes++) {
        uint8_t *block = blocks + size_t(leaf.base + lanes / LANES) * layout.bytes;
        const uint32_t other = get_rule(layout, block, int(lanes % LANES));
        if (other == NO_RULE) break;
        if (dead(block, int(lanes % LANES))) continue;
        if (other == slot) {
            kill(block, int(lanes % LANES));
            found = true;
        } else if (first == NO_RULE) {
            first = other;
            if (found) raise(cells, floor_of(entries[other].key));
        }
        if (found && first != NO_RULE && lanes < last) lanes = last - 1;  // how many there are shows in the last block
    }
    if (!found) return;
    const uint32_t left = lanes - ++leaves_[leaf.base].dead;
    if ((left + LANES - 1) / LANES < leaf.offset) write(cells, listed(leaf), leaves_[leaf.base].hid);
}

// Readers may leave these cells' leaf out where a rule before `floor` is found.
void Live::raise(const Cells &cells, uint32_t floor) {
    for (uint32_t cell = cells.first; cell <= cells.last; cell++) __atomic_store_n(&steps[cell].mask, floor, __ATOMIC_RELEASE);
}

// Before a rule is put into leaves of a part.
void Live::joins(uint8_t part, uint32_t slot) {
    Order &order = orders_[part];
    const uint32_t floor = floor_of(entries[slot].key);
    if (floor < top[part].floor) __atomic_store_n(&top[part].floor, floor, __ATOMIC_RELEASE);
    order.heap.emplace_back(entries[slot].key, slot);
    if (order.heap.size() <= order.room) return std::push_heap(order.heap.begin(), order.heap.end(), std::greater<Keyed>());
    const auto gone = [&](const Keyed &one) { return part_[one.second] != part || entries[one.second].key != one.first; };
    order.heap.erase(std::remove_if(order.heap.begin(), order.heap.end(), gone), order.heap.end());
    std::make_heap(order.heap.begin(), order.heap.end(), std::greater<Keyed>());
    order.room = 2 * order.heap.size() + 1024;
}

// After a rule of a part has gone.
void Live::raise(uint8_t part) {
    std::vector<Keyed> &heap = orders_[part].heap;
    while (!heap.empty() && (part_[heap[0].second] != part || entries[heap[0].second].key != heap[0].first)) {
        std::pop_heap(heap.begin(), heap.end(), std::greater<Keyed>());
        heap.pop_back();
    }
    const uint32_t floor = heap.empty() ? NO_RULE : floor_of(heap[0].first);
    if (floor != top[part].floor) __atomic_store_n(&top[part].floor, floor, __ATOMIC_RELEASE);
}

void Live::put_overlay() {
    auto made = std::make_unique<Overlay>();
    made->count = (overlaid_.size() + LANES - 1) / LANES;
    made->store.resize(made->count * layout.bytes + 192);
    uint8_t *start = made->store.data();
    start += (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64;
    made->blocks = start;
    for (size_t i = 0; i < made->count * LANES; i++) {
        if (i % LANES == 0) made->keys.push_back(entries[overlaid_[i]].key);
        put_rule(layout, start + i / LANES * layout.bytes, int(i % LANES), i < overlaid_.size() ? overlaid_[i] : NO_RULE,
                 i < overlaid_.size() ? range_of(overlaid_[i]) : nullptr);
    }
    Overlay *old = overlay.exchange(made->count ? made.release() : nullptr, std::memory_order_seq_cst);
    if (old) old_overlays_.emplace_back(epochs_.now(), old);
    reclaim();
}

bool Live::insert(const Range *range, uint64_t key, int32_t id) {
    if (free_slots_.empty() && slots_used_ == slots_) reclaim();
    if (free_slots_.empty() && slots_used_ == slots_) return false;
    uint32_t slot;
    if (!free_slots_.empty()) {
        slot = free_slots_.back();
        free_slots_.pop_back();
    } else {
        slot = uint32_t(slots_used_++);
        part_.push_back(NOWHERE);
        kept_.emplace_back();
        ranges_.resize(ranges_.size() + size_t(columns_));
    }
    entries[slot] = {key, id, 0};
    std::copy_n(range, columns_, &ranges_[slot * size_t(columns_)]);
    if (!place(slot)) {
        vacate(slot);
        free_slots_.push_back(slot);
        return false;
    }
    where_.put(id, slot);
    return true;
}

// Puts a rule into the leaves of the part where it meets fewest, or in front. A part that more packets would have to visit for it
// is worth avoiding.
bool Live::place(uint32_t slot) {
    const Range *range = range_of(slot);
    const uint32_t floor = floor_of(entries[slot].key);
    std::vector<Cells> &best = best_, &here = here_;
    best.clear();
    uint8_t part = IN_OVERLAY;
    size_t least = 0;  // price of `best`
    for (size_t most = 1; most <= LOWERING * MOST_LEAVES && part == IN_OVERLAY; most *= 4)  // little at first: most rules meet few leaves, but in one part alone
        for (size_t p = 0; p < top.size() && (part == IN_OVERLAY || least > 1); p++) {
            const size_t price = floor < top[p].floor ? LOWERING : 1;
            const size_t allowed = std::min(MOST_LEAVES, (part == IN_OVERLAY ? most : least - 1) / price);
            here.clear();
            if (!allowed || !reach(top[p].step, everywhere_, range, here, nullptr, allowed)) continue;
            best.swap(here);
            least = price * best.size();
            part = uint8_t(p);
        }
    if (part == IN_OVERLAY) {
        part_[slot] = part;
        kept_[slot] = {++clock_, 0, {}};
        const auto first = [this](uint32_t a, uint32_t b) { return before(a, b); };
        overlaid_.insert(std::upper_bound(overlaid_.begin(), overlaid_.end(), slot, first), slot);
        put_overlay();
        return true;
    }
    size_t needed = 0;
    for (const Cells &cells : best) needed += steps[cells.first].offset + 1;
    if (used_ + needed > capacity_ - capacity_ / 8) {
        reclaim();
        size_t free = 0;
        for (size_t n = 1; n < free_.size(); n++) free += n * free_[n].size();
        if (free < 2 * needed) return false;
    }
    part_[slot] = part;
    joins(part, slot);
    kept_[slot] = {++clock_, best.size() <= FEW_RUNS ? uint32_t(best.size()) : 0, {}};
    std::copy_n(best.begin(), kept_[slot].runs, kept_[slot].cells);
    ask_for(best);
    for (const Cells &cells : best) insert_into(cells, slot);
    return true;
}

// Rules that are hidden everywhere appear before what may hide them goes; false when there are too many.
bool Live::wake(const Range *range) {
    List awake;
    for (uint32_t slot : dormant_) {
        const Range *rule = range_of(slot);
        bool meets = true;
        for (int c = 0; c < columns_ && meets; c++) meets = rule[c].low <= range[c].high && rule[c].high >= range[c].low;
        if (meets) awake.push_back(slot);
    }
    if (awake.size() > MOST_AWAKE) return false;
    for (uint32_t slot : awake) {
        if (!place(slot)) return false;
        dormant_.erase(std::find(dormant_.begin(), dormant_.end(), slot));
    }
    return true;
}

Live::Removal Live::remove(int32_t id) {
    const uint32_t slot = where_.find(id);
    if (slot == Places::NONE) return Removal::NO_SUCH_RULE;
    Range range[MAX_COLUMNS];
    std::copy_n(range_of(slot), columns_, range);
    if (!kept_[slot].born) {  // of the first rules: others may be hidden everywhere by it, or it by others
        const auto asleep = std::find(dormant_.begin(), dormant_.end(), slot);
        if (asleep != dormant_.end())
            dormant_.erase(asleep);
        else if (!wake(range))
            return Removal::TOO_MUCH;
    }
    const uint8_t part = part_[slot];
    std::vector<Cells> &cells = best_;
    cells.clear();
    bool uncovers = false;
    if (part < NOWHERE) {
        leaves_of(slot, cells);
        ask_for(cells);
        if (used_ + 8 * cells.size() > capacity_) return Removal::TOO_MUCH;
        for (const Cells &one : cells) {
            const Step leaf = steps[one.first];
            uncovers |= leaf.offset && hiding(leaf, slot);
        }
    }
    std::vector<Region> where;
    if (uncovers) {
        cells.clear();
        reach(top[part].step, everywhere_, range, cells, &where, SIZE_MAX);
    }
    where_.erase(id);
    vacate(slot);
    part_[slot] = NOWHERE;
    if (part == IN_OVERLAY) {
        overlaid_.erase(std::find(overlaid_.begin(), overlaid_.end(), slot));
        put_overlay();
    }
    for (size_t i = 0; i < cells.size(); i++) {
        const Step leaf = steps[cells[i].first];
        if (!leaf.offset) continue;
        if (hiding(leaf, slot))
            uncover(cells[i], slot, part, where[i]);
        else
            strike(cells[i], slot);
    }
    if (part < NOWHERE) raise(part);
    retired_.push_back({epochs_.now(), slot, 0});
    return Removal::DONE;
}

// Whether a rule may hide others of a leaf: not when it came after those that do.
bool Live::hiding(const Step &leaf, uint32_t slot) const {
    const uint32_t hid = leaves_[leaf.base].hid;
    return hid != NOTHING_HIDDEN && kept_[slot].born <= hid;
}

// Brings leaves that are to be written near, all of them at once.
void Live::ask_for(const std::vector<Cells> &all) const {
    for (const Cells &cells : all) {
        const Step leaf = steps[cells.first];
        __builtin_prefetch(&leaves_[leaf.base]);
        const uint8_t *block = blocks + size_t(leaf.base) * layout.bytes;
        for (size_t line = 0; line < std::min<size_t>(leaf.offset, NEAR) * layout.bytes; line += 64) __builtin_prefetch(block + line);
    }
}

// The leaves that a rule was put into.
void Live::leaves_of(uint32_t slot, std::vector<Cells> &out) {
    const Kept &kept = kept_[slot];
    if (!kept.runs) reach(top[part_[slot]].step, everywhere_, range_of(slot), out, nullptr, SIZE_MAX);
    for (uint32_t i = 0; i < kept.runs; i++)
        for (uint32_t first = kept.cells[i].first, last; first <= kept.cells[i].last; first = last + 1) {
            for (last = first; last < kept.cells[i].last && steps[last + 1] == steps[first];) last++;
            out.push_back({first, last});
        }
}

// Writes a leaf anew without a rule and with what that one hid.
void Live::uncover(const Cells &cells, uint32_t slot, uint8_t part, const Region &region) {
    const Step leaf = steps[cells.first];
    List list = listed(leaf);
    const auto place = std::find(list.begin(), list.end(), slot);
    if (place == list.end()) return;
    bool complete;
    if (leaves_[leaf.base].hidden_of == ALL_RULES) {
        list = meeting(region, part, complete);
    } else {
        list.erase(place);
        list = with_hidden(region, part, leaf, std::move(list), complete);
    }
    write(cells, list, complete ? NOTHING_HIDDEN : ++clock_);
}

void Live::snapshot(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids) const {
    List all;
    where_.each([&](int32_t, uint32_t slot) { all.push_back(slot); });
    std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; });
    for (uint32_t slot : all) {
        bounds.insert(bounds.end(), range_of(slot), range_of(slot) + columns_);
        keys.push_back(entries[slot].key);
        ids.push_back(entries[slot].id);
    }
}

// -- the table in use

void Serving::range(const uint32_t *packets, size_t n, int32_t *out) {
    ReaderSlot *slot = epochs.enter();
    for (size_t i = 0; i < n; i += BATCH) {
        epochs.step(slot);
        const Live &table = *current_.load(std::memory_order_seq_cst);
        table.classify(packets + i * size_t(columns), std::min(BATCH, n - i), out + i);
    }
    epochs.leave(slot);
}

void Serving::classify(const uint32_t *packets, size_t n, int32_t *out, int threads) {
    shared_out(n, threads, [=, this](size_t from, size_t to) { range(packets + from * size_t(columns), to - from, out + from); });
}

void Serving::insert(const Range *ranges, const uint32_t *priorities, size_t n, int32_t *ids) {
    std::fill_n(ids, n, -1);
    for (size_t i = 0; i < n;) {
        const std::lock_guard<std::mutex> lock(writer_);
        Live &table = *current_.load();
        for (const size_t end = std::min(n, i + AT_ONCE); i < end; i++) {
            const uint64_t key = uint64_t(priorities[i]) << 32 | sequence_;
            const Range *rule = ranges + i * size_t(columns);
            if (!table.insert(rule, key, next_id_)) return;
            sequence_++;
            changes_++;
            if (noting_) {
                noted_.changes.push_back({next_id_, key, noted_.ranges.size()});
                noted_.ranges.insert(noted_.ranges.end(), rule, rule + columns);
            }
            ids[i] = next_id_++;
        }
    }
}

void Serving::remove(const int32_t *ids, size_t n, Live::Removal *outcomes) {
    for (size_t i = 0; i < n;) {
        const std::lock_guard<std::mutex> lock(writer_);
        Live &table = *current_.load();
        for (const size_t end = std::min(n, i + AT_ONCE); i < end; i++) {
            outcomes[i] = table.remove(ids[i]);
            if (outcomes[i] != Live::Removal::DONE) continue;
            changes_++;
            if (noting_) noted_.changes.push_back({ids[i], NO_KEY, 0});
        }
    }
}

void Serving::begin(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids) {
    const std::lock_guard<std::mutex> lock(writer_);
    current_.load()->snapshot(bounds, keys, ids);
    noted_ = {};
    noting_ = true;
}

Serving::Sizes Serving::sizes() {
    const std::lock_guard<std::mutex> lock(writer_);
    const Live &table = *current_.load();
    return {table.rules(), table.overlay_rules(), table.bytes(), table.growth()};
}

void Serving::abandon() {
    const std::lock_guard<std::mutex> lock(writer_);
    noting_ = false;
    noted_ = {};
}

// Makes noted changes to another table; what came and went again is left out. False when it has no room.
bool Serving::apply(Live &table, const Notes &notes) const {
    std::vector<int32_t> gone, came;
    for (const Change &change : notes.changes) (change.key == NO_KEY ? gone : came).push_back(change.id);
    std::sort(gone.begin(), gone.end());
    for (const Change &change : notes.changes)
        if (change.key == NO_KEY) {
            if (std::binary_search(came.begin(), came.end(), change.id)) continue;  // ids grow
            if (table.remove(change.id) == Live::Removal::TOO_MUCH) return false;
        } else if (!std::binary_search(gone.begin(), gone.end(), change.id)) {
            if (!table.insert(&notes.ranges[change.range], change.key, change.id)) return false;
        }
    return true;
}

bool Serving::replace(std::unique_ptr<Live> next) {
    for (int rounds = 0; rounds < 100; rounds++) {  // catch up while writers go on
        Notes notes;
        {
            const std::lock_guard<std::mutex> lock(writer_);
            if (noted_.changes.size() <= NOTES_AT_LAST) break;
            std::swap(notes, noted_);
        }
        if (!apply(*next, notes)) return abandon(), false;
    }
    Live *old;
    {
        const std::lock_guard<std::mutex> lock(writer_);
        noting_ = false;
        const bool room = apply(*next, noted_);
        noted_ = {};
        if (!room) return false;
        old = current_.exchange(next.release(), std::memory_order_seq_cst);
    }
    const uint64_t then = epochs.now();
    epochs.advance();
    while (epochs.oldest() <= then) std::this_thread::yield();  // until the last reader has gone on
    delete old;
    return true;
}

}  // namespace neurocuts
