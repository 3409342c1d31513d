"""Multi-head attention."""

from __future__ import annotations

import math
import warnings
from typing import Any

import lampas
from lampas._C import dropout, linear, scaled_dot_product_attention, softmax
from lampas._tensor import Tensor

from ._pad import pad

__all__ = ["multi_head_attention_forward"]


def _none_or_dtype(input: Tensor | None) -> Any:
    return None if input is None else input.dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A bool mask as one to be added: -inf where it is true."""
    if mask is None:
        return None
    floating = mask.dtype.is_floating_point
    if mask.dtype != lampas.bool and not floating:
        raise AssertionError(
            f"only bool and floating types of {mask_name} are supported, not {mask.dtype}"
        )
    if check_other and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=3,
        )
    if floating:
        return mask
    return lampas.zeros_like(mask, dtype=target_type).masked_fill_(mask, float("-inf"))


def _check_dims(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether the input has a batch dimension.

    Raises:
        AssertionError: where numbers of dimensions do not go together.
    """
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{dims}-D query tensor"
        )
    what = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"{what} `key` and `value` to be {dims}-D but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
        raise AssertionError(
            f"{what} `key_padding_mask` to be `None` or {dims - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(
                f"{what} `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{attn_mask.dim()}-D tensor instead"
            )
        wanted = (num_heads, query.shape[0], key.shape[0])
        if dims == 2 and attn_mask.dim() == 3 and tuple(attn_mask.shape) != wanted:
            raise AssertionError(
                f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}"
            )
    return dims == 3


def _project_packed(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> list[Tensor]:
    """Query, key and value through the three parts of one weight, in as few products as the
    sameness of the inputs allows."""
    size = query.size(-1)
    if key is value and query is key:
        return list(linear(query, weight, bias).chunk(3, -1))
    if key is value:
        wq, wkv = weight.split([size, 2 * size])
        bq, bkv = (None, None) if bias is None else bias.split([size, 2 * size])
        return [linear(query, wq, bq), *linear(key, wkv, bkv).chunk(2, -1)]
    parts = [None] * 3 if bias is None else bias.chunk(3)
    inputs = (query, key, value)
    rows = weight.chunk(3)
    return [linear(x, w, b) for x, w, b in zip(inputs, rows, parts, strict=True)]


def _check_attn_mask(mask: Tensor, batch: int, heads: int, length: int, source: int) -> Tensor:
    wanted = (length, source) if mask.dim() == 2 else (batch * heads, length, source)
    if tuple(mask.shape) != wanted:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, "
            f"but should be {wanted}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, heads: int, separate: bool
) -> int:
    """The size of a head.

    Raises:
        AssertionError: where sizes do not go together.
    """
    if query.size(-1) != embed_dim:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim}, but got {query.size(-1)}"
        )
    head_dim = embed_dim // heads
    if head_dim * heads != embed_dim:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {heads}")
    if separate and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's "
            f"{value.shape[:2]}"
        )
    if not separate and key.shape != value.shape:
        raise AssertionError(
            f"key shape {key.shape} does not match value shape {value.shape}"
        )
    return head_dim


def _heads_first(
    x: Tensor, static: Tensor | None, name: str, batch_heads: int, head_dim: int
) -> Tensor:
    """``(length, batch, heads · head_dim)`` as ``(batch · heads, length, head_dim)``."""
    if static is None:
        return x.reshape(x.shape[0], batch_heads, head_dim).transpose(0, 1)
    if static.size(0) != batch_heads:
        raise AssertionError(
            f"expecting static_{name}.size(0) of {batch_heads}, but got {static.size(0)}"
        )
    if static.size(2) != head_dim:
        raise AssertionError(
            f"expecting static_{name}.size(2) of {head_dim}, but got {static.size(2)}"
        )
    return static


def _one_more_key(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else pad(mask, (0, 1))


def _merge_padding(
    padding: Tensor | None, mask: Tensor | None, batch: int, heads: int, source: int
) -> Tensor | None:
    if padding is None:
        return mask
    for i, wanted in enumerate((batch, source)):
        if padding.shape[i] != wanted:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{i}] to be {wanted}, but got {padding.shape[i]}"
            )
    padding = padding.reshape(batch, 1, 1, source).expand(-1, heads, -1, -1)
    padding = padding.reshape(batch * heads, 1, source)
    return padding if mask is None else mask + padding


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What :class:`lampas.nn.MultiheadAttention` computes, from its parameters.

    Shape:
        ``query`` ``(L, N, E)``, ``key`` and ``value`` ``(S, N, E)``, each also without ``N``,
        to ``(L, N, E)`` and, with ``need_weights``, ``(N, L, S)``.

    Raises:
        AssertionError, RuntimeError: for shapes that do not go together.
    """
    batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_qk = key is value, query is key
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, embed_dim = query.shape
    padding = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        attn_mask = None  # the hint says all that the mask does
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        is_causal = is_causal and padding is None
    head_dim = _check_sizes(
        query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight
    )
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        if any(w is None for w in weights):
            raise AssertionError(
                "use_separate_proj_weight is True but one of q_proj_weight, k_proj_weight and "
                "v_proj_weight is None"
            )
        biases = [None] * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        inputs = zip((query, key, value), weights, biases, strict=True)
        q, k, v = (linear(x, w, b) for x, w, b in inputs)  # type: ignore[arg-type]
    else:
        if in_proj_weight is None:
            raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _project_packed(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        attn_mask = _check_attn_mask(attn_mask, batch, num_heads, length, key.size(0))
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v are set together or not at all")
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k = lampas.cat([k, bias_k.repeat(1, batch, 1)])
        v = lampas.cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, padding = _one_more_key(attn_mask), _one_more_key(padding)
    q = _heads_first(q, None, "q", batch * num_heads, head_dim)
    k = _heads_first(k, static_k, "k", batch * num_heads, head_dim)
    v = _heads_first(v, static_v, "v", batch * num_heads, head_dim)
    if add_zero_attn:
        zero = k.new_zeros((batch * num_heads, 1, head_dim))
        k, v = lampas.cat([k, zero], 1), lampas.cat([v, zero], 1)
        attn_mask, padding = _one_more_key(attn_mask), _one_more_key(padding)
    attn_mask = _merge_padding(padding, attn_mask, batch, num_heads, k.size(1))
    attend = _attend_with_weights if need_weights else _attend
    rate = dropout_p if training else 0.0
    heads, weights = attend(q, k, v, attn_mask, rate, is_causal, (batch, num_heads))  # type: ignore[assignment]
    joined = heads.permute(2, 0, 1, 3).reshape(length * batch, embed_dim)
    output = linear(joined, out_proj_weight, out_proj_bias)
    output = output.reshape(length, batch, output.size(1))
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)  # type: ignore[attr-defined]
    if not batched:
        output = output.squeeze(1)
        weights = None if weights is None else weights.squeeze(0)  # type: ignore[attr-defined]
    return output, weights  # type: ignore[return-value]


def _attend_with_weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    rate: float,
    is_causal: bool,
    shape: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    scaled = q * math.sqrt(1.0 / q.size(-1))
    keys = k.transpose(-2, -1)
    scores = lampas.bmm(scaled, keys) if mask is None else lampas.baddbmm(mask, scaled, keys)
    weights = softmax(scores, -1)
    if rate > 0.0:
        weights = dropout(weights, rate)
    heads = lampas.bmm(weights, v)
    return heads.unflatten(0, shape), weights.unflatten(0, shape)


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    rate: float,
    is_causal: bool,
    shape: tuple[int, int],
) -> tuple[Tensor, None]:
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.unflatten(0, shape)
    q, k, v = (x.unflatten(0, shape) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, mask, rate, is_causal), None
