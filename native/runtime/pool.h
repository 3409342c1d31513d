// The one thread pool. Workers start with the first parallel loop, spin briefly after each, then
// sleep; a forked child starts its own when it needs them.
#pragma once
#include <cstdint>
#include <memory>
#include <type_traits>

namespace lampas {

// Calls body(ctx, i) once for every i in [0, tasks), on the pool and the calling thread, and
// returns when all are done. Task indices are claimed in order, one at a time: cut work by its
// size, never by the number of threads, into pieces of 10 us or more. A loop inside a task, and a
// loop while another thread's loop holds the pool, run on the calling thread. body must not throw.
void parallel_for_raw(int64_t tasks, void (*body)(void* ctx, int64_t i), void* ctx);

template <class F>
void parallel_for(int64_t tasks, F&& body) {
  using Body = std::remove_reference_t<F>;
  parallel_for_raw(
      tasks, [](void* ctx, int64_t i) { (*static_cast<Body*>(ctx))(i); },
      const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// Calls body(begin, end) for consecutive ranges of `grain` elements that cover [0, n).
template <class F>
void parallel_ranges(int64_t n, int64_t grain, F&& body) {
  const int64_t tasks = n <= 0 ? 0 : (n - 1) / grain + 1;
  if (tasks <= 1) {
    if (tasks == 1) body(int64_t{0}, n);
    return;
  }
  parallel_for(tasks, [&](int64_t i) {
    const int64_t begin = i * grain;
    body(begin, n - begin < grain ? n : begin + grain);
  });
}

int get_num_threads();
// Throws Error{Runtime} unless n > 0.
void set_num_threads(int n);
// LAMPAS_NUM_THREADS, else OMP_NUM_THREADS, else the usable cores (affinity mask, CPU quota)
// divided by the number of ranks on this machine.
int default_num_threads();
// Whether the calling thread is inside a task of a parallel loop.
bool in_parallel_region();

}  // namespace lampas
