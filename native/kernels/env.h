// What kernels may ask of the outside world, as plain function pointers.
#pragma once
#include <cstddef>
#include <cstdint>

namespace lampas::kernels {

struct Env {
  // Calls body(ctx, i) for every i in [0, tasks) on the pool and returns when all are done.
  // Tasks must be independent, and how work is cut into tasks must depend on sizes alone, never
  // on the number of threads: results are the same bits on any thread count.
  void (*parallel)(int64_t tasks, void (*body)(void* ctx, int64_t i), void* ctx);
  // 64-byte aligned scratch memory from the caching allocator; cheap; nullptr when exhausted.
  void* (*alloc)(size_t bytes);
  void (*free)(void* p, size_t bytes);
};

// Scratch memory for `count` elements, given back at the end of the scope. Test it before use.
template <class T>
class Scratch {
 public:
  Scratch(const Env& env, int64_t count)
      : env_(env),
        bytes_(static_cast<size_t>(count) * sizeof(T)),
        data_(static_cast<T*>(env.alloc(bytes_))) {}
  ~Scratch() {
    if (data_) env_.free(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  explicit operator bool() const { return data_ != nullptr; }
  T* get() const { return data_; }

 private:
  const Env& env_;
  size_t bytes_;
  T* data_;
};

}  // namespace lampas::kernels
