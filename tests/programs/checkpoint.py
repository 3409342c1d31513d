"""Schedulers, and a run that stops, is saved, and goes on as if it had not stopped."""

import copy
import os
import tempfile

import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, SequentialLR


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.drop = nn.Dropout(0.25)
        self.fc = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x):
        return self.fc(self.drop(torch.flatten(self.features(x), 1)))


def make():
    net = Net()
    decay, plain = [], []
    for _, p in net.named_parameters():
        (decay if p.ndim > 1 else plain).append(p)
    optimizer = optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=1e-2
    )
    scheduler = SequentialLR(
        optimizer, [LinearLR(optimizer, 0.1, total_iters=3), CosineAnnealingLR(optimizer, 7)], [3]
    )
    return net, optimizer, scheduler


def train(net, optimizer, scheduler, epochs, history):
    net.train()
    for _ in epochs:
        x = torch.randn(16, 1, 8, 8)
        y = (x.mean((1, 2, 3)) > 0).long()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        history.append((scheduler.get_last_lr()[0], loss.item()))
        scheduler.step()


torch.manual_seed(0)
straight = []
net, optimizer, scheduler = make()
start = copy.deepcopy(net.state_dict())
train(net, optimizer, scheduler, range(10), straight)
final = net.state_dict()

torch.manual_seed(0)
resumed = []
net, optimizer, scheduler = make()
assert all(torch.equal(v, start[k]) for k, v in net.state_dict().items())
train(net, optimizer, scheduler, range(4), resumed)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    torch.save(
        {
            "epoch": 4,
            "model_state_dict": net.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scheduler_state_dict": scheduler.state_dict(),
            "rng_state": torch.get_rng_state(),
        },
        path,
    )
    torch.manual_seed(123)
    net, optimizer, scheduler = make()
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
net.load_state_dict(checkpoint["model_state_dict"])
optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
scheduler.load_state_dict(checkpoint["scheduler_state_dict"])
torch.set_rng_state(checkpoint["rng_state"])
train(net, optimizer, scheduler, range(checkpoint["epoch"], 10), resumed)

print(*[f"lr {lr:.5f} loss {loss:.4f}" for lr, loss in resumed], sep="\n")
assert resumed == straight
assert all(torch.equal(v, final[k]) for k, v in net.state_dict().items())
rates = [lr for lr, _ in straight]
assert abs(rates[0] - 1e-3) < 1e-9 and abs(rates[3] - 1e-2) < 1e-9
assert rates[3:] == sorted(rates[3:], reverse=True)

plateau = ReduceLROnPlateau(optim.SGD(net.parameters(), lr=1.0), factor=0.5, patience=1)
for metric in (1.0, 0.9, 0.95, 0.95, 0.95, 0.95):
    plateau.step(metric)
assert plateau.optimizer.param_groups[0]["lr"] == 0.25

missing, unexpected = net.load_state_dict({"fc.weight": final["fc.weight"], "x": 1}, strict=False)
assert "fc.bias" in missing and unexpected == ["x"]
