"""Gradients of views do not depend on how the viewed tensor lies in memory."""

from __future__ import annotations

import numpy as np
import pytest

import lampas

BASE = np.arange(12.0).reshape(3, 4)
LAYOUTS = {
    "contiguous": lambda b: b.clone(),
    "transposed": lambda b: b.t(),
    "offset": lambda b: b[:, 1:],
    "steps": lambda b: b[1:, ::2],
    "expanded": lambda b: b[0].expand(3, 4),
    "windows": lambda b: b.flatten().unfold(0, 4, 2),
}
VIEWS = {
    "none": lambda w: w[:, None],
    "slice": lambda w: w[1:, ::2],
    "int": lambda w: w[-1],
    "mixed": lambda w: w[[0, 1], 1:],
    "select": lambda w: w.select(1, 1),
    "diagonal": lambda w: w.diagonal(1),
    "unfold": lambda w: w.unfold(1, 2, 1),
    "narrow": lambda w: w.narrow(0, 0, 1),
    "split": lambda w: w.split(1)[1],
    "chunk": lambda w: w.chunk(2, 1)[1],
    "unbind": lambda w: w.unbind(1)[0],
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str, view: str) -> None:
    w = LAYOUTS[layout](lampas.from_numpy(BASE)).detach().requires_grad_()
    # Which element of w each element of the view is.
    places = VIEWS[view](lampas.arange(w.numel()).reshape(w.shape)).numpy()
    weight = lampas.arange(1.0, places.size + 1, dtype=w.dtype).reshape(places.shape)
    weight.requires_grad_()
    (grad,) = lampas.autograd.grad(VIEWS[view](w), w, weight, create_graph=True)
    wanted = np.zeros(w.numel())
    np.add.at(wanted, places, weight.detach().numpy())
    np.testing.assert_array_equal(grad.detach(), wanted.reshape(w.shape))
    # The gradient of that: the view again, of a tensor that begins within its memory.
    direction = lampas.arange(2.0 * w.numel(), dtype=w.dtype)[w.numel() :].reshape(w.shape)
    (again,) = lampas.autograd.grad(grad, weight, direction)
    np.testing.assert_array_equal(again, direction.numpy().reshape(-1)[places])
