"""Convolutions of the shapes that image networks have, forward alone and with the gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

from cases import Work, case


class Shape(NamedTuple):
    batch: int
    channels: int
    side: int
    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


SHAPES = {
    "3x3_64_32x32_n16": Shape(16, 64, 32, 64, 3, 1, 1),
    "1x1_256_14x14_n16": Shape(16, 256, 14, 256, 1),
    "7x7_s2_3_112_n4": Shape(4, 3, 112, 64, 7, 2, 3),
    "5x5_1_28_n64": Shape(64, 1, 28, 32, 5),
    "depthwise_128_28_n8": Shape(8, 128, 28, 128, 3, 1, 1, 128),
}


def convolution(name: str, s: Shape, backward: bool) -> None:
    @case(f"conv/{name}{'_back' if backward else ''}")
    def make(lib: Any) -> Work:
        x = lib.randn(s.batch, s.channels, s.side, s.side, requires_grad=backward)
        weight = lib.randn(
            s.filters, s.channels // s.groups, s.kernel, s.kernel, requires_grad=backward
        )

        def forward() -> Any:
            return lib.nn.functional.conv2d(x, weight, None, s.stride, s.padding, 1, s.groups)

        def both() -> None:
            x.grad = weight.grad = None
            forward().sum().backward()

        return both if backward else forward


for name, shape in SHAPES.items():
    convolution(name, shape, backward=False)
convolution("3x3_64_32x32_n16", SHAPES["3x3_64_32x32_n16"], backward=True)
