"""Mutants of what all optimizers and runs share: parameter groups, learning rate, streams."""

from tests.mutants.mutant import Mutant

GROUP_TESTS = "tests/lib/optimizers/test_groups.py"

GROUPS = (
    Mutant(
        mechanism="matrices decay",
        defect="the group of matrices gets decay 0",
        file="lib/optimizers/groups.py",
        original='"params": decay, "weight_decay": weight_decay',
        replacement='"params": decay, "weight_decay": 0.0',
        test=f"{GROUP_TESTS}::test_known_answer_124m",
    ),
    Mutant(
        mechanism="vectors and scalars do not decay",
        defect="biases and norms decay as matrices do",
        file="lib/optimizers/groups.py",
        original='"params": rest, "weight_decay": 0.0',
        replacement='"params": rest, "weight_decay": weight_decay',
        test=f"{GROUP_TESTS}::test_known_answer_124m",
    ),
    Mutant(
        mechanism="random streams are separate",
        defect="initial weights, data, dropout and pruning share one stream",
        file="lib/rng.py",
        original='f"{stream}:{seed}"',
        replacement='f"{seed}"',
        test="tests/lib/test_rng.py::test_streams_and_seeds_are_independent",
    ),
)
