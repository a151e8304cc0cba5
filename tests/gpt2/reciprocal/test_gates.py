import pytest
import torch

from gpt2.reciprocal.gates import FLOOR, BoundedGate, PositiveGate, ReciprocalPair
from tests.gpt2.reciprocal.models import build


@pytest.mark.parametrize(
    ("value", "theta"),
    [(0.9, 0.376479), (0.1, -2.262727), (0.9375, 0.438924), (0.0625, -2.757811)],
)
def test_a_gate_is_stored_as_published(value, theta):
    gate = PositiveGate(value, (3,))
    assert gate.theta.detach().tolist() == pytest.approx([theta] * 3, abs=1e-5)
    assert gate().tolist() == pytest.approx([value] * 3, abs=1e-6)


@pytest.mark.parametrize("value", [-30.0, -5.0, 0.0, 30.0])
def test_no_gate_reaches_zero_or_loses_its_gradient(value):
    gate = PositiveGate(0.9, ())
    with torch.no_grad():
        gate.theta.fill_(value)
    gate().backward()
    assert gate() >= FLOOR
    assert gate.theta.grad > 0


def test_a_bounded_gate_stays_between_its_ends():
    gate = BoundedGate(0.05, 0.0, 0.5, (2,))
    assert gate.phi.detach().tolist() == pytest.approx([-2.197225] * 2, abs=1e-5)
    for value in (-9.0, 9.0):
        with torch.no_grad():
            gate.phi.fill_(value)
        gate.phi.grad = None
        gate().sum().backward()
        assert ((gate() > 0) & (gate() < 0.5)).all()
        assert (gate.phi.grad > 0).all()


def test_asleep_the_reciprocal_gate_counts_for_little_and_still_learns():
    pair = ReciprocalPair(0.9, 0.1, (4,))
    pair.awake.fill_(0.01)
    w_std, w_eff = pair()
    assert w_std.tolist() == pytest.approx([0.9] * 4)
    assert w_eff.tolist() == pytest.approx([0.001] * 4, rel=1e-4)
    w_eff.sum().backward()
    assert (pair.rec.theta.grad > 0).all()


def test_geometric_gates_are_the_shares_of_the_channels():
    model = build("V3", gate_init="geometric")
    block = model.blocks[0]
    rank, size = block.attention.rank, block.attention.head_size
    assert (rank, size) == (1, 16)
    w_std, w_rec = block.attention.pair()
    assert w_std.tolist() == pytest.approx([15 / 16] * 4, abs=1e-6)
    assert w_rec.tolist() == pytest.approx([1 / 16] * 4, abs=1e-6)
    low = block.feed_forward.low
    assert block.feed_forward.pair()[1].item() == pytest.approx(low / 256, abs=1e-6)


def test_waking_reaches_every_pair():
    model = build("V3")
    model.wake(0.25)
    pairs = [module for module in model.modules() if isinstance(module, ReciprocalPair)]
    assert len(pairs) == 4
    assert all(pair.awake == 0.25 for pair in pairs)
