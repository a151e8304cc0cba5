"""From losses to numbers: which ending a model takes, how often that is right, how sure that is.

A longer ending is less probable for its length alone; each measure divides the loss otherwise:

    accuracy                 not at all: acc of everyone
    accuracy_per_token       by its tokens: acc_norm of build-nanogpt and llm.c
    accuracy_per_character   by its characters: acc_norm of lm-evaluation-harness
    accuracy_per_byte        by its UTF-8 bytes: acc_bytes of lm-evaluation-harness

The published ones are comparable only under the same text (texts.py) and the whole split.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpt2.questions.texts import Written

# The 97.5 % point of the normal distribution.
Z95 = 1.959963984540054

Lengths = Callable[[Written], Sequence[int]]

MEASURES: dict[str, Lengths] = {
    "accuracy": lambda one: [1] * len(one.endings),
    "accuracy_per_token": lambda one: list(map(len, one.endings)),
    "accuracy_per_character": lambda one: one.characters,
    "accuracy_per_byte": lambda one: one.bytes,
}


@dataclass(frozen=True)
class Share:
    """So many right of so many asked."""

    right: int
    asked: int

    @property
    def value(self) -> float:
        return self.right / self.asked

    @property
    def standard_error(self) -> float:
        """Of the mean, with n - 1, as lm-evaluation-harness has it; nan for one question."""
        if self.asked < 2:
            return math.nan
        return math.sqrt(self.value * (1 - self.value) / (self.asked - 1))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % by Wilson (1927): it stays in [0, 1] and holds for few questions too."""
        n, p = self.asked, self.value
        middle = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
        half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
        return middle - half, middle + half

    def to_dict(self) -> dict[str, Any]:
        error = self.standard_error
        return {
            "value": self.value,
            "right": self.right,
            "asked": self.asked,
            "standard_error": None if math.isnan(error) else error,
            "interval_95": list(self.interval),
        }


def chosen(losses: Sequence[float], lengths: Sequence[int]) -> int:
    """The ending with the least loss for its length; the first of equals.

    An ending without length (the harness may leave none of it) is never taken.
    """
    means = [
        loss / length if length else math.inf for loss, length in zip(losses, lengths, strict=True)
    ]
    return means.index(min(means))


def answers(questions: Sequence[Written], losses: Mapping[int, Sequence[float]]) -> dict[str, str]:
    """By measure the ending taken for each question, as a digit each, in the order given."""
    return {
        name: "".join(str(chosen(losses[one.number], lengths(one))) for one in questions)
        for name, lengths in MEASURES.items()
    }


def shares(questions: Sequence[Written], given: Mapping[str, str]) -> dict[str, Share]:
    """By measure how many answers are right."""
    labels = "".join(str(one.label) for one in questions)
    return {
        name: Share(sum(map(str.__eq__, digits, labels)), len(labels))
        for name, digits in given.items()
    }
