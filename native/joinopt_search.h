// Exact search over join trees.
#pragma once
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

// All connected subsets, ascending (so every subset stands before its supersets); at most `cap`, else empty.
std::vector<Mask> connected_subsets(const std::vector<Mask> &adjacency, std::size_t cap);

struct Best {
    std::vector<double> cost;  // of each subset's best tree
    std::vector<Mask> probe;   // the probe side of its last join; 0 for a single relation
};

// Best bushy (or left-deep: the build side of every join is one relation) tree of every connected subset.
Best best_trees(const std::vector<Mask> &adjacency, const Mask *masks, const double *rows, std::size_t n,
                const std::vector<double> &width, const JoinCost &cost, bool left_deep);

}  // namespace joinopt
