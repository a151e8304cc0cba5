"""Behind `make reference` and `make check-reference`: `python -m scripts references ...`."""

import argparse
import sys
from collections.abc import Sequence

from lib.cli import RUN_ENDED_BADLY, guarded
from lib.current import load_configuration


def main(arguments: Sequence[str]) -> int:
    """0 where the table is published, or where the run has the published loss or need not."""
    parser = argparse.ArgumentParser(prog="references", description=__doc__)
    parser.add_argument("command", choices=("publish", "check"))
    parser.add_argument("--name", default="", help="a folder below results/reference")
    parser.add_argument("--run", default="", help="a run of it, or a part of its name")
    options = parser.parse_args(arguments)
    if options.command == "publish":
        # pandas and matplotlib, which a check does without.
        from scripts.matrix.plan import plan
        from scripts.references.publish import publish

        reference = publish(plan(load_configuration()), options.name)
        print(f"published: {reference.folder}")
        return 0
    from scripts.references.check import check

    verdict = check(options.name, options.run)
    print(verdict.sentence)
    return 0 if verdict.is_equal else RUN_ENDED_BADLY


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
