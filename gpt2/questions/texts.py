"""What of a question the model reads: two conventions, whose numbers must not be mixed.

    published   ctx, a blank, the ending: build-nanogpt (hellaswag.py) and llm.c. The 124M model
                that OpenAI published: 28.59 % accuracy, 29.55 % by the mean over tokens.
    harness     lm-evaluation-harness 0.4 (tasks/hellaswag/utils.py): the activity, ctx_a, ctx_b
                capitalised, WikiHow's marks taken out. The same model: 28.92 %, 31.14 % by the
                mean over characters.

Both figures are as build-nanogpt's hellaswag.py quotes them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpt2.datasets.tokenizers import Tokenizer
from gpt2.questions.hellaswag import Question


@dataclass(frozen=True)
class Written:
    """A question as tokens; the lengths of an ending's text are those without the blank."""

    number: int
    label: int
    context: tuple[int, ...]
    endings: tuple[tuple[int, ...], ...]
    characters: tuple[int, ...]
    bytes: tuple[int, ...]
    is_cut: bool = False
    """Whether the context lost its beginning, because it was longer than the model's."""

    @property
    def longest(self) -> int:
        return max(map(len, self.endings))


def write(question: Question, text: str, tokenizer: Tokenizer) -> Written:
    """A question under one of TEXTS, in tokens."""
    context, endings, encode = TEXTS[text](question)
    pairs = [encode(tokenizer, context, " " + ending) for ending in endings]
    return Written(
        number=question.number,
        label=question.label,
        # The same for every ending: no token reaches across the blank before an ending.
        context=pairs[0][0],
        endings=tuple(ending for _, ending in pairs),
        characters=tuple(map(len, endings)),
        bytes=tuple(len(ending.encode()) for ending in endings),
    )


def fit(questions: Sequence[Written], block_size: int) -> list[Written]:
    """The questions, with contexts cut from the left where they are too long for the model.

    All endings of a question keep the same context. Raises ValueError if an ending alone is too
    long, because then there would be nothing to compare.
    """
    fitting = []
    for written in questions:
        # The last token of an ending is predicted and never read.
        room = block_size + 1 - written.longest
        if room < 1:
            raise ValueError(
                f"HellaSwag's question {written.number} has an ending of {written.longest} "
                f"tokens, and BLOCK_SIZE={block_size} of this run cannot hold it with its "
                "context. Only a run with a longer context can be asked."
            )
        is_cut = len(written.context) > room
        context = written.context[-room:]
        fitting.append(
            Written(
                written.number,
                written.label,
                context,
                written.endings,
                written.characters,
                written.bytes,
                is_cut,
            )
        )
    return fitting


Encoded = tuple[tuple[int, ...], tuple[int, ...]]
Encode = Callable[[Tokenizer, str, str], Encoded]


def _published(question: Question) -> tuple[str, tuple[str, ...], Encode]:
    return question.context, question.endings, _apart


def _harness(question: Question) -> tuple[str, tuple[str, ...], Encode]:
    context = f"{question.context_a} {question.context_b.capitalize()}"
    endings = tuple(map(_cleaned, question.endings))
    return _cleaned(f"{question.activity}: {context}"), endings, _together


def _cleaned(text: str) -> str:
    """Without WikiHow's marks; what the harness calls preprocess, in its order."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def _apart(tokenizer: Tokenizer, context: str, ending: str) -> Encoded:
    return tuple(tokenizer.encode(context).tolist()), tuple(tokenizer.encode(ending).tolist())


def _together(tokenizer: Tokenizer, context: str, ending: str) -> Encoded:
    """As the harness does: blanks at the context's end go to the ending, both are one text."""
    bare = context.rstrip()
    before = tuple(tokenizer.encode(bare).tolist())
    whole = tuple(tokenizer.encode(context + ending).tolist())
    return before, whole[len(before) :]


TEXTS: dict[str, Callable[[Question], tuple[str, tuple[str, ...], Encode]]] = {
    "published": _published,
    "harness": _harness,
}
