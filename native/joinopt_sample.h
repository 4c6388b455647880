// Sizes of sub-plans from counts on a sample; see mlsys4sys/joinopt/sampled.py.
#pragma once
#include <vector>

#include "joinopt_count.h"
#include "joinopt_search.h"

namespace joinopt {

// One way to count: the ids of one class, sampled by one anchor, or all of them where tables are kept whole.
struct SampleRoot {
    Mask covered = 0;   // relations whose joins with the sampled rows are complete
    Mask attached = 0;  // relations with a column in the class; a subset needs one of them
    double bonus = 0;   // of two roots that touch as much of a subset the one with more is taken
    int klass = 0;
    std::int64_t limit = 0;            // ids of the class that are counted over
    const double *weights = nullptr;   // what each of them stands for; nothing when every id counts once
    double usual_weight = 1;           // the median of them
    double log_domain = 0;             // of the different values of the class
    Counter *counter = nullptr;        // may be missing as long as nothing is counted here
};

// An equality that closed a cycle: it keeps one in so many of the rows that have the relation and one of the others.
struct DroppedEdge {
    Mask relation = 0, others = 0;
    double distinct = 1;
};

struct SampleGraph {
    std::vector<Mask> adjacency;
    std::vector<double> leaf_rows, leaf_sigma;
    EngineFormula filtered, unfiltered;  // from leaf rows as counted, and from whole tables
    std::vector<DroppedEdge> dropped;
    std::vector<SampleRoot> roots;
};

struct SampleEstimate {
    double rows = 0, sigma = 0;
};

// The roots, by number, that these subsets are counted at.
std::vector<int> roots_for(const SampleGraph &graph, const Mask *masks, std::size_t n);

// Counted where a root covers the subset, extrapolated by the formula elsewhere. The roots must have their counters.
std::vector<SampleEstimate> estimate(const SampleGraph &graph, const Mask *masks, std::size_t n);

}  // namespace joinopt
