"""Initial values: bounds, moments and exact structure."""

from __future__ import annotations

import math

import pytest

import lampas
from lampas import nn
from lampas.nn import init


def wide() -> lampas.Tensor:
    return lampas.empty(200, 300)


@pytest.mark.parametrize(
    ("fill", "std", "bound"),
    [
        (lambda t: init.uniform_(t, -2, 4), math.sqrt(3), 4),
        (lambda t: init.normal_(t, 0, 0.5), 0.5, None),
        (lambda t: init.xavier_uniform_(t, 2.0), 2 * math.sqrt(2 / 500), 2 * math.sqrt(6 / 500)),
        (lambda t: init.xavier_normal_(t), math.sqrt(2 / 500), None),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 300),
         math.sqrt(6 / 300)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
         math.sqrt(2 / 200), None),
    ],
)  # fmt: skip
def test_deviation_and_bounds(fill, std, bound) -> None:
    t = wide()
    assert fill(t) is t and not t.requires_grad
    assert t.std().item() == pytest.approx(std, rel=0.02)
    if bound is not None:
        assert t.abs().max().item() <= bound
        assert t.max().item() == pytest.approx(bound, rel=0.01)


@pytest.mark.parametrize(("a", "b"), [(-2.0, 2.0), (1.0, 3.0), (-0.1, 4.0)])
def test_truncated_normal_follows_the_cut_density(a, b) -> None:
    t = init.trunc_normal_(wide(), 0.0, 1.0, a, b)
    assert a <= t.min().item() and t.max().item() <= b
    density = lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    share = lambda x: (1 + math.erf(x / math.sqrt(2))) / 2
    mean = (density(a) - density(b)) / (share(b) - share(a))
    assert t.mean().item() == pytest.approx(mean, abs=0.01)


def test_orthogonal_rows_or_columns() -> None:
    for shape in ((4, 7), (7, 4), (4, 2, 3)):
        t = init.orthogonal_(lampas.empty(shape), gain=2.0).flatten(1)
        product = t @ t.T if t.size(0) <= t.size(1) else t.T @ t
        assert lampas.allclose(product, 4 * lampas.eye(product.size(0)), atol=1e-4)


def test_exact_structures() -> None:
    assert lampas.equal(init.eye_(lampas.empty(2, 3)), lampas.eye(2, 3))
    assert init.ones_(lampas.empty(2)).tolist() == [1, 1]
    assert init.constant_(lampas.empty(2), 3).tolist() == [3, 3]
    w = init.dirac_(lampas.empty(4, 2, 3), groups=2)
    x = lampas.rand(1, 4, 5)
    assert lampas.allclose(nn.functional.conv1d(x, w, padding=1, groups=2), x)
    s = init.sparse_(lampas.empty(10, 4), 0.3)
    assert (s == 0).sum(0).tolist() == [3, 3, 3, 3]


def test_gains() -> None:
    assert init.calculate_gain("linear") == 1
    assert init.calculate_gain("tanh") == pytest.approx(5 / 3)
    assert init.calculate_gain("leaky_relu", 1) == pytest.approx(1)
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        init.calculate_gain("other")
    with pytest.raises(ValueError, match="not a valid number"):
        init.calculate_gain("leaky_relu", True)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.xavier_uniform_(lampas.empty(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(lampas.empty(3, 3), mode="fan"), "not supported"),
        (lambda: init.eye_(lampas.empty(3)), "2 dimensions"),
        (lambda: init.dirac_(lampas.empty(3, 3)), "3, 4, or 5"),
        (lambda: init.dirac_(lampas.empty(3, 3, 3), groups=2), "divisible by groups"),
        (lambda: init.orthogonal_(lampas.empty(3)), "2 or more"),
        (lambda: init.sparse_(lampas.empty(3), 0.1), "2 dimensions"),
    ],
)
def test_bad_shapes(call, text) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_layers_begin_within_their_bounds() -> None:
    m = nn.Linear(100, 50)
    assert m.weight.abs().max().item() <= 0.1 and m.bias.abs().max().item() <= 0.1
    assert m.weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    c = nn.Conv2d(4, 8, 5)
    assert c.weight.abs().max().item() <= 0.1
    e = nn.Embedding(1000, 50, padding_idx=3)
    assert e.weight.std().item() == pytest.approx(1, rel=0.02)
    assert e.weight[3].abs().sum().item() == 0
    r = nn.LSTM(3, 16)
    assert all(p.abs().max().item() <= 0.25 for p in r.parameters())


def test_zero_element_tensors_warn() -> None:
    with pytest.warns(UserWarning, match="zero-element"):
        init.kaiming_uniform_(lampas.empty(0, 3))
