"""Equal loss within noise: shown where it is so, and denied where it is not."""

from dataclasses import replace

import pytest

from scripts.bench import loss, plain_loop
from scripts.bench.loss import POINTS, SMOKE, Curves, describe


def curves(own, fed):
    """The plain loop at 2.0, 2.1, 2.2 (a deviation of 0.1), and ours so much higher, by seed."""
    found = []
    for number, (a, b) in enumerate(zip(own, fed, strict=True)):
        ours = 2.0 + number / 10
        found.append(Curves([ours] * POINTS, [ours - a] * POINTS, [ours - b] * POINTS))
    return found


def verdicts(own, fed):
    (course,) = SMOKE
    found = list(describe(course, curves(own, fed)))
    assert [line.verdict for line in found[: POINTS - 1]] == [None] * (POINTS - 1)
    return found[POINTS - 1].verdict, found[-1].verdict


def test_known_answers():
    (course,) = SMOKE
    found = list(describe(course, curves((0.02, 0.0, 0.01), (0.0, 0.0, 0.0))))
    assert len(found) == 2 * POINTS
    # A deviation of 0.01 over three pairs: 4.303 x 0.01 / sqrt(3).
    assert found[POINTS - 1].interval == "+0.01000 (-0.01484 to +0.03484)"
    assert "after 40 steps, plain loop on its own windows; 3 seeds" in found[POINTS - 1].what
    assert "plain loop on our batches; 3 seeds with a deviation of 0.1000" in found[-1].what


@pytest.mark.parametrize(
    ("differences", "own", "fed"),
    [
        ((0.02, 0.0, 0.01), "equal within noise", "equal: less than between seeds"),
        # Seen sharply, and far less than between seeds.
        ((0.011, 0.010, 0.009), "differs: ours is higher", "equal: less than between seeds"),
        ((-0.211, -0.210, -0.209), "differs: ours is lower", "differs: ours is lower"),
        ((0.2, -0.2, 0.1), "equal within noise", "not decided"),
    ],
)
def test_what_a_difference_is_called(differences, own, fed):
    assert verdicts(differences, differences) == (own, fed)


def test_both_loops_train_alike(context):
    section = loss.measure(context(CPU_THREADS=1))
    own, fed = section.findings[POINTS - 1], section.findings[-1]
    assert fed.verdict == "equal: less than between seeds"
    assert float(fed.ours) == pytest.approx(float(fed.plain), abs=0.002)
    assert float(own.ours) == pytest.approx(float(own.plain), abs=0.05)
    assert float(section.findings[0].ours) > float(own.ours) + 0.1


def test_a_loop_that_learns_less_is_noticed(context, monkeypatch):
    """The comparison can fail: the plain loop at a third of the learning rate."""
    whole = plain_loop.get_lr
    monkeypatch.setattr(plain_loop, "get_lr", lambda step, settings: whole(step, settings) / 3)
    section = loss.measure(context(CPU_THREADS=1))
    for last in (POINTS - 1, -1):
        assert section.findings[last].verdict == "differs: ours is lower"


def test_a_workload_whose_losses_nobody_compares(context):
    with pytest.raises(ValueError, match="No losses of gpt2 are compared here; there are fast"):
        loss.measure(replace(context(), only="gpt2"))
