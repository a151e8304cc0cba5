"""The questions that one run is asked: which file, which of them, as its tokens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets.errors import USAGE, DataError
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.tokenizers import tokenizer_of
from gpt2.questions.hellaswag import published_file, read_questions, spread
from gpt2.questions.texts import Written, fit, write
from lib.files import sha256_file


@dataclass(frozen=True)
class Exam:
    """Questions that fit a model; `total` is how many the file has, `sha256` the file's."""

    questions: list[Written]
    total: int
    sha256: str
    text: str

    @property
    def cut(self) -> int:
        """Questions whose context lost its beginning."""
        return sum(one.is_cut for one in self.questions)


def exam_of(
    settings: Mapping[str, Any], info: TokenizerInfo, count: int, say: Callable[[str], None]
) -> Exam:
    """`count` questions, or all for 0, for a run with these settings and this tokenizer.

    Raises DataError where the tokens are not GPT-2's or the file cannot be had, ValueError where
    the run's context is too short.
    """
    if info.name != "gpt2":
        raise DataError(
            f"HellaSwag needs a model with GPT-2's tokens, and this run's are {info.name}. "
            "Train with DATASET=shakespeare, or another dataset of GPT-2's tokens.",
            USAGE,
        )
    cache = data_arguments(settings)["data_dir"] / "cache"
    tokenizer = tokenizer_of(info, cache, mirror(settings), say)
    path = published_file(settings["HELLASWAG_PATH"], cache, mirror(settings), say)
    questions = read_questions(path)
    text = settings["HELLASWAG_TEXT"]
    written = [write(one, text, tokenizer) for one in spread(questions, count)]
    fitting = fit(written, settings["BLOCK_SIZE"])
    return Exam(fitting, len(questions), sha256_file(path), text)
