#include "ops/pointwise.h"

#include <cctype>
#include <cstring>

#include "autograd/autograd.h"
#include "dispatch/dispatch.h"
#include "iter/loop.h"
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/inplace.h"
#include "ops/promote.h"
#include "ops/views.h"
#include "runtime/pool.h"

namespace lampas::ops {

namespace {
using Kind = kernels::PointwiseKind;
constexpr uint8_t A = 1, B = 2, C = 4, Y = 8;

using Gradient = Tensor (*)(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& c,
                            const Tensor& y, const double* p);

struct Row {
  PointwiseRow info;
  Kind kind;
  const char* needs;      // as written in the row
  uint8_t saved[3] = {};  // for each operand's gradient: what it reads
  Gradient gradient[3] = {};
  std::string node_name;
};

// ---- gradients, from the rows ------------------------------------------------------------------
#define LAMPAS_GRADIENT(expr)                                                             \
  [](const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& y, \
     const double* p) -> Tensor {                                                         \
    [[maybe_unused]] const double p0 = p[0], p1 = p[1], p2 = p[2];                        \
    (void)g, (void)a, (void)b, (void)c, (void)y;                                          \
    [[maybe_unused]] const Tensor none;                                                   \
    [[maybe_unused]] const Zero zero{g};                                                  \
    return expr;                                                                          \
  }
// `zero` in a row: zeros of the gradient's shape.
struct Zero {
  const Tensor& g;
  operator Tensor() const { return zeros_like(g); }  // NOLINT
};
#define LAMPAS_GRADIENTS_1(x) {LAMPAS_GRADIENT(x), nullptr, nullptr}
#define LAMPAS_GRADIENTS_2(x, z) {LAMPAS_GRADIENT(x), LAMPAS_GRADIENT(z), nullptr}
#define LAMPAS_GRADIENTS_3(x, z, w) {LAMPAS_GRADIENT(x), LAMPAS_GRADIENT(z), LAMPAS_GRADIENT(w)}

std::vector<Row> make_rows() {
  std::vector<Row> rows = {
#define POINTWISE(name, arity, params, KIND, needs, doc, forward, ...) \
  {{#name, arity, params, doc}, Kind::KIND, needs, {}, LAMPAS_GRADIENTS_##arity(__VA_ARGS__), {}},
#include "defs/pointwise.def"
#undef POINTWISE
  };
  for (Row& r : rows) {
    int operand = 0;
    for (const char* s = r.needs; *s; ++s) {
      if (*s == ',')
        ++operand;
      else
        r.saved[operand] |= *s == 'a' ? A : *s == 'b' ? B : *s == 'c' ? C : Y;
    }
    bool upper = true;  // tanh_backward -> TanhBackwardBackward0
    for (const char* s = r.info.name; *s; ++s) {
      if (*s == '_') {
        upper = true;
        continue;
      }
      r.node_name += upper ? static_cast<char>(std::toupper(*s)) : *s;
      upper = false;
    }
    if (r.node_name.ends_with("Raw")) r.node_name.resize(r.node_name.size() - 3);
    r.node_name += "Backward0";
  }
  return rows;
}

const Row& row(Pointwise op) {
  static const std::vector<Row> rows = make_rows();
  return rows[static_cast<size_t>(op)];
}

class PointwiseNode final : public Node {
 public:
  PointwiseNode(Pointwise op, const double* p) : row_(row(op)) {
    if (p) std::copy(p, p + 3, params_);
  }
  const char* name() const override { return row_.node_name.c_str(); }

  // Keeps what the wanted gradients read of operand i.
  void keep(std::span<const Operand> in, DType dtype, uint8_t reads) {
    dtype_ = dtype;
    for (size_t i = 0; i < in.size(); ++i) {
      if (!(reads & (1 << i))) continue;
      keeps_ = true;
      if (in[i].is_tensor())
        saved_[i] = Saved(in[i].tensor());
      else
        number_[i] = in[i].scalar();
    }
    numbers_ = 0;
    for (size_t i = 0; i < in.size(); ++i)
      if (!in[i].is_tensor()) numbers_ |= static_cast<uint8_t>(1 << i);
  }
  void keep_operand(size_t i, const Tensor& t) { saved_[i] = Saved(t); }
  void keep_result(const Tensor& y) {
    keeps_ = true;
    saved_[3] = Saved::output(y);
  }

  void backward(std::span<const Tensor> grads, Sink& out) override {
    const Tensor& g = grads[0];
    if (!g.defined()) return;
    Tensor v[4];
    uint8_t reads = 0;
    for (size_t i = 0; i < edges.size(); ++i)
      if (out.needs(i)) reads |= row_.saved[i];
    for (size_t i = 0; i < 4; ++i) {
      if (!(reads & (1 << i))) continue;
      v[i] = numbers_ & (1 << i) ? scalar_tensor(number_[i], dtype_) : saved_[i]();
    }
    for (size_t i = 0; i < edges.size(); ++i)
      if (out.needs(i)) out.set(i, row_.gradient[i](g, v[0], v[1], v[2], v[3], params_));
  }
  void release_saved() override {
    if (!keeps_) return;
    for (Saved& s : saved_) s = Saved();
    released = true;
  }

 private:
  const Row& row_;
  Saved saved_[4];
  Scalar number_[3];
  double params_[3] = {};
  DType dtype_ = DType::F32;
  uint8_t numbers_ = 0;
  bool keeps_ = false;
};

// ---- types -------------------------------------------------------------------------------------
[[noreturn]] void refuse(const Row& r, DType d) {
  std::string name = r.info.name;
  if (d != DType::Bool && name == "sub")
    fail(ErrorKind::Runtime,
         "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
         "invert a mask, use the `~` or `logical_not()` operator instead.");
  if (name == "sub")
    fail(ErrorKind::Runtime,
         "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
         "`logical_xor()` operator instead.");
  if (d == DType::Bool && name == "neg")
    fail(ErrorKind::Runtime,
         "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
         "invert a mask, use the `~` or `logical_not()` operator instead.");
  if (name.ends_with("_raw")) name.resize(name.size() - 4);
  fail(ErrorKind::NotImplemented, "\"", name, "\" not implemented for '", dtype_name(d), "'");
}

bool admits(Kind k, DType d) {
  bool boolean = d == DType::Bool, integer = is_integral(d) && !boolean, complex = is_complex(d);
  switch (k) {
    case Kind::Float:
    case Kind::Special:
      return !complex;
    case Kind::FloatC:
    case Kind::ArithB:
    case Kind::Test:
      return true;
    case Kind::Real:
      return !boolean && !complex;
    case Kind::RealB:
    case Kind::TestR:
      return !complex;
    case Kind::Arith:
      return !boolean;
    case Kind::Bits:
      return boolean || integer;
    case Kind::Ints:
      return integer;
    case Kind::Fp:
      return !boolean && !integer && !complex;
    case Kind::FpC:
      return !boolean && !integer;
  }
  return false;
}

struct Types {
  DType compute, result, loop;
};
bool is_bool(const Operand& o) {
  return o.is_tensor() ? o.tensor().dtype() == DType::Bool
                       : o.scalar().kind() == Scalar::Kind::Bool;
}

Types types_of(const Row& r, std::span<const Operand> in) {
  DType common = result_type(in);
  if (!admits(r.kind, common)) refuse(r, common);
  // A difference takes no bools, not even beside numbers.
  if (r.kind == Kind::Arith && in.size() == 2 && (is_bool(in[0]) || is_bool(in[1])) &&
      std::string_view(r.info.name) == "sub")
    refuse(r, common);
  if (r.kind == Kind::Float || r.kind == Kind::FloatC || r.kind == Kind::Special)
    common = float_type(common);
  bool test = r.kind == Kind::Test || r.kind == Kind::TestR;
  return {common, test ? DType::Bool : common, is_half(common) ? DType::F32 : common};
}

int64_t grain_of(const Row& r) {
  // Functions of floats cost ten times what sums do, special ones a hundred times.
  if (r.kind == Kind::Special) return 2048;
  return r.kind == Kind::Float || r.kind == Kind::FloatC || r.kind == Kind::Fp ? 8192 : 32768;
}

// ---- running -----------------------------------------------------------------------------------
// A number before a tensor of a half type is one of that type; behind it, it keeps its digits.
void store_number(std::span<const Operand> in, size_t i, const Types& t, void* out) {
  in[i].scalar().store(t.loop, out);
  if (i > 0 || in.size() < 2 || !is_half(t.compute)) return;
  auto* v = static_cast<float*>(out);
  *v = t.compute == DType::F16 ? to_float(to_f16(*v)) : to_float(to_bf16(*v));
}

struct Operands {
  alignas(16) char numbers[3][16];
  const void* data[3];
  unsigned mask = 0;
};

// All operands lie as `out` does or are numbers, and nothing has to be cast.
bool run_flat(Pointwise op, const Row& r, std::span<const Operand> in, const Types& t,
              const Tensor& out, const double* params) {
  if (out.dtype() != (t.result == DType::Bool ? DType::Bool : t.loop)) return false;
  Operands o;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].is_tensor()) {
      store_number(in, i, t, o.numbers[i]);
      o.data[i] = o.numbers[i];
      o.mask |= 1u << i;
    } else {
      const Tensor& x = in[i].tensor();
      if (x.dtype() != t.loop) return false;
      if (!same_layout(out, x)) {
        if (x.numel() != 1) return false;
        o.mask |= 1u << i;
      }
      o.data[i] = x.data();
    }
  }
  auto fn = dispatch().pointwise.fn[static_cast<int>(op)][static_cast<int>(t.loop)];
  int64_t n = out.numel(), grain = grain_of(r);
  auto* y = static_cast<char*>(out.data());
  if (n <= grain) {
    fn(y, o.data, o.mask, n, params);
    return true;
  }
  const int item = itemsize(t.loop), item_out = itemsize(out.dtype());
  parallel_ranges(n, grain, [&](int64_t b, int64_t e) {
    const void* at[3];
    for (size_t i = 0; i < in.size(); ++i)
      at[i] = o.mask & (1u << i) ? o.data[i] : static_cast<const char*>(o.data[i]) + b * item;
    fn(y + b * item_out, at, o.mask, e - b, params);
  });
  return true;
}

void run(Pointwise op, const Row& r, std::span<const Operand> in, const Types& t, const Tensor& out,
         const double* params) {
  if (out.is_meta() || out.numel() == 0) return;
  bool dense = out.is_contiguous() || dense_strides(out) == out.strides();
  if (dense && run_flat(op, r, in, t, out, params)) return;
  auto fn = dispatch().pointwise.fn[static_cast<int>(op)][static_cast<int>(t.loop)];
  Operands o;
  Loop loop(out);
  for (size_t i = 0; i < in.size(); ++i) {
    if (in[i].is_tensor()) {
      loop.add(in[i].tensor());
    } else {
      store_number(in, i, t, o.numbers[i]);
      loop.add_scalar(o.numbers[i], t.loop);
    }
  }
  loop.run(fn, t.loop, t.result == DType::Bool ? DType::Bool : t.loop, params, grain_of(r));
}

// Shape of the result, and the operand whose memory layout it takes over.
Tensor make_result(std::span<const Operand> in, const Row& r, DType dtype) {
  const Tensor* model = nullptr;
  bool same = true;
  Device device = Device::Cpu;
  Dims shape;
  for (const Operand& o : in) {
    if (!o.is_tensor()) continue;
    const Tensor& x = o.tensor();
    if (x.is_meta()) device = Device::Meta;
    if (!model) {
      model = &x;
      shape = x.sizes();
    } else if (!(x.sizes() == model->sizes())) {
      shape = broadcast_shapes(shape, x.sizes(), r.info.name);
      same = false;
      if (x.dim() > model->dim()) model = &x;
    } else if (!(x.strides() == model->strides())) {
      same = false;
    }
  }
  if (model && same && !model->is_contiguous())
    return empty_strided(shape, dense_strides(*model), dtype, device);
  return empty(shape, dtype, device);
}

Ref<PointwiseNode> make_node(Pointwise op, std::span<const Operand> in, DType dtype,
                             const double* params) {
  auto node = make_ref<PointwiseNode>(op, params);
  uint8_t reads = 0;
  const Row& r = row(op);
  for (size_t i = 0; i < in.size(); ++i) {
    Edge e = in[i].is_tensor() ? gradient_edge(in[i].tensor()) : Edge{};
    if (e.node) reads |= r.saved[i];
    node->edges.push_back(std::move(e));
  }
  node->keep(in, dtype, reads & ~Y);
  return node;
}

bool tracked(std::span<const Operand> in) {
  if (!grad_enabled()) return false;
  for (const Operand& o : in)
    if (o.is_tensor() && requires_grad(o.tensor())) return true;
  return false;
}

bool reads_result(Pointwise op, const Node& node) {
  for (size_t i = 0; i < node.edges.size(); ++i)
    if (node.edges[i].node && (row(op).saved[i] & Y)) return true;
  return false;
}
}  // namespace

const PointwiseRow& pointwise_row(Pointwise op) { return row(op).info; }

Tensor pointwise(Pointwise op, std::span<const Operand> in, const double* params) {
  const Row& r = row(op);
  Types t = types_of(r, in);
  Tensor out = make_result(in, r, t.result);
  run(op, r, in, t, out, params);
  if (is_differentiable(t.result) && tracked(in)) {
    auto node = make_node(op, in, t.result, params);
    node->add_output(out);
    set_grad_fn(out, node, 0);
    if (reads_result(op, *node)) node->keep_result(out);
  }
  return out;
}

void pointwise_(Pointwise op, std::span<const Operand> in, const double* params) {
  const Row& r = row(op);
  const Tensor& self = in[0].tensor();
  std::string name = std::string(r.info.name) + "_";
  check_inplace(self, name.c_str());
  check_written_once(self, name.c_str());
  Types t = types_of(r, in);
  LAMPAS_CHECK(can_cast(t.result, self.dtype()), name, ": result type ", dtype_name(t.result),
               " can't be cast to the desired output type ", dtype_name(self.dtype()));
  Operand parts[3] = {in[0], 0, 0};
  Tensor copies[3];
  for (size_t i = 1; i < in.size(); ++i) {
    parts[i] = in[i];
    if (!in[i].is_tensor()) continue;
    const Tensor& x = in[i].tensor();
    LAMPAS_CHECK(expandable(x.sizes(), self.sizes()), name, ": output with shape ", self.sizes(),
                 " doesn't match the broadcast shape ",
                 broadcast_shapes(self.sizes(), x.sizes(), name.c_str()));
    // Other parts of the same memory are read as they were before.
    if (x.storage_ref() == self.storage_ref() &&
        !(x.strides() == self.strides() && x.offset() == self.offset())) {
      copies[i] = clone(x);
      parts[i] = copies[i];
    }
  }
  std::span<const Operand> now(parts, in.size());
  Ref<PointwiseNode> node;
  if (is_differentiable(self.dtype()) && tracked(now)) {
    node = make_node(op, now, t.result, params);
    // The old value is gone after this; a gradient that reads it reads a copy.
    uint8_t reads = 0;
    for (size_t i = 0; i < now.size(); ++i)
      if (node->edges[i].node) reads |= r.saved[i];
    for (size_t i = 0; i < now.size(); ++i)
      if ((reads & (1 << i)) && now[i].is_tensor() &&
          now[i].tensor().storage_ref() == self.storage_ref())
        node->keep_operand(i, clone(now[i].tensor()));
  }
  run(op, r, now, t, self, params);
  after_inplace(self, node);
  if (node && reads_result(op, *node)) node->keep_result(self);
}

}  // namespace lampas::ops
