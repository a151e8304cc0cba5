"""What a run is about to do, on one screen: the model, the training, the hardware, what to expect.

Pure text from plain facts: ASCII, 80 columns, no escape codes, so that a terminal, a pipe and
train.log get the same. `brief` says it in two lines, for `make -j`, where several runs share a
terminal. Every number was counted or computed for this run; one that nobody knows is left out or
said to be unknown.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.console import count, size, work

COLUMNS = 80
LABEL_COLUMNS = 25


@dataclass(frozen=True)
class ModelFacts:
    name: str
    architecture: str
    """As `gpt2.shape.architecture_name`, and the step of the study where there is one."""
    parameters: int
    """Each once; a tied head is the embedding."""
    block_parameters: int
    """Of them inside the transformer blocks."""
    n_layer: int
    n_head: int
    n_embd: int
    block_size: int
    vocab_size: int
    """Padded."""
    tokenizer_size: int
    """Tokens that can occur."""


@dataclass(frozen=True)
class TrainingFacts:
    micro_batch: int
    accumulation: int
    tokens_per_step: int
    steps: int | None
    """None where a time ends the run."""
    by_time: str
    """ "60 s of training", "60 s of training or 500 steps"; "" for a run of so many steps."""
    first_step: int
    """Steps that were done before, by an attempt that is continued; 0 for a fresh run."""
    epochs: float | None
    train_tokens: int
    optimizer: str
    schedule: str
    """For people: "6e-4, 100 steps of warm-up, cosine to 6e-5"."""
    pruning: str


@dataclass(frozen=True)
class HardwareFacts:
    device: str
    memory_bytes: int | None
    bandwidth_tb_s: float | None
    """As its maker states it."""
    processor: str
    threads: int
    arithmetic: str
    """ "float32" or "bfloat16"."""
    choices: tuple[tuple[str, str], ...]
    """What was chosen among ways to compute the same: ("Attention", "cuDNN")."""


@dataclass(frozen=True)
class ExpectedFacts:
    flops_per_token: int
    """The exact FLOPs of training, from which every share below is computed."""
    causal_flops_per_token: int
    palm_flops_per_token: int
    attention_to_feed_forward: float
    peak_tflops: float | None
    peak_note: str
    """What the peak is; without one, why there is none."""
    matmul_tflops: float | None
    matmul_size: int | None
    tokens_per_s_at_half_peak: float | None
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    mask_bytes: int
    checkpoint_bytes: int
    """The most that checkpoints will take on the disk; 0 where none are written."""


@dataclass(frozen=True)
class RunFacts:
    run: str
    model: ModelFacts
    training: TrainingFacts
    hardware: HardwareFacts
    expected: ExpectedFacts


def banner(facts: RunFacts) -> list[str]:
    """The whole screen, a line each."""
    sections = (
        ("MODEL", _model(facts.model)),
        ("TRAINING", _training(facts.training)),
        ("HARDWARE", _hardware(facts.hardware)),
        ("EXPECTED", _expected(facts.expected)),
    )
    lines = ["=" * COLUMNS, *_folded(facts.run, ""), "=" * COLUMNS]
    for title, entries in sections:
        lines.append(title)
        for label, text in entries:
            lines += _folded(text, f"  {label}".ljust(LABEL_COLUMNS))
        lines.append("")
    return [*lines[:-1], "-" * COLUMNS]


def brief(facts: RunFacts) -> list[str]:
    """The same in two lines."""
    model, training, expected = facts.model, facts.training, facts.expected
    again = f" from step {training.first_step:,}" if training.first_step else ""
    state = f"{size(state_bytes(expected))} of training state"
    disk = expected.checkpoint_bytes
    tokens = f"{training.tokens_per_step:,} tokens"
    length = f"{training.by_time}, {tokens} a step"
    if training.steps is not None:
        length = f"{training.steps:,} steps of {tokens}"
    epochs = "" if training.epochs is None else f"{_epochs(training.epochs)} epochs, "
    return [
        f"{model.name} ({count(model.parameters)}), {length}{again}, {epochs}on "
        f"{facts.hardware.device}, {facts.hardware.arithmetic}",
        f"{work(expected.flops_per_token)} a token, {_yardstick(expected)}, {state}"
        + (f", at most {size(disk)} of checkpoints" if disk else ""),
    ]


def state_bytes(expected: ExpectedFacts) -> int:
    """What the training keeps from step to step."""
    return (
        expected.weights_bytes
        + expected.gradients_bytes
        + expected.optimizer_bytes
        + expected.mask_bytes
    )


def _epochs(number: float) -> str:
    """Two digits after the point, or two that count where those would be zeros."""
    return f"{number:.2f}" if number >= 0.1 else f"{number:.2g}"


Entries = Iterator[tuple[str, str]]


def _model(model: ModelFacts) -> Entries:
    yield "Model", model.name
    yield "Architecture", model.architecture
    yield "Parameters", f"{model.parameters:,} ({count(model.parameters)})"
    outside = model.parameters - model.block_parameters
    yield "  in the blocks", f"{model.block_parameters:,} ({count(model.block_parameters)})"
    yield "  embeddings and rest", f"{outside:,} ({count(outside)})"
    yield "Layers", f"{model.n_layer}"
    yield "Heads", f"{model.n_head} of {model.n_embd // model.n_head} channels"
    yield "Width", f"{model.n_embd}"
    yield "Context", f"{model.block_size:,} tokens"
    padding = model.vocab_size - model.tokenizer_size
    padded = f" ({model.tokenizer_size:,} and {padding} of padding)" if padding else ""
    yield "Vocabulary", f"{model.vocab_size:,}{padded}"


def _training(training: TrainingFacts) -> Entries:
    batch = training.micro_batch * training.accumulation
    plural = "" if training.accumulation == 1 else "es"
    yield "Micro-batch", f"{training.micro_batch:,} sequences"
    yield "Accumulation", f"{training.accumulation:,} micro-batch{plural} a step"
    yield "Effective batch", f"{batch:,} sequences"
    yield "Tokens per step", f"{training.tokens_per_step:,}"
    begun = f", of which {training.first_step:,} are done" if training.first_step else ""
    if training.steps is None:
        yield "Steps", f"as many as fit into {training.by_time}{begun}"
    else:
        yield "Steps", f"{training.steps:,}{begun}"
        tokens = training.steps * training.tokens_per_step
        yield "Tokens", f"{tokens:,} ({count(tokens)})"
    over = f"{training.train_tokens:,} tokens"
    if training.epochs is None:
        yield "An epoch", over
    else:
        yield "Epochs", f"{_epochs(training.epochs)} over {over}"
    yield "Optimizer", training.optimizer
    yield "Learning rate", training.schedule
    yield "Pruning", training.pruning


def _hardware(hardware: HardwareFacts) -> Entries:
    yield "Device", hardware.device
    if hardware.memory_bytes is not None:
        stated = hardware.bandwidth_tb_s
        speed = f", {stated:g} TB/s by its data sheet" if stated is not None else ""
        yield "Memory", f"{size(hardware.memory_bytes)}{speed}"
    yield "Arithmetic", hardware.arithmetic
    yield "Processor", f"{hardware.processor}, {_threads(hardware.threads)}"
    yield from hardware.choices


def _expected(expected: ExpectedFacts) -> Entries:
    yield "FLOPs per token", f"{work(expected.flops_per_token)}, what the kernels multiply"
    yield (
        "  other conventions",
        f"{work(expected.palm_flops_per_token)} (PaLM), "
        f"{work(expected.causal_flops_per_token)} with the causal half",
    )
    yield "Attention/FFN ratio", f"{expected.attention_to_feed_forward:.2f}"
    if expected.peak_tflops is None:
        yield "Peak", f"unknown: {expected.peak_note}"
    else:
        yield "Peak", f"{rate(expected.peak_tflops)} ({expected.peak_note})"
    if expected.matmul_tflops is not None:
        n = expected.matmul_size
        yield "Matrix product here", f"{rate(expected.matmul_tflops)} ({n} x {n} x {n})"
    if expected.tokens_per_s_at_half_peak is not None:
        yield "At 50 % MFU", f"{expected.tokens_per_s_at_half_peak:,.0f} tokens/s"
    elif expected.matmul_tflops is not None:
        half = 0.5 * expected.matmul_tflops * 1e12 / expected.flops_per_token
        yield "At 50 % of the product", f"{half:,.0f} tokens/s"
    state = [("weights", expected.weights_bytes), ("gradients", expected.gradients_bytes)]
    if expected.optimizer_bytes:
        state.append(("optimizer state", expected.optimizer_bytes))
    if expected.mask_bytes:
        state.append(("masks", expected.mask_bytes))
    parts = ", ".join(f"{name} {size(taken)}" for name, taken in state)
    yield "Memory", f"{size(state_bytes(expected))} ({parts}), and activations"
    if expected.checkpoint_bytes:
        yield "Disk for checkpoints", f"up to {size(expected.checkpoint_bytes)}"


def _yardstick(expected: ExpectedFacts) -> str:
    """What speed will be compared with, in a few words."""
    half = expected.tokens_per_s_at_half_peak
    if expected.peak_tflops is not None and half is not None:
        return f"{count(half)} tok/s at 50 % of {rate(expected.peak_tflops)}"
    if expected.matmul_tflops is not None:
        return f"no known peak, a matrix product runs at {rate(expected.matmul_tflops)}"
    return "no known peak"


def rate(tflops: float) -> str:
    """FLOPs per second for people: "444.8 TFLOP/s", "94.42 GFLOP/s"."""
    return f"{work(tflops * 1e12)}/s"


def _threads(number: int) -> str:
    return f"{number} thread{'' if number == 1 else 's'}"


def _folded(text: str, label: str) -> Sequence[str]:
    """`label` and the text after it, in lines of at most 80 columns."""
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )
