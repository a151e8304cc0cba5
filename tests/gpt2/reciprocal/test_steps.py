import re
from dataclasses import fields, replace

import pytest
import torch

from gpt2.ra import step_model
from gpt2.reciprocal.counts import block_count
from gpt2.reciprocal.steps import CONTROL, STEPS, step_named, widths
from tests.gpt2.reciprocal.models import OPTIONS, SHAPE
from tests.gpt2.shapes import sized

GPT2 = sized(12, 12, 768, 1024, 50304)

# As published with the steps, and by hand for the controls.
PARAMETERS = {
    "V0": 124_475_904, "V1": 124_439_328, "V2": 124_439_472, "V3": 124_393_272,
    "V4": 124_442_424, "V5": 124_393_284, "V6": 124_442_436, "V7": 124_439_328,
    "V8": 124_439_472, "V9": 124_439_328, "V10": 152_769_456, "V11": 124_429_848,
    "V12": 124_439_328, "V13": 124_429_848, "V14": 124_429_848, "V15": 124_429_860,
    "V16": 124_439_328, "V17": 124_429_848, "V18": 124_429_860,
    "V0c": 124_439_040, "V0c:V3": 124_392_960, "V0c:V11": 124_429_824, "V0c:V10": 152_769_024,
    "V0lr": 124_439_040, "RT": 123_554_592, "V3t": 123_803_448, "V5t": 124_402_500,
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_parameters_at_124m(name):
    step = STEPS[name]
    with torch.device("meta"):
        model = step_model(GPT2, step, OPTIONS, None)
    assert step.parameters == sum(p.numel() for p in model.parameters())
    assert PARAMETERS.get(name, step.parameters) == step.parameters
    assert 12 * block_count(step, GPT2, OPTIONS).matrices == sum(
        p.numel() for p in model.blocks.parameters() if p.dim() >= 2
    )


def test_the_table_has_every_step_and_control():
    assert set(PARAMETERS) <= set(STEPS)
    steps = [name for name in STEPS if re.fullmatch(r"V\d+", name)]
    assert steps == [f"V{number}" for number in range(19)]


def test_every_step_but_v0_has_a_plain_control():
    for name, step in STEPS.items():
        if name in ("V0",) or step.twin_of is not None and not step.scales_rows:
            assert name not in CONTROL
        else:
            control = STEPS[CONTROL[name]]
            assert control.twin_of is not None
            assert not control.is_reciprocal


def test_a_record_is_complete():
    """No default fills in what a row leaves out: that is how steps came to depend on others."""
    from dataclasses import MISSING

    assert all(
        field.default is MISSING and field.default_factory is MISSING
        for field in fields(type(STEPS["V0"]))
    )


@pytest.mark.parametrize("spelling", ["V0c:V3", "v0c-v3", "V0C_V3", "v0C:v3"])
def test_a_step_by_any_spelling(spelling):
    assert step_named(spelling).name == "V0c:V3"


def test_an_unknown_step_names_those_there_are():
    with pytest.raises(ValueError, match=r"no step 'V99'; the steps are V0, V1, V2"):
        step_named("V99")


def test_sizes_keep_their_proportion():
    at_124m = widths(STEPS["V13"], GPT2, 0)
    assert at_124m == (3072, 0, 1152)
    assert widths(STEPS["V1"], GPT2, 0).rank == 4
    assert widths(STEPS["V10"], GPT2, 0).hidden == 4608
    assert widths(STEPS["V13"], SHAPE, 0) == (256, 0, 96)
    assert [widths(STEPS[n], SHAPE, 0).rank for n in ("V1", "V7", "V9")] == [1, 2, 1]


@pytest.mark.parametrize(
    ("name", "rank", "shape", "said"),
    [
        ("V1", 16, SHAPE, "leaves nothing of heads of 16; set RA_R to 15 or less"),
        ("V1", 0, replace(SHAPE, n_head=64), "leaves nothing of heads of 1"),
        ("RT", 9, SHAPE, "set RA_R to 8 or less"),
    ],
)
def test_what_leaves_no_room_is_a_sentence(name, rank, shape, said):
    with pytest.raises(ValueError, match=said):
        widths(STEPS[name], shape, rank)
