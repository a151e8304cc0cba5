"""Scores that remember the steps: what they take in, when, and what it costs."""

import copy

import pytest
import torch
from torch import nn

from lib.optimizers import build_optimizer
from lib.pruning import build_pruner
from tests.lib.pruning.tiny_run import OPTIMIZER, PRUNING, STEPS, N, Run, assert_same


def memory_of(pruner, name="blocks.0.up"):
    return pruner.memories.tensors[name]


def one_weight(values, gradient, rate=1.0, method="movement"):
    weight = nn.Parameter(torch.tensor([values]))
    named = [("blocks.0.up", weight)]
    optimizer = build_optimizer("adamw", named, OPTIMIZER)
    optimizer.param_groups[0]["lr"] = rate
    pruner = build_pruner(method, named, optimizer, PRUNING, STEPS)
    weight.grad = torch.tensor([gradient])
    return weight, optimizer, pruner


def test_movement_known_answer():
    _, _, pruner = one_weight([1.0, -2.0, 3.0], [2.0, 1.0, -1.0])
    pruner.gate_gradients()
    assert memory_of(pruner).tolist() == [[-2.0, 2.0, 3.0]]


def test_movement_follows_the_learning_rate_of_the_weights_group():
    _, optimizer, pruner = one_weight([1.0, -2.0, 3.0], [2.0, 1.0, -1.0], rate=0.5)
    pruner.gate_gradients()
    optimizer.param_groups[0]["lr"] = 0.25
    pruner.gate_gradients()
    assert memory_of(pruner).tolist() == [[-1.5, 1.5, 2.25]]


def test_movement_takes_in_a_step_that_the_optimizer_skips():
    """Called once a step whatever the optimizer does: a memory is a sum over all steps."""
    weight, _, pruner = one_weight([1.0], [2.0])
    pruner.gate_gradients()
    pruner.gate_gradients()
    assert memory_of(pruner).tolist() == [[-4.0]]
    assert weight.tolist() == [[1.0]]


def test_movement_sees_the_weight_before_the_step_and_the_gradient_unclipped():
    run = Run("movement")
    run.backward()
    weight = dict(run.named)["blocks.0.up"]
    expected = -run.optimizer.param_groups[0]["lr"] * weight.detach() * weight.grad
    run.pruner.gate_gradients()
    # What a trainer does next: clip, then step.
    torch.nn.utils.clip_grad_norm_([p for _, p in run.named], 0.1)
    run.optimizer.step()
    assert torch.allclose(memory_of(run.pruner), expected, rtol=1e-6, atol=0)


def test_movement_remembers_from_the_first_step_on():
    run = Run("movement").train(1)
    assert run.events == []
    assert bool((memory_of(run.pruner) != 0).all())


def test_movement_scores_of_pruned_weights_freeze():
    """Gated before it is taken in: monotone pruning, no regrowth."""
    run = Run("movement").train(45)
    before = memory_of(run.pruner).clone()
    pruned = dict(run.named)["blocks.0.up"] == 0
    assert bool(pruned.any())
    run.backward()
    run.pruner.gate_gradients()
    after = memory_of(run.pruner)
    assert torch.equal(after[pruned], before[pruned])
    assert bool((after[~pruned] != before[~pruned]).all())


def test_gating_comes_before_the_memory(monkeypatch):
    run = Run("movement").train(45)
    seen = []
    monkeypatch.setattr(
        run.pruner.memories,
        "observe",
        lambda: seen.append(
            [bool((t.weight.grad[t.pruned()] == 0).all()) for t in run.pruner.tensors]
        ),
    )
    run.backward()
    run.pruner.gate_gradients()
    assert seen == [[True, True]]


def test_a_parameter_without_a_gradient_remembers_nothing():
    run = Run("movement").train(3)
    before = memory_of(run.pruner).clone()
    other = memory_of(run.pruner, "blocks.1.up").clone()
    run.backward()
    dict(run.named)["blocks.0.up"].grad = None
    run.pruner.gate_gradients()
    assert torch.equal(memory_of(run.pruner), before)
    assert not torch.equal(memory_of(run.pruner, "blocks.1.up"), other)


def test_displacement_remembers_the_first_weights():
    run = Run("movement-displacement")
    first = run.weights()["blocks.0.up"].clone()
    run.train()
    assert torch.equal(memory_of(run.pruner), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("method", "bytes_per_weight"),
    [("movement", 4), ("movement-displacement", 4), ("magnitude", 0), ("random", 0), ("obd", 0)],
)
def test_what_a_memory_costs(method, bytes_per_weight, dtype):
    assert Run(method, dtype=dtype).pruner.score_bytes == bytes_per_weight * N


@pytest.mark.parametrize("stop", [5, 30, 70])
@pytest.mark.parametrize("method", ["movement", "movement-displacement", "random"])
def test_resumed_in_the_middle_it_continues_bit_equal(method, stop):
    straight = Run(method).train()
    first = Run(method).train(stop)
    saved = copy.deepcopy(
        (first.weights(), first.optimizer.state_dict(), first.pruner.state_dict())
    )
    second = Run(method)
    with torch.no_grad():
        for name, p in second.named:
            p.copy_(saved[0][name])
    second.optimizer.load_state_dict(saved[1])
    second.pruner.load_state_dict(saved[2])
    assert all(
        memory_of(second.pruner, name).data_ptr() != tensor.data_ptr()
        for name, tensor in saved[2]["memories"].items()
    )
    second.step = stop
    second.train(STEPS - stop)
    assert_same(straight, second)
    assert straight.pruner.report() == second.pruner.report()


def test_the_memory_of_another_score_is_refused():
    state = Run("movement").pruner.state_dict()
    with pytest.raises(ValueError, match="remembers 2 tensors and this run's 0; resume with"):
        Run("magnitude").pruner.load_state_dict(state)
    with pytest.raises(ValueError, match="remembers 0 tensors and this run's 2"):
        Run("movement").pruner.load_state_dict(Run("magnitude").pruner.state_dict())


def test_random_is_another_order_for_another_seed_and_tensor():
    runs = [Run("random", SEED=seed).train() for seed in (5, 5, 6)]
    masks = [run.masks() for run in runs]
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])
    assert not torch.equal(masks[0]["blocks.0.up"], masks[2]["blocks.0.up"])
    scores = [runs[0].pruner._scores(tensor).flatten()[:35] for tensor in runs[0].pruner.tensors]
    assert not torch.equal(scores[0], scores[1])
