"""Attention and transformers against formulas in NumPy: masks, weights, padding, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lampas
from lampas import nn
from lampas.nn import functional as F

D = lampas.float64
Q, K, V = (lampas.arange(2 * n * 8, dtype=D).reshape(2, n, 8).sin() * s for n, s in
           ((3, 1), (5, 2), (5, 0.5)))  # fmt: skip
PADDING = lampas.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 0, 1]]).bool()
ALLOWED = lampas.tensor([[1, 1, 0, 1, 1], [1, 0, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(m: nn.MultiheadAttention, q: Any, k: Any, v: Any, bias: Any) -> tuple[Any, Any]:
    """By the definition: ``bias`` ``(N, heads, L, S)`` is added to the scores."""
    p = {name: value.detach().numpy() for name, value in m.state_dict().items()}
    if "in_proj_weight" in p:
        wq, wk, wv = np.split(p["in_proj_weight"], 3)
    else:
        wq, wk, wv = (p[f"{x}_proj_weight"] for x in "qkv")
    bq, bk, bv = np.split(p["in_proj_bias"], 3) if "in_proj_bias" in p else (0, 0, 0)

    def heads(x: Any) -> Any:
        return x.reshape(*x.shape[:2], m.num_heads, -1).transpose(0, 2, 1, 3)

    q, k, v = heads(q @ wq.T + bq), heads(k @ wk.T + bk), heads(v @ wv.T + bv)
    weights = softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1]) + bias)
    joined = (weights @ v).transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], -1)
    return joined @ p["out_proj.weight"].T + p.get("out_proj.bias", 0), weights


def infinite(forbidden: lampas.Tensor) -> Any:
    return np.where(forbidden.numpy(), -np.inf, 0.0)


FLOATS = lampas.arange(2 * 2 * 3 * 5, dtype=D).reshape(4, 3, 5).cos()
MASKS: dict[str, tuple[dict[str, Any], Any]] = {
    "none": ({}, 0.0),
    "padding": ({"key_padding_mask": PADDING}, infinite(PADDING)[:, None, None]),
    "forbidden": ({"attn_mask": ~ALLOWED}, infinite(~ALLOWED)),
    "added": ({"attn_mask": FLOATS[0]}, FLOATS[0].numpy()),
    "of each head": ({"attn_mask": FLOATS}, FLOATS.numpy().reshape(2, 2, 3, 5)),
    "both": (
        {"attn_mask": ~ALLOWED, "key_padding_mask": PADDING},
        infinite(~ALLOWED) + infinite(PADDING)[:, None, None],
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("options", "bias"), MASKS.values(), ids=list(MASKS))
def test_masks(options: dict[str, Any], bias: Any, training: bool) -> None:
    m = nn.MultiheadAttention(8, 2, batch_first=True, dtype=D).train(training)
    wanted, weights = attention(m, Q.numpy(), K.numpy(), V.numpy(), bias)
    output, mean = m(Q, K, V, **options)
    np.testing.assert_allclose(output.detach().numpy(), wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(mean.detach().numpy(), weights.mean(1), rtol=1e-10, atol=1e-12)
    output, each = m(Q, K, V, average_attn_weights=False, **options)
    np.testing.assert_allclose(each.detach().numpy(), weights, rtol=1e-10, atol=1e-12)
    output, nothing = m(Q, K, V, need_weights=False, **options)
    assert nothing is None
    np.testing.assert_allclose(output.detach().numpy(), wanted, rtol=1e-10, atol=1e-12)


def test_other_sizes_of_keys_and_values_and_no_biases() -> None:
    m = nn.MultiheadAttention(8, 2, bias=False, kdim=5, vdim=6, batch_first=True, dtype=D)
    k, v = K[..., :5], V[..., :6]
    wanted, _ = attention(m, Q.numpy(), k.numpy(), v.numpy(), 0.0)
    np.testing.assert_allclose(m(Q, k, v)[0].detach().numpy(), wanted, rtol=1e-10)
    assert list(m.state_dict()) == [
        "q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight",
    ]  # fmt: skip


def test_added_keys() -> None:
    m = nn.MultiheadAttention(8, 2, add_zero_attn=True, batch_first=True, dtype=D)
    _, weights = m(Q, K, V, attn_mask=~ALLOWED)
    assert weights.shape == (2, 3, 6) and bool((weights[:, :, 5] > 0).all())
    m = nn.MultiheadAttention(8, 2, add_bias_kv=True, batch_first=True, dtype=D)
    with lampas.no_grad():
        m.bias_v.zero_()
    assert m(Q, K, V, key_padding_mask=PADDING)[1].shape == (2, 3, 6)
    assert not m(Q, K, V, key_padding_mask=PADDING)[1][0, :, 3:5].any()


def test_without_a_batch_and_with_it_second() -> None:
    m = nn.MultiheadAttention(8, 2, batch_first=True, dtype=D)
    both = m(Q, K, V)[0]
    lampas.testing.assert_close(m(Q[0], K[0], V[0])[0], both[0])
    m.batch_first = False
    second = m(Q.transpose(0, 1), K.transpose(0, 1), V.transpose(0, 1))[0]
    lampas.testing.assert_close(second.transpose(0, 1), both)


def test_scaled_dot_product_options() -> None:
    q, k = Q.reshape(2, 3, 2, 4).transpose(1, 2), K.reshape(2, 5, 2, 4).transpose(1, 2)
    scores = q.numpy() @ k.numpy().transpose(0, 1, 3, 2)
    sdpa = F.scaled_dot_product_attention
    np.testing.assert_allclose(
        sdpa(q, k, k, scale=0.3).numpy(), softmax(scores * 0.3) @ k.numpy(), rtol=1e-10
    )
    triangle = np.where(np.tri(3, 5, dtype=bool), 0, -np.inf)
    causal = softmax(scores / 2 + triangle) @ k.numpy()
    np.testing.assert_allclose(sdpa(q, k, k, is_causal=True).numpy(), causal, rtol=1e-10)
    both = softmax(scores / 2 + triangle + FLOATS[0].numpy()) @ k.numpy()
    np.testing.assert_allclose(
        sdpa(q, k, k, attn_mask=FLOATS[0], is_causal=True).numpy(), both, rtol=1e-10
    )
    lampas.testing.assert_close(
        sdpa(q, k[:, :1], k[:, :1], enable_gqa=True),
        sdpa(q, k[:, [0, 0]], k[:, [0, 0]]),
    )
    assert not sdpa(q, k, k, attn_mask=lampas.zeros(3, 5).bool()).any(), "blind queries give zeros"


def layer_by_hand(m: nn.TransformerEncoderLayer, x: lampas.Tensor) -> lampas.Tensor:
    def norm(y: lampas.Tensor) -> lampas.Tensor:
        centred = y - y.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + m.norm1.eps).sqrt()

    def attend(y: lampas.Tensor) -> lampas.Tensor:
        made, _ = attention(m.self_attn, y.detach().numpy(), y.detach().numpy(),
                            y.detach().numpy(), 0.0)  # fmt: skip
        return lampas.from_numpy(made)

    def feed(y: lampas.Tensor) -> lampas.Tensor:
        hidden = (y @ m.linear1.weight.T + m.linear1.bias).clamp_min(0)
        return hidden @ m.linear2.weight.T + m.linear2.bias

    if m.norm_first:
        x = x + attend(norm(x))
        return x + feed(norm(x))
    x = norm(x + attend(x))
    return norm(x + feed(x))


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer(norm_first: bool) -> None:
    m = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first, dtype=D
    )
    lampas.testing.assert_close(m(K), layer_by_hand(m, K))


def encoder(**options: Any) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, dtype=D, **{"batch_first": True, **options}
    )
    return nn.TransformerEncoder(layer, 2).eval()


def test_padding_does_not_reach_what_is_not_padding() -> None:
    m = encoder()
    whole = m(K, src_key_padding_mask=PADDING)
    lampas.testing.assert_close(whole[0, :3], m(K[:1, :3])[0])
    lampas.testing.assert_close(whole[1, :4], m(K[1:, :4])[0])


PADDED = {
    "without gradients": ({}, lampas.no_grad, PADDING, True),
    "with gradients": ({}, lampas.enable_grad, PADDING, False),
    "not at the end": ({}, lampas.no_grad, PADDING.flip(1), False),
    "batch second": ({"batch_first": False}, lampas.no_grad, PADDING, False),
    "normalised first": ({"norm_first": True}, lampas.no_grad, PADDING, False),
    "another activation": ({"activation": lampas.tanh}, lampas.no_grad, PADDING, False),
    "no biases": ({"bias": False}, lampas.no_grad, PADDING, False),
}


@pytest.mark.parametrize(("options", "mode", "mask", "zero"), PADDED.values(), ids=list(PADDED))
def test_where_padded_places_give_zeros(
    options: dict[str, Any], mode: Any, mask: lampas.Tensor, zero: bool
) -> None:
    m = encoder(**options)
    with mode():
        x = K if options.get("batch_first", True) else K.transpose(0, 1)
        y = m(x, src_key_padding_mask=mask)
    y = y if options.get("batch_first", True) else y.transpose(0, 1)
    assert bool((y[mask] == 0).all()) is zero
    assert bool((y[~mask] != 0).any())


def test_decoder_sees_its_own_past_and_the_whole_memory() -> None:
    layer = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True, dtype=D)
    m = nn.TransformerDecoder(layer, 2)
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=D)
    y = m(Q, K, tgt_mask=mask, tgt_is_causal=True)
    changed = Q.clone()
    changed[:, 2] += 1
    lampas.testing.assert_close(m(changed, K, tgt_mask=mask)[:, :2], y[:, :2])
    memory = K.clone()
    memory[:, 4] += 1
    assert bool((m(Q, memory, tgt_mask=mask) - y).abs().amin(-1).gt(0).all())
    hidden = m(Q, memory, tgt_mask=mask, memory_key_padding_mask=PADDING[[1, 1]])
    lampas.testing.assert_close(
        hidden, m(Q, K, tgt_mask=mask, memory_key_padding_mask=PADDING[[1, 1]])
    )


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.MultiheadAttention(8, 3), AssertionError, "divisible"),
    (lambda: mha(Q[..., :7], K, V), AssertionError, "embedding dimension of 8, but got 7"),
    (
        lambda: mha(Q, K, V, attn_mask=FLOATS[0, :2, :2]),
        RuntimeError,
        r"2D attn_mask is torch.Size\(\[2, 2\]\), but should be \(3, 5\)",
    ),
    (lambda: mha(Q[None], K, V), AssertionError, "2-D or 3-D|batched|unbatched"),
    (
        lambda: F.scaled_dot_product_attention(Q, K, V, attn_mask=lampas.zeros(3, 5).long()),
        RuntimeError,
        "attn_mask dtype to be bool or float or to match query dtype, but got .*int64",
    ),
    (
        lambda: nn.Transformer(8, 2, 1, 1, 16, batch_first=True)(K.float(), Q.float()[..., :7]),
        RuntimeError,
        "feature number .* must be equal to d_model",
    ),
    (
        lambda: nn.TransformerEncoderLayer(8, 2, activation="sin"),
        RuntimeError,
        "activation should be relu/gelu, not sin",
    ),
]


def mha(*args: Any, **kwargs: Any) -> Any:
    return nn.MultiheadAttention(8, 2, batch_first=True, dtype=D)(*args, **kwargs)


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_choice_of_a_kernel() -> None:
    from lampas.nn.attention import SDPBackend, sdpa_kernel

    plain = F.scaled_dot_product_attention(Q, K, V)
    for backends in (SDPBackend.MATH, [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION]):
        with sdpa_kernel(backends, set_priority=True):
            assert lampas.equal(F.scaled_dot_product_attention(Q, K, V), plain)
    with pytest.raises(RuntimeError, match="CUDNN_ATTENTION"), sdpa_kernel([*SDPBackend][4]):
        pass
    with pytest.raises(AssertionError, match="got str"), sdpa_kernel("MATH"):  # type: ignore[arg-type]
        pass
