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


# Numbers of element types in event files.
_TYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8,
    "int64": 9, "bool": 10, "bfloat16": 14, "complex128": 18, "float16": 19,
}  # fmt: skip


def _grid(batch: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Images ``(N, H, W, C)`` side by side, eight in a row."""
    import numpy as np

    n, height, width, channels = batch.shape
    columns = min(n, 8)
    rows = -(-n // columns)
    blank = np.zeros((rows * columns - n, height, width, channels), dtype=batch.dtype)
    cells = np.concatenate([batch, blank]).reshape(rows, columns, height, width, channels)
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


class SummaryWriter:
    """Writes what TensorBoard shows into an event file.

    Args:
        log_dir: the folder; ``runs/<date-time>_<host>`` if it is not given. It is created.
        comment: goes behind the default name of the folder.
        purge_step: a program that begins again at this step: TensorBoard hides what an earlier run
            wrote for later ones.
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
        if self.purge_step is not None:
            self._waiting.append(record(messages.start(now, self.purge_step)))
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

        Args:
            tag: name of the chart.
            scalar_value: the number.
            global_step: number of the step.
            walltime: seconds since 1970, instead of now.
            new_style: as a tensor, which newer readers prefer.
            double_precision: in the new style: with all digits of a float64.

        Raises:
            TypeError: something else.
        """
        value = messages.scalar(tag, _number(tag, scalar_value), new_style, double_precision)
        self._write([value], global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """Writes a tensor as it is.

        Raises:
            ValueError: an element type that event files do not have.
        """
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in _TYPES:
            raise ValueError(f"add_tensor: {tag!r} has element type {kind}")
        # bfloat16 is none of NumPy's: its bits are.
        flat = tensor.detach().contiguous() if hasattr(tensor, "detach") else tensor
        if kind == "bfloat16":
            from lampas import _C

            flat = flat.view(_C.int16)
        content, sizes = _array(flat).tobytes(), tuple(tensor.shape)
        self._write([messages.tensor(tag, _TYPES[kind], sizes, content)], global_step, walltime)

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
            bins: as ``numpy.histogram`` takes them; ``tensorflow`` is limits that grow by a tenth
                each, on both sides of zero.
            walltime: seconds since 1970, instead of now.
            max_bins: the most bins; neighbours are joined if there are more.

        Raises:
            ValueError: no values, or infinite ones.
        """
        wanted = None if isinstance(bins, str) and bins == "tensorflow" else bins
        value = messages.histogram(tag, _array(values), wanted, max_bins)
        self._write([value], global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: float,
        sum: float,
        sum_squares: float,
        bucket_limits: Any,
        bucket_counts: Any,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Writes a histogram that was counted elsewhere.

        Raises:
            ValueError: not as many limits as counts.
        """
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError(
                f"len(bucket_limits) != len(bucket_counts): {len(bucket_limits)} and "
                f"{len(bucket_counts)}"
            )
        value = messages.histogram_raw(
            tag, min, max, num, sum, sum_squares, _array(bucket_limits), _array(bucket_counts)
        )
        self._write([value], global_step, walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Writes a precision-recall curve.

        Args:
            tag: name of the chart.
            labels: 0 or 1 for each sample.
            predictions: probabilities of 1.
            global_step: number of the step.
            num_thresholds: how many points the curve has; 127 at most.
            weights: of the samples.
            walltime: seconds since 1970, instead of now.
        """
        import numpy as np

        truth, p = _array(labels).ravel() > 0, _array(predictions).ravel().astype(np.float64)
        w = np.ones(p.shape) if weights is None else _array(weights).ravel().astype(np.float64)
        n = np.minimum(num_thresholds, 127)
        place = np.floor(p * (n - 1)).astype(np.int64)
        above = [np.bincount(place[m], w[m], int(n))[::-1].cumsum()[::-1] for m in (truth, ~truth)]
        tp, fp = above
        tn, fn = fp[0] - fp, tp[0] - tp
        precision, recall = tp / np.maximum(1e-7, tp + fp), tp / np.maximum(1e-7, tp + fn)
        rows = np.stack([tp, fp, tn, fn, precision, recall])
        self._write([messages.pr_curve(tag, rows)], global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: int | None = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Writes sound: numbers from -1 to 1 of shape ``(1, frames)`` or ``(frames,)``."""
        samples = _array(snd_tensor).squeeze()
        if samples.ndim > 1:
            raise ValueError(f"add_audio: expected one channel, got shape {samples.shape}")
        scaled = (samples.reshape(-1, 1).clip(-1, 1) * 32767).astype("int16")
        self._write([messages.audio(tag, sample_rate, scaled)], global_step, walltime)

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
            pixels = (pixels * 255).clip(0, 255)
        self._write([messages.image(tag, pixels.astype("uint8"))], global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Writes a batch of images as one, eight in a row; otherwise as :meth:`add_image`."""
        batch, order = _array(img_tensor), dataformats.upper()
        if sorted(order) not in (["H", "N", "W"], ["C", "H", "N", "W"]) or batch.ndim != len(order):
            raise ValueError(
                f"add_images: dataformats={dataformats!r} does not fit the shape {batch.shape}; "
                "give one letter of N, C, H, W for each dimension"
            )
        batch = batch if "C" in order else batch[..., None]
        order = order if "C" in order else order + "C"
        batch = batch.transpose([order.index(d) for d in "NHWC"])
        grid = _grid(batch)
        self.add_image(tag, grid, global_step, walltime, dataformats="HWC")

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """Writes one of matplotlib's figures, or a list of them.

        Args:
            tag: name of the image.
            figure: the figure.
            global_step: number of the step.
            close: close it afterwards.
            walltime: seconds since 1970, instead of now.
        """
        import numpy as np
        from matplotlib import pyplot
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        drawn = []
        for one in figure if isinstance(figure, list) else [figure]:
            canvas = FigureCanvasAgg(one)
            canvas.draw()
            drawn.append(np.asarray(canvas.buffer_rgba())[..., :3])
            if close:
                pyplot.close(one)
        if isinstance(figure, list):
            self.add_images(tag, np.stack(drawn), global_step, walltime, dataformats="NHWC")
        else:
            self.add_image(tag, drawn[0], global_step, walltime, dataformats="HWC")

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
            hparam_domain_discrete: the values that a setting may have, by its name.
            run_name: folder of the run inside ``log_dir``; the time if it is not given.
            global_step: number of the step.
        """
        folder = os.path.join(self.log_dir, run_name or str(time.time()))
        with SummaryWriter(folder) as part:
            unknown = set(hparam_domain_discrete or {}) - set(hparam_dict)
            if unknown:
                raise TypeError(f"add_hparams: values for {sorted(unknown)}, which are no settings")
            values = messages.hparams(hparam_dict, list(metric_dict), hparam_domain_discrete)
            for value in values:
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
