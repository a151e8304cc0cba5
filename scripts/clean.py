"""`make data-clean`, `make results-clean`: delete what was computed or downloaded, after asking.

YES=1 answers. The published tables in results/reference are no results of this machine and stay.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.claims import is_held
from lib.cli import ROOT, guarded
from lib.current import config_file, load_configuration
from lib.kconfig import load_tree
from scripts.report.compare import PAGE_NAME

MIB = 1 << 20


def places(what: str) -> list[Path]:
    """What would go. The places are those of `.config`, or the defaults where there is none."""
    if config_file().is_file():
        config = load_configuration().typed()
    else:
        config = load_tree(ROOT).resolve([]).typed()
    if what == "data":
        return [ROOT / config.DATA_DIR]
    results = ROOT / config.RESULTS_DIR
    # A page that compares runs links to their folders.
    return [*(results / name for name in ("runs", "matrices", "trackio")), results / PAGE_NAME]


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in (["data"], ["results"]):
        raise ValueError("usage: python -m scripts clean data|results")
    present = [place for place in places(arguments[0]) if place.exists()]
    if not present:
        print("Nothing to delete.")
        return 0
    held = [lock.parent for place in present for lock in place.glob("*/lock")]
    for folder in held:
        if is_held(folder):
            raise ValueError(f"{folder} is in use. Stop that run first, or wait for it.")
    size = sum(path.lstat().st_size for place in present for path in (place, *place.rglob("*")))
    names = " and ".join(str(place) for place in present)
    if not _confirmed(f"Delete {names} ({size / MIB:.1f} MiB)? [y/N] "):
        print("Nothing was deleted.")
        return 1
    for place in present:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
    print(f"Deleted {names}.")
    return 0


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
