"""Adam (Kingma and Ba 2015) with coupled L2, by torch.optim.

    g += wd w;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
    w -= lr m_hat / (sqrt(v_hat) + eps)

Peculiar: the decay goes through the moments, so that weights with large gradients hardly decay.
It has an option of its own, because 0.1 means something else here than in AdamW; with 0, its
default, Adam is AdamW without decay.
"""

import torch

from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.groups import NamedParameters, parameter_groups
from lib.optimizers.kernels import can_all_be_fused


def adam(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    adam_weight_decay: float,
) -> torch.optim.Adam:
    """Adam over the shared parameter groups.

    learning_rate: >= 0, overwritten by the schedule at each step; beta1, beta2: in [0, 1);
    epsilon: >= 0, added to sqrt(v_hat); adam_weight_decay: >= 0, added to the gradient of
    matrices as wd w, after the clip. Raises ValueError for a value outside its range.
    """
    check_non_negative(
        learning_rate=learning_rate, epsilon=epsilon, adam_weight_decay=adam_weight_decay
    )
    check_betas(beta1=beta1, beta2=beta2)
    groups = parameter_groups(named_parameters, weight_decay=adam_weight_decay)
    return torch.optim.Adam(
        groups,
        lr=learning_rate,
        betas=(beta1, beta2),
        eps=epsilon,
        fused=can_all_be_fused(groups),
    )
