"""What every tool shares: the tree here, the `.config` here, and an end without a traceback.

Exit status: 0 done, 1 no `.config` yet, 2 refused (wrong configuration or usage), 74 a file that
cannot be read or written, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

from lib.kconfig import ConfigError, Configuration, Layer, Problem, Tree, load_tree
from lib.kconfig.store import config_path, read_config

Tool = Callable[[list[str]], int | None]

EXIT_IO = 74
EXIT_INTERRUPTED = 130


def run(tool: Tool) -> NoReturn:
    """Call `tool` with the arguments and exit with its status (None is 0)."""
    try:
        status = tool(sys.argv[1:]) or 0
        sys.stdout.flush()
    except ConfigError as error:
        _say(str(error))
        status = error.exit_status
    except KeyboardInterrupt:
        _say("\ninterrupted; nothing was written")
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; whatever is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        _say(f"{error.filename or 'input/output'}: {error.strerror}; nothing else was changed")
        status = EXIT_IO
    sys.exit(status)


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the tool's docstring."""
    style = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=style)


def tree_here() -> Tree:
    """The tree of the working directory, which Make makes the top folder."""
    return load_tree(Path.cwd())


def config_here() -> Path:
    """The `.config` to work on ($KCONFIG_CONFIG)."""
    return config_path(os.environ)


def current(tree: Tree) -> tuple[Layer, Configuration]:
    """The present `.config` and what it resolves to; warnings are printed."""
    layer = read_config(config_here())
    configuration = tree.resolve([layer])
    warn(configuration.problems)
    return layer, configuration


def warn(problems: Iterable[Problem]) -> None:
    """Print what KCONFIG_WERROR=0 lets pass."""
    for problem in problems:
        _say(f"warning: {problem}")


def note(problems: Iterable[Problem]) -> None:
    """Print what a layer has legally hidden: no mistake, but nobody should wonder later."""
    for problem in problems:
        _say(f"note: {problem.place}: {problem.what}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
