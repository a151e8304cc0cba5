"""How many tokens are wanted, written for people: 100M, 1B; 0 is all there are."""

import re

from gpt2.datasets.errors import USAGE, DataError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}


def parse_tokens(text: str) -> int:
    """The number that DATASET_TOKENS names. Raises DataError.

    Only one spelling of a number is taken: it is part of a run's identity, and 1000M and 1B would
    be two runs on the same data.
    """
    match = re.fullmatch(r"([0-9]+)([KMB]?)", text)
    if match is None:
        guess = re.fullmatch(r"([0-9]*\.?[0-9]+)([kKmMbBgG])", text)
        example = "100M or 1B"
        if guess:
            unit = guess[2].upper().replace("G", "B")
            example = write_tokens(round(float(guess[1]) * _UNITS[unit]))
        raise DataError(
            f"DATASET_TOKENS={text} is no number of tokens; write it as {example} (K, M, B for "
            "thousands, millions, billions), or 0 for all there are.",
            USAGE,
        )
    number = int(match[1]) * _UNITS[match[2]]
    if text != write_tokens(number):
        raise DataError(f"DATASET_TOKENS={text}: write it as {write_tokens(number)}.", USAGE)
    return number


def write_tokens(number: int) -> str:
    """The shortest exact spelling: 1500000 is 1500K."""
    for unit in ("B", "M", "K"):
        if number and number % _UNITS[unit] == 0:
            return f"{number // _UNITS[unit]}{unit}"
    return str(number)
