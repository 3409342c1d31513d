// The random kernels, for the runtime's streams.
#include "runtime/random.h"
#include "dispatch/dispatch.h"

namespace lampas {

const random::Transforms& random::transforms() {
  static const Transforms transforms = [] {
    const kernels::RandomTable& t = dispatch().random;
    return Transforms{t.mt_block,        t.uniform_f32,    t.uniform_f64,  t.normal_f32,
                      t.normal_f64,      t.randint_i64,    t.bernoulli_u8, t.bernoulli_f32,
                      t.exponential_f32, t.exponential_f64};
  }();
  return transforms;
}

}  // namespace lampas
