"""Names that users of earlier benchmarks know, and what they are called here.

Those that a command line takes as they are stand in lib/kconfig/earlier.py.

A plain table for "did you mean". A successor is suggested only if the loaded tree has it; None
marks a name without one. Choice and axis members are written in full: in a file a setting is
`CONFIG_OPTIMIZER_ADAMW=y`, never `CONFIG_OPTIMIZER="adamw"`.
"""

from collections.abc import Collection

from lib.kconfig.earlier import IDLE, SAME

RENAMED: dict[str, str | None] = {
    # general
    "TEST_RESULTS_DIR": "RESULTS_DIR",
    "NUM_WORKERS": "PREFETCH",
    "PREFETCH_FACTOR": "PREFETCH",
    "COMPILE_MODEL": "COMPILE",
    "GPT2_COMPILE": "COMPILE",
    "MIXED_PRECISION": "DTYPE_BFLOAT16",
    "GPT2_AMP_DTYPE": "DTYPE",
    "GPT2_DTYPE": "DTYPE",
    "TEST_PARALLEL_JOBS": "PARALLEL_JOBS",
    "PARALLEL_BATCH_SIZE": "BATCH_SIZE",
    "TEST_MATRIX_MODE": None,
    "TARGET_EFFECTIVE_BATCH": "GRADIENT_ACCUMULATION",
    "JSON_OUTPUT": None,
    "AUTO_GENERATE_GRAPHS": None,
    "DRY_RUN": None,
    "VERBOSE": None,
    "DEBUG": None,
    "LOG_LEVEL": None,
    "PROFILE": None,
    "GPU_WARMUP": None,
    "GPU_MONITOR": None,
    "PYTORCH_CUDA_ALLOC_CONF": None,
    "TORCH_ROCM_AOTRITON_ENABLE_EXPERIMENTAL": None,
    # trackers
    "ENABLE_TRACKIO": "TRACKER_TRACKIO",
    "ENABLE_WANDB": "TRACKER_WANDB",
    "EXPERIMENT_TRACKER": "TRACKER",
    "GPT2_TRACKER": "TRACKER",
    "USE_TENSORBOARD": "TRACKER_TENSORBOARD",
    "TRACKER_SET_BY_CLI": None,
    "TRACKER_CLI_VALUE": None,
    "BASELINE_RUN_ID": None,
    # model and data
    "MODEL_MODE_SINGLE": "MODEL",
    "MODEL_MODE_MULTIPLE": "SWEEP",
    "MODEL_SELECT_GPT2": "MODEL_GPT2",
    "MODEL_ENABLE_GPT2": "MODEL_GPT2",
    "GPT2_MODEL_124M": "MODEL_GPT2",
    "GPT2_MODEL_350M": "MODEL_GPT2_MEDIUM",
    "GPT2_MODEL_774M": "MODEL_GPT2_LARGE",
    "GPT2_MODEL_1558M": "MODEL_GPT2_XL",
    "GPT2_MODEL_NAME": "MODEL",
    "GPT2_MODEL_SIZE": "MODEL",
    "TEST_MODELS": "MODEL",
    "GPT2_DATASET": "DATASET",
    "GPT2_DATASET_NAME": "DATASET",
    "GPT2_DATASET_SHAKESPEARE": "DATASET_SHAKESPEARE",
    "GPT2_DATASET_FINEWEBEDU": "DATASET_FINEWEBEDU",
    "GPT2_DATASET_OPENWEBTEXT": "DATASET_OPENWEBTEXT",
    "GPT2_DATASET_TINYSTORIES": "DATASET_TINYSTORIES",
    "GPT2_DATASET_CUSTOM": "DATASET_CUSTOM",
    "GPT2_CUSTOM_DATASET_PATH": "CUSTOM_PATH",
    # training
    "GPT2_BATCH_SIZE": "BATCH_SIZE",
    "GPT2_BLOCK_SIZE": "BLOCK_SIZE",
    "GPT2_BIAS": "BIAS",
    "GPT2_DROPOUT": "DROPOUT",
    "GPT2_WEIGHT_TYING": "WEIGHT_TYING",
    "GPT2_FLASH_ATTENTION": "ATTENTION_BACKEND",
    "FLASH_ATTENTION": "ATTENTION_BACKEND",
    "GPT2_GRADIENT_ACCUMULATION": "GRADIENT_ACCUMULATION",
    "GPT2_EVAL_INTERVAL": "EVAL_INTERVAL",
    "GPT2_EVAL_SAMPLES": "EVAL_SAMPLES",
    "GPT2_WARMUP_STEPS": "WARMUP_STEPS",
    "GPT2_DECAY_LR": "DECAY_LR",
    "GPT2_LEARNING_RATE": "LEARNING_RATE",
    "GPT2_MIN_LR": "MIN_LR",
    "GPT2_MAX_ITERS": "MAX_ITERS",
    "GPT2_MAX_TIME": "MAX_TIME",
    "GPT2_NUM_EPOCHS": "NUM_EPOCHS",
    "GPT2_LOG_INTERVAL": "LOG_INTERVAL",
    "GPT2_WEIGHT_DECAY": "WEIGHT_DECAY",
    "GPT2_CUDNN_BENCHMARK": "CUDNN_BENCHMARK",
    "GPT2_TF32_ALLOWED": "TF32_ALLOWED",
    "GPT2_USE_DDP": None,
    "GPT2_DDP_BACKEND": None,
    "GPT2_DDP_FIND_UNUSED_PARAMS": None,
    "GPT2_DDP_NUM_GPUS": None,
    "GPT2_GENERATION_TEMPERATURE": "GENERATION_TEMPERATURE",
    "GPT2_GENERATION_TOP_K": "GENERATION_TOP_K",
    "GPT2_GENERATION_MAX_TOKENS": "GENERATION_MAX_TOKENS",
    "GRADIENT_CLIP_NORM": "GRAD_CLIP",
    # optimizers
    "OPTIMIZER_MODE_NONE": None,
    "OPTIMIZER_MODE_SINGLE": None,
    "OPTIMIZER_MODE_MULTIPLE": None,
    "OPTIMIZER_COUNT": None,
    "OPTIMIZER_DEFAULT": None,
    "ADV_WEIGHT_DECAY": "WEIGHT_DECAY",
    "ADV_USE_AMSGRAD": "OPTIMIZER_ADAMWADV",
    "ADV_USE_COSINE_ANNEALING": "DECAY_LR",
    "ADV_COSINE_ETA_MIN": "MIN_LR",
    # pruning
    "ENABLE_PRUNING": "PRUNING_METHOD",
    "ADAMWPRUNE_ENABLE_PRUNING": "PRUNING_METHOD_STATE",
    "ADAMWPRUNE_PRUNING_METHOD": "PRUNING_METHOD",
    "ADAMWPRUNE_TARGET_SPARSITY": "TARGET_SPARSITY",
    "PRUNING_TARGET_SPARSITY": "TARGET_SPARSITY",
    "ADAMWPRUNE_WARMUP_STEPS": "PRUNING_BEGIN_PCT",
    "ADAMWPRUNE_FREQUENCY": "PRUNING_FREQUENCY",
    "ADAMWPRUNE_RAMP_END_EPOCH": "PRUNING_END_PCT",
    "ADAMWPRUNE_RAMP_END_STEP": "PRUNING_END_PCT",
    "ADAMWPRUNE_AMSGRAD": "ADAMWPRUNE_BASE_ADAMWADV",
    "ADAMWPRUNE_DEFAULT_VARIANT": "ADAMWPRUNE_VARIANT",
    "TEST_ADAMWPRUNE_VARIANTS": "ADAMWPRUNE_VARIANT",
    "PRUNING_WARMUP": "PRUNING_BEGIN_PCT",
    "PRUNING_RAMP_END_EPOCH": "PRUNING_END_PCT",
    "PRUNING_MODE_NONE": "PRUNING_METHOD_NONE",
    "PRUNING_MODE_SINGLE": None,
    "PRUNING_MODE_MULTIPLE": None,
    "PRUNING_COUNT": None,
    "PRUNING_DEFAULT": None,
    "PRUNING_SAVE_MASKS": None,
    "PRUNING_VISUALIZE_MASKS": None,
    "PRUNING_LOG_SPARSITY": None,
    "PRUNING_ENABLE_MOMENTUM": None,
    "MOMENTUM_PRUNING_ALPHA": None,
    "MAGNITUDE_PRUNING_NORM": None,
    "MAGNITUDE_PRUNING_STRUCTURED": None,
    "MOVEMENT_PRUNING_BETA": None,
    "MOVEMENT_PRUNING_USE_GRADIENT": None,
    "STATE_PRUNING_STRATEGY": None,
    "STATE_PRUNING_MOMENTUM_WEIGHT": None,
}

# Families: every old name is the prefix and a rest, and the rest is kept.
_FAMILIES = (
    ("GPT2_ADAMWPRUNE_VARIANT_", "ADAMWPRUNE_VARIANT_"),
    ("TEST_OPTIMIZER_ENABLED_", "OPTIMIZER_"),
    ("OPTIMIZER_ENABLED_", "OPTIMIZER_"),
    ("OPTIMIZER_ENABLE_", "OPTIMIZER_"),
    ("OPTIMIZER_SELECT_", "OPTIMIZER_"),
    ("TEST_PRUNING_", "PRUNING_METHOD_"),
    ("PRUNING_ENABLED_", "PRUNING_METHOD_"),
    ("PRUNING_ENABLE_", "PRUNING_METHOD_"),
    ("PRUNING_SELECT_", "PRUNING_METHOD_"),
    ("ADAMWPRUNE_BASE_", "ADAMWPRUNE_BASE_"),
    ("ADAMW_", ""),
    ("ADAM_", ""),
    ("ADAMWPRUNE_", ""),
)

# Sparsity levels were bools, one each; they are values of one sweep here.
_LEVEL_FAMILIES = ("SPARSITY_ENABLE_", "TEST_SPARSITY_")


def successor(name: str, known: Collection[str]) -> tuple[bool, str | None]:
    """Whether `name` is an old name, and its successor in `known` (symbols and groups), if any.

    An old name whose successor this tree does not have is old and has none: (True, None).
    """
    for prefix in _LEVEL_FAMILIES:
        if name.startswith(prefix):
            return True, "TARGET_SPARSITY" if "TARGET_SPARSITY" in known else None
    if name in RENAMED or name in SAME:
        new = RENAMED.get(name) or SAME.get(name)
        return True, new if new in known else None
    if name in IDLE:
        return True, None
    for prefix, replacement in _FAMILIES:
        rest = name.removeprefix(prefix)
        if rest not in (name, "") and (new := replacement + rest) in known:
            return True, new
    is_old = name.startswith(("GPT2_", "RA_MLA_", "SPAM_", "OPTIMIZER_ENABLE_", "PRUNING_ENABLE_"))
    return is_old, None
