"""list-defconfigs: every defconfig and fragment that can be loaded, and what it says of itself."""

import os
from pathlib import Path

from lib.kconfig.catalogue import Catalogue, summary
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    catalogue = Catalogue.from_environment(Path.cwd(), os.environ)
    parts = (("defconfigs", catalogue.defconfigs()), ("fragments", catalogue.fragments()))
    width = max((len(name) for _, files in parts for name in files), default=0)
    for title, files in parts:
        print(f"{title}:")
        for name, path in files.items():
            print(f"  {name:{width}}  {summary(path)}".rstrip())
    print("use: make defconfig-NAME, or make defconfig-NAME+FRAGMENT+FRAGMENT")


if __name__ == "__main__":
    cli.run(main)
