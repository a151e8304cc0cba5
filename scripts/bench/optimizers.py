"""`make bench-optim`: what every optimizer and pruning costs, beside torch's fused AdamW.

One process, the same weights and gradients for all, interleaved blocks (scripts/bench/timing.py).
Of each arm two numbers stand beside the reference: its step alone, and everything between the
backward pass and the next forward pass: norm, conditioning, clip, step.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from gpt2.model import GPT
from lib.cli import ROOT, guarded
from lib.device import find_device
from lib.files import user_path
from lib.kconfig import Tree, load_tree
from lib.norms import total_norm
from lib.optimizers import (
    ConditionsGradients,
    build_optimizer,
    condition_gradients,
    optimizer_state_bytes,
    parameter_groups,
)
from scripts.bench.page import write_place
from scripts.bench.pruning import pruning_rows, threshold_rows
from scripts.bench.subjects import (
    CHARACTERS,
    GPT2_124M,
    TINY,
    Subject,
    TrainingStep,
    arm_settings,
    arms,
    build_model,
    training_step,
)
from scripts.bench.table import Row, page
from scripts.bench.timing import Comparison, Pace, PhaseClock, Step, block, compare

TOKENS = 12_288  # of the training step that the shares are taken of
NAME = "bench-optim"
HEADING = "Optimizers and pruning"
REFERENCE = "torch AdamW, fused"
CONTROL = "A/A: the reference again"

# Steps before a conditioning optimizer is timed: SPAM clips nothing in its first 20, and its
# detector is silent for 10.
PRIMING = 25

# Phases of one arm's work after the backward pass.
NORM, CONDITION, CLIP, STEP = range(4)
EVERYTHING = (NORM, CONDITION, CLIP, STEP)

LONG = Pace(seconds=8.0, fewest_rounds=1, most_rounds=9, block_ms=300.0)
SHORT = Pace(seconds=2.0, fewest_rounds=1, most_rounds=15, block_ms=25.0)
QUICK = Pace(seconds=0.02, fewest_rounds=1, most_rounds=1, block_ms=1.0)


def arm_step(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], clip: float) -> Step:
    """The work of a trainer from the last backward pass on, phase by phase."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]

    def step(clock: PhaseClock) -> None:
        clock.start()
        norm = total_norm(gradients)
        clock.mark()
        norm = condition_gradients(optimizer, norm)
        clock.mark()
        torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        clock.mark()
        optimizer.step()
        clock.mark()

    return step


def reference_optimizer(model: GPT, settings: dict) -> torch.optim.AdamW:
    """torch's own AdamW over the same groups, fused."""
    groups = parameter_groups(model.named_parameters(), weight_decay=settings["WEIGHT_DECAY"])
    return torch.optim.AdamW(
        groups,
        lr=settings["LEARNING_RATE"],
        betas=(settings["BETA1"], settings["BETA2"]),
        eps=settings["EPSILON"],
        fused=True,
    )


def optimizer_rows(
    tree: Tree, subject: Subject, model: GPT, pace: Pace, training: TrainingStep | None
) -> Iterator[Row]:
    """A/A first, then every optimizer of the registry."""
    settings = arm_settings(tree, subject)
    parameters = list(model.parameters())
    device = parameters[0].device
    reference = reference_optimizer(model, settings)
    clip = settings["GRAD_CLIP"]
    reference_step = arm_step(reference, parameters, clip)

    def measured(optimizer: torch.optim.Optimizer) -> Comparison:
        step = arm_step(optimizer, parameters, clip)
        if isinstance(optimizer, ConditionsGradients):
            block(step, device, PRIMING)
        return compare(reference_step, step, device, pace)

    def rows(label: str, optimizer: torch.optim.Optimizer, result: Comparison) -> Iterator[Row]:
        extra = optimizer_state_bytes(optimizer) - optimizer_state_bytes(reference)
        for what, phases in (("step", (STEP,)), ("all", EVERYTHING)):
            yield _row(subject, f"{label}: {what}", result, phases, extra, training)
        if isinstance(optimizer, ConditionsGradients):
            milliseconds = result.second_ms[CONDITION]
            share = milliseconds / _whole(training, result) if training else None
            yield Row(subject.name, f"{label}: conditioning", milliseconds, share=share)

    twin = reference_optimizer(model, settings)
    control = measured(twin)
    yield from rows(CONTROL, twin, control)
    both_ms = control.first_ms[NORM] + control.first_ms[CLIP]
    share = both_ms / _whole(training, control) if training else None
    yield Row(subject.name, "norm and clip, the same for all", both_ms, share=share)
    for label, choice in arms():
        optimizer = build_optimizer(
            choice["OPTIMIZER"],
            model.named_parameters(),
            arm_settings(tree, subject, **choice),
        )
        yield from rows(label, optimizer, measured(optimizer))


def _row(
    subject: Subject,
    what: str,
    result: Comparison,
    phases: Sequence[int],
    extra_bytes: int,
    training: TrainingStep | None,
) -> Row:
    mine = sum(result.second_ms[i] for i in phases)
    theirs = sum(result.first_ms[i] for i in phases)
    return Row(
        model=subject.name,
        what=what,
        milliseconds=mine,
        reference=REFERENCE,
        reference_ms=theirs,
        ratio=result.ratio(phases, phases),
        extra_bytes=extra_bytes,
        share=(mine - theirs) / _whole(training, result) if training else None,
    )


def _whole(training: TrainingStep, result: Comparison) -> float:
    """Milliseconds of a whole training step with the reference."""
    return training.milliseconds + sum(result.first_ms)


def measure(device: torch.device, *, is_quick: bool) -> str:
    """The text of the report; prints each row when it is there."""
    tree = load_tree(ROOT)
    rows: list[Row] = []
    large, small = (TINY, None) if is_quick else (GPT2_124M, CHARACTERS)

    def add(found: Iterator[Row]) -> None:
        for row in found:
            rows.append(row)
            print("  ".join(cell for cell in row.cells() if cell != "-"), flush=True)

    if small:
        model = build_model(small, arm_settings(tree, small), device)
        add(optimizer_rows(tree, small, model, SHORT, None))
    model = build_model(large, arm_settings(tree, large), device)
    training = training_step(
        model,
        device,
        tokens=TOKENS,
        micro_batch=1 if device.type == "cpu" else 12,
        repetitions=1 if is_quick else 3,
    )
    print(training.description, flush=True)
    pace = QUICK if is_quick else LONG
    add(optimizer_rows(tree, large, model, pace, training))
    add(pruning_rows(tree, large, model, training))
    add(threshold_rows(large, model, pace))
    notes = [
        f"Reference: `torch.optim.AdamW(fused=True)` on the same {len(list(model.parameters()))} "
        f"tensors ({large.name}).",
        "`step` is `optimizer.step()`; `all` adds the norm, the optimizer's own conditioning of "
        "the gradients and the clip by the norm, which the reference has too. Medians; the "
        "interval is a bootstrap over interleaved A B B A quadruples, where there were five.",
        _control_note(rows),
        f"Training step: {TOKENS:,} tokens and the reference's work. Forward and backward: "
        f"{training.description}. A share of an optimizer is what it takes beyond the reference.",
    ]
    return page(rows, device, notes)


def _control_note(rows: Sequence[Row]) -> str:
    """How far from 1 a ratio must be to mean anything here."""
    ratios = [r.ratio.median for r in rows if r.ratio and r.what.startswith(CONTROL)]
    worst = max(abs(ratio - 1) for ratio in ratios)
    return (
        f"The reference against itself is off by up to {100 * worst:.1f} %: a ratio that is nearer "
        "to 1 says nothing."
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench-optim", description=__doc__)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or rocm")
    parser.add_argument("--quick", action="store_true", help="a tiny model; numbers mean nothing")
    parser.add_argument(
        "--write", type=user_path, metavar="PAGE", help="put the table into this page"
    )
    options = parser.parse_args(arguments)
    device = torch.device(find_device(options.device, 0).torch_name)
    text = measure(device, is_quick=options.quick)
    print(f"\n{text}")
    if options.write:
        write_place(ROOT / options.write, NAME, HEADING, text)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
