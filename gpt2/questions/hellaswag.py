"""The published file of HellaSwag: JSON lines, one question each.

    {"ind": 24, "activity_label": "Roof shingle removal", "ctx_a": "A man is sitting on a roof.",
     "ctx_b": "he", "ctx": "A man is sitting on a roof. he", "label": 3,
     "endings": ["is using wrap to wrap a pair of skis.", ...], ...}

ctx is ctx_a, and where ctx_b has the beginning of the next sentence, a blank and ctx_b. WikiHow's
part of the questions has its marks in brackets: "[header] ... [step] ...". The published test
split has no labels; what is asked is the validation split.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt2.datasets.download import Progress, Resource, fetch
from gpt2.datasets.errors import CORRUPT, MISSING, DataError, reading_failed
from lib.cli import ROOT

# Size and SHA-256 as Hugging Face's `datasets` recorded them for the file of this address
# (datasets/hellaswag/dataset_infos.json).
VALIDATION = Resource(
    url="https://raw.githubusercontent.com/rowanz/hellaswag/master/data/hellaswag_val.jsonl",
    size=12_246_618,
    sha256="0aa3b88843990f3f10a97b9575c94d7b71fb2205240ba04ae4884d9e9c992588",
    mirror_path="hellaswag/hellaswag_val.jsonl",
)
VALIDATION_QUESTIONS = 10_042
ENDINGS = 4


@dataclass(frozen=True)
class Question:
    """One line of the file. `number` counts the questions from 0; `label` is the right ending."""

    number: int
    activity: str
    context: str
    context_a: str
    context_b: str
    endings: tuple[str, ...]
    label: int


def published_file(own: str, cache: Path, mirror: str, progress: Progress) -> Path:
    """The file to ask from: `own` where it is not empty, else the validation split, fetched.

    A relative `own` starts at the root of the repository. Raises DataError.
    """
    if not own:
        return fetch(VALIDATION, cache, mirror, progress)
    path = ROOT / own
    if not path.is_file():
        raise DataError(
            f"HELLASWAG_PATH={path} is no file. Name one in the published format, or leave it "
            "empty for the published validation split.",
            MISSING,
        )
    return path


def read_questions(path: Path) -> list[Question]:
    """Every question of a file. Raises DataError with the line of what is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _wrong(path, f"has bytes that are no UTF-8 ({error.reason})") from error
    except OSError as error:
        raise reading_failed(error, path) from error
    questions: list[Question] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            questions.append(_question(len(questions), json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise _wrong(path, f"has no question in line {number} ({what})") from error
    if not questions:
        raise _wrong(path, "has no questions")
    return questions


def _question(number: int, row: Mapping[str, Any]) -> Question:
    """Raises KeyError, TypeError or ValueError if the row is no question."""
    endings = row["endings"]
    if not isinstance(endings, list) or len(endings) != ENDINGS or not all(map(_is_text, endings)):
        raise ValueError(f"endings are not {ENDINGS} texts")
    # The copy on Hugging Face has the number as a text, and "" where it is not told.
    label = int(row["label"])
    if not 0 <= label < ENDINGS:
        raise ValueError(f"label {label} is none of 0 to {ENDINGS - 1}")
    context_a = row.get("ctx_a", row.get("ctx"))
    context_b = row.get("ctx_b", "")
    context = row.get("ctx", f"{context_a} {context_b}" if context_b else context_a)
    activity = row.get("activity_label", "")
    for text in (context_a, context_b, context, activity):
        if not isinstance(text, str):
            raise ValueError("the context or the activity is no text")
    if not context.strip():
        raise ValueError("the context is empty")
    return Question(number, activity, context, context_a, context_b, tuple(endings), label)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def spread(questions: list[Question], count: int) -> list[Question]:
    """`count` questions, evenly spaced, always the same ones; all of them for 0.

    The file has the shorter ActivityNet questions first, so its beginning is no fair sample.
    """
    total = len(questions)
    if count == 0 or count >= total:
        return questions
    return [questions[index * total // count] for index in range(count)]


def _wrong(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} {what}. It should hold HellaSwag's questions as published at "
        "github.com/rowanz/hellaswag.",
        CORRUPT,
    )
