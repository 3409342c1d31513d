// Built without instruction-set flags: it decides which of them may be used.
#include "runtime/cpu.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace lampas {
namespace {

// ---- files of the system -------------------------------------------------------------------

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return std::move(text).str();
}

// The number at the start of a file; -1 where there is none ("max", no such file).
int64_t read_number(const std::string& path) {
  const std::string text = read_text(path);
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  return end == text.c_str() ? -1 : value;
}

// The number behind "key" in a file of "key value" lines; -1 where there is none.
int64_t read_field(const std::string& path, const std::string& key) {
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, key.size(), key) == 0 && line.size() > key.size() &&
        std::strchr(" \t:", line[key.size()])) {
      const size_t digit = line.find_first_of("0123456789", key.size());
      return digit == std::string::npos ? -1 : std::strtoll(line.c_str() + digit, nullptr, 10);
    }
  }
  return -1;
}

// "0-3,8,10-11" as a count.
int count_list(const std::string& list) {
  int count = 0;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    int low = 0, high = 0;
    const int read = std::sscanf(part.c_str(), "%d-%d", &low, &high);
    if (read >= 1) count += read == 2 ? high - low + 1 : 1;
  }
  return count;
}

// ---- control groups ------------------------------------------------------------------------

struct CgroupLimits {
  double cpus = 0;        // 0: none
  int cpuset = 0;         // cores in the set; 0: unknown
  uint64_t memory = 0;    // 0: none
  std::string memory_at;  // folder whose memory limit is the lowest
  bool v2 = false;
};

// The folder of this process's group for a controller and all folders above it, up to the mount.
std::vector<std::string> group_folders(const std::string& mount, const std::string& path) {
  std::vector<std::string> folders;
  for (std::string p = path; p.size() > 1; p = p.substr(0, p.rfind('/'))) {
    folders.push_back(mount + p);
  }
  folders.push_back(mount);
  return folders;
}

void lower_cpus(CgroupLimits& limits, double quota, double period) {
  if (quota <= 0 || period <= 0) return;
  const double cpus = quota / period;
  if (limits.cpus == 0 || cpus < limits.cpus) limits.cpus = cpus;
}

void lower_memory(CgroupLimits& limits, int64_t bytes, const std::string& folder, bool v2) {
  constexpr int64_t kUnlimited = int64_t{1} << 60;  // version 1 writes a huge number
  if (bytes <= 0 || bytes >= kUnlimited) return;
  if (limits.memory == 0 || static_cast<uint64_t>(bytes) < limits.memory) {
    limits.memory = static_cast<uint64_t>(bytes);
    limits.memory_at = folder;
    limits.v2 = v2;
  }
}

void read_group_v2(CgroupLimits& limits, const std::string& path) {
  for (const std::string& folder : group_folders("/sys/fs/cgroup", path)) {
    double quota = 0, period = 0;
    const std::string cpu_max = read_text(folder + "/cpu.max");
    if (std::sscanf(cpu_max.c_str(), "%lf %lf", &quota, &period) == 2) {
      lower_cpus(limits, quota, period);
    }
    lower_memory(limits, read_number(folder + "/memory.max"), folder, true);
    if (limits.cpuset == 0) {
      limits.cpuset = count_list(read_text(folder + "/cpuset.cpus.effective"));
    }
  }
}

void read_group_v1(CgroupLimits& limits, const std::string& controllers, const std::string& path) {
  const auto has = [&](const char* name) {
    return ("," + controllers + ",").find("," + std::string(name) + ",") != std::string::npos;
  };
  for (const char* name : {"cpu", "memory", "cpuset"}) {
    if (!has(name)) continue;
    for (const std::string& folder : group_folders(std::string("/sys/fs/cgroup/") + name, path)) {
      lower_cpus(limits, static_cast<double>(read_number(folder + "/cpu.cfs_quota_us")),
                 static_cast<double>(read_number(folder + "/cpu.cfs_period_us")));
      lower_memory(limits, read_number(folder + "/memory.limit_in_bytes"), folder, false);
      if (limits.cpuset == 0) limits.cpuset = count_list(read_text(folder + "/cpuset.cpus"));
    }
  }
}

CgroupLimits read_cgroups() {
  CgroupLimits limits;
  std::istringstream lines(read_text("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {  // id:controllers:path
    const size_t a = line.find(':'), b = line.find(':', a + 1);
    if (a == std::string::npos || b == std::string::npos) continue;
    const std::string controllers = line.substr(a + 1, b - a - 1), path = line.substr(b + 1);
    if (controllers.empty()) {
      read_group_v2(limits, path);
    } else {
      read_group_v1(limits, controllers, path);
    }
  }
  return limits;
}

const CgroupLimits& cgroups() {
  static const CgroupLimits limits = read_cgroups();
  return limits;
}

// ---- cores ---------------------------------------------------------------------------------

// Ranks of this job on this machine, as the usual launchers tell.
int read_local_ranks() {
  for (const char* name : {"LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                           "MV2_COMM_WORLD_LOCAL_SIZE", "PMI_LOCAL_SIZE"}) {
    if (const char* value = std::getenv(name)) return std::max(1, std::atoi(value));
  }
  // Slurm sets it for the batch script, too, which is one process: SLURM_PROCID tells a rank.
  const char* tasks = std::getenv("SLURM_NTASKS_PER_NODE");
  return tasks && std::getenv("SLURM_PROCID") ? std::max(1, std::atoi(tasks)) : 1;
}

// Physical cores among the logical ones that `allowed` accepts.
template <class F>
int count_physical(int logical, F allowed) {
  std::set<std::string> cores;
  int unknown = 0;
  for (int i = 0; i < logical; ++i) {
    if (!allowed(i)) continue;
    const std::string siblings = read_text("/sys/devices/system/cpu/cpu" + std::to_string(i) +
                                           "/topology/thread_siblings_list");
    if (siblings.empty()) {
      ++unknown;
    } else {
      cores.insert(siblings);
    }
  }
  return static_cast<int>(cores.size()) + unknown;
}

void detect_cores(CpuInfo& info) {
  info.logical_cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  info.local_ranks = read_local_ranks();
  int allowed = info.logical_cores;
  info.physical_cores = info.logical_cores;
#if defined(__linux__)
  const int configured = static_cast<int>(sysconf(_SC_NPROCESSORS_CONF));
  info.logical_cores = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  info.physical_cores = count_physical(configured, [](int) { return true; });
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) {
    allowed = count_physical(std::min(configured, CPU_SETSIZE),
                             [&](int i) { return CPU_ISSET(i, &mask); });
  }
#elif defined(__APPLE__)
  size_t size = sizeof info.physical_cores;
  sysctlbyname("hw.physicalcpu", &info.physical_cores, &size, nullptr, 0);
  allowed = info.physical_cores;
#endif
  const CgroupLimits& limits = cgroups();
  info.cpu_quota = limits.cpus;
  // A launcher that binds its ranks has already cut the mask; then the share below is no less.
  int machine = info.physical_cores;
  if (limits.cpuset > 0) machine = std::min(machine, limits.cpuset);
  int usable = std::min(allowed, std::max(1, machine / info.local_ranks));
  if (limits.cpus > 0) {
    // Threads beyond the quota only use it up sooner and then all wait.
    usable = std::min(usable, static_cast<int>(limits.cpus / info.local_ranks + 0.25));
  }
  info.usable_cores = std::max(1, usable);
}

// ---- memory and caches ---------------------------------------------------------------------

void detect_memory(CpuInfo& info) {
#if defined(__linux__)
  const int64_t kib = read_field("/proc/meminfo", "MemTotal");
  info.memory_total = kib > 0 ? static_cast<uint64_t>(kib) * 1024
                              : static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                    static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const int64_t swap = read_field("/proc/meminfo", "SwapTotal");
  info.swap_total = swap > 0 ? static_cast<uint64_t>(swap) * 1024 : 0;
#elif defined(__APPLE__)
  size_t size = sizeof info.memory_total;
  sysctlbyname("hw.memsize", &info.memory_total, &size, nullptr, 0);
#endif
  if (info.memory_total == 0) info.memory_total = uint64_t{8} << 30;
  const uint64_t group = cgroups().memory;
  info.memory_limit = group > 0 ? std::min(group, info.memory_total) : info.memory_total;
}

void detect_caches(CpuInfo& info) {
#if defined(__linux__)
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
    const int64_t level = read_number(folder + "/level"), kib = read_number(folder + "/size");
    if (level < 1 || kib <= 0) continue;
    if (read_text(folder + "/type").compare(0, 11, "Instruction") == 0) continue;
    (level == 1 ? info.l1d : level == 2 ? info.l2 : info.l3) = kib * 1024;
  }
#elif defined(__APPLE__)
  size_t size = sizeof info.l1d;
  sysctlbyname("hw.l1dcachesize", &info.l1d, &size, nullptr, 0);
  sysctlbyname("hw.l2cachesize", &info.l2, &size, nullptr, 0);
#endif
  if (info.l1d <= 0) info.l1d = 32 << 10;
  if (info.l2 <= 0) info.l2 = 512 << 10;
}

// ---- instruction sets ----------------------------------------------------------------------

#if defined(__x86_64__)
struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};
Registers cpuid(unsigned leaf, unsigned sub = 0) {
  Registers r;
  if (!__get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d)) r = {};
  return r;
}

uint64_t enabled_states() {  // XCR0: the register files that the system saves
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Linux keeps the tile registers from a process until it asks for them.
bool request_tiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

void detect_features(CpuInfo& info) {
  const auto bit = [](unsigned word, int i) { return (word >> i & 1) != 0; };
  std::array<char, 13> vendor{};
  const Registers id = cpuid(0);
  std::memcpy(vendor.data(), &id.b, 4);
  std::memcpy(vendor.data() + 4, &id.d, 4);
  std::memcpy(vendor.data() + 8, &id.c, 4);
  info.vendor = vendor.data();
  std::array<char, 49> model{};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002 + i);
    std::memcpy(model.data() + 16 * i, &r, 16);
  }
  info.model = model.data();
  info.model.erase(0, info.model.find_first_not_of(' '));
  info.model.erase(info.model.find_last_not_of(' ') + 1);

  const Registers one = cpuid(1), seven = cpuid(7), seven_one = cpuid(7, 1);
  if (!bit(one.c, 27)) return;  // no xgetbv: the system saves nothing beyond SSE
  const uint64_t states = enabled_states();
  const bool ymm = (states & 0x6) == 0x6, zmm = (states & 0xe6) == 0xe6;
  const bool tiles = (states >> 17 & 3) == 3 && bit(seven.d, 24) && request_tiles();
  CpuFeatures& f = info.features;
  f.avx2 = ymm && bit(seven.b, 5);
  f.fma = ymm && bit(one.c, 12);
  f.f16c = ymm && bit(one.c, 29);
  f.avx512f = zmm && bit(seven.b, 16);
  f.avx512dq = zmm && bit(seven.b, 17);
  f.avx512bw = zmm && bit(seven.b, 30);
  f.avx512vl = zmm && bit(seven.b, 31);
  f.avx512_vnni = zmm && bit(seven.c, 11);
  f.avx512_bf16 = zmm && bit(seven_one.a, 5);
  f.avx512_fp16 = zmm && bit(seven.d, 23);
  f.amx_tile = tiles;
  f.amx_bf16 = tiles && bit(seven.d, 22);
  f.amx_int8 = tiles && bit(seven.d, 25);
}
#else
void detect_features(CpuInfo&) {}
#endif

Isa best_isa(const CpuFeatures& f) {
  if (!(f.avx2 && f.fma && f.f16c)) return Isa::Base;
  if (!(f.avx512f && f.avx512bw && f.avx512dq && f.avx512vl)) return Isa::Avx2;
  if (!f.avx512_bf16) return Isa::Avx512;
  return f.amx_tile && f.amx_bf16 ? Isa::Amx : Isa::Avx512Bf16;
}

// LAMPAS_ISA lowers the choice; asking for more than there is gives what there is.
Isa wanted_isa(Isa best) {
  const char* value = std::getenv("LAMPAS_ISA");
  if (!value || !*value) return best;
  for (Isa isa : {Isa::Base, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16, Isa::Amx}) {
    if (std::strcmp(value, isa_name(isa)) == 0) return std::min(isa, best);
  }
  fail(ErrorKind::Value, "LAMPAS_ISA=", value,
       ": no such instruction set; use base, avx2, avx512, avx512_bf16 or amx, or leave it unset");
}

CpuInfo detect() {
  CpuInfo info;
#if defined(__x86_64__)
  info.architecture = "x86_64";
#elif defined(__aarch64__)
  info.architecture = "aarch64";
#else
  info.architecture = "unknown";
#endif
  detect_features(info);
  info.best = best_isa(info.features);
  detect_cores(info);
  detect_memory(info);
  detect_caches(info);
  return info;
}

}  // namespace

const char* isa_name(Isa isa) {
  constexpr const char* names[] = {"base", "avx2", "avx512", "avx512_bf16", "amx"};
  return names[static_cast<int>(isa)];
}

const CpuInfo& cpu_info() {
  static const CpuInfo info = detect();
  return info;
}

Isa isa() {
  static const Isa chosen = wanted_isa(cpu_info().best);
  return chosen;
}

uint64_t memory_available() {
  const CpuInfo& info = cpu_info();
  uint64_t available = info.memory_total;
#if defined(__linux__)
  const int64_t kib = read_field("/proc/meminfo", "MemAvailable");
  const int64_t swap = std::max<int64_t>(0, read_field("/proc/meminfo", "SwapFree"));
  if (kib >= 0) available = static_cast<uint64_t>(kib + swap) * 1024;
  const CgroupLimits& limits = cgroups();
  if (limits.memory > 0) {
    const std::string& at = limits.memory_at;
    const int64_t used =
        read_number(at + (limits.v2 ? "/memory.current" : "/memory.usage_in_bytes"));
    const int64_t file = read_field(at + "/memory.stat",  // page cache, reclaimed under pressure
                                    limits.v2 ? "inactive_file" : "total_inactive_file");
    const int64_t taken = std::max<int64_t>(0, used - std::max<int64_t>(0, file));
    const uint64_t left = limits.memory - std::min(limits.memory, static_cast<uint64_t>(taken));
    available = std::min(available, left);
  }
#endif
  return available;
}

}  // namespace lampas
