"""alldefconfig, allnoconfig, allyesconfig, allmodconfig: write .config in one colour.

$KCONFIG_ALLCONFIG names a file whose settings stay. There are no modules: mod is yes.
"""

import os
from pathlib import Path

from lib.kconfig.presets import FLAVOURS, preset_layers, set_all
from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("flavour", choices=list(FLAVOURS))
    flavour = parser.parse_args(argv).flavour
    preset = preset_layers(flavour, os.environ, Path.cwd())
    configuration = set_all(cli.tree_here(), flavour, preset)
    cli.warn(configuration.problems)
    path = cli.config_here()
    save_config(path, configuration, f"all{flavour}config")
    print(f"{path} written: all{flavour}config")


if __name__ == "__main__":
    cli.run(main)
