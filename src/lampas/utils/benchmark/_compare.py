"""Measurements side by side."""

from __future__ import annotations

from collections.abc import Iterable

from lampas.utils.benchmark._measurement import Measurement, select_unit

_LONG = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
# By number of threads and name; in each row by description.
_Rows = dict[tuple[int, str], dict[str, Measurement]]


class Compare:
    """Tables of measurements: one for each label, sub-labels down, descriptions across.

    Args:
        results: the measurements.

    >>> from lampas.utils.benchmark import Measurement, TaskSpec
    >>> task = lambda column: TaskSpec("x", label="add", sub_label="8", description=column)
    >>> slow, fast = Measurement(1, [3e-6], task("old")), Measurement(1, [2e-6], task("new"))
    >>> print(Compare([slow, fast]))
    [--------- add ---------]
               |  old  |  new
    1 threads: --------------
          8    |   3   |   2
    <BLANKLINE>
    Times are in microseconds (us).
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim = self._highlight = False
        self._green: str | None = None
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Adds more of them."""
        results = list(results)
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(
                    f"Expected an instance of `Measurement`, got {type(r).__name__} instead."
                )
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Shows no more digits than the times agree on."""
        self._trim = True

    def highlight_warnings(self) -> None:
        """Shows by how much times vary, where that is more than a tenth."""
        self._highlight = True

    def colorize(self, rowwise: bool = False) -> None:
        """Shows in green what takes at most a tenth more than the shortest time.

        Args:
            rowwise: of its row, instead of its column.
        """
        self._green = "row" if rowwise else "column"

    def print(self) -> None:
        """Prints the tables."""
        print(self)

    def __str__(self) -> str:
        labels: dict[str, list[Measurement]] = {}
        for m in Measurement.merge(self._results):
            labels.setdefault(m.task_spec.label or m.task_spec.stmt, []).append(m)
        return "\n\n".join(self._table(label, group) for label, group in labels.items())

    def _cell(self, m: Measurement | None, scale: float) -> str:
        if m is None:
            return ""
        value = m.median / scale
        digits = 1
        if self._trim or value >= 100 or value == int(value):
            digits = 0 if value >= 10 or value == int(value) else 1
        text = f"{value:.{digits}f}"
        if self._highlight and len(m.raw_times) > 1 and m.has_warnings:
            text += f" (! {m.iqr / m.median:.0%})"
        return text

    def _is_green(self, m: Measurement, row: dict[str, Measurement], table: _Rows) -> bool:
        """Whether it is among the shortest of its row or column."""
        column = m.task_spec.description or ""
        beside = list(row.values()) if self._green == "row" else (
            [r[column] for r in table.values() if column in r]
        )  # fmt: skip
        best = min(other.median for other in beside)
        return self._green is not None and len(beside) > 1 and m.median <= 1.1 * best

    def _table(self, label: str, group: list[Measurement]) -> str:
        columns = list(dict.fromkeys(m.task_spec.description or "" for m in group))
        unit, scale = select_unit(min(m.median for m in group))
        table: _Rows = {}
        for m in group:
            row = table.setdefault((m.task_spec.num_threads, m.as_row_name), {})
            row[m.task_spec.description or ""] = m
        left = max(len("1 threads: "), 8 + max(len(name) for _, name in table))
        texts = {k: [self._cell(r.get(c), scale) for c in columns] for k, r in table.items()}
        widths = [max(len(c), *(len(v[i]) for v in texts.values())) for i, c in enumerate(columns)]
        head = " " * left + "|" + "|".join(
            f"  {c:^{w}}  " for c, w in zip(columns, widths, strict=True)
        )  # fmt: skip
        head = head.rstrip()
        out = [f"[{f' {label} ':-^{max(len(head) - 2, len(label) + 4)}}]", head]
        before = None
        for (threads, name), found in table.items():
            if threads != before:
                rule = f"{threads} threads: "
                out.append(rule + "-" * (len(head) - len(rule)))
                before = threads
            cells = []
            for column, text, width in zip(columns, texts[threads, name], widths, strict=True):
                cell = f"  {text:^{width}}  "
                if column in found and self._is_green(found[column], found, table):
                    cell = cell.replace(text, f"\033[92m{text}\033[0m")
                cells.append(cell)
            out.append(f"{'      ' + name:<{left}}|{'|'.join(cells)}".rstrip())
        return "\n".join([*out, "", f"Times are in {_LONG[unit]} ({unit})."])
