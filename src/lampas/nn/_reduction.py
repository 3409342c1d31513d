"""How losses are combined over a batch."""

from __future__ import annotations

from typing import Any


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """The ``reduction`` that the two older arguments mean."""
    average = size_average is None or bool(size_average)
    if reduce is not None and not reduce:
        reduction = "none"
    else:
        reduction = "mean" if average else "sum"
    if emit_warning:
        import warnings

        warnings.warn(
            "size_average and reduce args will be deprecated, "
            f"please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    return reduction


def resolve(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless one of the two older arguments is given."""
    if size_average is None and reduce is None:
        return reduction
    return legacy_get_string(size_average, reduce)


def reduce_loss(loss: Any, reduction: str) -> Any:
    """The loss per element, its mean or its sum.

    Raises:
        ValueError: for any other ``reduction``.
    """
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")
