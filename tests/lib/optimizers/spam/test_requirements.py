"""R1 to R8: each test fails when what it names is switched off."""

import math

import pytest
import torch
from torch import nn

from lib.optimizers.adamw import adamw
from lib.optimizers.spam import AdamWSPAM, clip
from lib.optimizers.spam import optimizer as module
from lib.optimizers.spam.clip import clip_foreach, clip_pieces
from tests.lib.optimizers.harness import counted_reads
from tests.lib.optimizers.spam.knobs import PRESETS, set_gradients
from tests.lib.optimizers.spam.plain import PlainSPAM

RARE = {"enable_clip": True, "theta": 50.0, "grace": 0}


def clipped_at(build, steps, **knobs):
    """Fraction of elements clipped at each of `steps`, for stationary Gaussian gradients."""
    weight = nn.Parameter(torch.zeros(20_000))
    optimizer = build([("w", weight)], enable_clip=True, **knobs)
    generator = torch.Generator().manual_seed(0)
    fractions = {}
    for step in range(1, max(steps) + 1):
        weight.grad = torch.randn(20_000, generator=generator)
        optimizer.step()
        fractions[step] = optimizer.read_events()["spam_clipped_fraction"]
    return [fractions[step] for step in steps]


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        (
            {"theta": 50.0, "corrected_reference": False, "grace": 0},
            [0.86, 0.80, 0.80, 0.68, 0.42, 0.09],
        ),
        ({"theta": 50.0, "corrected_reference": False}, [0, 0, 0.33, 0.19, 0.058, 0.006]),
        ({"theta": 50.0, "corrected_reference": True}, [0] * 6),
        ({"theta": 5000.0, "corrected_reference": False}, [0] * 6),
    ],
)
def test_share_of_ordinary_gradients_that_is_clipped(build, knobs, expected):
    found = clipped_at(build, (2, 20, 21, 50, 100, 200), **knobs)
    assert found == pytest.approx(expected, abs=0.01)
    assert [share > 0 for share in found] == [share > 0 for share in expected]


def test_r1_grace_counts_from_the_start_and_from_each_reset(build):
    weight = nn.Parameter(torch.zeros(4))
    knobs = {"enable_clip": True, "theta": 2.0, "grace": 3, "periodic_reset": True, "interval": 10}
    optimizer = build([("w", weight)], **knobs)
    clipped = []
    for step in range(1, 25):
        weight.grad = torch.full((4,), 10.0 ** (step % 10))
        optimizer.step()
        if optimizer.read_events()["spam_clipped_fraction"]:
            clipped.append(step)
    # Each gradient is ten times the last: clipped wherever it may be.
    assert clipped == [4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19, 23, 24]


def test_r2_a_row_first_seen_late_trains(build):
    """Without the guard a first gradient is clipped to 0, and so is every later one."""

    def trained(make):
        weight = nn.Parameter(torch.zeros(2, 50))
        optimizer = make([("w", weight)])
        generator = torch.Generator().manual_seed(0)
        for step in range(120):
            weight.grad = torch.randn(2, 50, generator=generator)
            if step < 60:
                weight.grad[1] = 0
            optimizer.step()
        return weight[1].detach().abs().mean()

    rate = {"learning_rate": 0.01, "epsilon": 1e-8, "weight_decay": 0.0}
    ours = trained(lambda named: build(named, "paper", **rate))
    adam = trained(lambda named: adamw(named, beta1=0.9, beta2=0.999, **rate))
    assert ours > 0.5 * adam > 0.01


def test_r3_a_reset_zeroes_every_moment_and_by_config_the_bias_step(build, model, train):
    for bias_reset, step in ((True, 1), (False, 10)):
        named = model()
        optimizer = build(
            named,
            periodic_reset=True,
            interval=10,
            bias_reset=bias_reset,
            warmup=True,
            warmup_steps=5,
            amsgrad=True,
        )
        train(optimizer, named, 0, 10)
        for _, p in named:
            state = optimizer.state[p]
            assert state["step"].item() == step
            torch.testing.assert_close(state["exp_avg"], 0.1 * p.grad)
            torch.testing.assert_close(state["exp_avg_sq"], 0.001 * p.grad**2)
            torch.testing.assert_close(state["max_exp_avg_sq"], 0.001 * p.grad**2)


@pytest.mark.parametrize(
    ("bias_reset", "expected"),
    [
        (False, [3.15, 3.00, 2.60, 2.15, 1.61, 1.15]),
        (True, [1.0, 0.71, 0.45, 0.33, 0.26, 0.23]),
    ],
)
def test_r3_size_of_the_updates_after_a_reset(build, bias_reset, expected):
    weight = nn.Parameter(torch.zeros(20_000))
    optimizer = build(
        [("w", weight)],
        periodic_reset=True,
        interval=50,
        bias_reset=bias_reset,
        # A floor of 1 is no warm-up, and shows the bare update.
        warmup=True,
        warmup_steps=1,
        warmup_floor=1.0,
        learning_rate=1.0,
    )
    generator = torch.Generator().manual_seed(0)
    sizes = []
    for step in range(1, 91):
        before = weight.detach().clone()
        weight.grad = torch.randn(20_000, generator=generator)
        optimizer.step()
        # Late in a run, where the old bias correction is 1.
        optimizer.state[weight]["step"] += 20_000 if step == 1 else 0
        if step - 49 in (1, 2, 5, 10, 20, 40):
            sizes.append((weight.detach() - before).square().mean().sqrt().item())
    assert sizes == pytest.approx(expected, rel=0.03, abs=0.01)


def test_r4_warm_up_scales_the_update_and_composes_with_any_schedule(scalar_run, build):
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    knobs = {"periodic_reset": True, "interval": 8, "warmup": True, "warmup_steps": 4}
    optimizer = build([("w", weight)], epsilon=0.0, warmup_floor=0.01, **knobs)
    scales = []
    for step in range(1, 25):
        rate = 0.5 / step
        optimizer.param_groups[0]["lr"] = rate
        before = weight.item()
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] == rate
        scales.append((before - weight.item()) / rate)
        effective = optimizer.read_events()["effective_learning_rate"]
        assert effective == pytest.approx(rate * scales[-1])
    warm = [module.warmup_scale(k, 4, 0.01) for k in range(4)]
    assert scales == pytest.approx([1] * 7 + warm + [1] * 4 + warm + [1] * 4 + warm[:1])


def test_r5_every_group_has_knobs_of_its_own(build):
    first, second = (nn.Parameter(torch.zeros(3, 3)) for _ in range(2))
    vector = nn.Parameter(torch.zeros(3))
    template = build([("w", first)]).param_groups[0]
    shared = {k: v for k, v in template.items() if k not in ("params", "name")}
    own = [
        {"params": [first], "theta": 4.0, "grace": 0, "interval": 6, "warmup_steps": 3},
        {"params": [second], "theta": 9.0, "grace": 5, "interval": 8, "warmup_steps": 2},
        {"params": [vector], "theta": math.inf, "interval": math.inf},
    ]
    names = {first: "first", second: "second", vector: "vector"}
    gate, gated = module.DensityGate(0), frozenset()
    optimizer = AdamWSPAM(own, names=names, detector=None, gate=gate, gated=gated, **shared)
    for step in range(1, 9):
        for p in names:
            p.grad = torch.full_like(p, 1.0 if step < 5 else 100.0)
        if step == 5:
            optimizer.condition_gradients(torch.ones(()))
            # The second group is in its grace window, the vector is never clipped.
            assert [p.grad.max().item() for p in names] == [pytest.approx(2.0), 100.0, 100.0]
        optimizer.step()
    assert [optimizer.state[p]["updates"] for p in names] == [3, 1, 8]
    assert (optimizer.reset_interval, optimizer.steps_since_reset) == (6, 1)
    with pytest.raises(ValueError, match="SPAM_THETA=-1"):
        AdamWSPAM(
            [{"params": [first], "theta": -1.0}],
            names=names,
            detector=None,
            gate=gate,
            gated=gated,
            **{k: v for k, v in shared.items() if k != "theta"},
        )


def test_r5_vectors_and_scalars_are_clipped_and_reset(build):
    named = [("bias", nn.Parameter(torch.zeros(3))), ("gate", nn.Parameter(torch.zeros(())))]
    optimizer = build(named, **RARE, periodic_reset=True, interval=4)
    for step in range(1, 5):
        for _, p in named:
            p.grad = torch.full_like(p, 1.0 if step < 3 else 1e3)
        if step == 3:
            optimizer.condition_gradients(torch.ones(()))
            for _, p in named:
                assert p.grad.max().item() == pytest.approx(math.sqrt(50))
        optimizer.step()
    assert [optimizer.state[p]["updates"] for _, p in named] == [1, 1]


def test_r5_sparse_gradients_are_refused_by_name_and_change_nothing(build):
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = build([("token_embedding.weight", table.weight)], "seed")
    table(torch.tensor([1])).sum().backward()
    before = table.weight.detach().clone()
    for call in (optimizer.step, lambda: optimizer.condition_gradients(torch.ones(()))):
        with pytest.raises(ValueError, match=r"gradient of token_embedding\.weight.*sparse=False"):
            call()
    assert torch.equal(table.weight, before)


def test_r5_complex_parameters_are_refused_by_name(build):
    weight = nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))
    with pytest.raises(ValueError, match=r"blocks\.0\.odd"):
        build([("blocks.0.odd", weight)])


def test_r5_a_parameter_without_a_gradient_is_left_alone_also_at_a_reset(build, model, train):
    named = model()
    optimizer = build(named, "seed", interval=8, warmup_steps=4, density=0.5)
    missing, never = named[1][1], named[2][1]
    for step in range(1, 18):
        train(optimizer, [n for n in named if n[1] is not never], step, step + 1)
        if step in (7, 14):
            # The next step is the 8th or the 16th, a reset; the others have gradients there.
            before = missing.detach().clone()
            missing.grad = None
            for _, p in named:
                if p is not missing and p is not never:
                    p.grad = torch.ones_like(p)
            optimizer.step()
            assert torch.equal(missing, before)
            assert optimizer.state[missing]["updates"] == 0
            assert not optimizer.state[missing]["exp_avg"].any()
    assert never not in optimizer.state
    build(named, "seed").step()


def test_r5_a_late_parameter_has_a_grace_window_of_its_own(build):
    early, late = (nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = build([("early", early), ("late", late)], enable_clip=True)
    for step in range(1, 60):
        early.grad = torch.ones(1)
        if step >= 30:
            # The first gradient is tiny: outside a grace window the next would be clipped.
            late.grad = torch.full((1,), 1e-6 if step == 30 else 1.0)
        optimizer.step()
        if step == 48:
            assert optimizer.read_events()["spam_clipped_fraction"] == 0
    assert optimizer.state[late]["updates"] == 30


def test_r6_the_spike_clip_is_before_the_global_clip(build):
    """One element of 1e6 must not scale all the others down to nothing."""
    weight = nn.Parameter(torch.zeros(100))
    optimizer = build([("w", weight)], "paper", grace=1)
    for _ in range(3):
        weight.grad = torch.full((100,), 0.01)
        optimizer.step()
    weight.grad = torch.full((100,), 0.01)
    weight.grad[0] = 1e6
    norm = optimizer.condition_gradients(weight.grad.norm())
    assert norm.item() < 0.2
    assert norm.item() == pytest.approx(weight.grad.norm().item(), rel=1e-6)
    torch.nn.utils.clip_grads_with_norm_([weight], 1.0, norm)
    assert weight.grad[1].item() == pytest.approx(0.01)


@pytest.mark.parametrize("preset", ["seed", "paper"])
def test_r7_nothing_on_the_path_reads_from_the_device(build, model, preset):
    named = model()
    optimizer = build(named, preset, interval=10, warmup_steps=5, grace=2, density=0.5)
    norm = torch.ones(())
    with counted_reads() as reads:
        for step in range(35):
            for _, p in named:
                p.grad = torch.full_like(p, 1.0 + step % 3)
            if step % 2:
                norm = optimizer.condition_gradients(norm)
            optimizer.step()
    assert reads.count == 0
    with counted_reads() as reads:
        optimizer.read_events()
    assert 1 <= reads.count <= 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("preset", ["seed", "paper"])
def test_r7_no_step_waits_for_the_gpu(build, model, preset):
    named = [(name, nn.Parameter(p.detach().cuda())) for name, p in model()]
    optimizer = build(named, preset, interval=10, warmup_steps=5, grace=2)
    for _, p in named:
        p.grad = torch.ones_like(p)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(35):
            optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("form", [clip_pieces, clip_foreach])
@pytest.mark.parametrize("preset", ["seed", "paper"])
def test_r8_equals_the_plain_loop_across_resets(build, model, preset, form, monkeypatch):
    monkeypatch.setattr(clip, "clip_pieces", form)
    knobs = {"interval": 25, "warmup_steps": 10, "grace": 4, "theta": 6.0, "weight_decay": 0.1}
    ours = model(torch.float64)
    optimizer = build(ours, preset, **knobs)
    weights = [p.detach().clone() for _, p in ours]
    decays = [0.1 if w.ndim >= 2 else 0.0 for w in weights]
    judge = PlainSPAM(weights, decays, PRESETS[preset] | knobs, max_norm=1.0)
    for step in range(60):
        set_gradients(ours, step, 30.0 if step in (15, 40) else 1.0)
        gradients = [p.grad.clone() for _, p in ours]
        parameters = [p for _, p in ours]
        norm = optimizer.condition_gradients(torch.nn.utils.get_total_norm(gradients))
        torch.nn.utils.clip_grads_with_norm_(parameters, 1.0, norm)
        optimizer.step()
        judge.step(gradients)
        for (name, a), b in zip(ours, weights, strict=True):
            torch.testing.assert_close(a.detach(), b, rtol=0, atol=1e-12, msg=f"{step} {name}")
    events = optimizer.read_events()
    assert events["spam_clipped_fraction"] > 0
    assert events["spam_resets"] == 2
    assert (events["spam_spikes"] >= 2) == (preset == "seed")
