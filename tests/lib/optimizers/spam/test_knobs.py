"""Every knob acts: changed alone, it changes the trajectory."""

import pytest
import torch

# Every mechanism at work within sixty steps: resets, warm-ups, clipped elements, spiked norms.
LIVELY = {
    "theta": 6.0,
    "grace": 4,
    "interval": 20,
    "warmup_steps": 8,
    "learning_rate": 1e-2,
    "weight_decay": 0.1,
    "density": 0.8,
}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("learning_rate", 2e-2),
        ("beta1", 0.8),
        ("beta2", 0.99),
        ("epsilon", 1e-3),
        ("weight_decay", 0.2),
        ("enable_clip", False),
        ("theta", 5.0),
        ("corrected_reference", False),
        ("grace", 5),
        ("periodic_reset", False),
        ("interval", 21),
        ("bias_reset", False),
        ("warmup", False),
        ("warmup_steps", 9),
        ("warmup_floor", 0.1),
        ("detect_spikes", False),
        ("spike_threshold", 30.0),
        ("log_norms", True),
        ("amsgrad", False),
        ("density", 0.7),
        ("seed", 2),
    ],
)
def test_every_knob_acts(build, model, train, keyword, value):
    base, changed = model(), model()
    for named, knobs in ((base, LIVELY), (changed, LIVELY | {keyword: value})):
        train(build(named, "seed", **knobs), named, 0, 60, spikes=(15, 33, 51), factor=1.15)
    assert not torch.equal(base[1][1], changed[1][1])
