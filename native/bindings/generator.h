// lampas.Generator.
#pragma once
#include "bindings/object.h"
#include "runtime/random.h"

namespace lampas::py {

bool is_generator(PyObject* o);
Generator& generator_of(PyObject* o);

void init_generator(PyObject* module);

}  // namespace lampas::py
