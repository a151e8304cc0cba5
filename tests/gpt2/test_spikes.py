import pytest

from gpt2.spikes import Spikes, spikes_of


@pytest.mark.parametrize(
    ("first", "interval", "steps"),
    [(1, 0, [1]), (3, 0, [3]), (3, 4, [3, 7]), (1, 1, list(range(1, 11))), (11, 1, [])],
)
def test_spikes_are_where_they_were_asked_for(first, interval, steps):
    spikes = Spikes(1e3, first, interval)
    assert [step for step in range(1, 11) if spikes.factor_of(step) == 1e3] == steps
    assert [step for step in range(1, 11) if spikes.factor_of(step) is not None] == steps
    assert spikes.number(10) == len(steps)


def test_no_option_no_spike(one_run):
    assert spikes_of(one_run()) is None


def test_the_options_of_a_run(one_run):
    asked = {"SPIKE_INJECTION": "y", "SPIKE_FACTOR": "1e2", "SPIKE_FIRST_STEP": 5}
    assert spikes_of(one_run(**asked)) == Spikes(100.0, 5, 0)
    assert str(Spikes(100.0, 5, 0)) == "first micro-batch x 100 at step 5"
    assert str(Spikes(100.0, 5, 9)).endswith("at step 5 and every 9 steps after it")
