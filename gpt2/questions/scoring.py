"""The loss of every ending of every question under a model.

Questions whose contexts have the same number of tokens go together, so nothing is padded before
an ending; each context passes through the model once and its four endings go on from it. The
batches follow from the questions alone: stopped anywhere and continued, the losses are the same.

Shapes: Q questions, E endings of each, R = Q x E rows, C context tokens, L tokens of the longest
ending, V vocabulary.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional as F

from gpt2.components.cache import KeyValueCache
from gpt2.evaluate import NotFinite, evaluating
from gpt2.model import GPT
from gpt2.questions.texts import Written

# The most tokens of rows in one pass: at V = 50304 the logits of as many endings are 0.8 GB.
TOKENS_PER_PASS = 4096

Losses = dict[int, list[float]]
"""By a question's number the sum of nats of each of its endings."""


def batches(questions: Iterable[Written]) -> list[list[Written]]:
    """The questions in groups of one context length and of at most TOKENS_PER_PASS tokens."""
    ordered = sorted(questions, key=lambda one: (len(one.context), one.longest, one.number))
    made: list[list[Written]] = []
    for length, group in groupby(ordered, key=lambda one: len(one.context)):
        batch: list[Written] = []
        for one in group:
            # Sorted, so the newcomer is the longest of its batch.
            tokens = (len(batch) + 1) * len(one.endings) * (length + one.longest)
            if batch and tokens > TOKENS_PER_PASS:
                made.append(batch)
                batch = []
            batch.append(one)
        made.append(batch)
    return made


@torch.no_grad()
def ask(
    model: GPT,
    questions: Sequence[Written],
    device: str,
    autocast: AbstractContextManager[None],
    known: Mapping[int, list[float]],
    on_batch: Callable[[Losses], None],
    may_go_on: Callable[[], bool] = lambda: True,
) -> Losses | None:
    """The losses of all questions; those that are known are not asked again.

    on_batch: called with all losses so far after each batch, to say or keep them. may_go_on: asked
    before each batch; None as soon as it says no. Raises NotFinite.
    """
    losses: Losses = dict(known)
    with evaluating(model):
        for batch in batches(questions):
            if all(one.number in losses for one in batch):
                continue
            if not may_go_on():
                return None
            with autocast:
                sums_QE = ending_losses(model, batch, device)
            if not bool(sums_QE.isfinite().all()):
                raise NotFinite
            losses |= {one.number: row for one, row in zip(batch, sums_QE.tolist(), strict=True)}
            on_batch(losses)
    return losses


def ending_losses(model: GPT, batch: Sequence[Written], device: str) -> Tensor:
    """Sum of nats of each ending given its context, [Q, E] float64 on the processor.

    All contexts of the batch have the same number of tokens.
    """
    E = len(batch[0].endings)
    context_QC = torch.tensor([one.context for one in batch], dtype=torch.int64, device=device)
    endings = [ending for one in batch for ending in one.endings]
    L = max(map(len, endings))
    # What stands after an ending is never looked at by it, nor counted.
    ending_RL = torch.tensor(
        [(*ending, *(0 for _ in range(L - len(ending)))) for ending in endings],
        dtype=torch.int64,
        device=device,
    )
    length_R = torch.tensor(list(map(len, endings)), device=device)
    cache = KeyValueCache(model.shape.n_layer, context_QC.shape[1] + L - 1)
    last_Q1C = model.hidden(context_QC, cache)[:, -1:]
    hidden_RLC = last_Q1C.repeat_interleave(E, dim=0)
    if L > 1:
        after_RLC = model.hidden(ending_RL[:, :-1], cache.repeated(E))
        hidden_RLC = torch.cat([hidden_RLC, after_RLC], dim=1)
    counts_RL = torch.arange(L, device=device) < length_R[:, None]
    # Only where an ending has a token: the head is a third of a small model.
    logits_NV = model.head(hidden_RLC[counts_RL]).float()
    losses_N = F.cross_entropy(logits_NV, ending_RL[counts_RL], reduction="none")
    losses_RL = torch.zeros(counts_RL.shape, dtype=torch.float64, device=device)
    losses_RL[counts_RL] = losses_N.double()
    return losses_RL.sum(dim=1).view(-1, E).cpu()
