"""list-defconfigs: every defconfig and fragment that can be loaded, and what it says of itself."""

import os
import shutil
import sys
from pathlib import Path

from lib.console import wrapped
from lib.kconfig.catalogue import Catalogue, summary
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    catalogue = Catalogue.from_environment(Path.cwd(), os.environ)
    parts = (("defconfigs", catalogue.defconfigs()), ("fragments", catalogue.fragments()))
    # A file or a pipe has room for every line.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    # By path: a fragment may have the name of a defconfig.
    said = {path: summary(path) for _, files in parts for path in files.values()}
    width = max((len(name) for _, files in parts for name in files), default=0)
    is_narrow = any(2 + width + 2 + len(text) >= columns for text in said.values())
    for title, files in parts:
        print(f"{title}:")
        for name, path in files.items():
            if is_narrow:
                print(f"  {name}", *wrapped(said[path], columns - 1, "    "), sep="\n")
            else:
                print(f"  {name:{width}}  {said[path]}".rstrip())
    print("use: make defconfig-NAME, or make defconfig-NAME+FRAGMENT+FRAGMENT")


if __name__ == "__main__":
    cli.run(main)
