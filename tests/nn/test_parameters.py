"""Parameter, Buffer, and tensors without a shape yet."""

from __future__ import annotations

import copy

import pytest

import lampas
from lampas import nn


def test_parameters_share_values_and_require_gradients() -> None:
    t = lampas.ones(3)
    p = nn.Parameter(t)
    assert p.requires_grad and p.is_leaf and p.data_ptr() == t.data_ptr()
    assert isinstance(p, lampas.Tensor) and not isinstance(t, nn.Parameter)
    assert type(p + 1) is lampas.Tensor
    assert repr(p).startswith("Parameter containing:\n")
    c = copy.deepcopy(p)
    assert type(c) is nn.Parameter and c.data_ptr() != p.data_ptr()
    with pytest.raises(TypeError, match="must be a Tensor, not list"):
        nn.Parameter([1.0])


def test_lazy_parameters_take_shape_once() -> None:
    p = nn.UninitializedParameter(dtype=lampas.float64)
    with pytest.raises(RuntimeError, match="uninitialized"):
        p.shape
    p.materialize((2, 3))
    assert type(p) is nn.Parameter and p.shape == (2, 3) and p.dtype == lampas.float64


@pytest.mark.parametrize(
    ("lazy", "shape", "becomes"),
    [
        (lambda: nn.LazyLinear(4), (2, 3), nn.Linear(3, 4)),
        (lambda: nn.LazyConv1d(4, 2), (2, 3, 5), nn.Conv1d(3, 4, 2)),
        (lambda: nn.LazyConv2d(4, 2, groups=3, bias=False), (2, 6, 5, 5), None),
        (lambda: nn.LazyConv3d(4, 2), (2, 3, 4, 4, 4), nn.Conv3d(3, 4, 2)),
        (lambda: nn.LazyConvTranspose2d(4, 2), (2, 3, 5, 5), nn.ConvTranspose2d(3, 4, 2)),
        (lambda: nn.LazyBatchNorm2d(), (2, 3, 5, 5), nn.BatchNorm2d(3)),
        (lambda: nn.LazyInstanceNorm1d(), (2, 3, 5), None),
    ],
)
def test_lazy_modules_become_ordinary_ones(lazy, shape, becomes) -> None:
    if becomes is None and shape[1] == 6:
        m = nn.LazyConv2d(6, 2, groups=3, bias=False)
    else:
        m = lazy()
    assert m.has_uninitialized_params()
    m(lampas.ones(shape))
    assert "Lazy" not in type(m).__name__ and not m._forward_pre_hooks
    if becomes is not None:
        assert repr(m) == repr(becomes)
        assert {k: v.shape for k, v in m.state_dict().items()} == {
            k: v.shape for k, v in becomes.state_dict().items()
        }


def test_lazy_modules_load_shapes() -> None:
    m = nn.LazyLinear(4)
    m.load_state_dict(nn.Linear(3, 4).state_dict())
    assert m.weight.shape == (4, 3)
    m.double()
    assert m(lampas.ones(1, 3, dtype=lampas.float64)).shape == (1, 4)


@pytest.mark.parametrize(
    "use",
    [
        lambda p: p + 1,
        lambda p: 2 * p,
        lambda p: p.sum(),
        lambda p: p.numel(),
        lambda p: p.diff(),  # imported when first used
        lambda p: p[0],
        lambda p: nn.init.zeros_(p),
        lambda p: bool(p),
    ],
)
def test_parameters_without_a_shape_cannot_be_computed_with(use) -> None:
    m = nn.LazyLinear(4)
    with pytest.raises(ValueError, match=r"uninitialized parameter in .*dummy batch"):
        use(m.weight)
    with pytest.raises(RuntimeError, match="Call `forward` to initialize"):
        _ = m.weight.shape
    with pytest.raises(RuntimeError, match="Can't share memory"):
        m.share_memory()
    assert m.double().weight.dtype == lampas.float64 and m.weight.requires_grad
    m(lampas.ones(1, 2, dtype=lampas.float64))
    use(m.weight.detach().flatten()[:1])
