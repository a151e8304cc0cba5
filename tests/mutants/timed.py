"""Mutants of runs that a time ends: of their end, their schedules, and what they stand beside."""

from tests.mutants.mutant import Mutant

LENGTH = "lib/run_length.py"
LENGTH_TESTS = "tests/lib/test_run_length.py"
SCHEDULE = "lib/pruning/timed.py"
SCHEDULE_TESTS = "tests/lib/pruning/test_timed.py"
RUN_TESTS = "tests/gpt2/trainers/test_by_time.py"
REPORT_TESTS = "tests/scripts/report/test_by_time.py"

TIMED = (
    Mutant(
        mechanism="by time: the decay follows the time that is used",
        defect="it follows 10,000 steps, and hardly begins",
        file=LENGTH,
        original="shares = [self.fraction, used_s / (self.seconds - step_s)]",
        replacement="shares = [self.fraction, step / 10_000]",
        test=f"{LENGTH_TESTS}::test_at_an_even_speed_it_is_a_run_by_steps",
    ),
    Mutant(
        mechanism="by time: no step begins that would not fit",
        defect="the run is late by a step",
        file=LENGTH,
        original="is_last = used_s >= self.seconds or used_s + 2 * step_s > self.seconds",
        replacement="is_last = used_s >= self.seconds",
        test=f"{LENGTH_TESTS}::test_at_an_even_speed_it_is_a_run_by_steps",
    ),
    Mutant(
        mechanism="by time: the first step of an attempt says nothing of the others",
        defect="the run ends on its word",
        file=LENGTH,
        original="        if self._begun >= 2:\n",
        replacement="        if self._begun >= 1:\n",
        test=f"{LENGTH_TESTS}::test_a_slow_first_step_says_nothing_of_the_others",
    ),
    Mutant(
        mechanism="by time: the schedule never goes back",
        defect="slower steps raise the learning rate again",
        file=LENGTH,
        original="self.fraction = max(shares)",
        replacement="self.fraction = max(shares[1:])",
        test=f"{LENGTH_TESTS}::test_whatever_the_speed_it_ends_on_time_and_at_the_floor",
    ),
    Mutant(
        mechanism="by time: a limit of steps ends the decay, too",
        defect="the run ends in the middle of its decay",
        file=LENGTH,
        original="                shares.append((step - 1) / (self.most_steps - 1))\n",
        replacement="                pass\n",
        test=f"{LENGTH_TESTS}::test_a_limit_of_steps_ends_it_and_the_schedule_follows_what_is_nearer",
    ),
    Mutant(
        mechanism="by time: only steps count",
        defect="evaluations and the start use up the time",
        file="gpt2/trainers/base.py",
        original='return self.clock.seconds.get("train", 0.0)',
        replacement="return self.clock.total_s()",
        test=f"{RUN_TESTS}::test_the_time_ends_it_and_its_schedules_are_at_their_ends",
    ),
    Mutant(
        mechanism="by time: near the end a GPU is waited for",
        defect="the run ends when a log line happens to show the time",
        file="gpt2/trainers/base.py",
        original="        if self.length.is_near_end:\n",
        replacement="        if False:\n",
        test=f"{RUN_TESTS}::test_a_clock_that_is_late_is_waited_for_near_the_end",
    ),
    Mutant(
        mechanism="by time, resume: the time that is used",
        defect="a continued run has all of it again",
        file="gpt2/trainers/state.py",
        original='    trainer.clock.load_state_dict(state["clock"])\n',
        replacement="",
        test=f"{RUN_TESTS}::test_stopped_and_continued_it_uses_what_was_left",
    ),
    Mutant(
        mechanism="by time, resume: how far the run is",
        defect="the decay begins where the run was stopped",
        file="gpt2/trainers/state.py",
        original='    trainer.length.load_state_dict(state.get("length", {}))\n',
        replacement="",
        test=f"{RUN_TESTS}::test_stopped_and_continued_it_uses_what_was_left",
    ),
    Mutant(
        mechanism="by time, resume: the last pruning event",
        defect="a continued run prunes at once",
        file=SCHEDULE,
        original='self.last_event, self.is_over = state["last_event"], state["is_over"]',
        replacement="pass",
        test=f"{SCHEDULE_TESTS}::test_a_continued_run_prunes_at_the_same_steps",
    ),
    Mutant(
        mechanism="by time, resume: the schedule of pruning",
        defect="its state is saved and not taken up",
        file="lib/pruning/gradual.py",
        original='        self.schedule.load_state_dict(state.get("schedule", {}))\n',
        replacement="",
        test=f"{RUN_TESTS}::test_stopped_and_continued_it_uses_what_was_left",
    ),
    Mutant(
        mechanism="by time: the last event is where the ramp ends",
        defect="the target is reached if an interval happens to end there",
        file=SCHEDULE,
        original="        if self.is_over or is_due:\n",
        replacement="        if is_due:\n",
        test=f"{SCHEDULE_TESTS}::"
        "test_whatever_the_speed_the_target_is_reached_and_never_taken_back",
    ),
    Mutant(
        mechanism="by time: a defconfig's steps are no limit",
        defect="TIME=60 on the smoke configuration ends after 20 steps",
        file="lib/kconfig/replaced.py",
        original="    return [below[name]] if is_switched else []\n",
        replacement="    return []\n",
        test="tests/scripts/matrix/test_by_time.py::"
        "test_a_limit_of_steps_is_said_where_it_was_given",
    ),
    Mutant(
        mechanism="by time: ranked on one machine",
        defect="seconds of two machines are one budget",
        file="scripts/report/comparable.py",
        original='return run.seconds, run.number("budget.most_steps"), fingerprint(run)',
        replacement='return run.seconds, run.number("budget.most_steps")',
        test=f"{REPORT_TESTS}::"
        "test_other_hardware_other_seconds_and_a_shared_machine_are_not_ranked",
    ),
    Mutant(
        mechanism="by time: ranked where no run took steps from another",
        defect="runs at the same time are one budget",
        file="scripts/report/comparable.py",
        original="return is_one and not (self.is_by_time and self.shared_machine)",
        replacement="return is_one",
        test=f"{REPORT_TESTS}::"
        "test_other_hardware_other_seconds_and_a_shared_machine_are_not_ranked",
    ),
    Mutant(
        mechanism="by time: never ranked with so many tokens",
        defect="equal tokens are enough",
        file="scripts/report/comparable.py",
        original='    "time of training": _time,\n'
        '    "tokens seen": lambda run: run.number("tokens") if run.seconds is None else None,\n',
        replacement='    "tokens seen": lambda run: run.number("tokens"),\n',
        test=f"{REPORT_TESTS}::test_a_run_by_time_is_never_under_the_conditions_of_one_by_steps",
    ),
)
