"""`make tensorboard`, `make trackio`: the page of a tracker, on the results of the configuration.

Each is a server on this machine that runs until Ctrl+C; new runs appear while it does.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from lib.cli import ROOT, guarded
from lib.current import load_configuration
from lib.kconfig import Config


class NoTracker(ValueError):
    """The package of a tracker is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The Python package {name} is missing from {sys.executable}. "
            '`make setup EXTRAS="trackers"` installs it.'
        )


def show_tensorboard(config: Config, results: Path) -> int:
    """Serve the event files of all runs, each under the run's name."""
    runs = results / "runs"
    if not any(runs.glob("*/events.out.tfevents.*")):
        print(f"No run in {runs} has an event file yet: `make TRACKER=tensorboard` writes them.")
    command = [sys.executable, "-P", "-m", "tensorboard.main", f"--logdir={runs}"]
    return subprocess.call([*command, f"--port={config.TENSORBOARD_PORT}"])


def show_trackio(config: Config, results: Path) -> int:
    """Serve all projects, or that of the configuration where it has trackio on."""
    # Read when the package is imported.
    os.environ["TRACKIO_DIR"] = str(results / "trackio")
    os.environ["HF_HUB_OFFLINE"] = "1"
    if not any((results / "trackio").glob("*.db")):
        print(f"{results}/trackio holds no run yet: `make TRACKER=trackio` sends them there.")
    import trackio

    project = config.TRACKER_PROJECT if config.TRACKER_TRACKIO else None
    trackio.show(project, open_browser=False, share=False, server_port=config.TRACKIO_PORT)
    return 0


PAGES: dict[str, Callable[[Config, Path], int]] = {
    "tensorboard": show_tensorboard,
    "trackio": show_trackio,
}


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in PAGES:
        raise ValueError(f"usage: python -m scripts dashboard {'|'.join(PAGES)}")
    (name,) = arguments
    if find_spec(name) is None:
        raise NoTracker(name)
    config = load_configuration().typed()
    return PAGES[name](config, ROOT / config.RESULTS_DIR)


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
