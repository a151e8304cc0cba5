"""Mutants of saving, stopping and going on."""

from tests.mutants.mutant import Mutant

STATE = "gpt2/trainers/state.py"
SAVING = "gpt2/trainers/saving.py"
LOOP = "gpt2/trainers/base.py"
RESUME_TESTS = "tests/gpt2/trainers/test_resume.py"
ANYWHERE = f"{RESUME_TESTS}::test_wherever_it_is_stopped"


def forgotten(what: str, line: str, replacement: str = "", test: str = ANYWHERE) -> Mutant:
    return Mutant(
        mechanism=f"resume: {what}",
        defect="is not taken up",
        file=STATE,
        original=line,
        replacement=replacement,
        test=test,
    )


RESUMING = (
    forgotten("weights", '    trainer.model.load_state_dict(state["model"])\n'),
    forgotten(
        "state of the optimizer",
        '    load_optimizer_state(trainer.optimizer, state["optimizer"])\n',
    ),
    forgotten(
        "random streams",
        '    restore_random_state(state["random"], trainer.device.torch_name)\n',
        test=f"{RESUME_TESTS}::test_everything_that_is_saved_is_taken_up",
    ),
    forgotten("sums since the last line", '    trainer.window.load_state_dict(state["window"])\n'),
    forgotten(
        "memory of the pruner's score",
        '    trainer.pruner.load_state_dict(state["pruner"])\n',
        test=f"{RESUME_TESTS}::test_every_pruning_method",
    ),
    forgotten(
        "best evaluation so far",
        '    trainer.best = state["best"]\n',
        test=f"{RESUME_TESTS}::test_everything_that_is_saved_is_taken_up",
    ),
    Mutant(
        mechanism="a stop cuts an evaluation short",
        defect="the evaluation counts as done",
        file=LOOP,
        original="        if result is None or compared is None:\n            return\n",
        replacement="        if result is None or compared is None:\n"
        "            self.evaluated_step = self.step\n            return\n",
        test=f"{RESUME_TESTS}::test_in_the_middle_of_an_evaluation",
    ),
    Mutant(
        mechanism="a checkpoint of another run is refused",
        defect="it is continued",
        file="gpt2/trainers/resume.py",
        original="store.newest_whole(trainer.identity.check, say)",
        replacement="store.newest_whole(lambda state: None, say)",
        test=f"{RESUME_TESTS}::test_a_checkpoint_of_another_run_is_refused_with_the_difference",
    ),
    Mutant(
        mechanism="signals wait for the end of the step",
        defect="they interrupt it",
        file="lib/signals.py",
        original="        self._is_deferred = True\n",
        replacement="        self._is_deferred = False\n",
        test="tests/lib/test_signals.py::test_deferred_it_is_only_noted",
    ),
    Mutant(
        mechanism="a second Ctrl+C leaves at once",
        defect="it is only noted",
        file="lib/signals.py",
        original="if is_first or came != signal.SIGINT:",
        replacement="if True:",
        test="tests/lib/test_signals.py::"
        "test_a_second_interrupt_leaves_at_once_and_a_second_terminate_does_not",
    ),
    Mutant(
        mechanism="a bad step on a GPU: the first is named",
        defect="the last is",
        file="gpt2/trainers/finite.py",
        original="self._step + 1 - int(self._bad_steps.item())",
        replacement="self._step",
        test="tests/gpt2/trainers/test_finite.py::"
        "test_deferred_the_first_bad_step_is_named_whatever_came_after",
    ),
    Mutant(
        mechanism="a bad step on a GPU: the optimizer leaves it out",
        defect="it updates",
        file="lib/optimizers/skipping.py",
        original="    optimizer.found_inf = is_bad\n",
        replacement="",
        test="tests/gpt2/trainers/test_finite.py::"
        "test_the_optimizer_updates_nothing_from_the_bad_step_on",
    ),
    Mutant(
        mechanism="what was read ahead is forgotten after a jump",
        defect="the next batch is handed out, whichever was asked for",
        file="gpt2/datasets/loader.py",
        original="if not self._coming or self._coming[0][0] != index:",
        replacement="if not self._coming:",
        test="tests/gpt2/datasets/test_loader.py::test_batches_are_the_sampler_s",
    ),
)
