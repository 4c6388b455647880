// Exact search over join trees.
#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace joinopt {

using Mask = std::uint64_t;

// Seconds of a hash join; the same formula as HashJoinCost.join in mlsys4sys/joinopt/cost.py.
struct JoinCost {
    double fixed, probe, probe_miss, build, build_byte, build_miss, output, knee_bytes;
    double operator()(double probe_rows, double build_rows, double build_width, double output_rows) const;
};

// A relation's scan and the columns through which a hash table's keys may reach it; the same formula as Scan.handed in
// mlsys4sys/joinopt/scans.py.
struct ScanLink {
    Mask partners;
    double share, spread, runs;
};
struct ScanCost {
    int relation = -1;
    double key_s = 0, in_scan_s = 0, above_s = 0, text_s = 0, segments = 1;
    std::vector<ScanLink> links;
    double full() const { return key_s + in_scan_s + above_s + text_s; }
    // What is left of it: shares of row groups, of reading keys, of segments of text, of rows for filters above.
    struct Left {
        double groups = 1, key = 1, opened = 1, above = 1;

        void narrow(const Left &by) {
            groups *= by.groups;
            key = std::min(key, by.key);
            opened = std::min(opened, by.opened);
            above = std::min(above, by.above);
        }
    };
    // When its rows stream past a hash table over `build`, which hands its keys down.
    Left handed(Mask build, double build_rows) const;
    double seconds(const Left &left) const {
        return left.groups * (left.key * key_s + in_scan_s) + text_s * std::min(left.opened, left.groups) +
               above_s * left.above;
    }
};

// All connected subsets, ascending (so every subset stands before its supersets); at most `cap`, else empty.
std::vector<Mask> connected_subsets(const std::vector<Mask> &adjacency, std::size_t cap);

struct Best {
    std::vector<double> cost;  // of each subset's best tree
    std::vector<Mask> probe;   // the probe side of its last join; 0 for a single relation
};

// Best bushy (or left-deep: the build side of every join is one relation) tree of every connected subset. A scan is
// priced by the hash tables that its rows stream past, each handing down as many keys as `handed` says
// (null: as it has rows).
Best best_trees(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, std::size_t n,
                const std::vector<double> &width, const JoinCost &cost, bool left_deep,
                const std::vector<ScanCost> &scans = {}, const double *handed = nullptr);

// What DuckDB believes of sizes; the same formula as mlsys4sys/joinopt/formula.py.
struct EngineFormula {
    std::vector<double> log_base;                       // of each relation, filtered
    std::vector<std::pair<Mask, double>> classes;       // relations and the logarithm of the distinct values, most first
    std::vector<Mask> others;                           // predicates of other kinds
    double log_guess = 0;                               // what such a predicate keeps
    double log_rows(Mask mask) const;
    double rows(Mask mask) const;  // at least 1
};

// A tree as pairs of a join and its probe side, parents first.
using FlatTree = std::vector<Mask>;

// Two orders of one graph, priced with the same sizes; see mlsys4sys/joinopt/choice.py.
struct Compared {
    FlatTree ours, engine;  // the cheapest order, and about the one that DuckDB would take
    double ours_s = 0, engine_s = 0;
    double spread_s = 0;  // of the difference, if no error were common to both
};

// About the order that DuckDB takes where it is greedy: the join with fewest rows out next, then the smaller side of each
// is built. Empty when the graph does not hang together.
FlatTree greedy(const std::vector<Mask> &adjacency, const std::vector<double> &width, const EngineFormula &formula);

// `sigma`: of the logarithm of each row count. All subsets of `masks` must be connected; the last holds everything.
Compared plan(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, const double *sigma, std::size_t n,
              const std::vector<double> &width, const JoinCost &cost, const std::vector<ScanCost> &scans,
              const EngineFormula &formula);

}  // namespace joinopt
