"""Stable-SPAM (Huang et al. 2025, arXiv 2502.17055): clip and normalise each tensor's gradient.

Step t, for every tensor; x_hat is x divided by the sum of its weights, 1 - gamma^updates:

    if t mod interval == 0: m = v = 0, and the bias correction of m and v starts afresh
    M = g3 M + (1 - g3) max|g|;  elements with |g| > M_hat become g / max|g| * M_hat
    q = ||g||;  mu = g1 mu + (1 - g1) q;  nu = g2 nu + (1 - g2) q^2
    g = g / q * mu_hat / (sqrt(nu_hat) + eps)
    (the shared clip of the global norm; then AdamW, decay first)

Peculiar: a reset touches m and v only. The reference code resets the one counter of all biases,
though M, mu and nu keep their values, and M_hat jumps a thousandfold after each reset. Not here:
the optional decay of beta1 and g1 over the run, and the warm-up of its bf16 recipe (WARMUP_STEPS
is one setting for all arms).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lib.norms import partial_norms, total_of
from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.conditioned import ConditionedAdamW, Group, add, read
from lib.optimizers.groups import NamedParameters, parameter_groups, unique_trainable
from lib.optimizers.kernels import PIECE
from lib.workers import in_threads, workers_for

# Rows of the statistics: a running mean and, below it, the sum of its weights. Kept on the device
# for each tensor, since a tensor without a gradient is not updated.
LARGEST, MEAN, SQUARE = 0, 2, 4


def stable_spam(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    gamma1: float,
    gamma2: float,
    gamma3: float,
    interval: int,
) -> "StableSPAM":
    """Stable-SPAM over the shared parameter groups.

    The first five as for AdamW; gamma1, gamma2: decay of the mean norm and of its square, gamma3:
    of the largest element, each in [0, 1); interval: steps between resets, >= 1.
    Raises ValueError for a value outside its range, or not finite.
    """
    check_non_negative(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)
    check_betas(
        beta1=beta1,
        beta2=beta2,
        stable_spam_gamma1=gamma1,
        stable_spam_gamma2=gamma2,
        stable_spam_gamma3=gamma3,
    )
    if interval < 1:
        raise ValueError(
            f"STABLE_SPAM_INTERVAL={interval} is not a number of steps >= 1; set it >= 1"
        )
    named = unique_trainable(named_parameters)
    return StableSPAM(
        parameter_groups(named, weight_decay=weight_decay),
        names={parameter: name for name, parameter in named},
        gammas=(gamma1, gamma2, gamma3),
        lr=learning_rate,
        betas=(beta1, beta2),
        eps=epsilon,
        weight_decay=weight_decay,
        amsgrad=False,
        interval=interval,
        bias_reset=True,
    )


class StableSPAM(ConditionedAdamW):
    """The optimizer; `statistics` (6, tensors) in fp64 is what it keeps besides the moments."""

    def __init__(
        self,
        groups: list[Group],
        *,
        names: Mapping[nn.Parameter, str],
        gammas: tuple[float, float, float],
        **defaults: Any,
    ) -> None:
        """groups, names, defaults: as of ConditionedAdamW; gammas: g1, g2, g3 of the formula."""
        super().__init__(groups, names=names, **defaults)
        self._gammas = gammas
        parameters = [parameter for group in groups for parameter in group["params"]]
        self.statistics = torch.zeros(
            6, len(parameters), dtype=torch.float64, device=parameters[0].device
        )
        self._restart_window()

    def read_events(self) -> dict[str, float]:
        """What happened since the last call. Waits for the device, and starts afresh."""
        clipped = read(self._clipped)
        events = {
            "stable_spam_clipped_fraction": clipped / self._elements if self._elements else 0.0,
            "stable_spam_resets": float(self._resets),
        }
        self._restart_window()
        return events

    def _condition(self, step: int, norm: Tensor) -> Tensor:
        self._resets += self._reset_if_due(step)
        items: list[tuple[Tensor, Tensor, float]] = []
        position = 0
        for group in self.param_groups:
            for parameter in group["params"]:
                # An empty tensor has no largest element.
                if parameter.grad is not None and parameter.numel():
                    items.append((parameter.grad, self.statistics[:, position], group["eps"]))
                position += 1
        if not items:
            return norm
        gradients = [gradient for gradient, _, _ in items]
        self._elements += sum(gradient.numel() for gradient in gradients)
        results = in_threads(self._condition_tensor, items, workers_for(gradients))
        clipped, norms = torch.stack(results).unbind(1)
        self._clipped = add(self._clipped, clipped.sum())
        return total_of(norms, norm.dtype)

    def _condition_tensor(self, item: tuple[Tensor, Tensor, float]) -> Tensor:
        """Clip and normalise one gradient in place; item: it, its statistics (6,), eps.

        Returns (elements clipped, norm afterwards), fp64. A gradient of zeros stays as it is, and
        counts as a norm of 0.
        """
        gradient, statistics, eps = item
        gamma1, gamma2, gamma3 = self._gammas
        pieces = _pieces(gradient)
        largest = torch.stack([piece.abs().amax() for piece in pieces]).amax().double()
        limit = _running_mean(statistics, LARGEST, gamma3, largest)
        share = torch.where(largest > 0, limit / largest, 1.0).to(gradient.dtype)
        clipped, norms = [], []
        for piece in pieces:
            exceeds = piece.abs() > limit.to(gradient.dtype)
            clipped.append(exceeds.sum())
            piece.mul_(torch.where(exceeds, share, 1.0))
            norms.append(partial_norms([piece]))

        norm = total_of(torch.cat(norms), torch.float64)
        mean = _running_mean(statistics, MEAN, gamma1, norm)
        square = _running_mean(statistics, SQUARE, gamma2, norm * norm)
        wanted = torch.where(norm > 0, mean / (square.sqrt() + eps), 0.0)
        gradient.mul_(torch.where(norm > 0, wanted / norm, 1.0).to(gradient.dtype))
        return torch.stack((torch.stack(clipped).sum().double(), wanted))

    def _restart_window(self) -> None:
        self._clipped: Tensor | None = None
        self._elements = self._resets = 0

    def _extra_state(self) -> dict[str, Any]:
        window = {"clipped": self._clipped, "elements": self._elements, "resets": self._resets}
        return {"statistics": self.statistics, "window": window}

    def _load_extra_state(self, extra: dict[str, Any]) -> None:
        self.statistics.copy_(extra["statistics"])
        window = extra["window"]
        clipped = window["clipped"]
        self._clipped = None if clipped is None else clipped.to(self.statistics.device, copy=True)
        self._elements, self._resets = window["elements"], window["resets"]


def _running_mean(statistics: Tensor, row: int, gamma: float, value: Tensor) -> Tensor:
    """Update the mean in `row` of (6,) and its weight below; returns mean / weight, 0-D.

    The weight is 1 - gamma^updates by the recurrence of the mean itself, so that the mean of a
    constant is that constant, to the last bit.
    """
    mean, weight = statistics[row], statistics[row + 1]
    mean.mul_(gamma).add_(value * (1 - gamma))
    weight.mul_(gamma).add_(1 - gamma)
    return mean / weight


def _pieces(gradient: Tensor) -> Sequence[Tensor]:
    """Flat pieces that stay in a processor's cache; elsewhere, or without a flat view, itself."""
    if gradient.device.type != "cpu" or not gradient.is_contiguous():
        return (gradient,)
    return gradient.view(-1).split(PIECE)
