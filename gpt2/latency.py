"""How fast a trained model answers: `python gpt2/latency.py --run RUN`.

RUN is a run's folder, its name, or a part of its name that no other run has. Measured are the
time to read a prompt and the time of each token after it, by batch size and length of the prompt
(INFERENCE_BATCH_SIZES, INFERENCE_LENGTHS, INFERENCE_TOKENS, INFERENCE_REPEATS); median and, in
brackets, 95th percentile. RUN/latency.json has the numbers with their conditions. DTYPE is that of
the run unless given: `--dtype float32`.

Exit codes: 0, 2 usage, 65 a damaged checkpoint, 66 no checkpoint or no data, 69 no such device.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.latency")

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpt2.run_options import command_line, note, parse, run_and_settings
from lib.cli import guarded
from lib.files import write_atomic
from lib.runs import RunDirectory

if TYPE_CHECKING:
    from gpt2.model import GPT
    from gpt2.trained import Place

SCHEMA = 1
FILE = "latency.json"
SYMBOLS = ("INFERENCE_BATCH_SIZES", "INFERENCE_LENGTHS", "INFERENCE_TOKENS", "INFERENCE_REPEATS")


def main(arguments: Sequence[str]) -> int:
    parser = command_line("latency", "How fast a trained model answers.", SYMBOLS)
    options, pairs = parse(parser, arguments, SYMBOLS)
    run, settings = run_and_settings(options.run, pairs)
    # Only now, because a mistyped name must not cost the second that torch takes.
    from gpt2.trained import load_trained, place_of

    place = place_of(settings)
    trained = load_trained(run, options.checkpoint, settings, place, note)
    print(f"{run.name}, {place.dtype} on {place.device}", flush=True)
    measure_run(run, trained.model, trained.described(), settings, place, _say)
    print(f"written: {run.path / FILE}")
    return 0


def measure_run(
    run: RunDirectory,
    model: "GPT",
    checkpoint: dict[str, Any],
    settings: dict[str, Any],
    place: "Place",
    say: Callable[[str], None],
) -> None:
    """Measure a model of a run and write latency.json beside its summary.

    checkpoint: what is known of the weights, for the file; its step at least. Raises ValueError
    if no prompt fits, OSError if the file cannot be written.
    """
    from gpt2.inference_timing import Plan, measure
    from lib.provenance import hardware, versions

    measured = measure(model, Plan.of(settings), place.dtype, say)
    conditions = {
        "schema": SCHEMA,
        "run": run.name,
        "checkpoint": checkpoint,
        "dtype": place.dtype,
        "hardware": hardware(place.device),
        "versions": versions(),
    }
    text = json.dumps(conditions | measured, indent=1, allow_nan=False) + "\n"
    write_atomic(run.path / FILE, text)


def measure_after_training(
    run: RunDirectory,
    model: "GPT",
    step: int,
    settings: dict[str, Any],
    place: "Place",
    say: Callable[[str], None],
) -> None:
    """What INFERENCE_TEST asks for, if it does, on the weights after the last step.

    A plan that does not fit is said, not raised: it takes nothing from what was trained. Raises
    OSError if the file cannot be written.
    """
    if settings["INFERENCE_TEST"]:
        try:
            measure_run(run, model, {"step": step}, settings, place, say)
        except ValueError as error:
            say(f"inference was not measured: {error}")


def read_latency(run: Path) -> dict[str, Any] | None:
    """What was measured of a run, for a report; None where nothing was, or the file is torn."""
    try:
        value = json.loads((run / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_whole = isinstance(value, dict) and value.get("schema") == SCHEMA and "rows" in value
    return value if is_whole else None


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
