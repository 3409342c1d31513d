// The backward pass: counts how many gradients each node waits for, then runs nodes, latest first,
// as they become ready. Iterative throughout; everything happens on the calling thread.
#include <algorithm>

#include "autograd/autograd.h"

namespace lampas {

namespace {
thread_local Node* running = nullptr;
thread_local int depth = 0;
thread_local uint64_t current = 0;
thread_local bool all_leaves = true;
uint64_t last_task = 0;

struct Earlier {
  bool operator()(const Node* a, const Node* b) const { return a->seq < b->seq; }
};

class Task {
 public:
  Task(std::span<const Tensor> inputs, const BackwardOptions& options)
      : inputs_(inputs), options_(options), id_(++last_task), outer_(std::exchange(current, id_)) {
    outer_all_leaves_ = std::exchange(all_leaves, inputs.empty());
    ++depth;
  }
  ~Task() {
    // Also after an exception: no node keeps gradients of a pass that is over.
    for (Node* n : order_) n->pass = {};
    for (auto& [node, pass] : interrupted_) node->pass = std::move(pass);
    --depth;
    current = outer_;
    all_leaves = outer_all_leaves_;
  }

  std::vector<Tensor> run(std::span<const Tensor> roots, std::span<const Tensor> grads);

 private:
  void visit(Node* n);
  void discover();
  void mark_inputs();
  void execute(Node* n);
  void run_hooks(Node* n, std::vector<Tensor>& grads);
  void route(Node* n, std::vector<Tensor>& out);
  void deliver(const Edge& to, Tensor g, const Node* from);
  void finish_one(Node* n);

  std::span<const Tensor> inputs_;
  const BackwardOptions& options_;
  uint64_t id_, outer_;
  bool outer_all_leaves_;
  std::vector<Edge> roots_, wanted_;
  std::vector<Node*> order_;  // children before parents
  std::vector<Node*> ready_;  // heap, latest node on top
  std::vector<Tensor> results_;
  std::vector<std::pair<Node*, Node::Pass>> interrupted_;  // notes of passes this one runs inside
};

void Task::visit(Node* n) {
  if (depth > 1 && n->pass.task) interrupted_.emplace_back(n, std::move(n->pass));
  n->pass = {};
  n->pass.task = id_;
  n->pass.needed = inputs_.empty();
  n->pass.grads.resize(n->outputs.size());
  n->pass.owned.resize(n->outputs.size());
}

void Task::discover() {
  std::vector<std::pair<Node*, size_t>> stack;
  for (const Edge& e : roots_) {
    if (e.node->pass.task == id_) continue;
    visit(e.node.get());
    stack.emplace_back(e.node.get(), 0);
    while (!stack.empty()) {
      auto& [n, i] = stack.back();
      if (i == n->edges.size()) {
        order_.push_back(n);
        stack.pop_back();
        continue;
      }
      Node* child = n->edges[i++].node.get();
      if (!child) continue;
      if (child->pass.task != id_) {
        visit(child);
        stack.emplace_back(child, 0);
      }
      ++child->pass.waiting;
    }
  }
}

void Task::mark_inputs() {
  results_.resize(inputs_.size());
  for (const Tensor& t : inputs_) {
    Edge e = gradient_edge(t);
    LAMPAS_CHECK(e, "One of the differentiated Tensors does not require grad (", t,
                 "). Remedy: t.requires_grad_() before computing with it");
    wanted_.push_back(std::move(e));
  }
  for (const Edge& e : wanted_)
    if (e.node->pass.task == id_) e.node->pass.wanted = true;
  for (Node* n : order_) {
    for (size_t i = 0; i < n->edges.size() && !n->pass.needed; ++i)
      if (Node* c = n->edges[i].node.get(); c && (c->pass.needed || c->pass.wanted))
        n->pass.needed = true;
  }
}

std::vector<Tensor> Task::run(std::span<const Tensor> roots, std::span<const Tensor> grads) {
  for (const Tensor& t : roots) roots_.push_back(gradient_edge(t));
  discover();
  if (!inputs_.empty()) mark_inputs();
  for (size_t i = 0; i < roots.size(); ++i) deliver(roots_[i], grads[i], nullptr);
  for (const Edge& e : roots_)
    if (e.node->pass.waiting == 0 && !e.node->pass.done) finish_one(e.node.get());
  while (!ready_.empty()) {
    std::pop_heap(ready_.begin(), ready_.end(), Earlier());
    Node* n = ready_.back();
    ready_.pop_back();
    execute(n);
  }
  if (!inputs_.empty() && !options_.allow_unused)
    for (size_t i = 0; i < results_.size(); ++i)
      LAMPAS_CHECK(results_[i].defined() || options_.accumulate,
                   "One of the differentiated Tensors appears to not have been used in the graph "
                   "(input ",
                   i, ", ", inputs_[i],
                   "). Set allow_unused=True if this is the desired behavior.");
  return std::move(results_);
}

// All gradients of `n` have come (or none will).
void Task::finish_one(Node* n) {
  n->pass.done = true;
  ready_.push_back(n);
  std::push_heap(ready_.begin(), ready_.end(), Earlier());
}

void Task::run_hooks(Node* n, std::vector<Tensor>& grads) {
  NodeHooks* hooks = n->hooks_or_null();
  if (!hooks) return;
  auto on_tensor = hooks->on_tensor;
  for (auto& h : on_tensor)
    if (grads[h.nr].defined())
      if (Tensor r = h.hook->call(grads[h.nr]); r.defined()) grads[h.nr] = r;
  for (auto& [nr, t] : hooks->retain) {
    if (!grads[nr].defined()) continue;
    Tensor holder(Ref<TensorImpl>::share(t));
    AutogradMeta& m = ensure_meta(holder);
    // A copy of its own, that may be written to.
    m.grad = m.grad.defined() ? engine_math.add(m.grad, grads[nr]) : engine_math.clone(grads[nr]);
  }
}

void Task::execute(Node* n) {
  std::vector<Tensor> grads(n->outputs.size());
  for (size_t i = 0; i < grads.size(); ++i) grads[i] = std::move(n->pass.grads[i]);
  n->pass.grads.clear();
  if (!n->pass.needed && !n->pass.wanted) return;
  run_hooks(n, grads);
  if (n->pass.wanted) {
    for (size_t i = 0; i < wanted_.size(); ++i)
      if (wanted_[i].node.get() == n && !options_.accumulate) results_[i] = grads[wanted_[i].nr];
    if (options_.accumulate) {
      if (n->is_accumulator()) n->pass.needed = true;
      for (size_t i = 0; i < wanted_.size(); ++i) {
        if (wanted_[i].node.get() != n || n->is_accumulator() || !grads[wanted_[i].nr].defined())
          continue;
        Tensor& g = ensure_meta(inputs_[i]).grad;
        g = g.defined() ? engine_math.add(g, grads[wanted_[i].nr]) : grads[wanted_[i].nr];
      }
    }
  }
  if (!n->pass.needed) return;
  NodeHooks* hooks = n->hooks_or_null();
  if (hooks && !hooks->before.empty()) {
    auto before = hooks->before;
    for (auto& h : before) h->call({}, grads);
  }
  LAMPAS_CHECK(
      !n->released,
      "Trying to backward through the graph a second time (or directly access saved tensors "
      "after they have already been freed), at ",
      n->name(),
      ". Saved intermediate values of "
      "the graph are freed when you call .backward() or autograd.grad(). Specify "
      "retain_graph=True if you need to backward through the graph a second time or if you "
      "need to access saved tensors after calling backward.");
  std::vector<Tensor> out(n->edges.size());
  bool few[8];
  std::unique_ptr<bool[]> many;
  bool* wanted = nullptr;
  if (!inputs_.empty()) {
    wanted = out.size() <= 8 ? few : (many = std::make_unique<bool[]>(out.size())).get();
    for (size_t i = 0; i < out.size(); ++i) {
      Node* c = n->edges[i].node.get();
      wanted[i] = c && (c->pass.needed || c->pass.wanted);
    }
  }
  Node* outer = std::exchange(running, n);
  struct Back {
    Node* outer;
    ~Back() { running = outer; }
  } back{outer};
  try {
    Sink sink(*n, out, wanted);
    n->backward(grads, sink);
  } catch (...) {
    if (n->trace && anomaly.warn)
      anomaly.warn(concat("Error detected in ", n->name(),
                          ". Traceback of forward call that caused the error:\n", *n->trace));
    throw;
  }
  if (anomaly.enabled && anomaly.check_nan)
    for (size_t i = 0; i < out.size(); ++i)
      if (out[i].defined() && engine_math.has_nan(out[i])) {
        if (n->trace && anomaly.warn)
          anomaly.warn(concat("Error detected in ", n->name(),
                              ". Traceback of forward call that caused the error:\n", *n->trace));
        fail(ErrorKind::Runtime, "Function '", n->name(), "' returned nan values in its ", i,
             "th output.");
      }
  if (hooks && !hooks->after.empty()) {
    auto after = hooks->after;
    for (auto& h : after) h->call(out, grads);
  }
  if (!options_.retain_graph) n->release_saved();
  grads.clear();
  route(n, out);
}

void Task::route(Node* n, std::vector<Tensor>& out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const Edge& e = n->edges[i];
    if (!e.node) continue;
    if (out[i].defined()) deliver(e, std::move(out[i]), n);
    if (--e.node->pass.waiting == 0 && !e.node->pass.done) finish_one(e.node.get());
  }
}

// Fits `g` to what the receiving node expects and adds it to what has come so far.
void Task::deliver(const Edge& to, Tensor g, const Node* from) {
  if (!g.defined()) return;
  const GradShape& want = to.node->outputs[to.nr];
  if (!(g.sizes() == want.sizes)) {
    bool expandable = g.sizes().size() >= want.sizes.size();
    for (size_t i = 0; expandable && i < want.sizes.size(); ++i) {
      int64_t w = want.sizes[want.sizes.size() - 1 - i], h = g.size(-1 - static_cast<int64_t>(i));
      expandable = w == h || w == 1;
    }
    LAMPAS_CHECK(expandable, "Function ", from ? from->name() : "backward",
                 " returned an invalid gradient: got ", g.sizes(),
                 " but expected shape compatible with ", want.sizes);
    g = engine_math.sum_to_size(g, want.sizes);
  }
  if (g.dtype() != want.dtype) {
    if (is_complex(g.dtype()) && !is_complex(want.dtype)) g = engine_math.real_part(g);
    if (g.dtype() != want.dtype) g = engine_math.cast(g, want.dtype);
  }
  Node::Pass& pass = to.node->pass;
  Tensor& sum = pass.grads[to.nr];
  if (!sum.defined()) {
    sum = std::move(g);
  } else if (grad_enabled() || !pass.owned[to.nr]) {
    sum = engine_math.add(sum, g);
    pass.owned[to.nr] = true;
  } else {
    engine_math.add_(sum, g);
  }
}
}  // namespace

Node* current_node() { return running; }
uint64_t current_pass() { return current; }
bool reaches_all_leaves() { return all_leaves; }
bool will_run(const Node& node) {
  return node.pass.task == current && (node.pass.needed || node.pass.wanted);
}

std::vector<Tensor> run_backward(std::span<const Tensor> roots, std::span<const Tensor> grads,
                                 std::span<const Tensor> inputs, const BackwardOptions& options) {
  std::vector<Tensor> start;
  GradGuard mode(options.create_graph);
  for (size_t i = 0; i < roots.size(); ++i) {
    const Tensor& t = roots[i];
    LAMPAS_CHECK(requires_grad(t), "element ", i,
                 " of tensors does not require grad and does not have a grad_fn (", t,
                 "). Remedy: call requires_grad_() on an input before the computation, and compute "
                 "outside no_grad()");
    if (i < grads.size() && grads[i].defined()) {
      LAMPAS_CHECK(grads[i].sizes() == t.sizes(), "Mismatch in shape: grad_output[", i,
                   "] has a shape of ", grads[i].sizes(), " and output[", i, "] has a shape of ",
                   t.sizes(), ".");
      LAMPAS_CHECK(is_complex(grads[i].dtype()) == is_complex(t.dtype()),
                   "For complex Tensors, both grad_output and "
                   "output are required to have the same dtype. Mismatch in dtype: grad_output[",
                   i, "] has a dtype of ", dtype_name(grads[i].dtype()), " and output[", i,
                   "] has a dtype of ", dtype_name(t.dtype()), ".");
      start.push_back(grads[i]);
      continue;
    }
    LAMPAS_CHECK(t.numel() == 1,
                 "grad can be implicitly created only for scalar outputs; this one has shape ",
                 t.sizes(), ". Remedy: reduce it first (loss.mean()), or pass gradient=");
    LAMPAS_CHECK(!is_complex(t.dtype()),
                 "grad can be implicitly created only for real scalar outputs but got ",
                 dtype_name(t.dtype()));
    start.push_back(engine_math.ones({t.sizes(), t.dtype(), t.device()}));
  }
  Task task(inputs, options);
  return task.run(roots, start);
}

}  // namespace lampas
