"""A character-level LSTM that learns a proverb and recites it."""

import torch
import torch.nn as nn

TEXT = "the quick brown fox jumps over the lazy dog. " * 4
CHARS = sorted(set(TEXT))
INDEX = {c: i for i, c in enumerate(CHARS)}


class CharRNN(nn.Module):
    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, 16)
        self.lstm = nn.LSTM(16, hidden, num_layers=2, batch_first=True, dropout=0.1)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embed(x), state)
        return self.head(out), state


@torch.no_grad()
def generate(model, start, length):
    model.eval()
    out, state = start, None
    x = torch.tensor([[INDEX[c] for c in start]])
    for _ in range(length):
        logits, state = model(x, state)
        x = torch.softmax(logits[:, -1] / 0.5, dim=-1).argmax(-1, keepdim=True)
        out += CHARS[x.item()]
    return out


torch.manual_seed(1)
data = torch.tensor([INDEX[c] for c in TEXT], dtype=torch.long)
model = CharRNN(len(CHARS), 64)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=90)

model.train()
losses = []
for _ in range(90):
    start = torch.randint(0, len(data) - 33, (8,))
    x = torch.stack([data[s : s + 32] for s in start])
    y = torch.stack([data[s + 1 : s + 33] for s in start])
    logits, _ = model(x)
    loss = criterion(logits.view(-1, len(CHARS)), y.view(-1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())

assert losses[-1] < 0.2 < losses[0], (losses[0], losses[-1])
recited = generate(model, "the quick", 30)
print(recited)
assert TEXT.startswith(recited), recited
