"""From Kconfig to the optimizer: what each preset fixes, and what kconfig refuses."""

import math

import pytest
import torch
from torch import nn

from lib.kconfig import ConfigError
from lib.kconfig.scan import scan_text
from lib.optimizers import OPTIMIZERS, build_optimizer

SPAM = {"OPTIMIZER": "adamwspam"}
KNOBS = ("theta", "corrected_reference", "grace", "interval", "bias_reset", "warmup_steps")
MORE = ("warmup_floor", "density", "amsgrad", "eps", "as_published")


def built(settings):
    named = [("blocks.0.w", nn.Parameter(torch.ones(3, 2))), ("b", nn.Parameter(torch.ones(2)))]
    return build_optimizer(settings["OPTIMIZER"], named, settings)


def knobs(optimizer):
    return [optimizer.param_groups[1][name] for name in (*KNOBS, *MORE)]


def test_the_preset_seed(one_run):
    optimizer = built(one_run(**SPAM, SPAM_PRESET="seed"))
    assert knobs(optimizer) == [50.0, True, 20, 1000, True, 100, 0.001, 1.0, True, 1e-8, False]
    assert (optimizer._detector._threshold, optimizer._detector._log_norms) == (2.0, False)


def test_the_preset_paper(one_run):
    optimizer = built(one_run(**SPAM, SPAM_PRESET="paper"))
    assert knobs(optimizer) == [5000.0, False, 20, 500, False, 150, 0.01, 1.0, False, 1e-6, True]
    assert optimizer._detector is None


def test_a_preset_of_your_own_begins_as_seed(one_run):
    seed, own = (built(one_run(**SPAM, SPAM_PRESET=preset)) for preset in ("seed", "custom"))
    assert knobs(seed) == knobs(own)


def test_epsilon_follows_that_of_every_arm_but_in_paper(one_run):
    for preset, expected in (("seed", 1e-7), ("custom", 1e-7), ("paper", 1e-6)):
        settings = one_run(**SPAM, SPAM_PRESET=preset, EPSILON="1e-7")
        assert built(settings).param_groups[0]["eps"] == expected


@pytest.mark.parametrize("preset", ["paper", "seed"])
@pytest.mark.parametrize("knob", [s for s in OPTIMIZERS["adamwspam"].settings if "SPAM" in s])
def test_a_preset_refuses_every_knob(one_run, preset, knob):
    value = {"SPAM_THETA": "77", "SPAM_INTERVAL": "300", "SPAM_DENSITY": "0.5"}.get(knob)
    if value is None:
        here = one_run(**SPAM, SPAM_PRESET=preset)[knob]
        value = "n" if here is True else "y" if not here else 2 * here
    with pytest.raises(ConfigError, match=f"{knob}=.* wants .*SPAM_PRESET_CUSTOM"):
        one_run(**SPAM, SPAM_PRESET=preset, **{knob: value})


def test_every_knob_of_your_own_reaches_the_optimizer(one_run):
    own = {
        "SPAM_THETA": "70",
        "SPAM_CORRECTED_REFERENCE": "n",
        "SPAM_GRACE": 3,
        "SPAM_INTERVAL": 300,
        "SPAM_BIAS_RESET": "n",
        "SPAM_WARMUP_STEPS": 7,
        "SPAM_WARMUP_FLOOR": "0.5",
        "SPAM_SPIKE_THRESHOLD": "3.5",
        "SPAM_LOG_NORMS": "y",
        "SPAM_AMSGRAD": "n",
        "SPAM_EPSILON": "1e-5",
        "SPAM_DENSITY": "0.5",
        "SPAM_AS_PUBLISHED": "y",
    }
    optimizer = built(one_run(**SPAM, SPAM_PRESET="custom", **own))
    assert knobs(optimizer) == [70.0, False, 3, 300, False, 7, 0.5, 0.5, False, 1e-5, True]
    assert (optimizer._detector._threshold, optimizer._detector._log_norms) == (3.5, True)


def test_every_switch_of_your_own_reaches_the_optimizer(one_run):
    off = {"SPAM_ENABLE_CLIP": "n", "SPAM_PERIODIC_RESET": "n", "SPAM_DETECT_SPIKES": "n"}
    optimizer = built(one_run(**SPAM, SPAM_PRESET="custom", **off))
    (group, _) = optimizer.param_groups
    assert (group["theta"], group["interval"], group["warmup_steps"]) == (math.inf, math.inf, 0)
    assert optimizer._detector is None
    optimizer = built(one_run(**SPAM, SPAM_PRESET="custom", SPAM_WARMUP="n"))
    assert optimizer.param_groups[0]["warmup_steps"] == 0


def test_the_masks_of_density_follow_the_seed(one_run):
    gates = [
        built(one_run(**SPAM, SPAM_PRESET="seed", SEED=seed))._gate._seed for seed in (1, 1, 2)
    ]
    assert gates[0] == gates[1] != gates[2]


def test_a_base_of_adamwprune_brings_its_preset(one_run):
    settings = one_run(OPTIMIZER="adamwprune", ADAMWPRUNE_BASE="adamwspam", SPAM_PRESET="paper")
    assert knobs(built(settings)) == knobs(built(one_run(**SPAM, SPAM_PRESET="paper")))


def test_the_optimizer_alone_takes_the_preset_seed_and_says_so(configure, one_run):
    configuration = configure(**SPAM, PRUNING_METHOD="none")
    assert configuration.notes == (
        "SPAM_PRESET=seed is taken, its default; the others are paper, custom",
    )
    assert one_run(**SPAM) == one_run(**SPAM, SPAM_PRESET="seed")
    for preset in ("seed", "paper", "seed,paper"):
        chosen = configure(**SPAM, SPAM_PRESET=preset)
        assert (",".join(chosen.typed().SPAM_PRESET), chosen.notes) == (preset, ())
    with pytest.raises(ValueError, match="SPAM_PRESET is empty.*seed, paper, custom"):
        one_run(**SPAM, SPAM_PRESET_SEED="n")
    assert one_run(OPTIMIZER="adamw")["SPAM_PRESET"] is None


BLOCK = """\
# Spike detection and clipping (prevents gradient explosions)
CONFIG_SPAM_ENABLE_CLIP=y
CONFIG_SPAM_SPIKE_THRESHOLD="2.0"
CONFIG_SPAM_THETA="50.0"

# Periodic exploration (escape local minima)
CONFIG_SPAM_PERIODIC_RESET=y
CONFIG_SPAM_INTERVAL=1000
CONFIG_SPAM_WARMUP=y
CONFIG_SPAM_WARMUP_STEPS=100
"""


@pytest.mark.parametrize("preset", ["seed", "custom"])
@pytest.mark.parametrize("kind", ["request", "state"])
def test_the_block_of_settings_that_people_bring_loads_as_a_fragment(tree, preset, kind):
    lines = f"CONFIG_OPTIMIZER_ADAMWSPAM=y\nCONFIG_SPAM_PRESET_{preset.upper()}=y\n"
    base = scan_text(lines, "base", kind)
    plain, found = tree.resolve([base]), tree.resolve([base, scan_text(BLOCK, "spam", "request")])
    assert found.typed().hash == plain.typed().hash
    assert found.problems == found.dropped == found.overridden == found.notes == ()


@pytest.mark.parametrize(
    "option", [{"SPAM_THETA": "50.0"}, {"SPAM_EPSILON": "1e-08"}, {"SPAM_DENSITY": "1"}]
)
def test_a_number_that_a_preset_fixes_may_be_written_in_any_way(one_run, option):
    assert one_run(**SPAM, SPAM_PRESET="seed", **option) == one_run(**SPAM, SPAM_PRESET="seed")


def test_stable_spam(one_run):
    own = {"GAMMA1": "0.85", "GAMMA2": "0.99999", "GAMMA3": "0.99", "INTERVAL": 7}
    settings = {f"STABLE_SPAM_{name}": value for name, value in own.items()}
    optimizer = built(one_run(OPTIMIZER="stable-spam", **settings))
    assert optimizer._gammas == (0.85, 0.99999, 0.99)
    assert optimizer.reset_interval == 7
    assert built(one_run(OPTIMIZER="stable-spam"))._gammas == (0.7, 0.9, 0.999)
