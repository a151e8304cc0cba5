"""When a run saves, and what stays when it has ended. How a file is written: lib/checkpoint."""

import shutil
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gpt2.budget import tokens_per_step
from gpt2.trainers.state import capture, weights
from lib.checkpoint import CheckpointStore, CheckpointWriter, Tiers
from lib.console import size
from lib.runs import RunDirectory

if TYPE_CHECKING:
    from gpt2.trainers.base import BaseGPT2Trainer

GIB = 1 << 30


def tiers_of(settings: Mapping[str, Any], train_tokens: int) -> Tiers:
    """Which checkpoints of a run are kept. `train_tokens`: of the training split, one epoch.

    Needs SAVE_CHECKPOINT.
    """
    tokens = tokens_per_step(settings)

    def epoch_of(step: int) -> int | None:
        epochs = step * tokens // train_tokens
        return epochs if epochs > (step - 1) * tokens // train_tokens else None

    return Tiers(
        interval=settings["CHECKPOINT_INTERVAL"],
        # Not asked for where there are no rolling ones.
        rolling=settings["CHECKPOINT_KEEP"] or 0,
        epochs=settings["CHECKPOINT_KEEP_EPOCHS"],
        limit_bytes=settings["CHECKPOINT_LIMIT_GIB"] * GIB,
        epoch_of=epoch_of,
    )


class Saver:
    """Saves while a run goes on, in the background; does nothing without SAVE_CHECKPOINT."""

    def __init__(self, trainer: "BaseGPT2Trainer") -> None:
        self.trainer = trainer
        self.store = CheckpointStore(trainer.run.checkpoints_path)
        self.writer: CheckpointWriter | None = None
        if trainer.settings["SAVE_CHECKPOINT"]:
            self.tiers = tiers_of(trainer.settings, len(trainer.dataset.train))
            self.writer = CheckpointWriter(self.store, self.tiers)
        self._has_reserved = False
        self._last_save = time.monotonic()
        # What the newest checkpoint holds: saving the same once more would gain nothing.
        self._saved = self._place()

    def save_if_due(self) -> None:
        """Between two steps: save if this one is to be kept, or if the last save is long ago."""
        if self.writer is None:
            return
        if not self._has_reserved and self.trainer.step > 0:
            # Optimizers make their state in the first step; now the size of a copy is known.
            self._has_reserved = True
            self.writer.reserve(capture(self.trainer))
        self._record()
        if self._place() != self._saved and self._is_due():
            self._save()

    def save_and_wait(self) -> None:
        """Save where the run stands, and return when the disk has it."""
        if self.writer is None:
            return
        if self._place() != self._saved:
            self._save()
        with self.trainer.clock.measure("checkpoint"):
            self.writer.wait()
        self._record()

    def finish(self) -> None:
        """After the last step: write the weights that stay, and the state if all is kept."""
        if self.writer is None:
            return
        trainer = self.trainer
        stays = trainer.settings["CHECKPOINT_AFTER_RUN"]
        if stays == "all":
            self.save_and_wait()
        with trainer.clock.measure("checkpoint"):
            self.writer.wait()
            if stays != "none":
                self.store.keep_weights(weights(trainer), trainer.console.line)
        self._record()

    def _place(self) -> tuple[int, int, int]:
        return self.trainer.step, self.trainer.evaluated_step, self.trainer.shown_step

    def _is_due(self) -> bool:
        trainer, settings = self.trainer, self.trainer.settings
        seconds = settings["CHECKPOINT_SECONDS"]
        if seconds and time.monotonic() - self._last_save >= seconds:
            return True
        if trainer.is_evaluation_due() or trainer.is_finished():
            # A step that is evaluated is kept with its evaluation; a finished run writes weights.
            return False
        best = trainer.best
        is_best = best is not None and best["step"] == trainer.step
        return self.tiers.is_due(trainer.step) or (is_best and settings["CHECKPOINT_BEST"])

    def _save(self) -> None:
        assert self.writer is not None
        trainer = self.trainer
        # A state after a step that was not finite is no state to continue from.
        trainer.settle()
        with trainer.clock.measure("checkpoint"):
            trainer.journal.sync()
            self.writer.save(capture(trainer))
        self._last_save = time.monotonic()
        self._saved = self._place()

    def _record(self) -> None:
        assert self.writer is not None
        for saved in self.writer.finished():
            self.trainer.journal.row(
                "checkpoint",
                saved.step,
                bytes=saved.bytes,
                stall_s=saved.stall_s,
                write_s=saved.write_s,
                verify_s=saved.verify_s,
            )
            self.trainer.console.log(
                f"saved {saved.path.name}, {size(saved.bytes)}, in "
                f"{saved.write_s + saved.verify_s:.2f} s; training waited {saved.stall_s:.3f} s"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A second Ctrl+C leaves at once: what is being written stays a temporary file.
        if self.writer is not None and not self.trainer.stop.leaves_at_once:
            self.writer.__exit__(kind, error, traceback)


def tidy(run: RunDirectory, settings: Mapping[str, Any], is_done: bool) -> None:
    """After the summary is written: delete what was only there to continue from.

    A run that ended badly keeps its checkpoints, for whoever wants to know why.
    """
    if not is_done or not settings["SAVE_CHECKPOINT"]:
        return
    match settings["CHECKPOINT_AFTER_RUN"]:
        case "weights":
            CheckpointStore(run.checkpoints_path).discard_training()
        case "none":
            shutil.rmtree(run.checkpoints_path, ignore_errors=True)
