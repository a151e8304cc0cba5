"""listnewconfig, helpnewconfig: symbols that .config has no line for, with their defaults."""

from lib.kconfig.explain import explain
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    parser = cli.parser(__doc__)
    parser.add_argument("--help-texts", action="store_true", help="explain each of them")
    is_long = parser.parse_args(argv).help_texts
    layer, configuration = cli.current(cli.tree_here())
    for name in configuration.missing_from({wish.name for wish in layer.assignments}):
        print(explain(configuration, name) + "\n" if is_long else configuration.line_of(name))


if __name__ == "__main__":
    cli.run(main)
