"""Mixed precision for CUDA under its old names; without a device, none of it is switched on.

>>> import warnings, lampas
>>> from lampas.cuda.amp import GradScaler
>>> with warnings.catch_warnings():
...     warnings.simplefilter("ignore")
...     GradScaler().is_enabled()
False
"""

from __future__ import annotations

from lampas.cuda.amp.autocast_mode import autocast, custom_bwd, custom_fwd
from lampas.cuda.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]
