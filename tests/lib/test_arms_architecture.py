import pytest

from lib.arms import COMPONENTS, architecture_label, step_label


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "gpt2"),
        ({"ARCH_PRESET": "llama"}, "llama"),
        ({"ARCH_PRESET": "team"}, "team"),
        ({"ARCH_PRESET": "custom"}, "gpt2"),
        ({"ARCH_PRESET": "custom", "POSITION_ENCODING": "none", "QK_NORM": "y"}, "nopos+qknorm"),
        ({"ARCH_PRESET": "custom", "N_KV_HEAD": 1, "FFN_HIDDEN": 24}, "ffn24+1kv"),
        (
            {"ARCH_PRESET": "custom", "ARCH_BASE": "llama"},
            "rmsnorm+rope+swiglu+nobias+untied",
        ),
        ({"ARCHITECTURE": "unified-ra", "RA_STEP": "V0c-V3"}, "V0c-V3"),
        ({"ARCHITECTURE": "unified-ra", "RA_STEP": "RT"}, "RT"),
    ],
)
def test_labels(one_run, options, label):
    assert architecture_label(one_run(**options)) == label


def test_steps_are_written_as_people_do():
    assert [step_label(text) for text in ("v0c-v3t", "rt", "v0lr", "v18")] == [
        *("V0c-V3t", "RT", "V0lr", "V18"),
    ]


def test_what_is_published_is_what_the_preset_gpt2_has(one_run):
    settings = one_run()
    assert {name: settings[name] for name in COMPONENTS} == {
        name: published for name, (published, _) in COMPONENTS.items()
    }
