"""Relative positions in windows, for Swin and MaxVit."""

from __future__ import annotations

import lampas
from lampas import Tensor


def relative_index(height: int, width: int) -> Tensor:
    """(h w, h w): for each two positions in a window, the row of a table of their differences.

    >>> relative_index(1, 2)
    tensor([[1, 0],
            [2, 1]])
    """
    rows = lampas.arange(height)[:, None].expand(height, width).reshape(-1)
    columns = lampas.arange(width).expand(height, width).reshape(-1)
    down = rows[:, None] - rows + height - 1
    right = columns[:, None] - columns + width - 1
    return down * (2 * width - 1) + right
