"""Whole training steps (zero the gradients, forward, loss, backward, update, read the loss),
optimizer steps alone, and data loading."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from cases import Work, case, networks


def mission_network(lib: Any) -> Any:
    """The mission's 784-128-64-10 classifier."""
    nn, relu = lib.nn, lib.nn.functional.relu

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(784, 128), nn.Linear(128, 64)
            self.fc3 = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.fc3(relu(self.fc2(relu(self.fc1(x)))))

    return Net()


def step(net: Any, optimizer: Any, loss_of: Callable[[Any], Any]) -> Work:
    def work() -> float:
        optimizer.zero_grad()
        loss = loss_of(net)
        loss.backward()
        optimizer.step()
        return loss.item()

    return work


def next_token_step(lib: Any, net: Any, optimizer: Any, words: int, shape: tuple) -> Work:
    x, y = lib.randint(0, words, shape), lib.randint(0, words, shape).view(-1)
    loss = lib.nn.functional.cross_entropy
    return step(net, optimizer, lambda net: loss(net(x).view(-1, words), y))


def mission_step(name: str, batch: int, adam: bool = False) -> None:
    @case(f"train/{name}")
    def make(lib: Any) -> Work:
        net, loss = mission_network(lib), lib.nn.CrossEntropyLoss()
        if adam:
            optimizer = lib.optim.Adam(net.parameters(), lr=1e-3)
        else:
            optimizer = lib.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        x, y = lib.rand(batch, 784), lib.randint(0, 10, (batch,))
        return step(net, optimizer, lambda net: loss(net(x), y))


mission_step("mlp_sgd_bs1", 1)
mission_step("mlp_sgd_bs64", 64)
mission_step("mlp_sgd_bs1024", 1024)
mission_step("mlp_adam_bs64", 64, adam=True)


@case("train/vae_bs128")
def vae(lib: Any) -> Work:
    net, x = networks.autoencoder(lib), lib.rand(128, 784)
    return step(net, lib.optim.Adam(net.parameters(), lr=1e-3), lambda net: net(x))


@case("train/lenet_adadelta_bs64")
def lenet(lib: Any) -> Work:
    nn = lib.nn
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(128, 10), nn.LogSoftmax(1),
    )  # fmt: skip
    x, y = lib.rand(64, 1, 28, 28), lib.randint(0, 10, (64,))
    optimizer = lib.optim.Adadelta(net.parameters(), lr=1.0)
    return step(net, optimizer, lambda net: nn.functional.nll_loss(net(x), y))


@case("train/resnet18_cifar_bs16")
def resnet(lib: Any) -> Work:
    net = networks.residual_network(lib)
    x, y = lib.randn(16, 3, 32, 32), lib.randint(0, 10, (16,))
    optimizer = lib.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    return step(net, optimizer, lambda net: lib.nn.functional.cross_entropy(net(x), y))


@case("train/gpt_4x128_bs12x64")
def gpt(lib: Any) -> Work:
    net = networks.language_model(lib)
    return next_token_step(lib, net, lib.optim.AdamW(net.parameters(), lr=1e-3), 65, (12, 64))


@case("train/lstm_lm_2x200_bs20x35")
def lstm(lib: Any) -> Work:
    net = networks.recurrent_model(lib)
    return next_token_step(lib, net, lib.optim.SGD(net.parameters(), lr=1.0), 2000, (35, 20))


@case("optim/adamw_62_tensors_11M")
def adamw(lib: Any) -> Work:
    parameters = [lib.randn(512, 345).requires_grad_() for _ in range(62)]
    for parameter in parameters:
        parameter.grad = lib.randn(512, 345)
    return lib.optim.AdamW(parameters, lr=1e-3).step


@case("data/tensor_dataset_epoch_bs64")
def tensor_dataset(lib: Any) -> Work:
    data = importlib.import_module(lib.__name__ + ".utils.data")
    dataset = data.TensorDataset(lib.rand(20000, 784), lib.randint(0, 10, (20000,)))
    loader = data.DataLoader(dataset, batch_size=64, shuffle=True)

    def work() -> None:
        for _ in loader:
            pass

    return work


@case("data/own_dataset_epoch_bs64")
def own_dataset(lib: Any) -> Work:
    data = importlib.import_module(lib.__name__ + ".utils.data")
    x, y = lib.rand(4000, 784), lib.randint(0, 10, (4000,))

    class Pairs(data.Dataset):
        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, index: int) -> Any:
            return x[index], y[index]

    loader = data.DataLoader(Pairs(), batch_size=64, shuffle=True)

    def work() -> None:
        for _ in loader:
            pass

    return work
