"""The version of Lampas, and the PyTorch release whose interface it follows."""

__version__ = "0.1.0"
torch_version = "2.13.0"
