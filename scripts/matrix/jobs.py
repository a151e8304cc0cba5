"""How Make was asked to run: at the same time, and whether at all. MAKEFLAGS is its word for it."""

import os
import re


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
