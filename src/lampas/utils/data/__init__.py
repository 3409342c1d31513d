"""Datasets, samplers and the loader that turns them into batches.

>>> import lampas
>>> from lampas.utils.data import DataLoader, TensorDataset
>>> data = TensorDataset(lampas.arange(6).view(6, 1), lampas.arange(6))
>>> for inputs, labels in DataLoader(data, batch_size=4):
...     print(tuple(inputs.shape), labels.tolist())
(4, 1) [0, 1, 2, 3]
(2, 1) [4, 5]
"""

from __future__ import annotations

from lampas.utils.data._utils.collate import default_collate, default_convert
from lampas.utils.data._utils.worker import get_worker_info
from lampas.utils.data._validation import (
    argument_validation,
    guaranteed_datapipes_determinism,
    non_deterministic,
    runtime_validation,
    runtime_validation_disabled,
)
from lampas.utils.data.dataloader import DataLoader, _DatasetKind
from lampas.utils.data.datapipe import (
    DataChunk,
    DFIterDataPipe,
    IterDataPipe,
    MapDataPipe,
    functional_datapipe,
)
from lampas.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from lampas.utils.data.distributed import DistributedSampler
from lampas.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DFIterDataPipe",
    "DataChunk",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterDataPipe",
    "IterableDataset",
    "MapDataPipe",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "_DatasetKind",
    "argument_validation",
    "default_collate",
    "default_convert",
    "functional_datapipe",
    "get_worker_info",
    "guaranteed_datapipes_determinism",
    "non_deterministic",
    "random_split",
    "runtime_validation",
    "runtime_validation_disabled",
]
