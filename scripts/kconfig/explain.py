"""explain-SYMBOL: everything about symbols or groups in the present .config."""

import os

from lib.kconfig import overrides_from_environment
from lib.kconfig.explain import explain
from lib.kconfig.store import read_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("names", metavar="SYMBOL", nargs="+")
    names = parser.parse_args(argv).names
    # Without a `.config` the defaults are what there is to explain.
    files = [read_config(cli.config_here())] if cli.config_here().exists() else []
    configuration = cli.tree_here().resolve([*files, overrides_from_environment(os.environ)])
    cli.warn(configuration.problems)
    print("\n\n".join(explain(configuration, name) for name in names))


if __name__ == "__main__":
    cli.run(main)
