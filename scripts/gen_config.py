"""syncconfig: write config.py, the typed values of .config, if its content has changed."""

from pathlib import Path

from lib.files import write_atomic
from lib.kconfig import render_config_py
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    layer, configuration = cli.current(cli.tree_here(), has_notes=False)
    header = [f"from: {layer.origin}"] if layer.origin else []
    if write_atomic(Path("config.py"), render_config_py(configuration.typed(), header)):
        print("config.py written")


if __name__ == "__main__":
    cli.run(main)
