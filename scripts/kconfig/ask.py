"""oldconfig: ask for each symbol that .config has no line for; config (--all): ask for all."""

from lib.kconfig.ask import InputEnded, ask
from lib.kconfig.errors import ConfigError
from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("--all", action="store_true", help="ask for every symbol")
    ask_all = parser.parse_args(argv).all
    tree, path, origin = cli.tree_here(), cli.config_here(), None
    known: set[str] = set()
    if ask_all and not path.exists():
        configuration = tree.resolve([])
    else:
        layer, configuration = cli.current(tree)
        origin = layer.origin
        known = set() if ask_all else {assignment.name for assignment in layer.assignments}
    try:
        configuration = ask(configuration, known, input, print)
    except InputEnded as ended:
        remedy = "answer to the end, or take all defaults with `make olddefconfig`"
        what = f"the input ended at {ended.question}, and nothing was written"
        raise ConfigError.single(str(path), what, remedy) from None
    changed = save_config(path, configuration, origin)
    print(f"{path} {'written' if changed else 'is unchanged'}")


if __name__ == "__main__":
    cli.run(main)
