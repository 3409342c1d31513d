"""A variational autoencoder on points of a circle."""

import math

import torch
import torch.nn.functional as F
from torch import nn, optim


class VAE(nn.Module):
    def __init__(self, size, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.ReLU())
        self.fc_mu = nn.Linear(hidden, latent)
        self.fc_logvar = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, size), nn.Sigmoid()
        )

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_logvar(h)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


def main():
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    angle = torch.rand(256) * 2 * math.pi
    grid = torch.arange(16, dtype=torch.float32) * 2 * math.pi / 16
    data = torch.exp(2 * torch.cos(angle[:, None] - grid) - 2).to(device)
    model = VAE(16, 32, 2).to(device)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    model.train()
    for epoch in range(30):
        total = 0.0
        for x in data.split(64):
            optimizer.zero_grad()
            loss = loss_function(*_arguments(model, x))
            loss.backward()
            total += loss.item()
            optimizer.step()
        losses.append(total / len(data))
        print(f"====> Epoch: {epoch} Average loss: {losses[-1]:.4f}")
    assert losses[-1] < 0.8 * losses[0], losses
    model.eval()
    with torch.no_grad():
        sample = model.decoder(torch.randn(64, 2, device=device)).cpu()
        recon, mu, _ = model(data)
    assert sample.shape == (64, 16) and 0 <= sample.min() and sample.max() <= 1
    # Reconstructions are nearer to what they came from than the mean image is.
    assert F.mse_loss(recon, data) < 0.7 * F.mse_loss(data.mean(0).expand_as(data), data)
    assert mu.var(0).max() > 0.1


def _arguments(model, x):
    recon, mu, logvar = model(x)
    return recon, x, mu, logvar


if __name__ == "__main__":
    main()
