"""Mutants of the training loop: the order of a step, spikes on purpose, budgets."""

from tests.mutants.mutant import Mutant

LOOP = "gpt2/trainers/step.py"
LOOP_TESTS = "tests/gpt2/trainers/test_base.py"
BUDGET = "gpt2/budget.py"
BUDGET_TESTS = "tests/gpt2/test_budget.py"

NORM = """\
        norm = total_norm(
            [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        )
"""

TRAINING = (
    Mutant(
        mechanism="step: the gate before the norm",
        defect="the norm sees gradients of pruned weights",
        file=LOOP,
        original=f"        self.pruner.gate_gradients()\n{NORM}",
        replacement=f"{NORM}        self.pruner.gate_gradients()\n",
        test=f"{LOOP_TESTS}::test_the_order_of_a_step",
    ),
    Mutant(
        mechanism="dropout: a mask by its place in the run",
        defect="by what was drawn before",
        file=LOOP,
        original="            self.generator.manual_seed(",
        replacement="            id(",
        test=f"{LOOP_TESTS}::test_a_dropout_mask_depends_on_its_place_in_the_run_alone",
    ),
    Mutant(
        mechanism="dropout: masks of its own for every micro-batch",
        defect="those of the first micro-batch of the step",
        file=LOOP,
        original='f"{step}.{micro_step}"',
        replacement='f"{step}.0"',
        test=f"{LOOP_TESTS}::test_every_micro_batch_has_masks_of_its_own",
    ),
    Mutant(
        mechanism="norm: in pieces, summed in float64",
        defect="one float32 sum a tensor, 0.27 % off for GPT-2's embedding",
        file="lib/norms.py",
        original='    if tensors[0].device.type != "cpu":\n',
        replacement="    if True:\n",
        test="tests/lib/test_norms.py::test_a_large_tensor_has_its_norm_however_it_is_cut",
    ),
    Mutant(
        mechanism="norm: squares added in float64",
        defect="in float32, which overflows",
        file="lib/norms.py",
        original="norms.double().square()",
        replacement="norms.square()",
        test="tests/lib/test_norms.py::test_the_squares_of_large_gradients_do_not_overflow",
    ),
    Mutant(
        mechanism="random streams: of the used GPU alone",
        defect="a GPU's stream is not taken up",
        file="lib/random_state.py",
        original="        device_generator(device).set_state(saved)\n",
        replacement="        pass\n",
        test="tests/lib/test_random_state.py::test_of_the_gpus_only_the_used_one_counts",
    ),
    Mutant(
        mechanism="shared machine: runs on two GPUs are not",
        defect="any overlap on a host counts",
        file="scripts/report/comparable.py",
        original='of_host.setdefault(find(attempt, "gpu") or "", [])',
        replacement='of_host.setdefault("", [])',
        test="tests/scripts/report/test_scoreboard.py::"
        "test_runs_on_two_gpus_do_not_share_the_machine",
    ),
    Mutant(
        mechanism="step: conditioning before the clip",
        defect="the clip scales everything down for one spike",
        file=LOOP,
        original="conditioned = condition_gradients(self.optimizer, norm)",
        replacement="conditioned = norm",
        test=f"{LOOP_TESTS}::test_the_order_of_a_step",
    ),
    Mutant(
        mechanism="step: the clip by the conditioned norm",
        defect="by the norm before, so that a clipped spike still stops the step",
        file=LOOP,
        original="clip_grads_with_norm_(self.parameters, limit, conditioned)",
        replacement="clip_grads_with_norm_(self.parameters, limit, norm)",
        test=f"{LOOP_TESTS}::test_the_clip_sees_the_conditioned_norm_and_the_log_the_one_before",
    ),
    Mutant(
        mechanism="step: a loss that is not finite ends the run before the update",
        defect="NaN reaches the weights",
        file="gpt2/trainers/finite.py",
        original="if not (loss + norm).isfinite().item():",
        replacement="if False:",
        test=f"{LOOP_TESTS}::test_a_loss_that_is_not_finite_ends_the_run_before_the_step",
    ),
    Mutant(
        mechanism="spike injection",
        defect="the gradient is left alone",
        file=LOOP,
        original="(loss * factor if is_spike else loss).backward()",
        replacement="loss.backward()",
        test="tests/gpt2/trainers/test_spikes.py::"
        "test_the_gradient_is_scaled_and_the_loss_stays_the_true_one",
    ),
    Mutant(
        mechanism="spike injection: the first micro-batch only",
        defect="all of the step",
        file=LOOP,
        original="factor is not None and micro_step == 0",
        replacement="factor is not None",
        test="tests/gpt2/trainers/test_spikes.py::test_only_the_first_micro_batch_is_scaled",
    ),
    Mutant(
        mechanism="extra budget: more steps",
        defect="the option does nothing",
        file=BUDGET,
        original='return extended(steps, config["EXTRA_ITERATIONS_PCT"])',
        replacement="return steps",
        test=f"{BUDGET_TESTS}::test_extra_steps_lengthen_the_run_and_nothing_else",
    ),
    Mutant(
        mechanism="extra budget: larger batches",
        defect="the option does nothing",
        file=BUDGET,
        original='return extended(config["BATCH_SIZE"], config["EXTRA_BATCH_PCT"])',
        replacement='return config["BATCH_SIZE"]',
        test=f"{BUDGET_TESTS}::test_an_extra_batch_enlarges_each_step_and_leaves_their_number",
    ),
    Mutant(
        mechanism="extra budget: a dense and a magnitude arm beside it",
        defect="the arm stands alone",
        file="scripts/matrix/extra_budget.py",
        original="(*_companions(own, members, kind), *members)",
        replacement="members",
        test="tests/scripts/matrix/test_extra_budget.py::"
        "test_more_steps_for_the_variants_that_had_them_and_for_what_they_stand_beside",
    ),
    Mutant(
        mechanism="best: by the same windows throughout",
        defect="the last evaluation, of the whole split, competes with those of a sample",
        file="gpt2/trainers/base.py",
        original="if is_last and self.best is not None and not",
        replacement="if False and not",
        test=f"{LOOP_TESTS}::test_the_best_step_is_chosen_by_the_same_windows_throughout",
    ),
)
