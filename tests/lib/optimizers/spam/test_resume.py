"""R9: saved in the middle of a warm-up and loaded again, it continues bit-equal."""

import copy
import io

import pytest
import torch
from torch import nn

KNOBS = {"interval": 20, "warmup_steps": 10, "grace": 3, "theta": 6.0, "density": 0.5}


def saved_and_loaded(state):
    """Through a file, with nothing but tensors and plain values allowed in it."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def copies(named):
    return [(name, nn.Parameter(p.detach().clone())) for name, p in named]


@pytest.mark.parametrize("preset", ["seed", "paper"])
@pytest.mark.parametrize("log_norms", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_r9_continues_bit_equal(build, model, train, preset, log_norms, dtype):
    knobs = KNOBS | {"log_norms": log_norms}
    straight = model(dtype)
    optimizer = build(straight, preset, **knobs)
    # Step 20 is a reset, step 25 in the warm-up; history 25, spikes before and after.
    train(optimizer, straight, 0, 25, spikes=(15, 22))
    state = saved_and_loaded(optimizer.state_dict())
    resumed = copies(straight)
    again = build(resumed, preset, **knobs)
    again.load_state_dict(state)
    assert (again.steps_since_reset, again.reset_interval) == (6, 20)
    for each, named in ((optimizer, straight), (again, resumed)):
        train(each, named, 25, 70, spikes=(27, 45))
    for (name, a), (_, b) in zip(straight, resumed, strict=True):
        assert torch.equal(a, b), name
    ours, theirs = optimizer.state_dict(), again.state_dict()
    assert_same(ours, theirs)
    events = optimizer.read_events()
    assert events == again.read_events()
    assert events["spam_clipped_fraction"] > 0
    assert events["spam_resets"] == 3
    assert (events["spam_spikes"] >= 4) == (preset == "seed")


def assert_same(ours, theirs, place=""):
    assert type(ours) is type(theirs), place
    if isinstance(ours, dict):
        assert list(ours) == list(theirs), place
        for key in ours:
            assert_same(ours[key], theirs[key], f"{place}/{key}")
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs), place
        assert ours.dtype == theirs.dtype, place
    else:
        assert ours == theirs, place


@pytest.mark.parametrize(
    "path",
    [
        ("conditioning", "steps"),
        ("conditioning", "detector", "ring"),
        ("conditioning", "detector", "pushes"),
        ("state", 0, "updates"),
        ("state", 0, "step"),
        ("state", 0, "exp_avg"),
        ("state", 0, "exp_avg_sq"),
        ("state", 0, "max_exp_avg_sq"),
    ],
)
def test_r9_every_item_of_the_state_is_needed(build, model, train, path):
    """With any one of them back at its beginning, the run goes elsewhere."""
    knobs = KNOBS | {"corrected_reference": True}
    straight = model()
    optimizer = build(straight, "seed", **knobs)
    train(optimizer, straight, 0, 26, spikes=(15, 22))
    state = saved_and_loaded(copy.deepcopy(optimizer.state_dict()))
    place = state
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    place[path[-1]] = torch.zeros_like(value) if torch.is_tensor(value) else 0
    resumed = copies(straight)
    again = build(resumed, "seed", **knobs)
    again.load_state_dict(state)
    for each, named in ((optimizer, straight), (again, resumed)):
        train(each, named, 26, 60, spikes=(27, 45))
    assert not torch.equal(straight[0][1], resumed[0][1])


def test_the_state_is_no_larger_than_its_moments(build, model, train):
    """No mask of density, no gradient: what is saved is moments, counters, a hundred norms."""
    named = model()
    optimizer = build(named, "seed", **KNOBS)
    train(optimizer, named, 0, 5)
    elements = sum(p.numel() for _, p in named)
    per_parameter = [value for state in optimizer.state.values() for value in state.values()]
    kept = sum(value.numel() for value in per_parameter if torch.is_tensor(value))
    assert kept == 3 * elements + len(named)
    extra = optimizer.state_dict()["conditioning"]
    assert extra["detector"]["ring"].shape == (100,)
    assert set(extra) == {"steps", "detector", "window"}


def test_the_state_of_another_optimizer_is_refused(build, model, train):
    named = model()
    other = torch.optim.AdamW([{"params": [p]} for _, p in named])
    with pytest.raises(ValueError, match="not that of AdamWSPAM.*continue with the optimizer"):
        build(named, "seed").load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="SPAM_DETECT_SPIKES of the run that saved it"):
        build(named, "paper").load_state_dict(build(named, "seed").state_dict())


def test_saving_between_conditioning_and_step_is_a_mistake(build, model):
    named = model()
    optimizer = build(named, "paper")
    for _, p in named:
        p.grad = torch.ones_like(p)
    norm = torch.ones(())
    optimizer.condition_gradients(norm)
    with pytest.raises(AssertionError, match="between the conditioning and the step"):
        optimizer.state_dict()
    with pytest.raises(AssertionError, match="conditioned twice"):
        optimizer.condition_gradients(norm)
    optimizer.step()
    optimizer.condition_gradients(norm)


def test_a_step_conditions_by_itself_and_only_once(build, model):
    """With the trainer's call before it or without: the same weights and counts."""
    first, second = model(), model()
    optimizers = [build(named, "seed", theta=4.0, grace=1) for named in (first, second)]
    for step in range(30):
        for named in (first, second):
            generator = torch.Generator().manual_seed(step)
            for _, p in named:
                p.grad = torch.randn(p.shape, generator=generator)
        norm = torch.nn.utils.get_total_norm([p.grad for _, p in first])
        optimizers[0].condition_gradients(norm)
        for optimizer in optimizers:
            optimizer.step()
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, second, strict=True))
    assert optimizers[0].read_events() == optimizers[1].read_events()


def test_a_closure_is_called_once_with_gradients_on(build):
    weight = nn.Parameter(torch.ones(2))
    optimizer = build([("w", weight)], "seed")
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        loss = weight.square().sum()
        weight.grad = None
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert calls == [True]
    assert weight.max().item() < 1.0
