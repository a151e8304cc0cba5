"""What a run answered, in `<run>/hellaswag/`: finished results, and those that are under way.

A result is known by what it was measured on: the checkpoint's and the file's SHA-256, the text,
the arithmetic, which questions. Under the same key a killed command continues and a finished one
is not repeated. Knows no torch: a report reads this too.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib.files import write_atomic

SCHEMA = 1
FOLDER = "hellaswag"
PARTIAL = ".partial.json"
KEEP_EVERY_S = 5.0


class Notebook:
    """The files of one key."""

    def __init__(self, run: Path, key: Mapping[str, str | int]) -> None:
        self.folder = run / FOLDER
        self.key = {"schema": SCHEMA, **key}
        text = json.dumps(self.key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.path = self.folder / f"{name}.json"
        self.partial_path = self.folder / f"{name}{PARTIAL}"
        self._kept = time.monotonic()

    def result(self) -> dict[str, Any] | None:
        """The finished result, if there is one."""
        found = _finished(self.path)
        return found if found is not None and found["key"] == self.key else None

    def known(self, say: Callable[[str], None]) -> dict[int, list[float]]:
        """The losses that an earlier command left; none, and a line, where its file is damaged."""
        if not self.partial_path.exists():
            return {}
        found = _read(self.partial_path)
        try:
            if found is None or found["key"] != self.key:
                raise ValueError("not of this key")
            losses = {
                int(number): [float(loss) for loss in row]
                for number, row in found["losses"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError):
            say(f"{self.partial_path} is damaged; its questions are asked again")
            return {}
        say(f"continuing after {len(losses):,} questions")
        return losses

    def keep(self, losses: Mapping[int, list[float]]) -> None:
        """Write down the losses so far, if the last time is long enough ago."""
        if time.monotonic() - self._kept >= KEEP_EVERY_S:
            text = json.dumps({"key": self.key, "losses": losses}, allow_nan=False)
            write_atomic(self.partial_path, text)
            self._kept = time.monotonic()

    def finish(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Write the result; what was under way is no longer needed. Returns what was written."""
        whole = {"key": self.key, **result}
        write_atomic(self.path, json.dumps(whole, indent=1, allow_nan=False) + "\n")
        self.partial_path.unlink(missing_ok=True)
        return whole


def read_results(run: Path) -> list[dict[str, Any]]:
    """Every finished result of a run, by the step of its checkpoint."""
    paths = sorted((run / FOLDER).glob("*.json"))
    found = [_finished(path) for path in paths if not path.name.endswith(PARTIAL)]
    whole = [one for one in found if one is not None]
    return sorted(whole, key=lambda one: one["checkpoint"]["step"])


def _finished(path: Path) -> dict[str, Any] | None:
    found = _read(path)
    return found if found is not None and {"key", "checkpoint", "measures"} <= set(found) else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
