// lampas._C.
#include "bindings/module.h"

#include "bindings/args.h"
#include "bindings/autograd.h"
#include "bindings/caster.h"
#include "bindings/convert.h"
#include "bindings/generator.h"
#include "bindings/named_tuple.h"
#include "bindings/tensor_type.h"
#include "bindings/watch.h"
#include "ops/setup.h"

namespace nb = nanobind;
using namespace lampas::py;  // NOLINT: this file only lists its parts

NB_MODULE(_C, m) {
  nb::set_leak_warnings(false);  // types and the default generator live as long as the process
  // Errors of the core, for functions that nanobind calls.
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const lampas::Error&) {
      set_python_error();
    } catch (const PythonError&) {
      set_python_error();
    }
  });
  lampas::ops::setup();
  PyObject* module = m.ptr();
  init_types(module);
  init_tensor_type(module);
  init_generator(module);
  init_autograd(module);
  init_watch(module);
  init_named_tuples(module);
  init_convert(module);
  init_shared_memory(module);
  init_saved_hooks(module);
  init_autocast(module);
  init_dlpack(module);
  init_nn_module(module);
  init_runtime(module);
  define_tensor_ops(module);
  define_geometry(module);
  define_pointwise(module);
  define_special(module);
  define_indexing(module);
  define_reductions(module);
  define_matrix(module);
  define_random(module);
  define_sorting(module);
  define_images(module);
  define_recurrent(module);
  define_nn(module);
  define_spatial(module);
  define_optim(module);
  init_python_operators(module);
}
