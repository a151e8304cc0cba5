"""README.md of an export: which run it is, what it reached, how it is loaded."""

from collections.abc import Mapping
from typing import Any

import torch

from gpt2.exchange.config import version_needed
from gpt2.exchange.layouts import layout_of
from gpt2.model import GPT
from gpt2.shape import architecture_name

_TOKENS = {
    "gpt2": "GPT-2's, in this folder. Between two texts stood <|endoftext|>, token 50256.",
    "bytes": "Bytes of the UTF-8 text: a token is the byte. transformers has no such tokenizer, so "
    "there are no files of one.",
    "char": "Characters: a token is the rank of the character in the list below. transformers has "
    "no such tokenizer, so there are no files of one.",
}


def card(
    run: str,
    config_hash: str,
    settings: Mapping[str, Any],
    checkpoint: Mapping[str, Any],
    model: GPT,
    tokenizer: str,
    characters: str | None,
) -> str:
    """checkpoint: as `Trained.described` has it. characters: those of a tokenizer "char"."""
    shape = model.shape
    matrices = [
        p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2
    ]
    weights = sum(matrix.numel() for matrix in matrices)
    zeros = weights - sum(int(torch.count_nonzero(matrix)) for matrix in matrices)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    loss = checkpoint["val_loss"]
    rows = {
        "run": run,
        "configuration": config_hash,
        "architecture": f"{architecture_name(shape)}, as {layout_of(shape).model_class}",
        "parameters": f"{parameters:,}",
        "zeros in the matrices of the blocks": f"{zeros:,} of {weights:,} ({zeros / weights:.1%})",
        "rows of the vocabulary": f"{shape.vocab_size}, those that pad it included",
        "longest text": f"{shape.block_size} tokens",
        "dataset": settings["DATASET"],
        "optimizer": settings["OPTIMIZER"],
        "pruning": settings["PRUNING_METHOD"],
        "seed": settings["SEED"],
        "checkpoint": f"{checkpoint['file']}, SHA-256 {checkpoint['sha256']}",
        "step": f"{checkpoint['step']:,} ({checkpoint['tokens']:,} tokens)",
        "validation loss": "not measured" if loss is None else f"{loss:.4f} nats a token",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    since = version_needed(shape, layout_of(shape))
    needed = (
        f"Needs transformers {since} or newer: an older one passes over a part of the model "
        "without a word, and what it loads is another model.\n\n"
        if since is not None
        else ""
    )
    listed = f"\n    {characters!r}\n" if characters is not None else ""
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# {run}

Trained and exported by bitterbench.

| | |
|---|---|
{table}
All weights are float32; pruned ones are zeros in dense matrices.

{needed}    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained("this folder")

Tokens: {_TOKENS[tokenizer]}
{listed}"""
