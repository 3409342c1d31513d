// Kernels that move elements by positions, of every instruction set this machine has, against the
// loops that their header states.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/table.h"
#include "runtime/cpu.h"

namespace lampas::kernels {
#define LAMPAS_TEST_FILLS(isa) \
  namespace isa {              \
  void fill_index(Table&);     \
  }
LAMPAS_TEST_FILLS(base)
#if defined(__x86_64__)
LAMPAS_TEST_FILLS(avx2)
LAMPAS_TEST_FILLS(avx512)
#endif
}  // namespace lampas::kernels

namespace {

using namespace lampas;
using kernels::Combine;

int failures = 0;
const char* set_name = "";
kernels::Table all;
const kernels::IndexTable& table = all.index;

#define EXPECT(cond, what)                                                                     \
  do {                                                                                         \
    if (!(cond) && ++failures < 40)                                                            \
      std::fprintf(stderr, "%s:%d: [%s] %s: %s\n", __FILE__, __LINE__, set_name, what, #cond); \
  } while (0)

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

std::vector<int64_t> positions(int64_t n, int64_t size) {
  std::vector<int64_t> at(static_cast<size_t>(n));
  uint64_t state = 1;
  for (int64_t& v : at) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<int64_t>(state >> 33) % size;
  }
  return at;
}

void test_within(int64_t n) {
  std::vector<int64_t> at = positions(n, 100);
  EXPECT(table.within(at.data(), n, 0, 100), "within");
  EXPECT(table.within(at.data(), n, -100, 100), "within");
  EXPECT(n == 0 || !table.within(at.data(), n, 0, 0), "within nothing");
  for (int64_t i : {int64_t{0}, n / 2, n - 1})
    for (int64_t bad : {int64_t{-1}, int64_t{100}, kMost, kLeast}) {
      if (n == 0) continue;
      const int64_t good = std::exchange(at[static_cast<size_t>(i)], bad);
      EXPECT(!table.within(at.data(), n, 0, 100), "outside");
      if (bad != -1) EXPECT(!table.within(at.data(), n, -100, 100), "outside");
      at[static_cast<size_t>(i)] = good;
    }
}

template <class T>
void test_moves(int64_t n) {
  constexpr int64_t kSize = 50;
  const std::vector<int64_t> at = positions(n, kSize);
  std::vector<T> from(static_cast<size_t>(kSize * 3 + n)), to(static_cast<size_t>(n)), want;
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i * 7 + 1);
  for (auto [step, side] : {std::pair<int64_t, int64_t>{1, 0}, {3, 1}, {2, 0}}) {
    table.gather(to.data(), from.data(), at.data(), n, step, side, sizeof(T));
    for (int64_t i = 0; i < n; ++i)
      EXPECT(to[static_cast<size_t>(i)] ==
                 from[static_cast<size_t>(at[static_cast<size_t>(i)] * step + i * side)],
             "gather");
    for (int64_t each : {0, 1}) {
      std::vector<T> out = from;
      want = from;
      table.scatter(out.data(), to.data(), at.data(), n, step, side, each, sizeof(T));
      for (int64_t i = 0; i < n; ++i)
        want[static_cast<size_t>(at[static_cast<size_t>(i)] * step + i * side)] =
            to[static_cast<size_t>(i * each)];
      EXPECT(out == want, "scatter");
    }
    if constexpr (!std::is_same_v<T, uint16_t>) {
      constexpr int type = static_cast<int>(dtype_of<T>::value);
      for (Combine how : {Combine::Sum, Combine::Product, Combine::Max, Combine::Min}) {
        std::vector<T> out = from;
        want = from;
        table.combine[static_cast<int>(how)][type](out.data(), to.data(), at.data(), n, step, side);
        for (int64_t i = 0; i < n; ++i) {
          T &a = want[static_cast<size_t>(at[static_cast<size_t>(i)] * step + i * side)],
            b = to[static_cast<size_t>(i)];
          const auto u = static_cast<std::conditional_t<std::is_integral_v<T>, uint64_t, T>>(a);
          const auto v = static_cast<decltype(u)>(b);
          a = how == Combine::Sum       ? static_cast<T>(u + v)
              : how == Combine::Product ? static_cast<T>(u * v)
              : how == Combine::Max     ? std::max(a, b)
                                        : std::min(a, b);
        }
        EXPECT(std::memcmp(out.data(), want.data(), out.size() * sizeof(T)) == 0, "combine");
      }
    }
  }
}

template <class T>
void test_rows(int64_t rows, int64_t n) {
  constexpr int I = std::is_same_v<T, double>;
  const std::vector<int64_t> at = positions(rows, 9);
  std::vector<T> from(static_cast<size_t>(9 * n)), factor(static_cast<size_t>(rows)),
      to(static_cast<size_t>(n));
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i % 17);
  for (size_t i = 0; i < factor.size(); ++i) factor[i] = static_cast<T>(i % 3);
  for (bool weighted : {false, true}) {
    table.sum_rows[I](to.data(), from.data(), at.data(), weighted ? factor.data() : nullptr, rows,
                      n);
    for (int64_t c = 0; c < n; ++c) {
      T want = 0;
      for (int64_t i = 0; i < rows; ++i)
        want += from[static_cast<size_t>(at[static_cast<size_t>(i)] * n + c)] *
                (weighted ? factor[static_cast<size_t>(i)] : T(1));
      EXPECT(to[static_cast<size_t>(c)] == want, "sum of rows");
    }
  }
  std::vector<T> most(static_cast<size_t>(n), T(3));
  std::vector<int64_t> which(static_cast<size_t>(n), -1);
  from[0] = std::numeric_limits<T>::quiet_NaN();
  table.take_max[I](most.data(), which.data(), from.data(), 5, n);
  for (int64_t c = 0; c < n; ++c) {
    const T v = from[static_cast<size_t>(c)];
    const bool better = !(v <= T(3));
    EXPECT(which[static_cast<size_t>(c)] == (better ? 5 : -1), "maximum's row");
    EXPECT(c == 0 ? std::isnan(most[0]) : most[static_cast<size_t>(c)] == (better ? v : T(3)),
           "maximum");
  }
  table.take_max[I](most.data(), which.data(), from.data(), 6, 1);
  EXPECT(which[0] == 5, "the first NaN stays");
}

void test_halves() {
  // Each sum is rounded: 2048 + 1 is 2048 in float16, and 2 more are 2050.
  const int64_t at[3] = {0, 0, 1};
  f16 to[2] = {{0x6800}, {0x3c00}}, from[3] = {{0x3c00}, {0x4000}, {0x4000}};
  table.combine[0][static_cast<int>(DType::F16)](to, from, at, 3, 1, 0);
  EXPECT(to[0].bits == 0x6801 && to[1].bits == 0x4200, "sums of float16");
  bf16 sum[2] = {{0x4300}, {0x3f80}}, more[2] = {{0x3f80}, {0x4000}};
  table.add[static_cast<int>(DType::BF16)](sum, more, 2);
  EXPECT(sum[0].bits == 0x4301 && sum[1].bits == 0x4040, "sums of bfloat16");
}

void test_masks(int64_t n) {
  std::vector<uint8_t> mask(static_cast<size_t>(n));
  std::vector<int64_t> want;
  const std::vector<int64_t> draws = positions(n, 3);
  for (int64_t i = 0; i < n; ++i) {
    mask[static_cast<size_t>(i)] =
        draws[static_cast<size_t>(i)] == 0 ? 0 : static_cast<uint8_t>(i % 255 + 1);
    if (mask[static_cast<size_t>(i)]) want.push_back(i);
  }
  const auto total = static_cast<int64_t>(want.size());
  EXPECT(table.count(mask.data(), n) == total, "count");
  std::vector<int64_t> places(static_cast<size_t>(2 * total), -1);
  table.places(places.data(), 2, mask.data(), total);
  for (size_t k = 0; k < want.size(); ++k)
    EXPECT(places[2 * k] == want[k] && places[2 * k + 1] == -1, "places");
}

void test_all() {
  for (int64_t n : {0, 1, 7, 64, 1001}) {
    test_within(n);
    test_moves<uint8_t>(n);
    test_moves<uint16_t>(n);
    test_moves<int32_t>(n);
    test_moves<int64_t>(n);
    test_moves<float>(n);
    test_moves<double>(n);
  }
  for (int64_t n : {1, 31, 64, 200})
    for (int64_t rows : {1, 5}) {
      test_rows<float>(rows, n);
      test_rows<double>(rows, n);
    }
  test_halves();
  for (int64_t n : {0, 1, 63, 64, 20000}) test_masks(n);
  const int64_t at[4] = {0, -1, 4, -5};
  int64_t to[4];
  table.offsets(to, at, 4, 5, 10, false);
  table.offsets(to, at, 4, 5, 1, true);
  EXPECT(to[0] == 0 && to[1] == 44 && to[2] == 44 && to[3] == 0, "offsets");
}

}  // namespace

int main() {
  struct Set {
    Isa isa;
    void (*fill)(kernels::Table&);
  };
  const Set sets[] = {
      {Isa::Base, kernels::base::fill_index},
#if defined(__x86_64__)
      {Isa::Avx2, kernels::avx2::fill_index},
      {Isa::Avx512, kernels::avx512::fill_index},
#endif
  };
  for (const Set& s : sets) {
    if (s.isa > cpu_info().best) continue;
    set_name = isa_name(s.isa);
    s.fill(all);
    test_all();
  }
  std::printf(failures ? "%d failures\n" : "index: all good\n", failures);
  return failures != 0;
}
