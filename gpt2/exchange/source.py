"""What INIT_FROM names, as far as it is known before data and torch are there: its config.json.

So a run whose weights cannot fit is refused before its folder is made.
"""

from collections.abc import Mapping
from typing import Any

from gpt2.exchange.config import Described, read_config
from gpt2.exchange.fit import check_fit
from gpt2.exchange.published import PUBLISHED, TOKENS, described
from gpt2.shape import shape_of
from lib.cli import ROOT


def described_source(source: str) -> Described:
    """The model that a name or a folder holds. Raises ExchangeError."""
    return described(source) if source in PUBLISHED else read_config(ROOT / source)


def check_source(settings: Mapping[str, Any]) -> None:
    """Raise ExchangeError, naming all differences, if INIT_FROM is set and cannot fit.

    The vocabulary of a folder is compared when the data are there: they decide ours. That of a
    name is GPT-2's, and so are its tokens.
    """
    source = settings["INIT_FROM"]
    if source:
        found = described_source(source)
        tokens = TOKENS if source in PUBLISHED else None
        shape = shape_of(settings, tokens or found.values["vocab_size"])
        check_fit(source, found, shape, settings, tokens)
