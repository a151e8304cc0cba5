"""What a batch costs before the model sees it: our sampler beside nanoGPT's `get_batch`.

A batch of 12 x 1024, as nanoGPT's for GPT-2, from a file that is in the page cache. Ours is timed
as the trainer uses it, widened to int64 on the device, and as it leaves the sampler, two bytes a
token; the plain one stacks int64 windows for x and for y, on the host.
"""

import torch

from gpt2.datasets.sampler import TrainSampler
from scripts.bench.context import Context
from scripts.bench.data import make_dataset
from scripts.bench.findings import Finding, Section, at_most, control, judged
from scripts.bench.loops import train_file
from scripts.bench.plain_loop import get_batch, open_tokens
from scripts.bench.timing import (
    Pace,
    Ratio,
    block,
    bootstrap_interval,
    interleave,
    medians,
    plan,
    ratio_of,
    subject,
    timed,
)

BATCH_SIZE, BLOCK_SIZE = 12, 1024
VOCAB_SIZE = 50257
# 40 MB: more than the caches of a processor hold.
TOKENS = 20_000_000
FAST_TOKENS = 100_000
MODEL = f"{BATCH_SIZE} x {BLOCK_SIZE}"

MOST_MS = 0.06
# Tens of microseconds: the clock itself and one interrupt are seen.
TOLERANCE = 0.02
FAST_TOLERANCE = 0.9

PACE = Pace(seconds=10.0, fewest_rounds=9, most_rounds=25, block_ms=100.0)
FAST = Pace(seconds=0.1, fewest_rounds=1, most_rounds=1, block_ms=2.0)
WARM_UP = 20

PLAIN, WIDENED, NARROW, TWIN = range(4)


def measure(context: Context) -> Section:
    """Milliseconds, and bytes that go to the device."""
    device = context.torch_device
    size = FAST_TOKENS if context.is_fast else TOKENS
    dataset = make_dataset(context.folder / "loader", VOCAB_SIZE, size, BLOCK_SIZE + 1, seed=1)
    sampler = TrainSampler(dataset.train, BLOCK_SIZE, BATCH_SIZE, seed=1)
    tokens = open_tokens(train_file(dataset))
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    indices = iter(range(1 << 62))

    def plain(which: int) -> tuple[torch.Tensor, torch.Tensor]:
        return get_batch(tokens, BLOCK_SIZE, BATCH_SIZE, device, generators[which])

    def narrow() -> torch.Tensor:
        return torch.from_numpy(sampler.batch(next(indices))).to(device.type)

    works = (lambda: plain(0), lambda: narrow().long(), narrow, lambda: plain(1))
    steps = [timed(work) for work in works]
    slowest_ms = max(block(step, device, WARM_UP)[0] for step in steps)
    repetitions, rounds = plan(slowest_ms, len(steps), FAST if context.is_fast else PACE)
    subjects = [subject(step, device) for step in steps]
    blocks = interleave(subjects, repetitions=repetitions, rounds=rounds)
    blocks_ms = [[phase_ms for (phase_ms,) in subject] for subject in blocks]
    typical_ms = [medians(subject)[0] for subject in blocks]

    tolerance = FAST_TOLERANCE if context.is_fast else TOLERANCE
    line, void = control(MODEL, ratio_of(blocks_ms[PLAIN], blocks_ms[TWIN]), tolerance)
    findings = [line]
    names = ((WIDENED, "ms, as int64 on the device"), (NARROW, "ms, as uint16"))
    for which, name in names:
        goal = at_most(MOST_MS, " ms") if which == WIDENED else None
        value, interval = typical_ms[which], bootstrap_interval(blocks_ms[which])
        findings.append(
            Finding(
                MODEL,
                name,
                f"{value:.4f}",
                f"{typical_ms[PLAIN]:.4f}",
                ratio_of(blocks_ms[which], blocks_ms[PLAIN]),
                goal=goal,
                verdict=judged(goal, value, *interval, void=void),
            )
        )
    findings.append(_bytes(narrow().nbytes, sum(part.nbytes for part in plain(0))))
    for finding in findings:
        print(finding, flush=True)
    notes = [
        f"A batch of {BATCH_SIZE} x {BLOCK_SIZE} tokens from a file of {size:,} in the page "
        f"cache; medians of {len(blocks_ms[PLAIN])} blocks of {repetitions}. The plain loop's "
        "`get_batch` is nanoGPT's, but keeps its file open.",
        "The interval is that of the ratio; the goal is one of our milliseconds, judged by theirs.",
    ]
    return Section(findings, notes)


def _bytes(mine: int, theirs: int) -> Finding:
    ratio = Ratio(mine / theirs, None, None)
    return Finding(MODEL, "bytes to the device", f"{mine:,}", f"{theirs:,}", ratio)
