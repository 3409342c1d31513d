"""How :func:`lampas.nn.functional.linear_cross_entropy` saves memory."""

from __future__ import annotations

from typing import Any

__all__ = ["LinearCrossEntropyOptions"]


class LinearCrossEntropyOptions:
    """Options of :func:`lampas.nn.functional.linear_cross_entropy`.

    Args:
        allow_retain_graph: accepted; every backward may be repeated here.
        batch_chunk_size: samples whose logits are computed at a time.
        chunking_method: ``"auto"``, ``"aspect_ratio"`` or ``"aspect_ratio:N"``: how to choose
            the number of samples; ``None`` to use ``batch_chunk_size``.
        acc_policy: ``"auto"``, ``"accurate"``, ``"balanced"`` or ``"compact"``; all accumulate
            in float32 at least here.
        acc_dtype: accepted; see ``acc_policy``.

    Raises:
        ValueError: for values outside these.

    Example:
        >>> from lampas import nn
        >>> nn.LinearCrossEntropyOptions(batch_chunk_size=8).chunk_size(32, 4, 100)
        8
    """

    __slots__ = (
        "acc_dtype",
        "acc_policy",
        "allow_retain_graph",
        "batch_chunk_size",
        "chunking_method",
    )

    def __init__(
        self,
        allow_retain_graph: bool = False,
        batch_chunk_size: int | None = None,
        chunking_method: str | None = "auto",
        acc_policy: str = "auto",
        acc_dtype: Any = None,
    ) -> None:
        if acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {acc_policy!r}")
        if chunking_method not in (None, "auto"):
            name, colon, factor = chunking_method.partition(":")
            valid = not colon or (factor.isdigit() and int(factor) > 0)
            if name != "aspect_ratio" or not valid:
                raise ValueError(f"invalid chunking_method: {chunking_method!r}")
        if batch_chunk_size is not None and (
            not isinstance(batch_chunk_size, int) or batch_chunk_size <= 0
        ):
            raise ValueError(
                f"batch_chunk_size must be positive int or None, got {batch_chunk_size!r}"
            )
        self.allow_retain_graph = allow_retain_graph
        self.batch_chunk_size = batch_chunk_size
        self.chunking_method = chunking_method
        self.acc_policy = acc_policy
        self.acc_dtype = acc_dtype

    def chunk_size(self, samples: int, in_features: int, classes: int) -> int:
        """How many samples to compute at a time: as many as make the logits of a part about as
        large as the input."""
        method = self.chunking_method
        if self.batch_chunk_size is not None:
            return max(1, min(self.batch_chunk_size, samples))
        if method is None:
            return max(1, samples)
        method = "aspect_ratio:2" if method == "auto" else method
        factor = int(method.partition(":")[2] or 1)
        ratio = -(-classes // max(in_features, 1))
        wanted = max(1, -(-samples // ratio))
        power = 1 << (wanted - 1).bit_length()
        return max(1, min(power // factor, samples))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"LinearCrossEntropyOptions({values})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinearCrossEntropyOptions) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))
