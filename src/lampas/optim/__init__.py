"""Optimizers and learning-rate schedulers."""

from __future__ import annotations

from typing import Any

from lampas.optim import lr_scheduler as lr_scheduler
from lampas.optim._adafactor import Adafactor
from lampas.optim._muon import Muon
from lampas.optim._stateless import swap_in_optimizer_params_and_state
from lampas.optim.adadelta import Adadelta
from lampas.optim.adagrad import Adagrad
from lampas.optim.adam import Adam
from lampas.optim.adamax import Adamax
from lampas.optim.adamw import AdamW
from lampas.optim.asgd import ASGD
from lampas.optim.lbfgs import LBFGS
from lampas.optim.nadam import NAdam
from lampas.optim.optimizer import Optimizer
from lampas.optim.radam import RAdam
from lampas.optim.rmsprop import RMSprop
from lampas.optim.rprop import Rprop
from lampas.optim.sgd import SGD

__all__ = [
    "ASGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LBFGS",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "lr_scheduler",
    "swa_utils",
    "swap_in_optimizer_params_and_state",
]


def __getattr__(name: str) -> Any:
    # Averaged models are modules: lampas.nn is needed for them alone.
    if name == "swa_utils":
        import importlib

        return importlib.import_module("lampas.optim.swa_utils")
    raise AttributeError(f"module 'lampas.optim' has no attribute {name!r}")
