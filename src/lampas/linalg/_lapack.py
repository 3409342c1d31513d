"""Factorizations that NumPy does not offer, on NumPy arrays and over whole batches at once.

The loops run over the columns of the matrices; every step works on all matrices of the batch.
Results, pivots included, are numbered as LAPACK numbers them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "bunch_kaufman",
    "lu_in_place",
    "pivots_to_permutation",
    "solve_bunch_kaufman",
    "solve_triangular",
]

# Columns that are factored before the rest of the matrix is updated by one product.
_BLOCK = 32


def lu_in_place(a: Any) -> tuple[Any, Any]:
    """LU with partial pivoting of `a` [b, m, n], overwritten by L below and U on the diagonal.

    Returns the pivots [b, min(m, n)] (row i was exchanged with row pivots[i], counted from one)
    and for every matrix the number of its first zero pivot, zero where there is none.
    """
    batch, m, n = a.shape
    k = min(m, n)
    pivots = np.zeros((batch, k), dtype=np.int32)
    info = np.zeros(batch, dtype=np.int32)
    every = np.arange(batch)
    for start in range(0, k, _BLOCK):
        stop = min(start + _BLOCK, k)
        for j in range(start, stop):
            size = np.abs(a[:, j:, j].real) + np.abs(a[:, j:, j].imag)
            chosen = j + np.argmax(size, axis=1)
            pivots[:, j] = chosen + 1
            top = a[every, chosen].copy()
            a[every, chosen] = a[:, j]
            a[:, j] = top
            zero = a[:, j, j] == 0
            info[zero & (info == 0)] = j + 1
            divisor = np.where(zero, 1, a[:, j, j])
            a[:, j + 1 :, j] /= divisor[:, None]
            a[:, j + 1 :, j + 1 : stop] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : stop]
        if stop < n:
            lower = a[:, start:stop, start:stop]
            a[:, start:stop, stop:] = solve_triangular(
                lower, a[:, start:stop, stop:], upper=False, unit=True
            )
            a[:, stop:, stop:] -= a[:, stop:, start:stop] @ a[:, start:stop, stop:]
    return pivots, info


def pivots_to_permutation(pivots: Any, m: int) -> Any:
    """The rows [b, m] that the exchanges bring to places 0, 1, …"""
    batch, k = pivots.shape
    rows = np.tile(np.arange(m), (batch, 1))
    every = np.arange(batch)
    for j in range(k):
        other = pivots[:, j] - 1
        held = rows[every, other].copy()
        rows[every, other] = rows[:, j]
        rows[:, j] = held
    return rows


def solve_triangular(a: Any, b: Any, upper: bool, unit: bool = False) -> Any:
    """X with A X = B by substitution, A [..., n, n] read in one triangle, B [..., n, k].

    A zero on the diagonal gives infinities, as the division says.
    """
    n = a.shape[-1]
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]
    x = np.array(np.broadcast_to(b, shape))
    starts = list(range(0, n, _BLOCK))
    with np.errstate(all="ignore"):
        for start in reversed(starts) if upper else starts:
            stop = min(start + _BLOCK, n)
            rows = range(stop - 1, start - 1, -1) if upper else range(start, stop)
            for i in rows:
                known = slice(i + 1, stop) if upper else slice(start, i)
                if known.start < known.stop:
                    x[..., i, :] -= (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
                if not unit:
                    x[..., i, :] /= a[..., i, i, None]
            rest = slice(0, start) if upper else slice(stop, n)
            if rest.start < rest.stop:
                x[..., rest, :] -= a[..., rest, start:stop] @ x[..., start:stop, :]
    return x


# The bound that keeps the growth of the elements smallest (Bunch & Kaufman, 1977).
_ALPHA = (1 + 17**0.5) / 8


def _pivot_choice(a: Any, k: int, size: Any) -> tuple[int, int, bool]:
    """Which row to bring to the pivot's place, the pivot's size, and whether the column is zero."""
    n = a.shape[0]
    here = size(a[k, k])
    if k + 1 == n:
        return k, 1, bool(here == 0)
    column = size(a[k + 1 :, k])
    largest = k + 1 + int(np.argmax(column))
    bound = column[largest - k - 1]
    if max(here, bound) == 0:
        return k, 1, True
    if here >= _ALPHA * bound:
        return k, 1, False
    row = np.concatenate([size(a[largest, k:largest]), size(a[largest + 1 :, largest])])
    across = row.max()
    if here >= _ALPHA * bound * (bound / across):
        return k, 1, False
    if size(a[largest, largest]) >= _ALPHA * across:
        return largest, 1, False
    return largest, 2, False


def _exchange(a: Any, k: int, place: int, other: int, hermitian: bool) -> None:
    """Exchanges rows and columns `place` and `other` of the trailing part, lower triangle only."""
    mirror = np.conj if hermitian else np.array
    n = a.shape[0]
    below = slice(other + 1, n)
    a[below, [place, other]] = a[below, [other, place]]
    between = slice(place + 1, other)
    held = mirror(a[between, place])
    a[between, place] = mirror(a[other, between])
    a[other, between] = held
    if hermitian:
        a[other, place] = np.conj(a[other, place])
    a[place, place], a[other, other] = a[other, other], a[place, place]
    if place > k:
        a[place, k], a[other, k] = a[other, k], a[place, k]


def bunch_kaufman(a: Any, hermitian: bool) -> tuple[Any, int]:
    """L D Lᵀ of one symmetric matrix (L D Lᴴ of a Hermitian one), in the lower triangle of `a`.

    D has blocks of one and two rows. Returns the pivots: p > 0 where a block of one row was
    exchanged with row p, -p twice where the second row of a block of two was; and the number of
    the first zero column, zero where there is none. Bunch & Kaufman, "Some stable methods for
    calculating inertia and solving symmetric linear systems" (1977).
    """
    n = a.shape[0]
    mirror = np.conj if hermitian else np.array
    pivots = np.zeros(n, dtype=np.int32)
    info = 0

    def size(x: Any) -> Any:
        return np.abs(np.real(x)) + np.abs(np.imag(x))

    k = 0
    while k < n:
        chosen, step, empty = _pivot_choice(a, k, size)
        if empty:
            info = info or k + 1
        else:
            place = k + step - 1
            if chosen != place:
                _exchange(a, k, place, chosen, hermitian)
            if hermitian:
                for i in range(k, k + step):
                    a[i, i] = a[i, i].real
            below = a[k + step :, k : k + step].copy()
            block = a[k : k + step, k : k + step].copy()
            if step == 2:
                block[0, 1] = mirror(block[1, 0])
            factors = below @ np.linalg.inv(block) if step == 2 else below / block[0, 0]
            a[k + step :, k + step :] -= np.tril(factors @ mirror(below).T)
            a[k + step :, k : k + step] = factors
        pivots[k : k + step] = chosen + 1 if step == 1 else -(chosen + 1)
        k += step
    return pivots, info


def _blocks(pivots: Any) -> list[tuple[int, int, int]]:
    """(first row, rows, row exchanged with the block's last) of each block of D."""
    found: list[tuple[int, int, int]] = []
    k = 0
    while k < len(pivots):
        step = 1 if pivots[k] > 0 else 2
        found.append((k, step, abs(int(pivots[k])) - 1))
        k += step
    return found


def solve_bunch_kaufman(a: Any, pivots: Any, x: Any, hermitian: bool) -> None:
    """Solves with the factors of `bunch_kaufman`: x [n, k] is B before and X after."""
    mirror = np.conj if hermitian else np.array
    blocks = _blocks(pivots)
    for k, step, other in blocks:
        place, below = k + step - 1, slice(k + step, None)
        x[[place, other]] = x[[other, place]]
        x[below] -= a[below, k : k + step] @ x[k : k + step]
        block = a[k : k + step, k : k + step].copy()
        if step == 2:
            block[0, 1] = mirror(block[1, 0])
            x[k : k + step] = np.linalg.solve(block, x[k : k + step])
        else:
            x[k] /= block[0, 0]
    for k, step, other in reversed(blocks):
        place, below = k + step - 1, slice(k + step, None)
        x[k : k + step] -= mirror(a[below, k : k + step]).T @ x[below]
        x[[place, other]] = x[[other, place]]
