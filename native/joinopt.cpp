// Kernels of joinopt.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_joinopt(nb::module_ &m) { (void)m; }
