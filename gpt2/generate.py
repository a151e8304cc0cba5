"""Text that a model writes: one token after the other, each drawn from what the model predicts.

Tokens are drawn on the processor, whatever the device of the model, from a generator of the
caller's and never from PyTorch's global stream: a sample during training moves nothing. Keys and
values of the tokens so far are kept, so the time grows linearly until the context is full; from
then on the window slides, every position changes, and each token costs a full pass.

Shapes: B sequences, T tokens, V vocabulary, K tokens that are left to draw among.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpt2.components.cache import KeyValueCache
from gpt2.datasets.shards import TOKEN
from gpt2.datasets.tokenizers import Tokenizer
from gpt2.evaluate import NotFinite, evaluating
from gpt2.model import GPT


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn, and how many; the options GENERATION_*."""

    temperature: float
    """Divides the logits; 0 takes the likeliest token."""
    top_k: int
    """0: all."""
    top_p: float
    """1: all."""
    max_tokens: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Sampling":
        return cls(
            temperature=settings["GENERATION_TEMPERATURE"],
            top_k=settings["GENERATION_TOP_K"],
            top_p=settings["GENERATION_TOP_P"],
            max_tokens=settings["GENERATION_MAX_TOKENS"],
        )


def draw(logits_BV: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """The next token of each sequence, [B] int64; all on the processor.

    Temperature first, then top-k, then the nucleus of what is left. At temperature 0 nothing is
    drawn from the generator.
    """
    if sampling.temperature == 0:
        return logits_BV.argmax(dim=-1)
    V = logits_BV.shape[-1]
    logits_BV = logits_BV / sampling.temperature
    if sampling.top_k in (0, V) and sampling.top_p == 1:
        return torch.multinomial(logits_BV.softmax(dim=-1), 1, generator=generator)[:, 0]
    logits_BK, tokens_BK = logits_BV.topk(min(sampling.top_k or V, V), dim=-1)
    chances_BK = logits_BK.softmax(dim=-1)
    # A token stays while those before it do not yet hold top_p together; so the first always does.
    before_BK = chances_BK.cumsum(dim=-1) - chances_BK
    chances_BK = chances_BK.masked_fill(before_BK >= sampling.top_p, 0.0)
    chosen_B1 = torch.multinomial(chances_BK, 1, generator=generator)
    return tokens_BK.gather(-1, chosen_B1)[:, 0]


@torch.no_grad()
def generate(
    model: GPT,
    prompt_BT: Tensor,
    vocab_size: int,
    sampling: Sampling,
    generator: torch.Generator,
    stop: int | None = None,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Tensor | None:
    """The tokens after each prompt, [B, N] int64 on the processor; N <= `sampling.max_tokens`.

    prompt_BT: at least one token; of a long prompt the last block_size tokens count. vocab_size:
    of the tokenizer; the padding beyond it is never drawn. stop: a token that ends a text; it
    ends here once every sequence has had it. What a sequence has after its own is of no meaning.
    may_go_on: asked before each pass; None as soon as it says no. Raises NotFinite.
    """
    block_size = model.shape.block_size
    window_BT = prompt_BT[:, -block_size:]
    cache = KeyValueCache(model.shape.n_layer, block_size)
    has_stopped_B = torch.zeros(len(prompt_BT), dtype=torch.bool)
    drawn: list[Tensor] = []
    with evaluating(model):
        if not may_go_on():
            return None
        hidden_BTC = model.hidden(window_BT, cache)
        if not bool(hidden_BTC[:, -1].isfinite().all()):
            raise NotFinite
        while True:
            # In CUDA the sum over a nucleus repeats only nearly; here it is exact, and quick.
            logits_BV = model.head(hidden_BTC[:, -1])[:, :vocab_size].float().cpu()
            next_B = draw(logits_BV, sampling, generator)
            drawn.append(next_B)
            if stop is not None:
                has_stopped_B |= next_B == stop
            if len(drawn) == sampling.max_tokens or bool(has_stopped_B.all()):
                return torch.stack(drawn, dim=1)
            if not may_go_on():
                return None
            next_B1 = next_B[:, None].to(prompt_BT.device)
            window_BT = torch.cat([window_BT, next_B1], dim=1)[:, -block_size:]
            if cache.length < block_size:
                hidden_BTC = model.hidden(next_B1, cache)
            else:
                hidden_BTC = model.hidden(window_BT)


def write_texts(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    count: int,
    sampling: Sampling,
    seed: int,
    device: str,
    autocast: AbstractContextManager[None],
    may_go_on: Callable[[], bool] = lambda: True,
) -> list[str] | None:
    """`count` texts that the model writes after the prompt, without the prompt.

    An empty prompt stands for the beginning of a text. `may_go_on` is asked before each token; None
    as soon as it says no. Raises DataError for a prompt with characters that have no token, and
    NotFinite.
    """
    generator = torch.Generator().manual_seed(seed)
    row = torch.tensor(prompt_tokens(tokenizer, prompt), dtype=torch.int64, device=device)
    info = tokenizer.info
    # Entered once around all tokens, so that the weights are cast once and not for each of them.
    with autocast:
        drawn_BN = generate(
            model, row.expand(count, -1), info.vocab_size, sampling, generator, info.eot, may_go_on
        )
    if drawn_BN is None:
        return None
    return [_decoded(tokenizer, tokens_N) for tokens_N in drawn_BN.numpy()]


def prompt_tokens(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """A prompt's tokens; of an empty one what stands between two texts."""
    if prompt:
        return tokenizer.encode(prompt).tolist()
    characters = tokenizer.info.characters
    if characters is not None and "\n" not in characters:
        return [0]
    return tokenizer.separator().tolist()


def _decoded(tokenizer: Tokenizer, tokens_N: np.ndarray) -> str:
    """The text up to the first end mark."""
    ends = np.flatnonzero(tokens_N == tokenizer.info.eot) if tokenizer.info.eot is not None else []
    return tokenizer.decode(tokens_N[: ends[0] if len(ends) else None].astype(TOKEN))
