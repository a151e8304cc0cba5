"""Mutants of AdamWSPAM and of what it shares with Stable-SPAM."""

from tests.mutants.mutant import Mutant

CONDITIONED = "lib/optimizers/conditioned.py"
OPTIMIZER = "lib/optimizers/spam/optimizer.py"
CLIP = "lib/optimizers/spam/clip.py"
DETECTOR = "lib/optimizers/spam/detector.py"
SETTINGS = "lib/optimizers/spam/settings.py"
TESTS = "tests/lib/optimizers/spam"

PUBLISHED = f"{TESTS}/test_published.py::test_it_is_the_authors_step_over_three_resets"

SPAM = (
    Mutant(
        mechanism="SPAM as published: epsilon before the bias correction",
        defect="after it",
        file=OPTIMIZER,
        original='return group["eps"] / math.sqrt(1 - group["betas"][1] ** updates)',
        replacement='return group["eps"]',
        test=PUBLISHED,
    ),
    Mutant(
        mechanism="SPAM as published: a warm-up from the floor itself",
        defect="a step ahead of it",
        file=SETTINGS,
        original="position = k if from_floor else k + 1",
        replacement="position = k + 1",
        test=PUBLISHED,
    ),
    Mutant(
        mechanism="SPAM as published: a clip from step 20 on",
        defect="from step 21 on",
        file=OPTIMIZER,
        original='grace = group["grace"] - (group["as_published"] and is_first_window)',
        replacement='grace = group["grace"]',
        test=PUBLISHED,
    ),
    Mutant(
        mechanism="SPAM as published: epsilon by the updates of each parameter",
        defect="by those of the optimizer",
        file=OPTIMIZER,
        original='updates = state["updates" if group["bias_reset"] else "all_updates"] + 1',
        replacement="updates = self._steps + 1",
        test=f"{TESTS}/test_published.py::test_epsilon_counts_the_updates_of_each_parameter",
    ),
    Mutant(
        mechanism="SPAM: spike clip",
        defect="no element is ever clipped",
        file=OPTIMIZER,
        original='if parameter.grad is None or math.isinf(group["theta"]):',
        replacement="if True:",
        test=f"{TESTS}/test_known_answers.py::test_second_moment_after_a_spike_at_step_51",
    ),
    Mutant(
        mechanism="SPAM: grace window",
        defect="the clip begins at the first update",
        file=OPTIMIZER,
        original="if updates < grace:",
        replacement="if False:",
        test=f"{TESTS}/test_requirements.py::"
        "test_r1_grace_counts_from_the_start_and_from_each_reset",
    ),
    Mutant(
        mechanism="SPAM: a grace window after each reset",
        defect="only the start has one",
        file=CONDITIONED,
        original='                state["updates"] = 0\n',
        replacement="                pass\n",
        test=f"{TESTS}/test_requirements.py::"
        "test_r1_grace_counts_from_the_start_and_from_each_reset",
    ),
    Mutant(
        mechanism="SPAM: clip against the corrected second moment",
        defect="against v as it is, too small for hundreds of steps",
        file=OPTIMIZER,
        original='is_corrected = group["corrected_reference"] and updates > 0',
        replacement="is_corrected = False",
        test=f"{TESTS}/test_known_answers.py::test_the_corrected_reference_clips_at_the_spike_only",
    ),
    Mutant(
        mechanism="SPAM: no limit where v is 0 (processor)",
        defect="a first gradient is clipped to 0, and the element never trains",
        file=CLIP,
        original="        torch.threshold_(limit, 0.0, torch.inf)\n        limit.sqrt_()",
        replacement="        limit.sqrt_()",
        test=f"{TESTS}/test_requirements.py::test_r2_a_row_first_seen_late_trains",
    ),
    Mutant(
        mechanism="SPAM: no limit where v is 0 (accelerator)",
        defect="a first gradient is clipped to 0, and the element never trains",
        file=CLIP,
        original="            torch.threshold_(limit, 0.0, torch.inf)\n        torch._foreach_sqr",
        replacement="            pass\n        torch._foreach_sqr",
        test=f"{TESTS}/test_clip.py::test_no_second_moment_is_no_limit",
    ),
    Mutant(
        mechanism="SPAM: a reset zeroes the moments",
        defect="m and v are kept",
        file=CONDITIONED,
        original='(*moments(group), *(("step",)',
        replacement='(*moments(group)[2:], *(("step",)',
        test=f"{TESTS}/test_requirements.py::"
        "test_r3_a_reset_zeroes_every_moment_and_by_config_the_bias_step",
    ),
    Mutant(
        mechanism="SPAM: a reset zeroes AMSGrad's maximum",
        defect="the maximum is kept and cancels half the reset",
        file=CONDITIONED,
        original='(*moments(group), *(("step",)',
        replacement='(*moments(group)[:2], *(("step",)',
        test=f"{TESTS}/test_known_answers.py::test_trajectory_across_two_resets",
    ),
    Mutant(
        mechanism="SPAM: a reset restarts the bias correction",
        defect="it counts on, and updates are three times too large",
        file=CONDITIONED,
        original='if group["bias_reset"] else ()',
        replacement="if False else ()",
        test=f"{TESTS}/test_known_answers.py::test_trajectory_across_two_resets",
    ),
    Mutant(
        mechanism="SPAM: the bias correction may go on",
        defect="it always restarts",
        file=CONDITIONED,
        original='if group["bias_reset"] else ()',
        replacement="if True else ()",
        test=f"{TESTS}/test_known_answers.py::test_trajectory_across_two_resets",
    ),
    Mutant(
        mechanism="SPAM: one step counter",
        defect="it advances twice a step, and resets come twice as often",
        file=CONDITIONED,
        original="self._steps += 1",
        replacement="self._steps += 2",
        test=f"{TESTS}/test_known_answers.py::"
        "test_resets_come_every_interval_and_the_rate_of_the_groups_is_never_written",
    ),
    Mutant(
        mechanism="SPAM: re-warm-up",
        defect="full steps right after a reset",
        file=SETTINGS,
        original="if k is None or k >= warmup_steps:",
        replacement="if True:",
        test=f"{TESTS}/test_known_answers.py::test_trajectory_across_two_resets",
    ),
    Mutant(
        mechanism="SPAM: the re-warm-up is not written into the group",
        defect="the group's learning rate is multiplied in place",
        file=CONDITIONED,
        original="learning_rate, decay = learning_rate * scale, decay / scale",
        replacement='group["lr"] = learning_rate = learning_rate * scale; decay = decay / scale',
        test=f"{TESTS}/test_known_answers.py::"
        "test_resets_come_every_interval_and_the_rate_of_the_groups_is_never_written",
    ),
    Mutant(
        mechanism="SPAM: decay is not scaled by the re-warm-up",
        defect="hardly any decay after a reset",
        file=CONDITIONED,
        original="learning_rate * scale, decay / scale",
        replacement="learning_rate * scale, decay",
        test=f"{TESTS}/test_known_answers.py::test_decay_across_resets_is_not_scaled",
    ),
    Mutant(
        mechanism="SPAM: a spike of the norm damps the moments",
        defect="it is counted and nothing else",
        file=OPTIMIZER,
        original="for name, factor in DAMPING.items():",
        replacement="for name, factor in ():",
        test=f"{TESTS}/test_detector.py::"
        "test_a_spike_halves_the_first_moment_and_takes_a_tenth_of_the_second",
    ),
    Mutant(
        mechanism="SPAM: the history of norms is winsorised",
        defect="a spike enters as it is and hides the next",
        file=DETECTOR,
        original="value = torch.minimum(value, limit)",
        replacement="pass",
        test=f"{TESTS}/test_detector.py::test_history_is_winsorised",
    ),
    Mutant(
        mechanism="SPAM: the history of norms forgets",
        defect="its first hundred norms are kept for ever",
        file=DETECTOR,
        original="self._ring[self._pushes % HISTORY] = value",
        replacement="self._ring[min(self._pushes, HISTORY - 1)] = value",
        test=f"{TESTS}/test_detector.py::test_history_is_the_last_hundred",
    ),
    Mutant(
        mechanism="SPAM: density below 1",
        defect="every element of the gradient passes",
        file=OPTIMIZER,
        original='if group["density"] < 1 and parameter.grad',
        replacement="if False and parameter.grad",
        test=f"{TESTS}/test_density.py::test_r10_the_share_of_block_matrices_that_moves",
    ),
    Mutant(
        mechanism="SPAM: decay reaches weights outside the density mask",
        defect="groups with a mask do not decay",
        file=CONDITIONED,
        original="weight_decay=decay,",
        replacement='weight_decay=0.0 if group["density"] < 1 else decay,',
        test=f"{TESTS}/test_density.py::test_r10_decay_reaches_what_the_mask_leaves_out",
    ),
    Mutant(
        mechanism="SPAM: the density mask has a stream of its own",
        defect="it draws from the stream of the training",
        file="lib/optimizers/spam/density.py",
        original="empty.bernoulli_(density, generator=generator)",
        replacement="empty.bernoulli_(density)",
        test=f"{TESTS}/test_density.py::test_r10_masks_draw_from_no_shared_stream",
    ),
    Mutant(
        mechanism="SPAM: a step alone conditions its gradients",
        defect="only a trainer that knows of it gets the clip",
        file=CONDITIONED,
        original="            self.condition_gradients(self._norm())\n",
        replacement="            for parameter in self._with_gradient():\n"
        "                self._prepare(parameter)\n",
        test=f"{TESTS}/test_resume.py::test_a_step_conditions_by_itself_and_only_once",
    ),
    Mutant(
        mechanism="SPAM resume: the step counter",
        defect="it starts again at 0",
        file=CONDITIONED,
        original='self._steps = state_dict["conditioning"]["steps"]',
        replacement="self._steps = 0",
        test=f"{TESTS}/test_resume.py::test_r9_continues_bit_equal",
    ),
    Mutant(
        mechanism="SPAM resume: the history of norms",
        defect="the detector starts with an empty one",
        file=DETECTOR,
        original='self._pushes = state["pushes"]',
        replacement="pass",
        test=f"{TESTS}/test_resume.py::test_r9_continues_bit_equal",
    ),
    Mutant(
        mechanism="SPAM resume: the counts since the last log line",
        defect="they start again at 0",
        file=OPTIMIZER,
        original='self._elements, self._judged = window["elements"], window["judged"]',
        replacement="pass",
        test=f"{TESTS}/test_resume.py::test_r9_continues_bit_equal",
    ),
    Mutant(
        mechanism="SPAM resume: a loaded history is a copy",
        defect="two runs write into one history",
        file=DETECTOR,
        original="ring.to(device=device, copy=True)",
        replacement="ring",
        test=f"{TESTS}/test_detector.py::test_a_loaded_history_is_a_copy",
    ),
)
