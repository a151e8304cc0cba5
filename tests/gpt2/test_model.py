from dataclasses import replace

import pytest
import torch
from torch import nn

from gpt2.model import GPT
from gpt2.shape import padded_vocabulary
from lib.optimizers import parameter_groups
from tests.gpt2.reference import copy_into
from tests.gpt2.shapes import TINY, sized


def tiny(seed=0, **changes):
    return GPT(replace(TINY, **changes), seed).eval()


def tokens(batch=3, length=12, seed=0):
    return torch.randint(31, (batch, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("layers", "heads", "width", "parameters"),
    [
        (12, 12, 768, 124_439_808),
        (24, 16, 1024, 354_823_168),
        (36, 20, 1280, 774_030_080),
        (48, 25, 1600, 1_557_611_200),
    ],
)
def test_the_published_sizes(layers, heads, width, parameters):
    shape = sized(layers, heads, width, 1024, 50257)
    with torch.device("meta"):
        model = GPT(shape)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_decay_groups_at_124m():
    shape = sized(12, 12, 768, 1024, 50304)
    with torch.device("meta"):
        groups = parameter_groups(GPT(shape).named_parameters(), weight_decay=0.1)
    counts = [(len(g["params"]), sum(p.numel() for p in g["params"])) for g in groups]
    assert counts == [(50, 124_354_560), (98, 121_344)]


@pytest.mark.parametrize("bias", [True, False])
def test_logits_equal_those_of_transformers(bias):
    """The outside reference: Hugging Face's GPT-2 with our weights. It always has biases."""
    transformers = pytest.importorskip("transformers")
    model = tiny(bias=bias)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            # Large enough that every activation leaves the range where all of them are linear.
            mean, std = (1.0, 0.5) if parameter.dim() == 1 else (0.0, 0.3)
            parameter.normal_(mean, std, generator=generator)
    reference = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=31, n_positions=12, n_embd=16, n_layer=2, n_head=2, use_cache=False
        )
    ).eval()
    copy_into(reference, model)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens()), reference(tokens()).logits, atol=2e-5, rtol=0)


@pytest.mark.parametrize("backend", ["sdpa", "manual"])
def test_a_token_never_changes_what_came_before_it(backend):
    model = tiny(attention_backend=backend)
    before = tokens()
    for position in range(12):
        after = before.clone()
        after[:, position] = (after[:, position] + 1) % 31
        with torch.no_grad():
            a, b = model(before), model(after)
        assert torch.equal(a[:, :position], b[:, :position])
        assert not torch.equal(a[:, position:], b[:, position:])


def test_plain_attention_is_the_same_function():
    with torch.no_grad():
        fused, plain = tiny()(tokens()), tiny(attention_backend="manual")(tokens())
    torch.testing.assert_close(fused, plain, atol=1e-6, rtol=0)


def test_plain_attention_drops_as_much_as_it_is_told():
    model = tiny(attention_backend="manual", dropout=0.5).train()
    torch.manual_seed(0)
    first = model(tokens())
    assert not torch.equal(first, model(tokens()))


def test_loss_is_the_mean_cross_entropy_of_the_next_token():
    model, rows = tiny(), tokens(length=13)
    with torch.no_grad():
        expected = nn.CrossEntropyLoss()(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
        torch.testing.assert_close(model.loss(rows), expected)
        total = model.loss(rows, reduction="sum")
    torch.testing.assert_close(total, expected * 3 * 12)


def test_initial_weights_are_those_of_gpt2():
    model = GPT(sized(8, 2, 256, 12, 31), 0)
    for name, parameter in model.named_parameters():
        if name.endswith(("projection.weight", "down.weight")):
            assert abs(parameter.std().item() - 0.02 / 4) < 2e-4, name
        elif parameter.dim() >= 2:
            assert abs(parameter.std().item() - 0.02) < 1e-3, name
        else:
            assert torch.all(parameter == (0 if name.endswith("bias") else 1)), name


def test_the_generator_alone_decides_the_initial_weights():
    torch.manual_seed(1)
    first = tiny(seed=5).state_dict()
    torch.manual_seed(2)
    second = tiny(seed=5).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["head.weight"], tiny(seed=6).head.weight)


def test_tying_shares_one_matrix():
    tied, untied = tiny(), tiny(weight_tying=False)
    assert tied.head.weight is tied.token_embedding.weight
    assert untied.head.weight is not untied.token_embedding.weight


def test_every_parameter_gets_a_gradient():
    model = tiny(weight_tying=False).train()
    model.loss(tokens(length=13)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_vocabularies_are_padded():
    assert padded_vocabulary(50257, 64) == 50304
    assert padded_vocabulary(65, 1) == 65
    assert padded_vocabulary(256, 64) == 256


def test_shared_parameters_begin_equal_and_others_differ():
    """Two architectures of one seed; and no two parameters of one shape."""
    first = dict(tiny().named_parameters())
    other = dict(tiny(position_encoding="none", normalization="rmsnorm").named_parameters())
    for name in first.keys() & other.keys():
        assert torch.equal(first[name], other[name]), name
    same = "blocks.{}.attention.qkv.weight"
    assert not torch.equal(first[same.format(0)], first[same.format(1)])
    assert not torch.equal(
        first["blocks.0.attention.qkv.weight"],
        dict(tiny(seed=1).named_parameters())["blocks.0.attention.qkv.weight"],
    )
