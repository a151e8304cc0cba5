"""AdamWPrune: a base optimizer whose own moments decide which weights are pruned.

AdamWPrune(base) = base + the pruning engine (lib/pruning, method "state") + a keep score that
reads the base's m and v. The optimizer half therefore *is* the base: it owns no moments, betas,
eps or decay, and without pruning, or with target 0, it is the base bit for bit.

Not a new update rule, and not the "AdamWPrune" of other texts with decay settings of its own.
"""

from collections.abc import Callable
from typing import Any

import torch

from lib.optimizers.groups import NamedParameters


def adamwprune(
    named_parameters: NamedParameters,
    *,
    base: Callable[..., torch.optim.Optimizer],
    **settings: Any,
) -> torch.optim.Optimizer:
    """Build the base optimizer (a factory of this package) with its own settings, unchanged.

    The base must keep `exp_avg` and `exp_avg_sq`; the pruner refuses one that does not after the
    first step. Raises what the base raises.
    """
    return base(named_parameters, **settings)
