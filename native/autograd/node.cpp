#include "autograd/node.h"

#include "autograd/autograd.h"

namespace lampas {

namespace {
thread_local uint64_t next_seq = 1;

// Nodes whose last reference went while another was being freed.
thread_local std::vector<Node*>* dying = nullptr;
}  // namespace

thread_local uint32_t Saved::moves = 0;
constinit thread_local PackFn pack_saved = nullptr;

Node::Node() : seq(next_seq++) {
  if (anomaly.enabled && anomaly.describe)
    trace = std::make_unique<std::string>(anomaly.describe());
}
Node::~Node() = default;

void destroy(Node* n) {
  if (dying) {
    dying->push_back(n);
    return;
  }
  std::vector<Node*> queue;
  dying = &queue;
  delete n;
  while (!queue.empty()) {
    Node* next = queue.back();
    queue.pop_back();
    delete next;
  }
  dying = nullptr;
}

uint32_t Node::add_output(const Tensor& t) {
  outputs.push_back({t.sizes(), t.dtype(), t.device()});
  return static_cast<uint32_t>(outputs.size() - 1);
}

bool Sink::needs(size_t i) const {
  return i < node_.edges.size() && node_.edges[i].node && (!wanted_ || wanted_[i]);
}

Saved::Saved(const Tensor& input) : t_(input) {
  if (!t_.defined()) return;
  LAMPAS_CHECK(!t_.impl()->inference,
               "Inference tensors cannot be saved for backward. Please do not use Tensors created "
               "in inference mode in computation tracked by autograd (",
               t_, "). Remedy: make a normal copy first, t.clone(), or use no_grad()");
  version_ = t_.version();
  if (pack_saved) [[unlikely]]
    pack();
}

// The hooks see the value alone; where its gradient goes stays here.
void Saved::pack() {
  packed_ = pack_saved(t_.alias());
  if (!packed_) return;
  if (!output_ && requires_grad(t_)) packed_->edge = gradient_edge(t_);
  t_ = Tensor();
}

Tensor Saved::unpack() const {
  Tensor t = packed_->unpack();
  Node* node = current_node();
  Edge edge = packed_->edge;
  if (output_ && node) edge = {Ref<Node>::share(node), nr_};
  if (!edge) return t;
  Tensor tracked = t.alias();
  set_grad_fn(tracked, edge.node, edge.nr);
  return tracked;
}

Saved Saved::output(const Tensor& y, uint32_t nr) {
  Saved s;
  s.t_ = y.alias();
  s.version_ = y.version();
  s.nr_ = nr;
  s.output_ = true;
  if (pack_saved) [[unlikely]]
    s.pack();
  return s;
}

Tensor Saved::operator()() const {
  if (packed_) [[unlikely]]
    return unpack();
  if (!t_.defined()) return t_;
  Node* node = current_node();
  if (t_.version() != version_) {
    const Node* maker = output_ ? node : (meta(t_) ? meta(t_)->edge.node.get() : nullptr);
    std::ostringstream where;
    if (maker)
      where << ", which is output " << (output_ ? nr_ : meta(t_)->edge.nr) << " of "
            << maker->name() << ",";
    fail(ErrorKind::Runtime,
         "one of the variables needed for gradient computation has been modified by an inplace "
         "operation: [",
         t_, "]", where.str(), " is at version ", t_.version(), "; expected version ", version_,
         " instead", node ? std::string(" (needed by ") + node->name() + ")" : std::string(),
         ". Remedy: use the out-of-place form of the operation that changed it (x = x + 1, not "
         "x += 1) or .clone() it first; autograd.set_detect_anomaly(True) shows the forward call.");
  }
  if (!output_ || !grad_enabled() || !node) return t_;
  Tensor y = t_.alias();
  set_grad_fn(y, Ref<Node>::share(node), nr_);
  return y;
}

}  // namespace lampas
