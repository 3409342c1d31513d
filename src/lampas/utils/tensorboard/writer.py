"""The writer of event files."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from lampas.utils.tensorboard import messages
from lampas.utils.tensorboard.records import record

if TYPE_CHECKING:
    import numpy as np


def _array(value: Any) -> np.ndarray[Any, Any]:
    """A tensor, array or sequence as an array."""
    import numpy as np

    if hasattr(value, "detach"):
        value = value.detach().numpy()
    return np.asarray(value)


def _number(tag: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"add_scalar: the value of {tag!r} is no number: {error}") from None


class SummaryWriter:
    """Writes what TensorBoard shows into an event file.

    Args:
        log_dir: the folder; ``runs/<date-time>_<host>`` if it is not given. It is created.
        comment: goes behind the default name of the folder.
        purge_step: accepted for PyTorch's sake; TensorBoard itself drops steps that were repeated.
        max_queue: how many events wait in memory before they are written.
        flush_secs: how long, in seconds, they wait at most.
        filename_suffix: goes behind the name of the file.

    A writer is a context manager, and closes at the end of it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", 0.25, 1)
    ...     len(os.listdir(folder))
    1
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        import socket

        if not log_dir:
            stamp = time.strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{stamp}_{socket.gethostname()}{comment}")
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue, self.flush_secs = max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self._host = socket.gethostname()
        self._waiting: list[bytes] = []
        self._parts: dict[str, SummaryWriter] = {}
        self._path: str | None = None
        self._open()

    def _open(self) -> None:
        os.makedirs(self.log_dir, exist_ok=True)
        now = time.time()
        # TensorBoard reads the files of a folder in the order of their names: time comes first.
        stem = f"events.out.tfevents.{now:017.6f}.{self._host}.{os.getpid()}"
        self._path = os.path.join(self.log_dir, stem + self.filename_suffix)
        self._flushed = now
        self._waiting.append(record(messages.version(now)))
        self.flush()

    def _write(self, values: list[bytes], step: int | None, wall_time: float | None) -> None:
        if self._path is None:
            self._open()
        now = time.time() if wall_time is None else wall_time
        self._waiting.append(record(messages.event(now, int(step or 0), values)))
        late = time.time() - self._flushed > self.flush_secs
        if len(self._waiting) > self.max_queue or late:
            self.flush()

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Writes a number: a float, or a tensor or array with one element.

        Raises:
            TypeError: something else.
        """
        self._write([messages.scalar(tag, _number(tag, scalar_value))], global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes numbers that share a chart; each goes into a folder of its own, as a run."""
        for tag, value in tag_scalar_dict.items():
            folder = os.path.join(self.log_dir, f"{main_tag}_{tag}".replace("/", "_"))
            if folder not in self._parts:
                self._parts[folder] = SummaryWriter(
                    folder, max_queue=self.max_queue, flush_secs=self.flush_secs
                )
            self._parts[folder].add_scalar(main_tag, value, global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Writes how values are distributed.

        Args:
            tag: name of the chart.
            values: tensor or array of any shape.
            global_step: number of the step.
            bins: as ``numpy.histogram`` takes them; ``tensorflow`` is 64 equal ones.
            walltime: seconds since 1970, instead of now.
            max_bins: the most bins, where ``bins`` gives their number.

        Raises:
            ValueError: no values, or infinite ones.
        """
        wanted = 64 if isinstance(bins, str) and bins == "tensorflow" else bins
        if max_bins is not None and isinstance(wanted, int):
            wanted = min(wanted, max_bins)
        self._write([messages.histogram(tag, _array(values), wanted)], global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Writes an image: uint8, or floats from 0 to 1.

        Args:
            tag: name of the image.
            img_tensor: tensor or array with the dimensions that ``dataformats`` names.
            global_step: number of the step.
            walltime: seconds since 1970, instead of now.
            dataformats: ``CHW``, ``HWC``, ``HW`` or any other order of these.

        Raises:
            ValueError: the dimensions are not those of ``dataformats``.
        """
        pixels, order = _array(img_tensor), dataformats.upper()
        if sorted(order) not in (["H", "W"], ["C", "H", "W"]) or pixels.ndim != len(order):
            raise ValueError(
                f"add_image: dataformats={dataformats!r} does not fit the shape {pixels.shape}; "
                "give one letter of C, H, W for each dimension"
            )
        pixels = pixels[..., None] if "C" not in order else pixels
        order = order if "C" in order else order + "C"
        pixels = pixels.transpose([order.index(d) for d in "HWC"])
        if pixels.dtype.kind == "f":
            pixels = (pixels.clip(0, 1) * 255).round()
        self._write([messages.image(tag, pixels.astype("uint8"))], global_step, walltime)

    def add_text(
        self,
        tag: str,
        text_string: str,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes text, which TensorBoard reads as Markdown."""
        self._write([messages.text(tag, text_string)], global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Writes settings and what they led to, as a run of TensorBoard's HParams page.

        Args:
            hparam_dict: settings: numbers, booleans, text.
            metric_dict: results: numbers.
            hparam_domain_discrete: accepted for PyTorch's sake; the page finds the values itself.
            run_name: folder of the run inside ``log_dir``; the time if it is not given.
            global_step: number of the step.
        """
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        with SummaryWriter(folder) as part:
            for value in messages.hparams(hparam_dict, list(metric_dict)):
                part._write([value], global_step, None)
            for tag, number in metric_dict.items():
                part.add_scalar(tag, number, global_step)

    def flush(self) -> None:
        """Writes what is still in memory."""
        if self._waiting and self._path is not None:
            with open(self._path, "ab") as file:
                file.write(b"".join(self._waiting))
            self._waiting.clear()
        self._flushed = time.time()
        for part in self._parts.values():
            part.flush()

    def close(self) -> None:
        """Writes what is still in memory; a later event would begin a new file."""
        self.flush()
        for part in self._parts.values():
            part.close()
        self._parts.clear()
        self._path = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
