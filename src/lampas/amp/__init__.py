"""Mixed precision: autocast, and loss scaling."""

from __future__ import annotations

from lampas.amp.autocast_mode import (
    _enter_autocast,
    _exit_autocast,
    autocast,
    custom_bwd,
    custom_fwd,
    is_autocast_available,
)
from lampas.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_ = _enter_autocast, _exit_autocast  # the functional form, used by tools that rewrite programs
