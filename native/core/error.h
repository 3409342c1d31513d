// Errors that cross into Python. Core, runtime and ops throw lampas::Error; the bindings translate
// its kind into the Python exception type of the same name. Kernels never throw.
#pragma once
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace lampas {

enum class ErrorKind {
  Runtime,
  Type,
  Value,
  Index,
  NotImplemented,
  Memory,
  Attribute,
  Key,
  Overflow,
  Assertion,
  ZeroDivision,
  Linalg,  // torch.linalg.LinAlgError, a RuntimeError
};

struct Error : std::exception {
  Error(ErrorKind k, std::string t) : kind(k), text(std::move(t)) {}
  const char* what() const noexcept override { return text.c_str(); }

  ErrorKind kind;
  std::string text;
};

// Streams the parts, in order, into one string.
template <class... A>
std::string concat(const A&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

template <class... A>
[[noreturn, gnu::noinline, gnu::cold]] void fail(ErrorKind kind, const A&... parts) {
  throw Error(kind, concat(parts...));
}

}  // namespace lampas

// Throw unless cond holds. The parts of the text are evaluated only on failure.
#define LAMPAS_CHECK_KIND(kind_, cond, ...)                    \
  do {                                                         \
    if (!(cond)) [[unlikely]] {                                \
      ::lampas::fail(::lampas::ErrorKind::kind_, __VA_ARGS__); \
    }                                                          \
  } while (false)
#define LAMPAS_CHECK(cond, ...) LAMPAS_CHECK_KIND(Runtime, cond, __VA_ARGS__)
#define LAMPAS_CHECK_TYPE(cond, ...) LAMPAS_CHECK_KIND(Type, cond, __VA_ARGS__)
#define LAMPAS_CHECK_VALUE(cond, ...) LAMPAS_CHECK_KIND(Value, cond, __VA_ARGS__)
#define LAMPAS_CHECK_INDEX(cond, ...) LAMPAS_CHECK_KIND(Index, cond, __VA_ARGS__)
