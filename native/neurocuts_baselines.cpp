// HiCuts (Gupta and McKeown 1999), HyperCuts (Singh et al. 2003), EffiCuts (Vamanan et al. 2010), HyperSplit (Qi et al.
// 2009) and CutSplit (Li et al. 2018), written from their papers. All use leaves of at most BINTH rules, merge adjacent
// equal children, and leave out rules that one rule of higher priority covers inside a leaf's or node's box.
#include "neurocuts_baselines.h"

#include <cmath>

#include "neurocuts_search.h"

namespace neurocuts {

namespace {

constexpr float SPACE_FACTOR = 4;
constexpr size_t MOST_NODES = 500000;
constexpr size_t OVERLAY_LIMIT = 160;

struct Ended {};

struct Builder {
    const Rules &rules;
    double deadline;
    Flat flat;

    void check() const {
        if (flat.kind.size() > MOST_NODES || flat.children.size() > 8 * MOST_NODES || now() > deadline) throw Ended{};
    }

    Box child_box(const Box &box, const Cut &cut, const Runs &runs, size_t r) const {
        Box inside = box;
        inside.side[cut.dim] = cut.span(runs.first_cell[r], runs.first_cell[r + 1] - 1, box);
        return inside;
    }

    // Distinct values that the rules' ranges take in a column, clipped to the box.
    size_t distinct(const List &list, const Box &box, int c) const {
        std::vector<uint64_t> seen;
        for (uint32_t r : list) {
            const Range range = rules.row(r)[c];
            seen.push_back(uint64_t(std::max(range.low, box.side[c].low)) << 32 | std::min(range.high, box.side[c].high));
        }
        std::sort(seen.begin(), seen.end());
        return size_t(std::unique(seen.begin(), seen.end()) - seen.begin());
    }

    // The shift that cuts a side into 2^k aligned pieces, or as many as it has values.
    static int shift_for(const Range &side, int k) {
        const int bits = 64 - __builtin_clzll(uint64_t(side.high) - side.low + 1) - 1;
        return std::max(0, bits - k);
    }

    bool prepare(int32_t at, List &list, Box &box) {
        check();
        list.resize(overlay(rules, list.data(), list.size(), box, OVERLAY_LIMIT));
        if (list.size() > BINTH) return true;
        flat.leaf(at, list.data(), list.size());
        return false;
    }

    void linear(int32_t at, const List &list) {  // what no cut divides: leaves in a row
        const size_t k = (list.size() + BINTH - 1) / BINTH;
        const size_t first = flat.inner(at, PARTITION, uint32_t(k));
        for (size_t i = 0; i < k; i++) {
            const int32_t made = flat.add();
            flat.children[first + i] = made;
            flat.leaf(made, list.data() + i * BINTH, std::min<size_t>(BINTH, list.size() - i * BINTH));
        }
    }

    template <class Next>
    void emit(int32_t at, const List &list, const Box &box, const Cut &cut, Next next) {
        Runs runs;
        runs.divide(rules, list.data(), list.size(), box, cut);
        const size_t first = flat.inner(at, cut, box);
        for (size_t r = 0; r < runs.count(); r++) {
            List part(runs.rules.begin() + runs.start[r], runs.rules.begin() + runs.start[r + 1]);
            if (part.empty()) continue;
            const int32_t made = flat.add();
            for (uint32_t c = runs.first_cell[r]; c < runs.first_cell[r + 1]; c++) flat.children[first + c] = made;
            next(made, std::move(part), child_box(box, cut, runs, r));
        }
    }

    // The column with most distinct ranges; pieces doubled while the copies stay within spfac times the rules.
    void hicuts(int32_t at, List list, Box box) {
        if (!prepare(at, list, box)) return;
        int column = -1;
        size_t most = 1;
        for (int c = 0; c < rules.columns; c++) {
            if (box.side[c].low == box.side[c].high) continue;
            const size_t d = distinct(list, box, c);
            if (d > most) most = d, column = c;
        }
        if (column < 0) return linear(at, list);
        Cut best;
        best.dim = uint8_t(column);
        bool found = false;
        for (int k = 1; k <= 16; k++) {
            Cut cut;
            cut.dim = uint8_t(column);
            cut.shift = uint8_t(shift_for(box.side[column], k));
            const uint32_t cells = cut.cells(box), base = cut.base(box);
            double copies = cells;
            for (uint32_t r : list) {
                const Range range = rules.row(r)[column];
                copies += cut.cell(std::min(range.high, box.side[column].high), base) -
                          cut.cell(std::max(range.low, box.side[column].low), base) + 1.0;
            }
            if (found && (copies > SPACE_FACTOR * double(list.size()) || cut.shift == best.shift)) break;
            if (cells > 1) best = cut, found = true;
        }
        if (!found) return linear(at, list);
        emit(at, list, box, best, [&](int32_t made, List part, Box inside) { hicuts(made, std::move(part), inside); });
    }

    // Columns with more distinct ranges than the average are cut together, spfac * sqrt(n) cells in all.
    void hypercuts(int32_t at, List list, Box box) {
        if (!prepare(at, list, box)) return;
        compact(rules, list.data(), list.size(), box);  // HyperCuts' region compaction
        std::vector<size_t> counts(rules.columns);
        double mean = 0;
        for (int c = 0; c < rules.columns; c++) mean += double(counts[c] = distinct(list, box, c));
        mean /= rules.columns;
        std::vector<int> columns, bits;
        for (int c = 0; c < rules.columns; c++)
            if (double(counts[c]) >= mean && counts[c] > 1 && box.side[c].low < box.side[c].high) columns.push_back(c), bits.push_back(0);
        if (columns.empty()) return linear(at, list);
        const double most = SPACE_FACTOR * std::sqrt(double(list.size()));
        double cells = 1;
        for (bool grown = true; grown;) {
            grown = false;
            int best = -1;
            double least = 0;
            for (size_t i = 0; i < columns.size(); i++) {  // the column whose cut leaves the fewest copies
                if (cells * 2 > most && cells > 1) continue;
                Cut cut;
                cut.dim = uint8_t(columns[i]);
                cut.shift = uint8_t(shift_for(box.side[columns[i]], bits[i] + 1));
                if (bits[i] && cut.shift == shift_for(box.side[columns[i]], bits[i])) continue;
                const uint32_t base = cut.base(box);
                double copies = 0;
                for (uint32_t r : list) {
                    const Range range = rules.row(r)[columns[i]], side = box.side[columns[i]];
                    copies += cut.cell(std::min(range.high, side.high), base) - cut.cell(std::max(range.low, side.low), base) + 1.0;
                }
                copies /= cut.cells(box);
                if (best < 0 || copies < least) best = int(i), least = copies;
            }
            if (best >= 0) bits[best]++, cells *= 2, grown = true;
        }
        grid(at, list, box, columns, bits);
    }

    void grid(int32_t at, const List &list, const Box &box, const std::vector<int> &columns, const std::vector<int> &bits) {
        const uint32_t base = uint32_t(flat.terms.size() / 4);
        std::vector<Cut> cuts;
        uint64_t cells = 1;
        for (size_t i = 0; i < columns.size(); i++) {
            if (!bits[i]) continue;
            Cut cut;
            cut.dim = uint8_t(columns[i]);
            cut.shift = uint8_t(shift_for(box.side[columns[i]], bits[i]));
            cuts.push_back(cut);
            const uint32_t row[] = {cut.dim, cut.shift, cut.base(box), cut.cells(box)};
            flat.terms.insert(flat.terms.end(), row, row + 4);
            cells *= cut.cells(box);
        }
        if (cells < 2) {
            flat.terms.resize(size_t(base) * 4);
            return linear(at, list);
        }
        flat.base[at] = base;
        flat.shift[at] = uint8_t(cuts.size());
        const size_t first = flat.inner(at, GRID, uint32_t(cells));
        List last;
        int32_t made = -1;
        for (uint64_t cell = 0; cell < cells; cell++) {
            Box inside = box;
            uint64_t rest = cell;
            for (size_t i = cuts.size(); i-- > 0;) {
                const uint32_t count = cuts[i].cells(box), own = uint32_t(rest % count);
                rest /= count;
                inside.side[cuts[i].dim] = cuts[i].span(own, own, box);
            }
            List part;
            for (uint32_t r : list) {
                bool meets = true;
                for (const Cut &cut : cuts)
                    meets = meets && rules.row(r)[cut.dim].low <= inside.side[cut.dim].high && rules.row(r)[cut.dim].high >= inside.side[cut.dim].low;
                if (meets) part.push_back(r);
            }
            if (part.empty()) {
                made = -1;
                last.clear();
                continue;
            }
            if (part.size() == list.size() && cells < 4) return linear_grid(at, first, cells, list);
            made = flat.add();
            flat.children[first + cell] = made;
            hypercuts(made, std::move(part), inside);
        }
    }

    void linear_grid(int32_t, size_t first, uint64_t cells, const List &list) {
        const int32_t made = flat.add();
        for (uint64_t i = 0; i < cells; i++) flat.children[first + i] = made;
        linear(made, list);
    }

    // HyperSplit: the end point that divides the rules' segments most evenly, over all columns.
    void hypersplit(int32_t at, List list, Box box) {
        if (!prepare(at, list, box)) return;
        Cut best;
        best.kind = SPLIT;
        best.n_bounds = 1;
        double least = 1e300;
        std::vector<uint32_t> points;
        for (int c = 0; c < rules.columns; c++) {
            points.clear();
            const Range side = box.side[c];
            for (uint32_t r : list) {
                const Range range = rules.row(r)[c];
                if (range.low > side.low) points.push_back(range.low);
                if (range.high < side.high) points.push_back(range.high + 1);
            }
            std::sort(points.begin(), points.end());
            points.erase(std::unique(points.begin(), points.end()), points.end());
            if (points.empty()) continue;
            std::vector<int64_t> begins(points.size() + 1), delta(points.size() + 2);
            for (uint32_t r : list) {
                const Range range = rules.row(r)[c];
                const size_t a = size_t(std::upper_bound(points.begin(), points.end(), std::max(range.low, side.low)) - points.begin());
                const size_t b = size_t(std::upper_bound(points.begin(), points.end(), std::min(range.high, side.high)) - points.begin());
                delta[a]++, delta[b + 1]--;
            }
            int64_t inside = 0;
            double sum = 0;
            for (size_t i = 0; i <= points.size(); i++) inside += delta[i], begins[i] = inside, sum += double(inside);
            const double mean = sum / double(points.size() + 1);
            if (mean >= least) continue;
            double run = 0;
            for (size_t i = 0; i < points.size(); i++) {
                run += double(begins[i]);
                if (run >= sum / 2 || i + 1 == points.size()) {
                    least = mean;
                    best.dim = uint8_t(c);
                    best.bounds[0] = points[i];
                    break;
                }
            }
        }
        if (least > 1e299) return linear(at, list);
        emit(at, list, box, best, [&](int32_t made, List part, Box inside) { hypersplit(made, std::move(part), inside); });
    }

    // FiCuts: equal cuts of the given columns while they divide well, then HyperSplit.
    void ficuts(int32_t at, List list, Box box, const std::vector<int> &columns) {
        if (!prepare(at, list, box)) return;
        int column = -1;
        Cut best;
        double copies = 1e300;
        for (int c : columns) {
            const Range side = box.side[c];
            if (side.high - side.low < 1u << 8) continue;
            Cut cut;
            cut.dim = uint8_t(c);
            const int k = std::clamp(int(std::log2(double(list.size()) / BINTH)) + 1, 1, 6);
            cut.shift = uint8_t(shift_for(side, k));
            const uint32_t base = cut.base(box);
            double sum = 0;
            for (uint32_t r : list) {
                const Range range = rules.row(r)[c];
                sum += cut.cell(std::min(range.high, side.high), base) - cut.cell(std::max(range.low, side.low), base) + 1.0;
            }
            sum /= double(list.size());
            if (sum < copies) copies = sum, best = cut, column = c;
        }
        if (column < 0 || copies > 1.1 || best.cells(box) < 2) return hypersplit(at, std::move(list), box);
        emit(at, list, box, best, [&](int32_t made, List part, Box inside) {
            if (part.size() == list.size()) return hypersplit(made, std::move(part), inside);
            ficuts(made, std::move(part), inside, columns);
        });
    }

    template <class Next>
    void parts(const std::vector<List> &all, Next next) {
        const int32_t at = flat.add();
        if (all.size() == 1) return next(at, all[0], size_t(0));
        const size_t first = flat.inner(at, PARTITION, uint32_t(all.size()));
        for (size_t i = 0; i < all.size(); i++) {
            const int32_t made = flat.add();
            flat.children[first + i] = made;
            next(made, all[i], i);
        }
    }

    // Address prefixes at least as long as /16 are small: both, source, destination, neither.
    void cutsplit(const List &list) {
        std::vector<List> groups(4);
        auto small = [&](uint32_t r, int c) { return rules.row(r)[c].high - rules.row(r)[c].low <= rules.maxima[c] >> 16; };
        for (uint32_t r : list) groups[rules.columns > 1 ? 2 * !small(r, 0) + !small(r, 1) : 3].push_back(r);
        std::vector<List> all;
        std::vector<std::vector<int>> cut;
        const std::vector<std::vector<int>> columns = {{0, 1}, {0}, {1}, {}};
        for (int g = 0; g < 4; g++)
            if (!groups[g].empty()) all.push_back(groups[g]), cut.push_back(columns[g]);
        parts(all, [&](int32_t at, const List &part, size_t i) { ficuts(at, part, whole(rules), cut[i]); });
    }

    void efficuts(const List &list) {
        std::vector<List> all = divided(rules, list.data(), list.size(), EFFICUTS);
        if (all.empty()) all = {list};
        parts(all, [&](int32_t at, const List &part, size_t) { hicuts(at, part, whole(rules)); });
    }
};

}  // namespace

std::optional<Flat> baseline(const Rules &rules, const std::string &name, double seconds) {
    Builder builder{rules, now() + seconds, {}};
    List all(rules.count);
    for (int i = 0; i < rules.count; i++) all[i] = uint32_t(i);
    try {
        if (all.empty()) {
            builder.flat.leaf(builder.flat.add(), nullptr, 0);
        } else if (name == "hicuts") {
            builder.hicuts(builder.flat.add(), all, whole(rules));
        } else if (name == "hypercuts") {
            builder.hypercuts(builder.flat.add(), all, whole(rules));
        } else if (name == "hypersplit") {
            builder.hypersplit(builder.flat.add(), all, whole(rules));
        } else if (name == "efficuts") {
            builder.efficuts(all);
        } else if (name == "cutsplit") {
            builder.cutsplit(all);
        } else {
            return std::nullopt;
        }
    } catch (const Ended &) {
        return std::nullopt;
    }
    return std::move(builder.flat);
}

}  // namespace neurocuts
