// Python faces of the kernels of neurocuts: search, proof.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <optional>

#include "neurocuts_baselines.h"
#include "neurocuts_bind.h"
#include "neurocuts_latency.h"
#include "neurocuts_live.h"
#include "neurocuts_lookup.h"
#include "neurocuts_search.h"
#include "neurocuts_verify.h"

using namespace neurocuts;

namespace {

nb::dict arrays(Flat flat) {
    nb::dict out;
    out["kind"] = give(std::move(flat.kind));
    out["dim"] = give(std::move(flat.dim));
    out["shift"] = give(std::move(flat.shift));
    out["base"] = give(std::move(flat.base));
    out["mask"] = give(std::move(flat.mask));
    out["first"] = give(std::move(flat.first));
    out["count"] = give(std::move(flat.count));
    out["children"] = give(std::move(flat.children));
    out["rule_ids"] = give(std::move(flat.rule_ids));
    out["bounds"] = give(std::move(flat.bounds));
    out["terms"] = give(std::move(flat.terms), 4);
    return out;
}

// Keeps what the search points into.
struct BoundSearch {
    Rules rules;
    Net net;
    std::unique_ptr<Search> search;

    BoundSearch(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, int max_cuts, bool splits, bool partitions,
                uint64_t seed, const std::vector<float> &caps, const std::vector<std::vector<float>> &weights,
                bool cpu_time)
        : rules(rules_of(low, high, maxima)) {
        Options options;
        options.max_cuts = max_cuts;
        options.splits = splits;
        options.partitions = partitions;
        options.seed = seed;
        options.cpu_time = cpu_time;
        options.caps = caps;
        // mean, scale, then weight and bias of each layer
        for (size_t i = 2; i + 1 < weights.size(); i += 2) {
            const int inputs = i == 2 ? PART_FEATURES : net.layers.back().outputs, outputs = int(weights[i + 1].size());
            if (weights[i].size() != size_t(inputs) * size_t(outputs)) throw std::invalid_argument("layers do not follow each other");
            net.layers.push_back({inputs, outputs, weights[i], weights[i + 1]});
        }
        if (!weights.empty()) {
            if (net.layers.empty() || weights[0].size() != PART_FEATURES || weights[1].size() != PART_FEATURES ||
                net.layers.back().outputs != CAPS)
                throw std::invalid_argument("the network's weights have other shapes");
            net.mean = weights[0], net.scale = weights[1];
        }
        search = std::make_unique<Search>(rules, options, weights.empty() ? nullptr : &net);
    }
    BoundSearch(const BoundSearch &) = delete;

    void run(double seconds, int64_t expansions) {
        nb::gil_scoped_release release;
        search->run(seconds, expansions, nullptr);
    }
    Out<float> frontier() { return give(search->frontier()); }
    nb::dict tree(int time) { return arrays(search->tree(time)); }
    Out<float> features() { return give(search->features()); }
};

TreeView view(const In<uint8_t> &kind, const In<uint8_t> &dim, const In<uint8_t> &shift, const In<uint32_t> &base,
              const In<uint32_t> &mask, const In<int64_t> &first, const In<int32_t> &count, const In<int32_t> &children,
              const In<int32_t> &rule_ids, const In<uint32_t> &bounds, const In2<uint32_t> &terms) {
    const size_t n = kind.size();
    if (dim.size() != n || shift.size() != n || base.size() != n || mask.size() != n || first.size() != n || count.size() != n)
        throw std::invalid_argument("the tree's arrays differ in length");
    TreeView t;
    t.nodes = n;
    t.n_children = children.size();
    t.n_rule_ids = rule_ids.size();
    t.n_bounds = bounds.size();
    t.n_terms = terms.shape(0);
    t.kind = kind.data(), t.dim = dim.data(), t.shift = shift.data();
    t.base = base.data(), t.mask = mask.data(), t.bounds = bounds.data(), t.terms = terms.data();
    t.first = first.data(), t.count = count.data(), t.children = children.data(), t.rule_ids = rule_ids.data();
    return t;
}

nb::tuple proof(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In<uint8_t> kind, In<uint8_t> dim,
                In<uint8_t> shift, In<uint32_t> base, In<uint32_t> mask, In<int64_t> first, In<int32_t> count,
                In<int32_t> children, In<int32_t> rule_ids, In<uint32_t> bounds, In2<uint32_t> terms) {
    const Rules rules = rules_of(low, high, maxima);
    const TreeView tree = view(kind, dim, shift, base, mask, first, count, children, rule_ids, bounds, terms);
    Proof found;
    {
        nb::gil_scoped_release release;
        found = prove(tree, rules);
    }
    return nb::make_tuple(found.ok, found.cells, found.fault, give(std::move(found.packet)), found.rule);
}

struct BoundLookup {
    Table table;

    BoundLookup(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In<uint8_t> kind, In<uint8_t> dim,
                In<uint8_t> shift, In<uint32_t> base, In<uint32_t> mask, In<int64_t> first, In<int32_t> count,
                In<int32_t> children, In<int32_t> rule_ids, In<uint32_t> bounds, In2<uint32_t> terms) {
        const Rules rules = rules_of(low, high, maxima);
        const TreeView tree = view(kind, dim, shift, base, mask, first, count, children, rule_ids, bounds, terms);
        const std::string fault = malformed(tree, rules);
        if (!fault.empty()) throw std::invalid_argument(fault);
        nb::gil_scoped_release release;
        table.compile(tree, rules);
    }
    BoundLookup(const BoundLookup &) = delete;

    void classify(In2<uint32_t> packets, nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> out, int threads) {
        if (int(packets.shape(1)) != table.layout.columns || packets.shape(0) != out.size())
            throw std::invalid_argument("packets and answers differ in shape");
        nb::gil_scoped_release release;
        table.classify(packets.data(), packets.shape(0), out.data(), threads);
    }

    nb::tuple work(In2<uint32_t> packets) {
        if (int(packets.shape(1)) != table.layout.columns) throw std::invalid_argument("packets have other columns than the rules");
        Work work;
        {
            nb::gil_scoped_release release;
            work = table.work(packets.data(), packets.shape(0));
        }
        return nb::make_tuple(work.parts, work.steps, work.blocks);
    }

    int32_t one(nb::tuple packet) {
        uint32_t words[MAX_COLUMNS];
        if (int(packet.size()) != table.layout.columns) throw std::invalid_argument("a packet has one value a column");
        for (int c = 0; c < table.layout.columns; c++) words[c] = nb::cast<uint32_t>(packet[c]);
        return table.one(words);
    }
};

nb::object quick_tree(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In2<uint32_t> packets, int leaf, int max_bits,
                    float memory, float base, float rate, float block, float noise, bool bits,
                    const std::vector<std::pair<int, float>> &tests, uint32_t parts, uint64_t seed, float max_bytes, double seconds) {
    const Rules rules = rules_of(low, high, maxima);
    if (int(packets.shape(1)) != rules.columns) throw std::invalid_argument("packets have other columns than the rules");
    LatencyOptions options;
    options.leaf = std::max(leaf, 1), options.max_bits = std::clamp(max_bits, 1, 20), options.memory = memory;
    options.base = std::max(base, 1.1f), options.rate = rate, options.block = block, options.noise = noise;
    options.bits = bits, options.parts = parts, options.seed = seed, options.max_bytes = max_bytes, options.seconds = seconds;
    for (size_t i = 0; i < 2 && i < tests.size(); i++) options.tests[i] = {tests[i].first, tests[i].second};
    std::optional<Flat> flat;
    {
        nb::gil_scoped_release release;
        flat = latency_tree(rules, packets.data(), packets.shape(0), options);
    }
    if (!flat) return nb::none();
    return arrays(std::move(*flat));
}

std::unique_ptr<Live> live_of(const In2<uint32_t> &low, const In2<uint32_t> &high, const In<uint32_t> &maxima,
                              const In<uint64_t> &keys, const In<int32_t> &ids, const TreeView &tree, Epochs &epochs) {
    const Rules rules = rules_of(low, high, maxima);
    if (int(keys.size()) != rules.count || int(ids.size()) != rules.count) throw std::invalid_argument("keys, ids and rules differ in number");
    const std::string fault = malformed(tree, rules);
    if (!fault.empty()) throw std::invalid_argument(fault);
    nb::gil_scoped_release release;
    return std::make_unique<Live>(tree, rules, keys.data(), ids.data(), epochs);
}

// A table that changes while it answers; see native/neurocuts_live.h.
struct BoundServing {
    Serving serving;
    const std::vector<uint32_t> maxima;

    BoundServing(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In<uint64_t> keys, In<int32_t> ids, int32_t next_id,
                 In<uint8_t> kind, In<uint8_t> dim, In<uint8_t> shift, In<uint32_t> base, In<uint32_t> mask, In<int64_t> first,
                 In<int32_t> count, In<int32_t> children, In<int32_t> rule_ids, In<uint32_t> bounds, In2<uint32_t> terms)
        : serving(int(low.shape(1)), next_id), maxima(maxima.data(), maxima.data() + maxima.size()) {
        replace(low, high, maxima, keys, ids, kind, dim, shift, base, mask, first, count, children, rule_ids, bounds, terms);
    }
    BoundServing(const BoundServing &) = delete;

    bool replace(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In<uint64_t> keys, In<int32_t> ids, In<uint8_t> kind,
                 In<uint8_t> dim, In<uint8_t> shift, In<uint32_t> base, In<uint32_t> mask, In<int64_t> first, In<int32_t> count,
                 In<int32_t> children, In<int32_t> rule_ids, In<uint32_t> bounds, In2<uint32_t> terms) {
        auto next = live_of(low, high, maxima, keys, ids,
                            view(kind, dim, shift, base, mask, first, count, children, rule_ids, bounds, terms), serving.epochs);
        nb::gil_scoped_release release;
        return serving.replace(std::move(next));
    }
    void classify(In2<uint32_t> packets, nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> out, int threads) {
        if (int(packets.shape(1)) != serving.columns || packets.shape(0) != out.size())
            throw std::invalid_argument("packets and answers differ in shape");
        nb::gil_scoped_release release;
        serving.classify(packets.data(), packets.shape(0), out.data(), threads);
    }
    int32_t one(nb::tuple packet) {
        uint32_t words[MAX_COLUMNS];
        if (int(packet.size()) != serving.columns) throw std::invalid_argument("a packet has one value a column");
        for (size_t c = 0; c < packet.size(); c++) words[c] = nb::cast<uint32_t>(packet[c]);
        int32_t out;
        serving.classify(words, 1, &out, 1);
        return out;
    }
    // Ranges as pairs. -1: no room; -2: not one range a column that is not empty and within it.
    int32_t insert(nb::sequence rule, uint32_t priority) {
        Range range[MAX_COLUMNS];
        if (nb::len(rule) != size_t(serving.columns)) return -2;
        for (int c = 0; c < serving.columns; c++) {
            nb::object pair = rule[c];
            uint64_t low, high;
            if (nb::len(pair) != 2 || !nb::try_cast(pair[0], low) || !nb::try_cast(pair[1], high)) return -2;
            if (low > high || high > maxima[size_t(c)]) return -2;
            range[c] = {uint32_t(low), uint32_t(high)};
        }
        nb::gil_scoped_release release;
        int32_t id;
        serving.insert(range, &priority, 1, &id);
        return id;
    }
    Out<int32_t> insert_many(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> priorities) {
        if (int(low.shape(1)) != serving.columns || low.shape(0) != high.shape(0) || high.shape(1) != low.shape(1) || priorities.size() != low.shape(0))
            throw std::invalid_argument("bounds and priorities differ in shape");
        std::vector<int32_t> ids(low.shape(0));
        {
            nb::gil_scoped_release release;
            std::vector<Range> ranges(low.size());
            for (size_t i = 0; i < ranges.size(); i++) {
                ranges[i] = {low.data()[i], high.data()[i]};
                if (ranges[i].low > ranges[i].high || ranges[i].high > maxima[i % maxima.size()])
                    throw std::invalid_argument("a range is empty or too wide");
            }
            serving.insert(ranges.data(), priorities.data(), ids.size(), ids.data());
        }
        return give(std::move(ids));
    }
    // 0: done; 1: no such rule; 2: only a new tree can be without it
    int remove(int32_t id) {
        nb::gil_scoped_release release;
        Live::Removal outcome;
        serving.remove(&id, 1, &outcome);
        return int(outcome);
    }
    Out<int32_t> remove_many(In<int32_t> ids) {
        std::vector<int32_t> out(ids.size());
        {
            nb::gil_scoped_release release;
            std::vector<Live::Removal> outcomes(ids.size());
            serving.remove(ids.data(), ids.size(), outcomes.data());
            for (size_t i = 0; i < out.size(); i++) out[i] = int(outcomes[i]);
        }
        return give(std::move(out));
    }
    nb::tuple begin() {
        std::vector<Range> bounds;
        std::vector<uint64_t> keys;
        std::vector<int32_t> ids;
        {
            nb::gil_scoped_release release;
            serving.begin(bounds, keys, ids);
        }
        std::vector<uint32_t> low, high;
        for (const Range &r : bounds) low.push_back(r.low), high.push_back(r.high);
        const size_t columns = size_t(serving.columns);
        return nb::make_tuple(give(std::move(low), columns), give(std::move(high), columns), give(std::move(keys)), give(std::move(ids)));
    }
};

}  // namespace

void bind_neurocuts(nb::module_ &m) {
    nb::class_<BoundLookup>(m, "Lookup", "A tree laid out for lookups; see native/neurocuts_lookup.h.")
        .def(nb::init<In2<uint32_t>, In2<uint32_t>, In<uint32_t>, In<uint8_t>, In<uint8_t>, In<uint8_t>, In<uint32_t>,
                      In<uint32_t>, In<int64_t>, In<int32_t>, In<int32_t>, In<int32_t>, In<uint32_t>, In2<uint32_t>>())
        .def("classify", &BoundLookup::classify, nb::arg("packets"), nb::arg("out"), nb::arg("threads"))
        .def("one", &BoundLookup::one, nb::arg("packet"))
        .def("work", &BoundLookup::work, nb::arg("packets"))
        .def_prop_ro("size_bytes", [](const BoundLookup &self) { return self.table.bytes(); });
    m.def("latency_tree", &quick_tree, nb::arg("low"), nb::arg("high"), nb::arg("maxima"), nb::arg("packets"), nb::kw_only(),
          nb::arg("leaf"), nb::arg("max_bits"), nb::arg("memory"), nb::arg("base"), nb::arg("rate"), nb::arg("block"),
          nb::arg("noise"), nb::arg("bits"), nb::arg("tests"), nb::arg("parts"), nb::arg("seed"), nb::arg("max_bytes"), nb::arg("seconds"));
    nb::class_<BoundServing>(m, "Serving", "A table that changes while it answers; see native/neurocuts_live.h.")
        .def(nb::init<In2<uint32_t>, In2<uint32_t>, In<uint32_t>, In<uint64_t>, In<int32_t>, int32_t, In<uint8_t>, In<uint8_t>,
                      In<uint8_t>, In<uint32_t>, In<uint32_t>, In<int64_t>, In<int32_t>, In<int32_t>, In<int32_t>, In<uint32_t>,
                      In2<uint32_t>>())
        .def("classify", &BoundServing::classify, nb::arg("packets"), nb::arg("out"), nb::arg("threads"))
        .def("one", &BoundServing::one, nb::arg("packet"))
        .def("insert", &BoundServing::insert, nb::arg("rule"), nb::arg("priority"))
        .def("insert_many", &BoundServing::insert_many, nb::arg("low"), nb::arg("high"), nb::arg("priorities"))
        .def("remove", &BoundServing::remove, nb::arg("rule_id"))
        .def("remove_many", &BoundServing::remove_many, nb::arg("rule_ids"))
        .def("begin", &BoundServing::begin)
        .def("replace", &BoundServing::replace)
        .def("abandon", [](BoundServing &self) { self.serving.abandon(); })
        .def_prop_ro("changes", [](const BoundServing &self) { return self.serving.changes(); })
        .def_prop_ro("rules", [](BoundServing &self) { return self.serving.sizes().rules; })
        .def_prop_ro("overlay_rules", [](BoundServing &self) { return self.serving.sizes().overlay; })
        .def_prop_ro("growth", [](BoundServing &self) { return self.serving.sizes().growth; })
        .def_prop_ro("size_bytes", [](BoundServing &self) { return self.serving.sizes().bytes; });
    m.def("lookup_kernel", &kernel_name);
    m.def("force_lookup_kernel", &force_kernel, nb::arg("name"));
    nb::class_<BoundSearch>(m, "TreeSearch", "Anytime search for decision trees; see native/neurocuts_search.h.")
        .def(nb::init<In2<uint32_t>, In2<uint32_t>, In<uint32_t>, int, bool, bool, uint64_t, const std::vector<float> &,
                      const std::vector<std::vector<float>> &, bool>(),
             nb::arg("low"), nb::arg("high"), nb::arg("maxima"), nb::kw_only(), nb::arg("max_cuts"), nb::arg("splits"),
             nb::arg("partitions"), nb::arg("seed"), nb::arg("caps"), nb::arg("weights") = std::vector<std::vector<float>>(),
             nb::arg("cpu_time") = false)
        .def("run", &BoundSearch::run, nb::arg("seconds"), nb::arg("expansions"))
        .def("frontier", &BoundSearch::frontier)
        .def("tree", &BoundSearch::tree, nb::arg("time"))
        .def("features", &BoundSearch::features)
        .def_prop_ro("expansions", [](const BoundSearch &s) { return s.search->expansions(); })
        .def_prop_ro("nodes", [](const BoundSearch &s) { return s.search->nodes(); });
    m.def("prove_tree", &proof, "Whether a tree equals the linear scan, the cells proven, and a packet where it does not.");
    m.def("baseline_tree", [](In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, const std::string &name, double seconds) {
        const Rules rules = rules_of(low, high, maxima);
        std::optional<Flat> flat;
        {
            nb::gil_scoped_release release;
            flat = baseline(rules, name, seconds);
        }
        if (!flat) return nb::object(nb::none());
        return nb::object(arrays(std::move(*flat)));
    });
}
