"""Mutants of the keep scores, the distributions and the schedules."""

from tests.mutants.mutant import Mutant

SCORES = "lib/pruning/scores"
SCORE_TESTS = "tests/lib/pruning/scores"
DISTRIBUTIONS = "lib/pruning/distributions"
DISTRIBUTION_TESTS = "tests/lib/pruning/distributions"
SCHEDULE = "lib/pruning/schedule.py"
SCHEDULE_TESTS = "tests/lib/pruning/test_schedule.py"

SCORING = (
    Mutant(
        mechanism="scores: eps relative to the tensor's v",
        defect="an absolute eps of 1e-8, far above the v of GPT-2",
        file=f"{SCORES}/ratio.py",
        original="variance + RELATIVE_EPS * finite(variance.mean())",
        replacement="variance + 1e-8",
        test=f"{SCORE_TESTS}/test_invariance.py::test_gradients_times_a_constant_leave_the_masks",
    ),
    Mutant(
        mechanism="scores: no eps in products",
        defect="bitter7 is nearly magnitude",
        file=f"{SCORES}/variance.py",
        original='view.state["exp_avg_sq"].sqrt().sqrt_()',
        replacement='view.state["exp_avg_sq"].add(1e-8).sqrt().sqrt_()',
        test=f"{SCORE_TESTS}/test_moments.py::test_bitter7_needs_v_and_not_only_the_weight",
    ),
    Mutant(
        mechanism="scores: 0/0 is 0",
        defect="0/0 is NaN",
        file=f"{SCORES}/ratio.py",
        original=".masked_fill_(numerator == 0, 0.0)",
        replacement="",
        test=f"{SCORE_TESTS}/test_moments.py::test_zero_over_zero_scores_zero",
    ),
    Mutant(
        mechanism="bitter5: the sign of tz",
        defect="keeps what is driven toward zero",
        file=f"{SCORES}/additive.py",
        original="scale(toward_zero(view)).neg_()",
        replacement="scale(toward_zero(view))",
        test=f"{SCORE_TESTS}/test_scores.py::test_fixture",
    ),
    Mutant(
        mechanism="bitter9: the sign of tz",
        defect="keeps what is driven toward zero",
        file=f"{SCORES}/additive.py",
        original="sub_(scale(toward_zero(view))",
        replacement="add_(scale(toward_zero(view))",
        test=f"{SCORE_TESTS}/test_moments.py::test_bitter5_prunes_what_adam_moves_toward_zero",
    ),
    Mutant(
        mechanism="bitter5 and bitter9: normalised terms",
        defect="normalise does nothing",
        file=f"{SCORES}/additive.py",
        original="return term.div_(square.where(square != 0, square.new_ones(())).sqrt_())",
        replacement="return term",
        test=f"{SCORE_TESTS}/test_moments.py::test_normalised_terms_have_a_root_mean_square_of_one",
    ),
    Mutant(
        mechanism="bitter8: bias correction",
        defect="the moment is used as it is",
        file=f"{SCORES}/momentum.py",
        original="bitter3(view).div_(math.sqrt(1.0 - view.beta1**step))",
        replacement="bitter3(view)",
        test=f"{SCORE_TESTS}/test_moments.py::test_bitter8_ranks_as_bitter3_and_is_corrected",
    ),
    Mutant(
        mechanism="movement: the sign",
        defect="keeps what moves toward zero",
        file=f"{SCORES}/movement.py",
        original="value=-learning_rate",
        replacement="value=learning_rate",
        test=f"{SCORE_TESTS}/test_movement.py::test_known_answer",
    ),
    Mutant(
        mechanism="movement: weighed by the learning rate",
        defect="every step counts the same",
        file=f"{SCORES}/movement.py",
        original="value=-learning_rate",
        replacement="value=-1.0",
        test=f"{SCORE_TESTS}/test_movement.py::test_the_learning_rate_weighs_the_steps",
    ),
    Mutant(
        mechanism="movement: scores are a copy of the memory",
        defect="the engine writes into the memory",
        file=f"{SCORES}/movement.py",
        original="return view.memory.clone()",
        replacement="return view.memory",
        test=f"{SCORE_TESTS}/test_scores.py::test_scoring_changes_nothing_and_gives_the_same_bits_again",
    ),
    Mutant(
        mechanism="movement-displacement: where the weight began",
        defect="the start is the weight itself, and moves with it",
        file=f"{SCORES}/movement.py",
        original="weight.detach().to(torch.float32, copy=True)",
        replacement="weight.detach().to(torch.float32)",
        test=f"{SCORE_TESTS}/test_movement.py::"
        "test_displacement_is_the_product_with_the_way_since_the_start",
    ),
    Mutant(
        mechanism="random: a stream of its own",
        defect="draws from the stream of the training",
        file=f"{SCORES}/chance.py",
        original="generator=generator, ",
        replacement="",
        test=f"{SCORE_TESTS}/test_scores.py::test_no_score_draws_from_the_training_stream",
    ),
    Mutant(
        mechanism="scores: an overflowed second moment is refused",
        defect="every score is 0, and the first weights go",
        file=f"{SCORES}/ratio.py",
        original="return number + (number - number)",
        replacement="return number",
        test=f"{SCORE_TESTS}/test_scores.py::"
        "test_an_overflowed_second_moment_is_refused_and_not_pruned_by_position",
    ),
    Mutant(
        mechanism="scores: NaN and infinity are refused",
        defect="they are ranked",
        file=f"{SCORES}/__init__.py",
        original="if not bool(ends.isfinite().all()):",
        replacement="if False:",
        test=f"{SCORE_TESTS}/test_scores.py::test_scores_that_are_not_finite_are_refused_by_name",
    ),
    Mutant(
        mechanism="quotas: what is pruned stays pruned",
        defect="a tensor beyond its share gets weights back",
        file=f"{DISTRIBUTIONS}/quotas.py",
        original="filled(sizes, pruned, sizes, total)",
        replacement="filled(sizes, [0] * len(sizes), sizes, total)",
        test=f"{DISTRIBUTION_TESTS}/test_quotas.py::"
        "test_a_tensor_beyond_its_share_keeps_it_and_the_others_make_up",
    ),
    Mutant(
        mechanism="quotas: largest remainder first",
        defect="the first tensors get the rest",
        file=f"{DISTRIBUTIONS}/quotas.py",
        original="key=lambda i: quotas[i] - wanted[i]",
        replacement="key=lambda i: 0",
        test=f"{DISTRIBUTION_TESTS}/test_quotas.py::"
        "test_the_largest_remainder_gets_the_rest_and_ties_go_to_the_first",
    ),
    Mutant(
        mechanism="quotas: the sum is the total",
        defect="every share is rounded down",
        file=f"{DISTRIBUTIONS}/quotas.py",
        original="        quotas[position] += 1\n",
        replacement="        pass\n",
        test=f"{DISTRIBUTION_TESTS}/test_distributions.py::"
        "test_quotas_are_possible_monotone_and_exact",
    ),
    Mutant(
        mechanism="depth: the cap",
        defect="late blocks lose more than 95 %",
        file=f"{DISTRIBUTIONS}/depth.py",
        original="CAP = Fraction(95, 100)",
        replacement="CAP = Fraction(1)",
        test=f"{DISTRIBUTION_TESTS}/test_distributions.py::"
        "test_depth_solves_c_again_where_late_blocks_are_capped",
    ),
    Mutant(
        mechanism="depth: the ramp over the blocks",
        defect="every block at the average",
        file=f"{DISTRIBUTIONS}/depth.py",
        original="FIRST + RISE * Fraction(depth, last)",
        replacement="Fraction(1)",
        test=f"{DISTRIBUTION_TESTS}/test_distributions.py::test_depth_known_answer_at_a_half",
    ),
    Mutant(
        mechanism="erk: density by the kernel of the shape",
        defect="density in proportion to the size",
        file=f"{DISTRIBUTIONS}/erk.py",
        original="place.units * sum(place.shape), math.prod(place.shape)",
        replacement="place.units",
        test=f"{DISTRIBUTION_TESTS}/test_distributions.py::test_erk_known_answers",
    ),
    Mutant(
        mechanism="schedule: zhu-gupta prunes early",
        defect="p^3, its mirror image",
        file=SCHEDULE,
        original="return 1.0 - (1.0 - progress) ** 3",
        replacement="return progress**3",
        test=f"{SCHEDULE_TESTS}::test_zhu_gupta_prunes_early_and_late_cubic_is_its_mirror_image",
    ),
    Mutant(
        mechanism="schedule: masks are frozen after the ramp",
        defect="events go on to the end of the run",
        file=SCHEDULE,
        original="if not self.begin <= step <= self.end:",
        replacement="if not self.begin <= step:",
        test=f"{SCHEDULE_TESTS}::test_events_follow_the_frequency_and_end_on_the_end",
    ),
    Mutant(
        mechanism="schedule: the end of the ramp is an event",
        defect="the last event is where the frequency puts it",
        file=SCHEDULE,
        original="return step == self.end or ",
        replacement="return ",
        test=f"{SCHEDULE_TESTS}::test_events_follow_the_frequency_and_end_on_the_end",
    ),
    Mutant(
        mechanism="schedule: frequency",
        defect="an event at every step of the ramp",
        file=SCHEDULE,
        original="(step - self.begin) % self.frequency == 0",
        replacement="True",
        test=f"{SCHEDULE_TESTS}::test_events_follow_the_frequency_and_end_on_the_end",
    ),
    Mutant(
        mechanism="schedule: one-shot is one event",
        defect="a ramp to the configured end",
        file=SCHEDULE,
        original="return max(begin, 1), max(begin, 1)",
        replacement="return max(begin, 1), end",
        test=f"{SCHEDULE_TESTS}::test_one_shot_and_constant_have_one_event",
    ),
    Mutant(
        mechanism="schedule: constant acts from step 1",
        defect="it acts where the ramp would begin",
        file=SCHEDULE,
        original="return 1, 1",
        replacement="return begin, begin",
        test=f"{SCHEDULE_TESTS}::test_one_shot_and_constant_have_one_event",
    ),
)
