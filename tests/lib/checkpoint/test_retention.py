from hypothesis import given
from hypothesis import strategies as st

from lib.checkpoint.retention import BEST, LATEST, PREVIOUS, ROLLING
from tests.lib.checkpoint.states import make_tiers

STEPS = st.sets(st.integers(1, 400), min_size=3, max_size=60)


@st.composite
def situations(draw):
    """Tiers, sizes of the checkpoints there are, the best step if any, and the verified one."""
    epoch_steps = draw(st.integers(1, 120))
    tiers = make_tiers(
        interval=draw(st.integers(0, 50)),
        rolling=draw(st.integers(0, 12)),
        epochs=draw(st.integers(0, 5)),
        limit_bytes=draw(st.sampled_from([0, 0, 1, 200, 1000])),
        epoch_of=lambda step: step // epoch_steps if step % epoch_steps == 0 else None,
    )
    steps = sorted(draw(STEPS))
    sizes = {step: draw(st.integers(1, 100)) for step in steps}
    best = draw(st.none() | st.sampled_from(steps) | st.integers(1, 400))
    return tiers, sizes, best, draw(st.sampled_from(steps))


def older(sizes, verified):
    return sorted((step for step in sizes if step <= verified), reverse=True)


@given(situations())
def test_what_a_run_needs_is_never_deleted(situation):
    tiers, sizes, best, verified = situation
    deleted = tiers.expendable(sizes, best, verified)
    assert set(deleted) <= set(sizes)
    assert not set(deleted) & {*older(sizes, verified)[:2], best}
    # What is newer than the one that is known to be whole is nobody's to delete.
    assert all(step < verified for step in deleted)


@given(situations())
def test_without_a_limit_everything_stays_that_a_tier_keeps_and_nothing_else(situation):
    tiers, sizes, best, verified = situation
    tiers = make_tiers(**(vars(tiers) | {"limit_bytes": 0}))
    candidates = older(sizes, verified)
    kept = set(candidates[:2]) | {step for step in candidates if step == best}
    if tiers.interval:
        kept |= set([s for s in candidates if s % tiers.interval == 0][: tiers.rolling])
    kept |= set([s for s in candidates if tiers.epoch_of(s) is not None][: tiers.epochs])
    assert set(tiers.expendable(sizes, best, verified)) == set(candidates) - kept
    assert set(tiers.of(candidates, best)) == kept


@given(situations())
def test_a_limit_is_kept_where_it_can_be_and_takes_rolling_before_epochs_and_old_before_new(
    situation,
):
    tiers, sizes, best, verified = situation
    unlimited = make_tiers(**(vars(tiers) | {"limit_bytes": 0}))
    labels = unlimited.of(older(sizes, verified), best)
    first = set(unlimited.expendable(sizes, best, verified))
    deleted = tiers.expendable(sizes, best, verified)
    assert deleted == tuple(sorted(deleted))
    assert first <= set(deleted)
    if not tiers.limit_bytes:
        assert set(deleted) == first
        return
    essential = {LATEST, PREVIOUS, BEST}
    droppable = [step for step in labels if not essential & set(labels[step])]
    rolling = sorted(step for step in droppable if labels[step] == (ROLLING,))
    order = rolling + sorted(set(droppable) - set(rolling))
    extra = [step for step in order if step in set(deleted) - first]
    assert extra == order[: len(extra)]
    left = sum(sizes[step] for step in sizes if step not in deleted)
    assert left <= tiers.limit_bytes or len(extra) == len(order)
    # Not one more than was needed.
    assert not extra or left + sizes[extra[-1]] > tiers.limit_bytes


@given(situations())
def test_a_second_look_deletes_nothing_more(situation):
    tiers, sizes, best, verified = situation
    deleted = tiers.expendable(sizes, best, verified)
    left = {step: sizes[step] for step in sizes if step not in deleted}
    assert tiers.expendable(left, best, verified) == ()


def test_nothing_is_deleted_while_the_newest_is_not_on_the_disk():
    tiers = make_tiers(interval=0, rolling=0)
    assert tiers.expendable({1: 10, 2: 10, 3: 10}, None, verified=4) == ()
    assert tiers.expendable({1: 10, 2: 10, 3: 10, 4: 10}, None, verified=4) == (1, 2)


def test_a_long_run_by_hand():
    """Saves at 250, 500, ..., one each minute besides, epochs of 1000 steps, best at 750."""
    tiers = make_tiers(
        interval=250,
        rolling=3,
        epochs=2,
        epoch_of=lambda step: step // 1000 if step % 1000 == 0 else None,
    )
    kept = set()
    for step in sorted({*range(250, 4001, 250), *range(60, 4001, 60)}):
        kept.add(step)
        sizes = dict.fromkeys(kept, 1)
        kept -= set(tiers.expendable(sizes, 750 if step >= 750 else None, step))
    assert tiers.of(kept, 750) == {
        4000: (LATEST, ROLLING, "epoch 4"),
        3960: (PREVIOUS,),
        3750: (ROLLING,),
        3500: (ROLLING,),
        3000: ("epoch 3",),
        750: (BEST,),
    }
    assert kept == {4000, 3960, 3750, 3500, 3000, 750}


def test_when_one_is_due():
    tiers = make_tiers(
        interval=250, rolling=10, epochs=1, epoch_of=lambda step: 1 if step == 333 else None
    )
    assert [step for step in range(1, 800) if tiers.is_due(step)] == [250, 333, 500, 750]
    none = make_tiers(interval=250, rolling=0, epochs=0, epoch_of=lambda step: 1)
    assert not any(none.is_due(step) for step in range(1, 800))
    assert not make_tiers(interval=0, rolling=10).is_due(250)
