// What this machine is and how much of it we may use.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lampas {

// Instruction sets that kernels are built for, each containing the one before.
enum class Isa : uint8_t { Base, Avx2, Avx512, Avx512Bf16, Amx };
const char* isa_name(Isa isa);  // "base", "avx2", "avx512", "avx512_bf16", "amx"

struct CpuFeatures {  // each one: in the processor and enabled by the system
  bool avx2 = false, fma = false, f16c = false;
  bool avx512f = false, avx512bw = false, avx512dq = false, avx512vl = false;
  bool avx512_vnni = false, avx512_bf16 = false, avx512_fp16 = false;
  bool amx_tile = false, amx_bf16 = false, amx_int8 = false;
};

struct CpuInfo {
  std::string vendor, model, architecture;
  CpuFeatures features;
  Isa best = Isa::Base;             // the most this machine can run
  int64_t l1d = 0, l2 = 0, l3 = 0;  // bytes; of one core, of one core, shared
  int logical_cores = 0;            // online in the machine
  int physical_cores = 0;           // without simultaneous multithreading
  int usable_cores = 0;             // after affinity mask and CPU quota; at least 1
  double cpu_quota = 0;             // of the cgroup, in cores; 0: none
  int local_ranks = 1;              // processes of this job on this machine
  uint64_t memory_total = 0;        // bytes of RAM
  uint64_t swap_total = 0;          // bytes of swap space
  uint64_t memory_limit = 0;        // RAM or the cgroup's limit, whichever is lower
};

// Detected once, at first use.
const CpuInfo& cpu_info();

// The one to use: the best, or a lower one where LAMPAS_ISA asks for it. Throws Error{Value} where
// LAMPAS_ISA names none.
Isa isa();

// Bytes that can be had right now: free RAM and swap, or what the cgroup leaves.
uint64_t memory_available();

}  // namespace lampas
