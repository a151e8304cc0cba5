import pytest

from lib.kconfig.sweep import parse_sweep, parse_variations, sweep_complaint


def test_axes_in_the_order_written(tree):
    text = "TARGET_SPARSITY=0.5,0.9;SEED=3;MODEL=gpt2,GPT2_MEDIUM;BIAS=y,n"
    assert parse_sweep(text, tree.symbols, tree.groups) == {
        "TARGET_SPARSITY": ("0.5", "0.9"),
        "SEED": ("3",),
        "MODEL": ("gpt2", "GPT2_MEDIUM"),
        "BIAS": ("y", "n"),
    }
    # Also by the short name that people type after `make`.
    assert parse_sweep("EPOCHS=1,2", tree.symbols, tree.groups) == {"NUM_EPOCHS": ("1", "2")}
    assert parse_variations("EPOCHS=2", tree.symbols, tree.groups) == ({"NUM_EPOCHS": "2"},)
    # And a bool as other systems write it, as on the command line.
    assert parse_sweep("BIAS=True,no", tree.symbols, tree.groups) == {"BIAS": ("y", "n")}
    assert parse_variations("BIAS=False", tree.symbols, tree.groups) == ({"BIAS": "n"},)
    assert parse_sweep("", tree.symbols, tree.groups) == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SEED", "not SYMBOL=value,value"),
        ("SEED=", "not SYMBOL=value,value"),
        ("SEED=1;", "not SYMBOL=value,value"),
        (" SEED=1", "not SYMBOL=value,value"),
        ("NOSUCH=1", "is no option"),
        ("PRUNING=y,n", "is no option"),
        ("OPTIMIZER=adamw", "names the axis OPTIMIZER"),
        ("OPTIMIZER_ADAMW=y", "sweep OPTIMIZER instead"),
        ("DEVICE_CPU=y", "sweep DEVICE instead"),
        ("DEVICE=tpu", "is none of auto, cpu, cuda"),
        ("SEED=1,x", "is no whole decimal number"),
        ("SEED=1,,2", "is no whole decimal number"),
        ("SEED=1,1", "the same value twice"),
        ("TARGET_SPARSITY=0.5,5e-1", "the same value twice"),
        ("DEVICE=cpu,CPU", "the same value twice"),
        ("TARGET_SPARSITY=1.5", "out of range"),
        ("SEED=1;SEED=2", "names SEED twice"),
        ("EPOCHS=1;NUM_EPOCHS=2", "names NUM_EPOCHS twice"),
        ("SWEEP=1", "names SWEEP, which itself asks for runs"),
    ],
)
def test_what_is_no_sweep(tree, text, what):
    assert what in sweep_complaint("sweep", text, tree.symbols, tree.groups)


def test_variations(tree):
    text = "SEED=3;SEED=4 MODEL=gpt2;BIAS=n"
    assert parse_variations(text, tree.symbols, tree.groups) == (
        {"SEED": "3"},
        {"SEED": "4", "MODEL": "gpt2"},
        {"BIAS": "n"},
    )
    assert parse_variations("", tree.symbols, tree.groups) == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SEED", "has `SEED`, which is not SYMBOL=value"),
        ("SEED=", "has `SEED=`, which is not SYMBOL=value"),
        ("SEED=3;", "has the part ``"),
        ("SEED=3; BIAS=n", "has the part ` BIAS=n`"),
        ("SEED=3  BIAS=n", "has ``, which is not SYMBOL=value"),
        ("NOSUCH=3", "names NOSUCH, which is no option"),
        ("MODEL=nosuch", "MODEL=nosuch, which is none of"),
        ("SEED=x", "has SEED=x, which is no whole decimal number"),
        ("SEED=3 SEED=4", "names SEED twice in `SEED=3 SEED=4`"),
        ("SEED=3;SEED=3", "has `SEED=3` twice"),
        ("SWEEP=SEED=3", "names SWEEP, which itself asks for runs"),
    ],
)
def test_what_are_no_variations(tree, text, what):
    assert what in sweep_complaint("variations", text, tree.symbols, tree.groups)
