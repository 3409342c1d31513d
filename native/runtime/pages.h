// Memory as the system gives it: whole pages, all zero.
#pragma once
#include <cstddef>
#include <cstdint>

namespace lampas {

// nullptr where the system has none. Two megabytes and more may be backed by huge pages.
void* map_pages(size_t bytes) noexcept;
void unmap_pages(void* p, size_t bytes) noexcept;
// At a multiple of `alignment`, a power of two; to be unmapped with the same.
void* map_aligned(size_t bytes, size_t alignment) noexcept;
void unmap_aligned(void* p, size_t bytes, size_t alignment) noexcept;

// Most bytes of addresses that the process may have (ulimit -v); 0: no limit.
uint64_t address_limit() noexcept;

}  // namespace lampas
