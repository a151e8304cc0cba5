"""Runs that have begun, for a command line that asks to continue one."""

from pathlib import Path

from lib.arms import ARCHITECTURE_AXES, run_settings
from lib.cli import ROOT
from lib.kconfig import ConfigError, Configuration, Layer, read_layer
from lib.runs import RunDirectory

# What two runs of one name have in common, beside a member of every axis.
NAMED = ("MODEL", "DATASET", "TARGET_SPARSITY", *ARCHITECTURE_AXES)

SHOWN = 3


def has_begun(run: RunDirectory) -> bool:
    """Whether there is something to continue, or an end that says there is nothing to do."""
    return run.summary() is not None or any(run.checkpoints_path.glob("step-*.pt"))


def begun_runs(results: Path) -> list[RunDirectory]:
    """The begun runs below `results`: unfinished ones first, then ended ones, each newest first."""
    runs = [RunDirectory(path.parent) for path in (results / "runs").glob("*/config.py")]
    return sorted(filter(has_begun, runs), key=_order, reverse=True)


def _order(run: RunDirectory) -> tuple[bool, str, str]:
    attempts = run.attempts()
    start = attempts[-1].get("start") if attempts else None
    return run.summary() is None, str(start or ""), run.name


def continued(configuration: Configuration, options: Layer) -> tuple[RunDirectory | None, str]:
    """The newest begun run of this configuration's name that `options`, the command line, fit, and
    a line that says in what it differs; None where there is none.

    Options that change no result, a tracker say, act on it from here on.
    """
    for run in begun_runs(ROOT / configuration.typed().RESULTS_DIR):
        try:
            layer = read_layer(run.path / ".config", run.name, kind="state")
            frozen = configuration.tree.resolve([layer])
            asked = configuration.tree.resolve([layer, options])
            config = run.config()
        except ConfigError:
            # Of a program before this one.
            continue
        is_same = asked.typed().hash == frozen.typed().hash == config.hash
        if is_same and _is_of(frozen, configuration):
            run.freeze(asked)
            differences = _differences(frozen, configuration)
            return run, f"--resume: {run.name}, as it was begun{differences}"
    return None, ""


def _is_of(run: Configuration, configuration: Configuration) -> bool:
    """Whether the name of the run is one that the configuration gives."""
    settings, wanted = run_settings(run.typed()), configuration.typed()
    axes = configuration.axes()
    varied = {*configuration.sweep(), *(name for v in configuration.variations() for name in v)}
    for name in NAMED:
        both = {settings[name], wanted[name]} - {None}
        # None: the arm has no such option, and the configuration has it for another arm.
        if name not in axes and name not in varied and len(both) > 1:
            return False
    members = all(settings[axis] in (None, *members) for axis, members in axes.items())
    return members and settings["SEED"] - wanted.SEED in range(wanted.SEEDS)


def _differences(run: Configuration, configuration: Configuration) -> str:
    old, new = run.typed(), configuration.typed()
    axes = configuration.axes()
    named = [
        f"{name}={old[name]}, not {new[name]}"
        for name in old.relevant()
        if name not in axes and old[name] != new[name]
    ]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f" ({'; '.join(named[:SHOWN])}{more})" if named else ""
