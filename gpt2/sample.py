"""Let a trained model write: `python gpt2/sample.py --run RUN --prompt "Once upon a time"`.

RUN is a run's folder, its name, or a part of its name that no other run has. `--temperature`,
`--top-k`, `--top-p` and `--tokens` stand for GENERATION_TEMPERATURE and so on; where they are not
given, the run's own configuration counts. `--seed` gives other texts; the same seed gives the same
ones on the same kind of device. `--prompt-file` takes the prompt from a file, to its last byte.
Without a prompt the model begins a text of its own.

Exit codes: 0, 2 usage, 65 a damaged checkpoint or a prompt file that is no text, 66 no checkpoint
or no data, 69 no such device.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.sample")

import argparse
import sys
from collections.abc import Sequence

from gpt2.datasets.marks import decoded
from gpt2.run_options import Pairs, command_line, note, parse, run_and_settings, whole_number
from lib.cli import guarded
from lib.files import user_path
from lib.rng import stream_seed

# Short names of options, by the symbol that each sets.
SHORT = {
    "GENERATION_TEMPERATURE": "temperature",
    "GENERATION_TOP_K": "top_k",
    "GENERATION_TOP_P": "top_p",
    "GENERATION_MAX_TOKENS": "tokens",
}
SYMBOLS = (*SHORT, "SEED")


def main(arguments: Sequence[str]) -> int:
    options, pairs = parse(_command_line(), arguments, SYMBOLS)
    prompt = options.prompt if options.prompt_file is None else read_prompt(options.prompt_file)
    _require_utf8(prompt)
    run, settings = run_and_settings(options.run, [*pairs, *_short(options)])
    # Only now, because a mistyped name must not cost the second that torch takes.
    from gpt2.generate import Sampling, write_texts
    from gpt2.trained import load_trained, place_of

    place = place_of(settings)
    trained = load_trained(run, options.checkpoint, settings, place, note)
    checkpoint = trained.checkpoint
    note(f"{run.name}, step {checkpoint.step} ({checkpoint.path.name}), on {place.device}")
    texts = write_texts(
        trained.model,
        trained.tokenizer,
        prompt,
        options.count,
        Sampling.of(settings),
        stream_seed(settings["SEED"], "sample"),
        place.device.torch_name,
        place.autocast(),
    )
    assert texts is not None
    print("\n---\n".join(prompt + text for text in texts))
    return 0


def _require_utf8(prompt: str) -> None:
    """Of a command line, whose bytes are the terminal's. Raises ValueError."""
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            f"The prompt {prompt!a} is not in UTF-8. Put it into a file in UTF-8, and name that "
            "with PROMPT_FILE."
        ) from None


def read_prompt(name: str) -> str:
    """What a file holds, also the line end at its end, without a byte-order mark.

    Raises ValueError.
    """
    path = user_path(name)
    try:
        return decoded(path, path.read_bytes())
    except OSError as error:
        raise ValueError(f"PROMPT_FILE={name}: {error.strerror}. Name a readable file.") from None


def _command_line() -> argparse.ArgumentParser:
    parser = command_line("sample", "Let a trained model write.", SYMBOLS)
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--prompt", metavar="TEXT", default="", help="what the text begins with")
    start.add_argument("--prompt-file", metavar="FILE", help="a file that holds it, in UTF-8")
    parser.add_argument(
        "--count", metavar="N", type=whole_number(1), default=1, help="so many texts"
    )
    for symbol, name in SHORT.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, metavar="VALUE", help=f"{symbol} of this command")
    return parser


def _short(options: argparse.Namespace) -> Pairs:
    given = ((symbol, getattr(options, name)) for symbol, name in SHORT.items())
    return [(symbol, value) for symbol, value in given if value is not None]


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
