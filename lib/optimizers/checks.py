"""Checks of settings that every optimizer shares: each names the value and the remedy."""

import math


def check_non_negative(**values: float) -> None:
    """Raise ValueError for the first value that is negative or not finite."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value} is not a finite number >= 0; set {name.upper()} >= 0")


def check_betas(**values: float) -> None:
    """Raise ValueError for the first decay rate outside [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} is outside [0, 1); set {name.upper()} in [0, 1)")
