// The extension module: every part of the project that has C++ kernels binds them here.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_joinopt(nb::module_ &m);
void bind_neurocuts(nb::module_ &m);
void bind_neurocuts_compare(nb::module_ &m);
void bind_neurocuts_peers(nb::module_ &m);

NB_MODULE(_native, m) {
    m.doc() = "C++ kernels of mlsys4sys. Each has a plain numpy twin that is its oracle.";
    bind_joinopt(m);
    bind_neurocuts(m);
    bind_neurocuts_compare(m);
    bind_neurocuts_peers(m);
}
