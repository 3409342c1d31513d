// The caching allocator behind every tensor and every kernel's scratch memory.
//
// Blocks are 64-byte aligned. Sizes are rounded up to a size class (at most an eighth is lost), and
// a freed block is kept for the next request of its class: small ones in a list of the calling
// thread, large ones in a shared list from which the least recently used go back to the system once
// the cache exceeds its bound. Safe from any thread; survives fork.
#pragma once
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace lampas {

inline constexpr size_t kAlignment = 64;

// Throws Error{Memory} when neither the system nor the cache has room. A request of 0 bytes gets a
// valid, unique address. Contents are undefined.
void* allocate(size_t bytes);
// The same without the exception: nullptr when exhausted.
void* try_allocate(size_t bytes) noexcept;
// `bytes` is the size that was asked for. nullptr is ignored.
void deallocate(void* p, size_t bytes) noexcept;

// A vector in that memory, for work of a tensor's size: the system's own gives large blocks back
// at once, and takes longer to bring in their pages than most loops to fill them. Elements that are
// given no value start undefined.
template <class T>
struct Allocator {
  using value_type = T;
  Allocator() = default;
  template <class U>
  Allocator(const Allocator<U>&) {}  // NOLINT: allocators convert freely
  T* allocate(size_t n) { return static_cast<T*>(lampas::allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t n) noexcept { lampas::deallocate(p, n * sizeof(T)); }
  template <class U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... A>
  void construct(U* p, A&&... a) {
    ::new (static_cast<void*>(p)) U(std::forward<A>(a)...);
  }
  template <class U>
  bool operator==(const Allocator<U>&) const {
    return true;
  }
};
template <class T>
using Buffer = std::vector<T, Allocator<T>>;

struct MemoryStats {
  uint64_t allocated = 0;       // bytes in live blocks, after rounding
  uint64_t cached = 0;          // bytes in free blocks kept for reuse
  uint64_t reserved = 0;        // allocated + cached
  uint64_t peak_allocated = 0;  // highest `allocated` of large blocks and slabs since reset_peak
  uint64_t peak_reserved = 0;   // highest `reserved` since reset_peak
  uint64_t allocations = 0;     // calls of allocate so far
  uint64_t cache_hits = 0;      // calls that the cache served
  uint64_t cache_limit = 0;     // bound of `cached` for large blocks
  uint64_t memory_limit = 0;    // set_memory_limit, or what the machine or its cgroup allows
};
MemoryStats memory_stats();
void reset_peak_memory();

// Gives cached memory back to the system: all large blocks, and the pages of small ones on which
// none is in use.
void empty_cache() noexcept;
// Upper bound for `allocated`; requests beyond it fail with Error{Memory}. 0: the machine's own.
void set_memory_limit(uint64_t bytes);

}  // namespace lampas
