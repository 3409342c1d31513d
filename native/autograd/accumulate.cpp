#include "autograd/accumulate.h"

namespace lampas {

void AccumulateGrad::backward(std::span<const Tensor> grads, Sink&) {
  Tensor g = grads[0];
  if (!g.defined()) return;
  AutogradMeta& m = *meta(leaf_);
  // Running a hook may drop the hooks themselves; it works on a copy of the list.
  if (!m.hooks.empty())
    for (auto& hook : std::vector(m.hooks))
      if (Tensor r = hook->call(g); r.defined()) g = r;
  if (!m.grad.defined()) {
    // The gradient is handed over when nobody else has it; otherwise it is copied, since .grad is
    // written in place later on.
    bool ours = !grad_enabled() && g.is_contiguous() && g.impl()->use_count() <= 2 &&
                g.storage().use_count() == 1 && !meta(g);
    m.grad = ours || grad_enabled() ? g : engine_math.clone(g);
  } else if (grad_enabled()) {
    m.grad = engine_math.add(m.grad, g);
  } else {
    GradGuard off(false);
    engine_math.add_(m.grad, g);
  }
  if (!m.after_accumulate.empty())
    for (auto& hook : std::vector(m.after_accumulate)) hook->call(leaf_);
}

}  // namespace lampas
