// x[…] and x[…] = value.
#pragma once
#include "bindings/object.h"

namespace lampas::py {

PyObject* get_item(PyObject* self, PyObject* key);
int set_item(PyObject* self, PyObject* key, PyObject* value);
Tensor index_tensor(const Tensor& x, PyObject* key);

}  // namespace lampas::py
