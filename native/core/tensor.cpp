#include "core/tensor.h"

#include <vector>

namespace lampas {

namespace {
int64_t checked_product(IntSpan sizes) {
  int64_t n = 1;
  bool fits = true, none = false;
  for (int64_t s : sizes) {
    none |= s == 0;
    fits &= !__builtin_mul_overflow(n, s, &n);
  }
  if (!fits && !none) [[unlikely]]
    fail(ErrorKind::Runtime, "the number of elements of a tensor of size ", sizes,
         " does not fit in 64 bits");
  return none ? 0 : n;
}
}  // namespace

void TensorImpl::refresh() {
  numel = checked_product(sizes);
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
  Tensor owner(Ref<TensorImpl>::adopt(t));
  t->storage = std::move(storage);
  t->dtype = dtype;
  t->sizes = std::move(sizes);
  t->strides = std::move(strides);
  t->offset = offset;
  t->refresh();
  return owner;
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

void Tensor::no_data() const {
  fail(ErrorKind::NotImplemented, "a value is needed, but ", *this,
       " is on the meta device, where tensors have shapes and no data. Remedy: make it on the CPU "
       "(device='cpu', module.to_empty(device='cpu'))");
}

int64_t checked_extent(IntSpan sizes, IntSpan strides, int64_t offset) {
  LAMPAS_CHECK(sizes.size() == strides.size(), "mismatch in length of strides and shape: ", strides,
               " and ", sizes);
  LAMPAS_CHECK(offset >= 0, "Tensor: invalid storage offset ", offset);
  int64_t last = offset;
  bool fits = true, none = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    LAMPAS_CHECK(sizes[i] >= 0, "Trying to create tensor with negative dimension ", sizes[i], ": ",
                 sizes);
    LAMPAS_CHECK(strides[i] >= 0, "Negative strides are not supported, got strides: ", strides);
    int64_t step;
    none |= sizes[i] == 0;
    fits &= !__builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &step) &&
            !__builtin_add_overflow(last, step, &last);
  }
  LAMPAS_CHECK(fits && last < (int64_t{1} << 58),
               "Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  return none ? 0 : last + 1;
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
