"""`make status`, `make watch`: each run with its state, progress and time left.

Reads only the files that runs leave (heartbeat, metrics, summary): it can neither slow nor harm
them. Never imports torch.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lib.cli import guarded
from lib.console import duration
from lib.current import load_configuration
from lib.metrics import read_metrics
from scripts.matrix.estimate import estimated_s, seconds_per_step
from scripts.matrix.last import plan_to_show
from scripts.matrix.plan import Plan, PlannedRun
from scripts.matrix.show import label

REFRESH_S = 1.0
STYLES = {"done": "green", "running": "cyan", "failed": "red", "diverged": "red"}


@dataclass(frozen=True)
class Line:
    """One run as people see it; a value that is not known is None."""

    label: str
    state: str
    step: int | None
    steps: int | None
    loss: float | None
    left_s: float | None
    note: str


def lines(the_plan: Plan) -> list[Line]:
    """One line a run, in the order of the plan."""
    known = seconds_per_step(the_plan.results)
    return [_line(planned, known) for planned in the_plan.runs]


def _line(planned: PlannedRun, known: dict[str, float]) -> Line:
    run = planned.directory
    state = run.state()
    name = label(planned)
    summary = run.summary()
    if summary is not None:
        note = summary["reason"] or ""
        return Line(
            name, state, summary.get("steps"), planned.steps, summary.get("val_loss"), None, note
        )
    rows = read_metrics(run.metrics_path, kinds=("train", "eval"))
    step = rows[-1]["step"] if rows else None
    loss = rows[-1].get("loss") if rows else None
    live = run.live()
    if live == "running":
        beat = run.heartbeat() or {}
        left_s = beat.get("eta_s")
        return Line(name, live, beat.get("step", step), planned.steps, loss, left_s, "")
    left_s = estimated_s(planned, known)
    return Line(name, live or state, step, planned.steps, loss, left_s, run.reason() or "")


# Columns beside run and state, each with the least width of the terminal that has room for it.
COLUMNS: tuple[tuple[str, int, Callable[[Line], str]], ...] = (
    ("step", 60, lambda line: _step(line)),
    ("loss", 32, lambda line: "-" if line.loss is None else f"{line.loss:.4f}"),
    ("left", 40, lambda line: "" if line.state == "done" else _time(line.left_s)),
    ("", 100, lambda line: line.note),
)


def _step(line: Line) -> str:
    if line.step is None:
        return "-"
    # Nobody knows how many fit into a time.
    return f"{line.step}" if line.steps is None else f"{line.step}/{line.steps}"


def page(the_plan: Plan, width: int) -> Table:
    """The table, for a terminal of `width` columns."""
    table = Table(box=None, pad_edge=False, title=f"matrix {the_plan.id}", title_justify="left")
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    shown = [column for column in COLUMNS if width >= column[1]]
    for name, _, _ in shown:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for line in lines(the_plan):
        state = Text(line.state, style=STYLES.get(line.state, ""))
        table.add_row(line.label, state, *(value(line) for _, _, value in shown))
    return table


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def watch(the_plan: Plan, console: Console) -> None:
    """Redraw until Ctrl+C, or until nothing is left to run."""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(page(the_plan, console.width), refresh=True)
            if not the_plan.pending():
                return
            time.sleep(REFRESH_S)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make status", description=__doc__)
    parser.add_argument("--watch", action="store_true", help="redraw until Ctrl+C")
    options = parser.parse_args(arguments)
    the_plan, line = plan_to_show(load_configuration())
    print(f"State of {line}.", file=sys.stderr)
    console = Console()
    if not options.watch:
        console.print(page(the_plan, console.width))
        return 0
    if not console.is_terminal or os.environ.get("TERM") == "dumb":
        raise ValueError("make watch needs a terminal that can redraw. `make status` prints once.")
    # Ctrl+C is the way to leave, not an error.
    with contextlib.suppress(KeyboardInterrupt):
        watch(the_plan, console)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
