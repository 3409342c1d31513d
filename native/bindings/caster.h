// nanobind conversions for our own types, for functions off the hot path.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings/object.h"

namespace nanobind::detail {

template <>
struct type_caster<lampas::Tensor> {
  NB_TYPE_CASTER(lampas::Tensor, const_name("Tensor"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    if (src.is_none()) return true;  // undefined
    if (!lampas::py::is_tensor(src.ptr())) return false;
    value = lampas::py::tensor_of(src.ptr());
    return true;
  }
  static handle from_cpp(const lampas::Tensor& t, rv_policy, cleanup_list*) noexcept {
    return lampas::py::guarded([&] { return lampas::py::wrap(t); });
  }
};

template <>
struct type_caster<lampas::DType> {
  NB_TYPE_CASTER(lampas::DType, const_name("dtype"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    auto d = lampas::py::dtype_of_object(src.ptr());
    if (d) value = *d;
    return d.has_value();
  }
  static handle from_cpp(lampas::DType d, rv_policy, cleanup_list*) noexcept {
    return lampas::py::dtype_object(d);
  }
};

}  // namespace nanobind::detail
