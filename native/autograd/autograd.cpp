#include "autograd/autograd.h"

#include "autograd/accumulate.h"

namespace lampas {

constinit thread_local Modes modes;
EngineMath engine_math;
Anomaly anomaly;

AutogradMeta::~AutogradMeta() {
  if (!self || !edge.node) return;
  auto& list = edge.node->hooks().retain;
  std::erase_if(list, [&](const auto& entry) { return entry.second == self; });
}

namespace {
// Moves the tensor to another place in the graph; a tensor that keeps its gradient keeps the one
// of its newest value.
void set_edge(AutogradMeta& m, Edge edge) {
  if (m.retains_grad && m.edge.node) {
    std::erase_if(m.edge.node->hooks().retain,
                  [&](const auto& entry) { return entry.second == m.self; });
    if (edge.node) edge.node->hooks().retain.emplace_back(edge.nr, m.self);
  }
  m.edge = std::move(edge);
}
}  // namespace

AutogradMeta& ensure_meta(const Tensor& t) {
  if (!t.impl()->autograd) t.impl()->autograd = std::make_unique<AutogradMeta>();
  return *meta(t);
}

namespace {
// Whether `v` is the view its base would give now, for views whose grad_fn went stale.
bool is_stale(const Tensor& t, const AutogradMeta& m) {
  return m.view && m.view->version != t.version() && requires_grad(m.view->base);
}

// A view's history, made anew from its base's after somebody wrote to the shared memory.
void renew(const Tensor& t, AutogradMeta& m) {
  GradGuard on(true);
  View& v = *m.view;
  Tensor again = v.replay ? v.replay(v.base)
                          : engine_math.as_strided(v.base, t.sizes(), t.strides(), t.offset());
  set_edge(m, meta(again) ? meta(again)->edge : Edge{});
  v.version = t.version();
}
}  // namespace

Node* grad_fn(const Tensor& t) {
  AutogradMeta* m = meta(t);
  if (!m) return nullptr;
  if (is_stale(t, *m)) renew(t, *m);
  return m->edge.node.get();
}

Edge gradient_edge(const Tensor& t) {
  AutogradMeta* m = meta(t);
  if (!m) return {};
  if (is_stale(t, *m)) renew(t, *m);
  if (m->edge.node) return m->edge;
  if (!m->requires_grad) return {};
  if (m->accumulator) return {Ref<Node>::share(m->accumulator), 0};
  auto node = make_ref<AccumulateGrad>(t);
  m->accumulator = node.get();
  return {node, 0};
}

void set_grad_fn(const Tensor& t, Ref<Node> node, uint32_t nr) {
  AutogradMeta& m = ensure_meta(t);
  set_edge(m, {std::move(node), nr});
  m.requires_grad = false;
}

void set_requires_grad(const Tensor& t, bool on) {
  if (!on && !is_leaf(t))
    fail(ErrorKind::Runtime,
         "you can only change requires_grad flags of leaf variables. If you want to use a computed "
         "variable in a subgraph that doesn't require differentiation use "
         "var_no_grad = var.detach().");
  if (on && !is_differentiable(t.dtype()))
    fail(ErrorKind::Runtime,
         "only Tensors of floating point and complex dtype can require "
         "gradients; this one is ",
         t, ". Convert it first: t.float()");
  if (on && t.impl()->inference && !modes.inference)
    fail(ErrorKind::Runtime,
         "Setting requires_grad=True on inference tensor outside InferenceMode "
         "is not allowed. Make a normal copy first: t.clone()");
  if (!is_leaf(t) || (!on && !meta(t))) return;
  ensure_meta(t).requires_grad = on;
}

Tensor detach(const Tensor& t) { return t.alias(); }

namespace {
void finish(const Ref<Node>& node, std::span<const Tensor> out) {
  for (const Tensor& t : out) {
    // Every output has its number, whether or not a gradient can come to it.
    uint32_t nr = 0;
    if (t.defined())
      nr = node->add_output(t);
    else
      node->outputs.push_back({});
    if (t.defined() && is_differentiable(t.dtype())) set_grad_fn(t, node, nr);
  }
}
}  // namespace

void connect(Ref<Node> node, std::initializer_list<const Tensor*> inputs,
             std::span<const Tensor> out) {
  for (const Tensor* t : inputs) node->edges.push_back(gradient_edge(*t));
  finish(node, out);
}

void connect(Ref<Node> node, std::span<const Tensor> inputs, std::span<const Tensor> out) {
  for (const Tensor& t : inputs) node->edges.push_back(gradient_edge(t));
  finish(node, out);
}

void mark_view(const Tensor& out, const Tensor& x, std::function<Tensor(const Tensor&)> replay,
               const char* no_inplace) {
  AutogradMeta* mx = meta(x);
  const View* above = mx && mx->view ? mx->view.get() : nullptr;
  // The base may come to require grad later, by an in-place write, so views are remembered
  // whenever gradients are recorded at all.
  if (!modes.grad && !requires_grad(x)) return;
  auto v = std::make_unique<View>();
  v->base = above ? above->base : x;
  v->version = out.version();
  v->no_inplace = no_inplace ? no_inplace : (above ? above->no_inplace : nullptr);
  if (!modes.grad && !v->no_inplace && requires_grad(x)) v->no_inplace = "created in no_grad mode";
  if (above && above->replay) {
    auto first = above->replay;
    auto sizes = out.sizes();
    auto strides = out.strides();
    auto offset = out.offset();
    v->replay = [first, replay, sizes, strides, offset](const Tensor& base) {
      Tensor mid = first(base);
      return replay ? replay(mid) : engine_math.as_strided(mid, sizes, strides, offset);
    };
  } else if (replay && above) {
    Dims sizes = x.sizes(), strides = x.strides();
    int64_t offset = x.offset();
    v->replay = [replay, sizes, strides, offset](const Tensor& base) {
      return replay(engine_math.as_strided(base, sizes, strides, offset));
    };
  } else {
    v->replay = std::move(replay);
  }
  ensure_meta(out).view = std::move(v);
}

void check_inplace(const Tensor& self, const char* op) {
  if (self.storage().read_only)
    fail(ErrorKind::Value, op,
         ": the tensor's memory is read-only (it was lent by another object, "
         "a NumPy array say). Work on a copy: t = t.clone()");
  if (self.impl()->inference && !modes.inference)
    fail(ErrorKind::Runtime,
         "Inplace update to inference tensor outside InferenceMode is not "
         "allowed (",
         op, "). Make a clone first: t = t.clone()");
  const AutogradMeta* m = meta(self);
  if (!m || !modes.grad) return;
  if (m->requires_grad && !m->edge.node)
    fail(ErrorKind::Runtime,
         "a leaf Variable that requires grad is being used in an in-place "
         "operation (",
         op, " on ", self,
         "). Remedy: write inside `with no_grad():`, or use the "
         "out-of-place operation");
  if (m->view && requires_grad(m->view->base)) {
    if (is_leaf(m->view->base))
      fail(ErrorKind::Runtime,
           "a view of a leaf Variable that requires grad is being used in an "
           "in-place operation (",
           op, " on ", self, "). Remedy: write inside `with no_grad():`");
    if (m->view->no_inplace)
      fail(ErrorKind::Runtime, "a view was ", m->view->no_inplace,
           " and is being modified in-place "
           "(",
           op, " on ", self,
           ") with grad mode enabled. Remedy: use the out-of-place operation "
           "or .clone() the view");
  }
}

namespace {
// A write through a view, seen from the view's base: the base's gradient outside the view passes
// through, the part inside goes through the operation's own node.
class CopySlices final : public Node {
 public:
  // Edge `self` of `fn` is the view's previous value.
  CopySlices(const Tensor& base, const Tensor& view, const View& how, Ref<Node> fn, size_t self)
      : fn_(std::move(fn)),
        self_(self),
        replay_(how.replay),
        base_strides_(base.strides()),
        base_offset_(base.offset()),
        sizes_(view.sizes()),
        strides_(view.strides()),
        offset_(view.offset()) {
    edges.push_back(gradient_edge(base));
    for (size_t i = 0; i < fn_->edges.size(); ++i)
      if (i != self_) edges.push_back(fn_->edges[i]);
  }
  const char* name() const override { return "CopySlices"; }
  void backward(std::span<const Tensor> grads, Sink& out) override {
    if (!grads[0].defined()) return;
    Tensor whole = fresh(grads[0]);
    Tensor part = replay_ ? replay_(whole)
                          : engine_math.as_strided(whole, sizes_, strides_, offset_ - base_offset_);
    std::vector<Tensor> inner(std::max<size_t>(fn_->edges.size(), 1));
    std::vector<char> wanted(inner.size(), 1);
    Sink sink(*fn_, inner, reinterpret_cast<const bool*>(wanted.data()));
    Tensor g = engine_math.clone(part);
    fn_->backward({&g, 1}, sink);
    if (inner[self_].defined())
      engine_math.copy_(part, inner[self_]);
    else
      engine_math.copy_(part, engine_math.zeros({part.sizes(), part.dtype(), part.device()}));
    out.set(0, whole);
    for (size_t i = 0; i < inner.size(); ++i)
      if (i != self_) out.set(i < self_ ? i + 1 : i, inner[i]);
  }
  void release_saved() override {
    fn_->release_saved();
    released = fn_->released;
  }

 private:
  // A copy of the gradient with the base's own strides, so that the view's geometry fits it.
  Tensor fresh(const Tensor& g) {
    Dims strides = base_strides_;
    int64_t extent = 1;
    for (size_t i = 0; i < strides.size(); ++i) extent += (g.size(i) - 1) * strides[i];
    Tensor flat = engine_math.zeros({{std::max<int64_t>(extent, 0)}, g.dtype(), g.device()});
    Tensor whole = engine_math.as_strided(flat, g.sizes(), strides, 0);
    engine_math.copy_(whole, g);
    return whole;
  }

  Ref<Node> fn_;
  size_t self_;
  std::function<Tensor(const Tensor&)> replay_;
  Dims base_strides_;
  int64_t base_offset_;
  Dims sizes_, strides_;
  int64_t offset_;
};
}  // namespace

void after_inplace(const Tensor& self, Ref<Node> node, size_t self_edge) {
  if (!self.impl()->inference) self.bump_version();
  if (!node) return;
  AutogradMeta* m = meta(self);
  if (m && m->view) {
    const Tensor base = m->view->base;
    auto slices = make_ref<CopySlices>(base, self, *m->view, node, self_edge);
    slices->add_output(base);
    set_grad_fn(base, slices, 0);
    renew(self, *m);
    return;
  }
  if (node->outputs.size() == 0) node->add_output(self);
  set_grad_fn(self, node, 0);
}

}  // namespace lampas
