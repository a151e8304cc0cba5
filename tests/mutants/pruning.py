"""Mutants of the pruning engine."""

from tests.mutants.mutant import Mutant

SELECT_TESTS = "tests/lib/pruning/test_select.py"

PRUNING = (
    Mutant(
        mechanism="ties: exactly as many as are needed",
        defect="every score equal to the threshold goes",
        file="lib/pruning/select.py",
        original="            if found > ties - taken:\n",
        replacement="            if False:\n",
        test=f"{SELECT_TESTS}::test_ties_go_to_the_lowest_tensor_then_the_lowest_index",
    ),
    Mutant(
        mechanism="ties: the lowest index first",
        defect="the highest index first",
        file="lib/pruning/select.py",
        original="equal &= equal.cumsum(0) <= ties - taken",
        replacement="equal &= equal.flip(0).cumsum(0).flip(0) <= ties - taken",
        test=f"{SELECT_TESTS}::test_ties_go_to_the_lowest_tensor_then_the_lowest_index",
    ),
    Mutant(
        mechanism="exact k: the second pass of the threshold",
        defect="the threshold is the lower edge of a histogram bin",
        file="lib/pruning/select.py",
        original="(coarse_bin - HALF) * BINS + fine_bin",
        replacement="(coarse_bin - HALF) * BINS",
        test=f"{SELECT_TESTS}::test_equals_kthvalue_and_argsort",
    ),
)
