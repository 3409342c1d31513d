"""Random numbers of CUDA devices: there are no devices, so no generators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lampas._tensor import Tensor
from lampas.cuda import current_device


def manual_seed(seed: int) -> None:
    """Nothing to seed; passed over, as PyTorch does without a device."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed; passed over, as PyTorch does without a device."""


def seed() -> None:
    """Nothing to seed; passed over, as PyTorch does without a device."""


def seed_all() -> None:
    """Nothing to seed; passed over, as PyTorch does without a device."""


def initial_seed() -> int:
    """Raises RuntimeError: there is no device."""
    current_device()
    return 0


def get_rng_state(device: Any = "cuda") -> Tensor:
    """Raises RuntimeError: there is no device."""
    current_device()
    return Tensor()


def get_rng_state_all() -> list[Tensor]:
    """Empty: the states of no devices."""
    return []


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Nothing to set; passed over, as PyTorch does without a device: checkpoints of other machines
    hold such states."""


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """As :func:`set_rng_state`, for each of them."""
