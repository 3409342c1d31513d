// The kernels' plain header: one table of function pointers, filled once at start-up for the chosen
// instruction set. Kernels see raw pointers and sizes, never a Tensor, and never throw.
// Every kernels/*.cpp is compiled once per instruction set with LAMPAS_ISA naming its namespace
// (base, avx2, avx512, amx) and defines `void fill_<family>(Table&)` in
// lampas::kernels::LAMPAS_ISA.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/channels.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/optim.h"
#include "kernels/pointwise.h"
#include "kernels/pool.h"
#include "kernels/random.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"

namespace lampas::kernels {

struct Table {
  GemmTable gemm;            // matrix products
  ChannelTable channels;     // normalisation over channels
  ConvTable conv;            // convolutions
  PoolTable pool;            // pooling
  PointwiseTable pointwise;  // elementwise loops, casts, strided copies
  ReduceTable reduce;        // sums, extrema, scans along one dimension
  RowsTable rows;            // softmax, normalisation, losses: one pass per row
  OptimTable optim;          // parameter updates
  RandomTable random;        // transforms of raw random words
};

}  // namespace lampas::kernels
