"""Everything that a run is at a step, as plain containers and tensors: saved, and taken up again.

Leaving one entry out fails a test (tests/gpt2/trainers/test_resume.py), because a resume that
forgets something looks right: without the data position a small model ends with a *better* loss.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

from gpt2.budget import Batch
from gpt2.evaluate import Evaluation
from gpt2.trainers.identity import environment
from lib.checkpoint import SCHEMA, TRAINING, WEIGHTS, State
from lib.optimizers import load_optimizer_state
from lib.random_state import random_state, restore_random_state

if TYPE_CHECKING:
    from gpt2.trainers.base import BaseGPT2Trainer


def weights(trainer: "BaseGPT2Trainer") -> State:
    """What a model needs to be used, and to be told from others. Its tensors are the live ones."""
    return {
        "schema": SCHEMA,
        "kind": WEIGHTS,
        **trainer.identity.state_dict(),
        "environment": environment(str(trainer.device)),
        "step": trainer.step,
        "tokens": trainer.tokens,
        "val_loss": trainer.last_evaluation and trainer.last_evaluation.loss,
        "best": trainer.best,
        "model": trainer.model.state_dict(),
    }


def capture(trainer: "BaseGPT2Trainer") -> State:
    """The state between two steps. Its tensors are the live ones: copy before the next step."""
    return {
        **weights(trainer),
        "kind": TRAINING,
        "evaluated_step": trainer.evaluated_step,
        "shown_step": trainer.shown_step,
        "evaluation": trainer.last_evaluation and asdict(trainer.last_evaluation),
        "batch": asdict(trainer.batch),
        "data": trainer.data_place(),
        "optimizer": trainer.optimizer.state_dict(),
        "pruner": trainer.pruner.state_dict(),
        "random": random_state(trainer.device.torch_name),
        "extra": trainer.extra_state(),
        "window": trainer.window.state_dict(),
        "window_start_s": trainer.window_start_s,
        "clock": trainer.clock.state_dict(),
        "length": trainer.length.state_dict(),
        "step_times": trainer.step_times.state_dict(),
        "optimizer_times": trainer.optimizer_times.state_dict(),
    }


def restore(trainer: "BaseGPT2Trainer", state: State) -> None:
    """Make `trainer` what it was when `state` was captured, on its own device.

    Raises ValueError, naming what does not fit.
    """
    trainer.model.load_state_dict(state["model"])
    load_optimizer_state(trainer.optimizer, state["optimizer"])
    # After the weights, whose zeros are the masks.
    trainer.pruner.load_state_dict(state["pruner"])
    trainer.step = state["step"]
    trainer.tokens = state["tokens"]
    trainer.best = state["best"]
    trainer.evaluated_step = state["evaluated_step"]
    # In a checkpoint that is older than this entry nothing was cut short.
    trainer.shown_step = state.get("shown_step", trainer.step)
    evaluation = state["evaluation"]
    trainer.last_evaluation = None if evaluation is None else Evaluation(**evaluation)
    # What a search found before the first step holds for the whole run.
    trainer.use_batch(Batch(**state["batch"]))
    trainer.sampler.check_place(state["data"])
    assert state["data"] == trainer.data_place(), (state["data"], trainer.data_place())
    trainer.load_extra_state(state["extra"])
    trainer.clock.load_state_dict(state["clock"])
    # What was written before runs could end by time has no such entry, and is by steps.
    trainer.length.load_state_dict(state.get("length", {}))
    trainer.window.load_state_dict(state["window"])
    trainer.window_start_s = state["window_start_s"]
    trainer.step_times.load_state_dict(state["step_times"])
    trainer.optimizer_times.load_state_dict(state["optimizer_times"])
    # Last, because building and loading might draw.
    restore_random_state(state["random"], trainer.device.torch_name)
