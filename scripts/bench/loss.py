"""Is what we are faster at the same training? Validation losses of both loops, seed by seed.

Of each seed both start from the same weights and train as many steps of as many tokens at the same
learning rates, each in its own arithmetic; the plain loop once on windows of its own and once on
our batches. All are judged alike: in float32, on the same validation windows, at four points of the
way. On windows of its own the order of the data is noise, and that an interval of the difference
holds 0 proves no equality; its width says how large a difference would have been seen. On our
batches only the arithmetic differs, and a difference is called nothing if all of its interval is
smaller than the deviation between seeds.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from gpt2.datasets import Dataset, ValidationWindows, dataset_folder, open_dataset, prepare
from gpt2.evaluate import evaluate
from scripts.bench.context import Context
from scripts.bench.data import make_dataset
from scripts.bench.findings import Finding, Section
from scripts.bench.loops import PlainLoop, our_windows, random_windows
from scripts.bench.our_loop import OurLoop
from scripts.bench.workloads import CHARACTER, FAST, TINY, Workload
from scripts.report.statistics import Estimate, deviation

POINTS = 4
"""The losses are taken after each quarter of the steps."""
JUDGED_WINDOWS = 128
FED = "our batches"


@dataclass(frozen=True)
class Course:
    """One workload, trained so many times for so long."""

    workload: Workload
    steps: int
    seeds: int
    options: dict[str, str]


def _course(workload: Workload, steps: int, seeds: int) -> Course:
    # nanoGPT's recipe for a text by characters, with the schedule as long as the training.
    recipe = {
        **{"LEARNING_RATE": "1e-3", "MIN_LR": "1e-4", "BETA2": "0.99"},
        **{"MAX_ITERS": str(steps), "WARMUP_STEPS": str(steps // 10)},
    }
    return Course(workload, steps, seeds, recipe)


ON_A_PROCESSOR = (_course(TINY, 600, 5), _course(CHARACTER, 100, 3))
ON_A_GPU = (_course(TINY, 600, 5), _course(CHARACTER, 600, 5))
SMOKE = (_course(FAST, 40, 3),)

# By point of the way, the validation loss in nats.
Curve = list[float]


class Curves(NamedTuple):
    """Of one seed: ours, and the plain loop's."""

    ours: Curve
    plain: Curve
    """With its own windows, anywhere in the text."""
    fed: Curve
    """With our batches, so that only the arithmetic differs."""


def measure(context: Context) -> Section:
    """Every course of the device."""
    if context.is_fast:
        courses = SMOKE
    else:
        courses = ON_A_PROCESSOR if context.device.kind == "cpu" else ON_A_GPU
    wanted = [each for each in courses if context.only in (None, each.workload.key)]
    if not wanted:
        keys = ", ".join(each.workload.key for each in courses)
        raise ValueError(f"No losses of {context.only} are compared here; there are {keys}.")
    dataset = _dataset(context)
    findings: list[Finding] = []
    for course in wanted:
        curves = [train(context, course, dataset, seed) for seed in range(course.seeds)]
        found = list(describe(course, curves))
        for finding in found:
            print(finding, flush=True)
        findings += found
    notes = [
        "Validation losses in nats, float32, of both loops after training from the same weights "
        f"on the same number of tokens: {_text(dataset)}. Each seed has its own weights and order "
        "of the data; the plain loop trains once on windows of its own, anywhere in the text, and "
        "once on our batches, where only the arithmetic differs. Differences are of pairs, with "
        "the 95 % t interval of their mean.",
        "On windows of its own, an interval that holds 0 is no proof of equality: half its width "
        "is the difference that would just have been seen. On our batches, equal means that the "
        "whole interval is below the deviation between seeds.",
    ]
    return Section(findings, notes)


def _dataset(context: Context) -> Dataset:
    """Real text that is on every machine; in a smoke test a made-up one."""
    if context.is_fast:
        return make_dataset(context.folder / "loss-data", FAST.vocab_size, 20_000, 4_000, seed=1)
    where = context.folder / "loss-data"
    prepare("pystdlib", where, "", None, None, print)
    return open_dataset(dataset_folder("pystdlib", where, None, None))


def _text(dataset: Dataset) -> str:
    name, tokens = dataset.manifest.dataset, len(dataset.train)
    return f"{name}, {tokens:,} tokens of {dataset.manifest.vocab_size} kinds"


def train(context: Context, course: Course, dataset: Dataset, seed: int) -> Curves:
    """All trainings of one seed."""
    options = dict(course.workload.options) | course.options | {"SEED": str(seed)}
    settings = context.settings(options)
    device, vocab_size = context.torch_device, dataset.manifest.vocab_size
    name = f"loss-{course.workload.key}-{seed}"
    windows = ValidationWindows(dataset.validation, settings["BLOCK_SIZE"], JUDGED_WINDOWS)

    with OurLoop(settings, dataset, context.device, context.folder / name) as loop:
        weights = loop.initial_weights()
        judge = copy.deepcopy(loop.model)

        def loss_of(model: nn.Module) -> float:
            judge.load_state_dict(model.state_dict())
            batch_size = settings["BATCH_SIZE"]
            return evaluate(judge, windows, batch_size, device.type, nullcontext()).loss

        ours = _curve(loop.step, lambda: loss_of(loop.model), course.steps)
    plain = []
    for batches in (
        random_windows(dataset, settings, device, seed),
        our_windows(dataset, settings, device),
    ):
        other = PlainLoop(settings, vocab_size, device, batches, weights)
        plain.append(_curve(other.step, lambda model=other.model: loss_of(model), course.steps))
    return Curves(ours, *plain)


def _curve(step: Callable[[], object], loss: Callable[[], float], steps: int) -> Curve:
    """Take the steps; the loss after each part of the way."""
    curve = []
    for part in range(POINTS):
        for _ in range(part * steps // POINTS, (part + 1) * steps // POINTS):
            step()
        curve.append(loss())
    return curve


def describe(course: Course, curves: Sequence[Curves]) -> Iterator[Finding]:
    """A line for each comparison and point: the means, and the difference with its noise."""
    ours = [each.ours for each in curves]
    yield from _compared(course, "its own windows", ours, [each.plain for each in curves])
    yield from _compared(course, FED, ours, [each.fed for each in curves])


def _compared(
    course: Course, order: str, ours: Sequence[Curve], plain: Sequence[Curve]
) -> Iterator[Finding]:
    for point in range(POINTS):
        mine = [curve[point] for curve in ours]
        theirs = [curve[point] for curve in plain]
        difference = Estimate(tuple(a - b for a, b in zip(mine, theirs, strict=True)))
        assert difference.bounds is not None, "an interval needs three seeds"
        low, high = difference.bounds
        spread = deviation(theirs)
        verdict = _verdict(difference, spread if order == FED else None)
        yield Finding(
            course.workload.name,
            f"validation loss after {(point + 1) * course.steps // POINTS} steps, plain loop on "
            f"{order}; {len(mine)} seeds with a deviation of {spread:.4f}",
            f"{Estimate(tuple(mine)).mean:.4f}",
            f"{Estimate(tuple(theirs)).mean:.4f}",
            interval=f"{difference.mean:+.5f} ({low:+.5f} to {high:+.5f})",
            verdict=verdict if point == POINTS - 1 else None,
        )


def _verdict(difference: Estimate, margin: float | None) -> str:
    """margin: below which a difference counts for nothing, where it can be seen so sharply."""
    assert difference.bounds is not None, "an interval needs three seeds"
    low, high = difference.bounds
    if margin is not None and max(abs(low), abs(high)) < margin:
        return "equal: less than between seeds"
    if not difference.excludes_zero:
        return "equal within noise" if margin is None else "not decided"
    return "differs: ours is lower" if difference.mean < 0 else "differs: ours is higher"
