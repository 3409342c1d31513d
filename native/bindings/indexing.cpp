#include "bindings/indexing.h"

#include "autograd/autograd.h"
#include "bindings/convert.h"
#include "bindings/watch.h"
#include "ops/ops.h"

namespace lampas::py {

namespace {
// What a key means: a view of the tensor, and tensors that index dimensions of that view.
struct Parsed {
  Dims sizes, strides;
  int64_t offset = 0;
  std::vector<Tensor> indices;  // by dimension of the view; undefined: all of it
  bool advanced = false;
};

class Parser {
 public:
  Parser(const Tensor& x, PyObject* key, const Dims& strides, int64_t offset)
      : x_(x), key_(key), strides_(strides) {
    p_.offset = offset;
  }

  Parsed run() {
    PyObject* const* items = &key_;
    Py_ssize_t n = 1;
    if (PyTuple_Check(key_)) {
      items = PySequence_Fast_ITEMS(key_);
      n = PyTuple_GET_SIZE(key_);
    }
    int64_t takes = 0;
    for (Py_ssize_t i = 0; i < n; ++i) takes += dims_taken(items[i]);
    LAMPAS_CHECK_INDEX(takes <= x_.dim(), "too many indices for tensor of dimension ", x_.dim(),
                       " (got ", takes, " for shape ", x_.sizes(), ")");
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (items[i] == Py_Ellipsis) {
        int64_t rest = 0;
        for (Py_ssize_t k = i + 1; k < n; ++k) rest += dims_taken(items[k]);
        keep(x_.dim() - dim_ - rest);
      } else {
        step(items[i]);
      }
    }
    keep(x_.dim() - dim_);
    return std::move(p_);
  }

 private:
  static int64_t dims_taken(PyObject* o) {
    if (o == Py_None || o == Py_Ellipsis || PyBool_Check(o)) return 0;
    if (is_tensor(o)) {
      const Tensor& t = tensor_of(o);
      if (t.dtype() == DType::Bool || t.dtype() == DType::U8) return t.dim();
    }
    return 1;
  }

  void push(int64_t size, int64_t stride, Tensor index = {}) {
    p_.sizes.push_back(size);
    p_.strides.push_back(stride);
    p_.indices.push_back(std::move(index));
  }
  void keep(int64_t n) {
    for (; n > 0; --n, ++dim_) push(x_.size(dim_), strides_[dim_]);
  }

  void step(PyObject* o) {
    if (o == Py_None) {
      push(1, 0);
    } else if (PyBool_Check(o)) {
      p_.advanced = true;
      push(1, 0, ops::full(Dims{1}, o == Py_True, DType::Bool));
    } else if (PySlice_Check(o)) {
      take_slice(o);
    } else if (is_int(o)) {
      take_int(int_of(o));
    } else {
      take_tensor(is_tensor(o) ? tensor_of(o) : index_from(o));
    }
  }

  void take_int(int64_t i) {
    int64_t n = x_.size(dim_);
    LAMPAS_CHECK_INDEX(i >= -n && i < n, "index ", i, " is out of bounds for dimension ", dim_,
                       " with size ", n);
    p_.offset += (i < 0 ? i + n : i) * strides_[dim_];
    ++dim_;
  }

  void take_slice(PyObject* o) {
    Py_ssize_t start, stop, step;
    unpack_slice(o, &start, &stop, &step);
    LAMPAS_CHECK_VALUE(step > 0, "step must be greater than zero");
    int64_t n = x_.size(dim_), stride = strides_[dim_];
    int64_t count = PySlice_AdjustIndices(n, &start, &stop, step);
    if (count > 0) p_.offset += start * stride;
    push(count, stride * step);
    ++dim_;
  }

  static void unpack_slice(PyObject* o, Py_ssize_t* start, Py_ssize_t* stop, Py_ssize_t* step) {
    auto* s = reinterpret_cast<PySliceObject*>(o);
    // Bounds may be one-element tensors, which Python's own unpacking takes through __index__.
    if (PySlice_Unpack(o, start, stop, step) < 0) {
      if (s->step && PyLong_Check(s->step) && PyLong_AsLong(s->step) == 0) {
        PyErr_Clear();
        throw Error(ErrorKind::Value, "slice step cannot be zero");
      }
      throw PythonError();
    }
  }

  static Tensor index_from(PyObject* o) {
    if (!has_array(o) && (!PySequence_Check(o) || PyUnicode_Check(o) || PyBytes_Check(o)))
      throw Error(ErrorKind::Index, concat("only integers, slices (`:`), ellipsis (`...`), None "
                                           "and long or byte Variables are valid indices (got ",
                                           Py_TYPE(o)->tp_name, ")"));
    Tensor t = tensor_from(o, {}, Device::Cpu);
    return t.numel() == 0 && !is_integral(t.dtype()) ? ops::to_dtype(t, DType::I64) : t;
  }

  void take_tensor(const Tensor& t) {
    LAMPAS_CHECK_INDEX(is_integral(t.dtype()),
                       "tensors used as indices must be long, int, byte or bool tensors, not ",
                       dtype_name(t.dtype()));
    p_.advanced = true;
    bool mask = t.dtype() == DType::Bool || t.dtype() == DType::U8;
    if (mask && t.dim() == 0) {
      push(1, 0, ops::reshape(ops::to_dtype(t, DType::Bool), Dims{1}));
      return;
    }
    if (!mask) {
      push(x_.size(dim_), strides_[dim_], t);
      ++dim_;
      return;
    }
    for (int64_t d = 0; d < t.dim(); ++d, ++dim_) {
      LAMPAS_CHECK_INDEX(t.size(d) == x_.size(dim_), "The shape of the mask ", t.sizes(),
                         " at index ", d, " does not match the shape of the indexed tensor ",
                         x_.sizes(), " at index ", dim_);
      // A mask over several dimensions indexes each of them with its own coordinates.
      if (d == 0) coordinates_ = ops::nonzero_tuple(t);
      push(x_.size(dim_), strides_[dim_], coordinates_[static_cast<size_t>(d)]);
    }
  }

  const Tensor& x_;
  PyObject* key_;
  const Dims& strides_;
  Parsed p_;
  std::vector<Tensor> coordinates_;
  int64_t dim_ = 0;
};

// A list that holds more than numbers means what the tuple of its elements means, as in PyTorch
// and, until 1.23, in NumPy; null: it is no such list.
[[gnu::cold, gnu::noinline]] Owned tuple_of_list(PyObject* key) {
  constexpr Py_ssize_t kFew = 32;
  if (PyList_GET_SIZE(key) >= kFew) return {};
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(key); ++i) {
    PyObject* o = PyList_GET_ITEM(key, i);
    if (!is_tensor(o) && !PySequence_Check(o) && !PySlice_Check(o) && o != Py_Ellipsis &&
        o != Py_None)
      continue;
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "Using a non-tuple sequence for multidimensional indexing is deprecated; use "
                     "x[tuple(seq)] instead of x[seq]. One tensor as index is x[torch.tensor(seq)]",
                     1) < 0)
      throw PythonError();
    return Owned(checked(PyList_AsTuple(key)));
  }
  return {};
}

Parsed parse(const Tensor& x, PyObject* key) {
  return Parser(x, key, x.strides(), x.offset()).run();
}

Tensor basic(const Tensor& x, PyObject* key, const Parsed& p) {
  ops::Geometry to{p.sizes, p.strides, p.offset}, dense = to;
  dense.offset -= x.offset();
  if (recording(x) && !x.is_contiguous()) {
    Dims strides = contiguous_strides(x.sizes());
    Parsed d = Parser(x, key, strides, 0).run();
    dense = {d.sizes, d.strides, d.offset};
  }
  // Named after the last step.
  if (PyTuple_Check(key) && PyTuple_GET_SIZE(key) > 0)
    key = PyTuple_GET_ITEM(key, PyTuple_GET_SIZE(key) - 1);
  const char* name = PyLong_Check(key) ? "SelectBackward0" : "SliceBackward0";
  return ops::subview(x, to, dense, name);
}

Tensor view_of(const Tensor& x, PyObject* key, const Parsed& p) {
  if (p.sizes == x.sizes() && p.strides == x.strides() && p.offset == x.offset()) return x;
  return basic(x, key, p);
}

// Leading dimensions of size 1 beyond the target's are dropped, as NumPy does.
Tensor fit(const Tensor& value, int64_t ndim) {
  Dims sizes = value.sizes();
  while (static_cast<int64_t>(sizes.size()) > ndim && sizes[0] == 1) sizes.erase(0);
  return sizes.size() == value.sizes().size() ? value : ops::reshape(value, sizes);
}
}  // namespace

PyObject* get_item(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = tensor_of(self);
    if (watch.active) [[unlikely]] {
      PyObject* args[] = {self, key};
      return watch.around("getitem", [&] { return wrap(index_tensor(x, args[1])); });
    }
    return wrap(index_tensor(x, key));
  });
}

namespace {
Tensor index_by_key(const Tensor& x, PyObject* key) {
  Parsed p = parse(x, key);
  if (!p.advanced) return basic(x, key, p);
  return ops::index(view_of(x, key, p), p.indices);
}
[[gnu::cold, gnu::noinline]] Tensor index_by_list(const Tensor& x, PyObject* list) {
  const Owned tuple = tuple_of_list(list);
  return index_by_key(x, tuple ? tuple.get() : list);
}
}  // namespace

Tensor index_tensor(const Tensor& x, PyObject* key) {
  if (PyList_Check(key)) [[unlikely]]
    return index_by_list(x, key);
  return index_by_key(x, key);
}

int set_item(PyObject* self, PyObject* key, PyObject* value) {
  return guarded(-1, [&]() -> int {
    LAMPAS_CHECK_TYPE(value, "Tensor does not support deleting items");
    const Tensor& x = tensor_of(self);
    check_inplace(x, "setitem");
    if (PyList_Check(key)) [[unlikely]]
      if (const Owned tuple = tuple_of_list(key)) return set_item(self, tuple.get(), value);
    Parsed p = parse(x, key);
    Tensor target = view_of(x, key, p);
    bool tensor = is_tensor(value);
    if (!tensor && is_number(value) && !is_half(x.dtype()))
      ops::check_fits(scalar_of(value), x.dtype(), "setitem");
    if (!p.advanced && !tensor && is_number(value)) {
      ops::fill_(target, scalar_of(value));
      return 0;
    }
    Tensor v = tensor             ? tensor_of(value)
               : is_number(value) ? ops::scalar_tensor(scalar_of(value), x.dtype())
                                  : tensor_from(value, x.dtype(), Device::Cpu);
    if (p.advanced) {
      LAMPAS_CHECK_INDEX(v.dtype() == x.dtype() || !tensor || v.dim() == 0,
                         "Index put requires the source and destination dtypes match, got ",
                         dtype_name(x.dtype()), " for the destination and ", dtype_name(v.dtype()),
                         " for the source.");
      ops::index_put_(target, p.indices, v.dtype() == x.dtype() ? v : ops::to_dtype(v, x.dtype()),
                      false);
    } else {
      v = fit(v, target.dim());
      LAMPAS_CHECK(ops::expandable(v.sizes(), target.sizes()), "The expanded size of the tensor ",
                   target.sizes(), " must match the existing size ", v.sizes(),
                   ": cannot assign a value of shape ", v.sizes(), " to a selection of shape ",
                   target.sizes());
      ops::check_written_once(target, "setitem");
      ops::copy_(target, v);
    }
    return 0;
  });
}

}  // namespace lampas::py
