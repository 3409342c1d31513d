"""A small causal transformer that learns to copy what it read, after a separator."""

import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

VOCABULARY, SEPARATOR, LENGTH = 8, 8, 5


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=64):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class Copier(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY + 1, d_model)
        self.position = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(
            d_model, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.head = nn.Linear(d_model, VOCABULARY + 1)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
        return self.head(self.encoder(self.position(self.embed(x)), mask=mask, is_causal=True))


def sequences(n):
    words = torch.randint(0, VOCABULARY, (n, LENGTH))
    return torch.cat([words, torch.full((n, 1), SEPARATOR), words], dim=1)


def main():
    torch.manual_seed(0)
    train = sequences(512)
    loader = DataLoader(TensorDataset(train), batch_size=64, shuffle=True)
    model = Copier()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, epochs=20, steps_per_epoch=len(loader)
    )
    for epoch in range(20):
        for (batch,) in loader:
            logits = model(batch[:, :-1])
            loss = criterion(logits[:, LENGTH:].flatten(0, 1), batch[:, LENGTH + 1 :].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}")

    model.eval()
    test = sequences(100)
    x = test[:, : LENGTH + 1]
    with torch.no_grad():
        for _ in range(LENGTH):
            x = torch.cat([x, model(x)[:, -1:].argmax(-1)], dim=1)
        # What comes later changes nothing before it.
        changed = test.clone()
        changed[:, -1] = 0
        assert torch.allclose(model(test)[:, :-1], model(changed)[:, :-1], atol=1e-5)
    accuracy = (x == test).all(1).float().mean().item()
    print(f"copied {accuracy:.0%} of unseen sequences")
    assert accuracy > 0.9


if __name__ == "__main__":
    main()
