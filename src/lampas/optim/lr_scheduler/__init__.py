"""Learning-rate schedulers.

A scheduler changes the ``"lr"`` of an optimizer's parameter groups; call its ``step()`` once per
epoch (or batch), after the optimizer's.
"""

from __future__ import annotations

from lampas.optim.lr_scheduler._base import LRScheduler, _LRScheduler
from lampas.optim.lr_scheduler._combined import ChainedScheduler, SequentialLR
from lampas.optim.lr_scheduler._cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from lampas.optim.lr_scheduler._cyclic import CyclicLR
from lampas.optim.lr_scheduler._decay import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from lampas.optim.lr_scheduler._lambda import LambdaLR, MultiplicativeLR
from lampas.optim.lr_scheduler._one_cycle import OneCycleLR
from lampas.optim.lr_scheduler._plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

_ = _LRScheduler  # the old name of the base class, imported by programs from here
