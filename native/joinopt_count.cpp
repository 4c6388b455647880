// Counting joins by passing messages over equality classes; see joinopt_count.h and mlsys4sys/joinopt/counting.py.
#include "joinopt_count.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <stdexcept>

namespace joinopt {

namespace {

// Arrays of zeros that wait for their next use.
class Spare {
public:
    std::vector<double> take() {
        const std::lock_guard<std::mutex> guard(mutex_);
        if (arrays_.empty()) return {};
        std::vector<double> array = std::move(arrays_.back());
        arrays_.pop_back();
        return array;
    }
    void put(std::vector<double> array) {
        const std::lock_guard<std::mutex> guard(mutex_);
        if (arrays_.size() < MOST) arrays_.push_back(std::move(array));
    }

private:
    static constexpr std::size_t MOST = 64;
    std::mutex mutex_;
    std::vector<std::vector<double>> arrays_;
};

Spare &spare() {
    static Spare *const arrays = new Spare;  // never destroyed: messages may outlive static objects
    return *arrays;
}

}  // namespace

void Message::start(std::size_t ids) {
    dense = spare().take();
    if (dense.size() < ids) dense.resize(ids, 0.0);
}

Message::~Message() {
    for (std::int32_t id : support) dense[id] = 0;
    if (!dense.empty()) spare().put(std::move(dense));
}

Counter::Counter(int relations, int hidden, std::vector<std::int64_t> domains)
    : relations_(relations), hidden_(hidden), domains_(std::move(domains)), tables_(relations) {
    if (relations > 64) throw std::invalid_argument("at most 64 relations");
}

void Counter::attach(int relation, int klass, const std::int32_t *ids, std::int64_t rows) {
    tables_.at(relation).rows = rows;
    tables_[relation].columns.push_back({klass, ids});
    (void)domains_.at(klass);
    views_.clear();
}

bool Counter::included(int relation, Mask subset, Mask below) const {
    return relation < hidden_ ? (subset >> relation & 1) : (subset & below) != 0;
}

Mask Counter::hang(View &v, int klass, int parent) {
    Mask all = 0;
    for (int r = 0; r < relations_; ++r) {
        if (r == parent) continue;
        for (std::size_t c = 0; c < tables_[r].columns.size(); ++c) {
            if (tables_[r].columns[c].klass != klass) continue;
            if (v.entry[r] >= 0) throw std::invalid_argument("the classes form a cycle");
            v.entry[r] = static_cast<int>(c);
            Mask below = r < hidden_ ? Mask(1) << r : 0;
            for (const Column &column : tables_[r].columns)
                if (column.klass != klass) below |= hang(v, column.klass, r);
            v.below[r] = below;
            v.attached[klass].push_back(r);
            all |= below;
        }
    }
    return all;
}

Counter::View &Counter::view(int root, std::int64_t limit) {
    auto &slot = views_[static_cast<Mask>(root) << 40 | static_cast<Mask>(limit)];
    if (slot) return *slot;
    slot = std::make_unique<View>();
    View &v = *slot;
    v.limit = limit;
    v.below.assign(relations_, 0);
    v.entry.assign(relations_, -1);
    v.attached.resize(domains_.size());
    v.relation_messages.resize(relations_);
    v.survivors.resize(relations_);
    v.class_messages.resize(domains_.size());
    hang(v, root, -1);
    // Joining the most selective relations first keeps the partial products of `count` short.
    v.order = v.attached[root];
    std::vector<std::size_t> weight(relations_, 0);
    for (int r : v.order) weight[r] = r < hidden_ ? tables_[r].rows : SIZE_MAX;
    std::stable_sort(v.order.begin(), v.order.end(), [&](int a, int b) { return weight[a] < weight[b]; });
    return v;
}

// Room for so many rows, used again and again.
Counter::Survivors &Counter::drafts(std::size_t rows) {
    if (draft_.rows.size() < rows) {
        draft_.rows.resize(rows);
        draft_.weights.resize(rows);
    }
    return draft_;
}

const Message &Counter::relation_message(View &v, int root, int relation, Mask subset) {
    auto [slot, fresh] = v.relation_messages[relation].try_emplace(subset);
    Message &message = slot->second;  // references into an unordered_map stay valid while it grows
    if (!fresh) return message;
    const Table &table = tables_[relation];
    const Column &entry = table.columns[v.entry[relation]];
    const auto bound = static_cast<std::uint32_t>(domain(v, root, entry.klass));
    message.start(bound);
    const Mask behind = subset & ~(relation < hidden_ ? Mask(1) << relation : 0);
    if (!behind) {
        if (!bound) return message;
        // Whether an id is a new one cannot be foreseen: each is written down, and the next one over it if it was not.
        const auto rows = static_cast<std::size_t>(table.rows);
        std::vector<std::int32_t> &draft = drafts(rows).rows;
        double *dense = message.dense.data();
        std::size_t kept = 0;
        for (std::size_t row = 0; row < rows; ++row) {
            const bool inside = static_cast<std::uint32_t>(entry.ids[row]) < bound;
            const std::int32_t id = inside ? entry.ids[row] : 0;
            draft[kept] = id;
            kept += inside & (dense[id] == 0);
            dense[id] += inside ? 1.0 : 0.0;
        }
        message.support.assign(draft.begin(), draft.begin() + static_cast<std::ptrdiff_t>(kept));
    } else {
        const Survivors &some = survivors(v, root, relation, behind);
        for (std::size_t k = 0; k < some.rows.size(); ++k) message.add(entry.ids[some.rows[k]], some.weights[k]);
    }
    return message;
}

// The branches of a relation are multiplied one after another, the last class first taken away: subsets share prefixes,
// and rows without partners are not looked at again.
const Counter::Survivors &Counter::survivors(View &v, int root, int relation, Mask subset) {
    auto [slot, fresh] = v.survivors[relation].try_emplace(subset);
    Survivors &some = slot->second;
    if (!fresh) return some;
    const Table &table = tables_[relation];
    const Column &entry = table.columns[v.entry[relation]];
    const Column *last = nullptr;
    Mask behind = 0;
    for (const Column &column : table.columns) {
        if (column.klass == entry.klass) continue;
        Mask here = 0;
        for (int r : v.attached[column.klass])
            if (included(r, subset, v.below[r])) here |= v.below[r] & subset;
        if (here) last = &column, behind = here;
    }
    const auto bound = static_cast<std::uint32_t>(domain(v, root, entry.klass));
    if (!last) {  // only relations that nothing in the subset leads to: every row that can be entered
        for (std::int64_t row = 0; row < table.rows; ++row)
            if (static_cast<std::uint32_t>(entry.ids[row]) < bound) some.rows.push_back(static_cast<std::int32_t>(row));
        some.weights.assign(some.rows.size(), 1.0);
        return some;
    }
    const Message &message = class_message(v, root, last->klass, behind);
    if (message.support.empty()) return some;
    const double *weight = message.dense.data();
    // Which rows survive cannot be foreseen: each is written down, and the next one over it if it did not.
    if (behind == subset) {  // the first branch: every row that can be entered
        const auto rows = static_cast<std::size_t>(table.rows);
        Survivors &draft = drafts(rows);
        std::size_t kept = 0;
        for (std::size_t row = 0; row < rows; ++row) {
            const std::int32_t id = last->ids[row];
            const double here = weight[id < 0 ? 0 : id];
            draft.rows[kept] = static_cast<std::int32_t>(row);
            draft.weights[kept] = here;
            kept += (static_cast<std::uint32_t>(entry.ids[row]) < bound) & (id >= 0) & (here != 0);
        }
        some.take(draft, kept);
        return some;
    }
    const Survivors &before = survivors(v, root, relation, subset & ~behind);
    Survivors &draft = drafts(before.rows.size());
    std::size_t kept = 0;
    for (std::size_t k = 0; k < before.rows.size(); ++k) {
        const std::int32_t row = before.rows[k], id = last->ids[row];
        const double product = before.weights[k] * weight[id < 0 ? 0 : id];
        draft.rows[kept] = row;
        draft.weights[kept] = product;
        kept += (id >= 0) & (product != 0);
    }
    some.take(draft, kept);
    return some;
}

const Message &Counter::class_message(View &v, int root, int klass, Mask subset) {
    std::vector<const Message *> parts;
    for (int r : v.attached[klass])
        if (included(r, subset, v.below[r])) parts.push_back(&relation_message(v, root, r, subset & v.below[r]));
    if (parts.size() == 1) return *parts[0];
    auto [slot, fresh] = v.class_messages[klass].try_emplace(subset);
    Message &message = slot->second;
    if (!fresh) return message;
    std::sort(parts.begin(), parts.end(),
              [](const Message *a, const Message *b) { return a->support.size() < b->support.size(); });
    message.start(static_cast<std::size_t>(domains_[klass]));
    for (std::int32_t id : parts[0]->support) {
        double weight = 1;
        for (const Message *part : parts) weight *= part->dense[id];
        message.add(id, weight);
    }
    return message;
}

void Counter::count(int root, std::int64_t limit, const double *weights, const Mask *masks, std::size_t n, Total *out) {
    View &v = view(root, limit);
    const std::size_t branches = v.order.size();
    // Subsets that share a prefix of branches stand together, so that each costs about one product.
    std::vector<Mask> keys(n * branches);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t b = 0; b < branches; ++b)
            if (included(v.order[b], masks[i], v.below[v.order[b]])) keys[i * branches + b] = masks[i] & v.below[v.order[b]];
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::lexicographical_compare(&keys[a * branches], &keys[a * branches] + branches, &keys[b * branches],
                                            &keys[b * branches] + branches);
    });

    struct Partial {
        std::size_t branch;
        Mask subset;
        std::vector<std::int32_t> ids;
        std::vector<double> weights;
        Total total;
    };
    std::vector<Partial> stack(branches);
    std::size_t depth = 0;
    for (std::size_t i : order) {
        const Mask *key = &keys[i * branches];
        std::size_t keep = 0, branch = 0;
        for (; keep < depth; ++keep) {
            while (branch < branches && !key[branch]) ++branch;
            if (branch == branches || stack[keep].branch != branch || stack[keep].subset != key[branch]) break;
            ++branch;
        }
        depth = keep;
        branch = depth ? stack[depth - 1].branch + 1 : 0;
        for (; branch < branches; ++branch) {
            if (!key[branch]) continue;
            const Message &message = relation_message(v, root, v.order[branch], key[branch]);
            Partial &top = stack[depth];
            top.branch = branch;
            top.subset = key[branch];
            top.ids.clear();
            top.weights.clear();
            top.total = {};
            if (depth == 0) {
                top.ids = message.support;
                for (std::int32_t id : top.ids) top.weights.push_back(message.dense[id]);
            } else {
                const Partial &under = stack[depth - 1];
                const double *dense = message.dense.data();
                for (std::size_t k = 0; k < under.ids.size(); ++k) {
                    const double weight = under.weights[k] * dense[under.ids[k]];
                    if (weight == 0) continue;
                    top.ids.push_back(under.ids[k]);
                    top.weights.push_back(weight);
                }
            }
            for (std::size_t k = 0; k < top.ids.size(); ++k) {
                const double here = top.weights[k], stands_for = weights ? weights[top.ids[k]] : 1;
                top.total.rows += here * stands_for;
                top.total.variance += here * here * stands_for * (stands_for - 1);
            }
            ++depth;
        }
        if (depth == 0) throw std::invalid_argument("a subset does not touch the root class");
        out[i] = stack[depth - 1].total;
    }
}

}  // namespace joinopt
