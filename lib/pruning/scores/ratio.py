"""Division by powers of v that gradients times a constant leave alone.

NaN where v overflows: divided by infinity every weight would score 0, and the order would be that
of their places. `keep_scores` refuses NaN.
"""

from torch import Tensor

RELATIVE_EPS = 1e-12  # of the mean v: below fp32 resolution wherever v is not itself negligible


def padded(variance: Tensor) -> Tensor:
    """v + 1e-12 mean(v), a new tensor: what a score may divide by.

    An absolute eps would not do. With (v + 1e-8)^(1/4), bitter7 is 97 to 99.9 % plain magnitude
    on GPT-2, where v is about 5e-10.
    """
    return variance + RELATIVE_EPS * finite(variance.mean())


def finite(number: Tensor) -> Tensor:
    """The 0-D number, or NaN in place of an infinity; without waiting for the device."""
    return number + (number - number)


def over_root(numerator: Tensor, variance: Tensor) -> Tensor:
    """numerator / sqrt(v), a new tensor; 0/0 is 0: nothing moves it, nothing is lost."""
    return (numerator / padded(variance).sqrt_()).masked_fill_(numerator == 0, 0.0)
