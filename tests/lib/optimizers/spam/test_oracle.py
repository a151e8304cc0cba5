"""Against pytorch_optimizer 4.1.0: where its SPAM must agree with ours, and where it must not.

Aligned first. It adds eps to sqrt(v) before the bias correction: eps is 0 here. It decays after
the update: no decay here. Its first grace window has 19 steps: so has ours where it matters.
"""

import pytest
import torch
from torch import nn

oracle = pytest.importorskip("pytorch_optimizer", reason="needs requirements-dev.txt")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
# Its re-warm-up is a step ahead of the published one, as ours is without `as_published`.
PAPER = {"epsilon": 0.0, "learning_rate": 0.1, "as_published": False}


def theirs(weights, *, interval=500, warmup=150, theta=5000):
    return oracle.SPAM(
        weights,
        lr=0.1,
        eps=0.0,
        warmup_epoch=warmup,
        threshold=theta,
        grad_accu_steps=20,
        update_proj_gap=interval,
    )


def theirs_on_a_scalar(gradients, **knobs):
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = theirs([weight], **knobs)
    values = []
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        values.append(weight.item())
    return values, optimizer.state[weight]["exp_avg_sq"].item()


def test_agrees_over_resets_warm_ups_and_spikes(build):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(40, generator=generator, dtype=torch.float64)
    ours, judged = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizer = build([("w", ours)], "paper", **PAPER, interval=60, warmup_steps=25)
    judge = theirs([judged], interval=60, warmup=25)
    for step in range(1, 200):
        gradient = torch.randn(40, generator=generator, dtype=torch.float64)
        # Both inside a grace window and outside; before a reset and in a warm-up.
        gradient[step % 40] *= 1e4 if step in (30, 65, 81, 110, 150) else 1.0
        for weight, each in ((ours, optimizer), (judged, judge)):
            weight.grad = gradient.clone()
            each.step()
        torch.testing.assert_close(ours, judged, rtol=1e-10, atol=1e-10, msg=str(step))
    assert optimizer.read_events()["spam_clipped_fraction"] >= 4 / (199 * 40)


def test_agrees_on_the_known_trajectory_without_bias_reset(scalar_run):
    ours, _ = scalar_run([1.0] * 8, "paper", **PAPER, interval=4, warmup_steps=2, enable_clip=False)
    judged, _ = theirs_on_a_scalar([1.0] * 8, interval=4, warmup=2)
    assert judged == pytest.approx(ours, rel=1e-12)
    expected = [-0.1, -0.2, -0.3, -0.314964, -0.370126, -0.451858, -0.538995, -0.551761]
    assert judged == pytest.approx(expected, abs=6e-7)


def test_agrees_on_the_clip_at_theta_5000(scalar_run):
    gradients = [1.0] * 50 + [1e6]
    _, optimizer = scalar_run(gradients, "paper", **PAPER)
    (state,) = optimizer.state.values()
    _, judged = theirs_on_a_scalar(gradients)
    assert judged == pytest.approx(state["exp_avg_sq"].item(), rel=1e-12)


def test_differs_at_theta_50_by_one_step_of_grace(scalar_run):
    gradients = [1.0] * 50 + [1e6]
    _, judged = theirs_on_a_scalar(gradients, theta=50)
    assert judged == pytest.approx(0.0511131390, abs=6e-11)
    moments = []
    for grace in (20, 19):
        _, optimizer = scalar_run(gradients, "paper", **PAPER, theta=50.0, grace=grace)
        (state,) = optimizer.state.values()
        moments.append(state["exp_avg_sq"].item())
    assert moments[0] == pytest.approx(0.0511756733, abs=6e-11)
    assert moments[1] == pytest.approx(judged, rel=1e-12)


def test_differs_where_v_is_zero_it_freezes_rows_first_seen_late(build):
    ours, judged = (nn.Parameter(torch.zeros(2, 30, dtype=torch.float64)) for _ in range(2))
    optimizer = build([("w", ours)], "paper", epsilon=1e-6, learning_rate=0.1)
    judge = oracle.SPAM([judged], lr=0.1, warmup_epoch=150, update_proj_gap=500)
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 121):
        gradient = torch.randn(2, 30, generator=generator, dtype=torch.float64)
        gradient[1] *= step >= 60
        for weight, each in ((ours, optimizer), (judged, judge)):
            weight.grad = gradient.clone()
            each.step()
    assert not judged[1].any()
    assert ours[1].abs().mean() > 0.05
    assert judged[0].abs().mean() > 0.05


def test_differs_in_the_bias_step_that_it_does_not_reset(scalar_run):
    ours, _ = scalar_run([1.0] * 4, **PAPER, periodic_reset=True, interval=4, warmup=True,
                         warmup_steps=2, warmup_floor=0.01)  # fmt: skip
    judged, _ = theirs_on_a_scalar([1.0] * 4, interval=4, warmup=2)
    assert (ours[3], judged[3]) == (
        pytest.approx(-0.32575, abs=6e-7),
        pytest.approx(-0.314964, abs=6e-7),
    )


def test_density_of_theirs_leaves_decay_undone():
    """Indexing by a mask makes a copy, and the decay of the copy is lost; ours reaches all."""
    weight = nn.Parameter(torch.ones(20, 20))
    judge = oracle.SPAM([weight], lr=0.1, weight_decay=0.1, density=0.5)
    for _ in range(5):
        weight.grad = torch.zeros_like(weight)
        judge.step()
    undone = (weight == 1.0).double().mean().item()
    assert undone == pytest.approx(0.5, abs=0.01)
