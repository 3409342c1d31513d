// Two levels. Small blocks are cut from slabs and freed into lists of the calling thread, with a
// shared list behind them; slabs go back to the system on demand, once all their blocks are in the
// latter. Large blocks are mappings of their own; freed ones stand in one list by size class and
// one by age, and the oldest are unmapped first.
#include "runtime/allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <string>

#include "core/error.h"
#include "runtime/cpu.h"
#include "runtime/pages.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define LAMPAS_HAS_FORK 1
#endif

namespace lampas {
namespace {

// ---- size classes --------------------------------------------------------------------------
// Multiples of 64 up to 512, then eight to each doubling.

constexpr size_t kSmallest = 512;
constexpr size_t kSmallLimit = 32 << 10;           // larger blocks are mappings of their own
constexpr size_t kAddressLimit = size_t{1} << 47;  // more than any machine maps
constexpr int kSmallClasses = 8 + 6 * 8;
constexpr int kLargeClasses = (47 - 15) * 8;

struct SizeClass {
  int index;
  size_t size;
};

constexpr SizeClass class_of(size_t bytes) {
  if (bytes <= kSmallest) {
    const int units = bytes == 0 ? 1 : static_cast<int>((bytes + 63) / 64);
    return {units - 1, static_cast<size_t>(units) * 64};
  }
  const int exponent = std::bit_width(bytes - 1) - 1;
  const size_t eighths = (bytes - 1) >> (exponent - 3);  // 8 .. 15
  return {8 + (exponent - 9) * 8 + static_cast<int>(eighths & 7), (eighths + 1) << (exponent - 3)};
}
// The size of a class, the other way round.
constexpr size_t size_of_class(int index) {
  if (index < 8) return static_cast<size_t>(index + 1) * 64;
  const int exponent = 9 + (index - 8) / 8;
  return static_cast<size_t>(9 + (index & 7)) << (exponent - 3);
}
static_assert(size_of_class(class_of(577).index) == class_of(577).size);
static_assert(class_of(kSmallLimit).index == kSmallClasses - 1);
static_assert(class_of(kSmallLimit + 1).index == kSmallClasses);
static_assert(class_of(kAddressLimit).index == kSmallClasses + kLargeClasses - 1);

// ---- counters ------------------------------------------------------------------------------

std::atomic<uint64_t> allocated{0}, peak_allocated{0};
std::atomic<uint64_t> mapped{0}, peak_mapped{0};
std::atomic<uint64_t> user_limit{0};
// Counts at or below this, the lower of peak and limit, need no closer look.
std::atomic<uint64_t> looked_up_to{0};

void raise_peak(std::atomic<uint64_t>& peak, uint64_t value) {
  uint64_t seen = peak.load(std::memory_order_relaxed);
  while (value > seen && !peak.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

uint64_t limit_now() {
  const uint64_t user = user_limit.load(std::memory_order_relaxed);
  if (user) return user;
  const CpuInfo& info = cpu_info();
  return info.memory_limit < info.memory_total ? info.memory_limit
                                               : info.memory_total + info.swap_total;
}

void look_again() {
  const uint64_t peak = peak_allocated.load(std::memory_order_relaxed);
  looked_up_to.store(std::min(peak, limit_now()), std::memory_order_relaxed);
}

// Counts `bytes` as in use, unless that would pass the limit.
bool count_in(size_t bytes) {
  const uint64_t now = allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (now > looked_up_to.load(std::memory_order_relaxed)) [[unlikely]] {
    if (now > limit_now()) {
      allocated.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    raise_peak(peak_allocated, now);
    look_again();
  }
  return true;
}

void count_out(size_t bytes) { allocated.fetch_sub(bytes, std::memory_order_relaxed); }

// ---- large blocks ------------------------------------------------------------------------------

struct FreeBlock {           // stands in the freed block itself
  FreeBlock *newer, *older;  // by age, all classes
  FreeBlock *above, *below;  // by age, this class
  size_t size;
  int index;
};

class LargeBlocks {
 public:
  void* take(SizeClass c);
  void* map(SizeClass c, size_t limit);
  void give(void* p, SizeClass c);
  void shrink(size_t target);  // unmaps the oldest until `cached` is at most the target

  std::mutex mutex;
  size_t cached = 0, cache_limit = 0;
  uint64_t allocations = 0, hits = 0;

 private:
  void unlink(FreeBlock* b);
  FreeBlock *newest_ = nullptr, *oldest_ = nullptr;
  FreeBlock* top_[kLargeClasses] = {};
};

void LargeBlocks::unlink(FreeBlock* b) {
  (b->newer ? b->newer->older : newest_) = b->older;
  (b->older ? b->older->newer : oldest_) = b->newer;
  (b->above ? b->above->below : top_[b->index]) = b->below;
  if (b->below) b->below->above = b->above;
  cached -= b->size;
}

void* LargeBlocks::take(SizeClass c) {
  ++allocations;
  FreeBlock* const b = top_[c.index - kSmallClasses];
  if (!b) return nullptr;
  unlink(b);
  ++hits;
  return b;
}

void LargeBlocks::shrink(size_t target) {
  while (cached > target && oldest_) {
    FreeBlock* const b = oldest_;
    const size_t size = b->size;
    unlink(b);
    unmap_pages(b, size);
    mapped.fetch_sub(size, std::memory_order_relaxed);
  }
}

void* LargeBlocks::map(SizeClass c, size_t limit) {
  const uint64_t now = mapped.load(std::memory_order_relaxed);
  if (now + c.size > limit) shrink(cached - std::min<size_t>(cached, now + c.size - limit));
  void* p = map_pages(c.size);
  if (!p && cached > 0) {
    shrink(0);
    p = map_pages(c.size);
  }
  if (p) raise_peak(peak_mapped, mapped.fetch_add(c.size, std::memory_order_relaxed) + c.size);
  return p;
}

void LargeBlocks::give(void* p, SizeClass c) {
  if (cache_limit == 0) cache_limit = cpu_info().memory_limit / 4;
  const int index = c.index - kSmallClasses;
  auto* const b = new (p) FreeBlock{nullptr, newest_, nullptr, top_[index], c.size, index};
  (newest_ ? newest_->newer : oldest_) = b;
  newest_ = b;
  if (top_[index]) top_[index]->above = b;
  top_[index] = b;
  cached += c.size;
  if (cached > cache_limit) shrink(cache_limit);
}

// ---- small blocks ------------------------------------------------------------------------------

struct Link {
  Link* next;
};

struct List {
  Link* head = nullptr;
  uint32_t count = 0;

  void push(void* p) {
    head = new (p) Link{head};
    ++count;
  }
  void* pop() {
    Link* const link = head;
    head = link->next;
    --count;
    return link;
  }
};

// As many blocks of a class as a thread keeps, and half of which it passes on or fetches at once.
constexpr uint32_t keep_count(size_t size) {
  return static_cast<uint32_t>(std::clamp<size_t>((128 << 10) / size, 8, 256));
}

constexpr size_t kSlab = 1 << 20;

struct alignas(kAlignment) Slab {  // stands at the beginning of the memory it is cut from
  Slab* next;
  size_t cut, free;  // bytes in blocks; of these, in free ones: counted by `trim`, else 0
};

class SmallBlocks {  // what the threads share
 public:
  bool fetch(List& list, SizeClass c);
  void put(List& list, int index, uint32_t count);
  uint64_t trim();  // unmaps the slabs of which all blocks are here; returns their bytes

  std::mutex mutex;

 private:
  bool add_slab();
  static Slab* slab_of(void* block) {
    return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~(kSlab - 1));
  }

  List lists_[kSmallClasses];
  Slab* slabs_ = nullptr;  // the newest is being cut
};

bool SmallBlocks::add_slab() {
  void* const p = map_aligned(kSlab, kSlab);
  if (!p) return false;
  raise_peak(peak_mapped, mapped.fetch_add(kSlab, std::memory_order_relaxed) + kSlab);
  slabs_ = new (p) Slab{slabs_, 0, 0};
  return true;
}

bool SmallBlocks::fetch(List& list, SizeClass c) {
  std::lock_guard lock(mutex);
  uint32_t want = std::max<uint32_t>(1, keep_count(c.size) / 2);
  List& shared = lists_[c.index];
  for (; want && shared.count; --want) list.push(shared.pop());
  if (list.count) return true;
  want = std::min<uint32_t>(want, static_cast<uint32_t>(std::max<size_t>(1, 4096 / c.size)));
  for (; want; --want) {
    if (!slabs_ || kSlab - sizeof(Slab) - slabs_->cut < c.size) {
      if (list.count) break;
      if (!add_slab()) return false;
    }
    list.push(reinterpret_cast<char*>(slabs_ + 1) + slabs_->cut);
    slabs_->cut += c.size;
  }
  return true;
}

void SmallBlocks::put(List& list, int index, uint32_t count) {
  std::lock_guard lock(mutex);
  for (; count; --count) lists_[index].push(list.pop());
}

uint64_t SmallBlocks::trim() {
  std::lock_guard lock(mutex);
  for (int i = 0; i < kSmallClasses; ++i)
    for (Link* b = lists_[i].head; b; b = b->next) slab_of(b)->free += size_of_class(i);
  for (List& list : lists_) {
    List kept;
    while (list.count) {
      void* const b = list.pop();
      if (slab_of(b)->free < slab_of(b)->cut) kept.push(b);
    }
    list = kept;
  }
  uint64_t given = 0;
  for (Slab** at = &slabs_; *at;) {
    Slab* const slab = *at;
    if (slab->free < slab->cut) {
      slab->free = 0;
      at = &slab->next;
    } else {
      *at = slab->next;
      unmap_aligned(slab, kSlab, kSlab);
      given += kSlab;
    }
  }
  mapped.fetch_sub(given, std::memory_order_relaxed);
  return given;
}

// ---- the process's allocator -------------------------------------------------------------------

struct ThreadCache {
  List lists[kSmallClasses];
  std::atomic<uint64_t> allocations{0}, hits{0};  // written by the owner alone
  ThreadCache *next = nullptr, *previous = nullptr;
};

// Never destroyed: blocks are freed until the very end of the process.
struct Shared {
  LargeBlocks large;
  SmallBlocks small;
  std::mutex threads_mutex;
  ThreadCache* threads = nullptr;
  uint64_t gone_allocations = 0, gone_hits = 0;  // of threads that have ended
};

alignas(Shared) unsigned char shared_memory[sizeof(Shared)];

Shared* make_shared_state() {
  Shared* s = new (shared_memory) Shared;
#if defined(LAMPAS_HAS_FORK)
  static Shared* at_fork;
  at_fork = s;
  // No other thread may be inside while the process is copied.
  pthread_atfork(
      [] {
        at_fork->threads_mutex.lock();
        at_fork->large.mutex.lock();
        at_fork->small.mutex.lock();
      },
      [] {
        at_fork->small.mutex.unlock();
        at_fork->large.mutex.unlock();
        at_fork->threads_mutex.unlock();
      },
      [] {
        at_fork->small.mutex.unlock();
        at_fork->large.mutex.unlock();
        at_fork->threads_mutex.unlock();
      });
#endif
  return s;
}

Shared& shared() {
  static Shared* const s = make_shared_state();
  return *s;
}

constinit thread_local ThreadCache* thread_cache = nullptr;
constinit thread_local bool thread_ended = false;

struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* const cache = thread_cache;
    thread_cache = nullptr;
    thread_ended = true;
    if (!cache) return;
    Shared& s = shared();
    for (int i = 0; i < kSmallClasses; ++i) s.small.put(cache->lists[i], i, cache->lists[i].count);
    {
      std::lock_guard lock(s.threads_mutex);
      (cache->previous ? cache->previous->next : s.threads) = cache->next;
      if (cache->next) cache->next->previous = cache->previous;
      s.gone_allocations += cache->allocations;
      s.gone_hits += cache->hits;
    }
    std::free(cache);
  }
};

[[gnu::noinline]] ThreadCache* make_thread_cache() noexcept {
  if (thread_ended) return nullptr;
  void* const memory = std::malloc(sizeof(ThreadCache));
  if (!memory) return nullptr;
  auto* const cache = new (memory) ThreadCache;
  Shared& s = shared();
  {
    std::lock_guard lock(s.threads_mutex);
    cache->next = s.threads;
    if (s.threads) s.threads->previous = cache;
    s.threads = cache;
  }
  static thread_local ThreadEnd end;
  (void)&end;
  return thread_cache = cache;
}

void bump(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void* take_small(SizeClass c) noexcept {
  ThreadCache* cache = thread_cache;
  if (!cache) [[unlikely]] {
    cache = make_thread_cache();
    if (!cache) {  // in a thread that is ending
      List one;
      if (!shared().small.fetch(one, c)) return nullptr;
      void* const p = one.pop();
      shared().small.put(one, c.index, one.count);
      return p;
    }
  }
  bump(cache->allocations);
  List& list = cache->lists[c.index];
  if (list.count) [[likely]] {
    bump(cache->hits);
  } else if (!shared().small.fetch(list, c)) {
    return nullptr;
  }
  return list.pop();
}

void give_small(void* p, SizeClass c) noexcept {
  ThreadCache* cache = thread_cache;
  if (!cache) [[unlikely]] {
    cache = make_thread_cache();
    if (!cache) {
      List one;
      one.push(p);
      shared().small.put(one, c.index, 1);
      return;
    }
  }
  List& list = cache->lists[c.index];
  list.push(p);
  const uint32_t keep = keep_count(c.size);
  if (list.count > keep) [[unlikely]]
    shared().small.put(list, c.index, keep / 2);
}

// A mapping succeeds even where there is no memory behind it; the process is killed when it is
// touched. Requests of this size are worth a look at what is left.
constexpr size_t kWorthALook = 128 << 20;

void* take_large(SizeClass c) noexcept {
  Shared& s = shared();
  std::lock_guard lock(s.large.mutex);
  if (void* p = s.large.take(c)) return p;
  if (c.size >= kWorthALook && c.size > memory_available()) {
    s.large.shrink(0);
    if (c.size > memory_available()) return nullptr;
  }
  return s.large.map(c, limit_now());
}

std::string human(uint64_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 6; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

[[noreturn, gnu::cold, gnu::noinline]] void fail_allocation(size_t bytes, uint64_t cached_before) {
  const uint64_t user = user_limit.load(std::memory_order_relaxed), limit = limit_now();
  const uint64_t used = allocated.load(std::memory_order_relaxed);
  const CpuInfo& info = cpu_info();
  const std::string machine = info.memory_limit < info.memory_total
                                  ? "this container may use " + human(info.memory_limit)
                                  : "this machine has " + human(info.memory_total);
  std::string why;
  if (user && (bytes > limit || used + bytes > limit)) {
    why = "that would pass the limit of " + human(user) + " set with set_memory_limit";
  } else if (bytes > limit) {
    why = machine + " in all";
  } else {
    why = machine + ", of which " + human(memory_available()) + " are free";
    if (const uint64_t most = address_limit())
      why += ", and ulimit -v allows this process " + human(most) + " of addresses";
  }
  fail(ErrorKind::Memory, "cannot allocate ", human(bytes), " (", bytes, " bytes): ", why, "; ",
       human(used), " in use by tensors, ", human(cached_before),
       " of cache already given back. Use a smaller batch or shape, a smaller dtype (float32, "
       "bfloat16), or free tensors that are no longer needed (del)");
}

// Gives back what is cached, but for small blocks beside live ones and those of other threads.
uint64_t drop_cache() noexcept {
  Shared& s = shared();
  if (ThreadCache* const own = thread_cache)
    for (int i = 0; i < kSmallClasses; ++i) s.small.put(own->lists[i], i, own->lists[i].count);
  const uint64_t small = s.small.trim();
  std::lock_guard lock(s.large.mutex);
  const uint64_t large = s.large.cached;
  s.large.shrink(0);
  return small + large;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kPlain = true;  // the sanitizer must see every block
#else
constexpr bool kPlain = false;
#endif

// One attempt, with the cache as it is.
void* take(size_t bytes) noexcept {
  if (bytes > kAddressLimit) return nullptr;
  const SizeClass c = class_of(bytes);
  if (!count_in(c.size)) [[unlikely]]
    return nullptr;
  void* p;
  if constexpr (kPlain) {
    p = ::operator new(c.size, std::align_val_t(kAlignment), std::nothrow);
  } else {
    p = c.index < kSmallClasses ? take_small(c) : take_large(c);
  }
  if (!p) [[unlikely]]
    count_out(c.size);
  return p;
}

}  // namespace

void* try_allocate(size_t bytes) noexcept {
  void* p = take(bytes);
  if (!p) [[unlikely]] {
    drop_cache();
    p = take(bytes);
  }
  return p;
}

void* allocate(size_t bytes) {
  void* p = take(bytes);
  if (!p) [[unlikely]] {
    const uint64_t cached_before = drop_cache();
    p = take(bytes);
    if (!p) fail_allocation(bytes, cached_before);
  }
  return p;
}

void deallocate(void* p, size_t bytes) noexcept {
  if (!p) return;
  const SizeClass c = class_of(bytes);
  count_out(c.size);
  if constexpr (kPlain) {
    ::operator delete(p, std::align_val_t(kAlignment));
  } else if (c.index < kSmallClasses) {
    give_small(p, c);
  } else {
    Shared& s = shared();
    std::lock_guard lock(s.large.mutex);
    s.large.give(p, c);
  }
}

MemoryStats memory_stats() {
  Shared& s = shared();
  MemoryStats stats;
  {
    std::lock_guard lock(s.threads_mutex);
    stats.allocations = s.gone_allocations;
    stats.cache_hits = s.gone_hits;
    for (const ThreadCache* t = s.threads; t; t = t->next) {
      stats.allocations += t->allocations.load(std::memory_order_relaxed);
      stats.cache_hits += t->hits.load(std::memory_order_relaxed);
    }
  }
  std::lock_guard lock(s.large.mutex);
  stats.allocations += s.large.allocations;
  stats.cache_hits += s.large.hits;
  stats.allocated = allocated.load(std::memory_order_relaxed);
  stats.reserved = std::max(stats.allocated, mapped.load(std::memory_order_relaxed));
  stats.cached = stats.reserved - stats.allocated;
  stats.peak_allocated = peak_allocated.load(std::memory_order_relaxed);
  stats.peak_reserved = std::max(stats.peak_allocated, peak_mapped.load(std::memory_order_relaxed));
  stats.cache_limit = s.large.cache_limit ? s.large.cache_limit : cpu_info().memory_limit / 4;
  stats.memory_limit = limit_now();
  return stats;
}

void reset_peak_memory() {
  peak_allocated.store(allocated.load(std::memory_order_relaxed), std::memory_order_relaxed);
  peak_mapped.store(mapped.load(std::memory_order_relaxed), std::memory_order_relaxed);
  look_again();
}

void empty_cache() noexcept { drop_cache(); }

void set_memory_limit(uint64_t bytes) {
  user_limit.store(bytes, std::memory_order_relaxed);
  look_again();
}

}  // namespace lampas
