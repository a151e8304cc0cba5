"""defconfig: write .config from a defconfig and fragments, such as quickstart+cpu+seeds5.

Later fragments win over earlier ones, variables of Make's command line over all; every value that
one of them replaces is shown.
"""

import os
from pathlib import Path

from lib.kconfig import overrides_from_environment
from lib.kconfig.catalogue import Catalogue
from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("name", metavar="NAME[+FRAGMENT...]")
    name = parser.parse_args(argv).name
    overrides = overrides_from_environment(os.environ)
    layers = [*Catalogue.from_environment(Path.cwd(), os.environ).layers(name), overrides]
    configuration = cli.tree_here().resolve(layers)
    cli.warn(configuration.problems)
    cli.note(configuration.dropped)
    cli.tell(configuration.notes)
    for earlier, later in configuration.overridden:
        print(f"{later.place}: {later.name}={later.value} overrides", end=" ")
        print(f"{earlier.name}={earlier.value} ({earlier.place})")
    words = [f"{wish.name}={wish.value}" for wish in overrides.assignments]
    path = cli.config_here()
    save_config(path, configuration, " ".join([name, *words]))
    print(f"{path} written from {' '.join([name, *words])}")


if __name__ == "__main__":
    cli.run(main)
