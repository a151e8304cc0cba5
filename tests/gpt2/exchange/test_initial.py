"""What of a folder's tensors fits a model; a whole run is in tests/gpt2/trainers."""

from dataclasses import replace

import pytest

from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.write import write_export
from tests.gpt2.exchange.models import made
from tests.gpt2.shapes import TINY


def test_a_bias_that_is_not_zero_needs_one_here(tmp_path, taken):
    write_export(tmp_path / "out", made(TINY), None, {})
    without = replace(TINY, bias=False)
    with pytest.raises(ExchangeError, match=r"bias that is not zero, .*c_attn.bias.* Set BIAS=y"):
        taken(tmp_path / "out", without)
    with pytest.raises(ExchangeError, match="Set NORMALIZATION=layernorm"):
        taken(tmp_path / "out", replace(TINY, normalization="layernorm-nobias"))


def test_zeros_are_as_good_as_no_bias(tmp_path, taken):
    write_export(tmp_path / "out", made(replace(TINY, bias=False)), None, {})
    taken(tmp_path / "out", replace(TINY, bias=False))
    found = taken(tmp_path / "out", TINY)
    assert not found.blocks[0].attention.qkv.bias.any()
