"""Recurrent layers and cells against their formulas in NumPy, packed sequences, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.nn.utils import rnn as R

Array = Any
LENGTHS = [2, 5, 4]
X = lampas.arange(5 * 3 * 4, dtype=lampas.float64).reshape(5, 3, 4).sin()


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def cell(mode: str, x: Array, state: tuple[Array, ...], w: dict[str, Array]) -> tuple[Array, ...]:
    """One step by the formulas in the layers' documentation."""
    gi, gh = x @ w["weight_ih"].T + w["bias_ih"], state[0] @ w["weight_hh"].T + w["bias_hh"]
    if mode == "tanh":
        return (np.tanh(gi + gh),)
    if mode == "relu":
        return (np.maximum(gi + gh, 0),)
    if mode == "GRU":
        (ri, zi, ni), (rh, zh, nh) = np.split(gi, 3), np.split(gh, 3)
        z, n = sigmoid(zi + zh), np.tanh(ni + sigmoid(ri + rh) * nh)
        return ((1 - z) * n + z * state[0],)
    i, f, g, o = np.split(gi + gh, 4)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (w["weight_hr"] @ h if "weight_hr" in w else h), c


def by_hand(layer: nn.RNNBase, mode: str, x: Array, states: Any) -> tuple[Array, Any]:
    """Output and final states of one sample, ``x``: ``(T, input)``."""
    weights = {k: v.detach().numpy() for k, v in layer.state_dict().items()}
    directions = 2 if layer.bidirectional else 1
    finals = []
    for k in range(layer.num_layers):
        outputs = []
        for d in range(directions):
            ending = f"_l{k}" + "_reverse" * d
            w = {n[: -len(ending)]: v for n, v in weights.items() if n.endswith(ending)}
            state = tuple(s[k * directions + d] for s in states)
            steps = []
            for row in x[::-1] if d else x:
                state = cell(mode, row, state, w)
                steps.append(state[0])
            outputs.append(np.stack(steps[::-1] if d else steps))
            finals.append(state)
        x = np.concatenate(outputs, -1)
    return x, [np.stack(part) for part in zip(*finals, strict=True)]


KINDS: dict[str, tuple[str, Callable[..., nn.RNNBase]]] = {
    "tanh": ("tanh", nn.RNN),
    "relu": ("relu", lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k)),
    "GRU": ("GRU", nn.GRU),
    "LSTM": ("LSTM", nn.LSTM),
    "projected": ("LSTM", lambda *a, **k: nn.LSTM(*a, proj_size=2, **k)),
}
SHAPES = [{}, {"num_layers": 2}, {"num_layers": 2, "bidirectional": True}]


def made(kind: str, options: dict[str, Any]) -> tuple[str, nn.RNNBase, Any]:
    """The layer, and states that are not zero."""
    mode, make = KINDS[kind]
    layer = make(4, 3, dtype=lampas.float64, **options)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    h = lampas.randn(rows, 3, layer.proj_size or 3, dtype=lampas.float64)
    pair = (h, lampas.randn(rows, 3, 3, dtype=lampas.float64))
    return mode, layer, pair if mode == "LSTM" else h


def close(a: lampas.Tensor, b: Array) -> None:
    np.testing.assert_allclose(a.detach().numpy(), b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_sequences_follow_the_formulas(kind: str, options: dict[str, Any]) -> None:
    mode, layer, hx = made(kind, options)
    output, final = layer(X, hx)
    states = hx if mode == "LSTM" else (hx,)
    finals = final if mode == "LSTM" else (final,)
    for i in range(3):
        wanted, last = by_hand(layer, mode, X[:, i].numpy(), [s[:, i].numpy() for s in states])
        close(output[:, i], wanted)
        for a, b in zip(finals, last, strict=True):
            close(a[:, i], b)
    # The same without a batch, and with the batch first.
    alone, _ = layer(X[:, 0], tuple(s[:, 0] for s in states) if mode == "LSTM" else hx[:, 0])
    close(alone, output[:, 0].detach().numpy())
    layer.batch_first = True
    close(layer(X.transpose(0, 1), hx)[0].transpose(0, 1), output.detach().numpy())


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_are_each_run_to_their_own_end(kind: str, options: dict[str, Any]) -> None:
    mode, layer, hx = made(kind, options)
    packed = R.pack_padded_sequence(X, lampas.tensor(LENGTHS), enforce_sorted=False)
    output, final = layer(packed, hx)
    padded, lengths = R.pad_packed_sequence(output)
    assert lengths.tolist() == LENGTHS
    states = hx if mode == "LSTM" else (hx,)
    finals = final if mode == "LSTM" else (final,)
    for i, n in enumerate(LENGTHS):
        wanted, last = by_hand(layer, mode, X[:n, i].numpy(), [s[:, i].numpy() for s in states])
        close(padded[:n, i], wanted)
        assert not padded[n:, i].any()
        for a, b in zip(finals, last, strict=True):
            close(a[:, i], b)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str) -> None:
    if kind == "relu":
        pytest.skip("its kink is where finite differences are wrong")
    _, layer, hx = made(kind, {"bidirectional": True})
    packed = R.pack_padded_sequence(X, [5, 4, 2])
    weights = [p for _, p in layer.named_parameters()]

    def run(data: lampas.Tensor, *_: lampas.Tensor) -> lampas.Tensor:
        return layer(packed._replace(data=data), hx)[0].data

    assert lampas.autograd.gradcheck(run, (packed.data.clone().requires_grad_(), *weights))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_states_and_second_derivatives(kind: str) -> None:
    if kind == "relu":
        pytest.skip("its kink is where finite differences are wrong")
    _, layer, hx = made(kind, {})
    states = [h.clone().requires_grad_() for h in (hx if isinstance(hx, tuple) else (hx,))]

    def run(x: lampas.Tensor, *h: lampas.Tensor) -> tuple[lampas.Tensor, ...]:
        out, last = layer(x, h if len(h) > 1 else h[0])
        return (out, *(last if isinstance(last, tuple) else (last,)))

    x = X[:3].clone().requires_grad_()
    assert lampas.autograd.gradcheck(run, (x, *states))
    assert lampas.autograd.gradgradcheck(run, (x, *states))


@pytest.mark.parametrize("dtype", [lampas.float32, lampas.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_of_the_core_are_those_in_public_operators(kind: str, dtype: lampas.dtype) -> None:
    _, layer, _ = made(kind, {"bidirectional": True})
    layer, x = layer.to(dtype), lampas.randn(7, 100, 4, dtype=dtype)
    threads = lampas.get_num_threads()
    try:
        lampas.set_num_threads(1)
        one = layer(x)[0]
        lampas.set_num_threads(3)
        assert lampas.equal(layer(x)[0], one)
    finally:
        lampas.set_num_threads(threads)
    slow = lampas.vmap(lambda one: layer(one)[0], in_dims=1, out_dims=1)(x)
    assert lampas.allclose(one, slow, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("tanh", nn.RNNCell),
        ("relu", lambda *a, **k: nn.RNNCell(*a, nonlinearity="relu", **k)),
        ("GRU", nn.GRUCell),
        ("LSTM", nn.LSTMCell),
    ],
)
def test_cells_follow_the_formulas(kind: str, make: Callable[..., nn.RNNCellBase]) -> None:
    one = make(4, 3, dtype=lampas.float64)
    w = {k: v.detach().numpy() for k, v in one.state_dict().items()}
    h, c = lampas.randn(2, 3, 3, dtype=lampas.float64)
    pair = kind == "LSTM"
    result = one(X[0], (h, c) if pair else h)
    for i in range(3):
        wanted = cell(kind, X[0, i].numpy(), (h[i].numpy(), c[i].numpy()), w)
        for a, b in zip(result if pair else (result,), wanted, strict=True):
            close(a[i], b)
    zeros = one(X[0, 0])  # no batch, no state
    first = zeros[0] if pair else zeros
    close(first, cell(kind, X[0, 0].numpy(), (np.zeros(3), np.zeros(3)), w)[0])


def test_dropout_is_between_layers_and_only_in_training() -> None:
    layer = nn.LSTM(4, 3, 2, dropout=1.0, dtype=lampas.float64)
    output, (h, _) = layer(X)
    silent = nn.LSTM(3, 3, dtype=lampas.float64)
    silent.load_state_dict(
        {k.replace("_l1", "_l0"): v for k, v in layer.state_dict().items() if "_l1" in k}
    )
    close(output, silent(lampas.zeros(5, 3, 3, dtype=lampas.float64))[0].detach().numpy())
    assert bool(h[0].any()), "the first layer itself is not touched"
    assert not lampas.equal(layer.eval()(X)[0], output)


def test_names_of_parameters_and_repr() -> None:
    layer = nn.LSTM(4, 3, 1, bidirectional=True, proj_size=2, batch_first=True)
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    assert list(layer.state_dict()) == [
        f"{name}_l0{ending}" for ending in ("", "_reverse") for name in names
    ]
    assert repr(layer) == "LSTM(4, 3, proj_size=2, batch_first=True, bidirectional=True)"
    assert repr(nn.RNNCell(4, 3, nonlinearity="relu")) == "RNNCell(4, 3, nonlinearity=relu)"


F32 = X.float()
ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.LSTM(4, 3)(F32[..., :3]), RuntimeError, "Expected 4, got 3"),
    (lambda: nn.LSTM(4, 3)(F32[0, 0]), ValueError, "Expected input to be 2D or 3D, got 1D"),
    (lambda: nn.LSTM(4, 3)(X), ValueError, "does not match weight dtype"),
    (lambda: nn.LSTM(4, 3)(F32[:0]), RuntimeError, "sequence length to be larger than 0"),
    (
        lambda: nn.GRU(4, 3)(F32, lampas.zeros(2, 3, 3)),
        RuntimeError,
        r"Expected hidden size \(1, 3, 3\), got \[2, 3, 3\]",
    ),
    (lambda: nn.GRU(4, 3)(F32, lampas.zeros(3, 3)), RuntimeError, "batched 3-D input"),
    (lambda: nn.LSTM(4, 3, proj_size=3), ValueError, "proj_size"),
    (lambda: nn.LSTM(4, 3, dropout=2), ValueError, r"range \[0, 1\]"),
    (lambda: nn.RNN(4, 3, nonlinearity="sin"), ValueError, "Unknown nonlinearity 'sin'"),
    (lambda: nn.LSTMCell(4, 3)(F32[0, :, :3]), RuntimeError, "input_size: got 3 expected 4"),
    (
        lambda: nn.GRUCell(4, 3)(F32[0], lampas.zeros(2, 3)),
        RuntimeError,
        "Input batch size 3 doesn't match hidden0 batch size 2",
    ),
    (
        lambda: nn.LSTMCell(4, 3)(F32[0], (lampas.zeros(3, 3), lampas.zeros(3, 2))),
        RuntimeError,
        "hidden1 has inconsistent hidden_size: got 2, expected 3",
    ),
    (lambda: nn.GRUCell(4, 3)(F32), ValueError, "1D or 2D, got 3D"),
    (lambda: R.pack_padded_sequence(F32, [3, 5, 1]), RuntimeError, "enforce_sorted"),
    (lambda: R.pack_padded_sequence(F32, [5, 3, 0]), RuntimeError, "greater than 0|non-zero|0"),
    (lambda: R.pack_padded_sequence(F32, [5, 3]), RuntimeError, "2|batch"),
    (lambda: R.pad_sequence([]), RuntimeError, "empty list"),
    (lambda: R.pad_sequence([F32], padding_side="up"), RuntimeError, "left or right, but got up"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_say_what_does_not_fit(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()


def test_packing_and_back() -> None:
    rows = [lampas.arange(n) + 10 * n for n in (2, 4, 1)]
    packed = R.pack_sequence(rows, enforce_sorted=False)
    assert packed.data.tolist() == [40, 20, 10, 41, 21, 42, 43]
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert [row.tolist() for row in R.unpack_sequence(packed)] == [r.tolist() for r in rows]
    padded, lengths = R.pad_packed_sequence(
        packed, batch_first=True, padding_value=-1, total_length=5
    )
    assert padded.tolist()[0] == [20, 21, -1, -1, -1] and lengths.tolist() == [2, 4, 1]
    left = R.pad_sequence(rows, batch_first=True, padding_side="left")
    assert left.tolist()[2] == [0, 0, 0, 10]
    assert packed.to(lampas.float64).data.dtype == lampas.float64
