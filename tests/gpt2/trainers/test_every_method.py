"""Every pruning method through the whole trainer: the run ends done, at exactly its target."""

import pytest

from lib.pruning import METHODS


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("none", "state")])
def test_a_method_ends_at_its_target(train, final_weights, method):
    outcome, _ = train(PRUNING_METHOD=method, TARGET_SPARSITY="0.6")
    assert (outcome.status, outcome.reason) == ("done", None)
    (weights,) = final_weights
    matrices = [w for name, w in weights.items() if name.startswith("blocks.") and w.ndim >= 2]
    zeros = sum(int((weight == 0).sum()) for weight in matrices)
    assert zeros == round(0.6 * sum(weight.numel() for weight in matrices))


@pytest.mark.parametrize(("pattern", "n", "m"), [("2-4", 2, 4), ("n-m", 1, 8)])
def test_a_pattern_ends_with_every_group_converted(train, final_weights, pattern, n, m):
    numbers = {"PRUNING_N": n, "PRUNING_M": m} if pattern == "n-m" else {}
    outcome, _ = train(PRUNING_METHOD="magnitude", PRUNING_PATTERN=pattern, **numbers)
    assert (outcome.status, outcome.reason) == ("done", None)
    (weights,) = final_weights
    for name, weight in weights.items():
        if name.startswith("blocks.") and weight.ndim >= 2:
            groups = weight.view(-1, m)
            assert (groups == 0).sum(1).tolist() == [m - n] * len(groups), name
