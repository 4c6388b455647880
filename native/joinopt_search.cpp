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

ScanCost::Left ScanCost::handed(Mask build, double build_rows) const {
    constexpr double LISTED_ROWS = 50, LEFT_SHARE = 0.8;
    Left left;
    const double values = std::max(build_rows, 0.5);
    for (const ScanLink &link : links) {
        if (!(link.partners & build)) continue;
        if (build_rows <= LISTED_ROWS) left.groups *= 1 - std::pow(1 - link.share, std::max(build_rows, 1.0));
        if (build_rows <= 1.5) left.key = 0.5;
        if (text_s > 0) left.opened = std::min(left.opened, 1 - std::pow(1 - 1 / segments, values * link.runs));
        if (above_s > 0) left.above = std::min(left.above, LEFT_SHARE * (1 - std::exp(-values * link.spread)));
    }
    return left;
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

namespace {

// Places of two joinable subsets and of their union; a subset's own pairs come before those it is a part of.
struct Pair {
    std::int32_t left, right, both;
};

class Pairs {
public:
    Pairs(const std::vector<Mask> &adjacency, const Mask *masks, std::size_t n)
        : index_(masks, n, static_cast<int>(adjacency.size())) {
        const Graph graph(adjacency);
        graph.each_connected([&](Mask left) {
            const Mask banned = left | up_to(position(left));
            const Mask near = graph.around(left) & ~banned;
            if (!near) return true;
            const std::int32_t l = place(left);
            for (int i = graph.size() - 1; i >= 0; --i) {
                const Mask one = Mask(1) << i;
                if (!(near & one)) continue;
                all_.push_back({l, place(one), place(left | one)});
                graph.grow(one, banned | (near & up_to(i)), [&](Mask right) {
                    all_.push_back({l, place(right), place(left | right)});
                    return true;
                });
            }
            return true;
        });
    }
    std::int32_t place(Mask mask) const {
        const std::int32_t found = index_[mask];
        if (found < 0) throw std::invalid_argument("a connected subset has no row count");
        return found;
    }
    std::int32_t known(Mask mask) const { return index_[mask]; }
    const std::vector<Pair> &all() const { return all_; }

private:
    Index index_;
    std::vector<Pair> all_;
};

std::vector<double> widths_of(const Mask *masks, std::size_t n, const std::vector<double> &width) {
    std::vector<double> widths(n, 0.0);
    for (std::size_t i = 0; i < n; ++i)
        for (Mask rest = masks[i]; rest; rest &= rest - 1) widths[i] += width[position(rest)];
    return widths;
}

// The scan at the end of each best tree's stream, and what the hash tables that it passes leave of it.
class Streams {
public:
    struct Stream {
        int scan = -1;
        ScanCost::Left left;
        double seconds = 0;
    };
    Streams(const Pairs &pairs, const Mask *masks, const double *rows, std::size_t n, const std::vector<ScanCost> &scans)
        : masks_(masks), rows_(rows), scans_(scans), handed_(scans.size() * n), known_(scans.size() * n, false), n_(n),
          streams_(n) {
        for (std::size_t i = 0; i < scans.size(); ++i)
            if (const std::int32_t leaf = pairs.known(Mask(1) << scans[i].relation); leaf >= 0)
                streams_[leaf] = {static_cast<int>(i), {}, scans[i].full()};
    }
    double seconds(std::int32_t tree) const { return streams_[tree].seconds; }
    void keep(std::int32_t tree, const Stream &stream) { streams_[tree] = stream; }
    Stream past(std::int32_t probe, std::int32_t build) {
        Stream next = streams_[probe];
        if (next.scan < 0) return next;
        const std::size_t at = static_cast<std::size_t>(next.scan) * n_ + static_cast<std::size_t>(build);
        if (!known_[at]) handed_[at] = scans_[next.scan].handed(masks_[build], rows_[build]), known_[at] = true;
        next.left.narrow(handed_[at]);
        next.seconds = scans_[next.scan].seconds(next.left);
        return next;
    }

private:
    const Mask *masks_;
    const double *rows_;
    const std::vector<ScanCost> &scans_;
    std::vector<ScanCost::Left> handed_;  // by scan and build side, as far as known
    std::vector<bool> known_;
    std::size_t n_;
    std::vector<Stream> streams_;
};

// `handed` is not looked at where there are no scans.
Best search(const Pairs &pairs, const Mask *masks, const double *rows, std::size_t n,
            const std::vector<double> &widths, const JoinCost &cost, bool left_deep, const std::vector<ScanCost> &scans,
            const double *handed) {
    Best best{std::vector<double>(n, std::numeric_limits<double>::infinity()), std::vector<Mask>(n, 0)};
    for (std::size_t i = 0; i < n; ++i)
        if (!(masks[i] & (masks[i] - 1))) best.cost[i] = 0;
    Streams streams(pairs, masks, handed, n, scans);
    for (const ScanCost &scan : scans)
        if (const std::int32_t leaf = pairs.known(Mask(1) << scan.relation); leaf >= 0) best.cost[leaf] = scan.full();
    // What a join costs apart from its two roles; the logarithm is the dear part.
    std::vector<double> misses(n, 0.0), building(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        if (cost.probe_miss != 0 || cost.build_miss != 0) misses[i] = std::log2(1 + rows[i] * widths[i] / cost.knee_bytes);
        building[i] = rows[i] * (cost.build + cost.build_byte * widths[i] + misses[i] * cost.build_miss);
    }
    auto offer = [&](std::int32_t both, double below, std::int32_t probe, std::int32_t build) {
        if (left_deep && masks[build] & (masks[build] - 1)) return;
        double total = below + building[build] + rows[probe] * (cost.probe + misses[build] * cost.probe_miss);
        const double reading = streams.seconds(probe);
        if (total - reading >= best.cost[both]) return;
        const Streams::Stream stream = streams.past(probe, build);
        total += stream.seconds - reading;
        if (total < best.cost[both]) {
            best.cost[both] = total;
            best.probe[both] = masks[probe];
            streams.keep(both, stream);
        }
    };
    for (const Pair &pair : pairs.all()) {
        const double below =
            best.cost[pair.left] + best.cost[pair.right] + cost.fixed + rows[pair.both] * cost.output;
        if (below - std::max(streams.seconds(pair.left), streams.seconds(pair.right)) >= best.cost[pair.both]) continue;
        offer(pair.both, below, pair.left, pair.right);
        offer(pair.both, below, pair.right, pair.left);
    }
    return best;
}

void flatten(const Pairs &pairs, const Best &best, Mask mask, FlatTree &into) {
    const Mask probe = best.probe[pairs.place(mask)];
    if (!probe) return;
    into.insert(into.end(), {mask, probe});
    flatten(pairs, best, probe, into);
    flatten(pairs, best, mask & ~probe, into);
}

// Seconds of the scans that depend on the order, in this order.
double scan_seconds(const FlatTree &tree, const Pairs &pairs, const double *rows, const std::vector<ScanCost> &scans) {
    std::unordered_map<Mask, Mask> probe_of;
    Mask everything = 0;
    for (std::size_t i = 0; i < tree.size(); i += 2) {
        probe_of[tree[i]] = tree[i + 1];
        everything |= tree[i];
        }
    double total = 0;
    for (const ScanCost &scan : scans) {
        // Down from the top to the leaf: what streams past which hash table since the last one it was built into.
        ScanCost::Left left;
        Mask at = everything;
        const Mask leaf = Mask(1) << scan.relation;
        while (at & (at - 1)) {
            const Mask probe = probe_of[at];
            if (probe & leaf) {
                left.narrow(scan.handed(at & ~probe, rows[pairs.place(at & ~probe)]));
                at = probe;
            } else {
                left = {};
                at &= ~probe;
            }
        }
        total += scan.seconds(left);
    }
    return total;
}

}  // namespace

Best best_trees(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, std::size_t n,
                const std::vector<double> &width, const JoinCost &cost, bool left_deep,
                const std::vector<ScanCost> &scans, const double *handed) {
    return search(Pairs(adjacency, masks, n), masks, rows, n, widths_of(masks, n, width), cost, left_deep, scans,
                  handed ? handed : rows);
}

double EngineFormula::log_rows(Mask mask) const {
    double total = 0;
    for (Mask rest = mask; rest; rest &= rest - 1) total += log_base[position(rest)];
    int merges = __builtin_popcountll(mask) - 1;
    for (const auto &[relations, log_domain] : classes) {
        const int used = std::min(std::max(__builtin_popcountll(mask & relations) - 1, 0), merges);
        total -= used * log_domain;
        merges -= used;
    }
    for (Mask relations : others)
        if ((mask & relations) == relations) total += log_guess;
    return total;
}

double EngineFormula::rows(Mask mask) const { return std::max(std::exp(log_rows(mask)), 1.0); }

namespace {

constexpr double ENTRY_BYTES = 24;  // of a row in a hash table, besides its columns

// Builds the smaller side, in bytes, of every join.
template <class Rows>
void turn(FlatTree &tree, const std::vector<double> &width, const Rows &rows) {
    const auto bytes = [&](Mask mask) {
        double total = ENTRY_BYTES;
        for (Mask rest = mask; rest; rest &= rest - 1) total += width[position(rest)];
        return total * rows(mask);
    };
    for (std::size_t i = 0; i < tree.size(); i += 2) {
        const Mask probe = tree[i + 1], build = tree[i] & ~probe;
        if (bytes(build) > bytes(probe)) tree[i + 1] = build;
    }
}

}  // namespace

FlatTree greedy(const std::vector<Mask> &adjacency, const std::vector<double> &width, const EngineFormula &formula) {
    std::vector<Mask> parts, near;
    for (std::size_t i = 0; i < adjacency.size(); ++i) {
        parts.push_back(Mask(1) << i);
        near.push_back(adjacency[i]);
    }
    std::unordered_map<Mask, double> known;
    FlatTree found;
    while (parts.size() > 1) {
        std::size_t left = 0, right = 0;
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t a = 0; a < parts.size(); ++a) {
            for (std::size_t b = 0; b < parts.size(); ++b) {
                if (parts[a] >= parts[b] || !(near[a] & parts[b])) continue;
                const auto [slot, fresh] = known.try_emplace(parts[a] | parts[b], 0.0);
                if (fresh) slot->second = formula.rows(parts[a] | parts[b]);
                const bool before = std::pair(parts[a], parts[b]) < std::pair(parts[left], parts[right]);
                if (slot->second < least || (slot->second == least && before)) least = slot->second, left = a, right = b;
            }
        }
        if (left == right) return {};
        found.insert(found.begin(), {parts[left] | parts[right], parts[left]});
        near[left] |= near[right];
        parts[left] |= parts[right];
        near[left] &= ~parts[left];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(right));
        near.erase(near.begin() + static_cast<std::ptrdiff_t>(right));
    }
    turn(found, width, [&](Mask mask) { return formula.rows(mask); });
    return found;
}

Compared plan(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, const double *sigma, std::size_t n,
              const std::vector<double> &width, const JoinCost &cost, const std::vector<ScanCost> &scans,
              const EngineFormula &formula) {
    constexpr double MOST_SIGMA = 2.2, MOST_DOUBT = 10, SCAN_DOUBT = 0.5, MOST_HANDED_SIGMA = 2;
    const Pairs pairs(adjacency, masks, n);
    const std::vector<double> widths = widths_of(masks, n, width);
    const Mask everything = masks[n - 1];
    Compared found;
    std::vector<double> handed(n);
    for (std::size_t i = 0; i < n; ++i) handed[i] = rows[i] * std::exp(std::min(sigma[i], MOST_HANDED_SIGMA));
    flatten(pairs, search(pairs, masks, rows, n, widths, cost, false, scans, handed.data()), everything, found.ours);
    // DuckDB: fewest intermediate rows, then the smaller side (rows × width) of each join is built.
    std::vector<double> believed(n);
    for (std::size_t i = 0; i < n; ++i) believed[i] = formula.rows(masks[i]);
    const JoinCost outputs{0, 0, 0, 0, 0, 0, 1, 1};
    flatten(pairs, search(pairs, masks, believed.data(), n, widths, outputs, false, {}, nullptr), everything, found.engine);
    turn(found.engine, width, [&](Mask mask) { return believed[pairs.place(mask)]; });
    // Joins that both trees have are as uncertain, and cancel out.
    std::unordered_map<Mask, Mask> ours, engine;
    for (std::size_t i = 0; i < found.ours.size(); i += 2) ours[found.ours[i]] = found.ours[i + 1];
    for (std::size_t i = 0; i < found.engine.size(); i += 2) engine[found.engine[i]] = found.engine[i + 1];
    double squares = 0;
    const auto priced = [&](const FlatTree &tree, const std::unordered_map<Mask, Mask> &other) {
        double total = 0;
        for (std::size_t i = 0; i < tree.size(); i += 2) {
            const std::int32_t both = pairs.place(tree[i]), probe = pairs.place(tree[i + 1]),
                               build = pairs.place(tree[i] & ~tree[i + 1]);
            const double here = cost(rows[probe], rows[build], widths[build], rows[both]);
            total += here;
            const auto same = other.find(tree[i]);
            if (same != other.end() && same->second == tree[i + 1]) continue;
            const double s = std::min(sigma[both], MOST_SIGMA);
            const double apart = here * std::min(std::sqrt(std::expm1(s * s)), MOST_DOUBT);
            squares += apart * apart;
        }
        return total;
    };
    const double our_scans = scan_seconds(found.ours, pairs, handed.data(), scans);
    const double engine_scans = scan_seconds(found.engine, pairs, handed.data(), scans);
    found.ours_s = priced(found.ours, engine) + our_scans;
    found.engine_s = priced(found.engine, ours) + engine_scans;
    const double apart = SCAN_DOUBT * (our_scans - engine_scans);
    found.spread_s = std::sqrt(squares + apart * apart);
    return found;
}

}  // namespace joinopt
