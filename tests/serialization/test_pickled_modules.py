"""Whole modules in files, as PyTorch writes and reads them."""

from __future__ import annotations

import io
import pickletools
import zipfile

import lampas
from lampas import nn


def test_modules_as_pytorch_reads_them() -> None:
    """What PyTorch needs of a pickled module: public places of classes, lists of weights."""
    model = nn.ModuleDict({
        "a": nn.MultiheadAttention(4, 2), "r": nn.LSTM(2, 3, bidirectional=True),
        "w": nn.utils.weight_norm(nn.Linear(2, 3)),
    })  # fmt: skip
    file = io.BytesIO()
    lampas.save(model, file)
    with zipfile.ZipFile(file) as z:
        data = z.read("archive/data.pkl")
    names = {arg for op, arg, _ in pickletools.genops(data) if op.name == "GLOBAL"}
    assert {
        "torch.nn MultiheadAttention", "torch.nn LSTM", "torch.nn ModuleDict",
        "torch.nn.utils.weight_norm WeightNorm",
    } <= names  # fmt: skip
    assert not any(n.startswith("lampas") for n in names) and b"_flat_weights" in data
    file.seek(0)
    new = lampas.load(file, weights_only=False)
    x = lampas.randn(5, 1, 2)
    assert lampas.equal(new["r"](x)[0], model["r"](x)[0])
    assert lampas.equal(new["w"](x), model["w"](x))
    with lampas.no_grad():
        new["w"].weight_g.mul_(2)
    lampas.testing.assert_close(new["w"](x) - new["w"].bias, 2 * (model["w"](x) - model["w"].bias))
    with lampas.no_grad():
        new["r"].weight_ih_l0.zero_()
    assert not lampas.equal(new["r"](x)[0], model["r"](x)[0])
