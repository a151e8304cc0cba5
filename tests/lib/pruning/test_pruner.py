import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from lib.optimizers import build_optimizer
from lib.pruning import NoPruning, build_pruner, check_outcome
from tests.lib.pruning.tiny_run import (
    OPTIMIZER,
    PRUNING,
    SIZES,
    STATE_VARIANTS,
    STEPS,
    N,
    Run,
    assert_same,
    parameters,
)


@pytest.mark.parametrize("distribution", ["uniform", "global"])
@pytest.mark.parametrize("schedule", ["zhu-gupta", "linear"])
@pytest.mark.parametrize(("method", "variant"), STATE_VARIANTS)
def test_exact_and_monotone_at_every_event_then_frozen(method, variant, schedule, distribution):
    class Checked(Run):
        previous = None

        def check_event(self, event):
            zeros = sum(int(mask.sum()) for mask in self.masks().values())
            assert zeros == round(event.target * N)
            assert event.achieved == zeros / N
            if self.previous is not None:
                for name, mask in self.previous.items():
                    assert bool(self.masks()[name][mask].all()), "a pruned weight came back"
            self.previous = self.masks()

    run = Checked(
        method,
        "adamwprune" if method == "state" else "adamw",
        ADAMWPRUNE_VARIANT=variant,
        PRUNING_SCHEDULE=schedule,
        PRUNING_DISTRIBUTION=distribution,
    ).train()
    assert [event.step for event in run.events] == [20, 27, 34, 41, 48, 55, 60]
    assert sum(event.newly_pruned for event in run.events) == round(0.5 * N) == 44
    assert run.events[-1].target == 0.5
    assert all(torch.equal(run.masks()[name], run.previous[name]) for name in SIZES)
    assert check_outcome(run.pruner, 0.5) is None
    report = run.pruner.report()
    assert (report.pruned_total, report.prunable_total, report.achieved) == (44, N, 44 / N)
    if distribution == "uniform":
        assert abs(report.pruned["blocks.0.up"] - 17.5) < 1
    assert not bool((run.weights()["token_embedding.weight"] == 0).any())
    assert not bool((run.weights()["blocks.0.bias"] == 0).any())
    assert run.pruner.mask_bytes == 0


@pytest.mark.parametrize("distribution", ["uniform", "global"])
def test_magnitude_on_adamw_is_bitter1_on_adamwprune_bit_for_bit(distribution):
    magnitude = Run("magnitude", "adamw", PRUNING_DISTRIBUTION=distribution)
    bitter1 = Run("state", "adamwprune", PRUNING_DISTRIBUTION=distribution)
    for _ in range(STEPS):
        assert_same(magnitude.train(1), bitter1.train(1))
    assert magnitude.events == bitter1.events


@pytest.mark.parametrize(
    ("method", "target"), [("none", None), ("none", 0.5), ("state", 0.0), ("magnitude", 0.0)]
)
def test_adamwprune_without_pruning_is_adamw_bit_for_bit(method, target):
    dense = Run("none", "adamw").train()
    run = Run(method, "adamwprune", TARGET_SPARSITY=target).train()
    assert isinstance(run.pruner, NoPruning)
    assert run.events == []
    assert_same(dense, run)


def test_equals_an_explicit_mask_for_three_hundred_steps():
    run = Run().train(60)
    twin = copy.deepcopy(run.named)
    masks = {name: weight == 0 for name, weight in twin}
    judge = build_optimizer("adamw", twin, OPTIMIZER)
    judge.load_state_dict(copy.deepcopy(run.optimizer.state_dict()))
    for step in range(61, 361):
        generator = torch.Generator().manual_seed(step)
        for name, p in twin:
            noise = torch.linspace(0.03, 30.0, p.numel()).view(p.shape)
            p.grad = (p.detach() - torch.randn(p.shape, generator=generator)) * noise
            if name in SIZES:
                p.grad.masked_fill_(masks[name], 0.0)
        judge.step()
        with torch.no_grad():
            for name, p in twin:
                if name in SIZES:
                    p.masked_fill_(masks[name], 0.0)
    run.train(300)
    for (name, a), (_, b) in zip(run.named, twin, strict=True):
        assert torch.equal(a, b), name
        assert torch.equal(run.optimizer.state[a]["exp_avg"], judge.state[b]["exp_avg"]), name


def test_gradients_are_gated_at_every_step_before_any_norm():
    class Checked(Run):
        def check_gate(self):
            for name, p in self.named:
                if name in SIZES and self.events:
                    assert bool((p.grad[p == 0] == 0).all())
                    assert not bool((p.grad[p != 0] == 0).any())

    run = Checked().train()
    assert run.events
    run.backward()
    ungated = {name: p.grad.clone() for name, p in run.named}
    run.pruner.gate_gradients()
    for name, p in run.named:
        expected = torch.where(p != 0, ungated[name], 0.0) if name in SIZES else ungated[name]
        assert torch.equal(p.grad, expected)


def test_nothing_is_gated_before_the_first_event():
    run = Run()
    with torch.no_grad():
        run.named[1][1][:2] = 0.0
    run.train(19)
    assert run.events == []
    assert not bool((run.weights()["blocks.0.up"] == 0).any())
    assert run.pruner.report().achieved == 0.0


def test_a_parameter_without_a_gradient_is_passed_over():
    run = Run().train(30)
    run.named[1][1].grad = None
    run.pruner.gate_gradients()
    assert run.named[1][1].grad is None


@pytest.mark.parametrize("amsgrad", [False, True])
def test_weights_and_all_moments_of_pruned_coordinates_are_zeroed(amsgrad):
    named = parameters()
    optimizer = torch.optim.AdamW([p for _, p in named], lr=1e-2, amsgrad=amsgrad, fused=True)
    pruner = build_pruner("magnitude", named, optimizer, PRUNING, STEPS)
    for step in range(1, 21 + 7):
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
        pruner.gate_gradients()
        optimizer.step()
        pruner.step(step)
    keys = {"exp_avg", "exp_avg_sq"} | ({"max_exp_avg_sq"} if amsgrad else set())
    for name, p in named:
        if name in SIZES:
            assert bool((p == 0).any())
            state = optimizer.state[p]
            assert keys | {"step"} == set(state)
            for key in keys:
                assert bool((state[key][p == 0] == 0).all()), key
                assert bool((state[key][p != 0] != 0).all()), key
            assert float(state["step"]) == 27


def test_momentum_of_sgd_is_zeroed_too():
    named = parameters()
    optimizer = torch.optim.SGD([p for _, p in named], lr=1e-2, momentum=0.9)
    pruner = build_pruner("magnitude", named, optimizer, PRUNING, STEPS)
    for step in range(1, STEPS + 1):
        for _, p in named:
            p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(step))
        pruner.gate_gradients()
        optimizer.step()
        pruner.step(step)
    assert check_outcome(pruner, 0.5) is None
    weight = dict(named)["blocks.1.up"]
    assert bool((optimizer.state[weight]["momentum_buffer"][weight == 0] == 0).all())


@pytest.mark.parametrize("distribution", ["uniform", "global"])
def test_torch_prune_chooses_the_same_weights(distribution):
    named = parameters()
    optimizer = build_optimizer("adamw", named, OPTIMIZER)
    # 40 % of both sizes is a whole number, so per-tensor and total counts agree with the judge.
    named = [(name, p) for name, p in named if name in SIZES]
    named[1] = ("blocks.1.up", nn.Parameter(named[1][1].detach()[:, :5].clone()))
    settings = PRUNING | {"TARGET_SPARSITY": 0.4, "PRUNING_DISTRIBUTION": distribution}
    modules = []
    for name, weight in named:
        module = nn.Module()
        module.weight = nn.Parameter(weight.detach().clone())
        modules.append((name, module))
    if distribution == "uniform":
        for _, module in modules:
            torch_prune.l1_unstructured(module, "weight", amount=0.4)
    else:
        torch_prune.global_unstructured(
            [(module, "weight") for _, module in modules],
            pruning_method=torch_prune.L1Unstructured,
            amount=0.4,
        )
    build_pruner("magnitude", named, optimizer, settings, STEPS).step(60)
    for (name, weight), (_, module) in zip(named, modules, strict=True):
        assert torch.equal(weight != 0, module.weight_mask.bool()), name


def test_rescaled_gradients_leave_the_masks_of_bitter7():
    plain = Run("state", "adamwprune", ADAMWPRUNE_VARIANT="bitter7").train()
    scaled = Run("state", "adamwprune", ADAMWPRUNE_VARIANT="bitter7", EPSILON=1e-11)
    scaled.gradient_scale = 1e-3
    scaled.train()
    assert all(torch.equal(plain.masks()[name], scaled.masks()[name]) for name in SIZES)


def test_the_variants_do_not_all_prune_the_same():
    masks = {
        variant: torch.cat(
            [
                mask.flatten()
                for mask in Run("state", "adamwprune", ADAMWPRUNE_VARIANT=variant)
                .train()
                .masks()
                .values()
            ]
        )
        for variant in ("bitter0", "bitter1", "bitter7")
    }
    assert not torch.equal(masks["bitter0"], masks["bitter1"])
    assert not torch.equal(masks["bitter1"], masks["bitter7"])


@pytest.mark.parametrize("frequency", [1, 3, 40])
def test_the_frequency_is_honoured(frequency):
    run = Run(PRUNING_FREQUENCY=frequency).train()
    assert [event.step for event in run.events] == sorted({*range(20, 61, frequency), 60})
