"""Which pixels an answer depends on most.

The gradient of the answer's logit with respect to the image (K. Simonyan, A. Vedaldi, A. Zisserman,
"Deep inside convolutional networks", 2013), its largest size over the channels, averaged over
3 × 3 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lampas

if TYPE_CHECKING:
    from lampas import Tensor
    from lampas.nn import Module


def maps(model: Module, images: Tensor, fit: Callable[[Tensor], Tensor]) -> Any:
    """NumPy ``(N, H, W)`` from 0 to 1, for normalised images ``(N, C, H, W)``."""
    import numpy as np

    model.eval()
    found = []
    for some in images.split(16):
        wanted = some.clone().requires_grad_()
        logits = model(fit(wanted))
        (gradient,) = lampas.autograd.grad(logits.amax(1).sum(), [wanted])
        strength = gradient.abs().amax(1, keepdim=True)
        padded = lampas.nn.functional.pad(strength, (1, 1, 1, 1), mode="replicate")
        found.append(lampas.nn.functional.avg_pool2d(padded, 3, 1)[:, 0].numpy())
    strengths = np.concatenate(found)
    # A few pixels stand out: what lies above nearly all is shown alike.
    top = np.quantile(strengths, 0.99, axis=(1, 2), keepdims=True)
    return (strengths / np.maximum(top, 1e-12)).clip(0, 1)


def coloured(strengths: Any, picture: Any) -> Any:
    """uint8 ``(H, W, 3)``: the picture in dark grey, what matters from red to yellow and white."""
    import numpy as np

    strengths = strengths**1.5  # most values are middling: the strong ones shall stand out
    grey = picture if picture.ndim == 2 else picture @ np.array([0.299, 0.587, 0.114])
    heat = strengths[..., None] * 3 - np.array([0.0, 1.0, 2.0])
    dim = (grey / 255 * 0.3)[..., None] * (1 - strengths[..., None])
    return ((heat.clip(0, 1) + dim).clip(0, 1) * 255).round().astype(np.uint8)
