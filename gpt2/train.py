"""Train one run: `python gpt2/train.py --run results/runs/NAME`, or with options.

Options are assignments to Kconfig symbols (`--learning-rate 3e-4 --optimizer adamw`), checked and
resolved on top of `.config` by the same code that the matrix uses; the run they describe gets its
folder, and is the same run as one of a matrix with the same values. `--dry-run` only says which.
Where `.config` is a matrix, a member of an axis (`--optimizer adamw`) or `--arm` says which of its
runs: other axes take their baseline. Options of earlier systems are understood
(docs/coming-from.md).

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

from gpt2.described import LATEST, RESTART, Wish, begins, find_run, in_our_words
from gpt2.translate import refuse_several_processes
from lib.arms import architecture_label, arm_label, run_settings
from lib.claims import claim
from lib.cli import ROOT, RUN_ENDED_BADLY, guarded
from lib.files import user_path
from lib.output import outlive_reader
from lib.runs import RunDirectory
from lib.signals import Stopped, StopRequests


def main(arguments: Sequence[str]) -> int:
    started = time.perf_counter()
    outlive_reader()
    refuse_several_processes(arguments, os.environ)
    options, assignments = command_line().parse_known_args(in_our_words(arguments))
    refuse_without_effect(options)
    if options.list_checkpoints:
        from gpt2.checkpoints import print_checkpoints

        return print_checkpoints(options.run, assignments)
    if options.ablation_mode:
        from gpt2.trainers.ablation import AblationCoordinator

        return AblationCoordinator(assignments, options.dry_run).run()
    wish = Wish(options.resume, options.arm, tuple(arguments), options.dry_run)
    run = find_run(options.run, assignments, wish)
    if options.dry_run:
        print(f"{run.path}: {begins(run, options.resume)}")
        return 0
    summary = run.summary()
    if summary is not None:
        return already_ended(run, summary, options.resume)
    with claim(run.path), StopRequests() as stop:
        try:
            status = attempt(run, options.resume or LATEST, started, stop)
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
        usage="%(prog)s [--dry-run] [--resume WHICH | --restart] (--run FOLDER | [--arm ARM] "
        "[--SYMBOL VALUE] ...)\n       %(prog)s --ablation-mode [--dry-run] [--SYMBOL VALUE] ...\n"
        "       %(prog)s --list-checkpoints [--run FOLDER | --results-dir FOLDER]",
    )
    parser.add_argument("--run", metavar="FOLDER", type=user_path, help="a planned run")
    parser.add_argument("--arm", help="the run of this arm, such as adamw+magnitude@50%%")
    parser.add_argument(
        "--dry-run", "--dry_run", action="store_true", help="only say which run this is"
    )
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
        help="checkpoint to continue from: latest (default), best, or the path of a file; given, "
        "there must be one",
    )
    start.add_argument(
        "--restart",
        action="store_const",
        dest="resume",
        const=RESTART,
        help="begin at step 0; checkpoints that are there are set aside",
    )
    parser.add_argument(
        "--list-checkpoints",
        "--list_checkpoints",
        action="store_true",
        help="step, size, loss and validity of each; without --run of all runs",
    )
    return parser


# By mode: the options of this program that have no effect in it, and what it does instead.
WITHOUT_EFFECT = {
    "--list-checkpoints": (
        ("--arm", "--dry-run", "--ablation-mode", "--resume", "--restart"),
        "it lists those of every run, or of the one of --run",
    ),
    "--ablation-mode": (
        ("--run", "--arm", "--resume", "--restart"),
        "it computes each step from where it stands, as `make` does; `make test-rerun TARGET=all` "
        "computes ended ones again",
    ),
    "--run": (("--arm",), "a frozen run is taken as it is; describe another one without --run"),
}


def refuse_without_effect(options: argparse.Namespace) -> None:
    """Raise ValueError for an option of the program that the chosen mode has no use for.

    Which symbols concern a mode is for the mode to say.
    """
    given = {
        "--list-checkpoints": options.list_checkpoints,
        "--ablation-mode": options.ablation_mode,
        "--run": options.run is not None,
        "--arm": options.arm is not None,
        "--dry-run": options.dry_run,
        # What `make` does in any case.
        "--resume": options.resume not in (None, RESTART)
        and not (options.ablation_mode and options.resume == LATEST),
        "--restart": options.resume == RESTART,
    }
    mode = next((mode for mode in WITHOUT_EFFECT if given[mode]), None)
    if mode is not None:
        useless, why = WITHOUT_EFFECT[mode]
        if found := [name for name in useless if given[name]]:
            raise ValueError(f"{' '.join(found)} has no effect with {mode}: {why}.")


def already_ended(run: RunDirectory, summary: dict[str, Any], start_from: str | None) -> int:
    """Say so, and never call an end that was bad a success. start_from: where to begin, if said."""
    if summary["status"] == "done":
        print(f"{run.name}: done before, nothing to do.")
        if start_from not in (None, LATEST):
            print(f"`make test-rerun TARGET={run.name}` computes it again, from step 0.")
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
