"""Activations of the feed-forward layer, elementwise.

gelu           x Phi(x), with the error function        Hendrycks and Gimpel 2016
gelu-tanh      its approximation by tanh: what the published GPT-2 was trained with
silu           x sigmoid(x)                             Elfwing et al. 2018
relu           max(x, 0)
relu-squared   max(x, 0)^2                              So et al. 2021 (Primer)
leaky-relu     x or, below 0, 0.01 x                    Maas et al. 2013
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn import functional as F

NEGATIVE_SLOPE = 0.01


def relu_squared(x: Tensor) -> Tensor:
    return F.relu(x).square()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "relu": F.relu,
    "relu-squared": relu_squared,
    "leaky-relu": partial(F.leaky_relu, negative_slope=NEGATIVE_SLOPE),
}
