"""check-defconfigs: every defconfig and fragment of the project resolves as it is written.

A defconfig must be in the form that savedefconfig writes, apart from the comments it begins with,
and these must say what it makes (header.py); a fragment must resolve on top of the defaults;
.config.example must load.
"""

from pathlib import Path

from lib.cli import ROOT
from lib.kconfig import ConfigError, Configuration, Problem
from lib.kconfig.catalogue import Catalogue, body
from lib.kconfig.scan import leading_comments, read_layer
from scripts.kconfig import cli


def main(argv: list[str]) -> None:
    cli.parser(__doc__).parse_args(argv)
    tree, catalogue = cli.tree_here(), Catalogue(Path.cwd())
    defconfigs, fragments = catalogue.defconfigs(), catalogue.fragments()
    others = [Path(name) for name in (".config.example",) if Path(name).exists()]
    problems: list[Problem] = []
    for path in [*defconfigs.values(), *fragments.values(), *others]:
        label = catalogue.label(path)
        try:
            configuration = tree.resolve([read_layer(path, label, kind="request")])
        except ConfigError as error:
            problems += error.problems
            continue
        problems += configuration.problems
        if path in defconfigs.values():
            problems += _of_a_defconfig(path.read_text("utf-8"), label, configuration)
    if problems:
        raise ConfigError(problems)
    print(f"{len(defconfigs)} defconfigs and {len(fragments)} fragments are as they should be")


def _of_a_defconfig(text: str, label: str, configuration: Configuration) -> list[Problem]:
    problems = []
    if body(text) != configuration.minimal_text():
        remedy = "load it, `make savedefconfig`, and copy defconfig over its lines"
        problems.append(Problem(label, 0, "is not in savedefconfig form", remedy))
    # Of another tree nobody knows what it makes.
    if Path.cwd() == ROOT:
        from scripts.kconfig.header import complaints, facts

        header = leading_comments(text)
        found = complaints(header, facts(configuration))
        problems += [Problem(label, line, what, remedy) for line, what, remedy in found]
    return problems


if __name__ == "__main__":
    cli.run(main)
