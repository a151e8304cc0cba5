"""How weights are scored. Every criterion returns a keep score: the smallest are pruned.

The products are |w|^p |m|^q v^r, with m and v the optimizer's own `exp_avg` and `exp_avg_sq`, and
without any eps; a division adds 1e-12 times the tensor's mean v, and 0/0 scores 0. So gradients
times a constant leave their rankings as they were. Scores may be negative; nothing that ranks
them may assume otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lib.pruning.lookup import lookup
from lib.pruning.scores.additive import bitter5, bitter9
from lib.pruning.scores.chance import RANDOM
from lib.pruning.scores.magnitude import BITTER1, BITTER2, MAGNITUDE
from lib.pruning.scores.momentum import BITTER0, BITTER3, BITTER4, BITTER6, BITTER8
from lib.pruning.scores.movement import MOVEMENT, MOVEMENT_DISPLACEMENT
from lib.pruning.scores.protocol import Memory, Score, TensorView
from lib.pruning.scores.variance import BITTER7, OBD, salpha

__all__ = [
    "DOCUMENTED",
    "SCORES",
    "Memory",
    "Score",
    "TensorView",
    "build_score",
    "keep_scores",
    "salpha",
]

# bitter5 and bitter9 stand here as documented; `build_score` gives the normalised ones.
SCORES: dict[str, Score] = {
    "magnitude": MAGNITUDE,
    "movement": MOVEMENT,
    "movement-displacement": MOVEMENT_DISPLACEMENT,
    "random": RANDOM,
    "obd": OBD,
    "bitter0": BITTER0,
    "bitter1": BITTER1,
    "bitter2": BITTER2,
    "bitter3": BITTER3,
    "bitter4": BITTER4,
    "bitter5": bitter5(normalise=False),
    "bitter6": BITTER6,
    "bitter7": BITTER7,
    "bitter8": BITTER8,
    "bitter9": bitter9(normalise=False),
}

# For generated tables only: salpha is no score before it has its alpha.
DOCUMENTED: dict[str, Score] = SCORES | {
    "salpha": replace(
        salpha(0.5),
        formula="|w| v^alpha",
        equals="0: magnitude; 1/4: bitter7; 1/2: obd, in rank",
        weakness="one more setting; below 0 it prunes what trains fastest",
    )
}

PARAMETRISED = {
    "salpha": ("PRUNING_ALPHA", salpha),
    "bitter5": ("ADAMWPRUNE_NORMALISE", bitter5),
    "bitter9": ("ADAMWPRUNE_NORMALISE", bitter9),
}


def build_score(name: str, settings: Mapping[str, Any]) -> Score:
    """The keep score of a run.

    settings: typed values by configuration symbol; read only where the score has a parameter.
    Raises ValueError for an unknown name and for an alpha that is not finite.
    """
    if name in PARAMETRISED:
        symbol, build = PARAMETRISED[name]
        return build(settings[symbol])
    return lookup(DOCUMENTED, name, "keep score")


def keep_scores(score: Score, view: TensorView) -> Tensor:
    """Scores of one tensor: a new fp32 tensor of the weight's shape.

    Raises ValueError if a score is NaN or infinite: no order of such scores means anything.
    """
    result = score.compute(view)
    assert result.shape == view.weight.shape
    assert result.dtype == torch.float32
    if result.numel():
        # NaN propagates through both ends, so this is isfinite().all() in one cheap pass.
        ends = torch.stack(torch.aminmax(result))
        if not bool(ends.isfinite().all()):
            raise ValueError(
                f"the pruning score {score.formula} of {view.name} is not finite; the run has "
                "diverged or its moments overflow: lower LEARNING_RATE or look for the spike"
            )
    return result
