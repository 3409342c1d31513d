// A Python number on its way into an operator: bool, int, float or complex.
#pragma once
#include <complex>
#include <cstdint>

#include "core/dtype.h"

namespace lampas {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float, Complex };

  Scalar() : Scalar(int64_t{0}) {}
  Scalar(bool v) : kind_(Kind::Bool), i_(v) {}        // NOLINT: numbers convert freely
  Scalar(int v) : Scalar(static_cast<int64_t>(v)) {}  // NOLINT
  Scalar(int64_t v) : kind_(Kind::Int), i_(v) {}      // NOLINT
  Scalar(double v) : kind_(Kind::Float), re_(v) {}    // NOLINT
  Scalar(std::complex<double> v) : kind_(Kind::Complex), re_(v.real()), im_(v.imag()) {}  // NOLINT

  Kind kind() const { return kind_; }
  bool is_integral() const { return kind_ <= Kind::Int; }
  bool is_complex() const { return kind_ == Kind::Complex; }
  double to_double() const { return is_integral() ? static_cast<double>(i_) : re_; }
  int64_t to_int() const { return is_integral() ? i_ : static_cast<int64_t>(re_); }
  bool to_bool() const { return is_integral() ? i_ != 0 : re_ != 0 || im_ != 0; }
  std::complex<double> to_complex() const { return {to_double(), im_}; }
  bool equals(double v) const { return im_ == 0 && to_double() == v; }

  // The dtype a tensor made from this number alone would have, given the default float type.
  DType natural_dtype(DType default_float) const {
    switch (kind_) {
      case Kind::Bool:
        return DType::Bool;
      case Kind::Int:
        return DType::I64;
      case Kind::Float:
        return default_float;
      default:
        return default_float == DType::F64 ? DType::C128 : DType::C64;
    }
  }

  // Writes the value as one element of `dtype`.
  void store(DType dtype, void* out) const;

 private:
  Kind kind_;
  int64_t i_ = 0;
  double re_ = 0, im_ = 0;
};

// Reads one element.
Scalar load_scalar(DType dtype, const void* p);

// Conversions of single half-precision values; bulk conversions are kernels.
float to_float(f16 v);
float to_float(bf16 v);
f16 to_f16(float v);
bf16 to_bf16(float v);

}  // namespace lampas
