// Python face of the lookups that ours is measured against.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include "neurocuts_bind.h"
#include "neurocuts_peers.h"

using namespace neurocuts;

namespace {

struct BoundPeer {
    Rules rules;
    // Copies of a tree's arrays, where it walks one.
    std::vector<uint8_t> kind, dim, shift;
    std::vector<uint32_t> base, mask, bounds, terms;
    std::vector<int64_t> first;
    std::vector<int32_t> count, children, rule_ids;
    std::unique_ptr<Peer> own;

    BoundPeer(const std::string &name, In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima) : rules(rules_of(low, high, maxima)) {
        nb::gil_scoped_release release;
        own = peer(name, rules);
        if (!own) throw std::invalid_argument("no such lookup");
    }
    BoundPeer(In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In<uint8_t> k, In<uint8_t> d, In<uint8_t> s, In<uint32_t> b,
              In<uint32_t> m, In<int64_t> f, In<int32_t> c, In<int32_t> ch, In<int32_t> r, In<uint32_t> bo, In2<uint32_t> t)
        : rules(rules_of(low, high, maxima)), kind(k.data(), k.data() + k.size()), dim(d.data(), d.data() + d.size()),
          shift(s.data(), s.data() + s.size()), base(b.data(), b.data() + b.size()), mask(m.data(), m.data() + m.size()),
          bounds(bo.data(), bo.data() + bo.size()), terms(t.data(), t.data() + t.size()), first(f.data(), f.data() + f.size()),
          count(c.data(), c.data() + c.size()), children(ch.data(), ch.data() + ch.size()), rule_ids(r.data(), r.data() + r.size()) {
        TreeView tree;
        tree.nodes = kind.size();
        tree.n_children = children.size(), tree.n_rule_ids = rule_ids.size(), tree.n_bounds = bounds.size(), tree.n_terms = terms.size() / 4;
        tree.kind = kind.data(), tree.dim = dim.data(), tree.shift = shift.data();
        tree.base = base.data(), tree.mask = mask.data(), tree.bounds = bounds.data(), tree.terms = terms.data();
        tree.first = first.data(), tree.count = count.data(), tree.children = children.data(), tree.rule_ids = rule_ids.data();
        const std::string fault = malformed(tree, rules);
        if (!fault.empty()) throw std::invalid_argument(fault);
        own = plain_walk(tree, rules);
    }
    BoundPeer(const BoundPeer &) = delete;

    void classify(In2<uint32_t> packets, nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> out) const {
        if (int(packets.shape(1)) != rules.columns || packets.shape(0) != out.size())
            throw std::invalid_argument("packets and answers differ in shape");
        nb::gil_scoped_release release;
        own->classify(packets.data(), packets.shape(0), rules.columns, out.data());
    }
    bool change(uint32_t rule, bool in) {
        if (rule >= uint32_t(rules.count)) throw std::invalid_argument("no such rule");
        return in ? own->insert(rule) : own->remove(rule);
    }
    // Takes rules out and in again, one by one; how many updates that were.
    int64_t churn(In<int32_t> which) {
        int64_t done = 0;
        nb::gil_scoped_release release;
        for (size_t i = 0; i < which.size(); i++) {
            const uint32_t rule = uint32_t(which.data()[i]);
            if (rule < uint32_t(rules.count)) done += own->remove(rule) + own->insert(rule);
        }
        return done;
    }
};

}  // namespace

void bind_neurocuts_peers(nb::module_ &m) {
    nb::class_<BoundPeer>(m, "Peer", "A lookup to measure against; see native/neurocuts_peers.h.")
        .def(nb::init<const std::string &, In2<uint32_t>, In2<uint32_t>, In<uint32_t>>())
        .def(nb::init<In2<uint32_t>, In2<uint32_t>, In<uint32_t>, In<uint8_t>, In<uint8_t>, In<uint8_t>, In<uint32_t>, In<uint32_t>,
                      In<int64_t>, In<int32_t>, In<int32_t>, In<int32_t>, In<uint32_t>, In2<uint32_t>>())
        .def("classify", &BoundPeer::classify, nb::arg("packets"), nb::arg("out"))
        .def("insert", [](BoundPeer &self, uint32_t rule) { return self.change(rule, true); })
        .def("remove", [](BoundPeer &self, uint32_t rule) { return self.change(rule, false); })
        .def("churn", &BoundPeer::churn)
        .def_prop_ro("size_bytes", [](const BoundPeer &self) { return self.own->bytes(); });
}
