"""Operators that are compositions of others and on nobody's hot path."""

from __future__ import annotations
