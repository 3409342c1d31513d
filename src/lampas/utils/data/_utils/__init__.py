"""What the loader is made of: collating, fetching, worker processes."""

from __future__ import annotations
