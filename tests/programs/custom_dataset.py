"""Texts of different lengths: a Dataset, a collate_fn that pads, packed sequences, workers."""

import argparse
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler, random_split


class Brackets(Dataset):
    """Strings of brackets, and whether more of them open than close."""

    def __init__(self, n, seed=0):
        rng = random.Random(seed)
        self.items = ["".join(rng.choice("()") for _ in range(rng.randint(1, 9))) for _ in range(n)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        text = self.items[i]
        tokens = torch.tensor(["()".index(c) + 1 for c in text])
        return {"text": text, "tokens": tokens, "label": int(text.count("(") > text.count(")"))}


def collate(samples):
    samples = sorted(samples, key=lambda s: -len(s["tokens"]))
    lengths = torch.tensor([len(s["tokens"]) for s in samples])
    tokens = pad_sequence([s["tokens"] for s in samples], batch_first=True)
    labels = torch.tensor([s["label"] for s in samples])
    return tokens, lengths, labels, [s["text"] for s in samples]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(3, 8, padding_idx=0)
        self.rnn = nn.GRU(8, 16, batch_first=True)
        self.fc = nn.Linear(16, 2)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True)
        out, h = self.rnn(packed)
        padded, back = pad_packed_sequence(out, batch_first=True)
        assert torch.equal(back, lengths)
        last = padded[torch.arange(len(lengths)), lengths - 1]
        assert torch.equal(last, h[-1])
        return self.fc(last)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=6)
    args = parser.parse_args()

    torch.manual_seed(0)
    dataset = Brackets(600)
    train, test = random_split(dataset, [500, 100], generator=torch.Generator().manual_seed(42))
    weights = [1.0 + train[i]["label"] for i in range(len(train))]
    sampler = WeightedRandomSampler(weights, num_samples=500)
    options = {"collate_fn": collate, "num_workers": args.workers, "pin_memory": True}
    train_loader = DataLoader(train, 50, sampler=sampler, persistent_workers=True, **options)
    test_loader = DataLoader(test, 100, **options)
    model, criterion = Classifier(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0.7]))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-2)
    for epoch in range(args.epochs):
        for tokens, lengths, labels, texts in train_loader:
            assert tokens.shape == (50, lengths[0]) and len(texts[0]) == lengths[0]
            optimizer.zero_grad()
            loss = criterion(model(tokens, lengths), labels)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}/{args.epochs} loss {loss:.3f}")
    with torch.inference_mode():
        tokens, lengths, labels, _ = next(iter(test_loader))
        accuracy = (model(tokens, lengths).argmax(1) == labels).float().mean()
    print(f"accuracy {accuracy:.2f}")
    assert accuracy > 0.9


if __name__ == "__main__":
    main()
