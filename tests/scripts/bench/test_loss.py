"""Equal loss within noise: shown where it is so, and denied where it is not."""

from dataclasses import replace

import pytest

from scripts.bench import loss, plain_loop
from scripts.bench.loss import POINTS, SMOKE, describe


def pairs(*differences):
    """Curves of the plain loop at 2, and ours so much higher, a pair for each seed."""
    return [([2.0 + d] * POINTS, [2.0] * POINTS) for d in differences]


def test_known_answers():
    (course,) = SMOKE
    found = list(describe(course, pairs(0.02, 0.0, 0.01)))
    assert [line.verdict for line in found] == [None] * (POINTS - 1) + ["equal within noise"]
    # A deviation of 0.01 over three pairs: 4.303 x 0.01 / sqrt(3).
    assert found[-1].interval == "+0.0100 (-0.0148 to +0.0348)"
    assert "after 40 steps, 3 seeds" in found[-1].what
    higher = list(describe(course, pairs(0.011, 0.010, 0.009)))
    assert higher[-1].verdict == "differs: ours is higher"
    lower = list(describe(course, pairs(-0.011, -0.010, -0.009)))
    assert lower[-1].verdict == "differs: ours is lower"


def test_both_loops_train_alike(context):
    section = loss.measure(context(CPU_THREADS=1))
    last = section.findings[-1]
    assert last.verdict == "equal within noise"
    assert float(last.ours) == pytest.approx(float(last.plain), abs=0.05)
    assert float(section.findings[0].ours) > float(last.ours) + 0.1


def test_a_loop_that_learns_less_is_noticed(context, monkeypatch):
    """The comparison can fail: the plain loop at a third of the learning rate."""
    whole = plain_loop.get_lr
    monkeypatch.setattr(plain_loop, "get_lr", lambda step, settings: whole(step, settings) / 3)
    section = loss.measure(context(CPU_THREADS=1))
    assert section.findings[-1].verdict == "differs: ours is lower"


def test_a_workload_whose_losses_nobody_compares(context):
    with pytest.raises(ValueError, match="No losses of gpt2 are compared here; there are fast"):
        loss.measure(replace(context(), only="gpt2"))
