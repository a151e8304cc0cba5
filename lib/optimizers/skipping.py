"""Updates that the device itself leaves out, so that nobody has to wait for its word.

torch's fused kernels take a flag `found_inf` (made for loss scaling): where it is 1 they write
nothing and do not count the step.
"""

import torch
from torch import Tensor

# The optimizers of torch whose fused step reads the flag.
_READ_THE_FLAG = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)


def skip_steps_where(optimizer: torch.optim.Optimizer, is_bad: Tensor) -> bool:
    """Let `step()` change nothing whenever `is_bad` is 1 at that moment; False if it cannot.

    is_bad: 0-D float32, on the device of the parameters; the caller writes to it in place.
    """
    is_fused = all(group.get("fused") for group in optimizer.param_groups)
    if type(optimizer) not in _READ_THE_FLAG or not is_fused:
        return False
    optimizer.found_inf = is_bad
    return True
