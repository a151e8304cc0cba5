import math

import pytest
import torch
from torch import nn

from lib.optimizers.conditioned import since_reset
from lib.optimizers.spam.settings import warmup_scale


def one():
    return [("blocks.0.w", nn.Parameter(torch.ones(2, 2)))]


@pytest.mark.parametrize(
    ("knobs", "symbols"),
    [
        ({"warmup": False, "bias_reset": False}, "SPAM_WARMUP SPAM_BIAS_RESET SPAM_PERIODIC_RESET"),
        ({"interval": 199}, "SPAM_WARMUP_STEPS=100 SPAM_INTERVAL=199"),
        ({"warmup_steps": 0}, "SPAM_WARMUP_STEPS=0"),
        ({"warmup_steps": -1}, "SPAM_WARMUP_STEPS=-1"),
        ({"warmup_floor": 0.0}, "SPAM_WARMUP_FLOOR=0.0"),
        ({"warmup_floor": 1.5}, "SPAM_WARMUP_FLOOR=1.5"),
        ({"theta": 0.0}, "SPAM_THETA=0.0"),
        ({"theta": -1.0}, "SPAM_THETA=-1.0"),
        ({"theta": math.nan}, "SPAM_THETA=nan"),
        ({"grace": -1}, "SPAM_GRACE=-1"),
        ({"interval": 0}, "SPAM_INTERVAL=0"),
        ({"interval": 400.5}, "SPAM_INTERVAL=400.5"),
        ({"density": 0.0}, "SPAM_DENSITY=0.0"),
        ({"density": 1.01}, "SPAM_DENSITY=1.01"),
        ({"density": 0.5, "epsilon": 0.0}, "SPAM_DENSITY SPAM_EPSILON"),
        ({"spike_threshold": 0.0}, "SPAM_SPIKE_THRESHOLD=0.0 SPAM_DETECT_SPIKES"),
        ({"spike_threshold": math.inf}, "SPAM_SPIKE_THRESHOLD=inf"),
        ({"epsilon": -1e-8}, "SPAM_EPSILON"),
        ({"learning_rate": -1.0}, "LEARNING_RATE"),
        ({"weight_decay": math.nan}, "WEIGHT_DECAY"),
        ({"beta1": 1.0}, "BETA1"),
        ({"beta2": -0.5}, "BETA2"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_options(build, knobs, symbols):
    with pytest.raises(ValueError, match=r"; (set|switch) ") as refusal:
        build(one(), "seed", **knobs)
    assert all(symbol in str(refusal.value) for symbol in symbols.split())


def test_what_is_switched_off_is_not_judged(build):
    build(one(), "seed", periodic_reset=False, interval=1)
    build(one(), "seed", warmup=False, warmup_steps=10_000)
    build(one(), "seed", detect_spikes=False, spike_threshold=-1.0)
    build(one(), "seed", interval=200)
    build(one(), "paper", theta=math.inf, interval=math.inf)


def test_density_without_a_block_matrix_is_refused(build):
    vector = [("blocks.0.bias", nn.Parameter(torch.ones(2))), ("w", one()[0][1])]
    with pytest.raises(ValueError, match="SPAM_DENSITY=0.5 and no .* 'blocks.*SPAM_DENSITY=1"):
        build(vector, density=0.5)


def test_notes_say_what_theta_does_to_rare_rows(build):
    (note,) = build(one(), "seed").notes()
    assert note.startswith("SPAM_THETA=50 x (1 - BETA2) < 1")
    assert "to 0.22 of it" in note
    assert build(one(), "paper").notes() == []
    assert build(one(), "seed", beta2=0.95).notes() == []
    assert build(one(), "seed", enable_clip=False).notes() == []
    (note,) = build(one(), "paper", interval=10, warmup_steps=5).notes()
    assert "SPAM_GRACE=20 is not below SPAM_INTERVAL=10" in note


@pytest.mark.parametrize(
    ("steps", "floor", "k", "expected"),
    [
        (150, 0.01, 0, 0.010107),
        (150, 0.01, 49, 0.254533),
        (150, 0.01, 149, 0.999893),
        (150, 0.01, 150, 1.0),
        (100, 0.001, 0, 0.001242),
        (100, 0.001, 49, 0.492732),
    ],
)
def test_known_answers_of_the_scale(steps, floor, k, expected):
    assert round(warmup_scale(k, steps, floor), 6) == expected


def test_the_scale_is_exactly_one_before_the_first_reset_and_after_the_warm_up():
    assert [warmup_scale(k, 150, 0.01) for k in (None, 150, 10**9)] == [1.0, 1.0, 1.0]
    assert warmup_scale(0, 0, 0.01) == 1.0
    rising = [warmup_scale(k, 150, 0.01) for k in range(151)]
    assert all(a < b for a, b in zip(rising, rising[1:], strict=False))


def test_age_of_a_reset():
    assert [since_reset(step, 3) for step in range(1, 8)] == [None, None, 0, 1, 2, 0, 1]
    assert since_reset(10**9, math.inf) is None
