// Rules, boxes and cuts: what the builders of neurocuts share. Its numpy twin is mlsys4sys/neurocuts/tree.py.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace neurocuts {

constexpr int MAX_COLUMNS = 16;
constexpr int BINTH = 16;

struct Range {
    uint32_t low, high;  // inclusive
};

// Row r, column c: bounds[r * columns + c].
struct Rules {
    int count = 0, columns = 0;
    std::vector<Range> bounds;
    std::vector<uint32_t> maxima;

    const Range *row(uint32_t rule) const { return &bounds[size_t(rule) * columns]; }
};

struct Box {
    Range side[MAX_COLUMNS];
};

using List = std::vector<uint32_t>;

inline Box whole(const Rules &rules) {
    Box box{};
    for (int c = 0; c < rules.columns; c++) box.side[c] = {0, rules.maxima[c]};
    return box;
}

inline bool covers(const Rules &rules, uint32_t by, uint32_t what, const Box &box) {
    const Range *a = rules.row(by), *b = rules.row(what);
    for (int c = 0; c < rules.columns; c++) {
        if (a[c].low > std::max(b[c].low, box.side[c].low)) return false;
        if (a[c].high < std::min(b[c].high, box.side[c].high)) return false;
    }
    return true;
}

// Shrinks the box to what its rules take of it (region compaction).
inline void compact(const Rules &rules, const uint32_t *list, size_t n, Box &box) {
    for (int c = 0; c < rules.columns; c++) {
        const Range side = box.side[c];
        uint32_t low = side.high, high = side.low;
        for (size_t i = 0; i < n; i++) {
            const Range r = rules.row(list[i])[c];
            low = std::min(low, std::max(r.low, side.low));
            high = std::max(high, std::min(r.high, side.high));
            if (low == side.low && high == side.high) break;
        }
        box.side[c] = {low, high};
    }
}

// Drops rules that one rule of higher priority covers inside the box (rule overlay); returns how many remain.
// Beyond `limit` rules only those below a rule that covers the whole box are dropped.
inline size_t overlay(const Rules &rules, uint32_t *list, size_t n, const Box &box, size_t limit) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const Range *r = rules.row(list[i]);
        bool all = true;
        for (int c = 0; c < rules.columns && all; c++)
            all = r[c].low <= box.side[c].low && r[c].high >= box.side[c].high;
        bool hidden = false;
        if (n <= limit)
            for (size_t j = 0; j < kept && !hidden; j++) hidden = covers(rules, list[j], list[i], box);
        if (!hidden) list[kept++] = list[i];
        if (all) break;
    }
    return kept;
}

enum Kind : uint8_t { LEAF = 0, CUT = 1, SPLIT = 2, BITS = 3, GRID = 4, PARTITION = 5 };

constexpr int MAX_BOUNDS = 15;

// A cut or split of one column.
struct Cut {
    uint8_t kind = CUT, dim = 0, shift = 0, n_bounds = 0;
    uint32_t bounds[MAX_BOUNDS] = {};

    uint32_t base(const Box &box) const { return kind == CUT ? box.side[dim].low >> shift : 0; }
    uint32_t cells(const Box &box) const {
        return kind == CUT ? (box.side[dim].high >> shift) - (box.side[dim].low >> shift) + 1 : n_bounds + 1u;
    }
    uint32_t cell(uint32_t x, uint32_t base) const {
        if (kind == CUT) return (x >> shift) - base;
        uint32_t at = 0;
        while (at < n_bounds && bounds[at] <= x) at++;
        return at;
    }
    Range span(uint32_t first, uint32_t last, const Box &box) const {
        const Range side = box.side[dim];
        if (kind == CUT) {
            const uint64_t base = side.low >> shift;
            const uint64_t low = (base + first) << shift, high = ((base + last + 1) << shift) - 1;
            return {std::max(side.low, uint32_t(low)), uint32_t(std::min<uint64_t>(side.high, high))};
        }
        return {first ? bounds[first - 1] : side.low, last < n_bounds ? bounds[last] - 1 : side.high};
    }
    bool operator==(const Cut &o) const {
        return kind == o.kind && dim == o.dim && shift == o.shift && n_bounds == o.n_bounds &&
               std::equal(bounds, bounds + n_bounds, o.bounds);
    }
};

// Cells of a cut grouped into runs of adjacent cells with equal rules; the rules of each run in order.
struct Runs {
    std::vector<uint32_t> first_cell;  // of each run, then the number of cells
    std::vector<uint32_t> start;       // of each run in rules, then the total
    List rules;
    std::vector<uint32_t> scratch, run_of;

    size_t count() const { return first_cell.size() - 1; }

    void divide(const Rules &all, const uint32_t *list, size_t n, const Box &box, const Cut &cut) {
        const uint32_t cells = cut.cells(box), base = cut.base(box);
        const Range side = box.side[cut.dim];
        scratch.resize(2 * n);
        run_of.assign(cells + 1, 0);
        for (size_t i = 0; i < n; i++) {
            const Range r = all.row(list[i])[cut.dim];
            const uint32_t a = cut.cell(std::max(r.low, side.low), base), b = cut.cell(std::min(r.high, side.high), base);
            scratch[2 * i] = a;
            scratch[2 * i + 1] = b;
            run_of[a] = 1;
            run_of[b + 1] = 1;
        }
        first_cell.assign(1, 0);
        uint32_t run = 0;
        run_of[0] = 0;
        for (uint32_t c = 1; c < cells; c++) {
            if (run_of[c]) {
                run++;
                first_cell.push_back(c);
            }
            run_of[c] = run;
        }
        first_cell.push_back(cells);
        start.assign(run + 2, 0);
        for (size_t i = 0; i < n; i++)
            for (uint32_t r = run_of[scratch[2 * i]]; r <= run_of[scratch[2 * i + 1]]; r++) start[r + 1]++;
        for (uint32_t r = 0; r <= run; r++) start[r + 1] += start[r];
        rules.resize(start[run + 1]);
        std::vector<uint32_t> at(start.begin(), start.end() - 1);
        for (size_t i = 0; i < n; i++)
            for (uint32_t r = run_of[scratch[2 * i]]; r <= run_of[scratch[2 * i + 1]]; r++) rules[at[r]++] = list[i];
    }
};

// The flat tree that tree.py describes, while it grows.
struct Flat {
    std::vector<uint8_t> kind, dim, shift;
    std::vector<uint32_t> base, mask, bounds, terms;
    std::vector<int64_t> first;
    std::vector<int32_t> count, children, rule_ids;

    int32_t add() {
        kind.push_back(LEAF);
        dim.push_back(0);
        shift.push_back(0);
        base.push_back(0);
        mask.push_back(0);
        first.push_back(0);
        count.push_back(0);
        return int32_t(kind.size()) - 1;
    }
    void leaf(int32_t node, const uint32_t *list, size_t n) {
        kind[node] = LEAF;
        first[node] = int64_t(rule_ids.size());
        count[node] = int32_t(n);
        rule_ids.insert(rule_ids.end(), list, list + n);
    }
    // Room for the children of an inner node, -1 each; returns where they start.
    size_t inner(int32_t node, Kind what, uint32_t cells) {
        kind[node] = what;
        first[node] = int64_t(children.size());
        count[node] = int32_t(cells);
        children.resize(children.size() + cells, -1);
        return size_t(first[node]);
    }
    size_t inner(int32_t node, const Cut &cut, const Box &box) {
        dim[node] = cut.dim;
        if (cut.kind == CUT) {
            shift[node] = cut.shift;
            base[node] = cut.base(box);
        } else {
            base[node] = uint32_t(bounds.size());
            bounds.insert(bounds.end(), cut.bounds, cut.bounds + cut.n_bounds);
        }
        return inner(node, Kind(cut.kind), cut.cells(box));
    }
};

// xorshift64*: small, fast, the same everywhere.
struct Chance {
    uint64_t state;
    explicit Chance(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 0x1234567887654321ull) {
        if (!state) state = 1;
        for (int i = 0; i < 8; i++) next();
    }
    uint64_t next() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return state * 0x2545F4914F6CDD1Dull;
    }
    double uniform() { return double(next() >> 11) * 0x1.0p-53; }
    uint32_t below(uint32_t n) { return uint32_t((next() >> 32) * n >> 32); }
};

}  // namespace neurocuts
