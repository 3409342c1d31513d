#include "bindings/named_tuple.h"

#include <structseq.h>

#include <unordered_map>

namespace lampas::py {

namespace {
PyObject* types = nullptr;

// torch.return_types.sort(\nvalues=tensor(…),\nindices=tensor(…))
PyObject* repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    PyTypeObject* type = Py_TYPE(self);
    std::string s = std::string(type->tp_name) + "(";
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      Owned text(checked(PyObject_Repr(PyTuple_GET_ITEM(self, i))));
      s += std::string(i ? ",\n" : "\n") + type->tp_members[i].name + "=" +
           PyUnicode_AsUTF8(text.get());
    }
    return to_py(s + ")");
  });
}

PyTypeObject* type_of(const char* name, std::initializer_list<const char*> fields) {
  static std::unordered_map<std::string, PyTypeObject*> known;
  PyTypeObject*& type = known[name];
  if (type) return type;
  // The type keeps pointers to these names for as long as the process lives.
  auto* full = new std::string(std::string("torch.return_types.") + name);
  auto* members = new std::vector<PyStructSequence_Field>;
  for (const char* f : fields) members->push_back({f, nullptr});
  members->push_back({nullptr, nullptr});
  PyStructSequence_Desc desc = {full->c_str(), nullptr, members->data(),
                                static_cast<int>(fields.size())};
  type = PyStructSequence_NewType(&desc);
  if (!type) throw PythonError();
  type->tp_repr = repr;
  // Where pickle finds it.
  if (PyObject_SetAttrString(reinterpret_cast<PyObject*>(type), "__module__",
                             Owned(to_py(std::string("lampas.return_types"))).get()) < 0)
    throw PythonError();
  if (types && PyDict_SetItemString(types, name, reinterpret_cast<PyObject*>(type)) < 0)
    throw PythonError();
  return type;
}
}  // namespace

PyObject* named(const char* name, std::initializer_list<const char*> fields,
                const std::vector<Tensor>& values) {
  Owned out(checked(PyStructSequence_New(type_of(name, fields))));
  for (size_t i = 0; i < values.size(); ++i)
    PyStructSequence_SetItem(out.get(), static_cast<Py_ssize_t>(i), checked(wrap(values[i])));
  return out.release();
}

void init_named_tuples(PyObject* module) {
  types = checked(PyDict_New());
  if (PyModule_AddObjectRef(module, "_return_types", types) < 0) throw PythonError();
}

}  // namespace lampas::py
