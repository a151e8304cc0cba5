"""olddefconfig: keep all answers of .config, give new symbols their defaults, and name them."""

from lib.kconfig.store import save_config
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    layer, configuration = cli.current(cli.tree_here())
    known = {assignment.name for assignment in layer.assignments}
    new = configuration.missing_from(known)
    path = cli.config_here()
    if save_config(path, configuration, layer.origin):
        suffix = f"; defaults taken for {', '.join(new)}" if new else ""
        print(f"{path} brought up to date{suffix}")


if __name__ == "__main__":
    cli.run(main)
