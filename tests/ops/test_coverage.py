"""The table against reality: each operator has a row, or stands here with the reason why not."""

from __future__ import annotations

import importlib

import lampas
from lampas import _C
from lampas._library.index import FUNCTIONS, METHODS

from .rows import ROWS

# Answer with something other than tensors, or read one value.
_QUERIES = """
broadcast_shapes can_cast const_data_ptr data_ptr dense_dim dim dim_order element_size get_device
is_complex is_conj is_contiguous is_floating_point is_inference is_neg is_nonzero is_same_size
is_set_to is_signed is_storage is_tensor item ndimension nelement numel promote_types result_type
size storage_offset storage_type stride tolist typename
"""
# Take no tensor whose layout, gradient or type a row could vary.
_FACTORIES = """
as_tensor asarray empty empty_like empty_permuted empty_strided from_file from_numpy frombuffer
new_empty new_empty_strided new_full new_ones new_zeros ones range scalar_tensor tensor zeros
"""
# Random, or by way of random numbers: no reference computes the same values.
_RANDOM = """
alpha_dropout bernoulli binomial cauchy_ dropout exponential_ feature_alpha_dropout feature_dropout
geometric_ log_normal_ multinomial native_dropout normal pca_lowrank poisson rand rand_like randint
randint_like randn randn_like random_ randperm rrelu svd_lowrank uniform_
"""
# Change the tensor itself or its type alone.
_CONVERSIONS = """
bfloat16 bool byte cdouble cfloat char copy_ double float half int long requires_grad_ resize
resize_as set_ short to type_as zero_
"""
# Run a Python function, iterate to a tolerance, change rows in place, or are another operator for
# tensors that are dense, as all are: tests/surface/test_names.py.
_OF_THEIR_OWN = """
apply_ cond embedding_renorm_ hash_tensor lobpcg map_ map2_ module_load slice_inverse spmm to_dense
"""
_WITHOUT = set((_QUERIES + _FACTORIES + _RANDOM + _CONVERSIONS + _OF_THEIR_OWN).split())


def _declared() -> set[str]:
    """Every operator's name; the form that writes in place counts with the plain one."""
    native = {
        name
        for place in (vars(_C), vars(lampas.Tensor))
        for name, value in place.items()
        if not name.startswith("_") and getattr(value, "__signatures__", None)
    }
    names = native | set(FUNCTIONS) | set(METHODS)
    return {name.rstrip("_") if name.rstrip("_") in names else name for name in names}


# Where an operator may be found under the same short name.
_FLAT = ("", "Tensor", "nn.functional")


def _covered() -> set[str]:
    """Names below `lampas` and Tensor that a row stands for."""
    short = {op.short for op in ROWS if op.name.rpartition(".")[0] in _FLAT}
    short |= {alias for op in ROWS for alias in op.aliases if "." not in alias}
    return short | {f"{name}_" for name in short}


_NAMESPACES = ("special", "fft", "linalg", "signal.windows", "masked", "nn.functional")
# Operators of the namespaces without a row: random ones, and the forms that write in place.
_WITHOUT_IN_NAMESPACES = set(
    """
nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout1d nn.functional.dropout2d
nn.functional.dropout3d nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d
nn.functional.fractional_max_pool2d_with_indices nn.functional.fractional_max_pool3d
nn.functional.fractional_max_pool3d_with_indices nn.functional.gumbel_softmax nn.functional.rrelu
nn.functional.rrelu_ nn.functional.celu_ nn.functional.elu_ nn.functional.hardtanh_
nn.functional.leaky_relu_ nn.functional.relu_ nn.functional.selu_ nn.functional.threshold_
""".split()
)


def _in_namespaces() -> dict[str, object]:
    """Every operator of the namespaces by its dotted name."""
    found: dict[str, object] = {}
    for place in _NAMESPACES:
        module = importlib.import_module(f"lampas.{place}")
        public = getattr(module, "__all__", None)
        for name in public or dir(module):
            value = getattr(module, name)
            operator = callable(value) and not isinstance(value, type)
            if operator and (public or getattr(value, "__signatures__", None)):
                found[f"{place}.{name}"] = value
    return found


def test_every_operator_of_a_namespace_has_a_row_or_a_reason() -> None:
    functions = {id(op.function) for op in ROWS}
    names = {op.name for op in ROWS} | {alias for op in ROWS for alias in op.aliases}
    found = _in_namespaces()
    missing = {n for n, f in found.items() if id(f) not in functions and n not in names}
    assert _WITHOUT_IN_NAMESPACES <= set(found)
    assert not missing - _WITHOUT_IN_NAMESPACES, "add rows to tests/ops/table_*.py"
    assert not _WITHOUT_IN_NAMESPACES & names


def test_every_operator_has_a_row_or_a_reason() -> None:
    missing = _declared() - _covered() - _WITHOUT
    assert not missing, f"add a row to tests/ops/table_*.py for {sorted(missing)}"


def test_what_has_a_row_needs_no_reason() -> None:
    assert not _WITHOUT & _covered()


def test_reasons_are_for_operators_that_exist() -> None:
    assert _WITHOUT <= _declared()


def test_no_operator_has_two_rows() -> None:
    names = [op.name for op in ROWS]
    assert len(names) == len(set(names))
