#include "bindings/args.h"

#include <cstring>

#include "autograd/autograd.h"
#include "bindings/generator.h"

namespace lampas::py {

// ---- signatures ---------------------------------------------------------------------------------
namespace {
std::string trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return std::string(s);
}

struct KindName {
  const char* text;
  Kind kind;
};
constexpr KindName kKinds[] = {{"Tensor[]", Kind::Tensors},
                               {"Tensor", Kind::Tensor},
                               {"Operand", Kind::Operand},
                               {"Number", Kind::Number},
                               {"int", Kind::Int},
                               {"float[]", Kind::Floats},
                               {"float", Kind::Float},
                               {"bool", Kind::Bool},
                               {"str", Kind::Str},
                               {"dtype", Kind::DType},
                               {"device", Kind::Device},
                               {"layout", Kind::Layout},
                               {"memory_format", Kind::MemoryFormat},
                               {"Generator", Kind::Generator},
                               {"object", Kind::Object}};

void parse_type(Param& p, std::string type) {
  if (type.back() == '?') p.none = true, type.pop_back();
  if (type.back() == '*') p.spread = true, type.pop_back();
  if (type.starts_with("int[")) {
    p.kind = Kind::Ints;
    p.repeat = std::atoi(type.c_str() + 4);
    return;
  }
  for (const KindName& k : kKinds)
    if (type == k.text) {
      p.kind = k.kind;
      return;
    }
  fail(ErrorKind::Assertion, "unknown type in a signature: ", type);
}

void parse_default(Param& p, const std::string& text) {
  p.has_default = true;
  p.default_text = text;
  if (text == "None") {
    p.default_none = true;
    p.none = true;
  } else if (text == "True") {
    p.default_int = 1;
  } else {
    p.default_float = std::atof(text.c_str());
    p.default_int = static_cast<int64_t>(p.default_float);
  }
}

const char* kind_text(const Param& p) {
  switch (p.kind) {
    case Kind::Tensor:
      return "Tensor";
    case Kind::Operand:
      return "Tensor or Number";
    case Kind::Number:
      return "Number";
    case Kind::Int:
      return "int";
    case Kind::Float:
      return "float";
    case Kind::Bool:
      return "bool";
    case Kind::Str:
      return "str";
    case Kind::Ints:
      return "tuple of ints";
    case Kind::Floats:
      return "tuple of floats";
    case Kind::Tensors:
      return "tuple of Tensors";
    case Kind::DType:
      return "torch.dtype";
    case Kind::Device:
      return "torch.device";
    case Kind::Layout:
      return "torch.layout";
    case Kind::MemoryFormat:
      return "torch.memory_format";
    case Kind::Generator:
      return "torch.Generator";
    case Kind::Object:
      return "object";
  }
  return "";
}
}  // namespace

Signature::Signature(const char* text) {
  std::string_view s(text);
  size_t open = s.find('('), close = s.rfind(')');
  name = std::string(s.substr(0, open));
  std::string_view list = s.substr(open + 1, close - open - 1);
  bool keyword_only = false;
  while (!list.empty()) {
    size_t comma = list.find(',');
    std::string item = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    if (item.empty()) continue;
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    Param p;
    p.keyword_only = keyword_only;
    size_t equals = item.find('=');
    if (equals != std::string::npos) {
      parse_default(p, item.substr(equals + 1));
      item = item.substr(0, equals);
    }
    size_t space = item.rfind(' ');
    p.text = item.substr(space + 1);
    p.name = PyUnicode_InternFromString(p.text.c_str());
    parse_type(p, trim(std::string_view(item).substr(0, space)));
    if (p.text == "out") out = static_cast<int>(params.size());
    if (!p.keyword_only) ++positional;
    if (!p.has_default && !p.keyword_only) ++required;
    params.push_back(std::move(p));
  }
  if (params.size() > kMaxArgs) fail(ErrorKind::Assertion, "too many parameters: ", text);
}

std::string Signature::describe() const {
  std::string s = "(";
  bool star = false;
  for (const Param& p : params) {
    if (s.size() > 1) s += ", ";
    if (p.keyword_only && !star) s += "*, ", star = true;
    s += std::string(kind_text(p)) + " " + p.text;
    if (p.has_default) s += "=" + p.default_text;
  }
  return s + ")";
}

std::string Signature::python_text() const {
  std::string s = "(";
  bool star = false;
  for (const Param& p : params) {
    if (s.size() > 1) s += ", ";
    if (p.spread) {
      s += "*" + p.text;
      star = true;
      continue;
    }
    if (p.keyword_only && !star) s += "*, ", star = true;
    s += p.text;
    if (p.has_default) s += "=" + p.default_text;
  }
  return s + ")";
}

// ---- matching -----------------------------------------------------------------------------------
const Tensor& Args::none() {
  static const Tensor undefined;
  return undefined;
}

namespace {
bool is_int_sequence(PyObject* o) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (!is_int(items[i])) return false;
  return true;
}
bool is_number_sequence(PyObject* o) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (!is_number(items[i])) return false;
  return true;
}
bool is_tensor_sequence(PyObject* o) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    if (!is_tensor(items[i])) return false;
  return true;
}
// A tensor that may stand for a number: one element, no history.
bool is_number_tensor(PyObject* o) { return is_tensor(o) && tensor_of(o).dim() == 0; }
}  // namespace

bool Args::accept(const Param& p, PyObject* o) const {
  if (o == Py_None) return p.none || p.kind == Kind::Object;
  switch (p.kind) {
    case Kind::Tensor:
      return is_tensor(o);
    case Kind::Operand:
      return is_tensor(o) || is_number(o);
    case Kind::Number:
      return is_number(o) || is_number_tensor(o);
    case Kind::Int:
      return is_int(o) || (is_number_tensor(o) && is_integral(tensor_of(o).dtype()));
    case Kind::Float:
      return is_number(o) || is_number_tensor(o);
    case Kind::Bool:
      return PyBool_Check(o) ||
             (is_number(o) && !PyLong_Check(o) && !PyFloat_Check(o) && !PyComplex_Check(o));
    case Kind::Str:
      return PyUnicode_Check(o);
    case Kind::Ints:
      return is_int_sequence(o) || (p.repeat > 0 && is_int(o)) || (p.spread && is_int(o));
    case Kind::Floats:
      return is_number_sequence(o);
    case Kind::Tensors:
      return is_tensor_sequence(o);
    case Kind::DType:
      return dtype_of_object(o).has_value();
    case Kind::Device:
      return is_device(o) || PyUnicode_Check(o) || PyLong_Check(o);
    case Kind::Layout:
      return is_layout(o);
    case Kind::MemoryFormat:
      return is_memory_format(o);
    case Kind::Generator:
      return is_generator(o);
    case Kind::Object:
      return true;
  }
  return false;
}

bool Args::fill(int i, PyObject* o, std::string* why) {
  const Param& p = s_->params[i];
  if (!accept(p, o)) {
    if (why)
      *why = concat(s_->name, "(): argument '", p.text, "'",
                    p.keyword_only ? std::string() : concat(" (position ", i + 1, ")"), " must be ",
                    kind_text(p), ", not ", Py_TYPE(o)->tp_name);
    return false;
  }
  v_[i] = o;
  return true;
}

namespace {
// NumPy's names are taken too, as in PyTorch.
const char* other_name(const char* given) {
  struct Pair {
    const char *numpy, *ours;
  };
  static constexpr Pair kPairs[] = {{"axis", "dim"}, {"keepdims", "keepdim"}, {"x", "input"},
                                    {"a", "input"},  {"from", "from_"},       {"x1", "input"},
                                    {"x2", "other"}, {"self", "input"}};
  for (const Pair& p : kPairs)
    if (!std::strcmp(given, p.numpy)) return p.ours;
  return given;
}
}  // namespace

bool Args::match(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* names,
                 std::string* why) {
  s_ = &s;
  const int count = static_cast<int>(s.params.size());
  std::memset(v_, 0, sizeof(PyObject*) * static_cast<size_t>(count));
  spread_n_ = 0;
  Py_ssize_t place = n;
  if (n > s.positional || (n > 0 && n <= s.positional && s.params[n - 1].spread)) {
    // Ints given one by one belong to the last positional parameter, if it takes them so.
    int last = s.positional - 1;
    bool spreads = last >= 0 && s.params[last].spread && n > last && is_int(args[last]);
    if (n > s.positional && !spreads) {
      if (why)
        *why = concat(s.name, "() takes ", s.required == s.positional ? "" : "at most ",
                      s.positional, " positional argument", s.positional == 1 ? "" : "s", " but ",
                      n, n == 1 ? " was" : " were", " given");
      return false;
    }
    if (spreads) {
      for (Py_ssize_t i = last; i < n; ++i)
        if (!is_int(args[i])) {
          if (why)
            *why = concat(s.name, "(): argument '", s.params[last].text,
                          "' must be tuple of ints, but found element of type ",
                          Py_TYPE(args[i])->tp_name, " at pos ", i - last);
          return false;
        }
      spread_ = args + last;
      spread_n_ = n - last;
      place = last;
    }
  }
  for (Py_ssize_t i = 0; i < place; ++i)
    if (!fill(static_cast<int>(i), args[i], why)) return false;
  if (spread_n_) v_[place] = args[place];
  Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
  for (Py_ssize_t k = 0; k < named; ++k) {
    PyObject* name = PyTuple_GET_ITEM(names, k);
    int at = -1;
    for (int i = 0; i < count && at < 0; ++i)
      if (s.params[i].name == name || PyUnicode_Compare(s.params[i].name, name) == 0) at = i;
    if (at < 0) {
      const char* other = other_name(PyUnicode_AsUTF8(name));
      for (int i = 0; i < count && at < 0; ++i)
        if (s.params[i].text == other) at = i;
    }
    if (at < 0) {
      if (why)
        *why =
            concat(s.name, "() got an unexpected keyword argument '", PyUnicode_AsUTF8(name), "'");
      return false;
    }
    if (v_[at]) {
      if (why)
        *why = concat(s.name, "() got multiple values for argument '", s.params[at].text, "'");
      return false;
    }
    if (!fill(at, args[n + k], why)) return false;
  }
  for (int i = 0; i < count; ++i) {
    if (v_[i] || s.params[i].has_default) continue;
    if (s.params[i].spread && !s.params[i].keyword_only) continue;
    if (why)
      *why = concat(s.name, "() missing 1 required ",
                    s.params[i].keyword_only ? "keyword-only" : "positional", " argument: \"",
                    s.params[i].text, "\"");
    return false;
  }
  return true;
}

// ---- reading ------------------------------------------------------------------------------------
lampas::Operand Args::operand(int i) const {
  if (!v_[i])
    return s_->params[i].default_text.find('.') == std::string::npos
               ? lampas::Operand(s_->params[i].default_int)
               : lampas::Operand(s_->params[i].default_float);
  if (is_tensor(v_[i])) return tensor_of(v_[i]);
  return scalar_of(v_[i]);
}
Scalar Args::number(int i) const {
  if (v_[i]) return scalar_of(v_[i]);
  const Param& p = s_->params[i];
  if (p.default_text == "True" || p.default_text == "False") return {p.default_int != 0};
  if (p.default_text.find_first_of(".einf") == std::string::npos) return {p.default_int};
  return {p.default_float};
}
std::optional<Scalar> Args::number_or(int i) const {
  if (!given(i) && (v_[i] || s_->params[i].default_none)) return {};
  return number(i);
}
int64_t Args::integer(int i) const { return v_[i] ? int_of(v_[i]) : s_->params[i].default_int; }
std::optional<int64_t> Args::integer_or(int i) const {
  if (!given(i) && (v_[i] || s_->params[i].default_none)) return {};
  return integer(i);
}
double Args::real(int i) const {
  return v_[i] ? scalar_of(v_[i]).to_double() : s_->params[i].default_float;
}
std::optional<double> Args::real_or(int i) const {
  if (!given(i) && (v_[i] || s_->params[i].default_none)) return {};
  return real(i);
}
bool Args::flag(int i) const {
  if (!v_[i]) return s_->params[i].default_int != 0;
  int b = PyObject_IsTrue(v_[i]);
  if (b < 0) throw PythonError();
  return b != 0;
}
std::optional<bool> Args::flag_or(int i) const {
  if (!given(i) && (v_[i] || s_->params[i].default_none)) return {};
  return flag(i);
}
std::string Args::text(int i) const {
  if (!v_[i]) {
    const std::string& t = s_->params[i].default_text;  // quoted
    return t.size() >= 2 && (t[0] == '\'' || t[0] == '"') ? t.substr(1, t.size() - 2) : t;
  }
  return PyUnicode_AsUTF8(v_[i]);
}
Dims Args::ints(int i) const {
  Dims out;
  const Param& p = s_->params[i];
  if (spread_n_ && p.spread) {
    for (Py_ssize_t k = 0; k < spread_n_; ++k) out.push_back(int_of(spread_[k]));
    return out;
  }
  PyObject* o = v_[i];
  if (!o) {
    if (p.has_default && !p.default_none && p.default_text != "[]")
      for (int k = 0; k < std::max(p.repeat, 1); ++k) out.push_back(p.default_int);
    return out;
  }
  if (is_int(o)) {
    for (int k = 0; k < std::max(p.repeat, 1); ++k) out.push_back(int_of(o));
    return out;
  }
  for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); ++k)
    out.push_back(int_of(PySequence_Fast_GET_ITEM(o, k)));
  if (out.size() == 1 && p.repeat > 1) out = Dims(static_cast<size_t>(p.repeat), out[0]);
  return out;
}
std::optional<Dims> Args::ints_or(int i) const {
  if (!given(i) && !(spread_n_ && s_->params[i].spread) && (v_[i] || s_->params[i].default_none))
    return {};
  return ints(i);
}
std::vector<double> Args::reals(int i) const {
  std::vector<double> out;
  if (given(i))
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(v_[i]); ++k)
      out.push_back(scalar_of(PySequence_Fast_GET_ITEM(v_[i], k)).to_double());
  return out;
}
std::vector<Tensor> Args::tensors(int i) const {
  std::vector<Tensor> out;
  if (given(i))
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(v_[i]); ++k)
      out.push_back(tensor_of(PySequence_Fast_GET_ITEM(v_[i], k)));
  return out;
}
DType Args::dtype(int i, DType fallback) const { return dtype_or(i).value_or(fallback); }
std::optional<DType> Args::dtype_or(int i) const {
  if (!given(i)) return {};
  return dtype_of_object(v_[i]);
}
Device Args::device(int i) const { return device_or(i).value_or(Device::Cpu); }
std::optional<Device> Args::device_or(int i) const {
  if (!given(i)) return {};
  return device_of_object(v_[i]);
}
Generator& Args::generator(int i) const {
  return given(i) ? generator_of(v_[i]) : default_generator();
}

// ---- calling Python -----------------------------------------------------------------------------
PyObject* Args::as_python(int i) const {
  PyObject* o = v_[i];
  if (o != Py_None) switch (s_->params[i].kind) {
      case Kind::Int:
        return to_py(int_of(o));
      case Kind::Float:
        return to_py(scalar_of(o).to_double());
      case Kind::Number:
        return to_py(scalar_of(o));
      case Kind::Ints: {
        Dims v = ints(i);
        Owned tuple(checked(PyTuple_New(static_cast<Py_ssize_t>(v.size()))));
        for (size_t k = 0; k < v.size(); ++k)
          PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(k), checked(to_py(v[k])));
        return tuple.release();
      }
      case Kind::DType:
        return dtype_object(*dtype_of_object(o));
      default:
        break;
    }
  return Owned::share(o).release();
}

bool Args::alone(int at) const {
  if (!is_tensor(v_[at])) return false;
  const Tensor& self = tensor_of(v_[at]);
  if (self.storage().read_only || recording(self)) return false;
  auto begin = [](const Tensor& x) { return static_cast<const char*>(x.storage().data); };
  auto apart = [&](const Tensor& x) {  // by address: two storages may lie in one NumPy array
    const bool before = begin(x) + x.storage().nbytes <= begin(self),
               behind = begin(self) + self.storage().nbytes <= begin(x);
    return (before || behind) && !recording(x);
  };
  for (int i = 0; i < static_cast<int>(s_->params.size()); ++i) {
    if (i == at || !given(i)) continue;
    const Kind kind = s_->params[i].kind;
    if (kind == Kind::Tensors) {
      for (const Tensor& x : tensors(i))
        if (!apart(x)) return false;
    } else if (is_tensor(v_[i]) ? !apart(tensor_of(v_[i])) : kind == Kind::Object) {
      return false;
    }
  }
  return true;
}

Tensor Args::target() const {
  const Tensor& self = tensor(0);
  return in_place_ && self.is_contiguous() && !self.is_meta() && alone(0) ? self : Tensor();
}

PyObject* Args::call(PyObject* function) const {
  const int count = static_cast<int>(s_->params.size());
  std::vector<Owned> held;
  std::vector<PyObject*> names;
  Py_ssize_t positional = 0;
  for (int i = 0; i < count; ++i) {
    if (!v_[i] || i == s_->out) continue;
    bool by_position = i < s_->positional && i == static_cast<int>(positional);
    held.emplace_back(checked(as_python(i)));
    if (by_position)
      ++positional;
    else
      names.push_back(s_->params[i].name);
  }
  Owned keywords;
  if (!names.empty()) {
    keywords = Owned(checked(PyTuple_New(static_cast<Py_ssize_t>(names.size()))));
    for (size_t k = 0; k < names.size(); ++k)
      PyTuple_SET_ITEM(keywords.get(), static_cast<Py_ssize_t>(k),
                       Owned::share(names[k]).release());
  }
  std::vector<PyObject*> given;
  for (const Owned& o : held) given.push_back(o.get());
  return PyObject_Vectorcall(function, given.data(), static_cast<size_t>(positional),
                             keywords.get());
}

}  // namespace lampas::py
