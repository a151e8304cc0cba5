"""Prepare a dataset: `python gpt2/prepare_data.py --dataset shakespeare`, from any folder.

Fetches or reads the text, turns it into tokens and writes DATA_DIR/<dataset>/. What is prepared
and intact stays as it is; a large preparation that was stopped goes on where it was. Without
--dataset, the dataset of `.config`. `--list` names them all, with their sizes. `--verify` reads
every byte of a prepared dataset again, also where it was found right before.

Options are assignments to Kconfig symbols of the menu "Data", on top of `.config` where there is
one and of the defaults where there is none: --dataset, --dataset-tokens, --dataset-revision,
--data-dir, --data-mirror, --custom-path, --custom-tokenizer, --custom-documents,
--custom-text-column. Relative paths start at the root of the repository.

Where DATA_MIRROR is empty the environment variable DATA_MIRROR serves. docs/data.md has its layout,
and what is known of each corpus.

Exit codes: 0 prepared, 2 usage, 65 wrong data, 66 data that cannot be had, 74 a disk that cannot
be written, 130 interrupted.
"""

if __name__ == "__main__" and not __package__:
    from pathlib import Path
    from runpy import run_path

    run_path(str(Path(__file__).with_name("entry.py")))["run_as_module"]("gpt2.prepare_data")

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gpt2.dataset_choice import data_arguments, mirror
from gpt2.datasets import CORPORA, Dataset, dataset_folder, open_dataset, prepare, verify
from lib.cli import ROOT, guarded
from lib.current import config_file, load_configuration
from lib.kconfig import (
    Config,
    Layer,
    load_tree,
    overrides_from_arguments,
    overrides_from_environment,
)
from lib.output import outlive_reader

SYMBOLS = (
    *("DATASET", "DATASET_TOKENS", "DATASET_REVISION", "DATA_DIR", "DATA_MIRROR"),
    *("CUSTOM_PATH", "CUSTOM_TOKENIZER", "CUSTOM_DOCUMENTS", "CUSTOM_TEXT_COLUMN"),
)
VERIFY = "--verify"


def main(arguments: Sequence[str]) -> int:
    if set(arguments) & {"-h", "--help"}:
        print(__doc__ or "See gpt2/prepare_data.py: `python -OO` strips its help.\n", end="")
        return 0
    if "--list" in arguments:
        if rest := [argument for argument in arguments if argument != "--list"]:
            raise ValueError(f"--list stands alone and lists all: leave out {' '.join(rest)}.")
        for name, corpus in CORPORA.items():
            print(f"{name:18}{corpus.description}")
            if corpus.stated:
                print(f"{'':18}{corpus.stated}")
        return 0
    outlive_reader()
    options = [argument for argument in arguments if argument != VERIFY]
    config = configured(overrides_from_arguments(options))
    where = data_arguments(config)
    prepare(**where, mirror=mirror(config), progress=_say)
    dataset = open_dataset(dataset_folder(**where))
    verify(dataset, is_full=VERIFY in arguments)
    print(describe(dataset))
    return 0


def configured(options: Layer) -> Config:
    """`.config`, or the defaults, with the options on top. Raises ConfigError."""
    for option in options.assignments:
        if option.name not in SYMBOLS and not option.name.startswith("DATASET_"):
            known = ", ".join("--" + name.lower().replace("_", "-") for name in SYMBOLS)
            raise ValueError(
                f"--{option.name.lower().replace('_', '-')} does not concern data. "
                f"These do: {known}; and {VERIFY}; --list and --help stand alone."
            )
    if not options.assignments:
        options = overrides_from_environment(os.environ)
    if config_file().exists():
        return load_configuration(options).typed()
    return load_tree(ROOT).resolve([options]).typed()


def describe(dataset: Dataset) -> str:
    """What there is now, in a few aligned lines."""
    manifest = dataset.manifest
    source = "  ".join(f"{key} {value}" for key, value in manifest.source.items())
    lines = [
        f"dataset     {manifest.dataset}",
        f"source      {source}",
        f"tokenizer   {manifest.tokenizer.name}, {manifest.vocab_size:,} tokens",
    ]
    for name in ("train", "validation"):
        split = manifest.split(name)
        lines.append(f"{name:12}{split.tokens:,} tokens of {split.bytes:,} bytes")
    return "\n".join(
        [*lines, f"folder      {_shown(dataset.folder)}", f"hash        {manifest.hash}"]
    )


def _shown(folder: Path) -> str:
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)


def _say(line: str) -> None:
    # At once, also into a pipe: a download takes a while.
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
