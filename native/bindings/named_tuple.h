// Results of several tensors with names: torch.return_types.
#pragma once
#include <initializer_list>

#include "bindings/object.h"

namespace lampas::py {

// A named tuple of type return_types.<type>, made at first use: named("sort", {"values",
// "indices"}, …).
PyObject* named(const char* type, std::initializer_list<const char*> fields,
                const std::vector<Tensor>& values);
// Adds the dict `_return_types` that holds these types by name.
void init_named_tuples(PyObject* module);

}  // namespace lampas::py
