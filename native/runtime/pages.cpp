#include "runtime/pages.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <sys/resource.h>

namespace lampas {
namespace {
constexpr size_t kHugePage = 2 << 20;

void* map(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : p;
}
}  // namespace

void* map_aligned(size_t bytes, size_t alignment) noexcept {
  char* const p = static_cast<char*>(map(bytes + alignment));
  if (!p) return nullptr;
  const size_t head = -reinterpret_cast<uintptr_t>(p) & (alignment - 1);
  if (head) munmap(p, head);
  if (head < alignment) munmap(p + head + bytes, alignment - head);
  return p + head;
}
void unmap_aligned(void* p, size_t bytes, size_t) noexcept { munmap(p, bytes); }

void* map_pages(size_t bytes) noexcept {
  if (bytes < kHugePage) return map(bytes);
  // Aligned to a huge page, so that the system can back it with them: one page fault, not 512.
  void* const p = map_aligned(bytes, kHugePage);
  if (!p) return map(bytes);
#if defined(MADV_HUGEPAGE)
  madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return p;
}
void unmap_pages(void* p, size_t bytes) noexcept { munmap(p, bytes); }

uint64_t address_limit() noexcept {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 0;
  return static_cast<uint64_t>(limit.rlim_cur);
}

}  // namespace lampas
#else
#include <new>

namespace lampas {
namespace {
constexpr size_t kPage = 4096;
}

void* map_aligned(size_t bytes, size_t alignment) noexcept {
  return ::operator new(bytes, std::align_val_t(alignment), std::nothrow);
}
void unmap_aligned(void* p, size_t, size_t alignment) noexcept {
  ::operator delete(p, std::align_val_t(alignment));
}
void* map_pages(size_t bytes) noexcept { return map_aligned(bytes, kPage); }
void unmap_pages(void* p, size_t bytes) noexcept { unmap_aligned(p, bytes, kPage); }
uint64_t address_limit() noexcept { return 0; }

}  // namespace lampas
#endif
