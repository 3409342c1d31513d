"""`lampas predict`: what a trained model makes of pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lampas.cli import UsageError

EPILOG = """\
A picture of any size and kind will do: it is brought to the size, the colours and the scale that
the model was trained with, which its checkpoint knows. The middle of a longer picture counts,
transparent parts are white. A folder stands for all pictures in it. Needs Pillow.

examples:
  lampas predict runs/photos cat.jpg dog.png
  lampas predict runs/photos/best.safetensors holiday/ --top 1
  lampas predict runs/photos *.jpg --json > answers.json
  lampas predict runs/photos *.jpg --draw answers.png

The exit status is 1 if a picture could not be read; the others are answered all the same.
"""
_TOGETHER = 64


@dataclass
class Answer:
    """What came out for a file: the most probable classes first, or why there is nothing."""

    image: str
    classes: list[tuple[str, float]] = field(default_factory=list)
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        if self.error is not None:
            return {"image": self.image, "error": self.error}
        found = [{"class": name, "probability": round(p, 6)} for name, p in self.classes]
        return {"image": self.image, "classes": found}


def main(argv: Sequence[str]) -> int:
    """Prints the answers; 1 if a picture could not be read."""
    wanted = _parser().parse_args(list(argv))
    if wanted.top < 1:
        raise UsageError(f"--top {wanted.top}: must be at least 1")
    files = _files(wanted.image)
    if wanted.draw:
        from lampas.cli.predict import drawing

        drawing.check(wanted.draw, len(files))
    answers = _answers(wanted.checkpoint, files, wanted.top)
    if wanted.json:
        print(json.dumps([answer.as_dict() for answer in answers], indent=1, ensure_ascii=False))
    else:
        _print(answers)
    if wanted.draw:
        drawing.draw(wanted.draw, answers)
        print(f"drawn into {wanted.draw}", file=sys.stderr)
    return int(any(answer.error is not None for answer in answers))


def _parser() -> argparse.ArgumentParser:
    from lampas.cli.train.options import Parser

    p = Parser(
        prog="lampas predict",
        description="Say what a model that `lampas train` has trained makes of pictures.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("checkpoint", help="a run's folder, or a checkpoint in it")
    p.add_argument("image", nargs="+", help="files, or folders of them")
    p.add_argument("--top", type=int, default=3, metavar="N", help="classes for each picture (3)")
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("--draw", metavar="OUT", help="write the pictures with their answers, as PNG…")
    return p


def _files(names: Sequence[str]) -> list[str]:
    """The files, with folders replaced by the pictures in them."""
    from lampas.vision.datasets.folder import is_image_file

    found = []
    for name in names:
        if not os.path.isdir(name):
            found.append(name)
            continue
        inside = [
            os.path.join(folder, file)
            for folder, _, files in sorted(os.walk(name))
            for file in sorted(files)
            if is_image_file(file)
        ]
        if not inside:
            raise UsageError(f"{name} is a folder without pictures")
        found += inside
    return found


def _answers(path: str, files: list[str], top: int) -> list[Answer]:
    import numpy as np

    import lampas
    from lampas.cli.train import pictures, steps
    from lampas.cli.train.checkpoint import chosen
    from lampas.cli.train.config import Config
    from lampas.cli.train.data import Images, Inputs
    from lampas.utils.data import DataLoader

    saved = chosen(path)
    config, inputs = Config(**saved.config()), Inputs(**saved.about["inputs"])
    model = steps.create_model(config, inputs)
    saved.restore_model(model)
    model.eval()
    fit = steps.fitting(config, inputs)
    answers = [Answer(file) for file in files]
    for start in range(0, len(files), _TOGETHER):
        read: list[Answer] = []
        arrays = []
        for answer in answers[start : start + _TOGETHER]:
            try:
                arrays.append(pictures.read(answer.image, inputs.size, inputs.channels))
                read.append(answer)
            except pictures.Unreadable as e:
                answer.error = str(e)
        if not read:
            continue
        pixels = lampas.from_numpy(np.stack(arrays))
        images = Images(pixels, lampas.zeros(len(read), dtype=lampas.int64), inputs.transform())
        for batch, _ in DataLoader(images, batch_size=steps.together(config, inputs.size)):
            probabilities = steps.softmax(steps.answer(model, batch, config, fit).numpy())
            for answer, row in zip(read, probabilities, strict=False):
                order = np.argsort(-row, kind="stable")[:top]
                answer.classes = [(inputs.classes[i], float(row[i])) for i in order]
            read = read[len(batch) :]
    return answers


def _print(answers: list[Answer]) -> None:
    width = max(len(answer.image) for answer in answers)
    for answer in answers:
        if answer.error is not None:
            print(f"lampas predict: {answer.image} {answer.error}", file=sys.stderr, flush=True)
            continue
        shares = "   ".join(f"{100 * p:5.1f}% {name}" for name, p in answer.classes)
        print(f"{answer.image:<{width}}  {shares}")
