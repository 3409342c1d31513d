"""`lampas train`: the five steps as a job, with checkpoints and a report."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Trains what the arguments say; 130 after Ctrl-C."""
    from lampas.cli.train import config

    wanted, given = config.parse(argv)
    from lampas.cli.train import job

    return job.start(wanted, given)
