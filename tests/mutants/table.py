"""Every mutant, in the order of the table in docs/testing.md."""

from tests.mutants.groups import GROUPS
from tests.mutants.pruning import PRUNING
from tests.mutants.scores import SCORING

MUTANTS = (*GROUPS, *PRUNING, *SCORING)
