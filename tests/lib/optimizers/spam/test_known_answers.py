"""The tables of known answers: clip values, trajectories, decay, times of resets."""

import math

import pytest
import torch
from torch import nn

CLIP = {"enable_clip": True, "epsilon": 1e-8}


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"theta": 5000.0, "corrected_reference": False}, (1 - 0.999**50) * 5.999),
        ({"theta": 50.0, "corrected_reference": False}, 0.0511756733),
        ({"theta": 50.0, "corrected_reference": False, "grace": 0}, 0.0109338827),
        ({"theta": 50.0, "corrected_reference": True}, 0.0987455774),
    ],
)
def test_second_moment_after_a_spike_at_step_51(scalar_run, knobs, expected):
    _, optimizer = scalar_run([1.0] * 50 + [1e6], **CLIP | knobs)
    assert second_moment(optimizer) == pytest.approx(expected, abs=6e-11)


def test_without_the_clip_the_spike_fills_the_second_moment(scalar_run):
    _, optimizer = scalar_run([1.0] * 50 + [1e6])
    assert second_moment(optimizer) == pytest.approx(1e9, rel=1e-4)


@pytest.mark.parametrize(
    ("knobs", "at_21", "at_51"),
    [
        # The first step outside the grace window, and the spike, as limits of |g|.
        ({"theta": 5000.0, "corrected_reference": False}, 1.0, 15.6195986),
        (
            {"theta": 50.0, "corrected_reference": False},
            math.sqrt(50 * (1 - 0.999**20)),
            math.sqrt(50 * 0.0511756733 / 1.049),
        ),
        ({"theta": 50.0, "corrected_reference": True}, 1.0, 7.0710678),
    ],
)
def test_limits(build, knobs, at_21, at_51):
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = build([("w", weight)], **CLIP | knobs)
    expected = {20: 1.0, 21: at_21, 51: at_51}
    for step in range(1, 52):
        weight.grad = torch.full_like(weight, 1e6 if step == 51 else 1.0)
        norm = optimizer.condition_gradients(weight.grad.norm())
        assert norm.item() == pytest.approx(weight.grad.item(), rel=1e-12)
        if step in expected:
            assert weight.grad.item() == pytest.approx(expected[step], rel=1e-8)
        optimizer.step()


def test_the_corrected_reference_clips_at_the_spike_only(scalar_run):
    for gradients, expected in (([1.0] * 50, 0.0), ([1.0] * 50 + [1e6], 1 / 51)):
        _, optimizer = scalar_run(gradients, **CLIP)
        assert optimizer.read_events()["spam_clipped_fraction"] == expected
    _, optimizer = scalar_run([1.0] * 50 + [1e6], **CLIP, corrected_reference=False)
    assert optimizer.read_events()["spam_clipped_fraction"] == 2 / 51


TRAJECTORY = {
    "epsilon": 0.0,
    "periodic_reset": True,
    "interval": 4,
    "warmup": True,
    "warmup_steps": 2,
    "warmup_floor": 0.01,
}


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        (
            {"bias_reset": True},
            [-0.1, -0.2, -0.3, -0.32575, -0.401, -0.501, -0.601, -0.62675],
        ),
        (
            {"bias_reset": False},
            [-0.1, -0.2, -0.3, -0.314964, -0.370126, -0.451858, -0.538995, -0.551761],
        ),
        (
            {"bias_reset": True, "amsgrad": True},
            [-0.1, -0.2, -0.3, -0.32575, -0.401, -0.501, -0.601, -0.62675],
        ),
    ],
)
def test_trajectory_across_two_resets(scalar_run, knobs, expected):
    values, _ = scalar_run([1.0] * 8, **TRAJECTORY | knobs)
    assert values == pytest.approx(expected, abs=6e-7)


def test_a_kept_maximum_would_cancel_half_the_reset(scalar_run, monkeypatch):
    from lib.optimizers import conditioned

    kept = lambda group: ("exp_avg", "exp_avg_sq")  # noqa: E731
    reset = conditioned.ConditionedAdamW._reset_if_due

    def defective(self, step):
        with monkeypatch.context() as patch:
            patch.setattr(conditioned, "moments", kept)
            return reset(self, step)

    monkeypatch.setattr(conditioned.ConditionedAdamW, "_reset_if_due", defective)
    values, _ = scalar_run([1.0] * 4, **TRAJECTORY, amsgrad=True)
    assert values[3] == pytest.approx(-0.314874, abs=6e-7)


def test_decay_across_resets_is_not_scaled(build):
    matrix = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
    optimizer = build([("w", matrix)], **TRAJECTORY | {"epsilon": 1e-8, "weight_decay": 0.1})
    for _ in range(10):
        matrix.grad = torch.zeros_like(matrix)
        optimizer.step()
    assert matrix.item() == pytest.approx(0.9043820750, abs=6e-11)
    assert matrix.item() == pytest.approx(0.99**10, rel=1e-14)


def test_resets_come_every_interval_and_the_rate_of_the_groups_is_never_written(build):
    weight = nn.Parameter(torch.zeros(1))
    optimizer = build([("w", weight)], "seed", learning_rate=6e-4)
    resets = []
    for step in range(1, 5001):
        weight.grad = torch.ones(1)
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] == 6e-4
        if optimizer.steps_since_reset == 1:
            resets.append(step)
            assert optimizer.state[weight]["updates"] == 1
    assert resets == [1000, 2000, 3000, 4000, 5000]
    assert optimizer.read_events()["spam_resets"] == 5


def second_moment(optimizer):
    (state,) = optimizer.state.values()
    return state["exp_avg_sq"].item()


def test_the_mean_rate_over_an_interval(build):
    from lib.optimizers.spam.settings import warmup_scale

    paper = math.fsum(warmup_scale(k, 150, 0.01) for k in range(500)) / 500
    seed = math.fsum(warmup_scale(k, 100, 0.001) for k in range(1000)) / 1000
    assert (round(paper, 4), round(seed, 5)) == (0.8515, 0.95005)
