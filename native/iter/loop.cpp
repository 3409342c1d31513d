#include "iter/loop.h"

#include <cstring>

#include "dispatch/dispatch.h"
#include "runtime/pool.h"

namespace lampas {

namespace {
constexpr int64_t kBufferBytes = 8192;  // of one operand's part of a tile: five fit in 40 KiB
constexpr int64_t kDirect = 16384;      // elements of a tile that does not
constexpr int64_t kDirectRow = 512;     // bytes of a row that is worth a call of its own
constexpr int64_t kTileRows = 32;       // of a tile that transposes

}  // namespace

Loop::Loop(const Tensor& out) : shape_(out.sizes()) {
  Operand& o = ops_[n_++];
  o.data = static_cast<char*>(out.data());
  o.dtype = out.dtype();
  o.strides = out.strides();
  for (int64_t& s : o.strides) s *= itemsize(o.dtype);
}

void Loop::add(const Tensor& in) {
  Operand& o = ops_[n_++];
  o.data = static_cast<char*>(in.data());
  o.dtype = in.dtype();
  o.strides = Dims(shape_.size(), 0);
  size_t lead = shape_.size() - in.sizes().size();
  for (size_t i = 0; i < in.sizes().size(); ++i)
    o.strides[lead + i] = in.sizes()[i] == 1 ? 0 : in.strides()[i] * itemsize(in.dtype());
}

void Loop::add_scalar(const void* value, DType dtype) {
  Operand& o = ops_[n_++];
  o.data = static_cast<char*>(const_cast<void*>(value));
  o.dtype = dtype;
  o.strides = Dims(shape_.size(), 0);
}

// Largest strides of the output first; where the output does not say, the inputs do.
void Loop::order() {
  auto before = [&](size_t a, size_t b) {
    for (int k = 0; k < n_; ++k) {
      int64_t x = ops_[k].strides[a], y = ops_[k].strides[b];
      if (x == 0 || y == 0 || x == y) continue;
      return x > y;
    }
    return false;
  };
  auto swap = [&](size_t a, size_t b) {
    std::swap(shape_[a], shape_[b]);
    for (int k = 0; k < n_; ++k) std::swap(ops_[k].strides[a], ops_[k].strides[b]);
  };
  for (size_t i = 1; i < shape_.size(); ++i)
    for (size_t j = i; j > 0 && before(j, j - 1); --j) swap(j, j - 1);
}

void Loop::coalesce() {
  size_t w = 0;
  for (size_t r = 0; r < shape_.size(); ++r) {
    if (shape_[r] == 1) continue;
    bool joins = w > 0;
    for (int k = 0; joins && k < n_; ++k)
      joins = ops_[k].strides[w - 1] == ops_[k].strides[r] * shape_[r];
    if (joins) {
      shape_[w - 1] *= shape_[r];
      for (int k = 0; k < n_; ++k) ops_[k].strides[w - 1] = ops_[k].strides[r];
    } else {
      shape_[w] = shape_[r];
      for (int k = 0; k < n_; ++k) ops_[k].strides[w] = ops_[k].strides[r];
      ++w;
    }
  }
  if (w == 0) {
    shape_ = {1};
    for (int k = 0; k < n_; ++k) ops_[k].strides = {itemsize(ops_[k].dtype)};
    return;
  }
  shape_.resize(w);
  for (int k = 0; k < n_; ++k) ops_[k].strides.resize(w);
}

// Whether the operand runs through memory along the second dimension rather than the innermost.
bool Loop::inner_is_worse(const Operand& o) const {
  size_t d = shape_.size();
  return d > 1 && o.strides[d - 2] == itemsize(o.dtype) && o.strides[d - 1] > o.strides[d - 2];
}

Loop::Tile Loop::choose_tile(DType compute, DType result) const {
  size_t d = shape_.size();
  int64_t inner = shape_[d - 1], rows = d > 1 ? shape_[d - 2] : 1;
  bool transposes = false, direct = compute == result;
  int widest = std::max(itemsize(compute), itemsize(result));
  for (int k = 0; k < n_; ++k) {
    transposes |= inner_is_worse(ops_[k]);
    int64_t s = ops_[k].strides[d - 1];
    direct &= s == itemsize(ops_[k].dtype) || (k > 0 && s == 0);
    direct &= ops_[k].dtype == compute;
    widest = std::max(widest, itemsize(ops_[k].dtype));
  }
  const int64_t buffered = kBufferBytes / widest;
  if (transposes && rows >= 8 && inner >= 8)
    return {std::min(rows, kTileRows), std::min(inner, buffered / kTileRows)};
  if (direct && inner * widest >= kDirectRow) return {1, std::min(inner, kDirect)};
  if (inner >= buffered / 2) return {1, std::min(inner, buffered)};
  return {std::clamp<int64_t>(buffered / inner, 1, rows), inner};
}

// body(scratch, pointers, rows, cols) for every tile, several to a task, which share a scratch.
template <class Scratch, class Body>
void Loop::for_each_tile(Tile tile, int64_t grain, const Body& body) {
  size_t d = shape_.size();
  int64_t inner = shape_[d - 1], rows = d > 1 ? shape_[d - 2] : 1;
  int64_t across = (inner + tile.cols - 1) / tile.cols, down = (rows + tile.rows - 1) / tile.rows;
  int64_t outer = 1;
  for (size_t i = 0; i + 2 < d; ++i) outer *= shape_[i];
  int64_t total = outer * down * across;
  int64_t per_task = std::max<int64_t>(1, grain / (tile.rows * tile.cols));
  parallel_ranges(total, per_task, [&](int64_t begin, int64_t end) {
    Scratch scratch;
    // The first tile's place; the others are reached from tile to tile, without divisions.
    int64_t c = begin % across, r = begin / across % down, o = begin / across / down;
    Dims outer_at(d, 0);
    char* base[kMaxOperands];
    for (int k = 0; k < n_; ++k) base[k] = ops_[k].data;
    for (size_t i = d - 2; d > 2 && i-- > 0;) {
      outer_at[i] = o % shape_[i];
      o /= shape_[i];
      for (int k = 0; k < n_; ++k) base[k] += outer_at[i] * ops_[k].strides[i];
    }
    for (int64_t t = begin; t < end; ++t) {
      const int64_t col = c * tile.cols, row = r * tile.rows;
      char* at[kMaxOperands];
      for (int k = 0; k < n_; ++k)
        at[k] = base[k] + col * ops_[k].strides[d - 1] + (d > 1 ? row * ops_[k].strides[d - 2] : 0);
      body(scratch, at, std::min(tile.rows, rows - row), std::min(tile.cols, inner - col));
      if (++c < across) continue;
      c = 0;
      if (++r < down) continue;
      r = 0;
      for (size_t i = d - 2; d > 2 && i-- > 0;) {
        const bool carry = ++outer_at[i] == shape_[i];
        const int64_t by = carry ? 1 - shape_[i] : 1;
        for (int k = 0; k < n_; ++k) base[k] += by * ops_[k].strides[i];
        if (!carry) break;
        outer_at[i] = 0;
      }
    }
  });
}

namespace {
struct Steps {
  int64_t row, col;  // bytes
};

// Collects a tile into `to`, densely, row by row.
void gather(char* to, const char* from, Steps s, int64_t rows, int64_t cols, int item) {
  const auto& k = dispatch().pointwise;
  if (s.row == item && s.col > item && rows > 1) {
    k.transpose(to, cols, from, s.col / item, rows, cols, item);
    return;
  }
  for (int64_t r = 0; r < rows; ++r, to += cols * item, from += s.row) {
    if (s.col == item)
      std::memcpy(to, from, static_cast<size_t>(cols * item));
    else if (s.col == 0)
      k.fill(to, from, cols, item);
    else
      k.copy_strided(to, item, from, s.col, cols, item);
  }
}

void scatter(char* to, Steps s, const char* from, int64_t rows, int64_t cols, int item) {
  const auto& k = dispatch().pointwise;
  for (int64_t r = 0; r < rows; ++r, to += s.row, from += cols * item) {
    if (s.col == item)
      std::memcpy(to, from, static_cast<size_t>(cols * item));
    else
      k.copy_strided(to, s.col, from, item, cols, item);
  }
}

// Rows of a few bytes take longer to call memcpy than to copy.
inline void copy_bytes(char* to, const char* from, size_t n) {
  auto ends = [&](auto word) {  // two words that may overlap
    decltype(word) first, last;
    std::memcpy(&first, from, sizeof word);
    std::memcpy(&last, from + n - sizeof word, sizeof word);
    std::memcpy(to, &first, sizeof word);
    std::memcpy(to + n - sizeof word, &last, sizeof word);
  };
  struct Word16 {
    uint64_t v[2];
  };
  struct Word32 {
    uint64_t v[4];
  };
  if (n > 64)
    std::memcpy(to, from, n);
  else if (n >= 32)
    ends(Word32());
  else if (n >= 16)
    ends(Word16());
  else if (n >= 8)
    ends(uint64_t());
  else if (n >= 4)
    ends(uint32_t());
  else
    for (size_t i = 0; i < n; ++i) to[i] = from[i];
}

struct NoScratch {};

// Buffers of a task's tiles. A row that broadcasts over the rows of the output is collected once
// and serves all tiles over the same columns.
struct Buffers {
  alignas(64) char raw[kBufferBytes];
  alignas(64) char of[kMaxOperands][kBufferBytes];
  const char* held[kMaxOperands] = {};  // where the buffer's content came from
  int64_t held_rows[kMaxOperands] = {};

  bool holds(int k, const char* from, Steps s, int64_t rows) {
    if (s.row != 0) return false;
    if (held[k] == from && held_rows[k] >= rows) return true;
    held[k] = from;
    held_rows[k] = rows;
    return false;
  }
};

bool dense(Steps s, int64_t rows, int64_t cols, int item) {
  return (cols == 1 || s.col == item) && (rows == 1 || s.row == cols * item);
}
}  // namespace

void Loop::run(kernels::PointwiseFn fn, DType compute, DType result, const double* params,
               int64_t grain) {
  if (product(shape_) == 0) return;
  order();
  coalesce();
  Tile tile = choose_tile(compute, result);
  size_t d = shape_.size();
  const auto& table = dispatch().pointwise;
  Steps steps[kMaxOperands];
  for (int k = 0; k < n_; ++k)
    steps[k] = {d > 1 ? ops_[k].strides[d - 2] : 0, ops_[k].strides[d - 1]};
  for_each_tile<Buffers>(tile, grain, [&](Buffers& b, char** at, int64_t rows, int64_t cols) {
    char* raw = b.raw;
    auto& buffers = b.of;
    alignas(16) char scalars[kMaxOperands][16];
    const void* in[kMaxOperands];
    unsigned mask = 0;
    int64_t n = rows * cols;
    for (int k = 1; k < n_; ++k) {
      const DType type = ops_[k].dtype;
      const int item = itemsize(type);
      auto cast = table.cast[static_cast<int>(compute)][static_cast<int>(type)];
      if ((cols == 1 || steps[k].col == 0) && (rows == 1 || steps[k].row == 0)) {
        mask |= 1u << (k - 1);
        in[k - 1] = at[k];
        if (type != compute) cast(scalars[k], at[k], 1), in[k - 1] = scalars[k];
      } else if (dense(steps[k], rows, cols, item)) {
        in[k - 1] = at[k];
        if (type != compute) cast(buffers[k], at[k], n), in[k - 1] = buffers[k];
      } else if (b.holds(k, at[k], steps[k], rows)) {
        in[k - 1] = buffers[k];
      } else if (type == compute) {
        gather(buffers[k], at[k], steps[k], rows, cols, item);
        in[k - 1] = buffers[k];
      } else {
        gather(raw, at[k], steps[k], rows, cols, item);
        cast(buffers[k], raw, n);
        in[k - 1] = buffers[k];
      }
    }
    const int item = itemsize(ops_[0].dtype);
    bool direct = dense(steps[0], rows, cols, item);
    bool same = ops_[0].dtype == result;
    void* out = direct && same ? at[0] : buffers[0];
    fn(out, in, mask, n, params);
    if (direct && same) return;
    const char* from = buffers[0];
    if (!same) {
      char* to = direct ? at[0] : raw;
      table.cast[static_cast<int>(ops_[0].dtype)][static_cast<int>(result)](to, buffers[0], n);
      if (direct) return;
      from = raw;
    }
    scatter(at[0], steps[0], from, rows, cols, item);
  });
}

void Loop::run_copy() {
  if (product(shape_) == 0) return;
  order();
  coalesce();
  Tile tile = choose_tile(ops_[1].dtype, ops_[0].dtype);
  size_t d = shape_.size();
  const auto& table = dispatch().pointwise;
  const DType to = ops_[0].dtype, from = ops_[1].dtype;
  const int item_to = itemsize(to), item_from = itemsize(from);
  auto cast = table.cast[static_cast<int>(to)][static_cast<int>(from)];
  Steps so = {d > 1 ? ops_[0].strides[d - 2] : 0, ops_[0].strides[d - 1]};
  Steps si = {d > 1 ? ops_[1].strides[d - 2] : 0, ops_[1].strides[d - 1]};
  if (to == from && inner_is_worse(ops_[1]) && so.col == item_to && d > 1)
    tile = {64, 64};  // straight from source to destination: no buffer to fit into
  for_each_tile<NoScratch>(tile, 1 << 16, [&](NoScratch, char** at, int64_t rows, int64_t cols) {
    int64_t n = rows * cols;
    bool dense_to = dense(so, rows, cols, item_to), dense_from = dense(si, rows, cols, item_from);
    if (to == from) {
      if (dense_to && dense_from) {
        std::memcpy(at[0], at[1], static_cast<size_t>(n * item_to));
      } else if (so.col == item_to && si.row == item_to && si.col > item_to && rows > 1) {
        table.transpose(at[0], so.row / item_to, at[1], si.col / item_to, rows, cols, item_to);
      } else if (so.col == item_to && si.col == item_to) {
        const auto bytes = static_cast<size_t>(cols * item_to);
        for (int64_t r = 0; r < rows; ++r)
          copy_bytes(at[0] + r * so.row, at[1] + r * si.row, bytes);
      } else {
        for (int64_t r = 0; r < rows; ++r)
          table.copy_strided(at[0] + r * so.row, so.col, at[1] + r * si.row, si.col, cols, item_to);
      }
      return;
    }
    alignas(64) char raw[kBufferBytes], result[kBufferBytes];
    const char* source = at[1];
    if (!dense_from) {
      gather(raw, at[1], si, rows, cols, item_from);
      source = raw;
    }
    if (dense_to) {
      cast(at[0], source, n);
    } else {
      cast(result, source, n);
      scatter(at[0], so, result, rows, cols, item_to);
    }
  });
}

bool same_layout(const Tensor& out, const Tensor& in) {
  return out.sizes() == in.sizes() &&
         ((out.is_contiguous() && in.is_contiguous()) || out.strides() == in.strides());
}

Dims broadcast_shapes(IntSpan a, IntSpan b, const char* op) {
  if (a.size() < b.size()) std::swap(a, b);
  Dims out(a);
  size_t lead = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t x = a[lead + i], y = b[i];
    LAMPAS_CHECK(x == y || x == 1 || y == 1, op, ": The size of tensor a (", x,
                 ") must match the size of tensor b (", y, ") at non-singleton dimension ",
                 lead + i, "; the shapes are ", a, " and ", b);
    out[lead + i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace lampas
