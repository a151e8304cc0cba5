"""Is what we are faster at the same training? Validation losses of both loops, seed by seed.

A pair starts from the same weights and trains as many steps of as many tokens at the same learning
rates, each loop in its own arithmetic and with its own order of the data. All are judged alike: in
float32, on the same validation windows, at four points of the way. The noise is what is left
between seeds. That an interval of the difference holds 0 proves no equality; its width says how
large a difference would have been seen.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from torch import nn

from gpt2.datasets import Dataset, ValidationWindows, dataset_folder, open_dataset, prepare
from gpt2.evaluate import evaluate
from scripts.bench.context import Context
from scripts.bench.data import make_dataset
from scripts.bench.findings import Finding, Section
from scripts.bench.loops import PlainLoop
from scripts.bench.our_loop import OurLoop
from scripts.bench.workloads import CHARACTER, FAST, TINY, Workload
from scripts.report.statistics import Estimate, deviation

POINTS = 4
"""The losses are taken after each quarter of the steps."""
JUDGED_WINDOWS = 256


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


ON_A_PROCESSOR = (_course(TINY, 600, 5), _course(CHARACTER, 160, 3))
ON_A_GPU = (_course(TINY, 600, 5), _course(CHARACTER, 600, 5))
SMOKE = (_course(FAST, 40, 3),)

# By point of the way, the validation loss in nats.
Curve = list[float]


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
        pairs = [train_pair(context, course, dataset, seed) for seed in range(course.seeds)]
        found = list(describe(course, pairs))
        for finding in found:
            print(finding, flush=True)
        findings += found
    notes = [
        "Validation losses in nats, float32, of both loops after training from the same weights "
        f"on the same number of tokens: {_text(dataset)}. Each seed has its own weights and order "
        "of the data; differences are of pairs, with the 95 % t interval of their mean.",
        "An interval that holds 0 is no proof of equality: half its width is the difference that "
        "would just have been seen.",
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


def train_pair(
    context: Context, course: Course, dataset: Dataset, seed: int
) -> tuple[Curve, Curve]:
    """Both loops of one seed: ours, the plain one."""
    options = dict(course.workload.options) | course.options | {"SEED": str(seed)}
    settings = context.settings(options)
    name = f"loss-{course.workload.key}-{seed}"
    windows = ValidationWindows(dataset.validation, settings["BLOCK_SIZE"], JUDGED_WINDOWS)

    with OurLoop(settings, dataset, context.device, context.folder / name) as ours:
        weights = ours.initial_weights()
        judge = copy.deepcopy(ours.model)

        def loss_of(model: nn.Module) -> float:
            judge.load_state_dict(model.state_dict())
            batch_size, device = settings["BATCH_SIZE"], context.device.torch_name
            return evaluate(judge, windows, batch_size, device, nullcontext()).loss

        mine = _curve(ours.step, lambda: loss_of(ours.model), course.steps)
    plain = PlainLoop(settings, dataset, context.torch_device, seed, weights)
    return mine, _curve(plain.step, lambda: loss_of(plain.model), course.steps)


def _curve(step: Callable[[], object], loss: Callable[[], float], steps: int) -> Curve:
    """Take the steps; the loss after each part of the way."""
    curve = []
    for part in range(POINTS):
        for _ in range(part * steps // POINTS, (part + 1) * steps // POINTS):
            step()
        curve.append(loss())
    return curve


def describe(course: Course, pairs: Sequence[tuple[Curve, Curve]]) -> Iterator[Finding]:
    """A line for each point: the means, and the difference with its noise."""
    for point in range(POINTS):
        mine = [ours[point] for ours, _ in pairs]
        theirs = [plain[point] for _, plain in pairs]
        difference = Estimate(tuple(a - b for a, b in zip(mine, theirs, strict=True)))
        assert difference.bounds is not None, "an interval needs three seeds"
        low, high = difference.bounds
        is_last = point == POINTS - 1
        yield Finding(
            course.workload.name,
            f"validation loss after {(point + 1) * course.steps // POINTS} steps, "
            f"{course.seeds} seeds (deviation between them {deviation(theirs):.4f})",
            f"{Estimate(tuple(mine)).mean:.4f}",
            f"{Estimate(tuple(theirs)).mean:.4f}",
            interval=f"{difference.mean:+.4f} ({low:+.4f} to {high:+.4f})",
            verdict=_verdict(difference) if is_last else None,
        )


def _verdict(difference: Estimate) -> str:
    if not difference.excludes_zero:
        return "equal within noise"
    return "differs: ours is lower" if difference.mean < 0 else "differs: ours is higher"
