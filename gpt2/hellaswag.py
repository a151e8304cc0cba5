"""Ask a trained model HellaSwag's questions: `python gpt2/hellaswag.py --run RUN`.

RUN is a run's folder, its name, or a part of its name that no other run has. All 10,042 questions
of the published validation split are asked, or `--limit` of them, evenly spaced. The result goes
to RUN/hellaswag/; a command that was stopped continues where it was, and one that has ended is
not repeated. Only runs with GPT-2's tokens can be asked.

Exit codes: 0, 2 usage, 65 a damaged file, 66 no checkpoint or no data, 69 no such device, 75 asked
by another process at this moment.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.hellaswag")

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gpt2.questions.results import FOLDER, Notebook
from gpt2.run_options import command_line, note, parse, run_and_settings, whole_number
from lib.claims import claim
from lib.cli import guarded
from lib.console import duration
from lib.runs import RunDirectory

if TYPE_CHECKING:
    from gpt2.questions.exam import Exam
    from gpt2.trained import Place, Trained

SYMBOLS = ("HELLASWAG_TEXT", "HELLASWAG_PATH")
PROGRESS_EVERY_S = 10.0

# What others call each measure; accuracy.py says how each is formed.
PUBLISHED_AS = {
    "accuracy": "acc",
    "accuracy_per_token": "acc_norm of build-nanogpt and llm.c",
    "accuracy_per_character": "acc_norm of lm-evaluation-harness",
    "accuracy_per_byte": "acc_bytes of lm-evaluation-harness",
}


def main(arguments: Sequence[str]) -> int:
    options, pairs = parse(_command_line(), arguments, SYMBOLS)
    run, settings = run_and_settings(options.run, pairs)
    # Only now, because a mistyped name must not cost the second that torch takes.
    from gpt2.questions.exam import exam_of
    from gpt2.trained import load_trained, place_of

    place = place_of(settings)
    trained = load_trained(run, options.checkpoint, settings, place, note)
    exam = exam_of(settings, trained.tokenizer.info, options.limit, note)
    with claim(run.path / FOLDER):
        print(page(answered(run, place, trained, exam)))
    return 0


def answered(run: RunDirectory, place: "Place", trained: "Trained", exam: "Exam") -> dict[str, Any]:
    """The result, from the file where it is there, else by asking; then it is there."""
    from gpt2.questions.accuracy import answers, shares
    from gpt2.questions.scoring import Losses, ask

    key = {
        "checkpoint_sha256": trained.sha256,
        "data_sha256": exam.sha256,
        "text": exam.text,
        "questions": len(exam.questions),
        "dtype": place.dtype,
        "device": place.device.kind,
    }
    notebook = Notebook(run.path, key)
    if (result := notebook.result()) is not None:
        note(f"asked before: {notebook.path}")
        return result
    known = notebook.known(note)
    started = told = time.monotonic()

    def keep(losses: Losses) -> None:
        nonlocal told
        notebook.keep(losses)
        if time.monotonic() - told > PROGRESS_EVERY_S:
            told = time.monotonic()
            rate = (len(losses) - len(known)) / (told - started)
            left_s = (len(exam.questions) - len(losses)) / rate
            note(f"{len(losses):,} of {len(exam.questions):,} questions, {duration(left_s)} left")

    torch_name, autocast = place.device.torch_name, place.autocast()
    losses = ask(trained.model, exam.questions, torch_name, autocast, known, keep)
    assert losses is not None
    given = answers(exam.questions, losses)
    right = shares(exam.questions, given)
    return notebook.finish(
        {
            "run": run.name,
            "checkpoint": trained.described(),
            "questions_in_file": exam.total,
            "cut": exam.cut,
            "measures": {name: share.to_dict() for name, share in right.items()},
            # For comparisons of two runs question by question.
            "labels": "".join(str(one.label) for one in exam.questions),
            "answers": given,
            "seconds": time.monotonic() - started,
        }
    )


def page(result: dict[str, Any]) -> str:
    """The result for people."""
    key, checkpoint = result["key"], result["checkpoint"]
    lines = [
        f"{result['run']}, step {checkpoint['step']} ({checkpoint['file']})",
        f"HellaSwag, {key['questions']:,} of {result['questions_in_file']:,} questions, text "
        f"'{key['text']}', {key['dtype']} on {key['device']}",
    ]
    if result["cut"]:
        lines.append(f"{result['cut']:,} contexts were too long and lost their beginning")
    lines.append(f"{'':24}{'right':>8}{'95 % interval':>20}")
    for name, share in result["measures"].items():
        low, high = share["interval_95"]
        interval = f"{100 * low:.2f} to {100 * high:.2f}"
        lines.append(f"{name:24}{100 * share['value']:>7.2f}%{interval:>20}   {PUBLISHED_AS[name]}")
    return "\n".join([*lines, "Chance is 25 %."])


def _command_line() -> argparse.ArgumentParser:
    text = "Ask a trained model HellaSwag's questions."
    parser = command_line("hellaswag", text, SYMBOLS)
    parser.add_argument(
        "--limit", metavar="N", type=whole_number(0), default=0, help="so many questions; 0: all"
    )
    return parser


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
