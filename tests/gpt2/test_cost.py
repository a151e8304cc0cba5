"""Live models: every number of the table of conventions, and torch's own counter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from gpt2.cost import model_flops
from gpt2.model import GPT
from tests.gpt2.shapes import sized

GFLOP = 1e9

PRESETS = {
    "gpt2": (12, 12, 768),
    "medium": (24, 16, 1024),
    "large": (36, 20, 1280),
    "xl": (48, 25, 1600),
}


def build(
    n_layer, n_head, n_embd, block_size, vocab_size, *, bias=True, tying=True, fused=True
) -> GPT:
    changes = {
        "bias": bias,
        "normalization": "layernorm" if bias else "layernorm-nobias",
        "weight_tying": tying,
        "attention_backend": "sdpa" if fused else "manual",
    }
    return GPT(sized(n_layer, n_head, n_embd, block_size, vocab_size, **changes))


def published(preset, vocab_size, **rest):
    """A published size on the meta device: its parameters are counted, and take no memory."""
    with torch.device("meta"):
        model = build(*PRESETS[preset], 1024, vocab_size, **rest)
    return model_flops(model, 1024)


@pytest.fixture(scope="module")
def gpt2():
    return published("gpt2", 50304)


def counted(model, batch, with_backward):
    """FLOPs per token by torch's counter. The math kernel: the counter sees nothing in the
    processor's flash kernel, and half a forward too much in CUDA's."""
    T = model.shape.block_size
    rows = torch.zeros(batch, T + 1, dtype=torch.int64)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        loss = model.loss(rows)
        if with_backward:
            loss.backward()
    return counter.get_total_flops() / (batch * T)


@pytest.mark.parametrize(
    ("part", "gflop"),
    [("block_matmuls", 0.5096), ("head", 0.2318), ("attention", 0.1132)],
)
def test_the_parts_of_124m(gpt2, part, gflop):
    assert round(3 * getattr(gpt2, part) / GFLOP, 4) == gflop


@pytest.mark.parametrize(
    ("convention", "vocab_size", "bias", "gflop"),
    [
        ("palm", 50257, True, 0.8552),
        ("palm", 50304, True, 0.8554),
        ("palm", 50304, False, 0.8548),
        ("exact", 50257, True, 0.8544),
        ("exact", 50304, True, 0.8547),
        ("exact-causal", 50257, True, 0.7978),
        ("exact-causal", 50304, True, 0.7980),
        ("llm.c", 50257, True, 0.8033),
        ("llm.c", 50304, True, 0.8035),
    ],
)
def test_the_table_of_conventions_at_124m(convention, vocab_size, bias, gflop):
    flops = published("gpt2", vocab_size, bias=bias)
    assert round(flops.training(convention) / GFLOP, 4) == gflop


@pytest.mark.parametrize(
    ("convention", "gflop"), [("chinchilla", 0.742), ("torchtitan", 0.855), ("picotron", 0.860)]
)
def test_the_coarser_entries(gpt2, convention, gflop):
    assert round(gpt2.training(convention) / GFLOP, 3) == gflop


@pytest.mark.parametrize(("preset", "gflop"), [("medium", 2.425), ("large", 5.203), ("xl", 10.280)])
def test_the_larger_sizes(preset, gflop):
    assert round(published(preset, 50304).training("palm") / GFLOP, 3) == gflop


def test_what_the_seed_documents_print_is_no_convention(gpt2):
    """They say 28.45 GFLOP; and their ratio of attention to feed-forward is the causal one."""
    assert gpt2.training("palm") * 33 < 28.45 * GFLOP
    assert round(gpt2.attention_to_feed_forward, 2) == 0.83
    causal = (gpt2.attention_projections + gpt2.attention / 2) / gpt2.feed_forward
    assert round(causal, 2) == 0.67


def test_how_far_palm_s_convention_exceeds_the_exact_work(gpt2):
    def excess(flops):
        return flops.training("palm") / flops.training("exact") - 1

    assert excess(gpt2) == pytest.approx(0.00085, abs=5e-5)
    assert excess(model_flops(build(6, 6, 384, 256, 128), 256)) == pytest.approx(0.0026, abs=2e-4)
    assert excess(model_flops(build(4, 4, 128, 64, 128), 64)) == pytest.approx(0.008, abs=1e-3)
    # With a head of its own the token embedding is in N, and multiplies nothing.
    assert excess(published("gpt2", 50304, tying=False)) == pytest.approx(0.2721, abs=1e-4)
    small = model_flops(build(2, 4, 256, 64, 50304, tying=False), 64)
    assert excess(small) == pytest.approx(0.88, abs=0.02)


@settings(max_examples=12, deadline=None)
@given(
    n_layer=st.integers(1, 3),
    n_head=st.integers(1, 4),
    head_size=st.sampled_from([4, 12, 16]),
    block_size=st.integers(1, 40),
    vocab_size=st.integers(2, 150),
    bias=st.booleans(),
    tying=st.booleans(),
    fused=st.booleans(),
)
def test_the_exact_count_is_the_counter_s(
    n_layer, n_head, head_size, block_size, vocab_size, bias, tying, fused
):
    width = n_head * head_size
    model = build(
        n_layer, n_head, width, block_size, vocab_size, bias=bias, tying=tying, fused=fused
    )
    flops = model_flops(model, block_size)
    assert counted(model, 2, with_backward=False) == flops.forward("exact")
    assert counted(model, 2, with_backward=True) == flops.training("exact")


@pytest.mark.slow
def test_the_counter_agrees_at_the_character_model_and_at_124m_on_a_shorter_text():
    for shape in [(6, 6, 384, 256, 128), (12, 12, 768, 64, 50304)]:
        model = build(*shape)
        flops = model_flops(model, shape[3])
        assert counted(model, 1, with_backward=True) == flops.training("exact")


def test_an_untied_head_adds_its_weights_and_leaves_the_table_uncounted():
    tied, untied = (model_flops(build(2, 2, 16, 8, 50, tying=t), 8) for t in (True, False))
    assert untied.parameters == tied.parameters + 50 * 16
    assert untied.training("exact") == tied.training("exact")
    assert (tied.table_parameters, untied.table_parameters) == (8 * 16, 8 * 16 + 50 * 16)
    # PaLM's convention counts the table all the same; torchtitan's does not.
    assert untied.training("palm") == tied.training("palm") + 6 * 50 * 16
    assert untied.training("torchtitan") == tied.training("torchtitan")


def test_pruned_weights_still_count():
    model = build(2, 2, 16, 8, 50)
    before = model_flops(model, 8)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert model_flops(model, 8) == before


def test_the_length_may_be_shorter_than_the_block():
    model = build(2, 2, 16, 8, 50)
    full, half = model_flops(model, 8), model_flops(model, 4)
    assert half.attention * 2 == full.attention
    assert half.block_matmuls == full.block_matmuls


def test_a_matrix_that_nobody_counts_is_refused():
    model = build(2, 2, 16, 8, 50)
    model.blocks[1].gate = nn.Parameter(torch.ones(16, 16))
    with pytest.raises(AssertionError, match=r"block 1 multiplies outside nn\.Linear: \['gate'\]"):
        model_flops(model, 8)


def test_an_attention_that_nobody_knows_is_refused():
    model = build(2, 2, 16, 8, 50)
    model.blocks[0].attention = nn.Linear(16, 16)
    with pytest.raises(AssertionError, match="block 0 has no attention"):
        model_flops(model, 8)
