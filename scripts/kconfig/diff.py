"""diffconfig: what differs between two configuration files, .config.old and .config if unnamed."""

from pathlib import Path

from lib.files import user_path
from lib.kconfig import ConfigError, read_layer
from lib.kconfig.compare import differences
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("files", metavar="FILE", nargs="*", help="none, or two")
    files = [user_path(name) for name in parser.parse_args(argv).files]
    if len(files) not in (0, 2):
        parser.error("name two files, or none")
    if not files:
        files = [Path(f"{cli.config_here()}.old"), cli.config_here()]
        if not files[0].is_file():
            raise ConfigError.single(
                str(files[0]),
                "there is none, because .config has not been replaced yet",
                "name two files: `make diffconfig A=file B=file`",
            )
    layers = [read_layer(path, str(path)) for path in files]
    if problems := [problem for layer in layers for problem in layer.problems]:
        raise ConfigError(problems)
    for line in differences(*layers, cli.tree_here().symbols):
        print(line)


if __name__ == "__main__":
    cli.run(main)
