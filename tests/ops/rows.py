"""All rows of the operator table."""

from __future__ import annotations

from . import table_binary, table_reduce, table_shapes, table_unary
from .table import Op

ROWS: list[Op] = [*table_unary.ROWS, *table_binary.ROWS, *table_reduce.ROWS, *table_shapes.ROWS]
