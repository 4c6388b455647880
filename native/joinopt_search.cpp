// DPccp: exact dynamic programming over pairs of connected subsets.
// Source: Moerkotte and Neumann, Analysis of Two Existing and One New Dynamic Programming Algorithm for the Generation
// of Optimal Bushy Join Trees without Cross Products, VLDB 2006. Unlike there, each pair is priced both ways round,
// because the build side of a hash join costs more than its probe side.
#include "joinopt_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <unordered_map>

namespace joinopt {

double JoinCost::operator()(double probe_rows, double build_rows, double build_width, double output_rows) const {
    double seconds = fixed + probe_rows * probe + build_rows * (build + build_byte * build_width) + output_rows * output;
    if (probe_miss != 0 || build_miss != 0) {
        const double misses = std::log2(1 + build_rows * build_width / knee_bytes);
        seconds += misses * (probe_rows * probe_miss + build_rows * build_miss);
    }
    return seconds;
}

double ScanCost::handed(Mask build, double build_rows) const {
    constexpr double LISTED_ROWS = 50, LEFT_SHARE = 0.8;
    double least = full();
    for (const ScanLink &link : links) {
        if (!(link.partners & build)) continue;
        const double groups = build_rows <= LISTED_ROWS ? 1 - std::pow(1 - link.share, std::max(build_rows, 1.0)) : 1;
        const double key = key_s * (build_rows <= 1.5 ? 0.5 : 1);
        const double left = 1 - std::exp(-std::max(build_rows, 0.5) * link.spread);
        least = std::min(least, groups * (key + in_scan_s) + above_s * LEFT_SHARE * left);
    }
    return least;
}

namespace {

Mask lowest(Mask m) { return m & (~m + 1); }
Mask up_to(int i) { return (Mask(2) << i) - 1; }
int position(Mask m) { return __builtin_ctzll(m); }

// Subset to its place in the ascending list of connected subsets.
class Index {
public:
    Index(const Mask *masks, std::size_t n, int relations) {
        if (relations <= 18) {
            table_.assign(std::size_t(1) << relations, -1);
            for (std::size_t i = 0; i < n; ++i) table_[masks[i]] = static_cast<std::int32_t>(i);
        } else {
            map_.reserve(n * 2);
            for (std::size_t i = 0; i < n; ++i) map_.emplace(masks[i], static_cast<std::int32_t>(i));
        }
    }
    std::int32_t operator[](Mask m) const {
        if (!table_.empty()) return table_[m];
        const auto found = map_.find(m);
        return found == map_.end() ? -1 : found->second;
    }

private:
    std::vector<std::int32_t> table_;
    std::unordered_map<Mask, std::int32_t> map_;
};

class Graph {
public:
    explicit Graph(const std::vector<Mask> &adjacency) : adjacency_(adjacency) {}
    int size() const { return static_cast<int>(adjacency_.size()); }
    Mask around(Mask set) const {
        Mask near = 0;
        for (Mask rest = set; rest; rest &= rest - 1) near |= adjacency_[position(rest)];
        return near & ~set;
    }

    // Calls visit(s) for every connected superset of `set` that avoids `banned`; stops when it says so.
    template <class Visit>
    bool grow(Mask set, Mask banned, const Visit &visit) const {
        const Mask near = around(set) & ~banned;
        for (Mask sub = lowest(near); sub; sub = (sub - near) & near)
            if (!visit(set | sub)) return false;
        for (Mask sub = lowest(near); sub; sub = (sub - near) & near)
            if (!grow(set | sub, banned | near, visit)) return false;
        return true;
    }

    template <class Visit>
    bool each_connected(const Visit &visit) const {
        for (int i = size() - 1; i >= 0; --i) {
            const Mask one = Mask(1) << i;
            if (!visit(one) || !grow(one, up_to(i), visit)) return false;
        }
        return true;
    }

private:
    const std::vector<Mask> &adjacency_;
};

}  // namespace

std::vector<Mask> connected_subsets(const std::vector<Mask> &adjacency, std::size_t cap) {
    std::vector<Mask> found;
    const bool all = Graph(adjacency).each_connected([&](Mask set) {
        found.push_back(set);
        return found.size() <= cap;
    });
    if (!all) return {};
    std::sort(found.begin(), found.end());
    return found;
}

Best best_trees(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, std::size_t n,
                const std::vector<double> &width, const JoinCost &cost, bool left_deep,
                const std::vector<ScanCost> &scans) {
    const Graph graph(adjacency);
    const Index index(masks, n, graph.size());
    Best best{std::vector<double>(n, std::numeric_limits<double>::infinity()), std::vector<Mask>(n, 0)};
    std::vector<double> widths(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        for (Mask rest = masks[i]; rest; rest &= rest - 1) widths[i] += width[position(rest)];
        if (!(masks[i] & (masks[i] - 1))) best.cost[i] = 0;
    }
    auto at = [&](Mask m) {
        const std::int32_t found = index[m];
        if (found < 0) throw std::invalid_argument("a connected subset has no row count");
        return found;
    };
    std::vector<const ScanCost *> scan_of(adjacency.size(), nullptr);
    for (const ScanCost &scan : scans) {
        scan_of.at(scan.relation) = &scan;
        if (const std::int32_t leaf = index[Mask(1) << scan.relation]; leaf >= 0) best.cost[leaf] = scan.full();
    }
    auto scan_at = [&](std::int32_t side) {
        const Mask mask = masks[side];
        return mask & (mask - 1) ? nullptr : scan_of[position(mask)];
    };
    auto offer = [&](std::int32_t both, double below, std::int32_t probe, std::int32_t build) {
        if (left_deep && masks[build] & (masks[build] - 1)) return;
        double total = below + cost(rows[probe], rows[build], widths[build], rows[both]);
        if (const ScanCost *scan = scan_at(probe)) total += scan->handed(masks[build], rows[build]) - scan->full();
        if (total < best.cost[both]) {
            best.cost[both] = total;
            best.probe[both] = masks[probe];
        }
    };
    auto pair = [&](Mask left, Mask right) {
        const std::int32_t l = at(left), r = at(right), both = at(left | right);
        const double below = best.cost[l] + best.cost[r];
        if (below >= best.cost[both] && !scan_at(l) && !scan_at(r)) return;
        offer(both, below, l, r);
        offer(both, below, r, l);
    };
    graph.each_connected([&](Mask left) {
        const Mask banned = left | up_to(position(left));
        const Mask near = graph.around(left) & ~banned;
        for (int i = graph.size() - 1; i >= 0; --i) {
            const Mask one = Mask(1) << i;
            if (!(near & one)) continue;
            pair(left, one);
            graph.grow(one, banned | (near & up_to(i)), [&](Mask right) {
                pair(left, right);
                return true;
            });
        }
        return true;
    });
    return best;
}

}  // namespace joinopt
