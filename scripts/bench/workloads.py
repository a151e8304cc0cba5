"""What both loops train: a model, a context and a batch, as options of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """One model with the size of its steps."""

    key: str
    name: str
    """For people: model, and sequences x context of one optimizer step."""
    options: Mapping[str, str]
    """By configuration symbol; every other option has its default."""
    vocab_size: int
    """Of its text, not padded."""
    least_ratio: float | None = None
    """Tokens a second, ours to the plain loop's, that is the goal; of `least_ratio_float32` where
    the device has no bfloat16 arithmetic."""
    least_ratio_float32: float | None = None
    least_share_of_matmul: float | None = None
    """Of the device's own bfloat16 matmul rate."""
    has_mfu_goal: bool = False
    most_memory: float | None = None
    """Peak of ours to that of the plain loop."""
    our_options: Mapping[str, str] | None = None
    """What is different in ours alone, at the same number of tokens in a step."""

    @property
    def ours(self) -> dict[str, str]:
        return dict(self.options) | dict(self.our_options or {})


# nanoGPT's settings for a text by characters: no padding, no biases.
BY_CHARACTERS = {"MODEL": "custom", "VOCAB_MULTIPLE": "1", "ARCH_PRESET": "custom"}
BY_CHARACTERS |= {"BIAS": "n", "NORMALIZATION": "layernorm-nobias"}
CHARACTERS = 65  # of tiny Shakespeare
GPT2_TOKENS = 50257

_CHARACTER_MODEL = BY_CHARACTERS | {
    **{"N_LAYER": "6", "N_HEAD": "6", "N_EMBD": "384", "BLOCK_SIZE": "256"},
}
_TINY_MODEL = BY_CHARACTERS | {
    **{"N_LAYER": "4", "N_HEAD": "4", "N_EMBD": "128", "BLOCK_SIZE": "64"},
}

TINY = Workload(
    "tiny",
    "characters 4L/128, 12 x 64",
    _TINY_MODEL | {"BATCH_SIZE": "12"},
    CHARACTERS,
    least_ratio=1.05,
)
CHARACTER = Workload(
    "characters",
    "characters 6L/384, 16 x 256",
    _CHARACTER_MODEL | {"BATCH_SIZE": "16"},
    CHARACTERS,
    least_ratio=1.6,
    least_ratio_float32=1.1,
    least_share_of_matmul=0.70,
)
ON_A_PROCESSOR = (
    TINY,
    CHARACTER,
    Workload(
        "gpt2",
        "GPT-2 124M, 1 x 512",
        {"MODEL": "gpt2", "BLOCK_SIZE": "512", "BATCH_SIZE": "1"},
        GPT2_TOKENS,
        least_ratio=1.8,
        least_ratio_float32=1.1,
    ),
)

# nanoGPT's step for GPT-2 on one GPU: 491,520 tokens.
_GPT2_ON_A_GPU = {
    **{"MODEL": "gpt2", "BLOCK_SIZE": "1024", "BATCH_SIZE": "12"},
    "GRADIENT_ACCUMULATION": "40",
}
ON_A_GPU = (
    Workload(
        "characters",
        "characters 6L/384, 64 x 256",
        _CHARACTER_MODEL | {"BATCH_SIZE": "64"},
        CHARACTERS,
    ),
    Workload(
        "gpt2",
        "GPT-2 124M, 40 x 12 x 1024",
        _GPT2_ON_A_GPU,
        GPT2_TOKENS,
        least_ratio=1.20,
        least_share_of_matmul=0.56,
        has_mfu_goal=True,
        most_memory=0.75,
    ),
    Workload(
        "gpt2-free",
        "GPT-2 124M, 480 x 1024, ours as 10 x 48",
        _GPT2_ON_A_GPU,
        GPT2_TOKENS,
        least_ratio=1.30,
        least_share_of_matmul=0.56,
        has_mfu_goal=True,
        our_options={"BATCH_SIZE": "48", "GRADIENT_ACCUMULATION": "10"},
    ),
)

# Seconds, not minutes; its figures mean nothing.
FAST = Workload(
    "fast",
    "smoke 2L/32, 4 x 32",
    BY_CHARACTERS
    | {
        **{"N_LAYER": "2", "N_HEAD": "2", "N_EMBD": "32"},
        **{"BLOCK_SIZE": "32", "BATCH_SIZE": "4"},
    },
    CHARACTERS,
    least_ratio=1.0,
    least_share_of_matmul=0.1,
)
