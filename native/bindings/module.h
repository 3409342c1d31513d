// The parts of the extension module, each added by the file of its family.
#pragma once
#include "bindings/object.h"

namespace lampas::py {

void init_runtime(PyObject* module);    // threads, memory, processor
void init_nn_module(PyObject* module);  // nn.Module's native base
void define_pointwise(PyObject* module);
void define_special(PyObject* module);
void define_tensor_ops(PyObject* module);  // creation, views, copies
void define_indexing(PyObject* module);
void define_reductions(PyObject* module);
void define_matrix(PyObject* module);
void define_random(PyObject* module);
void define_sorting(PyObject* module);
void define_nn(PyObject* module);
void define_images(PyObject* module);
void define_recurrent(PyObject* module);
void define_spatial(PyObject* module);
void define_optim(PyObject* module);
void init_shared_memory(PyObject* module);
void init_saved_hooks(PyObject* module);
void init_autocast(PyObject* module);
void init_dlpack(PyObject* module);
void define_geometry(PyObject* module);  // a tensor's own geometry and memory, changed in place

}  // namespace lampas::py
