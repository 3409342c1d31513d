#include "bindings/generator.h"

#include "bindings/caster.h"
#include "ops/create.h"

namespace nb = nanobind;

namespace lampas::py {

namespace {
// Either a stream of its own or the process's default one.
struct PyGenerator {
  std::unique_ptr<Generator> own;
  Generator* g;
  PyGenerator() : own(std::make_unique<Generator>()), g(own.get()) {}
  explicit PyGenerator(Generator& shared) : g(&shared) {}
};

PyGenerator* manual_seed(PyGenerator* self, nb::int_ seed) {
  // Negative seeds wrap, as in PyTorch.
  int64_t s = 0;
  uint64_t u = 0;
  if (nb::try_cast(seed, s))
    self->g->manual_seed(static_cast<uint64_t>(s));
  else if (nb::try_cast(seed, u))
    self->g->manual_seed(u);
  else
    throw Error(ErrorKind::Value,
                "Overflow when unpacking long: a seed must be within [-2^63, 2^64)");
  return self;
}
Tensor get_state(PyGenerator* self) {
  Tensor t = ops::empty(Dims{static_cast<int64_t>(Generator::kStateBytes)}, DType::U8);
  self->g->get_state(t.data<uint8_t>());
  return t;
}
void set_state(PyGenerator* self, const Tensor& state) {
  LAMPAS_CHECK_TYPE(state.defined() && state.dtype() == DType::U8,
                    "expected a torch.ByteTensor as the generator state");
  LAMPAS_CHECK(state.is_contiguous(), "the generator state must be contiguous");
  self->g->set_state(state.data<uint8_t>(), static_cast<size_t>(state.numel()));
}
}  // namespace

bool is_generator(PyObject* o) { return nb::isinstance<PyGenerator>(nb::handle(o)); }
Generator& generator_of(PyObject* o) { return *nb::cast<PyGenerator*>(nb::handle(o))->g; }

void init_generator(PyObject* module) {
  nb::module_ m = nb::borrow<nb::module_>(module);
  nb::class_<PyGenerator>(
      m, "Generator",
      "Generator(device='cpu')\n\nA stream of random numbers: PyTorch's MT19937, value for value.")
      .def(
          "__init__",
          [](PyGenerator* self, nb::object device) {
            if (!device.is_none()) device_of_object(device.ptr());
            new (self) PyGenerator();
          },
          nb::arg("device") = nb::none())
      .def("manual_seed", &manual_seed, nb::arg("seed"), nb::rv_policy::reference,
           "Starts the stream anew from `seed`.")
      .def(
          "initial_seed", [](PyGenerator* s) { return s->g->initial_seed(); },
          "The seed the stream started from.")
      .def(
          "seed", [](PyGenerator* s) { return s->g->seed(); },
          "Seeds from the operating system; returns the seed.")
      .def("get_state", &get_state, "The state as a uint8 tensor.")
      .def("set_state", &set_state, nb::arg("new_state"),
           "Continues from a state that get_state() returned.")
      .def("__getstate__", &get_state)
      .def("__setstate__",
           [](PyGenerator* s, const Tensor& t) {
             new (s) PyGenerator();
             set_state(s, t);
           })
      .def(
          "clone_state",
          [](PyGenerator* s) {
            auto g = std::make_unique<PyGenerator>();
            g->own = std::make_unique<Generator>(*s->g);
            g->g = g->own.get();
            return g.release();
          },
          nb::rv_policy::take_ownership, "A generator that continues the same stream.")
      .def_prop_ro("device", [](PyGenerator*) { return nb::steal(device_object(Device::Cpu)); });
  m.attr("default_generator") =
      nb::cast(new PyGenerator(default_generator()), nb::rv_policy::take_ownership);
}

}  // namespace lampas::py
