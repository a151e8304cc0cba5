from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from gpt2.components.blocked_attention import ROWS
from gpt2.components.blocked_attention import blocked_attention as of_heads


def over_heads(attention, qkv_BT3C, n_head):
    """Of a projection that holds queries, keys and values one after the other."""
    B, T, C3 = qkv_BT3C.shape
    heads = (B, T, n_head, C3 // 3 // n_head)
    q, k, v = (part.view(heads).transpose(1, 2) for part in qkv_BT3C.split(C3 // 3, dim=2))
    return attention(q, k, v).transpose(1, 2).reshape(B, T, C3 // 3)


def reference(qkv_BT3C, n_head):
    """PyTorch's own, over the same projection."""
    return over_heads(partial(F.scaled_dot_product_attention, is_causal=True), qkv_BT3C, n_head)


def blocked_attention(qkv_BT3C, n_head, dropout=0.0, rows=ROWS):
    return over_heads(partial(of_heads, dropout=dropout, rows=rows), qkv_BT3C, n_head)


def projection(batch, length, width, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    qkv = torch.randn(batch, length, 3 * width, dtype=torch.float64, generator=generator)
    return qkv.to(dtype).requires_grad_()


def gradient(function, qkv, n_head):
    """The output, and the gradient for a fixed gradient of the output."""
    y = function(qkv, n_head)
    dy = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (dqkv,) = torch.autograd.grad(y, qkv, dy.to(y.dtype))
    return y.detach(), dqkv


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 40), st.integers(1, 3), st.integers(1, 5), st.integers(1, 50)
)
def test_it_is_causal_attention_in_blocks_of_any_size(batch, length, n_head, size, rows):
    qkv = projection(batch, length, n_head * size)

    def in_blocks(qkv, n_head):
        return blocked_attention(qkv, n_head, 0.0, rows)

    y, dqkv = gradient(in_blocks, qkv, n_head)
    expected, expected_gradient = gradient(reference, qkv, n_head)
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(dqkv, expected_gradient, atol=1e-12, rtol=0)


@pytest.mark.parametrize("length", [ROWS - 1, ROWS, 2 * ROWS + 17])
def test_a_token_never_changes_what_came_before_it(length):
    before = projection(1, length, 8, torch.bfloat16).detach()
    for position in (0, length // 2, length - 1):
        after = before.clone()
        after[:, position] += 1
        a, b = blocked_attention(before, 2), blocked_attention(after, 2)
        assert torch.equal(a[:, :position], b[:, :position])
        assert not torch.equal(a[:, position:], b[:, position:])


@pytest.mark.parametrize("autocast", [False, True])
def test_in_bfloat16_it_rounds_little_more_than_the_fused_kernel(autocast):
    exact, exact_gradient = gradient(reference, projection(2, 200, 64), 2)
    errors = []
    for function in (blocked_attention, reference):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            y, dqkv = gradient(function, projection(2, 200, 64, torch.bfloat16), 2)
        assert (y.dtype, dqkv.dtype) == (torch.bfloat16, torch.bfloat16)
        pairs = ((y, exact), (dqkv, exact_gradient))
        errors.append([((got - want).norm() / want.norm()).item() for got, want in pairs])
    (ours, ours_gradient), (theirs, theirs_gradient) = errors
    assert ours < 1.6 * theirs
    assert ours_gradient < 1.6 * theirs_gradient


def test_the_same_input_gives_the_same_bits():
    qkv = projection(3, 150, 32, torch.bfloat16)
    first, second = (gradient(blocked_attention, qkv, 4) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_with_dropout_the_gradient_is_that_of_what_was_kept():
    """Against finite differences, each time with the same weights dropped."""

    def dropped(qkv):
        torch.manual_seed(0)
        return blocked_attention(qkv, 2, 0.4, rows=3)

    qkv = projection(1, 5, 4)
    assert torch.autograd.gradcheck(dropped, (qkv,), raise_exception=False)


DRAWS = 400


def test_dropout_keeps_the_mean_and_draws_anew():
    qkv = projection(2, 9, 8).detach()
    torch.manual_seed(0)
    draws = torch.stack([blocked_attention(qkv, 2, 0.3) for _ in range(DRAWS)])
    assert not torch.equal(draws[0], draws[1])
    expected = blocked_attention(qkv, 2)
    # Five standard errors of a mean over the draws.
    error = 5 * draws.std(dim=0) / DRAWS**0.5
    assert ((draws.mean(dim=0) - expected).abs() <= error + 1e-12).all()
