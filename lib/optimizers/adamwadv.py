"""AdamWAdv: AdamW with AMSGrad (Reddi, Kale and Kumar 2018), by torch.optim.

    vmax = max(vmax, v);  w *= 1 - lr wd;  w -= lr m_hat / (sqrt(vmax / (1 - b2^step)) + eps)

The step of a coordinate never grows again while its gradient calms down. Costs a third buffer:
4 more bytes per weight than AdamW.

Not here: the epoch-wise cosine down to 1e-6 that the name has elsewhere stood for. The schedule
is one setting for all arms (DECAY_LR, MIN_LR), and so is the clip.
"""

import torch

from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.groups import NamedParameters, parameter_groups
from lib.optimizers.kernels import can_all_be_fused


def adamwadv(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
) -> torch.optim.AdamW:
    """AdamW with AMSGrad over the shared parameter groups; the arguments are those of `adamw`.

    Raises ValueError for a value outside its range, or not finite.
    """
    check_non_negative(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)
    check_betas(beta1=beta1, beta2=beta2)
    groups = parameter_groups(named_parameters, weight_decay=weight_decay)
    return torch.optim.AdamW(
        groups,
        lr=learning_rate,
        betas=(beta1, beta2),
        eps=epsilon,
        amsgrad=True,
        fused=can_all_be_fused(groups),
    )
