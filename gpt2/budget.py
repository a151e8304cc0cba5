"""How long a run is, how large its batches are, and whether its numbers fit together.

Knows no torch: the plan asks too. The extra budget acts here and nowhere else.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gpt2.reciprocal.options import step_of
from gpt2.reciprocal.steps import widths
from gpt2.shape import shape_of
from lib.run_length import ByStep, ByTime, RunLength

# WARMUP_STEPS where WARMUP_PCT says how long the warm-up is.
BY_SHARE = -1


@dataclass(frozen=True)
class Batch:
    """How the sequences of an optimizer step are grouped. Every grouping draws the same ones."""

    micro: int
    """Sequences in one forward and backward pass."""
    accumulation: int
    """Such passes in a step."""

    @property
    def sequences(self) -> int:
        return self.micro * self.accumulation


def batch_of(config: Mapping[str, Any]) -> Batch:
    """The grouping as it is configured; HYPER_PARAM=auto may find another of as many sequences."""
    return Batch(micro_batch(config), config["GRADIENT_ACCUMULATION"])


def micro_batch(config: Mapping[str, Any]) -> int:
    """Sequences in one forward and backward pass, with what EXTRA_BATCH_PCT adds."""
    return extended(config["BATCH_SIZE"], config["EXTRA_BATCH_PCT"])


def tokens_per_step(config: Mapping[str, Any]) -> int:
    """Tokens that one optimizer step learns from."""
    return _tokens(config, micro_batch(config))


def total_steps(config: Mapping[str, Any], train_tokens: int | None) -> int | None:
    """Optimizer steps of the run, with what EXTRA_ITERATIONS_PCT adds; None if it is counted in
    epochs of data not yet prepared, or if its end is a time.

    Epochs count steps of BATCH_SIZE: a larger batch would else pay for itself with fewer steps.
    """
    if total_seconds(config) is not None:
        return None
    if config["NUM_EPOCHS"] == 0:
        steps = config["MAX_ITERS"]
    elif train_tokens is None:
        return None
    else:
        tokens = _tokens(config, config["BATCH_SIZE"])
        steps = math.ceil(config["NUM_EPOCHS"] * train_tokens / tokens)
    return extended(steps, config["EXTRA_ITERATIONS_PCT"])


def total_seconds(config: Mapping[str, Any]) -> float | None:
    """Seconds of training of a run whose end is a time, with what EXTRA_ITERATIONS_PCT adds; None
    for a run of so many steps or epochs."""
    if config["MAX_TIME"] == 0:
        return None
    return config["MAX_TIME"] * (100 + config["EXTRA_ITERATIONS_PCT"]) / 100


def most_steps(config: Mapping[str, Any]) -> int | None:
    """Where a run that a time ends stops at the latest; None if only the time ends it, and for any
    other run."""
    if total_seconds(config) is None or config["MAX_ITERS"] == 0:
        return None
    return extended(config["MAX_ITERS"], config["EXTRA_ITERATIONS_PCT"])


def length_of(
    config: Mapping[str, Any], train_tokens: int, trained_s: Callable[[], float]
) -> RunLength:
    """The length of a run. trained_s: returns the seconds of training so far."""
    if (seconds := total_seconds(config)) is not None:
        is_share = config["WARMUP_STEPS"] == BY_SHARE
        return ByTime(
            seconds,
            trained_s,
            None if is_share else config["WARMUP_STEPS"],
            config["WARMUP_PCT"] / 100 if is_share else 0.0,
            most_steps(config),
        )
    steps = total_steps(config, train_tokens)
    assert steps is not None
    return ByStep(steps, warmup_steps(config, steps))


def warmup_steps(config: Mapping[str, Any], steps: int) -> int:
    """Steps over which the learning rate rises, in a run of so many."""
    if config["WARMUP_STEPS"] != BY_SHARE:
        return config["WARMUP_STEPS"]
    return steps * config["WARMUP_PCT"] // 100


def settled_warmup(config: Mapping[str, Any]) -> dict[str, str]:
    """The assignment that says a run's warm-up in steps; none where the configuration does.

    A run is identified by what it computes, and the share of a known length is a number of steps.
    Epochs have no length before their data are prepared: such a run keeps the share.
    """
    steps = total_steps(config, None)
    if steps is None or config["WARMUP_STEPS"] != BY_SHARE:
        return {}
    return {"WARMUP_STEPS": str(warmup_steps(config, steps))}


def not_reached(config: Mapping[str, Any], steps: int) -> list[str]:
    """What is configured in steps and never came, in a run of which a time left only `steps`.

    Of a run by steps `check_fit` says it before.
    """
    seconds, warm_up = total_seconds(config), config["WARMUP_STEPS"]
    if seconds is None:
        return []
    missed = []
    if steps <= warm_up:
        missed.append(
            f"the warm-up of {warm_up} steps took all the {steps} that fitted into {seconds:g} s: "
            "the peak learning rate was never reached; set WARMUP_STEPS lower, or TIME higher"
        )
    if config["SPIKE_INJECTION"] and steps < config["SPIKE_FIRST_STEP"]:
        missed.append(
            f"no gradient spike was injected: the first would be at step "
            f"{config['SPIKE_FIRST_STEP']}, and {steps} fitted into {seconds:g} s; set "
            "SPIKE_FIRST_STEP lower, or TIME higher"
        )
    return missed


def extended(number: int, percent: int) -> int:
    """`number` and so many per cent more, rounded half up: 10,000 and 21 give 12,100."""
    return (number * (100 + percent) + 50) // 100


def _tokens(config: Mapping[str, Any], sequences: int) -> int:
    return sequences * config["GRADIENT_ACCUMULATION"] * config["BLOCK_SIZE"]


def check_fit(config: Mapping[str, Any], steps: int | None) -> None:
    """Raise ValueError, naming every pair of options that cannot go together.

    Kconfig checks options one by one; these are the rules between two.
    """
    problems = []
    problems += _sizes(config)
    if config["DECAY_LR"] and config["MIN_LR"] > config["LEARNING_RATE"]:
        problems.append(
            f"MIN_LR={config['MIN_LR']:g} exceeds LEARNING_RATE={config['LEARNING_RATE']:g}; "
            "lower MIN_LR or set DECAY_LR=n"
        )
    if steps is None and total_seconds(config) is not None:
        # What a time would leave of the steps is not known; a limit of theirs is.
        steps = most_steps(config)
    if steps is not None and (warmup := warmup_steps(config, steps)) >= steps:
        problems.append(
            f"WARMUP_STEPS={warmup} leaves none of the {steps} steps for the peak learning rate; "
            f"set WARMUP_STEPS below {steps}, or to -1 for WARMUP_PCT of the steps"
        )
    extra = config["EXTRA_BATCH_PCT"]
    if extra and micro_batch(config) == config["BATCH_SIZE"]:
        problems.append(
            f"EXTRA_BATCH_PCT={extra} adds no sequence to BATCH_SIZE={config['BATCH_SIZE']}; "
            f"set BATCH_SIZE to {math.ceil(50 / extra)} or more"
        )
    extra = config["EXTRA_ITERATIONS_PCT"]
    if extra and config["MAX_ITERS"] is not None and steps == config["MAX_ITERS"]:
        problems.append(
            f"EXTRA_ITERATIONS_PCT={extra} adds no step to MAX_ITERS={steps}; "
            f"set MAX_ITERS to {math.ceil(50 / extra)} or more"
        )
    if config["SPIKE_INJECTION"] and steps is not None and config["SPIKE_FIRST_STEP"] > steps:
        problems.append(
            f"SPIKE_FIRST_STEP={config['SPIKE_FIRST_STEP']} is after the last of {steps} steps; "
            "set it inside the run"
        )
    if config["PRUNING"]:
        begin, end = config["PRUNING_BEGIN_PCT"], config["PRUNING_END_PCT"]
        if begin >= end:
            problems.append(
                f"PRUNING_BEGIN_PCT={begin} is not before PRUNING_END_PCT={end}; "
                "the ramp needs room, such as 25 to 75"
            )
        if config["PRUNING_SCOPE"] == "blocks-head" and not config["WEIGHT_TYING"]:
            problems.append(
                "PRUNING_SCOPE=blocks-head prunes the tied output head, and WEIGHT_TYING=n has "
                "none; set WEIGHT_TYING=y or PRUNING_SCOPE=blocks"
            )
        if config["PRUNING_N"] is not None and config["PRUNING_N"] > config["PRUNING_M"]:
            what = f"PRUNING_N={config['PRUNING_N']} of PRUNING_M={config['PRUNING_M']} weights"
            problems.append(f"{what} cannot stay; set PRUNING_N to PRUNING_M or less")
    if config["SPAM_PERIODIC_RESET"]:
        problems += _resets(config)
    if problems:
        raise ValueError("\n".join(problems))


def _sizes(config: Mapping[str, Any]) -> list[str]:
    """What the sizes of a model have against each other."""
    problems = []
    n_embd, n_head, n_kv_head = config["N_EMBD"], config["N_HEAD"], config["N_KV_HEAD"]
    if n_embd % n_head:
        problems.append(
            f"N_EMBD={n_embd} is not a multiple of N_HEAD={n_head}; "
            f"the next width that is: {math.ceil(n_embd / n_head) * n_head}"
        )
    elif config["POSITION_ENCODING"] == "rope" and n_embd // n_head % 2:
        problems.append(
            f"POSITION_ENCODING=rope turns pairs of channels, and N_EMBD={n_embd} with "
            f"N_HEAD={n_head} gives heads of {n_embd // n_head}; set N_EMBD to {2 * n_embd}, or "
            "another even multiple of the heads"
        )
    if n_kv_head and n_head % n_kv_head:
        divisors = [str(number) for number in range(1, n_head + 1) if n_head % number == 0]
        problems.append(
            f"N_KV_HEAD={n_kv_head} does not divide N_HEAD={n_head}; set it to one of "
            f"{', '.join(divisors)}"
        )
    step = step_of(config)
    if step is not None and not problems:
        try:
            widths(step, shape_of(config, 1), config["RA_R"])
        except ValueError as error:
            problems.append(str(error))
    return problems


def _resets(config: Mapping[str, Any]) -> list[str]:
    """What two options of AdamWSPAM's resets have against each other.

    The optimizer refuses the same, but only when a run has begun.
    """
    problems = []
    interval = config["SPAM_INTERVAL"]
    if config["SPAM_WARMUP"] and config["SPAM_WARMUP_STEPS"] > interval / 2:
        problems.append(
            f"SPAM_WARMUP_STEPS={config['SPAM_WARMUP_STEPS']} is more than half of "
            f"SPAM_INTERVAL={interval}: the learning rate would hardly ever be whole; set "
            f"SPAM_WARMUP_STEPS to {interval // 2} or less"
        )
    if not config["SPAM_WARMUP"] and not config["SPAM_BIAS_RESET"]:
        problems.append(
            "SPAM_WARMUP=n with SPAM_BIAS_RESET=n makes the first updates after a reset about "
            "three times too large; switch one of them on, or SPAM_PERIODIC_RESET off"
        )
    return problems


# What the time of a step depends on, apart from the machine and the arm.
COST_SYMBOLS = (
    *("DEVICE", "DTYPE", "CPU_THREADS", "DATASET", "VOCAB_MULTIPLE", "N_LAYER", "N_HEAD", "N_EMBD"),
    *("BLOCK_SIZE", "BATCH_SIZE", "GRADIENT_ACCUMULATION", "BIAS", "WEIGHT_TYING", "DROPOUT"),
    *("NORMALIZATION", "NORM_POSITION", "POSITION_ENCODING", "FFN_TYPE", "ACTIVATION"),
    *("FFN_HIDDEN", "FFN_MULTIPLE", "N_KV_HEAD", "QK_NORM", "ARCHITECTURE", "RA_STEP"),
    *("ATTENTION_BACKEND", "ATTENTION", "COMPILE", "TF32_ALLOWED", "LOSS_CHUNKS", "HYPER_PARAM"),
    *("KEEP_FREED_MEMORY", "GC_FREEZE", "DETERMINISTIC"),
)


def shape_key(config: Mapping[str, Any]) -> str:
    """Equal for runs whose steps cost the same on one machine: an ended run tells the time of
    one that is planned."""
    values = [config[symbol] for symbol in COST_SYMBOLS]
    # What a step computes, not what it is made of.
    values[COST_SYMBOLS.index("BATCH_SIZE")] = micro_batch(config)
    text = json.dumps(values)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
