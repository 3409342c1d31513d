"""Loss scaling for CUDA: ``torch.amp.GradScaler("cuda", …)``."""

from __future__ import annotations

from lampas import amp
from lampas.cuda.amp.autocast_mode import _deprecated

__all__ = ["GradScaler"]


class GradScaler(amp.GradScaler):
    """``torch.amp.GradScaler("cuda", ...)``; without a device it warns and stays off.

    Args:
        init_scale: the first factor.
        growth_factor: what it is multiplied by after enough good steps.
        backoff_factor: what it is multiplied by after a bad one.
        growth_interval: how many good steps are enough.
        enabled: whether to be on.
    """

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler(args...)", "torch.amp.GradScaler('cuda', args...)")
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
