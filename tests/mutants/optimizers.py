"""Mutants of the other optimizers."""

from tests.mutants.mutant import Mutant

ROOM = "lib/optimizers"
TESTS = "tests/lib/optimizers"
STABLE = f"{ROOM}/stable_spam.py"
STABLE_TESTS = f"{TESTS}/test_stable_spam.py"

OPTIMIZERS = (
    Mutant(
        mechanism="groups: a learning-rate factor acts",
        defect="every group gets the schedule's value",
        file=f"{ROOM}/__init__.py",
        original='learning_rate * group["learning_rate_factor"]',
        replacement="learning_rate",
        test=f"{TESTS}/test_sgd.py::test_the_schedule_s_value_is_multiplied_by_the_factor",
    ),
    Mutant(
        mechanism="fused kernels: contiguous weights only",
        defect="a transposed weight is trained with the wrong gradients",
        file=f"{ROOM}/kernels.py",
        original=" and parameter.is_contiguous()",
        replacement="",
        test=f"{TESTS}/test_adamw.py::test_a_transposed_weight_is_trained_with_its_own_gradients",
    ),
    Mutant(
        mechanism="AdamWAdv: AMSGrad",
        defect="plain AdamW",
        file=f"{ROOM}/adamwadv.py",
        original="amsgrad=True",
        replacement="amsgrad=False",
        test=f"{TESTS}/test_adamwadv.py::test_the_largest_second_moment_is_remembered",
    ),
    Mutant(
        mechanism="Adam: coupled decay",
        defect="decay goes past the moments, as in AdamW",
        file=f"{ROOM}/adam.py",
        original="return torch.optim.Adam(",
        replacement="return torch.optim.AdamW(",
        test=f"{TESTS}/test_adam.py::test_decay_is_coupled_and_on_matrices_only",
    ),
    Mutant(
        mechanism="AdamWPrune: the base that is named",
        defect="always AdamW",
        file=f"{ROOM}/__init__.py",
        original="base = _entry(settings[entry.base_symbol])",
        replacement='base = _entry("adamw")',
        test=f"{TESTS}/test_adamwprune.py::test_is_its_base_bit_for_bit_and_owns_nothing",
    ),
    Mutant(
        mechanism="Muon: orthogonalised momentum",
        defect="the momentum itself, scaled to one norm",
        file=f"{ROOM}/muon.py",
        original="for _ in range(iterations):",
        replacement="for _ in range(0):",
        test=f"{TESTS}/test_muon.py::test_the_singular_values_are_near_one",
    ),
    Mutant(
        mechanism="Muon: only for the matrices of blocks",
        defect="the embedding is orthogonalised too",
        file=f"{ROOM}/muon.py",
        original="if name.startswith(BLOCK_PREFIX) and p.ndim == 2",
        replacement="if p.ndim == 2",
        test=f"{TESTS}/test_muon.py::"
        "test_embedding_and_tied_head_go_to_adamw_and_hidden_matrices_keep_one_buffer",
    ),
    Mutant(
        mechanism="Muon: updates of the size of AdamW's",
        defect="the size depends on the shape",
        file=f"{ROOM}/muon.py",
        original=" * math.sqrt(max(rows, columns))",
        replacement="",
        test=f"{TESTS}/test_muon.py::test_the_update_has_the_size_of_adamw_s",
    ),
    Mutant(
        mechanism="Stable-SPAM: AdaClip",
        defect="no element is ever clipped",
        file=STABLE,
        original="exceeds = piece.abs() > limit.to(gradient.dtype)",
        replacement="exceeds = piece.abs() > torch.inf",
        test=f"{STABLE_TESTS}::"
        "test_a_spike_is_clipped_and_the_norm_that_comes_back_is_the_true_one",
    ),
    Mutant(
        mechanism="Stable-SPAM: AdaGN",
        defect="gradients keep their norm",
        file=STABLE,
        original="gradient.mul_(torch.where(norm > 0, wanted / norm, 1.0).to(gradient.dtype))",
        replacement="pass",
        test=f"{STABLE_TESTS}::test_equals_the_plain_loop_across_resets",
    ),
    Mutant(
        mechanism="Stable-SPAM: MoRet",
        defect="the moments are never reset",
        file=STABLE,
        original="self._resets += self._reset_if_due(step)",
        replacement="pass",
        test=f"{STABLE_TESTS}::test_equals_the_plain_loop_across_resets",
    ),
    Mutant(
        mechanism="Stable-SPAM: a reset leaves the statistics' counters",
        defect="one counter for all, so that the limit jumps a thousandfold",
        file=STABLE,
        original="self._resets += self._reset_if_due(step)",
        replacement="if self._reset_if_due(step): self.statistics[1::2] = 0.0",
        test=f"{STABLE_TESTS}::"
        "test_known_answer_the_limit_of_a_constant_gradient_is_that_constant_throughout",
    ),
    Mutant(
        mechanism="Stable-SPAM resume: the statistics",
        defect="they start again",
        file=STABLE,
        original='self.statistics.copy_(extra["statistics"])',
        replacement="pass",
        test=f"{STABLE_TESTS}::test_continues_bit_equal",
    ),
)
