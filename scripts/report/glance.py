"""The few facts that a reader needs before any number."""

from collections.abc import Iterable

from . import formats
from .load import Run, printable

SHOWN = 4


def at_a_glance(runs: Iterable[Run], seeds_of: Iterable[Run]) -> list[tuple[str, str]]:
    """(name, text) of what `runs` were trained on, with what, how long, and the seeds of
    `seeds_of`; a fact that no run recorded is left out."""
    runs = list(runs)
    facts = {
        "Model": {run.summary.get("model") for run in runs},
        "Data": {run.summary.get("dataset") for run in runs},
        "Device": {run.fact("hardware.device_name") for run in runs},
        "Budget": {
            f"{formats.whole(tokens)} tokens" if run.seconds is None else f"{run.seconds:g} s"
            for run in runs
            if (tokens := run.number("tokens") or run.planned_tokens) is not None
        },
        "Seeds": {str(run.seed) for run in seeds_of if run.seed is not None},
    }
    shown = []
    for name, values in facts.items():
        words = sorted(printable(str(value)) for value in values if value)
        if words:
            many = f"{words[0]} to {words[-1]} ({len(words)})" if name == "Seeds" else None
            fits = len(words) <= SHOWN
            joined = many if many and len(words) > 3 else ", ".join(words[:SHOWN])
            shown.append((name, joined if many or fits else f"{joined}, ..."))
    return shown
