"""Every keep score with every distribution, schedule and pattern: exact, monotone, then frozen.

The weights are unpleasant on purpose: ties, zeros at the start, a tensor that is all zero, 16-bit
floats, odd shapes; several scores are negative.
"""

import itertools
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lib.optimizers import build_optimizer
from lib.pruning import DISTRIBUTIONS, PATTERNS, SCHEDULES, build_pruner, check_outcome, gradual
from tests.lib.pruning.tiny_run import CRITERIA, OPTIMIZER, PRUNING

STEPS = 12
SHORT = PRUNING | {"PRUNING_BEGIN_PCT": 20, "PRUNING_END_PCT": 80, "PRUNING_FREQUENCY": 2}


def ordinary(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"blocks.0.up": (5, 7), "blocks.1.up": (4, 12), "blocks.2.up": (3, 2)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def train(weights, method, chosen, seed=0):
    """Train and prune; checks every event. Returns the pruner, the events and the weights."""
    named = [(name, nn.Parameter(weight.clone())) for name, weight in weights.items()]
    settings = SHORT | chosen
    optimizer = build_optimizer("adamw", named, OPTIMIZER)
    pruner = build_pruner(method, named, optimizer, settings, STEPS)
    size = sum(weight.numel() for _, weight in named)
    events, before = [], None
    for step in range(1, STEPS + 1):
        generator = torch.Generator().manual_seed(1000 * seed + step)
        for _, weight in named:
            weight.grad = torch.randn(weight.shape, generator=generator).to(weight.dtype)
        pruner.gate_gradients()
        optimizer.step()
        event = pruner.step(step)
        masks = [tensor.pruned().clone() for tensor in pruner.tensors] if pruner.is_gating else None
        if event is not None:
            events.append(event)
            count = sum(int(mask.sum()) for mask in masks)
            assert event.achieved == count / size
            assert all(
                bool((w[mask] == 0).all()) for (_, w), mask in zip(named, masks, strict=True)
            )
            if before is None:
                before = masks
            elif settings["PRUNING_PATTERN"] == "unstructured":
                earlier = sum(int(mask.sum()) for mask in before)
                assert count == max(round(event.target * size), earlier)
            for old, new in zip(before, masks, strict=True):
                assert bool(new[old].all()), "a pruned weight came back"
        elif before is not None:
            assert all(map(torch.equal, before, masks)), "masks changed without an event"
        before = masks if events else None
    return pruner, events, dict(named)


@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
@pytest.mark.parametrize(("method", "variant"), CRITERIA)
def test_every_score_with_every_distribution_and_schedule(method, variant, distribution):
    for schedule in SCHEDULES:
        chosen = {
            "ADAMWPRUNE_VARIANT": variant,
            "PRUNING_DISTRIBUTION": distribution,
            "PRUNING_SCHEDULE": schedule,
        }
        weights = ordinary(1)
        size = sum(weight.numel() for weight in weights.values())
        pruner, events, saved = train(weights, method, chosen)
        assert [round(event.target * size) for event in events] == [
            round(event.achieved * size) for event in events
        ]
        assert sum(int((weight == 0).sum()) for weight in saved.values()) == round(0.5 * size)
        assert check_outcome(pruner, 0.5) is None
        assert pruner.mask_bytes == 0


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("variant", ["bitter5", "bitter9"])
def test_negative_scores_six_events_at_a_constant_target_stay_at_it(variant, normalise):
    """A threshold over all weights prunes half of the rest again at every event."""
    chosen = {
        "ADAMWPRUNE_VARIANT": variant,
        "ADAMWPRUNE_NORMALISE": normalise,
        "PRUNING_FREQUENCY": 1,
    }
    named = [(name, nn.Parameter(weight)) for name, weight in ordinary(2).items()]
    optimizer = build_optimizer("adamw", named, OPTIMIZER)
    pruner = build_pruner("state", named, optimizer, SHORT | chosen, STEPS)
    pruner.due.schedule = pruner.schedule = _Constant(pruner.schedule)
    achieved = []
    for step in range(1, 7):
        for _, weight in named:
            generator = torch.Generator().manual_seed(step)
            weight.grad = torch.randn(weight.shape, generator=generator)
        pruner.gate_gradients()
        optimizer.step()
        achieved.append(pruner.step(step).achieved)
    assert achieved == [pytest.approx(0.5, abs=0.01)] * 6
    assert len(set(achieved)) == 1


class _Constant:
    """An event at every step, always at the target."""

    def __init__(self, schedule):
        self.target, self.is_last = schedule.target, schedule.is_last

    def is_event(self, step):
        return True

    def sparsity(self, step):
        return self.target


@st.composite
def unpleasant(draw):
    """Tensors with few distinct values, zeros, all zeros, 16 bits, odd shapes."""
    weights = {}
    for i in range(draw(st.integers(1, 3))):
        shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 9)))
        values = draw(st.sampled_from([(0.0,), (0.5,), (-1.0, 0.0, 1.0), (-0.25, 0.5, 2.0)]))
        picks = st.lists(st.sampled_from(values), min_size=1, max_size=6)
        cycle = itertools.cycle(draw(picks))
        flat = [next(cycle) for _ in range(shape[0] * shape[1])]
        dtype = draw(st.sampled_from([torch.float32, torch.bfloat16]))
        weights[f"blocks.{i}.up"] = torch.tensor(flat, dtype=dtype).view(shape)
    return weights


@settings(deadline=None, max_examples=60)  # a busy machine is no failure
@given(
    unpleasant(),
    st.sampled_from(CRITERIA),
    st.sampled_from(sorted(DISTRIBUTIONS)),
    st.sampled_from(sorted(SCHEDULES)),
    st.sampled_from(sorted(PATTERNS)),
    st.sampled_from([0.1, 0.5, 0.9, 0.96]),
)
def test_unpleasant_weights(weights, criterion, distribution, schedule, pattern, target):
    method, variant = criterion
    chosen = {
        "ADAMWPRUNE_VARIANT": variant,
        "PRUNING_DISTRIBUTION": distribution,
        "PRUNING_SCHEDULE": schedule,
        "PRUNING_PATTERN": pattern,
        "PRUNING_N": 2 if pattern == "2-4" else 1,
        "PRUNING_M": 4 if pattern == "2-4" else 3,
        "TARGET_SPARSITY": target,
    }
    # A tensor of a few weights is soon all zero; that this is refused is tested elsewhere.
    with mock.patch.object(gradual, "NEARLY_DEAD", 1.0):
        pruner, events, _ = train(weights, method, chosen)
    assert events
    assert not any(pruner.report().missing.values())
