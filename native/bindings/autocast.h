// Autocast: tensors among an operator's arguments are cast before it runs, as its name says.
#pragma once
#include <string>

#include "bindings/args.h"

namespace lampas::py {

enum class CastRule : uint8_t {
  None,    // computes in what it is given
  Short,   // in autocast's dtype: matrix products and what is made of them
  Single,  // in float32: losses, decompositions, sums that halves are too coarse for
  Given,   // in what it is given, its own matrix products too
  Widest,  // in float32 where an argument is
};

// An operator's rule, by its name.
CastRule cast_rule(const std::string& name);

// Autocast's settings on the calling thread.
struct Autocast {
  bool enabled = false;
  bool cache = true;  // casts of leaves that require grad are kept until `clear_autocast_cache`
  DType dtype = DType::BF16;
};
extern thread_local Autocast autocast;

// `t` in autocast's dtype, where autocast is on and `t` is of another float than float64.
Tensor autocast_short(const Tensor& t);

// Replaces the arguments that `rule` wants in another dtype, for as long as this object lives;
// autocast is off meanwhile, so that what the operator calls computes as the operator does.
class ArgumentCasts {
 public:
  ArgumentCasts(CastRule rule, const Signature& signature, Args& args);
  ~ArgumentCasts() { autocast.enabled = before_; }
  ArgumentCasts(const ArgumentCasts&) = delete;

 private:
  void replace(Args& args, int i, DType to);
  bool before_;
  std::vector<Owned> held_;
};

// Adds `set_autocast`, `clear_autocast_cache`, `autocast_dtype`.
void init_autocast(PyObject* module);

}  // namespace lampas::py
