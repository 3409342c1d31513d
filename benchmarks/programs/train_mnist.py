"""The five steps on MNIST as any PyTorch program has them, for whichever library `torch` is.

usage: train_mnist.py --data DIR [--epochs N]
"""

import argparse

import torch
from torch import nn, optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


def load(folder, train):
    steps = [transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,)), torch.flatten]
    dataset = datasets.MNIST(folder, train, transforms.Compose(steps), download=True)
    return DataLoader(dataset, batch_size=64, shuffle=train)


def train(net, loader, epochs):
    loss_of = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(epochs):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = loss_of(net(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(loader):.5f}", flush=True)


def accuracy(net, loader):
    right = count = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (net(images).argmax(1) == labels).sum().item()
            count += len(labels)
    return right / count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=2)
    chosen = parser.parse_args()
    torch.manual_seed(0)
    net = Net()
    train(net, load(chosen.data, True), chosen.epochs)
    print(f"accuracy {accuracy(net, load(chosen.data, False)):.2%}")


if __name__ == "__main__":
    main()
