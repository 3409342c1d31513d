"""The types of results that have several named tensors: ``lampas.return_types.max``.

>>> import lampas
>>> isinstance(lampas.max(lampas.ones(2, 2), 0), lampas.return_types.max)
True
"""

from __future__ import annotations

import importlib
from typing import Any

from lampas import _C

# Types are made when an operator first returns one; these calls see to it.
_OF_A_DIMENSION = (
    "cummax", "cummin", "kthvalue", "max", "median", "min", "mode", "nanmedian", "sort", "topk",
)  # fmt: skip
_LINALG = {
    "linalg_eig": "eig", "linalg_eigh": "eigh", "linalg_qr": "qr", "linalg_slogdet": "slogdet",
    "linalg_svd": "svd", "linalg_lu": "lu", "linalg_lu_factor": "lu_factor",
    "linalg_lstsq": "lstsq", "linalg_cholesky_ex": "cholesky_ex", "linalg_inv_ex": "inv_ex",
    "linalg_solve_ex": "solve_ex", "linalg_ldl_factor": "ldl_factor",
    "linalg_ldl_factor_ex": "ldl_factor_ex", "linalg_lu_factor_ex": "lu_factor_ex",
}  # fmt: skip
_TWO = {"linalg_lstsq", "linalg_solve_ex"}


def _make(name: str) -> None:
    lampas = importlib.import_module("lampas")
    x = _C.ones([1, 1])
    if name in _OF_A_DIMENSION:
        getattr(x, name)(*((1, 0) if name in ("kthvalue", "topk") else (0,)))
    elif name in ("aminmax", "frexp", "qr", "geqrf", "slogdet", "svd", "triangular_solve"):
        getattr(x, name)(*([x] if name == "triangular_solve" else []))
    elif name in _LINALG:
        getattr(lampas.linalg, _LINALG[name])(*([x, x] if name in _TWO else [x]))


def __getattr__(name: str) -> Any:
    if name not in _C._return_types and not name.startswith("_"):
        _make(name)
    try:
        return _C._return_types[name]
    except KeyError:
        raise AttributeError(
            f"module 'lampas.return_types' has no attribute {name!r}; it has those of operators "
            "that name their results, 'max' say"
        ) from None


def __dir__() -> list[str]:
    return sorted({*_C._return_types, *_OF_A_DIMENSION, *_LINALG, "aminmax", "frexp"})
