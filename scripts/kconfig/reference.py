"""docs: write docs/configuration.md from the Kconfig tree, or check that it is up to date."""

from pathlib import Path

from lib.files import write_atomic
from lib.kconfig import ConfigError
from lib.kconfig.reference import reference
from scripts.kconfig import cli

PAGE = Path("docs/configuration.md")


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on drift")
    text = reference(cli.tree_here())
    if not parser.parse_args(argv).check:
        PAGE.parent.mkdir(exist_ok=True)
        write_atomic(PAGE, text)
    elif not PAGE.is_file() or PAGE.read_text("utf-8") != text:
        what = "does not describe the Kconfig files as they are"
        raise ConfigError.single(str(PAGE), what, "write it again with `make docs`")


if __name__ == "__main__":
    cli.run(main)
