"""Comparing and making tensors in tests."""

from __future__ import annotations

from lampas.testing._compare import assert_allclose, assert_close
from lampas.testing._file_check import FileCheck
from lampas.testing._make import make_tensor

__all__ = ["FileCheck", "assert_allclose", "assert_close", "make_tensor"]
