"""Reading and writing image files as tensors ``(C, H, W)``; Pillow does the work."""

from lampas.vision.io.image import *  # noqa: F403
from lampas.vision.io.image import __all__ as __all__
