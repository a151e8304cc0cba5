"""Evaluation on the fixed validation windows, in fixed order.

It reads the model and changes nothing: no gradient, no random number, no training state.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gpt2.datasets.sampler import ValidationWindows
from gpt2.model import GPT
from lib.cli import RUN_ENDED_BADLY


class NotFinite(ValueError):
    """The model predicts nothing that is a number: it can neither write nor be asked."""

    exit_status = RUN_ENDED_BADLY

    def __init__(self) -> None:
        super().__init__("The model's predictions are not finite. Its training went astray.")


# The most predictions in one forward pass: at V = 50304 their logits are 0.8 GB.
TOKENS_PER_PASS = 4096


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy (nats a token) over `tokens` predictions of `windows` windows."""

    loss: float
    tokens: int
    windows: int
    is_full_split: bool

    @property
    def perplexity(self) -> float:
        """exp(loss), unclamped; inf where that exceeds a float."""
        return math.exp(self.loss) if self.loss < 700 else math.inf

    def bits_per_byte(self, split_tokens: int, split_bytes: int) -> float:
        """Loss in bits, a byte of text instead of a token: comparable across tokenizers."""
        return self.loss / math.log(2) * split_tokens / split_bytes


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Without dropout for the life of the block; afterwards, however it ends, as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@torch.no_grad()
def evaluate(
    model: GPT,
    windows: ValidationWindows,
    batch_size: int,
    device: str,
    autocast: AbstractContextManager[None],
    may_go_on: Callable[[], bool] = lambda: True,
) -> Evaluation | None:
    """The loss of `model` over all `windows`, each prediction counted once.

    `may_go_on` is asked before each pass; None as soon as it says no.

    `batch_size`: of training, in windows. No pass is larger, so that the peak of memory that a run
    reports is that of its training; without gradients an evaluation then needs less.
    """
    total = torch.zeros((), dtype=torch.float64, device=device)
    tokens = 0
    most = max(1, TOKENS_PER_PASS // windows.block_size)
    with evaluating(model):
        for rows in windows.batches(min(batch_size, most)):
            if not may_go_on():
                return None
            rows_BT1: Tensor = torch.from_numpy(rows).to(device).long()
            with autocast:
                total += model.loss(rows_BT1, reduction="sum").double()
            tokens += rows_BT1[:, 1:].numel()
    return Evaluation(total.item() / tokens, tokens, len(windows), windows.is_full_split)
