"""The run that a command line of gpt2/train.py names or describes. Knows no torch."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt2.begun import begun_runs, continued, has_begun
from gpt2.budget import check_fit, settled_warmup, total_steps
from gpt2.exchange.source import check_source
from gpt2.one_run import named_axes, one_run, word_for_one
from gpt2.translate import Word, line_of, translate, words_of
from lib.arms import settings_of
from lib.cli import ROOT
from lib.current import config_file, load_configuration, stored_layer
from lib.kconfig import (
    Configuration,
    Layer,
    load_tree,
    override_layer,
    overrides_from_arguments,
)
from lib.kconfig.errors import no_config
from lib.kconfig.store import config_path
from lib.runs import RunDirectory, RunFolders

LATEST = "latest"
RESTART = "restart"
BEST = "best"

# Runs that a refusal names.
SHOWN = 5

# The part of a short run that a line to type gives to its warm-up.
WARMUP_SHARE = 10

# What a fresh clone has for a run that a whole command line describes: `make quickstart` loads it.
WITHOUT_CONFIG = ROOT / "defconfigs" / "quickstart"


@dataclass(frozen=True)
class Wish:
    """What a command line asks for beside the options of the configuration."""

    resume: str | None = None
    """LATEST, BEST, RESTART, the path of a checkpoint; None where nothing was said."""
    arm: str | None = None
    typed: tuple[str, ...] = ()
    """The whole line, for the line to type."""
    is_dry: bool = False
    """Only to say which run it is: no folder is made."""

    def line(self, *more: str, without: Sequence[str] = ()) -> str:
        """The line to type: this one with options more, and without some."""
        words = [w for w in words_of(self.typed) if w.shown.replace("_", "-") not in without]
        return line_of([*words, *(Word((option,)) for option in more)])


def in_our_words(arguments: Sequence[str]) -> list[str]:
    """The line in the options of this program; says what it reads in other words.

    Raises ValueError, with the line to type, for what is not built.
    """
    translated, notes = translate(arguments, _settled)
    for note in notes:
        _say(note)
    return translated


def _settled(options: Mapping[str, str]) -> Mapping[str, Any]:
    path = config_file() if config_file().is_file() else WITHOUT_CONFIG
    layers = [stored_layer(path), override_layer(list(options.items()))]
    return load_tree(ROOT).resolve(layers).typed()


def find_run(folder: Path | None, assignments: list[str], wish: Wish) -> RunDirectory:
    """The run that the command line names or describes; its folder exists afterwards, unless the
    wish is dry.

    Where `wish` is to continue, it is one that has begun. Raises ValueError.
    """
    layer = overrides_from_arguments(assignments)
    if folder is not None:
        if assignments:
            raise ValueError(
                f"--run takes a frozen run as it is, without {' '.join(assignments)}. "
                "Leave --run out to describe another run by options."
            )
        return _frozen(folder.resolve(), wish)
    is_file = wish.resume not in (None, LATEST, BEST, RESTART)
    if is_file and not assignments and wish.arm is None:
        # The folder of its run is two above the file.
        owner = Path(str(wish.resume)).resolve().parent.parent
        if (owner / "config.py").is_file():
            return _frozen(owner, wish)
    configuration, chosen = one_run(_configuration(layer, wish), layer, wish.arm)
    if settled := settled_warmup(configuration.typed()):
        configuration = configuration.derive(settled, "length of the run")
    if chosen:
        _say(f"one run of several: {' '.join(chosen)}")
    if wish.resume in (LATEST, BEST):
        return _continued(configuration, layer, wish)
    return _planned(configuration, _settings(configuration, wish), wish)


def begins(run: RunDirectory, resume: str | None) -> str:
    """The state of a run and, where the command line says so, where it would begin.

    Raises ValueError for a checkpoint that is not there.
    """
    state = run.state()
    if resume is None or state != "pending":
        return state
    if resume == RESTART:
        return f"{state}, to begin at step 0"
    if resume == LATEST:
        if not has_begun(run):
            return f"{state}, to begin at step 0"
        path = max(run.checkpoints_path.glob("step-*.pt"), key=lambda path: (len(path.name), path))
    else:
        # It brings torch, a second.
        from lib.checkpoint import CheckpointStore

        path = CheckpointStore(run.checkpoints_path).find(resume)
    if not path.is_file():
        raise ValueError(f"There is no checkpoint {path}. `{LIST}` shows those that are there.")
    return f"{state}, to continue from {path.name}"


LIST = "python gpt2/train.py --list-checkpoints"


def _frozen(path: Path, wish: Wish) -> RunDirectory:
    run = RunDirectory(path)
    if not run.path.is_dir():
        # A name of the same run that another plan gave it.
        run = RunFolders(run.path.parent.parent).named(run.name) or run
    # Asked before anything is written, so that a mistyped name leaves no folder behind.
    run.config()
    if wish.resume == LATEST and not has_begun(run):
        _say(f"--resume latest: {run.name} has no checkpoint yet and begins at step 0")
    return run


def _configuration(layer: Layer, wish: Wish) -> Configuration:
    """`.config` with the options. Without it, that of the quickstart where the line says which
    run it means."""
    usual = config_path({})
    if config_path(os.environ) != usual or config_file().exists():
        return load_configuration(layer)
    configuration = load_configuration(layer, path=WITHOUT_CONFIG)
    if wish.arm is None and not named_axes(configuration, layer):
        raise no_config(str(usual))
    _say(f"There is no {usual} yet: the options go on top of defconfigs/quickstart.")
    return configuration


def _settings(configuration: Configuration, wish: Wish) -> dict[str, Any]:
    """Raises ValueError, with the line to type, where it is not one run."""
    try:
        return settings_of(configuration)
    except ValueError as error:
        word = word_for_one(configuration)
        if word is None:
            raise
        raise ValueError(f"{error} Type `{wish.line(word)}`.") from None


def _planned(configuration: Configuration, settings: dict[str, Any], wish: Wish) -> RunDirectory:
    steps = total_steps(settings, None)
    try:
        check_fit(settings, steps)
    except ValueError as error:
        if steps is None or settings["WARMUP_STEPS"] < steps:
            raise
        # Of a run that the line made shorter than the configuration's warm-up.
        word = f"--warmup-steps={steps // WARMUP_SHARE}"
        raise ValueError(
            f"{error}. Type `{wish.line(word, without=['--warmup-steps'])}`."
        ) from None
    run = _place(configuration)
    if not run.path.exists():
        # Of one that was begun the weights may be gone: they are in its checkpoint.
        check_source(settings)
    if not wish.is_dry:
        run.freeze(configuration)
    return run


def _place(configuration: Configuration) -> RunDirectory:
    config = configuration.typed()
    return RunDirectory.of(ROOT / config.RESULTS_DIR, config)


def _continued(configuration: Configuration, layer: Layer, wish: Wish) -> RunDirectory:
    """The run that is described or, if that has not begun, the newest of its name that the options
    of the line fit."""
    word = word_for_one(configuration)
    if word is None:
        settings = settings_of(configuration)
        run = _place(configuration)
        if has_begun(run):
            return _planned(configuration, settings, wish)
    found, line = continued(configuration, layer)
    if found is not None:
        _say(line)
        return found
    begin = wish.line(*([] if word is None else [word]), without=["--resume"])
    results = configuration.typed().RESULTS_DIR
    others = [run.name for run in begun_runs(ROOT / results)]
    if not others and word is None and wish.resume == LATEST:
        _say("--resume latest: no run has begun yet, so this one begins at step 0")
        return _planned(configuration, settings_of(configuration), wish)
    there = (
        f"Begun are {', '.join(others[:SHOWN])}: `python gpt2/train.py --run "
        f"{results}/runs/{others[0]} --resume {wish.resume}` continues one. "
        if others
        else ""
    )
    raise ValueError(
        f"--resume {wish.resume}: no run of this configuration has begun. {there}To begin it, type "
        f"`{begin}`."
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr)
