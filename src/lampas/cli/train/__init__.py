"""`lampas train`: the five steps as a job, with checkpoints and a report."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Trains what the arguments say; 130 after Ctrl-C."""
    from lampas.cli.train import options

    wanted, given = options.parse(argv)
    from lampas.cli.train import job

    try:
        return job.start(wanted, given)
    except KeyboardInterrupt:
        print("\nInterrupted; what the last complete epoch wrote is in the run's folder.")
        return job.INTERRUPTED
    except OSError as e:
        from lampas.cli import UsageError

        raise UsageError(f"{e.filename or 'a file of the run'}: {e.strerror or e}") from None
