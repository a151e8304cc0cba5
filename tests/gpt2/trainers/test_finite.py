"""A value that is not finite stops the run before the update, whether it is looked for or not."""

import math

import pytest
import torch

from gpt2.trainers.finite import DeferredCheck, Diverged, ImmediateCheck, finite_check

BAD = [(math.nan, 1.0), (1.0, math.inf), (-math.inf, math.nan)]


def scalars(*values):
    return tuple(torch.tensor(value) for value in values)


@pytest.mark.parametrize(("loss", "norm"), BAD)
def test_immediately(loss, norm):
    check = ImmediateCheck()
    check.watch(*scalars(1.0, 2.0), 1)
    with pytest.raises(Diverged, match="at step 2"):
        check.watch(*scalars(loss, norm), 2)


@pytest.mark.parametrize(("loss", "norm"), BAD)
def test_deferred_the_first_bad_step_is_named_whatever_came_after(loss, norm):
    check = DeferredCheck("cpu")
    for step in range(41, 45):
        check.watch(*scalars(1.0, 2.0), step)
        check.settle()
    check.watch(*scalars(loss, norm), 45)
    check.watch(*scalars(3.0, 4.0), 46)
    check.watch(*scalars(math.nan, 4.0), 47)
    with pytest.raises(Diverged, match=f"loss {loss:g}, gradient norm {norm:g} at step 45"):
        check.settle()


def test_deferred_nothing_is_read(monkeypatch):
    check = DeferredCheck("cpu")

    def refuse(self):
        raise AssertionError("read from the device")

    for name in ("item", "__bool__", "__float__", "tolist"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    check.watch(*scalars(math.nan, 1.0), 1)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD])
def test_the_optimizer_updates_nothing_from_the_bad_step_on(kind, monkeypatch):
    """On the device's own word: the flag is never read in between."""
    torch.manual_seed(0)
    weights = torch.nn.Parameter(torch.randn(4, 8))
    optimizer = kind([weights], lr=0.1, fused=True)
    check = DeferredCheck("cpu")
    # There is no GPU here to make a flag on.
    monkeypatch.setattr("gpt2.trainers.finite.DeferredCheck", lambda device: check)
    assert finite_check(optimizer, "cuda") is check
    before = weights.detach().clone()
    weights.grad = torch.ones_like(weights)
    check.watch(*scalars(1.0, 1.0), 1)
    optimizer.step()
    after = weights.detach().clone()
    assert not torch.equal(before, after)
    for step, norm in ((2, math.nan), (3, 1.0)):
        weights.grad = torch.full_like(weights, norm)
        check.watch(*scalars(1.0, norm), step)
        optimizer.step()
        assert torch.equal(weights, after)
    with pytest.raises(Diverged, match="step 2"):
        check.settle()


def test_who_cannot_skip_is_looked_at_every_step(monkeypatch):
    monkeypatch.setattr("gpt2.trainers.finite.DeferredCheck", lambda device: DeferredCheck("cpu"))
    weights = torch.nn.Parameter(torch.zeros(2))
    assert isinstance(
        finite_check(torch.optim.AdamW([weights], foreach=True), "cuda"), ImmediateCheck
    )
    assert isinstance(finite_check(torch.optim.RMSprop([weights]), "cuda"), ImmediateCheck)
    assert isinstance(finite_check(torch.optim.AdamW([weights], fused=True), "cpu"), ImmediateCheck)
