"""AdamWSPAM: the factory, from the options of Kconfig.adamwspam to the optimizer."""

import math

from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.groups import (
    BLOCK_PREFIX,
    NamedParameters,
    parameter_groups,
    unique_trainable,
)
from lib.optimizers.spam.density import DensityGate
from lib.optimizers.spam.detector import SpikeDetector
from lib.optimizers.spam.optimizer import AdamWSPAM
from lib.rng import stream_seed

__all__ = ["AdamWSPAM", "adamwspam"]


def adamwspam(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    enable_clip: bool,
    theta: float,
    corrected_reference: bool | None,
    grace: int,
    periodic_reset: bool,
    interval: int,
    bias_reset: bool | None,
    warmup: bool,
    warmup_steps: int,
    warmup_floor: float,
    detect_spikes: bool | None,
    spike_threshold: float,
    log_norms: bool | None,
    amsgrad: bool | None,
    density: float,
    as_published: bool | None,
    seed: int,
) -> AdamWSPAM:
    """AdamWSPAM over the shared parameter groups; see lib/optimizers/spam/optimizer.py.

    The first five as for AdamW. enable_clip, theta, corrected_reference, grace: the spike clip;
    periodic_reset, interval, bias_reset: the resets; warmup, warmup_steps, warmup_floor: the update
    after a reset; detect_spikes, spike_threshold, log_norms: the z-score of the norm; density: the
    share of each block matrix that trains between two resets; as_published: the step of the
    authors' code; seed: the run's, for its masks.
    What is switched off ignores its own numbers; None is off, which is what Kconfig says of a
    bool that a preset switches off. Raises ValueError for values that make no sense,
    and for a density below 1 without a block matrix.
    """
    check_non_negative(learning_rate=learning_rate, spam_epsilon=epsilon, weight_decay=weight_decay)
    check_betas(beta1=beta1, beta2=beta2)
    if warmup and warmup_steps < 1:
        raise ValueError(
            f"SPAM_WARMUP_STEPS={warmup_steps} with SPAM_WARMUP on is no warm-up; set "
            "SPAM_WARMUP_STEPS >= 1, or switch SPAM_WARMUP off"
        )
    named = unique_trainable(named_parameters)
    gated = frozenset(p for name, p in named if name.startswith(BLOCK_PREFIX) and p.ndim == 2)
    if density < 1 and not gated:
        raise ValueError(
            f"SPAM_DENSITY={density} and no parameter is a block matrix; name those matrices "
            f"'{BLOCK_PREFIX}...', as the models here do, or set SPAM_DENSITY=1"
        )
    return AdamWSPAM(
        parameter_groups(named, weight_decay=weight_decay),
        names={parameter: name for name, parameter in named},
        detector=SpikeDetector(threshold=spike_threshold, log_norms=bool(log_norms))
        if detect_spikes
        else None,
        gate=DensityGate(stream_seed(seed, "density")),
        gated=gated,
        lr=learning_rate,
        betas=(beta1, beta2),
        eps=epsilon,
        weight_decay=weight_decay,
        amsgrad=bool(amsgrad),
        theta=theta if enable_clip else math.inf,
        corrected_reference=bool(corrected_reference),
        grace=grace,
        interval=interval if periodic_reset else math.inf,
        bias_reset=bool(bias_reset),
        # Without resets there is nothing to warm up after.
        warmup_steps=warmup_steps if warmup and periodic_reset else 0,
        warmup_floor=warmup_floor,
        density=density,
        as_published=bool(as_published),
    )
