// How arrays cross between numpy and the kernels of neurocuts.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "neurocuts_rules.h"

namespace neurocuts {

namespace nb = nanobind;

template <class T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using In2 = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<nb::numpy, T>;

template <class T>
Out<T> give(std::vector<T> values, size_t columns = 0) {
    auto *owned = new std::vector<T>(std::move(values));
    nb::capsule owner(owned, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    if (columns) return Out<T>(owned->data(), {owned->size() / columns, columns}, owner);
    return Out<T>(owned->data(), {owned->size()}, owner);
}

inline Rules rules_of(const In2<uint32_t> &low, const In2<uint32_t> &high, const In<uint32_t> &maxima) {
    if (low.shape(0) != high.shape(0) || low.shape(1) != high.shape(1) || maxima.size() != low.shape(1))
        throw std::invalid_argument("bounds and maxima differ in shape");
    if (low.shape(1) > MAX_COLUMNS) throw std::invalid_argument("at most 16 columns of 32 bits");
    Rules rules;
    rules.count = int(low.shape(0));
    rules.columns = int(low.shape(1));
    rules.maxima.assign(maxima.data(), maxima.data() + maxima.size());
    rules.bounds.resize(low.size());
    for (size_t i = 0; i < low.size(); i++) rules.bounds[i] = {low.data()[i], high.data()[i]};
    return rules;
}

}  // namespace neurocuts
