"""`make bench`: what this project costs beside what people would use instead.

Each part prints its lines as they come and ends as a table with its conditions; `--write` puts it
into its own place of a page, one for each part and kind of device, so that parts can be measured
at different times. The figures of a busy machine are void, and say so.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lib.cli import ROOT, guarded
from lib.device import find_device
from lib.files import user_path
from lib.kconfig import Layer, load_tree, overrides_from_environment
from scripts.bench import checkpoints, loader, loss, memory, startup, training
from scripts.bench.conditions import Conditions, cores_in_use
from scripts.bench.context import Context, threads_of
from scripts.bench.findings import Section
from scripts.bench.page import write_place


@dataclass(frozen=True)
class Target:
    """One part, which can be asked for by name."""

    heading: str
    measure: Callable[[Context], Section]
    has_workloads: bool = False


@dataclass(frozen=True)
class Choice:
    """A part, or of a part that has several one workload."""

    target: str
    workload: str | None

    def __str__(self) -> str:
        return self.target if self.workload is None else f"{self.target}:{self.workload}"


# Those that start processes come first: nothing has been allocated or compiled yet.
TARGETS: Mapping[str, Target] = {
    "startup": Target("Start-up", startup.measure),
    "memory": Target("Memory", memory.measure, has_workloads=True),
    "checkpoints": Target("Checkpoints", checkpoints.measure),
    "loader": Target("Loader", loader.measure),
    "training": Target("Training", training.measure, has_workloads=True),
    "loss": Target("Loss", loss.measure, has_workloads=True),
}
FAST_NOTE = "FAST=1, everything at its smallest: **these figures mean nothing**."


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument(
        "--target", default="", help=f"some of {','.join(TARGETS)}, or training:gpt2; else all"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or rocm")
    parser.add_argument("--fast", action="store_true", help="seconds; the figures mean nothing")
    parser.add_argument(
        "--write", type=user_path, metavar="PAGE", help="put the tables into this page"
    )
    options = parser.parse_args(arguments)
    choices = chosen(options.target)
    if options.fast and options.write:
        raise ValueError(
            "FAST=1 measures nothing worth keeping, and WRITE would put it over what was measured. "
            "Leave one of them out."
        )
    load = cores_in_use()
    device = find_device(options.device, 0)
    overrides = without_device(overrides_from_environment(os.environ))
    for choice in choices:
        with tempfile.TemporaryDirectory(prefix="bitterbench-bench-") as folder:
            tree, only = load_tree(ROOT), choice.workload
            context = Context(device, options.fast, only, Path(folder), tree, overrides)
            # Of this process; each loop that has one of its own takes as many.
            torch.set_num_threads(threads_of(context.settings({})))
            conditions = Conditions.now(context.torch_device, load)
            if conditions.is_busy and choice == choices[0]:
                print(f"warning: {conditions.load_sentence}", file=sys.stderr)
            section = TARGETS[choice.target].measure(context)
        text = text_of(section, choice, conditions, context)
        print(f"\n{text}\n", flush=True)
        if options.write:
            heading, place = place_of(choice, device.kind)
            write_place(ROOT / options.write, place, heading, text)
    return 0


def chosen(words: str) -> list[Choice]:
    """What is named, in the order it is measured; everything, where nothing is. Raises ValueError.

    words: "training,loader"; "training:gpt2" is one workload of a part.
    """
    found = []
    for word in filter(None, map(str.strip, words.split(","))):
        target, _, workload = word.partition(":")
        if target not in TARGETS:
            raise ValueError(
                f"TARGET={word} is nothing that `make bench` measures. Choose from "
                f"{','.join(TARGETS)}."
            )
        if workload and not TARGETS[target].has_workloads:
            raise ValueError(f"TARGET={word}: {target} is measured as a whole. Write {target}.")
        found.append(Choice(target, workload or None))
    order = list(TARGETS)
    every = [Choice(target, None) for target in order]
    return sorted(found, key=lambda choice: order.index(choice.target)) or every


def without_device(overrides: Layer) -> Layer:
    """What the command line says of our trainer; the device is a matter of the whole benchmark."""
    kept = tuple(each for each in overrides.assignments if each.name != "DEVICE")
    return replace(overrides, assignments=kept)


def place_of(choice: Choice, device_kind: str) -> tuple[str, str]:
    """Heading and name of the place of a part on the page."""
    where = "processor" if device_kind == "cpu" else "GPU"
    title, name = TARGETS[choice.target].heading, f"bench-{choice.target}"
    if choice.workload is not None:
        title, name = f"{title} ({choice.workload})", f"{name}-{choice.workload}"
    return f"{title}, {where}", f"{name}-{where.lower()}"


def text_of(section: Section, choice: Choice, conditions: Conditions, context: Context) -> str:
    """What goes to the page."""
    asked = [f"{each.name}={each.value}" for each in context.overrides.assignments]
    command = " ".join(("make bench", f"TARGET={choice}", *asked))
    notes = [FAST_NOTE, *section.notes] if context.is_fast else section.notes
    return replace(section, notes=notes).text(conditions.sentence(command))


if __name__ == "__main__":
    sys.exit(guarded(main, sys.argv[1:]))
