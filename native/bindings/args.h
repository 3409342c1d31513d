// Arguments of an operator, parsed by its signature.
//
// A signature is written as PyTorch's documentation writes it, with types:
//   "add(Tensor input, Operand other, *, Number alpha=1, Tensor? out=None)"
// Types: Tensor, Operand (tensor or number), Number, int, float, bool, str, int[] (a sequence of
// ints; int[2] also takes one int and repeats it; int[]* also takes the ints one by one),
// float[], Tensor[], dtype, device, layout, memory_format, Generator, object. A trailing ? allows
// None.
#pragma once
#include <memory>

#include "bindings/object.h"
#include "ops/operand.h"
#include "runtime/random.h"

namespace lampas::py {

enum class Kind : uint8_t {
  Tensor,
  Operand,
  Number,
  Int,
  Float,
  Bool,
  Str,
  Ints,
  Floats,
  Tensors,
  DType,
  Device,
  Layout,
  MemoryFormat,
  Generator,
  Object
};

struct Param {
  PyObject* name = nullptr;  // interned
  std::string text;          // name as text
  Kind kind = Kind::Object;
  bool none = false;  // None is allowed
  bool has_default = false;
  bool keyword_only = false;
  bool spread = false;  // int[]*
  int repeat = 0;       // int[2]
  std::string default_text;
  bool default_none = false;
  int64_t default_int = 0;
  double default_float = 0;
};

struct Signature {
  std::string name;
  std::vector<Param> params;
  int positional = 0;  // how many may be given by position
  int required = 0;
  int out = -1;  // index of `out`, if any

  explicit Signature(const char* text);
  std::string describe() const;     // "(Tensor input, Number alpha)"
  std::string python_text() const;  // "(input, other, *, alpha=1)" for inspect
};

inline constexpr int kMaxArgs = 20;

class Args {
 public:
  // Fills `this` if the call fits; otherwise says why in `why` (a TypeError's text).
  bool match(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* names,
             std::string* why);

  bool given(int i) const { return v_[i] != nullptr && v_[i] != Py_None; }
  PyObject* object(int i) const { return v_[i]; }  // borrowed; null where the default holds
  const Tensor& tensor(int i) const {
    return v_[i] && v_[i] != Py_None ? tensor_of(v_[i]) : none();
  }
  lampas::Operand operand(int i) const;
  Scalar number(int i) const;
  std::optional<Scalar> number_or(int i) const;
  int64_t integer(int i) const;
  std::optional<int64_t> integer_or(int i) const;
  double real(int i) const;
  std::optional<double> real_or(int i) const;
  bool flag(int i) const;
  std::optional<bool> flag_or(int i) const;
  std::string text(int i) const;
  Dims ints(int i) const;  // a default of one int counts as that int
  std::optional<Dims> ints_or(int i) const;
  std::vector<double> reals(int i) const;
  std::vector<Tensor> tensors(int i) const;
  DType dtype(int i, DType fallback) const;
  std::optional<DType> dtype_or(int i) const;
  Device device(int i) const;
  std::optional<Device> device_or(int i) const;
  Generator& generator(int i) const;  // the default one where none is given

  // Puts another object (borrowed) in an argument's place.
  void replace(int i, PyObject* o) { v_[i] = o; }

  // Whether argument i is one tensor that may be written before the operator is done: its memory is
  // writable, no graph is recorded and no other argument lies in that memory.
  bool alone(int i) const;
  // The first argument, where a call in place may write into it at once and return it: it is alone
  // and lies in order. Undefined otherwise.
  Tensor target() const;
  void set_in_place() { in_place_ = true; }

  // Calls a Python function with the arguments that were given, each as its type says (an int for
  // an int-like, a tuple for ints); its own defaults stand for the others. `out` stays with the
  // caller.
  PyObject* call(PyObject* function) const;

 private:
  static const Tensor& none();
  bool accept(const Param& p, PyObject* o) const;
  bool fill(int i, PyObject* o, std::string* why);
  PyObject* as_python(int i) const;

  const Signature* s_ = nullptr;
  PyObject* v_[kMaxArgs] = {};
  PyObject* const* spread_ = nullptr;  // ints given one by one
  Py_ssize_t spread_n_ = 0;
  bool in_place_ = false;
};

using Function = PyObject* (*)(Args&);

// Where an operator is found.
enum Where : unsigned {
  kFunction = 1,  // lampas.name
  kMethod = 2,    // Tensor.name
  kInplace = 4,   // Tensor.name_ too: computes, then writes into self
  kBoth = kFunction | kMethod,
  kAll = kFunction | kMethod | kInplace,
};

struct Definition {
  const char* signature;
  Function call;
  unsigned where;
  const char* doc;
};

// Adds operators to the module and to Tensor. Definitions of one name are tried in order.
void define(PyObject* module, std::span<const Definition> rows);

// Adds the binding by which Python files define operators.
void init_python_operators(PyObject* module);

// A result of C++ type R as an operator's function.
#define LAMPAS_FN(...)                                      \
  []([[maybe_unused]] ::lampas::py::Args& a) -> PyObject* { \
    return ::lampas::py::to_py(__VA_ARGS__);                \
  }

}  // namespace lampas::py
