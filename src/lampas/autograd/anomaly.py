"""Anomaly detection: where a NaN gradient or a failing backward came from."""

from __future__ import annotations

import warnings

from lampas import _C


class detect_anomaly:
    """In this block every node remembers the Python lines of its forward call.

    An error in backward then shows them, and a NaN gradient is an error (check_nan). A warning says
    that programs are slower with it.
    """

    def __init__(self, check_nan: bool = True) -> None:
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = _C._anomaly()
        _C._set_anomaly(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        _C._set_anomaly(*self._before)


class set_detect_anomaly:
    """Switches anomaly detection on or off, at once or for a `with` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = _C._anomaly()
        _C._set_anomaly(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _C._set_anomaly(*self._before)
