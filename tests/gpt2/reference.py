"""Hugging Face's GPT-2 with our weights: the outside reference of several tests."""

import torch


def copy_into(reference, model):
    """Our names to transformers'; its Conv1D keeps matrices transposed."""
    names = {
        "token_embedding": "transformer.wte",
        "position_embedding": "transformer.wpe",
        "final_norm": "transformer.ln_f",
        "attention_norm": "ln_1",
        "attention.qkv": "attn.c_attn",
        "attention.projection": "attn.c_proj",
        "feed_forward_norm": "ln_2",
        "feed_forward.up": "mlp.c_fc",
        "feed_forward.down": "mlp.c_proj",
    }
    state = reference.state_dict()
    for name in state:
        if name.endswith(".bias"):
            state[name] = torch.zeros_like(state[name])
    for ours, tensor in model.state_dict().items():
        if ours == "head.weight":
            continue
        theirs = ours.replace("blocks.", "transformer.h.")
        for before, after in sorted(names.items(), key=lambda pair: -len(pair[0])):
            theirs = theirs.replace(f"{before}.", f"{after}.")
        is_conv1d = tensor.dim() == 2 and "transformer.h." in theirs
        state[theirs] = tensor.T if is_conv1d else tensor
    state["lm_head.weight"] = state["transformer.wte.weight"]
    reference.load_state_dict(state)
