"""The columns of the scoreboard: where each number comes from, and how it may be ranked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from . import formats
from .load import Run

QUALITY, MEMORY, TIME, FACT = "quality", "memory", "time", "fact"


@dataclass(frozen=True)
class Column:
    """A column of the scoreboard."""

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


def training_bytes(run: Run) -> float | None:
    """Weights, gradients and optimizer state in bytes; None if one of them was not measured."""
    parts = [run.number(f"memory.{part}_bytes") for part in ("weights", "gradients", "optimizer")]
    return None if None in parts else sum(parts)


def _number(name: str) -> Callable[[Run], float | None]:
    return lambda run: run.number(name)


def columns_of(runs: Iterable[Run]) -> list[Column]:
    """The columns for these runs: one per kind of peak, in units that fit them all."""
    done = [run for run in runs if run.is_done]

    def plain(key: str, title: str, unit: str, source: str, kind: str, **rest: Any) -> Column:
        return Column(key, title, unit, source, kind, _number(source), **rest)

    def memory(
        key: str, title: str, source: str, read: Callable[[Run], float | None], kind: str = MEMORY
    ) -> Column:
        # Masks are the price of the methods that have them, nothing to be best at.
        better = -1 if kind == MEMORY else 0
        return Column(key, title, "MiB", source, kind, read, formats.mebibytes, better)

    walls = [value for run in done if (value := run.number("time.total_s")) is not None]
    wall_divisor, wall_unit = formats.second_unit(walls)
    peaks = {
        "rss": ("peak_rss", "Peak memory of the process"),
        "allocated": ("peak_allocated", "Peak memory on the device"),
    }
    score = "memory.score_bytes"
    kinds = [kind for kind in peaks if any(run.memory_kind == kind for run in done)]
    return [
        plain(
            "sparsity", "Sparsity", "of prunable", "pruning.achieved_sparsity", FACT,
            format=formats.share,
        ),
        plain(
            "perplexity", "Perplexity", "validation", "val_perplexity", QUALITY,
            format=formats.significant, better=-1, shows_spread=True,
        ),
        plain(
            "loss", "Loss", "nats", "val_loss", QUALITY,
            format=formats.loss, better=-1, shows_spread=True,
        ),
        # Of two arms, so no single run has it: the rows fill it in.
        Column(
            "difference", "Loss - baseline", "nats", "val_loss, paired by seed", FACT,
            lambda run: None, formats.difference, shows_spread=True,
        ),
        plain(
            "bits_per_byte", "Bits per byte", "validation", "val_bits_per_byte", QUALITY,
            format=formats.loss, better=-1,
        ),
        *(
            memory(*peaks[kind], f"memory.peak_{kind}_bytes", lambda run, kind=kind: run.peak(kind))
            for kind in kinds
        ),
        memory(
            "optimizer_state", "Optimizer state", "memory.optimizer_bytes",
            _number("memory.optimizer_bytes"),
        ),
        memory(
            "training_state", "Weights, gradients, state",
            "memory.weights_bytes + gradients_bytes + optimizer_bytes", training_bytes,
        ),
        memory("masks", "Masks", "memory.mask_bytes", _number("memory.mask_bytes"), FACT),
        # Few methods remember anything of their own; a column of zeros tells nobody anything.
        *(
            [memory("scores", "Scores kept", score, _number(score), FACT)]
            if any(run.number(score) for run in done)
            else []
        ),
        plain(
            "step_ms", "Step", "ms, median", "time.step_ms_median", TIME,
            format=formats.significant, better=-1,
        ),
        plain(
            "tokens_per_s", "Tokens/s", "training", "throughput.tokens_per_s", TIME,
            format=formats.whole, better=1,
        ),
        # A device without a known peak has no MFU, and a run may leave the product unmeasured.
        *(
            plain(key, title, unit, source, TIME, format=formats.share, better=1)
            for key, title, unit, source in (
                ("mfu", "MFU", "of the peak", "throughput.mfu"),
                ("matmul_share", "Share", "of a product", "throughput.share_of_matmul"),
            )
            if any(run.number(source) is not None for run in done)
        ),
        plain(
            "wall", "Wall time", wall_unit, "time.total_s", TIME,
            format=lambda value: formats.one_decimal(value / wall_divisor), better=-1,
        ),
    ]  # fmt: skip
