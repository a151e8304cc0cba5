"""How long a model takes to read a prompt, and for each token that it writes after it.

    prefill   the prompt's tokens pass at once, up to the choice of the first new token
    decode    one further token of each sequence passes, up to the choice of the next

Greedy, with keys and values kept, in eager PyTorch. The clock is read after the device has
finished. In bfloat16 the weights themselves are bfloat16, which is how a model is served; training
keeps them in float32 and casts. Zeros among the weights save nothing here: the products are dense.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpt2.components.cache import KeyValueCache
from gpt2.model import GPT
from lib.memory import peak_device_memory, peak_rss_bytes, reset_peak, tensor_bytes

# A measurement ends after so many seconds, if it has this many repeats by then.
LIMIT_S = 10.0
LEAST_REPEATS = 3


@dataclass(frozen=True)
class Plan:
    """What to measure; the options INFERENCE_*."""

    batch_sizes: Sequence[int]
    lengths: Sequence[int]
    tokens: int
    repeats: int

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Plan":
        return cls(
            batch_sizes=_numbers(settings["INFERENCE_BATCH_SIZES"]),
            lengths=_numbers(settings["INFERENCE_LENGTHS"]),
            tokens=settings["INFERENCE_TOKENS"],
            repeats=settings["INFERENCE_REPEATS"],
        )

    def fitting(self, block_size: int) -> list[int]:
        """The lengths that the model can hold together with the tokens after them."""
        return [length for length in self.lengths if length + self.tokens <= block_size]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def measure(model: GPT, plan: Plan, dtype: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Times and memory by batch size and length of the prompt, for a JSON file.

    The model is copied, not changed. dtype: "float32" or "bfloat16". Raises ValueError if no length
    fits the model's context.
    """
    block_size = model.shape.block_size
    lengths = plan.fitting(block_size)
    if not lengths:
        listed = ", ".join(map(str, plan.lengths))
        half = max(1, block_size // 2)
        raise ValueError(
            f"INFERENCE_LENGTHS={listed} and INFERENCE_TOKENS={plan.tokens} exceed the context of "
            f"{block_size} tokens. Set a length and INFERENCE_TOKENS whose sum is at most "
            f"{block_size}, such as INFERENCE_LENGTHS={half} INFERENCE_TOKENS={half}."
        )
    left_out = [length for length in plan.lengths if length not in lengths]
    if left_out:
        say(f"left out, because they exceed the context: {', '.join(map(str, left_out))} tokens")
    served = copy.deepcopy(model).eval()
    served.to(torch.bfloat16 if dtype == "bfloat16" else torch.float32)
    parameters = list(served.parameters())
    elements = sum(parameter.numel() for parameter in parameters)
    zeros = sum(int((parameter == 0).sum()) for parameter in parameters)
    rows = []
    for batch_size in plan.batch_sizes:
        for length in lengths:
            row = measure_one(served, batch_size, length, plan.tokens, plan.repeats)
            say(described(row))
            rows.append(row)
    return {
        "rows": rows,
        "left_out_lengths": left_out,
        "decoded_tokens": plan.tokens,
        "weights_bytes": tensor_bytes(parameters),
        "zero_weights": zeros / elements,
        "peak_rss_bytes": peak_rss_bytes(),
    }


@torch.no_grad()
def measure_one(
    model: GPT, batch_size: int, length: int, tokens: int, repeats: int
) -> dict[str, Any]:
    """One row: `batch_size` prompts of `length` tokens, `tokens` more of each, again and again.

    Milliseconds are the median and the 95th percentile over all repeats after the first, which
    warms up. Where the device's memory does not suffice the row says so.
    """
    row: dict[str, Any] = {"batch_size": batch_size, "prompt_tokens": length}
    device = model.token_embedding.weight.device
    # Which tokens does not matter to the time; spread over the vocabulary they miss the caches.
    count = batch_size * length
    spread = torch.arange(count, device=device) * 7919 % model.shape.vocab_size
    prompt_BT = spread.view(batch_size, length)
    prefill_s: list[float] = []
    decode_s: list[float] = []
    try:
        _answer(model, prompt_BT, tokens)
        reset_peak(device)
        begun = time.perf_counter()
        while len(prefill_s) < repeats:
            first_s, next_s, cache_bytes = _answer(model, prompt_BT, tokens)
            prefill_s.append(first_s)
            decode_s += next_s
            is_late = time.perf_counter() - begun > LIMIT_S
            if is_late and len(prefill_s) >= LEAST_REPEATS:
                break
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return row | {"reason": "out of memory"}
    peak = peak_device_memory(device)
    prefill_ms, decode_ms = _typical(prefill_s), _typical(decode_s)
    return row | {
        "repeats": len(prefill_s),
        "prefill_ms_median": prefill_ms[0],
        "prefill_ms_p95": prefill_ms[1],
        "prefill_tokens_per_s": 1e3 * count / prefill_ms[0],
        "decode_ms_median": decode_ms[0],
        "decode_ms_p95": decode_ms[1],
        "decode_tokens_per_s": 1e3 * batch_size / decode_ms[0],
        "cache_bytes": cache_bytes,
        # A processor's allocator does not tell.
        "peak_allocated_bytes": peak.allocated_bytes if peak else None,
    }


def _answer(model: GPT, prompt_BT: Tensor, tokens: int) -> tuple[float, list[float], int]:
    """Seconds of the prefill and of each further token, and the bytes of the cache."""
    cache = KeyValueCache(model.shape.n_layer, prompt_BT.shape[1] + tokens)
    start = _now(prompt_BT.device)
    next_B = model.head(model.hidden(prompt_BT, cache)[:, -1]).argmax(dim=-1)
    end = _now(prompt_BT.device)
    first_s, next_s = end - start, []
    for _ in range(tokens):
        start = end
        next_B = model.head(model.hidden(next_B[:, None], cache)[:, -1]).argmax(dim=-1)
        end = _now(prompt_BT.device)
        next_s.append(end - start)
    return first_s, next_s, cache.nbytes


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _typical(seconds: Sequence[float]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds."""
    median, late = np.quantile(np.array(seconds) * 1e3, [0.5, 0.95])
    return float(median), float(late)


def described(row: dict[str, Any]) -> str:
    """A row for people."""
    what = f"{row['batch_size']:>5} x {row['prompt_tokens']:<6}"
    if "reason" in row:
        return f"{what} {row['reason']}"
    return (
        f"{what} prefill {row['prefill_ms_median']:>9.2f} ms ({row['prefill_ms_p95']:.2f})"
        f"  token {row['decode_ms_median']:>8.2f} ms ({row['decode_ms_p95']:.2f})"
        f"  {row['decode_tokens_per_s']:>9,.0f} tokens/s"
    )
