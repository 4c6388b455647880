// Two rule sets are compared by dividing space until what both have to say in a box is the same list, or is short enough to
// compare pair by pair: the packets that meet rule i of one first and rule j of the other first are the common box of
// both without all rules before them. Where the lists differ in little, the box is divided along what differs.
#include "neurocuts_compare.h"

#include <chrono>
#include <cmath>
#include <set>

namespace neurocuts {

namespace {

double clock_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr size_t PAIRWISE = 20;
constexpr int64_t MOST_STEPS = 2000000;

struct Late {};

bool clip(const Box &box, const Range *rule, int columns, Box &out) {
    for (int c = 0; c < columns; c++) {
        out.side[c] = {std::max(box.side[c].low, rule[c].low), std::min(box.side[c].high, rule[c].high)};
        if (out.side[c].low > out.side[c].high) return false;
    }
    return true;
}

// A point of a box that none of the given rules holds: what the largest of them leaves is looked at with those that meet
// it, so that few pieces are made.
struct Hole {
    int columns;
    double deadline;
    int64_t steps = 0, most = INT64_MAX;
    Box found{};

    bool look(Box piece, const std::vector<const Range *> &by) {
        steps += int64_t(by.size()) + 1;
        if (steps > most || clock_s() > deadline) throw Late{};
        std::vector<const Range *> met;
        Box largest{};
        bool first = true;
        double size = 0;
        size_t at = 0;
        for (const Range *rule : by) {
            Box common;
            if (!clip(piece, rule, columns, common)) continue;
            double own = 0;
            for (int c = 0; c < columns; c++)
                own += std::log(double(common.side[c].high) - common.side[c].low + 1) - std::log(double(piece.side[c].high) - piece.side[c].low + 1);
            if (own == 0 && std::equal(common.side, common.side + columns, piece.side, [](Range a, Range b) { return a.low == b.low && a.high == b.high; }))
                return false;
            if (first || own > size) first = false, size = own, largest = common, at = met.size();
            met.push_back(rule);
        }
        if (met.empty()) {
            found = piece;
            return true;
        }
        met.erase(met.begin() + long(at));
        for (int c = 0; c < columns; c++) {
            if (largest.side[c].low > piece.side[c].low) {
                Box left = piece;
                left.side[c].high = largest.side[c].low - 1;
                if (look(left, met)) return true;
                piece.side[c].low = largest.side[c].low;
            }
            if (largest.side[c].high < piece.side[c].high) {
                Box right = piece;
                right.side[c].low = largest.side[c].high + 1;
                if (look(right, met)) return true;
                piece.side[c].high = largest.side[c].high;
            }
        }
        return false;
    }
};

struct Comparer {
    const Keyed sets[2];
    int columns;
    size_t limit;
    double deadline;
    Differences out;
    std::set<std::pair<int32_t, int32_t>> seen;

    Comparer(const Keyed &a, const Keyed &b, size_t most, double seconds)
        : sets{a, b}, columns(a.rules.columns), limit(most), deadline(clock_s() + seconds) {}

    const Range *row(int side, uint32_t rule) const { return sets[side].rules.row(rule); }

    List within(int side, const List &list, const Box &box) const {
        List kept;
        for (uint32_t r : list) {
            bool meets = true, all = true;
            const Range *rule = row(side, r);
            for (int c = 0; c < columns && meets; c++) {
                meets = rule[c].low <= box.side[c].high && rule[c].high >= box.side[c].low;
                all = all && rule[c].low <= box.side[c].low && rule[c].high >= box.side[c].high;
            }
            if (!meets) continue;
            kept.push_back(r);
            if (all) break;
        }
        if (kept.size() <= 64) kept.resize(overlay(sets[side].rules, kept.data(), kept.size(), box, 64));
        return kept;
    }

    bool ends(int side, const List &list, const Box &box) const {  // whether the last rule holds the whole box
        if (list.empty()) return false;
        const Range *rule = row(side, list.back());
        for (int c = 0; c < columns; c++)
            if (rule[c].low > box.side[c].low || rule[c].high < box.side[c].high) return false;
        return true;
    }

    bool alike(uint32_t a, uint32_t b, const Box &box) const {
        if (sets[0].keys[a] != sets[1].keys[b]) return false;
        for (int c = 0; c < columns; c++) {
            const Range x = row(0, a)[c], y = row(1, b)[c], side = box.side[c];
            if (std::max(x.low, side.low) != std::max(y.low, side.low) || std::min(x.high, side.high) != std::min(y.high, side.high))
                return false;
        }
        return true;
    }

    // Whether all that can be answered in the box is one and the same key.
    bool one_answer(const List &a, const List &b, const Box &box) const {
        int32_t key = -2;
        const List *lists[2] = {&a, &b};
        for (int side = 0; side < 2; side++) {
            if (!ends(side, *lists[side], box)) {
                if (key != -2 && key != -1) return false;
                key = -1;
            }
            for (uint32_t r : *lists[side]) {
                if (key != -2 && sets[side].keys[r] != key) return false;
                key = sets[side].keys[r];
            }
        }
        return true;
    }

    void walk(const List &before_a, const List &before_b, const Box &box) {
        if (out.first.size() >= limit) return;
        if (clock_s() > deadline) throw Late{};
        const List a = within(0, before_a, box), b = within(1, before_b, box);
        size_t same = 0;
        while (same < a.size() && same < b.size() && alike(a[same], b[same], box)) same++;
        if ((same == a.size() && same == b.size()) || one_answer(a, b, box)) {
            out.regions++;
            return;
        }
        if (a.size() + b.size() <= PAIRWISE) return pairs(a, b, box);
        int column = -1;
        uint32_t at = 0;  // the first value of the upper half
        if (!along(a, b, same, box, column, at)) balanced(a, b, box, column, at);
        if (column < 0) return pairs(a, b, box);
        Box half = box;
        half.side[column].high = at - 1;
        walk(a, b, half);
        half.side[column] = {at, box.side[column].high};
        walk(a, b, half);
    }

    // A side of the first rule in which the lists differ, where they differ in few: the cut that leaves most outside of it.
    bool along(const List &a, const List &b, size_t same, const Box &box, int &column, uint32_t &at) const {
        size_t tail = 0;
        while (tail + same < a.size() && tail + same < b.size() && alike(a[a.size() - 1 - tail], b[b.size() - 1 - tail], box)) tail++;
        const size_t differ = std::max(a.size(), b.size()) - same - tail;
        if (4 * differ > a.size() + b.size()) return false;
        double most = 0;
        for (int side = 0; side < 2; side++) {
            const List &list = side ? b : a;
            if (same >= list.size()) continue;
            const Range *rule = row(side, list[same]);
            for (int c = 0; c < columns; c++) {
                const Range s = box.side[c];
                const double size = double(s.high) - s.low + 1;
                if (rule[c].low > s.low && (rule[c].low - s.low) / size > most)
                    most = (rule[c].low - s.low) / size, column = c, at = rule[c].low;
                if (rule[c].high < s.high && (s.high - rule[c].high) / size > most)
                    most = (s.high - rule[c].high) / size, column = c, at = rule[c].high + 1;
            }
        }
        return column >= 0;
    }

    // The end of a rule that divides the rules' segments most evenly, over all columns (as HyperSplit does).
    void balanced(const List &a, const List &b, const Box &box, int &column, uint32_t &at) const {
        double least = 1e300;
        std::vector<uint32_t> points;
        for (int c = 0; c < columns; c++) {
            const Range side = box.side[c];
            points.clear();
            auto each = [&](auto use) {
                for (uint32_t r : a) use(row(0, r)[c]);
                for (uint32_t r : b) use(row(1, r)[c]);
            };
            each([&](Range r) {
                if (r.low > side.low) points.push_back(r.low);
                if (r.high < side.high) points.push_back(r.high + 1);
            });
            if (points.empty()) continue;
            std::sort(points.begin(), points.end());
            points.erase(std::unique(points.begin(), points.end()), points.end());
            std::vector<int64_t> delta(points.size() + 2);
            each([&](Range r) {
                delta[size_t(std::upper_bound(points.begin(), points.end(), std::max(r.low, side.low)) - points.begin())]++;
                delta[size_t(std::upper_bound(points.begin(), points.end(), std::min(r.high, side.high)) - points.begin()) + 1]--;
            });
            double sum = 0;
            int64_t inside = 0;
            for (size_t i = 0; i <= points.size(); i++) inside += delta[i], delta[i] = inside, sum += double(inside);
            if (sum / double(points.size() + 1) >= least) continue;
            double run = 0;
            for (size_t i = 0; i < points.size(); i++) {
                run += double(delta[i]);
                if (run >= sum / 2 || i + 1 == points.size()) {
                    least = sum / double(points.size() + 1), column = c, at = points[i];
                    break;
                }
            }
        }
    }

    // Every pair of rules, none among them, that mean different things: is there a packet that meets both first?
    void pairs(const List &a, const List &b, const Box &box) {
        out.regions++;
        std::vector<const Range *> before;
        for (size_t i = 0; i <= a.size(); i++) {
            const int32_t first = i < a.size() ? int32_t(a[i]) : -1;
            const int32_t own = first < 0 ? -1 : sets[0].keys[first];
            Box mine = box;
            if (first >= 0 && !clip(box, row(0, a[i]), columns, mine)) continue;
            for (size_t j = 0; j <= b.size(); j++) {
                const int32_t second = j < b.size() ? int32_t(b[j]) : -1;
                if (own == (second < 0 ? -1 : sets[1].keys[second]) || seen.count({first, second})) continue;
                Box common = mine;
                if (second >= 0 && !clip(mine, row(1, b[j]), columns, common)) continue;
                before.clear();
                for (size_t k = 0; k < i; k++) before.push_back(row(0, a[k]));
                for (size_t k = 0; k < j; k++) before.push_back(row(1, b[k]));
                Hole hole{columns, deadline};
                if (!hole.look(common, before)) continue;
                seen.insert({first, second});
                for (int c = 0; c < columns; c++) out.packets.push_back(hole.found.side[c].low);
                out.first.push_back(first);
                out.second.push_back(second);
                if (out.first.size() >= limit) return;
            }
        }
    }
};

List everything(const Rules &rules) {
    List all(rules.count);
    for (int i = 0; i < rules.count; i++) all[i] = uint32_t(i);
    return all;
}

bool meet(const Rules &rules, uint32_t a, uint32_t b) {
    for (int c = 0; c < rules.columns; c++)
        if (rules.row(a)[c].low > rules.row(b)[c].high || rules.row(a)[c].high < rules.row(b)[c].low) return false;
    return true;
}

}  // namespace

Differences differences(const Keyed &a, const Keyed &b, size_t limit, double seconds) {
    Comparer comparer(a, b, limit, seconds);
    try {
        comparer.walk(everything(a.rules), everything(b.rules), whole(a.rules));
        comparer.out.complete = comparer.out.first.size() < limit;
    } catch (const Late &) {
        comparer.out.complete = false;
    }
    return std::move(comparer.out);
}

std::vector<int32_t> redundant(const Keyed &set, const uint8_t *dead, double seconds) {
    const Rules &rules = set.rules;
    const double deadline = clock_s() + seconds;
    const Box space = whole(rules);
    std::vector<int32_t> out(rules.count, -1);
    std::vector<uint8_t> gone(dead, dead + rules.count);
    for (int i = rules.count - 1; i >= 0 && clock_s() < deadline; i--) {
        if (gone[i]) continue;
        std::vector<const Range *> before;
        Box mine{};
        std::copy_n(rules.row(uint32_t(i)), rules.columns, mine.side);
        List later;
        int32_t cover = -1;
        for (int j = i + 1; j < rules.count && cover < 0; j++) {
            if (gone[j] || !meet(rules, uint32_t(i), uint32_t(j))) continue;
            later.push_back(uint32_t(j));
            if (covers(rules, uint32_t(j), uint32_t(i), space)) cover = j;
        }
        if (later.empty()) continue;
        for (int j = 0; j < i; j++)
            if (!gone[j] && meet(rules, uint32_t(i), uint32_t(j))) before.push_back(rules.row(uint32_t(j)));
        bool needed = false;
        try {
            for (size_t k = 0; k < later.size() && !needed; k++) {
                if (set.keys[later[k]] != set.keys[i]) {
                    Box common;
                    Hole hole{rules.columns, deadline, 0, MOST_STEPS, {}};
                    if (clip(mine, rules.row(later[k]), rules.columns, common)) needed = hole.look(common, before);
                }
                before.push_back(rules.row(later[k]));
            }
            if (!needed && cover < 0) needed = Hole{rules.columns, deadline, 0, MOST_STEPS, {}}.look(mine, before);
        } catch (const Late &) {
            needed = true;
        }
        if (needed) continue;
        gone[i] = 1;
        out[i] = cover >= 0 && set.keys[cover] == set.keys[i] ? cover : -2;
    }
    return out;
}

std::vector<int32_t> shadowed(const Rules &rules, double seconds) {
    const double deadline = clock_s() + seconds;
    const Box space = whole(rules);
    std::vector<int32_t> out(rules.count, -1);
    std::vector<const Range *> before;
    for (int r = 0; r < rules.count && clock_s() < deadline; r++) {
        before.clear();
        for (int o = 0; o < r && out[r] < 0; o++) {
            if (out[o] != -1 || !meet(rules, uint32_t(o), uint32_t(r))) continue;  // what covers a hidden rule comes before it
            if (covers(rules, uint32_t(o), uint32_t(r), space)) out[r] = o;
            before.push_back(rules.row(uint32_t(o)));
        }
        if (out[r] >= 0 || before.size() < 2) continue;
        Box mine{};
        std::copy_n(rules.row(uint32_t(r)), rules.columns, mine.side);
        try {
            if (!Hole{rules.columns, deadline, 0, MOST_STEPS, {}}.look(mine, before)) out[r] = -2;
        } catch (const Late &) {
        }
    }
    return out;
}

void all_matches(const Rules &rules, const uint32_t *packets, size_t count, std::vector<int64_t> &offsets,
                 std::vector<int32_t> &ids) {
    offsets.assign(1, 0);
    for (size_t p = 0; p < count; p++) {
        const uint32_t *words = packets + p * size_t(rules.columns);
        for (int r = 0; r < rules.count; r++) {
            const Range *rule = rules.row(uint32_t(r));
            bool holds = true;
            for (int c = 0; c < rules.columns && holds; c++) holds = words[c] >= rule[c].low && words[c] <= rule[c].high;
            if (holds) ids.push_back(r);
        }
        offsets.push_back(int64_t(ids.size()));
    }
}

}  // namespace neurocuts
