"""randconfig: write a random legal .config; KCONFIG_SEED=0x... makes the same one again.

KCONFIG_PROBABILITY=N gives a bool y in N per cent of the cases (50 if unset).
"""

import os
from pathlib import Path

from lib.kconfig.presets import preset_layers
from lib.kconfig.randomize import Randomness, random_configuration
from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    randomness = Randomness.from_environment(os.environ)
    print(f"KCONFIG_SEED=0x{randomness.seed:X}", flush=True)
    preset = preset_layers("random", os.environ, Path.cwd())
    configuration = random_configuration(cli.tree_here(), randomness, preset)
    path = cli.config_here()
    save_config(path, configuration, f"randconfig-0x{randomness.seed:X}")
    print(f"{path} written")


if __name__ == "__main__":
    cli.run(main)
