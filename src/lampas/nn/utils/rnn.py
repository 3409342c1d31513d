"""Sequences of different lengths."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import lampas
from lampas._tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pad_packed_sequence",
    "pad_sequence", "unpad_sequence", "pack_sequence", "unpack_sequence",
]  # fmt: skip

_Fields = namedtuple(
    "_Fields", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"],
    defaults=[None, None, None],
)  # fmt: skip
_Fields.__name__ = "PackedSequence"


class PackedSequence(_Fields):
    """Sequences without padding: the first elements of all, then the second, and so on.

    Attributes:
        data: the elements, ``(sum of lengths, *)``.
        batch_sizes: how many sequences have an element at each step, int64.
        sorted_indices: the order of the sequences, longest first.
        unsorted_indices: the way back from it.

    :func:`pack_padded_sequence` and :func:`pack_sequence` make them.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError(
                    "PackedSequence: without batch_sizes, data must be a pair of data and "
                    "batch_sizes"
                )
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never "
                "be created manually. They should be instantiated by functions like "
                "pack_sequence and pack_padded_sequence in nn.utils.rnn."
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def pin_memory(self) -> PackedSequence:
        """Itself: there is no device to copy to."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With its data moved or cast as by ``Tensor.to``; itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cpu(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With its data on the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """Raises: there is no CUDA device."""
        return self.to(*args, device="cuda", **kwargs)

    def double(self) -> PackedSequence:
        """With float64 data."""
        return self.to(dtype=lampas.double)

    def float(self) -> PackedSequence:
        """With float32 data."""
        return self.to(dtype=lampas.float)

    def half(self) -> PackedSequence:
        """With float16 data."""
        return self.to(dtype=lampas.half)

    def long(self) -> PackedSequence:
        """With int64 data."""
        return self.to(dtype=lampas.long)

    def int(self) -> PackedSequence:
        """With int32 data."""
        return self.to(dtype=lampas.int)

    def short(self) -> PackedSequence:
        """With int16 data."""
        return self.to(dtype=lampas.short)

    def char(self) -> PackedSequence:
        """With int8 data."""
        return self.to(dtype=lampas.int8)

    def byte(self) -> PackedSequence:
        """With uint8 data."""
        return self.to(dtype=lampas.uint8)

    @property
    def is_cuda(self) -> bool:
        """Whether the data lies on a CUDA device."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """Whether the data lies in pinned memory."""
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another.

    Example:
        >>> import lampas
        >>> from lampas.nn.utils.rnn import invert_permutation
        >>> invert_permutation(lampas.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    order = lampas.arange(permutation.numel(), device=permutation.device)
    return lampas.empty_like(permutation).scatter_(0, permutation, order)


def pack_padded_sequence(
    input: Tensor,
    lengths: Tensor | list[int],
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Packs padded sequences.

    Args:
        input: ``(T, N, *)``, or ``(N, T, *)`` with ``batch_first``.
        lengths: how many elements each sequence has; on the CPU.
        batch_first: see ``input``.
        enforce_sorted: the sequences must come longest first; otherwise they are sorted.

    Raises:
        RuntimeError: for lengths that are unsorted, not positive or too long.

    Example:
        >>> import lampas
        >>> from lampas.nn.utils.rnn import pack_padded_sequence
        >>> x = lampas.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
        >>> p = pack_padded_sequence(x, [2, 1, 3], batch_first=True, enforce_sorted=False)
        >>> p.data
        tensor([4, 1, 3, 5, 2, 6])
        >>> p.batch_sizes
        tensor([3, 2, 1])
    """
    if not isinstance(lengths, Tensor):
        lengths = lampas.tensor(lengths, dtype=lampas.int64)
    lengths = lengths.to(lampas.int64)
    order = None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order.to(input.device))
    x = input.transpose(0, 1) if batch_first else input
    sizes = lengths.tolist()
    if lengths.dim() != 1 or len(sizes) != x.size(1):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={x.size(1)})"
        )
    if not sizes or min(sizes) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(a < b for a, b in pairwise(sizes)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if sizes[0] > x.size(0):
        raise RuntimeError(
            f"pack_padded_sequence: the longest length is {sizes[0]}, but the input has "
            f"{x.size(0)} steps"
        )
    steps = lampas.arange(sizes[0])
    present = steps.unsqueeze(1) < lengths.cpu()
    positions = present.flatten().nonzero().squeeze(1)
    data = x[: sizes[0]].flatten(0, 1).index_select(0, positions.to(x.device))
    return PackedSequence(data, present.sum(1), order, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undoes :func:`pack_padded_sequence`.

    Args:
        sequence: the packed sequences.
        batch_first: give ``(N, T, *)`` instead of ``(T, N, *)``.
        padding_value: what fills up the shorter ones.
        total_length: ``T``, at least the longest length.

    Returns:
        The padded sequences and their lengths.

    Raises:
        ValueError: if ``total_length`` is too small.
    """
    steps = sequence.batch_sizes.size(0)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being "
                f"{steps}"
            )
        steps = total_length
    data, sizes = sequence.data, sequence.batch_sizes
    batch = int(sizes[0])
    present = lampas.arange(batch) < sizes.unsqueeze(1)
    positions = present.flatten().nonzero().squeeze(1).to(data.device)
    flat = data.new_full((steps * batch, *data.shape[1:]), padding_value)
    padded = flat.index_copy(0, positions, data).unflatten(0, (steps, batch))
    lengths = present.sum(0)
    if sequence.unsorted_indices is not None:
        order = sequence.unsorted_indices
        padded = padded.index_select(1, order)
        lengths = lengths[order.cpu()]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Tensor | list[Tensor] | tuple[Tensor, ...],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of different lengths as one tensor.

    Args:
        sequences: tensors ``(length, *)``.
        batch_first: give ``(N, T, *)`` instead of ``(T, N, *)``.
        padding_value: what fills up the shorter ones.
        padding_side: ``"right"`` or ``"left"``.

    Example:
        >>> import lampas
        >>> from lampas.nn.utils.rnn import pad_sequence
        >>> pad_sequence([lampas.tensor([1, 2]), lampas.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.size(0) for s in sequences)
    rows = []
    for s in sequences:
        missing = longest - s.size(0)
        if missing:
            fill = s.new_full((missing, *s.shape[1:]), padding_value)
            s = lampas.cat([s, fill] if padding_side == "right" else [fill, s])
        rows.append(s)
    return lampas.stack(rows, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor without their padding."""
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n] for row, n in zip(x, lengths.tolist(), strict=False)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences ``(length, *)``; see :func:`pack_padded_sequence`."""
    lengths = lampas.tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a :class:`PackedSequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
