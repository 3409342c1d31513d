"""Weights from addresses, under the name that older programs use."""

from __future__ import annotations

from lampas.hub import load_state_dict_from_url
from lampas.hub import load_state_dict_from_url as load_url

__all__ = ["load_state_dict_from_url", "load_url"]
