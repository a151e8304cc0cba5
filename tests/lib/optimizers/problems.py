"""Small problems that break optimizers: each with a condition to pass, and who is known to fail.

In the manner of HeavyBall's suite (Lucas Nestler): exploding and adversarial gradients, plateau,
saddle, scale, conditioning, rare coordinates, spikes. A problem is a handful of weights and
their gradient; it runs through the same order of a step as a training run does.

An optimizer of the registry that a problem does not name must solve it; one that it names must
fail, or what its page says of its weakness is wrong.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lib.optimizers import build_optimizer, condition_gradients, set_learning_rate
from tests.lib.optimizers.harness import ALL_SETTINGS

# One setting for all: resets every 100 steps, so that a problem of 200 meets them.
SETTINGS = ALL_SETTINGS | {
    "BETA2": 0.999,
    "WEIGHT_DECAY": 0.0,
    "ADAM_WEIGHT_DECAY": 0.0,
    "SGD_WEIGHT_DECAY": 0.0,
    "SGD_LEARNING_RATE_FACTOR": 10.0,
    "SPAM_INTERVAL": 100,
    "SPAM_WARMUP_STEPS": 20,
    "STABLE_SPAM_INTERVAL": 100,
}

Weights = Mapping[str, Tensor]

# A matrix in a block for Muon, and something outside: the solution of most problems here.
TARGET = torch.linspace(-1.0, 1.0, 16).reshape(4, 4)
GOAL = {"blocks.0.w": TARGET, "bias": TARGET[0]}


@dataclass(frozen=True)
class Problem:
    """`gradient(step, weights)` of step 0, 1, ... from `start`; `is_solved(weights)` at the end."""

    name: str
    start: Weights
    gradient: Callable[[int, Weights], Weights]
    is_solved: Callable[[Weights], bool]
    fails: Mapping[str, str] = field(default_factory=dict)
    """Optimizer -> why it is known to fail."""
    learning_rate: float = 0.1
    steps: int = 200
    clip: float = 1.0
    """The largest norm of a gradient, as in GRAD_CLIP; 0: not clipped."""


def solve(problem: Problem, optimizer_name: str) -> dict[str, Tensor]:
    """The weights that the optimizer reaches, with a rate that falls linearly to 0."""
    named = [(name, nn.Parameter(value.clone())) for name, value in problem.start.items()]
    parameters = [p for _, p in named]
    optimizer = build_optimizer(
        optimizer_name, named, SETTINGS | {"LEARNING_RATE": problem.learning_rate}
    )
    for step in range(problem.steps):
        set_learning_rate(optimizer, problem.learning_rate * (1 - step / problem.steps))
        gradients = problem.gradient(step, {name: p.detach() for name, p in named})
        for name, p in named:
            p.grad = gradients[name].clone()
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
        norm = condition_gradients(optimizer, norm)
        if problem.clip > 0:
            torch.nn.utils.clip_grads_with_norm_(parameters, problem.clip, norm)
        optimizer.step()
    return {name: p.detach() for name, p in named}


def distance(weights: Weights, goal: Weights = GOAL) -> float:
    """The largest distance of a coordinate from where it should be; inf if it is not a number."""
    worst = max((weights[name] - value).abs().max().item() for name, value in goal.items())
    return worst if worst < float("inf") else float("inf")


def zeros() -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in GOAL.items()}


def pull(weights: Weights) -> dict[str, Tensor]:
    """The gradient of half the squared distance from the goal."""
    return {name: weights[name] - value for name, value in GOAL.items()}


def scaled(gradients: Weights, factor: float | Mapping[str, float]) -> dict[str, Tensor]:
    factors = factor if isinstance(factor, Mapping) else dict.fromkeys(gradients, factor)
    return {name: gradient * factors[name] for name, gradient in gradients.items()}


def noise(step: int, size: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    return {
        name: size * torch.randn(value.shape, generator=generator) for name, value in GOAL.items()
    }


def near(goal: Weights = GOAL, tolerance: float = 0.05) -> Callable[[Weights], bool]:
    return lambda weights: distance(weights, goal) < tolerance


# Rows of an embedding: one of 16 is seen at a step, and the first of them late.
ROWS, LATE = 16, 100
EMBEDDING = torch.ones(ROWS, 4)


def rare(step: int, weights: Weights) -> dict[str, Tensor]:
    gradients = {name: torch.zeros_like(value) for name, value in weights.items()}
    row = step % ROWS
    if row != 0 or step >= LATE:
        gradients["token_embedding.weight"][row] = (
            weights["token_embedding.weight"][row] - EMBEDDING[row]
        )
    return gradients


def saddle(step: int, weights: Weights) -> dict[str, Tensor]:
    """Of x^4 / 4 - x^2 / 2 in the first two rows, y^2 / 2 in the others; 0 is a saddle."""
    w = weights["blocks.0.w"]
    return {"blocks.0.w": torch.cat([w[:2] ** 3 - w[:2], w[2:]])}


def plateau(step: int, weights: Weights) -> dict[str, Tensor]:
    """Of w^2 / (1 + w^2) around the goal: the farther, the flatter."""
    far = pull(weights)
    return {name: 2 * d / (1 + d**2) ** 2 for name, d in far.items()}


def spiked(step: int, weights: Weights) -> dict[str, Tensor]:
    gradients = pull(weights)
    gradients = {name: g + noise(step, 0.1)[name] for name, g in gradients.items()}
    return scaled(gradients, 1e3 if step % 50 == 30 else 1.0)


SLOW = "one rate for all coordinates is too small for the flat ones"
SPIKE = "the spike stays in the second moment, and the steps after it are tiny"
# Of the singular values of an update, 0.2 sqrt(4) is the largest here.
LOW_RANK = "a gradient of low rank moves the weights a tenth as far as AdamW does at the same rate"
FAINT = "directions below about 1/500 of the largest of their matrix are not lifted to its size"

PROBLEMS = (
    Problem(
        "quadratic",
        zeros(),
        lambda step, weights: pull(weights),
        near(),
    ),
    Problem(
        "exploding gradient",
        zeros(),
        lambda step, weights: scaled(pull(weights), 10 ** (step / 20)),
        near(),
    ),
    Problem(
        "adversarial gradient",
        zeros(),
        lambda step, weights: scaled(pull(weights), -1.0 if step % 3 == 2 else 1.0),
        near(tolerance=0.1),
    ),
    Problem(
        "plateau",
        {name: value + 30 for name, value in GOAL.items()},
        plateau,
        near(),
        learning_rate=2.0,
        fails={"sgd": "the gradient on the plateau is too small to move it", "muon": LOW_RANK},
    ),
    Problem(
        "saddle",
        {"blocks.0.w": torch.cat([torch.full((2, 4), 1e-6), torch.ones(2, 4)])},
        saddle,
        lambda weights: (
            weights["blocks.0.w"][:2].abs().min().item() > 0.9
            and weights["blocks.0.w"][2:].abs().max().item() < 0.1
        ),
        fails={"muon": FAINT},
    ),
    Problem(
        "small gradients",
        zeros(),
        lambda step, weights: scaled(pull(weights), 1e-4),
        near(),
        fails={"sgd": "its step shrinks with the gradient"},
    ),
    Problem(
        "large gradients",
        zeros(),
        lambda step, weights: scaled(pull(weights), 1e4),
        near(),
    ),
    Problem(
        "badly scaled tensors",
        zeros(),
        lambda step, weights: scaled(pull(weights), {"blocks.0.w": 1e2, "bias": 1e-2}),
        near(),
        fails={"sgd": SLOW},
    ),
    Problem(
        "ill-conditioned quadratic",
        zeros(),
        lambda step, weights: {
            name: gradient * torch.logspace(0, -4, 4).reshape(-1, *[1] * (gradient.ndim - 1))
            for name, gradient in pull(weights).items()
        },
        near(),
        fails={"sgd": SLOW, "muon": FAINT},
    ),
    Problem(
        "rare coordinates",
        {"token_embedding.weight": torch.zeros(ROWS, 4), "blocks.0.w": torch.zeros(2, 2)},
        rare,
        near({"token_embedding.weight": EMBEDDING}, tolerance=0.4),
        learning_rate=0.15,
    ),
    Problem(
        "spiked gradients",
        zeros(),
        spiked,
        near(tolerance=0.2),
        learning_rate=0.02,
        clip=0.0,
        fails=dict.fromkeys(("adam", "adamw", "adamwadv"), SPIKE)
        | {"sgd": "the spike is a step of a thousand times the rate", "muon": LOW_RANK},
    ),
)
