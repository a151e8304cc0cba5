import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt2.datasets.errors import CORRUPT, USAGE, DataError
from gpt2.datasets.sampler import TrainSampler, ValidationWindows
from gpt2.datasets.shards import TokenStream

# Written down when the order was made: it may never change.
ORDER_OF_THREE_FILES = [[753, 853, 653, 553], [153, 817, 717, 117], [574, 774, 874, 174]]


def stream_of(count):
    """A split whose tokens are their own positions."""
    return TokenStream("train", [np.arange(count).astype("<u2")])


def cut(*sizes):
    """The same in files of these sizes."""
    tokens = np.arange(sum(sizes)).astype("<u2")
    return TokenStream("train", np.split(tokens, np.cumsum(sizes)[:-1]))


def words(seed, purpose, number, count):
    """Random words by their documented stream; purposes: 0 phase, 1 order, 2 shards."""
    return np.random.PCG64(np.random.SeedSequence([seed, purpose, number])).random_raw(count)


def epoch_starts(sampler, batch_size, epoch):
    """Starts of all windows of an epoch, in order of visit."""
    first = sum(sampler.windows_in(number) for number in range(epoch))
    count = sampler.windows_in(epoch)
    batches = range(first // batch_size, (first + count - 1) // batch_size + 1)
    starts = np.concatenate([sampler.starts(index) for index in batches])
    return starts[first - batches[0] * batch_size :][:count]


sizes = st.integers(1, 40).flatmap(
    lambda block: st.tuples(st.just(block), st.integers(block + 1, 20 * block + 1))
)


@settings(max_examples=100, deadline=None)
@given(sizes, st.integers(1, 9), st.integers(0, 2**63 - 1), st.integers(0, 5))
def test_an_epoch_visits_each_window_once(size, batch_size, seed, epoch):
    block_size, tokens = size
    sampler = TrainSampler(stream_of(tokens), block_size, batch_size, seed)
    starts = np.sort(epoch_starts(sampler, batch_size, epoch))
    phase = int(starts[0])
    assert 0 <= phase < block_size
    # Neighbours share one token, so each token is a target at most once.
    np.testing.assert_array_equal(np.diff(starts), block_size)
    # No further window would fit.
    assert starts[-1] + block_size < tokens <= starts[-1] + 2 * block_size


@settings(max_examples=100, deadline=None)
@given(sizes, st.integers(1, 9), st.integers(0, 2**32), st.data())
def test_a_batch_depends_on_nothing_but_its_index(size, batch_size, seed, data):
    block_size, tokens = size
    indices = data.draw(st.lists(st.integers(0, 3000), min_size=1, max_size=6))
    one = TrainSampler(stream_of(tokens), block_size, batch_size, seed)
    other = TrainSampler(stream_of(tokens), block_size, batch_size, seed)
    batches = {index: one.batch(index) for index in indices}
    for index in sorted(indices):
        np.testing.assert_array_equal(other.batch(index), batches[index])


@settings(max_examples=50, deadline=None)
@given(sizes, st.integers(1, 9), st.integers(0, 300))
def test_rows_are_runs_of_the_text(size, batch_size, index):
    block_size, tokens = size
    rows = TrainSampler(stream_of(tokens), block_size, batch_size, 1).batch(index)
    assert rows.shape == (batch_size, block_size + 1)
    assert rows.dtype == np.uint16
    x, y = rows[:, :-1], rows[:, 1:]
    np.testing.assert_array_equal(y.astype(int), x.astype(int) + 1)


@settings(max_examples=50, deadline=None)
@given(sizes, st.integers(1, 7), st.integers(0, 2**32))
def test_the_micro_batch_size_does_not_change_the_order(size, batch_size, seed):
    block_size, tokens = size
    single = TrainSampler(stream_of(tokens), block_size, 1, seed)
    sampler = TrainSampler(stream_of(tokens), block_size, batch_size, seed)
    one_by_one = np.concatenate([single.starts(index) for index in range(3 * batch_size)])
    in_batches = np.concatenate([sampler.starts(index) for index in range(3)])
    np.testing.assert_array_equal(one_by_one, in_batches)


def test_seeds_epochs_and_phases_differ():
    samplers = [TrainSampler(stream_of(10_001), 10, 1, seed) for seed in (0, 1)]
    orders = [tuple(epoch_starts(s, 1, epoch)) for s in samplers for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert list(orders[0]) != sorted(orders[0])
    phases = {min(epoch_starts(samplers[0], 1, epoch)) for epoch in range(30)}
    assert len(phases) > 5


def test_every_token_is_a_target_in_some_epoch():
    sampler = TrainSampler(stream_of(47), 10, 1, 3)
    rows = [sampler.batch(index)[0, 1:] for index in range(400)]
    assert set(np.concatenate(rows).tolist()) == set(range(1, 47))


def test_the_order_is_the_same_on_every_machine():
    sampler = TrainSampler(stream_of(1000), 100, 4, 1337)
    assert [sampler.starts(index).tolist() for index in (0, 2, 5000)] == [
        [253, 653, 353, 753],
        [153, 117, 417, 217],
        [674, 374, 274, 474],
    ]


shard_sizes = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(shard_sizes, st.integers(1, 20), st.integers(0, 2**63 - 1), st.integers(0, 4))
def test_the_order_of_several_files_is_that_of_one_sort(files, block_size, seed, epoch):
    """The whole epoch sorted by (place of the shard, key), which costs what the sampler avoids."""
    files[0] += block_size + 1
    sampler = TrainSampler(cut(*files), block_size, 1, seed)
    room = min(block_size, sum(files) - block_size)
    phase = int(words(seed, 0, 0, 1024)[epoch] % np.uint64(room))
    begins = np.arange(phase, sum(files) - block_size, block_size)
    keys = words(seed, 1, epoch, begins.size)
    shards = np.searchsorted(np.cumsum(files), begins, side="right")
    place_of_shard = np.argsort(np.argsort(words(seed, 2, epoch, len(files)), kind="stable"))
    expected = begins[np.lexsort((keys, place_of_shard[shards]))]
    np.testing.assert_array_equal(epoch_starts(sampler, 1, epoch), expected)


@settings(max_examples=100, deadline=None)
@given(shard_sizes, st.integers(1, 9), st.integers(0, 2**32), st.data())
def test_a_batch_of_several_files_depends_on_nothing_but_its_index(files, batch_size, seed, data):
    files[0] += 11
    indices = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=6))
    one = TrainSampler(cut(*files), 10, batch_size, seed)
    other = TrainSampler(cut(*files), 10, batch_size, seed)
    single = TrainSampler(cut(*files), 10, 1, seed)
    batches = {index: one.batch(index) for index in indices}
    for index in sorted(indices):
        np.testing.assert_array_equal(other.batch(index), batches[index])
        alone = [single.batch(index * batch_size + row)[0] for row in range(batch_size)]
        np.testing.assert_array_equal(alone, batches[index])
        x, y = batches[index][:, :-1], batches[index][:, 1:]
        np.testing.assert_array_equal(y.astype(int), x.astype(int) + 1)


def test_the_order_of_several_files_is_the_same_on_every_machine():
    sampler = TrainSampler(cut(400, 300, 300), 100, 4, 1337)
    assert [sampler.starts(index).tolist() for index in (0, 2, 5000)] == ORDER_OF_THREE_FILES


def test_words_in_the_middle_are_those_of_the_whole():
    whole = words(7, 1, 3, 10_000)
    for first in (0, 1, 63, 64, 9_999):
        part = np.random.PCG64(np.random.SeedSequence([7, 1, 3])).advance(first).random_raw(1)
        assert part[0] == whole[first]


def test_one_file_at_a_time_is_ordered():
    sampler = TrainSampler(cut(5000, 5000, 5000), 10, 1, 0)
    shards, sizes = [], []
    for index in range(sampler.windows_in(0)):
        sampler.starts(index)
        shards.append(sampler.place(index)["shard"])
        sizes.append(sampler._visit[2].size)
    assert len([shard for shard, _ in itertools.groupby(shards)]) == 3, "each is visited once"
    assert max(sizes) <= 501, "never the order of the whole epoch"


def test_a_place_says_where_a_micro_batch_begins():
    sampler = TrainSampler(cut(400, 300, 300), 100, 4, 1337)
    assert sampler.place(0) == {"micro_batch": 0, "epoch": 0, "window": 0, "shard": 2}
    place = sampler.place(1000)
    assert place["epoch"] > 400
    assert 0 <= sampler.starts(1000)[0] - [0, 400, 700][place["shard"]] < 400
    assert json.loads(json.dumps(place)) == place
    sampler.check_place(place)


def test_threads_may_ask_at_the_same_time():
    sampler = TrainSampler(cut(400, 300, 300), 10, 3, 5)
    expected = [TrainSampler(cut(400, 300, 300), 10, 3, 5).starts(i).tolist() for i in range(400)]
    with ThreadPoolExecutor(4) as pool:
        indices = [index % 400 for index in range(0, 4000, 7)]
        starts = list(pool.map(lambda index: sampler.starts(index).tolist(), indices))
    assert starts == [expected[index] for index in indices]


@pytest.mark.parametrize(
    "other",
    [
        TrainSampler(cut(400, 300, 301), 100, 4, 1337),
        TrainSampler(cut(400, 300, 300), 100, 4, 1338),
        TrainSampler(cut(400, 300, 300), 99, 4, 1337),
        TrainSampler(cut(400, 300, 300), 100, 8, 1337),
        TrainSampler(stream_of(1000), 100, 4, 1337),
    ],
)
def test_a_place_in_other_data_is_refused(other):
    saved = TrainSampler(cut(400, 300, 300), 100, 4, 1337).place(1000)
    with pytest.raises(DataError, match="micro_batch 1000, epoch 4") as caught:
        other.check_place(saved)
    assert caught.value.exit_status == CORRUPT
    assert "start a new run" in str(caught.value)


def test_a_far_epoch_is_found():
    sampler = TrainSampler(stream_of(300), 100, 1, 0)
    counts = [sampler.windows_in(epoch) for epoch in range(2100)]
    assert set(counts) <= {1, 2}
    window = sum(counts[:2050])
    assert sampler.position(window) == (2050, 0)
    assert sampler.position(window - 1) == (2049, counts[2049] - 1)


def test_a_split_of_one_window_is_enough():
    sampler = TrainSampler(stream_of(9), 8, 2, 0)
    np.testing.assert_array_equal(sampler.batch(3), [range(9), range(9)])


def test_a_split_without_a_window_is_refused():
    with pytest.raises(DataError, match=r"BLOCK_SIZE=8 needs 9. Set BLOCK_SIZE <= 7") as caught:
        TrainSampler(stream_of(8), 8, 2, 0)
    assert caught.value.exit_status == USAGE


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 200), st.integers(1, 50), st.integers(1, 8))
def test_validation_covers_each_target_once_in_order(tokens, block_size, batch_size):
    windows = ValidationWindows(stream_of(tokens), block_size)
    targets = np.concatenate([window[1:] for window in windows])
    np.testing.assert_array_equal(targets, np.arange(1, tokens))
    assert windows.evaluated_tokens == tokens - 1
    assert windows.is_full_split
    batched = [row for rows in windows.batches(batch_size) for row in rows]
    assert len(batched) == len(windows)
    for row, window in zip(batched, windows, strict=True):
        np.testing.assert_array_equal(row, window)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 400), st.integers(1, 20), st.integers(1, 30))
def test_a_limit_takes_evenly_spaced_whole_windows(tokens, block_size, limit):
    stream = stream_of(tokens)
    everything = ValidationWindows(stream, block_size)
    some = ValidationWindows(stream, block_size, limit)
    assert len(some) == min(limit, len(everything))
    assert some.is_full_split == (limit >= len(everything))
    assert some.evaluated_tokens == sum(window.size - 1 for window in some)
    if not some.is_full_split:
        assert all(window.size == block_size + 1 for window in some)
        gaps = {int(b[0]) - int(a[0]) for a, b in itertools.pairwise(some)}
        assert max(gaps, default=0) - min(gaps, default=0) <= block_size
        # The last one stands for the last 1/limit of the split.
        assert int(some[limit - 1][0]) >= tokens * (limit - 1) / limit - 2 * block_size


def test_batches_are_copies_and_a_shorter_window_comes_alone():
    batches = list(ValidationWindows(stream_of(35), 10).batches(2))
    assert [rows.shape for rows in batches] == [(2, 11), (1, 11), (1, 5)]
    assert all(rows.flags.writeable for rows in batches)


def test_a_split_shorter_than_a_window_is_one_window():
    assert [window.size for window in ValidationWindows(stream_of(5), 100)] == [5]
