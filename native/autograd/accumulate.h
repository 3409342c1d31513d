// The graph's end at a leaf: adds the gradient to the leaf's .grad.
#pragma once
#include "autograd/autograd.h"

namespace lampas {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf) : leaf_(leaf) {
    add_output(leaf);
    seq = ~0ull;
  }
  ~AccumulateGrad() override {
    if (AutogradMeta* m = meta(leaf_); m && m->accumulator == this) m->accumulator = nullptr;
  }
  const char* name() const override { return "AccumulateGrad"; }
  bool is_accumulator() const override { return true; }
  const Tensor& leaf() const { return leaf_; }
  void backward(std::span<const Tensor> grads, Sink&) override;

 private:
  Tensor leaf_;
};

}  // namespace lampas
