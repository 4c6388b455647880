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
constexpr size_t MOST_AWAKE = 32;     // hidden rules that appear with one removal; else a new tree has to be built
constexpr uint32_t NOTHING_HIDDEN = 0, FIRST_HIDING = 1;
constexpr size_t COMPARED = 64;       // rules of the longest leaf in which hidden ones are looked for one by one
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

// Whether a rule is of a part and meets two sides of a box.
FOR_EACH_MACHINE void filter(const uint32_t *low, const uint32_t *high, const uint32_t *low2, const uint32_t *high2, const uint8_t *part,
                             size_t n, Range side, Range side2, uint8_t which, uint8_t *meets) {
    for (size_t i = 0; i < n; i++)
        meets[i] = uint8_t(low[i] <= side.high) & uint8_t(high[i] >= side.low) & uint8_t(low2[i] <= side2.high) &
                   uint8_t(high2[i] >= side2.low) & uint8_t(part[i] == which);
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
    low_.resize(size_t(columns_));
    high_.resize(size_t(columns_));
    for (int c = 0; c < columns_; c++)
        for (int r = 0; r < rules.count; r++) {
            low_[c].push_back(rules.row(uint32_t(r))[c].low);
            high_[c].push_back(rules.row(uint32_t(r))[c].high);
        }
    part_.assign(slots_used_, NOWHERE);
    for (int r = 0; r < rules.count; r++) {
        entries[r] = {keys[r], ids[r], 0};
        where_[ids[r]] = uint32_t(r);
    }
    refs_.assign(capacity_, 0);
    hid_.assign(capacity_, FIRST_HIDING);
    born_.assign(slots_used_, 0);
    for (Step &step : steps)
        if (step.code() == AT_LEAF && step.offset) {
            step.mask = floor_of(keys[step.mask]);
            refs_[step.base]++;
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
    for (uint32_t slot = 0; slot < slots_used_; slot++)  // what no leaf lists never matches first
        if (part_[slot] == NOWHERE) dormant_.push_back(slot);
}

Live::~Live() {
    delete overlay.load();
    for (auto &[epoch, old] : old_overlays_) delete old;
}

size_t Live::bytes() const {
    return steps.size() * sizeof(Step) + used_ * layout.bytes + slots_used_ * (sizeof(Entry) + 8 * size_t(columns_) + 1);
}

void Live::range_of(uint32_t slot, Range *out) const {
    for (int c = 0; c < columns_; c++) out[c] = {low_[c][slot], high_[c][slot]};
}

List Live::listed(const Step &leaf) const {
    List out;
    for (uint32_t b = 0; b < leaf.offset; b++) {
        const uint8_t *block = blocks + size_t(leaf.base + b) * layout.bytes;
        for (int lane = 0; lane < LANES; lane++) {
            const uint32_t slot = get_rule(layout, block, lane);
            if (slot == NO_RULE) return out;
            out.push_back(slot);
        }
    }
    return out;
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

// Rules of a part that meet a region, by key, without those that one before them hides there.
List Live::meeting(const Region &region, uint8_t part, bool &complete) const {
    meets_.resize(slots_used_ + 8);
    const size_t second = columns_ > 1;
    filter(low_[0].data(), high_[0].data(), low_[second].data(), high_[second].data(), part_.data(), slots_used_, region.box.side[0],
           region.box.side[second], part, meets_.data());
    std::memset(&meets_[slots_used_], 0, 8);
    List found;
    for (size_t slot = 0; slot < slots_used_; slot++) {
        uint64_t eight;
        std::memcpy(&eight, &meets_[slot], 8);
        if (!eight) {
            slot += 7;
            continue;
        }
        if (!meets_[slot]) continue;
        bool meets = true;
        for (int c = 0; c < columns_ && meets; c++)
            meets = low_[c][slot] <= region.box.side[c].high && high_[c][slot] >= region.box.side[c].low &&
                    !((low_[c][slot] ^ region.value[c]) & region.mask[c] & ~open_bits({low_[c][slot], high_[c][slot]}));
        if (meets && region.outside >= 0) {
            const int c = region.outside;
            meets = std::max(low_[c][slot], region.box.side[c].low) < region.inner.low ||
                    std::min(high_[c][slot], region.box.side[c].high) > region.inner.high;
        }
        if (meets) found.push_back(uint32_t(slot));
    }
    std::sort(found.begin(), found.end(), [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; });
    const size_t all = found.size();
    auto covers_all = [&](uint32_t slot) {
        for (int c = 0; c < columns_; c++)
            if (low_[c][slot] > region.box.side[c].low || high_[c][slot] < region.box.side[c].high) return false;
        return true;
    };
    for (size_t i = 0; i < found.size(); i++)
        if (covers_all(found[i])) found.resize(i + 1);
    if (found.size() > LONG_LEAF && found.size() <= COMPARED) {
        size_t kept = 0;
        for (uint32_t slot : found) {
            bool hidden = false;
            for (size_t j = 0; j < kept && !hidden; j++) {
                hidden = true;
                for (int c = 0; c < columns_ && hidden; c++)
                    hidden = low_[c][found[j]] <= std::max(low_[c][slot], region.box.side[c].low) &&
                             high_[c][found[j]] >= std::min(high_[c][slot], region.box.side[c].high);
            }
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
    const uint32_t count = uint32_t((list.size() + LANES - 1) / LANES), showing = cells.last - cells.first + 1;
    uint32_t block = 0, floor = NO_RULE, from = 0;
    if (count) {
        block = blocks_for(count);
        floor = floor_of(entries[list[0]].key);
        Range range[MAX_COLUMNS];
        for (uint32_t i = 0; i < count * LANES; i++) {
            uint8_t *to = blocks + size_t(block + i / LANES) * layout.bytes;
            if (i >= list.size()) {
                put_rule(layout, to, int(i % LANES), NO_RULE, nullptr);
                continue;
            }
            auto standing = [&](uint32_t k) { return blocks + size_t(old.base + k / LANES) * layout.bytes; };
            uint32_t k = from;  // both are in order; at most one rule is new or gone, unless the leaf was made anew
            while (k < old.offset * LANES && k < from + 2 && get_rule(layout, standing(k), int(k % LANES)) != list[i]) k++;
            if (k < old.offset * LANES && k < from + 2) {
                copy_rule(layout, standing(k), int(k % LANES), to, int(i % LANES));
                from = k + 1;
            } else {
                range_of(list[i], range);
                put_rule(layout, to, int(i % LANES), list[i], range);
            }
        }
        refs_[block] = showing;
        hid_[block] = hid;
    }
    const uint64_t place = uint64_t(count) << 32 | block;
    for (uint32_t cell = cells.first; cell <= cells.last; cell++) {
        Step &step = steps[cell];
        const bool lower = floor < step.mask;
        if (lower) __atomic_store_n(&step.mask, floor, __ATOMIC_RELEASE);
        __atomic_store_n(reinterpret_cast<uint64_t *>(&step.base), place, __ATOMIC_SEQ_CST);
        if (!lower) __atomic_store_n(&step.mask, floor, __ATOMIC_RELEASE);
    }
    if (old.offset && !(refs_[old.base] -= showing)) retire(old.base, old.offset);
}

void Live::lower(uint8_t part, uint32_t floor) {
    if (floor < top[part].floor) __atomic_store_n(&top[part].floor, floor, __ATOMIC_RELEASE);
}

void Live::put_overlay() {
    auto made = std::make_unique<Overlay>();
    made->count = (overlaid_.size() + LANES - 1) / LANES;
    made->store.resize(made->count * layout.bytes + 192);
    uint8_t *start = made->store.data();
    start += (64 - reinterpret_cast<uintptr_t>(start) % 64) % 64;
    made->blocks = start;
    Range range[MAX_COLUMNS];
    for (size_t i = 0; i < made->count * LANES; i++) {
        if (i < overlaid_.size()) range_of(overlaid_[i], range);
        if (i % LANES == 0) made->keys.push_back(entries[overlaid_[i]].key);
        put_rule(layout, start + i / LANES * layout.bytes, int(i % LANES), i < overlaid_.size() ? overlaid_[i] : NO_RULE,
                 i < overlaid_.size() ? range : nullptr);
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
        born_.push_back(0);
        for (int c = 0; c < columns_; c++) low_[c].push_back(1), high_[c].push_back(0);
    }
    entries[slot] = {key, id, 0};
    for (int c = 0; c < columns_; c++) low_[c][slot] = range[c].low, high_[c][slot] = range[c].high;
    if (!place(slot)) {
        for (int c = 0; c < columns_; c++) low_[c][slot] = 1, high_[c][slot] = 0;
        free_slots_.push_back(slot);
        return false;
    }
    where_[id] = slot;
    return true;
}

// Puts a rule into the leaves of the part where it meets fewest, or in front.
bool Live::place(uint32_t slot) {
    Range range[MAX_COLUMNS];
    range_of(slot, range);
    std::vector<Cells> &best = best_, &here = here_;
    best.clear();
    Region at = everywhere();
    uint8_t part = IN_OVERLAY;
    for (size_t p = 0; p < top.size(); p++) {
        here.clear();
        if (!reach(top[p].step, at, range, here, nullptr, part == IN_OVERLAY ? MOST_LEAVES : best.size() - 1)) continue;
        best.swap(here);
        part = uint8_t(p);
        if (best.size() <= 1) break;
    }
    auto before = [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; };
    if (part == IN_OVERLAY) {
        part_[slot] = part;
        overlaid_.insert(std::upper_bound(overlaid_.begin(), overlaid_.end(), slot, before), slot);
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
    born_[slot] = ++clock_;
    lower(part, floor_of(entries[slot].key));
    for (const Cells &cells : best) {
        const Step old = steps[cells.first];
        List list = listed(old);
        list.insert(std::upper_bound(list.begin(), list.end(), slot, before), slot);
        write(cells, list, old.offset ? hid_[old.base] : FIRST_HIDING);
    }
    return true;
}

// Rules that are hidden everywhere appear before what may hide them goes; false when there are too many.
bool Live::wake(const Range *range) {
    List awake;
    for (uint32_t slot : dormant_) {
        bool meets = true;
        for (int c = 0; c < columns_ && meets; c++) meets = low_[c][slot] <= range[c].high && high_[c][slot] >= range[c].low;
        if (meets) awake.push_back(slot);
    }
    if (awake.size() > MOST_AWAKE) return false;
    for (uint32_t slot : awake) {
        if (!place(slot)) return false;
        dormant_.erase(std::find(dormant_.begin(), dormant_.end(), slot));
    }
    return true;
}

Region Live::everywhere() const {
    Region all{};
    for (int c = 0; c < columns_; c++) all.box.side[c] = {0, layout.narrow[c] ? 0xFFFFu : 0xFFFFFFFFu};
    return all;
}

Live::Removal Live::remove(int32_t id) {
    const auto found = where_.find(id);
    if (found == where_.end()) return Removal::NO_SUCH_RULE;
    const uint32_t slot = found->second;
    Range range[MAX_COLUMNS];
    range_of(slot, range);
    const auto asleep = std::find(dormant_.begin(), dormant_.end(), slot);
    if (asleep != dormant_.end())
        dormant_.erase(asleep);
    else if (!wake(range))
        return Removal::TOO_MUCH;
    const uint8_t part = part_[slot];
    std::vector<Cells> &cells = best_;
    std::vector<Region> where;
    cells.clear();
    if (part < NOWHERE) {
        Region at = everywhere();
        reach(top[part].step, at, range, cells, &where, SIZE_MAX);
        if (used_ + 8 * cells.size() > capacity_) return Removal::TOO_MUCH;
    }
    where_.erase(id);
    for (int c = 0; c < columns_; c++) low_[c][slot] = 0xFFFFFFFFu, high_[c][slot] = 0;  // meets nothing from now on
    part_[slot] = NOWHERE;
    if (part == IN_OVERLAY) {
        overlaid_.erase(std::find(overlaid_.begin(), overlaid_.end(), slot));
        put_overlay();
    }
    for (size_t i = 0; i < cells.size(); i++) {
        const Step old = steps[cells[i].first];
        List list = listed(old);
        const auto place = std::find(list.begin(), list.end(), slot);
        if (place == list.end()) continue;
        uint32_t hid = hid_[old.base];
        if (hid == NOTHING_HIDDEN || born_[slot] > hid) {  // it came after what hides others: it hides nothing
            list.erase(place);
        } else {
            bool complete;
            list = meeting(where[i], part, complete);
            hid = complete ? NOTHING_HIDDEN : ++clock_;
        }
        write(cells[i], list, hid);
    }
    retired_.push_back({epochs_.now(), slot, 0});
    return Removal::DONE;
}

void Live::snapshot(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids) const {
    List all;
    for (const auto &[id, slot] : where_) all.push_back(slot);
    std::sort(all.begin(), all.end(), [&](uint32_t a, uint32_t b) { return entries[a].key < entries[b].key; });
    for (uint32_t slot : all) {
        for (int c = 0; c < columns_; c++) bounds.push_back({low_[c][slot], high_[c][slot]});
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
    const size_t most = std::max<size_t>(1, std::min<size_t>(size_t(std::max(threads, 1)), n / 4096));
    const size_t share = (n + most - 1) / most;
    std::vector<std::thread> others;
    for (size_t t = 1; t < most; t++) {
        const size_t from = t * share, to = std::min(n, from + share);
        if (from < to) others.emplace_back([=, this] { range(packets + from * size_t(columns), to - from, out + from); });
    }
    range(packets, std::min(share, n), out);
    for (std::thread &other : others) other.join();
}

int32_t Serving::insert(const Range *rule, uint32_t priority) {
    const std::lock_guard<std::mutex> lock(writer_);
    Live &table = *current_.load();
    const uint64_t key = uint64_t(priority) << 32 | sequence_;
    if (!table.insert(rule, key, next_id_)) return -1;
    sequence_++;
    changes_++;
    if (noting_) noted_.push_back({next_id_, key, std::vector<Range>(rule, rule + columns)});
    return next_id_++;
}

Live::Removal Serving::remove(int32_t id) {
    const std::lock_guard<std::mutex> lock(writer_);
    const Live::Removal removal = current_.load()->remove(id);
    if (removal != Live::Removal::DONE) return removal;
    changes_++;
    if (noting_) noted_.push_back({id, NO_KEY, {}});
    return removal;
}

void Serving::begin(std::vector<Range> &bounds, std::vector<uint64_t> &keys, std::vector<int32_t> &ids) {
    const std::lock_guard<std::mutex> lock(writer_);
    current_.load()->snapshot(bounds, keys, ids);
    noted_.clear();
    noting_ = true;
}

Serving::Sizes Serving::sizes() {
    const std::lock_guard<std::mutex> lock(writer_);
    const Live &table = *current_.load();
    return {table.rules(), table.overlay_rules(), table.bytes()};
}

void Serving::abandon() {
    const std::lock_guard<std::mutex> lock(writer_);
    noting_ = false;
    noted_.clear();
}

bool Serving::replace(std::unique_ptr<Live> next) {
    auto apply = [&](const std::vector<Change> &changes) {
        for (const Change &change : changes)
            if (change.key == NO_KEY) {
                if (next->remove(change.id) == Live::Removal::TOO_MUCH) return false;
            } else if (!next->insert(change.range.data(), change.key, change.id)) {
                return false;
            }
        return true;
    };
    for (int rounds = 0; rounds < 100; rounds++) {  // catch up while writers go on
        std::vector<Change> changes;
        {
            const std::lock_guard<std::mutex> lock(writer_);
            if (noted_.size() <= NOTES_AT_LAST) break;
            changes.swap(noted_);
        }
        if (!apply(changes)) return abandon(), false;
    }
    Live *old;
    {
        const std::lock_guard<std::mutex> lock(writer_);
        noting_ = false;
        const bool room = apply(noted_);
        noted_.clear();
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
