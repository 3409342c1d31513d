"""Networks that the training cases train; built from any library with PyTorch's interface."""

from __future__ import annotations

from typing import Any


def residual_network(lib: Any) -> Any:
    """ResNet-18 for 32x32 images."""
    nn, relu = lib.nn, lib.nn.functional.relu

    def convolution(inputs: int, outputs: int, kernel: int, stride: int) -> list[Any]:
        padding = kernel // 2
        layer = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        return [layer, nn.BatchNorm2d(outputs)]

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            first = convolution(inputs, outputs, 3, stride)
            self.body = nn.Sequential(*first, nn.ReLU(), *convolution(outputs, outputs, 3, 1))
            same = stride == 1 and inputs == outputs
            self.short = nn.Sequential(*([] if same else convolution(inputs, outputs, 1, stride)))

        def forward(self, x: Any) -> Any:
            return relu(self.body(x) + self.short(x))

    layers, inputs = [*convolution(3, 64, 3, 1), nn.ReLU()], 64
    for outputs in (64, 128, 256, 512):
        stride = 1 if outputs == 64 else 2
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def language_model(lib: Any, words: int = 65, context: int = 64, width: int = 128) -> Any:
    """A transformer of four blocks with four heads, predicting the next character."""
    nn, functional = lib.nn, lib.nn.functional

    class Block(nn.Module):
        def __init__(self, heads: int = 4) -> None:
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def attend(self, x: Any) -> Any:
            batch, length, _ = x.shape
            split = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads)
            q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(batch, length, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.down(functional.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(words, width), nn.Embedding(context, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

        def forward(self, index: Any) -> Any:
            x = self.words(index) + self.places(lib.arange(index.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    return Model()


def recurrent_model(lib: Any, words: int = 2000, width: int = 200) -> Any:
    """A word model with a two-layer LSTM."""
    nn = lib.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(words, width)
            self.cells = nn.LSTM(width, width, 2)
            self.head = nn.Linear(width, words)

        def forward(self, index: Any) -> Any:
            return self.head(self.cells(self.words(index))[0])

    return Model()


def autoencoder(lib: Any) -> Any:
    """A variational autoencoder whose forward pass returns its loss."""
    nn, functional = lib.nn, lib.nn.functional

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.mean = nn.Linear(784, 400), nn.Linear(400, 20)
            self.log_variance = nn.Linear(400, 20)
            self.expand, self.decode = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x: Any) -> Any:
            hidden = functional.relu(self.encode(x))
            mean, log_variance = self.mean(hidden), self.log_variance(hidden)
            code = mean + lib.randn_like(mean) * lib.exp(0.5 * log_variance)
            image = lib.sigmoid(self.decode(functional.relu(self.expand(code))))
            divergence = -0.5 * lib.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            return functional.binary_cross_entropy(image, x, reduction="sum") + divergence

    return Model()
