// Python faces of comparisons of rule sets.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "neurocuts_bind.h"
#include "neurocuts_compare.h"

using namespace neurocuts;

void bind_neurocuts_compare(nb::module_ &m) {
    m.def("rule_differences",
          [](In2<uint32_t> low_a, In2<uint32_t> high_a, In<int32_t> keys_a, In2<uint32_t> low_b, In2<uint32_t> high_b,
             In<int32_t> keys_b, In<uint32_t> maxima, size_t limit, double seconds) {
              const Rules a = rules_of(low_a, high_a, maxima), b = rules_of(low_b, high_b, maxima);
              if (keys_a.size() != size_t(a.count) || keys_b.size() != size_t(b.count))
                  throw std::invalid_argument("one key a rule is wanted");
              Differences found;
              {
                  nb::gil_scoped_release release;
                  found = differences({a, keys_a.data()}, {b, keys_b.data()}, limit, seconds);
              }
              return nb::make_tuple(give(std::move(found.packets), size_t(std::max(a.columns, 1))), give(std::move(found.first)),
                                    give(std::move(found.second)), found.regions, found.complete);
          });
    m.def("rule_shadowed", [](In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, double seconds) {
        const Rules rules = rules_of(low, high, maxima);
        std::vector<int32_t> found;
        {
            nb::gil_scoped_release release;
            found = shadowed(rules, seconds);
        }
        return give(std::move(found));
    });
    m.def("rule_redundant", [](In2<uint32_t> low, In2<uint32_t> high, In<int32_t> keys, In<uint8_t> dead, In<uint32_t> maxima,
                               double seconds) {
        const Rules rules = rules_of(low, high, maxima);
        if (keys.size() != size_t(rules.count) || dead.size() != size_t(rules.count))
            throw std::invalid_argument("one key and mark a rule is wanted");
        std::vector<int32_t> found;
        {
            nb::gil_scoped_release release;
            found = redundant({rules, keys.data()}, dead.data(), seconds);
        }
        return give(std::move(found));
    });
    m.def("all_matches", [](In2<uint32_t> low, In2<uint32_t> high, In<uint32_t> maxima, In2<uint32_t> packets) {
        const Rules rules = rules_of(low, high, maxima);
        if (packets.shape(1) != size_t(rules.columns)) throw std::invalid_argument("packets have another number of columns");
        std::vector<int64_t> offsets;
        std::vector<int32_t> ids;
        {
            nb::gil_scoped_release release;
            all_matches(rules, packets.data(), packets.shape(0), offsets, ids);
        }
        return nb::make_tuple(give(std::move(offsets)), give(std::move(ids)));
    });
}
