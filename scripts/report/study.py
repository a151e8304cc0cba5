"""The reciprocal attention study in a report: which arms are steps, what each is compared with, and
what a difference can mean at all.

A step is compared with its plain twin (gpt2/reciprocal/steps.py). Where no twin stands beside it,
the report refuses: it shows neither an effect nor a difference from the baseline, which has the
biases, the initial weights and the dropout of the two in it as well.
"""

from collections.abc import Iterable

from gpt2.reciprocal.steps import CONTROL, STEPS, Step

from . import formats
from .load import Matrix, printable

_BY_LABEL = {step.label: step for step in STEPS.values()}


def step_of(arm: str) -> Step | None:
    """The step that an arm trains, which is a word of its label: "adamw V0c-V3"."""
    return next((_BY_LABEL[word] for word in arm.split(" ") if word in _BY_LABEL), None)


def controls(matrix: Matrix) -> dict[str, str | None]:
    """By the arm of a step, the arm of its plain twin; None where the plan has none.

    Empty for a matrix that is not of the study.
    """
    planned = matrix.plan.get("controls")
    if not isinstance(planned, dict) or not planned:
        return {}
    named = {printable(arm): control for arm, control in planned.items()}
    found: dict[str, str | None] = {}
    for arm, runs in matrix.arms.items():
        step = step_of(arm)
        if arm in named or (step is not None and step.name in CONTROL):
            control = named.get(arm)
            twins = matrix.arms.get(control, ()) if isinstance(control, str) else ()
            found[arm] = control if twins and twins[0].budget == runs[0].budget else None
    return found


def meaning(steps: Iterable[Step]) -> list[str]:
    """What a difference between these steps and their twins can and cannot mean; derived from what
    the steps are."""
    steps = list(dict.fromkeys(steps))
    changing = [step for step in steps if changes(step)]
    same = [step for step in steps if not changes(step)]
    if not same:
        return []
    gated = [step for step in same if step.is_reciprocal]
    both = [s for s in gated if "stock" not in (s.attention, s.feed_forward)]
    kinds = {
        "standard attention with two redundant scales": [
            s for s in gated if s.attention != "stock" and s not in both
        ],
        "a standard MLP in another parameterisation": [
            s for s in gated if s.feed_forward != "stock" and s not in both
        ],
        "standard attention with two redundant scales and a standard MLP in another "
        "parameterisation": both,
        "its own twin with other learning rates for some rows": [
            s for s in same if not s.is_reciprocal
        ],
    }
    parts = [
        f"{formats.listing(step.name for step in members)} {'is' if len(members) == 1 else 'are'} "
        f"{what}"
        for what, members in kinds.items()
        if members
    ]
    by_change: dict[str, list[str]] = {}
    for step in changing:
        by_change.setdefault(formats.listing(changes(step)), []).append(step.name)
    named = "; ".join(f"{formats.listing(names)} ({what})" for what, names in by_change.items())
    only = (
        f"Only {named} {'is' if len(changing) == 1 else 'are'} of another class of functions."
        if changing
        else "No step compared here is of another class of functions."
    )
    return [
        f"{'; '.join(parts)}: whatever such a step computes, its twin can compute too. A "
        "difference between them is one of learning rates, of how the gates were trained, or of "
        f"chance, and no merit of reciprocity. {only}"
    ]


def changes(step: Step) -> list[str]:
    """What of a step makes it another class of functions than its plain twin; empty where nothing
    does."""
    found = {
        "tied queries and keys": step.attention == "tied",
        "self-restart": step.restart,
        "a gate for each token": step.gate == "token",
        "tied weights": step.tie != "none",
        "an evicting cache": step.eviction != "none",
    }
    return [what for what, is_there in found.items() if is_there and step.twin_of is None]
