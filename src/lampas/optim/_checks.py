"""Checks that the optimizers' constructors share."""

from __future__ import annotations

from typing import Any

from lampas._tensor import Tensor

__all__ = ["check_betas", "check_lr", "check_modes", "check_not_negative"]


def check_lr(name: str, lr: Any) -> None:
    """ValueError unless `lr` is a number, or a tensor of one element, and not negative."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(
            f"{name}: Tensor lr must be 1-element, but has shape {list(lr.shape)}; "
            "give parameters learning rates of their own through parameter groups"
        )
    if not lr >= 0.0:
        raise ValueError(f"{name}: Invalid learning rate: {lr}; it must not be negative")


def check_not_negative(name: str, **options: Any) -> None:
    """ValueError naming the first option below zero (or not a number at all)."""
    for option, value in options.items():
        if not value >= 0.0:
            word = "epsilon" if option == "eps" else option
            raise ValueError(f"{name}: Invalid {word} value: {value}; it must not be negative")


def check_betas(name: str, betas: Any) -> None:
    """ValueError unless both decay rates lie in [0, 1)."""
    for i in range(2):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(
                f"{name}: Invalid beta parameter at index {i}: {betas[i]}; it must lie in [0, 1)"
            )


def check_modes(name: str, fused: Any, foreach: Any, differentiable: Any) -> None:
    """RuntimeError for implementations that were asked for together and exclude each other."""
    if fused and differentiable:
        raise RuntimeError(f"{name}: `fused` does not support `differentiable`; choose one")
    if fused and foreach:
        raise RuntimeError(f"{name}: `fused` and `foreach` cannot be `True` together; choose one")
