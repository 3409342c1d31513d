"""vmap against loops over the samples."""

from __future__ import annotations

import numpy as np
import pytest

import lampas
from lampas.func import _batched, grad, vmap
from lampas.nn import functional as F

B = 3


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """A rule that fails is an error, and nothing is left set."""
    monkeypatch.setattr(_batched, "_strict", True)
    yield
    assert not _batched.levels() and not _batched._running
    assert lampas.is_grad_enabled()


def randn(*shape, dtype=lampas.float64):
    return lampas.randn(shape, dtype=dtype, generator=lampas.Generator().manual_seed(len(shape)))


def flat(result):
    return [result] if isinstance(result, lampas.Tensor) else list(result)


def same_as_loop(f, *inputs, dims=None):
    """vmap(f) and its gradients are what f gives for sample after sample."""
    dims = dims or (0,) * len(inputs)
    ours = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    theirs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    got = flat(vmap(f, in_dims=dims)(*ours))
    size = next(x.shape[d] for x, d in zip(inputs, dims, strict=True) if d is not None)
    rows = [
        flat(f(*(x if d is None else x.select(d, i) for x, d in zip(theirs, dims, strict=True))))
        for i in range(size)
    ]
    want = [lampas.stack(column) for column in zip(*rows, strict=True)]
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype and g.shape == w.shape
        np.testing.assert_allclose(g.detach(), w.detach(), rtol=1e-9, atol=1e-12)
    roots = [(g, w) for g, w in zip(got, want, strict=True) if g.requires_grad]
    if not roots:
        return
    for k in (0, 1):
        total = sum((r[k] * lampas.arange(r[k].numel()).reshape(r[k].shape)).sum() for r in roots)
        total.backward()
    for x, y in zip(ours, theirs, strict=True):
        if y.is_floating_point() and y.grad is not None:
            np.testing.assert_allclose(x.grad, y.grad, rtol=1e-9, atol=1e-12)


# ---- operators -----------------------------------------------------------------------------------
UNARY = {
    "exp": lambda x: x.exp(),
    "gelu": F.gelu,
    "float": lambda x: x.float(),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "sum": lambda x: x.sum(),
    "sum_dim": lambda x: x.sum(-1, keepdim=True),
    "mean": lambda x: x.mean((0, 1)),
    "var": lambda x: x.var(0),
    "std_mean": lambda x: lampas.std_mean(x, 1),
    "norm": lambda x: x.norm(),
    "vector_norm": lambda x: lampas.linalg.vector_norm(x, 3, dim=0),
    "max": lambda x: x.max(),
    "max_dim": lambda x: x.max(1).values,
    "median": lambda x: x.median(),
    "sort": lambda x: x.sort(0).values,
    "topk": lambda x: x.topk(2).values,
    "argmax": lambda x: x.argmax(),
    "argmax_dim": lambda x: x.argmax(1),
    "cumsum": lambda x: x.cumsum(0),
    "cumprod": lambda x: x.cumprod(-1),
    "logsumexp": lambda x: x.logsumexp(1),
    "softmax": lambda x: x.softmax(0),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "prod": lambda x: x.prod(),
    "any": lambda x: (x > 0).any(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "permute": lambda x: x.permute(1, 0),
    "reshape": lambda x: x.reshape(2, -1),
    "view_dtype": lambda x: x.detach().view(lampas.int64),
    "flatten": lambda x: x.flatten(),
    "squeeze": lambda x: x.unsqueeze(0).squeeze(0),
    "expand": lambda x: x.expand(2, 4, 5),
    "repeat": lambda x: x.repeat(2, 1, 1),
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(1),
    "roll_dim": lambda x: x.roll((1, 2), (0, 1)),
    "tril": lambda x: x.tril(),
    "diagonal": lambda x: x.diagonal(),
    "diag_embed": lambda x: x.diag_embed(),
    "as_strided": lambda x: x.clone().as_strided((2, 2), (5, 1), 1),
    "unfold": lambda x: x.unfold(1, 2, 1),
    "chunk": lambda x: x.chunk(2),
    "split": lambda x: x.split([1, 3]),
    "unbind": lambda x: x.unbind(1),
    "index": lambda x: x[1, 2:],
    "index_none": lambda x: x[None, ..., -1],
    "index_list": lambda x: x[[0, 2]],
    "index_tensor": lambda x: x[lampas.tensor([0, 2]), lampas.tensor([1, 1])],
    "index_apart": lambda x: x[None, lampas.tensor([0, 2]), :],
    "mask": lambda x: x[lampas.tensor([True, False, True, False])],
    "index_select": lambda x: x.index_select(1, lampas.tensor([0, 0, 3])),
    "gather": lambda x: x.gather(1, lampas.zeros(4, 2, dtype=lampas.int64)),
    "cat": lambda x: lampas.cat([x, lampas.ones(1, 5, dtype=x.dtype)]),
    "stack": lambda x: lampas.stack([x, x], 1),
    "where": lambda x: lampas.where(x > 0, x, 0.0),
    "masked_fill": lambda x: x.masked_fill(x > 0, 2.0),
    "masked_fill_value": lambda x: x.masked_fill(x > 0, x[0, 0]),
    "one_hot": lambda x: F.one_hot(x.detach().abs().long(), 4),
    "meshgrid": lambda x: lampas.meshgrid(x[0], x[1], indexing="ij"),
    "einsum": lambda x: lampas.einsum("ij,kj->ik", x, x),
    "einsum_trace": lambda x: lampas.einsum("ij,ij", x, x),
    "layer_norm": lambda x: F.layer_norm(x, (5,)),
    "normalize": lambda x: F.normalize(x, dim=0),
    "max_pool": lambda x: F.max_pool1d(x, 2),
    "avg_pool": lambda x: F.avg_pool2d(x[None], 2),
    "adaptive": lambda x: F.adaptive_avg_pool1d(x, 2),
    "interpolate": lambda x: F.interpolate(x[None], scale_factor=2.0),
    "pad": lambda x: F.pad(x, (1, 2)),
    "reflect": lambda x: F.pad(x, (1, 2), mode="reflect"),
    "slogdet": lambda x: lampas.linalg.slogdet(x @ x.T + lampas.eye(4, dtype=x.dtype)),
    "qr": lambda x: lampas.linalg.qr(x.T @ x + 9 * lampas.eye(5, dtype=x.dtype)),
    "cholesky": lambda x: lampas.linalg.cholesky(x @ x.T + lampas.eye(4, dtype=x.dtype)),
    "svdvals": lambda x: lampas.linalg.svdvals(x),
    "fft": lambda x: lampas.fft.rfft(x).abs(),
    "new": lambda x: x.new_ones(2) * x[0, :2],
    "like": lambda x: lampas.zeros_like(x) + x,
    "complex": lambda x: lampas.view_as_real(lampas.complex(x, x) ** 2),
    "constant": lambda x: lampas.ones(2),
    "inplace": lambda x: x.clone().mul_(2).add_(x),
    "fill": lambda x: x.clone().fill_(3.0) * x,
    "setitem": lambda x: _written(x, 0),
    "setitem_tensor": lambda x: _written(x, lampas.tensor([0, 1])),
    "size": lambda x: x * x.size(0) * x.shape[1] * x.dim() * x.numel(),
}  # fmt: skip


def _written(x, key):
    y = x.clone()
    y[key] = x[1] * 2
    return y


@pytest.mark.parametrize("name", UNARY)
def test_one_input(name: str) -> None:
    same_as_loop(UNARY[name], randn(B, 4, 5))


@pytest.mark.parametrize("name", ["exp", "sum", "softmax", "reshape", "T", "index", "norm"])
def test_samples_along_another_dimension(name: str) -> None:
    same_as_loop(UNARY[name], randn(4, 5, B), dims=(2,))


SCALAR = ["exp", "sum", "cumsum", "argmax", "median", "max", "prod", "any", "norm", "flatten"]


@pytest.mark.parametrize("name", [n for n in SCALAR if n != "argmax_dim"])
def test_samples_without_dimensions(name: str) -> None:
    same_as_loop(UNARY[name], randn(B))


BINARY = {
    "add": (lambda x, y: x + y, (4, 5), (5,)),
    "sub_broadcast": (lambda x, y: x - y, (5,), (4, 1)),
    "mul_scalar": (lambda x, y: x * y, (), (4, 5)),
    "div": (lambda x, y: x / y, (4, 5), (1, 5)),
    "pow": (lambda x, y: x.abs() ** y, (4,), (4,)),
    "compare": (lambda x, y: x < y, (4, 5), ()),
    "where": (lambda x, y: lampas.where(x > y, x, y), (4, 5), (5,)),
    "maximum": (lampas.maximum, (4,), (3, 4)),
    "clamp": (lambda x, y: x.clamp(max=y), (4, 5), (5,)),
    "addcmul": (lambda x, y: lampas.addcmul(x, y, y, value=2), (4, 5), (4, 5)),
    "lerp": (lambda x, y: x.lerp(y, 0.25), (4, 5), (4, 5)),
    "matmul": (lampas.matmul, (4, 5), (5, 2)),
    "matmul_vector": (lampas.matmul, (4, 5), (5,)),
    "vector_matmul": (lampas.matmul, (5,), (5, 4)),
    "matmul_batches": (lampas.matmul, (2, 1, 4, 5), (3, 5, 2)),
    "mm": (lampas.mm, (4, 5), (5, 2)),
    "mv": (lampas.mv, (4, 5), (5,)),
    "dot": (lampas.dot, (5,), (5,)),
    "outer": (lampas.outer, (4,), (5,)),
    "addmm": (lambda x, y: lampas.addmm(x[0], x, y, beta=2, alpha=3), (4, 4), (4, 4)),
    "bmm": (lampas.bmm, (2, 4, 5), (2, 5, 3)),
    "linear": (F.linear, (4, 5), (2, 5)),
    "bilinear": (lambda x, y: F.bilinear(x, x, y), (4, 2), (3, 2, 2)),
    "solve": (lambda x, y: lampas.linalg.solve(x @ x.T + 1, y), (3, 3), (3, 2)),
    "conv1d": (F.conv1d, (2, 6), (3, 2, 2)),
    "conv2d": (lambda x, w: F.conv2d(x, w, stride=2, padding=1), (2, 2, 6, 6), (4, 2, 3, 3)),
    "conv_groups": (lambda x, w: F.conv2d(x, w, groups=2), (2, 4, 5, 5), (4, 2, 3, 3)),
    "conv_transpose": (F.conv_transpose1d, (1, 2, 6), (2, 3, 2)),
    "mse": (F.mse_loss, (4, 5), (4, 5)),
    "huber": (lambda x, y: F.huber_loss(x, y, reduction="sum"), (4,), (4,)),
    "bce_logits": (lambda x, y: F.binary_cross_entropy_with_logits(x, y.sigmoid()), (4,), (4,)),
    "soft_cross_entropy": (lambda x, y: F.cross_entropy(x, y.softmax(-1)), (4, 5), (4, 5)),
    "kl": (lambda x, y: F.kl_div(x, y.softmax(0), reduction="sum"), (4,), (4,)),
    "cosine": (lambda x, y: F.cosine_similarity(x, y, dim=0), (4, 5), (4, 5)),
    "cdist": (lampas.cdist, (4, 5), (3, 5)),
    "layer_norm": (lambda x, y: F.layer_norm(x, (5,), y, y), (4, 5), (5,)),
    "group_norm": (lambda x, y: F.group_norm(x, 2, y, y), (3, 4, 5), (4,)),
    "attention": (lambda x, y: F.scaled_dot_product_attention(x, y, y), (2, 4, 8), (2, 6, 8)),
    "scatter": (
        lambda x, y: x.scatter_add(0, lampas.zeros(2, 5, dtype=lampas.int64), y), (4, 5), (2, 5),
    ),
    "index_add": (lambda x, y: x.index_add(0, lampas.tensor([1, 1]), y), (4, 5), (2, 5)),
    "copy_": (lambda x, y: x.clone().copy_(y), (4, 5), (5,)),
    "cat": (lambda x, y: lampas.cat([x, y], 1), (4, 5), (4, 2)),
    "cross": (lampas.linalg.cross, (4, 3), (4, 3)),
    "tensordot": (lambda x, y: lampas.tensordot(x, y, 1), (4, 5), (5, 2)),
}  # fmt: skip


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)], ids=["both", "first", "second"])
@pytest.mark.parametrize("name", BINARY)
def test_two_inputs(name: str, dims) -> None:
    f, *shapes = BINARY[name]
    if dims[0] is None and name == "copy_":
        return  # written to for all samples alike: refused, see below
    inputs = [randn(*((B,) if d == 0 else ()), *s) for s, d in zip(shapes, dims, strict=True)]
    same_as_loop(f, *inputs, dims=dims)


def labels(*shape):
    return lampas.arange(int(np.prod(shape))).reshape(shape) % 4


WITH_LABELS = {
    "cross_entropy": lambda x, y: F.cross_entropy(x, y),
    "ignored": lambda x, y: F.cross_entropy(x, y, ignore_index=1, reduction="sum"),
    "weights": lambda x, y: F.cross_entropy(x, y, lampas.arange(1.0, 6).double()),
    "smooth": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1),
    "nll": lambda x, y: F.nll_loss(x, y, reduction="none"),
    "embedding": lambda x, y: F.embedding(y, x),
    "gather": lambda x, y: x.gather(1, y.unsqueeze(1)),
    "take_along_dim": lambda x, y: lampas.take_along_dim(x, y.unsqueeze(1), 1),
    "index": lambda x, y: x[y],
    "index_two": lambda x, y: x[y, y],
    "index_select": lambda x, y: x.index_select(0, y),
    "scatter": lambda x, y: x.scatter(1, y.unsqueeze(1), 3.0),
    "put": lambda x, y: x.index_put((y,), x[0]),
    "bincount": lambda x, y: F.one_hot(y, 4).sum(0) * x[0, :4],
}


@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)], ids=["both", "first", "second"])
@pytest.mark.parametrize("name", WITH_LABELS)
def test_labels_and_indices(name: str, dims) -> None:
    x = randn(*((B,) if dims[0] == 0 else ()), 4, 5)
    y = labels(*((B,) if dims[1] == 0 else ()), 4)
    same_as_loop(WITH_LABELS[name], x, y, dims=dims)


def test_batch_norm_with_statistics_of_each_sample() -> None:
    x, mean, var = randn(B, 6, 2), lampas.zeros(B, 2).double(), lampas.ones(B, 2).double()
    copies = mean.clone(), var.clone()
    f = lambda x, m, v: F.batch_norm(x, m, v, training=True)
    got = vmap(f)(x, mean, var)
    for i in range(B):
        m, v = (c[i].clone() for c in copies)
        np.testing.assert_allclose(got[i], f(x[i], m, v), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(mean[i], m)
        np.testing.assert_allclose(var[i], v)


def test_types_promote_as_those_of_samples() -> None:
    x = lampas.ones(B, dtype=lampas.float64)
    assert vmap(lambda a: a * lampas.ones(2))(x).dtype == lampas.float32
    i = lampas.arange(B, dtype=lampas.uint8)
    assert vmap(lambda a: a + lampas.ones(2, dtype=lampas.int8))(i).dtype == lampas.int8
    assert vmap(lambda a: a * 1.5)(i).dtype == lampas.float32


def test_rules_that_give_up_leave_it_to_the_loop(monkeypatch) -> None:
    from lampas.func import _rules

    x, y = randn(B, 4, 5), randn(B, 5, 3)
    expected = vmap(lambda a, b: (a @ b).softmax(0).sum(1))(x, y)
    monkeypatch.setattr(_rules, "RULES", {})
    got = vmap(lambda a, b: (a @ b).softmax(0).sum(1))(x, y)
    np.testing.assert_allclose(got, expected, rtol=1e-12)


# ---- nesting -------------------------------------------------------------------------------------
def test_nested() -> None:
    x, y = randn(2, 4), randn(3, 4)
    pairs = vmap(lambda a: vmap(lambda b: (a * b).sum())(y))(x)
    np.testing.assert_allclose(pairs, x.numpy() @ y.numpy().T)
    inner = vmap(vmap(vmap(lambda a: a * 2 + 1)))(randn(2, 3, 4))
    np.testing.assert_allclose(inner, randn(2, 3, 4).numpy() * 2 + 1)
    columns = vmap(vmap(lampas.dot, (1, None), 0), (None, 0), 1)
    np.testing.assert_allclose(columns(x.T, y), (x @ y.T).numpy())


def test_in_place_within_a_level_and_across() -> None:
    def outer(a):
        total = lampas.zeros_like(a)
        for _ in range(2):
            total += a
        total[0] = a[1]
        return total

    x = randn(B, 4)
    np.testing.assert_allclose(vmap(outer)(x)[:, 1:], 2 * x.numpy()[:, 1:])
    np.testing.assert_allclose(vmap(outer)(x)[:, 0], x.numpy()[:, 1])
    with pytest.raises(RuntimeError, match="is the same for all samples"):
        vmap(lambda a: lampas.zeros(4).add_(a))(x)


def test_inputs_written_to() -> None:
    x = lampas.zeros(B, 2)
    vmap(lambda a: a.add_(1))(x)
    assert x.tolist() == [[1.0, 1.0]] * B


# ---- containers and dimensions -------------------------------------------------------------------
def test_containers() -> None:
    x = lampas.arange(6.0).reshape(3, 2)
    f = lambda d, t: {"a": d["x"] * t[0], "b": (d["x"], t[1].sum())}
    out = vmap(f, in_dims=({"x": 0}, (None, 1)))({"x": x}, (lampas.tensor(2.0), lampas.ones(4, 3)))
    assert out["a"].tolist() == (2 * x).tolist() and out["b"][1].tolist() == [4.0] * 3
    named = vmap(lambda a, *, b: a + b)(x, b=x)
    assert named.tolist() == (2 * x).tolist()


def test_dimensions_in_and_out() -> None:
    x = randn(2, 3, 4)
    for d in range(-3, 3):
        assert vmap(lambda a: a, d)(x).shape == (x.shape[d], *x.movedim(d, 0).shape[1:])
        rest = [s for i, s in enumerate(x.shape) if i != 0]
        out = vmap(lambda a: a, 0, d)(x)
        rest.insert(d % 3, 2)
        assert list(out.shape) == rest
    one, two = vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(x)
    assert one.shape == (3, 2, 4) and two.shape == (2,)
    assert vmap(lambda a: lampas.ones(3), out_dims=None)(x).shape == (3,)
    assert vmap(lambda a, k: a * k, (0, None))(x, 3).shape == (2, 3, 4)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_chunks(chunk: int) -> None:
    x, w = randn(7, 4), randn(4)
    seen = []

    def f(a, b):
        seen.append(a.shape)
        return a * b, (a @ b)

    got = vmap(f, (0, None), (1, 0), chunk_size=chunk)(x, w)
    np.testing.assert_allclose(got[0], (x * w).T.numpy())
    np.testing.assert_allclose(got[1], (x @ w).numpy(), rtol=1e-12)
    assert len(seen) == -(-7 // chunk)


def test_empty_batches() -> None:
    x = lampas.ones(0, 4)
    assert vmap(lambda a: a.sin())(x).shape == (0, 4)
    assert vmap(lambda a: lampas.linalg.norm(a))(x).shape == (0,)
    assert vmap(lambda a: (a.sort().values, a @ a))(x)[0].shape == (0, 4)
    assert vmap(lambda a: F.margin_ranking_loss(a, a, a))(x).shape == (0,)


# ---- random numbers ------------------------------------------------------------------------------
DRAWS = {
    "rand_like": lampas.rand_like,
    "randn": lambda x: lampas.randn(4) + x,
    "randint": lambda x: lampas.randint(1000, (4,)) + x,
    "randperm": lambda x: lampas.randperm(4) + x,
    "bernoulli": lambda x: lampas.bernoulli(x * 0 + 0.5),
    "dropout": lambda x: F.dropout(x + 1, 0.5),
    "normal_": lambda x: x.clone().normal_(),
    "multinomial": lambda x: lampas.multinomial(x + 1, 4).float(),
    "dropout2d": lambda x: F.dropout2d((x + 1).expand(2, 9, 4, 4)),
    "gumbel": lambda x: F.gumbel_softmax(x),
    "alpha_dropout": lambda x: F.alpha_dropout(x + 1, 0.5, training=True),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(name: str) -> None:
    x = lampas.zeros(8, 4)
    with pytest.raises(RuntimeError, match="randomness error mode"):
        vmap(DRAWS[name])(x)
    same = vmap(DRAWS[name], randomness="same")(x)
    assert all(lampas.equal(same[0], row) for row in same)
    different = vmap(DRAWS[name], randomness="different")(x)
    assert any(not lampas.equal(different[0], row) for row in different)


def test_same_numbers_are_those_without_vmap() -> None:
    x = lampas.zeros(2, 3)
    lampas.manual_seed(3)
    got = vmap(lambda a: lampas.randn(3) + a, randomness="same")(x)
    lampas.manual_seed(3)
    assert lampas.equal(got[1], lampas.randn(3))
    assert vmap(lambda a: F.dropout(a, training=False))(x).shape == (2, 3)


# ---- errors --------------------------------------------------------------------------------------
X = lampas.ones(3, 4)
ERRORS = [
    (lambda: vmap(lampas.sin, in_dims="a")(X), ValueError, "expected `in_dims` to be int"),
    (lambda: vmap(lampas.sin, in_dims=(0, 1))(X), ValueError, "not compatible with the structure"),
    (lambda: vmap(lampas.sin, in_dims=2)(X), ValueError, "Got in_dim=2 for some input"),
    (lambda: vmap(lampas.add)(X, 3), ValueError, "vmap over non-Tensor arguments"),
    (lambda: vmap(lampas.add, (None, None))(X, X), ValueError, "at least one input"),
    (lambda: vmap(lambda: X)(), ValueError, "got no inputs"),
    (lambda: vmap(lampas.add)(X, lampas.ones(2, 4)), ValueError, "same size in the mapped"),
    (lambda: vmap(lambda x: 3)(X), ValueError, "must only return Tensors"),
    (lambda: vmap(lambda x: x, out_dims=None)(X), ValueError, "can not return a BatchedTensor"),
    (lambda: vmap(lambda x: x, out_dims=(0, 0))(X), ValueError, "out_dims is not compatible"),
    (lambda: vmap(lampas.sin, chunk_size=0), ValueError, "chunk_size should be"),
    (lambda: vmap(lampas.sin, randomness="x"), RuntimeError, "Only allowed values"),
    (lambda: vmap(lambda x: x if x.sum() > 0 else -x)(X), RuntimeError, "lampas.where instead"),
    (lambda: vmap(lambda x: x * x.sum().item())(X), RuntimeError, "reads the values"),
    (lambda: vmap(lambda x: x.tolist() and x)(X), RuntimeError, "reads the values"),
    (lambda: vmap(lambda x: lampas.tensor(x.numpy()))(X), RuntimeError, "reads the values"),
    (lambda: vmap(lambda x: x.nonzero())(X), RuntimeError, "reads the values"),
    (lambda: vmap(lambda x: x[x > 0])(X), RuntimeError, "lampas.where"),
    (lambda: vmap(lambda x: x.requires_grad_())(X), RuntimeError, "requires_grad_"),
    (lambda: vmap(lambda x: [x, x][x.sum()])(X), RuntimeError, "reads the values"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case: int) -> None:
    call, kind, text = ERRORS[case]
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x @ lampas.ones(7), lambda x: x.reshape(5), lambda x: x.sum(3),
        lambda x: lampas.cat([x, lampas.ones(2, 2)]), lambda x: x[9], lambda x: x + lampas.ones(7),
        lambda x: F.cross_entropy(x, lampas.tensor([1, 2])), lambda x: x.nonsense(),
    ],
)  # fmt: skip
def test_bad_calls_are_those_of_one_sample(monkeypatch, f) -> None:
    monkeypatch.setattr(_batched, "_strict", False)
    with pytest.raises(Exception) as one:
        f(X[0])
    with pytest.raises(type(one.value)) as all_of_them:
        vmap(f)(X)
    if not isinstance(one.value, AttributeError):
        assert str(all_of_them.value) == str(one.value)


def test_nothing_is_left_after_an_exception() -> None:
    def fail(x):
        raise KeyError("stop")

    with pytest.raises(KeyError):
        vmap(vmap(grad(fail)))(X)
    assert not _batched.levels()
    assert lampas.ones(2).sum().item() == 2.0


def test_other_threads_see_no_level() -> None:
    import threading

    found = []

    def f(x):
        t = threading.Thread(target=lambda: found.append((len(_batched.levels()), X.sum().item())))
        t.start()
        t.join()
        return x

    vmap(f)(X)
    assert found == [(0, 12.0)]
