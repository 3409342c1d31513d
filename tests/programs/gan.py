"""A generative adversarial network that learns a shifted normal distribution."""

import torch
from torch import nn

torch.manual_seed(0)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Linear") != -1:
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(4, 16), nn.LeakyReLU(0.2, inplace=True), nn.Linear(16, 2)
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(32, 1), nn.Sigmoid()
        )

    def forward(self, x):
        return self.main(x).view(-1)


netG, netD = Generator(), Discriminator()
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCELoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=5e-3, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(netG.parameters(), lr=5e-3, betas=(0.5, 0.999))
target = torch.tensor([2.0, -1.0])

before = netG(torch.randn(512, 4)).mean(0).detach()
for i in range(300):
    real = torch.randn(64, 2) * 0.5 + target
    # (1) Update D: maximize log(D(x)) + log(1 - D(G(z)))
    netD.zero_grad()
    netG.zero_grad()
    label = torch.full((64,), 1.0)
    errD_real = criterion(netD(real), label)
    errD_real.backward()
    fake = netG(torch.randn(64, 4))
    label.fill_(0.0)
    errD_fake = criterion(netD(fake.detach()), label)
    errD_fake.backward()
    assert all(p.grad is None or not p.grad.any() for p in netG.parameters())
    optimizerD.step()
    # (2) Update G: maximize log(D(G(z)))
    label.fill_(1.0)
    errG = criterion(netD(fake), label)
    errG.backward()
    optimizerG.step()
    if i % 100 == 0:
        print(f"[{i}] Loss_D: {(errD_real + errD_fake).item():.4f} Loss_G: {errG.item():.4f}")

netG.eval()
with torch.no_grad():
    after = netG(torch.randn(512, 4)).mean(0)
print(f"mean {before.tolist()} -> {after.tolist()}, wanted {target.tolist()}")
assert (after - target).norm() < 0.5 * (before - target).norm()
