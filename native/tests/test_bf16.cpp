// Kernels made for bfloat16, of every instruction set this machine has, against sums in double.
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "dispatch/dispatch.h"
#include "runtime/cpu.h"

namespace lampas::kernels {
#if defined(__x86_64__)
#define LAMPAS_TEST_FILLS(isa) \
  namespace isa {              \
  void fill_bf16_gemm(Table&); \
  void fill_bf16_conv(Table&); \
  }
LAMPAS_TEST_FILLS(avx512_bf16)
LAMPAS_TEST_FILLS(amx)
#endif
}  // namespace lampas::kernels

namespace {

using namespace lampas;

int failures = 0, checks = 0;
kernels::Table table;
std::mt19937 draw(1);

int64_t pick(std::initializer_list<int64_t> of) { return of.begin()[draw() % of.size()]; }
double value(bf16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16); }
std::vector<bf16> numbers(int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<bf16> v(static_cast<size_t>(n));
  for (bf16& x : v) x.bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(normal(draw)) >> 16);
  return v;
}

// Rounding of the result, 2^-8 of it, and of sums in float of terms that total `size`.
void expect_near(bf16 got, double want, double size, const char* what) {
  ++checks;
  const double bound = std::abs(want) * 0x1p-8 + size * 0x1p-20;
  if (!(std::abs(value(got) - want) <= bound) && ++failures <= 20)
    std::fprintf(stderr, "%s: %g, want %g within %g\n", what, value(got), want, bound);
}

void test_product() {
  const int64_t m = pick({1, 2, 4, 5, 12, 16, 17, 31, 32, 33, 64}), n = pick({1, 7, 32, 33, 100}),
                k = pick({1, 2, 31, 32, 33, 64, 75, 200}), batch = pick({1, 1, 3});
  const bool a_rows = draw() % 2, b_rows = draw() % 2, relu = draw() % 2, add = draw() % 2;
  const std::vector<bf16> a = numbers(batch * m * k), b = numbers(batch * k * n), bias = numbers(n);
  std::vector<bf16> c = numbers(batch * m * n);
  const std::vector<bf16> before = c;
  const kernels::GemmArgs g{.m = m,
                            .n = n,
                            .k = k,
                            .a = a.data(),
                            .a_rs = a_rows ? k : 1,
                            .a_cs = a_rows ? 1 : m,
                            .b = b.data(),
                            .b_rs = b_rows ? n : 1,
                            .b_cs = b_rows ? 1 : k,
                            .c = c.data(),
                            .c_rs = n,
                            .bias = draw() % 2 ? bias.data() : nullptr,
                            .act = relu ? kernels::Act::Relu : kernels::Act::None,
                            .accumulate = add,
                            .batch = batch,
                            .a_bs = m * k,
                            .b_bs = k * n,
                            .c_bs = m * n};
  if (!table.gemm.gemm[static_cast<int>(DType::BF16)](g, kernel_env())) ++failures;
  for (int64_t i = 0; i < batch * m * n; ++i) {
    const int64_t at = i / n / m, row = i / n % m, column = i % n;
    double sum = g.bias ? value(bias[column]) : 0, size = std::abs(sum);
    if (add) sum += value(before[i]), size += std::abs(value(before[i]));
    for (int64_t p = 0; p < k; ++p) {
      const double term = value(a[at * m * k + row * g.a_rs + p * g.a_cs]) *
                          value(b[at * k * n + p * g.b_rs + column * g.b_cs]);
      sum += term;
      size += std::abs(term);
    }
    expect_near(c[i], relu ? std::max(sum, 0.0) : sum, size, "product");
  }
}

// Two-dimensional windows over images, padded by half a window.
void test_convolution() {
  const int64_t kernel = pick({1, 2, 3, 5}), stride = pick({1, 1, 2, 3}), in = pick({6, 9, 18}),
                pad = kernel / 2, out = (in + 2 * pad - kernel) / stride + 1, images = pick({1, 3}),
                groups = pick({1, 2}), channels = pick({1, 3, 16, 33}),
                outputs = pick({1, 5, 12, 17, 32, 40}), taps = kernel * kernel;
  std::vector<std::array<int64_t, 3>> tap;
  std::vector<int64_t> w_tap;
  for (int64_t t = 0; t < taps; ++t) {
    tap.push_back({0, t / kernel - pad, t % kernel - pad});
    w_tap.push_back(t);
  }
  kernels::ConvShape s{};
  s.images = images, s.groups = groups, s.channels = channels, s.outputs = outputs;
  for (int d = 0; d < 3; ++d)
    s.in[d] = d ? in : 1, s.out[d] = d ? out : 1, s.stride[d] = d ? stride : 1;
  s.taps = taps;
  s.tap = reinterpret_cast<const int64_t(*)[3]>(tap.data());
  s.w_tap = w_tap.data();
  s.x_channel = in * in, s.x_group = channels * s.x_channel, s.x_image = groups * s.x_group;
  s.y_output = out * out, s.y_group = outputs * s.y_output, s.y_image = groups * s.y_group;
  // Filters [outputs][channels] or [channels][outputs], as the gradient of the input has them.
  const bool swapped = draw() % 2;
  s.w_output = swapped ? taps : channels * taps;
  s.w_channel = swapped ? outputs * taps : taps;
  s.w_group = outputs * channels * taps;
  const std::vector<bf16> x = numbers(images * s.x_image), w = numbers(groups * s.w_group),
                          bias = numbers(groups * outputs);
  std::vector<bf16> y(static_cast<size_t>(images * s.y_image)), gw(w.size());
  const auto at = [&](int64_t image, int64_t group, int64_t c, int64_t p, int64_t t) {
    const int64_t h = p / out * stride + tap[t][1], v = p % out * stride + tap[t][2];
    if (h < 0 || h >= in || v < 0 || v >= in) return 0.0;
    return value(x[image * s.x_image + group * s.x_group + c * s.x_channel + h * in + v]);
  };
  const int type = static_cast<int>(DType::BF16);
  if (!table.conv.correlate[type](s, x.data(), w.data(), bias.data(), y.data(), kernel_env()))
    ++failures;
  for (int64_t i = 0; i < images * s.y_image; ++i) {
    const int64_t p = i % s.y_output, o = i / s.y_output % outputs, group = i / s.y_group % groups,
                  image = i / s.y_image;
    double sum = value(bias[group * outputs + o]), size = std::abs(sum);
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) {
        const double term = at(image, group, c, p, t) *
                            value(w[group * s.w_group + o * s.w_output + c * s.w_channel + t]);
        sum += term;
        size += std::abs(term);
      }
    expect_near(y[i], sum, size, "convolution");
  }
  s.w_output = channels * taps;
  s.w_channel = taps;
  const std::vector<bf16> gy = numbers(images * s.y_image);
  if (!table.conv.weight_grad[type](s, x.data(), gy.data(), gw.data(), kernel_env())) ++failures;
  for (int64_t i = 0; i < groups * s.w_group; ++i) {
    const int64_t t = i % taps, c = i / taps % channels, o = i / s.w_output % outputs,
                  group = i / s.w_group;
    double sum = 0, size = 0;
    for (int64_t image = 0; image < images; ++image)
      for (int64_t p = 0; p < s.y_output; ++p) {
        const double term = at(image, group, c, p, t) *
                            value(gy[image * s.y_image + group * s.y_group + o * s.y_output + p]);
        sum += term;
        size += std::abs(term);
      }
    expect_near(gw[i], sum, size, "gradient of the weight");
  }
}

}  // namespace

int main() {
#if defined(__x86_64__)
  struct Set {
    Isa isa;
    void (*gemm)(kernels::Table&);
    void (*conv)(kernels::Table&);
  };
  const Set sets[] = {
      {Isa::Avx512Bf16, kernels::avx512_bf16::fill_bf16_gemm, kernels::avx512_bf16::fill_bf16_conv},
      {Isa::Amx, kernels::amx::fill_bf16_gemm, kernels::amx::fill_bf16_conv},
  };
  for (const Set& s : sets) {
    if (s.isa > cpu_info().best) {
      std::printf("bf16: no %s here\n", isa_name(s.isa));
      continue;
    }
    const int already = failures;
    s.gemm(table);
    s.conv(table);
    for (int i = 0; i < 60; ++i) test_product();
    for (int i = 0; i < 40; ++i) test_convolution();
    std::printf("bf16: %s: %d checks, %d failures\n", isa_name(s.isa), checks, failures - already);
  }
#endif
  return failures != 0;
}
