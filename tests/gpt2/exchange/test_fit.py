"""Every difference is named, and doing what the sentence says removes it."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.exchange.config import Described
from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.fit import NAMED_SIZES, check_fit, vocabulary_multiple
from gpt2.exchange.layouts import GPT2, LLAMA
from gpt2.exchange.published import PUBLISHED, described
from gpt2.shape import shape_of
from lib.kconfig import override_layer

TOKENS = 50257


@pytest.fixture
def options(configure):
    """options(NAME=value, ...): values of the smoke defconfig with overrides."""
    return lambda **overrides: configure("smoke", **overrides).typed()


def complaint(found, options, tokens=TOKENS):
    """The sentence, None where the model fits."""
    try:
        check_fit("x", found, shape_of(options, tokens), options, tokens)
    except ExchangeError as error:
        caught = error
    else:
        return None
    assert caught.exit_status == 2
    assert "\n" not in str(caught)
    return str(caught)


def advice(sentence):
    """The options that a sentence says to set."""
    return dict(re.findall(r"([A-Z][A-Z_]+)=(\S+)", sentence.partition(" Set ")[2].rstrip(".")))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_named_sizes_are_those_of_the_tree(name, options):
    chosen = options(MODEL=name, BLOCK_SIZE=1024, VOCAB_MULTIPLE=1)
    assert NAMED_SIZES[name] == (chosen["N_LAYER"], chosen["N_HEAD"], chosen["N_EMBD"])
    assert complaint(described(name), chosen) is None
    assert complaint(described(name), options(MODEL=name, BLOCK_SIZE=64, VOCAB_MULTIPLE=1)) is None


def test_every_difference_is_named(options):
    here = options(ARCH_PRESET="llama", BLOCK_SIZE=2048, VOCAB_MULTIPLE=64)
    sentence = complaint(described("gpt2-medium"), here)
    for what in (
        "N_LAYER is 24 there and 2 here",
        "N_HEAD is 16 there",
        "N_EMBD is 1024 there",
        "NORMALIZATION is layernorm there and rmsnorm here",
        "POSITION_ENCODING is learned-absolute there and rope here",
        "FFN_TYPE is standard there and swiglu here",
        "WEIGHT_TYING is y there and n here",
        "fewer than BLOCK_SIZE=2048",
        "50257 rows there and 50304 here, and is not padded",
        "Set MODEL=gpt2-medium ARCH_PRESET=gpt2 BLOCK_SIZE=1024 VOCAB_MULTIPLE=1.",
    ):
        assert what in sentence, what


def test_what_follows_from_another_width_is_not_said(options):
    sentence = complaint(described("gpt2-large"), options(VOCAB_MULTIPLE=1))
    assert "FFN_HIDDEN" not in sentence
    assert "N_KV_HEAD" not in sentence
    assert sentence.endswith("Set MODEL=gpt2-large.")


def test_an_obstacle_leaves_no_advice(options):
    found = replace(described("gpt2"), obstacles=("its epsilon is 1",))
    sentence = complaint(found, options())
    assert "its epsilon is 1" in sentence
    assert "N_LAYER is 12" in sentence
    assert sentence.endswith("Take other weights, or data with their tokens.")


def test_rows_that_no_padding_makes(options):
    sentence = complaint(described("gpt2"), options(MODEL="gpt2"), tokens=65)
    assert "nor has it the 65 tokens of this dataset" in sentence
    assert "Take other weights, or data with their tokens." in sentence


def test_multiples_of_the_vocabulary():
    assert vocabulary_multiple(50257, 50257) == 1
    assert vocabulary_multiple(50257, 50304) == 64
    assert vocabulary_multiple(50257, 50260) == 4
    assert vocabulary_multiple(100, 102) == 3
    assert vocabulary_multiple(65, 50257) is None
    assert vocabulary_multiple(256, 255) is None


@st.composite
def anything(draw):
    """A model that options can describe."""
    heads = draw(st.sampled_from([1, 2, 4, 12]))
    width = heads * draw(st.sampled_from([2, 8, 64]))
    if draw(st.booleans()):
        layout, fields = (
            GPT2,
            {
                "normalization": "layernorm",
                "position_encoding": "learned-absolute",
                "rope_theta": None,
                "ffn_type": "standard",
                "activation": draw(st.sampled_from(["gelu-tanh", "gelu", "relu-squared"])),
                "n_kv_head": heads,
                "ffn_hidden": draw(st.sampled_from([4 * width, 100])),
            },
        )
    else:
        layout, fields = (
            LLAMA,
            {
                "normalization": "rmsnorm",
                "position_encoding": "rope",
                "rope_theta": draw(st.sampled_from([10000.0, 500000.0, 1.5])),
                "ffn_type": "swiglu",
                "activation": None,
                "n_kv_head": draw(st.sampled_from([n for n in (1, 2, heads) if heads % n == 0])),
                "ffn_hidden": draw(st.sampled_from([2 * width, 4 * width, 100, 64 * width])),
                "bias": draw(st.booleans()),
            },
        )
    values = fields | {
        "n_layer": draw(st.sampled_from([1, 2, 12])),
        "n_head": heads,
        "n_embd": max(8, width),
        "vocab_size": draw(st.sampled_from([TOKENS, 50304, 50260])),
        "norm_position": "pre",
        "qk_norm": False,
        "weight_tying": draw(st.booleans()),
    }
    return Described(layout, values, draw(st.sampled_from([8, 32, 4096])))


@given(
    found=anything(),
    preset=st.sampled_from(["gpt2", "llama", "hybrid", "custom"]),
    chosen=st.sampled_from([{}, {"N_KV_HEAD": 1, "QK_NORM": "y", "NORM_POSITION": "post"}]),
)
@settings(max_examples=60)
def test_doing_what_the_sentence_says_makes_it_fit(tree, found, preset, chosen):
    # Only custom asks for components.
    before = {"ARCH_PRESET": preset, **(chosen if preset == "custom" else {})}
    sentence = complaint(found, resolved(tree, before))
    if sentence is None:
        return
    wanted = advice(sentence)
    assert wanted, sentence
    if wanted.get("ARCH_PRESET", "custom") != "custom":
        before = {}
    assert complaint(found, resolved(tree, before | wanted)) is None, sentence


def resolved(tree, values):
    return tree.resolve([override_layer([(k, str(v)) for k, v in values.items()])]).typed()
