// grad_fn objects, and nodes whose backward is Python (autograd.Function).
#pragma once
#include "autograd/node.h"
#include "bindings/object.h"

namespace lampas::py {

PyObject* node_object(Ref<Node> n);
Ref<Node> node_of_object(PyObject* o);  // TypeError if it is no node
void init_nodes(PyObject* module);

}  // namespace lampas::py
