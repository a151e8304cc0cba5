"""Every optimizer and every pruning method works with every step and preset."""

import copy

import pytest

from lib.arms import exclusion
from lib.optimizers import OPTIMIZERS, build_optimizer
from lib.pruning import METHODS, build_pruner
from tests.architectures.cases import PRESETS, SIZE, STEP_CASES

ARMS = [
    (optimizer, method)
    for optimizer in OPTIMIZERS
    for method in METHODS
    if exclusion({"OPTIMIZER": optimizer, "PRUNING_METHOD": method}) is None
    # Each optimizer without pruning; each method with one optimizer.
    and (method == "none" or optimizer == "adamw" or method == "state")
]
# Where every method is tried: one step of each kind.
OF_EACH_KIND = ("llama", "V0", "V6", "V3t", "V5t", "V15", "RT", "V0c:V6")
CHOICES = {
    "adamwspam": {"SPAM_PRESET": "seed"},
    "adamwprune": {"ADAMWPRUNE_BASE": "adamw"},
}


STEPS = 2


@pytest.fixture
def arms(one_run) -> dict[tuple[str, str], dict]:
    """The settings of each arm; what a model is made of does not matter to them."""
    found = {}
    for optimizer, method in ARMS:
        choices = SIZE | CHOICES.get(optimizer, {})
        if method == "state":
            choices["ADAMWPRUNE_VARIANT"] = "bitter5"
        if method != "none":
            choices |= {"PRUNING_BEGIN_PCT": 0, "PRUNING_END_PCT": 50, "PRUNING_FREQUENCY": 1}
        found[optimizer, method] = one_run(OPTIMIZER=optimizer, PRUNING_METHOD=method, **choices)
    return found


@pytest.mark.parametrize("case", [*PRESETS, *STEP_CASES])
def test_every_optimizer_and_method_trains_it(build, text, arms, case):
    first = build(case, N_LAYER=1).train()
    for (optimizer, method), settings in arms.items():
        if method != "none" and case not in OF_EACH_KIND:
            continue
        model = copy.deepcopy(first)
        trained = build_optimizer(optimizer, model.named_parameters(), settings)
        pruner = build_pruner(method, model.named_parameters(), trained, settings, STEPS)
        for step in range(1, STEPS + 1):
            model.loss(text).backward()
            pruner.gate_gradients()
            trained.step()
            trained.zero_grad()
            pruner.step(step)
        assert all(p.isfinite().all() for p in model.parameters()), (optimizer, method)
        if method != "none":
            achieved = pruner.report().achieved
            assert achieved == pytest.approx(0.5, abs=0.02), (optimizer, method)
