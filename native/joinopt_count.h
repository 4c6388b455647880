// Counting joins by passing messages over equality classes.
#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace joinopt {

using Mask = std::uint64_t;

// One number for each id of a class: how many combinations of the rows below carry that id. The array is one of a few
// that are used again and again, all zero in between: fresh memory would cost more than the counting.
class Message {
public:
    Message() = default;
    Message(const Message &) = delete;
    Message &operator=(const Message &) = delete;
    ~Message();

    void start(std::size_t ids);
    void add(std::int32_t id, double weight) {
        if (weight == 0) return;
        if (dense[id] == 0) support.push_back(id);
        dense[id] += weight;
    }

    std::vector<double> dense;
    std::vector<std::int32_t> support;  // ids with a weight, in no order
};

struct Total {
    double rows = 0;      // of the join
    double variance = 0;  // of that number, if the root ids were drawn with chances of one over their weights
};

// A forest of relations and equality classes (bipartite, without cycles). Relations from `hidden` on are connectors:
// they are part of a subset as soon as something behind them is.
class Counter {
public:
    Counter(int relations, int hidden, std::vector<std::int64_t> domains);

    // Column of a relation in a class: an id for every row, -1 for NULL. The ids must outlive the counter.
    void attach(int relation, int klass, const std::int32_t *ids, std::int64_t rows);

    // Rows of each subset, over the ids below `limit` of the root class, which every subset must touch. Each id stands
    // for `weights` of its kind (null: for itself).
    void count(int root, std::int64_t limit, const double *weights, const Mask *masks, std::size_t n, Total *out);

private:
    struct Column {
        int klass;
        const std::int32_t *ids;
    };
    struct Table {
        std::int64_t rows = 0;
        std::vector<Column> columns;
    };
    // Rows of a relation that have partners in some of the branches behind it, with the product of their weights.
    struct Survivors {
        std::vector<std::int32_t> rows;
        std::vector<double> weights;

        void take(const Survivors &draft, std::size_t kept) {
            const auto end = static_cast<std::ptrdiff_t>(kept);
            rows.assign(draft.rows.begin(), draft.rows.begin() + end);
            weights.assign(draft.weights.begin(), draft.weights.begin() + end);
        }
    };
    // The forest as seen from one root class.
    struct View {
        std::int64_t limit = 0;
        std::vector<Mask> below;                      // of each relation: itself and all relations behind it
        std::vector<int> entry;                       // of each relation: position of the column it is entered by, -1 none
        std::vector<std::vector<int>> attached;       // of each class: the relations that hang below it
        std::vector<std::unordered_map<Mask, Message>> relation_messages;
        std::vector<std::unordered_map<Mask, Message>> class_messages;
        std::vector<std::unordered_map<Mask, Survivors>> survivors;  // by the relations behind that were asked for
        std::vector<int> order;                       // relations at the root, most selective first
    };

    View &view(int root, std::int64_t limit);
    Mask hang(View &v, int klass, int parent);
    std::int64_t domain(const View &v, int root, int klass) const { return klass == root ? v.limit : domains_[klass]; }
    const Message &relation_message(View &v, int root, int relation, Mask subset);
    const Survivors &survivors(View &v, int root, int relation, Mask subset);
    Survivors &drafts(std::size_t rows);
    const Message &class_message(View &v, int root, int klass, Mask subset);
    bool included(int relation, Mask subset, Mask below) const;

    int relations_, hidden_;
    std::vector<std::int64_t> domains_;
    std::vector<Table> tables_;
    Survivors draft_;
    std::unordered_map<Mask, std::unique_ptr<View>> views_;
};

}  // namespace joinopt
