// One step of a recurrent layer, element by element: what is left of it beside the two matrix
// products. Arrays are [n][hidden], contiguous, or [n][gates][hidden]; those of two function
// pointers are for float32 (0) and float64 (1).
#pragma once
#include <cstdint>

namespace lampas::kernels {

enum class Cell : uint8_t { Tanh, Relu, Gru, Lstm };
inline constexpr int kCells = 4;
// Gates in PyTorch's order: reset, update, new; input, forget, new, output.
constexpr int gates_of(Cell c) { return c == Cell::Lstm ? 4 : c == Cell::Gru ? 3 : 1; }

struct CellForward {
  int64_t n, hidden;
  const void *x, *h;  // [n][gates][hidden]: the input's part and the old state's
  void* act;          // [n][gates][hidden]: the gates, activated
  void* inner;        // LSTM: the new cells; GRU: the old state's part of the new gate
  void* state;        // the hidden state, old, then new
  void* cells;        // LSTM: as state
  void* out;          // the new state
};
struct CellBackward {
  int64_t n, hidden;
  const void *act, *inner;
  const void *state, *cells;  // before the step
  const void* out;            // after it
  const void* g_out;          // of the step's output; null: 0
  void* g_state;              // of the state after the step, then GRU: its direct part before it
  void* g_cells;              // LSTM: of the cells after the step, then before it
  void* g_x;                  // [n][gates][hidden]: of the input's part
  void* g_h;                  // GRU: of the old state's part, which differs in the new gate
};

struct RecurrentTable {
  void (*forward[kCells][2])(const CellForward&);
  void (*backward[kCells][2])(const CellBackward&);
};

}  // namespace lampas::kernels
