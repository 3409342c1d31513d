"""Feature pyramids: maps of several sizes with the same number of channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from lampas import Tensor, nn
from lampas.nn import functional as F
from lampas.vision.ops.misc import Conv2dNormActivation

__all__ = [
    "ExtraFPNBlock",
    "FeaturePyramidNetwork",
    "LastLevelMaxPool",
    "LastLevelP6P7",
]


class ExtraFPNBlock(nn.Module):
    """Base of what adds maps at the end of a pyramid."""

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """The pyramid's results and names, with more of both."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")


class FeaturePyramidNetwork(nn.Module):
    """Adds to each map what the smaller maps found, enlarged.

    T.-Y. Lin et al., "Feature pyramid networks for object detection", CVPR 2017.

    Args:
        in_channels_list: channels of the maps that come in, the largest map first.
        out_channels: channels of all maps that go out.
        extra_blocks: adds maps at the end.
        norm_layer: a norm after each convolution.

    >>> import lampas
    >>> maps = {"a": lampas.zeros(1, 4, 8, 8), "b": lampas.zeros(1, 8, 4, 4)}
    >>> {name: tuple(x.shape) for name, x in FeaturePyramidNetwork([4, 8], 6)(maps).items()}
    {'a': (1, 6, 8, 8), 'b': (1, 6, 4, 4)}
    """

    def __init__(
        self,
        in_channels_list: list[int],
        out_channels: int,
        extra_blocks: ExtraFPNBlock | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            for blocks, width, kernel in (
                (self.inner_blocks, channels, 1),
                (self.layer_blocks, out_channels, 3),
            ):
                blocks.append(
                    Conv2dNormActivation(
                        width, out_channels, kernel, norm_layer=norm_layer, activation_layer=None
                    )
                )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.constant_(module.bias, 0)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(
                f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}"
            )
        self.extra_blocks = extra_blocks

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Maps (N, C, H, W) by name, the largest first, as maps with the same names."""
        names, maps = list(x), list(x.values())
        last = self.inner_blocks[-1](maps[-1])
        results = [self.layer_blocks[-1](last)]
        for i in range(len(maps) - 2, -1, -1):
            side = self.inner_blocks[i](maps[i])
            last = side + F.interpolate(last, size=tuple(side.shape[-2:]), mode="nearest")
            results.insert(0, self.layer_blocks[i](last))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, maps, names)
        return OrderedDict(zip(names, results, strict=True))


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds ``pool``, every other pixel of the last map."""

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """One map and one name more."""
        smaller = F.max_pool2d(results[-1], kernel_size=1, stride=2, padding=0)
        return [*results, smaller], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds ``p6`` and ``p7``, made by convolutions with stride 2, as RetinaNet does."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.constant_(module.bias, 0)  # type: ignore[arg-type]
        self.use_P5 = in_channels == out_channels

    def forward(
        self, results: list[Tensor], x: list[Tensor], names: list[str]
    ) -> tuple[list[Tensor], list[str]]:
        """Two maps and two names more."""
        p6 = self.p6(results[-1] if self.use_P5 else x[-1])
        return [*results, p6, self.p7(F.relu(p6))], [*names, "p6", "p7"]
