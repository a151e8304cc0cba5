"""The baseline: a GPT-2 trained the way most people train one, without this project.

After nanoGPT (Karpathy 2022): its recipe and its habits, in code of our own. On a processor that
is float32, eager, AdamW as a loop over the tensors, a random-window loader that stacks int64, and
the loss read at every step; nanoGPT runs no autocast there, whatever its `dtype` says, and no fused
AdamW. On a GPU it is bfloat16 autocast, torch.compile, fused AdamW, pinned copies, and the loss
read every tenth step.

It shares nothing with the trainer it stands beside but the names of its parameters, so that the
initial weights of the one load into the other: what gets faster there does not get faster here.
Read top to bottom. Shapes: B sequences, T tokens, C channels, V vocabulary.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gpt2.datasets.shards import HEADER, TOKEN


class Attention(nn.Module):
    def __init__(self, n_embd: int, n_head: int, bias: bool) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.projection = nn.Linear(n_embd, n_embd, bias=bias)

    def forward(self, x_BTC: Tensor) -> Tensor:
        B, T, C = x_BTC.size()
        q, k, v = self.qkv(x_BTC).split(C, dim=2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.projection(y.transpose(1, 2).contiguous().view(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, n_embd: int, bias: bool) -> None:
        super().__init__()
        self.up = nn.Linear(n_embd, 4 * n_embd, bias=bias)
        self.gelu = nn.GELU(approximate="tanh")
        self.down = nn.Linear(4 * n_embd, n_embd, bias=bias)

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.down(self.gelu(self.up(x_BTC)))


class Block(nn.Module):
    def __init__(self, n_embd: int, n_head: int, bias: bool) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(n_embd, bias=bias)
        self.attention = Attention(n_embd, n_head, bias)
        self.feed_forward_norm = nn.LayerNorm(n_embd, bias=bias)
        self.feed_forward = FeedForward(n_embd, bias)

    def forward(self, x_BTC: Tensor) -> Tensor:
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC))
        return x_BTC + self.feed_forward(self.feed_forward_norm(x_BTC))


class PlainGPT(nn.Module):
    """The published GPT-2 without dropout; its weights come from elsewhere."""

    def __init__(self, settings: Mapping[str, Any], vocab_size: int) -> None:
        """settings: sizes by configuration symbol; vocab_size: as padded as the other model's."""
        super().__init__()
        assert settings["DROPOUT"] == 0, "the baseline has no dropout"
        n_embd, bias = settings["N_EMBD"], settings["BIAS"]
        wanted = "layernorm" if bias else "layernorm-nobias"
        assert settings["NORMALIZATION"] == wanted, "the baseline has biases everywhere or nowhere"
        self.token_embedding = nn.Embedding(vocab_size, n_embd)
        self.position_embedding = nn.Embedding(settings["BLOCK_SIZE"], n_embd)
        self.blocks = nn.ModuleList(
            Block(n_embd, settings["N_HEAD"], bias) for _ in range(settings["N_LAYER"])
        )
        self.final_norm = nn.LayerNorm(n_embd, bias=bias)
        self.head = nn.Linear(n_embd, vocab_size, bias=False)
        if settings["WEIGHT_TYING"]:
            self.head.weight = self.token_embedding.weight

    def forward(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        """The mean loss in nats of predicting y_BT."""
        positions_T = torch.arange(x_BT.size(1), device=x_BT.device)
        x_BTC = self.token_embedding(x_BT) + self.position_embedding(positions_T)
        for block in self.blocks:
            x_BTC = block(x_BTC)
        logits_BTV = self.head(self.final_norm(x_BTC))
        return F.cross_entropy(logits_BTV.view(-1, logits_BTV.size(-1)), y_BT.view(-1))


def open_tokens(path: Path) -> np.memmap:
    """One token file. nanoGPT opens it anew for every batch; kept open, it is faster."""
    return np.memmap(path, TOKEN, mode="r", offset=HEADER.size)


def get_batch(
    tokens: np.memmap,
    block_size: int,
    batch_size: int,
    device: torch.device,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """x_BT and y_BT, int64, of windows at random places."""
    starts = torch.randint(len(tokens) - block_size, (batch_size,), generator=generator)
    x = torch.stack([torch.from_numpy(tokens[i : i + block_size].astype(np.int64)) for i in starts])
    y = torch.stack(
        [torch.from_numpy(tokens[i + 1 : i + 1 + block_size].astype(np.int64)) for i in starts]
    )
    if device.type == "cuda":
        # pinned, so that the copies go on while the GPU computes
        return (
            x.pin_memory().to(device, non_blocking=True),
            y.pin_memory().to(device, non_blocking=True),
        )
    return x, y


def get_lr(step: int, settings: Mapping[str, Any]) -> float:
    """Of step 0, 1, ...: linear warm-up, then half a cosine down to the last step."""
    peak, warmup, last = settings["LEARNING_RATE"], settings["WARMUP_STEPS"], settings["MAX_ITERS"]
    if warmup < 0:
        warmup = last * settings["WARMUP_PCT"] // 100
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if not settings["DECAY_LR"]:
        return peak
    ratio = (step - warmup) / (last - 1 - warmup)
    floor = settings["MIN_LR"]
    return floor + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (peak - floor)


class Said(NamedTuple):
    """What the loop knows after a step; on a GPU the loss is that of the last step it was read."""

    loss: float
    norm: Tensor
    """Of the gradients, before they were clipped."""


def plain_loop(
    model: PlainGPT, next_batch: Callable[[], tuple[Tensor, Tensor]], settings: Mapping[str, Any]
) -> Iterator[Said]:
    """Train; yields after every optimizer step. next_batch: as `get_batch`, its arguments given."""
    device = model.head.weight.device
    is_gpu = device.type == "cuda"
    accumulation = settings["GRADIENT_ACCUMULATION"]
    grad_clip = settings["GRAD_CLIP"] or math.inf  # 0 clips nothing

    # matrices and embeddings decay, biases and norms do not
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings["WEIGHT_DECAY"]},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=settings["LEARNING_RATE"],
        betas=(settings["BETA1"], settings["BETA2"]),
        eps=settings["EPSILON"],
        foreach=False,
        fused=is_gpu,
    )
    # nanoGPT allows TF32 too; under autocast nothing is left for it to act on
    autocast = torch.autocast("cuda", dtype=torch.bfloat16) if is_gpu else nullcontext()
    forward = torch.compile(model) if is_gpu else model
    read_every = 10 if is_gpu else 1

    model.train()
    loss_read = math.nan
    step = 0
    x, y = next_batch()
    while True:
        for group in optimizer.param_groups:
            group["lr"] = get_lr(step, settings)

        for _ in range(accumulation):
            with autocast:
                loss = forward(x, y) / accumulation
            # the next batch, while a GPU still works on this one
            x, y = next_batch()
            loss.backward()

        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        if step % read_every == 0:
            loss_read = loss.item() * accumulation  # waits for the device
        step += 1
        yield Said(loss_read, norm)
