"""Checkpoints that are not reentrant: what the graph saves is computed again when it is needed.

The forward call runs as usual, but each tensor that it would save is replaced by a `_Holder`. The
first holder whose value a backward pass asks for runs the function again, which saves the same
tensors in the same order.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from lampas import _C
from lampas._tensor import Tensor
from lampas.autograd.function import Function
from lampas.autograd.graph import saved_tensors_hooks

_early_stop: bool | None = None  # None: as each checkpoint says
_debug: bool | None = None


class CheckpointError(RuntimeError):
    """The recomputation did not do what the forward call did."""


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within the ``with`` block: whether recomputations end once all that is needed is there."""
    global _early_stop
    before, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Within the ``with`` block: whether errors list all that was saved; None: as each says."""
    global _debug
    before, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = before


class Surroundings:
    """The random stream and the autocast settings of the forward call."""

    def __init__(self, preserve_rng_state: bool) -> None:
        from lampas.amp import _state

        self.autocast = _state.snapshot()
        self.stream = _C.default_generator.get_state() if preserve_rng_state else None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Puts them back, with gradients recorded."""
        from lampas.amp import _state

        now = None
        if self.stream is not None:
            now = _C.default_generator.get_state()
            _C.default_generator.set_state(self.stream)
        before = _C._set_grad_enabled(True)
        try:
            with _state.restored(self.autocast):
                yield
        finally:
            _C._set_grad_enabled(before)
            if now is not None:
                _C.default_generator.set_state(now)


class _SaveInputs(Function):
    """Saves tensors without doing anything, so that hooks around the checkpoint see them."""

    @staticmethod
    def forward(ctx: Any, box: list[Any], trigger: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        box.append(ctx)
        return trigger.detach()

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise AssertionError("nothing depends on this node")


class _Stop(Exception):
    """Everything that is needed has been computed."""


class _Holder:
    """Stands in the graph for the index-th tensor that the forward call saved."""

    __slots__ = ("__weakref__", "about", "frame", "index")

    def __init__(self, frame: Frame, index: int, value: Tensor) -> None:
        self.frame, self.index, self.about = frame, index, _about(value)


def _about(t: Tensor) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


class Frame:
    """One checkpointed call."""

    check = True
    debug = False
    early_stop = True

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve_rng_state: bool,
        context: AbstractContextManager[Any],
    ) -> None:
        self.function, self.context = function, context
        self.surroundings = Surroundings(preserve_rng_state)
        self.holders: list[weakref.ref[_Holder]] = []
        self.about: list[dict[str, Any]] = []
        self.complete = False
        self.pass_number = 0
        self.values: dict[int, Tensor] = {}
        self._keep(args, kwargs)

    def _keep(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        names = [n for n, a in kwargs.items() if isinstance(a, Tensor)]
        tensors = [args[i] for i in places] + [kwargs[n] for n in names]
        box: list[Any] = []
        # The result keeps the node, and with it what it saved, alive.
        self._anchor = _SaveInputs.apply(box, _C.empty(0, requires_grad=True), *tensors)
        self._saved = box[0]
        self._places, self._names = places, names
        self._args = [None if isinstance(a, Tensor) else a for a in args]
        self._kwargs = {n: None if isinstance(a, Tensor) else a for n, a in kwargs.items()}

    def _arguments(self) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs, tensors = list(self._args), dict(self._kwargs), self._saved.saved_tensors
        for i, t in zip(self._places, tensors, strict=False):
            args[i] = t
        for n, t in zip(self._names, tensors[len(self._places) :], strict=True):
            kwargs[n] = t
        return args, kwargs

    # ---- forward ------------------------------------------------------------------------------
    @contextmanager
    def recording(self) -> Iterator[None]:
        """Around the forward call."""
        if _early_stop is not None:
            self.early_stop = _early_stop
        if _debug is not None:
            self.debug = _debug
        with saved_tensors_hooks(self._hold, _give):
            yield
        self.complete = True

    def _hold(self, value: Tensor) -> _Holder:
        holder = _Holder(self, len(self.holders), value)
        self.holders.append(weakref.ref(holder))
        self.about.append(holder.about)
        return holder

    # ---- backward -----------------------------------------------------------------------------
    def value_of(self, index: int) -> Tensor:
        """The tensor of that index; runs the function again if it is not there."""
        number = _C._current_pass()
        if number != self.pass_number or index not in self.values:
            self.values = {}
            self.pass_number = number
            self._run_again()
        return self.values.pop(index)

    def _run_again(self) -> None:
        seen: list[dict[str, Any]] = []

        def collect(value: Tensor) -> Tensor:
            index = len(seen)
            seen.append(_about(value))
            if index < len(self.holders) and self.holders[index]() is not None:
                self.values[index] = value
            if self.early_stop and self.complete and len(seen) == len(self.holders):
                raise _Stop
            return value

        args, kwargs = self._arguments()
        try:
            with self.surroundings.again(), saved_tensors_hooks(collect, lambda t: t), self.context:
                self.function(*args, **kwargs)
        except _Stop:
            pass
        self._compare(seen)

    def _compare(self, seen: list[dict[str, Any]]) -> None:
        if self.complete and len(seen) != len(self.about):
            self._fail(
                "A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.about)}\n"
                f"Number of tensors saved during recomputation: {len(seen)}.",
                seen,
            )
        if not self.check:
            return
        other = [i for i, (a, b) in enumerate(zip(self.about, seen, strict=False)) if a != b]
        if other:
            lines = [
                f"tensor at position {i}:\nsaved metadata: {self.about[i]}\n"
                f"recomputed metadata: {seen[i]}"
                for i in other
            ]
            self._fail(
                "Recomputed values for the following tensors have different metadata than during "
                "the forward pass.\n" + "\n".join(lines),
                seen,
            )

    def _fail(self, why: str, seen: list[dict[str, Any]]) -> None:
        self.values = {}
        hint = "\nRemedy: the function must do the same each time it runs: no counters, no state."
        if self.debug:
            lists = "".join(
                f"\n{name}:" + "".join(f"\n  {i}: {about}" for i, about in enumerate(all_of))
                for name, all_of in (("Saved in forward", self.about), ("Saved again", seen))
            )
            hint += lists
        else:
            hint += " Pass debug=True to checkpoint() to see all that was saved."
        raise CheckpointError("torch.utils.checkpoint: " + why + hint)


def _give(holder: _Holder) -> Tensor:
    return holder.frame.value_of(holder.index)
