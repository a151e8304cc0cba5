"""metrics.jsonl: what a run measured, one JSON object a line, in the order it happened.

Every row has `kind`, `step` (optimizer steps done) and `tokens` (tokens trained on so far).
"""

import json
import math
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from lib.files import write_atomic

METRICS_NAME = "metrics.jsonl"


class MetricsWriter:
    """Appends whole lines, so that a killed run leaves at most one torn line, the last."""

    def __init__(self, path: Path, resume_step: int) -> None:
        """Continue the file at `resume_step`: rows of later steps are about to happen again."""
        kept = [row for row in read_metrics(path) if row["step"] <= resume_step]
        if resume_step == 0:
            kept = []
        write_atomic(path, "".join(json.dumps(row) + "\n" for row in kept))
        # Unbuffered bytes: one row is one write, and it is in the file when the call returns.
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 (closed by __exit__)

    def row(self, kind: str, step: int, tokens: int, **values: Any) -> None:
        """Write one row; non-finite numbers become null, because JSON has no word for them."""
        row = {"kind": kind, "step": step, "tokens": tokens} | values
        line = json.dumps({key: _jsonable(value) for key, value in row.items()}) + "\n"
        self._file.write(line.encode())

    def sync(self) -> None:
        """Have the disk hold every row so far. Before a checkpoint of their step does: after a
        power cut the rows of a step that is not computed again would be lost."""
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def read_metrics(path: Path, kinds: Collection[str] | None = None) -> list[dict[str, Any]]:
    """The rows of a metrics file, of the given kinds or all, in step order.

    Tolerant, because a run may be writing or may have been killed: no file gives no rows, lines
    that are not a whole row are left out, and of rows with the same kind and step the last counts.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    # A line of another kind need not be parsed to be left out.
    wanted = None if kinds is None else [f'"{kind}"' for kind in kinds]
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for line in text.splitlines():
        if wanted is not None and not any(word in line for word in wanted):
            continue
        try:
            row = json.loads(line)
            key = (row["kind"], int(row["step"]))
        except (ValueError, KeyError, TypeError):
            continue
        if kinds is None or key[0] in kinds:
            rows[key] = row
    return sorted(rows.values(), key=lambda row: row["step"])


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
