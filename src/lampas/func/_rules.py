"""Which rule computes which operator for a whole batch.

A rule is called with the operator, the level, and the call's own arguments. It returns tensors
whose dimension 0 is the batch, or NotImplemented: then the operator runs once for each sample.
That is right for every operator, so only those that programs use a lot need a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas.func import (
    _rules_elementwise,
    _rules_index,
    _rules_nn,
    _rules_products,
    _rules_reductions,
    _rules_shapes,
)

# Answered from shape and dtype of a sample.
META = frozenset({
    "can_cast", "dim", "element_size", "is_complex", "is_conj", "is_contiguous",
    "is_floating_point", "is_inference", "is_neg", "is_signed", "ndimension", "nelement", "numel",
    "promote_types", "result_type", "size", "storage_offset", "stride",
})  # fmt: skip
# Their results depend on values in a way that no batch can hold.
UNREADABLE = frozenset({
    "allclose", "argwhere", "data_ptr", "equal", "item", "masked_select", "nonzero", "tolist",
    "unique", "unique_consecutive",
})  # fmt: skip

RULES: dict[str, Callable[..., Any]] = {
    **_rules_elementwise.RULES,
    **_rules_shapes.RULES,
    **_rules_reductions.RULES,
    **_rules_products.RULES,
    **_rules_index.RULES,
    **_rules_nn.RULES,
}
