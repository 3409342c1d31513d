"""What programs set and ask before and around their training loop, on a machine without a GPU."""

import os
import random
import tempfile
import warnings

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.amp import GradScaler, autocast
from torch.nn.parameter import Parameter
from torch.optim.lr_scheduler import StepLR, _LRScheduler
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler, TensorDataset
from torch.utils.tensorboard import SummaryWriter


def set_seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    cudnn.deterministic = True
    cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


class WarmupLR(_LRScheduler):
    def __init__(self, optimizer, steps, last_epoch=-1):
        self.steps = steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        scale = min(1.0, (self.last_epoch + 1) / self.steps)
        return [base * scale for base in self.base_lrs]


class EarlyStopping:
    def __init__(self, patience=3):
        self.patience, self.best, self.count, self.stop = patience, float("inf"), 0, False

    def __call__(self, loss, model, path):
        if loss < self.best:
            self.best, self.count = loss, 0
            torch.save(model.state_dict(), path)
        else:
            self.count += 1
            self.stop = self.count >= self.patience


class AverageMeter:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

    @property
    def avg(self):
        return self.sum / max(1, self.count)


class Scale(nn.Module):
    gamma: Tensor

    def __init__(self, size: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = Parameter(torch.ones(size))
        self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.ones_(self.gamma)

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)

    def extra_repr(self) -> str:
        return f"{self.gamma.numel()}, eps={self.eps}"


def main():
    set_seed(42)
    if torch.cuda.is_available():
        device = torch.device("cuda:0")
    elif torch.backends.mps.is_available():
        device = torch.device("mps")
    else:
        device = torch.device("cpu")
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, device {device}")
    print(f"GPUs: {torch.cuda.device_count()}, threads: {torch.get_num_threads()}")
    assert device.type == "cpu" and torch.cuda.device_count() == 0
    major, minor = (int(n) for n in torch.__version__.split(".")[:2])
    assert (major, minor) >= (2, 0)
    torch.set_printoptions(precision=4, sci_mode=False)
    torch.set_float32_matmul_precision("high")
    torch.autograd.set_detect_anomaly(False)
    torch.multiprocessing.set_sharing_strategy("file_system")

    model = nn.Sequential(nn.Linear(10, 32), Scale(32), nn.SiLU(), nn.Linear(32, 3)).to(device)
    if torch.cuda.device_count() > 1:
        model = nn.DataParallel(model)
    model = torch.compile(model)
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(model, f"{total:,} parameters", sep="\n")
    assert total == 10 * 32 + 32 + 32 + 32 * 3 + 3 and "eps=1e-05" in repr(model)

    x = torch.randn(300, 10)
    y = (x @ torch.randn(10, 3)).argmax(1)
    indices = np.arange(300)
    np.random.shuffle(indices)
    dataset = TensorDataset(x, y)
    assert isinstance(dataset, Dataset)
    options = {"batch_size": 32, "num_workers": 0, "pin_memory": True}
    train_loader = DataLoader(dataset, sampler=SubsetRandomSampler(indices[:240]), **options)
    val_loader = DataLoader(dataset, sampler=SubsetRandomSampler(indices[240:]), **options)
    optimizer = optim.AdamW(model.parameters(), lr=3e-2, betas=(0.9, 0.95), fused=False)
    schedulers = [WarmupLR(optimizer, 2), StepLR(optimizer, step_size=5, gamma=0.9)]
    scaler = GradScaler("cuda", enabled=device.type == "cuda")
    stopping = EarlyStopping()
    with tempfile.TemporaryDirectory() as folder:
        writer, best = SummaryWriter(os.path.join(folder, "runs")), os.path.join(folder, "best.pth")
        for epoch in range(12):
            model.train()
            losses = AverageMeter()
            for data, target in train_loader:
                data = data.to(device, non_blocking=True)
                target = target.to(device, non_blocking=True)
                optimizer.zero_grad(set_to_none=True)
                with autocast(device_type=device.type, enabled=device.type == "cuda"):
                    loss = F.cross_entropy(model(data), target, label_smoothing=0.05)
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
                assert torch.isfinite(norm)
                scaler.step(optimizer)
                scaler.update()
                losses.update(loss.detach().cpu().item(), data.size(0))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for scheduler in schedulers:
                    scheduler.step()
            model.eval()
            predictions, targets = [], []
            val_loss = AverageMeter()
            with torch.no_grad():
                for data, target in val_loader:
                    output = model(data.to(device))
                    val_loss.update(F.cross_entropy(output, target).item(), len(target))
                    predictions.extend(output.argmax(dim=1).cpu().numpy())
                    targets.extend(target.numpy())
            accuracy = np.mean(np.array(predictions) == np.array(targets))
            writer.add_scalar("Loss/val", val_loss.avg, epoch)
            writer.add_scalars("acc", {"val": accuracy}, epoch)
            stopping(val_loss.avg, model, best)
            print(f"[{epoch + 1}] loss {losses.avg:.3f} val {val_loss.avg:.3f} acc {accuracy:.2f}")
            if stopping.stop:
                break
        writer.close()
        assert any("tfevents" in name for _, _, names in os.walk(folder) for name in names)
        model.load_state_dict(torch.load(best, map_location=device, weights_only=True))
    assert accuracy > 0.85 and stopping.best < 0.6
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
