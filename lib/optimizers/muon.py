"""Muon (Jordan et al. 2024): momentum, orthogonalised, for hidden matrices; AdamW for the rest.

    M = mu M + (1 - mu) g;  U = (1 - mu) g + mu M  (Nesterov; else U = M)
    O = (U U^T)^-1/2 U, nearly: its singular values are between about 0.7 and 1.2
    w *= 1 - lr wd;  w -= lr 0.2 sqrt(max(rows, columns)) O

Every direction of a matrix then moves about as far, also those in which gradients are rare. The
factor gives the update the root mean square of AdamW's (Liu et al. 2025, section 2.2), so that
one learning rate and one decay serve all parameters and all arms.

Peculiar: only the matrices inside the blocks are orthogonalised. Embeddings, the tied head, norms
and biases are trained by AdamW, and all of it is one optimizer with one state. The fused matrix
of queries, keys and values counts as one matrix.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lib.optimizers.checks import check_betas, check_non_negative
from lib.optimizers.groups import BLOCK_PREFIX, NamedParameters, parameter_groups
from lib.optimizers.kernels import can_all_be_fused
from lib.optimizers.moments import new_moments, update_by_moments

HIDDEN = "hidden"

# The quintic a x + b x^3 + c x^5 whose repetition drives singular values to 1, chosen for its
# slope at 0 and not for exactness (Jordan et al. 2024).
QUINTIC = (3.4445, -4.7750, 2.0315)
# Keeps a gradient of zeros from dividing by zero.
SMALLEST_NORM = 1e-7
# Root mean square of AdamW's updates, as Liu et al. (2025) measured it.
UPDATE_RMS = 0.2
# As many matrices are orthogonalised together as hold this many elements: enough to fill a
# device, and 64 MiB of float32.
BATCH_ELEMENTS = 1 << 24


def muon(
    named_parameters: NamedParameters,
    *,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    muon_momentum: float,
    muon_nesterov: bool,
    muon_iterations: int,
) -> "Muon":
    """Muon over the matrices of the blocks, AdamW over the other parameters.

    learning_rate: >= 0, overwritten by the schedule at each step; muon_momentum: in [0, 1);
    muon_iterations: 1 to 99, of the quintic; the other arguments are those of `adamw`, and
    weight_decay acts on all matrices. Raises ValueError for a value outside its range, and for a
    model without a matrix in a block.
    """
    check_non_negative(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)
    check_betas(beta1=beta1, beta2=beta2, muon_momentum=muon_momentum)
    if not 1 <= muon_iterations <= 99:
        raise ValueError(
            f"muon_iterations={muon_iterations} is outside 1 to 99; set MUON_ITERATIONS there"
        )
    named = list(named_parameters)
    hidden = {id(p) for name, p in named if name.startswith(BLOCK_PREFIX) and p.ndim == 2}
    groups: list[dict[str, Any]] = []
    for group in parameter_groups(named, weight_decay=weight_decay):
        matrices = [p for p in group["params"] if id(p) in hidden]
        rest = [p for p in group["params"] if id(p) not in hidden]
        if matrices:
            options = {"momentum": muon_momentum, "nesterov": muon_nesterov}
            options |= {"iterations": muon_iterations}
            groups.append(group | {"name": HIDDEN, "params": matrices} | options)
        if rest:
            options = {"betas": (beta1, beta2), "eps": epsilon, "amsgrad": False}
            options |= {"fused": can_all_be_fused([{"params": rest}])}
            groups.append(group | {"params": rest} | options)
    if all(group["name"] != HIDDEN for group in groups):
        raise ValueError(
            f"the model has no matrix in a block for Muon; name them '{BLOCK_PREFIX}...', as the "
            "models here do, or choose another OPTIMIZER"
        )
    return Muon(groups, learning_rate=learning_rate)


class Muon(torch.optim.Optimizer):
    """The group "hidden" by orthogonalised momentum, every other group by AdamW."""

    def __init__(self, groups: list[dict[str, Any]], *, learning_rate: float) -> None:
        """groups: with the options of their kind, as `muon` makes them."""
        super().__init__(groups, {"lr": learning_rate})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            update = self._update_hidden if group["name"] == HIDDEN else self._update_rest
            if parameters:
                update(group, parameters)
        return loss

    def _update_hidden(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in parameters]
        momentum, learning_rate = group["momentum"], group["lr"]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        torch._foreach_mul_(parameters, 1 - learning_rate * group["weight_decay"])
        for batch in _batches(parameters):
            chosen = [buffers[index] for index in batch]
            if group["nesterov"]:
                chosen = torch._foreach_lerp([gradients[i] for i in batch], chosen, momentum)
            directions = orthogonalised(torch.stack(chosen), group["iterations"])
            rows, columns = directions.shape[1:]
            torch._foreach_add_(
                [parameters[index] for index in batch],
                list(directions.unbind()),
                alpha=-learning_rate * UPDATE_RMS * math.sqrt(max(rows, columns)),
            )

    def _update_rest(self, group: dict[str, Any], parameters: list[nn.Parameter]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] |= new_moments(parameter, group)
        update_by_moments(
            group,
            parameters,
            [self.state[parameter] for parameter in parameters],
            learning_rate=group["lr"],
            weight_decay=group["weight_decay"],
        )


def orthogonalised(matrices: Tensor, iterations: int) -> Tensor:
    """Nearly the orthogonal factor of each matrix, by repeating the quintic on it.

    matrices: (K, rows, columns) of any scale. Returns the same shape and type, with singular
    values between about 0.7 and 1.2 after 5 iterations; those far below the largest stay small.
    """
    a, b, c = QUINTIC
    is_tall = matrices.shape[1] > matrices.shape[2]
    # Products of the smaller side cost less.
    x = (matrices.mT if is_tall else matrices).to(product_type(matrices))
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(iterations):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)


def product_type(matrices: Tensor) -> torch.dtype:
    """bfloat16 on a GPU, as published: the quintic forgives it. A processor may crawl in it."""
    is_float_on_gpu = matrices.is_cuda and matrices.dtype == torch.float32
    return torch.bfloat16 if is_float_on_gpu else matrices.dtype


def _batches(parameters: Sequence[Tensor]) -> Iterator[list[int]]:
    """Indices of matrices of one shape, device and type, at most BATCH_ELEMENTS together."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for index, parameter in enumerate(parameters):
        if parameter.numel():
            alike[parameter.shape, parameter.device, parameter.dtype].append(index)
    for (shape, _, _), indices in alike.items():
        size = max(1, BATCH_ELEMENTS // shape.numel())
        for start in range(0, len(indices), size):
            yield indices[start : start + size]
