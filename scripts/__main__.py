"""The door to every tool: `python -m scripts NAME ...`, as the Makefile calls them.

A tool imports what it needs at its top, so a missing package or an old interpreter would end in a
traceback before the tool could say a word. Here it ends in a sentence. NAME is a module below
scripts/ (matrix, status, kconfig.load) or, with its room, below gpt2/ (gpt2.prepare_data).
"""

import runpy
import sys

OLDEST_PYTHON = (3, 11)


def main() -> int:
    if sys.version_info < OLDEST_PYTHON:
        have, wanted = (".".join(map(str, v)) for v in (sys.version_info[:3], OLDEST_PYTHON))
        print(
            f"{sys.executable} is Python {have}; {wanted} is the oldest that works. `make setup` "
            "finds a newer one, or name it: make PYTHON=/path/to/python3 ...",
            file=sys.stderr,
        )
        return 2
    # Only now: these files use what older interpreters cannot read.
    from lib.cli import guarded

    def tool(arguments: list[str]) -> int:
        if not arguments:
            raise ValueError("usage: python -m scripts NAME [ARGUMENT ...]")
        name = arguments[0]
        sys.argv = [name, *arguments[1:]]
        module = name if name.startswith("gpt2.") else f"scripts.{name}"
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0

    return guarded(tool, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
