"""What a preset fixes is there to be read in `make menuconfig`."""

import kconfiglib
import pytest

from lib.cli import ROOT
from lib.kconfig.backend import parse

# Of each option that a preset fixes, the words for its values in the menu.
WORDS = {
    "FFN_HIDDEN": {"0": "four widths"},
    "N_KV_HEAD": {"0": "as many heads of keys and values as of queries"},
    "QK_NORM": {"n": "no QK-norm"},
    "BIAS": {"y": ": biases", "n": "no biases"},
    "WEIGHT_TYING": {"y": "head tied", "n": "head of its own"},
}


@pytest.fixture(scope="module")
def kconfig():
    return parse(ROOT)


def shown(kconfig) -> list[str]:
    """The comments of the menu as it stands."""
    return [node.prompt[0] for node in kconfig.node_iter() if is_comment(node)]


def is_comment(node) -> bool:
    return node.item == kconfiglib.COMMENT and kconfiglib.expr_value(node.prompt[1]) == 2


@pytest.mark.parametrize("preset", ["gpt2", "llama", "team", "hybrid"])
def test_a_preset_leaves_nothing_unsaid(kconfig, preset):
    kconfig.syms[f"ARCH_PRESET_{preset.upper()}"].set_value(2)
    fixed = [line for line in shown(kconfig) if line.startswith("Fixed by the preset")]
    for name, words in WORDS.items():
        symbol = kconfig.syms[name]
        assert symbol.visibility == 0, f"{name} is a choice of its own"
        # SwiGLU shows how many it has.
        if name == "FFN_HIDDEN" and kconfig.syms["FFN_TYPE_SWIGLU"].str_value == "y":
            assert kconfig.syms["FFN_MULTIPLE"].visibility == 2
            continue
        assert any(words[symbol.str_value] in line for line in fixed), name


def test_custom_fixes_nothing(kconfig):
    kconfig.syms["ARCH_PRESET_CUSTOM"].set_value(2)
    assert not any(line.startswith("Fixed by the preset") for line in shown(kconfig))
    assert all(kconfig.syms[name].visibility == 2 for name in WORDS)
