"""Products of groups of matrices."""

from __future__ import annotations

from typing import Any

import lampas
from lampas._tensor import Tensor

__all__ = ["grouped_mm"]


def grouped_mm(
    mat_a: Tensor,
    mat_b: Tensor,
    *,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: Any = None,
) -> Tensor:
    """One product for each group, where groups may differ in size.

    Args:
        mat_a: ``(M, K)``, cut along ``M`` (or along ``K`` if ``mat_b`` is 2D too), or
            ``(groups, M, K)``.
        mat_b: ``(groups, K, N)``, or ``(K, N)``, cut along ``N`` (or ``K``).
        offs: where each group ends, int32.
        bias: added to each product.
        out_dtype: dtype of the result.

    Example:
        >>> import lampas
        >>> from lampas.nn import functional as F
        >>> ends = lampas.tensor([1, 3], dtype=lampas.int32)
        >>> F.grouped_mm(lampas.ones(3, 2), lampas.ones(2, 2, 4), offs=ends).shape
        torch.Size([3, 4])
    """
    if mat_a.dim() not in (2, 3) or mat_b.dim() not in (2, 3):
        raise RuntimeError(
            f"grouped_mm: mat_a and mat_b have to be 2 or 3 dimensional, got {mat_a.dim()} and "
            f"{mat_b.dim()}"
        )
    if mat_a.dim() == 3 and mat_b.dim() == 3:
        if offs is not None:
            raise RuntimeError("grouped_mm: offs go with a 2D operand; both are 3D")
        result = lampas.bmm(mat_a, mat_b)
    else:
        if offs is None:
            raise RuntimeError("grouped_mm: a 2D operand needs offs, the ends of its groups")
        result = _by_offsets(mat_a, mat_b, offs.tolist())
    result = result if bias is None else result + bias
    return result if out_dtype is None else result.to(out_dtype)


def _by_offsets(a: Tensor, b: Tensor, ends: list[int]) -> Tensor:
    spans = list(zip([0, *ends[:-1]], ends, strict=False))
    if a.dim() == 2 and b.dim() == 2:
        return lampas.stack([a[:, i:j] @ b[i:j] for i, j in spans])
    if a.dim() == 2:
        parts = [a[i:j] @ b[g] for g, (i, j) in enumerate(spans)]
        rest = a.size(0) - ends[-1]
        return lampas.cat([*parts, a.new_zeros((rest, b.size(-1)))])
    parts = [a[g] @ b[:, i:j] for g, (i, j) in enumerate(spans)]
    rest = b.size(1) - ends[-1]
    return lampas.cat([*parts, a.new_zeros((a.size(1), rest))], 1)
