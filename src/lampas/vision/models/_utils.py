"""Under torchvision's name, which programs import from: the getter of inner layers and its like."""

from lampas.vision.models._layers import IntermediateLayerGetter
from lampas.vision.models._layers import make_divisible as _make_divisible

__all__ = ["IntermediateLayerGetter", "_make_divisible"]
