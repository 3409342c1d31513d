"""The five steps: create a model, define a loss, create an optimizer, train, evaluate."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import lampas
import lampas.nn as nn
from lampas import optim
from lampas.cli.train import augment, zoo
from lampas.cli.train.checkpoint import Progress
from lampas.cli.train.config import OPTIMIZERS, WITH_MOMENTUM, Config
from lampas.cli.train.data import Inputs, fitted
from lampas.cli.train.metrics import Evaluation
from lampas.cli.train.schedule import rate
from lampas.utils.data import DataLoader

if TYPE_CHECKING:
    from lampas import Tensor
    from lampas.nn import Module
    from lampas.optim import Optimizer

Prepare = Callable[["Tensor"], "Tensor"]
_PIXELS_AT_ONCE = 2**20  # of images evaluated together


def create_model(config: Config, inputs: Inputs) -> Module:
    """Step 1: a model whose initial values depend on the seed alone."""
    assert config.model is not None
    lampas.manual_seed(config.seed)
    channels = zoo.channels(config.model, inputs.channels)
    return zoo.create(config.model, len(inputs.classes), channels, config.image_size or inputs.size)


def define_loss(config: Config) -> Module:
    """Step 2: how far the logits are from the right class."""
    return nn.CrossEntropyLoss(label_smoothing=config.label_smoothing or 0.0)


def create_optimizer(config: Config, model: Module) -> Optimizer:
    """Step 3: what changes the parameters so that the loss falls."""
    options: dict[str, Any] = {} if config.lr is None else {"lr": config.lr}
    if config.optimizer in WITH_MOMENTUM:
        options["momentum"] = config.momentum
    if config.optimizer == "sgd":
        options["nesterov"] = config.nesterov
    if config.optimizer != "rprop":
        options["weight_decay"] = config.weight_decay
    return getattr(optim, OPTIMIZERS[config.optimizer])(model.parameters(), **options)


def fitting(config: Config, inputs: Inputs) -> Prepare:
    """A function that brings normalised images to the model's size and channels."""
    assert config.model is not None
    channels = zoo.channels(config.model, inputs.channels)
    size = config.image_size or inputs.size
    return functools.partial(fitted, channels=channels, size=size)


def preparation(config: Config, inputs: Inputs) -> Prepare:
    """The same for training: images are varied at random before."""
    fit = fitting(config, inputs)
    vary = augment.policy(config.augment or "none", inputs.mean, inputs.std)
    return (lambda images: fit(vary(images))) if vary else fit


def short_products(config: Config) -> Any:
    """A context in which products are computed in the run's precision."""
    if config.precision == "float32":
        return contextlib.nullcontext()
    return lampas.autocast("cpu", dtype=lampas.bfloat16)


def training_batches(images: Any, config: Config) -> DataLoader[Any]:
    """The training images in random order; a last batch of one image, of which batch
    normalisation can make nothing, is left out."""
    size = config.batch_size or 1
    alone = len(images) > size and len(images) % size == 1
    return DataLoader(images, batch_size=size, shuffle=True, drop_last=alone)


def train_epoch(
    model: Module,
    criterion: Module,
    optimizer: Optimizer,
    loader: DataLoader[Any],
    config: Config,
    prepare: Prepare,
    progress: Progress,
    after_step: Callable[[Progress, int], bool],
) -> bool:
    """Step 4, one epoch of it, from the step where ``progress`` stands.

    ``after_step`` is told each step's progress and number of images; if it returns true, the epoch
    stops there. The result says whether the epoch is complete.
    """
    model.train()
    total = (config.epochs or 0) * len(loader)
    for inputs, labels in _remaining(loader, progress):
        if config.schedule != "constant":
            now = rate(config, progress.epoch * len(loader) + progress.step, total)
            for group in optimizer.param_groups:
                group["lr"] = now
        inputs = prepare(inputs)
        optimizer.zero_grad()
        with short_products(config):
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


def together(config: Config, of_data: int) -> int:
    """How many images the model is given at once when it does not learn."""
    return max(16, min(1000, _PIXELS_AT_ONCE // (config.image_size or of_data) ** 2))


def answer(model: Module, images: Tensor, config: Config, fit: Prepare) -> Tensor:
    """The logits ``(N, classes)`` for a batch, without a graph."""
    with lampas.no_grad(), short_products(config):
        outputs: Tensor = model(fit(images))
    return outputs.float()


def evaluate(model: Module, images: Any, config: Config, fit: Prepare) -> Evaluation:
    """Step 5: what the model makes of images it has not seen."""
    import numpy as np

    model.eval()
    labels, logits, losses = [], [], []
    for inputs, targets in DataLoader(images, batch_size=together(config, images.data.shape[1])):
        outputs = answer(model, inputs, config, fit)
        each = nn.functional.cross_entropy(outputs, targets, reduction="none")
        labels.append(targets.numpy())
        logits.append(outputs.numpy())
        losses.append(each.numpy())
    raw = np.concatenate(logits)
    return Evaluation(np.concatenate(labels), raw.argmax(1), np.concatenate(losses), softmax(raw))


def softmax(logits: Any) -> Any:
    """Probabilities ``(N, classes)`` in NumPy."""
    import numpy as np

    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)
