"""Recurrent layers: the core's steps for floats, and steps in public operators for all else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import lampas
from lampas import _C
from lampas._C import dropout, linear
from lampas._tensor import Tensor

__all__ = ["gru", "lstm", "rnn_relu", "rnn_tanh"]

# One step: the input's part of the gates, the state so far, and the weights.
Step = Callable[..., tuple[Tensor, ...]]


def _simple(activation: Callable[[Tensor], Tensor]) -> Step:
    def step(gates: Tensor, state: tuple[Tensor, ...], w: Tensor, b: Any, w_hr: Any) -> Any:
        return (activation(gates + linear(state[0], w, b)),)

    return step


_tanh_step = _simple(lambda x: x.tanh())
_relu_step = _simple(lambda x: x.relu())


def _gru_step(gates: Tensor, state: tuple[Tensor, ...], w: Tensor, b: Any, w_hr: Any) -> Any:
    h = state[0]
    reset_x, update_x, new_x = gates.chunk(3, -1)
    reset_h, update_h, new_h = linear(h, w, b).chunk(3, -1)
    update = (update_x + update_h).sigmoid()
    new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
    return (new + update * (h - new),)


def _lstm_step(gates: Tensor, state: tuple[Tensor, ...], w: Tensor, b: Any, w_hr: Any) -> Any:
    h, c = state
    take, keep, new, show = (gates + linear(h, w, b)).chunk(4, -1)
    c = keep.sigmoid() * c + take.sigmoid() * new.tanh()
    h = show.sigmoid() * c.tanh()
    return (h if w_hr is None else linear(h, w_hr)), c


# ---- sequences -------------------------------------------------------------------------------

_CELLS = {_tanh_step: "tanh", _relu_step: "relu", _gru_step: "gru", _lstm_step: "lstm"}


def _run(
    step: Step, x: Tensor, sizes: list[int] | None, state: tuple[Tensor, ...], weights: list[Any],
    backward: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:  # fmt: skip
    """One layer in one direction. ``sizes``: how many samples each step of packed data has."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    gates = linear(x, w_ih, b_ih)
    tensors = [gates, *state, w_hh, *([] if b_hh is None else [b_hh])]
    plain = w_hr is None and gates.dtype in (lampas.float32, lampas.float64) and all(
        type(t) in (Tensor, lampas.nn.Parameter) and t.dtype == gates.dtype and not t.is_meta
        for t in tensors
    )  # fmt: skip
    if not plain:
        return _composed(step, gates, sizes, state, w_hh, b_hh, w_hr, backward)
    rows = sizes if sizes is not None else [gates.size(1)] * gates.size(0)
    cell = _CELLS[step]
    h, c = state if len(state) == 2 else (state[0], None)
    flat = gates if sizes is not None else gates.reshape(-1, gates.size(-1))
    if lampas.is_grad_enabled() and any(t.requires_grad for t in tensors):
        out, *after = _with_gradients()(flat, h, c, w_hh, b_hh, step, (cell, rows, backward))
    else:
        out, *after = _C._recurrent(flat.detach(), cell, rows, backward, h, c, w_hh, b_hh)[
            : 1 + len(state)
        ]
    if sizes is None:
        out = out.reshape(*gates.shape[:2], -1)
    return out, tuple(after)


@functools.cache
def _with_gradients() -> Callable[..., Any]:
    from lampas.autograd import Function, grad

    class Recurrent(Function):
        @staticmethod
        def forward(
            ctx: Any, gates: Tensor, h: Tensor, c: Any, w: Tensor, b: Any, step: Step, how: Any
        ) -> Any:
            cell, sizes, backward = how
            result = _C._recurrent(gates, cell, sizes, backward, h, c, w, b)
            out, h_after, c_after, act, inner = result
            ctx.save_for_backward(gates, h, c, w, b, act, inner, out)
            ctx.step, ctx.how = step, how
            ctx.set_materialize_grads(False)
            return (out, h_after) if c is None else (out, h_after, c_after)

        @staticmethod
        def backward(ctx: Any, g_out: Any, g_h: Any, g_c: Any = None) -> Any:
            gates, h, c, w, b, act, inner, out = ctx.saved_tensors
            cell, sizes, backward = ctx.how
            if not lampas.is_grad_enabled():
                found = _C._recurrent_backward(
                    act, inner, out, g_out, g_h, g_c, cell, sizes, backward, h, c, w, b
                )
                return *found, None, None
            # For second derivatives, in public operators.
            state = (h,) if c is None else (h, c)
            y, after = _composed(ctx.step, gates, sizes, state, w, b, None, backward)
            given = zip((y, *after), (g_out, g_h, g_c), strict=False)
            pairs = [(r, g) for r, g in given if g is not None]
            wanted = ctx.needs_input_grad[:5]
            of = [t for t, want in zip((gates, h, c, w, b), wanted, strict=True) if want]
            first = iter(
                grad(
                    [r for r, _ in pairs], of, [g for _, g in pairs],
                    create_graph=True, allow_unused=True,
                )
            )  # fmt: skip
            return *(next(first) if want else None for want in wanted), None, None

    return Recurrent.apply


def _composed(
    step: Step, gates: Tensor, sizes: list[int] | None, state: tuple[Tensor, ...], w_hh: Tensor,
    b_hh: Any, w_hr: Any, backward: bool,
) -> tuple[Tensor, tuple[Tensor, ...]]:  # fmt: skip
    steps = list(gates.split(sizes)) if sizes is not None else list(gates.unbind(0))
    outputs: list[Tensor] = []
    whole = state
    # Samples that have ended (or, backwards, not begun) keep their state.
    for t in reversed(range(len(steps))) if backward else range(len(steps)):
        n = steps[t].size(0)
        now = tuple(s[:n] for s in whole)
        new = step(steps[t], now, w_hh, b_hh, w_hr)
        if n == whole[0].size(0):
            whole = new
        else:
            whole = tuple(lampas.cat([a, b[n:]]) for a, b in zip(new, whole, strict=True))
        outputs.append(new[0])
    outputs = outputs[::-1] if backward else outputs
    if not outputs:
        return gates.new_zeros((0, *state[0].shape)), whole
    return (lampas.cat(outputs) if sizes is not None else lampas.stack(outputs)), whole


def _grouped(params: Any, has_biases: bool, projected: bool) -> list[list[Any]]:
    size = 2 + 2 * has_biases + projected
    groups = [list(params[i : i + size]) for i in range(0, len(params), size)]
    for g in groups:
        w_hr = g.pop() if projected else None
        g += [None, None] * (not has_biases) + [w_hr]
    return groups


def _layers(
    step: Step, x: Tensor, sizes: list[int] | None, hx: tuple[Tensor, ...], params: Any,
    has_biases: bool, num_layers: int, rate: float, train: bool, bidirectional: bool,
) -> tuple[Tensor, ...]:  # fmt: skip
    directions = 2 if bidirectional else 1
    per_layer = len(params) // (num_layers * directions)
    groups = _grouped(params, has_biases, per_layer in (3, 5))
    finals: list[tuple[Tensor, ...]] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            i = layer * directions + direction
            state = tuple(h[i] for h in hx)
            output, final = _run(step, x, sizes, state, groups[i], direction == 1)
            outputs.append(output)
            finals.append(final)
        x = outputs[0] if directions == 1 else lampas.cat(outputs, -1)
        if rate and train and layer < num_layers - 1:
            x = dropout(x, rate, True)
    return (x, *(lampas.stack(list(h)) for h in zip(*finals, strict=True)))


def _sequence(step: Step, args: tuple[Any, ...], kwargs: dict[str, Any], pair: bool) -> Any:
    """Both forms of the call: with ``batch_first`` at the end, or with batch sizes second."""
    names = ("has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
    packed = "batch_sizes" in kwargs or (
        len(args) > 3 and isinstance(args[3], (list, tuple)) and isinstance(args[1], Tensor)
    )
    first = ("data", "batch_sizes", "hx", "params") if packed else ("input", "hx", "params")
    given = {**dict(zip((*first, *names), args, strict=False)), **kwargs}
    hx = tuple(given["hx"]) if pair else (given["hx"],)
    options = [given[name] for name in ("params", *names[:5])]
    data, short = given[first[0]], _C.autocast_dtype()
    if pair and short is not None and data.dtype != lampas.float64:  # the whole of an LSTM is cast
        data, hx = data.to(short), tuple(h.to(short) for h in hx)
        options[0] = [w.to(short) for w in options[0]]
    if packed:
        sizes = given["batch_sizes"].tolist()
        return _layers(step, data, sizes, hx, *options)
    x = data.transpose(0, 1) if given["batch_first"] else data
    output, *state = _layers(step, x, None, hx, *options)
    return (output.transpose(0, 1) if given["batch_first"] else output), *state


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """``(input, hx, params, has_biases, num_layers, dropout, train, bidirectional,
    batch_first)``, or ``(data, batch_sizes, hx, params, …, bidirectional)`` for packed data, to
    output, hidden and cell state."""
    return _sequence(_lstm_step, args, kwargs, pair=True)


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """As :func:`lstm`, with one state."""
    return _sequence(_gru_step, args, kwargs, pair=False)


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """As :func:`lstm`, with one state."""
    return _sequence(_tanh_step, args, kwargs, pair=False)


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """As :func:`lstm`, with one state."""
    return _sequence(_relu_step, args, kwargs, pair=False)
