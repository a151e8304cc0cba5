"""HYPER_PARAM=auto: find the largest micro-batch that fits, before the first optimizer step."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gpt2.budget import batch_of
from gpt2.execution import Loss, attention_in_use, rehearse
from gpt2.footprint import Fit, fit_micro_batch, step_bytes
from gpt2.model import GPT
from gpt2.sizes import FLOAT32_BYTES, optimizer_numbers
from gpt2.speed import Speed
from lib.host_memory import available_bytes

# What may be planned for of the memory that is free: the rest is for fragments, for what the
# formula leaves out, and on a processor for everyone else.
SHARE_OF_GPU = 0.92
SHARE_OF_HOST = 0.7


def choose_micro_batch(
    settings: Mapping[str, Any], speed: Speed, model: GPT, loss: Loss, device: str
) -> Fit:
    """How to group the sequences of a step. The model must not have been trained yet.

    On a GPU each candidate is tried, forward and backward without an optimizer step, and the
    allocator's peak is read; on a processor, whose system lends more memory than it has, the
    formula decides. Leaves nothing behind: no gradient, no random number drawn.
    Raises ValueError if not even one sequence fits.
    """
    vocab_size = model.shape.vocab_size
    sequences = batch_of(settings).sequences
    kernel = attention_in_use(model, speed, device)

    def estimate(size: int) -> int:
        return step_bytes(settings, speed, kernel, vocab_size, size)

    if device == "cpu":
        free = available_bytes()
        if free is None:
            raise ValueError(
                "HYPER_PARAM=auto: this system does not tell how much memory is free. "
                "Set HYPER_PARAM=manual and BATCH_SIZE."
            )
        return fit_micro_batch(sequences, estimate, int(SHARE_OF_HOST * free), None)
    free, _ = torch.cuda.mem_get_info()
    budget = int(SHARE_OF_GPU * (free + torch.cuda.memory_reserved()))
    # The optimizer has no state before its first step, so a trial does not see it.
    state = FLOAT32_BYTES * optimizer_numbers(settings, vocab_size)
    return fit_micro_batch(
        sequences, estimate, budget, gpu_probe(model, loss, speed, device, state)
    )


def gpu_probe(
    model: GPT, loss: Loss, speed: Speed, device: str, state_bytes: int
) -> Callable[[int], int | None]:
    """probe(micro-batch) -> the allocator's peak and `state_bytes`, None where memory ran out."""

    def probe(size: int) -> int | None:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        if speed.compile:
            # Dynamo keeps a compilation for each size, and after a few of them compiles no more.
            torch._dynamo.reset()
        try:
            rehearse(loss, model, size, speed, device)
        except torch.OutOfMemoryError:
            return None
        return torch.cuda.max_memory_allocated() + state_bytes

    return probe
