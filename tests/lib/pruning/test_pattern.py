"""N:M against a plain reference in Python lists, and what a pattern may be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.pruning import PATTERNS, check_outcome
from lib.pruning.pattern import KeepNOfM, Unstructured
from lib.pruning.select import EXCLUDED, smallest
from tests.lib.pruning.tiny_run import N, Run


def reference(scores, pruned, n, m, groups):
    """Convert the `groups` cheapest of a matrix in nested lists; returns the new pruned ones."""
    after = [list(row) for row in pruned]
    candidates = []
    for r, row in enumerate(scores):
        for start in range(0, len(row) - m + 1, m):
            places = range(start, start + m)
            order = sorted(places, key=lambda c: (not pruned[r][c], row[c], c))
            lost = order[: m - n]
            if sum(pruned[r][c] for c in places) < m - n:
                loss = sum(row[c] for c in lost if not pruned[r][c])
                candidates.append((loss, len(candidates), r, lost))
    for _, _, r, lost in sorted(candidates)[:groups]:
        for c in lost:
            after[r][c] = True
    return after


@st.composite
def situations(draw):
    m = draw(st.integers(2, 6))
    n = draw(st.integers(1, m - 1))
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(0, 15))
    cells = rows * columns
    # Small whole numbers, so that sums are exact and ties are many.
    scores = draw(st.lists(st.integers(-3, 3), min_size=cells, max_size=cells))
    pruned = draw(st.lists(st.booleans(), min_size=cells, max_size=cells))
    return (
        n,
        m,
        torch.tensor(scores, dtype=torch.float32).view(rows, columns),
        torch.tensor(pruned, dtype=torch.bool).view(rows, columns),
    )


@settings(deadline=None)  # a busy machine is no failure
@given(situations(), st.data())
def test_equals_the_reference(situation, data):
    n, m, scores, pruned = situation
    pattern = KeepNOfM(n, m)
    open_groups = pattern.missing(pruned)
    done = pattern.done(pruned, int(pruned.sum()))
    assert (
        open_groups + done
        == pattern.units(tuple(scores.shape))
        == len(scores) * (scores.shape[1] // m)
    )
    if not open_groups:
        return
    k = data.draw(st.integers(1, open_groups))
    (selected,) = smallest([lambda: pattern.losses(scores.clone(), pruned)], k)
    lost = pattern.weights(selected, lambda: scores.clone(), pruned)
    after = pruned | lost
    assert after.tolist() == reference(scores.tolist(), pruned.tolist(), n, m, k)
    assert pattern.done(after, int(after.sum())) == done + k


@settings(deadline=None)  # a busy machine is no failure
@given(situations())
def test_fully_converted_every_group_keeps_its_best(situation):
    n, m, scores, _ = situation
    pattern = KeepNOfM(n, m)
    nothing = torch.zeros_like(scores, dtype=torch.bool)
    everything = torch.ones(pattern.units(tuple(scores.shape)), dtype=torch.bool)
    pruned = pattern.weights(everything, lambda: scores, nothing)
    whole = scores.shape[1] // m * m
    assert not bool(pruned[:, whole:].any()), "the rest of a row stays dense"
    groups = pruned[:, :whole].reshape(-1, m)
    assert groups.sum(1).tolist() == [m - n] * len(groups)
    values = scores[:, :whole].reshape(-1, m)
    for mask, value in zip(groups, values, strict=True):
        assert value[mask].max() <= value[~mask].min()
    assert int(pruned.sum()) == pattern.final(1 - n / m, [tuple(scores.shape)])
    assert pattern.missing(pruned) == 0


def test_groups_lie_along_the_inputs_of_one_output():
    scores = torch.tensor([[1.0, 9.0, 2.0, 8.0], [4.0, 3.0, 6.0, 5.0]])
    none = torch.zeros(2, 4, dtype=torch.bool)
    pattern = KeepNOfM(2, 4)
    assert pattern.losses(scores.clone(), none).tolist() == [3.0, 7.0]
    mask = pattern.weights(torch.tensor([True, True]), lambda: scores, none)
    assert mask.tolist() == [[True, False, True, False], [True, True, False, False]]
    one = pattern.weights(torch.tensor([False, True]), lambda: scores, none)
    assert one.tolist() == [[False] * 4, [True, True, False, False]]


def test_among_equals_the_lowest_index_goes():
    none = torch.zeros(1, 4, dtype=torch.bool)
    mask = KeepNOfM(2, 4).weights(torch.tensor([True]), lambda: torch.ones(1, 4), none)
    assert mask.tolist() == [[True, True, False, False]]


def test_zeros_that_are_there_count_and_cost_nothing():
    scores = torch.tensor([[5.0, 1.0, 0.0, 3.0], [0.0, 0.0, 1.0, 2.0]])
    pruned = torch.tensor([[False, False, True, False], [True, True, False, False]])
    pattern = KeepNOfM(2, 4)
    assert pattern.losses(scores.clone(), pruned).tolist() == [1.0, EXCLUDED]
    assert (pattern.done(pruned, 3), pattern.missing(pruned)) == (1, 1)


def test_a_loss_that_overflows_is_still_a_loss():
    scores = torch.full((1, 4), 3e38)
    none = torch.zeros(1, 4, dtype=torch.bool)
    (loss,) = KeepNOfM(1, 4).losses(scores, none).tolist()
    assert 3e38 < loss < EXCLUDED


def test_a_transposed_weight_is_grouped_in_logical_order():
    scores = torch.arange(8.0).view(4, 2).t()
    none = torch.zeros(4, 2, dtype=torch.bool).t()
    mask = KeepNOfM(1, 2).weights(torch.ones(4, dtype=torch.bool), lambda: scores, none)
    assert mask.tolist() == [[True, False, True, False]] * 2


@pytest.mark.parametrize(("n", "m"), [(5, 4), (0, 4), (1, 1), (-1, 2), (1, 0)])
def test_numbers_that_are_no_pattern_are_refused(n, m):
    with pytest.raises(ValueError, match=rf"{n}:{m} keeps .*; set PRUNING_M >= 2 and PRUNING_N"):
        PATTERNS["n-m"]({"PRUNING_N": n, "PRUNING_M": m})


def test_all_of_m_is_dense():
    assert KeepNOfM(4, 4).final(0.0, [(3, 8)]) == 0
    run = Run(PRUNING_PATTERN="n-m", PRUNING_N=4, PRUNING_M=4).train()
    assert run.pruner.describe() == "none"


def test_the_registry_builds_by_configuration():
    assert [PATTERNS[name](OF_RUN).label for name in PATTERNS] == ["unstructured", "2:4", "3:8"]
    assert isinstance(PATTERNS["unstructured"]({}), Unstructured)


OF_RUN = {"PRUNING_N": 3, "PRUNING_M": 8}
# Tiny run: 5 x 7 and 9 x 6; of the rows, 3 and 2 inputs fill no group of four.
GROUPS, UNITS = 5 * 1 + 9 * 1, 2
TWO_OF_FOUR = {"PRUNING_PATTERN": "2-4", "PRUNING_N": 2, "PRUNING_M": 4}


@pytest.mark.parametrize("distribution", ["uniform", "global"])
@pytest.mark.parametrize("method", ["magnitude", "movement", "random", "obd"])
def test_the_ramp_converts_group_after_group_exactly(method, distribution):
    run = Run(method, PRUNING_DISTRIBUTION=distribution, **TWO_OF_FOUR).train()
    counts = [round(event.achieved * N) for event in run.events]
    converted = [UNITS * round(event.target / 0.5 * GROUPS) for event in run.events]
    assert counts == converted
    assert counts[0] == 0
    assert counts[-1] == UNITS * GROUPS
    assert len(set(counts)) > 3, "group after group, not at once"
    for name, columns in (("blocks.0.up", 7), ("blocks.1.up", 6)):
        zeros = run.masks()[name]
        assert zeros[:, :4].sum(1).tolist() == [2] * len(zeros)
        assert not bool(zeros[:, 4:columns].any())
    assert check_outcome(run.pruner, 0.5) is None, "28 of 89 is what 2:4 leaves here"
    assert run.pruner.mask_bytes == 0


def test_a_group_that_does_not_follow_the_pattern_fails_the_run():
    run = Run(**TWO_OF_FOUR).train()
    weight = dict(run.named)["blocks.1.up"]
    row, column = weight[:, :4].eq(0).nonzero()[0].tolist()
    with torch.no_grad():
        weight[row, column] = 1.0
    assert (
        check_outcome(run.pruner, 0.5) == "groups of blocks.1.up that do not follow the pattern: 1"
    )


def test_weights_lost_beside_the_pattern_fail_the_run():
    run = Run(**TWO_OF_FOUR).train()
    with torch.no_grad():
        dict(run.named)["blocks.0.up"][:3, 5] = 0.0
    assert "(31 of 89 weights) misses the target 0.5 (28 weights)" in check_outcome(run.pruner, 0.5)
