#include "ops/create.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "autograd/autograd.h"
#include "ops/copy.h"
#include "runtime/allocator.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
DType default_float = DType::F32;

Ref<Storage> new_storage(int64_t numel, DType dtype, Device device) {
  auto s = make_ref<Storage>();
  s->device = device;
  if (device == Device::Meta) {
    s->nbytes = static_cast<size_t>(numel) * static_cast<size_t>(itemsize(dtype));
    return s;
  }
  s->nbytes = static_cast<size_t>(numel) * static_cast<size_t>(itemsize(dtype));
  s->data = allocate(s->nbytes);
  s->release = [](Storage& st) { deallocate(st.data, st.nbytes); };
  return s;
}

int64_t checked_numel(IntSpan sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) {
    LAMPAS_CHECK(s >= 0, "Trying to create tensor with negative dimension ", s, ": ", sizes);
    if (__builtin_mul_overflow(n, s, &n) || n > (int64_t{1} << 58))
      fail(ErrorKind::Runtime, "the number of elements of a tensor of size ", sizes,
           " does not fit in memory addresses");
  }
  return n;
}
}  // namespace

DType default_dtype() { return default_float; }
void set_default_dtype(DType dtype) {
  LAMPAS_CHECK_TYPE(is_floating(dtype),
                    "only floating-point types are supported as the default type, not ",
                    dtype_name(dtype));
  default_float = dtype;
}

namespace {
thread_local const Tensor* destination = nullptr;
}
Destination::Destination(const Tensor* out) { destination = out; }
Destination::~Destination() { destination = nullptr; }

Tensor empty(IntSpan sizes, DType dtype, Device device) {
  if (destination) [[unlikely]] {
    const Tensor& d = *std::exchange(destination, nullptr);
    if (d.sizes() == sizes && d.dtype() == dtype && d.device() == device && d.is_contiguous())
      return Tensor::over(d.storage_ref(), dtype, d.sizes(), d.strides(), d.offset());
  }
  Tensor t = Tensor::over(new_storage(checked_numel(sizes), dtype, device), dtype, sizes);
  t.impl()->inference = modes.inference;
  return t;
}

Tensor empty_strided(IntSpan sizes, IntSpan strides, DType dtype, Device device) {
  checked_numel(sizes);
  int64_t extent = checked_extent(sizes, strides, 0);
  Tensor t = Tensor::over(new_storage(extent, dtype, device), dtype, sizes, strides, 0);
  t.impl()->inference = modes.inference;
  return t;
}

Tensor empty_like(const Tensor& x, std::optional<DType> dtype) {
  DType d = dtype.value_or(x.dtype());
  if (x.is_contiguous()) return empty(x.sizes(), d, x.device());
  return empty_strided(x.sizes(), dense_strides(x), d, x.device());
}

void check_fits(const Scalar& value, DType dtype, const char* op) {
  if (dtype == DType::Bool || is_complex(dtype)) return;
  bool fits;
  if (value.is_complex() && value.to_complex().imag() != 0) {
    fits = false;
  } else if (is_floating(dtype)) {
    double top = dtype == DType::F16    ? 65504.0
                 : dtype == DType::BF16 ? 3.3895313892515355e38
                 : dtype == DType::F32  ? double{std::numeric_limits<float>::max()}
                                        : std::numeric_limits<double>::max();
    double v = value.to_double();
    fits = !(std::abs(v) > top) || std::isinf(v);
  } else {
    // The whole of unsigned types may be named by negative numbers too.
    int bits = 8 * itemsize(dtype) - (dtype == DType::U8 ? 0 : 1);
    double end = std::ldexp(1.0, bits), v = value.to_double();
    fits = (dtype == DType::I64 ? v < end : v <= end - 1) &&
           (dtype == DType::U8 ? v > -end : v >= -end);
    if (value.is_integral() && dtype == DType::I64) fits = true;
  }
  if (fits) return;
  std::string shown = value.is_complex() ? concat(value.to_complex()) : concat(value.to_double());
  fail(ErrorKind::Runtime, op, ": value ", shown, " cannot be converted to type ",
       dtype_name(dtype), " without overflow");
}

Tensor full(IntSpan sizes, const Scalar& value, DType dtype, Device device) {
  Tensor t = empty(sizes, dtype, device);
  fill_raw(t, value);
  return t;
}
Tensor zeros(IntSpan sizes, DType dtype, Device device) {
  Tensor t = empty(sizes, dtype, device);
  if (t.is_meta()) return t;
  auto* p = static_cast<char*>(t.data());
  parallel_ranges(static_cast<int64_t>(t.storage().nbytes), 1 << 20,
                  [&](int64_t b, int64_t e) { std::memset(p + b, 0, static_cast<size_t>(e - b)); });
  return t;
}
Tensor ones(IntSpan sizes, DType dtype, Device device) { return full(sizes, 1, dtype, device); }
Tensor full_like(const Tensor& x, const Scalar& value, std::optional<DType> dtype) {
  Tensor t = empty_like(x, dtype);
  fill_raw(t, value);
  return t;
}
Tensor zeros_like(const Tensor& x) { return full_like(x, 0); }
Tensor ones_like(const Tensor& x) { return full_like(x, 1); }

Tensor scalar_tensor(const Scalar& value, DType dtype) {
  Tensor t = empty({}, dtype);
  value.store(dtype, t.data());
  return t;
}

namespace {
// element(i) computed in double, or exactly in int64, then stored.
template <class F>
Tensor generate(int64_t n, DType dtype, const F& element) {
  Tensor t = empty(Dims{n}, dtype);
  char* p = static_cast<char*>(t.data());
  const int item = itemsize(dtype);
  parallel_ranges(n, 1 << 15, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) Scalar(element(i)).store(dtype, p + i * item);
  });
  return t;
}
}  // namespace

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step,
              std::optional<DType> dtype) {
  bool integral = start.is_integral() && end.is_integral() && step.is_integral();
  DType d = dtype.value_or(integral ? DType::I64 : default_dtype());
  LAMPAS_CHECK(!step.equals(0), "step must be nonzero");
  double from = start.to_double(), to = end.to_double(), by = step.to_double();
  LAMPAS_CHECK(std::isfinite(from) && std::isfinite(to), "unsupported range: ", from, " -> ", to);
  LAMPAS_CHECK((by > 0 && to >= from) || (by < 0 && to <= from),
               "upper bound and lower bound inconsistent with step sign");
  if (integral) {
    int64_t a = start.to_int(), s = step.to_int(), b = end.to_int();
    int64_t n = (b - a + s - (s > 0 ? 1 : -1)) / s;
    if (d == DType::I64) {
      Tensor t = empty(Dims{n}, d);
      auto* p = t.data<int64_t>();
      for (int64_t i = 0; i < n; ++i) p[i] = a + i * s;
      return t;
    }
    return generate(n, d, [&](int64_t i) { return a + i * s; });
  }
  auto n = static_cast<int64_t>(std::ceil((to - from) / by));
  return generate(n, d, [&](int64_t i) { return from + static_cast<double>(i) * by; });
}

Tensor linspace(double start, double end, int64_t steps, DType dtype) {
  LAMPAS_CHECK(steps >= 0, "number of steps must be non-negative, not ", steps);
  if (steps > 0) check_fits(start, dtype, "linspace");
  if (steps > 1) check_fits(end, dtype, "linspace");
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  // From both ends, so that the last element is exactly `end`.
  return generate(steps, dtype, [&](int64_t i) {
    return i < (steps + 1) / 2 || steps == 1 ? start + step * static_cast<double>(i)
                                             : end - step * static_cast<double>(steps - 1 - i);
  });
}

Tensor logspace(double start, double end, int64_t steps, double base, DType dtype) {
  LAMPAS_CHECK(steps >= 0, "number of steps must be non-negative, not ", steps);
  double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  if (steps == 1) check_fits(std::pow(base, start), dtype, "logspace");
  return generate(steps, dtype, [&](int64_t i) {
    double x = i < (steps + 1) / 2 || steps == 1 ? start + step * static_cast<double>(i)
                                                 : end - step * static_cast<double>(steps - 1 - i);
    return std::pow(base, x);
  });
}

Tensor eye(int64_t n, int64_t m, DType dtype) {
  LAMPAS_CHECK(n >= 0 && m >= 0, "n and m must be greater or equal to 0, got ", n, " and ", m);
  Tensor t = zeros(Dims{n, m}, dtype);
  const int item = itemsize(dtype);
  for (int64_t i = 0; i < std::min(n, m); ++i)
    Scalar(1).store(dtype, static_cast<char*>(t.data()) + i * (m + 1) * item);
  return t;
}

}  // namespace lampas::ops
