"""The pruner across a checkpoint: what is saved, what comes back, what is refused."""

import copy

import pytest
import torch

from tests.lib.pruning.tiny_run import CRITERIA, SIZES, STEPS, N, Run, assert_same


@pytest.mark.parametrize("stop", [10, 20, 41, 45, 60, 70])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_resumed_in_the_middle_it_continues_bit_equal(stop, dtype):
    straight = Run("state", "adamwprune", dtype, ADAMWPRUNE_VARIANT="bitter0").train()
    first = Run("state", "adamwprune", dtype, ADAMWPRUNE_VARIANT="bitter0").train(stop)
    saved = copy.deepcopy(
        (first.weights(), first.optimizer.state_dict(), first.pruner.state_dict())
    )
    first.train(3)  # what was saved must not move with the run that saved it

    second = Run("state", "adamwprune", dtype, ADAMWPRUNE_VARIANT="bitter0")
    with torch.no_grad():
        for name, p in second.named:
            p.copy_(saved[0][name])
    second.optimizer.load_state_dict(saved[1])
    second.pruner.load_state_dict(saved[2])
    second.step = stop
    second.train(STEPS - stop)
    assert_same(straight, second)
    assert straight.pruner.report() == second.pruner.report()


@pytest.mark.parametrize(("method", "variant"), CRITERIA)
def test_every_score_is_exact_after_a_resume_and_in_saved_weights(tmp_path, method, variant):
    chosen = {"optimizer": "adamwprune", "ADAMWPRUNE_VARIANT": variant}
    straight = Run(method, **chosen).train()
    first = Run(method, **chosen).train(37)
    states = (first.weights(), first.optimizer.state_dict(), first.pruner.state_dict())
    torch.save(states, tmp_path / "middle.pt")
    weights, moments, pruning = torch.load(tmp_path / "middle.pt", weights_only=True)

    second = Run(method, **chosen)
    with torch.no_grad():
        for name, p in second.named:
            p.copy_(weights[name])
    second.optimizer.load_state_dict(moments)
    second.pruner.load_state_dict(pruning)
    second.step = 37
    second.train(STEPS - 37)

    assert_same(straight, second)
    assert first.events
    assert second.events
    for event in first.events + second.events:
        assert event.achieved == round(event.target * N) / N
    torch.save(second.weights(), tmp_path / "weights.pt")
    loaded = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert sum(int((loaded[name] == 0).sum()) for name in SIZES) == round(0.5 * N)


def test_the_state_can_be_saved_as_plain_data(tmp_path):
    run = Run(dtype=torch.bfloat16).train(30)
    torch.save(run.pruner.state_dict(), tmp_path / "pruner.pt")
    state = torch.load(tmp_path / "pruner.pt", weights_only=True)
    assert state["is_gating"]
    assert state["pruned"] == run.pruner.report().pruned


def test_the_saved_mask_does_not_move_with_the_run():
    run = Run(dtype=torch.bfloat16).train(30)
    state = run.pruner.state_dict()
    before = copy.deepcopy(state)
    run.train()
    assert all(torch.equal(before["masks"][n], state["masks"][n]) for n in before["masks"])


def test_explicit_masks_come_back_and_are_copies():
    run = Run(dtype=torch.bfloat16).train(30)
    weight = dict(run.named)["blocks.0.up"]
    with torch.no_grad():
        # A live 16-bit weight on zero: only the mask still knows that it is alive.
        row, column = (weight != 0).nonzero()[0].tolist()
        weight[row, column] = 0.0
    state = run.pruner.state_dict()
    kept = copy.deepcopy(state)

    resumed = Run(dtype=torch.bfloat16)
    with torch.no_grad():
        for name, p in resumed.named:
            p.copy_(run.weights()[name])
    resumed.pruner.load_state_dict(state)
    assert resumed.pruner.report() == run.pruner.report()
    resumed.backward()
    resumed.pruner.gate_gradients()
    assert dict(resumed.named)["blocks.0.up"].grad[row, column] != 0
    resumed.pruner.step(60)
    assert all(torch.equal(kept["masks"][n], state["masks"][n]) for n in kept["masks"])


def test_a_state_of_other_weights_or_tensors_is_refused():
    run = Run().train(30)
    state = run.pruner.state_dict()
    fresh = Run()
    with pytest.raises(ValueError, match="has 0 pruned weights and the checkpoint's .* says"):
        fresh.pruner.load_state_dict(state)
    with pytest.raises(ValueError, match="names other tensors than this run prunes; resume"):
        Run(PRUNING_SCOPE="blocks-head").pruner.load_state_dict(state)
    with pytest.raises(ValueError, match="names other tensors"):
        Run().pruner.load_state_dict({})
    with pytest.raises(ValueError, match="written by a run that prunes and this one does not"):
        Run("none").pruner.load_state_dict(state)
    Run("none").pruner.load_state_dict(Run("none").pruner.state_dict())
