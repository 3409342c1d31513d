"""Memory for time: chosen parts of a model are computed again in the backward pass.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", https://arxiv.org/abs/1604.06174.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.function import Function
from lampas.utils._recompute import (
    CheckpointError,
    Frame,
    Surroundings,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "DefaultDeviceType",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_SELECTIVE = (
    "CheckpointPolicy", "SAC_IGNORED_OPS", "SelectiveCheckpointContext",
    "create_selective_checkpoint_contexts",
)  # fmt: skip


__all__ += _SELECTIVE


def __getattr__(name: str) -> Any:
    if name in _SELECTIVE:
        from lampas.utils import _selective

        return getattr(_selective, name)
    raise AttributeError(f"module 'lampas.utils.checkpoint' has no attribute {name!r}")


class DefaultDeviceType:
    """The kind of device whose random streams a checkpoint keeps where no argument tells it.

    >>> DefaultDeviceType.get_device_type()
    'cpu'
    """

    _kind = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Sets it.

        Raises:
            RuntimeError: no such kind of device.
        """
        DefaultDeviceType._kind = _C.device(device).type

    @staticmethod
    def get_device_type() -> str:
        """What was set, ``"cpu"`` at first."""
        return DefaultDeviceType._kind


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The accelerators that the tensors among `args` are on, and their random streams: none.

    >>> import lampas
    >>> get_device_states(lampas.ones(2))
    ([], [])
    """
    return [], []


def set_device_states(
    devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None
) -> None:
    """Puts the random streams of accelerators back.

    Args:
        devices: their numbers.
        states: a stream for each.
        device_type: their kind.

    Raises:
        RuntimeError: there are no such devices.
    """
    if len(devices) > 0 and (device_type or DefaultDeviceType.get_device_type()) not in (
        "cpu",
        "meta",
    ):
        raise RuntimeError(f"set_device_states(): there are no devices {list(devices)} here")


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors among `inputs` as leaves that require gradients where they did."""
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns if no tensor among `inputs` requires gradients."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None. Remedy: "
            "use_reentrant=False",
            stacklevel=3,
        )


class CheckpointFunction(Function):
    """The node of a reentrant checkpoint: its backward runs the function and another backward."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """The function's results, computed without a graph."""
        check_backward_validity(args)
        ctx.function, ctx.surroundings = run_function, Surroundings(preserve)
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients of the arguments; those of parameters go to their ``.grad``."""
        if not _C._reaches_all_leaves():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        args = list(ctx.args)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[i] = t
        detached = detach_variable(tuple(args))
        with ctx.surroundings.again():
            outputs = ctx.function(*detached)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        pairs = [
            (o, g) for o, g in zip(outputs, grads, strict=True)
            if isinstance(o, Tensor) and o.requires_grad
        ]  # fmt: skip
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        roots, given = [o for o, _ in pairs], [g for _, g in pairs]
        _C._backward(roots, given, (), False, False, True, False)
        return (None, None, *(a.grad if isinstance(a, Tensor) else None for a in detached))


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Contexts that do nothing, for forward and for the recomputation."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[
        [], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]
    ] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs) without keeping what its backward needs: it is computed again then.

    Args:
        function: what to run, twice; it must do the same both times.
        args: its arguments.
        use_reentrant: False records the graph as usual and computes what it saved again when it is
            needed: everything works, also keyword arguments, nested structures, `autograd.grad`
            and second derivatives. True runs a backward pass inside the backward pass. Say which.
        context_fn: makes the contexts of the forward call and of the recomputation.
        determinism_check: "default" compares shapes and dtypes of what both runs save, "none" does
            not.
        debug: an error lists all that was saved in both runs.
        early_stop: end the recomputation as soon as everything needed is there.
        kwargs: keyword arguments of `function`, and `preserve_rng_state` (True): the random stream
            is put back for the recomputation, so that dropout draws the same masks.

    Raises:
        CheckpointError: the recomputation saved other tensors than the forward call.
        ValueError: an argument that goes only with use_reentrant=False.

    >>> import lampas
    >>> x = lampas.ones(2, requires_grad=True)
    >>> checkpoint(lambda t: t.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> x.grad.shape
    torch.Size([2])
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended; use_reentrant=True keeps what happens now.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    forward, again = context_fn()
    if not _C.is_grad_enabled():
        with forward:
            return function(*args, **kwargs)
    frame = Frame(function, args, kwargs, preserve, again)
    frame.check, frame.debug, frame.early_stop = determinism_check == "default", debug, early_stop
    with frame.recording(), forward:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs a sequence of modules in `segments` parts, all but the last checkpointed.

    Args:
        functions: a Sequential, or a list of modules or functions of one argument.
        segments: the number of parts.
        input: what the first one is given.
        use_reentrant: see `checkpoint`.
        kwargs: `preserve_rng_state`, see `checkpoint`.

    >>> import lampas
    >>> model = lampas.nn.Sequential(lampas.nn.Linear(2, 2), lampas.nn.ReLU())
    >>> checkpoint_sequential(model, 2, lampas.ones(1, 2), use_reentrant=False).shape
    torch.Size([1, 2])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. use_reentrant=False is recommended; use_reentrant=True keeps what "
            "happens now.",
            stacklevel=2,
        )
        use_reentrant = True
    layers: Sequence[Any] = (
        list(functions.children()) if hasattr(functions, "children") else list(functions)
    )
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    size = len(layers) // segments

    def part(start: int, end: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for layer in layers[start:end]:
                x = layer(x)
            return x

        return forward

    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            part(start, start + size),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    begin = size * (segments - 1)
    return part(begin, len(layers))(input)
