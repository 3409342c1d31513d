"""Custom autograd functions, a hook, gradgradcheck, and an optimizer of one's own."""

import math

import torch
from torch.autograd import Function, gradcheck, gradgradcheck


class LegendrePolynomial3(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


class StraightThrough(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.scale = scale
        ctx.mark_non_differentiable(mask := x.abs() > 1)
        return torch.sign(x) * scale, mask

    @staticmethod
    def backward(ctx, grad_output, _):
        return (grad_output * ctx.scale, None) if ctx.needs_input_grad[0] else (None, None)


class SignSGD(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])


# y = sin(x), fitted by a + b P3(c + d x), as a tutorial does it
x = torch.linspace(-math.pi, math.pi, 2000)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
P3 = LegendrePolynomial3.apply
for _ in range(2000):
    loss = (a + b * P3(c + d * x) - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-6 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.3f} + {b.item():.3f} * P3({c.item():.3f} + {d.item():.3f} x)")
assert loss.item() < 9 and abs(b.item() + 2.2) < 0.1 and abs(d.item() - 0.255) < 0.01

point = torch.randn(4, dtype=torch.double, requires_grad=True)
assert gradcheck(P3, (point,)) and gradgradcheck(P3, (point,))

seen = []
v = torch.tensor([-2.0, 0.5], requires_grad=True)
v.register_hook(lambda g: seen.append(g.clone()))
out, mask = StraightThrough.apply(v, 3.0)
assert out.tolist() == [-3, 3] and mask.tolist() == [True, False] and not mask.requires_grad
out.sum().backward()
assert v.grad.tolist() == [3, 3] and seen[0].tolist() == [3, 3]

w = torch.nn.Parameter(torch.tensor([0.35, -0.45]))
optimizer = SignSGD([w], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    (w**2).sum().backward()
    optimizer.step()
assert torch.allclose(w, torch.tensor([0.05, -0.15]), atol=1e-6), w
assert optimizer.state[w]["steps"] == 3
