"""FRAGMENT.config: lay fragments over the present .config; later ones win."""

import os
from pathlib import Path

from lib.kconfig.catalogue import Catalogue
from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("names", metavar="FRAGMENT", nargs="+")
    names = [name.removesuffix(".config") for name in parser.parse_args(argv).names]
    tree = cli.tree_here()
    layer, _ = cli.current(tree)
    catalogue = Catalogue.from_environment(Path.cwd(), os.environ)
    configuration = tree.resolve([layer, *map(catalogue.fragment, names)])
    cli.warn(configuration.problems)
    cli.note(configuration.dropped)
    for earlier, later in configuration.overridden:
        print(f"{later.place}: {later.name}={later.value} replaces {earlier.name}={earlier.value}")
    path = cli.config_here()
    origin = "+".join([layer.origin or "(edited)", *names])
    changed = save_config(path, configuration, origin)
    print(f"{path} {'merged with' if changed else 'already agrees with'} {', '.join(names)}")


if __name__ == "__main__":
    cli.run(main)
