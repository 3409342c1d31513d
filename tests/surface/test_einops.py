"""einops, unchanged, over Lampas: rearrangements, reductions, products and layers."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import lampas
import lampas.alias

einops = pytest.importorskip("einops")


@pytest.fixture(autouse=True)
def as_torch():
    """einops looks for torch among what is imported."""
    installed = lampas.alias.installed()
    lampas.alias.install()
    import torch  # noqa: F401

    yield
    if not installed:
        lampas.alias.uninstall()
        # What einops has bound to lampas's name stays valid: it is the same type.
        sys.modules.pop("einops.layers.torch", None)


x = np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("pattern", "sizes"),
    [
        ("b c h w -> b h w c", {}),
        ("b c h w -> (b c) (h w)", {}),
        ("b c (h k) w -> b (c k) h w", {"k": 2}),
        ("b c h w -> c 1 (w h) b", {}),
        ("... w -> w ...", {}),
    ],
)
def test_rearrange(pattern: str, sizes: dict) -> None:
    got = einops.rearrange(lampas.tensor(x), pattern, **sizes)
    assert isinstance(got, lampas.Tensor)
    np.testing.assert_array_equal(got.numpy(), einops.rearrange(x, pattern, **sizes))


@pytest.mark.parametrize("how", ["sum", "mean", "max", "min", "prod"])
def test_reduce(how: str) -> None:
    t = lampas.tensor(x / 50 + 0.5, requires_grad=True)
    got = einops.reduce(t, "b c (h p) w -> b c h", how, p=2)
    expected = einops.reduce(x / 50 + 0.5, "b c (h p) w -> b c h", how, p=2)
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=2e-6)
    got.sum().backward()
    assert t.grad.shape == t.shape


def test_repeat_and_pack() -> None:
    t = lampas.tensor(x)
    got = einops.repeat(t, "b c h w -> b (c k) h w", k=2)
    np.testing.assert_array_equal(got.numpy(), np.repeat(x, 2, axis=1))
    packed, shapes = einops.pack([t[:, :, 0], t[:, :, :, 0, None]], "b c *")
    assert packed.shape == (2, 3, 5 + 4)
    back = einops.unpack(packed, shapes, "b c *")
    assert lampas.equal(back[0], t[:, :, 0])
    assert einops.parse_shape(t, "b _ h w") == {"b": 2, "h": 4, "w": 5}


def test_einsum() -> None:
    a, b = x[0], x[1]
    got = einops.einsum(lampas.tensor(a), lampas.tensor(b), "c h w, c k w -> c h k")
    np.testing.assert_allclose(got.numpy(), np.einsum("chw,ckw->chk", a, b))


def test_layers() -> None:
    from einops.layers.torch import EinMix, Rearrange, Reduce

    layer = EinMix("b c h w -> b h w k", weight_shape="c k", bias_shape="k", c=3, k=7)
    model = lampas.nn.Sequential(
        Rearrange("b c h w -> b c w h"), layer, Reduce("b w h k -> b k", "mean")
    )
    out = model(lampas.tensor(x))
    assert out.shape == (2, 7)
    out.sum().backward()
    assert all(p.grad is not None for p in model.parameters()) and len(model.state_dict()) == 2
