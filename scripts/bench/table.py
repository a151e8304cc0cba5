"""The one table of `make bench-optim`, as Markdown, with the conditions it was measured under."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import torch

from scripts.bench.conditions import versions, where
from scripts.bench.timing import Ratio
from scripts.docs.tables import table

HEADER = (
    *("model", "what", "ms", "reference", "reference ms", "ratio", "95 % interval"),
    *("bytes beyond the reference", "share of a training step"),
)
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One line; None where a column means nothing for it."""

    model: str
    what: str
    milliseconds: float
    reference: str = "-"
    reference_ms: float | None = None
    ratio: Ratio | None = None
    extra_bytes: int | None = None
    share: float | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = self.ratio
        has_interval = ratio is not None and ratio.low is not None
        return (
            self.model,
            self.what,
            _ms(self.milliseconds),
            self.reference,
            "-" if self.reference_ms is None else _ms(self.reference_ms),
            "-" if ratio is None else f"{ratio.median:.3f}",
            f"{ratio.low:.3f} to {ratio.high:.3f}" if has_interval else "-",
            "-" if self.extra_bytes is None else _bytes(self.extra_bytes),
            "-" if self.share is None else f"{100 * self.share:+.2f} %",
        )


def _ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _bytes(value: int) -> str:
    return f"{value / MIB:+,.1f} MiB" if abs(value) >= MIB else f"{value:+,d}"


def page(rows: Sequence[Row], device: torch.device, notes: Sequence[str]) -> str:
    """Conditions, notes and table."""
    conditions = (
        f"Measured on {date.today():%Y-%m-%d} by `make bench-optim` on {where(device)}; "
        f"{versions()}."
    )
    text = "\n".join(f"- {note}" for note in notes)
    return f"{conditions}\n\n{text}\n\n{table(HEADER, (row.cells() for row in rows))}"
