"""Operands of fewer elements than the result, of widths that take different paths."""

from __future__ import annotations

import numpy as np
import pytest

import lampas


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "float16"])
@pytest.mark.parametrize("cols", [1, 2, 40, 127, 128, 129, 700])
def test_columns_and_rows_broadcast(dtype: str, cols: int) -> None:
    x = np.random.default_rng(cols).integers(0, 50, (37, cols)).astype(dtype)
    given = lampas.tensor(x)
    np.testing.assert_array_equal((given + given[:, :1]).numpy(), x + x[:, :1])
    np.testing.assert_array_equal((given[:, -1:] - given).numpy(), x[:, -1:] - x)
    np.testing.assert_array_equal((given * given[5]).numpy(), x * x[5])
    np.testing.assert_array_equal((given[:, 1:] - given[:, :-1]).numpy(), x[:, 1:] - x[:, :-1])
