// Search for decision trees over an AND-OR graph whose nodes carry Pareto frontiers (time → fewest bytes).
#pragma once
#include <atomic>
#include <string>
#include <unordered_map>

#include "neurocuts_rules.h"

namespace neurocuts {

constexpr int TIMES = 40;  // frontiers know times 1 … TIMES - 1
constexpr float INFEASIBLE = 1e30f;
constexpr int FEATURES = 20;

struct Options {
    int max_cuts = 1024;
    bool splits = true;
    bool partitions = true;
    size_t overlay_limit = 160;
    uint64_t seed = 0;
    double budget_s = 1;
    int64_t max_expansions = -1;  // none
    size_t memory_bytes = size_t(1) << 30;
    std::vector<float> caps;  // bytes per rule whose best time is looked for; at most 0: any size
    float policy_weight = 0;  // 0: the learned scores are not used
};

// Two layers of ReLU, then one output: the learned score of a candidate (lower is better).
struct Net {
    int hidden = 0;
    std::vector<float> mean, scale, w1, b1, w2, b2, w3;
    float b3 = 0;
    float operator()(const float *features) const;
};

struct Candidate {
    Cut cut;
    uint8_t partition = 0;  // 0: a cut; else 1 + the number of a way to partition
    int runs = 0, most = 0, inner = 0, empty = 0;
    float sum = 0, bytes = 0, time = 0, score = 0;
};

struct Action {
    Cut cut;
    uint8_t partition = 0;
    uint16_t leaf_parts = 0;
    float fixed = 0;                // bytes of the node itself, of empty cells and of leaves
    std::vector<int32_t> children;  // inner nodes only
    float frontier[TIMES];
};

struct Node {
    size_t rules = 0;
    uint32_t n = 0, visits = 0, stamp = 0;
    bool exhausted = false;
    float frontier[TIMES];
    int16_t choice[TIMES];  // index of an action, -1: none, -2: chunks
    std::vector<Action> actions;
};

class Search {
  public:
    Search(const Rules &rules, const Options &options, const Net *net);
    void run(const std::atomic<bool> *stop);
    const float *frontier() { return nodes_[root_].frontier; }
    void refresh();
    Flat tree(int time);
    int64_t expansions() const { return expansions_; }
    int64_t nodes() const { return int64_t(nodes_.size()); }
    // Samples for the policy: features of an action at a node, then the bytes it leads to and the best known.
    void samples(std::vector<float> &out, size_t most);

  private:
    const Rules &rules_;
    Options options_;
    const Net *net_;
    Chance chance_;
    std::vector<Node> nodes_;
    List lists_;
    std::vector<Box> boxes_;
    std::unordered_map<uint64_t, int32_t> known_;
    int32_t root_ = 0;
    int64_t expansions_ = 0;
    uint32_t stamp_ = 0;
    bool full_ = false;
    // How a rollout guesses; drawn anew for each.
    float rate_ = 0.3f, base_ = 8, late_ = 3, noise_ = 0;
    std::vector<float> guess_bytes_, guess_time_;
    std::vector<uint32_t> starts_, ends_, lows_, highs_, points_;
    std::vector<uint32_t> low_below_, high_below_;
    Runs runs_;
    const std::atomic<bool> *stop_ = nullptr;
    double deadline_ = 0;

    void draw_guess(double noise);
    int32_t intern(const uint32_t *list, size_t n, const Box &box);
    void candidates(const Node &node, const Box &box, std::vector<Candidate> &out);
    void cut_candidates(const uint32_t *list, size_t n, const Box &box, int dim, std::vector<Candidate> &out);
    void split_candidates(const uint32_t *list, size_t n, const Box &box, int dim, std::vector<Candidate> &out);
    void score(const Node &node, const Box &box, int time, std::vector<Candidate> &all);
    void features(const Node &node, const Box &box, int time, const Candidate &candidate, float *out) const;
    bool expand(int32_t node, int time);
    void apply(int32_t node, const Candidate &candidate, std::vector<int32_t> &fresh);
    std::vector<List> parts(const uint32_t *list, size_t n, const Box &box, int way) const;
    int ways(const Node &node) const;
    void rollout(int32_t node, int time);
    void improve(int32_t node, int time);
    void settle(Action &action);
    void merge(int32_t node);
    void settle_all(int32_t node);
    void allot(const Action &action, int time, std::vector<int> &out) const;
    int least_time(const float *frontier) const;
    int target();
    void sweep();
    bool over() const;
    friend struct Emitter;
};

double cpu_now();

}  // namespace neurocuts
