// Sizes of sub-plans from counts on a sample; see mlsys4sys/joinopt/sampled.py.
#pragma once
#include <unordered_map>
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
    Counter *counter = nullptr;        // may be missing as long as nothing is counted here
};

// An equality that closed a cycle: it keeps one in so many of the rows that have the relation and one of the others.
struct DroppedEdge {
    Mask relation = 0, others = 0;
    double distinct = 1;
};

struct SampleEstimate {
    double rows = 0, sigma = 0;
};

// The subsets of one graph that were asked for: what came out, and what the formula says.
class KnownSizes {
public:
    struct Size {
        double log_rows = 0;
        double log_formula = 0;  // filled in when it is needed
        bool known = false, priced = false, seen = true;
    };
    // Must be called before anything is put in.
    void reserve(std::size_t relations) {
        if (relations <= DENSE && dense_.empty()) dense_.resize(std::size_t(1) << relations);
    }
    Size &at(Mask mask) { return dense_.empty() ? sparse_[mask] : dense_[mask]; }
    // Nothing if it was not asked for.
    Size *find(Mask mask) {
        if (!dense_.empty()) return dense_[mask].known ? &dense_[mask] : nullptr;
        const auto found = sparse_.find(mask);
        return found == sparse_.end() || !found->second.known ? nullptr : &found->second;
    }
    template <typename Look> void each_inside(Mask mask, Look look) {
        for (auto &[inner, size] : sparse_)
            if (!(inner & ~mask) && size.known) look(inner, size);
        for (std::size_t inner = 1; inner < dense_.size(); ++inner)
            if (!(inner & ~mask) && dense_[inner].known) look(Mask(inner), dense_[inner]);
    }

private:
    static constexpr std::size_t DENSE = 13;  // a table of all subsets, up to so many relations
    std::vector<Size> dense_;
    std::unordered_map<Mask, Size> sparse_;
};

struct SampleGraph {
    std::vector<Mask> adjacency;
    std::vector<double> leaf_rows, leaf_sigma;
    EngineFormula formula;  // from leaf rows as counted
    std::vector<DroppedEdge> dropped;
    std::vector<SampleRoot> roots;
    KnownSizes known;
};

// The roots, by number, that these subsets are counted at.
std::vector<int> roots_for(const SampleGraph &graph, const Mask *masks, std::size_t n);

// Counted where a root covers the subset, extrapolated by the formula elsewhere. The roots must have their counters.
// What was asked for is remembered: a subset of which the sample shows no row is extrapolated from those inside of it.
std::vector<SampleEstimate> estimate(SampleGraph &graph, const Mask *masks, std::size_t n);

}  // namespace joinopt
