"""Times of statements: measured on one thread unless told, over enough runs to be trusted.

>>> import lampas
>>> from lampas.utils.benchmark import Timer
>>> timer = Timer("x + y", globals={"x": lampas.ones(8), "y": lampas.ones(8)})
>>> timer.timeit(10).median > 0
True
"""

from __future__ import annotations

from lampas.utils.benchmark._compare import Compare
from lampas.utils.benchmark._measurement import Measurement, TaskSpec, select_unit
from lampas.utils.benchmark._timer import Timer

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "select_unit"]
