"""Data parallelism over the devices of one machine.

There is one device, the CPU, whose cores every operation uses already. What programs call to
spread work over several devices therefore runs it on this one.
"""

from __future__ import annotations

from typing import Any

import lampas
from lampas._tensor import Tensor

from .modules.module import Module

__all__ = ["DataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter"]


def scatter(inputs: Any, target_gpus: Any, dim: int = 0) -> list[Any]:
    """Splits tensors, also inside containers, along ``dim`` for several devices.

    Example:
        >>> import lampas
        >>> from lampas.nn.parallel import scatter
        >>> scatter(lampas.arange(4), ["cpu", "cpu"])
        [tensor([0, 1]), tensor([2, 3])]
    """
    n = len(target_gpus)
    if isinstance(inputs, Tensor):
        return list(inputs.chunk(n, dim))
    if isinstance(inputs, dict):
        parts = [scatter(v, target_gpus, dim) for v in inputs.values()]
        rows = [zip(inputs, values, strict=True) for values in zip(*parts, strict=False)]
        return [type(inputs)(row) for row in rows] or [{} for _ in range(n)]
    if isinstance(inputs, (list, tuple)) and inputs:
        columns = [scatter(v, target_gpus, dim) for v in inputs]
        named = hasattr(inputs, "_fields")
        return [
            type(inputs)(*row) if named else type(inputs)(row)
            for row in zip(*columns, strict=False)
        ]
    return [inputs] * n


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Joins the results of several devices along ``dim``."""
    first = outputs[0]
    if isinstance(first, Tensor):
        if first.dim() == 0:
            return lampas.stack(list(outputs))
        return lampas.cat(list(outputs), dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if not all(len(first) == len(o) for o in outputs):
            raise ValueError("All dicts must have the same number of keys")
        joined = {k: gather([o[k] for o in outputs], target_device, dim) for k in first}
        return type(first)(joined)
    parts = [gather(list(values), target_device, dim) for values in zip(*outputs, strict=False)]
    return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)


def replicate(network: Module, devices: Any, detach: bool = False) -> list[Module]:
    """One module for each device: the same, as all devices are the CPU."""
    return [network for _ in devices]


def parallel_apply(
    modules: Any, inputs: Any, kwargs_tup: Any = None, devices: Any = None
) -> list[Any]:
    """Calls each module with its inputs."""
    if len(modules) != len(inputs):
        raise AssertionError(
            f"The number of modules {len(modules)} is not equal to the number of inputs "
            f"{len(inputs)}"
        )
    kwargs_tup = [{}] * len(modules) if kwargs_tup is None else kwargs_tup
    return [
        module(*(args if isinstance(args, (list, tuple)) else (args,)), **kwargs)
        for module, args, kwargs in zip(modules, inputs, kwargs_tup, strict=False)
    ]


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Calls the module with the whole batch."""
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))


class DataParallel(Module):
    """A module that would run on several devices; on one it calls the module it holds.

    Args:
        module: what to call; in ``state_dict`` its names begin with ``module.``.
        device_ids: accepted.
        output_device: accepted.
        dim: accepted.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> nn.DataParallel(nn.Linear(3, 2))(lampas.ones(4, 3)).shape
        torch.Size([4, 2])
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
