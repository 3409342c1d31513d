// Autograd on the Python side: attributes of Tensor, grad_fn objects, hooks, custom functions.
#pragma once
#include "bindings/object.h"

namespace lampas::py {

PyObject* get_requires_grad(PyObject* o, void*);
int set_requires_grad_attr(PyObject* o, PyObject* v, void*);
PyObject* get_grad(PyObject* o, void*);
int set_grad(PyObject* o, PyObject* v, void*);
PyObject* get_grad_fn(PyObject* o, void*);
PyObject* get_is_leaf(PyObject* o, void*);
PyObject* get_output_nr(PyObject* o, void*);
PyObject* get_retains_grad(PyObject* o, void*);
PyObject* get_base(PyObject* o, void*);

#define LAMPAS_AUTOGRAD_GETSET                                                                     \
  {"requires_grad", get_requires_grad, set_requires_grad_attr, "Whether gradients are recorded.",  \
   nullptr},                                                                                       \
      {"grad", get_grad, set_grad, "The gradient that backward() accumulated, or None.", nullptr}, \
      {"_grad", get_grad, set_grad, nullptr, nullptr},                                             \
      {"grad_fn", get_grad_fn, nullptr, "The node that made this tensor, or None.", nullptr},      \
      {"is_leaf", get_is_leaf, nullptr, "Whether this tensor has no grad_fn.", nullptr},           \
      {"output_nr", get_output_nr, nullptr, "Which result of grad_fn this tensor is.", nullptr},   \
      {"retains_grad", get_retains_grad, nullptr, "Whether a non-leaf keeps its gradient.",        \
       nullptr},                                                                                   \
  {                                                                                                \
    "_base", get_base, nullptr, "The tensor this one is a view of, or None.", nullptr              \
  }

// For the garbage collector: what only this tensor keeps alive in the graph.
int traverse_graph(const Tensor& t, visitproc visit, void* arg);

void init_autograd(PyObject* module);

}  // namespace lampas::py
