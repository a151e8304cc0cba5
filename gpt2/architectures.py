"""From the options of a run to its model: the one place where families of models part."""

from collections.abc import Mapping
from typing import Any

from gpt2.model import GPT
from gpt2.ra import step_model
from gpt2.reciprocal.options import Options, step_of
from gpt2.shape import shape_of


def model_of(settings: Mapping[str, Any], vocab_size: int, seed: int | None) -> GPT:
    """The model of a run, on the processor; with no seed its weights are to be loaded next.

    vocab_size: tokens of its tokenizer, before padding. Raises ValueError where sizes do not fit.
    """
    shape, step = shape_of(settings, vocab_size), step_of(settings)
    if step is None:
        return GPT(shape, seed)
    return step_model(shape, step, Options.of(settings), seed)
