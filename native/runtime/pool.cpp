// How a loop is shared: the caller posts it, then claims task indices one by one like every worker.
// Loop number and next index live in one 64-bit word, so that a claim is one compare-and-swap and a
// worker that comes late cannot take an index of a loop it has not seen. The number is odd while
// the loop's fields are being replaced. No worker is ever waited for unless it holds a claimed
// task: an overloaded machine slows a loop down, but cannot stall it.
#include "runtime/pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "runtime/cpu.h"
#include "runtime/denormal.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace lampas {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxWorkers = 255;
constexpr auto kMaxSpin = std::chrono::microseconds(50);
constexpr auto kMinSpin = std::chrono::microseconds(4);
constexpr uint64_t kIndexMask = 0xffffffff;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Whether ready() came true within the time.
template <class F>
bool spin_for(Clock::duration time, F ready) {
  const auto end = Clock::now() + time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return ready();
}

thread_local bool in_task = false;

struct alignas(64) Worker {
  std::atomic<int> asleep{0};
};

class Pool {
 public:
  // Runs the loop with up to `threads` threads; false where another loop holds the pool.
  bool run(int64_t tasks, int threads, void (*body)(void*, int64_t), void* ctx);

 private:
  void ensure_workers(int count);
  void work(int id) noexcept;
  void run_tasks(uint64_t loop) noexcept;
  void wait_for_rest();

  // The loop. Whoever reads a field of a newer loop also sees a newer ticket: its claim fails.
  alignas(64) std::atomic<uint64_t> ticket_{0};  // loop number << 32 | next index
  std::atomic<void (*)(void*, int64_t)> body_{nullptr};
  std::atomic<void*> ctx_{nullptr};
  std::atomic<uint32_t> tasks_{0};
  std::atomic<bool> flush_denormal_{false};  // as on the caller's thread: results must not depend
  alignas(64) std::atomic<int> remaining_{0};
  std::atomic<int> caller_asleep_{0};

  alignas(64) std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
  std::atomic<int> limit_{0};  // workers with a smaller id take part
  int started_ = 0;            // guarded by busy_
  Worker workers_[kMaxWorkers];
};

void Pool::run_tasks(uint64_t loop) noexcept {
  const auto body = body_.load(std::memory_order_acquire);
  void* const ctx = ctx_.load(std::memory_order_acquire);
  const uint32_t tasks = tasks_.load(std::memory_order_acquire);
  int done = 0;
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  in_task = true;
  while (ticket >> 32 == loop && (ticket & kIndexMask) < tasks) {
    if (ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      body(ctx, static_cast<int64_t>(ticket & kIndexMask));
      ++done;
      ticket = ticket_.load(std::memory_order_acquire);
    }
  }
  in_task = false;
  if (done > 0 && remaining_.fetch_sub(done) == done && caller_asleep_.load() != 0) {
    remaining_.notify_one();
  }
}

void Pool::wait_for_rest() {
  const auto finished = [&] { return remaining_.load(std::memory_order_acquire) == 0; };
  if (spin_for(kMaxSpin, finished)) return;
  for (int i = 0; i < 16; ++i) {  // a worker may be waiting for our core
    std::this_thread::yield();
    if (finished()) return;
  }
  caller_asleep_.store(1);
  for (int left = remaining_.load(); left != 0; left = remaining_.load()) remaining_.wait(left);
  caller_asleep_.store(0);
}

void Pool::work(int id) noexcept {
  Worker& self = workers_[id];
  uint64_t seen = 0, loop = 0;
  auto spin = kMaxSpin;
  for (;;) {
    const auto posted = [&] {
      loop = ticket_.load(std::memory_order_acquire) >> 32;
      return loop != seen && loop % 2 == 0;
    };
    // Spin for as long as it lately paid off: a loop that always comes late is slept for.
    const bool soon = spin_for(spin, posted);
    spin = soon ? std::min(kMaxSpin, spin * 2) : std::max(kMinSpin, spin / 2);
    while (!posted()) {
      self.asleep.store(1);
      if (ticket_.load() >> 32 == seen) self.asleep.wait(1);
      self.asleep.store(0);
    }
    seen = loop;
    if (id < limit_.load(std::memory_order_relaxed)) {
      const bool flush = flush_denormal_.load(std::memory_order_relaxed);
      if (flush != flushes_denormal()) flush_denormal(flush);
      run_tasks(seen);
    }
  }
}

void Pool::ensure_workers(int count) {
  if (started_ >= count) return;
#if defined(__unix__) || defined(__APPLE__)
  sigset_t all, before;  // signals are for the program's own threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
  try {
    // Detached, and the pool is never destroyed: nothing to wait for at exit.
    for (; started_ < count; ++started_) std::thread(&Pool::work, this, started_).detach();
  } catch (const std::system_error&) {
    // The system allows no more threads: the loop runs on those there are.
  }
#if defined(__unix__) || defined(__APPLE__)
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
}

bool Pool::run(int64_t tasks, int threads, void (*body)(void*, int64_t), void* ctx) {
  if (busy_.test(std::memory_order_relaxed) || busy_.test_and_set(std::memory_order_acquire)) {
    return false;
  }
  ensure_workers(std::min(threads - 1, kMaxWorkers));
  const int helpers = std::min(threads - 1, started_);
  const uint64_t last = ticket_.load(std::memory_order_relaxed) >> 32;
  const uint64_t loop = (last + 2) & kIndexMask;
  ticket_.store((last + 1) << 32);
  body_.store(body, std::memory_order_release);
  ctx_.store(ctx, std::memory_order_release);
  tasks_.store(static_cast<uint32_t>(tasks), std::memory_order_release);
  limit_.store(helpers, std::memory_order_relaxed);
  flush_denormal_.store(flushes_denormal(), std::memory_order_relaxed);
  remaining_.store(static_cast<int>(tasks), std::memory_order_relaxed);
  ticket_.store(loop << 32);
  const int wake = static_cast<int>(std::min<int64_t>(helpers, tasks - 1));
  for (int id = 0; id < wake; ++id) {
    if (workers_[id].asleep.load() != 0 && workers_[id].asleep.exchange(0) != 0) {
      workers_[id].asleep.notify_one();
    }
  }
  run_tasks(loop);
  wait_for_rest();
  busy_.clear(std::memory_order_release);
  return true;
}

// ---- the process's pool ----------------------------------------------------------------------

alignas(Pool) unsigned char pool_memory[sizeof(Pool)];
std::atomic<int> threads_wanted{0};  // 0: not asked for yet

Pool* make_pool() {
  Pool* pool = new (pool_memory) Pool;
#if defined(__unix__) || defined(__APPLE__)
  // The child of a fork has none of the workers: it begins anew.
  pthread_atfork(nullptr, nullptr, [] {
    if (!in_task) new (pool_memory) Pool;
  });
#endif
  return pool;
}

Pool& pool() {
  static Pool* const instance = make_pool();
  return *instance;
}

}  // namespace

int default_num_threads() {
  if (const char* value = std::getenv("LAMPAS_NUM_THREADS"); value && *value) {
    const int n = std::atoi(value);
    LAMPAS_CHECK_VALUE(n > 0, "LAMPAS_NUM_THREADS=", value,
                       ": expected a number of threads of at least 1");
    return n;
  }
  if (const char* value = std::getenv("OMP_NUM_THREADS")) {
    const int n = std::atoi(value);  // of a list, "4,2", the outermost level
    if (n > 0) return n;
  }
  return cpu_info().usable_cores;
}

int get_num_threads() {
  int n = threads_wanted.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_num_threads();
    threads_wanted.store(n, std::memory_order_relaxed);
  }
  return n;
}

void set_num_threads(int n) {
  LAMPAS_CHECK(n > 0, "set_num_threads: expected a positive number of threads, got ", n);
  threads_wanted.store(n, std::memory_order_relaxed);
}

bool in_parallel_region() { return in_task; }

void parallel_for_raw(int64_t tasks, void (*body)(void*, int64_t), void* ctx) {
  constexpr int64_t kMost = INT32_MAX;
  const int threads = tasks > 1 && tasks <= kMost && !in_task ? get_num_threads() : 1;
  if (threads > 1 && pool().run(tasks, threads, body, ctx)) return;
  for (int64_t i = 0; i < tasks; ++i) body(ctx, i);
}

}  // namespace lampas
