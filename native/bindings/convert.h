// Python data to tensors and back: nested sequences, buffers, NumPy, DLPack.
#pragma once
#include <optional>

#include "bindings/object.h"

namespace lampas::py {

// A new tensor with a copy of `data`: a number, nested sequences, an array, or another tensor.
Tensor tensor_from(PyObject* data, std::optional<DType> dtype, Device device);
// A tensor over the memory of an object with the buffer protocol or __array_interface__; no copy.
Tensor tensor_over(PyObject* array);
bool has_array(PyObject* o);  // offers the buffer protocol or __array_interface__
// Nested lists of Python numbers.
PyObject* to_list(const Tensor& t);

void init_convert(PyObject* module);

}  // namespace lampas::py
