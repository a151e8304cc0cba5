import gc
import weakref

import pytest

from lib.garbage import GarbageCollector


class Node:
    """Part of a cycle, which only the collector can free."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    assert gc.isenabled()
    gc.unfreeze()


def test_held_it_collects_when_told_and_only_then():
    with GarbageCollector(is_held=True) as garbage:
        assert gc.isenabled()
        garbage.settle()
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        node = weakref.ref(Node())
        # More objects than any threshold of Python's.
        keep = [[] for _ in range(100_000)]
        assert node() is not None
        garbage.collect()
        assert node() is None
        del keep
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_was_garbage_before_the_first_step_is_not_kept_for_ever():
    gc.disable()
    node = weakref.ref(Node())
    gc.enable()
    with GarbageCollector(is_held=True) as garbage:
        garbage.settle()
        garbage.settle()
        assert node() is None


def test_an_error_leaves_the_collector_as_it_was():
    def interrupted():
        with GarbageCollector(is_held=True) as garbage:
            garbage.settle()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gc.isenabled()


def test_not_held_nothing_changes():
    with GarbageCollector(is_held=False) as garbage:
        garbage.settle()
        garbage.collect()
        assert gc.isenabled()
        assert gc.get_freeze_count() == 0


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with GarbageCollector(is_held=True) as garbage:
            garbage.settle()
        assert not gc.isenabled()
    finally:
        gc.enable()
