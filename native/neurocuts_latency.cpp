#include "neurocuts_latency.h"

#include <chrono>
#include <cmath>

namespace neurocuts {

namespace {

constexpr float STEP_BYTES = 16, RULE_BYTES = 32, LANES = 8;  // leaves share blocks
constexpr float LEAST_BYTES = 28;  // that a rule of a list will take, as few turn out to be hidden
constexpr size_t OVERLAY = 200;   // rules of the largest node whose hidden rules are looked for one by one
constexpr size_t MOST_BLOCKS = 16;  // of a leaf that is made although a cut is there
constexpr size_t SEEN = 256;      // rules that the choice of bits looks at
constexpr int DEEPEST = 40;
constexpr size_t MOST_MEMBERS = 4;  // a bit selection that copies rules more often is not weighed

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

uint32_t software_pext(uint32_t x, uint32_t mask) {
    uint32_t out = 0;
    for (int place = 0; mask; mask &= mask - 1, place++) out |= uint32_t((x & mask & (0u - mask)) != 0) << place;
    return out;
}

// Bits below the highest in which the ends of a range differ: they may be anything.
uint32_t open_bits(Range r) {
    const uint32_t differ = r.low ^ r.high;
    return differ ? 0xFFFFFFFFu >> __builtin_clz(differ) : 0;
}

struct Choice {
    float score = 1e30f;
    Cut cut;
    uint32_t mask = 0;  // of a bit selection
};

struct Builder {
    const Rules &rules;
    const uint32_t *packets;
    const size_t all_packets;
    const LatencyOptions &options;
    Chance chance;
    Flat flat;
    bool over = false;
    unsigned calls = 0;
    double ends = 0;
    float pending = 0;  // rules in lists that still have to be built
    float spent = 0;  // bytes of the table so far; equal children, which the table keeps once, are counted each
    std::vector<int32_t> delta;
    std::vector<uint32_t> hits;
    Runs runs;

    std::vector<float> times, sizes;  // guesses, by the number of rules

    float blocks(size_t n) const { return std::ceil(float(n) / LANES); }
    float leaf_time(size_t n) const { return n ? options.block * (1 + 0.55f * (blocks(n) - 1)) : 0.2f; }
    float time(size_t n) const { return times[n]; }
    float bytes(size_t n) const { return sizes[n]; }
    void guess() {
        const float leaf = float(options.leaf);
        for (size_t n = 0; n <= size_t(rules.count); n++) {
            const bool small = n <= size_t(options.leaf);
            const float deeper = 1 + std::log(std::max(float(n) / leaf, 1.0f)) / std::log(options.base) + options.block;
            times.push_back(small ? leaf_time(n) : std::min(deeper, leaf_time(n)));
            sizes.push_back(small ? RULE_BYTES * float(n) : 48 * float(n) * std::pow(float(n) / leaf, options.rate));
        }
    }
    float priced(float size) const { return options.memory * size / float(std::max(rules.count, 1)); }
    float jitter() {
        return options.noise > 0 ? 1 + options.noise * float(chance.uniform() - 0.5) : 1;
    }

    void weigh(const Cut &cut, const List &list, const List &traffic, const Box &box, float share, Choice &best) {
        const uint32_t cells = cut.cells(box), base = cut.base(box);
        const Range side = box.side[cut.dim];
        delta.assign(2 * size_t(cells) + 4, 0);
        hits.assign(cells + 1, 0);
        size_t total = 0;
        for (uint32_t r : list) {
            const Range range = rules.row(r)[cut.dim];
            const uint32_t a = (std::max(range.low, side.low) >> cut.shift) - base, b = (std::min(range.high, side.high) >> cut.shift) - base;
            delta[2 * a]++;
            delta[2 * b + 3]++;
        }
        for (uint32_t p : traffic) hits[std::min((packets[size_t(p) * rules.columns + cut.dim] >> cut.shift) - base, cells)]++;
        float size = STEP_BYTES * float(cells + 1), seen = 0, expected = 0, members = 0;
        size_t inside = 0, most = 0, come_by = 0;
        const float limit = best.score;
        for (uint32_t c = 0; c < cells; c++) {
            const int come = delta[2 * c], go = delta[2 * c + 1];
            if (c && (come || go)) {
                const float t = time(inside);
                seen += float(come_by) * t, expected += float(inside) * t, members += float(inside);
                size += inside ? bytes(inside) : 0;
                most = std::max(most, inside), total += inside, come_by = 0;
            }
            inside += size_t(come);
            inside -= size_t(go);
            come_by += hits[c];
        }
        const float t = time(inside);
        seen += float(come_by) * t, expected += float(inside) * t, members += float(inside);
        size += bytes(inside);
        most = std::max(most, inside);
        if (most >= list.size()) return;
        const float score = (share * (1 + mean(seen, traffic.size(), expected, members)) + priced(size)) * jitter();
        if (score < limit) best = {score, cut, 0};
    }

    // Traffic as it was seen, with some weight on what was not.
    float mean(float seen, size_t packets_here, float expected, float members) const {
        const float prior = expected / std::max(members, 1.0f);
        const float weight = float(packets_here) / (float(packets_here) + 8);
        return packets_here ? weight * seen / float(packets_here) + (1 - weight) * prior : prior;
    }

    void weigh_bits(int column, const List &list, const List &traffic, float share, Choice &best) {
        // Bits that tell rules apart best, one after the other, on a sample.
        std::vector<std::vector<Range>> groups(1);  // (value, open bits)
        const size_t stride = std::max<size_t>(1, list.size() / SEEN);
        uint32_t useful = 0;
        for (size_t i = 0; i < list.size(); i += stride) {
            const Range r = rules.row(list[i])[column];
            groups[0].push_back({r.low, open_bits(r)});
            useful |= ~open_bits(r) & (r.low ^ groups[0][0].low);
        }
        uint32_t mask = 0, best_mask = 0;
        float least_score = best.score;
        const int most = std::min(options.max_bits, 3 + int(std::log2(float(list.size()))));
        for (int k = 1; k <= most; k++) {
            uint32_t chosen = 0;
            double least = 1e30;
            for (uint32_t left = useful & ~mask; left; left &= left - 1) {
                const uint32_t bit = left & (0u - left);
                double cost = 0;
                for (const auto &group : groups) {
                    size_t zero = 0, one = 0;
                    for (const Range &r : group) zero += (r.high & bit) || !(r.low & bit), one += (r.high & bit) || (r.low & bit);
                    cost += double(zero) * double(zero) + double(one) * double(one);
                }
                if (cost < least) least = cost, chosen = bit;
            }
            if (!chosen) break;
            mask |= chosen;
            std::vector<std::vector<Range>> next;
            size_t members = 0;
            for (const auto &group : groups)
                for (int side = 0; side < 2; side++) {
                    std::vector<Range> part;
                    for (const Range &r : group)
                        if ((r.high & chosen) || bool(r.low & chosen) == bool(side)) part.push_back(r);
                    members += part.size();
                    if (!part.empty()) next.push_back(std::move(part));
                }
            groups.swap(next);
            if (members > MOST_MEMBERS * (list.size() / stride + 1)) break;
            if (!(mask & (mask + (mask & (0u - mask))))) continue;  // adjacent bits: a cut
            float size = STEP_BYTES * std::exp2(float(k)), expected = 0;
            for (const auto &group : groups) {
                const size_t n = std::min(group.size() * stride, list.size());
                size += bytes(n), expected += float(group.size()) * time(n);
            }
            const float score = share * (1 + expected / float(std::max<size_t>(members, 1))) + priced(size);
            if (score < least_score) least_score = score, best_mask = mask;
        }
        if (best_mask) weigh_mask(column, best_mask, list, traffic, share, best);
    }

    void weigh_mask(int column, uint32_t mask, const List &list, const List &traffic, float share, Choice &best) {
        const uint32_t cells = 1u << __builtin_popcount(mask);
        if (cells > 8 * list.size() + 64) return;
        delta.assign(cells, 0);
        hits.assign(cells, 0);
        size_t members = 0;
        for (uint32_t r : list) {
            const Range range = rules.row(r)[column];
            const uint32_t open = open_bits(range) & mask, fixed = range.low & mask & ~open;
            members += size_t(1) << __builtin_popcount(open);
            if (members > MOST_MEMBERS * list.size()) return;
            for (uint32_t sub = open;; sub = (sub - 1) & open) {
                delta[software_pext(fixed | sub, mask)]++;
                if (!sub) break;
            }
        }
        for (uint32_t p : traffic) hits[software_pext(packets[size_t(p) * rules.columns + column], mask)]++;
        float size = STEP_BYTES * float(cells), seen = 0, expected = 0;
        int most = 0;
        for (uint32_t c = 0; c < cells; c++) {
            const size_t n = size_t(delta[c]);
            const float t = time(n);
            seen += float(hits[c]) * t, expected += float(n) * t;
            size += n ? bytes(n) : 0;
            most = std::max(most, delta[c]);
        }
        if (size_t(most) >= list.size()) return;
        const float score = (share * (1 + mean(seen, traffic.size(), expected, float(members))) + priced(size)) * jitter();
        if (score < best.score) {
            best.score = score;
            best.mask = mask;
            best.cut.dim = uint8_t(column);
        }
    }

    Choice choose(const List &list, const List &traffic, const Box &box, float share) {
        Choice best;
        for (int c = 0; c < rules.columns; c++) {
            const Range side = box.side[c];
            if (side.low == side.high) continue;
            Cut cut;
            cut.dim = uint8_t(c);
            const uint64_t most = std::min<uint64_t>(uint64_t(1) << options.max_bits, 8 * list.size() + 64);
            for (int shift = 31; shift >= 0; shift--) {
                const uint64_t cells = uint64_t(side.high >> shift) - (side.low >> shift) + 1;
                if (cells < 2) continue;
                if (cells > most) break;
                if (share + priced(STEP_BYTES * float(cells)) > best.score) break;
                cut.shift = uint8_t(shift);
                weigh(cut, list, traffic, box, share, best);
            }
            if (options.bits && rules.maxima[c] > 0xFF) weigh_bits(c, list, traffic, share, best);
        }
        return best;
    }

    bool hopeless() {
        if (options.max_bytes > 0 && spent + LEAST_BYTES * pending > options.max_bytes) return over = true;
        if (options.seconds > 0 && ++calls % 64 == 0 && now() > ends) over = true;
        return over;
    }

    void leaf(int32_t at, const List &list) {
        spent += RULE_BYTES * float(list.size());
        flat.leaf(at, list.data(), list.size());
    }

    void build(int32_t at, List list, List traffic, Box box, int depth) {
        if (hopeless()) return;
        pending -= float(list.size());
        compact(rules, list.data(), list.size(), box);
        list.resize(overlay(rules, list.data(), list.size(), box, OVERLAY));
        const float share = (float(traffic.size()) + 0.02f) / float(all_packets + 1);
        if (list.size() <= size_t(options.leaf) || depth > DEEPEST) return leaf(at, list);
        const Choice best = choose(list, traffic, box, share);
        const float as_leaf = share * leaf_time(list.size()) + priced(RULE_BYTES * float(list.size()));
        if (best.score > 1e29f || (list.size() <= MOST_BLOCKS * size_t(LANES) && as_leaf <= best.score))
            return leaf(at, list);
        if (best.mask)
            select(at, list, traffic, box, depth, best);
        else
            cut(at, list, traffic, box, depth, best.cut);
    }

    void cut(int32_t at, const List &list, const List &traffic, const Box &box, int depth, const Cut &cut) {
        runs.divide(rules, list.data(), list.size(), box, cut);
        const std::vector<uint32_t> first_cell = runs.first_cell;
        std::vector<List> parts(runs.count()), goes(runs.count());
        for (size_t r = 0; r < parts.size(); r++) parts[r].assign(runs.rules.begin() + runs.start[r], runs.rules.begin() + runs.start[r + 1]);
        const uint32_t cells = cut.cells(box), base = cut.base(box);
        for (uint32_t p : traffic) {
            const uint32_t cell = (packets[size_t(p) * rules.columns + cut.dim] >> cut.shift) - base;
            if (cell < cells) goes[runs.run_of[cell]].push_back(p);
        }
        for (const List &part : parts) pending += float(part.size());
        const size_t first = flat.inner(at, cut, box);
        spent += STEP_BYTES * float(cells + 1);
        for (size_t r = 0; r < parts.size(); r++) {
            if (parts[r].empty()) continue;
            const int32_t made = flat.add();
            for (uint32_t c = first_cell[r]; c < first_cell[r + 1]; c++) flat.children[first + c] = made;
            Box inside = box;
            inside.side[cut.dim] = cut.span(first_cell[r], first_cell[r + 1] - 1, box);
            build(made, std::move(parts[r]), std::move(goes[r]), inside, depth + 1);
        }
    }

    void select(int32_t at, const List &list, const List &traffic, const Box &box, int depth, const Choice &choice) {
        const uint32_t mask = choice.mask, cells = 1u << __builtin_popcount(mask);
        const int c = choice.cut.dim;
        std::vector<List> parts(cells), goes(cells);
        for (uint32_t r : list) {
            const Range range = rules.row(r)[c];
            const uint32_t open = open_bits(range) & mask, fixed = range.low & mask & ~open;
            for (uint32_t sub = open;; sub = (sub - 1) & open) {
                parts[software_pext(fixed | sub, mask)].push_back(r);
                if (!sub) break;
            }
        }
        for (uint32_t p : traffic) goes[software_pext(packets[size_t(p) * rules.columns + c], mask)].push_back(p);
        flat.dim[at] = uint8_t(c);
        flat.mask[at] = mask;
        for (const List &part : parts) pending += float(part.size());
        const size_t first = flat.inner(at, BITS, cells);
        spent += STEP_BYTES * float(cells);
        for (uint32_t i = 0; i < cells; i++) {
            if (parts[i].empty()) continue;
            const int32_t made = flat.add();
            flat.children[first + i] = made;
            build(made, std::move(parts[i]), std::move(goes[i]), box, depth + 1);
        }
    }

    bool holds(const Test &test, uint32_t rule) const {
        if (test.column == -2) return float(rule) >= test.bits * float(rules.count);
        if (test.column < 0 || test.column >= rules.columns) return false;
        const Range r = rules.row(rule)[test.column];
        return float(r.high - r.low) >= std::exp2(test.bits);
    }

    Flat top() {
        guess();
        pending = float(rules.count);
        std::vector<List> parts(4);
        for (int r = 0; r < rules.count; r++) {
            const int group = 2 * holds(options.tests[0], uint32_t(r)) + holds(options.tests[1], uint32_t(r));
            parts[options.parts >> (2 * group) & 3].push_back(uint32_t(r));
        }
        parts.erase(std::remove_if(parts.begin(), parts.end(), [](const List &p) { return p.empty(); }), parts.end());
        List traffic(all_packets);
        for (size_t i = 0; i < all_packets; i++) traffic[i] = uint32_t(i);
        const int32_t root = flat.add();
        if (parts.size() < 2) {
            build(root, parts.empty() ? List() : std::move(parts[0]), std::move(traffic), whole(rules), 0);
            return std::move(flat);
        }
        const size_t first = flat.inner(root, PARTITION, uint32_t(parts.size()));
        for (size_t p = 0; p < parts.size(); p++) {
            const int32_t made = flat.add();
            flat.children[first + p] = made;
            build(made, std::move(parts[p]), traffic, whole(rules), 0);
        }
        return std::move(flat);
    }
};

}  // namespace

std::optional<Flat> latency_tree(const Rules &rules, const uint32_t *packets, size_t n, const LatencyOptions &options) {
    Builder builder{rules, packets, n, options, Chance(options.seed), {}, false, 0, 0, 0, 0, {}, {}, {}, {}, {}};
    builder.ends = now() + options.seconds;
    Flat flat = builder.top();
    if (builder.hopeless()) return std::nullopt;
    return flat;
}

}  // namespace neurocuts
