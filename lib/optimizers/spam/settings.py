"""What AdamWSPAM can be told, what it refuses, and the warm-up after a reset.

Every knob belongs to a parameter group: a group may override any of them. "Off" is a value:
clip off is theta = inf, resets off is interval = inf, warm-up off is warmup_steps = 0.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SpamSettings:
    """The knobs of one parameter group. Raises ValueError for values that make no sense."""

    theta: float
    """Largest g^2 / v; > 0, inf for no clip."""
    corrected_reference: bool
    """Clip against v / (1 - beta2^n) instead of v."""
    grace: int
    """No clip in the first updates after the start and after each reset; >= 0."""
    interval: float
    """Steps between resets of the moments; a whole number >= 1, or inf."""
    bias_reset: bool
    """A reset also starts the bias correction afresh."""
    warmup_steps: int
    """Steps over which the update grows back after a reset; 0 for none."""
    warmup_floor: float
    """Where that begins, as a share of the learning rate, in (0, 1]."""
    density: float
    """Share of each block matrix that is updated between two resets, in (0, 1]."""
    as_published: bool
    """Step as the authors' code: epsilon joins the root of the raw second moment, the update grows
    back from the floor itself, and the first grace window is one update shorter."""

    def __post_init__(self) -> None:
        _refuse(not self.theta > 0, f"SPAM_THETA={self.theta} is not > 0", "set SPAM_THETA > 0")
        _refuse(self.grace < 0, f"SPAM_GRACE={self.grace} is negative", "set SPAM_GRACE >= 0")
        is_whole = math.isinf(self.interval) or self.interval == int(self.interval)
        _refuse(
            not (self.interval >= 1 and is_whole),
            f"SPAM_INTERVAL={self.interval} is not a number of steps >= 1",
            "set SPAM_INTERVAL >= 1, or switch SPAM_PERIODIC_RESET off",
        )
        _refuse(
            self.warmup_steps < 0,
            f"SPAM_WARMUP_STEPS={self.warmup_steps} is negative",
            "set SPAM_WARMUP_STEPS >= 1, or switch SPAM_WARMUP off",
        )
        for name in ("warmup_floor", "density"):
            value, symbol = getattr(self, name), f"SPAM_{name.upper()}"
            _refuse(
                not 0 < value <= 1,
                f"{symbol}={value} is outside (0, 1]",
                f"set {symbol} > 0 and <= 1",
            )
        _refuse(
            self.warmup_steps > self.interval / 2,
            f"SPAM_WARMUP_STEPS={self.warmup_steps} is more than half of "
            f"SPAM_INTERVAL={self.interval:g}, so the learning rate would hardly ever be whole",
            "set SPAM_WARMUP_STEPS <= SPAM_INTERVAL / 2",
        )
        _refuse(
            self.resets and not self.warmup_steps and not self.bias_reset,
            "SPAM_PERIODIC_RESET is on with SPAM_WARMUP and SPAM_BIAS_RESET off: the first "
            "updates after a reset would be about three times too large",
            "switch SPAM_WARMUP or SPAM_BIAS_RESET on",
        )

    @property
    def resets(self) -> bool:
        return math.isfinite(self.interval)

    @property
    def clips(self) -> bool:
        return math.isfinite(self.theta)

    def notes(self, beta2: float) -> list[str]:
        """What is allowed but should be known, in sentences for the log."""
        found = []
        if self.clips and self.theta * (1 - beta2) < 1:
            share = math.sqrt(self.theta * (1 - beta2))
            found.append(
                f"SPAM_THETA={self.theta:g} x (1 - BETA2) < 1: an element whose v holds a single "
                f"sample (a rare token's row) is clipped at its next equal gradient, to {share:.2g}"
                " of it"
            )
        if self.clips and self.grace >= self.interval:
            found.append(
                f"SPAM_GRACE={self.grace} is not below SPAM_INTERVAL={self.interval:g}: no gradient"
                " is ever clipped"
            )
        return found


def warmup_scale(k: int | None, warmup_steps: int, floor: float, from_floor: bool = False) -> float:
    """s_k, the share of the learning rate k steps after a reset: floor -> 1 along a cosine.

    from_floor: s_0 is the floor, as in the authors' code; else the first step above it.
    Known answers: s_0 = .010107 for 150 steps from .01; s_0 = .001242 for 100 steps from .001.
    """
    if k is None or k >= warmup_steps:
        return 1.0
    position = k if from_floor else k + 1
    return floor + (1 - floor) * (1 - math.cos(math.pi * position / (warmup_steps + 1))) / 2


def _refuse(is_wrong: bool, what: str, remedy: str) -> None:
    if is_wrong:
        raise ValueError(f"{what}; {remedy}")
