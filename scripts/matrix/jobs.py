"""How Make was asked to run: at the same time, and whether at all. MAKEFLAGS is its word for it."""

import os
import re

from lib.given import given


def has_jobserver() -> bool:
    """Whether an outer `make -j` already deals out the jobs."""
    return "--jobserver" in os.environ.get("MAKEFLAGS", "")


def parallel_jobs(configured: int) -> int:
    """Runs at the same time: what the command line says, else the configured number."""
    given = re.search(r"(?:^|\s)-j(\d+)", os.environ.get("MAKEFLAGS", ""))
    return int(given[1]) if given and has_jobserver() else configured


def only_prints() -> bool:
    """Whether this is `make -n`: single-letter flags come first, in one word without a dash."""
    flags = os.environ.get("MAKEFLAGS", "").split(" ")[0]
    return not flags.startswith("-") and "n" in flags


def inner_environment() -> dict[str, str]:
    """The environment of the Make that computes the runs.

    Its MAKEFLAGS have no `-B`: a run that has ended is not computed again. And no variables of the
    command line: they are in the plan by now, and Make would expand and export them. LAUNCHER
    alone is for the recipes.
    """
    flags, _, _ = f" {os.environ.get('MAKEFLAGS', '')}".partition(" -- ")
    letters, *words = flags.removeprefix(" ").split(" ")
    if not letters.startswith("-"):
        letters = letters.replace("B", "")
    environment = os.environ | {"MAKEFLAGS": " ".join([letters, *words])}
    launcher = given("LAUNCHER")
    return environment if launcher is None else environment | {"LAUNCHER": launcher}
