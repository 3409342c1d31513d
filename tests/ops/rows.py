"""All rows of the operator table."""

from __future__ import annotations

from . import table_binary, table_products, table_reduce, table_shapes, table_unary
from .table import Op

_FAMILIES = (table_unary, table_binary, table_reduce, table_shapes, table_products)

ROWS: list[Op] = [row for family in _FAMILIES for row in family.ROWS]
