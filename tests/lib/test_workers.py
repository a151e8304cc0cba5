"""Threads that share out work: order, errors, one core each, the caller's setting untouched."""

import threading

import pytest
import torch

from lib.workers import SMALL, in_parts, in_threads, workers_for

CORES = 2


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(CORES)
    yield
    torch.set_num_threads(before)


def test_small_or_foreign_tensors_are_left_to_one_worker():
    assert workers_for([torch.empty(SMALL)]) == 1
    assert workers_for([torch.empty(SMALL), torch.empty(1)]) == CORES
    assert workers_for([torch.empty(2 * SMALL, device="meta")]) == 1


def test_results_come_in_order_and_every_worker_stays_on_one_core():
    seen = in_threads(
        lambda item: (item, threading.current_thread().name, torch.get_num_threads()),
        list(range(20)),
        CORES,
    )
    assert [item for item, _, _ in seen] == list(range(20))
    assert {cores for _, _, cores in seen} == {1}
    assert threading.current_thread().name not in {name for _, name, _ in seen}
    assert torch.get_num_threads() == CORES


def test_one_item_is_the_callers_own():
    (name,) = in_threads(lambda _: threading.current_thread().name, [0], CORES)
    assert name == threading.current_thread().name


def test_an_error_in_a_worker_reaches_the_caller_and_the_next_call_works():
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("item 3")
        return item

    with pytest.raises(ValueError, match="item 3"):
        in_threads(fail, list(range(5)), CORES)
    assert in_threads(fail, [0, 1, 2], CORES) == [0, 1, 2]


def test_parts_cover_a_large_tensor_once():
    flat = torch.arange(2 * SMALL + 1)
    parts = in_parts(lambda part, twin: (part, twin), flat, flat * 2)
    assert len(parts) == CORES
    assert torch.equal(torch.cat([part for part, _ in parts]), flat)
    assert torch.equal(torch.cat([twin for _, twin in parts]), flat * 2)
