"""Write a trained model as transformers loads it: `python gpt2/export.py --run RUN --format hf`.

RUN is a run's folder, its name, or a part of its name that no other run has. RUN/export-hf, or the
folder that `--out` names, gets config.json, model.safetensors, a page for people, and the
tokenizer's files where the run has GPT-2's tokens. A folder that is there is left alone.

Exit codes: 0, 2 usage or a model without such a format, 65 a damaged checkpoint, 66 no checkpoint
or no data, 74 the disk.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.export")

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gpt2.run_options import command_line, note, parse, run_and_settings
from lib.cli import guarded
from lib.console import size
from lib.files import user_path

FORMATS = ("hf",)
# Numbers are copied, not computed: these would do nothing.
_WITHOUT_EFFECT = ("DEVICE", "DTYPE", "CPU_THREADS")


def main(arguments: Sequence[str]) -> int:
    options, pairs = parse(_command_line(), arguments, ())
    for name, _ in pairs:
        if name in _WITHOUT_EFFECT:
            raise ValueError(
                f"{name} changes nothing in an export, whose weights are copied as "
                "float32. Leave it out."
            )
    run, settings = run_and_settings(options.run, pairs)
    # Only now, because a mistyped name must not cost the second that torch takes.
    from gpt2.dataset_choice import data_arguments, mirror
    from gpt2.datasets.download import fetch
    from gpt2.datasets.tokenizers import GPT2_MERGES
    from gpt2.exchange.card import card
    from gpt2.exchange.config import WEIGHTS_NAME
    from gpt2.exchange.errors import ExchangeError
    from gpt2.exchange.layouts import layout_of
    from gpt2.exchange.tokens import tokenizer_files
    from gpt2.exchange.write import check_target, write_export
    from gpt2.shape import shape_of
    from gpt2.trained import Place, load_trained, manifest_of
    from lib.device import find_device

    folder = run.path / f"export-{options.format}"
    if options.out:
        folder = user_path(options.out).absolute()
    if settings["ARCHITECTURE"] == "unified-ra":
        raise ExchangeError(
            f"{run.name} is step {settings['RA_STEP'].upper()} of the reciprocal attention study, "
            "and Hugging Face has no format for its gates and biases. Runs of "
            "ARCHITECTURE=vanilla can be exported.",
            2,
        )
    layout = layout_of(shape_of(settings, manifest_of(run, settings).vocab_size))
    check_target(folder)
    place = Place(find_device("cpu", 0), "float32")
    trained = load_trained(run, options.checkpoint, settings, place, note)
    info = trained.tokenizer.info
    texts = {
        "README.md": card(
            run.name,
            run.config().hash,
            settings,
            trained.described(),
            trained.model,
            info.name,
            info.characters,
        )
    }
    if info.name == "gpt2":
        cache = data_arguments(settings)["data_dir"] / "cache"
        merges = fetch(GPT2_MERGES, cache, mirror(settings), note)
        texts |= tokenizer_files(merges, settings["BLOCK_SIZE"])
    else:
        note(f"no tokenizer's files: transformers has none for tokens of the kind {info.name}")
    write_export(folder, trained.model, info.eot, texts)
    checkpoint = trained.checkpoint
    note(
        f"{run.name}, step {checkpoint.step} ({checkpoint.path.name}), as {layout.model_class}, "
        f"{size((folder / WEIGHTS_NAME).stat().st_size)}"
    )
    print(folder)
    return 0


def _command_line() -> argparse.ArgumentParser:
    parser = command_line("export", "Write a trained model as transformers loads it.", ())
    parser.add_argument("--format", choices=FORMATS, required=True, help="of Hugging Face")
    parser.add_argument("--out", metavar="FOLDER", help="instead of RUN/export-hf")
    return parser


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
