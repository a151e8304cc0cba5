"""Mutants of the report of the reciprocal attention study: an effect is a step minus its twin."""

from tests.mutants.mutant import Mutant

SCOREBOARD = "scripts/report/scoreboard.py"
TESTS = "tests/scripts/report"

STUDY = (
    Mutant(
        mechanism="study: an effect is the step minus its plain twin",
        defect="the step minus the baseline",
        file=SCOREBOARD,
        original='cells["effect"] = differences(done, twins, loss_of)',
        replacement='cells["effect"] = differences(done, base, loss_of)',
        test=f"{TESTS}/test_study.py::test_an_effect_is_a_step_minus_its_twin_of_equal_seed",
    ),
    Mutant(
        mechanism="study: a step without its twin is not compared with the baseline either",
        defect="the difference from the baseline stands alone",
        file=SCOREBOARD,
        original="            done = [run for run in done if run.seed in seen]\n",
        replacement="",
        test=f"{TESTS}/test_study.py::"
        "test_a_step_without_its_twin_shows_neither_effect_nor_difference",
    ),
    Mutant(
        mechanism="study: a step that the plan names no control of is refused",
        defect="it is an arm like any other",
        file="scripts/report/study.py",
        original="if arm in named or (step is not None and step.name in CONTROL):",
        replacement="if arm in named:",
        test=f"{TESTS}/test_study.py::test_a_step_that_the_plan_forgot_is_refused_too",
    ),
    Mutant(
        mechanism="study: what is refused is said, with the command that mends it",
        defect="an empty cell is all",
        file="scripts/report/verdict.py",
        original="found = refusals(board) + study.meaning(",
        replacement="found = study.meaning(",
        test=f"{TESTS}/test_study.py::test_a_caution_names_the_missing_control_and_its_command",
    ),
    Mutant(
        mechanism="study: the verdict speaks of effects",
        defect="the lowest perplexity is the headline",
        file="scripts/report/verdict.py",
        original="if any(row.is_step for row in board.rows):",
        replacement="if False:",
        test=f"{TESTS}/test_effects.py::test_nothing_is_said_of_the_distance_to_the_baseline",
    ),
    Mutant(
        mechanism="study: no loss is bold across arms that begin differently",
        defect="V0 is the best architecture",
        file=SCOREBOARD,
        original="if self.controls and column.kind == QUALITY:",
        replacement="if False:",
        test=f"{TESTS}/test_study.py::test_no_loss_of_a_study_is_bold_and_an_effect_below_zero_is",
    ),
    Mutant(
        mechanism="study: which steps change the class of functions follows from their records",
        defect="a twin with the fields of its step counts as the step",
        file="scripts/report/study.py",
        original="if is_there and step.twin_of is None]",
        replacement="if is_there]",
        test=f"{TESTS}/test_study.py::"
        "test_every_step_is_of_another_class_or_is_its_twin_in_other_weights",
    ),
    Mutant(
        mechanism="study: a line of gates needs two points",
        defect="a single look is a line",
        file="scripts/report/gates.py",
        original="POINTS_FOR_A_LINE = 2",
        replacement="POINTS_FOR_A_LINE = 1",
        test=f"{TESTS}/test_gates.py::test_one_point_is_no_line_and_said",
    ),
    Mutant(
        mechanism="study: a forced awakening is told apart",
        defect="it is one by the step's own rule",
        file="scripts/report/gates.py",
        original="return any(find(run.summary, _REASON) == FORCED for run in runs)",
        replacement="return False",
        test=f"{TESTS}/test_effects.py::test_forced_awakenings_are_said",
    ),
)
