"""Mutants of how runs are found: by what they compute, whatever they are called."""

from tests.mutants.mutant import Mutant

RUNS = "lib/runs.py"
TESTS = "tests/lib/test_runs.py"

FINDING = (
    Mutant(
        mechanism="runs: found by the hash alone",
        defect="the name decides: team trains after llama",
        file=RUNS,
        original="            or directory.computes(config.hash)\n",
        replacement="",
        test=f"{TESTS}::test_a_run_is_found_by_its_hash_whatever_its_name",
    ),
    Mutant(
        mechanism="runs: by the whole hash",
        defect="eight equal digits are one run",
        file=RUNS,
        original="            or directory.computes(config.hash)\n",
        replacement="            or True\n",
        test=f"{TESTS}::test_equal_digits_of_another_computation_are_another_run",
    ),
    Mutant(
        mechanism="runs: of two folders the one in which most is done",
        defect="the one with the asked name, though the other has ended",
        file=RUNS,
        original="key=lambda found: (*progress(found), found.name == own)",
        replacement="key=lambda found: found.name == own",
        test=f"{TESTS}::test_of_two_folders_of_one_run_the_one_that_is_further_counts",
    ),
    Mutant(
        mechanism="plan: two names of one run are told",
        defect="one of the two is silently missing",
        file="scripts/matrix/show.py",
        original=" for m in merged if m.arm != m.run.arm):",
        replacement=" for m in merged if m.arm is None):",
        test="tests/scripts/matrix/test_plan.py::"
        "test_two_names_of_one_run_are_computed_once_and_it_is_said",
    ),
)
