import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from lib.optimizers import build_optimizer
from lib.pruning import METHODS, NoPruning, build_pruner, check_outcome

OPTIMIZER = {
    "LEARNING_RATE": 1e-2,
    "BETA1": 0.9,
    "BETA2": 0.95,
    "EPSILON": 1e-8,
    "WEIGHT_DECAY": 0.1,
}
PRUNING = {
    "TARGET_SPARSITY": 0.5,
    "PRUNING_SCHEDULE": "zhu-gupta",
    "PRUNING_BEGIN_PCT": 25,
    "PRUNING_END_PCT": 75,
    "PRUNING_FREQUENCY": 7,
    "PRUNING_SCOPE": "blocks",
    "PRUNING_DISTRIBUTION": "uniform",
    "ADAMWPRUNE_VARIANT": "bitter1",
}
STEPS = 80
SIZES = {"blocks.0.up": 35, "blocks.1.up": 54}
N = sum(SIZES.values())


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(11)
    shapes = {
        "token_embedding.weight": (4, 3),
        "blocks.0.up": (5, 7),
        "blocks.0.bias": (5,),
        "blocks.1.up": (9, 6),
    }
    return [
        (name, nn.Parameter(torch.randn(shape, generator=generator).to(dtype)))
        for name, shape in shapes.items()
    ]


class Run:
    """A tiny training run whose loss pulls every weight towards a noisy goal of its own."""

    def __init__(self, method="magnitude", optimizer="adamw", dtype=torch.float32, **settings):
        self.named = parameters(dtype)
        self.settings = OPTIMIZER | PRUNING | settings
        self.gradient_scale = 1.0
        self.optimizer = build_optimizer(optimizer, self.named, self.settings)
        self.pruner = build_pruner(method, self.named, self.optimizer, self.settings, STEPS)
        self.step = 0
        self.events = []

    def train(self, steps=STEPS):
        for _ in range(steps):
            self.step += 1
            self.backward()
            self.pruner.gate_gradients()
            self.check_gate()
            self.optimizer.step()
            event = self.pruner.step(self.step)
            if event is not None:
                self.events.append(event)
                self.check_event(event)
        return self

    def backward(self):
        generator = torch.Generator().manual_seed(self.step)
        for _, p in self.named:
            goal = torch.randn(p.shape, generator=generator).to(p.dtype)
            # Coordinates differ in noise, or v would be the same for all and no score's business.
            noise = torch.linspace(0.03, 30.0, p.numel()).view(p.shape).to(p.dtype)
            p.grad = (p.detach() - goal) * noise * self.gradient_scale

    def check_gate(self):
        """Called between gate and optimizer; for a subclass."""

    def check_event(self, event):
        """Called after each event; for a subclass."""

    def weights(self):
        return {name: p.detach() for name, p in self.named}

    def masks(self):
        return {name: self.weights()[name] == 0 for name in SIZES}


def assert_same(first, second):
    for (name, a), (_, b) in zip(first.named, second.named, strict=True):
        assert torch.equal(a, b), name
        state_a, state_b = first.optimizer.state[a], second.optimizer.state[b]
        assert all(torch.equal(state_a[key], state_b[key]) for key in state_a), name


STATE_VARIANTS = [("magnitude", "bitter1")] + [("state", f"bitter{i}") for i in (0, 1, 7)]


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
        ("magnitude", {"PRUNING_SCHEDULE": "cubic"}, "no pruning schedule 'cubic'; choose one of"),
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
        "50% of 89 weights in 2 tensors, smallest |w| first, steps 20 to 60, every 7"
    )
    assert run.events[-1].row() == {"target": 0.5, "achieved": 44 / 89, "newly_pruned": 0}


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
        assert "misses the target 0.5" in check_outcome(run.pruner, 0.5)
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
