"""Signal processing: windows."""

from lampas.signal import windows

__all__ = ["windows"]
