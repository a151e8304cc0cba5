import pytest
import torch
from torch import nn

from lib.optimizers.groups import (
    assert_groups,
    describe_groups,
    parameter_groups,
    unique_trainable,
)


def parameter(*shape, **kwargs):
    return nn.Parameter(torch.ones(shape, **kwargs))


def gpt2_124m():
    """The 148 tensors of GPT-2 124M with vocabulary 50304, biases and a tied head, no storage."""
    named = [
        ("token_embedding.weight", (50304, 768)),
        ("position_embedding.weight", (1024, 768)),
    ]
    for layer in range(12):
        block = f"blocks.{layer}"
        for norm in ("attention_norm", "feed_forward_norm"):
            named += [(f"{block}.{norm}.weight", (768,)), (f"{block}.{norm}.bias", (768,))]
        for matrix, rows, columns in (
            ("attention.qkv", 2304, 768),
            ("attention.projection", 768, 768),
            ("feed_forward.up", 3072, 768),
            ("feed_forward.down", 768, 3072),
        ):
            named += [
                (f"{block}.{matrix}.weight", (rows, columns)),
                (f"{block}.{matrix}.bias", (rows,)),
            ]
    named += [("final_norm.weight", (768,)), ("final_norm.bias", (768,))]
    return [(name, parameter(*shape, device="meta")) for name, shape in named]


def test_known_answer_124m():
    named = gpt2_124m()
    # The tied head is the same tensor under a second name.
    named.append(("head.weight", named[0][1]))
    decay, rest = parameter_groups(named, weight_decay=0.1)
    assert (decay["name"], decay["weight_decay"]) == ("decay", 0.1)
    assert (rest["name"], rest["weight_decay"]) == ("no-decay", 0.0)
    assert len(decay["params"]) == 50
    assert sum(p.numel() for p in decay["params"]) == 124_354_560
    assert len(rest["params"]) == 98
    assert sum(p.numel() for p in rest["params"]) == 121_344


def test_scalars_and_vectors_do_not_decay_and_higher_tensors_do():
    named = [("gate", parameter()), ("bias", parameter(3)), ("cube", parameter(2, 2, 2))]
    decay, rest = parameter_groups(named, weight_decay=0.5)
    assert [id(p) for p in decay["params"]] == [id(named[2][1])]
    assert [id(p) for p in rest["params"]] == [id(named[0][1]), id(named[1][1])]


def test_a_group_without_members_is_left_out():
    assert [g["name"] for g in parameter_groups([("b", parameter(3))], weight_decay=0.1)] == [
        "no-decay"
    ]


def test_frozen_parameters_are_left_out():
    frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)
    assert [name for name, _ in unique_trainable([("a", frozen), ("b", parameter(2))])] == ["b"]


@pytest.mark.parametrize(
    "bad",
    [torch.ones(2, 2, dtype=torch.complex64), torch.ones(2, 2).to_sparse()],
)
def test_complex_and_sparse_parameters_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"blocks\.0\.odd.*make it a dense tensor of real"):
        parameter_groups([("blocks.0.odd", nn.Parameter(bad))], weight_decay=0.0)


def test_nothing_to_train_is_refused():
    with pytest.raises(ValueError, match="no trainable parameter"):
        parameter_groups([], weight_decay=0.0)


def test_the_groups_of_an_optimizer_are_checked():
    a, b = ("a", parameter(2, 2)), ("b", parameter(2))
    good = torch.optim.AdamW(parameter_groups([a, b], weight_decay=0.1))
    assert_groups(good, [a, b])
    with pytest.raises(AssertionError, match="in no group: c"):
        assert_groups(good, [a, b, ("c", parameter(2))])
    decays_all = torch.optim.AdamW([{"name": "all", "params": [a[1], b[1]]}], weight_decay=0.1)
    with pytest.raises(AssertionError, match="decays tensors of fewer"):
        assert_groups(decays_all, [a, b])


def test_descriptions_are_read_back_from_the_optimizer():
    groups = parameter_groups([("a", parameter(2, 2)), ("b", parameter(3))], weight_decay=0.1)
    optimizer = torch.optim.AdamW(groups, lr=0.5, betas=(0.8, 0.9), eps=1e-6)
    optimizer.param_groups[0]["weight_decay"] = 0.25
    decay, rest = describe_groups(optimizer)
    assert (decay.tensors, decay.elements, decay.weight_decay) == (1, 4, 0.25)
    assert (rest.tensors, rest.elements, rest.weight_decay) == (1, 3, 0.0)
    assert (rest.learning_rate, rest.betas, rest.eps, rest.amsgrad) == (
        0.5,
        (0.8, 0.9),
        1e-6,
        False,
    )
    assert str(decay) == (
        "group decay: 1 tensors, 4 elements, lr 0.5, decay 0.25, betas (0.8, 0.9), eps 1e-06, "
        "amsgrad False"
    )
    groups = [{"name": "decay", "params": [parameter(2, 2)]}]
    (sgd,) = describe_groups(torch.optim.SGD(groups, lr=0.25, momentum=0.9))
    assert (sgd.betas, sgd.eps, sgd.momentum) == (None, None, 0.9)
    assert str(sgd) == "group decay: 1 tensors, 4 elements, lr 0.25, decay 0, momentum 0.9"
