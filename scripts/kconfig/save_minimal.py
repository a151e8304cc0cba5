"""savedefconfig: write ./defconfig with what differs from the defaults; .config stays as it is."""

from pathlib import Path

from lib.files import write_atomic
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    _, configuration = cli.current(cli.tree_here())
    # The first line lets `make clean` tell it from a file of the user's own.
    header = "# Written by `make savedefconfig`; begin it with what it is for\n"
    write_atomic(Path("defconfig"), header + configuration.minimal_text())
    print("defconfig written; copy it to defconfigs/NAME to keep it")


if __name__ == "__main__":
    cli.run(main)
