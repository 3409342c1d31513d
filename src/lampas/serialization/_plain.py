"""Standard types without behaviour, read where ``weights_only=False``."""

from __future__ import annotations

import argparse
import datetime
import decimal
import fractions
import pathlib
import types

PLAIN: dict[str, type] = {
    "argparse.Namespace": argparse.Namespace,
    "types.SimpleNamespace": types.SimpleNamespace,
    "datetime.datetime": datetime.datetime,
    "datetime.date": datetime.date,
    "datetime.time": datetime.time,
    "datetime.timedelta": datetime.timedelta,
    "datetime.timezone": datetime.timezone,
    "decimal.Decimal": decimal.Decimal,
    "fractions.Fraction": fractions.Fraction,
}
# A path of another system is still a name.
for _module in ("pathlib", "pathlib._local"):
    for _name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
        _native = getattr(pathlib, _name)
        _usable = not issubclass(_native, pathlib.Path) or _native is type(pathlib.Path())
        PLAIN[f"{_module}.{_name}"] = (
            _native if _usable else getattr(pathlib, f"Pure{_name.removeprefix('Pure')}")
        )
