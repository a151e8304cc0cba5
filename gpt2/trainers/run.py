"""One run from the device to its outcome: what gpt2/train.py does once the folder is claimed."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from gpt2.budget import check_fit, micro_batch, not_reached, total_seconds, total_steps
from gpt2.datasets import open_dataset, verify
from gpt2.datasets.sampler import require_a_window
from gpt2.exchange.initial import initial_weights
from gpt2.execution import find_facts, set_up
from gpt2.instruments import measured_matmul, memories_of
from gpt2.latency import measure_after_training
from gpt2.memory_need import check_memory
from gpt2.ready import ready
from gpt2.shape import padded_vocabulary
from gpt2.speed import Speed, resolve
from gpt2.trained import Place
from gpt2.trainers.base import BaseGPT2Trainer
from gpt2.trainers.finite import Diverged
from gpt2.trainers.identity import Identity
from gpt2.trainers.resume import LATEST, begins_anew, take_up
from gpt2.trainers.summary import describe_run, describe_training
from gpt2.trainers.unified_ra import UnifiedRATrainer
from gpt2.trainers.vanilla import VanillaGPT2Trainer
from lib.arms import target_sparsity
from lib.cli import ROOT
from lib.clock import Clock
from lib.console import Console, duration
from lib.device import Device
from lib.memory import reset_peak
from lib.provenance import hardware
from lib.pruning import check_outcome
from lib.runs import RunDirectory
from lib.signals import StopRequests

TRAINERS: dict[str, type[BaseGPT2Trainer]] = {
    "vanilla": VanillaGPT2Trainer,
    "unified-ra": UnifiedRATrainer,
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `status` as in summary.json, the reason if it is not "done"."""

    status: str
    reason: str | None
    measured: dict[str, Any]

    def summary(self, run: str, config_hash: str, settings: dict[str, Any]) -> dict[str, Any]:
        described = describe_run(run, config_hash, settings)
        pruning = described.pop("pruning") | self.measured.get("pruning", {})
        ending = {"status": self.status, "reason": self.reason}
        return ending | described | self.measured | {"pruning": pruning}

    def headline(self) -> str:
        return (
            f"validation loss {self.measured['val_loss']:.4f}, "
            f"perplexity {self.measured['val_perplexity']:.2f}, "
            f"{duration(self.measured['time']['total_s'])}"
        )


def train_run(
    run: RunDirectory,
    relevant: dict[str, Any],
    config_hash: str,
    settings: dict[str, Any],
    console: Console,
    clock: Clock,
    stop: StopRequests,
    start_from: str = LATEST,
) -> Outcome:
    """Train `settings` in `run`, continuing from where `start_from` says (gpt2/trainers/resume.py).

    `relevant`: the symbols that can change a result. Raises ValueError (with an exit status) or
    OSError for what a person can mend, Stopped after a signal.
    """
    console.line(run.name)
    device, folder = ready(settings, console.line)
    dataset = open_dataset(folder)
    vocabulary = padded_vocabulary(dataset.manifest.vocab_size, settings["VOCAB_MULTIPLE"])
    speed = resolve(settings, find_facts(device, os.environ), vocabulary, micro_batch(settings))
    # Before anything of that size is made.
    for note in check_memory(settings, speed, vocabulary, memories_of(device)):
        console.line(f"note: {note}")
    set_up_torch(settings, speed)
    decided, *notes = speed.describe()
    console.log(decided)
    for note in notes:
        console.line(note)
    settings = settings | {"DTYPE": speed.dtype}
    # A byte that changed on the disk since the preparation would train on something else.
    verify(dataset)
    # Before anything of that length is computed.
    require_a_window(dataset.train, settings["BLOCK_SIZE"])
    check_fit(settings, total_steps(settings, len(dataset.train)))
    run.add_provenance(
        {
            "hardware": hardware(device),
            "determinism": determinism(settings, device),
            "data": {
                "dataset": settings["DATASET"],
                "hash": dataset.manifest.hash,
                "train_tokens": len(dataset.train),
                "validation_tokens": len(dataset.validation),
            },
        },
        attempt={"gpu": device.uuid},
    )
    initial = None
    if begins_anew(run, start_from):
        initial = initial_weights(settings, dataset.manifest, console.line)
    if initial is not None:
        run.add_provenance({"init_from": initial.described()})
    identity = Identity(config_hash, relevant, dataset.manifest.hash)
    trainer: BaseGPT2Trainer | None = None
    try:
        matmul = measured_matmul(settings, device)
        reset_peak(torch.device(device.torch_name))
        trainer = TRAINERS[settings["ARCHITECTURE"]](
            settings, identity, run, dataset, device, console, clock, stop, matmul, speed, initial
        )
        take_up(trainer, start_from)
        clock.add("startup", clock.attempt_s())
        trainer.train()
        reason = check_outcome(trainer.pruner, target_sparsity(settings))
        status = "done" if reason is None else "failed"
    except Diverged as error:
        status, reason = "diverged", str(error)
    except ValueError as error:
        if hasattr(error, "exit_status"):
            # A person can mend it (data, a checkpoint, the disk), so the run has not ended.
            raise
        # Of a frozen configuration: the same command would end in the same way again.
        status, reason = "failed", str(error)
    except torch.OutOfMemoryError as error:
        size = micro_batch(settings)
        status, reason = "oom", f"out of memory at {size} sequences in a micro-batch: {error}"
    measured = describe_training(trainer) if trainer is not None else {}
    for doubt in measured["throughput"]["doubts"] if measured else ():
        console.line(f"doubtful: {doubt}")
    if trainer is not None and status == "done":
        for missed in not_reached(settings, trainer.step):
            console.line(f"note: {missed}")
    if trainer is not None and status == "done":
        # After the summary's clocks were read: it is no part of the training.
        place = Place(device, settings["DTYPE"])
        measure_after_training(run, trainer.model, trainer.step, settings, place, console.line)
    return Outcome(status, reason, measured)


def set_up_torch(settings: dict[str, Any], speed: Speed) -> None:
    """The switches of PyTorch that belong to the whole process."""
    set_up(speed, ROOT / settings["DATA_DIR"] / "cache" / "inductor")
    if settings["DETERMINISTIC"] != torch.are_deterministic_algorithms_enabled():
        # Only then: the call imports PyTorch's compiler, which takes a second.
        torch.use_deterministic_algorithms(settings["DETERMINISTIC"])
    if settings["DETERMINISTIC"]:
        # cuBLAS repeats its sums only with a workspace of its own; read when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def determinism(settings: dict[str, Any], device: Device) -> str:
    """How far a second run of the same configuration agrees."""
    if total_seconds(settings) is not None:
        # How many steps fit, and the learning rate of each, is for the clock to say.
        return "statistical"
    if settings["DETERMINISTIC"] or device.kind == "cpu":
        return "same-device"
    return "statistical"
