"""A line search for the strong Wolfe conditions, by bracketing and cubic interpolation.

Nocedal and Wright, "Numerical Optimization" (2006), algorithms 3.5 and 3.6.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from lampas._tensor import Tensor

__all__: list[str] = []


class Point(NamedTuple):
    """The objective at one step length."""

    t: float
    loss: float
    grad: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through both points' values and slopes is least, kept within [low, high]."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    divisor = b.slope - a.slope + 2 * d2
    if divisor == 0:
        return (low + high) / 2.0
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / divisor)
    return min(max(t, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Tensor]],
    t: float,
    direction: Tensor,
    loss: float,
    grad: Tensor,
    slope: float,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    tolerance_change: float = 1e-9,
    max_steps: int = 25,
) -> tuple[float, Tensor, float, int]:
    """Finds a step length that decreases the loss enough and flattens its slope enough.

    Args:
        evaluate: loss and gradient at a step length.
        t: the first step length to try.
        direction: the search direction.
        loss, grad, slope: the objective at length zero.
        decrease, curvature: the two constants of the conditions.
        tolerance_change: the search ends where the bracket moves no element by more.
        max_steps: most evaluations.

    Returns:
        Loss, gradient and step length found, and the number of evaluations.
    """

    def at(t: float) -> Point:
        new_loss, new_grad = evaluate(t)
        return Point(t, new_loss, new_grad, new_grad.dot(direction).item())

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -curvature * slope

    start = Point(0.0, loss, grad.clone(), slope)
    before, here, calls, steps = start, at(t), 1, 0
    # Lengthen until a minimum lies between two points.
    while steps < max_steps:
        too_high = here.loss > loss + decrease * here.t * slope
        if too_high or (steps > 1 and here.loss >= before.loss):
            break
        if flat(here):
            return here.loss, here.grad, here.t, calls
        if here.slope >= 0:
            break
        low, high = here.t + 0.01 * (here.t - before.t), here.t * 10
        before, here = here, at(cubic_minimum(before, here, low, high))
        calls += 1
        steps += 1
    if steps == max_steps:
        before = start
    best, other = (before, here) if before.loss <= here.loss else (here, before)
    # Shrink the bracket; `best` has the smaller loss.
    stalled = False
    width = direction.abs().max().item()
    while steps < max_steps and abs(best.t - other.t) * width >= tolerance_change:
        low, high = min(best.t, other.t), max(best.t, other.t)
        t, stalled = _inside(cubic_minimum(best, other, low, high), low, high, stalled)
        here = at(t)
        calls += 1
        steps += 1
        if here.loss > loss + decrease * here.t * slope or here.loss >= best.loss:
            other = here
            if other.loss < best.loss:
                best, other = other, best
            continue
        if flat(here):
            best = here
            break
        if here.slope * (other.t - best.t) >= 0:
            other = best
        best = here
    return best.loss, best.grad, best.t, calls


def _inside(t: float, low: float, high: float, stalled: bool) -> tuple[float, bool]:
    """Keeps the second of two steps near the bracket's ends away from them."""
    margin = 0.1 * (high - low)
    if min(high - t, t - low) >= margin:
        return t, False
    if not stalled and low < t < high:
        return t, True
    return (high - margin if abs(t - high) < abs(t - low) else low + margin), False
