"""Both forms of the clip are the plain loop: difference 0.0."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.optimizers.spam import clip
from lib.optimizers.spam.clip import clip_foreach, clip_pieces, clip_spikes

FORMS = (clip_pieces, clip_foreach)


def plain_loop(gradient, second_moment, ratio):
    """Boolean indexing, element by element as the definition says; returns the count."""
    limit = (second_moment * ratio).sqrt()
    limit[second_moment * ratio == 0] = math.inf
    over = gradient.abs() > limit
    gradient[over] = gradient[over].sign() * limit[over]
    return int(over.sum())


def fixture(dtype, seed=0, shapes=((300, 7), (5,), (), (0, 3), (1000,))):
    generator = torch.Generator().manual_seed(seed)
    gradients = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
    moments = [torch.rand(shape, generator=generator).to(dtype) * 0.02 for shape in shapes]
    for moment in moments:
        moment[torch.rand(moment.shape, generator=generator) < 0.1] = 0
    return gradients, moments


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("piece", [64, 1 << 17])
def test_equals_the_plain_loop(form, dtype, piece, monkeypatch):
    monkeypatch.setattr(clip, "PIECE", piece)
    monkeypatch.setattr(clip, "BUCKET", 16 * piece)
    gradients, moments = fixture(dtype)
    expected = [gradient.clone() for gradient in gradients]
    ratios = [50.0, 5000.0, 7.5, 1.0, 12.25]
    wanted = sum(map(plain_loop, expected, moments, ratios))
    count, squares = form(gradients, moments, ratios)
    assert 0 < wanted == count.item()
    assert (count.dtype, squares.dtype) == (torch.float64, torch.float64)
    for ours, theirs in zip(gradients, expected, strict=True):
        assert torch.equal(ours, theirs)
    total = sum(gradient.double().square().sum() for gradient in expected)
    torch.testing.assert_close(squares, total, rtol=1e-5, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_layouts_that_have_no_flat_view(form):
    (gradient, *_), (moment, *_) = fixture(torch.float64)
    strided, expected = gradient.t().contiguous().t(), gradient.clone()
    assert not strided.is_contiguous()
    wanted = plain_loop(expected, moment, 50.0)
    count, _ = form([strided], [moment], [50.0])
    assert wanted == count.item()
    assert torch.equal(strided, expected)


@pytest.mark.parametrize("form", FORMS)
def test_no_second_moment_is_no_limit(form):
    gradient, moment = torch.tensor([1e30, -2.0, 3.0, 0.0]), torch.tensor([0.0, 0.0, 1.0, 0.0])
    count, _ = form([gradient], [moment], [1.0])
    assert gradient.tolist() == [pytest.approx(1e30), -2.0, 1.0, 0.0]
    assert count.item() == 1


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_a_number_is_not_hidden(form):
    gradient = torch.tensor([math.nan, math.inf, -math.inf])
    form([gradient], [torch.ones(3)], [4.0])
    assert gradient[0].isnan()
    assert gradient[1:].tolist() == [2.0, -2.0]


@given(
    st.lists(
        st.tuples(
            st.floats(-1e6, 1e6, width=32), st.floats(0, 1e6, width=32, allow_subnormal=False)
        ),
        min_size=1,
    ),
    st.floats(1e-3, 1e6),
)
def test_both_forms_agree_on_any_numbers(pairs, ratio):
    gradient, moment = (torch.tensor(column) for column in zip(*pairs, strict=True))
    results = []
    for form in FORMS:
        clipped = gradient.clone()
        count, squares = form([clipped], [moment], [ratio])
        results.append((clipped.tolist(), count.item()))
        plain = gradient.clone()
        assert plain_loop(plain, moment, ratio) == count.item()
        assert plain.tolist() == clipped.tolist()
        assert squares.item() >= 0
    assert results[0] == results[1]


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(clip, "PIECE", 1 << 12)
    monkeypatch.setattr(clip, "RUN", 4)
    results = []
    for workers in (1, 2, 3):
        monkeypatch.setattr(clip, "workers_for", lambda _, workers=workers: workers)
        gradients, moments = fixture(torch.float32, shapes=((700, 300), (5,), (90_000,)))
        totals = clip_spikes(gradients, moments, [50.0, 3.0, 8.0])
        results.append((*gradients, *totals))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
