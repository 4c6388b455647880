#include "neurocuts_search.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>

namespace neurocuts {

namespace {

constexpr float NODE_BYTES = 18, CHILD_BYTES = 4, LEAF_BYTES = 2, RULE_BYTES = 16;
constexpr int PARTITION_FROM = 64;  // rules of the smallest node that is partitioned
constexpr int COMPARED_SPLITS = 7;

float leaf_bytes(size_t n) { return LEAF_BYTES + RULE_BYTES * float(n); }
int chunks(size_t n) { return int((n + BINTH - 1) / BINTH); }
float chunk_bytes(size_t n) {
    return n <= BINTH ? leaf_bytes(n) : NODE_BYTES + (CHILD_BYTES + LEAF_BYTES) * float(chunks(n)) + RULE_BYTES * float(n);
}

uint64_t mix(uint64_t h, uint64_t x) {
    h ^= x + 0x9E3779B97F4A7C15ull + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdull;
    return h ^ (h >> 32);
}

}  // namespace

double now(bool cpu_time) {
#ifdef CLOCK_THREAD_CPUTIME_ID
    if (cpu_time) {
        timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
    }
#endif
    (void)cpu_time;
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

float Net::operator()(const float *features) const {
    float x[64], y[64], z[64];
    for (int i = 0; i < FEATURES; i++) x[i] = (features[i] - mean[i]) * scale[i];
    for (int j = 0; j < hidden; j++) {
        float sum = b1[j];
        for (int i = 0; i < FEATURES; i++) sum += w1[size_t(j) * FEATURES + i] * x[i];
        y[j] = sum > 0 ? sum : 0;
    }
    for (int j = 0; j < hidden; j++) {
        float sum = b2[j];
        for (int i = 0; i < hidden; i++) sum += w2[size_t(j) * hidden + i] * y[i];
        z[j] = sum > 0 ? sum : 0;
    }
    float out = b3;
    for (int j = 0; j < hidden; j++) out += w3[j] * z[j];
    return out;
}

// -- ways to partition: by what a rule takes of a column, so that wide rules are not copied into narrow cells

namespace {

constexpr float SHARES[] = {0.001f, 0.02f, 0.3f, 0.64f};
constexpr int SINGLE = MAX_COLUMNS * 4, PAIRS = 5, PREFIXES[PAIRS] = {4, 8, 12, 16, 20};
constexpr int FIRST_WAYS[] = {3, 5, 1, 6, 2};  // CutSplit's, EffiCuts', shorter prefixes, …

bool wide(const Rules &rules, uint32_t rule, int column, float share) {
    const Range r = rules.row(rule)[column];
    return float(r.high - r.low) > share * float(rules.maxima[column]);
}

}  // namespace

int ways() { return SINGLE + PAIRS + 2; }

std::vector<List> divided(const Rules &rules, const uint32_t *list, size_t n, int way) {
    std::vector<List> parts;
    auto by = [&](int groups, auto &&key) {
        parts.assign(groups, {});
        for (size_t i = 0; i < n; i++) parts[key(list[i])].push_back(list[i]);
    };
    if (way < SINGLE) {  // one column, wide or narrow
        const int column = way / 4;
        if (column < rules.columns) by(2, [&](uint32_t r) { return int(wide(rules, r, column, SHARES[way % 4])); });
    } else if (way < SINGLE + PAIRS) {  // the first two columns by prefix length, as CutSplit
        const float share = std::ldexp(1.0f, -PREFIXES[way - SINGLE]);
        if (rules.columns > 1)
            by(4, [&](uint32_t r) { return 2 * int(wide(rules, r, 0, share)) + int(wide(rules, r, 1, share)); });
    } else {  // EffiCuts' separable categories: which columns are wide; small ones join their nearest
        const float share = way == SINGLE + PAIRS ? 0.5f : 0.05f;
        const int columns = std::min(rules.columns, 5);
        by(1 << columns, [&](uint32_t r) {
            int key = 0;
            for (int c = 0; c < columns; c++) key |= int(wide(rules, r, c, share)) << c;
            return key;
        });
        for (int k = 0; k < int(parts.size()); k++) {
            if (parts[k].empty() || parts[k].size() * 16 > n) continue;
            int nearest = -1, distance = 99;
            for (int o = 0; o < int(parts.size()); o++) {
                const int d = __builtin_popcount(unsigned(o ^ k));
                if (o != k && !parts[o].empty() && (d < distance || (d == distance && (o & k) == k))) nearest = o, distance = d;
            }
            if (nearest < 0) continue;
            List merged(parts[k].size() + parts[nearest].size());
            std::merge(parts[k].begin(), parts[k].end(), parts[nearest].begin(), parts[nearest].end(), merged.begin());
            parts[nearest] = std::move(merged);
            parts[k].clear();
        }
    }
    parts.erase(std::remove_if(parts.begin(), parts.end(), [](const List &p) { return p.empty(); }), parts.end());
    return parts;
}

// -- the graph

Search::Search(const Rules &rules, const Options &options, const Net *net)
    : rules_(rules), options_(options), net_(net), chance_(options.seed) {
    List all(rules.count);
    for (int i = 0; i < rules.count; i++) all[i] = uint32_t(i);
    Box box = whole(rules);
    shrink(all, box);
    guess_bytes_.resize(all.size() + 2);
    guess_time_.resize(all.size() + 2);
    guess_costs_.resize(all.size() + 2);
    guess_stamps_.resize(all.size() + 2, 0);
    draw_guess(0);
    if (options_.caps.empty()) options_.caps = {0};
    root_ = intern(all, box);
    root_bytes_ = float(std::max(rules.count, 1));
}

Box Search::box_of(int32_t node) const {
    Box box{};
    std::copy_n(&boxes_[size_t(node) * rules_.columns], rules_.columns, box.side);
    return box;
}

// Fewest bytes within a time.
float Search::at(int32_t node, int time) const {
    const Node &n = nodes_[node];
    if (time < 1) return INFEASIBLE;
    return frontiers_[n.frontier + std::min<int>(time, n.length) - 1];
}

size_t Search::shrink(List &list, Box &box) const {
    compact(rules_, list.data(), list.size(), box);
    list.resize(overlay(rules_, list.data(), list.size(), box, options_.overlay_limit));
    return list.size();
}

int32_t Search::intern(List &list, Box box) {
    uint64_t key = list.size();
    for (uint32_t r : list) key = mix(key, r);
    for (int c = 0; c < rules_.columns; c++) key = mix(key, uint64_t(box.side[c].low) << 32 | box.side[c].high);
    auto [found, fresh] = known_.try_emplace(key, int32_t(nodes_.size()));
    if (!fresh) {
        const Node &old = nodes_[found->second];
        if (old.n == list.size() && std::equal(list.begin(), list.end(), &lists_[old.rules])) return found->second;
    }
    const int32_t made = int32_t(nodes_.size());
    Node node;
    node.n = uint32_t(list.size());
    node.rules = lists_.size();
    lists_.insert(lists_.end(), list.begin(), list.end());
    boxes_.insert(boxes_.end(), box.side, box.side + rules_.columns);
    node.length = uint16_t(std::clamp(chunks(node.n), 1, TIMES));
    node.frontier = frontiers_.size();
    frontiers_.resize(frontiers_.size() + node.length, INFEASIBLE);
    choices_.resize(frontiers_.size(), -1);
    frontiers_.back() = chunk_bytes(node.n);  // beyond TIMES this understates the time of huge, uncut nodes: see tree()
    if (chunks(node.n) > TIMES) frontiers_.back() = INFEASIBLE;
    nodes_.push_back(std::move(node));
    return made;
}

// What a subtree of n rules will cost, as a formula with random constants: diversity comes from drawing them.
void Search::draw_guess(double noise) {
    rate_ = 0.02f + 0.9f * float(chance_.uniform() * chance_.uniform());
    base_ = std::exp(0.7f + 2.9f * float(chance_.uniform()));
    late_ = 0.3f + 2.2f * float(chance_.uniform());
    noise_ = float(noise);
    for (size_t n = 0; n < guess_bytes_.size(); n++) {
        const float over = std::max(1.0f, float(n) / BINTH);
        guess_bytes_[n] = n <= BINTH ? leaf_bytes(n) : leaf_bytes(n) * std::pow(over, rate_);
        guess_time_[n] = n <= BINTH ? 1 : 2 + std::log(over) / std::log(base_);
    }
}

// Where rules of a list begin and end in a column, inside its box: every cut of the column is weighed by walking them.
void Search::find_ends(const uint32_t *list, size_t n, Range side, int column) {
    come_.resize(n);
    go_.clear();
    for (size_t i = 0; i < n; i++) {
        const Range r = rules_.row(list[i])[column];
        come_[i] = std::max(r.low, side.low);
        if (r.high < side.high) go_.push_back(r.high);
    }
    std::sort(come_.begin(), come_.end());
    std::sort(go_.begin(), go_.end());
}

// Bytes that a child of so many rules is guessed to lead to within a time.
float Search::guessed(int inside, int time) {
    if (guess_stamps_[inside] != guess_stamp_) {
        guess_stamps_[inside] = guess_stamp_;
        const float excess = guess_time_[inside] - float(time);
        guess_costs_[inside] = guess_bytes_[inside] * (excess > 0 ? std::exp(excess * late_) : 1);
    }
    return guess_costs_[inside];
}

void Search::weigh(const Box &box, int time, Candidate &candidate) {
    const Cut &cut = candidate.cut;
    const uint32_t cells = cut.cells(box), base = cut.base(box);
    const uint32_t none = 0xFFFFFFFF;
    size_t i = 0, j = 0;
    auto arrives = [&]() { return i == come_.size() ? none : cut.kind == CUT ? (come_[i] >> cut.shift) - base : cut.cell(come_[i], 0); };
    auto leaves = [&]() { return j == go_.size() ? none : (cut.kind == CUT ? (go_[j] >> cut.shift) - base : cut.cell(go_[j], 0)) + 1; };
    int inside = 0;
    float bytes = 0;
    uint32_t come = arrives(), go = leaves();
    uint32_t at = 0;
    while (at < cells) {
        while (come == at) i++, inside++, come = arrives();
        while (go == at) j++, inside--, go = leaves();
        bytes += CHILD_BYTES + guessed(inside, time - 1);
        candidate.runs++;
        candidate.most = std::max(candidate.most, inside);
        candidate.inner += inside > BINTH;
        candidate.sum += float(inside);
        at = std::min(come, go);
    }
    candidate.bytes = NODE_BYTES + bytes;
    candidate.time = 1 + guess_time_[candidate.most];
}

void Search::candidates(int32_t node, int time, std::vector<Candidate> &out) {
    const size_t n = nodes_[node].n;
    const Box box = box_of(node);
    const uint32_t *list = &lists_[nodes_[node].rules];
    guess_stamp_++;
    Candidate last;
    auto consider = [&](const Cut &cut) {
        Candidate candidate;
        candidate.cut = cut;
        weigh(box, time, candidate);
        // Finer cuts that divide nothing more are the same action.
        const bool same = last.runs == candidate.runs && last.sum == candidate.sum && last.most == candidate.most;
        last = candidate;
        if (same || candidate.most >= int(n)) return;
        for (const Action &a : nodes_[node].actions)
            if (a.way < 0 && a.cut == cut) return;
        out.push_back(candidate);
    };
    for (int c = 0; c < rules_.columns; c++) {
        const Range side = box.side[c];
        if (side.low == side.high) continue;
        find_ends(list, n, side, c);
        if (go_.empty() && come_.back() == side.low) continue;
        last = {};
        Cut cut;
        cut.dim = uint8_t(c);
        for (int shift = 31; shift >= 0; shift--) {
            const uint32_t cells = (side.high >> shift) - (side.low >> shift) + 1;
            if (cells < 2) continue;
            if (cells > uint32_t(options_.max_cuts)) break;
            cut.shift = uint8_t(shift);
            consider(cut);
        }
        if (!options_.splits) continue;
        // Ends of rules, so that every piece holds about as many.
        points_.clear();
        for (uint32_t low : come_)
            if (low > side.low) points_.push_back(low);
        const size_t lows = points_.size();
        for (uint32_t high : go_) points_.push_back(high + 1);
        std::inplace_merge(points_.begin(), points_.begin() + long(lows), points_.end());
        for (int pieces : {2, 4, 8, 16}) {
            Cut split;
            split.kind = SPLIT;
            split.dim = uint8_t(c);
            for (int k = 1; k < pieces && !points_.empty(); k++) {
                const uint32_t at = points_[std::min(points_.size() - 1, points_.size() * size_t(k) / size_t(pieces))];
                if (!split.n_bounds || split.bounds[split.n_bounds - 1] != at) split.bounds[split.n_bounds++] = at;
            }
            if (split.n_bounds) consider(split);
            if (split.n_bounds + 1 < pieces) break;
        }
        if (!points_.empty()) {  // one at random
            Cut split;
            split.kind = SPLIT;
            split.dim = uint8_t(c);
            split.n_bounds = 1;
            split.bounds[0] = points_[chance_.below(uint32_t(points_.size()))];
            consider(split);
        }
    }
}

void Search::features(int32_t node, const Box &box, int time, const Candidate &candidate, float *out) const {
    const Node &self = nodes_[node];
    const int c = candidate.cut.dim;
    auto log = [](float x) { return std::log(std::max(x, 1.0f)); };
    size_t full = 0, any_full[3] = {0, 0, 0};
    double width = 0;
    const size_t step = std::max<size_t>(1, self.n / 64);
    size_t seen = 0;
    for (size_t i = 0; i < self.n; i += step, seen++) {
        const Range *r = rules_.row(lists_[self.rules + i]);
        int whole_columns = 0;
        for (int k = 0; k < rules_.columns; k++)
            whole_columns += r[k].low <= box.side[k].low && r[k].high >= box.side[k].high;
        any_full[whole_columns * 3 > rules_.columns * 2 ? 2 : whole_columns * 3 > rules_.columns ? 1 : 0]++;
        full += r[c].low <= box.side[c].low && r[c].high >= box.side[c].high;
        const double low = std::max(r[c].low, box.side[c].low), high = std::min(r[c].high, box.side[c].high);
        width += std::log2(high - low + 1);
    }
    const float count = float(std::max<size_t>(seen, 1));
    const float values[FEATURES] = {
        log(float(self.n)),
        float(time),
        log(candidate.sum),
        log(float(candidate.most)),
        log(float(candidate.runs)),
        log(float(candidate.inner)),
        log(float(candidate.cut.cells(box))),
        candidate.cut.kind == SPLIT ? 1.0f : 0.0f,
        float(full) / count,
        float(width) / count,
        std::log2(float(box.side[c].high - box.side[c].low) + 1),
        float(any_full[0]) / count,
        float(any_full[1]) / count,
        float(any_full[2]) / count,
        log(candidate.sum) - log(float(self.n)),
        log(float(candidate.most)) - log(float(self.n)),
        candidate.inner / float(std::max(candidate.runs, 1)),
        c < 2 ? 1.0f : 0.0f,
        c == rules_.columns - 1 ? 1.0f : 0.0f,
        log(float(candidate.most)) / std::max(1.0f, float(time - 1)),
    };
    std::copy_n(values, FEATURES, out);
}

// One action more at a node; false when there is none left.
bool Search::expand(int32_t node, int time) {
    if (nodes_[node].exhausted) return false;
    expansions_++;
    if (options_.partitions && nodes_[node].n >= PARTITION_FROM) {
        const bool top = nodes_[node].n * 4 >= nodes_[root_].n || node == root_;
        if (chance_.uniform() < (top ? 0.5 : 0.03)) {
            for (int tries = 0; tries < 8; tries++) {
                const int way = top && chance_.below(3) == 0 ? SINGLE + int(chance_.below(PAIRS + 2))
                                                             : int(chance_.below(uint32_t(4 * rules_.columns)));
                const int made = divide(node, way);
                if (made >= 0) {
                    open(node, made, time);
                    return true;
                }
            }
        }
    }
    std::vector<Candidate> all;
    candidates(node, time, all);
    if (all.empty()) {
        nodes_[node].exhausted = true;
        return false;
    }
    const Box box = box_of(node);
    const Candidate *best = nullptr;
    float least = INFEASIBLE * 10;
    for (Candidate &candidate : all) {
        float score = std::log(candidate.bytes);
        if (noise_ > 0) score += noise_ * float(-std::log(-std::log(chance_.uniform() + 1e-12) + 1e-12));
        candidate.score = score;
    }
    if (net_ && options_.policy_weight > 0) {  // the network looks at the most promising ones
        std::sort(all.begin(), all.end(), [](const Candidate &a, const Candidate &b) { return a.score < b.score; });
        if (all.size() > 12) all.resize(12);
        float row[FEATURES];
        for (Candidate &candidate : all) {
            features(node, box, time, candidate, row);
            candidate.score = (1 - options_.policy_weight) * candidate.score + options_.policy_weight * (*net_)(row);
        }
    }
    for (const Candidate &candidate : all)
        if (candidate.score < least) least = candidate.score, best = &candidate;
    const Cut cut = best->cut;
    open(node, apply(node, cut), time);
    return true;
}

int32_t Search::apply(int32_t node, const Cut &cut) {
    const List list(&lists_[nodes_[node].rules], &lists_[nodes_[node].rules] + nodes_[node].n);
    const Box box = box_of(node);
    Runs runs;
    runs.divide(rules_, list.data(), list.size(), box, cut);
    Action action;
    action.cut = cut;
    action.fixed = NODE_BYTES;
    for (size_t r = 0; r < runs.count(); r++) {
        List part(runs.rules.begin() + runs.start[r], runs.rules.begin() + runs.start[r + 1]);
        action.fixed += CHILD_BYTES;
        if (part.empty()) {
            action.fixed += LEAF_BYTES;
            continue;
        }
        Box inside = box;
        inside.side[cut.dim] = cut.span(runs.first_cell[r], runs.first_cell[r + 1] - 1, box);
        if (shrink(part, inside) <= BINTH)
            action.fixed += leaf_bytes(part.size());
        else
            action.children.push_back(intern(part, inside));
    }
    nodes_[node].actions.push_back(std::move(action));
    return int32_t(nodes_[node].actions.size()) - 1;
}

int32_t Search::divide(int32_t node, int way) {
    if (way < 64 && nodes_[node].ways_tried >> way & 1) return -1;
    if (way < 64) nodes_[node].ways_tried |= uint64_t(1) << way;
    for (const Action &a : nodes_[node].actions)
        if (a.way == way) return -1;
    std::vector<List> parts = divided(rules_, &lists_[nodes_[node].rules], nodes_[node].n, way);
    if (parts.size() < 2) return -1;
    Action action;
    action.way = int16_t(way);
    action.fixed = NODE_BYTES + CHILD_BYTES * float(parts.size());
    for (List &part : parts) {
        Box box = box_of(node);
        if (shrink(part, box) <= BINTH) {
            action.fixed += leaf_bytes(part.size());
            action.leaf_parts++;
        } else {
            action.children.push_back(intern(part, box));
        }
    }
    nodes_[node].actions.push_back(std::move(action));
    return int32_t(nodes_[node].actions.size()) - 1;
}

// Gives every child of a fresh action a first action of its own, down to the leaves.
void Search::open(int32_t node, int action, int time) {
    const std::vector<int32_t> children = nodes_[node].actions[action].children;
    const bool cut = nodes_[node].actions[action].way < 0;
    for (int32_t child : children) {
        if (!nodes_[child].actions.empty() || nodes_[child].exhausted) continue;
        if (over()) break;
        const int left = cut ? time - 1 : std::max(2, int(float(time) * 0.6f));
        if (expand(child, std::max(left, 2))) merge(child);
    }
    settle(nodes_[node].actions[action], nodes_[node].length);
}

void Search::settle(Action &action, int length) {
    action.frontier.assign(size_t(length), INFEASIBLE);
    if (action.way < 0) {
        for (int t = 2; t <= length; t++) {
            float sum = action.fixed;
            for (int32_t child : action.children) sum += at(child, t - 1);
            action.frontier[t - 1] = sum < INFEASIBLE ? sum : INFEASIBLE;
        }
        return;
    }
    std::vector<float> best(size_t(length) + 1, INFEASIBLE);
    if (action.leaf_parts <= length) best[action.leaf_parts] = action.fixed;
    for (int32_t child : action.children) {
        std::vector<float> next(size_t(length) + 1, INFEASIBLE);
        for (int t = 0; t <= length; t++)
            if (best[t] < INFEASIBLE)
                for (int own = 1; t + own <= length && own <= nodes_[child].length; own++)
                    next[t + own] = std::min(next[t + own], best[t] + at(child, own));
        best.swap(next);
    }
    float least = INFEASIBLE;
    for (int t = 1; t <= length; t++) action.frontier[t - 1] = least = std::min(least, best[t]);
}

void Search::merge(int32_t node) {
    Node &self = nodes_[node];
    for (int t = 1; t <= self.length; t++) {
        float &best = frontiers_[self.frontier + t - 1];
        int16_t &choice = choices_[self.frontier + t - 1];
        if (t > 1 && frontiers_[self.frontier + t - 2] < best) {
            best = frontiers_[self.frontier + t - 2];
            choice = choices_[self.frontier + t - 2];
        }
        for (size_t a = 0; a < self.actions.size(); a++)
            if (self.actions[a].frontier[t - 1] < best) best = self.actions[a].frontier[t - 1], choice = int16_t(a);
    }
}

bool Search::over() const {
    if (stop_ && stop_->load(std::memory_order_relaxed)) return true;
    if (last_expansion_ >= 0 && expansions_ >= last_expansion_) return true;
    return nodes_.size() >= options_.max_nodes || now(options_.cpu_time) >= deadline_;
}

// How the times of a partition's inner children are shared out for the fewest bytes within a time.
std::vector<int> Search::allot(const Action &action, int time) const {
    const size_t k = action.children.size();
    const int budget = time - action.leaf_parts;
    std::vector<std::vector<float>> best(k + 1, std::vector<float>(size_t(std::max(budget, 0)) + 1, INFEASIBLE));
    std::vector<std::vector<int>> took(k + 1, std::vector<int>(size_t(std::max(budget, 0)) + 1, 0));
    for (int t = 0; t <= budget; t++) best[0][t] = 0;
    for (size_t i = 0; i < k; i++)
        for (int t = 0; t <= budget; t++)
            for (int own = 1; own <= t; own++) {
                const float sum = best[i][t - own] + at(action.children[i], own);
                if (sum < best[i + 1][t]) best[i + 1][t] = sum, took[i + 1][t] = own;
            }
    std::vector<int> out(k, 0);
    int left = budget;
    if (budget < 0 || best[k][size_t(budget)] >= INFEASIBLE) return out;
    for (size_t i = k; i-- > 0;) {
        out[i] = took[i + 1][left];
        left -= out[i];
    }
    return out;
}

// Looks for something better within a time: a new action here, or deeper where most is to be gained.
void Search::descend(int32_t node, int time, int depth) {
    if (over() || depth > 2 * TIMES) return;
    time = std::clamp<int>(time, 2, nodes_[node].length);
    const uint32_t visits = ++nodes_[node].visits;
    const size_t tried = nodes_[node].actions.size();
    const bool widen = tried == 0 || double(tried) < 1.0 + 0.7 * std::sqrt(double(visits));
    if (widen && chance_.uniform() < 0.6 && expand(node, time)) {
        merge(node);
        return;
    }
    if (nodes_[node].actions.empty()) return;
    // The action that is best within the time; sometimes another, which may become it.
    int chosen = -1;
    float least = INFEASIBLE;
    for (size_t a = 0; a < nodes_[node].actions.size(); a++) {
        const float bytes = nodes_[node].actions[a].frontier[time - 1];
        if (bytes >= INFEASIBLE) continue;
        const float noisy = bytes * std::exp(0.4f * float(chance_.uniform()) * float(chance_.uniform()));
        if (noisy < least) least = noisy, chosen = int(a);
    }
    if (chosen < 0 || chance_.uniform() < 0.1) chosen = int(chance_.below(uint32_t(nodes_[node].actions.size())));
    const std::vector<int32_t> children = nodes_[node].actions[chosen].children;
    if (children.empty()) {
        if (expand(node, time)) merge(node);
        return;
    }
    const bool cut = nodes_[node].actions[chosen].way < 0;
    const std::vector<int> times = cut ? std::vector<int>() : allot(nodes_[node].actions[chosen], time);
    // Where bytes are spent beyond those of the rules themselves, or where the time is not met at all.
    std::vector<float> weight(children.size());
    double total = 0;
    for (size_t i = 0; i < children.size(); i++) {
        const int own = cut ? time - 1 : times[i];
        const float bytes = at(children[i], std::max(own, 1));
        const float excess = bytes >= INFEASIBLE ? 1e7f : std::max(1.0f, bytes - 16.0f * float(nodes_[children[i]].n));
        weight[i] = nodes_[children[i]].exhausted && nodes_[children[i]].actions.empty() ? 0 : excess;
        total += weight[i];
    }
    double drawn = chance_.uniform() * total;
    size_t pick = 0;
    while (pick + 1 < children.size() && (drawn -= weight[pick]) > 0) pick++;
    int own = cut ? time - 1 : times[pick];
    if (!cut && (own < 1 || chance_.below(3) == 0)) {  // one less than it has
        int first = 1;
        while (first < nodes_[children[pick]].length && at(children[pick], first) >= INFEASIBLE) first++;
        own = std::max(2, own > 1 ? own - 1 : first - 1);
    }
    descend(children[pick], own, depth + 1);
    settle(nodes_[node].actions[chosen], nodes_[node].length);
    merge(node);
}

// Brings a node's frontier up to date with everything below it.
void Search::refresh(int32_t node) {
    if (nodes_[node].stamp == stamp_) return;
    nodes_[node].stamp = stamp_;
    for (size_t a = 0; a < nodes_[node].actions.size(); a++) {
        for (size_t i = 0; i < nodes_[node].actions[a].children.size(); i++) refresh(nodes_[node].actions[a].children[i]);
        settle(nodes_[node].actions[a], nodes_[node].length);
    }
    merge(node);
}

// The time to work on: one below the best that a cap allows, or that best itself.
int Search::target() {
    const float cap = options_.caps[chance_.below(uint32_t(options_.caps.size()))];
    const float bytes = cap > 0 ? cap * root_bytes_ : INFEASIBLE;
    int best = nodes_[root_].length;
    for (int t = nodes_[root_].length; t >= 1; t--)
        if (at(root_, t) < bytes) best = t;
    const uint32_t way = chance_.below(10);
    return std::max(2, way < 6 ? best - 1 : way < 9 ? best : best - 2);
}

void Search::run(double seconds, int64_t expansions, const std::atomic<bool> *stop) {
    stop_ = stop;
    deadline_ = now(options_.cpu_time) + seconds;
    last_expansion_ = expansions < 0 ? -1 : expansions_ + expansions;
    int64_t round = 0;
    if (nodes_[root_].n <= BINTH) return;
    while (!over()) {
        const int64_t before = expansions_;
        if (round < 8 || nodes_[root_].n < 512 || round % 16 == 0) draw_guess(round < 4 ? 0.0 : 0.25 * chance_.uniform());
        if (round < 8) {  // whole trees first: partitions that copy little, then cuts
            const int time = std::min<int>(nodes_[root_].length, 6 + 3 * int(round));
            const int made = options_.partitions && round < 5 && nodes_[root_].n >= PARTITION_FROM ? divide(root_, SINGLE + FIRST_WAYS[round]) : -1;
            if (made >= 0)
                open(root_, made, time);
            else
                expand(root_, time);
            merge(root_);
        } else {
            descend(root_, target(), 0);
        }
        if (++round % 20000 == 0) {
            stamp_++;
            refresh(root_);
        }
        if (expansions_ == before && nodes_[root_].exhausted && round > 1000000) break;
    }
    stamp_++;
    refresh(root_);
}

std::vector<float> Search::frontier() {
    std::vector<float> out(TIMES + 1, INFEASIBLE);
    for (int t = 1; t <= TIMES; t++) out[t] = at(root_, t);
    return out;
}

std::vector<float> Search::samples(size_t most) {
    std::vector<float> out;
    std::vector<std::pair<int32_t, int>> all;
    for (size_t node = 0; node < nodes_.size(); node++)
        if (nodes_[node].actions.size() > 1 && nodes_[node].visits > 2)
            for (size_t a = 0; a < nodes_[node].actions.size(); a++)
                if (nodes_[node].actions[a].way < 0) all.emplace_back(int32_t(node), int(a));
    for (size_t i = 0; i < all.size() && out.size() < most * (FEATURES + 1); i++) {
        std::swap(all[i], all[i + chance_.below(uint32_t(all.size() - i))]);
        const auto [node, a] = all[i];
        const Node &self = nodes_[node];
        const int time = 2 + int(chance_.below(uint32_t(std::max<int>(self.length - 1, 1))));
        if (time > self.length || self.actions[a].frontier[time - 1] >= INFEASIBLE) continue;
        Candidate candidate;
        candidate.cut = self.actions[a].cut;
        const Box box = box_of(node);
        guess_stamp_++;
        find_ends(&lists_[self.rules], self.n, box.side[candidate.cut.dim], candidate.cut.dim);
        weigh(box, time, candidate);
        float row[FEATURES];
        features(node, box, time, candidate, row);
        out.insert(out.end(), row, row + FEATURES);
        out.push_back(std::log(self.actions[a].frontier[time - 1]));
    }
    return out;
}

// -- the tree that a frontier's point stands for

struct Emitter {
    Search &search;
    Flat flat;

    void leaf_or_chunks(int32_t at, const List &list) {
        if (list.size() <= BINTH) {
            flat.leaf(at, list.data(), list.size());
            return;
        }
        const int k = chunks(list.size());
        const size_t first = flat.inner(at, PARTITION, uint32_t(k));
        for (int i = 0; i < k; i++) {
            const int32_t child = flat.add();
            flat.children[first + i] = child;
            const size_t from = size_t(i) * BINTH;
            flat.leaf(child, list.data() + from, std::min<size_t>(BINTH, list.size() - from));
        }
    }

    // The child of a list in a box: the node that the search knows, or a leaf.
    void child(int32_t at, List list, Box box, int time) {
        if (search.shrink(list, box) <= BINTH)
            flat.leaf(at, list.data(), list.size());
        else
            node(at, search.intern(list, box), time);
    }

    void node(int32_t at, int32_t id, int time) {
        const Node &self = search.nodes_[id];
        const int t = std::clamp<int>(time, 1, self.length);
        const int16_t choice = search.choices_[self.frontier + t - 1];
        const List list(&search.lists_[self.rules], &search.lists_[self.rules] + self.n);
        if (choice < 0) {
            leaf_or_chunks(at, list);
            return;
        }
        const Action action = self.actions[choice];
        const Box box = search.box_of(id);
        if (action.way >= 0) {
            std::vector<List> parts = divided(search.rules_, list.data(), list.size(), action.way);
            // The frontier may have been found with less time than there is.
            const std::vector<int> times = search.allot(action, t);
            const size_t first = flat.inner(at, PARTITION, uint32_t(parts.size()));
            size_t inner = 0;
            for (size_t i = 0; i < parts.size(); i++) {
                const int32_t made = flat.add();
                flat.children[first + i] = made;
                Box own = box;
                List part = parts[i];
                if (search.shrink(part, own) <= BINTH)
                    flat.leaf(made, part.data(), part.size());
                else
                    node(made, action.children[inner], times[inner]), inner++;
            }
            return;
        }
        Runs runs;
        runs.divide(search.rules_, list.data(), list.size(), box, action.cut);
        const size_t first = flat.inner(at, action.cut, box);
        for (size_t r = 0; r < runs.count(); r++) {
            List part(runs.rules.begin() + runs.start[r], runs.rules.begin() + runs.start[r + 1]);
            if (part.empty()) continue;
            const int32_t made = flat.add();
            for (uint32_t c = runs.first_cell[r]; c < runs.first_cell[r + 1]; c++) flat.children[first + c] = made;
            Box inside = box;
            inside.side[action.cut.dim] = action.cut.span(runs.first_cell[r], runs.first_cell[r + 1] - 1, box);
            child(made, std::move(part), inside, t - 1);
        }
    }
};

Flat Search::tree(int time) {
    Emitter emitter{*this, {}};
    const int32_t top = emitter.flat.add();
    if (nodes_[root_].n <= BINTH)
        emitter.leaf_or_chunks(top, List(&lists_[nodes_[root_].rules], &lists_[nodes_[root_].rules] + nodes_[root_].n));
    else
        emitter.node(top, root_, time);
    return std::move(emitter.flat);
}

}  // namespace neurocuts
