"""Mutants of the pruning engine: gating, events, selection, patterns, storage, resume."""

from tests.mutants.mutant import Mutant

SELECT = "lib/pruning/select.py"
ENGINE = "lib/pruning/gradual.py"
STORAGE = "lib/pruning/storage.py"
PATTERN = "lib/pruning/pattern.py"
DUE = "lib/pruning/due.py"
TESTS = "tests/lib/pruning"

PRUNING = (
    Mutant(
        mechanism="gate: gradients of pruned weights are zeroed",
        defect="they are left alone",
        file=ENGINE,
        original="        if self.is_gating:\n            for tensor in self.tensors:\n"
        "                if tensor.weight.grad",
        replacement="        if False:\n            for tensor in self.tensors:\n"
        "                if tensor.weight.grad",
        test=f"{TESTS}/test_pruner.py::test_gradients_are_gated_at_every_step_before_any_norm",
    ),
    Mutant(
        mechanism="gate: not before the first event",
        defect="a zero-initialised tensor never trains",
        file=ENGINE,
        original="        self.is_gating = False\n",
        replacement="        self.is_gating = True\n",
        test=f"{TESTS}/test_pruner.py::test_nothing_is_gated_before_the_first_event",
    ),
    Mutant(
        mechanism="gate: a select, not a product",
        defect="NaN times 0 stays NaN",
        file=STORAGE,
        original="torch.ops.aten.hardshrink_backward.grad_input"
        "(other, self.weight, 0.0, grad_input=other)",
        replacement="other.mul_(self.weight != 0)",
        test=f"{TESTS}/test_storage.py::test_clear_selects_and_does_not_multiply",
    ),
    Mutant(
        mechanism="gate: before the score's memory",
        defect="the memory takes in gradients of pruned weights",
        file=ENGINE,
        original="        if self.is_gating:\n            for tensor in self.tensors:\n"
        "                if tensor.weight.grad",
        replacement="        self.memories.observe()\n        if self.is_gating:\n"
        "            for tensor in self.tensors:\n                if tensor.weight.grad",
        test=f"{TESTS}/test_memories.py::test_gating_comes_before_the_memory",
    ),
    Mutant(
        mechanism="events: moments of pruned weights are zeroed",
        defect="momentum carries them off zero",
        file=ENGINE,
        original="if isinstance(value, Tensor) and value.shape == tensor.weight.shape:",
        replacement="if False:",
        test=f"{TESTS}/test_pruner.py::"
        "test_weights_and_all_moments_of_pruned_coordinates_are_zeroed",
    ),
    Mutant(
        mechanism="events: only live weights are ranked",
        defect="pruned ones compete, at score 0",
        file=PATTERN,
        original="return scores.masked_fill_(pruned, EXCLUDED)",
        replacement="return scores",
        test=f"{TESTS}/test_pruner.py::test_exact_and_monotone_at_every_event_then_frozen",
    ),
    Mutant(
        mechanism="events: a sparser model stays as it is",
        defect="the quota falls below what is pruned",
        file=ENGINE,
        original="total = max(scheduled, sum(units))",
        replacement="total = scheduled",
        test=f"{TESTS}/test_pruner_edges.py::test_an_already_sparse_model_starts_from_its_zeros",
    ),
    Mutant(
        mechanism="events: they wait after a reset of the moments",
        defect="they prune by noise",
        file=DUE,
        original="return since < min(RECOVERY_STEPS, interval // 2)",
        replacement="return False",
        test=f"{TESTS}/test_due.py::test_events_wait_fifty_steps_after_a_reset",
    ),
    Mutant(
        mechanism="events: scores without moments do not wait",
        defect="every score waits",
        file=DUE,
        original="if not self.reads_moments or self",
        replacement="if self",
        test=f"{TESTS}/test_due.py::test_scores_without_moments_never_wait",
    ),
    Mutant(
        mechanism="events: the last step of the run waits for nothing",
        defect="a run may end above its target",
        file=DUE,
        original=" or self.schedule.is_last(step)",
        replacement="",
        test=f"{TESTS}/test_due.py::test_the_last_step_of_the_run_waits_for_nothing",
    ),
    Mutant(
        mechanism="exact k: the second pass of the threshold",
        defect="the threshold is the lower edge of a histogram bin",
        file=SELECT,
        original="value = score_of(coarse_bin, fine_bin)",
        replacement="value = score_of(coarse_bin, 0)",
        test=f"{TESTS}/test_select.py::test_equals_kthvalue_and_argsort",
    ),
    Mutant(
        mechanism="exact k: only scores below the threshold go unseen",
        defect="those equal to it go too, as many as there are",
        file=SELECT,
        original="torch.lt(part, value, out=out)",
        replacement="torch.le(part, value, out=out)",
        test=f"{TESTS}/test_select.py::test_equals_kthvalue_and_argsort",
    ),
    Mutant(
        mechanism="ties: exactly as many as are needed",
        defect="every score equal to the threshold goes",
        file=SELECT,
        original="if found > ties - taken:",
        replacement="if False:",
        test=f"{TESTS}/test_select.py::test_ties_go_to_the_lowest_tensor_then_the_lowest_index",
    ),
    Mutant(
        mechanism="ties: the lowest index first",
        defect="the highest index first",
        file=SELECT,
        original="equal &= equal.cumsum(0) <= ties - taken",
        replacement="equal &= equal.flip(0).cumsum(0).flip(0) <= ties - taken",
        test=f"{TESTS}/test_select.py::test_ties_go_to_the_lowest_tensor_then_the_lowest_index",
    ),
    Mutant(
        mechanism="-0.0 and 0.0 are one score",
        defect="-0.0 is below 0.0",
        file=SELECT,
        original="(scores + 0.0).view(torch.int32)",
        replacement="scores.clone().view(torch.int32)",
        test=f"{TESTS}/test_select.py::test_equals_a_stable_argsort",
    ),
    Mutant(
        mechanism="N:M: the best of a group stay",
        defect="the worst stay",
        file=PATTERN,
        original="return rank < self.m - self.n",
        replacement="return rank >= self.n",
        test=f"{TESTS}/test_pattern.py::test_fully_converted_every_group_keeps_its_best",
    ),
    Mutant(
        mechanism="N:M: groups lie along the inputs of an output",
        defect="they lie across the outputs",
        file=PATTERN,
        original="return inside.reshape(-1, self.m).T.contiguous()",
        replacement="return inside.reshape(self.m, -1).contiguous()",
        test=f"{TESTS}/test_pattern.py::test_groups_lie_along_the_inputs_of_one_output",
    ),
    Mutant(
        mechanism="N:M: weights that are gone count as lost",
        defect="a group loses more than M - N",
        file=PATTERN,
        original="ranked = values.masked_fill(gone, -EXCLUDED)",
        replacement="ranked = values",
        test=f"{TESTS}/test_pattern.py::test_equals_the_reference",
    ),
    Mutant(
        mechanism="storage: a tensor of zeros gets a mask",
        defect="its zeros count as pruned, and it never trains",
        file=STORAGE,
        original="if is_all_zero:",
        replacement="if False:",
        test=f"{TESTS}/test_storage.py::test_a_tensor_that_is_all_zero_can_still_train",
    ),
    Mutant(
        mechanism="storage: 16-bit tensors get a mask",
        defect="a live weight that rounds to zero is lost",
        file=STORAGE,
        original="LOW_PRECISION = (torch.bfloat16, torch.float16)",
        replacement="LOW_PRECISION = ()",
        test=f"{TESTS}/test_storage.py::test_sixteen_bit_weights_that_land_on_zero_stay_alive",
    ),
    Mutant(
        mechanism="outcome: a missed target is a failed run",
        defect="it is done",
        file="lib/pruning/protocol.py",
        original="if abs(report.pruned_total - wanted) > len(report.sizes):",
        replacement="if False:",
        test=f"{TESTS}/test_pruner_edges.py::test_the_outcome_is_judged_by_the_weights",
    ),
    Mutant(
        mechanism="outcome: a dead tensor is a failed run",
        defect="it is done",
        file="lib/pruning/protocol.py",
        original="if size and report.pruned[name] == size:",
        replacement="if False:",
        test=f"{TESTS}/test_pruner_edges.py::test_the_outcome_is_judged_by_the_weights",
    ),
    Mutant(
        mechanism="resume: masks persist",
        defect="nothing is gated until the next event",
        file=ENGINE,
        original="for name, count in self.report().pruned.items():",
        replacement="loaded, self.is_gating = self.report().pruned, False\n"
        "        for name, count in loaded.items():",
        test=f"{TESTS}/test_pruner_resume.py::test_resumed_in_the_middle_it_continues_bit_equal",
    ),
    Mutant(
        mechanism="resume: explicit masks come back",
        defect="only the zeros are known",
        file=ENGINE,
        original="for name, count in self.report().pruned.items():",
        replacement="loaded = self.report().pruned\n"
        "        for tensor in self.tensors: tensor.mask = None\n"
        "        for name, count in loaded.items():",
        test=f"{TESTS}/test_pruner_resume.py::test_explicit_masks_come_back_and_are_copies",
    ),
    Mutant(
        mechanism="resume: a loaded mask is a copy",
        defect="two runs write into one mask",
        file=ENGINE,
        original="mask.to(tensor.weight.device, copy=True)",
        replacement="mask",
        test=f"{TESTS}/test_pruner_resume.py::test_explicit_masks_come_back_and_are_copies",
    ),
    Mutant(
        mechanism="resume: a saved mask is a copy",
        defect="it moves on with the run",
        file=ENGINE,
        original="t.mask.clone() for t",
        replacement="t.mask for t",
        test=f"{TESTS}/test_pruner_resume.py::test_the_saved_mask_does_not_move_with_the_run",
    ),
    Mutant(
        mechanism="resume: the waiting event",
        defect="it is forgotten",
        file=ENGINE,
        original='self.due.pending = state["pending"]',
        replacement="pass",
        test=f"{TESTS}/test_due.py::test_the_waiting_event_survives_a_resume",
    ),
    Mutant(
        mechanism="resume: the memory of a score",
        defect="it starts again",
        file=ENGINE,
        original='self.memories.load_state_dict(state["memories"])',
        replacement="pass",
        test=f"{TESTS}/test_memories.py::test_resumed_in_the_middle_it_continues_bit_equal",
    ),
)
