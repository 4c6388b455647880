// Search for decision trees over an AND-OR graph whose nodes carry Pareto frontiers: time -> fewest bytes.
//
// A node is a list of rules with the smallest box around them; equal ones are one node. Its actions (cuts, splits,
// partitions) lead to smaller nodes. The paper's metric is separable: the fewest bytes of a cut within time t are those
// of its children within t - 1, of a partition the best way to share t out. So every node keeps, for each time, the
// fewest bytes that anything tried so far reaches, and the whole frontier of the root comes out of one search.
#pragma once
#include <atomic>
#include <unordered_map>

#include "neurocuts_rules.h"

namespace neurocuts {

constexpr int TIMES = 48;  // frontiers know times up to this
constexpr float INFEASIBLE = 1e30f;

struct Options {
    int max_cuts = 1024;
    bool splits = true;
    bool partitions = true;
    size_t overlay_limit = 160;
    uint64_t seed = 0;
    bool cpu_time = false;  // seconds count the thread's processor time, not the clock on the wall
    int64_t max_expansions = -1;  // none
    size_t max_nodes = 4000000;
    std::vector<float> caps;   // bytes per rule whose best time is looked for; at most 0: any size
    int cuts_compared = 5;     // by the network, at nodes of many rules
    int ways_compared = 16;    // by the network, for each partition that is tried
};

// What the policy sees of a list of rules: its size, and of each of five fields how wide its rules are and how one cut
// into at most 1,024 or 32 cells would divide them.
constexpr int FIELDS = 5, WIDTHS = 8, PART_FEATURES = 2 + FIELDS * (WIDTHS + 8);
constexpr int CAPS = 3;  // the network's outputs: accesses within 20, 32 and 100 bytes a rule
constexpr float CAP_BYTES[CAPS] = {20, 32, 100};

// Layers of ReLU, then a linear one: accesses that a list of rules will take, by bytes a rule.
struct Net {
    std::vector<float> mean, scale;
    struct Layer {
        int inputs = 0, outputs = 0;
        std::vector<float> weight, bias;  // weight: shape (outputs, inputs)
    };
    std::vector<Layer> layers;
    void operator()(const float *features, float *out) const;
};

struct Candidate {
    Cut cut;
    int runs = 0, most = 0, inner = 0;
    float sum = 0, bytes = 0, time = 0, score = 0;
};

struct Action {
    Cut cut;
    int32_t way = -1;               // of partitioning; -1: a cut
    uint64_t parts = 0;             // signature of the parts
    uint16_t leaf_parts = 0;
    float fixed = 0;                // bytes of the node itself and of children that are leaves
    std::vector<int32_t> children;  // inner nodes, as often as they occur
    std::vector<float> frontier;
    std::vector<float> soft;  // the same, where times that are not reached yet cost a factor for each access too much
};

struct Node {
    size_t rules = 0;
    uint32_t n = 0, visits = 0, stamp = 0;
    uint16_t length = 0;  // of the frontier
    bool exhausted = false;
    size_t frontier = 0;
    std::vector<Action> actions;
};

class Search {
  public:
    Search(const Rules &rules, const Options &options, const Net *net);
    void run(double seconds, int64_t expansions, const std::atomic<bool> *stop);
    std::vector<float> frontier();
    Flat tree(int time);
    int64_t expansions() const { return expansions_; }
    int64_t nodes() const { return int64_t(nodes_.size()); }
    // What the policy sees of all rules.
    std::vector<float> features() const;

  private:
    const Rules &rules_;
    Options options_;
    const Net *net_;
    Chance chance_;
    std::vector<Node> nodes_;
    List lists_;
    std::vector<Range> boxes_;
    std::vector<float> frontiers_, softs_;
    std::vector<int16_t> choices_;  // index of an action; -1: chunks
    std::unordered_map<uint64_t, int32_t> known_;
    int32_t root_ = -1;
    int64_t expansions_ = 0;
    uint32_t stamp_ = 0;
    int64_t round_ = 0;
    float root_bytes_ = 0;
    // How an expansion guesses what is to come; drawn anew for each descent.
    float rate_ = 0.3f, base_ = 8, late_ = 1, noise_ = 0;
    std::vector<float> guess_bytes_, guess_time_;
    std::vector<float> guess_costs_;
    std::vector<uint32_t> guess_stamps_;
    uint32_t guess_stamp_ = 0;
    std::vector<uint32_t> come_, go_, points_;  // of a column: where rules begin, where they end, where it may be split
    const std::atomic<bool> *stop_ = nullptr;
    int cap_ = CAPS - 1;  // which bound the descent works on
    struct Prospect {
        int32_t way;
        float accesses;
    };
    std::unordered_map<int32_t, std::vector<Prospect>> prospects_;  // of a node: partitions seen by the network, not tried yet
    double deadline_ = 0;
    int64_t last_expansion_ = 0;

    Box box_of(int32_t node) const;
    float at(int32_t node, int time) const;
    float soft(int32_t node, int time) const;
    int first(int32_t node) const;
    void draw_guess(double noise);
    int32_t intern(List &list, Box box);
    size_t shrink(List &list, Box &box) const;
    void candidates(int32_t node, int time, std::vector<Candidate> &out);
    void find_ends(const uint32_t *list, size_t n, Range side, int column);
    float guessed(int inside, int time);
    void weigh(const Box &box, int time, Candidate &candidate);
    void look_at(const uint32_t *list, size_t n, const Box &box, float *out) const;
    float expected(const List &list, const Box &box, int cap) const;
    int32_t promising(int32_t node);
    void foresee(int32_t node, int time, Candidate &candidate);
    bool expand(int32_t node, int time);
    int32_t apply(int32_t node, const Cut &cut);
    int draw_way(bool rich);
    int32_t divide(int32_t node, int way);
    void open(int32_t node, int action, int time);
    void descend(int32_t node, int time, int depth);
    void settle(Action &action, int length);
    void merge(int32_t node);
    void refresh(int32_t node);
    std::vector<int> allot(const Action &action, int time, bool softly = false) const;
    bool over() const;
    int target();
    friend struct Emitter;
};

// Ways to partition below this are one test of one column; this and the next are EffiCuts' categories; then pairs of tests.
constexpr int EFFICUTS = MAX_COLUMNS * 8;
// Rules of a node in parts; fewer than two parts when this way does not divide them.
std::vector<List> divided(const Rules &rules, const uint32_t *list, size_t n, int way);

// Seconds since some start, of the wall or of this thread.
double now(bool cpu_time = false);

}  // namespace neurocuts
