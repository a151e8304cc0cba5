import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from gpt2.loss import chunked_cross_entropy, cross_entropy


def problem(predictions, width, vocabulary, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(predictions, width, dtype=dtype, generator=generator).requires_grad_()
    weight = torch.randn(vocabulary, width, dtype=dtype, generator=generator).requires_grad_()
    return hidden, weight, torch.randint(vocabulary, (predictions,), generator=generator)


def whole(hidden, weight, targets, reduction):
    return F.cross_entropy(hidden @ weight.T, targets, reduction=reduction)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(1, 6),
    st.integers(1, 20),
    st.integers(1, 40),
    st.sampled_from(["mean", "sum"]),
)
def test_parts_of_any_size_give_the_loss_and_the_gradients_of_the_whole(
    predictions, width, vocabulary, rows, reduction
):
    hidden, weight, targets = problem(predictions, width, vocabulary)
    expected = whole(hidden, weight, targets, reduction)
    loss = chunked_cross_entropy(hidden, weight, targets, rows, reduction)
    torch.testing.assert_close(loss, expected, atol=1e-12, rtol=1e-12)
    # Of a third of the loss, as one of three micro-batches has it.
    wanted = torch.autograd.grad(expected / 3, (hidden, weight))
    got = torch.autograd.grad(loss / 3, (hidden, weight))
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)
    with torch.no_grad():
        alone = chunked_cross_entropy(hidden, weight, targets, rows, reduction)
    torch.testing.assert_close(alone, expected, atol=1e-12, rtol=1e-12)


def test_under_autocast_the_products_are_bfloat16_and_the_sums_are_not():
    hidden, weight, targets = problem(64, 32, 500, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = chunked_cross_entropy(hidden, weight, targets, 10, "mean")
        logits = hidden @ weight.T
        rounded = cross_entropy(logits, targets, "mean")
    assert logits.dtype == torch.bfloat16
    assert loss.dtype == rounded.dtype == torch.float32
    exact = whole(hidden.double(), weight.double(), targets, "mean").item()
    # The same rounding of the logits, and none after that.
    assert loss.item() == pytest.approx(rounded.item(), abs=1e-5)
    assert loss.item() == pytest.approx(exact, abs=5e-3)
    assert loss.item() != pytest.approx(exact, abs=1e-6)
    wanted = torch.autograd.grad(rounded, (hidden, weight))
    got = torch.autograd.grad(loss, (hidden, weight))
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float32
        assert (a - b).norm() < 0.01 * b.norm()


def test_logits_of_bfloat16_are_summed_in_float32():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(100, 5000, generator=generator).bfloat16()
    targets = torch.randint(5000, (100,), generator=generator)
    exact = F.cross_entropy(logits.double(), targets).item()
    assert cross_entropy(logits, targets, "mean").item() == pytest.approx(exact, abs=1e-5)
    assert F.cross_entropy(logits, targets).item() != pytest.approx(exact, abs=1e-3)


def kept_bytes(function):
    """Bytes of what autograd keeps for the backward pass, each storage once."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
    assert result.requires_grad
    return sum(kept.values())


def test_parts_keep_no_logits():
    predictions, width, vocabulary = 256, 16, 4096
    hidden, weight, targets = problem(predictions, width, vocabulary, torch.float32)
    logits_bytes = 4 * predictions * vocabulary

    def of(rows):
        return kept_bytes(lambda: chunked_cross_entropy(hidden, weight, targets, rows, "mean"))

    gradients = 4 * (predictions + vocabulary) * width
    assert of(32) == gradients
    assert of(256) == gradients
    assert kept_bytes(lambda: whole(hidden, weight, targets, "mean")) > logits_bytes > 10 * of(32)


def test_no_more_rows_of_logits_exist_at_a_time_than_asked_for(monkeypatch):
    seen = []
    nll_loss = F.nll_loss
    monkeypatch.setattr(
        F,
        "nll_loss",
        lambda logits, *rest, **more: (seen.append(len(logits)), nll_loss(logits, *rest, **more))[
            1
        ],
    )
    hidden, weight, targets = problem(25, 4, 9)
    chunked_cross_entropy(hidden, weight, targets, 10, "mean")
    assert seen == [10, 10, 5]
