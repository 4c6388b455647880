// Written from the papers:
// - Tuple space search: Srinivasan, Suri, Varghese, SIGCOMM 1999. One hash table for each combination of prefix lengths.
//   A range of ports that is no prefix counts as a wildcard in the key, as in Open vSwitch.
// - TupleMerge: Daly, Bruschi, Linguaglossa, Pontarelli, Rossi, Tollet, Torng, Yourtchenko, ToN 27(4), 2019. Rules share a
//   table whose lengths are at most theirs; a chain longer than 10 sends the next rule to a more specific table. The
//   paper's table of lengths for new tables is not at hand: here they are rounded down to multiples of 4 (addresses), and
//   ports and protocols are left out where addresses have at least 16 bits together.
// - Bit selection: after PextCuts (IWQoS 2022, as described by others): a tree for each group of rules by which addresses are long, whose
//   nodes take up to 8 bits of the addresses or of the ports together with one PEXT; a group by protocol on top; trees in order of their best
//   rule, with an early end. The paper's dynamic programming over lengths is not here.
#include "neurocuts_peers.h"

#include <cstring>
#include <unordered_map>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace neurocuts {

namespace {

// Bits that a range's ends share, from the top of the column's width.
int shared_bits(Range r, int width) {
    const uint32_t differ = r.low ^ r.high;
    return differ ? width - (32 - __builtin_clz(differ)) : width;
}

int width_of(uint32_t maximum) { return maximum ? 32 - __builtin_clz(maximum) : 0; }

uint32_t mask_of(int bits, int width) {
    if (bits <= 0) return 0;
    const uint32_t full = width >= 32 ? 0xFFFFFFFFu : (1u << width) - 1;
    return bits >= width ? full : full & ~((1u << (width - bits)) - 1);
}

bool is_prefix(Range r) {
    const uint32_t span = r.low ^ r.high;
    return !(span & (span + 1)) && !(r.low & span);
}

// One hash table: rules by the bits under the masks. Open addressing; a slot is a chain of rules, best first.
struct Tuple {
    std::vector<int> lengths;
    std::vector<uint32_t> masks;
    std::vector<std::pair<uint32_t, int32_t>> slots;  // hash, head of the chain or -1
    size_t used = 0;
    uint32_t best = 0xFFFFFFFFu;  // no rule of the table comes before it
};

class TupleSpace : public Peer {
   public:
    TupleSpace(const Rules &given, bool merged) : rules(given), merge(merged), next(given.count, -1), home(given.count, -1) {
        for (uint32_t m : rules.maxima) widths.push_back(width_of(m));
        for (int r = 0; r < rules.count; r++) insert(uint32_t(r));
    }

    int32_t one(const uint32_t *packet) const override {
        uint32_t best = 0xFFFFFFFFu;
        for (int t : order) {
            const Tuple &tuple = tuples[t];
            if (tuple.best >= best) break;
            for (int32_t r = chain(tuple, hash(tuple, packet)); r >= 0 && uint32_t(r) < best; r = next[r])
                if (holds(uint32_t(r), packet)) best = uint32_t(r);
        }
        return int32_t(best);
    }

    size_t bytes() const override {
        size_t total = rules.bounds.size() * sizeof(Range) + next.size() * 8;
        for (const Tuple &t : tuples) total += t.slots.size() * sizeof(t.slots[0]) + t.masks.size() * 8 + sizeof(Tuple);
        return total;
    }

    bool insert(uint32_t r) override {
        if (home[r] >= 0) return false;
        const int t = merge ? merged_table(r) : exact_table(lengths_of(r));
        Tuple &tuple = tuples[t];
        if (2 * (tuple.used + 1) > tuple.slots.size()) grow(tuple);
        link(tuple, r);
        home[r] = t;
        if (r < tuple.best) tuple.best = r, sort();
        return true;
    }

    bool remove(uint32_t r) override {
        if (home[r] < 0) return false;
        Tuple &tuple = tuples[home[r]];
        std::vector<uint32_t> key = key_of(r);
        int32_t *at = &slot(tuple, hash(tuple, key.data())).second;
        while (*at != int32_t(r)) at = &next[*at];
        *at = next[r];  // an empty chain keeps its slot, so that probing goes on behind it
        next[r] = -1;
        home[r] = -1;
        return true;
    }

   private:
    const Rules &rules;
    bool merge;
    std::vector<int> widths, order;
    std::vector<int32_t> next, home;
    std::vector<Tuple> tuples;
    std::unordered_map<std::string, int> by_lengths;

    bool holds(uint32_t r, const uint32_t *packet) const {
        const Range *rule = rules.row(r);
        for (int c = 0; c < rules.columns; c++)
            if (packet[c] < rule[c].low || packet[c] > rule[c].high) return false;
        return true;
    }

    std::vector<uint32_t> key_of(uint32_t r) const {
        std::vector<uint32_t> key(rules.columns);
        for (int c = 0; c < rules.columns; c++) key[c] = rules.row(r)[c].low;
        return key;
    }

    uint32_t hash(const Tuple &tuple, const uint32_t *packet) const {
        uint64_t h = 0x9E3779B97F4A7C15ull;
        for (int c = 0; c < rules.columns; c++) h = (h ^ (packet[c] & tuple.masks[c])) * 0xD6E8FEB86659FD93ull, h ^= h >> 32;
        return uint32_t(h >> 16) | 1u;  // 0 marks a free slot
    }

    int32_t chain(const Tuple &tuple, uint32_t h) const {
        const size_t mask = tuple.slots.size() - 1;
        for (size_t i = h & mask;; i = (i + 1) & mask) {
            if (tuple.slots[i].first == h) return tuple.slots[i].second;
            if (!tuple.slots[i].first) return -1;
        }
    }

    static std::pair<uint32_t, int32_t> &slot(Tuple &tuple, uint32_t h) {
        const size_t mask = tuple.slots.size() - 1;
        size_t i = h & mask;
        while (tuple.slots[i].first && tuple.slots[i].first != h) i = (i + 1) & mask;
        return tuple.slots[i];
    }

    void link(Tuple &tuple, uint32_t r) {
        std::vector<uint32_t> key = key_of(r);
        const uint32_t h = hash(tuple, key.data());
        auto &place = slot(tuple, h);
        if (!place.first) place = {h, -1}, tuple.used++;
        int32_t *at = &place.second;
        while (*at >= 0 && uint32_t(*at) < r) at = &next[*at];
        next[r] = *at;
        *at = int32_t(r);
    }

    void grow(Tuple &tuple) {
        std::vector<std::pair<uint32_t, int32_t>> old(std::max<size_t>(8, 2 * tuple.slots.size()), {0, -1});
        old.swap(tuple.slots);
        tuple.used = 0;
        for (const auto &[h, head] : old) {
            if (!h || head < 0) continue;
            slot(tuple, h) = {h, head};
            tuple.used++;
        }
    }

    void sort() {
        std::sort(order.begin(), order.end(), [&](int a, int b) { return tuples[a].best < tuples[b].best; });
    }

    std::vector<int> lengths_of(uint32_t r) const {
        std::vector<int> lengths;
        for (int c = 0; c < rules.columns; c++) {
            const Range range = rules.row(r)[c];
            lengths.push_back(is_prefix(range) || widths[c] > 16 ? shared_bits(range, widths[c]) : 0);
        }
        return lengths;
    }

    int exact_table(const std::vector<int> &lengths) {
        const std::string name(lengths.begin(), lengths.end());
        auto [found, fresh] = by_lengths.try_emplace(name, int(tuples.size()));
        if (fresh) {
            Tuple made;
            made.lengths = lengths;
            for (int c = 0; c < rules.columns; c++) made.masks.push_back(mask_of(lengths[c], widths[c]));
            tuples.push_back(std::move(made));
            order.push_back(found->second);
        }
        return found->second;
    }

    int merged_table(uint32_t r) {
        constexpr int MOST_IN_CHAIN = 10;
        const std::vector<int> own = lengths_of(r);
        const std::vector<uint32_t> key = key_of(r);
        int best = -1, bits = -1;
        for (size_t t = 0; t < tuples.size(); t++) {
            const Tuple &tuple = tuples[t];
            int sum = 0;
            bool fits = true;
            for (int c = 0; c < rules.columns && fits; c++) fits = tuple.lengths[c] <= own[c], sum += tuple.lengths[c];
            if (!fits || sum <= bits) continue;
            int length = 0;
            for (int32_t o = tuple.slots.empty() ? -1 : chain(tuple, hash(tuple, key.data())); o >= 0; o = next[o]) length++;
            if (length < MOST_IN_CHAIN) best = int(t), bits = sum;
        }
        if (best >= 0) return best;
        std::vector<int> wider = own;
        int addresses = 0;
        for (int c = 0; c < rules.columns; c++)
            if (widths[c] > 16) wider[c] -= wider[c] % 4, addresses += wider[c];
        if (addresses >= 16)
            for (int c = 0; c < rules.columns; c++)
                if (widths[c] <= 16) wider[c] = 0;
        const auto found = by_lengths.find(std::string(wider.begin(), wider.end()));
        return exact_table(found == by_lengths.end() ? wider : own);  // full there: as specific as the rule itself
    }
};

// Up to 64 bits of a packet from two columns.
struct Pair {
    int high, low;
};

uint64_t extract_plain(uint64_t value, uint64_t mask) {
    uint64_t out = 0;
    for (int place = 0; mask; mask &= mask - 1, place++) out |= uint64_t((value & (mask & (~mask + 1))) != 0) << place;
    return out;
}

#if defined(__x86_64__)
__attribute__((target("bmi2"))) uint64_t extract_bmi2(uint64_t value, uint64_t mask) { return _pext_u64(value, mask); }
uint64_t (*const extract)(uint64_t, uint64_t) = __builtin_cpu_supports("bmi2") ? extract_bmi2 : extract_plain;
#else
uint64_t (*const extract)(uint64_t, uint64_t) = extract_plain;
#endif

class BitTree : public Peer {
   public:
    explicit BitTree(const Rules &given) : rules(given) {
        for (uint32_t m : rules.maxima) widths.push_back(width_of(m));
        for (int c = 0; c + 1 < rules.columns; c += 2) pairs.push_back({c, c + 1});
        if (rules.columns % 2) pairs.push_back({rules.columns - 1, rules.columns - 1});
        top = rules.columns - 1;
        split_top = widths[top] <= 8;
        const size_t groups = split_top ? size_t(rules.maxima[top]) + 1 : 1;
        std::unordered_map<std::string, uint32_t> alike;  // values of the top column with the same rules share their trees
        group_of.resize(groups);
        for (size_t value = 0; value < groups; value++) {
            List own;
            for (int r = 0; r < rules.count; r++) {
                const Range range = rules.row(uint32_t(r))[top];
                if (!split_top || (range.low <= value && value <= range.high)) own.push_back(uint32_t(r));
            }
            const std::string name(reinterpret_cast<const char *>(own.data()), own.size() * sizeof(uint32_t));
            auto [found, fresh] = alike.try_emplace(name, uint32_t(roots.size()));
            if (fresh) roots.push_back(trees(own));
            group_of[value] = found->second;
        }
    }

    int32_t one(const uint32_t *packet) const override {
        const uint32_t value = split_top ? packet[top] : 0;
        if (value >= group_of.size()) return -1;
        uint32_t best = 0xFFFFFFFFu;
        for (const auto &[first, root] : roots[group_of[value]]) {
            if (first >= best) break;
            const Node *node = &nodes[root];
            while (node->mask) {
                const Pair pair = pairs[node->pair];
                const uint64_t word = uint64_t(packet[pair.high]) << 32 | packet[pair.low];
                node = &nodes[children[node->first + extract(word, node->mask)]];
                if (node->best >= best) break;
            }
            if (node->mask) continue;
            for (uint32_t i = node->first; i < node->first + node->count && leaves[i] < best; i++)
                if (holds(leaves[i], packet)) best = leaves[i];
        }
        return int32_t(best);
    }

    size_t bytes() const override {
        size_t total = rules.bounds.size() * sizeof(Range) + nodes.size() * sizeof(Node) + (children.size() + leaves.size()) * 4;
        for (const auto &r : roots) total += r.size() * sizeof(r[0]);
        return total + group_of.size() * 4;
    }

   private:
    struct Node {
        uint64_t mask = 0;  // 0: a leaf
        uint32_t first = 0, count = 0, best = 0xFFFFFFFFu, pair = 0;
    };
    static constexpr size_t LEAF = 8;
    static constexpr int MOST_BITS = 8;
    static constexpr double MOST_COPIES = 1.25;
    static constexpr size_t MOST_ENTRIES = 64u << 20;

    const Rules &rules;
    std::vector<int> widths;
    std::vector<Pair> pairs;
    int top = 0;
    bool split_top = false;
    std::vector<uint32_t> group_of, children, leaves;
    std::vector<Node> nodes;
    std::vector<std::vector<std::pair<uint32_t, uint32_t>>> roots;  // best rule and root of each tree, by group

    bool holds(uint32_t r, const uint32_t *packet) const {
        const Range *rule = rules.row(r);
        for (int c = 0; c < rules.columns; c++)
            if (packet[c] < rule[c].low || packet[c] > rule[c].high) return false;
        return true;
    }

    // 0 or 1 where all packets of a rule have the same bit, else -1.
    int bit(uint32_t r, int pair, int place) const {
        const int c = place >= 32 ? pairs[pair].high : pairs[pair].low;
        const int at = place & 31;
        const Range range = rules.row(r)[c];
        if (range.low >> at != range.high >> at) return -1;
        return int(range.low >> at & 1);
    }

    std::vector<std::pair<uint32_t, uint32_t>> trees(const List &list) {
        std::vector<List> groups(4);
        for (uint32_t r : list) {
            int kind = 0;
            for (int side = 0; side < 2; side++) {  // addresses: the first two fields; a wide one begins with its first word
                const int c = side == 0 ? 0 : (rules.columns >= 11 ? 4 : std::min(1, rules.columns - 1));
                kind = 2 * kind + (shared_bits(rules.row(r)[c], widths[c]) * 2 >= widths[c]);
            }
            groups[kind].push_back(r);
        }
        std::vector<std::pair<uint32_t, uint32_t>> out;
        for (const List &group : groups)
            if (!group.empty()) out.emplace_back(group[0], build(group, 0));
        std::sort(out.begin(), out.end());
        return out;
    }

    uint32_t build(const List &list, int depth) {
        const uint32_t at = uint32_t(nodes.size());
        nodes.emplace_back();
        nodes[at].best = list.empty() ? 0xFFFFFFFFu : list[0];
        int pair = 0;
        const uint64_t mask = list.size() <= LEAF || depth > 24 || leaves.size() + children.size() > MOST_ENTRIES ? 0 : choose(list, pair);
        if (!mask) {
            nodes[at].first = uint32_t(leaves.size());
            nodes[at].count = uint32_t(list.size());
            leaves.insert(leaves.end(), list.begin(), list.end());
            return at;
        }
        const int bits = __builtin_popcountll(mask);
        std::vector<List> parts(size_t(1) << bits);
        std::vector<int> places;
        for (int place = 0; place < 64; place++)
            if (mask >> place & 1) places.push_back(place);
        for (uint32_t r : list) {
            std::vector<uint32_t> cells{0};
            for (int i = 0; i < bits; i++) {
                const int value = bit(r, pair, places[i]);
                const size_t before = cells.size();
                for (size_t k = 0; k < before; k++) {
                    if (value < 0) cells.push_back(cells[k] | 1u << i);
                    if (value > 0) cells[k] |= 1u << i;
                }
            }
            for (uint32_t cell : cells) parts[cell].push_back(r);
        }
        const uint32_t first = uint32_t(children.size());
        children.resize(children.size() + parts.size());
        nodes[at].mask = mask;
        nodes[at].first = first;
        nodes[at].count = uint32_t(parts.size());
        nodes[at].pair = uint32_t(pair);
        for (size_t i = 0; i < parts.size(); i++) {
            const uint32_t made = build(parts[i], depth + 1);
            children[first + i] = made;
        }
        return at;
    }

    // The bits of one pair of columns that divide a list best: the most even ones of those that copy few rules.
    uint64_t choose(const List &list, int &best_pair) const {
        uint64_t best = 0;
        double least = double(list.size()) * 0.9;
        for (size_t pair = 0; pair < pairs.size(); pair++) {
            double copies = 1, expected = double(list.size());
            uint64_t mask = 0;
            std::vector<std::pair<double, int>> ranked;
            for (int place = 0; place < 64; place++) {
                const int c = place >= 32 ? pairs[pair].high : pairs[pair].low;
                if ((place & 31) >= widths[c] || (pairs[pair].high == pairs[pair].low && place >= 32)) continue;
                size_t count[2] = {0, 0}, wild = 0;
                for (uint32_t r : list) {
                    const int value = bit(r, int(pair), place);
                    if (value < 0) wild++;
                    else count[value]++;
                }
                const double larger = double(std::max(count[0], count[1]) + wild) / double(list.size());
                const double copied = double(list.size() + wild) / double(list.size());
                if (larger < 0.95 && copied <= MOST_COPIES) ranked.emplace_back(larger * copied, place);
            }
            std::sort(ranked.begin(), ranked.end());
            const int most = std::min(MOST_BITS, width_of(uint32_t(list.size() / (LEAF / 2))));
            for (const auto &[share, place] : ranked) {
                if (__builtin_popcountll(mask) >= most) break;
                const uint64_t wider = mask | uint64_t(1) << place;
                const auto [worst, all] = divided(list, int(pair), wider);
                if (double(all) / double(list.size()) > MOST_COPIES * 1.5 || double(worst) >= expected * 0.97) continue;
                mask = wider, expected = double(worst), copies = double(all) / double(list.size());
            }
            if (mask && expected * copies < least) least = expected * copies, best = mask, best_pair = int(pair);
        }
        return best;
    }

    // The largest part and the sum of all when a list is divided by a mask.
    std::pair<size_t, size_t> divided(const List &list, int pair, uint64_t mask) const {
        std::vector<size_t> sizes(size_t(1) << __builtin_popcountll(mask));
        size_t all = 0;
        std::vector<uint32_t> cells;
        for (uint32_t r : list) {
            cells.assign(1, 0);
            int i = 0;
            for (uint64_t rest = mask; rest; rest &= rest - 1, i++) {
                const int value = bit(r, pair, __builtin_ctzll(rest));
                const size_t before = cells.size();
                for (size_t k = 0; k < before; k++) {
                    if (value < 0) cells.push_back(cells[k] | 1u << i);
                    if (value > 0) cells[k] |= 1u << i;
                }
            }
            for (uint32_t cell : cells) sizes[cell]++;
            all += cells.size();
        }
        return {*std::max_element(sizes.begin(), sizes.end()), all};
    }
};

class PlainWalk : public Peer {
   public:
    PlainWalk(const TreeView &given, const Rules &of) : tree(given), rules(of) {}

    int32_t one(const uint32_t *packet) const override {
        uint32_t best = 0xFFFFFFFFu;
        walk(0, packet, best);
        return int32_t(best);
    }

    size_t bytes() const override {
        return tree.nodes * (3 + 4 + 4 + 8 + 4) + tree.n_children * 4 + tree.n_rule_ids * 4 + tree.n_bounds * 4 +
               tree.n_terms * 16 + rules.bounds.size() * sizeof(Range);
    }

   private:
    TreeView tree;
    const Rules &rules;

    void walk(int32_t node, const uint32_t *packet, uint32_t &best) const {
        while (node >= 0) {
            const int64_t first = tree.first[node];
            const int32_t count = tree.count[node];
            switch (tree.kind[node]) {
                case LEAF: return scan(tree.rule_ids + first, count, packet, best);
                case PARTITION:
                    for (int32_t i = 0; i < count; i++) walk(tree.children[first + i], packet, best);
                    return;
                case CUT: {
                    const uint32_t cell = (packet[tree.dim[node]] >> tree.shift[node]) - tree.base[node];
                    node = cell < uint32_t(count) ? tree.children[first + cell] : -1;
                    break;
                }
                case SPLIT: {
                    const uint32_t *bounds = tree.bounds + tree.base[node];
                    int32_t cell = 0;
                    while (cell + 1 < count && bounds[cell] <= packet[tree.dim[node]]) cell++;
                    node = tree.children[first + cell];
                    break;
                }
                case BITS:
                    node = tree.children[first + int64_t(extract(packet[tree.dim[node]], tree.mask[node]))];
                    break;
                default: {  // GRID
                    uint64_t cell = 0;
                    const uint32_t *row = tree.terms + 4 * size_t(tree.base[node]);
                    bool inside = true;
                    for (int t = 0; t < tree.shift[node] && inside; t++, row += 4) {
                        const uint32_t digit = (packet[row[0]] >> row[1]) - row[2];
                        inside = digit < row[3];
                        cell = cell * row[3] + digit;
                    }
                    node = inside ? tree.children[size_t(first) + cell] : -1;
                }
            }
        }
    }

    void scan(const int32_t *ids, int32_t count, const uint32_t *packet, uint32_t &best) const {
        for (int32_t i = 0; i < count && uint32_t(ids[i]) < best; i++) {
            const Range *rule = rules.row(uint32_t(ids[i]));
            bool holds = true;
            for (int c = 0; c < rules.columns && holds; c++) holds = packet[c] >= rule[c].low && packet[c] <= rule[c].high;
            if (holds) best = uint32_t(ids[i]);
        }
    }
};

class Scan : public Peer {
   public:
    explicit Scan(const Rules &given) : rules(given) {}
    int32_t one(const uint32_t *packet) const override {
        for (int r = 0; r < rules.count; r++) {
            const Range *rule = rules.row(uint32_t(r));
            bool holds = true;
            for (int c = 0; c < rules.columns && holds; c++) holds = packet[c] >= rule[c].low && packet[c] <= rule[c].high;
            if (holds) return r;
        }
        return -1;
    }
    size_t bytes() const override { return rules.bounds.size() * sizeof(Range); }

   private:
    const Rules &rules;
};

}  // namespace

std::unique_ptr<Peer> peer(const std::string &name, const Rules &rules) {
    if (name == "linear") return std::make_unique<Scan>(rules);
    if (name == "tss" || name == "tuplemerge") return std::make_unique<TupleSpace>(rules, name == "tuplemerge");
    if (name == "pext") return std::make_unique<BitTree>(rules);
    return nullptr;
}

std::unique_ptr<Peer> plain_walk(const TreeView &tree, const Rules &rules) { return std::make_unique<PlainWalk>(tree, rules); }

}  // namespace neurocuts
