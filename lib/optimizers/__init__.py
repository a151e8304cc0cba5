"""Optimizers: one factory each, one registry line, the same parameter groups for all.

A registry entry says which configuration symbols become which keyword of its factory. So no
trainer knows an optimizer by name, and no optimizer knows where its settings come from.
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lib.optimizers.adam import adam
from lib.optimizers.adamw import adamw
from lib.optimizers.adamwadv import adamwadv
from lib.optimizers.adamwprune import adamwprune
from lib.optimizers.groups import (
    GroupDescription,
    NamedParameters,
    assert_groups,
    describe_groups,
    parameter_groups,
)
from lib.optimizers.hooks import (
    ConditionsGradients,
    ReportsEvents,
    ResetsMoments,
    condition_gradients,
    notes,
    read_events,
    reset_interval,
    steps_since_reset,
)
from lib.optimizers.muon import muon
from lib.optimizers.sgd import sgd
from lib.optimizers.skipping import skip_steps_where
from lib.optimizers.spam import adamwspam
from lib.optimizers.stable_spam import stable_spam
from lib.optimizers.state import check_gradients, load_optimizer_state

__all__ = [
    "OPTIMIZERS",
    "ConditionsGradients",
    "GroupDescription",
    "OptimizerEntry",
    "ReportsEvents",
    "ResetsMoments",
    "build_optimizer",
    "check_gradients",
    "condition_gradients",
    "decouples_decay",
    "describe_groups",
    "load_optimizer_state",
    "notes",
    "optimizer_state_bytes",
    "parameter_groups",
    "read_events",
    "reset_interval",
    "set_learning_rate",
    "skip_steps_where",
    "steps_since_reset",
]

MOMENT_SETTINGS = {
    "LEARNING_RATE": "learning_rate",
    "BETA1": "beta1",
    "BETA2": "beta2",
    "EPSILON": "epsilon",
}
ADAM_SETTINGS = MOMENT_SETTINGS | {"WEIGHT_DECAY": "weight_decay"}
SPAM_SETTINGS = {
    "LEARNING_RATE": "learning_rate",
    "BETA1": "beta1",
    "BETA2": "beta2",
    "WEIGHT_DECAY": "weight_decay",
    "SPAM_EPSILON": "epsilon",
    "SPAM_ENABLE_CLIP": "enable_clip",
    "SPAM_THETA": "theta",
    "SPAM_CORRECTED_REFERENCE": "corrected_reference",
    "SPAM_GRACE": "grace",
    "SPAM_AS_PUBLISHED": "as_published",
    "SPAM_PERIODIC_RESET": "periodic_reset",
    "SPAM_INTERVAL": "interval",
    "SPAM_BIAS_RESET": "bias_reset",
    "SPAM_WARMUP": "warmup",
    "SPAM_WARMUP_STEPS": "warmup_steps",
    "SPAM_WARMUP_FLOOR": "warmup_floor",
    "SPAM_DETECT_SPIKES": "detect_spikes",
    "SPAM_SPIKE_THRESHOLD": "spike_threshold",
    "SPAM_LOG_NORMS": "log_norms",
    "SPAM_AMSGRAD": "amsgrad",
    "SPAM_DENSITY": "density",
    "SEED": "seed",
}


@dataclass(frozen=True)
class OptimizerEntry:
    """One line of the registry. The texts are for the generated tables; "-" where there is none."""

    summary: str
    """What it is, in a line."""
    build: Callable[..., torch.optim.Optimizer]
    """build(named_parameters, **keywords) over `parameter_groups`."""
    settings: Mapping[str, str]
    """Configuration symbol -> keyword of `build`."""
    formula: str
    """The update, in ASCII; g is the gradient after clipping, wd acts on matrices only."""
    source: str
    """Paper (author, year)."""
    equals: str
    """What it is equal to, bit for bit or within rounding, and when."""
    weakness: str
    """What it is known to fail at."""
    is_decay_decoupled: bool = True
    """Weights decay beside the update; else decay is a part of the gradient."""
    base_symbol: str | None = None
    """Configuration symbol that names another entry: `build` then gets that entry's factory as
    `base`, and that entry's settings besides its own."""


OPTIMIZERS: dict[str, OptimizerEntry] = {
    "sgd": OptimizerEntry(
        summary="gradient descent with momentum, coupled decay",
        build=sgd,
        settings={
            "LEARNING_RATE": "learning_rate",
            "SGD_LEARNING_RATE_FACTOR": "sgd_learning_rate_factor",
            "SGD_MOMENTUM": "sgd_momentum",
            "SGD_WEIGHT_DECAY": "sgd_weight_decay",
        },
        formula="g += wd w; buf = momentum buf + g; w -= factor lr buf",
        source="Polyak 1964; Sutskever et al. 2013",
        equals="torch.optim.SGD(fused=True), bit for bit",
        is_decay_decoupled=False,
        weakness="one rate for all coordinates: rare tokens and badly scaled tensors hardly train",
    ),
    "adam": OptimizerEntry(
        summary="Adam, coupled decay",
        build=adam,
        settings=MOMENT_SETTINGS | {"ADAM_WEIGHT_DECAY": "adam_weight_decay"},
        formula="g += wd w; w -= lr m_hat / (sqrt(v_hat) + eps)",
        source="Kingma and Ba 2015",
        equals="torch.optim.Adam(fused=True), bit for bit; without decay AdamW without decay",
        is_decay_decoupled=False,
        weakness="decay is divided by sqrt(v): weights with large gradients hardly decay",
    ),
    "adamw": OptimizerEntry(
        summary="Adam with decoupled weight decay",
        build=adamw,
        settings=ADAM_SETTINGS,
        formula="w *= 1 - lr wd; w -= lr m_hat / (sqrt(v_hat) + eps)",
        source="Loshchilov and Hutter 2019",
        equals="torch.optim.AdamW(fused=True), bit for bit",
        weakness="one spiked gradient inflates v for about 1/(1 - beta2) steps",
    ),
    "adamwadv": OptimizerEntry(
        summary="AdamW with AMSGrad",
        build=adamwadv,
        settings=ADAM_SETTINGS,
        formula="vmax = max(vmax, v); w *= 1 - lr wd; w -= lr m_hat / (sqrt(vmax_hat) + eps)",
        source="Reddi, Kale and Kumar 2018",
        equals="torch.optim.AdamW(amsgrad=True, fused=True), bit for bit",
        weakness="one spiked gradient makes the steps of its coordinates small for ever",
    ),
    "adamwspam": OptimizerEntry(
        summary="AdamW with a spike clip, momentum resets and a re-warm-up after each",
        build=adamwspam,
        settings=SPAM_SETTINGS,
        formula="|g| <= sqrt(theta v_ref); every interval m = v = 0; AdamW at lr s_k, decay at lr",
        source="Huang et al. 2025, arXiv 2501.06842",
        equals="adamw, or adamwadv with AMSGrad, bit for bit with clip, reset and z-score off",
        weakness="at theta 50 the second equal gradient of a rare row is clipped to 0.22 of it",
    ),
    "stable-spam": OptimizerEntry(
        summary="AdamW on gradients clipped and normalised tensor by tensor, with momentum resets",
        build=stable_spam,
        settings=ADAM_SETTINGS
        | {
            "STABLE_SPAM_GAMMA1": "gamma1",
            "STABLE_SPAM_GAMMA2": "gamma2",
            "STABLE_SPAM_GAMMA3": "gamma3",
            "STABLE_SPAM_INTERVAL": "interval",
        },
        formula="|g| > M_hat: g *= M_hat / max|g|; g *= mu_hat / (sqrt(nu_hat) ||g||); AdamW",
        source="Huang et al. 2025, arXiv 2502.17055",
        equals="pytorch_optimizer 4.1.0; the authors' code until its first reset",
        weakness="every tensor's gradient gets a norm near 1: the global clip acts at each step",
    ),
    "muon": OptimizerEntry(
        summary="orthogonalised momentum for the matrices of the blocks, AdamW for the rest",
        build=muon,
        settings=ADAM_SETTINGS
        | {
            "MUON_MOMENTUM": "muon_momentum",
            "MUON_NESTEROV": "muon_nesterov",
            "MUON_ITERATIONS": "muon_iterations",
        },
        formula="M = mu M + (1 - mu) g; U = (1 - mu) g + mu M; w *= 1 - lr wd; "
        "w -= lr 0.2 sqrt(max(rows, columns)) (U U^T)^-1/2 U",
        source="Jordan et al. 2024; scale of Liu et al. 2025",
        equals="torch.optim.Muon(adjust_lr_fn='match_rms_adamw') on the blocks, within the "
        "rounding of its products; AdamW bit for bit elsewhere",
        weakness="directions below about 1/500 of the largest of their matrix hardly train; "
        "cannot be pruned here, since every step moves every weight of a block",
    ),
    "adamwprune": OptimizerEntry(
        summary="a base optimizer whose moments can score the pruning (method state)",
        build=adamwprune,
        settings={},
        formula="that of ADAMWPRUNE_BASE",
        source="this comparison",
        equals="its base bit for bit without pruning or at target 0",
        weakness="that of its base",
        base_symbol="ADAMWPRUNE_BASE",
    ),
}


def build_optimizer(
    name: str, named_parameters: NamedParameters, settings: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """The optimizer `name` over all trainable parameters.

    settings: typed values by configuration symbol; the entry's symbols must be among them.
    Raises ValueError for an unknown name, a value out of range, a sparse or complex parameter.
    """
    entry = _entry(name)
    named = list(named_parameters)
    keywords: dict[str, Any] = {}
    if entry.base_symbol is not None:
        base = _entry(settings[entry.base_symbol])
        assert base.base_symbol is None, f"{settings[entry.base_symbol]} is itself built on a base"
        keywords = _keywords(base, settings) | {"base": base.build}
    optimizer = entry.build(named, **keywords, **_keywords(entry, settings))
    assert_groups(optimizer, named)
    return optimizer


def decouples_decay(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether the optimizer `name` decays weights beside its update, not through the gradient."""
    entry = _entry(name)
    if entry.base_symbol is not None:
        entry = _entry(settings[entry.base_symbol])
    return entry.is_decay_decoupled


def _entry(name: str) -> OptimizerEntry:
    if name not in OPTIMIZERS:
        near = difflib.get_close_matches(name, OPTIMIZERS)
        hint = f"did you mean {near[0]}" if near else f"choose one of {', '.join(OPTIMIZERS)}"
        raise ValueError(f"there is no optimizer '{name}'; {hint}")
    return OPTIMIZERS[name]


def _keywords(entry: OptimizerEntry, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {keyword: settings[symbol] for symbol, keyword in entry.settings.items()}


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Write the schedule's value, times the group's own factor, into every group.

    Nothing else ever writes there. A factor of 1 leaves the value exact.
    Raises ValueError for a negative or non-finite value.
    """
    if not (math.isfinite(learning_rate) and learning_rate >= 0):
        raise ValueError(
            f"the learning rate of this step is {learning_rate}; "
            "set LEARNING_RATE and MIN_LR to finite values >= 0"
        )
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["learning_rate_factor"]


def optimizer_state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of all state tensors (moments and step counters); 0 before the first step."""
    return sum(
        value.numel() * value.element_size()
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )
