// The graph: nodes hold edges to the nodes that made their inputs.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace lampas {

class Node;
void destroy(Node* n);  // frees a chain of any length without recursion

struct Edge {
  Ref<Node> node;
  uint32_t nr = 0;  // which of the node's outputs
  explicit operator bool() const { return static_cast<bool>(node); }
};

// Grows past N values into a vector; up to N nothing is allocated.
template <class T, size_t N>
class Few {
 public:
  size_t size() const { return n_; }
  T& operator[](size_t i) { return i < N ? few_[i] : more_[i - N]; }
  const T& operator[](size_t i) const { return i < N ? few_[i] : more_[i - N]; }
  void push_back(T v) {
    if (n_ < N)
      few_[n_] = std::move(v);
    else
      more_.push_back(std::move(v));
    ++n_;
  }
  void resize(size_t n) {
    while (n_ < n) push_back(T());
  }
  void clear() {
    for (size_t i = 0; i < std::min(n_, N); ++i) few_[i] = T();
    more_.clear();
    n_ = 0;
  }

 private:
  T few_[N];
  std::vector<T> more_;
  size_t n_ = 0;
};

// What a gradient flowing into one of a node's outputs must look like.
struct GradShape {
  Dims sizes;
  DType dtype = DType::F32;
  Device device = Device::Cpu;
};

// Where a node's backward leaves the gradients of its inputs.
class Sink {
 public:
  Sink(const Node& node, std::span<Tensor> out, const bool* wanted)
      : node_(node), out_(out), wanted_(wanted) {}
  bool needs(size_t i) const;  // false: the gradient of input i would be thrown away
  void set(size_t i, Tensor g) { out_[i] = std::move(g); }
  size_t size() const { return out_.size(); }

 private:
  const Node& node_;
  std::span<Tensor> out_;
  const bool* wanted_;
};

struct GradHook {  // a hook on a tensor's gradient; returns a replacement or an undefined tensor
  virtual ~GradHook() = default;
  virtual Tensor call(const Tensor& grad) = 0;
};
struct NodeHook {  // around a node's backward; may replace the gradients in place
  virtual ~NodeHook() = default;
  virtual void call(std::span<Tensor> grad_inputs, std::span<Tensor> grad_outputs) = 0;
};

struct NodeHooks {
  struct OnTensor {
    uint32_t nr;
    std::shared_ptr<GradHook> hook;
  };
  std::vector<OnTensor> on_tensor;  // run before the node, on output nr's gradient
  // Tensors that keep their gradient. Borrowed: a tensor's autograd data takes itself off the list.
  std::vector<std::pair<uint32_t, TensorImpl*>> retain;
  std::vector<std::shared_ptr<NodeHook>> before;  // sees the gradients of the outputs
  std::vector<std::shared_ptr<NodeHook>> after;   // sees the gradients of inputs and outputs
  std::shared_ptr<void> notes;                    // what the bindings keep with the node
};

class Node : public RefCounted {
 public:
  Node();
  virtual ~Node();
  virtual const char* name() const = 0;
  // `grads` holds one gradient per output; an undefined one stands for zeros.
  virtual void backward(std::span<const Tensor> grads, Sink& out) = 0;
  virtual void release_saved() {}
  // Leaves whose gradient is accumulated run as soon as they are ready.
  virtual bool is_accumulator() const { return false; }

  NodeHooks& hooks() {
    if (!hooks_) hooks_ = std::make_unique<NodeHooks>();
    return *hooks_;
  }
  NodeHooks* hooks_or_null() const { return hooks_.get(); }
  uint32_t add_output(const Tensor& t);

  Few<Edge, 3> edges;
  Few<GradShape, 1> outputs;
  uint64_t seq;  // creation order: later nodes run earlier
  bool released = false;
  void* py = nullptr;                  // the living Python object, borrowed
  std::unique_ptr<std::string> trace;  // where the forward call stood, under detect_anomaly

  // The engine's notes on this node; valid only while `task` names the running backward pass.
  struct Pass {
    uint64_t task = 0;
    int32_t waiting = 0;  // gradients still to come
    bool needed = true;   // leads to a tensor whose gradient is asked for
    bool done = false;
    Few<Tensor, 1> grads;  // sums of what has come so far, one per output
    Few<char, 1> owned;    // true: the sum is ours and may be added to in place
    bool wanted = false;   // its own incoming gradient is asked for
  } pass;

 private:
  std::unique_ptr<NodeHooks> hooks_;
};

// A value that a user's hooks keep in their own way, on disk or to be computed again.
struct Packed : RefCounted {
  virtual ~Packed() = default;
  virtual Tensor unpack() = 0;
  Edge edge;  // where a gradient of the value goes; none for a node's own result
};
// Packs what is saved from now on on this thread; null: nothing does.
using PackFn = Ref<Packed> (*)(const Tensor& value);
extern constinit thread_local PackFn pack_saved;

// A value kept for backward, checked for in-place changes when it is used.
class Saved {
 public:
  Saved() = default;
  explicit Saved(const Tensor& input);
  Saved(const Saved&) = default;
  Saved(Saved&& o) noexcept
      : t_(std::move(o.t_)),
        packed_(std::move(o.packed_)),
        version_(o.version_),
        nr_(o.nr_),
        output_(o.output_) {
    ++moves;
  }
  Saved& operator=(Saved&&) noexcept = default;
  Saved& operator=(const Saved&) = default;
  // The node's own result: kept without its graph, which would be a cycle.
  static Saved output(const Tensor& y, uint32_t nr = 0);
  Tensor operator()() const;
  bool defined() const { return t_.defined() || packed_; }

  // Moves so far on this thread. A FunctionNode learns from it whether its function keeps any
  // saved value: only such a node cannot run again after its memory was released.
  static thread_local uint32_t moves;

 private:
  void pack();
  Tensor unpack() const;

  Tensor t_;
  Ref<Packed> packed_;
  uint32_t version_ = 0, nr_ = 0;
  bool output_ = false;
};
inline Saved save(const Tensor& t) { return Saved(t); }

// Several of them, undefined ones included.
class SavedList {
 public:
  explicit SavedList(const std::vector<Tensor>& values) {
    for (const Tensor& t : values) list_.emplace_back(t);
  }
  SavedList(const SavedList&) = default;
  SavedList(SavedList&& o) noexcept : list_(std::move(o.list_)) { ++Saved::moves; }
  std::vector<Tensor> operator()() const {
    std::vector<Tensor> values;
    for (const Saved& s : list_) values.push_back(s());
    return values;
  }

 private:
  std::vector<Saved> list_;
};

// A node from a function. With one output F is `void(const Tensor& g, Sink&)` or, with one input,
// `Tensor(const Tensor& g)`; with several it is `void(std::span<const Tensor>, Sink&)`.
template <class F>
class FunctionNode final : public Node {
 public:
  FunctionNode(const char* name, F f) : name_(name) {
    uint32_t before = Saved::moves;
    f_.emplace(std::move(f));
    keeps_ = Saved::moves != before;
  }
  const char* name() const override { return name_; }
  void backward(std::span<const Tensor> grads, Sink& out) override {
    if constexpr (std::is_invocable_v<F&, std::span<const Tensor>, Sink&>) {
      (*f_)(grads, out);
    } else if constexpr (std::is_invocable_v<F&, const Tensor&, Sink&>) {
      if (grads[0].defined()) (*f_)(grads[0], out);
    } else {
      if (grads[0].defined()) out.set(0, (*f_)(grads[0]));
    }
  }
  void release_saved() override {
    if (!keeps_) return;
    f_.reset();
    released = true;
  }

 private:
  std::optional<F> f_;
  const char* name_;
  bool keeps_ = false;
};

}  // namespace lampas
