// The kernels' plain header: one table of function pointers, filled once at start-up for the chosen
// instruction set. Kernels see raw pointers and sizes, never a Tensor, and never throw.
// Every kernels/*.cpp is compiled once per instruction set with LAMPAS_ISA naming its namespace
// (base, avx2, avx512) and defines `void fill_<family>(Table&)` in
// lampas::kernels::LAMPAS_ISA.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/channels.h"
#include "kernels/conv.h"
#include "kernels/gemm.h"
#include "kernels/grid.h"
#include "kernels/groups.h"
#include "kernels/index.h"
#include "kernels/optim.h"
#include "kernels/pointwise.h"
#include "kernels/pool.h"
#include "kernels/random.h"
#include "kernels/recurrent.h"
#include "kernels/reduce.h"
#include "kernels/resample.h"
#include "kernels/rows.h"
#include "kernels/unfold.h"

namespace lampas::kernels {

struct Table {
  GemmTable gemm;            // matrix products
  GroupTable groups;         // normalisation over groups of channels
  ChannelTable channels;     // normalisation over channels
  ConvTable conv;            // convolutions
  IndexTable index;          // elements chosen by positions
  PoolTable pool;            // pooling
  PointwiseTable pointwise;  // elementwise loops, casts, strided copies
  RecurrentTable recurrent;  // steps of recurrent layers
  ReduceTable reduce;        // sums, extrema, scans along one dimension
  ResampleTable resample;    // images of other sizes
  RowsTable rows;            // softmax, normalisation, losses: one pass per row
  GridTable grid;            // images sampled at any positions
  UnfoldTable unfold;        // patches of images as columns
  OptimTable optim;          // parameter updates
  RandomTable random;        // transforms of raw random words
};

}  // namespace lampas::kernels
