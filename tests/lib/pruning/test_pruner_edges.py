"""The pruner on unusual tensors, settings and scores, and how a run is judged at its end."""

import pytest
import torch
from torch import nn

from lib.optimizers import build_optimizer
from lib.pruning import METHODS, build_pruner, check_outcome
from tests.lib.pruning.tiny_run import OPTIMIZER, PRUNING, SIZES, STEPS, N, Run, parameters


def test_an_already_sparse_model_starts_from_its_zeros():
    run = Run(PRUNING_BEGIN_PCT=0, PRUNING_FREQUENCY=1)
    first = dict(run.named)["blocks.0.up"]
    with torch.no_grad():
        first.view(-1)[:20] = 0.0
    # Without a pruner's state the zeros count from the first event on, here before training.
    assert run.pruner.step(0).newly_pruned == 0
    zeros = first == 0
    run.train()
    assert run.events[0].newly_pruned == 0, "sparser than the schedule: nothing to do yet"
    assert run.events[0].achieved == 20 / N > run.events[0].target
    assert bool((first[zeros] == 0).all())
    assert run.pruner.report().pruned == {"blocks.0.up": 20, "blocks.1.up": 24}
    assert check_outcome(run.pruner, 0.5) is None


def test_moments_of_zeros_found_at_the_first_event_are_cleared():
    run = Run().train(19)
    weight = dict(run.named)["blocks.1.up"]
    with torch.no_grad():
        weight[0] = 0.0
        run.optimizer.state[weight]["exp_avg"][0] = 5.0
    run.backward()
    run.pruner.step(20)
    assert run.optimizer.state[weight]["exp_avg"][0].tolist() == [0.0] * 6


def test_a_zero_initialised_tensor_still_trains_after_its_first_event():
    run = Run(PRUNING_BEGIN_PCT=0)
    weight = dict(run.named)["blocks.0.up"]
    with torch.no_grad():
        weight.zero_()
    run.pruner.step(0)
    run.train()
    assert run.pruner.mask_bytes == 35
    assert run.pruner.report().pruned_total == 44
    assert int((weight == 0).sum()) == run.pruner.report().pruned["blocks.0.up"] in (17, 18)
    assert check_outcome(run.pruner, 0.5) is None


def test_sixteen_bit_weights_reach_the_target_too():
    run = Run(dtype=torch.bfloat16).train()
    assert run.pruner.report().pruned_total == 44
    assert run.pruner.mask_bytes == N
    assert check_outcome(run.pruner, 0.5) is None


def test_transposed_weights_are_pruned_in_logical_order():
    weight = nn.Parameter(torch.ones(3, 4).t())
    assert not weight.is_contiguous()
    optimizer = build_optimizer("adamw", [("blocks.0.w", weight)], OPTIMIZER)
    pruner = build_pruner("magnitude", [("blocks.0.w", weight)], optimizer, PRUNING, STEPS)
    pruner.step(60)
    assert weight.reshape(-1).tolist() == [0.0] * 6 + [1.0] * 6


def test_empty_tensors_in_scope_are_harmless():
    named = [*parameters(), ("blocks.2.none", nn.Parameter(torch.ones(0, 3)))]
    optimizer = build_optimizer("adamw", named, OPTIMIZER)
    pruner = build_pruner("magnitude", named, optimizer, PRUNING, STEPS)
    pruner.step(60)
    assert pruner.report().per_tensor["blocks.2.none"] == 0.0
    assert check_outcome(pruner, 0.5) is None


def test_a_score_that_needs_moments_fails_at_the_first_step_without_them():
    named = parameters()
    optimizer = torch.optim.SGD([p for _, p in named], lr=1e-2, momentum=0.9)
    settings = PRUNING | {"ADAMWPRUNE_VARIANT": "bitter0"}
    pruner = build_pruner("state", named, optimizer, settings, STEPS)
    for _, p in named:
        p.grad = torch.ones_like(p)
    optimizer.step()
    with pytest.raises(ValueError, match=r"reads exp_avg, exp_avg_sq of blocks.0.up, which SGD"):
        pruner.step(1)


def test_a_score_that_is_not_finite_names_the_tensor():
    run = Run().train(19)
    with torch.no_grad():
        dict(run.named)["blocks.1.up"][0, 0] = float("nan")
    with pytest.raises(ValueError, match="of blocks.1.up is not finite"):
        run.train(30)


def test_a_tensor_that_global_pruning_kills_is_an_error():
    run = Run(PRUNING_DISTRIBUTION="global")
    with torch.no_grad():
        dict(run.named)["blocks.0.up"].mul_(1e-6)
    with pytest.raises(ValueError, match="35 of the 35 weights of blocks.0.up are zero at target"):
        run.pruner.step(60)


def test_dropping_eps_is_refused_when_pruning():
    with pytest.raises(ValueError, match="EPSILON=0.0 makes every pruned weight 0/0; set EPSILON"):
        Run(EPSILON=0.0)
    Run("none", EPSILON=0.0).train(3)


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("magnitud", {}, "no pruning method 'magnitud'; did you mean magnitude"),
        ("state", {"ADAMWPRUNE_VARIANT": "bitter99"}, "no keep score 'bitter99'; did you mean"),
        ("magnitude", {"PRUNING_SCHEDULE": "cubic"}, "no pruning schedule 'cubic'; did you mean"),
        ("magnitude", {"PRUNING_DISTRIBUTION": "glob"}, "no pruning distribution 'glob'; did you"),
        ("magnitude", {"PRUNING_SCOPE": "head"}, "no pruning scope 'head'"),
        ("magnitude", {"TARGET_SPARSITY": 1.0}, "target sparsity 1.0"),
        ("magnitude", {"PRUNING_END_PCT": 20}, "ends at step 16, before it begins at step 20"),
        ("magnitude", {"PRUNING_END_PCT": 130}, "ends at step 104, outside the steps 1 to 80"),
    ],
)
def test_bad_settings_are_refused(method, settings, message):
    with pytest.raises(ValueError, match=message):
        Run(method, **settings)


def test_none_is_a_real_pruner():
    run = Run("none").train()
    pruner = run.pruner
    assert (pruner.report().achieved, pruner.mask_bytes, pruner.state_dict()) == (0.0, 0, {})
    assert pruner.report().per_tensor == {}
    assert pruner.describe() == "none"
    assert check_outcome(pruner, 0.0) is None
    assert "nothing is pruned" in check_outcome(pruner, 0.5)


def test_descriptions_for_the_log_and_the_metrics():
    run = Run().train()
    assert run.pruner.describe() == (
        "50% of 89 weights in 2 tensors, unstructured, smallest |w| first, steps 20 to 60, every 7"
    )
    assert run.events[-1].row() == {
        "target": 0.5,
        "achieved": 44 / 89,
        "newly_pruned": 0,
        "per_tensor": run.pruner.report().per_tensor,
        "waited_steps": 0,
    }


def test_the_outcome_is_judged_by_the_weights():
    run = Run().train()
    assert check_outcome(run.pruner, 0.5) is None
    weight = dict(run.named)["blocks.0.up"]
    alive = (weight != 0).nonzero()
    with torch.no_grad():
        for row, column in alive[:2].tolist():
            weight[row, column] = 0.0
        assert check_outcome(run.pruner, 0.5) is None, "one weight per tensor is tolerated"
        weight[tuple(alive[2].tolist())] = 0.0
        assert "misses the target 0.5" in str(check_outcome(run.pruner, 0.5))
    dead = Run(PRUNING_END_PCT=100).train(STEPS)
    with torch.no_grad():
        first, second = (dict(dead.named)[name] for name in SIZES)
        second.fill_(1.0)
        first.zero_()
        second.view(-1)[:9] = 0.0
    assert check_outcome(dead.pruner, 0.5) == "every weight of blocks.0.up is pruned"


@pytest.mark.parametrize("method", METHODS)
def test_no_method_draws_from_the_training_stream(method):
    run = Run(method, "adamwprune")
    before = torch.get_rng_state()
    run.train()
    assert torch.equal(torch.get_rng_state(), before)
