// See joinopt_sample.h.
#include "joinopt_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace joinopt {

namespace {

// In natural logarithms: of one guessed predicate, and of a join of which no row was seen on the sample.
constexpr double SIGMA_GUESS = 1.5, SIGMA_UNSEEN = 2.0;
constexpr double LOG_HALF = -0.6931471805599453;

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

// What hangs together by equalities alone; messages are passed along those. A connected subset is one such part unless
// there are other predicates.
std::vector<Mask> equal_parts(const SampleGraph &graph, Mask mask) {
    if (graph.formula.others.empty()) return {mask};
    std::vector<Mask> parts;
    for (Mask rest = mask; rest;) {
        Mask part = rest & (~rest + 1);
        for (Mask before = 0; before != part;) {
            before = part;
            for (const auto &[relations, log_domain] : graph.formula.classes)
                if (relations & part) part |= relations & mask;
        }
        parts.push_back(part);
        rest &= ~part;
    }
    return parts;
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

// The logarithm of the rows of a subset of which none was seen: the mean of what the subsets that lack one relation
// promise, each joined with that one as if they were independent; half of it where rows of the inner subset were seen, or
// else there would be some of the whole. Where none of those was asked for, the largest that are known have to do.
double unseen(SampleGraph &graph, Mask mask, double log_formula) {
    double sum = 0;
    int count = 0;
    const auto look = [&](Mask inner, KnownSizes::Size &size) {
        if (!size.priced) size.log_formula = graph.formula.log_rows(inner), size.priced = true;
        sum += size.log_rows + log_formula - size.log_formula + (size.seen ? LOG_HALF : 0);
        ++count;
    };
    for (Mask rest = mask; rest; rest &= rest - 1) {
        const Mask inner = mask & ~(rest & (~rest + 1));
        if (KnownSizes::Size *size = graph.known.find(inner)) look(inner, *size);
    }
    if (count) return sum / count;
    int most = 0;
    graph.known.each_inside(mask, [&](Mask inner, KnownSizes::Size &) { most = std::max(most, bits(inner)); });
    graph.known.each_inside(mask, [&](Mask inner, KnownSizes::Size &size) {
        if (bits(inner) == most) look(inner, size);
    });
    return count ? sum / count : log_formula + LOG_HALF;
}

// What other predicates and dropped equalities keep; not those inside of one of `parts`, which have been seen to.
void add_guesses(const SampleGraph &graph, Mask mask, SampleEstimate &found, const std::vector<Mask> &parts = {}) {
    const auto within = [&](auto holds) { return std::any_of(parts.begin(), parts.end(), holds); };
    for (Mask relations : graph.formula.others) {
        if ((mask & relations) != relations) continue;
        if (within([&](Mask part) { return (part & relations) == relations; })) continue;
        found.rows *= std::exp(graph.formula.log_guess);
        found.sigma = std::hypot(found.sigma, SIGMA_GUESS);
    }
    for (const DroppedEdge &edge : graph.dropped) {
        if (!(mask & edge.relation) || !(mask & edge.others)) continue;
        if (within([&](Mask part) { return (part & edge.relation) && (part & edge.others); })) continue;
        found.rows /= edge.distinct;
        found.sigma = std::hypot(found.sigma, SIGMA_GUESS);
    }
}

// Subsets of which nothing was counted, the smallest first.
void fill_in(SampleGraph &graph, const Mask *masks, std::vector<std::size_t> hidden, std::vector<SampleEstimate> &found) {
    std::sort(hidden.begin(), hidden.end(), [&](std::size_t a, std::size_t b) {
        return std::pair(bits(masks[a]), a) < std::pair(bits(masks[b]), b);
    });
    for (std::size_t i : hidden) {
        if (!graph.known.find(masks[i])) {
            const double log_formula = graph.formula.log_rows(masks[i]);
            graph.known.at(masks[i]) = {unseen(graph, masks[i], log_formula), log_formula, true, true, false};
        }
        found[i] = {std::exp(graph.known.find(masks[i])->log_rows), std::hypot(found[i].sigma, SIGMA_UNSEEN)};
    }
}

}  // namespace

std::vector<int> roots_for(const SampleGraph &graph, const Mask *masks, std::size_t n) {
    std::vector<bool> wanted(graph.roots.size(), false);
    for (std::size_t i = 0; i < n; ++i) {
        for (Mask mask : equal_parts(graph, masks[i])) {
            if (!(mask & (mask - 1))) continue;
            int root = choose(graph, mask);
            if (root < 0 && (mask = covered_part(graph, mask))) root = choose(graph, mask);
            if (root >= 0) wanted[root] = true;
        }
    }
    std::vector<int> found;
    for (std::size_t r = 0; r < wanted.size(); ++r)
        if (wanted[r]) found.push_back(static_cast<int>(r));
    return found;
}

std::vector<SampleEstimate> estimate(SampleGraph &graph, const Mask *masks, std::size_t n) {
    std::vector<SampleEstimate> found(n);
    std::vector<std::vector<std::size_t>> at_root(graph.roots.size());
    std::vector<std::size_t> uncovered, hidden;
    std::vector<std::pair<std::size_t, std::vector<Mask>>> apart;
    for (std::size_t i = 0; i < n; ++i) {
        if (!(masks[i] & (masks[i] - 1))) {
            const int leaf = __builtin_ctzll(masks[i]);
            found[i] = {graph.leaf_rows[leaf], graph.leaf_sigma[leaf]};
        } else if (std::vector<Mask> parts = equal_parts(graph, masks[i]); parts.size() > 1) {
            apart.emplace_back(i, std::move(parts));
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
            if (one.rows == 0 && root.weights) hidden.push_back(at_root[r][k]);
        }
    }
    for (std::size_t i = 0; i < n; ++i) add_guesses(graph, masks[i], found[i]);
    for (const auto &[i, parts] : apart) {
        // No equality between these parts: a product, of which the other predicates keep a share.
        found[i] = {1, 0};
        for (const SampleEstimate &part : estimate(graph, parts.data(), parts.size())) {
            found[i].rows *= part.rows;
            found[i].sigma = std::hypot(found[i].sigma, part.sigma);
        }
        add_guesses(graph, masks[i], found[i], parts);
    }
    std::vector<bool> told(n, true);
    graph.known.reserve(graph.adjacency.size());
    for (std::size_t i : hidden) told[i] = false;
    for (std::size_t i : uncovered) told[i] = false;
    for (std::size_t i = 0; i < n; ++i)
        if (told[i]) graph.known.at(masks[i]) = {std::log(std::max(found[i].rows, 1e-3)), 0, true, false, true};
    fill_in(graph, masks, std::move(hidden), found);
    if (uncovered.empty()) return found;
    std::vector<Mask> parts;
    for (std::size_t i : uncovered) parts.push_back(covered_part(graph, masks[i]));
    std::vector<Mask> inner;
    for (Mask part : parts)
        if (part) inner.push_back(part);
    const std::vector<SampleEstimate> counted = estimate(graph, inner.data(), inner.size());
    std::size_t next = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
        const Mask mask = masks[uncovered[k]], part = parts[k];
        double log_rows = graph.formula.log_rows(mask), sigma = SIGMA_GUESS * std::sqrt(bits(mask & ~part));
        if (part) {
            const SampleEstimate &base = counted[next++];
            log_rows += std::log(std::max(base.rows, 1e-3)) - graph.formula.log_rows(part);
            sigma = std::hypot(sigma, base.sigma);
        }
        found[uncovered[k]] = {std::exp(log_rows), sigma};
    }
    return found;
}

}  // namespace joinopt
