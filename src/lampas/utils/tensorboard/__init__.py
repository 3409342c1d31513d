"""Writing TensorBoard's event files, without TensorBoard."""

from __future__ import annotations

from lampas.utils.tensorboard.writer import SummaryWriter

__all__ = ["SummaryWriter"]
