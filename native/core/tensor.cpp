#include "core/tensor.h"

#include <vector>

namespace lampas {

void TensorImpl::refresh() {
  numel = product(sizes);
  contiguous = true;
  int64_t step = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 1) continue;
    if (strides[i] != step) {
      contiguous = numel == 0;
      return;
    }
    step *= sizes[i];
  }
}

namespace {
// Raw memory of dead TensorImpls, per thread. Constructing in place costs a few stores; malloc and
// its locks would cost more than a small operator.
struct FreeList {
  static constexpr size_t kMax = 256;
  std::vector<void*> blocks;
  ~FreeList() {
    alive = false;
    for (void* p : blocks) ::operator delete(p);
  }
  static thread_local bool alive;
};
thread_local bool FreeList::alive = true;
thread_local FreeList free_list;

TensorImpl* new_impl() {
  void* p;
  if (FreeList::alive && !free_list.blocks.empty()) {
    p = free_list.blocks.back();
    free_list.blocks.pop_back();
  } else {
    p = ::operator new(sizeof(TensorImpl));
  }
  return new (p) TensorImpl;
}
}  // namespace

void destroy(TensorImpl* t) {
  t->~TensorImpl();
  if (FreeList::alive && free_list.blocks.size() < FreeList::kMax)
    free_list.blocks.push_back(t);
  else
    ::operator delete(t);
}

Tensor Tensor::over(Ref<Storage> storage, DType dtype, Dims sizes, Dims strides, int64_t offset) {
  TensorImpl* t = new_impl();
  t->storage = std::move(storage);
  t->dtype = dtype;
  t->sizes = std::move(sizes);
  t->strides = std::move(strides);
  t->offset = offset;
  t->refresh();
  return Tensor(Ref<TensorImpl>::adopt(t));
}

Tensor Tensor::over(Ref<Storage> storage, DType dtype, Dims sizes) {
  TensorImpl* t = new_impl();
  t->storage = std::move(storage);
  t->dtype = dtype;
  t->strides = contiguous_strides(sizes);
  t->sizes = std::move(sizes);
  t->numel = product(t->sizes);
  return Tensor(Ref<TensorImpl>::adopt(t));
}

Tensor Tensor::alias() const { return alias(p_->sizes, p_->strides, p_->offset); }

Tensor Tensor::alias(Dims sizes, Dims strides, int64_t offset) const {
  Tensor t = over(p_->storage, p_->dtype, std::move(sizes), std::move(strides), offset);
  t.p_->own_version = p_->own_version;
  t.p_->inference = p_->inference;
  return t;
}

std::ostream& operator<<(std::ostream& os, const Tensor& t) {
  if (!t.defined()) return os << "undefined";
  return os << dtype_name(t.dtype()) << t.sizes();
}

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  int64_t n = std::max<int64_t>(ndim, 1);
  if (dim < -n || dim >= n)
    fail(ErrorKind::Index, "Dimension out of range (expected to be in range of [", -n, ", ", n - 1,
         "], but got ", dim, ")");
  return dim < 0 ? dim + n : dim;
}

}  // namespace lampas
