"""Which runs are compared: those that a person names, or the newest that have ended."""

from datetime import UTC, datetime
from pathlib import Path

from lib.find_run import find_run
from lib.metrics import read_metrics
from lib.runs import RunDirectory

USAGE = (
    'make compare RUNS="a b c" compares the runs of these folders, names, or parts that only one '
    "name has; make compare LATEST=3 the three that ended last"
)


def choose(names: str | None, latest: str | None, results: Path) -> list[RunDirectory]:
    """The ended runs that RUNS (`names`) or LATEST (`latest`) of a command line means: as named,
    or in the order in which they ended. LATEST may find fewer than it asks for, not none.

    Raises ValueError for neither or both of them, for a run that is not there or has not ended.
    """
    names = (names or "").strip()
    if names and latest:
        raise ValueError(f"RUNS and LATEST are two ways to choose; give one. {USAGE}.")
    if names:
        return _named(names.split(), results)
    if latest:
        return _latest(latest, results)
    raise ValueError(f"Which runs? {USAGE}.")


def _named(names: list[str], results: Path) -> list[RunDirectory]:
    found: dict[Path, str] = {}
    for name in names:
        run = find_run(name, results, option="RUNS")
        if (earlier := found.get(run.path)) is not None:
            what = f"RUNS={name} is" if earlier == name else f"RUNS={earlier} and {name} are both"
            raise ValueError(f"{what} {run.name}: name each run once.")
        if run.summary() is None:
            # Refuses a folder that is no run, and one whose configuration is another's.
            run.config()
            raise ValueError(_not_ended(run))
        found[run.path] = name
    return [RunDirectory(path) for path in found]


def _latest(wanted: str, results: Path) -> list[RunDirectory]:
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(
            f"LATEST={wanted} is no number of runs. Give a whole number from 1 up, such as "
            "LATEST=3."
        )
    runs = [RunDirectory(path.parent) for path in (results / "runs").glob("*/summary.json")]
    ended = sorted((run for run in runs if run.summary() is not None), key=_end)
    if not ended:
        raise ValueError(f"No run has ended in {results / 'runs'}. `make` computes some.")
    return ended[-int(wanted) :]


def _end(run: RunDirectory) -> tuple[str, float, str]:
    """When a run ended, as it recorded or, without that, by the time of its summary. Of two in
    one second the file's time decides, and at last the name."""
    written_s = run.summary_path.stat().st_mtime
    attempts = run.attempts()
    last = attempts[-1] if attempts else None
    end = last.get("end") if isinstance(last, dict) else None
    if not isinstance(end, str):
        end = datetime.fromtimestamp(written_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return end, written_s, run.name


def _not_ended(run: RunDirectory) -> str:
    live = run.live()
    if live == "running":
        return f"{run.name} has not ended: it is running. Wait for it, or compare others."
    rows = read_metrics(run.metrics_path)
    place = f" at step {rows[-1]['step']}" if rows else ""
    reason = f" ({reason})" if (reason := run.reason()) else ""
    if live:
        state = f"it was interrupted{place}"
    else:
        state = f"it stopped{place}" if run.attempts() else "it has not been started"
    return f"{run.name} has not ended: {state}{reason}. `make` computes the rest of its matrix."
