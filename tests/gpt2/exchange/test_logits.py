"""The outside judge: the classes of transformers, with random weights, both ways."""

import pytest
import torch

from gpt2.exchange.config import config_of
from gpt2.exchange.layouts import layout_of
from gpt2.exchange.write import write_export
from tests.gpt2.exchange.models import SHAPES, made, tokens

transformers = pytest.importorskip("transformers")

LARGEST_DIFFERENCE = 2e-5


def compare(ours, theirs, shape):
    with torch.no_grad():
        expected, found = theirs(tokens(shape)).logits, ours(tokens(shape))
    # Of logits that are no smaller than those of a trained model.
    assert expected.std() > 0.5
    assert (expected - found).abs().max() <= LARGEST_DIFFERENCE


@pytest.mark.parametrize("name", SHAPES)
def test_an_export_computes_the_same_in_transformers(name, tmp_path):
    shape = SHAPES[name]
    model = made(shape)
    write_export(tmp_path / "out", model, None, {})
    theirs, info = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(info.values()), info
    assert type(theirs).__name__ == layout_of(shape).model_class
    compare(model, theirs.eval(), shape)


@pytest.mark.parametrize("name", SHAPES)
def test_a_model_of_transformers_computes_the_same_here(name, tmp_path, taken):
    shape = SHAPES[name]
    values = config_of(shape, layout_of(shape), None)
    kind = transformers.AutoConfig.for_model(**values)
    theirs = transformers.AutoModelForCausalLM.from_config(kind).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in theirs.parameters():
            mean, std = (1.0, 0.5) if parameter.dim() == 1 else (0.0, 0.2)
            parameter.normal_(mean, std, generator=generator)
        for pair in layout_of(shape).pairs(shape, shape.block_size):
            if not pair.is_here:
                theirs.get_parameter(pair.theirs[0]).zero_()
    theirs.save_pretrained(tmp_path / "theirs")
    compare(taken(tmp_path / "theirs", shape), theirs, shape)
