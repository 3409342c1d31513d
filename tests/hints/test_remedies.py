"""Errors of beginners' mistakes name the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import lampas
from lampas import nn
from lampas.nn import functional as F

X = lampas.ones(4, 3)
Y = lampas.tensor([0, 1, 2, 0])
IMAGES = lampas.ones(4, 1, 28, 28)

CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "images not flattened": (
        lambda: nn.Linear(784, 10)(IMAGES),
        RuntimeError,
        "linear takes inputs of 784 features, and this one has shape [4, 1, 28, 28]. "
        "Did you mean x.flatten(1)?",
    ),
    "images without channels": (
        lambda: nn.Linear(784, 10)(IMAGES[:, 0]),
        RuntimeError,
        "Did you mean x.flatten(1)?",
    ),
    "one image": (
        lambda: nn.Linear(784, 10)(IMAGES[0, 0]),
        RuntimeError,
        "Did you mean x.flatten()?",
    ),
    "images of another size": (
        lambda: nn.Linear(784, 10)(lampas.ones(2, 3, 32, 32)),
        RuntimeError,
        "Remedy: x.flatten(1), and a layer of 3072 features",
    ),
    "features of another number": (
        lambda: nn.Linear(784, 10)(lampas.ones(2, 400)),
        RuntimeError,
        "(2x400 and 784x10): linear takes inputs of 784 features, and this one has shape "
        "[2, 400]. Remedy: a layer of 400 features",
    ),
    "matrix not transposed": (lambda: X @ X, RuntimeError, "Did you mean a @ b.T?"),
    "channels last": (
        lambda: nn.Conv2d(3, 8, 3)(lampas.ones(2, 8, 8, 3)),
        RuntimeError,
        "Did you mean x.permute(0, 3, 1, 2)?",
    ),
    "no channels": (
        lambda: nn.Conv2d(1, 8, 3)(IMAGES[:, 0]),
        RuntimeError,
        "Did you mean x.unsqueeze(1)?",
    ),
    "bytes into a layer": (
        lambda: nn.Linear(3, 3)(X.to(lampas.uint8)),
        RuntimeError,
        "Remedy: x = x.to(weight.dtype)",
    ),
    "labels as floats": (lambda: F.cross_entropy(X, Y.float()), RuntimeError, "target.long()"),
    "labels as floats, nll": (lambda: F.nll_loss(X, Y.float()), RuntimeError, "target.long()"),
    "labels as short integers": (
        lambda: F.cross_entropy(X, Y.int()),
        RuntimeError,
        "expected target dtype to be Long or Byte, but got int32 (cross_entropy target). Remedy: "
        "target.long()",
    ),
    "labels in a column": (
        lambda: F.cross_entropy(X, Y[:, None]),
        RuntimeError,
        "Did you mean target.squeeze(1)?",
    ),
    "labels one-hot": (
        lambda: F.cross_entropy(X, F.one_hot(Y, 3)),
        RuntimeError,
        "Remedy: target.float(), or class indices: target.argmax(1)",
    ),
    "label out of range": (
        lambda: F.cross_entropy(X, Y + 1),
        IndexError,
        "Target 3 is out of bounds: there are 3 classes (0 to 2). Remedy: check the labels",
    ),
    "integer labels, binary": (
        lambda: F.binary_cross_entropy_with_logits(X[:, 0], Y),
        RuntimeError,
        "result type float32 can't be cast to the desired output type int64 "
        "(binary_cross_entropy_with_logits target). Remedy: target.to(input.dtype)",
    ),
    "integer labels, probabilities": (
        lambda: F.binary_cross_entropy(X[:, 0], Y),
        RuntimeError,
        "Found dtype int64 but expected float32 (binary_cross_entropy target). Remedy: "
        "target.to(input.dtype)",
    ),
    "logits for probabilities": (
        lambda: F.binary_cross_entropy(X * 2, X),
        RuntimeError,
        "Remedy: apply sigmoid first, or use binary_cross_entropy_with_logits on the raw outputs",
    ),
    "backward of many": (
        lambda: (X * lampas.ones(3, requires_grad=True)).backward(),
        RuntimeError,
        "Remedy: reduce it first (loss.mean()), or pass gradient=",
    ),
    "backward of a constant": (
        lambda: X.sum().backward(),
        RuntimeError,
        "Remedy: call requires_grad_() on an input before the computation",
    ),
    "a device that is not there": (
        lambda: X.to("cuda"),
        RuntimeError,
        "Remedy: device = 'cuda' if torch.cuda.is_available() else 'cpu'",
    ),
    "parameters read twice": (
        lambda: lampas.optim.SGD(iter(()), lr=0.1),
        ValueError,
        "A generator such as model.parameters() can be read once only",
    ),
}


@pytest.mark.parametrize("call, kind, text", CASES.values(), ids=list(CASES))
def test_remedy(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)
