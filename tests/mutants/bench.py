"""Mutants of `make bench`: a measurement that cannot say no would be worth nothing."""

from tests.mutants.mutant import Mutant

TESTS = "tests/scripts/bench"

BENCH = (
    Mutant(
        mechanism="bench: a control that is off makes a measurement void",
        defect="nothing is ever void",
        file="scripts/bench/findings.py",
        original="is_void = off > tolerance",
        replacement="is_void = False",
        test=f"{TESTS}/test_findings.py::"
        "test_a_control_that_is_off_makes_everything_around_it_void",
    ),
    Mutant(
        mechanism="bench: a goal is reached by the whole interval",
        defect="by the median alone",
        file="scripts/bench/findings.py",
        original="else [low, high]",
        replacement="else [value]",
        test=f"{TESTS}/test_findings.py::"
        "test_a_goal_is_reached_by_the_whole_interval_or_not_at_all",
    ),
    Mutant(
        mechanism="bench: a round goes through all subjects and back",
        defect="always in the same order, so that a drift favours the first",
        file="scripts/bench/timing.py",
        original="there + there[::-1]",
        replacement="there + there",
        test=f"{TESTS}/test_timing.py::test_a_linear_drift_leaves_the_ratio_of_any_two_of_four",
    ),
    Mutant(
        mechanism="bench: throughput counts stalls",
        defect="the mean of a block is its median",
        file="scripts/bench/timing.py",
        original="statistics.fmean(phase)",
        replacement="statistics.median(phase)",
        test=f"{TESTS}/test_timing.py::test_a_mean_counts_a_stall_that_a_median_does_not",
    ),
    Mutant(
        mechanism="bench: the loops start from the same weights",
        defect="the plain loop draws its own",
        file="scripts/bench/loops.py",
        original="self.model.load_state_dict(weights)",
        replacement="pass",
        test=f"{TESTS}/test_worker.py::"
        "test_the_loops_start_from_the_same_weights_and_see_other_windows",
    ),
    Mutant(
        mechanism="bench: the plain loop is a GPT-2 as ours is",
        defect="another GELU",
        file="scripts/bench/plain_loop.py",
        original='nn.GELU(approximate="tanh")',
        replacement="nn.GELU()",
        test=f"{TESTS}/test_plain_loop.py::test_the_first_steps_agree_on_the_same_batches",
    ),
    Mutant(
        mechanism="bench: the plain loop clips, and decays matrices only",
        defect="everything decays",
        file="scripts/bench/plain_loop.py",
        original='{"params": vectors, "weight_decay": 0.0}',
        replacement='{"params": vectors, "weight_decay": settings["WEIGHT_DECAY"]}',
        test=f"{TESTS}/test_plain_loop.py::test_the_first_steps_agree_on_the_same_batches",
    ),
    Mutant(
        mechanism="bench: two loops that train differently are told apart",
        defect="any two are equal within noise",
        file="scripts/bench/loss.py",
        original="if not difference.excludes_zero:",
        replacement="if difference.n:",
        test=f"{TESTS}/test_loss.py::test_a_loop_that_learns_less_is_noticed",
    ),
    Mutant(
        mechanism="bench: a difference of arithmetic counts if it exceeds that between seeds",
        defect="it never counts",
        file="scripts/bench/loss.py",
        original="max(abs(low), abs(high)) < margin",
        replacement="margin > 0",
        test=f"{TESTS}/test_loss.py::test_what_a_difference_is_called",
    ),
    Mutant(
        mechanism="bench: a command that imports torch is found out",
        defect="nobody looks",
        file="scripts/bench/startup.py",
        original="return BRINGS_TORCH.search(done.stderr) is not None",
        replacement="return False",
        test=f"{TESTS}/test_startup.py::test_an_import_of_torch_is_found",
    ),
    Mutant(
        mechanism="bench: a peak of memory is that of its own process",
        defect="it is inherited from the process that starts it",
        file="scripts/bench/worker.py",
        original="else _resident(PEAK)",
        replacement="else peak_rss_bytes()",
        test=f"{TESTS}/test_worker.py::test_a_process_takes_steps_and_says_how_long_and_how_large",
    ),
)
