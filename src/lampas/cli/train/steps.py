"""The five steps: create a model, define a loss, create an optimizer, train, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import lampas
import lampas.nn as nn
from lampas import models, optim
from lampas.cli.train.checkpoint import Progress
from lampas.cli.train.config import OPTIMIZERS, WITH_MOMENTUM, Config
from lampas.cli.train.data import jitter
from lampas.cli.train.metrics import Evaluation
from lampas.utils.data import DataLoader

if TYPE_CHECKING:
    from lampas.nn import Module
    from lampas.optim import Optimizer


def create_model(config: Config, classes: int) -> Module:
    """Step 1: a model whose initial values depend on the seed alone."""
    lampas.manual_seed(config.seed)
    return models.create(config.model, classes)


def define_loss() -> Module:
    """Step 2: how far the logits are from the right class."""
    return nn.CrossEntropyLoss()


def create_optimizer(config: Config, model: Module) -> Optimizer:
    """Step 3: what changes the parameters so that the loss falls."""
    options: dict[str, Any] = {"lr": config.lr}
    if config.optimizer in WITH_MOMENTUM:
        options["momentum"] = config.momentum
    if config.optimizer != "rprop":
        options["weight_decay"] = config.weight_decay
    return getattr(optim, OPTIMIZERS[config.optimizer])(model.parameters(), **options)


def train_epoch(
    model: Module,
    criterion: Module,
    optimizer: Optimizer,
    images: Any,
    config: Config,
    progress: Progress,
    after_step: Callable[[Progress, int], bool],
) -> bool:
    """Step 4, one epoch of it, from the step where ``progress`` stands.

    ``after_step`` is told each step's progress and number of images; if it returns true, the epoch
    stops there. The result says whether the epoch is complete.
    """
    model.train()
    loader = DataLoader(images, batch_size=config.batch_size, shuffle=True)
    for inputs, labels in _remaining(loader, progress):
        if config.augment:
            inputs = jitter(inputs)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        progress.step += 1
        progress.loss += loss.item() * len(labels)
        progress.correct += int((outputs.argmax(1) == labels).sum())
        if after_step(progress, len(labels)):
            progress.random["now"] = lampas.get_rng_state()
            return False
    return True


def _remaining(loader: DataLoader[Any], progress: Progress) -> Iterator[Any]:
    """The epoch's batches, without those that were used before the run was interrupted."""
    if progress.step == 0:
        progress.random["epoch"] = lampas.get_rng_state()
        yield from loader
        return
    lampas.set_rng_state(progress.random["epoch"])
    done = progress.step
    for number, batch in enumerate(loader, 1):
        if number == done:
            lampas.set_rng_state(progress.random["now"])
        if number > done:
            yield batch


def evaluate(model: Module, images: Any) -> Evaluation:
    """Step 5: what the model makes of images it has not seen."""
    import numpy as np

    model.eval()
    labels, logits, losses = [], [], []
    with lampas.no_grad():
        for inputs, targets in DataLoader(images, batch_size=1000):
            outputs = model(inputs)
            each = nn.functional.cross_entropy(outputs, targets, reduction="none")
            labels.append(targets.numpy())
            logits.append(outputs.numpy())
            losses.append(each.numpy())
    raw = np.concatenate(logits)
    shifted = np.exp(raw - raw.max(1, keepdims=True))
    probabilities = shifted / shifted.sum(1, keepdims=True)
    return Evaluation(np.concatenate(labels), raw.argmax(1), np.concatenate(losses), probabilities)
