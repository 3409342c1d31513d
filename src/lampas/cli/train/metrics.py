"""What an evaluation found, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Evaluation:
    """Labels and predictions of a whole data set, and the mean loss.

    Arrays of ``N``: the label, the predicted class, and the loss of each image; ``probabilities``
    is ``(N, classes)``.
    """

    labels: Any
    predicted: Any
    losses: Any
    probabilities: Any

    @property
    def total(self) -> int:
        """How many images."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """How many were right."""
        return int((self.labels == self.predicted).sum())

    @property
    def loss(self) -> float:
        """Mean loss."""
        return float(self.losses.astype("float64").mean())

    @property
    def accuracy(self) -> float:
        """Per cent, as the mission's program computes it."""
        return 100 * self.correct / self.total

    def top(self, count: int) -> float:
        """Per cent of images whose class is among the ``count`` most probable ones."""
        import numpy as np

        own = np.take_along_axis(self.probabilities, self.labels[:, None], 1)
        return 100 * float(((self.probabilities > own).sum(1) < count).mean())

    def surest(self) -> list[int]:
        """For each class that was recognised, the index of the right answer that is surest."""
        import numpy as np

        found = []
        for label in np.unique(self.labels):
            right = np.flatnonzero((self.labels == label) & (self.predicted == label))
            if len(right):
                found.append(int(right[self.probabilities[right, label].argmax()]))
        return found

    def confusion(self, classes: int) -> Any:
        """How often class ``row`` was taken for class ``column``: ``(classes, classes)``."""
        import numpy as np

        cells = self.labels * classes + self.predicted
        return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)

    def worst(self, count: int) -> list[int]:
        """Indices of the mistakes with the highest loss, the worst first."""
        import numpy as np

        wrong = np.flatnonzero(self.labels != self.predicted)
        order = np.argsort(-self.losses[wrong], kind="stable")
        return [int(i) for i in wrong[order][:count]]


def per_class(confusion: Any) -> list[dict[str, float]]:
    """Precision, recall, their harmonic mean and the number of images, for each class.

    >>> import numpy as np
    >>> per_class(np.array([[3, 1], [0, 4]]))[0]
    {'precision': 1.0, 'recall': 0.75, 'f1': 0.8571428571428571, 'images': 4}
    """
    rows = []
    for i in range(len(confusion)):
        right = int(confusion[i, i])
        images, answers = int(confusion[i].sum()), int(confusion[:, i].sum())
        both = images + answers
        rows.append(
            {
                "precision": right / answers if answers else 0.0,
                "recall": right / images if images else 0.0,
                "f1": 2 * right / both if both else 0.0,
                "images": images,
            }
        )
    return rows


def confused(confusion: Any, count: int) -> list[tuple[int, int, int]]:
    """The most frequent mistakes as ``(class, answer, how often)``.

    >>> import numpy as np
    >>> confused(np.array([[3, 1], [2, 4]]), 1)
    [(1, 0, 2)]
    """
    import numpy as np

    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = [(int(i) // len(wrong), int(i) % len(wrong)) for i in order]
    return [(i, j, int(wrong[i, j])) for i, j in pairs if wrong[i, j]]
