"""SGD with momentum (Polyak 1964; Sutskever et al. 2013, torch's form), by torch.optim.

    g += wd w;  buf = momentum buf + g (the first gradient begins it);  w -= factor lr buf

The floor of the comparison: one buffer, no second moment. Peculiar: the learning rate of an
adaptive optimizer is about the size of its step, that of SGD multiplies a gradient whose norm is
clipped to 1. One schedule for all arms therefore needs a factor here.
"""

import math

import torch

from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.groups import NamedParameters, parameter_groups
from lib.optimizers.kernels import can_all_be_fused


def sgd(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    sgd_learning_rate_factor: float,
    sgd_momentum: float,
    sgd_weight_decay: float,
) -> torch.optim.SGD:
    """SGD over the shared parameter groups.

    learning_rate: >= 0, overwritten by the schedule at each step and then multiplied by
    sgd_learning_rate_factor, > 0; sgd_momentum: in [0, 1), 0 keeps no buffer; sgd_weight_decay:
    >= 0, added to the gradient of matrices as wd w, after the clip.
    Raises ValueError for a value outside its range, or not finite.
    """
    check_non_negative(learning_rate=learning_rate, sgd_weight_decay=sgd_weight_decay)
    check_betas(sgd_momentum=sgd_momentum)
    if not (math.isfinite(sgd_learning_rate_factor) and sgd_learning_rate_factor > 0):
        raise ValueError(
            f"sgd_learning_rate_factor={sgd_learning_rate_factor} is not a finite number > 0; "
            "set SGD_LEARNING_RATE_FACTOR > 0"
        )
    groups = parameter_groups(
        named_parameters,
        weight_decay=sgd_weight_decay,
        learning_rate_factor=sgd_learning_rate_factor,
    )
    return torch.optim.SGD(
        groups,
        lr=learning_rate * sgd_learning_rate_factor,
        momentum=sgd_momentum,
        fused=can_all_be_fused(groups),
    )
