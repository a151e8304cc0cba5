"""Which models have a format, and what the others are told."""

from dataclasses import replace

import pytest

from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.layouts import GPT2, LLAMA, layout_of
from tests.gpt2.exchange import models
from tests.gpt2.shapes import TINY


@pytest.mark.parametrize("name", models.SHAPES)
def test_the_format_of_a_shape(name):
    assert layout_of(models.SHAPES[name]) is (GPT2 if name.startswith("gpt2") else LLAMA)


@pytest.mark.parametrize(
    ("shape", "nearest", "clause"),
    [
        (replace(TINY, norm_position="post"), GPT2, "NORM_POSITION=post"),
        (replace(TINY, position_encoding="none"), GPT2, "POSITION_ENCODING=none"),
        (replace(TINY, n_kv_head=1), GPT2, "N_KV_HEAD=1"),
        (replace(TINY, qk_norm=True), GPT2, "QK_NORM=y"),
        (replace(TINY, normalization="rmsnorm"), GPT2, "NORMALIZATION=rmsnorm"),
        # The preset hybrid.
        (replace(TINY, position_encoding="rope", rope_theta=1e4), GPT2, "POSITION_ENCODING=rope"),
        (replace(models.LLAMA, norm_position="post"), LLAMA, "NORM_POSITION=post"),
        (replace(models.LLAMA, qk_norm=True), LLAMA, "QK_NORM=y"),
        (replace(models.LLAMA, ffn_type="standard", activation="gelu"), LLAMA, "FFN_TYPE=standard"),
        (
            replace(models.LLAMA, ffn_type="standard", norm_position="post"),
            LLAMA,
            "NORM_POSITION=post, FFN_TYPE=standard",
        ),
    ],
)
def test_a_model_without_a_format_is_told_which_component(shape, nearest, clause):
    with pytest.raises(ExchangeError) as caught:
        layout_of(shape)
    assert f"{nearest.model_class}, which does not have {clause}. " in str(caught.value)
    assert caught.value.exit_status == 2
