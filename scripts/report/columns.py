"""Columns of tables: where each number comes from, and how it may be ranked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import formats
from .load import Run

QUALITY, MEMORY, TIME, FACT = "quality", "memory", "time", "fact"


@dataclass(frozen=True)
class Column:
    """A column of the scoreboard, or of a comparison."""

    key: str
    title: str
    unit: str
    source: str
    """Where in summary.json the numbers come from, for people."""
    kind: str
    """QUALITY, MEMORY and TIME are ranked under the rules above; FACT is not."""
    read: Callable[[Run], float | None]
    format: Callable[[float], str]
    better: int = 0
    """-1 where less is better, +1 where more is; 0 where neither is."""
    shows_spread: bool = False
    is_paired: bool = False
    """Of two arms, so no single run has it: the rows of a scoreboard fill it in."""


def training_bytes(run: Run) -> float | None:
    """Weights, gradients and optimizer state in bytes; None if one of them was not measured."""
    parts = [run.number(f"memory.{part}_bytes") for part in ("weights", "gradients", "optimizer")]
    return None if None in parts else sum(parts)


def _number(name: str) -> Callable[[Run], float | None]:
    return lambda run: run.number(name)


def _plain(key: str, title: str, unit: str, source: str, kind: str, **rest: Any) -> Column:
    return Column(key, title, unit, source, kind, _number(source), **rest)


def _memory(
    key: str, title: str, source: str, read: Callable[[Run], float | None], kind: str = MEMORY
) -> Column:
    # Masks are the price of the methods that have them, nothing to be best at.
    better = -1 if kind == MEMORY else 0
    return Column(key, title, "MiB", source, kind, read, formats.mebibytes, better)


PERPLEXITY = _plain(
    "perplexity", "Perplexity", "validation", "val_perplexity", QUALITY,
    format=formats.significant, better=-1, shows_spread=True,
)  # fmt: skip
LOSS = _plain(
    "loss", "Loss", "nats", "val_loss", QUALITY, format=formats.loss, better=-1, shows_spread=True
)
STEP = _plain(
    "step_ms", "Step", "ms, median", "time.step_ms_median", TIME,
    format=formats.significant, better=-1,
)  # fmt: skip
TOKENS_PER_S = _plain(
    "tokens_per_s", "Tokens/s", "training", "throughput.tokens_per_s", TIME,
    format=formats.whole, better=1,
)  # fmt: skip
TOKENS = _plain("tokens", "Tokens", "seen", "tokens", FACT, format=formats.whole)
MFU = _plain("mfu", "MFU", "of the peak", "throughput.mfu", TIME, format=formats.share, better=1)
MATMUL_SHARE = _plain(
    "matmul_share", "Share", "of a product", "throughput.share_of_matmul", TIME,
    format=formats.share, better=1,
)  # fmt: skip

_PEAKS = {
    "rss": "Peak memory of the process",
    "allocated": "Peak memory on the device",
}


def peak_columns(runs: Iterable[Run]) -> list[Column]:
    """A column for each kind of peak that these runs can state; the two are never mixed."""
    kinds = {run.memory_kind for run in runs}
    return [_peak_column(kind, title) for kind, title in _PEAKS.items() if kind in kinds]


def _peak_column(kind: str, title: str) -> Column:
    source = f"memory.peak_{kind}_bytes"
    return _memory(f"peak_{kind}", title, source, lambda run: run.peak(kind))


def architecture_columns(runs: Iterable[Run]) -> list[Column]:
    """What a model is, what it learned and what it took, for runs of any architecture."""
    return [
        _plain(
            "parameters", "Parameters", "each once", "params.total", FACT, format=formats.whole
        ),
        LOSS,
        PERPLEXITY,
        MFU,
        MATMUL_SHARE,
        _plain(
            "flops_per_token", "FLOPs per token", "MFLOP, training", "throughput.flops_per_token",
            FACT, format=formats.megaflop,
        ),
        _plain(
            "attention_ratio", "Attention", "/ feed-forward",
            "throughput.attention_to_feed_forward", FACT, format=formats.significant,
        ),
        TOKENS_PER_S,
        *peak_columns([run for run in runs if run.is_done]),
        STEP,
    ]  # fmt: skip


def _paired(key: str, title: str, unit: str, source: str) -> Column:
    return Column(
        key, title, unit, source, FACT, lambda run: None, formats.difference,
        shows_spread=True, is_paired=True,
    )  # fmt: skip


_BASELINE = ("difference", "Loss - baseline")
_SAME_SEED = "val_loss, paired by seed"
DIFFERENCE = _paired(*_BASELINE, "nats", _SAME_SEED)
EFFECT = _paired("effect", "Loss - twin", "nats", f"{_SAME_SEED} with the plain twin")
# Beside an effect it must not be read as one.
CONFOUNDED = _paired(*_BASELINE, "nats, confounded", _SAME_SEED)


def columns_of(runs: Iterable[Run], *, has_controls: bool) -> list[Column]:
    """The columns for these runs: one per kind of peak, in units that fit them all.

    has_controls: some are steps of a study, each of which is compared with its own twin.
    """
    done = [run for run in runs if run.is_done]
    walls = [value for run in done if (value := run.number("time.total_s")) is not None]
    wall_divisor, wall_unit = formats.second_unit(walls)
    score = "memory.score_bytes"
    return [
        # What a study is about stands first, where narrow pages show it.
        *([EFFECT, CONFOUNDED] if has_controls else []),
        _plain(
            "sparsity", "Sparsity", "of prunable", "pruning.achieved_sparsity", FACT,
            format=formats.share,
        ),
        PERPLEXITY,
        LOSS,
        *([] if has_controls else [DIFFERENCE]),
        _plain(
            "bits_per_byte", "Bits per byte", "validation", "val_bits_per_byte", QUALITY,
            format=formats.loss, better=-1,
        ),
        *peak_columns(done),
        _memory(
            "optimizer_state", "Optimizer state", "memory.optimizer_bytes",
            _number("memory.optimizer_bytes"),
        ),
        _memory(
            "training_state", "Weights, gradients, state",
            "memory.weights_bytes + gradients_bytes + optimizer_bytes", training_bytes,
        ),
        _memory("masks", "Masks", "memory.mask_bytes", _number("memory.mask_bytes"), FACT),
        # Few methods remember anything of their own; a column of zeros tells nobody anything.
        *(
            [_memory("scores", "Scores kept", score, _number(score), FACT)]
            if any(run.number(score) for run in done)
            else []
        ),
        # Of runs by time, whose tokens are what a method made of its seconds.
        *([TOKENS] if any(run.seconds is not None for run in done) else []),
        STEP,
        TOKENS_PER_S,
        # A device without a known peak has no MFU, and a run may leave the product unmeasured.
        *(
            column
            for column in (MFU, MATMUL_SHARE)
            if any(column.read(run) is not None for run in done)
        ),
        _plain(
            "wall", "Wall time", wall_unit, "time.total_s", TIME,
            format=lambda value: formats.one_decimal(value / wall_divisor), better=-1,
        ),
    ]  # fmt: skip
