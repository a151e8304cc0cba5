"""`make data-clean`, `make results-clean`: delete what was computed or downloaded, after asking.

YES=1 answers. Only what the project made goes (lib/made.py): a user's own text in DATA_DIR, files
of others in a shared folder, and what a link points to stay. So do the published tables in
results/reference, which are no results of this machine.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gpt2.datasets.made import made_below as data_below
from lib.claims import LOCK_NAME, is_held
from lib.cli import ROOT, guarded
from lib.console import size
from lib.current import config_file, load_configuration
from lib.kconfig import Config, load_tree, overrides_from_environment
from lib.made import Made
from scripts.results_made import made_below as results_below

# So many lines tell what goes; a person with a thousand runs wants the sum.
SHOWN = 40


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in (["data"], ["results"]):
        raise ValueError("usage: python -m scripts clean data|results")
    folder, found = _found(arguments[0], _config())
    if not found:
        print(f"Nothing to delete: {folder} has nothing that was made here.")
        return 0
    for made in found:
        # A link's own folder too; of a run also that of its trackers and questions.
        folders = {made.place, *(path.parent for path in made.files if path.name == LOCK_NAME)}
        if any(map(is_held, folders)):
            raise ValueError(f"{made.place} is in use. Stop that run first, or wait for it.")
    print(f"In {folder}:")
    for line in _described(folder, found):
        print(f"  {line}")
    files, total = sum(len(made.files) for made in found), sum(made.size for made in found)
    if not _confirmed(f"Delete these {files:,} files ({size(total)})? [y/N] "):
        print("Nothing was deleted.")
        return 1
    for made in found:
        made.delete()
    _remove_if_empty({made.place.parent for made in found} - {folder})
    print(f"Deleted {files:,} files ({size(total)}) in {folder}.")
    return 0


def _config() -> Config:
    """That of `.config`, or the defaults where there is none; with what the command line says."""
    if config_file().is_file():
        return load_configuration().typed()
    return load_tree(ROOT).resolve([overrides_from_environment(os.environ)]).typed()


def _found(what: str, config: Config) -> tuple[Path, list[Made]]:
    if what == "data":
        return ROOT / config.DATA_DIR, data_below(ROOT / config.DATA_DIR)
    results = ROOT / config.RESULTS_DIR
    return results, results_below(results, config.TRACKER_PROJECT)


def _described(folder: Path, found: list[Made]) -> list[str]:
    """What goes and how much, and what stays beside it."""
    lines = []
    for made in found:
        name = made.place.relative_to(folder)
        what = "the link" if made.place.is_symlink() else f"{len(made.files):,} files"
        lines.append(f"{name}: {what}, {size(made.size)}")
        if made.foreign:
            shown = ", ".join(str(path.relative_to(made.place)) for path in made.foreign[:3])
            more = f" and {len(made.foreign) - 3:,} more" if len(made.foreign) > 3 else ""
            lines.append(f"{name}: {ascii(shown)[1:-1]}{more} STAY, not made here")
    rest = len(lines) - SHOWN
    return [*lines[:SHOWN], f"and {rest:,} lines more"] if rest > 0 else lines


def _remove_if_empty(folders: set[Path]) -> None:
    for folder in folders:
        if not any(folder.iterdir()):
            folder.rmdir()


def _confirmed(question: str) -> bool:
    if os.environ.get("YES") == "1":
        return True
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
