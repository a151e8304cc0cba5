"""What the command lines of earlier systems say, and what that is here. Data only.

The systems are nanoGPT, build-nanogpt, llm.c and four that were built on them; docs/coming-from.md
shows their lines. What means the same works as it was typed, and is said in a line; what is not
built is refused with the line to type. `MISSING` is the only list of what is not built: whoever
builds it takes out its row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# The same option under another name, on a command line.
SAME: Mapping[str, str] = {
    "CHECKPOINT_FREQ": "CHECKPOINT_INTERVAL",
    "CONTEXT_LENGTH": "BLOCK_SIZE",
    "EMBD_SIZE": "N_EMBD",
    "EVAL_FREQ": "EVAL_INTERVAL",
    "GRADIENT_ACCUMULATION_STEPS": "GRADIENT_ACCUMULATION",
    "KEEP_CHECKPOINTS": "CHECKPOINT_KEEP",
    "LR": "LEARNING_RATE",
    "MAX_LR": "LEARNING_RATE",
    "MAX_STEPS": "MAX_ITERS",
    "MINI_BATCH_SIZE": "BATCH_SIZE",
    "NUM_HEADS": "N_HEAD",
    "NUM_ITERATIONS": "MAX_ITERS",
    "NUM_LAYERS": "N_LAYER",
    "OUT_DIR": "RESULTS_DIR",
    "OUTPUT_DIR": "RESULTS_DIR",
    "SAMPLE_EVERY": "SAMPLE_INTERVAL",
    "SEQUENCE_LENGTH": "BLOCK_SIZE",
    "TENSORCORES": "TF32_ALLOWED",
    "VAL_LOSS_EVERY": "EVAL_INTERVAL",
    "WANDB_LOG": "TRACKER_WANDB",
    "WANDB_PROJECT": "TRACKER_PROJECT",
    "WARMUP_ITERS": "WARMUP_STEPS",
}

# By option: other words for a value of it.
VALUES: Mapping[str, Mapping[str, str]] = {
    "DEVICE": {"cuda:0": "cuda"},
    "DTYPE": {"bf16": "bfloat16", "fp32": "float32"},
    "INIT_FROM": {"scratch": ""},
    "MODEL": {"d12": "gpt2", "d24": "gpt2-medium", "d36": "gpt2-large", "d48": "gpt2-xl"},
}

# Options that say nothing about what is trained here; each is left out, and why is said.
IDLE: Mapping[str, str] = {
    "ALWAYS_SAVE_CHECKPOINT": "the newest and the best checkpoint are always kept",
    "BACKEND": "it is for several processes",
    "FLASH": "the kernel of attention is chosen by device; ATTENTION names one",
    "RUN_NAME": "a run is named after what it computes",
    "TRACKER_RUN_NAME": "a run is named after what it computes",
    "WANDB_RUN_NAME": "a run is named after what it computes",
}


@dataclass(frozen=True)
class Missing:
    """Something that an earlier system has and this one does not."""

    what: str
    asked_by: Mapping[str, tuple[str, ...]]
    """By option, the values that ask for it; () for every value that is not a no."""
    answer: str
    """What there is."""
    instead: tuple[str, ...] = ()
    """What is typed in place of the option."""


SEVERAL_PROCESSES = Missing(
    "Training with several processes",
    {
        **dict.fromkeys(("USE_FSDP", "USE_ZERO1", "USE_DDP", "ZERO_STAGE", "DDP_NUM_GPUS"), ()),
        "FSDP_MIN_NUM_PARAMS": (),
    },
    "one process trains on one device, with the same tokens in a step: GRADIENT_ACCUMULATION "
    "counts the micro-batches of all processes",
)

MISSING: tuple[Missing, ...] = (
    SEVERAL_PROCESSES,
    Missing(
        "float16",
        {"DTYPE": ("float16", "fp16", "half"), "FP16": ()},
        "bfloat16 is there where the device has it, and needs no loss scaling",
        ("--dtype=auto",),
    ),
    Missing(
        "FP8",
        {"DTYPE": ("fp8", "float8"), "FP8": (), "USE_FP8": ()},
        "bfloat16 is there where the device has it",
        ("--dtype=auto",),
    ),
    Missing(
        "SlimPajama",
        {"DATASET": ("slimpajama_627b", "slimpajama_6b", "slimpajama")},
        "FineWeb-Edu is text of the web too, and `make DATASET=custom CUSTOM_DOCUMENTS=y` reads "
        "JSON lines of your own",
        ("--dataset=finewebedu",),
    ),
    Missing(
        "Training on Apple's GPU (mps)", {"DEVICE": ("mps",)}, "the processor", ("--device=cpu",)
    ),
    Missing(
        "An evaluation alone",
        {"EVAL_ONLY": ()},
        "every run ends with one of the whole validation split, the shortest after one step",
        ("--max-iters=1", "--warmup-steps=0"),
    ),
)

# nanoGPT's settings of a run of GPT-2 124M, of which the systems built on it are made.
_DENSE = {
    **{"OPTIMIZER": "adamw", "PRUNING_METHOD": "none"},
    **{"ARCHITECTURE": "vanilla", "INIT_FROM": "", "DROPOUT": "0.0", "VOCAB_MULTIPLE": "64"},
}
_LONG = {
    **{"BLOCK_SIZE": "1024", "BATCH_SIZE": "12", "GRADIENT_ACCUMULATION": "40"},
    **{"MAX_ITERS": "600000", "WARMUP_STEPS": "2000", "LEARNING_RATE": "6e-4", "MIN_LR": "6e-5"},
    **{"BETA2": "0.95", "WEIGHT_DECAY": "0.1"},
    **_DENSE,
}
_GPT2 = {"MODEL": "gpt2", "ARCH_PRESET": "gpt2", **_LONG}
_LLAMA = {"MODEL": "gpt2", "ARCH_PRESET": "llama", **_LONG}
_TEAM = {"MODEL": "gpt2", "ARCH_PRESET": "team", **_LONG}
_CUSTOM = {"MODEL": "gpt2", "ARCH_PRESET": "custom", "ARCH_BASE": "gpt2", **_LONG}
_OPENWEBTEXT = {
    **{"MODEL": "gpt2", "ARCH_PRESET": "custom", "ARCH_BASE": "gpt2"},
    **{"NORMALIZATION": "layernorm-nobias", "ACTIVATION": "gelu", "BIAS": "n"},
    **{"DATASET": "openwebtext", "EVAL_INTERVAL": "1000", **_LONG},
}

# Files of settings that stood first on a command line, by their names without `.py`: the options
# that they are here. Those of the command line come after them.
FILES: Mapping[str, Mapping[str, str]] = {
    "arch_gpt2": _GPT2,
    "arch_llama": _LLAMA,
    "arch_team": _TEAM,
    "arch_custom": _CUSTOM,
    "full_gpt2_124m": _GPT2,
    "full_llama_124m": _LLAMA,
    "full_team_124m": _TEAM,
    "full_custom": _CUSTOM,
    "full_gpt2_1.36b": {**_GPT2, "MODEL": "1360m"},
    "full_llama_1.36b": {**_LLAMA, "MODEL": "1360m"},
    "preset_quick_test": {
        **_DENSE,
        **{"MODEL": "custom", "N_LAYER": "4", "N_HEAD": "4", "N_EMBD": "128"},
        **{"ARCH_PRESET": "gpt2", "BLOCK_SIZE": "128", "BATCH_SIZE": "8"},
        **{"GRADIENT_ACCUMULATION": "1", "MAX_ITERS": "100", "WARMUP_STEPS": "10"},
        **{"LEARNING_RATE": "1e-3", "MIN_LR": "1e-4"},
    },
    "preset_gpt2_owt": _OPENWEBTEXT,
    "train_gpt2": _OPENWEBTEXT,
    "train_shakespeare_char": {
        **_DENSE,
        **{"MODEL": "custom", "N_LAYER": "6", "N_HEAD": "6", "N_EMBD": "384"},
        **{"ARCH_PRESET": "custom", "ARCH_BASE": "gpt2", "NORMALIZATION": "layernorm-nobias"},
        **{"ACTIVATION": "gelu", "BIAS": "n", "VOCAB_MULTIPLE": "1", "DROPOUT": "0.2"},
        **{"DATASET": "shakespeare-char", "BLOCK_SIZE": "256", "BATCH_SIZE": "64"},
        **{"GRADIENT_ACCUMULATION": "1", "MAX_ITERS": "5000", "WARMUP_STEPS": "100"},
        **{"LEARNING_RATE": "1e-3", "MIN_LR": "1e-4", "BETA2": "0.99", "WEIGHT_DECAY": "0.1"},
        **{"EVAL_INTERVAL": "250"},
    },
    "finetune_shakespeare": {
        **_DENSE,
        **{"MODEL": "gpt2-xl", "ARCH_PRESET": "gpt2", "INIT_FROM": "gpt2-xl"},
        **{"VOCAB_MULTIPLE": "1", "DATASET": "shakespeare", "BLOCK_SIZE": "1024"},
        **{"BATCH_SIZE": "1", "GRADIENT_ACCUMULATION": "32", "MAX_ITERS": "20"},
        **{"WARMUP_STEPS": "0", "LEARNING_RATE": "3e-5", "DECAY_LR": "n", "BETA2": "0.95"},
        **{"WEIGHT_DECAY": "0.1", "EVAL_INTERVAL": "5"},
    },
}
