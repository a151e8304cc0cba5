"""Every mutant, in the order of the table in docs/testing.md."""

from tests.mutants.architectures import ARCHITECTURES
from tests.mutants.bench import BENCH
from tests.mutants.checkpoints import CHECKPOINTS
from tests.mutants.command_lines import COMMAND_LINES
from tests.mutants.compare import COMPARE
from tests.mutants.configuring import CONFIGURING
from tests.mutants.data import DATA
from tests.mutants.doors import DOORS
from tests.mutants.evaluation import EVALUATION
from tests.mutants.exchange import EXCHANGE
from tests.mutants.groups import GROUPS
from tests.mutants.measuring import MEASURING
from tests.mutants.optimizers import OPTIMIZERS
from tests.mutants.pruning import PRUNING
from tests.mutants.references import REFERENCES
from tests.mutants.resuming import RESUMING
from tests.mutants.runs import FINDING
from tests.mutants.scores import SCORING
from tests.mutants.spam import SPAM
from tests.mutants.speed import SPEED
from tests.mutants.study import STUDY
from tests.mutants.timed import TIMED
from tests.mutants.trackers import TRACKERS
from tests.mutants.training import TRAINING

MUTANTS = (
    *GROUPS,
    *CONFIGURING,
    *OPTIMIZERS,
    *SPAM,
    *TRAINING,
    *CHECKPOINTS,
    *RESUMING,
    *SPEED,
    *PRUNING,
    *SCORING,
    *DATA,
    *MEASURING,
    *TRACKERS,
    *EVALUATION,
    *ARCHITECTURES,
    *EXCHANGE,
    *BENCH,
    *COMPARE,
    *STUDY,
    *REFERENCES,
    *FINDING,
    *COMMAND_LINES,
    *TIMED,
    *DOORS,
)
