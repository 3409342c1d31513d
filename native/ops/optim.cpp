#include "ops/optim.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "dispatch/dispatch.h"
#include "runtime/pool.h"

namespace lampas::ops {

using kernels::OptimBlock;
using kernels::OptimNumbers;
using kernels::OptimRule;

namespace {

constexpr OptimSignature kSignatures[] = {
    {"sgd", OptimRule::Sgd, 5, 0, 0, 1},           {"adam", OptimRule::Adam, 6, 1, 2, 3},
    {"adamax", OptimRule::Adamax, 5, 1, 2, 2},     {"nadam", OptimRule::NAdam, 7, 2, 2, 2},
    {"radam", OptimRule::RAdam, 6, 1, 2, 2},       {"adagrad", OptimRule::Adagrad, 4, 1, 1, 1},
    {"adadelta", OptimRule::Adadelta, 4, 1, 2, 2}, {"rmsprop", OptimRule::RMSprop, 6, 1, 1, 3},
    {"rprop", OptimRule::Rprop, 4, 1, 2, 2},       {"asgd", OptimRule::Asgd, 5, 3, 1, 1},
};

// Weight decay, either as a penalty or by shrinking the parameter itself.
void set_decay(OptimNumbers& v, const double* o, bool decoupled) {
  if (decoupled)
    v.shrink = 1 - o[0] * o[1];
  else
    v.decay = o[1];
}

void adam_numbers(OptimNumbers& v, const double* o, double step) {
  set_decay(v, o, o[5] != 0);
  v.beta1 = o[2];
  v.beta2 = o[3];
  v.eps = o[4];
  v.lr = o[0] / (1 - std::pow(o[2], step));
  v.scale = 1 / std::sqrt(1 - std::pow(o[3], step));
}

void nadam_numbers(OptimNumbers& v, const double* o, double step, const OptimScalar& product) {
  set_decay(v, o, o[6] != 0);
  v.beta1 = o[2];
  v.beta2 = o[3];
  v.eps = o[4];
  const double mu = o[2] * (1 - 0.5 * std::pow(0.96, step * o[5]));
  const double mu_next = o[2] * (1 - 0.5 * std::pow(0.96, (step + 1) * o[5]));
  const double m = product.set(product.get() * mu);
  v.lr = o[0] * (1 - mu) / (1 - m);
  v.lr2 = o[0] * mu_next / (1 - m * mu_next);
  v.scale = 1 / (1 - std::pow(o[3], step));
}

void radam_numbers(OptimNumbers& v, const double* o, double step) {
  set_decay(v, o, o[5] != 0);
  v.beta1 = o[2];
  v.beta2 = o[3];
  v.eps = o[4];
  v.lr = o[0] / (1 - std::pow(o[2], step));
  const double power = std::pow(o[3], step), correction = 1 - power;
  const double limit = 2 / (1 - o[3]) - 1;
  const double length = limit - 2 * step * power / correction;
  if (length > 5)
    v.scale = std::sqrt(correction) *
              std::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length));
}

void asgd_numbers(OptimNumbers& v, const double* o, double step, const OptimScalar& eta,
                  const OptimScalar& mu) {
  v.decay = o[1];
  v.lr = eta.get();
  v.shrink = 1 - o[2] * v.lr;
  v.scale = mu.get();
  eta.set(o[0] / std::pow(1 + o[2] * o[0] * step, o[3]));
  mu.set(1 / std::max(1.0, step - o[4]));
}

}  // namespace

const OptimSignature& optim_signature(const char* name) {
  for (const OptimSignature& s : kSignatures)
    if (std::strcmp(s.name, name) == 0) return s;
  fail(ErrorKind::Value, "there is no update rule named '", name, "'");
}

OptimNumbers optim_numbers(OptimRule rule, const double* o, bool maximize,
                           const OptimScalar* scalars) {
  OptimNumbers v;
  v.sign = maximize ? -1 : 1;
  const double step = rule == OptimRule::Sgd ? 0 : scalars[0].set(scalars[0].get() + 1);
  v.lr = o[0];
  v.decay = o[1];
  switch (rule) {
    case OptimRule::Sgd:
      v.beta1 = o[2];
      v.scale = 1 - o[3];
      v.nesterov = o[4] != 0;
      break;
    case OptimRule::Adam:
      v.decay = 0, adam_numbers(v, o, step);
      break;
    case OptimRule::NAdam:
      v.decay = 0, nadam_numbers(v, o, step, scalars[1]);
      break;
    case OptimRule::RAdam:
      v.decay = 0, radam_numbers(v, o, step);
      break;
    case OptimRule::Adamax:
      v.lr = o[0] / (1 - std::pow(o[2], step));
      v.beta1 = o[2];
      v.beta2 = o[3];
      v.eps = o[4];
      break;
    case OptimRule::Adagrad:
      v.lr = o[0] / (1 + (step - 1) * o[2]);
      v.eps = o[3];
      break;
    case OptimRule::Adadelta:
    case OptimRule::RMSprop:
      v.beta2 = o[2];
      v.eps = o[3];
      v.beta1 = rule == OptimRule::RMSprop ? o[4] : 0;
      break;
    case OptimRule::Rprop:
      v.decay = 0;
      v.smaller = o[0];
      v.larger = o[1];
      v.low = o[2];
      v.high = o[3];
      break;
    case OptimRule::Asgd:
      asgd_numbers(v, o, step, scalars[1], scalars[2]);
      break;
    case OptimRule::count:
      break;
  }
  return v;
}

bool optim_takes(const Tensor& t) {
  return t.defined() && !t.is_meta() && t.is_contiguous() && is_floating(t.dtype()) &&
         !t.storage().read_only && !t.impl()->inference;
}

namespace {

// Elements in one task: some microseconds of work where all is in the cache.
constexpr int64_t kTask = 32768;
// Less than this is not worth waking another thread for.
constexpr int64_t kSerial = 65536;
constexpr int64_t kChunk = 512;  // of half types, widened to float on the stack

void* shifted(void* p, int64_t bytes) { return p ? static_cast<char*>(p) + bytes : nullptr; }

OptimBlock part_of(const OptimBlock& whole, int64_t begin, int64_t n, int item) {
  OptimBlock part;
  const int64_t bytes = begin * item;
  part.param = shifted(whole.param, bytes);
  part.grad = static_cast<const char*>(whole.grad) + bytes;
  for (int i = 0; i < kernels::kOptimBuffers; ++i) part.buffer[i] = shifted(whole.buffer[i], bytes);
  part.n = n;
  return part;
}

// float16 and bfloat16: widened, updated and rounded chunk by chunk.
void run_half(OptimRule rule, const OptimBlock& block, const OptimNumbers& numbers, DType dtype) {
  const kernels::Table& table = dispatch();
  const auto f32 = static_cast<int>(DType::F32), half = static_cast<int>(dtype);
  const auto widen = table.pointwise.cast[f32][half], round = table.pointwise.cast[half][f32];
  const auto update = table.optim.update_f32[static_cast<int>(rule)];
  alignas(64) float p[kChunk], g[kChunk], buffer[kernels::kOptimBuffers][kChunk];
  for (int64_t begin = 0; begin < block.n; begin += kChunk) {
    const int64_t n = std::min(kChunk, block.n - begin);
    const OptimBlock part = part_of(block, begin, n, itemsize(dtype));
    OptimBlock wide{p, g, {}, n};
    widen(p, part.param, n);
    widen(g, part.grad, n);
    for (int i = 0; i < kernels::kOptimBuffers; ++i)
      if (part.buffer[i]) widen(wide.buffer[i] = buffer[i], part.buffer[i], n);
    update(wide, numbers);
    round(part.param, p, n);
    for (int i = 0; i < kernels::kOptimBuffers; ++i)
      if (part.buffer[i]) round(part.buffer[i], buffer[i], n);
  }
}

void run(OptimRule rule, const OptimJob& job, int64_t begin, int64_t end) {
  const OptimBlock block = part_of(job.whole, begin, end - begin, itemsize(job.dtype));
  const kernels::OptimTable& table = dispatch().optim;
  const int r = static_cast<int>(rule);
  switch (job.dtype) {
    case DType::F32:
      table.update_f32[r](block, job.numbers);
      break;
    case DType::F64:
      table.update_f64[r](block, job.numbers);
      break;
    default:
      run_half(rule, block, job.numbers, job.dtype);
  }
}

// Whether two of the parameters share memory, as tied weights may.
bool overlapping(std::span<const OptimJob> jobs) {
  std::vector<std::pair<const char*, const char*>> ranges;
  ranges.reserve(jobs.size());
  for (const OptimJob& job : jobs) {
    const int64_t bytes = job.whole.n * itemsize(job.dtype);
    const auto* p = static_cast<const char*>(job.whole.param);
    ranges.emplace_back(p, p + bytes);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second) return true;
  return false;
}

// A range of elements, counted through all parameters.
void run_range(OptimRule rule, std::span<const OptimJob> jobs, const std::vector<int64_t>& starts,
               int64_t begin, int64_t end) {
  auto at = std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin() - 1;
  for (; begin < end; ++at) {
    const OptimJob& job = jobs[at];
    const int64_t stop = std::min(end, starts[at] + job.whole.n);
    if (stop > begin) run(rule, job, begin - starts[at], stop - starts[at]);
    begin = std::max(begin, stop);
  }
}

}  // namespace

void optim_update(OptimRule rule, std::span<const OptimJob> jobs) {
  int64_t total = 0;
  for (const OptimJob& job : jobs) total += job.whole.n;
  if (total <= kSerial) {
    for (const OptimJob& job : jobs) run(rule, job, 0, job.whole.n);
    return;
  }
  if (jobs.size() > 1 && overlapping(jobs)) {
    for (const OptimJob& job : jobs)
      parallel_ranges(job.whole.n, kTask, [&](int64_t b, int64_t e) { run(rule, job, b, e); });
    return;
  }
  std::vector<int64_t> starts;
  starts.reserve(jobs.size());
  int64_t at = 0;
  for (const OptimJob& job : jobs) {
    starts.push_back(at);
    at += job.whole.n;
  }
  parallel_ranges(total, kTask, [&](int64_t b, int64_t e) { run_range(rule, jobs, starts, b, e); });
}

}  // namespace lampas::ops
