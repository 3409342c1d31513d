// Allocator, thread pool, CPU detection and random streams.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/scalar.h"
#include "runtime/allocator.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"
#include "runtime/random.h"

#if defined(__unix__)
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using namespace lampas;

int failures = 0;

#define EXPECT(cond) expect(cond, #cond, __LINE__)
void expect(bool holds, const char* what, int line) {
  if (holds || ++failures > 20) return;
  std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, line, what);
}

template <class F>
std::string error_of(ErrorKind kind, F f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT(e.kind == kind);
    return e.text;
  }
  EXPECT(!"an error was expected");
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ---- errors and CPU ------------------------------------------------------------------------

void test_errors() {
  int evaluated = 0;
  const auto part = [&] { return ++evaluated; };
  LAMPAS_CHECK(true, "never ", part());
  EXPECT(evaluated == 0);
  const std::string text = error_of(ErrorKind::Index, [&] {
    LAMPAS_CHECK_INDEX(false, "index ", 7, " of ", std::string("rows"), part());
  });
  EXPECT(text == "index 7 of rows1");
}

void test_cpu() {
  const CpuInfo& info = cpu_info();
  EXPECT(info.usable_cores >= 1 && info.usable_cores <= info.logical_cores);
  EXPECT(info.physical_cores >= 1 && info.physical_cores <= info.logical_cores);
  EXPECT(info.memory_limit > 0 && info.memory_limit <= info.memory_total);
  EXPECT(info.l1d > 0 && info.l2 >= info.l1d);
  EXPECT(memory_available() <= info.memory_total + info.swap_total);
  EXPECT(isa() <= info.best);
  EXPECT(std::string(isa_name(Isa::Avx512)) == "avx512");
}

// ---- allocator -----------------------------------------------------------------------------

void churn(unsigned seed) {
  struct Block {
    unsigned char* p;
    size_t size;
    unsigned char mark;
  };
  std::mt19937 draw(seed);
  std::vector<Block> blocks;
  const auto release = [](const Block& b) {
    EXPECT(std::all_of(b.p, b.p + std::min<size_t>(b.size, 4096),
                       [&](unsigned char c) { return c == b.mark; }));
    deallocate(b.p, b.size);
  };
  for (int i = 0; i < 20000; ++i) {
    if (blocks.size() < 100 || draw() % 2) {
      const size_t size = draw() % 8 ? draw() % 3000 : draw() % (1 << 20);
      auto* const p = static_cast<unsigned char*>(allocate(size));
      const auto mark = static_cast<unsigned char>(draw());
      EXPECT(reinterpret_cast<uintptr_t>(p) % kAlignment == 0);
      std::memset(p, mark, std::min<size_t>(size, 4096));
      blocks.push_back({p, size, mark});
    } else {
      std::swap(blocks[draw() % blocks.size()], blocks.back());
      release(blocks.back());
      blocks.pop_back();
    }
  }
  for (const Block& b : blocks) release(b);
}

void test_allocator() {
  const uint64_t before = memory_stats().allocated;
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{64}, size_t{513}, size_t{32769}, size_t{5} << 20}) {
    void* const p = allocate(size);
    EXPECT(p && reinterpret_cast<uintptr_t>(p) % kAlignment == 0);
    EXPECT(memory_stats().allocated >= before + size);
    std::memset(p, 1, size);
    deallocate(p, size);
  }
  deallocate(nullptr, 8);
  churn(1);
  std::vector<std::thread> threads;
  for (unsigned seed = 2; seed < 6; ++seed) threads.emplace_back(churn, seed);
  for (std::thread& t : threads) t.join();
  EXPECT(memory_stats().allocated == before);

  void* const p = allocate(64);  // freed by another thread
  std::thread([p] { deallocate(p, 64); }).join();
  EXPECT(memory_stats().allocated == before);

  void* const large = allocate(20 << 20);
  EXPECT(memory_stats().peak_allocated >= before + (20 << 20));
  deallocate(large, 20 << 20);
  empty_cache();
  reset_peak_memory();
  EXPECT(memory_stats().peak_allocated == before);
}

void test_small_blocks_go_back() {
  constexpr size_t kBytes = 5000;
  std::vector<unsigned char*> blocks(4000);
  const auto fill = [&](unsigned char with) {
    for (auto& p : blocks) {
      if (!p) p = static_cast<unsigned char*>(allocate(kBytes));
      std::memset(p, with, kBytes);
    }
  };
  fill(1);
  const uint64_t most = memory_stats().reserved;
  unsigned char* const kept = std::exchange(blocks[2000], nullptr);
  for (auto& p : blocks) deallocate(std::exchange(p, nullptr), kBytes);
  empty_cache();
  EXPECT(memory_stats().reserved + 15 * (1 << 20) < most);
  fill(2);  // from what is left and from new pages, never over what is in use
  EXPECT(std::all_of(kept, kept + kBytes, [](unsigned char x) { return x == 1; }));
  for (auto& p : blocks) deallocate(p, kBytes);
  deallocate(kept, kBytes);
}

void test_memory_errors() {
  const uint64_t before = memory_stats().allocated;
  for (size_t bytes : {size_t{1} << 46, ~size_t{0} - 7, ~size_t{0}}) {
    EXPECT(try_allocate(bytes) == nullptr);
    const std::string text = error_of(ErrorKind::Memory, [&] { allocate(bytes); });
    EXPECT(contains(text, "cannot allocate") && contains(text, std::to_string(bytes)));
    EXPECT(contains(text, "smaller batch"));
  }
  set_memory_limit(before + (10 << 20));
  void* const p = allocate(6 << 20);
  const std::string text = error_of(ErrorKind::Memory, [] { allocate(6 << 20); });
  EXPECT(contains(text, "set_memory_limit"));
  deallocate(p, 6 << 20);
  deallocate(allocate(6 << 20), 6 << 20);
  set_memory_limit(0);
  EXPECT(memory_stats().allocated == before);
}

// ---- thread pool ---------------------------------------------------------------------------

int64_t sum_in_parallel(int64_t tasks) {
  std::atomic<int64_t> sum{0};
  parallel_for(tasks, [&](int64_t i) { sum += i; });
  return sum;
}

void test_pool() {
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    EXPECT(get_num_threads() == threads);
    for (int64_t n : {0, 1, 2, 3, 100}) {
      for (int round = 0; round < 200; ++round) EXPECT(sum_in_parallel(n) == n * (n - 1) / 2);
    }
  }
  std::atomic<int> inner{0};
  parallel_for(8, [&](int64_t) {
    EXPECT(in_parallel_region());
    parallel_for(8, [&](int64_t) { ++inner; });
  });
  EXPECT(inner == 64 && !in_parallel_region());

  std::vector<std::thread> callers;
  for (int k = 0; k < 4; ++k) {
    callers.emplace_back([] {
      for (int round = 0; round < 500; ++round) EXPECT(sum_in_parallel(20) == 190);
    });
  }
  for (std::thread& t : callers) t.join();

  std::vector<int> seen(1001);
  parallel_ranges(1001, 100, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
  });
  EXPECT(std::all_of(seen.begin(), seen.end(), [](int n) { return n == 1; }));
  EXPECT(contains(error_of(ErrorKind::Runtime, [] { set_num_threads(0); }), "positive"));
}

void test_fork() {
#if defined(__unix__) && !defined(__SANITIZE_THREAD__)
  set_num_threads(3);
  sum_in_parallel(100);
  const pid_t child = fork();
  if (child == 0) {
    void* const p = allocate(1 << 20);
    const bool fine = p && sum_in_parallel(100) == 4950;
    deallocate(p, 1 << 20);
    default_generator().manual_seed(1);
    _exit(fine ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT(status == 0);
  EXPECT(sum_in_parallel(100) == 4950);
#endif
}

// ---- random streams --------------------------------------------------------------------------
// Checked against the standard library's MT19937 and plain formulas.

double u53(std::mt19937& mt) {
  const uint64_t high = mt();
  const uint64_t word = high << 32 | mt();
  return static_cast<double>(word & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

float u24(std::mt19937& mt) { return static_cast<float>(mt() & 0xffffff) * 0x1p-24f; }

void test_generator() {
  Generator g(5489);
  std::mt19937 mt(5489);
  for (int i = 0; i < 2000; ++i) EXPECT(g.random() == mt());
  std::vector<uint32_t> words(5000);
  g.words(words.data(), 5000);
  EXPECT(std::all_of(words.begin(), words.end(), [&](uint32_t w) { return w == mt(); }));
  mt.discard(9999 - 7000);
  words.resize(2999);
  g.words(words.data(), 2999);
  EXPECT(g.random() == 4123659995u);  // the 10000th, as the C++ standard states it

  g.manual_seed(7);
  EXPECT(g.initial_seed() == 7);
  g.random();
  g.normal();
  uint8_t state[Generator::kStateBytes], again[Generator::kStateBytes];
  g.get_state(state);
  Generator other(1), copy(g);
  other.set_state(state, sizeof state);
  other.get_state(again);
  EXPECT(std::memcmp(state, again, sizeof state) == 0);
  const double next = g.normal();
  EXPECT(next == other.normal() && next == copy.normal());
  for (int i = 0; i < 1000; ++i) {
    const uint32_t word = g.random();
    EXPECT(word == other.random() && word == copy.random());
  }
  EXPECT(contains(error_of(ErrorKind::Runtime, [&] { g.set_state(state, 10); }), "size to be 10"));
  state[8] = 0xff;
  EXPECT(contains(error_of(ErrorKind::Runtime, [&] { g.set_state(state, sizeof state); }),
                  "Invalid mt19937 state"));
  EXPECT(g.seed() != g.seed());
}

void test_uniform_and_integers() {
  constexpr int n = 20001;
  Generator g(3);
  std::mt19937 mt(3);
  std::vector<float> f(n);
  random::uniform(g, DType::F32, f.data(), n, -2, 3);
  for (float v : f) EXPECT(std::fabs(v - (u24(mt) * 5 - 2)) < 1e-6);
  std::vector<double> d(n);
  random::uniform(g, DType::F64, d.data(), n, 0, 1);
  for (double v : d) EXPECT(v == u53(mt));
  random::uniform(g, DType::F32, f.data(), n, 1000, 1000.00005);  // one step: rounds to the bound
  for (float v : f) EXPECT(v == 1000.0f);
  mt.discard(n);
  std::vector<f16> h(n);
  random::uniform(g, DType::F16, h.data(), n, 0, 1);
  for (f16 v : h) {
    const float got = to_float(v), u = u24(mt);
    EXPECT(std::fabs(got - u) < 1e-3 || (got == 0 && u > 0.999f));
  }

  std::vector<int64_t> i(n);
  for (int64_t range : {1, 2, 3, 10, 641, 65536, 1000003, (1 << 28) - 1}) {
    random::randint(g, DType::I64, i.data(), n, -5, range - 5);
    for (int64_t v : i) EXPECT(v == static_cast<int64_t>(mt() % range) - 5);
  }
  random::randint(g, DType::I64, i.data(), n, 0, 1 << 28);
  for (int64_t v : i) {
    mt();
    EXPECT(v == static_cast<int64_t>(mt() % (1 << 28)));
  }
  std::vector<uint8_t> b(n);
  random::randint_default(g, DType::U8, b.data(), n);
  for (uint8_t v : b) EXPECT(v == mt() % 256);
  random::bernoulli(g, DType::Bool, b.data(), n, 0.3);
  for (uint8_t v : b) EXPECT(v == (u53(mt) < 0.3));
  std::fill(f.begin(), f.end(), 0.75f);
  random::bernoulli(g, DType::Bool, b.data(), n, DType::F32, f.data());
  for (uint8_t v : b) EXPECT(v == (u24(mt) < 0.75f));
  EXPECT(contains(
      error_of(ErrorKind::Runtime, [&] { random::bernoulli(g, DType::F32, f.data(), n, 1.5); }),
      "[0, 1], got 1.5"));
}

// Box-Muller in double from the same uniforms.
std::vector<double> expected_normals(std::mt19937& mt, int n) {
  std::vector<double> u(static_cast<size_t>(n));
  const auto transform = [&](size_t at) {
    for (size_t j = at; j < at + 8; ++j) {
      const double radius = std::sqrt(-2 * std::log(1 - u[j])), angle = 2 * M_PI * u[j + 8];
      u[j] = radius * std::cos(angle);
      u[j + 8] = radius * std::sin(angle);
    }
  };
  for (double& v : u) v = u24(mt);
  for (size_t at = 0; at + 16 <= u.size(); at += 16) transform(at);
  if (u.size() % 16) {
    for (size_t j = u.size() - 16; j < u.size(); ++j) u[j] = u24(mt);
    transform(u.size() - 16);
  }
  return u;
}

void test_normal() {
  for (int n : {16, 32, 48, 50, 1000, 70001}) {
    Generator g(9);
    std::mt19937 mt(9);
    std::vector<float> f(static_cast<size_t>(n));
    random::normal(g, DType::F32, f.data(), n, 1, 2);
    const std::vector<double> want = expected_normals(mt, n);
    for (size_t i = 0; i < f.size(); ++i) EXPECT(std::fabs(f[i] - (want[i] * 2 + 1)) < 5e-6);
    EXPECT(g.random() == mt());
  }
  Generator g(9);
  std::mt19937 mt(9);
  float f[15];
  random::normal(g, DType::F32, f, 15, 0, 1);
  for (int i = 0; i < 14; i += 2) {
    const double u1 = u53(mt), u2 = u53(mt), radius = std::sqrt(-2 * std::log1p(-u2));
    EXPECT(f[i] == static_cast<float>(radius * std::cos(2 * M_PI * u1)));
    EXPECT(f[i + 1] == static_cast<float>(radius * std::sin(2 * M_PI * u1)));
  }
}

void test_threads_change_nothing() {
  std::vector<double> first, values(100001);
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    Generator g(4);
    random::normal(g, DType::F64, values.data(), 100001, 0, 1);
    random::exponential(g, DType::F64, values.data(), 50000, 2);
    if (first.empty()) first = values;
    EXPECT(values == first);
  }
  Generator g(4);
  std::mt19937 mt(4);
  random::exponential(g, DType::F64, values.data(), 9999, 2);
  for (int i = 0; i < 9999; ++i) {
    EXPECT(std::fabs(values[static_cast<size_t>(i)] + std::log1p(-u53(mt)) / 2) < 1e-14);
  }
}

void test_samplers() {
  Generator g(6);
  std::mt19937 mt(6);
  std::vector<int64_t> order(100), want(100);
  random::randperm(g, DType::I64, order.data(), 100);
  std::iota(want.begin(), want.end(), 0);
  for (size_t i = 0; i + 1 < 100; ++i) std::swap(want[i], want[i + mt() % (100 - i)]);
  EXPECT(order == want);

  const double weights[] = {0, 1, 0, 3};
  std::vector<int64_t> drawn(4000);
  random::multinomial(g, DType::F64, weights, drawn.data(), 1, 4, 4000, true);
  const auto ones = std::count(drawn.begin(), drawn.end(), 1);
  EXPECT(ones > 900 && ones < 1100 && ones + std::count(drawn.begin(), drawn.end(), 3) == 4000);
  random::multinomial(g, DType::F64, weights, drawn.data(), 1, 4, 2, false);
  EXPECT(drawn[0] + drawn[1] == 4 && drawn[0] != drawn[1]);
  const float bad[] = {1, -1};
  EXPECT(contains(
      error_of(ErrorKind::Runtime,
               [&] { random::multinomial(g, DType::F32, bad, drawn.data(), 1, 2, 2, true); }),
      "-1"));

  constexpr int n = 20000;
  std::vector<double> a(n), p(n, 0.25), out(n);
  const auto mean = [&] { return std::accumulate(out.begin(), out.end(), 0.0) / n; };
  for (double rate : {0.5, 4.0, 50.0}) {
    std::fill(a.begin(), a.end(), rate);
    random::poisson(g, DType::F64, out.data(), a.data(), n);
    EXPECT(std::fabs(mean() - rate) < 5 * std::sqrt(rate / n));
    random::standard_gamma(g, DType::F64, out.data(), a.data(), n);
    EXPECT(std::fabs(mean() - rate) < 5 * std::sqrt(rate / n));
    if (rate < 1) continue;
    random::binomial(g, DType::F64, out.data(), a.data(), p.data(), n);
    EXPECT(std::fabs(mean() - rate * 0.25) < 5 * std::sqrt(rate * 0.1875 / n));
  }
  random::dirichlet(g, DType::F64, out.data(), a.data(), n / 4, 4);
  for (int i = 0; i < n; i += 4) {
    const size_t k = static_cast<size_t>(i);
    EXPECT(std::fabs(out[k] + out[k + 1] + out[k + 2] + out[k + 3] - 1) < 1e-12);
  }
}

}  // namespace

int main() {
  test_errors();
  test_cpu();
  test_allocator();
  test_small_blocks_go_back();
  test_memory_errors();
  test_pool();
  test_fork();
  test_generator();
  test_uniform_and_integers();
  test_normal();
  test_threads_change_nothing();
  test_samplers();
  if (failures) std::fprintf(stderr, "%d failed\n", failures);
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
