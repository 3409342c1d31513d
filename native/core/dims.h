// Sizes and strides: a vector of int64 that keeps up to six values in place.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>

namespace lampas {

using IntSpan = std::span<const int64_t>;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> v) { assign(v.begin(), v.size()); }
  Dims(IntSpan v) { assign(v.data(), v.size()); }  // NOLINT: a view converts freely
  explicit Dims(size_t n, int64_t fill) {
    resize(n);
    std::fill(begin(), end(), fill);
  }
  Dims(const Dims& o) { assign(o.data(), o.size()); }
  Dims(Dims&& o) noexcept { steal(o); }
  Dims& operator=(const Dims& o) {
    if (this != &o) assign(o.data(), o.size());
    return *this;
  }
  Dims& operator=(Dims&& o) noexcept {
    if (this != &o) {
      release();
      steal(o);
    }
    return *this;
  }
  ~Dims() { release(); }

  size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  const int64_t* data() const { return cap_ > kInline ? heap_ : small_; }
  int64_t* data() { return cap_ > kInline ? heap_ : small_; }
  int64_t operator[](size_t i) const { return data()[i]; }
  int64_t& operator[](size_t i) { return data()[i]; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + n_; }
  int64_t* begin() { return data(); }
  int64_t* end() { return data() + n_; }
  int64_t back() const { return data()[n_ - 1]; }
  operator IntSpan() const { return {data(), n_}; }  // NOLINT
  bool operator==(const Dims& o) const {
    return n_ == o.n_ && std::equal(begin(), end(), o.begin());
  }

  void push_back(int64_t v) {
    if (n_ == cap_) grow(size_t{2} * cap_);
    resize(n_ + 1);
    data()[n_ - 1] = v;
  }
  void insert(size_t at, int64_t v) {
    push_back(v);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(size_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --n_;
  }
  // New elements are not initialised.
  void resize(size_t n) {
    if (n > cap_) grow(n);
    n_ = static_cast<uint32_t>(n);
  }
  void clear() { n_ = 0; }

 private:
  static constexpr uint32_t kInline = 6;
  void assign(const int64_t* v, size_t n) {
    resize(n);
    std::copy(v, v + n, data());
  }
  void grow(size_t n) {
    auto* p = new int64_t[n];
    std::copy(begin(), end(), p);
    release();
    heap_ = p;
    cap_ = static_cast<uint32_t>(n);
  }
  void release() {
    if (cap_ > kInline) delete[] heap_;
    cap_ = kInline;
  }
  void steal(Dims& o) {
    n_ = o.n_;
    cap_ = o.cap_;
    if (cap_ > kInline)
      heap_ = o.heap_;
    else
      std::copy(o.small_, o.small_ + n_, small_);
    o.n_ = 0;
    o.cap_ = kInline;
  }

  uint32_t n_ = 0, cap_ = kInline;
  union {
    int64_t small_[kInline];
    int64_t* heap_;
  };
};

inline int64_t product(IntSpan v) {
  int64_t p = 1;
  for (int64_t x : v) p *= x;
  return p;
}

// Row-major strides; dimensions of size 0 count as 1, as in PyTorch.
inline Dims contiguous_strides(IntSpan sizes) {
  Dims s;
  s.resize(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    s[i] = step;
    step *= std::max<int64_t>(sizes[i], 1);
  }
  return s;
}

// Prints as [2, 3].
inline std::ostream& operator<<(std::ostream& os, IntSpan v) {
  os << '[';
  for (size_t i = 0; i < v.size(); ++i) os << (i ? ", " : "") << v[i];
  return os << ']';
}
inline std::ostream& operator<<(std::ostream& os, const Dims& v) { return os << IntSpan(v); }

}  // namespace lampas
