"""Loss scaling, which keeps small gradients from vanishing in float16."""

from __future__ import annotations

import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any

import lampas
from lampas._tensor import Tensor

if TYPE_CHECKING:
    from lampas.optim.optimizer import Optimizer

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer has come since the last :meth:`GradScaler.update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Multiplies losses by a scale that adapts: it grows while gradients stay finite.

    Args:
        device: ``"cpu"``; on ``"cuda"``, the default, the scaler is disabled.
        init_scale: the scale at the start.
        growth_factor: factor of the scale after `growth_interval` good steps, above 1.
        backoff_factor: factor of the scale after a step with infinite gradients, below 1.
        growth_interval: see above.
        enabled: whether to do anything at all.

    Raises:
        AssertionError: a factor lies outside its range.

    Example:
        >>> import lampas
        >>> w = lampas.tensor([2.0], requires_grad=True)
        >>> optimizer = lampas.optim.SGD([w], lr=0.5)
        >>> scaler = lampas.amp.GradScaler("cpu", init_scale=1024.0)
        >>> scaler.scale((w * w).sum()).backward()
        >>> w.grad
        tensor([4096.])
        >>> scaler.step(optimizer)
        >>> scaler.update()
        >>> w
        tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device == "cuda":
            warnings.warn(
                "GradScaler is enabled, but CUDA is not available.  Disabling; for the CPU say "
                "device='cpu'.",
                stacklevel=2,
            )
            enabled = False
        self._device = device
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError(f"The growth factor must be > 1.0, but is {growth_factor}.")
        if backoff_factor >= 1.0:
            raise AssertionError(f"The backoff factor must be < 1.0, but is {backoff_factor}.")
        self._init_scale = init_scale
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._stages: dict[int, OptState] = {}
        self._found_inf: dict[int, float] = {}

    # ---- the loop: scale, step, update ----------------------------------------------------------
    def scale(self, outputs: Any) -> Any:
        """Multiplies a tensor, or each of an iterable of tensors, by the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = lampas.full((), self._init_scale, dtype=lampas.float32)
                self._growth_tracker = lampas.full(
                    (), self._init_growth_tracker, dtype=lampas.int32
                )
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(value) for value in outputs)
        try:
            values = iter(outputs)
        except TypeError:
            raise ValueError(
                f"GradScaler.scale: outputs must be a Tensor or an iterable of Tensors, but got "
                f"{type(outputs).__name__}"
            ) from None
        return map(self.scale, values)

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divides the gradients by the scale now, so that they can be clipped before the step.

        Raises:
            RuntimeError: called twice, or after :meth:`step`, since the last :meth:`update`.
        """
        if not self._enabled:
            return
        scale, _ = self._initialised("unscale_")
        stage = self._stages.get(id(optimizer), OptState.READY)
        if stage is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = float(lampas.tensor(1.0 / scale.item(), dtype=lampas.float32))
        found = False
        with lampas.no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if p.grad.dtype == lampas.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    found |= not bool(lampas.isfinite(p.grad).all())
                    p.grad.mul_(inverse)
        self._found_inf[id(optimizer)] = float(found)
        self._stages[id(optimizer)] = OptState.UNSCALED

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Unscales the gradients if need be, and makes the step if they are finite.

        Returns:
            What ``optimizer.step`` returned; None if there was no step.

        Raises:
            RuntimeError: a closure, or a second step since the last :meth:`update`.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._initialised("step")
        key = id(optimizer)
        if self._stages.get(key) is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if self._stages.get(key) is not OptState.UNSCALED:
            self.unscale_(optimizer)
        result = None
        if not self._found_inf[key]:
            result = optimizer.step(*args, **kwargs)
        self._stages[key] = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapts the scale; call it once, after all optimizers' steps.

        Args:
            new_scale: set the scale to this instead.
        """
        if not self._enabled:
            return
        scale, tracker = self._initialised("update")
        if new_scale is not None:
            if isinstance(new_scale, Tensor) and (
                new_scale.numel() != 1 or new_scale.requires_grad
            ):
                raise AssertionError(
                    "GradScaler.update: new_scale should be a float or a 1-element tensor with "
                    "requires_grad=False."
                )
            scale.fill_(float(new_scale))
        elif not self._found_inf:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._found_inf.values()):
            scale.mul_(self._backoff_factor)
            tracker.fill_(0)
        elif tracker.item() + 1 == self._growth_interval:
            grown = scale * self._growth_factor
            if bool(lampas.isfinite(grown)):
                scale.copy_(grown)
            tracker.fill_(0)
        else:
            tracker.add_(1)
        self._stages.clear()
        self._found_inf.clear()

    def _initialised(self, caller: str) -> tuple[Tensor, Tensor]:
        if self._scale is None or self._growth_tracker is None:
            raise AssertionError(
                f"Attempted {caller} but _scale is None.  This may indicate your script did not "
                "use scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale, self._growth_tracker

    # ---- settings -----------------------------------------------------------------------------
    def get_scale(self) -> float:
        """The scale; 1.0 if disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def get_growth_factor(self) -> float:
        """The factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor of the scale after infinite gradients."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets the factor of the scale after infinite gradients."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps let the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets how many good steps let the scale grow."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        if self._growth_tracker is None:
            return self._init_growth_tracker
        return int(self._growth_tracker.item())

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    # ---- saving and loading -------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Scale, factors and counter; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` returned; does nothing if disabled.

        Raises:
            RuntimeError: the state is that of a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._stages:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, "
                    "or at the end after scaler.update()."
                )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state
