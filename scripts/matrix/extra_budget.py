"""The arms that were published with more training than the others, and what they stand beside.

With EXTRA_BUDGET such an arm gets its extra steps or its larger batch, and so do a dense and a
magnitude arm of the plan: what is not the same budget is compared
within that budget only. Their learning rates and pruning ramps follow the longer run.
"""

from collections.abc import Mapping
from typing import Any

from lib.kconfig import Configuration

Arm = tuple[dict[str, Any], Configuration]
"""The place on the axes, and the configuration reduced to it."""

# By EXTRA_BUDGET: the option that it sets, and its per cent by variant.
EXTRAS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "iterations": (
        "EXTRA_ITERATIONS_PCT",
        {"bitter2": 21} | dict.fromkeys((f"bitter{n}" for n in (3, 4, 5, 6, 8, 9)), 30),
    ),
    "batch": ("EXTRA_BATCH_PCT", {"bitter2": 14}),
}

OPTIONS = tuple(option for option, _ in EXTRAS.values())


def check_extra_budget(configuration: Configuration) -> None:
    """Raise ValueError where EXTRA_BUDGET and an option that it sets both ask for more."""
    config = configuration.typed()
    if config.EXTRA_BUDGET == "none":
        return
    for option in OPTIONS:
        if config[option] or option in configuration.sweep():
            raise ValueError(
                f"EXTRA_BUDGET={config.EXTRA_BUDGET} gives single arms more, and {option} gives it "
                f"to all. Set EXTRA_BUDGET=none, or leave {option} at 0 and out of SWEEP."
            )


def extend(kind: str, arms: list[Arm], label: str) -> list[Arm]:
    """The arms, those of another budget last: by budget first what they stand beside.

    kind: EXTRA_BUDGET. label: who asks, for messages of the configuration.
    Raises ValueError if an arm would have no dense or no magnitude arm of its budget.
    """
    if kind == "none":
        return arms
    option, extras = EXTRAS[kind]
    own: list[Arm] = []
    by_percent: dict[int, list[Arm]] = {}
    for arm in arms:
        percent = extras.get(arm[0].get("ADAMWPRUNE_VARIANT", ""), 0)
        (by_percent.setdefault(percent, []) if percent else own).append(arm)
    found = list(own)
    for percent, members in sorted(by_percent.items()):
        for axes, configuration in (*_companions(own, members, kind), *members):
            longer = configuration.derive({option: str(percent)}, label)
            found.append((axes | {option: percent}, longer))
    return found


def _companions(own: list[Arm], members: list[Arm], kind: str) -> list[Arm]:
    """The dense and the magnitude arms that `members` are compared with, each once."""
    dense = [arm for arm in own if arm[0]["PRUNING_METHOD"] == "none"]
    magnitude = [arm for arm in own if _is_magnitude(arm[0])]
    for candidates, what, remedy in (
        (dense, "dense", "PRUNING_METHOD=none among the methods"),
        (magnitude, "magnitude", "PRUNING_METHOD=magnitude, or ADAMWPRUNE_VARIANT=bitter1"),
    ):
        if not candidates:
            raise ValueError(
                f"EXTRA_BUDGET={kind} finds no {what} arm to extend, and an arm with more training "
                f"is comparable with nothing else. Enable one ({remedy}), or set EXTRA_BUDGET=none."
            )
    found: list[Arm] = []
    for candidates in (dense, magnitude):
        for member in members:
            nearest = max(candidates, key=lambda arm, member=member: _likeness(arm, member))
            if all(axes != nearest[0] for axes, _ in found):
                found.append(nearest)
    return found


def _is_magnitude(axes: Mapping[str, Any]) -> bool:
    # bitter1 is magnitude pruning, to the last bit.
    return axes["PRUNING_METHOD"] == "magnitude" or axes.get("ADAMWPRUNE_VARIANT") == "bitter1"


def _likeness(arm: Arm, member: Arm) -> tuple[bool, bool, int]:
    """How near `arm` is to `member` in all but the pruning: by optimizer, then by other axes."""
    optimizer = arm[0]["OPTIMIZER"]
    shared = sum(arm[0].get(axis) == value for axis, value in member[0].items())
    return optimizer == member[1].typed()["ADAMWPRUNE_BASE"], optimizer == "adamwprune", shared
