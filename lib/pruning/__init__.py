"""Pruning: when, where, how scored, how selected, each in its own small file; one engine.

A method is a choice of keep score. Magnitude, state (the bitter variants) and every later method
share schedule, scope, distribution and selection, so that they are comparable by construction.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lib.pruning.distributions import DISTRIBUTIONS
from lib.pruning.lookup import lookup
from lib.pruning.pruner import (
    GradualPruner,
    NoPruning,
    PruneEvent,
    Pruner,
    SparsityReport,
    check_outcome,
)
from lib.pruning.schedule import SCHEDULES, build_schedule
from lib.pruning.scope import SCOPES, prunable_parameters
from lib.pruning.scores import SCORES

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "SCHEDULES",
    "SCOPES",
    "SCORES",
    "GradualPruner",
    "Method",
    "NoPruning",
    "PruneEvent",
    "Pruner",
    "SparsityReport",
    "build_pruner",
    "check_outcome",
]


@dataclass(frozen=True)
class Method:
    """One line of the registry."""

    summary: str
    """One line for the generated tables."""
    score: Callable[[Mapping[str, Any]], str | None]
    """score(settings) -> name of the keep score; None: nothing is pruned."""


METHODS: dict[str, Method] = {
    "none": Method("every weight stays", lambda settings: None),
    "magnitude": Method("smallest |w| first, any optimizer", lambda settings: "magnitude"),
    "state": Method(
        "scored by the optimizer's own moments (needs adamwprune)",
        lambda settings: settings["ADAMWPRUNE_VARIANT"],
    ),
}


def build_pruner(
    method: str,
    named_parameters: Iterable[tuple[str, nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    settings: Mapping[str, Any],
    total_steps: int,
) -> Pruner:
    """The pruner of a run; with method none or target 0 it is `NoPruning`.

    named_parameters: of the plain model (no wrapper's prefix); optimizer: the one that trains
    them; settings: typed values by configuration symbol; total_steps: optimizer steps of the run.
    Raises ValueError for unknown names and for a ramp or target that cannot be met.
    """
    score = lookup(METHODS, method, "pruning method").score(settings)
    if score is None:
        return NoPruning()
    schedule = build_schedule(
        settings["PRUNING_SCHEDULE"],
        target=settings["TARGET_SPARSITY"],
        begin_pct=settings["PRUNING_BEGIN_PCT"],
        end_pct=settings["PRUNING_END_PCT"],
        frequency=settings["PRUNING_FREQUENCY"],
        total_steps=total_steps,
    )
    pruner = GradualPruner(
        prunable_parameters(settings["PRUNING_SCOPE"], named_parameters),
        optimizer,
        schedule=schedule,
        distribution=lookup(
            DISTRIBUTIONS, settings["PRUNING_DISTRIBUTION"], "pruning distribution"
        ),
        score=lookup(SCORES, score, "keep score"),
    )
    # Nothing to prune must also mean nothing gated: the run is the dense one bit for bit.
    return pruner if schedule.target > 0 else NoPruning()
