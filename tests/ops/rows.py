"""All rows of the operator table."""

from __future__ import annotations

from . import (
    table_binary,
    table_fft,
    table_indexing,
    table_linalg,
    table_losses,
    table_masked,
    table_products,
    table_reduce,
    table_shapes,
    table_spatial,
    table_special,
    table_unary,
)
from .table import Op

_FAMILIES = (
    table_unary,
    table_binary,
    table_reduce,
    table_shapes,
    table_spatial,
    table_products,
    table_special,
    table_fft,
    table_indexing,
    table_linalg,
    table_losses,
    table_masked,
)

ROWS: list[Op] = [row for family in _FAMILIES for row in family.ROWS]
