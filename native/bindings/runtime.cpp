// Threads, memory, the processor.
#include "bindings/caster.h"
#include "bindings/module.h"
#include "ops/conv.h"
#include "ops/create.h"
#include "runtime/allocator.h"
#include "runtime/cpu.h"
#include "runtime/denormal.h"
#include "runtime/pool.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
// An argument as PyTorch's own setters take it.
int64_t whole(const char* op, const nb::object& o) {
  LAMPAS_CHECK_TYPE(PyIndex_Check(o.ptr()) && !PyBool_Check(o.ptr()), op,
                    " expects an int, but got ", Py_TYPE(o.ptr())->tp_name);
  int beyond = 0;
  const int64_t n = PyLong_AsLongLongAndOverflow(o.ptr(), &beyond);
  return beyond ? (beyond < 0 ? INT64_MIN : INT64_MAX) : n;
}

nb::dict cpu() {
  const CpuInfo& c = cpu_info();
  nb::dict d, f;
  d["vendor"] = c.vendor;
  d["model"] = c.model;
  d["architecture"] = c.architecture;
  d["isa"] = isa_name(isa());
  d["best_isa"] = isa_name(c.best);
  d["l1d"] = c.l1d;
  d["l2"] = c.l2;
  d["l3"] = c.l3;
  d["logical_cores"] = c.logical_cores;
  d["physical_cores"] = c.physical_cores;
  d["usable_cores"] = c.usable_cores;
  d["cpu_quota"] = c.cpu_quota;
  d["local_ranks"] = c.local_ranks;
  d["memory_total"] = c.memory_total;
  d["memory_limit"] = c.memory_limit;
  d["memory_available"] = memory_available();
  f["avx2"] = c.features.avx2;
  f["fma"] = c.features.fma;
  f["avx512f"] = c.features.avx512f;
  f["avx512_bf16"] = c.features.avx512_bf16;
  f["avx512_vnni"] = c.features.avx512_vnni;
  f["amx_bf16"] = c.features.amx_bf16;
  d["features"] = f;
  return d;
}

nb::dict memory() {
  MemoryStats s = memory_stats();
  nb::dict d;
  d["allocated"] = s.allocated;
  d["cached"] = s.cached;
  d["reserved"] = s.reserved;
  d["peak_allocated"] = s.peak_allocated;
  d["peak_reserved"] = s.peak_reserved;
  d["allocations"] = s.allocations;
  d["cache_hits"] = s.cache_hits;
  d["cache_limit"] = s.cache_limit;
  d["memory_limit"] = s.memory_limit;
  return d;
}
}  // namespace

void init_runtime(PyObject* module) {
  // A wrong environment variable fails the import with its own message, not a later call.
  isa();
  get_num_threads();
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def("get_num_threads", &get_num_threads,
        "get_num_threads() -> int\n\nThreads that operators use.");
  m.def("winograd", &ops::winograd,
        "winograd()\n\nWhether 3x3 convolutions may use Winograd's method.");
  m.def("set_winograd", &ops::set_winograd, nb::arg("on"),
        "set_winograd(on)\n\nSets whether 3x3 convolutions may use Winograd's method.");
  m.def(
      "set_num_threads",
      [](const nb::object& num) {
        const int64_t n = whole("set_num_threads", num);
        LAMPAS_CHECK(n > 0, "set_num_threads: expected a positive number of threads, got ", n);
        set_num_threads(static_cast<int>(std::min<int64_t>(n, INT32_MAX)));
      },
      nb::arg("num").none(), nb::sig("def set_num_threads(num: int) -> None"),
      "set_num_threads(num)\n\nSets how many threads operators use. Results do not depend on it.");
  m.def(
      "set_flush_denormal",
      [](bool mode) {
        if (can_flush_denormal()) flush_denormal(mode);
        return can_flush_denormal();
      },
      nb::arg("mode"),
      "set_flush_denormal(mode) -> bool\n\nSets whether numbers too small for full precision are "
      "taken for 0, by operators that this thread calls. Gives whether the processor can do that."
      "\n\n>>> import lampas\n>>> lampas.set_flush_denormal(True)\nTrue\n"
      ">>> lampas.tensor([1e-40]) * 1\ntensor([0.])\n>>> lampas.set_flush_denormal(False)\nTrue");
  m.def("default_num_threads", &default_num_threads,
        "default_num_threads() -> int\n\nThreads that CPU quota, affinity and local ranks allow, "
        "or LAMPAS_NUM_THREADS.");
  m.def("cpu_info", &cpu, "The processor and the limits of this process, as a dict.");
  m.def("memory_stats", &memory, "Statistics of the caching allocator, in bytes, as a dict.");
  m.def("reset_peak_memory", &reset_peak_memory,
        "Starts the peaks in `memory_stats()` anew from what is in use.");
  m.def("empty_cache", &empty_cache, "Gives cached memory back to the system.");
  m.def(
      "set_memory_limit",
      [](const nb::object& bytes) {
        const int64_t n = whole("set_memory_limit", bytes);
        LAMPAS_CHECK_VALUE(
            n >= 0, "set_memory_limit: expected a number of bytes, or 0 for no limit, got ", n);
        set_memory_limit(static_cast<size_t>(n));
      },
      nb::arg("bytes").none(), nb::sig("def set_memory_limit(bytes: int) -> None"),
      "Lets tensors take at most `bytes`; 0 removes the limit.");
  m.def("get_default_dtype", &ops::default_dtype,
        "get_default_dtype() -> dtype\n\nThe float type of new tensors.");
  m.def("set_default_dtype", &ops::set_default_dtype, nb::arg("d"),
        "set_default_dtype(d)\n\nSets the float type of new tensors.");
}

}  // namespace lampas::py
