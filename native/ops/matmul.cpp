#include "ops/matmul.h"

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
void check_types(const Tensor& a, const Tensor& b, const char* op) {
  LAMPAS_CHECK(a.dtype() == b.dtype(), op,
               ": expected m1 and m2 to have the same dtype, but got: ", dtype_name(a.dtype()),
               " != ", dtype_name(b.dtype()), ". Remedy: cast one of them, a.to(b.dtype)");
  LAMPAS_CHECK_KIND(NotImplemented, a.dtype() != DType::Bool,
                    "\"addmm_impl_cpu_\" not implemented for 'Bool' (", op, ")");
}

// c (a fresh or accumulated-into row-major matrix or batch of them) from a and b, raw.
void gemm(const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& bias = {}) {
  if (c.is_meta() || c.numel() == 0) return;
  auto multiply = dispatch().gemm.gemm[static_cast<int>(c.dtype())];
  // Half types are rounded once, short integers wrap once. One column is not worth packing a matrix
  // into pairs of bfloat16 numbers.
  if (!multiply || (is_half(c.dtype()) && c.size(-1) == 1)) {
    const DType type = is_half(c.dtype()) ? DType::F32 : DType::I32;
    Tensor wide = empty(c.sizes(), type);
    gemm(to_dtype(a.alias(), type), to_dtype(b.alias(), type), wide,
         bias.defined() ? to_dtype(bias.alias(), type) : bias);
    return copy_raw(c, wide);
  }
  int64_t d = c.dim();
  kernels::GemmArgs g{};
  g.m = c.size(-2);
  g.n = c.size(-1);
  g.k = a.size(-1);
  g.a = a.data();
  g.a_rs = a.stride(-2);
  g.a_cs = a.stride(-1);
  g.b = b.data();
  g.b_rs = b.stride(-2);
  g.b_cs = b.stride(-1);
  g.c = c.data();
  g.c_rs = c.stride(-2);
  g.bias = bias.defined() ? bias.data() : nullptr;
  g.batch = d == 3 ? c.size(0) : 1;
  if (d == 3) {
    g.a_bs = a.size(0) == 1 ? 0 : a.stride(0);
    g.b_bs = b.size(0) == 1 ? 0 : b.stride(0);
    g.c_bs = c.stride(0);
  }
  LAMPAS_CHECK_KIND(Memory, multiply(g, kernel_env()),
                    "not enough memory to multiply matrices of shapes ", a.sizes(), " and ",
                    b.sizes(), ": the kernel needs room for a copy of the second one. Remedy: ",
                    "multiply in parts, or del what is no longer needed");
}

Tensor adjoint(const Tensor& t) { return conj(transpose(t, -2, -1)); }

// [batch, m, k] @ [batch, k, n] with its node; batch 1 broadcasts.
Tensor multiply(const Tensor& a, const Tensor& b, const char* name) {
  Dims sizes = a.dim() == 3 ? Dims{std::max(a.size(0), b.size(0)), a.size(1), b.size(2)}
                            : Dims{a.size(0), b.size(1)};
  Tensor c = empty(sizes, a.dtype(), a.is_meta() || b.is_meta() ? Device::Meta : Device::Cpu);
  gemm(a, b, c);
  if (recording(a, b))
    record(c, name, {&a, &b},
           [a = save(requires_grad(b) ? a : Tensor()), b = save(requires_grad(a) ? b : Tensor())](
               const Tensor& g, Sink& out) {
             if (out.needs(0)) out.set(0, matmul(g, adjoint(b())));
             if (out.needs(1)) out.set(1, matmul(adjoint(a()), g));
           });
  return c;
}
}  // namespace

Tensor mm(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.dim() == 2, "self must be a matrix, got shape ", a.sizes());
  LAMPAS_CHECK(b.dim() == 2, "mat2 must be a matrix, got shape ", b.sizes());
  LAMPAS_CHECK(a.size(1) == b.size(0), "mat1 and mat2 shapes cannot be multiplied (", a.size(0),
               "x", a.size(1), " and ", b.size(0), "x", b.size(1), ")",
               a.size(1) == b.size(1) ? ". Did you mean a @ b.T?" : "");
  check_types(a, b, "mm");
  return multiply(a, b, "MmBackward0");
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.dim() == 3, "batch1 must be a 3D tensor, got shape ", a.sizes());
  LAMPAS_CHECK(b.dim() == 3, "batch2 must be a 3D tensor, got shape ", b.sizes());
  LAMPAS_CHECK(a.size(0) == b.size(0) && a.size(2) == b.size(1),
               "Expected size for first two dimensions of batch2 tensor to be: [", a.size(0), ", ",
               a.size(2), "] but got: [", b.size(0), ", ", b.size(1), "].");
  check_types(a, b, "bmm");
  return multiply(a, b, "BmmBackward0");
}

Tensor mv(const Tensor& a, const Tensor& x) {
  LAMPAS_CHECK(a.dim() == 2 && x.dim() == 1, "vector + matrix @ vector expected, got ", x.dim(),
               ", ", a.dim(), ", ", x.dim());
  LAMPAS_CHECK(a.size(1) == x.size(0), "size mismatch, got input (", a.size(0), "), mat (",
               a.size(0), "x", a.size(1), "), vec (", x.size(0), ")");
  return squeeze(mm(a, unsqueeze(x, 1)), Dims{1});
}

namespace {
// Into y from vectors that lie densely: blocks of a fixed size, whose sums are added in turn.
void dot_raw(const Tensor& a, const Tensor& b, const Tensor& y) {
  constexpr int64_t kBlock = 1 << 15, kPiece = 1024;
  const int64_t n = a.numel(), blocks = (n + kBlock - 1) / kBlock;
  if (n == 0) return fill_raw(y, 0);
  const auto& table = dispatch();
  const bool half = is_half(a.dtype());
  const DType d = half ? DType::F32 : a.dtype();
  const int item = itemsize(a.dtype());
  auto dot = table.reduce.dot[static_cast<size_t>(d)];
  auto widen = table.pointwise.cast[static_cast<size_t>(d)][static_cast<size_t>(a.dtype())];
  auto *x = static_cast<const char*>(a.data()), *z = static_cast<const char*>(b.data());
  Tensor parts = empty(Dims{blocks}, d);
  auto* part = static_cast<char*>(parts.data());
  parallel_for(blocks, [&](int64_t i) {
    const int64_t begin = i * kBlock, end = std::min(n, begin + kBlock);
    if (!half) return dot(part + i * item, x + begin * item, z + begin * item, end - begin);
    float p[kPiece], q[kPiece], sums[kBlock / kPiece];
    for (int64_t k = begin; k < end; k += kPiece) {
      const int64_t m = std::min(kPiece, end - k);
      widen(p, x + k * item, m);
      widen(q, z + k * item, m);
      dot(&sums[(k - begin) / kPiece], p, q, m);
    }
    table.reduce.row[static_cast<int>(kernels::Reduce::Sum)][static_cast<size_t>(d)](
        part + i * itemsize(d), sums, (end - begin + kPiece - 1) / kPiece);
  });
  copy_raw(y, reshape(blocks == 1 ? parts : sum(parts), Dims{}));
}
}  // namespace

Tensor dot(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.dim() == 1 && b.dim() == 1, "1D tensors expected, but got ", a.dim(), "D and ",
               b.dim(), "D tensors");
  LAMPAS_CHECK(a.dtype() == b.dtype(), "dot : expected both vectors to have same dtype, but found ",
               dtype_name(a.dtype()), " and ", dtype_name(b.dtype()));
  LAMPAS_CHECK(a.numel() == b.numel(), "inconsistent tensor size, expected tensor [", a.numel(),
               "] and src [", b.numel(), "] to have the same number of elements, but got ",
               a.numel(), " and ", b.numel(), " elements respectively");
  check_types(a, b, "dot");
  Tensor y = empty(Dims{}, a.dtype(), a.is_meta() || b.is_meta() ? Device::Meta : Device::Cpu);
  if (!y.is_meta()) dot_raw(plain(a), plain(b), y);
  if (recording(a, b))
    record(y, "DotBackward0", {&a, &b},
           [a = save(requires_grad(b) ? a : Tensor()), b = save(requires_grad(a) ? b : Tensor())](
               const Tensor& g, Sink& out) {
             if (out.needs(0)) out.set(0, g * conj(b()));
             if (out.needs(1)) out.set(1, g * conj(a()));
           });
  return y;
}
Tensor vdot(const Tensor& a, const Tensor& b) { return dot(conj(a), b); }
Tensor outer(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.dim() == 1, "outer: Expected 1-D argument self, but got ", a.dim(), "-D");
  LAMPAS_CHECK(b.dim() == 1, "outer: Expected 1-D argument vec2, but got ", b.dim(), "-D");
  return mul(unsqueeze(a, 1), b);
}

namespace {
// Factors of integer products are integers; a sum of bools is a bool.
Scalar factor_of(const Scalar& s, const Tensor& p) {
  return is_integral(p.dtype()) && !s.is_integral() ? Scalar(static_cast<int64_t>(s.to_double()))
                                                    : s;
}

Tensor add_scaled_product(const Tensor& c, const Tensor& p, const Scalar& given_beta,
                          const Scalar& given_alpha) {
  Scalar beta = factor_of(given_beta, p), alpha = factor_of(given_alpha, p);
  if (p.dtype() == DType::Bool && c.dtype() == DType::Bool) {
    Tensor wide = add_scaled_product(to_dtype(c, DType::I64), to_dtype(p, DType::I64), beta, alpha);
    return to_dtype(wide, DType::Bool);
  }
  Tensor scaled = alpha.equals(1) ? p : mul(p, alpha);
  // beta = 0 leaves c out altogether, NaN included.
  if (beta.equals(0)) return scaled;
  return add(beta.equals(1) ? c : mul(c, beta), scaled);
}
}  // namespace

Tensor addmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
             const Scalar& alpha) {
  LAMPAS_CHECK(c.dtype() == a.dtype(), "self and mat2 must have the same dtype, but got ",
               dtype_name(c.dtype()), " and ", dtype_name(b.dtype()));
  Tensor p = mm(a, b);
  LAMPAS_CHECK(expandable(c.sizes(), p.sizes()), "The expanded size of the tensor ", p.sizes(),
               " must match the existing size ", c.sizes(), " (addmm)");
  return add_scaled_product(c, p, beta, alpha);
}
Tensor baddbmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
               const Scalar& alpha) {
  Tensor p = bmm(a, b);
  LAMPAS_CHECK(c.dtype() == a.dtype(), "Input dtypes must be the same, got: input ",
               dtype_name(c.dtype()), ", batch1: ", dtype_name(a.dtype()),
               ", batch2: ", dtype_name(b.dtype()));
  LAMPAS_CHECK(expandable(c.sizes(), p.sizes()), "The expanded size of the tensor ", p.sizes(),
               " must match the existing size ", c.sizes(), " (baddbmm)");
  return add_scaled_product(c, p, beta, alpha);
}

Tensor addmv(const Tensor& c, const Tensor& a, const Tensor& x, const Scalar& beta,
             const Scalar& alpha) {
  LAMPAS_CHECK(a.dim() == 2 && x.dim() == 1 && c.dim() <= 1,
               "vector + matrix @ vector expected, got ", c.dim(), ", ", a.dim(), ", ", x.dim());
  LAMPAS_CHECK(a.size(1) == x.size(0) && (c.numel() == a.size(0) || c.numel() == 1),
               "size mismatch, got input (", c.numel(), "), mat (", a.size(0), "x", a.size(1),
               "), vec (", x.size(0), ")");
  return add_scaled_product(c, mv(a, x), beta, alpha);
}
Tensor addr(const Tensor& c, const Tensor& x, const Tensor& y, const Scalar& beta,
            const Scalar& alpha) {
  LAMPAS_CHECK(x.dim() == 1 && y.dim() == 1, "addr: Expected 1-D argument vec1 and vec2, but got ",
               x.dim(), "-D and ", y.dim(), "-D");
  Tensor p = outer(x, y);
  LAMPAS_CHECK(expandable(c.sizes(), p.sizes()), "size mismatch, input: ", c.sizes(),
               ", v1: ", x.sizes(), ", v2: ", y.sizes());
  return add_scaled_product(c, p, beta, alpha);
}
Tensor addbmm(const Tensor& c, const Tensor& a, const Tensor& b, const Scalar& beta,
              const Scalar& alpha) {
  LAMPAS_CHECK(a.dim() == 3 && b.dim() == 3, "addbmm: batch1 and batch2 must be 3D, got shapes ",
               a.sizes(), " and ", b.sizes());
  Dims sizes{a.size(1), b.size(2)};
  LAMPAS_CHECK(expandable(c.sizes(), sizes), "The expanded size of the tensor ", sizes,
               " must match the existing size ", c.sizes(), " (addbmm)");
  if (!is_half(a.dtype()) || a.size(0) == 0 || a.size(0) != b.size(0) || a.size(2) != b.size(1))
    return add_scaled_product(c, to_dtype(sum(bmm(a, b), Dims{0}), a.dtype()), beta, alpha);
  // The sum grows product by product and is rounded after each.
  Tensor total = c;
  for (int64_t i = 0; i < a.size(0); ++i) {
    auto part = [&](const Tensor& t) { return to_dtype(select(t, 0, i), DType::F32); };
    total =
        to_dtype(addmm(to_dtype(total, DType::F32), part(a), part(b), i ? Scalar(1) : beta, alpha),
                 a.dtype());
  }
  return total;
}
Tensor inner(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.size(-1) == b.size(-1),
               "inner() the last dimension must match on both input tensors but got shapes ",
               a.sizes(), " and ", b.sizes());
  Tensor y =
      mm(reshape(a, Dims{-1, a.size(-1)}), transpose(reshape(b, Dims{-1, b.size(-1)}), 0, 1));
  Dims shape;
  for (int64_t i = 0; i + 1 < a.dim(); ++i) shape.push_back(a.size(i));
  for (int64_t i = 0; i + 1 < b.dim(); ++i) shape.push_back(b.size(i));
  return reshape(y, shape);
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  LAMPAS_CHECK(a.dim() > 0 && b.dim() > 0,
               "both arguments to matmul need to be at least 1D, but they are ", a.dim(), "D and ",
               b.dim(), "D");
  if (a.dim() == 2 && b.dim() == 2) return mm(a, b);
  if (a.dim() == 1 && b.dim() == 1) return dot(a, b);
  if (a.dim() == 2 && b.dim() == 1) return mv(a, b);
  if (a.dim() == 1) {
    Tensor y = matmul(unsqueeze(a, 0), b);
    return squeeze(y, Dims{-2});
  }
  if (b.dim() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), Dims{-1});
  check_types(a, b, "matmul");
  LAMPAS_CHECK(a.size(-1) == b.size(-2), "mat1 and mat2 shapes cannot be multiplied (matmul of ",
               a.sizes(), " and ", b.sizes(), ": the last size of the first, ", a.size(-1),
               ", must be the second last of the second, ", b.size(-2), ")");
  Dims batch_a(IntSpan(a.sizes()).first(a.sizes().size() - 2)),
      batch_b(IntSpan(b.sizes()).first(b.sizes().size() - 2));
  if (b.dim() == 2) {
    // One matrix for the whole batch: the batch is more rows.
    Tensor y = mm(reshape(a, Dims{product(batch_a) * a.size(-2), a.size(-1)}), b);
    Dims shape = batch_a;
    shape.push_back(a.size(-2));
    shape.push_back(b.size(-1));
    return reshape(y, shape);
  }
  Dims batch = broadcast_shapes(batch_a, batch_b, "matmul");
  auto flat = [&](const Tensor& t) {
    Dims wide = batch;
    wide.push_back(t.size(-2));
    wide.push_back(t.size(-1));
    return reshape(expand(t, wide), Dims{product(batch), t.size(-2), t.size(-1)});
  };
  Tensor y = multiply(flat(a), flat(b), "BmmBackward0");
  Dims shape = batch;
  shape.push_back(a.size(-2));
  shape.push_back(b.size(-1));
  return reshape(y, shape);
}

namespace {
// The error of a linear layer of other features than its input has: most often images that were
// not flattened.
[[noreturn]] void wrong_features(const Tensor& x, int64_t in, int64_t out) {
  int64_t last = x.dim() ? x.size(-1) : 1;
  int64_t each = x.dim() > 1 ? x.numel() / std::max<int64_t>(x.size(0), 1) : last;
  std::string remedy;
  if (x.dim() > 2 && each == in)
    remedy = "Did you mean x.flatten(1)?";
  else if (x.dim() > 1 && x.numel() == in)
    remedy = "Did you mean x.flatten()?";
  else if (x.dim() > 3)
    remedy = concat("Remedy: x.flatten(1), and a layer of ", each, " features");
  else
    remedy = concat("Remedy: a layer of ", last, " features");
  fail(ErrorKind::Runtime, "mat1 and mat2 shapes cannot be multiplied (",
       x.dim() > 1 ? x.numel() / std::max<int64_t>(last, 1) : 1, "x", last, " and ", in, "x", out,
       "): linear takes inputs of ", in, " features, and this one has shape ", x.sizes(), ". ",
       remedy);
}
}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  LAMPAS_CHECK(weight.dim() == 2 || weight.dim() == 1,
               "linear: weight must be a matrix, got shape ", weight.sizes());
  if (weight.dim() == 1) {
    Tensor y = matmul(x, weight);
    return bias.defined() ? add(y, bias) : y;
  }
  int64_t in = weight.size(1), out = weight.size(0);
  if (x.dim() == 0 || x.size(-1) != in) wrong_features(x, in, out);
  LAMPAS_CHECK(x.dtype() == weight.dtype(), "mat1 and mat2 must have the same dtype, but got ",
               dtype_name(x.dtype()), " and ", dtype_name(weight.dtype()),
               " (linear: input and weight). Remedy: x = x.to(weight.dtype)");
  if (bias.defined()) {
    LAMPAS_CHECK(bias.dtype() == x.dtype(), "linear: bias must have the input's dtype ",
                 dtype_name(x.dtype()), ", got ", dtype_name(bias.dtype()));
    if (!(bias.dim() == 1 && bias.size(0) == out)) return add(matmul(x, t(weight)), bias);
  }
  check_types(x, weight, "linear");
  int64_t rows = x.numel() / std::max<int64_t>(in, 1);
  if (in == 0) rows = product(IntSpan(x.sizes()).first(x.sizes().size() - 1));
  Tensor flat = x.dim() == 2 ? x.alias() : reshape(x.alias(), Dims{rows, in});
  Tensor y2 = empty(Dims{rows, out}, x.dtype(), x.is_meta() ? Device::Meta : Device::Cpu);
  Tensor b = bias.defined() ? plain(bias) : Tensor();
  if (in)
    gemm(flat, transpose(weight.alias(), 0, 1), y2, b);
  else if (bias.defined())
    copy_raw(y2, b);
  else
    fill_raw(y2, 0);
  Dims shape = x.sizes();
  shape[shape.size() - 1] = out;
  Tensor y = x.dim() == 2 ? y2 : Tensor::over(y2.storage_ref(), y2.dtype(), shape);
  if (recording(x, weight, bias))
    record(y, "LinearBackward0", {&x, &weight, &bias},
           [x = save(requires_grad(weight) ? x : Tensor()),
            w = save(requires_grad(x) ? weight : Tensor()), in, out, rows,
            xs = x.sizes()](const Tensor& g, Sink& sink) {
             Tensor g2 = g.dim() == 2 ? g : reshape(g, Dims{rows, out});
             if (sink.needs(0)) {
               Tensor gx = mm(g2, conj(w()));
               sink.set(0, xs.size() == 2 ? gx : reshape(gx, xs));
             }
             if (sink.needs(1)) {
               Tensor v = conj(x());
               sink.set(1, mm(t(g2), v.dim() == 2 ? v : reshape(v, Dims{rows, in})));
             }
             if (sink.needs(2)) sink.set(2, sum(g2, Dims{0}));
           });
  return y;
}

}  // namespace lampas::ops
