// What operators and bindings use of autograd: modes, recording, a tensor's place in the graph.
#pragma once
#include <functional>

#include "autograd/node.h"

namespace lampas {

// ---- modes, per thread ------------------------------------------------------------------------
struct Modes {
  bool grad = true;   // whether operators record: asked for, and not in inference mode
  bool asked = true;  // by no_grad, enable_grad and the like
  bool inference = false;
  void set(bool ask, bool infer) {
    asked = ask;
    inference = infer;
    grad = ask && !infer;
  }
};
extern constinit thread_local Modes modes;
inline bool grad_enabled() { return modes.grad; }

class GradGuard {
 public:
  explicit GradGuard(bool on) : before_(modes) { modes.set(on, modes.inference); }
  ~GradGuard() { modes = before_; }
  GradGuard(const GradGuard&) = delete;

 private:
  Modes before_;
};

// ---- a tensor's autograd data -----------------------------------------------------------------
// A differentiable view remembers its base, so that an in-place write through either one is seen
// by the other's history.
struct View {
  Tensor base;
  std::function<Tensor(const Tensor& base)> replay;  // empty: as_strided with the view's geometry
  uint32_t version = 0;                              // at which grad_fn was made
  const char* no_inplace = nullptr;                  // why writing in place is an error, if it is
};

struct AutogradMeta final : AutogradMetaBase {
  ~AutogradMeta() override;
  Tensor grad;
  Edge edge;                    // grad_fn and which of its outputs this is
  Node* accumulator = nullptr;  // borrowed: it holds the tensor, not the other way round
  bool requires_grad = false;   // leaves only
  bool retains_grad = false;
  TensorImpl* self = nullptr;  // set with retains_grad: the node's list names it
  std::unique_ptr<View> view;
  std::vector<std::shared_ptr<GradHook>> hooks;             // on a leaf's gradient
  std::vector<std::shared_ptr<GradHook>> after_accumulate;  // called with the gradient summed up
};

inline AutogradMeta* meta(const Tensor& t) {
  return t.defined() ? static_cast<AutogradMeta*>(t.impl()->autograd.get()) : nullptr;
}
AutogradMeta& ensure_meta(const Tensor& t);

inline bool requires_grad(const Tensor& t) {
  const AutogradMeta* m = meta(t);
  return m && (m->requires_grad || m->edge.node);
}
inline bool is_leaf(const Tensor& t) {
  const AutogradMeta* m = meta(t);
  return !m || !m->edge.node;
}
// The node that made `t`; renewed first if `t` is a view whose base was written to.
Node* grad_fn(const Tensor& t);
// Where t's gradient goes: its grad_fn, its accumulator if it is a leaf, or nowhere.
Edge gradient_edge(const Tensor& t);
void set_grad_fn(const Tensor& t, Ref<Node> node, uint32_t nr);
void set_requires_grad(const Tensor& t, bool on);
// Shares storage and version counter, leaves the graph.
Tensor detach(const Tensor& t);

// ---- recording ----------------------------------------------------------------------------------
template <class... T>
bool recording(const T&... inputs) {
  return modes.grad && (requires_grad(inputs) || ...);
}

// Makes `node` the producer of `out`. Integer results stay outside the graph.
void connect(Ref<Node> node, std::initializer_list<const Tensor*> inputs,
             std::span<const Tensor> out);
void connect(Ref<Node> node, std::span<const Tensor> inputs, std::span<const Tensor> out);

template <class F>
void record(const Tensor& out, const char* name, std::initializer_list<const Tensor*> inputs, F f) {
  connect(make_ref<FunctionNode<F>>(name, std::move(f)), inputs, {&out, 1});
}
template <class F>
void record(std::span<const Tensor> out, const char* name,
            std::initializer_list<const Tensor*> inputs, F f) {
  connect(make_ref<FunctionNode<F>>(name, std::move(f)), inputs, out);
}
template <class F>
void record(std::span<const Tensor> out, const char* name, std::span<const Tensor> inputs, F f) {
  connect(make_ref<FunctionNode<F>>(name, std::move(f)), inputs, out);
}

// Marks `out`, which shares x's storage, as a view of it (and of x's own base).
void mark_view(const Tensor& out, const Tensor& x,
               std::function<Tensor(const Tensor&)> replay = nullptr,
               const char* no_inplace = nullptr);

// ---- in-place writes ----------------------------------------------------------------------------
// Before: raises if `self` must not be written now (a leaf that requires grad, a forbidden view,
// read-only memory). `self` is named by `op` in the message.
void check_inplace(const Tensor& self, const char* op);
// After: counts the write and makes `node` (null: none is needed) the producer of self's new value.
// The node's edge `self_edge` must be self's previous value.
void after_inplace(const Tensor& self, Ref<Node> node, size_t self_edge = 0);

// ---- the backward pass --------------------------------------------------------------------------
struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;
  bool accumulate = false;  // with inputs: into their .grad instead of returning
};
// Gradients of sum(roots * grads). Without `inputs` they are added to the leaves' .grad; with them
// they are returned, one per input (undefined where unused).
std::vector<Tensor> run_backward(std::span<const Tensor> roots, std::span<const Tensor> grads,
                                 std::span<const Tensor> inputs, const BackwardOptions& options);
// The node whose backward is running on this thread.
Node* current_node();
// The number of the backward pass that runs on this thread; 0: none. Whether it will run a node.
uint64_t current_pass();
bool will_run(const Node& node);
// Whether that pass adds to the .grad of all leaves, not to chosen ones, nor returns gradients.
bool reaches_all_leaves();

// The few tensor operations the engine itself needs; `ops` provides them at start-up, so that
// autograd depends on no operator.
struct EngineMath {
  Tensor (*add)(const Tensor&, const Tensor&);
  void (*add_)(const Tensor& into, const Tensor&);
  Tensor (*scale)(const Tensor&, const Scalar&);
  Tensor (*divide)(const Tensor&, const Tensor&);
  Tensor (*sum_to_size)(const Tensor&, IntSpan);
  Tensor (*cast)(const Tensor&, DType);
  Tensor (*clone)(const Tensor&);
  Tensor (*zeros)(const GradShape&);
  Tensor (*ones)(const GradShape&);
  Tensor (*as_strided)(const Tensor&, IntSpan sizes, IntSpan strides, int64_t offset);
  void (*copy_)(const Tensor& into, const Tensor& from);
  Tensor (*real_part)(const Tensor&);
  bool (*has_nan)(const Tensor&);
};
extern EngineMath engine_math;

// Anomaly detection: `describe` (set by the bindings) returns the Python stack of the forward call.
struct Anomaly {
  bool enabled = false;
  bool check_nan = true;
  std::string (*describe)() = nullptr;
  void (*warn)(const std::string& text) = nullptr;
};
extern Anomaly anomaly;

}  // namespace lampas
