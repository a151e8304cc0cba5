"""Where a run starts: from a checkpoint of its own, or from nothing."""

from typing import TYPE_CHECKING

from gpt2.trainers.identity import environment, environment_notes
from gpt2.trainers.state import restore
from lib.checkpoint import TRAINING, CheckpointError, CheckpointStore, State
from lib.runs import RunDirectory

if TYPE_CHECKING:
    from gpt2.trainers.base import BaseGPT2Trainer

LATEST = "latest"
RESTART = "restart"


def begins_anew(run: RunDirectory, start_from: str) -> bool:
    """Whether `take_up` will leave a new trainer at step 0."""
    has_checkpoints = bool(CheckpointStore(run.checkpoints_path).steps())
    return start_from == RESTART or (start_from == LATEST and not has_checkpoints)


def take_up(trainer: "BaseGPT2Trainer", start_from: str) -> None:
    """Bring a new trainer to the checkpoint that `start_from` names; with LATEST there may be none.

    `start_from`: LATEST, "best", RESTART, or the path of a file. What is newer than the checkpoint
    is set aside. Raises ValueError, naming the file, for one that is missing, not whole, or of
    another run.
    """
    store = CheckpointStore(trainer.run.checkpoints_path)
    say = trainer.console.line
    if start_from == RESTART:
        store.send_back(0, say)
        return
    state: State | None
    if start_from == LATEST:
        state = store.newest_whole(trainer.identity.check, say)
    else:
        path = store.find(start_from)
        state = store.load(path)
        if state["kind"] != TRAINING:
            raise CheckpointError(
                f"{path} holds only weights, from which no training can continue. Name a "
                "step-*.pt, or latest."
            )
        trainer.identity.check(state)
        say(f"continuing from {path}, step {state['step']}, as --resume says")
        store.send_back(state["step"], say)
    if state is None:
        return
    here = environment(str(trainer.device))
    for note in environment_notes(state["environment"], here):
        say(f"note: {note}")
    restore(trainer, state)
