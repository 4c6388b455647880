// See joinopt_sample.h.
#include "joinopt_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace joinopt {

namespace {

// In natural logarithms: of one guessed predicate, and of a join of which no row was seen on the sample.
constexpr double SIGMA_GUESS = 1.5, SIGMA_UNSEEN = 2.0;

int bits(Mask mask) { return __builtin_popcountll(mask); }

// The root that covers a subset and touches most of it; -1 where none does.
int choose(const SampleGraph &graph, Mask mask) {
    int chosen = -1;
    double best = 0;
    for (std::size_t r = 0; r < graph.roots.size(); ++r) {
        const SampleRoot &root = graph.roots[r];
        const int touching = bits(mask & root.attached);
        if ((mask & ~root.covered) || !touching || touching + root.bonus <= best) continue;
        best = touching + root.bonus;
        chosen = static_cast<int>(r);
    }
    return chosen;
}

// What hangs together with `start` inside `within`.
Mask grown(const SampleGraph &graph, Mask start, Mask within) {
    for (Mask fresh = start; fresh;) {
        Mask near = 0;
        for (Mask rest = fresh; rest; rest &= rest - 1) near |= graph.adjacency[__builtin_ctzll(rest)];
        fresh = near & within & ~start;
        start |= fresh;
    }
    return start;
}

// The largest part of a subset that some root covers; nothing if that is no join.
Mask covered_part(const SampleGraph &graph, Mask mask) {
    Mask found = 0;
    for (const SampleRoot &root : graph.roots) {
        const Mask inside = mask & root.covered, start = inside & root.attached;
        if (!start) continue;
        const Mask part = grown(graph, start & (~start + 1), inside);
        if (bits(part) > std::max(bits(found), 1) && part != mask) found = part;
    }
    return found;
}

// No row was seen: at most half of what one sampled key would have brought, and rather more than the formula says, which
// knows of no correlation; so the middle of the two, in logarithms.
double unseen(const SampleGraph &graph, const SampleRoot &root, Mask mask) {
    const double guess = std::exp(graph.filtered.log_rows(mask));
    const double a_key = std::exp(graph.unfiltered.log_rows(mask) - root.log_domain);
    const double most =
        root.limit ? 0.5 * root.usual_weight * std::max(a_key, 1.0) : std::numeric_limits<double>::infinity();
    return std::sqrt(std::min(std::max(guess, 1e-3), most) * std::min(most, 1e9));
}

void add_guesses(const SampleGraph &graph, Mask mask, SampleEstimate &found) {
    for (Mask relations : graph.filtered.others) {
        if ((mask & relations) != relations) continue;
        found.rows *= std::exp(graph.filtered.log_guess);
        found.sigma = std::hypot(found.sigma, SIGMA_GUESS);
    }
    for (const DroppedEdge &edge : graph.dropped) {
        if (!(mask & edge.relation) || !(mask & edge.others)) continue;
        found.rows /= edge.distinct;
        found.sigma = std::hypot(found.sigma, SIGMA_GUESS);
    }
}

}  // namespace

std::vector<int> roots_for(const SampleGraph &graph, const Mask *masks, std::size_t n) {
    std::vector<bool> wanted(graph.roots.size(), false);
    for (std::size_t i = 0; i < n; ++i) {
        Mask mask = masks[i];
        if (!(mask & (mask - 1))) continue;
        int root = choose(graph, mask);
        if (root < 0 && (mask = covered_part(graph, mask))) root = choose(graph, mask);
        if (root >= 0) wanted[root] = true;
    }
    std::vector<int> found;
    for (std::size_t r = 0; r < wanted.size(); ++r)
        if (wanted[r]) found.push_back(static_cast<int>(r));
    return found;
}

std::vector<SampleEstimate> estimate(const SampleGraph &graph, const Mask *masks, std::size_t n) {
    std::vector<SampleEstimate> found(n);
    std::vector<std::vector<std::size_t>> at_root(graph.roots.size());
    std::vector<std::size_t> uncovered;
    for (std::size_t i = 0; i < n; ++i) {
        if (!(masks[i] & (masks[i] - 1))) {
            const int leaf = __builtin_ctzll(masks[i]);
            found[i] = {graph.leaf_rows[leaf], graph.leaf_sigma[leaf]};
        } else if (const int root = choose(graph, masks[i]); root >= 0) {
            at_root[root].push_back(i);
        } else {
            uncovered.push_back(i);
        }
    }
    for (std::size_t r = 0; r < at_root.size(); ++r) {
        if (at_root[r].empty()) continue;
        const SampleRoot &root = graph.roots[r];
        std::vector<Mask> here;
        for (std::size_t i : at_root[r]) here.push_back(masks[i]);
        std::vector<Total> totals(here.size());
        root.counter->count(root.klass, root.limit, root.weights, here.data(), here.size(), totals.data());
        for (std::size_t k = 0; k < here.size(); ++k) {
            SampleEstimate &one = found[at_root[r][k]];
            one.rows = totals[k].rows;
            const double relative = totals[k].variance / std::pow(std::max(one.rows, 1e-9), 2);
            one.sigma = std::sqrt(std::log1p(relative));
            if (one.rows == 0 && root.weights) one = {unseen(graph, root, here[k]), SIGMA_UNSEEN};
        }
    }
    for (std::size_t i = 0; i < n; ++i) add_guesses(graph, masks[i], found[i]);
    if (uncovered.empty()) return found;
    std::vector<Mask> parts;
    for (std::size_t i : uncovered) parts.push_back(covered_part(graph, masks[i]));
    std::vector<Mask> known;
    for (Mask part : parts)
        if (part) known.push_back(part);
    const std::vector<SampleEstimate> counted = estimate(graph, known.data(), known.size());
    std::size_t next = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
        const Mask mask = masks[uncovered[k]], part = parts[k];
        double log_rows = graph.filtered.log_rows(mask), sigma = SIGMA_GUESS * std::sqrt(bits(mask & ~part));
        if (part) {
            const SampleEstimate &base = counted[next++];
            log_rows += std::log(std::max(base.rows, 1e-3)) - graph.filtered.log_rows(part);
            sigma = std::hypot(sigma, base.sigma);
        }
        found[uncovered[k]] = {std::exp(log_rows), sigma};
    }
    return found;
}

}  // namespace joinopt
