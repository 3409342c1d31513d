"""nn.utils: clipping, vectors, packing, parametrisations, pruning, fusion, functional calls."""

from __future__ import annotations

import math

import pytest

import lampas
from lampas import nn
from lampas.nn.utils import parametrize, prune
from lampas.nn.utils import rnn as packing
from lampas.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm
from lampas.nn.utils.stateless import functional_call


def with_gradients(*values: list[float]) -> list[nn.Parameter]:
    params = [nn.Parameter(lampas.zeros(len(v))) for v in values]
    for p, v in zip(params, values, strict=True):
        p.grad = lampas.tensor(v)
    return params


def test_clipping_by_norm_and_value() -> None:
    ps = with_gradients([3.0], [0.0, 4.0])
    assert nn.utils.clip_grad_norm_(ps, 10.0).item() == 5
    assert ps[1].grad.tolist() == [0, 4]
    nn.utils.clip_grad_norm_((p for p in ps), 1.0)
    assert ps[0].grad.item() == pytest.approx(0.6, rel=1e-4)
    assert nn.utils.clip_grad_norm_(ps, 1.0, norm_type=math.inf).item() == pytest.approx(0.8, 1e-4)
    nn.utils.clip_grad_value_(ps[1], 0.1)
    assert ps[1].grad.max().item() == pytest.approx(0.1)
    ps[0].grad.fill_(math.nan)
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(ps, 1.0, error_if_nonfinite=True)
    with pytest.warns(UserWarning, match="empty generator"):
        nn.utils.clip_grad_norm_(iter(()), 1.0)


def test_parameters_as_a_vector() -> None:
    m = nn.Linear(3, 2)
    vec = nn.utils.parameters_to_vector(m.parameters())
    nn.utils.vector_to_parameters(vec * 2, m.parameters())
    assert lampas.allclose(nn.utils.parameters_to_vector(m.parameters()), vec * 2)
    with pytest.raises(TypeError):
        nn.utils.vector_to_parameters([1.0], m.parameters())


SEQUENCES = [lampas.arange(6.0).reshape(3, 2), lampas.ones(1, 2), lampas.full((5, 2), 3.0)]


def test_packing_and_unpacking() -> None:
    packed = packing.pack_sequence(SEQUENCES, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [3, 2, 2, 1, 1]
    for a, b in zip(packing.unpack_sequence(packed), SEQUENCES, strict=True):
        assert lampas.equal(a, b)
    padded, lengths = packing.pad_packed_sequence(packed, total_length=6, padding_value=-1.0)
    assert padded.shape == (6, 3, 2) and lengths.tolist() == [3, 1, 5]
    assert padded[5].eq(-1).all()
    left = packing.pad_sequence(SEQUENCES, batch_first=True, padding_side="left")
    assert lampas.equal(left[1, -1], SEQUENCES[1][0])
    with pytest.raises(RuntimeError, match="sorted in decreasing order"):
        packing.pack_sequence(SEQUENCES)
    with pytest.raises(RuntimeError, match="greater than 0"):
        packing.pack_padded_sequence(left.transpose(0, 1), [3, 0, 5], enforce_sorted=False)
    with pytest.raises(ValueError, match="total_length"):
        packing.pad_packed_sequence(packed, total_length=2)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_packed_sequences_give_what_each_gives_alone(kind) -> None:
    m = kind(2, 4, num_layers=2, bidirectional=True)
    packed = packing.pack_sequence(SEQUENCES, enforce_sorted=False)
    output, state = m(packed)
    state = state[0] if isinstance(state, tuple) else state
    for i, sequence in enumerate(SEQUENCES):
        alone, last = m(sequence)
        last = last[0] if isinstance(last, tuple) else last
        assert lampas.allclose(packing.unpack_sequence(output)[i], alone, atol=1e-5)
        assert lampas.allclose(state[:, i], last, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "cell"), [(nn.RNN, nn.RNNCell), (nn.GRU, nn.GRUCell), (nn.LSTM, nn.LSTMCell)]
)
def test_a_layer_is_its_cell_step_by_step(layer, cell) -> None:
    m, c = layer(3, 5), cell(3, 5)
    c.load_state_dict({k.removesuffix("_l0"): v for k, v in m.state_dict().items()})
    x, state = lampas.randn(4, 2, 3), None
    output, _ = m(x)
    for t in range(4):
        state = c(x[t], state)
        h = state[0] if isinstance(state, tuple) else state
        assert lampas.allclose(h, output[t], atol=1e-5)


def test_recurrent_arguments() -> None:
    m = nn.LSTM(3, 5, proj_size=2, batch_first=True)
    output, (h, c) = m(lampas.randn(4, 6, 3))
    assert output.shape == (4, 6, 2) and h.shape == (1, 4, 2) and c.shape == (1, 4, 5)
    assert list(m.state_dict())[-1] == "weight_hr_l0"
    with pytest.raises(RuntimeError, match="Expected 3, got 4"):
        m(lampas.randn(4, 6, 4))
    with pytest.raises(ValueError, match="does not match weight dtype"):
        m(lampas.randn(4, 6, 3, dtype=lampas.float64))
    with pytest.raises(ValueError, match="proj_size"):
        nn.GRU(3, 5, proj_size=2)
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.GRU(3, 5, dropout=0.5)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


def test_parametrisations_compute_assign_and_go() -> None:
    m = nn.Linear(3, 3)
    kept = m.weight.detach().clone()
    parametrize.register_parametrization(m, "weight", Symmetric())
    assert parametrize.is_parametrized(m, "weight") and not parametrize.is_parametrized(m, "bias")
    assert lampas.equal(m.weight, m.weight.T) and lampas.equal(m.weight.triu(), kept.triu())
    assert list(m.state_dict()) == ["bias", "parametrizations.weight.original"]
    m(lampas.ones(1, 3)).sum().backward()
    assert m.parametrizations.weight.original.grad is not None
    value = lampas.eye(3)
    m.weight = value
    assert lampas.equal(m.weight, value)
    with parametrize.cached():
        assert m.weight is m.weight
    parametrize.remove_parametrizations(m, "weight")
    assert type(m) is nn.Linear and lampas.equal(m.weight, value)
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(m, "absent", Symmetric())


def test_weight_norm_splits_length_and_direction() -> None:
    plain = nn.Linear(4, 3)
    before = plain.weight.detach().clone()
    m = weight_norm(plain)
    assert lampas.allclose(m.weight, before, atol=1e-6)
    with lampas.no_grad():
        m.parametrizations.weight.original0.fill_(2.0)
    assert lampas.allclose(m.weight.norm(dim=1), lampas.full((3,), 2.0), atol=1e-5)
    old = nn.utils.weight_norm(nn.Linear(4, 3))
    m.load_state_dict(old.state_dict())
    assert lampas.allclose(m.weight, old.weight, atol=1e-6)
    assert list(nn.utils.remove_weight_norm(old).state_dict()) == ["bias", "weight"]


@pytest.mark.parametrize("apply", [spectral_norm, nn.utils.spectral_norm])
def test_spectral_norm_makes_the_largest_singular_value_one(apply) -> None:
    m = apply(nn.Linear(6, 4), n_power_iterations=50)
    m(lampas.ones(1, 6))
    # The largest singular value is the largest length that a unit vector can take.
    v = lampas.randn(6)
    w = m.weight.detach()
    for _ in range(200):
        v = w.T @ (w @ v)
        v = v / v.norm()
    assert (w @ v).norm().item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6)])
def test_orthogonal_weights(shape) -> None:
    if not hasattr(lampas.linalg, "householder_product"):
        pytest.skip("no Householder products")
    w = orthogonal(nn.Linear(shape[1], shape[0])).weight
    product = w @ w.T if shape[0] <= shape[1] else w.T @ w
    assert lampas.allclose(product, lampas.eye(min(shape)), atol=1e-4)


def test_pruning_adds_up_and_stays() -> None:
    m = nn.Linear(10, 10)
    kept = m.weight
    prune.l1_unstructured(m, "weight", amount=0.3)
    assert (m.weight == 0).sum().item() == 30
    limit = kept.abs().flatten().sort()[0][29].item()
    assert bool(((m.weight_mask == 0) == (kept.abs() <= limit)).all())
    prune.random_unstructured(m, "weight", amount=10)
    assert (m.weight_mask == 0).sum().item() == 40
    prune.ln_structured(m, "weight", amount=2, n=2, dim=0)
    assert (m.weight_mask.sum(1) == 0).sum().item() == 2
    assert prune.is_pruned(nn.Sequential(m)) and "weight_orig" in m.state_dict()
    prune.remove(m, "weight")
    assert m.weight is kept and not prune.is_pruned(m)
    with pytest.raises(ValueError, match="has to be pruned"):
        prune.remove(m, "weight")
    with pytest.raises(ValueError, match="range"):
        prune.random_unstructured(m, "weight", amount=1.5)


def test_global_pruning_ranks_over_all() -> None:
    a, b = nn.Linear(4, 4), nn.Linear(4, 4)
    with lampas.no_grad():
        a.weight.fill_(1.0)
        b.weight.fill_(2.0)
    pairs = [(a, "weight"), (b, "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.5)
    assert a.weight.abs().sum().item() == 0 and b.weight_mask.all()


def test_fused_layers_do_the_same() -> None:
    bn = nn.BatchNorm2d(4)
    bn(lampas.randn(8, 4, 3, 3))
    x = lampas.randn(2, 3, 6, 6)
    for conv in (nn.Conv2d(3, 4, 3, bias=False), nn.ConvTranspose2d(3, 4, 3)):
        pair = nn.Sequential(conv, bn).eval()
        transposed = isinstance(conv, nn.ConvTranspose2d)
        fused = nn.utils.fuse_conv_bn_eval(conv, bn, transposed)
        assert lampas.allclose(fused(x), pair(x), atol=1e-5)
    with pytest.raises(AssertionError, match="only for eval"):
        nn.utils.fuse_conv_bn_eval(conv.train(), bn)


def test_functional_calls_leave_the_module_alone() -> None:
    m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = {k: v.clone() for k, v in m.state_dict().items()}
    values = {k: v * 2 for k, v in m.state_dict().items()}
    x = lampas.randn(4, 2)
    functional_call(m, values, x)
    assert all(lampas.equal(v, before[k]) for k, v in m.state_dict().items())
    assert not lampas.equal(values["1.running_mean"], before["1.running_mean"])
    with pytest.raises(RuntimeError, match="Missing key"):
        functional_call(m, {}, x, strict=True)
    w = lampas.ones(1, 1, requires_grad=True)
    functional_call(nn.Linear(1, 1, bias=False), {"weight": w}, lampas.ones(1, 1)).backward()
    assert w.grad.item() == 1


def test_modules_without_drawing() -> None:
    state = lampas.get_rng_state()
    m = nn.utils.skip_init(nn.Linear, 3, 2)
    assert m.weight.shape == (2, 3) and lampas.equal(lampas.get_rng_state(), state)


def test_gradients_of_convolutions() -> None:
    x = lampas.randn(1, 2, 5, 5, requires_grad=True)
    w = lampas.randn(3, 2, 3, 3, requires_grad=True)
    g = lampas.randn(1, 3, 3, 3)
    nn.functional.conv2d(x, w).backward(g)
    assert lampas.allclose(nn.grad.conv2d_input(x.shape, w, g), x.grad, atol=1e-5)
    assert lampas.allclose(nn.grad.conv2d_weight(x, w.shape, g), w.grad, atol=1e-5)


def test_data_parallel_runs_the_module() -> None:
    m = nn.DataParallel(nn.Linear(2, 1))
    assert m(lampas.ones(3, 2)).shape == (3, 1)
    assert next(iter(m.state_dict())) == "module.weight"
