"""Train one run: `python gpt2/train.py --run results/runs/NAME`, or with options.

Options are assignments to Kconfig symbols (`--learning-rate 3e-4 --optimizer adamw`), checked and
resolved on top of `.config` by the same code that the matrix uses; the run they describe gets its
folder, and is the same run as one of a matrix with the same values. `--dry-run` only says which.

Idempotent: a run that has ended is not computed again, and one that was stopped or killed continues
from its newest checkpoint. Exit codes: lib/cli.py, lib/signals.py.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.train")

import argparse
import gc
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gpt2.budget import check_fit, total_steps
from gpt2.exchange.source import check_source
from lib.arms import architecture_label, arm_label, run_settings, settings_of
from lib.claims import claim
from lib.cli import ROOT, RUN_ENDED_BADLY, guarded
from lib.current import load_configuration
from lib.files import user_path
from lib.kconfig import overrides_from_arguments
from lib.output import outlive_reader
from lib.runs import RunDirectory
from lib.signals import Stopped, StopRequests


def main(arguments: Sequence[str]) -> int:
    started = time.perf_counter()
    outlive_reader()
    options, assignments = command_line().parse_known_args(arguments)
    if options.list_checkpoints:
        from gpt2.checkpoints import print_checkpoints

        return print_checkpoints(options.run, assignments)
    if options.ablation_mode:
        from gpt2.trainers.ablation import AblationCoordinator

        if options.run is not None:
            raise ValueError("--ablation-mode is for steps that options name, not for --run.")
        return AblationCoordinator(assignments).run()
    run = find_run(options.run, assignments)
    if options.dry_run:
        print(f"{run.path}: {run.state()}")
        return 0
    summary = run.summary()
    if summary is not None:
        return already_ended(run, summary)
    with claim(run.path), StopRequests() as stop:
        try:
            status = attempt(run, options.resume, started, stop)
        except Stopped as stopped:
            # Before the attempt was under way, or while its end was written.
            print(_stopped_by(stopped))
            status = stopped.exit_status
    if stop.leaves_at_once:
        # Past the threads that would still finish their work.
        sys.stdout.flush()
        os._exit(status)
    # Else the end of the process looks through all of torch for garbage, a third of a second.
    gc.freeze()
    return status


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python gpt2/train.py",
        description=(__doc__ or "").partition("\n\n")[2].partition("\n\n")[0],
        # Every other option is a symbol's name, and `--run-x` must not pass for `--run`.
        allow_abbrev=False,
        epilog="SYMBOL is any option of the configuration: --max-iters 200, --optimizer adamw, "
        "--no-bias. `make explain-SYMBOL` says what it means; docs/configuration.md lists all.",
        usage="%(prog)s [--dry-run] [--resume WHICH | --restart] (--run FOLDER | [--SYMBOL VALUE] "
        "...)\n       %(prog)s --list-checkpoints [--run FOLDER]",
    )
    parser.add_argument("--run", metavar="FOLDER", type=user_path, help="a planned run")
    parser.add_argument("--dry-run", action="store_true", help="only say which run this is")
    parser.add_argument(
        "--ablation-mode",
        "--ablation_mode",
        action="store_true",
        help="compute every step of --ablation-steps and its control, as `make` does",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--resume",
        metavar="WHICH",
        default="latest",
        help="checkpoint to continue from: latest (default), best, or the path of a file",
    )
    start.add_argument(
        "--restart",
        action="store_const",
        dest="resume",
        const="restart",
        help="begin at step 0; checkpoints that are there are set aside",
    )
    parser.add_argument(
        "--list-checkpoints",
        "--list_checkpoints",
        action="store_true",
        help="step, size, loss and validity of each; without --run of all runs",
    )
    return parser


def find_run(folder: Path | None, assignments: list[str]) -> RunDirectory:
    """The run that the command line names or describes; its folder exists afterwards."""
    if folder is not None:
        if assignments:
            raise ValueError(
                f"--run takes a frozen run as it is, without {' '.join(assignments)}. "
                "Leave --run out to describe another run by options."
            )
        run = RunDirectory(folder.resolve())
        # Asked before anything is written, so that a mistyped name leaves no folder behind.
        run.config()
        return run
    configuration = load_configuration(overrides_from_arguments(assignments))
    settings = settings_of(configuration)
    check_fit(settings, total_steps(settings, None))
    config = configuration.typed()
    run = RunDirectory.of(ROOT / config.RESULTS_DIR, config)
    if not run.path.exists():
        # Of one that was begun the weights may be gone: they are in its checkpoint.
        check_source(settings)
    run.freeze(configuration)
    return run


def already_ended(run: RunDirectory, summary: dict[str, Any]) -> int:
    """Say so, and never call an end that was bad a success."""
    if summary["status"] == "done":
        print(f"{run.name}: done before, nothing to do.")
        return 0
    print(
        f"{run.name}: {summary['status']} before: {summary['reason']}. "
        f"`make test-rerun TARGET={run.name}` computes it again.",
        file=sys.stderr,
    )
    return RUN_ENDED_BADLY


def attempt(run: RunDirectory, start_from: str, started: float, stop: StopRequests) -> int:
    """Train, and record how it ended. Ends that may be mended write no summary."""
    config = run.config()
    settings = run_settings(config)
    # A signal must not cut an import short: torch goes on without numpy then, and says nothing.
    with stop.deferred():
        # Here, because a run that is done before must not cost the second that torch takes.
        from gpt2.trainers.run import Outcome, train_run
        from gpt2.trainers.saving import tidy
        from lib.clock import Clock
        from lib.console import Console
        from lib.provenance import start_of_run
    stop.check()

    attempts = run.begin_attempt(
        {"run": run.name, "config_hash": config.hash, **start_of_run(ROOT)}
    )
    with Console(run.log_path, _prefix(settings)) as console:
        console.log(f"--- attempt {attempts}, {' '.join(sys.orig_argv)}")
        try:
            outcome: Outcome = train_run(
                run,
                config.relevant(),
                config.hash,
                settings,
                console,
                Clock(started),
                stop,
                start_from,
            )
        except Stopped as stopped:
            run.end_attempt("interrupted", f"stopped by {stopped.signal.name}")
            console.line(_stopped_by(stopped))
            return stopped.exit_status
        except (ValueError, OSError) as error:
            # What people can mend: the device, the data, the disk. `make` tries again.
            console.log(str(error))
            run.end_attempt("failed", str(error))
            raise
        except Exception as error:
            # Of a library that took a signal for an error of its own.
            stop.check()
            console.log(traceback.format_exc())
            message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            outcome = Outcome("failed", message, {})
        summary = outcome.summary(run.name, config.hash, settings) | {"attempts": attempts}
        run.write_summary(summary)
        # Only now: until the summary is there, the checkpoints are all that is left of the run.
        tidy(run, settings, outcome.status == "done")
        run.end_attempt(outcome.status, outcome.reason)
        if outcome.status == "done":
            console.line(f"done: {outcome.headline()}")
            return 0
        console.line(f"{outcome.status}: {outcome.reason} (see {run.log_path})")
        return RUN_ENDED_BADLY


def _stopped_by(stopped: Stopped) -> str:
    return f"stopped by {stopped.signal.name}; the same command continues it"


def _prefix(settings: dict[str, Any]) -> str:
    architecture = architecture_label(settings)
    words = [arm_label(settings), *([architecture] if architecture != "gpt2" else [])]
    return " ".join([*words, f"seed {settings['SEED']}"])


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
