"""What pruning costs: the gate at every step, an event, and the exact threshold."""

import statistics
from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor

from gpt2.model import GPT
from lib.kconfig import Tree
from lib.optimizers import build_optimizer, condition_gradients
from lib.pruning import Pruner, build_pruner
from lib.pruning.scope import prunable_parameters
from lib.pruning.select import EXCLUDED, find_threshold
from scripts.bench.subjects import Subject, TrainingStep, arm_settings, refresh
from scripts.bench.table import Row
from scripts.bench.timing import Pace, PhaseClock, Step, block, compare

EVENT_INTERVAL = 50  # steps between events, over which the cost of one is spread
EVENTS = 3  # timed of a ramp; one more comes first and is not, since it allocates
GATES = 10

SCORES = ("magnitude", "bitter0", "bitter7")
DISTRIBUTIONS = ("uniform", "global")
# An event after every step, so that each step of a short ramp is one.
RAMP = {
    "TARGET_SPARSITY": "0.5",
    "PRUNING_SCHEDULE": "linear",
    "PRUNING_BEGIN_PCT": "0",
    "PRUNING_END_PCT": "100",
    "PRUNING_FREQUENCY": "1",
}


def choice(score: str, distribution: str) -> dict[str, str]:
    """What selects this arm: a bitter score needs the moments of AdamWPrune."""
    if score.startswith("bitter"):
        arm = {"OPTIMIZER": "adamwprune", "PRUNING_METHOD": "state", "ADAMWPRUNE_VARIANT": score}
    else:
        arm = {"OPTIMIZER": "adamw", "PRUNING_METHOD": score}
    return arm | RAMP | {"PRUNING_DISTRIBUTION": distribution}


def event_step(pruner: Pruner) -> Step:
    """One prune event; each call is the next step of the ramp."""
    steps = count(1)

    def step(clock: PhaseClock) -> None:
        clock.start()
        happened = pruner.step(next(steps))
        clock.mark()
        # An event that found its zeros already there would cost nothing and measure nothing.
        assert happened is not None
        assert happened.newly_pruned > 0

    return step


def gate_step(pruner: Pruner) -> Step:
    """The gate of one training step."""

    def step(clock: PhaseClock) -> None:
        clock.start()
        pruner.gate_gradients()
        clock.mark()

    return step


def pruning_rows(tree: Tree, subject: Subject, model: GPT, training: TrainingStep) -> Iterator[Row]:
    """The events of each score and distribution, the gate, and both spread over the steps."""
    parameters = list(model.parameters())
    device = parameters[0].device
    optimizer = build_optimizer("adamw", model.named_parameters(), arm_settings(tree, subject))
    condition_gradients(optimizer, torch.zeros((), device=device))
    optimizer.step()
    values = [torch.randn_like(parameter) for parameter in parameters]
    for distribution in DISTRIBUTIONS:
        for score in SCORES:
            settings = arm_settings(tree, subject, **choice(score, distribution))
            refresh(parameters, optimizer, values)
            pruner = build_pruner(
                settings["PRUNING_METHOD"],
                model.named_parameters(),
                optimizer,
                settings,
                EVENTS + 1,
            )

            event = event_step(pruner)
            block(event, device, 1)
            event_ms = statistics.median(block(event, device, 1)[0] for _ in range(EVENTS))
            (gate_ms,) = block(gate_step(pruner), device, GATES)
            spread_ms = gate_ms + event_ms / EVENT_INTERVAL
            label = f"{score}, {distribution}"
            yield Row(subject.name, f"prune event: {label}", event_ms)
            yield Row(
                subject.name,
                f"gate and event / {EVENT_INTERVAL}: {label}",
                spread_ms,
                extra_bytes=pruner.mask_bytes,
                share=spread_ms / training.milliseconds,
            )
    yield Row(subject.name, "gate alone", gate_ms, share=gate_ms / training.milliseconds)


def threshold_rows(subject: Subject, model: GPT, pace: Pace) -> Iterator[Row]:
    """The exact threshold over as many scores as there are prunable weights, beside kthvalue.

    Once over fresh scores, and once as late in a ramp, where half are no candidates any more.
    """
    prunable = prunable_parameters("blocks", model.named_parameters())
    size = sum(parameter.numel() for _, parameter in prunable)
    device = prunable[0][1].device
    generator = torch.Generator(device).manual_seed(0)
    # Magnitudes of freshly drawn weights: gradients of a pruned model are full of equal zeros.
    scores = torch.randn(size, generator=generator, device=device).mul_(0.02).abs_()
    yield _threshold_row(subject, scores, size // 2, f"exact threshold, {size:,} scores", pace)
    scores[torch.rand(size, generator=generator, device=device) < 0.5] = EXCLUDED
    yield _threshold_row(subject, scores, size // 4, "the same, half of them pruned before", pace)


def _threshold_row(subject: Subject, scores: Tensor, k: int, name: str, pace: Pace) -> Row:
    answers: dict[str, float] = {}

    def by_histogram(clock: PhaseClock) -> None:
        clock.start()
        answers["histogram"] = find_threshold([lambda: scores], k).value
        clock.mark()

    def by_kthvalue(clock: PhaseClock) -> None:
        clock.start()
        answers["kthvalue"] = float(scores.kthvalue(k).values)
        clock.mark()

    result = compare(by_kthvalue, by_histogram, scores.device, pace)
    assert answers["histogram"] == answers["kthvalue"], answers
    return Row(
        subject.name,
        name,
        result.second_ms[0],
        "kthvalue, same answer",
        result.first_ms[0],
        result.ratio((0,), (0,)),
    )
