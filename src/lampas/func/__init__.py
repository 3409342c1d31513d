"""Function transforms: derivatives, vectorization, and modules as functions.

Each takes a function and gives another one; they nest in any order.

>>> import lampas
>>> from lampas.func import grad, vmap
>>> x = lampas.tensor([0.0, 1.0, 2.0])
>>> vmap(grad(lambda t: t**3))(x)
tensor([ 0.,  3., 12.])
"""

from __future__ import annotations

from lampas.func._derivatives import grad, grad_and_value, jvp, linearize, vjp
from lampas.func._jacobians import hessian, jacfwd, jacrev
from lampas.func._modules import (
    debug_unwrap,
    functional_call,
    functionalize,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from lampas.func._rearrange import rearrange
from lampas.func._vmap import vmap

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
    "jacfwd", "jacrev", "jvp", "linearize", "rearrange", "replace_all_batch_norm_modules_",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip
