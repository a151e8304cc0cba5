"""The fixture of the keep scores and how the tests ask for a score."""

import torch

from lib.pruning.scores import DOCUMENTED, TensorView, build_score, keep_scores

WEIGHT = torch.tensor([0.1, -0.9, 0.2, -0.5])
STATE = {
    "exp_avg": torch.tensor([0.5, -0.2, -0.1, 0.4]),
    "exp_avg_sq": torch.tensor([25.0, 1.0, 9.0, 0.25]),
    "step": torch.tensor(10.0),
}
SETTINGS = {"PRUNING_ALPHA": 0.125, "ADAMWPRUNE_NORMALISE": False}
NAMES = sorted(DOCUMENTED)


def score(name, **settings):
    return build_score(name, SETTINGS | settings)


def view(entry, weight=WEIGHT, state=STATE, memory=None, beta1=0.9, seed=7):
    """What the engine would hand to the score: only the state that it reads, in fp32."""
    if memory is None and entry.memory is not None:
        memory = entry.memory.initial(weight)
    reads = {key: state[key].float() for key in entry.reads}
    return TensorView("blocks.0.up", weight.float(), reads, memory, beta1, seed)


def scores(entry, weight=WEIGHT, state=STATE, **changes):
    return keep_scores(entry, view(entry, weight, state, **changes))
