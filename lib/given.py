"""What a person wrote after `make`: NAME=value, exactly as it was written.

Make hands each value on in the environment, under a name of ours: an exported TARGET or DEVICE of
somebody's own is never taken for a wish, and no value passes through the text of a recipe.
"""

import os
from collections.abc import Mapping

PREFIX = "BITTERBENCH_GIVEN_"
MAKE_VARIABLE = "BITTERBENCH_MAKE"


def given(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The value of `name` on Make's command line; None where it is not there."""
    return environ.get(PREFIX + name)


def make_program(environ: Mapping[str, str] = os.environ) -> str:
    """The Make that was called, which need not be the first of PATH."""
    return environ.get(MAKE_VARIABLE) or environ.get("MAKE") or "make"
