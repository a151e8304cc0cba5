"""Pruning: when, where, how scored, how selected, each in its own small file; one engine.

A method is a choice of keep score. Magnitude, state (the bitter variants) and every later method
share schedule, scope, distribution and selection, so that they are comparable by construction.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lib.arms import target_sparsity
from lib.pruning.distributions import DISTRIBUTIONS
from lib.pruning.gradual import GradualPruner
from lib.pruning.lookup import lookup
from lib.pruning.pattern import PATTERNS
from lib.pruning.protocol import NoPruning, PruneEvent, Pruner, SparsityReport, check_outcome
from lib.pruning.schedule import SCHEDULES, SparsitySchedule, build_schedule
from lib.pruning.scope import SCOPES, prunable_parameters
from lib.pruning.scores import SCORES, Score, build_score
from lib.pruning.timed import build_timed_schedule
from lib.rng import stream_seed
from lib.run_length import ByStep, RunLength

__all__ = [
    "DISTRIBUTIONS",
    "METHODS",
    "PATTERNS",
    "SCHEDULES",
    "SCOPES",
    "SCORES",
    "Criterion",
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
class Criterion:
    """What a method decides; all the rest is the same for every method."""

    score: Score
    distribution: str | None
    """In place of the configured one; None: the configured one."""


@dataclass(frozen=True)
class Method:
    """One line of the registry."""

    summary: str
    """One line for the generated tables."""
    criterion: Callable[[Mapping[str, Any]], Criterion | None]
    """criterion(settings) -> how weights are chosen; None: nothing is pruned."""


def by_score(name: str) -> Callable[[Mapping[str, Any]], Criterion]:
    """The criterion of a method that is one score."""
    return lambda settings: Criterion(build_score(name, settings), distribution=None)


def by_variant(settings: Mapping[str, Any]) -> Criterion:
    """The bitter variant that is configured; bitter4 is bitter3 with a distribution of its own."""
    variant = settings["ADAMWPRUNE_VARIANT"]
    distribution = "depth" if variant == "bitter4" else None
    return Criterion(build_score(variant, settings), distribution)


METHODS: dict[str, Method] = {
    "none": Method("every weight stays", lambda settings: None),
    "magnitude": Method("smallest |w| first, any optimizer", by_score("magnitude")),
    "movement": Method("what moved toward zero first", by_score("movement")),
    "movement-displacement": Method(
        "what ended nearer to zero than it began first", by_score("movement-displacement")
    ),
    "random": Method("any weight; the floor of every comparison", by_score("random")),
    "obd": Method("smallest w^2 v first, v as diagonal Fisher", by_score("obd")),
    "salpha": Method("smallest |w| v^alpha first", by_score("salpha")),
    "state": Method("scored by the optimizer's own moments (needs adamwprune)", by_variant),
}


def build_pruner(
    method: str,
    named_parameters: Iterable[tuple[str, nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    settings: Mapping[str, Any],
    length: int | RunLength,
) -> Pruner:
    """The pruner of a run; with method none or target 0 it is `NoPruning`.

    named_parameters: of the plain model (no wrapper's prefix), with the weights that training
    starts from; optimizer: the one that trains them; settings: typed values by configuration
    symbol; length: optimizer steps of the run, or what tells how far it is.
    Raises ValueError for unknown names, for a pattern that is none, and for a ramp or target that
    cannot be met.
    """
    criterion = lookup(METHODS, method, "pruning method").criterion(settings)
    if criterion is None:
        return NoPruning()
    pattern = lookup(PATTERNS, settings["PRUNING_PATTERN"], "pruning pattern")(settings)
    schedule = _schedule(settings, ByStep(length) if isinstance(length, int) else length)
    distribution = criterion.distribution or settings["PRUNING_DISTRIBUTION"]
    pruner = GradualPruner(
        prunable_parameters(settings["PRUNING_SCOPE"], named_parameters),
        optimizer,
        schedule=schedule,
        distribution=lookup(DISTRIBUTIONS, distribution, "pruning distribution"),
        pattern=pattern,
        score=criterion.score,
        seed=stream_seed(settings["SEED"], "pruning"),
    )
    # Nothing to prune must also mean nothing gated: the run is the dense one bit for bit.
    return pruner if schedule.target > 0 else NoPruning()


def _schedule(settings: Mapping[str, Any], length: RunLength) -> SparsitySchedule:
    asked: dict[str, Any] = {
        "target": target_sparsity(settings),
        "begin_pct": settings["PRUNING_BEGIN_PCT"],
        "end_pct": settings["PRUNING_END_PCT"],
        "frequency": settings["PRUNING_FREQUENCY"],
    }
    name = settings["PRUNING_SCHEDULE"]
    if length.total_steps is None:
        return build_timed_schedule(name, length=length, **asked)
    return build_schedule(name, total_steps=length.total_steps, **asked)
