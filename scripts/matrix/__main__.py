"""`python -m scripts matrix plan|run|train|rerun`: what the targets of scripts/make/run.mk call.

Make is the scheduler: this writes the plan, lets `make -k` run it, and looks at what came out.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from gpt2.one_run import one_run
from lib.claims import claim
from lib.cli import RUN_ENDED_BADLY, guarded
from lib.console import folded
from lib.current import load_configuration
from lib.given import given, make_program
from lib.kconfig import overrides_from_environment
from lib.output import outlive_reader
from scripts.matrix.disk import require_folder
from scripts.matrix.jobs import has_jobserver, inner_environment, only_prints
from scripts.matrix.last import record
from scripts.matrix.memory import require_memory
from scripts.matrix.plan import Plan, plan, shown
from scripts.matrix.rerun import chosen_again
from scripts.matrix.show import outcome_text, plan_text

COMMANDS = ("plan", "run", "train", "rerun")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        raise ValueError(f"usage: python -m scripts matrix {'|'.join(COMMANDS)}")
    command = arguments[0]
    # An axis given on the command line (OPTIMIZER=adamw) narrows the plan to those arms.
    configuration = load_configuration()
    if command == "train":
        configuration, chosen = one_run(configuration, overrides_from_environment(os.environ))
        if chosen:
            print(f"one run of several: {' '.join(chosen)}", file=sys.stderr)
    # One run is one run; a matrix brings the control of each.
    the_plan = plan(configuration, has_controls=command != "train")
    # What Make cannot have is refused here, also of a plan alone, and before a file is written.
    the_plan.as_makefile()
    require_folder(the_plan.results)
    if command == "rerun":
        for planned in chosen_again(the_plan, given("TARGET") or ""):
            with claim(planned.directory.path):
                planned.directory.set_aside()
    if command == "plan":
        print(folded(plan_text(the_plan)))
        return 0
    if command == "train" and len(the_plan.runs) > 1:
        arms = ", ".join(dict.fromkeys(planned.run.arm for planned in the_plan.runs))
        raise ValueError(
            f"This configuration has {len(the_plan.runs)} runs ({arms}). `make test-matrix` "
            "computes them all; `make train OPTIMIZER=... PRUNING_METHOD=...` one of them."
        )
    return run(the_plan)


def run(the_plan: Plan) -> int:
    """Compute what is not computed yet, then report. 0 only if every run is done."""
    outlive_reader()
    with claim(the_plan.folder) as lock:
        the_plan.write()
        print(folded(plan_text(the_plan)), end="\n\n")
        if not only_prints():
            require_memory(the_plan)
            record(the_plan)
        if the_plan.pending():
            for planned in the_plan.pending():
                # A target that `make -t` made up: without it Make runs it. A run that somebody
                # else computes at this moment is about to write a true one.
                if not planned.directory.is_running():
                    planned.directory.summary_path.unlink(missing_ok=True)
            stopped_by = _make(the_plan, lock)
            if only_prints():
                return 0
            print()
            if stopped_by is not None:
                # Whoever stops a matrix does not want to wait for a page now.
                print(outcome_text(the_plan))
                return 128 + stopped_by
        return _finish(the_plan)


def _make(the_plan: Plan, lock: int) -> signal.Signals | None:
    """Let Make compute the runs; returns the signal that stopped it, if one did.

    What failed is read from the runs' own files afterwards, not from Make's status.
    """
    command = [make_program(), "-k", "--no-print-directory", "-C", str(the_plan.results)]
    if not has_jobserver():
        command.append(f"-j{the_plan.config.PARALLEL_JOBS}")
    command += ["-f", f"matrices/{the_plan.id}/matrix.mk", "all"]
    sys.stdout.flush()
    os.set_inheritable(lock, True)
    # Descriptors stay open for Make: the jobserver of an outer `make -jN`, and our lock, so that
    # the folder stays held while any child lives.
    child = subprocess.Popen(command, env=inner_environment(), close_fds=False)
    stopped_by: signal.Signals | None = None

    def pass_on(number: int, frame: object) -> None:
        nonlocal stopped_by
        stopped_by = signal.Signals(number)
        if stopped_by == signal.SIGTERM:
            child.terminate()

    # A terminal sends Ctrl+C to the children itself; SIGTERM comes to us alone. Either way each
    # run ends itself, and we wait for that.
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return stopped_by


def _finish(the_plan: Plan) -> int:
    """Say what came out, write the report, and answer for every run."""
    # Where not one run has started (no device, no data), there is nothing to report on.
    if any(planned.directory.attempts() for planned in the_plan.runs):
        # Imported here: the report brings pandas and matplotlib, which a plan must not wait for.
        from scripts.report import scoreboard_text, write_report

        page = write_report(the_plan.folder)
        print(scoreboard_text(the_plan.folder, None), end="\n\n")
        print(f"report: {shown(page)}")
    print(outcome_text(the_plan))
    return 0 if all(p.directory.state() == "done" for p in the_plan.runs) else RUN_ENDED_BADLY


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
