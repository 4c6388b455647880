#include "neurocuts_search.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>

namespace neurocuts {

namespace {

constexpr float NODE_BYTES = 18, CHILD_BYTES = 4, LEAF_BYTES = 2, RULE_BYTES = 16;
constexpr int PARTITION_FROM = 64;  // rules of the smallest node that is partitioned
constexpr int FORESEEN_FROM = 256, LOOKED_AT = 8;  // rules of a node whose cuts the network compares; children it looks at
constexpr float LATE = 1;  // logarithm of what an access too much costs, against bytes

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

void Net::operator()(const float *features, float *out) const {
    std::vector<float> x(mean.size()), y;
    for (size_t i = 0; i < x.size(); i++) x[i] = (features[i] - mean[i]) / scale[i];
    for (const Layer &layer : layers) {
        y.assign(layer.bias.begin(), layer.bias.end());
        for (int o = 0; o < layer.outputs; o++) {
            const float *weight = &layer.weight[size_t(o) * layer.inputs];
            float sum = 0;
            for (int i = 0; i < layer.inputs; i++) sum += weight[i] * x[i];
            y[o] += sum;
            if (&layer != &layers.back()) y[o] = std::max(y[o], 0.0f);
        }
        x.swap(y);
    }
    std::copy(x.begin(), x.end(), out);
}

// -- ways to partition: by what a rule takes of a column, so that wide rules are not copied into narrow cells

namespace {

// A test: does a rule take more of a column than a share of it? 8 levels a column.
constexpr int LEVELS = 8, TESTS = MAX_COLUMNS * LEVELS, PATTERNS = 11;
constexpr float SHARES[LEVELS] = {0.6f, 0.3f, 0.05f, 0x1p-8f, 0x1p-12f, 0x1p-16f, 0x1p-20f, 0x1p-24f};
// Two tests make four groups; which of them share a part.
constexpr uint8_t PATTERN[PATTERNS][4] = {{0, 1, 2, 3}, {0, 0, 1, 2}, {0, 1, 0, 2}, {0, 1, 2, 0}, {0, 1, 1, 2}, {0, 1, 2, 1},
                                          {0, 1, 2, 2}, {0, 0, 0, 1}, {0, 0, 1, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}};

constexpr int pair(int a, int b, int pattern) { return EFFICUTS + 2 + (a * TESTS + b) * PATTERNS + pattern; }
// CutSplit's prefixes of two columns, EffiCuts' categories, shorter prefixes, …
constexpr int FIRST_WAYS[] = {pair(5, LEVELS + 5, 0), EFFICUTS, pair(3, LEVELS + 3, 0), EFFICUTS + 1, pair(4, LEVELS + 4, 0)};

bool wide(const Rules &rules, uint32_t rule, int test) {
    const int column = test / LEVELS;
    const Range r = rules.row(rule)[column];
    return float(r.high - r.low) > SHARES[test % LEVELS] * float(rules.maxima[column]);
}

// EffiCuts' separable categories: which columns are wide; small ones join their nearest.
std::vector<List> categories(const Rules &rules, const uint32_t *list, size_t n, float share) {
    const int columns = std::min(rules.columns, 5);
    std::vector<List> parts(size_t(1) << columns);
    for (size_t i = 0; i < n; i++) {
        int key = 0;
        for (int c = 0; c < columns; c++) {
            const Range r = rules.row(list[i])[c];
            key |= int(float(r.high - r.low) > share * float(rules.maxima[c])) << c;
        }
        parts[key].push_back(list[i]);
    }
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
    return parts;
}

}  // namespace

std::vector<List> divided(const Rules &rules, const uint32_t *list, size_t n, int way) {
    std::vector<List> parts(4);
    if (way >= EFFICUTS && way < EFFICUTS + 2) {
        parts = categories(rules, list, n, way == EFFICUTS ? 0.5f : 0.05f);
    } else if (way < EFFICUTS) {
        if (way / LEVELS >= rules.columns) return {};
        for (size_t i = 0; i < n; i++) parts[wide(rules, list[i], way)].push_back(list[i]);
    } else {
        const int pattern = (way - EFFICUTS - 2) % PATTERNS, tests = (way - EFFICUTS - 2) / PATTERNS;
        const int a = tests / TESTS, b = tests % TESTS;
        if (a / LEVELS >= rules.columns || b / LEVELS >= rules.columns) return {};
        for (size_t i = 0; i < n; i++)
            parts[PATTERN[pattern][2 * int(wide(rules, list[i], a)) + int(wide(rules, list[i], b))]].push_back(list[i]);
    }
    parts.erase(std::remove_if(parts.begin(), parts.end(), [](const List &p) { return p.empty(); }), parts.end());
    return parts;
}

// A way at random: one test; EffiCuts'; two tests on different columns, half of them on the first two.
int Search::draw_way(bool rich) {
    const uint32_t columns = uint32_t(rules_.columns);
    const uint32_t kind = chance_.below(8);
    const int first = int(chance_.below(columns) * LEVELS + chance_.below(LEVELS));
    if (kind < 2 || columns < 2) return first;
    if (kind == 2) return EFFICUTS + int(chance_.below(2));
    if (!rich) {
        const int level = 2 + int(chance_.below(5));
        return pair(level, LEVELS + level, 0);
    }
    const int pattern = chance_.below(2) ? 0 : int(chance_.below(PATTERNS));
    const uint32_t half = columns > 5 ? (columns - 3) / 2 : 1;  // columns of an address
    if (kind < 6) return pair(int(chance_.below(LEVELS)), int(half * LEVELS + chance_.below(LEVELS)), pattern);
    const uint32_t other = (uint32_t(first) / LEVELS + 1 + chance_.below(columns - 1)) % columns;
    return pair(first, int(other * LEVELS + chance_.below(LEVELS)), pattern);
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

// The same, softly: a factor for each access beyond the time.
float Search::soft(int32_t node, int time) const {
    const Node &n = nodes_[node];
    if (time >= 1) return softs_[n.frontier + std::min<int>(time, n.length) - 1];
    return softs_[n.frontier] * std::exp(LATE * float(1 - time));
}

// The least time reached.
int Search::first(int32_t node) const {
    int time = 1;
    while (time < nodes_[node].length && at(node, time) >= INFEASIBLE) time++;
    return time;
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
    for (int t = 1; t <= node.length; t++) softs_.push_back(chunk_bytes(node.n) * std::exp(LATE * float(chunks(node.n) - t)));
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
    int runs = 0, most = 0;
    float sum = 0;
    auto consider = [&](const Cut &cut) {
        Candidate candidate;
        candidate.cut = cut;
        weigh(box, time, candidate);
        // Finer cuts that divide nothing more are the same action.
        const bool same = runs == candidate.runs && sum == candidate.sum && most == candidate.most;
        runs = candidate.runs, sum = candidate.sum, most = candidate.most;
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
        runs = 0;
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

void Search::look_at(const uint32_t *list, size_t n, const Box &box, float *out) const {
    std::fill(out, out + PART_FEATURES, 0.0f);
    const float count = float(std::max<size_t>(n, 1));
    auto log = [](float x) { return std::log2(std::max(x, 0.0625f)); };
    out[0] = log(count);
    float least = 1 + float(chunks(n));
    std::vector<int32_t> delta(2 * (1024 + 2 + 32 + 2));
    // Fields are columns; of an address of several words, the word that divides best.
    const int words = rules_.columns == 11 ? 4 : 1, fields = std::min(FIELDS, words == 4 ? 5 : rules_.columns);
    for (int f = 0; f < fields; f++) {
        const int first = words == 1 ? f : f < 2 ? 4 * f : 6 + f, last = words == 4 && f < 2 ? first + 4 : first + 1;
        float best = 1e9f;
        float *const into = out + 2 + f * (WIDTHS + 8);
        for (int c = first; c < last; c++) {
            const Range side = box.side[c];
            int shifts[2];
            const uint32_t limits[2] = {1024, 32};
            for (int k = 0; k < 2; k++) {
                shifts[k] = 0;
                while ((side.high >> shifts[k]) - (side.low >> shifts[k]) >= limits[k]) shifts[k]++;
            }
            std::fill(delta.begin(), delta.end(), 0);
            int32_t *of[2] = {delta.data(), delta.data() + 2 * 1026};
            float row[WIDTHS + 8] = {};
            for (size_t i = 0; i < n; i++) {
                const Range r = rules_.row(list[i])[c];
                const uint32_t low = std::max(r.low, side.low), high = std::min(r.high, side.high);
                const float share = float(high - low) / float(rules_.maxima[c]);
                for (int w = 0; w < WIDTHS && share <= SHARES[w]; w++) row[w]++;
                for (int k = 0; k < 2; k++) {
                    const uint32_t base = side.low >> shifts[k];
                    of[k][2 * ((low >> shifts[k]) - base)]++;
                    of[k][2 * ((high >> shifts[k]) - base) + 3]++;
                }
            }
            for (int w = 0; w < WIDTHS; w++) row[w] /= count;
            for (int k = 0; k < 2; k++) {
                const uint32_t cells = (side.high >> shifts[k]) - (side.low >> shifts[k]) + 1;
                int inside = 0, most = 0, above = 0, far = 0;
                float sum = 0;
                for (uint32_t cell = 0; cell < cells; cell++) {
                    const int come = of[k][2 * cell], go = of[k][2 * cell + 1];
                    if (cell && !come && !go) continue;
                    inside += come - go;
                    most = std::max(most, inside);
                    above += inside > BINTH;
                    far += inside > 3 * BINTH;
                    sum += float(inside);
                }
                float *cut = row + WIDTHS + 4 * k;
                cut[0] = log(float(most) / BINTH);
                cut[1] = log(1 + float(above));
                cut[2] = log(1 + float(far));
                cut[3] = log(sum / count);
                if (k == 0 && float(most) < best) best = float(most);
                if (k == 0) least = std::min(least, 1 + float(chunks(size_t(most))));
            }
            if (c == first || row[WIDTHS] < into[WIDTHS]) std::copy(row, row + WIDTHS + 8, into);
        }
    }
    out[1] = least;
}

// Accesses that the network expects of a list of rules.
float Search::expected(const List &list, const Box &box, int cap) const {
    const float most = float(chunks(list.size()));
    if (list.size() <= 2 * BINTH) return most;
    float row[PART_FEATURES], out[CAPS];
    look_at(list.data(), list.size(), box, row);
    if (!net_) return std::min(row[1], most);  // one cut, then leaves side by side
    (*net_)(row, out);
    return std::clamp(std::exp(out[cap]), 2.0f, most);
}

std::vector<float> Search::features() const {
    std::vector<float> out(PART_FEATURES);
    look_at(&lists_[nodes_[root_].rules], nodes_[root_].n, box_of(root_), out.data());
    return out;
}

// A partition of a node that the network thinks well of, out of some drawn at random now and before; -1: none left.
int32_t Search::promising(int32_t node) {
    std::vector<Prospect> &known = prospects_[node];
    for (int i = 0; i < options_.ways_compared; i++) {
        const int way = draw_way(options_.splits);
        if (std::any_of(known.begin(), known.end(), [&](const Prospect &p) { return p.way == way; })) continue;
        const std::vector<List> parts = divided(rules_, &lists_[nodes_[node].rules], nodes_[node].n, way);
        float sum = parts.size() < 2 ? INFEASIBLE : 0;
        for (size_t p = 0; p < parts.size() && sum < INFEASIBLE; p++) {
            Box box = box_of(node);
            List list = parts[p];
            compact(rules_, list.data(), list.size(), box);
            sum += expected(list, box, cap_);
        }
        known.push_back({way, sum});
    }
    while (true) {
        Prospect *best = nullptr;
        float least = INFEASIBLE / 2;
        for (Prospect &p : known) {
            const float noisy = p.accesses * std::exp(0.1f * noise_ * float(chance_.uniform()));
            if (noisy < least) least = noisy, best = &p;
        }
        if (!best) return -1;
        best->accesses = INFEASIBLE;
        const int32_t made = divide(node, best->way);
        if (made >= 0) return made;
    }
}

// Weighs a cut anew, with what the network foresees of its largest children.
void Search::foresee(int32_t node, int time, Candidate &candidate) {
    const Box box = box_of(node);
    Runs runs;
    runs.divide(rules_, &lists_[nodes_[node].rules], nodes_[node].n, box, candidate.cut);
    std::vector<std::pair<uint32_t, uint32_t>> large;
    for (uint32_t r = 0; r < runs.count(); r++) {
        const uint32_t n = runs.start[r + 1] - runs.start[r];
        if (n > 2 * BINTH) large.push_back({n, r});
    }
    const size_t seen = std::min<size_t>(large.size(), LOOKED_AT);
    std::partial_sort(large.begin(), large.begin() + long(seen), large.end(), std::greater<>());
    for (size_t i = 0; i < seen; i++) {
        const auto [n, r] = large[i];
        Box inside = box;
        inside.side[candidate.cut.dim] = candidate.cut.span(runs.first_cell[r], runs.first_cell[r + 1] - 1, box);
        List list(runs.rules.begin() + runs.start[r], runs.rules.begin() + runs.start[r + 1]);
        compact(rules_, list.data(), list.size(), inside);
        const float excess = expected(list, inside, cap_) - float(time - 1);
        candidate.bytes += guess_bytes_[n] * (excess > 0 ? std::exp(excess * late_) : 1) - guessed(int(n), time - 1);
    }
}

// One action more at a node; false when there is none left.
bool Search::expand(int32_t node, int time) {
    if (nodes_[node].exhausted) return false;
    expansions_++;
    if (options_.partitions && nodes_[node].n >= PARTITION_FROM) {
        const bool top = nodes_[node].n * 4 >= nodes_[root_].n || node == root_;
        const bool divides = chance_.uniform() < (top ? 0.5 : 0.03);
        if (divides && top && (net_ || options_.ways_compared > 1)) {
            const int32_t made = promising(node);
            if (made >= 0) {
                open(node, made, time);
                return true;
            }
        } else if (divides) {
            for (int tries = 0; tries < 8; tries++) {
                const int made = divide(node, draw_way(options_.splits));
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
    const Candidate *best = nullptr;
    float least = INFEASIBLE * 10;
    for (Candidate &candidate : all) {
        float score = std::log(candidate.bytes);
        if (noise_ > 0) score += noise_ * float(-std::log(-std::log(chance_.uniform() + 1e-12) + 1e-12));
        candidate.score = score;
    }
    if (net_ && nodes_[node].n >= FORESEEN_FROM && options_.cuts_compared > 1) {
        const size_t few = std::min<size_t>(all.size(), size_t(options_.cuts_compared));
        std::partial_sort(all.begin(), all.begin() + long(few), all.end(),
                          [](const Candidate &a, const Candidate &b) { return a.score < b.score; });
        all.resize(few);
        for (Candidate &candidate : all) {
            const float before = std::log(candidate.bytes);
            foresee(node, time, candidate);
            candidate.score += std::log(std::max(candidate.bytes, NODE_BYTES)) - before;
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

namespace {

// Of parts, whatever their order.
uint64_t signature(const std::vector<List> &parts) {
    uint64_t sum = 0;
    for (const List &part : parts) {
        uint64_t h = part.size();
        for (uint32_t r : part) h = mix(h, r);
        sum += h;
    }
    return sum;
}

}  // namespace

int32_t Search::divide(int32_t node, int way) {
    for (const Action &a : nodes_[node].actions)
        if (a.way == way) return -1;
    std::vector<List> parts = divided(rules_, &lists_[nodes_[node].rules], nodes_[node].n, way);
    if (parts.size() < 2) return -1;
    for (const Action &a : nodes_[node].actions)  // another way to the same parts
        if (a.way >= 0 && a.parts == signature(parts)) return -1;
    Action action;
    action.way = way;
    action.parts = signature(parts);
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
    float all = 0;
    auto share = [&](int32_t child) { return guess_time_[nodes_[child].n]; };
    for (int32_t child : children) all += share(child);
    for (int32_t child : children) {
        if (!nodes_[child].actions.empty() || nodes_[child].exhausted) continue;
        if (over()) break;
        const int left = cut ? time - 1 : std::max(2, int(std::lround(float(time) * share(child) / all)));
        if (expand(child, std::max(left, 2))) merge(child);
    }
    settle(nodes_[node].actions[action], nodes_[node].length);
}

void Search::settle(Action &action, int length) {
    action.frontier.assign(size_t(length), INFEASIBLE);
    action.soft.assign(size_t(length), INFEASIBLE);
    if (action.way < 0) {
        std::fill(action.soft.begin(), action.soft.end(), action.fixed);
        std::fill(action.frontier.begin(), action.frontier.end(), action.fixed);
        int needed = 2;
        for (int32_t child : action.children) {
            const Node &own = nodes_[child];
            const float *exact = &frontiers_[own.frontier], *softly = &softs_[own.frontier];
            while (needed <= length && needed - 1 < own.length && exact[needed - 2] >= INFEASIBLE) needed++;
            for (int t = 2; t <= length; t++) {
                const int at = std::min<int>(t - 1, own.length) - 1;
                action.frontier[t - 1] += exact[at];
                action.soft[t - 1] += softly[at];
            }
        }
        action.soft[0] = length > 1 ? action.soft[1] * std::exp(LATE) : INFEASIBLE;
        for (int t = 1; t < needed && t <= length; t++) action.frontier[t - 1] = INFEASIBLE;
        return;
    }
    for (bool softly : {false, true}) {
        std::vector<float> best(size_t(length) + 1, INFEASIBLE), next;
        if (softly)
            for (int t = 0; t <= length; t++) best[t] = action.fixed * std::exp(LATE * float(std::max(0, action.leaf_parts - t)));
        else if (action.leaf_parts <= length)
            best[action.leaf_parts] = action.fixed;
        for (int32_t child : action.children) {
            next.assign(size_t(length) + 1, INFEASIBLE);
            for (int t = 0; t <= length; t++)
                if (best[t] < INFEASIBLE)
                    for (int own = 1; t + own <= length && own <= nodes_[child].length; own++)
                        next[t + own] = std::min(next[t + own], best[t] + (softly ? soft(child, own) : at(child, own)));
            best.swap(next);
        }
        float least = INFEASIBLE;
        std::vector<float> &out = softly ? action.soft : action.frontier;
        for (int t = 1; t <= length; t++) out[t - 1] = least = std::min(least, best[t]);
        if (softly)  // fewer accesses than parts
            for (int t = length - 1; t >= 1; t--)
                if (out[t - 1] >= INFEASIBLE) out[t - 1] = out[t] * std::exp(LATE);
    }
}

void Search::merge(int32_t node) {
    Node &self = nodes_[node];
    float *frontier = &frontiers_[self.frontier], *softly = &softs_[self.frontier];
    int16_t *choice = &choices_[self.frontier];
    for (size_t a = 0; a < self.actions.size(); a++) {
        const Action &action = self.actions[a];
        for (int t = 0; t < self.length; t++) {
            if (action.frontier[t] < frontier[t]) frontier[t] = action.frontier[t], choice[t] = int16_t(a);
            softly[t] = std::min(softly[t], action.soft[t]);
        }
    }
    for (int t = 1; t < self.length; t++)
        if (frontier[t - 1] < frontier[t]) frontier[t] = frontier[t - 1], choice[t] = choice[t - 1];
    for (int t = 0; t < self.length; t++) softly[t] = std::min(softly[t], frontier[t]);
}

bool Search::over() const {
    if (stop_ && stop_->load(std::memory_order_relaxed)) return true;
    if (last_expansion_ >= 0 && expansions_ >= last_expansion_) return true;
    return nodes_.size() >= options_.max_nodes || now(options_.cpu_time) >= deadline_;
}

// How the times of a partition's inner children are shared out for the fewest bytes within a time.
std::vector<int> Search::allot(const Action &action, int time, bool softly) const {
    const size_t k = action.children.size();
    const int budget = time - action.leaf_parts;
    std::vector<std::vector<float>> best(k + 1, std::vector<float>(size_t(std::max(budget, 0)) + 1, INFEASIBLE));
    std::vector<std::vector<int>> took(k + 1, std::vector<int>(size_t(std::max(budget, 0)) + 1, 0));
    for (int t = 0; t <= budget; t++) best[0][t] = 0;
    for (size_t i = 0; i < k; i++)
        for (int t = 0; t <= budget; t++)
            for (int own = 1; own <= t; own++) {
                const float sum = best[i][t - own] + (softly ? soft(action.children[i], own) : at(action.children[i], own));
                if (sum < best[i + 1][t]) best[i + 1][t] = sum, took[i + 1][t] = own;
            }
    std::vector<int> out(k, softly ? 1 : 0);
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
    const bool reached = at(node, time) < INFEASIBLE;
    for (size_t a = 0; a < nodes_[node].actions.size(); a++) {
        const float bytes = reached ? nodes_[node].actions[a].frontier[time - 1] : nodes_[node].actions[a].soft[time - 1];
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
    const std::vector<int> times = cut ? std::vector<int>() : allot(nodes_[node].actions[chosen], time, true);
    // Where bytes are spent beyond those of the rules themselves, or where the time is not met at all.
    std::vector<float> weight(children.size());
    double total = 0;
    for (size_t i = 0; i < children.size(); i++) {
        const int own = cut ? time - 1 : times[i];
        const float bytes = soft(children[i], own);
        float excess = std::max(1.0f, bytes - 16.0f * float(nodes_[children[i]].n));
        if (at(children[i], own) >= INFEASIBLE) excess *= 100;
        weight[i] = nodes_[children[i]].exhausted && nodes_[children[i]].actions.empty() ? 0 : excess;
        total += weight[i];
    }
    double drawn = chance_.uniform() * total;
    size_t pick = 0;
    while (pick + 1 < children.size() && (drawn -= weight[pick]) > 0) pick++;
    int own = cut ? time - 1 : times[pick];
    if (!cut && (own < 1 || chance_.below(3) == 0)) {  // one less than it has
        own = std::max(2, own > 1 ? own - 1 : first(children[pick]) - 1);
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
    cap_ = 0;
    while (cap_ + 1 < CAPS && (cap <= 0 || cap > CAP_BYTES[cap_])) cap_++;
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
    if (nodes_[root_].n <= BINTH) return;
    while (!over()) {
        const int64_t before = expansions_;
        if (round_ < 8 || nodes_[root_].n < 512 || round_ % 16 == 0) draw_guess(round_ < 4 ? 0.0 : 0.25 * chance_.uniform());
        if (round_ < 8) {  // whole trees first: partitions that copy little, then cuts
            const int time = std::min<int>(nodes_[root_].length, 6 + 3 * int(round_));
            int made = -1;
            if (options_.partitions && round_ < 5 && nodes_[root_].n >= PARTITION_FROM)
                made = (net_ || options_.ways_compared > 1) && round_ % 2 ? promising(root_) : divide(root_, FIRST_WAYS[round_]);
            if (made >= 0)
                open(root_, made, time);
            else
                expand(root_, time);
            merge(root_);
        } else {
            descend(root_, target(), 0);
        }
        if (++round_ % 20000 == 0) {
            stamp_++;
            refresh(root_);
        }
        if (expansions_ == before && nodes_[root_].exhausted && round_ > 1000000) break;
    }
    stamp_++;
    refresh(root_);
}

std::vector<float> Search::frontier() {
    std::vector<float> out(TIMES + 1, INFEASIBLE);
    for (int t = 1; t <= TIMES; t++) out[t] = at(root_, t);
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
