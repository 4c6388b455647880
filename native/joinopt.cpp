// Kernels of joinopt: counting joins on a sample, and exact search over join trees.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "joinopt_count.h"
#include "joinopt_search.h"

namespace nb = nanobind;
using namespace joinopt;

namespace {

template <class T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<nb::numpy, T>;

template <class T>
Out<T> give(std::vector<T> values, std::size_t columns = 0) {
    auto *owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    if (columns) return Out<T>(owned->data(), {owned->size() / columns, columns}, owner);
    return Out<T>(owned->data(), {owned->size()}, owner);
}

// Keeps the arrays that the counter points into.
struct BoundCounter {
    Counter counter;
    std::vector<In<std::int32_t>> arrays;

    BoundCounter(int relations, int hidden, std::vector<std::int64_t> domains)
        : counter(relations, hidden, std::move(domains)) {}
    BoundCounter(const BoundCounter &) = delete;

    void attach(int relation, int klass, In<std::int32_t> ids) {
        counter.attach(relation, klass, ids.data(), static_cast<std::int64_t>(ids.size()));
        arrays.push_back(std::move(ids));
    }

    Out<double> count(int root, std::int64_t limit, std::optional<In<double>> weights, In<Mask> masks) {
        if (weights && static_cast<std::int64_t>(weights->size()) != limit)
            throw std::invalid_argument("one weight for each id");
        std::vector<Total> totals(masks.size());
        {
            nb::gil_scoped_release release;
            counter.count(root, limit, weights ? weights->data() : nullptr, masks.data(), masks.size(), totals.data());
        }
        std::vector<double> flat;
        for (const Total &total : totals) flat.insert(flat.end(), {total.rows, total.variance});
        return give(std::move(flat), 2);
    }
};

nb::tuple search(const std::vector<Mask> &adjacency, In<Mask> masks, In<double> rows, const std::vector<double> &width,
                 const std::vector<double> &c, bool left_deep) {
    if (c.size() != 8) throw std::invalid_argument("a join cost has eight coefficients");
    if (rows.size() != masks.size()) throw std::invalid_argument("one row count for each subset");
    Best best;
    {
        nb::gil_scoped_release release;
        best = best_trees(adjacency, masks.data(), rows.data(), masks.size(), width,
                          {c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]}, left_deep);
    }
    return nb::make_tuple(give(std::move(best.cost)), give(std::move(best.probe)));
}

}  // namespace

void bind_joinopt(nb::module_ &m) {
    nb::class_<BoundCounter>(m, "JoinCounter")
        .def(nb::init<int, int, std::vector<std::int64_t>>())
        .def("attach", &BoundCounter::attach)
        .def("count", &BoundCounter::count, nb::arg("root"), nb::arg("limit"), nb::arg("weights").none(), nb::arg("masks"));
    m.def("connected_subsets", [](const std::vector<Mask> &adjacency, std::size_t cap) {
        return give(connected_subsets(adjacency, cap));
    });
    m.def("best_trees", &search);
}
