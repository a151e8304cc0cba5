"""Every shipped defconfig resolves to the runs that its header says: the golden table."""

import pytest

from gpt2.budget import tokens_per_step
from lib.cli import ROOT
from scripts.matrix.expand import expand
from scripts.matrix.plan import plan

DEFCONFIGS = sorted(path.name for path in (ROOT / "defconfigs").iterdir() if path.is_file())

SPAM, PRUNE = "adamwspam-seed", "adamwprune-adamwspam-seed"
BITTER = [SPAM, f"{SPAM}+magnitude@50%", PRUNE]
BITTER += [f"{PRUNE}+bitter{n}@50%" for n in (0, 1)]
BITTER += [f"{SPAM}+21%steps", f"{SPAM}+magnitude@50%+21%steps", f"{PRUNE}+bitter2@50%+21%steps"]
FOUR = [SPAM, f"{SPAM}+magnitude@50%", PRUNE, f"{PRUNE}+bitter0@50%"]
ADV = ["adamwprune-adamwadv", "adamwprune-adamwadv+bitter0@50%"]
SWEPT = ("gpt2-pruning-comparison", "gpt2-shakespeare-spam")  # the arms' names have the values
LEVELS = (50, 70, 90)
METHODS = ("magnitude", "movement", "random", "obd")
SPIKES = [
    f"{optimizer} SPIKE_FACTOR={factor} GRAD_CLIP={clip}"
    for optimizer in ("adamw", "adamwadv", SPAM, "adamwspam-paper", "stable-spam")
    for factor in (1, 1000)
    for clip in (0, 1)
]

# name: arms, tokens per step, steps, learning rates, warm-up, betas, (begin, end, every), device
GOLDEN = {
    "quickstart": (
        ["adamw", "adamw+magnitude@50%", "adamwprune"]
        + ["adamwprune+bitter1@50%", "adamwprune+bitter7@50%"],
        *(2048, 300, (2e-3, 2e-4), 30, (0.9, 0.99), (25, 75, 10), "auto"),
    ),
    "smoke": (
        ["adamw", "adamw+magnitude@50%", "adamwprune", "adamwprune+bitter1@50%"],
        *(128, 20, (6e-4, 6e-5), 2, (0.9, 0.999), (25, 75, 2), "cpu"),
    ),
    "gpt2-shakespeare-char-cpu": (
        ["adamw"],
        *(768, 2000, (1e-3, 1e-4), 100, (0.9, 0.99), None, "cpu"),
    ),
    "gpt2-shakespeare-cpu": (
        ["adamw", "adamw+magnitude@50%", "adamwprune"]
        + [f"adamwprune+bitter{n}@50%" for n in (0, 1, 7)],
        *(1024, 400, (1e-3, 1e-4), 40, (0.9, 0.99), (25, 75, 10), "cpu"),
    ),
    "gpt2-shakespeare-bitter-lesson": (
        ["adamw", *(f"adamw+{name}@50%" for name in ("magnitude", "movement", "random", "obd"))]
        + ["adamwprune", *(f"adamwprune+bitter{n}@50%" for n in (0, 1, 3, 4, 5, 6, 7, 8, 9))],
        *(768, 1000, (1e-3, 1e-4), 100, (0.9, 0.99), (25, 75, 20), "cpu"),
    ),
    "gpt2-shakespeare-l4": (
        FOUR,
        *(65_536, 10_000, (6e-4, 6e-5), 100, (0.9, 0.999), (10, 100, 50), "cuda"),
    ),
    "gpt2-shakespeare-w7900": (
        FOUR,
        *(98_304, 10_000, (6e-4, 6e-5), 100, (0.9, 0.999), (10, 100, 50), "rocm"),
    ),
    "gpt2-shakespeare-matrix": (
        FOUR[:2] + ADV,
        *(65_536, 10_000, (6e-4, 6e-5), 100, (0.9, 0.999), (10, 100, 50), "auto"),
    ),
    "gpt2-adamwprune-finewebedu-79000-bitter-lesson": (
        BITTER,
        *(131_072, 10_000, (6e-4, 6e-5), 2000, (0.9, 0.95), (1, 100, 50), "auto"),
    ),
    "gpt2-pruning-comparison": (
        ["adamw", *(f"adamw+{name}@{level}%" for name in METHODS for level in LEVELS)]
        + ["adamwprune"]
        + [f"adamwprune+bitter{n}@{level}%" for n in range(10) for level in LEVELS],
        *(131_072, 10_000, (6e-4, 6e-5), 700, (0.9, 0.95), (25, 75, 0), "auto"),
    ),
    "gpt2-shakespeare-spam": (
        SPIKES,
        *(768, 1200, (1e-3, 1e-4), 100, (0.9, 0.999), None, "cpu"),
    ),
    "gpt2-vanilla-baseline": (
        ["adamw"],
        *(491_520, 10_000, (6e-4, 6e-5), 700, (0.9, 0.95), None, "auto"),
    ),
}


STUDY = [f"adamw {step}" for step in ("V0", "V1", "V3", "V7", "V9", "RT")]
STUDY += [f"adamw V0c{of}" for of in ("", "-V3", "-V7", "-V9")]
PARTS = [f"adamw {name}" for name in ("gpt2", "rope", "rmsnorm", "swiglu", "llama")]
AT_124M = (65_536, 10_000, (6e-4, 6e-5), 100, (0.9, 0.999), None, "auto")
AT_CPU = (768, 1000, (1e-3, 1e-4), 100, (0.9, 0.99), None, "cpu")
GOLDEN |= {
    "gpt2-unified-ra-ablation": (STUDY, *AT_124M),
    "gpt2-unified-ra-ablation-cpu": (STUDY, *AT_CPU),
    "gpt2-component-ablation": (PARTS, *AT_124M),
    "gpt2-component-ablation-cpu": ([*PARTS, "adamw post"], *AT_CPU),
}
TEN = ["adamw", SPAM, "adamwprune", *(f"adamwprune+bitter{n}@50%" for n in range(10))]
GOLDEN |= {
    "gpt2-bitter-matrix": (
        TEN,
        *(131_072, 10_000, (6e-4, 6e-5), 700, (0.9, 0.95), (25, 75, 0), "auto"),
    ),
    "gpt2-bitter-matrix-cpu": (
        TEN,
        *(768, 1000, (1e-3, 1e-4), 50, (0.9, 0.99), (25, 75, 20), "cpu"),
    ),
    "gpt2-openwebtext": (
        ["adamw"],
        *(491_520, 600_000, (6e-4, 6e-5), 2000, (0.9, 0.95), None, "auto"),
    ),
    "llama-124m": (
        ["adamw"],
        *(131_072, 10_000, (6e-4, 6e-5), 700, (0.9, 0.95), None, "auto"),
    ),
    "gpt2-llama-1360m": (
        ["adamw gpt2", "adamw llama"],
        *(524_288, 10_000, (2e-4, 2e-5), 700, (0.9, 0.95), None, "auto"),
    ),
}


def test_the_table_is_complete():
    assert set(GOLDEN) == set(DEFCONFIGS)


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_it_resolves_to_what_is_documented(configure, name):
    arms, tokens, steps, rates, warmup, betas, pruning, device = GOLDEN[name]
    the_plan = plan(configure(name))
    assert [planned.run.arm for planned in the_plan.runs] == arms
    assert the_plan.parity() == {}
    assert the_plan.configuration.problems == ()
    assert name == the_plan.config.MATRIX_NAME
    for planned in the_plan.runs:
        settings = planned.settings
        assert tokens_per_step(settings) == tokens
        assert planned.steps == round(steps * (1 + settings["EXTRA_ITERATIONS_PCT"] / 100))
        assert (settings["LEARNING_RATE"], settings["MIN_LR"]) == rates
        assert settings["WARMUP_STEPS"] == warmup
        assert (settings["BETA1"], settings["BETA2"]) == betas
        assert settings["WEIGHT_DECAY"] == 0.1
        assert settings["GRAD_CLIP"] == 1.0 or name in SWEPT
        assert settings["DEVICE"] == device
        if settings["PRUNING"]:
            keys = ("PRUNING_BEGIN_PCT", "PRUNING_END_PCT", "PRUNING_FREQUENCY")
            assert tuple(settings[key] for key in keys) == pruning
            assert settings["TARGET_SPARSITY"] == 0.5 or name in SWEPT


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_its_header_says_so_too(configure, name):
    text = (ROOT / "defconfigs" / name).read_text()
    header = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("# "))
    arms = [run.arm for run in expand(configure(name)).runs]
    assert f"Runs ({len(arms)}): {'; '.join(arms)} " in f"{header} "


@pytest.mark.parametrize("fragment", ["smoke", "seeds3", "deterministic"])
def test_fragments_go_with_every_defconfig(tree, fragment):
    from lib.kconfig import read_layer

    extra = read_layer(ROOT / "defconfigs" / "fragments" / f"{fragment}.config", fragment)
    for name in DEFCONFIGS:
        base = read_layer(ROOT / "defconfigs" / name, name)
        configuration = tree.resolve([base, extra])
        assert configuration.problems == ()
        assert expand(configuration).runs


def test_the_example_loads(tree):
    from lib.kconfig import read_layer

    configuration = tree.resolve([read_layer(ROOT / ".config.example", ".config.example")])
    assert configuration.problems == ()
    assert len(expand(configuration).runs) > 1
