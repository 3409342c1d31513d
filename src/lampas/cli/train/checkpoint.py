"""Checkpoints: one safetensors file with the model, the optimizer, the random numbers and the rest.

Tensors are called ``model.<name>``, ``optimizer.<parameter>.<name>`` and ``random.<when>``;
everything else is JSON in the file's metadata, with a CRC of each tensor. Such a file cannot run
code, and the model's part opens with any reader of safetensors.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lampas.cli import UsageError

if TYPE_CHECKING:
    import numpy as np

    from lampas import Tensor
    from lampas.nn import Module
    from lampas.optim import Optimizer

NAME = "checkpoint.safetensors"
BEST = "best.safetensors"  # the same without optimizer, after the best epoch
FORMAT = 2
_KEY = "lampas.train"


@dataclass
class Progress:
    """How far a run is: between two steps, so that going on gives the same bits."""

    epoch: int = 0  # epochs that are complete
    step: int = 0  # steps done in the epoch that is not
    loss: float = 0.0  # sums over these steps' images
    correct: int = 0
    seconds: float = 0.0  # that these steps took
    history: list[dict[str, Any]] = field(default_factory=list)
    finder: dict[str, Any] | None = None  # the curve of the search for a learning rate
    # The generator's state now, and when the epoch began, which gives its order again.
    random: dict[str, Tensor] = field(default_factory=dict)

    def best(self, part: str) -> dict[str, Any] | None:
        """The first epoch with the highest accuracy on ``part`` (``test`` or ``validation``)."""
        return max(self.history, key=lambda row: row[f"{part}_accuracy"], default=None)


def save(
    path: str,
    model: Module,
    optimizer: Optimizer | None,
    progress: Progress,
    config: dict[str, Any],
    inputs: dict[str, Any],
) -> None:
    """Writes a checkpoint; a crash at any moment leaves the old file or the new one, whole.

    ``inputs`` says what the model must be given. Without ``optimizer`` the file serves for
    predictions, not for going on.
    """
    from safetensors.numpy import save as encode

    tensors = {f"model.{k}": _array(v) for k, v in model.state_dict().items()}
    state = optimizer.state_dict() if optimizer else {"state": {}, "param_groups": None}
    plain: dict[str, dict[str, Any]] = {}
    for index, slots in state["state"].items():
        for key, value in slots.items():
            if hasattr(value, "numpy"):
                tensors[f"optimizer.{index}.{key}"] = _array(value)
            else:
                plain.setdefault(str(index), {})[key] = value
    tensors |= {f"random.{k}": _array(v) for k, v in progress.random.items()}
    about = {
        "format": FORMAT,
        "config": config,
        "inputs": inputs,
        "progress": {k: v for k, v in vars(progress).items() if k != "random"},
        "optimizer": {"groups": state["param_groups"], "state": plain},
        "crc32": {k: zlib.crc32(v.tobytes()) for k, v in sorted(tensors.items())},
    }
    write_atomically(path, encode(tensors, {_KEY: json.dumps(about)}))


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array(tensor.detach().numpy(), order="C")


def write_atomically(path: str, data: bytes) -> None:
    """Writes a file beside ``path``, brings it to the disk, then renames it."""
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise


@dataclass
class Checkpoint:
    """A checkpoint as read: what it says about itself, and its tensors."""

    path: str
    about: dict[str, Any]
    tensors: dict[str, Tensor]

    def config(self) -> dict[str, Any]:
        """The configuration of the run that wrote it."""
        return dict(self.about["config"])

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix`` and a point, without these."""
        start = len(prefix) + 1
        return {k[start:]: v for k, v in self.tensors.items() if k.startswith(prefix + ".")}

    def restore_model(self, model: Module) -> None:
        """Loads the model alone; UsageError if it is not the one that was saved."""
        try:
            model.load_state_dict(self.part("model"))
        except (RuntimeError, ValueError, KeyError) as e:
            raise self._misfit(e) from None

    def _misfit(self, error: Exception) -> UsageError:
        return UsageError(f"{self.path} does not fit this model: {' '.join(str(error).split())}")

    def restore(self, model: Module, optimizer: Optimizer) -> Progress:
        """Loads model and optimizer.

        Raises:
            UsageError: they are not those that were saved.
        """
        saved = self.about["optimizer"]
        if saved["groups"] is None:
            raise UsageError(
                f"{self.path} holds the model alone; go on from {NAME} of the same folder"
            )
        state: dict[int, dict[str, Any]] = {int(k): dict(v) for k, v in saved["state"].items()}
        for name, tensor in self.part("optimizer").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        self.restore_model(model)
        try:
            optimizer.load_state_dict({"state": state, "param_groups": saved["groups"]})
        except (RuntimeError, ValueError, KeyError) as e:
            raise self._misfit(e) from None
        return Progress(random=self.part("random"), **self.about["progress"])


def read(path: str) -> Checkpoint:
    """Reads a checkpoint, or the one in a run's folder.

    Raises:
        UsageError: missing, damaged, or not written by this program.
    """
    import lampas

    file = os.path.join(path, NAME) if os.path.isdir(path) else path
    if not os.path.isfile(file):
        raise UsageError(f"no checkpoint {file}; name a run's folder or its {NAME}")
    about, arrays = _decode(file)
    if about.get("format") != FORMAT:
        raise UsageError(
            f"{file} has format {about.get('format')}, this version of Lampas reads {FORMAT}; "
            "use the version that wrote it"
        )
    for name, value in arrays.items():
        if zlib.crc32(value.tobytes()) != about["crc32"].get(name):
            raise UsageError(f"{file} is damaged: {name} has changed since it was written")
    return Checkpoint(file, about, {k: lampas.from_numpy(v.copy()) for k, v in arrays.items()})


def chosen(path: str) -> Checkpoint:
    """A checkpoint; of a run's folder, the one of the model that its report is about.

    Raises:
        UsageError: as for :func:`read`.
    """
    from lampas.cli.train.config import Config

    saved = read(path)
    best = os.path.join(path, BEST)
    selects = Config(**saved.config()).selects
    return read(best) if os.path.isdir(path) and selects and os.path.isfile(best) else saved


def _decode(file: str) -> tuple[dict[str, Any], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            text = (opened.metadata() or {}).get(_KEY)
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}
    except (SafetensorError, OSError, ValueError) as e:
        raise UsageError(f"{file} is damaged or no safetensors file: {e}") from None
    if text is None:
        raise UsageError(f"{file} was not written by `lampas train`: its metadata lacks {_KEY!r}")
    try:
        return json.loads(text), arrays
    except ValueError as e:
        raise UsageError(f"{file} is damaged: its metadata is no JSON: {e}") from None
