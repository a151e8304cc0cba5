import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import workers
from lib.pruning import select
from lib.pruning.select import (
    EXCLUDED,
    Threshold,
    coarse_histogram,
    cut,
    find_threshold,
    fine_histogram,
    members,
    score_of,
    share_ties,
    smallest,
    total,
)
from lib.workers import in_parts, pool


def choose(tensors, k):
    """The flat indices that `smallest` takes from the concatenated tensors."""
    masks = list(smallest([lambda t=t: t for t in tensors], k))
    assert [mask.shape for mask in masks] == [t.shape for t in tensors]
    return torch.cat([mask.reshape(-1) for mask in masks]).nonzero().flatten().tolist()


def stable_choice(tensors, k):
    flat = torch.cat([t.reshape(-1) for t in tensors]) + 0.0
    return sorted(flat.argsort(stable=True)[:k].tolist())


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
few_values = st.sampled_from([-1.5, -0.0, 0.0, 1e-45, -1e-45, 1.0, 1.0000001])


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.lists(finite | few_values, max_size=12), min_size=1, max_size=4).filter(any),
    st.data(),
)
def test_equals_a_stable_argsort(values, data):
    tensors = [torch.tensor(row, dtype=torch.float32) for row in values]
    k = data.draw(st.integers(1, sum(len(row) for row in values)))
    assert choose(tensors, k) == stable_choice(tensors, k)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(finite | few_values, min_size=1, max_size=50), st.data())
def test_two_bins_name_the_score(values, data):
    scores = torch.tensor(values, dtype=torch.float32)
    k = data.draw(st.integers(1, len(values)))
    threshold = find_threshold([lambda: scores], k)
    assert threshold.value == float(scores.kthvalue(k).values)
    assert math.copysign(1, threshold.value) == 1 or threshold.value < 0, "never -0.0"


def test_the_first_and_the_last_bins():
    largest = torch.finfo(torch.float32).max
    tiny = torch.tensor(1e-45).item()
    for value in (-largest, -1.0, -tiny, 0.0, tiny, 1.0, largest, EXCLUDED):
        coarse = coarse_histogram(torch.tensor([value]))
        coarse_bin = int(coarse.argmax())
        fine = fine_histogram(torch.tensor([value]), coarse_bin)
        assert (int(coarse.sum()), int(fine.sum())) == (1, 1)
        assert score_of(coarse_bin, int(fine.argmax())) == value


@pytest.mark.parametrize("size", [1, 17, 4099, 70_001])
@pytest.mark.parametrize("kind", ["normal", "absolute", "ties", "constant", "negative"])
def test_equals_kthvalue_and_argsort(size, kind):
    scores = torch.randn(size, generator=torch.Generator().manual_seed(size))
    scores = {
        "normal": scores,
        "absolute": scores.abs(),
        "ties": (scores * 4).round(),
        "constant": torch.full((size,), -0.25),
        "negative": -scores.abs(),
    }[kind]
    for k in {1, (size + 1) // 2, size}:
        threshold = find_threshold([lambda: scores], k)
        value = scores.kthvalue(k).values
        assert threshold.value == float(value)
        assert threshold.ties == (k - int((scores < value).sum()),)
        assert choose([scores], k) == stable_choice([scores], k)


def test_ties_go_to_the_lowest_tensor_then_the_lowest_index():
    tensors = [torch.tensor([[3.0, 1.0], [1.0, 3.0]]), torch.tensor([1.0, 0.0, 1.0])]
    assert choose(tensors, 1) == [5]
    assert choose(tensors, 3) == [1, 2, 5]
    assert choose(tensors, 4) == [1, 2, 4, 5]
    assert choose([torch.zeros(5)], 3) == [0, 1, 2]


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_the_chunk_size_changes_nothing(monkeypatch, chunk):
    scores = (torch.randn(3, 20, generator=torch.Generator().manual_seed(4)) * 2).round()
    expected = choose(list(scores), 31)
    monkeypatch.setattr(select, "CHUNK", chunk)
    assert choose(list(scores), 31) == expected == stable_choice(list(scores), 31)


def test_excluded_scores_are_never_taken():
    scores = torch.tensor([EXCLUDED, 2.0, EXCLUDED, 3.4e38, -1.0])
    assert choose([scores], 3) == [1, 3, 4]
    with pytest.raises(AssertionError, match="too few candidates"):
        choose([scores], 4)


def test_histograms_of_shards_add_up_to_the_single_threshold():
    scores = torch.randn(5000, generator=torch.Generator().manual_seed(5))
    shards = scores.split(1234)
    coarse = sum(coarse_histogram(shard) for shard in shards)
    assert coarse.dtype == torch.int64
    assert int(coarse.sum()) == 5000
    coarse_bin, below = cut(coarse, 2500)
    fine = sum(fine_histogram(shard, coarse_bin) for shard in shards)
    assert fine.dtype == torch.int64
    fine_bin, below_inside = cut(fine, 2500 - below)
    assert below + below_inside == 2499
    whole = find_threshold([lambda: scores], 2500)
    assert whole == Threshold(score_of(coarse_bin, fine_bin), (2500 - below - below_inside,))


def test_shards_that_add_their_bins_choose_the_same_masks():
    """What two ranks need: the sums of their bins, and the ties that the ranks before took."""
    scores = (torch.randn(3001, generator=torch.Generator().manual_seed(6)) * 3).round()
    (whole,) = smallest([lambda: scores], 1234)
    shards = [scores[:1000], scores[1000:]]
    coarse_bin, below = cut(total([coarse_histogram(shard) for shard in shards]), 1234)
    fine = [fine_histogram(shard, coarse_bin) for shard in shards]
    fine_bin, inside = cut(total(fine), 1234 - below)
    ties = share_ties([int(bins[fine_bin]) for bins in fine], 1234 - below - inside)
    assert min(ties) > 0
    value = score_of(coarse_bin, fine_bin)
    masks = [members(shard, value, tied) for shard, tied in zip(shards, ties, strict=True)]
    assert torch.equal(torch.cat(masks), whole)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kind", ["normal", "ties"])
def test_the_number_of_threads_changes_nothing(monkeypatch, threads, kind):
    monkeypatch.setattr(workers, "SMALL", 10)
    scores = torch.randn(40_009, generator=torch.Generator().manual_seed(7))
    tensors = [scores[:7], (scores if kind == "normal" else (scores * 2).round()), scores[7:77]]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert choose(tensors, 20_000) == stable_choice(tensors, 20_000)
        assert torch.get_num_threads() == threads, "the workers' setting is theirs alone"
    finally:
        torch.set_num_threads(before)


def test_large_tensors_are_divided_among_the_threads(monkeypatch):
    monkeypatch.setattr(workers, "SMALL", 10)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        parts = in_parts(lambda part: (len(part), torch.get_num_threads()), torch.zeros(41))
        assert parts == [(21, 1), (20, 1)], "a worker that starts a team of its own waits for it"
        assert in_parts(len, torch.zeros(10)) == [10]
        assert pool(2) is pool(2)
    finally:
        torch.set_num_threads(before)


def test_order_of_a_tensor_is_logical_and_not_that_of_its_memory():
    scores = torch.zeros(3, 2).t()
    assert choose([scores], 4) == [0, 1, 2, 3]


def test_draws_nothing_from_the_training_stream():
    before = torch.get_rng_state()
    choose([torch.arange(10.0)], 5)
    assert torch.equal(torch.get_rng_state(), before)
