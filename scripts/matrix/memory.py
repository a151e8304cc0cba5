"""What memory the runs of a plan need, by formula, beside what is there; before anything is run."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from gpt2.memory_need import (
    GPU,
    HOST,
    Demand,
    TooLittleMemory,
    check_memory,
    demands,
    likely_facts,
    smallest_micro_batch,
)
from gpt2.speed import Speed, SpeedError, resolve
from lib.console import size
from lib.gpu_memory import gpu_memory
from lib.host_memory import Memory, host_memory
from scripts.matrix.estimate import padded_vocabulary
from scripts.matrix.plan import Plan, PlannedRun

GIB = 1 << 30
# A plan of many arms that do not fit says so of the first few.
MOST_LINES = 3


def needed(planned: PlannedRun) -> list[Demand] | None:
    """What a run takes, where it trains first; None before the vocabulary is known, and where the
    options rule each other out."""
    found = _speed(planned)
    if found is None:
        return None
    speed, vocab_size = found
    settings = planned.settings
    micro = smallest_micro_batch(settings)
    return demands(settings, speed, vocab_size, micro, is_gpu=GPU in _memories(settings))


def memory_lines(plan: Plan, jobs: int) -> list[str]:
    """The most that a run takes beside what is there, and every doubt about it."""
    pending = plan.pending()
    known = [need for planned in pending if (need := needed(planned)) is not None]
    if not known:
        return []
    place = known[0][0].place
    most = sorted((d.needed for need in known for d in need if d.place == place), reverse=True)
    memory = _memories(pending[0].settings).get(place)
    there = f"; {place} has {size(memory.total_bytes)}" if memory else ""
    free = ""
    if memory and memory.free_bytes < memory.total_bytes:
        free = f", {size(memory.free_bytes)} of it free"
    lines = [f"Memory: at most about {size(most[0])} a run, by formula{there}{free}."]
    together = sum(most[:jobs])
    if memory and jobs > 1 and most[0] <= memory.free_bytes < together:
        lines.append(
            f"{jobs} RUNS AT A TIME TAKE ABOUT {size(together)}, more than is free: set "
            "PARALLEL_JOBS=1."
        )
    doubts = dict.fromkeys(text for planned in pending for text in _doubts(planned))
    lines += list(doubts)[:MOST_LINES]
    if len(doubts) > MOST_LINES:
        lines.append(f"The same is said of {len(doubts) - MOST_LINES} more.")
    return lines


def require_memory(plan: Plan) -> None:
    """Raise TooLittleMemory, before anything is computed, where a run of the plan cannot fit."""
    for planned in plan.pending():
        _check(planned)


def _doubts(planned: PlannedRun) -> list[str]:
    try:
        notes = _check(planned)
    except TooLittleMemory as error:
        notes = [f"REFUSED: {error}"]
    return [f"{planned.run.arm}: {note}" for note in notes]


def _check(planned: PlannedRun) -> list[str]:
    found = _speed(planned)
    if found is None:
        return []
    speed, vocab_size = found
    return check_memory(planned.settings, speed, vocab_size, _memories(planned.settings))


def _speed(planned: PlannedRun) -> tuple[Speed, int] | None:
    """How a run will probably compute, and the rows of its embedding."""
    vocab_size = padded_vocabulary(planned)
    if vocab_size is None:
        return None
    settings = planned.settings
    facts = likely_facts(is_gpu=GPU in _memories(settings))
    try:
        return resolve(settings, facts, vocab_size, smallest_micro_batch(settings)), vocab_size
    except SpeedError:
        # The run says which option it is.
        return None


def _memories(settings: Mapping[str, Any]) -> dict[str, Memory | None]:
    """By place, as gpt2/memory_need.py wants them: of the GPU where a run trains on one."""
    return _memories_of(settings["DEVICE"], settings["DEVICE_MEMORY_GIB"] or 0)


@cache
def _memories_of(device: str, least_gib: int) -> dict[str, Memory | None]:
    memories = {HOST: host_memory()}
    if device != "cpu":
        found = gpu_memory(device)
        if found is None and least_gib:
            # Planned where there is no GPU: the one that the options ask for.
            found = Memory(least_gib * GIB, least_gib * GIB)
        if found is not None or device != "auto":
            memories[GPU] = found
    return memories
