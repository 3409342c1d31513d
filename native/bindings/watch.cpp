#include "bindings/watch.h"

#include <string_view>
#include <vector>

#include "bindings/caster.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
Owned kwargs_of(PyObject* const* args, Py_ssize_t n, PyObject* names) {
  Owned kwargs(checked(PyDict_New()));
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i)
    if (PyDict_SetItem(kwargs.get(), PyTuple_GET_ITEM(names, i), args[n + i]) < 0)
      throw PythonError();
  return kwargs;
}
Owned tuple_of(PyObject* const* args, Py_ssize_t n) {
  Owned t(checked(PyTuple_New(n)));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(t.get(), i, Owned::share(args[i]).release());
  return t;
}

// ---- __torch_function__ ------------------------------------------------------------------------
thread_local int disabled = 0;  // depth of blocks in which subclasses are not asked
struct Disabled {
  Disabled() { ++disabled; }
  ~Disabled() { --disabled; }
};

PyObject* module_object = nullptr;

// Marks types that do not want to be asked.
PyObject* disabled_implementation() {
  static PyObject* f = PyObject_GetAttrString(module_object, "_disabled_torch_function_impl");
  return f;
}

// `o.__torch_function__` where its type wants to be asked, else null.
Owned handler_of(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == tensor_type || o == Py_None || PyLong_Check(o) || PyFloat_Check(o) ||
      PyUnicode_Check(o) || PyTuple_Check(o) || PyList_Check(o) || PyDict_CheckExact(o))
    return {};
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  // A type itself, a dtype argument say, is not an instance of what it describes.
  if (PyType_Check(o)) return {};
  Owned f(PyObject_GetAttr(reinterpret_cast<PyObject*>(type), name));
  if (!f) {
    PyErr_Clear();
    return {};
  }
  if (f.get() == disabled_implementation()) return {};
  return Owned(checked(PyObject_GetAttr(o, name)));
}

struct Overloaded {
  PyObject* argument;
  Owned handler;
};
using OverloadedList = std::vector<Overloaded>;

// Notes an argument, or the elements of a list: one for each type, subclasses first.
void note(OverloadedList& found, PyObject* o, bool nested) {
  if (nested && (PyTuple_Check(o) || PyList_Check(o))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
      note(found, PySequence_Fast_GET_ITEM(o, i), false);
    return;
  }
  Owned handler = handler_of(o);
  if (!handler) return;
  size_t at = found.size();
  for (size_t i = 0; i < found.size(); ++i) {
    if (Py_TYPE(found[i].argument) == Py_TYPE(o)) return;
    if (at == found.size() && PyType_IsSubtype(Py_TYPE(o), Py_TYPE(found[i].argument))) at = i;
  }
  found.insert(found.begin() + static_cast<std::ptrdiff_t>(at), {o, std::move(handler)});
}

OverloadedList overloaded(PyObject* const* args, Py_ssize_t n) {
  OverloadedList found;
  for (Py_ssize_t i = 0; i < n; ++i) note(found, args[i], true);
  return found;
}

Owned types_of(const OverloadedList& found) {
  Owned types(checked(PyTuple_New(static_cast<Py_ssize_t>(found.size()))));
  for (size_t i = 0; i < found.size(); ++i) {
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(found[i].argument));
    PyTuple_SET_ITEM(types.get(), static_cast<Py_ssize_t>(i), Owned::share(type).release());
  }
  return types;
}

[[noreturn]] void nobody_answered(const char* name, const OverloadedList& found) {
  std::string text = concat("Multiple dispatch failed for 'torch.", name,
                            "'; all __torch_function__ handlers returned NotImplemented:\n");
  for (const Overloaded& x : found) {
    Owned type(checked(PyObject_Repr(reinterpret_cast<PyObject*>(Py_TYPE(x.argument)))));
    text += concat("\n  - tensor subclass ", PyUnicode_AsUTF8(type.get()));
  }
  throw Error(ErrorKind::Type, text);
}

// A result as instances of `cls`, within tuples and lists, too.
Owned converted(Owned result, PyObject* cls) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  PyObject* r = result.get();
  if (is_tensor(r)) {
    if (PyType_IsSubtype(Py_TYPE(r), type)) return result;
    return Owned(checked(PyObject_CallMethod(r, "as_subclass", "O", cls)));
  }
  if ((!PyTuple_Check(r) && !PyList_Check(r)) || Py_TYPE(r) == size_type) return result;
  Owned list(checked(PySequence_List(r)));
  bool changed = false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list.get()); ++i) {
    PyObject* item = PyList_GET_ITEM(list.get(), i);
    Owned y = converted(Owned::share(item), cls);
    changed |= y.get() != item;
    if (PyList_SetItem(list.get(), i, y.release()) < 0) throw PythonError();
  }
  if (!changed) return result;
  if (PyList_CheckExact(r)) return list;
  return Owned(checked(PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(r)), list.get())));
}

// Tensor.__torch_function__: the call as it is, its results as instances of the subclass.
nb::object default_implementation(nb::object cls, nb::object func, nb::object types, nb::tuple args,
                                  nb::object kwargs) {
  for (nb::handle t : types) {
    int related = PyObject_IsSubclass(cls.ptr(), t.ptr());
    if (related < 0) throw PythonError();
    if (!related) return nb::borrow(Py_NotImplemented);
  }
  Disabled guard;
  Owned result(
      checked(PyObject_Call(func.ptr(), args.ptr(), kwargs.is_none() ? nullptr : kwargs.ptr())));
  if (reinterpret_cast<PyTypeObject*>(cls.ptr()) == tensor_type) return nb::steal(result.release());
  return nb::steal(converted(std::move(result), cls.ptr()).release());
}

// ---- operators through Python's syntax ---------------------------------------------------------
// These slots of Tensor do not pass the operators' door. They do where somebody looks on, or where
// an operand that Tensor does not know has `__torch_function__`.
PyObject* call_named(PyObject* owner, const char* name, PyObject* const* args, size_t n) {
  Owned op(PyObject_GetAttrString(owner, name));
  return op ? PyObject_Vectorcall(op.get(), args, n, nullptr) : nullptr;
}
bool looking() {
  return watch.active &&
         (watch.mode || watch.transform || watch.before || (watch.subclasses && !disabled));
}

PyObject* tensor_object() { return reinterpret_cast<PyObject*>(tensor_type); }

// Puts a function into a slot. Subclasses take theirs from the method of that name.
template <class F>
F replace_slot(F& slot, F with, std::initializer_list<const char*> methods) {
  for (const char* name : methods) {
    PyObject* method = PyDict_GetItemString(tensor_type->tp_dict, name);
    if (method && Py_TYPE(method) == &PyWrapperDescr_Type)
      reinterpret_cast<PyWrapperDescrObject*>(method)->d_wrapped = reinterpret_cast<void*>(with);
  }
  return std::exchange(slot, with);
}

template <unaryfunc PyNumberMethods::* Slot, const char* Name>
struct Unary {
  static inline unaryfunc plain = nullptr;
  static PyObject* call(PyObject* a) {
    if (!watch.active) [[likely]]
      return plain(a);
    // ~ has an error of its own.
    if (std::string_view(Name) == "bitwise_not" && !is_integral(tensor_of(a).dtype()))
      return plain(a);
    return call_named(tensor_object(), Name, &a, 1);
  }
  static void install(PyNumberMethods* m, const char* method) {
    plain = replace_slot(m->*Slot, &call, {method});
  }
};

struct Unwatched {  // what runs now has been seen
  Unwatched() { watch.active = false; }
  ~Unwatched() { watch.update(); }
};

template <binaryfunc PyNumberMethods::* Slot, const char* Name>
struct Binary {
  static inline binaryfunc plain = nullptr;
  static inline const char* reflected = nullptr;
  static constexpr bool kCommutes =
      std::string_view(Name) == "add" || std::string_view(Name) == "mul";

  static PyObject* call(PyObject* a, PyObject* b) {
    if (watch.active) [[unlikely]] {
      PyObject* args[] = {a, b};
      if (is_tensor(a) && (is_tensor(b) || is_number(b)))
        return call_named(tensor_object(), Name, args, 2);
      if (is_tensor(b) && is_number(a)) {
        PyObject* turned[] = {b, a};
        return kCommutes ? call_named(tensor_object(), Name, turned, 2) : call_reflected(a, b);
      }
    }
    PyObject* r = plain(a, b);
    return r == Py_NotImplemented ? call_foreign(r, a, b) : r;
  }

  // A number before the operator: many operators want a tensor first.
  static PyObject* call_reflected(PyObject* a, PyObject* b) {
    return guarded([&]() -> PyObject* {
      PyObject* args[] = {b, a};
      Owned func(checked(PyObject_GetAttrString(tensor_object(), reflected)));
      if (PyObject* r = watch.redirect(func.get(), reflected, args, 2, nullptr)) return r;
      return watch.around(Name, [&] {
        Unwatched guard;
        return plain(a, b);
      });
    });
  }

  // An operand that Tensor does not know may want the call.
  static PyObject* call_foreign(PyObject* r, PyObject* a, PyObject* b) {
    PyObject* args[] = {a, b};
    return guarded([&]() -> PyObject* {
      if (overloaded(args, 2).empty()) return r;
      Py_DECREF(r);
      return call_named(module_object, Name, args, 2);
    });
  }

  static void install(PyNumberMethods* m, const char* method, const char* other) {
    reflected = other;
    plain = replace_slot(m->*Slot, &call, {method, other});
  }
};

#define LAMPAS_NAME(id) constexpr char name_##id[] = #id;
LAMPAS_NAME(neg)
LAMPAS_NAME(abs)
LAMPAS_NAME(bitwise_not)
LAMPAS_NAME(add)
LAMPAS_NAME(sub)
LAMPAS_NAME(mul)
LAMPAS_NAME(div)
LAMPAS_NAME(floor_divide)
LAMPAS_NAME(remainder)
LAMPAS_NAME(matmul)
#undef LAMPAS_NAME

binaryfunc plain_get_item = nullptr;
objobjargproc plain_set_item = nullptr;
getiterfunc plain_iter = nullptr;

PyObject* get_item(PyObject* self, PyObject* key) {
  if (looking()) [[unlikely]] {
    PyObject* args[] = {self, key};
    return guarded([&]() -> PyObject* {
      Owned func(checked(PyObject_GetAttrString(tensor_object(), "__getitem__")));
      if (PyObject* r = watch.redirect(func.get(), "__getitem__", args, 2, nullptr)) return r;
      return plain_get_item(self, key);
    });
  }
  return plain_get_item(self, key);
}
int set_item(PyObject* self, PyObject* key, PyObject* value) {
  if (value && looking()) [[unlikely]] {
    PyObject* args[] = {self, key, value};
    Owned taken(guarded([&]() -> PyObject* {
      Owned func(checked(PyObject_GetAttrString(tensor_object(), "__setitem__")));
      return watch.redirect(func.get(), "__setitem__", args, 3, nullptr);
    }));
    if (taken) return 0;
    if (PyErr_Occurred()) return -1;
  }
  return plain_set_item(self, key, value);
}
PyObject* iterate(PyObject* self) {
  if (!looking() || tensor_of(self).dim() == 0) return plain_iter(self);
  Owned all(PyObject_CallMethod(self, "unbind", nullptr));
  return all ? PyObject_GetIter(all.get()) : nullptr;
}

void install_slots() {
  PyNumberMethods* m = tensor_type->tp_as_number;
  Unary<&PyNumberMethods::nb_negative, name_neg>::install(m, "__neg__");
  Unary<&PyNumberMethods::nb_absolute, name_abs>::install(m, "__abs__");
  Unary<&PyNumberMethods::nb_invert, name_bitwise_not>::install(m, "__invert__");
  Binary<&PyNumberMethods::nb_add, name_add>::install(m, "__add__", "__radd__");
  Binary<&PyNumberMethods::nb_subtract, name_sub>::install(m, "__sub__", "__rsub__");
  Binary<&PyNumberMethods::nb_multiply, name_mul>::install(m, "__mul__", "__rmul__");
  Binary<&PyNumberMethods::nb_true_divide, name_div>::install(m, "__truediv__", "__rtruediv__");
  Binary<&PyNumberMethods::nb_floor_divide, name_floor_divide>::install(m, "__floordiv__",
                                                                        "__rfloordiv__");
  Binary<&PyNumberMethods::nb_remainder, name_remainder>::install(m, "__mod__", "__rmod__");
  Binary<&PyNumberMethods::nb_matrix_multiply, name_matmul>::install(m, "__matmul__",
                                                                     "__rmatmul__");
  PyMappingMethods* map = tensor_type->tp_as_mapping;
  plain_get_item = replace_slot(map->mp_subscript, &get_item, {"__getitem__"});
  plain_set_item = replace_slot(map->mp_ass_subscript, &set_item, {"__setitem__"});
  plain_iter = replace_slot(tensor_type->tp_iter, &iterate, {"__iter__"});
}

// The first instance of a subclass that wants to be asked makes every call look for more.
PyObject* alloc_subclass(PyTypeObject* type, Py_ssize_t n) {
  watch.subclasses = true;
  watch.update();
  return PyType_GenericAlloc(type, n);
}

// Tensor.__init_subclass__.
void init_subclass(nb::type_object cls, nb::kwargs kwargs) {
  Owned super(checked(PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(&PySuper_Type),
                                                   tensor_object(), cls.ptr(), nullptr)));
  Owned base(checked(PyObject_GetAttrString(super.get(), "__init_subclass__")));
  Owned none(checked(PyTuple_New(0)));
  Owned(checked(PyObject_Call(base.get(), none.get(), kwargs.ptr())));
  Owned f(PyObject_GetAttrString(cls.ptr(), "__torch_function__"));
  Owned module(checked(PyObject_GetAttrString(cls.ptr(), "__module__")));
  // Parameters and buffers give up being asked right after their classes were made.
  bool own = PyUnicode_Check(module.get()) &&
             PyUnicode_CompareWithASCIIString(module.get(), "lampas.nn.parameter") == 0;
  if (!f) PyErr_Clear();
  if (!own && f.get() != disabled_implementation())
    reinterpret_cast<PyTypeObject*>(cls.ptr())->tp_alloc = alloc_subclass;
}
}  // namespace

PyObject* try_torch_function(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                             PyObject* names) {
  OverloadedList found = overloaded(args, n + (names ? PyTuple_GET_SIZE(names) : 0));
  if (found.empty()) return nullptr;
  Owned types = types_of(found), a = tuple_of(args, n), k = kwargs_of(args, n, names);
  // Handlers and the tensors they belong to live as long as the call.
  for (const Overloaded& x : found) {
    Owned r(checked(PyObject_CallFunctionObjArgs(x.handler.get(), func, types.get(), a.get(),
                                                 k.get(), nullptr)));
    if (r.get() != Py_NotImplemented) return r.release();
  }
  nobody_answered(name, found);
}

PyObject* Watch::ask_mode(PyObject* func, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  struct Off {  // the mode's own calls are not its business
    Owned mode = std::move(watch.mode);
    Off() { watch.update(); }
    ~Off() {
      watch.mode = std::move(mode);
      watch.update();
    }
  } off;
  Owned a = tuple_of(args, n), k = kwargs_of(args, n, names);
  Owned r(checked(PyObject_CallFunctionObjArgs(off.mode.get(), func, a.get(), k.get(), nullptr)));
  return r.get() == Py_NotImplemented ? nullptr : r.release();
}

namespace {
// Whether a value is a transformed tensor, or a list or tuple with one.
bool holds(PyObject* o, PyTypeObject* type, int depth) {
  if (Py_TYPE(o) == type) return true;
  if (depth == 0 || (!PyTuple_Check(o) && !PyList_Check(o))) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (holds(PySequence_Fast_GET_ITEM(o, i), type, depth - 1)) return true;
  return false;
}
}  // namespace

PyObject* Watch::ask_transform(PyObject* func, const char* name, PyObject* const* args,
                               Py_ssize_t n, PyObject* names) {
  constexpr int kDepth = 3;
  Py_ssize_t all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  auto* type = reinterpret_cast<PyTypeObject*>(transformed.get());
  bool wanted = drawing.contains(name);
  for (Py_ssize_t i = 0; i < all && !wanted; ++i) wanted = holds(args[i], type, kDepth);
  if (!wanted) return nullptr;
  Owned called = Owned::share(transform.get()), a = tuple_of(args, n),
        k = kwargs_of(args, n, names);
  Owned r(checked(PyObject_CallFunction(called.get(), "OsOO", func, name, a.get(), k.get())));
  return r.get() == Py_NotImplemented ? nullptr : r.release();
}

PyObject* Watch::redirect(PyObject* func, const char* name, PyObject* const* args, Py_ssize_t n,
                          PyObject* names) {
  if (mode)
    if (PyObject* r = ask_mode(func, args, n, names)) return r;
  if (subclasses && !disabled)
    if (PyObject* r = try_torch_function(func, name, args, n, names)) return r;
  if (transform)
    if (PyObject* r = ask_transform(func, name, args, n, names)) return r;
  if (before) {
    seen_args_ = tuple_of(args, n);
    seen_kwargs_ = kwargs_of(args, n, names);
  }
  return nullptr;
}

PyObject* Watch::attribute(const char* name, PyObject* tensor) {
  if (!mode && (!subclasses || disabled)) return nullptr;
  Owned descriptor(checked(PyObject_GetAttrString(tensor_object(), name)));
  Owned get(checked(PyObject_GetAttrString(descriptor.get(), "__get__")));
  if (mode)
    if (PyObject* r = ask_mode(get.get(), &tensor, 1, nullptr)) return r;
  if (subclasses && !disabled) return try_torch_function(get.get(), name, &tensor, 1, nullptr);
  return nullptr;
}

PyObject* Watch::around(const char* name, const std::function<PyObject*()>& call) {
  if (!before && !after) return call();
  Owned first = before, last = after;
  Owned args = std::move(seen_args_), kwargs = std::move(seen_kwargs_);
  if (first) {
    if (!args) args = Owned(checked(PyTuple_New(0)));
    if (!kwargs) kwargs = Owned(checked(PyDict_New()));
    Owned(checked(PyObject_CallFunction(first.get(), "sOO", name, args.get(), kwargs.get())));
  }
  Owned result(guarded([&] { return call(); }));
  if (last) {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    Owned r(PyObject_CallFunction(last.get(), "s", name));
    if (!r && !type) throw PythonError();
    if (type) PyErr_Restore(type, value, trace);
  }
  if (!result) throw PythonError();
  return result.release();
}

namespace {
void define_functions(nb::module_& m) {
  auto owned = [](nb::object o) { return o.is_none() ? Owned() : Owned(o.release().ptr()); };
  m.def(
      "_set_observer",
      [owned](nb::object before, nb::object after) {
        watch.before = owned(before);
        watch.after = owned(after);
        watch.update();
      },
      nb::arg("before").none(), nb::arg("after").none());
  m.def(
      "_set_function_mode",
      [owned](nb::object mode) {
        nb::object old = watch.mode ? nb::borrow(watch.mode.get()) : nb::none();
        watch.mode = owned(mode);
        watch.update();
        return old;
      },
      nb::arg("mode").none());
  m.def(
      "_set_transform",
      [owned](nb::object function, nb::object type, const std::vector<std::string>& drawing) {
        watch.transform = owned(function);
        watch.transformed = owned(type);
        watch.drawing = {drawing.begin(), drawing.end()};
        watch.update();
      },
      nb::arg("function").none(), nb::arg("type").none(), nb::arg("drawing"));
  m.def("_torch_function_default", &default_implementation, nb::arg("cls"), nb::arg("func"),
        nb::arg("types"), nb::arg("args") = nb::tuple(), nb::arg("kwargs").none() = nb::none());
  m.def(
      "_disable_torch_function",
      [](bool disable) {
        int before = disabled;
        disabled = disable;
        return before > 0;
      },
      nb::arg("disable"));
  m.def("_overloaded_types", [](nb::tuple args) {
    std::vector<PyObject*> flat;
    for (nb::handle h : args) flat.push_back(h.ptr());
    return nb::steal(
        types_of(overloaded(flat.data(), static_cast<Py_ssize_t>(flat.size()))).release());
  });
  m.def("_dispatch_torch_function", [](nb::object func, const std::string& name, nb::tuple relevant,
                                       nb::object args, nb::object kwargs) {
    std::vector<PyObject*> flat;
    for (nb::handle h : relevant) flat.push_back(h.ptr());
    OverloadedList found = overloaded(flat.data(), static_cast<Py_ssize_t>(flat.size()));
    Owned types = types_of(found);
    for (const Overloaded& x : found) {
      Owned r(checked(PyObject_CallFunctionObjArgs(x.handler.get(), func.ptr(), types.get(),
                                                   args.ptr(), kwargs.ptr(), nullptr)));
      if (r.get() != Py_NotImplemented) return nb::steal(r.release());
    }
    nobody_answered(name.c_str(), found);
  });
}
}  // namespace

void init_watch(PyObject* module) {
  module_object = module;
  nb::module_ m = nb::borrow<nb::module_>(module);
  define_functions(m);
  install_slots();
  nb::object hook = nb::cpp_function(&init_subclass);
  Owned method(checked(PyClassMethod_New(hook.ptr())));
  if (PyObject_SetAttrString(tensor_object(), "__init_subclass__", method.get()) < 0)
    throw PythonError();
}

}  // namespace lampas::py
