// Storage, TensorImpl and the Tensor handle. No operator lives here.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "core/dims.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/ref.h"
#include "core/scalar.h"

namespace lampas {

enum class Device : uint8_t { Cpu, Meta };
inline const char* device_name(Device d) { return d == Device::Cpu ? "cpu" : "meta"; }

// Bytes shared by a tensor and its views. `release` gives them back to wherever they came from.
struct Storage : RefCounted {
  void* data = nullptr;
  size_t nbytes = 0;
  void (*release)(Storage&) = nullptr;  // null: nothing to do
  void* context = nullptr;              // owner of foreign memory
  uint32_t version = 0;                 // bumped by every in-place write, see Tensor::version
  Device device = Device::Cpu;
  bool resizable = true;
  bool read_only = false;  // memory we were lent for reading, a read-only NumPy array say

  ~Storage() {
    if (release) release(*this);
  }
};

// What autograd hangs on a tensor; defined in autograd/.
struct AutogradMetaBase {
  virtual ~AutogradMetaBase() = default;
};

struct VersionCounter : RefCounted {
  uint32_t value = 0;
};

struct TensorImpl : RefCounted {
  Ref<Storage> storage;
  int64_t offset = 0;  // in elements
  int64_t numel = 0;
  Dims sizes, strides;  // strides in elements
  DType dtype = DType::F32;
  bool contiguous = true;
  bool inference = false;  // created under inference_mode: no version counting, no graph
  std::unique_ptr<AutogradMetaBase> autograd;
  Ref<VersionCounter>
      own_version;     // only where versions must not be shared (x.data); else storage's
  void* py = nullptr;  // the living Python object, borrowed

  // Recomputes numel and contiguity after sizes or strides changed.
  void refresh();
};
// Tensor objects come and go with every operation: they live on a free list.
void destroy(TensorImpl* t);

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> p) : p_(std::move(p)) {}
  // A new tensor over `storage`; the geometry must lie within it.
  static Tensor over(Ref<Storage> storage, DType dtype, Dims sizes, Dims strides, int64_t offset);
  static Tensor over(Ref<Storage> storage, DType dtype, Dims sizes);

  bool defined() const { return static_cast<bool>(p_); }
  TensorImpl* impl() const { return p_.get(); }
  const Ref<TensorImpl>& ref() const { return p_; }
  bool is(const Tensor& o) const { return p_ == o.p_; }

  int64_t dim() const { return static_cast<int64_t>(p_->sizes.size()); }
  const Dims& sizes() const { return p_->sizes; }
  const Dims& strides() const { return p_->strides; }
  int64_t size(int64_t i) const { return p_->sizes[i < 0 ? i + dim() : i]; }      // unchecked
  int64_t stride(int64_t i) const { return p_->strides[i < 0 ? i + dim() : i]; }  // unchecked
  int64_t numel() const { return p_->numel; }
  int64_t offset() const { return p_->offset; }
  DType dtype() const { return p_->dtype; }
  Device device() const { return p_->storage->device; }
  bool is_meta() const { return device() == Device::Meta; }
  bool is_contiguous() const { return p_->contiguous; }
  Storage& storage() const { return *p_->storage; }
  const Ref<Storage>& storage_ref() const { return p_->storage; }

  // The first element. A meta tensor has none: NotImplementedError.
  void* data() const {
    if (is_meta()) [[unlikely]]
      no_data();
    return static_cast<char*>(p_->storage->data) + p_->offset * itemsize(p_->dtype);
  }
  template <class T>
  T* data() const {
    return static_cast<T*>(data());
  }

  // In-place writes are counted so that autograd notices saved values that changed. Views share
  // their base's counter, which lives in the storage.
  uint32_t version() const {
    return p_->own_version ? p_->own_version->value : p_->storage->version;
  }
  void bump_version() const { ++(p_->own_version ? p_->own_version->value : p_->storage->version); }

  // Another handle object on the same storage and version counter, without autograd.
  Tensor alias() const;
  Tensor alias(Dims sizes, Dims strides, int64_t offset) const;

 private:
  [[noreturn]] void no_data() const;
  Ref<TensorImpl> p_;
};

// The number of elements that a geometry spans, from the first of the storage to its last one; 0
// where it has no element. RuntimeError where that does not fit into memory addresses, or a size or
// stride is negative.
int64_t checked_extent(IntSpan sizes, IntSpan strides, int64_t offset);

// 'float32[2, 3]' for messages.
std::ostream& operator<<(std::ostream& os, const Tensor& t);

// Checks a possibly negative dimension against `ndim` (0-d counts as 1-d) and wraps it;
// IndexError in PyTorch's words otherwise.
int64_t wrap_dim(int64_t dim, int64_t ndim);

}  // namespace lampas
