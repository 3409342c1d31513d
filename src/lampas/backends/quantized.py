"""Engines of quantized operators: none is here."""

from __future__ import annotations

engine = "none"
supported_engines = ["none"]
