// The operator objects: lampas.add, Tensor.add. Calls go through one door, `call_op`.
#include <cctype>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "autograd/autograd.h"
#include "bindings/args.h"
#include "bindings/autocast.h"
#include "bindings/caster.h"
#include "bindings/watch.h"
#include "ops/create.h"
#include "ops/inplace.h"

namespace nb = nanobind;

namespace lampas::py {

Watch watch;

namespace {
struct Overload {
  Signature signature;
  Function native;
  const char* text;            // as declared
  PyObject* python = nullptr;  // the function, where Python defines the operator

  PyObject* call(Args& a) const { return python ? a.call(python) : native(a); }
};

struct OpInfo {
  std::string name;  // as called: "add", "add_"
  bool inplace = false;
  CastRule cast = CastRule::None;
  std::vector<Overload> overloads;
  std::string doc;
};

struct OpObject {
  PyObject_HEAD OpInfo* info;  // lives as long as the process
  vectorcallfunc vectorcall;
};

PyTypeObject* function_type = nullptr;
PyTypeObject* method_type = nullptr;

std::string type_names(PyObject* const* args, Py_ssize_t n, PyObject* names) {
  std::string s = "(";
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  for (Py_ssize_t i = 0; i < n + named; ++i) {
    if (i) s += ", ";
    if (i >= n) s += std::string(PyUnicode_AsUTF8(PyTuple_GET_ITEM(names, i - n))) + "=";
    const char* type = Py_TYPE(args[i])->tp_name;
    if (const char* dot = std::strrchr(type, '.')) type = dot + 1;
    s += type;
  }
  return s + ")";
}

[[noreturn]] void no_match(const OpInfo& op, const std::string& why, PyObject* const* args,
                           Py_ssize_t n, PyObject* names) {
  if (op.overloads.size() == 1) throw Error(ErrorKind::Type, why);
  std::string text = op.name + "() received an invalid combination of arguments - got " +
                     type_names(args, n, names) + ", but expected one of:";
  for (const Overload& o : op.overloads) text += "\n * " + o.signature.describe();
  throw Error(ErrorKind::Type, text);
}

// `out=`: the result is computed as usual and written into the given tensors.
PyObject* write_out(const Overload& o, Args& a, Owned result) {
  PyObject* out = a.object(o.signature.out);
  if (is_tensor(out)) {
    LAMPAS_CHECK_TYPE(is_tensor(result.get()), o.signature.name,
                      "(): out must be a tuple of tensors");
    ops::write_out(tensor_of(out), tensor_of(result.get()), o.signature.name.c_str());
    return Owned::share(out).release();
  }
  Owned results(checked(PySequence_Tuple(result.get())));
  Py_ssize_t n = PySequence_Size(out);
  LAMPAS_CHECK_TYPE(n == PyTuple_GET_SIZE(results.get()), o.signature.name,
                    "(): expected a tuple of ", PyTuple_GET_SIZE(results.get()),
                    " tensors for out, got ", n);
  for (Py_ssize_t i = 0; i < n; ++i) {
    Owned t(checked(PySequence_GetItem(out, i)));
    LAMPAS_CHECK_TYPE(is_tensor(t.get()), o.signature.name, "(): out[", i, "] must be a Tensor");
    ops::write_out(tensor_of(t.get()), tensor_of(PyTuple_GET_ITEM(results.get(), i)),
                   o.signature.name.c_str());
  }
  return Owned::share(out).release();
}

PyObject* invoke(const OpInfo& op, const Overload& o, Args& a) {
  if (op.inplace) {
    const Tensor& self = a.tensor(0);
    check_inplace(self, op.name.c_str());
    a.set_in_place();
    Owned result(checked(o.call(a)));
    ops::assign_inplace(self, tensor_of(result.get()), op.name.c_str());
    return Owned::share(a.object(0)).release();
  }
  if (o.signature.out >= 0 && a.given(o.signature.out)) {
    Owned result;
    {
      const int out = o.signature.out;
      ops::Destination here(!o.python && a.alone(out) ? &tensor_of(a.object(out)) : nullptr);
      result = Owned(checked(o.call(a)));
    }
    return write_out(o, a, std::move(result));
  }
  return o.call(a);
}

PyObject* invoke_cast(const OpInfo& op, const Overload& o, Args& a) {
  bool cast = autocast.enabled && op.cast != CastRule::None;
  // What writes into a tensor that it is given computes in that tensor's dtype.
  if (!cast || (o.signature.out >= 0 && a.given(o.signature.out))) return invoke(op, o, a);
  ArgumentCasts casts(op.cast, o.signature, a);
  return invoke(op, o, a);
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_part = [&](size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_');
  };
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1))
    if ((at == 0 || !is_part(at - 1)) && !is_part(at + word.size())) return true;
  return false;
}

// What many operators share, shapes and memory say, does not know for whom it fails.
void name_operator(Error& e, const OpInfo& op) {
  std::string_view plain = op.name;
  if (op.inplace) plain.remove_suffix(1);
  if (op.name[0] != '_' && !has_word(e.text, op.name) && !has_word(e.text, plain))
    e.text += concat(" (in ", op.name, ")");
}

// Translates the exception being handled.
[[gnu::cold, gnu::noinline]] PyObject* failed(const OpInfo& op) noexcept {
  try {
    throw;
  } catch (Error& e) {
    name_operator(e, op);
    set_python_error();
  } catch (...) {
    set_python_error();
  }
  return nullptr;
}

PyObject* call_op(PyObject* self, PyObject* const* args, size_t nf, PyObject* names) {
  const OpInfo& op = *reinterpret_cast<OpObject*>(self)->info;
  Py_ssize_t n = PyVectorcall_NARGS(nf);
  try {
    if (watch.active) [[unlikely]]
      if (PyObject* r = watch.redirect(self, op.name.c_str(), args, n, names))
        return r == Py_NotImplemented ? nullptr : r;
    Args a;
    for (const Overload& o : op.overloads)
      if (a.match(o.signature, args, n, names, nullptr)) {
        if (!watch.active) [[likely]]
          return invoke(op, o, a);
        return watch.around(op.name.c_str(), [&] { return invoke_cast(op, o, a); });
      }
    if (PyErr_Occurred()) throw PythonError();
    if (PyObject* r = try_torch_function(self, op.name.c_str(), args, n, names)) return r;
    std::string why;
    a.match(op.overloads.back().signature, args, n, names, &why);
    no_match(op, why, args, n, names);
  } catch (...) {
    return failed(op);
  }
}

PyObject* op_repr(PyObject* self) {
  return PyUnicode_FromFormat("<built-in method %s of lampas>",
                              reinterpret_cast<OpObject*>(self)->info->name.c_str());
}
PyObject* op_name(PyObject* self, void*) {
  return to_py(reinterpret_cast<OpObject*>(self)->info->name);
}
PyObject* op_module(PyObject*, void*) { return PyUnicode_FromString("lampas"); }
PyObject* op_doc(PyObject* self, void*) {
  const OpInfo& op = *reinterpret_cast<OpObject*>(self)->info;
  return to_py(op.doc);
}
PyObject* op_text_signature(PyObject* self, void*) {
  return to_py(reinterpret_cast<OpObject*>(self)->info->overloads[0].signature.python_text());
}
// All overloads as declared, with types: what the stub file is written from.
PyObject* op_signatures(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    const OpInfo& op = *reinterpret_cast<OpObject*>(self)->info;
    Owned out(checked(PyTuple_New(static_cast<Py_ssize_t>(op.overloads.size()))));
    for (size_t i = 0; i < op.overloads.size(); ++i)
      PyTuple_SET_ITEM(out.get(), static_cast<Py_ssize_t>(i),
                       checked(PyUnicode_FromString(op.overloads[i].text)));
    return out.release();
  });
}
// Pickles and copies by name, as seen from the package: `Tensor.sum`, `linalg.svd`, `relu`.
PyObject* op_reduce(PyObject* self, PyObject*) {
  std::string name = reinterpret_cast<OpObject*>(self)->info->name;
  if (Py_TYPE(self) == method_type) return to_py("Tensor." + name);
  for (const std::string space : {"linalg", "fft", "special"})
    if (name.starts_with(space + "_")) name[space.size()] = '.';
  return to_py(name);
}
PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Owned::share(self).release();
  return PyMethod_New(self, instance);
}

PyGetSetDef op_getset[] = {{"__name__", op_name, nullptr, nullptr, nullptr},
                           {"__qualname__", op_name, nullptr, nullptr, nullptr},
                           {"__module__", op_module, nullptr, nullptr, nullptr},
                           {"__doc__", op_doc, nullptr, nullptr, nullptr},
                           {"__signatures__", op_signatures, nullptr, nullptr, nullptr},
                           {"__text_signature__", op_text_signature, nullptr, nullptr, nullptr},
                           {}};
PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr}, {}};
PyMemberDef op_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr}, {}};

PyTypeObject* make_type(const char* name, bool method) {
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                         {Py_tp_getset, op_getset},
                         {Py_tp_methods, op_methods},
                         {Py_tp_members, op_members},
                         {method ? Py_tp_descr_get : 0, reinterpret_cast<void*>(bind_method)},
                         {0, nullptr}};
  unsigned flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_IMMUTABLETYPE;
  if (method) flags |= Py_TPFLAGS_METHOD_DESCRIPTOR;
  PyType_Spec spec = {name, sizeof(OpObject), 0, flags, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

PyObject* make_op(PyTypeObject* type, OpInfo* info) {
  auto* o = PyObject_New(OpObject, type);
  if (!o) throw PythonError();
  o->info = info;
  o->vectorcall = call_op;
  return reinterpret_cast<PyObject*>(o);
}

// Keyed by where the operator lives and its name.
std::unordered_map<std::string, OpInfo*>& registry() {
  static auto* all = new std::unordered_map<std::string, OpInfo*>;
  return *all;
}

void add(PyObject* owner, const std::string& place, PyTypeObject* type, const std::string& name,
         const Definition& row, bool inplace) {
  OpInfo*& info = registry()[place + name];
  if (!info) {
    info = new OpInfo;
    info->name = name;
    info->inplace = inplace;
    info->cast = cast_rule(name);
    Owned op(make_op(type, info));
    if (PyObject_SetAttrString(owner, name.c_str(), op.get()) < 0) throw PythonError();
  }
  info->overloads.push_back({Signature(row.signature), row.call, row.signature});
  Overload& o = info->overloads.back();
  o.signature.name = name;
  if (inplace) o.signature.out = -1;
  if (info->doc.empty())
    info->doc = name + o.signature.python_text() + "\n\n" + (row.doc ? row.doc : "");
}

// An operator whose function is written in Python.
Owned python_op(const std::vector<std::string>& signatures, PyObject* function,
                const std::string& name, PyTypeObject* type, bool inplace) {
  auto* info = new OpInfo;
  info->name = name;
  info->inplace = inplace;
  info->cast = cast_rule(name);
  for (const std::string& text : signatures) {
    const std::string* kept = new std::string(text);  // operators live as long as the process
    info->overloads.push_back(
        {Signature(kept->c_str()), nullptr, kept->c_str(), Owned::share(function).release()});
    Signature& s = info->overloads.back().signature;
    s.name = name;
    if (inplace) s.out = -1;
  }
  Owned doc(checked(PyObject_GetAttrString(function, "__doc__")));
  if (PyUnicode_Check(doc.get())) info->doc = PyUnicode_AsUTF8(doc.get());
  return Owned(make_op(type, info));
}
}  // namespace

void define(PyObject* module, std::span<const Definition> rows) {
  if (!function_type) {
    function_type = make_type("lampas._C.Function", false);
    method_type = make_type("lampas._C.Method", true);
  }
  auto* tensor = reinterpret_cast<PyObject*>(tensor_type);
  for (const Definition& row : rows) {
    const char* open = std::strchr(row.signature, '(');
    std::string name(row.signature, static_cast<size_t>(open - row.signature));
    if (row.where & kFunction) add(module, "f.", function_type, name, row, false);
    if (row.where & kMethod) add(tensor, "m.", method_type, name, row, false);
    if (row.where & kInplace) add(tensor, "m.", method_type, name + "_", row, true);
  }
}

void init_python_operators(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  m.def(
      "_define_operator",
      [](const std::vector<std::string>& signatures, nb::object function, const std::string& name,
         bool method, bool inplace) {
        return nb::steal(python_op(signatures, function.ptr(), name,
                                   method || inplace ? method_type : function_type, inplace)
                             .release());
      },
      nb::arg("signatures"), nb::arg("function"), nb::arg("name"), nb::arg("method") = false,
      nb::arg("inplace") = false,
      "An operator object over a Python function: arguments parsed by signature, `out=` and "
      "in-place writes as for the native ones.");
}

}  // namespace lampas::py
