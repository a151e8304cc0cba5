"""What a training shows on the side: samples and HellaSwag, every so many steps and at the end.

Neither touches the training: they draw no number from its streams, leave the model as it was, and
keep nothing from one step to the next, so a resumed run shows what an uninterrupted one shows.
What they need is fetched and checked before the first step, so that nothing is missing at step
10,000.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets.manifest import TokenizerInfo
from gpt2.datasets.tokenizers import Tokenizer, tokenizer_of
from gpt2.evaluate import NotFinite
from gpt2.generate import Sampling, write_texts
from gpt2.model import GPT
from gpt2.questions.accuracy import answers, shares
from gpt2.questions.exam import Exam, exam_of
from gpt2.questions.scoring import ask
from lib.rng import stream_seed

# Of a sample, so much goes to the terminal; all of it is in metrics.jsonl.
SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Shown:
    """One evaluation: a row for metrics.jsonl by its kind and values, and a line for people."""

    kind: str
    values: dict[str, Any]
    line: str


class SideEvaluations:
    """The samples and questions of one run; empty where the configuration asks for none."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        info: TokenizerInfo,
        device: str,
        say: Callable[[str], None],
    ) -> None:
        """info: of the prepared dataset. device: as torch names it. `say` receives lines.

        Raises DataError where a file cannot be had or HellaSwag makes no sense for these tokens.
        """
        self._settings = settings
        self._device = device
        self._sample_interval: int = settings["SAMPLE_INTERVAL"]
        self._exam_interval: int = settings["HELLASWAG_INTERVAL"]
        self._tokenizer: Tokenizer | None = None
        self._exam: Exam | None = None
        if self._sample_interval:
            cache = data_arguments(settings)["data_dir"] / "cache"
            self._tokenizer = tokenizer_of(info, cache, mirror(settings), say)
        if self._exam_interval:
            self._exam = exam_of(settings, info, settings["HELLASWAG_ITEMS"], say)

    def due(
        self,
        step: int,
        is_last: bool,
        model: GPT,
        autocast: AbstractContextManager[None],
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> list[Shown] | None:
        """What is to be shown after `step` optimizer steps.

        `may_go_on` is asked before each token and batch; None as soon as it says no, also of what
        is known by then, so that all of it is shown once and nothing by halves.

        A model whose predictions are not finite shows nothing: that the run has diverged is for
        the training to find and to say.
        """
        found: list[Shown] = []
        with suppress(NotFinite):
            if self._tokenizer is not None and (is_last or step % self._sample_interval == 0):
                sample = self._sample(self._tokenizer, step, model, autocast, may_go_on)
                if sample is None:
                    return None
                found.append(sample)
            if self._exam is not None and (is_last or step % self._exam_interval == 0):
                examined = self._examine(self._exam, step, model, autocast, may_go_on)
                if examined is None:
                    return None
                found.append(examined)
        return found

    def _sample(
        self,
        tokenizer: Tokenizer,
        step: int,
        model: GPT,
        autocast: AbstractContextManager[None],
        may_go_on: Callable[[], bool],
    ) -> Shown | None:
        start = time.perf_counter()
        sampling = Sampling.of(self._settings)
        # By the step, so that neither the interval nor a resumption moves the draws.
        seed = stream_seed(self._settings["SEED"], "sample") + step
        texts = write_texts(
            model, tokenizer, "", 1, sampling, seed, self._device, autocast, may_go_on
        )
        if texts is None:
            return None
        (text,) = texts
        values = {
            "text": text,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "sample_s": time.perf_counter() - start,
        }
        more = " ..." if len(text) > SHOWN_CHARACTERS else ""
        # As one line, because a model writes newlines and control characters too.
        return Shown("sample", values, f"sample: {text[:SHOWN_CHARACTERS]!r}{more}")

    def _examine(
        self,
        exam: Exam,
        step: int,
        model: GPT,
        autocast: AbstractContextManager[None],
        may_go_on: Callable[[], bool],
    ) -> Shown | None:
        start = time.perf_counter()
        losses = ask(
            model, exam.questions, self._device, autocast, {}, lambda losses: None, may_go_on
        )
        if losses is None:
            return None
        right = shares(exam.questions, answers(exam.questions, losses))
        headline = right["accuracy_per_token"]
        values = {
            **{name: share.value for name, share in right.items()},
            "standard_error": headline.standard_error,
            "questions": headline.asked,
            "cut": exam.cut,
            "questions_text": exam.text,
            "hellaswag_s": time.perf_counter() - start,
        }
        line = (
            f"HellaSwag {100 * right['accuracy'].value:.1f} %, by the mean over tokens "
            f"{100 * headline.value:.1f} % ({headline.asked:,} questions, standard error "
            f"{100 * headline.standard_error:.1f})"
        )
        return Shown("hellaswag", values, line)
